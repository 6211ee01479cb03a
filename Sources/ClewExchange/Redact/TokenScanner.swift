import ClewNet

/// Takes a text apart into addresses, words and what stands between them.
struct TokenScanner {
    enum Token: Equatable {
        case address(IPAddress)
        /// With what parts its bytes: `:` or `-`.
        case mac(UInt64, separator: UInt8)
        /// One of more than six bytes, as InfiniBand has them, and `ifconfig` of devices that it does not know.
        case longMAC
        /// Letters, digits, `_`, and inside of it `.` and `-`.
        case word
        /// One byte.
        case other
    }

    static func holdsAddress(_ text: String) -> Bool {
        var scanner = TokenScanner(Array(text.utf8))
        while let (token, _) = scanner.next() {
            if case .address = token { return true }
        }
        return false
    }

    let bytes: [UInt8]
    /// Ports follow addresses of IPv6 without brackets, as `netstat` has them: `fd00::1:6443`.
    var hasBarePorts = false
    private(set) var position: Int
    private let end: Int

    init(_ bytes: [UInt8], _ range: Range<Int>? = nil) {
        self.bytes = bytes
        position = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    mutating func next() -> (token: Token, range: Range<Int>)? {
        guard position < end else { return nil }
        let start = position
        let first = bytes[start]
        if hexDigit(first) != nil || first == UInt8(ascii: ":") {
            if let end = longMAC(at: start) {
                position = end
                return (.longMAC, start..<position)
            }
            if let mac = mac(at: start) {
                position = start + 17
                return (.mac(mac, separator: bytes[start + 2]), start..<position)
            }
            if let (address, length) = sixAddress(at: start) ?? fourAddress(at: start) {
                position = start + length
                return (.address(address), start..<position)
            }
        }
        guard Self.isWordByte(first) else {
            position += 1
            return (.other, start..<position)
        }
        while position < end, Self.isWordByte(bytes[position]) || Self.isInner(bytes[position]) {
            // The root of a spanning tree: `8000.52:54:00:32:00:0b`.
            if bytes[position] == UInt8(ascii: "."), mac(at: position + 1) != nil { break }
            position += 1
        }
        while Self.isInner(bytes[position - 1]) { position -= 1 }
        return (.word, start..<position)
    }

    /// Goes on from there.
    mutating func skip(to position: Int) { self.position = min(max(position, self.position), end) }

    func byte(at index: Int) -> UInt8? { index >= 0 && index < end ? bytes[index] : nil }

    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...0xff: true
        default: false
        }
    }

    static func isInner(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") }

    private func mac(at start: Int) -> UInt64? {
        guard start + 17 <= end else { return nil }
        let separator = bytes[start + 2]
        guard separator == UInt8(ascii: ":") || separator == UInt8(ascii: "-") else { return nil }
        var value: UInt64 = 0
        for index in 0..<17 {
            if index % 3 == 2 {
                guard bytes[start + index] == separator else { return nil }
            } else {
                guard let digit = hexDigit(bytes[start + index]) else { return nil }
                value = value << 4 | UInt64(digit)
            }
        }
        if let next = byte(at: start + 17), next == separator || Self.isWordByte(next) { return nil }
        return value
    }

    /// Where twelve bytes or more end that are written as those of hardware addresses are.
    private func longMAC(at start: Int) -> Int? {
        guard start + 35 <= end else { return nil }
        let separator = bytes[start + 2]
        guard separator == UInt8(ascii: ":") || separator == UInt8(ascii: "-") else { return nil }
        var index = start
        var count = 0
        while index + 2 <= end, hexDigit(bytes[index]) != nil, hexDigit(bytes[index + 1]) != nil {
            count += 1
            index += 2
            guard byte(at: index) == separator else { break }
            index += 1
        }
        if bytes[index - 1] == separator { index -= 1 }
        return count > 11 ? index : nil
    }

    private func sixAddress(at start: Int) -> (IPAddress, Int)? {
        var stop = start
        var colons = 0
        while stop < end, stop - start < 46, hexDigit(bytes[stop]) != nil || ":.".utf8.contains(bytes[stop]) {
            if bytes[stop] == UInt8(ascii: ":") { colons += 1 }
            stop += 1
        }
        guard colons > 1 else { return nil }
        // A typographic quotation mark may follow, or what joins a port.
        if let next = byte(at: stop), Self.isWordByte(next), next < 0x80, next != UInt8(ascii: "_") { return nil }
        if let length = lengthWithoutPort(start, stop) { return six(start, length) }
        // Dots end a sentence, or part a port: `fd00::1.443`.
        while stop - start > 1 {
            if let found = six(start, stop - start) { return found }
            stop -= 1
            guard ":.".utf8.contains(bytes[stop]) || bytes[start..<stop].contains(UInt8(ascii: ".")) else { return nil }
        }
        return nil
    }

    private func six(_ start: Int, _ length: Int) -> (IPAddress, Int)? {
        guard let address = IPAddress(utf8: bytes[start..<start + length]), address.family == .ipv6 else { return nil }
        return (address, length)
    }

    /// Of an address in all its eight groups with a ninth, or where ports always follow: without what follows.
    private func lengthWithoutPort(_ start: Int, _ stop: Int) -> Int? {
        guard let colon = bytes[start..<stop].lastIndex(of: UInt8(ascii: ":")), colon > start else { return nil }
        let digits = bytes[(colon + 1)..<stop]
        guard digits.count < 6, digits.allSatisfy({ $0 &- 48 < 10 }) else { return nil }
        let isNinth = bytes[start..<stop].count { $0 == UInt8(ascii: ":") } == 8 && bytes[colon - 1] != bytes[colon]
        guard hasBarePorts || isNinth, six(start, colon - start) != nil else { return nil }
        return colon - start
    }

    private func fourAddress(at start: Int) -> (IPAddress, Int)? {
        guard let (address, length) = Self.fourAddress(in: bytes, at: start, end: end) else { return nil }
        if let next = byte(at: start + length) {
            if Self.isWordByte(next) { return nil }
            if next == UInt8(ascii: "."), let after = byte(at: start + length + 1), after &- 48 < 10 { return nil }
        }
        return (address, length)
    }

    /// Four numbers parted by `separator`, and how many bytes they are.
    static func fourAddress(
        in bytes: [UInt8], at start: Int, end: Int, separator: UInt8 = UInt8(ascii: ".")
    ) -> (IPAddress, Int)? {
        var index = start
        var value: UInt32 = 0
        for part in 0..<4 {
            var number: UInt32 = 0
            var digits = 0
            while index < end, bytes[index] &- 48 < 10, digits < 3 {
                number = number * 10 + UInt32(bytes[index] &- 48)
                digits += 1
                index += 1
            }
            guard digits > 0, number < 256 else { return nil }
            value = value << 8 | number
            guard part < 3 else { break }
            guard index < end, bytes[index] == separator else { return nil }
            index += 1
        }
        return (IPAddress(v4: value), index - start)
    }
}
