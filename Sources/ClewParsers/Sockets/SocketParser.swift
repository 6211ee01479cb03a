package import ClewBundle
package import ClewNet
package import ClewSnapshot

/// Sockets that wait for packets, and which protocols the listing covers.
package struct ListeningSockets: Sendable {
    package var sockets: [ListeningSocket] = []
    /// Protocols of which the listing has a line and no line that could not be read.
    package var protocols: Set<IPProtocol> = []
    /// Protocols with a line that could not be read: a look-up that finds nothing says nothing.
    package var incomplete: Set<IPProtocol> = []
    package init() {}
}

/// Reads `ss -lntup` and `netstat -lntup`, with or without header, and the columns `ss` leaves out when asked for one
/// protocol only.
package enum SocketParser {
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<ListeningSockets> {
        var result = ParsedFile(ListeningSockets(), lines: 0)
        let style = Style(of: bytes)
        for line in TextLines(bytes) {
            result.lines += 1
            // `ss -e`, `-i` and `-m` put a socket's details on an indented line of its own.
            if line.isBlank || line.bytes.first == UInt8(ascii: "\t") { continue }
            let words = line.words
            if isHeader(words) { continue }
            guard let row = Row(words) else {
                result.value.incomplete.formUnion([.tcp, .udp, .sctp])
                result.unread.append(line.unread(artifact, because: "not a row of ss or netstat"))
                continue
            }
            guard let ipProtocol = row.ipProtocol else { continue }
            result.value.protocols.insert(ipProtocol)
            if !row.isWaiting { continue }
            switch socket(row, ipProtocol, style, line.source(artifact)) {
            case .success(let socket): result.value.sockets.append(socket)
            case .failure(let error):
                result.value.incomplete.insert(ipProtocol)
                result.unread.append(line.unread(artifact, because: error.reason))
            }
        }
        result.value.protocols.subtract(result.value.incomplete)
        return result
    }

    private static func isHeader(_ words: [String]) -> Bool {
        switch words.first {
        case "Netid", "State", "Proto", "Recv-Q": true
        case "Active": words.contains("connections") || words.contains("sockets")
        case "(Not", "(No": true
        default: false
        }
    }

    private static func socket(
        _ row: Row, _ ipProtocol: IPProtocol, _ style: Style, _ source: SourceLine
    ) -> Result<ListeningSocket, FieldError> {
        guard let endpoint = Endpoint(row.local) else {
            return .failure(FieldError("\(row.local): an address and a port in numbers expected (option -n)"))
        }
        var accepts4 = true
        var accepts6 = true
        var address = endpoint.address
        switch endpoint.wildcard {
        case .star: accepts6 = !style.starIsIPv4
        case .colons: break
        case .none:
            // `[::]` is printed by ss for a socket with IPV6_V6ONLY; netstat and old versions print `:::`.
            accepts4 = address?.family == .ipv4
            accepts6 = !accepts4
            if let six = address, six.family == .ipv6, six.high == 0, six.low >> 32 == 0xFFFF {
                address = IPAddress(v4: six.v4)
                (accepts4, accepts6) = (true, false)
            }
            if address?.isZero == true { address = nil }
        }
        var socket = ListeningSocket(
            ipProtocol: ipProtocol, address: address, port: endpoint.port, acceptsIPv4: accepts4,
            acceptsIPv6: accepts6, source: source)
        socket.device = endpoint.device
        socket.process = row.process
        return .success(socket)
    }
}

extension SocketParser {
    /// How a listing writes addresses.
    struct Style {
        /// iproute2 before 4.17 prints `*` for 0.0.0.0 and `::` for the rest; later versions print `*` for a socket of
        /// both families.
        var starIsIPv4 = false

        /// Old listings show themselves by `:::22`, or by the peer `*:*` of a socket with an IPv4 address.
        init(of bytes: [UInt8]) {
            for line in TextLines(bytes) {
                let words = line.words
                guard let row = Row(words), !row.isNetstat else { continue }
                if row.local.hasPrefix("0.0.0.0:") { return }
                let isIPv4 = Endpoint(row.local)?.address?.family == .ipv4
                if row.local.hasPrefix(":::") || (isIPv4 && row.peer == "*:*") {
                    starIsIPv4 = true
                    return
                }
            }
        }
    }

    /// The columns of a row.
    struct Row {
        /// `nil` for sockets of other kinds: unix, netlink, raw, packet.
        var ipProtocol: IPProtocol?
        var isNetstat = false
        /// Listening, or for UDP without a peer.
        var isWaiting: Bool
        var local: String
        var peer: String
        var process: String?

        private static let states: Set<String> = [
            "LISTEN", "UNCONN", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE-WAIT",
            "LAST-ACK", "CLOSING", "CLOSED", "UNKNOWN",
        ]
        private static let otherKinds: Set<String> = [
            "raw", "raw6", "mptcp", "unix", "nl", "u_str", "u_dgr", "u_seq", "p_raw", "p_dgr", "v_str", "v_dgr",
            "ti_st", "ti_rd", "ti_sq", "ti_dg", "xdp", "icmp6", "???",
        ]

        init?(_ words: [String]) {
            guard let first = words.first else { return nil }
            if words.count >= 2, Self.states.contains(words[1]) {
                // Netid State Recv-Q Send-Q Local Peer [Process]
                guard words.count >= 6, Int(words[2]) != nil, Int(words[3]) != nil else { return nil }
                if !Self.otherKinds.contains(first) {
                    guard let known = IPProtocol(name: first) else { return nil }
                    ipProtocol = known
                }
                isWaiting = words[1] == "LISTEN" || words[1] == "UNCONN"
                (local, peer) = (words[4], words[5])
                process = Self.processName(words.dropFirst(6))
            } else if Self.states.contains(first), words.count >= 5, Int(words[1]) != nil, Int(words[2]) != nil {
                // State Recv-Q Send-Q Local Peer: `ss -t` or `ss -u` alone; a datagram socket never listens.
                ipProtocol = first == "UNCONN" ? .udp : .tcp
                isWaiting = first == "LISTEN" || first == "UNCONN"
                (local, peer) = (words[3], words[4])
                process = Self.processName(words.dropFirst(5))
            } else if words.count >= 5, Int(words[1]) != nil, Int(words[2]) != nil, words[3].contains(":") {
                // Proto Recv-Q Send-Q Local Foreign [State] [PID/Program]
                let name = first.hasSuffix("6") && first != "raw6" ? String(first.dropLast()) : first
                if !Self.otherKinds.contains(name) {
                    guard let known = IPProtocol(name: name) else { return nil }
                    ipProtocol = known
                }
                isNetstat = true
                (local, peer) = (words[3], words[4])
                isWaiting = ipProtocol == .udp ? peer.hasSuffix(":*") : words.dropFirst(5).first == "LISTEN"
                process = words.dropFirst(5).first { $0.contains("/") }
                    .map { String($0[$0.index(after: $0.firstIndex(of: "/") ?? $0.startIndex)...]) }
            } else if ["unix", "Active", "raw", "raw6"].contains(first) {
                isWaiting = false
                (local, peer) = ("", "")
            } else {
                return nil
            }
        }

        /// The first name of `users:(("sshd",pid=1,fd=3))`.
        private static func processName(_ words: ArraySlice<String>) -> String? {
            guard let users = words.first(where: { $0.hasPrefix("users:((") }) else { return nil }
            let parts = words[(words.firstIndex(of: users) ?? 0)...].joined(separator: " ")
                .split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
            return parts.count == 3 ? String(parts[1]) : nil
        }
    }

    /// `10.0.0.1%eth0:53`, `[fe80::1]%eth0:546`, `*:80`, `:::80`.
    struct Endpoint {
        enum Wildcard { case none, star, colons }
        var address: IPAddress?
        var wildcard = Wildcard.none
        var port: UInt16
        var device: String?

        init?(_ text: String) {
            guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
                return nil
            }
            self.port = port
            var host = text[..<colon]
            if let percent = host.firstIndex(of: "%") {
                var name = host[host.index(after: percent)...]
                var rest = host[..<percent]
                if name.hasSuffix("]") {
                    name = name.dropLast()
                    rest = rest.dropFirst()
                }
                device = String(name)
                host = rest
            }
            let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
            if isBracketed { host = host.dropFirst().dropLast() }
            if host == "*" {
                wildcard = .star
            } else if host == "::", !isBracketed {
                wildcard = .colons
            } else {
                guard let parsed = IPAddress(String(host)) else { return nil }
                address = parsed
            }
        }
    }
}
