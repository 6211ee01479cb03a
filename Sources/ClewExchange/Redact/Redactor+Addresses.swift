import ClewNet

/// Addresses that are no tokens of their own: within words, in other bases, reversed, in part.
extension Redactor {
    /// `ip-10-0-0-5`, `pod_10.0.0.5`.
    ///
    /// `takingDashes`: four numbers with dashes are an address, though it stands nowhere else.
    mutating func embeddedAddress(_ word: String, takingDashes: Bool = false) -> String? {
        guard word.contains(where: \.isNumber) else { return nil }
        let bytes = Array(word.utf8)
        let isHost = takingDashes || word.hasPrefix("ip-")
        for separator in [UInt8(ascii: "."), UInt8(ascii: "-")] {
            for start in bytes.indices where bytes[start] &- 48 < 10 && (start == 0 || bytes[start - 1] &- 48 > 9) {
                guard
                    let (address, length) = TokenScanner.fourAddress(
                        in: bytes, at: start, end: bytes.count, separator: separator),
                    start + length == bytes.count || bytes[start + length] &- 48 > 9,
                    separator == UInt8(ascii: ".") || isHost || isFound(address)
                else { continue }
                let text = self.address(address).description.utf8.map { $0 == UInt8(ascii: ".") ? separator : $0 }
                let before = String(decoding: bytes[..<start], as: UTF8.self)
                let after = String(decoding: bytes[(start + length)...], as: UTF8.self)
                let mode = Mode.free
                return (before.isEmpty ? "" : around(before, mode)) + String(decoding: text, as: UTF8.self)
                    + (after.isEmpty ? "" : around(after, mode))
            }
        }
        return nil
    }

    /// What stands before the end of a host's name: names, though they are plain words.
    mutating func host(_ name: String, _ mode: Mode) -> String {
        if let embedded = embeddedAddress(name, takingDashes: true) { return embedded }
        return name.split(separator: ".", omittingEmptySubsequences: false).map { part in
            let part = String(part)
            if part.isEmpty || NamePseudonyms.isEverywhere(part) || HostNames.parts.contains(part) { return part }
            return names.known(part) ?? names.known(number: part) ?? names.host(part)
        }.joined(separator: ".")
    }

    /// `fd12-7-62--e.shop.pod.cluster.local`: an address of IPv6 with dashes for its colons, and what follows a dot.
    mutating func dashedSix(_ word: String) -> String? {
        let label = word.prefix { $0 != "." }
        let dashes = label.count { $0 == "-" }
        guard dashes == 7 || dashes > 1 && label.contains("--"), label.allSatisfy({ $0.isHexDigit || $0 == "-" }),
            let address = IPAddress(String(label.map { $0 == "-" ? ":" : $0 })), address.family == .ipv6,
            [1, 7].contains(address.high >> 61)
        else { return nil }
        let other = String(self.address(address).description.map { $0 == ":" ? "-" : $0 })
        return other + (label.endIndex == word.endIndex ? "" : around(String(word[label.endIndex...]), .free))
    }

    /// `66.77.10.in-addr.arpa`, and `8.b.d.0.1.0.0.2.ip6.arpa`.
    mutating func reverseZone(_ word: String) -> String? {
        for (ending, family) in [(".in-addr.arpa", AddressFamily.ipv4), (".ip6.arpa", .ipv6)] {
            guard word.hasSuffix(ending) else { continue }
            let isFour = family == .ipv4
            let parts = word.dropLast(ending.count).split(separator: ".", omittingEmptySubsequences: false)
            let numbers = parts.compactMap { part -> UInt64? in
                isFour ? UInt8(part).map { UInt64($0) } : part.utf8.count == 1 ? UInt64(part, radix: 16) : nil
            }
            let width = isFour ? 8 : 4
            guard numbers.count == parts.count, !numbers.isEmpty, numbers.count * width <= Int(family.width) else {
                return nil
            }
            var bits: (high: UInt64, low: UInt64) = (0, 0)
            for index in 0..<(Int(family.width) / width) {
                let number = index < numbers.count ? numbers[numbers.count - 1 - index] : 0
                bits.high = bits.high << UInt64(width) | bits.low >> UInt64(64 - width)
                bits.low = bits.low << UInt64(width) | number
            }
            let own =
                isFour
                ? IPAddress(v4: UInt32(truncatingIfNeeded: bits.low)) : IPAddress(v6High: bits.high, low: bits.low)
            noteNetwork(own, length: numbers.count * width)
            let other = address(own)
            let digits = (0..<numbers.count).map { index -> String in
                let shift = Int(family.width) - (index + 1) * width
                let half = isFour || shift < 64 ? other.low : other.high
                let value = half >> UInt64(shift % 64) & (1 << UInt64(width) - 1)
                return String(value, radix: isFour ? 10 : 16)
            }
            return digits.reversed().joined(separator: ".") + ending
        }
        return nil
    }

    /// `10.66.44.x` and `10.66.*`; `10.66.44` where an address of that network is known.
    mutating func partialAddress(_ word: String, isBeforeStar: Bool = false) -> String? {
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        guard (2...4).contains(parts.count) else { return nil }
        let isMarked = ["x", "X", "xxx"].contains(String(parts[parts.count - 1]))
        let numbers = (isMarked ? parts.dropLast() : parts[...]).compactMap { UInt8($0) }
        guard numbers.count == parts.count - (isMarked ? 1 : 0), (2...3).contains(numbers.count) else { return nil }
        let value = numbers.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(32 - 8 * numbers.count)
        let own = IPAddress(v4: value)
        let length = 8 * numbers.count
        let isPrivate = numbers.count == 3 && (numbers[0] == 10 || numbers[0] == 192 && numbers[1] == 168)
        let isKnown = numbers.count == 3 && knows(networkOf: own, length: length)
        guard isMarked || isBeforeStar || isPrivate || isKnown else { return nil }
        noteNetwork(own, length: length)
        let other = address(own).description.split(separator: ".").prefix(numbers.count)
        return (other + (isMarked ? parts.suffix(1) : [])).joined(separator: ".")
    }

    /// `5254.0032.0a0b`, as switches write hardware addresses, and `8000.525400320a0b`, as bridges do.
    mutating func hardwareNumber(_ word: String) -> String? {
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        let lengths = parts.map(\.utf8.count)
        guard lengths == [4, 4, 4] || lengths == [4, 12], parts.allSatisfy({ $0.allSatisfy(\.isHexDigit) }) else {
            return nil
        }
        guard let value = UInt64(lengths.count == 3 ? parts.joined() : String(parts[1]), radix: 16) else { return nil }
        let digits = MACPseudonym.text(mac(value), separator: "")
        if lengths.count == 2 { return "\(parts[0]).\(digits)" }
        return stride(from: 0, to: 12, by: 4).map { String(digits.dropFirst($0).prefix(4)) }.joined(separator: ".")
    }

    /// Two addresses and a type are the header of a frame, as `LOG` writes it; of others each digit becomes another one.
    mutating func longMAC(_ text: String) -> String {
        let separator = String(text.dropFirst(2).prefix(1))
        let groups = text.split(separator: Character(separator)).map(String.init)
        if groups.count == 14 {
            let ends = [groups[..<6], groups[6..<12]].map { part in
                MACPseudonym.text(mac(UInt64(part.joined(), radix: 16) ?? 0), separator: separator)
            }
            return (ends + groups[12...]).joined(separator: separator)
        }
        let other = Array(names.identifier(groups.joined()))
        return stride(from: 0, to: other.count, by: 2).map { String(other[$0..<min($0 + 2, other.count)]) }
            .joined(separator: separator)
    }

    /// What stands around an address in one word.
    private mutating func around(_ text: String, _ mode: Mode) -> String {
        var rewriter = TextRewriter(Array(text.utf8), mode)
        return String(decoding: rewriter.rewritten(&self), as: UTF8.self)
    }

    /// Eight or 32 digits, in the order of the network or of the machine, as `/proc/net` has them.
    ///
    /// `isSocket`: with a port behind it, so that it is one though it stands nowhere else.
    mutating func hexAddress(_ word: String, isSocket: Bool = false) -> String? {
        let isMarked = word.hasPrefix("0x")
        let digits = isMarked ? word.dropFirst(2) : word[...]
        guard digits.count == 8 || digits.count == 32 || isMarked && (5...8).contains(digits.count),
            digits.allSatisfy(\.isHexDigit)
        else { return nil }
        let isCapital = digits.contains(where: \.isUppercase)
        func text(_ value: UInt64, _ count: Int) -> String {
            let plain = String(value, radix: 16, uppercase: isCapital)
            return String(repeating: "0", count: max(count - plain.count, 0)) + plain
        }
        if digits.count < 9 {
            guard let value = UInt32(digits, radix: 16) else { return nil }
            for isSwapped in digits.count == 8 ? [true, false] : [false] {
                let own = IPAddress(v4: isSwapped ? value.byteSwapped : value)
                guard isSocket || isFound(own), !AddressPseudonyms.isKept(own) else { continue }
                let other = address(own).v4
                return (isMarked ? "0x" : "") + text(UInt64(isSwapped ? other.byteSwapped : other), digits.count)
            }
            return nil
        }
        let words = (0..<4).compactMap { UInt32(digits.dropFirst(8 * $0).prefix(8), radix: 16) }
        guard words.count == 4 else { return nil }
        for isSwapped in [true, false] {
            let own = words.map { UInt64(isSwapped ? $0.byteSwapped : $0) }
            let candidate = IPAddress(v6High: own[0] << 32 | own[1], low: own[2] << 32 | own[3])
            guard isSocket || isFound(candidate) || candidate.low >> 32 == 0xffff && candidate.high == 0,
                !AddressPseudonyms.isKept(candidate)
            else { continue }
            let other = address(candidate)
            let parts = [other.high >> 32, other.high & 0xffff_ffff, other.low >> 32, other.low & 0xffff_ffff]
            return parts.map { part in
                let value = UInt32(truncatingIfNeeded: part)
                return text(UInt64(isSwapped ? value.byteSwapped : value), 8)
            }.joined()
        }
        return nil
    }
}
