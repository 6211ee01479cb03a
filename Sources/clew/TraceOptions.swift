import ArgumentParser
import ClewDataplane
import ClewNet

/// What `clew trace` is asked.
struct QuestionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where the connection begins.", valueName: "src")) var from: String?
    @Option(help: ArgumentHelp("Where it goes.", valueName: "dst")) var to: String?
    @Option(
        help: ArgumentHelp(
            "The node where a connection from outside enters (default: the one that owns the destination, else each).",
            valueName: "node"))
    var via: String?
    @Option(help: "Which of a Service's addresses (default: its cluster IP; the endpoints if it is headless).")
    var kind: ServiceAddressKind?
    @Option(help: ArgumentHelp("The node at whose address a NodePort is tried (default: each).", valueName: "node"))
    var at: String?
    @Option(help: "4 or 6 (default: every family that both ends have).") var family: AddressFamily?
    @Option(help: ArgumentHelp("The source address of a process on a node.", valueName: "address")) var source: String?
    @Option(
        help: ArgumentHelp(
            "The source port; a connection recorded with it decides (default: a port nobody uses).",
            valueName: "port"))
    var sport: UInt16?
    @Option(
        help: ArgumentHelp(
            "Bytes the client sends and gets back: packets as large as the path allows are followed too.",
            valueName: "bytes"))
    var size: Int?
    @Option(help: "The protocol, where the destination does not say.") var proto: FlowTransport?
    @Option(
        help: ArgumentHelp(
            "Trace many: a JSON object a line in, an answer a line out; '-' is standard input.", valueName: "file"),
        completion: .file())
    var flows: String?

    var fields: FlowFields {
        FlowFields(
            from: from, to: to, via: via, at: at, kind: kind?.rawValue, family: family.map { "\($0.rawValue)" },
            source: source, sport: sport.map(String.init), size: size.map(String.init), proto: proto?.rawValue)
    }
}

/// How `clew trace` answers.
struct AnswerOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json, mermaid }

    @Option(name: .shortAndLong, help: "The form of the answer (default: text); json is one object a line.")
    var output: Format?
    @Flag(help: "Only the answer and a line for each branch.") var brief = false
    @Flag(help: "Every rule that matched, not only those that decide.") var allRules = false
    @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.") var color: ColourMode = .auto
}

extension ColourMode: ExpressibleByArgument {}

extension ServiceAddressKind: ExpressibleByArgument {
    init?(argument: String) { self.init(rawValue: argument.lowercased()) }
}

extension FlowTransport: ExpressibleByArgument {
    init?(argument: String) { self.init(name: argument) }
}

extension AddressFamily: ExpressibleByArgument {
    init?(argument: String) {
        switch argument.lowercased() {
        case "4", "ipv4", "v4": self = .ipv4
        case "6", "ipv6", "v6": self = .ipv6
        default: return nil
        }
    }

    static var allValueStrings: [String] { ["4", "6"] }
    var defaultValueDescription: String { "\(rawValue)" }
}
