/* Ints of 128 bits: binary operations, comparisons and conversions. */
#include "oracle_state.h"

#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 s128;

static bool is_wide(const mu_ir_type *type)
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
static bool wide_binary(mu_ir_op op, u128 a, u128 b, u128 *result)
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

static bool wide_compare(mu_ir_op op, u128 a, u128 b)
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

static void wide_convert(oracle *self, frame *at)
{
    const mu_ir_type *from = type_param(at, 0);
    const mu_ir_type *to = type_param(at, 1);
    const uint8_t *image = operand(at, 0);
    uint8_t *result = result_image(at, 0);
    mu_ir_op op = inst_of(at)->op;
    switch (op) { /* NOLINT: the conversions that wide ints have */
    case MU_OP_TRUNC:
    case MU_OP_ZEXT: write_wide(result, to, read_wide(image, from)); break;
    case MU_OP_SEXT:
        write_wide(result, to, (u128)(s128)sign_extended(read_int(image, from), from->bits));
        break;
    case MU_OP_FPTOUI: write_wide(result, to, unsigned_from(read_fp(image, from))); break;
    case MU_OP_FPTOSI: write_wide(result, to, signed_from(read_fp(image, from))); break;
    case MU_OP_UITOFP:
    case MU_OP_SITOFP: write_rounded(result, to, read_wide(image, from), op == MU_OP_SITOFP); break;
    default:
        undefined(self, "%s of a wide int is not interpreted", mu_ir_op_info_of(op)->word);
        return;
    }
    continue_normally(self);
}

bool do_wide(oracle *self, frame *at)
{
    mu_ir_shape shape = mu_ir_op_info_of(inst_of(at)->op)->shape;
    if (shape == MU_SHAPE_CONVERT) {
        bool is_here = is_wide(type_param(at, 0)) || is_wide(type_param(at, 1));
        if (is_here) {
            wide_convert(self, at);
        }
        return is_here;
    }
    const mu_ir_type *type = type_param(at, 0);
    if (!is_wide(type)) {
        return false;
    }
    u128 left = read_wide(operand(at, 0), type);
    u128 right = read_wide(operand(at, 1), type);
    u128 result;
    if (shape == MU_SHAPE_COMPARE) {
        *result_image(at, 0) = wide_compare(inst_of(at)->op, left, right);
    } else if (wide_binary(inst_of(at)->op, left, right, &result)) {
        write_wide(result_image(at, 0), type, result);
    } else {
        throw_error(self, MU_GUEST_ERROR_DIVISION_BY_ZERO);
        return true;
    }
    continue_normally(self);
    return true;
}
