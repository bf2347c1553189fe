#include "ir_fixture.h"

#include <string.h>

static mu_ir_env *env;

static void set_up(void)
{
    env = load_first(every_form);
}

static void tear_down(void)
{
    unload(env);
}

TestSuite(mu_ir_results, .init = set_up, .fini = tear_down);

static void expect_type(const char *variable, const char *expected)
{
    const mu_ir_type *type = find_variable(env, variable)->type;
    cr_assert_not_null(type, "%s has no type", variable);
    char *text = mu_ir_type_text(type);
    cr_assert_str_eq(text, expected, "%s is of type %s", variable, text);
    mu_free(text);
}

/* clang-format off */
static const char *const expected_types[][2] = {
    {"@binary.v1.entry.x1", "int<64>"},      {"@binary.v1.entry.x14", "double"},
    {"@compare.v1.entry.x1", "int<1>"},      {"@compare.v1.entry.vec", "vector<int<1> 4>"},
    {"@compare.v1.entry.s", "int<64>"},      {"@convert.v1.entry.c1", "int<32>"},
    {"@convert.v1.entry.c11", "ref<int<64>>"}, {"@flow.v1.calls.q", "double"},
    {"@values_v1.entry.e", "double"},        {"@values_v1.entry.i", "struct<int<64> double>"},
    {"@values_v1.entry.g", "int<64>"},       {"@values_v1.entry.h", "vector<int<32> 4>"},
    {"@values_v1.entry.j", "vector<int<32> 4>"}, {"@memory.v1.entry.r", "ref<@pair>"},
    {"@memory.v1.entry.rh", "ref<@h1>"},     {"@memory.v1.entry.l", "iref<array<int<64> 3>>"},
    {"@memory.v1.entry.lh", "iref<@h1>"},    {"@memory.v1.entry.i", "iref<@pair>"},
    {"@memory.v1.entry.f", "iref<double>"},  {"@memory.v1.entry.e", "iref<int<64>>"},
    {"@memory.v1.entry.s", "iref<int<64>>"}, {"@memory.v1.entry.v", "iref<int<64>>"},
    {"@memory.v1.entry.l1", "int<64>"},      {"@memory.v1.entry.lw", "ref<int<64>>"},
    {"@memory.v1.entry.w", "iref<weakref<int<64>>>"}, {"@memory.v1.entry.ok", "int<1>"},
    {"@memory.v1.entry.m0", "int<64>"},      {"@pointers.v1.entry.p", "uptr<@pair>"},
    {"@pointers.v1.entry.f", "uptr<int<64>>"}, {"@pointers.v1.entry.v", "uptr<int<64>>"},
    {"@pointers.v1.entry.cc", "int<64>"},    {"@traps.v1.entry.r3", "float"},
    {"@traps.v1.dis.r", "double"},           {"@traps.v1.exc.e", "ref<void>"},
    {"@threads.v1.entry.s", "stackref"},     {"@threads.v1.entry.t1", "threadref"},
    {"@threads.v1.entry.r1", "int<64>"},     {"@threads.v1.entry.r3", "int<64>"},
    {"@commons.v1.entry.e", "ufuncptr<@ii_i>"}, {"@commons.v1.entry.k", "int<64>"},
};
/* clang-format on */

Test(mu_ir_results, follow_from_the_instruction)
{
    for (size_t i = 0; i < sizeof expected_types / sizeof *expected_types; i++) {
        expect_type(expected_types[i][0], expected_types[i][1]);
    }
}

Test(mu_ir_results, every_result_of_every_form_has_a_type_and_a_number)
{
    for (uint32_t v = 0; v < env->bundle->version_count; v++) {
        const mu_ir_version *version = env->bundle->versions[v];
        for (uint32_t i = 0; i < version->variable_count; i++) {
            const mu_ir_type *type = version->variables[i].type;
            cr_assert_not_null(type, "%s", version->variables[i].entity.name);
            cr_assert_neq(type->canonical, 0);
            cr_assert_lt(type->canonical, env->next_canonical);
            cr_assert(type->laid_out);
        }
    }
}

Test(mu_ir_results, are_counted_whatever_the_text_names)
{
    mu_ir_type *types[4] = {NULL};
    const mu_ir_inst *swap = find_inst(env, "@threads.v1.entry.s2");
    cr_assert_eq(mu_ir_result_types(swap->entity.owner, swap, types, 4), 2);
    cr_assert_eq(types[1], find_type(env, "@i64"));
    const mu_ir_inst *kill = find_inst(env, "@gen.v1.entry.s2");
    cr_assert_eq(mu_ir_result_types(kill->entity.owner, kill, types, 4), 0);
    const mu_ir_inst *watch = find_inst(env, "@traps.v1.dis.w2");
    cr_assert_eq(mu_ir_result_types(watch->entity.owner, watch, NULL, 0), 1);
    const mu_ir_inst *ret = find_inst(env, "@add.v1.entry.ret");
    cr_assert_eq(mu_ir_result_types(ret->entity.owner, ret, types, 4), 0);
}

Test(mu_ir_results, a_count_that_differs_is_left_to_the_verifier)
{
    mu_ir_env *other = load_first(
        ".typedef @i64 = int<64> .const @c <@i64> = 1 .funcsig @s = () -> (@i64 @i64)\n"
        ".funcdecl @g <@s> .funcdef @f VERSION %v <@s> { %e():\n"
        "(%a %b) = [%add] ADD <@i64> @c @c [%call] CALL <@s> @g () %x = [%st] STORE <@i64> @c @c\n"
        "%y = [%ev] EXTRACTVALUE <@i64 0> @c RET () }");
    mu_ir_type *types[4] = {NULL};
    const mu_ir_inst *add = find_inst(other, "@f.v.e.add");
    cr_assert_eq(mu_ir_result_types(add->entity.owner, add, types, 4), 1);
    cr_assert_eq(find_variable(other, "@f.v.e.a")->type, find_type(other, "@i64"));
    cr_assert_null(find_variable(other, "@f.v.e.b")->type);
    const mu_ir_inst *call = find_inst(other, "@f.v.e.call");
    cr_assert_eq(mu_ir_result_types(call->entity.owner, call, types, 4), 2);
    cr_assert_null(find_variable(other, "@f.v.e.x")->type);
    const mu_ir_inst *extract = find_inst(other, "@f.v.e.ev");
    cr_assert_eq(mu_ir_result_types(extract->entity.owner, extract, types, 4), 1);
    cr_assert_null(types[0]);
    unload(other);
}

Test(mu_ir_results, derived_types_equal_written_ones)
{
    cr_assert(
        mu_ir_type_equal(find_variable(env, "@memory.v1.entry.r")->type, find_type(env, "@rp")));
    cr_assert(
        mu_ir_type_equal(find_variable(env, "@compare.v1.entry.x1")->type, find_type(env, "@i1")));
    const mu_ir_global *cell = (const mu_ir_global *)find(env, "@cell");
    cr_assert(mu_ir_type_equal(cell->iref_type, find_type(env, "@ii64")));
    const mu_ir_func *add = (const mu_ir_func *)find(env, "@add");
    cr_assert(mu_ir_type_equal(add->funcref_type, find_type(env, "@fr")));
    for (uint32_t i = 0; i < env->bundle->derived_count; i++) {
        cr_assert_null(env->bundle->derived[i]->entity.name);
        cr_assert_eq(env->bundle->derived[i]->entity.id, 0);
    }
}

Test(mu_ir_results, of_predefined_types)
{
    mu_ir_env *other = load(
        mu_ir_env_retain(env),
        ".funcdef @meta VERSION %v <@v_v> { %e():\n"
        "%n = COMMINST @uvm.meta.name_of (@THREE) %c = COMMINST @uvm.meta.new_cursor (@NULLSTACK)\n"
        "%k = COMMINST @uvm.meta.dump_keepalives (%c) %l = COMMINST @uvm.get_threadlocal\n"
        "%t = COMMINST @uvm.tr64.from_int (@ONE) %g = COMMINST @uvm.tr64.to_tag (%t) RET () }");
    cr_assert_eq(find_variable(other, "@meta.v.e.n")->type, find_type(other, "@uvm.meta.bytes.r"));
    cr_assert_eq(find_variable(other, "@meta.v.e.k")->type, find_type(other, "@uvm.meta.refs.r"));
    cr_assert(mu_ir_type_equal(find_variable(other, "@meta.v.e.c")->type, find_type(other, "@fc")));
    cr_assert(mu_ir_type_equal(find_variable(other, "@meta.v.e.l")->type, find_type(other, "@rv")));
    cr_assert(mu_ir_type_equal(find_variable(other, "@meta.v.e.t")->type, find_type(other, "@tr")));
    cr_assert_eq(find_variable(other, "@meta.v.e.g")->type->bits, 6);
    unload(other);
}
