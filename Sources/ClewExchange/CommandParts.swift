/// How much of what there is a command asked for.
struct CommandParts {
    /// From the whole to the part: a table, then a chain or what else was chosen of it; empty: everything.
    private(set) var path: [String] = []
    /// The table that the output itself does not name.
    private(set) var table: String?

    /// `nil` for a part that could not be told from the whole again.
    init?(_ program: String, _ arguments: [String], file: String) {
        let plain = arguments.filter { !$0.hasPrefix("-") }
        switch program {
        case "ip":
            let families = arguments.filter { $0 == "-4" || $0 == "-6" }
            let isTable = file.hasPrefix("ip-route") || file.hasPrefix("ip-6-route")
            let isOfBoth = !isTable && !file.contains("ip-6-") && !file.hasPrefix("ip-rule")
            path = isOfBoth ? families : []
            let verbs = ["show", "list", "ls", "lst", "sh", "s"]
            var chosen = Array(plain.dropFirst())
            if let verb = chosen.first, verbs.contains(verb) { chosen.removeFirst() }
            if isTable {
                guard takeRoutes(chosen, isJSON: file.hasSuffix(".json")) else { return nil }
            } else if !chosen.isEmpty, !file.hasPrefix("xfrm") {
                path.append(chosen.filter { $0 != "dev" }.joined(separator: " "))
            }
        case "bridge":
            let chosen = plain.dropFirst().drop { ["show", "list", "sh", "s"].contains($0) }
            if !chosen.isEmpty { path = [chosen.joined(separator: " ")] }
        case "nft": path = Array(plain.dropFirst(2))
        case "ipset": path = Array(plain.drop { ["save", "list"].contains($0) })
        case "sysctl":
            if arguments.isEmpty || !plain.isEmpty { path = [plain.joined(separator: " ")] }
        case "conntrack":
            let chosen = OptionWords(arguments, withValue: "o", mixed: true)
            let others = chosen.flags.filter { !["-L", "--dump", "-n", "-o", "--any-nat"].contains($0) }
            if !others.isEmpty { path = [(others + chosen.rest).joined(separator: " ")] }
        default: takeRules(program, arguments)
        }
    }

    /// `ip route`: the table `main`, or the one that is named.
    private mutating func takeRoutes(_ words: [String], isJSON: Bool) -> Bool {
        var chosen = words
        var name = "main"
        if let option = words.firstIndex(of: "table"), option + 1 < words.count {
            name = words[option + 1]
            chosen.removeSubrange(option...(option + 1))
        }
        chosen.removeAll { $0 == "table" }
        if name == "254" { name = "main" }
        if name != "all" { path = [name] }
        if !chosen.isEmpty { path += (name == "all" ? ["all"] : []) + [chosen.joined(separator: " ")] }
        guard name != "main", name != "all" else { return true }
        table = name
        // Nothing in it says of which table it is.
        return !isJSON
    }

    private mutating func takeRules(_ program: String, _ arguments: [String]) {
        guard program.hasPrefix("iptables") || program.hasPrefix("ip6tables") else { return }
        let isSave = program.hasSuffix("-save")
        var name: String?
        var chain: String?
        var index = 0
        while index < arguments.count {
            let word = arguments[index]
            let next = index + 1 < arguments.count ? arguments[index + 1] : nil
            index += 1
            if word == "-t" || word == "--table" {
                name = next
                index += 1
            } else if word.hasPrefix("--table=") {
                name = String(word.dropFirst(8))
            } else if word.hasPrefix("-t"), word.count > 2 {
                name = String(word.dropFirst(2))
            } else if !word.hasPrefix("-"), !isSave {
                chain = chain ?? word
            } else if !isSave, !word.hasPrefix("--"), word.contains("t"), word.last == "t" {
                name = next
                index += 1
            }
        }
        if isSave {
            path = name.map { [$0] } ?? []
        } else {
            table = name ?? "filter"
            path = [table ?? "filter"] + (chain.map { [$0] } ?? [])
        }
    }
}

extension CommandGuess.Answer {
    /// The output as the file's content: with the name of its table, where the command alone says it.
    func content(_ output: [UInt8]) -> [UInt8] {
        guard let table else { return output }
        let text = String(decoding: output, as: UTF8.self)
        guard file.hasPrefix("ip-") else {
            return Array("*\(table)\n\(text)\(text.hasSuffix("\n") ? "" : "\n")COMMIT\n".utf8)
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            // Lines of further next hops are indented.
            guard let first = line.first, !first.isWhitespace, !line.contains(" table ") else { return String(line) }
            return line + (line.last == " " ? "" : " ") + "table \(table)"
        }
        return Array(lines.joined(separator: "\n").utf8)
    }
}
