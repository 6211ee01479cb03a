import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct IpLinkParserTests {
    private func parse(_ text: String) -> ParsedList<Link> {
        IpLinkParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 5))
    }

    /// A device in a fixed short form, so that an expectation shows every field that is set.
    private func show(_ link: Link) -> String {
        var words = ["\(link.source.line): \(link.index) \(link.name) \(link.kind) mtu \(link.mtu)"]
        words.append(link.isUp ? "up" : "down")
        words.append(link.hasCarrier.map { $0 ? "carrier" : "no-carrier" } ?? "carrier?")
        let flags = [(link.isLoopback, "loopback"), (link.isPointToPoint, "ptp"), (link.isNoARP, "noarp")]
        words += flags.filter(\.0).map(\.1)
        if let mac = link.mac { words.append("\(mac)") }
        if let master = link.master { words.append("master \(master)") }
        if let peer = link.peerIndex { words.append("peer \(peer)") }
        if let lower = link.lowerName { words.append("lower \(lower)") }
        if let id = link.peerNamespaceID { words.append("netns \(id)") }
        if link.hasXDP { words.append("xdp") }
        return words.joined(separator: " ")
    }

    private func show(_ address: InterfaceAddress) -> String {
        var words = ["\(address.source.line): \(address.address) \(address.scope)"]
        if let peer = address.peer { words.append("peer \(peer)") }
        if let broadcast = address.broadcast { words.append("brd \(broadcast)") }
        let flags = [
            (address.isSecondary, "secondary"), (address.isTentative, "tentative"),
            (address.isDeprecated, "deprecated"),
        ]
        return (words + flags.filter(\.0).map(\.1)).joined(separator: " ")
    }

    private static let addresses = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo
               valid_lft forever preferred_lft forever
            inet6 ::1/128 scope host\u{20}
               valid_lft forever preferred_lft forever
        2: ens3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 xdpgeneric/id:227 qdisc fq_codel state UP qlen 1000
            link/ether fa:16:3e:92:11:ca brd ff:ff:ff:ff:ff:ff permaddr 80:30:49:b2:85:cf
            altname enp0s3
            inet 172.16.1.50/12 metric 100 brd 172.31.255.255 scope global dynamic noprefixroute ens3
               valid_lft 85997sec preferred_lft 85997sec
            inet 172.16.1.51/12 scope global secondary deprecated ens3:1
            inet6 fe80::f816:3eff:fe92:11ca/64 scope link tentative dadfailed
               valid_lft forever preferred_lft forever
        3: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN group default
            link/ether 02:42:ff:96:6a:06 brd ff:ff:ff:ff:ff:ff
        8: tunl0@NONE: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN group default qlen 1000
            link/ipip 0.0.0.0 brd 0.0.0.0
            inet 10.151.51.0/32 brd 10.151.51.0 scope global tunl0
            inet 10.7.7.1 peer 10.7.7.2/32 scope global tunl0
        11: califf8f2a54a89@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1480 qdisc noqueue master cni0 state UP
            link/ether ee:ee:ee:ee:ee:ee brd ff:ff:ff:ff:ff:ff link-netnsid 3
        12: mv0@eth0: <BROADCAST> mtu 1500 qdisc noop state DOWN
            link/ether ee:ee:ee:ee:ee:01 brd ff:ff:ff:ff:ff:ff

        """
    private static let shownLinks = [
        "1: 1 lo loopback mtu 65536 up carrier loopback 00:00:00:00:00:00",
        "7: 2 ens3 unknown(\"\") mtu 1500 up carrier fa:16:3e:92:11:ca xdp",
        "15: 3 docker0 unknown(\"\") mtu 1500 up no-carrier 02:42:ff:96:6a:06",
        "17: 8 tunl0 ipip mtu 1480 up carrier ptp noarp",
        "21: 11 califf8f2a54a89 unknown(\"\") mtu 1480 up carrier ee:ee:ee:ee:ee:ee master cni0 peer 4 netns 3",
        "23: 12 mv0 unknown(\"\") mtu 1500 down carrier? ee:ee:ee:ee:ee:01 lower eth0",
    ]
    private static let shownAddresses = [
        ["3: 127.0.0.1/8 host", "5: ::1/128 host"],
        [
            "10: 172.16.1.50/12 global brd 172.31.255.255", "12: 172.16.1.51/12 global secondary deprecated",
            "13: fe80::f816:3eff:fe92:11ca/64 link tentative",
        ],
        [],
        ["19: 10.151.51.0/32 global brd 10.151.51.0", "20: 10.7.7.1/32 global peer 10.7.7.2/32"],
        [], [],
    ]

    @Test func readsAddresses() {
        let result = parse(Self.addresses)
        #expect(result.unread.isEmpty)
        #expect(result.values.map(show) == Self.shownLinks)
        #expect(result.values.map { $0.addresses.map(show) } == Self.shownAddresses)
        #expect(result.lines == 24)
    }

    @Test func readsAddressesWithoutIndentation() {
        let stripped = Self.addresses.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0.drop { $0 == " " }) }.joined(separator: "\n")
        let result = parse(stripped)
        #expect(result.unread.isEmpty)
        #expect(result.values.map(show) == Self.shownLinks)
        #expect(result.values.map { $0.addresses.map(show) } == Self.shownAddresses)
    }

    @Test func readsAddressesFlattenedOntoOneLine() {
        let result = parse(
            "root@node-1:~# ip a " + Self.addresses.split(whereSeparator: \.isWhitespace).joined(separator: " "))
        #expect(result.unread.isEmpty)
        func withoutLine(_ texts: [String]) -> [String] { texts.map { String($0.drop { $0 != ":" }) } }
        #expect(withoutLine(result.values.map(show)) == withoutLine(Self.shownLinks))
        #expect(result.values.map { withoutLine($0.addresses.map(show)) } == Self.shownAddresses.map(withoutLine))
    }

    private static let details = """
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000
            link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \
        addrgenmode none numtxqueues 2 numrxqueues 2 gso_max_size 65536 parentbus virtio parentdev virtio0\u{20}
        4: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP mode DEFAULT group default qlen 1000
            link/ether 0a:58:0a:f4:01:01 brd ff:ff:ff:ff:ff:ff promiscuity 0\u{20}
            bridge forward_delay 1500 hello_time 200 hello_timer    0.00 priority 32768 \
        vlan_filtering 1 vlan_protocol 802.1Q bridge_id 8000.a:58:a:f4:1:1 nf_call_iptables 1 nf_call_ip6tables 0 \
        nf_call_arptables 0 numtxqueues 1 numrxqueues 1\u{20}
        5: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT
            link/ether 8e:5a:0d:07:0f:0d brd ff:ff:ff:ff:ff:ff promiscuity 0
            vxlan id 1 local 10.146.0.2 dev ens4 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300 udpcsum
            RX: bytes  packets  errors  dropped overrun mcast
            0          0        0       0       0       0
            TX: bytes  packets  errors  dropped carrier collsns
            0          0        0       5       0       0
        6: vethaa@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master cni0 state UP mode DEFAULT
            link/ether 46:98:0c:b8:67:d6 brd ff:ff:ff:ff:ff:ff link-netns cni-1234 promiscuity 1\u{20}
            veth\u{20}
            bridge_slave state forwarding priority 32 cost 2 hairpin on guard off learning on isolated off \
        addrgenmode eui64 numtxqueues 1
            prog/xdp id 4 tag 57cd311f2e27366b jited
        7: tunl0@NONE: <NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000
            link/ipip 0.0.0.0 brd 0.0.0.0 promiscuity 0  allmulti 0 minmtu 0 maxmtu 0\u{20}
            ipip any remote any local any ttl inherit nopmtudisc addrgenmode eui64 numtxqueues 1
        8: vx6: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000
            link/ether 1a:80:20:92:07:49 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535\u{20}
            vxlan external id 0 srcport 0 0 dstport 4789 ttl 12 ageing 300
        9: tun5: <POINTOPOINT,MULTICAST,NOARP> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 500
            link/none  promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535\u{20}
            tun type tun pi off vnet_hdr off persist on

        """

    @Test func readsDetails() throws {
        let result = parse(Self.details)
        #expect(result.unread.isEmpty)
        #expect(
            result.values.map(\.kind) == [.physical, .bridge, .vxlan, .veth, .ipip, .vxlan, .tun])
        let bridge = try #require(result.values[1].bridge)
        #expect(bridge.vlanFiltering && bridge.callIptables == true && bridge.callIp6tables == false)
        var vxlan = TunnelOptions()
        vxlan.vni = 1
        vxlan.local = IPAddress("10.146.0.2")
        vxlan.device = "ens4"
        vxlan.port = 8472
        vxlan.learning = false
        #expect(result.values[2].tunnel == vxlan)
        let port = try #require(result.values[3].port)
        #expect(port.bridge == "cni0" && port.state == "forwarding")
        #expect(port.hairpin == true && port.isolated == false)
        #expect(port.source.line == 16)
        #expect(result.values[3].hasXDP && !result.values[2].hasXDP)
        #expect(result.values[4].tunnel == TunnelOptions())
        let external = try #require(result.values[5].tunnel)
        #expect(external.isExternal && external.ttl == 12 && external.learning == true)
        #expect(result.values.map(\.mac).count { $0 == nil } == 2)
    }

    @Test func readsOneLineForm() {
        let result = parse(
            """
            1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
            2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever preferred_lft forever
            2: eth0    inet6 fe80::1/64 scope link \\       valid_lft forever preferred_lft forever
            """)
        #expect(result.unread.isEmpty)
        #expect(result.values.map(\.name) == ["lo", "eth0"])
        #expect(
            result.values.map { $0.addresses.map(show) } == [
                ["1: 127.0.0.1/8 host"], ["2: 10.0.0.1/24 global brd 10.0.0.255", "3: fe80::1/64 link"],
            ])
    }

    @Test func readsJSON() throws {
        let result = parse(
            """
            [{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"link_type":"loopback",
              "address":"00:00:00:00:00:00","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
             {"ifindex":7,"link_index":2,"ifname":"veth1","flags":["BROADCAST","UP"],"mtu":1450,"master":"cni0",
              "link_type":"ether","address":"46:98:0c:b8:67:d6","link_netnsid":1,"promiscuity":1,"xdp":{"mode":1},
              "linkinfo":{"info_kind":"veth","info_slave_kind":"bridge",
                "info_slave_data":{"state":"forwarding","hairpin":true,"isolated":false}},"addr_info":[]},
             {"ifindex":8,"link":null,"ifname":"flannel.1","flags":[],"mtu":1450,"link_type":"ether","promiscuity":0,
              "linkinfo":{"info_kind":"vxlan","info_data":{"id":1,"local":"10.146.0.2","link":"ens4",
                "port_range":{"low":0,"high":0},"port":8472,"learning":false,"ttl":0}},
              "addr_info":[{"family":"inet","local":"10.7.7.1","address":"10.7.7.2","prefixlen":32,"scope":"global"}]},
             {"ifindex":9,"ifname":"cni0","flags":["UP"],"promiscuity":0,"linkinfo":{"info_kind":"bridge",
              "info_data":{"vlan_filtering":0,"nf_call_iptables":1,"nf_call_ip6tables":0}}},
             {"ifindex":10,"ifname":"eth0","flags":["UP","LOWER_UP"],"promiscuity":0,"link_type":"ether"},
             {}, {"ifindex":11}]
            """)
        #expect(
            result.values.map(show) == [
                "1: 1 lo loopback mtu 65536 up carrier loopback 00:00:00:00:00:00",
                "3: 7 veth1 veth mtu 1450 up no-carrier 46:98:0c:b8:67:d6 master cni0 peer 2 netns 1 xdp",
                "7: 8 flannel.1 vxlan mtu 1450 down carrier?",
                "11: 9 cni0 bridge mtu 0 up no-carrier",
                "13: 10 eth0 physical mtu 0 up carrier",
            ])
        #expect(result.values[2].addresses.map(show) == ["7: 10.7.7.1/32 global peer 10.7.7.2/32"])
        let text = parse(Self.details)
        #expect(result.values[2].tunnel == text.values[2].tunnel)
        #expect(result.values[3].bridge?.callIptables == true)
        #expect(result.values[1].port?.hairpin == true)
        #expect(result.unread.map(\.source.line) == [14])
    }

    @Test func mergesListingsOfOneDevice() throws {
        let plain = parse(
            """
            5: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN
                link/ether 8e:5a:0d:07:0f:0d brd ff:ff:ff:ff:ff:ff
                inet 10.244.1.0/32 scope global flannel.1
            """)
        var link = try #require(plain.values.first)
        link.merge(parse(Self.details).values[2])
        #expect(link.kind == .vxlan)
        #expect(link.tunnel?.vni == 1)
        #expect(link.addresses.map(show) == ["3: 10.244.1.0/32 global"])
        var other = parse(Self.details).values[2]
        other.merge(try #require(plain.values.first))
        #expect(other.kind == .vxlan && other.addresses.count == 1)
    }

    @Test func readsNewIfconfig() {
        let expected = [
            "0 docker0 unknown(\"\") mtu 1500 up no-carrier 02:42:3a:a6:1d:bb",
            "0 enp0s3 unknown(\"\") mtu 1500 up carrier 08:00:27:e2:ae:0a",
            "0 flannel0 unknown(\"\") mtu 1472 up carrier ptp noarp",
            "0 lo loopback mtu 65536 up carrier loopback",
        ]
        let text = """
            docker0: flags=4099<UP,BROADCAST,MULTICAST>  mtu 1500
                    inet 10.1.19.1  netmask 255.255.255.0  broadcast 0.0.0.0
                    ether 02:42:3a:a6:1d:bb  txqueuelen 0  (Ethernet)
                    RX packets 0  bytes 0 (0.0 B)
                    RX errors 0  dropped 0  overruns 0  frame 0
                    TX packets 0  bytes 0 (0.0 B)
                    TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0

            enp0s3: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500
                    inet 192.168.44.108  netmask 255.255.255.0  broadcast 192.168.44.255
                    inet6 fe80::a00:27ff:fee2:ae0a  prefixlen 64  scopeid 0x20<link>
                    ether 08:00:27:e2:ae:0a  txqueuelen 1000  (Ethernet)
                    RX packets 20866  bytes 2478600 (2.3 MiB)
                    device interrupt 16  memory 0xf7c00000-f7c20000

            flannel0: flags=4305<UP,POINTOPOINT,RUNNING,NOARP,MULTICAST>  mtu 1472
                    inet 10.1.19.0  netmask 255.255.0.0  destination 10.1.19.0
                    unspec 00-00-00-00-00-00-00-00-00-00-00-00-00-00-00-00  txqueuelen 500  (UNSPEC)

            lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536
                    inet 127.0.0.1  netmask 255.0.0.0
                    inet6 ::1  prefixlen 128  scopeid 0x10<host>
                    loop  txqueuelen 1000  (Local Loopback)

            lo:x: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536
                    inet 10.5.5.5  netmask 255.255.255.255
                    loop  txqueuelen 1000  (Local Loopback)
            """
        let flat = "[root@k8s-master ~]# ifconfig " + text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for text in [text, flat] {
            let result = parse(text)
            #expect(result.unread.isEmpty)
            #expect(result.values.map { String(show($0).drop { $0 != " " }.dropFirst()) } == expected)
            #expect(
                result.values.map { $0.addresses.map { String(show($0).drop { $0 != " " }.dropFirst()) } } == [
                    ["10.1.19.1/24 global"],
                    ["192.168.44.108/24 global brd 192.168.44.255", "fe80::a00:27ff:fee2:ae0a/64 link"],
                    ["10.1.19.0/16 global peer 10.1.19.0/32"],
                    ["127.0.0.1/8 host", "::1/128 host", "10.5.5.5/32 global"],
                ])
        }
    }

    @Test func readsOldIfconfig() {
        let result = parse(
            """
            eth0      Link encap:Ethernet  HWaddr 00:50:56:A3:41:00\u{20}\u{20}
                      inet addr:172.16.102.35  Bcast:172.16.102.255  Mask:255.255.255.0
                      inet6 addr: fe80::250:56ff:fea3:4100/64 Scope:Link
                      UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1
                      RX packets:10 errors:0 dropped:0 overruns:0 frame:0
                      TX packets:12 errors:0 dropped:0 overruns:0 carrier:0
                      collisions:0 txqueuelen:1000
                      RX bytes:1000 (1.0 KB)  TX bytes:1200 (1.2 KB)
                      Interrupt:20 Memory:f7c00000-f7c20000

            tunl0     Link encap:IPIP Tunnel  HWaddr
                      inet addr:10.1.1.1  P-t-P:10.1.1.2  Mask:255.255.255.255
                      POINTOPOINT NOARP  MTU:1480  Metric:1

            lo        Link encap:Local Loopback
                      inet addr:127.0.0.1  Mask:255.0.0.0
                      UP LOOPBACK RUNNING  MTU:65536  Metric:1
            """)
        #expect(result.unread.isEmpty)
        #expect(
            result.values.map(show) == [
                "1: 0 eth0 unknown(\"\") mtu 1500 up carrier 00:50:56:a3:41:00",
                "11: 0 tunl0 ipip mtu 1480 down carrier? ptp noarp",
                "15: 0 lo loopback mtu 65536 up carrier loopback",
            ])
        #expect(
            result.values.map { $0.addresses.map(show) } == [
                ["2: 172.16.102.35/24 global brd 172.16.102.255", "3: fe80::250:56ff:fea3:4100/64 link"],
                ["12: 10.1.1.1/32 global peer 10.1.1.2/32"], ["16: 127.0.0.1/8 host"],
            ])
    }

    @Test func keepsWhatIsNoDevice() {
        let result = parse(
            """
            Device "eth9" does not exist.
            2: eth0: <UP,LOWER_UP> mtu 1500 qdisc mq state UP frobnicate
                link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff
                inet nonsense scope global eth0
            bridge name     bridge id
            """)
        #expect(result.values.map(\.name) == ["eth0"])
        #expect(result.values[0].mac != nil && result.values[0].addresses.isEmpty)
        #expect(result.unread.map(\.source.line) == [1, 2, 4, 5])
    }
}
