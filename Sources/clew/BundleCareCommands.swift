import ArgumentParser
import ClewBundle
import ClewCollector
import ClewExchange
import ClewReports
import ClewSnapshot

/// Where an archive is written to.
struct ArchiveOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The archive: .tar, .tar.gz or .tar.zst; '-' is standard output (tar).", valueName: "file"),
        completion: .file())
    var output: String?

    @Flag(help: "Replace the archive if it is there.") var force = false

    /// Writes the archive, and says on standard error what it holds.
    func write(_ bundle: SupportBundle, to path: String) throws(CommandFailure) {
        let packing = try packing(of: path)
        do throws(WriteError) {
            let report = try BundleWriter.write(
                bundle, to: path, packing: packing, replacing: force, time: WallClock.now)
            Output.error("\(path == "-" ? "standard output" : path): \(report.description)")
        } catch {
            throw CommandFailure(error.description)
        }
    }

    /// Refuses a name before anything is done for it.
    func packing(of path: String) throws(CommandFailure) -> Packing {
        if path == "-" { return .none }
        guard let packing = Packing(fileName: path) else {
            throw CommandFailure("--output '\(path)' is no archive's name: end it in .tar.gz, .tar.zst or .tar")
        }
        guard force || !FilePath.exists(path) else {
            throw CommandFailure("\(path) is there already (--force replaces it)")
        }
        try FilePath.checkPlace(of: path)
        return packing
    }
}

/// `clew bundle validate`: whether all of a bundle can be read.
struct BundleValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Says whether all of a bundle can be read: exit code 0, or 1 and a line for each thing that cannot.",
        discussion: """
            EXAMPLES:
              clew bundle validate bundle.tar.gz
            """)

    @OptionGroup var input: BundleOptions

    mutating func run() throws {
        let (bundle, snapshot) = try input.load()
        var lines = bundle.problems.map { "\($0.path): \($0.reason)" }
        lines += snapshot.unread.map { unread in
            let line = unread.source.line > 0 ? ":\(unread.source.line)" : ""
            let path = bundle[unread.source.artifact]?.path ?? snapshot.path(of: unread.source.artifact)
            return "\(path)\(line): \(unread.reason)"
        }
        lines += BundleGaps.lines(of: snapshot)
        var output = Output()
        let style = Terminal.style(.never)
        for line in lines { try output.write(style.clean(line) + "\n") }
        let count = bundle.artifacts.count
        if lines.isEmpty {
            try output.write(style.clean("\(bundle.name): valid, \(count) \(count == 1 ? "file" : "files")") + "\n")
        }
        try output.flush()
        if !lines.isEmpty { throw ExitCode(1) }
    }
}

/// `clew bundle merge`: several bundles as one.
struct BundleMergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Joins bundles, such as one of each node, to one archive.",
        discussion: """
            Of a node that two bundles hold, the one named last is taken whole; standard error says so. \
            Secrets among API objects are left out.

            EXAMPLES:
              clew bundle merge worker-a.tar worker-b.tar objects.tar -o cluster.tar.gz
            """)

    @Argument(help: "Folders or archives.", completion: .file()) var bundles: [String]
    @OptionGroup var archive: ArchiveOptions

    mutating func run() throws {
        guard let path = archive.output else { throw CommandFailure("--output names the archive to write") }
        _ = try archive.packing(of: path)
        let read = try bundles.map { (name) throws(CommandFailure) in try BundleCare.read(name) }
        let (bundle, replaced) = BundleParts.merged(read, tool: Clew.configuration.version)
        let (clean, secrets) = SecretFilter.filtered(bundle)
        for line in replaced + secrets { Output.error("left out \(line)") }
        try archive.write(clean, to: path)
    }
}

/// `clew bundle split`: one archive for each node.
struct BundleSplitCommand: ParsableCommand {
    enum Ending: String, CaseIterable, ExpressibleByArgument {
        case gzip = "tar.gz"
        case zstd = "tar.zst"
        case plain = "tar"
    }

    static let configuration = CommandConfiguration(
        commandName: "split",
        abstract: "Writes an archive NODE.tar.gz for each node, each with the API objects.",
        discussion: """
            EXAMPLES:
              clew bundle split cluster.tar.gz --into nodes/
            """)

    @Argument(help: "A folder or archive.", completion: .file()) var bundle: String
    @Option(
        help: ArgumentHelp("The folder to write to; made if it is not there.", valueName: "folder"),
        completion: .directory)
    var into: String
    @Option(help: "The kind of archive.") var ending: Ending = .gzip
    @Flag(help: "Replace archives that are there.") var force = false

    mutating func run() throws {
        let parts = BundleParts.split(try BundleCare.read(bundle), tool: Clew.configuration.version)
        guard !parts.isEmpty else { throw CommandFailure("\(bundle): holds no node below nodes/") }
        var archive = ArchiveOptions()
        archive.output = nil
        archive.force = force
        let folder = into.count > 1 && into.hasSuffix("/") ? String(into.dropLast()) : into
        let paths = BundleParts.fileNames(of: parts.map(\.node)).map { "\(folder)/\($0).\(ending.rawValue)" }
        try FilePath.makeFolder(folder)
        for path in paths { _ = try archive.packing(of: path) }
        for (part, path) in zip(parts, paths) { try archive.write(part.bundle, to: path) }
    }
}

/// What commands on bundles share.
enum BundleCare {
    static func read(_ path: String) throws(CommandFailure) -> SupportBundle {
        do throws(BundleReadError) {
            return try BundleReader.read(path: path)
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
