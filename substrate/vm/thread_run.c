/* One slice of a thread on a worker: enter Mu code, do what it left for, enter again, until it
 * ends, traps or is asked to make room for others. */
#include "vm_internal.h"

#include "fault_handler.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void thread_submit(mu_thread *thread)
{
    mu_thread_pool *workers = thread->vm->substrate->workers;
    if (thread_is_called(thread)) {
        mu_thread_pool_run_first(workers, &thread->task, thread_urgency(thread));
    } else {
        mu_thread_pool_run(workers, &thread->task);
    }
}

void thread_preempt(mu_task *task)
{
    mu_thread *thread = task->context;
    __atomic_store_n(&thread->yield_wanted, true, __ATOMIC_SEQ_CST);
    vm_request_stop(thread);
}

/* Under MU_YIELD_STRESS another worker goes on. */
void thread_submit_again(mu_thread *thread)
{
    const mu_substrate *substrate = thread->vm->substrate;
    if (substrate->config.yield_stress) {
        mu_thread_pool_run_elsewhere(substrate->workers, &thread->task);
    } else if (thread_is_called(thread)) {
        mu_thread_pool_run_first(substrate->workers, &thread->task, thread_urgency(thread));
    } else {
        mu_thread_pool_run_again(substrate->workers, &thread->task);
    }
}

static void make_room(mu_thread *thread)
{
    pthread_mutex_lock(&thread->vm->lock);
    vm_leave_world_locked(thread);
    thread_end_slice(thread);
    vm_queue_when_going(thread);
    pthread_mutex_unlock(&thread->vm->lock);
}

/* ---- errors */

const char *thread_error_sentence(const mu_thread *thread, mu_guest_error error,
                                  char quota[VM_QUOTA_TEXT_BYTES])
{
    bool is_quota = error == MU_GUEST_ERROR_OUT_OF_MEMORY || error == MU_GUEST_ERROR_STACK_OVERFLOW;
    if (error == MU_GUEST_ERROR_BUNDLE_REFUSED) {
        return thread->refusal;
    }
    if (is_quota && thread->exceeded != QUOTA_NONE) {
        vm_quota_text(thread->vm, thread->exceeded, quota);
        return quota;
    }
    return mu_abi_guest_error_text(error);
}

static slice_end finish_with_error(mu_thread *thread)
{
    thread->outcome = MU_OUTCOME_ERROR;
    bool is_stopped = thread->error == MU_GUEST_ERROR_NATIVE_FRAME;
    mu_guest_error cause = is_stopped ? thread->stopped : thread->error;
    char quota[VM_QUOTA_TEXT_BYTES];
    char text[280];
    snprintf(text, sizeof text, "%s%s%s", is_stopped ? mu_abi_guest_error_text(thread->error) : "",
             is_stopped ? ": " : "", thread_error_sentence(thread, cause, quota));
    if (thread->error_frame_count) {
        const error_frame *frame = &thread->error_frames[0];
        const char *where = frame->instruction ? frame->instruction
                            : frame->version   ? frame->version
                                               : frame->function;
        snprintf(thread->error_text, sizeof thread->error_text, "%s (in %s)", text, where);
    } else {
        snprintf(thread->error_text, sizeof thread->error_text, "%s", text);
    }
    return SLICE_FINISHED;
}

slice_end thread_throw(mu_thread *thread, uintptr_t exception, mu_guest_error error)
{
    thread->abi.exception = exception;
    thread->error = error;
    thread->does_again = false;
    thread->pending = PENDING_NONE;
    thread_note_frames(thread);
    return thread_unwind(thread) ? SLICE_GOES_ON : finish_with_error(thread);
}

slice_end thread_raise(mu_thread *thread, mu_guest_error error)
{
    return thread_throw(thread, 0, error);
}

slice_end thread_end_with_error(mu_thread *thread, mu_guest_error error, bool has_frames)
{
    thread->error = error;
    thread_forget_frames(thread);
    if (has_frames) {
        thread_note_frames(thread);
    }
    return finish_with_error(thread);
}

/* ---- what Mu code leaves for */

static slice_end at_yieldpoint(mu_thread *thread)
{
    bool yields = __atomic_exchange_n(&thread->yield_wanted, false, __ATOMIC_SEQ_CST) ||
                  thread->vm->substrate->config.yield_stress;
    if (__atomic_exchange_n(&thread->warmth_wanted, false, __ATOMIC_RELAXED) ||
        thread->vm->substrate->config.tiers == MU_TIERS_EAGER) {
        thread_warm(thread);
    }
    slice_end end = thread_heed(thread);
    if (end != SLICE_GOES_ON) {
        return end;
    }
    return !vm_goes_on(thread) || yields ? SLICE_QUEUED : SLICE_GOES_ON;
}

/* The thread will go on at a function's entry, with its arguments in the saved registers. */
static void expect_arguments(mu_thread *thread, resume_kind resume)
{
    const mu_ir_sig *sig = thread->vm->functions[thread->abi.callee].func->sig;
    thread->resume = resume;
    thread->pending = PENDING_ARGUMENTS;
    thread->pending_types = sig->params;
    thread->pending_count = sig->param_count;
}

static slice_end leave_compile(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    uint64_t number = thread->abi.callee;
    thread->resume = RESUME_RETURN; /* the caller's frame is the top one for an error */
    if (!number) {
        return thread_raise(thread, MU_GUEST_ERROR_NULL_FUNCTION);
    }
    vm_function *function = &vm->functions[number];
    mu_ir_version *version =
        function->newest ? function->newest : mu_ir_func_hidden(function->func);
    const void *entry;
    mu_status status = vm_compile(vm, version, &thread->exceeded, &entry);
    if (status == MU_NO_MEMORY) {
        return thread_raise(thread, MU_GUEST_ERROR_OUT_OF_MEMORY);
    }
    if (status != MU_OK) {
        return thread_raise(thread, MU_GUEST_ERROR_COMPILE_FAILED);
    }
    expect_arguments(thread, RESUME_ENTRY);
    thread->abi.resume_pc = (uintptr_t)entry;
    return SLICE_GOES_ON;
}

/* May the thread's stack reach down to `lowest`? */
static bool grow_stack(mu_thread *thread, uintptr_t lowest)
{
    mu_vm *vm = thread->vm;
    pthread_mutex_lock(&vm->lock);
    bool fits = vm_stack_grow(vm, thread->stack, lowest, &thread->exceeded);
    thread->abi.stack_floor = thread->stack->floor;
    pthread_mutex_unlock(&vm->lock);
    return fits;
}

static slice_end leave_prologue(mu_thread *thread)
{
    uintptr_t sp = thread->abi.mu_sp;
    uintptr_t wanted = thread->abi.frame_bytes + MU_ABI_STACK_RESERVE_BYTES / 2;
    /* A frame goes no deeper than the middle of the reserve. */
    uintptr_t lowest = wanted > sp ? 0 : sp - wanted + MU_ABI_STACK_RESERVE_BYTES;
    lowest = lowest < sp ? lowest : sp;
    bool overflows = lowest < thread->abi.stack_floor && !grow_stack(thread, lowest);
    if (overflows && !thread_is_killed(thread)) {
        thread->resume = RESUME_RETURN;
        return thread_raise(thread, MU_GUEST_ERROR_STACK_OVERFLOW);
    }
    expect_arguments(thread, RESUME_ENTRY);
    thread->abi.resume_pc = thread->abi.continuation;
    return at_yieldpoint(thread);
}

static slice_end leave_allocate(mu_thread *thread)
{
    const mu_abi_type *type = (const mu_abi_type *)(uintptr_t)thread->abi.gpr[0];
    mu_ref ref;
    thread->pending = PENDING_NONE;
    uint64_t length = thread->abi.gpr[1];
    bool overflows = type->is_hybrid && ++length == 0;
    if (vm_is_stopping_to_collect(thread)) {
        return SLICE_AGAIN;
    }
    thread->exceeded = QUOTA_HEAP;
    if (overflows || vm_allocate(thread, type, length, &ref) != MU_OK) {
        return thread_raise(thread, MU_GUEST_ERROR_OUT_OF_MEMORY);
    }
    thread->abi.gpr[0] = ref.address;
    return SLICE_GOES_ON;
}

static slice_end leave_grow(mu_thread *thread)
{
    uint64_t lowest = thread->abi.gpr[0];
    thread->exceeded = QUOTA_STACK;
    bool fits = lowest <= thread->abi.mu_sp && grow_stack(thread, lowest);
    if (!fits) {
        return thread_raise(thread, MU_GUEST_ERROR_STACK_OVERFLOW);
    }
    return at_yieldpoint(thread);
}

static slice_end leave_check(mu_thread *thread, bool is_shift)
{
    mu_ref base = {thread->abi.gpr[0]};
    const mu_ir_type *wanted = (const mu_ir_type *)(uintptr_t)thread->abi.gpr[3];
    if (!base.address) {
        /* A cast of NULL is NULL; a shift of it leads nowhere. */
        return is_shift ? thread_raise(thread, MU_GUEST_ERROR_NULL_DEREFERENCE) : SLICE_GOES_ON;
    }
    bool is_right = is_shift ? location_shifts(base, thread->abi.gpr[1], thread->abi.gpr[2], wanted)
                             : location_has_type(base, thread->abi.gpr[1], wanted);
    if (is_right) {
        return SLICE_GOES_ON;
    }
    return thread_raise(thread,
                        is_shift ? MU_GUEST_ERROR_OUT_OF_BOUNDS : MU_GUEST_ERROR_WRONG_TYPE);
}

static slice_end leave_trap(mu_thread *thread)
{
    mu_stack_cursor cursor;
    MU_INVARIANT(thread_first_frame(thread, &cursor), "a trap without a frame");
    const mu_ir_version *version = cursor.object->version;
    const mu_ir_inst *inst = &version->insts[cursor.site->inst];
    if (__atomic_load_n(&thread->vm->trap_handler, __ATOMIC_ACQUIRE)) {
        return thread_handle_own_trap(thread, version, inst);
    }
    if (thread->is_made_by_thread && !thread->trapped) {
        return thread_raise(thread, MU_GUEST_ERROR_TRAP_HANDLER_GONE);
    }
    thread->trap_is_hidden = version->hidden;
    thread->trap_watchpoint = inst->op == MU_OP_WATCHPOINT ? (uint32_t)inst->literal : 0;
    thread->pending_types = &version->types[inst->types.first];
    thread->pending_count = inst->types.count;
    return SLICE_TRAPPED;
}

static slice_end leave_return(mu_thread *thread)
{
    if (thread->stack->serial != thread->first_stack) {
        return thread_end_with_error(thread, MU_GUEST_ERROR_STACK_BOTTOM, false);
    }
    if (thread->is_made_by_thread) { /* nobody waits for results */
        thread->outcome = MU_OUTCOME_EXITED;
        return SLICE_FINISHED;
    }
    const mu_ir_sig *sig = thread->function->sig;
    mu_jit_place *places = mu_allocate(sig->result_count * sizeof *places);
    mu_jit_assign_places(sig->results, sig->result_count, places);
    thread->results = mu_allocate(sig->result_count * sizeof *thread->results);
    vm_metadata_add(thread->vm, sig->result_count * sizeof *thread->results);
    for (uint32_t i = 0; i < sig->result_count; i++) {
        thread->results[i] =
            value_from_memory(thread->vm, sig->results[i], thread_place_memory(thread, &places[i]));
    }
    mu_free(places);
    thread->outcome = MU_OUTCOME_RETURNED;
    return SLICE_FINISHED;
}

static slice_end after_leaving(mu_thread *thread)
{
    mu_abi_leave reason = (mu_abi_leave)thread->abi.leave_reason;
    thread->resume = RESUME_RETURN;
    thread->pending = PENDING_NONE;
    if (thread_has_sample_due(thread)) {
        thread_sample(thread);
    }
    switch (reason) {
    case MU_ABI_LEAVE_RETURN: return leave_return(thread);
    case MU_ABI_LEAVE_COMPILE: return leave_compile(thread);
    case MU_ABI_LEAVE_PROLOGUE: return leave_prologue(thread);
    case MU_ABI_LEAVE_YIELD: return at_yieldpoint(thread);
    case MU_ABI_LEAVE_TRAP: return leave_trap(thread);
    case MU_ABI_LEAVE_ALLOCATE: return leave_allocate(thread);
    case MU_ABI_LEAVE_THROW:
        return thread_throw(thread, thread->abi.gpr[0], MU_GUEST_ERROR_EXCEPTION);
    case MU_ABI_LEAVE_ERROR: {
        mu_guest_error error = (mu_guest_error)thread->abi.gpr[0];
        /* The same check finds a NULL function reference and one of another signature. */
        if (error == MU_GUEST_ERROR_WRONG_SIGNATURE && !thread->abi.callee) {
            error = MU_GUEST_ERROR_NULL_FUNCTION;
        }
        return thread_raise(thread, error);
    }
    case MU_ABI_LEAVE_EXIT: thread->outcome = MU_OUTCOME_EXITED; return SLICE_FINISHED;
    case MU_ABI_LEAVE_FMOD:
        thread->abi.xmm[0] = fmod(thread->abi.xmm[0], thread->abi.xmm[1]);
        return SLICE_GOES_ON;
    case MU_ABI_LEAVE_GROW: return leave_grow(thread);
    case MU_ABI_LEAVE_CHECK_SHIFT: return leave_check(thread, true);
    case MU_ABI_LEAVE_CHECK_CAST: return leave_check(thread, false);
    case MU_ABI_LEAVE_COMMON: return thread_common_inst(thread);
    case MU_ABI_LEAVE_IN_MEMORY: return thread_memory_inst(thread);
    case MU_ABI_LEAVE_NEWTHREAD: return thread_newthread(thread);
    case MU_ABI_LEAVE_SWAPSTACK: return thread_swapstack(thread);
    case MU_ABI_LEAVE_CHECK_WATCHPOINT:
        thread->abi.gpr[0] = vm_watchpoint_is_enabled(thread->vm, (uint32_t)thread->abi.gpr[0]);
        return SLICE_GOES_ON;
    case MU_ABI_LEAVE_CCALL: return thread_ccall(thread);
    case MU_ABI_LEAVE_CCALL_DONE: return thread_ccall_done(thread);
    case MU_ABI_LEAVE_NATIVE_STACK: return thread_native_stack(thread);
    case MU_ABI_LEAVE_CALLBACK: return thread_callback(thread);
    case MU_ABI_LEAVE_CALLBACK_RETURN: return thread_callback_return(thread);
    case MU_ABI_LEAVE_COUNT: break;
    }
    MU_INVARIANT(false, "leave reason %d", (int)reason);
    return SLICE_FINISHED;
}

/* ---- the slice */

static void enter(mu_thread *thread)
{
    mu_jit *jit = thread->vm->substrate->jit;
    if (thread->resume == RESUME_RETURN) {
        thread->abi.resume_pc = *(const uintptr_t *)thread->abi.mu_sp;
        thread->abi.mu_sp += sizeof(uintptr_t);
    } else if (thread->resume == RESUME_FUNCTION) {
        const mu_abi_function *callee = &thread->vm->table[thread->abi.callee];
        thread->abi.resume_pc = (uintptr_t)__atomic_load_n(&callee->code, __ATOMIC_ACQUIRE);
    }
    mu_jit_enter(jit)(&thread->abi);
}

/* A thread that was woken to be thrown at or killed does not enter where it stood. */
static slice_end before_entering(mu_thread *thread)
{
    slice_end end = SLICE_GOES_ON;
    thread->holder = NULL; /* if it was killed while it was held */
    thread_stop_waiting(thread);
    if (thread->load) {
        end = thread_load(thread);
    }
    if (thread_is_killed(thread)) {
        return thread_heed(thread);
    }
    if (thread->exit_wanted) {
        thread->outcome = MU_OUTCOME_EXITED;
        return SLICE_FINISHED;
    }
    if (thread->throws_handler_gone) {
        thread->throws_handler_gone = false;
        return thread_raise(thread, MU_GUEST_ERROR_TRAP_HANDLER_GONE);
    }
    if (thread->throw_wanted) {
        thread->throw_wanted = false;
        return thread_throw(thread, thread->abi.exception, MU_GUEST_ERROR_EXCEPTION);
    }
    return end == SLICE_GOES_ON ? thread_heed(thread) : end;
}

static void give_back_stack(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    mu_gc_buffer buffer = {&thread->abi.alloc_cursor, &thread->abi.alloc_limit};
    pthread_mutex_lock(&vm->lock);
    mu_gc_buffer_retire(vm->heap, &buffer);
    if (thread->stack) { /* a handler that took the trap may have left it without one */
        vm_stack_free(vm, thread->stack);
    }
    thread->stack = NULL;
    pthread_mutex_unlock(&vm->lock);
}

static void finish(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    if (thread->outcome == MU_OUTCOME_KILLED) {
        snprintf(thread->error_text, sizeof thread->error_text, "%s",
                 mu_abi_guest_error_text(MU_GUEST_ERROR_KILLED));
    }
    thread_drop_pins(thread);
    give_back_stack(thread);
    vm_leave_world(thread);
    vm_lock_quiet(vm); /* a collection under way may be freeing stacks */
    thread->state = MU_THREAD_FINISHED;
    bool is_last = --vm->thread_count == 0;
    thread_end_slice(thread);
    vm->finished_count++;
    bool collects = vm_stacks_are_due(vm);
    pthread_mutex_unlock(&vm->lock);
    if (thread->has_grace) {
        mu_timer_cancel(vm->substrate->timers, &thread->grace);
    }
    if (collects) { /* a thread may leave its first stack behind, and calls from outside cannot wait
                     */
        vm_collect(vm, NULL, true);
    }
    if (thread->finished) {
        thread->finished(thread, thread->context); /* may free the thread */
    } else if (thread->is_made_by_thread) {
        mu_thread_free(thread);
    }
    if (is_last) {
        vm_note_idle(vm);
    }
    pthread_mutex_lock(&vm->lock);
    vm->active--;
    pthread_cond_broadcast(&vm->changed);
    pthread_mutex_unlock(&vm->lock);
}

void thread_run_slice(void *context)
{
    mu_thread *thread = context;
    mu_substrate *substrate = thread->vm->substrate;
    if (!vm_enter_world_or_wait(thread)) {
        return;
    }
    thread_set_alarm(thread);
    slice_end end = before_entering(thread);
    fault_handler_enter(&thread->abi, mu_jit_leave_error(substrate->jit));
    if (end == SLICE_GOES_ON && thread->does_again) {
        thread->does_again = false;
        end = after_leaving(thread);
    }
    while (end == SLICE_GOES_ON) {
        enter(thread);
        end = after_leaving(thread);
    }
    fault_handler_enter(NULL, NULL);
    switch (end) {
    case SLICE_TRAPPED: thread_park(thread); break;
    case SLICE_AGAIN:
        thread->does_again = true;
        make_room(thread);
        break;
    case SLICE_QUEUED: make_room(thread); break;
    case SLICE_FINISHED: finish(thread); break;
    case SLICE_WAITING:
    case SLICE_GOES_ON: break;
    }
}
