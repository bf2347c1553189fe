/* How threads share the workers: fairness among VMs, processor time, yield stress. Bounds are
 * generous, since machines are noisy. */
#include "vm_fixture.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @i1 = int<1> .const @n0 <@i64> = 0 .const @n1 <@i64> = 1\n"
    ".funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcdef @count VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %body(%n)\n"
    "  %body(<@i64> %n): %m = SUB <@i64> %n @n1 BRANCH %head(%m)\n"
    "  %done(): RET @n0 }\n";

#define FOREVER UINT64_MAX
#define MS      1000000ull

static void sleep_ms(long count)
{
    struct timespec time = {.tv_sec = count / 1000, .tv_nsec = count % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Every yieldpoint must lead to another worker: a loop has one in each turn. */
Test(mu_scheduling, yield_stress_changes_the_worker_at_every_yieldpoint, .timeout = 60)
{
    enum { TURNS = 5000 };
    vm_fixture f;
    vm_fixture_open_with(&f, &(mu_substrate_config){.workers = 2, .yield_stress = true}, "count",
                         bundle);
    mu_thread *thread = vm_fixture_start(&f, "count", TURNS);
    vm_fixture_wait(&f, &f.finished, 1);
    mu_substrate_stats stats = mu_substrate_get_stats(f.substrate);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED);
    cr_assert_geq(stats.worker_moves, TURNS);
    cr_assert_leq(stats.slices - stats.worker_moves, 8, "%lu slices, but %lu moves",
                  (unsigned long)stats.slices, (unsigned long)stats.worker_moves);
    vm_fixture_close(&f);
}

/* ---- shares */

/* A second VM of the fixture's substrate, with threads of its own. */
static mu_vm *second_vm(vm_fixture *f, uint32_t cpu_share)
{
    mu_vm *vm;
    mu_vm_config config = {.limits.heap_bytes = 8u << 20, .cpu_share = cpu_share};
    cr_assert_eq(mu_vm_new(f->substrate, &config, &vm), MU_OK);
    cr_assert_eq(mu_vm_load(vm, "count", bundle, strlen(bundle), f->report, NULL), MU_OK);
    return vm;
}

static void on_finished(mu_thread *thread, void *context)
{
    (void)thread;
    (void)context;
}

static mu_thread *spin(vm_fixture *f, mu_vm *vm)
{
    mu_thread *thread;
    mu_value forever = {.kind = MU_VALUE_INT, .bits = 64, .integer = FOREVER};
    cr_assert_eq(
        mu_thread_new(vm, mu_vm_find_function(vm, "count"), &forever, 1, f->report, &thread),
        MU_OK);
    mu_thread_start(thread, NULL, on_finished, NULL);
    return thread;
}

static void spin_many(vm_fixture *f, mu_vm *vm, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        spin(f, vm);
    }
}

static uint64_t cpu_of(mu_vm *vm)
{
    return mu_vm_get_stats(vm).cpu_ns;
}

/* What the first VM has of both, in percent, within some time. */
static double percent_of_first(mu_vm *first, mu_vm *second, long ms)
{
    uint64_t first_before = cpu_of(first);
    uint64_t second_before = cpu_of(second);
    sleep_ms(ms);
    double first_had = (double)(cpu_of(first) - first_before);
    double second_had = (double)(cpu_of(second) - second_before);
    return 100 * first_had / (first_had + second_had);
}

/* Other processes may keep a worker, or the ticker, from running for a good part of a trial. What
 * is unfair is so in each. */
enum { TRIALS = 8 };

static bool is_about(double percent, double wanted)
{
    return percent > wanted - 10 && percent < wanted + 10;
}

static double share_of_first(uint32_t workers, const uint32_t shares[2], const uint32_t threads[2])
{
    vm_fixture f;
    vm_fixture_open(&f, workers, "count", bundle);
    mu_vm *second = second_vm(&f, shares[1]);
    mu_vm_set_cpu_share(f.vm, shares[0]);
    spin_many(&f, f.vm, threads[0]);
    spin_many(&f, second, threads[1]);
    sleep_ms(50);
    double had = percent_of_first(f.vm, second, 800);
    mu_vm_free(second);
    vm_fixture_close(&f);
    return had;
}

static void expect_percent(uint32_t workers, const uint32_t shares[2], const uint32_t threads[2],
                           double wanted)
{
    double had = -100;
    for (uint32_t i = 0; i < TRIALS && !is_about(had, wanted); i++) {
        had = share_of_first(workers, shares, threads);
    }
    cr_expect(is_about(had, wanted),
              "shares %u and %u, %u and %u threads on %u workers: the first has %.1f%%", shares[0],
              shares[1], threads[0], threads[1], workers, had);
}

Test(mu_scheduling, vms_have_workers_by_their_shares, .timeout = 120)
{
    expect_percent(1, (uint32_t[]){1, 3}, (uint32_t[]){1, 1}, 25);
    expect_percent(2, (uint32_t[]){1, 3}, (uint32_t[]){2, 2}, 25);
    expect_percent(2, (uint32_t[]){1, 3}, (uint32_t[]){5, 3}, 25);
    expect_percent(3, (uint32_t[]){2, 1}, (uint32_t[]){4, 4}, 66.7);
}

Test(mu_scheduling, many_threads_have_no_more_than_one, .timeout = 120)
{
    expect_percent(1, (uint32_t[]){1, 1}, (uint32_t[]){1, 100}, 50);
    expect_percent(2, (uint32_t[]){1, 1}, (uint32_t[]){1, 100}, 50);
}

/* One thread cannot use a share of more than one worker, and saves nothing up for others. */
static double share_after_waste(double *alone)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "count", bundle);
    mu_vm *second = second_vm(&f, 0);
    mu_vm_set_cpu_share(f.vm, 3);
    spin(&f, f.vm);
    spin_many(&f, second, 4);
    *alone = percent_of_first(f.vm, second, 800);
    mu_vm_set_cpu_share(f.vm, 1);
    spin_many(&f, f.vm, 3);
    double together = percent_of_first(f.vm, second, 500);
    mu_vm_free(second);
    vm_fixture_close(&f);
    return together;
}

Test(mu_scheduling, what_a_vm_cannot_use_is_not_saved_up, .timeout = 120)
{
    double alone = -100;
    double together = -100;
    for (uint32_t i = 0; i < TRIALS && !(is_about(alone, 50) && is_about(together, 50)); i++) {
        together = share_after_waste(&alone);
    }
    cr_expect(is_about(alone, 50), "one thread has %.1f%% of two workers", alone);
    cr_expect(is_about(together, 50), "afterwards it has %.1f%%", together);
}

static double share_after_being_alone(void)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "count", bundle);
    mu_vm *second = second_vm(&f, 0);
    spin(&f, f.vm);
    sleep_ms(700);
    spin(&f, second);
    double had = percent_of_first(f.vm, second, 500);
    mu_vm_free(second);
    vm_fixture_close(&f);
    return had;
}

/* Neither who waited nor who had the machine to itself is the better or worse for it. */
Test(mu_scheduling, the_past_does_not_count, .timeout = 120)
{
    double had = -100;
    for (uint32_t i = 0; i < TRIALS && !is_about(had, 50); i++) {
        had = share_after_being_alone();
    }
    cr_expect(is_about(had, 50), "who ran alone before has %.1f%%", had);
}

/* How far the thread that differs most is from a third, in percent of all. */
static double worst_of_three(void)
{
    vm_fixture f;
    mu_thread *threads[3];
    double worst = 0;
    vm_fixture_open(&f, 2, "count", bundle);
    for (uint32_t i = 0; i < 3; i++) {
        threads[i] = spin(&f, f.vm);
    }
    sleep_ms(800);
    double all = (double)cpu_of(f.vm);
    for (uint32_t i = 0; i < 3; i++) {
        double off = 100 * (double)mu_thread_cpu_ns(threads[i]) / all - 33.3;
        worst = off * off > worst * worst ? off : worst;
    }
    vm_fixture_close(&f);
    return worst;
}

Test(mu_scheduling, threads_of_a_vm_take_turns, .timeout = 120)
{
    double worst = 100;
    for (uint32_t i = 0; i < TRIALS && !is_about(worst, 0); i++) {
        worst = worst_of_three();
    }
    cr_expect(is_about(worst, 0), "a thread of three is %.1f%% away from a third", worst);
}

Test(mu_scheduling, a_share_has_limits)
{
    vm_fixture f;
    mu_vm *vm;
    vm_fixture_open(&f, 1, "count", bundle);
    mu_vm_config too_large = {.cpu_share = MU_VM_MAX_CPU_SHARE + 1};
    cr_expect_eq(mu_vm_new(f.substrate, &too_large, &vm), MU_INVALID);
    cr_expect_eq(mu_vm_get_stats(f.vm).cpu_share, MU_VM_DEFAULT_CPU_SHARE);
    mu_vm_set_cpu_share(f.vm, UINT32_MAX);
    cr_expect_eq(mu_vm_get_stats(f.vm).cpu_share, MU_VM_MAX_CPU_SHARE);
    mu_vm_set_cpu_share(f.vm, 0);
    cr_expect_eq(mu_vm_get_stats(f.vm).cpu_share, MU_VM_DEFAULT_CPU_SHARE);
    vm_fixture_close(&f);
}

/* ---- processor time */

Test(mu_scheduling, time_is_counted_while_a_thread_runs_and_not_while_it_does_not, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "count", bundle);
    mu_thread *thread = spin(&f, f.vm);
    sleep_ms(50);
    uint64_t first = mu_thread_cpu_ns(thread);
    sleep_ms(50);
    uint64_t second = mu_thread_cpu_ns(thread);
    uint64_t of_vm = cpu_of(f.vm);
    cr_expect_gt(first, 0);
    cr_expect_gt(second, first + 20 * MS);
    cr_expect_geq(of_vm, second);
    mu_thread_kill(thread);
    while (mu_thread_get_state(thread) != MU_THREAD_FINISHED) {
        sleep_ms(1);
    }
    uint64_t ended = mu_thread_cpu_ns(thread);
    sleep_ms(20);
    cr_expect_eq(mu_thread_cpu_ns(thread), ended);
    vm_fixture_close(&f);
}
