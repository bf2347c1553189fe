/* Objects and addresses (uvm-client-interface.rest, Heap memory allocation; Cast between general
 * reference types; Memory addressing). Casts and shifts are checked in every VM, also where
 * compiled code is trusted: an iref that a context makes is that of a location of its type. */
#include "context_internal.h"

/* ---- allocation */

static mu_status expect_allocated_type(context_call *call, bool is_hybrid, mu_ir_type **type)
{
    mu_status status = MU_OK;
    mu_ir_entity *entity;
    MU_TRY(context_expect_entity(call, 1, MU_IR_TYPE, &entity));
    *type = (mu_ir_type *)entity;
    if (((*type)->kind == MU_IR_HYBRID) != is_hybrid) {
        status =
            context_refuse_type(call, 1, is_hybrid ? "a hybrid" : "a type of fixed length", *type);
    }
done:
    return status;
}

static mu_status allocate(context_call *call, mu_ir_type *type, uint64_t length)
{
    mu_ref made;
    mu_status status = vm_allocate(&call->context->mutator, mu_jit_descriptor(type), length, &made);
    if (status != MU_OK) {
        return context_refuse_error(call, MU_GUEST_ERROR_OUT_OF_MEMORY, 0);
    }
    return context_give_word(call, context_type_of(call->context, MU_IR_REF, type), made.address);
}

mu_status context_new_fixed(context_call *call)
{
    mu_ir_type *type;
    mu_status status = expect_allocated_type(call, false, &type);
    return status == MU_OK ? allocate(call, type, 0) : status;
}

mu_status context_new_hybrid(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_type *type;
    MU_TRY(expect_allocated_type(call, true, &type));
    MU_TRY(context_expect(call, 2, MU_IR_INT));
    uint64_t length = context_unsigned(context_value_at(call, 2));
    if (length == UINT64_MAX) { /* mu_abi_length: one element more */
        return context_refuse(call, MU_NO_MEMORY, 2, "no heap has room for so many elements");
    }
    status = allocate(call, type, length + 1);
done:
    return status;
}

/* ---- casts */

static mu_status cast_location(context_call *call, mu_ir_type *to, uint64_t offset)
{
    const context_value *value = context_value_at(call, 1);
    mu_ref base = {value->words[0]};
    bool is_frame = !base.address && offset; /* of trusted code: nothing is known about it */
    if (base.address ? !location_has_type(base, offset, to->element) : is_frame) {
        return context_refuse_type(call, 1, "a location that has the new type", value->type);
    }
    return context_give_pair(call, to, base.address, offset);
}

mu_status context_refcast(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_entity *entity;
    const context_value *value = context_value_at(call, 1);
    MU_TRY(context_expect_entity(call, 2, MU_IR_TYPE, &entity));
    mu_ir_type *to = (mu_ir_type *)entity;
    if (to->kind != value->type->kind ||
        (to->kind != MU_IR_REF && to->kind != MU_IR_IREF && to->kind != MU_IR_FUNCREF)) {
        return context_refuse_type(call, 1, "two ref, two iref or two funcref types", value->type);
    }
    if (to->kind == MU_IR_FUNCREF) { /* calls check the signature */
        return context_give_word(call, to, value->words[0]);
    }
    status = cast_location(call, to, to->kind == MU_IR_IREF ? value->words[1] : 0);
done:
    return status;
}

/* ---- addresses */

static mu_status give_iref(context_call *call, mu_ir_type *referent, uint64_t offset)
{
    return context_give_pair(call, context_type_of(call->context, MU_IR_IREF, referent),
                             context_value_at(call, 1)->words[0], offset);
}

mu_status context_get_iref(context_call *call)
{
    mu_status status = context_expect_object(call, 1, MU_IR_REF);
    return status == MU_OK ? give_iref(call, context_value_at(call, 1)->type->element, 0) : status;
}

/* Operand 1 is an iref, not NULL, of a type of one of two kinds. */
static mu_status expect_iref_of(context_call *call, mu_ir_type_kind kind, mu_ir_type_kind other,
                                const char *what)
{
    mu_status status = context_expect_object(call, 1, MU_IR_IREF);
    if (status != MU_OK) {
        return status;
    }
    const mu_ir_type *type = context_value_at(call, 1)->type;
    bool is_right = type->element->kind == kind || type->element->kind == other;
    return is_right ? MU_OK : context_refuse_type(call, 1, what, type);
}

mu_status context_get_field_iref(context_call *call)
{
    mu_status status = MU_OK;
    const context_value *value = context_value_at(call, 1);
    MU_TRY(expect_iref_of(call, MU_IR_STRUCT, MU_IR_HYBRID, "an iref of a struct or hybrid"));
    const mu_ir_type *type = value->type->element;
    uint64_t index = context_integer_at(call, 2);
    if (index >= type->field_count) {
        return context_refuse(call, MU_INVALID, 2, "field %llu of %u", (unsigned long long)index,
                              type->field_count);
    }
    status = give_iref(call, type->fields[index], value->words[1] + type->offsets[index]);
done:
    return status;
}

mu_status context_get_elem_iref(context_call *call)
{
    mu_status status = MU_OK;
    const context_value *value = context_value_at(call, 1);
    MU_TRY(expect_iref_of(call, MU_IR_ARRAY, MU_IR_VECTOR, "an iref of an array or vector"));
    MU_TRY(context_expect(call, 2, MU_IR_INT));
    const mu_ir_type *type = value->type->element;
    int64_t index = context_signed(context_value_at(call, 2));
    if ((uint64_t)index >= type->length) {
        return context_refuse(call, MU_INVALID, 2, "element %lld of %llu", (long long)index,
                              (unsigned long long)type->length);
    }
    status = give_iref(call, type->element, value->words[1] + (uint64_t)index * type->stride_bytes);
done:
    return status;
}

mu_status context_shift_iref(context_call *call)
{
    mu_status status = MU_OK;
    const context_value *value = context_value_at(call, 1);
    int64_t bytes;
    int64_t to;
    MU_TRY(context_expect_object(call, 1, MU_IR_IREF));
    MU_TRY(context_expect(call, 2, MU_IR_INT));
    mu_ir_type *type = value->type->element;
    int64_t steps = context_signed(context_value_at(call, 2));
    mu_ref base = {value->words[0]};
    bool is_inside =
        !__builtin_mul_overflow(steps, (int64_t)type->size_bytes, &bytes) &&
        !__builtin_add_overflow((int64_t)value->words[1], bytes, &to) &&
        (base.address ? location_shifts(base, value->words[1], (uint64_t)to, type) : steps == 0);
    if (!is_inside) {
        return context_refuse(call, MU_INVALID, 2, "%lld elements away is outside of the array",
                              (long long)steps);
    }
    status = give_iref(call, type, (uint64_t)to);
done:
    return status;
}

mu_status context_get_var_part_iref(context_call *call)
{
    mu_status status = expect_iref_of(call, MU_IR_HYBRID, MU_IR_HYBRID, "an iref of a hybrid");
    if (status != MU_OK) {
        return status;
    }
    const context_value *value = context_value_at(call, 1);
    const mu_ir_type *type = value->type->element;
    return give_iref(call, type->element, value->words[1] + type->size_bytes);
}
