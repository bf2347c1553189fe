/* gcpause LIVE_TREES SECONDS [OPERATIONS_PER_SECOND [HEAP_MIB [RUNS]]]: pauses and throughput of
 * the collector beside malloc and free. The program of gcpause.uir keeps LIVE_TREES trees of 1,023
 * nodes alive and builds one more in each operation; one in ten replaces a living one. With a rate,
 * an operation is due at its time and its latency counts from then; without (0), one follows the
 * other. Each run is a process of its own, so that the peak of resident memory is its own, and
 * those of ours and of malloc take turns. */
#include "bench_call.h"
#include "gcpause_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_MIB  1100
#define DEFAULT_RUNS 2

/* Those since `before`. */
static void print_times(const char *what, const mu_times *times, const mu_times *before)
{
    printf("        %s:", what);
    for (int i = 0; i < MU_TIME_BUCKETS; i++) {
        uint64_t count = times->buckets[i] - before->buckets[i];
        if (count) {
            printf(" <%.3f: %llu", (double)(2ull << i) * 1e-6, (unsigned long long)count);
        }
    }
    printf("; longest of all %.3f ms\n", (double)times->longest_ns * 1e-6);
}

static void print_stats(mu_vm *vm, const mu_vm_stats *before)
{
    mu_vm_stats stats = mu_vm_get_stats(vm);
    printf("        %llu collections, %llu of the whole heap, %llu markings; %.2f s in "
           "collections; live "
           "%.0f MiB, used %.0f of %.0f MiB\n",
           (unsigned long long)(stats.collections - before->collections),
           (unsigned long long)(stats.collections - stats.young_collections - before->collections +
                                before->young_collections),
           (unsigned long long)(stats.markings - before->markings),
           (double)(stats.collected_ns - before->collected_ns) * 1e-9,
           (double)stats.heap_live_bytes / (1 << 20), (double)stats.heap_used_bytes / (1 << 20),
           (double)stats.heap_quota_bytes / (1 << 20));
    print_times("stops, ms", &stats.stops, &before->stops);
    print_times("to safepoint, ms", &stats.to_safepoints, &before->to_safepoints);
}

static void measure_ours(uint64_t heap_bytes)
{
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.limits.heap_bytes = heap_bytes, .grant_native = true};
    mu_substrate *substrate;
    mu_vm *vm;
    if (mu_substrate_new(&config, NULL, &substrate) != MU_OK ||
        mu_vm_new(substrate, &vm_config, &vm) != MU_OK) {
        exit(1);
    }
    bench_load(vm, BENCH_FOLDER "/gcpause.uir");
    const int64_t arguments[] = {gcpause.live, (int64_t)(intptr_t)gcpause_step};
    int64_t begin = gcpause_now_ns();
    bench_call(vm, "fill", arguments, 1);
    double build_seconds = (double)(gcpause_now_ns() - begin) * 1e-9;
    gcpause_begin(WARM_UP_NS);
    bench_call(vm, "operate", arguments, 2);
    mu_vm_stats before = mu_vm_get_stats(vm);
    gcpause_begin(gcpause.span_ns);
    bench_call(vm, "operate", arguments, 2);
    gcpause_print("mud", build_seconds);
    print_stats(vm, &before);
    mu_vm_free(vm);
    mu_substrate_free(substrate);
}

static bool ends_well(pid_t child)
{
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool run_ours(int argc, char **argv, uint64_t heap_bytes)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!gcpause_set_up(argc, argv)) {
            _exit(2);
        }
        measure_ours(heap_bytes);
        fflush(stdout);
        _exit(0);
    }
    return ends_well(child);
}

static bool run_malloc(char **argv)
{
    pid_t child = fork();
    if (child == 0) {
        execv(GCPAUSE_MALLOC, argv);
        perror(GCPAUSE_MALLOC);
        _exit(1);
    }
    return ends_well(child);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr,
                "usage: gcpause LIVE_TREES SECONDS [OPERATIONS_PER_SECOND [HEAP_MIB [RUNS]]]\n");
        return 2;
    }
    uint64_t heap_bytes = (argc > 4 ? strtoull(argv[4], NULL, 10) : DEFAULT_MIB) << 20;
    int runs = argc > 5 ? atoi(argv[5]) : DEFAULT_RUNS;
    for (int i = 0; i < runs; i++) {
        if (!run_ours(argc, argv, heap_bytes) || !run_malloc(argv)) {
            fprintf(stderr, "a run failed\n");
            return 1;
        }
    }
    return 0;
}
