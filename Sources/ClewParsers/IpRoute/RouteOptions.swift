import ClewNet
import ClewSnapshot

/// What became of a word behind a route's destination.
enum RouteOptionResult {
    case read
    case notAnOption
    /// Read; the name was not one of the kernel's own tables.
    case unknownTable(String)
    /// The entry cannot be used, for this reason.
    case unreadable(String)
}

extension RouteDraft {
    /// Reads an option with its values; on `.notAnOption` the place is as before.
    mutating func readOption(_ reader: inout WordReader) -> RouteOptionResult {
        guard let word = reader.current else { return .notAnOption }
        switch word.text {
        case "via": return readGateway(&reader)
        case "dev":
            guard let name = reader.value() else { return .unreadable("\"dev\" without a device") }
            hop.device = name
        case "nexthop":
            closeHop()
            isInHop = true
            reader.index += 1
        case "weight":
            guard let weight = reader.value().flatMap({ UInt32($0) }) else {
                return .unreadable("weight of a next hop")
            }
            hop.weight = weight
        case "onlink": flag(&reader) { $0.isOnLink = true }
        case "linkdown": flag(&reader) { $0.isLinkDown = true }
        case "dead": flag(&reader) { $0.isDead = true }
        case "table":
            guard let name = reader.value() else { return .unreadable("\"table\" without a name") }
            let (id, isKnown) = RouteNames.table(name)
            table = id
            return isKnown ? .read : .unknownTable(name)
        case "encap": readEncapsulation(&reader)
        case "nh_info": skipNextHopObject(&reader)
        default: return readAttribute(&reader, word.text)
        }
        return .read
    }

    private mutating func flag(_ reader: inout WordReader, _ set: (inout NextHop) -> Void) {
        set(&hop)
        reader.index += 1
    }

    /// Ends a `nexthop …`: it becomes one of the next hops.
    mutating func closeHop() {
        if isInHop { hops.append(hop) }
        isInHop = false
        hop = NextHop()
    }

    private mutating func readGateway(_ reader: inout WordReader) -> RouteOptionResult {
        guard var text = reader.value() else { return .unreadable("\"via\" without an address") }
        if text == "inet" || text == "inet6", let address = reader.optionalValue() {
            // A gateway of the other family: the route itself is IPv4 (`RTA_VIA`).
            if text == "inet6" { familyHint = familyHint ?? .ipv4 }
            text = address
        }
        guard let address = IPAddress(text) else { return .unreadable("\"\(text)\" is no address of a gateway") }
        hop.gateway = address
        return .read
    }

    private mutating func readAttribute(_ reader: inout WordReader, _ name: String) -> RouteOptionResult {
        switch name {
        case "proto", "protocol": origin = reader.value()
        case "scope": scope = reader.value()
        case "src":
            guard let address = reader.value().flatMap({ IPAddress($0) }) else {
                return .unreadable("address behind src")
            }
            preferredSource = address
        case "from":
            guard let text = reader.value() else { return .unreadable("\"from\" without a prefix") }
            if text == "all" || text == "default" { return .read }
            guard let prefix = IPPrefix(text) else { return .unreadable("\"\(text)\" is no prefix") }
            sourcePrefix = prefix
        case "metric", "preference":
            guard let number = reader.value().flatMap({ UInt32($0) }) else {
                return .unreadable("number behind metric")
            }
            metric = number
        case "tos", "dsfield":
            guard let value = reader.value().flatMap({ RouteNames.tos($0) }) else {
                return .unreadable("type of service")
            }
            tos = value
        case "mtu":
            var text = reader.value()
            if text == "lock" { text = reader.optionalValue() }
            mtu = text.flatMap { UInt32($0) }
        case "pref":
            familyHint = .ipv6
            _ = reader.value()
        default: return skipAttribute(&reader, name)
        }
        return .read
    }

    /// Options that do not decide where a packet goes, with the number of their values.
    private static let ignored: [String: Int] = [
        "nhid": 1, "window": 1, "rtt": 1, "rttvar": 1, "ssthresh": 1, "cwnd": 1, "advmss": 1, "reordering": 1,
        "hoplimit": 1, "initcwnd": 1, "initrwnd": 1, "features": 1, "rto_min": 1, "quickack": 1, "congctl": 1,
        "fastopen_no_cookie": 1, "expires": 1, "error": 1, "users": 1, "age": 1, "used": 1, "uid": 1, "mark": 1,
        "iif": 1, "realm": 1, "realms": 1, "ttl-propagate": 1, "ipid": 1, "ts": 1, "tsage": 1, "cache": 0,
        "offload": 0, "trap": 0, "rt_offload": 0, "rt_trap": 0, "rt_offload_failed": 0, "offload_failed": 0,
        "pervasive": 0, "notify": 0, "unresolved": 0, "addrconf": 0,
    ]

    private func skipAttribute(_ reader: inout WordReader, _ name: String) -> RouteOptionResult {
        guard let values = Self.ignored[name] else {
            guard name.hasPrefix("<"), name.hasSuffix(">") else { return .notAnOption }
            reader.index += 1
            return .read
        }
        reader.index += 1
        if values == 1, reader.optionalValue() == "lock" { _ = reader.optionalValue() }
        return .read
    }

    /// `nh_info id 7 via …`: the next-hop object of `nhid`; what it resolves to is printed as `via` or `nexthop` too.
    private func skipNextHopObject(_ reader: inout WordReader) {
        reader.index += 1
        while let word = reader.current, word.role == .text, !word.startsLine, word.text != "nexthop" {
            reader.index += 1
        }
    }

    /// `encap ip id 5 dst 10.1.1.1 …`, `encap mpls 100/200`, `encap seg6 mode encap segs 1 [ fc00::1 ]`.
    private mutating func readEncapsulation(_ reader: inout WordReader) {
        let start = reader.index + 1
        reader.index += 1
        let kind = reader.current?.text ?? ""
        let isTunnel = kind == "ip" || kind == "ip6"
        var isInList = false
        while let word = reader.current, word.role == .text, !word.startsLine || word.isIndented {
            if word.text == "[" { isInList = true }
            if word.text == "]" { isInList = false }
            let ends: Bool =
                switch word.text {
                case "via", "dev", "proto", "nexthop", "weight": true
                case "table", "scope", "metric": kind != "seg6local"
                case "src": !isTunnel
                default: false
                }
            if ends, !isInList { break }
            reader.index += 1
        }
        hop.encapsulation = start < reader.index ? reader.text(start..<reader.index) : ""
    }
}
