import ClewBundle
import ClewNet
import ClewSnapshot

extension NamespaceSnapshot {
    func linkIndex(_ name: String) throws(EditError) -> Int {
        guard let index = links?.firstIndex(where: { $0.name == name }) else {
            throw EditError("there is no device \(name)")
        }
        return index
    }

    /// Sets a device up or down, with what the kernel does to its routes (`fib_netdev_event`, `fib_sync_up` and
    /// `fib_sync_down_dev` in `net/ipv4`).
    mutating func setLink(_ name: String, isUp: Bool) throws(EditError) {
        let index = try linkIndex(name)
        links?[index].isUp = isUp
        guard isUp else {
            routes?.removeAll { route in
                !route.nextHops.isEmpty && route.nextHops.allSatisfy { $0.device == name }
                    && !(route.table == .local && route.type == .local)
            }
            return
        }
        links?[index].hasCarrier = true
        // A bridge that comes up lets its ports forward (`br_stp_enable_bridge`).
        for port in (links ?? []).indices where links?[port].port?.bridge == name && links?[port].isUp == true {
            links?[port].port?.state = "forwarding"
        }
        for number in (routes ?? []).indices {
            guard let hops = routes?[number].nextHops else { continue }
            for hop in hops.indices where hops[hop].device == name {
                routes?[number].nextHops[hop].isLinkDown = false
                routes?[number].nextHops[hop].isDead = false
            }
        }
        for address in links?[index].addresses ?? [] { addConnectedRoutes(address.address, name) }
    }

    mutating func addAddress(_ address: IPPrefix, to name: String) throws(EditError) {
        let index = try linkIndex(name)
        links?[index].addresses.append(InterfaceAddress(address: address, source: .edited))
        if links?[index].isUp == true { addConnectedRoutes(address, name) }
    }

    /// The routes that the kernel makes of an address, where they are not there.
    private mutating func addConnectedRoutes(_ address: IPPrefix, _ device: String) {
        func add(_ destination: IPPrefix, _ type: RouteType, _ table: RoutingTableID, _ text: String) {
            let isThere = routes?.contains {
                $0.destination == destination && $0.table == table && $0.nextHops.first?.device == device
            }
            guard isThere != true else { return }
            var route = Route(
                destination: destination, type: type, table: table, nextHops: [NextHop(device: device)],
                source: .edited, text: text)
            route.origin = "kernel"
            route.scope = type == .local ? "host" : "link"
            if address.family == .ipv4 { route.preferredSource = address.address }
            route.metric = address.family == .ipv6 ? 256 : 0
            routes = (routes ?? []) + [route]
        }
        let own = IPPrefix(host: address.address)
        add(own, .local, .local, "local \(address.address) dev \(device) table local proto kernel scope host")
        guard address.length < address.family.width else { return }
        add(address.network, .unicast, .main, "\(address.network) dev \(device) proto kernel scope link")
    }

    /// Takes an address off a device, with the routes that the kernel made of it.
    mutating func deleteAddress(_ address: IPPrefix, of name: String) throws(EditError) {
        let index = try linkIndex(name)
        guard let position = links?[index].addresses.firstIndex(where: { $0.address == address }) else {
            throw EditError("\(name) does not have \(address)")
        }
        links?[index].addresses.remove(at: position)
        routes?.removeAll { route in
            route.nextHops.first?.device == name && route.nextHops.count == 1
                && (route.destination == IPPrefix(host: address.address) && route.table == .local
                    || route.destination == address.network && route.origin == "kernel"
                    || route.type == .broadcast && address.network.contains(route.destination.address))
        }
    }
}
