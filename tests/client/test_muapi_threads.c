/* Threads, traps, frames and watchpoints over a real mud. */
#include "muapi_check.h"
#include <stdlib.h>

typedef struct trap_plan trap_plan;
typedef void (*trap_step_fn)(trap_plan *plan, MuCtx *ctx, MuValue thread, MuValue stack);

/* What the handler is to do, and what it saw. */
struct trap_plan {
    const muapi_test *test;
    trap_step_fn step;
    MuTrapHandlerResult result;
    MuValue values[4];
    MuArraySize value_count;
    MuValue exception;
    MuWPID watchpoint;
    unsigned calls;
    unsigned freed;
};

static void plan_freed(MuValue *values, MuCPtr data)
{
    trap_plan *plan = data;
    CHECK(values == plan->values);
    plan->freed++;
}

static void trap_handle(MuCtx *ctx, MuThreadRefValue thread, MuStackRefValue stack, MuWPID wpid,
                        MuTrapHandlerResult *result, MuStackRefValue *new_stack, MuValue **values,
                        MuArraySize *nvalues, MuValuesFreer *freer, MuCPtr *freerdata,
                        MuRefValue *exception, MuCPtr userdata)
{
    trap_plan *plan = userdata;
    muapi_count_ctx(ctx);
    plan->calls++;
    plan->watchpoint = wpid;
    if (plan->step != NULL) {
        plan->step(plan, ctx, thread, stack);
    }
    *result = plan->result;
    *new_stack = stack;
    *values = plan->values;
    *nvalues = plan->value_count;
    *freer = plan_freed;
    *freerdata = plan;
    *exception = plan->exception;
}

static void plan_run(trap_plan *plan, const char *function, MuValue argument)
{
    MuVM *vm = plan->test->vm;
    vm->set_trap_handler(vm, trap_handle, plan);
    muapi_start(plan->test->ctx, function, &argument, argument == NULL ? 0 : 1);
    vm->execute(vm);
}

static void test_threads(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    MuValue argument = muapi_i64(ctx, 1234);
    muapi_start(ctx, "@keep", &argument, 1);
    test->vm->execute(test->vm);
    CHECK(muapi_cell(ctx, "@g") == 1234);
    /* A thread goes on while the client does something else, and until it is told to stop. */
    muapi_start(ctx, "@spins", NULL, 0);
    ctx->store(ctx, MU_ORD_SEQ_CST, ctx->handle_from_global(ctx, muapi_id(ctx, "@h")),
               muapi_i64(ctx, 1));
    ctx->fence(ctx, MU_ORD_SEQ_CST);
    test->vm->execute(test->vm);
    FINE(test);
    MuValue stack = ctx->new_stack(ctx, ctx->handle_from_func(ctx, muapi_id(ctx, "@keep")));
    ctx->new_thread_nor(ctx, stack, NULL, NULL, 0);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "new_thread_nor");
    ctx->kill_stack(ctx, stack);
    FINE(test);
    ctx->new_thread_nor(ctx, stack, NULL, &argument, 1);
    FAILS(test, MUCLIENT_FAILED_PRECONDITION, "new_thread_nor");
}

static void test_thread_local(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    MuValue object = ctx->new_fixed(ctx, muapi_id(ctx, "@i64"));
    ctx->store(ctx, MU_ORD_NOT_ATOMIC, ctx->get_iref(ctx, object), muapi_i64(ctx, 31));
    MuValue untyped = ctx->refcast(ctx, object, muapi_id(ctx, "@ref"));
    MuValue stack = ctx->new_stack(ctx, ctx->handle_from_func(ctx, muapi_id(ctx, "@local")));
    ctx->new_thread_nor(ctx, stack, untyped, NULL, 0);
    test->vm->execute(test->vm);
    CHECK(muapi_cell(ctx, "@g") == 31);
    FINE(test);
}

static void value_pass(trap_plan *plan, MuCtx *ctx, MuValue thread, MuValue stack)
{
    MuValue keepalive = NULL;
    MuValue cursor = ctx->new_cursor(ctx, stack);
    CHECK(ctx->cur_func(ctx, cursor) == muapi_id(ctx, "@asks"));
    CHECK(ctx->cur_func_ver(ctx, cursor) == muapi_id(ctx, "@asks.v1"));
    CHECK(ctx->cur_inst(ctx, cursor) == muapi_id(ctx, "@asks.v1.entry.trap"));
    ctx->dump_keepalives(ctx, cursor, &keepalive);
    ctx->close_cursor(ctx, cursor);
    plan->values[0] = muapi_i64(ctx, muapi_number(ctx, keepalive) * 2);
    plan->value_count = 1;
    (void)thread;
}

static void exception_throw(trap_plan *plan, MuCtx *ctx, MuValue thread, MuValue stack)
{
    MuValue object = ctx->new_fixed(ctx, muapi_id(ctx, "@i64"));
    plan->exception = ctx->refcast(ctx, object, muapi_id(ctx, "@ref"));
    (void)thread;
    (void)stack;
}

static void local_change(trap_plan *plan, MuCtx *ctx, MuValue thread, MuValue stack)
{
    MuValue object = ctx->new_fixed(ctx, muapi_id(ctx, "@i64"));
    ctx->store(ctx, MU_ORD_NOT_ATOMIC, ctx->get_iref(ctx, object), muapi_i64(ctx, 58));
    MuValue untyped = ctx->refcast(ctx, object, muapi_id(ctx, "@ref"));
    ctx->set_threadlocal(ctx, thread, untyped);
    CHECK(ctx->ref_eq(ctx, ctx->get_threadlocal(ctx, thread), untyped) == 1);
    (void)plan;
    (void)stack;
}

static void test_traps(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    trap_plan plan = {.test = test, .step = value_pass, .result = MU_REBIND_PASS_VALUES};
    plan_run(&plan, "@asks", muapi_i64(ctx, 7));
    CHECK(plan.calls == 1 && plan.freed == 1 && plan.watchpoint == 0);
    CHECK(muapi_cell(ctx, "@g") == 21);
    FINE(test);
    plan = (trap_plan){.test = test, .step = exception_throw, .result = MU_REBIND_THROW_EXC};
    plan_run(&plan, "@asks", muapi_i64(ctx, 7));
    CHECK(plan.calls == 1 && muapi_cell(ctx, "@g") == 1);
    FINE(test);
    plan = (trap_plan){.test = test, .result = MU_THREAD_EXIT};
    plan_run(&plan, "@asks", muapi_i64(ctx, 7));
    CHECK(plan.calls == 1 && muapi_cell(ctx, "@g") == 1);
    FINE(test);
    plan = (trap_plan){.test = test, .step = local_change, .result = MU_REBIND_PASS_VALUES};
    plan_run(&plan, "@asks_local", NULL);
    CHECK(plan.calls == 1 && muapi_cell(ctx, "@g") == 58);
    FINE(test);
    /* No value where one is waited for: mud refuses, and the thread ends. */
    plan = (trap_plan){.test = test, .result = MU_REBIND_PASS_VALUES};
    plan_run(&plan, "@asks", muapi_i64(ctx, 7));
    CHECK(plan.calls == 1);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "trap handler: mud refused");
}

/* An exception is thrown where a new thread begins: at the bottom of a stack whose frames call. */
static void stack_take(trap_plan *plan, MuCtx *ctx, MuValue thread, MuValue stack)
{
    CHECK(muapi_number(ctx, muapi_i64(ctx, 3)) == 3);
    plan->exception = ctx->handle_from_const(ctx, muapi_id(ctx, "@null"));
    (void)thread;
    (void)stack;
}

static void test_exceptions(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    trap_plan plan = {.test = test, .step = stack_take, .result = MU_REBIND_THROW_EXC};
    plan_run(&plan, "@catches", NULL);
    CHECK(plan.calls == 1 && muapi_cell(ctx, "@g") == 6);
    FINE(test);
    /* Thrown at a function that has not begun: it is nobody's, and the thread is over. */
    MuValue stack = ctx->new_stack(ctx, ctx->handle_from_func(ctx, muapi_id(ctx, "@keep")));
    MuValue null = ctx->handle_from_const(ctx, muapi_id(ctx, "@null"));
    ctx->new_thread_exc(ctx, stack, NULL, null);
    test->vm->execute(test->vm);
    CHECK(muapi_cell(ctx, "@g") == 6);
    FINE(test);
}

/* The handler uses the context that the client is in the middle of using. */
static void outside_use(trap_plan *plan, MuCtx *ctx, MuValue thread, MuValue stack)
{
    MuCtx *outside = plan->test->ctx;
    MuValue sum = muapi_i64(outside, plan->calls);
    CHECK(muapi_number(outside, sum) == (int64_t)plan->calls);
    outside->delete_value(outside, sum);
    plan->values[0] = muapi_i64(ctx, 0);
    plan->value_count = 1;
    (void)thread;
    (void)stack;
}

static void test_many_traps(const muapi_test *test)
{
    enum { THREADS = 200 };
    MuCtx *ctx = test->ctx;
    trap_plan plan = {.test = test, .step = outside_use, .result = MU_REBIND_PASS_VALUES};
    test->vm->set_trap_handler(test->vm, trap_handle, &plan);
    for (int i = 0; i < THREADS; i++) {
        MuValue argument = muapi_i64(ctx, i);
        muapi_start(ctx, "@asks", &argument, 1);
        CHECK(muapi_number(ctx, argument) == i); /* waits, and traps come meanwhile */
    }
    test->vm->execute(test->vm);
    CHECK(plan.calls == THREADS && plan.freed == THREADS);
    FINE(test);
}

void muapi_test_threads(muapi_test *test)
{
    test_threads(test);
    test_thread_local(test);
    test_traps(test);
    test_exceptions(test);
    test_many_traps(test);
    test->vm->set_trap_handler(test->vm, NULL, NULL);
    FINE(test);
}

/* --- Frames --- */

static void frames_rebuild(trap_plan *plan, MuCtx *ctx, MuValue thread, MuValue stack)
{
    MuValue keepalives[2] = {NULL, NULL};
    MuValue cursor = ctx->new_cursor(ctx, stack);
    CHECK(ctx->cur_func(ctx, cursor) == muapi_id(ctx, "@inner"));
    MuValue outer = ctx->copy_cursor(ctx, cursor);
    ctx->next_frame(ctx, outer);
    CHECK(ctx->cur_func(ctx, outer) == muapi_id(ctx, "@outer"));
    CHECK(ctx->cur_inst(ctx, outer) == muapi_id(ctx, "@outer.v1.entry.call"));
    CHECK(ctx->cur_func(ctx, cursor) == muapi_id(ctx, "@inner"));
    ctx->dump_keepalives(ctx, outer, keepalives);
    CHECK(muapi_number(ctx, keepalives[0]) == 3 && muapi_number(ctx, keepalives[1]) == 4);
    ctx->close_cursor(ctx, cursor);
    ctx->pop_frames_to(ctx, outer);
    ctx->close_cursor(ctx, outer);
    ctx->push_frame(ctx, stack, ctx->handle_from_func(ctx, muapi_id(ctx, "@tenfold")));
    plan->values[0] = keepalives[1];
    plan->value_count = 1;
    (void)thread;
}

static void test_watchpoints(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    trap_plan plan = {.test = test, .result = MU_REBIND_PASS_VALUES};
    plan_run(&plan, "@watched", NULL);
    CHECK(plan.calls == 0 && muapi_cell(ctx, "@g") == 10);
    ctx->enable_watchpoint(ctx, 44);
    plan_run(&plan, "@watched", NULL);
    CHECK(plan.calls == 1 && plan.watchpoint == 44 && muapi_cell(ctx, "@g") == 6);
    ctx->disable_watchpoint(ctx, 44);
    plan_run(&plan, "@watched", NULL);
    CHECK(plan.calls == 1 && muapi_cell(ctx, "@g") == 10);
    FINE(test);
    ctx->enable_watchpoint(ctx, 0);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "enable_watchpoint");
}

void muapi_test_frames(muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    trap_plan plan = {.test = test, .step = frames_rebuild, .result = MU_REBIND_PASS_VALUES};
    plan_run(&plan, "@outer", muapi_i64(ctx, 3));
    CHECK(plan.calls == 1 && muapi_cell(ctx, "@g") == 40);
    FINE(test);
    test_watchpoints(test);
    test->vm->set_trap_handler(test->vm, NULL, NULL);
    FINE(test);
}

/* --- Limits, and more than one --- */

static void test_contexts(const muapi_test *test)
{
    /* A closed context leaves its place at once. */
    for (int i = 0; i < 300 && *test->error == 0; i++) {
        MuCtx *ctx = muapi_context(test->vm);
        if (CHECK(ctx != NULL)) {
            ctx->new_fixed(ctx, muapi_id(ctx, "@i64"));
            ctx->close_context(ctx);
        }
    }
    FINE(test);
    MuCtx *many[40];
    int count = 0;
    while (count < 40 && (many[count] = muapi_context(test->vm)) != NULL) {
        count++;
    }
    CHECK(count >= 10 && count < 40);
    FAILS(test, MUCLIENT_RESOURCE_EXHAUSTED, "new_context");
    while (count > 0) {
        count--;
        many[count]->close_context(many[count]);
    }
    MuCtx *ctx = muapi_context(test->vm);
    if (CHECK(ctx != NULL)) {
        ctx->close_context(ctx);
    }
    FINE(test);
}

static void test_texts(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    char script[] = ".init @g = 52\n";
    ctx->load_hail(ctx, script, strlen(script));
    CHECK(muapi_cell(ctx, "@g") == 52);
    FINE(test);
    char broken[] = ".const @broken <@nowhere> = 1\n";
    ctx->load_bundle(ctx, broken, strlen(broken));
    FAILS(test, MUCLIENT_BUNDLE_REJECTED, "load_bundle.uir:1:");
    ctx->load_bundle(ctx, NULL, 3);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "load_bundle: the text is NULL");
    /* A megabyte of comment takes several frames. */
    size_t length = 1 << 20;
    char *long_text = malloc(length);
    memset(long_text, '/', length);
    static const char end[] = "\n.const @big <@i64> = 9\n";
    memcpy(long_text + length - sizeof end + 1, end, sizeof end - 1);
    ctx->load_bundle(ctx, long_text, length);
    free(long_text);
    CHECK(muapi_number(ctx, ctx->handle_from_const(ctx, muapi_id(ctx, "@big"))) == 9);
    FINE(test);
}

static void test_quota(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    /* A handle keeps its object, so that some of these are too many. */
    MuID type = muapi_id(ctx, "@bytes");
    MuCtx *hoard = muapi_context(test->vm);
    MuValue length = muapi_i64(hoard, 1 << 20);
    for (int i = 0; i < 300; i++) {
        hoard->new_hybrid(hoard, type, length);
    }
    FAILS(test, MUCLIENT_RESOURCE_EXHAUSTED, "new_hybrid");
    hoard->close_context(hoard);
    ctx->new_hybrid(ctx, type, muapi_i64(ctx, 1 << 20));
    FINE(test);
    ctx->new_hybrid(ctx, type, muapi_i64(ctx, -1));
    muclient_mu_send(test->vm);
    CHECK(*test->error != 0);
    *test->error = 0;
}

void muapi_test_limits(muapi_test *test)
{
    test_contexts(test);
    test_texts(test);
    test_quota(test);
}
