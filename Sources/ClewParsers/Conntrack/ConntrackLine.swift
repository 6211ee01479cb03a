import ClewBundle
import ClewNet
import ClewSnapshot

/// One line of a connection table while it is read, word by word.
struct ConntrackLine {
    private let source: SourceLine
    private var ipProtocol: IPProtocol?
    private var original = PartialTuple()
    private var reply = PartialTuple()
    private var isInReply = false
    private var state: String?
    private var timeout: UInt32?
    private var mark: UInt32 = 0
    private var zone: UInt16 = 0
    private var isUnreplied = false
    private var isAssured = false
    private var isOffloaded = false

    /// The fields of a tuple as far as they were read.
    private struct PartialTuple {
        var source: IPAddress?
        var destination: IPAddress?
        var sourcePort: UInt16?
        var destinationPort: UInt16 = 0
        var icmpType: UInt8?
        var icmpCode: UInt8 = 0
        var icmpIdentifier: UInt16?
    }

    init(_ source: SourceLine) { self.source = source }

    mutating func read(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> ConntrackLineContent {
        var at = start
        guard let first = Self.word(text, &at, end) else { return .nothing }
        if text[first.lowerBound] == UInt8(ascii: "[") {
            return .unread("an event of conntrack -E, not an entry of the table")
        }
        // conntrack v1.4.6 (conntrack-tools): 12 flow entries have been shown.
        if Self.equal(text, first, "conntrack") { return .nothing }
        if let problem = readHead(text, first, &at, end) { return .unread(problem) }
        while let word = Self.word(text, &at, end) {
            if let problem = readField(text, word) { return .unread(problem) }
        }
        return finish()
    }

    /// Reads up to the protocol's number.
    ///
    /// `nil` if all went well.
    private mutating func readHead(_ text: Span<UInt8>, _ first: Range<Int>, _ at: inout Int, _ end: Int) -> String? {
        if Self.equal(text, first, "ipv4") || Self.equal(text, first, "ipv6") {
            guard Self.word(text, &at, end) != nil, Self.word(text, &at, end) != nil else {
                return "ends before its protocol"
            }
        }
        // The protocol's name is `unknown` where the tool knows none: only the number counts.
        guard let number = Self.word(text, &at, end), let value = Self.decimal(text, number), value < 256 else {
            return "no protocol number"
        }
        ipProtocol = IPProtocol(rawValue: UInt8(value))
        return nil
    }

    private mutating func readField(_ text: Span<UInt8>, _ word: Range<Int>) -> String? {
        let first = text[word.lowerBound]
        if first == UInt8(ascii: "[") {
            readFlag(text, word)
            return nil
        }
        var sign = word.lowerBound
        while sign < word.upperBound, text[sign] != UInt8(ascii: "=") { sign += 1 }
        if sign == word.upperBound {
            if original.source != nil { return nil }
            if let value = Self.decimal(text, word) {
                timeout = UInt32(clamping: value)
            } else {
                state = Self.string(text, word)
            }
            return nil
        }
        return readPair(text, key: word.lowerBound..<sign, value: sign + 1..<word.upperBound)
    }

    private mutating func readFlag(_ text: Span<UInt8>, _ word: Range<Int>) {
        if Self.equal(text, word, "[UNREPLIED]") {
            isUnreplied = true
        } else if Self.equal(text, word, "[ASSURED]") {
            isAssured = true
        } else if Self.equal(text, word, "[OFFLOAD]") || Self.equal(text, word, "[HW_OFFLOAD]") {
            isOffloaded = true
        }
    }

    private mutating func readPair(_ text: Span<UInt8>, key: Range<Int>, value: Range<Int>) -> String? {
        switch key.count {
        case 2 where Self.equal(text, key, "id"):
            // `conntrack -o id` prints the entry's own number at the end: only ICMP has one in its tuples.
            guard let number = Self.decimal(text, value) else { return nil }
            update { $0.icmpIdentifier = $0.icmpIdentifier ?? UInt16(truncatingIfNeeded: number) }
        case 3 where Self.equal(text, key, "src"):
            if original.source != nil {
                if reply.source != nil { return "more than two tuples" }
                isInReply = true
            }
            guard let address = Self.address(text, value) else { return "src is not an address" }
            update { $0.source = address }
        case 3 where Self.equal(text, key, "dst"):
            guard let address = Self.address(text, value) else { return "dst is not an address" }
            update { $0.destination = address }
        case 5 where Self.equal(text, key, "sport"):
            guard let port = Self.port(text, value) else { return "sport is not a port" }
            update { $0.sourcePort = port }
        case 5 where Self.equal(text, key, "dport"):
            guard let port = Self.port(text, value) else { return "dport is not a port" }
            update { $0.destinationPort = port }
        case 4 where Self.equal(text, key, "type"):
            guard let number = Self.decimal(text, value), number < 256 else { return "type is not an ICMP type" }
            update { $0.icmpType = UInt8(number) }
        case 4 where Self.equal(text, key, "code"):
            guard let number = Self.decimal(text, value), number < 256 else { return "code is not an ICMP code" }
            update { $0.icmpCode = UInt8(number) }
        default: return readExtra(text, key: key, value: value)
        }
        return nil
    }

    /// What belongs to the entry, not to a tuple.
    ///
    /// Counters, time stamps, labels and the use count are not kept.
    private mutating func readExtra(_ text: Span<UInt8>, key: Range<Int>, value: Range<Int>) -> String? {
        if Self.equal(text, key, "mark") {
            guard let number = Self.decimal(text, value) else { return "mark is not a number" }
            mark = UInt32(truncatingIfNeeded: number)
        } else if Self.equal(text, key, "zone") || Self.equal(text, key, "zone-orig") {
            guard let number = Self.decimal(text, value), number < 65536 else { return "zone is not a number" }
            zone = UInt16(number)
        } else if Self.equal(text, key, "srckey") || Self.equal(text, key, "dstkey") {
            // GRE: 0x and the call identifier, which stands where others have a port (`nf_conntrack_man_proto`).
            let digits = Self.string(text, value)
            guard let number = UInt16(decimalOrHex: digits) else { return "a GRE key is not a number" }
            if text[key.lowerBound] == UInt8(ascii: "s") {
                update { $0.sourcePort = number }
            } else {
                update { $0.destinationPort = number }
            }
        }
        return nil
    }

    private mutating func update(_ change: (inout PartialTuple) -> Void) {
        if isInReply { change(&reply) } else { change(&original) }
    }

    private func finish() -> ConntrackLineContent {
        guard let ipProtocol, let original = tuple(original, ipProtocol) else {
            return .unread("no original tuple with src and dst of one family")
        }
        guard let reply = tuple(reply, ipProtocol) else {
            return .unread("no reply tuple with src and dst of one family")
        }
        var entry = ConntrackEntry(original: original, reply: reply, source: source)
        entry.state = state
        entry.timeout = timeout
        entry.mark = mark
        entry.zone = zone
        entry.isUnreplied = isUnreplied
        entry.isAssured = isAssured
        entry.isOffloaded = isOffloaded
        return .entry(entry)
    }

    private func tuple(_ partial: PartialTuple, _ ipProtocol: IPProtocol) -> ConntrackTuple? {
        guard let source = partial.source, let destination = partial.destination, source.family == destination.family
        else { return nil }
        var sourcePort = partial.sourcePort ?? 0
        var destinationPort = partial.destinationPort
        if let type = partial.icmpType {
            sourcePort = partial.icmpIdentifier ?? 0
            destinationPort = UInt16(type) << 8 | UInt16(partial.icmpCode)
        }
        return ConntrackTuple(
            source: source, destination: destination, ipProtocol: ipProtocol, sourcePort: sourcePort,
            destinationPort: destinationPort)
    }
}

// Reading single words. These stay in one target with their callers so that they are inlined.
extension ConntrackLine {
    /// The next word before `end`; spaces, tabs and carriage returns part words.
    private static func word(_ text: Span<UInt8>, _ at: inout Int, _ end: Int) -> Range<Int>? {
        while at < end, text[at] == 0x20 || text[at] == 0x09 || text[at] == 0x0D { at += 1 }
        let start = at
        while at < end, text[at] != 0x20, text[at] != 0x09, text[at] != 0x0D { at += 1 }
        return start < at ? start..<at : nil
    }

    private static func equal(_ text: Span<UInt8>, _ range: Range<Int>, _ other: StaticString) -> Bool {
        guard range.count == other.utf8CodeUnitCount else { return false }
        return other.withUTF8Buffer { bytes in
            for i in 0..<bytes.count where text[range.lowerBound + i] != bytes[i] { return false }
            return true
        }
    }

    private static func string(_ text: Span<UInt8>, _ range: Range<Int>) -> String {
        String(decoding: range.map { text[$0] }, as: UTF8.self)
    }

    /// A decimal number of up to 19 digits.
    private static func decimal(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        guard !range.isEmpty, range.count < 20 else { return nil }
        var value: UInt64 = 0
        for i in range {
            let digit = text[i] &- 48
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        return value
    }

    private static func port(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt16? {
        decimal(text, range).flatMap { UInt16(exactly: $0) }
    }

    private static func address(_ text: Span<UInt8>, _ range: Range<Int>) -> IPAddress? {
        var value: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var dots = 0
        for i in range {
            let byte = text[i]
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                value = value << 8 | part
                (part, digits, dots) = (0, 0, dots + 1)
            } else if byte &- 48 < 10, digits < 3 {
                part = part * 10 + UInt32(byte &- 48)
                // `2600:1f18::1` begins so too.
                guard part < 256 else { return IPAddress(string(text, range)) }
                digits += 1
            } else {
                // IPv6: rarer, and read by the general parser.
                return IPAddress(string(text, range))
            }
        }
        return dots == 3 && digits > 0 ? IPAddress(v4: value << 8 | part) : nil
    }
}
