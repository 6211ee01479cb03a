/// The words of the formats that a trace is made from.
///
/// A name that is one of them is only replaced where a name must stand: elsewhere it means something.
enum FormatWords {
    static func contains(_ word: some StringProtocol) -> Bool { all.contains(word.lowercased()) }

    private static let all = Set(text.split { $0 == " " || $0 == "\n" }.map(String.init))

    private static let text = """
        legacy tool artifacts collected collections missing reason command seconds stderr exitcode what namespaces pod
        accept accept-local ack action activeconn activity_notify add add-set added_by_ext added_by_user addr
        addr-unreach addr-unreachable addr_info addrconf address address-mask-reply address-mask-request
        address-unreachable addresses addrgenmode addrtype adm-prohibited admin-prohib admin-prohibited advmss af11 af12
        af13 af21 af22 af23 af31 af32 af33 af41 af42 af43 after age ah alert alias all allmulti altname and annotations
        any anycast anywhere append apr arp assured at attach_type aug auth auto-merge autojoin avg backup_nhid
        backup_port bad-header bcast_flood be before beyond-scope bitmap bitmask blackhole bond br brd bridge
        bridge_slave bridgeinterface broadcast brport bucketsize burst by bytes cache can canary carrier carrier_changes
        cgroup cgroup_programs chain change chunk clamp close close_wait clustercidr code collisions comment
        communication-prohibited comp completed concat conditions config confirmed congctl connections connlimit
        connmark conntrack constant containers continue count counter counters cpu create crit cs0 cs1 cs2 cs3 cs4 cs5
        cs6 cs7 ct ct_dir ct_state ct_status ctdir ctexpire ctmask ctorigdst ctorigdstport ctorigsrc ctorigsrcport
        ctproto ctrepldst ctrepldstport ctreplsrc ctreplsrcport ctstate ctstatus cvspserver cwnd cwr daddr dadfailed
        data day dccp dead debug dec decrement default del del-set delay delete deprecated dest destination
        destination-unreachable destroy detectlocal detectlocalmode dev device devices devname df dh dict dir direction
        dnat domain dormant dpap dport dport_end dport_start drop dropped dscp dsfield dst dst-type dstkey dstlen
        dstmask dstnat dstport dummy dying dynamic echo-reply echo-request ecn ef egress elem element elements emerg
        encap endpoints entries entry eq error errors erspan esp established eth0 ether ether_type every exec exists
        expected expires expr extern_learn extern_valid external exthdr failed failed-policy false family fastleave
        fastopen_no_cookie fdb features feb fib fib_addrtype field filter fin fin_wait firewall flags flood flow
        flow_from flow_to flowtable flush forceadd forward frag frag-needed frag-off fragmentation-needed frame fri from
        fully fully-random fwmark fwmask gateway gc-interval ge generated geneve get global goto gre gretap
        gro_ipv4_max_size gro_max_size group group6 gso_ipv4_max_size gso_max_segs gso_max_size gt guard hairpin handle
        hash hashlimit hashsize hbh hdrlength header headroom hints hl hook hoplimit host host-precedence-violation
        host-prohib host-prohibited host-redirect host-unknown host-unreach host-unreachable hostname hostnameoverride
        hour hsr htable-expire htable-gcinterval htable-max htable-size hwmode ibridgename ibriport ibrname ibrpvid
        ibrvproto icmp icmp-admin-prohibited icmp-host-prohibited icmp-host-unreachable icmp-net-prohibited
        icmp-net-unreachable icmp-port-unreachable icmp-proto-unreachable icmp6 icmp6-addr-unreachable
        icmp6-adm-prohibited icmp6-no-route icmp6-policy-fail icmp6-port-unreachable icmp6-reject-route icmp6type
        icmp_code icmp_type icmptype icmpv6 icmpv6_code icmpv6_type icmpx id ident if iface_index ifb ifconfig ifindex
        ifname igmp ih iif iif_detached iifgroup iifkind iifname iiftype in inactconn inactive inc include incomplete
        increment ind-neighbor-advert ind-neighbor-solicit index inet inet6 inet_proto inet_service infiniband info
        info-reply info-request info_data info_kind info_slave_data info_slave_kind ingress initcwnd initrwnd initval
        input insert integer interface interfacenameprefix interrupt interval inv invalid invert ip ip-header-bad ip6
        ip6gre ip6gretap ip6tables ip6tables-legacy ip6tables-nft ip6tnl iphash ipid ipip ipmap ipoib ipporthash
        ipportiphash ipportnethash ipproto ipproto- iprange ipsec ipsec-nat-t ipset iptables iptables-legacy
        iptables-nft ipv4 ipv4_addr ipv6 ipv6-icmp ipv6-icmptype ipv6_addr ipv6header ipvlan ipvs ipvsadm ipvtap
        isolated items jan jhash jul jump jun kbytes kernelspace key kind kube l2tp l3mdev l4proto last last_ack lc le
        learning learning_sync left len length lephb level limit limit-in limit-out link link-netns link-netnsid
        link_index link_netnsid link_type linkdown linkinfo linkmode list listen ll lladdr lo loc-srv local local6
        localaddress localhostnodeports lock locked log lookup loop loopback loose lowdelay lower lshift lt mab mac
        macipmap macvlan macvtap main managed mangle map map-set mar mark markmask mask masq masquerade masqueradeall
        masqueradebit master match match-set max_pacing_offload_horizon maxelem maximize-reliability maximize-throughput
        maxmtu may mbytes mcast_flood mcast_max_groups mcast_n_groups mcast_router mcast_to_unicast mcautojoin mdb
        members meta metadata metainfo meter metric metrics mh min mincost minimize-cost minimize-delay minmtu minute
        missing mld-listener-done mld-listener-query mld-listener-reduction mld-listener-report mld2-listener-report
        mngtmpaddr mod mode mon more-fragments mptcp mtu multicast multiport name namespace nat nd-neighbor-advert
        nd-neighbor-solicit nd-redirect nd-router-advert nd-router-solicit ne neigbour-advertisement
        neigbour-solicitation neigh_suppress neigh_vlan_suppress neighbor-advertisement neighbor-solicitation
        neighbour-advertisement neighbour-solicitation neq net net-prohib net-prohibited net-unreach net-unreachable
        netdev netfilter nethash netid netkit netmap netmask netns-immutable netstat network network-prohibited
        network-redirect network-unknown network-unreachable never new new-ifindex new-netns new-netnsid nexthdr nexthop
        nexthops nf_call_ip6tables nf_call_iptables nf_proto nfacct nfacct-name nfmask nfproto nftables nftrace nh
        nh_info nhid nl nlmon no no-route noarp nodad nodeportaddresses nodeports nolearning nomatch nop noprefixroute
        noqueue normal-service not notice notify notrack nov nq nsenter nud null num number numgen numrxqueues
        numtxqueues obridgename obriport obrname oct off offload offload_failed offset oif oif_detached oifgroup oifkind
        oifname oiftype on onlink op openvswitch optimistic option or origdst original origsrc osf out output over
        overruns owner p_dgr p_raw packet packet-too-big packets panic parameter-problem parentbus parentdev payload pe
        peer per permaddr permanent persistent pervasive pf phase physdev pkts pkttype pointopoint policy policy-fail
        pong port port-unreach port-unreachable port_end portid portmap portname ports position postrouting ppid ppp
        precedence-cutoff pref preference preferred_lft prefix prefixlen prefsrc prerouting prio priority probability
        probes process programs prohibit promiscuity prot prot-unreachable proto proto-unreach protocol
        protocol-unreachable protodown proxy psh ptr qdisc qlen queue queue-threshold quickack quota radius radius-acct
        random random-fully range rate rate_unit raw raw6 reachable ready realm realms reap recent recv redir redirect
        ref references reject reject-route reject-with related reliability remote remote6 remoteaddress rename
        reordering replace repldst replsrc reply required-option-missing reserved reset resize restore result return
        return-nomatch revision right root_block route router router-advertisement router-renumbering
        router-solicitation routes routing rpfilter rr rshift rst rt rt_offload rt_offload_failed rt_trap rtclassid
        rto_min rtt rttvar rule ruleset saddr sat save scheduler scope scopeid sctp sdif sdifname sec secmark second
        secondary secpath security sed seed seen-reply seg6local selector send sep server services serving set setlist
        sh sit size skbinfo skbmark skbprio skbqueue skgid skuid snaplen snat socket sockets source source-quench
        source-route-failed spec spnum sport sport_end sport_start src src-type src_vni srckey srclen srcmask srcnat
        sshd ssn ssthresh stable-privacy stale state static statistic status sticky stmt stream string subsets subtype
        sudo sun suppress_prefixlen suppress_prefixlength svc svn svrloc switchid symhash syn syn_recv syn_sent synproxy
        table tailroom target tc tcp tcp-reset tcp-rst tcp_flag tcpmss tcpmux temporary tentative terminating th
        throughput thu ti_dg ti_rd ti_sq ti_st time time-exceeded time_wait timeout timestamp-reply timestamp-request to
        topology tos tos-host-redirect tos-host-unreachable tos-network-redirect tos-network-unreachable tproxy trap
        true ts tsage tsecr tsn tso_max_segs tso_max_size tsval ttl ttl-exceeded ttl-propagate
        ttl-zero-during-reassembly ttl-zero-during-transit tue tun tunnel txqueuelen type type_flags typeof u_dgr u_seq
        u_str udp udplite uid uid_end uid_start uidrange unconn unicast unix unknown unknown-header-type unknown-option
        unmodelled unreachable unreplied unresolved unspec untagged_policy until untracked up update urd urg used users
        userspace v1 v_dgr v_str va val val_unit valid_lft validmark value vcan verdict version veth vf via virtual vlan
        vlan_filtering vlan_tunnel vmap vni vrf vti vti6 vxlan warning wed weight wildcard window wireguard with wlc wrr
        xdp xdpdrv xdpgeneric xdpmulti xdpoffload xfrm xmpp-client xmpp-server xor xset xt zabbix-agent zone zone-orig
        """
}
