extension NodeScript {
    /// What is asked of each network namespace.
    static let namespace = #"""
        # --------------------------------------------------------------------------------------- one namespace

        # Runs `ip` or `bridge` for JSON; for text where the tool is too old for that, or too small to know details.
        get_json() {
            json_name=$1 json_tool=$2
            shift 2
            get "$json_name.json" "$json_tool" -j "$@"
            gave && return
            run "$json_tool" "$@"
            if ! gave && [ "$1" = -d ]; then
                shift
                run "$json_tool" "$@"
            fi
            keep "$json_name.txt" "${ENTER:+$ENTER }$json_tool $*"
        }

        # Addresses, devices, routes, rules, neighbours, bridges.
        collect_devices() {
            get_json ip-addr ip -d addr
            gave || {
                get ifconfig.txt ifconfig -a
                collect_proc route fib_trie ipv6_route if_inet6 arp
            }
            get_json ip-link ip -d link
            get_json ip-route ip route show table all
            gave || get route.txt route -n
            get_json ip-6-route ip -6 route show table all
            get_json ip-rule ip rule
            get_json ip-6-rule ip -6 rule
            get_json ip-neigh ip neigh
            gave || get arp.txt arp -n
            get_json bridge-link bridge -d link
            get_json bridge-fdb bridge fdb
            get_json bridge-vlan bridge vlan
        }

        # What the kernel says without any tool.
        collect_proc() {
            for proc_name in "$@"; do
                [ -e "$P/net/$proc_name" ] && copy "proc-net-$proc_name.txt" "$P/net/$proc_name"
            done
        }

        # Kernel parameters of the network, read from /proc.
        collect_sysctls() {
            run grep -rs '' /proc/sys/net
            if [ "$SIZE" -gt 0 ]; then
                filter sysctl_lines
                # Some keys may be read by nobody, which is no error.
                case $ERROR in clew:*) ;; *) RC=0 ;; esac
                keep sysctl.txt "${ENTER:+$ENTER }grep -rs '' /proc/sys/net"
                return
            fi
            run sysctl -a
            if [ "$SIZE" -gt 0 ]; then
                filter grep -v -e secret -e fastopen_key
                keep sysctl.txt "${ENTER:+$ENTER }sysctl -a"
                return
            fi
            if [ -n "$IN" ]; then
                record "$DIR/sysctl.txt" "grep -rs '' /proc/sys/net" "$RC" "$ERROR" 0
                return
            fi
            TEXT='' WALK_LOST=0
            sysctl_walk /proc/sys/net
            [ "$WALK_LOST" = 0 ] || note "$WALK_LOST kernel parameters are left out: this shell alone cannot read them"
            text sysctl.txt 'the shell, reading /proc/sys/net' "$TEXT"
        }

        # Whether a file of /proc holds anything; a missing one does not.
        has_lines() {
            has_line=
            { read -r has_line; } 2>/dev/null <"$1"
            [ -n "$has_line" ]
        }

        # Sets CHAINS: the lines of `nft list chains`, which stays cheap where rules are many; 0 where it cannot be told.
        probe_nft() {
            CHAINS=0
            run nft list chains
            keep nft-list-chains.txt "${ENTER:+$ENTER }nft list chains"
            [ "$SIZE" -gt 0 ] || return 0
            CHAINS=$(wc -l <"$OUT")
            CHAINS=$((CHAINS + 0))
        }

        # The rules in nf_tables.
        #
        # What `nft list ruleset` and iptables-nft-save take grows with the square of the rules: 7 to 10 s each at 115,000
        # lines (nft 1.0.6, iptables 1.8.9). Where there are many chains, rules that iptables made are read only once, by
        # iptables-nft-save, and the other tables one by one.
        collect_nft() {
            HAS_NFT=yes
            probe_nft
            if [ "$CHAINS" -gt "$LARGE_CHAINS" ] && [ -z "$IN" ]; then
                collect_large_nft
                return
            fi
            get nft-list-ruleset.txt nft -a list ruleset
            if [ "$RC" = 0 ] && [ "$SIZE" = 0 ]; then
                # Where there is no table, there is none that iptables made.
                HAS_NFT=no
                skip iptables-nft-save.txt 'iptables-nft-save -c' 'nf_tables holds no table'
                skip ip6tables-nft-save.txt 'ip6tables-nft-save -c' 'nf_tables holds no table'
                return
            fi
            get iptables-nft-save.txt iptables-nft-save -c
            get ip6tables-nft-save.txt ip6tables-nft-save -c
        }

        # Large rule sets: see collect_nft. OUT holds what `nft list chains` said.
        collect_large_nft() {
            note "nf_tables has about $((CHAINS / 2)) chains, so 'nft list ruleset' was not run, since its cost grows with \
        their square: rules of iptables-nft are in iptables-nft-save.txt, and each other table was listed on its own"
            large_tables=
            while IFS= read -r large_line; do
                case $large_line in 'table '*) large_tables="$large_tables ${large_line#table }" ;; esac
            done <"$OUT"
            large_command=$LIMIT_COMMAND large_cpu=$LIMIT_COMMAND_CPU
            LIMIT_COMMAND=$((LIMIT_COMMAND * 4)) LIMIT_COMMAND_CPU=$((LIMIT_COMMAND_CPU * 4))
            get iptables-nft-save.txt iptables-nft-save -c
            large_v4=no large_v6=no
            gave && large_v4=yes
            get ip6tables-nft-save.txt ip6tables-nft-save -c
            gave && large_v6=yes
            # shellcheck disable=SC2086 # words: family, name, brace
            set -- $large_tables
            large_text=''
            while [ $# -ge 2 ]; do
                large_family=$1 large_name=$2
                shift 2
                [ "${1-}" = '{' ] && shift
                case "$large_family $large_name" in
                'ip filter' | 'ip nat' | 'ip mangle' | 'ip raw' | 'ip security') [ $large_v4 = yes ] && continue ;;
                'ip6 filter' | 'ip6 nat' | 'ip6 mangle' | 'ip6 raw' | 'ip6 security') [ $large_v6 = yes ] && continue ;;
                esac
                large_text="$large_text nft -a list table $large_family $large_name;"
            done
            if [ -n "$large_text" ] && command -v sh >/dev/null 2>&1; then
                run sh -c "$large_text"
                keep nft-list-ruleset.txt "${ENTER:+$ENTER }${large_text# }"
            fi
            LIMIT_COMMAND=$large_command LIMIT_COMMAND_CPU=$large_cpu
        }

        # Rules of x_tables, and those of a tool that does not say in its name whose it reads.
        collect_iptables() {
            # The file is missing where no table was ever made; legacy tools would load the module.
            if [ -e "$P/net/ip_tables_names" ] || [ ! -e "$P/net" ]; then
                get iptables-legacy-save.txt iptables-legacy-save -c
            else
                skip iptables-legacy-save.txt 'iptables-legacy-save -c' 'ip_tables is not loaded'
            fi
            if [ -e "$P/net/ip6_tables_names" ] || [ ! -e "$P/net" ]; then
                get ip6tables-legacy-save.txt ip6tables-legacy-save -c
            else
                skip ip6tables-legacy-save.txt 'ip6tables-legacy-save -c' 'ip6_tables is not loaded'
            fi
            if find_tool iptables-legacy-save && find_tool iptables-nft-save; then return; fi
            get iptables-save.txt iptables-save -c
            get ip6tables-save.txt ip6tables-save -c
        }

        # Sets HAS_RULES: no, where neither backend holds a table here.
        look_for_rules() {
            HAS_RULES=yes
            [ "$HAS_NFT" = no ] || return 0
            if has_lines "$P/net/ip_tables_names" || has_lines "$P/net/ip6_tables_names"; then return 0; fi
            [ -e "$P/net" ] && HAS_RULES=no
            return 0
        }

        # Sets, entries and counters that belong to rules.
        collect_state() {
            if [ -e /sys/module ] && [ ! -e /sys/module/ip_set ]; then
                skip ipset-save.txt 'ipset save' 'ip_set is not loaded'
            else
                get ipset-save.txt ipset save
            fi
            if [ -e /proc/sys/net/netfilter/nf_conntrack_max ]; then
                # The tool lists one family at a time.
                state_command='conntrack -L -o extended -f ipv4; conntrack -L -o extended -f ipv6'
                if find_tool conntrack; then
                    run sh -c "$state_command"
                    keep conntrack.txt "${ENTER:+$ENTER }$state_command"
                else
                    record "$DIR/conntrack.txt" "$state_command" 127 'not found' 0
                    [ ! -e "$P/net/nf_conntrack" ] || copy nf_conntrack "$P/net/nf_conntrack"
                fi
            else
                skip conntrack.txt 'conntrack -L -o extended' 'nf_conntrack is not loaded'
            fi
            for state_list in "$P"/net/xt_recent/*; do
                [ -f "$state_list" ] || continue
                safe "${state_list##*/}"
                [ "$SAFE" = "${state_list##*/}" ] && copy "proc-xt_recent/$SAFE" "$state_list"
            done
        }

        # Programs in the packets' way.
        collect_data_paths() {
            get tc-qdisc.txt tc -s qdisc show
            if [ "$RC" = 0 ]; then
                collect_filters
            else
                record "$DIR/tc-filter.txt" 'tc filter show' "$RC" "$ERROR" 0
            fi
            get xfrm.txt ip xfrm policy
        }

        # The filters of each device whose queueing can have any.
        collect_filters() {
            filters_script='' filters_seen=' '
            while IFS= read -r filters_line; do
                case $filters_line in 'qdisc '*' dev '*) ;; *) continue ;; esac
                filters_kind=${filters_line#qdisc }
                filters_kind=${filters_kind%% *}
                filters_device=${filters_line#* dev }
                filters_device=${filters_device%% *}
                case $filters_kind in noqueue | pfifo_fast | mq) continue ;; esac
                case $filters_device in *[!A-Za-z0-9._@:-]*) continue ;; esac
                case $filters_kind in
                ingress | clsact) filters_sides='ingress egress' ;;
                *) filters_sides=root ;;
                esac
                case $filters_seen in *" $filters_device/$filters_sides "*) continue ;; esac
                filters_seen="$filters_seen$filters_device/$filters_sides "
                for filters_side in $filters_sides; do
                    filters_script="${filters_script}echo '# dev $filters_device $filters_side'; \
        tc filter show dev '$filters_device' $filters_side; "
                done
            done <"$OUT"
            if [ -z "$filters_script" ]; then
                tar_text "$DIR/tc-filter.txt" ''
                record "$DIR/tc-filter.txt" 'tc filter show' 0 'clew: no device has a queueing discipline with filters' 0
                return
            fi
            run sh -c "$filters_script"
            keep tc-filter.txt "${ENTER:+$ENTER }tc filter show dev ... (each device)"
        }

        # Listening sockets and connections.
        collect_sockets() {
            sockets_options=-lntuS
            run ss $sockets_options
            # An older one knows no SCTP.
            gave || { sockets_options=-lntu && run ss $sockets_options; }
            keep ss-listen.txt "${ENTER:+$ENTER }ss $sockets_options"
            gave || {
                get netstat.txt netstat -lntu
                gave || collect_proc tcp tcp6 udp udp6
            }
            get ss-all.txt ss -tanu
        }

        # All of the namespace IN, whose processes see it as P.
        collect_namespace() {
            collect_devices
            collect_nft
            collect_iptables
            collect_sysctls
            look_for_rules
            if [ "$HAS_RULES" = yes ] || [ -z "$IN" ]; then collect_state; fi
            collect_sockets
            collect_data_paths
            get nstat.txt nstat -asz
        }
        """#
}
