import ClewNet
import ClewSnapshot

/// One routing table, by prefix length and network (`fib_trie.c`, `ip6_fib.c` find the same route).
struct ForwardingTable: Sendable {
    private struct Key: Hashable {
        var network: IPAddress
        var length: UInt8

        func hash(into hasher: inout Hasher) {
            let mixed = (network.high ^ UInt64(length)) &* 0x9E37_79B9_7F4A_7C15
            hasher.combine((mixed ^ mixed >> 29 ^ network.low) &* 0xBF58_476D_1CE4_E5B9)
        }
    }

    private var routes: [Key: [Int]] = [:]
    /// Longest first.
    private var lengths: [UInt8] = []

    /// Files the routes `indices` of `all`: those of one table and family.
    init(_ indices: [Int], of all: [Route]) {
        for index in indices {
            let prefix = all[index].destination.network
            routes[Key(network: prefix.address, length: prefix.length), default: []].append(index)
        }
        for key in routes.keys { routes[key]?.sort { (all[$0].metric, $0) < (all[$1].metric, $1) } }
        lengths = Set(routes.keys.map(\.length)).sorted(by: >)
    }

    /// Offers the routes to an address, best first, until one is taken.
    func first(to address: IPAddress, where take: (Int) -> Bool) -> Int? {
        for length in lengths {
            let key = Key(network: address & .mask(length, address.family), length: length)
            if let hit = routes[key]?.first(where: take) { return hit }
        }
        return nil
    }
}

/// What a packet is routed by (`struct flowi4`, `struct flowi6`).
struct RouteQuery {
    var destination: IPAddress
    var source: IPAddress?
    var mark: UInt32 = 0
    var tos: UInt8 = 0
    var ipProtocol: IPProtocol?
    var sourcePort: UInt16 = 0
    var destinationPort: UInt16 = 0
    /// Where the packet came in; `nil` for one that is sent from here.
    var inputLink: String?
    /// Asks for routes through this link only.
    var outputLink: String?
}

extension RouteQuery {
    /// Where a packet of this namespace goes.
    init(of packet: Packet) {
        self.init(destination: packet.destination, source: packet.source)
        mark = packet.mark
        tos = packet.tos
        ipProtocol = packet.ipProtocol
        sourcePort = packet.sourcePort
        destinationPort = packet.destinationPort
    }
}

/// Where a packet is routed.
enum RouteResult {
    case found(route: Int)
    /// A policy rule forbids it.
    case forbidden(RoutingRule)
    case none
    /// Routes of this family were not collected, or a policy rule cannot be decided.
    case unknown(String)
}
