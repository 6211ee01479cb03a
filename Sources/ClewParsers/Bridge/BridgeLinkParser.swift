package import ClewBundle
package import ClewSnapshot

/// A device that is a port of a bridge.
package struct NamedBridgePort: Sendable, Hashable {
    package var name: String
    package var port: BridgePort

    package init(name: String, port: BridgePort) {
        self.name = name
        self.port = port
    }
}

/// Reads bridge ports: `bridge link`, with and without `-d`, as text or JSON (iproute2 `bridge/link.c`).
package enum BridgeLinkParser {
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedList<NamedBridgePort> {
        if ToolJSON.isJSON(bytes) { return parseJSON(bytes, artifact: artifact) }
        var parser = BridgePortText(bytes, artifact: artifact)
        return parser.parse()
    }

    private static func parseJSON(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedList<NamedBridgePort> {
        var values: [NamedBridgePort] = []
        let read = ToolJSON.read(bytes, artifact: artifact) { entry in
            guard let name = entry.value["ifname"]?.string else { return "a port without \"ifname\"" }
            guard let bridge = entry.value["master"]?.string else { return "a port without \"master\"" }
            var port = BridgePort(bridge: bridge, source: entry.source)
            port.state = entry.value["state"]?.string
            port.hairpin = entry.value["hairpin"]?.flag
            port.isolated = entry.value["isolated"]?.flag
            values.append(NamedBridgePort(name: name, port: port))
            return nil
        }
        return ParsedList(values: values, unread: read.unread, lines: read.lines)
    }
}

private struct BridgePortText {
    private var reader: WordReader
    private var ports: [NamedBridgePort] = []

    init(_ bytes: [UInt8], artifact: ArtifactID) { reader = WordReader(bytes, artifact: artifact) }

    mutating func parse() -> ParsedList<NamedBridgePort> {
        while let word = reader.current {
            if reader.atCommand {
                _ = reader.skipCommand { $0.linkHeader(at: $1) != nil }
            } else if word.startsRemark {
                reader.skipRemark { $0.linkHeader(at: $1) != nil }
            } else if let header = reader.linkHeader(at: reader.index) {
                readPort(header)
            } else {
                reader.skipUnread("no port begins with \"\(word.text)\"")
            }
        }
        return ParsedList(values: ports, unread: reader.finish(), lines: reader.lines)
    }

    private mutating func readPort(_ header: LinkHeader) {
        let start = reader.index
        var port = BridgePort(bridge: "", source: reader.source(reader.words[start]))
        reader.index = header.end
        while let word = reader.current, word.role == .text, !word.startsRemark {
            if reader.linkHeader(at: reader.index) != nil { break }
            if word.startsLine, !Self.beginsLine(word) { break }
            switch word.text {
            case "master": port.bridge = reader.value() ?? ""
            case "state": port.state = reader.value()
            case "hairpin": port.hairpin = reader.value().map { $0 == "on" }
            case "isolated": port.isolated = reader.value().map { $0 == "on" }
            case let text where Self.options.contains(text): _ = reader.value()
            default: reader.skipUnread("\"\(word.text)\" is no word of a bridge port that is known here")
            }
        }
        if port.bridge.isEmpty {
            reader.note(start..<reader.index, "a port without a bridge")
        } else {
            ports.append(NamedBridgePort(name: header.name, port: port))
        }
    }

    private static func beginsLine(_ word: Word) -> Bool {
        word.isIndented || options.contains(word.text) || word.text == "hairpin"
    }

    private static let options: Set<String> = [
        "mtu", "priority", "cost", "guard", "root_block", "fastleave", "learning", "flood", "mcast_flood",
        "bcast_flood", "mcast_router", "mcast_to_unicast", "neigh_suppress", "neigh_vlan_suppress", "vlan_tunnel",
        "locked", "mab", "hwmode", "learning_sync", "backup_port", "backup_nhid", "mcast_max_groups",
        "mcast_n_groups", "dev", "qdisc", "group", "qlen", "untagged_policy",
    ]
}
