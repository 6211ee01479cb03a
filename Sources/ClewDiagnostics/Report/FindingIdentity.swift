import ClewSnapshot

extension Subject {
    /// `node`, `service` … as reports for programs name it.
    package var kind: String {
        switch self {
        case .cluster: "cluster"
        case .node: "node"
        case .service: "service"
        case .servicePort: "service port"
        case .pod: "pod"
        case .other: "other"
        }
    }

    /// The subject without its kind: `worker-a`, `shop/api:http`.
    package var name: String {
        switch self {
        case .cluster: "cluster"
        case .node(let name): name
        case .service(let name): name.description
        case .servicePort(let name, let port): "\(name):\(port)"
        case .pod(let name): name.description
        case .other(let text): text
        }
    }

    /// Whether a user means this subject: by the whole text, the name, or the Service of a port.
    package func isMeant(by text: String) -> Bool {
        if text == description || text == name { return true }
        guard case .servicePort(let service, _) = self else { return false }
        return text == service.description || text == "svc/\(service)"
    }
}

extension Finding {
    /// What makes it the same finding in two runs: code and subject, and the rule's text where a rule is at fault.
    ///
    /// Neither line numbers nor counts are part of it, since both change while a fault stays what it is.
    package var identity: String {
        let rules = evidence.compactMap { piece in
            if case .line(_, _, let text) = piece, Self.isRule(text) { text } else { nil }
        }
        let base = "\(check.code):\(subject)"
        guard let first = rules.min() else { return base }
        return "\(base)~\(Self.digest(Self.withoutCounters(first)))"
    }

    /// Identities of findings in one report: those that would be alike are numbered.
    package static func identities(of findings: [Finding]) -> [String] {
        var seen: [String: Int] = [:]
        return findings.map { finding in
            let identity = finding.identity
            let number = (seen[identity] ?? 0) + 1
            seen[identity] = number
            return number == 1 ? identity : "\(identity)#\(number)"
        }
    }

    private static func isRule(_ text: String) -> Bool {
        let plain = withoutCounters(text)
        return plain.hasPrefix("-A ") || plain.hasSuffix("drop") || plain.contains(" drop ")
            || plain.contains("reject")
    }

    /// `[12:720] -A FORWARD …` without the counters that `iptables-save -c` prints.
    private static func withoutCounters(_ text: String) -> String {
        guard text.hasPrefix("["), let end = text.firstIndex(of: "]") else { return text }
        return String(text[text.index(after: end)...].drop { $0 == " " })
    }

    /// FNV-1a over the bytes, folded to eight hexadecimal digits.
    private static func digest(_ text: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let folded = UInt32(truncatingIfNeeded: hash ^ (hash >> 32))
        let digits = String(folded, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }
}
