import ClewDataplane
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Testing

/// What Linux 6.18 did with a real packet in a small network of namespaces, one rule or setting each.
@Suite struct KernelCaseTests {
    /// The node `a`; the client is the pod 10.244.1.5 on its bridge, unless a case says otherwise.
    private static func node(_ rules: String = "", sysctl: String = "") -> TextBundle {
        var bundle = TextBundle()
        bundle.addNode("a", number: 1)
        if !rules.isEmpty { bundle["nodes/a/iptables-legacy-save.txt"] = rules }
        bundle.append(sysctl, to: "nodes/a/sysctl.txt")
        return bundle
    }

    private static func filter(_ rules: String) -> String {
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\(rules)\nCOMMIT\n"
    }

    private static func node6(_ rules: String) -> TextBundle {
        var bundle = TextBundle()
        bundle["nodes/a/ip-addr.txt"] = """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
                inet6 ::1/128 scope host
                inet6 fd00:3::1/128 scope global
            2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
                inet6 fd00:1::1/64 scope global

            """
        bundle["nodes/a/ip-6-route.txt"] = """
            local ::1 dev lo table local proto kernel metric 0
            local fd00:1::1 dev eth0 table local proto kernel metric 0
            local fd00:3::1 dev lo table local proto kernel metric 0
            fd00:1::/64 dev eth0 proto kernel metric 256
            default via fd00:1::9 dev eth0

            """
        bundle["nodes/a/ip6tables-legacy-save.txt"] = rules
        return bundle
    }

    // MARK: - Matches

    /// A datagram of one byte was 29 bytes long, one of more is longer: the client decides.
    @Test(arguments: ["-m length --length 60", "-m length ! --length 29", "-m length --length 28:100"])
    func theLengthOfADatagramIsNotKnown(match: String) throws {
        let bundle = Self.node(Self.filter("-A INPUT \(match) -j DROP"))
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "192.168.50.11:53/udp").verdict == .unknown)
    }

    @Test func noPacketIsShorterThanItsHeaders() throws {
        let bundle = Self.node(Self.filter("-A INPUT -m length --length 0:27 -j DROP"))
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "192.168.50.11:53/udp").verdict == .works)
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "192.168.50.11:53").verdict == .works)
    }

    /// The rule's counter stayed 0, though the entry had no status bit; the negated rule counted every packet.
    @Test func noEntryHasTheStatusNone() throws {
        let plain = Self.node(Self.filter("-A INPUT -m conntrack --ctstatus NONE -j DROP"))
        #expect(try SimulatorTests.trace(plain, from: "10.244.1.5", to: "192.168.50.11:80").verdict == .works)
        let negated = Self.node(Self.filter("-A INPUT -m conntrack ! --ctstatus NONE -j DROP"))
        #expect(try SimulatorTests.trace(negated, from: "10.244.1.5", to: "192.168.50.11:80").verdict == .fails)
    }

    /// Packets without an entry matched none of these, negated or not, but for the last: asked along with the state,
    /// the state alone decides.
    @Test(arguments: [
        ("-m connmark ! --mark 0x1", TraceVerdict.works), ("-m connmark --mark 0x0", .works),
        ("-m conntrack ! --ctproto udp", .works), ("-m conntrack ! --ctorigdst 10.9.9.9", .works),
        ("-m conntrack ! --ctstatus ASSURED", .works), ("-m conntrack --ctdir ORIGINAL", .works),
        ("-m conntrack --ctstate UNTRACKED --ctproto udp", .fails),
    ])
    func withoutAnEntryPropertiesDoNotMatch(match: String, verdict: TraceVerdict) throws {
        let raw = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -j CT --notrack\nCOMMIT\n"
        let bundle = Self.node(raw + Self.filter("-A INPUT \(match) -j DROP"))
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "192.168.50.11:80").verdict == verdict)
    }

    /// ip6tables: the node's own address is LOCAL, and UNICAST too, and both where both are asked.
    @Test(arguments: [
        ("UNICAST", TraceVerdict.fails), ("LOCAL", .fails), ("UNICAST,LOCAL", .fails), ("MULTICAST", .works),
        ("UNICAST,MULTICAST", .works), ("UNREACHABLE", .works), ("UNREACHABLE,LOCAL", .fails), ("BLACKHOLE", .fails),
    ])
    func anIPv6AddressHasSeveralTypes(types: String, verdict: TraceVerdict) throws {
        let bundle = Self.node6(Self.filter("-A INPUT -m addrtype --dst-type \(types) -j DROP"))
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "[fd00:3::1]:80").verdict == verdict)
    }

    /// bitmap:ip,mac compared the frame's source address, which no bundle shows.
    @Test func anElementWithAnEthernetAddressIsUnknown() throws {
        var bundle = Self.node(Self.filter("-A INPUT -m set --match-set macs src,src -j DROP"))
        bundle["nodes/a/ipset-save.txt"] = """
            create macs bitmap:ip,mac range 10.244.1.0-10.244.1.255
            add macs 10.244.1.5,02:00:00:00:01:05

            """
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "192.168.50.11:80").verdict == .unknown)
    }

    /// A rule on the request's TOS set it; the answer of the socket came with TOS 0.
    @Test func anAnswerDoesNotTakeTheRequestsTOS() throws {
        let mangle =
            "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
            + ":POSTROUTING ACCEPT [0:0]\n-A PREROUTING -j TOS --set-tos 0x10/0xff\nCOMMIT\n"
        var bundle = Self.node(mangle + Self.filter("-A OUTPUT -m tos --tos 0x10 -j DROP"))
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "192.168.50.11:80").verdict == .works)
        bundle.append("net.ipv4.tcp_reflect_tos = 1", to: "nodes/a/sysctl.txt")
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "192.168.50.11:80").verdict == .fails)
    }

    // MARK: - Targets

    /// An address in a range is chosen by a hash of the connection's addresses.
    @Test func aRangeOfDestinationsIsNotItsFirst() throws {
        let nat =
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
            + "-A PREROUTING -d 10.96.0.1/32 -j DNAT --to-destination 10.244.1.6-10.244.1.9\nCOMMIT\n"
        #expect(
            try SimulatorTests.trace(Self.node(nat), from: "10.244.1.5", to: "10.96.0.1:80").verdict == .unknown)
    }

    /// REDIRECT to a range left a port alone that was in it.
    @Test func redirectKeepsAPortOfItsRange() throws {
        let nat =
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
            + "-A PREROUTING -d 192.168.50.11/32 -p tcp -j REDIRECT --to-ports 80-81\nCOMMIT\n"
        let trace = try SimulatorTests.trace(Self.node(nat), from: "10.244.1.5", to: "192.168.50.11:81")
        #expect(trace.branches.first?.deliveredTo?.address.port == 81)
    }

    /// The source address stayed, but the port was drawn by lot: the entry was translated, and its answers had the state SNAT.
    @Test func aRandomPortIsATranslation() throws {
        let nat =
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
            + "-A POSTROUTING -j MASQUERADE --random-fully\nCOMMIT\n"
        let bundle = Self.node(nat + Self.filter("-A INPUT -m conntrack --ctstate SNAT -j DROP"))
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "10.244.1.5:80").verdict == .fails)
    }

    /// The masqueraded packet to the node's own fd00:1::1 left lo with the source fd00:1::1.
    ///
    /// Addresses of every link compete, and the destination itself wins. fd00:3::1, the one of lo, lost.
    @Test func theSourceForAnIPv6AddressOfTheNodeIsThatAddress() throws {
        let nat =
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
            + "-A POSTROUTING -j MASQUERADE\nCOMMIT\n"
        let trace = try SimulatorTests.trace(Self.node6(nat), from: "node/a", to: "[fd00:1::1]:80")
        #expect(trace.verdict == .works)
        #expect(trace.branches.first?.snat == nil)
    }

    /// ip6tables takes ::1 for an address, not for port :1 behind a colon.
    @Test func aDestinationMayBeginWithAColon() throws {
        let nat =
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
            + "-A OUTPUT -d fd00:9::1/128 -j DNAT --to-destination ::1\nCOMMIT\n"
        let trace = try SimulatorTests.trace(Self.node6(nat), from: "node/a", to: "[fd00:9::1]:80")
        #expect(trace.branches.first?.dnat?.description == "[::1]:80")
    }

    // MARK: - Connections

    /// NOTRACK for requests: conntrack took the SYN-ACK for INVALID, and the answer's data for a NEW connection.
    ///
    /// The client was connected and got nothing; with `nf_conntrack_tcp_loose` 0 it got its answer.
    @Test(arguments: [
        ("NEW", "", TraceVerdict.fails), ("NEW", "net.netfilter.nf_conntrack_tcp_loose = 0", .works),
        ("INVALID", "", .fails), ("ESTABLISHED", "", .works),
    ])
    func dataOfAnUnknownConnectionIsNew(state: String, sysctl: String, verdict: TraceVerdict) throws {
        let untracked = "*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 10.244.1.5/32 -j NOTRACK\nCOMMIT\n"
        let drop = "-A INPUT -s 10.244.1.5/32 -m conntrack --ctstate \(state) -j DROP"
        let bundle = Self.node(untracked + Self.filter(drop), sysctl: sysctl)
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "10.244.1.5:80").verdict == verdict)
    }

    // MARK: - Routing

    /// cni0 had lost its address, and with it the route to the pods: the node sent to its gateway, where nobody answered.
    @Test func aPodsPacketsThatLeaveItsNodeAreNotDelivered() throws {
        var bundle = Self.node()
        bundle.replace(
            "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1\n", with: "", in: "nodes/a/ip-route.txt")
        bundle["nodes/a/netns/web/pod.txt"] = "shop/web"
        bundle["nodes/a/netns/web/ip-addr.txt"] = """
            2: eth0@if9: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
                inet 10.244.1.5/24 scope global eth0

            """
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "10.244.1.5:80").verdict == .unknown)
    }

    /// mangle marked the packet, table 100 swallowed it there and then: that nat would have sent it to lo did not help.
    @Test func aPacketIsLostAtItsFirstReroute() throws {
        var bundle = Self.node(
            "*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j MARK --set-mark 1\nCOMMIT\n"
                + "*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 10.244.1.5/32 -j REDIRECT\nCOMMIT\n")
        bundle.append("blackhole default table 100", to: "nodes/a/ip-route.txt")
        bundle["nodes/a/ip-rule.txt"] = """
            0: from all lookup local
            100: from all fwmark 0x1 lookup 100
            32766: from all lookup main

            """
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "10.244.1.5:80").verdict == .fails)
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "192.168.50.11:80").verdict == .works)
    }

    /// The default route of table 100 swallowed the packet only where mangle set the mark: raw runs before the chain
    /// that compares, filter after it, and neither has the packet routed again.
    @Test(arguments: [("raw", TraceVerdict.works), ("mangle", .fails), ("filter", .works)])
    func onlyMangleRoutesAMarkedPacketAgain(table: String, verdict: TraceVerdict) throws {
        var bundle = Self.node("*\(table)\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j MARK --set-mark 1\nCOMMIT\n")
        bundle.append("blackhole default table 100", to: "nodes/a/ip-route.txt")
        bundle["nodes/a/ip-rule.txt"] = """
            0: from all lookup local
            100: from all fwmark 0x1 lookup 100
            32766: from all lookup main
            32767: from all lookup default

            """
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "10.244.1.5:80").verdict == verdict)
    }

    // MARK: - Bridges and pods

    /// Linux 6.18 counted InAddrErrors and dropped a Service's packets between pods of one node; without translation they
    /// passed.
    @Test func bridgedDNATWithoutForwardingIsLost() throws {
        var bundle = Self.node(
            "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.96.0.1/32 -j DNAT --to-destination 10.244.1.6\nCOMMIT\n"
        )
        bundle.replace("ip_forward = 1", with: "ip_forward = 0", in: "nodes/a/sysctl.txt")
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.96.0.1:80").verdict == .fails)
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.244.1.6:80").verdict == .works)
    }

    /// A pod reached its own address though its bridge port had hairpin mode off: the packet never left the pod.
    @Test func aPodReachesItsOwnAddressInside() throws {
        var bundle = Self.node(Self.filter("-A FORWARD -j DROP"))
        bundle.append("net.ipv4.conf.all.forwarding = 0", to: "nodes/a/sysctl.txt")
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.244.1.5:80").verdict == .works)
    }

    /// The gateway's neighbour entry was FAILED, and connections by way of it ended with EHOSTUNREACH.
    @Test func aNextHopThatDidNotAnswerIsUnknown() throws {
        var bundle = Self.node()
        bundle["nodes/a/ip-neigh.txt"] = "192.168.50.1 dev eth0 FAILED\n"
        #expect(try SimulatorTests.trace(bundle, from: "node/a", to: "203.0.113.9:80").verdict == .unknown)
    }

    /// The SYN came in by the local route of table 100; the answer, from an address that the local table lacks, was never
    /// sent.
    @Test func aLocalRouteOfAnotherTableDoesNotLetAnswersOut() throws {
        var bundle = Self.node("*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j MARK --set-mark 1\nCOMMIT\n")
        bundle.append("local 10.9.0.0/16 dev lo table 100 scope host", to: "nodes/a/ip-route.txt")
        bundle["nodes/a/ip-rule.txt"] = """
            0: from all fwmark 0x1 lookup 100
            0: from all lookup local
            32766: from all lookup main

            """
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.9.0.1:80").verdict == .unknown)
    }

    /// INPUT dropped the neighbour solicitation: the client's entry for the node was FAILED, and the connection timed out,
    /// though TCP was let in.
    @Test(arguments: [
        ("-A INPUT -p tcp -j ACCEPT", TraceVerdict.unknown),
        ("-A INPUT -p ipv6-icmp -j ACCEPT\n-A INPUT -p tcp -j ACCEPT", .works),
    ])
    func rulesThatStopNeighborDiscovery(rules: String, verdict: TraceVerdict) throws {
        let bundle = Self.node6("*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\(rules)\nCOMMIT\n")
        let trace = try SimulatorTests.trace(bundle, from: "fd00:1::2", to: "[fd00:1::1]:80", via: "a")
        #expect(trace.verdict == verdict)
    }

    /// The route to the other node's pods was deleted: the packets went to the default gateway, which knows no pods.
    @Test func aMissingRouteBetweenNodesThatHaveThemIsNotMadeUpFor() throws {
        var bundle = SimulatorTests.pair()
        bundle.replace(
            "10.244.2.0/24 via 192.168.50.12 dev eth0\n", with: "", in: "nodes/a/ip-route.txt")
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80").verdict == .unknown)
    }

    /// `iptables -j NETMAP --to 1.2.3.0/0` is loaded and printed as 0.0.0.0/0: every bit of the address is kept.
    @Test func aNetworkMapOfLengthZeroKeepsTheAddress() throws {
        let nat =
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
        let whole = Self.node(nat + "-A PREROUTING -d 192.168.50.11/32 -j NETMAP --to 1.2.3.0/0\nCOMMIT\n")
        #expect(try SimulatorTests.trace(whole, from: "10.244.1.5", to: "192.168.50.11:80").verdict == .works)
        let unread = Self.node(nat + "-A PREROUTING -d 192.168.50.11/32 -j NETMAP --to 1.2.3.0/33\nCOMMIT\n")
        #expect(try SimulatorTests.trace(unread, from: "10.244.1.5", to: "192.168.50.11:80").verdict == .unknown)
    }

    /// `martian_destination` in `ip_route_input_slow`.
    @Test func nothingIsForwardedToTheNetworkZero() throws {
        let nat =
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
            + "-A PREROUTING -d 10.96.0.1/32 -p tcp -j DNAT --to-destination 0.0.0.0\nCOMMIT\n"
        #expect(try SimulatorTests.trace(Self.node(nat), from: "10.244.1.5", to: "10.96.0.1:80").verdict == .fails)
    }

    /// Node a's packets to the pods of b go to a default gateway that knows no pods, where c reaches them by VXLAN.
    @Test func aTunnelOfAnotherNodeSpeaksAgainstTheFabric() throws {
        var bundle = SimulatorTests.pair()
        bundle.replace("10.244.2.0/24 via 192.168.50.12 dev eth0\n", with: "", in: "nodes/a/ip-route.txt")
        bundle.replace("10.244.1.0/24 via 192.168.50.11 dev eth0\n", with: "", in: "nodes/b/ip-route.txt")
        // Nobody has a route: the network between the nodes is taken to know the pods.
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80").verdict == .works)
        bundle.addNode("c", number: 3)
        bundle.append(
            "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink\n", to: "nodes/c/ip-route.txt")
        let trace = try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80")
        #expect(trace.verdict == .unknown)
        let branch = try #require(trace.branches.first)
        #expect(branch.disposition == .indeterminate)
        #expect(branch.decidedBy?.text == "default via 192.168.50.1 dev eth0")
        #expect(branch.reason.contains("c has one to another node's pods: 10.244.2.0/24 via 10.244.2.0 dev flannel.1"))
    }

    /// A node-local cache of DNS that is not there; clouds answer at some such addresses.
    @Test(arguments: [("169.254.20.10:53/udp", TraceVerdict.unknown), ("169.254.169.254:80", .works)])
    func aLinkLocalAddressIsNotOutside(destination: String, verdict: TraceVerdict) throws {
        #expect(try SimulatorTests.trace(Self.node(), from: "node/a", to: destination).verdict == verdict)
    }

    /// The route to b's pods names a next hop that nobody has.
    @Test func aNextHopThatNobodyHasIsNoFabric() throws {
        var bundle = SimulatorTests.pair()
        bundle.replace(
            "10.244.2.0/24 via 192.168.50.12", with: "10.244.2.0/24 via 192.168.50.99", in: "nodes/a/ip-route.txt")
        bundle.replace("10.244.1.0/24 via 192.168.50.11 dev eth0\n", with: "", in: "nodes/b/ip-route.txt")
        let trace = try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80")
        #expect(trace.verdict == .unknown)
        #expect(trace.branches.first?.disposition == .indeterminate)
    }

    /// Nodes that no cloud runs have no network that knows their pods.
    @Test(arguments: [
        ("providerID: aws:///eu-west-1a/i-1", "10.244.2.0/24", TraceVerdict.works),
        ("providerID: kind://docker/kind/b", "10.244.2.0/24", .unknown),
        ("unschedulable: false", "10.244.2.0/24", .unknown),
        ("providerID: aws:///eu-west-1a/i-1", "10.99.2.0/24", .unknown),
    ])
    func objectsSpeakAgainstTheFabric(provider: String, network: String, verdict: TraceVerdict) throws {
        var bundle = SimulatorTests.pair()
        bundle.replace("10.244.2.0/24 via 192.168.50.12 dev eth0\n", with: "", in: "nodes/a/ip-route.txt")
        bundle.replace("10.244.1.0/24 via 192.168.50.11 dev eth0\n", with: "", in: "nodes/b/ip-route.txt")
        bundle["cluster/nodes.yaml"] = """
            apiVersion: v1
            kind: Node
            metadata:
              name: b
            spec:
              podCIDRs: [\(network)]
              \(provider)
            status:
              addresses:
              - type: InternalIP
                address: 192.168.50.12

            """
        #expect(try SimulatorTests.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80").verdict == verdict)
    }
}
