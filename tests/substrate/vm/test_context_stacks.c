/* A client's context: stacks, threads, traps, frames and on-stack replacement, with the programs of
 * the public tests of introspection and replacement rewritten. */
#include "context_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static const char bundle[] =
    ".typedef @i1 = int<1> .typedef @i64 = int<64> .typedef @void = void .typedef @rv = "
    "ref<@void>\n"
    ".typedef @i64.r = ref<@i64> .typedef @d = double .typedef @i64.i = iref<@i64>\n"
    ".typedef @words = array<@i64 2000> .typedef @pair = struct<@i64 @rv @d>\n"
    ".funcsig @v_v = () -> () .funcsig @i_v = (@i64) -> () .funcsig @i_i = (@i64) -> (@i64)\n"
    ".funcsig @v_i = () -> (@i64) .funcsig @iii_i = (@i64 @i64 @i64) -> (@i64)\n"
    ".funcsig @words.sig = (@words) -> () .funcdecl @words.f <@words.sig>\n"
    ".funcsig @many.sig = (@i64 @d @rv @i64.i @pair) -> ()\n"
    ".funcdecl @nobody <@i_i> .typedef @fr = funcref<@v_v> .const @fnull <@fr> = NULL\n"
    ".const @0 <@i64> = 0 .const @1 <@i64> = 1 .const @2 <@i64> = 2 .const @5 <@i64> = 5\n"
    ".const @42 <@i64> = 42 .const @null <@rv> = NULL .global @out <@i64> .global @ref <@rv>\n"
    /* Recursion down to a trap. */
    ".funcdef @intro VERSION %v1 <@i_v> { %entry(<@i64> %n):\n"
    "  %r = [%call] CALL <@i_i> @rec (%n) STORE <@i64> @out %r COMMINST @uvm.thread_exit }\n"
    ".funcdef @rec VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): %z = EQ <@i64> %n @0 BRANCH2 %z %zero(%n) %nz(%n)\n"
    "  %zero(<@i64> %n): %v = [%trap] TRAP <@i64> KEEPALIVE (%n) RET %v\n"
    "  %nz(<@i64> %n): %m = SUB <@i64> %n @1\n"
    "    %r = [%call] CALL <@i_i> @rec (%m) KEEPALIVE (%n %m) RET %r }\n"
    /* A loop that asks to be replaced after five turns. */
    ".funcdef @osr VERSION %v1 <@i_v> { %entry(<@i64> %n):\n"
    "  %r = CALL <@i_i> @sum (%n) STORE <@i64> @out %r [%exit] TRAP <> KEEPALIVE (%r)\n"
    "  COMMINST @uvm.thread_exit }\n"
    ".funcdef @sum VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): BRANCH %head(%n @0 @0)\n"
    "  %head(<@i64> %n <@i64> %i <@i64> %s):\n"
    "    %ge = SGE <@i64> %i @5 BRANCH2 %ge %opt(%n %i %s) %more(%n %i %s)\n"
    "  %more(<@i64> %n <@i64> %i <@i64> %s):\n"
    "    %lt = SLT <@i64> %i %n BRANCH2 %lt %body(%n %i %s) %exit(%s)\n"
    "  %body(<@i64> %n <@i64> %i <@i64> %s):\n"
    "    %j = ADD <@i64> %i @1 %t = ADD <@i64> %s %i BRANCH %head(%n %j %t)\n"
    "  %exit(<@i64> %s): RET %s\n"
    "  %opt(<@i64> %n <@i64> %i <@i64> %s): [%trap] TRAP <> KEEPALIVE (%n %i %s) THROW @null }\n"
    /* Frames to be pushed. */
    ".funcdef @push.main VERSION %v1 <@i_i> { %entry(<@i64> %n):\n"
    "  [%trap] TRAP <> KEEPALIVE (%n) STORE <@i64> @out %n COMMINST @uvm.thread_exit }\n"
    ".funcdef @forty.two VERSION %v1 <@v_i> { %entry(): RET @42 }\n"
    ".funcdef @add.one VERSION %v1 <@i_i> { %entry(<@i64> %n): %m = ADD <@i64> %n @1\n"
    "  [%trap] TRAP <> KEEPALIVE (%n %m) RET %m }\n"
    ".funcdef @quiet VERSION %v1 <@i_v> { %entry(<@i64> %n): STORE <@i64> @out %n RET () }\n"
    ".funcdef @many VERSION %v1 <@many.sig> {\n"
    "  %entry(<@i64> %a <@d> %b <@rv> %c <@i64.i> %i <@pair> %p):\n"
    "    STORE <@i64> %i %a STORE <@rv> @ref %c\n"
    "    %l = COMMINST @uvm.get_threadlocal\n"
    "    [%trap] TRAP <> KEEPALIVE (%a %b %c %i %p %l) COMMINST @uvm.thread_exit }\n"
    ".funcdef @local VERSION %v1 <@v_v> { %entry(): TRAP <>\n"
    "    %l = COMMINST @uvm.get_threadlocal STORE <@rv> @ref %l RET () }\n"
    ".funcdef @catches VERSION %v1 <@v_v> {\n"
    "  %entry(): TRAP <> EXC (%good() %bad())\n"
    "  %good(): STORE <@i64> @out @1 COMMINST @uvm.thread_exit\n"
    "  %bad() [%e]: STORE <@rv> @ref %e STORE <@i64> @out @2 COMMINST @uvm.thread_exit }\n"
    ".funcdef @calls.nobody VERSION %v1 <@i_v> { %entry(<@i64> %n):\n"
    "  %r = CALL <@i_i> @nobody (%n) STORE <@i64> @out %r COMMINST @uvm.thread_exit }\n"
    ".funcdef @watched VERSION %v1 <@v_v> { %entry(): WATCHPOINT 44 <> %dis() %ena()\n"
    "  %dis(): COMMINST @uvm.thread_exit\n  %ena(): STORE <@i64> @out @2 COMMINST @uvm.thread_exit "
    "}\n"
    ".funcdef @two VERSION %v1 <@v_v> { %entry(): TRAP <> TRAP <> COMMINST @uvm.thread_exit }\n";

static const char part2[] =
    ".funcdef @sum VERSION @sum.v2 <@i_i> { %entry(<@i64> %n): %m = SUB <@i64> %n @1\n"
    "  %p = MUL <@i64> %n %m %r = SDIV <@i64> %p @2 RET %r }\n"
    ".funcdef @rest VERSION %v1 <@iii_i> { %entry(<@i64> %s <@i64> %i <@i64> %n):\n"
    "  %a = SUB <@i64> %n %i %b = ADD <@i64> %n %i %c = SUB <@i64> %b @1\n"
    "  %d = MUL <@i64> %a %c %e = SDIV <@i64> %d @2 %r = ADD <@i64> %s %e RET %r }\n";

static void open(context_fixture *f)
{
    context_fixture_open(f, bundle, (context_settings){0});
}

static uint64_t function(context_fixture *f, const char *name)
{
    return DO(f, FROM_FUNC, context_id(f, name));
}

static uint64_t out(context_fixture *f)
{
    return context_int_of(f, DO(f, LOAD, SEQ_CST, DO(f, FROM_GLOBAL, context_id(f, "@out"))));
}

typedef struct trap {
    mu_thread *thread;
    uint64_t thread_handle, stack;
} trap;

/* Waits for the `count`-th trap and takes it. */
static trap take(context_fixture *f, uint32_t count)
{
    trap at = {
        .thread = context_wait_trapped(f, count), .thread_handle = f->next, .stack = f->next + 1};
    f->next += 2;
    cr_assert_eq(mu_context_take_trap(f->context, at.thread, at.thread_handle, at.stack), MU_OK);
    cr_assert_eq(mu_thread_get_state(at.thread), MU_THREAD_TRAPPED);
    cr_assert_gt(mu_thread_frame_count(at.thread), 0);
    return at;
}

static mu_status answer(context_fixture *f, const trap *at, mu_trap_decision decision,
                        uint64_t stack, const uint64_t *values, uint32_t count)
{
    mu_trap_verdict verdict = {.decision = decision,
                               .stack = stack,
                               .values = values,
                               .value_count = count,
                               .exception = decision == MU_TRAP_THROW && count ? values[0] : 0};
    return mu_context_answer_trap(f->context, at->thread, &verdict, f->report);
}

static void pass(context_fixture *f, const trap *at, const uint64_t *values, uint32_t count)
{
    cr_assert_eq(answer(f, at, MU_TRAP_PASS, at->stack, values, count), MU_OK);
}

static void exit_thread(context_fixture *f, const trap *at)
{
    cr_assert_eq(answer(f, at, MU_TRAP_EXIT, 0, NULL, 0), MU_OK);
}

static void start_one(context_fixture *f, const char *name, uint64_t argument)
{
    uint64_t value = context_int(f, 64, argument);
    context_start(f, name, &value, 1);
}

/* ---- stacks and threads */

Test(mu_context_stacks, a_thread_gets_its_arguments_in_every_kind_of_place, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t object = DO(&f, NEW_FIXED, context_id(&f, "@void"));
    uint64_t local = DO(&f, NEW_FIXED, context_id(&f, "@i64"));
    uint64_t cell = DO(&f, GET_IREF, DO(&f, NEW_FIXED, context_id(&f, "@i64")));
    uint64_t pair =
        DO(&f, LOAD, NOT_ATOMIC, DO(&f, GET_IREF, DO(&f, NEW_FIXED, context_id(&f, "@pair"))));
    pair = DO(&f, INSERT_VALUE, pair, 1, object);
    uint64_t fp = DO(&f, FROM_DOUBLE, 0x4045400000000000);
    uint64_t stack = DO(&f, NEW_STACK, function(&f, "@many"));
    uint64_t number = context_int(&f, 64, 77);
    REFUSED(&f, MU_INVALID, "waits for 5 values, not 1", NEW_THREAD_NOR, stack, 0, 1, number);
    REFUSED(&f, MU_INVALID, "operand 5: expected double", NEW_THREAD_NOR, stack, 0, 5, number,
            number, object, cell, pair);
    REFUSED(&f, MU_INVALID, "a list of 6 items", NEW_THREAD_NOR, stack, 0, 6, number);
    REFUSED(&f, MU_INVALID, "there is no handle 7", NEW_THREAD_NOR, stack, 0, 5, number, fp, object,
            7, pair);
    DO(&f, NEW_THREAD_NOR, stack, local, 5, number, fp, object, cell, pair);
    REFUSED(&f, MU_STATE, "bound, dead", NEW_THREAD_NOR, stack, 0, 0);
    trap at = take(&f, 1);
    cr_assert_eq(context_int_of(&f, DO(&f, LOAD, NOT_ATOMIC, cell)), 77);
    uint64_t cursor = DO(&f, NEW_CURSOR, at.stack);
    uint64_t values = DO(&f, DUMP_KEEPALIVES, cursor);
    cr_assert_eq(f.answer.integer, 6);
    cr_assert_eq(context_int_of(&f, values), 77);
    cr_assert_eq(DO(&f, TO_DOUBLE, values + 1), 0x4045400000000000);
    cr_assert_eq(DO(&f, REF_EQ, values + 2, object), 1);
    cr_assert_eq(DO(&f, REF_EQ, values + 3, cell), 1);
    cr_assert_eq(DO(&f, REF_EQ, DO(&f, EXTRACT_VALUE, values + 4, 1), object), 1);
    uint64_t same = DO(&f, REFCAST, values + 5, context_id(&f, "@i64.r"));
    cr_assert_eq(DO(&f, REF_EQ, same, local), 1);
    REFUSED(&f, MU_INVALID, "too few operands", DUMP_KEEPALIVES);
    pass(&f, &at, NULL, 0);
    context_wait_finished(&f, 1);
    context_fixture_close(&f);
}

Test(mu_context_stacks, a_stack_is_killed_once, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t stack = DO(&f, NEW_STACK, function(&f, "@quiet"));
    DO(&f, KILL_STACK, stack);
    REFUSED(&f, MU_STATE, "dead", KILL_STACK, stack);
    REFUSED(&f, MU_STATE, "dead", NEW_CURSOR, stack);
    REFUSED(&f, MU_STATE, "dead", NEW_THREAD_NOR, stack, 0, 1, context_int(&f, 64, 1));
    REFUSED(&f, MU_STATE, "dead", PUSH_FRAME, stack, function(&f, "@quiet"));
    REFUSED(&f, MU_INVALID, "expected stackref", KILL_STACK, context_int(&f, 8, 1));
    REFUSED(&f, MU_INVALID, "NULL", NEW_STACK, DO(&f, FROM_CONST, context_id(&f, "@fnull")));
    REFUSED(&f, MU_INVALID, "expected funcref", NEW_STACK, stack);
    REFUSED(&f, MU_UNSUPPORTED, "more than a call can pass", NEW_STACK, function(&f, "@words.f"));
    context_fixture_close(&f);
}

Test(mu_context_stacks, stacks_that_no_handle_has_go, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){.heap_bytes = 1u << 20});
    f.is_quiet = true;
    uint64_t callee = function(&f, "@quiet");
    for (int i = 0; i < 2000; i++) {
        DO(&f, DELETE_VALUE, DO(&f, NEW_STACK, callee));
    }
    context_fixture_close(&f);
}

Test(mu_context_stacks, a_thread_is_made_to_throw, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t exception = DO(&f, NEW_FIXED, context_id(&f, "@void"));
    uint64_t stack = DO(&f, NEW_STACK, function(&f, "@quiet"));
    REFUSED(&f, MU_INVALID, "expected ref", NEW_THREAD_EXC, stack, 0, stack);
    REFUSED(&f, MU_INVALID, "operand 2", NEW_THREAD_EXC, stack, stack, exception);
    DO(&f, NEW_THREAD_EXC, stack, 0, exception);
    context_wait_finished(&f, 1);
    /* Into a frame that catches: that of a thread that was taken out of it. */
    context_start(&f, "@catches", NULL, 0);
    trap at = take(&f, 1);
    exit_thread(&f, &at);
    context_wait_finished(&f, 2);
    DO(&f, NEW_THREAD_EXC, at.stack, exception, exception);
    context_wait_finished(&f, 3);
    cr_assert_eq(out(&f), 2);
    uint64_t caught = DO(&f, LOAD, NOT_ATOMIC, DO(&f, FROM_GLOBAL, context_id(&f, "@ref")));
    cr_assert_eq(DO(&f, REF_EQ, caught, exception), 1);
    context_fixture_close(&f);
}

/* ---- traps */

Test(mu_context_traps, values_go_where_the_trap_waits, .timeout = 60)
{
    context_fixture f;
    open(&f);
    start_one(&f, "@intro", 0);
    trap at = take(&f, 1);
    uint64_t good = context_int(&f, 64, 43);
    uint64_t bad = context_int(&f, 32, 43);
    uint64_t none = 7;
    cr_assert_eq(answer(&f, &at, MU_TRAP_PASS, at.stack, NULL, 0), MU_INVALID);
    cr_assert_eq(answer(&f, &at, MU_TRAP_PASS, at.stack, &bad, 1), MU_INVALID);
    cr_assert_eq(answer(&f, &at, MU_TRAP_PASS, at.stack, &none, 1), MU_INVALID);
    cr_assert_eq(answer(&f, &at, MU_TRAP_PASS, good, &good, 1), MU_INVALID);
    cr_assert_eq(answer(&f, &at, MU_TRAP_PASS, none, &good, 1), MU_INVALID);
    cr_assert_eq(answer(&f, &at, MU_TRAP_THROW, at.stack, &bad, 1), MU_INVALID);
    cr_assert_eq(answer(&f, &at, MU_TRAP_THROW, at.stack, &none, 1), MU_INVALID);
    cr_assert_eq(answer(&f, &at, (mu_trap_decision)9, at.stack, &good, 1), MU_INVALID);
    pass(&f, &at, &good, 1);
    cr_assert_eq(answer(&f, &at, MU_TRAP_PASS, at.stack, &good, 1), MU_STATE);
    context_wait_finished(&f, 1);
    cr_assert_eq(out(&f), 43);
    context_fixture_close(&f);
}

Test(mu_context_traps, an_exception_is_thrown_out_of_the_trap, .timeout = 60)
{
    context_fixture f;
    open(&f);
    context_start(&f, "@catches", NULL, 0);
    trap at = take(&f, 1);
    uint64_t exception = DO(&f, NEW_FIXED, context_id(&f, "@void"));
    cr_assert_eq(answer(&f, &at, MU_TRAP_THROW, at.stack, &exception, 1), MU_OK);
    context_wait_finished(&f, 1);
    uint64_t caught = DO(&f, LOAD, NOT_ATOMIC, DO(&f, FROM_GLOBAL, context_id(&f, "@ref")));
    cr_assert_eq(DO(&f, REF_EQ, caught, exception), 1);
    cr_assert_eq(out(&f), 2);
    context_fixture_close(&f);
}

Test(mu_context_traps, a_thread_goes_on_on_another_stack, .timeout = 60)
{
    context_fixture f;
    open(&f);
    start_one(&f, "@intro", 0);
    trap at = take(&f, 1);
    uint64_t number = context_int(&f, 64, 9);
    uint64_t other = DO(&f, NEW_STACK, function(&f, "@push.main"));
    cr_assert_eq(answer(&f, &at, MU_TRAP_PASS, other, &number, 1), MU_OK);
    trap second = take(&f, 2);
    cr_assert_eq(second.thread, at.thread);
    cr_assert_eq(DO(&f, REF_EQ, second.thread_handle, at.thread_handle), 1);
    cr_assert_eq(DO(&f, REF_EQ, second.stack, other), 1);
    exit_thread(&f, &second);
    context_wait_finished(&f, 1);
    /* The first stack still waits, and another thread may have it. */
    DO(&f, NEW_THREAD_NOR, at.stack, 0, 1, number);
    context_wait_finished(&f, 2);
    cr_assert_eq(out(&f), 9);
    context_fixture_close(&f);
}

Test(mu_context_traps, a_trap_is_taken_once_and_given_back, .timeout = 60)
{
    context_fixture f;
    mu_context *other;
    open(&f);
    context_start(&f, "@two", NULL, 0);
    trap at = take(&f, 1);
    cr_assert_eq(mu_context_new(f.vm, &other), MU_OK);
    cr_assert_eq(mu_context_take_trap(other, at.thread, 1, 2), MU_STATE);
    cr_assert_eq(mu_context_take_trap(f.context, at.thread, 1, 1), MU_INVALID);
    cr_assert_eq(mu_context_take_trap(f.context, at.thread, at.stack, 2), MU_INVALID);
    cr_assert_eq(mu_thread_resume(at.thread, NULL, 0, f.report), MU_STATE);
    cr_assert_eq(mu_thread_throw_handler_gone(at.thread), MU_STATE);
    mu_trap_verdict verdict = {.decision = MU_TRAP_EXIT};
    cr_assert_eq(mu_context_answer_trap(other, at.thread, &verdict, f.report), MU_STATE);
    uint64_t cursor = DO(&f, NEW_CURSOR, at.stack);
    DO(&f, DELETE_VALUE, at.stack); /* the thread keeps its stack */
    mu_context_return_trap(other, at.thread);
    mu_context_return_trap(f.context, at.thread);
    cr_assert_eq(mu_thread_frame_count(at.thread), 1);
    REFUSED(&f, MU_STATE, "changed", CUR_FUNC, cursor);
    cr_assert_eq(mu_context_take_trap(other, at.thread, 1, 2), MU_OK);
    mu_context_return_trap(other, at.thread);
    cr_assert_eq(mu_thread_resume(at.thread, NULL, 0, f.report), MU_OK);
    trap second = take(&f, 2);
    pass(&f, &second, NULL, 0);
    context_wait_finished(&f, 1);
    mu_context_free(other);
    context_fixture_close(&f);
}

Test(mu_context_traps, a_thread_whose_stack_has_changed_cannot_be_given_back, .timeout = 60)
{
    context_fixture f;
    open(&f);
    start_one(&f, "@intro", 1);
    trap at = take(&f, 1);
    uint64_t cursor = DO(&f, NEW_CURSOR, at.stack);
    DO(&f, NEXT_FRAME, cursor);
    DO(&f, POP_FRAMES_TO, cursor);
    mu_context_return_trap(f.context, at.thread);
    context_wait_finished(&f, 1);
    cr_assert_eq(mu_thread_outcome(at.thread), MU_OUTCOME_KILLED);
    start_one(&f, "@intro", 1);
    at = take(&f, 2);
    DO(&f, KILL_STACK, at.stack);
    mu_context_return_trap(f.context, at.thread);
    context_wait_finished(&f, 2);
    context_fixture_close(&f);
}

Test(mu_context_traps, a_taken_thread_can_be_killed, .timeout = 60)
{
    context_fixture f;
    open(&f);
    start_one(&f, "@intro", 0);
    trap at = take(&f, 1);
    cr_assert_eq(mu_vm_get_stats(f.vm).threads_trapped, 1);
    mu_thread_kill(at.thread);
    context_wait_finished(&f, 1);
    cr_assert_eq(answer(&f, &at, MU_TRAP_EXIT, 0, NULL, 0), MU_STATE);
    uint64_t number = context_int(&f, 64, 3);
    DO(&f, NEW_THREAD_NOR, at.stack, 0, 1, number); /* its stack is a stack like others */
    context_wait_finished(&f, 2);
    cr_assert_eq(out(&f), 3);
    start_one(&f, "@intro", 0);
    at = take(&f, 2);
    mu_context_return_trap(f.context, at.thread); /* and with the VM */
    context_fixture_close(&f);
}

Test(mu_context_traps, the_thread_local_reference_is_that_of_a_taken_thread, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t threadref = context_start(&f, "@local", NULL, 0);
    trap at = take(&f, 1);
    cr_assert_eq(DO(&f, REF_EQ, threadref, at.thread_handle), 1);
    uint64_t object = DO(&f, NEW_FIXED, context_id(&f, "@void"));
    uint64_t null = DO(&f, FROM_CONST, context_id(&f, "@null"));
    cr_assert_eq(DO(&f, REF_EQ, DO(&f, GET_THREADLOCAL, threadref), null), 1);
    DO(&f, SET_THREADLOCAL, threadref, object);
    cr_assert_eq(DO(&f, REF_EQ, DO(&f, GET_THREADLOCAL, threadref), object), 1);
    REFUSED(&f, MU_INVALID, "expected ref", SET_THREADLOCAL, threadref, threadref);
    REFUSED(&f, MU_INVALID, "expected threadref", GET_THREADLOCAL, object);
    pass(&f, &at, NULL, 0);
    context_wait_finished(&f, 1);
    REFUSED(&f, MU_STATE, "not a thread that waits", GET_THREADLOCAL, threadref);
    REFUSED(&f, MU_STATE, "not a thread that waits", SET_THREADLOCAL, threadref, object);
    uint64_t seen = DO(&f, LOAD, NOT_ATOMIC, DO(&f, FROM_GLOBAL, context_id(&f, "@ref")));
    cr_assert_eq(DO(&f, REF_EQ, seen, object), 1);
    context_fixture_close(&f);
}

Test(mu_context_traps, an_undefined_function_is_defined_by_the_handler, .timeout = 60)
{
    context_fixture f;
    open(&f);
    start_one(&f, "@calls.nobody", 5);
    trap at = take(&f, 1);
    uint64_t cursor = DO(&f, NEW_CURSOR, at.stack);
    cr_assert_str_eq(context_name(&f, DO(&f, CUR_FUNC, cursor)), "@nobody");
    cr_assert_eq(DO(&f, CUR_FUNC_VER, cursor), 0);
    cr_assert_eq(DO(&f, CUR_INST, cursor), 0);
    uint64_t values = DO(&f, DUMP_KEEPALIVES, cursor);
    cr_assert_eq(f.answer.integer, 1);
    cr_assert_eq(context_int_of(&f, values), 5);
    context_do_bytes(&f, CTX_LOAD_BUNDLE,
                     ".funcdef @nobody VERSION %v1 <@i_i> {\n"
                     " %entry(<@i64> %n): %r = ADD <@i64> %n @42 RET %r }");
    pass(&f, &at, NULL, 0);
    context_wait_finished(&f, 1);
    cr_assert_eq(out(&f), 47);
    context_fixture_close(&f);
}

Test(mu_context_traps, a_watchpoint_traps_while_it_is_enabled, .timeout = 60)
{
    context_fixture f;
    open(&f);
    context_start(&f, "@watched", NULL, 0);
    context_wait_finished(&f, 1);
    DO(&f, ENABLE_WATCHPOINT, 44);
    context_start(&f, "@watched", NULL, 0);
    trap at = take(&f, 1);
    cr_assert_eq(mu_thread_trap(at.thread).watchpoint, 44);
    pass(&f, &at, NULL, 0);
    context_wait_finished(&f, 2);
    cr_assert_eq(out(&f), 2);
    DO(&f, DISABLE_WATCHPOINT, 44);
    context_start(&f, "@watched", NULL, 0);
    context_wait_finished(&f, 3);
    context_fixture_close(&f);
}

/* ---- frames */

Test(mu_context_frames, a_cursor_walks_down_the_stack, .timeout = 60)
{
    context_fixture f;
    open(&f);
    start_one(&f, "@intro", 3);
    trap at = take(&f, 1);
    uint64_t cursor = DO(&f, NEW_CURSOR, at.stack);
    cr_assert_str_eq(context_name(&f, DO(&f, CUR_INST, cursor)), "@rec.v1.zero.trap");
    uint64_t values = DO(&f, DUMP_KEEPALIVES, cursor);
    cr_assert_eq(f.answer.integer, 1);
    cr_assert_eq(context_int_of(&f, values), 0);
    for (uint64_t i = 1; i <= 3; i++) {
        DO(&f, NEXT_FRAME, cursor);
        cr_assert_str_eq(context_name(&f, DO(&f, CUR_FUNC, cursor)), "@rec");
        cr_assert_str_eq(context_name(&f, DO(&f, CUR_FUNC_VER, cursor)), "@rec.v1");
        cr_assert_str_eq(context_name(&f, DO(&f, CUR_INST, cursor)), "@rec.v1.nz.call");
        values = DO(&f, DUMP_KEEPALIVES, cursor);
        cr_assert_eq(f.answer.integer, 2);
        cr_assert_eq(context_int_of(&f, values), i);
        cr_assert_eq(context_int_of(&f, values + 1), i - 1);
    }
    uint64_t copy = DO(&f, COPY_CURSOR, cursor);
    DO(&f, NEXT_FRAME, cursor);
    cr_assert_str_eq(context_name(&f, DO(&f, CUR_INST, cursor)), "@intro.v1.entry.call");
    cr_assert_str_eq(context_name(&f, DO(&f, CUR_INST, copy)), "@rec.v1.nz.call");
    REFUSED(&f, MU_STATE, "bottom", NEXT_FRAME, cursor);
    DO(&f, CLOSE_CURSOR, copy);
    REFUSED(&f, MU_STATE, "closed", CUR_FUNC_VER, copy);
    REFUSED(&f, MU_STATE, "closed", CLOSE_CURSOR, copy);
    REFUSED(&f, MU_INVALID, "expected framecursorref", CUR_INST, at.stack);
    REFUSED(&f, MU_INVALID, "expected stackref", NEW_CURSOR, cursor);
    uint64_t zero = context_int(&f, 64, 0);
    pass(&f, &at, &zero, 1);
    context_wait_finished(&f, 1);
    REFUSED(&f, MU_STATE, "dead", COPY_CURSOR, cursor);
    REFUSED(&f, MU_STATE, "", DUMP_KEEPALIVES, cursor);
    context_fixture_close(&f);
}

Test(mu_context_frames, a_loop_is_replaced_in_its_middle, .timeout = 60)
{
    context_fixture f;
    open(&f);
    start_one(&f, "@osr", 4);
    trap at = take(&f, 1);
    exit_thread(&f, &at);
    context_wait_finished(&f, 1);
    cr_assert_eq(out(&f), 6);
    start_one(&f, "@osr", 8);
    at = take(&f, 2);
    uint64_t cursor = DO(&f, NEW_CURSOR, at.stack);
    cr_assert_str_eq(context_name(&f, DO(&f, CUR_INST, cursor)), "@sum.v1.opt.trap");
    uint64_t values = DO(&f, DUMP_KEEPALIVES, cursor);
    static const uint64_t expected[] = {8, 5, 10};
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(context_int_of(&f, values + i), expected[i]);
    }
    context_do_bytes(&f, CTX_LOAD_BUNDLE, part2);
    DO(&f, NEXT_FRAME, cursor);
    DO(&f, POP_FRAMES_TO, cursor);
    REFUSED(&f, MU_STATE, "waits for other values", PUSH_FRAME, at.stack, function(&f, "@quiet"));
    DO(&f, PUSH_FRAME, at.stack, function(&f, "@rest"));
    const uint64_t passed[] = {values + 2, values + 1, values};
    pass(&f, &at, passed, 3);
    at = take(&f, 3);
    exit_thread(&f, &at);
    context_wait_finished(&f, 2);
    cr_assert_eq(out(&f), 28);
    start_one(&f, "@osr", 8); /* the new version, without a trap on the way */
    at = take(&f, 4);
    cr_assert_eq(out(&f), 28);
    exit_thread(&f, &at);
    context_wait_finished(&f, 3);
    context_fixture_close(&f);
}

Test(mu_context_frames, frames_are_pushed_before_a_thread_starts, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t stack = DO(&f, NEW_STACK, function(&f, "@push.main"));
    for (int i = 0; i < 3; i++) {
        DO(&f, PUSH_FRAME, stack, function(&f, "@add.one"));
    }
    DO(&f, PUSH_FRAME, stack, function(&f, "@forty.two"));
    uint64_t cursor = DO(&f, NEW_CURSOR, stack);
    cr_assert_str_eq(context_name(&f, DO(&f, CUR_FUNC, cursor)), "@forty.two");
    cr_assert_str_eq(context_name(&f, DO(&f, CUR_FUNC_VER, cursor)), "@forty.two.v1");
    cr_assert_eq(DO(&f, CUR_INST, cursor), 0);
    DO(&f, DUMP_KEEPALIVES, cursor);
    cr_assert_eq(f.answer.integer, 0);
    DO(&f, NEW_THREAD_NOR, stack, 0, 0);
    for (uint64_t i = 0; i < 4; i++) {
        trap at = take(&f, (uint32_t)i + 1);
        uint64_t values = DO(&f, DUMP_KEEPALIVES, DO(&f, NEW_CURSOR, at.stack));
        cr_assert_eq(context_int_of(&f, values), 42 + i);
        pass(&f, &at, NULL, 0);
    }
    context_wait_finished(&f, 1);
    cr_assert_eq(out(&f), 45);
    uint64_t other = DO(&f, NEW_STACK, function(&f, "@push.main"));
    REFUSED(&f, MU_UNSUPPORTED, "more than a call can pass", PUSH_FRAME, other,
            function(&f, "@words.f"));
    context_fixture_close(&f);
}
