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

    /// The rules of RFC 6724 that matter here: scope, the outgoing link, the longest common prefix.
    private func select6(_ link: Link, _ destination: IPAddress) -> IPAddress? {
        func usable(_ link: Link) -> [InterfaceAddress] {
            link.addresses.filter {
                $0.address.family == .ipv6 && !$0.isTentative
                    && $0.address.address.isLinkLocal == destination.isLinkLocal
            }
        }
        var candidates = usable(link)
        if candidates.isEmpty, !destination.isLinkLocal {
            candidates = links.filter { !$0.isLoopback }.flatMap(usable)
        }
        if destination.isLoopback { return destination }
        return candidates.enumerated().max { a, b in
            let (x, y) = (Self.rank(a.1, destination), Self.rank(b.1, destination))
            return x == y ? a.0 > b.0 : x < y
        }?.1.address.address
    }

    private static func rank(_ address: InterfaceAddress, _ destination: IPAddress) -> Int {
        let own = address.address.address
        if own == destination { return 1000 }
        let different = own.high ^ destination.high
        let common =
            different != 0 ? different.leadingZeroBitCount : 64 + (own.low ^ destination.low).leadingZeroBitCount
        return (address.isDeprecated ? 0 : 500) + min(common, Int(address.address.length))
    }

    /// The source the kernel gives a packet that leaves by a route (`fib_result_prefsrc`).
    func source(for route: Route, hop: NextHop?, to destination: IPAddress) -> IPAddress? {
        if let preferred = route.preferredSource { return preferred }
        if route.type == .local { return destination }
        guard let link = hop?.device.flatMap({ linkNames[$0] }).map({ links[Int($0)] }) else { return nil }
        let towards = hop?.gateway.flatMap { $0.family == destination.family ? $0 : nil } ?? destination
        return selectSource(on: link, towards: towards, scope: AddressScope(route.scope ?? defaultScope(route)))
    }

    private func defaultScope(_ route: Route) -> String {
        route.nextHops.first?.gateway == nil ? "link" : "global"
    }
}
