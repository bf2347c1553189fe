/* Bundles that programs load themselves: what is said when one is refused, how much they may have,
 * and that nobody waits for a load for ever. */
#include "vm_fixture.h"

#include <criterion/criterion.h>
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

static mu_thread_error error_of(vm_fixture *f, mu_thread *thread, uint32_t finished)
{
    vm_fixture_wait(f, &f->finished, finished);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_ERROR);
    return mu_thread_get_error(thread);
}

Test(mu_program_loads, a_refusal_says_where_and_what, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "loads", bundle);
    mu_thread_error error = error_of(&f, vm_fixture_start(&f, "load", 8), 1);
    cr_assert_str_eq(error.kind, "BUNDLE_REFUSED");
    cr_assert(strstr(error.message, "loaded by @load:1:1: "), "%s", error.message);
    vm_fixture_close(&f);
}

Test(mu_program_loads, all_that_a_program_loads_may_have_as_much_as_one_upload, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "loads", bundle);
    mu_thread_error error = error_of(&f, vm_fixture_start(&f, "load", 40u << 20), 1);
    cr_assert(strstr(error.message, "loaded by @load:1:1: "), "%s", error.message);
    error = error_of(&f, vm_fixture_start(&f, "load", 40u << 20), 2);
    cr_assert_str_eq(error.kind, "BUNDLE_REFUSED");
    cr_assert(strstr(error.message, "64 MiB"), "%s", error.message);
    error = error_of(&f, vm_fixture_start(&f, "load", 8u << 20), 3);
    cr_assert(strstr(error.message, "loaded by @load:1:1: "), "%s", error.message);
    vm_fixture_close(&f);
}

/* It would go on for many times as long. */
Test(mu_program_loads, a_load_is_given_up_when_its_thread_is_cancelled, .timeout = 120)
{
    enum { BYTES = 30 << 20 };
    vm_fixture f;
    vm_fixture_open(&f, 2, "loads", bundle);
    mu_thread *whole = vm_fixture_start(&f, "load", BYTES);
    cr_assert_str_eq(error_of(&f, whole, 1).kind, "BUNDLE_REFUSED");
    mu_thread *part = vm_fixture_start(&f, "load", BYTES);
    while (mu_thread_cpu_ns(part) < mu_thread_cpu_ns(whole) / 8) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    mu_thread_cancel(part, UINT64_MAX);
    cr_assert_str_eq(error_of(&f, part, 2).kind, "CANCELLED");
    cr_expect_lt(mu_thread_cpu_ns(part), mu_thread_cpu_ns(whole) / 2, "%llu of %llu ns",
                 (unsigned long long)mu_thread_cpu_ns(part),
                 (unsigned long long)mu_thread_cpu_ns(whole));
    vm_fixture_close(&f);
}

/* Most of them wait for their turn at any time; some are killed while they do. */
Test(mu_program_loads, threads_that_wait_to_load_can_be_killed, .timeout = 60)
{
    vm_fixture f;
    mu_thread *threads[THREADS];
    vm_fixture_open(&f, 2, "loads", bundle);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = vm_fixture_start(&f, "load_often", 100);
    }
    for (int i = 0; i < THREADS / 2; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        mu_thread_kill(threads[2 * i]);
    }
    vm_fixture_wait(&f, &f.finished, THREADS / 2);
    mu_vm_collect(f.vm);
    mu_vm_free(f.vm);
    cr_assert_eq(f.finished, THREADS);
    mu_substrate_free(f.substrate);
    mu_report_free(f.report);
}
