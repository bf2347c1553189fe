/* What is hot is compiled again, and what that must not change. */
#include "vm_fixture.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

static const char bundle[] =
    ".typedef @i64 = int<64> .const @n0 <@i64> = 0 .const @n1 <@i64> = 1\n"
    ".const @many <@i64> = 3000\n"
    ".funcsig @v_v = () -> () .funcsig @v_i = () -> (@i64) .funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcdef @work VERSION %v1 <@i_i> { %entry(<@i64> %n): BRANCH %head(%n @n0)\n"
    "  %head(<@i64> %n <@i64> %s): %z = EQ <@i64> %n @n0 BRANCH2 %z %done(%s) %on(%n %s)\n"
    "  %done(<@i64> %s): RET %s\n"
    "  %on(<@i64> %n <@i64> %s): %m = SUB <@i64> %n @n1 %t = ADD <@i64> %s %n\n"
    "    BRANCH %head(%m %t) }\n"
    ".funcdef @forever VERSION %v1 <@v_v> { %entry(): BRANCH %again()\n"
    "  %again(): %r = CALL <@i_i> @work (@many) BRANCH %again() }\n";
static const char newer[] =
    ".const @n7 <@i64> = 7 .funcdef @work VERSION %v2 <@i_i> { %entry(<@i64> %n): RET @n7 }\n";

static uintptr_t code_of(vm_fixture *f, const char *name)
{
    mu_function_code *code;
    mu_function *function = mu_vm_find_function(f->vm, name);
    cr_assert_eq(mu_function_get_code(f->vm, function, f->report, &code), MU_OK);
    uintptr_t address = code->address;
    mu_function_code_free(code);
    return address;
}

/* Waits for other code of the function; false: none came in so long. */
static bool comes_to_change(vm_fixture *f, const char *name, uintptr_t from, uint32_t most_ms)
{
    for (uint32_t waited = 0; waited < most_ms; waited++) {
        if (code_of(f, name) != from) {
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

static uint64_t work(vm_fixture *f, uint64_t n)
{
    uint32_t before = f->finished;
    mu_thread *thread = vm_fixture_start(f, "work", n);
    vm_fixture_wait(f, &f->finished, before + 1);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED);
    uint64_t result = mu_thread_result(thread, 0).integer;
    mu_thread_free(thread);
    return result;
}

static void end(vm_fixture *f, mu_thread *thread)
{
    uint32_t before = f->finished;
    mu_thread_kill(thread);
    vm_fixture_wait(f, &f->finished, before + 1);
    mu_thread_free(thread);
}

Test(mu_tiers, what_is_hot_is_compiled_again, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "tiers.uir", bundle);
    uintptr_t first = code_of(&f, "work");
    cr_expect_eq(work(&f, 100), 5050);
    mu_thread *thread = vm_fixture_start(&f, "forever", 0);
    cr_expect(comes_to_change(&f, "work", first, 20000), "it was found running");
    cr_expect_eq(work(&f, 100), 5050, "the new code does the same");
    end(&f, thread);
    vm_fixture_close(&f);
}

Test(mu_tiers, never_is_never, .timeout = 60)
{
    vm_fixture f;
    mu_substrate_config config = {.workers = 1, .tiers = MU_TIERS_NEVER};
    vm_fixture_open_with(&f, &config, "tiers.uir", bundle);
    uintptr_t first = code_of(&f, "work");
    mu_thread *thread = vm_fixture_start(&f, "forever", 0);
    cr_expect_not(comes_to_change(&f, "work", first, 200));
    end(&f, thread);
    vm_fixture_close(&f);
}

/* Calls see a newer version at once, whatever tier the older one had come to; and that one's job,
 * should it end late, does not bring the older one back. */
Test(mu_tiers, a_newer_version_is_what_is_called, .timeout = 120)
{
    for (uint32_t round = 0; round < 20; round++) {
        vm_fixture f;
        mu_substrate_config config = {.workers = 2, .tiers = MU_TIERS_EAGER};
        vm_fixture_open_with(&f, &config, "tiers.uir", bundle);
        mu_thread *thread = vm_fixture_start(&f, "forever", 0);
        nanosleep(&(struct timespec){.tv_nsec = 100000 * round}, NULL);
        cr_assert_eq(mu_vm_load(f.vm, "newer.uir", newer, strlen(newer), f.report, NULL), MU_OK);
        cr_expect_eq(work(&f, 100), 7);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        cr_expect_eq(work(&f, 100), 7);
        end(&f, thread);
        vm_fixture_close(&f);
    }
}

/* A VM that may not have more code goes on with what it has. */
Test(mu_tiers, no_room_for_better_code_is_no_error, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "tiers.uir", bundle);
    uintptr_t first = code_of(&f, "work");
    (void)code_of(&f, "forever");
    mu_vm_limits limits = mu_vm_get_limits(f.vm);
    limits.code_bytes = mu_vm_get_stats(f.vm).code_bytes;
    cr_assert_eq(mu_vm_set_limits(f.vm, &limits, f.report), MU_OK);
    mu_thread *thread = vm_fixture_start(&f, "forever", 0);
    cr_expect_not(comes_to_change(&f, "work", first, 300));
    cr_expect_eq(mu_thread_get_state(thread), MU_THREAD_RUNNING);
    end(&f, thread);
    vm_fixture_close(&f);
}

/* Jobs of a VM that goes. */
Test(mu_tiers, a_vm_may_go_while_its_functions_get_hot, .timeout = 120)
{
    for (uint32_t round = 0; round < 60; round++) {
        vm_fixture f;
        mu_substrate_config config = {.workers = 2, .tiers = MU_TIERS_EAGER};
        vm_fixture_open_with(&f, &config, "tiers.uir", bundle);
        mu_thread *thread = vm_fixture_start(&f, "forever", 0);
        nanosleep(&(struct timespec){.tv_nsec = 20000 * round}, NULL);
        end(&f, thread);
        vm_fixture_close(&f);
    }
}
