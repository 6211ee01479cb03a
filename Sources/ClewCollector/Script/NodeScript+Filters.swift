extension NodeScript {
    /// What is taken out of, or made of, the output of commands.
    static let filters = #"""
        # --------------------------------------------------------------------------------------------- filters

        # Takes keys, passwords and tokens out of configuration and logs.
        scrub() {
            command -v sed >/dev/null 2>&1 || return 1
            scrub_names='[Tt]oken|[Pp]assw|[Ss]ecret|[Cc]redential|[Pp]sk|PSK|TOKEN|PASSW|SECRET|-data|[Aa]pi[-_]?[Kk]ey'
            scrub_colon='[[:space:]]*:[[:space:]]*' scrub_is='[[:space:]]*[:=][[:space:]]*'
            scrub_word='[A-Za-z0-9_.-]*'
            sed -E \
                -e 's/-----BEGIN[^"]*-----END[^"]*-----/REDACTED/g' \
                -e '/-----BEGIN /,/-----END /d' \
                -e 's#(://)[^/@" ]*@#\1REDACTED@#g' \
                -e 's/([Bb]earer )[A-Za-z0-9._~+\/-]+=*/\1REDACTED/g' \
                -e 's/eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/REDACTED/g' \
                -e "s/(\"[^\"]*($scrub_names|[Aa]uthori)[^\"]*\"$scrub_colon)\"[^\"]*\"/\\1\"REDACTED\"/g" \
                -e "s/^([[:space:]-]*$scrub_word($scrub_names)$scrub_word$scrub_is)[^[:space:]].*/\\1REDACTED/" \
                -e 's/(--?[A-Za-z0-9-]*(token|password|secret)[A-Za-z0-9-]*[= ])[^[:space:]"]+/\1REDACTED/g' \
                -e 's/^([[:space:]]*Environment(File)?=).*/\1REDACTED/'
        }

        # Makes lines of the arguments in /proc/PID/cmdline; values that may be secret are replaced.
        arguments() {
            command -v tr >/dev/null 2>&1 || return 1
            tr '\000' '\n' | {
                arguments_hide=
                while IFS= read -r arguments_word || [ -n "$arguments_word" ]; do
                    if [ -n "$arguments_hide" ]; then
                        case $arguments_word in -*) ;; *) arguments_word=REDACTED ;; esac
                        arguments_hide=
                    fi
                    case $arguments_word in
                    -*token*=* | -*password*=* | -*secret*=* | -*Token*=* | -*Password*=* | -*Secret*=* | -*api-key*=*)
                        arguments_word=${arguments_word%%=*}=REDACTED ;;
                    -*=*) ;;
                    -*token* | -*password* | -*secret*) arguments_hide=1 ;;
                    esac
                    case $arguments_word in
                    *://*@*) arguments_word=${arguments_word%%://*}://REDACTED@${arguments_word##*@} ;;
                    esac
                    printf '%s\n' "$arguments_word"
                done
            }
        }

        # Makes `key = value` of `/proc/sys/PATH:VALUE`, as sysctl prints it. Two keys hold secrets.
        sysctl_lines() {
            while IFS= read -r sysctl_line; do
                sysctl_path=${sysctl_line%%:*}
                sysctl_value=${sysctl_line#*:}
                # The name of a device may have a colon.
                while :; do
                    [ -e "$sysctl_path" ] && break
                    case $sysctl_value in *:*) ;; *) break ;; esac
                    sysctl_path=$sysctl_path:${sysctl_value%%:*}
                    sysctl_value=${sysctl_value#*:}
                done
                sysctl_key "${sysctl_path#/proc/sys/}" && printf '%s = %s\n' "$KEY" "$sysctl_value"
            done
        }

        # Sets KEY from a path below /proc/sys: dots for slashes, and slashes for dots. Fails for keys that hold secrets.
        sysctl_key() {
            case $1 in *secret* | *fastopen_key*) return 1 ;; esac
            KEY=
            key_rest=$1
            while :; do
                case $key_rest in
                */*) key_part=${key_rest%%/*} key_rest=${key_rest#*/} key_more=. ;;
                *) key_part=$key_rest key_rest='' key_more='' ;;
                esac
                while :; do
                    case $key_part in
                    *.*) key_part=${key_part%%.*}/${key_part#*.} ;;
                    *) break ;;
                    esac
                done
                KEY=$KEY$key_part$key_more
                [ -n "$key_more" ] || break
            done
        }

        # Reads keys below a folder with nothing but the shell, to TEXT.
        #
        # Some shells read byte by byte, and the kernel then gives only a number's first digit, without an end of line.
        # Of such a value nothing is kept, but where the key has one digit only.
        sysctl_walk() {
            for walk_path in "$1"/*; do
                if [ -d "$walk_path" ]; then
                    sysctl_walk "$walk_path"
                    continue
                fi
                walk_value=
                walk_whole=no
                { IFS= read -r walk_value && walk_whole=yes; } 2>/dev/null <"$walk_path"
                [ -n "$walk_value" ] || continue
                if [ "$walk_whole" = no ]; then
                    case ${walk_path##*/} in
                    *forward | *forwarding | rp_filter | bridge-nf-* | proxy_arp | accept_local | route_localnet | \
                        disable_ipv6 | send_redirects | accept_redirects | conntrack) ;;
                    *)
                        WALK_LOST=$((WALK_LOST + 1))
                        continue ;;
                    esac
                fi
                sysctl_key "${walk_path#/proc/sys/}" && TEXT="$TEXT$KEY = $walk_value$NEWLINE"
            done
        }

        # Keeps the lines of a log that concern the network, the last of them.
        network_lines() {
            command -v grep >/dev/null 2>&1 && command -v tail >/dev/null 2>&1 || return 1
            grep -E -i -e 'conntrack|netfilter|martian|TRACE:|IN=.* OUT=|ip_?vs|br_netfilter|bridge|veth|cali[0-9a-f]' \
                -e 'flannel|cni|vxlan|geneve|tunl0|ipip|wireguard|link is|carrier|neighbou?r|iptables|nftables|nft_|xt_' \
                -e 'ebtables|ipset|kube-?proxy|hairpin|route|dropping packet|syn flood|out of memory|SNMP|ICMP|resolv|dns' \
                -e 'sandbox|network|hostport|promiscuous|mtu|i/o timeout|connection refused|no such host|unable|fail|error' |
                tail -n 3000 | scrub
        }
        """#
}
