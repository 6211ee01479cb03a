/// Words that are nobody's names: those of the formats that are read, and plain English of logs.
///
/// A word of a log, a comment or an unknown file that is not among them is taken for a name and replaced.
enum PlainWords {
    /// Whether the word, whatever its case, is one of them.
    static func contains(_ word: some StringProtocol) -> Bool { all.contains(word.lowercased()) }

    private static let all = Set(text.split { $0 == " " || $0 == "\n" }.map(String.init))

    private static let text = """
        aarch64 abort aborted about above accept accept-local access account ack across act action active
        activity_notify actual add add-set added added_by_ext added_by_user adding additional addon addr addr-unreach
        addr-unreachable addr_info addrconf address address-mask-reply address-mask-request address-unreachable
        addresses addrgenmode addrtype adm-prohibited admin admin-prohib admin-prohibited advmss af11 af12 af13 af21
        af22 af23 af31 af32 af33 af41 af42 af43 affinity after again age agent ah alert alias alive all all-hosts-net
        all-ipam-pools all-vxlan-net allmulti alloc allocatable allocated allocation allow allowed already also altname
        always amd64 amqp an analysis and annotations answer antrea any anycast anywhere api api-server apiserver app
        append application applied apply applying approximately apps apr arch are args argument arguments arm64 arp arpa
        array as assigned assured at attach attach_type attached attempt attempts audit aug auth authentication
        authority authorization auto auto-merge autojoin autopath available avg away aws azure back backend backends
        backendtype backoff backup_nhid backup_port bacula-dir bad bad-header balancer balancing bandwidth base based
        basic batch bcast_flood be because become becomes becoming been before begin behind below between beyond-scope
        bgp bin bind binding bird bitmask bits blackhole block blocked blocking board body bond boot bootp bootpc bootps
        both bound bpf bpfprogs bpftool br br_netfilter branch brd bridge bridge_slave bridgeinterface broadcast broken
        brport bucketsize buffer build built bundle burst busy but by byte bytes ca cache cached cali cali40 cali40s
        cali4t cali50 cali60 cali60s cali6t calico calico-kube-controllers calico-node calico-nodename call called
        caller calls can canal canary cannot capabilities capacity carrier carrier_changes cases cat cause cbr0
        certificate certificates cgroup cgroup_programs chain change changed changes channel chargen check checking
        checks checksum child children chronyc chroot chunk cidr-block cilium cilium-agent clamp class classes classid
        cleanup clear clew cli client clients clock clone close closed closing cls clsact cluster cluster-ips
        cluster-ips-check clustercidr clusterip clusterips clusters cni cni-files cni-networks cni0 cni2 cniversion
        cnsmngr code collect collected collection collisions column com command commands comment commit committed common
        communication-prohibited comp compatible complete completed component components compute concat condition
        conditions conditionsv4 conf confd config configmaps configs configuration configurations configure configured
        configuring configz confirmed conflist congctl connect connected connecting connection connectionless
        connections connlimit connmark conntrack consistency constant contain container containerd containers content
        context continue control controller controllers conversion cookies copied copy core coredns correct corrupt cost
        could count counter counters cpu crash create created creating creation cri cri-o crictl crio crit critical cs0
        cs1 cs2 cs3 cs4 cs5 cs6 cs7 csi ct ct_dir ct_state ct_status ctdir ctexpire ctmask ctorigdst ctorigdstport
        ctorigsrc ctorigsrcport ctproto ctrepldst ctrepldstport ctreplsrc ctreplsrcport ctstate ctstatus curl current
        currently custom cvspserver cwnd cwr daddr dadfailed daemon daemonset daemonsets data datastore_type date day
        daytime dccp dead debian debug dec december decrement default defaulted defaults defer deferred define defined
        del del-set delay delegate delete deleted deletes deleting denial denied deny depends deploy deployment
        deployments deprecated depth describe desired dest destination destination-unreachable destinations destroy
        detach detached details detect detected detectlocal detectlocalmode dev device devices devname df dh dhcp
        dhcpv6-client dhcpv6-server dial dict did different digest dir direct direction directly directory directrouting
        dirty disable disabled disabling discard discovery disk dispatch display dmesg dnat dns dns-tcp do docker
        docker-daemon dockerd document does domain domains done dormant down dpap dport dport_end dport_start driver
        drop dropped dropping drops drwxr dscp dsfield dst dst-type dstkey dstlen dstmask dstnat dstport dual due dummy
        dump duplex duplicate duration during dying dynamic each early ebtables ec2 echo echo-reply echo-request ecn edu
        ef effect egress either elected election elem element elements else ematch emerg empty enable enabled enableipv4
        enableipv6 enabling encap end ended endpoint endpoints endpointslice endpointslices ends enforce ensure ensured
        enter entered entering entries entry env environment epmap epoch eq equal err errno error errors erspan esp
        established etc etcd eth eth0 ether ether_type ethtool event events every evicted exact examples exceeded except
        exclude exec executing exist existing exists exit exited expected expire expired expires expiry explicitly
        exposed expr expression ext extended extensions extern extern_learn extern_valid external externally
        externally-visible externalname exthdr extra fail failed failed-policy failing fails failsafe failure failures
        fallthrough false family fast fastleave fastopen_no_cookie fatal fdb feature features feb february felix fetch
        few fh fhfw fib fib_addrtype fib_trie field fields file files filled filter filter-forward filter-input
        filter-output filter-prerouting filtered filtering filters fin final find finger finish finished finishing fip
        firewall firewall-check firewall-ips first fix fixed flag flags flannel flannel-docker flannel-subnet flanneld
        flood flooding flow flow_from flow_to flower flows flowtable flush flushed flushing follow following for force
        force_tcp forceadd forceaddress forced foreground forever form format forward forwarded forwarding found
        fq_codel frag frag-needed frag-off fragmentation-needed frame free frequency fresh fri friday from front ftp
        ftp-data ftps ftps-data full fully fully-random function fw fwmark fwmask gact gateway gave gbp gc gc-interval
        gcp ge general generate generated generating generation generic geneve get getting git give given global gmt gnu
        goes gone good gopher got goto gov grace graceful gre grep gretap gro_ipv4_max_size gro_max_size group group6
        groups grpc gso_ipv4_max_size gso_max_segs gso_max_size gt guaranteed guard gw gz had hairpin hairpinmode half
        handle handled handler handlers happened hard hardware has hash hashlimit hashsize have hbh hdrlength he head
        header headers headless headroom health healthcheck healthcheckport healthy healthz hello help hep her here hfsc
        high him hints his hits hl hold holds home hook hooks hop hoplimit host host-gw host-local
        host-precedence-violation host-prohib host-prohibited host-redirect host-unknown host-unreach host-unreachable
        hostgw hostname hostnameoverride hostnames hostnetwork hostpid hostport hosts hour hours how hsr htable-expire
        htable-gcinterval htable-max htable-size htb http http-alt https hwmode hz ibridgename ibriport ibrname ibrpvid
        ibrvproto icmp icmp-admin-prohibited icmp-host-prohibited icmp-host-unreachable icmp-net-prohibited
        icmp-net-unreachable icmp-port-unreachable icmp-proto-unreachable icmp6 icmp6-addr-unreachable
        icmp6-adm-prohibited icmp6-no-route icmp6-policy-fail icmp6-port-unreachable icmp6-reject-route icmp6type
        icmp_code icmp_type icmptype icmpv6 icmpv6_code icmpv6_type icmpx id ident idle if if_inet6 iface_index ifb
        ifconfig ifindex ifname igmp ignore ignored ignoring ih iif iif_detached iifgroup iifkind iifname iiftype image
        images imap imap2 imaps immediate immutable import in in-addr inactive inc include included including incoming
        incomplete increase increment ind-neighbor-advert ind-neighbor-solicit index indices inet inet6 inet_proto
        inet_service infiniband info info-reply info-request info_data info_kind info_slave_data info_slave_kind inform
        informer informers ingress init initcwnd initial initialized initializing initrwnd initval inner inode input
        insecure insert inserted inside install installed instance instances insufficient integer interface
        interfacenameprefix interfaces internal interrupt interrupted interval into inv invalid invert invoked io ip
        ip-header-bad ip6 ip6_tables ip6gre ip6gretap ip6tables ip6tables-legacy ip6tables-nft ip6tnl ip_tables ipam
        iphash ipid ipip ipmap ipmasq ipoib ipp ippool ipporthash ipportiphash ipportnethash ipproto ipproto- iprange
        ips ipsec ipsec-nat-t ipset ipsets iptables iptables-legacy iptables-nft ipv4 ipv4_addr ipv6 ipv6-icmp
        ipv6-icmptype ipv6_addr ipv6_route ipv6header ipv6network ipvlan ipvs ipvsadm ipvtap irc irq irtt is isakmp
        isdefaultgateway isgateway isolated issue issued it item items iteration its itself jan january jhash jiffies
        job jobs join joined journal journal-kernel journal-services journalctl json jul july jump jun june just k8s
        kafka kbytes keep keepalive kerberos kernel kernelspace key keys kill killed killer killing kind kindnet
        kindnetd kns ksa kube kube-apiserver kube-controller-manager kube-dns kube-flannel kube-proxy kube-proxy-metrics
        kube-router kube-scheduler kubeadm kubeconfig kubectl kubelet kubeproxy kubernetes l2f l2tp l3mdev l4proto label
        labels lameduck lan large larger last late latency later latest launch layer lb lc ldap ldaps le lead leader
        leaf learning learning_sync lease leaves left len length lephb less let level lib library lifetime like likely
        limit limit-in limit-out limited limits line lines link link-netns link-netnsid link-stats link_index
        link_netnsid link_type linkdown linkinfo linkmode links linux list listen listener listening listens lists live
        liveness livez ll lladdr lntu lo load loadbalance loadbalancer loadbalancers loaded loading loc-srv local local6
        localdomain localhost localhostnodeports lock locked log log_file_path log_level logging login logs long longer
        lookup loop loopback loose lost low lowdelay lower ls lshift lsmod lt mab mac machine machine-id macipmap
        macvlan macvtap made main maintain make making managed manager mangle manifest manifests manual map map-set
        mapped mar march mark mark-for-masquerade marked marker markmask markmasqbit martian mask masq masq-ipam-pools
        masqall masquerade masqueradeall masqueradebit masquerading master match match-set matchall matched matches
        matching max max_concurrent max_pacing_offload_horizon maxelem maximize-reliability maximize-throughput maximum
        maxmtu may mb mbytes mcast_flood mcast_max_groups mcast_n_groups mcast_router mcast_to_unicast mcautojoin md mdb
        mdns me mean means measured mechanism medium member members memory merge message messages meta metadata metainfo
        meter method metric metrics metrics-server mfl mh mib microsoft-ds might migration min mincost minimize-cost
        minimize-delay minimum minmtu minute minutes mirred mirror mirrors miss missed missing mixed mld-listener-done
        mld-listener-query mld-listener-reduction mld-listener-report mld2-listener-report mngtmpaddr mod mode modes
        modified module modules mon monday mongodb monitor more more-fragments most mount mounted move mptcp mq ms-sql-m
        ms-sql-s ms-wbt-server mss mtu much multi multicast multiple multiport munin must my mysql name named nameless
        names nameserver nameservers namespace namespaced namespaces nat nat-outgoing nat-output nat-postrouting
        nat-prerouting native nd-neighbor-advert nd-neighbor-solicit nd-redirect nd-router-advert nd-router-solicit ne
        near need needed needs negative neigbour-advertisement neigbour-solicitation neigh neigh_suppress
        neigh_vlan_suppress neighbor neighbor-advertisement neighbor-solicitation neighbour neighbour-advertisement
        neighbour-solicitation neq nerdctl net net-prohib net-prohibited net-unreach net-unreachable netbios-dgm
        netbios-ns netbios-ssn netdev netfilter nethash netkit netlink netmap netmask netns netns-immutable netpol
        netstat network network-prohibited network-redirect network-unknown network-unreachable networking
        networkpolicies networkpolicy networks never new new-ifindex new-netns new-netnsid next nexthdr nexthop nexthops
        nf_call_ip6tables nf_call_iptables nf_conntrack nf_nat nf_proto nf_tables nfacct nfacct-name nfmask nfproto nfs
        nft nftables nftrace nh nh_info nhid nic nice nl nlmon nntp no no-endpoint-nodeports no-endpoint-services
        no-route noarp nodad node node-local-dns nodeipam nodelocaldns nodename nodeport nodeport-endpoints-check
        nodeport-ips nodeportaddresses nodeports nodes nolearning nomatch nominal none nop noprefixroute noqueue nor
        normal normal-service not note nothing notice notify notrack notready nov november now nq nsenter nstat ntp nud
        null num number numbers numgen numrxqueues numtxqueues nut object objects obridgename obriport obrname observed
        ocf oct october of off offload offload_failed offset oif oif_detached oifgroup oifkind oifname oiftype ok old on
        once one onlink only oom op open opened opening openvpn openvswitch oper operation operations operator opt
        optimistic option optional options or order ordinal org origdst original origsrc os-release osf osrelease other
        others our out outer outgoing output outside over overflow overlay overload override overruns own owned owner
        p_dgr p_raw package packages packet packet-too-big packets page paged pages pair panic parallel param parameter
        parameter-problem parameters params parent parentbus parentdev parse parsed parsing part partial partially parts
        passed passes passive password path paths pause payload pe pedit peer peers pending per period permaddr
        permanent permission permissions permit persist persistent pervasive pf pfifo_fast pfm phase physdev physical pi
        pid pin ping pinned pkts pkttype place plan platform please plugin plugins po pod pod-logs podcidr podcidrs
        podip podips podman pods podsandbox point police policies policy policy-fail poll pong pool pools pop-3 pop3
        pop3s port port-unreach port-unreachable port_end portals portid portmap portmapper portmappings portname ports
        position possible post postgres postgresql postrouting ppid ppp pps pptp precedence-cutoff preempt pref prefer
        prefer_udp preference preferred preferred_lft prefix prefixlen prefsrc prepare prerouting present preserve
        previous pri primary printer prio prior priority privileged pro probability probe probes problem problems proc
        proc-xt_recent process processed processes processing processor profile prog program programs progress prohibit
        project prometheus promiscmode promiscuity promiscuous proper properties property prot prot-unreachable proto
        proto-unreach protocol protocol-unreachable protocols protodown provide provided provider proxier proxy
        proxymode prune psh psk ptp ptr public publish pull pulled pulling puppet purpose put qdisc qlen quantity query
        queue queue-threshold queued quick quickack quit quota radius radius-acct rand random random-fully range
        rangeend ranges rangestart rate rate_unit rather raw raw6 rdp reach reachable reached read readiness reading
        readme readonly ready readyz real realm realms reap reason reboot received receiving recent reconcile reconciled
        reconciler record records recover recovered recovery redir redirect redis reduce ref refresh refused register
        registered registering registration registry reject reject-chain reject-route reject-with rejected rejecting
        related relay release released releases reliability reload remain remaining remote remote6 remove removed
        removes removing rename renamed renew reordering replace replaced repldst replica replicas replicaset
        replicasets replicationcontroller replsrc reply report reported reports request requested requests require
        required required-option-missing requires requiring reserve reserved reset resize resolv resolve resolved
        resolver resource resources respond response restart restarted restarting restarts restore restored restoring
        result results resume resync retries retry retrying return return-nomatch returned returns revision rewrite
        right role roles rolling rollout root root_block round round_robin route router router-advertisement
        router-renumbering router-solicitation routes routing row rpf rpfilter rr rshift rst rsync rt rt_offload
        rt_offload_failed rt_trap rtclassid rto_min rtsp rtt rttvar rule rules ruleset run running runs runtime rwxr
        saddr safe same sandbox sat saturday save saved sbin sbr scale scan scenario schedule scheduled scheduler scope
        scopeid score script scsi sctp sdif sdifname search sec secmark second secondary seconds secpath secret secrets
        section security sed see seed seen seen-reply seg6local segment select selected selector self send sending sent
        sep september sequence sequential serial series serve served server servers service service-endpoints-check
        service-ips service-nodeports serviceaccount services serving session sessions set setlist setns sets setting
        settings setup several sh share shared she shell shift short should show shown shut shutdown shutting side sig
        signal signature significant silent similar simple since single sip sip-tls sit size skbedit skbinfo skbmark
        skbprio skbqueue skgid skip skipped skipping skuid sleep slice slices slow small smp smtp snaplen snat snmp
        snmp-trap snmp6 snmptrap so socket sockets socks sockstat sockstat6 soft softnet software solving some sort
        source source-quench source-route-failed sources space spec special specific specified speed split spnum sport
        sport_end sport_start src src-type src_vni srckey srclen srcmask srcnat ss ssh sshd ssmtp ssn ssthresh
        stable-privacy stack stale standard start started starting starts startup stat state stateful statefulset
        statefulsets stateless statement states static statistic statistics stats status stderr stdin stdout step sticky
        still stmt stop stopped stopping storage store stored stream strict string structure stub stubdomains stuck
        style sub submission submissions subnet subnetlen subnetmax subnetmin subnets subset subsets subsystem subtype
        succeed succeeded success successful successfully such sudo suffix sun sunday sunrpc superseded support
        supported suppress_prefixlen suppress_prefixlength sure svc svcs svl svn svrloc swap switch switchid symhash syn
        sync synced synchronized syncing syncproxyrules synproxy sys syscall sysctl sysctl-files sysctls syslog system
        systemctl systemctl-cat systemctl-is-active systemd tab table tables tacacs tag tags tail tailroom taint taints
        take taken tar target targetport targets task tasks tbf tc tcp tcp-reset tcp-rst tcp_flag tcpmss tcpmux team
        telnet template temporary tentative terminate terminated terminating termination test tests text tftp th than
        that the their them then there these they thfw this this-host those thread threads threshold throttle throttled
        throttling through throughput thu thursday ti_dg ti_rd ti_sq ti_st tick tigera-operator time time-exceeded timed
        timeout timeouts timer times timestamp timestamp-reply timestamp-request tls tmp to token told tolerations too
        tool tools top topology tos tos-host-redirect tos-host-unreachable tos-network-redirect tos-network-unreachable
        total touch tproxy tr trace track tracked tracker tracking traffic transaction transfer transient transition
        transmit transport trap tree tried trigger triggered trim true truncated trust try trying ts tsage tsecr tsn
        tso_max_segs tso_max_size tsval ttl ttl-exceeded ttl-propagate ttl-zero-during-reassembly
        ttl-zero-during-transit tty tue tuesday tun tuning tunnel turn tw two txqueuelen txt type type_flags typeof
        types typha u32 u_dgr u_seq u_str ubuntu udp udplite ui uid uid_end uid_start uidrange unable uname unavailable
        unchanged undefined under unexpected unhealthy unicast unique unit units unix unknown unknown-header-type
        unknown-option unlock unmodelled unmount unreachable unready unresolved unset unspec unstable unsupported
        untagged untagged_policy until untracked up update updated updates updating upgrade upon upper upstream uptime
        uptime-1 uptime-2 urd urg url us usage use used user users userspace using usr utc util v1 v_dgr v_str va val
        val_unit valid valid_lft validate validated validating validation validmark value values var variable variables
        vcan vendor verbose verdict verify verifying version versions very veth vf via virtual visible vlan
        vlan_filtering vlan_tunnel vmap vni volume volumes vrf vti vti6 vxlan wait waited waiting wall want wanted warn
        warning warnings was watch watcher watchers watching way we weave web webcache webmin wed wednesday week weight
        well wep were wget what when where which while who whois whole whom why wide width wildcard will window wins
        wireguard wiring with within without wl wlc work worker workers working workload workloads works world would
        write writing written wrong wrr www x-k8s x11 x86 x86_64 xdp xdpdrv xdpgeneric xdpmulti xdpoffload xfrm xlb
        xmpp-client xmpp-server xor xset xt xt_recent yaml year yes yet yml you your zabbix-agent zero zone zone-orig
        zones
        """
}
