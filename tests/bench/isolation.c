/* What VMs that take all they can get cost another one: latencies of its calls, alone,
 * beside each of them, beside four, and beside all: the last has hundreds of threads that loop.
 *
 *   mud --socket ./m.sock &   isolation ./m.sock [SECONDS]
 *
 * In parentheses is by how much pauses of this program were too long, at the 99th percentile: what
 * a busy machine adds. Aim: the 99th percentile beside all of them within twice that alone and one
 * slice of 5 ms. */
#include "offenders.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICE_MS 5.0

static void print(const char *beside, const call_latencies *seen)
{
    printf("%-24s %8llu calls: median %8.3f ms, p99 %8.3f ms, longest %8.3f ms (the machine "
           "itself: %.3f ms)\n",
           beside, (unsigned long long)seen->calls, seen->median_ms, seen->p99_ms, seen->longest_ms,
           seen->late_ms);
    fflush(stdout);
}

static call_latencies beside(const char *socket, double seconds, offender_kind first,
                             offender_kind end)
{
    offender *started[OFFENDER_COUNT];
    for (int kind = (int)first; kind < (int)end; kind++) {
        started[kind] = offender_start(socket, (offender_kind)kind);
    }
    call_latencies seen = measure_calls(socket, seconds);
    for (int kind = (int)first; kind < (int)end; kind++) {
        offender_record record = offender_stop(started[kind]);
        printf("  %s: %llu rounds%s%s\n", offender_name((offender_kind)kind),
               (unsigned long long)record.rounds, record.complaint[0] ? "; " : "",
               record.complaint);
    }
    return seen;
}

int main(int argc, char **argv)
{
    const char *socket = argc > 1 ? argv[1] : NULL;
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 5;
    call_latencies alone = measure_calls(socket, seconds);
    print("alone", &alone);
    for (int kind = 0; kind < OFFENDER_COUNT; kind++) {
        call_latencies seen =
            beside(socket, seconds, (offender_kind)kind, (offender_kind)(kind + 1));
        print(offender_name((offender_kind)kind), &seen);
    }
    call_latencies four = beside(socket, seconds, (offender_kind)0, OFFENDER_SWARMS);
    print("those but the last", &four);
    call_latencies all = beside(socket, seconds, (offender_kind)0, OFFENDER_COUNT);
    print("all of them", &all);
    printf("p99 beside four: %.3f ms, beside all: %.3f ms; aim: %.3f ms (2 x alone + %.0f ms)\n",
           four.p99_ms, all.p99_ms, 2 * alone.p99_ms + SLICE_MS, SLICE_MS);
    return 0;
}
