import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads `ip -json route`.
enum RouteJSON {
    static func parse(
        _ bytes: [UInt8], artifact: ArtifactID, family: AddressFamily?, table: RoutingTableID?
    ) -> ParsedList<Route> {
        var items: [(draft: RouteDraft, source: SourceLine)] = []
        var unknownTables: Set<String> = []
        var notes: [UnreadLine] = []
        let read = ToolJSON.read(bytes, artifact: artifact) { entry in
            switch draft(entry.value) {
            case .failure(let error): return error.reason
            case .success(let draft):
                items.append((draft, entry.source))
                if let name = entry.value["table"]?.string, !RouteNames.table(name).isKnown,
                    unknownTables.insert(name).inserted
                {
                    notes.append(
                        UnreadLine(
                            entry.source, text: draft.text(draft.family(or: family)),
                            reason: "routing table \"\(name)\" is a name of this node; its number is not known"))
                }
                return nil
            }
        }
        let printsTables = items.contains { $0.draft.table != nil }
        let routes = items.map { item in
            var draft = item.draft
            if draft.table == nil { draft.table = table }
            if draft.table == nil, !printsTables, draft.livesInLocalTable { draft.table = .local }
            return Route(
                draft, family: family, source: item.source, text: draft.text(draft.family(or: family)))
        }
        let unread = read.unread + notes
        return ParsedList(values: routes, unread: unread.sorted { $0.source < $1.source }, lines: read.lines)
    }

    private static func draft(_ value: ToolJSONValue) -> Result<RouteDraft, FieldError> {
        guard let text = value["dst"]?.string, let destination = RouteDestination(text) else {
            return .failure(FieldError("a route without a readable \"dst\""))
        }
        guard let type = value["type"].map({ $0.string.flatMap(RouteType.init(rawValue:)) }) ?? .unicast else {
            return .failure(FieldError("type of route \"\(value["type"]?.string ?? "")\""))
        }
        var draft = RouteDraft(destination, type: type)
        if let error = draft.readHop(value) { return .failure(error) }
        for hop in value["nexthops"]?.elements ?? [] {
            draft.isInHop = true
            let common = draft.hop
            draft.hop = NextHop()
            if let error = draft.readHop(hop) { return .failure(error) }
            draft.hops.append(draft.hop)
            draft.hop = common
        }
        if let error = draft.readAttributes(value) { return .failure(error) }
        return .success(draft)
    }
}

extension RouteDraft {
    /// Reads a gateway and a device; answers with what is wrong.
    fileprivate mutating func readHop(_ value: ToolJSONValue) -> FieldError? {
        let gateway = value["gateway"] ?? value["via"]?["host"]
        if let gateway {
            guard let address = gateway.string.flatMap({ IPAddress($0) }) else {
                return FieldError("gateway of a route")
            }
            hop.gateway = address
            // A gateway of the other family: the route itself is IPv4 (`RTA_VIA`).
            if value["via"] != nil, address.family == .ipv6 { familyHint = .ipv4 }
        }
        hop.device = value["dev"]?.string
        if let weight = value["weight"] {
            guard let number = weight.number else { return FieldError("weight of a next hop") }
            hop.weight = number
        }
        for flag in value["flags"]?.elements ?? [] {
            switch flag.string {
            case "onlink": hop.isOnLink = true
            case "linkdown": hop.isLinkDown = true
            case "dead": hop.isDead = true
            default: break
            }
        }
        hop.encapsulation = value["encap"].map { $0.string ?? "" }
        return nil
    }

    fileprivate mutating func readAttributes(_ value: ToolJSONValue) -> FieldError? {
        if let name = value["table"]?.string { table = RouteNames.table(name).id }
        if let source = value["prefsrc"] {
            guard let address = source.string.flatMap({ IPAddress($0) }) else { return FieldError("\"prefsrc\"") }
            preferredSource = address
        }
        if let text = value["from"]?.string, text != "all", text != "default" {
            guard let prefix = IPPrefix(text) else { return FieldError("\"from\"") }
            sourcePrefix = prefix
        }
        if let number = value["metric"] {
            guard let metric = number.number else { return FieldError("\"metric\"") }
            self.metric = metric
        }
        if let number = value["tos"], value["encap"] == nil || number.string?.hasPrefix("0x") == true {
            guard let tos = number.string.flatMap({ RouteNames.tos($0) }) else { return FieldError("\"tos\"") }
            self.tos = tos
        }
        if familyHint == nil, value["pref"] != nil { familyHint = .ipv6 }
        origin = value["protocol"]?.string
        scope = value["scope"]?.string
        mtu = (value["metrics"]?.elements ?? []).lazy.compactMap { $0["mtu"]?.number }.first
        return nil
    }

    /// A type that `ip route` puts into table `local`, and that the kernel itself keeps nowhere else.
    var livesInLocalTable: Bool {
        guard case .prefix = destination else { return false }
        switch type {
        case .local, .broadcast, .anycast, .multicast: return true
        default: return false
        }
    }

    /// The entry as `ip route` prints it.
    fileprivate func text(_ family: AddressFamily) -> String {
        var words: [String] = []
        if type != .unicast { words.append(type.rawValue) }
        let prefix = destination.prefix(family)
        if prefix.length == 0, prefix.address.isZero {
            words.append("default")
        } else {
            words.append(prefix.length == family.width ? "\(prefix.address)" : "\(prefix)")
        }
        if let sourcePrefix { words += ["from", "\(sourcePrefix)"] }
        if tos != 0 { words += ["tos", "0x" + String(tos, radix: 16)] }
        words += hop.words(family)
        if let table, table != .main { words += ["table", "\(table)"] }
        if let origin { words += ["proto", origin] }
        if let scope, scope != "global" || family == .ipv4 { words += ["scope", scope] }
        if let preferredSource { words += ["src", "\(preferredSource)"] }
        if let metric { words += ["metric", "\(metric)"] }
        words += hop.flagWords
        if let mtu { words += ["mtu", "\(mtu)"] }
        for hop in hops {
            words += ["nexthop"] + hop.words(family) + ["weight", "\(hop.weight)"] + hop.flagWords
        }
        return words.joined(separator: " ")
    }
}

extension NextHop {
    fileprivate func words(_ family: AddressFamily) -> [String] {
        var words: [String] = []
        if let encapsulation { words += ["encap", encapsulation] }
        if let gateway { words += gateway.family == family ? ["via", "\(gateway)"] : ["via", "inet6", "\(gateway)"] }
        if let device { words += ["dev", device] }
        return words
    }

    fileprivate var flagWords: [String] {
        [(isDead, "dead"), (isOnLink, "onlink"), (isLinkDown, "linkdown")].filter(\.0).map(\.1)
    }
}
