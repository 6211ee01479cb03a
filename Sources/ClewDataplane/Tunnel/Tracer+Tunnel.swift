import ClewBundle
import ClewNet
import ClewSnapshot

extension Tracer {
    // MARK: - VXLAN

    /// `vxlan_xmit`: the neighbour table gives the remote device's MAC, the forwarding database the remote node.
    mutating func wrapInVXLAN(_ state: WalkState, _ link: LinkIndex, _ namespace: CompiledNamespace) {
        guard let device = namespace.link(link) else { return }
        var state = state
        let nextHop = state.nextHop ?? state.packet.destination
        guard let mac = tunnelNeighbor(nextHop, device, namespace, &state) else { return }
        guard let remote = tunnelRemote(mac.address, nextHop, device, namespace, &state) else { return }
        guard remote != device.tunnel?.local else {
            end(
                state, .dropped, "\(device.name) on \(namespace.node) sends to itself for \(nextHop)",
                source: device.source, cause: .loop)
            return
        }
        // The kernel's own default (`vxlan.c`: vxlan_port).
        let port = device.tunnel?.port ?? 8472
        let vni = device.tunnel?.vni ?? 1
        encapsulate(
            state, .vxlan(vni: vni), to: remote, from: device.tunnel?.local, device, namespace,
            ipProtocol: .udp, sourcePort: 51_000, destinationPort: port, overhead: 50, destinationMAC: mac.address)
    }

    /// The MAC of the next hop on a tunnel device; `address` is `nil` where neighbours were not collected.
    private mutating func tunnelNeighbor(
        _ nextHop: IPAddress, _ device: Link, _ namespace: CompiledNamespace, _ state: inout WalkState
    ) -> (address: MACAddress?, Bool)? {
        guard namespace.state.neighbors != nil else {
            assume("neighbours of \(namespace.node) were not collected: \(device.name) knows \(nextHop)", &state)
            return (nil, false)
        }
        let entry = namespace.layerTwo.neighbor(nextHop, on: device.name)
        if let mac = entry?.mac, let entry {
            say(.neighbor, entry.text, entry.source, &state)
            return (mac, true)
        }
        // flannel enters its neighbours itself; where the device learns, the kernel would ask.
        guard device.tunnel?.learning == false || device.name.hasPrefix("flannel") else {
            doubt(
                "\(device.name) on \(namespace.node) has no neighbour entry for \(nextHop) and would ask for it", &state
            )
            return (nil, false)
        }
        end(
            state, .dropped, "\(device.name) on \(namespace.node) has no neighbour entry for \(nextHop)",
            source: entry?.source ?? device.source, text: entry?.text ?? "no entry for \(nextHop) dev \(device.name)",
            cause: .noNeighbor)
        return nil
    }

    private mutating func tunnelRemote(
        _ mac: MACAddress?, _ nextHop: IPAddress, _ device: Link, _ namespace: CompiledNamespace,
        _ state: inout WalkState
    ) -> IPAddress? {
        if namespace.state.forwardingEntries != nil, let mac {
            func entry(_ mac: MACAddress) -> ForwardingEntry? {
                namespace.layerTwo.forwardingEntry(mac) { $0.device == device.name && $0.remote != nil }
            }
            if let entry = entry(mac) ?? entry(MACAddress(rawValue: 0)) {
                say(.encapsulation, entry.text, entry.source, &state)
                return entry.remote
            }
            if let remote = device.tunnel?.remote { return remote }
            end(
                state, .dropped, "\(device.name) on \(namespace.node) has no forwarding entry for \(mac)",
                source: device.source, text: "no entry for \(mac) dev \(device.name)", cause: .noForwardingEntry)
            return nil
        }
        if let remote = device.tunnel?.remote { return remote }
        guard let host = world.hosts(having: nextHop).first(where: { $0 != namespace.index }),
            let remote = world[host].underlayAddress(nextHop.family)
        else {
            doubt("the node behind \(nextHop) on \(device.name) is not known", &state)
            end(
                state, .leavesSnapshot, "leaves \(namespace.node) by \(device.name) for a node that is not known",
                place: .uncollected)
            return nil
        }
        assume(
            "forwarding entries of \(namespace.node) were not collected: \(device.name) reaches \(nextHop) at \(remote)",
            &state)
        return remote
    }

    // MARK: - IPIP

    /// `ipip_tunnel_xmit`: to the tunnel's remote end, or on a device without one to the route's gateway.
    mutating func wrapInIPIP(_ state: WalkState, _ link: LinkIndex, _ namespace: CompiledNamespace) {
        guard let device = namespace.link(link) else { return }
        let configured = device.tunnel?.remote.flatMap { $0.isZero ? nil : $0 }
        let remote = configured ?? state.nextHop ?? state.packet.destination
        encapsulate(
            state, .ipip, to: remote, from: device.tunnel?.local.flatMap { $0.isZero ? nil : $0 }, device, namespace,
            ipProtocol: .ipip, sourcePort: 0, destinationPort: 0, overhead: 20, destinationMAC: nil)
    }

    // MARK: - flannel's UDP backend

    /// A TUN device hands packets to flanneld, which sends them to the node that has the destination's subnet.
    mutating func wrapInUDP(_ state: WalkState, _ link: LinkIndex, _ namespace: CompiledNamespace) {
        guard let device = namespace.link(link) else { return }
        var state = state
        let destination = state.packet.destination
        guard device.name.hasPrefix("flannel") else {
            doubt("what reads from \(device.name) is not known", source: device.source, &state)
            end(
                state, .indeterminate, "leaves \(namespace.place) by \(device.name) into a program",
                source: device.source)
            return
        }
        guard let owner = leaseholder(of: destination, besides: namespace),
            let remote = world[owner].underlayAddress(destination.family)
        else {
            doubt("which node flanneld sends \(destination) to is not known", source: device.source, &state)
            end(
                state, .leavesSnapshot, "leaves \(namespace.node) by \(device.name) for a node that was not collected",
                place: .uncollected)
            return
        }
        assume(
            "flanneld on \(namespace.node) sends \(destination) to \(world[owner].node) (\(remote)), UDP port 8285",
            &state)
        state.packet.mark = 0
        encapsulate(
            state, .udpTunnel, to: remote, from: nil, device, namespace, ipProtocol: .udp, sourcePort: 8285,
            destinationPort: 8285, overhead: 28, destinationMAC: nil)
    }

    /// The node whose lease holds an address: by its spec.podCIDRs, else by who has or knows the address.
    private func leaseholder(of address: IPAddress, besides namespace: CompiledNamespace) -> NamespaceIndex? {
        let leases = world.snapshot.objects.nodes.filter { $0.podCIDRs.contains { $0.contains(address) } }
        if let host = leases.lazy.compactMap({ self.world.hosts[$0.name] }).first(where: { $0 != namespace.index }) {
            return host
        }
        return world.hosts.values.sorted { $0.rawValue < $1.rawValue }.first { host in
            guard host != namespace.index else { return false }
            return world.hosts(having: address).contains(host)
                || PodAttachment(of: address, on: world[host], in: world) != nil
        }
    }

    // MARK: - Common

    /// The outer packet is sent by this namespace like any local one.
    ///
    /// It keeps the inner packet's mark (`iptunnel_xmit`).
    private mutating func encapsulate(
        _ state: WalkState, _ kind: Encapsulated.Kind, to remote: IPAddress, from local: IPAddress?, _ device: Link,
        _ namespace: CompiledNamespace, ipProtocol: IPProtocol, sourcePort: UInt16, destinationPort: UInt16,
        overhead: UInt16, destinationMAC: MACAddress?
    ) {
        var state = state
        guard state.outer.count < 2 else {
            end(
                state, .looped, "\(device.name) on \(namespace.node) wraps what is wrapped already",
                source: device.source, cause: .loop)
            return
        }
        guard let source = local ?? sourceAddress(to: remote, namespace) else {
            end(
                state, .noRoute, "no route on \(namespace.node) to the tunnel end \(remote)", source: device.source,
                cause: .noRoute)
            return
        }
        var outer = Packet(
            opening: ConntrackTuple(
                source: source, destination: remote, ipProtocol: ipProtocol, sourcePort: sourcePort,
                destinationPort: destinationPort))
        outer.mark = state.packet.mark
        outer.length = state.packet.length &+ overhead
        state.outer.append(
            Encapsulated(
                kind: kind, inner: state.packet, destinationMAC: destinationMAC, isReply: state.isReplyDirection))
        state.packet = outer
        state.forgetConnection()
        state.isVirtual = false
        log(.encapsulated(keep(outer.tuple)), &state)
        for (routed, way) in routeOutput(state, namespace) { sendOut(routed, way, namespace) }
    }

    /// The source address a process here would get for a destination (`ip_route_connect`).
    ///
    /// The first look-up knows no source address yet, but protocol and destination port.
    func sourceAddress(
        to destination: IPAddress, _ namespace: CompiledNamespace, ipProtocol: IPProtocol? = nil,
        destinationPort: UInt16 = 0
    ) -> IPAddress? {
        var query = RouteQuery(destination: destination)
        query.ipProtocol = ipProtocol
        query.destinationPort = destinationPort
        guard case .found(let number) = namespace.router.lookUp(query) else {
            return destination.isLoopback ? destination : nil
        }
        let route = namespace.router.routes[number]
        return namespace.source(for: route, hop: namespace.router.liveHops(route).first, to: destination)
    }

    /// Unwraps a tunnel's packet that has come through INPUT.
    ///
    /// False: it is no such packet, or nobody here unwraps it.
    mutating func decapsulate(_ state: WalkState, _ namespace: CompiledNamespace) -> Bool {
        guard let wrapped = state.outer.last else { return false }
        var state = state
        let family = state.packet.family
        let found = namespace.links.indices.first { number in
            let link = namespace.links[number]
            switch wrapped.kind {
            case .vxlan(let vni):
                let isVXLAN = link.kind == .vxlan || (link.kind == .unknown("") && link.name.hasPrefix("flannel."))
                // A device's UDP socket is of one family: its own end's, else the other end's, else IPv4 (`vxlan_open`).
                let socket = link.tunnel?.local?.family ?? link.tunnel?.remote?.family ?? .ipv4
                return isVXLAN && (link.tunnel?.isExternal == true || socket == family)
                    && (link.tunnel?.vni ?? vni) == vni
                    && (link.tunnel?.port ?? 8472) == state.packet.destinationPort
            case .ipip: return link.kind == .ipip || link.name.hasPrefix("tunl")
            case .udpTunnel: return link.name.hasPrefix("flannel") && !link.name.hasPrefix("flannel.")
            }
        }
        guard let found else {
            if namespace.state.links == nil { return false }
            end(
                state, .dropped,
                "\(namespace.place) has no device that unwraps the tunnel's packet (\(family == .ipv4 ? "IPv4" : "IPv6"))",
                cause: .noTunnelDevice)
            return true
        }
        let device = namespace.links[found]
        if case .udpTunnel = wrapped.kind, let sockets = namespace.state.sockets,
            namespace.state.socketProtocols.contains(.udp),
            !sockets.contains(where: { $0.ipProtocol == .udp && $0.port == 8285 })
        {
            return false
        }
        guard device.isUp else {
            end(state, .dropped, "\(device.name) on \(namespace.node) is down", source: device.source, cause: .linkDown)
            return true
        }
        if case .vxlan = wrapped.kind, let wanted = wrapped.destinationMAC, let own = device.mac, wanted != own {
            end(
                state, .dropped, "the frame is for \(wanted), but \(device.name) on \(namespace.node) is \(own)",
                source: device.source, text: "\(device.name) \(own)", cause: .wrongAddress)
            return true
        }
        state.outer.removeLast()
        let mark = state.packet.mark
        state.packet = wrapped.inner
        state.packet.leaveDevice()
        state.packet.mark = mark
        state.forgetConnection()
        log(.decapsulated(keep(state.packet.tuple)), &state)
        receive(state, on: LinkIndex(rawValue: Int32(found)), of: namespace)
        return true
    }
}

extension CompiledNamespace {
    /// The address other nodes reach this one at: that of the default route's link, else the first global one of a plain link.
    func underlayAddress(_ family: AddressFamily) -> IPAddress? {
        func global(_ link: Link?) -> IPAddress? {
            link?.addresses.first {
                $0.address.family == family && !$0.address.address.isLinkLocal && !$0.address.address.isLoopback
            }?.address.address
        }
        if let own = global(link(defaultLink(family))) { return own }
        for (number, link) in links.enumerated() where !link.isLoopback && !isBridge(LinkIndex(rawValue: Int32(number)))
        {
            switch link.kind {
            case .tun, .vxlan, .ipip, .dummy: continue
            default: if let own = global(link) { return own }
            }
        }
        return nil
    }
}
