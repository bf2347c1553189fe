/* Binary operations, comparisons and SELECT. Vectors go lane by lane; a scalar is one lane. */
#include "oracle_state.h"

#include <math.h>
#include <string.h>

static const mu_ir_type *lane_type(const mu_ir_type *type)
{
    return type->kind == MU_IR_VECTOR ? type->element : type;
}

static uint64_t lane_count(const mu_ir_type *type)
{
    return type->kind == MU_IR_VECTOR ? type->length : 1;
}

static uint64_t lane_stride(const mu_ir_type *type)
{
    return type->kind == MU_IR_VECTOR ? type->stride_bytes : 0;
}

/* A shift takes as many low bits of its count as it needs to name every bit of the operand: the
 * lowest ceil(log2(width)). Where the width is no power of two, counts past it shift everything
 * out. */
static uint32_t shift_count(uint64_t count, uint32_t bits)
{
    uint32_t needed = 1;
    while (needed < bits) {
        needed <<= 1;
    }
    return (uint32_t)(count & (needed - 1));
}

static uint64_t shift_right_signed(uint64_t a, uint32_t count, uint32_t bits)
{
    int64_t value = sign_extended(a, bits);
    return (uint64_t)(count >= 64 ? (value < 0 ? -1 : 0) : value >> count);
}

/* The low `bits` of the result count. `b` is not zero where it divides. */
static uint64_t int_binary(mu_ir_op op, uint64_t a, uint64_t b, uint32_t bits)
{
    int64_t signed_a = sign_extended(a, bits);
    int64_t signed_b = sign_extended(b, bits);
    switch (op) { /* NOLINT: the int operations */
    case MU_OP_ADD: return a + b;
    case MU_OP_SUB: return a - b;
    case MU_OP_MUL: return a * b;
    case MU_OP_UDIV: return a / b;
    case MU_OP_UREM: return a % b;
    case MU_OP_SDIV:
        return signed_b == -1 ? 0 - (uint64_t)signed_a : (uint64_t)(signed_a / signed_b);
    case MU_OP_SREM: return signed_b == -1 ? 0 : (uint64_t)(signed_a % signed_b);
    case MU_OP_SHL: return a << shift_count(b, bits);
    case MU_OP_LSHR: return a >> shift_count(b, bits);
    case MU_OP_ASHR: return shift_right_signed(a, shift_count(b, bits), bits);
    case MU_OP_AND: return a & b;
    case MU_OP_OR: return a | b;
    case MU_OP_XOR: return a ^ b;
    default: MU_INVARIANT(false, "operation %d", (int)op); return 0;
    }
}

static bool divides(mu_ir_op op)
{
    return op == MU_OP_UDIV || op == MU_OP_UREM || op == MU_OP_SDIV || op == MU_OP_SREM;
}

static float float_binary(mu_ir_op op, float a, float b)
{
    switch (op) { /* NOLINT: the FP operations */
    case MU_OP_FADD: return a + b;
    case MU_OP_FSUB: return a - b;
    case MU_OP_FMUL: return a * b;
    case MU_OP_FDIV: return a / b;
    case MU_OP_FREM: return fmodf(a, b);
    default: MU_INVARIANT(false, "operation %d", (int)op); return 0;
    }
}

static double double_binary(mu_ir_op op, double a, double b)
{
    switch (op) { /* NOLINT: the FP operations */
    case MU_OP_FADD: return a + b;
    case MU_OP_FSUB: return a - b;
    case MU_OP_FMUL: return a * b;
    case MU_OP_FDIV: return a / b;
    case MU_OP_FREM: return fmod(a, b);
    default: MU_INVARIANT(false, "operation %d", (int)op); return 0;
    }
}

/* False: division by zero. */
static bool lane_binary(mu_ir_op op, const mu_ir_type *type, const uint8_t *a, const uint8_t *b,
                        uint8_t *result)
{
    if (is_wide(type)) {
        return wide_binary(op, type, a, b, result);
    }
    if (type->kind == MU_IR_INT) {
        uint64_t right = read_int(b, type);
        if (divides(op) && right == 0) {
            return false;
        }
        write_int(result, type, int_binary(op, read_int(a, type), right, type->bits));
    } else if (type->kind == MU_IR_FLOAT) {
        float x;
        float y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        x = float_binary(op, x, y);
        memcpy(result, &x, sizeof x);
    } else {
        double x = double_binary(op, read_fp(a, type), read_fp(b, type));
        memcpy(result, &x, sizeof x);
    }
    return true;
}

void do_binary(oracle *self, frame *at)
{
    const mu_ir_type *type = type_param(at, 0);
    for (uint64_t i = 0; i < lane_count(type); i++) {
        uint64_t offset = i * lane_stride(type);
        if (!lane_binary(inst_of(at)->op, lane_type(type), operand(at, 0) + offset,
                         operand(at, 1) + offset, result_image(at, 0) + offset)) {
            throw_error(self, MU_GUEST_ERROR_DIVISION_BY_ZERO);
            return;
        }
    }
    continue_normally(self);
}

static bool fp_compare(mu_ir_op op, double a, double b)
{
    bool unordered = isnan(a) || isnan(b);
    switch (op) { /* NOLINT: the FP comparisons */
    case MU_OP_FFALSE: return false;
    case MU_OP_FTRUE: return true;
    case MU_OP_FUNO: return unordered;
    case MU_OP_FUEQ: return unordered || a == b;
    case MU_OP_FUNE: return unordered || a != b;
    case MU_OP_FUGT: return unordered || a > b;
    case MU_OP_FUGE: return unordered || a >= b;
    case MU_OP_FULT: return unordered || a < b;
    case MU_OP_FULE: return unordered || a <= b;
    case MU_OP_FORD: return !unordered;
    case MU_OP_FOEQ: return !unordered && a == b;
    case MU_OP_FONE: return !unordered && a != b;
    case MU_OP_FOGT: return !unordered && a > b;
    case MU_OP_FOGE: return !unordered && a >= b;
    case MU_OP_FOLT: return !unordered && a < b;
    case MU_OP_FOLE: return !unordered && a <= b;
    default: MU_INVARIANT(false, "comparison %d", (int)op); return false;
    }
}

static bool int_compare(mu_ir_op op, uint64_t a, uint64_t b, uint32_t bits)
{
    int64_t signed_a = sign_extended(a, bits);
    int64_t signed_b = sign_extended(b, bits);
    switch (op) { /* NOLINT: the int comparisons */
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
    default: MU_INVARIANT(false, "comparison %d", (int)op); return false;
    }
}

static bool lane_compare(mu_ir_op op, const mu_ir_type *type, const uint8_t *a, const uint8_t *b)
{
    switch (type->kind) { /* NOLINT: the comparable kinds */
    case MU_IR_INT:
        return is_wide(type) ? wide_compare(op, type, a, b)
                             : int_compare(op, read_int(a, type), read_int(b, type), type->bits);
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE: return fp_compare(op, read_fp(a, type), read_fp(b, type));
    case MU_IR_IREF:
        if (op != MU_OP_EQ && op != MU_OP_NE) {
            return int_compare(op, (uint64_t)read_iref(a).offset, (uint64_t)read_iref(b).offset,
                               64);
        }
        return (memcmp(a, b, sizeof(iref_image)) == 0) == (op == MU_OP_EQ);
    default: return int_compare(op, read_word(a), read_word(b), 64);
    }
}

void do_compare(oracle *self, frame *at)
{
    const mu_ir_type *type = type_param(at, 0);
    const mu_ir_type *result_type = at->plan->version->variables[inst_of(at)->results.first].type;
    for (uint64_t i = 0; i < lane_count(type); i++) {
        uint64_t offset = i * lane_stride(type);
        result_image(at, 0)[i * lane_stride(result_type)] = lane_compare(
            inst_of(at)->op, lane_type(type), operand(at, 0) + offset, operand(at, 1) + offset);
    }
    continue_normally(self);
}

void do_select(oracle *self, frame *at)
{
    const mu_ir_type *condition = type_param(at, 0);
    const mu_ir_type *type = type_param(at, 1);
    if (condition->kind != MU_IR_VECTOR) {
        memcpy(result_image(at, 0), operand(at, *operand(at, 0) ? 1 : 2), size_of_type(type));
    } else {
        for (uint64_t i = 0; i < type->length; i++) {
            uint64_t offset = i * type->stride_bytes;
            bool first = operand(at, 0)[i * condition->stride_bytes] != 0;
            memcpy(result_image(at, 0) + offset, operand(at, first ? 1 : 2) + offset,
                   size_of_type(type->element));
        }
    }
    continue_normally(self);
}
