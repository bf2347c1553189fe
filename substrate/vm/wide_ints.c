/* Arithmetic, comparisons and conversions of ints wider than a word, which compiled code leaves for
 * as for a common instruction. Such a value is two words, zero above its bits; it travels and is
 * kept like a composite. */
#include "vm_internal.h"

#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

#define WIDE_BITS 128u

static wide cut(wide value, uint32_t bits)
{
    return value & ~(wide)0 >> (WIDE_BITS - bits);
}

static signed_wide extended(wide value, uint32_t bits)
{
    return (signed_wide)(value << (WIDE_BITS - bits)) >> (WIDE_BITS - bits);
}

/* ---- operations */

/* The count's low bits, as many as it takes to name every bit: with more than 64, seven. */
static uint32_t shift_count(wide count)
{
    return (uint32_t)count & (WIDE_BITS - 1);
}

/* By -1 the least value wraps. */
static wide divide_signed(signed_wide a, signed_wide b, bool wants_remainder)
{
    if (b == -1) {
        return wants_remainder ? 0 : -(wide)a;
    }
    return (wide)(wants_remainder ? a % b : a / b);
}

/* The low bits of the result count; `b` is not 0 where it divides. */
static wide binary(mu_ir_op op, wide a, wide b, uint32_t bits)
{
    switch ((int)op) {
    case MU_OP_ADD: return a + b;
    case MU_OP_SUB: return a - b;
    case MU_OP_MUL: return a * b;
    case MU_OP_UDIV: return a / b;
    case MU_OP_UREM: return a % b;
    case MU_OP_SDIV: return divide_signed(extended(a, bits), extended(b, bits), false);
    case MU_OP_SREM: return divide_signed(extended(a, bits), extended(b, bits), true);
    case MU_OP_SHL: return a << shift_count(b);
    case MU_OP_LSHR: return a >> shift_count(b);
    case MU_OP_ASHR: return (wide)(extended(a, bits) >> shift_count(b));
    case MU_OP_AND: return a & b;
    case MU_OP_OR: return a | b;
    case MU_OP_XOR: return a ^ b;
    default: MU_INVARIANT(false, "operation %d of wide ints", (int)op); return 0;
    }
}

static bool divides(mu_ir_op op)
{
    return op == MU_OP_UDIV || op == MU_OP_UREM || op == MU_OP_SDIV || op == MU_OP_SREM;
}

static bool compare(mu_ir_op op, wide a, wide b, uint32_t bits)
{
    signed_wide signed_a = extended(a, bits);
    signed_wide signed_b = extended(b, bits);
    switch ((int)op) {
    case MU_OP_EQ: return a == b;
    case MU_OP_NE: return a != b;
    case MU_OP_SGE: return signed_a >= signed_b;
    case MU_OP_SGT: return signed_a > signed_b;
    case MU_OP_SLE: return signed_a <= signed_b;
    case MU_OP_SLT: return signed_a < signed_b;
    case MU_OP_UGE: return a >= b;
    case MU_OP_UGT: return a > b;
    case MU_OP_ULE: return a <= b;
    case MU_OP_ULT: return a < b;
    default: MU_INVARIANT(false, "comparison %d of wide ints", (int)op); return false;
    }
}

/* Toward zero; what does not fit gives the nearest that does, NaN gives 0. */
static wide wide_from_fp(double value, uint32_t bits, bool is_signed)
{
    double limit = ldexp(1.0, (int)(is_signed ? bits - 1 : bits));
    wide most = ~(wide)0 >> (WIDE_BITS - (is_signed ? bits - 1 : bits));
    if (isnan(value)) {
        return 0;
    }
    if (value >= limit) {
        return most;
    }
    if (!is_signed) {
        return value <= 0 ? 0 : (wide)value;
    }
    return value < -limit ? ~most : (wide)(signed_wide)value;
}

static uint64_t word_from_float(float value)
{
    uint64_t word = 0;
    memcpy(&word, &value, sizeof value);
    return word;
}

static uint64_t word_from_double(double value)
{
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}

static double fp_from_word(wide word, const mu_ir_type *type)
{
    double value;
    float single_value;
    memcpy(&value, &word, sizeof value);
    memcpy(&single_value, &word, sizeof single_value);
    return type->kind == MU_IR_FLOAT ? (double)single_value : value;
}

static wide fp_from_wide(wide value, const mu_ir_type *from, const mu_ir_type *to, bool is_signed)
{
    bool is_float = to->kind == MU_IR_FLOAT;
    if (is_signed) {
        signed_wide number = extended(value, from->bits);
        return is_float ? word_from_float((float)number) : word_from_double((double)number);
    }
    return is_float ? word_from_float((float)value) : word_from_double((double)value);
}

static wide convert(mu_ir_op op, const mu_ir_type *from, const mu_ir_type *to, wide value)
{
    switch ((int)op) {
    case MU_OP_TRUNC:
    case MU_OP_ZEXT: return value;
    case MU_OP_SEXT: return (wide)extended(value, from->bits);
    case MU_OP_FPTOUI: return wide_from_fp(fp_from_word(value, from), to->bits, false);
    case MU_OP_FPTOSI: return wide_from_fp(fp_from_word(value, from), to->bits, true);
    case MU_OP_UITOFP: return fp_from_wide(value, from, to, false);
    case MU_OP_SITOFP: return fp_from_wide(value, from, to, true);
    default: MU_INVARIANT(false, "conversion %d of wide ints", (int)op); return 0;
    }
}

/* ---- the instruction */

static wide read_place(const mu_thread *thread, const mu_jit_place *place)
{
    uint64_t words[2] = {0, 0};
    memcpy(words, thread_place_memory(thread, place), place->words * sizeof *words);
    return (wide)words[1] << 64 | words[0];
}

static void write_result(mu_thread *thread, mu_ir_type *type, wide value)
{
    mu_jit_place place;
    if (type->kind == MU_IR_INT) {
        value = cut(value, type->bits);
    }
    uint64_t words[2] = {(uint64_t)value, (uint64_t)(value >> 64)};
    mu_jit_assign_places(&type, 1, &place);
    thread_put_place(thread, &place, words);
}

slice_end thread_wide_inst(mu_thread *thread, const mu_ir_inst *inst)
{
    const mu_ir_version *version = thread->abi.site_version;
    mu_ir_type *const *types = &version->types[inst->types.first];
    mu_ir_type *result = version->variables[inst->results.first].type;
    mu_jit_place places[2];
    mu_jit_assign_places(thread->operand_types, inst->operands.count, places);
    wide left = read_place(thread, &places[0]);
    if (mu_ir_op_info_of(inst->op)->shape == MU_SHAPE_CONVERT) {
        write_result(thread, result, convert(inst->op, types[0], types[1], left));
        return SLICE_GOES_ON;
    }
    wide right = read_place(thread, &places[1]);
    if (mu_ir_op_info_of(inst->op)->shape == MU_SHAPE_COMPARE) {
        write_result(thread, result, compare(inst->op, left, right, types[0]->bits));
        return SLICE_GOES_ON;
    }
    if (divides(inst->op) && !right) {
        return thread_raise(thread, MU_GUEST_ERROR_DIVISION_BY_ZERO);
    }
    write_result(thread, result, binary(inst->op, left, right, types[0]->bits));
    return SLICE_GOES_ON;
}
