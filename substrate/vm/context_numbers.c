/* Numbers in and out of handles, comparisons of references (uvm-client-interface.rest, Converting
 * values to/from handles; Reference type comparison). */
#include "context_internal.h"

/* ---- into handles */

mu_status context_from_int(context_call *call)
{
    uint64_t bits = context_integer_at(call, 1);
    uint64_t low = context_integer_at(call, 2);
    uint64_t high = context_integer_at(call, 3);
    if (!bits || bits > 128) {
        return context_refuse(call, bits ? MU_UNSUPPORTED : MU_INVALID, 1,
                              "an int has from 1 to 128 bits, not %llu", (unsigned long long)bits);
    }
    high = bits > 64 ? context_cut(high, (uint32_t)bits - 64) : 0;
    return context_give_pair(call, context_int_type(call->context, (uint32_t)bits),
                             context_cut(low, (uint32_t)bits), high);
}

mu_status context_from_float(context_call *call)
{
    uint64_t bits = context_integer_at(call, 1);
    if (bits > UINT32_MAX) {
        return context_refuse(call, MU_INVALID, 1, "a float has 32 bits");
    }
    return context_give_word(call, context_type(call->context, MU_IR_FLOAT), bits);
}

mu_status context_from_double(context_call *call)
{
    return context_give_word(call, context_type(call->context, MU_IR_DOUBLE),
                             context_integer_at(call, 1));
}

static mu_status from_pointer(context_call *call, mu_ir_type_kind kind, const char *what)
{
    mu_status status = MU_OK;
    mu_ir_entity *entity;
    MU_TRY(context_expect_entity(call, 1, MU_IR_TYPE, &entity));
    mu_ir_type *type = (mu_ir_type *)entity;
    if (type->kind != kind) {
        return context_refuse_type(call, 1, what, type);
    }
    status = context_give_word(call, type, context_integer_at(call, 2));
done:
    return status;
}

mu_status context_from_ptr(context_call *call)
{
    return from_pointer(call, MU_IR_UPTR, "uptr");
}

mu_status context_from_fp(context_call *call)
{
    return from_pointer(call, MU_IR_UFUNCPTR, "ufuncptr");
}

/* ---- out of handles */

static mu_status to_word(context_call *call, mu_ir_type_kind kind)
{
    mu_status status = context_expect(call, 1, kind);
    return status == MU_OK ? context_answer(call, context_value_at(call, 1)->words[0]) : status;
}

mu_status context_to_int(context_call *call)
{
    mu_status status = to_word(call, MU_IR_INT);
    if (status == MU_OK) {
        call->answer.high = context_value_at(call, 1)->words[1];
        call->answer.bits = context_value_at(call, 1)->type->bits;
    }
    return status;
}

mu_status context_to_float(context_call *call)
{
    return to_word(call, MU_IR_FLOAT);
}

mu_status context_to_double(context_call *call)
{
    return to_word(call, MU_IR_DOUBLE);
}

mu_status context_to_ptr(context_call *call)
{
    return to_word(call, MU_IR_UPTR);
}

mu_status context_to_fp(context_call *call)
{
    return to_word(call, MU_IR_UFUNCPTR);
}

mu_status context_delete_value(context_call *call)
{
    context_drop(call->context, context_value_at(call, 1));
    return MU_OK;
}

/* ---- comparisons */

static uint64_t address_of(const context_value *value)
{
    return value->words[0] + value->words[1];
}

static bool is_general_reference(const mu_ir_type *type)
{
    switch ((int)type->kind) {
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_FUNCREF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: return true;
    default: return false;
    }
}

mu_status context_ref_eq(context_call *call)
{
    const context_value *left = context_value_at(call, 1);
    if (!is_general_reference(left->type)) {
        return context_refuse_type(call, 1, "a general reference", left->type);
    }
    /* Of one kind, but also with different targets: that is for the verifier to keep apart. */
    mu_status status = context_expect(call, 2, left->type->kind);
    bool is_equal = address_of(left) == address_of(context_value_at(call, 2));
    return status == MU_OK ? context_answer(call, is_equal) : status;
}

mu_status context_ref_ult(context_call *call)
{
    mu_status status = MU_OK;
    const context_value *left = context_value_at(call, 1);
    MU_TRY(context_expect(call, 1, MU_IR_IREF));
    MU_TRY(context_expect_type(call, 2, left->type));
    status = context_answer(call, address_of(left) < address_of(context_value_at(call, 2)));
done:
    return status;
}
