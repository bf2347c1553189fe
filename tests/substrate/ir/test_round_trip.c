#include "ir_fixture.h"

#include <string.h>

static char *print_newest(const mu_ir_env *env)
{
    return mu_ir_print(env->bundle);
}

Test(mu_ir_print, every_form_parses_back_to_the_same_text)
{
    mu_ir_env *env = load_first(every_form);
    char *first = print_newest(env);
    mu_ir_env *again = load_first(first);
    char *second = print_newest(again);
    cr_assert_str_eq(first, second);
    cr_assert_eq(env->bundle->id_count, again->bundle->id_count);
    cr_assert_eq(env->bundle->func_count, again->bundle->func_count);
    mu_free(first);
    mu_free(second);
    unload(env);
    unload(again);
}

Test(mu_ir_print, every_form_holds_every_operation)
{
    bool seen[MU_OP_COUNT] = {false};
    mu_ir_env *env = load_first(every_form);
    for (uint32_t v = 0; v < env->bundle->version_count; v++) {
        const mu_ir_version *version = env->bundle->versions[v];
        for (uint32_t i = 0; i < version->inst_count; i++) {
            seen[version->insts[i].op] = true;
        }
    }
    for (uint32_t op = 0; op < MU_OP_COUNT; op++) {
        cr_assert(seen[op], "%s is in no test", mu_ir_op_info_of((mu_ir_op)op)->word);
    }
    bool kinds[MU_IR_IRNODEREF + 1] = {false};
    for (uint32_t i = 0; i < env->bundle->type_count; i++) {
        kinds[env->bundle->types[i]->kind] = true;
    }
    for (uint32_t kind = 0; kind <= MU_IR_IRNODEREF; kind++) {
        cr_assert(kinds[kind], "type kind %u is in no test", kind);
    }
    unload(env);
}

Test(mu_ir_print, prints_the_canonical_form_of_a_small_bundle)
{
    mu_ir_env *env = load_first(".typedef @i64=int<64> .funcsig @s=(@i64)->(@i64 @i64)\n"
                                ".const @c<@i64> = -0x10 .const @f <@i64> = 1.5f\n"
                                ".funcdef @f2 VERSION %v <@s>{%e(<@i64>%a):RET(%a @c)}");
    char *text = print_newest(env);
    cr_assert_str_eq(text, ".typedef @i64 = int<64>\n"
                           ".funcsig @s = (@i64) -> (@i64 @i64)\n"
                           ".const @c <@i64> = -16\n"
                           ".const @f <@i64> = bitsf(0x3fc00000) // 1.5\n"
                           "\n"
                           ".funcdef @f2 VERSION @f2.v <@s> {\n"
                           "    @f2.v.e(<@i64> @f2.v.e.a):\n"
                           "        RET (@f2.v.e.a @c)\n"
                           "}\n");
    mu_free(text);
    unload(env);
}

Test(mu_ir_print, a_literal_beyond_128_bits_stays_one)
{
    mu_ir_env *env =
        load_first(".typedef @i = int<128> .const @c <@i> = 0x123456789012345678901234567890123");
    cr_assert(find_const(env, "@c")->too_large);
    char *text = print_newest(env);
    mu_ir_env *again = load_first(text);
    cr_assert(find_const(again, "@c")->too_large);
    mu_free(text);
    unload(env);
    unload(again);
}

static void expect_type_text(const mu_ir_env *env, const char *name, const char *expected)
{
    char *text = mu_ir_type_text(find_type(env, name));
    cr_assert_str_eq(text, expected);
    mu_free(text);
}

Test(mu_ir_display, types_show_their_structure)
{
    mu_ir_env *env = load_first(every_form);
    expect_type_text(env, "@i64", "int<64>");
    expect_type_text(env, "@ri64", "ref<int<64>>");
    expect_type_text(env, "@RefCons", "ref<@Cons>");
    expect_type_text(env, "@Cons", "struct<int<64> ref<@Cons>>");
    expect_type_text(env, "@h1", "hybrid<@pair int<64>>");
    expect_type_text(env, "@h0", "hybrid<int<8>>");
    expect_type_text(env, "@a33", "array<array<int<64> 3> 3>");
    expect_type_text(env, "@fr", "funcref<@ii_i>");
    expect_type_text(env, "@st", "stackref");
    char *text = mu_ir_sig_text(find_sig(env, "@two"));
    cr_assert_str_eq(text, "(int<64>) -> (int<64> double)");
    mu_free(text);
    unload(env);
}

Test(mu_ir_display, a_type_of_any_depth_has_a_short_text)
{
    mu_ir_env *env = load_first(".typedef @a = ref<@b> .typedef @b = ref<@a>");
    char *text = mu_ir_type_text(find_type(env, "@a"));
    cr_assert_lt(strlen(text), 100);
    mu_free(text);
    unload(env);
}
