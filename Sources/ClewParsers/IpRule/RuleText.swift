import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads the text of `ip rule` (iproute2 `ip/iprule.c`, `print_rule()`).
struct RuleText {
    private var reader: WordReader
    private let family: AddressFamily?
    private var rules: [RoutingRule] = []
    private var unknownTables: Set<String> = []

    init(_ bytes: [UInt8], artifact: ArtifactID, family: AddressFamily?) {
        reader = WordReader(bytes, artifact: artifact)
        self.family = family
    }

    mutating func parse() -> ParsedList<RoutingRule> {
        while let word = reader.current {
            if reader.atCommand {
                _ = reader.skipCommand { $0.isRule(at: $1) }
            } else if word.startsRemark {
                reader.skipRemark { $0.isRule(at: $1) }
            } else if reader.isRule(at: reader.index), let priority = word.ordinal {
                readRule(priority, word)
            } else {
                reader.skipUnread("no rule begins with \"\(word.text)\"")
            }
        }
        return ParsedList(values: rules, unread: reader.finish(), lines: reader.lines)
    }

    private mutating func readRule(_ priority: UInt32, _ first: Word) {
        let start = reader.index
        var draft = RoutingRuleDraft(priority: priority, source: reader.source(first))
        var problem: String?
        reader.index += 1
        while let word = reader.current, word.role == .text, !word.startsLine, !word.startsRemark {
            if reader.isRule(at: reader.index) { break }
            if let error = draft.readWord(&reader), problem == nil { problem = error.reason }
        }
        let end = reader.index
        if let problem {
            reader.note(start..<end, problem)
            return
        }
        switch draft.finished(family: family, text: reader.text(start..<end)) {
        case .success(let rule): rules.append(rule)
        case .failure(let error): reader.note(start..<end, error.reason)
        }
        if let name = draft.unknownTable, unknownTables.insert(name).inserted {
            reader.note(start..<end, "routing table \"\(name)\" \(RoutingRuleDraft.noteReason)")
        }
    }
}

extension WordReader {
    /// Whether `100: from …` begins at a word.
    fileprivate func isRule(at position: Int) -> Bool {
        guard let word = word(position), word.role == .text, word.ordinal != nil else { return false }
        guard let next = neighbor(of: position)?.text else { return false }
        return next == "from" || next == "not" || next == "lookup" || next == "to"
    }
}

extension RoutingRuleDraft {
    /// Reads a word with its values; answers with what is wrong.
    fileprivate mutating func readWord(_ reader: inout WordReader) -> FieldError? {
        guard let word = reader.current?.text else { return nil }
        switch word {
        case "not": rule.isInverted = true
        case "l3mdev": rule.isL3MasterDevice = true
        case "nop": action = .nop
        case "blackhole": action = .blackhole
        case "unreachable": action = .unreachable
        case "prohibit": action = .prohibit
        case "[detached]", "[unresolved]", "unresolved": break
        default:
            guard let value = reader.value() else { return FieldError("\"\(word)\" is no word of a rule") }
            return read(word, value)
        }
        reader.index += 1
        return nil
    }

    private mutating func read(_ word: String, _ value: String) -> FieldError? {
        let wrong = FieldError("\"\(value)\" behind \"\(word)\"")
        switch word {
        case "from", "to":
            if value == "all" || value == "any" || value == "default" { return nil }
            guard let prefix = IPPrefix(value) else { return wrong }
            if word == "from" { rule.from = prefix } else { rule.to = prefix }
        case "fwmark": if !mark(value) { return wrong }
        case "iif", "dev": rule.inputDevice = value
        case "oif": rule.outputDevice = value
        case "tos", "dsfield":
            guard let tos = RouteNames.tos(value) else { return wrong }
            rule.tos = tos
        case "uidrange":
            guard let range = Self.range(value) else { return wrong }
            rule.userIDs = range
        case "ipproto":
            guard let number = Self.protocolNumber(value) else { return wrong }
            rule.ipProtocol = number
        case "sport", "dport":
            guard let ports = Self.ports(value) else { return wrong }
            if word == "sport" { rule.sourcePorts = ports } else { rule.destinationPorts = ports }
        case "lookup", "table": lookup(value)
        case "goto":
            guard let target = UInt32(value) else { return wrong }
            action = .goto(target)
        case "suppress_prefixlength", "suppress_prefixlen":
            guard let length = Int(value) else { return wrong }
            rule.suppressPrefixLength = length
        case "proto", "protocol", "realms", "realm": break
        default: return FieldError("\"\(word)\" is no word of a rule that is known here")
        }
        return nil
    }

    /// `tcp` as `ip` prints it; its `icmp` for IPv6 is `ipv6-icmp`.
    static func protocolNumber(_ text: String) -> IPProtocol? {
        text.hasPrefix("ipproto-") ? IPProtocol(name: String(text.dropFirst(8))) : IPProtocol(name: text)
    }

    static func range(_ text: String) -> ClosedRange<UInt32>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt32($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last else { return nil }
        return first...last
    }

    static func ports(_ text: String) -> PortRange? {
        if let port = UInt16(text) { return PortRange(port) }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1] else { return nil }
        return PortRange(first, last)
    }
}
