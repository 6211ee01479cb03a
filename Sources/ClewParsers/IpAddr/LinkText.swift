import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads the text of `ip addr` and `ip link` (iproute2 `ip/ipaddress.c`, `print_linkinfo()` and `print_addrinfo()`).
///
/// Indentation is no guide: documents often lose it. What a word means is told by the part of the device it stands in,
/// and a part by its first word.
struct LinkText {
    private enum Part {
        /// Behind the flags: `mtu 1500 qdisc …`.
        case header
        /// Behind `link/ether`.
        case hardware
        /// Behind the kind of the device, or of its master's port.
        case details(of: String)
        case address
        /// `RX:`, `vf 0`, `alias …`, `altname …`: up to the next part.
        case ignored
        /// Behind a line that could not be read.
        case lost
    }

    private var reader: WordReader
    private var drafts: [LinkDraft] = []
    private var positions: [UInt32: Int] = [:]
    /// Of the device that is being read.
    private var current: Int?
    private var part = Part.lost

    init(_ bytes: [UInt8], artifact: ArtifactID) { reader = WordReader(bytes, artifact: artifact) }

    mutating func parse() -> ParsedList<Link> {
        while let word = reader.current {
            if reader.atCommand {
                current = nil
                _ = reader.skipCommand { $0.linkHeader(at: $1) != nil || $0.isIfconfig(at: $1) }
            } else if word.startsRemark {
                reader.skipRemark { $0.linkHeader(at: $1) != nil || $0.isIfconfig(at: $1) }
            } else if let header = reader.linkHeader(at: reader.index) {
                begin(header, reader.source(word))
            } else if reader.isIfconfig(at: reader.index) {
                current = nil
                readIfconfig()
            } else if let current, !leavesDevice(word) {
                readWord(word, of: current)
            } else {
                current = nil
                reader.skipLineUnread("no device begins with \"\(word.text)\"")
            }
        }
        return ParsedList(values: drafts.map(\.finished), unread: reader.finish(), lines: reader.lines)
    }

    private mutating func begin(_ header: LinkHeader, _ source: SourceLine) {
        reader.index = header.end
        part = .header
        // `ip -oneline addr` has a line for every address, without flags.
        if header.flags == nil, let position = positions[header.index], drafts[position].link.name == header.name {
            current = position
            return
        }
        var link = Link(index: header.index, name: header.name, source: source)
        if let flags = header.flags { link.setFlags(flags) }
        if let lower = header.lower { link.setLower(lower) }
        positions[header.index] = drafts.count
        current = drafts.count
        drafts.append(LinkDraft(link))
    }

    private mutating func readIfconfig() {
        guard let record = IfconfigRecord.read(&reader) else { return }
        // `eth0:1` is an address of eth0, not a device.
        if let base = record.link.name.split(separator: ":").first, base.count < record.link.name.count,
            let position = drafts.lastIndex(where: { $0.link.name == base })
        {
            drafts[position].link.addresses += record.link.addresses
        } else {
            drafts.append(record)
        }
    }

    /// Whether a line cannot belong to the device above it: it is not indented, and no part of a device begins so.
    private func leavesDevice(_ word: Word) -> Bool {
        guard word.startsLine, !word.isIndented else { return false }
        switch word.text {
        case "inet", "inet6", "valid_lft", "RX:", "TX:", "RX", "TX", "prog/xdp", "alias", "altname", "vf": return false
        case let text where text.hasPrefix("link/") || LinkKind.known.contains(text) || text.hasSuffix("_slave"):
            return false
        default:
            guard case .ignored = part else { return true }
            return UInt64(word.text) == nil
        }
    }

    /// Begins another part of the device, if the word does.
    private mutating func switchPart(_ word: Word, of position: Int) -> Bool {
        switch word.text {
        case "inet", "inet6":
            readAddress(position)
            return true
        case "valid_lft", "preferred_lft":
            _ = reader.value()
            return true
        case "prog/xdp":
            drafts[position].link.hasXDP = true
            part = .ignored
        case "RX:", "TX:", "alias", "altname", "vf": part = .ignored
        case "RX", "TX":
            guard reader.neighbor(of: reader.index)?.text == "errors:" else { return false }
            part = .ignored
        case let text where text.hasPrefix("link/"):
            if case .ignored = part, !word.startsLine { return false }
            readHardware(String(text.dropFirst(5)), position)
            return true
        case let text where beginsDetails(word):
            drafts[position].hasDetails = true
            if !text.hasSuffix("_slave") { drafts[position].kind = text }
            if text == "bridge" { drafts[position].link.bridge = drafts[position].link.bridge ?? BridgeOptions() }
            if text == "bridge_slave" {
                drafts[position].link.port = BridgePort(
                    bridge: drafts[position].link.master ?? "", source: reader.source(word))
            }
            part = .details(of: text)
        default: return false
        }
        reader.index += 1
        return true
    }

    /// Whether a kind begins here: on a line of its own behind the hardware address, or a known one behind it.
    private func beginsDetails(_ word: Word) -> Bool {
        switch part {
        case .hardware:
            if LinkKind.known.contains(word.text) { return true }
            return word.startsLine && word.isIndented
                && word.text.utf8.allSatisfy { 97...122 ~= $0 || 48...57 ~= $0 || $0 == 95 }
        case .details: return word.text.hasSuffix("_slave")
        default: return word.text.hasSuffix("_slave") && word.startsLine
        }
    }

    private mutating func readWord(_ word: Word, of position: Int) {
        if switchPart(word, of: position) { return }
        switch part {
        case .header: readHeaderWord(word, position)
        case .hardware: readHardwareWord(word, position)
        case .details(let kind):
            drafts[position].readDetail(&reader, word.text, of: kind)
        case .ignored: reader.index += 1
        case .address, .lost:
            if word.startsLine {
                reader.skipLineUnread("no part of a device begins with \"\(word.text)\"")
                part = .lost
            } else {
                reader.skipUnread("\"\(word.text)\" is no word of an address that is known here")
            }
        }
    }

    private mutating func readHeaderWord(_ word: Word, _ position: Int) {
        switch word.text {
        case "mtu": drafts[position].link.mtu = reader.value().flatMap { UInt32($0) } ?? 0
        case "master": drafts[position].link.master = reader.value()
        case "state":
            // Without flags, as in shortened documents, the state is all there is.
            _ = reader.value()
        case "qdisc", "mode", "group", "qlen", "vrf", "dormant", "carrier_changes", "linkmode": _ = reader.value()
        case "xdp":
            drafts[position].link.hasXDP = true
            reader.index += 1
        case let text where Self.isXDP(text):
            drafts[position].link.hasXDP = true
            reader.index += 1
        default: reader.skipUnread("\"\(word.text)\" is no word of a device that is known here")
        }
    }

    /// `xdpgeneric`, `xdpdrv`, `xdpoffload`, `xdpmulti`, each with `/id:227` in some versions.
    private static func isXDP(_ text: String) -> Bool {
        ["xdpgeneric", "xdpdrv", "xdpoffload", "xdpmulti", "xdp/"].contains { text.hasPrefix($0) }
    }
}

// MARK: - Hardware address

extension LinkText {
    private mutating func readHardware(_ type: String, _ position: Int) {
        part = .hardware
        drafts[position].hardware = type
        if type == "loopback" { drafts[position].link.isLoopback = true }
        reader.index += 1
        guard let word = reader.current, word.role == .text, !word.startsLine else { return }
        if let mac = MACAddress(word.text) {
            drafts[position].link.mac = mac
            reader.index += 1
        } else if IPAddress(word.text) != nil || word.text.utf8.contains(UInt8(ascii: ":")) {
            reader.index += 1
        }
    }

    private mutating func readHardwareWord(_ word: Word, _ position: Int) {
        switch word.text {
        case "link-netnsid": drafts[position].link.peerNamespaceID = reader.value().flatMap { Int32($0) }
        case "promiscuity":
            drafts[position].hasDetails = true
            _ = reader.value()
        case "protodown", "netns-immutable":
            reader.index += 1
            if let next = reader.current?.text, next == "on" || next == "off" { reader.index += 1 }
        case let text where Self.hardwareWords.contains(text): _ = reader.value()
        default: reader.skipUnread("\"\(word.text)\" is no word of a device that is known here")
        }
    }

    private static let hardwareWords: Set<String> = [
        "brd", "peer", "link-netns", "new-netnsid", "new-netns", "new-ifindex", "allmulti", "minmtu", "maxmtu",
        "permaddr", "addrgenmode", "numtxqueues", "numrxqueues", "gso_max_size", "gso_max_segs", "gro_max_size",
        "tso_max_size", "tso_max_segs", "gso_ipv4_max_size", "gro_ipv4_max_size", "portname", "portid", "switchid",
        "parentbus", "parentdev", "headroom", "tailroom", "max_pacing_offload_horizon",
    ]
}

// MARK: - Addresses

extension LinkText {
    private mutating func readAddress(_ position: Int) {
        let start = reader.index
        part = .address
        let isIPv4 = reader.current?.text == "inet"
        guard let text = reader.value(), let prefix = IPPrefix(text), (prefix.family == .ipv4) == isIPv4 else {
            reader.index = start
            reader.skipLineUnread("no address behind \"inet\"")
            return
        }
        var address = InterfaceAddress(address: prefix, source: reader.source(reader.words[start]))
        address.scope = "global"
        var hasLabel = !isIPv4
        var hasScope = false
        while let word = reader.current, word.role == .text, !word.startsLine, !word.startsRemark {
            switch word.text {
            case "peer": address.peer = reader.value().flatMap { IPPrefix($0) }
            case "brd": address.broadcast = reader.value().flatMap { IPAddress($0) }
            case "scope":
                address.scope = reader.value() ?? ""
                hasScope = true
            case "metric", "any", "flags", "proto", "valid_lft", "preferred_lft": _ = reader.value()
            case let flag where address.setFlag(flag): reader.index += 1
            default:
                let isPart = word.text == "inet" || word.text == "inet6" || word.text.hasPrefix("link/")
                if isPart || reader.linkHeader(at: reader.index) != nil || !hasScope || hasLabel {
                    drafts[position].link.addresses.append(address)
                    return
                }
                // The label, which is the device's name as it was when the address was set.
                hasLabel = true
                reader.index += 1
            }
        }
        drafts[position].link.addresses.append(address)
    }
}

extension InterfaceAddress {
    /// Sets a flag (`IFA_F_…` of `linux/if_addr.h`); `false` if it is none.
    mutating func setFlag(_ flag: String) -> Bool {
        switch flag {
        case "secondary": isSecondary = true
        case "tentative", "dadfailed": isTentative = true
        case "deprecated": isDeprecated = true
        case "dynamic", "temporary", "mngtmpaddr", "noprefixroute", "permanent", "optimistic", "home", "nodad",
            "autojoin", "stable-privacy", "mcautojoin":
            break
        default: return false
        }
        return true
    }
}
