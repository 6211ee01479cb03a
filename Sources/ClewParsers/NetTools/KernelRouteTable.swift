import ClewBundle
import ClewNet
import ClewSnapshot

extension WordReader {
    /// Whether the header of `route` or `netstat -r` begins here.
    func isKernelTable(at position: Int) -> Bool {
        guard let first = word(position)?.text else { return false }
        if first == "Kernel" {
            guard let family = word(position + 1)?.text, let third = word(position + 2)?.text else { return false }
            return (family == "IP" || family == "IPv6") && third == "routing"
        }
        guard first == "Destination", let second = word(position + 1)?.text else { return false }
        return second == "Gateway" || second == "Next"
    }
}

/// Reads the tables of `route -n`, `route -6 -n` and `netstat -rn` (net-tools `lib/inet_gr.c`, `lib/inet6_gr.c`).
///
/// Of IPv4 they print table `main` alone, and of an equal-cost route only the first next hop. Of IPv6 they print all
/// tables without their names; local addresses and multicast are told by their form.
struct KernelRouteTable {
    private(set) var drafts: [(draft: RouteDraft, source: SourceLine, text: String)] = []
    private static let columnNames: Set<String> = [
        "Destination", "Gateway", "Genmask", "Flags", "Metric", "Ref", "Use", "Iface", "MSS", "Window", "irtt",
        "Next", "Hop", "Flag", "Met", "If", "Expire",
    ]

    /// Reads a header and the rows below it, up to a word that begins no row.
    mutating func read(_ reader: inout WordReader) {
        if reader.current?.text == "Kernel" { reader.index += 1 }
        while let word = reader.current, word.role == .text,
            ["IP", "IPv6", "routing", "table"].contains(word.text)
        {
            reader.index += 1
        }
        var columns: [String] = []
        while let word = reader.current, word.role == .text, Self.columnNames.contains(word.text) {
            if word.text != "Hop" { columns.append(word.text == "Next" ? "Gateway" : word.text) }
            reader.index += 1
        }
        guard columns.count >= 5, columns.first == "Destination" else { return }
        while let row = row(reader, columns) {
            switch draft(row.cells) {
            case .success(let draft):
                drafts.append((draft, reader.source(reader.words[row.range.lowerBound]), reader.text(row.range)))
            case .failure(let error): reader.note(row.range, error.reason)
            }
            reader.index = row.range.upperBound
        }
    }

    /// The words of a row by their column; `nil` where no row begins.
    private func row(_ reader: WordReader, _ columns: [String]) -> (cells: [String: String], range: Range<Int>)? {
        guard let first = reader.current, first.role == .text, !first.startsRemark else { return nil }
        var cells: [String: String] = [:]
        for (offset, column) in columns.enumerated() {
            guard let word = reader.word(reader.index + offset), word.role == .text, word.line == first.line else {
                return nil
            }
            cells[column] = word.text
        }
        let flags = cells["Flags"] ?? cells["Flag"] ?? ""
        guard let mark = flags.utf8.first, mark == UInt8(ascii: "U") || mark == UInt8(ascii: "!") else { return nil }
        return (cells, reader.index..<reader.index + columns.count)
    }

    private func draft(_ cells: [String: String]) -> Result<RouteDraft, FieldError> {
        guard let destination = destination(cells) else {
            return .failure(FieldError("\"\(cells["Destination"] ?? "")\" is no destination"))
        }
        let flags = cells["Flags"] ?? cells["Flag"] ?? ""
        var draft = RouteDraft(destination, type: .unicast)
        let device = cells["Iface"] ?? cells["If"] ?? ""
        if flags.contains("!") {
            draft.type = .unreachable
        } else if device == "*" {
            // A blackhole has no device, and no flag of its own.
            draft.type = .blackhole
        } else if flags.contains("n"), case .prefix(let prefix) = destination, prefix.length == 128 {
            draft.type = .local
            draft.table = .local
        } else if case .prefix(let prefix) = destination, prefix.family == .ipv6, prefix.address.isMulticast {
            draft.type = .multicast
            draft.table = .local
        }
        if device != "*", device != "-" { draft.hop.device = device }
        if flags.contains("G") {
            switch gateway(cells["Gateway"] ?? "") {
            case .success(let gateway): draft.hop.gateway = gateway
            case .failure(let error): return .failure(error)
            }
        }
        let isIPv6 = destination.family == .ipv6
        if let text = cells["Metric"] ?? cells["Met"] {
            draft.metric = text == "-1" ? .max : UInt32(text) ?? (isIPv6 ? 1024 : 0)
        }
        return .success(draft)
    }

    private func destination(_ cells: [String: String]) -> RouteDestination? {
        let text = cells["Destination"] ?? ""
        guard let maskText = cells["Genmask"] else {
            return text == "[::]/0" || text == "default" ? .prefix(.all(.ipv6)) : RouteDestination(unbracketed(text))
        }
        guard let mask = IPAddress(maskText),
            let length = MaskedAddress(.zero(.ipv4), mask: mask).prefixLength
        else { return nil }
        let address = text == "default" ? IPAddress.zero(.ipv4) : IPAddress(text)
        return address.flatMap { IPPrefix($0, length: length) }.map(RouteDestination.prefix)
    }

    /// `[::]/96`, as old versions print.
    private func unbracketed(_ text: String) -> String { String(text.filter { $0 != "[" && $0 != "]" }) }

    private func gateway(_ text: String) -> Result<IPAddress?, FieldError> {
        // A gateway of the other family is printed as 0.0.0.0 with flag G: there is one, but it is not known.
        guard let address = IPAddress(unbracketed(text)) else {
            return .failure(FieldError("\"\(text)\" is no address"))
        }
        guard !address.isZero else {
            return .failure(FieldError("the route has a gateway that the tool cannot print"))
        }
        return .success(address)
    }
}
