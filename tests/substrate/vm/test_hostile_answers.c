/* Answers to traps that no honest handler gives: each is refused, and the trap waits on. */
#include "vm_fixture.h"

#include <criterion/criterion.h>

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @void = void .typedef @ref = ref<@void>\n"
    ".typedef @words = array<@i64 2000> .typedef @endless = array<@i64 68719476736>\n"
    ".funcsig @v_i = () -> (@i64) .funcsig @words.sig = (@words) -> ()\n"
    ".funcsig @endless.sig = (@endless) -> ()\n"
    ".funcsig @deep.sig = (@i64) -> (@i64)\n"
    ".funcdecl @words.f <@words.sig> .funcdecl @endless.f <@endless.sig>\n"
    ".const @seven <@i64> = 7 .const @one <@i64> = 1 .const @zero <@i64> = 0\n"
    ".const @depth <@i64> = 80\n"
    ".funcdef @f VERSION %v1 <@v_i> { %entry(): TRAP <> RET (@seven) }\n"
    ".funcdef @down VERSION %v1 <@deep.sig> {\n"
    "    %entry(<@i64> %n): %r = NEW <@void> %z = EQ <@i64> %n @zero\n"
    "        BRANCH2 %z %bottom() %more(%n %r)\n"
    "    %bottom(): %x = TRAP <@ref> RET (@seven)\n"
    "    %more(<@i64> %n <@ref> %r): %m = SUB <@i64> %n @one\n"
    "        %v = CALL <@deep.sig> @down (%m) KEEPALIVE (%r) RET (%v) }\n"
    ".funcdef @deep VERSION %v1 <@v_i> {\n"
    "    %entry(): %v = CALL <@deep.sig> @down (@depth) RET (%v) }\n";

typedef struct fixture {
    vm_fixture base;
    mu_thread *thread;
    uint32_t is_trapped, is_finished;
} fixture;

static void on_trapped(mu_thread *thread, void *context)
{
    fixture *f = context;
    (void)thread;
    vm_fixture_set(&f->base, &f->is_trapped, true);
}

static void on_finished(mu_thread *thread, void *context)
{
    fixture *f = context;
    (void)thread;
    vm_fixture_set(&f->base, &f->is_finished, true);
}

/* A thread that waits at its trap. */
static void open_trap(fixture *f, const char *name)
{
    f->is_trapped = f->is_finished = false;
    vm_fixture_open(&f->base, 2, "trap", bundle);
    f->thread = vm_fixture_thread(&f->base, name, 0);
    mu_thread_start(f->thread, on_trapped, on_finished, f);
    vm_fixture_wait(&f->base, &f->is_trapped, true);
}

static void end_trap(fixture *f)
{
    vm_fixture_wait(&f->base, &f->is_finished, true);
    cr_assert_eq(mu_thread_outcome(f->thread), MU_OUTCOME_RETURNED);
    cr_assert_eq(mu_thread_result(f->thread, 0).integer, 7);
    mu_thread_free(f->thread);
    vm_fixture_close(&f->base);
}

Test(mu_hostile_answers, a_declared_function_that_no_call_can_reach_is_not_pushed, .timeout = 60)
{
    static const char *const names[] = {"words.f", "endless.f"};
    fixture f;
    open_trap(&f, "f");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const mu_function *function = mu_vm_find_function(f.base.vm, names[i]);
        mu_replacement replacement = {.pushes = &function, .push_count = 1};
        mu_value null = {.kind = MU_VALUE_REF, .is_null = true};
        cr_assert_not_null(function);
        cr_assert_eq(mu_thread_resume_in(f.thread, &replacement, NULL, 0, f.base.report),
                     MU_UNSUPPORTED, "%s", names[i]);
        cr_assert_eq(mu_thread_throw_in(f.thread, &replacement, &null, f.base.report),
                     MU_UNSUPPORTED, "%s", names[i]);
    }
    cr_assert_eq(mu_thread_resume(f.thread, NULL, 0, f.base.report), MU_OK);
    end_trap(&f);
}

Test(mu_hostile_answers, a_handle_reaches_as_far_as_frames_are_shown, .timeout = 60)
{
    fixture f;
    open_trap(&f, "deep");
    cr_assert_gt(mu_thread_frame_count(f.thread), MU_HANDLE_FRAMES + 1);
    mu_value far = {.kind = MU_VALUE_REF, .handle = {MU_HANDLE_FRAMES, 0}};
    cr_assert_eq(mu_thread_resume(f.thread, &far, 1, f.base.report), MU_INVALID);
    cr_assert_eq(mu_thread_throw(f.thread, &far, f.base.report), MU_INVALID);
    far.handle.frame--;
    cr_assert_eq(mu_thread_resume(f.thread, &far, 1, f.base.report), MU_OK);
    end_trap(&f);
}
