package import ClewNet

/// Makes packets that are likely to hit the rules: their values are those that the rules ask, and their neighbours.
package struct ProbeGenerator: Sendable {
    private var random: FuzzRandom
    private let network: FuzzNetwork
    private let hints: FuzzHints

    package init(seed: UInt64, family: AddressFamily, hints: FuzzHints) {
        random = FuzzRandom(seed: seed)
        network = FuzzNetwork(family)
        self.hints = hints
    }

    private var family: AddressFamily { network.family }

    package mutating func probes(_ count: Int) -> [Probe] {
        var result: [Probe] = []
        var seen = Set<Probe>()
        var tries = 0
        while result.count < count, tries < count * 20 {
            tries += 1
            guard let probe = probe(), seen.insert(probe).inserted else { continue }
            result.append(probe)
        }
        return result
    }

    private mutating func probe() -> Probe? {
        let (entry, source) = origin()
        let destination = destination()
        guard isSensible(entry, source, destination) else { return nil }
        let number = ipProtocol()
        var probe = Probe(entry, from: source, to: destination, number)
        setPorts(&probe)
        probe.ttl = random.chance(1, of: 8) ? near(hints.ttls, 64) : 64
        probe.ttl = max(probe.ttl, 1)
        probe.tos = random.chance(1, of: 4) ? near(hints.tos, 0) : 0
        if number != .sctp { probe.payload = payload(probe) }
        guard probe.source != probe.destination || probe.sourcePort != probe.destinationPort else { return nil }
        return probe
    }

    private mutating func origin() -> (ProbeEntry, IPAddress) {
        switch random.weighted([4, 2, 3, 2, 3, 4]) {
        case 0: return (.wire("eth0"), outside("eth0"))
        case 1: return (.wire("eth1"), random.chance(1, of: 8) ? outside("eth0") : outside("eth1"))
        case 2: return pod("b1")
        case 3: return pod("b2")
        case 4: return pod("c1")
        default:
            let own = random.chance(1, of: 12) ? network.loopback : random.pick(network.own, else: network.eth0)
            return (.process, own)
        }
    }

    private mutating func pod(_ name: String) -> (ProbeEntry, IPAddress) {
        let own = network.addresses(ofPod: name)
        return (.pod(name), hinted(own) ?? random.pick(own, else: network.eth0))
    }

    private mutating func outside(_ device: String) -> IPAddress {
        let known = network.outside(device)
        return hinted(known) ?? random.pick(known, else: network.eth0)
    }

    private mutating func hinted(_ values: [IPAddress]) -> IPAddress? {
        let both = values.filter(hints.addresses.contains)
        return both.isEmpty || random.chance(1, of: 3) ? nil : random.pick(both, else: values[0])
    }

    private mutating func destination() -> IPAddress {
        if !hints.addresses.isEmpty, random.chance(3, of: 5) { return random.pick(hints.addresses, else: network.eth0) }
        switch random.weighted([4, 3, 2, 1, 3, 1]) {
        case 0: return random.pick(network.pods, else: network.eth0)
        case 1: return random.pick(network.own, else: network.eth0)
        case 2: return random.pick(network.outside("eth0"), else: network.eth0)
        case 3: return random.pick(network.outside("eth1"), else: network.eth0)
        case 4: return random.pick(network.virtual, else: network.eth0)
        default: return network.loopback
        }
    }

    /// What a real machine would send, and what the probe can be injected as.
    private func isSensible(_ entry: ProbeEntry, _ source: IPAddress, _ destination: IPAddress) -> Bool {
        switch entry {
        case .pod(let name): return !network.addresses(ofPod: name).contains(destination) && !destination.isLoopback
        case .wire: return !destination.isLoopback
        // A loopback source goes to the node itself; and ::1 belongs on lo.
        case .process:
            if source.isLoopback { return network.isOwn(destination) || family == .ipv4 }
            return family == .ipv4 || !destination.isLoopback
        }
    }

    private mutating func ipProtocol() -> IPProtocol {
        if !hints.protocols.isEmpty, random.chance(1, of: 2) { return random.pick(hints.protocols, else: .tcp) }
        let icmp: IPProtocol = family == .ipv4 ? .icmp : .icmpv6
        return random.pick([.tcp, .tcp, .tcp, .tcp, .udp, .udp, .udp, icmp, .sctp, .gre], else: .tcp)
    }

    private mutating func setPorts(_ probe: inout Probe) {
        switch probe.ipProtocol {
        case .icmp, .icmpv6:
            let echo: UInt16 = probe.ipProtocol == .icmp ? 8 : 128
            let others: [UInt16] = probe.ipProtocol == .icmp ? [0, 13, 3, 5] : [129, 1]
            let type = random.chance(3, of: 4) ? echo : random.pick(others, else: echo)
            probe.destinationPort = type << 8 | (random.chance(1, of: 10) ? 1 : 0)
            probe.sourcePort = 1 + UInt16(random.below(60000))
        case let number where number.hasPorts:
            probe.sourcePort = random.chance(1, of: 3) ? port() : UInt16(32768 + random.below(20000))
            probe.destinationPort = port()
            if number == .tcp { probe.tcpFlags = tcpFlags() }
        default: break
        }
    }

    private mutating func port() -> UInt16 { max(1, near(hints.ports, random.pick([80, 53, 8080, 4321], else: 80))) }

    private mutating func tcpFlags() -> UInt8 {
        guard random.chance(1, of: 6) else { return Probe.syn }
        return random.pick([0x10, 0x18, 0x12, 0x04, 0x14, 0x01, 0x11, 0x00, 0x03, 0x29, 0x42, 0xC2], else: 0x10)
    }

    private mutating func payload(_ probe: Probe) -> UInt16 {
        let bare = probe.length
        let wanted = random.chance(1, of: 3) ? near(hints.lengths, bare) : bare
        return wanted > bare && wanted - bare < 1000 ? wanted - bare : 0
    }

    /// One of the values or one beside it.
    private mutating func near<Number: FixedWidthInteger>(_ values: [Number], _ fallback: Number) -> Number {
        guard !values.isEmpty, random.chance(4, of: 5) else { return fallback }
        let value = random.pick(values, else: fallback)
        switch random.below(6) {
        case 0: return value &+ 1
        case 1: return value &- 1
        default: return value
        }
    }
}
