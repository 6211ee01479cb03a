package import ClewSnapshot
import ClewNet

extension RuleSet {
    /// A rule as `iptables-save` 1.8.9 prints it, with its `-A CHAIN`.
    ///
    /// Matches and targets are printed from the model (`save` functions of `extensions/libxt_*.c`); the text gives only
    /// the order of the modules, and the words of those that the model keeps as text.
    package func canonicalText(of rule: RuleID) -> String {
        guard Int(rule.rawValue) < rules.count else { return "" }
        let chain = chains.first { $0.firstRule <= rule.rawValue && rule.rawValue &- $0.firstRule < $0.ruleCount }
        guard let chain else { return "" }
        return canonicalText(rules[Int(rule.rawValue)], in: chain)
    }

    package func canonicalText(_ rule: Rule, in chain: RuleChain) -> String {
        let isIPv6 = Int(chain.table.rawValue) < tables.count && tables[Int(chain.table.rawValue)].family == .ipv6
        var printer = CanonicalPrinter(set: self, rule: rule, family: isIPv6 ? .ipv6 : .ipv4)
        return "-A " + string(chain.name) + printer.print()
    }
}

/// Prints one rule.
struct CanonicalPrinter {
    let set: RuleSet
    let rule: Rule
    let family: AddressFamily
    /// The matches not yet printed, in their order.
    var left: [Match]
    var out = ""

    init(set: RuleSet, rule: Rule, family: AddressFamily) {
        self.set = set
        self.rule = rule
        self.family = family
        left = Array(set.matches(of: rule))
    }

    mutating func print() -> String {
        let end = min(Int(rule.text.offset) + Int(rule.text.length), set.text.count)
        let bytes = set.text[min(Int(rule.text.offset), end)..<end]
        printBase()
        if let layout = RuleLayout(RuleLayout.words(bytes)) {
            for segment in layout.segments { printSegment(segment) }
            printTarget(layout)
        } else {
            printComment()
            printImplied()
            printTarget(nil)
        }
        return out
    }

    /// Writes an option, behind its `!`.
    mutating func write(_ option: String, _ value: String = "", negated: Bool = false) {
        out += negated ? " ! " : " "
        out += option
        if !value.isEmpty { out += " " + value }
    }

    // MARK: The rule's own options

    private mutating func printBase() {
        for kind in BaseOption.allCases {
            while let index = left.firstIndex(where: { BaseOption($0.test) == kind }) {
                let match = left.remove(at: index)
                printBase(match, kind)
            }
        }
    }

    private enum BaseOption: CaseIterable {
        case source, destination, input, output, protocolNumber, fragment

        init?(_ test: MatchTest) {
            switch test {
            case .source4, .source: self = .source
            case .destination4, .destination: self = .destination
            case .inputInterface: self = .input
            case .outputInterface: self = .output
            case .ipProtocol: self = .protocolNumber
            case .fragment: self = .fragment
            default: return nil
            }
        }
    }

    private mutating func printBase(_ match: Match, _ kind: BaseOption) {
        switch match.test {
        case .source4(let value, let mask), .destination4(let value, let mask):
            let address = MaskedAddress(IPAddress(v4: value), mask: IPAddress(v4: mask))
            write(kind == .source ? "-s" : "-d", address.description, negated: match.isNegated)
        case .source(let index), .destination(let index):
            write(
                kind == .source ? "-s" : "-d", set.maskedAddresses[Int(index.rawValue)].description,
                negated: match.isNegated)
        case .inputInterface(let pattern): write("-i", name(pattern), negated: match.isNegated)
        case .outputInterface(let pattern): write("-o", name(pattern), negated: match.isNegated)
        case .ipProtocol(let number): write("-p", number.description, negated: match.isNegated)
        case .fragment: write("-f", negated: match.isNegated)
        default: break
        }
    }

    func name(_ pattern: InterfacePattern) -> String { set.name(pattern.name) + (pattern.isPrefix ? "+" : "") }

    private mutating func printComment() {
        guard !rule.comment.isEmpty else { return }
        out += " -m comment --comment " + SaveString.quoted(SaveString.unescaped(set.string(rule.comment)))
    }

    // MARK: Modules

    private mutating func printSegment(_ segment: RuleLayout.Segment) {
        let module = ModulePrinter.module(segment.module)
        switch module {
        case .none, .generic, .nfacct, .extensionHeader, .quota:
            if module == .quota { dropState(.quota) } else { drop(ModulePrinter.isText) }
            write("-m", ModulePrinter.plain(segment))
        case .comment:
            let text = segment.words.dropFirst().joined(separator: " ")
            out += " -m comment --comment " + SaveString.quoted(SaveString.content(text))
        case .limit:
            dropState(.limit)
            write("-m", LimitText.limit(segment.words))
        case .hashlimit:
            dropState(.hashlimit)
            write("-m", LimitText.hashlimit(segment.words))
        case .connlimit:
            dropState(.connlimit)
            write("-m", LimitText.connlimit(segment.words, family))
        default: printModelled(module, segment)
        }
    }

    private mutating func dropState(_ kind: StatefulMatch.Kind) {
        let states = set.states
        drop { if case .stateful(let index) = $0 { states[Int(index.rawValue)].kind == kind } else { false } }
    }

    private mutating func drop(_ isIt: (MatchTest) -> Bool) {
        if let index = left.firstIndex(where: { isIt($0.test) }) { left.remove(at: index) }
    }

    private mutating func printModelled(_ module: MatchModule, _ segment: RuleLayout.Segment) {
        let module = module == .icmpv6 ? .icmp : module
        var options = segment.words.count { $0.hasPrefix("--") }
        switch module {
        case .conntrack, .iprange: break
        case .transport: options = left.count
        default: options = 1
        }
        var found: [Match] = []
        while found.count < options, let index = left.firstIndex(where: { ModulePrinter.module(of: $0.test) == module })
        {
            found.append(left.remove(at: index))
        }
        out += " -m " + ModulePrinter.name(segment.module)
        found.sort { ModulePrinter.rank($0.test) < ModulePrinter.rank($1.test) }
        for match in found {
            if case .stateful(let index) = match.test {
                printRecent(set.states[Int(index.rawValue)], segment.words, negated: match.isNegated)
            } else {
                printTest(match, module: segment.module)
            }
        }
        if module == .set { printSetCounters(segment) }
        printUnknown(segment)
    }

    /// Options of `set` that the model keeps as one flag, or not at all.
    private mutating func printSetCounters(_ segment: RuleLayout.Segment) {
        let rest = segment.words.drop { $0 != "--match-set" }.dropFirst(3).filter { $0 != "--return-nomatch" }
        if !rest.isEmpty { out += " " + rest.joined(separator: " ") }
    }

    /// Options that the module has and the model does not.
    private mutating func printUnknown(_ segment: RuleLayout.Segment) {
        var isUnknown = false
        var isNegated = false
        for word in segment.words {
            if word == "!" {
                isNegated = true
                continue
            }
            if word.hasPrefix("--") {
                isUnknown = !ModulePrinter.isKnown(word)
                if isUnknown { drop { if case .unmodelled = $0 { true } else { false } } }
            }
            if isUnknown { write(word, negated: isNegated) }
            isNegated = false
        }
    }

    /// A listing names modules by their phrases: those that the matches belong to, in the order of the matches.
    private mutating func printImplied() {
        let matches = left
        var last = MatchModule.none
        var number: IPProtocol?
        for match in set.matches(of: rule) { if case .ipProtocol(let value) = match.test { number = value } }
        for match in matches {
            let module = ModulePrinter.module(of: match.test)
            if case .stateful(let index) = match.test {
                let state = set.states[Int(index.rawValue)]
                if state.kind == .recent {
                    out += " -m recent"
                    printRecent(
                        state, RuleLayout.words(Array(set.string(state.text).utf8)[...]), negated: match.isNegated)
                } else {
                    out += " " + set.string(state.text)
                }
            } else {
                let isMany = module == .transport || module == .conntrack || module == .iprange
                if module != last || !isMany { out += " -m " + ModulePrinter.name(module, number) }
                printTest(match, module: ModulePrinter.name(module, number))
            }
            last = module
        }
        left = []
    }
}

/// Strings as `xtables_save_string` writes and `iptables-restore` reads them.
enum SaveString {
    /// The string in quotes, unless it is of letters, digits, `_` and `-` only.
    static func quoted(_ string: String) -> String {
        let isPlain = string.utf8.allSatisfy { byte in
            byte | 0x20 &- 97 < 26 || byte &- 48 < 10 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        }
        if isPlain, !string.isEmpty { return string }
        var result = "\""
        for scalar in string.unicodeScalars {
            if scalar == "\"" || scalar == "\\" || scalar == "'" { result.unicodeScalars.append("\\") }
            result.unicodeScalars.append(scalar)
        }
        return result + "\""
    }

    /// A word without its quotes and backslashes.
    static func content(_ word: String) -> String {
        guard word.count >= 2, let first = word.first, first == "\"" || first == "'", word.last == first else {
            return word
        }
        return unescaped(String(word.dropFirst().dropLast()))
    }

    static func unescaped(_ string: String) -> String {
        var result = ""
        var isEscaped = false
        for scalar in string.unicodeScalars {
            if scalar == "\\", !isEscaped {
                isEscaped = true
            } else {
                result.unicodeScalars.append(scalar)
                isEscaped = false
            }
        }
        return result
    }
}
