package import ClewBundle
import ClewNet
package import ClewSnapshot

/// Reads neighbour tables: `ip neigh` as text or JSON, `arp -n`, `arp -an` and `/proc/net/arp`.
package enum IpNeighParser {
    /// Reads the neighbours of an artifact.
    ///
    /// `arp` does not tell in which state a complete entry is: such an entry has no states.
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedList<Neighbor> {
        if ToolJSON.isJSON(bytes) { return parseJSON(bytes, artifact: artifact) }
        var parser = NeighborText(bytes, artifact: artifact)
        return parser.parse()
    }

    private static func parseJSON(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedList<Neighbor> {
        var values: [Neighbor] = []
        let read = ToolJSON.read(bytes, artifact: artifact) { entry in
            let value = entry.value
            guard let address = value["dst"]?.string.flatMap({ IPAddress($0) }) else {
                return "a neighbour without a readable \"dst\""
            }
            let mac = value["lladdr"]?.string
            var neighbor = Neighbor(
                address: address, device: value["dev"]?.string ?? "", mac: mac.flatMap { MACAddress($0) },
                states: value["state"]?.elements.compactMap(\.string) ?? [], source: entry.source, text: "")
            neighbor.isProxy = value["proxy"] != nil
            var words = ["\(address)", "dev", neighbor.device]
            if let mac { words += ["lladdr", mac] }
            words += ["router", "proxy", "extern_learn", "offload"].filter { value[$0] != nil }
            neighbor.text = (words + neighbor.states).joined(separator: " ")
            values.append(neighbor)
            return nil
        }
        return ParsedList(values: values, unread: read.unread, lines: read.lines)
    }
}
