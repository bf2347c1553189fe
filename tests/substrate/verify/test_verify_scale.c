/* Bundles whose size or shape an outsider chose: the time is linear, and nothing recurses. */
#include "mu_verify.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

typedef MU_ARRAY(char) text_buffer;

static void append(text_buffer *text, const char *format, ...) MU_PRINTF(2, 3);
static void append(text_buffer *text, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    MU_ARRAY_RESERVE(text, text->count + (uint32_t)length);
    memcpy(text->items + text->count, line, (size_t)length);
    text->count += (uint32_t)length;
}

/* Parses and verifies the text with nothing allowed, and frees it. */
static mu_status verify(text_buffer *text, mu_report *report)
{
    mu_ir_env *env = mu_ir_env_new_root();
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(env, "scale", text->items, text->count, report, &bundle);
    cr_assert_eq(status, MU_OK, "it does not parse");
    mu_verify_options options = {.allow_native = false};
    status = mu_verify_bundle(env, bundle, &options, report);
    mu_ir_bundle_free(bundle);
    mu_ir_env_release(env, NULL);
    MU_ARRAY_FREE(text);
    return status;
}

Test(mu_verify, long_cycle_of_constants_is_one_entry)
{
    enum { COUNT = 100000 };
    text_buffer text = {0};
    append(&text, ".typedef @i = int<8>\n.typedef @s = struct<@i>\n");
    for (unsigned i = 0; i < COUNT; i++) {
        append(&text, ".const @c%u <@s> = {@c%u}\n", i, (i + 1) % COUNT);
    }
    mu_report *report = mu_report_new();
    cr_assert_eq(verify(&text, report), MU_INVALID);
    cr_assert_eq(mu_report_total(report), 1);
    cr_assert_str_eq(mu_report_at(report, 0)->message, "the constant @c0 is a part of itself");
    cr_assert_eq(mu_report_at(report, 0)->where.line, 3);
    mu_report_free(report);
}

Test(mu_verify, constants_that_all_lead_back_take_linear_time)
{
    enum { COUNT = 50000 };
    text_buffer text = {0};
    append(&text, ".typedef @i = int<8>\n.typedef @s = struct<@i @i>\n");
    for (unsigned i = 0; i < COUNT; i++) {
        append(&text, ".const @c%u <@s> = {@c%u @c0}\n", i, (i + 1) % COUNT);
    }
    mu_report *report = mu_report_new();
    cr_assert_eq(verify(&text, report), MU_INVALID);
    cr_assert_eq(mu_report_total(report), 1);
    mu_report_free(report);
}

Test(mu_verify, large_switch_finds_its_one_repeated_case)
{
    enum { COUNT = 50000 };
    text_buffer text = {0};
    append(&text, ".typedef @i = int<32>\n.funcsig @s = (@i) -> ()\n");
    for (unsigned i = 0; i < COUNT; i++) {
        append(&text, ".const @c%u <@i> = %u\n", i, i == COUNT - 1 ? 7 : i);
    }
    append(&text,
           ".funcdef @f VERSION %%v1 <@s> {\n%%entry(<@i> %%x):\nSWITCH <@i> %%x %%end() {\n");
    for (unsigned i = 0; i < COUNT; i++) {
        append(&text, "@c%u %%end()\n", i);
    }
    append(&text, "}\n%%end():\nRET ()\n}\n");
    mu_report *report = mu_report_new();
    cr_assert_eq(verify(&text, report), MU_INVALID);
    cr_assert_eq(mu_report_total(report), 1);
    cr_assert_str_eq(mu_report_at(report, 0)->message,
                     "@f.v1.entry: the case @c49999 of SWITCH has the same value as @c7");
    mu_report_free(report);
}

Test(mu_verify, more_errors_than_a_report_keeps_are_counted)
{
    enum { COUNT = 100000 };
    text_buffer text = {0};
    append(&text, ".typedef @i = int<32>\n.typedef @d = double\n.funcsig @s = (@i) -> ()\n"
                  ".funcdef @f VERSION %%v1 <@s> {\n%%entry(<@i> %%x):\n");
    for (unsigned i = 0; i < COUNT; i++) {
        append(&text, "%%y%u = FADD <@d> %%x %%x\n", i);
    }
    append(&text, "RET ()\n}\n");
    mu_report *report = mu_report_new();
    cr_assert_eq(verify(&text, report), MU_INVALID);
    cr_assert_eq(mu_report_count(report), MU_REPORT_MAX);
    cr_assert_eq(mu_report_total(report), 2 * COUNT);
    mu_report_free(report);
}

Test(mu_verify, every_common_instruction_has_a_row)
{
    /* Bare and before a RET none is right: it wants arguments, or has a result, or ends the block.
     */
    for (unsigned i = 0; i < MU_COMMINST_COUNT; i++) {
        text_buffer text = {0};
        append(&text,
               ".funcsig @s = () -> ()\n.funcdef @f VERSION %%v1 <@s> {\n%%entry():\n"
               "COMMINST %s\nRET ()\n}\n",
               mu_ir_comminst_name((mu_ir_comminst)i));
        cr_expect_neq(verify(&text, NULL), MU_OK, "%s", mu_ir_comminst_name((mu_ir_comminst)i));
    }
}
