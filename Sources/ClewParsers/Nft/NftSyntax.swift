/// An expression of nft, as the text and the JSON form both write it.
///
/// Symbols are not looked up yet: that needs the type of what they are compared with (``NftDatatype``).
indirect enum NftNode: Sendable, Hashable {
    /// A symbol, number, address or name.
    case word(String)
    /// `exists` and `missing`.
    case presence(Bool)
    case prefix(NftNode, length: UInt8)
    case range(NftNode, NftNode)
    /// Flags parted by commas.
    case list([NftNode])
    /// An anonymous set or map.
    case set([NftItem])
    /// `@name`
    case setName(String)
    case concat([NftNode])
    /// What a packet or its connection is asked for, in nft's words: `ip saddr`, `meta mark`, `fib daddr type`.
    case selector(String)
    case binary(NftBinary, NftNode, NftNode)
    case numgen(isRandom: Bool, modulus: UInt32, offset: UInt32)
    /// `key map data`
    case map(key: NftNode, data: NftNode)
    case verdict(NftVerdict)
    /// An expression with no meaning here, as text.
    case other(String)
}

enum NftBinary: String, Sendable, Hashable {
    case and = "&"
    case or = "|"
    case xor = "^"
    case shiftLeft = "<<"
    case shiftRight = ">>"
}

enum NftVerdict: Sendable, Hashable {
    case accept, drop, `return`, `continue`
    case jump(String)
    case goto(String)
}

/// An element as it is written; a key of `nil` is the catch-all `*`.
struct NftItem: Sendable, Hashable {
    var key: NftNode?
    var data: NftNode?
    var line: UInt32
}

/// How a match compares.
enum NftOperator: String, Sendable, Hashable {
    /// No operator: equality, but for a bit mask any common bit.
    case implicit = ""
    case equal = "=="
    case notEqual = "!="
    /// `!`: no common bit.
    case lacks = "!"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
}

/// What a rule consists of.
enum NftStatement: Sendable, Hashable {
    case match(NftNode, NftOperator, NftNode)
    /// `limit`, `quota`, `ct count`: depends on packets before this one.
    case limit(NftLimit)
    /// A match of which only the text is kept.
    case unmodelledMatch(String)
    /// `xt match nfacct` and the like.
    case alwaysMatch(String)
    case verdict(NftVerdict)
    case verdictMap(key: NftNode, data: NftNode)
    /// `meta mark set …`, `ip dscp set …`
    case assign(String, NftNode)
    case nat(NftNAT)
    case reject(type: String, code: String)
    case tproxy(family: String, address: NftNode?, port: NftNode?)
    case notrack
    /// `ct zone set`, `ct helper set` …
    case conntrackAssign(String)
    /// `update @set { … }`, with the conditions inside.
    case update(set: String, conditions: [NftLimit], text: String)
    /// Counters, logs, traces: the verdict is not changed.
    case transparent(String)
    case queue(String)
    /// A statement with an effect that is not modelled.
    case unmodelled(String)
}

/// A condition on how many packets came before.
struct NftLimit: Sendable, Hashable {
    enum Kind: Sendable, Hashable { case limit, quota, connections, other }
    var kind: Kind
    /// False for `over`; `nil` where a named object says it.
    var matchesBelow: Bool?
    /// The named object.
    var object: String?
    var text: String
}

struct NftNAT: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable { case dnat, snat, masquerade, redirect }
    var kind: Kind
    /// `ip`, `ip6`, or empty.
    var family = ""
    var address: NftNode?
    var port: NftNode?
    var flags: [String] = []
    /// `dnat ip prefix to`.
    var isPrefix = false
}

/// A rule as it is written.
struct NftRule: Sendable {
    var statements: [NftStatement] = []
    var comment: String?
    var line: UInt32
}

// MARK: - Text

extension NftNode: CustomStringConvertible {
    var description: String {
        switch self {
        case .word(let word): word
        case .presence(let exists): exists ? "exists" : "missing"
        case .prefix(let address, let length): "\(address)/\(length)"
        case .range(let first, let last): "\(first)-\(last)"
        case .list(let nodes): nodes.map(\.description).joined(separator: ",")
        case .set(let items): items.isEmpty ? "{ }" : "{ " + items.map(\.description).joined(separator: ", ") + " }"
        case .setName(let name): "@" + name
        case .concat(let nodes): nodes.map(\.description).joined(separator: " . ")
        case .selector(let name): Self.short(name)
        case .binary(let operation, let left, let right): "\(left) \(operation.rawValue) \(right)"
        case .numgen(let isRandom, let modulus, let offset):
            "numgen \(isRandom ? "random" : "inc") mod \(modulus)" + (offset == 0 ? "" : " offset \(offset)")
        case .map(let key, let data): "\(key) map \(data)"
        case .verdict(let verdict): verdict.description
        case .other(let text): text
        }
    }

    /// nft leaves `meta` away before the keys of interfaces.
    private static func short(_ selector: String) -> String {
        guard selector.hasPrefix("meta iif") || selector.hasPrefix("meta oif") else { return selector }
        return String(selector.dropFirst(5))
    }
}

extension NftItem: CustomStringConvertible {
    var description: String { (key?.description ?? "*") + (data.map { " : \($0)" } ?? "") }
}

extension NftVerdict: CustomStringConvertible {
    var description: String {
        switch self {
        case .accept: "accept"
        case .drop: "drop"
        case .return: "return"
        case .continue: "continue"
        case .jump(let chain): "jump " + chain
        case .goto(let chain): "goto " + chain
        }
    }
}

extension NftNAT: CustomStringConvertible {
    var description: String {
        var words = [kind.rawValue]
        if !family.isEmpty { words.append(family) }
        if isPrefix { words.append("prefix") }
        if address != nil || port != nil { words.append("to") }
        let host = address.map { family == "ip6" && port != nil ? "[\($0)]" : $0.description }
        if let port {
            words.append((host ?? "") + ":\(port)")
        } else if let host {
            words.append(host)
        }
        if !flags.isEmpty { words.append(flags.joined(separator: ",")) }
        return words.joined(separator: " ")
    }
}

extension NftStatement: CustomStringConvertible {
    var description: String {
        switch self {
        case .match(let left, let operation, let right):
            operation == .implicit || operation == .equal
                ? "\(left) \(right)" : "\(left) \(operation.rawValue) \(right)"
        case .limit(let limit): limit.text
        case .unmodelledMatch(let text), .alwaysMatch(let text), .conntrackAssign(let text), .transparent(let text),
            .queue(let text), .unmodelled(let text):
            text
        case .verdict(let verdict): verdict.description
        case .verdictMap(let key, let data): "\(key) vmap \(data)"
        case .assign(let key, let value): "\(key) set \(value)"
        case .nat(let nat): nat.description
        case .reject(let type, let code):
            type.isEmpty ? "reject" : "reject with " + type + (code.isEmpty ? "" : " " + code)
        case .tproxy(let family, let address, let port):
            "tproxy " + (family.isEmpty ? "" : family + " ") + "to " + (address?.description ?? "")
                + (port.map { ":\($0)" } ?? "")
        case .notrack: "notrack"
        case .update(_, _, let text): text
        }
    }
}

extension NftRule {
    /// The rule as nft would print it.
    var text: String {
        (statements.map(\.description) + (comment.map { ["comment \"\($0)\""] } ?? [])).joined(separator: " ")
    }
    /// Whether a statement decides over the packet, or could.
    var hasVerdict: Bool {
        statements.contains { statement in
            switch statement {
            case .verdict, .verdictMap, .nat, .reject, .tproxy, .queue, .unmodelled: true
            case .match, .limit, .unmodelledMatch, .alwaysMatch, .assign, .notrack, .conntrackAssign, .update,
                .transparent:
                false
            }
        }
    }
}
