import ClewNet
import ClewSnapshot

/// How far an address is valid (`RT_SCOPE_*`): smaller is wider.
enum AddressScope: UInt8, Comparable {
    case universe = 0
    case site = 200
    case link = 253
    case host = 254

    init(_ text: String?) {
        switch text {
        case "link": self = .link
        case "host": self = .host
        case "site": self = .site
        default: self = .universe
        }
    }

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension CompiledNamespace {
    /// `inet_select_addr` (`devinet.c`), `ipv6_dev_get_saddr` (`addrconf.c`).
    func selectSource(on link: Link, towards destination: IPAddress, scope: AddressScope) -> IPAddress? {
        switch destination.family {
        case .ipv4:
            if let own = Self.select4(link, destination, scope) { return own }
            // No address there: the first link of the namespace that has one.
            for other in links where other.name != link.name {
                let candidate = other.addresses.first {
                    let own = AddressScope($0.scope)
                    return $0.address.family == .ipv4 && !$0.isSecondary && own != .link && own <= scope
                }
                if let candidate { return candidate.address.address }
            }
            return nil
        case .ipv6: return select6(link, destination)
        }
    }

    private static func select4(_ link: Link, _ destination: IPAddress, _ scope: AddressScope) -> IPAddress? {
        var first: IPAddress?
        for address in link.addresses where address.address.family == .ipv4 && !address.isSecondary {
            // `localnet_scope`: an address of host scope counts as one of the link.
            guard min(AddressScope(address.scope), .link) <= scope else { continue }
            if address.address.contains(destination) { return address.address.address }
            if first == nil { first = address.address.address }
        }
        return first
    }

    /// `ipv6_dev_get_saddr`, the rules of RFC 6724.
    ///
    /// The address itself, scope, not deprecated, the outgoing link, label, the longest common prefix. Addresses of every link compete, but for a link-local destination.
    private func select6(_ link: Link, _ destination: IPAddress) -> IPAddress? {
        // `::1` has the scope of a link (`ipv6_addr_type()`).
        let linkScoped = destination.isLinkLocal || destination.isMulticast || destination.isLoopback
        var best: (rank: [Int], address: IPAddress)?
        for other in linkScoped ? [link] : links {
            for entry in other.addresses where entry.address.family == .ipv6 && !entry.isTentative {
                let rank = Self.rank(entry, destination, isOnLink: other.name == link.name)
                if best.map({ $0.rank.lexicographicallyPrecedes(rank) }) ?? true {
                    best = (rank, entry.address.address)
                }
            }
        }
        return best?.address
    }

    private static func rank(_ entry: InterfaceAddress, _ destination: IPAddress, isOnLink: Bool) -> [Int] {
        let own = entry.address.address
        // A wider scope than needed is worse than the same one, and a narrower one is worse than both.
        let (scope, wanted) = (scope6(own), scope6(destination))
        let different = own.high ^ destination.high
        let common =
            different != 0 ? different.leadingZeroBitCount : 64 + (own.low ^ destination.low).leadingZeroBitCount
        return [
            own == destination ? 1 : 0, scope >= wanted ? -scope : scope - 128, entry.isDeprecated ? 0 : 1,
            isOnLink ? 1 : 0, label6(own) == label6(destination) ? 1 : 0, min(common, Int(entry.address.length)),
        ]
    }

    /// `__ipv6_addr_src_scope`.
    private static func scope6(_ address: IPAddress) -> Int {
        if address.isMulticast { return Int(address.high >> 48 & 15) }
        return address.isLinkLocal || address.isLoopback ? 2 : 14
    }

    /// `ip6_addr_label_init_table` (`addrlabel.c`), the longest prefix first.
    private static func label6(_ address: IPAddress) -> Int {
        let (high, low) = (address.high, address.low)
        if address.isLoopback { return 0 }
        if high == 0, low >> 32 == 0xFFFF { return 4 }
        if high == 0, low >> 32 == 0 { return 3 }
        if high >> 32 == 0x2001_0000 { return 6 }
        if high >> 36 == 0x200_1001 { return 7 }
        if high >> 48 == 0x2002 { return 2 }
        if high >> 48 == 0x3FFE { return 12 }
        if high >> 54 == 0xFEC0 >> 6 { return 11 }
        return high >> 57 == 0xFC >> 1 ? 5 : 1
    }

    /// The source the kernel gives a packet that leaves by a route (`fib_result_prefsrc`).
    func source(for route: Route, hop: NextHop?, to destination: IPAddress) -> IPAddress? {
        if let preferred = route.preferredSource { return preferred }
        if route.type == .local { return destination }
        guard let link = hop?.device.flatMap({ linkNames[$0] }).map({ links[Int($0)] }) else { return nil }
        // IPv4 looks for an address in the next hop's network, IPv6 for one that fits the destination (`ip6_route_get_saddr`).
        let gateway = destination.family == .ipv4 ? hop?.gateway.flatMap { $0.family == .ipv4 ? $0 : nil } : nil
        let towards = gateway ?? destination
        return selectSource(on: link, towards: towards, scope: AddressScope(route.scope ?? defaultScope(route)))
    }

    private func defaultScope(_ route: Route) -> String {
        route.nextHops.first?.gateway == nil ? "link" : "global"
    }
}
