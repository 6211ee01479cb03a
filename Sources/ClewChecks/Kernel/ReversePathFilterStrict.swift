import ClewDataplane
package import ClewDiagnostics
import ClewSnapshot

/// A node drops packets that come in by another device than their answers would leave by.
package struct ReversePathFilterStrict: Check {
    package static let metadata = CheckMetadata(
        code: "SYS004", name: "rp-filter-strict-asymmetric", group: .kernel, severity: .error,
        finds: "Strict reverse-path filtering drops packets that take another way than their answers would.",
        matters: "Connections that come in by that device time out, without a trace but a counter.",
        confirm: [
            "sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.DEVICE.rp_filter", "nstat -az TcpExtIPReversePathFilter",
        ],
        fix: "Give the node the route that the packets come by, or set rp_filter to 2 (loose) for the device.",
        sources: ["linux net/ipv4/fib_frontend.c, fib_validate_source()", "RFC 3704"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        let lost = context.lost { $0.decision?.cause == .reversePathFilter }
        return Dictionary(grouping: lost) { $0.node ?? "" }.sorted { $0.key < $1.key }.map { node, groups in
            let keys = Set(groups.compactMap { $0.decision?.text.split(separator: " ").first.map(String.init) })
                .sorted()
            let state = context.snapshot.node(named: node)?.host.sysctls ?? [:]
            return Finding(
                Self.metadata, on: .node(node), .proven,
                message: "drops packets by reverse-path filtering",
                cause: groups.first?.reason, evidence: groups.map(\.evidence),
                fixes: [
                    Fix(
                        "filter loosely on \(node)",
                        edits: keys.map { .setSysctl(.host(node: node), key: $0, value: "2") },
                        commands: keys.map { Remedies.sysctl($0, "2", on: node, was: state[$0]?.value) })
                ], explains: groups.map(\.id))
        }
    }
}
