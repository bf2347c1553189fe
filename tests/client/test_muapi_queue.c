/* The C interface of the specification against the fake server: what is sent when, what errors do,
 * what traps bring. */
#include "fake_mud.h"
#include "muclient_mu.h"
#include "refimpl2_start.h"
#include <criterion/criterion.h>
#include <string.h>

typedef struct bench {
    fake_mud *fake;
    fake_seen *seen;
    muclient *client;
    MuVM *vm;
    MuCtx *ctx;
    int *error;
} bench;

static bench bench_set(void)
{
    bench b = {.fake = fake_mud_start(NULL)};
    muclient_options options = {.socket = fake_mud_socket(b.fake)};
    cr_assert_eq(muclient_connect(&options, &b.client, NULL), MUCLIENT_OK);
    b.vm = muclient_mu_open(b.client, "gcd", NULL);
    cr_assert_not_null(b.vm);
    b.ctx = b.vm->new_context(b.vm);
    b.error = b.vm->get_mu_error_ptr(b.vm);
    b.seen = fake_mud_seen(b.fake);
    cr_assert_eq(*b.error, 0);
    return b;
}

static void bench_clear(bench *b)
{
    muclient_mu_close(b->vm);
    muclient_close(b->client);
    fake_mud_stop(b->fake);
}

static void error_is(const bench *b, muclient_code code, const char *words)
{
    cr_assert_eq(*b->error, (int)code, "%d: %s", *b->error, muclient_mu_error(b->vm));
    cr_assert_not_null(strstr(muclient_mu_error(b->vm), words), "%s", muclient_mu_error(b->vm));
    *b->error = 0;
}

Test(muapi, what_gives_only_a_handle_is_not_sent_until_a_number_is_asked_for)
{
    bench b = bench_set();
    MuValue values[100];
    for (int i = 0; i < 100; i++) {
        values[i] = b.ctx->handle_from_sint64(b.ctx, i, 64);
    }
    cr_assert_eq(b.seen->performs, 0);
    cr_assert_eq(b.ctx->handle_to_sint64(b.ctx, values[42]), 42);
    cr_assert_eq(b.seen->performs, 1);
    cr_assert_eq(b.seen->operations, 101);
    cr_assert_eq(*b.error, 0);
    bench_clear(&b);
}

Test(muapi, queue_is_sent_at_4096_operations_or_32_kib)
{
    bench b = bench_set();
    MuValue value = b.ctx->handle_from_sint8(b.ctx, 1, 8);
    size_t queued = 1;
    for (; b.seen->performs == 0 && queued < 10000; queued++) {
        b.ctx->next_frame(b.ctx, value);
    }
    cr_assert(queued > 1000 && queued <= 4096, "%zu", queued);
    cr_assert_eq(b.seen->operations, queued);
    char name[20000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    MuBundleNode bundle = b.ctx->new_bundle(b.ctx);
    b.ctx->set_name(b.ctx, bundle, bundle, name);
    cr_assert_eq(b.seen->performs, 1);
    b.ctx->set_name(b.ctx, bundle, bundle, name);
    cr_assert_eq(b.seen->performs, 2);
    bench_clear(&b);
}

Test(muapi, threads_fences_loads_and_the_end_of_a_context_send_the_queue)
{
    bench b = bench_set();
    MuValue stack = b.ctx->new_stack(b.ctx, b.ctx->handle_from_func(b.ctx, 1));
    cr_assert_eq(b.seen->performs, 0);
    b.ctx->new_thread_nor(b.ctx, stack, NULL, NULL, 0);
    cr_assert_eq(b.seen->performs, 1);
    b.ctx->new_thread_exc(b.ctx, stack, NULL, stack);
    cr_assert_eq(b.seen->performs, 2);
    b.ctx->fence(b.ctx, MU_ORD_SEQ_CST);
    cr_assert_eq(b.seen->performs, 3);
    b.ctx->enable_watchpoint(b.ctx, 4);
    b.ctx->disable_watchpoint(b.ctx, 4);
    cr_assert_eq(b.seen->performs, 5);
    b.ctx->new_fixed(b.ctx, 1);
    char text[] = "; nothing";
    b.ctx->load_bundle(b.ctx, text, strlen(text));
    cr_assert_eq(b.seen->performs, 6);
    cr_assert_eq(fake_mud_uploaded_bytes(b.fake), strlen(text));
    b.ctx->new_fixed(b.ctx, 1);
    muclient_mu_send(b.vm);
    cr_assert_eq(b.seen->performs, 7);
    b.ctx->new_fixed(b.ctx, 1);
    b.ctx->close_context(b.ctx);
    cr_assert_eq(b.seen->performs, 8);
    cr_assert_eq(*b.error, 0);
    bench_clear(&b);
}

Test(muapi, operations_of_two_contexts_are_done_in_the_order_of_the_calls)
{
    bench b = bench_set();
    MuCtx *other = b.vm->new_context(b.vm);
    b.ctx->new_fixed(b.ctx, 1);
    cr_assert_eq(b.seen->performs, 0);
    other->new_fixed(other, 1);
    cr_assert_eq(b.seen->performs, 1);
    b.ctx->new_fixed(b.ctx, 1);
    cr_assert_eq(b.seen->performs, 2);
    cr_assert_eq(b.seen->opened, 3); /* and the MuVM's own */
    bench_clear(&b);
}

Test(muapi, ints_are_cut_and_extended_by_the_sign_of_the_c_type)
{
    bench b = bench_set();
    MuCtx *ctx = b.ctx;
    MuValue small = ctx->handle_from_sint8(ctx, -1, 8);
    /* The fake does not cut to the width, so what is sent is what the C type gives. */
    cr_assert_eq(ctx->handle_to_uint64(ctx, small), UINT64_MAX);
    cr_assert_eq(ctx->handle_to_uint64(ctx, ctx->handle_from_uint8(ctx, 255, 64)), 255);
    cr_assert_eq(ctx->handle_to_sint16(ctx, ctx->handle_from_uint64(ctx, 0x2345, 6)), 5);
    cr_assert_eq(ctx->handle_to_sint64(ctx, ctx->handle_from_uint64(ctx, 0x20, 6)), -32);
    cr_assert_eq(ctx->handle_to_uint8(ctx, ctx->handle_from_uint64(ctx, 0x1ff, 64)), 0xff);
    cr_assert_eq(ctx->handle_to_sint8(ctx, ctx->handle_from_uint64(ctx, 0x1ff, 64)), -1);
    uint64_t words[] = {7, 9};
    cr_assert_eq(ctx->handle_to_uint64(ctx, ctx->handle_from_uint64s(ctx, words, 2, 128)), 7);
    cr_assert_eq(*b.error, 0);
    bench_clear(&b);
}

Test(muapi, names_and_ids_are_asked_for_once)
{
    bench b = bench_set();
    char name[] = "@n123";
    cr_assert_eq(b.ctx->id_of(b.ctx, name), 123);
    size_t performs = b.seen->performs;
    cr_assert_eq(b.vm->id_of(b.vm, name), 123);
    const char *first = b.vm->name_of(b.vm, 123);
    cr_assert_str_eq(first, "@n123");
    cr_assert_eq(b.seen->performs, performs);
    cr_assert_str_eq(b.ctx->name_of(b.ctx, 77), "@n77");
    cr_assert_eq(b.seen->performs, performs + 1);
    for (unsigned i = 1000; i < 3000; i++) {
        (void)b.ctx->name_of(b.ctx, i);
    }
    cr_assert_eq(b.ctx->name_of(b.ctx, 123), first, "a name stays where it is");
    char last[] = "@n2999";
    cr_assert_eq(b.ctx->id_of(b.ctx, last), 2999);
    char missing[] = "@missing";
    cr_assert_eq(b.ctx->id_of(b.ctx, missing), 0);
    error_is(&b, MUCLIENT_NOT_FOUND, "id_of: nothing has that name");
    bench_clear(&b);
}

Test(muapi, failure_is_kept_until_it_is_cleared_and_later_operations_go_on)
{
    bench b = bench_set();
    MuCtx *ctx = b.ctx;
    MuValue good = ctx->handle_from_const(ctx, 5);
    MuValue bad = ctx->handle_from_const(ctx, 666);
    MuValue other = ctx->handle_from_const(ctx, 6);
    MuValue made = ctx->extract_element(ctx, good, bad);
    cr_assert_eq(ctx->handle_to_sint64(ctx, other), 6);
    cr_assert_eq(b.seen->performs, 2, "the rest was sent again");
    cr_assert_eq(ctx->handle_to_sint64(ctx, good), 5);
    cr_assert_eq(*b.error, MUCLIENT_NOT_FOUND);
    size_t performs = b.seen->performs;
    cr_assert_eq(ctx->handle_to_sint64(ctx, bad), 0);
    cr_assert_eq(ctx->handle_to_sint64(ctx, made), 0);
    cr_assert_eq(b.seen->performs, performs, "mud need not be asked");
    error_is(&b, MUCLIENT_NOT_FOUND, "handle_from_const: no constant has the id 666");
    cr_assert_str_eq(muclient_mu_error(b.vm), "");
    cr_assert_eq(ctx->handle_to_sint64(ctx, made), 0);
    error_is(&b, MUCLIENT_INVALID_ARGUMENT,
             "handle_to_int: operand 1 should have come from an operation that failed");
    bench_clear(&b);
}

Test(muapi, thousand_consequences_of_one_failure_cost_one_trip)
{
    bench b = bench_set();
    MuCtx *ctx = b.ctx;
    MuValue value = ctx->handle_from_const(ctx, 666);
    for (int i = 0; i < 1000; i++) {
        value = ctx->get_iref(ctx, value);
    }
    MuValue list[] = {value, value};
    value = ctx->new_thread_nor(ctx, value, NULL, list, 2);
    cr_assert_eq(b.seen->performs, 1);
    cr_assert_eq(b.seen->operations, 0);
    error_is(&b, MUCLIENT_NOT_FOUND, "666");
    bench_clear(&b);
}

Test(muapi, foreign_and_null_operands_are_errors_before_anything_is_sent)
{
    bench b = bench_set();
    MuCtx *ctx = b.ctx;
    MuCtx *other = b.vm->new_context(b.vm);
    MuValue foreign = other->new_fixed(other, 1);
    MuValue own = ctx->new_fixed(ctx, 1);
    muclient_mu_send(b.vm);
    size_t performs = b.seen->performs;
    cr_assert_eq(ctx->ref_eq(ctx, own, foreign), 0);
    error_is(&b, MUCLIENT_INVALID_ARGUMENT, "ref_eq: operand 2 is a handle of another context");
    cr_assert_eq(ctx->ref_eq(ctx, NULL, own), 0);
    error_is(&b, MUCLIENT_INVALID_ARGUMENT, "ref_eq: operand 1 is NULL");
    ctx->new_thread_nor(ctx, own, NULL, NULL, 3);
    error_is(&b, MUCLIENT_INVALID_ARGUMENT, "new_thread_nor: operand 3 is NULL");
    MuValue list[] = {own, foreign};
    ctx->new_thread_nor(ctx, own, NULL, list, 2);
    error_is(&b, MUCLIENT_INVALID_ARGUMENT, "operand 3 is a handle of another context");
    ctx->next_frame(ctx, (MuValue)((uintptr_t)own + 1000));
    error_is(&b, MUCLIENT_INVALID_ARGUMENT, "next_frame: operand 1 is no handle");
    ctx->new_thread_nor(ctx, own, NULL, list, 70000);
    cr_assert_neq(*b.error, 0);
    *b.error = 0;
    cr_assert_eq(ctx->id_of(ctx, NULL), 0);
    error_is(&b, MUCLIENT_INVALID_ARGUMENT, "id_of: operand 1 is NULL");
    cr_assert_eq(b.seen->performs, performs);
    bench_clear(&b);
}

Test(muapi, list_that_is_too_long_is_an_error_and_not_a_lost_connection)
{
    bench b = bench_set();
    static uint64_t words[70000];
    MuValue bundle = b.ctx->new_bundle(b.ctx);
    b.ctx->new_const_int_ex(b.ctx, bundle, bundle, words, 70000);
    error_is(&b, MUCLIENT_INVALID_ARGUMENT, "new_const_int_ex: operand 3 is too long a list");
    b.ctx->new_const_int_ex(b.ctx, bundle, bundle, words, 65000);
    cr_assert_eq(b.ctx->handle_to_sint64(b.ctx, bundle), 0x300);
    cr_assert_eq(*b.error, 0);
    bench_clear(&b);
}

/* --- Traps --- */

typedef struct trap_script {
    MuTrapHandlerResult result;
    int64_t value;
    int calls;
    int freed;
    int leave_out_stack;
    MuVM *vm;
    MuValue other; /* a handle of another context */
} trap_script;

static void values_free(MuValue *values, MuCPtr data)
{
    ((trap_script *)data)->freed++;
    free(values);
}

static void trap_act(MuCtx *ctx, MuThreadRefValue thread, MuStackRefValue stack, MuWPID wpid,
                     MuTrapHandlerResult *result, MuStackRefValue *new_stack, MuValue **values,
                     MuArraySize *nvalues, MuValuesFreer *freer, MuCPtr *freerdata,
                     MuRefValue *exception, MuCPtr userdata)
{
    trap_script *script = userdata;
    MuValue keepalives[2];
    script->calls++;
    cr_assert_eq(wpid, 7);
    MuValue cursor = ctx->new_cursor(ctx, stack);
    ctx->dump_keepalives(ctx, cursor, keepalives);
    cr_assert_eq(ctx->handle_to_sint64(ctx, keepalives[0]), 42);
    cr_assert_eq(ctx->handle_to_sint64(ctx, keepalives[1]), 43);
    ctx->close_cursor(ctx, cursor);
    *result = script->result;
    *new_stack = script->leave_out_stack ? NULL : stack;
    *exception = thread;
    if (script->vm != NULL) {
        script->vm->execute(script->vm);
        ctx->close_context(ctx);
        muclient_mu_close(script->vm);
    }
    if (script->value != 0 || script->other != NULL) {
        *values = malloc(sizeof **values);
        (*values)[0] =
            script->other != NULL ? script->other : ctx->handle_from_sint64(ctx, script->value, 64);
        *nvalues = 1;
        *freer = values_free;
        *freerdata = script;
    }
}

static void trap_run(bench *b, trap_script *script)
{
    b->vm->set_trap_handler(b->vm, trap_act, script);
    MuValue stack = b->ctx->new_stack(b->ctx, b->ctx->handle_from_func(b->ctx, 1));
    b->ctx->new_thread_nor(b->ctx, stack, NULL, NULL, 0);
    b->vm->execute(b->vm);
    cr_assert_eq(script->calls, 1);
}

Test(muapi, trap_gets_the_values_and_the_freer_is_called)
{
    bench b = bench_set();
    trap_script script = {.result = MU_REBIND_PASS_VALUES, .value = 99};
    trap_run(&b, &script);
    cr_assert_eq(b.seen->decision, MUD__REBIND__DECISION__PASS_VALUES);
    cr_assert_eq(b.seen->stack, 2);
    cr_assert_eq(b.seen->value_count, 1);
    cr_assert_eq(b.seen->values[0], 99);
    cr_assert_eq(script.freed, 1);
    cr_assert_eq(*b.error, 0);
    bench_clear(&b);
}

Test(muapi, trap_throws_or_ends_its_thread)
{
    bench b = bench_set();
    trap_script script = {.result = MU_REBIND_THROW_EXC};
    trap_run(&b, &script);
    cr_assert_eq(b.seen->decision, MUD__REBIND__DECISION__THROW_EXC);
    cr_assert_eq(b.seen->exception, 1);
    script = (trap_script){.result = MU_THREAD_EXIT};
    trap_run(&b, &script);
    cr_assert_eq(b.seen->decision, MUD__REBIND__DECISION__EXIT);
    cr_assert_eq(*b.error, 0);
    bench_clear(&b);
}

static void trap_fails(trap_script script, size_t answers, const char *words)
{
    bench b = bench_set();
    if (script.other != NULL) {
        script.other = b.ctx->new_fixed(b.ctx, 1);
    }
    trap_run(&b, &script);
    cr_assert_eq(b.seen->decision, MUD__REBIND__DECISION__EXIT);
    cr_assert_eq(b.seen->answers, answers);
    error_is(&b, MUCLIENT_INVALID_ARGUMENT, words);
    bench_clear(&b);
}

Test(muapi, decision_that_cannot_be_carried_out_is_an_error_and_ends_the_thread)
{
    trap_fails((trap_script){.result = MU_REBIND_PASS_VALUES, .value = 13}, 2,
               "mud refused: 13 is not passed");
    trap_fails((trap_script){.result = MU_REBIND_PASS_VALUES, .leave_out_stack = 1}, 1,
               "its new_stack is NULL");
    trap_fails((trap_script){.result = 9}, 1, "its result 9 is none of");
    trap_fails((trap_script){.result = MU_REBIND_PASS_VALUES, .other = &trap_fails}, 1,
               "its value is a handle of another context");
}

Test(muapi, trap_handler_can_neither_wait_for_threads_nor_close)
{
    bench b = bench_set();
    trap_script script = {.result = MU_THREAD_EXIT, .vm = b.vm};
    trap_run(&b, &script);
    error_is(&b, MUCLIENT_FAILED_PRECONDITION, "execute: a trap handler cannot wait for threads");
    bench_clear(&b);
}

Test(muapi, trap_handler_that_is_taken_away_is_not_called)
{
    bench b = bench_set();
    trap_script script = {.result = MU_THREAD_EXIT};
    trap_run(&b, &script);
    b.vm->set_trap_handler(b.vm, NULL, NULL);
    b.vm->execute(b.vm);
    cr_assert_eq(script.calls, 1);
    bench_clear(&b);
}

static void trap_answer(void *data, muclient *client, const muclient_trap *trap,
                        muclient_answer *answer)
{
    static const muclient_value value = {.kind = MUCLIENT_INTEGER, .integer = 9};
    (*(int *)data)++;
    answer->values = &value;
    answer->value_count = 1;
    (void)client;
    (void)trap;
}

Test(muapi, connection_handles_other_traps_by_its_own_handler)
{
    bench b = bench_set();
    int others = 0;
    trap_script script = {.result = MU_THREAD_EXIT};
    muclient_trap_handler_set(b.client, trap_answer, &others);
    trap_run(&b, &script);
    cr_assert_eq(others, 0);
    muclient_reply *reply = NULL;
    muclient_call_spec spec = {.vm = "gcd", .function = "trap"};
    cr_assert_eq(muclient_call(b.client, &spec, &reply, NULL), MUCLIENT_OK);
    cr_assert_eq(muclient_reply_returned(reply)->results[0].integer, 9);
    cr_assert_eq(others, 1);
    cr_assert_eq(script.calls, 1);
    muclient_reply_free(reply);
    bench_clear(&b);
}

/* --- Opening --- */

Test(muapi, absent_vm_cannot_be_opened)
{
    bench b = bench_set();
    muclient_error *error = NULL;
    cr_assert_null(muclient_mu_open(b.client, "absent", &error));
    cr_assert_eq(muclient_error_code(error), MUCLIENT_NOT_FOUND);
    cr_assert_not_null(strstr(muclient_error_message(error), "there is no VM"));
    muclient_error_free(error);
    bench_clear(&b);
}

Test(muapi, lost_mud_is_an_error_of_every_call_and_not_a_crash)
{
    bench b = bench_set();
    MuValue value = b.ctx->handle_from_sint64(b.ctx, 1, 64);
    fake_mud_stop(b.fake);
    cr_assert_eq(b.ctx->handle_to_sint64(b.ctx, value), 0);
    cr_assert_eq(*b.error, MUCLIENT_UNAVAILABLE);
    *b.error = 0;
    char text[] = "x";
    b.ctx->load_bundle(b.ctx, text, 1);
    cr_assert_eq(*b.error, MUCLIENT_UNAVAILABLE);
    cr_assert_null(b.vm->new_context(b.vm));
    b.vm->execute(b.vm);
    b.ctx->close_context(b.ctx);
    muclient_mu_close(b.vm);
    muclient_close(b.client);
}

Test(muapi, refused_bundle_says_where)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient_options options = {.socket = fake_mud_socket(fake)};
    muclient *client = NULL;
    cr_assert_eq(muclient_connect(&options, &client, NULL), MUCLIENT_OK);
    MuVM *vm = muclient_mu_open(client, "bad", NULL);
    MuCtx *ctx = vm->new_context(vm);
    char text[] = ".const";
    ctx->load_bundle(ctx, text, strlen(text));
    cr_assert_eq(*vm->get_mu_error_ptr(vm), MUCLIENT_BUNDLE_REJECTED);
    cr_assert_str_eq(muclient_mu_error(vm), "load_bundle: 2 errors; mend them\n"
                                            "bad.uir:41:17: an int<64> is wanted\n"
                                            ":0:0: no place");
    muclient_mu_close(vm);
    muclient_close(client);
    fake_mud_stop(fake);
}

Test(muapi, program_for_the_reference_finds_mud_by_the_environment)
{
    fake_mud *fake = fake_mud_start(NULL);
    setenv("MUD_HOST", fake_mud_socket(fake), 1);
    MuVM *vm = mu_refimpl2_new_ex("# sizes\n\n sosSize=524288\nlosSize=524288\nvmLog=DEBUG\n");
    cr_assert_not_null(vm);
    cr_assert_str_eq(muclient_mu_vm_name(vm), "anonymous-1");
    mu_refimpl2_close(vm);
    cr_assert_null(mu_refimpl2_new_ex("sosSize=many"));
    cr_assert_null(mu_refimpl2_new_ex("sosSize"));
    cr_assert_null(mu_refimpl2_new_ex("color=green"));
    mu_refimpl2_close(NULL);
    fake_mud_stop(fake);
    cr_assert_null(mu_refimpl2_new());
}
