import ClewNet

extension RuleSetGenerator {
    private static let withPorts: Set<IPProtocol> = [.tcp, .udp, .sctp]

    private var icmp: IPProtocol { family == .ipv4 ? .icmp : .icmpv6 }

    /// `-p`; what asks for a protocol's fields comes behind it.
    mutating func addProtocol(_ draft: inout Draft, portsOnly: Bool = false) {
        guard draft.ipProtocol == nil, !draft.matches.contains(where: { $0.contains("-p ") }) else { return }
        let all: [IPProtocol] = [.tcp, .tcp, .tcp, .udp, .udp, .sctp] + (portsOnly ? [] : [icmp, .gre])
        let number = random.pick(all, else: .tcp)
        hint { $0.protocols.append(number) }
        if !portsOnly, random.chance(1, of: 10) {
            draft.matches.append("! -p \(number)")
            return
        }
        draft.matches.append("-p \(number)")
        draft.ipProtocol = number
        guard random.chance(2, of: 3) else { return }
        switch number {
        case .tcp, .udp, .sctp: addPorts(&draft, number)
        case icmp: addICMP(&draft)
        default: break
        }
    }

    private mutating func addPorts(_ draft: inout Draft, _ number: IPProtocol) {
        switch random.below(number == .tcp ? 7 : 5) {
        case 0: draft.matches.append("-m \(number) \(not())--sport \(portRange())")
        case 1, 2: draft.matches.append("-m \(number) \(not())--dport \(portRange())")
        case 3, 4: draft.matches.append(multiport())
        case 5: draft.matches.append("-m tcp \(not())\(random.pick("--syn", tcpFlags()))")
        default: draft.matches.append("-m tcp \(not())\(tcpFlags())")
        }
    }

    private mutating func multiport() -> String {
        let side = random.pick("--sports", "--dports", "--dports", "--ports")
        let list = (0..<1 + random.below(4)).map { _ in portRange() }
        return "-m multiport \(not())\(side) \(list.joined(separator: ","))"
    }

    private mutating func tcpFlags() -> String {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"]
        let mask = random.some(names, most: 4)
        let set = mask.filter { _ in random.chance(1, of: 2) }
        return "--tcp-flags \(mask.joined(separator: ",")) \(set.isEmpty ? "NONE" : set.joined(separator: ","))"
    }

    private mutating func addICMP(_ draft: inout Draft) {
        let type =
            family == .ipv4
            ? random.pick("8", "0", "3/1", "any", "3", "13", "8/0") : random.pick("128", "129", "1/0", "1", "128/0")
        let option = family == .ipv4 ? "-m icmp \(not())--icmp-type" : "-m icmp6 \(not())--icmpv6-type"
        draft.matches.append("\(option) \(type)")
    }

    mutating func addMatch(_ draft: inout Draft) {
        let kinds = random.weighted([6, 6, 5, 4, 4, 3, 6, 2, 3, 3, 5, 4, 3, 3, 2, 2, 2, 2, 2, 2, 1, 1, 2, 1, 1])
        switch kinds {
        case 0: add("-s", "\(not())-s \(addressOrPrefix())", &draft)
        case 1: add("-d", "\(not())-d \(addressOrPrefix())", &draft)
        case 2: addInterface(&draft)
        case 3: add("-m mark", "-m mark \(not())--mark \(markWithMask())", &draft)
        case 4: add("-m connmark", "-m connmark \(not())--mark \(markWithMask())", &draft)
        case 5: addProtocol(&draft, portsOnly: true)
        case 6: addConntrack(&draft)
        case 7: add("-m state", "-m state \(not())--state \(states().joined(separator: ","))", &draft)
        case 8: addAddressType(&draft)
        case 9: addRange(&draft)
        case 10: addSet(&draft)
        case 11: add("-m statistic", statistic(), &draft)
        case 12: addPhysicalDevice(&draft)
        case 13: add("-m length", "-m length \(not())--length \(length())", &draft)
        case 14: addTTL(&draft)
        case 15: add("-m dscp", "-m dscp \(not())--dscp \(dscp())", &draft)
        case 16: add("-m tos", "-m tos \(not())--tos \(tos())", &draft)
        case 17: addReversePath(&draft)
        case 18: addRecent(&draft)
        case 19: addLimit(&draft)
        case 20:
            add(
                "-m pkttype", "-m pkttype \(not())--pkt-type \(random.pick("unicast", "broadcast", "multicast"))",
                &draft)
        case 21: addOddities(&draft)
        case 22: addEthernet(&draft)
        case 23: addTCPOptions(&draft)
        case 24 where random.chance(1, of: 2): add("-m nfacct", "-m nfacct --nfacct-name \(FuzzLab.account)", &draft)
        default: add("-m comment", "-m comment --comment \"rule \(random.below(100))\"", &draft)
        }
    }

    /// A match of each kind once a rule.
    private func add(_ kind: String, _ text: String, _ draft: inout Draft) {
        let taken = draft.matches.contains { $0.hasPrefix(kind + " ") || $0.hasPrefix("! " + kind + " ") }
        if !taken { draft.matches.append(text) }
    }

    // MARK: - Devices

    private mutating func devicePattern(_ names: [String]) -> String {
        switch random.below(5) {
        case 0: random.pick(["eth+", "e+", "br+", "cali+", "lo+", "x+"], else: "eth+")
        default: random.pick(names, else: "eth0")
        }
    }

    private mutating func addInterface(_ draft: inout Draft) {
        let isInput = random.chance(1, of: 2)
        // iptables refuses these by the name of the built-in chain.
        if isInput, draft.base == "OUTPUT" || draft.base == "POSTROUTING" { return }
        if !isInput, draft.base == "PREROUTING" || draft.base == "INPUT" { return }
        let option = isInput ? "-i" : "-o"
        add(option, "\(not())\(option) \(devicePattern(FuzzNetwork.devices))", &draft)
    }

    private mutating func addPhysicalDevice(_ draft: inout Draft) {
        var parts: [String] = []
        let seesOutput = draft.hooks.isSubset(of: ["FORWARD", "POSTROUTING"])
        if random.chance(1, of: 2) { parts.append("\(not())--physdev-in \(devicePattern(FuzzNetwork.ports + ["p+"]))") }
        if seesOutput {
            if random.chance(1, of: 3) { parts.append("\(not())--physdev-is-bridged") }
            if random.chance(1, of: 6) { parts.append("\(not())--physdev-is-out") }
            if random.chance(1, of: 3), draft.hooks == ["FORWARD"] {
                parts.append("\(not())--physdev-out \(devicePattern(FuzzNetwork.ports + ["p+"]))")
            }
        }
        if parts.isEmpty { parts.append("\(not())--physdev-is-in") }
        add("-m physdev", "-m physdev " + parts.joined(separator: " "), &draft)
    }

    private mutating func addReversePath(_ draft: inout Draft) {
        guard draft.hooks == ["PREROUTING"], draft.table == "raw" || draft.table == "mangle" else { return }
        let options = ["--loose", "--validmark", "--accept-local", "--invert"].filter { _ in random.chance(1, of: 3) }
        add("-m rpfilter", (["-m rpfilter"] + options).joined(separator: " "), &draft)
    }

    private mutating func addAddressType(_ draft: inout Draft) {
        let names =
            family == .ipv4
            ? [
                "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE",
                "PROHIBIT",
            ]
            : ["UNSPEC", "UNICAST", "LOCAL", "ANYCAST", "MULTICAST", "UNREACHABLE"]
        func types(_ random: inout FuzzRandom) -> String { random.some(names, most: 2).joined(separator: ",") }
        var parts: [String] = []
        if random.chance(1, of: 2) { parts.append("\(not())--src-type \(types(&random))") }
        if parts.isEmpty || random.chance(1, of: 2) { parts.append("\(not())--dst-type \(types(&random))") }
        if random.chance(1, of: 6), draft.hooks.isSubset(of: ["PREROUTING", "INPUT", "FORWARD"]) {
            parts.append("--limit-iface-in")
        } else if random.chance(1, of: 6), draft.hooks.isSubset(of: ["POSTROUTING", "OUTPUT", "FORWARD"]) {
            parts.append("--limit-iface-out")
        }
        add("-m addrtype", "-m addrtype " + parts.joined(separator: " "), &draft)
    }

    // MARK: - Addresses, sizes, bits

    private mutating func addRange(_ draft: inout Draft) {
        let side = random.pick("--src-range", "--dst-range")
        let (a, b) = (address(), address())
        add("-m iprange", "-m iprange \(not())\(side) \(min(a, b))-\(max(a, b))", &draft)
    }

    private mutating func length() -> String {
        let base: UInt16 = family == .ipv4 ? 20 : 40
        let first = base + UInt16(random.pick([8, 20, 28, 40, 100], else: 20))
        hint { $0.lengths.append(first) }
        return random.chance(1, of: 2) ? "\(first)" : "\(first):\(first + UInt16(random.below(200)))"
    }

    private mutating func addTTL(_ draft: inout Draft) {
        let value = random.pick([1, 2, 32, 63, 64, 65, 128], else: UInt8(64))
        hint { $0.ttls.append(value) }
        if family == .ipv4 {
            let option = random.pick("\(not())--ttl-eq", "--ttl-lt", "--ttl-gt")
            add("-m ttl", "-m ttl \(option) \(value)", &draft)
        } else {
            let option = random.pick("\(not())--hl-eq", "--hl-lt", "--hl-gt")
            add("-m hl", "-m hl \(option) \(value)", &draft)
        }
    }

    private mutating func dscp() -> String {
        let value = random.pick([0, 8, 46], else: UInt8(8))
        hint { $0.tos.append(value << 2) }
        return "0x" + String(value, radix: 16)
    }

    mutating func tos() -> String {
        let value = random.pick([0, 0x10, 0x08, 0xB8], else: UInt8(0x10))
        hint { $0.tos.append(value) }
        return "0x\(String(value, radix: 16))/0x\(random.pick("ff", "3f", "fc"))"
    }

    // MARK: - Connections

    private mutating func states() -> [String] {
        random.some(["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED"], most: 3)
    }

    private mutating func addConntrack(_ draft: inout Draft) {
        var parts: [String] = []
        for _ in 0..<random.weighted([0, 6, 2, 1]) {
            let (option, value): (String, String)
            switch random.below(8) {
            case 0, 1:
                (option, value) = (
                    "ctstate",
                    random.some(["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "SNAT", "DNAT"], most: 3)
                        .joined(separator: ",")
                )
            case 2:
                (option, value) = (
                    "ctstatus",
                    random.some(["NONE", "SEEN_REPLY", "CONFIRMED", "EXPECTED", "ASSURED"], most: 2).joined(
                        separator: ",")
                )
            case 3: (option, value) = ("ctproto", "\(random.pick([.tcp, .udp, icmp], else: IPProtocol.tcp))")
            case 4, 5:
                (option, value) = (random.pick("ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst"), addressOrPrefix())
            case 6:
                (option, value) = (
                    random.pick("ctorigsrcport", "ctorigdstport", "ctreplsrcport", "ctrepldstport"), portRange()
                )
            default: (option, value) = ("ctdir", random.pick("ORIGINAL", "REPLY"))
            }
            guard !parts.contains(where: { $0.contains("--\(option) ") }) else { continue }
            parts.append("\(option == "ctdir" ? "" : not())--\(option) \(value)")
        }
        add("-m conntrack", "-m conntrack " + parts.joined(separator: " "), &draft)
    }

    // MARK: - Chance and memory

    mutating func statistic() -> String {
        // What comes by turns is not by chance: it is left out where lots are counted.
        let byTurns = random.chance(1, of: 3)
        if byTurns, chance != .open { return "-m statistic --mode nth \(not())--every 1 --packet 0" }
        let share =
            switch chance {
            case .never: "0.00000000000"
            case .always: "1.00000000000"
            case .open: "0.50000000000"
            }
        return "-m statistic --mode random \(not())--probability \(share)"
    }

    private mutating func addRecent(_ draft: inout Draft) {
        let list = random.pick("KEEP", "SEEN")
        var text = "-m recent \(not())--\(random.pick("set", "rcheck", "update", "remove"))"
        if !text.hasSuffix("set"), !text.hasSuffix("remove") {
            if random.chance(1, of: 3) { text += " --seconds 300" }
            if random.chance(1, of: 5) { text += " --hitcount \(1 + random.below(2))" }
        }
        let mask = random.chance(1, of: 8) ? (family == .ipv4 ? " --mask 255.255.255.0" : " --mask ffff:ffff::") : ""
        add("-m recent", text + mask + " --name \(list) \(random.pick("--rsource", "--rsource", "--rdest"))", &draft)
    }

    private mutating func addLimit(_ draft: inout Draft) {
        switch random.below(5) {
        case 4: add("-m quota", "-m quota \(not())--quota 1000000000000", &draft)
        case 0, 1: add("-m limit", "-m limit --limit 100000/sec --limit-burst 10000", &draft)
        case 2:
            add(
                "-m connlimit",
                "-m connlimit --connlimit-\(random.pick("upto", "above")) 50 --connlimit-mask 0 --connlimit-saddr",
                &draft)
        default:
            let name = "h\(random.below(1000))"
            add(
                "-m hashlimit",
                "-m hashlimit --hashlimit-\(random.pick("upto", "above")) 100000/sec --hashlimit-burst 10000 --hashlimit-mode srcip --hashlimit-name \(name)",
                &draft)
        }
    }

    /// Clew does not trace Ethernet addresses: what it says has to hold either way.
    private mutating func addEthernet(_ draft: inout Draft) {
        guard draft.hooks.isSubset(of: ["PREROUTING", "INPUT", "FORWARD"]) else { return }
        let mac = random.pick(FuzzNetwork.peers.map(\.mac), else: FuzzNetwork.mac(0x0102))
        add("-m mac", "-m mac \(not())--mac-source \(mac)", &draft)
    }

    private mutating func addTCPOptions(_ draft: inout Draft) {
        guard draft.ipProtocol == .tcp, !draft.matches.contains(where: { $0.hasPrefix("-m tcp") }) else { return }
        let text = random.pick("-m tcp \(not())--tcp-option 2", "-m tcpmss \(not())--mss 1000:1500")
        add(String(text.prefix(6)), text, &draft)
    }

    private mutating func addOddities(_ draft: inout Draft) {
        if family == .ipv4 {
            add("-f", "\(not())-f", &draft)
        } else {
            let text = random.pick(
                "-m frag --fragid 0:4294967295", "-m rt", "-m hbh", "-m dst", "-m ah --ahspi 0:4294967295",
                "-m ipv6header \(not())--header dst,hop --soft", "-m ipv6header --header none",
                "-m ipv6header --header prot --soft")
            add(String(text.split(separator: " ").prefix(2).joined(separator: " ")), text, &draft)
        }
    }
}
