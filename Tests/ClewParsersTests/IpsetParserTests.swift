import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct IpsetParserTests {
    private func parse(_ text: String) -> ParsedFile<[IPSet]> {
        IpsetParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 0))
    }

    private func show(_ part: IPSetPart) -> String {
        switch part {
        case .addresses(let range): range.first == range.last ? "\(range.first)" : "\(range.first)-\(range.last)"
        case .port(let ipProtocol, let range): "\(ipProtocol.map(\.description) ?? "any"):\(range.first)-\(range.last)"
        case .mac(let mac): mac.description
        case .mark(let mark): "mark \(mark)"
        case .interface(let name, let isPhysical): (isPhysical ? "port " : "dev ") + name
        case .set(let name): "set " + name
        }
    }

    private func show(_ set: IPSet) -> [String] {
        set.entries.map { ($0.noMatch ? "! " : "") + $0.parts.map(show).joined(separator: " ") }
    }

    @Test(arguments: [
        ("hash:ip family inet hashsize 1024 maxelem 65536", "10.0.0.1", "10.0.0.1"),
        ("hash:ip family inet netmask 24 timeout 0", "10.0.1.0 timeout 12", "10.0.1.0-10.0.1.255"),
        ("hash:ip family inet bitmask 255.255.0.0", "10.9.0.0", "10.9.0.0-10.9.255.255"),
        ("hash:ip family inet6 initval 0x1 bucketsize 12", "fd00::1", "fd00::1"),
        ("hash:ip,port family inet counters", "10.0.0.1,tcp:80 packets 1 bytes 60", "10.0.0.1 tcp:80-80"),
        ("hash:ip,port family inet", "10.0.0.1,udp:100-200", "10.0.0.1 udp:100-200"),
        ("hash:ip,port family inet", "10.0.0.1,icmp:echo-request", "10.0.0.1 icmp:2048-2048"),
        ("hash:ip,port family inet6", "fd00::1,icmpv6:135/0", "fd00::1 ipv6-icmp:34560-34560"),
        ("hash:ip,port family inet", "10.0.0.1,vrrp:0", "10.0.0.1 vrrp:0-0"),
        ("hash:ip,port,ip family inet", "10.0.0.1,sctp:80,10.0.0.2", "10.0.0.1 sctp:80-80 10.0.0.2"),
        ("hash:ip,port,net family inet", "10.0.0.1,tcp:80,10.1.0.0/16", "10.0.0.1 tcp:80-80 10.1.0.0-10.1.255.255"),
        ("hash:net family inet", "10.0.0.0/8 nomatch", "! 10.0.0.0-10.255.255.255"),
        ("hash:net family inet6", "2001:db8::/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff"),
        ("hash:net,port family inet", "10.0.0.0/8,tcp:80", "10.0.0.0-10.255.255.255 tcp:80-80"),
        ("hash:net,net family inet", "10.0.0.0/8,1.1.1.1", "10.0.0.0-10.255.255.255 1.1.1.1"),
        ("hash:net,port,net family inet", "1.1.1.1,tcp:1,0.0.0.0/0", "1.1.1.1 tcp:1-1 0.0.0.0-255.255.255.255"),
        ("hash:net,iface family inet", "10.0.0.0/31,eth0", "10.0.0.0-10.0.0.1 dev eth0"),
        ("hash:net,iface family inet", "10.0.0.1,physdev:veth1", "10.0.0.1 port veth1"),
        ("hash:mac hashsize 64", "aa:bb:cc:00:11:22", "aa:bb:cc:00:11:22"),
        ("hash:ip,mac family inet", "10.0.0.1,aa:bb:cc:00:11:22", "10.0.0.1 aa:bb:cc:00:11:22"),
        ("hash:ip,mark family inet markmask 0xffffffff", "10.0.0.1,0x64", "10.0.0.1 mark 100"),
        ("bitmap:ip range 10.0.0.0-10.0.0.255", "10.0.0.7", "10.0.0.7"),
        ("bitmap:ip range 10.0.0.0/16 netmask 24", "10.0.3.0", "10.0.3.0-10.0.3.255"),
        ("bitmap:ip,mac range 10.0.0.0/24", "10.0.0.7,aa:bb:cc:00:11:22", "10.0.0.7 aa:bb:cc:00:11:22"),
        ("bitmap:port range 0-65535", "30080", "any:30080-30080"),
        ("list:set size 8", "other", "set other"),
        ("hash:ip family inet comment", #"10.0.0.1 comment "two words, nomatch""#, "10.0.0.1"),
    ])
    func readsEveryType(_ type: String, _ entry: String, _ expected: String) throws {
        let result = parse("create s \(type)\nadd s \(entry)\n")
        #expect(result.unread == [])
        let set = try #require(result.value.first)
        #expect(show(set) == [expected])
        #expect(set.isComplete)
        #expect(set.entries[0].source.line == 2)
        #expect(set.hasTimeout == type.contains("timeout"))
        #expect(set.type == String(type.prefix { $0 != " " }))
        #expect(set.family == (type.contains("inet6") ? .ipv6 : type.contains("family") ? .ipv4 : nil))
    }

    @Test func readsListings() throws {
        let result = parse(
            """
            Name: KUBE-CLUSTER-IP
            Type: hash:ip,port
            Revision: 5
            Header: family inet hashsize 1024 maxelem 65536 timeout 300 comment
            Size in memory: 200
            References: 2
            Number of entries: 2
            Members:
            10.96.0.1,tcp:443 timeout 0 comment "default/kubernetes:https"
            10.96.0.10,udp:53

            Name: empty
            Type: bitmap:port
            Revision: 3
            Header: range 0-65535
            Size in memory: 8268
            References: 2
            Number of entries: 0
            Members:

            Name: terse
            Type: hash:ip
            Revision: 4
            Header: family inet hashsize 1024 maxelem 65536
            Number of entries: 4
            """)
        #expect(result.unread == [])
        try #require(result.value.map(\.name) == ["KUBE-CLUSTER-IP", "empty", "terse"])
        #expect(show(result.value[0]) == ["10.96.0.1 tcp:443-443", "10.96.0.10 udp:53-53"])
        #expect(result.value.map(\.isComplete) == [true, true, false])
        #expect(result.value.map(\.hasTimeout) == [true, false, false])
        #expect(result.value.map(\.source.line) == [1, 12, 21])
    }

    @Test(arguments: [
        ("create s hash:new family inet\nadd s 1", 1),
        ("create s hash:ip family inet\nadd s 10.0.0.1 strange", 2),
        ("create s hash:ip family inet\nadd s fd00::1", 2),
        ("create s hash:ip family inet\nadd s 10.0.0.1,tcp:80", 2),
        ("create s hash:ip,port family inet\nadd s 10.0.0.1,tcp:http", 2),
        ("create s hash:net,iface family inet\nadd s 10.0.0.1,eth wildcard", 2),
        ("create s bitmap:ip,mac range 10.0.0.0/24\nadd s 10.0.0.1", 2),
        ("create s hash:ip,mark family inet markmask 0xff\nadd s 10.0.0.1,0x1", 1),
        ("create s hash:ip family inet bitmask 255.0.255.0\nadd s 10.0.1.0", 1),
        ("create s hash:ip family inet option\nadd s 10.0.0.1", 1),
        ("create s hash:ip family inet\nadd s", 2),
    ])
    func whatItCannotReadMakesASetIncomplete(_ text: String, _ line: UInt32) {
        let result = parse(text)
        #expect(result.unread.map(\.source.line) == [line])
        #expect(result.value.map(\.isComplete) == [false])
    }

    @Test func anEntryNeedsItsSet() {
        let result = parse("add s 10.0.0.1\nipset v7.1: Kernel error received\n")
        #expect(result.value.isEmpty)
        #expect(result.unread.count == 2)
    }
}
