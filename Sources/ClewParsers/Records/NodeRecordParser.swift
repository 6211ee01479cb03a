package import ClewBundle
import ClewNet
package import ClewSnapshot

/// Reads what is recorded of a node beside its state.
///
/// Nothing here decides where a packet goes, so what cannot be read is passed over, and is not an error.
package enum NodeRecordParser {
    /// The most lines of one log that are kept: its last ones.
    static let logLimit = 5000

    /// Adds what a file says.
    package static func read(
        _ bytes: [UInt8], _ format: RecordFormat, artifact: ArtifactID, into records: inout NodeRecords
    ) {
        let lines = Array(TextLines(bytes))
        let whole = SourceLine(artifact, line: 0)
        switch format {
        case .log(let name, let origin):
            let kept = lines.suffix(logLimit).map { RecordedValue($0.text, source: $0.source(artifact)) }
            records.logs.append(RecordedLog(name: name, origin: origin, lines: kept))
            records.logs.sort { $0.name < $1.name }
        case .conntrackCounters: records.conntrackCounters.append(RecordedCounters(pairs(lines), source: whole))
        case .networkCounters: records.networkCounters.append(RecordedCounters(columns(lines), source: whole))
        case .proxyMetrics: records.proxyMetrics = RecordedMetrics(series(lines), source: whole)
        case .flannelSubnet: records.flannelSubnet = settings(lines, artifact)
        case .flannelDocker: records.flannelDocker = settings(lines, artifact)
        case .ipvsTimeouts: records.ipvsTimeouts = lines.lazy.compactMap { timeouts($0, artifact) }.first
        case .ipvsConnections: records.ipvsConnections = lines.compactMap { connection($0, artifact) }
        case .kernelRelease:
            records.kernelRelease = lines.first.flatMap { line in
                let words = line.words
                return words.count > 2 ? RecordedValue(words[2], source: line.source(artifact)) : nil
            }
        case .iptablesVersion:
            records.iptablesVersion = lines.first.map {
                RecordedValue($0.words.dropFirst().joined(separator: " "), source: $0.source(artifact))
            }
        case .loadedModules: records.loadedModules = Set(lines.compactMap { $0.words.first })
        case .builtinModules: records.builtinModules = Set(lines.compactMap(builtin))
        case .sysctlFiles: records.sysctlFiles = lines.compactMap { sysctl($0, artifact) }
        case .services: records.services = services(lines, artifact)
        }
    }

    /// `cpu=0 found=0 invalid=130 …`, a line a processor: the sums.
    private static func pairs(_ lines: [TextLine]) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for line in lines {
            for word in line.words {
                let parts = word.split(separator: "=", omittingEmptySubsequences: false)
                guard parts.count == 2, parts[0] != "cpu", let value = UInt64(parts[1]) else { continue }
                result[String(parts[0]), default: 0] &+= value
            }
        }
        return result
    }

    /// `TcpExtListenDrops   12   0.0`.
    private static func columns(_ lines: [TextLine]) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for words in lines.map(\.words) where words.count >= 2 {
            if let value = UInt64(words[1]) { result[words[0]] = value }
        }
        return result
    }

    /// `kubeproxy_sync_proxy_rules_last_timestamp_seconds 1.7e+09` (the text format of Prometheus).
    private static func series(_ lines: [TextLine]) -> [String: Double] {
        var result: [String: Double] = [:]
        for line in lines where line.bytes.first != UInt8(ascii: "#") {
            let text = line.text
            guard let blank = text.lastIndex(of: " "), let value = Double(text[text.index(after: blank)...]) else {
                continue
            }
            result[String(text[..<blank])] = value
        }
        return result
    }

    /// `KEY=VALUE`, quoted or not.
    private static func settings(_ lines: [TextLine], _ artifact: ArtifactID) -> [String: RecordedValue] {
        var result: [String: RecordedValue] = [:]
        for line in lines {
            let text = line.text.trimmed
            guard let sign = text.firstIndex(of: "="), !text.hasPrefix("#") else { continue }
            var value = text[text.index(after: sign)...]
            if value.count >= 2, value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
            let key = text[..<sign].split(separator: " ").last.map(String.init) ?? ""
            result[key] = RecordedValue(String(value).trimmed, source: line.source(artifact))
        }
        return result
    }

    /// `Timeout (tcp tcpfin udp): 900 120 300`.
    private static func timeouts(_ line: TextLine, _ artifact: ArtifactID) -> IPVSTimeouts? {
        let text = line.text
        guard text.hasPrefix("Timeout"), let colon = text.lastIndex(of: ":") else { return nil }
        let numbers = text[text.index(after: colon)...].split(separator: " ").compactMap { UInt32($0) }
        guard numbers.count == 3 else { return nil }
        return IPVSTimeouts(tcp: numbers[0], tcpFin: numbers[1], udp: numbers[2], source: line.source(artifact))
    }

    /// `TCP 14:58  ESTABLISHED 10.0.0.5:40312 10.96.0.10:80 10.244.1.5:8080`.
    private static func connection(_ line: TextLine, _ artifact: ArtifactID) -> IPVSConnection? {
        let words = line.words
        guard words.count >= 6, let ipProtocol = IPProtocol(name: words[0].lowercased()),
            let client = socket(words[3]), let virtual = socket(words[4]), let real = socket(words[5])
        else { return nil }
        return IPVSConnection(
            ipProtocol: ipProtocol, state: words[2], client: client, virtual: virtual, real: real,
            source: line.source(artifact))
    }

    /// `10.0.0.5:80`, `[fd00::5]:80`.
    private static func socket(_ text: String) -> SocketAddress? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let address = text[..<colon].filter { $0 != "[" && $0 != "]" }
        return IPAddress(String(address)).map { SocketAddress($0, port) }
    }

    /// `kernel/net/netfilter/xt_comment.ko`: `xt_comment`.
    private static func builtin(_ line: TextLine) -> String? {
        guard let file = line.text.split(separator: "/").last else { return nil }
        return file.split(separator: ".").first.map { String($0.map { $0 == "-" ? "_" : $0 }) }
    }

    /// `/etc/sysctl.d/99-x.conf:net.ipv4.ip_forward = 1`.
    private static func sysctl(_ line: TextLine, _ artifact: ArtifactID) -> SysctlSetting? {
        let text = line.text
        guard let colon = text.firstIndex(of: ":"), let sign = text[colon...].firstIndex(of: "=") else { return nil }
        let written = text[text.index(after: colon)..<sign].trimmed
        let key = written.hasPrefix("-") ? String(written.dropFirst()).trimmed : written
        guard let canonical = SysctlParser.canonicalKey(key) else { return nil }
        return SysctlSetting(
            file: String(text[..<colon]), key: canonical, value: text[text.index(after: sign)...].trimmed,
            source: line.source(artifact))
    }

    private static func services(_ lines: [TextLine], _ artifact: ArtifactID) -> [String: RecordedValue] {
        var result: [String: RecordedValue] = [:]
        for line in lines {
            let words = line.words
            if words.count == 2 { result[words[0]] = RecordedValue(words[1], source: line.source(artifact)) }
        }
        return result
    }
}
