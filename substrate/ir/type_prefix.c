#include "mu_ir.h"

static bool has_fields(const mu_ir_type *type)
{
    return type->kind == MU_IR_STRUCT || type->kind == MU_IR_HYBRID;
}

/* Are the fields of struct `prefix` the first of `type`? What follows must lie behind all of
 * `prefix`, its padding included, since a store of the whole prefix writes that too. */
static bool shares_first_fields(const mu_ir_type *type, const mu_ir_type *prefix)
{
    if (!has_fields(type) || prefix->kind != MU_IR_STRUCT ||
        prefix->field_count > type->field_count) {
        return false;
    }
    for (uint32_t i = 0; i < prefix->field_count; i++) {
        if (!mu_ir_type_equal(type->fields[i], prefix->fields[i])) {
            return false;
        }
    }
    uint64_t next = prefix->field_count < type->field_count ? type->offsets[prefix->field_count]
                                                            : type->size_bytes;
    return next >= prefix->size_bytes;
}

bool mu_ir_type_begins_with(const mu_ir_type *type, const mu_ir_type *prefix)
{
    if (prefix->kind == MU_IR_VOID) {
        return true;
    }
    while (!mu_ir_type_equal(type, prefix) && !shares_first_fields(type, prefix)) {
        switch ((int)type->kind) {
        case MU_IR_STRUCT: type = type->fields[0]; break;
        case MU_IR_HYBRID: type = type->field_count ? type->fields[0] : type->element; break;
        case MU_IR_ARRAY:
        case MU_IR_VECTOR: type = type->element; break;
        default: return false;
        }
    }
    return true;
}
