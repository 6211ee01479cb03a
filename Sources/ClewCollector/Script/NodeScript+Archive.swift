extension NodeScript {
    /// Names and numbers, the tar archive, and the record of what was run.
    static let archive = #"""
        #!/bin/sh
        # Prints, as a tar archive on standard output, what this node says of its network: a bundle for clew.
        # It reads and changes nothing. docs/collect.md says what it runs and what its options are.

        # ------------------------------------------------------------------------------------- values and time

        # Sets NOW: hundredths of a second since boot; 0 where the kernel does not say.
        now() {
            now_text=0.00
            { read -r now_text now_rest; } 2>/dev/null </proc/uptime
            NOW=${now_text%%.*}${now_text#*.}
            while :; do case $NOW in 0?*) NOW=${NOW#0} ;; *) break ;; esac; done
        }

        # Sets CPU: seconds of processor time that this shell and all it has waited for have used.
        cpu_used() {
            CPU=0
            cpu_line=
            { read -r cpu_line; } 2>/dev/null <"/proc/$$/stat" || return 0
            # shellcheck disable=SC2086 # the fields of one line
            set -- ${cpu_line##*) }
            [ $# -ge 15 ] && CPU=$(((${12} + ${13} + ${14} + ${15}) / 100))
        }

        # Sets SAFE: the text with nothing but what may stand in a file's name.
        safe() {
            SAFE=
            safe_rest=$1
            case $safe_rest in .*) SAFE=_ safe_rest=${safe_rest#.} ;; esac
            while [ -n "$safe_rest" ]; do
                safe_part=${safe_rest%%[!A-Za-z0-9._@+:=,~-]*}
                SAFE=$SAFE$safe_part
                safe_rest=${safe_rest#"$safe_part"}
                [ -n "$safe_rest" ] || break
                SAFE=${SAFE}_
                safe_rest=${safe_rest#?}
            done
        }

        # Sets JSON: the text as the inside of a JSON string, in ASCII.
        json() {
            JSON=
            json_rest=$1
            while [ -n "$json_rest" ]; do
                json_part=${json_rest%%[!A-Za-z0-9 _.:/=,;@%+()#*-]*}
                JSON=$JSON$json_part
                json_rest=${json_rest#"$json_part"}
                [ -n "$json_rest" ] || break
                json_char=${json_rest%"${json_rest#?}"}
                json_rest=${json_rest#?}
                case $json_char in
                '"') JSON="$JSON\\\"" ;;
                \\) JSON="$JSON\\\\" ;;
                "$NEWLINE") JSON="$JSON\\n" ;;
                "$TAB") JSON="$JSON\\t" ;;
                [\ -~]) JSON=$JSON$json_char ;;
                *) JSON="$JSON?" ;;
                esac
            done
        }

        # ----------------------------------------------------------------------------------------- the archive

        # Sets ZEROS: a format for printf that prints this many zero bytes.
        zeros() {
            ZEROS=
            zeros_left=$1
            zeros_run='\000'
            while [ "$zeros_left" -gt 0 ]; do
                [ $((zeros_left % 2)) = 1 ] && ZEROS=$ZEROS$zeros_run
                zeros_run=$zeros_run$zeros_run
                zeros_left=$((zeros_left / 2))
            done
        }

        # Sets OCTAL, a number in so many octal digits, and adds the codes of the digits to SUM.
        octal() {
            OCTAL=
            octal_left=$1
            octal_digits=$2
            while [ "$octal_digits" -gt 0 ]; do
                OCTAL=$((octal_left % 8))$OCTAL
                SUM=$((SUM + 48 + octal_left % 8))
                octal_left=$((octal_left / 8))
                octal_digits=$((octal_digits - 1))
            done
        }

        # Prints a header: name, size, kind of entry, code of the kind. Names are ASCII, from safe().
        tar_header() {
            # mode, uid, gid, the empty checksum, "ustar", "00"
            SUM=$((350 + 336 + 336 + 256 + 559 + 96 + $4))
            header_rest=$1
            header_length=0
            while [ -n "$header_rest" ] && [ "$header_length" -lt 100 ]; do
                header_char=${header_rest%"${header_rest#?}"}
                header_rest=${header_rest#?}
                header_before=${CODES%%"$header_char"*}
                SUM=$((SUM + 32 + ${#header_before}))
                header_length=$((header_length + 1))
            done
            octal "$2" 11
            header_size=$OCTAL
            octal "$STARTED_UNIX" 11
            header_time=$OCTAL
            header_sum=$SUM
            octal "$header_sum" 6
            zeros $((100 - header_length))
            header_rights=0000644\\0000000000\\0000000000
            header_rest="$header_size\\000$header_time\\000$OCTAL\\000 $3${ZEROS_100}ustar\\00000$ZEROS_247"
            # shellcheck disable=SC2059 # the zeros are a format
            printf "%.100s$ZEROS$header_rights\\000$header_rest" "$1" || quit 'the reader of the archive is gone'
        }

        # Begins an entry of PATH and SIZE; the content is to follow, and tar_end.
        tar_begin() {
            if [ ${#1} -gt 100 ]; then
                tar_header ././@LongLink $((${#1} + 1)) L 76
                zeros $((512 - ${#1} % 512))
                # shellcheck disable=SC2059
                printf "%s$ZEROS" "$1" || quit 'the reader of the archive is gone'
            fi
            tar_header "$1" "$2" 0 48
        }

        # Ends an entry of SIZE.
        tar_end() {
            TOTAL=$((TOTAL + $1))
            FILES=$((FILES + 1))
            [ $(($1 % 512)) = 0 ] && return
            zeros $((512 - $1 % 512))
            # shellcheck disable=SC2059
            printf "$ZEROS" || quit 'the reader of the archive is gone'
        }

        # Adds a file of PATH with the content TEXT.
        tar_text() {
            tar_begin "$1" ${#2}
            printf %s "$2" || quit 'the reader of the archive is gone'
            tar_end ${#2}
        }

        # Ends the archive. Without this mark a reader knows that it was cut off.
        tar_finish() {
            zeros 1024
            # shellcheck disable=SC2059
            printf "$ZEROS" || quit 'the reader of the archive is gone'
        }

        # ------------------------------------------------------------------------------------------ the record

        # Notes what a command did: PATH, COMMAND, EXIT CODE, STANDARD ERROR, hundredths of SECONDS.
        record() {
            json "$2"
            record_command=$JSON
            json "$4"
            record_centi=$(($5 % 100))
            [ "$record_centi" -lt 10 ] && record_centi=0$record_centi
            RECENT="$RECENT$COMMA
            \"$1\": {\"command\": \"$record_command\", \"exitCode\": $3, \"stderr\": \"$JSON\", \
        \"seconds\": $(($5 / 100)).$record_centi}"
            COMMA=,
            RECORDS=$((RECORDS + 1))
            # Long texts are copied whenever they grow: gather first.
            [ $((RECORDS % 64)) = 0 ] && ARTIFACTS=$ARTIFACTS$RECENT RECENT=
            return 0
        }

        # Notes a thing that a reader should know about the whole collection.
        note() {
            json "$1"
            NOTES="$NOTES$NOTES_COMMA\"$JSON\""
            NOTES_COMMA=', '
        }

        # Adds bundle.json and ends the archive.
        finish() {
            now
            cpu_used
            json "$NODE"
            finish_node=$JSON
            json "$SHELL_NAME"
            tar_text bundle.json "{
          \"formatVersion\": 1,
          \"collected\": \"$STARTED_TEXT\",
          \"tool\": \"clew node script $SCRIPT_VERSION\",
          \"collections\": {
            \"$finish_node\": {\"collected\": \"$STARTED_TEXT\", \"seconds\": $(((NOW - STARTED) / 100)), \
        \"cpuSeconds\": $CPU, \"bytes\": $TOTAL, \"files\": $FILES, \"uid\": \"$USER_ID\", \
        \"capabilities\": \"$CAPABILITIES\", \
        \"shell\": \"$JSON\", \"nice\": \"$NICE\", \"notes\": [$NOTES]}
          },
          \"namespaces\": {$NAMESPACES
          },
          \"artifacts\": {$ARTIFACTS$RECENT
          }
        }
        "
            tar_finish
        }
        """#
}
