import ClewDataplane
import ClewNet

/// The parts of a question, as text: from the command line, or from a line of `--flows`.
struct FlowFields {
    var from: String?
    var to: String?
    var via: String?
    var at: String?
    var kind: String?
    var family: String?
    var source: String?
    var sport: String?
    var size: String?
    var proto: String?

    static let names: [(String, any WritableKeyPath<FlowFields, String?> & Sendable)] = [
        ("from", \.from), ("to", \.to), ("via", \.via), ("at", \.at), ("kind", \.kind), ("family", \.family),
        ("source", \.source), ("sport", \.sport), ("size", \.size), ("proto", \.proto),
    ]

    /// What these say, and `other` says where they do not.
    func filled(from other: FlowFields) -> FlowFields {
        var result = self
        for (_, path) in Self.names where result[keyPath: path] == nil { result[keyPath: path] = other[keyPath: path] }
        return result
    }

    func request() throws(CommandFailure) -> FlowRequest {
        do throws(FlowError) {
            guard let from else { throw FlowError("'from' is missing") }
            guard let to else { throw FlowError("'to' is missing") }
            var request = try FlowRequest(from: from, to: to)
            if let via { request.via = try FlowRequest.nodeName(via) }
            if let at { request.at = try FlowRequest.nodeName(at) }
            request.kind = try read(kind, "kind") { ServiceAddressKind(argument: $0) }
            request.family = try read(family, "family") { AddressFamily(argument: $0) }
            request.source = try read(source, "source") { IPAddress($0) }
            request.sourcePort = try read(sport, "sport") { UInt16($0).flatMap { $0 > 0 ? $0 : nil } }
            request.size = try read(size, "size") { Int($0).flatMap { 1...65_000 ~= $0 ? $0 : nil } }
            if let proto = try read(proto, "proto", { FlowTransport(name: $0) }) { try request.require(proto) }
            return request
        } catch {
            throw CommandFailure(error.message)
        }
    }

    private func read<Value>(
        _ text: String?, _ name: String, _ convert: (String) -> Value?
    ) throws(FlowError) -> Value? {
        guard let text else { return nil }
        guard let value = convert(text) else { throw FlowError("\(name): '\(text)' is not \(Self.expected(name))") }
        return value
    }

    private static func expected(_ name: String) -> String {
        switch name {
        case "kind": "one of \(ServiceAddressKind.allCases.map(\.rawValue).joined(separator: ", "))"
        case "family": "4 or 6"
        case "sport": "a port (1 to 65535)"
        case "size": "a number of bytes (1 to 65000)"
        case "proto": "one of \(FlowTransport.allCases.map(\.rawValue).joined(separator: ", "))"
        default: "an address"
        }
    }
}
