import ClewBundle
import ClewNet
import ClewSnapshot

/// What a set's type and its creation options say of its entries.
struct IpsetHeader {
    enum Dimension { case address, network, port, mac, mark, interface, set }

    var dimensions: [Dimension]
    var family = AddressFamily.ipv4
    var hasFamily: Bool
    var hasTimeout = false
    /// `netmask`: addresses are stored and looked up under that mask.
    var netmask: UInt8?
    /// Why looking up cannot be modelled exactly; `nil` when it can.
    var inexactBecause: String?
    var isExact: Bool { inexactBecause == nil }

    private static let types: [String: [Dimension]] = [
        "hash:ip": [.address], "hash:net": [.network], "hash:mac": [.mac],
        "hash:ip,port": [.address, .port], "hash:ip,mark": [.address, .mark], "hash:ip,mac": [.address, .mac],
        "hash:ip,port,ip": [.address, .port, .address], "hash:ip,port,net": [.address, .port, .network],
        "hash:net,port": [.network, .port], "hash:net,net": [.network, .network],
        "hash:net,port,net": [.network, .port, .network], "hash:net,iface": [.network, .interface],
        "bitmap:ip": [.address], "bitmap:port": [.port], "bitmap:ip,mac": [.address, .mac], "list:set": [.set],
        // Names before ipset 5.
        "iphash": [.address], "nethash": [.network], "ipporthash": [.address, .port],
        "ipportiphash": [.address, .port, .address], "ipportnethash": [.address, .port, .network],
        "ipmap": [.address], "macipmap": [.address, .mac], "portmap": [.port], "setlist": [.set],
    ]

    static func parse(type: String, options: [String]) -> Result<IpsetHeader, FieldError> {
        guard let dimensions = types[type] else {
            return .failure(FieldError("set type \(type.isEmpty ? "not given" : type) is not known"))
        }
        let hasFamily = type.hasPrefix("hash:") && type != "hash:mac" || type.hasSuffix("hash")
        var header = IpsetHeader(dimensions: dimensions, hasFamily: hasFamily)
        var rest = options[...]
        while let option = rest.popFirst() {
            if let error = header.readOption(option, &rest) { return .failure(error) }
        }
        return .success(header)
    }

    private mutating func readOption(_ option: String, _ rest: inout ArraySlice<String>) -> FieldError? {
        switch option {
        case "family":
            switch rest.popFirst() {
            case "inet", "ipv4": family = .ipv4
            case "inet6", "ipv6": family = .ipv6
            default: return FieldError("family is neither inet nor inet6")
            }
        case "timeout":
            hasTimeout = true
            _ = rest.popFirst()
        case "netmask":
            guard let length = rest.popFirst().flatMap({ UInt8($0) }) else { return FieldError("netmask is no length") }
            netmask = length
        case "bitmask":
            guard let mask = rest.popFirst().flatMap({ IPAddress($0) }) else {
                return FieldError("bitmask is no address")
            }
            let prefix = MaskedAddress(mask, mask: mask).prefixLength
            netmask = prefix
            if prefix == nil { inexactBecause = "a bitmask that is not a prefix is not modelled" }
        case "markmask":
            let mask = rest.popFirst().flatMap { UInt32(decimalOrHex: $0) }
            if mask != .max { inexactBecause = "a markmask is not modelled" }
        case "range", "hashsize", "maxelem", "bucketsize", "initval", "size", "probes", "resize", "from", "to":
            guard rest.popFirst() != nil else { return FieldError("no value behind \(option)") }
        case "counters", "comment", "skbinfo", "forceadd", "nomatch": break
        default: return FieldError("creation option \(option) is not known")
        }
        return nil
    }

    func entry(_ text: String, options: ArraySlice<String>, source: SourceLine) -> Result<IPSetEntry, FieldError> {
        var entry = IPSetEntry(parts: [], source: source)
        var rest = options
        while let option = rest.popFirst() {
            switch option {
            case "timeout", "packets", "bytes", "comment", "skbmark", "skbprio", "skbqueue", "before", "after":
                guard rest.popFirst() != nil else { return .failure(FieldError("no value behind \(option)")) }
            case "nomatch": entry.noMatch = true
            case "wildcard": return .failure(FieldError("an interface's wildcard is not modelled"))
            default: return .failure(FieldError("entry option \(option) is not known"))
            }
        }
        let fields = text.split(separator: ",", omittingEmptySubsequences: false)
        if dimensions.last == .mac, dimensions.count == 2, fields.count == 1 {
            return .failure(FieldError("an entry without its MAC address takes that of the first packet"))
        }
        guard fields.count == dimensions.count else {
            return .failure(FieldError("\(fields.count) parts, where the set's type has \(dimensions.count)"))
        }
        for (dimension, field) in zip(dimensions, fields) {
            guard let part = part(dimension, String(field)) else {
                return .failure(FieldError("\(field) is no \(Self.name(dimension)) of this set"))
            }
            entry.parts.append(part)
        }
        return .success(entry)
    }

    private static func name(_ dimension: Dimension) -> String {
        switch dimension {
        case .address: "address"
        case .network: "network"
        case .port: "port"
        case .mac: "MAC address"
        case .mark: "mark"
        case .interface: "interface"
        case .set: "set name"
        }
    }

    private func part(_ dimension: Dimension, _ text: String) -> IPSetPart? {
        switch dimension {
        case .address: addresses(text, mask: netmask).map { .addresses($0) }
        case .network: addresses(text, mask: nil).map { .addresses($0) }
        case .port: Self.port(text)
        case .mac: MACAddress(text).map { .mac($0) }
        case .mark: UInt32(decimalOrHex: text).map { .mark($0) }
        case .interface: Self.interface(text)
        case .set: text.isEmpty ? nil : .set(text)
        }
    }

    private static func interface(_ text: String) -> IPSetPart? {
        let isPhysical = text.hasPrefix("physdev:")
        let name = isPhysical ? String(text.dropFirst("physdev:".count)) : text
        return name.isEmpty ? nil : .interface(name, isPhysical: isPhysical)
    }

    /// `10.0.0.1`, `10.0.0.0/8`, `10.0.0.1-10.0.0.9`; under a mask the whole network.
    private func addresses(_ text: String, mask: UInt8?) -> AddressRange? {
        if let dash = text.firstIndex(of: "-") {
            guard let first = IPAddress(String(text[..<dash])),
                let last = IPAddress(String(text[text.index(after: dash)...])),
                first.family == expectedFamily, last.family == expectedFamily, first <= last
            else { return nil }
            return AddressRange(first, last)
        }
        guard var prefix = IPPrefix(text), prefix.family == expectedFamily else { return nil }
        if let mask, mask < prefix.length, let wider = IPPrefix(prefix.address, length: mask) { prefix = wider }
        return AddressRange(prefix.network.address, prefix.last)
    }

    /// Bitmaps hold IPv4 only.
    private var expectedFamily: AddressFamily { hasFamily ? family : .ipv4 }
}

extension IpsetHeader {
    /// `80`, `tcp:80`, `udp:100-200`, `icmp:echo-request`, `icmpv6:128/0`, `vrrp:0`.
    private static func port(_ text: String) -> IPSetPart? {
        guard let colon = text.firstIndex(of: ":") else { return range(text).map { .port(nil, $0) } }
        let value = String(text[text.index(after: colon)...])
        guard let ipProtocol = IPProtocol(name: String(text[..<colon])) else { return nil }
        if ipProtocol == .icmp || ipProtocol == .icmpv6 {
            guard let code = icmp(value, ipProtocol) else { return nil }
            return .port(ipProtocol, PortRange(code))
        }
        return range(value).map { .port(ipProtocol, $0) }
    }

    private static func range(_ text: String) -> PortRange? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first.flatMap({ UInt16($0) }),
            let last = parts.last.flatMap({ UInt16($0) })
        else { return nil }
        return PortRange(first, last)
    }

    /// Type << 8 | code of `8/0` or of a name as `ipset help` lists them (`lib/icmp.c`, `lib/icmpv6.c`).
    private static func icmp(_ text: String, _ ipProtocol: IPProtocol) -> UInt16? {
        if let known = (ipProtocol == .icmp ? icmpNames : icmpv6Names)[text] { return known }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let type = UInt8(parts[0]), let code = UInt8(parts[1]) else { return nil }
        return UInt16(type) << 8 | UInt16(code)
    }

    private static let icmpNames: [String: UInt16] = [
        "echo-reply": 0, "pong": 0, "network-unreachable": 0x300, "host-unreachable": 0x301,
        "protocol-unreachable": 0x302, "port-unreachable": 0x303, "fragmentation-needed": 0x304,
        "source-route-failed": 0x305, "network-unknown": 0x306, "host-unknown": 0x307, "network-prohibited": 0x309,
        "host-prohibited": 0x30A, "TOS-network-unreachable": 0x30B, "TOS-host-unreachable": 0x30C,
        "communication-prohibited": 0x30D, "host-precedence-violation": 0x30E, "precedence-cutoff": 0x30F,
        "source-quench": 0x400, "network-redirect": 0x500, "host-redirect": 0x501, "TOS-network-redirect": 0x502,
        "TOS-host-redirect": 0x503, "echo-request": 0x800, "ping": 0x800, "router-advertisement": 0x900,
        "router-solicitation": 0xA00, "ttl-zero-during-transit": 0xB00, "ttl-zero-during-reassembly": 0xB01,
        "ip-header-bad": 0xC00, "required-option-missing": 0xC01, "timestamp-request": 0xD00,
        "timestamp-reply": 0xE00, "address-mask-request": 0x1100, "address-mask-reply": 0x1200,
    ]

    private static let icmpv6Names: [String: UInt16] = [
        "no-route": 0x100, "communication-prohibited": 0x101, "address-unreachable": 0x103, "port-unreachable": 0x104,
        "packet-too-big": 0x200, "ttl-zero-during-transit": 0x300, "ttl-zero-during-reassembly": 0x301,
        "bad-header": 0x400, "unknown-header-type": 0x401, "unknown-option": 0x402, "echo-request": 0x8000,
        "ping": 0x8000, "echo-reply": 0x8100, "pong": 0x8100, "router-solicitation": 0x8500,
        "router-advertisement": 0x8600, "neighbour-solicitation": 0x8700, "neigbour-solicitation": 0x8700,
        "neighbour-advertisement": 0x8800, "neigbour-advertisement": 0x8800, "redirect": 0x8900,
    ]
}
