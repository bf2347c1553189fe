#include "ir_fixture.h"

#define TYPES                                                                                      \
    ".typedef @i64 = int<64> .funcsig @s = (@i64) -> (@i64) .const @c <@i64> = 1 .global @g "      \
    "<@i64>\n"
/* A function whose body begins at line 3, column 1. */
#define BODY(text) TYPES ".funcdef @f VERSION %v <@s> {\n" text

/* ------------------------------------------------------------------------------ undefined names */

Test(mu_ir_rejects, undefined_type)
{
    EXPECT_ERRORS(NULL, ".typedef @r = ref<@none>", "1:19: undefined name @none: expected a type");
}

Test(mu_ir_rejects, undefined_signature)
{
    EXPECT_ERRORS(NULL, ".typedef @r =\n funcref<@none>",
                  "2:10: undefined name @none: expected a function signature");
}

Test(mu_ir_rejects, undefined_constant)
{
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): RET @none }"),
                  "3:20: undefined name @none: expected a value");
    EXPECT_ERRORS(NULL, TYPES ".expose @x = @f #DEFAULT @none .funcdecl @f <@s>",
                  "2:26: undefined name @none: expected a constant");
    EXPECT_ERRORS(NULL, TYPES ".typedef @t = struct<@i64> .const @l <@t> = {@none}",
                  "2:46: undefined name @none: expected a constant, global cell, function or "
                  "exposed function");
}

Test(mu_ir_rejects, undefined_function)
{
    EXPECT_ERRORS(NULL, TYPES ".expose @x = @none #DEFAULT @c",
                  "2:14: undefined name @none: expected a function");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): TAILCALL <@s> @none (%a) }"),
                  "3:30: undefined name @none: expected a value");
}

Test(mu_ir_rejects, undefined_block)
{
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a):\n  BRANCH %nowhere() }"),
                  "4:10: undefined name %nowhere: expected a basic block of this version");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a):\n  BRANCH @c() }"),
                  "4:10: expected a basic block of this version, but @c is a constant (defined at "
                  "1:63)");
}

Test(mu_ir_rejects, undefined_variable)
{
    EXPECT_ERRORS(
        NULL, BODY("%e(<@i64> %a):\n  RET %b }"),
        "4:7: undefined name %b: expected a parameter or an earlier result of this block");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): %x = ADD <@i64> %y %a %y = ADD <@i64> %a %a RET %x }"),
                  "3:32: undefined name %y: expected a parameter or an earlier result of this "
                  "block");
}

Test(mu_ir_rejects, a_variable_of_another_block)
{
    const char *advice = "5:5: %x belongs to another block: values do not live across blocks; pass "
                         "it as an argument";
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): %x = ADD <@i64> %a %a BRANCH %n()\n%n():\nRET %x }"),
                  advice);
    EXPECT_ERRORS(NULL,
                  BODY("%e(<@i64> %a): %x = ADD <@i64> %a %a BRANCH %n()\n%n():\nRET @f.v.e.x }"),
                  "5:5: @f.v.e.x belongs to another block: values do not live across blocks*");
    EXPECT_ERRORS(NULL,
                  BODY("%e(<@i64> %a): RET %a }\n.funcdef @h VERSION %v <@s> {\n"
                       "%e(<@i64> %a): RET @f.v.e.a }"),
                  "5:20: @f.v.e.a is a local variable of another block: values do not live*");
}

Test(mu_ir_rejects, a_result_used_by_its_own_instruction)
{
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): %x = ADD <@i64> %x %a RET %x }"),
                  "3:32: %x is used by the instruction that defines it");
}

/* ---------------------------------------------------------------------------------- wrong kinds */

Test(mu_ir_rejects, one_kind_of_name_where_another_belongs)
{
    EXPECT_ERRORS(NULL, TYPES ".typedef @r = ref<@s>",
                  "2:19: expected a type, but @s is a function signature (defined at 1:34)");
    EXPECT_ERRORS(NULL, TYPES ".funcdecl @h <@i64>",
                  "2:15: expected a function signature, but @i64 is a type (defined at 1:10)");
    EXPECT_ERRORS(NULL, TYPES ".funcdecl @h <@s> .expose @x = @h #DEFAULT @g",
                  "2:44: expected a constant, but @g is a global cell (defined at 1:85)");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): RET @s }"),
                  "3:20: expected a value, but @s is a function signature (defined at 1:34)");
    EXPECT_ERRORS(
        NULL, BODY("%e(<@i64> %a): %x = NEW <@uvm.meta.trap_handler.sig> RET %a }"),
        "3:26: expected a type, but @uvm.meta.trap_handler.sig is a function signature of "
        "an earlier bundle");
}

/* ------------------------------------------------------------------------------ duplicate names */

Test(mu_ir_rejects, a_second_definition_of_each_kind)
{
    EXPECT_ERRORS(NULL, ".typedef @t = float\n.typedef @t = double",
                  "2:10: the name @t is already taken by a type at 1:10");
    EXPECT_ERRORS(NULL, TYPES ".funcsig @s = () -> ()",
                  "2:10: the name @s is already taken by a function signature at 1:34");
    EXPECT_ERRORS(NULL, TYPES ".const @c <@i64> = 2",
                  "2:8: the name @c is already taken by a constant at 1:63");
    EXPECT_ERRORS(NULL, TYPES ".global @g <@i64>",
                  "2:9: the name @g is already taken by a global cell at 1:85");
    EXPECT_ERRORS(
        NULL, TYPES ".funcdecl @h <@s> .expose @x = @h #DEFAULT @c\n.expose @x = @h #DEFAULT @c",
        "3:9: the name @x is already taken by an exposed function at 2:27");
    EXPECT_ERRORS(NULL, TYPES ".funcdecl @h <@s>\n.funcdecl @h <@s>",
                  "3:11: the name @h is already taken by a function at 2:11");
}

Test(mu_ir_rejects, one_name_for_two_kinds)
{
    EXPECT_ERRORS(NULL, TYPES ".global @s <@i64>",
                  "2:9: the name @s is already taken by a function signature at 1:34");
    EXPECT_ERRORS(NULL,
                  TYPES ".typedef @f.v.e = float\n.funcdef @f VERSION %v <@s> {\n"
                        "%e(<@i64> %a): RET %a }",
                  "4:1: the name @f.v.e is already taken by a type at 2:10");
}

Test(mu_ir_rejects, two_versions_of_one_function)
{
    EXPECT_ERRORS(NULL,
                  BODY("%e(<@i64> %a): RET %a }\n.funcdef @f VERSION %w <@s> { %e(<@i64> %a): "
                       "RET %a }"),
                  "4:10: the name @f is already taken by a function at 2:10");
    EXPECT_ERRORS(NULL,
                  TYPES ".funcdecl @f <@s>\n.funcdef @f VERSION %w <@s> { %e(<@i64> %a): "
                        "RET %a }",
                  "3:10: the name @f is already taken by a function at 2:11");
    EXPECT_ERRORS(NULL,
                  BODY("%e(<@i64> %a): RET %a }\n.funcdef @h VERSION @f.v <@s> { "
                       "@hh(<@i64> @ha): RET @ha }"),
                  "4:21: the name @f.v is already taken by a function version at 2:21");
}

Test(mu_ir_rejects, duplicate_local_names)
{
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a\n<@i64> %a): RET %a }"),
                  "4:8: the name @f.v.e.a is already taken by a local variable at 3:11");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a):\n%a = ADD <@i64> %a %a RET %a }"),
                  "4:1: the name @f.v.e.a is already taken by a local variable at 3:11");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): RET %a\n%e(<@i64> %b): RET %b }"),
                  "4:1: the name @f.v.e is already taken by a basic block at 3:1");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a):\n [%a] RET %a }"),
                  "4:7: the name @f.v.e.a is already taken by a local variable at 3:11");
}

Test(mu_ir_rejects, names_of_earlier_bundles)
{
    mu_ir_env *env = load_first(TYPES ".funcdecl @h <@s>");
    EXPECT_ERRORS(env, ".typedef @i64 = int<64>",
                  "1:10: the name @i64 is already taken by a type of an earlier bundle");
    EXPECT_ERRORS(env, ".const @s <@i64> = 3",
                  "1:8: the name @s is already taken by a function signature of an earlier bundle");
    EXPECT_ERRORS(env, ".funcdecl @h <@s>",
                  "1:11: the name @h is already taken by a function of an earlier bundle");
    EXPECT_ERRORS(env, ".funcdef @g VERSION %v <@s> { %e(<@i64> %a): RET %a }",
                  "1:10: the name @g is already taken by a global cell of an earlier bundle");
    EXPECT_ERRORS(env,
                  ".funcdef @h VERSION %v <@s> { %e(<@i64> %a): RET %a }\n"
                  ".funcdef @h VERSION %w <@s> { %e(<@i64> %a): RET %a }",
                  "2:10: function @h is defined twice in this bundle");
    unload(env);
}

/* -------------------------------------------------------------------------------------- syntax */

Test(mu_ir_rejects, empty_bodies_and_blocks)
{
    EXPECT_ERRORS(NULL, BODY("}"), "3:1: a body has at least one basic block");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a):\n}"), "3:1: the block has no instruction");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a):\n%x(): RET @c }"),
                  "3:1: the block has no instruction");
}

Test(mu_ir_rejects, syntax_with_what_was_expected)
{
    EXPECT_ERRORS(NULL, BODY("%e(@i64 %a): RET %a }"),
                  "3:4: expected '<' before the type of the parameter, or ')', found '@i64'");
    EXPECT_ERRORS(NULL, "typedef @x = float", "1:1: expected a definition (*");
    EXPECT_ERRORS(NULL, ".typedef %x = float",
                  "1:10: expected a global name (@…) for the definition, found '%x'");
    EXPECT_ERRORS(NULL, ".typedef @x = @y",
                  "1:15: expected a type constructor (int, ref, struct, …), found '@y'");
    EXPECT_ERRORS(NULL, ".typedef @x = ref<int<64>>",
                  "1:19: expected the global name of a type, found 'int'");
    EXPECT_ERRORS(NULL, ".typedef @x = struct<>",
                  "1:22: expected a type: a struct has at least one field, found '>'");
    EXPECT_ERRORS(NULL, ".typedef @x = int<-1>",
                  "1:19: the number of bits must be a number from 0*");
    EXPECT_ERRORS(NULL, TYPES ".expose @x = @f <#DEFAULT> @c .funcdecl @f <@s>",
                  "2:17: expected a calling convention such as #DEFAULT, found '<'");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): BRANCH %e }"),
                  "3:26: expected '(' before the arguments of the destination, found '}'");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): %x = FOO <@i64> %a RET %a }"),
                  "3:21: expected an instruction, found 'FOO'");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): %x = COMMINST @uvm.math.sin (%a) RET %a }"),
                  "3:30: unknown common instruction @uvm.math.sin");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): FENCE RET %a }"),
                  "3:22: expected a memory order (RELAXED, ACQUIRE, SEQ_CST, …), found 'RET'");
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a): RET %a"),
                  "3:22: expected a label, an instruction or '}', found the end of the text");
    EXPECT_ERRORS(NULL, BODY("RET @c }"),
                  "3:1: expected a label: name ( parameters ) :, found 'RET'");
    EXPECT_ERRORS(NULL, TYPES ".const @x <@i64> = 09",
                  "2:20: a number that begins with 0 is octal and has no digit 8 or 9: '09'");
    EXPECT_ERRORS(NULL, TYPES ".const @x <@i64> = 1.5",
                  "2:20: a number with a fraction ends in f (float) or d (double): '1.5'");
    EXPECT_ERRORS(NULL, TYPES ".const @x <@i64> = 12ab",
                  "2:20: a number runs into a letter: '12ab'");
    EXPECT_ERRORS(NULL, TYPES ".const @x <@i64> = 1.5e999d",
                  "2:20: the number is too large for a double; infinity is +infd");
}

Test(mu_ir_rejects, old_forms_of_the_language)
{
    EXPECT_ERRORS(NULL,
                  ".typedef @i64 = int<64>\n.funcsig @s = @i64 (@i64)\n"
                  ".funcdef @f VERSION %v <@s> (%p) {\n%entry:\nRET <@i64> %p }",
                  "2:15: expected '(' before the parameter types, found '@i64'",
                  "3:29: expected '{' before the body, found '('");
}

Test(mu_ir_rejects, bytes_that_are_no_text)
{
    EXPECT_ERRORS(NULL, ".typedef @x = \x01 float",
                  "1:15: expected a type constructor (int, ref, struct, …), found byte 0x01*");
    EXPECT_ERRORS(NULL, ".typedef @x = float \xc3\xa9", "1:21: expected a definition (*");
    const char nul[] = ".typedef @x\0= float";
    cr_assert_eq(parse_status(NULL, nul, sizeof nul - 1), MU_INVALID);
}

/* ------------------------------------------------------------------------------- several errors */

Test(mu_ir_rejects, several_errors_are_reported_without_followers)
{
    EXPECT_ERRORS(NULL,
                  TYPES ".typedef @broken = ref<\n"
                        ".typedef @uses = ref<@broken>\n"
                        ".funcdef @f VERSION %v <@s> {\n"
                        "  %e(<@i64> %a):\n"
                        "    %x = ADD <@i64 %a %a\n"
                        "    %y = ADD <@i64> %x %none\n"
                        "    (%p %q) = CALL <@s> @f %a EXC(%n(%a)\n"
                        "       %h())\n"
                        "    %z = MUL <@i64> %y %none\n"
                        "    SWITCH <@i64> %p %n(%a) { @c 5 %n(%q) }\n"
                        "  %n(<@none> %a):\n"
                        "    RET %q\n"
                        "  %h():\n"
                        "    RET ( %x\n"
                        "}\n"
                        ".const @bad <@i64> = what\n"
                        ".funcdecl @ok <@s>\n",
                  "3:1: expected the global name of a type, found '.typedef'",
                  "6:20: expected '>' behind the types of ADD, found '%a'",
                  "7:24: undefined name %none: expected a parameter*",
                  "8:28: expected '(' before the arguments, found '%a'",
                  "11:34: expected the name of a basic block, found '5'",
                  "12:7: undefined name @none: expected a type",
                  "13:9: %q belongs to another block: values do not live across blocks*",
                  "15:11: %x belongs to another block: values do not live across blocks*",
                  "16:1: expected a value's name or ')', found '}'",
                  "17:22: expected a constant: a number*");
}

Test(mu_ir_rejects, a_damaged_label_brings_no_undefined_names)
{
    EXPECT_ERRORS(NULL, BODY("%e(<@i64> %a <@i64 %b): %x = ADD <@i64> %a %b\n RET %x }"),
                  "3:20: expected '>' behind the type of the parameter, found '%b'");
}

Test(mu_ir_rejects, more_errors_than_are_kept_are_counted)
{
    char text[16384] = "";
    for (int i = 0; i < 300; i++) {
        __builtin_strcat(text, ".typedef @ = float\n");
    }
    mu_ir_env *root = mu_ir_env_new_root();
    mu_report *report = mu_report_new();
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(root, "t", text, __builtin_strlen(text), report, &bundle);
    cr_assert_eq(status, MU_INVALID);
    cr_assert_eq(mu_report_count(report), MU_REPORT_MAX);
    cr_assert_eq(mu_report_total(report), 300);
    mu_report_free(report);
    unload(root);
}
