/* Calls of C functions from Mu code, and C's calls of Mu functions, beside calls through a pointer
 * in C.
 *
 *   native_calls [RUNS] */
#include "bench_call.h"

#include <stdio.h>
#include <stdlib.h>

#define CALLS   20000000
#define THREADS 20000

typedef struct pair {
    int64_t a;
    int64_t b;
} pair;

static int64_t add(int64_t a, int64_t b)
{
    return a + b;
}

static pair step(pair p)
{
    return (pair){p.a + 1, p.b + p.a};
}

static int64_t add1(int64_t a)
{
    return a + 1;
}

static int64_t each(int64_t n, int64_t (*function)(int64_t))
{
    int64_t x = 0;
    for (int64_t i = 0; i < n; i++) {
        x = function(x);
    }
    return x;
}

static double time_mu(mu_vm *vm, const char *name, int64_t count, uintptr_t function)
{
    int64_t arguments[2] = {count, (int64_t)function};
    double start = bench_now();
    bench_call(vm, name, arguments, 2);
    return (bench_now() - start) / (double)count * 1e9;
}

/* Many threads that run one function once. */
static double time_threads(mu_vm *vm, const char *name)
{
    int64_t arguments[2] = {1, (int64_t)(uintptr_t)add};
    double start = bench_now();
    for (int i = 0; i < THREADS; i++) {
        bench_call(vm, name, arguments, 2);
    }
    return (bench_now() - start) / THREADS * 1e9;
}

static double time_c_calls(void)
{
    int64_t (*volatile function)(int64_t, int64_t) = add;
    volatile int64_t sink;
    int64_t x = 0;
    double start = bench_now();
    for (int64_t i = CALLS; i > 0; i--) {
        x = function(x, i);
    }
    sink = x;
    (void)sink;
    return (bench_now() - start) / CALLS * 1e9;
}

static double time_c_struct_calls(void)
{
    pair (*volatile function)(pair) = step;
    volatile int64_t sink;
    pair x = {0, 1};
    double start = bench_now();
    for (int64_t i = CALLS; i > 0; i--) {
        x = function(x);
    }
    sink = x.b;
    (void)sink;
    return (bench_now() - start) / CALLS * 1e9;
}

static double time_c_callbacks(void)
{
    int64_t (*volatile function)(int64_t) = add1;
    volatile int64_t sink;
    double start = bench_now();
    sink = each(CALLS, function);
    (void)sink;
    return (bench_now() - start) / CALLS * 1e9;
}

enum { PLAIN, PLAIN_C, STRUCT, STRUCT_C, CALLBACK, CALLBACK_C, ONE_CALL, NO_CALL, FIGURES };

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 7;
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.grant_native = true};
    mu_substrate *substrate;
    mu_vm *vm;
    if (mu_substrate_new(&config, NULL, &substrate) != MU_OK ||
        mu_vm_new(substrate, &vm_config, &vm) != MU_OK) {
        return 1;
    }
    bench_load(vm, BENCH_FOLDER "/native_calls.uir");
    bench_load(vm, BENCH_FOLDER "/native_callbacks.uir");
    double *figures[FIGURES];
    for (int f = 0; f < FIGURES; f++) {
        figures[f] = mu_allocate((size_t)runs * sizeof **figures);
    }
    for (int i = 0; i < runs; i++) {
        figures[PLAIN][i] = time_mu(vm, "calls", CALLS, (uintptr_t)add);
        figures[PLAIN_C][i] = time_c_calls();
        figures[STRUCT][i] = time_mu(vm, "struct_calls", CALLS / 10, (uintptr_t)step);
        figures[STRUCT_C][i] = time_c_struct_calls();
        figures[CALLBACK][i] = time_mu(vm, "callbacks", CALLS / 10, (uintptr_t)each);
        figures[CALLBACK_C][i] = time_c_callbacks();
        figures[ONE_CALL][i] = time_threads(vm, "one_call");
        figures[NO_CALL][i] = time_threads(vm, "no_call");
    }
    double median[FIGURES];
    for (int f = 0; f < FIGURES; f++) {
        median[f] = bench_median(figures[f], runs);
        mu_free(figures[f]);
    }
    printf("CCALL %.2f ns, in C %.2f ns (ratio %.2f)\n", median[PLAIN], median[PLAIN_C],
           median[PLAIN] / median[PLAIN_C]);
    printf("CCALL with a struct %.1f ns, in C %.2f ns\n", median[STRUCT], median[STRUCT_C]);
    printf("callback %.1f ns, in C %.2f ns\n", median[CALLBACK], median[CALLBACK_C]);
    printf("a thread that makes one CCALL %.0f ns, none %.0f ns\n", median[ONE_CALL],
           median[NO_CALL]);
    mu_vm_free(vm);
    mu_substrate_free(substrate);
    return 0;
}
