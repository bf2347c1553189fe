#include "ir_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mu_ir_env *with_literal(const char *type, const char *literal)
{
    char text[4096];
    snprintf(text, sizeof text, ".typedef @t = %s .const @c <@t> = %s", type, literal);
    return load_first(text);
}

static void expect_int(const char *literal, uint64_t high, uint64_t low, bool too_large)
{
    mu_ir_env *env = with_literal("int<128>", literal);
    const mu_ir_const *constant = find_const(env, "@c");
    cr_assert_eq(constant->too_large, too_large, "%s", literal);
    if (!too_large) {
        cr_assert_eq(constant->low, low, "%s", literal);
        cr_assert_eq(constant->high, high, "%s", literal);
    }
    unload(env);
}

Test(mu_ir_numbers, integers_of_up_to_128_bits)
{
    expect_int("0", 0, 0, false);
    expect_int("-0", 0, 0, false);
    expect_int("00", 0, 0, false);
    expect_int("017", 0, 15, false);
    expect_int("+0x1F", 0, 31, false);
    expect_int("18446744073709551615", 0, UINT64_MAX, false);
    expect_int("18446744073709551616", 1, 0, false);
    expect_int("-1", UINT64_MAX, UINT64_MAX, false);
    expect_int("340282366920938463463374607431768211455", UINT64_MAX, UINT64_MAX, false);
    expect_int("340282366920938463463374607431768211456", 0, 0, true);
    expect_int("0xffffffffffffffffffffffffffffffff", UINT64_MAX, UINT64_MAX, false);
    expect_int("0x100000000000000000000000000000000", 0, 0, true);
    expect_int("-0x80000000000000000000000000000000", 1ull << 63, 0, false);
    expect_int("-0x80000000000000000000000000000001", 0, 0, true);
    expect_int("99999999999999999999999999999999999999999999999999999999", 0, 0, true);
}

static void expect_float(const char *literal, float value)
{
    mu_ir_env *env = with_literal("float", literal);
    cr_assert_eq(find_const(env, "@c")->kind, MU_IR_CONST_FLOAT);
    cr_assert_eq(find_const(env, "@c")->single_value, value, "%s", literal);
    unload(env);
}

Test(mu_ir_numbers, floats_are_rounded_once)
{
    expect_float("0.0f", 0.0f);
    expect_float("1.5f", 1.5f);
    expect_float("+1.5e2f", 150.0f);
    expect_float("-1.5e-2f", -1.5e-2f);
    expect_float("00001.25e+1f", 12.5f);
    /* Halfway between two floats plus a bit that a double would round away. */
    expect_float("1.00000005960464477539062500000000001f", 0x1.000002p+0f);
    expect_float("1.0e-999f", 0.0f);
    expect_float("1.5 f", 1.5f);
}

Test(mu_ir_numbers, doubles_do_not_depend_on_the_locale)
{
    mu_ir_env *env = with_literal("double", "123456.789e-3d");
    cr_assert_eq(find_const(env, "@c")->double_value, 123.456789);
    unload(env);
}

Test(mu_ir_numbers, bits_may_be_written_in_any_base)
{
    uint32_t bits;
    mu_ir_env *env = with_literal("float", "bitsf(-1)");
    memcpy(&bits, &find_const(env, "@c")->single_value, 4);
    cr_assert_eq(bits, UINT32_MAX);
    unload(env);
    env = with_literal("float", "bitsf(0x3f800000)");
    cr_assert_eq(find_const(env, "@c")->single_value, 1.0f);
    unload(env);
    EXPECT_ERRORS(NULL, ".typedef @t = float .const @c <@t> = bitsf(0x100000000)",
                  "1:44: the bits must be a number from 0 to 4294967295");
}

Test(mu_ir_numbers, a_float_literal_has_at_most_1024_characters)
{
    char literal[2048];
    memset(literal, '1', sizeof literal);
    memcpy(literal + 1020, ".0d", 4);
    char text[4096];
    snprintf(text, sizeof text, ".typedef @t = double .const @c <@t> = %s", literal);
    cr_assert_eq(parse_status(NULL, text, strlen(text)), MU_INVALID);
    memset(literal, '0', 1500);
    memcpy(literal + 1500, "1.0d", 5);
    snprintf(text, sizeof text, ".typedef @t = double .const @c <@t> = %s", literal);
    cr_assert_eq(parse_status(NULL, text, strlen(text)), MU_LIMIT);
}
