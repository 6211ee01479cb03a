import ClewSnapshot

/// The order in which a rule names its modules, and the words it gives them.
///
/// The model keeps what a rule means; the order of its `-m` and a module that tests nothing are only in its text.
struct RuleLayout {
    struct Segment {
        var module: String
        /// The words behind `-m NAME`: options with their values, each as it stands; `!` before its option.
        var words: [String] = []
    }

    private(set) var segments: [Segment] = []
    private(set) var target: String?
    private(set) var isGoto = false
    private(set) var targetWords: [String] = []

    private enum Place { case rule, segment, target }
    private var place = Place.rule
    private var protocolName = ""
    private var isNegated = false

    /// Lays out a rule as `iptables-save` writes it; `nil` for a row of a listing.
    init?(_ words: [String]) {
        guard let first = words.first, first.hasPrefix("-") else { return nil }
        var index = 0
        while index < words.count {
            let next = index + 1 < words.count ? words[index + 1] : ""
            index += read(words[index], next)
        }
    }

    private var protocolMatch: String {
        protocolName == "ipv6-icmp" || protocolName == "icmpv6" ? "icmp6" : protocolName
    }

    /// Reads a word; the result is the number of words it takes.
    private mutating func read(_ word: String, _ next: String) -> Int {
        switch word {
        case "!":
            isNegated = true
            return 1
        case "-m", "--match":
            segments.append(Segment(module: next))
            place = .segment
        case "-j", "--jump", "-g", "--goto":
            target = next
            isGoto = word == "-g" || word == "--goto"
            place = .target
        case "-p", "--protocol", "--proto":
            if place == .segment, word == "--proto", segments.last?.module == "policy" { return take(word) }
            protocolName = next == "!" ? protocolName : next.lowercased()
            isNegated = false
            return next == "!" ? 2 : 2
        case "-A", "-I", "-s", "-d", "-i", "-o", "-t", "--source", "--src", "--destination", "--dst",
            "--in-interface", "--out-interface":
            isNegated = false
            return next == "!" ? 3 : 2
        case "-f", "--fragment", "-4", "-6":
            isNegated = false
            return 1
        case "-c":
            return 3
        default: return take(word)
        }
        isNegated = false
        return 2
    }

    /// A word of the module or target that is being read.
    private mutating func take(_ word: String) -> Int {
        if word.hasPrefix("--"), place != .target { loadOwner(of: word) }
        let words = isNegated ? ["!", word] : [word]
        isNegated = false
        if place == .target {
            targetWords += words
        } else if !segments.isEmpty {
            segments[segments.count - 1].words += words
        }
        return 1
    }

    /// Options of the protocol's own match load it, without a `-m`.
    private mutating func loadOwner(of word: String) {
        let text = Array(word.utf8)
        let option = text.withUnsafeBytes { MatchOption.words.value(ByteText($0), 0, text.count) }
        guard let owner = MatchOption(rawValue: option)?.owner else { return }
        let wanted: String
        switch owner {
        case .transport:
            // `-m tcp --dport 1 -p tcp` names the module before the protocol.
            if let current = segments.last, ModulePrinter.module(current.module) == .transport { return }
            wanted = protocolMatch
        case .icmp: wanted = "icmp"
        case .icmpv6: wanted = "icmp6"
        case .comment: wanted = "comment"
        default: return
        }
        guard segments.last?.module != wanted else { return }
        if let known = segments.firstIndex(where: { $0.module == wanted }), owner != .comment {
            // Its words join those it had; the order among modules is that of the first.
            let segment = segments.remove(at: known)
            segments.append(segment)
        } else {
            segments.append(Segment(module: wanted))
        }
        place = .segment
    }

    /// The words of a line; what stands between quotes is one word, with its quotes.
    static func words(_ bytes: ArraySlice<UInt8>) -> [String] {
        var result: [String] = []
        var position = bytes.startIndex
        while position < bytes.endIndex {
            while position < bytes.endIndex, bytes[position] <= 32 { position += 1 }
            guard position < bytes.endIndex else { break }
            let start = position
            let quote = bytes[position]
            if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
                position += 1
                while position < bytes.endIndex, bytes[position] != quote {
                    position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
                }
                position = min(position + 1, bytes.endIndex)
            } else {
                while position < bytes.endIndex, bytes[position] > 32 { position += 1 }
            }
            result.append(String(decoding: bytes[start..<position], as: UTF8.self))
        }
        return result
    }
}
