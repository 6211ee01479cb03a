/// Which file of a bundle a text belongs into, by what it holds.
package enum ContentGuess {
    /// The file's name; `nil` where the text has no form that is known, one that several commands have, or several.
    package static func fileName(for bytes: [UInt8]) -> String? {
        if holdsSeveral(bytes) { return nil }
        let head = String(decoding: bytes.prefix(1 << 14), as: UTF8.self)
        let lines = head.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }.filter {
            !$0.isEmpty
        }
        guard let first = lines.first else { return nil }
        if first.hasPrefix("[") || first.hasPrefix("{") { return json(head) }
        return rules(lines) ?? devices(lines) ?? tables(lines)
    }

    /// Whether lines with which the outputs of several commands begin are in it.
    private static func holdsSeveral(_ bytes: [UInt8]) -> Bool {
        var found: String?
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.endIndex
            if let sign = sign(of: bytes[start..<end]) {
                if let found, found != sign { return true }
                found = sign
            }
            start = end + 1
        }
        return false
    }

    /// What a line is the beginning of.
    private static func sign(of line: ArraySlice<UInt8>) -> String? {
        switch line.first {
        case UInt8(ascii: "*"):
            let name = String(decoding: line.prefix(12), as: UTF8.self).trimmingEnd
            return ["*nat", "*filter", "*mangle", "*raw", "*security"].contains(name) ? "dump" : nil
        case UInt8(ascii: "t"): return line.starts(with: "table ".utf8) && line.contains(0x7B) ? "nft" : nil
        case UInt8(ascii: "1"): return line.starts(with: "1: lo: <".utf8) ? "devices" : nil
        case UInt8(ascii: "0"): return line.starts(with: "0:\tfrom all lookup".utf8) ? "rules" : nil
        case UInt8(ascii: "d"): return line.starts(with: "default via ".utf8) ? "routes" : nil
        case UInt8(ascii: "C"): return line.starts(with: "Chain ".utf8) ? "listing" : nil
        case UInt8(ascii: "I"): return line.starts(with: "IP Virtual Server version".utf8) ? "ipvs" : nil
        case UInt8(ascii: "n"): return line.starts(with: "net.".utf8) && line.contains(0x3D) ? "sysctl" : nil
        default: return nil
        }
    }

    private static func rules(_ lines: [Substring]) -> String? {
        func has(_ isWanted: (Substring) -> Bool) -> Bool { lines.contains(where: isWanted) }
        let isSix = has { $0.contains("ip6tables") || $0.contains("/128") || $0.contains(" ::/0") }
        let tool = isSix ? "ip6tables" : "iptables"
        if has({ ["*nat", "*filter", "*mangle", "*raw", "*security"].contains($0) }) { return "\(tool)-save.txt" }
        if has({ $0.hasPrefix("table ") && $0.hasSuffix("{") }) { return "nft-list-ruleset.txt" }
        if has({ $0.hasPrefix("-P INPUT ") || $0.hasPrefix("-P PREROUTING ") || $0.hasPrefix("-N KUBE-") }) {
            return "\(tool)-list.txt"
        }
        if has({ $0.hasPrefix("Chain ") && ($0.contains("(policy ") || $0.contains(" references)")) }) {
            return "\(tool)-list.txt"
        }
        if has({ $0.hasPrefix("create ") && $0.contains(":") && $0.contains("family ") }) { return "ipset-save.txt" }
        if has({ $0.hasPrefix("Name: ") }), has({ $0.hasPrefix("Type: ") }) { return "ipset-list.txt" }
        if has({ $0.hasPrefix("IP Virtual Server version") }) { return "ipvsadm-list.txt" }
        if has({ $0.hasPrefix("-A -t ") || $0.hasPrefix("-A -u ") }) { return "ipvsadm-save.txt" }
        return nil
    }

    private static func devices(_ lines: [Substring]) -> String? {
        func has(_ isWanted: (Substring) -> Bool) -> Bool { lines.contains(where: isWanted) }
        if has({ $0.contains(": <") && $0.contains("> mtu ") }) {
            if has({
                $0.contains(" master ") && $0.contains(" state ") && $0.contains(" priority ") && $0.contains(" cost ")
            }) {
                return "bridge-link.txt"
            }
            return has { $0.hasPrefix("inet ") || $0.hasPrefix("inet6 ") } ? "ip-addr.txt" : "ip-link.txt"
        }
        if has({ $0.contains("Link encap:") || ($0.contains("flags=") && $0.contains("mtu ")) }) {
            return "ifconfig.txt"
        }
        return nil
    }

    private static func tables(_ lines: [Substring]) -> String? {
        func most(_ isWanted: (Substring) -> Bool) -> Bool { 2 * lines.count(where: isWanted) > lines.count }
        if most({
            $0.hasPrefix("net.") && $0.contains(" = ") || $0.contains(".") && $0.contains(" = ") && !$0.contains("{")
        }),
            lines.contains(where: { $0.hasPrefix("net.") })
        {
            return "sysctl.txt"
        }
        if most({ $0.contains(" src=") && $0.contains(" dst=") }) { return "conntrack.txt" }
        if lines.contains(where: { $0.hasPrefix("Kernel IP routing table") || $0.hasPrefix("Destination     Gateway") })
        {
            return "route.txt"
        }
        if lines.contains(where: { $0.hasPrefix("Address") && $0.contains("HWtype") }) { return "arp.txt" }
        if lines.contains(where: { $0.hasPrefix("Netid") && $0.contains("State") }) { return "ss-listen.txt" }
        if lines.contains(where: { $0.hasPrefix("Active Internet connections") || $0.hasPrefix("Proto Recv-Q") }) {
            return "netstat.txt"
        }
        if most({ $0.contains(":") && $0.contains("from ") && ($0.contains("lookup ") || $0.contains("table ")) }) {
            return "ip-rule.txt"
        }
        if most({ $0.contains(" dev ") && ($0.contains(" self") || $0.contains(" master ")) }) {
            return "bridge-fdb.txt"
        }
        if most({ $0.contains(" lladdr ") || $0.hasSuffix(" FAILED") || $0.hasSuffix(" INCOMPLETE") }) {
            return "ip-neigh.txt"
        }
        if most({ $0.contains(" dev ") && ($0.contains("scope ") || $0.contains("via ") || $0.contains("proto ")) }) {
            return lines.contains { $0.contains("::") || $0.contains("metric 256 pref") }
                ? "ip-6-route.txt" : "ip-route.txt"
        }
        return nil
    }

    private static func json(_ head: String) -> String? {
        for (key, name) in [
            ("\"nftables\"", "nft-list-ruleset"), ("\"addr_info\"", "ip-addr"), ("\"linkinfo\"", "ip-link"),
            ("\"link_type\"", "ip-link"), ("\"lladdr\"", "ip-neigh"), ("\"prefsrc\"", "ip-route"),
            ("\"srclen\"", "ip-rule"),
        ] where head.contains(key) {
            return name + ".json"
        }
        if head.contains("\"dst\""), head.contains("\"dev\"") { return "ip-route.json" }
        if head.contains("\"src\""), head.contains("\"table\""), head.contains("\"priority\"") { return "ip-rule.json" }
        return nil
    }
}

extension String {
    /// Without blanks and carriage returns behind it.
    fileprivate var trimmingEnd: Substring {
        var text = Substring(self)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
