import ClewNet
import ClewSnapshot

extension PacketWalk {
    /// `xt_set.c`: each dimension takes the packet's source or destination side.
    func inSet(_ reference: SetReference, _ state: WalkState, _ rules: CompiledRules) -> Ternary {
        let packet = state.packet
        let name = Int(reference.name.rawValue)
        guard name < rules.sets.count, let set = rules.sets[name], !reference.comparesCounters else { return .unknown }
        let probes = reference.usesSource.map { usesSource in
            CompiledIPSet.Probe(
                address: usesSource ? packet.source : packet.destination,
                port: Self.setPort(packet, usesSource: usesSource),
                link: namespace.link(usesSource ? packet.input : packet.output)?.name)
        }
        if state.changedSets.contains(set.set.name) { return .unknown }
        if !state.setChanges.isEmpty, var element = element(reference, set.set.type, packet) {
            element.set = set.set.name
            if let isIn = state.setChanges[element] { return reference.returnNoMatch ? .no : Ternary(isIn) }
        }
        if set.set.type.contains("mac") { return .unknown }
        if let family = set.set.family, family != packet.family { return .no }
        let table = namespace.ipSets
        let (answer, entry) = set.contains(
            probes, ipProtocol: packet.ipProtocol, mark: packet.mark, nested: { table?.set(named: $0) })
        if reference.returnNoMatch { return Ternary(entry?.noMatch ?? false) }
        return answer
    }

    /// `get_port` of `ip_set_getport.c`: ICMP's type and code whatever the direction, 0 where there is no port.
    private static func setPort(_ packet: Packet, usesSource: Bool) -> UInt16 {
        switch packet.ipProtocol {
        case .icmp, .icmpv6: packet.destinationPort
        case .tcp, .udp, .sctp, IPProtocol(rawValue: 136): usesSource ? packet.sourcePort : packet.destinationPort
        default: 0
        }
    }

    /// What SET would add of a packet, to a set whose elements are nothing but that; `nil` for the other types.
    private func element(_ reference: SetReference, _ type: String, _ packet: Packet) -> SetElement? {
        guard let dimensions = Self.plainTypes[type], dimensions.count == reference.usesSource.count else { return nil }
        var element = SetElement(
            namespace: namespace.index, set: "", addresses: [], port: 0, ipProtocol: IPProtocol(rawValue: 0))
        for (dimension, usesSource) in zip(dimensions, reference.usesSource) {
            switch dimension {
            case .address: element.addresses.append(usesSource ? packet.source : packet.destination)
            case .port:
                element.port = Self.setPort(packet, usesSource: usesSource)
                element.ipProtocol = packet.ipProtocol
            }
        }
        return element
    }

    private enum Dimension { case address, port }

    private static let plainTypes: [String: [Dimension]] = [
        "hash:ip": [.address], "hash:ip,port": [.address, .port], "hash:ip,port,ip": [.address, .port, .address],
    ]

    /// `xt_set.c`, target: what a packet's addresses and ports are in its set from now on.
    func change(_ target: SetTarget, _ state: inout WalkState, _ rules: CompiledRules) {
        let name = rules.ruleSet.name(target.set.name)
        let number = Int(target.set.name.rawValue)
        guard target.action != .map else { return }
        guard number < rules.sets.count, let set = rules.sets[number], !set.set.isMasked,
            var element = element(target.set, set.set.type, state.packet)
        else {
            state.changedSets.insert(name)
            return
        }
        element.set = name
        state.setChanges[element] = target.action == .add
        for list in namespace.ipSets?.lists(holding: name) ?? [] { state.changedSets.insert(list) }
    }
}
