/// The words of the formats that a trace is made from.
///
/// A name that is one of them is only replaced where a name must stand: elsewhere it means something.
enum FormatWords {
    static func contains(_ word: some StringProtocol) -> Bool { all.contains(word.lowercased()) }

    private static let all = Set(text.split { $0 == " " || $0 == "\n" }.map(String.init))

    private static let text = """
        accept accept-local accept_local ack action active_slave activeconn activity_notify add add-set added_by_ext
        added_by_user addr addr-unreach addr-unreachable addr_info addrconf address address-mask-reply
        address-mask-request address-unreachable addresses addressport addrgenmode addrlabel addrtype adds
        adm-prohibited admin-prohib admin-prohibited advmss af11 af12 af13 af21 af22 af23 af31 af32 af33 af41 af42 af43
        after age ageing_time ah alert algo alias all allmulti altname amanda and and-mark and-tos annotations any
        anycast anywhere append apr arp arp_filter artifacts assured at attach_type audit aug auth auto-merge autojoin
        avg ax.25 babel backup_nhid backup_port bad-header balance bbr bc_forwarding bcast bcast_flood be before
        beyond-scope bgp bird bitmap bitmask bits bkt blackhole bm bond bootpc bootps br brd bridge bridge_id
        bridge_slave bridgeinterface broadcast brouting brport bucketsize burst by bytes cache cake can canary carrier
        carrier_changes cgroup cgroup_programs chain change chaos checksum checksum-fill chunk clamp clamp-mss-to-pmtu
        classify close close-wait close_wait closing clsact clustercidr code codel collected collections collisions
        command comment communication-prohibited comp completed compressed concat conditions config confirmed congctl
        connbytes connections connlimit connmark connsecmark conntrack constant containers contiguous continue count
        counter counters cpu create crit cs0 cs1 cs2 cs3 cs4 cs5 cs6 cs7 ct ct-state ct_dir ct_state ct_status ctdir
        ctexpire ctmask ctorigdst ctorigdstport ctorigsrc ctorigsrcport ctproto ctrepldst ctrepldstport ctreplsrc
        ctreplsrcport ctstate ctstatus cubic cvspserver cwnd cwr daddr dadfailed data datestart datestop day dccp dctcp
        ddp dead debug dec decrement default del del-set delay delete delude deprecated designated_bridge
        designated_cost designated_port designated_root dest destination destination-port destination-ports
        destination-unreachable destroy detectlocal detectlocalmode dev device devices devname df dgram dh dict dir
        direction directions dnat dnpt dnrouted dns domain dormant downdelay dpap dport dport_end dport_start dports dpt
        dpts drop dropped dscp dscp-class dsfield dst dst-range dst-type dstip dstkey dstlen dstmask dstnat dstport
        dummy dup dying dynamic echo-reply echo-request ecn ef egp egress eigrp elem element elements emerg encap
        encaplimit endpoints entries entry eq error errors errs erspan esp estab established eth0 ether ether_type
        etherip ethernet eui64 every exec exists exitcode expected expire expires expr extern_learn extern_valid
        external exthdr fail_over_mac failed failed-policy false family fastleave fastopen_no_cookie fc fdb features feb
        ff ffff ffffffff fib fib_addrtype field fifo filter fin fin-wait-1 fin-wait-2 fin_wait firewall firewall-mark
        flags flannel-fwd flannel-postrtg flood flow flow_from flow_to flowid flowlabel flowoffload flowtable flush
        force_forwarding forceadd forward forward_delay fq fq_codel fr frag frag-needed frag-off fragment
        fragmentation-needed fragments frags frame fri from ftp ftp-data fullconenat fully fully-random fwm fwmark
        fwmark-service fwmask gate gateway gbp gc-interval gc_timer ge generated geneve genmask geoip get ggp
        global goto gpe gre gretap gro_ipv4_max_size gro_max_size group group6 group_fwd_mask group_fwd_mask_str
        gso_ipv4_max_size gso_max_segs gso_max_size gt guard h323 hairpin handle hash hashlimit hashlimit-above
        hashlimit-burst hashlimit-mode hashlimit-upto hashsize hbh hdrlength header headroom hello_time hello_timer
        helper hex-string hints hip hit_count hitcount hl hmark hmp hook hoplimit host host-precedence-violation
        host-prohib host-prohibited host-redirect host-unknown host-unreach host-unreachable hostname hostnameoverride
        hour hsr htable-expire htable-gcinterval htable-max htable-size htb htcp http https hw hw_offload hwaddr
        hwaddress hwmode hwtype i-node ibridgename ibriport ibrname ibrpvid ibrvproto icase icmp icmp-admin-prohibited
        icmp-host-prohibited icmp-host-unreachable icmp-net-prohibited icmp-net-unreachable icmp-port-unreachable
        icmp-proto-unreachable icmp-type icmp6 icmp6-addr-unreachable icmp6-adm-prohibited icmp6-no-route
        icmp6-policy-fail icmp6-port-unreachable icmp6-reject-route icmp6type icmp_code icmp_type icmptype icmpv6
        icmpv6-type icmpv6_code icmpv6_type icmpx icsum id ident idletimer idpr-cmtp idrp if iface iface_index ifb
        ifconfig ifindex ifname igmp igp ih iif iif_detached iifgroup iifkind iifname iiftype ikey imap in in-interface
        inactconn inactive inc include incomplete increment ind-neighbor-advert ind-neighbor-solicit index inet inet6
        inet_proto inet_service infiniband info info-reply info-request info_data info_kind info_slave_data
        info_slave_kind ingress inherit initcwnd initrwnd initval ino inode input insert integer interface
        interfacenameprefix interrupt interval inv invalid invert ip ip-ect ip-header-bad ip6 ip6gre ip6gretap ip6tables
        ip6tables-legacy ip6tables-nft ip6tnl ipcomp ipencap iphash ipid ipip ipmap ipmark ipoib ipopt ipporthash
        ipportiphash ipportnethash ipproto ipproto- iprange ipsec ipsec-nat-t ipset iptables iptables-legacy
        iptables-nft ipv4 ipv4_addr ipv6 ipv6-frag ipv6-icmp ipv6-icmptype ipv6-nonxt ipv6-opts ipv6-route ipv6_addr
        ipv6header ipvlan ipvs ipvsadm ipvtap irc isakmp iseq isis iso-tp4 isolated items jan jhash jited jul jump jun
        kbytes keepalived kernelspace kerneltz key keymode kind kmp kube kube-firewall kube-forward kube-mark-masq
        kube-postrouting l2 l2miss l2tp l3 l3mdev l3mdev-table l3miss l3s l4proto last last-ack last_ack lc ldap le
        learning learning_sync led ledid left legacy len length lephb level limit limit-in limit-out link link-netns
        link-netnsid link_index link_netnsid link_type linkdown linkinfo linkmode list listen listening ll lladdr ln lo
        loc-srv local local6 local_address localaddress localhost_nps_accepted_pkts localhostnodeports lock locked log
        logmark lookup loop loopback loose lowdelay lower lower_up lshift lt mab mac mac-source macipmap macvlan macvtap
        main managed manet mangle map map-set mar mark markmask mask masq masquerade masqueradeall masqueradebit master
        match match-set max_age max_pacing_offload_horizon maxelem maximize-reliability maximize-throughput maxmtu may
        mbytes mc_forwarding mcast_fast_leave mcast_flood mcast_hash_elasticity mcast_hash_max mcast_igmp_version
        mcast_last_member_count mcast_last_member_interval mcast_max_groups mcast_membership_interval mcast_mld_version
        mcast_n_groups mcast_querier mcast_querier_interval mcast_query_interval mcast_query_response_interval
        mcast_query_use_ifaddr mcast_router mcast_snooping mcast_startup_query_count mcast_startup_query_interval
        mcast_stats_enabled mcast_to_unicast mcast_vlan_snooping mcautojoin mdb members memory meta metadata metainfo
        meter metric metrics mh microsoft-ds miimon min mincost minimize-cost minimize-delay minmtu minute missing
        mld-listener-done mld-listener-query mld-listener-reduction mld-listener-report mld2-listener-report mngtmpaddr
        mo mobility-header mod mode mon monthdays more-fragments mpls-in-ip mptcp mq mrt mtu multi_queue multicast
        multiport mysql name namespace namespaces nat nd-neighbor-advert nd-neighbor-solicit nd-redirect
        nd-router-advert nd-router-solicit ne neigbour-advertisement neigbour-solicitation neigh_suppress
        neigh_vlan_suppress neighbor-advertisement neighbor-solicitation neighbour-advertisement neighbour-solicitation
        neq net net-prohib net-prohibited net-unreach net-unreachable netbios-dgm netbios-ns netbios-ssn netdev netem
        netfilter nethash netid netkit netmap netmask netns-immutable netstat network network-prohibited
        network-redirect network-unknown network-unreachable never new new-ifindex new-netns new-netnsid nexthdr nexthop
        nexthops nf_call_arptables nf_call_ip6tables nf_call_iptables nf_proto nfacct nfacct-name nflog nfmask nfproto
        nfqueue nftables nftrace nh nh_info nhid nl nlmon no no-route no_linklocal_learn noarp nodad nodefrag
        nodeportaddresses nodeports noecn noexecute nolearning nomaster nomatch nonagle none noop nop nopmtudisc
        noprefixroute noqueue normal-service noschedule not not_in_hw notice notify notrack notrailers noudp6zerocsumrx
        noudp6zerocsumtx noudpcsum nov nq nsenter nth ntp nud null num number numeric numgen numqueues numrxqueues
        numtxqueues obridgename obriport obrname ocsum oct off offload offload_failed offset oif oif_detached oifgroup
        oifkind oifname oiftype okey oldest_pkt on one_queue oneline onlink op openvswitch ops opt optimistic option or
        or-mark or-tos origdst original origsrc oseq osf ospf out out-interface output over overruns owner p-t-p p_dgr
        p_raw packet packet-too-big packets packets-eq panic parameter-problem parentbus parentdev passthru payload pe
        peer per perm permaddr permanent persist persistent pervasive pf pfifo pfifo_fast phase physdev physdev-in
        physdev-is-bridged physdev-is-in physdev-is-out physdev-out pid pim pkt-type pkts pkttype pmtudisc pod
        pointopoint policy policy-fail pong pop3 port port-unreach port-unreachable port_end portid portmap portname
        portprocess ports position postgresql postrouting ppid ppp pptp prec precedence-cutoff pref preference
        prefernoschedule preferred_lft prefix prefixlen prefsrc prerouting printer prio priority private probability
        probes process program programs prohibit promisc promiscuity prot prot-unreachable proto proto-dst proto-src
        proto-unreach protocol protocol-unreachable protodown proxy proxy_arp proxy_arp_wifi proxy_ndp proxy_qlen psh
        ptr ptype pub pup q.931 qdisc qlen queue queue-threshold quickack quota ra radius radius-acct random
        random-fully range ras rate rate_unit rateest raw raw6 rawdnat rawsnat rcheck rcvbuf rdest rdp reachable ready
        real-server realm realms reap reason receive recent recive recv recv-q redir redirect ref refcnt references refs
        reject reject-route reject-with related reliability rem_address remcsumrx remcsumtx remote remote6 remoteaddress
        rename reno reordering replace repldst replsrc reply reqid required-option-missing resend_igmp reserved reset
        resize restore restore-mark result retrnsmt return return-nomatch revision right rip rohc root_block root_id
        root_path_cost root_port route route_localnet router router-advertisement router-renumbering router-solicitation
        routes routing rp_filter rpfilter rr rsc rshift rsource rspf rst rstp rsvp rsync rt rt_offload rt_offload_failed
        rt_trap rtclassid rto_min rtt rttl rttvar rule ruleset rx rx_queue sa saddr sane sat save save-mark sched-flags
        scheduler scope scopeid sctp sctp-service sdif sdifname sec secctx secmark second secondary seconds secpath
        security sed seed seen-reply seen_reply seg6local selector send send-q sep seqpacket server serverfault
        serverload services serving set set-class set-counters set-mark set-mss set-tos set-xmark setlist sfq sh shim6
        sip sips sit size sk skbinfo skbmark skbprio skbqueue skgid skip skmem skuid sl slave smtp snaplen snat sndbuf
        snmp snpt socket sockets sockmem source source-port source-ports source-quench source-route-failed spec spi
        spnum sport sport_end sport_start sports spt spts src src-range src-type src_valid_mark src_vni srcip srckey
        srclen srcmask srcnat srcport ssh sshd ssn ssthresh st stable-privacy stale state static statistic status stderr
        steal sticky stmt stp stp_state stream string su subsets subtype sudo sun sunrpc suppress_prefixlen
        suppress_prefixlength svc svn svrloc switchid symhash syn syn-recv syn-sent syn_recv syn_sent synproxy syslog
        sysrq table tailroom target tarpit tbf tc tclass tcn_timer tcp tcp-cwr tcp-ece tcp-flags tcp-option tcp-reset
        tcp-rst tcp-service tcp6 tcp_flag tcp_listen tcpmss tcpmux tcpoptstrip tee telnet temporary tentative
        terminating tftp th throughput throw thu ti_dg ti_rd ti_sq ti_st time time-exceeded time-wait time_wait timeout
        timestamp-reply timestamp-request timestart timestop tm tmpl to to-destination to-port to-ports to-source tool
        topology topology_change topology_change_detected tos tos-host-redirect tos-host-unreachable
        tos-network-redirect tos-network-unreachable tproxy tproxy-mark tr trace transmit trap true ts tsage tsecr tsn
        tso_max_segs tso_max_size tsval ttl ttl-exceeded ttl-match ttl-propagate ttl-zero-during-reassembly
        ttl-zero-during-transit tu tue tun tun-csum tun-nocsum tun-port tun-remcsum tun-type tunnel tx tx_queue
        txqueuelen type type_flags typeof u32 u_dgr u_seq u_str udp udp-service udp6 udp6zerocsumrx udp6zerocsumtx
        udpcsum udplite udplite6 uid uid_end uid_start uidrange ulog unconn unicast unix unknown unknown-header-type
        unknown-option unmodelled unreachable unreplied unresolved unspec untagged_policy until untracked up update
        update-counters update-subcounters updelay urd urg used users userspace utc v1 v_dgr v_str va vaddr val val_unit
        valid_lft validmark value vcan vdir vegas vepa verdict version veth vf via virtual vlan vlan_default_pvid
        vlan_filtering vlan_protocol vlan_stats_enabled vlan_stats_per_port vlan_tunnel vmap vmethod vmtp vnet_hdr vni
        vport vportctl vproto vrf vrrp vti vti6 vxlan warning we wed weekdays weight wesp westwood what when wildcard
        window wireguard with wlc wrr www xdp xdpdrv xdpgeneric xdpmulti xdpoffload xfrm xmit_hash_policy xmpp-client
        xmpp-server xns-idp xor xor-mark xor-tos xorp xresolve xset xt xtp zabbix-agent zone zone-orig
        """
}
