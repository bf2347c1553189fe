#pragma once
/* What gcpause and its twin with malloc share: the clock, the pace, latencies. */
#include <stdbool.h>
#include <stdint.h>

#define TREE_DEPTH 10
#define TREE_NODES 1023
#define WARM_UP_NS 1000000000ll

/* One run, in a process of its own. */
typedef struct gcpause_measure {
    int64_t live;
    int64_t span_ns;
    int64_t every_ns; /* 0: as fast as it goes */
    int64_t start_ns;
    int64_t end_ns;
    int64_t begun_ns;
    int64_t begun_cpu_ns;
    uint32_t count;
    int64_t *latencies;
} gcpause_measure;
extern gcpause_measure gcpause;

int64_t gcpause_now_ns(void);
/* Reads LIVE_TREES SECONDS [OPERATIONS_PER_SECOND]; false: too few. */
bool gcpause_set_up(int argc, char **argv);
void gcpause_begin(int64_t span_ns);
/* Ends an operation; waits until the next is due. 0: the phase is over. */
int64_t gcpause_step(void);
void gcpause_print(const char *name, double build_seconds);
