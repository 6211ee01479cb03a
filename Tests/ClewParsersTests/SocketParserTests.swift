import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import Testing

@Suite struct SocketParserTests {
    private func parse(_ text: String) -> ParsedFile<ListeningSockets> {
        SocketParser.parse(Array(text.utf8), artifact: ArtifactID(rawValue: 0))
    }

    /// `tcp 10.0.0.1%eth0:53 46 name`: the families accepted as digits.
    private func show(_ sockets: [ListeningSocket]) -> [String] {
        sockets.map { socket in
            let address = socket.address.map(\.description) ?? "any"
            let device = socket.device.map { "%" + $0 } ?? ""
            let families = (socket.acceptsIPv4 ? "4" : "") + (socket.acceptsIPv6 ? "6" : "")
            let process = socket.process.map { " " + $0 } ?? ""
            return "\(socket.ipProtocol) \(address)\(device) \(socket.port) \(families)\(process)"
        }
    }

    @Test func readsCurrentSS() {
        let result = parse(
            """
            Netid State  Recv-Q Send-Q        Local Address:Port  Peer Address:Port Process
            udp   UNCONN 26624  0                   0.0.0.0:30094      0.0.0.0:*     users:(("kube-proxy",pid=1,fd=9))
            udp   UNCONN 0      0         10.0.0.1%eth0:68         0.0.0.0:*
            udp   ESTAB  0      0              10.0.0.1:5000       10.0.0.2:53
            tcp   LISTEN 0      4096          127.0.0.1:10249      0.0.0.0:*    users:(("a b",pid=1,fd=9),("c",pid=2,fd=9))
            tcp   LISTEN 0      4096                  *:10256            *:*
            tcp   LISTEN 0      4096               [::]:81            [::]:*
            tcp   LISTEN 0      4096              [::1]:82            [::]:*
            tcp   LISTEN 0      4096 [fe80::1]%eth0:83            [::]:*
            tcp   LISTEN 0      4096 [::ffff:10.0.0.1]:84               *:*
            sctp  LISTEN 0      5               0.0.0.0:85         0.0.0.0:*
            u_str LISTEN 0      5      /run/x.sock 1234                 * 0
            nl    UNCONN 0      0                rtnl:kernel             *
            """)
        #expect(result.unread.isEmpty)
        #expect(
            show(result.value.sockets) == [
                "udp any 30094 4 kube-proxy", "udp 10.0.0.1%eth0 68 4", "tcp 127.0.0.1 10249 4 a b",
                "tcp any 10256 46", "tcp any 81 6", "tcp ::1 82 6", "tcp fe80::1%eth0 83 6", "tcp 10.0.0.1 84 4",
                "sctp any 85 4",
            ])
        #expect(result.value.protocols == [.tcp, .udp, .sctp])
    }

    @Test func readsSSOfOneProtocol() {
        let tcp = parse(
            "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n")
        #expect(show(tcp.value.sockets) == ["tcp any 22 4"])
        #expect(tcp.value.protocols == [.tcp])
        let udp = parse("UNCONN 0 0 *:53 *:*\n")
        #expect(show(udp.value.sockets) == ["udp any 53 46"])
        #expect(udp.value.protocols == [.udp])
    }

    @Test func aStarOfAnOldSSIsIPv4() {
        let result = parse(
            """
            tcp    LISTEN     0      128       *:22                    *:*
            tcp    LISTEN     0      128      :::22                   :::*
            """)
        #expect(show(result.value.sockets) == ["tcp any 22 4", "tcp any 22 46"])
        let other = parse("tcp LISTEN 0 128 127.0.0.1:25 *:*\ntcp LISTEN 0 128 *:22 *:*\n")
        #expect(show(other.value.sockets) == ["tcp 127.0.0.1 25 4", "tcp any 22 4"])
    }

    @Test func readsNetstat() {
        let result = parse(
            """
            Active Internet connections (only servers)
            Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
            tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      953/sshd: /usr/sbin
            tcp        0      0 10.0.0.1:22             10.0.0.9:50000          ESTABLISHED 954/sshd
            tcp6       0      0 :::10250                :::*                    LISTEN      812/kubelet
            tcp6       0      0 ::1:631                 :::*                    LISTEN      -
            udp        0      0 0.0.0.0:68              0.0.0.0:*                           601/dhclient
            udp6       0      0 :::5353                 :::*
            raw        0      0 0.0.0.0:1               0.0.0.0:*               7           1/x
            """)
        #expect(result.unread.isEmpty)
        #expect(
            show(result.value.sockets) == [
                "tcp any 22 4 sshd:", "tcp any 10250 46 kubelet", "tcp ::1 631 6", "udp any 68 4 dhclient",
                "udp any 5353 46",
            ])
        #expect(result.value.protocols == [.tcp, .udp])
    }

    @Test func aRowThatCannotBeReadMakesItsProtocolIncomplete() {
        let result = parse("tcp LISTEN 0 128 0.0.0.0:ssh 0.0.0.0:*\nudp UNCONN 0 0 0.0.0.0:53 0.0.0.0:*\n")
        #expect(result.unread.map(\.source.line) == [1])
        #expect(result.value.protocols == [.udp])
        #expect(result.value.incomplete == [.tcp])
        let strange = parse("garbage here\nudp UNCONN 0 0 0.0.0.0:53 0.0.0.0:*\n")
        #expect(strange.value.protocols.isEmpty)
        #expect(strange.unread.count == 1)
    }
}
