#!/bin/sh
# gdb names the frame of installed code and walks through it to its caller: from a callee, and from each
# of its first instructions, while there is no frame yet. Skipped (77) where gdb is missing or may not trace.
# usage: gdb_backtrace.sh SCRIPT TARGET
command -v gdb >/dev/null || { echo "gdb is not installed"; exit 77; }
output=$(gdb -nx -batch -x "$1" "$2" 2>&1)
case $output in
*"ptrace: Operation not permitted"*) echo "gdb may not trace here"; exit 77 ;;
esac
echo "$output"
callers=$(echo "$output" | grep -A1 '^#[01] .* in @example\.v1' | grep -c '^#[12] .* in main ')
[ "$callers" -eq 4 ]
