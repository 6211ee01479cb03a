import Testing

/// Rules, and indented behind each what it is read as: its matches, `→` and the target, `#` and the comment.
enum NftCases {
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var expected: [String] = []
        var testDescription: String { text }
    }

    static let all: [Case] = {
        var cases: [Case] = []
        for line in source.split(separator: "\n") {
            if line.hasPrefix("    ") {
                cases[cases.count - 1].expected.append(String(line.dropFirst(4)))
            } else {
                cases.append(Case(text: String(line)))
            }
        }
        return cases
    }()

    private static let source = #"""
        accept
            → accept
        drop
            → drop
        return
            → return
        continue
            → transparent
        jump other
            → jump other
        goto other
            → goto other
        counter packets 0 bytes 0
            → transparent
        ip saddr 10.0.0.1 accept
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → accept
        ip saddr 10.0.0.0/8 accept
            family(AddressFamily.ipv4); source4(value: 167772160, mask: 4278190080); → accept
        ip daddr != 10.96.0.0/12 accept
            family(AddressFamily.ipv4); ! destination4(value: 174063616, mask: 4293918720); → accept
        ip saddr 10.0.0.1-10.0.0.9 drop
            family(AddressFamily.ipv4); sourceRange AddressRange(first: 10.0.0.1, last: 10.0.0.9); → drop
        ip saddr != 10.0.0.1-10.0.0.9 drop
            family(AddressFamily.ipv4); ! sourceRange AddressRange(first: 10.0.0.1, last: 10.0.0.9); → drop
        ip daddr & 255.255.0.255 == 10.0.0.1 drop
            family(AddressFamily.ipv4); destination4(value: 167772161, mask: 4294902015); → drop
        ip daddr { 10.0.0.1, 10.1.0.0/16, 10.2.0.1-10.2.0.9 } accept
            family(AddressFamily.ipv4); lookup [destinationAddress] [nil] { address(10.0.0.1)-address(10.0.0.1), address(10.1.0.0)-address(10.1.255.255), address(10.2.0.1)-address(10.2.0.9) }; → accept
        ip daddr != { 10.0.0.1, 10.0.0.2 } accept
            family(AddressFamily.ipv4); ! lookup [destinationAddress] [nil] { address(10.0.0.1)-address(10.0.0.1), address(10.0.0.2)-address(10.0.0.2) }; → accept
        ip daddr != 10.0.0.1 accept
            family(AddressFamily.ipv4); ! destination4(value: 167772161, mask: 4294967295); → accept
        ip daddr @addresses accept
            family(AddressFamily.ipv4); lookup [destinationAddress] [nil] @addresses; → accept
        ip daddr != @addresses drop
            family(AddressFamily.ipv4); ! lookup [destinationAddress] [nil] @addresses; → drop
        ip6 saddr fd00::/8 accept
            family(AddressFamily.ipv6); source fd00::/8; → accept
        ip6 daddr != fd00::1 accept
            family(AddressFamily.ipv6); ! destination fd00::1/128; → accept
        ip6 daddr fd00::/16 accept
            family(AddressFamily.ipv6); destination fd00::/16; → accept
        meta l4proto tcp accept
            ipProtocol(tcp); → accept
        meta l4proto { tcp, udp } accept
            lookup [ipProtocol] [nil] { number(17)-number(17), number(6)-number(6) }; → accept
        meta l4proto != { tcp, udp } accept
            ! lookup [ipProtocol] [nil] { number(17)-number(17), number(6)-number(6) }; → accept
        ip protocol icmp accept
            family(AddressFamily.ipv4); ipProtocol(icmp); → accept
        ip6 nexthdr udp accept
            family(AddressFamily.ipv6); ipProtocol(udp); → accept
        meta nfproto ipv4 accept
            family(AddressFamily.ipv4); → accept
        meta protocol ip6 accept
            family(AddressFamily.ipv6); → accept
        tcp dport 80 accept
            ipProtocol(tcp); destinationPort(PortRange(first: 80, last: 80)); → accept
        tcp dport != 80-90 accept
            ipProtocol(tcp); ! destinationPort(PortRange(first: 80, last: 90)); → accept
        tcp dport < 1024 accept
            ipProtocol(tcp); destinationPort(PortRange(first: 0, last: 1023)); → accept
        tcp dport >= 30000 accept
            ipProtocol(tcp); destinationPort(PortRange(first: 30000, last: 65535)); → accept
        tcp dport { 22, 80-90 } accept
            ipProtocol(tcp); multiport destination [PortRange(first: 22, last: 22), PortRange(first: 80, last: 90)]; → accept
        udp sport != { 53, 123 } drop
            ipProtocol(udp); ! multiport source [PortRange(first: 53, last: 53), PortRange(first: 123, last: 123)]; → drop
        th dport 53 accept
            destinationPort(PortRange(first: 53, last: 53)); → accept
        tcp flags syn accept
            ipProtocol(tcp); tcpFlags(mask: 2, compare: 2); → accept
        tcp flags syn / fin,syn,rst,ack accept
            ipProtocol(tcp); tcpFlags(mask: 23, compare: 2); → accept
        tcp flags fin,syn drop
            ipProtocol(tcp); ! tcpFlags(mask: 3, compare: 0); → drop
        tcp flags ! fin,syn,rst,psh,ack,urg drop
            ipProtocol(tcp); tcpFlags(mask: 63, compare: 0); → drop
        tcp flags != syn / fin,syn,rst,ack drop
            ipProtocol(tcp); ! tcpFlags(mask: 23, compare: 2); → drop
        icmp type echo-request accept
            family(AddressFamily.ipv4); ipProtocol(icmp); icmp(type: 8, firstCode: 0, lastCode: 255); → accept
        icmp type { echo-reply, echo-request } accept
            family(AddressFamily.ipv4); ipProtocol(icmp); lookup [icmpType] [nil] { number(0)-number(0), number(8)-number(8) }; → accept
        icmpv6 type nd-neighbor-solicit accept
            family(AddressFamily.ipv6); ipProtocol(ipv6-icmp); icmp(type: 135, firstCode: 0, lastCode: 255); → accept
        icmp code net-unreachable accept
            family(AddressFamily.ipv4); ipProtocol(icmp); compare(icmpCode, mask: nil, equal, NftRange(first: number(0), last: number(0))); → accept
        iifname "eth0" accept
            in eth0; → accept
        iifname "cali*" accept
            in cali+; → accept
        oifname != "docker0" accept
            ! out docker0; → accept
        iifname { "eth0", "eth1" } accept
            lookup [inputInterface] [nil] { name("eth0")-name("eth0"), name("eth1")-name("eth1") }; → accept
        iifname { "eth0", "veth*" } accept
            lookup [inputInterface] [nil] { incomplete name("eth0")-name("eth0") }; → accept
        iif "lo" accept
            in lo; → accept
        meta mark 0x00000001 accept
            mark(value: 1, mask: 4294967295); → accept
        meta mark & 0x00004000 == 0x00004000 masquerade
            mark(value: 16384, mask: 16384); → masquerade
        meta mark & 0x00004000 != 0x00000000 accept
            ! mark(value: 0, mask: 16384); → accept
        meta mark { 0x00000001, 0x00000002 } accept
            lookup [mark] [nil] { number(1)-number(1), number(2)-number(2) }; → accept
        ct state new accept
            conntrackState(ConntrackStates(rawValue: 2)); → accept
        ct state established,related accept
            conntrackState(ConntrackStates(rawValue: 12)); → accept
        ct state != established accept
            ! conntrackState(ConntrackStates(rawValue: 8)); → accept
        ct state { established, related } accept
            conntrackState(ConntrackStates(rawValue: 12)); → accept
        ct state vmap { invalid : drop, established : accept, related : accept }
            → vmap [conntrackState] [nil] { number(1)-number(1) : drop, number(4)-number(4) : accept, number(8)-number(8) : accept }
        ct state invalid drop
            conntrackState(ConntrackStates(rawValue: 1)); → drop
        ct status dnat accept
            conntrackState(ConntrackStates(rawValue: 64)); → accept
        ct status snat,dnat accept
            conntrackState(ConntrackStates(rawValue: 96)); → accept
        ct status assured accept
            conntrackStatus(ConntrackStatus(rawValue: 4)); → accept
        ct status assured,dnat accept
            UNMODELLED ct status assured,dnat; → accept
        ct status == dnat accept
            UNMODELLED ct status dnat; → accept
        ct status { snat, dnat } accept
            UNMODELLED ct status { snat, dnat }; → accept
        ct direction reply accept
            conntrackDirection(isReply: true); → accept
        ct mark 0x00000001 accept
            connmark(value: 1, mask: 4294967295); → accept
        ct mark & 0x000000ff != 0x00000001 accept
            ! connmark(value: 1, mask: 255); → accept
        ct original ip daddr 10.0.0.1 accept
            family(AddressFamily.ipv4); conntrackAddress 10.0.0.1/32; → accept
        meta l4proto tcp ct original proto-dst 80 accept
            ipProtocol(tcp); conntrackPort(originalDestination, PortRange(first: 80, last: 80)); → accept
        meta l4proto tcp ct reply proto-src { 0x50 [invalid type], 0x51 [invalid type] } accept
            ipProtocol(tcp); UNMODELLED ct reply proto-src { …, … }; → accept
        ct protocol tcp accept
            conntrackProtocol(tcp); → accept
        fib daddr type local accept
            AddressTypeMatch(source: nil, sourceNegated: false, destination: (AddressTypes(rawValue: 4)), destinationNegated: false, limitToInputInterface: false, limitToOutputInterface: false); → accept
        fib daddr type != { local, broadcast } drop
            ! AddressTypeMatch(source: nil, sourceNegated: false, destination: (AddressTypes(rawValue: 12)), destinationNegated: false, limitToInputInterface: false, limitToOutputInterface: false); → drop
        fib daddr . iif type local accept
            AddressTypeMatch(source: nil, sourceNegated: false, destination: (AddressTypes(rawValue: 4)), destinationNegated: false, limitToInputInterface: true, limitToOutputInterface: false); → accept
        fib daddr . mark type local accept
            UNMODELLED fib daddr . mark type local; → accept
        fib saddr . iif oif missing drop
            reversePath(ReversePathOptions(rawValue: 8)); → drop
        fib saddr oif exists accept
            reversePath(ReversePathOptions(rawValue: 1)); → accept
        fib daddr oif "eth0" accept
            UNMODELLED fib daddr oif eth0; → accept
        ip ttl > 1 accept
            family(AddressFamily.ipv4); timeToLive(greater, 1); → accept
        ip dscp cs1 accept
            family(AddressFamily.ipv4); dscp(8); → accept
        ip length 1000-1500 drop
            family(AddressFamily.ipv4); length(PortRange(first: 1000, last: 1500)); → drop
        meta length > 1400 drop
            length(PortRange(first: 1401, last: 65535)); → drop
        meta pkttype multicast drop
            packetType(multicast); → drop
        meta pkttype { broadcast, multicast } drop
            ! packetType(unicast); → drop
        ip frag-off & 0x1fff != 0 drop
            family(AddressFamily.ipv4); fragment; → drop
        ip frag-off & 0x2000 != 0 drop
            UNMODELLED ip frag-off & 0x2000 != 0; → drop
        ether saddr 02:00:00:00:00:01 accept
            mac 02:00:00:00:00:01; → accept
        meta skuid 1000 accept
            UNMODELLED meta skuid 1000; → accept
        vlan id 4 accept
            UNMODELLED vlan id 4; → accept
        meta hour "10:00"-"12:00" accept
            UNMODELLED meta hour 10:00-12:00; → accept
        tcp option maxseg size 1-500 drop
            UNMODELLED tcp option maxseg size 1-500; → drop
        limit rate 10/second accept
            limit below true; → accept
        limit rate over 10/second drop
            limit below false; → drop
        quota over 25 mbytes drop
            quota below false; → drop
        ct count over 10 reject
            connlimit below false; → reject(portUnreachable)
        numgen random mod 10 < 3 accept
            random(threshold: 644245094); → accept
        numgen inc mod 4 2 accept
            nth(every: 4, first: 2); → accept
        numgen random mod 2 vmap { 0 : jump other, 1 : goto other }
            → vmap true 2 0 { number(0)-number(0) : jump other, number(1)-number(1) : goto other }
        ip daddr . meta l4proto . th dport vmap @service-ips
            family(AddressFamily.ipv4); → vmap [destinationAddress, ipProtocol, destinationPort] [nil, nil, nil] @service-ips
        ip saddr . ip daddr . meta l4proto . th dport @quads accept
            family(AddressFamily.ipv4); lookup [sourceAddress, destinationAddress, ipProtocol, destinationPort] [nil, nil, nil, nil] @quads; → accept
        ip saddr vmap { 10.0.0.1 : accept, 10.0.0.2 : continue, * : drop }
            family(AddressFamily.ipv4); → vmap [sourceAddress] [nil] { address(10.0.0.1)-address(10.0.0.1) : accept, address(10.0.0.2)-address(10.0.0.2) : continue * drop }
        ip daddr & 255.255.255.0 vmap { 10.0.1.0 : accept }
            family(AddressFamily.ipv4); → vmap [destinationAddress] [(4294967040)] { address(10.0.1.0)-address(10.0.1.0) : accept }
        tcp dport vmap { 22 : accept, 23 : drop } counter packets 0 bytes 0
            ipProtocol(tcp); → vmap [destinationPort] [nil] { number(22)-number(22) : accept, number(23)-number(23) : drop }
        tcp dport vmap { 22 : accept, 23 : drop } reject
            ipProtocol(tcp); → vmap [destinationPort] [nil] { number(22)-number(22) : accept, number(23)-number(23) : drop }
        tcp dport vmap { 22 : accept, 23 : continue } reject
            ipProtocol(tcp); → vmap [destinationPort] [nil] { number(22)-number(22) : accept, number(23)-number(23) : continue }
            ipProtocol(tcp); → UNMODELLED reject
        meta mark set 0x00000001
            → mark(value: 1, mask: 4294967295)
        meta mark set meta mark | 0x00004000
            → mark(value: 16384, mask: 16384)
        meta mark set meta mark ^ 0x00004000
            → mark(value: 16384, mask: 0)
        meta mark set meta mark & 0x000001ff | 0x00000100
            → mark(value: 256, mask: 4294967040)
        meta mark set ct mark
            → restore(ctMask: 4294967295, markMask: 4294967295)
        ct mark set meta mark
            → save(ctMask: 4294967295, markMask: 4294967295)
        ct mark set ct mark | 0x00000001
            → set(value: 1, mask: 1)
        meta mark set ip dscp map { cs0 : 0x00000001, cs1 : 0x00000002 }
            → UNMODELLED meta mark set ip dscp map { cs0 : 0x00000001, cs1 : 0x00000002 }
        meta mark 0x00000001 meta mark set 0x00000002 accept
            mark(value: 1, mask: 4294967295); → jump r~1
            r~1: → mark(value: 2, mask: 4294967295)
            r~1: → accept
        meta mark set 0x00000001 meta mark 0x00000001 accept
            → mark(value: 1, mask: 4294967295)
            mark(value: 1, mask: 4294967295); → accept
        ip saddr 10.0.0.1 meta mark set 0x00000002 ct mark set 0x00000003 accept
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → mark(value: 2, mask: 4294967295)
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → set(value: 3, mask: 4294967295)
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → accept
        ct state new jump other
            conntrackState(ConntrackStates(rawValue: 2)); → jump other
        limit rate 5/second meta mark set 0x00000001 return
            limit below true; → goto r~1
            r~1: → mark(value: 1, mask: 4294967295)
            r~1: → return
        limit rate 5/second meta mark set 0x00000001 ip ttl 3 return
            limit below true; → UNMODELLED limit rate 5/second meta mark set 0x00000001 ip ttl 3 return
        dnat ip to 10.0.0.1
            family(AddressFamily.ipv4); → dnat4(address: 167772161, port: 0)
        meta l4proto tcp dnat ip to 10.0.0.1:80
            ipProtocol(tcp); family(AddressFamily.ipv4); → dnat4(address: 167772161, port: 80)
        meta l4proto tcp dnat ip to 10.0.0.1-10.0.0.9:80-90 persistent
            ipProtocol(tcp); family(AddressFamily.ipv4); → NATTarget(kind: destination, addresses: (AddressRange(first: 10.0.0.1, last: 10.0.0.9)), ports: (PortRange(first: 80, last: 90)), basePort: nil, netmapLength: nil, isPersistent: true, isRandom: false, isFullyRandom: false)
        meta l4proto tcp dnat ip6 to [fd00::1]:80
            ipProtocol(tcp); family(AddressFamily.ipv6); → NATTarget(kind: destination, addresses: (AddressRange(first: fd00::1, last: fd00::1)), ports: (PortRange(first: 80, last: 80)), basePort: nil, netmapLength: nil, isPersistent: false, isRandom: false, isFullyRandom: false)
        dnat ip to numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
            family(AddressFamily.ipv4); → map destination true 2 0 { number(0)-number(0) : values([address(10.0.0.1)]), number(1)-number(1) : values([address(10.0.0.2)]) }
        meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.0.0.1 . 80, 1 : 10.0.0.2 . 81 }
            ipProtocol(tcp); family(AddressFamily.ipv4); → map destination true 2 0 { number(0)-number(0) : values([address(10.0.0.1), number(80)]), number(1)-number(1) : values([address(10.0.0.2), number(81)]) }
        dnat ip to ip daddr map { 10.1.0.1 : 10.0.0.1 }
            family(AddressFamily.ipv4); → map destination [destinationAddress] { address(10.1.0.1)-address(10.1.0.1) : values([address(10.0.0.1)]) }
        dnat ip to ip daddr . tcp dport map @nat-map
            family(AddressFamily.ipv4); ipProtocol(tcp); → map destination [destinationAddress, destinationPort] @nat-map
        snat ip to 192.168.1.1
            family(AddressFamily.ipv4); → NATTarget(kind: source, addresses: (AddressRange(first: 192.168.1.1, last: 192.168.1.1)), ports: nil, basePort: nil, netmapLength: nil, isPersistent: false, isRandom: false, isFullyRandom: false)
        snat ip to ip saddr map { 10.0.0.1 : 192.168.1.1 }
            family(AddressFamily.ipv4); → map source [sourceAddress] { address(10.0.0.1)-address(10.0.0.1) : values([address(192.168.1.1)]) }
        snat ip prefix to ip saddr map { 10.0.0.0/24 : 10.1.0.0/24 }
            → UNMODELLED snat ip prefix to ip saddr map { 10.0.0.0/24 : 10.1.0.0/24 }
        masquerade
            → masquerade
        masquerade random,fully-random
            → NATTarget(kind: masquerade, addresses: nil, ports: nil, basePort: nil, netmapLength: nil, isPersistent: false, isRandom: true, isFullyRandom: true)
        meta l4proto tcp masquerade to :1024-65535
            ipProtocol(tcp); → NATTarget(kind: masquerade, addresses: nil, ports: (PortRange(first: 1024, last: 65535)), basePort: nil, netmapLength: nil, isPersistent: false, isRandom: false, isFullyRandom: false)
        meta l4proto tcp redirect to :8080
            ipProtocol(tcp); → NATTarget(kind: redirect, addresses: nil, ports: (PortRange(first: 8080, last: 8080)), basePort: nil, netmapLength: nil, isPersistent: false, isRandom: false, isFullyRandom: false)
        redirect
            → NATTarget(kind: redirect, addresses: nil, ports: nil, basePort: nil, netmapLength: nil, isPersistent: false, isRandom: false, isFullyRandom: false)
        meta l4proto tcp redirect to :tcp dport map { 80 : 8080, 81 : 8081 }
            ipProtocol(tcp); → UNMODELLED redirect to :tcp dport map { 80 : 8080, 81 : 8081 }
        reject
            → reject(portUnreachable)
        meta l4proto tcp reject with tcp reset
            ipProtocol(tcp); → reject(tcpReset)
        reject with icmp host-unreachable
            family(AddressFamily.ipv4); → reject(hostUnreachable)
        reject with icmp port-unreachable
            family(AddressFamily.ipv4); → reject(portUnreachable)
        reject with icmpv6 no-route
            family(AddressFamily.ipv6); → reject(noRoute)
        reject with icmpx admin-prohibited
            → reject(adminProhibited)
        meta l4proto tcp tproxy ip to 127.0.0.1:15001 meta mark set 0x00000001 accept
            ipProtocol(tcp); family(AddressFamily.ipv4); → TProxyTarget(address: (127.0.0.1), port: 15001, markValue: 1, markMask: 4294967295)
        notrack
            → notrack
        queue num 1 bypass
            → queue
        ct zone set 1
            → conntrackAssign
        ct helper set "ftp-standard"
            → conntrackAssign
        meta priority set 1:2
            → transparent
        ip dscp set cs1
            family(AddressFamily.ipv4); → tos(value: 32, mask: 252)
        ip ttl set 3
            family(AddressFamily.ipv4); → timeToLive(set, 3)
        tcp option maxseg size set rt mtu
            → tcpMSS(0)
        ip saddr set 10.0.0.1
            → UNMODELLED ip saddr set 10.0.0.1
        log prefix "x: " flags all
            → transparent
        log prefix "accept" drop
            → drop
        log group 2 accept
            → accept
        update @seen { ip saddr timeout 5s limit rate over 1/second } drop
            limit below false; → jump r~1
            r~1: → update @seen
            r~1: → drop
        add @seen { ip saddr } accept
            → update @seen
            → accept
        flow add @ft
            → UNMODELLED flow add @ft
        ip saddr 10.0.0.1 flow add @ft accept
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → jump r~1
            r~1: → UNMODELLED flow add @ft
            r~1: → accept
        jhash ip saddr . tcp dport mod 2 vmap { 0 : accept, 1 : drop }
            → UNMODELLED jhash ip saddr . tcp dport mod 2 vmap { 0 : accept, 1 : drop }
        symhash mod 2 0 accept
            UNMODELLED symhash mod 2 0; → accept
        socket transparent 1 accept
            UNMODELLED socket transparent 1; → accept
        meta cgroup 5 drop
            UNMODELLED meta cgroup 5; → drop
        iifgroup 3 accept
            UNMODELLED iifgroup 3; → accept
        rt classid 1 accept
            UNMODELLED rt classid 1; → accept
        th dport 80 accept
            destinationPort(PortRange(first: 80, last: 80)); → accept
        ip saddr 10.0.0.1 comment "from one"
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → none; # from one
        tcp dport vmap { 22 : accept, 23 : $x } reject
            ipProtocol(tcp); → UNMODELLED tcp dport vmap { 22 : accept, 23 : $x } reject
        ip saddr $lan accept
            UNMODELLED ip saddr $lan; → accept
        iifname $wan drop
            UNMODELLED iifname $wan; → drop
        tcp dport { $ports, 22 } accept
            ipProtocol(tcp); lookup [destinationPort] [nil] { incomplete number(22)-number(22) }; → accept
        jump $chain
            → jump $chain
        ip saddr 10.0.0.1 frobnicate 5 drop
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → UNMODELLED frobnicate 5 drop
        include "x.nft"
            → UNMODELLED include "x.nft"
        ip saddr @missing accept
            family(AddressFamily.ipv4); lookup [sourceAddress] [nil] @missing; → accept
        ip saddr { 10.0.0.1 limit rate 1/second } accept
            UNMODELLED ip saddr { … }; → accept
        ip saddr { 10.0.0.1 timeout 5s expires 3s counter packets 1 bytes 2 comment "a, b" } accept
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → accept
        meta l4proto tcp # xt_addrtype counter packets 1 bytes 2 jump other
            ipProtocol(tcp); → UNMODELLED # xt_addrtype counter packets 1 bytes 2 jump other
        ip saddr 10.0.0.1 accept # mine
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → accept
        counter packets 3 bytes 4 comment "all" accept # handle 5
            → accept; # all
        meter m { ip saddr limit rate over 10/second } drop
            limit below false; → drop
        reject with icmpx port-unreachable
            → reject(portUnreachable)
        meta mark set meta mark or 0x4000
            → mark(value: 16384, mask: 16384)
        ct state { new, established } accept; drop
            conntrackState(ConntrackStates(rawValue: 10)); → accept
            → drop
        ip saddr 10.0.0.1 jump other drop
            family(AddressFamily.ipv4); source4(value: 167772161, mask: 4294967295); → jump other
        tcp dport ssh accept
            ipProtocol(tcp); destinationPort(PortRange(first: 22, last: 22)); → accept
        limit name "slow" accept
            UNMODELLED limit name "slow"; → accept
        xt match "recent" counter packets 0 bytes 0 xt target "DNAT"
            UNMODELLED xt match recent; → UNMODELLED xt target DNAT
        ct original proto-dst 80 accept
            conntrackPort(originalDestination, PortRange(first: 80, last: 80)); → accept
        ip daddr != { 10.0.0.0/8, 192.168.0.0/16 } masquerade
            family(AddressFamily.ipv4); ! lookup [destinationAddress] [nil] { address(10.0.0.0)-address(10.255.255.255), address(192.168.0.0)-address(192.168.255.255) }; → masquerade
        ct state established | related accept
            UNMODELLED conntrackState established | related; → accept
        """#
}
