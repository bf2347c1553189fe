/* On-stack replacement: what a frame waits for, frames pushed and popped; on parked stacks for the
 * program (cursors.c), on a trapped thread's for its handler. */
#include "vm_internal.h"

#include <string.h>

void vm_stack_wait_at(const mu_code_object *object, const mu_code_site *site, stack_state *state)
{
    const mu_ir_version *version = object->version;
    const mu_ir_inst *inst = &version->insts[site->inst];
    if (inst->op == MU_OP_CALL) {
        const mu_ir_sig *sig = version->sigs[inst->sigs.first];
        state->wanted = sig->results;
        state->wanted_count = sig->result_count;
        return;
    }
    state->wanted = version->types + inst->types.first;
    state->wanted_count = inst->op == MU_OP_SWAPSTACK ? inst->pass_types_first : inst->types.count;
}

mu_guest_error vm_stack_push(mu_vm *vm, vm_stack *stack, stack_state *state, const mu_ir_func *func)
{
    if (!vm_stack_wants(state, func->sig->results, func->sig->result_count)) {
        return MU_GUEST_ERROR_STACK_STATE;
    }
    if (state->resume == RESUME_FUNCTION) {
        uintptr_t sp = state->sp - MU_ABI_ADAPTER_WORDS * sizeof(uintptr_t);
        if (!vm_stack_grow(vm, stack, sp)) {
            return MU_GUEST_ERROR_STACK_OVERFLOW;
        }
        uintptr_t *words = (uintptr_t *)sp;
        memset(words, 0, MU_ABI_ADAPTER_WORDS * sizeof *words);
        words[0] = mu_jit_adapter(vm->substrate->jit);
        words[1] = state->callee;
        state->sp = sp;
    }
    state->resume = RESUME_FUNCTION;
    state->callee = func->number;
    state->wanted = func->sig->params;
    state->wanted_count = func->sig->param_count;
    return MU_GUEST_ERROR_NONE;
}

/* ---- a trapped thread's stack */

static stack_state state_of(const mu_thread *thread)
{
    return (stack_state){.resume = thread->resume,
                         .sp = thread->abi.mu_sp,
                         .fp = thread->abi.mu_fp,
                         .callee = thread->abi.callee,
                         .wanted = thread->pending_types,
                         .wanted_count = thread->pending_count};
}

static void set_state(mu_thread *thread, const stack_state *state)
{
    thread->resume = state->resume;
    thread->abi.mu_sp = state->sp;
    thread->abi.mu_fp = state->fp;
    thread->abi.callee = state->callee;
    thread->pending_types = state->wanted;
    thread->pending_count = state->wanted_count;
    thread->trap_is_hidden = false;
    thread->stack->changes++;
}

static mu_status pop_to(mu_thread *thread, uint32_t frame)
{
    mu_stack_cursor cursor;
    bool more = thread_first_frame(thread, &cursor);
    for (uint32_t i = 0; i < frame && more; i++) {
        more = mu_stack_next(thread->vm->substrate->code, &cursor);
    }
    if (!more) {
        return MU_NOT_FOUND;
    }
    stack_state state = {
        .resume = RESUME_RETURN, .sp = cursor.sp - sizeof(uintptr_t), .fp = cursor.frame};
    vm_stack_wait_at(cursor.object, cursor.site, &state);
    set_state(thread, &state);
    return MU_OK;
}

mu_status mu_thread_pop_frames_to(mu_thread *thread, uint32_t frame)
{
    vm_lock_quiet(thread->vm);
    mu_status status = thread->state == MU_THREAD_TRAPPED ? pop_to(thread, frame) : MU_STATE;
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}

mu_status mu_thread_push_frame(mu_thread *thread, const mu_function *function, mu_report *report)
{
    const mu_ir_func *func = (const mu_ir_func *)function;
    mu_status status = MU_OK;
    vm_lock_quiet(thread->vm);
    if (thread->state != MU_THREAD_TRAPPED) {
        status = mu_report_add(report, MU_STATE, (mu_location){0}, "the thread is not trapped");
    } else {
        stack_state state = state_of(thread);
        mu_guest_error error = vm_stack_push(thread->vm, thread->stack, &state, func);
        if (error == MU_GUEST_ERROR_NONE) {
            set_state(thread, &state);
        } else if (error == MU_GUEST_ERROR_STACK_STATE) {
            char *signature = mu_ir_sig_text(func->sig);
            status = mu_report_add(report, MU_INVALID, (mu_location){0},
                                   "%s does not return what the frame below waits for: %s",
                                   func->entity.name, signature);
            mu_free(signature);
        } else {
            status = mu_report_add(report, MU_LIMIT, (mu_location){0}, "the stack is used up");
        }
    }
    pthread_mutex_unlock(&thread->vm->lock);
    return status;
}
