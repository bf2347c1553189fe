/* What a bundle without the grant native may do with irefs and casts, told from the types alone:
 * where in an object a value of a type lies. Plain recursion over the type, which the verifier
 * bounds. */
#include "oracle_state.h"

/* A value of `type` begins at `start`; a hybrid has `length` elements. */
typedef struct place {
    const mu_ir_type *type;
    int64_t start;
    uint64_t length;
} place;

static bool holds(const place *at, int64_t offset)
{
    uint64_t size = 0;
    return at->type->kind == MU_IR_VOID
               ? offset == at->start
               : offset >= at->start && object_size(at->type, at->length, &size) &&
                     (uint64_t)(offset - at->start) < (size ? size : 1);
}

/* The part of `at` that holds `offset`; false when there is none. */
static bool part_at(const place *at, int64_t offset, place *part)
{
    const mu_ir_type *type = at->type;
    for (uint32_t i = 0; i < type->field_count; i++) {
        *part = (place){type->fields[i], at->start + (int64_t)type->offsets[i], 0};
        if (holds(part, offset)) {
            return true;
        }
    }
    bool is_hybrid = type->kind == MU_IR_HYBRID;
    uint64_t count = is_hybrid ? at->length : type->length;
    int64_t first = at->start + (is_hybrid ? (int64_t)type->size_bytes : 0);
    bool has_elements = is_hybrid || type->kind == MU_IR_ARRAY || type->kind == MU_IR_VECTOR;
    if (!has_elements || !type->stride_bytes || offset < first) {
        return false;
    }
    uint64_t index = (uint64_t)(offset - first) / type->stride_bytes;
    *part = (place){type->element, first + (int64_t)(index * type->stride_bytes), 0};
    return index < count && holds(part, offset);
}

static place whole(const oracle_object *object)
{
    return (place){object->type, 0, object->length};
}

static bool finds(const place *at, int64_t offset, const mu_ir_type *wanted)
{
    place part;
    if (at->start == offset && mu_ir_type_begins_with(at->type, wanted)) {
        return true;
    }
    return part_at(at, offset, &part) && finds(&part, offset, wanted);
}

bool object_has_type_at(const oracle_object *object, int64_t offset, const mu_ir_type *wanted)
{
    place at = whole(object);
    if (!object->type) {
        return wanted->kind == MU_IR_VOID && !offset;
    }
    return finds(&at, offset, wanted);
}

static bool is_made_of(const mu_ir_type *type, const mu_ir_type *wanted)
{
    bool is_array = type->kind == MU_IR_ARRAY || type->kind == MU_IR_VECTOR;
    return mu_ir_type_equal(type, wanted) || (is_array && is_made_of(type->element, wanted));
}

static bool spans(const place *at, int64_t from, int64_t to, const mu_ir_type *wanted)
{
    bool is_hybrid = at->type->kind == MU_IR_HYBRID;
    bool is_array = at->type->kind == MU_IR_ARRAY || at->type->kind == MU_IR_VECTOR;
    if ((is_hybrid || is_array) && is_made_of(at->type->element, wanted)) {
        int64_t first = at->start + (is_hybrid ? (int64_t)at->type->size_bytes : 0);
        uint64_t count = is_hybrid ? at->length : at->type->length;
        int64_t end = first + (int64_t)(count * at->type->stride_bytes);
        if (from >= first && from < end) {
            return to >= first && to < end;
        }
    }
    place part;
    return part_at(at, from, &part) && spans(&part, from, to, wanted);
}

bool object_allows_shift(const oracle_object *object, int64_t from, int64_t to,
                         const mu_ir_type *wanted)
{
    place at = whole(object);
    return from == to || (object->type && spans(&at, from, to, wanted));
}
