/* Every function of the IR builder makes what the text form calls so. */
#include "builder_script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* A few lines at a time, for one topic, with the text that the bundle prints as. */
typedef struct example {
    const char *script;
    const char *text;
} example;

/* clang-format off */
#define TYPES "b = new_bundle\n" \
    "i64 = new_type_int b 64\nset_name b i64 @i64\n" \
    "i32 = new_type_int b 32\nset_name b i32 @i32\n"
#define PRINTED_TYPES ".typedef @i64 = int<64>\n.typedef @i32 = int<32>\n"
#define FUNC TYPES "s = new_funcsig b [i64 i64] [i64]\nset_name b s @s\n" \
    "f = new_func b s\nset_name b f @f\n" \
    "v = new_func_ver b f\nset_name b v @f.v\n" \
    "e = new_bb v\nset_name b e @e\nx = new_nor_param e i64\nset_name b x @x\n" \
    "y = new_nor_param e i64\nset_name b y @y\n" \
    "t = new_bb v\nset_name b t @t\np = new_nor_param t i64\nset_name b p @p\n"
#define PRINTED_FUNC PRINTED_TYPES ".funcsig @s = (@i64 @i64) -> (@i64)\n"
#define PRINTED_BODY "\n.funcdef @f VERSION @f.v <@s> {\n    @e(<@i64> @x <@i64> @y):\n        "
#define PRINTED_END "\n    @t(<@i64> @p):\n        RET (@p)\n}\n"
#define RETURNS "new_ret t [p]\n"
/* An instruction with one result, then a branch with it. */
#define ONE(call) FUNC call "r = new_inst_res i\nset_name b r @r\nset_name b i @i\n" \
    "j = new_branch e\nadd_dest j 1 t [x]\n" RETURNS
#define PRINTED_ONE(text) PRINTED_FUNC PRINTED_BODY "(@r) = [@i] " text \
    "\n        BRANCH @t(@x)" PRINTED_END
#define NONE(call) FUNC call "j = new_branch e\nadd_dest j 1 t [x]\n" RETURNS
#define PRINTED_NONE(text) PRINTED_FUNC PRINTED_BODY text "\n        BRANCH @t(@x)" PRINTED_END
#define ENDS(call) FUNC call RETURNS
#define PRINTED_ENDS(text) PRINTED_FUNC PRINTED_BODY text PRINTED_END

static const example examples[] = {
    {TYPES, PRINTED_TYPES},
    {"b = new_bundle\nx = new_type_float b\nset_name b x @x\ny = new_type_double b\nset_name b y @y\n",
     ".typedef @x = float\n.typedef @y = double\n"},
    {"b = new_bundle\nx = new_type_void b\nset_name b x @x\ny = new_type_tagref64 b\nset_name b y @y\n",
     ".typedef @x = void\n.typedef @y = tagref64\n"},
    {"b = new_bundle\nx = new_type_threadref b\nset_name b x @x\ny = new_type_stackref b\nset_name b y @y\n",
     ".typedef @x = threadref\n.typedef @y = stackref\n"},
    {"b = new_bundle\nx = new_type_framecursorref b\nset_name b x @x\n"
     "y = new_type_irnoderef b\nset_name b y @y\n",
     ".typedef @x = framecursorref\n.typedef @y = irnoderef\n"},
    {TYPES "x = new_type_uptr b\nset_name b x @x\nset_type_uptr x i64\n",
     PRINTED_TYPES ".typedef @x = uptr<@i64>\n"},
    {TYPES "x = new_type_ref b\nset_name b x @x\ny = new_type_struct b [i32 x]\nset_name b y @y\n"
     "set_type_ref x y\n",
     PRINTED_TYPES ".typedef @x = ref<@y>\n.typedef @y = struct<@i32 @x>\n"},
    {TYPES "x = new_type_iref b\nset_name b x @x\nset_type_iref x i64\n",
     PRINTED_TYPES ".typedef @x = iref<@i64>\n"},
    {TYPES "x = new_type_weakref b\nset_name b x @x\nset_type_weakref x i64\n",
     PRINTED_TYPES ".typedef @x = weakref<@i64>\n"},
    {TYPES "s = new_funcsig b [i64 i32] []\nset_name b s @s\nx = new_type_funcref b\nset_name b x @x\n"
     "set_type_funcref x s\ny = new_type_ufuncptr b\nset_name b y @y\nset_type_ufuncptr y s\n",
     PRINTED_TYPES ".typedef @x = funcref<@s>\n.typedef @y = ufuncptr<@s>\n"
     ".funcsig @s = (@i64 @i32) -> ()\n"},
    {TYPES "x = new_type_hybrid b [i32 i64] i32\nset_name b x @x\ny = new_type_hybrid b [] i64\nset_name b y @y\n",
     PRINTED_TYPES ".typedef @x = hybrid<@i32 @i64 @i32>\n.typedef @y = hybrid<@i64>\n"},
    {TYPES "x = new_type_array b i64 0xffffffff00\nset_name b x @x\ny = new_type_vector b i32 4\nset_name b y @y\n",
     PRINTED_TYPES ".typedef @x = array<@i64 1099511627520>\n.typedef @y = vector<@i32 4>\n"},
    /* An integer is cut to its type. */
    {TYPES "x = new_const_int b i32 0x1ffffffff\nset_name b x @x\ny = new_const_int b i64 7\nset_name b y @y\n",
     PRINTED_TYPES ".const @x <@i32> = 4294967295\n.const @y <@i64> = 7\n"},
    {TYPES "w = new_type_int b 70\nset_name b w @w\nx = new_const_int_ex b w [1 0xfff 9]\nset_name b x @x\n"
     "y = new_const_int_ex b i64 [5 6]\nset_name b y @y\nz = new_const_int_ex b w []\nset_name b z @z\n",
     PRINTED_TYPES ".typedef @w = int<70>\n.const @x <@w> = 0x3f0000000000000001\n"
     ".const @y <@i64> = 5\n.const @z <@w> = 0\n"},
    {"b = new_bundle\nt = new_type_float b\nset_name b t @t\nx = new_const_float b t 0x40490fdb\nset_name b x @x\n",
     ".typedef @t = float\n.const @x <@t> = bitsf(0x40490fdb) // 3.14159\n"},
    {"b = new_bundle\nt = new_type_double b\nset_name b t @t\nx = new_const_double b t 0x4000000000000000\n"
     "set_name b x @x\n", ".typedef @t = double\n.const @x <@t> = bitsd(0x4000000000000000) // 2\n"},
    {"b = new_bundle\nt = new_type_stackref b\nset_name b t @t\nx = new_const_null b t\nset_name b x @x\n",
     ".typedef @t = stackref\n.const @x <@t> = NULL\n"},
    {TYPES "t = new_type_array b i64 2\nset_name b t @t\nc = new_const_int b i64 3\nset_name b c @c\n"
     "x = new_const_seq b t [c c]\nset_name b x @x\n",
     PRINTED_TYPES ".typedef @t = array<@i64 2>\n.const @c <@i64> = 3\n.const @x <@t> = {@c @c}\n"},
    {TYPES "g = new_global_cell b i32\nset_name b g @g\n", PRINTED_TYPES ".global @g <@i32>\n"},
    {TYPES "s = new_funcsig b [] [i64]\nset_name b s @s\nf = new_func b s\nset_name b f @f\n"
     "c = new_const_int b i64 1\nset_name b c @c\nx = new_exp_func b f 0 c\nset_name b x @x\n",
     PRINTED_TYPES ".funcsig @s = () -> (@i64)\n.const @c <@i64> = 1\n.funcdecl @f <@s>\n"
     ".expose @x = @f #DEFAULT @c\n"},
    /* A definition of what is loaded; the environment has @known and @main. */
    {"b = new_bundle\nt = get_node b #@known\nf = get_node b #@main\nv = new_func_ver b f\nset_name b v @v\n"
     "e = new_bb v\nset_name b e @e\nx = new_nor_param e t\nset_name b x @x\nnew_ret e [x]\n",
     "\n.funcdef @main VERSION @v <@main.sig> {\n    @e(<@known> @x):\n        RET (@x)\n}\n"},
    {ONE("i = new_binop e 1 i64 x y\n"), PRINTED_ONE("ADD <@i64> @x @y")},
    {ONE("i = new_binop e 0xd i64 x y\n"), PRINTED_ONE("XOR <@i64> @x @y")},
    {ONE("i = new_binop e 0xb4 i64 x y\n"), PRINTED_ONE("FREM <@i64> @x @y")},
    {ONE("i = new_cmp e 0x29 i64 x y\n"), PRINTED_ONE("ULT <@i64> @x @y")},
    {ONE("i = new_cmp e 0xcf i64 x y\n"), PRINTED_ONE("FOLE <@i64> @x @y")},
    {ONE("i = new_conv e 0x3b i64 i32 x\n"), PRINTED_ONE("PTRCAST <@i64 @i32> @x")},
    {ONE("i = new_select e i32 i64 x y x\n"), PRINTED_ONE("SELECT <@i32 @i64> @x @y @x")},
    {ENDS("i = new_branch2 e x\nadd_dest i 4 t [y]\nadd_dest i 3 t [x]\n"), PRINTED_ENDS("BRANCH2 @x @t(@x) @t(@y)")},
    {FUNC "c = new_const_int b i64 1\nset_name b c @c\nd = new_const_int b i64 2\nset_name b d @d\n"
     "i = new_switch e i64 x\nadd_switch_dest i c t [x]\nadd_dest i 5 t [y]\nadd_switch_dest i d t [c]\n" RETURNS,
     PRINTED_FUNC ".const @c <@i64> = 1\n.const @d <@i64> = 2\n" PRINTED_BODY
     "SWITCH <@i64> @x @t(@y) { @c @t(@x) @d @t(@c) }" PRINTED_END},
    {ONE("i = new_call e s f [x y]\nadd_keepalives i [x y]\n"), PRINTED_ONE("CALL <@s> @f (@x @y) KEEPALIVE (@x @y)")},
    {FUNC "i = new_call e s f [x y]\nr = new_inst_res i\nset_name b r @r\n"
     "h = new_bb v\nset_name b h @h\nz = new_exc_param h\nset_name b z @z\nq = new_nor_param h i64\nset_name b q @q\n"
     "add_dest i 2 h [y]\nadd_dest i 1 t [r]\nnew_ret h [q]\n" RETURNS,
     PRINTED_FUNC PRINTED_BODY "(@r) = CALL <@s> @f (@x @y) EXC( @t(@r) @h(@y))\n    @t(<@i64> @p):\n"
     "        RET (@p)\n    @h(<@i64> @q) [@z]:\n        RET (@q)\n}\n"},
    {ENDS("i = new_tailcall e s f [y x]\n"), PRINTED_ENDS("TAILCALL <@s> @f (@y @x)")},
    {ENDS("i = new_ret e [x y]\n"), PRINTED_ENDS("RET (@x @y)")},
    {ENDS("i = new_throw e x\n"), PRINTED_ENDS("THROW @x")},
    {ONE("i = new_extractvalue e i64 3 x\n"), PRINTED_ONE("EXTRACTVALUE <@i64 3> @x")},
    {ONE("i = new_insertvalue e i64 3 x y\n"), PRINTED_ONE("INSERTVALUE <@i64 3> @x @y")},
    {ONE("i = new_extractelement e i64 i32 x y\n"), PRINTED_ONE("EXTRACTELEMENT <@i64 @i32> @x @y")},
    {ONE("i = new_insertelement e i64 i32 x y x\n"), PRINTED_ONE("INSERTELEMENT <@i64 @i32> @x @y @x")},
    {ONE("i = new_shufflevector e i64 i32 x y x\n"), PRINTED_ONE("SHUFFLEVECTOR <@i64 @i32> @x @y @x")},
    {ONE("i = new_new e i64\n"), PRINTED_ONE("NEW <@i64>")},
    {ONE("i = new_newhybrid e i64 i32 x\n"), PRINTED_ONE("NEWHYBRID <@i64 @i32> @x")},
    {ONE("i = new_alloca e i64\n"), PRINTED_ONE("ALLOCA <@i64>")},
    {ONE("i = new_allocahybrid e i64 i32 x\n"), PRINTED_ONE("ALLOCAHYBRID <@i64 @i32> @x")},
    {ONE("i = new_getiref e i64 x\n"), PRINTED_ONE("GETIREF <@i64> @x")},
    {ONE("i = new_getfieldiref e 1 i64 2 x\n"), PRINTED_ONE("GETFIELDIREF PTR <@i64 2> @x")},
    {ONE("i = new_getelemiref e 0 i64 i32 x y\n"), PRINTED_ONE("GETELEMIREF <@i64 @i32> @x @y")},
    {ONE("i = new_shiftiref e 1 i64 i32 x y\n"), PRINTED_ONE("SHIFTIREF PTR <@i64 @i32> @x @y")},
    {ONE("i = new_getvarpartiref e 0 i64 x\n"), PRINTED_ONE("GETVARPARTIREF <@i64> @x")},
    {ONE("i = new_load e 0 3 i64 x\n"), PRINTED_ONE("LOAD ACQUIRE <@i64> @x")},
    {NONE("i = new_store e 1 4 i64 x y\n"), PRINTED_NONE("STORE PTR RELEASE <@i64> @x @y")},
    {ONE("i = new_cmpxchg e 1 1 6 1 i64 x y x\n"), PRINTED_ONE("CMPXCHG PTR WEAK SEQ_CST RELAXED <@i64> @x @y @x")},
    {ONE("i = new_atomicrmw e 0 5 10 i64 x y\n"), PRINTED_ONE("ATOMICRMW ACQ_REL UMIN <@i64> @x @y")},
    {NONE("i = new_fence e 6\n"), PRINTED_NONE("FENCE SEQ_CST")},
    {ONE("i = new_trap e [i64]\nadd_keepalives i [y]\n"), PRINTED_ONE("TRAP <@i64> KEEPALIVE (@y)")},
    {FUNC "i = new_watchpoint e 7 [i64]\nr = new_inst_res i\nset_name b r @r\nadd_dest i 7 t [r]\n"
     "add_dest i 6 t [x]\nadd_dest i 2 t [y]\n" RETURNS,
     PRINTED_FUNC PRINTED_BODY "(@r) = WATCHPOINT 7 <@i64> @t(@x) @t(@r) WPEXC( @t(@y))" PRINTED_END},
    {ENDS("i = new_wpbranch e 8\nadd_dest i 7 t [y]\nadd_dest i 6 t [x]\n"), PRINTED_ENDS("WPBRANCH 8 @t(@x) @t(@y)")},
    {ONE("i = new_ccall e 0 i64 s x [y]\n"), PRINTED_ONE("CCALL #DEFAULT <@i64 @s> @x (@y)")},
    {ONE("i = new_newthread e x 0\nset_newstack_pass_values i [i64 i32] [x y]\n"),
     PRINTED_ONE("NEWTHREAD @x PASS_VALUES <@i64 @i32> (@x @y)")},
    {ONE("i = new_newthread e x y\nset_newstack_throw_exc i x\n"), PRINTED_ONE("NEWTHREAD @x THREADLOCAL( @y) THROW_EXC @x")},
    {ONE("i = new_swapstack_ret e x [i64]\nset_newstack_pass_values i [i32] [y]\n"),
     PRINTED_ONE("SWAPSTACK @x RET_WITH <@i64> PASS_VALUES <@i32> (@y)")},
    {ENDS("i = new_swapstack_kill e x\nset_newstack_throw_exc i y\n"), PRINTED_ENDS("SWAPSTACK @x KILL_OLD THROW_EXC @y")},
    {ONE("i = new_comminst e 0x242 [0] [i64] [s] [x y]\n"), PRINTED_ONE("COMMINST @uvm.native.expose [#DEFAULT] <@i64> <[@s]> (@x @y)")},
    {"b = new_bundle\nc = new_bundle\nabort_bundle_node c\nt = new_type_void b\nset_name b t @t\n", ".typedef @t = void\n"},
};
/* clang-format on */

static mu_ir_env *env_with_known(void)
{
    static const char text[] =
        ".typedef @known = int<5> .funcsig @main.sig = (@known) -> (@known)\n"
        ".funcdecl @main <@main.sig>";
    mu_ir_env *root = mu_ir_env_new_root();
    mu_ir_bundle *bundle;
    cr_assert_eq(mu_ir_parse(root, "known", text, sizeof text - 1, NULL, &bundle), MU_OK);
    mu_ir_env *env = mu_ir_env_extend(root, bundle);
    mu_ir_env_release(root, NULL);
    return env;
}

/* The bundle of `b`, which is the builder's first. */
static mu_ir_bundle *built(builder_script *script, const char *text)
{
    mu_ir_bundle *bundle = NULL;
    mu_status status = builder_script_run(script, text, strlen(text));
    if (status == MU_OK) {
        status = mu_irbuilder_take(script->builder, script->env, UINT64_C(1) << 32, "built",
                                   script->report, &bundle);
    }
    char *complaint = mu_report_text(script->report);
    cr_assert_eq(status, MU_OK, "%s:\n%s\n%s", mu_status_name(status), complaint, text);
    mu_free(complaint);
    return bundle;
}

Test(mu_irbuilder, every_function_makes_what_the_text_form_calls_so, .timeout = 60)
{
    mu_ir_env *env = env_with_known();
    builder_script script = {.env = env};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        script.builder = mu_irbuilder_new(NULL);
        script.report = mu_report_new();
        mu_ir_bundle *bundle = built(&script, examples[i].script);
        char *text = mu_ir_print(bundle);
        cr_assert_str_eq(text, examples[i].text);
        mu_free(text);
        mu_ir_bundle_free(bundle);
        mu_report_free(script.report);
        mu_irbuilder_free(script.builder);
    }
    /* In tests of their own. */
    script.rows[MU_IRBUILDER_GET_ID - 0x300] = true;
    script.rows[MU_IRBUILDER_LOAD_BUNDLE_FROM_NODE - 0x300] = true;
#define MU_IRBUILDER(name, number, word, operands, result)                                         \
    cr_assert(script.rows[(number)-0x300], "no example has %s", (word));
#include "mu_irbuilder_ops.def"
#undef MU_IRBUILDER
    mu_ir_env_release(env, NULL);
}

/* Both tables are written by hand: programs call what contexts and C call. */
Test(mu_irbuilder, each_function_is_a_common_instruction_of_the_same_number)
{
    uint32_t count = 0;
#define MU_IRBUILDER(enum_name, number, spelled, letters, gives)                                   \
    cr_assert_eq(mu_ir_comminst_id(MU_COMMINST_IRBUILDER_##enum_name), (uint32_t)(number));        \
    cr_assert_str_eq(mu_ir_comminst_name(MU_COMMINST_IRBUILDER_##enum_name),                       \
                     "@uvm.irbuilder." spelled);                                                   \
    cr_assert_str_eq(mu_irbuilder_op_info_of(number)->word, (spelled));                            \
    cr_assert_str_eq(mu_irbuilder_op_info_of(number)->operands, (letters));                        \
    cr_assert_eq(mu_irbuilder_op_info_of(number)->result, (gives));                                \
    cr_assert(*(letters) == 'n' || (number) == MU_IRBUILDER_NEW_BUNDLE);                           \
    count++;
#include "mu_irbuilder_ops.def"
#undef MU_IRBUILDER
    cr_assert_null(mu_irbuilder_op_info_of(0x2ff));
    cr_assert_null(mu_irbuilder_op_info_of(0x300 + count));
}

/* ---- ids */

static mu_ir_entity *found(const mu_ir_env *env, uint64_t id)
{
    mu_ir_entity *entity = mu_ir_env_by_id(env, (uint32_t)id);
    cr_assert_not_null(entity, "the id %u", (uint32_t)id);
    cr_assert_eq(entity->id, id);
    return entity;
}

static uint64_t id_of(builder_script *script, uint64_t node)
{
    uint64_t operands[] = {UINT64_C(1) << 32, node};
    uint64_t id = 0;
    cr_assert_eq(mu_irbuilder_perform(script->builder, script->env, MU_IRBUILDER_GET_ID, operands,
                                      2, NULL, 0, script->report, &id),
                 MU_OK);
    return id;
}

Test(mu_irbuilder, ids_given_before_loading_are_those_of_the_entities, .timeout = 60)
{
    mu_ir_env *env = env_with_known();
    builder_script script = {
        .env = env, .builder = mu_irbuilder_new(NULL), .report = mu_report_new()};
    static const char text[] =
        "b = new_bundle\nt = new_type_int b 5\ns = new_funcsig b [t] [t]\nf = new_func b s\n"
        "v = new_func_ver b f\ne = new_bb v\nx = new_nor_param e t\ni = new_trap e [t]\n"
        "r = new_inst_res i\nj = new_ret e [r]\nset_name b j @last\n";
    static const mu_ir_kind kinds[] = {MU_IR_TYPE,    MU_IR_SIG,      MU_IR_FUNC,
                                       MU_IR_VERSION, MU_IR_BLOCK,    MU_IR_VARIABLE,
                                       MU_IR_INST,    MU_IR_VARIABLE, MU_IR_INST};
    uint64_t ids[9];
    cr_assert_eq(builder_script_run(&script, text, sizeof text - 1), MU_OK);
    for (uint32_t i = 0; i < 9; i += i == 1 ? 2 : 1) { /* all but the function */
        ids[i] = id_of(&script, (UINT64_C(1) << 32) + 1 + i);
        cr_assert_geq(ids[i], MU_IR_FIRST_GIVEN_ID);
        cr_assert_eq(id_of(&script, (UINT64_C(1) << 32) + 1 + i), ids[i], "asked twice");
    }
    mu_ir_bundle *bundle;
    cr_assert_eq(
        mu_irbuilder_take(script.builder, env, UINT64_C(1) << 32, "ids", script.report, &bundle),
        MU_OK);
    mu_ir_env *next = mu_ir_env_extend(env, bundle);
    for (uint32_t i = 0; i < 9; i += i == 1 ? 2 : 1) {
        mu_ir_entity *entity = found(next, ids[i]);
        char label[16];
        snprintf(label, sizeof label, "#%u", (uint32_t)ids[i]);
        cr_assert_eq(entity->kind, kinds[i]);
        cr_assert(i == 8 ? !strcmp(entity->name, "@last") : !entity->name);
        cr_assert(entity->kind == MU_IR_INST || !strcmp(entity->label, label));
    }
    /* The function's is the next of the contiguous ones. */
    cr_assert_eq(found(next, env->next_id)->kind, MU_IR_FUNC);
    cr_assert_eq(next->next_id, env->next_id + 1);
    cr_assert_null(mu_ir_env_by_id(next, (uint32_t)ids[8] + 1));
    cr_assert_eq(found(next, env->parent->next_id), found(env, env->parent->next_id));
    mu_ir_env_release(env, NULL);
    mu_ir_env_release(next, NULL);
    mu_report_free(script.report);
    mu_irbuilder_free(script.builder);
}
