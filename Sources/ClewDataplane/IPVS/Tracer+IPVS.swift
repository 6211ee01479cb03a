import ClewNet
import ClewSnapshot

extension Tracer {
    /// IPVS at LOCAL_IN, LOCAL_OUT and FORWARD (`ip_vs_core.c`): gives back the packets that go on through the hook.
    mutating func balance(_ hook: Hook, _ namespace: CompiledNamespace, _ state: WalkState) -> [WalkState] {
        guard !state.isVirtual else { return [state] }
        var state = state
        let packet = state.packet
        for connection in state.virtualConnections where connection.namespace == namespace.index {
            guard connection.ipProtocol == packet.ipProtocol else { continue }
            let from = SocketAddress(packet.source, packet.sourcePort)
            let to = SocketAddress(packet.destination, packet.destinationPort)
            if from == connection.real, to == connection.client {
                let before = packet.tuple
                state.packet.source = connection.virtual.address
                state.packet.sourcePort = connection.virtual.port
                interpreter.domain.translated(.ipvs, before, &state)
                state.isVirtual = true
                // `handle_response`: an answer is tracked no more than the request was.
                if namespace.sysctl("net.ipv4.vs.conntrack")?.value == "0" { forgetTrack(&state) }
                return [state]
            }
        }
        guard hook != .forward, packet.ipProtocol.hasPorts else { return [state] }
        let client = SocketAddress(packet.source, packet.sourcePort)
        let virtual = SocketAddress(packet.destination, packet.destinationPort)
        let known = state.virtualConnections.first {
            $0.namespace == namespace.index && $0.ipProtocol == packet.ipProtocol && $0.client == client
                && $0.virtual == virtual
        }
        if let known, let server = virtualServer(for: packet, namespace),
            let real = server.realServers.first(where: {
                $0.address == known.real.address && ($0.port == known.real.port || $0.port == 0)
            })
        {
            hand(state, to: real, of: virtual, hook, namespace)
            return scheduledLocally(hook)
        }
        guard let server = virtualServer(for: packet, namespace) else { return [state] }
        schedule(server, hook, namespace, state)
        return scheduledLocally(hook)
    }

    private func virtualServer(for packet: Packet, _ namespace: CompiledNamespace) -> VirtualServer? {
        let servers = namespace.state.virtualServers ?? []
        if packet.mark != 0, let marked = servers.first(where: { $0.firewallMark == packet.mark }) { return marked }
        return servers.first {
            $0.address == packet.destination && $0.ipProtocol == packet.ipProtocol && $0.port == packet.destinationPort
        }
            ?? servers.first {
                $0.address == packet.destination && $0.ipProtocol == packet.ipProtocol && $0.port == 0
            }
    }

    /// `ip_vs_schedule`: a fork for every real server that may be chosen.
    private mutating func schedule(
        _ server: VirtualServer, _ hook: Hook, _ namespace: CompiledNamespace, _ state: WalkState
    ) {
        var state = state
        let usable = server.realServers.filter { $0.weight > 0 }
        let virtual = SocketAddress(state.packet.destination, state.packet.destinationPort)
        guard !usable.isEmpty else {
            let lack = server.realServers.isEmpty ? "no real server" : "only real servers of weight 0"
            end(
                state, .rejected,
                "the virtual server \(virtual) on \(namespace.node) has \(lack): port unreachable",
                source: server.source)
            return
        }
        if server.persistence != nil {
            assume("the client is new to the persistent virtual server \(virtual)", source: server.source, &state)
        }
        let isWeighted =
            server.scheduler.rawValue.hasPrefix("w") || ["sed", "fo", "ovf"].contains(server.scheduler.rawValue)
        if !["rr", "wrr"].contains(server.scheduler.rawValue) {
            assume(
                "the scheduler \(server.scheduler.rawValue) is taken to choose by \(isWeighted ? "weight" : "turns")",
                source: server.source, &state)
        }
        let total = usable.reduce(UInt64(0)) { $0 + (isWeighted ? UInt64($1.weight) : 1) }
        for real in usable {
            var own = state
            if usable.count > 1 {
                interpreter.domain.part(isWeighted ? UInt64(real.weight) : 1, of: total, &own)
            }
            hand(own, to: real, of: virtual, hook, namespace)
        }
    }

    /// `ip_vs_nat_xmit`: the packet gets the real server's address and, unless that is local, is sent out anew.
    private mutating func hand(
        _ state: WalkState, to real: RealServer, of virtual: SocketAddress, _ hook: Hook, _ namespace: CompiledNamespace
    ) {
        var state = state
        guard real.method == .masquerade else {
            doubt("the forwarding method of real server \(real.address) is not modelled", source: real.source, &state)
            end(state, .indeterminate, "IPVS forwards by \(real.method), which is not modelled", source: real.source)
            return
        }
        let before = state.packet.tuple
        let address = SocketAddress(real.address, real.port == 0 ? virtual.port : real.port)
        state.virtualConnections.append(
            IPVSConnection(
                namespace: namespace.index, client: SocketAddress(before.source, before.sourcePort), virtual: virtual,
                real: address, ipProtocol: before.ipProtocol))
        state.packet.destination = address.address
        state.packet.destinationPort = address.port
        state.isVirtual = true
        say(.ipvs, "IPVS gives \(virtual) to \(address)", real.source, &state)
        interpreter.domain.translated(.ipvs, before, &state)
        alterReply(address, namespace, &state)
        if namespace.router.isLocal(address.address) {
            scheduled.append((hook, state))
            return
        }
        if hook == .input {
            guard state.packet.ttl > 1 else {
                end(state, .looped, "goes round: its TTL ends on \(namespace.place)", cause: .loop)
                return
            }
            state.packet.ttl -= 1
        }
        state.packet.input = .none
        for (routed, way) in routeOutput(state, namespace) { sendOut(routed, way, namespace) }
    }

    /// `ip_vs_update_conntrack`; without `vs/conntrack` the packet is not tracked from here on.
    private mutating func alterReply(_ real: SocketAddress, _ namespace: CompiledNamespace, _ state: inout WalkState) {
        let sysctl = namespace.sysctl("net.ipv4.vs.conntrack")
        if let sysctl, sysctl.value == "0" {
            say(.ipvs, "net.ipv4.vs.conntrack = 0: iptables cannot translate this packet", sysctl.source, &state)
            forgetTrack(&state)
            return
        }
        if sysctl == nil {
            assume("net.ipv4.vs.conntrack of \(namespace.node) was not collected and is taken to be 1", &state)
        }
        guard state.hasConnection else { return }
        state.connection.reply.source = real.address
        state.connection.reply.sourcePort = real.port
    }

    /// `ip_vs_notrack`: a packet that conntrack found invalid has nothing to lose, and stays so.
    private func forgetTrack(_ state: inout WalkState) {
        guard state.hasConnection else { return }
        if state.connection.isConfirmed {
            state.park()
        } else {
            // Nobody else holds the entry: it is gone, and the client's next packet opens another.
            state.hasConnection = false
        }
        state.conntrackState = .untracked
    }

    private mutating func scheduledLocally(_ hook: Hook) -> [WalkState] {
        let own = scheduled.filter { $0.hook == hook }.map(\.state)
        scheduled.removeAll { $0.hook == hook }
        return own
    }
}
