#include "gcpause_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define LATENCIES_MAX 8000000u

gcpause_measure gcpause;

int64_t gcpause_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void gcpause_begin(int64_t span_ns)
{
    gcpause.start_ns = gcpause.begun_ns = gcpause_now_ns();
    gcpause.end_ns = gcpause.start_ns + span_ns;
    gcpause.count = 0;
    gcpause.begun_cpu_ns = cpu_ns();
}

int64_t gcpause_step(void)
{
    int64_t ended = gcpause_now_ns();
    gcpause.latencies[gcpause.count++] = ended - gcpause.begun_ns;
    gcpause.begun_ns = ended;
    if (gcpause.every_ns) {
        gcpause.begun_ns = gcpause.start_ns + (int64_t)gcpause.count * gcpause.every_ns;
        while (ended < gcpause.begun_ns) {
            ended = gcpause_now_ns();
        }
    }
    return gcpause.begun_ns < gcpause.end_ns && gcpause.count < LATENCIES_MAX;
}

static int ascending(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static double at_share(double share)
{
    return (double)gcpause.latencies[(uint32_t)(share * (gcpause.count - 1))] * 1e-6;
}

void gcpause_print(const char *name, double build_seconds)
{
    int64_t used_cpu_ns = cpu_ns() - gcpause.begun_cpu_ns;
    double spent = (double)(gcpause.begun_ns - gcpause.start_ns) * 1e-9;
    uint32_t beyond[2] = {0};
    for (uint32_t i = 0; i < gcpause.count; i++) {
        beyond[0] += gcpause.latencies[i] > 1000000;
        beyond[1] += gcpause.latencies[i] > 10000000;
    }
    qsort(gcpause.latencies, gcpause.count, sizeof *gcpause.latencies, ascending);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%-7s %6.1f M nodes/s (%.1f ns of CPU each), %u operations (forest in %.2f s); ms: p50 "
           "%.4f p99 %.4f p99.9 "
           "%.4f p99.99 %.4f "
           "max %.3f; >1 ms: %u, >10 ms: %u; peak RSS %.0f MiB\n",
           name, (double)gcpause.count * TREE_NODES / spent * 1e-6,
           (double)used_cpu_ns / gcpause.count / TREE_NODES, gcpause.count, build_seconds,
           at_share(.5), at_share(.99), at_share(.999), at_share(.9999), at_share(1), beyond[0],
           beyond[1], (double)usage.ru_maxrss / 1024);
}

bool gcpause_set_up(int argc, char **argv)
{
    if (argc < 3) {
        return false;
    }
    double rate = argc > 3 ? atof(argv[3]) : 0;
    gcpause.live = atoll(argv[1]);
    gcpause.span_ns = (int64_t)(atof(argv[2]) * 1e9);
    gcpause.every_ns = rate > 0 ? (int64_t)(1e9 / rate) : 0;
    gcpause.latencies = malloc(LATENCIES_MAX * sizeof *gcpause.latencies);
    return gcpause.latencies != NULL;
}
