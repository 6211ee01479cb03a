import ClewBundle
import ClewIntent
import ClewNet
import ClewParsers
package import ClewSnapshot

/// Reads changes as users write them (`docs/what-if.md`): `sysctl:node/worker-a:net.ipv4.ip_forward=0`.
package struct EditGrammar: Sendable {
    /// A form that an edit can be written in, with an example.
    package struct Form: Sendable {
        package var kind: String
        package var syntax: String
        package var example: String
    }

    package static let forms: [Form] = stateForms + objectForms

    private static let stateForms: [Form] = [
        Form(
            kind: "sysctl", syntax: "sysctl:PLACE:KEY=VALUE",
            example: "sysctl:node/worker-a:net.bridge.bridge-nf-call-iptables=0"),
        Form(
            kind: "policy", syntax: "policy:NODE:TABLE:CHAIN=ACCEPT|DROP",
            example: "policy:node/worker-a:filter:FORWARD=DROP"),
        Form(
            kind: "rule", syntax: "rule:NODE:TABLE:-A|-I|-D CHAIN [NUMBER] RULE",
            example: "rule:node/worker-a:filter:-I FORWARD 1 -i cni0 -j DROP"),
        Form(
            kind: "route", syntax: "route:PLACE:add|del ROUTE",
            example: "route:node/worker-a:add 10.244.2.0/24 via 192.168.0.12"),
        Form(
            kind: "neigh", syntax: "neigh:PLACE:add|del ADDRESS [lladdr MAC] dev DEVICE",
            example: "neigh:node/worker-a:del 10.244.2.0 dev flannel.1"),
        Form(
            kind: "fdb", syntax: "fdb:NODE:add|del MAC dev DEVICE [dst ADDRESS]",
            example: "fdb:node/worker-a:del 02:00:00:00:00:02 dev flannel.1"),
        Form(kind: "mtu", syntax: "mtu:PLACE:DEVICE=BYTES", example: "mtu:node/worker-a:flannel.1=1500"),
        Form(kind: "hairpin", syntax: "hairpin:NODE:PORT=on|off", example: "hairpin:node/worker-a:veth3c1f9a20=off"),
        Form(kind: "link", syntax: "link:PLACE:DEVICE=up|down", example: "link:node/worker-a:cni0=down"),
    ]

    /// With the changes that were made.
    package private(set) var snapshot: ClusterSnapshot
    /// What changes have told kube-proxies, by node: their rules alone do not tell all of it again.
    var told: [String: ProxyParameters] = [:]

    package init(_ snapshot: ClusterSnapshot) { self.snapshot = snapshot }

    /// Makes one change, on what the ones before have left.
    package mutating func apply(_ text: String) throws(EditError) {
        for edit in try edits(text) { try snapshot.apply(edit) }
    }

    private mutating func edits(_ text: String) throws(EditError) -> [SnapshotEdit] {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard let form = Self.forms.first(where: { $0.kind == parts[0] }) else {
            let known = Self.forms.map(\.kind).joined(separator: ", ")
            throw EditError("'\(text)': '\(parts[0])' is no kind of change; there are \(known)")
        }
        guard parts.count == 3, !parts[1].isEmpty, !parts[2].isEmpty else { throw Self.malformed(text, form) }
        let (place, rest) = (parts[1], parts[2])
        switch form.kind {
        case "sysctl":
            let (key, value) = try Self.pair(rest, text, form)
            return [.setSysctl(try self.place(place), key: Self.key(key), value: value)]
        case "policy": return [try policy(try node(place), rest, text, form)]
        case "rule": return [try rule(try node(place), rest, text, form)]
        case "route": return [try route(try self.place(place), rest, text, form)]
        case "neigh": return [try neighbor(try self.place(place), rest, text, form)]
        case "fdb": return [try forwarding(try node(place), rest, text, form)]
        case "mtu":
            let (device, value) = try Self.pair(rest, text, form)
            guard let mtu = UInt32(value), mtu >= 68, mtu <= 65_536 else {
                throw EditError("'\(text)': an MTU is a number of bytes from 68 to 65536")
            }
            return [.setMTU(try self.place(place), link: device, mtu: mtu)]
        case "hairpin":
            let (port, value) = try Self.pair(rest, text, form)
            return [.setHairpin(node: try node(place), port: port, isOn: try Self.flag(value, "on", "off", text))]
        case "service": return try service(place, rest, text, form)
        case "pod": return try pod(place, rest, text, form)
        case "proxy": return try proxy(place, rest, text, form)
        default:
            let (device, value) = try Self.pair(rest, text, form)
            return [.setLinkUp(try self.place(place), link: device, isUp: try Self.flag(value, "up", "down", text))]
        }
    }

    // MARK: - Parts

    static func malformed(_ text: String, _ form: Form) -> EditError {
        EditError("'\(text)' is not of the form \(form.syntax), such as \(form.example)")
    }

    /// `KEY=VALUE`; the key holds no `=`.
    static func pair(_ text: String, _ whole: String, _ form: Form) throws(EditError) -> (String, String) {
        guard let sign = text.firstIndex(of: "=") else { throw malformed(whole, form) }
        let (key, value) = (String(text[..<sign]), String(text[text.index(after: sign)...]))
        guard !key.isEmpty, !value.isEmpty else { throw malformed(whole, form) }
        return (key, value)
    }

    static func flag(_ value: String, _ yes: String, _ no: String, _ text: String) throws(EditError) -> Bool {
        switch value.lowercased() {
        case yes, "1", "true": return true
        case no, "0", "false": return false
        default: throw EditError("'\(text)': '\(value)' is neither \(yes) nor \(no)")
        }
    }

    /// `net/ipv4/ip_forward` is the same key as `net.ipv4.ip_forward` (sysctl(8)).
    private static func key(_ text: String) -> String {
        guard let slash = text.firstIndex(of: "/") else { return text }
        guard text.firstIndex(of: ".").map({ slash < $0 }) ?? true else { return text }
        return String(text.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 })
    }

    func node(_ text: String) throws(EditError) -> String {
        let name = text.hasPrefix("node/") ? String(text.dropFirst(5)) : text
        guard snapshot.node(named: name) != nil else {
            let known = snapshot.nodes.map(\.name).joined(separator: ", ")
            throw EditError("the bundle holds no node '\(name)'" + (known.isEmpty ? "" : ", but \(known)"))
        }
        return name
    }

    func place(_ text: String) throws(EditError) -> EditPlace {
        let words = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 3, words[0] == "pod" else { return .host(node: try node(text)) }
        let name = NamespacedName(words[1], words[2])
        guard let node = snapshot.nodes.first(where: { $0.pods.contains { $0.pod == name } }) else {
            throw EditError("the namespace of pod \(name) was not collected")
        }
        return .pod(node: node.name, name)
    }
}

// MARK: - Rules

extension EditGrammar {
    /// `filter`, `ip6/filter`, `legacy/nat`, `nft/ip6/nat`.
    private func table(_ node: String, _ text: String, _ whole: String) throws(EditError) -> EditedTable {
        var words = text.split(separator: "/").map(String.init)
        guard let name = words.popLast() else { throw EditError("'\(whole)': which table?") }
        var table = EditedTable(node: node, table: name)
        for word in words {
            switch word {
            case "ip", "ip4": table.family = .ipv4
            case "ip6": table.family = .ipv6
            case "legacy": table.backend = .legacy
            case "nft": table.backend = .nft
            default: throw EditError("'\(whole)': '\(word)' before a table is none of ip, ip6, legacy, nft")
            }
        }
        return table
    }

    private func policy(
        _ node: String, _ rest: String, _ text: String, _ form: Form
    ) throws(EditError) -> SnapshotEdit {
        let parts = rest.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw Self.malformed(text, form) }
        let (chain, value) = try Self.pair(parts[1], text, form)
        return .setPolicy(
            try table(node, parts[0], text), chain: chain,
            accepts: try Self.flag(value, "accept", "drop", text))
    }

    private func rule(_ node: String, _ rest: String, _ text: String, _ form: Form) throws(EditError) -> SnapshotEdit {
        let parts = rest.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw Self.malformed(text, form) }
        let table = try table(node, parts[0], text)
        let words = parts[1].split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        guard words.count >= 2 else { throw Self.malformed(text, form) }
        let chain = words[1]
        let number = words.count > 2 ? Int(words[2]) : nil
        func tail(_ count: Int) throws(EditError) -> String {
            guard words.count > count else { throw Self.malformed(text, form) }
            return words[count...].joined(separator: " ")
        }
        switch words[0] {
        case "-A", "--append": return .appendRule(table, chain: chain, rule: try tail(2))
        case "-I", "--insert":
            return .insertRule(table, chain: chain, at: number ?? 1, rule: try tail(number == nil ? 2 : 3))
        case "-D", "--delete":
            let line = try line(of: number, number == nil ? try tail(2) : "", chain, table)
            return .deleteRule(node: node, line)
        default: throw Self.malformed(text, form)
        }
    }

    /// The line of a rule that is named by its number, or by its words, whatever their order in the dump.
    private func line(
        of number: Int?, _ rule: String, _ chain: String, _ place: EditedTable
    ) throws(EditError) -> SourceLine {
        let ruleSets = snapshot.node(named: place.node)?.host.ruleSets ?? []
        for ruleSet in ruleSets where place.backend == nil || ruleSet.backend == place.backend {
            let tables = ruleSet.tables.indices.filter {
                ruleSet.tables[$0].name == place.table && ruleSet.tables[$0].family == place.family
            }.map { TableID(rawValue: UInt16($0)) }
            let found = ruleSet.chains.first { tables.contains($0.table) && ruleSet.string($0.name) == chain }
            guard let found else { continue }
            let rules = ruleSet.rules[Int(found.firstRule)..<Int(found.firstRule + found.ruleCount)]
            if let number {
                guard number > 0, number <= rules.count else {
                    throw EditError("\(chain) on \(place.node) has \(rules.count) rules: there is no rule \(number)")
                }
                return SourceLine(ruleSet.artifact, line: rules[rules.startIndex + number - 1].line)
            }
            let wanted = Self.canonical("-A \(chain) \(rule)", like: ruleSet, place)
            let exact = rules.first { ruleSet.canonicalText($0, in: found) == wanted }
            // Unlike `iptables -D`, a comment may be left out.
            let match =
                exact ?? rules.first { Self.withoutComment(ruleSet.canonicalText($0, in: found)) == wanted }
            if let match { return SourceLine(ruleSet.artifact, line: match.line) }
            throw EditError("\(chain) on \(place.node) has no rule '\(rule)'")
        }
        throw EditError("\(place.node) has no chain \(chain) in table \(place.table)")
    }

    private static func withoutComment(_ rule: String) -> String {
        var words: [String] = []
        var isQuoted = false
        var skips = 0
        for word in rule.split(separator: " ").map(String.init) {
            if isQuoted {
                isQuoted = !word.hasSuffix("\"")
            } else if skips > 0 {
                skips -= 1
                isQuoted = word.hasPrefix("\"") && (word.utf8.count == 1 || !word.hasSuffix("\""))
            } else if word == "--comment" {
                skips = 1
                if words.suffix(2) == ["-m", "comment"] { words.removeLast(2) }
            } else {
                words.append(word)
            }
        }
        return words.joined(separator: " ")
    }

    private static func canonical(_ line: String, like ruleSet: RuleSet, _ place: EditedTable) -> String {
        let chain = line.split(separator: " ")[1]
        let text = "*\(place.table)\n:\(chain) - [0:0]\n\(line)\nCOMMIT\n"
        let parsed = IptablesSaveParser.parse(
            Array(text.utf8), artifact: ruleSet.artifact, family: place.family == .ipv6 ? .ipv6 : .ipv4,
            backend: ruleSet.backend)
        return parsed.ruleSet.canonicalText(of: RuleID(rawValue: 0))
    }
}

// MARK: - Routes, neighbours, forwarding entries

extension EditGrammar {
    private func state(_ place: EditPlace) -> NamespaceSnapshot? {
        let node = snapshot.node(named: place.node)
        switch place {
        case .host: return node?.host
        case .pod(_, let name): return node?.pods.first { $0.pod == name }?.state
        }
    }

    /// `add …` or `del …`: whether it adds, and the words behind.
    private static func action(_ rest: String, _ text: String, _ form: Form) throws(EditError) -> (Bool, [String]) {
        var words = rest.split(separator: " ").map(String.init)
        guard words.count > 1 else { throw malformed(text, form) }
        let verb = words.removeFirst()
        switch verb {
        case "add", "replace": return (true, words)
        case "del", "delete": return (false, words)
        default: throw malformed(text, form)
        }
    }

    private static func value(of word: String, in words: [String]) -> String? {
        guard let index = words.firstIndex(of: word), index + 1 < words.count else { return nil }
        return words[index + 1]
    }

    private func route(
        _ place: EditPlace, _ rest: String, _ text: String, _ form: Form
    ) throws(EditError) -> SnapshotEdit {
        let (isAdded, words) = try Self.action(rest, text, form)
        let line = words.joined(separator: " ")
        let family: AddressFamily = line.contains(":") ? .ipv6 : .ipv4
        guard !isAdded else { return .addRoute(place, family, line) }
        // As `ip route del` does: what is not said does not matter.
        let wanted = words[0] == "default" ? IPPrefix(family == .ipv4 ? "0.0.0.0/0" : "::/0") : IPPrefix(words[0])
        guard let prefix = wanted ?? IPAddress(words[0]).map(IPPrefix.init(host:)) else {
            throw Self.malformed(text, form)
        }
        let (gateway, device) = (Self.value(of: "via", in: words), Self.value(of: "dev", in: words))
        let table = Self.value(of: "table", in: words) ?? "main"
        let found = (state(place)?.routes ?? []).first { route in
            route.destination == prefix && route.table.description == table
                && (gateway == nil || route.nextHops.contains { $0.gateway?.description == gateway })
                && (device == nil || route.nextHops.contains { $0.device == device })
        }
        guard let found else { throw EditError("\(place.node) has no route '\(line)'") }
        return .deleteRoute(place, found)
    }

    private func neighbor(
        _ place: EditPlace, _ rest: String, _ text: String, _ form: Form
    ) throws(EditError) -> SnapshotEdit {
        let (isAdded, words) = try Self.action(rest, text, form)
        guard let address = IPAddress(words[0]), let device = Self.value(of: "dev", in: words) else {
            throw Self.malformed(text, form)
        }
        guard isAdded else {
            guard (state(place)?.neighbors ?? []).contains(where: { $0.address == address && $0.device == device })
            else { throw EditError("\(place.node) has no neighbour \(address) on \(device)") }
            return .deleteNeighbor(place, address, device: device)
        }
        let line = (words.contains("nud") ? words : words + ["PERMANENT"]).joined(separator: " ")
        let parsed = IpNeighParser.parse(Array(line.utf8), artifact: SourceLine.edited.artifact)
        guard let neighbor = parsed.values.first, neighbor.mac != nil else { throw Self.malformed(text, form) }
        return .setNeighbor(place, neighbor)
    }

    private func forwarding(
        _ node: String, _ rest: String, _ text: String, _ form: Form
    ) throws(EditError) -> SnapshotEdit {
        let (isAdded, words) = try Self.action(rest, text, form)
        guard let mac = MACAddress(words[0]), let device = Self.value(of: "dev", in: words) else {
            throw Self.malformed(text, form)
        }
        let remote = Self.value(of: "dst", in: words)
        let address = remote.flatMap { IPAddress($0) }
        guard remote == nil || address != nil else { throw Self.malformed(text, form) }
        guard isAdded else {
            let entries = state(.host(node: node))?.forwardingEntries ?? []
            guard entries.contains(where: { $0.mac == mac && $0.device == device }) else {
                throw EditError("\(node) has no forwarding entry \(words[0]) on \(device)")
            }
            return .deleteForwardingEntry(node: node, mac, device: device, remote: address)
        }
        var entry = ForwardingEntry(mac: mac, device: device, source: .edited, text: words.joined(separator: " "))
        entry.remote = address
        entry.isSelf = address != nil
        entry.isPermanent = true
        return .setForwardingEntry(node: node, entry)
    }
}
