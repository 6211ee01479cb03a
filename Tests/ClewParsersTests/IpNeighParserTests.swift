import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct IpNeighParserTests {
    private func parse(_ text: String) -> ParsedList<Neighbor> {
        IpNeighParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 2))
    }

    private func show(_ neighbor: Neighbor) -> String {
        "\(neighbor.source.line): \(neighbor.address) \(neighbor.device) \(neighbor.mac?.description ?? "-") "
            + neighbor.states.joined(separator: ",") + (neighbor.isProxy ? " proxy" : "")
    }

    @Test func readsText() {
        let result = parse(
            """
            192.168.50.13 dev eth0 lladdr 22:1b:9f:bc:ef:46 extern_learn  ref 1 used 1/1/1probes 0 REACHABLE\u{20}
            192.168.50.12 dev eth0  used 11/1/1 probes 6 FAILED
            fd00:50::7 dev eth0 lladdr 22:1b:9f:bc:ef:45 router STALE
            192.168.50.99 dev eth0  proxy
            10.244.1.0 dev flannel.1 lladdr 6e:5e:8e:a3:c9:73 PERMANENT proto zebra
            10.7.7.2 dev tunl0 lladdr 172.16.1.88 NOARP
            """)
        #expect(result.unread.isEmpty)
        #expect(
            result.values.map(show) == [
                "1: 192.168.50.13 eth0 22:1b:9f:bc:ef:46 REACHABLE",
                "2: 192.168.50.12 eth0 - FAILED",
                "3: fd00:50::7 eth0 22:1b:9f:bc:ef:45 STALE",
                "4: 192.168.50.99 eth0 -  proxy",
                "5: 10.244.1.0 flannel.1 6e:5e:8e:a3:c9:73 PERMANENT",
                "6: 10.7.7.2 tunl0 - NOARP",
            ])
        #expect(result.values[3].text == "192.168.50.99 dev eth0 proxy")
    }

    @Test func takesTheDeviceFromTheCommand() {
        let result = parse("# ip neigh show dev cni0\n10.0.0.5 lladdr 22:1b:9f:bc:ef:46 REACHABLE\n")
        #expect(result.unread.isEmpty)
        #expect(result.values.map(show) == ["2: 10.0.0.5 cni0 22:1b:9f:bc:ef:46 REACHABLE"])
    }

    @Test func readsJSON() {
        let result = parse(
            """
            [{"dst":"10.244.1.5","dev":"cni0","lladdr":"86:fe:14:60:ff:db","state":["DELAY"]},
             {"dst":"192.168.50.10","dev":"eth0","state":["FAILED"]},{"dst":"10.0.0.9","dev":"eth0","proxy":null},
             {"dev":"eth0"}]
            """)
        #expect(
            result.values.map(show) == [
                "1: 10.244.1.5 cni0 86:fe:14:60:ff:db DELAY", "2: 192.168.50.10 eth0 - FAILED",
                "2: 10.0.0.9 eth0 -  proxy",
            ])
        #expect(result.values[0].text == "10.244.1.5 dev cni0 lladdr 86:fe:14:60:ff:db DELAY")
        #expect(result.unread.map(\.source.line) == [3])
    }

    @Test func readsArp() {
        let result = parse(
            """
            Address                  HWtype  HWaddress           Flags Mask            Iface
            192.168.50.13            ether   22:1b:9f:bc:ef:46   C                     eth0
            192.168.50.12            ether   22:1b:9f:bc:ef:45   CM                    eth0
            192.168.50.99            *       <from_interface>    MP                    eth0
            192.168.50.77                    (incomplete)                              eth0
            ? (192.168.50.13) at 22:1b:9f:bc:ef:46 [ether] on eth0
            ? (192.168.50.98) at <incomplete> on eth0
            ? (192.168.50.99) at <from_interface> PERM PUB on eth0
            IP address       HW type     Flags       HW address            Mask     Device
            10.0.0.1         0x1         0x2         22:1b:9f:bc:ef:46     *        eth1
            10.0.0.2         0x1         0x0         00:00:00:00:00:00     *        eth1
            """)
        #expect(result.unread.isEmpty)
        #expect(
            result.values.map(show) == [
                "2: 192.168.50.13 eth0 22:1b:9f:bc:ef:46 ",
                "3: 192.168.50.12 eth0 22:1b:9f:bc:ef:45 PERMANENT",
                "4: 192.168.50.99 eth0 - PERMANENT proxy",
                "5: 192.168.50.77 eth0 - INCOMPLETE",
                "6: 192.168.50.13 eth0 22:1b:9f:bc:ef:46 ",
                "7: 192.168.50.98 eth0 - INCOMPLETE",
                "8: 192.168.50.99 eth0 - PERMANENT proxy",
                "10: 10.0.0.1 eth1 22:1b:9f:bc:ef:46 ",
                "11: 10.0.0.2 eth1 - INCOMPLETE",
            ])
    }

    @Test func readsAnEchoedPipeAndItsAnswerOnOneLine() {
        let result = parse(
            "root@a:~# arp -n |grep 10.151.51.8 10.151.51.8 ether 2e:d6:68:68:23:60 CM caliee93b0bdd66 #抓包 root@a:~# tcpdump"
        )
        #expect(result.unread.isEmpty)
        #expect(result.values.map(show) == ["1: 10.151.51.8 caliee93b0bdd66 2e:d6:68:68:23:60 PERMANENT"])
    }

    @Test func keepsWhatIsNoNeighbour() {
        let result = parse("nonsense here\n10.0.0.1 dev eth0 lladdr 22:1b:9f:bc:ef:46 PONDERING\n")
        #expect(result.unread.map(\.source.line) == [1, 2])
        #expect(result.values.map(show) == ["2: 10.0.0.1 eth0 22:1b:9f:bc:ef:46 "])
    }
}
