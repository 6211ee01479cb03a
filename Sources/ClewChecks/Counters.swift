import ClewBundle
import ClewSnapshot

/// Numbers of a node's counters, each taken twice.
struct Counters {
    /// By name, as `nstat` calls them: `IpFragFails`, `TcpExtListenOverflows`.
    private let first: [String: UInt64]
    private let second: [String: (value: UInt64, source: SourceLine)]

    /// Of `nstat-1` and `nstat-2`, else of `proc-net-snmp` and `proc-net-netstat`, which have the same numbers.
    init(of node: NodeSnapshot) {
        var tables: [[String: (UInt64, SourceLine)]] = [[:], [:]]
        for sample in 1...2 {
            var values: [String: (UInt64, SourceLine)] = [:]
            if let text = node.text("nstat-\(sample)") { values = Self.nstat(text) }
            for name in ["proc-net-snmp-\(sample)", "proc-net-netstat-\(sample)"] {
                guard let text = node.text(name) else { continue }
                values.merge(Self.procNet(text)) { old, _ in old }
            }
            tables[sample - 1] = values
        }
        first = tables[0].mapValues(\.0)
        second = tables[1].mapValues { (value: $0.0, source: $0.1) }
    }

    /// How much a counter grew between the samples, with the line of the later; `nil` where it was not taken twice.
    func growth(of name: String) -> (growth: UInt64, source: SourceLine)? {
        guard let before = first[name], let after = second[name], after.value >= before else { return nil }
        return (after.value - before, after.source)
    }

    /// `IpInReceives  1234  0.0`.
    private static func nstat(_ text: NodeText) -> [String: (UInt64, SourceLine)] {
        var result: [String: (UInt64, SourceLine)] = [:]
        for (source, line) in text.lines {
            let words = line.split(separator: " ")
            guard words.count >= 2, !line.hasPrefix("#"), let value = UInt64(words[1]) else { continue }
            result[String(words[0])] = (value, source)
        }
        return result
    }

    /// `Ip: Forwarding DefaultTTL …`, and below it the numbers.
    private static func procNet(_ text: NodeText) -> [String: (UInt64, SourceLine)] {
        var result: [String: (UInt64, SourceLine)] = [:]
        var header: [Substring] = []
        for (source, line) in text.lines {
            let words = line.split(separator: " ")
            guard let group = words.first?.dropLast() else { continue }
            if words.count > 1, UInt64(words[1]) == nil, Int64(words[1]) == nil {
                header = words
            } else if header.first == words.first, header.count == words.count {
                for (name, value) in zip(header, words).dropFirst() {
                    if let number = UInt64(value) { result["\(group)\(name)"] = (number, source) }
                }
            }
        }
        return result
    }
}

extension NodeSnapshot {
    /// Lines of the kernel's log and of services that hold one of the phrases.
    func logLines(holding phrases: [String], in stems: [String] = ["dmesg", "journal-kernel", "journal-services"])
        -> [(source: SourceLine, text: String)]
    {
        stems.compactMap { text($0) }.flatMap { $0.lines(holding: phrases) }
    }

    /// `active`, `inactive`, of a unit of the service manager; `nil` where it was not asked.
    func unitState(_ unit: String) -> (state: String, source: SourceLine)? {
        for (source, line) in text("systemctl-is-active")?.lines ?? [] {
            let words = line.split(separator: " ")
            if words.count >= 2, words[0] == unit { return (String(words[1]), source) }
        }
        return nil
    }
}
