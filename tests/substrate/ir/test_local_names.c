#include "ir_fixture.h"

#include <stdio.h>
#include <string.h>

#define TYPES ".typedef @i64 = int<64> .funcsig @s = (@i64) -> (@i64) .const @one <@i64> = 1\n"

Test(mu_ir_names, local_names_expand_to_global_ones)
{
    mu_ir_env *env = load_first(TYPES ".funcdef @fac VERSION %v1 <@s> {\n"
                                      "%entry(<@i64> %n): [%first_br] BRANCH %head(%n)\n"
                                      "%head(<@i64> %n): %r = [%add] ADD <@i64> %n @one RET %r\n"
                                      "%oops() [%exc]: THROW %exc }\n");
    cr_assert_eq(find(env, "@fac.v1")->kind, MU_IR_VERSION);
    cr_assert_eq(find(env, "@fac.v1.entry")->kind, MU_IR_BLOCK);
    cr_assert_eq(find(env, "@fac.v1.entry.n")->kind, MU_IR_VARIABLE);
    cr_assert_eq(find(env, "@fac.v1.entry.first_br")->kind, MU_IR_INST);
    cr_assert_eq(find(env, "@fac.v1.head.n")->kind, MU_IR_VARIABLE);
    cr_assert_eq(find(env, "@fac.v1.head.r")->kind, MU_IR_VARIABLE);
    cr_assert_eq(find(env, "@fac.v1.head.add")->kind, MU_IR_INST);
    cr_assert_eq(find(env, "@fac.v1.oops.exc")->kind, MU_IR_VARIABLE);
    cr_assert_neq(find(env, "@fac.v1.entry.n"), find(env, "@fac.v1.head.n"));
    unload(env);
}

Test(mu_ir_names, names_may_begin_with_a_digit_and_hold_signs)
{
    mu_ir_env *env =
        load_first(TYPES ".funcdef @f VERSION %1 <@s> { %0(<@i64> %a-b.c_d): RET %a-b.c_d }");
    cr_assert_eq(find(env, "@f.1.0.a-b.c_d")->kind, MU_IR_VARIABLE);
    unload(env);
}

Test(mu_ir_names, everything_in_a_body_may_have_a_global_name)
{
    mu_ir_env *env = load_first(TYPES ".funcdef @f VERSION @n1 <@s> {\n"
                                      "@n2(<@i64> @n3): BRANCH @n4(@n3)\n"
                                      "@n4(<@i64> @n5): (@n6) = [@n7] ADD <@i64> @n5 @one\n"
                                      "RET @n6 }\n");
    cr_assert_eq(find(env, "@n1")->kind, MU_IR_VERSION);
    cr_assert_eq(find(env, "@n4")->kind, MU_IR_BLOCK);
    cr_assert_str_eq(find_inst(env, "@n7")->entity.name, "@n7");
    const mu_ir_inst *add = find_inst(env, "@n7");
    cr_assert_str_eq(value_name(add, add->operands, 0), "@n5");
    cr_assert_str_eq(value_name(add, add->operands, 1), "@one");
    unload(env);
}

Test(mu_ir_names, a_local_name_and_its_expansion_are_the_same_name)
{
    mu_ir_env *env = load_first(TYPES ".funcdef @f VERSION @f.v <@s> {\n"
                                      "@f.v.e(<@i64> @f.v.e.a): BRANCH %x(%a @f.v.e.a)\n"
                                      "%x(<@i64> %b <@i64> %c): %d = ADD <@i64> @f.v.x.b %c\n"
                                      "BRANCH @f.v.x(%d @f.v.x.d) }\n");
    const mu_ir_version *version = find_version(env, "@f.v");
    cr_assert_eq(version->operands[0].code, version->operands[1].code);
    cr_assert_eq(version->dests[0].block, 1);
    cr_assert_eq(version->dests[1].block, 1);
    unload(env);
}

Test(mu_ir_names, a_name_means_different_things_in_different_blocks_and_functions)
{
    mu_ir_env *env = load_first(TYPES ".funcdef @f VERSION %v <@s> {\n"
                                      "%e(<@i64> %e): BRANCH %v(%e) %v(<@i64> %v): RET %v }\n"
                                      ".funcdef @g VERSION %v <@s> { %e(<@i64> %v): RET %v }\n");
    cr_assert_eq(find(env, "@f.v.v.v")->kind, MU_IR_VARIABLE);
    cr_assert_eq(find(env, "@g.v.e.v")->kind, MU_IR_VARIABLE);
    unload(env);
}

Test(mu_ir_names, blocks_may_come_after_their_uses_in_any_order)
{
    mu_ir_env *env = load_first(TYPES ".funcdef @f VERSION %v <@s> {\n"
                                      "%e(<@i64> %a): BRANCH2 @one %c(%a) %b()\n"
                                      "%b(): BRANCH %c(@one)\n"
                                      "%c(<@i64> %x): RET %x }\n");
    const mu_ir_version *version = find_version(env, "@f.v");
    cr_assert_eq(version->dests[0].block, 2);
    cr_assert_eq(version->dests[1].block, 1);
    cr_assert_eq(version->dests[2].block, 2);
    cr_assert_eq(version->dests[0].where.line, 3);
    cr_assert_eq(version->dests[0].where.column, 29);
    unload(env);
}

Test(mu_ir_names, definitions_may_come_in_any_order)
{
    mu_ir_env *env =
        load_first(".funcdef @f VERSION %v <@s> { %e(<@t> %a): RET @c }\n"
                   ".const @c <@t> = 1 .funcsig @s = (@t) -> (@t) .typedef @t = int<8>");
    cr_assert_eq(find_version(env, "@f.v")->variables[0].type, find_type(env, "@t"));
    unload(env);
}

Test(mu_ir_names, results_are_seen_in_the_destinations_of_their_instruction)
{
    mu_ir_env *env = load_first(TYPES ".funcdef @f VERSION %v <@s> {\n"
                                      "%e(<@i64> %a): %r = CALL <@s> @f (%a) EXC(%n(%r) %x())\n"
                                      "%n(<@i64> %r): RET %r %x(): RET @one }\n");
    const mu_ir_version *version = find_version(env, "@f.v");
    mu_ir_value argument = version->operands[version->dests[0].args.first];
    cr_assert_str_eq(mu_ir_value_name(version, argument), "@f.v.e.r");
    unload(env);
}

Test(mu_ir_names, a_bundle_sees_the_names_of_earlier_ones)
{
    mu_ir_env *env = load_first(TYPES);
    env = load(env, ".funcdef @f VERSION %v <@s> { %e(<@i64> %a): RET @one }");
    cr_assert_eq(find_version(env, "@f.v")->sig, find_sig(env, "@s"));
    cr_assert_eq(mu_ir_env_find(env, "@nothing", 8), NULL);
    cr_assert_eq(mu_ir_env_find(env->parent, "@f", 2), NULL);
    unload(env);
}

Test(mu_ir_names, a_name_of_4096_bytes_is_the_longest)
{
    char text[9000];
    char name[5000];
    memset(name, 'n', sizeof name);
    snprintf(text, sizeof text, ".typedef @%.*s = int<8>", 4095, name);
    cr_assert_eq(parse_status(NULL, text, strlen(text)), MU_OK);
    snprintf(text, sizeof text, ".typedef @%.*s = int<8>", 4096, name);
    cr_assert_eq(parse_status(NULL, text, strlen(text)), MU_LIMIT);
}
