import ArgumentParser
import ClewCollector
import ClewSnapshot

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `clew collect`: getting a bundle from a cluster.
struct CollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect", abstract: "Gets a bundle from a cluster, without installing anything on it.",
        discussion: """
            On each node a shell script runs that only reads (clew collect script prints it); the API is asked with \
            kubectl, never for Secrets. A node that fails does not stop the others: the bundle says what is missing.

            EXAMPLES:
              clew collect --via kubectl-debug
              clew collect --via ssh:root@ --nodes worker-a,worker-b=10.0.0.5
              clew collect --via docker --nodes kind-control-plane,kind-worker -o kind.tar.zst
              clew collect --via local --no-api
              clew collect --redact --mapping mine.txt

            EXIT CODES: 0 all is there, 3 something is missing, 2 nothing was collected.
            """,
        subcommands: [CollectRunCommand.self, CollectScriptCommand.self, CollectRBACCommand.self],
        defaultSubcommand: CollectRunCommand.self)
}

/// `clew collect script`: prints the script that a node runs.
struct CollectScriptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "script",
        abstract: "Prints the shell script that collects from the node it runs on, and writes a bundle as tar.",
        discussion: """
            It is POSIX sh, reads only, needs nothing that the node does not have, and limits what it uses. Run it as \
            root in the node's own network namespace. docs/collect.md lists its options and what it reads.

            EXAMPLES:
              clew collect script | sh -s -- --node "$(hostname)" > node.tar
              clew collect script | docker exec -i kind-worker sh > kind-worker.tar
            """)

    mutating func run() throws {
        var output = Output()
        try output.write(NodeScript.text)
        try output.flush()
    }
}

/// `clew collect rbac`: prints the rights that collecting needs.
struct CollectRBACCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbac", abstract: "Prints the roles that a user needs to collect, as YAML.",
        discussion: """
            EXAMPLES:
              clew collect rbac --user ops@example.com | kubectl apply -f -
            """)

    @Option(help: "Who is to have them.") var user: String = "USER"
    @Option(help: "Where pods are made.") var namespace: String = "kube-system"

    mutating func run() throws {
        var output = Output()
        try output.write(Kubectl.roles(namespace: namespace, user: user))
        try output.flush()
    }
}

/// `clew collect`, with the options of a collection.
struct CollectRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Collects (what 'clew collect' does without a subcommand).")

    @Option(
        help: ArgumentHelp(
            "kubectl-debug, daemonset, ssh[:USER@], docker, podman, nerdctl or local.", valueName: "way"))
    var via: String = "kubectl-debug"

    @Option(help: "all, or NAME[=ADDRESS],…; with --via local what this machine is called.") var nodes: String = "all"
    @Option(name: .shortAndLong, help: "Only nodes with these labels.") var selector: String?
    @OptionGroup var archive: ArchiveOptions

    @Option(help: "Seconds for one node, from the first word to the last.") var timeout: Int = 300
    @Option(help: "How many nodes at once.") var parallel: Int = 10
    @Flag(help: "Do not ask the API.") var noApi = false
    @Option(help: "The kubectl to use.") var kubectl: String = "kubectl"
    @Option(help: "The context kubectl is to use.") var context: String?
    @Option(help: "The configuration kubectl is to use.") var kubeconfig: String?
    @Option(help: "The image of the pods; it needs a shell.") var image: String = "busybox:1.36"
    @Option(help: "The namespace of the pods.") var namespace: String = "kube-system"
    @Option(help: "An option for ssh (-o); repeatable.") var sshOption: [String] = []

    @Flag(help: "Replace names and addresses by pseudonyms (see 'clew bundle redact').") var redact = false
    @OptionGroup(title: "With --redact") var redaction: RedactOptions

    mutating func run() throws {
        let result = try collect()
        for (what, reason) in result.missing { Output.error("missing: \(what): \(reason)") }
        if !result.missing.isEmpty { throw ExitCode(3) }
    }

    /// Collects, and writes the archive.
    func collect() throws -> Collection.Result {
        let started = WallClock.now
        let collection = try collection(started: started)
        let path = archive.output ?? "clew-\(WallClock.text(started).filter { $0 != ":" && $0 != "-" }).tar.gz"
        _ = try archive.packing(of: path)
        try checkRedaction()
        let secret = redact ? try redaction.secret() : []
        var progress = CollectProgress()
        var result: Collection.Result
        do throws(Collection.Failure) {
            result = try collection.run { progress.show($0) }
        } catch {
            progress.clear()
            switch error {
            case .interrupted: throw CommandFailure("interrupted: nothing was written")
            case .failed(let reason): throw CommandFailure("nothing was collected: \(reason)")
            }
        }
        progress.clear()
        if redact { result.bundle = try redaction.redact(result.bundle, key: secret, besides: path).bundle }
        try archive.write(result.bundle, to: path)
        return result
    }

    /// Whoever names one of these files does not want the names of the cluster in the archive.
    private func checkRedaction() throws(CommandFailure) {
        for (option, file) in [("--mapping", redaction.mapping), ("--key", redaction.key)] {
            guard let file else { continue }
            guard redact else { throw CommandFailure("\(option) replaces nothing without --redact") }
            if option == "--mapping" || !FilePath.exists(file) { try FilePath.checkPlace(of: file) }
        }
    }

    private func collection(started: Int) throws(CommandFailure) -> Collection {
        guard let transport = Transport(via) else {
            throw CommandFailure(
                "--via '\(via)' is not known: kubectl-debug, daemonset, ssh, ssh:USER@, docker, podman, nerdctl, local")
        }
        guard (1...86_400).contains(timeout) else { throw CommandFailure("--timeout needs 1 to 86400 seconds") }
        guard (1...1000).contains(parallel) else { throw CommandFailure("--parallel needs 1 to 1000") }
        if transport.needsPods, noApi { throw CommandFailure("--via \(via) needs the API: leave --no-api out") }
        try checkWords()
        var calls = NodeCalls(transport, timeout: .seconds(timeout))
        calls.sshOptions = sshOption.flatMap { ["-o", $0] }
        let identifier = String(UInt64.random(in: .min ... .max), radix: 36)
        var collection = Collection(
            nodes: try targets(transport), calls: calls, identifier: identifier, time: WallClock.text(started),
            tool: Clew.configuration.version)
        collection.lacks = { bundle, nodes in
            BundleGaps.missing(in: bundle, of: nodes).map { ($0.what, $0.reason) }
        }
        collection.parallelism = parallel
        collection.namespace = namespace
        collection.image = image
        if !noApi { collection.kubectl = Kubectl(program: kubectl, context: context, kubeconfig: kubeconfig) }
        return collection
    }

    /// These go into manifests and shell words as they are.
    private func checkWords() throws(CommandFailure) {
        for (name, value) in [("--image", image), ("--namespace", namespace)] {
            let isPlain = value.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "._-/:@".utf8.contains(byte)
                }
            }
            guard isPlain, !value.isEmpty, !value.hasPrefix("-") else {
                throw CommandFailure("\(name) '\(value)' is not a name")
            }
        }
    }

    private func targets(_ transport: Transport) throws(CommandFailure) -> Collection.Nodes {
        if transport == .local {
            guard nodes == "all" || !nodes.contains(",") else {
                throw CommandFailure("--via local collects from one node: this machine")
            }
            guard selector == nil else {
                throw CommandFailure("--via local asks this machine, whatever its labels: leave --selector out")
            }
            guard !nodes.contains("=") else {
                throw CommandFailure("--via local needs no address: --nodes NAME says what this machine is called")
            }
            guard let target = NodeTarget(nodes == "all" ? Self.hostName : nodes) else {
                throw CommandFailure("'\(nodes)' is not a node's name")
            }
            return .named([target])
        }
        if nodes == "all" { return .listed(selector: selector) }
        if selector != nil { throw CommandFailure("--nodes names nodes already: leave --selector out") }
        var targets: [NodeTarget] = []
        for text in nodes.split(separator: ",") {
            guard let target = NodeTarget(String(text)) else { throw CommandFailure("'\(text)' is not a node's name") }
            targets.append(target)
        }
        guard !targets.isEmpty else { throw CommandFailure("--nodes names no node") }
        return .named(targets)
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "node" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What is shown while nodes are collected from: on a terminal one line that changes, and a line for each that ended.
struct CollectProgress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var last = ""
    private var lastShown: ContinuousClock.Instant = .now

    mutating func show(_ event: Supervisor.Event) {
        switch event {
        case .ended(let outcome):
            guard case .done(let bytes) = outcome.result else { return }
            clear()
            let tenths =
                outcome.duration.components.seconds * 10
                + outcome.duration.components.attoseconds / 100_000_000_000_000_000
            Output.error("\(outcome.name): \((bytes + 1023) / 1024) KiB in \(tenths / 10).\(tenths % 10) s")
        case .progress(let running, let waiting, let bytes):
            guard isTerminal, lastShown + .milliseconds(200) < .now else { return }
            lastShown = .now
            let names = running.prefix(3).joined(separator: ", ") + (running.count > 3 ? ", …" : "")
            let rest = waiting > 0 ? ", \(waiting) to come" : ""
            write("\(bytes / 1024) KiB; waiting for \(names)\(rest)")
        }
    }

    /// Takes the line that changes off the terminal.
    mutating func clear() {
        if !last.isEmpty { write("") }
    }

    private mutating func write(_ text: String) {
        let blanks = String(repeating: " ", count: max(last.count - text.count, 0))
        last = text
        let line = "\r\(text)\(blanks)\(text.isEmpty ? "\r" : "")"
        Output.errorBytes(line)
    }
}
