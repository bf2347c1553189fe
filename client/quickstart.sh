#!/bin/sh
# Shows mud to somebody who has just cloned it: installs the Debian packages it needs, builds it, starts a private mud,
# loads and calls the example bundles, handles a trap from outside, and stops it. Every step is printed with
# its output and checked; the exit status is 0 when all went as it should.
set -u
cd "$(dirname "$0")/.." || exit 1

work=$(mktemp -d "${TMPDIR:-/tmp}/mud-quickstart.XXXXXX") || exit 1
mud_pid=
handler_pid=

cleanup() {
    for pid in $handler_pid $mud_pid; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

title() { printf '\n--- %s\n' "$*"; }

fail() {
    echo "quickstart: $*" >&2
    if [ -s "$work/log" ]; then
        echo "quickstart: the log of mud ends with:" >&2
        tail -n 20 "$work/log" >&2
    fi
    exit 1
}

# step STATUS PART COMMAND...: runs it as a reader would type it; it must end with this status, and its output have a line
# that matches PART.
step() {
    wanted_status=$1 wanted=$2
    shift 2
    echo "\$ $*"
    "$@" >"$work/output" 2>&1
    status=$?
    head -n 12 "$work/output"
    lines=$(wc -l <"$work/output")
    [ "$lines" -le 12 ] || echo "  (and $((lines - 12)) more lines)"
    [ $status -eq "$wanted_status" ] || fail "exit status $status instead of $wanted_status"
    grep -q -e "$wanted" "$work/output" || fail "no line of the output matches \"$wanted\""
}

# Waits until a command succeeds, ten seconds at most.
wait_until() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || return 1
        sleep 0.1
    done
}

# ---------------------------------------------------------------------------------------------- build
title "packages"
sh packages.sh build || exit 1
echo "all there"

title "build (into build/)"
if [ ! -f build/build.ninja ]; then
    meson setup build -Dtests=false >"$work/build" 2>&1 || {
        cat "$work/build"
        fail "the build could not be configured"
    }
fi
ninja -C build daemon/bin/mud client/bin/muctl client/examples/factorial_client >"$work/build" 2>&1 || {
    tail -n 40 "$work/build"
    fail "the build failed"
}
PATH=$PWD/build/daemon/bin:$PWD/build/client/bin:$PATH
export PATH
step 0 '^mud [0-9]' mud --version

# ------------------------------------------------------------------------------------------ first calls
title "start mud on a socket of its own; MUD_HOST tells muctl where it is"
MUD_HOST=$work/m.sock
export MUD_HOST
echo "\$ export MUD_HOST=$MUD_HOST"
echo "\$ mud --socket \$MUD_HOST &"
mud --socket "$MUD_HOST" 2>"$work/log" &
mud_pid=$!
wait_until muctl status || fail "mud did not start"
step 0 '^mud ' muctl status

title "load a bundle and call its function"
step 0 '^gcd@1 ' muctl load guests/mu/examples/gcd.uir --name gcd
step 0 '^21$' muctl call gcd.gcd 1071 462
step 2 'takes (int<64> int<64>) -> (int<64>)' muctl call gcd.gcd 1071 many

title "objects that a script makes for a bundle"
step 0 '^shapes@1 ' muctl load guests/mu/examples/shapes.uir
step 0 '^figures@1 ' muctl load guests/mu/examples/shapes.hail --vm shapes --name figures
step 0 '^62$' muctl call shapes.total

title "one shot in a VM that lives as long as the command"
step 0 '^42$' muctl run guests/mu/examples/main.uir
step 0 '^2432902008176640000$' muctl run guests/mu/examples/factorial.uir --call by_loop -- 20
step 0 '^832040$' muctl run guests/mu/examples/fib.uir --call fib -- 30
step 0 '^13238171$' muctl run guests/mu/examples/trees.uir --call trees --heap 32M -- 16 100
step 0 '^2475$' muctl run guests/mu/examples/sum_floats.uir --call sum_halves -- 100

title "what can go wrong comes back as an error with a place and a status of its own"
step 8 'careless' muctl run guests/mu/examples/exceptions.uir --call careless -- -5
step 9 'STACK_OVERFLOW' muctl run guests/mu/examples/exceptions.uir --call deep
step 124 '.' muctl run guests/mu/examples/fib.uir --call forever --timeout 200ms
printf '.const @x <@nowhere> = 1\n' >"$work/broken.uir"
step 7 'broken.uir:1:' muctl load "$work/broken.uir"

title "give a function a new version while its VM lives"
step 0 '^greeter@1 ' muctl load guests/mu/examples/redefine_1.uir --name greeter
step 0 '^1$' muctl call greeter.ask
step 0 '^greeter@2 ' muctl load guests/mu/examples/redefine_2.uir --name greeter
step 0 '^2$' muctl call greeter.ask

# ------------------------------------------------------------------------------------------------ traps
title "traps: a program stops and asks another process"
step 0 '^traps@1 ' muctl load guests/mu/examples/traps.uir
echo "\$ muctl trap attach traps --resume 100 --count 1 &"
muctl trap attach traps --resume 100 --count 1 >"$work/handler" 2>&1 </dev/null &
handler_pid=$!
wait_until grep -q 'handling the traps' "$work/handler" || fail "the handler did not attach"
step 0 '^107$' muctl call traps.ask 7
wait "$handler_pid" || fail "the handler ended with an error"
handler_pid=
echo "what the handler printed:"
sed 's/^/    /' "$work/handler"
grep -q '@ask.v1.entry.n = 7' "$work/handler" || fail "the handler did not see n"
step 0 '"trap":"@ask.v1.entry.question"' muctl run guests/mu/examples/traps.uir --call ask --log-traps -- 7

# ------------------------------------------------------------------------------------------ the C interface
title "a client in C, by the interface of the Mu specification: it builds a function, runs it and handles its trap"
step 0 '^20! = 2432902008176640000$' build/client/examples/factorial_client 20

# --------------------------------------------------------------------------------------------- look, stop
title "look around"
step 0 'greeter' muctl ls
step 0 '(int<64> int<64>) -> (int<64>)' muctl inspect gcd
step 0 '' muctl rm greeter
step 0 '"schema"' muctl status --json

title "stop"
step 0 '' muctl shutdown
wait "$mud_pid" || fail "mud ended with status $?"
mud_pid=
[ ! -e "$MUD_HOST" ] || fail "mud left its socket"
step 3 'muctl: ' muctl status
printf '\nquickstart: everything went as it should\n'
