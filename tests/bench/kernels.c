/* Mu IR kernels beside their C twins: the three are run in turn, so that what else the machine does
 * hits all alike. */
#include "bench_call.h"
#include "twins.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct kernel {
    twin twin;
    int64_t n;
} kernel;

static const kernel kernels[] = {
    {{"fib", twin_fib_o1, twin_fib_o2}, 35},
    {{"sieve", twin_sieve_o1, twin_sieve_o2}, 5000000},
    {{"collatz", twin_collatz_o1, twin_collatz_o2}, 300000},
    {{"matmul", twin_matmul_o1, twin_matmul_o2}, 200},
    {{"sort", twin_sort_o1, twin_sort_o2}, 10000},
    {{"mandelbrot", twin_mandelbrot_o1, twin_mandelbrot_o2}, 500},
};

#define RUNS_MAX 101

static double timed_twin(twin_fn *function, int64_t n, int64_t *result)
{
    double start = bench_now();
    *result = function(n);
    return bench_now() - start;
}

static double timed_mu(mu_vm *vm, const char *name, int64_t n, int64_t *result)
{
    double start = bench_now();
    *result = bench_call(vm, name, &n, 1);
    return bench_now() - start;
}

static double run_kernel(mu_vm *vm, const kernel *each, int runs)
{
    double mu[RUNS_MAX];
    double o1[RUNS_MAX];
    double o2[RUNS_MAX];
    int64_t results[3];
    (void)timed_mu(vm, each->twin.name, each->n, &results[0]); /* compiles it */
    for (int run = 0; run < runs; run++) {
        mu[run] = timed_mu(vm, each->twin.name, each->n, &results[0]);
        o1[run] = timed_twin(each->twin.o1, each->n, &results[1]);
        o2[run] = timed_twin(each->twin.o2, each->n, &results[2]);
        if (results[0] != results[1] || results[1] != results[2]) {
            fprintf(stderr, "%s: results differ: %lld, %lld, %lld\n", each->twin.name,
                    (long long)results[0], (long long)results[1], (long long)results[2]);
            exit(1);
        }
    }
    double t = bench_median(mu, runs);
    double t1 = bench_median(o1, runs);
    double t2 = bench_median(o2, runs);
    printf("%-12s %9.2f %9.2f %9.2f %9.2fx %9.2fx\n", each->twin.name, t * 1e3, t1 * 1e3, t2 * 1e3,
           t / t1, t / t2);
    return t / t1;
}

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 11;
    runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {0};
    mu_substrate *substrate;
    mu_vm *vm;
    if (mu_substrate_new(&config, NULL, &substrate) != MU_OK ||
        mu_vm_new(substrate, &vm_config, &vm) != MU_OK) {
        return 1;
    }
    bench_load(vm, BENCH_FOLDER "/kernels.uir");
    printf("medians of %d runs, ms; ratios are mud's time to C's\n", runs);
    printf("%-12s %9s %9s %9s %10s %10s\n", "kernel", "mud", "C -O1", "C -O2", "to -O1", "to -O2");
    double logs = 0;
    size_t count = sizeof kernels / sizeof *kernels;
    for (size_t i = 0; i < count; i++) {
        logs += log(run_kernel(vm, &kernels[i], runs));
    }
    printf("geometric mean to -O1: %.2fx\n", exp(logs / (double)count));
    mu_vm_free(vm);
    mu_substrate_free(substrate);
    return 0;
}
