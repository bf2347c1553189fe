/* Conversions. An FP number too large for its int becomes the nearest one there is, NaN becomes 0.
 */
#include "oracle_state.h"

#include <math.h>
#include <string.h>

static uint64_t unsigned_from_fp(double value, uint32_t bits)
{
    if (isnan(value) || value <= 0) {
        return 0;
    }
    if (value >= ldexp(1.0, (int)bits)) {
        return mask_of_bits(bits);
    }
    return (uint64_t)value;
}

static uint64_t signed_from_fp(double value, uint32_t bits)
{
    if (isnan(value)) {
        return 0;
    }
    double limit = ldexp(1.0, (int)bits - 1);
    if (value >= limit) {
        return mask_of_bits(bits - 1);
    }
    if (value < -limit) {
        return (uint64_t)1 << (bits - 1);
    }
    return (uint64_t)(int64_t)value;
}

static void write_fp(uint8_t *image, const mu_ir_type *type, float single_value,
                     double double_value)
{
    if (type->kind == MU_IR_FLOAT) {
        memcpy(image, &single_value, sizeof single_value);
    } else {
        memcpy(image, &double_value, sizeof double_value);
    }
}

static void convert_lane(mu_ir_op op, const mu_ir_type *from, const mu_ir_type *to,
                         const uint8_t *image, uint8_t *result)
{
    if (is_wide(from) || is_wide(to)) {
        wide_convert(op, from, to, image, result);
        return;
    }
    switch (op) { /* NOLINT: the conversions */
    case MU_OP_TRUNC:
    case MU_OP_ZEXT:
    case MU_OP_PTRCAST: write_int(result, to, read_int(image, from)); break;
    case MU_OP_SEXT:
        write_int(result, to, (uint64_t)sign_extended(read_int(image, from), from->bits));
        break;
    case MU_OP_FPTRUNC:
    case MU_OP_FPEXT: {
        double value = read_fp(image, from);
        write_fp(result, to, (float)value, value);
        break;
    }
    case MU_OP_FPTOUI:
        write_int(result, to, unsigned_from_fp(read_fp(image, from), to->bits));
        break;
    case MU_OP_FPTOSI: write_int(result, to, signed_from_fp(read_fp(image, from), to->bits)); break;
    case MU_OP_UITOFP: {
        uint64_t value = read_int(image, from);
        write_fp(result, to, (float)value, (double)value);
        break;
    }
    case MU_OP_SITOFP: {
        int64_t value = sign_extended(read_int(image, from), from->bits);
        write_fp(result, to, (float)value, (double)value);
        break;
    }
    case MU_OP_BITCAST:
    case MU_OP_REFCAST: memcpy(result, image, size_of_type(to)); break;
    default: MU_INVARIANT(false, "conversion %d", (int)op);
    }
}

/* A cast to what is not there, without the grant native. */
static bool is_wrong_cast(const oracle *self, const mu_ir_type *from, const mu_ir_type *to,
                          const uint8_t *image)
{
    if (self->limits.trusted || to->kind == MU_IR_FUNCREF ||
        mu_ir_type_begins_with(from->element, to->element)) {
        return false;
    }
    iref_image place = {read_ref(image), 0};
    if (to->kind == MU_IR_IREF) {
        place = read_iref(image);
    }
    return place.object && !object_has_type_at(place.object, place.offset, to->element);
}

void do_convert(oracle *self, frame *at)
{
    const mu_ir_type *from = type_param(at, 0);
    const mu_ir_type *to = type_param(at, 1);
    bool is_vector = from->kind == MU_IR_VECTOR;
    const mu_ir_type *from_lane = is_vector ? from->element : from;
    const mu_ir_type *to_lane = is_vector ? to->element : to;
    mu_ir_op op = inst_of(at)->op;
    for (uint64_t i = 0; i < (is_vector ? from->length : 1); i++) {
        const uint8_t *image = operand(at, 0) + (is_vector ? i * from->stride_bytes : 0);
        if (op == MU_OP_REFCAST && is_wrong_cast(self, from_lane, to_lane, image)) {
            throw_error(self, MU_GUEST_ERROR_WRONG_TYPE);
            return;
        }
        convert_lane(op, from_lane, to_lane, image,
                     result_image(at, 0) + (is_vector ? i * to->stride_bytes : 0));
    }
    continue_normally(self);
}
