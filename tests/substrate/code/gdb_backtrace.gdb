# Backtraces from a callee of installed code, then from each of its instructions of the next call: stepping,
# since the memory takes no software breakpoints.
set pagination off
set debuginfod enabled off
break gdb_target_stop
run
bt
set $entry = (unsigned long) &'@example.v1'
set $steps = 0
while $pc != $entry && $steps < 200
  stepi
  set $steps = $steps + 1
end
bt
stepi
bt
stepi
bt
