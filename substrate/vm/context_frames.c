/* Walking and changing the frames of a stack that nobody runs (uvm-client-interface.rest, Stack
 * introspection; On-stack replacement): what cursors.c does for programs. */
#include "context_internal.h"

#include <string.h>

static mu_status make_cursor(context_call *call, mu_ir_type_kind from,
                             mu_guest_error (*make)(mu_thread *, const uint64_t *, uint64_t *))
{
    uint64_t made;
    mu_status status = MU_OK;
    MU_TRY(context_expect_object(call, 1, from));
    mu_guest_error error =
        make(&call->context->mutator, &context_value_at(call, 1)->words[0], &made);
    MU_TRY(context_refuse_error(call, error, 1));
    status = context_give_word(call, context_type(call->context, MU_IR_FRAMECURSORREF), made);
done:
    return status;
}

mu_status context_new_cursor(context_call *call)
{
    return make_cursor(call, MU_IR_STACKREF, vm_cursor_new);
}

mu_status context_copy_cursor(context_call *call)
{
    return make_cursor(call, MU_IR_FRAMECURSORREF, vm_cursor_copy);
}

static mu_status use_cursor(context_call *call, mu_ir_comminst what, uint64_t *id)
{
    mu_status status = context_expect_object(call, 1, MU_IR_FRAMECURSORREF);
    if (status != MU_OK) {
        return status;
    }
    uintptr_t cursor = context_value_at(call, 1)->words[0];
    mu_guest_error error = vm_cursor_use(call->vm, cursor, what, id);
    if (error == MU_GUEST_ERROR_STACK_STATE) {
        return context_refuse(call, MU_STATE, 1,
                              "the cursor is closed or at the bottom frame, or its stack has "
                              "changed, is bound or dead");
    }
    return context_refuse_error(call, error, 1);
}

static mu_status give_id(context_call *call, mu_ir_comminst what)
{
    uint64_t id = 0;
    mu_status status = use_cursor(call, what, &id);
    return status == MU_OK ? context_answer(call, id) : status;
}

mu_status context_next_frame(context_call *call)
{
    return use_cursor(call, MU_COMMINST_META_NEXT_FRAME, NULL);
}

mu_status context_close_cursor(context_call *call)
{
    return use_cursor(call, MU_COMMINST_META_CLOSE_CURSOR, NULL);
}

mu_status context_pop_frames_to(context_call *call)
{
    return use_cursor(call, MU_COMMINST_META_POP_FRAMES_TO, NULL);
}

mu_status context_cur_func(context_call *call)
{
    return give_id(call, MU_COMMINST_META_CUR_FUNC);
}

mu_status context_cur_func_ver(context_call *call)
{
    return give_id(call, MU_COMMINST_META_CUR_FUNC_VER);
}

mu_status context_cur_inst(context_call *call)
{
    return give_id(call, MU_COMMINST_META_CUR_INST);
}

/* VM's lock held. All or nothing: what there is no room for is refused first. */
static mu_status give_values(context_call *call, const vm_frame_values *values)
{
    mu_status status = MU_OK;
    for (uint32_t i = 0; i < values->count && status == MU_OK; i++) {
        uint64_t handle = call->operation->result + i;
        status = context_check_free(call, handle, values->count);
    }
    for (uint32_t i = 0; i < values->count && status == MU_OK; i++) {
        mu_ir_type *type;
        const void *memory = vm_frame_value(values, i, &type);
        status = context_give(call, type, memory);
    }
    return status;
}

mu_status context_dump_keepalives(context_call *call)
{
    vm_frame_values values;
    mu_status status = MU_OK;
    MU_TRY(context_expect_object(call, 1, MU_IR_FRAMECURSORREF));
    pthread_mutex_lock(&call->vm->lock);
    mu_guest_error error = vm_cursor_values(call->vm, context_value_at(call, 1)->words[0], &values);
    status = context_refuse_error(call, error, 1);
    if (status == MU_OK) {
        status = give_values(call, &values);
    }
    pthread_mutex_unlock(&call->vm->lock);
    if (status == MU_OK) {
        status = context_answer(call, values.count);
    }
done:
    return status;
}
