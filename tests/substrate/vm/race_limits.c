/* Limits of a VM go up and down while its threads allocate, recurse and make stacks and threads:
 * each call ends, well or with an error that is one of those; another VM, which has loaded the
 * same, never sees one. Others ask for statistics, and contexts hold values meanwhile. A plain
 * program for ThreadSanitizer. */
#include "mu.h"
#include "mu_context.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 60, CALLERS = 3, CHANGES = 300 };

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @r = ref<@i64> .const @n0 <@i64> = 0 .const @n1 <@i64> = 1\n"
    ".funcsig @v_v = () -> () .funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcdef @ends VERSION %v1 <@v_v> { %entry(): COMMINST @uvm.thread_exit }\n"
    ".funcdef @deep VERSION %v1 <@i_i> { %entry(<@i64> %n):\n"
    "    %z = EQ <@i64> %n @n0 BRANCH2 %z %bottom() %on(%n)\n"
    "  %bottom(): RET @n0\n"
    "  %on(<@i64> %n): %m = SUB <@i64> %n @n1 %d = CALL <@i_i> @deep (%m)\n"
    "    %s = ADD <@i64> %d @n1 RET %s }\n"
    ".funcdef @make VERSION %v1 <@i_i> { %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)\n"
    "  %done(): RET @n0\n"
    "  %on(<@i64> %n): %s = COMMINST @uvm.new_stack <[@v_v]> (@ends)\n"
    "    %t = NEWTHREAD %s PASS_VALUES <> () %o = NEW <@i64>\n"
    "    %m = SUB <@i64> %n @n1 BRANCH %head(%m) }\n"
    ".funcdef @churn VERSION %v1 <@i_i> { %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)\n"
    "  %done(): RET @n0\n"
    "  %on(<@i64> %n): %o = NEW <@i64> %m = SUB <@i64> %n @n1 BRANCH %head(%m) }\n";

typedef struct race {
    mu_vm *poor, *rich;
    bool is_over; /* atomic */
} race;

static void check(bool claim, const char *what, const char *detail)
{
    if (!claim) {
        fprintf(stderr, "race_limits: not so: %s (%s)\n", what, detail);
        exit(1);
    }
}

/* ---- calls */

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

/* True: it returned. */
static bool call(mu_vm *vm, const char *name, uint64_t argument)
{
    mu_function *function = mu_vm_find_function(vm, name);
    mu_value value = {.kind = MU_VALUE_INT, .bits = 64, .integer = argument};
    mu_thread *thread;
    mu_status status = mu_thread_new(vm, function, &value, 1, NULL, &thread);
    if (status != MU_OK) {
        check(status == MU_LIMIT || status == MU_NO_MEMORY, "what is refused is refused by a limit",
              mu_status_name(status));
        return false;
    }
    call_end end = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    mu_thread_start(thread, on_trapped, on_finished, &end);
    pthread_mutex_lock(&end.lock);
    while (!end.done) {
        pthread_cond_wait(&end.changed, &end.lock);
    }
    pthread_mutex_unlock(&end.lock);
    bool returned = mu_thread_outcome(thread) == MU_OUTCOME_RETURNED;
    if (!returned) {
        const char *kind = mu_thread_get_error(thread).kind;
        check(strcmp(kind, "OUT_OF_MEMORY") == 0 || strcmp(kind, "STACK_OVERFLOW") == 0,
              "a call fails by a limit only", kind);
    }
    mu_thread_free(thread);
    return returned;
}

static void *call_poor(void *context)
{
    race *self = context;
    for (int i = 0; i < ROUNDS; i++) {
        (void)call(self->poor, "deep", 2000);
        (void)call(self->poor, "make", 20);
        (void)call(self->poor, "churn", 20000);
    }
    return NULL;
}

static void *call_rich(void *context)
{
    race *self = context;
    for (int i = 0; i < ROUNDS; i++) {
        check(call(self->rich, "deep", 2000), "the other VM recurses", "");
        check(call(self->rich, "make", 5), "the other VM makes stacks and threads", "");
        check(call(self->rich, "churn", 5000), "the other VM allocates", "");
    }
    return NULL;
}

/* ---- meanwhile */

static void *hold_values(void *context)
{
    enum { FROM_INT = 0x08 };
    race *self = context;
    while (!__atomic_load_n(&self->is_over, __ATOMIC_ACQUIRE)) {
        mu_context *held;
        if (mu_context_new(self->poor, &held) != MU_OK) {
            continue;
        }
        mu_status status = MU_OK;
        for (uint64_t i = 1; i < 50 && status == MU_OK; i++) {
            uint64_t operands[] = {64, i, 0};
            mu_context_operation operation = {
                .op = FROM_INT, .result = i, .operands = operands, .operand_count = 3};
            mu_context_answer *answers;
            uint32_t count;
            uint32_t failed;
            status = mu_context_perform(held, &operation, 1, &answers, &count, &failed, NULL);
            mu_context_answers_free(answers, count);
        }
        check(status == MU_OK || status == MU_LIMIT, "a value is held, or over a limit",
              mu_status_name(status));
        mu_context_free(held);
    }
    return NULL;
}

static void *change_limits(void *context)
{
    race *self = context;
    for (int i = 0; i < CHANGES; i++) {
        uint64_t size = 1u << i % 5;
        mu_vm_limits limits = {.heap_bytes = size << 20,
                               .stack_bytes = size << 16,
                               .stacks_bytes = size << 16,
                               .stacks = (uint32_t)size * 4,
                               .threads = (uint32_t)size * 2,
                               .code_bytes = size << 8,
                               .metadata_bytes = size << 15,
                               .context_handles = (uint32_t)size * 8};
        check(mu_vm_set_limits(self->poor, &limits, NULL) == MU_OK, "limits change", "");
        check(mu_vm_get_limits(self->poor).heap_bytes == limits.heap_bytes, "and are told", "");
        (void)mu_vm_get_stats(self->poor);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return NULL;
}

static mu_vm *make_vm(mu_substrate *substrate)
{
    mu_vm_config config = {.limits.heap_bytes = 16u << 20};
    mu_vm *vm;
    check(mu_vm_new(substrate, &config, &vm) == MU_OK, "a VM is made", "");
    check(mu_vm_load(vm, "race", bundle, strlen(bundle), NULL, NULL) == MU_OK, "it loads", "");
    return vm;
}

int main(void)
{
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_substrate *substrate;
    config.workers = 3;
    check(mu_substrate_new(&config, NULL, &substrate) == MU_OK, "a substrate is made", "");
    race self = {.poor = make_vm(substrate), .rich = make_vm(substrate)};
    pthread_t callers[CALLERS];
    pthread_t rich;
    pthread_t holder;
    pthread_t changer;
    for (int i = 0; i < CALLERS; i++) {
        pthread_create(&callers[i], NULL, call_poor, &self);
    }
    pthread_create(&rich, NULL, call_rich, &self);
    pthread_create(&holder, NULL, hold_values, &self);
    pthread_create(&changer, NULL, change_limits, &self);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i], NULL);
    }
    pthread_join(rich, NULL);
    pthread_join(changer, NULL);
    __atomic_store_n(&self.is_over, true, __ATOMIC_RELEASE);
    pthread_join(holder, NULL);
    mu_vm_limits limits = {.heap_bytes = 16u << 20,
                           .stacks_bytes = 16u << 20,
                           .stack_bytes = 1u << 20,
                           .stacks = 100,
                           .threads = 100,
                           .code_bytes = 1u << 20,
                           .metadata_bytes = 1u << 20};
    check(mu_vm_set_limits(self.poor, &limits, NULL) == MU_OK, "limits change", "");
    check(call(self.poor, "deep", 2000), "with its limits back the VM works as before", "");
    check(call(self.poor, "churn", 20000), "with its limits back the VM works as before", "");
    mu_vm_stats stats = mu_vm_get_stats(self.poor);
    check(stats.context_handles == 0, "no handle is left", "");
    mu_vm_free(self.poor);
    mu_vm_free(self.rich);
    mu_substrate_free(substrate);
    return 0;
}
