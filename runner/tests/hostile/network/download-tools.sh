# attack: Fetches from the network with whatever tools are there, and by the shell's /dev/tcp where it has one.
# expect: Completed

broken=
for target in http://127.0.0.1:7070/ http://169.254.169.254/ http://example.com/; do
    if command -v curl >/dev/null 2>&1; then
        curl -s -m 2 -o /tmp/got "$target" </dev/null >/dev/null 2>&1 && broken="$broken curl:$target"
    fi
    if command -v wget >/dev/null 2>&1; then
        wget -q -T 2 -t 1 -O /tmp/got "$target" </dev/null >/dev/null 2>&1 && broken="$broken wget:$target"
    fi
    if command -v busybox >/dev/null 2>&1; then
        busybox wget -q -T 2 -O /tmp/got "$target" </dev/null >/dev/null 2>&1 && broken="$broken busybox:$target"
    fi
done
for tool in nc ncat socat telnet; do
    if command -v "$tool" >/dev/null 2>&1; then
        case $tool in
            nc) nc -w 1 127.0.0.1 7070 </dev/null >/dev/null 2>&1 && broken="$broken nc" ;;
            ncat) ncat -w 1 127.0.0.1 7070 </dev/null >/dev/null 2>&1 && broken="$broken ncat" ;;
            socat) socat -T 1 - TCP:127.0.0.1:7070 </dev/null >/dev/null 2>&1 && broken="$broken socat" ;;
        esac
    fi
done
(echo x >/dev/tcp/127.0.0.1/7070) 2>/dev/null && broken="$broken /dev/tcp"
if command -v bash >/dev/null 2>&1; then
    bash -c 'echo x >/dev/tcp/127.0.0.1/7070' >/dev/null 2>&1 && broken="$broken bash:/dev/tcp"
    bash -c 'echo x >/dev/udp/127.0.0.1/53' >/dev/null 2>&1 && broken="$broken bash:/dev/udp"
fi
if [ -n "$broken" ]; then echo "BROKEN:$broken"; else echo held; fi
