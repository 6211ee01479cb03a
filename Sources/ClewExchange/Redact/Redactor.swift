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
    /// Names of nodes, as folders are called that hold their files.
    var folders: Set<String> = []
    /// Of the text that is being read.
    var lastAddress: IPAddress?

    init(_ hash: KeyedHash) {
        self.hash = hash
        names = NamePseudonyms(hash)
    }

    var isFinding: Bool { addresses == nil }
    var macCount: Int { macs.count { MACPseudonym.mapped($0, hash) != $0 } }
    /// Every address that was replaced, and by what.
    var addressPairs: [(IPAddress, IPAddress)] {
        guard var addresses else { return [] }
        return found.sorted().map { ($0, addresses($0)) }.filter { $0 != $1 }
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
                stuck = own.first { own.contains(candidate($0)) && !candidate.isFixed($0) }
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

    /// The pseudonym of a chain, a set or a table, which may be called by an address.
    mutating func rules(_ name: String) -> String { embeddedAddress(name) ?? names.rules(name) }

    /// A word that stands at no place of its own.
    mutating func word(_ word: String, _ mode: Mode, isBesideSlash: Bool = false) -> String {
        if isBesideSlash, mode != .format {
            if let known = names.known(word) ?? (mode == .free ? knownNumber(word) : nil) { return known }
            if PlainWords.contains(word) || Self.isNumber(word) { return word }
            if mode == .comment, !word.contains(".") { return names.name(word) }
        }
        if let known = cache[mode]?[word] { return known }
        let result = newWord(word, mode)
        if result.isFinal || !isFinding { cache[mode, default: [:]][word] = result.text }
        return result.text
    }

    /// Digits that are somebody's name: from three on they are so in what people and programs write.
    private func knownNumber(_ word: String) -> String? { word.utf8.count > 2 ? names.known(number: word) : nil }

    private mutating func newWord(_ word: String, _ mode: Mode) -> (text: String, isFinal: Bool) {
        if mode == .format, FormatWords.contains(word) { return (word, true) }
        if let known = names.known(word, amongWords: mode != .format) { return (known, true) }
        if mode != .format, let known = knownNumber(word) { return (known, true) }
        if mode != .format, let known = names.known(dotted: word) { return (known, true) }
        if mode == .comment, CommentWords.all.contains(word) { return (word, !isFinding) }
        if let zone = reverseZone(word) { return (zone, false) }
        let ending = NamePseudonyms.publicEnding(of: word)
        if !ending.isEmpty {
            let rest = String(word.dropLast(ending.count))
            if rest.isEmpty { return (word, false) }
            if HostNames.isOfSomebody(word, ending: ending) { return (host(rest, mode) + ending, false) }
            return (newWord(rest, mode).text + ending, false)
        }
        if mode == .free, let partial = partialAddress(word) { return (partial, false) }
        // The number of an account, as `arn:aws:…` has it.
        if mode != .format, word.utf8.count == 12, word.allSatisfy(\.isNumber) {
            return (names.identifier(word), true)
        }
        if let embedded = embeddedAddress(word, takingDashes: mode != .format) { return (embedded, false) }
        if let number = hardwareNumber(word) { return (number, false) }
        if let hex = hexAddress(word) { return (hex, false) }
        if NamePseudonyms.isEverywhere(word) || Self.isNumber(word) { return (word, true) }
        if let inner = innerNames(word, mode) { return (inner, false) }
        if PlainWords.contains(word) { return (word, false) }
        // Marks, cookies and counters; what is longer is the number of something.
        if mode == .format, word.count < 17, word.allSatisfy(\.isHexDigit) { return (word, true) }
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
        if isDuration(rest) { return true }
        return rest.split(whereSeparator: { ".-_".contains($0) }).allSatisfy { part in
            let end = part.drop(while: \.isNumber)
            if end.isEmpty { return part.count < 20 }
            guard part.count < 7 else { return false }
            // `10m`, `21T02`, `rc1`.
            let isUnit = end.count < 3 && end.count < part.count && end.allSatisfy(\.isLetter)
            let isTime = part.count { $0.isLetter } == 1 && "TtZzx".contains(end.first ?? " ")
            return isUnit || isTime || preliminary.contains(String(part.prefix(while: \.isLetter)))
        }
    }

    /// `1h30m`, `2h59m58s936ms`.
    private static func isDuration(_ text: some StringProtocol) -> Bool {
        var unit = ""
        for character in text + "0" {
            if character.isNumber || character == "." {
                guard unit.isEmpty || ["d", "h", "m", "s", "ms", "us", "ns"].contains(unit) else { return false }
                unit = ""
            } else {
                unit.append(character)
            }
        }
        return true
    }

    private static let preliminary: Set<String> = [
        "rc", "alpha", "beta", "dev", "eks", "gke", "k3s", "rke2r", "deb", "ubuntu", "el", "amzn",
    ]

    /// What is no word of anybody: a hash, a UUID, the number of a container.
    static func isIdentifier(_ word: String) -> Bool {
        let hex = word.count { $0.isHexDigit || $0 == "-" }
        return hex == word.count && word.count > 7 && word.contains(where: \.isNumber)
            || word.count > 24 && !word.contains("-") && !word.contains(".") && !word.contains("_")
    }

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
                    separator == UInt8(ascii: ".") || isHost || found.contains(address)
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
    private mutating func host(_ name: String, _ mode: Mode) -> String {
        if let embedded = embeddedAddress(name, takingDashes: true) { return embedded }
        return name.split(separator: ".", omittingEmptySubsequences: false).map { part in
            let part = String(part)
            if part.isEmpty || NamePseudonyms.isEverywhere(part) || HostNames.parts.contains(part) { return part }
            return names.known(part) ?? names.known(number: part) ?? names.host(part)
        }.joined(separator: ".")
    }

    /// `66.77.10.in-addr.arpa`, and `8.b.d.0.1.0.0.2.ip6.arpa`.
    private mutating func reverseZone(_ word: String) -> String? {
        for (ending, family) in [(".in-addr.arpa", AddressFamily.ipv4), (".ip6.arpa", .ipv6)] {
            guard word.hasSuffix(ending) else { continue }
            let isFour = family == .ipv4
            let parts = word.dropLast(ending.count).split(separator: ".", omittingEmptySubsequences: false)
            let numbers = parts.compactMap { isFour ? UInt64(UInt8($0) ?? 0) : UInt64($0, radix: 16) }
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
        let length = UInt8(8 * numbers.count)
        let isPrivate = numbers.count == 3 && (numbers[0] == 10 || numbers[0] == 192 && numbers[1] == 168)
        guard let network = IPPrefix(own, length: length),
            isMarked || isBeforeStar || isPrivate || found.contains(where: network.contains)
        else { return nil }
        noteNetwork(own, length: Int(length))
        let other = address(own).description.split(separator: ".").prefix(numbers.count)
        return (other + (isMarked ? parts.suffix(1) : [])).joined(separator: ".")
    }

    /// `5254.0032.0a0b`, as switches write hardware addresses, and `8000.525400320a0b`, as bridges do.
    private mutating func hardwareNumber(_ word: String) -> String? {
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
                guard isSocket || found.contains(own), !AddressPseudonyms.isKept(own) else { continue }
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
            guard isSocket || found.contains(candidate) || candidate.low >> 32 == 0xffff && candidate.high == 0,
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
