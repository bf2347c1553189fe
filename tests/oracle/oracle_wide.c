/* Ints of 128 bits, single or lanes of vectors: binary operations, comparisons, conversions, atomic
 * operations, and as indices. */
#include "oracle_state.h"

#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 s128;

bool is_wide(const mu_ir_type *type)
{
    return type->kind == MU_IR_INT && type->bits > 64;
}

static u128 read_wide(const uint8_t *image, const mu_ir_type *type)
{
    u128 value;
    if (!is_wide(type)) {
        return read_int(image, type);
    }
    memcpy(&value, image, sizeof value);
    return value;
}

static void write_wide(uint8_t *image, const mu_ir_type *type, u128 value)
{
    if (is_wide(type)) {
        memcpy(image, &value, sizeof value);
    } else {
        write_int(image, type, (uint64_t)value);
    }
}

/* False: division by zero. */
static bool combine_values(mu_ir_op op, u128 a, u128 b, u128 *result)
{
    s128 x = (s128)a;
    s128 y = (s128)b;
    uint32_t count = (uint32_t)(b & 127);
    bool is_division = op == MU_OP_UDIV || op == MU_OP_UREM || op == MU_OP_SDIV || op == MU_OP_SREM;
    if (is_division && b == 0) {
        return false;
    }
    switch (op) { /* NOLINT: the int operations */
    case MU_OP_ADD: *result = a + b; break;
    case MU_OP_SUB: *result = a - b; break;
    case MU_OP_MUL: *result = a * b; break;
    case MU_OP_UDIV: *result = a / b; break;
    case MU_OP_UREM: *result = a % b; break;
    case MU_OP_SDIV: *result = y == -1 ? 0 - a : (u128)(x / y); break;
    case MU_OP_SREM: *result = y == -1 ? 0 : (u128)(x % y); break;
    case MU_OP_SHL: *result = a << count; break;
    case MU_OP_LSHR: *result = a >> count; break;
    case MU_OP_ASHR: *result = (u128)(x >> count); break;
    case MU_OP_AND: *result = a & b; break;
    case MU_OP_OR: *result = a | b; break;
    default: *result = a ^ b; break;
    }
    return true;
}

static bool compare_values(mu_ir_op op, u128 a, u128 b)
{
    s128 x = (s128)a;
    s128 y = (s128)b;
    switch (op) { /* NOLINT: the int comparisons */
    case MU_OP_EQ: return a == b;
    case MU_OP_NE: return a != b;
    case MU_OP_SGE: return x >= y;
    case MU_OP_SGT: return x > y;
    case MU_OP_SLE: return x <= y;
    case MU_OP_SLT: return x < y;
    case MU_OP_UGE: return a >= b;
    case MU_OP_UGT: return a > b;
    case MU_OP_ULE: return a <= b;
    default: return a < b;
    }
}

static u128 unsigned_from(double value)
{
    return isnan(value) || value <= 0 ? 0 : value >= 0x1p128 ? ~(u128)0 : (u128)value;
}

static u128 signed_from(double value)
{
    const u128 least = (u128)1 << 127;
    return isnan(value)       ? 0
           : value >= 0x1p127 ? least - 1
           : value < -0x1p127 ? least
                              : (u128)(s128)value;
}

static void write_rounded(uint8_t *image, const mu_ir_type *type, u128 value, bool is_signed)
{
    float single_value = is_signed ? (float)(s128)value : (float)value;
    double double_value = is_signed ? (double)(s128)value : (double)value;
    if (type->kind == MU_IR_FLOAT) {
        memcpy(image, &single_value, sizeof single_value);
    } else {
        memcpy(image, &double_value, sizeof double_value);
    }
}

bool wide_binary(mu_ir_op op, const mu_ir_type *type, const uint8_t *a, const uint8_t *b,
                 uint8_t *result)
{
    u128 value;
    if (!combine_values(op, read_wide(a, type), read_wide(b, type), &value)) {
        return false;
    }
    write_wide(result, type, value);
    return true;
}

bool wide_compare(mu_ir_op op, const mu_ir_type *type, const uint8_t *a, const uint8_t *b)
{
    return compare_values(op, read_wide(a, type), read_wide(b, type));
}

void wide_convert(mu_ir_op op, const mu_ir_type *from, const mu_ir_type *to, const uint8_t *image,
                  uint8_t *result)
{
    switch (op) { /* NOLINT: the conversions that wide ints have */
    case MU_OP_TRUNC:
    case MU_OP_ZEXT:
    case MU_OP_PTRCAST: write_wide(result, to, read_wide(image, from)); break;
    case MU_OP_SEXT:
        write_wide(result, to, (u128)(s128)sign_extended(read_int(image, from), from->bits));
        break;
    case MU_OP_FPTOUI: write_wide(result, to, unsigned_from(read_fp(image, from))); break;
    case MU_OP_FPTOSI: write_wide(result, to, signed_from(read_fp(image, from))); break;
    case MU_OP_UITOFP:
    case MU_OP_SITOFP: write_rounded(result, to, read_wide(image, from), op == MU_OP_SITOFP); break;
    default: MU_INVARIANT(false, "conversion %d of a wide int", (int)op);
    }
}

static u128 modified(mu_ir_rmw rmw, u128 old, u128 value)
{
    bool is_less = (s128)old < (s128)value;
    switch (rmw) {
    case MU_RMW_XCHG: return value;
    case MU_RMW_ADD: return old + value;
    case MU_RMW_SUB: return old - value;
    case MU_RMW_AND: return old & value;
    case MU_RMW_NAND: return ~(old & value);
    case MU_RMW_OR: return old | value;
    case MU_RMW_XOR: return old ^ value;
    case MU_RMW_MAX: return is_less ? value : old;
    case MU_RMW_MIN: return is_less ? old : value;
    case MU_RMW_UMAX: return old > value ? old : value;
    case MU_RMW_UMIN: return old < value ? old : value;
    }
    return 0;
}

void wide_modify(mu_ir_rmw rmw, const mu_ir_type *type, uint8_t *memory, const uint8_t *operand)
{
    write_wide(memory, type, modified(rmw, read_wide(memory, type), read_wide(operand, type)));
}

uint64_t read_length(const uint8_t *image, const mu_ir_type *type)
{
    u128 value = read_wide(image, type);
    return value > UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

bool read_index(const uint8_t *image, const mu_ir_type *type, int64_t *index)
{
    if (!is_wide(type)) {
        *index = sign_extended(read_int(image, type), type->bits);
        return true;
    }
    u128 value = read_wide(image, type);
    *index = (int64_t)(uint64_t)value;
    return (s128)value == *index;
}
