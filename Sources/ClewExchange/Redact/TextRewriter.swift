import ClewKubeProxy
import ClewNet

/// Goes through one text and replaces what is to be replaced.
struct TextRewriter {
    private let mode: Redactor.Mode
    private var scanner: TokenScanner
    private var output: [UInt8] = []
    /// The word before, on the same line, and the one before that.
    private var previous = ""
    private var beforePrevious = ""
    private var wordsBefore = 0
    private var lineAddresses: [IPAddress] = []
    /// What was before the last `/` or `-`, which makes networks and ranges.
    private var pending: (address: IPAddress, sign: UInt8)?
    /// A comment that kube-proxy writes: its words are kept, whatever is called so.
    private let isSentence: Bool

    init(_ bytes: [UInt8], _ mode: Redactor.Mode, hasBarePorts: Bool = false) {
        self.mode = mode
        scanner = TokenScanner(bytes)
        scanner.hasBarePorts = hasBarePorts
        isSentence = mode == .comment && CommentWords.isSentence(String(decoding: bytes, as: UTF8.self))
        output.reserveCapacity(bytes.count + bytes.count / 8)
    }

    mutating func rewritten(_ redactor: inout Redactor) -> [UInt8] {
        while let (token, range) = scanner.next() {
            switch token {
            case .address(let address): take(address, range, &redactor)
            case .mac(let mac, let separator):
                let sign = String(decoding: [separator], as: UTF8.self)
                output += MACPseudonym.text(redactor.mac(mac), separator: sign).utf8
                pending = nil
            case .longMAC:
                output += redactor.longMAC(String(decoding: scanner.bytes[range], as: UTF8.self)).utf8
                pending = nil
            case .word: takeWord(range, &redactor)
            case .other: takeOther(range.lowerBound, &redactor)
            }
        }
        return output
    }

    // MARK: - Addresses

    private mutating func take(_ address: IPAddress, _ range: Range<Int>, _ redactor: inout Redactor) {
        if pending?.sign == UInt8(ascii: "/"), address.family == .ipv6 {
            // `fd00::1/ffff::ffff`: a mask.
            output += scanner.bytes[range]
            pending = nil
            return
        }
        if let length = Self.maskLength(address), let network = lineAddresses.first, address.family == .ipv4 {
            // `-s 10.0.0.0/255.255.0.0`, and the columns of `route -n` and `ifconfig`.
            redactor.noteNetwork(
                pending?.sign == UInt8(ascii: "/") ? pending?.address ?? network : network, length: length)
        } else if let pending, pending.sign == UInt8(ascii: "-") {
            redactor.noteRange(pending.address, address)
        }
        let other = redactor.address(address)
        output += other == address ? Array(scanner.bytes[range]) : Array(other.description.utf8)
        lineAddresses.append(address)
        pending = nil
        guard let sign = scanner.byte(at: range.upperBound), sign == UInt8(ascii: "/") || sign == UInt8(ascii: "-")
        else { return }
        pending = (address, sign)
        if sign == UInt8(ascii: "/"), let length = number(at: range.upperBound + 1) {
            redactor.noteNetwork(address, length: length)
        }
    }

    private func number(at start: Int) -> Int? {
        var value = 0
        var index = start
        while let byte = scanner.byte(at: index), byte &- 48 < 10, index - start < 4 {
            value = value * 10 + Int(byte &- 48)
            index += 1
        }
        // A dot behind it makes a mask of it.
        return index > start && scanner.byte(at: index) != UInt8(ascii: ".") ? value : nil
    }

    private static func maskLength(_ address: IPAddress) -> Int? {
        guard address.family == .ipv4, address.v4 >= 0xff00_0000 else { return nil }
        let length = (~address.v4).leadingZeroBitCount
        return IPAddress.mask(UInt8(length), .ipv4) == address && length < 32 ? length : nil
    }

    // MARK: - Words

    private mutating func takeWord(_ range: Range<Int>, _ redactor: inout Redactor) {
        let word = String(decoding: scanner.bytes[range], as: UTF8.self)
        let isLength = pending?.sign == UInt8(ascii: "/") && NamePseudonyms.isNumber(word)
        pending = nil
        defer {
            wordsBefore += 1
            (beforePrevious, previous) = (previous, word)
        }
        if isLength { return output += word.utf8 }
        if isSocket(word, range), let other = redactor.hexAddress(word, isSocket: true) { return output += other.utf8 }
        if mode == .format, let other = hashedName(word, range, &redactor) { return output += other.utf8 }
        if mode == .comment, previous == "cali", scanner.byte(at: range.lowerBound - 1) == UInt8(ascii: ":") {
            return output += redactor.names.identifier(word).utf8
        }
        if mode == .format, let other = placed(word, range, &redactor) { return output += other.utf8 }
        if mode == .comment {
            if let other = objectName(word, range, &redactor) { return output += other.utf8 }
            if isSentence, CommentWords.all.contains(word) { return output += word.utf8 }
        }
        if mode == .free, isOption(word, range), redactor.names.known(word) == nil { return output += word.utf8 }
        if mode == .free, scanner.byte(at: range.upperBound) == UInt8(ascii: "."),
            scanner.byte(at: range.upperBound + 1) == UInt8(ascii: "*"),
            let other = redactor.partialAddress(word, isBeforeStar: true)
        {
            return output += other.utf8
        }
        // `--ctstate`: options are the programs' own.
        if mode == .format, isOptionName(range) { return output += word.utf8 }
        let slash = UInt8(ascii: "/")
        let isBeside = scanner.byte(at: range.lowerBound - 1) == slash || scanner.byte(at: range.upperBound) == slash
        output += redactor.word(word, mode, isBesideSlash: isBeside).utf8
    }

    /// `shop/web:http` in a comment, at its first word: both names and the port's, known or not.
    private mutating func objectName(_ word: String, _ range: Range<Int>, _ redactor: inout Redactor) -> String? {
        guard Self.isName(word, redactor), scanner.byte(at: range.lowerBound - 1) != UInt8(ascii: "/"),
            scanner.byte(at: range.lowerBound - 1) != UInt8(ascii: ":")
        else { return nil }
        var ends: [Int] = []
        for sign in [UInt8(ascii: "/"), UInt8(ascii: ":")] {
            let start = ends.last.map { $0 + 1 } ?? range.upperBound + 1
            guard scanner.byte(at: start - 1) == sign else { break }
            var end = start
            while let byte = scanner.byte(at: end), TokenScanner.isWordByte(byte) || TokenScanner.isInner(byte) {
                end += 1
            }
            guard end > start, scanner.byte(at: end) != UInt8(ascii: "/") else { break }
            ends.append(end)
        }
        guard let nameEnd = ends.first else { return nil }
        let name = String(decoding: scanner.bytes[(range.upperBound + 1)..<nameEnd], as: UTF8.self)
        guard Self.isName(name, redactor), !Self.isOfProse(word, name) else { return nil }
        var result = redactor.names.name(word) + "/" + redactor.names.name(name)
        if ends.count > 1 {
            let port = String(decoding: scanner.bytes[(nameEnd + 1)..<ends[1]], as: UTF8.self)
            if Self.isName(port, redactor) {
                result += ":" + redactor.names.port(port)
                scanner.skip(to: ends[1])
                return result
            }
        }
        scanner.skip(to: nameEnd)
        return result
    }

    /// A name as the API takes it, and more than a number.
    private static func isLabel(_ word: String) -> Bool {
        word.utf8.allSatisfy { byte in
            byte &- 0x61 < 26 || byte &- 0x30 < 10 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        } && word.utf8.contains { $0 &- 0x61 < 26 } && word.utf8.count < 254
    }

    private static func isName(_ word: String, _ redactor: Redactor) -> Bool {
        isLabel(word) || redactor.names.known(number: word) != nil
    }

    private static func isOfProse(_ one: String, _ other: String) -> Bool {
        let words = ["tcp", "udp", "sctp", "icmp", "and", "or", "in", "out", "ipv4", "ipv6"]
        return words.contains(one) && words.contains(other)
    }

    /// `-lntu`: letters that are options, and no name.
    private func isOption(_ word: String, _ range: Range<Int>) -> Bool {
        guard word.count < 5, word.allSatisfy(\.isLetter), scanner.byte(at: range.lowerBound - 1) == UInt8(ascii: "-")
        else { return false }
        let before = scanner.byte(at: range.lowerBound - 2)
        return before == nil || before == 0x20 || before == 0x0A
    }

    /// `0500000A:1F90` of `/proc/net/tcp`, and `0a000005/ffffffff` of filters.
    private func isSocket(_ word: String, _ range: Range<Int>) -> Bool {
        guard mode == .format, word.utf8.count == 8 || word.utf8.count == 32, word.allSatisfy(\.isHexDigit) else {
            return false
        }
        if scanner.byte(at: range.upperBound) == UInt8(ascii: "/"), previous == "match" {
            return scanner.byte(at: range.upperBound + 1) == UInt8(ascii: "f")
        }
        guard scanner.byte(at: range.upperBound) == UInt8(ascii: ":"), scanner.byte(at: range.upperBound + 5) == 0x20
        else { return false }
        return (1...4).allSatisfy { hexDigit(scanner.byte(at: range.upperBound + $0) ?? 0) != nil }
    }

    /// Whether a word stands behind a dash that begins one.
    private func isOptionName(_ range: Range<Int>) -> Bool {
        let dash = UInt8(ascii: "-")
        guard scanner.byte(at: range.lowerBound - 1) == dash else { return false }
        let isLong = scanner.byte(at: range.lowerBound - 2) == dash
        let before = scanner.byte(at: range.lowerBound - (isLong ? 3 : 2))
        return before == nil || before == 0x20 || before == 0x0A || before == 0x09
    }

    /// A word at a place where only names of one sort stand; `nil` elsewhere.
    private mutating func placed(_ word: String, _ range: Range<Int>, _ redactor: inout Redactor) -> String? {
        let before = scanner.byte(at: range.lowerBound - 1)
        let after = scanner.byte(at: range.upperBound)
        let isSpaced = before == nil || before == 0x20 || before == 0x0A || before == 0x09
        if before == UInt8(ascii: "@"), previous != "", isPeerOfLink { return redactor.names.device(word) }
        // `:CHAIN POLICY [0:0]` of iptables-save.
        if before == UInt8(ascii: ":"), wordsBefore == 0 { return redactor.rules(word) }
        guard isSpaced else { return nil }
        switch previous {
        case "dev", "iif", "oif", "master", "vrf", "i", "o", "in-interface", "out-interface", "physdev-in",
            "physdev-out", "altname", "link-netns":
            guard isDevicePlace else { return nil }
            if after == UInt8(ascii: "+") {
                return redactor.names.stem(ofDevices: word)
            }
            return redactor.names.device(word)
        case "A", "N", "P", "I":
            // Counters may stand before them: `[0:0] -A FORWARD`.
            return isDevicePlace && wordsBefore < 4 ? redactor.rules(word) : nil
        case "Chain": return redactor.rules(word)
        case "match-set", "add-set", "del-set", "set-name", "hashlimit-name", "name", "Name":
            return redactor.rules(word)
        case "j", "g", "jump", "goto":
            guard previous.count > 1 || isDevicePlace, !RuleNames.isBuiltIn(word) else { return nil }
            // Targets of extensions are written in capitals; a dump declares each chain of its own.
            let isTarget = word.allSatisfy { $0.isUppercase || $0.isNumber }
            return redactor.names.known(word) ?? (isTarget ? word : redactor.rules(word))
        case "comment", "log-prefix", "nflog-prefix", "string", "helper":
            guard word != "comment", beforePrevious != "m" || previous != "comment" else { return nil }
            return objectName(word, range, &redactor) ?? redactor.word(word, .comment)
        case "create", "add": return isSecondWord ? redactor.rules(word) : nil
        case "chain", "set", "map", "flowtable", "counter", "quota", "limit", "meter", "secmark", "synproxy":
            return isSecondWord ? redactor.rules(word) : nil
        case "lookup", "table":
            return RouteTables.isKnown(word) ? word : redactor.rules(word)
        default: break
        }
        if beforePrevious == "table", isThirdWord { return redactor.rules(word) }
        // `2: eth0: <UP>` and `2: eth0@if7:` of ip.
        if !previous.isEmpty, previous.allSatisfy(\.isNumber), isSecondWord,
            after == UInt8(ascii: ":") || after == UInt8(ascii: "@")
        {
            return redactor.names.device(word)
        }
        return nil
    }

    private var isSecondWord: Bool { wordsBefore == 1 }
    private var isThirdWord: Bool { wordsBefore == 2 }
    private var isPeerOfLink: Bool { wordsBefore == 2 && beforePrevious.allSatisfy(\.isNumber) }

    /// `i` and `o` are options of iptables only behind a dash.
    private var isDevicePlace: Bool {
        guard previous.count == 1 else { return true }
        let bytes = output.suffix(4)
        return bytes.contains(UInt8(ascii: "-"))
    }

    /// Names of kube-proxy's chains and sets in nft: `service-ULMVA6XW-shop/web/tcp/http`, whose middle is a hash of
    /// what follows (`proxier.go`, hashAndTruncate).
    private mutating func hashedName(_ word: String, _ range: Range<Int>, _ redactor: inout Redactor) -> String? {
        guard scanner.byte(at: range.upperBound) == UInt8(ascii: "/"), word.contains("-") else { return nil }
        var stop = range.upperBound
        while let byte = scanner.byte(at: stop),
            TokenScanner.isWordByte(byte) || TokenScanner.isInner(byte) || byte == UInt8(ascii: "/")
        {
            stop += 1
        }
        let text = String(decoding: scanner.bytes[range.lowerBound..<stop], as: UTF8.self)
        guard let other = HashedNames.nft(text, &redactor) else { return nil }
        scanner.skip(to: stop)
        return other
    }

    // MARK: - The rest

    private mutating func takeOther(_ index: Int, _ redactor: inout Redactor) {
        let byte = scanner.bytes[index]
        if byte == 0x0A {
            (previous, beforePrevious, wordsBefore) = ("", "", 0)
            lineAddresses.removeAll(keepingCapacity: true)
            pending = nil
        } else if pending?.sign != byte {
            pending = nil
        }
        output.append(byte)
        guard mode == .format else { return }
        if byte == UInt8(ascii: "\"") {
            quoted(from: index + 1, &redactor)
        } else if byte == UInt8(ascii: "*"), scanner.byte(at: index - 1) == UInt8(ascii: "/") {
            remark(from: index + 1, &redactor)
        }
    }

    /// What stands in quotes is a comment, or the name of a device.
    private mutating func quoted(from start: Int, _ redactor: inout Redactor) {
        var stop = start
        while let byte = scanner.byte(at: stop), byte != UInt8(ascii: "\""), byte != 0x0A {
            stop += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        guard scanner.byte(at: stop) == UInt8(ascii: "\"") else { return }
        let isDevice = ["iifname", "oifname", "iif", "oif", "ibrname", "obrname", "ibriport", "obriport", "devices"]
            .contains(previous)
        output += redactor.quoted(Array(scanner.bytes[start..<stop]), isDevice: isDevice)
        output.append(UInt8(ascii: "\""))
        (beforePrevious, previous) = (previous, "\"")
        scanner.skip(to: stop + 1)
    }

    /// A comment in a listing of rules: `/* shop/web:http */`.
    private mutating func remark(from start: Int, _ redactor: inout Redactor) {
        var stop = start
        while let byte = scanner.byte(at: stop), byte != 0x0A {
            if byte == UInt8(ascii: "*"), scanner.byte(at: stop + 1) == UInt8(ascii: "/") { break }
            stop += 1
        }
        var inner = TextRewriter(Array(scanner.bytes[start..<stop]), .comment)
        output += inner.rewritten(&redactor)
        scanner.skip(to: stop)
    }
}

extension Redactor {
    /// What stands between quotes in rules.
    mutating func quoted(_ bytes: [UInt8], isDevice: Bool) -> [UInt8] {
        let text = String(decoding: bytes, as: UTF8.self)
        let stem = text.hasSuffix("*") ? String(text.dropLast()) : text
        if text.hasSuffix("*"), isDevice {
            return Array((names.stem(ofDevices: stem) + "*").utf8)
        }
        let isName = !text.isEmpty && text.utf8.allSatisfy { TokenScanner.isWordByte($0) || TokenScanner.isInner($0) }
        if isName, isDevice || names.pseudonyms[text]?.kind == .device { return Array(names.device(text).utf8) }
        var rewriter = TextRewriter(bytes, .comment)
        return rewriter.rewritten(&self)
    }
}

/// Tables of routes that every machine has.
enum RouteTables {
    static func isKnown(_ name: String) -> Bool {
        ["main", "local", "default", "all", "unspec"].contains(name) || name.allSatisfy(\.isNumber)
            || ["ip", "ip6", "inet", "arp", "bridge", "netdev"].contains(name)
    }
}
