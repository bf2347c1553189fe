/* gcpause LIVE_TREES SECONDS [OPERATIONS_PER_SECOND [HEAP_MIB [RUNS]]]: pauses and throughput of
 * the collector beside malloc and free. The program of gcpause.uir keeps LIVE_TREES trees of 1,023
 * nodes alive and builds one more in each operation; one in ten replaces a living one. With a rate,
 * an operation is due at its time and its latency counts from then; without (0), one follows the
 * other. Each run is a process of its own, so that the peak of resident memory is its own, and
 * those of ours and of malloc take turns.
 *
 * gcpause stops SECONDS [OPERATIONS_PER_SECOND]: histograms of our stops and of the times to
 * safepoint, with 100 MiB and with 2 GiB alive, side by side. */
#include "bench_call.h"
#include "gcpause_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_MIB  1100
#define DEFAULT_RUNS 2
/* Of ours, header included. */
#define NODE_BYTES 24u

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

/* Runs the program; `before`: as it was when the measured operations began. */
static double run_program(mu_vm *vm, mu_vm_stats *before)
{
    bench_load(vm, BENCH_FOLDER "/gcpause.uir");
    const int64_t arguments[] = {gcpause.live, (int64_t)(intptr_t)gcpause_step};
    int64_t begin = gcpause_now_ns();
    bench_call(vm, "fill", arguments, 1);
    double build_seconds = (double)(gcpause_now_ns() - begin) * 1e-9;
    gcpause_begin(WARM_UP_NS);
    bench_call(vm, "operate", arguments, 2);
    *before = mu_vm_get_stats(vm);
    gcpause_begin(gcpause.span_ns);
    bench_call(vm, "operate", arguments, 2);
    return build_seconds;
}

static void open_vm(uint64_t heap_bytes, mu_substrate **substrate, mu_vm **vm)
{
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.limits.heap_bytes = heap_bytes, .grant_native = true};
    if (mu_substrate_new(&config, NULL, substrate) != MU_OK ||
        mu_vm_new(*substrate, &vm_config, vm) != MU_OK) {
        exit(1);
    }
}

static void measure_ours(uint64_t heap_bytes)
{
    mu_substrate *substrate;
    mu_vm *vm;
    mu_vm_stats before;
    open_vm(heap_bytes, &substrate, &vm);
    double build_seconds = run_program(vm, &before);
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

/* ---- stops beside one another */

typedef struct stop_run {
    uint64_t live_mib;
    mu_times stops;
    mu_times to_safepoints;
} stop_run;

static void subtract(mu_times *from, const mu_times *before)
{
    for (int i = 0; i < MU_TIME_BUCKETS; i++) {
        from->buckets[i] -= before->buckets[i];
    }
}

/* In a process of its own, with a heap of half as much again as what lives. */
static bool measure_stops(int argc, char **argv, stop_run *run)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        mu_substrate *substrate;
        mu_vm *vm;
        mu_vm_stats before;
        if (!gcpause_set_up(argc, argv)) {
            _exit(2);
        }
        gcpause.live = (int64_t)((run->live_mib << 20) / (TREE_NODES * NODE_BYTES));
        open_vm((run->live_mib + run->live_mib / 2) << 20, &substrate, &vm);
        (void)run_program(vm, &before);
        mu_vm_stats stats = mu_vm_get_stats(vm);
        subtract(&stats.stops, &before.stops);
        subtract(&stats.to_safepoints, &before.to_safepoints);
        run->stops = stats.stops;
        run->to_safepoints = stats.to_safepoints;
        _exit(write(ends[1], run, sizeof *run) != sizeof *run);
    }
    close(ends[1]);
    bool came = read(ends[0], run, sizeof *run) == sizeof *run;
    close(ends[0]);
    return ends_well(child) && came;
}

/* The bucket with the given share of all times: an upper bound of it in milliseconds. */
static double bound_ms(const mu_times *times, double share)
{
    uint64_t count = 0;
    uint64_t seen = 0;
    int bucket = 0;
    for (int i = 0; i < MU_TIME_BUCKETS; i++) {
        count += times->buckets[i];
    }
    while (bucket < MU_TIME_BUCKETS - 1 &&
           (double)(seen += times->buckets[bucket]) < share * (double)count) {
        bucket++;
    }
    return (double)(2ull << bucket) * 1e-6;
}

static void print_side_by_side(const char *what, const mu_times *left, const mu_times *right)
{
    printf("%-16s %12s %12s\n", what, "100 MiB", "2 GiB");
    for (int i = 0; i < MU_TIME_BUCKETS; i++) {
        if (left->buckets[i] || right->buckets[i]) {
            printf("  < %9.3g ms %12llu %12llu\n", (double)(2ull << i) * 1e-6,
                   (unsigned long long)left->buckets[i], (unsigned long long)right->buckets[i]);
        }
    }
    static const double shares[] = {.5, .99, .999, 1};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        printf("  %7.1f %%     < %10.3g < %10.3g\n", shares[i] * 100, bound_ms(left, shares[i]),
               bound_ms(right, shares[i]));
    }
}

static int compare_stops(int argc, char **argv)
{
    stop_run runs[] = {{.live_mib = 100}, {.live_mib = 2048}};
    for (int i = 0; i < 2; i++) {
        if (!measure_stops(argc, argv, &runs[i])) {
            fprintf(stderr, "a run failed\n");
            return 1;
        }
    }
    print_side_by_side("stops", &runs[0].stops, &runs[1].stops);
    print_side_by_side("to safepoint", &runs[0].to_safepoints, &runs[1].to_safepoints);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr,
                "usage: gcpause LIVE_TREES SECONDS [OPERATIONS_PER_SECOND [HEAP_MIB [RUNS]]]\n"
                "       gcpause stops SECONDS [OPERATIONS_PER_SECOND]\n");
        return 2;
    }
    if (strcmp(argv[1], "stops") == 0) {
        return compare_stops(argc, argv);
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
