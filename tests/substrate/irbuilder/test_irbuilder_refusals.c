/* What the IR builder refuses, and that it says why. */
#include "builder_script.h"

#include "mu_verify.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct refusal {
    const char *script;  /* its last line is what is refused */
    const char *message; /* a part of it */
} refusal;

/* clang-format off */
#define BUNDLE "b = new_bundle\ni64 = new_type_int b 64\n"
#define FUNC BUNDLE "s = new_funcsig b [i64] [i64]\nf = new_func b s\nset_name b f @f\nv = new_func_ver b f\n" \
    "e = new_bb v\nx = new_nor_param e i64\nt = new_bb v\ny = new_nor_param t i64\n"

/* In the call itself. */
static const refusal calls[] = {
    {"new_type_int 0 64", "new_type_int: operand 1, 0x0, is not a bundle under construction"},
    {"new_type_int 0x700000000 64", "operand 1, 0x700000000, is not a bundle"},
    {"b = new_bundle\nt = new_type_int b 64\nnew_type_int t 64", "operand 1, 0x100000001, is not a bundle"},
    {"b = new_bundle\nnew_type_int b", "new_type_int: has 1 operands, that is too few"},
    {"b = new_bundle\nnew_type_int b 64 64", "has 3 operands, 2 is right"},
    {"b = new_bundle\nnew_type_int b 0x100000000", "operand 2, 0x100000000, is not an integer of 32 bits"},
    {"b = new_bundle\nnew_type_array b 0 4", "new_type_array: operand 2 is NULL, expected a type"},
    {BUNDLE "new_type_array b 0x100000009 4", "0x100000009, is not a node of the bundle 0x100000000: nodes are gone"},
    {BUNDLE "c = new_bundle\nnew_type_array c i64 4", "is not a node of the bundle 0x200000000, but of another one"},
    {BUNDLE "c = new_const_int b i64 1\nnew_type_array b c 4", "operand 2 is node 0x100000002 (a constant), expected a type"},
    {BUNDLE "set_name b i64 @me\nnew_func b i64", "operand 2 is @me (a type), expected a function signature"},
    {BUNDLE "new_type_struct b []", "a struct has at least one field"},
    {BUNDLE "c = new_const_int b i64 1\nnew_type_struct b [i64 c]", "operand 2, item 2 is node"},
    {BUNDLE "new_type_struct b 3", "that is too few"},
    {BUNDLE "new_type_struct b 0x100001", "a list of 1048577 items; 1048576 is the most"},
    {BUNDLE "new_type_struct b 0xffffffffffffffff", "a list of 18446744073709551615 items"},
    {BUNDLE "r = new_type_ref b\nset_type_iref r i64", "is of new_type_ref, expected one of new_type_iref"},
    {BUNDLE "set_type_ref i64 i64", "is of new_type_int, expected one of new_type_ref"},
    {BUNDLE "r = new_type_ref b\nset_type_ref r i64\nset_type_ref r i64", "is complete already"},
    {"b = new_bundle\nt = get_node b #@uvm.meta.bytes.r\nset_type_ref t t", "@uvm.meta.bytes.r (a type), expected a type of this bundle"},
    {"b = new_bundle\nget_node b 12", "nothing that is loaded has the id 12"},
    {"b = new_bundle\nt = get_node b #@uvm.meta.bytes\nset_name b t @mine", "has its name already: it is loaded"},
    {BUNDLE "set_name b i64 @a\nset_name b i64 @b", "@a (a type) has its name already"},
    {BUNDLE "t = new_type_void b\nset_name b i64 @a\nset_name b t @a", "the name @a is taken by another node"},
    {BUNDLE "set_name b i64 @uvm.meta.bytes", "the name @uvm.meta.bytes is taken by what is loaded"},
    {BUNDLE "set_name b i64 \"plain", "a name is '@' and then"},
    {BUNDLE "set_name b i64 @", "a name is '@' and then"},
    {BUNDLE "set_name b i64 @a!b", "a name is '@' and then"},
    {BUNDLE "set_name b i64", "a name is '@' and then"},
    {BUNDLE "set_name b b @a", "operand 2, 0x100000000, is not a node"},
    {FUNC "new_func_ver b f", "@f (a function) has a version in this bundle already"},
    {FUNC "new_bb f", "operand 1 is @f (a function), expected a function version of this bundle"},
    {FUNC "new_exc_param t\nnew_exc_param t", "has an exception parameter already"},
    {FUNC "new_binop e 0x20 i64 x x", "operand 2, 0x20, is not an operation of BINOP"},
    {FUNC "new_binop e 0 i64 x x", "is not an operation of BINOP"},
    {FUNC "new_binop e 0xb5 i64 x x", "is not an operation of BINOP"},
    {FUNC "new_cmp e 0x2a i64 x x", "is not an operation of CMP"},
    {FUNC "new_conv e 0x3c i64 i64 x", "is not a conversion"},
    {FUNC "new_load e 0 7 i64 x", "operand 3, 0x7, is not a memory order"},
    {FUNC "new_atomicrmw e 0 6 11 i64 x x", "is not an operator of ATOMICRMW"},
    {FUNC "new_ccall e 1 i64 s x []", "is not a calling convention"},
    {FUNC "new_comminst e 0x200 [] [] [] []", "is not a common instruction"},
    {FUNC "new_comminst e 0x242 [7] [] [] []", "is not a calling convention"},
    {FUNC "new_binop e 1 i64 x i64", "operand 5 is node 0x100000001 (a type), expected a value"},
    {FUNC "new_ret e [v]", "(a function version), expected a value"},
    {FUNC "g = new_func b s\nw = new_func_ver b g\nk = new_bb w\nnew_ret k [x]", "of another function version"},
    {FUNC "g = new_func b s\nw = new_func_ver b g\nk = new_bb w\nj = new_branch k\nadd_dest j 1 e []",
     "(a basic block) of another function version"},
    {FUNC "i = new_trap e []\nadd_keepalives i [f]", "@f (a function), expected a local variable"},
    {FUNC "i = new_trap e []\nadd_keepalives i [x]\nadd_keepalives i [x]", "has its keep-alives already"},
    {FUNC "i = new_fence e 6\nadd_keepalives i [x]", "is FENCE, which has no keep-alives"},
    {FUNC "i = new_fence e 6\nadd_dest i 1 t [x]", "is FENCE, which has no MU_DEST_NORMAL"},
    {FUNC "i = new_binop e 1 i64 x x\nadd_dest i 1 t [x]", "is ADD, which has no MU_DEST_NORMAL"},
    {FUNC "i = new_branch e\nadd_dest i 3 t [x]", "is BRANCH, which has no MU_DEST_TRUE"},
    {FUNC "i = new_branch e\nadd_dest i 0 t [x]", "operand 2, 0x0, is not a kind of destination"},
    {FUNC "i = new_branch e\nadd_dest i 8 t [x]", "operand 2, 0x8, is not a kind of destination"},
    {FUNC "i = new_branch e\nadd_dest i 1 t [x]\nadd_dest i 1 t [x]", "has its MU_DEST_NORMAL already"},
    {FUNC "i = new_branch e\nc = new_const_int b i64 1\nadd_switch_dest i c t [x]", "is BRANCH, which has no cases"},
    {FUNC "i = new_switch e i64 x\nadd_switch_dest i x t [x]", "expected a constant"},
    {FUNC "i = new_wpbranch e 1\nadd_dest i 2 t [x]", "is WPBRANCH, which has no MU_DEST_EXCEPT"},
    {FUNC "i = new_call e s f [x]\nset_newstack_throw_exc i x", "is CALL, which has no clause about a new stack"},
    {FUNC "i = new_newthread e x 0\nset_newstack_throw_exc i x\nset_newstack_pass_values i [] []", "has its clause about a new stack already"},
    {FUNC "i = new_ret e [x]\nnew_inst_res e", "(a basic block), expected an instruction"},
    /* Destinations and clauses are nodes of the graph, which nobody may name. */
    {FUNC "i = new_branch e\nadd_dest i 1 t [x]\nget_id b 0x10000000a", "is not a node of the bundle"},
    {BUNDLE "abort_bundle_node b\nget_id b i64", "operand 1, 0x100000000, is not a bundle under construction"},
    {BUNDLE "abort_bundle_node b\nc = new_bundle\nget_id c i64", "is not a node of the bundle 0x200000000: nodes are gone"},
};

/* At loading. */
static const refusal loads[] = {
    {BUNDLE "r = new_type_ref b\nset_name b r @r\n", "@r (a type) was made, but not completed by its set_type_… function"},
    {BUNDLE "r = new_type_ufuncptr b\n", "node 0x100000002 (a type) was made, but not completed"},
    {BUNDLE "s = new_funcsig b [] []\nf = new_func b s\nv = new_func_ver b f\n", "(a function version) has no basic block"},
    {FUNC "new_ret t [y]\n", "(a basic block) has no instruction"},
    {FUNC "new_ret t [y]\ni = new_branch e\n", "is BRANCH, and lacks its MU_DEST_NORMAL"},
    {FUNC "new_ret t [y]\ni = new_branch2 e x\nadd_dest i 3 t [x]\n", "is BRANCH2, and lacks its MU_DEST_FALSE"},
    {FUNC "new_ret t [y]\ni = new_switch e i64 x\n", "is SWITCH, and lacks its MU_DEST_DEFAULT"},
    {FUNC "new_ret t [y]\ni = new_call e s f [x]\nadd_dest i 1 t [x]\n", "is CALL, and lacks its MU_DEST_EXCEPT"},
    {FUNC "new_ret t [y]\ni = new_watchpoint e 1 []\nadd_dest i 2 t [x]\n", "is WATCHPOINT, and lacks its MU_DEST_DISABLED"},
    {FUNC "new_ret t [y]\ni = new_swapstack_kill e x\n", "is SWAPSTACK, and lacks what the new stack gets"},
    {FUNC "new_ret t [y]\ni = new_newthread e x 0\n", "is NEWTHREAD, and lacks what the new stack gets"},
    /* By the verifier. Without names, ids say which. */
    {FUNC "new_ret t [y]\nnew_fence e 6\n", "FENCE ends the block, but is not a terminator"},
    {FUNC "new_ret t [y]\nnew_ret e [y]\n", "#65540: RET uses #65543, which belongs to another block"},
    {FUNC "new_ret t [y]\ni = new_trap e [i64]\nj = new_binop e 1 i64 x x\nr = new_inst_res j\n"
     "add_keepalives i [r]\nk = new_inst_res i\nnew_ret e [x]\n", "TRAP uses #65544 before its definition"},
    {FUNC "new_ret t [y]\ni = new_trap e [i64]\nnew_ret e [x]\n", "TRAP has 1 results, but 0 are named"},
    {BUNDLE "t = new_type_array b i64 0\n", "has no element"},
    {BUNDLE "v = new_type_void b\nt = new_type_struct b [v]\n", "#65538"},
    {BUNDLE "t = new_type_struct b [i64 i64]\nd = new_type_double b\nc = new_const_int b i64 1\n"
     "x = new_const_seq b t [c]\n", "has 1 items"},
    {BUNDLE "v = new_type_int b 0\n", "#65537"},
    {FUNC "new_ret t [y]\nc = get_node b #@uvm.meta.bytes\nnew_new e c\n", "NEW"},
};
/* clang-format on */

typedef struct attempt {
    mu_ir_env *env;
    builder_script script;
} attempt;

static attempt begin(void)
{
    attempt at = {.env = mu_ir_env_new_root()};
    at.script = (builder_script){
        .env = at.env, .builder = mu_irbuilder_new(NULL), .report = mu_report_new()};
    return at;
}

static void end(attempt *at)
{
    mu_report_free(at->script.report);
    mu_irbuilder_free(at->script.builder);
    mu_ir_env_release(at->env, NULL);
}

static void expect(const attempt *at, mu_status status, const refusal *wanted)
{
    char *text = mu_report_text(at->script.report);
    cr_expect(status == MU_INVALID || status == MU_LIMIT, "%s:\n%s", mu_status_name(status),
              wanted->script);
    cr_expect(strstr(text, wanted->message), "\"%s\" has no \"%s\":\n%s", text, wanted->message,
              wanted->script);
    mu_free(text);
}

/* What fails changes nothing: the same bundle can still be loaded, or aborted. */
Test(mu_irbuilder_refusals, a_wrong_call_says_which_operand, .timeout = 60)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        attempt at = begin();
        mu_status status = builder_script_run(&at.script, calls[i].script, strlen(calls[i].script));
        expect(&at, status, &calls[i]);
        end(&at);
    }
}

static mu_status take(const attempt *at, mu_ir_bundle **bundle)
{
    return mu_irbuilder_take(at->script.builder, at->env, UINT64_C(1) << 32, "refused",
                             at->script.report, bundle);
}

Test(mu_irbuilder_refusals, a_bundle_that_is_not_right_says_which_node, .timeout = 60)
{
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        attempt at = begin();
        mu_verify_options options = {.allow_native = true};
        mu_ir_bundle *bundle = NULL;
        cr_assert_eq(builder_script_run(&at.script, loads[i].script, strlen(loads[i].script)),
                     MU_OK, "%s", loads[i].script);
        mu_status status = take(&at, &bundle);
        if (status == MU_OK) {
            status = mu_verify_bundle(at.env, bundle, &options, at.script.report);
        }
        expect(&at, status, &loads[i]);
        mu_ir_bundle_free(bundle);
        cr_assert_eq(take(&at, &bundle), MU_INVALID, "it is gone also when it was refused");
        end(&at);
    }
}

/* ---- limits */

static mu_status call(attempt *at, uint32_t op, const uint64_t *operands, uint32_t count,
                      uint64_t *result)
{
    return mu_irbuilder_perform(at->script.builder, at->env, op, operands, count, NULL, 0, NULL,
                                result);
}

Test(mu_irbuilder_refusals, there_is_a_limit_of_bundles_and_aborting_gives_room)
{
    attempt at = begin();
    uint64_t first;
    uint64_t node;
    cr_assert_eq(call(&at, MU_IRBUILDER_NEW_BUNDLE, NULL, 0, &first), MU_OK);
    for (uint32_t i = 1; i < MU_IRBUILDER_MAX_BUNDLES; i++) {
        cr_assert_eq(call(&at, MU_IRBUILDER_NEW_BUNDLE, NULL, 0, &node), MU_OK);
    }
    cr_assert_eq(call(&at, MU_IRBUILDER_NEW_BUNDLE, NULL, 0, &node), MU_LIMIT);
    cr_assert_eq(call(&at, MU_IRBUILDER_ABORT_BUNDLE_NODE, &first, 1, &node), MU_OK);
    cr_assert_eq(call(&at, MU_IRBUILDER_NEW_BUNDLE, NULL, 0, &node), MU_OK);
    cr_assert_neq(node, first, "numbers are not used again");
    end(&at);
}

Test(mu_irbuilder_refusals, there_is_a_limit_of_nodes_and_of_what_they_remember, .timeout = 120)
{
    attempt at = begin();
    uint64_t operands[3 + 4096] = {0};
    uint64_t node;
    mu_status status = call(&at, MU_IRBUILDER_NEW_BUNDLE, NULL, 0, &operands[0]);
    cr_assert_eq(status, MU_OK);
    uint64_t bundle = operands[0];
    cr_assert_eq(call(&at, MU_IRBUILDER_NEW_TYPE_VOID, operands, 1, &node), MU_OK);
    operands[1] = 4096;
    for (uint32_t i = 0; i < 4096; i++) {
        operands[2 + i] = node;
    }
    uint32_t structs = 0;
    while (status == MU_OK) {
        structs++;
        status = call(&at, MU_IRBUILDER_NEW_TYPE_STRUCT, operands, 2 + 4096, &node);
    }
    cr_assert_eq(status, MU_LIMIT);
    cr_assert_eq(structs, MU_IRBUILDER_MAX_WORDS / 4097 + 1);
    cr_assert_eq(call(&at, MU_IRBUILDER_ABORT_BUNDLE_NODE, &bundle, 1, &node), MU_OK);
    cr_assert_eq(call(&at, MU_IRBUILDER_NEW_BUNDLE, NULL, 0, &bundle), MU_OK);
    status = MU_OK;
    uint32_t nodes = 0;
    for (; status == MU_OK; nodes++) {
        status = call(&at, MU_IRBUILDER_NEW_TYPE_VOID, &bundle, 1, &node);
    }
    cr_assert_eq(status, MU_LIMIT);
    cr_assert_eq(nodes, MU_IRBUILDER_MAX_NODES + 1);
    end(&at);
}

Test(mu_irbuilder_refusals, a_name_has_at_most_4096_bytes)
{
    attempt at = begin();
    static char name[4098];
    uint64_t operands[2];
    uint64_t nothing;
    memset(name, 'x', sizeof name);
    name[0] = '@';
    cr_assert_eq(call(&at, MU_IRBUILDER_NEW_BUNDLE, NULL, 0, &operands[0]), MU_OK);
    cr_assert_eq(call(&at, MU_IRBUILDER_NEW_TYPE_VOID, operands, 1, &operands[1]), MU_OK);
    cr_assert_eq(mu_irbuilder_perform(at.script.builder, at.env, MU_IRBUILDER_SET_NAME, operands, 2,
                                      name, 4097, NULL, &nothing),
                 MU_LIMIT);
    cr_assert_eq(mu_irbuilder_perform(at.script.builder, at.env, MU_IRBUILDER_SET_NAME, operands, 2,
                                      name, 4096, NULL, &nothing),
                 MU_OK);
    cr_assert_eq(mu_irbuilder_perform(at.script.builder, at.env, 0x400, operands, 2, NULL, 0,
                                      at.script.report, &nothing),
                 MU_INVALID);
    mu_ir_bundle *bundle;
    cr_assert_eq(mu_irbuilder_take(at.script.builder, at.env, operands[0], "", NULL, &bundle),
                 MU_OK);
    mu_ir_bundle_free(bundle);
    end(&at);
}

/* A name that was free when it was given may be taken when the bundle is loaded. */
Test(mu_irbuilder_refusals, a_name_taken_meanwhile_is_refused_at_loading)
{
    attempt at = begin();
    static const char script[] = BUNDLE "set_name b i64 @late\n";
    static const char text[] = ".typedef @late = void";
    mu_ir_bundle *bundle;
    cr_assert_eq(builder_script_run(&at.script, script, sizeof script - 1), MU_OK);
    cr_assert_eq(mu_ir_parse(at.env, "late", text, sizeof text - 1, NULL, &bundle), MU_OK);
    mu_ir_env *next = mu_ir_env_extend(at.env, bundle);
    cr_assert_eq(mu_irbuilder_take(at.script.builder, next, UINT64_C(1) << 32, "built",
                                   at.script.report, &bundle),
                 MU_INVALID);
    expect(&at, MU_INVALID, &(refusal){script, "the name @late is already taken by a type of an"});
    mu_ir_env_release(next, NULL);
    end(&at);
}
