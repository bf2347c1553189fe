/* Values as text. Ints are read digit by digit, because strtoull takes "-1" and blanks and needs
 * errno to tell an overflow. For floats the C library is exact in both directions: strtod rounds
 * correctly, and 9 (17) digits always tell a float (double) from its neighbours, so the shortest
 * form is found by trying. Both are called under the "C" locale, whatever the program has set. */
#include "guest.h"
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How much of a wrong text a message repeats. */
enum { SHOWN_BYTES = 80 };

static const mu_location nowhere = {0, 0};

void guest_type_text(mu_type_info type, char *out, size_t capacity)
{
    switch (type.kind) {
    case MU_VALUE_INT: snprintf(out, capacity, "int<%u>", type.bits); return;
    case MU_VALUE_FLOAT: snprintf(out, capacity, "float"); return;
    case MU_VALUE_DOUBLE: snprintf(out, capacity, "double"); return;
    case MU_VALUE_POINTER: snprintf(out, capacity, "pointer"); return;
    case MU_VALUE_REF: snprintf(out, capacity, "ref"); return;
    case MU_VALUE_IREF: snprintf(out, capacity, "iref"); return;
    case MU_VALUE_FUNCREF: snprintf(out, capacity, "funcref"); return;
    case MU_VALUE_TAGREF64: snprintf(out, capacity, "tagref64"); return;
    case MU_VALUE_OTHER: snprintf(out, capacity, "value of a composite type"); return;
    }
}

static mu_status refuse(mu_report *report, const char *name, const char *text, mu_type_info type,
                        const char *advice)
{
    char wanted[32];
    guest_type_text(type, wanted, sizeof wanted);
    bool vowel = type.kind == MU_VALUE_INT || type.kind == MU_VALUE_IREF;
    bool cut = strlen(text) > SHOWN_BYTES;
    return mu_report_add(report, MU_INVALID, nowhere, "%s \"%.*s%s\" is not %s %s%s", name,
                         SHOWN_BYTES, text, cut ? "…" : "", vowel ? "an" : "a", wanted, advice);
}

/* ------------------------------------------------------------------------------------- ints */

static uint64_t mask_of(uint32_t bits)
{
    return bits >= 64 ? UINT64_MAX : (1ull << bits) - 1;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* Reads digits up to the end of the text; false when there are none, others, or too many. */
static bool read_magnitude(const char *digits, uint64_t base, uint64_t *magnitude)
{
    uint64_t sum = 0;
    if (*digits == '\0') {
        return false;
    }
    for (; *digits != '\0'; digits++) {
        uint64_t digit = (uint64_t)digit_value(*digits);
        if (digit >= base || __builtin_mul_overflow(sum, base, &sum) ||
            __builtin_add_overflow(sum, digit, &sum)) {
            return false;
        }
    }
    *magnitude = sum;
    return true;
}

static mu_status read_int(const char *text, mu_type_info type, const char *name, mu_report *report,
                          mu_value *value)
{
    const char *digits = text;
    bool negative = *digits == '-';
    digits += *digits == '-' || *digits == '+';
    bool hexadecimal = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    uint32_t bits = type.kind == MU_VALUE_POINTER ? 64 : type.bits;
    uint64_t mask = mask_of(bits);
    uint64_t magnitude = 0;
    if (!read_magnitude(digits + (hexadecimal ? 2 : 0), hexadecimal ? 16 : 10, &magnitude)) {
        return refuse(report, name, text, type, "");
    }
    uint64_t limit = negative ? (mask >> 1) + 1 : mask;
    if (magnitude > limit) {
        char range[96];
        snprintf(range, sizeof range, "; it goes from -%" PRIu64 " to %" PRIu64, (mask >> 1) + 1,
                 mask);
        return refuse(report, name, text, type, range);
    }
    value->bits = bits;
    value->integer = (negative ? 0 - magnitude : magnitude) & mask;
    return MU_OK;
}

/* ----------------------------------------------------------------------------------- floats */

static mu_status read_float(const char *text, mu_type_info type, const char *name,
                            mu_report *report, mu_value *value)
{
    char *end = NULL;
    bool blank_first = strchr(" \t\n\v\f\r", text[0]) != NULL; /* and the empty text */
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    MU_INVARIANT(c_locale != (locale_t)0, "the C locale is missing");
    float single_value = 0;
    double double_value = 0;
    if (type.kind == MU_VALUE_FLOAT) {
        single_value = strtof_l(text, &end, c_locale);
    } else {
        double_value = strtod_l(text, &end, c_locale);
    }
    freelocale(c_locale);
    if (blank_first || end == text || *end != '\0') {
        return refuse(report, name, text, type, "");
    }
    /* Infinity has to be asked for by name. */
    bool is_infinite = isinf(single_value) || isinf(double_value);
    if (is_infinite && strpbrk(text, "iI") == NULL) {
        return refuse(report, name, text, type, "; it is too large");
    }
    value->single_value = single_value;
    value->double_value = double_value;
    return MU_OK;
}

static char *nan_text(bool negative)
{
    return mu_string_copy(negative ? "-nan" : "nan", negative ? 4 : 3);
}

/* Between `least` and `most` significant digits: the fewest that read back as the same number. */
static char *float_text(double number, bool is_single)
{
    char text[64] = "";
    int least = is_single ? 6 : 15;
    int most = is_single ? 9 : 17;
    if (isnan(number)) {
        return nan_text(signbit(number) != 0);
    }
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    MU_INVARIANT(c_locale != (locale_t)0, "the C locale is missing");
    locale_t previous = uselocale(c_locale);
    for (int digits = least; digits <= most; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        bool same = is_single ? strtof(text, NULL) == (float)number : strtod(text, NULL) == number;
        if (same) {
            break;
        }
    }
    uselocale(previous);
    freelocale(c_locale);
    return mu_string_copy(text, strlen(text));
}

/* ------------------------------------------------------------------------------- references */

static mu_status read_null(const char *text, mu_type_info type, const char *name, mu_report *report,
                           mu_value *value)
{
    if (strcmp(text, "null") != 0 && strcmp(text, "NULL") != 0) {
        return refuse(report, name, text, type, "; only null can be given from outside");
    }
    value->is_null = true;
    return MU_OK;
}

/* ---------------------------------------------------------------------------------- tagref64 */

/* What an int is that has 52 bits is one; else it is a number like any other. */
static mu_status read_tagref64(const char *text, const char *name, mu_report *report,
                               mu_value *value)
{
    const mu_type_info tagref = {.kind = MU_VALUE_TAGREF64, .bits = 64};
    const mu_type_info integer = {.kind = MU_VALUE_INT, .bits = 52};
    const mu_type_info number = {.kind = MU_VALUE_DOUBLE, .bits = 64};
    value->kind = MU_VALUE_REF;
    if (read_null(text, tagref, name, NULL, value) == MU_OK) {
        return MU_OK;
    }
    value->kind = MU_VALUE_INT;
    if (read_int(text, integer, name, NULL, value) == MU_OK) {
        return MU_OK;
    }
    value->kind = MU_VALUE_DOUBLE;
    if (read_float(text, number, name, NULL, value) == MU_OK) {
        return MU_OK;
    }
    return refuse(report, name, text, tagref, "; give a number or null");
}

/* ---------------------------------------------------------------------------------- the face */

mu_status guest_value_read(const char *text, mu_type_info type, const char *name, mu_report *report,
                           mu_value *value)
{
    mu_value read = {.kind = type.kind};
    mu_status status = MU_OK;
    switch (type.kind) {
    case MU_VALUE_POINTER:
        if (strcmp(text, "null") == 0) {
            read.bits = 64;
            break;
        }
        MU_TRY(read_int(text, type, name, report, &read));
        break;
    case MU_VALUE_INT: MU_TRY(read_int(text, type, name, report, &read)); break;
    case MU_VALUE_FLOAT:
    case MU_VALUE_DOUBLE: MU_TRY(read_float(text, type, name, report, &read)); break;
    case MU_VALUE_REF:
    case MU_VALUE_IREF:
    case MU_VALUE_FUNCREF: MU_TRY(read_null(text, type, name, report, &read)); break;
    case MU_VALUE_TAGREF64: MU_TRY(read_tagref64(text, name, report, &read)); break;
    case MU_VALUE_OTHER: read.literal = text; break; /* only the substrate knows the type */
    }
    *value = read;
done:
    return status;
}

static bool int_fits(uint64_t integer, uint32_t bits)
{
    uint64_t high_bits = ~mask_of(bits);
    uint64_t sign_bit = 1ull << (bits - 1);
    bool negative = (integer & high_bits) == high_bits && (integer & sign_bit) != 0;
    return (integer & high_bits) == 0 || negative;
}

static bool number_fits(const mu_value *given, mu_value *value)
{
    double number = 0;
    switch (given->kind) {
    case MU_VALUE_INT: number = (double)(int64_t)given->integer; break;
    case MU_VALUE_FLOAT: number = given->single_value; break;
    case MU_VALUE_DOUBLE: number = given->double_value; break;
    default: return false;
    }
    if (given->kind == MU_VALUE_INT &&
        (given->integer + (1ull << 53) >
         (1ull << 54))) { /* beyond ±2^53 not every int is a double */
        return false;
    }
    value->single_value = (float)number;
    value->double_value = number;
    return true;
}

/* An int of 52 bits, another number as a double, a reference. */
static bool tagref64_fits(const mu_value *given, mu_value *value)
{
    if (given->kind == MU_VALUE_INT && int_fits(given->integer, 52)) {
        *value =
            (mu_value){.kind = MU_VALUE_INT, .bits = 52, .integer = given->integer & mask_of(52)};
        return true;
    }
    if (given->kind == MU_VALUE_REF) {
        *value = *given;
        return true;
    }
    value->kind = MU_VALUE_DOUBLE;
    return number_fits(given, value);
}

mu_status guest_value_fit(const mu_value *given, mu_type_info type, const char *name,
                          mu_report *report, mu_value *value)
{
    bool given_int = given->kind == MU_VALUE_INT || given->kind == MU_VALUE_POINTER;
    bool given_reference = given->kind == MU_VALUE_REF || given->kind == MU_VALUE_IREF ||
                           given->kind == MU_VALUE_FUNCREF;
    mu_value fitted = {.kind = type.kind, .bits = type.bits};
    bool fits = false;
    switch (type.kind) {
    case MU_VALUE_INT:
    case MU_VALUE_POINTER:
        fitted.bits = type.kind == MU_VALUE_POINTER ? 64 : type.bits;
        fits = given_int && int_fits(given->integer, fitted.bits);
        fitted.integer = given->integer & mask_of(fitted.bits);
        break;
    case MU_VALUE_FLOAT:
    case MU_VALUE_DOUBLE: fits = number_fits(given, &fitted); break;
    case MU_VALUE_REF:
    case MU_VALUE_IREF:
    case MU_VALUE_FUNCREF:
        fits = given_reference;
        fitted.is_null = given->is_null;
        fitted.is_fresh = given->is_fresh;
        fitted.handle = given->handle;
        break;
    case MU_VALUE_TAGREF64: fits = tagref64_fits(given, &fitted); break;
    case MU_VALUE_OTHER:
        fits = given_reference && given->is_null;
        fitted.literal = "null";
        break;
    }
    if (!fits) {
        char *shown = guest_value_text(given);
        bool is_other = type.kind == MU_VALUE_OTHER;
        mu_status status =
            refuse(report, name, shown, type, is_other ? "; give it as text, as in {1, 2}" : "");
        mu_free(shown);
        return status;
    }
    *value = fitted;
    return MU_OK;
}

static char *int_text(const mu_value *value)
{
    char text[32];
    uint32_t bits = value->bits == 0 ? 64 : value->bits;
    uint64_t integer = value->integer & mask_of(bits);
    if (bits > 1 && (integer >> (bits - 1)) != 0) {
        integer |= ~mask_of(bits);
    }
    snprintf(text, sizeof text, "%lld", (long long)integer);
    return mu_string_copy(text, strlen(text));
}

char *guest_value_text(const mu_value *value)
{
    char pointer[32];
    switch (value->kind) {
    case MU_VALUE_INT: return int_text(value);
    case MU_VALUE_FLOAT: return float_text(value->single_value, true);
    case MU_VALUE_DOUBLE: return float_text(value->double_value, false);
    case MU_VALUE_POINTER:
        snprintf(pointer, sizeof pointer, "0x%llx", (unsigned long long)value->integer);
        return mu_string_copy(pointer, strlen(pointer));
    case MU_VALUE_REF:
    case MU_VALUE_IREF:
        return mu_string_copy(value->is_null ? "null" : "ref", value->is_null ? 4 : 3);
    case MU_VALUE_FUNCREF:
        return value->is_null ? mu_string_copy("null", 4)
                              : mu_string_copy(value->text, strlen(value->text));
    case MU_VALUE_TAGREF64:
    case MU_VALUE_OTHER: return mu_string_copy(value->text, strlen(value->text));
    }
    return mu_string_copy("", 0);
}
