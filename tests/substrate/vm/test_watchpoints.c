/* Watchpoints that are enabled and disabled while threads run, in VMs that share their code. */
#include "mu.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

/* @spin goes round until its watchpoint, of id 7, traps and is resumed; @turn until 8 is enabled.
 */
static const char program[] =
    ".typedef @i64 = int<64> .const @0 <@i64> = 0 .const @1 <@i64> = 1\n"
    ".funcsig @.i = () -> (@i64)\n"
    ".funcdef @spin VERSION %v1 <@.i> {\n"
    "  %entry(): BRANCH %again(@0 @1)\n"
    "  %again(<@i64> %n <@i64> %m):\n"
    "    %k = ADD <@i64> %n @1\n"
    "    %r = [%w] WATCHPOINT 7 <@i64> %again(%k %m) %exit(%r %m) WPEXC(%thrown(%m)) "
    "KEEPALIVE(%n %m)\n"
    "  %exit(<@i64> %n <@i64> %m): %s = ADD <@i64> %n %m RET %s\n"
    "  %thrown(<@i64> %m): RET %m\n"
    "}\n"
    ".funcdef @turn VERSION %v1 <@.i> {\n"
    "  %entry(): BRANCH %again(@0)\n"
    "  %again(<@i64> %n): %k = ADD <@i64> %n @1 WPBRANCH 8 %again(%k) %exit(%k)\n"
    "  %exit(<@i64> %n): RET %n\n"
    "}\n";

enum { RUNS_MAX = 8 };

typedef struct run {
    mu_thread *thread;
    struct fixture *fixture;
    bool is_finished;
    uint32_t traps;
    uint32_t watchpoint; /* of the last trap */
} run;

typedef struct fixture {
    mu_substrate *substrate;
    mu_vm *vms[2];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t answer;
    run runs[RUNS_MAX];
} fixture;

static void load(mu_vm *vm)
{
    mu_report *report = mu_report_new();
    mu_status status = mu_vm_load(vm, "watch", program, strlen(program), report, NULL);
    char *text = mu_report_text(report);
    cr_assert_eq(status, MU_OK, "%s", text);
    mu_free(text);
    mu_report_free(report);
}

static void open_vms(fixture *f)
{
    mu_substrate_config config = {.workers = 3};
    mu_vm_config vm_config = {.limits.heap_bytes = 16u << 20};
    *f = (fixture){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    cr_assert_eq(mu_substrate_new(&config, NULL, &f->substrate), MU_OK);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(mu_vm_new(f->substrate, &vm_config, &f->vms[i]), MU_OK);
        load(f->vms[i]);
    }
}

static void close_vms(fixture *f)
{
    for (int i = 0; i < 2; i++) {
        mu_vm_free(f->vms[i]);
    }
    mu_substrate_free(f->substrate);
}

static void on_trapped(mu_thread *thread, void *context)
{
    run *at = context;
    mu_value answer = {.kind = MU_VALUE_INT, .bits = 64};
    pthread_mutex_lock(&at->fixture->lock);
    at->traps++;
    at->watchpoint = mu_thread_trap(thread).watchpoint;
    answer.integer = at->fixture->answer;
    pthread_mutex_unlock(&at->fixture->lock);
    cr_assert_eq(mu_thread_resume(thread, &answer, 1, NULL), MU_OK);
}

static void on_finished(mu_thread *thread, void *context)
{
    run *at = context;
    (void)thread;
    pthread_mutex_lock(&at->fixture->lock);
    at->is_finished = true;
    pthread_cond_broadcast(&at->fixture->changed);
    pthread_mutex_unlock(&at->fixture->lock);
}

static void start(fixture *f, uint32_t index, int vm, const char *function)
{
    run *at = &f->runs[index];
    *at = (run){.fixture = f};
    cr_assert_eq(mu_thread_new(f->vms[vm], mu_vm_find_function(f->vms[vm], function), NULL, 0, NULL,
                               &at->thread),
                 MU_OK);
    mu_thread_start(at->thread, on_trapped, on_finished, at);
}

/* Waits, and gives the result. */
static uint64_t finish(fixture *f, uint32_t index)
{
    run *at = &f->runs[index];
    pthread_mutex_lock(&f->lock);
    while (!at->is_finished) {
        pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    cr_assert_eq(mu_thread_outcome(at->thread), MU_OUTCOME_RETURNED);
    uint64_t result = mu_thread_result(at->thread, 0).integer;
    mu_thread_free(at->thread);
    return result;
}

static void sleep_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

TestSuite(mu_vm_watch, .timeout = 120);

Test(mu_vm_watch, running_thread_comes_to_what_is_enabled)
{
    fixture f;
    open_vms(&f);
    f.answer = 41;
    start(&f, 0, 0, "spin");
    sleep_ms(20);
    cr_assert_not(f.runs[0].is_finished);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], 7), MU_OK);
    cr_assert_eq(finish(&f, 0), 42);
    cr_assert_eq(f.runs[0].traps, 1);
    cr_assert_eq(f.runs[0].watchpoint, 7);
    close_vms(&f);
}

Test(mu_vm_watch, other_vm_with_the_same_code_goes_on)
{
    fixture f;
    open_vms(&f);
    f.answer = 1;
    start(&f, 0, 0, "spin");
    start(&f, 1, 1, "spin");
    start(&f, 2, 1, "turn");
    sleep_ms(20);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], 7), MU_OK);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], 8), MU_OK);
    /* In the same place of the filter: the second VM has to ask about 7 and 8. */
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[1], 7 + 64), MU_OK);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[1], 7 + 128), MU_OK);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[1], 8 + 64), MU_OK);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[1], 8 + 128), MU_OK);
    cr_assert_eq(finish(&f, 0), 2);
    sleep_ms(50);
    cr_assert_not(f.runs[1].is_finished);
    cr_assert_eq(f.runs[1].traps, 0);
    cr_assert_not(f.runs[2].is_finished);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[1], 7), MU_OK);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[1], 8), MU_OK);
    cr_assert_eq(finish(&f, 1), 2);
    cr_assert_gt(finish(&f, 2), 1);
    close_vms(&f);
}

/* What the first VM does to the sites goes when that VM goes. */
Test(mu_vm_watch, vm_that_ends_leaves_no_watchpoint_enabled)
{
    fixture f;
    open_vms(&f);
    f.answer = 1;
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], 7), MU_OK);
    start(&f, 0, 0, "spin");
    cr_assert_eq(finish(&f, 0), 2);
    mu_vm_free(f.vms[0]);
    mu_vm_config vm_config = {.limits.heap_bytes = 16u << 20};
    cr_assert_eq(mu_vm_new(f.substrate, &vm_config, &f.vms[0]), MU_OK);
    load(f.vms[0]);
    start(&f, 0, 0, "spin");
    start(&f, 1, 1, "spin");
    sleep_ms(30);
    cr_assert_not(f.runs[0].is_finished);
    cr_assert_not(f.runs[1].is_finished);
    mu_thread_kill(f.runs[0].thread);
    mu_thread_kill(f.runs[1].thread);
    close_vms(&f);
}

Test(mu_vm_watch, code_that_is_compiled_later_is_enabled_too)
{
    fixture f;
    open_vms(&f);
    f.answer = 5;
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[1], 8), MU_OK);
    start(&f, 0, 1, "turn");
    cr_assert_eq(finish(&f, 0), 1);
    /* Compiled by now, and switched: the other VM is not concerned. */
    start(&f, 1, 0, "turn");
    sleep_ms(20);
    cr_assert_not(f.runs[1].is_finished);
    cr_assert_eq(mu_vm_disable_watchpoint(f.vms[1], 8), MU_OK);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], 8), MU_OK);
    cr_assert_gt(finish(&f, 1), 1);
    close_vms(&f);
}

typedef struct toggler {
    mu_vm *vm;
    uint32_t id;
    bool *is_over;
} toggler;

static void *toggle(void *context)
{
    const toggler *at = context;
    while (!__atomic_load_n(at->is_over, __ATOMIC_ACQUIRE)) {
        cr_assert_eq(mu_vm_enable_watchpoint(at->vm, at->id), MU_OK);
        cr_assert_eq(mu_vm_disable_watchpoint(at->vm, at->id), MU_OK);
    }
    return NULL;
}

/* Threads of both VMs run through sites whose first byte changes all the time. */
Test(mu_vm_watch, sites_may_be_switched_under_running_threads)
{
    fixture f;
    open_vms(&f);
    f.answer = 1;
    bool is_over = false;
    toggler togglers[3] = {
        {f.vms[0], 7, &is_over}, {f.vms[1], 7, &is_over}, {f.vms[0], 8, &is_over}};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, toggle, &togglers[i]), 0);
    }
    for (uint32_t round = 0; round < 200; round++) {
        start(&f, 0, 0, "spin");
        start(&f, 1, 1, "spin");
        start(&f, 2, 0, "turn");
        cr_assert_eq(finish(&f, 0), 2);
        cr_assert_eq(finish(&f, 1), 2);
        cr_assert_geq(finish(&f, 2), 1);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    close_vms(&f);
}

Test(mu_vm_watch, id_0_and_too_many_are_refused)
{
    fixture f;
    open_vms(&f);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], 0), MU_INVALID);
    cr_assert_eq(mu_vm_disable_watchpoint(f.vms[0], 0), MU_INVALID);
    cr_assert_eq(mu_vm_disable_watchpoint(f.vms[0], 9), MU_OK);
    for (uint32_t id = 0; id < MU_VM_MAX_WATCHPOINTS; id++) {
        cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], UINT32_MAX - id * 64), MU_OK);
    }
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], 1), MU_LIMIT);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], UINT32_MAX), MU_OK);
    cr_assert_eq(mu_vm_disable_watchpoint(f.vms[0], UINT32_MAX), MU_OK);
    cr_assert_eq(mu_vm_enable_watchpoint(f.vms[0], 1), MU_OK);
    close_vms(&f);
}
