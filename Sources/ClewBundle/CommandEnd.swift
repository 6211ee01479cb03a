/// How the command of a dump ended, and whether what it would have printed is known.
package enum CommandEnd: Sendable, Hashable {
    /// It printed all there is; nothing at all is an answer too.
    case whole
    /// The node has no such tool: others may tell the same.
    case notInstalled
    /// The kernel has nothing that the command could print.
    case notInKernel
    /// It failed, was stopped or not run: what it would have printed is not known. In words, why.
    case failed(String)
}

extension ArtifactOrigin {
    /// `nil` where the manifest gives no exit code.
    package var end: CommandEnd? {
        guard let exitCode else { return nil }
        let said = standardError ?? ""
        switch exitCode {
        case 0: return .whole
        case 127: return .notInstalled
        default: return Self.blamesKernel(said) ? .notInKernel : .failed(Self.reason(exitCode, said))
        }
    }

    /// What tools say where a module or a table is not there: then it holds no rules either.
    ///
    /// `Invalid argument` is `nfnetlink_rcv_msg`'s answer (nfnetlink.c) where nf_tables is missing.
    private static let kernelPhrases = [
        "do you need to insmod", "able does not exist", "Protocol not supported", "not supported by protocol",
        "Operation not supported", "generation id: Invalid argument", "initialization failed: Invalid argument",
        "tables_names: No such file or directory",
    ]

    private static func blamesKernel(_ said: String) -> Bool {
        said.split(whereSeparator: \.isNewline).contains { line in kernelPhrases.contains { line.contains($0) } }
    }

    /// `exit code 1: Operation not permitted`; what the collector itself says needs no number.
    private static func reason(_ exitCode: Int, _ said: String) -> String {
        let lines = said.split(whereSeparator: \.isNewline).map { $0.prefix(200) }
        guard let first = lines.first(where: { !$0.allSatisfy(\.isWhitespace) }) else { return "exit code \(exitCode)" }
        if first.hasPrefix("clew: ") { return String(first.dropFirst(6)) }
        return first.hasPrefix("not run: ") ? String(first) : "exit code \(exitCode): \(first)"
    }
}
