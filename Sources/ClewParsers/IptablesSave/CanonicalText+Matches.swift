import ClewNet
import ClewSnapshot

/// Which module prints a match, and where among the module's options.
enum ModulePrinter {
    static func module(_ name: String) -> MatchModule {
        let text = Array(name.utf8)
        let value = text.withUnsafeBytes { MatchModule.words.value(ByteText($0), 0, text.count) }
        return MatchModule(rawValue: value) ?? .none
    }

    static func isKnown(_ option: String) -> Bool {
        let text = Array(option.utf8)
        return text.withUnsafeBytes { MatchOption.words.value(ByteText($0), 0, text.count) } != 0
    }

    /// The name a module is saved by.
    static func name(_ module: String) -> String {
        module == "icmpv6" || module == "ipv6-icmp" ? "icmp6" : module
    }

    static func name(_ module: MatchModule, _ number: IPProtocol?) -> String {
        switch module {
        case .transport: number?.description ?? "tcp"
        case .icmp: number == .icmpv6 ? "icmp6" : "icmp"
        case .icmpv6: "icmp6"
        case .multiport: "multiport"
        case .mark: "mark"
        case .connmark: "connmark"
        case .conntrack: "conntrack"
        case .addressType: "addrtype"
        case .set: "set"
        case .statistic: "statistic"
        case .recent: "recent"
        case .physdev: "physdev"
        case .ipvs: "ipvs"
        case .iprange: "iprange"
        case .mac: "mac"
        case .length: "length"
        case .packetType: "pkttype"
        case .reversePath: "rpfilter"
        case .tcpMSS: "tcpmss"
        case .timeToLive: "ttl"
        case .dscp: "dscp"
        case .tos: "tos"
        case .none, .generic, .comment, .limit, .hashlimit, .connlimit, .quota, .nfacct, .extensionHeader: "unmodelled"
        }
    }

    static func module(of test: MatchTest) -> MatchModule {
        switch test {
        case .sourcePort, .destinationPort, .tcpFlags, .tcpOption: .transport
        case .multiport: .multiport
        case .icmp: .icmp
        case .mark: .mark
        case .connmark: .connmark
        case .conntrackState, .conntrackStatus, .conntrackProtocol, .conntrackAddress, .conntrackPort,
            .conntrackDirection:
            .conntrack
        case .addressType: .addressType
        case .set: .set
        case .random, .nth: .statistic
        case .stateful: .recent
        case .physicalDevice: .physdev
        case .ipvs: .ipvs
        case .sourceRange, .destinationRange: .iprange
        case .sourceMAC: .mac
        case .length: .length
        case .packetType: .packetType
        case .reversePath: .reversePath
        case .tcpMSS: .tcpMSS
        case .timeToLive: .timeToLive
        case .dscp: .dscp
        case .tos: .tos
        default: .none
        }
    }

    /// Whether the model keeps a match as text.
    static func isText(_ test: MatchTest) -> Bool {
        switch test {
        case .unmodelled, .always, .extensionHeader: true
        default: false
        }
    }

    /// The order in which a module prints its options.
    static func rank(_ test: MatchTest) -> Int {
        switch test {
        case .sourcePort, .sourceRange, .conntrackState: 0
        case .destinationPort, .destinationRange, .conntrackProtocol: 1
        case .tcpOption: 2
        case .tcpFlags: 3
        case .conntrackAddress(let field, _): 4 + Int(field.rawValue)
        case .conntrackPort(let field, _): 8 + Int(field.rawValue)
        case .conntrackStatus: 12
        case .conntrackDirection: 13
        default: 0
        }
    }

    /// A module with its words as they stand, negation before its option.
    static func plain(_ segment: RuleLayout.Segment) -> String {
        var words = segment.words
        var index = 1
        while index < words.count {
            // `--option ! value`, the old way.
            if words[index] == "!", words[index - 1].hasPrefix("--"), index + 1 < words.count,
                !words[index + 1].hasPrefix("--")
            {
                words.swapAt(index, index - 1)
            }
            index += 1
        }
        if segment.module == "string" { words = words.map(hexString) }
        // `--nfacct-name` is printed with two blanks behind it.
        if segment.module == "nfacct", words.count == 2 { words.insert("", at: 1) }
        return ([segment.module] + words).joined(separator: " ")
    }

    /// `--hex-string "|00 ff|"` without the blanks between its bars.
    private static func hexString(_ word: String) -> String {
        guard word.hasPrefix("\""), word.contains("|") else { return word }
        var isHex = false
        return word.filter { character in
            if character == "|" { isHex.toggle() }
            return !isHex || character != " "
        }
    }
}

extension CanonicalPrinter {
    static func hex(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }

    static func masked(_ value: UInt32, _ mask: UInt32) -> String {
        mask == .max ? hex(value) : hex(value) + "/" + hex(mask)
    }

    static func range(_ range: PortRange, _ separator: String = ":") -> String {
        range.first == range.last ? "\(range.first)" : "\(range.first)\(separator)\(range.last)"
    }

    /// Prints one match's option.
    mutating func printTest(_ match: Match, module: String) {
        let negated = match.isNegated
        switch match.test {
        case .sourcePort(let range): write("--sport", Self.range(range), negated: negated)
        case .destinationPort(let range): write("--dport", Self.range(range), negated: negated)
        case .tcpFlags(let mask, let compare):
            write("--tcp-flags", flags(mask) + " " + flags(compare), negated: negated)
        case .tcpOption(let number): write("--tcp-option", "\(number)", negated: negated)
        case .icmp(let type, let first, let last): printICMP(type, first, last, module, negated)
        case .multiport(let side, let index):
            let ports = set.portLists[Int(index.rawValue)].ranges.map { Self.range($0) }.joined(separator: ",")
            let name = side == .source ? "--sports" : side == .destination ? "--dports" : "--ports"
            write(name, ports, negated: negated)
        case .mark(let value, let mask), .connmark(let value, let mask):
            write("--mark", Self.masked(value, mask), negated: negated)
        case .sourceRange(let index), .destinationRange(let index):
            let range = set.addressRanges[Int(index.rawValue)]
            let name = if case .sourceRange = match.test { "--src-range" } else { "--dst-range" }
            write(name, "\(range.first)-\(range.last)", negated: negated)
        case .sourceMAC(let index):
            write("--mac-source", set.macs[Int(index.rawValue)].description, negated: negated)
        case .length(let range): write("--length", Self.range(range), negated: negated)
        case .tcpMSS(let range): write("--mss", Self.range(range), negated: negated)
        case .packetType(let type): write("--pkt-type", "\(type)", negated: negated)
        case .dscp(let value): write("--dscp", Self.padded(value), negated: negated)
        case .tos(let value, let mask):
            write("--tos", Self.padded(value) + "/" + Self.padded(mask), negated: negated)
        case .timeToLive(let comparison, let value):
            let name = comparison == .less ? "lt" : comparison == .greater ? "gt" : "eq"
            write("--\(module)-\(name)", "\(value)", negated: negated)
        default: printLargeTest(match, module: module)
        }
    }

    static func padded(_ value: UInt8) -> String { (value < 16 ? "0x0" : "0x") + String(value, radix: 16) }

    private mutating func printLargeTest(_ match: Match, module: String) {
        let negated = match.isNegated
        switch match.test {
        case .conntrackState(let states):
            let name = module == "state" ? "--state" : "--ctstate"
            write(name, names(FlagNames.conntrackStateNames) { states.contains($0) }, negated: negated)
        case .conntrackStatus(let status):
            write(
                "--ctstatus", names(FlagNames.conntrackStatusNames) { status.contains($0) }, negated: negated)
        case .conntrackProtocol(let number): write("--ctproto", "\(number.rawValue)", negated: negated)
        case .conntrackAddress(let field, let index):
            let address = set.maskedAddresses[Int(index.rawValue)]
            let isWhole = address.prefixLength == address.value.family.width
            write(
                "--ct" + Self.name(field), isWhole ? address.value.description : address.description, negated: negated)
        case .conntrackPort(let field, let range):
            write("--ct" + Self.name(field) + "port", Self.range(range), negated: negated)
        case .conntrackDirection(let isReply): write("--ctdir", isReply ? "REPLY" : "ORIGINAL", negated: negated)
        case .addressType(let index): printAddressType(set.addressTypes[Int(index.rawValue)])
        case .set(let index):
            let reference = set.setReferences[Int(index.rawValue)]
            write("--match-set", text(reference), negated: negated)
            if reference.returnNoMatch { write("--return-nomatch") }
        case .random(let threshold):
            write("--mode random")
            write("--probability", Self.probability(threshold), negated: negated)
        case .nth(let every, let first):
            write("--mode nth")
            write("--every", "\(every)", negated: negated)
            write("--packet", "\(first)")
        case .physicalDevice(let index): printPhysdev(set.physicalDevices[Int(index.rawValue)])
        case .ipvs(let index): printVirtual(set.ipvsMatches[Int(index.rawValue)])
        case .reversePath(let options):
            if options.contains(.loose) { write("--loose") }
            if options.contains(.validMark) { write("--validmark") }
            if options.contains(.acceptLocal) { write("--accept-local") }
            if options.contains(.invert) { write("--invert") }
        case .unmodelled(let index), .always(let index), .extensionHeader(let index):
            out += " " + set.string(set.unmodelled[Int(index.rawValue)])
        default: break
        }
    }

    private func names<Flag>(_ all: [(String, Flag)], _ contains: (Flag) -> Bool) -> String {
        all.filter { contains($0.1) }.map(\.0).joined(separator: ",")
    }

    private func flags(_ bits: UInt8) -> String {
        bits == 0 ? "NONE" : FlagNames.tcpFlagNames.filter { bits & $0.1 != 0 }.map(\.0).joined(separator: ",")
    }

    private static func name(_ field: ConntrackField) -> String {
        switch field {
        case .originalSource: "origsrc"
        case .originalDestination: "origdst"
        case .replySource: "replsrc"
        case .replyDestination: "repldst"
        }
    }

    /// The threshold as a decimal with eleven places (`%.11f` of a 31-bit fraction).
    static func probability(_ threshold: UInt32) -> String {
        // Exact: threshold * 10¹¹ / 2³¹, rounded to even as printf does.
        let product = UInt64(threshold).multipliedFullWidth(by: 100_000_000_000)
        var quotient = product.high << 33 | product.low >> 31
        let rest = product.low & 0x7FFF_FFFF
        if rest > 0x4000_0000 || rest == 0x4000_0000 && quotient & 1 == 1 { quotient += 1 }
        let digits = String(quotient % 100_000_000_000)
        return "\(quotient / 100_000_000_000)." + String(repeating: "0", count: 11 - digits.count) + digits
    }

    private mutating func printICMP(_ type: UInt8, _ first: UInt8, _ last: UInt8, _ module: String, _ negated: Bool) {
        let isV6 = module != "icmp"
        let option = isV6 ? "--icmpv6-type" : "--icmp-type"
        if type == 255, !isV6 { return write(option, "any", negated: negated) }
        write(option, first == last ? "\(type)/\(first)" : "\(type)", negated: negated)
    }

    private mutating func printAddressType(_ match: AddressTypeMatch) {
        if let types = match.source {
            write("--src-type", names(FlagNames.addressTypeNames) { types.contains($0) }, negated: match.sourceNegated)
        }
        if let types = match.destination {
            write(
                "--dst-type", names(FlagNames.addressTypeNames) { types.contains($0) },
                negated: match.destinationNegated)
        }
        if match.limitToInputInterface { write("--limit-iface-in") }
        if match.limitToOutputInterface { write("--limit-iface-out") }
    }

    func text(_ reference: SetReference) -> String {
        set.name(reference.name) + " " + reference.usesSource.map { $0 ? "src" : "dst" }.joined(separator: ",")
    }

    private mutating func printPhysdev(_ match: PhysicalDeviceMatch) {
        if let isIn = match.isIn { write("--physdev-is-in", negated: !isIn) }
        if let input = match.input { write("--physdev-in", name(input), negated: match.inputNegated) }
        if let isOut = match.isOut { write("--physdev-is-out", negated: !isOut) }
        if let output = match.output { write("--physdev-out", name(output), negated: match.outputNegated) }
        if let isBridged = match.isBridged { write("--physdev-is-bridged", negated: !isBridged) }
    }

    mutating func printRecent(_ state: StatefulMatch, _ words: [String], negated: Bool) {
        switch state.recentAction {
        case .set: write("--set", negated: negated)
        case .check: write("--rcheck", negated: negated)
        case .update: write("--update", negated: negated)
        case .remove: write("--remove", negated: negated)
        case nil: break
        }
        if let seconds = state.seconds { write("--seconds", "\(seconds)") }
        if words.contains("--reap") { write("--reap") }
        if let count = state.hitCount { write("--hitcount", "\(count)") }
        if words.contains("--rttl") { write("--rttl") }
        write("--name", state.listName.map { set.name($0) } ?? "DEFAULT")
        let everything = family == .ipv4 ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        let mask = words.firstIndex(of: "--mask").flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        write("--mask", mask ?? everything)
        write(state.usesSource ? "--rsource" : "--rdest")
    }
}
