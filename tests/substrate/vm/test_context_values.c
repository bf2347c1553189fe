/* A client's context: numbers, names, constants, composites, tagged references. The values are
 * those of the public tests of the client interface (conversions, composite types, tagref64). */
#include "context_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static const char bundle[] =
    ".typedef @i1 = int<1> .typedef @i8 = int<8> .typedef @i32 = int<32> .typedef @i64 = int<64>\n"
    ".typedef @i128 = int<128> .typedef @f = float .typedef @d = double .typedef @void = void\n"
    ".typedef @rv = ref<@void> .typedef @wr = weakref<@i64> .typedef @tr = tagref64\n"
    ".typedef @p = uptr<@i64> .typedef @s1 = struct<@i64 @d> .typedef @a1 = array<@i32 3>\n"
    ".typedef @v4 = vector<@f 4> .typedef @big = array<@i64 40> .typedef @i6 = int<6>\n"
    ".typedef @refs = struct<@rv @tr @i8> .typedef @nest = struct<@i8 @s1 @a1>\n"
    ".typedef @ig = iref<@i64> .funcsig @v_v = () -> () .typedef @fr = funcref<@v_v>\n"
    ".typedef @fp = ufuncptr<@v_v> .typedef @linked = struct<@ig @fr @i8>\n"
    ".const @6 <@i64> = 6 .const @7 <@d> = 7.0d .const @n1 <@i8> = -1 .const @null <@rv> = NULL\n"
    ".const @wide <@i128> = -1 .const @half <@f> = 0.5f\n"
    ".const @2 <@i32> = 2 .const @3 <@i32> = 3 .const @4 <@i32> = 4\n"
    ".const @S1 <@s1> = {@6 @7} .const @A1 <@a1> = {@2 @3 @4} .const @N <@nest> = {@n1 @S1 @A1}\n"
    ".global @g <@i64> .funcdecl @fun <@v_v> .const @L <@linked> = {@g @fun @n1}\n";

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void open(context_fixture *f)
{
    context_fixture_open(f, bundle, (context_settings){0});
}

Test(mu_context_values, names_and_ids_are_each_others_inverse, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t id = context_id(&f, "@fun");
    cr_assert_gt(id, 0);
    cr_assert_str_eq(context_name(&f, id), "@fun");
    REFUSED(&f, MU_NOT_FOUND, "nothing has the id 1", NAME_OF, 1);
    REFUSED(&f, MU_NOT_FOUND, "nothing has the id", NAME_OF, UINT64_MAX);
    REFUSED(&f, MU_NOT_FOUND, "nothing has the name", ID_OF);
    context_fixture_close(&f);
}

Test(mu_context_values, an_int_is_cut_to_its_width, .timeout = 60)
{
    context_fixture f;
    open(&f);
    cr_assert_eq(context_int_of(&f, context_int(&f, 8, (uint64_t)-1)), 0xff);
    cr_assert_eq(f.answer.bits, 8);
    cr_assert_eq(context_int_of(&f, context_int(&f, 64, 0x123456789abcdef0)), 0x123456789abcdef0);
    cr_assert_eq(context_int_of(&f, context_int(&f, 1, 3)), 1);
    uint64_t wide = DO(&f, FROM_INT, 100, 5, UINT64_MAX);
    cr_assert_eq(context_int_of(&f, wide), 5);
    cr_assert_eq(f.answer.high, 0xfffffffff);
    cr_assert_eq(f.answer.bits, 100);
    REFUSED(&f, MU_INVALID, "operand 1", FROM_INT, 0, 1, 0);
    REFUSED(&f, MU_UNSUPPORTED, "from 1 to 128 bits", FROM_INT, 129, 1, 0);
    REFUSED(&f, MU_INVALID, "too few operands", FROM_INT, 8, 1);
    REFUSED(&f, MU_INVALID, "too many operands", FROM_INT, 8, 1, 0, 0);
    REFUSED(&f, MU_INVALID, "expected int, given double", TO_INT, DO(&f, FROM_DOUBLE, 0));
    context_fixture_close(&f);
}

Test(mu_context_values, floats_doubles_and_pointers_keep_their_bits, .timeout = 60)
{
    context_fixture f;
    open(&f);
    cr_assert_eq(DO(&f, TO_FLOAT, DO(&f, FROM_FLOAT, 0x40490fdb)), 0x40490fdb);
    cr_assert_eq(DO(&f, TO_DOUBLE, DO(&f, FROM_DOUBLE, bits_of(3.14))), bits_of(3.14));
    uint64_t pointer = DO(&f, FROM_PTR, context_id(&f, "@p"), 0xdeadbeef);
    cr_assert_eq(DO(&f, TO_PTR, pointer), 0xdeadbeef);
    uint64_t function = DO(&f, FROM_FP, context_id(&f, "@fp"), 0x1234);
    cr_assert_eq(DO(&f, TO_FP, function), 0x1234);
    REFUSED(&f, MU_INVALID, "32 bits", FROM_FLOAT, 1ull << 32);
    REFUSED(&f, MU_INVALID, "expected uptr", FROM_PTR, context_id(&f, "@i64"), 1);
    REFUSED(&f, MU_INVALID, "expected ufuncptr", FROM_FP, context_id(&f, "@p"), 1);
    REFUSED(&f, MU_INVALID, "not a type", FROM_PTR, context_id(&f, "@fun"), 1);
    REFUSED(&f, MU_INVALID, "expected float", TO_FLOAT, pointer);
    REFUSED(&f, MU_INVALID, "expected double", TO_DOUBLE, pointer);
    REFUSED(&f, MU_INVALID, "expected uptr", TO_PTR, function);
    REFUSED(&f, MU_INVALID, "expected ufuncptr", TO_FP, pointer);
    context_fixture_close(&f);
}

Test(mu_context_values, constants_of_every_kind_are_values, .timeout = 60)
{
    context_fixture f;
    open(&f);
    cr_assert_eq(context_int_of(&f, DO(&f, FROM_CONST, context_id(&f, "@n1"))), 0xff);
    cr_assert_eq(context_int_of(&f, DO(&f, FROM_CONST, context_id(&f, "@wide"))), UINT64_MAX);
    cr_assert_eq(f.answer.high, UINT64_MAX);
    cr_assert_eq(DO(&f, TO_FLOAT, DO(&f, FROM_CONST, context_id(&f, "@half"))), 0x3f000000);
    uint64_t null = DO(&f, FROM_CONST, context_id(&f, "@null"));
    REFUSED(&f, MU_INVALID, "NULL", GET_IREF, null);
    uint64_t nest = DO(&f, FROM_CONST, context_id(&f, "@N"));
    uint64_t inner = DO(&f, EXTRACT_VALUE, nest, 1);
    cr_assert_eq(context_int_of(&f, DO(&f, EXTRACT_VALUE, inner, 0)), 6);
    cr_assert_eq(DO(&f, TO_DOUBLE, DO(&f, EXTRACT_VALUE, inner, 1)), bits_of(7.0));
    uint64_t linked = DO(&f, FROM_CONST, context_id(&f, "@L"));
    uint64_t cell = DO(&f, EXTRACT_VALUE, linked, 0);
    cr_assert_eq(DO(&f, REF_EQ, cell, DO(&f, FROM_GLOBAL, context_id(&f, "@g"))), 1);
    uint64_t function = DO(&f, EXTRACT_VALUE, linked, 1);
    cr_assert_eq(DO(&f, REF_EQ, function, DO(&f, FROM_FUNC, context_id(&f, "@fun"))), 1);
    REFUSED(&f, MU_INVALID, "not a constant", FROM_CONST, context_id(&f, "@g"));
    REFUSED(&f, MU_INVALID, "not a global cell", FROM_GLOBAL, context_id(&f, "@6"));
    REFUSED(&f, MU_INVALID, "not a function", FROM_FUNC, context_id(&f, "@6"));
    REFUSED(&f, MU_INVALID, "not an exposed function", FROM_EXPOSE, context_id(&f, "@fun"));
    REFUSED(&f, MU_NOT_FOUND, "nothing has the id 7", FROM_CONST, 7);
    context_fixture_close(&f);
}

Test(mu_context_values, parts_of_composites_are_read_and_replaced, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t s = DO(&f, FROM_CONST, context_id(&f, "@S1"));
    cr_assert_eq(context_int_of(&f, DO(&f, EXTRACT_VALUE, s, 0)), 6);
    uint64_t t = DO(&f, INSERT_VALUE, s, 0, context_int(&f, 64, 20));
    cr_assert_eq(context_int_of(&f, DO(&f, EXTRACT_VALUE, t, 0)), 20);
    cr_assert_eq(DO(&f, TO_DOUBLE, DO(&f, EXTRACT_VALUE, t, 1)), bits_of(7.0));
    cr_assert_eq(context_int_of(&f, DO(&f, EXTRACT_VALUE, s, 0)), 6, "values do not change");
    uint64_t a = DO(&f, FROM_CONST, context_id(&f, "@A1"));
    uint64_t one = context_int(&f, 8, 1);
    cr_assert_eq(context_int_of(&f, DO(&f, EXTRACT_ELEMENT, a, one)), 3);
    uint64_t b = DO(&f, INSERT_ELEMENT, a, one, context_int(&f, 32, 30));
    cr_assert_eq(context_int_of(&f, DO(&f, EXTRACT_ELEMENT, b, one)), 30);
    cr_assert_eq(context_int_of(&f, DO(&f, EXTRACT_ELEMENT, b, context_int(&f, 64, 2))), 4);
    REFUSED(&f, MU_INVALID, "field 2 of a struct of 2", EXTRACT_VALUE, s, 2);
    REFUSED(&f, MU_INVALID, "expected struct", EXTRACT_VALUE, a, 0);
    REFUSED(&f, MU_INVALID, "operand 3: expected int<64>, given int<8>", INSERT_VALUE, s, 0, one);
    REFUSED(&f, MU_INVALID, "element 3 of 3", EXTRACT_ELEMENT, a, context_int(&f, 8, 3));
    REFUSED(&f, MU_INVALID, "element 255 of 3", EXTRACT_ELEMENT, a, context_int(&f, 8, 255));
    REFUSED(&f, MU_INVALID, "element 18446744073709551615", EXTRACT_ELEMENT, a,
            DO(&f, FROM_INT, 100, 0, 1));
    REFUSED(&f, MU_INVALID, "array or vector", INSERT_ELEMENT, s, one, one);
    context_fixture_close(&f);
}

/* The references in values that nothing but a handle holds. */
Test(mu_context_values, references_in_composites_are_roots, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t iref = DO(&f, GET_IREF, DO(&f, NEW_FIXED, context_id(&f, "@refs")));
    uint64_t s = DO(&f, LOAD, NOT_ATOMIC, iref);
    uint64_t number = DO(&f, NEW_FIXED, context_id(&f, "@i64"));
    uint64_t place = DO(&f, GET_IREF, number);
    DO(&f, STORE, NOT_ATOMIC, place, context_int(&f, 64, 99));
    uint64_t hidden = DO(&f, REFCAST, number, context_id(&f, "@rv"));
    uint64_t tagged = DO(&f, TR64_FROM_REF, hidden, context_int(&f, 6, 13));
    s = DO(&f, INSERT_VALUE, s, 0, hidden);
    s = DO(&f, INSERT_VALUE, s, 1, tagged);
    uint64_t keep[] = {number, place, hidden, tagged};
    for (size_t i = 0; i < 4; i++) {
        DO(&f, DELETE_VALUE, keep[i]);
    }
    uint64_t garbage = DO(&f, NEW_FIXED, context_id(&f, "@big"));
    DO(&f, DELETE_VALUE, garbage);
    uint64_t first = DO(&f, EXTRACT_VALUE, s, 0);
    uint64_t second = DO(&f, TR64_TO_REF, DO(&f, EXTRACT_VALUE, s, 1));
    cr_assert_eq(DO(&f, REF_EQ, first, second), 1);
    cr_assert_eq(context_int_of(&f, DO(&f, TR64_TO_TAG, DO(&f, EXTRACT_VALUE, s, 1))), 13);
    context_fixture_close(&f);
}

Test(mu_context_values, references_are_compared, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t a = DO(&f, NEW_FIXED, context_id(&f, "@a1"));
    uint64_t b = DO(&f, NEW_FIXED, context_id(&f, "@a1"));
    uint64_t start = DO(&f, GET_IREF, a);
    uint64_t e0 = DO(&f, GET_ELEM_IREF, start, context_int(&f, 64, 0));
    uint64_t e1 = DO(&f, GET_ELEM_IREF, start, context_int(&f, 64, 1));
    cr_assert_eq(DO(&f, REF_EQ, a, a), 1);
    cr_assert_eq(DO(&f, REF_EQ, a, b), 0);
    cr_assert_eq(DO(&f, REF_ULT, e0, e1), 1);
    cr_assert_eq(DO(&f, REF_ULT, e1, e0), 0);
    cr_assert_eq(DO(&f, REF_ULT, e1, e1), 0);
    /* Of different targets, but of one kind. */
    cr_assert_eq(DO(&f, REF_EQ, e0, start), 1);
    REFUSED(&f, MU_INVALID, "operand 2: expected ref, given iref<array", REF_EQ, a, start);
    REFUSED(&f, MU_INVALID, "a general reference", REF_EQ, context_int(&f, 8, 1), a);
    REFUSED(&f, MU_INVALID, "expected iref, given ref<array", REF_ULT, a, b);
    context_fixture_close(&f);
}

Test(mu_context_values, a_tagref64_holds_one_of_three_things, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t fp = DO(&f, TR64_FROM_FP, DO(&f, FROM_DOUBLE, bits_of(3.14)));
    uint64_t number = DO(&f, TR64_FROM_INT, context_int(&f, 52, 0x123456789abcd));
    uint64_t object = DO(&f, NEW_FIXED, context_id(&f, "@void"));
    uint64_t ref = DO(&f, TR64_FROM_REF, object, context_int(&f, 6, 15));
    const uint64_t held[] = {fp, number, ref};
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(DO(&f, TR64_IS_FP, held[i]), i == 0);
        cr_assert_eq(DO(&f, TR64_IS_INT, held[i]), i == 1);
        cr_assert_eq(DO(&f, TR64_IS_REF, held[i]), i == 2);
    }
    cr_assert_eq(DO(&f, TO_DOUBLE, DO(&f, TR64_TO_FP, fp)), bits_of(3.14));
    cr_assert_eq(context_int_of(&f, DO(&f, TR64_TO_INT, number)), 0x123456789abcd);
    cr_assert_eq(f.answer.bits, 52);
    cr_assert_eq(context_int_of(&f, DO(&f, TR64_TO_TAG, ref)), 15);
    cr_assert_eq(f.answer.bits, 6);
    cr_assert_eq(DO(&f, REF_EQ, DO(&f, TR64_TO_REF, ref), object), 1);
    REFUSED(&f, MU_INVALID, "does not hold a double", TR64_TO_FP, number);
    REFUSED(&f, MU_INVALID, "does not hold an int", TR64_TO_INT, ref);
    REFUSED(&f, MU_INVALID, "does not hold a reference", TR64_TO_REF, fp);
    REFUSED(&f, MU_INVALID, "does not hold a reference", TR64_TO_TAG, number);
    REFUSED(&f, MU_INVALID, "expected tagref64", TR64_IS_FP, object);
    REFUSED(&f, MU_INVALID, "expected int<52>", TR64_FROM_INT, context_int(&f, 64, 1));
    REFUSED(&f, MU_INVALID, "expected double", TR64_FROM_FP, object);
    REFUSED(&f, MU_INVALID, "expected int<6>", TR64_FROM_REF, object, number);
    context_fixture_close(&f);
}

Test(mu_context_values, a_deleted_handle_is_free_again, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t handle = context_int(&f, 8, 1);
    uint32_t held = mu_context_handle_count(f.context);
    DO(&f, DELETE_VALUE, handle);
    cr_assert_eq(mu_context_handle_count(f.context), held - 1);
    REFUSED(&f, MU_INVALID, "there is no handle", TO_INT, handle);
    REFUSED(&f, MU_INVALID, "there is no handle", DELETE_VALUE, handle);
    REFUSED(&f, MU_INVALID, "there is no handle 0", DELETE_VALUE, 0);
    f.next = handle;
    cr_assert_eq(context_int(&f, 8, 2), handle);
    f.next = handle;
    REFUSED(&f, MU_INVALID, "is taken", FROM_INT, 8, 1, 0);
    f.next = 0;
    REFUSED(&f, MU_INVALID, "other than 0", FROM_INT, 8, 1, 0);
    context_fixture_close(&f);
}

Test(mu_context_values, bundles_and_scripts_are_loaded, .timeout = 60)
{
    context_fixture f;
    open(&f);
    context_do_bytes(&f, CTX_LOAD_BUNDLE, ".const @53 <@i64> = 53 .global @later <@i64>");
    cr_assert_eq(context_int_of(&f, DO(&f, FROM_CONST, context_id(&f, "@53"))), 53);
    context_do_bytes(&f, CTX_LOAD_HAIL, ".init @later = 52");
    uint64_t cell = DO(&f, FROM_GLOBAL, context_id(&f, "@later"));
    cr_assert_eq(context_int_of(&f, DO(&f, LOAD, NOT_ATOMIC, cell)), 52);
    mu_context_operation bad = {.op = CTX_LOAD_BUNDLE, .bytes = ".const", .byte_count = 6};
    mu_context_answer *answers;
    uint32_t count, failed;
    cr_assert_eq(mu_context_perform(f.context, &bad, 1, &answers, &count, &failed, f.report),
                 MU_INVALID);
    mu_context_answers_free(answers, count);
    bad.op = CTX_LOAD_HAIL;
    cr_assert_eq(mu_context_perform(f.context, &bad, 1, &answers, &count, &failed, f.report),
                 MU_INVALID);
    mu_context_answers_free(answers, count);
    context_fixture_close(&f);
}

Test(mu_context_values, watchpoints_are_enabled_by_id, .timeout = 60)
{
    context_fixture f;
    open(&f);
    DO(&f, ENABLE_WATCHPOINT, 44);
    DO(&f, ENABLE_WATCHPOINT, 44);
    DO(&f, DISABLE_WATCHPOINT, 44);
    REFUSED(&f, MU_INVALID, "0 is not the id", ENABLE_WATCHPOINT, 0);
    REFUSED(&f, MU_INVALID, "is not the id", DISABLE_WATCHPOINT, 1ull << 32);
    context_fixture_close(&f);
}
