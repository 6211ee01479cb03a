import ClewKubeProxy
import ClewNet

/// Replaces names and addresses in texts; in a first pass over all of them it only finds out what there is.
struct Redactor {
    /// What a text is, which decides what a word in it is that nobody knows.
    enum Mode: Hashable {
        /// The output of a command that is read: unknown words are its own.
        case format
        /// A comment of a rule: unknown words are names.
        case comment
        /// A log or the like: unknown words are names, and so are plain words that names are made of.
        case free
    }

    var names: NamePseudonyms
    /// `nil` in the first pass.
    private(set) var addresses: AddressPseudonyms?
    private let hash: KeyedHash
    private var found: Set<IPAddress> = []
    private var macs: Set<UInt64> = []
    private var ranges: Set<[IPAddress]> = []
    private var cache: [Mode: [String: String]] = [:]
    /// Of the text that is being read.
    var lastAddress: IPAddress?

    init(_ hash: KeyedHash) {
        self.hash = hash
        names = NamePseudonyms(hash)
    }

    var isFinding: Bool { addresses == nil }
    var addressCount: Int { found.count { !AddressPseudonyms.isKept($0) } }
    var macCount: Int { macs.count { MACPseudonym.mapped($0, hash) != $0 } }
    /// Every address that was replaced, and by what.
    var addressPairs: [(IPAddress, IPAddress)] {
        guard var addresses else { return [] }
        return found.sorted().filter { !AddressPseudonyms.isKept($0) }.map { ($0, addresses($0)) }
    }
    var macPairs: [(String, String)] {
        macs.sorted().filter { MACPseudonym.mapped($0, hash) != $0 }.map {
            (MACPseudonym.text($0, separator: ":"), MACPseudonym.text(MACPseudonym.mapped($0, hash), separator: ":"))
        }
    }

    /// Ends the first pass: chooses pseudonyms of addresses of which none is an address that was found.
    ///
    /// Returns an address for which there is none, or `nil`.
    mutating func choosePseudonyms() -> IPAddress? {
        let own = found.filter { !AddressPseudonyms.isKept($0) }
        let pairs = ranges.sorted { $0.lexicographicallyPrecedes($1) }.map { ($0[0], $0[1]) }
        cache = [:]
        names.renameDevices()
        var stuck: IPAddress?
        for keepingClasses in [true, false] {
            for nonce in 0..<UInt64(24) {
                var candidate = AddressPseudonyms(hash, ranges: pairs, nonce: nonce, keepingClasses: keepingClasses)
                stuck = own.first { own.contains(candidate($0)) }
                if stuck == nil {
                    addresses = candidate
                    return nil
                }
            }
        }
        return stuck
    }

    // MARK: - Addresses

    mutating func address(_ address: IPAddress) -> IPAddress {
        lastAddress = address
        guard addresses != nil else {
            found.insert(address)
            return address
        }
        return addresses?(address) ?? address
    }

    mutating func mac(_ mac: UInt64) -> UInt64 {
        if isFinding { macs.insert(mac) }
        return MACPseudonym.mapped(mac, hash)
    }

    /// A network that the bundle names.
    mutating func noteNetwork(_ address: IPAddress, length: Int) {
        guard isFinding, length > 0, length < Int(address.family.width),
            let prefix = IPPrefix(address, length: UInt8(length))
        else { return }
        noteRange(prefix.network.address, prefix.last)
    }

    mutating func noteRange(_ first: IPAddress, _ last: IPAddress) {
        guard isFinding, first.family == last.family, first < last else { return }
        ranges.insert([first, last])
        found.insert(first)
        found.insert(last)
    }

    func isFound(_ address: IPAddress) -> Bool { found.contains(address) }

    // MARK: - Words

    /// The pseudonym of what an object is called: of a node, that may be its address.
    mutating func objectName(_ name: String) -> String {
        TokenScanner.holdsAddress(name) ? JSONRewriter.rewritten(name, .free, &self) : names.name(name)
    }

    /// A word that stands at no place of its own.
    mutating func word(_ word: String, _ mode: Mode, isBesideSlash: Bool = false) -> String {
        if isBesideSlash, mode != .format {
            if let known = names.known(word) ?? (mode == .free ? names.known(number: word) : nil) { return known }
            if PlainWords.contains(word) || Self.isNumber(word) { return word }
            if mode == .comment, !word.contains(".") { return names.name(word) }
        }
        if let known = cache[mode]?[word] { return known }
        let result = newWord(word, mode)
        if result.isFinal || !isFinding { cache[mode, default: [:]][word] = result.text }
        return result.text
    }

    private mutating func newWord(_ word: String, _ mode: Mode) -> (text: String, isFinal: Bool) {
        if mode == .format, FormatWords.contains(word) { return (word, true) }
        if let known = names.known(word, amongWords: mode != .format) { return (known, true) }
        if mode != .format, word.utf8.count > 2, let known = names.known(number: word) { return (known, true) }
        if mode != .format, let known = names.known(dotted: word) { return (known, true) }
        if mode == .comment, CommentWords.all.contains(word) { return (word, !isFinding) }
        let ending = NamePseudonyms.publicEnding(of: word)
        if !ending.isEmpty {
            let rest = String(word.dropLast(ending.count))
            return (rest.isEmpty ? word : newWord(rest, mode).text + ending, false)
        }
        if let embedded = embeddedAddress(word) { return (embedded, false) }
        if let hex = hexAddress(word) { return (hex, false) }
        if NamePseudonyms.isEverywhere(word) || Self.isNumber(word) { return (word, true) }
        if let inner = innerNames(word, mode) { return (inner, false) }
        if mode == .format || PlainWords.contains(word) { return (word, false) }
        if Self.isIdentifier(word) { return (names.identifier(word), true) }
        if DeviceNames.isOfKernel(word) { return (word, true) }
        let parts = word.split { ".-_".contains($0) }
        if parts.allSatisfy({ PlainWords.contains($0) || Self.isNumber($0) }) { return (word, false) }
        if !DeviceNames.prefix(of: word).isEmpty, word.count < 16, !word.contains(".") {
            return (names.device(word), true)
        }
        if word.contains(".") {
            let dotted = word.split(separator: ".", omittingEmptySubsequences: false).map { part in
                part.isEmpty ? "" : self.word(String(part), mode)
            }
            return (dotted.joined(separator: "."), false)
        }
        // What was read in the first pass may turn out to be a name later.
        return (isFinding && mode != .comment ? word : names.name(word, .word), !isFinding)
    }

    /// Numbers with units, versions and times: `10m`, `v1.36.2`, `21T02`.
    static func isNumber(_ word: some StringProtocol) -> Bool {
        if word.hasPrefix("0x"), word.count < 11 { return true }
        let rest = word.first == "v" ? word.dropFirst() : word[...]
        guard rest.first?.isNumber == true else { return word.count == 1 }
        for part in rest.split(whereSeparator: { ".-_".contains($0) }) {
            let letters = part.count { $0.isLetter }
            guard letters == 0 && part.count < 20 || letters < 3 && part.count < 7 else { return false }
        }
        return true
    }

    /// What is no word of anybody: a hash, a UUID, the number of a container.
    static func isIdentifier(_ word: String) -> Bool {
        let hex = word.count { $0.isHexDigit || $0 == "-" }
        return hex == word.count && word.count > 7 && word.contains(where: \.isNumber)
            || word.count > 24 && !word.contains("-") && !word.contains(".") && !word.contains("_")
    }

    /// `ip-10-0-0-5`, `pod_10.0.0.5`.
    private mutating func embeddedAddress(_ word: String) -> String? {
        guard word.contains(where: \.isNumber) else { return nil }
        let bytes = Array(word.utf8)
        for separator in [UInt8(ascii: "."), UInt8(ascii: "-")] {
            for start in bytes.indices where bytes[start] &- 48 < 10 && (start == 0 || bytes[start - 1] &- 48 > 9) {
                guard
                    let (address, length) = TokenScanner.fourAddress(
                        in: bytes, at: start, end: bytes.count, separator: separator),
                    start + length == bytes.count || bytes[start + length] &- 48 > 9,
                    separator == UInt8(ascii: ".") || found.contains(address)
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

    /// What stands around an address in one word.
    private mutating func around(_ text: String, _ mode: Mode) -> String {
        var rewriter = TextRewriter(Array(text.utf8), mode)
        return String(decoding: rewriter.rewritten(&self), as: UTF8.self)
    }

    /// Eight or 32 digits, in the order of the network or of the machine, as `/proc/net` has them.
    private mutating func hexAddress(_ word: String) -> String? {
        let isMarked = word.hasPrefix("0x")
        let digits = isMarked ? word.dropFirst(2) : word[...]
        guard digits.count == 8 || digits.count == 32 && !isMarked, digits.allSatisfy(\.isHexDigit) else { return nil }
        let isCapital = digits.contains(where: \.isUppercase)
        func text(_ value: UInt64, _ count: Int) -> String {
            let plain = String(value, radix: 16, uppercase: isCapital)
            return String(repeating: "0", count: max(count - plain.count, 0)) + plain
        }
        if digits.count == 8 {
            guard let value = UInt32(digits, radix: 16) else { return nil }
            for isSwapped in [true, false] {
                let own = IPAddress(v4: isSwapped ? value.byteSwapped : value)
                guard found.contains(own), !AddressPseudonyms.isKept(own) else { continue }
                let other = address(own).v4
                return (isMarked ? "0x" : "") + text(UInt64(isSwapped ? other.byteSwapped : other), 8)
            }
            return nil
        }
        let words = (0..<4).compactMap { UInt32(digits.dropFirst(8 * $0).prefix(8), radix: 16) }
        guard words.count == 4 else { return nil }
        for isSwapped in [true, false] {
            let own = words.map { UInt64(isSwapped ? $0.byteSwapped : $0) }
            let candidate = IPAddress(v6High: own[0] << 32 | own[1], low: own[2] << 32 | own[3])
            guard found.contains(candidate) || candidate.low >> 32 == 0xffff && candidate.high == 0,
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

    /// A word with names in it: `cni-shop_web-0`.
    private mutating func innerNames(_ word: String, _ mode: Mode) -> String? {
        var parts: [(text: Substring, separator: String)] = []
        var start = word.startIndex
        for index in word.indices where ".-_".contains(word[index]) {
            parts.append((word[start..<index], String(word[index])))
            start = word.index(after: index)
        }
        parts.append((word[start...], ""))
        guard parts.count > 1, parts.count < 64 else { return nil }
        var result = ""
        var isChanged = false
        var index = 0
        while index < parts.count {
            // The word as a whole is known not to be one.
            var length = index == 0 ? parts.count - 1 : parts.count - index
            var replacement: String?
            while length > 0, replacement == nil {
                let group = parts[index..<index + length]
                let text = group.dropLast().map { $0.text + $0.separator }.joined() + (group.last?.text ?? "")
                if mode != .format || text.count > 1 && !FormatWords.contains(text) { replacement = names.known(text) }
                if replacement == nil { length -= 1 }
            }
            if let replacement {
                result += replacement + parts[index + length - 1].separator
                isChanged = true
                index += length
            } else {
                result += parts[index].text + parts[index].separator
                index += 1
            }
        }
        return isChanged ? result : nil
    }
}
