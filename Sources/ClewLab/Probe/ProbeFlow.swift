package import ClewNet
import Glibc

/// A connection to try: from a place of the lab to an address.
package struct ProbeFlow: Sendable, Hashable {
    package var from: LabPlace
    /// The address the client binds to; nil leaves it to the kernel.
    package var source: IPAddress?
    /// The port the client binds to; nil leaves it to the kernel.
    package var sourcePort: UInt16?
    package var destination: SocketAddress
    package var ipProtocol: IPProtocol
    /// Bytes that request and answer carry beyond a line; 0 is what fits into one small packet.
    package var size = 0
    /// For reports: `shop/api NodePort at worker-b`.
    package var label: String
    /// The node where it enters, if it comes from outside.
    package var via: String?

    package init(
        from: LabPlace, source: IPAddress? = nil, sourcePort: UInt16? = nil, to destination: SocketAddress,
        _ ipProtocol: IPProtocol, _ label: String, via: String? = nil, size: Int = 0
    ) {
        self.sourcePort = sourcePort
        self.size = size
        self.from = from
        self.source = source
        self.destination = destination
        self.ipProtocol = ipProtocol
        self.label = label
        self.via = via
    }

    package var description: String {
        "\(from)\(source.map { " (\($0))" } ?? "")\(sourcePort.map { " port \($0)" } ?? "") → \(destination)/\(ipProtocol)\(size > 0 ? " with \(size) bytes" : "") \(label)"
    }

    /// What makes two flows the same, whatever they are called.
    package var key: String {
        let client = from == .outside ? "outside \(source?.description ?? "-")" : from.description
        return "\(client) \(sourcePort ?? 0) \(destination) \(ipProtocol) \(size)"
    }
}

/// The ways in which a connection fails, as a client tells them apart.
package enum ClientSymptom: String, Sendable, Hashable, CaseIterable, Comparable {
    /// "Connection refused", at once.
    case refused
    /// "No route to host", "network is unreachable".
    case unreachable
    case timesOut = "times out"
    /// Connected, then nothing, or a reset.
    case hangs

    package static func < (a: ClientSymptom, b: ClientSymptom) -> Bool { a.rawValue < b.rawValue }
}

/// What a client makes of its connection.
package enum ClientOutcome: Sendable, Hashable, CustomStringConvertible {
    /// The whole answer came.
    case answered
    /// TCP: a reset instead of a handshake; UDP: port unreachable.
    case refused
    /// A reset after the handshake.
    case reset
    /// EHOSTUNREACH, ENETUNREACH and the like.
    case unreachable(errno: CInt)
    /// Nothing came within the time.
    case timedOut
    /// The handshake was done, and then nothing came.
    case hung
    /// The stream ended before the answer was whole.
    case cutOff

    /// How it failed; nil if it did not.
    package var symptom: ClientSymptom? {
        switch self {
        case .answered: nil
        case .refused: .refused
        case .unreachable: .unreachable
        case .timedOut: .timesOut
        case .reset, .hung, .cutOff: .hangs
        }
    }

    package var description: String {
        switch self {
        case .answered: "answered"
        case .refused: "refused"
        case .reset: "reset"
        case .unreachable(let code): String(cString: strerror(code)).lowercased()
        case .timedOut: "timed out"
        case .hung: "connected, then nothing"
        case .cutOff: "connected, then closed"
        }
    }
}

/// What a server said of itself and of the client.
package struct ServerAnswer: Sendable, Hashable {
    /// `pod/shop/api-0`, `node/worker-a`, `outside`.
    package var place: String
    package var local: SocketAddress
    package var peer: SocketAddress
}

/// One try of a connection.
package struct ProbeResult: Sendable {
    package var flow: ProbeFlow
    package var outcome: ClientOutcome
    package var answer: ServerAnswer?
    package var client: SocketAddress?
    /// Where packets of the connection were seen, in the order of time.
    package var sightings: [Sighting]

    /// The sightings until the client repeats itself, for which chance decides anew.
    package var firstTry: ArraySlice<Sighting> {
        var seen = Set<String>()
        let end = sightings.firstIndex { sighting in
            sighting.kind.isRequest
                && !seen.insert(
                    "\(sighting.place) \(sighting.device) \(sighting.isOutgoing) \(sighting.isEncapsulated)"
                ).inserted
        }
        return sightings[..<(end ?? sightings.endIndex)]
    }

    /// Whether the client sent its request a second time: it was seen twice somewhere, or for the first time only when
    /// TCP had waited for a second, the first one having been lost before any device.
    package var askedTwice: Bool {
        firstTry.endIndex < sightings.endIndex || sightings.first.map { $0.nanoseconds > 900_000_000 } ?? false
    }

    /// How far the request got: where it was last seen for the first time, as `worker-a veth1 out`.
    package var farthest: String? {
        var seen = Set<String>()
        var last: String?
        for sighting in sightings where sighting.kind.isRequest {
            let where_ = "\(sighting.place) \(sighting.device) \(sighting.isOutgoing ? "out" : "in")"
            if seen.insert(where_).inserted { last = where_ }
        }
        return last
    }
}
