import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads the text of `ip route` (iproute2 `ip/iproute.c`, `print_route()`).
struct RouteText {
    private var reader: WordReader
    private let family: AddressFamily?
    private var table: RoutingTableID?
    private var drafts: [(draft: RouteDraft, source: SourceLine, text: String, table: RoutingTableID?)] = []
    private var unknownTables: Set<String> = []

    init(_ bytes: [UInt8], artifact: ArtifactID, family: AddressFamily?, table: RoutingTableID?) {
        reader = WordReader(bytes, artifact: artifact)
        self.family = family
        self.table = table
    }

    mutating func parse() -> ParsedList<Route> {
        while let word = reader.current {
            if reader.atCommand {
                readCommand()
            } else if word.startsRemark {
                reader.skipRemark { $0.routeEntry(at: $1) != nil || $0.isKernelTable(at: $1) }
            } else if reader.isKernelTable(at: reader.index) {
                var rows = KernelRouteTable()
                rows.read(&reader)
                drafts += rows.drafts.map { ($0.draft, $0.source, $0.text, nil) }
            } else if let entry = reader.routeEntry(at: reader.index) {
                read(entry)
            } else {
                reader.skipUnread("no route begins with \"\(word.text)\"")
            }
        }
        let routes = self.routes()
        return ParsedList(values: routes, unread: reader.finish(), lines: reader.lines)
    }

    private func routes() -> [Route] {
        let printsTables = drafts.contains { $0.draft.table != nil }
        return drafts.map { item in
            var draft = item.draft
            if draft.table == nil { draft.table = item.table }
            if draft.table == nil, !printsTables, draft.livesInLocalTable { draft.table = .local }
            return Route(draft, family: family, source: item.source, text: item.text)
        }
    }

    /// Moves past an echoed command and, if it is no listing of routes, past what it printed.
    private mutating func readCommand() {
        let command = reader.skipCommand { $0.routeEntry(at: $1) != nil || $0.isKernelTable(at: $1) }
        guard let object = command.firstIndex(where: { "routes".hasPrefix($0) && $0 != "" }) else { return }
        let verb = object + 1 < command.count ? command[object + 1] : ""
        if let at = command.firstIndex(of: "table"), at + 1 < command.count, command[at + 1] != "all" {
            table = RouteNames.table(command[at + 1]).id
        } else {
            table = nil
        }
        switch verb {
        case "get", "g":
            reader.skipOutput(wholeCommand: true, "the answer of a lookup, not an entry of a table")
        case "add", "a", "del", "delete", "d", "replace", "change", "append", "flush", "test":
            reader.skipOutput(wholeCommand: false, "a command, not an entry of a table")
        default: break
        }
    }

    private mutating func read(_ entry: RouteEntry) {
        let start = reader.index
        var draft = RouteDraft(entry.destination, type: entry.type)
        reader.index = entry.options
        while let word = reader.current, word.role == .text {
            let isNewLine = word.startsLine && !word.isIndented && word.text != "nexthop"
            if isNewLine || reader.routeEntry(at: reader.index) != nil { break }
            if word.startsRemark {
                finish(draft, start..<reader.index)
                reader.skipRemark { $0.routeEntry(at: $1) != nil }
                return
            }
            let before = reader.index
            switch draft.readOption(&reader) {
            case .read: break
            case .unknownTable(let name): noteTable(name, before)
            case .notAnOption:
                if word.startsLine {
                    finish(draft, start..<reader.index)
                    return
                }
                reader.skipUnread("\"\(word.text)\" is no word of a route that is known here")
            case .unreadable(let reason):
                skipEntry(start, reason)
                return
            }
        }
        finish(draft, start..<reader.index)
    }

    private mutating func noteTable(_ name: String, _ position: Int) {
        guard unknownTables.insert(name).inserted else { return }
        reader.note(
            position..<position + 2, "routing table \"\(name)\" is a name of this node; its number is not known")
    }

    private mutating func finish(_ draft: RouteDraft, _ range: Range<Int>) {
        var draft = draft
        if draft.isInHop { draft.closeHop() }
        drafts.append((draft, reader.source(reader.words[range.lowerBound]), reader.text(range), table))
    }

    /// An entry without a readable gateway or table is no entry: gives up on it up to the next one.
    private mutating func skipEntry(_ start: Int, _ reason: String) {
        while let word = reader.current, word.role == .text, !word.startsLine,
            reader.routeEntry(at: reader.index) == nil
        {
            reader.index += 1
        }
        reader.note(start..<reader.index, reason)
    }
}

/// The beginning of an entry.
struct RouteEntry {
    let type: RouteType
    let destination: RouteDestination
    /// Where the options begin.
    let options: Int
}

extension WordReader {
    /// The entry that begins at a word: a type, a destination, and something that can stand behind one.
    func routeEntry(at position: Int) -> RouteEntry? {
        guard let word = word(position), word.role == .text else { return nil }
        var type = RouteType.unicast
        var at = position
        if let named = RouteType(rawValue: word.text) {
            guard neighbor(of: at) != nil else { return nil }
            type = named
            at += 1
        }
        guard let destination = RouteDestination(words[at].text) else { return nil }
        if let next = neighbor(of: at) {
            if isRouteOption(at: at + 1, next) {
                return RouteEntry(type: type, destination: destination, options: at + 1)
            }
        } else if let next = self.word(at + 1), next.text == "nexthop" {
            return RouteEntry(type: type, destination: destination, options: at + 1)
        }
        guard type.needsNoDevice else { return nil }
        return RouteEntry(type: type, destination: destination, options: at + 1)
    }

    /// Whether a word is an option of a route with a value that fits, so that prose with the same word is none.
    private func isRouteOption(at position: Int, _ word: Word) -> Bool {
        switch word.text {
        case "via":
            guard let value = neighbor(of: position) else { return false }
            return value.text == "inet6" || value.text == "inet" || IPAddress(value.text) != nil
        case "dev", "proto", "scope", "table", "metric", "nhid", "tos", "dsfield", "encap", "src", "from", "realm",
            "realms":
            return neighbor(of: position) != nil
        case "onlink", "linkdown", "dead", "nexthop": return true
        default: return false
        }
    }
}

extension RouteType {
    /// `blackhole 10.0.0.0/8` is a whole entry.
    var needsNoDevice: Bool {
        switch self {
        case .blackhole, .unreachable, .prohibit, .throw: true
        case .unicast, .local, .broadcast, .anycast, .multicast, .nat: false
        }
    }
}
