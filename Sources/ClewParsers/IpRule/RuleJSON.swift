import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads `ip -json rule`.
enum RuleJSON {
    static func parse(_ bytes: [UInt8], artifact: ArtifactID, family: AddressFamily?) -> ParsedList<RoutingRule> {
        var rules: [RoutingRule] = []
        var unknownTables: Set<String> = []
        var notes: [UnreadLine] = []
        let read = ToolJSON.read(bytes, artifact: artifact) { entry in
            guard case .object(let members) = entry.value else { return nil }
            guard let priority = entry.value["priority"]?.number else { return "a rule without \"priority\"" }
            var draft = RoutingRuleDraft(priority: priority, source: entry.source)
            for (key, value) in members {
                if let reason = draft.read(key, value, of: entry.value) { return reason }
            }
            switch draft.finished(family: family, text: RoutingRuleDraft.text(members, entry.value)) {
            case .failure(let error): return error.reason
            case .success(let rule):
                rules.append(rule)
                if let name = draft.unknownTable, unknownTables.insert(name).inserted {
                    notes.append(
                        UnreadLine(
                            entry.source, text: rule.text,
                            reason: "routing table \"\(name)\" \(RoutingRuleDraft.noteReason)"))
                }
                return nil
            }
        }
        let unread = (read.unread + notes).sorted { $0.source < $1.source }
        return ParsedList(values: rules, unread: unread, lines: read.lines)
    }
}

extension RoutingRuleDraft {
    /// Reads a member; answers with what is wrong.
    ///
    /// `all` is the whole rule, for values in several members.
    fileprivate mutating func read(_ key: String, _ value: ToolJSONValue, of all: ToolJSONValue) -> String? {
        let wrong = "\"\(key)\" of a rule"
        switch key {
        case "not": rule.isInverted = true
        case "l3mdev": rule.isL3MasterDevice = true
        case "nop": action = .nop
        case "src", "dst":
            guard let text = value.string else { return wrong }
            if text == "all" { return nil }
            guard let address = IPAddress(text), let prefix = Self.prefix(address, all[key + "len"]) else {
                return wrong
            }
            if key == "src" { rule.from = prefix } else { rule.to = prefix }
        case "fwmark":
            guard let text = value.string, mark(text, mask: all["fwmask"]?.string) else { return wrong }
        case "iif": rule.inputDevice = value.string
        case "oif": rule.outputDevice = value.string
        case "tos":
            guard let tos = value.string.flatMap({ RouteNames.tos($0) }) else { return wrong }
            rule.tos = tos
        case "uid_start":
            guard let first = value.number, let last = all["uid_end"]?.number, first <= last else { return wrong }
            rule.userIDs = first...last
        case "ipproto":
            guard let number = value.string.flatMap({ Self.protocolNumber($0) }) else { return wrong }
            rule.ipProtocol = number
        case "sport", "dport", "sport_start", "dport_start":
            guard let ports = Self.ports(key, value, all) else { return wrong }
            if key.hasPrefix("s") { rule.sourcePorts = ports } else { rule.destinationPorts = ports }
        default: return readAction(key, value)
        }
        return nil
    }

    private mutating func readAction(_ key: String, _ value: ToolJSONValue) -> String? {
        let wrong = "\"\(key)\" of a rule"
        switch key {
        case "table":
            guard let name = value.string else { return wrong }
            lookup(name)
        case "goto":
            guard let target = value.number else { return wrong }
            action = .goto(target)
        case "action":
            switch value.string {
            case "blackhole": action = .blackhole
            case "unreachable": action = .unreachable
            case "prohibit": action = .prohibit
            default: return wrong
            }
        case "suppress_prefixlen", "suppress_prefixlength":
            guard case .number(.integer(let length)) = value, let length = Int(exactly: length) else { return wrong }
            rule.suppressPrefixLength = length
        case "priority", "srclen", "dstlen", "fwmask", "uid_end", "sport_end", "dport_end", "iif_detached",
            "oif_detached", "unresolved", "protocol", "flow_to", "flow_from":
            break
        default: return "\"\(key)\" is no part of a rule that is known here"
        }
        return nil
    }

    private static func prefix(_ address: IPAddress, _ length: ToolJSONValue?) -> IPPrefix? {
        guard let length else { return IPPrefix(host: address) }
        return length.number.flatMap { UInt8(exactly: $0) }.flatMap { IPPrefix(address, length: $0) }
    }

    private static func ports(_ key: String, _ value: ToolJSONValue, _ all: ToolJSONValue) -> PortRange? {
        guard let first = value.number.flatMap({ UInt16(exactly: $0) }) else {
            return value.string.flatMap { ports($0) }
        }
        guard key.hasSuffix("_start") else { return PortRange(first) }
        let end = all[key.prefix(1) + "port_end"]?.number.flatMap { UInt16(exactly: $0) }
        return end.map { PortRange(first, $0) }
    }

    /// The rule as `ip rule` prints it.
    fileprivate static func text(_ members: [(key: String, value: ToolJSONValue)], _ all: ToolJSONValue) -> String {
        var words = ["\(all["priority"]?.number ?? 0):"]
        if all["not"] != nil { words.append("not") }
        for (key, value) in members {
            let text = value.string ?? ""
            switch key {
            case "priority", "not", "srclen", "dstlen", "fwmask", "uid_end", "sport_end", "dport_end", "flow_from":
                break
            case "src": words += ["from", all["srclen"]?.string.map { "\(text)/\($0)" } ?? text]
            case "dst": words += ["to", all["dstlen"]?.string.map { "\(text)/\($0)" } ?? text]
            case "fwmark": words += ["fwmark", all["fwmask"]?.string.map { "\(text)/\($0)" } ?? text]
            case "uid_start": words += ["uidrange", "\(text)-\(all["uid_end"]?.string ?? "")"]
            case "sport_start": words += ["sport", "\(text)-\(all["sport_end"]?.string ?? "")"]
            case "dport_start": words += ["dport", "\(text)-\(all["dport_end"]?.string ?? "")"]
            case "table": words += ["lookup", text]
            case "suppress_prefixlen": words += ["suppress_prefixlength", text]
            case "protocol": words += ["proto", text]
            case "flow_to": words += ["realms", text]
            case "action": words.append(text)
            case "iif_detached", "oif_detached": words.append("[detached]")
            case "unresolved": words.append("[unresolved]")
            default: words += value.string == nil ? [key] : [key, text]
            }
        }
        return words.joined(separator: " ")
    }
}
