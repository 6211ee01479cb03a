package import ClewBundle
package import ClewIntent
package import ClewNet
package import ClewSnapshot

/// Which of a node's namespaces an edit is made in.
package enum EditPlace: Sendable, Hashable {
    case host(node: String)
    case pod(node: String, NamespacedName)

    package var node: String {
        switch self {
        case .host(let node), .pod(let node, _): node
        }
    }

    /// `nil`: the node's host namespace.
    package var pod: NamespacedName? {
        switch self {
        case .host: nil
        case .pod(_, let name): name
        }
    }
}

/// One of iptables' tables on a node.
package struct EditedTable: Sendable, Hashable {
    package var node: String
    package var family: TableFamily
    /// `filter`.
    package var table: String
    /// `nil`: the rule set that holds the chain, the first if both do.
    package var backend: RuleBackend?

    package init(node: String, family: TableFamily = .ipv4, table: String, backend: RuleBackend? = nil) {
        self.node = node
        self.family = family
        self.table = table
        self.backend = backend
    }
}

/// One change of a snapshot: what a command would change on a node, or in the API.
package enum SnapshotEdit: Sendable {
    case setSysctl(EditPlace, key: String, value: String)
    case setPolicy(EditedTable, chain: String, accepts: Bool)
    /// Puts a rule, in the words of `iptables-save` without `-A CHAIN`, before the rule of that number (from 1).
    case insertRule(EditedTable, chain: String, at: Int, rule: String)
    /// Puts a rule at the end of a chain.
    case appendRule(EditedTable, chain: String, rule: String)
    /// Deletes the rule of that line.
    case deleteRule(node: String, SourceLine)
    case setHairpin(node: String, port: String, isOn: Bool)
    /// Up brings back the routes that the kernel makes of the device's addresses, and no others.
    case setLinkUp(EditPlace, link: String, isUp: Bool)
    /// Makes a device a port of a bridge, with the port's settings of the kernel.
    case setMaster(node: String, port: String, bridge: String)
    /// With the routes that the kernel makes of it.
    case addAddress(EditPlace, link: String, IPPrefix)
    case deleteAddress(EditPlace, link: String, IPPrefix)
    /// A policy rule in the words of `ip rule`, with its priority: `100: from all to 10.0.0.0/8 lookup main`.
    case addRoutingRule(EditPlace, AddressFamily, String)
    case deleteRoutingRule(EditPlace, RoutingRule)
    /// In bytes.
    case setMTU(EditPlace, link: String, mtu: UInt32)
    /// A route in the words of `ip route`; replaces one of the same destination, table and metric.
    case addRoute(EditPlace, AddressFamily, String)
    case deleteRoute(EditPlace, Route)
    case setNeighbor(EditPlace, Neighbor)
    case deleteNeighbor(EditPlace, IPAddress, device: String)
    case setForwardingEntry(node: String, ForwardingEntry)
    case deleteForwardingEntry(node: String, MACAddress, device: String, remote: IPAddress?)
    case deleteConnections(node: String, to: IPAddress, IPProtocol, port: UInt16)
    /// Forgets one connection.
    case deleteConnection(node: String, ConntrackEntry)
    /// Puts an address into a set of ipset's that holds single addresses or networks.
    case addSetEntry(node: String, set: String, IPAddress)
    /// A program begins to listen.
    case addListener(EditPlace, ListeningSocket)
    /// A real server of an IPVS virtual server; replaces the one with its address and port.
    case setRealServer(node: String, SocketAddress, IPProtocol, RealServer)
    case deleteRealServer(node: String, SocketAddress, IPProtocol, real: SocketAddress)
    case deleteVirtualServer(node: String, SocketAddress, IPProtocol)
    /// kube-proxy writes all its rules anew, from the API's objects as they are after the edits before, and with these
    /// parameters.
    case rewriteProxyRules(node: String, ProxyParameters)
    /// Takes kube-proxy's rules out of one of two rule sets.
    case removeProxyRules(node: String, RuleBackend)
    case replaceService(Service)
    case replaceEndpointSlices(service: NamespacedName, [EndpointSlice])
}

extension SnapshotEdit {
    /// The one namespace that it changes; `nil`: it changes the API's objects.
    package var place: EditPlace? {
        switch self {
        case .setSysctl(let place, _, _), .setLinkUp(let place, _, _), .addAddress(let place, _, _),
            .deleteAddress(let place, _, _),
            .addRoutingRule(let place, _, _), .deleteRoutingRule(let place, _), .setMTU(let place, _, _),
            .addRoute(let place, _, _), .deleteRoute(let place, _), .setNeighbor(let place, _),
            .deleteNeighbor(let place, _, _), .addListener(let place, _):
            place
        case .setPolicy(let table, _, _), .insertRule(let table, _, _, _), .appendRule(let table, _, _):
            .host(node: table.node)
        case .deleteRule(let node, _), .setHairpin(let node, _, _), .setMaster(let node, _, _),
            .setForwardingEntry(let node, _), .deleteForwardingEntry(let node, _, _, _),
            .deleteConnections(let node, _, _, _), .deleteConnection(let node, _), .addSetEntry(let node, _, _),
            .setRealServer(let node, _, _, _),
            .deleteRealServer(let node, _, _, _), .deleteVirtualServer(let node, _, _),
            .rewriteProxyRules(let node, _), .removeProxyRules(let node, _):
            .host(node: node)
        case .replaceService, .replaceEndpointSlices: nil
        }
    }
}

/// Why an edit cannot be made: one sentence, lower case, without a period.
package struct EditError: Error, Sendable, Hashable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
