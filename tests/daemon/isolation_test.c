/* VMs that take all they can get, beside one whose calls are measured: each offender gets its own
 * error, and the others go on. Bounds are generous, since machines are noisy; tests/bench/isolation
 * prints the figures.
 *
 *   isolation_test MUD [SECONDS] */
#include "offenders.h"
#include "real_mud.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICE_MS 5.0
/* Of the aim, twice the 99th percentile alone and a slice. */
#define LENIENCE     100.0
#define CALLS_FEWEST 20u
/* Those that mud holds its own against so far. */
#define OFFENDERS OFFENDER_SWARMS

static int failures;

static void check(bool is_so, const char *claim, const char *detail)
{
    printf("%s - %s%s%s\n", is_so ? "ok" : "not ok", claim, *detail ? ": " : "", detail);
    fflush(stdout);
    failures += !is_so;
}

static void check_offender(offender *stopped, offender_kind kind)
{
    char claim[80];
    snprintf(claim, sizeof claim, "the VM that is %s gets its own error, each time",
             offender_name(kind));
    offender_record record = offender_stop(stopped);
    char detail[400];
    snprintf(detail, sizeof detail, "%llu times%s%s", (unsigned long long)record.rounds,
             record.complaint[0] ? ", then " : "", record.complaint);
    check(record.rounds > 0 && !record.complaint[0], claim, detail);
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 4;
    real_mud *mud = real_mud_start(argv[1]);
    const char *socket = real_mud_socket(mud);
    call_latencies alone = measure_calls(socket, seconds / 2);
    offender *offenders[OFFENDERS];
    for (int kind = 0; kind < OFFENDERS; kind++) {
        offenders[kind] = offender_start(socket, (offender_kind)kind);
    }
    call_latencies beside = measure_calls(socket, seconds);
    char detail[160];
    snprintf(detail, sizeof detail, "p99 %.2f ms alone, %.2f ms beside them, in %llu calls",
             alone.p99_ms, beside.p99_ms, (unsigned long long)beside.calls);
    check(beside.calls >= CALLS_FEWEST && beside.p99_ms <= LENIENCE * (2 * alone.p99_ms + SLICE_MS),
          "a fifth VM's calls come back in time", detail);
    for (int kind = 0; kind < OFFENDERS; kind++) {
        check_offender(offenders[kind], (offender_kind)kind);
    }
    call_latencies after = measure_calls(socket, seconds / 4);
    snprintf(detail, sizeof detail, "p99 %.2f ms", after.p99_ms);
    check(after.calls > 0, "mud still serves when they are gone", detail);
    check(real_mud_stop(mud) == 0, "and ends well", "");
    return failures ? 1 : 0;
}
