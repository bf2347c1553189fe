/* Values read from text and written as text. */
#include "guest.h"
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <string.h>

static mu_type_info int_type(uint32_t bits)
{
    return (mu_type_info){.kind = MU_VALUE_INT, .bits = bits};
}

static const mu_type_info float_type = {.kind = MU_VALUE_FLOAT};
static const mu_type_info double_type = {.kind = MU_VALUE_DOUBLE};
static const mu_type_info ref_type = {.kind = MU_VALUE_REF};

static bool reads(const char *text, mu_type_info type, mu_value *value)
{
    mu_value before = {.integer = 0x5555};
    *value = before;
    mu_status status = guest_value_read(text, type, "argument 1", NULL, value);
    cr_assert(status == MU_OK || status == MU_INVALID);
    cr_assert(status == MU_OK || memcmp(value, &before, sizeof before) == 0,
              "\"%s\" was refused, but the value was touched", text);
    return status == MU_OK;
}

static void check_int(const char *text, uint32_t bits, uint64_t wanted)
{
    mu_value value;
    cr_assert(reads(text, int_type(bits), &value), "%s as int<%u>", text, bits);
    cr_assert_eq(value.integer, wanted, "%s as int<%u> is %#llx", text, bits,
                 (unsigned long long)value.integer);
    cr_assert_eq(value.bits, bits);
}

static void check_text(const mu_value *value, const char *wanted)
{
    char *text = guest_value_text(value);
    cr_assert_str_eq(text, wanted);
    mu_free(text);
}

/* The decimal digits of sign and magnitude, of which the latter may be 2^64. */
static void number_text(char out[32], bool negative, unsigned __int128 magnitude)
{
    char digits[32];
    int count = 0;
    do {
        digits[count++] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    } while (magnitude > 0);
    char *at = out;
    if (negative) {
        *at++ = '-';
    }
    while (count > 0) {
        *at++ = digits[--count];
    }
    *at = '\0';
}

Test(guest_value, ints_of_every_width_take_exactly_what_fits)
{
    for (uint32_t bits = 1; bits <= 64; bits++) {
        unsigned __int128 modulus = (unsigned __int128)1 << bits;
        uint64_t most = (uint64_t)(modulus - 1);
        uint64_t half = (uint64_t)(modulus >> 1);
        char text[32];
        mu_value value;
        number_text(text, false, most);
        check_int(text, bits, most);
        number_text(text, false, modulus);
        cr_assert_not(reads(text, int_type(bits), &value), "%s as int<%u>", text, bits);
        number_text(text, true, half);
        check_int(text, bits, half);
        number_text(text, true, (unsigned __int128)half + 1);
        cr_assert_not(reads(text, int_type(bits), &value), "%s as int<%u>", text, bits);
        check_int("-1", bits, most);
        check_int("0", bits, 0);
    }
}

Test(guest_value, ints_print_as_they_read_at_every_width)
{
    for (uint32_t bits = 2; bits <= 64; bits++) {
        uint64_t half = 1ull << (bits - 1);
        uint64_t samples[] = {0, 1, half - 1, half, half + 1, half - 1 + half};
        for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
            mu_value value = {.kind = MU_VALUE_INT, .bits = bits, .integer = samples[i]};
            char *text = guest_value_text(&value);
            cr_assert_eq(text[0] == '-', samples[i] >= half, "int<%u> %s", bits, text);
            check_int(text, bits, samples[i]);
            mu_free(text);
        }
    }
}

Test(guest_value, hexadecimal_and_signs_are_read)
{
    check_int("0x42f", 64, 0x42f);
    check_int("0XfF", 8, 255);
    check_int("-0x80", 8, 0x80);
    check_int("+7", 8, 7);
    check_int("-0", 8, 0);
    check_int("007", 8, 7);
    check_int("0xffffffffffffffff", 64, UINT64_MAX);
}

Test(guest_value, what_is_no_int_is_refused)
{
    const char *wrong[] = {"",
                           "-",
                           "+",
                           "0x",
                           "x",
                           "1x",
                           "1 ",
                           " 1",
                           "--1",
                           "1.0",
                           "1e3",
                           "0x1g",
                           "18446744073709551616",
                           "0x10000000000000000",
                           "null",
                           "٣"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        mu_value value;
        cr_assert_not(reads(wrong[i], int_type(64), &value), "\"%s\" is no int", wrong[i]);
    }
}

Test(guest_value, a_bit_prints_as_0_or_1)
{
    check_text(&(mu_value){.kind = MU_VALUE_INT, .bits = 1, .integer = 1}, "1");
    check_text(&(mu_value){.kind = MU_VALUE_INT, .bits = 1, .integer = 0}, "0");
}

Test(guest_value, refusals_say_what_was_expected)
{
    mu_report *report = mu_report_new();
    mu_value value;
    cr_assert_eq(guest_value_read("x", int_type(8), "argument 2", report, &value), MU_INVALID);
    cr_assert_str_eq(mu_report_at(report, 0)->message, "argument 2 \"x\" is not an int<8>");
    cr_assert_eq(guest_value_read("256", int_type(8), "argument 2", report, &value), MU_INVALID);
    cr_assert_str_eq(mu_report_at(report, 1)->message,
                     "argument 2 \"256\" is not an int<8>; it goes from -128 to 255");
    mu_report_free(report);
}

Test(guest_value, doubles_print_the_shortest_form_that_reads_back)
{
    const struct {
        double number;
        const char *text;
    } samples[] = {{0.1, "0.1"},      {1.0 / 3, "0.3333333333333333"},
                   {2.5, "2.5"},      {1e300, "1e+300"},
                   {-0.0, "-0"},      {5e-324, "4.94065645841247e-324"},
                   {INFINITY, "inf"}, {-INFINITY, "-inf"},
                   {NAN, "nan"},      {9007199254740993.0, "9007199254740992"}};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        check_text(&(mu_value){.kind = MU_VALUE_DOUBLE, .double_value = samples[i].number},
                   samples[i].text);
    }
}

/* A generator of our own, so that a failure can be repeated. */
static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state ^ (*state >> 29);
}

Test(guest_value, any_double_and_any_float_come_back_bit_for_bit)
{
    uint64_t state = 42;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&state);
        mu_value given = {.kind = MU_VALUE_DOUBLE};
        mu_value back;
        memcpy(&given.double_value, &bits, sizeof bits);
        if (!isnan(given.double_value)) {
            char *text = guest_value_text(&given);
            cr_assert(reads(text, double_type, &back), "%s", text);
            cr_assert_eq(memcmp(&back.double_value, &bits, sizeof bits), 0, "%s", text);
            mu_free(text);
        }
        uint32_t low = (uint32_t)bits;
        given = (mu_value){.kind = MU_VALUE_FLOAT};
        memcpy(&given.single_value, &low, sizeof low);
        if (!isnan(given.single_value)) {
            char *text = guest_value_text(&given);
            cr_assert(reads(text, float_type, &back), "%s", text);
            cr_assert_eq(memcmp(&back.single_value, &low, sizeof low), 0, "%s", text);
            mu_free(text);
        }
    }
}

Test(guest_value, a_float_has_fewer_digits_than_the_double)
{
    check_text(&(mu_value){.kind = MU_VALUE_FLOAT, .single_value = 0.1F}, "0.1");
    check_text(&(mu_value){.kind = MU_VALUE_FLOAT, .single_value = 16777216.0F}, "16777216");
}

Test(guest_value, floats_read_names_and_refuse_the_rest)
{
    mu_value value;
    cr_assert(reads("nan", double_type, &value) && isnan(value.double_value));
    cr_assert(reads("-inf", double_type, &value) && value.double_value == -INFINITY);
    cr_assert(reads("0x1p-3", double_type, &value) && value.double_value == 0.125);
    cr_assert(reads("1071", float_type, &value) && value.single_value == 1071.0F);
    const char *wrong[] = {"", " 1", "1 ", "1,5", "1e", "abc", "1e999", "--1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_not(reads(wrong[i], double_type, &value), "\"%s\" is no double", wrong[i]);
    }
    cr_assert_not(reads("1e39", float_type, &value));
}

Test(guest_value, references_are_null_or_nothing)
{
    mu_value value;
    cr_assert(reads("null", ref_type, &value) && value.is_null && value.kind == MU_VALUE_REF);
    cr_assert_not(reads("0", ref_type, &value));
    check_text(&(mu_value){.kind = MU_VALUE_REF, .is_null = true}, "null");
    check_text(&(mu_value){.kind = MU_VALUE_FUNCREF, .integer = 3, .text = "@gcd"}, "@gcd");
}

Test(guest_value, other_types_are_left_to_the_substrate)
{
    const mu_type_info other = {.kind = MU_VALUE_OTHER};
    mu_value value;
    cr_assert(reads("{1, 2}", other, &value) && value.kind == MU_VALUE_OTHER);
    cr_assert_str_eq(value.literal, "{1, 2}");
    mu_value null = {.kind = MU_VALUE_REF, .is_null = true};
    cr_assert_eq(guest_value_fit(&null, other, "it", NULL, &value), MU_OK);
    cr_assert_str_eq(value.literal, "null");
    mu_value number = {.kind = MU_VALUE_INT, .bits = 64, .integer = 1};
    cr_assert_neq(guest_value_fit(&number, other, "it", NULL, &value), MU_OK);
}

Test(guest_value, tagref64_is_an_int_of_52_bits_another_number_or_null)
{
    const mu_type_info tagref = {.kind = MU_VALUE_TAGREF64, .bits = 64};
    mu_value value;
    cr_assert(reads("-7", tagref, &value) && value.kind == MU_VALUE_INT);
    cr_assert_eq(value.integer, 0xffffffffffff9);
    cr_assert(reads("7.0", tagref, &value) && value.kind == MU_VALUE_DOUBLE);
    cr_assert(reads("4503599627370496", tagref, &value) && value.kind == MU_VALUE_DOUBLE);
    cr_assert_eq(value.double_value, 0x1p52);
    cr_assert(reads("null", tagref, &value) && value.kind == MU_VALUE_REF && value.is_null);
    cr_assert_not(reads("x", tagref, &value));
    check_text(&(mu_value){.kind = MU_VALUE_TAGREF64, .text = "ref with tag 3"}, "ref with tag 3");
}

static bool fits(mu_value given, mu_type_info type, mu_value *value)
{
    return guest_value_fit(&given, type, "argument 1", NULL, value) == MU_OK;
}

Test(guest_value, typed_ints_fit_zero_or_sign_extended)
{
    mu_value value;
    mu_value minus_one = {.kind = MU_VALUE_INT, .bits = 64, .integer = UINT64_MAX};
    cr_assert(fits(minus_one, int_type(8), &value) && value.integer == 0xff && value.bits == 8);
    cr_assert(fits(minus_one, int_type(64), &value) && value.integer == UINT64_MAX);
    cr_assert(fits((mu_value){.kind = MU_VALUE_INT, .integer = 255}, int_type(8), &value));
    cr_assert_not(fits((mu_value){.kind = MU_VALUE_INT, .integer = 256}, int_type(8), &value));
    cr_assert_not(
        fits((mu_value){.kind = MU_VALUE_INT, .integer = (uint64_t)-129}, int_type(8), &value));
    cr_assert_not(
        fits((mu_value){.kind = MU_VALUE_DOUBLE, .double_value = 1}, int_type(8), &value));
}

Test(guest_value, typed_numbers_become_floats_when_nothing_is_lost)
{
    mu_value value;
    cr_assert(
        fits((mu_value){.kind = MU_VALUE_INT, .integer = (uint64_t)-3}, double_type, &value) &&
        value.double_value == -3.0);
    cr_assert(fits((mu_value){.kind = MU_VALUE_DOUBLE, .double_value = 0.5}, float_type, &value) &&
              value.single_value == 0.5F);
    cr_assert_not(
        fits((mu_value){.kind = MU_VALUE_INT, .integer = (1ull << 53) + 1}, double_type, &value));
}

Test(guest_value, handles_pass_as_references)
{
    mu_value value;
    mu_value handle = {.kind = MU_VALUE_REF, .handle = {.frame = 2, .keepalive = 5}};
    cr_assert(fits(handle, ref_type, &value) && value.handle.frame == 2 &&
              value.handle.keepalive == 5 && !value.is_null);
    cr_assert_not(fits(handle, int_type(64), &value));
}
