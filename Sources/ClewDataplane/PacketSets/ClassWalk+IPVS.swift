import ClewNet
import ClewSnapshot

/// Virtual servers by what packets they take.
struct VirtualServerIndex: Sendable {
    struct Key: Hashable {
        var address: IPAddress
        var ipProtocol: IPProtocol
        var port: UInt16
    }

    let servers: [VirtualServer]
    private var byKey: [Key: Int] = [:]
    private var byMark: [UInt32: Int] = [:]

    init(_ servers: [VirtualServer]) {
        self.servers = servers
        for (number, server) in servers.enumerated() {
            if let mark = server.firewallMark {
                if byMark[mark] == nil { byMark[mark] = number }
            } else if let address = server.address {
                let key = Key(address: address, ipProtocol: server.ipProtocol, port: server.port)
                if byKey[key] == nil { byKey[key] = number }
            }
        }
    }

    var isEmpty: Bool { servers.isEmpty }

    func marked(_ mark: UInt32) -> Int? { mark == 0 ? nil : byMark[mark] }

    /// `ip_vs_service_find`: the port, else a server for every port.
    func server(_ address: IPAddress, _ ipProtocol: IPProtocol, _ port: UInt16) -> Int? {
        byKey[Key(address: address, ipProtocol: ipProtocol, port: port)]
            ?? byKey[Key(address: address, ipProtocol: ipProtocol, port: 0)]
    }
}

extension ClassWalk {
    /// IPVS at LOCAL_IN and LOCAL_OUT: gives back the classes that go on through the hook.
    mutating func balance(_ hook: Hook, _ state: PacketClass) -> [PacketClass] {
        guard !state.isVirtual, state.ipProtocol.hasPorts else { return [state] }
        if let marked = virtualServers.marked(state.mark) {
            schedule(marked, hook, state)
            return takeScheduled()
        }
        if let address = interpreter.domain.sets.single(state.destination),
            let port = interpreter.domain.sets.single(state.destinationPort)
        {
            let server = virtualServers.server(
                IPAddress(bits: address, family), state.ipProtocol, UInt16(truncatingIfNeeded: port))
            guard let server else { return [state] }
            schedule(server, hook, state)
            return takeScheduled()
        }
        var result: [PacketClass] = []
        for part in interpreter.domain.sift(state, products(state)) {
            guard let server = part.value else {
                result.append(part.state)
                continue
            }
            schedule(server, hook, part.state)
        }
        return result + takeScheduled()
    }

    /// Servers for one port go before those for every port.
    private func products(_ state: PacketClass) -> [ClassProduct] {
        let own = virtualServers.servers.enumerated().filter {
            $0.element.firewallMark == nil && $0.element.ipProtocol == state.ipProtocol
                && $0.element.address?.family == family
        }
        return (own.filter { $0.element.port != 0 } + own.filter { $0.element.port == 0 }).compactMap {
            number, server in
            guard let address = server.address else { return nil }
            var fields: [(field: ClassField, range: ValueRange)] = [(.destination, ValueRange(address.bits))]
            if server.port != 0 { fields.append((.destinationPort, ValueRange(UInt128(server.port)))) }
            return ClassProduct(fields: fields, value: number)
        }
    }

    /// `ip_vs_schedule`: a part for every real server that may be chosen.
    private mutating func schedule(_ number: Int, _ hook: Hook, _ state: PacketClass) {
        let server = virtualServers.servers[number]
        let usable = server.realServers.enumerated().filter { $0.element.weight > 0 }
        guard !usable.isEmpty else {
            var own = state
            interpreter.domain.log(.scheduled(server: UInt32(truncatingIfNeeded: number), real: .max), &own)
            end(.rejected(.portUnreachable), own)
            return
        }
        let name = server.scheduler.rawValue
        let isWeighted = name.hasPrefix("w") || ["sed", "fo", "ovf"].contains(name)
        let total = usable.reduce(UInt64(0)) { $0 + (isWeighted ? UInt64($1.element.weight) : 1) }
        for (place, real) in usable {
            var own = state
            if usable.count > 1 {
                interpreter.domain.take(isWeighted ? UInt64(real.weight) : 1, of: total, &own)
            }
            interpreter.domain.log(
                .scheduled(server: UInt32(truncatingIfNeeded: number), real: UInt32(truncatingIfNeeded: place)), &own)
            hand(own, to: real, hook)
        }
    }

    /// `ip_vs_nat_xmit`.
    private mutating func hand(_ state: PacketClass, to real: RealServer, _ hook: Hook) {
        var state = state
        guard real.method == .masquerade else {
            interpreter.domain.doubt(
                "the forwarding method of real server \(real.address) is not modelled", source: real.source, &state)
            end(.unknown, state)
            return
        }
        state.sentDestination = state.originalDestination
        state.destination = interpreter.domain.sets.set(real.address.bits)
        if real.port != 0 {
            state.sentDestinationPort = state.originalDestinationPort
            state.destinationPort = interpreter.domain.sets.set(UInt128(real.port))
        }
        state.isVirtual = true
        if namespace.sysctl("net.ipv4.vs.conntrack")?.value == "0" {
            state.hasEntry = false
            state.conntrackState = .untracked
        }
        if namespace.router.isLocal(real.address) {
            scheduled.append(state)
            return
        }
        state.input = .none
        for (routed, way) in route(state) { sendOut(routed, way) }
    }

    private mutating func takeScheduled() -> [PacketClass] {
        let own = scheduled
        scheduled.removeAll()
        return own
    }
}
