/* Who may wake a trapped thread, and when it runs on. */
#include "vm_fixture.h"

#include <criterion/criterion.h>
#include <time.h>

static const char trapping[] =
    ".typedef @i64 = int<64> .funcsig @v_i = () -> (@i64)\n"
    ".funcdef @f VERSION %v1 <@v_i> { %entry(): %x = TRAP <@i64> RET (%x) }\n";

typedef struct fixture {
    vm_fixture base;
    mu_thread *thread;
    uint32_t is_told, is_finished;
    bool finished_while_told;
    mu_status resumed;
} fixture;

static void open_thread(fixture *f)
{
    *f = (fixture){0};
    vm_fixture_open(&f->base, 2, "trap", trapping);
    f->thread = vm_fixture_thread(&f->base, "f", 0);
}

static void close_thread(fixture *f)
{
    mu_thread_free(f->thread);
    vm_fixture_close(&f->base);
}

static void on_finished(mu_thread *thread, void *context)
{
    fixture *f = context;
    (void)thread;
    pthread_mutex_lock(&f->base.lock);
    f->finished_while_told = f->is_told;
    pthread_mutex_unlock(&f->base.lock);
    vm_fixture_set(&f->base, &f->is_finished, true);
}

static void on_trapped_slowly(mu_thread *thread, void *context)
{
    fixture *f = context;
    (void)thread;
    vm_fixture_set(&f->base, &f->is_told, true);
    /* Time enough for the other worker to end the thread, if anything lets it. */
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    vm_fixture_set(&f->base, &f->is_told, false);
}

Test(mu_trap_callbacks, a_thread_killed_while_its_handler_is_told_finishes_after_that,
     .timeout = 60)
{
    fixture f;
    open_thread(&f);
    mu_thread_start(f.thread, on_trapped_slowly, on_finished, &f);
    vm_fixture_wait(&f.base, &f.is_told, true);
    mu_thread_kill(f.thread);
    vm_fixture_wait(&f.base, &f.is_finished, true);
    cr_assert_not(f.finished_while_told);
    cr_assert_eq(mu_thread_outcome(f.thread), MU_OUTCOME_KILLED);
    close_thread(&f);
}

static void on_trapped_resume(mu_thread *thread, void *context)
{
    fixture *f = context;
    mu_value seven = {.kind = MU_VALUE_INT, .bits = 64, .integer = 7};
    vm_fixture_set(&f->base, &f->is_told, true);
    f->resumed = mu_thread_resume(thread, &seven, 1, f->base.report);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    vm_fixture_set(&f->base, &f->is_told, false);
}

Test(mu_trap_callbacks, a_handler_resumes_from_inside_of_its_callback, .timeout = 60)
{
    fixture f;
    open_thread(&f);
    mu_thread_start(f.thread, on_trapped_resume, on_finished, &f);
    vm_fixture_wait(&f.base, &f.is_finished, true);
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
        status = mu_vm_load(f.base.vm, "empty", "", 0, f.base.report, NULL);
        loaded += status == MU_OK;
    }
    cr_assert_eq(status, MU_LIMIT);
    cr_assert_eq(loaded, MOST);
    close_thread(&f);
}
