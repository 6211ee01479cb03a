extension NodeScript {
    /// Finding, naming and entering the namespaces of pods.
    static let pods = #"""
        # ------------------------------------------------------------------------------------ pods' namespaces

        # Sets POD from the control group of a process: NAMESPACE/NAME, where the kubelet's folder of logs tells the name.
        pod_of_process() {
            POD=
            pod_uid=
            while read -r pod_line; do
                case $pod_line in
                *[-/]pod[0-9a-f]*) ;;
                *) continue ;;
                esac
                pod_uid=${pod_line##*[-/]pod}
                pod_uid=${pod_uid%%[./:]*}
                break
            done 2>/dev/null <"/proc/$1/cgroup"
            while :; do
                case $pod_uid in *_*) pod_uid=${pod_uid%%_*}-${pod_uid#*_} ;; *) break ;; esac
            done
            case $pod_uid in
            '' | *[!0-9a-f-]*) return 1 ;;
            esac
            for pod_path in "$ROOT"/var/log/pods/*_"$pod_uid"; do
                [ -d "$pod_path" ] || continue
                pod_name=${pod_path##*/}
                pod_rest=${pod_name#*_}
                POD=${pod_name%%_*}/${pod_rest%%_*}
                return 0
            done
            return 1
        }

        # Sets POD from what the CNI plugins left behind about a namespace of this name.
        pod_of_cni() {
            POD=
            for pod_path in "$ROOT"/var/lib/cni/results/* "$ROOT"/var/lib/cni/cache/results/*; do
                [ -f "$pod_path" ] || continue
                pod_line=
                { read -r pod_line; } 2>/dev/null <"$pod_path"
                case $pod_line in *"/$1\""*K8S_POD_NAMESPACE* | *K8S_POD_NAMESPACE*"/$1\""*) ;; *) continue ;; esac
                pod_namespace=${pod_line#*K8S_POD_NAMESPACE\",\"}
                pod_name=${pod_line#*K8S_POD_NAME\",\"}
                POD=${pod_namespace%%\"*}/${pod_name%%\"*}
                return 0
            done
            return 1
        }

        # Sets RUNTIME_PODS: lines `PID NAMESPACE/NAME`, from the container runtime. Asked once, where other ways failed.
        ask_runtime() {
            RUNTIME_PODS=' '
            if find_tool crictl; then
                # shellcheck disable=SC2016
                run sh -c 'for id in $(crictl pods -q -s Ready); do crictl inspectp -o go-template --template \
        "{{.info.pid}} {{.status.metadata.namespace}}/{{.status.metadata.name}}" "$id"; echo; done'
                [ "$SIZE" -gt 0 ] && slurp "$OUT" && RUNTIME_PODS=$TEXT
            fi
            if find_tool docker; then
                # shellcheck disable=SC2016
                run sh -c 'docker inspect -f "{{.State.Pid}} {{index .Config.Labels \"io.kubernetes.pod.namespace\"}}/\
        {{index .Config.Labels \"io.kubernetes.pod.name\"}}" $(docker ps -q)'
                [ "$SIZE" -gt 0 ] && slurp "$OUT" && RUNTIME_PODS=$RUNTIME_PODS$NEWLINE$TEXT
            fi
            return 0
        }

        # Finds the namespaces of this machine but the own: sets SPACES, words INODE:PID:PATH; PID or PATH may be empty.
        find_spaces() {
            SPACES=
            spaces_seen=' '
            run ls -l /proc/self/ns/net
            spaces_line=
            [ "$SIZE" -gt 0 ] && read -r spaces_line <"$OUT"
            spaces_own=${spaces_line##*net:[}
            spaces_seen=" ${spaces_own%]} "
            spaces_names=
            for spaces_path in /run/netns/* /run/docker/netns/*; do
                [ -e "$spaces_path" ] || continue
                run ls -di "$spaces_path"
                [ "$SIZE" -gt 0 ] && read -r spaces_inode spaces_line <"$OUT" || continue
                safe "${spaces_path##*/}"
                # A name that is not safe could not be found again.
                [ "$SAFE" = "${spaces_path##*/}" ] && spaces_names="$spaces_names $spaces_inode:$spaces_path"
            done
            for spaces_digit in 1 2 3 4 5 6 7 8 9; do
                set -- "/proc/$spaces_digit"*/ns/net
                run ls -l "$@"
                [ "$SIZE" -gt 0 ] || continue
                while IFS= read -r spaces_line; do
                    case $spaces_line in *' -> net:['*) ;; *) continue ;; esac
                    spaces_inode=${spaces_line##*net:[}
                    spaces_inode=${spaces_inode%]}
                    case $spaces_seen in *" $spaces_inode "*) continue ;; esac
                    spaces_seen="$spaces_seen$spaces_inode "
                    spaces_pid=${spaces_line#*/proc/}
                    SPACES="$SPACES $spaces_inode:${spaces_pid%%/*}:$(space_name "$spaces_inode")"
                done <"$OUT"
            done
            for spaces_entry in $spaces_names; do
                spaces_inode=${spaces_entry%%:*}
                case $spaces_seen in *" $spaces_inode "*) continue ;; esac
                spaces_seen="$spaces_seen$spaces_inode "
                SPACES="$SPACES $spaces_inode::${spaces_entry#*:}"
            done
        }

        # Prints the path at which a namespace of this number is mounted.
        space_name() {
            case " $spaces_names " in
            *" $1:"*)
                name_rest=${spaces_names#*" $1:"}
                printf %s "${name_rest%% *}" ;;
            esac
        }

        # Collects a namespace: NAME of its folder, PATH to enter by, PID or nothing, NAMESPACE/POD or nothing.
        collect_space() {
            DIR=nodes/$NODE/netns/$1
            IN="nsenter --net=$2"
            if ! command -v nsenter >/dev/null 2>&1; then
                case $2 in
                /run/netns/* | /var/run/netns/*) IN="ip netns exec ${2##*/}" ;;
                *)
                    note "namespace $1 was not entered: nsenter is missing"
                    IN='' ;;
                esac
            fi
            # What may not be there is then looked for in vain, and said.
            P=/proc/${3:-none}
            if [ -n "$4" ]; then
                json "$4"
                NAMESPACES="$NAMESPACES$NAMESPACES_COMMA
            \"$DIR\": {\"pod\": \"$JSON\"}"
                NAMESPACES_COMMA=,
                tar_text "$DIR/pod.txt" "$4$NEWLINE"
            fi
            [ -n "$IN" ] && collect_namespace
            [ -n "$3" ] && copy resolv.conf "/proc/$3/root/etc/resolv.conf"
            IN='' DIR=nodes/$NODE P=/proc/self
        }

        # Sets COUNT: devices of a process's namespace.
        count_devices() {
            COUNT=-2
            while read -r count_line; do COUNT=$((COUNT + 1)); done 2>/dev/null <"/proc/$1/net/dev"
        }

        # Collects every namespace but the own.
        collect_spaces() {
            find_spaces
            spaces_count=0
            RUNTIME_PODS=
            for spaces_entry in $SPACES; do
                spaces_inode=${spaces_entry%%:*}
                spaces_path=${spaces_entry#*:}
                spaces_pid=${spaces_path%%:*}
                spaces_path=${spaces_path#*:}
                POD=
                [ -n "$spaces_pid" ] && pod_of_process "$spaces_pid"
                [ -z "$POD" ] && [ -n "$spaces_path" ] && pod_of_cni "${spaces_path##*/}"
                if [ -z "$POD" ] && [ -n "$spaces_pid" ]; then
                    count_devices "$spaces_pid"
                    # A service that was only to be cut off from the network.
                    if [ "$COUNT" -le 1 ] && [ -z "$spaces_path" ]; then
                        note "namespace $spaces_inode of process $spaces_pid was left out: it has no device but lo"
                        continue
                    fi
                    pod_of_runtime "$spaces_pid"
                fi
                spaces_count=$((spaces_count + 1))
                if [ "$spaces_count" -gt "$LIMIT_SPACES" ]; then
                    note "more than $LIMIT_SPACES namespaces: the rest was left out"
                    break
                fi
                spaces_name=net-$spaces_inode
                [ -n "$spaces_path" ] && spaces_name=${spaces_path##*/}
                collect_space "$spaces_name" "${spaces_path:-/proc/$spaces_pid/ns/net}" "$spaces_pid" "$POD"
            done
        }

        # Sets POD from what the container runtime says of a process in the same namespace.
        pod_of_runtime() {
            [ -n "$RUNTIME_PODS" ] || ask_runtime
            runtime_rest=$RUNTIME_PODS
            while [ -n "$runtime_rest" ]; do
                runtime_line=${runtime_rest%%"$NEWLINE"*}
                case $runtime_rest in *"$NEWLINE"*) runtime_rest=${runtime_rest#*"$NEWLINE"} ;; *) runtime_rest= ;; esac
                runtime_pid=${runtime_line%% *}
                case $runtime_pid in '' | *[!0-9]*) continue ;; esac
                if [ "/proc/$runtime_pid/ns/net" -ef "/proc/$1/ns/net" ]; then
                    case $runtime_line in *' '?*/?*) POD=${runtime_line#* } ;; esac
                    return
                fi
            done
        }

        # Collects the namespaces that were named, words NAME=PATH or NAME=PATH=NAMESPACE/POD.
        collect_named() {
            for named_entry in $NAMED; do
                named_path=${named_entry#*=}
                named_pod=
                case $named_path in *=*) named_pod=${named_path#*=} named_path=${named_path%%=*} ;; esac
                safe "${named_entry%%=*}"
                named_pid=
                case $named_path in /proc/[0-9]*/ns/net) named_pid=${named_path#/proc/} named_pid=${named_pid%%/*} ;; esac
                collect_space "$SAFE" "$named_path" "$named_pid" "$named_pod"
            done
        }
        """#
}
