/* What is wrong with a script is said with its line and column, all of it at once, and nothing of
 * the script is done. */
#include "hail_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define BUNDLE                                                                                     \
    ".typedef @i8 = int<8> .typedef @i64 = int<64> .typedef @i128 = int<128>\n"                    \
    ".typedef @r = ref<@i64> .typedef @hy = hybrid<@i64 @i8> .typedef @pair = struct<@i64 @r>\n"   \
    ".const @7 <@i64> = 7 .const @wide <@i128> = 0x10000000000000000 .global @g <@i64>\n"          \
    ".const @one.and.half <@d> = 1.5d .typedef @d = double .global @x <@d> .funcsig @v_i = () -> " \
    "(@i64)\n"                                                                                     \
    ".global @p <@pair> .funcdef @get VERSION %v1 <@v_i> { %entry(): %x = LOAD <@i64> @g RET %x }"

typedef struct refusal {
    const char *script;
    uint32_t line, column;
    const char *part;
} refusal;

/* Each script has this one fault. */
/* clang-format off */
static const refusal refusals[] = {
    {"x", 1, 1, "expected .new, .newhybrid or .init, found 'x'"},
    {".init @g = 1\n 2", 2, 2, "expected .new, .newhybrid or .init, found '2'"},
    {".new $a <@i64> 5", 1, 16, "expected .new, .newhybrid or .init, found '5'"},
    {".new", 1, 5, "expected the object's name, such as $x, found the end of the text"},
    {".new @g <@i64>", 1, 6, "expected the object's name"},
    {".new $ <@i64>", 1, 6, "a name must follow '$'"},
    {".new $a @i64", 1, 9, "expected '<' before the type"},
    {".new $a <int<64>>", 1, 10, "expected the name of a type, found 'int'"},
    {".new $a <@i64", 1, 14, "expected '>' behind the type"},
    {".new $a <@nothing>", 1, 10, "undefined name @nothing: expected a type"},
    {".new $a <@g>", 1, 10, "expected a type, but @g is a global cell"},
    {".new $a <@hy>", 1, 10, "@hy is a hybrid: use .newhybrid"},
    {".newhybrid $a <@i64> 1", 1, 16, "@i64 is not a hybrid: use .new"},
    {".newhybrid $a <@hy>", 1, 20, "expected the length of the variable part"},
    {".newhybrid $a <@hy> -1", 1, 21, "must be a number of at most 64 bits"},
    {".newhybrid $a <@hy> 0x10000000000000000", 1, 21, "must be a number of at most 64 bits"},
    {".newhybrid $a <@hy> @wide", 1, 21, "has more than 64 bits"},
    {".newhybrid $a <@hy> @one.and.half", 1, 21, "the name of a constant of type int<n>"},
    {".newhybrid $a <@hy> @g", 1, 21, "the name of a constant of type int<n>"},
    {".new $a <@i64>\n.new $a <@i64>", 2, 6, "$a is already defined, at 1:6"},
    {".init", 1, 6, "expected the name of a global cell or of an object"},
    {".init 5 = 5", 1, 7, "expected the name of a global cell or of an object"},
    {".init $a = 5", 1, 7, "undefined name $a: no .new or .newhybrid of this script makes it"},
    {".init @h = 5", 1, 7, "undefined name @h: expected a global cell"},
    {".init @7 = 5", 1, 7, "expected a global cell, but @7 is a constant"},
    {".init @get = 5", 1, 7, "expected a global cell, but @get is a function"},
    {".init @g 5", 1, 10, "expected '[' or '=' behind the location"},
    {".init @g =", 1, 11, "found the end of the text"},
    {".init @g = }", 1, 12, "found '}'"},
    {".init @g = .init @g = 4", 1, 12, "found '.init'"},
    {".init @g = %x", 1, 12, "takes an integer, a constant or *location, not '%x'"},
    {".init @g = !", 1, 12, "a character that no HAIL script may hold here: '!'"},
    {".init @g = \xc3\xa4", 1, 12, "found byte 0xc3"},
    {".init @p = {1 $b}", 1, 15, "undefined name $b"},
    {".init @p = {1 {2}}", 1, 15, "takes NULL, $object or *location, not '{'"},
    {".init @p = {1", 1, 14, "found the end of the text"},
    {".init @p = {1\n.init @g = 4", 2, 1, "found '.init'"},
    {".init @p = {1 NULL {2 3} 4}", 1, 20, "one item too many: @pair has room for 2"},
    {".init @p[0 = 1", 1, 12, "expected ']' behind the index"},
    {".init @p[] = 1", 1, 10, "expected the index"},
    {".init @p[@p] = 1", 1, 10, "the index must be a number or the name of a constant"},
    {".init @p[2] = 1", 1, 10, "index 2 is out of range: @pair has 2 fields"},
    {".init @p[1][0] = 1", 1, 13, "ref<int<64>> has no parts to index"},
    {".init @g = *$b", 1, 13, "undefined name $b"},
    {".init @g = *5", 1, 13, "expected the name of a global cell or of an object"},
    {".init @g = *@p", 1, 13, "what is loaded is of type @pair, the location's is int<64>"},
    {".init @p[1] = &@g", 1, 15, "takes NULL, $object or *location, not '&'"},
    {".init @g = 08", 1, 12, "octal"},
    {".init @x = nan", 1, 15, "expected f or d behind nan, found the end of the text"},
    {".init @x = nan 4", 1, 16, "expected f or d behind nan, found '4'"},
    {".init @x = bitsd(", 1, 18, "expected the bits, found the end of the text"},
    {".init @x = bitsd(0x10000000000000000)", 1, 18, "does not fit 64 bits"},
    {".init @g = 1.0", 1, 12, "ends in f (float) or d (double)"},
};
/* clang-format on */

static void check(hail_fixture *f, const refusal *wanted)
{
    cr_expect_eq(hail_load(f, wanted->script), MU_INVALID, "not refused: %s", wanted->script);
    char *text = mu_report_text(f->report);
    cr_expect_eq(mu_report_total(f->report), 1, "%s: more than its one fault:\n%s", wanted->script,
                 text);
    if (mu_report_count(f->report) > 0) {
        const mu_report_entry *entry = mu_report_at(f->report, 0);
        cr_expect_str_eq(entry->file, "script.hail");
        cr_expect(entry->where.line == wanted->line && entry->where.column == wanted->column &&
                      strstr(entry->message, wanted->part),
                  "%s: not \"%s\" at %u:%u, but\n%s", wanted->script, wanted->part, wanted->line,
                  wanted->column, text);
    }
    mu_free(text);
}

Test(mu_hail, every_fault_is_reported_once_at_its_place)
{
    hail_fixture f;
    hail_open(&f, NULL, 0);
    hail_bundle(&f, BUNDLE);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        check(&f, &refusals[i]);
    }
    hail_close(&f);
}

Test(mu_hail, all_faults_of_a_script_are_reported_together)
{
    /* What uses $a or $h is in no error of its own, and what is at the end is one of syntax. */
    static const uint32_t wanted[][2] = {{1, 10}, {3, 16}, {4, 15}, {6, 13}, {6, 18}, {7, 5}};
    hail_fixture f;
    hail_open(&f, NULL, 0);
    hail_bundle(&f, BUNDLE);
    cr_assert_eq(hail_load(&f, ".new $a <@none>\n"
                               ".init $a = {1 2 3}\n"
                               ".newhybrid $h <@i64> 1\n"
                               ".init @p[1] = $b // comment\n"
                               ".init $h[7] = &$a[1]\n"
                               ".init @p = {1.0d 2} .init @g\n"
                               "= 4 [ 5\n"),
                 MU_INVALID);
    char *text = mu_report_text(f.report);
    cr_assert_eq(mu_report_count(f.report), 6, "%s", text);
    for (uint32_t i = 0; i < 6; i++) {
        mu_location where = mu_report_at(f.report, i)->where;
        cr_expect(where.line == wanted[i][0] && where.column == wanted[i][1],
                  "error %u at %u:%u, not %u:%u:\n%s", i, where.line, where.column, wanted[i][0],
                  wanted[i][1], text);
    }
    mu_free(text);
    hail_close(&f);
}

Test(mu_hail, a_refused_script_changes_nothing)
{
    hail_fixture f;
    hail_open(&f, NULL, 0);
    hail_bundle(&f, BUNDLE);
    hail_load_well(&f, ".init @g = 5");
    cr_assert_eq(hail_load(&f, ".init @g = 6 .init @g = $missing"), MU_INVALID);
    cr_assert_eq(hail_load(&f, ".init @g = 7 }"), MU_INVALID);
    cr_assert_eq(hail_call(&f, "get"), 5);
    hail_close(&f);
}

Test(mu_hail, a_script_may_be_empty)
{
    hail_fixture f;
    hail_open(&f, NULL, 0);
    hail_load_well(&f, "");
    hail_load_well(&f, "// nothing\n  ");
    hail_close(&f);
}

Test(mu_hail, what_is_not_read_is_refused_by_name)
{
    hail_fixture f;
    hail_open(&f, NULL, 0);
    cr_assert_eq(hail_load(&f, "\x7f"
                               "HAI\x01"),
                 MU_UNSUPPORTED);
    cr_assert_not_null(strstr(mu_report_at(f.report, 0)->message, "binary HAIL"));
    size_t length = (64u << 20) + 1;
    char *blanks = mu_allocate(length);
    memset(blanks, ' ', length);
    cr_assert_eq(hail_load_bytes(&f, blanks, length), MU_LIMIT);
    cr_assert_eq(hail_load_bytes(&f, blanks, length - 1), MU_OK);
    mu_free(blanks);
    hail_close(&f);
}

Test(mu_hail, a_script_of_too_many_stores_is_refused)
{
    static const char two_stores[] = ".init@g=1\n.init@p={1}\n";
    size_t each = sizeof two_stores - 1;
    hail_fixture f;
    hail_open(&f, NULL, 0);
    hail_bundle(&f, BUNDLE);
    size_t most = (4u << 20) / 2;
    char *script = mu_allocate(each * (most + 1));
    for (size_t i = 0; i <= most; i++) {
        memcpy(script + each * i, two_stores, each);
    }
    cr_assert_eq(hail_load_bytes(&f, script, each * (most + 1)), MU_LIMIT);
    cr_assert_eq(mu_report_total(f.report), 1);
    cr_assert_eq(hail_call(&f, "get"), 0);
    cr_assert_eq(hail_load_bytes(&f, script, each * most), MU_OK);
    cr_assert_eq(hail_call(&f, "get"), 1);
    mu_free(script);
    hail_close(&f);
}

Test(mu_hail, deep_and_endless_lists_are_refused_in_bounded_time_and_stack)
{
    hail_fixture f;
    hail_script_text script = {0};
    hail_open(&f, NULL, 0);
    hail_bundle(&f, BUNDLE);
    hail_add(&script, ".init @p = {1 NULL ");
    for (int i = 0; i < 1000000; i++) {
        hail_add(&script, "{{");
    }
    cr_assert_eq(hail_load_bytes(&f, script.bytes.items, script.bytes.count), MU_INVALID);
    script.bytes.count = 0;
    for (int i = 0; i < 200000; i++) {
        hail_add(&script, ".init @p = {5 { ");
    }
    cr_assert_eq(hail_load_bytes(&f, script.bytes.items, script.bytes.count), MU_INVALID);
    cr_assert_geq(mu_report_total(f.report), 200000);
    MU_ARRAY_FREE(&script.bytes);
    hail_close(&f);
}

Test(mu_hail, lists_go_as_deep_as_types)
{
    hail_fixture f;
    hail_script_text text = {0};
    hail_open(&f, NULL, 0);
    hail_add(&text, ".typedef @s0 = int<64>\n");
    for (int i = 1; i < 1000; i++) {
        hail_add(&text, ".typedef @s%d = struct<@s%d>\n", i, i - 1);
    }
    hail_add(&text, ".global @g <@s999> .typedef @i64 = int<64> .typedef @ir = iref<@i64>\n"
                    ".typedef @irs = iref<@s999> .funcsig @v_i = () -> (@i64)\n"
                    ".funcdef @get VERSION %%v1 <@v_i> { %%entry(): %%i = REFCAST <@irs @ir> @g\n"
                    "%%x = LOAD <@i64> %%i RET %%x }");
    MU_ARRAY_PUSH(&text.bytes, '\0');
    hail_bundle(&f, text.bytes.items);
    text.bytes.count = 0;
    hail_add(&text, ".init @g = ");
    for (int i = 1; i < 1000; i++) {
        hail_add(&text, "{");
    }
    hail_add(&text, "77");
    for (int i = 1; i < 1000; i++) {
        hail_add(&text, "}");
    }
    cr_assert_eq(hail_load_bytes(&f, text.bytes.items, text.bytes.count), MU_OK);
    cr_assert_eq(hail_call(&f, "get"), 77);
    MU_ARRAY_FREE(&text.bytes);
    hail_close(&f);
}

Test(mu_hail, what_a_script_copies_is_bounded)
{
    /* A short line copies as much as the heap holds, while the VM stands still. */
    hail_fixture f;
    hail_open(&f, NULL, 16u << 20);
    hail_bundle(&f, ".typedef @i8 = int<8> .typedef @large = array<@i8 268435456>");
    cr_expect_eq(hail_load(&f, ".new $a <@large> .new $b <@large> .init $a = *$b .init $a = *$b "
                               ".init $a = *$b .init $a = *$b"),
                 MU_NO_MEMORY);
    cr_expect_eq(hail_load(&f, ".new $a <@large> .new $b <@large> .init $a = *$b .init $a = *$b "
                               ".init $a = *$b .init $a = *$b .init $a = *$b"),
                 MU_LIMIT);
    cr_expect_not_null(strstr(mu_report_at(f.report, 0)->message, "bytes copied by '*'"));
    hail_close(&f);
}
