import ClewBundle
import ClewNet
import ClewSnapshot

extension WordReader {
    /// Whether a device of `ifconfig` begins at a word: `eth0: flags=4163<UP,…>`, or `eth0 Link encap:Ethernet`.
    func isIfconfig(at position: Int) -> Bool {
        guard let word = word(position), word.role == .text, let next = neighbor(of: position)?.text else {
            return false
        }
        if next.hasPrefix("flags=") { return word.text.hasSuffix(":") && word.text.utf8.count > 1 }
        return next == "Link" && neighbor(of: position + 1)?.text.hasPrefix("encap:") == true
    }
}

/// Reads a device of `ifconfig` (net-tools `lib/interface.c`, before and since version 2.0; busybox prints the former).
enum IfconfigRecord {
    /// Reads the device that begins at the current word.
    ///
    /// `ifconfig` prints neither indices nor kinds; loopback and tunnels are told by their hardware.
    static func read(_ reader: inout WordReader) -> LinkDraft? {
        guard let first = reader.current, let second = reader.word(reader.index + 1) else { return nil }
        let isNew = second.text.hasPrefix("flags=")
        let name = isNew ? String(first.text.dropLast()) : first.text
        var draft = LinkDraft(Link(index: 0, name: name, source: reader.source(first)))
        var address: InterfaceAddress?
        var flags: [String] = []
        if isNew, let open = second.text.firstIndex(of: "<") {
            flags = second.text[open...].dropFirst().dropLast().split(separator: ",").map(String.init)
        }
        if !isNew { draft.link.isUp = false }
        reader.index += 2
        while let word = reader.current, word.role == .text, !word.startsRemark {
            if reader.isIfconfig(at: reader.index) || reader.linkHeader(at: reader.index) != nil { break }
            if word.startsLine, !word.isIndented, !beginsLine(word.text) { break }
            if word.text == "inet" || word.text == "inet6" {
                if let address { draft.link.addresses.append(address) }
                address = readAddress(&reader)
            } else if !readAddressWord(&reader, word.text, &address), !readWord(&reader, word.text, &draft) {
                if flagNames.contains(word.text) {
                    flags.append(word.text)
                    reader.index += 1
                } else {
                    reader.skipUnread("\"\(word.text)\" is no word of a device that is known here")
                }
            }
        }
        if let address { draft.link.addresses.append(address) }
        set(flags, &draft.link)
        return draft
    }

    private static let flagNames: Set<String> = [
        "UP", "BROADCAST", "DEBUG", "LOOPBACK", "POINTOPOINT", "NOTRAILERS", "RUNNING", "NOARP", "PROMISC", "ALLMULTI",
        "SLAVE", "MASTER", "MULTICAST", "DYNAMIC",
    ]

    private static func set(_ flags: [String], _ link: inout Link) {
        link.setFlags(flags)
        // `RUNNING` is what `ip` calls the absence of `NO-CARRIER`.
        link.hasCarrier = link.isUp ? flags.contains("RUNNING") : nil
    }

    private static func beginsLine(_ text: String) -> Bool {
        if flagNames.contains(text) || text.hasPrefix("collisions:") || text.hasPrefix("Interrupt:") { return true }
        switch text {
        case "inet", "inet6", "ether", "loop", "unspec", "tunnel", "RX", "TX", "device", "sit", "ppp", "infiniband":
            return true
        default: return false
        }
    }

    private static func readAddress(_ reader: inout WordReader) -> InterfaceAddress? {
        let start = reader.index
        let source = reader.source(reader.words[start])
        guard var text = reader.value() else { return nil }
        if text == "addr:" {
            text = reader.optionalValue() ?? ""
        } else if text.hasPrefix("addr:") {
            text = String(text.dropFirst(5))
        }
        guard let prefix = IPPrefix(text) else {
            reader.note(start..<reader.index, "no address behind \"inet\"")
            return nil
        }
        return InterfaceAddress(address: prefix, scope: prefix.address.isLoopback ? "host" : "global", source: source)
    }

    /// Reads a word that belongs to the last address.
    private static func readAddressWord(
        _ reader: inout WordReader, _ word: String, _ address: inout InterfaceAddress?
    ) -> Bool {
        let (key, value) = split(word)
        switch key {
        case "netmask", "Mask", "prefixlen", "broadcast", "Bcast", "destination", "P-t-P", "scopeid", "Scope": break
        default: return false
        }
        let text: String
        if let value {
            text = value
            reader.index += 1
        } else {
            text = reader.value() ?? ""
        }
        guard let old = address?.address.address else { return true }
        switch key {
        case "netmask", "Mask":
            let mask = IPAddress(text).map { MaskedAddress(.zero(.ipv4), mask: $0) }
            if let length = mask?.prefixLength, let prefix = IPPrefix(old, length: length) { address?.address = prefix }
        case "prefixlen":
            if let prefix = UInt8(text).flatMap({ IPPrefix(old, length: $0) }) { address?.address = prefix }
        // 0.0.0.0 where there is none.
        case "broadcast", "Bcast": address?.broadcast = IPAddress(text).flatMap { $0.isZero ? nil : $0 }
        case "destination", "P-t-P": address?.peer = IPAddress(text).map { IPPrefix(host: $0) }
        default:
            let name = text.split(separator: "<").last.map { $0.hasSuffix(">") ? $0.dropLast() : $0 } ?? ""
            address?.scope = name.lowercased()
        }
        return true
    }

    /// `Bcast:10.0.0.255` of the old form; `nil` as value where the word has none.
    private static func split(_ word: String) -> (key: String, value: String?) {
        guard let colon = word.firstIndex(of: ":") else { return (word, nil) }
        return (String(word[..<colon]), String(word[word.index(after: colon)...]))
    }

    private static func readWord(_ reader: inout WordReader, _ word: String, _ draft: inout LinkDraft) -> Bool {
        let (key, value) = split(word)
        switch key {
        case "mtu": draft.link.mtu = reader.value().flatMap { UInt32($0) } ?? 0
        case "MTU":
            draft.link.mtu = value.flatMap { UInt32($0) } ?? 0
            reader.index += 1
        case "HWaddr" where reader.word(reader.index + 1).flatMap({ MACAddress($0.text) }) == nil:
            // Tunnels print the word without an address.
            reader.index += 1
        case "ether", "HWaddr": draft.link.mac = reader.value().flatMap { MACAddress($0) }
        case "encap":
            setHardware(value ?? "", &draft)
            reader.index += 1
        case "loop":
            setHardware("Local", &draft)
            reader.index += 1
        case "tunnel", "sit", "ppp", "device", "Loopback", "Protocol", "Tunnel", "RX", "TX", "Ethernet":
            reader.index += 1
        case "unspec", "infiniband", "txqueuelen", "packets", "bytes", "errors", "dropped", "overruns", "frame",
            "carrier", "collisions", "metric", "Metric", "interrupt", "memory", "base", "Interrupt", "Memory",
            "Base":
            // The old form holds the value in the word itself.
            if value == nil { _ = reader.value() } else { reader.index += 1 }
        default:
            guard word.hasPrefix("(") else { return word == "[NO" || word == "FLAGS]" ? skip(&reader) : false }
            return skipParenthesis(&reader)
        }
        return true
    }

    private static func skip(_ reader: inout WordReader) -> Bool {
        reader.index += 1
        return true
    }

    /// `(Local Loopback)`, `(2.3 MiB)`.
    private static func skipParenthesis(_ reader: inout WordReader) -> Bool {
        let line = reader.current?.line
        for _ in 0..<6 {
            guard let word = reader.current, word.line == line, word.role == .text else { return true }
            reader.index += 1
            if word.text.hasSuffix(")") { return true }
        }
        return true
    }

    private static func setHardware(_ text: String, _ draft: inout LinkDraft) {
        switch text {
        case "Local": draft.hardware = "loopback"
        case "IPIP": draft.hardware = "ipip"
        default: break
        }
    }
}
