/// Rules as nft 1.0.6 lists them, and behind each its `expr` of the JSON form.
enum NftFormPairs {
    static let all: [(text: String, json: String)] = {
        let lines = source.split(separator: "\n").map(String.init)
        return stride(from: 0, to: lines.count - 1, by: 2).map { (lines[$0], lines[$0 + 1]) }
    }()

    private static let source = #"""
        accept
        [{"accept":null}]
        drop
        [{"drop":null}]
        return
        [{"return":null}]
        continue
        [{"continue":null}]
        jump other
        [{"jump":{"target":"other"}}]
        goto other
        [{"goto":{"target":"other"}}]
        counter packets 0 bytes 0
        [{"counter":{"packets":0,"bytes":0}}]
        ip saddr 10.0.0.1 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"10.0.0.1"}},{"accept":null}]
        ip saddr 10.0.0.0/8 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"10.0.0.0","len":8}}}},{"accept":null}]
        ip daddr != 10.96.0.0/12 accept
        [{"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"10.96.0.0","len":12}}}},{"accept":null}]
        ip saddr 10.0.0.1-10.0.0.9 drop
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"range":["10.0.0.1","10.0.0.9"]}}},{"drop":null}]
        ip saddr != 10.0.0.1-10.0.0.9 drop
        [{"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"range":["10.0.0.1","10.0.0.9"]}}},{"drop":null}]
        ip daddr & 255.255.0.255 == 10.0.0.1 drop
        [{"match":{"op":"==","left":{"&":[{"payload":{"protocol":"ip","field":"daddr"}},"255.255.0.255"]},"right":"10.0.0.1"}},{"drop":null}]
        ip daddr { 10.0.0.1, 10.1.0.0/16, 10.2.0.1-10.2.0.9 } accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"set":["10.0.0.1",{"prefix":{"addr":"10.1.0.0","len":16}},{"range":["10.2.0.1","10.2.0.9"]}]}}},{"accept":null}]
        ip daddr != { 10.0.0.1, 10.0.0.2 } accept
        [{"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"set":["10.0.0.1","10.0.0.2"]}}},{"accept":null}]
        ip daddr != 10.0.0.1 accept
        [{"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":"10.0.0.1"}},{"accept":null}]
        ip daddr @addresses accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":"@addresses"}},{"accept":null}]
        ip daddr != @addresses drop
        [{"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":"@addresses"}},{"drop":null}]
        ip6 saddr fd00::/8 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip6","field":"saddr"}},"right":{"prefix":{"addr":"fd00::","len":8}}}},{"accept":null}]
        ip6 daddr != fd00::1 accept
        [{"match":{"op":"!=","left":{"payload":{"protocol":"ip6","field":"daddr"}},"right":"fd00::1"}},{"accept":null}]
        ip6 daddr fd00::/16 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip6","field":"daddr"}},"right":{"prefix":{"addr":"fd00::","len":16}}}},{"accept":null}]
        meta l4proto tcp accept
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"accept":null}]
        meta l4proto { tcp, udp } accept
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":{"set":["tcp","udp"]}}},{"accept":null}]
        meta l4proto != { tcp, udp } accept
        [{"match":{"op":"!=","left":{"meta":{"key":"l4proto"}},"right":{"set":["tcp","udp"]}}},{"accept":null}]
        ip protocol icmp accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"protocol"}},"right":"icmp"}},{"accept":null}]
        ip6 nexthdr udp accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip6","field":"nexthdr"}},"right":"udp"}},{"accept":null}]
        meta nfproto ipv4 accept
        [{"match":{"op":"==","left":{"meta":{"key":"nfproto"}},"right":"ipv4"}},{"accept":null}]
        meta protocol ip6 accept
        [{"match":{"op":"==","left":{"meta":{"key":"protocol"}},"right":"ip6"}},{"accept":null}]
        tcp dport 80 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":80}},{"accept":null}]
        tcp dport != 80-90 accept
        [{"match":{"op":"!=","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"range":[80,90]}}},{"accept":null}]
        tcp dport < 1024 accept
        [{"match":{"op":"<","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":1024}},{"accept":null}]
        tcp dport >= 30000 accept
        [{"match":{"op":">=","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":30000}},{"accept":null}]
        tcp dport { 22, 80-90 } accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"set":[22,{"range":[80,90]}]}}},{"accept":null}]
        udp sport != { 53, 123 } drop
        [{"match":{"op":"!=","left":{"payload":{"protocol":"udp","field":"sport"}},"right":{"set":[53,123]}}},{"drop":null}]
        th dport 53 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"th","field":"dport"}},"right":53}},{"accept":null}]
        tcp flags syn accept
        [{"match":{"op":"in","left":{"payload":{"protocol":"tcp","field":"flags"}},"right":"syn"}},{"accept":null}]
        tcp flags syn / fin,syn,rst,ack accept
        [{"match":{"op":"==","left":{"&":[{"payload":{"protocol":"tcp","field":"flags"}},["fin","syn","rst","ack"]]},"right":"syn"}},{"accept":null}]
        tcp flags fin,syn drop
        [{"match":{"op":"in","left":{"payload":{"protocol":"tcp","field":"flags"}},"right":["fin","syn"]}},{"drop":null}]
        tcp flags ! fin,syn,rst,psh,ack,urg drop
        [{"match":{"op":"!","left":{"payload":{"protocol":"tcp","field":"flags"}},"right":["fin","syn","rst","psh","ack","urg"]}},{"drop":null}]
        tcp flags != syn / fin,syn,rst,ack drop
        [{"match":{"op":"!=","left":{"&":[{"payload":{"protocol":"tcp","field":"flags"}},["fin","syn","rst","ack"]]},"right":"syn"}},{"drop":null}]
        icmp type echo-request accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"icmp","field":"type"}},"right":"echo-request"}},{"accept":null}]
        icmp type { echo-reply, echo-request } accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"icmp","field":"type"}},"right":{"set":["echo-reply","echo-request"]}}},{"accept":null}]
        icmpv6 type nd-neighbor-solicit accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"icmpv6","field":"type"}},"right":"nd-neighbor-solicit"}},{"accept":null}]
        icmp code net-unreachable accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"icmp","field":"code"}},"right":"net-unreachable"}},{"accept":null}]
        iifname "eth0" accept
        [{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"eth0"}},{"accept":null}]
        iifname "cali*" accept
        [{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"cali*"}},{"accept":null}]
        oifname != "docker0" accept
        [{"match":{"op":"!=","left":{"meta":{"key":"oifname"}},"right":"docker0"}},{"accept":null}]
        iifname { "eth0", "eth1" } accept
        [{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":{"set":["eth0","eth1"]}}},{"accept":null}]
        iifname { "eth0", "veth*" } accept
        [{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":{"set":["eth0","veth*"]}}},{"accept":null}]
        iif "lo" accept
        [{"match":{"op":"==","left":{"meta":{"key":"iif"}},"right":"lo"}},{"accept":null}]
        meta mark 0x00000001 accept
        [{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}},{"accept":null}]
        meta mark & 0x00004000 == 0x00004000 masquerade
        [{"match":{"op":"==","left":{"&":[{"meta":{"key":"mark"}},16384]},"right":16384}},{"masquerade":null}]
        meta mark & 0x00004000 != 0x00000000 accept
        [{"match":{"op":"!=","left":{"&":[{"meta":{"key":"mark"}},16384]},"right":0}},{"accept":null}]
        meta mark { 0x00000001, 0x00000002 } accept
        [{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":{"set":[1,2]}}},{"accept":null}]
        ct state new accept
        [{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"new"}},{"accept":null}]
        ct state established,related accept
        [{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},{"accept":null}]
        ct state != established accept
        [{"match":{"op":"!=","left":{"ct":{"key":"state"}},"right":"established"}},{"accept":null}]
        ct state { established, related } accept
        [{"match":{"op":"==","left":{"ct":{"key":"state"}},"right":{"set":["established","related"]}}},{"accept":null}]
        ct state vmap { invalid : drop, established : accept, related : accept }
        [{"vmap":{"key":{"ct":{"key":"state"}},"data":{"set":[["invalid",{"drop":null}],["established",{"accept":null}],["related",{"accept":null}]]}}}]
        ct state invalid drop
        [{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"invalid"}},{"drop":null}]
        ct status dnat accept
        [{"match":{"op":"in","left":{"ct":{"key":"status"}},"right":"dnat"}},{"accept":null}]
        ct status snat,dnat accept
        [{"match":{"op":"in","left":{"ct":{"key":"status"}},"right":["snat","dnat"]}},{"accept":null}]
        ct status assured accept
        [{"match":{"op":"in","left":{"ct":{"key":"status"}},"right":"assured"}},{"accept":null}]
        ct status assured,dnat accept
        [{"match":{"op":"in","left":{"ct":{"key":"status"}},"right":["assured","dnat"]}},{"accept":null}]
        ct status == dnat accept
        [{"match":{"op":"==","left":{"ct":{"key":"status"}},"right":"dnat"}},{"accept":null}]
        ct status { snat, dnat } accept
        [{"match":{"op":"==","left":{"ct":{"key":"status"}},"right":{"set":["snat","dnat"]}}},{"accept":null}]
        ct direction reply accept
        [{"match":{"op":"==","left":{"ct":{"key":"direction"}},"right":"reply"}},{"accept":null}]
        ct mark 0x00000001 accept
        [{"match":{"op":"==","left":{"ct":{"key":"mark"}},"right":1}},{"accept":null}]
        ct mark & 0x000000ff != 0x00000001 accept
        [{"match":{"op":"!=","left":{"&":[{"ct":{"key":"mark"}},255]},"right":1}},{"accept":null}]
        ct original ip daddr 10.0.0.1 accept
        [{"match":{"op":"==","left":{"ct":{"key":"ip daddr","dir":"original"}},"right":"10.0.0.1"}},{"accept":null}]
        meta l4proto tcp ct original proto-dst 80 accept
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"match":{"op":"==","left":{"ct":{"key":"proto-dst","dir":"original"}},"right":80}},{"accept":null}]
        meta l4proto tcp ct reply proto-src { 0x50 [invalid type], 0x51 [invalid type] } accept
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"match":{"op":"==","left":{"ct":{"key":"proto-src","dir":"reply"}},"right":{"set":["0x50 [invalid type]","0x51 [invalid type]"]}}},{"accept":null}]
        ct protocol tcp accept
        [{"match":{"op":"==","left":{"ct":{"key":"protocol"}},"right":"tcp"}},{"accept":null}]
        fib daddr type local accept
        [{"match":{"op":"==","left":{"fib":{"result":"type","flags":["daddr"]}},"right":"local"}},{"accept":null}]
        fib daddr type != { local, broadcast } drop
        [{"match":{"op":"!=","left":{"fib":{"result":"type","flags":["daddr"]}},"right":{"set":["local","broadcast"]}}},{"drop":null}]
        fib daddr . iif type local accept
        [{"match":{"op":"==","left":{"fib":{"result":"type","flags":["daddr","iif"]}},"right":"local"}},{"accept":null}]
        fib daddr . mark type local accept
        [{"match":{"op":"==","left":{"fib":{"result":"type","flags":["daddr","mark"]}},"right":"local"}},{"accept":null}]
        fib saddr . iif oif missing drop
        [{"match":{"op":"==","left":{"fib":{"result":"oif","flags":["saddr","iif"]}},"right":false}},{"drop":null}]
        fib saddr oif exists accept
        [{"match":{"op":"==","left":{"fib":{"result":"oif","flags":["saddr"]}},"right":true}},{"accept":null}]
        ip ttl > 1 accept
        [{"match":{"op":">","left":{"payload":{"protocol":"ip","field":"ttl"}},"right":1}},{"accept":null}]
        ip dscp cs1 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"dscp"}},"right":"cs1"}},{"accept":null}]
        ip length 1000-1500 drop
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"length"}},"right":{"range":[1000,1500]}}},{"drop":null}]
        meta length > 1400 drop
        [{"match":{"op":">","left":{"meta":{"key":"length"}},"right":1400}},{"drop":null}]
        meta pkttype multicast drop
        [{"match":{"op":"==","left":{"meta":{"key":"pkttype"}},"right":"multicast"}},{"drop":null}]
        meta pkttype { broadcast, multicast } drop
        [{"match":{"op":"==","left":{"meta":{"key":"pkttype"}},"right":{"set":["broadcast","multicast"]}}},{"drop":null}]
        ether saddr 02:00:00:00:00:01 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ether","field":"saddr"}},"right":"02:00:00:00:00:01"}},{"accept":null}]
        meta skuid 1000 accept
        [{"match":{"op":"==","left":{"meta":{"key":"skuid"}},"right":1000}},{"accept":null}]
        vlan id 4 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"vlan","field":"id"}},"right":4}},{"accept":null}]
        meta hour "10:00"-"12:00" accept
        [{"match":{"op":"==","left":{"meta":{"key":"hour"}},"right":{"range":["10:00","12:00"]}}},{"accept":null}]
        tcp option maxseg size 1-500 drop
        [{"match":{"op":"==","left":{"tcp option":{"name":"maxseg","field":"size"}},"right":{"range":[1,500]}}},{"drop":null}]
        limit rate 10/second accept
        [{"limit":{"rate":10,"burst":5,"per":"second"}},{"accept":null}]
        limit rate over 10/second drop
        [{"limit":{"rate":10,"burst":5,"per":"second","inv":true}},{"drop":null}]
        quota over 25 mbytes drop
        [{"quota":{"val":25,"val_unit":"mbytes","inv":true}},{"drop":null}]
        ct count over 10 reject
        [{"ct count":{"val":10,"inv":true}},{"reject":{"type":"icmpx","expr":"port-unreachable"}}]
        numgen random mod 10 < 3 accept
        [{"match":{"op":"<","left":{"numgen":{"mode":"random","mod":10,"offset":0}},"right":3}},{"accept":null}]
        numgen inc mod 4 2 accept
        [{"match":{"op":"==","left":{"numgen":{"mode":"inc","mod":4,"offset":0}},"right":2}},{"accept":null}]
        numgen random mod 2 vmap { 0 : jump other, 1 : goto other }
        [{"vmap":{"key":{"numgen":{"mode":"random","mod":2,"offset":0}},"data":{"set":[[0,{"jump":{"target":"other"}}],[1,{"goto":{"target":"other"}}]]}}}]
        ip daddr . meta l4proto . th dport vmap @service-ips
        [{"vmap":{"key":{"concat":[{"payload":{"protocol":"ip","field":"daddr"}},{"meta":{"key":"l4proto"}},{"payload":{"protocol":"th","field":"dport"}}]},"data":"@service-ips"}}]
        ip saddr . ip daddr . meta l4proto . th dport @quads accept
        [{"match":{"op":"==","left":{"concat":[{"payload":{"protocol":"ip","field":"saddr"}},{"payload":{"protocol":"ip","field":"daddr"}},{"meta":{"key":"l4proto"}},{"payload":{"protocol":"th","field":"dport"}}]},"right":"@quads"}},{"accept":null}]
        ip saddr vmap { 10.0.0.1 : accept, 10.0.0.2 : continue, * : drop }
        [{"vmap":{"key":{"payload":{"protocol":"ip","field":"saddr"}},"data":{"set":[["10.0.0.1",{"accept":null}],["10.0.0.2",{"continue":null}],["*",{"drop":null}]]}}}]
        ip daddr & 255.255.255.0 vmap { 10.0.1.0 : accept }
        [{"vmap":{"key":{"&":[{"payload":{"protocol":"ip","field":"daddr"}},"255.255.255.0"]},"data":{"set":[["10.0.1.0",{"accept":null}]]}}}]
        tcp dport vmap { 22 : accept, 23 : drop } counter packets 0 bytes 0
        [{"vmap":{"key":{"payload":{"protocol":"tcp","field":"dport"}},"data":{"set":[[22,{"accept":null}],[23,{"drop":null}]]}}},{"counter":{"packets":0,"bytes":0}}]
        tcp dport vmap { 22 : accept, 23 : drop } reject
        [{"vmap":{"key":{"payload":{"protocol":"tcp","field":"dport"}},"data":{"set":[[22,{"accept":null}],[23,{"drop":null}]]}}},{"reject":{"type":"icmpx","expr":"port-unreachable"}}]
        tcp dport vmap { 22 : accept, 23 : continue } reject
        [{"vmap":{"key":{"payload":{"protocol":"tcp","field":"dport"}},"data":{"set":[[22,{"accept":null}],[23,{"continue":null}]]}}},{"reject":{"type":"icmpx","expr":"port-unreachable"}}]
        meta mark set 0x00000001
        [{"mangle":{"key":{"meta":{"key":"mark"}},"value":1}}]
        meta mark set meta mark | 0x00004000
        [{"mangle":{"key":{"meta":{"key":"mark"}},"value":{"|":[{"meta":{"key":"mark"}},16384]}}}]
        meta mark set meta mark ^ 0x00004000
        [{"mangle":{"key":{"meta":{"key":"mark"}},"value":{"^":[{"meta":{"key":"mark"}},16384]}}}]
        meta mark set meta mark & 0x000001ff | 0x00000100
        [{"mangle":{"key":{"meta":{"key":"mark"}},"value":{"|":[{"&":[{"meta":{"key":"mark"}},511]},256]}}}]
        meta mark set ct mark
        [{"mangle":{"key":{"meta":{"key":"mark"}},"value":{"ct":{"key":"mark"}}}}]
        ct mark set meta mark
        [{"mangle":{"key":{"ct":{"key":"mark"}},"value":{"meta":{"key":"mark"}}}}]
        ct mark set ct mark | 0x00000001
        [{"mangle":{"key":{"ct":{"key":"mark"}},"value":{"|":[{"ct":{"key":"mark"}},1]}}}]
        meta mark set ip dscp map { cs0 : 0x00000001, cs1 : 0x00000002 }
        [{"mangle":{"key":{"meta":{"key":"mark"}},"value":{"map":{"key":{"payload":{"protocol":"ip","field":"dscp"}},"data":{"set":[["cs0",1],["cs1",2]]}}}}}]
        meta mark 0x00000001 meta mark set 0x00000002 accept
        [{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}},{"mangle":{"key":{"meta":{"key":"mark"}},"value":2}},{"accept":null}]
        meta mark set 0x00000001 meta mark 0x00000001 accept
        [{"mangle":{"key":{"meta":{"key":"mark"}},"value":1}},{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}},{"accept":null}]
        ip saddr 10.0.0.1 meta mark set 0x00000002 ct mark set 0x00000003 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"10.0.0.1"}},{"mangle":{"key":{"meta":{"key":"mark"}},"value":2}},{"mangle":{"key":{"ct":{"key":"mark"}},"value":3}},{"accept":null}]
        ct state new jump other
        [{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"new"}},{"jump":{"target":"other"}}]
        limit rate 5/second meta mark set 0x00000001 return
        [{"limit":{"rate":5,"burst":5,"per":"second"}},{"mangle":{"key":{"meta":{"key":"mark"}},"value":1}},{"return":null}]
        limit rate 5/second meta mark set 0x00000001 ip ttl 3 return
        [{"limit":{"rate":5,"burst":5,"per":"second"}},{"mangle":{"key":{"meta":{"key":"mark"}},"value":1}},{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"ttl"}},"right":3}},{"return":null}]
        dnat ip to 10.0.0.1
        [{"dnat":{"family":"ip","addr":"10.0.0.1"}}]
        meta l4proto tcp dnat ip to 10.0.0.1:80
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"dnat":{"family":"ip","addr":"10.0.0.1","port":80}}]
        meta l4proto tcp dnat ip to 10.0.0.1-10.0.0.9:80-90 persistent
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"dnat":{"family":"ip","addr":{"range":["10.0.0.1","10.0.0.9"]},"port":{"range":[80,90]},"flags":"persistent"}}]
        meta l4proto tcp dnat ip6 to [fd00::1]:80
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"dnat":{"family":"ip6","addr":"fd00::1","port":80}}]
        dnat ip to numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
        [{"dnat":{"family":"ip","addr":{"map":{"key":{"numgen":{"mode":"random","mod":2,"offset":0}},"data":{"set":[[0,"10.0.0.1"],[1,"10.0.0.2"]]}}}}}]
        meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.0.0.1 . 80, 1 : 10.0.0.2 . 81 }
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"dnat":{"family":"ip","addr":{"map":{"key":{"numgen":{"mode":"random","mod":2,"offset":0}},"data":{"set":[[0,{"concat":["10.0.0.1",80]}],[1,{"concat":["10.0.0.2",81]}]]}}}}}]
        dnat ip to ip daddr map { 10.1.0.1 : 10.0.0.1 }
        [{"dnat":{"family":"ip","addr":{"map":{"key":{"payload":{"protocol":"ip","field":"daddr"}},"data":{"set":[["10.1.0.1","10.0.0.1"]]}}}}}]
        dnat ip to ip daddr . tcp dport map @nat-map
        [{"dnat":{"family":"ip","addr":{"map":{"key":{"concat":[{"payload":{"protocol":"ip","field":"daddr"}},{"payload":{"protocol":"tcp","field":"dport"}}]},"data":"@nat-map"}}}}]
        snat ip to 192.168.1.1
        [{"snat":{"family":"ip","addr":"192.168.1.1"}}]
        snat ip to ip saddr map { 10.0.0.1 : 192.168.1.1 }
        [{"snat":{"family":"ip","addr":{"map":{"key":{"payload":{"protocol":"ip","field":"saddr"}},"data":{"set":[["10.0.0.1","192.168.1.1"]]}}}}}]
        snat ip prefix to ip saddr map { 10.0.0.0/24 : 10.1.0.0/24 }
        [{"snat":{"family":"ip","addr":{"map":{"key":{"payload":{"protocol":"ip","field":"saddr"}},"data":{"set":[[{"prefix":{"addr":"10.0.0.0","len":24}},{"prefix":{"addr":"10.1.0.0","len":24}}]]}}},"flags":"netmap","type_flags":"prefix"}}]
        masquerade
        [{"masquerade":null}]
        masquerade random,fully-random
        [{"masquerade":{"flags":["random","fully-random"]}}]
        meta l4proto tcp masquerade to :1024-65535
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"masquerade":{"port":{"range":[1024,65535]}}}]
        meta l4proto tcp redirect to :8080
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"redirect":{"port":8080}}]
        redirect
        [{"redirect":null}]
        meta l4proto tcp redirect to :tcp dport map { 80 : 8080, 81 : 8081 }
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"redirect":{"port":{"map":{"key":{"payload":{"protocol":"tcp","field":"dport"}},"data":{"set":[[80,8080],[81,8081]]}}}}}]
        reject
        [{"reject":{"type":"icmpx","expr":"port-unreachable"}}]
        meta l4proto tcp reject with tcp reset
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"reject":{"type":"tcp reset"}}]
        reject with icmp host-unreachable
        [{"reject":{"type":"icmp","expr":"host-unreachable"}}]
        reject with icmp port-unreachable
        [{"reject":{"type":"icmp","expr":"port-unreachable"}}]
        reject with icmpv6 no-route
        [{"reject":{"type":"icmpv6","expr":"no-route"}}]
        reject with icmpx admin-prohibited
        [{"reject":{"type":"icmpx","expr":"admin-prohibited"}}]
        meta l4proto tcp tproxy ip to 127.0.0.1:15001 meta mark set 0x00000001 accept
        [{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},{"tproxy":{"family":"ip","addr":"127.0.0.1","port":15001}},{"mangle":{"key":{"meta":{"key":"mark"}},"value":1}},{"accept":null}]
        notrack
        [{"notrack":null}]
        ct zone set 1
        [{"mangle":{"key":{"ct":{"key":"zone"}},"value":1}}]
        ct helper set "ftp-standard"
        [{"ct helper":"ftp-standard"}]
        meta priority set 1:2
        [{"mangle":{"key":{"meta":{"key":"priority"}},"value":"1:2"}}]
        ip dscp set cs1
        [{"mangle":{"key":{"payload":{"protocol":"ip","field":"dscp"}},"value":"cs1"}}]
        ip ttl set 3
        [{"mangle":{"key":{"payload":{"protocol":"ip","field":"ttl"}},"value":3}}]
        tcp option maxseg size set rt mtu
        [{"mangle":{"key":{"tcp option":{"name":"maxseg","field":"size"}},"value":{"rt":{"key":"mtu"}}}}]
        ip saddr set 10.0.0.1
        [{"mangle":{"key":{"payload":{"protocol":"ip","field":"saddr"}},"value":"10.0.0.1"}}]
        log prefix "x: " flags all
        [{"log":{"prefix":"x: ","flags":"all"}}]
        log prefix "accept" drop
        [{"log":{"prefix":"accept"}},{"drop":null}]
        log group 2 accept
        [{"log":{"group":2}},{"accept":null}]
        update @seen { ip saddr timeout 5s limit rate over 1/second } drop
        [{"set":{"op":"update","elem":{"elem":{"val":{"payload":{"protocol":"ip","field":"saddr"}},"timeout":5}},"set":"@seen","stmt":[{"limit":{"rate":1,"burst":5,"per":"second","inv":true}}]}},{"drop":null}]
        add @seen { ip saddr } accept
        [{"set":{"op":"add","elem":{"payload":{"protocol":"ip","field":"saddr"}},"set":"@seen"}},{"accept":null}]
        jhash ip saddr . tcp dport mod 2 vmap { 0 : accept, 1 : drop }
        [{"vmap":{"key":{"jhash":{"mod":2,"expr":{"concat":[{"payload":{"protocol":"ip","field":"saddr"}},{"payload":{"protocol":"tcp","field":"dport"}}]}}},"data":{"set":[[0,{"accept":null}],[1,{"drop":null}]]}}}]
        symhash mod 2 0 accept
        [{"match":{"op":"==","left":{"symhash":{"mod":2}},"right":0}},{"accept":null}]
        socket transparent 1 accept
        [{"match":{"op":"==","left":{"socket":{"key":"transparent"}},"right":1}},{"accept":null}]
        meta cgroup 5 drop
        [{"match":{"op":"==","left":{"meta":{"key":"cgroup"}},"right":5}},{"drop":null}]
        iifgroup 3 accept
        [{"match":{"op":"==","left":{"meta":{"key":"iifgroup"}},"right":3}},{"accept":null}]
        rt classid 1 accept
        [{"match":{"op":"==","left":{"rt":{"key":"classid"}},"right":"1"}},{"accept":null}]
        th dport 80 accept
        [{"match":{"op":"==","left":{"payload":{"protocol":"th","field":"dport"}},"right":80}},{"accept":null}]
        """#
}
