#!/bin/sh
# Drives a real mud with real clients, well-behaved and not. Usage: system_test.sh BUILD_FOLDER
# Prints a line a check, "ok - …" or "not ok - …"; the exit status is 0 when all are ok. MUD, MUCTL, PROBER
# and CONTEXT_PROBER may name other programs.
set -u
build=${1:?the build folder}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
PROBER=${PROBER:-$build/tests/daemon/socket_prober}
CONTEXT_PROBER=${CONTEXT_PROBER:-$build/tests/daemon/context_prober}

serves() { gives "mud still serves $1" 0 21 muctl call gcd.gcd 1071 462; }

handler_attached() { muctl inspect traps --json | grep -q '"handler_attached": *true'; }
no_handler() { muctl inspect traps --json | grep -q '"handler_attached": *false'; }

# attach ARG...: a handler of the VM traps in the background; its pid is in $handler.
attach() {
    until_true no_handler
    "$MUCTL" trap attach traps "$@" >"$work/handler" 2>&1 </dev/null &
    handler=$!
    background="$background $handler"
    until_true handler_attached
}

# The same, but it is asked for answers and gives none.
attach_silent() {
    until_true no_handler
    [ -p "$work/input" ] || mkfifo "$work/input"
    sleep 600 >"$work/input" &
    writer=$!
    "$MUCTL" trap attach traps "$@" >"$work/handler" 2>&1 <"$work/input" &
    handler=$!
    background="$background $handler $writer"
    until_true handler_attached
}

trapped() { muctl status --json | grep -q '"calls_trapped": *[1-9]'; }
running() { muctl status --json | grep -q '"calls_running": *[1-9]'; }
no_contexts() { muctl status --json | grep -q '"contexts": *0[,}]'; }
nothing_runs() { muctl status --json | grep -q '"calls_running": *0'; }

# ------------------------------------------------------------------------------------ plain use
start_mud
verdict $? "mud starts and makes its socket's folder"
mode=$(stat -c %a "$work/run" "$socket" | tr '\n' ' ')
[ "$mode" = "700 600 " ]
verdict $? "folder and socket are for their owner only"

gives "a bundle loads" 0 "gcd@1  " muctl load "$examples/gcd.uir"
gives "replies are JSON on request" 0 '"version":1,' muctl load "$examples/gcd.uir" --vm other --name gcd --json
gives "a call returns its result" 0 21 muctl call gcd.gcd 1071 462
gives "hexadecimal arguments are read" 0 21 muctl call gcd.gcd 0x42f 0x1ce
gives "a wrong argument shows the signature" 2 '@gcd takes (int<64> int<64>) -> (int<64>); argument 2 "x" is not an int<64>' \
    muctl call gcd.gcd 1071 x
gives "a missing argument shows the signature" 2 "@gcd takes (int<64> int<64>)" muctl call gcd.gcd 1071
gives "an unknown function is not found" 4 "nothing" muctl call gcd.nothing
gives "an unknown VM is not found" 4 "nowhere" muctl call nowhere.gcd 1 2
gives "a bundle of larger values loads" 0 "values@1" muctl load "$examples/values.uir"
gives "a vector is given and shown" 0 "{3, 4, -6, 8}" muctl call values.scale "{1.5, 2, -3, 4}" 2
gives "arrays and structs are, too" 0 "{1.5, 2.5}" muctl call values.midpoint "{{0, 0}, {3, 5}}"
gives "an int<128> is a number" 0 -121932631124828532111263526900 \
    muctl call values.product 12345678901234567890 -9876543210
gives "a value is shown in JSON" 0 '"type":"struct<double double>","value":"{1.5, 2.5}"' \
    muctl call values.midpoint "{{0, 0}, {3, 5}}" --json
gives "a wrong part is refused with its place" 2 'argument 1 of @scale at byte 7: "x, 4}"' \
    muctl call values.scale "{1, 2 x, 4}" 2
gives "a missing part is refused" 2 "which has more parts" muctl call values.scale "{1, 2, 3}" 2
gives "a reference is refused" 2 "no other reference can be given" muctl call values.ask "{1, ref}"
printf 'this is no bundle' >"$work/broken.uir"
gives "a broken bundle is refused with its place" 7 "broken.uir:1:" muctl load "$work/broken.uir"
gives "a refused bundle leaves no VM" 4 "broken" muctl inspect broken
gives "ls shows VM and bundle" 0 "gcd" muctl ls
gives "inspect shows signatures" 0 "(int<64> int<64>) -> (int<64>)" muctl inspect gcd
gives "run needs no VM of its own" 0 42 muctl run "$examples/main.uir"
gives "an uncaught exception has its own status" 8 "" muctl run "$examples/exceptions.uir" --call careless -- -5
gives "a full stack is a limit" 9 "" muctl run "$examples/exceptions.uir" --call deep
gives "a deadline ends an endless call" 124 "" muctl run "$examples/fib.uir" --call forever --timeout 100ms
gives "redefining: the first version" 0 "greeter@1  " muctl load "$examples/redefine_1.uir" --name greeter
gives "redefining: before" 0 1 muctl call greeter.ask
gives "redefining: the second version" 0 "greeter@2  " muctl load "$examples/redefine_2.uir" --name greeter
gives "redefining: after" 0 2 muctl call greeter.ask
muctl load "$examples/shapes.uir" >/dev/null
gives "what a bundle declares is empty at first" 0 0 muctl call shapes.total
gives "a HAIL script loads like a bundle" 0 "figures@1  " muctl load "$examples/shapes.hail" --vm shapes --name figures
gives "a function reads what it initialised" 0 62 muctl call shapes.total
muctl gc shapes >/dev/null
gives "so it does after a collection" 0 62 muctl call shapes.total
gives "inspect lists the script with no functions" 0 '"functions":0' sh -c "'$MUCTL' inspect shapes --json | tr -d ' '"
gives "run loads bundle and script" 0 62 muctl run "$examples/shapes.uir" "$examples/shapes.hail" --call total
printf '.new $x <@Shape>\n.init $x = {NULL\n  1.5d 4} .init @shapes = NULL\n' >"$work/broken.hail"
gives "a wrong script is refused with its place" 7 "broken.hail:3:3: INVALID: a location of type int<64>" \
    muctl load "$work/broken.hail" --vm shapes
gives "and has done nothing" 0 62 muctl call shapes.total
gives "a script by itself finds no names" 7 "undefined name @Class" muctl load "$examples/shapes.hail" --vm alone
gives "and leaves no VM" 4 "alone" muctl inspect alone
printf '.newhybrid $x <@List> 1000000000000\n' >"$work/large.hail"
gives "an object that does not fit is a limit" 9 "\$x does not fit in the VM's heap" \
    muctl load "$work/large.hail" --vm shapes
muctl load "$examples/watchpoint.uir" >/dev/null
gives "a disabled watchpoint is passed" 0 55 muctl call watchpoint.sum 10
gives "watch enables watchpoints" 0 "enabled watchpoint 8 of watchpoint" muctl watch watchpoint 7 8
gives "an enabled watchpoint traps" 5 "trap @sum.v1.again.step" muctl call watchpoint.sum 10
gives "an enabled watchpoint branches" 0 1 muctl call watchpoint.mode
gives "another VM of the same text is not concerned" 0 55 \
    muctl run "$examples/watchpoint.uir" --call sum -- 10
gives "unwatch disables them" 0 "disabled watchpoint 7 of watchpoint" muctl unwatch watchpoint 7 8
gives "a disabled watchpoint is passed again" 0 55 muctl call watchpoint.sum 10
gives "a disabled watchpoint does not branch" 0 0 muctl call watchpoint.mode
gives "watching needs a VM" 4 "" muctl watch nowhere 7
"$MUCTL" trap attach watchpoint --resume --count 1 --json >"$work/watcher" 2>&1 </dev/null &
watcher=$!
"$MUCTL" call watchpoint.spin >"$work/spin" 2>&1 &
spin=$!
background="$background $watcher $spin"
until_true running
gives "a watchpoint is enabled while a call runs" 0 "" muctl watch watchpoint 9
wait $spin
verdict $? "the call has come to it"
wait $watcher
gives "its trap told the id" 0 '"trap":"@spin.v1.again.turn","wp":9' cat "$work/watcher"
muctl rm watchpoint >/dev/null
gives "gc is answered" 0 "" muctl gc gcd
gives "rm removes" 0 "" muctl rm greeter
gives "what was removed is gone" 4 "" muctl call greeter.ask
gives "the private VMs of run are gone" 1 "" sh -c "'$MUCTL' ls | grep -q '~'"

# ------------------------------------------------------------------------------------ two clients
muctl load "$examples/fib.uir" >/dev/null
"$MUCTL" call fib.forever >"$work/forever" 2>&1 &
forever=$!
background="$background $forever"
until_true running
serves "while a call of another client runs"
gives "rm refuses while calls run" 5 "" muctl rm fib
gives "rm --force kills them" 0 "" muctl rm fib --force
wait $forever
gives "a killed call has its own status" 137 "" sh -c "exit $?"

# ------------------------------------------------------------------------------------------- code
gives "disasm shows an instruction" 0 "= UREM <@i64>" muctl disasm gcd.gcd
gives "and the machine code that it became" 0 "div rsi" muctl disasm gcd.gcd
gives "also as JSON" 0 '"text":"div rsi"' muctl disasm gcd.gcd --json
gives "a VM without calls has no backtrace" 0 "" muctl bt gcd
gives "a function that is not there has no code" 4 "no function nobody" muctl disasm gcd.nobody
# A program that makes threads which fail, as fast as it can.
cat >"$work/failing.uir" <<'END'
.typedef @void = void .typedef @ref = ref<@void> .typedef @stack = stackref .const @null <@ref> = NULL
.funcsig @v_v = () -> ()
.funcdef @fails VERSION %v1 <@v_v> { %entry(): THROW @null }
.funcdef @make VERSION %v1 <@v_v> {
    %entry(): BRANCH %head()
    %head(): %s = COMMINST @uvm.new_stack <[@v_v]> (@fails) EXC(%go(%s) %head())
    %go(<@stack> %s): %t = NEWTHREAD %s PASS_VALUES <> () EXC(%head() %head())
}
END
muctl load "$work/failing.uir" >/dev/null
gives "failing threads do not keep mud from ending their maker" 124 "" muctl call failing.make --timeout 500ms
[ "$(grep -c 'of VM failing, begun with @fails' "$work/log")" -eq 10 ]
verdict $? "the log has ten of their errors"
muctl rm failing >/dev/null

# ------------------------------------------------------------------------------------------ traps
muctl load "$examples/traps.uir" >/dev/null
gives "a trap without a handler is an error that says what to do" 5 "trap attach traps" muctl call traps.ask 7
gives "a function that is only declared has no code" 5 "no version of it is loaded" muctl disasm traps.missing
gives "so is an undefined function" 5 "@missing" muctl call traps.calls_missing 7
gives "a logged trap is a line of JSON, and the call goes on" 0 '"trap":"@ask.v1.entry.question"' \
    muctl run "$examples/traps.uir" --call ask --log-traps -- 7
attach --resume 100 --count 1
gives "a second handler is refused" 5 "" muctl trap attach traps --resume 1
gives "a handler resumes with a value" 0 107 muctl call traps.ask 7
wait "$handler"
verdict $? "the handler ends after its traps"
has_line "question" "$work/handler"
verdict $? "it has shown the trap's name"
attach --resume 3 2.5 --count 1
gives "a handler gives several results" 0 2.5 muctl call traps.ask_two 7
wait "$handler"
attach --throw null --count 1
gives "a handler throws into a guarded trap" 0 -1 muctl call traps.guarded 7
wait "$handler"
attach --throw null --count 1
gives "a handler throws into an unguarded trap" 8 "" muctl call traps.ask 7
wait "$handler"
muctl rm traps >/dev/null
muctl load "$examples/values.uir" --vm traps --name values >/dev/null
printf 'resume {7} \nresume {7,  null}\n' | "$MUCTL" trap attach traps --count 1 >"$work/handler" 2>&1 &
handler=$!
until_true handler_attached
gives "a handler answers with a larger value" 0 "{7, null}" muctl call traps.ask "{1, null}"
wait "$handler"
has_line "{1, null}" "$work/handler" && has_line "which has more parts" "$work/handler"
verdict $? "of which it has seen one, and is told what is wrong with an answer"
attach --resume "{8, null}" --count 1
gives "so it does by its options" 0 "{8, null}" muctl call traps.ask "{1, null}"
wait "$handler"
muctl rm traps >/dev/null
muctl load "$examples/traps.uir" >/dev/null
until_true no_handler
printf 'pop 1 push @ask_two resume 8\npop 9 resume\npop 1 push @nobody resume\npop 1 push @sum_rest resume 10 5 8\n' |
    "$MUCTL" trap attach traps --count 1 >"$work/handler" 2>&1 &
handler=$!
until_true handler_attached
gives "a handler puts another function in the place of the one that trapped" 0 28 muctl call traps.sum_slowly 8
wait "$handler"
[ "$(grep -c "mud refused the answer" "$work/handler")" -eq 3 ]
verdict $? "after answers that do not fit, which change nothing"
attach --kill --count 1
gives "a handler kills the call" 137 "" muctl call traps.ask 7
wait "$handler"

attach --throw null --count 1
gives "a handler throws into an undefined function" 8 "" muctl call traps.calls_missing 7
wait "$handler"
attach_silent --count 1
"$MUCTL" call traps.calls_missing 7 >"$work/asked" 2>&1 &
asked=$!
until_true trapped
muctl load "$examples/missing.uir" --vm traps --name missing >/dev/null
echo resume >"$work/input"
wait $asked && has_line 70 "$work/asked"
verdict $? "a handler defines an undefined function, and the call is made again"
wait "$handler"
kill "$writer"

# -------------------------------------------------------------------------- a handler at its prompt
lists=$examples/inspected.uir
muctl load "$lists" >/dev/null
handler_of() { muctl inspect inspected --json | grep -q "\"handler_attached\": *$1"; }
# inspect ARG...: a handler of the VM `inspected`, which reads the commands from standard input.
inspect() {
    until_true handler_of false
    "$MUCTL" trap attach inspected --count 1 "$@" >"$work/handler" 2>&1 <"$work/commands" &
    handler=$!
    background="$background $handler"
    until_true handler_of true
}
# shows TEXT...: the handler has printed these lines, one after the other.
shows() {
    printf '%s\n' "$@" >"$work/wanted"
    tr '\n' '\001' <"$work/handler" | grep -qF "$(tr '\n' '\001' <"$work/wanted")"
    found=$?
    verdict $found "it showed: $*"
    [ $found -eq 0 ] || sed 's/^/# it said: /' "$work/handler"
}
: >"$work/commands"
inspect --do 'print list; print list.1.0' --do 'set list.1.0 -7; print list.1; collect; print @last.1.0; print 1:list.0' \
    --do "load $examples/inspected_2.uir; pop 1; push @product; resume list 2"
gives "a handler walks a list, changes it, loads code and goes on with that" 0 -42 muctl call inspected.main
wait "$handler"
verdict $? "its commands succeed"
shows 'list: ref<@Node>' '  .0: int<64> 3' '  .1: ref<@Node>' 'list.1.0: int<64> 2' 'list.1.0: int<64> -7' \
    'list.1: ref<@Node>' '  .0: int<64> -7' '  .1: ref<@Node>' 'collected inspected' '@last.1.0: int<64> -7' '1:list.0: int<64> 3'
shows '       @main.v1.entry.list = ref<@Node>' '  #0 @product'
cat >"$work/commands" <<'END'
print nobody
print list.7
print list.1.1.1.0
set list.0 x
set list 5
set list.0
pop 9
push @nobody
throw list.0
resume 1 2
pop 1 push @product resume 1
pop 1 push @nobody resume 1
pop 1 push @product resume null x
nonsense
bt
pop 1 push @product resume null 11
END
inspect
gives "after all that is wrong, the trap is as it was" 0 11 muctl call inspected.main
wait "$handler"
for words in 'no frame keeps anything named "nobody"' 'struct<int<64> ref<@Node>> has 2 fields' \
    'goes through a reference that is NULL' '"x", expected a value of int<64>' '"5", expected a value of struct<' \
    'set wants more arguments' '9 frames cannot be popped: there are 2' 'nothing has the name @nobody' \
    'expected a ref as the exception' 'mud refused the answer: 1 values are waited for; 2 were given' \
    'mud refused the answer: 2 values are waited for; 1 were given' 'mud refused the answer: no function @nobody to push' \
    'value 2 "x" is not an int<64>' 'that is no command'; do
    has_line "$words" "$work/handler"
    verdict $? "it was told: $words"
done
: >"$work/commands"
inspect --do 'set list.0 100; throw list'
gives "a handler throws an object that it has changed" 8 "" muctl call inspected.main
wait "$handler"
inspect --do 'threadlocal list; threadlocal; exit'
gives "a handler ends the thread" 0 "" muctl call inspected.main
wait "$handler"
shows 'threadlocal: ref<void>' 'threadlocal: ref<void>'
inspect --do 'start @remember list; resume 1'
gives "a handler begins a thread" 0 1 muctl call inspected.main
wait "$handler"
shows 'started @remember'
gives "which has run" 0 3 sh -c "for i in 1 2 3 4 5 6 7 8 9 10; do '$MUCTL' call inspected.remembered; sleep 0.05; done | tail -1"
inspect --do 'resume list.1.0'
gives "a handler resumes with what an object holds" 0 2 muctl call inspected.main
wait "$handler"
inspect --do 'pop 1; kill'
gives "a handler kills the call whose stack it has changed" 137 "" muctl call inspected.main
wait "$handler"
inspect --on-disconnect resume --do 'pop 1; detach'
gives "one that leaves a changed stack behind kills the call" 137 "its stack changed" muctl call inspected.main
wait "$handler"
inspect --do 'print list.9; resume 1' --on-disconnect throw
gives "a script that fails leaves the trap to mud" 8 "" muctl call inspected.main
wait "$handler"
got=$?
[ $got -eq 2 ]
verdict $? "and has the error's status"
muctl rm inspected >/dev/null

for policy in resume throw kill; do
    case $policy in
    resume) status=0 wanted=7 ;;
    throw) status=8 wanted="" ;;
    kill) status=137 wanted="" ;;
    esac
    attach_silent --on-disconnect $policy
    "$MUCTL" call traps.ask 7 >"$work/asked" 2>&1 &
    asked=$!
    until_true trapped
    kill -9 "$handler"
    wait $asked
    got=$?
    kill "$writer"
    [ $got -eq $status ] && has_line "$wanted" "$work/asked"
    verdict $? "a handler dies in a trap: $policy"
done

attach_silent
"$MUCTL" call traps.ask 7 --timeout 300ms >"$work/asked" 2>&1
got=$?
[ $got -eq 124 ]
verdict $? "a deadline ends a call that waits in a trap"
kill "$handler" "$writer"
wait "$handler"
until_true no_handler

# --------------------------------------------------------------------------------- dying clients
muctl load "$examples/fib.uir" >/dev/null
"$MUCTL" call fib.forever >/dev/null 2>&1 &
victim=$!
until_true running
kill -9 $victim
until_true nothing_runs
verdict $? "a client dies in a call, which ends"
serves "after that"

"$PROBER" half-upload "$socket" >"$work/probe" &
victim=$!
until_true has_line uploading "$work/probe"
kill -9 $victim
gives "a client dies in an upload, which leaves nothing" 4 "" muctl inspect half
serves "after that"

attach_silent
"$MUCTL" call traps.ask 7 >/dev/null 2>&1 &
victim=$!
until_true trapped
gives "bt shows the call and where it is" 0 "of @ask: trapped" muctl bt traps
gives "with its frames" 0 "@ask.v1.entry.question" muctl bt traps
gives "also as JSON" 0 '"state":"trapped"' muctl bt traps --json
kill -9 $victim
until_true nothing_runs
verdict $? "a client dies in a trapped call, which ends"
kill "$handler" "$writer"
wait "$handler"
serves "after that"

# ----------------------------------------------------------------------------------- bad manners
for manner in garbage garbage-frame long-frame wrong-version silence pipeline flood; do
    timeout 60 "$PROBER" $manner "$socket" >/dev/null
    verdict $? "a client's $manner is answered properly"
done
serves "after that"
"$PROBER" deafness "$socket" >"$work/probe" &
victim=$!
background="$background $victim"
until_true has_line blocked "$work/probe"
verdict $? "a client that never reads is not read from either"
serves "while it is there"
kill -9 $victim

# -------------------------------------------------------------------------------------- contexts
for manner in operations closing limits long-texts cycles removal threads trap lost-trap trap-storm many-traps; do
    timeout 200 "$CONTEXT_PROBER" $manner "$socket" >"$work/probe" 2>&1
    verdict $? "contexts: $manner"
    sed 's/^/# /' "$work/probe"
done
gives "inspect counts contexts" 0 "contexts 0 with 0 handles" muctl inspect operations
serves "after that"

# dies_at WORD MANNER: a client with contexts in the background, which has come to the word; its pid is in $victim.
dies_at() {
    "$CONTEXT_PROBER" "$2" "$socket" >"$work/probe" 2>&1 &
    victim=$!
    background="$background $victim"
    until_true has_line "$1" "$work/probe"
}
dies_at working death-at-work
kill -9 $victim
until_true no_contexts
verdict $? "a client dies in a batch with others behind it; its context goes"
serves "after that"

dies_at attached death-in-trap
muctl call death-in-trap.outer 10 >"$work/asked" 2>&1 &
asked=$!
until_true has_line trapped "$work/probe"
gives "bt says that the call is in a trap" 0 "trapped" muctl bt death-in-trap
kill -9 $victim
wait $asked
got=$?
[ $got -eq 137 ] && has_line "trap handler has gone" "$work/asked"
verdict $? "a client dies in a trap with a context; the call is killed as it said"
until_true no_contexts
verdict $? "and the trap's context goes"
serves "after that"

# ------------------------------------------------------------------------------------ the grant native
cat >"$work/native.uir" <<'END'
.typedef @i64 = int<64>
.typedef @ref = ref<@i64>
.typedef @ptr = uptr<@i64>
.const @answer <@i64> = 42
.funcsig @main.sig = () -> (@i64)
.funcdef @main VERSION %v1 <@main.sig> {
    %entry():
        %r = NEW <@i64>
        %p = COMMINST @uvm.native.pin <@ref> (%r)
        STORE PTR <@i64> %p @answer
        %i = GETIREF <@i64> %r
        %x = LOAD <@i64> %i
        RET %x
}
END
gives "a bundle with pointers is refused without the grant" 6 "native" muctl load "$work/native.uir"
gives "the grant is not given by a mud that was not told to" 6 "--allow-native" \
    muctl load "$work/native.uir" --grant native
gives "a run does not get it either" 6 "--allow-native" muctl run "$work/native.uir" --grant native
gives "no VM is left of them" 4 "native" muctl inspect native
gives "another grant is wrong usage" 2 "there is no grant" muctl run "$work/native.uir" --grant root
gives "a private mud gives it to its own muctl" 0 42 env -u MUD_HOST "XDG_RUNTIME_DIR=$work/nothing" "MUD_BIN=$MUD" \
    timeout 60 "$MUCTL" run "$work/native.uir" --grant native

# ------------------------------------------------------------------------------------ one socket
gives "a second mud is refused and told the first one's pid" 1 "pid $mud_pid" "$MUD" --socket "$socket"
gives "an unknown option is refused" 2 "no such option" "$MUD" --nonsense
kill -9 "$mud_pid"
wait "$mud_pid" 2>/dev/null
[ -S "$socket" ]
verdict $? "a killed mud leaves its socket"
start_mud --allow-native
verdict $? "the next mud replaces it"
gives "a mud with --allow-native gives the grant" 0 42 muctl run "$work/native.uir" --grant native
gives "to those who ask for it" 6 "native" muctl run "$work/native.uir"
gives "a VM is made with it" 0 "native@1" muctl load "$work/native.uir" --grant native
gives "and runs with it" 0 42 muctl call native.main
muctl load "$examples/gcd.uir" >/dev/null
gives "a VM without it does not get it later" 5 "without the grant" \
    muctl load "$work/native.uir" --vm gcd --grant native

# -------------------------------------------------------------------------------------- shutting down
muctl load "$examples/fib.uir" >/dev/null
"$MUCTL" call fib.forever --timeout 1500ms >/dev/null 2>&1 &
call=$!
until_true running
kill -TERM "$mud_pid"
wait $call
got=$?
[ $got -eq 124 ]
verdict $? "SIGTERM lets a running call come to its end"
wait "$mud_pid"
verdict $? "then mud exits with status 0"
[ ! -e "$socket" ] && [ ! -e "$socket.lock" ]
verdict $? "and its socket is gone"

start_mud
muctl load "$examples/fib.uir" >/dev/null
"$MUCTL" call fib.forever >/dev/null 2>&1 &
call=$!
until_true running
kill -TERM "$mud_pid"
sleep 0.2
kill -TERM "$mud_pid"
wait "$mud_pid"
verdict $? "a second SIGTERM does not wait for calls"
wait $call
got=$?
[ $got -eq 137 ] || [ $got -eq 3 ]
verdict $? "they are killed"

start_mud
dies_at working death-at-work
kill -TERM "$mud_pid"
wait "$mud_pid"
verdict $? "SIGTERM ends a mud with contexts at work"
kill -9 $victim

start_mud
dies_at attached death-in-trap
"$MUCTL" call death-in-trap.outer 10 >/dev/null 2>&1 &
call=$!
until_true has_line trapped "$work/probe"
kill -TERM "$mud_pid"
sleep 0.2
kill -TERM "$mud_pid"
wait "$mud_pid"
verdict $? "a second SIGTERM ends one whose call is in a trap with a context"
wait $call
got=$?
[ $got -eq 137 ] || [ $got -eq 3 ]
verdict $? "which is killed"
kill -9 $victim

mkfifo "$work/stdin"
"$MUD" --socket "$socket" --private <"$work/stdin" 2>>"$work/log" &
mud_pid=$!
exec 9>"$work/stdin"
until_true muctl status
gives "a private mud serves" 0 42 muctl run "$examples/main.uir"
exec 9>&-
until_true is_gone "$mud_pid"
verdict $? "a private mud ends with its standard input"

conclude
