import ClewBundle
import ClewDataplane
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// What Linux 6.18 told the sender of packets it did not deliver, and whether that got there; each seen in a lab.
@Suite struct KernelErrorCaseTests {
    private static func trace(_ bundle: TextBundle, from: String, to: String, size: Int? = nil) throws -> TraceBranch {
        let dataplane = Dataplane(compiling: ClusterSnapshot(parsing: bundle.bundle, nodeName: nil))
        var request = try FlowRequest(from: from, to: to)
        request.size = size
        let trace = dataplane.trace(try #require(try FlowResolver(dataplane).flows(for: request).first))
        return try #require(trace.branches.first)
    }

    private static func filter(_ rules: String...) -> String {
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\(rules.joined(separator: "\n"))\nCOMMIT\n"
    }

    // MARK: - Refusals

    @Test func aRejectedPacketsSenderIsRefusedUnlessTheErrorIsLost() throws {
        var bundle = SimulatorTests.pair()
        let reject = "-A FORWARD -d 10.244.2.6/32 -j REJECT --reject-with icmp-port-unreachable"
        bundle["nodes/b/iptables-legacy-save.txt"] = Self.filter(reject)
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80").sign == .refused)
        bundle["nodes/b/iptables-legacy-save.txt"] = Self.filter(reject, "-A OUTPUT -p icmp -j DROP")
        let lost = try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80")
        #expect(lost.sign == .nothing)
        #expect(lost.reason.hasSuffix("the client does not learn of it: dropped on b in filter OUTPUT"))
        #expect(lost.decidedBy?.text == reject)
    }

    /// TCP gave up at once for every ICMP error; UDP took "host unreachable" for nothing, and "prohibited" for the end.
    @Test(arguments: [
        ("icmp-host-unreachable", RefusalSign.unreachable, RefusalSign.nothing),
        ("icmp-host-prohibited", .unreachable, .unreachable), ("icmp-port-unreachable", .refused, .refused),
    ])
    func whatAClientMakesOfAnErrorDependsOnItsProtocol(type: String, tcp: RefusalSign, udp: RefusalSign) throws {
        var bundle = SimulatorTests.pair()
        bundle["nodes/b/iptables-legacy-save.txt"] = Self.filter("-A FORWARD -j REJECT --reject-with \(type)")
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80").sign == tcp)
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:53/udp").sign == udp)
    }

    /// The error quotes the translated packet; conntrack on the client's node turned it into one about the Service.
    @Test func anErrorAboutATranslatedPacketIsTranslatedBack() throws {
        var bundle = SimulatorTests.pair()
        let nat =
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
            + "-A PREROUTING -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.2.6:8080\n"
            + "-A POSTROUTING -s 10.244.1.0/24 -j MASQUERADE\nCOMMIT\n"
        bundle["nodes/a/iptables-legacy-save.txt"] = nat
        bundle["nodes/b/iptables-legacy-save.txt"] = Self.filter("-A FORWARD -j REJECT")
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.96.0.1:80").sign == .refused)
        // Where the answer would skip conntrack, so does the error.
        bundle["nodes/b/iptables-legacy-save.txt"] = nil
        bundle["nodes/a/iptables-legacy-save.txt"] =
            nat + Self.filter("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset", "-A OUTPUT -p tcp -j DROP")
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.96.0.1:80").sign == .nothing)
    }

    @Test func aClosedPortAnswersWithAResetThatMayBeLost() throws {
        var bundle = SimulatorTests.pair()
        bundle["nodes/b/ss-listen.txt"] = """
            Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port
            tcp   LISTEN 0      4096         0.0.0.0:22        0.0.0.0:*

            """
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "192.168.50.12:80").sign == .refused)
        bundle["nodes/b/iptables-legacy-save.txt"] = Self.filter("-A OUTPUT -p tcp -m tcp --tcp-flags RST RST -j DROP")
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "192.168.50.12:80").sign == .nothing)
    }

    @Test func aRoutersUnreachableRouteIsTold() throws {
        var bundle = SimulatorTests.pair()
        bundle.append("10.9.0.0/16 via 192.168.50.12 dev eth0", to: "nodes/a/ip-route.txt")
        bundle.append("unreachable 10.9.0.0/16", to: "nodes/b/ip-route.txt")
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.9.0.1:80").sign == .unreachable)
        bundle.replace("unreachable 10.9", with: "blackhole 10.9", in: "nodes/b/ip-route.txt")
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.9.0.1:80").sign == nil)
    }

    // MARK: - Large packets

    /// Nodes whose `eth0` carries less than their pods' bridge.
    private static func narrowPair() -> TextBundle {
        var bundle = SimulatorTests.pair()
        for node in ["a", "b"] {
            bundle.replace(
                "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500",
                with: "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1280", in: "nodes/\(node)/ip-addr.txt")
        }
        return bundle
    }

    private static let deaf = "-A OUTPUT -p icmp -m icmp --icmp-type fragmentation-needed -j DROP"

    @Test func pathMTUDiscoveryNeedsItsErrors() throws {
        var bundle = Self.narrowPair()
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80", size: 4000).outcome == .works)
        bundle["nodes/a/iptables-legacy-save.txt"] = Self.filter(Self.deaf)
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80").outcome == .works)
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80", size: 1000).outcome == .works)
        let branch = try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80", size: 4000)
        #expect(branch.outcome == .fails)
        let lost = "needs 1500 bytes, eth0 on a carries 1280, and the ICMP error that tells the sender so is lost"
        #expect(branch.reason == "packets of 1500 bytes of the request: \(lost): dropped on a in filter OUTPUT")
        #expect(branch.decidedBy?.text == "eth0 mtu 1280")
        #expect(branch.decidedBy?.source?.line == 4)
        // The server's packets meet the same on its own node.
        bundle["nodes/a/iptables-legacy-save.txt"] = nil
        bundle["nodes/b/iptables-legacy-save.txt"] = Self.filter(Self.deaf)
        let answer = try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80", size: 4000)
        #expect(answer.reason.hasPrefix("packets of 1500 bytes of the answer: needs 1500 bytes, eth0 on b"))
    }

    /// Both ends' segments fit when a node puts a smaller number into their SYNs.
    @Test(arguments: ["--clamp-mss-to-pmtu", "--set-mss 1200"])
    func aClampedSegmentSizeCuresABlackHole(option: String) throws {
        var bundle = Self.narrowPair()
        let mangle =
            "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
            + ":POSTROUTING ACCEPT [0:0]\n"
            + "-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS \(option)\nCOMMIT\n"
        bundle["nodes/a/iptables-legacy-save.txt"] = mangle + Self.filter(Self.deaf)
        bundle["nodes/b/iptables-legacy-save.txt"] = Self.filter(Self.deaf)
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80", size: 4000).outcome == .works)
    }

    /// A process of the node knows its own device: its SYN asks for segments that fit.
    @Test func aNodesOwnSegmentsFitItsDevice() throws {
        var bundle = Self.narrowPair()
        for node in ["a", "b"] { bundle["nodes/\(node)/iptables-legacy-save.txt"] = Self.filter(Self.deaf) }
        #expect(try Self.trace(bundle, from: "node/a", to: "10.244.2.6:80", size: 4000).outcome == .works)
    }

    @Test func aDatagramIsLostOrSentInFragments() throws {
        var bundle = Self.narrowPair()
        bundle["nodes/a/iptables-legacy-save.txt"] = Self.filter(Self.deaf)
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:53/udp", size: 1200).outcome == .works)
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:53/udp", size: 1400).outcome == .fails)
        #expect(try Self.trace(bundle, from: "node/a", to: "10.244.2.6:53/udp", size: 1400).outcome == .unknown)
    }

    // MARK: - Conntrack

    /// "nf_conntrack: table full, dropping packet": unless an entry can go that is not ASSURED, no new one is made.
    @Test func aFullTableTakesNoNewConnection() throws {
        var bundle = SimulatorTests.pair()
        bundle.append(
            "net.netfilter.nf_conntrack_count = 2\nnet.netfilter.nf_conntrack_max = 2", to: "nodes/a/sysctl.txt")
        let entry = { (port: Int, flag: String) in
            "ipv4     2 tcp      6 3599 ESTABLISHED src=10.200.0.0 dst=10.201.0.1 sport=\(port) dport=443 "
                + "src=10.201.0.1 dst=10.200.0.0 sport=443 dport=\(port) \(flag)mark=0 use=1\n"
        }
        bundle["nodes/a/conntrack.txt"] = entry(1024, "[ASSURED] ") + entry(1025, "[ASSURED] ")
        let branch = try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80")
        #expect(branch.outcome == .fails && branch.disposition == .dropped)
        #expect(branch.reason == "the conntrack table of a is full: it holds 2 entries, and may hold 2")
        #expect(branch.decidedBy?.text == "net.netfilter.nf_conntrack_max = 2")
        bundle["nodes/a/conntrack.txt"] = entry(1024, "[ASSURED] ") + entry(1025, "")
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80").outcome == .unknown)
        bundle.append("net.netfilter.nf_conntrack_max = 3", to: "nodes/a/sysctl.txt")
        #expect(try Self.trace(bundle, from: "10.244.1.5", to: "10.244.2.6:80").outcome == .works)
    }
}
