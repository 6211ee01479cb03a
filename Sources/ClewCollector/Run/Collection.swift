package import ClewBundle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Collects from a cluster: its nodes, and what its API says.
package struct Collection: Sendable {
    package enum Nodes: Sendable {
        /// Those that the API lists, of a label selector or all.
        case listed(selector: String?)
        case named([NodeTarget])
    }

    package var nodes: Nodes
    package var calls: NodeCalls
    /// `nil`: the API is not asked.
    package var kubectl: Kubectl?
    package var parallelism = 10
    package var namespace = "kube-system"
    package var image = "busybox:1.36"
    /// Tells this collection's pods from those of others; letters and digits.
    package var identifier: String
    /// The time of the start, RFC 3339.
    package var time: String
    package var tool: String
    /// What the nodes of a bundle were asked for and did not tell: asked before the manifest is written.
    package var lacks: @Sendable (SupportBundle, _ nodes: [String]) -> [(what: String, reason: String)] = { _, _ in [] }

    package init(nodes: Nodes, calls: NodeCalls, identifier: String, time: String, tool: String) {
        self.nodes = nodes
        self.calls = calls
        self.identifier = identifier
        self.time = time
        self.tool = tool
    }

    /// What came of it.
    package struct Result: Sendable {
        package var bundle: SupportBundle
        /// What is not in it: one line each.
        package var missing: [(what: String, reason: String)]
        /// Nodes that are in it.
        package var nodes: [String]
    }

    /// Why nothing came of it.
    package enum Failure: Error, Sendable, Hashable {
        case interrupted
        case failed(String)
    }

    /// Collects; a node or list that fails is missing in the result.
    package func run(report: (Supervisor.Event) -> Void) throws(Failure) -> Result {
        let signals = HeldSignals()
        let targets = try findTargets(signals, report)
        let pods = kubectl.map {
            CollectorPods(
                kubectl: $0, namespace: namespace, image: image, identifier: identifier, calls: calls)
        }
        guard calls.transport.needsPods, let pods else {
            return try collect(nodeTasks: targets.map { calls.task($0) }, missing: [], signals, report)
        }
        // Where this ends early, the guard looks again for a pod that was being made at that moment.
        let watch = try PodGuard(pods)
        let result: Result
        if calls.transport == .debugPod {
            let tasks = targets.enumerated().map { pods.debugTask($1, number: $0) }
            result = try collect(nodeTasks: tasks, missing: [], signals, report)
        } else {
            result = try collectByDaemonSet(pods, targets, signals, report)
        }
        watch.end()
        return result
    }

    private func findTargets(
        _ signals: borrowing HeldSignals, _ report: (Supervisor.Event) -> Void
    ) throws(Failure) -> [NodeTarget] {
        switch nodes {
        case .named(let targets): return targets
        case .listed(let selector):
            guard let kubectl else { throw .failed("only the API knows all nodes: name them with --nodes") }
            var supervisor = Supervisor(parallelism: 1)
            let task = kubectl.nodesTask(selector: selector, timeout: min(calls.timeout, .seconds(60)))
            guard let outcomes = supervisor.run([task], signals: signals, report: { _ in }), let first = outcomes.first
            else { throw .interrupted }
            if case .failed(let reason) = first.result { throw .failed(reason) }
            let names = String(decoding: first.bytes(), as: UTF8.self).split(separator: "\n").map(String.init)
            let targets = names.compactMap { NodeTarget($0) }
            guard !targets.isEmpty else {
                throw .failed(selector.map { "no node has the labels '\($0)'" } ?? "the API lists no node")
            }
            return targets
        }
    }

    private func collectByDaemonSet(
        _ pods: CollectorPods, _ targets: [NodeTarget], _ signals: borrowing HeldSignals,
        _ report: (Supervisor.Event) -> Void
    ) throws(Failure) -> Result {
        var supervisor = Supervisor(parallelism: parallelism)
        defer {
            var last = Supervisor(parallelism: 1)
            let task = NodeTask(name: "pods", stages: pods.removal, timeout: .seconds(20))
            _ = last.run([task], signals: signals, report: { _ in })
        }
        let isChosen = if case .listed(selector: nil) = nodes { false } else { true }
        let start = pods.daemonSetStart(nodes: isChosen ? targets.map(\.name) : nil)
        guard let outcomes = supervisor.run([start], signals: signals, report: { _ in }), let outcome = outcomes.first
        else { throw .interrupted }
        if case .failed(let reason) = outcome.result { throw .failed(reason) }
        var podOfNode: [String: String] = [:]
        for line in String(decoding: outcome.bytes(), as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.count == 3, words[2] == "Running" { podOfNode[words[0]] = words[1] }
        }
        var tasks: [NodeTask] = []
        var missing: [(what: String, reason: String)] = []
        for target in targets {
            if let pod = podOfNode[target.name] {
                tasks.append(
                    NodeTask(
                        name: target.name, stages: [pods.execStage(pod: pod, node: target.name)],
                        timeout: calls.timeout, attempts: 2))
            } else {
                missing.append(("node \(target.name)", "the DaemonSet's pod does not run there"))
            }
        }
        return try collect(nodeTasks: tasks, missing: missing, signals, report)
    }

    /// Runs the tasks of nodes and of the API, and joins what they give.
    private func collect(
        nodeTasks: [NodeTask], missing: [(what: String, reason: String)], _ signals: borrowing HeldSignals,
        _ report: (Supervisor.Event) -> Void
    ) throws(Failure) -> Result {
        var supervisor = Supervisor(parallelism: parallelism + 4)
        let objectTasks = kubectl?.objectTasks(timeout: calls.timeout) ?? []
        let names = Set(nodeTasks.map(\.name))
        let all = supervisor.run(nodeTasks + objectTasks, signals: signals) { event in
            // Lists of objects are many, and soon there.
            if case .ended(let outcome) = event, !names.contains(outcome.name) { return }
            report(event)
        }
        guard let outcomes = all else { throw .interrupted }
        var assembly = CollectionAssembly(tool: tool, time: time, missing: missing)
        for outcome in outcomes.prefix(nodeTasks.count) { assembly.addNode(outcome) }
        for (outcome, object) in zip(outcomes.dropFirst(nodeTasks.count), Kubectl.objects) {
            assembly.addObjects(outcome, words: object.words)
        }
        guard !assembly.artifacts.isEmpty else {
            throw .failed(assembly.missingParts.first.map { "\($0.what): \($0.reason)" } ?? "nothing was collected")
        }
        return assembly.result(lacks)
    }
}

/// Joins what tasks gave to one bundle.
private struct CollectionAssembly {
    private(set) var artifacts: [Artifact] = []
    private(set) var missing: [(what: String, reason: String)]
    private var nodes: [String] = []
    private var manifest: ManifestText
    /// Kinds of objects, by the reason why there are none.
    private var failedObjects: [String: [String]] = [:]

    init(tool: String, time: String, missing: [(what: String, reason: String)]) {
        self.missing = missing
        manifest = ManifestText(tool: tool)
        manifest.collected = time
    }

    mutating func addNode(_ outcome: NodeOutcome) {
        let what = "node \(outcome.name)"
        if case .failed(let reason) = outcome.result { return missing.append((what, reason)) }
        guard let path = outcome.outputPath else { return missing.append((what, "sent nothing")) }
        do throws(BundleReadError) {
            let bundle = try BundleReader.read(path: path)
            guard let text = bundle.artifacts.first(where: { $0.path == "bundle.json" }), manifest.add(text.bytes)
            else {
                return missing.append((what, "what it sent has no readable bundle.json"))
            }
            artifacts += bundle.artifacts.filter { $0.path != "bundle.json" }
            for problem in bundle.problems { missing.append(("\(what), \(problem.path)", problem.reason)) }
            nodes.append(outcome.name)
        } catch {
            let said = outcome.errorText.split(whereSeparator: \.isNewline).last.map { " (\($0.prefix(200)))" } ?? ""
            missing.append((what, "what it sent is not whole: \(error.reason)\(said)"))
        }
    }

    mutating func addObjects(_ outcome: NodeOutcome, words: [String]) {
        let path = "cluster/\(outcome.name).json"
        let exitCode = if case .exited(let code) = outcome.end { code } else { 1 }
        let duration = outcome.duration.components
        manifest.note(
            path, command: "kubectl get \(words.joined(separator: " ")) -o json", exitCode: exitCode,
            standardError: String(outcome.errorText.prefix(1500)),
            centiseconds: Int(duration.seconds) * 100 + Int(duration.attoseconds / 10_000_000_000_000_000))
        if case .failed(let reason) = outcome.result {
            // The name of what was asked for is at its front.
            let plain = reason.hasPrefix("getting ") ? reason.drop { $0 != ":" }.dropFirst(2) : reason[...]
            return failedObjects[String(plain), default: []].append(outcome.name)
        }
        let bytes = outcome.bytes()
        // A ConfigMap that is not there.
        guard !bytes.isEmpty else { return }
        guard let filtered = ObjectFilter.filtered(bytes) else {
            return failedObjects["what kubectl printed is not JSON", default: []].append(outcome.name)
        }
        artifacts.append(Artifact(path: path, bytes: filtered))
    }

    /// What is known to be missing.
    var missingParts: [(what: String, reason: String)] {
        var missing = missing
        for (reason, names) in failedObjects.sorted(by: { $0.key < $1.key }) {
            let what = names.count == Kubectl.objects.count ? "" : " (\(names.joined(separator: ", ")))"
            missing.append(("API objects\(what)", reason))
        }
        return missing
    }

    func result(
        _ lacks: (SupportBundle, _ nodes: [String]) -> [(what: String, reason: String)]
    ) -> Collection.Result {
        var missing = missingParts
        missing += lacks(bundle(manifest), nodes)
        var manifest = manifest
        manifest.missing += missing
        return Collection.Result(bundle: bundle(manifest), missing: missing, nodes: nodes)
    }

    private func bundle(_ manifest: ManifestText) -> SupportBundle {
        SupportBundle(
            name: "collected", artifacts: artifacts + [Artifact(path: "bundle.json", bytes: manifest.bytes)])
    }
}

/// The process that removes pods when this one is gone, or has given up.
private struct PodGuard: ~Copyable {
    private let pid: pid_t
    private let writeEnd: CInt

    init(_ pods: CollectorPods) throws(Collection.Failure) {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .failed("cannot watch over the pods: \(String(cString: strerror(errno)))") }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
        var pid: pid_t = 0
        let code = spawn(
            pods.guardWords(), descriptors: [ends[0], nothing, nothing], inSession: true, pid: &pid)
        close(ends[0])
        if nothing >= 0 { close(nothing) }
        guard code == 0 else {
            close(ends[1])
            throw .failed("cannot watch over the pods: \(String(cString: strerror(code)))")
        }
        self.pid = pid
        writeEnd = ends[1]
    }

    deinit { close(writeEnd) }

    /// The pods are removed: it is not needed any more.
    func end() {
        kill(pid, SIGKILL)
        var status: CInt = 0
        waitpid(pid, &status, 0)
    }
}
