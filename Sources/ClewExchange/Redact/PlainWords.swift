/// Words that are nobody's names: those of the formats that are read, and plain English of logs.
///
/// A word of a log, a comment or an unknown file that is not among them is taken for a name and replaced.
enum PlainWords {
    /// Whether the word, whatever its case, is one of them.
    static func contains(_ word: some StringProtocol) -> Bool { all.contains(word.lowercased()) }

    private static let all = Set(text.split { $0 == " " || $0 == "\n" }.map(String.init))

    private static let text = """
        aarch64 able abort aborted about above accept accept-local accepts access access-application-cluster account ack
        acquire across act action activating active activedeadlineseconds activity_notify actual add add-set add-source
        added added_by_ext added_by_user adding additional addon addr addr-unreach addr-unreachable addr_info addrconf
        address address-mask-reply address-mask-request address-unreachable addresses addresstype addrgenmode addrtype
        adds adm-prohibited admin admin-prohib admin-prohibited advise advmss af11 af12 af13 af21 af22 af23 af31 af32
        af33 af41 af42 af43 affinity after again age agent ago agree ah ailed airgap alert alias align alive all
        all-containers all-hosts-net all-ipam-pools all-namespaces all-vxlan-net allmulti alloc allocatable allocate
        allocate-node-cidrs allocated allocates allocation allow allowed alone alpha alpine already also alt altname
        always amazon amd64 among amqp an analysis and anew annotations announce announces another answer answered
        answers antrea antrea-agent any anybody anycast anything anywhere api api-key api-server apigroup apigroups
        apikey apiserver apiversion app app-bound-to-loopback appear append application applied apply applying
        approximately apps apr apt-get arch archive are args argument arguments arm64 arp arp_announce arp_ignore arpa
        arping array arrives artifacts as ascii ask asked asking asks assign assigned assured asymmetric-multihomed at
        attach attach_type attached attempt attempts audit aug auth authentication authority authorization authorizer
        auto auto-merge autojoin automountserviceaccounttoken autopath available avg away awk aws az azure azv babel
        back backend backend-data backend-mismatch backend-type backend-unreachable-syn-recv backends backendtype
        backoff backup_nhid backup_port bacula-dir bad bad-header balancer balancers balancing bandwidth base
        base-jump-missing based bash basic batch batchmode bcast_flood be because become becomes becoming been before
        begin begins behind being belong belongs below beside best between beyond beyond-scope bgp bgp-not-established
        bin bind binding bip bird bit bitmask bits bkt blackhole blackhole-on-wrong-node blackhole-own-block blank
        blanket-snat blob block block-affinity-stale blocked blocking board body bond boot bootp bootpc bootps
        bootstrappolicy both bound bpf bpf-net bpfprogs bpftool br br-netfilter br-netfilter-not-loaded br_device
        br_forward br_if br_netfilter br_netfilter_hooks br_port_carrier_check brace branch brd break bridge
        bridge-down-or-no-ip bridge-fdb bridge-link bridge-nf bridge-nf-call bridge-nf-call-ip6tables
        bridge-nf-call-ip6tables-off bridge-nf-call-iptables bridge-nf-call-iptables-off bridge-settings-not-persistent
        bridge-vlan bridge_slave bridged bridgeinterface bridges bring broadcast broken brport bucket buckets bucketsize
        buffer build built builtin bundle burst busy busybox but by by-hand byte bytes ca cable cache cached cal cali
        cali-fw cali-interface-or-route-missing cali-mac-ee cali-pi cali-po cali-pri cali-tw cali40 cali40s cali4t
        cali50 cali60 cali60s cali6t calico calico-config calico-ipam calico-kube-controllers calico-node
        calico-nodename calicoctl calicoctl-node-status call called caller calls came can can-i canal canary cannot
        capabilities capacity capeff captured captures card cards carrier carrier_changes carries case cases cat
        categorizeendpoints cause causes cbr0 certain certificate certificates cgroup cgroup_programs chain chains
        chaintoolong change changed changes changing channel character chargen cheap check checking checks checksum
        checksum-offloads checksums child children choice choose chooses choosing chosen chronyc chronyc-tracking
        chronyd chroot chunk chunk-size cidr cidr-block cidr-overlap cilium cilium-agent cilium-config cilium-dbg
        cilium-endpoint-list cilium-service-list cilium-status cilium_vxlan cilium_wg cilium_wg0 cksum
        cksum-incorrect-offload claim claimed clamp clamp-mss-to-pmtu clashed clashes class classes classid clean
        cleanlegacyservice cleanup clear clew clew-collect clew-collect-pods cli client client-source-ip-lost clientip
        clients clock clone cloned close closed closing cloud cloud-controll cloud-route-or-srcdst-check clouds cls
        clsact cluster cluster-cidr cluster-cidr-wrong cluster-info cluster-ip cluster-ips cluster-ips-check
        cluster-wide clustercidr clusterdns clusterinformation clusterip clusterips clusterrole clusterrolebinding
        clusters cm cmd cmdline cni cni-binary-missing cni-conf-invalid cni-conf-missing cni-conf-order cni-dn cni-files
        cni-hostport cni-hostport-dnat cni-network cni-networks cni-plugin cni0 cni0-address-differs cni2 cni_hostport
        cniversion cnsmngr code codes collect collected collecting collection collections collects collisions colon
        column com come comes comm comma command commands comment commit committed common communication-prohibited comp
        compares compatible complete completed component components compute compute-storage-net concat concepts concern
        condition conditions conditionsv4 conf confd config config-api config-not-applied configmap configmaps configs
        configuration configuration-format configurations configure configured configuring configz confirmed conflist
        congctl conn-reuse-time-wait conn_reuse_mode connect connected connecting connection connection-lost
        connectionless connections connects connecttimeout connlimit connmark conntrack conntrack-near-full
        conntrack-stats conntrack-table-full conntrack-tools conntrack-tools-or-module-missing consistency constant
        contain container container-runtimes containercreating containerd containernetworking
        containernetworking-plugins containers content context continue contracts control controller controllers
        conversion cookies copied copies copy cordon core coredns coreos correct corrupt cost costs could couldn count
        counted counter counters counts cover covers cp cpu cpuseconds crash create create-external-load-balancer
        created creating creation credentials cri cri-dockerd cri-o crictl crio crit critical crosssubnet cs0 cs1 cs2
        cs3 cs4 cs5 cs6 cs7 csi ct ct_dir ct_state ct_status ctdir ctexpire ctmask ctorigdst ctorigdstport ctorigsrc
        ctorigsrcport ctproto ctrepldst ctrepldstport ctreplsrc ctreplsrcport ctstate ctstatus curl current currently
        custom custom-columns cut cvspserver cwnd cwr daddr dadfailed daemon daemonset daemonsets data datastore_type
        date day days daytime dccp dead deadline debian debug debug-application debug-service dec december decides
        decrement default default-deny-ingress default-route-missing defaultdummydevice defaulted defaults defer
        deferred define defined del del-set delay delegate delete delete-emptydir-data delete-reject deleted deletes
        deleting denial denied deny depend depending depends deploy deployment deployments deprecated depth describe
        description descriptors desired dest destination destination-unreachable destinations destroy detach detached
        details detect detected detection detectlocal detectlocalmode dev device devices devname df dh dhcp
        dhcpv6-client dhcpv6-server dial dict did die differ different differs digest digit digits dir direct direction
        directly directory directrouting dirty disable disable_ipv6 disabled disabling discard discipline discovery disk
        dispatch display dist dmesg dnat dnat-to-dead-endpoint dnrouted dns dns-tcp do docker docker-bip-mismatch
        docker-daemon docker-mtu-or-masq-mismatch docker0 docker0-no-carrier docker_opt_bip dockerd dockershim docs
        document documentation does domain domains done dormant dots doubt down dpap dport dport_end dport_start drain
        driver drivers drop drop-in drop-rule-counting dropped dropping drops drwxr ds dscp dsfield dst dst-type dstkey
        dstlen dstmask dstnat dstport dual dual-stack due dummy dump duplex duplicate duplicate-node-ip duplicate-pod-ip
        duration during dying dynamic each early early_drop ebtables ebtables-save ec2 echo echo-reply echo-request ecn
        edit edited edits edns0 edu ee ef effect egress eight eigrp either el8 elected election elem element elements
        else elsewhere ematch emerg empty enable enabled enableipv4 enableipv6 enabling encap end ended endpoint
        endpoint-slices endpoints endpointslice endpointslices ends enforce engine eni enough ensure ensureaddr ensured
        enter entered entering enters entries entry env environment environmentfile ephemeral ephemeral-exhaustion epmap
        epoch eq equal err errno error errors erspan esp established established-never-expires etc etcd
        etcd-lease-problem etcdctl eth eth0 ether ether_type ethtool etp-local-no-local-endpoint even event events ever
        every everything everywhere evicted exact examples exceeded except exchanged exclude excludecidrs exec
        executable execute executing exist existing exists exit exitcode exited expected expire expire_nodest_conn
        expired expires expiry explicitly export exposed expr expression ext extend-kubernetes extended extensions
        extern extern_learn extern_valid external external-ips external-services external-traffic-policy
        externalip-conflict externalips externally externally-visible externalname externalname-misuse
        externaltrafficpolicy exthdr extra fail failed failed-policy failedcreatepodsandbox failing fails failsafe
        failure failures falls fallthrough false families family faq fast fastleave fastopen_no_cookie fatal fault fdb
        feature features feb february felix fell fetch few fewer fh fhfw fib fib_addrtype fib_frontend fib_netdev_event
        fib_trie fib_validate_source field field-selector field-spec-ports fields file files filesystems filled fills
        filter filter-forward filter-input filter-output filter-prerouting filtered filtering filters fin final find
        findport finds finger finish finished finishing fip firewall firewall-check firewall-cmd firewall-ips firewalld
        firewalld-active firewalls first fit five fix fixed fixes flag flags flannel flannel-docker flannel-forward-drop
        flannel-io flannel-ipv flannel-masq-rules-missing flannel-mtu-unexpected flannel-postrtg flannel-startup-error
        flannel-subnet flannel-v6 flannel0 flannel_ipmasq flannel_mtu flannel_network flannel_subnet flanneld
        flanneld-not-running flap fln flood flooding flow flow_from flow_to flower flowid flows flowtable flush
        flush-forward flushed flushes flushing fo folder follow followed following for forbidden force force_tcp
        forceadd forceaddress forced foreground foreign-rule-shadows-service forever forged forget forgets form format
        formatversion former forward forward-accept forward-drop-plus-brnf forward-policy-drop forward_in_zones
        forward_out_zones forward_policies forwarded forwarding forwards found fq_codel frag frag-needed frag-off
        fragmentation-needed fragments frame frames free frequency fresh fri friday from from-report front ftp ftp-data
        ftps ftps-data full fully fully-random function further fw fwd fwdi fwdo fwmark fwmask gact gap gateway gather
        gauge gave gbp gc gc-interval gc_thresh1 gc_thresh2 gc_thresh3 gce gcp ge general generate generated generating
        generation generic geneve get get-active-zones getnodeips gets getting gid git github give given gives global
        gmt gnu go go-template goes gone good gopher got goto gov grace grace-period graceful graceful_termination gre
        grep gretap grew gro_ipv4_max_size gro_max_size group group6 groups grow grows grpc gso_ipv4_max_size
        gso_max_segs gso_max_size gt guaranteed guard guide gw gz had hairpin hairpin-masq-rule-missing hairpin-mode
        hairpin-off hairpin-veth hairpinmode half hand hand-written-subnet-env handle handled handler handlers hands
        handshakes hang hangs happened hard hardening hardware harm harmless-kube-proxy-or-iptables-warnings has hash
        hash-too-small hashlimit hashsize have hbh hdrlength he head header headers headless headroom health healthcheck
        healthchecknodeport healthcheckport healthy healthz hear heed hello help hep her here hfsc hides high him hints
        his histogram hits hl hold holding holds home hook hooks hop hoplimit host host-gw host-local
        host-precedence-violation host-prohib host-prohibited host-redirect host-unknown host-unreach host-unreachable
        hostgw hostipc hostname hostname-override hostname-override-mismatch hostnameoverride hostnames hostnetwork
        hostpath hostpid hostport hostport-or-hostnetwork-conflict hosts hour hours how however hsr htable-expire
        htable-gcinterval htable-max htable-size htb html http http-alt https hundredths hup hwmode hyperkube hypervisor
        hz ibridgename ibriport ibrname ibrpvid ibrvproto icmp icmp-admin-prohibited icmp-host-prohibited
        icmp-host-unreachable icmp-net-prohibited icmp-net-unreachable icmp-port-unreachable icmp-proto-unreachable
        icmp6 icmp6-addr-unreachable icmp6-adm-prohibited icmp6-no-route icmp6-policy-fail icmp6-port-unreachable
        icmp6-reject-route icmp6type icmp_code icmp_type icmpoutdestunreachs icmptype icmpv6 icmpv6_code icmpv6_type
        icmpx id ident identifiers idle idle-timeout-reset ie if if_inet6 iface iface-forwarding-off iface-regex
        iface_index ifb ifcfg ifconfig ifindex ifname ifs igmp ignore ignore-daemonsets ignore-not-found ignored ignores
        ignoring ih iif iif_detached iifgroup iifkind iifname iiftype image images imap imap2 imaps immediate immutable
        import in in-addr inactive inc include included including incoming incompatible incomplete incorrect increase
        increment ind-neighbor-advert ind-neighbor-solicit index indices inet inet6 inet_hash_connect inet_hashtables
        inet_proto inet_service inf infiniband info info-reply info-request info_data info_kind info_slave_data
        info_slave_kind inform informer informers ingress init initcwnd initial initialization initialize initialized
        initializing initrwnd initval inner ino inode input input-blocks-cluster-port input_zones insecure insert
        insert-failed-snat-clash insert_failed inserted inside insmod inspect inspectp install installation installed
        instance instances instead insufficient int integer intent interface interface-name interfacenameprefix
        interfaces internal internalip internalips internaltrafficpolicy interrupt interrupted interval into introduce
        inv invalid invalid-rst invert invoked io ip ip-6-route ip-6-rule ip-addr ip-autodetection ip-family-mismatch
        ip-forward-off ip-header-bad ip-link ip-link-stats ip-link-stats-1 ip-link-stats-2 ip-masq ip-masq-agent
        ip-neigh ip-neighbour ip-route ip-rule ip-sysctl ip-version ip4 ip6 ip6_tables ip6_tables_names ip6fragfails
        ip6gre ip6gretap ip6tables ip6tables-legacy ip6tables-legacy-save ip6tables-nft ip6tables-nft-save
        ip6tables-save ip6tnl ip_autodetection_method ip_forward ip_local_port_range ip_local_reserved_ports
        ip_route_input_slow ip_route_output_key_hash_rcu ip_tables ip_tables_names ip_vs ip_vs_proto_tcp ip_vs_rr
        ip_vs_sh ip_vs_wrr ipam ipfragfails iphash ipid ipip ipip-mode-wrong ipip-proto4-blocked ipipmode ipipmtu ipmap
        ipmasq ipoib ipp ippool ipporthash ipportiphash ipportnethash ipproto ipproto- ipprotocol iprange ips ipsec
        ipsec-nat-t ipset ipset-problem ipset-save ipsets iptables iptables-extensions iptables-legacy
        iptables-legacy-save iptables-nft iptables-nft-save iptables-restore iptables-save iptables-version
        iptablesjumpchains ipv ipv4 ipv4_addr ipv4address ipv6 ipv6-disabled-or-not-forwarding ipv6-icmp ipv6-icmptype
        ipv6_addr ipv6_route ipv6header ipv6network ipvlan ipvs ipvs-modules-missing ipvs-sysctl ipvsadm
        ipvsadm-connections ipvsadm-list ipvsadm-save ipvsadm-stats ipvsadm-timeouts ipvtap irc irq irtt is is-active
        isakmp isdefaultgateway isdetached isempty isgateway isis isoften isolated isonloopback isout issue issued
        issues istunnel isup it item items iteration itp-local-no-local-endpoint its itself jan january jhash jiffies
        jited job jobs join joined joins journal journal-kernel journal-services journalctl json jsonpath jul july jump
        jun june just k0s k3s k3s-agent k8s k8s-app kafka kbytes keep keep_addr_on_down keepalive keepalived keeps kept
        kerberos kernel kernels kernelspace key keyfile keys kib kill killed killer killing kills kind kindnet kindnetd
        know knowing known knows kns ko kops kpx ksa kube kube-apiserver kube-bridge kube-bridge-tun kube-cluster-ip
        kube-controller kube-controller-manager kube-dedup kube-dns kube-ext kube-external-services kube-firewall
        kube-flannel kube-flannel-cfg kube-flannel-ds kube-forward kube-fw kube-iptables-hint kube-ipvs-filter
        kube-ipvs-out-filter kube-ipvs0 kube-ipvs0-down kube-ipvs0-missing-vip kube-load-balancer kube-mark-drop
        kube-mark-masq kube-node-port kube-nodeports kube-nwplcy kube-ovn kube-pod-fw kube-portals kube-postrouting
        kube-proxy kube-proxy-canary kube-proxy-config kube-proxy-configz kube-proxy-firewall kube-proxy-healthz
        kube-proxy-metrics kube-proxy-not-running kube-proxy-overrides-conntrack-max kube-proxy-pod kube-proxy-proxymode
        kube-proxy-stale-node kube-router kube-scheduler kube-sep kube-sep-hash kube-services
        kube-source-ranges-firewall kube-svc kube-svc-hash kube-svl kube-system kube-vip kube-xlb kubeadm kubeadm-config
        kubeadm-reset kubeconfig kubectl kubectl-debug kubelet kubelet-config kubelet-hairpin-or-dns-config
        kubelet-healthz kubelite kubenet kubenet_linux kubeproxy kubeproxyconfiguration kubernetes
        kubernetes-internal-ip kubernetes-sigs kuberuntime kuberuntime_sandbox kubespray l2f l2tp l3mdev l4proto label
        labelled labels lacks lameduck lan large larger last last-applied-configuration late latency later latest launch
        layer lb lb-address lb-chain-wrong lb-pending lb-source-ranges-block lblc lblcr lc ldap ldaps le lead leader
        leads leaf learning learning_sync lease least leave leaves left leftover-routes-or-links legacy legacy-only-drop
        legacy_xtables_tools len length lephb less let lets level lib library lifetime like likely likewise limit
        limit-in limit-out limited limits line lines link link-netns link-netnsid link-stats link_index link_netnsid
        link_type linkdown linkinfo linkmode links linux list listed listen listener listening listens listing lists
        live liveness livez ll lladdr ln lnc lntu lntup lntus lo load load-balancer loadbalance loadbalancer
        loadbalancerclass loadbalancers loadbalancersourceranges loaded loadflannelsubnetenv loading loads loc-srv local
        local-subnet-shadows-cluster-net local6 localdetector localdomain localhost localhost-nodeport
        localhostnodeports lock locked log log_file_path log_level logging login logs long longer longest longlink look
        looked looking looks lookup loop loopback loose loosely lose loses lost low lowdelay lower lower_up ls lshift
        lsmod lsof lt lxc lxdbr mab mac macaddresspolicy machine machine-id machines macipmap macvlan macvtap made main
        maintain make makes making managed managed-by managedfields management manager mangle manifest manifests manual
        manual-endpoints-wrong manual-nat-workaround many map map-set mapped mar march mark mark-bit-conflict
        mark-for-masquerade mark-masq marked marker markmask markmasqbit martian mask masq masq-ipam-pools masqall
        masquerade masquerade-all masquerade-by-design masquerade-missing masquerade-not-random masqueradeall
        masqueradebit masqueraded masquerades masquerading master match match-set matchall matched matches matchfields
        matching matchlabels matter max max-file max-total max_concurrent max_conf_num max_pacing_offload_horizon
        maxelem maximize-reliability maximize-throughput maximum maxmtu maxpercore may mb mbytes mcast_flood
        mcast_max_groups mcast_n_groups mcast_router mcast_to_unicast mcautojoin md mdb mdns me mean means meant measure
        measured mechanism medium member members memory mended merge mesh message messages messenger meta metadata
        metainfo metallb meter method metric metrics metrics-server mfl mh mib microk8s microsoft-ds mid-transfer might
        migration min mincost minimize-cost minimize-delay minimum minmtu minute minutes mirred mirror mirrors miss
        missed missing mixed mk-docker-opts mkdir mld-listener-done mld-listener-query mld-listener-reduction
        mld-listener-report mld2-listener-report mngtmpaddr mnt mod mode mode-switch-leftovers modes modified modprobe
        module modules modules-builtin modules-load moment mon monday mongodb monitor more more-fragments most mount
        mounted mountpath move moves mptcp mq mrt ms-sql-m ms-sql-s ms-wbt-server mss mtu mtu-differs-between-nodes much
        multi multicast multiple multiport multus munin must mv my mysql name named named-port-differs-per-pod
        named-port-missing nameless names nameserver nameservers namespace namespaced namespaces nat nat-outgoing
        nat-output nat-postrouting nat-prerouting native nc nd nd-neighbor-advert nd-neighbor-solicit nd-redirect
        nd-router-advert nd-router-solicit ndots ne near nearly need needed needs negative neigbour-advertisement
        neigbour-solicitation neigh neigh_alloc neigh_suppress neigh_vlan_suppress neighbo neighbor
        neighbor-advertisement neighbor-solicitation neighbou neighbour neighbour-advertisement neighbour-solicitation
        neighbour-table-overflow neighbours neither neq nerdctl net net-autostart net-conf
        net-conf-differs-from-cluster-cidr net-destroy net-prohib net-prohibited net-unreach net-unreachable netbios-dgm
        netbios-ns netbios-ssn netdev netfilter nethash netkit netlink netlink_linux netmap netmask netns
        netns-immutable netplan netpol netstat network network-plugins network-policies network-prohibited
        network-redirect network-unknown network-unreachable network_mtu networkd networking networkmanager
        networkmanager-touches-cni networkpolicies networkpolicy networks never new new-ifindex new-netns new-netnsid
        newer newline next next-hop-not-on-link nexthdr nexthop nexthops nf_call_ip6tables nf_call_iptables nf_conntrack
        nf_conntrack-sysctl nf_conntrack_alloc nf_conntrack_buckets nf_conntrack_confirm nf_conntrack_core
        nf_conntrack_count nf_conntrack_ipv4 nf_conntrack_max nf_conntrack_proto_tcp nf_conntrack_tcp_be_liberal
        nf_conntrack_tcp_timeout_established nf_conntrack_tcp_timeout_time_wait nf_nat nf_nat_core nf_nat_inet_fn
        nf_nat_l4proto_unique_tuple nf_proto nf_tables nfacct nfacct-name nfmask nfnetlink nfproto nfs nft
        nft-list-chains nft-list-ruleset nft-version nftables nftrace nh nh_info nhid ni nic nic-errors-drops nice nil
        nl nlink nlmon nm-cloud-setup nmcli nntp no no-carrier no-endpoint-nodeports no-endpoint-services no-pager
        no-route noarp nobody nodad node node-cache node-local node-local-dns node-not-ready-or-networkunavailable
        node-podcidr-missing node-podcidr-overlap node-proxier node-status nodeaffinity nodecidr nodeip nodeipam
        nodelocaldns nodename nodeport nodeport-address-filter nodeport-endpoints-check nodeport-ips
        nodeport-not-listening nodeport-occupied nodeport-overlaps-ephemeral nodeport_addresses nodeportaddresses
        nodeports nodes nodeselectorterms noflush nolearning nomaster nomatch nominal none nonmasqueradecidrs nop
        noprefixroute noproxy noproxyname noqueue nor normal normal-service not not_in_hw note notes nothing notice
        notify notrack notrack-vs-policy notready nov november now nowhere nq nsenter nstat ntp nud null num number
        numbers numgen numrxqueues numtxqueues nut nxdomain obj object objects obridgename obriport obrname observed ocf
        oct octal october odd of off offload offload_failed offloads offset often oif oif_detached oifgroup oifkind
        oifname oiftype ok oken old older on once one ones onlink only oom op open opened opening openport opens
        openstack openvpn openvswitch oper operation operations operator operstate operstates opt optimistic option
        optional options or order orders ordinal org orig-dst origdst original originalname origsrc os-release osf ospf
        osrelease other others otherwise our out outdated outer outgoing output output-or-owner-block outside outsiders
        over overflow overhead overlap overlapping overlaps overlay overlay-module-missing overlay-port-blocked
        overlayfs overload override overruns overview ovf ovnkube own owned owner ownership owns p_dgr p_raw package
        packages packet packet-filtering-firewalls packet-too-big packets page paged pages pair pairs panic parallel
        param parameter parameter-problem parameters params parent parentbus parentdev parse parsed parsing part partial
        partially parts pass passed passes passive passw password passwords past patch path paths patience pause payload
        pe pedit peer peers pending people per period permaddr permanent permission permissions permit permitted persist
        persistent pervasive pf pfifo_fast pfm phase physdev physical pi pid pieces pin ping ping-clusterip-unanswered
        pinned pkg pkts pkttype place plan platform please plug plugged plugin plugins pmtu-blackhole po pod pod-address
        pod-cidr pod-egress-not-masqueraded pod-ip pod-ip-outside-node-podcidr pod-logs pod-mtu-larger-than-path
        pod-netns-broken pod-to-pod-masqueraded podcidr podcidr-outside-cluster-cidr podcidrs podip podips podman pods
        pods-not-ready podsandbox podsecurity point pol police policies policy policy-fail policy-rule-diverts poll pong
        pool pools pop-3 pop3 pop3s port port-unreach port-unreachable port_end portals portid portmap portmapper
        portmappings portname ports ports-and-protocols position posix possible post postgres postgresql postrouting
        ppid ppp pps pptp precedence-cutoff preempt pref prefer prefer_udp preference preferred preferred_lft prefix
        prefixes prefixlen prefsrc preparation prepare prepares prerouting present preserve previous pri price primary
        print printed printer printf prints prio prior priority priorityclassname privileged pro probability probe
        probes problem problems proc proc-modules proc-net proc-net-netstat proc-net-snmp proc-version proc-xt_recent
        process processed processes processing processor production-environment profile prog program programs progress
        prohibit project projectcalico prometheus promisc promiscmode promiscuity promiscuous promiscuous-dedup proper
        properties property prot prot-unreachable protected proto proto-unreach protocol protocol-mismatch
        protocol-unreachable protocols protodown provide provided provider providerid proxier proxy proxy-firewall
        proxy_arp proxymode prune psh psk ptp ptr ptype public public-cloud public-ip public-ip-overwrite publish
        published pull pulled pulling puppet purpose put puts python3 qdisc qlen quantile quantity quarter query
        question queue queue-threshold queued queueing quick quickack quiet quit quota quoted ra radius radius-acct
        raise ran rancher rand random random-fully range rangeend ranges rangestart rate rate_unit rather raw raw6 rbac
        rd rdp reach reachable reached reaches read readable reader readiness reading readme readonly reads ready readyz
        real real-server-weight-zero real-servers-differ realm realms reap reason reboot received receiver receiving
        recent reconcile reconciled reconciler record records recover recovered recovery recreate redacted redential
        redir redirect redis reduce ref reference refresh refuse refused refuses register registered registering
        registration registries registry reject reject-chain reject-host-prohibited-before-kube reject-route reject-with
        rejected rejecting rejects related relay release released releases reliability relies reload reloads remain
        remaining remote remote6 remove removed removes removing rename renamed renew reordering repair repaired
        repeated replace replaced replaces replacing repldst replica replicas replicaset replicasets
        replicationcontroller replies replsrc reply reply-src report reported reports reqid request request-timeout
        requested requests require required required-option-missing requiredduringschedulingignoredduringexecution
        requirements requires requiring reservations reserve reserved reset resets resize resolv resolve resolved
        resolver resource resourcenames resources respond response rest restart restarted restarting restartpolicy
        restarts restore restore_failures restore_failures_total restored restoring result results resume resync retries
        retrieve retry retrying return return-nomatch returned returns reuse reverse-path revision revoked rewrite
        rewrote rfc right rights ring rip rke2 rke2-agent rke2-server rm rn role rolebinding roleref roles rolling
        rollout room root root_block rotate round round_robin route route-to-podcidr-missing route-wrong-next-hop
        route_localnet routed router router-advertisement router-renumbering router-solicitation routers routes routing
        routing-policy row rp-filter-strict-asymmetric rp_filter rpf rpfilter rr rror rs rse rshift rst rsync rt
        rt_offload rt_offload_failed rt_trap rtclassid rte rtnetlink rto_min rtsp rtt rttvar rule rules
        rules-flushed-or-restored ruleset run running runpodsandbox runs runtime runtimes rwxr rx saddr safe said same
        sample samples sandbox sandbox-creation-failed sandboxes sat saturday save saved say says sbin sbr sc2016 sc2059
        sc2086 scale scan scenario schedule scheduled scheduler scheduler-misconfigured scope scopeid score script scrub
        scsi sctp sdif sdifname search sec secctx secmark second secondary seconds secpath secret secrets section
        security securitycontext sed see seed seen seen-reply sees seg6local segment select selected selector
        selector-matches-nothing selects self send sender senders sending sends sent sep separator september sequence
        sequential serial series serve served server serveralivecountmax serveraliveinterval servers serves service
        service-cluster-ip-range service-endpoints-check service-entry-missing service-ignored-by-kube-proxy service-ips
        service-name service-nodeports service-protocols service-proxy-name service-traffic-policy serviceaccount
        servicecidr servicename services services-networking services-without-selectors serving session sessionaffinity
        sessions set setlist setns sets setsid setting settings setup setup-tools several sh share shared shares she
        shell shellcheck shellopts shells shift shm short short-iso shorten should should_deliver show show-labels
        show-problem-ips shown shows shut shutdown shutting side sig sigblk sign signal signature significant silent
        similar simple since single single-node-pending-etp-local single-request sip sip-tls sit size sizes sk skbedit
        skbinfo skbmark skbprio skbqueue skgid skip skipped skipping skuid slashes sleep slice slice-label-or-mirroring
        slices slow slowly slurp small smaller smallest smp smtp snap snaplen snapshotter snat snat-port-exhaustion-node
        snmp snmp-trap snmp6 snmptrap so socket sockets socks sockstat sockstat6 soft softnet software solving some
        somebody something somewhere sooner sort sorted source source-ip source-quench source-route-failed sources space
        spaces spare spares speak speaker spec special specific specified speed spi split spnum sport sport_end
        sport_start spread square src src-type src_vni srckey srclen srcmask srcnat ss ss-all ss-listen ssh sshd ssmtp
        ssn ssthresh st stable-privacy stack stale stale-endpoint-address stale-reject-with-endpoints stale-vip-or-vs
        stall stamp stand standard stands start started starting starts startup stat state stateful statefulset
        statefulsets stateless statement states static statistic statistics stats status stay stays stderr stdin stdout
        step stick stickiness sticky still stmt stop stopped stopping storage store stored strangers stray stream strict
        strictarp strictarp-off-with-l2-lb string structure stub stubdomains stuck style sub subjects submission
        submissions subnet subnet-env-mismatch subnet-env-missing subnetlen subnetmanager subnetmax subnetmin subnets
        subset subsets subsystem subtype succeed succeeded success successful successfully such sudo suffix sum sums sun
        sunday sunrpc superseded support supported suppress_prefixlen suppress_prefixlength sure svc svc-no-endpoints
        svcs svl svn svrloc swallows swap switch switchid symhash syn syn_recv sync sync-failing sync_failures_total
        sync_proxy sync_proxy_rules_last syncebtablesdeduprules synced syncendpoint synchronized syncing syncproxyrules
        syncservice synproxy syns sys sys-class-net sys-module syscall sysctl sysctl-files sysctl-not-persistent sysctls
        syslog system system-node-critical systemctl systemctl-cat systemctl-is-active systemd systemd-network
        systemd-networkd systemd-resolved systemd-timesyncd tab table tables tables_names tacacs tag tags tail tailroom
        taint taints take taken takes tan tanu tar target targetport targetport-not-listened targetref targets task
        tasks tbf tc tc-filter tc-qdisc tcp tcp-flags tcp-reset tcp-rst tcp-tuning-misconception tcp-tw-recycle tcp6
        tcp_fin_timeout tcp_flag tcp_keepalive_time tcp_tw_recycle tcp_tw_reuse tcpdump tcpestablishedtimeout
        tcpextipreversepathfilter tcpfin tcpmss tcpmux tcptimeout team tell tells telnet template temporarily temporary
        tentative term terminate terminated terminating termination terminationgraceperiodseconds test tests text texts
        tftp th than that the their theirs them themselves then there these they thfw thing this this-host those though
        thread threads three threshold throttle throttled throttling through throughput thu thursday ti_dg ti_rd ti_sq
        ti_st tick tigera tigera-operator time time-exceeded time-wait-accumulation time_wait timed timeout timeouts
        timer times timestamp timestamp-reply timestamp-request timestamps tls tmp tmpdir tmpl to to-destination token
        tokens told tolerations too took tool tools top topology tos tos-host-redirect tos-host-unreachable
        tos-network-redirect tos-network-unreachable total touch tproxy tr trace trace-json track tracked tracker
        tracking tracks traffic trafficmngr transaction transfer transfers transient transition translate translated
        translates transmit transport trap treat tree tried trigger triggered trim troubleshoot troubleshooting true
        truncated trust trust-ad trusted try trying ts tsage tsecr tsn tso_max_segs tso_max_size tsval ttl
        ttl-61-across-flannel ttl-exceeded ttl-propagate ttl-zero-during-reassembly ttl-zero-during-transit tty tue
        tuesday tun tun-vxlan-state-unknown tuned tuning tunl tunl0 tunl0-address-or-mtu tunnel
        tunnel-device-down-or-missing tunnels turn turns tutorials tw twice two two-rule-sets-legacy-and-nft twos tx
        tx-checksum-ip-generic tx-checksumming txqueuelen txt type type_flags typeof types typha u32 u_dgr u_seq u_str
        ubuntu udev udp udp-blackhole-no-dnat udp-entry-to-dead-endpoint udp-persist-stale udp6 udp_tunnel_core
        udpincsumerrors udplite ufw ui uid uid_end uid_start uidrange ulimit umask unable uname unauthorized unavailable
        unchanged uncordon undefined under unequal unexpected unhealthy unicast uninitialized uniq unique unit units
        unix unknown unknown-header-type unknown-option unless unlock unmanaged unmanaged-devices unmodelled unmount
        unreachable unread unready unreplied unreplied-oneway-udp unresolved unset unspec unstable unsupported untagged
        untagged_policy until untracked untranslated unused unwrap unwrapped up update update-alternatives updated
        updates updating upgrade uplink uplink-down-or-flapping upon upper upstream uptime uptime-1 uptime-2 urd urg url
        us usable usage use use-vc used user userguide users userspace userspace-proxy uses using usr usr1 ustar usual
        utc uthori util v1 v1alpha1 v1beta1 v_dgr v_str va vain val val_unit valid valid_lft validate validated
        validating validation validmark value values vanish var variable variables vcan ve vendor verbose verbs verdict
        verify verifying version versions very veth veth-not-attached vethmtu vf via victims violates
        vip-source-not-masqueraded virbr virbr0 virsh virtual virtual-ips virtual-server-missing visible vlan
        vlan_filtering vlan_tunnel vmap vni vnl volume volumemounts volumes vpc vpn vrf vs vs-conntrack-off
        vtep-fdb-or-arp-missing vtepmac vtepmac-mismatch vti vti6 vxlan vxlan-checksum-offload vxlan-ipip
        vxlan-port-or-vni-mismatch vxlan_core vxlan_stop vxlanmode vxlanmtu wait waited waiting waits walked walking
        wall want wanted wants warn warning warnings warns was watch watch-rbac-or-auth watcher watchers watching way
        ways wc we weave weave-npc web webcache webmin wed wednesday week weight well went wep were wget what whatever
        when whenever where whereabouts wherever whether which whichever while who whoever whois whole whom whose why
        wide widen width wiki wiki-nftables wildcard will window wins wireguard wiring with within without wl wlc wlk
        word words work worker workers working workload workloads works world worse would wrap wrapping write writes
        writeservicetoendpointrules writing written wrong wrong-autodetected-ip wrong-interface-or-public-ip wrongly
        wrote wrr www x-forwarded-for x-k8s x11 x509 x86 x86_64 xdp xdpdrv xdpgeneric xdpmulti xdpoffload xfrm xlb
        xmpp-client xmpp-server xor xorp xset xt xt-module-missing xt_recent xtables xtables-lock-contention yaml year
        yes yet yml you your zabbix-agent zero zeros zone zone-orig zones zv
        """
}
