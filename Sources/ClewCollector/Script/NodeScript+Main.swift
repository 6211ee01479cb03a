extension NodeScript {
    /// Options, limits, and the order of it all.
    static let main = #"""
        # ------------------------------------------------------------------------------------------- all of it

        quit() {
            echo "clew: $1" >&2
            exit 1
        }

        # Ends the watcher and what runs.
        clean() {
            trap - EXIT
            if [ -n "${WATCHER-}" ]; then
                [ -n "${run_pid-}" ] && [ "${RUNNING-}" = yes ] && end_process KILL "$run_pid"
                kill -s KILL "$WATCHER" 2>/dev/null
                [ -z "${OWN_WATCHER-}" ] || kill -s KILL "$OWN_WATCHER" 2>/dev/null
            fi
        }

        # Whole seconds between the two samples, at least.
        wait_for_gap() {
            now
            gap_left=$((SAMPLE_GAP - (NOW - STARTED) / 100))
            [ "$gap_left" -gt 0 ] && run sleep "$gap_left"
            return 0
        }

        usage() {
            quit "$1; options: --node NAME --root FOLDER --netns all|none|NAME=PATH[=NAMESPACE/POD] --gap SECONDS \
        --timeout SECONDS --deadline SECONDS --cpu SECONDS --max-file MIB --max-total MIB --path PATH"
        }

        # Sets NUMBER from an option's value.
        number() {
            case $2 in '' | *[!0-9]* | ???????*) usage "$1 needs a number" ;; esac
            NUMBER=$2
            while :; do case $NUMBER in 0?*) NUMBER=${NUMBER#0} ;; *) break ;; esac; done
        }

        # The same, of what no run can do without.
        some() {
            number "$1" "$2"
            [ "$NUMBER" != 0 ] || usage "$1 needs a number above 0"
        }

        options() {
            while [ $# -gt 0 ]; do
                [ $# -ge 2 ] || usage "$1 needs a value"
                case $1 in
                --node) NODE=$2 ;;
                --root) ROOT=${2%/} ;;
                --netns)
                    case $2 in
                    all | none) SPACES_MODE=$2 ;;
                    *=/*) SPACES_MODE=named NAMED="$NAMED $2" ;;
                    *) usage "--netns $2 is not all, none or NAME=PATH" ;;
                    esac ;;
                --gap) number "$1" "$2" && SAMPLE_GAP=$NUMBER ;;
                --timeout) some "$1" "$2" && LIMIT_COMMAND=$NUMBER ;;
                --deadline) some "$1" "$2" && LIMIT_SECONDS=$NUMBER ;;
                --cpu) some "$1" "$2" && LIMIT_CPU=$NUMBER ;;
                --max-file) some "$1" "$2" && LIMIT_FILE=$((NUMBER * 1048576)) ;;
                --max-total) some "$1" "$2" && LIMIT_TOTAL=$((NUMBER * 1048576)) ;;
                --path) TOOLS=$2 ;;
                *) usage "unknown option $1" ;;
                esac
                shift 2
            done
        }

        # Who and where: the folder of the node, the time, the rights.
        introduce() {
            if [ -z "$NODE" ]; then
                { read -r NODE; } 2>/dev/null </proc/sys/kernel/hostname
            fi
            safe "${NODE:-node}"
            NODE=$SAFE
            DIR=nodes/$NODE
            STARTED_UNIX=0 STARTED_TEXT=
            if command -v date >/dev/null 2>&1; then
                STARTED_UNIX=$(date -u +%s)
                STARTED_TEXT=$(date -u +%Y-%m-%dT%H:%M:%SZ)
            fi
            USER_ID='' CAPABILITIES='' CHILD_SIGNALS_BLOCKED=''
            while read -r introduce_key introduce_value introduce_rest; do
                case $introduce_key in
                Uid:) USER_ID=$introduce_value ;;
                CapEff:) CAPABILITIES=$introduce_value ;;
                # Signal 17, as a program leaves it that starts others from a thread.
                SigBlk:) case ${introduce_value%????} in *[13579bdf]) CHILD_SIGNALS_BLOCKED=yes ;; esac ;;
                esac
            done 2>/dev/null <"/proc/$$/status"
            SHELL_NAME=${0##*/}
            [ -n "${BASH_VERSION-}" ] && SHELL_NAME="bash $BASH_VERSION"
            return 0
        }

        main() {
            LC_ALL=C
            export LC_ALL
            unset IFS CDPATH
            umask 077
            NEWLINE='
        '
            TAB='	'
            SCRIPT_VERSION=1
            # Each character at the place of its code, from the space on; those that no name has are left blank.
            CODES='           +,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ    _ abcdefghijklmnopqrstuvwxyz   ~'
            zeros 100 && ZEROS_100=$ZEROS
            zeros 247 && ZEROS_247=$ZEROS
            NODE='' ROOT='' SPACES_MODE=all NAMED='' TOOLS=''
            LIMIT_COMMAND=20 LIMIT_COMMAND_CPU=15 LIMIT_SECONDS=240 LIMIT_CPU=120 LIMIT_SPACES=512
            LIMIT_FILE=134217728 LIMIT_TOTAL=536870912 LARGE_CHAINS=20000 SAMPLE_GAP=10
            options "$@"
            if [ -n "$TOOLS" ]; then
                PATH=$TOOLS
            else
                PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
                PATH=$PATH:/var/lib/rancher/k3s/data/current/bin:/var/lib/rancher/k3s/data/current/bin/aux
                PATH=$PATH:/var/lib/rancher/rke2/bin:/snap/microk8s/current/sbin:/snap/microk8s/current/usr/sbin
                PATH=$PATH:/snap/microk8s/current/bin:/snap/microk8s/current/usr/bin:/var/lib/k0s/bin:/opt/bin:/opt/cni/bin
            fi
            export PATH
            STOPPED=' ' TOTAL=0 FILES=0 RECORDS=0 SERIAL=0 ARTIFACTS='' RECENT='' COMMA='' NOTES='' NOTES_COMMA=''
            NAMESPACES='' NAMESPACES_COMMA='' MISSING='' LENDERS='' IN='' P=/proc/self ENTER='' NICE=no
            NOT_RUN='' FULL=no OWN_WATCHER=''
            now
            STARTED=$NOW
            introduce
            trap clean EXIT
            trap 'clean; exit 129' HUP
            trap 'clean; exit 130' INT
            trap 'clean; exit 143' TERM
            prepare
            sample 1
            collect_processes
            collect_namespace
            case $SPACES_MODE in
            all) collect_spaces ;;
            named) collect_named ;;
            esac
            get bpf-net.json bpftool -j net
            get ebtables-save.txt ebtables-save
            collect_ipvs
            collect_health
            collect_system
            collect_cni
            collect_hardware
            collect_logs
            wait_for_gap
            sample 2
            finish
        }

        main "$@"
        """#
}
