import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct IpBridgeParserTests {
    private let artifact = ArtifactID(rawValue: 4)

    private func show(_ item: NamedBridgePort) -> String {
        func word(_ value: Bool?) -> String { value.map { $0 ? "on" : "off" } ?? "?" }
        let port = item.port
        return "\(port.source.line): \(item.name) \(port.bridge) \(port.state ?? "?") \(word(port.hairpin)) "
            + word(port.isolated)
    }

    @Test func readsPorts() {
        let result = BridgeLinkParser.parse(
            Array(
                """
                5: veth40296445@und0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 master cni0 state forwarding priority 32 cost 2
                    hairpin on guard off root_block off fastleave off learning on flood on isolated off locked off\u{20}
                6: veth1 state UP @(null): <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state blocking priority 32 cost 2
                7: eth0: <BROADCAST,UP> mtu 1500
                """.utf8), artifact: artifact)
        #expect(result.values.map(show) == ["1: veth40296445 cni0 forwarding on off", "3: veth1 br0 blocking ? ?"])
        #expect(result.unread.map(\.source.line) == [4])
    }

    @Test func readsPortsFromJSON() {
        let result = BridgeLinkParser.parse(
            Array(
                """
                [{"ifindex":4,"ifname":"veth1","master":"cni0","state":"forwarding","hairpin":true,"isolated":false},
                {"ifindex":5,"ifname":"veth2"}]
                """.utf8), artifact: artifact)
        #expect(result.values.map(show) == ["1: veth1 cni0 forwarding on off"])
        #expect(result.unread.map(\.source.line) == [2])
    }

    private func show(_ entry: ForwardingEntry) -> String {
        var words = ["\(entry.source.line): \(entry.mac) \(entry.device)"]
        if let master = entry.master { words.append("master \(master)") }
        if let vlan = entry.vlan { words.append("vlan \(vlan)") }
        if let remote = entry.remote { words.append("remote \(remote)") }
        if let port = entry.remotePort { words.append("port \(port)") }
        if let vni = entry.vni { words.append("vni \(vni)") }
        let flags = [(entry.isSelf, "self"), (entry.isPermanent, "permanent"), (entry.isLocal, "local")]
        return (words + flags.filter(\.0).map(\.1)).joined(separator: " ")
    }

    private static let shown = [
        "76:59:50:b8:63:ae tap2 master br0 vlan 1 permanent local",
        "33:33:00:00:00:01 tap2 self permanent",
        "22:1b:9f:bc:ef:45 flannel.1 remote 172.16.102.32 self permanent",
        "22:1b:9f:bc:ef:46 vx6 remote 192.168.50.13 port 1234 vni 99 self permanent",
        "22:1b:9f:bc:ef:47 veth1 master cni0",
        "22:1b:9f:bc:ef:48 veth1 master cni0",
    ]

    @Test func readsForwardingEntries() {
        let result = BridgeFdbParser.parse(
            Array(
                """
                76:59:50:b8:63:ae dev tap2 vlan 1 master br0 permanent
                33:33:00:00:00:01 dev tap2 self permanent
                22:1b:9f:bc:ef:45 dev flannel.1 dst 172.16.102.32 self permanent
                22:1b:9f:bc:ef:46 dev vx6 dst 192.168.50.13 port 1234 vni 99 via eth0 used 1/1 self permanent
                22:1b:9f:bc:ef:47 dev veth1 used 1/1 master cni0 static
                22:1b:9f:bc:ef:48 dev veth1 master cni0 extern_learn\u{20}
                22:1b:9f:bc:ef:49 dev veth1 dst nowhere
                """.utf8), artifact: artifact)
        #expect(result.values.map(show) == Self.shown.enumerated().map { "\($0.offset + 1): \($0.element)" })
        #expect(result.values[3].text.hasSuffix("vni 99 via eth0 used 1/1 self permanent"))
        #expect(result.unread.map(\.source.line) == [7])
    }

    @Test func readsForwardingEntriesFromJSON() {
        let result = BridgeFdbParser.parse(
            Array(
                """
                [{"mac":"76:59:50:b8:63:ae","ifname":"tap2","vlan":1,"flags":[],"master":"br0","state":"permanent"},
                {"mac":"33:33:00:00:00:01","ifname":"tap2","flags":["self"],"state":"permanent"},
                {"mac":"22:1b:9f:bc:ef:45","ifname":"flannel.1","dst":"172.16.102.32","flags":["self"],"state":"permanent"},
                {"mac":"22:1b:9f:bc:ef:46","ifname":"vx6","dst":"192.168.50.13","port":1234,"vni":99,"flags":["self"],
                "state":"permanent"},
                {"mac":"22:1b:9f:bc:ef:47","ifname":"veth1","used":1,"flags":[],"master":"cni0","state":"static"},
                {"mac":"22:1b:9f:bc:ef:48","ifname":"veth1","flags":["extern_learn"],"master":"cni0","state":""}]
                """.utf8), artifact: artifact)
        #expect(result.unread.isEmpty)
        #expect(result.values.map { String(show($0).drop { $0 != " " }.dropFirst()) } == Self.shown)
        #expect(result.values[2].text == "22:1b:9f:bc:ef:45 dev flannel.1 dst 172.16.102.32 self permanent")
    }

    @Test func takesDeviceAndBridgeFromTheCommand() {
        let result = BridgeFdbParser.parse(
            Array("$ bridge fdb show br cni0\n0a:58:0a:f4:01:05 dev veth1 permanent\n".utf8), artifact: artifact)
        #expect(result.values.map(show) == ["2: 0a:58:0a:f4:01:05 veth1 master cni0 permanent local"])
    }
}
