/* What ends threads from outside, wherever they are: cancelling, killing, budgets. */
#include "vm_fixture.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

/* @swallow goes on for ever whatever it catches; @clean ends when it has caught something. */
static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @i32 = int<32> .typedef @i1 = int<1> .typedef @void = void\n"
    ".typedef @rv = ref<@void> .typedef @box = hybrid<@i64 @i64> .typedef @rb = ref<@box>\n"
    ".const @n0 <@i64> = 0 .const @n1 <@i64> = 1 .const @n7 <@i64> = 7 .const @big <@i64> = 500\n"
    ".const @w0 <@i32> = 0 .const @long <@i64> = 3600000000000 .global @cell <@i32>\n"
    ".funcsig @v_i = () -> (@i64) .funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcdef @spin VERSION %v1 <@v_i> { %entry(): BRANCH %loop() %loop(): BRANCH %loop() }\n"
    ".funcdef @recurse VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done(%n) %more(%n)\n"
    "  %more(<@i64> %n): %m = SUB <@i64> %n @n1\n"
    "    %a = CALL <@i_i> @recurse (%m) %b = CALL <@i_i> @recurse (%m) RET %b\n"
    "  %done(<@i64> %n): RET @n0 }\n"
    ".funcdef @deep VERSION %v1 <@v_i> {\n"
    "  %entry(): %r = CALL <@i_i> @recurse (@n62) RET %r }\n"
    ".const @n62 <@i64> = 62\n"
    ".funcdef @allocate VERSION %v1 <@v_i> {\n"
    "  %entry(): BRANCH %loop() %loop(): %b = NEWHYBRID <@box @i64> @big BRANCH %loop() }\n"
    ".funcdef @wait VERSION %v1 <@v_i> {\n"
    "  %entry(): %x = COMMINST @uvm.futex.wait <@i32> (@cell @w0) RET @n1 }\n"
    ".funcdef @sleep VERSION %v1 <@v_i> {\n"
    "  %entry(): %x = COMMINST @uvm.futex.wait_timeout <@i32> (@cell @w0 @long) RET @n1 }\n"
    ".funcdef @trap VERSION %v1 <@v_i> { %entry(): TRAP <> RET @n1 }\n"
    ".funcdef @swallow VERSION %v1 <@v_i> {\n"
    "  %entry(): BRANCH %loop() %loop(): %r = CALL <@v_i> @spin () EXC(%loop() %loop()) }\n"
    ".funcdef @clean_spin VERSION %v1 <@v_i> {\n"
    "  %entry(): %r = CALL <@v_i> @spin () EXC(%done() %caught())\n"
    "  %caught(): RET @n7  %done(): RET @n1 }\n"
    ".funcdef @clean_wait VERSION %v1 <@v_i> {\n"
    "  %entry(): %r = CALL <@v_i> @wait () EXC(%done() %caught())\n"
    "  %caught(): RET @n7  %done(): RET @n1 }\n"
    ".funcdef @clean_trap VERSION %v1 <@v_i> {\n"
    "  %entry(): TRAP <> EXC(%done() %caught())\n"
    "  %caught(): RET @n7  %done(): RET @n1 }\n";

#define MS      1000000ull
#define SECOND  (1000 * MS)
#define FOREVER UINT64_MAX

static void sleep_ms(long count)
{
    struct timespec time = {.tv_sec = count / 1000, .tv_nsec = count % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static void on_trapped(mu_thread *thread, void *context)
{
    (void)thread;
    (void)context;
}

static void on_finished(mu_thread *thread, void *context)
{
    vm_fixture *f = context;
    (void)thread;
    vm_fixture_set(f, &f->finished, f->finished + 1);
}

static mu_thread *start(vm_fixture *f, const char *function)
{
    mu_thread *thread = vm_fixture_thread(f, function, 0);
    mu_thread_start(thread, on_trapped, on_finished, f);
    return thread;
}

static void wait_for_state(mu_thread *thread, mu_thread_state state)
{
    while (mu_thread_get_state(thread) != state) {
        sleep_ms(1);
    }
}

/* Until it is surely in its loop. */
static void run_for(mu_thread *thread, uint64_t ms, mu_thread_state state)
{
    while (state == MU_THREAD_RUNNING && mu_thread_cpu_ns(thread) < ms * MS) {
        sleep_ms(1);
    }
}

static void expect_error(mu_thread *thread, const char *kind)
{
    cr_expect_eq(mu_thread_outcome(thread), MU_OUTCOME_ERROR, "outcome %d",
                 (int)mu_thread_outcome(thread));
    cr_expect_str_eq(mu_thread_get_error(thread).kind, kind);
}

/* Somewhere in it for a while, unless it waits. */
static const struct {
    const char *function;
    mu_thread_state state;
} places[] = {{"spin", MU_THREAD_RUNNING},     {"deep", MU_THREAD_RUNNING},
              {"allocate", MU_THREAD_RUNNING}, {"wait", MU_THREAD_WAITING},
              {"sleep", MU_THREAD_WAITING},    {"trap", MU_THREAD_TRAPPED}};
enum { PLACES = sizeof places / sizeof *places };

static mu_thread *start_at(vm_fixture *f, uint32_t place)
{
    mu_thread *thread = start(f, places[place].function);
    wait_for_state(thread, places[place].state);
    run_for(thread, 20, places[place].state);
    return thread;
}

Test(mu_ending, a_kill_reaches_a_thread_wherever_it_is, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "ends", bundle);
    for (uint32_t i = 0; i < PLACES; i++) {
        mu_thread *thread = start_at(&f, i);
        mu_thread_kill(thread);
        vm_fixture_wait(&f, &f.finished, i + 1);
        cr_expect_eq(mu_thread_outcome(thread), MU_OUTCOME_KILLED, "%s", places[i].function);
        mu_thread_free(thread);
    }
    vm_fixture_close(&f);
}

Test(mu_ending, an_uncaught_cancellation_is_an_error_wherever_the_thread_is, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "ends", bundle);
    for (uint32_t i = 0; i < PLACES; i++) {
        mu_thread *thread = start_at(&f, i);
        mu_thread_cancel(thread, 100 * SECOND);
        vm_fixture_wait(&f, &f.finished, i + 1);
        expect_error(thread, "CANCELLED");
        mu_thread_cancel(thread, 0); /* finished: nothing happens */
        expect_error(thread, "CANCELLED");
        mu_thread_free(thread);
    }
    vm_fixture_close(&f);
}

Test(mu_ending, a_cancellation_can_be_caught, .timeout = 60)
{
    static const char *const functions[] = {"clean_spin", "clean_wait", "clean_trap"};
    static const mu_thread_state states[] = {MU_THREAD_RUNNING, MU_THREAD_WAITING,
                                             MU_THREAD_TRAPPED};
    vm_fixture f;
    vm_fixture_open(&f, 1, "ends", bundle);
    for (uint32_t i = 0; i < 3; i++) {
        mu_thread *thread = start(&f, functions[i]);
        wait_for_state(thread, states[i]);
        run_for(thread, 30, states[i]);
        mu_thread_cancel(thread, FOREVER);
        vm_fixture_wait(&f, &f.finished, i + 1);
        cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED, "%s", functions[i]);
        cr_expect_eq(mu_thread_result(thread, 0).integer, 7);
        mu_thread_free(thread);
    }
    vm_fixture_close(&f);
}

Test(mu_ending, who_goes_on_after_a_cancellation_is_killed_after_the_grace, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "ends", bundle);
    mu_thread *thread = start(&f, "swallow");
    run_for(thread, 30, MU_THREAD_RUNNING);
    mu_thread_cancel(thread, 150 * MS);
    sleep_ms(50);
    cr_expect_eq(f.finished, 0, "a cancellation that was caught ended the thread");
    vm_fixture_wait(&f, &f.finished, 1);
    cr_expect_eq(mu_thread_outcome(thread), MU_OUTCOME_KILLED);
    vm_fixture_close(&f);
}

Test(mu_ending, a_later_cancellation_shortens_the_grace_only, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "ends", bundle);
    mu_thread *thread = start(&f, "swallow");
    run_for(thread, 30, MU_THREAD_RUNNING);
    mu_thread_cancel(thread, FOREVER);
    mu_thread_cancel(thread, 3600 * SECOND);
    sleep_ms(30);
    cr_expect_eq(f.finished, 0);
    mu_thread_cancel(thread, 20 * MS);
    mu_thread_cancel(thread, 3600 * SECOND);
    vm_fixture_wait(&f, &f.finished, 1);
    cr_expect_eq(mu_thread_outcome(thread), MU_OUTCOME_KILLED);
    vm_fixture_close(&f);
}

Test(mu_ending, a_thread_may_be_cancelled_before_it_starts, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "ends", bundle);
    mu_thread *thread = vm_fixture_thread(&f, "spin", 0);
    mu_thread *never = vm_fixture_thread(&f, "spin", 0);
    mu_thread_cancel(thread, 100 * SECOND);
    mu_thread_cancel(never, 100 * SECOND);
    mu_thread_start(thread, on_trapped, on_finished, &f);
    vm_fixture_wait(&f, &f.finished, 1);
    expect_error(thread, "CANCELLED");
    mu_thread_free(never);
    vm_fixture_close(&f);
}

/* The one worker has hundreds before it; waiting for its turn would take seconds. */
Test(mu_ending, who_waits_for_a_worker_is_reached_at_once, .timeout = 60)
{
    enum { HOGS = 600 };
    vm_fixture f;
    struct timespec before, after;
    vm_fixture_open(&f, 1, "ends", bundle);
    for (uint32_t i = 0; i < HOGS; i++) {
        start(&f, "spin");
    }
    mu_thread *killed = start(&f, "spin");
    mu_thread *cancelled = start(&f, "spin");
    clock_gettime(CLOCK_MONOTONIC, &before);
    mu_thread_kill(killed);
    mu_thread_cancel(cancelled, FOREVER);
    vm_fixture_wait(&f, &f.finished, 2);
    clock_gettime(CLOCK_MONOTONIC, &after);
    cr_expect_eq(mu_thread_outcome(killed), MU_OUTCOME_KILLED);
    expect_error(cancelled, "CANCELLED");
    cr_expect_lt(after.tv_sec - before.tv_sec, 2, "they took their turn");
    vm_fixture_close(&f);
}

/* ---- budgets */

static void expect_budget(vm_fixture *f, const char *function, uint32_t others)
{
    uint32_t before = f->finished;
    mu_thread *hogs[8];
    mu_thread *thread = vm_fixture_thread(f, function, 0);
    for (uint32_t i = 0; i < others; i++) {
        hogs[i] = start(f, "spin");
    }
    mu_thread_set_cpu_budget(thread, 30 * MS);
    mu_thread_start(thread, on_trapped, on_finished, f);
    vm_fixture_wait(f, &f->finished, before + 1);
    expect_error(thread, "CPU_BUDGET");
    uint64_t used = mu_thread_cpu_ns(thread);
    cr_expect(used >= 30 * MS && used < 5000 * MS, "%s had %llu ns", function,
              (unsigned long long)used);
    for (uint32_t i = 0; i < others; i++) {
        mu_thread_kill(hogs[i]);
    }
    vm_fixture_wait(f, &f->finished, before + 1 + others);
}

/* @swallow would catch what can be caught. */
Test(mu_ending, a_budget_ends_a_thread_alone_and_beside_others, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "ends", bundle);
    expect_budget(&f, "spin", 0);
    expect_budget(&f, "allocate", 0);
    expect_budget(&f, "swallow", 4);
    expect_budget(&f, "deep", 1);
    vm_fixture_close(&f);
}

Test(mu_ending, a_budget_may_change_while_the_thread_runs, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "ends", bundle);
    mu_thread *thread = start(&f, "spin");
    mu_thread_set_cpu_budget(thread, 3600 * SECOND);
    mu_thread_set_cpu_budget(thread, 1);
    mu_thread_set_cpu_budget(thread, 0);
    mu_thread *second = start(&f, "spin");
    sleep_ms(50);
    mu_thread_set_cpu_budget(second, 1);
    vm_fixture_wait(&f, &f.finished, 1);
    vm_fixture_close(&f);
}

Test(mu_ending, waiting_uses_up_no_budget, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "ends", bundle);
    mu_thread *thread = vm_fixture_thread(&f, "clean_wait", 0);
    mu_thread_set_cpu_budget(thread, 5 * SECOND);
    mu_thread_start(thread, on_trapped, on_finished, &f);
    wait_for_state(thread, MU_THREAD_WAITING);
    uint64_t used = mu_thread_cpu_ns(thread);
    sleep_ms(30);
    cr_expect_eq(mu_thread_cpu_ns(thread), used);
    mu_thread_cancel(thread, FOREVER);
    vm_fixture_wait(&f, &f.finished, 1);
    cr_expect_eq(mu_thread_result(thread, 0).integer, 7);
    vm_fixture_close(&f);
}
