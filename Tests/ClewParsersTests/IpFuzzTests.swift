import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

/// Random, mutated and cut output of the tools: no trap, no hang, and no note of a line that is not there.
@Suite struct IpFuzzTests {
    private static let seeds: [String] = [
        """
        2: eth0@if4: <BROADCAST,UP,LOWER_UP> mtu 1500 xdp/id:9 qdisc mq master cni0 state UP mode DEFAULT qlen 1000
            link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 1\u{20}
            vxlan id 1 remote 10.0.0.2 local 10.0.0.1 dev ens4 dstport 8472 nolearning ttl auto
            bridge_slave state forwarding hairpin on isolated off\u{20}
            inet 10.7.7.1 peer 10.7.7.2/32 brd 10.7.7.9 scope global secondary eth0:1
               valid_lft forever preferred_lft forever
            inet6 fe80::1/64 scope link tentative
            RX:  bytes packets
            0 0
        5: veth1 state UP @(null): <UP> mtu 1500 master br0 state blocking
        1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever
        """,
        """
        root@a:~# ip r default via 172.16.0.1 dev ens3 proto dhcp src 172.16.1.50 metric 100 #x 10.1/16 dev a onlink
        10.9.0.0/16 nhid 9 proto bgp
        \tnh_info id 9 group 7,2/8
        \tnexthop via inet6 fe80::1 dev eth0 weight 2 dead
        fd00::/64 from fd01::/64 encap seg6 mode encap segs 1 [ fc00::1 ] dev eth0 table eni-1 mtu lock 1400 pref low
        throw 10.0.0.0/8 table 100 tos 0x10 error -113
        """,
        """
        Kernel IP routing table
        Destination Gateway Genmask Flags Metric Ref Use Iface
        0.0.0.0 192.168.44.1 0.0.0.0 UG 100 0 0 enp0s3
        Destination Next Hop Flag Met Ref Use If
        [::]/0 [::] !n -1 1 86 lo
        """,
        "50:\tnot from 10.0.0.0/8 to 10.1.1.1 fwmark 0x1/0xff iif lo [detached] uidrange 0-9 sport 1-5 lookup 100\n"
            + "60: from all goto 70 [unresolved]\n",
        "10.0.0.1 dev eth0 lladdr 22:1b:9f:bc:ef:46 router ref 1 used 1/1/1probes 0 REACHABLE\n"
            + "Address HWtype HWaddress Flags Mask Iface\n10.0.0.2 ether 22:1b:9f:bc:ef:45 CM eth0\n10.0.0.3 (incomplete) eth0\n"
            + "? (10.0.0.4) at <incomplete> on eth0\n10.0.0.5 0x1 0x2 22:1b:9f:bc:ef:46 * eth1\n",
        "22:1b:9f:bc:ef:46 dev vx6 vlan 1 dst 10.0.0.1 port 1234 vni 99 via eth0 self master br0 permanent\n",
        """
        eth0: flags=4163<UP,BROADCAST,RUNNING>  mtu 1500
                inet 10.1.19.1  netmask 255.255.255.0  broadcast 0.0.0.0
                inet6 fe80::1  prefixlen 64  scopeid 0x20<link>
                ether 02:42:3a:a6:1d:bb  txqueuelen 0  (Ethernet)
        tunl0     Link encap:IPIP Tunnel  HWaddr
                  inet addr:10.1.1.1  P-t-P:10.1.1.2  Mask:255.255.255.255
                  UP POINTOPOINT  MTU:1480  Metric:1
        """,
        #"[{"dst":"default","via":{"family":"inet6","host":"fe80::1"},"flags":["onlink"],"metrics":[{"mtu":1}],"encap":"ip"},"#
            + #"{"priority":5,"not":null,"src":"10.0.0.0","srclen":8,"fwmark":"0x1","sport_start":1,"sport_end":5,"goto":7},"#
            + #"{"ifname":"a","mac":"22:1b:9f:bc:ef:46","linkinfo":{"info_kind":"vxlan","info_data":{"id":1,"ttl":0}},"#
            + #""addr_info":[{"local":"10.0.0.1","prefixlen":24}],"master":"b","state":"permanent","type":"local"}]"#,
    ]

    private static let parsers: [@Sendable ([UInt8]) -> (unread: [UnreadLine], lines: Int)] = {
        let id = ArtifactID(rawValue: 0)
        func measure<Element>(
            _ parse: @escaping @Sendable ([UInt8]) -> ParsedList<Element>
        ) -> @Sendable ([UInt8]) -> (unread: [UnreadLine], lines: Int) {
            { bytes in
                let list = parse(bytes)
                return (list.unread, list.lines)
            }
        }
        return [
            measure { IpLinkParser.parse($0, artifact: id) },
            measure { IpRouteParser.parse($0, artifact: id, family: nil) },
            measure { IpRuleParser.parse($0, artifact: id, family: .ipv6) },
            measure { IpNeighParser.parse($0, artifact: id) },
            measure { BridgeLinkParser.parse($0, artifact: id) },
            measure { BridgeFdbParser.parse($0, artifact: id) },
        ]
    }()

    private func check(_ bytes: [UInt8], _ what: @autoclosure () -> String) {
        let newlines = bytes.count { $0 == UInt8(ascii: "\n") }
        let lines = newlines + (bytes.last.map { $0 == UInt8(ascii: "\n") ? 0 : 1 } ?? 0)
        for (index, parser) in Self.parsers.enumerated() {
            let result = parser(bytes)
            let isInside = result.unread.allSatisfy { 1...UInt32(max(lines, 1)) ~= $0.source.line }
            if result.lines != lines || !isInside {
                Issue.record("parser \(index), \(what()): \(result.lines) lines of \(lines), \(result.unread)")
            }
        }
    }

    @Test func everyTruncation() {
        for (number, seed) in Self.seeds.enumerated() {
            let bytes = Array(seed.utf8)
            for end in 0...bytes.count { check(Array(bytes[..<end]), "seed \(number) cut at \(end)") }
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func wordsInAnyOrder(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        let words = Self.seeds.flatMap { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
        for round in 0..<300 {
            let count = Int.random(in: 1...60, using: &random)
            let text = (0..<count).map { _ in
                (words.randomElement(using: &random) ?? "")
                    + ([" ", " ", " ", "\n", "\n    ", "\t"].randomElement(using: &random) ?? "")
            }.joined()
            check(Array(text.utf8), "words, round \(round) of seed \(seed): \(text)")
        }
    }

    @Test func mutatedAndRandomBytes() {
        let seed = UInt64.random(in: 0 ... .max)
        print("fuzz seed \(seed)")
        var random = SplitMix(state: seed)
        for round in 0..<600 {
            var bytes = Array(Self.seeds[round % Self.seeds.count].utf8)
            for _ in 0..<Int.random(in: 1...8, using: &random) where bytes.count > 2 {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.insert(contentsOf: bytes[at...].prefix(20), at: 0)
                case 2: bytes.insert([10, 32, 27, 92, 35, 36][round % 6], at: at)
                default: bytes.remove(at: at)
                }
            }
            check(bytes, "mutation \(round) of run \(seed)")
            let noise = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            check(noise, "noise \(round) of run \(seed)")
        }
    }

    /// Time grows with the length alone, on one line as on many.
    @Test func longInputEndsInReasonableTime() {
        let clock = ContinuousClock()
        let words = [
            "default ", "10.0.0.0/8 via 10.0.0.1 ", "nonsense ", "# ", "1: eth0: <UP> ", "inet ", "[root@a ", "@ ",
            "0: from all ", "10.0.0.1 dev ", "link/ether ", "[{", "{\"a\":", "nexthop ", "encap [ ", "\u{1B}[", "/ # ",
            "Destination Gateway Genmask Flags Iface 0.0.0.0 ", "eth0: flags=1<UP> ( ", "22:1b:9f:bc:ef:46 dev ",
        ]
        for word in words {
            for text in [word, word + "\n", word + "\n    "] {
                let bytes = Array(String(repeating: text, count: 2_000).utf8)
                let time = clock.measure { check(bytes, "2,000 times \(text)") }
                #expect(time < .seconds(10), "2,000 times \(text)")
            }
        }
    }
}
