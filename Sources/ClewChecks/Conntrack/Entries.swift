import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewIntent
import ClewNet
import ClewSnapshot

/// Connections that have ended fill the table.
package struct TimeWaitAccumulation: Check {
    package static let metadata = CheckMetadata(
        code: "CT005", name: "time-wait-accumulation", group: .conntrack, severity: .warning,
        finds: "More than half of the TCP connections of a table that is half full are in TIME_WAIT.",
        matters: "Connections that have ended take the place of new ones.",
        confirm: ["conntrack -L -p tcp --state TIME_WAIT | wc -l"],
        fix: "Let clients keep connections open, and shorten nf_conntrack_tcp_timeout_time_wait.",
        sources: ["linux Documentation/networking/nf_conntrack-sysctl.rst"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.snapshot.nodes.compactMap { node in
            let tcp = (node.host.conntrack ?? []).filter { $0.original.ipProtocol == .tcp }
            let waiting = tcp.filter { $0.state == "TIME_WAIT" }
            guard let first = waiting.first, waiting.count * 2 > tcp.count, let fill = ConntrackFill(node),
                fill.share > 0.5
            else { return nil }
            let key = "net.netfilter.nf_conntrack_tcp_timeout_time_wait"
            let old = node.host.sysctls[key]?.value ?? "120"
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "has \(waiting.count) of \(tcp.count) TCP connections in TIME_WAIT",
                evidence: [.line(node: node.name, first.source, text: "\(first.original) TIME_WAIT")]
                    + fill.evidence(node.name),
                fixes: [
                    Fix(
                        "forget ended connections sooner",
                        commands: [Remedies.sysctl(key, "30", on: node.name, was: old)])
                ])
        }
    }
}

/// Connections whose ends are gone are kept for days.
package struct EstablishedNeverExpires: Check {
    package static let metadata = CheckMetadata(
        code: "CT006", name: "established-never-expires", group: .conntrack, severity: .warning,
        finds: "Quiet TCP connections are kept for five days, and many are.",
        matters: "The table fills slowly with connections that nobody has any more.",
        confirm: [
            "sysctl net.netfilter.nf_conntrack_tcp_timeout_established", "conntrack -L -p tcp --state ESTABLISHED",
        ],
        fix: "Set kube-proxy's conntrack.tcpEstablishedTimeout to 24h, its default.",
        sources: ["kubernetes cmd/kube-proxy/app/conntrack.go"])

    package init() {}

    /// Below this the share says nothing.
    private static let least = 100

    package func findings(in context: CheckContext) -> [Finding] {
        let key = "net.netfilter.nf_conntrack_tcp_timeout_established"
        return context.snapshot.nodes.compactMap { node in
            guard let sysctl = node.host.sysctls[key], let timeout = UInt32(sysctl.value), timeout >= 432_000,
                let entries = node.host.conntrack, entries.count >= Self.least
            else { return nil }
            let old = entries.filter { $0.state == "ESTABLISHED" && ($0.timeout ?? 0) > 259_200 }
            guard let first = old.first, old.count * 10 > entries.count * 3 else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "keeps quiet connections for \(timeout / 86_400) days: \(old.count) of \(entries.count)",
                evidence: [
                    .line(node: node.name, sysctl.source, text: "\(key) = \(sysctl.value)"),
                    .line(
                        node: node.name, first.source,
                        text: "\(first.original) ESTABLISHED, \(first.timeout ?? 0) s left"),
                ],
                fixes: [
                    Fix(
                        "forget quiet connections after a day",
                        commands: [Remedies.sysctl(key, "86400", on: node.name, was: sysctl.value)])
                ])
        }
    }
}

/// An entry keeps a client at an endpoint that is gone.
package struct UDPEntryToDeadEndpoint: Check {
    package static let metadata = CheckMetadata(
        code: "CT007", name: "udp-entry-to-dead-endpoint", group: .conntrack, severity: .error,
        finds: "A UDP entry of a Service leads to an address that is none of its endpoints.",
        matters: "A client that keeps its port gets no answer for as long as it goes on asking.",
        confirm: ["conntrack -L -p udp --orig-dst CLUSTER-IP"],
        fix: "Delete the entry; use a kube-proxy that deletes such entries when endpoints go.",
        sources: ["kubernetes pkg/proxy/conntrack/cleanup.go"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        StaleUDP.findings(Self.metadata, in: context, message: "keeps UDP clients at") { _, entry, endpoints in
            entry.reply.source != entry.original.destination && !endpoints.contains(entry.reply.source)
        }
    }
}

/// An entry keeps a client's packets from being translated at all.
package struct UDPBlackhole: Check {
    package static let metadata = CheckMetadata(
        code: "CT008", name: "udp-blackhole-no-dnat", group: .conntrack, severity: .error,
        finds: "A UDP entry to a Service's address is not translated, though new packets of its client are.",
        matters: "The client sent before the Service had rules, and gets no answer for as long as it goes on asking.",
        confirm: ["conntrack -L -p udp --orig-dst CLUSTER-IP"], fix: "Delete the entry.",
        sources: ["kubernetes pkg/proxy/conntrack/cleanup.go", "kubernetes issue 48370"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        var probes: [String: TranslationProbe] = [:]
        return StaleUDP.findings(Self.metadata, in: context, message: "keeps UDP packets untranslated to") {
            node, entry, endpoints in
            guard entry.reply.source == entry.original.destination, !endpoints.contains(entry.reply.source) else {
                return false
            }
            var probe = probes[node] ?? TranslationProbe(node, context)
            defer { probes[node] = probe }
            return probe.translates(entry.original)
        }
    }
}

/// Asks whether a node's rules would translate a connection that begins now.
///
/// Where they do not, an entry that is not translated either is what follows from the rules, and its deletion mends
/// nothing.
private struct TranslationProbe {
    private let contracts: [ServiceContract]
    private var walk: LocalWalk?
    /// Of senders and destinations that were asked about: a table has many entries of each.
    private var answers: [ConntrackTuple: Bool] = [:]

    init(_ node: String, _ context: CheckContext) {
        contracts = context.contracts[node] ?? []
        walk = LocalWalk(context.dataplane, node: node)
    }

    /// Whether kube-proxy owes the sender a translation, and a packet from another port of it gets one.
    mutating func translates(_ old: ConntrackTuple) -> Bool {
        var new = old
        // Not the entry's own port, so that the packet opens a connection.
        new.sourcePort = 0
        if let answer = answers[new] { return answer }
        let answer = isTranslated(new)
        answers[new] = answer
        return answer
    }

    private mutating func isTranslated(_ asked: ConntrackTuple) -> Bool {
        var packet = asked
        packet.sourcePort = 40_000
        let source = packet.source
        for contract in contracts where contract.family == source.family {
            guard let entry = contract.entry(to: packet.destination, packet.ipProtocol, port: packet.destinationPort)
            else { continue }
            let network = contract.network
            let arrival: SourceArrival =
                network.localAddresses.contains(source)
                ? .host : network.ownPods.contains(source) ? .podDevice : .network
            guard case .translated(let translation) = entry.outcome(from: source, arrival: arrival) else {
                return false
            }
            switch arrival {
            case .host: walk?.walk(packet)
            case .podDevice: walk?.walk(packet, fromPod: source)
            case .network: walk?.walkFromOutside(packet)
            }
            return (walk?.ends ?? []).contains { end in
                translation.endpoints.contains(SocketAddress(end.tuple.destination, end.tuple.destinationPort))
            }
        }
        return false
    }
}

/// UDP entries of Services that lead to the wrong place.
private enum StaleUDP {
    static func findings(
        _ metadata: CheckMetadata, in context: CheckContext, message: String,
        where isStale: (_ node: String, ConntrackEntry, Set<IPAddress>) -> Bool
    ) -> [Finding] {
        context.snapshot.nodes.flatMap { node -> [Finding] in
            // Entries of IPVS are its own affair.
            guard context.proxyMode(node.name) != .ipvs else { return [] }
            let stale = (node.host.conntrack ?? []).filter { entry in
                // One that ends by itself in a moment is none.
                guard entry.original.ipProtocol == .udp, entry.timeout ?? .max >= 5 else { return false }
                let address = SocketAddress(entry.original.destination, entry.original.destinationPort)
                guard let endpoints = ServiceEndpoints.endpoints(of: address, .udp, on: node.name, context) else {
                    return false
                }
                return isStale(node.name, entry, endpoints)
            }
            let groups = Dictionary(grouping: stale) {
                [
                    SocketAddress($0.original.destination, $0.original.destinationPort),
                    SocketAddress($0.reply.source, $0.reply.sourcePort),
                ]
            }
            return groups.sorted { ($0.key[0], $0.key[1]) < ($1.key[0], $1.key[1]) }.map { key, entries in
                finding(metadata, node.name, key[0], key[1], entries, message, context)
            }
        }
    }

    /// Connections that somebody asks about with the source port of an entry.
    private static func lost(of entries: [ConntrackEntry], _ context: CheckContext) -> [Int] {
        context.lost { group in
            group.connections.allSatisfy { index in
                let flow = context.survey.connections[index].flow
                return entries.contains {
                    flow.sourcePort == $0.original.sourcePort && flow.destination == $0.original.destination
                        && flow.destinationPort == $0.original.destinationPort
                        && (flow.source == nil || flow.source == $0.original.source)
                }
            }
        }.map(\.id)
    }

    private static func finding(
        _ metadata: CheckMetadata, _ node: String, _ address: SocketAddress, _ real: SocketAddress,
        _ entries: [ConntrackEntry], _ message: String, _ context: CheckContext
    ) -> Finding {
        let name = ServiceEndpoints.service(at: address, .udp, on: node, context)
        let command =
            "conntrack -D -p udp --orig-dst \(address.address) --dport \(address.port) --reply-src \(real.address)"
        return Finding(
            metadata, on: .node(node), .proven,
            message: "\(message) \(real)\(name.map { ", which is no endpoint of \($0)" } ?? "")",
            evidence: entries.prefix(3).map {
                .line(
                    node: node, $0.source,
                    text: "\($0.original), answers from \(SocketAddress($0.reply.source, $0.reply.sourcePort))")
            },
            fixes: [
                Fix(
                    "forget these connections", edits: entries.map { .deleteConnection(node: node, $0) },
                    commands: [FixCommand(.node(node), command)])
            ], explains: lost(of: entries, context))
    }
}

/// Packets that belong to no known state reach a client untranslated, and are reset.
package struct InvalidReset: Check {
    package static let metadata = CheckMetadata(
        code: "CT009", name: "invalid-rst", group: .conntrack, severity: .warning,
        finds: "conntrack finds ever more packets invalid, and no rule drops them.",
        matters: "Such a packet of a pod is not translated back: the client resets the connection in mid-transfer.",
        confirm: ["conntrack -S; sleep 10; conntrack -S", "iptables -S KUBE-FORWARD"],
        fix: "Set net.netfilter.nf_conntrack_tcp_be_liberal to 1, or restore KUBE-FORWARD's rule that drops INVALID.",
        sources: ["kubernetes pull 74840", "linux net/netfilter/nf_conntrack_proto_tcp.c"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let key = "net.netfilter.nf_conntrack_tcp_be_liberal"
        return context.snapshot.nodes.compactMap { node in
            guard let growth = ConntrackCounters.growth(of: "invalid", on: node), growth > 0,
                let sysctl = node.host.sysctls[key], sysctl.value == "0", !Self.dropsInvalid(node)
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "found \(growth) packets invalid between the two samples, and drops none",
                evidence: [
                    .line(node: node.name, sysctl.source, text: "\(key) = 0"),
                    .computed("invalid grew by \(growth)", node.records.conntrackCounters.last?.source),
                    .absent(place: "FORWARD of \(node.name)", what: "a rule that drops INVALID", nil),
                ],
                fixes: [
                    Fix(
                        "take packets out of the window for valid",
                        commands: [Remedies.sysctl(key, "1", on: node.name, was: "0")])
                ])
        }
    }

    /// Whether any rule drops packets in state INVALID.
    private static func dropsInvalid(_ node: NodeSnapshot) -> Bool {
        node.host.ruleSets.contains { rules in
            rules.rules.contains { rule in
                guard case .drop = rule.target else { return false }
                return rules.matches(of: rule).contains { match in
                    if case .conntrackState(let states) = match.test {
                        !match.isNegated && states.contains(.invalid)
                    } else {
                        false
                    }
                }
            }
        }
    }
}

/// Too many connections to one place share the node's address.
package struct SNATPortExhaustion: Check {
    package static let metadata = CheckMetadata(
        code: "CT012", name: "snat-port-exhaustion-node", group: .conntrack, severity: .error,
        finds: "Nearly all ports of the node's address are taken by masqueraded connections to one address and port.",
        matters: "New connections to that place fail.",
        confirm: ["conntrack -L -p tcp --orig-dst ADDRESS | wc -l"],
        fix: "Let clients share connections, or give the node more addresses to masquerade with.",
        sources: ["linux net/netfilter/nf_nat_core.c, nf_nat_l4proto_unique_tuple()"])

    package init() {}

    private struct Key: Hashable {
        var destination: SocketAddress
        var ipProtocol: IPProtocol
        var source: IPAddress
    }

    package func findings(in context: CheckContext) -> [Finding] {
        // Ports 1024 to 65535 are chosen from.
        let limit = Int(0.8 * 64_512)
        return context.snapshot.nodes.flatMap { node -> [Finding] in
            guard let entries = node.host.conntrack, entries.count > limit else { return [] }
            var groups: [Key: (count: Int, first: SourceLine)] = [:]
            for entry in entries where entry.reply.destination != entry.original.source {
                let key = Key(
                    destination: SocketAddress(entry.reply.source, entry.reply.sourcePort),
                    ipProtocol: entry.original.ipProtocol, source: entry.reply.destination)
                groups[key, default: (0, entry.source)].count += 1
            }
            return groups.filter { $0.value.count >= limit }.sorted { $0.key.destination < $1.key.destination }.map {
                key, group in
                Finding(
                    Self.metadata, on: .node(node.name), .likely,
                    message:
                        "has \(group.count) connections from \(key.source) to \(key.destination)/\(key.ipProtocol)",
                    evidence: [.computed("\(group.count) entries of conntrack", group.first)])
            }
        }
    }
}
