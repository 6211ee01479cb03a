import ClewBundle
import ClewNet
import ClewSnapshot

/// The destination of a route as `ip` writes it.
enum RouteDestination {
    /// `default`, or `0/0`, which tells its family.
    case all(AddressFamily?)
    case prefix(IPPrefix)

    /// Reads `default`, `10.0.0.0/8`, `fd00::1`, and the short prefixes of old tools, `10.1/16`.
    init?(_ text: String) {
        switch text {
        case "default", "all", "any": self = .all(nil)
        case "": return nil
        default:
            guard let prefix = IPPrefix(text) ?? Self.short(text) else {
                return nil
            }
            self = .prefix(prefix)
        }
    }

    var family: AddressFamily? {
        switch self {
        case .all(let family): family
        case .prefix(let prefix): prefix.family
        }
    }

    func prefix(_ family: AddressFamily) -> IPPrefix {
        switch self {
        case .all: .all(family)
        case .prefix(let prefix): prefix
        }
    }

    /// `10.1/16`: the groups that are left out are zero.
    private static func short(_ text: String) -> IPPrefix? {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, let length = UInt8(halves[1]), length <= 32 else { return nil }
        let groups = halves[0].split(separator: ".", omittingEmptySubsequences: false)
        guard groups.count < 4 else { return nil }
        var value: UInt32 = 0
        for index in 0..<4 {
            var part: UInt8 = 0
            if index < groups.count {
                guard let number = UInt8(groups[index]) else { return nil }
                part = number
            }
            value = value << 8 | UInt32(part)
        }
        return IPPrefix(IPAddress(v4: value), length: length)
    }
}

/// The numbers behind names that `ip` prints from `/etc/iproute2`.
enum RouteNames {
    /// A routing table by name or number.
    ///
    /// A name that is not the kernel's own comes from the node's `rt_tables`, which is rarely collected. It gets a
    /// number of its own, derived from its letters alone (FNV-1a), so that rules and routes of a node agree on it:
    /// 1,000,000 or more, where hand-made tables are hardly ever found. `isKnown` is then false.
    static func table(_ text: String) -> (id: RoutingTableID, isKnown: Bool) {
        switch text {
        case "local": return (.local, true)
        case "main": return (.main, true)
        case "default": return (.default, true)
        case "unspec", "all": return (RoutingTableID(rawValue: 0), true)
        default: break
        }
        if let number = number(text) { return (RoutingTableID(rawValue: number), true) }
        var hash: UInt32 = 2_166_136_261
        for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return (RoutingTableID(rawValue: 1_000_000 + hash % 2_000_000_000), false)
    }

    /// Decimal, or hexadecimal behind `0x`.
    static func number(_ text: String) -> UInt32? {
        text.hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
    }

    /// A type-of-service byte: hexadecimal with or without `0x`, or a name of `rt_dsfield`.
    static func tos(_ text: String) -> UInt8? {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : Substring(text)
        return UInt8(digits, radix: 16) ?? tosNames[text]
    }

    private static let tosNames: [String: UInt8] = [
        "default": 0, "lowdelay": 0x10, "throughput": 0x08, "reliability": 0x04, "mincost": 0x02,
        "AF11": 0x28, "AF12": 0x30, "AF13": 0x38, "AF21": 0x48, "AF22": 0x50, "AF23": 0x58,
        "AF31": 0x68, "AF32": 0x70, "AF33": 0x78, "AF41": 0x88, "AF42": 0x90, "AF43": 0x98,
        "CS1": 0x20, "CS2": 0x40, "CS3": 0x60, "CS4": 0x80, "CS5": 0xA0, "CS6": 0xC0, "CS7": 0xE0, "EF": 0xB8,
    ]
}

/// A route on its way from words or JSON: the family of `default` is known only behind its gateway.
struct RouteDraft {
    var destination: RouteDestination
    var type: RouteType
    var table: RoutingTableID?
    var hop = NextHop()
    var hops: [NextHop] = []
    var preferredSource: IPAddress?
    var metric: UInt32?
    var tos: UInt8 = 0
    var origin: String?
    var scope: String?
    var mtu: UInt32?
    var sourcePrefix: IPPrefix?
    /// Told by something else than destination and gateway, as `pref`, which only IPv6 routes have.
    var familyHint: AddressFamily?
    /// Behind `nexthop`: `hop` is one of several.
    var isInHop = false

    init(_ destination: RouteDestination, type: RouteType) {
        self.destination = destination
        self.type = type
    }

    /// The family, told by the destination, then by whatever else is an address.
    func family(or fallback: AddressFamily?) -> AddressFamily {
        destination.family ?? preferredSource?.family ?? sourcePrefix?.family ?? familyHint
            ?? (hop.gateway ?? hops.lazy.compactMap(\.gateway).first)?.family ?? fallback ?? .ipv4
    }
}

extension Route {
    /// Makes a route of what was read; the table is the one printed, else `main`.
    init(_ draft: RouteDraft, family fallback: AddressFamily?, source: SourceLine, text: String) {
        let family = draft.family(or: fallback)
        var hops = draft.hops
        if hops.isEmpty, draft.hop.gateway != nil || draft.hop.device != nil || draft.hop.encapsulation != nil {
            hops = [draft.hop]
        }
        self.init(
            destination: draft.destination.prefix(family), type: draft.type, table: draft.table ?? .main,
            nextHops: hops, source: source, text: text)
        preferredSource = draft.preferredSource
        metric = draft.metric ?? (family == .ipv6 ? 1024 : 0)
        tos = draft.tos
        origin = draft.origin
        scope = draft.scope
        mtu = draft.mtu
        sourcePrefix = draft.sourcePrefix
    }
}
