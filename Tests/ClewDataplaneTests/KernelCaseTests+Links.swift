import ClewDataplane
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// Devices and what is behind them, as Linux 6.18 had them in namespaces.
@Suite struct KernelLinkCaseTests {
    /// A router with nodes behind the ports of its bridge: they are machines, not pods of the router.
    @Test func aCollectedNodeBehindABridgePortIsReachedThere() throws {
        var bundle = TextBundle()
        bundle.addNode("a", number: 1)
        bundle["nodes/router/ip-addr.txt"] = """
            2: br-lan: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                link/ether 02:00:00:00:02:01 brd ff:ff:ff:ff:ff:ff
                inet 192.168.50.1/24 brd 192.168.50.255 scope global br-lan
            3: wan@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                link/ether 02:00:00:00:02:02 brd ff:ff:ff:ff:ff:ff link-netnsid 0
                inet 203.0.113.1/24 brd 203.0.113.255 scope global wan
            4: lan1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br-lan state UP
                link/ether 02:00:00:00:02:03 brd ff:ff:ff:ff:ff:ff link-netnsid 1

            """
        bundle["nodes/router/ip-link.txt"] = """
            2: br-lan: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default
                link/ether 02:00:00:00:02:01 brd ff:ff:ff:ff:ff:ff promiscuity 0
                bridge forward_delay 1500 hello_time 200 max_age 2000
            3: wan@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default
                link/ether 02:00:00:00:02:02 brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 0
                veth
            4: lan1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br-lan state UP
                link/ether 02:00:00:00:02:03 brd ff:ff:ff:ff:ff:ff link-netnsid 1 promiscuity 1
                veth
                bridge_slave state forwarding priority 32 cost 2 hairpin off guard off

            """
        bundle["nodes/router/ip-route.txt"] = """
            192.168.50.0/24 dev br-lan proto kernel scope link src 192.168.50.1
            203.0.113.0/24 dev wan proto kernel scope link src 203.0.113.1
            local 192.168.50.1 dev br-lan table local proto kernel scope host src 192.168.50.1
            local 203.0.113.1 dev wan table local proto kernel scope host src 203.0.113.1

            """
        bundle["nodes/router/sysctl.txt"] = """
            net.bridge.bridge-nf-call-iptables = 0
            net.ipv4.conf.all.rp_filter = 0
            net.ipv4.ip_forward = 1

            """
        let trace = try SimulatorTests.trace(bundle, from: "node/a", to: "203.0.113.50:443")
        #expect(trace.verdict == .works)
        let reply = try #require(trace.branches.first?.reply)
        #expect(reply.hops.compactMap(\.node) == ["router", "a"])
    }

    /// flannel has a device of the same VNI and port for each family; the outer packet's family chooses.
    @Test func aTunnelsDeviceIsChosenByTheFamilyOfItsSocket() throws {
        var bundle = TextBundle()
        for (number, other) in [(1, 2), (2, 1)] {
            let folder = "nodes/\(number == 1 ? "a" : "b")/"
            bundle[folder + "ip-addr.txt"] = """
                2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                    inet6 fd00:50::1\(number)/64 scope global
                5: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default
                    link/ether ee:00:00:00:00:0\(number) brd ff:ff:ff:ff:ff:ff
                6: flannel-v6.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1430 qdisc noqueue state UNKNOWN group default
                    link/ether ee:06:00:00:00:0\(number) brd ff:ff:ff:ff:ff:ff
                    inet6 fd00:10:244:\(number)::/128 scope global

                """
            bundle[folder + "ip-link.txt"] = """
                5: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT
                    link/ether ee:00:00:00:00:0\(number) brd ff:ff:ff:ff:ff:ff promiscuity 0
                    vxlan id 1 local 192.168.50.1\(number) dev eth0 srcport 0 0 dstport 8472 nolearning
                6: flannel-v6.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1430 qdisc noqueue state UNKNOWN mode DEFAULT
                    link/ether ee:06:00:00:00:0\(number) brd ff:ff:ff:ff:ff:ff promiscuity 0
                    vxlan id 1 local fd00:50::1\(number) dev eth0 srcport 0 0 dstport 8472 nolearning

                """
            bundle[folder + "ip-6-route.txt"] = """
                local fd00:10:244:\(number):: dev flannel-v6.1 table local proto kernel metric 0
                local fd00:50::1\(number) dev eth0 table local proto kernel metric 0
                fd00:10:244:\(other)::/64 via fd00:10:244:\(other):: dev flannel-v6.1 metric 1024 onlink
                fd00:50::/64 dev eth0 proto kernel metric 256

                """
            bundle[folder + "ip-neigh.txt"] =
                "fd00:10:244:\(other):: dev flannel-v6.1 lladdr ee:06:00:00:00:0\(other) PERMANENT\n"
            bundle[folder + "bridge-fdb.txt"] =
                "ee:06:00:00:00:0\(other) dev flannel-v6.1 dst fd00:50::1\(other) self permanent\n"
            bundle[folder + "sysctl.txt"] = "net.ipv6.conf.all.forwarding = 1\n"
        }
        let trace = try SimulatorTests.trace(bundle, from: "node/a", to: "[fd00:10:244:2::]:80")
        #expect(trace.verdict == .works, "\(trace.branches.map(\.reason))")
        #expect(trace.branches.first?.deliveredTo?.node == "b")
    }

    private static let nodeObjects = """
        {"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}, "spec": {"podCIDRs": ["10.244.1.0/24"]},
         "status": {"addresses": [{"type": "InternalIP", "address": "192.168.50.11"}]}},
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "b"}, "spec": {"podCIDRs": ["10.244.2.0/24"]},
         "status": {"addresses": [{"type": "InternalIP", "address": "192.168.50.12"}]}}
        ]}

        """

    /// The device was down and had lost its IPv6 address; to IPv4's, ARP was not answered: connections timed out.
    @Test func nobodyAnswersForAnAddressThatItsNodeHasLost() throws {
        var bundle = SimulatorTests.pair()
        bundle["cluster/nodes.json"] = Self.nodeObjects
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "192.168.50.12:80").verdict == .works)
        bundle.replace(
            "    inet 192.168.50.12/24 brd 192.168.50.255 scope global eth0\n", with: "", in: "nodes/b/ip-addr.txt")
        bundle.replace(
            "local 192.168.50.12 dev eth0 table local proto kernel scope host src 192.168.50.12\n", with: "",
            in: "nodes/b/ip-route.txt")
        let trace = try SimulatorTests.trace(bundle, from: "node/a", to: "192.168.50.12:80")
        #expect(trace.verdict == .fails)
        let reason = "nobody answers for 192.168.50.12 on eth0 of a: b, whose address it was, does not have it"
        #expect(trace.branches.map(\.reason) == [reason])
        // What only the objects know may be behind a translation that no node shows.
        bundle["cluster/nodes.json"] = nil
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "192.168.50.12:80").verdict == .works)
    }

    /// flanneld sent datagrams for worker-b's pods to worker-b, though a bridge of worker-a had a part of their network.
    @Test func flanneldGoesByLeasesNotByRoutes() throws {
        var bundle = TextBundle()
        for name in ["a", "b", "c"] {
            let number = name == "a" ? 1 : name == "b" ? 2 : 3
            bundle.addNode(name, number: number)
            bundle.append(
                """
                5: flannel0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1472 qdisc fq_codel state UNKNOWN qlen 500
                    inet 10.244.\(number).0/16 scope global flannel0
                """, to: "nodes/\(name)/ip-addr.txt")
            bundle.append(
                "10.244.0.0/16 dev flannel0 proto kernel scope link src 10.244.\(number).0\n"
                    + "local 10.244.\(number).0 dev flannel0 table local proto kernel scope host src 10.244.\(number).0",
                to: "nodes/\(name)/ip-route.txt")
        }
        bundle.append(
            """
            6: virbr0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN group default qlen 1000
                inet 10.244.2.126/25 brd 10.244.2.127 scope global virbr0
            """, to: "nodes/a/ip-addr.txt")
        bundle.append("10.244.2.0/25 dev virbr0 proto kernel scope link src 10.244.2.126", to: "nodes/a/ip-route.txt")
        bundle["cluster/nodes.json"] = Self.nodeObjects
        let trace = try SimulatorTests.trace(bundle, from: "10.244.3.5", to: "10.244.2.6:80")
        #expect(trace.branches.first?.hops.contains { $0.node == "b" } == true)
        #expect(trace.branches.first?.hops.contains { $0.node == "a" } == false)
    }

    /// A rule forbade the prefix that the node's own IPv6 address is in; a process that bound to no address got through,
    /// as its route was looked up before it had a source, and one that did bind was refused.
    @Test func anIPv6ProcessesRouteIsLookedUpWithoutASource() throws {
        var bundle = TextBundle()
        bundle["nodes/a/ip-addr.txt"] = """
            2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                inet6 fd00:1::1/64 scope global

            """
        bundle["nodes/a/ip-6-route.txt"] = """
            local fd00:1::1 dev eth0 table local proto kernel metric 0
            fd00:1::/64 dev eth0 proto kernel metric 256
            prohibit default dev lo table 100 metric 1024

            """
        bundle["nodes/a/ip-6-rule.txt"] = """
            0:\tfrom all lookup local
            100:\tfrom fd00:1::/64 lookup 100
            32766:\tfrom all lookup main

            """
        let dataplane = Dataplane(compiling: ClusterSnapshot(parsing: bundle.bundle, nodeName: nil))
        var request = try FlowRequest(from: "node/a", to: "[fd00:1::9]:80")
        let free = dataplane.trace(try #require(try FlowResolver(dataplane).flows(for: request).first))
        #expect(free.branches.first?.disposition == .leavesSnapshot)
        request.source = IPAddress("fd00:1::1")
        let bound = dataplane.trace(try #require(try FlowResolver(dataplane).flows(for: request).first))
        #expect(bound.branches.first?.disposition == .noRoute)
    }
}
