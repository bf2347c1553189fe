/* Futexes as one sees them from outside: who waits, on which workers, and what ends a wait. */
#include "vm_fixture.h"

#include <criterion/criterion.h>
#include <time.h>

enum { WAITERS = 6 };

static const char bundle[] =
    ".typedef @i32 = int<32> .typedef @i64 = int<64> .const @zero <@i32> = 0 .const @one <@i32> = "
    "1\n"
    ".global @futex <@i32> .global @other <@i32> .global @order <@i32>\n"
    ".funcsig @w = () -> (@i32) .funcsig @ww = (@i32) -> (@i32) .funcsig @ls = (@i64) -> (@i32)\n"
    ".funcdef @wait VERSION %v1 <@w> { %entry():\n"
    "    %a = COMMINST @uvm.futex.wait <@i32> (@futex @zero)\n"
    "    %b = ATOMICRMW SEQ_CST ADD <@i32> @order @one RET %b }\n"
    ".funcdef @wait_for VERSION %v1 <@ls> { %entry(<@i64> %ns):\n"
    "    %a = COMMINST @uvm.futex.wait_timeout <@i32> (@futex @zero %ns) RET %a }\n"
    ".funcdef @wake VERSION %v1 <@ww> { %entry(<@i32> %n):\n"
    "    %a = COMMINST @uvm.futex.wake <@i32> (@futex %n) RET %a }\n"
    ".funcdef @wake_other VERSION %v1 <@ww> { %entry(<@i32> %n):\n"
    "    %a = COMMINST @uvm.futex.wake <@i32> (@other %n) RET %a }\n"
    ".funcdef @move VERSION %v1 <@ww> { %entry(<@i32> %n):\n"
    "    %a = COMMINST @uvm.futex.cmp_requeue <@i32> (@futex @other @zero %n) RET %a }\n";

static void wait_until_state(mu_thread *thread, mu_thread_state state)
{
    while (mu_thread_get_state(thread) != state) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static mu_thread *start_waiting(vm_fixture *f, const char *function, uint64_t argument)
{
    mu_thread *thread = vm_fixture_start(f, function, argument);
    wait_until_state(thread, MU_THREAD_WAITING);
    return thread;
}

/* Its only result. */
static int32_t result_of(mu_thread *thread)
{
    wait_until_state(thread, MU_THREAD_FINISHED);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED);
    return (int32_t)mu_thread_result(thread, 0).integer;
}

static int32_t call(vm_fixture *f, const char *function, uint64_t argument)
{
    return result_of(vm_fixture_start(f, function, argument));
}

/* One worker: were it occupied by a thread that waits, nothing else would run. */
Test(mu_futex, threads_that_wait_occupy_no_worker, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "futex", bundle);
    for (int i = 0; i < WAITERS; i++) {
        (void)start_waiting(&f, "wait", 0);
    }
    mu_vm_stats stats = mu_vm_get_stats(f.vm);
    cr_assert_eq(stats.threads_waiting, WAITERS);
    cr_assert_eq(stats.threads_running, 0);
    cr_assert_eq(call(&f, "wake", WAITERS + 1), WAITERS);
    vm_fixture_wait(&f, &f.finished, WAITERS + 1);
    cr_assert_eq(mu_vm_get_stats(f.vm).threads_waiting, 0);
    vm_fixture_close(&f);
}

/* One worker runs them in the order they were woken, and each takes the next number. */
Test(mu_futex, threads_are_woken_in_the_order_they_came, .timeout = 60)
{
    vm_fixture f;
    mu_thread *threads[WAITERS];
    vm_fixture_open(&f, 1, "futex", bundle);
    for (int i = 0; i < WAITERS; i++) {
        threads[i] = start_waiting(&f, "wait", 0);
    }
    cr_assert_eq(call(&f, "wake", 2), 2);
    cr_assert_eq(call(&f, "wake", WAITERS), WAITERS - 2);
    for (int i = 0; i < WAITERS; i++) {
        cr_assert_eq(result_of(threads[i]), i);
    }
    vm_fixture_close(&f);
}

Test(mu_futex, requeued_threads_keep_their_order, .timeout = 60)
{
    vm_fixture f;
    mu_thread *threads[WAITERS];
    vm_fixture_open(&f, 1, "futex", bundle);
    for (int i = 0; i < WAITERS; i++) {
        threads[i] = start_waiting(&f, "wait", 0);
    }
    cr_assert_eq(call(&f, "move", 1), 1);
    cr_assert_eq(call(&f, "wake", WAITERS), 0);
    cr_assert_eq(call(&f, "wake_other", 1), 1);
    cr_assert_eq(call(&f, "wake_other", WAITERS), WAITERS - 2);
    for (int i = 0; i < WAITERS; i++) {
        cr_assert_eq(result_of(threads[i]), i);
    }
    vm_fixture_close(&f);
}

Test(mu_futex, a_kill_ends_a_wait_and_is_not_counted_as_woken, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "futex", bundle);
    mu_thread *killed = start_waiting(&f, "wait", 0);
    mu_thread *timed = start_waiting(&f, "wait_for", 3600000000000);
    mu_thread *last = start_waiting(&f, "wait", 0);
    mu_thread_kill(killed);
    mu_thread_kill(timed);
    mu_thread_kill(timed);
    vm_fixture_wait(&f, &f.finished, 2);
    cr_assert_eq(mu_thread_outcome(killed), MU_OUTCOME_KILLED);
    cr_assert_eq(mu_thread_outcome(timed), MU_OUTCOME_KILLED);
    cr_assert_eq(call(&f, "wake", 3), 1);
    cr_assert_eq(result_of(last), 0);
    vm_fixture_close(&f);
}

Test(mu_futex, a_timeout_is_not_over_before_its_time_nor_long_after, .timeout = 60)
{
    vm_fixture f;
    struct timespec begun, ended;
    vm_fixture_open(&f, 1, "futex", bundle);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    cr_assert_eq(call(&f, "wait_for", 100000000), -3);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double seconds =
        (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) * 1e-9;
    cr_assert_geq(seconds, 0.1);
    cr_assert_lt(seconds, 10);
    cr_assert_eq(call(&f, "wake", 1), 0);
    vm_fixture_close(&f);
}

/* Each of them would stay for an hour, or for ever. */
Test(mu_futex, the_end_of_a_vm_ends_its_waits, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "futex", bundle);
    for (int i = 0; i < WAITERS; i++) {
        (void)start_waiting(&f, i % 2 ? "wait" : "wait_for", 3600000000000);
    }
    mu_vm_free(f.vm);
    cr_assert_eq(f.finished, WAITERS);
    mu_substrate_free(f.substrate);
    mu_report_free(f.report);
}

Test(mu_futex, a_collection_between_leaves_the_queues_as_they_are, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "futex", bundle);
    for (int i = 0; i < WAITERS; i++) {
        (void)start_waiting(&f, "wait", 0);
        mu_vm_collect(f.vm);
    }
    cr_assert_eq(call(&f, "wake", WAITERS), WAITERS);
    vm_fixture_wait(&f, &f.finished, WAITERS + 1);
    vm_fixture_close(&f);
}
