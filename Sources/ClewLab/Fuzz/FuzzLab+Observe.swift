import ClewNet
import ClewSnapshot
import Glibc

/// Where a packet is put into the network.
enum InjectionPlace: Hashable {
    case process
    case peer(String)

    /// Both links lead to the one world outside.
    var owner: InjectionPlace { self == .peer("x1") ? .peer("x0") : self }
}

extension FuzzLab {
    /// What the kernel told of the packet in flight.
    private struct Sighting {
        var events: [WalkEvent] = []
        var last: String?
        var local: PacketBytes.Header?
        var captured: (peer: String, header: PacketBytes.Header)?
        /// Answers of the node: refusals.
        var answers: [String] = []
        var isDelivered: Bool { local != nil || captured != nil }
    }

    /// Sends a probe, and, where somebody got it, the answer and the packet behind that.
    package func exchange(_ probe: Probe, _ loaded: LoadedRules) throws(SystemError) -> Exchange {
        try forgetPackets(loaded)
        let origin: InjectionPlace =
            switch probe.entry {
            case .process: .process
            case .pod(let name): .peer(name)
            case .wire(let device): .peer(ground.peers.first { $0.device == device }?.name ?? device)
            }
        let (there, header) = try send(
            probe.tuple, from: origin, loaded, ttl: probe.ttl, tos: probe.tos, flags: probe.tcpFlags,
            payload: probe.payload, sequence: (0x1000, probe.tcpFlags & Probe.ack == 0 ? 0 : 0x2000))
        guard probe.hasAnswer, let (place, arrived) = there.arrival else { return Exchange(there: there) }
        let answer = arrived.reversed
        if case .peer(let name) = place, ground.addresses(ofPod: name).contains(answer.destination) {
            return Exchange(there: there)
        }
        let answerTOS = probe.ipProtocol.hasPorts ? 0 : header?.tos ?? 0
        let (back, _) = try send(
            answer, from: place, loaded, ttl: 64, tos: answerTOS, flags: Probe.synAck, payload: probe.payload,
            sequence: (0x2000, 0x1001))
        var result = Exchange(there: there, back: back)
        guard let (home, tuple) = back.arrival, home.owner == origin.owner, tuple == probe.tuple.reversed
        else { return result }
        result.isAnswered = true
        guard probe.ipProtocol == .tcp else { return result }
        let (next, _) = try send(
            probe.tuple, from: origin, loaded, ttl: 64, tos: 0, flags: Probe.ack, payload: probe.payload,
            sequence: (0x1001, 0x2001))
        guard let last = next.arrival, last.0.owner == place.owner, last.1 == arrived else {
            result.goesOn = false
            return result
        }
        // What comes from outside comes by the device that the last packet left by, as Clew takes it too.
        let (data, _) = try send(
            answer, from: last.0, loaded, ttl: 64, tos: 0, flags: Probe.ack, payload: probe.payload,
            sequence: (0x2001, 0x1001 + UInt32(probe.payload)))
        result.goesOn = data.arrival.map { $0.0.owner == home.owner && $0.1 == tuple } ?? false
        return result
    }

    private func send(
        _ tuple: ConntrackTuple, from place: InjectionPlace, _ loaded: LoadedRules, ttl: UInt8, tos: UInt8,
        flags: UInt8, payload: UInt16, sequence: (UInt32, UInt32)
    ) throws(SystemError) -> (Walk, PacketBytes.Header?) {
        let identifier = nextIdentifier()
        let bytes = PacketBytes.make(
            tuple, ttl: ttl, tos: tos, tcpFlags: flags, payload: payload, identifier: identifier, sequence: sequence)
        var sighting = Sighting()
        try drain(0, loaded, &sighting)
        sighting = Sighting()
        inject(bytes, tuple, from: place)
        var waited = false
        repeat {
            try drain(identifier, loaded, &sighting)
            if sighting.isDelivered { break }
            // What a silent loss and a slow delivery have in common.
            waited = !wait()
        } while !waited
        let end: WalkEnd
        if let local = sighting.local {
            end = .local(local.tuple)
        } else if let captured = sighting.captured {
            end = .peer(captured.peer, captured.header.tuple)
        } else if let last = sighting.last, loaded.rejecting.contains(last) {
            end = .rejected(sighting.answers.first)
        } else {
            end = .lost
        }
        return (Walk(events: sighting.events, end: end), sighting.local ?? sighting.captured?.header)
    }

    private func inject(_ bytes: [UInt8], _ tuple: ConntrackTuple, from place: InjectionPlace) {
        switch place {
        case .process:
            // The route is looked up for the source the socket is bound to; one that is not the node's is only written.
            let bound = SocketAddressStorage(tuple.source, 0).withPointer { bind(raw.descriptor, $0, $1) }
            if bound != 0 {
                _ = SocketAddressStorage(.zero(ground.family), 0).withPointer { bind(raw.descriptor, $0, $1) }
            }
            // A refusal (no route, a DROP in OUTPUT) shows in what is not seen.
            _ = SocketAddressStorage(tuple.destination, 0).withPointer {
                sendto(raw.descriptor, bytes, bytes.count, 0, $0, $1)
            }
        case .peer(let name):
            guard let peer = ground.peer(name), let wire = wires[name] else { return }
            let frame = PacketSocket.frame(bytes, to: nextHop(tuple, peer), from: peer.mac, ground.family)
            _ = Glibc.send(wire.socket.descriptor, frame, frame.count, 0)
        }
    }

    /// The Ethernet address the peer's own stack would send to.
    private func nextHop(_ tuple: ConntrackTuple, _ peer: FuzzNetwork.Peer) -> MACAddress {
        if let bridge = peer.bridge {
            let neighbor = ground.pod(having: tuple.destination).flatMap { ground.peer($0) }
            if let neighbor, neighbor.bridge == bridge { return neighbor.mac }
            return ground.macs[bridge] ?? peer.mac
        }
        return ground.macs[peer.device] ?? peer.mac
    }

    /// Waits for anything to come; false when the time ends first.
    private func wait() -> Bool {
        var sets = wires.values.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
        sets.append(pollfd(fd: log.descriptor, events: Int16(POLLIN), revents: 0))
        sets.append(pollfd(fd: trace.descriptor, events: Int16(POLLIN), revents: 0))
        return poll(&sets, nfds_t(sets.count), patience) > 0
    }

    // MARK: - Reading

    /// Reads all there is: wires first, since a packet that has arrived has left all its traces before.
    private func drain(_ identifier: UInt32, _ loaded: LoadedRules, _ sighting: inout Sighting) throws(SystemError) {
        for peer in ground.peers {
            guard let wire = wires[peer.name] else { continue }
            var buffer = [UInt8](repeating: 0, count: 256)
            while true {
                let count = recv(wire.socket.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { break }
                guard count > 14, let header = PacketBytes.read(buffer[14..<count]) else { continue }
                if header.identifier == identifier {
                    sighting.captured = (peer.name, header)
                } else if let answer = Self.refusal(buffer[14..<count], header) {
                    sighting.answers.append(answer)
                }
            }
        }
        while let messages = try log.heard(&losses) {
            for message in messages where message.type == 0x400 { take(message, identifier, loaded, &sighting) }
        }
        var current: [UInt64: UInt32] = [:]
        while let messages = try trace.heard(&losses) {
            guard loaded.backend == .nft else { continue }
            for message in messages where message.type == 0xA11 {
                takeTrace(message, identifier, loaded, &current, &sighting)
            }
        }
    }

    /// A message of NFLOG: the observer's, or a line of x_tables' TRACE.
    private func take(
        _ message: NetlinkMessage, _ identifier: UInt32, _ loaded: LoadedRules, _ sighting: inout Sighting
    ) {
        let attributes = message.attributes
        guard let prefix = attributes[10].map(NetlinkMessage.text), let payload = attributes[9],
            let header = PacketBytes.read(payload)
        else { return }
        if prefix == "OUT", header.identifier != identifier, let answer = Self.refusal(payload, header) {
            sighting.answers.append(answer)
        }
        guard header.identifier == identifier else { return }
        if prefix == "LOCAL" { sighting.local = header }
        guard loaded.backend == .legacy, prefix.hasPrefix("TRACE: ") else { return }
        let words = prefix.dropFirst(7).split(separator: ":").map(String.init)
        guard words.count >= 4, let number = Int(words[3].trimmed) else { return }
        let mark = NetlinkMessage.number(attributes[2]).map { UInt32(truncatingIfNeeded: $0) } ?? 0
        add(words[0], words[1], number, mark, header.tuple, loaded, &sighting)
    }

    /// Rules behind the last are the chain's end: the policy, or the return of a user chain, which is no rule.
    private func add(
        _ table: String, _ chain: String, _ number: Int, _ mark: UInt32?, _ tuple: ConntrackTuple?,
        _ loaded: LoadedRules, _ sighting: inout Sighting
    ) {
        let isRule = number <= loaded.counts["\(table):\(chain)"] ?? 0
        sighting.last = "\(table):\(chain):\(number)"
        guard isRule || RuleSetGenerator.hooks.contains(chain) else { return }
        sighting.events.append(
            WalkEvent(table: table, chain: chain, rule: isRule ? number : nil, mark: mark, tuple: tuple))
    }

    /// A message of nf_tables' trace (`nf_tables_trace.c`); only the first of a base chain shows the packet.
    private func takeTrace(
        _ message: NetlinkMessage, _ identifier: UInt32, _ loaded: LoadedRules, _ current: inout [UInt64: UInt32],
        _ sighting: inout Sighting
    ) {
        let attributes = message.attributes
        guard let table = attributes[1].map(NetlinkMessage.text), let chain = attributes[2].map(NetlinkMessage.text),
            let type = NetlinkMessage.number(attributes[4]), let id = NetlinkMessage.number(attributes[6]),
            table != "watch"
        else { return }
        var header: PacketBytes.Header?
        if let network = attributes[8] {
            header = PacketBytes.read(ArraySlice(Array(network) + Array(attributes[9] ?? [])))
            current[id] = header?.identifier
        }
        guard current[id] == identifier else { return }
        let mark =
            header == nil ? nil : NetlinkMessage.number(attributes[14]).map { UInt32(truncatingIfNeeded: $0) } ?? 0
        if type == 1 {
            add(table, chain, Int.max, mark, header?.tuple, loaded, &sighting)
        } else if type == 3, let handle = NetlinkMessage.number(attributes[3]),
            let rule = loaded.handles[.init(table: table, handle: handle)]
        {
            // The message is written behind the rule: it shows the mark that the rule gave the packet.
            let isMarking = loaded.marking.contains("\(table):\(rule.chain):\(rule.rule)")
            add(table, rule.chain, rule.rule, isMarking ? nil : mark, header?.tuple, loaded, &sighting)
        }
    }

    // MARK: - Refusals

    /// What REJECT calls an answer; nil for packets that are none.
    private static func refusal(_ bytes: ArraySlice<UInt8>, _ header: PacketBytes.Header) -> String? {
        let (type, code) = (header.tuple.destinationPort >> 8, header.tuple.destinationPort & 255)
        switch header.tuple.ipProtocol {
        case .tcp: return header.tcpFlags & 4 != 0 ? "tcp-reset" : nil
        case .icmp where type == 3: return codes4[code]
        case .icmpv6 where type == 1: return codes6[code]
        default: return nil
        }
    }

    private static let codes4: [UInt16: String] = [
        0: "icmp-net-unreachable", 1: "icmp-host-unreachable", 2: "icmp-proto-unreachable", 3: "icmp-port-unreachable",
        9: "icmp-net-prohibited", 10: "icmp-host-prohibited", 13: "icmp-admin-prohibited",
    ]

    private static let codes6: [UInt16: String] = [
        0: "icmp6-no-route", 1: "icmp6-adm-prohibited", 3: "icmp6-addr-unreachable", 4: "icmp6-port-unreachable",
        5: "icmp6-policy-fail", 6: "icmp6-reject-route",
    ]
}

extension Walk {
    /// Where a packet arrived, and as what.
    var arrival: (InjectionPlace, ConntrackTuple)? {
        switch end {
        case .local(let tuple): (.process, tuple)
        case .peer(let name, let tuple): (.peer(name), tuple)
        case .rejected, .lost: nil
        }
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.prefix { $0 != " " }) }
}
