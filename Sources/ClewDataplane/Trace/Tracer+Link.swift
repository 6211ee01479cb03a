import ClewBundle
import ClewNet
import ClewSnapshot

extension Tracer {
    /// `dev_queue_xmit`: out of a link, to `state.nextHop`.
    mutating func transmit(_ state: WalkState, on link: LinkIndex, of namespace: CompiledNamespace) {
        move(to: namespace)
        var state = state
        guard let device = namespace.link(link) else {
            end(state, .indeterminate, "the packet leaves \(namespace.place) by a device that is not known")
            return
        }
        log(.sent(link), &state)
        if staysLocal { return leaveWalk(state, .leavesSnapshot) }
        guard device.isUp else {
            end(
                state, .dropped, "\(device.name) on \(namespace.place) is down", source: device.source, cause: .linkDown
            )
            return
        }
        doubtUnmodelledPaths(on: link, of: namespace, &state)
        if namespace.isBridge(link) {
            bridge(state, link, from: .host, of: namespace)
            return
        }
        switch device.kind {
        case .vxlan: wrapInVXLAN(state, link, namespace)
        case .ipip: wrapInIPIP(state, link, namespace)
        case .tun: wrapInUDP(state, link, namespace)
        case .dummy:
            end(state, .dropped, "\(device.name) on \(namespace.place) is a dummy device", source: device.source)
        case .loopback: receive(state, on: link, of: namespace)
        case .sit, .gre, .geneve, .wireguard, .vrf, .ipvlan, .ifb:
            doubt("devices such as \(device.name) are not modelled", source: device.source, &state)
            end(
                state, .indeterminate, "leaves \(namespace.place) by \(device.name), which is not modelled",
                source: device.source)
        case .unknown where device.name.hasPrefix("flannel.") || device.name.hasPrefix("vxlan"):
            wrapInVXLAN(state, link, namespace)
        case .unknown where device.name.hasPrefix("tunl"): wrapInIPIP(state, link, namespace)
        case .unknown where device.name.hasPrefix("flannel") || device.name.hasPrefix("tun"):
            wrapInUDP(state, link, namespace)
        case .physical, .veth, .bridge, .vlan, .macvlan, .bond, .unknown:
            transmitEthernet(state, link, device, namespace)
        }
    }

    private mutating func transmitEthernet(
        _ state: WalkState, _ link: LinkIndex, _ device: Link, _ namespace: CompiledNamespace
    ) {
        if let peer = world.peer(of: LinkReference(namespace: namespace.index, link: link)) {
            arrive(state, at: peer)
            return
        }
        let nextHop = state.nextHop ?? state.packet.destination
        if let attachment = PodAttachment(of: nextHop, on: namespace, in: world), attachment.link == link {
            arriveAtInferredPod(state, attachment, nextHop)
            return
        }
        if !namespace.isHost {
            // A pod whose host end was not recognised: its packets come in on the host.
            arriveAtHostOf(namespace, state, link)
            return
        }
        wire(state, on: link, of: namespace)
    }

    /// A collected pod whose device cannot be paired: the host's device is the one its own route to the pod names.
    private mutating func arriveAtHostOf(_ pod: CompiledNamespace, _ state: WalkState, _ link: LinkIndex) {
        guard let host = world.host(pod.node),
            let attachment = PodAttachment(of: state.packet.source, on: host, in: world)
        else {
            end(
                state, .indeterminate,
                "the host end of \(pod.link(link)?.name ?? "the device") of \(pod.place) is not known")
            return
        }
        var state = state
        state.packet.leaveNamespace()
        state.forgetConnection()
        if attachment.isBridged {
            bridge(state, attachment.link, from: attachment.port.map { .port($0) } ?? .unknownPort, of: host)
        } else {
            receive(state, on: attachment.link, of: host)
        }
    }

    /// Out of the other end of a veth pair.
    mutating func arrive(_ state: WalkState, at end: LinkReference) {
        let namespace = world[end.namespace]
        guard let device = namespace.link(end.link) else { return }
        var state = state
        state.packet.leaveNamespace()
        state.forgetConnection()
        move(to: namespace)
        if device.mtu > 0, UInt32(state.packet.length) > device.mtu, flow.dataSize != nil {
            // `__is_skb_forwardable` lets pass what the sender's device is to segment.
            doubt(
                "\(device.name) of \(namespace.place) carries \(device.mtu) bytes, and \(state.packet.length) come: lost, unless segmentation is left to the device",
                source: device.source, &state)
        }
        if !device.isUp {
            self.end(
                state, .dropped, "\(device.name) of \(namespace.place) is down", source: device.source, cause: .linkDown
            )
            return
        }
        if let master = device.master ?? device.port?.bridge, namespace.isBridge(namespace.linkIndex(named: master)) {
            bridge(state, namespace.linkIndex(named: master), from: .port(end.link), of: namespace)
            return
        }
        let nextHop = state.nextHop ?? state.packet.destination
        guard answers(for: nextHop, on: device, namespace, &state) else {
            let silence = "\(namespace.place) does not answer for \(nextHop) on \(device.name)"
            let (key, setting) = forwarding4(device, namespace)
            if nextHop.family == .ipv4, let setting, setting.value == "0" {
                // `arp_process` asks for forwarding before it looks at proxy_arp.
                self.end(
                    state, .dropped, "\(silence): a proxy has to forward, and \(key) is 0", source: setting.source,
                    cause: .forwardingOff)
            } else if nextHop.family == .ipv4, nextHop.isLinkLocal, let proxy = proxyOff(device, namespace) {
                self.end(
                    state, .dropped, "\(silence): \(proxy.key) is 0", source: proxy.sysctl.source, cause: .noAnswer)
            } else {
                self.end(state, .dropped, silence, source: device.source, cause: .noAnswer)
            }
            return
        }
        receive(state, on: end.link, of: namespace)
    }

    /// The setting that keeps a device from proxy ARP; nil if it is on or not known.
    private func proxyOff(_ device: Link, _ namespace: CompiledNamespace) -> (key: String, sysctl: Sysctl)? {
        let key = "net.ipv4.conf.\(device.name).proxy_arp"
        guard let sysctl = namespace.sysctl(key), sysctl.value == "0",
            number("proxy_arp", of: device.name, namespace, combine: .or) == 0
        else { return nil }
        return (key, sysctl)
    }

    /// Whether a namespace answers ARP or neighbour solicitations for an address on a link (`arp_process`).
    private mutating func answers(
        for address: IPAddress, on device: Link, _ namespace: CompiledNamespace, _ state: inout WalkState
    ) -> Bool {
        if namespace.router.isLocal(address) { return true }
        if device.addresses.contains(where: { $0.address.address == address }) { return true }
        if namespace.state.links == nil || !namespace.router.isKnown(address.family) { return true }
        let proxies = number(
            address.family == .ipv4 ? "proxy_arp" : "proxy_ndp", of: device.name, namespace, combine: .or,
            family: address.family == .ipv4 ? "ipv4" : "ipv6")
        if proxies != 0 {
            return address.family == .ipv6 || proxies4(for: address, from: state.packet.source, on: device, namespace)
        }
        // Link-local gateways (169.254.1.1, fe80::…) answer by proxy or from the link's own MAC-derived address.
        if address.isLinkLocal {
            let key = "net.ipv4.conf.\(device.name).proxy_arp"
            if let known = namespace.sysctl(key), known.value == "0", address.family == .ipv4 { return false }
            assume("\(namespace.place) answers for \(address) on \(device.name)", &state)
            return true
        }
        return false
    }

    /// Proxy ARP answers only where the node would forward, and by another device (`arp_process`, `arp_fwd_proxy`).
    ///
    /// The route is that of a packet from who asks: policy rules can forbid it.
    private func proxies4(
        for address: IPAddress, from source: IPAddress?, on device: Link, _ namespace: CompiledNamespace
    ) -> Bool {
        guard forwarding4(device, namespace).sysctl?.value != "0" else { return false }
        var query = RouteQuery(destination: address)
        query.source = source
        query.inputLink = device.name
        guard case .found(let number) = namespace.router.lookUp(query) else { return false }
        let route = namespace.router.routes[number]
        return route.type == .unicast && namespace.router.liveHops(route).first?.device != device.name
    }

    // MARK: - Pods that were not collected

    mutating func arriveAtInferredPod(_ state: WalkState, _ attachment: PodAttachment, _ nextHop: IPAddress) {
        let host = world[attachment.host]
        var state = state
        state.packet.leaveNamespace()
        state.forgetConnection()
        move(to: host)
        let address = state.packet.destination
        guard address == nextHop else {
            end(
                state, .dropped, "the pod \(nextHop) on \(host.node) gets a packet for \(address)", cause: .wrongAddress
            )
            return
        }
        log(.enterInferred(keepAddress(address, state), host.index), &state)
        assumePod(address, attachment, host, &state)
        let name = podName(address)
        end(
            state, .delivered, "delivered to \(name) on \(host.node)",
            place: .inferredPod(attachment, address))
    }

    func podName(_ address: IPAddress) -> String { world.podName(address) }

    /// A tuple with that destination, for an event.
    private mutating func keepAddress(_ address: IPAddress, _ state: WalkState) -> TupleIndex {
        var tuple = state.packet.tuple
        tuple.destination = address
        return keep(tuple)
    }

    private mutating func assumePod(
        _ address: IPAddress, _ attachment: PodAttachment, _ host: CompiledNamespace, _ state: inout WalkState
    ) {
        let device = host.link(attachment.link)?.name ?? "?"
        let route = host.router.routes[attachment.route]
        assume(
            "the namespace of \(podName(address)) was not collected: it is taken to be behind \(device) of \(host.node), with a default route to the node",
            source: route.source, &state)
        if let neighbor = host.layerTwo.neighbor(address),
            neighbor.states.contains("FAILED") || neighbor.states.contains("INCOMPLETE")
        {
            assume(
                "the neighbour entry of \(address) was \(neighbor.states.joined(separator: ",")) when it was collected",
                source: neighbor.source, &state)
        }
        if world.knowsPods, !world.hasPodObject(address) {
            if !host.layerTwo.hasSeen(address), !state.isReply {
                doubt(
                    "no pod of the API has the address \(address): whether anything answers there is not known", &state)
            }
        }
    }

    /// A pod that was not collected sends: to its own network directly, else to the node.
    mutating func sendFromInferredPod(_ state: WalkState, _ attachment: PodAttachment, _ address: IPAddress) {
        let host = world[attachment.host]
        move(to: host)
        var state = state
        begin(&state, mtu: host.link(attachment.link)?.mtu)
        log(.enterInferred(keepAddress(address, state), host.index), &state)
        if state.packet.destination == address {
            // Its own address: the packet does not leave the pod.
            let name = podName(address)
            end(
                state, .delivered, "delivered to \(name) on \(host.node)",
                place: .inferredPod(attachment, address))
            return
        }
        guard attachment.isBridged else {
            state.nextHop = nil
            doubtGateway(attachment, host, &state)
            receive(state, on: attachment.link, of: host)
            return
        }
        let destination = state.packet.destination
        let network = host.link(attachment.link)?.addresses.first {
            $0.address.family == destination.family && $0.address.contains(address)
        }
        let onLink = network.map { $0.address.contains(destination) } ?? false
        state.nextHop = onLink ? destination : network?.address.address
        if network == nil {
            // Without the bridge's address the pod's gateway is not known, but it is the node.
            receive(state, on: attachment.link, of: host)
            return
        }
        bridge(state, attachment.link, from: attachment.port.map { .port($0) } ?? .unknownPort, of: host)
    }

    /// Calico's pods send to 169.254.1.1, which the node answers for only by proxy ARP.
    private mutating func doubtGateway(_ attachment: PodAttachment, _ host: CompiledNamespace, _ state: inout WalkState)
    {
        guard let device = host.link(attachment.link), device.name.hasPrefix("cali"), state.packet.family == .ipv4,
            let own = host.sysctl("net.ipv4.conf.\(device.name).proxy_arp"), host.router.isKnown(.ipv4)
        else { return }
        let isOn = number("proxy_arp", of: device.name, host, combine: .or) != 0
        if isOn, proxies4(for: IPAddress(v4: 169, 254, 1, 1), from: nil, on: device, host) { return }
        doubt(
            isOn
                ? "\(device.name) answers for 169.254.1.1 only where \(host.node) would forward to it"
                : "proxy_arp is off on \(device.name): a pod whose gateway is 169.254.1.1 cannot send",
            source: own.source, &state)
    }
}

extension CompiledNamespace {
    /// The link a packet from another node comes in by.
    func uplink(for address: IPAddress?, from sender: CompiledNamespace) -> LinkIndex {
        if let address {
            let number = links.firstIndex { link in
                !link.isLoopback && link.kind != .dummy
                    && link.addresses.contains {
                        $0.address.address == address && $0.address.length < address.family.width
                    }
            }
            if let number { return LinkIndex(rawValue: Int32(number)) }
        }
        // A link in a network it shares with the sender, else the one its default route leaves by.
        let family = address?.family ?? .ipv4
        let senderAddresses = sender.links.flatMap(\.addresses).map(\.address).filter {
            $0.length < $0.family.width && !$0.address.isLoopback && !$0.address.isLinkLocal
        }
        for (number, link) in links.enumerated() where !link.isLoopback && !isBridge(LinkIndex(rawValue: Int32(number)))
        {
            guard link.kind != .tun, link.kind != .vxlan, link.kind != .ipip, link.kind != .dummy else { continue }
            let shared = link.addresses.contains { own in
                own.address.length < own.address.family.width && !own.address.address.isLinkLocal
                    && senderAddresses.contains { own.address.contains($0.address) && $0.contains(own.address.address) }
            }
            if shared { return LinkIndex(rawValue: Int32(number)) }
        }
        return defaultLink(family)
    }

    /// The link of the default route.
    func defaultLink(_ family: AddressFamily) -> LinkIndex {
        let route = router.routes.first {
            $0.destination.family == family && $0.destination.length == 0 && $0.type == .unicast && $0.table == .main
        }
        return linkIndex(named: route?.nextHops.first?.device)
    }
}
