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

mu_status context_pin(context_call *call)
{
    bool is_iref;
    mu_status status = expect_location(call, &is_iref);
    if (status != MU_OK) {
        return status;
    }
    const context_value *value = context_value_at(call, 1);
    if (!thread_add_pin(&call->context->mutator, value->words[0], is_iref ? value->words[1] : 0)) {
        if (call->context->mutator.exceeded != QUOTA_NONE) {
            return context_refuse_quota(call, call->context->mutator.exceeded);
        }
        return context_refuse(call, MU_NO_MEMORY, 0,
                              "this context has pinned as many different places as it may: unpin "
                              "some");
    }
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

/* The flag of the only calling convention that there is. */
#define CONVENTION_DEFAULT 0

static mu_status expect_convention(context_call *call, uint32_t operand)
{
    uint64_t flag = context_integer_at(call, operand);
    return flag == CONVENTION_DEFAULT
               ? MU_OK
               : context_refuse(call, MU_INVALID, operand, "%llu is no calling convention: 0 is",
                                (unsigned long long)flag);
}

mu_status context_from_expose(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_entity *entity;
    MU_TRY(context_expect_entity(call, 1, MU_IR_EXPOSE, &entity));
    const mu_ir_expose *exposed = (const mu_ir_expose *)entity;
    status = context_give_word(call, exposed->pointer_type, vm_exposed_address(exposed));
done:
    return status;
}

mu_status context_expose_func(context_call *call)
{
    mu_status status = MU_OK;
    uintptr_t address = 0;
    MU_TRY(expect_grant(call));
    uint64_t function = 0;
    MU_TRY(context_expect_function(call, 1, &function));
    MU_TRY(expect_convention(call, 2));
    MU_TRY(context_expect_type(call, 3, context_int_type(call->context, 64)));
    mu_ir_type form = {.kind = MU_IR_UFUNCPTR, .sig = call->vm->functions[function].func->sig};
    status = vm_expose(call->vm, function, context_value_at(call, 3)->words[0], &address);
    if (status != MU_OK) {
        return context_refuse(call, status, 1, "cannot be exposed: %s", mu_status_text(status));
    }
    status = context_give_word(call, mu_ir_type_pool_get(call->context->types, &form), address);
done:
    return status;
}

mu_status context_unexpose(context_call *call)
{
    mu_status status = MU_OK;
    MU_TRY(expect_grant(call));
    MU_TRY(expect_convention(call, 1));
    MU_TRY(context_expect_object(call, 2, MU_IR_UFUNCPTR));
    status = vm_unexpose(call->vm, context_value_at(call, 2)->words[0]);
    if (status != MU_OK) {
        return context_refuse(call, status, 2, "is not the address of an exposed function");
    }
done:
    return status;
}
