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
static bool is_wrong_cast(const oracle *self, frame *at)
{
    const mu_ir_type *to = type_param(at, 1);
    if (inst_of(at)->op != MU_OP_REFCAST || self->limits.trusted || to->kind == MU_IR_FUNCREF ||
        mu_ir_type_begins_with(type_param(at, 0)->element, to->element)) {
        return false;
    }
    iref_image place = {read_ref(operand(at, 0)), 0};
    if (to->kind == MU_IR_IREF) {
        place = read_iref(operand(at, 0));
    }
    return place.object && !object_has_type_at(place.object, place.offset, to->element);
}

void do_convert(oracle *self, frame *at)
{
    const mu_ir_type *from = type_param(at, 0);
    const mu_ir_type *to = type_param(at, 1);
    if (is_wrong_cast(self, at)) {
        throw_error(self, MU_GUEST_ERROR_WRONG_TYPE);
        return;
    }
    if (from->kind == MU_IR_VECTOR && to->kind == MU_IR_VECTOR) {
        for (uint64_t i = 0; i < from->length; i++) {
            convert_lane(inst_of(at)->op, from->element, to->element,
                         operand(at, 0) + i * from->stride_bytes,
                         result_image(at, 0) + i * to->stride_bytes);
        }
    } else {
        convert_lane(inst_of(at)->op, from, to, operand(at, 0), result_image(at, 0));
    }
    continue_normally(self);
}
