/* Kernels as Mu IR beside their C twins, both made of the same source (kernels/): all are run in
 * turn, so that what else the machine does hits all alike. Then how fast the same kernels compile.
 */
#include "bench_call.h"
#include "compile_speed.h"
#include "generated_kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX 101

typedef int64_t twin_fn(int64_t n);
/* Who runs a kernel. The first is mud. */
enum { MUD, CLANG_O2, GCC_O2, CLANG_O0, RUNNERS };

typedef struct kernel {
    const char *name;
    int64_t n;
    twin_fn *twins[RUNNERS];
} kernel;

/* See meson.build: the twins' compilers and the names they are compiled under. */
#define DECLARE(name, bench_n, test_n)                                                             \
    int64_t clang_o2_##name(int64_t n);                                                            \
    int64_t gcc_o2_##name(int64_t n);                                                              \
    int64_t clang_o0_##name(int64_t n);
KERNEL_LIST(DECLARE)
#undef DECLARE
const char *clang_o2_compiler(void);
const char *gcc_o2_compiler(void);

#define KERNEL(name, bench_n, test_n)                                                              \
    {#name, bench_n, {NULL, clang_o2_##name, gcc_o2_##name, clang_o0_##name}},
static const kernel kernels[] = {KERNEL_LIST(KERNEL)};
#undef KERNEL
#define KERNELS (sizeof kernels / sizeof *kernels)

static double timed(mu_vm *vm, const kernel *each, int runner, int64_t *result)
{
    double start = bench_now();
    *result =
        runner == MUD ? bench_call(vm, each->name, &each->n, 1) : each->twins[runner](each->n);
    return bench_now() - start;
}

/* Medians of all runners, each of which begins in its turn: who comes after another may find memory
 * as that one left it. The program's end when the results differ. */
static void run_kernel(mu_vm *vm, const kernel *each, int runs, double medians[RUNNERS])
{
    double seconds[RUNNERS][RUNS_MAX];
    int64_t results[RUNNERS];
    (void)timed(vm, each, MUD, &results[MUD]); /* compiles it */
    int64_t expected = results[MUD];
    for (int run = 0; run < runs; run++) {
        for (int turn = 0; turn < RUNNERS; turn++) {
            int runner = (run + turn) % RUNNERS;
            seconds[runner][run] = timed(vm, each, runner, &results[runner]);
            if (results[runner] != expected) {
                fprintf(stderr, "%s: runner %d gives %lld, not %lld\n", each->name, runner,
                        (long long)results[runner], (long long)expected);
                exit(1);
            }
        }
    }
    for (int runner = 0; runner < RUNNERS; runner++) {
        medians[runner] = bench_median(seconds[runner], runs);
    }
}

static void run_all(mu_vm *vm, int runs)
{
    double logs[RUNNERS] = {0};
    const size_t count = KERNELS;
    printf("medians of %d runs in ms; a ratio is mud's time to that of C\n", runs);
    printf("%-12s %9s %9s %9s %9s %10s %10s\n", "kernel", "mud", "clang -O2", "gcc -O2",
           "clang -O0", "to clang", "to -O0");
    for (size_t i = 0; i < KERNELS; i++) {
        double medians[RUNNERS];
        run_kernel(vm, &kernels[i], runs, medians);
        for (int runner = 0; runner < RUNNERS; runner++) {
            logs[runner] += log(medians[MUD] / medians[runner]) / (double)count;
        }
        printf("%-12s %9.2f %9.2f %9.2f %9.2f %9.2fx %9.2fx\n", kernels[i].name, medians[MUD] * 1e3,
               medians[CLANG_O2] * 1e3, medians[GCC_O2] * 1e3, medians[CLANG_O0] * 1e3,
               medians[MUD] / medians[CLANG_O2], medians[MUD] / medians[CLANG_O0]);
        fflush(stdout);
    }
    printf("geometric mean of %zu kernels: %.2fx to clang -O2, %.2fx to gcc -O2, %.2fx to clang "
           "-O0\n",
           KERNELS, exp(logs[CLANG_O2]), exp(logs[GCC_O2]), exp(logs[CLANG_O0]));
}

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 11;
    runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.grant_native = argc > 2 && strcmp(argv[2], "trusted") == 0};
    mu_substrate *substrate;
    mu_vm *vm;
    if (mu_substrate_new(&config, NULL, &substrate) != MU_OK ||
        mu_vm_new(substrate, &vm_config, &vm) != MU_OK) {
        return 1;
    }
    bench_load(vm, KERNELS_UIR);
    printf("the bundle is %s\n", vm_config.grant_native
                                     ? "trusted: compiled without checks of memory safety"
                                     : "untrusted: compiled with checks of memory safety");
    printf("\"clang\" is %s (%s), \"gcc\" is %s (%s)\n", TWIN_CLANG, clang_o2_compiler(), TWIN_GCC,
           gcc_o2_compiler());
    run_all(vm, runs);
    mu_vm_free(vm);
    mu_substrate_free(substrate);
    compile_speed_print(KERNELS_UIR, KERNELS_C, TWIN_CLANG, vm_config.grant_native, runs);
    return 0;
}
