/* SWAPSTACK and NEWTHREAD: binding threads to parked stacks. Values travel in the registers of
 * calls and results, whatever the stack waits at, so nothing has to be converted. */
#include "vm_internal.h"

/* The types of what the instruction passes. */
static mu_ir_type *const *passed_types(const mu_thread *thread, uint32_t *count)
{
    const mu_ir_version *version = thread->abi.site_version;
    const mu_ir_inst *inst = thread->abi.site_inst;
    *count = inst->types.count - inst->pass_types_first;
    return version->types + inst->types.first + inst->pass_types_first;
}

/* The stack to bind to, or why it may not be; VM's lock held. */
static mu_guest_error find_target(mu_thread *thread, vm_stack **target)
{
    const mu_ir_inst *inst = thread->abi.site_inst;
    uint32_t count;
    mu_ir_type *const *types = passed_types(thread, &count);
    mu_guest_error error = vm_stack_find_parked(thread->abi.site_stack, target);
    if (error == MU_GUEST_ERROR_NONE && !inst->throws_exc &&
        !vm_stack_wants(&(*target)->state, types, count)) {
        error = MU_GUEST_ERROR_STACK_STATE;
    }
    return error;
}

/* ---- SWAPSTACK */

static void leave_stack(mu_thread *thread, vm_stack *target)
{
    const mu_ir_version *version = thread->abi.site_version;
    const mu_ir_inst *inst = thread->abi.site_inst;
    vm_stack *old = thread->stack;
    const uint64_t *overflow = inst->throws_exc ? NULL : thread->abi.overflow;
    vm_stack_park(thread, version->types + inst->types.first, inst->pass_types_first);
    vm_stack_bind(thread, target, overflow);
    if (inst->kills_old) {
        vm_stack_free(thread->vm, old);
    }
}

slice_end thread_swapstack(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    const mu_ir_inst *inst = thread->abi.site_inst;
    vm_stack *target;
    pthread_mutex_lock(&vm->lock);
    mu_guest_error error = find_target(thread, &target);
    if (error == MU_GUEST_ERROR_NONE) {
        leave_stack(thread, target);
    }
    pthread_mutex_unlock(&vm->lock);
    thread->abi.site_stack = 0;
    if (error != MU_GUEST_ERROR_NONE) {
        return thread_raise(thread, error);
    }
    if (inst->throws_exc) {
        return thread_throw(thread, thread->abi.gpr[0], MU_GUEST_ERROR_EXCEPTION);
    }
    return SLICE_GOES_ON;
}

/* ---- NEWTHREAD */

mu_status vm_thread_new_handle(mu_thread *thread, mu_ref *handle)
{
    static const mu_abi_type handle_type = {.align_bytes = 8, .name = "thread"};
    return vm_allocate(thread, &handle_type, 0, handle);
}

/* Gets a handle for the thread that is to be made; may collect. */
static mu_status make_handle(mu_thread *thread, mu_ref *handle)
{
    const mu_ir_inst *inst = thread->abi.site_inst;
    uint32_t count;
    mu_ir_type *const *types = passed_types(thread, &count);
    thread->pending = PENDING_ARGUMENTS;
    thread->pending_types = types;
    thread->pending_count = count;
    if (inst->throws_exc) {
        thread->pending = PENDING_NONE;
        thread->abi.exception = thread->abi.gpr[0];
    }
    mu_status status = vm_thread_new_handle(thread, handle);
    thread->pending = PENDING_NONE;
    return status;
}

mu_thread *vm_thread_make(mu_vm *vm, vm_stack *stack, mu_ref handle, uintptr_t local)
{
    mu_thread *thread = thread_new_on(vm, stack, stack->bottom);
    thread->is_made_by_thread = true;
    thread->handle = handle.address;
    thread->local = local;
    thread->state = MU_THREAD_RUNNING;
    if (vm->is_ending) {
        thread_want_killed(thread);
    }
    vm->active++;
    return thread;
}

void thread_throw_at_start(mu_thread *thread, uintptr_t exception)
{
    thread->pending = PENDING_NONE;
    thread->throw_wanted = true;
    thread->abi.exception = exception;
}

/* VM's lock held. */
static mu_thread *make_thread(mu_thread *maker, vm_stack *stack, mu_ref handle)
{
    const mu_ir_inst *inst = maker->abi.site_inst;
    mu_thread *thread = vm_thread_make(maker->vm, stack, handle, maker->abi.site_local);
    if (inst->throws_exc) {
        thread_throw_at_start(thread, maker->abi.exception);
        maker->abi.exception = 0;
    } else {
        mu_jit_place *places = mu_allocate(thread->pending_count * sizeof *places);
        mu_jit_assign_places(thread->pending_types, thread->pending_count, places);
        for (uint32_t i = 0; i < thread->pending_count; i++) {
            thread_put_place(thread, &places[i], thread_place_memory(maker, &places[i]));
        }
        mu_free(places);
    }
    return thread;
}

void vm_thread_start_made(mu_thread *thread)
{
    const mu_vm_thread_hook *hook = &thread->vm->hook;
    if (hook->made) {
        mu_thread_callbacks callbacks =
            hook->made(thread, (const mu_function *)thread->function, hook->context);
        thread->trapped = callbacks.trapped;
        thread->finished = callbacks.finished;
        thread->context = callbacks.context;
    }
    pthread_mutex_lock(&thread->vm->lock);
    thread_submit(thread);
    pthread_mutex_unlock(&thread->vm->lock);
}

slice_end thread_newthread(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    vm_stack *stack;
    mu_ref handle;
    mu_thread *made = NULL;
    vm_quota exceeded;
    mu_guest_error error = MU_GUEST_ERROR_OUT_OF_MEMORY;
    mu_status status = make_handle(thread, &handle);
    pthread_mutex_lock(&vm->lock);
    if (status == MU_OK) {
        error = find_target(thread, &stack);
    }
    if (error == MU_GUEST_ERROR_NONE && !vm_thread_claim(vm, &exceeded)) {
        error = thread_exceed(thread, exceeded);
    }
    if (error == MU_GUEST_ERROR_NONE) {
        made = make_thread(thread, stack, handle);
    }
    pthread_mutex_unlock(&vm->lock);
    thread->abi.site_stack = 0;
    thread->abi.site_local = 0;
    if (!made) {
        return thread_raise(thread, error);
    }
    thread->abi.gpr[0] = handle.address;
    vm_thread_start_made(made);
    return SLICE_GOES_ON;
}
