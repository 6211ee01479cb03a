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
    /// `fib_sync_down_dev` in `net/ipv4`) and, of IPv6, to its addresses (`addrconf_ifdown`).
    mutating func setLink(_ name: String, isUp: Bool) throws(EditError) {
        let index = try linkIndex(name)
        links?[index].isUp = isUp
        guard isUp else {
            routes?.removeAll { route in
                !route.nextHops.isEmpty && route.nextHops.allSatisfy { $0.device == name }
                    && !(route.table == .local && route.type == .local && route.destination.address.family == .ipv4)
            }
            if !keepsAddresses(name) { links?[index].addresses.removeAll { $0.address.address.family == .ipv6 } }
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

    /// Whether IPv6 addresses outlive that their device is set down: its own key, and where that is 0 that of all.
    private func keepsAddresses(_ device: String) -> Bool {
        func value(_ name: String) -> Int {
            sysctls["net.ipv6.conf.\(name).keep_addr_on_down"].flatMap { Int($0.value) } ?? 0
        }
        let own = value(device)
        return (own == 0 ? value("all") : own) > 0
    }

    /// Gives a device an address, with the routes that the kernel makes of it.
    ///
    /// Of IPv4 the address is local even where the device is down (`fib_add_ifaddr`), which IPVS mode rests upon:
    /// kube-ipvs0 never is up.
    mutating func addAddress(_ address: IPPrefix, to name: String) throws(EditError) {
        let index = try linkIndex(name)
        links?[index].addresses.append(InterfaceAddress(address: address, source: .edited))
        let isUp = links?[index].isUp == true
        if isUp || address.family == .ipv4 { addConnectedRoutes(address, name, isUp: isUp) }
    }

    /// The routes that the kernel makes of an address, where they are not there.
    private mutating func addConnectedRoutes(_ address: IPPrefix, _ device: String, isUp: Bool = true) {
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
        guard isUp, address.length < address.family.width else { return }
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
