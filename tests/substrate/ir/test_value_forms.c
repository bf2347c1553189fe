/* Values in memory as text, and read from it. */
#include "ir_fixture.h"
#include "mu_ir_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char types_text[] =
    ".typedef @i1 = int<1>\n.typedef @i8 = int<8>\n"
    ".typedef @i13 = int<13>\n.typedef @i64 = int<64>\n"
    ".typedef @i128 = int<128>\n.typedef @f = float\n"
    ".typedef @d = double\n.typedef @void = void\n"
    ".typedef @r = ref<@void>\n.typedef @p = iref<@void>\n"
    ".typedef @u = uptr<@void>\n.typedef @t = tagref64\n"
    ".typedef @v4 = vector<@i8 4>\n.typedef @a2 = array<@d 2>\n"
    ".typedef @s = struct<@i8 @a2 @r>\n.typedef @rv = vector<@r 2>\n"
    ".typedef @ts = struct<@i8 @t>\n.typedef @long = array<@i64 200>\n";

typedef struct known_types {
    mu_ir_env *root;
    mu_ir_bundle *bundle;
} known_types;

static known_types open_types(void)
{
    known_types known = {.root = mu_ir_env_new_root()};
    mu_report *report = mu_report_new();
    cr_assert_eq(
        mu_ir_parse(known.root, "types", types_text, strlen(types_text), report, &known.bundle),
        MU_OK);
    cr_assert_eq(mu_ir_layout(known.root, known.bundle, report), MU_OK);
    mu_report_free(report);
    return known;
}

static void close_types(known_types *known)
{
    mu_ir_bundle_free(known->bundle);
    mu_ir_env_release(known->root, NULL);
}

static const mu_ir_type *type_of(const known_types *known, const char *name)
{
    for (uint32_t i = 0; i < known->bundle->type_count; i++) {
        if (strcmp(known->bundle->types[i]->entity.name, name) == 0) {
            return known->bundle->types[i];
        }
    }
    cr_assert_fail("no type %s", name);
    return NULL;
}

static void leaf(void *context, const mu_ir_type *type, const void *memory, char *text,
                 size_t bytes)
{
    (void)context;
    (void)type;
    (void)memory;
    snprintf(text, bytes, "leaf");
}

/* Reads the text and checks how the value is shown, NULL: as it was given. */
static void round_trip(const known_types *known, const char *name, const char *text,
                       const char *shown)
{
    const mu_ir_type *type = type_of(known, name);
    _Alignas(16) unsigned char memory[2048];
    char back[MU_IR_VALUE_TEXT_BYTES];
    mu_report *report = mu_report_new();
    mu_status status = mu_ir_value_read(type, text, "it", report, memory);
    cr_assert_eq(status, MU_OK, "%s as %s: %s", text, name, mu_report_text(report));
    mu_ir_value_show(type, memory, leaf, NULL, back, sizeof back);
    cr_assert_str_eq(back, shown ? shown : text);
    mu_report_free(report);
}

static void refuses(const known_types *known, const char *name, const char *text,
                    mu_status expected, const char *part)
{
    _Alignas(16) unsigned char memory[2048];
    mu_report *report = mu_report_new();
    cr_assert_eq(mu_ir_value_read(type_of(known, name), text, "it", report, memory), expected,
                 "%s as %s", text, name);
    cr_assert_eq(mu_report_count(report), 1);
    char *message = mu_report_text(report);
    cr_assert_not_null(strstr(message, part), "%s as %s: \"%s\" has no \"%s\"", text, name, message,
                       part);
    mu_free(message);
    mu_report_free(report);
}

Test(mu_ir_value, what_is_read_is_shown_again)
{
    known_types known = open_types();
    round_trip(&known, "@i1", "1", NULL);
    round_trip(&known, "@i8", "-128", NULL);
    round_trip(&known, "@i8", "255", "-1");
    round_trip(&known, "@i13", " 0x1fff ", "-1");
    round_trip(&known, "@i64", "-9223372036854775808", NULL);
    round_trip(&known, "@i128", "-170141183460469231731687303715884105728", NULL);
    round_trip(&known, "@i128", "340282366920938463463374607431768211455", "-1");
    round_trip(&known, "@i128", "0x7fffffffffffffffffffffffffffffff",
               "170141183460469231731687303715884105727");
    round_trip(&known, "@f", "0.1", NULL);
    round_trip(&known, "@f", "-inf", NULL);
    round_trip(&known, "@d", "nan", NULL);
    round_trip(&known, "@d", "1e-320", "9.99988867182683e-321");
    round_trip(&known, "@u", "0xffff", NULL);
    round_trip(&known, "@r", "NULL", "null");
    round_trip(&known, "@v4", "{1,2 -3,0xff}", "{1, 2, -3, -1}");
    round_trip(&known, "@s", "{7, {2.5, -0}, null}", NULL);
    round_trip(&known, "@rv", "{null, null}", NULL);
    close_types(&known);
}

Test(mu_ir_value, references_are_shown_by_their_kind)
{
    known_types known = open_types();
    uint64_t words[2] = {0, 16};
    char text[MU_IR_VALUE_TEXT_BYTES];
    mu_ir_value_show(type_of(&known, "@p"), words, leaf, NULL, text, sizeof text);
    cr_assert_str_eq(text, "iref");
    mu_ir_value_show(type_of(&known, "@rv"), words, leaf, NULL, text, sizeof text);
    cr_assert_str_eq(text, "{null, ref}");
    mu_ir_value_show(type_of(&known, "@ts"), words, leaf, NULL, text, sizeof text);
    cr_assert_str_eq(text, "{0, leaf}");
    close_types(&known);
}

Test(mu_ir_value, what_does_not_fit_is_cut_at_any_length)
{
    known_types known = open_types();
    static uint64_t numbers[200];
    char whole[2048];
    for (uint64_t i = 0; i < 200; i++) {
        numbers[i] = i * i;
    }
    mu_ir_value_show(type_of(&known, "@long"), numbers, leaf, NULL, whole, sizeof whole);
    cr_assert_null(strstr(whole, "..."));
    for (size_t bytes = 8; bytes < 300; bytes++) {
        char *text = mu_allocate(bytes);
        mu_ir_value_show(type_of(&known, "@long"), numbers, leaf, NULL, text, bytes);
        size_t length = strlen(text);
        cr_assert_lt(length, bytes);
        cr_assert_str_eq(text + length - 4, "...}");
        cr_assert_eq(strncmp(text, whole, length - 4), 0, "%s", text);
        mu_free(text);
    }
    close_types(&known);
}

Test(mu_ir_value, a_wrong_text_is_refused_with_its_place)
{
    known_types known = open_types();
    refuses(&known, "@i8", "", MU_INVALID, "ends at byte 1");
    refuses(&known, "@i8", "256", MU_INVALID, "does not fit");
    refuses(&known, "@i8", "-129", MU_INVALID, "does not fit");
    refuses(&known, "@i8", "1 2", MU_INVALID, "byte 3: \"2\", expected the end");
    refuses(&known, "@i8", "0x", MU_INVALID, "int<8>");
    refuses(&known, "@i8", "--1", MU_INVALID, "int<8>");
    refuses(&known, "@i8", "1.5", MU_INVALID, "int<8>");
    refuses(&known, "@i128", "340282366920938463463374607431768211456", MU_INVALID, "int<128>");
    refuses(&known, "@i128", "-170141183460469231731687303715884105729", MU_INVALID, "fit");
    refuses(&known, "@f", "1e39", MU_INVALID, "too large");
    refuses(&known, "@f", "x", MU_INVALID, "float");
    refuses(&known, "@v4", "1", MU_INVALID, "in braces");
    refuses(&known, "@v4", "{1, 2, 3}", MU_INVALID, "has more parts");
    refuses(&known, "@v4", "{1, 2, 3, 4, 5}", MU_INVALID, "has no more parts");
    refuses(&known, "@v4", "{1, 2, 3, 4", MU_INVALID, "ends at byte 12");
    refuses(&known, "@s", "{1, {2}, null}", MU_INVALID, "has more parts");
    refuses(&known, "@r", "0x1000", MU_UNSUPPORTED, "null");
    refuses(&known, "@rv", "{null, ref}", MU_UNSUPPORTED, "null");
    refuses(&known, "@ts", "{1, 2}", MU_UNSUPPORTED, "tagref64");
    close_types(&known);
}
