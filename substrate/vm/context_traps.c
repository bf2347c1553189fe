/* A trapped thread in a context's hands (uvm-client-interface.rest, Trap Handling). While it is
 * taken it is still TRAPPED, but has no stack: that is parked like any other, with a handle in the
 * thread's site_stack to keep it until the answer. */
#include "context_internal.h"

#include <string.h>

/* What an answer says about itself in messages. */
static context_call call_of(mu_context *context, mu_report *report, const char *name)
{
    return (context_call){
        .context = context, .vm = context->mutator.vm, .report = report, .name = name};
}

/* ---- taking */

/* Unbinds the thread from its stack; both get a handle if they have none. VM's lock held. */
static mu_status unbind(mu_context *context, mu_thread *thread, mu_ref new_thread_handle,
                        mu_ref new_stack_handle)
{
    if (thread->state != MU_THREAD_TRAPPED || thread->holder || thread_is_killed(thread)) {
        return MU_STATE;
    }
    vm_stack *stack = thread->stack;
    if (!thread->handle) {
        thread->handle = new_thread_handle.address;
    }
    if (!stack->handle) {
        vm_stack_set_handle(stack, new_stack_handle);
    }
    vm_stack_park(thread, thread->pending_types, thread->pending_count);
    stack->changes++;
    thread->abi.site_stack = stack->handle;
    thread->held_changes = stack->changes;
    thread->holder = context;
    return MU_OK;
}

/* VM's lock held. */
static bool is_as_it_trapped(const mu_thread *thread, vm_stack **stack)
{
    return vm_stack_find_parked(thread->abi.site_stack, stack) == MU_GUEST_ERROR_NONE &&
           (*stack)->changes == thread->held_changes;
}

/* Undoes unbind; VM's lock held. */
static void put_back(mu_thread *thread, vm_stack *stack)
{
    thread->abi.site_stack = 0;
    thread->holder = NULL;
    vm_stack_bind(thread, stack, NULL);
}

/* In the world. */
static mu_status take(context_call *call, mu_thread *thread, uint64_t *stack_word,
                      uint64_t *thread_word)
{
    mu_thread *mutator = &call->context->mutator;
    mu_ref thread_handle;
    mu_ref stack_handle;
    mu_status status = MU_OK;
    MU_TRY(vm_stack_new_handle(mutator, &stack_handle));
    mutator->abi.site_stack = stack_handle.address; /* a root, while the other is made */
    status = vm_thread_new_handle(mutator, &thread_handle);
    stack_handle.address = mutator->abi.site_stack;
    mutator->abi.site_stack = 0;
    MU_TRY(status);
    pthread_mutex_lock(&call->vm->lock);
    status = unbind(call->context, thread, thread_handle, stack_handle);
    if (status == MU_OK) {
        *stack_word = thread->abi.site_stack;
        *thread_word = thread->handle;
    }
    pthread_mutex_unlock(&call->vm->lock);
done:
    return status;
}

mu_status mu_context_take_trap(mu_context *context, mu_thread *thread, uint64_t thread_handle,
                               uint64_t stack_handle)
{
    context_call call = call_of(context, NULL, "take_trap");
    uint64_t stack_word;
    uint64_t thread_word;
    mu_status status = thread_handle == stack_handle ? MU_INVALID : MU_OK;
    vm_enter_world(&context->mutator);
    MU_TRY(status);
    MU_TRY(context_check_free(&call, thread_handle, 2));
    MU_TRY(context_check_free(&call, stack_handle, 2));
    MU_TRY(take(&call, thread, &stack_word, &thread_word));
    call.next = thread_handle;
    MU_TRY(context_give_word(&call, context_type(context, MU_IR_THREADREF), thread_word));
    call.next = stack_handle;
    MU_TRY(context_give_word(&call, context_type(context, MU_IR_STACKREF), stack_word));
done:
    context_settle(&call);
    vm_leave_world(&context->mutator);
    return status;
}

/* ---- answering */

/* The stack to bind to; VM's lock held. */
static mu_status expect_ready(context_call *call, const mu_trap_verdict *verdict, vm_stack **stack)
{
    const context_value *value = context_find(call->context, verdict->stack);
    if (!value) {
        return context_refuse(call, MU_INVALID, 0, "there is no handle %llu for a stack",
                              (unsigned long long)verdict->stack);
    }
    if (value->type->kind != MU_IR_STACKREF) {
        return context_refuse_type(call, 0, "stackref", value->type);
    }
    return context_refuse_error(call, vm_stack_find_parked(value->words[0], stack), 0);
}

static mu_status find_exception(context_call *call, uint64_t handle, uint64_t *word)
{
    const context_value *value = context_find(call->context, handle);
    if (handle && !value) {
        return context_refuse(call, MU_INVALID, 0, "there is no handle %llu for an exception",
                              (unsigned long long)handle);
    }
    if (value && value->type->kind != MU_IR_REF) {
        return context_refuse_type(call, 0, "a ref as the exception", value->type);
    }
    *word = value ? value->words[0] : 0;
    return MU_OK;
}

/* Lets the thread go on, bound to the stack. */
static void rebind(mu_thread *thread, vm_stack *stack)
{
    thread->pending = PENDING_RESULTS;
    thread->pending_types = stack->state.wanted;
    thread->pending_count = stack->state.wanted_count;
    vm_stack_bind(thread, stack, NULL);
}

/* VM's lock held. */
static mu_status decide(context_call *call, mu_thread *thread, const mu_trap_verdict *verdict)
{
    vm_stack *stack = NULL;
    uint64_t exception = 0;
    mu_status status = MU_OK;
    if (!thread_is_held_by(thread, call->context)) {
        return context_refuse(call, MU_STATE, 0, "the context does not have the thread");
    }
    if (verdict->decision == MU_TRAP_EXIT) {
        thread->exit_wanted = true;
        return MU_OK;
    }
    if (verdict->decision != MU_TRAP_PASS && verdict->decision != MU_TRAP_THROW) {
        return context_refuse(call, MU_INVALID, 0, "%u is no decision",
                              (unsigned)verdict->decision);
    }
    MU_TRY(expect_ready(call, verdict, &stack));
    if (verdict->decision == MU_TRAP_PASS) {
        MU_TRY(context_check_passed(call, &stack->state, verdict->values, verdict->value_count, 1));
        rebind(thread, stack);
        context_pass(call->context, thread, verdict->values);
    } else {
        MU_TRY(find_exception(call, verdict->exception, &exception));
        rebind(thread, stack);
        thread_throw_at_start(thread, exception);
    }
done:
    return status;
}

mu_status mu_context_answer_trap(mu_context *context, mu_thread *thread,
                                 const mu_trap_verdict *verdict, mu_report *report)
{
    context_call call = call_of(context, report, "the answer to the trap");
    mu_vm *vm = context->mutator.vm;
    vm_lock_quiet(vm);
    mu_status status = decide(&call, thread, verdict);
    if (status == MU_OK) {
        thread->abi.site_stack = 0;
        thread->holder = NULL;
        thread_wake(thread);
    }
    pthread_mutex_unlock(&vm->lock);
    return status;
}

/* ---- lending */

mu_status mu_context_lend_trap(mu_context *context, mu_thread *thread, mu_report *report)
{
    context_call call = call_of(context, report, "the answer to the trap");
    mu_vm *vm = context->mutator.vm;
    vm_stack *stack = NULL;
    mu_status status = MU_OK;
    vm_lock_quiet(vm);
    if (!thread_is_held_by(thread, context)) {
        status = context_refuse(&call, MU_STATE, 0, "the context does not have the thread");
    } else if (!is_as_it_trapped(thread, &stack)) {
        status = context_refuse(&call, MU_STATE, 0,
                                "the stack has been changed or is gone: a rebind has to answer");
    } else {
        put_back(thread, stack);
    }
    pthread_mutex_unlock(&vm->lock);
    return status;
}

mu_status mu_context_retake_trap(mu_context *context, mu_thread *thread)
{
    context_call call = call_of(context, NULL, "retake_trap");
    uint64_t stack_word;
    uint64_t thread_word;
    vm_enter_world(&context->mutator);
    /* New handles: nobody may have had the old ones meanwhile, and a collection took them. */
    mu_status status = take(&call, thread, &stack_word, &thread_word);
    vm_leave_world(&context->mutator);
    return status;
}

/* ---- giving back */

bool thread_take_back(mu_thread *thread)
{
    vm_stack *stack;
    bool can = is_as_it_trapped(thread, &stack);
    if (can) {
        put_back(thread, stack);
    } else {
        thread->abi.site_stack = 0;
        thread->holder = NULL;
    }
    return can;
}

void mu_context_return_trap(mu_context *context, mu_thread *thread)
{
    mu_vm *vm = context->mutator.vm;
    vm_lock_quiet(vm);
    if (thread_is_held_by(thread, context) && !thread_take_back(thread)) {
        thread_want_killed(thread);
        thread_wake(thread);
    }
    pthread_mutex_unlock(&vm->lock);
}
