import ClewDataplane
import ClewNet
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
}
