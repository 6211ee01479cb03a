import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct IpRuleParserTests {
    private func parse(_ text: String, family: AddressFamily? = nil) -> ParsedList<RoutingRule> {
        IpRuleParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 2), family: family)
    }

    /// The rule without its place and text, for comparison across formats.
    private func bare(_ rule: RoutingRule) -> RoutingRule {
        var rule = rule
        rule.source = SourceLine(ArtifactID(rawValue: 0), line: 0)
        rule.text = ""
        return rule
    }

    private static let text = """
        0:\tfrom all lookup local
        9:\tfrom all fwmark 0x200/0xf00 lookup 2004
        50:\tnot from 10.0.0.0/8 to 10.1.1.1 tos 0x10 fwmark 0x1 iif lo oif eth0 [detached] uidrange 0-99 ipproto tcp \
        sport 1-5 dport 80 lookup 100 suppress_prefixlength 0
        60:\tfrom all iif nosuch [detached] goto 32766
        61:\tfrom all blackhole
        62:\tfrom 10.2.0.0/16 prohibit
        63:\tfrom all to 10.3.0.0/16 unreachable
        65:\tfrom all goto 70 [unresolved]
        66:\tfrom all nop
        67:\tfrom all ipproto udp sport 53 lookup main realms 5
        """
    private static let json = """
        [{"priority":0,"src":"all","table":"local"},
        {"priority":9,"src":"all","fwmark":"0x200","fwmask":"0xf00","table":"2004"},
        {"priority":50,"not":null,"src":"10.0.0.0","srclen":8,"dst":"10.1.1.1","tos":"0x10","fwmark":"0x1","iif":"lo",
        "oif":"eth0","oif_detached":null,"uid_start":0,"uid_end":99,"ipproto":"tcp","sport_start":1,"sport_end":5,
        "dport":80,"table":"100","suppress_prefixlen":0},
        {"priority":60,"src":"all","iif":"nosuch","iif_detached":null,"goto":32766},
        {"priority":61,"src":"all","action":"blackhole"},{"priority":62,"src":"10.2.0.0","srclen":16,"action":"prohibit"},
        {"priority":63,"src":"all","dst":"10.3.0.0","dstlen":16,"action":"unreachable"},
        {"priority":65,"src":"all","goto":70,"unresolved":null},{"priority":66,"src":"all","nop":null},
        {"priority":67,"src":"all","ipproto":"udp","sport":53,"table":"main","flow_to":"5"}]
        """

    @Test func readsText() throws {
        let result = parse(Self.text)
        #expect(result.unread.isEmpty)
        #expect(result.values.map(\.priority) == [0, 9, 50, 60, 61, 62, 63, 65, 66, 67])
        #expect(
            result.values.map(\.action) == [
                .lookup(.local), .lookup(RoutingTableID(rawValue: 2004)), .lookup(RoutingTableID(rawValue: 100)),
                .goto(32766), .blackhole, .prohibit, .unreachable, .goto(70), .nop, .lookup(.main),
            ])
        #expect(result.values.allSatisfy { $0.family == .ipv4 })
        let marked = result.values[1]
        #expect(marked.mark == 0x200 && marked.markMask == 0xF00)
        let long = result.values[2]
        #expect(long.isInverted)
        #expect(long.from == IPPrefix("10.0.0.0/8") && long.to == IPPrefix("10.1.1.1/32"))
        #expect(long.tos == 16 && long.mark == 1 && long.markMask == .max)
        #expect(long.inputDevice == "lo" && long.outputDevice == "eth0")
        #expect(long.userIDs == 0...99)
        #expect(long.ipProtocol == .tcp)
        #expect(long.sourcePorts == PortRange(1, 5) && long.destinationPorts == PortRange(80))
        #expect(long.suppressPrefixLength == 0)
        #expect(result.values[4].text == "61: from all blackhole")
        #expect(result.values[4].source.line == 5)
    }

    @Test func readsTheSameFromJSON() {
        let json = parse(Self.json)
        #expect(json.unread.isEmpty)
        let text = parse(Self.text)
        #expect(json.values.map(bare) == text.values.map(bare))
        #expect(json.values.map(\.text) == text.values.map(\.text))
        #expect(json.values.map(\.source.line) == [1, 2, 3, 6, 7, 7, 8, 9, 9, 10])
    }

    @Test func tellsTheFamilyByPrefixesThenByTheFile() {
        let text = "0: from all lookup local\n77: from fd00:50::/64 lookup 99\n78: to 10.0.0.1 lookup 99\n"
        #expect(parse(text, family: .ipv6).values.map(\.family) == [.ipv6, .ipv6, .ipv4])
        #expect(parse(text).values.map(\.family) == [.ipv4, .ipv6, .ipv4])
    }

    @Test func readsFlattenedRulesAndRemarks() {
        let result = parse(
            "root@a:~# ip rule show 0: from all lookup local 512: from all to 10.0.97.30 lookup main <---- to the pod\n"
                + "1000: from all lookup [l3mdev-table]\n32766: from all lookup main")
        #expect(result.unread.isEmpty)
        #expect(result.values.map(\.priority) == [0, 512, 1000, 32766])
        #expect(result.values[2].isL3MasterDevice)
    }

    @Test func leavesRulesUnreadThatWouldMatchTooMuch() {
        let result = parse(
            """
            67: from all tun_id 5 lookup main
            68: from all fwmark nonsense lookup main
            69: from all
            70: from all lookup main
            garbage
            """)
        #expect(result.values.map(\.priority) == [70])
        #expect(result.unread.map(\.source.line) == [1, 2, 3, 5])
        #expect(parse(#"[{"priority":67,"src":"all","tun_id":5,"table":"main"}]"#).unread.count == 1)
    }
}
