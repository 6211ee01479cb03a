extension NodeScript {
    /// What is asked of the node only.
    static let node = #"""
        # -------------------------------------------------------------------------------------------- the node

        # What is counted is taken twice: first and last.
        sample() {
            get "nstat-$1.txt" nstat -asz
            get "conntrack-stats-$1.txt" conntrack -S
            get "ip-link-stats-$1.txt" ip -s -s link
            for sample_file in softnet_stat stat/nf_conntrack netstat snmp snmp6 sockstat sockstat6 dev; do
                [ -e "/proc/net/$sample_file" ] || continue
                safe "$sample_file"
                copy "proc-net-$SAFE-$1.txt" "/proc/net/$sample_file"
            done
            get "uptime-$1.txt" cat /proc/uptime
        }

        # Finds the processes whose command line and tools matter: sets LENDERS, and keeps the command lines.
        collect_processes() {
            processes_list=
            for processes_path in /proc/[0-9]*/comm; do
                processes_name=
                { read -r processes_name; } 2>/dev/null <"$processes_path"
                processes_pid=${processes_path#/proc/}
                processes_pid=${processes_pid%/comm}
                case $processes_name in
                kube-proxy | calico-node | flanneld | kindnetd | cilium-agent | antrea-agent | kube-router | ovnkube)
                    LENDERS="$LENDERS $processes_pid"
                    processes_list="$processes_list $processes_pid:$processes_name" ;;
                kubelet | kubelite | hyperkube | k3s* | rke2* | k0s | dockerd | containerd | crio | cri-dockerd | \
                    kube-apiserver | kube-controller | kube-scheduler | cloud-controll* | felix | bird* | etcd | \
                    coredns | node-cache | firewalld | NetworkManager | systemd-network* | nm-cloud-setup)
                    processes_list="$processes_list $processes_pid:$processes_name" ;;
                esac
            done
            for processes_entry in $processes_list; do
                processes_pid=${processes_entry%%:*}
                safe "${processes_entry#*:}"
                run cat "/proc/$processes_pid/cmdline"
                filter arguments
                keep "processes/$SAFE-$processes_pid.txt" "tr '\\0' '\\n' </proc/$processes_pid/cmdline"
                case ${processes_entry#*:} in
                kubelet) collect_kubelet "$processes_pid" ;;
                kube-proxy) collect_proxy_file "$processes_pid" ;;
                esac
            done
        }

        # Sets OPTION: the value of an option in the arguments that OUT holds.
        option_value() {
            OPTION=
            option_next=
            while IFS= read -r option_word; do
                if [ -n "$option_next" ]; then
                    OPTION=$option_word
                    break
                fi
                case $option_word in
                "$1="*)
                    OPTION=${option_word#*=}
                    break ;;
                "$1") option_next=1 ;;
                esac
            done <"$OUT"
        }

        # The configuration file that kubelet's --config names.
        collect_kubelet() {
            [ "$SIZE" -gt 0 ] || return 0
            option_value --config
            copy kubelet-config.yaml "$ROOT${OPTION:-/var/lib/kubelet/config.yaml}" scrub
        }

        # The configuration file that kube-proxy's --config names, in its container.
        collect_proxy_file() {
            [ "$SIZE" -gt 0 ] || return 0
            option_value --config
            [ -z "$OPTION" ] || copy kube-proxy-config.yaml "/proc/$1/root$OPTION" scrub
        }

        # IPVS. Asking would load its module, so it is asked only where that is loaded.
        collect_ipvs() {
            if [ ! -e /proc/net/ip_vs ]; then
                skip ipvsadm-save.txt 'ipvsadm -Sn' 'ip_vs is not loaded'
                return
            fi
            get ipvsadm-save.txt ipvsadm -Sn
            get ipvsadm-list.txt ipvsadm -ln
            get ipvsadm-stats.txt ipvsadm -ln --stats
            get ipvsadm-timeouts.txt ipvsadm -l --timeout
            get ipvsadm-connections.txt ipvsadm -lnc
            copy proc-net-ip_vs.txt /proc/net/ip_vs
        }

        # Asks a local address over HTTP: NAME, ADDRESS, PATH.
        fetch() {
            if command -v curl >/dev/null 2>&1; then
                get "$1" curl -sS -m 5 --noproxy '*' "http://$2$3"
            elif command -v wget >/dev/null 2>&1; then
                get "$1" wget -q -T 5 -Y off -O - "http://$2$3"
            else
                record "$DIR/$1" "curl http://$2$3" 127 'not found' 0
            fi
        }

        # What kube-proxy and the kubelet say of themselves.
        collect_health() {
            fetch kube-proxy-proxymode.txt 127.0.0.1:10249 /proxyMode
            fetch kube-proxy-configz.json 127.0.0.1:10249 /configz
            fetch kube-proxy-metrics.txt 127.0.0.1:10249 /metrics
            fetch kube-proxy-healthz.json 127.0.0.1:10256 /healthz
            fetch kubelet-healthz.txt 127.0.0.1:10248 /healthz
        }

        # Kernel, tools, modules.
        collect_system() {
            get uname.txt uname -a
            copy os-release.txt "$ROOT/etc/os-release"
            get iptables-version.txt iptables --version
            get nft-version.txt nft --version
            get ip-version.txt ip -V
            get sysctl-files.txt grep -rsE '^[[:space:]]*-?(net|kernel\.(hostname|osrelease))' "$ROOT/etc/sysctl.conf" \
                "$ROOT/etc/sysctl.d" "$ROOT/run/sysctl.d" "$ROOT/usr/lib/sysctl.d" "$ROOT/usr/local/lib/sysctl.d"
            get modules-load.txt grep -rs '' "$ROOT/etc/modules-load.d" "$ROOT/etc/modules"
            copy proc-modules.txt /proc/modules
            copy proc-version.txt /proc/version
            { read -r system_release; } 2>/dev/null </proc/sys/kernel/osrelease
            copy modules-builtin.txt "$ROOT/lib/modules/${system_release-}/modules.builtin"
            TEXT=
            for system_path in /sys/module/*; do TEXT="$TEXT${system_path##*/}$NEWLINE"; done
            text sys-module.txt 'ls /sys/module' "$TEXT"
            collect_ports
            copy resolv.conf "$ROOT/etc/resolv.conf"
            copy hosts.txt "$ROOT/etc/hosts"
        }

        # What /sys says of devices, bridges and their ports.
        collect_ports() {
            TEXT=
            for ports_path in /sys/class/net/*/mtu /sys/class/net/*/operstate /sys/class/net/*/carrier_changes \
                /sys/class/net/*/bridge/nf_call_* /sys/class/net/*/bridge/stp_state /sys/class/net/*/bridge/vlan_filt* \
                /sys/class/net/*/brport/hairpin_mode /sys/class/net/*/brport/state /sys/class/net/*/brport/isolated \
                /sys/class/net/*/brport/learning /sys/class/net/*/brport/unicast_flood; do
                ports_value=
                { read -r ports_value; } 2>/dev/null <"$ports_path" || continue
                TEXT="$TEXT$ports_path = $ports_value$NEWLINE"
            done
            text sys-class-net.txt 'the shell, reading /sys/class/net' "$TEXT"
        }

        # Offloads, drivers and counters of the devices that are no pod's.
        collect_hardware() {
            hardware_count=0
            for hardware_path in /sys/class/net/*; do
                hardware_name=${hardware_path##*/}
                case $hardware_name in
                lo | veth* | cali* | lxc* | eni*[!0-9]* | azv* | '*') continue ;;
                esac
                hardware_count=$((hardware_count + 1))
                [ "$hardware_count" -le 24 ] || break
                safe "$hardware_name"
                hardware_safe=$SAFE
                get "ethtool/$hardware_safe-features.txt" ethtool -k "$hardware_name"
                [ "$RC" = 127 ] && break
                get "ethtool/$hardware_safe-driver.txt" ethtool -i "$hardware_name"
                [ -e "$hardware_path/device" ] && get "ethtool/$hardware_safe-counters.txt" ethtool -S "$hardware_name"
            done
        }

        # How pods get their network.
        collect_cni() {
            for cni_folder in /etc/cni/net.d /etc/kubernetes/cni/net.d /var/lib/rancher/k3s/agent/etc/cni/net.d \
                /var/snap/microk8s/current/args/cni-network; do
                for cni_path in "$ROOT$cni_folder"/*; do
                    case $cni_path in *.conf | *.conflist | *.json) ;; *) continue ;; esac
                    [ -f "$cni_path" ] || continue
                    safe "${cni_path##*/}"
                    copy "cni/$SAFE" "$cni_path" scrub
                done
            done
            get cni-files.txt ls -l "$ROOT/etc/cni/net.d" "$ROOT/opt/cni/bin"
            get cni-networks.txt ls -lR "$ROOT/var/lib/cni/networks"
            copy flannel-subnet.env "$ROOT/run/flannel/subnet.env"
            copy flannel-docker.env "$ROOT/run/flannel/docker" scrub
            copy docker-daemon.json "$ROOT/etc/docker/daemon.json" scrub
            copy calico-nodename.txt "$ROOT/var/lib/calico/nodename"
            get calicoctl-node-status.txt calicoctl node status
            for cni_tool in cilium-dbg cilium; do
                find_tool $cni_tool || continue
                get cilium-status.txt $cni_tool status --verbose
                get cilium-endpoint-list.txt $cni_tool endpoint list
                get cilium-service-list.txt $cni_tool service list
                break
            done
        }

        # What the service manager and the logs say.
        collect_logs() {
            if command -v systemctl >/dev/null 2>&1; then
                get systemctl-is-active.txt sh -c 'for unit in firewalld ufw nftables iptables docker containerd crio \
        kubelet kube-proxy flanneld k3s k3s-agent rke2-server rke2-agent NetworkManager nm-cloud-setup systemd-networkd \
        systemd-resolved chronyd systemd-timesyncd; do echo "$unit $(systemctl is-active "$unit" 2>/dev/null)"; done'
                run systemctl --no-pager cat kubelet docker containerd crio flanneld kube-proxy
                filter scrub
                keep systemctl-cat.txt 'systemctl cat kubelet docker containerd crio flanneld kube-proxy'
            fi
            get chronyc-tracking.txt chronyc -n tracking
            run dmesg
            filter network_lines
            keep dmesg.txt 'dmesg, lines about networking'
            if command -v journalctl >/dev/null 2>&1; then
                run journalctl --no-pager -q -k -o short-iso -n 30000 --since -24h
                filter network_lines
                keep journal-kernel.txt 'journalctl -k --since -24h, lines about networking'
                run journalctl --no-pager -q -o short-iso -n 20000 --since -6h -u kubelet -u kube-proxy -u flanneld \
                    -u docker -u containerd -u crio -u k3s -u k3s-agent -u rke2-server -u rke2-agent -u firewalld
                filter network_lines
                keep journal-services.txt 'journalctl -u ... --since -6h of node services, lines about networking'
            fi
            logs_root=$ROOT/var/log/pods
            for logs_path in "$logs_root"/kube-system_kube-proxy-*/*/*.log "$logs_root"/*_kube-flannel-*/*/*.log \
                "$logs_root"/*_calico-node-*/calico-node/*.log "$logs_root"/kube-system_coredns-*/*/*.log \
                "$logs_root"/kube-system_cilium-*/cilium-agent/*.log "$logs_root"/*_kindnet-*/*/*.log; do
                [ -f "$logs_path" ] || continue
                logs_name=${logs_path#"$logs_root"/}
                logs_rest=${logs_name#*/}
                safe "${logs_name%%/*}-${logs_rest%%/*}-${logs_rest##*/}"
                run tail -n 1000 "$logs_path"
                filter scrub
                keep "pod-logs/$SAFE" "tail -n 1000 $logs_path"
            done
        }
        """#
}
