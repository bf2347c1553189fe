/* Where a profile says that the time went, against programs of which that is known. */
#include "mu_profile.h"
#include "vm_fixture.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

static const char bundle[] =
    ".typedef @i64 = int<64> .const @n0 <@i64> = 0 .const @n1 <@i64> = 1\n"
    ".const @some <@i64> = 20000 .const @many <@i64> = 100000\n"
    ".funcsig @v_v = () -> () .funcsig @i_v = (@i64) -> () .funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcdef @light VERSION %v1 <@v_v> { %entry(): BRANCH %head(@some)\n"   /* 4 */
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)\n" /* 5 */
    "  %done(): RET ()\n"                                                    /* 6 */
    "  %on(<@i64> %n): %m = SUB <@i64> %n @n1 BRANCH %head(%m) }\n"          /* 7 */
    ".funcdef @heavy VERSION %v1 <@v_v> { %entry(): BRANCH %head(@many)\n"   /* 8 */
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)\n" /* 9 */
    "  %done(): RET ()\n"                                                    /* 10 */
    "  %on(<@i64> %n): %m = SUB <@i64> %n @n1 BRANCH %head(%m) }\n"          /* 11 */
    ".funcdef @main VERSION %v1 <@v_v> { %entry(): BRANCH %again()\n"        /* 12 */
    "  %again(): CALL <@v_v> @light ()\n"                                    /* 13 */
    "    CALL <@v_v> @heavy () BRANCH %again() }\n"                          /* 14 */
    ".funcdef @deep VERSION %v1 <@i_i> { %entry(<@i64> %n):\n"
    "    %z = EQ <@i64> %n @n0 BRANCH2 %z %bottom() %on(%n)\n"
    "  %bottom(): CALL <@v_v> @main () RET @n0\n"
    "  %on(<@i64> %n): %m = SUB <@i64> %n @n1 %d = CALL <@i_i> @deep (%m)\n"
    "    %s = ADD <@i64> %d @n1 RET %s }\n";

/* A profile of so long. */
static mu_profile *profile_of(mu_vm *vm, bool with_lines, uint32_t milliseconds)
{
    mu_profile *profile;
    mu_profile_config config = {.hz = 2000, .with_lines = with_lines};
    cr_assert_eq(mu_profile_start(vm, &config, &profile), MU_OK);
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000,
                                 .tv_nsec = milliseconds % 1000 * 1000000L},
              NULL);
    mu_profile_stop(profile);
    return profile;
}

/* Samples in which the function is the innermost and `caller` called it; of one line if not 0. */
static uint64_t samples_in(const mu_profile *profile, const char *function, const char *caller,
                           uint32_t line)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < mu_profile_get_totals(profile).nodes; i++) {
        mu_profile_node node = mu_profile_node_at(profile, i);
        const char *called_by =
            node.parent ? mu_profile_node_at(profile, node.parent - 1).function : "";
        cr_assert_leq(node.parent, i, "a parent comes first");
        if (strcmp(node.function, function) == 0 && strcmp(called_by, caller) == 0 &&
            (!line || node.line == line)) {
            count += node.samples;
        }
    }
    return count;
}

static uint64_t sum_of(const mu_profile *profile)
{
    mu_profile_totals totals = mu_profile_get_totals(profile);
    uint64_t sum = totals.others;
    for (uint32_t i = 0; i < totals.nodes; i++) {
        sum += mu_profile_node_at(profile, i).samples;
    }
    return sum;
}

static void end(vm_fixture *f, mu_thread *thread)
{
    mu_thread_kill(thread);
    vm_fixture_wait(f, &f->finished, 1);
    mu_thread_free(thread);
    vm_fixture_close(f);
}

Test(mu_profile, what_costs_more_has_more_samples, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "costs.uir", bundle);
    mu_thread *thread = vm_fixture_start(&f, "main", 0);
    mu_profile *profile = profile_of(f.vm, false, 500);
    mu_profile_totals totals = mu_profile_get_totals(profile);
    uint64_t light = samples_in(profile, "@light.v1", "@main.v1", 0);
    uint64_t heavy = samples_in(profile, "@heavy.v1", "@main.v1", 0);
    cr_expect_gt(light, 0);
    cr_expect_gt(heavy, 2 * light, "%lu and %lu", (unsigned long)heavy, (unsigned long)light);
    cr_expect_eq(sum_of(profile), totals.samples);
    cr_expect_geq(totals.ticks, totals.samples, "one thread runs");
    cr_expect_eq(totals.others, 0);
    cr_expect_str_eq(mu_profile_node_at(profile, 0).file, "costs.uir");
    cr_expect_eq(mu_profile_node_at(profile, 0).line, 0);
    mu_profile_free(profile);
    end(&f, thread);
}

Test(mu_profile, lines_are_told_apart_when_that_is_wanted, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "costs.uir", bundle);
    mu_thread *thread = vm_fixture_start(&f, "main", 0);
    mu_profile *profile = profile_of(f.vm, true, 300);
    cr_expect_gt(samples_in(profile, "@heavy.v1", "@main.v1", 11), 0, "the loop's branch");
    cr_expect_eq(samples_in(profile, "@heavy.v1", "@main.v1", 9), 0, "no yieldpoint is there");
    bool is_called_in_14 = false;
    for (uint32_t i = 0; i < mu_profile_get_totals(profile).nodes; i++) {
        mu_profile_node node = mu_profile_node_at(profile, i);
        is_called_in_14 |= node.line == 14 && strcmp(node.function, "@main.v1") == 0;
    }
    cr_expect(is_called_in_14);
    mu_profile_free(profile);
    end(&f, thread);
}

Test(mu_profile, of_a_deep_stack_the_innermost_frames_are_shown, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "costs.uir", bundle);
    mu_thread *thread = vm_fixture_start(&f, "deep", 2000);
    mu_profile *profile = profile_of(f.vm, false, 300);
    mu_profile_node first = mu_profile_node_at(profile, 0);
    while (strcmp(mu_profile_node_at(profile, 0).function, MU_PROFILE_DEEPER) != 0) {
        mu_profile_free(profile); /* it had not come so far */
        profile = profile_of(f.vm, false, 100);
        first = mu_profile_node_at(profile, 0);
    }
    cr_expect_str_eq(first.function, MU_PROFILE_DEEPER);
    cr_expect_str_eq(first.file, "");
    cr_expect_gt(samples_in(profile, "@heavy.v1", "@main.v1", 0), 0);
    mu_profile_free(profile);
    end(&f, thread);
}

Test(mu_profile, what_has_no_room_is_counted_all_the_same, .timeout = 60)
{
    vm_fixture f;
    mu_profile *profile;
    mu_profile_config config = {.hz = 5000, .nodes = 2};
    vm_fixture_open(&f, 1, "costs.uir", bundle);
    mu_thread *thread = vm_fixture_start(&f, "main", 0);
    cr_assert_eq(mu_profile_start(f.vm, &config, &profile), MU_OK);
    nanosleep(&(struct timespec){.tv_nsec = 300000000L}, NULL);
    mu_profile_stop(profile);
    mu_profile_totals totals = mu_profile_get_totals(profile);
    cr_expect_eq(totals.nodes, 2, "@main and one that it calls");
    cr_expect_gt(totals.others, 0);
    cr_expect_lt(totals.others, totals.samples);
    cr_expect_eq(sum_of(profile), totals.samples);
    mu_profile_free(profile);
    end(&f, thread);
}

Test(mu_profile, who_does_not_run_is_not_sampled, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "costs.uir", bundle);
    mu_profile *profile = profile_of(f.vm, false, 50);
    mu_profile_totals totals = mu_profile_get_totals(profile);
    cr_expect_eq(totals.samples, 0);
    cr_expect_eq(totals.nodes, 0);
    cr_expect_gt(totals.ticks, 10);
    mu_profile_free(profile);
    vm_fixture_close(&f);
}

Test(mu_profile, one_at_a_time_and_only_rates_that_can_be, .timeout = 60)
{
    vm_fixture f;
    mu_profile *first;
    mu_profile *second;
    vm_fixture_open(&f, 1, "costs.uir", bundle);
    cr_expect_eq(mu_profile_start(f.vm, &(mu_profile_config){.hz = 0}, &first), MU_INVALID);
    cr_expect_eq(mu_profile_start(f.vm, &(mu_profile_config){.hz = 10001}, &first), MU_INVALID);
    cr_assert_eq(mu_profile_start(f.vm, &(mu_profile_config){.hz = 10000}, &first), MU_OK);
    cr_expect_eq(mu_profile_start(f.vm, &(mu_profile_config){.hz = 1}, &second), MU_EXISTS);
    mu_profile_stop(first);
    cr_assert_eq(mu_profile_start(f.vm, &(mu_profile_config){.hz = 1}, &second), MU_OK);
    mu_profile_stop(first);
    cr_expect_eq(mu_profile_start(f.vm, &(mu_profile_config){.hz = 1}, &first), MU_EXISTS);
    mu_profile_free(second);
    mu_profile_free(first);
    mu_profile_free(NULL);
    vm_fixture_close(&f);
}
