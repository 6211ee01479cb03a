import ClewTestSupport

/// Foreign rules made at random, anywhere around kube-proxy's.
///
/// Nobody knows beforehand what they do: the simulator of single packets judges.
extension Damage {
    static var random: [Damage] {
        [
            Damage("a random foreign rule") { text, random in
                insert(1, into: &text, &random)
                return .any
            },
            Damage("four random foreign rules") { text, random in
                insert(4, into: &text, &random)
                return .any
            },
            Damage("a random rule inside a Service's chain") { text, random in
                let places = text.rules("nat") { $0.chain.hasPrefix("KUBE-") }
                guard let index = pick(places, &random) else { return nil }
                let chain = text.lines[index].chain
                // A kernel refuses DNAT in a chain that POSTROUTING leads to (`xt_nat.c`, its targets' hooks).
                let hook = chain == "KUBE-POSTROUTING" ? "POSTROUTING" : "PREROUTING"
                let rule = "\(chain) \(matches(hook, &random))-j \(target("nat", hook, &random))"
                text.lines.insert(SaveText.Line(table: "nat", text: "-A " + rule), at: index)
                return .any
            },
            Damage("a random foreign chain") { text, random in
                let (table, hook) = place(&random)
                // The table may be new.
                text.append(table, "\(hook) -m addrtype --src-type BROADCAST -j RETURN")
                text.declare("SITE", table)
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    text.append(table, "SITE \(matches(hook, &random))-j \(target(table, hook, &random))")
                }
                text.insertFirst(table, "\(hook) \(matches(hook, &random))-j SITE")
                return .any
            },
        ]
    }

    private static func insert(_ count: Int, into text: inout SaveText, _ random: inout SeededGenerator) {
        for _ in 0..<count {
            let (table, hook) = place(&random)
            let rule = "\(hook) \(matches(hook, &random))-j \(target(table, hook, &random))"
            if Bool.random(using: &random) { text.insertFirst(table, rule) } else { text.append(table, rule) }
        }
    }

    private static func any<T>(_ list: [T], _ random: inout SeededGenerator) -> T {
        list[Int.random(in: 0..<list.count, using: &random)]
    }

    private static func place(_ random: inout SeededGenerator) -> (table: String, hook: String) {
        let table = any(["raw", "mangle", "nat", "filter"], &random)
        switch table {
        case "raw": return (table, any(["PREROUTING", "OUTPUT"], &random))
        case "filter": return (table, any(["INPUT", "FORWARD", "OUTPUT"], &random))
        case "nat": return (table, any(["PREROUTING", "OUTPUT", "POSTROUTING"], &random))
        default: return (table, any(["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"], &random))
        }
    }

    private static func matches(_ hook: String, _ random: inout SeededGenerator) -> String {
        func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &random) == 0 }
        func not(_ n: Int) -> String { chance(n) ? "! " : "" }
        let pods = ["10.244.1.0/24", "10.244.1.5/32", "10.244.1.8/29", "10.244.2.0/24", "10.244.0.0/16"]
        let sources = pods + ["192.168.50.0/24", "192.168.50.11/32", "203.0.113.0/24", "0.0.0.0/1"]
        let destinations = sources + ["10.96.0.0/12", "10.96.0.20/32", "10.96.0.24/30", "198.51.100.200/32"]
        var result = ""
        if chance(2) { result += "\(not(4))-s \(any(sources, &random)) " }
        if chance(2) { result += "\(not(4))-d \(any(destinations, &random)) " }
        if hook != "POSTROUTING", hook != "OUTPUT", chance(5) {
            result += "\(not(3))-i \(any(["eth0", "cni0", "cni+"], &random)) "
        }
        if hook != "PREROUTING", hook != "INPUT", chance(5) {
            result += "\(not(3))-o \(any(["eth0", "cni0", "lo"], &random)) "
        }
        if chance(3) {
            let name = any(["tcp", "udp"], &random)
            let ports = [
                "--dport 80", "--dport 80:90", "--dport 30000:32767", "--dport 8080:8090", "--sport 1024:65535",
            ]
            result += "-p \(name) "
            if chance(2) {
                result += "-m \(name) \(not(4))\(any(ports, &random)) "
            } else if chance(2) {
                result += "-m multiport --dports 80,82,8080,30080:30082 "
            }
        }
        if chance(6) { result += "-m addrtype \(not(3))\(any(["--dst-type", "--src-type"], &random)) LOCAL " }
        if chance(6) { result += "-m mark \(not(3))--mark 0x4000/0x4000 " }
        if chance(8) { result += "-m conntrack --ctstate \(any(["NEW", "RELATED,ESTABLISHED", "DNAT"], &random)) " }
        if chance(8) { result += "-m iprange --src-range 10.244.1.5-10.244.1.20 " }
        if chance(10) { result += "-m statistic --mode random --probability 0.50000000000 " }
        return result
    }

    private static func target(_ table: String, _ hook: String, _ random: inout SeededGenerator) -> String {
        let common = ["ACCEPT", "RETURN", "ACCEPT"]
        switch table {
        case "raw": return any(common + ["DROP", "CT --notrack"], &random)
        case "mangle":
            return any(common + ["DROP", "MARK --set-xmark 0x4000/0x4000", "MARK --set-xmark 0x0/0xffff"], &random)
        case "nat" where hook == "POSTROUTING": return any(common + ["MASQUERADE"], &random)
        case "nat":
            return any(
                common + [
                    "DNAT --to-destination 10.9.9.9", "DNAT --to-destination 10.244.1.5",
                    "MARK --set-xmark 0x4000/0x4000",
                ], &random)
        default: return any(common + ["DROP", "REJECT --reject-with icmp-port-unreachable"], &random)
        }
    }
}
