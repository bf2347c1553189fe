/* What has to do with native code (uvm-client-interface.rest, Object pinning; Exposing Mu functions
 * for native callback). An address is only good for who may have the process's memory. */
#include "context_internal.h"

static mu_status expect_grant(context_call *call)
{
    return call->vm->config.grant_native
               ? MU_OK
               : context_refuse(call, MU_NOT_ALLOWED, 0, "the VM lacks the grant native");
}

/* ---- pins */

/* Operand 1 is a ref or an iref; `is_iref` says which. */
static mu_status expect_location(context_call *call, bool *is_iref)
{
    mu_ir_type *type = context_value_at(call, 1)->type;
    mu_status status = expect_grant(call);
    *is_iref = type->kind == MU_IR_IREF;
    if (status == MU_OK && !*is_iref && type->kind != MU_IR_REF) {
        status = context_refuse_type(call, 1, "a ref or iref", type);
    }
    return status;
}

static bool add_pin(context_call *call, bool is_iref)
{
    const context_value *value = context_value_at(call, 1);
    return thread_add_pin(&call->context->mutator, value->words[0], is_iref ? value->words[1] : 0);
}

mu_status context_pin(context_call *call)
{
    bool is_iref;
    mu_status status = expect_location(call, &is_iref);
    if (status != MU_OK) {
        return status;
    }
    bool is_pinned = add_pin(call, is_iref);
    if (!is_pinned) {
        vm_collect(call->vm, &call->context->mutator);
        is_pinned = add_pin(call, is_iref);
    }
    if (!is_pinned) {
        return context_refuse(call, MU_NO_MEMORY, 0, "no room for another pinned object");
    }
    const context_value *value = context_value_at(call, 1);
    return context_give_word(call, context_type_of(call->context, MU_IR_UPTR, value->type->element),
                             value->words[0] + (is_iref ? value->words[1] : 0));
}

mu_status context_unpin(context_call *call)
{
    bool is_iref;
    mu_status status = expect_location(call, &is_iref);
    if (status != MU_OK) {
        return status;
    }
    const context_value *value = context_value_at(call, 1);
    bool was_pinned =
        thread_take_pin(&call->context->mutator, value->words[0], is_iref ? value->words[1] : 0);
    return was_pinned ? MU_OK : context_refuse(call, MU_STATE, 1, "this context has not pinned it");
}

/* ---- exposed functions */

/* The one place that waits for functions that C can call. */
static mu_status refuse_expose(context_call *call)
{
    return context_refuse(call, MU_UNSUPPORTED, 0, "expose: not in this build");
}

mu_status context_exposed_address(context_call *call, const mu_ir_expose *expose, uint64_t *address)
{
    (void)expose;
    (void)address;
    return refuse_expose(call);
}

mu_status context_from_expose(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_entity *entity;
    uint64_t address;
    MU_TRY(context_expect_entity(call, 1, MU_IR_EXPOSE, &entity));
    mu_ir_expose *expose = (mu_ir_expose *)entity;
    MU_TRY(context_exposed_address(call, expose, &address));
    status = context_give_word(call, expose->pointer_type, address);
done:
    return status;
}

mu_status context_expose_func(context_call *call)
{
    mu_status status = MU_OK;
    MU_TRY(context_expect_object(call, 1, MU_IR_FUNCREF));
    MU_TRY(context_expect(call, 3, MU_IR_INT));
    MU_TRY(expect_grant(call));
    status = refuse_expose(call);
done:
    return status;
}

mu_status context_unexpose(context_call *call)
{
    mu_status status = MU_OK;
    MU_TRY(context_expect_object(call, 2, MU_IR_UFUNCPTR));
    MU_TRY(expect_grant(call));
    status = refuse_expose(call);
done:
    return status;
}
