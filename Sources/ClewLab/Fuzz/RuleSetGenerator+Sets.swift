import ClewNet

extension RuleSetGenerator {
    private var familyName: String { family == .ipv4 ? "inet" : "inet6" }

    /// A few sets of several types, for rules to ask.
    mutating func makeSets() {
        sets = []
        for number in 0..<random.below(5) {
            let name = "s\(number)"
            switch random.below(15) {
            case 9:
                sets.append(
                    FuzzSet(
                        name, "hash:ip,port,net family \(familyName)",
                        elements: elements { "\($0.address()),\($0.setPort()),\($0.setNetwork(noMatch: false))" },
                        dimensions: 3))
            case 10:
                sets.append(
                    FuzzSet(
                        name, "hash:net,iface family \(familyName)",
                        elements: elements { "\($0.setNetwork(noMatch: false)),\($0.setDevice())" }, dimensions: 2))
            case 11 where family == .ipv4:
                sets.append(
                    FuzzSet(
                        name, "bitmap:ip range 10.1.0.0/16",
                        elements: elements { "10.1.0.\($0.random.below(8))" }, dimensions: 1))
            case 12 where family == .ipv4:
                sets.append(
                    FuzzSet(
                        name, "bitmap:ip,mac range 10.1.0.0/24",
                        elements: elements { generator in
                            let mac = generator.random.pick(FuzzNetwork.peers.map(\.mac), else: FuzzNetwork.mac(0x0102))
                            return "10.1.0.\(generator.random.below(8)),\(mac)"
                        }, dimensions: 2))
            case 13:
                let length = family == .ipv4 ? 24 : 64
                sets.append(
                    FuzzSet(
                        name, "hash:ip family \(familyName) netmask \(length)",
                        elements: elements { "\($0.address())" },
                        dimensions: 1))
            case 14:
                sets.append(
                    FuzzSet(
                        name, "hash:ip family \(familyName) skbinfo",
                        elements: elements { "\($0.address()) skbmark 0x\($0.random.pick("1/0xff", "4000/0x4000"))" },
                        dimensions: 1))
            case 0, 1:
                sets.append(
                    FuzzSet(
                        name, "hash:ip family \(familyName)", elements: elements { "\($0.address())" }, dimensions: 1))
            case 2, 3:
                sets.append(
                    FuzzSet(
                        name, "hash:ip,port family \(familyName)",
                        elements: elements { "\($0.address()),\($0.setPort())" }, dimensions: 2))
            case 4:
                sets.append(
                    FuzzSet(
                        name, "hash:net family \(familyName)", elements: elements { $0.setNetwork() }, dimensions: 1))
            case 5:
                sets.append(
                    FuzzSet(
                        name, "hash:net,port family \(familyName)",
                        elements: elements { "\($0.setNetwork(noMatch: false)),\($0.setPort())" }, dimensions: 2))
            case 6:
                sets.append(
                    FuzzSet(
                        name, "hash:ip,port,ip family \(familyName)",
                        elements: elements { "\($0.address()),\($0.setPort()),\($0.address())" }, dimensions: 3))
            case 7:
                sets.append(
                    FuzzSet(name, "bitmap:port range 0-65535", elements: elements { $0.portRange("-") }, dimensions: 1))
            default:
                let members = sets.filter { $0.dimensions == 1 && !$0.definition.hasPrefix("list") }.map(\.name)
                guard !members.isEmpty else { continue }
                sets.append(FuzzSet(name, "list:set size 8", elements: random.some(members, most: 2), dimensions: 1))
            }
        }
    }

    private mutating func elements(_ make: (inout Self) -> String) -> [String] {
        var seen = Set<String>()
        return (0..<1 + random.below(5)).map { _ in make(&self) }.filter {
            seen.insert($0.split(separator: " ").first.map(String.init) ?? "").inserted
        }
    }

    private mutating func setDevice() -> String {
        random.chance(1, of: 5)
            ? "physdev:\(random.pick(FuzzNetwork.ports, else: "p1"))" : random.pick(FuzzNetwork.devices, else: "eth0")
    }

    private mutating func setPort() -> String {
        switch random.below(6) {
        case 0: return "udp:\(port())"
        case 1: return family == .ipv4 ? "icmp:echo-request" : "icmpv6:echo-request"
        case 2: return "sctp:\(port())"
        default: return "tcp:\(port())"
        }
    }

    private mutating func setNetwork(noMatch: Bool = true) -> String {
        let prefixes = network.prefixes.filter { !$0.contains("/255") && !$0.contains("/ffff") }
        var text = random.chance(1, of: 2) ? random.pick(prefixes, else: "") : "\(address())"
        if noMatch, random.chance(1, of: 5) { text += " nomatch" }
        return text
    }

    mutating func addSet(_ draft: inout Draft) {
        guard !sets.isEmpty else { return }
        let set = random.pick(sets, else: sets[0])
        let sides = (0..<set.dimensions).map { _ in random.pick("src", "dst", "dst") }
        let returns = set.definition.hasPrefix("hash:net ") && random.chance(1, of: 8) ? " --return-nomatch" : ""
        draft.matches.append("-m set \(not())--match-set \(set.name) \(sides.joined(separator: ","))\(returns)")
    }
}
