/* What lies where in an object: the answers to compiled code's questions about casts and shifted
 * irefs (jit/quick_checks.c). Both walks go down the type from the whole object to the smallest
 * part that holds the offset. */
#include "vm_internal.h"

/* A part of an object: a value of `type` at `start`; `length` elements if it is the hybrid itself.
 */
typedef struct part {
    const mu_ir_type *type;
    uint64_t start;
    uint64_t length;
} part;

static bool whole_object(mu_ref base, part *whole)
{
    const mu_abi_type *descriptor = mu_gc_type_of(base);
    if (!descriptor->origin) {
        return false;
    }
    *whole = (part){.type = descriptor->origin,
                    .length = descriptor->is_hybrid ? *mu_abi_length(base) : 0};
    return true;
}

static bool go_into_elements(part *at, uint64_t offset, uint64_t first, uint64_t count)
{
    uint64_t stride = at->type->stride_bytes;
    uint64_t inside = offset - first;
    if (!stride || inside / stride >= count) {
        return false;
    }
    at->start = first + inside / stride * stride;
    at->type = at->type->element;
    return true;
}

static bool go_into_fields(part *at, uint64_t offset)
{
    const mu_ir_type *type = at->type;
    uint32_t field = 0; /* the last that begins at or before `offset`, by halving */
    uint32_t end = type->field_count;
    while (end - field > 1) {
        uint32_t middle = field + (end - field) / 2;
        if (at->start + type->offsets[middle] > offset) {
            end = middle;
        } else {
            field = middle;
        }
    }
    if (!type->field_count) {
        return false;
    }
    at->start += type->offsets[field];
    at->type = type->fields[field];
    return offset < at->start + at->type->size_bytes ||
           (offset == at->start && !at->type->size_bytes);
}

/* Goes to the member that holds `offset`; false for scalars and for padding. */
static bool go_into(part *at, uint64_t offset)
{
    switch ((int)at->type->kind) {
    case MU_IR_STRUCT: return go_into_fields(at, offset);
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return go_into_elements(at, offset, at->start, at->type->length);
    case MU_IR_HYBRID:
        if (offset < at->type->size_bytes) {
            return go_into_fields(at, offset);
        }
        return go_into_elements(at, offset, at->type->size_bytes, at->length);
    default: return false;
    }
}

bool location_has_type(mu_ref base, uint64_t offset, const mu_ir_type *wanted)
{
    part at;
    if (!whole_object(base, &at)) {
        return wanted->kind == MU_IR_VOID && !offset;
    }
    do {
        if (at.start == offset && mu_ir_type_begins_with(at.type, wanted)) {
            return true;
        }
    } while (go_into(&at, offset));
    return false;
}

static bool is_array(const mu_ir_type *type)
{
    return type->kind == MU_IR_ARRAY || type->kind == MU_IR_VECTOR || type->kind == MU_IR_HYBRID;
}

/* Does an array of `type` consist of values of `wanted`, directly or through arrays nested in it
 * (the Array Rule)? */
static bool consists_of(const mu_ir_type *type, const mu_ir_type *wanted)
{
    const mu_ir_type *element = type->element;
    while (!mu_ir_type_equal(element, wanted)) {
        if (element->kind != MU_IR_ARRAY && element->kind != MU_IR_VECTOR) {
            return false;
        }
        element = element->element;
    }
    return true;
}

bool location_shifts(mu_ref base, uint64_t from, uint64_t to, const mu_ir_type *wanted)
{
    part at;
    if (!whole_object(base, &at)) {
        return from == to;
    }
    do {
        if (is_array(at.type) && consists_of(at.type, wanted)) {
            bool is_hybrid = at.type->kind == MU_IR_HYBRID;
            uint64_t first = is_hybrid ? at.type->size_bytes : at.start;
            uint64_t count = is_hybrid ? at.length : at.type->length;
            uint64_t bytes = at.type->stride_bytes * count;
            if (from >= first && from - first < bytes) {
                return to >= first && to - first < bytes;
            }
        }
    } while (go_into(&at, from));
    return from == to;
}
