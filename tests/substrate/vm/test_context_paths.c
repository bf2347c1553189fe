/* A client's context: paths through values and objects, values as text, and a trap that is lent. */
#include "context_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static const char bundle[] =
    ".typedef @i1 = int<1> .typedef @i8 = int<8> .typedef @i64 = int<64> .typedef @i128 = "
    "int<128>\n"
    ".typedef @f = float .typedef @d = double .typedef @void = void .typedef @rv = ref<@void>\n"
    ".typedef @tr = tagref64 .typedef @4f = vector<@f 4> .typedef @three = array<@i8 3>\n"
    ".typedef @node = struct<@i64 @rn @three> .typedef @rn = ref<@node> .typedef @wn = "
    "weakref<@node>\n"
    ".typedef @hy = hybrid<@i64 @node> .typedef @rhy = ref<@hy> .typedef @many = array<@i64 100>\n"
    ".typedef @pair = struct<@i64 @rn> .typedef @i.i = iref<@i64> .typedef @weak = struct<@wn "
    "@i64>\n"
    ".typedef @rw = ref<@weak> .typedef @huge = array<@i64 1000> .typedef @rh = ref<@huge>\n"
    ".funcsig @v_v = () -> () .typedef @fr = funcref<@v_v> .funcsig @i_i = (@i64) -> (@i64)\n"
    ".global @top <@rn> .global @top.of <@pair> .global @number <@i64> .global @call <@fr>\n"
    ".global @flag <@i1> .global @wide <@i128> .global @single <@f> .global @real <@d>\n"
    ".global @tag <@tr> .global @lanes <@4f> .global @where <@i.i>\n"
    ".const @0 <@i64> = 0 .const @1 <@i64> = 1 .const @null <@rn> = NULL\n"
    ".const @pair1 <@pair> = {@1 @null}\n"
    ".funcdef @fun VERSION %v1 <@v_v> { %entry(): RET () }\n"
    ".funcdef @ask VERSION %v1 <@i_i> { %entry(<@i64> %n):\n"
    "  %v = TRAP <@i64> KEEPALIVE (%n) STORE <@i64> @number %v RET %v }\n"
    ".funcdef @twice VERSION %v1 <@i_i> { %entry(<@i64> %n): %m = ADD <@i64> %n %n RET %m }\n";

#define NONE ((const uint64_t[]){0})

static void expect_text(context_fixture *f, uint64_t root, const char *path, const char *text)
{
    context_do_path(f, CTX_DESCRIBE, &root, 1, path);
    cr_assert_str_eq(f->text, text, "%s: \"%s\", not \"%s\"", path, f->text, text);
}

static uint64_t at(context_fixture *f, uint32_t op, uint64_t root, const char *path)
{
    return context_do_path(f, op, &root, 1, path);
}

static void refuse(context_fixture *f, uint32_t op, uint64_t root, const char *path,
                   const char *words)
{
    context_path_refused(f, MU_INVALID, words, op, &root, 1, path);
}

/* Stores what the text says where the path leads. */
static void set(context_fixture *f, uint64_t root, const char *path, const char *text)
{
    uint64_t place = at(f, CTX_LOCATE, root, path);
    uint64_t operands[] = {place, 0};
    uint64_t value = context_do_path(f, CTX_READ, operands, 2, text);
    DO(f, STORE, NOT_ATOMIC, place, value);
}

static void refuse_value_as(context_fixture *f, mu_status status, const char *path,
                            const char *text, const char *words)
{
    uint64_t operands[] = {at(f, CTX_LOCATE, 0, path), 0};
    context_path_refused(f, status, words, CTX_READ, operands, 2, text);
}

static void refuse_value(context_fixture *f, const char *path, const char *text, const char *words)
{
    refuse_value_as(f, MU_INVALID, path, text, words);
}

Test(mu_context_paths, steps_go_through_fields_elements_and_references, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    uint64_t type = context_id(&f, "@node");
    uint64_t first = DO(&f, NEW_FIXED, type);
    uint64_t second = DO(&f, NEW_FIXED, type);
    DO(&f, STORE, NOT_ATOMIC, at(&f, CTX_LOCATE, first, ".1"), second);
    DO(&f, STORE, NOT_ATOMIC, at(&f, CTX_LOCATE, 0, "@top"), first);
    set(&f, first, ".0", "7");
    set(&f, first, ".1.0", "-8");
    set(&f, 0, "@top.1.2[1]", "0xff");
    expect_text(&f, first, ".0", "int<64>\t7");
    expect_text(&f, 0, "@top.1.0", "int<64>\t-8");
    expect_text(&f, first, ".1.2[1]", "int<8>\t-1");
    expect_text(&f, first, ".1.2.1", "int<8>\t-1");
    expect_text(&f, first, "",
                "ref<@node>\tref<@node>\n.0\tint<64>\t7\n.1\tref<@node>\tref<@node>\n"
                ".2\tarray<int<8> 3>\t{3 parts}");
    expect_text(&f, 0, "@top.1.2",
                "array<int<8> 3>\t{3 parts}\n[0]\tint<8>\t0\n[1]\tint<8>\t-1\n"
                "[2]\tint<8>\t0");
    expect_text(&f, second, ".1", "ref<@node>\tnull");
    cr_assert_eq(DO(&f, REF_EQ, at(&f, CTX_FETCH, first, ".1"), second), 1);
    cr_assert_eq(DO(&f, REF_EQ, at(&f, CTX_FETCH, second, ""), second), 1);
    refuse(&f, CTX_FETCH, second, ".1.0", "a reference that is NULL");
    refuse(&f, CTX_FETCH, first, ".3", "has 3 fields and 0 elements");
    refuse(&f, CTX_FETCH, first, ".2[3]", "has 0 fields and 3 elements");
    refuse(&f, CTX_FETCH, first, "[0]", "has 3 fields and 0 elements");
    refuse(&f, CTX_FETCH, first, ".0.0", "int<64> has no parts");
    static const char *const wrong[] = {
        ".", "[", "[]", "[1", ".x", "x", ".0 ", "[-1]", ".99999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refuse(&f, CTX_LOCATE, first, wrong[i], "a step is .N, a field, or [N], an element");
    }
    context_fixture_close(&f);
}

Test(mu_context_paths, a_globals_name_may_have_points, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    set(&f, 0, "@top.of.0", "5");
    expect_text(&f, 0, "@top.of",
                "struct<int<64> ref<@node>>\t{2 fields}\n.0\tint<64>\t5\n"
                ".1\tref<@node>\tnull");
    refuse(&f, CTX_FETCH, 0, "@top.0", "NULL");
    context_path_refused(&f, MU_NOT_FOUND, "no global cell is named @nobody.1", CTX_FETCH, NONE, 1,
                         "@nobody.1");
    context_path_refused(&f, MU_NOT_FOUND, "no global cell is named @fun", CTX_FETCH, NONE, 1,
                         "@fun");
    context_path_refused(&f, MU_NOT_FOUND, "no global cell", CTX_DESCRIBE, NONE, 1, "");
    context_fixture_close(&f);
}

Test(mu_context_paths, hybrids_have_their_length, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    uint64_t hybrid = DO(&f, NEW_HYBRID, context_id(&f, "@hy"), context_int(&f, 64, 2));
    set(&f, hybrid, ".0", "3");
    set(&f, hybrid, "[1].2[2]", "9");
    expect_text(&f, hybrid, "[1].2[2]", "int<8>\t9");
    context_do_path(&f, CTX_DESCRIBE, &hybrid, 1, "");
    cr_assert_not_null(strstr(f.text, "\n.0\tint<64>\t3\n[0]\t"), "%s", f.text);
    cr_assert_null(strstr(f.text, "[2]"), "%s", f.text);
    refuse(&f, CTX_LOCATE, hybrid, "[2]", "has 1 fields and 2 elements");
    uint64_t many = DO(&f, NEW_FIXED, context_id(&f, "@many"));
    context_do_path(&f, CTX_DESCRIBE, &many, 1, "");
    cr_assert_not_null(strstr(f.text, "[63]\tint<64>\t0\n..."), "%s", f.text);
    uint64_t huge = DO(&f, NEW_FIXED, context_id(&f, "@huge"));
    uint64_t whole = DO(&f, GET_IREF, huge);
    context_path_refused(&f, MU_LIMIT, "use its parts", CTX_READ, (const uint64_t[]){whole, 0}, 2,
                         "1");
    context_fixture_close(&f);
}

Test(mu_context_paths, a_value_is_no_location, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    uint64_t pair = DO(&f, FROM_CONST, context_id(&f, "@pair1"));
    expect_text(&f, pair, ".0", "int<64>\t1");
    cr_assert_eq(context_int_of(&f, at(&f, CTX_FETCH, pair, ".0")), 1);
    refuse(&f, CTX_LOCATE, pair, ".0", "which cannot be changed");
    refuse(&f, CTX_LOCATE, pair, "", "which cannot be changed");
    for (int i = 0; i < 20; i++) { /* irefs anywhere in the table of handles */
        uint64_t inside = DO(&f, GET_IREF, DO(&f, NEW_FIXED, context_id(&f, "@node")));
        expect_text(&f, inside, ".0", "int<64>\t0");
        expect_text(&f, at(&f, CTX_FETCH, inside, ""), ".2[0]", "int<8>\t0");
    }
    uint64_t weak = DO(&f, NEW_FIXED, context_id(&f, "@weak"));
    uint64_t node = DO(&f, NEW_FIXED, context_id(&f, "@node"));
    DO(&f, STORE, NOT_ATOMIC, at(&f, CTX_LOCATE, weak, ".0"), node);
    expect_text(&f, weak, ".0.0", "int<64>\t0");
    cr_assert_eq(DO(&f, REF_EQ, at(&f, CTX_FETCH, weak, ".0"), node), 1);
    refuse(&f, CTX_FETCH, weak, ".1.1", "has no parts");
    context_fixture_close(&f);
}

Test(mu_context_paths, values_are_read_by_their_type, .timeout = 60)
{
    static const struct {
        const char *global, *text, *shown;
    } rows[] = {
        {"@number", "-9223372036854775808", "int<64>\t-9223372036854775808"},
        {"@number", "18446744073709551615", "int<64>\t-1"},
        {"@number", "", "int<64>\t0"},
        {"@flag", "1", "int<1>\t1"},
        {"@wide", "0x1000000000000000000000000", "int<128>\t79228162514264337593543950336"},
        {"@wide", "-1", "int<128>\t-1"},
        {"@wide", "0x10", "int<128>\t16"},
        {"@single", "0.1", "float\t0.1"},
        {"@single", "nan", "float\tnan"},
        {"@real", "-2.5", "double\t-2.5"},
        {"@real", "0.30000000000000004", "double\t0.30000000000000004"},
        {"@real", "inf", "double\tinf"},
        {"@tag", "-5", "tagref64\tint<52> -5"},
        {"@tag", "1.5", "tagref64\tdouble 1.5"},
        {"@tag", "null", "tagref64\tNULL with tag 0"},
        {"@call", "@fun", "funcref<@v_v>\t@fun"},
        {"@call", "null", "funcref<@v_v>\tnull"},
        {"@top", "NULL", "ref<@node>\tnull"},
        {"@where", "null", "iref<int<64>>\tnull"},
        {"@lanes", "", "vector<float 4>\t{0, 0, 0, 0}"},
        {"@lanes", "{1, -2.5 0.1, 4}", "vector<float 4>\t{1, -2.5, 0.1, 4}"},
    };
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        set(&f, 0, rows[i].global, rows[i].text);
        expect_text(&f, 0, rows[i].global, rows[i].shown);
    }
    refuse_value(&f, "@number", "18446744073709551616", "expected a value of int<64>");
    refuse_value(&f, "@number", "-9223372036854775809", "expected a value of int<64>");
    refuse_value(&f, "@number", "0x", "expected a value of int<64>");
    refuse_value(&f, "@number", "1 2", "expected the end");
    refuse_value(&f, "@flag", "2", "expected a value of int<1>");
    refuse_value(&f, "@real", "1e999", "expected a value of double");
    refuse_value(&f, "@real", "1,5 x", "expected the end");
    refuse_value(&f, "@call", "@ask", "the name of such a function");
    refuse_value_as(&f, MU_UNSUPPORTED, "@top", "5", "no other reference");
    refuse_value(&f, "@top", "new", "an object of type void");
    refuse_value(&f, "@lanes", "{1, 2}", "the value at byte");
    uint64_t thread_local = at(&f, CTX_FETCH, 0, "@top");
    uint64_t void_ref = DO(&f, REFCAST, thread_local, context_id(&f, "@rv"));
    uint64_t own[] = {void_ref, 0};
    uint64_t made = context_do_path(&f, CTX_READ, own, 2, "new");
    expect_text(&f, made, "", "ref<void>\tref<void>");
    own[1] = 1;
    context_path_refused(&f, MU_INVALID, "only a stack", CTX_READ, own, 2, "null");
    context_fixture_close(&f);
}

/* A thread in @ask's trap. */
static mu_thread *take(context_fixture *f, uint64_t number, uint32_t count)
{
    uint64_t value = context_int(f, 64, number);
    context_start(f, "@ask", &value, 1);
    mu_thread *thread = context_wait_trapped(f, count);
    cr_assert_eq(mu_context_take_trap(f->context, thread, 2 * count, 2 * count + 1), MU_OK);
    return thread;
}

Test(mu_context_paths, a_stack_says_what_it_waits_for, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    mu_thread *thread = take(&f, 7, 1);
    uint64_t stack[] = {3, 0};
    cr_assert_eq(DO(&f, WANTS, stack[0]), 1);
    uint64_t value = context_do_path(&f, CTX_READ, stack, 2, "21");
    stack[1] = 1;
    context_path_refused(&f, MU_INVALID, "waits for 1 values", CTX_READ, stack, 2, "21");
    mu_trap_verdict verdict = {
        .decision = MU_TRAP_PASS, .stack = stack[0], .values = &value, .value_count = 1};
    cr_assert_eq(mu_context_answer_trap(f.context, thread, &verdict, NULL), MU_OK);
    context_wait_finished(&f, 1);
    expect_text(&f, 0, "@number", "int<64>\t21");
    stack[1] = 0;
    context_path_refused(&f, MU_STATE, "", CTX_READ, stack, 2, "21");
    REFUSED(&f, MU_STATE, "", WANTS, stack[0]);
    context_fixture_close(&f);
}

Test(mu_context_paths, a_lent_trap_is_answered_like_any_other, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    mu_thread *thread = take(&f, 7, 1);
    mu_value value = {.kind = MU_VALUE_INT, .bits = 64, .integer = 33};
    mu_value wrong = {.kind = MU_VALUE_DOUBLE, .double_value = 1};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(mu_context_lend_trap(f.context, thread, f.report), MU_OK);
        cr_assert_eq(mu_context_lend_trap(f.context, thread, f.report), MU_STATE);
        cr_assert_eq(mu_thread_frame_count(thread), 1);
        mu_vm_collect(f.vm);
        cr_assert_eq(mu_thread_resume(thread, &wrong, 1, f.report), MU_INVALID);
        cr_assert_eq(mu_context_retake_trap(f.context, thread), MU_OK);
        cr_assert_eq(mu_context_retake_trap(f.context, thread), MU_STATE);
        cr_assert_eq(mu_thread_resume(thread, &value, 1, f.report), MU_STATE);
        uint64_t cursor = DO(&f, NEW_CURSOR, 3);
        cr_assert_str_eq(context_name(&f, DO(&f, CUR_FUNC, cursor)), "@ask");
    }
    cr_assert_eq(mu_context_lend_trap(f.context, thread, f.report), MU_OK);
    cr_assert_eq(mu_thread_resume(thread, &value, 1, f.report), MU_OK);
    cr_assert_eq(mu_context_retake_trap(f.context, thread), MU_STATE);
    context_wait_finished(&f, 1);
    expect_text(&f, 0, "@number", "int<64>\t33");

    thread = take(&f, 8, 2); /* one whose stack has been changed cannot be */
    uint64_t twice = DO(&f, FROM_FUNC, context_id(&f, "@twice"));
    DO(&f, PUSH_FRAME, 5, twice);
    mu_frame frame = {0};
    cr_assert_eq(mu_thread_frame_count(thread), 1); /* what has not begun is not shown */
    cr_assert_eq(mu_thread_frame(thread, 0, &frame), MU_OK);
    cr_assert_str_eq(frame.function, "@ask");
    mu_value kept;
    const char *name;
    cr_assert_eq(mu_thread_keepalive(thread, 0, 0, &kept, &name), MU_NOT_FOUND);
    cr_assert_eq(mu_context_lend_trap(f.context, thread, f.report), MU_STATE);
    mu_context_return_trap(f.context, thread);
    context_wait_finished(&f, 2);

    thread = take(&f, 9, 3); /* it may be killed while it is lent */
    cr_assert_eq(mu_context_lend_trap(f.context, thread, f.report), MU_OK);
    mu_thread_kill(thread);
    cr_assert_eq(mu_context_retake_trap(f.context, thread), MU_STATE);
    context_wait_finished(&f, 3);
    context_fixture_close(&f);
}
