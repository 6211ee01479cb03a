package import ClewBundle
package import ClewNet
package import ClewSnapshot

/// What a dump of iptables rules held.
package struct ParsedRuleSet: Sendable {
    package var ruleSet: RuleSet
    package var unread: [UnreadLine]
    /// The number of lines of the artifact.
    package var lines: Int

    package init(ruleSet: RuleSet, unread: [UnreadLine], lines: Int) {
        self.ruleSet = ruleSet
        self.unread = unread
        self.lines = lines
    }
}

/// Reads what `iptables-save`, `iptables -S` and `iptables -L` print, and what `iptables-restore` reads.
///
/// Of iptables 1.4 to 1.8, both backends and families (iptables/iptables-save.c, `xtables-save.c`, the `save` and
/// `print` functions under `extensions/`).
package enum IptablesSaveParser {
    /// Parses a dump.
    ///
    /// - Parameters:
    ///   - bytes: the artifact.
    ///   - artifact: its number, for places.
    ///   - family: the family where no header says another.
    ///   - backend: the backend where the file's name says it; otherwise the header does.
    /// - Returns: the rules, and the lines that could not be read.
    package static func parse(
        _ bytes: [UInt8], artifact: ArtifactID, family: AddressFamily, backend: RuleBackend?
    ) -> ParsedRuleSet {
        guard bytes.count < Int(UInt32.max) / 2 else {
            let reason = "a dump of 2 GiB or more is not read"
            return ParsedRuleSet(
                ruleSet: RuleSet(artifact: artifact, backend: backend ?? .unknown, text: []),
                unread: [UnreadLine(SourceLine(artifact, line: 0), text: "", reason: reason)], lines: 0)
        }
        // Listings are rare: the first line of one ends this pass, and a second one reads the file with translations.
        return parse(bytes, .none, artifact, family, backend)
            ?? parse(bytes, ListingTranslation(bytes), artifact, family, backend)
            ?? ParsedRuleSet(ruleSet: RuleSet(artifact: artifact, backend: .unknown, text: bytes), unread: [], lines: 0)
    }

    private static func parse(
        _ bytes: [UInt8], _ listing: ListingTranslation, _ artifact: ArtifactID, _ family: AddressFamily,
        _ backend: RuleBackend?
    ) -> ParsedRuleSet? {
        let text = listing.isEmpty ? bytes : bytes + listing.text
        return text.withUnsafeBytes { buffer in
            var reader = SaveReader(
                text: ByteText(buffer), bytes: text, end: bytes.count, listing: listing, artifact: artifact,
                family: family, backend: backend)
            return reader.read()
        }
    }
}

/// The state of reading one dump.
struct SaveReader {
    let text: ByteText
    /// Where the artifact ends; behind it lies what its listings were translated to.
    let end: Int
    let listing: ListingTranslation
    var builder: RuleSetBuilder
    var family: AddressFamily
    let backend: RuleBackend?
    var line: UInt32 = 0
    var draft = RuleDraft()
    /// The row of a listing that is being read in its translation.
    var listingRow: TextRange?
    /// `Chain INPUT (…` was met.
    var isListing = false

    let matchOptions = MatchOption.words
    let modules = MatchModule.words
    let targets = TargetWord.words
    let targetOptions = TargetOption.words

    init(
        text: ByteText, bytes: [UInt8], end: Int, listing: ListingTranslation, artifact: ArtifactID,
        family: AddressFamily, backend: RuleBackend?
    ) {
        self.text = text
        self.end = end
        self.listing = listing
        self.family = family
        self.backend = backend
        builder = RuleSetBuilder(text: text, bytes: bytes, artifact: artifact, backend: backend ?? .unknown)
    }

    /// Reads the dump; `nil` if it turns out to hold a listing, which must be translated first.
    mutating func read() -> ParsedRuleSet? {
        var position = 0
        var row = 0
        while position < end {
            line &+= 1
            if row < listing.rows.count, listing.rows[row].lineStart == position {
                position = readListing(listing.rows[row])
                row += 1
            } else {
                position = readLine(position) &+ 1
                if isListing, listing.isEmpty { return nil }
            }
        }
        builder.finish()
        return ParsedRuleSet(ruleSet: builder.out, unread: builder.unread, lines: Int(line))
    }

    /// Reads the line at `start`; the result is the offset of its newline.
    @inline(__always)
    private mutating func readLine(_ start: Int) -> Int {
        let first = text.skipBlanks(start)
        switch text[first] {
        case UInt8(ascii: "-"):
            return readCommand(first)
        case UInt8(ascii: ":"):
            return readChain(first)
        case UInt8(ascii: "["):
            // Counters: `[0:0] -A …`.
            let close = text.wordEnd(from: first)
            let next = text.skipBlanks(close)
            if text[close &- 1] == UInt8(ascii: "]"), text[next] == UInt8(ascii: "-") { return readCommand(next) }
            return readOther(first)
        case ByteText.newline:
            return first
        default:
            return readOther(first)
        }
    }

    /// Reads a chain: `:KUBE-SERVICES - [0:0]`.
    mutating func readChain(_ start: Int) -> Int {
        let nameEnd = text.wordEnd(from: start &+ 1)
        let policy = text.skipBlanks(nameEnd)
        let policyEnd = text.wordEnd(from: policy)
        let lineEnd = text.lineEnd(from: policyEnd)
        guard nameEnd > start &+ 1, policyEnd > policy, nameEnd &- start < 256 else {
            builder.fail(line, start, lineEnd, "a chain line has a name and a policy")
            return lineEnd
        }
        ensureTable()
        switch text.word(at: policy, length: policyEnd &- policy) {
        case 0x2D: builder.declare(start &+ 1, nameEnd, policyAccepts: nil, line: line)
        case 0x5450_4543_4341: builder.declare(start &+ 1, nameEnd, policyAccepts: true, line: line)
        case 0x504F_5244: builder.declare(start &+ 1, nameEnd, policyAccepts: false, line: line)
        default:
            builder.fail(line, start, lineEnd, "the policy is neither ACCEPT, DROP nor -")
            return lineEnd
        }
        return lineEnd
    }

    /// Rules outside a table: that of the command before, else one whose name is guessed in the end.
    mutating func ensureTable() {
        if builder.table == nil { builder.openTable("filter", family: family, line: line, isImplicit: true) }
    }

    /// A line that begins with an option: `-A` and the other commands of `iptables-restore`.
    @inline(__always)
    mutating func readCommand(_ start: Int) -> Int {
        if text[start &+ 1] == UInt8(ascii: "A"), text[start &+ 2] == 32 {
            ensureTable()
            return readRule(start, chainAt: start &+ 3, position: nil)
        }
        return readOtherCommand(start)
    }

    private mutating func readOtherCommand(_ start: Int) -> Int {
        var start = start
        var wordEnd = text.wordEnd(from: start)
        var word = text.string(start, wordEnd)
        // `-t nat -A …`, as scripts and TRACE lines write it; also `-4`, `-6`, `-w` before the command.
        while ["-t", "--table", "-w", "-4", "-6", "--wait", "-n"].contains(word) {
            var next = text.skipBlanks(wordEnd)
            if word == "-t" || word == "--table" {
                let end = text.wordEnd(from: next)
                builder.continueTable(text.string(next, end), family: family, line: line)
                next = text.skipBlanks(end)
            } else if text[next] &- 48 < 10 {
                next = text.skipBlanks(text.wordEnd(from: next))
            }
            start = next
            wordEnd = text.wordEnd(from: start)
            word = text.string(start, wordEnd)
        }
        let argument = text.skipBlanks(wordEnd)
        let argumentEnd = text.wordEnd(from: argument)
        let lineEnd = text.lineEnd(from: argumentEnd)
        switch word {
        case "-A", "--append":
            ensureTable()
            return readRule(start, chainAt: argument, position: nil)
        case "-I", "--insert":
            ensureTable()
            return readRule(start, chainAt: argument, position: 1)
        case "-N", "--new-chain", "--new":
            guard argumentEnd > argument else { break }
            beginListingIfNeeded(argument, argumentEnd)
            builder.declare(argument, argumentEnd, policyAccepts: nil, line: line)
            return lineEnd
        case "-P", "--policy":
            let policy = text.string(text.skipBlanks(argumentEnd), text.wordEnd(from: text.skipBlanks(argumentEnd)))
            guard argumentEnd > argument, policy == "ACCEPT" || policy == "DROP" else { break }
            beginListingIfNeeded(argument, argumentEnd)
            builder.declare(argument, argumentEnd, policyAccepts: policy == "ACCEPT", line: line)
            return lineEnd
        case "-F", "--flush":
            ensureTable()
            if argumentEnd > argument { flush(argument, argumentEnd) } else { flushAll() }
            return lineEnd
        case "-X", "-Z", "--delete-chain", "--zero":
            return lineEnd
        default: break
        }
        builder.fail(line, start, lineEnd, "a command that is not understood: \(word)")
        return lineEnd
    }

    /// `-P INPUT` again outside of `*table`: another listing begins.
    private mutating func beginListingIfNeeded(_ start: Int, _ end: Int) {
        ensureTable()
        if builder.isImplicit, builder.isDeclared(start, end) {
            builder.openTable("filter", family: family, line: line, isImplicit: true)
        }
    }

    private mutating func flush(_ start: Int, _ end: Int) {
        let chain = builder.chain(start, end, line: line)
        guard builder.out.chains[chain].ruleCount > 0 else { return }
        builder.edits.append(
            .init(
                kind: .flush, chain: ChainID(rawValue: UInt32(chain)), before: UInt32(builder.out.rules.count)))
    }

    private mutating func flushAll() {
        guard let table = builder.table else { return }
        for (index, chain) in builder.out.chains.enumerated() where chain.table == table && chain.ruleCount > 0 {
            builder.edits.append(
                .init(
                    kind: .flush, chain: ChainID(rawValue: UInt32(index)), before: UInt32(builder.out.rules.count)))
        }
    }
}
