# What the scripts that drive a real mud share: sourced by them, with $build and $here set. It makes a
# folder $work, and removes it and ends what $background and $mud_pid name when the script ends.
examples=$here/../../guests/mu/examples
MUD=${MUD:-$build/daemon/bin/mud}
MUCTL=${MUCTL:-$build/client/bin/muctl}

work=$(mktemp -d "${TMPDIR:-/tmp}/mud-test.XXXXXX") || exit 1
socket=$work/run/m.sock
export MUD_HOST=$socket
mud_pid=
background=
failures=0
checks=0

cleanup() {
    for pid in $background $mud_pid; do
        kill -9 "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

verdict() { # 0 or not, claim
    checks=$((checks + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok - $2"
    else
        echo "not ok - $2"
        failures=$((failures + 1))
    fi
}

# gives CLAIM STATUS OUTPUT COMMAND...: the command ends with this status, and its output, both streams
# together, holds the text.
gives() {
    claim=$1 status=$2 wanted=$3
    shift 3
    output=$("$@" 2>&1)
    got=$?
    case $output in
    *"$wanted"*) found=0 ;;
    *) found=1 ;;
    esac
    if [ "$got" -eq "$status" ] && [ $found -eq 0 ]; then
        verdict 0 "$claim"
    else
        verdict 1 "$claim"
        echo "# status $got, wanted $status with \"$wanted\"; it said: $output"
    fi
}

muctl() { timeout 60 "$MUCTL" "$@"; }

# Waits until a command succeeds, for ten seconds at most.
until_true() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        sleep 0.05
    done
}

has_line() { grep -q "$1" "$2"; }

start_mud() {
    "$MUD" --socket "$socket" "$@" 2>>"$work/log" &
    mud_pid=$!
    until_true muctl status
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# Tells how many checks failed, with the log's end; the script's status.
conclude() {
    echo "# $checks checks, $failures failed"
    [ $failures -eq 0 ] || sed 's/^/# log: /' "$work/log" | tail -40
    [ $failures -eq 0 ]
}
