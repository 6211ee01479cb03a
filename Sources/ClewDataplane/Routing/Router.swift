import ClewNet
import ClewSnapshot

/// The routing of one namespace: policy rules and tables, both families.
struct Router: Sendable {
    let routes: [Route]
    private let tables: [AddressFamily: [RoutingTableID: ForwardingTable]]
    private let rules: [AddressFamily: [RoutingRule]]
    private let known: Set<AddressFamily>
    /// Where every rule only names a table: those, in the order of the rules; by family, IPv4 first.
    private let plainTables: [[ForwardingTable]?]
    private let ignoresLinkDown: Bool
    /// Names of links that are down; the kernel removes their routes, but a dump may be older.
    private let deadLinks: Set<String>
    /// Whether rules beyond the three of every kernel exist (`fib4_has_custom_rules`).
    let hasCustomRules: Bool

    init(_ state: NamespaceSnapshot, localAddresses: [Route], known: Set<AddressFamily>) {
        let routes = (state.routes ?? []) + localAddresses
        self.routes = routes
        self.known = known
        var indices: [AddressFamily: [RoutingTableID: [Int]]] = [:]
        for (index, route) in routes.enumerated() {
            indices[route.destination.family, default: [:]][route.table, default: []].append(index)
        }
        tables = indices.mapValues { $0.mapValues { ForwardingTable($0, of: routes) } }
        var rules: [AddressFamily: [RoutingRule]] = [:]
        for rule in state.routingRules { rules[rule.family, default: []].append(rule) }
        let sorted = rules.mapValues { rules in
            rules.enumerated().sorted { ($0.1.priority, $0.0) < ($1.1.priority, $1.0) }.map(\.1)
        }
        self.rules = sorted
        let tables = self.tables
        plainTables = [AddressFamily.ipv4, .ipv6].map { family in
            guard known.contains(family) else { return nil }
            let names = Self.plainTables(sorted[family] ?? [])
            return names?.compactMap { tables[family]?[$0] }
        }
        ignoresLinkDown = state.sysctls["net.ipv4.conf.all.ignore_routes_with_linkdown"]?.value == "1"
        deadLinks = Set((state.links ?? []).filter { !$0.isUp }.map(\.name))
        hasCustomRules = state.routingRules.contains { rule in
            guard case .lookup(let table) = rule.action else { return true }
            return rule.from != nil || rule.to != nil || rule.mark != nil || rule.inputDevice != nil
                || table.rawValue < 253 || table.rawValue > 255
        }
    }

    /// The tables that rules without any condition name; `nil` where one has a condition, or does something else.
    private static func plainTables(_ rules: [RoutingRule]) -> [RoutingTableID]? {
        if rules.isEmpty { return [.local, .main, .default] }
        var result: [RoutingTableID] = []
        for rule in rules {
            guard case .lookup(let table) = rule.action else { return nil }
            var plain = RoutingRule(
                family: rule.family, priority: rule.priority, action: rule.action, source: rule.source, text: rule.text)
            plain.from = rule.from?.length == 0 ? rule.from : nil
            plain.to = rule.to?.length == 0 ? rule.to : nil
            guard rule == plain else { return nil }
            result.append(table)
        }
        return result
    }

    func isKnown(_ family: AddressFamily) -> Bool { known.contains(family) }

    /// `fib_lookup`: the rules in order, each naming a table.
    func lookUp(_ query: RouteQuery) -> RouteResult {
        let family = query.destination.family
        if let tables = plainTables[family == .ipv4 ? 0 : 1] {
            for table in tables {
                if let hit = find(query, in: table, rule: nil) { return hit }
            }
            return .none
        }
        guard known.contains(family) else { return .unknown("routes were not collected") }
        guard let list = rules[family], !list.isEmpty else {
            for table: RoutingTableID in [.local, .main, .default] {
                if let hit = find(query, in: table, rule: nil) { return hit }
            }
            return .none
        }
        var index = 0
        while index < list.count {
            let rule = list[index]
            index += 1
            switch Self.matches(rule, query) {
            case .no: continue
            case .unknown: return .unknown("policy rule \(rule.priority): \(rule.text)")
            case .yes: break
            }
            switch rule.action {
            case .lookup(let table):
                if let hit = find(query, in: table, rule: rule) { return hit }
            case .goto(let priority):
                guard let target = list.firstIndex(where: { $0.priority >= priority }), target >= index else {
                    return .none
                }
                index = target
            case .nop: continue
            case .blackhole, .unreachable, .prohibit: return .forbidden(rule)
            }
        }
        return .none
    }

    private func find(_ query: RouteQuery, in table: RoutingTableID, rule: RoutingRule?) -> RouteResult? {
        tables[query.destination.family]?[table].flatMap { find(query, in: $0, rule: rule) }
    }

    private func find(_ query: RouteQuery, in table: ForwardingTable, rule: RoutingRule?) -> RouteResult? {
        let hit = table.first(to: query.destination) { usable(routes[$0], for: query) }
        guard let hit else { return nil }
        let route = routes[hit]
        if route.type == .throw { return nil }
        if let limit = rule?.suppressPrefixLength, limit >= 0, Int(route.destination.length) <= limit { return nil }
        return .found(route: hit)
    }

    private func usable(_ route: Route, for query: RouteQuery) -> Bool {
        if route.tos != 0, route.tos != query.tos { return false }
        if let from = route.sourcePrefix, from.length > 0 {
            guard let source = query.source, from.contains(source) else { return false }
        }
        if route.nextHops.isEmpty { return query.outputLink == nil || route.type != .unicast }
        return route.nextHops.contains { hop in
            !hop.isDead && !(hop.isLinkDown && ignoresLinkDown)
                && (query.outputLink == nil || hop.device == nil || hop.device == query.outputLink)
                && !isDead(hop, route)
        }
    }

    /// An address of a link that is down stays local (`fib_add_ifaddr`); what would leave by it does not.
    private func isDead(_ hop: NextHop, _ route: Route) -> Bool {
        route.type == .unicast && (hop.device.map(deadLinks.contains) ?? false)
    }

    /// The ways a route leads that can be used, with their weights.
    func liveHops(_ route: Route, outputLink: String? = nil) -> [NextHop] {
        func isLive(_ hop: NextHop) -> Bool {
            !hop.isDead && !(hop.isLinkDown && ignoresLinkDown) && !isDead(hop, route)
                && (outputLink == nil || hop.device == nil || hop.device == outputLink)
        }
        return route.nextHops.allSatisfy(isLive) ? route.nextHops : route.nextHops.filter(isLive)
    }

    private static func matches(_ rule: RoutingRule, _ query: RouteQuery) -> Ternary {
        var result = Ternary(true)
        func demand(_ value: Bool) { if !value { result = .no } }
        if let from = rule.from, from.length > 0 { demand(query.source.map(from.contains) ?? false) }
        if let to = rule.to, to.length > 0 { demand(to.contains(query.destination)) }
        if let device = rule.inputDevice { demand((query.inputLink ?? "lo") == device) }
        if let device = rule.outputDevice { demand(query.outputLink == device) }
        if let mark = rule.mark { demand(query.mark & rule.markMask == mark & rule.markMask) }
        if let tos = rule.tos, tos != 0 { demand(query.tos == tos) }
        if let number = rule.ipProtocol { demand(query.ipProtocol == number) }
        if let ports = rule.sourcePorts { demand(ports.contains(query.sourcePort)) }
        if let ports = rule.destinationPorts { demand(ports.contains(query.destinationPort)) }
        if result == .yes, rule.userIDs != nil || rule.isL3MasterDevice {
            // Without VRF devices an l3mdev rule has no table to look in.
            result = rule.isL3MasterDevice ? .no : (query.inputLink == nil ? .unknown : .no)
        }
        return rule.isInverted ? !result : result
    }

    /// The type of an address, as `inet_addr_type` and `ipv6_addr_type` with the local table see it.
    func addressType(_ address: IPAddress, onLink link: String? = nil) -> AddressTypes? {
        if address.isMulticast { return .multicast }
        if address.family == .ipv4, address.v4 == .max { return .broadcast }
        if address.isZero { return address.family == .ipv4 ? .broadcast : .unspec }
        guard known.contains(address.family) else { return nil }
        let local = tables[address.family]?[.local]
        let hit = local?.first(to: address) { index in
            guard let link else { return true }
            return routes[index].nextHops.contains { $0.device == link }
        }
        guard let hit else { return .unicast }
        return switch routes[hit].type {
        case .local: .local
        case .broadcast: .broadcast
        case .anycast: .anycast
        case .multicast: .multicast
        case .blackhole: .blackhole
        case .unreachable: .unreachable
        case .prohibit: .prohibit
        case .throw: .throw
        case .nat: .nat
        case .unicast: .unicast
        }
    }

    func isLocal(_ address: IPAddress) -> Bool { addressType(address) == .local }
}
