/* heap_programs PROGRAM DEPTH HEAP_MIB TIMES: runs binary_trees or gcbench of heap_programs.uir in
 * a heap of that quota. Prints for each time the nodes made and the seconds taken, as the peers in
 * peers/ do, then what the collector says. heap_programs.py runs all of them in turn. */
#include "bench_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_stats(mu_vm *vm)
{
    mu_vm_stats stats = mu_vm_get_stats(vm);
    uint64_t full = stats.collections - stats.young_collections;
    printf("# %" PRIu64 " collections, %" PRIu64 " of them full, %" PRIu64 " markings, %.2f s in "
           "them, longest %.2f ms\n",
           stats.collections, full, stats.markings, (double)stats.collected_ns * 1e-9,
           (double)stats.longest_collection_ns * 1e-6);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: heap_programs binary_trees|gcbench DEPTH HEAP_MIB TIMES\n");
        return 2;
    }
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.limits.heap_bytes = strtoull(argv[3], NULL, 10) << 20};
    mu_substrate *substrate;
    mu_vm *vm;
    if (mu_substrate_new(&config, NULL, &substrate) != MU_OK ||
        mu_vm_new(substrate, &vm_config, &vm) != MU_OK) {
        return 1;
    }
    bench_load(vm, BENCH_FOLDER "/heap_programs.uir");
    for (int times = atoi(argv[4]); times > 0; times--) {
        double start = bench_now();
        int64_t made = bench_call(vm, argv[1], (int64_t[]){atoll(argv[2])}, 1);
        printf("%" PRId64 " %.4f\n", made, bench_now() - start);
        fflush(stdout);
    }
    print_stats(vm);
    mu_vm_free(vm);
    mu_substrate_free(substrate);
    return 0;
}
