import ClewNet
import ClewSnapshot

/// Values as iptables reads them. Each takes exactly the bytes `start ..< end`, or is `nil`.
extension ByteText {
    /// A number as `strtoul` with base 0 reads it: decimal, `0x` hexadecimal, octal behind a leading 0.
    func number(_ start: Int, _ end: Int, max: UInt64 = UInt64(UInt32.max)) -> UInt64? {
        guard start < end else { return nil }
        var position = start
        var radix: UInt64 = 10
        if self[start] == UInt8(ascii: "0"), end - start > 1 {
            radix = self[start + 1] | 0x20 == UInt8(ascii: "x") ? 16 : 8
            position = start + (radix == 16 ? 2 : 1)
            guard position < end else { return nil }
        }
        var value: UInt64 = 0
        while position < end {
            guard let digit = hexDigit(self[position]), UInt64(digit) < radix else { return nil }
            value = value &* radix &+ UInt64(digit)
            guard value <= max else { return nil }
            position += 1
        }
        return value
    }

    /// A decimal number below 65536.
    @inline(__always)
    func port(_ start: Int, _ end: Int) -> UInt16? {
        guard start < end, end &- start <= 5 else { return nil }
        var value: UInt32 = 0
        for position in start..<end {
            let digit = self[position] &- 48
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt32(digit)
        }
        return UInt16(exactly: value)
    }

    func byte(_ start: Int, _ end: Int) -> UInt8? { number(start, end, max: 255).map { UInt8($0) } }
    func u32(_ start: Int, _ end: Int) -> UInt32? { number(start, end).map { UInt32($0) } }

    /// The offset of `byte` in `start ..< end`.
    @inline(__always)
    func find(_ byte: UInt8, _ start: Int, _ end: Int) -> Int? {
        var position = start
        while position < end {
            if self[position] == byte { return position }
            position &+= 1
        }
        return nil
    }

    /// A port by number or by its name in `/etc/services`.
    func portOrService(_ start: Int, _ end: Int) -> UInt16? {
        port(start, end) ?? ServiceNames.ports[string(start, end).lowercased()]
            ?? number(start, end, max: 65535)
            .map { UInt16($0) }
    }

    /// `80`, `80:90`, `:1023`, `1024:`, `http`; the separator of NAT targets is `-`.
    func portRange(_ start: Int, _ end: Int, separator: UInt8 = UInt8(ascii: ":")) -> PortRange? {
        if let port = port(start, end) { return PortRange(port) }
        guard start < end else { return nil }
        guard let colon = find(separator, start, end) else {
            return portOrService(start, end).map { PortRange($0) }
        }
        let isOpen = separator == UInt8(ascii: ":")
        let first = colon == start && isOpen ? 0 : portOrService(start, colon)
        let last = colon + 1 == end && isOpen ? 65535 : portOrService(colon + 1, end)
        guard let first, let last else { return portOrService(start, end).map { PortRange($0) } }
        return PortRange(first, last)
    }

    /// `value` or `value/mask`.
    func masked(_ start: Int, _ end: Int) -> (value: UInt32, mask: UInt32)? {
        guard let slash = find(UInt8(ascii: "/"), start, end) else { return u32(start, end).map { ($0, .max) } }
        guard let value = u32(start, slash), let mask = u32(slash + 1, end) else { return nil }
        return (value, mask)
    }

    /// Four decimal parts.
    @inline(__always)
    func ipv4(_ start: Int, _ end: Int) -> UInt32? {
        guard end &- start >= 7, end &- start <= 15 else { return nil }
        var result: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var dots = 0
        var position = start
        while position < end {
            let byte = self[position]
            position &+= 1
            if byte == 46 {
                guard digits > 0, dots < 3 else { return nil }
                result = result << 8 | part
                part = 0
                digits = 0
                dots &+= 1
            } else {
                let digit = byte &- 48
                guard digit < 10, digits < 3 else { return nil }
                part = part &* 10 &+ UInt32(digit)
                guard part < 256 else { return nil }
                digits &+= 1
            }
        }
        guard dots == 3, digits > 0 else { return nil }
        return result << 8 | part
    }

    /// `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1`, and `10/8` with parts left out behind.
    @inline(__always)
    func maskedIPv4(_ start: Int, _ end: Int) -> (value: UInt32, mask: UInt32)? {
        guard let slash = find(47, start, end) else { return ipv4(start, end).map { ($0, .max) } }
        guard let address = ipv4(start, slash) ?? shortIPv4(start, slash) else { return nil }
        let length = end &- slash &- 1
        var mask: UInt32 = 0
        if length == 1 || length == 2 {
            var bits: UInt32 = 0
            for position in (slash &+ 1)..<end {
                let digit = self[position] &- 48
                guard digit < 10 else { return nil }
                bits = bits &* 10 &+ UInt32(digit)
            }
            guard bits <= 32 else { return nil }
            mask = bits == 0 ? 0 : ~0 << (32 &- bits)
        } else {
            guard let dotted = ipv4(slash &+ 1, end) else { return nil }
            mask = dotted
        }
        return (address & mask, mask)
    }

    private func shortIPv4(_ start: Int, _ end: Int) -> UInt32? {
        var position = start
        var result: UInt32 = 0
        var parts: UInt32 = 0
        while position < end, parts < 3 {
            let dot = find(46, position, end) ?? end
            guard let part = number(position, dot, max: 255) else { return nil }
            result = result << 8 | UInt32(part)
            parts += 1
            position = dot + 1
        }
        return parts > 0 && position > end ? result << (8 * (4 - parts)) : nil
    }

    func address(_ start: Int, _ end: Int) -> IPAddress? {
        if let four = ipv4(start, end) { return IPAddress(v4: four) }
        guard end - start < 64 else { return nil }
        return IPAddress(utf8: string(start, end).utf8)
    }

    /// An address of either family with a prefix length or a mask.
    func maskedAddress(_ start: Int, _ end: Int) -> MaskedAddress? {
        if let four = maskedIPv4(start, end) {
            return MaskedAddress(IPAddress(v4: four.value), mask: IPAddress(v4: four.mask))
        }
        let slash = find(47, start, end) ?? end
        guard let address = address(start, slash) else { return nil }
        if slash == end { return MaskedAddress(address, mask: .mask(address.family.width, address.family)) }
        if let length = number(slash + 1, end, max: UInt64(address.family.width)) {
            return MaskedAddress(address, mask: .mask(UInt8(length), address.family))
        }
        guard let mask = self.address(slash + 1, end), mask.family == address.family else { return nil }
        return MaskedAddress(address, mask: mask)
    }

    /// `a-b` or one address.
    func addressRange(_ start: Int, _ end: Int) -> AddressRange? {
        guard let dash = find(UInt8(ascii: "-"), start, end) else {
            return address(start, end).map { AddressRange($0, $0) }
        }
        guard let first = address(start, dash), let last = address(dash + 1, end), first.family == last.family else {
            return nil
        }
        return AddressRange(first, last)
    }

    func ipProtocol(_ start: Int, _ end: Int) -> IPProtocol? {
        switch word(at: start, length: end - start) {
        case 0x70_6374 where end - start == 3: .tcp
        case 0x70_6475 where end - start == 3: .udp
        default: IPProtocol(name: string(start, end).lowercased())
        }
    }

    /// A decimal fraction in 0 … 1 as `xtables` turns it into 31 bits: `lround(0x80000000 * value)`.
    func probability(_ start: Int, _ end: Int) -> UInt32? {
        var mantissa: UInt64 = 0
        var scale: UInt64 = 1
        var isFraction = false
        var position = start
        guard start < end else { return nil }
        while position < end {
            let byte = self[position]
            position &+= 1
            if byte == 46, !isFraction {
                isFraction = true
                continue
            }
            let digit = byte &- 48
            // 2⁵³ bounds what converts to Double exactly; more digits take the slow way.
            guard digit < 10, mantissa < 900_000_000_000_000 else { return slowProbability(start, end) }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            if isFraction { scale = scale &* 10 }
        }
        return Self.threshold(Double(mantissa) / Double(scale))
    }

    private func slowProbability(_ start: Int, _ end: Int) -> UInt32? {
        Double(string(start, end)).flatMap(Self.threshold)
    }

    private static func threshold(_ value: Double) -> UInt32? {
        guard value >= 0, value <= 1 else { return nil }
        return UInt32((value * 2_147_483_648).rounded(.toNearestOrAwayFromZero))
    }
}

/// Ports by the names that listings without `-n`, and rules written by hand, use (`/etc/services`).
enum ServiceNames {
    static let ports: [String: UInt16] = [
        "tcpmux": 1, "echo": 7, "discard": 9, "daytime": 13, "chargen": 19, "ftp-data": 20, "ftp": 21, "ssh": 22,
        "telnet": 23, "smtp": 25, "time": 37, "whois": 43, "tacacs": 49, "domain": 53, "bootps": 67, "bootpc": 68,
        "tftp": 69, "gopher": 70, "finger": 79, "http": 80, "www": 80, "kerberos": 88, "pop3": 110, "pop-3": 110,
        "sunrpc": 111, "portmapper": 111, "auth": 113, "ident": 113, "nntp": 119, "ntp": 123, "epmap": 135,
        "loc-srv": 135, "netbios-ns": 137, "netbios-dgm": 138, "netbios-ssn": 139, "imap": 143, "imap2": 143,
        "snmp": 161, "snmp-trap": 162, "snmptrap": 162, "bgp": 179, "irc": 194, "ldap": 389, "svrloc": 427,
        "https": 443, "microsoft-ds": 445, "submissions": 465, "urd": 465, "ssmtp": 465, "isakmp": 500, "exec": 512,
        "login": 513, "shell": 514, "syslog": 514, "printer": 515, "route": 520, "rtsp": 554, "submission": 587,
        "ipp": 631, "ldaps": 636, "rsync": 873, "ftps-data": 989, "ftps": 990, "imaps": 993, "pop3s": 995,
        "socks": 1080, "openvpn": 1194, "ms-sql-s": 1433, "ms-sql-m": 1434, "l2f": 1701, "l2tp": 1701,
        "pptp": 1723, "radius": 1812, "radius-acct": 1813, "nfs": 2049, "dpap": 2049, "cvspserver": 2401,
        "mysql": 3306, "ms-wbt-server": 3389, "svn": 3690, "ipsec-nat-t": 4500, "sip": 5060, "sip-tls": 5061,
        "xmpp-client": 5222, "xmpp-server": 5269, "mdns": 5353, "postgresql": 5432, "amqp": 5672, "x11": 6000,
        "redis": 6379, "bacula-dir": 9101, "http-alt": 8080, "webcache": 8080, "zabbix-agent": 10050,
        "webmin": 10000, "dict": 2628, "bootp": 67, "git": 9418, "nut": 3493, "munin": 4949, "puppet": 8140,
    ]
}
