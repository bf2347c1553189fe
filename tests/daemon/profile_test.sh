#!/bin/sh
# Profiles, and what perf is told, of a real mud. Usage: profile_test.sh BUILD_FOLDER. Prints as system_test.sh does.
set -u
build=$(cd "${1:?the build folder}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"

cat >"$work/costs.uir" <<'END_OF_BUNDLE'
.typedef @i64 = int<64> .const @n0 <@i64> = 0 .const @n1 <@i64> = 1
.const @some <@i64> = 20000 .const @many <@i64> = 100000 .funcsig @v_v = () -> ()
.funcdef @light VERSION %v1 <@v_v> { %entry(): BRANCH %head(@some)
    %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)
    %done(): RET ()
    %on(<@i64> %n): %m = SUB <@i64> %n @n1 BRANCH %head(%m) }
.funcdef @heavy VERSION %v1 <@v_v> { %entry(): BRANCH %head(@many)
    %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)
    %done(): RET ()
    %on(<@i64> %n): %m = SUB <@i64> %n @n1 BRANCH %head(%m) }
.funcdef @main VERSION %v1 <@v_v> { %entry(): BRANCH %again()
    %again(): CALL <@v_v> @light () CALL <@v_v> @heavy () BRANCH %again() }
END_OF_BUNDLE
cd "$work" || exit 1

call_in() { # VM: a call that does not end by itself, in the background
    "$MUCTL" call "$1.main" >/dev/null 2>&1 &
    background="$background $!"
    until_true sh -c "'$MUCTL' inspect $1 --json | grep -q '\"calls_running\": *1'"
}
# Samples of a stack in a file of folded stacks.
samples() { sed -n "s/^$2 \([0-9]*\)\$/\1/p" "$1" | head -1; }
is_busier() { # FILE: @heavy has more samples than @light, which has some
    light=$(samples "$1" '@main.v1;@light.v1')
    heavy=$(samples "$1" '@main.v1;@heavy.v1')
    [ "${light:-0}" -gt 0 ] && [ "${heavy:-0}" -gt "$light" ]
}
profiled() { "$MUCTL" profile "$1" --seconds 60 --output "$2" >"$work/$2.said" 2>&1 & }
is_profiled() { muctl profile "$1" --seconds 0.001 --json 2>&1 | grep -q "is being profiled already"; }

start_mud
verdict $? "mud starts"
muctl load costs.uir >/dev/null
verdict $? "a program is loaded"

# ------------------------------------------------------------------------------------ what is written
gives "a VM that does nothing has no samples" 0 "no samples in 0.1s: no call or thread of costs ran" muctl profile costs --seconds 0.1
[ ! -e costs.svg ] && [ ! -e costs.folded ]
verdict $? "and nothing is written"
call_in costs
gives "a profile says which functions were innermost" 0 "@heavy.v1" muctl profile costs --seconds 1
is_busier costs.folded
verdict $? "the folded stacks have both functions, the busier one with more samples"
python3 - <<'END_OF_CHECK'
import xml.dom.minidom
svg = xml.dom.minidom.parse("costs.svg")
titles = [title.firstChild.data for title in svg.getElementsByTagName("title")]
for name in "all", "@main.v1", "@light.v1", "@heavy.v1":
    assert any(title.startswith(name + " (") for title in titles), name
bars = [rect for rect in svg.getElementsByTagName("rect") if rect.hasAttribute("x")]
assert len(bars) == len(titles)
assert all(float(bar.getAttribute("x")) + float(bar.getAttribute("width")) <= 1190.1 for bar in bars)
END_OF_CHECK
verdict $? "the flame graph is XML, with a bar and a title for each"
gives "folded stacks come on standard output" 0 "@main.v1;@heavy.v1 " muctl profile costs --seconds 0.5 --output -
gives "lines are told when that is wanted" 0 ";@heavy.v1 (costs.uir:10) " muctl profile costs --seconds 0.5 --lines --output -
gives "a name decides what is written" 0 "wrote only.svg" muctl profile costs --seconds 0.1 --output only.svg
[ -e only.svg ] && [ ! -e only.folded ]
verdict $? "the graph alone"
gives "or the stacks" 0 "wrote only.folded" muctl profile costs --seconds 0.1 --output only.folded
gives "or both" 0 "wrote both.svg and both.folded" muctl profile costs --seconds 0.1 --output both
rm -f costs.svg costs.folded
gives "JSON has the stacks" 0 '{"frames":["@main.v1","@heavy.v1"],"samples":' muctl profile costs --seconds 0.5 --json
[ ! -e costs.svg ] && [ ! -e costs.folded ]
verdict $? "and writes no files"
gives "the rate is that which was asked for" 0 '"ticks":' muctl profile costs --seconds 0.5 --hz 20 --json
ticks=$(echo "$output" | sed 's/.*"ticks":\([0-9]*\).*/\1/')
[ "$ticks" -ge 1 ] && [ "$ticks" -le 11 ]
verdict $? "no more often"

# -------------------------------------------------------------------------------------------- errors
gives "no VM of the name" 4 "no VM other" muctl profile other --seconds 1
gives "a rate of 0" 2 "is not a rate" muctl profile costs --hz 0
gives "a rate that is too high" 2 "from 1 to 10000 samples a second" muctl profile costs --hz 10001
gives "no time at all" 2 "is not a number of seconds" muctl profile costs --seconds 0
gives "more than an hour" 2 "is not a number of seconds" muctl profile costs --seconds 3601
gives "what is no number" 2 "is not a number of seconds" muctl profile costs --seconds 5s
gives "a file that cannot be written" 1 "cannot write \"/nonexistent/x.svg\"" muctl profile costs --seconds 0.1 --output /nonexistent/x.svg
gives "standard output for two things" 2 "cannot both be on standard output" muctl profile costs --output - --json

# ------------------------------------------------------------------------------- one at a time, and ends
profiled costs early.folded
early=$!
background="$background $early"
until_true is_profiled costs
gives "a second profile of a VM is refused" 5 "VM costs is being profiled already" muctl profile costs
sleep 0.5
kill -INT $early
wait $early
verdict $? "a profile that is interrupted ends early"
is_busier early.folded
verdict $? "and writes what there is"
profiled costs left.folded
left=$!
until_true is_profiled costs
kill -KILL $left
wait $left 2>/dev/null
until_true sh -c "'$MUCTL' profile costs --seconds 0.01 --json"
verdict $? "a client that goes leaves no profile behind"
pids=
for vm in one two three four; do
    muctl load costs.uir --vm $vm >/dev/null
    profiled $vm $vm.folded
    pids="$pids $!"
    until_true is_profiled $vm
done
background="$background $pids"
gives "a fifth VM at once is refused" 9 "4 VMs are being profiled already" muctl profile costs
gives "a VM that is profiled is removed" 0 "removed one" muctl rm one
until_true has_line "VM one was removed while it was profiled" one.folded.said
verdict $? "whose profile ends with an error"
gives "another has its place" 0 '"samples":' muctl profile costs --seconds 0.1 --json
gives "mud stops, with profiles under way" 0 "shutting down" muctl shutdown --now
until_true is_gone "$mud_pid"
verdict $? "and is gone"
for pid in $pids; do
    wait "$pid"
    [ $? -eq 10 ]
    verdict $? "a client was told that its profile is cancelled"
done

# ---------------------------------------------------------------------------------------------- perf
export MU_JITDUMP=1
start_mud
dump=/tmp/jit-$mud_pid.dump
muctl load costs.uir >/dev/null
perf record -o "$work/perf.data" -k mono -g -p "$mud_pid" >"$work/recorded" 2>&1 &
recorder=$!
background="$background $recorder"
sleep 0.5
call_in costs
sleep 0.5
grep -q '@heavy\.v1' "$dump" && grep -q 'costs\.uir' "$dump"
verdict $? "mud writes a dump with names and files of compiled code"
kill -INT $recorder 2>/dev/null
wait $recorder
if [ -s "$work/perf.data" ] && perf inject --jit -i "$work/perf.data" -o "$work/perf.jit.data" 2>/dev/null; then
    perf report -i "$work/perf.jit.data" --stdio -g none -s sym,srcline --no-children >"$work/report" 2>/dev/null
    has_line '@heavy\.v1 *costs\.uir:10' "$work/report"
    verdict $? "perf shows its functions with their lines"
else
    echo "# perf is not here, or may not record: $(head -1 "$work/recorded")"
fi
muctl shutdown --now >/dev/null
until_true is_gone "$mud_pid"
rm -f "$dump" "/tmp/jitted-$mud_pid-"*
mud_pid=

conclude
