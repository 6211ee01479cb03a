import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads `ip -json addr` and `ip -json link`.
enum LinkJSON {
    static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedList<Link> {
        var links: [Link] = []
        var notes: [UnreadLine] = []
        let read = ToolJSON.read(bytes, artifact: artifact) { entry in
            let value = entry.value
            guard let name = value["ifname"]?.string else {
                // Old versions print a stub for a device that a filter left out.
                return value["ifindex"] == nil && value["addr_info"] != nil ? nil : "a device without \"ifname\""
            }
            var draft = LinkDraft(Link(index: value["ifindex"]?.number ?? 0, name: name, source: entry.source))
            draft.readAttributes(value)
            draft.readLinkInfo(value["linkinfo"], entry.source)
            for item in value["addr_info"]?.elements ?? [] where !item.isEmpty {
                if let address = address(item, entry.source) {
                    draft.link.addresses.append(address)
                } else {
                    notes.append(
                        UnreadLine(entry.source, text: name, reason: "an address without a readable \"local\""))
                }
            }
            links.append(draft.finished)
            return nil
        }
        let unread = (read.unread + notes).sorted { $0.source < $1.source }
        return ParsedList(values: links, unread: unread, lines: read.lines)
    }

    private static func address(_ value: ToolJSONValue, _ source: SourceLine) -> InterfaceAddress? {
        guard let local = (value["local"] ?? value["address"])?.string.flatMap({ IPAddress($0) }) else { return nil }
        let length = value["prefixlen"]?.number.flatMap { UInt8(exactly: $0) } ?? local.family.width
        guard let prefix = IPPrefix(local, length: length) else { return nil }
        var address = InterfaceAddress(address: prefix, source: source)
        if value["local"] != nil, let peer = value["address"]?.string.flatMap({ IPAddress($0) }) {
            // The length is that of the other end's network.
            address.peer = IPPrefix(peer, length: length)
            address.address = IPPrefix(host: local)
        }
        address.broadcast = value["broadcast"]?.string.flatMap { IPAddress($0) }
        address.scope = value["scope"]?.string ?? "global"
        for flag in ["secondary", "tentative", "dadfailed", "deprecated"] where value[flag]?.flag == true {
            _ = address.setFlag(flag)
        }
        return address
    }
}

extension LinkDraft {
    fileprivate mutating func readAttributes(_ value: ToolJSONValue) {
        if let flags = value["flags"] { link.setFlags(flags.elements.compactMap(\.string)) }
        link.mtu = value["mtu"]?.number ?? 0
        link.mac = value["address"]?.string.flatMap { MACAddress($0) }
        link.master = value["master"]?.string
        link.lowerName = value["link"]?.string
        link.peerIndex = value["link_index"]?.number
        if case .number(.integer(let id)) = value["link_netnsid"] { link.peerNamespaceID = Int32(exactly: id) }
        link.hasXDP = value["xdp"].map { !$0.isEmpty } ?? false
        hardware = value["link_type"]?.string
        if hardware == "loopback" { link.isLoopback = true }
        hasDetails = value["promiscuity"] != nil
    }

    fileprivate mutating func readLinkInfo(_ value: ToolJSONValue?, _ source: SourceLine) {
        guard let value else { return }
        kind = value["info_kind"]?.string
        let data = value["info_data"]
        if kind == "bridge" {
            var options = BridgeOptions()
            options.vlanFiltering = data?["vlan_filtering"]?.flag ?? false
            options.callIptables = data?["nf_call_iptables"]?.flag
            options.callIp6tables = data?["nf_call_ip6tables"]?.flag
            link.bridge = options
        }
        if value["info_slave_kind"]?.string == "bridge" {
            var port = BridgePort(bridge: link.master ?? "", source: source)
            port.state = value["info_slave_data"]?["state"]?.string
            port.hairpin = value["info_slave_data"]?["hairpin"]?.flag
            port.isolated = value["info_slave_data"]?["isolated"]?.flag
            link.port = port
        }
        guard let data else { return }
        func address(_ keys: [String]) -> IPAddress? {
            keys.lazy.compactMap { data[$0]?.string.flatMap { IPAddress($0) } }.first
        }
        tunnelWords.local = address(["local", "local6"])
        tunnelWords.remote = address(["remote", "remote6", "group", "group6"])
        tunnelWords.vni = data["id"]?.number
        tunnelWords.port = data["port"]?.number.flatMap { UInt16(exactly: $0) }
        tunnelWords.device = data["link"]?.string ?? data["link_index"]?.string.map { "if" + $0 }
        // 0 is `inherit`, and is printed as a word in text.
        tunnelWords.ttl = data["ttl"]?.number.flatMap { $0 == 0 ? nil : UInt8(exactly: $0) }
        tunnelWords.learning = data["learning"]?.flag
        tunnelWords.isExternal = data["external"].map { $0.flag ?? true } ?? false
    }
}
