extension NodeScript {
    /// Running commands within limits, and keeping what they print.
    static let commands = #"""
        # ------------------------------------------------------------------------------------ running commands

        # Opens three files that have no name any more: nothing is left behind, however this ends.
        # Descriptors: 3 output, 4 standard error, 5 what a filter made of the output; and, the first time, 6: what the
        # watcher is to know. The folder is one that takes a MiB, else one that takes a few KiB.
        open_files() {
            for open_size in 1048576 16384; do
                open_probe='                '
                while [ ${#open_probe} -lt $open_size ]; do open_probe=$open_probe$open_probe; done
                for open_folder in ${TMPDIR:+"$TMPDIR"} /tmp /run /dev/shm /var/tmp /run/lock; do
                    open_base=$open_folder/.clew-$$-$1
                    # With -C the shell makes a file only where there is none: nobody's link is followed.
                    ( set -C && : >"$open_base-1" ) 2>/dev/null || continue
                    if (
                        set -C && : >"$open_base-2" && : >"$open_base-3" && : >"$open_base-4" &&
                            printf %81s '' >|"$open_base-4" && printf %s "$open_probe" >|"$open_base-1"
                    ) 2>/dev/null && [ "$(($(wc -c <"$open_base-1")))" = "$open_size" ]; then
                        exec 3<>"$open_base-1" 4<>"$open_base-2" 5<>"$open_base-3"
                        [ "$1" != 0 ] || exec 6<>"$open_base-4"
                        OUT=/proc/$$/fd/3 ERR=/proc/$$/fd/4 ALT=/proc/$$/fd/5 JOB=/proc/$$/fd/6
                    fi
                    rm -f "$open_base-1" "$open_base-2" "$open_base-3" "$open_base-4"
                    if [ -n "$OUT" ] && [ -e "$JOB" ]; then
                        : >"$OUT"
                        open_probe=
                        return 0
                    fi
                    OUT=
                done
            done
            open_probe=
            return 1
        }

        # Whether a few KiB more could be written where the output goes. What is in ERR is lost.
        has_room() {
            printf %s "$ROOM" 2>/dev/null >"$ERR" && [ -s "$ERR" ]
            room_left=$?
            : >"$ERR"
            return $room_left
        }

        # Tells the watcher of a process and of the time when it has to end, or 0 0.
        #
        # It is written over what was there, which takes no room. Where that fails all the same, the process gets a watcher
        # of its own.
        announce() {
            # Waited for, as bash would tell of its end.
            [ -z "$OWN_WATCHER" ] || { kill -s KILL "$OWN_WATCHER"; wait "$OWN_WATCHER"; } 2>/dev/null
            OWN_WATCHER=
            printf '%-80s\n' "$1 $2 $1 $2" 2>/dev/null 1<>"$JOB"
            announce_pid=
            { read -r announce_pid announce_rest; } 2>/dev/null <"$JOB"
            if [ "$announce_pid" = "$1" ] || [ "$1" = 0 ]; then return; fi
            watch "$1" "$2" </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- &
            OWN_WATCHER=$!
        }

        # Kills a process, and its group where it has one of its own.
        end_process() {
            kill -s "$1" -- "-$2" 2>/dev/null
            kill -s "$1" "$2" 2>/dev/null
        }

        # Whether a process is gone, or is only waiting for its parent to take note.
        has_ended() {
            ended_line=Z
            { read -r ended_line; } 2>/dev/null <"/proc/$1/stat"
            case ${ended_line##*) } in Z* | X*) return 0 ;; esac
            return 1
        }

        # Runs beside: ends what takes longer than it may, and what is left when the shell itself is gone.
        # It is told of each process by announce, or of one only: PID, TIME.
        watch() {
            watch_pid=${1:-0} watch_end=${2:-0} watch_last=0
            while sleep 1; do
                # Twice the same, or it is being written at this moment.
                if [ $# = 0 ] && { read -r watch_pid watch_end watch_pid2 watch_end2; } 2>/dev/null </proc/self/fd/6; then
                    [ "$watch_pid $watch_end" = "$watch_pid2 $watch_end2" ] || watch_pid=0 watch_end=0
                fi
                : "${watch_pid:=0}" "${watch_end:=0}"
                if has_ended "$$"; then
                    [ "$watch_pid" = 0 ] || end_process KILL "$watch_pid"
                    exit 0
                fi
                now
                [ "$NOW" -gt $((STARTED + (LIMIT_SECONDS + 60) * 100)) ] && exit 0
                if [ $# != 0 ] && has_ended "$watch_pid"; then exit 0; fi
                if [ "$watch_pid" = 0 ] || [ "$NOW" -lt "$watch_end" ]; then continue; fi
                if [ "$watch_pid" != "$watch_last" ]; then
                    watch_last=$watch_pid watch_tries=0
                    end_process TERM "$watch_pid"
                    continue
                fi
                watch_tries=$((watch_tries + 1))
                end_process KILL "$watch_pid"
                # What the kernel does not let die is left behind.
                [ "$watch_tries" -ge 3 ] && kill -s USR1 "$$" 2>/dev/null
            done
        }

        # Prepares for commands to be run, if they can be limited here: in time, in output, in processor time.
        prepare() {
            OUT=
            for prepare_tool in rm wc head sleep; do
                command -v "$prepare_tool" >/dev/null 2>&1 || MISSING="$MISSING $prepare_tool"
            done
            if [ -n "$MISSING" ]; then
                NOT_RUN='it could not be limited'
                note "no command was run, since it could not be limited without:$MISSING"
                return
            fi
            if ! open_files 0; then
                NOT_RUN='no folder takes its output'
                note 'no command was run: there is no folder for its output that can be written to, or all are full'
                return
            fi
            ROOM='                '
            while [ ${#ROOM} -lt 8192 ]; do ROOM=$ROOM$ROOM; done
            SETSID=
            command -v setsid >/dev/null 2>&1 && SETSID=setsid
            NICE=no
            if command -v nice >/dev/null 2>&1; then NICE='nice -n 19'; fi
            FILE_UNIT=512
            if [ -n "${BASH_VERSION-}" ]; then
                case :${SHELLOPTS-}: in *:posix:*) ;; *) FILE_UNIT=1024 ;; esac
            fi
            STUCK=0
            trap 'STUCK=1' USR1
            watch </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- &
            WATCHER=$!
        }

        # Finds a tool: sets ENTER to what has to stand before it, or fails.
        # Where the node does not have it, one of the network programs that run here in a container may.
        find_tool() {
            ENTER=$IN
            command -v "$1" >/dev/null 2>&1 && return 0
            [ -n "$LENDERS" ] && command -v nsenter >/dev/null 2>&1 || return 1
            for find_pid in $LENDERS; do
                for find_folder in usr/sbin usr/bin sbin bin usr/local/bin usr/local/sbin; do
                    find_path=/proc/$find_pid/root/$find_folder/$1
                    if [ -e "$find_path" ] || [ -h "$find_path" ]; then
                        ENTER="${IN:-nsenter} --mount=/proc/$find_pid/ns/mnt"
                        return 0
                    fi
                done
            done
            return 1
        }

        # Sets RC and ERROR where no command may be run any more.
        is_over() {
            if [ -z "$OUT" ]; then
                RC=126 ERROR="not run: $NOT_RUN"
            elif [ $((STARTED + LIMIT_SECONDS * 100 - NOW)) -lt 100 ]; then
                RC=124 ERROR="not run: the $LIMIT_SECONDS s for this node are used up"
            elif cpu_used && [ "$CPU" -ge "$LIMIT_CPU" ]; then
                RC=124 ERROR="not run: the $LIMIT_CPU s of processor time for this node are used up"
            elif [ "$TOTAL" -ge "$LIMIT_TOTAL" ]; then
                RC=124 ERROR="not run: the $LIMIT_TOTAL bytes for this node are used up"
            else
                return 1
            fi
        }

        # Runs a command in the namespace IN. Sets RC, SIZE (bytes in OUT), ERROR, TOOK (hundredths of seconds).
        run() {
            RC=127 SIZE=0 ERROR='not found' TOOK=0
            now
            is_over && return
            find_tool "$1" || return
            case $STOPPED in
            *" $1 "*" $1 "*)
                RC=124 ERROR="not run: '$1' had to be stopped twice"
                return ;;
            esac
            run_cap=$((LIMIT_TOTAL - TOTAL))
            [ "$run_cap" -gt "$LIMIT_FILE" ] && run_cap=$LIMIT_FILE
            run_started=$NOW
            run_end=$((NOW + LIMIT_COMMAND * 100))
            run_last=$((STARTED + LIMIT_SECONDS * 100))
            [ "$run_end" -gt "$run_last" ] && run_end=$run_last
            : >"$ALT"
            # shellcheck disable=SC2086 # words before the command
            (
                trap - USR1
                ulimit -c 0
                ulimit -t "$LIMIT_COMMAND_CPU"
                ulimit -f $(((run_cap + FILE_UNIT - 1) / FILE_UNIT))
                case $NICE in nice*) exec $NICE $SETSID $ENTER "$@" ;; esac
                exec $SETSID $ENTER "$@"
            ) </dev/null >"$OUT" 2>"$ERR" 3>&- 4>&- 5>&- 6>&- &
            run_pid=$! RUNNING=yes
            announce "$run_pid" "$run_end"
            STUCK=0
            [ -z "$CHILD_SIGNALS_BLOCKED" ] || poll
            [ "$STUCK" = 1 ] || wait "$run_pid" 2>/dev/null
            RC=$?
            RUNNING=no
            announce 0 0
            now
            TOOK=$((NOW - run_started))
            run_outcome "$1"
        }

        # Waits until a command has ended, where the signal that tells of it is blocked: some shells would wait for ever.
        poll() {
            poll_pause=0.01
            while :; do
                has_ended "$run_pid" && return
                sleep $poll_pause 2>/dev/null || sleep 1
                case $poll_pause in 0.01) poll_pause=0.02 ;; 0.02) poll_pause=0.05 ;; *) poll_pause=0.2 ;; esac
                now
                [ "$NOW" -lt $((run_end + 600)) ] || STUCK=1
                [ "$STUCK" = 0 ] || return
            done
        }

        # Looks at what a command left: sizes, and why it ended.
        run_outcome() {
            ERROR=
            if [ "$STUCK" = 1 ]; then
                STOPPED="$STOPPED $1  $1 "
                RC=137 SIZE=0 ERROR="clew: does not end even when killed; left behind after $((TOOK / 100)) s"
                # It may still write: its files are not used again.
                SERIAL=$((SERIAL + 1))
                open_files "$SERIAL" || OUT=
                return
            fi
            measure
            [ -s "$ERR" ] && { ERROR=$(head -c 1500 <"$ERR"); } 2>/dev/null
            if [ "$NOW" -ge "$run_end" ] && [ "$RC" -gt 128 ]; then
                STOPPED="$STOPPED $1 "
                ERROR="clew: stopped after $((TOOK / 100)) s${ERROR:+$NEWLINE$ERROR}"
            elif [ "$SIZE" -ge "$run_cap" ] || [ "$RC" = 153 ]; then
                ERROR="clew: cut off behind $run_cap bytes${ERROR:+$NEWLINE$ERROR}"
                [ "$RC" = 0 ] && RC=153
            elif [ "$RC" = 137 ] || [ "$RC" = 152 ]; then
                ERROR="clew: ended, after $LIMIT_COMMAND_CPU s of processor time or by somebody${ERROR:+$NEWLINE$ERROR}"
            fi
            has_room || ran_out
            return 0
        }

        # The folder is full: what was printed may not be all, and an end without an error means nothing.
        ran_out() {
            ERROR="clew: cut off: the folder for its output is full${ERROR:+$NEWLINE$ERROR}"
            [ "$RC" != 0 ] || RC=153
            [ "$FULL" = yes ] || note 'the folder for the output of commands was full: some of it is cut off'
            FULL=yes
        }

        # Sets SIZE: how many bytes are in OUT.
        measure() {
            SIZE=0
            [ -s "$OUT" ] || return 0
            SIZE=$(wc -c <"$OUT")
            SIZE=$((SIZE + 0))
        }

        # Puts what was run last into the archive, as NAME, and notes what COMMAND did.
        keep() {
            if [ "$SIZE" -gt 0 ] || [ "$RC" = 0 ]; then
                tar_begin "$DIR/$1" "$SIZE"
                [ "$SIZE" = 0 ] || head -c "$SIZE" <"$OUT" || quit 'the reader of the archive is gone'
                tar_end "$SIZE"
            fi
            record "$DIR/$1" "$2" "$RC" "$ERROR" "$TOOK"
        }

        # Replaces the output by what a function makes of it.
        filter() {
            [ "$SIZE" -gt 0 ] || return 0
            if "$@" <"$OUT" >"$ALT" 2>/dev/null; then
                filter_swap=$OUT OUT=$ALT ALT=$filter_swap
                measure
                has_room || ran_out
            else
                SIZE=0 RC=126 ERROR="clew: not kept, since '$1' failed on it"
            fi
        }

        # Runs a command and keeps its output: NAME, COMMAND.
        get() {
            get_name=$1
            shift
            run "$@"
            keep "$get_name" "${ENTER:+$ENTER }$*"
        }

        # Whether the last command gave something, and no error.
        gave() { [ "$RC" = 0 ] && [ "$SIZE" -gt 0 ]; }

        # Keeps a file: NAME, PATH, and a function that it has to pass through.
        copy() {
            if [ ! -e "$2" ]; then
                record "$DIR/$1" "cat $2" 1 'no such file' 0
                return
            fi
            if [ -z "$OUT" ] || ! command -v cat >/dev/null 2>&1; then
                if [ $# -gt 2 ]; then
                    record "$DIR/$1" "cat $2" 126 'clew: not kept, since secrets cannot be taken out of it here' 0
                else
                    slurp "$2"
                    text "$1" "cat $2" "$TEXT"
                fi
                return
            fi
            copy_in=$IN IN=
            run cat "$2"
            IN=$copy_in
            [ $# -gt 2 ] && filter "$3"
            keep "$1" "cat $2"
        }

        # Sets TEXT: what a text file holds, read by the shell itself.
        slurp() {
            TEXT=
            {
                while IFS= read -r slurp_line; do
                    TEXT=$TEXT$slurp_line$NEWLINE
                    if [ ${#TEXT} -gt 1000000 ]; then
                        TEXT="${TEXT}clew: cut off here$NEWLINE"
                        break
                    fi
                done
                TEXT=$TEXT${slurp_line-}
            } 2>/dev/null <"$1"
            slurp_line=
        }

        # Keeps TEXT that the shell made: NAME, where it is from, TEXT.
        text() {
            tar_text "$DIR/$1" "$3"
            record "$DIR/$1" "$2" 0 '' 0
        }

        # Notes that there is nothing to ask: NAME, COMMAND, WHY.
        skip() { record "$DIR/$1" "$2" 0 "clew: not run: $3" 0; }
        """#
}
