import ArgumentParser
import ClewBundle
import ClewCollector
import ClewParsers
import ClewSnapshot

/// What is read: a bundle, single files, and what joins them.
struct BundleOptions: ParsableArguments {
    @Argument(
        help: "A folder or archive (.tar.gz, .tgz, .tar.zst), or one node's folder; '-' reads standard input.",
        completion: .file())
    var bundle: String?

    @Option(help: ArgumentHelp("Join a further file or folder; repeatable.", valueName: "path"), completion: .file())
    var add: [String] = []

    @Option(
        help: ArgumentHelp(
            "What the node is called whose files are given singly, or lie directly in the folder.", valueName: "name"))
    var nodeName: String?

    /// Reads and parses all of it.
    func load(_ singleFiles: [(path: String, fileName: String)] = []) throws(CommandFailure) -> (
        SupportBundle, ClusterSnapshot
    ) {
        if let nodeName, nodeName.isEmpty || nodeName.contains("/") {
            throw CommandFailure("--node-name '\(nodeName)' is not a node's name")
        }
        try checkStandardInput(singleFiles.map(\.path))
        var bundle = try start(singleFiles)
        do {
            for path in add { bundle.add(try BundleReader.readAddition(path: path)) }
        } catch {
            throw CommandFailure("\(error)")
        }
        return (bundle, ClusterSnapshot(parsing: bundle, nodeName: nodeName))
    }

    private func start(_ singleFiles: [(path: String, fileName: String)]) throws(CommandFailure) -> SupportBundle {
        if bundle != nil, !singleFiles.isEmpty, nodeName == nil {
            throw CommandFailure("single files beside a bundle need --node-name: whose files are they?")
        }
        do {
            var result: SupportBundle
            if let bundle {
                result = try BundleReader.read(path: bundle)
            } else {
                guard let first = singleFiles.first else {
                    throw CommandFailure(
                        "no bundle: name a folder or an archive (or, with 'clew trace', --iptables-save FILE)")
                }
                result = SupportBundle(name: first.path, artifacts: [])
            }
            for file in singleFiles {
                let place = "nodes/\(nodeName ?? "node")/\(file.fileName)"
                result.add(try BundleReader.readFile(path: file.path, as: place))
            }
            return result
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private func checkStandardInput(_ files: [String]) throws(CommandFailure) {
        let readers = ([bundle].compactMap { $0 } + add + files).filter { $0 == "-" }.count
        guard readers < 2 else {
            throw CommandFailure("standard input can be read only once: '-' is given \(readers) times")
        }
    }
}
