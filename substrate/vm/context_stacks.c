/* Stacks and threads (uvm-client-interface.rest, Stack and thread operations). */
#include "context_internal.h"

#include <string.h>

/* ---- stacks */

mu_status context_expect_function(context_call *call, uint32_t operand, uint64_t *number)
{
    mu_status status = context_expect_object(call, operand, MU_IR_FUNCREF);
    if (status != MU_OK) {
        return status;
    }
    uint64_t given = context_value_at(call, operand)->words[0];
    if (given >= call->vm->table_count) { /* native code can write anything into a cell */
        return context_refuse(call, MU_INVALID, operand, "refers to no function");
    }
    *number = given;
    return MU_OK;
}

/* A function that a frame can be of: what is only declared may have a signature that no call can
 * pass. */
static mu_status expect_callable(context_call *call, uint32_t operand, uint64_t *number)
{
    mu_status status = context_expect_function(call, operand, number);
    if (status != MU_OK) {
        return status;
    }
    const mu_ir_func *func = call->vm->functions[*number].func;
    if (!mu_jit_can_pass(func->sig->params, func->sig->param_count)) {
        return context_refuse(call, MU_UNSUPPORTED, operand,
                              "the parameters of %.80s are more than a call can pass",
                              func->entity.name);
    }
    return MU_OK;
}

mu_status context_new_stack(context_call *call)
{
    mu_status status = MU_OK;
    uint64_t number = 0;
    uint64_t made = 0;
    MU_TRY(expect_callable(call, 1, &number));
    MU_TRY(context_refuse_error(call, vm_stack_make(&call->context->mutator, number, &made), 1));
    status = context_give_word(call, context_type(call->context, MU_IR_STACKREF), made);
done:
    return status;
}

mu_status context_kill_stack(context_call *call)
{
    mu_status status = MU_OK;
    MU_TRY(context_expect_object(call, 1, MU_IR_STACKREF));
    status =
        context_refuse_error(call, vm_stack_kill(call->vm, context_value_at(call, 1)->words[0]), 1);
done:
    return status;
}

mu_status context_push_frame(context_call *call)
{
    mu_status status = MU_OK;
    uint64_t number = 0;
    MU_TRY(context_expect_object(call, 1, MU_IR_STACKREF));
    MU_TRY(expect_callable(call, 2, &number));
    mu_guest_error error =
        vm_push_frame(&call->context->mutator, context_value_at(call, 1)->words[0], number);
    status = context_refuse_error(call, error, 1);
done:
    return status;
}

/* ---- passing values */

mu_status context_check_passed(context_call *call, const stack_state *state,
                               const uint64_t *handles, uint32_t count, uint32_t first)
{
    if (count != state->wanted_count) {
        return context_refuse(call, MU_INVALID, 0, "the stack waits for %u values, not %u",
                              state->wanted_count, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        const context_value *value = context_find(call->context, handles[i]);
        if (!value) {
            return context_refuse(call, MU_INVALID, first + i, "there is no handle %llu",
                                  (unsigned long long)handles[i]);
        }
        if (!mu_ir_type_same(value->type, state->wanted[i])) {
            char *text = mu_ir_type_text(state->wanted[i]);
            mu_status status = context_refuse_type(call, first + i, text, value->type);
            mu_free(text);
            return status;
        }
    }
    return MU_OK;
}

void context_pass(mu_context *context, mu_thread *thread, const uint64_t *handles)
{
    mu_jit_place *places = mu_allocate(thread->pending_count * sizeof *places);
    mu_jit_assign_places(thread->pending_types, thread->pending_count, places);
    for (uint32_t i = 0; i < thread->pending_count; i++) {
        thread_put_place(thread, &places[i], context_bytes(context_find(context, handles[i])));
    }
    mu_free(places);
}

/* ---- threads */

/* The thread that operand 2, of kind o, gives as its thread-local reference. */
static mu_status expect_local(context_call *call)
{
    return context_value_at(call, 2) ? context_expect(call, 2, MU_IR_REF) : MU_OK;
}

static uintptr_t local_of(const context_call *call)
{
    const context_value *local = context_value_at(call, 2);
    return local ? local->words[0] : 0;
}

/* The stack of operand 1 gets a thread, which waits to be started; VM's lock held. The list is
 * passed, or the exception (not NULL) thrown. */
static mu_status bind_new(context_call *call, mu_ref handle, const context_value *exception,
                          mu_thread **made)
{
    mu_vm *vm = call->vm;
    vm_stack *stack;
    mu_status status = MU_OK;
    vm_quota exceeded;
    MU_TRY(context_refuse_error(
        call, vm_stack_find_parked(context_value_at(call, 1)->words[0], &stack), 1));
    if (!exception) {
        MU_TRY(context_check_passed(call, &stack->state, call->list, call->list_count,
                                    call->list_first));
    }
    if (!vm_thread_claim(vm, &exceeded)) {
        return context_refuse_quota(call, exceeded);
    }
    *made = vm_thread_make(vm, stack, handle, local_of(call));
    if (exception) {
        thread_throw_at_start(*made, exception->words[0]);
    } else {
        context_pass(call->context, *made, call->list);
    }
done:
    return status;
}

static mu_status new_thread(context_call *call, const context_value *exception)
{
    mu_ref handle;
    mu_thread *made = NULL;
    mu_status status = MU_OK;
    MU_TRY(context_expect_object(call, 1, MU_IR_STACKREF));
    MU_TRY(expect_local(call));
    MU_TRY(context_refuse_error(call,
                                vm_thread_new_handle(&call->context->mutator, &handle) == MU_OK
                                    ? MU_GUEST_ERROR_NONE
                                    : MU_GUEST_ERROR_OUT_OF_MEMORY,
                                0));
    pthread_mutex_lock(&call->vm->lock);
    status = bind_new(call, handle, exception, &made);
    pthread_mutex_unlock(&call->vm->lock);
    if (status == MU_OK) {
        vm_thread_start_made(made);
        status =
            context_give_word(call, context_type(call->context, MU_IR_THREADREF), handle.address);
    }
done:
    return status;
}

mu_status context_new_thread_nor(context_call *call)
{
    return new_thread(call, NULL);
}

mu_status context_new_thread_exc(context_call *call)
{
    mu_status status = context_expect(call, 3, MU_IR_REF);
    return status == MU_OK ? new_thread(call, context_value_at(call, 3)) : status;
}

/* ---- thread-local references: of a thread whose trap the context has taken */

/* NULL: there is none. VM's lock held. */
static mu_thread *find_taken(context_call *call)
{
    uintptr_t handle = context_value_at(call, 1)->words[0];
    for (mu_thread *thread = call->vm->threads; thread; thread = thread->next) {
        if (thread_is_held_by(thread, call->context) && thread->handle == handle) {
            return thread;
        }
    }
    return NULL;
}

/* Reads the thread-local reference of the thread that is operand 1, and writes `next` if there is
 * one. */
static mu_status use_local(context_call *call, const uintptr_t *next, uintptr_t *local)
{
    mu_status status = context_expect_object(call, 1, MU_IR_THREADREF);
    if (status != MU_OK) {
        return status;
    }
    pthread_mutex_lock(&call->vm->lock);
    mu_thread *thread = find_taken(call);
    if (thread) {
        *local = thread->local;
        thread->local = next ? *next : thread->local;
    }
    pthread_mutex_unlock(&call->vm->lock);
    return thread ? MU_OK
                  : context_refuse(call, MU_STATE, 1,
                                   "not a thread that waits in a trap for this context's answer");
}

mu_status context_set_threadlocal(context_call *call)
{
    uintptr_t old = 0;
    mu_status status = context_expect(call, 2, MU_IR_REF);
    return status == MU_OK ? use_local(call, &context_value_at(call, 2)->words[0], &old) : status;
}

mu_status context_get_threadlocal(context_call *call)
{
    uintptr_t local = 0;
    mu_status status = use_local(call, NULL, &local);
    return status == MU_OK ? context_give_word(call, context_ref_void(call->context), local)
                           : status;
}
