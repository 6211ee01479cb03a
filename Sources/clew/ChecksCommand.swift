import ArgumentParser
import ClewChecks
import ClewDiagnostics
import ClewReports

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `clew checks`: the catalogue.
struct ChecksCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json }

    static let configuration = CommandConfiguration(
        commandName: "checks", abstract: "Lists what 'clew check' looks for.",
        discussion: """
            EXAMPLES:
              clew checks
              clew checks -o json
            """)

    @Option(name: .shortAndLong, help: "The form of the answer.") var output: Format = .text
    @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.") var color: ColourMode = .auto
    @Option(help: ArgumentHelp("Write the pages of docs/checks there.", visibility: .hidden)) var markdown: String?

    mutating func run() throws {
        let checks = CheckCatalogue.metadata
        if let markdown {
            for page in CheckManual.pages(checks) { try Self.write(page.text, to: "\(markdown)/\(page.name)") }
            return
        }
        var output = Output()
        switch self.output {
        case .text: try output.write(CheckManual.list(checks, style: Terminal.style(color)))
        case .json: try output.write(CheckManual.json(checks))
        }
        try output.flush()
    }

    private static func write(_ text: String, to path: String) throws(CommandFailure) {
        guard let file = fopen(path, "w") else {
            throw CommandFailure("\(path): \(String(cString: strerror(errno)))")
        }
        let bytes = Array(text.utf8)
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count else { throw CommandFailure("\(path): cannot be written") }
    }
}

/// `clew explain`: what a check is about.
struct ExplainCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Says what a check finds, what users notice of it, what to do, and how to see it by hand.",
        discussion: """
            EXAMPLES:
              clew explain BR001
              clew explain forward-policy-drop -o json
            """)

    @Argument(help: "Codes or names, as 'clew check' prints them.") var code: [String]
    @Option(name: .shortAndLong, help: "The form of the answer; json is one check a line.")
    var output: ChecksCommand.Format = .text
    @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.") var color: ColourMode = .auto

    mutating func run() throws {
        var output = Output()
        for (number, word) in code.enumerated() {
            let check = try Self.check(word)
            switch self.output {
            case .text:
                if number > 0 { try output.write("\n") }
                try output.write(CheckManual.text(check, style: Terminal.style(color)))
            case .json: try output.write(CheckManual.json(check))
            }
        }
        try output.flush()
    }

    static func check(_ word: String) throws(CommandFailure) -> CheckMetadata {
        let wanted = word.uppercased()
        let found = CheckCatalogue.metadata.first { $0.code == wanted || $0.name.uppercased() == wanted }
        guard let found else { throw CommandFailure("'\(word)' is no check (see 'clew checks')") }
        return found
    }
}
