import ClewBundle
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct SysctlParserTests {
    private func parse(_ text: String) -> ParsedFile<[String: Sysctl]> {
        SysctlParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 7))
    }

    @Test func readsWhatSysctlPrints() {
        let result = parse(
            """
            net.ipv4.ip_forward = 1
            net.ipv4.ip_local_port_range = 32768\t60999
            net.bridge.bridge-nf-call-iptables: 0
            net.ipv4.conf.eth0/100.rp_filter = 2
            kernel.core_pattern = |/bin/x %p a=b: c
            dev.empty =
            net.core.somaxconn=128\r

            sysctl: permission denied on key 'net.ipv6.conf.all.stable_secret'
            # a comment
            """)
        #expect(result.unread.isEmpty)
        #expect(result.lines == 10)
        #expect(
            result.value.mapValues(\.value) == [
                "net.ipv4.ip_forward": "1", "net.ipv4.ip_local_port_range": "32768\t60999",
                "net.bridge.bridge-nf-call-iptables": "0", "net.ipv4.conf.eth0/100.rp_filter": "2",
                "kernel.core_pattern": "|/bin/x %p a=b: c", "dev.empty": "", "net.core.somaxconn": "128",
            ])
        #expect(result.value["net.core.somaxconn"]?.source == SourceLine(ArtifactID(rawValue: 7), line: 7))
    }

    @Test func readsFilesBelowProcSys() {
        let result = parse(
            """
            /proc/sys/net/ipv4/ip_forward:1
            net/ipv4/conf/eth0.100/rp_filter = 1
            ==> /proc/sys/net/ipv4/conf/all/rp_filter <==
            0

            ==> /proc/sys/net/ipv4/conf/lo/rp_filter <==
            2
            root@worker-a:~# cat /proc/sys/net/bridge/bridge-nf-call-iptables
            1
            grep: /proc/sys/net/ipv4/route/flush: Permission denied
            cat: /proc/sys/net/ipv6/conf/all/stable_secret: Input/output error
            """)
        #expect(result.unread.isEmpty)
        #expect(
            result.value.mapValues(\.value) == [
                "net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0/100.rp_filter": "1",
                "net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.lo.rp_filter": "2",
                "net.bridge.bridge-nf-call-iptables": "1",
            ])
    }

    @Test func keepsWhatIsNoParameter() {
        let result = parse("net.ipv4.ip_forward = 1\nhello world\n1\nnet.ipv4.tcp_rmem\n")
        #expect(result.value.count == 1)
        #expect(result.unread.map(\.text) == ["hello world", "1", "net.ipv4.tcp_rmem"])
        #expect(result.unread.map(\.source.line) == [2, 3, 4])
    }

    @Test func keysAreWrittenAsProcpsDoes() {
        #expect(
            SysctlParser.canonicalKey("/proc/sys/net/ipv4/conf/eth0.1/forwarding") == "net.ipv4.conf.eth0/1.forwarding")
        #expect(SysctlParser.canonicalKey("net.ipv4.conf.eth0/1.forwarding") == "net.ipv4.conf.eth0/1.forwarding")
        #expect(SysctlParser.canonicalKey("net/ipv4/ip_forward") == "net.ipv4.ip_forward")
        #expect(SysctlParser.canonicalKey("word") == nil)
        #expect(SysctlParser.canonicalKey("ends.") == nil)
        #expect(SysctlParser.canonicalKey("") == nil)
    }
}
