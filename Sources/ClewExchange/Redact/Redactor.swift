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
    /// The networks of 16 and 24 bits of what was found, by their bits.
    private var foundNetworks: [Set<UInt32>] = [[], []]
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
            if address.family == .ipv4 {
                foundNetworks[0].insert(address.v4 >> 16)
                foundNetworks[1].insert(address.v4 >> 8)
            }
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

    /// Whether an address of IPv4 was found whose first 16 or 24 bits are those of another.
    func knows(networkOf address: IPAddress, length: Int) -> Bool {
        foundNetworks[length == 16 ? 0 : 1].contains(address.v4 >> UInt32(32 - length))
    }

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
        if mode != .format, let six = dashedSix(word) { return (six, false) }
        if let zone = reverseZone(word) { return (zone, false) }
        let ending = NamePseudonyms.publicEnding(of: word)
        if !ending.isEmpty {
            let rest = String(word.dropLast(ending.count))
            if rest.isEmpty { return (word, false) }
            if HostNames.isOfSomebody(word, ending: ending) { return (host(rest, mode) + ending, false) }
            return (newWord(rest, mode).text + ending, false)
        }
        if mode == .free, let partial = partialAddress(word) { return (partial, false) }
        // `E1113` begins lines of Kubernetes' programs.
        if word.utf8.count == 5, let first = word.first, "IWEF".contains(first), word.dropFirst().allSatisfy(\.isNumber)
        {
            return (word, true)
        }
        if mode != .format, KernelWords.isParameter(word) { return (SysctlLines.key(word[...], &self), false) }
        if KernelWords.isMetric(word) { return (word, true) }
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
            if preliminary.contains(String(part.prefix(while: \.isLetter)).lowercased()) { return true }
            guard part.count < 7 else { return false }
            // `10m`, `21T02`.
            let isUnit = end.count < 3 && end.count < part.count && end.allSatisfy(\.isLetter)
            let isTime = part.count { $0.isLetter } == 1 && "TtZzx".contains(end.first ?? " ")
            return isUnit || isTime
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
        "rc", "alpha", "beta", "dev", "eks", "gke", "k3s", "rke2r", "deb", "ubuntu", "el", "amzn", "cloud", "amd",
        "arm",
        "generic", "lts", "flatcar", "microsoft", "standard", "wsl", "virt", "azure", "aws", "gcp", "fc", "oracle",
        "lowlatency", "kvm", "pve", "raspi", "x",
    ]

    /// What is no word of anybody: a hash, a UUID, the number of a container.
    static func isIdentifier(_ word: String) -> Bool {
        let hex = word.count { $0.isHexDigit || $0 == "-" }
        return hex == word.count && word.count > 7 && word.contains(where: \.isNumber)
            || word.count > 24 && !word.contains("-") && !word.contains(".") && !word.contains("_")
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
                // What stands beside a name is no more to be seen than it would be alone.
                let part = String(parts[index].text)
                result += (part.isEmpty ? "" : self.word(part, mode)) + parts[index].separator
                index += 1
            }
        }
        return isChanged ? result : nil
    }
}

/// Words of the kernel and of Kubernetes' programs that are nobody's names.
enum KernelWords {
    /// `net.netfilter.nf_conntrack_max`.
    static func isParameter(_ word: String) -> Bool {
        ["net.ipv4.", "net.ipv6.", "net.netfilter.", "net.bridge.", "net.core."].contains(where: word.hasPrefix)
    }

    /// `rest_client_requests_total`.
    static func isMetric(_ word: String) -> Bool {
        let owners = [
            "apiserver_", "go_", "process_", "kubeproxy_", "rest_client_", "workqueue_", "kubernetes_", "promhttp_",
            "hidden_metric", "registered_metric", "disabled_metric",
        ]
        return owners.contains(where: word.hasPrefix) && word.utf8.allSatisfy { $0 == 0x5F || $0 &- 0x61 < 26 }
    }
}
