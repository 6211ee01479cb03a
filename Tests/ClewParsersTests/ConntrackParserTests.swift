import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct ConntrackParserTests {
    private func parse(_ text: String) -> ParsedFile<[ConntrackEntry]> {
        ConntrackParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 3))
    }

    private func tuple(
        _ source: String, _ destination: String, _ ipProtocol: IPProtocol, _ sourcePort: UInt16,
        _ destinationPort: UInt16
    ) throws -> ConntrackTuple {
        ConntrackTuple(
            source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)),
            ipProtocol: ipProtocol, sourcePort: sourcePort, destinationPort: destinationPort)
    }

    @Test func readsTCPWithCountersAndEveryTail() throws {
        let result = parse(
            """
            tcp      6 431999 ESTABLISHED src=10.244.1.5 dst=10.96.0.10 sport=40000 dport=80 packets=3 bytes=180 \
            src=10.244.2.6 dst=10.244.1.5 sport=8080 dport=40000 packets=2 bytes=120 [ASSURED] mark=16384 \
            secctx=system_u:object_r:unlabeled_t:s0 labels=a,b zone=5 delta-time=9 use=1
            conntrack v1.4.6 (conntrack-tools): 1 flow entries have been shown.

            """)
        #expect(result.unread.isEmpty)
        #expect(result.lines == 2)
        let entry = try #require(result.value.first)
        #expect(result.value.count == 1)
        #expect(try entry.original == tuple("10.244.1.5", "10.96.0.10", .tcp, 40000, 80))
        #expect(try entry.reply == tuple("10.244.2.6", "10.244.1.5", .tcp, 8080, 40000))
        #expect(entry.state == "ESTABLISHED")
        #expect(entry.timeout == 431_999)
        #expect(entry.mark == 16384)
        #expect(entry.zone == 5)
        #expect(entry.isAssured && !entry.isUnreplied && !entry.isOffloaded)
        #expect(entry.source == SourceLine(ArtifactID(rawValue: 3), line: 1))
    }

    @Test func readsExtendedAndProcForms() throws {
        let result = parse(
            """
            ipv4     2 tcp      6 117 SYN_SENT src=192.168.50.11 dst=10.96.0.1 sport=1 dport=2 [UNREPLIED] \
            src=10.244.2.6 dst=192.168.50.11 sport=8000 dport=51571 mark=0 use=1
            ipv6     10 udp      17 29 src=fd00::1 dst=fd00:0:0:0:0:0:0:2 sport=53 dport=54 src=fd00::2 dst=fd00::1 \
            sport=54 dport=53 mark=0 zone=0 use=2
            ipv4     2 udp      17 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 \
            [OFFLOAD] mark=0 use=2
            ipv4     2 tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 \
            [HW_OFFLOAD] mark=0 zone-orig=7 use=2\r
            """)
        #expect(result.unread.isEmpty)
        try #require(result.value.count == 4)
        #expect(result.value[0].isUnreplied)
        #expect(try result.value[0].reply == tuple("10.244.2.6", "192.168.50.11", .tcp, 8000, 51571))
        #expect(try result.value[1].original == tuple("fd00::1", "fd00::2", .udp, 53, 54))
        #expect(result.value[1].state == nil && result.value[1].timeout == 29)
        #expect(result.value[2].isOffloaded && result.value[2].timeout == nil)
        #expect(result.value[3].isOffloaded && result.value[3].zone == 7)
    }

    /// Three digits may begin an address of IPv6 though they are more than IPv4 has.
    @Test(arguments: ["2600:1f18::1", "3001:db8::5", "400::1", "256::2", "999::"])
    func readsAddressesThatBeginWithDigits(address: String) throws {
        let result = parse(
            "ipv6 10 udp 17 29 src=\(address) dst=fd00::2 sport=53 dport=54 src=fd00::2 dst=\(address) sport=54 dport=53 mark=0 use=2"
        )
        #expect(result.unread.isEmpty)
        #expect(try result.value.first?.original == tuple(address, "fd00::2", .udp, 53, 54))
    }

    @Test func readsProtocolsWithoutPorts() throws {
        let result = parse(
            """
            icmp     1 29 src=10.0.0.1 dst=8.8.8.8 type=8 code=0 id=48 src=8.8.8.8 dst=10.0.0.1 type=0 code=0 id=48 mark=0 use=1
            icmpv6   58 29 src=fd00::1 dst=fd00::2 type=128 code=0 id=7 [UNREPLIED] src=fd00::2 dst=fd00::1 type=129 code=0 id=7 mark=0 use=1
            unknown  89 599 src=10.0.0.1 dst=224.0.0.5 [UNREPLIED] src=224.0.0.5 dst=10.0.0.1 mark=0 use=1
            gre      47 179 src=10.0.0.1 dst=10.0.0.2 srckey=0x0 dstkey=0x4000 src=10.0.0.2 dst=10.0.0.1 srckey=0x4000 dstkey=0x0 [ASSURED] mark=0 use=1
            sctp     132 9 SHUTDOWN_ACK_SENT src=10.0.0.1 dst=10.0.0.2 sport=9 dport=10 src=10.0.0.2 dst=10.0.0.1 sport=10 dport=9 mark=0 use=1 id=123456789
            """)
        #expect(result.unread.isEmpty)
        try #require(result.value.count == 5)
        #expect(try result.value[0].original == tuple("10.0.0.1", "8.8.8.8", .icmp, 48, 0x800))
        #expect(try result.value[0].reply == tuple("8.8.8.8", "10.0.0.1", .icmp, 48, 0))
        #expect(try result.value[1].reply == tuple("fd00::2", "fd00::1", .icmpv6, 7, 0x8100))
        #expect(result.value[2].original.ipProtocol == IPProtocol(rawValue: 89))
        #expect(try result.value[3].original == tuple("10.0.0.1", "10.0.0.2", .gre, 0, 0x4000))
        #expect(result.value[4].state == "SHUTDOWN_ACK_SENT")
        #expect(result.value[4].original.sourcePort == 9)
    }

    @Test(arguments: [
        ("tcp", "no protocol number"),
        ("tcp 300 1 src=1.1.1.1", "no protocol number"),
        ("tcp 6 1 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2", "no reply tuple with src and dst of one family"),
        (
            "tcp 6 1 src=10.0.0.1 dst=fd00::1 src=10.0.0.1 dst=10.0.0.1",
            "no original tuple with src and dst of one family"
        ),
        ("tcp 6 1 src=10.0.0.256", "src is not an address"),
        ("tcp 6 1 src=1.1.1.1 dst=1.1.1.1 sport=65536", "sport is not a port"),
        ("tcp 6 1 src=1.1.1.1 src=1.1.1.1 src=1.1.1.1", "more than two tuples"),
        ("[NEW] tcp 6 1 src=1.1.1.1", "an event of conntrack -E, not an entry of the table"),
        ("ipv4 2", "ends before its protocol"),
    ])
    func saysWhyALineIsUnread(_ text: String, _ reason: String) {
        let result = parse(text)
        #expect(result.value.isEmpty)
        #expect(result.unread.map(\.reason) == [reason])
        #expect(result.unread.map(\.text) == [text])
    }
}
