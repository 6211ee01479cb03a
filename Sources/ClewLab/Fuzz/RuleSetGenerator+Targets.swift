import ClewNet

extension RuleSetGenerator {
    /// What the rule does: a jump where there is somewhere to go, else what its table and hooks allow.
    mutating func target(_ draft: inout Draft, jumps: [String]) -> String {
        if !jumps.isEmpty, random.chance(2, of: 5) {
            return random.chance(1, of: 4) ? "-g \(random.pick(jumps, else: ""))" : "-j \(random.pick(jumps, else: ""))"
        }
        switch random.below(12) {
        case 0: return "-j RETURN"
        case 1: return "-j MARK \(mark())"
        case 2: return "-j CONNMARK \(connmark())"
        case 3: return ""
        case 4: return log()
        case 5, 6: return verdict(&draft)
        default: return tableTarget(&draft) ?? verdict(&draft)
        }
    }

    private mutating func verdict(_ draft: inout Draft) -> String {
        if draft.table == "nat" { return random.pick("-j ACCEPT", "-j RETURN") }
        switch random.below(7) {
        case 0: return "-j DROP"
        case 1, 2: return reject(&draft) ?? "-j ACCEPT"
        case 3: return "-j RETURN"
        default: return "-j ACCEPT"
        }
    }

    private mutating func reject(_ draft: inout Draft) -> String? {
        guard draft.table == "filter" || draft.table == "security" && false else { return nil }
        if draft.ipProtocol == .tcp, random.chance(1, of: 2) { return "-j REJECT --reject-with tcp-reset" }
        let kind =
            family == .ipv4
            ? random.pick(
                "icmp-port-unreachable", "icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable",
                "icmp-net-prohibited", "icmp-host-prohibited", "icmp-admin-prohibited")
            : random.pick(
                "icmp6-port-unreachable", "icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable",
                "icmp6-policy-fail", "icmp6-reject-route")
        return "-j REJECT --reject-with \(kind)"
    }

    private mutating func log() -> String {
        switch random.below(4) {
        case 3: "-j AUDIT --type accept"
        case 0: "-j NFLOG --nflog-group 7"
        case 1: sets.isEmpty ? "-j NFLOG --nflog-group 7" : setTarget()
        default: "-j LOG --log-prefix \"x\""
        }
    }

    private mutating func setTarget() -> String {
        let set = random.pick(sets, else: sets[0])
        guard set.definition.hasPrefix("hash:ip ") || set.definition.hasPrefix("hash:ip,port ") else {
            return "-j NFLOG --nflog-group 7"
        }
        let sides = (0..<set.dimensions).map { _ in random.pick("src", "dst") }
        return "-j SET --\(random.pick("add-set", "del-set")) \(set.name) \(sides.joined(separator: ","))"
    }

    private mutating func mark() -> String {
        let value = "0x" + String(random.pick([0, 1, 0x40, 0x4000, 0x8000, 0xC000], else: UInt32(1)), radix: 16)
        switch random.below(5) {
        case 0: return "--and-mark \(value)"
        case 1: return "--or-mark \(value)"
        case 2: return "--xor-mark \(value)"
        case 3: return "--set-mark \(markWithMask())"
        default: return "--set-xmark \(markWithMask())"
        }
    }

    private mutating func connmark() -> String {
        let masks =
            random.chance(1, of: 2)
            ? ""
            : " --nfmask 0x\(random.pick("ff", "ffff", "c000")) --ctmask 0x\(random.pick("ff", "ffff", "ffffffff"))"
        switch random.below(4) {
        case 0: return "--save-mark" + masks
        case 1: return "--restore-mark" + masks
        case 2: return "--set-mark \(markWithMask())"
        default: return "--set-xmark \(markWithMask())"
        }
    }

    private mutating func tableTarget(_ draft: inout Draft) -> String? {
        switch draft.table {
        case "raw":
            switch random.below(15) {
            case 0, 1: return "-j CT --notrack"
            case 2, 3: return "-j NOTRACK"
            case 4: return random.pick("-j CT --ctevents new", "-j CT --ctevents destroy", "-j CT --zone 5")
            case 5: return "-j TRACE"
            default: return nil
            }
        case "mangle": return mangle(&draft)
        case "nat": return translation(&draft)
        default: return nil
        }
    }

    private mutating func mangle(_ draft: inout Draft) -> String? {
        switch random.below(7) {
        case 5:
            return draft.ipProtocol == .udp ? "-j CHECKSUM --checksum-fill" : nil
        case 6:
            return draft.hooks.isSubset(of: ["FORWARD", "OUTPUT", "POSTROUTING"]) ? "-j CLASSIFY --set-class 1:1" : nil
        case 0:
            let option = family == .ipv4 ? ("TTL", "ttl") : ("HL", "hl")
            let value = random.pick([1, 2, 10, 63, 64], else: 1)
            let change = random.pick("set \(value)", "inc \(1 + random.below(3))", "dec \(1 + random.below(3))")
            return "-j \(option.0) --\(option.1)-\(change)"
        case 1:
            if random.chance(1, of: 4) {
                return "-j TOS --set-tos 0x\(random.pick("10", "8"))/0x\(random.pick("3f", "1c"))"
            }
            return
                "-j TOS --\(random.pick("set-tos", "and-tos", "or-tos", "xor-tos")) 0x\(random.pick("10", "8", "b8", "f0"))"
        case 2: return "-j DSCP --set-dscp 0x\(random.pick("0", "8", "2e"))"
        case 3:
            guard draft.ipProtocol == .tcp, !draft.matches.contains(where: { $0.contains("-m tcp") }) else {
                return nil
            }
            draft.matches.append("-m tcp --tcp-flags SYN,RST SYN")
            let mayClamp = draft.hooks.isSubset(of: ["FORWARD", "OUTPUT", "POSTROUTING"])
            return mayClamp && random.chance(1, of: 3) ? "-j TCPMSS --clamp-mss-to-pmtu" : "-j TCPMSS --set-mss 1200"
        default: return random.chance(1, of: 2) ? "-j CONNMARK \(connmark())" : "-j MARK \(mark())"
        }
    }

    // MARK: - Translation

    private mutating func translation(_ draft: inout Draft) -> String? {
        if draft.hooks.isSubset(of: ["PREROUTING", "OUTPUT"]) { return destination(&draft) }
        if draft.hooks.isSubset(of: ["POSTROUTING", "INPUT"]) { return source(&draft) }
        return nil
    }

    private var network4: String { family == .ipv4 ? "10.1.0.0/29" : "fd00:1::/125" }

    private func socket(_ address: IPAddress, _ port: String) -> String {
        family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    private mutating func destination(_ draft: inout Draft) -> String {
        switch random.below(8) {
        case 0:
            let ports = hasPorts(draft) && random.chance(1, of: 2) ? " --to-ports \(portRange("-"))" : ""
            return "-j REDIRECT\(ports)"
        case 1: return "-j NETMAP --to \(random.pick(network4, "\(address())"))"
        default: break
        }
        let extra = random.chance(1, of: 12) ? " --\(random.pick("random", "persistent"))" : ""
        let address = target()
        guard hasPorts(draft), random.chance(2, of: 3) else { return "-j DNAT --to-destination \(address)\(extra)" }
        if random.chance(1, of: 10) { return "-j DNAT --to-destination :\(port())\(extra)" }
        if random.chance(1, of: 10) {
            // Port 8000 becomes 80, and so on.
            return "-j DNAT --to-destination \(socket(address, "80-90/\(port())"))\(extra)"
        }
        let ports = random.chance(1, of: 6) ? portRange("-") : "\(port())"
        return "-j DNAT --to-destination \(socket(address, ports))\(extra)"
    }

    /// Pods mostly: somebody who gets the packet.
    private mutating func target() -> IPAddress {
        switch random.below(8) {
        case 0: random.pick(network.own, else: network.eth0)
        case 1: random.pick(network.outside("eth0"), else: network.eth0)
        case 2: random.chance(1, of: 3) ? network.loopback : random.pick(network.pods, else: network.eth0)
        default: random.pick(network.pods, else: network.eth0)
        }
    }

    private mutating func source(_ draft: inout Draft) -> String {
        let randomly = random.chance(1, of: 10) ? " --\(random.pick("random", "random-fully"))" : ""
        if draft.hooks == ["POSTROUTING"], random.chance(1, of: 2) {
            let ports = hasPorts(draft) && random.chance(1, of: 5) ? " --to-ports \(port())" : ""
            if hasPorts(draft), random.chance(1, of: 30) { return "-j MASQUERADE --to-ports 2000-2010" }
            return "-j MASQUERADE\(ports)\(randomly)"
        }
        if random.chance(1, of: 8) { return "-j NETMAP --to \(random.pick(network4, "\(address())"))" }
        let address = random.pick(network.own + network.outside("eth0"), else: network.eth0)
        guard hasPorts(draft), random.chance(1, of: 4) else { return "-j SNAT --to-source \(address)\(randomly)" }
        return "-j SNAT --to-source \(socket(address, "\(port())"))\(randomly)"
    }

    private func hasPorts(_ draft: Draft) -> Bool { draft.ipProtocol.map(\.hasPorts) ?? false }
}
