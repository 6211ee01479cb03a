import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads the table of `ipvsadm -ln`.
///
///     TCP  10.96.0.1:443 rr persistent 10800
///       -> 172.18.0.5:6443              Masq    1      3          0
///
/// Read by words, not by lines, so that a table pasted into one line is understood too.
struct IpvsadmTable {
    struct Word {
        let text: String
        let line: TextLine
    }

    private let words: [Word]
    private let artifact: ArtifactID
    private var at = 0
    private(set) var servers: [VirtualServer] = []
    private(set) var unread: [UnreadLine] = []
    /// Real servers that follow belong to nothing that was read.
    private var isLost = true

    init(_ words: [Word], _ artifact: ArtifactID) {
        self.words = words
        self.artifact = artifact
    }

    private static let headings: Set<String> = [
        "IP", "Virtual", "Server", "version", "Prot", "Port", "LocalAddress:Port", "Scheduler", "Flags",
        "RemoteAddress:Port", "Forward", "Weight", "ActiveConn", "InActConn",
    ]

    mutating func read() {
        while at < words.count {
            let word = words[at]
            switch word.text {
            case "TCP", "UDP", "SCTP": readServer(IPProtocol(name: word.text.lowercased()) ?? .tcp)
            case "FWM": readMarkServer()
            case "->":
                if at + 1 < words.count, words[at + 1].text == "RemoteAddress:Port" {
                    at += 2
                } else {
                    readRealServer()
                }
            default:
                if !isHeading(word.text) { report(word, "not a row of ipvsadm -ln") }
                at += 1
            }
        }
    }

    private func isHeading(_ text: String) -> Bool {
        Self.headings.contains(text) || text.hasPrefix("(size=") || (at > 0 && words[at - 1].text == "version")
    }

    /// The text `ahead` words further, wherever its line is.
    private func text(_ ahead: Int) -> String { at + ahead < words.count ? words[at + ahead].text : "" }

    /// Keeps the word's line, once.
    private mutating func report(_ word: Word, _ reason: String) {
        if unread.last?.source.line != word.line.number { unread.append(word.line.unread(artifact, because: reason)) }
    }

    private mutating func readServer(_ ipProtocol: IPProtocol) {
        let word = words[at]
        isLost = true
        guard let endpoint = IpvsadmParser.endpoint(text(1)) else {
            at += 1
            return report(word, "\(ipProtocol) service without ADDRESS:PORT in numbers (option -n)")
        }
        // With --stats or --rate a number stands here.
        guard let scheduler = schedulerName(text(2)) else {
            at += 2
            skipRow()
            return report(word, "no scheduler behind the address")
        }
        var server = VirtualServer(
            ipProtocol: ipProtocol, address: endpoint.address, port: endpoint.port, scheduler: scheduler,
            source: word.line.source(artifact))
        at += 3
        readFlags(&server)
    }

    private mutating func readMarkServer() {
        let word = words[at]
        isLost = true
        let skip = text(2) == "IPv6" ? 1 : 0
        guard let mark = UInt32(decimalOrHex: text(1)), let scheduler = schedulerName(text(2 + skip)) else {
            at += 1
            skipRow()
            return report(word, "firewall-mark service without mark and scheduler")
        }
        var server = VirtualServer(
            ipProtocol: IPProtocol(rawValue: 0), address: nil, port: 0, scheduler: scheduler,
            source: word.line.source(artifact))
        server.firewallMark = mark
        at += 3 + skip
        readFlags(&server)
    }

    private func schedulerName(_ text: String) -> Scheduler? {
        guard let first = text.first, first.isLetter, text.lowercased() == text else { return nil }
        return Scheduler(rawValue: text)
    }

    private var isAtRow: Bool { ["TCP", "UDP", "SCTP", "FWM", "->", ""].contains(text(0)) }

    /// Steps to the next row: one that begins as rows do, or another line.
    private mutating func skipRow() {
        guard at > 0 else { return }
        let line = words[at - 1].line.number
        while at < words.count, words[at].line.number == line, !isAtRow { at += 1 }
    }

    /// `persistent 10800`, `mask 255.255.255.255`, `pe sip`, `ops`, `(sh-port)`.
    private mutating func readFlags(_ server: inout VirtualServer) {
        let line = words[at - 1].line.number
        while at < words.count, words[at].line.number == line, !isAtRow {
            switch text(0) {
            case "persistent":
                server.persistence = UInt32(text(1)) ?? 300
                at += 2
            case "mask", "pe": at += 2
            default: at += 1
            }
        }
        servers.append(server)
        isLost = false
    }

    private mutating func readRealServer() {
        let word = words[at]
        guard let endpoint = IpvsadmParser.endpoint(text(1)), let method = method(text(2)), let weight = UInt32(text(3))
        else {
            at += 1
            skipRow()
            return report(word, "no real server: ADDRESS:PORT, method and weight expected")
        }
        at += 4
        // Active and inactive connections.
        var counters = 0
        while counters < 2, UInt64(text(0)) != nil {
            at += 1
            counters += 1
        }
        guard !isLost, !servers.isEmpty else { return report(word, "a real server without its virtual server") }
        servers[servers.count - 1].realServers.append(
            RealServer(
                address: endpoint.address, port: endpoint.port, method: method, weight: weight,
                source: word.line.source(artifact)))
    }

    private func method(_ text: String) -> ForwardingMethod? {
        switch text {
        case "Masq": .masquerade
        // `Local` is a real server on this host.
        case "Route", "Local": .route
        case "Tunnel": .tunnel
        default: nil
        }
    }
}
