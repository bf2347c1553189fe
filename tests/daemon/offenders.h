#pragma once
/* VMs that take all they can get, over the socket of a mud, and how long others wait for theirs.
 * Each offender has a connection and a thread of its own. */
#include <stdbool.h>
#include <stdint.h>

typedef enum offender_kind {
    OFFENDER_ALLOCATES, /* fills its heap to the quota, again and again: OUT_OF_MEMORY */
    OFFENDER_LOOPS,     /* loops without end, until the call's time is over: DEADLINE_EXCEEDED */
    OFFENDER_THREADS,   /* makes threads, all of which wait, as many as it may: OUT_OF_MEMORY */
    OFFENDER_TRAPS,     /* traps, and nobody handles that: FAILED_PRECONDITION */
    OFFENDER_SWARMS,    /* makes threads, all of which loop, as many as it may: OUT_OF_MEMORY */
    OFFENDER_COUNT,
} offender_kind;
const char *offender_name(offender_kind kind);

typedef struct offender offender;
/* Begins to offend at once, round after round: each ends with an error of mud's. Borrows `socket`.
 */
offender *offender_start(const char *socket, offender_kind kind);
typedef struct offender_record {
    uint64_t rounds;     /* that ended as they should */
    char complaint[320]; /* of the first that did not; "": none */
} offender_record;
/* Waits for a first round, kills the one that then runs, removes the VM and frees the offender.
 * Ends the program when a minute is not enough for that. */
offender_record offender_stop(offender *stopped);

/* Latencies of short calls of a VM that does nothing else, one after the other. */
typedef struct call_latencies {
    uint64_t calls;
    double median_ms, p99_ms, longest_ms;
} call_latencies;
/* Ends the program when a call fails. */
call_latencies measure_calls(const char *socket, double seconds);
