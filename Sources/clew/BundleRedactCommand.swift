import ArgumentParser
import ClewBundle
import ClewCollector
import ClewExchange
import ClewParsers
import ClewSnapshot

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `clew bundle redact`: a bundle without the names and addresses of its cluster.
struct BundleRedactCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redact",
        abstract: "Replaces names and addresses by pseudonyms, so that a bundle can be shown and says the same.",
        discussion: """
            Equal things stay equal, addresses stay in their networks and ranges, and the names of chains that are \
            hashes are made anew, so that trace, services and check give the same verdicts. docs/redact.md says what \
            is replaced and what is not.

            EXAMPLES:
              clew bundle redact cluster.tar.gz shown.tar.gz
              clew bundle redact cluster.tar.gz shown.tar.gz --key my.key --mapping mapping.txt
            """)

    @Argument(help: "A folder or archive.", completion: .file()) var bundle: String
    @Argument(help: "The archive to write.", completion: .file()) var output: String
    @OptionGroup var options: RedactOptions
    @Flag(help: "Replace the archive if it is there.") var force = false

    mutating func run() throws {
        var archive = ArchiveOptions()
        archive.output = output
        archive.force = force
        _ = try archive.packing(of: output)
        let key = try options.secret()
        let result = try options.redact(try BundleCare.read(bundle), key: key, besides: output)
        try archive.write(result.bundle, to: output)
        if !result.isSame { throw ExitCode(3) }
    }
}

/// How names and addresses are replaced.
struct RedactOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Makes the same pseudonyms wherever the same file is given; made if it is not there.", valueName: "file"),
        completion: .file())
    var key: String?
    @Option(
        help: ArgumentHelp(
            "Writes what each name and address was replaced by: for yourself, never to be handed over.",
            valueName: "file"),
        completion: .file())
    var mapping: String?

    /// The bundle without names, after the report was given on standard error.
    func redact(
        _ bundle: SupportBundle, key: [UInt8], besides path: String
    ) throws(CommandFailure) -> (bundle: SupportBundle, isSame: Bool) {
        if mapping == path, mapping != nil { throw CommandFailure("--mapping and the archive are the same file") }
        let result: (bundle: SupportBundle, report: Redaction.Report)
        do throws(Redaction.Failure) {
            result = try Redaction.redacted(bundle, key: key)
        } catch {
            throw CommandFailure("cannot redact: \(error)")
        }
        let told = result.report.counts.filter { $0.count > 0 }.map { "\($0.count) \(Self.words($0.kind, $0.count))" }
        Output.error("replaced: \(told.isEmpty ? "nothing" : told.joined(separator: ", "))")
        for (file, reason) in result.report.leftOut { Output.error("left out: \(file): \(reason)") }
        let changes = Self.differences(bundle, result.bundle)
        for line in changes { Output.error("differs: \(line)") }
        if let mapping {
            let lines = result.report.pairs.map { "\($0.kind)\t\($0.original)\t\($0.pseudonym)\n" }
            try Self.write(Array(lines.joined().utf8), to: mapping)
        }
        return (result.bundle, changes.isEmpty)
    }

    /// The key's bytes: of the file, or drawn.
    func secret() throws(CommandFailure) -> [UInt8] {
        guard let key else { return Self.drawn() }
        guard FilePath.exists(key) else {
            let bytes = Self.drawn() + Self.drawn()
            let digits = Array("0123456789abcdef".utf8)
            let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
            try Self.write(text + [0x0A], to: key)
            return Redaction.key(from: text + [0x0A])
        }
        do {
            let file = try BundleReader.readFile(path: key, as: "key").artifacts.first?.bytes ?? []
            guard file.count > 15 else { throw CommandFailure("\(key): a key has 16 bytes or more") }
            return Redaction.key(from: file)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private static func drawn() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// Nobody else may read the file.
    private static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandFailure("cannot write \(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                #if canImport(Glibc)
                    Glibc.write(descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start)
                #elseif canImport(Musl)
                    Musl.write(descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start)
                #else
                    Darwin.write(descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start)
                #endif
            }
            guard count > 0 || errno == EINTR else { throw CommandFailure("cannot write \(path)") }
            start += max(count, 0)
        }
    }

    private static func words(_ kind: String, _ count: Int) -> String {
        switch kind {
        case "address": count == 1 ? "address" : "addresses"
        case "MAC": count == 1 ? "hardware address" : "hardware addresses"
        case "name": count == 1 ? "name" : "names"
        case "device": count == 1 ? "device" : "devices"
        case "rules": count == 1 ? "chain or set" : "chains and sets"
        case "identifier": count == 1 ? "identifier" : "identifiers"
        default: count == 1 ? "other word" : "other words"
        }
    }

    /// What is read of the redacted bundle in another way than of its original: one line each.
    private static func differences(_ bundle: SupportBundle, _ other: SupportBundle) -> [String] {
        let (before, after) = (
            ClusterSnapshot(parsing: bundle, nodeName: nil), ClusterSnapshot(parsing: other, nodeName: nil)
        )
        var lines: [String] = []
        func compare(_ what: String, _ one: Int, _ two: Int) {
            if one != two { lines.append("\(what): \(one) before, \(two) after") }
        }
        // Lines that nobody reads may be left out.
        if after.unread.count > before.unread.count {
            compare("lines that were not read", before.unread.count, after.unread.count)
        }
        compare("nodes", before.nodes.count, after.nodes.count)
        compare("pods", before.objects.pods.count, after.objects.pods.count)
        compare("Services", before.objects.services.count, after.objects.services.count)
        compare("endpoint slices", before.objects.endpointSlices.count, after.objects.endpointSlices.count)
        return lines
    }
}
