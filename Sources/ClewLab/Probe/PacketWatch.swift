import CLinux
import ClewNet
import Glibc

/// Sees every packet in every namespace of a lab, and tells which probe it belongs to.
struct PacketWatch: ~Copyable {
    private struct Eye {
        var place: String
        var socket: CInt
        var devices: [Int32: String] = [:]
    }

    private struct Record {
        var nanoseconds: Int64
        var place: String
        var device: String
        var isOutgoing: Bool
        var packet: SeenPacket
    }

    private var eyes: [Eye] = []
    private var records: [Record] = []
    private var buffer = [UInt8](repeating: 0, count: 2048)

    private let seesData: Bool

    init(_ lab: Lab, seesData: Bool) throws(SystemError) {
        self.seesData = seesData
        for (place, namespace) in lab.places {
            let socket = try namespace.perform { () throws(SystemError) -> CInt in
                let socket = clew_open_packet_socket()
                guard socket >= 0 else { throw .last("AF_PACKET socket in \(place)") }
                return socket
            }
            eyes.append(Eye(place: place.description, socket: socket))
        }
    }

    deinit { for eye in eyes { close(eye.socket) } }

    /// Takes what the sockets hold: enough for all packets of a run.
    ///
    /// What comes while they are read is left out: it would be seen by those that are read last, and not by the others.
    mutating func drain() {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let end = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
        for index in eyes.indices {
            var packet = clew_packet()
            while true {
                let count = clew_receive_packet(eyes[index].socket, &buffer, buffer.count, &packet)
                guard count > 0 else { break }
                guard packet.nanoseconds <= end, packet.protocol == ETH_P_IP || packet.protocol == ETH_P_IPV6,
                    seesData || mayOpenOrEnd(count),
                    let seen = SeenPacket(buffer[..<count])
                else { continue }
                let device = deviceName(index, packet.interface_index)
                records.append(
                    Record(
                        nanoseconds: packet.nanoseconds, place: eyes[index].place, device: device,
                        isOutgoing: packet.type == PACKET_OUTGOING, packet: seen))
            }
        }
    }

    /// False for TCP segments without SYN, FIN and RST, which are most.
    private func mayOpenOrEnd(_ count: Int) -> Bool {
        let isIPv4 = buffer[0] >> 4 == 4
        let header = isIPv4 ? Int(buffer[0] & 15) * 4 : 40
        guard buffer[isIPv4 ? 9 : 6] == 6, count > header + 13 else { return true }
        return buffer[header + 13] & 0x07 != 0
    }

    private mutating func deviceName(_ eye: Int, _ number: Int32) -> String {
        if let known = eyes[eye].devices[number] { return known }
        var letters = [CChar](repeating: 0, count: 16)
        let found = clew_interface_name(eyes[eye].socket, number, &letters) == 0
        let name =
            found
            ? String(decoding: letters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            : "if\(number)"
        eyes[eye].devices[number] = name
        return name
    }

    /// The sightings of each probe, by its identifier; `marks` are the maximum segment sizes by which TCP probes are known.
    func sightings(_ marks: [UInt16: String]) -> [String: [Sighting]] {
        let sorted = records.sorted { $0.nanoseconds < $1.nanoseconds }
        guard let start = sorted.first?.nanoseconds else { return [:] }
        // A connection is known by its first sequence number, which no translation changes.
        var numbers: [(first: UInt32, id: String)] = []
        var known = Set<String>()
        for record in sorted {
            guard case .tcp(let sequence, _, let flags, _, let largest) = record.packet.body, flags & 0x12 == 0x02,
                let largest, let id = marks[largest], known.insert(id).inserted
            else { continue }
            numbers.append((sequence, id))
        }
        var result: [String: [Sighting]] = [:]
        for record in sorted {
            guard let (id, kind) = Self.classify(record.packet, numbers) else { continue }
            result[id, default: []].append(
                Sighting(
                    place: record.place, device: record.device, isOutgoing: record.isOutgoing,
                    isEncapsulated: record.packet.isEncapsulated, kind: kind, source: record.packet.source,
                    destination: record.packet.destination, nanoseconds: record.nanoseconds - start))
        }
        return result
    }

    private static func classify(
        _ packet: SeenPacket, _ numbers: [(first: UInt32, id: String)]
    ) -> (String, Sighting.Kind)? {
        switch packet.body {
        case .udp(let id, let isAnswer): return (id, isAnswer ? .answer : .datagram)
        case .icmpAboutUDP(let id): return (id, .icmp)
        case .icmpAboutTCP(let sequence):
            return numbers.first { sequence &- $0.first < window }.map { ($0.id, .icmp) }
        case .tcp(let sequence, let acknowledgement, let flags, let length, _):
            let owner =
                flags & 0x02 != 0 && flags & 0x10 == 0
                ? numbers.first { $0.first == sequence }
                : numbers.first {
                    sequence &- $0.first < window || (flags & 0x10 != 0 && acknowledgement &- $0.first < window)
                }
            guard let id = owner?.id else { return nil }
            if flags & 0x04 != 0 { return (id, .reset) }
            if flags & 0x02 != 0 { return (id, flags & 0x10 == 0 ? .syn : .synAck) }
            if flags & 0x01 != 0 { return (id, .end) }
            return (id, length > 0 ? .data : .ack)
        }
    }

    /// How far behind its first number a segment of a probe can be.
    private static let window: UInt32 = 4096
}
