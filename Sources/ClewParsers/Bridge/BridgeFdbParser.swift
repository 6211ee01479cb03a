package import ClewBundle
import ClewNet
package import ClewSnapshot

/// Reads forwarding databases: `bridge fdb` as text or JSON (iproute2 `bridge/fdb.c`, `print_fdb()`).
package enum BridgeFdbParser {
    /// Reads the entries of an artifact.
    ///
    /// An entry is local, the address of a port itself, where it is permanent in a bridge.
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedList<ForwardingEntry> {
        if ToolJSON.isJSON(bytes) { return parseJSON(bytes, artifact: artifact) }
        var parser = ForwardingText(bytes, artifact: artifact)
        return parser.parse()
    }

    private static func parseJSON(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedList<ForwardingEntry> {
        var values: [ForwardingEntry] = []
        let read = ToolJSON.read(bytes, artifact: artifact) { item in
            let value = item.value
            guard let mac = value["mac"]?.string.flatMap({ MACAddress($0) }) else {
                return "an entry without a readable \"mac\""
            }
            var entry = ForwardingEntry(mac: mac, device: value["ifname"]?.string ?? "", source: item.source, text: "")
            entry.master = value["master"]?.string
            entry.vlan = value["vlan"]?.number.flatMap { UInt16(exactly: $0) }
            if let remote = value["dst"] {
                guard let address = remote.string.flatMap({ IPAddress($0) }) else { return "\"dst\" of an entry" }
                entry.remote = address
            }
            entry.remotePort = value["port"]?.number.flatMap { UInt16(exactly: $0) }
            entry.vni = value["vni"]?.number
            let flags = value["flags"]?.elements.compactMap(\.string) ?? []
            entry.isSelf = flags.contains("self")
            let state = value["state"]?.string ?? ""
            entry.setState(state)
            entry.text = entry.words(flags: flags, state: state).joined(separator: " ")
            values.append(entry)
            return nil
        }
        return ParsedList(values: values, unread: read.unread, lines: read.lines)
    }
}

extension ForwardingEntry {
    fileprivate mutating func setState(_ state: String) {
        guard state == "permanent" || state == "local" else { return }
        isPermanent = true
        isLocal = master != nil
    }

    /// The entry as `bridge fdb` prints it.
    fileprivate func words(flags: [String], state: String) -> [String] {
        var words = ["\(mac)", "dev", device]
        if let remote { words += ["dst", "\(remote)"] }
        if let vlan { words += ["vlan", "\(vlan)"] }
        if let remotePort { words += ["port", "\(remotePort)"] }
        if let vni { words += ["vni", "\(vni)"] }
        words += flags
        if let master { words += ["master", master] }
        if !state.isEmpty { words.append(state) }
        return words
    }
}

private struct ForwardingText {
    private var reader: WordReader
    private var entries: [ForwardingEntry] = []
    /// What an echoed command asked for, which the entries then do not print.
    private var device: String?
    private var bridge: String?

    init(_ bytes: [UInt8], artifact: ArtifactID) { reader = WordReader(bytes, artifact: artifact) }

    mutating func parse() -> ParsedList<ForwardingEntry> {
        while let word = reader.current {
            if reader.atCommand {
                let command = reader.skipCommand { $0.isForwardingEntry(at: $1) }
                func argument(_ name: String) -> String? {
                    command.firstIndex(of: name).flatMap { $0 + 1 < command.count ? command[$0 + 1] : nil }
                }
                device = argument("dev") ?? argument("brport")
                bridge = argument("br")
            } else if word.startsRemark {
                reader.skipRemark { $0.isForwardingEntry(at: $1) }
            } else if reader.isForwardingEntry(at: reader.index), let mac = MACAddress(word.text) {
                readEntry(mac)
            } else {
                reader.skipUnread("no forwarding entry begins with \"\(word.text)\"")
            }
        }
        return ParsedList(values: entries, unread: reader.finish(), lines: reader.lines)
    }

    private static let flags: Set<String> = [
        "router", "extern_learn", "offload", "sticky", "inactive", "activity_notify", "added_by_user", "added_by_ext",
        "locked", "stale", "dynamic", "noarp", "reachable",
    ]

    private mutating func readEntry(_ mac: MACAddress) {
        let start = reader.index
        var entry = ForwardingEntry(
            mac: mac, device: device ?? "", source: reader.source(reader.words[start]), text: "")
        entry.master = bridge
        var state = ""
        var problem: String?
        reader.index += 1
        while let word = reader.current, word.role == .text, !word.startsLine, !word.startsRemark {
            if reader.isForwardingEntry(at: reader.index) { break }
            switch word.text {
            case "dev": entry.device = reader.value() ?? ""
            case "master":
                // A bare `master` names no bridge in old versions.
                if let next = reader.neighbor(of: reader.index)?.text, next != "permanent", next != "static" {
                    entry.master = reader.value()
                } else {
                    reader.index += 1
                }
            case "dst":
                let text = reader.value() ?? ""
                entry.remote = IPAddress(text)
                if entry.remote == nil { problem = "\"\(text)\" is no address" }
            case "vlan": entry.vlan = reader.value().flatMap { UInt16($0) }
            case "port": entry.remotePort = reader.value().flatMap { UInt16($0) }
            case "vni": entry.vni = reader.value().flatMap { UInt32($0) }
            case "src_vni", "via", "nhid", "used", "link-netnsid", "link-netns": _ = reader.value()
            case "permanent", "static", "local":
                state = word.text
                reader.index += 1
            case "self":
                entry.isSelf = true
                reader.index += 1
            case let text where Self.flags.contains(text): reader.index += 1
            default: reader.skipUnread("\"\(word.text)\" is no word of a forwarding entry that is known here")
            }
        }
        if let problem {
            reader.note(start..<reader.index, problem)
            return
        }
        entry.setState(state)
        entry.text = reader.text(start..<reader.index)
        entries.append(entry)
    }
}

extension WordReader {
    /// Whether `0a:58:0a:f4:01:05 dev cni0 …` begins at a word.
    fileprivate func isForwardingEntry(at position: Int) -> Bool {
        guard let word = word(position), word.role == .text, word.text.utf8.count == 17 else { return false }
        guard MACAddress(word.text) != nil, let next = neighbor(of: position)?.text else { return false }
        return Self.forwardingWords.contains(next)
    }

    private static let forwardingWords: Set<String> = [
        "dev", "vlan", "dst", "master", "self", "permanent", "static", "used", "offload", "extern_learn",
    ]
}
