import ArgumentParser
import ClewBundle
import ClewCollector
import ClewParsers
import ClewSnapshot

/// How to collect where no bundle is named.
struct CollectFirstOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Without a bundle: how nodes are reached, as 'clew collect --via' takes it (default: kubectl-debug).",
            valueName: "way"))
    var collectVia: String?
    @Option(
        help: ArgumentHelp(
            "Without a bundle: the nodes to collect from (default: those on the way where they are known, else all).",
            valueName: "nodes"))
    var collectNodes: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Without a bundle: further options of 'clew collect', in one word.", valueName: "options"))
    var collectWith: String?
    @Option(
        help: ArgumentHelp("Without a bundle: where to keep what was collected.", valueName: "file"),
        completion: .file())
    var keep: String?

    /// The bundle that was named, or, where none is, what is collected now, kept in a file.
    func load(
        _ input: BundleOptions, _ singleFiles: [(path: String, fileName: String)] = [],
        ends: (from: String, to: String, via: String?)? = nil, nodes: [String] = []
    ) throws -> (SupportBundle, ClusterSnapshot) {
        guard input.bundle == nil, singleFiles.isEmpty, input.add.isEmpty else {
            if collectVia != nil || collectNodes != nil || collectWith != nil || keep != nil {
                throw CommandFailure(
                    "there is a bundle: leave --collect-via, --collect-nodes, --collect-with and --keep out")
            }
            return try input.load(singleFiles)
        }
        var words = ["--via", collectVia ?? "kubectl-debug"]
        words += (collectWith ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
        if let keep { words += ["--output", keep] }
        let bundle = try collect(words, ends: ends, nodes: nodes)
        return (bundle, ClusterSnapshot(parsing: bundle, nodeName: input.nodeName))
    }

    private func collect(
        _ words: [String], ends: (from: String, to: String, via: String?)?, nodes: [String]
    ) throws -> SupportBundle {
        var command: CollectRunCommand
        do {
            command = try CollectRunCommand.parse(words)
        } catch {
            throw CommandFailure(
                "no bundle, and --collect-with cannot be understood: \(CollectRunCommand.message(for: error))")
        }
        if let collectNodes {
            command.nodes = collectNodes
        } else if !nodes.isEmpty {
            command.nodes = nodes.map { $0.hasPrefix("node/") ? String($0.dropFirst(5)) : $0 }.joined(separator: ",")
        } else if let ends, command.via != "local", let found = command.nodesOnPath(ends) {
            command.nodes = found.joined(separator: ",")
            Output.error("no bundle: collecting from the nodes on the way: \(found.joined(separator: ", "))")
        }
        do {
            let result = try command.collect()
            for (what, reason) in result.missing { Output.error("missing: \(what): \(reason)") }
            return result.bundle
        } catch let failure as CommandFailure {
            throw CommandFailure("no bundle (name a folder or an archive), and \(failure.message)")
        }
    }
}

extension CollectRunCommand {
    /// The nodes that a connection passes, as far as the API tells.
    func nodesOnPath(_ ends: (from: String, to: String, via: String?)) -> [String]? {
        let kubectl = Kubectl(program: kubectl, context: context, kubeconfig: kubeconfig)
        return PathNodes(kubectl: kubectl, timeout: .seconds(min(timeout, 30)))
            .nodes(from: ends.from, to: ends.to, via: ends.via)
    }
}
