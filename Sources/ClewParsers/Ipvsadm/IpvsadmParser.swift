package import ClewBundle
import ClewNet
package import ClewSnapshot

/// Reads the virtual servers of IPVS: `ipvsadm -Sn` (commands) and `ipvsadm -ln` (a table).
package enum IpvsadmParser {
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<[VirtualServer]> {
        var commands = VirtualServerBuilder(artifact)
        var table: [IpvsadmTable.Word] = []
        var lines = 0
        for line in TextLines(bytes) {
            lines += 1
            let words = line.words
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            switch first {
            case "-A", "--add-service", "-a", "--add-server": commands.add(words, line)
            // `ipvsadm-restore` begins by clearing the table.
            case "-C", "--clear": break
            default: table += words.map { IpvsadmTable.Word(text: $0, line: line) }
            }
        }
        var reader = IpvsadmTable(table, artifact)
        reader.read()
        return ParsedFile(
            commands.servers + reader.servers,
            unread: (commands.unread + reader.unread).sorted { $0.source < $1.source },
            lines: lines)
    }

    /// `10.0.0.1:80`, `[fd00::1]:80`; the port may be absent.
    static func endpoint(_ text: String) -> (address: IPAddress, port: UInt16)? {
        if let address = IPAddress(text) { return (address, 0) }
        if text.hasPrefix("["), text.hasSuffix("]") {
            return IPAddress(String(text.dropFirst().dropLast())).map { ($0, 0) }
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return IPAddress(String(host)).map { ($0, port) }
    }
}

/// Collects what the commands of `ipvsadm -Sn` add.
struct VirtualServerBuilder {
    private let artifact: ArtifactID
    private(set) var servers: [VirtualServer] = []
    private(set) var unread: [UnreadLine] = []
    private var indices: [Key: Int] = [:]

    private struct Key: Hashable {
        var ipProtocol: IPProtocol
        var address: IPAddress?
        var port: UInt16
        var mark: UInt32?
    }

    init(_ artifact: ArtifactID) { self.artifact = artifact }

    mutating func add(_ words: [String], _ line: TextLine) {
        switch IpvsadmCommand.parse(words) {
        case .failure(let error): unread.append(line.unread(artifact, because: error.reason))
        case .success(let command):
            let source = line.source(artifact)
            let key = Key(
                ipProtocol: command.ipProtocol, address: command.address, port: command.port, mark: command.mark)
            if command.isServer {
                guard let index = indices[key] else {
                    unread.append(line.unread(artifact, because: "names a virtual server that was not added before"))
                    return
                }
                guard let real = command.real else {
                    unread.append(line.unread(artifact, because: "no real server: -r ADDRESS:PORT expected"))
                    return
                }
                servers[index].realServers.append(
                    RealServer(
                        address: real.address, port: real.port, method: command.method, weight: command.weight,
                        source: source))
            } else {
                var server = VirtualServer(
                    ipProtocol: command.ipProtocol, address: command.address, port: command.port,
                    scheduler: Scheduler(rawValue: command.scheduler), source: source)
                server.firewallMark = command.mark
                server.persistence = command.persistence
                indices[key] = servers.count
                servers.append(server)
            }
        }
    }
}

/// One `-A` or `-a` command (man ipvsadm).
struct IpvsadmCommand {
    var isServer = false
    /// 0 for a firewall-mark service.
    var ipProtocol = IPProtocol(rawValue: 0)
    var address: IPAddress?
    var port: UInt16 = 0
    var mark: UInt32?
    var real: (address: IPAddress, port: UInt16)?
    /// The tool's own default.
    var scheduler = "wlc"
    var persistence: UInt32?
    var method = ForwardingMethod.route
    var weight: UInt32 = 1

    static func parse(_ words: [String]) -> Result<IpvsadmCommand, FieldError> {
        var command = IpvsadmCommand()
        var hasService = false
        var rest = words[...]
        while let option = rest.popFirst() {
            switch option {
            case "-A", "--add-service": break
            case "-a", "--add-server": command.isServer = true
            case "-t", "--tcp-service", "-u", "--udp-service", "--sctp-service":
                let name = rest.popFirst() ?? ""
                guard let endpoint = IpvsadmParser.endpoint(name) else {
                    return .failure(FieldError("\(name): ADDRESS:PORT in numbers expected (option -n)"))
                }
                command.ipProtocol = option.contains("sctp") ? .sctp : option.contains("u") ? .udp : .tcp
                if option == "--tcp-service" || option == "-t" { command.ipProtocol = .tcp }
                (command.address, command.port) = (endpoint.address, endpoint.port)
                hasService = true
            case "-f", "--fwmark-service":
                guard let mark = rest.popFirst().flatMap({ UInt32(decimalOrHex: $0) }) else {
                    return .failure(FieldError("the firewall mark is not a number"))
                }
                command.mark = mark
                hasService = true
            case "-r", "--real-server":
                let name = rest.popFirst() ?? ""
                guard let endpoint = IpvsadmParser.endpoint(name) else {
                    return .failure(FieldError("\(name): ADDRESS:PORT in numbers expected (option -n)"))
                }
                command.real = endpoint
            default:
                if let error = command.readOption(option, &rest) { return .failure(error) }
            }
        }
        return hasService ? .success(command) : .failure(FieldError("names no virtual server"))
    }

    private mutating func readOption(_ option: String, _ rest: inout ArraySlice<String>) -> FieldError? {
        switch option {
        case "-s", "--scheduler":
            guard let name = rest.popFirst() else { return FieldError("no scheduler behind \(option)") }
            scheduler = name
        case "-p", "--persistent":
            persistence = 300
            if let next = rest.first, let seconds = UInt32(next) {
                persistence = seconds
                rest.removeFirst()
            }
        case "-m", "--masquerading": method = .masquerade
        case "-g", "--gatewaying": method = .route
        case "-i", "--ipip": method = .tunnel
        case "-w", "--weight":
            guard let value = rest.popFirst().flatMap({ UInt32($0) }) else {
                return FieldError("the weight is not a number")
            }
            weight = value
        // Netmask of persistence, thresholds, persistence engine, scheduler flags, tunnel details: not modelled.
        case "-M", "--netmask", "-x", "--u-threshold", "-y", "--l-threshold", "--pe", "-b", "--sched-flags",
            "--tun-type", "--tun-port":
            guard rest.popFirst() != nil else { return FieldError("no value behind \(option)") }
        case "-6", "--ipv6", "-o", "--ops", "--tun-nocsum", "--tun-csum", "--tun-remcsum": break
        default: return FieldError("option \(option) is not known")
        }
        return nil
    }
}
