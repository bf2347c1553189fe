/* Integers and floating-point numbers, as literals and as constants of the VM. */
#include "hail_parser.h"

#include <math.h>
#include <string.h>

typedef unsigned __int128 wide;

/* -------------------------------------------------------------------------------------- integers
 */

/* Is it representable in `bits` bits, signed or unsigned? */
static bool fits(const mu_ir_int_literal *literal, uint32_t bits)
{
    wide value = (wide)literal->high << 64 | literal->low;
    if (literal->too_large) {
        return false;
    }
    if (!literal->negative || !value) {
        return bits >= 128 || !(value >> bits);
    }
    return bits >= 128 || (__int128)value >= -((__int128)1 << (bits - 1));
}

static void store_int(hail_parser *parser, const hail_place *to, uint32_t bits, uint64_t low,
                      uint64_t high)
{
    wide value = (wide)high << 64 | low;
    if (bits < 128) {
        value &= ((wide)1 << bits) - 1;
    }
    uint64_t words[2] = {(uint64_t)value, (uint64_t)(value >> 64)};
    if (to->type->kind == MU_IR_TAGREF64) {
        words[0] = mu_abi_tagref64_from_int(words[0]);
    }
    hail_store_bytes(parser, to, words, to->type->size_bytes);
}

/* Can a constant of type `type` be a value of `to`: the same but for a pointer's referent, which an
 * implicit PTRCAST changes? */
static bool is_like(const hail_place *to, uint32_t bits, const mu_ir_type *type)
{
    if (to->type->kind == MU_IR_INT || to->type->kind == MU_IR_TAGREF64) {
        return type->kind == MU_IR_INT && type->bits == bits;
    }
    return type->kind == to->type->kind;
}

static void store_int_const(hail_parser *parser, const hail_place *to, uint32_t bits)
{
    mu_ir_token name = parser->token;
    const mu_ir_entity *entity = hail_global(parser, "a constant");
    if (!entity) {
        return;
    }
    const mu_ir_const *constant = (const mu_ir_const *)entity;
    const mu_ir_expose *expose = (const mu_ir_expose *)entity;
    if (entity->kind == MU_IR_EXPOSE && to->type->kind == MU_IR_UFUNCPTR && expose->address) {
        store_int(parser, to, bits, expose->address, 0);
    } else if (entity->kind == MU_IR_EXPOSE && to->type->kind == MU_IR_UFUNCPTR) {
        hail_error(parser, MU_UNSUPPORTED, name.where,
                   "%s has no address: its bundle is not loaded into a VM",
                   hail_token_text(&name).text);
    } else if (entity->kind != MU_IR_CONST) {
        hail_wrong_entity(parser, &name, "a constant", entity);
    } else if (constant->kind != MU_IR_CONST_INT || !is_like(to, bits, constant->type)) {
        hail_error(parser, MU_INVALID, name.where,
                   "%s is a constant of type %s, the location's is %s", hail_token_text(&name).text,
                   hail_type_text(parser, constant->type).text,
                   hail_type_text(parser, to->type).text);
    } else {
        store_int(parser, to, bits, constant->low, constant->high);
    }
}

bool hail_parse_int(hail_parser *parser, const hail_place *to)
{
    uint32_t bits = to->type->kind == MU_IR_INT        ? to->type->bits
                    : to->type->kind == MU_IR_TAGREF64 ? 52
                                                       : 64;
    mu_ir_token token = parser->token;
    if (token.kind == MU_IR_TOKEN_GLOBAL) {
        store_int_const(parser, to, bits);
        return true;
    }
    mu_ir_int_literal literal = mu_ir_int_value(&token);
    hail_advance(parser);
    if (fits(&literal, bits)) {
        store_int(parser, to, bits, literal.low, literal.high);
    } else {
        hail_error(parser, MU_INVALID, token.where, "%s does not fit %u bits",
                   hail_token_text(&token).text, bits);
    }
    return true;
}

/* -------------------------------------------------------------------------------- floating point
 */

typedef struct number {
    bool is_single;
    bool is_valid;
    uint64_t bits;
} number;

static uint64_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void parse_decimal(hail_parser *parser, number *out)
{
    mu_ir_token token = parser->token;
    float single = 0;
    double twofold = 0;
    hail_advance(parser);
    out->is_single = token.suffix == 'f';
    mu_status status = out->is_single ? mu_ir_float_value(&token, parser->c_locale, &single)
                                      : mu_ir_double_value(&token, parser->c_locale, &twofold);
    out->is_valid = status == MU_OK;
    out->bits = out->is_single ? bits_of_float(single) : bits_of_double(twofold);
    if (status == MU_LIMIT) {
        hail_error(parser, MU_INVALID, token.where, "a number of more than 1,024 characters");
    } else if (status != MU_OK) {
        hail_error(parser, MU_INVALID, token.where, "the number is too large for %s",
                   out->is_single ? "a float; infinity is +inff" : "a double; infinity is +infd");
    }
}

/* bitsf(0x7fc00000), bitsd(-1) */
static bool parse_bits(hail_parser *parser, number *out)
{
    out->is_single = parser->token.text[4] == 'f';
    hail_advance(parser);
    if (!hail_expect(parser, '(', "'(' before the bits")) {
        return false;
    }
    mu_ir_token token = parser->token;
    if (token.kind != MU_IR_TOKEN_INT) {
        return hail_expected(parser, "the bits");
    }
    mu_ir_int_literal literal = mu_ir_int_value(&token);
    uint32_t bits = out->is_single ? 32 : 64;
    hail_advance(parser);
    out->is_valid = fits(&literal, bits);
    out->bits = out->is_single ? (uint32_t)literal.low : literal.low;
    if (!out->is_valid) {
        hail_error(parser, MU_INVALID, token.where, "%s does not fit %u bits",
                   hail_token_text(&token).text, bits);
    }
    return hail_expect(parser, ')', "')' behind the bits");
}

static bool parse_nan(hail_parser *parser, number *out)
{
    bool is_apart = mu_ir_token_is(&parser->token, "nan");
    if (is_apart) {
        hail_advance(parser);
    }
    if (is_apart && !mu_ir_token_is(&parser->token, "f") && !mu_ir_token_is(&parser->token, "d")) {
        return hail_expected(parser, "f or d behind nan");
    }
    out->is_single = parser->token.text[parser->token.length - 1] == 'f';
    out->is_valid = true;
    hail_advance(parser);
    out->bits = out->is_single ? bits_of_float(nanf("")) : bits_of_double(nan(""));
    return true;
}

static bool parse_fp_const(hail_parser *parser, const hail_place *to, number *out)
{
    mu_ir_token name = parser->token;
    const mu_ir_entity *entity = hail_global(parser, "a constant");
    const mu_ir_const *constant = (const mu_ir_const *)entity;
    if (entity && entity->kind != MU_IR_CONST) {
        hail_wrong_entity(parser, &name, "a constant", entity);
    } else if (entity &&
               (constant->kind == MU_IR_CONST_FLOAT || constant->kind == MU_IR_CONST_DOUBLE)) {
        out->is_single = constant->kind == MU_IR_CONST_FLOAT;
        out->is_valid = true;
        out->bits = out->is_single ? bits_of_float(constant->single_value)
                                   : bits_of_double(constant->double_value);
    } else if (entity) {
        hail_error(parser, MU_INVALID, name.where,
                   "%s is a constant of type %s, the location's is %s", hail_token_text(&name).text,
                   hail_type_text(parser, constant->type).text,
                   hail_type_text(parser, to->type).text);
    }
    return true;
}

bool hail_parse_fp(hail_parser *parser, const hail_place *to)
{
    mu_ir_token first = parser->token;
    number read = {.is_valid = false};
    bool goes_on = true;
    if (first.kind == MU_IR_TOKEN_GLOBAL) {
        goes_on = parse_fp_const(parser, to, &read);
    } else if (first.kind == MU_IR_TOKEN_FP) {
        parse_decimal(parser, &read);
    } else if (mu_ir_token_is(&first, "bitsf") || mu_ir_token_is(&first, "bitsd")) {
        goes_on = parse_bits(parser, &read);
    } else {
        goes_on = parse_nan(parser, &read);
    }
    if (!goes_on || !read.is_valid) {
        return goes_on;
    }
    if (read.is_single != (to->type->kind == MU_IR_FLOAT)) {
        hail_error(parser, MU_INVALID, first.where, "%s is a %s, the location's type is %s",
                   hail_token_text(&first).text, read.is_single ? "float" : "double",
                   hail_type_text(parser, to->type).text);
        return true;
    }
    if (to->type->kind == MU_IR_TAGREF64) {
        read.bits = mu_abi_tagref64_from_double(read.bits);
    }
    hail_store_bytes(parser, to, &read.bits, to->type->size_bytes);
    return true;
}
