/* Bundles that programs load themselves: what is said when one is refused, how much they may have,
 * and that nobody waits for a load for ever. */
#include "mu.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { THREADS = 16 };

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @i8 = int<8> .const @zero <@i64> = 0\n"
    ".const @one <@i64> = 1 .const @open <@i8> = 0x2e\n"
    ".funcsig @i_v = (@i64) -> ()\n"
    /* Loads a text of n characters: a full stop, and then such as are not allowed. */
    ".funcdef @load VERSION %v1 <@i_v> { %entry(<@i64> %n):\n"
    "    %r = NEWHYBRID <@uvm.meta.bytes @i64> %n\n"
    "    %i = GETIREF <@uvm.meta.bytes> %r\n"
    "    %l = GETFIELDIREF <@uvm.meta.bytes 0> %i\n"
    "    STORE <@i64> %l %n\n"
    "    %v = GETVARPARTIREF <@uvm.meta.bytes> %i\n"
    "    STORE <@i8> %v @open\n"
    "    COMMINST @uvm.meta.load_bundle (%r) RET () }\n"
    ".funcdef @load_often VERSION %v1 <@i_v> { %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): CALL <@i_v> @load (%n) EXC(%head(%n) %head(%n)) }\n";

typedef struct fixture {
    mu_substrate *substrate;
    mu_vm *vm;
    mu_report *report;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t finished;
} fixture;

static void open_vm(fixture *f)
{
    mu_substrate_config config = {.workers = 2};
    mu_vm_config vm_config = {.heap_bytes = 256u << 20};
    *f = (fixture){.report = mu_report_new(),
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .changed = PTHREAD_COND_INITIALIZER};
    cr_assert_eq(mu_substrate_new(&config, f->report, &f->substrate), MU_OK);
    cr_assert_eq(mu_vm_new(f->substrate, &vm_config, &f->vm), MU_OK);
    cr_assert_eq(mu_vm_load(f->vm, "loads", bundle, strlen(bundle), f->report, NULL), MU_OK);
}

static void on_trapped(mu_thread *thread, void *context)
{
    (void)context;
    mu_thread_kill(thread);
}

static void on_finished(mu_thread *thread, void *context)
{
    fixture *f = context;
    (void)thread;
    pthread_mutex_lock(&f->lock);
    f->finished++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static mu_thread *start(fixture *f, const char *function, uint64_t argument)
{
    mu_value value = {.kind = MU_VALUE_INT, .bits = 64, .integer = argument};
    mu_thread *thread;
    cr_assert_eq(
        mu_thread_new(f->vm, mu_vm_find_function(f->vm, function), &value, 1, f->report, &thread),
        MU_OK);
    mu_thread_start(thread, on_trapped, on_finished, f);
    return thread;
}

static mu_thread_error error_of(fixture *f, mu_thread *thread, uint32_t finished)
{
    pthread_mutex_lock(&f->lock);
    while (f->finished < finished) {
        pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_ERROR);
    return mu_thread_get_error(thread);
}

static void close_vm(fixture *f)
{
    mu_vm_free(f->vm);
    mu_substrate_free(f->substrate);
    mu_report_free(f->report);
}

Test(mu_program_loads, a_refusal_says_where_and_what, .timeout = 60)
{
    fixture f;
    open_vm(&f);
    mu_thread_error error = error_of(&f, start(&f, "load", 8), 1);
    cr_assert_str_eq(error.kind, "BUNDLE_REFUSED");
    cr_assert(strstr(error.message, "loaded by @load:1:1: "), "%s", error.message);
    close_vm(&f);
}

Test(mu_program_loads, all_that_a_program_loads_may_have_as_much_as_one_upload, .timeout = 60)
{
    fixture f;
    open_vm(&f);
    mu_thread_error error = error_of(&f, start(&f, "load", 40u << 20), 1);
    cr_assert(strstr(error.message, "loaded by @load:1:1: "), "%s", error.message);
    error = error_of(&f, start(&f, "load", 40u << 20), 2);
    cr_assert_str_eq(error.kind, "BUNDLE_REFUSED");
    cr_assert(strstr(error.message, "64 MiB"), "%s", error.message);
    error = error_of(&f, start(&f, "load", 8u << 20), 3);
    cr_assert(strstr(error.message, "loaded by @load:1:1: "), "%s", error.message);
    close_vm(&f);
}

/* Most of them wait for their turn at any time; some are killed while they do. */
Test(mu_program_loads, threads_that_wait_to_load_can_be_killed, .timeout = 60)
{
    fixture f;
    mu_thread *threads[THREADS];
    open_vm(&f);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = start(&f, "load_often", 100);
    }
    for (int i = 0; i < THREADS / 2; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        mu_thread_kill(threads[2 * i]);
    }
    pthread_mutex_lock(&f.lock);
    while (f.finished < THREADS / 2) {
        pthread_cond_wait(&f.changed, &f.lock);
    }
    pthread_mutex_unlock(&f.lock);
    mu_vm_collect(f.vm);
    mu_vm_free(f.vm);
    cr_assert_eq(f.finished, THREADS);
    mu_substrate_free(f.substrate);
    mu_report_free(f.report);
}
