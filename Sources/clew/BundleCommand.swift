import ArgumentParser
import ClewCollector
import ClewReports

/// `clew bundle`: what concerns a bundle itself.
struct BundleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle", abstract: "Looks into bundles, joins them and takes them apart.",
        discussion: """
            EXAMPLES:
              clew bundle show bundle.tar.gz
              clew bundle validate bundle.tar.gz
              clew bundle merge worker-a.tar worker-b.tar objects.tar -o cluster.tar.gz
              clew bundle split cluster.tar.gz --into nodes/
              clew bundle import sosreport-worker-a.tar.gz -o worker-a.tar.gz
              clew bundle redact cluster.tar.gz shown.tar.gz
            """,
        subcommands: [
            BundleShowCommand.self, BundleValidateCommand.self, BundleMergeCommand.self, BundleSplitCommand.self,
            BundleImportCommand.self, BundleRedactCommand.self,
        ])
}

/// `clew bundle show`: what was read, and what could not be.
struct BundleShowCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json }

    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Lists what a bundle holds for each node, and every line that could not be read, with why.",
        discussion: """
            EXAMPLES:
              clew bundle show bundle.tar.gz
              clew bundle show nodes-of-today/ --add objects.json -o json
            """)

    @OptionGroup var input: BundleOptions

    @Option(name: .shortAndLong, help: "The form of the answer.") var output: Format = .text
    @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.") var color: ColourMode = .auto

    mutating func run() throws {
        let (bundle, snapshot) = try input.load()
        let report = BundleReport(snapshot, of: bundle)
        var output = Output()
        switch self.output {
        case .text:
            let style = Terminal.style(color)
            try output.write(report.text(style: style))
            try output.write(BundleSizes.lines(of: bundle).map { style.clean($0) + "\n" }.joined())
        case .json: try output.write(report.json + "\n")
        }
        try output.flush()
    }
}
