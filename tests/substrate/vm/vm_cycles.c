/* VMs come and go: each loads a bundle, is called, uses a little of everything and is unloaded.
 * However often, no memory is left: not of the allocator's, no block, no code. And many VMs at once
 * cost little each, and leave nothing. vm_cycles [CYCLES [VMS]] */
#include "mu.h"
#include "mu_context.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CYCLES     2000
#define VMS        1000
#define TEXT_BYTES 8192
/* What may differ between two counts: the allocator's caches and our pools' arrays. */
#define SLACK_BYTES (256.0 * 1024)

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @box = ref<@i64> .typedef @pair = struct<@box @box>\n"
    ".typedef @pair.r = ref<@pair> .global @kept <@pair.r> .global @count <@i64>\n"
    ".const @n0 <@i64> = 0 .const @n1 <@i64> = 1 .funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcsig @v_v = () -> () .funcdecl @later <@v_v>\n"
    ".funcdef @traps VERSION %v1 <@v_v> { %entry(): CALL <@v_v> @later () RET () }\n"
    ".funcdef @parked VERSION %v1 <@v_v> { %entry(): COMMINST @uvm.thread_exit }\n"
    ".funcdef @f VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): WPBRANCH 7 %watched(%n) %loop(%n @n0)\n"
    "  %watched(<@i64> %n): BRANCH %loop(%n @n1)\n"
    "  %loop(<@i64> %n <@i64> %s):\n"
    "    %o = NEW <@pair> %i = GETIREF <@pair> %o %b = NEW <@i64>\n"
    "    %x = GETFIELDIREF <@pair 0> %i STORE <@box> %x %b\n"
    "    STORE SEQ_CST <@pair.r> @kept %o\n"
    "    %k = COMMINST @uvm.new_stack <[@v_v]> (@parked)\n"
    "    %m = SUB <@i64> %n @n1 %t = ADD <@i64> %s %n\n"
    "    %z = EQ <@i64> %m @n0 BRANCH2 %z %done(%t) %loop(%m %t)\n"
    "  %done(<@i64> %t): RET %t }\n";

static void check(bool claim, const char *what)
{
    if (!claim) {
        fprintf(stderr, "vm_cycles: not so: %s\n", what);
        exit(1);
    }
}

/* ---- one VM */

typedef struct call_end {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
} call_end;

static void on_trapped(mu_thread *thread, void *context)
{
    (void)context;
    mu_thread_kill(thread);
}

static void on_finished(mu_thread *thread, void *context)
{
    call_end *end = context;
    (void)thread;
    pthread_mutex_lock(&end->lock);
    end->done = true;
    pthread_cond_signal(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static mu_outcome call(mu_vm *vm, const char *name, uint64_t argument)
{
    mu_function *function = mu_vm_find_function(vm, name);
    mu_value value = {.kind = MU_VALUE_INT, .bits = 64, .integer = argument};
    mu_thread *thread;
    check(mu_thread_new(vm, function, &value, mu_function_param_count(function), NULL, &thread) ==
              MU_OK,
          "a thread is made");
    call_end end = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    mu_thread_start(thread, on_trapped, on_finished, &end);
    pthread_mutex_lock(&end.lock);
    while (!end.done) {
        pthread_cond_wait(&end.changed, &end.lock);
    }
    pthread_mutex_unlock(&end.lock);
    mu_outcome outcome = mu_thread_outcome(thread);
    mu_thread_free(thread);
    return outcome;
}

/* With a number in the text nobody has loaded it before. */
static mu_vm *make_vm(mu_substrate *substrate, int number)
{
    static char text[TEXT_BYTES];
    mu_vm_config config = {.limits.heap_bytes = 4u << 20};
    mu_report *report = mu_report_new();
    mu_vm *vm;
    int length = snprintf(text, sizeof text, "%s.const @number <@i64> = %d\n", bundle, number);
    check(mu_vm_new(substrate, &config, &vm) == MU_OK, "a VM is made");
    mu_status status = mu_vm_load(vm, "cycle", text, (size_t)length, report, NULL);
    if (status != MU_OK) {
        fprintf(stderr, "%s\n", mu_report_text(report));
    }
    check(status == MU_OK, "the bundle is loaded");
    mu_report_free(report);
    return vm;
}

static void use_a_context(mu_vm *vm)
{
    enum { FROM_INT = 0x08 };
    mu_context *context;
    mu_context_answer *answers;
    uint32_t count;
    uint32_t failed;
    check(mu_context_new(vm, &context) == MU_OK, "a context is made");
    uint64_t operands[] = {64, 5, 0};
    mu_context_operation operation = {
        .op = FROM_INT, .result = 1, .operands = operands, .operand_count = 3};
    check(mu_context_perform(context, &operation, 1, &answers, &count, &failed, NULL) == MU_OK,
          "a context holds a number");
    mu_context_answers_free(answers, count);
    mu_context_free(context);
}

static void build_a_little(mu_vm *vm)
{
    enum { NEW_BUNDLE = 0x300 };
    uint64_t node;
    check(mu_vm_irbuilder_perform(vm, NEW_BUNDLE, NULL, 0, NULL, 0, NULL, &node) == MU_OK,
          "a bundle is begun");
}

/* A bundle that is loaded on the first, and one that is refused. */
static void load_more(mu_vm *vm)
{
    static const char more[] = ".const @n2 <@i64> = 2\n"
                               ".funcdef @f VERSION %v2 <@i_i> { %entry(<@i64> %n): RET @n2 }\n";
    static const char wrong[] = ".funcdef @g VERSION %v1 <@i_i> { %entry(<@i64> %n): RET @n9 }\n";
    check(mu_vm_load(vm, "more", more, strlen(more), NULL, NULL) == MU_OK, "more is loaded");
    check(mu_vm_load(vm, "wrong", wrong, strlen(wrong), NULL, NULL) == MU_INVALID,
          "a wrong bundle is refused");
}

static void use(mu_vm *vm)
{
    check(mu_vm_enable_watchpoint(vm, 7) == MU_OK, "a watchpoint is enabled");
    check(call(vm, "f", 20) == MU_OUTCOME_RETURNED, "@f returns");
    check(call(vm, "traps", 0) == MU_OUTCOME_KILLED, "@traps is killed at its trap");
    use_a_context(vm);
    build_a_little(vm);
    load_more(vm);
    check(call(vm, "f", 20) == MU_OUTCOME_RETURNED, "the new @f returns");
}

/* ---- memory */

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long total = 0;
    long pages = 0;
    check(file && fscanf(file, "%ld %ld", &total, &pages) == 2, "/proc/self/statm is there");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

typedef struct counts {
    double allocated, heap, code, resident;
} counts;

static counts count(mu_substrate *substrate)
{
    mu_memory_purge();
    return (counts){.allocated = (double)mu_memory_used_bytes(),
                    .heap = (double)mu_substrate_heap_bytes(substrate),
                    .code = (double)mu_substrate_code_bytes(substrate),
                    .resident = resident_bytes()};
}

static void nothing_grew(const char *what, const counts *before, const counts *after)
{
    printf(
        "%s: allocated %.0f then %.0f bytes, blocks %.0f then %.0f, code %.0f then %.0f, resident "
        "%.2f then %.2f MiB\n",
        what, before->allocated, after->allocated, before->heap, after->heap, before->code,
        after->code, before->resident / (1 << 20), after->resident / (1 << 20));
    check(after->allocated <= before->allocated + SLACK_BYTES, "no host memory is left");
    check(after->heap == before->heap, "no block is left");
    check(after->code == before->code, "no code is left");
}

static void go_through(mu_substrate *substrate, int cycles, bool differ)
{
    counts before = {0};
    for (int i = 0; i < cycles; i++) {
        mu_vm *vm = make_vm(substrate, differ ? i : 0);
        use(vm);
        mu_vm_free(vm);
        if (i == cycles / 10) {
            before = count(substrate);
        }
    }
    counts after = count(substrate);
    nothing_grew(differ ? "cycles of different bundles" : "cycles of one bundle", &before, &after);
}

/* Whoever has loaded the bundle keeps its code, and the others come and go. */
static void go_beside(mu_substrate *substrate, int cycles)
{
    mu_vm *stays = make_vm(substrate, 0);
    use(stays);
    go_through(substrate, cycles, false);
    check(call(stays, "f", 3) == MU_OUTCOME_RETURNED, "what stayed still runs");
    mu_vm_free(stays);
}

/* ---- many */

/* Until the idle VMs have been collected, as the stacks that nobody refers to tell; a generous
 * time.
 */
static void wait_until_idle(mu_vm **vms, int number)
{
    for (int tries = 0; tries < 600; tries++) {
        uint64_t busy = 0;
        for (int i = 0; i < number; i++) {
            mu_vm_stats stats = mu_vm_get_stats(vms[i]);
            busy += stats.stacks || stats.heap_used_bytes > 32768;
        }
        if (!busy) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    check(false, "idle VMs give back their stacks and all blocks but one");
}

static void have_many(mu_substrate *substrate, int number)
{
    mu_vm **vms = mu_allocate((size_t)number * sizeof *vms);
    counts before = count(substrate);
    for (int i = 0; i < number; i++) {
        vms[i] = make_vm(substrate, 0);
        check(call(vms[i], "f", 20) == MU_OUTCOME_RETURNED, "@f returns");
    }
    wait_until_idle(vms, number);
    counts with = count(substrate);
    double each = (with.resident - before.resident) / number;
    printf("%d VMs: %.1f KiB each\n", number, each / 1024);
    check(with.code - before.code < 4096, "the bundle was compiled once");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    check(number < 500 || each < 64 * 1024, "a VM costs less than 64 KiB");
#endif
    for (int i = 0; i < number; i++) {
        mu_vm_free(vms[i]);
    }
    mu_free(vms);
    counts after = count(substrate);
    nothing_grew("many VMs", &before, &after);
}

int main(int argc, char **argv)
{
    int cycles = argc > 1 ? atoi(argv[1]) : CYCLES;
    int vms = argc > 2 ? atoi(argv[2]) : VMS;
    mu_substrate_config config = mu_substrate_config_from_environment();
    config.workers = 2;
    mu_substrate *substrate;
    check(mu_substrate_new(&config, NULL, &substrate) == MU_OK, "a substrate is made");
    go_through(substrate, cycles, false);
    go_through(substrate, cycles, true);
    go_beside(substrate, cycles / 4);
    have_many(substrate, vms / 10);
    have_many(substrate, vms);
    mu_substrate_free(substrate);
    return 0;
}
