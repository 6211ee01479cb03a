import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads the text of `ip neigh` (iproute2 `ip/ipneigh.c`, `print_neigh()`) and of `arp`.
struct NeighborText {
    private var reader: WordReader
    private var neighbors: [Neighbor] = []
    /// The device an echoed command asked for, which the entries then do not print.
    private var device: String?

    init(_ bytes: [UInt8], artifact: ArtifactID) { reader = WordReader(bytes, artifact: artifact) }

    mutating func parse() -> ParsedList<Neighbor> {
        while let word = reader.current {
            if reader.atCommand {
                let command = reader.skipCommand { $0.isNeighbor(at: $1) || $0.arpRow(at: $1) != nil }
                device = command.firstIndex(of: "dev").flatMap { $0 + 1 < command.count ? command[$0 + 1] : nil }
            } else if word.startsRemark {
                reader.skipRemark { $0.isNeighbor(at: $1) || $0.arpRow(at: $1) != nil }
            } else if let length = reader.arpHeader {
                reader.index += length
            } else if let row = reader.arpRow(at: reader.index) {
                append(row)
            } else if reader.isNeighbor(at: reader.index), let address = IPAddress(word.text) {
                readNeighbor(address)
            } else {
                reader.skipUnread("no neighbour begins with \"\(word.text)\"")
            }
        }
        return ParsedList(values: neighbors, unread: reader.finish(), lines: reader.lines)
    }

    private static let states: Set<String> = [
        "INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE", "FAILED", "NOARP", "PERMANENT", "NONE",
    ]
    private static let flags: Set<String> = ["router", "extern_learn", "offload", "managed", "extern_valid", "sticky"]

    private mutating func readNeighbor(_ address: IPAddress) {
        let start = reader.index
        var neighbor = Neighbor(
            address: address, device: device ?? "", mac: nil, states: [],
            source: reader.source(reader.words[start]), text: "")
        reader.index += 1
        while let word = reader.current, word.role == .text, !word.startsLine, !word.startsRemark {
            if reader.isNeighbor(at: reader.index) { break }
            switch word.text {
            case "dev": neighbor.device = reader.value() ?? ""
            case "lladdr": neighbor.mac = reader.value().flatMap { MACAddress($0) }
            case "nud": neighbor.states = reader.value().map { [$0.uppercased()] } ?? []
            case "proxy":
                neighbor.isProxy = true
                reader.index += 1
            // `ip -s neigh` prints `used 1/1/1probes 0` without a blank.
            case "used":
                if reader.value()?.hasSuffix("probes") == true, reader.neighbor(of: reader.index - 1) != nil {
                    reader.index += 1
                }
            case "ref", "probes", "proto", "protocol", "nhid", "vlan", "port": _ = reader.value()
            case let text where Self.states.contains(text):
                neighbor.states.append(text)
                reader.index += 1
            case let text where Self.flags.contains(text): reader.index += 1
            default: reader.skipUnread("\"\(word.text)\" is no word of a neighbour that is known here")
            }
        }
        neighbor.text = reader.text(start..<reader.index)
        neighbors.append(neighbor)
    }

    private mutating func append(_ row: ArpRow) {
        let range = reader.index..<reader.index + row.length
        var neighbor = Neighbor(
            address: row.address, device: row.device, mac: row.mac, states: row.states,
            source: reader.source(reader.words[range.lowerBound]), text: reader.text(range))
        neighbor.isProxy = row.isProxy
        neighbors.append(neighbor)
        reader.index = range.upperBound
    }
}

extension WordReader {
    /// Whether `10.0.0.1 dev eth0 …` begins at a word.
    fileprivate func isNeighbor(at position: Int) -> Bool {
        guard let word = word(position), word.role == .text, IPAddress(word.text) != nil else { return false }
        guard let next = neighbor(of: position)?.text else { return false }
        return next == "dev" || next == "lladdr" || next == "nud" || next == "FAILED" || next == "INCOMPLETE"
    }
}
