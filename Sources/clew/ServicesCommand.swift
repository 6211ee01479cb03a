import ArgumentParser
import ClewCompare
import ClewDataplane
import ClewIntent
import ClewNet
import ClewReports
import ClewSnapshot

/// `clew services`: whether each node's rules mean what the API asks for.
struct ServicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services",
        abstract: "Says for every Service port and node whether the node does what the API asks for.",
        discussion: """
            What Services, EndpointSlices and kube-proxy's configuration ask of a node is held against what its whole \
            rule set does with every class of packets: from its pods, its own processes, other nodes and outside. \
            How the rules are written does not matter, what they mean does. Every difference is shown by a packet \
            that the simulator of 'clew trace' has walked.

            EXAMPLES:
              clew services bundle.tar.gz
              clew services bundle.tar.gz --node worker-a --only-differences -o wide
              clew services bundle.tar.gz --service shop/api -o json
              clew services explain bundle.tar.gz svc/shop/api --node worker-a

            EXIT CODES: 2 bad usage or input; else 1 if anything differs; else 3 if anything cannot be told; else 0.
            """,
        subcommands: [ListCommand.self, ExplainCommand.self], defaultSubcommand: ListCommand.self)

    /// The table: what `clew services` does where nothing else is asked.
    struct ListCommand: ParsableCommand {
        enum Format: String, CaseIterable, ExpressibleByArgument { case text, wide, json }

        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Compares all Service ports on all nodes, which is the default.")

        @OptionGroup var input: BundleOptions
        @Option(help: ArgumentHelp("Only this node; repeatable.", valueName: "node")) var node: [String] = []
        @Option(help: ArgumentHelp("Only this Service; repeatable.", valueName: "ns/name")) var service: [String] = []
        @Flag(help: "Leave out Service ports that are in order.") var onlyDifferences = false
        @Option(name: .shortAndLong, help: "The form of the answer; json is one node a line.")
        var output: Format = .text
        @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.")
        var color: ColourMode = .auto
        @OptionGroup(title: "kube-proxy, where the bundle does not say") var proxy: ProxyOptions
        @OptionGroup(title: "Where no bundle is named") var collecting: CollectFirstOptions

        mutating func run() throws {
            let overrides = try proxy.overrides()
            let wanted = try service.map { try ServicesCommand.serviceName($0) }
            let (_, snapshot) = try collecting.load(input, nodes: node)
            let nodes = try ServicesCommand.nodes(node, snapshot)
            try ServicesCommand.check(wanted, snapshot)
            let dataplane = Dataplane(compiling: snapshot)
            let comparison = ServicesComparison(dataplane, overrides: overrides)
            var outcome = ServicesOutcome()
            var output = Output()
            for (number, node) in nodes.enumerated() {
                let result = comparison.compare(node).narrowed(to: wanted)
                outcome.add(result)
                if number > 0, self.output != .json { try output.write("\n") }
                try output.write(report(result, snapshot))
            }
            if node.isEmpty { try output.write(uncollected(snapshot)) }
            try output.flush()
            if outcome.exitCode != 0 { throw ExitCode(outcome.exitCode) }
        }

        private func report(_ node: NodeComparison, _ snapshot: ClusterSnapshot) -> String {
            switch output {
            case .json: return ServicesJSON(snapshot).line(node, onlyDifferences: onlyDifferences) + "\n"
            case .text, .wide:
                return ServicesText(
                    snapshot, style: Terminal.style(color), detail: output == .wide ? .wide : .usual,
                    onlyDifferences: onlyDifferences
                ).text(node)
            }
        }

        /// Nodes that the API knows, and the bundle has no rules of.
        private func uncollected(_ snapshot: ClusterSnapshot) -> String {
            let gaps = MissingNodes(snapshot)
            let known = snapshot.objects.nodes.map(\.name) + gaps.entries.map(\.node)
            let missing = Set(known).filter { snapshot.node(named: $0) == nil }.sorted()
            let report = ServicesJSON(snapshot)
            if output == .json { return missing.map { report.line(notCollected: $0) + "\n" }.joined() }
            let names = missing.filter { name in !gaps.entries.contains { $0.node == name } }
            let lines = gaps.lines + (names.isEmpty ? [] : ["not collected: \(names.joined(separator: ", "))"])
            return lines.isEmpty ? "" : "\n" + lines.map { $0 + "\n" }.joined()
        }
    }

    /// Intent and data plane of one Service, side by side.
    struct ExplainCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "explain",
            abstract: "Shows what is asked of a node for one Service, and what it does, sender by sender.",
            discussion: """
                EXAMPLE:
                  clew services explain bundle.tar.gz svc/shop/api --node worker-a
                """)

        @OptionGroup var input: BundleOptions
        @Argument(help: ArgumentHelp("The Service.", valueName: "svc/namespace/name")) var service: String?
        @Option(help: ArgumentHelp("The node (default: the only one).", valueName: "node")) var node: String?
        @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.")
        var color: ColourMode = .auto
        @OptionGroup(title: "kube-proxy, where the bundle does not say") var proxy: ProxyOptions
        @OptionGroup(title: "Where no bundle is named") var collecting: CollectFirstOptions

        mutating func run() throws {
            let overrides = try proxy.overrides()
            // The Service may stand before the bundle.
            if let first = input.bundle, first.hasPrefix("svc/"), service?.hasPrefix("svc/") != true {
                (input.bundle, service) = (service, first)
            }
            guard let service else { throw CommandFailure("which Service? (svc/NAMESPACE/NAME)") }
            let name = try ServicesCommand.serviceName(service)
            let (_, snapshot) = try collecting.load(input, nodes: node.map { [$0] } ?? [])
            try ServicesCommand.check([name], snapshot)
            let nodes = try ServicesCommand.nodes(node.map { [$0] } ?? [], snapshot)
            guard nodes.count == 1, let node = nodes.first else {
                throw CommandFailure("the bundle holds \(nodes.count) nodes: name one with --node")
            }
            let comparison = ServicesComparison(Dataplane(compiling: snapshot), overrides: overrides)
            let explained = comparison.explain(name, on: node)
            let entries = explained.entries
            var output = Output()
            if entries.isEmpty {
                let why = explained.unserved.map { ": \($0.reason)" } ?? ""
                try output.write("kube-proxy on \(node.name) has nothing to do for \(name)\(why)\n")
            } else {
                let report = ExplainText(snapshot, style: Terminal.style(color))
                let text = report.text(name, on: node.name, explained)
                try output.write(text)
                for line in MissingNodes(snapshot).named(in: text).lines { try output.write(line + "\n") }
            }
            try output.flush()
            let classes = entries.flatMap(\.classes)
            if explained.healthChecks.contains(where: { $0.isListening == false }) { throw ExitCode(1) }
            if classes.contains(where: { $0.differences.contains(where: \.isConfirmed) }) { throw ExitCode(1) }
            if !explained.unreadFiles.isEmpty || classes.contains(where: { !$0.isInOrder }) { throw ExitCode(3) }
        }
    }

    // MARK: - What both need

    static func serviceName(_ text: String) throws(CommandFailure) -> NamespacedName {
        var words = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if words.count == 3, words[0] == "svc" || words[0] == "service" { words.removeFirst() }
        guard words.count == 2, !words[0].isEmpty, !words[1].isEmpty else {
            throw CommandFailure("'\(text)' is no Service: write NAMESPACE/NAME")
        }
        return NamespacedName(words[0], words[1])
    }

    static func nodes(_ names: [String], _ snapshot: ClusterSnapshot) throws(CommandFailure) -> [NodeSnapshot] {
        guard !snapshot.nodes.isEmpty else {
            throw CommandFailure("the bundle holds no node's files (see 'clew bundle show')")
        }
        var result: [NodeSnapshot] = []
        for name in names {
            let plain = name.hasPrefix("node/") ? String(name.dropFirst(5)) : name
            guard let node = snapshot.node(named: plain) else {
                let known = snapshot.nodes.map(\.name).joined(separator: ", ")
                let gaps = MissingNodes(snapshot).named(in: plain).lines.map { "; " + $0 }.joined()
                throw CommandFailure("the bundle holds no node '\(plain)', but \(known)\(gaps)")
            }
            result.append(node)
        }
        return names.isEmpty ? snapshot.nodes : result
    }

    static func check(_ services: [NamespacedName], _ snapshot: ClusterSnapshot) throws(CommandFailure) {
        for name in services where !snapshot.objects.services.contains(where: { $0.name == name }) {
            throw CommandFailure("the bundle holds no Service \(name)")
        }
    }
}

/// The worst of what was found, which is what the process exits with.
struct ServicesOutcome {
    private var hasDifference = false
    private var hasUnknown = false
    private var hasCompared = false

    mutating func add(_ node: NodeComparison) {
        if node.notCompared == nil { hasCompared = true }
        // A router beside the nodes is none of kube-proxy's.
        if node.notCompared != nil, !node.isForeign { hasUnknown = true }
        for port in node.ports {
            switch port.status {
            case .inOrder: break
            case .differs: hasDifference = true
            case .unknown: hasUnknown = true
            }
        }
        if node.healthChecks.contains(where: { $0.isListening == false }) { hasDifference = true }
        for group in node.causes where group.services.isEmpty {
            if group.example.isConfirmed { hasDifference = true } else { hasUnknown = true }
        }
    }

    var exitCode: Int32 { hasDifference ? 1 : hasUnknown || !hasCompared ? 3 : 0 }
}
