/// The JSON form of expressions (libnftables-json(5), `src/json.c`).
extension NftNode {
    init(_ json: NftJSON) {
        switch json {
        case .null: self = .other("null")
        case .bool(let exists): self = .presence(exists)
        case .number(let digits): self = .word(digits)
        case .string(let word): self = word.hasPrefix("@") ? .setName(String(word.dropFirst())) : .word(word)
        case .array(let elements): self = .list(elements.map { NftNode($0) })
        case .object:
            if let only = json.only {
                self = Self.object(only.key, only.value) ?? .other(json.description)
            } else {
                self = .other(json.description)
            }
        }
    }

    private static func object(_ key: String, _ value: NftJSON) -> NftNode? {
        switch key {
        case "prefix":
            guard let address = value["addr"], let length = value["len"]?.int, let length = UInt8(exactly: length)
            else {
                return nil
            }
            return .prefix(NftNode(address), length: length)
        case "range":
            let ends = value.elements
            return ends.count == 2 ? .range(NftNode(ends[0]), NftNode(ends[1])) : nil
        case "concat": return .concat(value.elements.map { NftNode($0) })
        case "set": return .set(NftItem.items(value, line: 0))
        case "elem":
            // With a limit or quota a look-up may fail though the element is there.
            let known: Set<String> = ["val", "timeout", "expires", "comment", "counter", "last"]
            guard case .object(let members) = value, members.allSatisfy({ known.contains($0.key) }) else { return nil }
            return value["val"].map { NftNode($0) }
        case "map":
            guard let key = value["key"], let data = value["data"] else { return nil }
            return .map(key: NftNode(key), data: NftNode(data))
        case "numgen":
            guard let mode = value["mode"]?.string, let modulus = value["mod"]?.int,
                let modulus = UInt32(exactly: modulus), let offset = UInt32(exactly: value["offset"]?.int ?? 0)
            else { return nil }
            return .numgen(isRandom: mode == "random", modulus: modulus, offset: offset)
        case "&", "|", "^", "<<", ">>": return binary(key, value)
        default:
            if let verdict = NftVerdict(key, value) { return .verdict(verdict) }
            return selector(key, value)
        }
    }

    private static func binary(_ key: String, _ value: NftJSON) -> NftNode? {
        guard let operation = NftBinary(rawValue: key) else { return nil }
        let operands = value.elements
        guard (2...16).contains(operands.count) else { return nil }
        return operands.dropFirst().reduce(NftNode(operands[0])) { .binary(operation, $0, NftNode($1)) }
    }

    private static func selector(_ key: String, _ value: NftJSON) -> NftNode? {
        switch key {
        case "payload":
            if let name = value["protocol"]?.string, let field = value["field"]?.string {
                return .selector(name + " " + field)
            }
            guard let base = value["base"]?.string, let offset = value["offset"]?.int, let length = value["len"]?.int
            else { return nil }
            return .other("@\(base),\(offset),\(length)")
        case "meta", "rt", "socket", "osf", "ipsec":
            return value["key"]?.string.map { .selector(key + " " + $0) }
        case "ct":
            guard let name = value["key"]?.string else { return nil }
            let family = value["family"]?.string.map { $0 + " " } ?? ""
            return .selector("ct " + (value["dir"]?.string.map { $0 + " " } ?? "") + family + name)
        case "fib":
            guard let result = value["result"]?.string else { return nil }
            return .selector(fib(value["flags"]?.words ?? [], result))
        case "tcp option", "ip option", "exthdr", "sctp chunk", "dccp option":
            guard let name = value["name"]?.string else { return nil }
            return .selector(key + " " + name + (value["field"]?.string.map { " " + $0 } ?? ""))
        default: return nil
        }
    }

    /// `fib saddr . iif oif`, whatever order the flags come in.
    static func fib(_ flags: [String], _ result: String) -> String {
        let order = ["saddr", "daddr", "mark", "iif", "oif"]
        let known = order.filter { flags.contains($0) } + flags.filter { !order.contains($0) }
        return "fib " + known.joined(separator: " . ") + " " + result
    }
}

extension NftItem {
    /// Elements: `1`, `{"elem": {"val": 1, "timeout": 5}}`, and of a map pairs of a key and what it yields.
    static func items(_ json: NftJSON, line: UInt32) -> [NftItem] {
        json.elements.map { element in
            if case .array(let pair) = element, pair.count == 2 {
                return NftItem(key: key(pair[0]), data: NftNode(pair[1]), line: line)
            }
            return NftItem(key: key(element), data: nil, line: line)
        }
    }

    private static func key(_ json: NftJSON) -> NftNode? {
        let node = NftNode(json)
        return node == .word("*") ? nil : node
    }
}

extension NftVerdict {
    init?(_ key: String, _ value: NftJSON) {
        switch key {
        case "accept": self = .accept
        case "drop": self = .drop
        case "return": self = .return
        case "continue": self = .continue
        case "jump", "goto":
            guard let target = value["target"]?.string else { return nil }
            self = key == "jump" ? .jump(target) : .goto(target)
        default: return nil
        }
    }
}

/// The JSON form of statements.
extension NftStatement {
    /// `nil` for a statement that says nothing: the comment of iptables.
    init?(_ json: NftJSON) {
        guard let (key, value) = json.only else {
            self = .unmodelled(json.description)
            return
        }
        guard let statement = Self.statement(key, value) else {
            self = .unmodelled(json.description)
            return
        }
        if statement == .transparent("xt match comment") { return nil }
        self = statement
    }

    private static func statement(_ key: String, _ value: NftJSON) -> NftStatement? {
        if let verdict = NftVerdict(key, value) { return .verdict(verdict) }
        switch key {
        case "match":
            guard let left = value["left"], let right = value["right"] else { return nil }
            let word = value["op"]?.string ?? "=="
            guard let operation = word == "in" ? .implicit : NftOperator(rawValue: word) else { return nil }
            return .match(NftNode(left), operation, NftNode(right))
        case "vmap":
            guard let key = value["key"], let data = value["data"] else { return nil }
            return .verdictMap(key: NftNode(key), data: NftNode(data))
        case "mangle":
            guard let key = value["key"], let data = value["value"] else { return nil }
            return .assign(NftNode(key).description, NftNode(data))
        case "limit", "quota", "ct count": return limit(key, value).map { .limit($0) }
        case "counter":
            return .transparent(value.string.map { "counter name \"\($0)\"" } ?? "counter")
        case "log": return .transparent(log(value))
        case "last": return .transparent("last")
        case "comment": return .transparent("comment")
        case "dnat", "snat", "masquerade", "redirect": return nat(key, value).map { .nat($0) }
        case "reject":
            return .reject(type: value["type"]?.string ?? "", code: value["expr"]?.word ?? "")
        case "tproxy":
            return .tproxy(
                family: value["family"]?.string ?? "", address: value["addr"].map { NftNode($0) },
                port: value["port"].map { NftNode($0) })
        case "notrack": return .notrack
        case "queue": return .queue(queue(value))
        case "set", "map": return update(key, value)
        case "ct helper", "ct timeout", "ct expectation":
            return .conntrackAssign("\(key) set \"\(value.word ?? value.description)\"")
        case "xt": return xt(value)
        default: return nil
        }
    }

    private static func limit(_ key: String, _ value: NftJSON) -> NftLimit? {
        let kind: NftLimit.Kind = key == "limit" ? .limit : key == "quota" ? .quota : .connections
        if let object = value.string {
            return NftLimit(kind: kind, matchesBelow: nil, object: object, text: "\(key) name \"\(object)\"")
        }
        let over = value["inv"]?.isTrue ?? false
        var text = key
        switch kind {
        case .limit:
            guard let rate = value["rate"]?.word else { return nil }
            let unit = value["rate_unit"]?.string.map { $0 == "packets" ? "" : " " + $0 } ?? ""
            text += " rate " + (over ? "over " : "") + rate + unit + "/" + (value["per"]?.string ?? "second")
        case .quota:
            text += (over ? " over " : " ") + (value["val"]?.word ?? "?") + " " + (value["val_unit"]?.string ?? "bytes")
        case .connections, .other:
            text += (over ? " over " : " ") + (value["val"]?.word ?? "?")
        }
        return NftLimit(kind: kind, matchesBelow: !over, object: nil, text: text)
    }

    private static func log(_ value: NftJSON) -> String {
        var text = "log"
        if let prefix = value["prefix"]?.string { text += " prefix \"\(prefix)\"" }
        if let group = value["group"]?.word { text += " group " + group }
        if let level = value["level"]?.string { text += " level " + level }
        if let flags = value["flags"]?.words, !flags.isEmpty { text += " flags " + flags.joined(separator: ",") }
        return text
    }

    private static func nat(_ key: String, _ value: NftJSON) -> NftNAT? {
        guard let kind = NftNAT.Kind(rawValue: key) else { return nil }
        let typeFlags = value["type_flags"]?.words ?? []
        return NftNAT(
            kind: kind, family: value["family"]?.string ?? "", address: value["addr"].map { NftNode($0) },
            port: value["port"].map { NftNode($0) }, flags: value["flags"]?.words ?? [],
            isPrefix: typeFlags.contains("prefix"))
    }

    private static func queue(_ value: NftJSON) -> String {
        var text = "queue"
        if let flags = value["flags"]?.words, !flags.isEmpty { text += " flags " + flags.joined(separator: ",") }
        if let number = value["num"] { text += " to \(NftNode(number))" }
        return text
    }

    private static func update(_ key: String, _ value: NftJSON) -> NftStatement? {
        guard let operation = value["op"]?.string, let name = value[key]?.string, name.hasPrefix("@"),
            let element = value["elem"]
        else { return nil }
        var conditions: [NftLimit] = []
        var words = ["\(operation) \(name) { \(NftNode(element))"]
        for statement in value["stmt"]?.elements ?? [] {
            guard let (key, value) = statement.only else { return nil }
            switch key {
            case "limit", "quota", "ct count":
                guard let limit = limit(key, value) else { return nil }
                conditions.append(limit)
                words.append(limit.text)
            case "counter", "last": words.append(key)
            default: return nil
            }
        }
        let data = value["data"].map { " : \(NftNode($0))" } ?? ""
        return .update(
            set: String(name.dropFirst()), conditions: conditions, text: words.joined(separator: " ") + data + " }")
    }

    private static func xt(_ value: NftJSON) -> NftStatement? {
        guard let type = value["type"]?.string, let name = value["name"]?.string else { return nil }
        return xt(isMatch: type == "match", name)
    }

    /// An extension of iptables, of which nft says no more than the name.
    static func xt(isMatch: Bool, _ name: String) -> NftStatement {
        let text = "xt \(isMatch ? "match" : "target") \(name)"
        switch (isMatch, name) {
        case (true, "comment"): return .transparent(text)
        case (true, "nfacct"): return .alwaysMatch(text)
        case (true, _): return .unmodelledMatch(text)
        case (false, "LOG"), (false, "NFLOG"), (false, "TRACE"), (false, "CHECKSUM"), (false, "AUDIT"):
            return .transparent(text)
        case (false, _): return .unmodelled(text)
        }
    }
}
