import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct IpRouteParserTests {
    private func parse(
        _ text: String, family: AddressFamily? = nil, table: RoutingTableID? = nil
    ) -> ParsedList<Route> {
        IpRouteParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 7), family: family, table: table)
    }

    /// A route in a fixed short form, so that an expectation shows every field.
    private func show(_ route: Route) -> String {
        var words = ["\(route.source.line):", "\(route.type)", "\(route.destination)", "in \(route.table)"]
        for hop in route.nextHops {
            let flags = [(hop.isOnLink, "onlink"), (hop.isLinkDown, "linkdown"), (hop.isDead, "dead")]
            words.append(
                "[\(hop.gateway?.description ?? "-") \(hop.device ?? "-") x\(hop.weight)"
                    + flags.filter(\.0).map { " " + $0.1 }.joined() + (hop.encapsulation.map { " {\($0)}" } ?? "") + "]"
            )
        }
        if let source = route.preferredSource { words.append("src \(source)") }
        if let prefix = route.sourcePrefix { words.append("from \(prefix)") }
        words.append("metric \(route.metric)")
        if route.tos != 0 { words.append("tos \(route.tos)") }
        if let origin = route.origin { words.append("proto \(origin)") }
        if let scope = route.scope { words.append("scope \(scope)") }
        if let mtu = route.mtu { words.append("mtu \(mtu)") }
        return words.joined(separator: " ")
    }

    @Test func readsWhatCalicoAndFlannelNodesPrint() {
        let result = parse(
            """
            default via 172.16.0.1 dev ens3 proto dhcp src 172.16.1.50 metric 100\u{20}
            10.151.32.0/24 via 172.16.2.77 dev tunl0 proto bird onlink\u{20}
            blackhole 10.151.51.0/24 proto bird\u{20}
            10.151.51.1 dev califf8f2a54a89 scope link\u{20}
            172.17.0.0/16 dev docker0  proto kernel  scope link  src 172.17.0.1 linkdown
            10.1/16 dev flannel0 mtu lock 1450 advmss 1300
            """)
        #expect(result.unread.isEmpty)
        #expect(result.lines == 6)
        #expect(
            result.values.map(show) == [
                "1: unicast 0.0.0.0/0 in main [172.16.0.1 ens3 x1] src 172.16.1.50 metric 100 proto dhcp",
                "2: unicast 10.151.32.0/24 in main [172.16.2.77 tunl0 x1 onlink] metric 0 proto bird",
                "3: blackhole 10.151.51.0/24 in main metric 0 proto bird",
                "4: unicast 10.151.51.1/32 in main [- califf8f2a54a89 x1] metric 0 scope link",
                "5: unicast 172.17.0.0/16 in main [- docker0 x1 linkdown] src 172.17.0.1 metric 0 proto kernel scope link",
                "6: unicast 10.1.0.0/16 in main [- flannel0 x1] metric 0 mtu 1450",
            ])
        #expect(result.values[1].text == "10.151.32.0/24 via 172.16.2.77 dev tunl0 proto bird onlink")
        #expect(result.values[4].source.artifact == ArtifactID(rawValue: 7))
    }

    @Test func readsNextHopsOnTheirOwnLinesAndOnTheSame() {
        let expected = "unicast 10.9.0.0/16 in main [192.168.50.2 eth0 x2] [192.168.50.3 eth1 x1 linkdown dead]"
        for text in [
            "10.9.0.0/16 proto bgp \n\tnexthop via 192.168.50.2 dev eth0 weight 2 "
                + "\n\tnexthop via 192.168.50.3 dev eth1 weight 1 dead linkdown ",
            "10.9.0.0/16 proto bgp\nnexthop via 192.168.50.2 dev eth0 weight 2\n"
                + "nexthop via 192.168.50.3 dev eth1 weight 1 dead linkdown\n",
            "10.9.0.0/16 proto bgp nexthop via 192.168.50.2 dev eth0 weight 2 "
                + "nexthop via 192.168.50.3 dev eth1 weight 1 dead linkdown",
            "10.9.0.0/16 nhid 9 proto bgp \n\tnh_info id 9 group 7,2/8 scope global proto unspec \n"
                + "\tnexthop via 192.168.50.2 dev eth0 weight 2\n"
                + "\tnexthop via 192.168.50.3 dev eth1 weight 1 dead linkdown",
        ] {
            let result = parse(text)
            #expect(result.unread.isEmpty)
            #expect(result.values.map(show) == ["1: " + expected + " metric 0 proto bgp"])
        }
    }

    @Test func readsTypesTablesAndRareWords() {
        let result = parse(
            """
            unicast default via 192.168.50.1 dev eth0 table main proto boot scope global
            throw 10.68.0.0/16 table 100
            10.72.0.0/16 tos 0x10 dev eth0 table 1234 scope link mtu lock 1400
            10.69.0.0/16 via inet6 fd00:50::1 dev eth0 proto 80
            10.70.0.0/16  encap ip id 5 src 0.0.0.0 dst 10.1.1.1 ttl 0 tos 0 dev eth0 scope link
            10.73.0.0/16 nhid 7 via 192.168.50.5 dev eth0
            \tnh_info id 7 via 192.168.50.6 dev eth9 scope link proto unspec
            local 192.168.50.11 dev eth0 table local proto kernel scope host src 192.168.50.11
            broadcast 192.168.50.255 dev eth0 table local proto kernel scope link src 192.168.50.11
            prohibit 10.67.0.0/16
            """)
        #expect(result.unread.isEmpty)
        #expect(
            result.values.map(show) == [
                "1: unicast 0.0.0.0/0 in main [192.168.50.1 eth0 x1] metric 0 proto boot scope global",
                "2: throw 10.68.0.0/16 in 100 metric 0",
                "3: unicast 10.72.0.0/16 in 1234 [- eth0 x1] metric 0 tos 16 scope link mtu 1400",
                "4: unicast 10.69.0.0/16 in main [fd00:50::1 eth0 x1] metric 0 proto 80",
                "5: unicast 10.70.0.0/16 in main [- eth0 x1 {ip id 5 src 0.0.0.0 dst 10.1.1.1 ttl 0 tos 0}]"
                    + " metric 0 scope link",
                "6: unicast 10.73.0.0/16 in main [192.168.50.5 eth0 x1] metric 0",
                "8: local 192.168.50.11/32 in local [- eth0 x1] src 192.168.50.11 metric 0 proto kernel scope host",
                "9: broadcast 192.168.50.255/32 in local [- eth0 x1] src 192.168.50.11 metric 0 proto kernel"
                    + " scope link",
                "10: prohibit 10.67.0.0/16 in main metric 0",
            ])
    }

    @Test func readsIPv6AndItsDefaultMetric() {
        let result = parse(
            """
            fd00:99::/64 from fd00:50::/64 via fd00:50::2 dev eth0 pref medium
            fd00:96::/64  encap seg6 mode encap segs 2 [ fc00::1 fc00::2 ] dev eth0 metric 1024 pref medium
            local ::1 dev lo table local proto kernel metric 0 pref medium
            unreachable default dev lo metric 4294967295 error -101 pref medium
            default via fe80::1 dev eth0 proto ra metric 100 expires 1790sec hoplimit 64 pref high
            multicast ff00::/8 dev eth0 table local proto kernel metric 256 pref medium
            default dev tun0 scope link
            """, family: .ipv4)
        #expect(result.unread.isEmpty)
        #expect(
            result.values.map(show) == [
                "1: unicast fd00:99::/64 in main [fd00:50::2 eth0 x1] from fd00:50::/64 metric 1024",
                "2: unicast fd00:96::/64 in main [- eth0 x1 {seg6 mode encap segs 2 [ fc00::1 fc00::2 ]}] metric 1024",
                "3: local ::1/128 in local [- lo x1] metric 0 proto kernel",
                "4: unreachable ::/0 in main [- lo x1] metric 4294967295",
                "5: unicast ::/0 in main [fe80::1 eth0 x1] metric 100 proto ra",
                "6: multicast ff00::/8 in local [- eth0 x1] metric 256 proto kernel",
                "7: unicast 0.0.0.0/0 in main [- tun0 x1] metric 0 scope link",
            ])
        #expect(parse("default dev tun0", family: .ipv6).values.map(\.destination) == [.all(.ipv6)])
    }

    @Test func putsRoutesIntoTheTableThatWasAskedFor() throws {
        let local = "local 10.0.0.1 dev lo scope host\ndefault via 10.0.0.2 dev eth0\n"
        #expect(parse(local).values.map(\.table) == [.local, .main])
        let hundred = RoutingTableID(rawValue: 100)
        #expect(parse(local, table: hundred).values.map(\.table) == [hundred, hundred])
        #expect(parse("$ ip route show table 100\n" + local).values.map(\.table) == [hundred, hundred])
        // Where tables are printed, one that is not printed is main.
        let all = local + "throw 10.9.0.0/16 table 100\n"
        #expect(parse(all).values.map(\.table) == [.main, .main, hundred])
    }

    @Test func givesUnknownTablesANumberOfTheirOwn() throws {
        let result = parse("default via 10.0.0.1 dev eth1 table eni-1\n10.0.0.1 dev eth1 table eni-1 scope link\n")
        let first = try #require(result.values.first).table
        #expect(first.rawValue >= 1_000_000)
        #expect(result.values.map(\.table) == [first, first])
        #expect(result.unread.map(\.source.line) == [1])
        #expect(parse("default dev eth1 table eni-2").values.first?.table != first)
        let rules = IpRuleParser.parse(
            Array("1536: from 10.0.97.30 lookup eni-1".utf8), artifact: ArtifactID(rawValue: 8), family: nil)
        #expect(rules.values.map(\.action) == [.lookup(first)])
        #expect(rules.unread.count == 1)
    }

    @Test func readsEntriesFlattenedOntoOneLine() {
        let result = parse(
            "root@4906e91c-slave-1:~# ip r default via 172.16.0.1 dev ens3 proto dhcp metric 100 "
                + "#匹配该条路由,说明不是请求本机 10.151.32.0/24 via 172.16.2.77 dev tunl0 proto bird onlink "
                + "blackhole 10.151.51.0/24 proto bird 10.151.51.1 dev calif0 scope link "
                + "172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1 linkdown查看OUTPUT链的nat表")
        #expect(
            result.values.map(show) == [
                "1: unicast 0.0.0.0/0 in main [172.16.0.1 ens3 x1] metric 100 proto dhcp",
                "1: unicast 10.151.32.0/24 in main [172.16.2.77 tunl0 x1 onlink] metric 0 proto bird",
                "1: blackhole 10.151.51.0/24 in main metric 0 proto bird",
                "1: unicast 10.151.51.1/32 in main [- calif0 x1] metric 0 scope link",
                "1: unicast 172.17.0.0/16 in main [- docker0 x1] src 172.17.0.1 metric 0 proto kernel scope link",
            ])
        #expect(result.unread.map(\.reason) == ["\"linkdown查看OUTPUT链的nat表\" is no word of a route that is known here"])
    }

    @Test func readsTablesButNotAnswersAndCommands() {
        let result = parse(
            "root@a:~# ip r get 10.150.18.86 10.150.18.86 via 172.16.0.1 dev ens3 src 172.16.1.50 uid 0 cache "
                + "root@a:~# ip r default via 172.16.0.1 dev ens3\n"
                + "root@a:~# ip route add 10.9.0.0/16 via 172.16.0.9 dev ens3\n"
                + "root@a:~# ip route show\n10.8.0.0/16 via 172.16.0.8 dev ens3\nroot@a:~#")
        #expect(
            result.values.map(show) == [
                "1: unicast 0.0.0.0/0 in main [172.16.0.1 ens3 x1] metric 0",
                "4: unicast 10.8.0.0/16 in main [172.16.0.8 ens3 x1] metric 0",
            ])
        #expect(result.unread.map(\.source.line) == [1, 2])
    }

    @Test func keepsLinesThatAreNoRoutes() {
        let result = parse(
            """
            RTNETLINK answers: No such device
            default via gateway.example dev eth0
            10.0.0.0/8 via 10.0.0.1 dev eth0 frobnicate 5 metric 7
            10.0.0.0/8 dev eth0 metric -3
            """)
        #expect(result.unread.map(\.source.line) == [1, 2, 3, 4])
        #expect(result.values.map(show) == ["3: unicast 10.0.0.0/8 in main [10.0.0.1 eth0 x1] metric 7"])
    }

    @Test func takesNoValueFromTheNextLine() {
        let result = parse("default dev\n10.0.0.0/8 via 10.0.0.1 dev eth0\n10.1.0.0/16 dev eth1 mtu lock")
        #expect(
            result.values.map(show) == [
                "2: unicast 10.0.0.0/8 in main [10.0.0.1 eth0 x1] metric 0",
                "3: unicast 10.1.0.0/16 in main [- eth1 x1] metric 0",
            ])
        #expect(result.unread.map(\.source.line) == [1])
    }

    @Test func readsKernelTablesOfNetTools() {
        let result = parse(
            """
            Kernel IP routing table
            Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
            0.0.0.0         192.168.44.1    0.0.0.0         UG    100    0        0 enp0s3
            10.1.0.0        0.0.0.0         255.255.0.0     U     0      0        0 flannel0
            10.66.0.0       -               255.255.0.0     !     5      -        0 -
            10.244.3.0      0.0.0.0         255.255.255.192 U     0      0        0 *
            10.69.0.0       0.0.0.0         255.255.0.0     UG    0      0        0 eth0
            Kernel IPv6 routing table
            Destination                    Next Hop                   Flag Met Ref  Use If
            fd00:97::/64                   fd00:50::3                 UG   1024 2      0 eth0
            [::]/0                         [::]                       !n   -1  1     86 lo
            ::1/128                        ::                         Un   0   2      0 lo
            """)
        #expect(
            result.values.map(show) == [
                "3: unicast 0.0.0.0/0 in main [192.168.44.1 enp0s3 x1] metric 100",
                "4: unicast 10.1.0.0/16 in main [- flannel0 x1] metric 0",
                "5: unreachable 10.66.0.0/16 in main metric 5",
                "6: blackhole 10.244.3.0/26 in main metric 0",
                "10: unicast fd00:97::/64 in main [fd00:50::3 eth0 x1] metric 1024",
                "11: unreachable ::/0 in main [- lo x1] metric 4294967295",
                "12: local ::1/128 in local [- lo x1] metric 0",
            ])
        // The gateway of the other family is not printed.
        #expect(result.unread.map(\.source.line) == [7])
    }

    @Test func readsAFlattenedKernelTable() {
        let result = parse(
            "[root@k8s-master ~]# route -n Kernel IP routing table Destination Gateway Genmask Flags Metric Ref Use Iface "
                + "0.0.0.0 192.168.44.1 0.0.0.0 UG 100 0 0 enp0s3 10.1.19.0 0.0.0.0 255.255.255.0 U 0 0 0 docker0")
        #expect(result.unread.isEmpty)
        #expect(
            result.values.map(show) == [
                "1: unicast 0.0.0.0/0 in main [192.168.44.1 enp0s3 x1] metric 100",
                "1: unicast 10.1.19.0/24 in main [- docker0 x1] metric 0",
            ])
    }

    @Test func readsJSON() {
        let result = parse(
            """
            [{"dst":"default","gateway":"192.168.50.1","dev":"eth0","protocol":"dhcp","metric":100,"flags":[]},
             {"type":"unicast","dst":"10.9.0.0/16","table":"main","flags":[],"nexthops":[
                {"gateway":"192.168.50.2","dev":"eth0","weight":2,"flags":[]},
                {"gateway":"192.168.50.3","dev":"eth1","weight":1,"flags":["dead","linkdown"]}]},
             {"dst":"10.70.0.0/16","encap":"ip","id":5,"src":"0.0.0.0","dst":"10.1.1.1","ttl":0,"tos":0,"dev":"eth0",
              "scope":"link","flags":[]}, {},
             {"dst":"10.69.0.0/16","via":{"family":"inet6","host":"fd00:50::1"},"dev":"eth0","flags":["onlink"]},
             {"dst":"10.72.0.0/16","tos":"0x10","dev":"eth0","table":"1234","flags":[],"metrics":[{"mtu":1400}]}]
            [{"dst":"default","gateway":"fd00:50::1","dev":"eth0","flags":[],"pref":"medium"},
             {"type":"local","dst":"::1","dev":"lo","table":"local","protocol":"kernel","metric":0,"flags":[]},
             {"dst":"nonsense","dev":"eth0"}]
            """)
        #expect(
            result.values.map(show) == [
                "1: unicast 0.0.0.0/0 in main [192.168.50.1 eth0 x1] metric 100 proto dhcp",
                "2: unicast 10.9.0.0/16 in main [192.168.50.2 eth0 x2] [192.168.50.3 eth1 x1 linkdown dead] metric 0",
                "5: unicast 10.70.0.0/16 in main [- eth0 x1 {ip}] metric 0 scope link",
                "7: unicast 10.69.0.0/16 in main [fd00:50::1 eth0 x1 onlink] metric 0",
                "8: unicast 10.72.0.0/16 in 1234 [- eth0 x1] metric 0 tos 16 mtu 1400",
                "9: unicast ::/0 in main [fd00:50::1 eth0 x1] metric 1024",
                "10: local ::1/128 in local [- lo x1] metric 0 proto kernel",
            ])
        #expect(
            result.values.prefix(2).map(\.text) == [
                "default via 192.168.50.1 dev eth0 proto dhcp metric 100",
                "10.9.0.0/16 nexthop via 192.168.50.2 dev eth0 weight 2 "
                    + "nexthop via 192.168.50.3 dev eth1 weight 1 dead linkdown",
            ])
        #expect(result.values.last?.text == "local ::1 dev lo table local proto kernel metric 0")
        #expect(result.unread.map(\.source.line) == [11])
        #expect(result.lines == 11)
    }

    @Test func keepsTheReadPartOfTruncatedJSON() {
        let result = parse(#"[{"dst":"10.0.0.0/8","dev":"eth0"},{"dst":"10."#)
        #expect(result.values.map(show) == ["1: unicast 10.0.0.0/8 in main [- eth0 x1] metric 0"])
        #expect(result.unread.map(\.text) == [#"{"dst":"10."#])
    }

    @Test func deduplicatesWhatWasCollectedTwice() {
        let text = parse("10.0.0.0/8 via 10.9.9.9 dev eth0\n10.0.0.0/8 via 10.9.9.9 dev eth0 metric 5\n").values
        let json = parse(#"[{"dst":"10.0.0.0/8","gateway":"10.9.9.9","dev":"eth0","flags":[]}]"#).values
        let unique = Routes.deduplicated(text + json)
        #expect(unique.map(\.metric) == [0, 5])
        #expect(unique.map(\.source.line) == [1, 2])
    }
}
