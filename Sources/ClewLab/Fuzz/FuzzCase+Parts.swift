import ClewNet

extension FuzzRules {
    /// The rules without tables and chains that say nothing.
    var shortText: String {
        let shown = tables.filter { $0.chains.contains { !$0.rules.isEmpty || $0.policy != "ACCEPT" } }
        return FuzzRules(family: family, tables: shown).restoreText(emptyTables: false)
    }

    /// Takes `iptables-save` text and `ipset save` text apart.
    init(family: AddressFamily, restoreText: [String], setText: [String]) {
        self.init(family: family, tables: [])
        for line in restoreText {
            let words = line.split(separator: " ").map(String.init)
            guard let first = words.first else { continue }
            let last = tables.count - 1
            if first.hasPrefix("*") {
                tables.append(FuzzTable(String(first.dropFirst()), chains: []))
            } else if first.hasPrefix(":"), words.count > 1, last >= 0 {
                tables[last].chains.append(
                    FuzzChain(String(first.dropFirst()), policy: words[1] == "-" ? nil : words[1]))
            } else if first == "-A", words.count > 1, last >= 0,
                let chain = tables[last].chains.firstIndex(where: { $0.name == words[1] })
            {
                tables[last].chains[chain].rules.append(Self.rule(Array(words.dropFirst(2))))
            }
        }
        for line in setText {
            let words = line.split(separator: " ").map(String.init)
            guard words.count > 2 else { continue }
            let rest = words[2...].joined(separator: " ")
            if words[0] == "create" {
                sets.append(FuzzSet(words[1], rest, elements: [], dimensions: words[2].filter { $0 == "," }.count + 1))
            } else if words[0] == "add", let set = sets.firstIndex(where: { $0.name == words[1] }) {
                sets[set].elements.append(rest)
            }
        }
    }

    /// All conditions in one part.
    private static func rule(_ words: [String]) -> FuzzRule {
        let at = words.lastIndex { $0 == "-j" || $0 == "-g" } ?? words.count
        let matches = words[..<at].joined(separator: " ")
        return FuzzRule(matches.isEmpty ? [] : [matches], words[at...].joined(separator: " "))
    }
}

extension FuzzSettings {
    /// One setting a line, those that differ from the usual.
    var text: String {
        let usual = FuzzSettings()
        var lines: [String] = []
        if bridgeCallsIptables != usual.bridgeCallsIptables { lines.append("bridge-nf-call-iptables 0") }
        if reversePathFilter != 0 { lines.append("rp_filter \(reversePathFilter)") }
        if forwards != usual.forwards { lines.append("ip_forward 0") }
        if routesLocalnet { lines.append("route_localnet 1") }
        if validatesMark { lines.append("src_valid_mark 1") }
        if hairpin != usual.hairpin { lines.append("hairpin off") }
        return lines.map { $0 + "\n" }.joined()
    }

    init(text: [String]) {
        self.init()
        for line in text {
            switch line {
            case "bridge-nf-call-iptables 0": bridgeCallsIptables = false
            case "ip_forward 0": forwards = false
            case "route_localnet 1": routesLocalnet = true
            case "src_valid_mark 1": validatesMark = true
            case "hairpin off": hairpin = false
            default: if line.hasPrefix("rp_filter ") { reversePathFilter = Int(line.dropFirst(10)) ?? 0 }
            }
        }
    }

    /// The sysctls that differ from the usual, as `sysctl` prints them.
    package var sysctls: [(key: String, value: String)] {
        [
            ("net.bridge.bridge-nf-call-iptables", bridgeCallsIptables ? "1" : "0"),
            ("net.bridge.bridge-nf-call-ip6tables", bridgeCallsIptables ? "1" : "0"),
            ("net.ipv4.ip_forward", forwards ? "1" : "0"), ("net.ipv6.conf.all.forwarding", forwards ? "1" : "0"),
            ("net.ipv4.conf.all.rp_filter", "\(reversePathFilter)"),
            ("net.ipv4.conf.all.route_localnet", routesLocalnet ? "1" : "0"),
            ("net.ipv4.conf.all.src_valid_mark", validatesMark ? "1" : "0"),
        ]
    }
}

extension ProbeEntry {
    /// `process`, `pod b1`, `wire eth0`.
    var text: String {
        switch self {
        case .process: "process"
        case .pod(let name): "pod \(name)"
        case .wire(let device): "wire \(device)"
        }
    }
}

extension Probe {
    /// `pod b1 10.1.0.2 to 10.2.0.2 tcp 40000 80 flags 0x2 ttl 64 tos 0x0 payload 0`.
    package var text: String {
        "\(entry.text) \(source) to \(destination) \(ipProtocol) \(sourcePort) \(destinationPort)"
            + " flags 0x\(String(tcpFlags, radix: 16)) ttl \(ttl) tos 0x\(String(tos, radix: 16)) payload \(payload)"
    }

    package init?(text: String) {
        var words = text.split(separator: " ").map(String.init)[...]
        func number<Number: FixedWidthInteger>(_ word: String?) -> Number? {
            guard let word else { return nil }
            return word.hasPrefix("0x") ? Number(word.dropFirst(2), radix: 16) : Number(word)
        }
        let entry: ProbeEntry
        switch words.popFirst() {
        case "process": entry = .process
        case "pod": entry = .pod(words.popFirst() ?? "")
        case "wire": entry = .wire(words.popFirst() ?? "")
        default: return nil
        }
        guard let source = words.popFirst().flatMap({ IPAddress($0) }), words.popFirst() == "to",
            let destination = words.popFirst().flatMap({ IPAddress($0) }),
            let ipProtocol = words.popFirst().flatMap({ IPProtocol(name: $0) }),
            let sourcePort: UInt16 = number(words.popFirst()), let destinationPort: UInt16 = number(words.popFirst())
        else { return nil }
        self.init(entry, from: source, to: destination, ipProtocol)
        (self.sourcePort, self.destinationPort) = (sourcePort, destinationPort)
        if ipProtocol == .tcp { tcpFlags = Self.syn }
        while let key = words.popFirst(), let word = words.popFirst() {
            switch key {
            case "flags": tcpFlags = number(word) ?? tcpFlags
            case "ttl": ttl = number(word) ?? ttl
            case "tos": tos = number(word) ?? tos
            case "payload": payload = number(word) ?? payload
            default: return nil
            }
        }
    }
}
