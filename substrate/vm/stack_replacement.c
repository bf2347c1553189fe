/* On-stack replacement: what a frame waits for, frames pushed and popped; on parked stacks for the
 * program (cursors.c), on a trapped thread's for its handler. */
#include "vm_internal.h"

#include <string.h>

void vm_stack_wait_at(const mu_code_object *object, const mu_code_site *site, stack_state *state)
{
    const mu_ir_version *version = object->version;
    if (site->kind == MU_CODE_SITE_NATIVE) { /* C waits for what it called */
        const mu_ir_sig *sig = vm_callback_at(state->sp)->func->sig;
        state->wanted = sig->results;
        state->wanted_count = sig->result_count;
        return;
    }
    const mu_ir_inst *inst = &version->insts[site->inst];
    if (inst->op == MU_OP_CALL || inst->op == MU_OP_CCALL) {
        const mu_ir_sig *sig = version->sigs[inst->sigs.first];
        state->wanted = sig->results;
        state->wanted_count = sig->result_count;
        return;
    }
    state->wanted = version->types + inst->types.first;
    state->wanted_count = inst->op == MU_OP_SWAPSTACK ? inst->pass_types_first : inst->types.count;
}

static void begin_function(const mu_vm *vm, stack_state *state, const mu_ir_func *func)
{
    if (state->resume == RESUME_FUNCTION) {
        uintptr_t *words = (uintptr_t *)(state->sp - MU_ABI_ADAPTER_WORDS * sizeof(uintptr_t));
        memset(words, 0, MU_ABI_ADAPTER_WORDS * sizeof *words);
        words[0] = mu_jit_adapter(vm->substrate->jit);
        words[1] = state->callee;
        state->sp = (uintptr_t)words;
    }
    state->resume = RESUME_FUNCTION;
    state->callee = func->number;
    state->wanted = func->sig->params;
    state->wanted_count = func->sig->param_count;
}

static uintptr_t lowest_after(const stack_state *state, uint32_t pushes)
{
    return state->sp - (uintptr_t)pushes * MU_ABI_ADAPTER_WORDS * sizeof(uintptr_t);
}

mu_guest_error vm_stack_push(mu_thread *thread, vm_stack *stack, const mu_ir_func *func)
{
    mu_vm *vm = thread->vm;
    vm_quota exceeded;
    stack_state *state = &stack->state;
    if (!vm_stack_wants(state, func->sig->results, func->sig->result_count)) {
        return MU_GUEST_ERROR_STACK_STATE;
    }
    if (!vm_stack_grow(vm, stack, lowest_after(state, 1), &exceeded)) {
        thread->exceeded = exceeded;
        return MU_GUEST_ERROR_STACK_OVERFLOW;
    }
    begin_function(vm, state, func);
    stack->changes++;
    return MU_GUEST_ERROR_NONE;
}

/* ---- a trapped thread's stack */

static mu_status plan_pops(mu_thread *thread, uint32_t pops, stack_state *state, mu_report *report)
{
    mu_stack_cursor cursor;
    bool more = thread_first_frame(thread, &cursor);
    for (uint32_t i = 0; i < pops && more; i++) {
        if (mu_stack_is_native(&cursor)) {
            return mu_report_add(report, MU_INVALID, (mu_location){0},
                                 "%u frames cannot be popped: number %u is of C code", pops, i + 1);
        }
        more = mu_stack_next(thread->vm->substrate->code, &cursor);
    }
    if (!more) {
        return mu_report_add(report, MU_INVALID, (mu_location){0},
                             "%u frames cannot be popped: the last one has to stay", pops);
    }
    *state = (stack_state){
        .resume = RESUME_RETURN, .sp = cursor.sp - sizeof(uintptr_t), .fp = cursor.frame};
    vm_stack_wait_at(cursor.object, cursor.site, state);
    return MU_OK;
}

mu_status thread_plan_replacement(mu_thread *thread, const mu_replacement *replacement,
                                  stack_state *state, mu_report *report)
{
    mu_status status = plan_pops(thread, replacement->pops, state, report);
    if (status != MU_OK) {
        return status;
    }
    vm_quota exceeded;
    if (!vm_stack_grow(thread->vm, thread->stack, lowest_after(state, replacement->push_count),
                       &exceeded)) {
        return vm_report_quota(thread->vm, exceeded, report);
    }
    for (uint32_t i = 0; i < replacement->push_count; i++) {
        const mu_ir_func *func = (const mu_ir_func *)replacement->pushes[i];
        if (!vm_stack_wants(state, func->sig->results, func->sig->result_count)) {
            char *signature = mu_ir_sig_text(func->sig);
            status = mu_report_add(report, MU_INVALID, (mu_location){0},
                                   "%s does not return what the frame below waits for: %s",
                                   func->entity.label, signature);
            mu_free(signature);
            return status;
        }
        /* A function that is only declared has not been through the verifier's limits. */
        if (!mu_jit_can_pass(func->sig->params, func->sig->param_count)) {
            return mu_report_add(report, MU_UNSUPPORTED, (mu_location){0},
                                 "%s: its parameters are more than a call can pass",
                                 func->entity.label);
        }
        state->wanted = func->sig->params;
        state->wanted_count = func->sig->param_count;
    }
    return MU_OK;
}

void thread_apply_replacement(mu_thread *thread, const mu_replacement *replacement,
                              stack_state *state)
{
    if (!replacement->pops && !replacement->push_count) {
        return;
    }
    for (uint32_t i = 0; i < replacement->push_count; i++) {
        begin_function(thread->vm, state, (const mu_ir_func *)replacement->pushes[i]);
    }
    thread->abi.stack_floor = thread->stack->floor;
    thread->resume = state->resume;
    thread->abi.mu_sp = state->sp;
    thread->abi.mu_fp = state->fp;
    thread->abi.callee = state->callee;
    thread->pending_types = state->wanted;
    thread->pending_count = state->wanted_count;
    thread->stack->changes++;
}
