package import ClewNet
package import ClewSnapshot

/// Which of a Service's addresses a connection goes to.
package enum ServiceAddressKind: String, Sendable, Hashable, CaseIterable {
    case clusterIP = "clusterip"
    case nodePort = "nodeport"
    case loadBalancer = "loadbalancer"
    case externalIP = "externalip"
}

/// Where the user says a connection begins.
package enum FlowSource: Sendable, Hashable {
    case pod(NamespacedName)
    case node(String)
    case address(IPAddress)
}

/// Where the user says a connection goes, without the port.
package enum FlowTarget: Sendable, Hashable {
    case service(NamespacedName)
    case pod(NamespacedName)
    case node(String)
    case address(IPAddress)
}

/// A connection as the user asks for it: the text of its ends, read but not looked up.
package struct FlowRequest: Sendable, Hashable {
    package let from: FlowSource
    package let to: FlowTarget
    /// The port behind the destination; `nil` where none was written.
    package let port: TargetPort?
    /// `/udp` behind the destination, or `--proto`.
    package private(set) var transport: FlowTransport?
    package let fromText: String
    package let toText: String
    /// The node where a connection from outside enters.
    package var via: String?
    /// The node whose address a NodePort is tried at.
    package var at: String?
    package var kind: ServiceAddressKind?
    /// `nil`: every family that both ends have.
    package var family: AddressFamily?
    /// The source address of a process in a host namespace.
    package var source: IPAddress?
    package var sourcePort: UInt16?
    /// Bytes sent in either direction, for packets that may be too large for some link.
    package var size: Int?

    /// Reads `pod/NS/NAME`, `node/NAME` or an address, and a destination of the forms that `clew trace --help` lists.
    package init(from: String, to: String) throws(FlowError) {
        fromText = from
        toText = to
        self.from = try Self.source(from)
        (self.to, port, transport) = try Self.target(to)
    }

    /// Takes `--proto` over; it must not contradict what stands behind the destination.
    package mutating func require(_ wanted: FlowTransport) throws(FlowError) {
        if let transport, transport != wanted {
            throw FlowError("'\(toText)' says \(transport.rawValue), --proto says \(wanted.rawValue)")
        }
        transport = wanted
    }
}

/// The protocols a connection can be traced with.
package enum FlowTransport: String, Sendable, Hashable, CaseIterable {
    case tcp, udp, sctp, icmp

    /// The protocol number in that family: ICMP has one each.
    package func ipProtocol(_ family: AddressFamily) -> IPProtocol {
        switch self {
        case .tcp: .tcp
        case .udp: .udp
        case .sctp: .sctp
        case .icmp: family == .ipv4 ? .icmp : .icmpv6
        }
    }

    /// Reads a name as users write it: any case, and the names ICMPv6 goes by.
    package init?(name: String) {
        let name = name.lowercased()
        switch name {
        case "icmp6", "icmpv6", "ipv6-icmp": self = .icmp
        default: self.init(rawValue: name)
        }
    }

    package init?(_ ipProtocol: IPProtocol) {
        switch ipProtocol {
        case .tcp: self = .tcp
        case .udp: self = .udp
        case .sctp: self = .sctp
        case .icmp, .icmpv6: self = .icmp
        default: return nil
        }
    }
}

extension FlowRequest {
    /// Reads a node's name, with or without `node/` before it.
    package static func nodeName(_ text: String) throws(FlowError) -> String {
        let name = text.hasPrefix("node/") ? String(text.dropFirst(5)) : text
        guard !name.isEmpty, !name.contains("/") else { throw FlowError("'\(text)' does not name a node") }
        return name
    }

    private static func source(_ text: String) throws(FlowError) -> FlowSource {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        switch parts[0] {
        case "pod", "pods", "po":
            guard parts.count == 3, !parts[1].isEmpty, !parts[2].isEmpty else {
                throw FlowError("'\(text)' is not of the form pod/NAMESPACE/NAME")
            }
            guard !parts[2].contains(":") else { throw FlowError("'\(text)': a source has no port here; see --sport") }
            return .pod(NamespacedName(parts[1], parts[2]))
        case "node", "nodes", "no":
            guard parts.count == 2, !parts[1].isEmpty else { throw FlowError("'\(text)' is not of the form node/NAME") }
            return .node(parts[1])
        case "svc", "service", "services":
            throw FlowError("'\(text)': a Service opens no connections; name a pod, a node or an address as the source")
        default:
            guard let address = IPAddress(unbracketed(text)) else {
                let hint = parts.count == 2 && !parts.contains("") ? "; did you mean pod/\(text)?" : ""
                throw FlowError(
                    "'\(text)' is not a source: expected pod/NAMESPACE/NAME, node/NAME or an address\(hint)")
            }
            return .address(address)
        }
    }

    private static func target(_ text: String) throws(FlowError) -> (FlowTarget, TargetPort?, FlowTransport?) {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let fixed: Int
        switch parts[0] {
        case "svc", "service", "services", "pod", "pods", "po": fixed = 3
        case "node", "nodes", "no": fixed = 2
        default: fixed = 1
        }
        var transport: FlowTransport?
        if fixed == 1, parts.count > 1, !isAddress(parts[0]) { throw unnamed(text, parts) }
        if parts.count == fixed + 1 {
            let name = parts.removeLast()
            transport = FlowTransport(name: name)
            guard transport != nil else {
                throw FlowError("'\(text)': '\(name)' is not a protocol; expected tcp, udp, sctp or icmp")
            }
        }
        guard parts.count == fixed, !parts.contains("") else { throw malformed(text) }
        if fixed == 1 {
            let (address, port) = try addressAndPort(parts[0], in: text)
            return (.address(address), port.map(TargetPort.number), transport)
        }
        let (name, port) = try nameAndPort(parts[fixed - 1], in: text)
        switch parts[0].first {
        case "s": return (.service(NamespacedName(parts[1], name)), port, transport)
        case "p": return (.pod(NamespacedName(parts[1], name)), port, transport)
        default: return (.node(name), port, transport)
        }
    }

    /// Whether a text begins with an address or its port, well written or not.
    private static func isAddress(_ text: String) -> Bool {
        text.isEmpty || text.hasPrefix("[") || text.utf8.allSatisfy { $0 &- 48 < 10 || $0 == 46 || $0 == 58 }
            || (text.contains(":") && IPAddress(unbracketed(text)) != nil)
    }

    /// `shop/api`: a name without what it is of.
    private static func unnamed(_ text: String, _ parts: [String]) -> FlowError {
        if parts.count == 2, !parts.contains("") {
            return FlowError(
                "'\(text)' does not say what it names; did you mean svc/\(text) or pod/\(text)?")
        }
        return malformed(text)
    }

    private static func malformed(_ text: String) -> FlowError {
        FlowError(
            "'\(text)' is not a destination: expected svc/NAMESPACE/NAME[:PORT], pod/NAMESPACE/NAME:PORT, "
                + "node/NAME:PORT or ADDRESS[:PORT][/PROTOCOL]")
    }

    private static func nameAndPort(_ text: String, in whole: String) throws(FlowError) -> (String, TargetPort?) {
        guard let colon = text.firstIndex(of: ":") else { return (text, nil) }
        let name = String(text[..<colon])
        let port = String(text[text.index(after: colon)...])
        guard !name.isEmpty, !port.isEmpty, !port.contains(":") else { throw malformed(whole) }
        guard port.utf8.allSatisfy({ $0 &- 48 < 10 }) else { return (name, .name(port)) }
        return (name, .number(try portNumber(port, in: whole)))
    }

    private static func addressAndPort(_ text: String, in whole: String) throws(FlowError) -> (IPAddress, UInt16?) {
        if let address = IPAddress(text) { return (address, nil) }
        guard let colon = text.lastIndex(of: ":") else {
            guard let address = IPAddress(unbracketed(text)) else { throw malformed(whole) }
            return (address, nil)
        }
        let host = String(text[..<colon])
        if let address = IPAddress(unbracketed(host)), address.family == .ipv4 || host.hasPrefix("[") {
            return (address, try portNumber(String(text[text.index(after: colon)...]), in: whole))
        }
        guard let address = IPAddress(unbracketed(text)) else { throw malformed(whole) }
        return (address, nil)
    }

    private static func portNumber(_ text: String, in whole: String) throws(FlowError) -> UInt16 {
        guard let port = UInt16(text), port > 0, text.utf8.first != UInt8(ascii: "+") else {
            throw FlowError("'\(whole)': '\(text)' is not a port (1 to 65535)")
        }
        return port
    }

    private static func unbracketed(_ text: String) -> String {
        text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
    }
}
