/* Struct, array and vector values: images copied in part. */
#include "oracle_state.h"

#include <string.h>

void do_field(oracle *self, frame *at)
{
    const mu_ir_type *type = type_param(at, 0);
    uint64_t field = inst_of(at)->literal;
    uint64_t offset = type->offsets[field];
    uint64_t size = size_of_type(type->fields[field]);
    if (inst_of(at)->op == MU_OP_EXTRACTVALUE) {
        memcpy(result_image(at, 0), operand(at, 0) + offset, size);
    } else {
        memcpy(result_image(at, 0), operand(at, 0), size_of_type(type));
        memcpy(result_image(at, 0) + offset, operand(at, 1), size);
    }
    continue_normally(self);
}

void do_element(oracle *self, frame *at)
{
    const mu_ir_type *type = type_param(at, 0);
    uint64_t index = read_length(operand(at, 1), type_param(at, 1));
    if (index >= type->length) {
        throw_error(self, MU_GUEST_ERROR_OUT_OF_BOUNDS);
        return;
    }
    uint64_t offset = index * type->stride_bytes;
    uint64_t size = size_of_type(type->element);
    if (inst_of(at)->op == MU_OP_EXTRACTELEMENT) {
        memcpy(result_image(at, 0), operand(at, 0) + offset, size);
    } else {
        memcpy(result_image(at, 0), operand(at, 0), size_of_type(type));
        memcpy(result_image(at, 0) + offset, operand(at, 2), size);
    }
    continue_normally(self);
}

void do_shuffle(oracle *self, frame *at)
{
    const mu_ir_type *type = type_param(at, 0);
    const mu_ir_type *mask = type_param(at, 1);
    uint64_t size = size_of_type(type->element);
    for (uint64_t i = 0; i < mask->length; i++) {
        uint64_t index = read_length(operand(at, 2) + i * mask->stride_bytes, mask->element);
        if (index >= 2 * type->length) {
            throw_error(self, MU_GUEST_ERROR_OUT_OF_BOUNDS);
            return;
        }
        bool first = index < type->length;
        const uint8_t *from = operand(at, first ? 0 : 1);
        memcpy(result_image(at, 0) + i * type->stride_bytes,
               from + (first ? index : index - type->length) * type->stride_bytes, size);
    }
    continue_normally(self);
}
