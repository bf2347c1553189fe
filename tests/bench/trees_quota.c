/* Builds and drops binary trees in a small heap for as long as asked, while one tree stays; prints
 * what it cost. */
#include "bench_call.h"

#include <stdio.h>
#include <stdlib.h>

#define QUOTA_BYTES (64ull << 20)

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 10;
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.limits.heap_bytes = QUOTA_BYTES};
    mu_substrate *substrate;
    mu_vm *vm;
    if (mu_substrate_new(&config, NULL, &substrate) != MU_OK ||
        mu_vm_new(substrate, &vm_config, &vm) != MU_OK) {
        return 1;
    }
    bench_load(vm, EXAMPLES_FOLDER "/trees.uir");
    int64_t nodes = 0;
    uint64_t most_used = 0;
    double start = bench_now();
    while (bench_now() - start < seconds) {
        /* One tree of depth 16 lives through each round, 100 others come and go. */
        nodes += bench_call(vm, "trees", (int64_t[]){16, 100}, 2);
        mu_vm_stats stats = mu_vm_get_stats(vm);
        most_used = stats.heap_used_bytes > most_used ? stats.heap_used_bytes : most_used;
    }
    double spent = bench_now() - start;
    mu_vm_stats stats = mu_vm_get_stats(vm);
    printf("%.1f s in a quota of %llu MiB: %.1f million nodes a second, %llu collections, %.1f %% "
           "of the time in them, "
           "longest %.2f ms, at most %.1f MiB in use\n",
           spent, QUOTA_BYTES >> 20, (double)nodes / spent * 1e-6,
           (unsigned long long)stats.collections, (double)stats.collected_ns * 1e-7 / spent,
           (double)stats.longest_collection_ns * 1e-6, (double)most_used / (1 << 20));
    mu_vm_free(vm);
    mu_substrate_free(substrate);
    return 0;
}
