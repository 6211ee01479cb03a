import ClewNet
import ClewSnapshot

extension CanonicalPrinter {
    mutating func printTarget(_ layout: RuleLayout?) {
        switch rule.target {
        case .none: break
        case .accept: write("-j ACCEPT")
        case .drop: write("-j DROP")
        case .return: write("-j RETURN")
        case .jump(let chain): write("-j", set.name(of: chain))
        case .goto(let chain): write("-g", set.name(of: chain))
        case .reject(let type): write("-j REJECT --reject-with", type.name(family))
        case .mark(let value, let mask): write("-j MARK --set-xmark", Self.hex(value) + "/" + Self.hex(mask))
        case .connmark(let index): printConnmark(set.connmarkTargets[Int(index.rawValue)])
        case .dnat4(let address, let port):
            let text = IPAddress(v4: address).description
            write("-j DNAT --to-destination", port == 0 ? text : "\(text):\(port)")
        case .nat(let index): printNAT(set.natTargets[Int(index.rawValue)])
        case .masquerade:
            write("-j MASQUERADE")
        case .notrack: write(layout?.target == "NOTRACK" ? "-j NOTRACK" : "-j CT --notrack")
        case .tproxy(let index):
            let target = set.tproxyTargets[Int(index.rawValue)]
            write("-j TPROXY --on-port", "\(target.port)")
            write("--on-ip", (target.address ?? .zero(family)).description)
            write("--tproxy-mark", Self.hex(target.markValue) + "/" + Self.hex(target.markMask))
        case .tcpMSS(let size):
            write("-j TCPMSS")
            if size == 0 { write("--clamp-mss-to-pmtu") } else { write("--set-mss", "\(size)") }
        case .timeToLive(let change, let value):
            let name = family == .ipv4 ? "TTL" : "HL"
            let verb = change == .set ? "set" : change == .increment ? "inc" : "dec"
            write("-j \(name) --\(name.lowercased())-\(verb)", "\(value)")
        case .tos(let value, let mask): printTOS(value, mask, layout)
        case .set(let index):
            let target = set.setTargets[Int(index.rawValue)]
            let option = target.action == .add ? "--add-set" : target.action == .delete ? "--del-set" : "--map-set"
            write("-j SET \(option)", text(target.set))
            let words = layout?.targetWords ?? []
            if let known = words.firstIndex(where: { $0 == "--exist" || $0 == "--timeout" }) {
                write(words[known...].joined(separator: " "))
            }
        case .transparent(let index), .queue(let index), .unmodelled(let index), .conntrackAssign(let index):
            printText(index, layout)
        case .verdictMap: break
        }
    }

    private mutating func printConnmark(_ target: ConnmarkTarget) {
        write("-j CONNMARK")
        switch target {
        case .set(let value, let mask): write("--set-xmark", Self.hex(value) + "/" + Self.hex(mask))
        case .save(let ctMask, let markMask):
            write("--save-mark --nfmask \(Self.hex(markMask)) --ctmask \(Self.hex(ctMask))")
        case .restore(let ctMask, let markMask):
            write("--restore-mark --nfmask \(Self.hex(markMask)) --ctmask \(Self.hex(ctMask))")
        }
    }

    private mutating func printNAT(_ target: NATTarget) {
        switch target.kind {
        case .destination: write("-j DNAT --to-destination", natText(target))
        case .source: write("-j SNAT --to-source", natText(target))
        case .masquerade, .redirect:
            write(target.kind == .masquerade ? "-j MASQUERADE" : "-j REDIRECT")
            if let ports = target.ports { write("--to-ports", Self.range(ports, "-")) }
        case .netmap:
            let network = target.addresses?.first.description ?? ""
            let length = target.netmapLength ?? family.width
            write("-j NETMAP --to", "\(network)/\(length)")
        }
        if target.isRandom { write("--random") }
        if target.isFullyRandom { write("--random-fully") }
        if target.isPersistent { write("--persistent") }
    }

    private func natText(_ target: NATTarget) -> String {
        var result = ""
        if let range = target.addresses {
            let isBracketed = family == .ipv6 && target.ports != nil
            let text = range.first == range.last ? "\(range.first)" : "\(range.first)-\(range.last)"
            result = isBracketed ? "[\(text)]" : text
        }
        if let ports = target.ports {
            result += ":" + Self.range(ports, "-")
            if let base = target.basePort { result += "/\(base)" }
        }
        return result
    }

    private mutating func printTOS(_ value: UInt8, _ mask: UInt8, _ layout: RuleLayout?) {
        if layout?.target == "DSCP" {
            write("-j DSCP --set-dscp", Self.padded(value >> 2))
        } else {
            write("-j TOS --set-tos", Self.padded(value) + "/" + Self.padded(mask))
        }
    }

    // MARK: Targets that are kept as text

    private mutating func printText(_ index: PoolIndex<TextRange>, _ layout: RuleLayout?) {
        guard let layout, let target = layout.target else {
            out += " " + set.string(set.unmodelled[Int(index.rawValue)])
            return
        }
        var options = OptionWords(layout.targetWords)
        write("-j", target)
        switch target {
        case "LOG": printLog(&options)
        case "NFLOG": printNflog(&options)
        case "CLASSIFY": if let value = options.take("--set-class") { write("--set-class", Self.classID(value)) }
        default: break
        }
        out += options.rest
    }

    private mutating func printLog(_ options: inout OptionWords) {
        if let prefix = options.take("--log-prefix") {
            write("--log-prefix", SaveString.quoted(SaveString.content(prefix)))
        }
        if let level = options.take("--log-level"), let number = Self.logLevel(level), number != 4 {
            write("--log-level", "\(number)")
        }
        for flag in ["--log-tcp-sequence", "--log-tcp-options", "--log-ip-options", "--log-uid", "--log-macdecode"]
        where options.take(flag) != nil {
            write(flag)
        }
    }

    /// `1:10` as `0001:0010`: both parts are hexadecimal.
    private static func classID(_ text: String) -> String {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.map { String(repeating: "0", count: max(0, 4 - $0.count)) + $0.lowercased() }.joined(
            separator: ":")
    }

    /// `syslog(3)`'s levels, by number, name or a beginning of one.
    private static func logLevel(_ word: String) -> Int? {
        if let number = Int(word) { return number }
        let names = ["emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"]
        let name = word.lowercased()
        if name == "panic" { return 0 }
        return names.firstIndex { $0.hasPrefix(name) || name.hasPrefix($0) }
    }

    private mutating func printNflog(_ options: inout OptionWords) {
        if let prefix = options.take("--nflog-prefix") {
            write("--nflog-prefix", SaveString.quoted(SaveString.content(prefix)))
        }
        if let group = options.take("--nflog-group"), group != "0" { write("--nflog-group", group) }
        if let range = options.take("--nflog-range") { write("--nflog-range", range) }
        if let size = options.take("--nflog-size") { write("--nflog-size", size) }
        if let threshold = options.take("--nflog-threshold"), threshold != "0" { write("--nflog-threshold", threshold) }
    }
}

/// Options with their values, taken out one by one.
struct OptionWords {
    private var words: [String]

    init(_ words: [String]) { self.words = words }

    /// Takes an option out; the result is its value, empty for a flag.
    mutating func take(_ option: String) -> String? {
        guard let index = words.firstIndex(of: option) else { return nil }
        let hasValue = index + 1 < words.count && !words[index + 1].hasPrefix("--") && words[index + 1] != "!"
        let value = hasValue ? words[index + 1] : ""
        words.removeSubrange(index...(hasValue ? index + 1 : index))
        return value
    }

    /// What was not taken, behind a blank each.
    var rest: String { words.map { " " + $0 }.joined() }
}

/// Modules with rates, in the form they are saved in.
enum LimitText {
    /// `3/minute` as `3/min`; rates are kept as a period in tenths of a millisecond (`XT_LIMIT_SCALE`).
    static func rate(_ text: String) -> String {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard let first = parts.first, let number = UInt64(first), number > 0 else { return text }
        let unit = parts.count > 1 ? parts[1].lowercased() : "second"
        let names: [(String, String, UInt64)] = [
            ("day", "day", 864_000_000), ("hour", "hour", 36_000_000), ("minute", "min", 600_000),
            ("second", "sec", 10_000),
        ]
        guard let scale = names.first(where: { $0.0.hasPrefix(unit) }) else { return text }
        let period = scale.2 / number
        guard period > 0 else { return text }
        var best = 0
        for i in 1..<4 {
            if period > names[i].2 || names[i].2 / period < names[i].2 % period { break }
            best = i
        }
        return "\(names[best].2 / period)/\(names[best].1)"
    }

    static func limit(_ words: [String]) -> String {
        var options = OptionWords(words)
        var result = "limit --limit " + rate(options.take("--limit") ?? "3/hour")
        if let burst = options.take("--limit-burst"), burst != "5" { result += " --limit-burst " + burst }
        return result + options.rest
    }

    static func hashlimit(_ words: [String]) -> String {
        var options = OptionWords(words)
        var result = "hashlimit"
        let isNegated = options.take("!") != nil
        for name in ["--hashlimit-upto", "--hashlimit", "--hashlimit-above"] {
            guard let value = options.take(name) else { continue }
            let isAbove = (name == "--hashlimit-above") != isNegated
            result += (isAbove ? " --hashlimit-above " : " --hashlimit-upto ") + rate(value)
            let burst = options.take("--hashlimit-burst") ?? (value.contains("b/") ? nil : "5")
            if let burst { result += " --hashlimit-burst " + burst }
        }
        for name in [
            "mode", "name", "htable-size", "htable-max", "htable-gcinterval", "htable-expire", "srcmask", "dstmask",
        ] {
            guard let value = options.take("--hashlimit-" + name) else { continue }
            result += " --hashlimit-\(name) " + value
        }
        return result + options.rest
    }

    static func connlimit(_ words: [String], _ family: AddressFamily) -> String {
        var options = OptionWords(words)
        let isNegated = options.take("!") != nil
        var result = "connlimit"
        for name in ["--connlimit-above", "--connlimit-upto"] {
            guard let value = options.take(name) else { continue }
            let isAbove = (name == "--connlimit-above") != isNegated
            result += (isAbove ? " --connlimit-above " : " --connlimit-upto ") + value
        }
        result += " --connlimit-mask " + (options.take("--connlimit-mask") ?? "\(family.width)")
        let isDestination = options.take("--connlimit-daddr") != nil
        _ = options.take("--connlimit-saddr")
        return result + (isDestination ? " --connlimit-daddr" : " --connlimit-saddr") + options.rest
    }
}
