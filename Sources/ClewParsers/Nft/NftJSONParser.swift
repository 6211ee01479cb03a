import ClewBundle
import ClewSnapshot

/// Reads what `nft -j list ruleset` prints.
struct NftJSONParser {
    private var builder: NftBuilder
    private var reader: JSONReader
    private var lines: LineCounter
    private let bytes: [UInt8]
    /// The table of the object read last, whose rules may be cut off.
    private var table: TableID?

    init(_ bytes: [UInt8], artifact: ArtifactID) {
        self.bytes = bytes
        builder = NftBuilder(bytes, artifact: artifact)
        reader = JSONReader(bytes)
        lines = LineCounter(bytes)
    }

    consuming func parse() -> ParsedRuleSet {
        do throws(JSONError) {
            try readAll()
        } catch {
            let line = lines.line(atOffset: error.offset)
            builder.unread(line: line, excerpt(from: error.offset), error.description)
            if let table { builder.markCut(chainsOf: table) }
        }
        return builder.finish(lines: LineCounter.lines(in: bytes))
    }

    private func excerpt(from offset: Int) -> String {
        let start = max(0, min(offset, bytes.count))
        return String(decoding: bytes[start..<min(start + 400, bytes.count)], as: UTF8.self)
    }

    private mutating func readAll() throws(JSONError) {
        try reader.beginObject()
        while let key = try reader.nextKey() {
            guard reader.isEqual(key, "nftables") else {
                let name = try reader.string(of: key)
                builder.unread(line: lines.line(atOffset: key.start), name, "not a ruleset")
                try reader.skipValue()
                continue
            }
            try reader.beginArray()
            while try reader.nextElement() {
                _ = reader.peek()
                let offset = reader.offset
                let object = try NftJSON(reading: &reader)
                read(object, offset: offset)
            }
        }
        guard reader.isAtEnd() else { throw JSONError(.expected("the end of the text"), at: reader.offset) }
    }

    private mutating func read(_ object: NftJSON, offset: Int) {
        let line = lines.line(atOffset: offset)
        if let (key, value) = object.only, let reason = readObject(key, value, line) {
            builder.unread(line: line, excerpt(from: offset), reason)
        } else if object.only == nil {
            builder.unread(line: line, excerpt(from: offset), "not an object of a ruleset")
        }
    }

    /// Why an object was not read, or `nil`.
    private mutating func readObject(_ key: String, _ value: NftJSON, _ line: UInt32) -> String? {
        switch key {
        case "metainfo": return nil
        case "add", "create":
            guard let (key, value) = value.only, key != "add", key != "create" else {
                return "not an object of a ruleset"
            }
            return readObject(key, value, line)
        case "table":
            guard let name = value["name"]?.string, let table = table(value, name, line) else { return "no table" }
            // nft 1.0.6 prints the first letter only.
            if value["flags"]?.words.contains(where: { !$0.isEmpty && "dormant".hasPrefix($0) }) == true {
                builder.setDormant(table)
            }
            return nil
        case "chain", "rule", "set", "map", "element", "limit", "quota":
            guard let name = value["table"]?.string, let table = table(value, name, line) else { return "no table" }
            self.table = table
            return readMember(key, value, table, line)
        case "counter", "ct helper", "ct timeout", "ct expectation", "flowtable", "synproxy", "secmark", "tunnel":
            return nil
        case "delete", "destroy", "flush", "replace", "reset", "rename", "insert":
            builder.doubtEverything("\(key) \(value)", line: line)
            return "a change that is not followed"
        default: return "unknown object"
        }
    }

    private mutating func table(_ value: NftJSON, _ name: String, _ line: UInt32) -> TableID? {
        guard let family = value["family"]?.string.flatMap(NftBuilder.family) else { return nil }
        return builder.table(name, family, line: line)
    }

    private mutating func readMember(_ key: String, _ value: NftJSON, _ table: TableID, _ line: UInt32) -> String? {
        switch key {
        case "rule":
            guard let chain = value["chain"]?.string else { return "no chain" }
            let statements = value["expr"]?.elements.compactMap { NftStatement($0) } ?? []
            let rule = NftRule(statements: statements, comment: value["comment"]?.string, line: line)
            builder.add(rule, to: builder.chain(chain, in: table, line: line))
            return nil
        case "chain":
            guard let name = value["name"]?.string else { return "no name" }
            readChain(value, name, table, line)
            return nil
        case "element":
            guard let name = value["name"]?.string else { return "no name" }
            let set = builder.set(name, in: table, line: line)
            builder.addElements(NftItem.items(value["elem"] ?? .null, line: line), to: set)
            return nil
        case "set", "map":
            guard let name = value["name"]?.string else { return "no name" }
            readSet(value, name, table, line)
            return nil
        default:
            guard let name = value["name"]?.string else { return "no name" }
            builder.setLimit(
                key == "limit" ? .limit : .quota, name, in: table, matchesBelow: !(value["inv"]?.isTrue ?? false))
            return nil
        }
    }

    private mutating func readChain(_ value: NftJSON, _ name: String, _ table: TableID, _ line: UInt32) {
        let chain = builder.declareChain(name, in: table, line: line)
        guard let hook = value["hook"]?.string else { return }
        var syntax = NftBuilder.HookSyntax()
        syntax.type = value["type"]?.string ?? ""
        syntax.hook = hook
        syntax.priority = value["prio"]?.int.flatMap { Int32(exactly: $0) }
        syntax.policyAccepts = value["policy"]?.string != "drop"
        let devices = value["dev"]?.words ?? []
        syntax.text =
            "type \(syntax.type) hook \(hook)" + devices.map { " device \($0)" }.joined()
            + " priority \(value["prio"]?.word ?? "?")"
        builder.setHook(syntax, of: chain)
        switch value["policy"]?.string {
        case nil, "accept": break
        case "drop": builder.setPolicy(accepts: false, of: chain)
        default: builder.markCut(chain)
        }
    }

    private mutating func readSet(_ value: NftJSON, _ name: String, _ table: TableID, _ line: UInt32) {
        let flags = value["flags"]?.words ?? []
        let isDynamic = flags.contains("dynamic") || flags.contains("timeout") || value["timeout"] != nil
        let set = builder.declareSet(
            name, in: table, key: types(value["type"], table), data: types(value["map"], table), isDynamic: isDynamic,
            line: line)
        if let elements = value["elem"] { builder.addElements(NftItem.items(elements, line: line), to: set) }
    }

    /// `"ipv4_addr"`, `["ipv4_addr", "inet_service"]`, `"ipv4_addr . inet_service"`, `{"typeof": …}`.
    private func types(_ json: NftJSON?, _ table: TableID) -> [NftDatatype] {
        guard let json else { return [] }
        if let expression = json["typeof"] { return builder.types(of: NftNode(expression), in: table) }
        return json.words.flatMap { $0.split(separator: " ").filter { $0 != "." } }.map {
            NftDatatype(name: String($0))
        }
    }
}

extension NftBuilder {
    /// The types of an expression, as `typeof` asks for them.
    func types(of node: NftNode, in table: TableID) -> [NftDatatype] {
        switch node {
        case .concat(let parts): parts.flatMap { types(of: $0, in: table) }
        case .selector(let name): [column(name, in: table)?.type ?? .other]
        case .verdict, .word("verdict"): [.verdict]
        case .numgen: [.number]
        case .binary(_, let left, _): types(of: left, in: table)
        case .word, .presence, .prefix, .range, .list, .set, .setName, .map, .other: [.other]
        }
    }
}
