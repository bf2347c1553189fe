/* Switching stacks, beside swapcontext and a switch written by hand; traps to a handler in the same
 * process; many stacks at once.
 *
 *   stack_switches [RUNS [STACKS]] */
#include "bench_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <ucontext.h>

#define TRIPS       2000000
#define TRAPS       200000
#define STACK_BYTES 65536u
#define HEAP_BYTES  (16ull << 30)

/* ---- swapcontext */

static ucontext_t here;
static ucontext_t there;

static void echo_context(void)
{
    for (;;) {
        swapcontext(&there, &here);
    }
}

static void trips_by_swapcontext(void)
{
    static char stack[STACK_BYTES];
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    makecontext(&there, echo_context, 0);
    for (int i = 0; i < TRIPS; i++) {
        swapcontext(&here, &there);
    }
}

/* ---- by hand: the callee-saved registers and the stack pointer, as a coroutine library does */

void bench_switch(void **save_sp, void *to_sp);
__asm__(".text\n.globl bench_switch\n.type bench_switch, @function\nbench_switch:\n"
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, (%rdi)\n mov %rsi, %rsp\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
        ".size bench_switch, . - bench_switch\n");

static void *here_sp;
static void *there_sp;

static void echo_by_hand(void)
{
    for (;;) {
        bench_switch(&there_sp, here_sp);
    }
}

static void trips_by_hand(void)
{
    static _Alignas(16) char stack[STACK_BYTES];
    void **sp = (void **)(stack + sizeof stack) - 2;
    *sp = (void *)echo_by_hand;
    there_sp = sp - 6;
    for (int i = 0; i < TRIPS; i++) {
        bench_switch(&here_sp, there_sp);
    }
}

/* ---- ours */

static double time_call(mu_vm *vm, const char *name, int64_t count)
{
    double start = bench_now();
    bench_call(vm, name, &count, 1);
    return (bench_now() - start) / (double)count * 1e9;
}

static double time_c(void (*trips)(void))
{
    double start = bench_now();
    trips();
    return (bench_now() - start) / TRIPS * 1e9;
}

static void compare_switches(mu_vm *vm, int runs)
{
    double *ours = mu_allocate((size_t)runs * sizeof *ours);
    double *context = mu_allocate((size_t)runs * sizeof *context);
    double *hand = mu_allocate((size_t)runs * sizeof *hand);
    double *traps = mu_allocate((size_t)runs * sizeof *traps);
    for (int i = 0; i < runs; i++) {
        ours[i] = time_call(vm, "round_trips", TRIPS);
        context[i] = time_c(trips_by_swapcontext);
        hand[i] = time_c(trips_by_hand);
        traps[i] = time_call(vm, "traps", TRAPS);
    }
    double a = bench_median(ours, runs);
    double b = bench_median(context, runs);
    double c = bench_median(hand, runs);
    printf("round trip: SWAPSTACK %.1f ns, swapcontext %.1f ns (ratio %.2f), by hand %.1f ns "
           "(ratio %.2f)\n",
           a, b, a / b, c, a / c);
    printf("TRAP to a handler in the process, and back: %.1f ns\n", bench_median(traps, runs));
    mu_free(ours);
    mu_free(context);
    mu_free(hand);
    mu_free(traps);
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%*d %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * 4;
}

static void have_many(mu_vm *vm, int64_t count)
{
    long before = resident_kib();
    double made = time_call(vm, "make", count);
    long after = resident_kib();
    double resumed = time_call(vm, "resume", count);
    double start = bench_now();
    mu_vm_collect(vm);
    printf("%lld stacks: %.0f ns to make and park each, %.0f ns to resume, %.0f bytes resident "
           "each, a collection with all of them %.0f ms\n",
           (long long)count, made, resumed, (double)(after - before) * 1024 / (double)count,
           (bench_now() - start) * 1e3);
}

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 7;
    int64_t stacks = argc > 2 ? atoll(argv[2]) : 1000000;
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.limits.heap_bytes = HEAP_BYTES, .limits.stack_bytes = STACK_BYTES};
    mu_substrate *substrate;
    mu_vm *vm;
    if (mu_substrate_new(&config, NULL, &substrate) != MU_OK ||
        mu_vm_new(substrate, &vm_config, &vm) != MU_OK) {
        return 1;
    }
    bench_load(vm, BENCH_FOLDER "/stack_switches.uir");
    compare_switches(vm, runs);
    have_many(vm, stacks);
    mu_vm_free(vm);
    mu_substrate_free(substrate);
    return 0;
}
