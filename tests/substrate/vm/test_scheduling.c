/* How threads share the workers, and what ends them from outside. */
#include "vm_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @i1 = int<1> .const @n0 <@i64> = 0 .const @n1 <@i64> = 1\n"
    ".funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcdef @count VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %body(%n)\n"
    "  %body(<@i64> %n): %m = SUB <@i64> %n @n1 BRANCH %head(%m)\n"
    "  %done(): RET @n0 }\n";

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
