import ClewBundle
import ClewParsers
import ClewSnapshot
import Testing

/// Random, mutated and cut input: no trap, no hang, and never more lines than there are.
@Suite struct KernelStateFuzzTests {
    private static let seeds: [String] = [
        "tcp      6 431999 ESTABLISHED src=10.244.1.5 dst=10.96.0.10 sport=40000 dport=80 src=10.244.2.6 dst=10.244.1.5 sport=8080 dport=40000 [ASSURED] mark=16384 zone=5 use=1\nipv6 10 icmpv6 58 29 src=fd00::1 dst=fd00::2 type=128 code=0 id=7 src=fd00::2 dst=fd00::1 type=129 code=0 id=7 mark=0 use=1\ngre 47 1 src=1.1.1.1 dst=2.2.2.2 srckey=0x0 dstkey=0xffff src=2.2.2.2 dst=1.1.1.1\n",
        "net.ipv4.conf.eth0/100.rp_filter = 2\n/proc/sys/net/ipv4/ip_forward:1\n==> /proc/sys/net/ipv4/conf/all/rp_filter <==\n0\n",
        "Netid State Recv-Q\ntcp LISTEN 0 4096 [fe80::1]%eth0:83 [::]:* users:((\"a\",pid=1,fd=9))\nudp 0 0 0.0.0.0:68 0.0.0.0:* 601/dhclient\n",
        "create s hash:ip,port,net family inet netmask 24 timeout 1 comment\nadd s 10.0.0.1,icmp:8/0,10.0.0.0/8 timeout 5 comment \"a b\"\nName: x\nType: hash:net\nHeader: family inet6\nNumber of entries: 3\nMembers:\nfd00::/64 nomatch\n",
        "-A -t [fd00::1]:80 -s sh -p 300\n-a -t [fd00::1]:80 -r [fd00::2]:8080 -g -w 0\nTCP  10.96.0.1:443 rr persistent 10800\n  -> 172.18.0.5:6443 Masq 1 3 0\nFWM 7 IPv6 rr\n",
        "src=10.0.0.1 ttl: 63 last_seen: 4295021734 oldest_pkt: 2 4295021700, 4295021734\n",
        "# dev eth0 ingress\nfilter protocol all pref 1 bpf chain 0\n[{\"kind\":\"bpf\",\"dev\":\"eth0\"}]\n",
        "[{\"xdp\":[{\"devname\":\"eth0\"}],\"tc\":[{\"devname\":\"a\",\"kind\":\"tcx\"}]}]",
        "*filter\n:INPUT DROP\n-A INPUT -j DROP\n",
        "src 10.0.0.0/24 dst 10.1.0.0/24\n\tdir out priority 0\n\tsocket in\n",
        "{\"formatVersion\":1,\"artifacts\":{\"a\":{\"command\":\"x\",\"exitCode\":0,\"seconds\":1.5}},\"namespaces\":{\"n\":{\"pod\":\"a/b\"}}}",
    ]

    private static let parsers: [@Sendable ([UInt8]) -> (unread: Int, lines: Int)] = {
        let id = ArtifactID(rawValue: 0)
        func measure<Value>(
            _ parse: @escaping @Sendable ([UInt8], ArtifactID) -> ParsedFile<Value>
        ) -> @Sendable ([UInt8]) -> (unread: Int, lines: Int) {
            { bytes in
                let result = parse(bytes, id)
                return (result.unread.count, result.lines)
            }
        }
        return [
            measure { ConntrackParser.parse($0, artifact: $1) }, measure { SysctlParser.parse($0, artifact: $1) },
            measure { SocketParser.parse($0, artifact: $1) }, measure { IpsetParser.parse($0, artifact: $1) },
            measure { IpvsadmParser.parse($0, artifact: $1) }, measure { XtRecentParser.parse($0, artifact: $1) },
            measure { DataPathParser.parseTrafficControl($0, artifact: $1) },
            measure { BPFNetParser.parse($0, artifact: $1) },
            measure { DataPathParser.parseEbtables($0, artifact: $1) },
            measure { DataPathParser.parseXfrm($0, artifact: $1) },
            measure { BundleManifest.parse($0, artifact: $1) },
        ]
    }()

    private func check(_ bytes: [UInt8], _ what: String) {
        let newlines = bytes.count { $0 == UInt8(ascii: "\n") }
        for (index, parser) in Self.parsers.enumerated() {
            let result = parser(bytes)
            let isJSON = index == 7 || index == 10
            #expect(result.unread <= result.lines + 1, "parser \(index), \(what)")
            #expect(
                isJSON || result.lines == newlines + (bytes.last.map { $0 == 10 ? 0 : 1 } ?? 0),
                "parser \(index), \(what)")
        }
    }

    @Test func everyTruncation() {
        for (number, seed) in Self.seeds.enumerated() {
            let bytes = Array(seed.utf8)
            for end in 0...bytes.count { check(Array(bytes[..<end]), "seed \(number) cut at \(end)") }
        }
    }

    @Test func mutatedAndRandomBytes() {
        let start = UInt64.random(in: 0 ... .max)
        print("fuzz seed \(start)")
        var random = SplitMix(state: start)
        let alphabet = Array("0123456789.:/=-,[]{}\"'% \t\n\r!<>()abcdefFxX_#*+\u{0}é".utf8)
        for round in 0..<400 {
            var bytes = Array(Self.seeds[round % Self.seeds.count].utf8)
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = alphabet.randomElement(using: &random) ?? 0
                case 1: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes.insert(contentsOf: bytes[at...].prefix(9), at: 0)
                default: if bytes.count > 2 { bytes.remove(at: at) }
                }
            }
            check(bytes, "mutation \(round) of run \(start)")
            let noise = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? alphabet.randomElement(using: &random) ?? 0 : UInt8.random(in: 0...255, using: &random)
            }
            check(noise, "noise \(round) of run \(start)")
        }
    }

    @Test func longLinesEndInReasonableTime() {
        let many = String(repeating: "tcp ", count: 20_000)
        let clock = ContinuousClock()
        let time = clock.measure { check(Array(many.utf8), "a long line") }
        #expect(time < .seconds(20))
    }

    @Test func aBundleOfNoiseIsRead() {
        var random = SplitMix(state: UInt64.random(in: 0 ... .max))
        print("fuzz seed \(random.state)")
        let names = [
            "bundle.json", "cluster/a.json", "cluster/b.yaml", "nodes/n/iptables-save.txt",
            "nodes/n/nft-list-ruleset.json",
            "nodes/n/ip-addr.json", "nodes/n/ip-route.txt", "nodes/n/conntrack.txt", "nodes/n/netns/p/pod.txt",
            "nodes/n/netns/p/sysctl.txt", "sysctl.txt", "ip-addr.txt", "nodes", "nodes/", "netns/x/y", "/", "~3", "a~2",
        ]
        for _ in 0..<60 {
            let artifacts = names.map { name in
                let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                    UInt8.random(in: 9...126, using: &random)
                }
                return Artifact(path: name, bytes: bytes)
            }
            let snapshot = ClusterSnapshot(parsing: SupportBundle(name: "x", artifacts: artifacts), nodeName: nil)
            #expect(snapshot.inventory.count == names.count)
        }
    }
}

/// A small generator, so that a failure can be run again from the seed it printed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
