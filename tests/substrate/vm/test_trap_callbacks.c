/* Who may wake a trapped thread, and when it runs on. */
#include "mu.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

static const char trapping[] =
    ".typedef @i64 = int<64> .funcsig @v_i = () -> (@i64)\n"
    ".funcdef @f VERSION %v1 <@v_i> { %entry(): %x = TRAP <@i64> RET (%x) }\n";

typedef struct fixture {
    mu_substrate *substrate;
    mu_vm *vm;
    mu_report *report;
    mu_thread *thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_told, finished, finished_while_told;
    mu_status resumed;
} fixture;

static void open_thread(fixture *f)
{
    mu_substrate_config config = {.workers = 2};
    mu_vm_config vm_config = {.heap_bytes = 16u << 20};
    *f = (fixture){.report = mu_report_new(),
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .changed = PTHREAD_COND_INITIALIZER};
    cr_assert_eq(mu_substrate_new(&config, f->report, &f->substrate), MU_OK);
    cr_assert_eq(mu_vm_new(f->substrate, &vm_config, &f->vm), MU_OK);
    cr_assert_eq(mu_vm_load(f->vm, "trap", trapping, strlen(trapping), f->report, NULL), MU_OK);
    cr_assert_eq(
        mu_thread_new(f->vm, mu_vm_find_function(f->vm, "f"), NULL, 0, f->report, &f->thread),
        MU_OK);
}

static void close_thread(fixture *f)
{
    mu_thread_free(f->thread);
    mu_vm_free(f->vm);
    mu_substrate_free(f->substrate);
    mu_report_free(f->report);
}

static void set(fixture *f, bool *flag, bool value)
{
    pthread_mutex_lock(&f->lock);
    *flag = value;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void wait_for(fixture *f, const bool *flag)
{
    pthread_mutex_lock(&f->lock);
    while (!*flag) {
        pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
}

static void on_finished(mu_thread *thread, void *context)
{
    fixture *f = context;
    (void)thread;
    pthread_mutex_lock(&f->lock);
    f->finished = true;
    f->finished_while_told = f->is_told;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void on_trapped_slowly(mu_thread *thread, void *context)
{
    fixture *f = context;
    (void)thread;
    set(f, &f->is_told, true);
    /* Time enough for the other worker to end the thread, if anything lets it. */
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    set(f, &f->is_told, false);
}

Test(mu_trap_callbacks, a_thread_killed_while_its_handler_is_told_finishes_after_that,
     .timeout = 60)
{
    fixture f;
    open_thread(&f);
    mu_thread_start(f.thread, on_trapped_slowly, on_finished, &f);
    wait_for(&f, &f.is_told);
    mu_thread_kill(f.thread);
    wait_for(&f, &f.finished);
    cr_assert_not(f.finished_while_told);
    cr_assert_eq(mu_thread_outcome(f.thread), MU_OUTCOME_KILLED);
    close_thread(&f);
}

static void on_trapped_resume(mu_thread *thread, void *context)
{
    fixture *f = context;
    mu_value seven = {.kind = MU_VALUE_INT, .bits = 64, .integer = 7};
    set(f, &f->is_told, true);
    f->resumed = mu_thread_resume(thread, &seven, 1, f->report);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    set(f, &f->is_told, false);
}

Test(mu_trap_callbacks, a_handler_resumes_from_inside_of_its_callback, .timeout = 60)
{
    fixture f;
    open_thread(&f);
    mu_thread_start(f.thread, on_trapped_resume, on_finished, &f);
    wait_for(&f, &f.finished);
    cr_assert_eq(f.resumed, MU_OK);
    cr_assert_not(f.finished_while_told);
    cr_assert_eq(mu_thread_outcome(f.thread), MU_OUTCOME_RETURNED);
    cr_assert_eq(mu_thread_result(f.thread, 0).integer, 7);
    close_thread(&f);
}

Test(mu_vm_load, loads_into_one_vm_have_a_limit_and_all_go_with_it, .timeout = 120)
{
    enum { MOST = 16384 };
    fixture f;
    open_thread(&f);
    mu_status status = MU_OK;
    uint32_t loaded = 1;
    while (status == MU_OK && loaded <= MOST) {
        status = mu_vm_load(f.vm, "empty", "", 0, f.report, NULL);
        loaded += status == MU_OK;
    }
    cr_assert_eq(status, MU_LIMIT);
    cr_assert_eq(loaded, MOST);
    close_thread(&f);
}
