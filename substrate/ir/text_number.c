#include "mu_ir_lexer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide;

static unsigned digit_value(char c)
{
    if (c <= '9') {
        return (unsigned)(c - '0');
    }
    return (unsigned)((c | 0x20) - 'a') + 10;
}

mu_ir_int_literal mu_ir_int_value(const mu_ir_token *token)
{
    mu_ir_int_literal result = {0};
    const char *at = token->text;
    const char *end = at + token->length;
    if (*at == '+' || *at == '-') {
        result.negative = *at == '-';
        at++;
    }
    unsigned base = 10;
    if (*at == '0') {
        base = 8;
        if (end - at > 1 && at[1] == 'x') {
            base = 16;
            at += 2;
        }
    }
    wide value = 0;
    for (; at < end; at++) {
        wide most = ~(wide)0;
        unsigned digit = digit_value(*at);
        if (value > (most - digit) / base) {
            result.too_large = true;
        }
        value = value * base + digit;
    }
    if (result.negative) {
        result.too_large |= value > (wide)1 << 127;
        value = -value;
    }
    result.low = (uint64_t)value;
    result.high = (uint64_t)(value >> 64);
    return result;
}

/* strtof and strtod want a NUL behind the number, which the input need not have. */
#define LITERAL_MAX 1024u

static bool copy_literal(const mu_ir_token *token, char text[LITERAL_MAX + 1])
{
    if (token->length > LITERAL_MAX) {
        return false;
    }
    memcpy(text, token->text, token->length);
    text[token->length] = '\0';
    return true;
}

static bool is_infinity(const char *text)
{
    return text[1] == 'i';
}

mu_status mu_ir_float_value(const mu_ir_token *token, locale_t c_locale, float *value)
{
    char text[LITERAL_MAX + 1];
    if (!copy_literal(token, text)) {
        return MU_LIMIT;
    }
    float number = strtof_l(text, NULL, c_locale);
    if (isinf(number) && !is_infinity(text)) {
        return MU_INVALID;
    }
    *value = number;
    return MU_OK;
}

mu_status mu_ir_double_value(const mu_ir_token *token, locale_t c_locale, double *value)
{
    char text[LITERAL_MAX + 1];
    if (!copy_literal(token, text)) {
        return MU_LIMIT;
    }
    double number = strtod_l(text, NULL, c_locale);
    if (isinf(number) && !is_infinity(text)) {
        return MU_INVALID;
    }
    *value = number;
    return MU_OK;
}
