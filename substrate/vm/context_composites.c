/* Parts of structs, arrays and vectors (uvm-client-interface.rest, Aggregate type operations). */
#include "context_internal.h"

#include <string.h>

/* A part of the value that is operand 1. */
typedef struct part {
    mu_ir_type *type;
    uint64_t offset;
} part;

static mu_status find_field(context_call *call, part *found)
{
    mu_status status = context_expect(call, 1, MU_IR_STRUCT);
    if (status != MU_OK) {
        return status;
    }
    const mu_ir_type *type = context_value_at(call, 1)->type;
    uint64_t index = context_integer_at(call, 2);
    if (index >= type->field_count) {
        return context_refuse(call, MU_INVALID, 2, "field %llu of a struct of %u",
                              (unsigned long long)index, type->field_count);
    }
    *found = (part){type->fields[index], type->offsets[index]};
    return MU_OK;
}

static mu_status find_element(context_call *call, part *found)
{
    const mu_ir_type *type = context_value_at(call, 1)->type;
    if (type->kind != MU_IR_ARRAY && type->kind != MU_IR_VECTOR) {
        return context_refuse_type(call, 1, "array or vector", type);
    }
    mu_status status = context_expect(call, 2, MU_IR_INT);
    if (status != MU_OK) {
        return status;
    }
    uint64_t index = context_unsigned(context_value_at(call, 2));
    if (index >= type->length) {
        return context_refuse(call, MU_INVALID, 2, "element %llu of %llu",
                              (unsigned long long)index, (unsigned long long)type->length);
    }
    *found = (part){type->element, index * type->stride_bytes};
    return MU_OK;
}

static mu_status extract(context_call *call, const part *from)
{
    unsigned char bytes[MU_CONTEXT_MAX_VALUE_BYTES];
    const unsigned char *whole = context_bytes(context_value_at(call, 1));
    memcpy(bytes, whole + from->offset, from->type->size_bytes);
    return context_give(call, from->type, bytes);
}

static mu_status insert(context_call *call, const part *into)
{
    unsigned char bytes[MU_CONTEXT_MAX_VALUE_BYTES];
    context_value *whole = context_value_at(call, 1);
    mu_status status = context_expect_type(call, 3, into->type);
    if (status != MU_OK) {
        return status;
    }
    memcpy(bytes, context_bytes(whole), whole->type->size_bytes);
    memcpy(bytes + into->offset, context_bytes(context_value_at(call, 3)), into->type->size_bytes);
    return context_give(call, whole->type, bytes);
}

mu_status context_extract_value(context_call *call)
{
    part field = {0};
    mu_status status = find_field(call, &field);
    return status == MU_OK ? extract(call, &field) : status;
}

mu_status context_insert_value(context_call *call)
{
    part field = {0};
    mu_status status = find_field(call, &field);
    return status == MU_OK ? insert(call, &field) : status;
}

mu_status context_extract_element(context_call *call)
{
    part element = {0};
    mu_status status = find_element(call, &element);
    return status == MU_OK ? extract(call, &element) : status;
}

mu_status context_insert_element(context_call *call)
{
    part element = {0};
    mu_status status = find_element(call, &element);
    return status == MU_OK ? insert(call, &element) : status;
}
