import ArgumentParser
import ClewBundle
import ClewCollector
import ClewExchange

/// `clew bundle import`: a bundle of what other tools collected.
struct BundleImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Makes a bundle of what other tools collected, and says which file became what.",
        discussion: """
            Read are folders and archives of loose files, sosreport, kubectl cluster-info dump, and others that hold \
            API objects or the output of commands; and texts copied from a terminal, with their prompts. What a file \
            is, its name tells, the command in it, or its content. What is not understood is listed.

            EXAMPLES:
              clew bundle import sosreport-worker-a.tar.gz -o worker-a.tar.gz
              clew bundle import pasted.txt --node-name worker-a -o worker-a.tar.gz
            """)

    @Argument(help: "A folder, an archive or a text.", completion: .file()) var source: String
    @Option(help: ArgumentHelp("What the node is called, if it is the only one.", valueName: "name")) var nodeName:
        String?
    @OptionGroup var archive: ArchiveOptions

    mutating func run() throws {
        guard let path = archive.output else { throw CommandFailure("--output names the archive to write") }
        _ = try archive.packing(of: path)
        if let nodeName, NodeTarget(nodeName)?.address != nodeName {
            throw CommandFailure("--node-name '\(nodeName)' is not a node's name")
        }
        let foreign = try BundleCare.read(source)
        let imported = ForeignImport(foreign, nodeName: nodeName)
        guard !imported.mappings.isEmpty else { throw CommandFailure("\(source): nothing in it is understood") }
        // On standard output the archive itself goes.
        var lines = imported.mappings.map { "\($0.to) ← \($0.from) (\($0.reason.rawValue))" }
        lines += Self.gathered(imported.notUnderstood).map { "not understood: \($0)" }
        if path == "-" {
            for line in lines { Output.error(line) }
        } else {
            var output = Output()
            for line in lines { try output.write(line + "\n") }
            try output.flush()
        }
        try archive.write(imported.bundle(named: source), to: path)
    }

    /// The paths, with those of a large folder as one line: a report may hold hundreds of a machine's own files.
    private static func gathered(_ paths: [String]) -> [String] {
        let folder: (String) -> Substring = { $0.prefix { $0 != "/" } }
        let counts = Dictionary(grouping: paths.filter { $0.contains("/") }, by: folder).mapValues(\.count)
        var told: Set<Substring> = []
        return paths.compactMap { path in
            let top = folder(path)
            guard let count = counts[top], count > 20, path.contains("/"), !path.contains(": ") else { return path }
            return told.insert(top).inserted ? "\(count) files in \(top)/" : nil
        }
    }
}
