#!/bin/sh
# VMs and their limits, calls that are listed and killed, and numbers, as muctl shows and sets them on a real mud.
# Usage: surface_test.sh BUILD_FOLDER. Prints as system_test.sh does.
set -u
build=${1:?the build folder}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
VM_CROWD=${VM_CROWD:-$build/tests/bench/vm_crowd}
CALM_PROBER=${CALM_PROBER:-$build/tests/daemon/calm_prober}
METRICS=$here/check_openmetrics.py

# The value of a key in the JSON of a command: field KEY COMMAND...
field() {
    key=$1
    shift
    "$@" | tr ',{}' '\n\n\n' | sed -n "s/^\"$key\": *//p" | head -1
}
# Calls in the background: calls COUNT VM.FUNC [OPTION]...; their processes are in $calls.
calls() {
    calls=
    : >"$work/calls"
    for _ in $(seq "$1"); do
        # shellcheck disable=SC2086
        "$MUCTL" call $2 >>"$work/calls" 2>&1 &
        calls="$calls $!"
    done
    background="$background $calls"
}
all_ended() { # STATUS: all of $calls have ended, each with this one
    fault=0
    for call in $calls; do
        wait "$call"
        [ $? -eq "$1" ] || fault=1
    done
    [ $fault -eq 0 ] || sed 's/^/# /' "$work/calls"
    return $fault
}
few_vms() { [ "$(field vms muctl status --json)" -eq 3 ]; }
run_in() { [ "$(field calls_running muctl inspect "$1" --json)" -eq "$2" ]; }

cat >"$work/talk.uir" <<'END'
.typedef @i64 = int<64> .const @zero <@i64> = 0 .const @one <@i64> = 1
.funcsig @i.i = (@i64) -> (@i64) .funcsig @v.v = () -> ()
.funcdef @talk VERSION %v1 <@i.i> {
    %entry(<@i64> %n): BRANCH %head(%n)
    %head(<@i64> %left): %done = EQ <@i64> %left @zero BRANCH2 %done %end() %say(%left)
    %say(<@i64> %left):
        [%word] TRAP <> KEEPALIVE(%left)
        %less = SUB <@i64> %left @one
        BRANCH %head(%less)
    %end(): RET @zero
}
.typedef @void = void .typedef @ref = ref<@void> .const @thousand <@i64> = 1000
.funcdef @stubborn VERSION %v1 <@v.v> {
    %entry(): BRANCH %again()
    %again(): CALL <@v.v> @spin () EXC(%again() %again())
}
.funcdef @tidy VERSION %v1 <@i.i> {
    %entry(<@i64> %n): CALL <@v.v> @spin () EXC(%over(%n) %over(%n))
    %over(<@i64> %n): RET %n
}
.funcdef @spin VERSION %v1 <@v.v> { %entry(): BRANCH %again() %again(): BRANCH %again() }
END

start_mud
verdict $? "mud starts"

# ------------------------------------------------------------------------------------ VMs and limits
gives "vm create makes a VM" 0 "created app" muctl vm create app --heap 16M --calls 3 --output 4K
gives "with its limits" 0 '"limits":{"heap_bytes":16777216,"stack_bytes":1048576,"stacks_bytes":16777216,' muctl vm set app --json
gives "vm set shows them as a table" 0 "4.0 KiB" muctl vm set app
gives "also those of mud itself" 0 '"calls":3,"output_bytes":4096' muctl vm set app --json
gives "all limits can be given" 0 "created limited" muctl vm create limited --heap 8M --stack 128K --stacks 4M --stack-count 50 --threads 40 \
    --code 1M --metadata 2M --handles 100 --cpu-share 5 --calls 30 --output 1M
gives "and are as given" 0 '"stack_bytes":131072,"stacks_bytes":4194304,"stacks":50,"threads":40,"code_bytes":1048576,"metadata_bytes":2097152,"context_handles":100,"cpu_share":5,"calls":30,' \
    muctl vm set limited --json
gives "each can be changed" 0 '"heap_bytes":9437184,"stack_bytes":65536,"stacks_bytes":5242880,"stacks":51,"threads":41,"code_bytes":2097152,"metadata_bytes":3145728,"context_handles":101,"cpu_share":6,"calls":31,"output_bytes":2097152' \
    muctl vm set limited --heap 9M --stack 64K --stacks 5M --stack-count 51 --threads 41 --code 2M --metadata 3M --handles 101 --cpu-share 6 --calls 31 \
    --output 2M --json
for wrong in '--stack 1K' '--stack 2G' '--stacks 4K' '--threads 4294967296' '--stack-count 4294967296' '--handles 4294967296' '--cpu-share 1001' '--code 2048G'; do
    # shellcheck disable=SC2086
    gives "no VM may have $wrong" 2 "the limit of a VM's" muctl vm set limited $wrong
done
gives "a VM without room for a bundle refuses it" 9 "metadata_bytes = 16384" \
    sh -c "'$MUCTL' vm set limited --metadata 16K >/dev/null && '$MUCTL' load '$examples/traps.uir' --vm limited"
gives "and says where limits are changed" 9 "muctl vm set limited" muctl load "$examples/traps.uir" --vm limited
muctl vm rm limited >/dev/null
gives "a second VM of the name is refused" 5 "there is a VM app" muctl vm create app
gives "a name that is none is refused" 2 "is no name for a VM" muctl vm create 'a b'
gives "so is a guest that is none" 4 "no guest" muctl vm create other --guest cobol
gives "so is a heap that is too small" 2 "from 1048576 to" muctl vm create other --heap 1K
gives "or too large" 2 "from 1048576 to" muctl vm create other --heap 4096G
gives "so are more calls than mud may have" 2 "from 1 to 8192, not 8193" muctl vm create other --calls 8193
gives "no VM is left of these" 4 "no VM other" muctl inspect other
gives "vm set of a VM that is not there finds none" 4 "no VM other" muctl vm set other --calls 2
gives "a wrong limit changes nothing" 2 "from 1024 to" muctl vm set app --calls 2 --output 1023
gives "also none of the others given" 0 '"calls":3,' muctl vm set app --json
gives "vm ls lists VMs" 0 "app	mu	0	" muctl vm ls
gives "also as JSON" 0 '{"schema":"muctl.vm.ls/1","vms":[{"name":"app"' muctl vm ls --json
gives "load finds the VM" 0 "talk@1" muctl load "$work/talk.uir" --vm app
gives "vm ls counts its bundles" 0 "app	mu	1	" muctl vm ls

# ------------------------------------------------------------------------------------ calls at once
calls 3 app.spin
until_true run_in app 3
verdict $? "as many calls run as may"
gives "one more is refused with limit and remedy" 9 "VM app has 3 calls running, and its limit is 3" muctl call app.spin
gives "the remedy is the command" 9 "muctl vm set app --calls N" muctl call app.spin
muctl vm create peer >/dev/null && muctl load "$work/talk.uir" --vm peer >/dev/null
gives "another VM is not concerned" 0 0 muctl call peer.talk 0
gives "the limit can be lowered below what runs" 0 '"calls":1,' muctl vm set app --calls 1 --json
run_in app 3
verdict $? "which takes nothing away"
gives "but lets nothing begin" 9 "3 calls running, and its limit is 1" muctl call app.spin
gives "ps lists the calls" 0 "@spin	running" muctl ps app
gives "with their clients" 0 '"client":"muctl ' muctl ps --json
gives "ps of another VM does not" 0 '"calls":[]' muctl ps peer --json
gives "ps of no VM finds none" 4 "no VM other" muctl ps other
one=$(field call muctl ps app --json)
gives "kill kills a call" 0 "killed call $one" muctl kill "$one"
until_true run_in app 2
verdict $? "which has gone"
gives "it is not there any more" 4 "no call $one is running" muctl kill "$one"
gives "two calls killed at once, one of which is not there" 4 "no call 123456 is running" muctl kill 123456 "$(field call muctl ps app --json)"
gives "kill --vm kills the rest" 0 "killed 1 call of app" muctl kill --vm app
all_ended 137
verdict $? "each caller is told so"
gives "kill --vm of nothing is no error" 0 "killed 0 calls of app" muctl kill --vm app
gives "nor of what is not there" 4 "no VM other" muctl kill --vm other
muctl vm set app --calls 64 >/dev/null
gives "a deadline has its own status" 124 "did not end within 100 ms" muctl call app.spin --deadline 100ms
"$MUCTL" call app.spin --deadline 60s >/dev/null 2>&1 &
background="$background $!"
until_true run_in app 1
left=$(field deadline_left_us muctl ps app --json)
[ "$left" -gt 0 ] && [ "$left" -le 60000000 ]
verdict $? "ps tells how much of a deadline is left"
muctl kill --vm app >/dev/null

# Cancelling and budgets.
call_number() { field call muctl ps "$1" --json; }
calls 1 app.spin
until_true run_in app 1
gives "cancel cancels a call" 0 "cancelled call" muctl cancel "$(call_number app)"
all_ended 10
verdict $? "which ends with a status of its own"
has_line "CANCELLED" "$work/calls"
verdict $? "and says so"
calls 1 "app.tidy 7"
until_true run_in app 1
gives "a call is cancelled that catches it" 0 "" muctl cancel "$(call_number app)" --grace 60s
all_ended 0
verdict $? "it returns"
calls 1 app.stubborn
until_true run_in app 1
gives "a call is cancelled that goes on" 0 "" muctl cancel "$(call_number app)" --grace 300ms
all_ended 137
verdict $? "it is killed after its grace"
has_line "cancelled, and killed since it did not end in time" "$work/calls"
verdict $? "and its caller is told why"
calls 1 app.stubborn
until_true run_in app 1
stubborn=$(call_number app)
gives "a grace of two days is refused" 2 "a day at most" muctl cancel "$stubborn" --grace 49h
gives "a call is cancelled with a long grace" 0 "" muctl cancel "$stubborn" --grace 60s
gives "ps says so" 0 "cancelled" muctl ps app
gives "its grace is shortened" 0 "" muctl cancel "$stubborn" --grace 100ms
all_ended 137
verdict $? "and it is killed after that"
gives "a call that has gone is not cancelled" 4 "no call $stubborn is running" muctl cancel "$stubborn"
gives "a call is ended when its budget is used up" 9 "CPU_BUDGET" muctl call app.spin --cpu 50ms
gives "it is told what to do" 9 "more time with --cpu" muctl call app.stubborn --cpu 20ms
gives "a budget that is enough does not matter" 0 0 muctl call app.talk 0 --cpu 10s
gives "the time used is told" 0 '"cpu_us":' muctl call app.talk 0 --json

# Cancels and kills while calls end by themselves: each call has one end or the other.
muctl load "$examples/fib.uir" --vm race --name fib >/dev/null
: >"$work/calls"
statuses=0
for round in 1 2 3 4 5 6 7 8 9 10; do
    calls=
    for _ in 1 2 3 4; do
        "$MUCTL" call race.fib $((18 + round)) >>"$work/calls" 2>&1 &
        calls="$calls $!"
    done
    background="$background $calls"
    # Of what is listed here, some has ended when its turn comes.
    listed=$(muctl ps race | cut -f 1)
    # shellcheck disable=SC2086
    [ -z "$listed" ] || muctl cancel $listed --grace 10ms >/dev/null 2>&1
    [ $((round % 2)) -eq 0 ] || muctl kill --vm race >/dev/null || statuses=1
    for call in $calls; do
        wait "$call"
        got=$?
        [ $got -eq 0 ] || [ $got -eq 10 ] || [ $got -eq 137 ] || statuses=1
    done
done
verdict $statuses "cancels and kills that race with the ends of calls"
until_true run_in race 0
verdict $? "leave nothing behind"

# A program that makes threads as fast as it can does not outrun a kill.
cat >"$work/makers.uir" <<'END'
.typedef @stack = stackref .funcsig @v_v = () -> ()
.funcdef @spin VERSION %v1 <@v_v> { %entry(): BRANCH %again() %again(): BRANCH %again() }
.funcdef @make VERSION %v1 <@v_v> {
    %entry(): BRANCH %head()
    %head(): %s = COMMINST @uvm.new_stack <[@v_v]> (@spin) EXC(%go(%s) %head())
    %go(<@stack> %s): %t = NEWTHREAD %s PASS_VALUES <> () EXC(%head() %head())
}
END
threads_in() { muctl stats makers --json | sed 's/.*"threads":\([0-9]*\),"stacks".*/\1/'; }
has_hundreds() { [ "$(threads_in)" -ge 300 ]; }
has_none() { [ "$(threads_in)" -eq 0 ]; }
muctl vm create makers --threads 1000 >/dev/null
muctl load "$work/makers.uir" --vm makers >/dev/null
calls 1 makers.make
until_true has_hundreds
gives "ps lists threads of programs" 0 "(thread)" muctl ps makers
gives "kill --vm kills a VM that makes threads" 0 "calls of makers" muctl kill --vm makers
all_ended 137
verdict $? "its caller is told"
until_true has_none
verdict $? "no thread is left, and none comes"
calls 1 makers.make
until_true has_hundreds
gives "vm rm --force removes such a VM" 0 "removed makers" muctl vm rm makers --force
all_ended 137
verdict $? "and tells its caller"

# ------------------------------------------------------------------------------------------ output
"$MUCTL" trap attach app --resume >"$work/handler" 2>&1 </dev/null &
handler=$!
background="$background $handler"
until_true sh -c "'$MUCTL' inspect app --json | grep -q '\"handler_attached\": *true'"
gives "a call may send its events to a handler" 0 0 muctl call app.talk 3
gives "up to the limit of a VM's output" 9 "more to tell its clients than the VM's output limit of 4096 bytes" \
    muctl call app.talk 100000
muctl vm set app --output 1M >/dev/null
gives "which can be raised" 0 0 muctl call app.talk 100
kill "$handler"
wait "$handler"

# Cancelled in a trap, its handler is told that it is gone.
[ -p "$work/input" ] || mkfifo "$work/input"
sleep 600 >"$work/input" &
writer=$!
"$MUCTL" trap attach app >"$work/handler" 2>&1 <"$work/input" &
handler=$!
background="$background $handler $writer"
until_true sh -c "'$MUCTL' inspect app --json | grep -q '\"handler_attached\": *true'"
calls 1 "app.talk 3"
until_true sh -c "'$MUCTL' status --json | grep -q '\"calls_trapped\": *1'"
gives "ps says that a call is trapped" 0 "trapped" muctl ps app
gives "a call in a trap is cancelled" 0 "" muctl cancel "$(call_number app)"
all_ended 10
verdict $? "and leaves it"
gives "no trap waits any more" 0 '"calls_trapped":0' muctl status --json
kill "$handler" "$writer"
wait "$handler"

# ------------------------------------------------------------------------------------------- numbers
gives "stats shows a VM in a row" 0 "app	" muctl stats
gives "or all about it" 0 "to safepoints" muctl stats app
gives "with a histogram" 0 "#" muctl stats app --histogram
gives "of a VM that is not there there are none" 4 "no VM other" muctl stats other
[ "$(field killed muctl stats app --json)" -ge 3 ] && [ "$(field late muctl stats app --json)" -eq 1 ] &&
    [ "$(field refused muctl stats app --json)" -eq 3 ]
verdict $? "stats counts how calls ended"
output=$(muctl stats app --json | sed 's/.*"limits":{[^}]*}//' | tr ',' '\n' | sed -n 's/"output_bytes":\([0-9]*\).*/\1/p')
[ "${output:-0}" -gt 4096 ]
verdict $? "and what they sent"
gives "stats comes again with --watch" 0 "app	" muctl stats --watch 10ms --count 3
"$MUCTL" stats --watch 10s >"$work/watched" 2>&1 &
watcher=$!
until_true has_line app "$work/watched"
kill -TERM $watcher
wait $watcher
[ $? -eq 143 ]
verdict $? "until it is ended"
gives "the checker of OpenMetrics finds what is wrong" 0 texts python3 "$METRICS" --self-test
muctl stats --openmetrics >"$work/metrics"
gives "stats --openmetrics is right" 0 samples python3 "$METRICS" "$work/metrics"
for words in '^mud_vm_calls_total{vm="app",outcome="late"} 1$' '^mud_vm_stop_seconds_bucket{vm="app",le="+Inf"} [1-9]' \
    '^mud_vm_heap_limit_bytes{vm="app"} 16777216$' '^mud_vm_cpu_seconds_total{vm="app"} [0-9.]*$' 'outcome="cancelled"} 2$' '^mud_info{version="'; do
    has_line "$words" "$work/metrics"
    verdict $? "it has $words"
done
muctl stats peer --openmetrics | python3 "$METRICS" >/dev/null
verdict $? "also of one VM"

# ------------------------------------------------------------------------------------ a stopped world
timeout 100 "$CALM_PROBER" "$socket" >"$work/probe" 2>&1
verdict $? "requests to a VM whose world is stopped are put off, in their order"
sed 's/^/# /' "$work/probe"

# ------------------------------------------------------------------------------------------ many VMs
timeout 100 "$VM_CROWD" "$socket" 2500 >"$work/crowd" 2>&1
verdict $? "2,500 VMs are listed in several replies"
sed 's/^/# /' "$work/crowd"
until_true few_vms
verdict $? "and are removed"
timeout 100 "$VM_CROWD" "$socket" 1100 keep >/dev/null 2>&1
[ "$(muctl vm ls | wc -l)" -eq 1103 ] && [ "$(muctl ls | wc -l)" -eq 1103 ] && [ "$(muctl stats | wc -l)" -eq 1103 ]
verdict $? "muctl puts the replies together"
muctl stats --openmetrics | python3 "$METRICS" >/dev/null
verdict $? "also as metrics"

gives "vm rm removes" 0 "removed peer" muctl vm rm peer
calls 1 app.spin
until_true run_in app 1
gives "vm rm refuses while calls run" 5 "" muctl vm rm app
gives "vm rm --force kills them" 0 "removed app" muctl vm rm app --force
all_ended 137
verdict $? "and they are told"

kill -TERM "$mud_pid"
wait "$mud_pid"
verdict $? "mud ends"
conclude
