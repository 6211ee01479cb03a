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
        guard !imported.mappings.isEmpty else {
            for line in Self.gathered(imported.notUnderstood) {
                Output.error("not understood: \(Self.printable(line))")
            }
            throw CommandFailure("\(source): nothing in it is understood")
        }
        // On standard output the archive itself goes.
        var lines = imported.mappings.map { "\($0.to) ← \($0.from) (\($0.reason.rawValue))" }
        lines += Self.gathered(imported.notUnderstood).map { "not understood: \($0)" }
        lines = lines.map(Self.printable)
        if path == "-" {
            for line in lines { Output.error(line) }
        } else {
            var output = Output()
            for line in lines { try output.write(line + "\n") }
            try output.flush()
        }
        try archive.write(imported.bundle(named: source), to: path)
    }

    /// A line without what a terminal would obey: names of files may hold anything.
    private static func printable(_ line: String) -> String {
        var result = ""
        for scalar in line.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The paths, with those of a large folder as one line: a report may hold hundreds of a machine's own files.
    private static func gathered(_ lines: [String]) -> [String] {
        /// The folder at the top, and why what is in it was left out.
        func group(_ line: String) -> String? {
            guard let slash = line.firstIndex(of: "/") else { return nil }
            let reason = line.split(separator: ": ", maxSplits: 1).dropFirst().first.map { ": \($0)" } ?? ""
            return line[..<slash].contains(": ") ? nil : "\(line[...slash])\(reason)"
        }
        let counts = Dictionary(grouping: lines.compactMap(group)) { $0 }.mapValues(\.count)
        var told: Set<String> = []
        return lines.compactMap { line in
            guard let group = group(line), let count = counts[group], count > 20 else { return line }
            return told.insert(group).inserted ? "\(count) files in \(group)" : nil
        }
    }
}
