import ClewDataplane
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Testing

/// The IPv6 source that Linux 6.18 chose (`ip -6 route get`), on two links with these addresses.
///
/// Addresses stand in the order in which the kernel keeps them and `ip addr` prints them.
@Suite struct KernelSourceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var eth0: [String]
        var eth1: [String] = []
        var lo: [String] = []
        var gateway = "fe80::1"
        var destination: String
        var source: String
        var testDescription: String { "\(eth0) \(eth1) \(lo) to \(destination)" }
    }

    static let local = "fd00::1/64"
    static let both = ["2001:db8:5::1/64", local]
    static let three = ["2001:db8:4::1/64", "2001:db8:5::2/64", "2001:db8:5::1/64", local]

    static let cases: [Case] = [
        // A unique local address has the scope of a global one, and a link-local gateway does not matter.
        Case(eth0: [local], destination: "2001:db8::1", source: "fd00::1"),
        Case(eth0: [local], destination: "fd00:0:0:1::9", source: "fd00::1"),
        Case(eth0: both, destination: "2001:db8::1", source: "2001:db8:5::1"),
        // The label of unique local addresses.
        Case(eth0: both, destination: "fd12::1", source: "fd00::1"),
        Case(eth0: both, destination: "2002:1::1", source: "2001:db8:5::1"),
        Case(eth0: both, destination: "64:ff9b::1", source: "2001:db8:5::1"),
        // The longest prefix, of equal ones the first.
        Case(eth0: three, destination: "2001:db8:5::9", source: "2001:db8:5::2"),
        Case(eth0: three, destination: "2001:db8:4:1::9", source: "2001:db8:4::1"),
        Case(eth0: three, destination: "2001:db9::1", source: "2001:db8:4::1"),
        // The outgoing link before the prefix.
        Case(eth0: three, eth1: ["fd77::1/64"], destination: "fd77:1::1", source: "fd00::1"),
        Case(
            eth0: ["2001:db8:4::1/64 deprecated", "2001:db8:5::2/64", local], destination: "2001:db8:4:1::9",
            source: "2001:db8:5::2"),
        // Without a global address of its own the link takes one of another.
        Case(eth0: [], eth1: ["fd77::1/64"], destination: "2001:db8::1", source: "fd77::1"),
        Case(eth0: [], lo: ["2001:db8:9::1/128"], destination: "2001:db8::1", source: "2001:db8:9::1"),
        Case(
            eth0: [local], lo: ["2001:db8:9::1/128"], gateway: "fd00::fe", destination: "2001:db8::1",
            source: "fd00::1"),
        Case(eth0: ["2002:1::1/64", local], gateway: "fd00::fe", destination: "2001:db8::1", source: "2002:1::1"),
        Case(eth0: [], destination: "2001:db8::1", source: "fe80::a"),
    ]

    @Test(arguments: cases) func theSourceIsTheKernels(_ expected: Case) throws {
        let trace = try SimulatorTests.trace(
            Self.bundle(expected), from: "node/a", to: "[\(expected.destination)]:80")
        let step = trace.branches.first?.hops.first?.steps.first
        #expect(step?.tuple.source.description == expected.source)
    }

    private static func bundle(_ expected: Case) -> TextBundle {
        func lines(_ addresses: [String]) -> String {
            addresses.map {
                "    inet6 \($0.split(separator: " ")[0]) scope global\($0.hasSuffix("deprecated") ? " deprecated" : "")\n"
            }
            .joined()
        }
        var bundle = TextBundle()
        bundle["nodes/a/ip-addr.txt"] =
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n"
            + lines(expected.lo) + "    inet6 ::1/128 scope host\n"
            + "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000\n"
            + lines(expected.eth0) + "    inet6 fe80::a/64 scope link\n"
            + "3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000\n"
            + lines(expected.eth1) + "    inet6 fe80::b/64 scope link\n"
        bundle["nodes/a/ip-6-route.txt"] =
            "local ::1 dev lo table local proto kernel metric 0\nfe80::/64 dev eth0 proto kernel metric 256\n"
            + "default via \(expected.gateway) dev eth0\n"
        return bundle
    }
}
