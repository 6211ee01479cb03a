import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct IpvsadmParserTests {
    private func parse(_ text: String) -> ParsedFile<[VirtualServer]> {
        IpvsadmParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 0))
    }

    /// `tcp 10.96.0.1:443 rr p=10800 | 10.0.0.1:6443 masquerade 1`.
    private func show(_ servers: [VirtualServer]) -> [String] {
        servers.map { server in
            let name =
                server.firewallMark.map { "mark \($0)" }
                ?? "\(server.ipProtocol) \(server.address.map { SocketAddress($0, server.port).description } ?? "?")"
            let persistence = server.persistence.map { " p=\($0)" } ?? ""
            let real = server.realServers.map { " | \(SocketAddress($0.address, $0.port)) \($0.method) \($0.weight)" }
            return "\(name) \(server.scheduler.rawValue)\(persistence)\(real.joined())"
        }
    }

    @Test func readsCommands() {
        let result = parse(
            """
            # comment
            -A -t 10.96.0.1:443 -s rr -p 10800 -M 255.255.255.255
            -a -t 10.96.0.1:443 -r 172.18.0.5:6443 -m -w 1
            -A -u 10.96.0.10:53 -s wrr -o
            -A -t [fd00::1]:80 -s sh -b sh-port
            -a -t [fd00::1]:80 -r [fd00::2]:8080 -g -w 0 -x 0 -y 0
            -a -u 10.96.0.10:53 -r 10.244.0.2:53 -i -w 3
            --add-service --sctp-service 10.96.0.2:9 --scheduler lc --persistent
            -A -f 100 -s rr
            -a -f 100 -r 10.0.0.1:0 -g
            """)
        #expect(result.unread.isEmpty)
        #expect(result.lines == 10)
        #expect(
            show(result.value) == [
                "tcp 10.96.0.1:443 rr p=10800 | 172.18.0.5:6443 masquerade 1",
                "udp 10.96.0.10:53 wrr | 10.244.0.2:53 tunnel 3",
                "tcp [fd00::1]:80 sh | [fd00::2]:8080 route 0", "sctp 10.96.0.2:9 lc p=300",
                "mark 100 rr | 10.0.0.1 route 1",
            ])
        #expect(result.value[1].realServers[0].source.line == 7)
    }

    @Test func readsTheTable() {
        let result = parse(
            """
            IP Virtual Server version 1.2.1 (size=4096)
            Prot LocalAddress:Port Scheduler Flags
              -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
            TCP  10.96.0.1:443 rr persistent 10800 mask 255.255.255.255
              -> 172.18.0.5:6443              Masq    1      3          0
            UDP  10.96.0.10:53 wlc ops
            SCTP [fd00::1]:9 sh (sh-port)
              -> [fd00::2]:9                  Tunnel  2      0          0
              -> [fd00::3]:9                  Route   0      0          0
            FWM  7 IPv6 rr
              -> [fd00::3]:0                  Local   1      0          0
            """)
        #expect(result.unread.isEmpty)
        #expect(
            show(result.value) == [
                "tcp 10.96.0.1:443 rr p=10800 | 172.18.0.5:6443 masquerade 1", "udp 10.96.0.10:53 wlc",
                "sctp [fd00::1]:9 sh | [fd00::2]:9 tunnel 2 | [fd00::3]:9 route 0", "mark 7 rr | fd00::3 route 1",
            ])
        #expect(result.value[2].realServers.map(\.source.line) == [8, 9])
    }

    @Test func readsATableInOneLine() {
        let result = parse(
            "IP Virtual Server version 1.2.1 (size=4096) Prot LocalAddress:Port Scheduler Flags "
                + "-> RemoteAddress:Port Forward Weight ActiveConn InActConn TCP 10.96.0.1:443 rr persistent 9 "
                + "-> 10.0.0.1:6443 Masq 1 3 0 -> 10.0.0.2:6443 Masq 1 3 0 UDP 10.96.0.10:53 rr -> 10.0.0.3:53 Masq 1 0 0"
        )
        #expect(result.unread.isEmpty)
        #expect(
            show(result.value) == [
                "tcp 10.96.0.1:443 rr p=9 | 10.0.0.1:6443 masquerade 1 | 10.0.0.2:6443 masquerade 1",
                "udp 10.96.0.10:53 rr | 10.0.0.3:53 masquerade 1",
            ])
    }

    @Test func keepsWhatItCannotRead() {
        let result = parse(
            """
            -A -t worker:https -s rr
            -a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 1
            -A -t 10.0.0.1:81 -s rr --new-option
            TCP  10.96.0.1:443    0  0  0  0  0
              -> 172.18.0.5:6443    0  0  0  0  0
            hello
            """)
        #expect(result.value.isEmpty)
        #expect(result.unread.map(\.source.line) == [1, 2, 3, 4, 5, 6])
        #expect(result.unread[1].reason == "names a virtual server that was not added before")
    }
}
