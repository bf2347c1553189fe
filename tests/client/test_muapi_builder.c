/* Bundles that are built node by node, over a real mud. */
#include "muapi_check.h"

/* Short ways to say what a bundle is made of. */
typedef struct maker {
    MuCtx *ctx;
    MuBundleNode b;
    MuBBNode bb; /* to which the instructions go */
    MuTypeNode i1, i8, i32, i64, v128, real, single, nothing;
    MuTypeNode ref_void, ref64, iref64, pair, three, four, bytes, pointer, function, stack;
    MuFuncSigNode sig_none, sig_one, sig_take;
    MuConstNode zero, one, ten, null;
} maker;

static void node_name(const maker *m, MuValue node, const char *name)
{
    char copy[64];
    (void)snprintf(copy, sizeof copy, "%s", name);
    m->ctx->set_name(m->ctx, m->b, node, copy);
}

static MuConstNode int_node(const maker *m, MuTypeNode type, uint64_t number)
{
    return m->ctx->new_const_int(m->ctx, m->b, type, number);
}

static MuInstResNode result(const maker *m, MuInstNode inst)
{
    return m->ctx->new_inst_res(m->ctx, inst);
}

static void dest(const maker *m, MuInstNode inst, MuDestKind kind, MuBBNode bb, MuVarNode first,
                 MuVarNode second)
{
    MuVarNode vars[] = {first, second};
    m->ctx->add_dest(m->ctx, inst, kind, bb, vars, first == NULL ? 0 : second == NULL ? 1 : 2);
}

static void types_make(maker *m)
{
    MuCtx *ctx = m->ctx;
    MuBundleNode b = m->b;
    m->i1 = ctx->new_type_int(ctx, b, 1);
    m->i8 = ctx->new_type_int(ctx, b, 8);
    m->i32 = ctx->new_type_int(ctx, b, 32);
    m->i64 = ctx->new_type_int(ctx, b, 64);
    m->v128 = ctx->new_type_int(ctx, b, 128);
    m->real = ctx->new_type_double(ctx, b);
    m->single = ctx->new_type_float(ctx, b);
    m->nothing = ctx->new_type_void(ctx, b);
    m->ref_void = ctx->new_type_ref(ctx, b);
    ctx->set_type_ref(ctx, m->ref_void, m->nothing);
    m->ref64 = ctx->new_type_ref(ctx, b);
    ctx->set_type_ref(ctx, m->ref64, m->i64);
    m->iref64 = ctx->new_type_iref(ctx, b);
    ctx->set_type_iref(ctx, m->iref64, m->i64);
    MuTypeNode fields[] = {m->i64, m->real};
    m->pair = ctx->new_type_struct(ctx, b, fields, 2);
    m->three = ctx->new_type_array(ctx, b, m->i64, 3);
    m->four = ctx->new_type_vector(ctx, b, m->i32, 4);
    m->bytes = ctx->new_type_hybrid(ctx, b, &m->i64, 1, m->i8);
    m->stack = ctx->new_type_stackref(ctx, b);
    m->sig_none = ctx->new_funcsig(ctx, b, NULL, 0, NULL, 0);
    m->sig_one = ctx->new_funcsig(ctx, b, &m->i64, 1, &m->i64, 1);
    m->sig_take = ctx->new_funcsig(ctx, b, &m->i64, 1, NULL, 0);
    m->pointer = ctx->new_type_uptr(ctx, b);
    ctx->set_type_uptr(ctx, m->pointer, m->i64);
    m->function = ctx->new_type_ufuncptr(ctx, b);
    ctx->set_type_ufuncptr(ctx, m->function, m->sig_one);
    m->zero = int_node(m, m->i64, 0);
    m->one = int_node(m, m->i64, 1);
    m->ten = int_node(m, m->i64, 10);
    m->null = ctx->new_const_null(ctx, b, m->ref_void);
}

static maker maker_of(const muapi_test *test)
{
    maker m = {.ctx = test->ctx, .b = test->ctx->new_bundle(test->ctx)};
    types_make(&m);
    return m;
}

/* --- A loop --- */

/* n! by a loop. */
static MuFuncNode factorial_make(maker *m)
{
    MuCtx *ctx = m->ctx;
    MuFuncNode function = ctx->new_func(ctx, m->b, m->sig_one);
    MuFuncVerNode version = ctx->new_func_ver(ctx, m->b, function);
    MuBBNode entry = ctx->new_bb(ctx, version);
    MuBBNode head = ctx->new_bb(ctx, version);
    MuBBNode body = ctx->new_bb(ctx, version);
    MuBBNode done = ctx->new_bb(ctx, version);
    MuVarNode n = ctx->new_nor_param(ctx, entry, m->i64);
    dest(m, ctx->new_branch(ctx, entry), MU_DEST_NORMAL, head, n, m->one);
    MuVarNode left = ctx->new_nor_param(ctx, head, m->i64);
    MuVarNode product = ctx->new_nor_param(ctx, head, m->i64);
    MuVarNode is_done = result(m, ctx->new_cmp(ctx, head, MU_CMP_EQ, m->i64, left, m->zero));
    MuInstNode choice = ctx->new_branch2(ctx, head, is_done);
    dest(m, choice, MU_DEST_TRUE, done, product, NULL);
    dest(m, choice, MU_DEST_FALSE, body, left, product);
    MuVarNode x = ctx->new_nor_param(ctx, body, m->i64);
    MuVarNode y = ctx->new_nor_param(ctx, body, m->i64);
    MuVarNode more = result(m, ctx->new_binop(ctx, body, MU_BINOP_MUL, m->i64, x, y));
    MuVarNode less = result(m, ctx->new_binop(ctx, body, MU_BINOP_SUB, m->i64, x, m->one));
    dest(m, ctx->new_branch(ctx, body), MU_DEST_NORMAL, head, less, more);
    MuVarNode answer = ctx->new_nor_param(ctx, done, m->i64);
    ctx->new_ret(ctx, done, &answer, 1);
    return function;
}

/* Calls it, keeps what it gives in the global cell @g of the program, and ends the thread. */
static MuFuncNode main_make(maker *m, MuFuncNode factorial, MuGlobalNode cell)
{
    MuCtx *ctx = m->ctx;
    MuFuncNode function = ctx->new_func(ctx, m->b, m->sig_take);
    MuBBNode entry = ctx->new_bb(ctx, ctx->new_func_ver(ctx, m->b, function));
    MuVarNode n = ctx->new_nor_param(ctx, entry, m->i64);
    MuVarNode answer = result(m, ctx->new_call(ctx, entry, m->sig_one, factorial, &n, 1));
    ctx->new_store(ctx, entry, 0, MU_ORD_NOT_ATOMIC, m->i64, cell, answer);
    ctx->new_comminst(ctx, entry, MU_CI_UVM_THREAD_EXIT, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
    return function;
}

void muapi_test_builder(muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    maker m = maker_of(test);
    MuNorParamNode cell = ctx->get_node(ctx, m.b, muapi_id(ctx, "@g"));
    MuFuncNode factorial = factorial_make(&m);
    node_name(&m, factorial, "@built.factorial");
    MuFuncNode start = main_make(&m, factorial, cell);
    MuID start_id = ctx->get_id(ctx, m.b, start);
    CHECK(start_id != 0);
    FINE(test);
    ctx->load_bundle_from_node(ctx, m.b);
    FINE(test);
    CHECK(muapi_id(ctx, "@built.factorial") != 0);
    MuValue argument = muapi_i64(ctx, 20);
    MuValue stack = ctx->new_stack(ctx, ctx->handle_from_func(ctx, start_id));
    ctx->new_thread_nor(ctx, stack, NULL, &argument, 1);
    test->vm->execute(test->vm);
    CHECK(muapi_cell(ctx, "@g") == 2432902008176640000);
    FINE(test);
    /* The nodes went with the bundle. */
    ctx->new_type_int(ctx, m.b, 64);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "new_type_int");
}

/* --- Every kind of node --- */

static void values_make(maker *m, MuVarNode n)
{
    MuCtx *ctx = m->ctx;
    MuBBNode bb = m->bb;
    MuVarNode less = result(m, ctx->new_cmp(ctx, bb, MU_CMP_SLT, m->i64, n, m->ten));
    (void)result(m, ctx->new_conv(ctx, bb, MU_CONV_TRUNC, m->i64, m->i32, n));
    (void)result(m, ctx->new_select(ctx, bb, m->i1, m->i64, less, n, m->ten));
    MuConstNode halves[] = {m->one, ctx->new_const_double(ctx, m->b, m->real, 2.5)};
    MuConstNode pair = ctx->new_const_seq(ctx, m->b, m->pair, halves, 2);
    (void)result(m, ctx->new_extractvalue(ctx, bb, m->pair, 1, pair));
    (void)result(m, ctx->new_insertvalue(ctx, bb, m->pair, 0, pair, n));
    MuConstNode items[] = {m->zero, m->one, m->ten};
    MuConstNode three = ctx->new_const_seq(ctx, m->b, m->three, items, 3);
    (void)result(m, ctx->new_extractelement(ctx, bb, m->three, m->i64, three, m->one));
    (void)result(m, ctx->new_insertelement(ctx, bb, m->three, m->i64, three, m->one, n));
    MuConstNode lanes[4];
    for (int i = 0; i < 4; i++) {
        lanes[i] = int_node(m, m->i32, (uint64_t)i);
    }
    MuConstNode four = ctx->new_const_seq(ctx, m->b, m->four, lanes, 4);
    (void)result(m, ctx->new_shufflevector(ctx, bb, m->four, m->four, four, four, four));
    uint64_t words[] = {1, 2};
    MuConstNode wide = ctx->new_const_int_ex(ctx, m->b, m->v128, words, 2);
    (void)result(m, ctx->new_binop(ctx, bb, MU_BINOP_ADD, m->v128, wide, wide));
    MuConstNode single = ctx->new_const_float(ctx, m->b, m->single, 1.5F);
    (void)result(m, ctx->new_binop(ctx, bb, MU_BINOP_FMUL, m->single, single, single));
}

static void memory_make(maker *m, MuVarNode n)
{
    MuCtx *ctx = m->ctx;
    MuBBNode bb = m->bb;
    MuVarNode word = result(m, ctx->new_new(ctx, bb, m->i64));
    MuVarNode hybrid = result(m, ctx->new_newhybrid(ctx, bb, m->bytes, m->i64, n));
    (void)result(m, ctx->new_alloca(ctx, bb, m->i64));
    (void)result(m, ctx->new_allocahybrid(ctx, bb, m->bytes, m->i64, m->ten));
    MuVarNode place = result(m, ctx->new_getiref(ctx, bb, m->i64, word));
    MuVarNode bytes = result(m, ctx->new_getiref(ctx, bb, m->bytes, hybrid));
    (void)result(m, ctx->new_getvarpartiref(ctx, bb, 0, m->bytes, bytes));
    MuVarNode pair = result(m, ctx->new_new(ctx, bb, m->pair));
    MuVarNode pair_place = result(m, ctx->new_getiref(ctx, bb, m->pair, pair));
    (void)result(m, ctx->new_getfieldiref(ctx, bb, 0, m->pair, 1, pair_place));
    MuVarNode three = result(m, ctx->new_new(ctx, bb, m->three));
    MuVarNode three_place = result(m, ctx->new_getiref(ctx, bb, m->three, three));
    (void)result(m, ctx->new_getelemiref(ctx, bb, 0, m->three, m->i64, three_place, m->one));
    (void)result(m, ctx->new_shiftiref(ctx, bb, 0, m->i64, m->i64, place, m->zero));
    (void)result(m, ctx->new_load(ctx, bb, 0, MU_ORD_SEQ_CST, m->i64, place));
    ctx->new_store(ctx, bb, 0, MU_ORD_RELEASE, m->i64, place, n);
    MuInstNode exchange =
        ctx->new_cmpxchg(ctx, bb, 0, 1, MU_ORD_SEQ_CST, MU_ORD_RELAXED, m->i64, place, m->zero, n);
    (void)result(m, exchange);
    (void)result(m, exchange);
    (void)result(m, ctx->new_atomicrmw(ctx, bb, 0, MU_ORD_ACQ_REL, MU_ARMW_XOR, m->i64, place, n));
    ctx->new_fence(ctx, bb, MU_ORD_SEQ_CST);
}

/* Traps, C, threads; ends the block with a watchpoint to the next two. */
static void calls_make(maker *m, MuFuncNode callee, MuVarNode n)
{
    MuCtx *ctx = m->ctx;
    MuBBNode bb = m->bb;
    MuInstNode trap = ctx->new_trap(ctx, bb, &m->i64, 1);
    ctx->add_keepalives(ctx, trap, &n, 1);
    (void)result(m, trap);
    MuConstNode address = int_node(m, m->function, 0x1000);
    (void)result(m,
                 ctx->new_ccall(ctx, bb, MU_CC_DEFAULT, m->function, m->sig_one, address, &n, 1));
    MuInstNode make = ctx->new_comminst(ctx, bb, MU_CI_UVM_NEW_STACK, NULL, 0, NULL, 0, &m->sig_one,
                                        1, &callee, 1);
    MuVarNode stack = result(m, make);
    MuInstNode thread = ctx->new_newthread(ctx, bb, stack, NULL);
    ctx->set_newstack_pass_values(ctx, thread, &m->i64, &n, 1);
    (void)result(m, thread);
    MuInstNode local = ctx->new_newthread(ctx, bb, stack, m->null);
    ctx->set_newstack_throw_exc(ctx, local, m->null);
    (void)result(m, local);
    MuInstNode swap = ctx->new_swapstack_ret(ctx, bb, stack, &m->i64, 1);
    ctx->set_newstack_pass_values(ctx, swap, &m->i64, &n, 1);
    (void)result(m, swap);
}

static MuBBNode block_of(maker *m, MuFuncVerNode version)
{
    m->bb = m->ctx->new_bb(m->ctx, version);
    return m->bb;
}

/* Every way for a block to end. */
static void control_make(maker *m, MuFuncVerNode version, MuFuncNode callee)
{
    MuCtx *ctx = m->ctx;
    MuBBNode entry = m->bb;
    MuBBNode ends[6];
    for (int i = 0; i < 6; i++) {
        ends[i] = ctx->new_bb(ctx, version);
    }
    MuInstNode watch = ctx->new_watchpoint(ctx, entry, 12, NULL, 0);
    dest(m, watch, MU_DEST_DISABLED, ends[0], NULL, NULL);
    dest(m, watch, MU_DEST_ENABLED, ends[1], NULL, NULL);
    MuInstNode branch = ctx->new_wpbranch(ctx, ends[0], 13);
    dest(m, branch, MU_DEST_DISABLED, ends[2], NULL, NULL);
    dest(m, branch, MU_DEST_ENABLED, ends[3], NULL, NULL);
    ctx->new_throw(ctx, ends[1], m->null);
    MuInstNode choice = ctx->new_switch(ctx, ends[2], m->i64, m->ten);
    MuVarNode arguments[] = {m->ten};
    MuBBNode last = ctx->new_bb(ctx, version);
    (void)ctx->new_nor_param(ctx, last, m->i64);
    dest(m, choice, MU_DEST_DEFAULT, ends[4], NULL, NULL);
    ctx->add_switch_dest(ctx, choice, m->one, last, arguments, 1);
    MuInstNode call = ctx->new_call(ctx, ends[3], m->sig_one, callee, &m->one, 1);
    MuVarNode given = result(m, call);
    MuBBNode caught = ctx->new_bb(ctx, version);
    MuVarNode exception = ctx->new_exc_param(ctx, caught);
    dest(m, call, MU_DEST_NORMAL, last, given, NULL);
    dest(m, call, MU_DEST_EXCEPT, caught, NULL, NULL);
    ctx->new_throw(ctx, caught, exception);
    ctx->new_tailcall(ctx, ends[4], m->sig_one, callee, &m->ten, 1);
    ctx->new_comminst(ctx, last, MU_CI_UVM_THREAD_EXIT, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
    MuInstNode current = ctx->new_comminst(ctx, ends[5], MU_CI_UVM_CURRENT_STACK, NULL, 0, NULL, 0,
                                           NULL, 0, NULL, 0);
    MuInstNode kill = ctx->new_swapstack_kill(ctx, ends[5], result(m, current));
    ctx->set_newstack_throw_exc(ctx, kill, m->null);
}

/* Types that nothing above is of. */
static void rare_types_make(maker *m)
{
    MuCtx *ctx = m->ctx;
    MuTypeNode weak = ctx->new_type_weakref(ctx, m->b);
    ctx->set_type_weakref(ctx, weak, m->i64);
    MuTypeNode funcref = ctx->new_type_funcref(ctx, m->b);
    ctx->set_type_funcref(ctx, funcref, m->sig_one);
    MuTypeNode fields[] = {weak,
                           funcref,
                           ctx->new_type_tagref64(ctx, m->b),
                           ctx->new_type_threadref(ctx, m->b),
                           m->stack,
                           ctx->new_type_framecursorref(ctx, m->b)};
    MuTypeNode all = ctx->new_type_struct(ctx, m->b, fields, sizeof fields / sizeof fields[0]);
    node_name(m, all, "@built.rare");
    node_name(m, ctx->new_global_cell(ctx, m->b, all), "@built.cell");
    (void)ctx->new_type_irnoderef(ctx, m->b);
}

static void given_up_test(muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    maker m = maker_of(test);
    MuFuncNode factorial = factorial_make(&m);
    node_name(&m, factorial, "@built.never");
    ctx->new_exp_func(ctx, m.b, factorial, MU_CC_DEFAULT, m.zero);
    ctx->abort_bundle_node(ctx, m.b);
    FINE(test);
    CHECK(muapi_id(ctx, "@built.never") == 0);
    FAILS(test, MUCLIENT_NOT_FOUND, "@built.never");
    /* What does not hold together is refused as a text is, and said at once. */
    m = maker_of(test);
    MuFuncNode function = ctx->new_func(ctx, m.b, m.sig_one);
    MuBBNode entry = ctx->new_bb(ctx, ctx->new_func_ver(ctx, m.b, function));
    (void)ctx->new_nor_param(ctx, entry, m.i64);
    ctx->new_ret(ctx, entry, &m.null, 1);
    CHECK(*test->error == 0);
    ctx->load_bundle_from_node(ctx, m.b);
    CHECK(*test->error == MUCLIENT_BUNDLE_REJECTED || *test->error == MUCLIENT_INVALID_ARGUMENT);
    CHECK(strstr(muclient_mu_error(test->vm), "load_bundle_from_node") != NULL);
    *test->error = 0;
}

void muapi_test_builder_all(muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    maker m = maker_of(test);
    MuFuncNode callee = factorial_make(&m);
    MuFuncNode function = ctx->new_func(ctx, m.b, m.sig_one);
    node_name(&m, function, "@built.all");
    MuFuncVerNode version = ctx->new_func_ver(ctx, m.b, function);
    MuVarNode n = ctx->new_nor_param(ctx, block_of(&m, version), m.i64);
    values_make(&m, n);
    memory_make(&m, n);
    calls_make(&m, callee, n);
    control_make(&m, version, callee);
    rare_types_make(&m);
    FINE(test);
    ctx->load_bundle_from_node(ctx, m.b);
    FINE(test);
    CHECK(muapi_id(ctx, "@built.all") != 0);
    CHECK(ctx->handle_from_global(ctx, muapi_id(ctx, "@built.cell")) != NULL);
    CHECK(ctx->new_fixed(ctx, muapi_id(ctx, "@built.rare")) != NULL);
    FINE(test);
    given_up_test(test);
}
