import ClewBundle
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// The table of neighbours is full, or nearly so.
package struct NeighbourTableOverflow: Check {
    package static let metadata = CheckMetadata(
        code: "SYS005", name: "neighbour-table-overflow", group: .kernel, severity: .warning,
        finds: "The kernel has no room for further neighbours.",
        matters: "Random pods and nodes cannot be reached, above all in large clusters.",
        confirm: [
            "dmesg | grep -i 'neighbo.*table overflow'", "sysctl net.ipv4.neigh.default.gc_thresh3", "ip neigh | wc -l",
        ],
        fix: "Raise net.ipv4.neigh.default.gc_thresh1, 2 and 3 (and those of IPv6).",
        sources: ["linux net/core/neighbour.c, neigh_alloc()", "https://github.com/kubernetes/kops/issues/4533"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            let logged = node.logLines(holding: ["neighbor table overflow", "neighbour table overflow"])
            let limit = node.host.sysctls["net.ipv4.neigh.default.gc_thresh3"]
            let count = node.host.neighbors?.count { $0.address.family == .ipv4 } ?? 0
            let isNear = limit.flatMap { Int($0.value) }.map { count * 10 >= $0 * 9 } ?? false
            guard !logged.isEmpty || isNear else { return nil }
            var evidence: [Evidence] = logged.suffix(2).map { .line(node: node.name, $0.source, text: $0.text) }
            if let limit { evidence.append(.computed("\(count) neighbours, gc_thresh3 \(limit.value)", limit.source)) }
            let values = [("gc_thresh1", "80000"), ("gc_thresh2", "90000"), ("gc_thresh3", "100000")]
            return Finding(
                Self.metadata, on: .node(node.name), logged.isEmpty ? .likely : .proven,
                message: logged.isEmpty
                    ? "has nearly as many neighbours as it may keep" : "had no room for further neighbours",
                evidence: evidence,
                fixes: [
                    Fix(
                        "make room",
                        commands: values.reversed().map { name, value in
                            let key = "net.ipv4.neigh.default.\(name)"
                            return Remedies.sysctl(key, value, on: node.name, was: node.host.sysctls[key]?.value)
                        })
                ])
        }
    }
}

/// The kernel judges clients behind NAT by one another's clocks.
package struct TCPTimeWaitRecycle: Check {
    package static let metadata = CheckMetadata(
        code: "SYS006", name: "tcp-tw-recycle", group: .kernel, severity: .warning,
        finds: "net.ipv4.tcp_tw_recycle is on.",
        matters: "Of clients behind one address only some are answered; the others' SYNs are ignored for a minute.",
        confirm: ["sysctl net.ipv4.tcp_tw_recycle", "netstat -s | grep 'time stamp'"],
        fix: "Set it to 0: it cannot work with NAT, and newer kernels do not have it.",
        sources: ["linux 4396e46187ca (4.12) removes it", "https://github.com/kubernetes/kubernetes/issues/33945"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            guard let setting = node.host.sysctls["net.ipv4.tcp_tw_recycle"], setting.value == "1" else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: "ignores connections of clients behind NAT",
                cause: "it compares timestamps of different machines",
                evidence: [.line(node: node.name, setting.source, text: "net.ipv4.tcp_tw_recycle = 1")],
                fixes: [
                    Fix(
                        "turn it off",
                        commands: [Remedies.sysctl("net.ipv4.tcp_tw_recycle", "0", on: node.name, was: "1")])
                ])
        }
    }
}

/// A process may get a source port that is a NodePort.
package struct NodePortOverlapsEphemeral: Check {
    package static let metadata = CheckMetadata(
        code: "SYS007", name: "nodeport-overlaps-ephemeral", group: .kernel, severity: .notice,
        finds: "NodePorts are among the ports that the kernel gives to processes, and not reserved.",
        matters: "Now and then a connection of the node hangs, since its answers are taken for a NodePort's.",
        confirm: ["sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports"],
        fix: "Reserve the NodePorts: net.ipv4.ip_local_reserved_ports=30000-32767, with what is reserved already.",
        sources: [
            "linux Documentation/networking/ip-sysctl.rst, ip_local_reserved_ports",
            "https://github.com/kubernetes/kops/issues/6342",
        ])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let ports = Set(context.snapshot.objects.services.flatMap(\.ports).compactMap(\.nodePort)).sorted()
        return context.clusterNodes.compactMap { node in
            guard let setting = node.host.sysctls["net.ipv4.ip_local_port_range"],
                let range = PortRangeText.ranges(setting.value.split { $0 == " " || $0 == "\t" }.joined(separator: "-"))
                    .first
            else { return nil }
            let reserved =
                node.host.sysctls["net.ipv4.ip_local_reserved_ports"].map { PortRangeText.ranges($0.value) } ?? []
            guard
                let port = ports.first(where: { port in range.contains(port) && !reserved.contains { $0.contains(port) }
                })
            else { return nil }
            let all = (reserved.map { "\($0.lowerBound)-\($0.upperBound)" } + ["30000-32767"]).joined(separator: ",")
            let old = node.host.sysctls["net.ipv4.ip_local_reserved_ports"]?.value
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "may give NodePort \(port) to a process of its own",
                evidence: [
                    .line(node: node.name, setting.source, text: "net.ipv4.ip_local_port_range = \(setting.value)")
                ],
                fixes: [
                    Fix(
                        "reserve the NodePorts",
                        commands: [Remedies.sysctl("net.ipv4.ip_local_reserved_ports", all, on: node.name, was: old)])
                ])
        }
    }
}

/// `32768-60999,8080`.
private enum PortRangeText {
    static func ranges(_ text: String) -> [ClosedRange<UInt16>] {
        text.split(separator: ",").compactMap { part in
            let ends = part.split(separator: "-").compactMap { UInt16($0.filter(\.isNumber)) }
            guard let first = ends.first, let last = ends.last, first <= last else { return nil }
            return first...last
        }
    }
}

/// A node has no source ports left for a destination.
package struct EphemeralPortsExhausted: Check {
    package static let metadata = CheckMetadata(
        code: "SYS008", name: "ephemeral-exhaustion", group: .kernel, severity: .warning,
        finds: "Nearly all source ports are in use for connections to one destination.",
        matters: "Further connections to it fail: \"cannot assign requested address\".",
        confirm: [
            "ss -tan | awk '{print $1, $5}' | sort | uniq -c | sort -rn | head", "sysctl net.ipv4.ip_local_port_range",
        ],
        fix: "Reuse connections; widen net.ipv4.ip_local_port_range; set net.ipv4.tcp_tw_reuse to 1.",
        sources: ["linux net/ipv4/inet_hashtables.c, __inet_hash_connect()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            guard let text = node.text("ss-all"), let setting = node.host.sysctls["net.ipv4.ip_local_port_range"],
                let range = PortRangeText.ranges(setting.value.split { $0 == " " || $0 == "\t" }.joined(separator: "-"))
                    .first
            else { return nil }
            var used: [Substring: Int] = [:]
            var example: [Substring: SourceLine] = [:]
            for (source, line) in text.lines {
                let words = line.split(separator: " ")
                guard words.count >= 6, words[0] == "tcp", words[1] != "LISTEN",
                    let colon = words[4].lastIndex(of: ":"),
                    let port = UInt16(words[4][words[4].index(after: colon)...]),
                    range.contains(port)
                else { continue }
                // The key lives as long as the line; copied below.
                let peer = Substring(String(words[5]))
                used[peer, default: 0] += 1
                example[peer] = source
            }
            guard let worst = used.max(by: { $0.value == $1.value ? $0.key > $1.key : $0.value < $1.value }),
                worst.value * 10 >= range.count * 9
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .likely,
                message: "has \(worst.value) of \(range.count) source ports in use for \(worst.key)",
                evidence: [
                    .computed("\(worst.value) connections to \(worst.key)", example[worst.key]),
                    .line(node: node.name, setting.source, text: "net.ipv4.ip_local_port_range = \(setting.value)"),
                ],
                fixes: [
                    Fix(
                        "widen the range, and take ports again sooner",
                        commands: [
                            Remedies.sysctl(
                                "net.ipv4.ip_local_port_range", "\"1024 65535\"", on: node.name,
                                was: "\"\(setting.value)\""),
                            Remedies.sysctl(
                                "net.ipv4.tcp_tw_reuse", "1", on: node.name,
                                was: node.host.sysctls["net.ipv4.tcp_tw_reuse"]?.value),
                        ])
                ])
        }
    }
}

/// A device loses packets.
package struct NICErrors: Check {
    package static let metadata = CheckMetadata(
        code: "SYS012", name: "nic-errors-drops", group: .kernel, severity: .warning,
        finds: "A network card counted errors or overruns between two samples.",
        matters: "Connections by this node are slow or stall, whatever they are for.",
        confirm: ["ip -s -s link show UPLINK", "ethtool -S UPLINK"],
        fix: "Look at cable, switch, driver and the ring's size (ethtool -G).",
        sources: ["linux Documentation/networking/statistics.rst"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            guard let before = node.text("ip-link-stats-1").map(Self.counters),
                let after = node.text("ip-link-stats-2").map(Self.counters)
            else { return [] }
            let cards = (node.host.links ?? []).filter {
                !$0.isLoopback && !$0.isTunnel && !$0.isPodPort && $0.kind != .bridge && !$0.name.hasPrefix("cali")
            }
            return cards.compactMap { link in
                guard let first = before[link.name], let second = after[link.name], second.errors > first.errors else {
                    return nil
                }
                return Finding(
                    Self.metadata, on: .node(node.name), .likely,
                    message: "counted \(second.errors - first.errors) errors on \(link.name) between two samples",
                    evidence: [.computed("\(link.name): \(first.errors), then \(second.errors) errors", second.source)])
            }
        }
    }

    /// Errors of both directions by device, of `ip -s -s link`; drops are left out: unknown protocols are counted there.
    private static func counters(_ text: NodeText) -> [String: (errors: UInt64, source: SourceLine)] {
        var result: [String: (errors: UInt64, source: SourceLine)] = [:]
        var device = ""
        var header: [Substring] = []
        for (source, line) in text.lines {
            let words = line.split(separator: " ").map { $0 }
            if let first = words.first, first.hasSuffix(":"), UInt32(first.dropLast()) != nil, words.count > 1 {
                device = words[1].split(separator: "@")[0].description.replacing(":", with: "")
                result[device] = (result[device]?.errors ?? 0, source)
            } else if words.first?.hasPrefix("RX") == true || words.first?.hasPrefix("TX") == true {
                let named = line.split(separator: ":", maxSplits: 1)
                header = named.count > 1 ? named[1].split(separator: " ").filter { $0 != "errors:" } : []
                if line.contains("errors:") { header = [] }
            } else if let index = header.firstIndex(of: "errors"), index < words.count, let value = UInt64(words[index])
            {
                result[device] = ((result[device]?.errors ?? 0) &+ value, source)
                header = []
            }
        }
        return result
    }
}
