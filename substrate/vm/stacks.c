/* The stacks of a VM: what they may take, their handles, which of them live, binding and parking.
 *
 * A stack's memory is reserved whole, and taken as it is touched. What counts against the VM is the
 * part above its floor, which starts near the top and goes down as deeper frames ask for it.
 */
#include "vm_internal.h"

#include <string.h>

#define FIRST_ROOM_BYTES     8192u
#define PAGE_BYTES           4096u
#define STACK_METADATA_BYTES (sizeof(vm_stack) + sizeof(mu_stack))

/* ---- life */

static const mu_abi_slot handle_slots[] = {{.kind = MU_ABI_SLOT_NATIVE}};
static const mu_abi_type handle_type = {.size_bytes = sizeof(uintptr_t),
                                        .align_bytes = 8,
                                        .slots = handle_slots,
                                        .slot_count = 1,
                                        .name = "stack"};

void vm_stacks_count(mu_vm *vm, int32_t stacks, int64_t bytes)
{
    __atomic_store_n(&vm->stack_count, vm->stack_count + (uint32_t)stacks, __ATOMIC_RELAXED);
    __atomic_store_n(&vm->stack_bytes, vm->stack_bytes + (uint64_t)bytes, __ATOMIC_RELAXED);
}

bool vm_stacks_have_room(const mu_vm *vm, uint64_t more)
{
    uint64_t limit = vm_limit(vm, stacks_bytes);
    return vm->stack_bytes <= limit && more <= limit - vm->stack_bytes;
}

/* Of a new stack, in host memory. */
static vm_quota claim_stack(mu_vm *vm)
{
    if (vm->stack_count >= vm_limit(vm, stacks)) {
        return QUOTA_STACKS;
    }
    if (!vm_stacks_have_room(vm, FIRST_ROOM_BYTES)) {
        return QUOTA_STACKS_BYTES;
    }
    return vm_metadata_take(vm, STACK_METADATA_BYTES) ? QUOTA_NONE : QUOTA_METADATA;
}

mu_status vm_stack_new(mu_vm *vm, const mu_ir_func *func, vm_quota *exceeded, vm_stack **out)
{
    mu_stack *memory;
    *exceeded = claim_stack(vm);
    if (*exceeded != QUOTA_NONE) {
        return MU_NO_MEMORY;
    }
    mu_status status = mu_stack_take(vm->substrate->stacks, vm_limit(vm, stack_bytes), &memory);
    if (status != MU_OK) {
        vm_metadata_give(vm, STACK_METADATA_BYTES);
        return status;
    }
    vm_stack *stack = mu_allocate(sizeof *stack);
    *stack = (vm_stack){.next = vm->stacks,
                        .memory = memory,
                        .serial = ++vm->last_stack,
                        .floor = memory->top - FIRST_ROOM_BYTES,
                        .bottom = func,
                        .marked = true,
                        .state = {.resume = RESUME_FUNCTION,
                                  .sp = memory->top - sizeof(uintptr_t),
                                  .callee = func->number,
                                  .wanted = func->sig->params,
                                  .wanted_count = func->sig->param_count}};
    *(uintptr_t *)stack->state.sp = mu_jit_bottom(vm->substrate->jit);
    if (stack->next) {
        stack->next->previous = stack;
    }
    vm->stacks = stack;
    vm_stacks_count(vm, 1, FIRST_ROOM_BYTES);
    *out = stack;
    return MU_OK;
}

void vm_stack_free(mu_vm *vm, vm_stack *stack)
{
    size_t used_bytes = stack->memory->top - stack->floor;
    if (stack->handle) {
        *(uintptr_t *)stack->handle = 0;
    }
    if (stack->previous) {
        stack->previous->next = stack->next;
    } else {
        vm->stacks = stack->next;
    }
    if (stack->next) {
        stack->next->previous = stack->previous;
    }
    vm_stack_drop_native(vm, stack);
    vm_stacks_count(vm, -1, -(int64_t)used_bytes);
    vm_metadata_give(vm, STACK_METADATA_BYTES);
    mu_stack_give(vm->substrate->stacks, stack->memory, used_bytes + MU_ABI_STACK_RESERVE_BYTES);
    mu_free(stack);
}

mu_status vm_stack_new_handle(mu_thread *thread, mu_ref *handle)
{
    return vm_allocate(thread, &handle_type, 0, handle);
}

void vm_stack_set_handle(vm_stack *stack, mu_ref handle)
{
    *(uintptr_t *)handle.address = (uintptr_t)stack;
    stack->handle = handle.address;
}

vm_stack *vm_stack_behind(uintptr_t handle)
{
    return (vm_stack *)*(const uintptr_t *)handle;
}

mu_guest_error vm_stack_find_parked(uintptr_t handle, vm_stack **stack)
{
    if (!handle) {
        return MU_GUEST_ERROR_NULL_DEREFERENCE;
    }
    *stack = vm_stack_behind(handle);
    return *stack && !(*stack)->thread ? MU_GUEST_ERROR_NONE : MU_GUEST_ERROR_STACK_STATE;
}

static mu_status take_stack(mu_vm *vm, uint64_t number, vm_quota *exceeded, vm_stack **stack)
{
    pthread_mutex_lock(&vm->lock);
    mu_status status = vm_stack_new(vm, vm->functions[number].func, exceeded, stack);
    pthread_mutex_unlock(&vm->lock);
    return status;
}

/* The handle comes first: to make it may collect, and a stack without one would go at once. */
mu_guest_error vm_stack_make(mu_thread *thread, uint64_t number, uint64_t *made)
{
    mu_vm *vm = thread->vm;
    mu_ref handle;
    vm_stack *stack = NULL;
    vm_quota exceeded;
    if (vm_stack_new_handle(thread, &handle) != MU_OK) {
        return MU_GUEST_ERROR_OUT_OF_MEMORY;
    }
    mu_status status = take_stack(vm, number, &exceeded, &stack);
    if (status == MU_NO_MEMORY) { /* a collection frees those that nothing refers to */
        thread->abi.site_local = handle.address;
        vm_collect(vm, thread, true);
        handle.address = thread->abi.site_local;
        thread->abi.site_local = 0;
        status = take_stack(vm, number, &exceeded, &stack);
    }
    if (status != MU_OK) {
        return thread_exceed(thread, exceeded);
    }
    vm_stack_set_handle(stack, handle);
    *made = handle.address;
    return MU_GUEST_ERROR_NONE;
}

mu_guest_error vm_stack_kill(mu_vm *vm, uintptr_t handle)
{
    vm_stack *stack;
    pthread_mutex_lock(&vm->lock);
    mu_guest_error error = vm_stack_find_parked(handle, &stack);
    if (error == MU_GUEST_ERROR_NONE) {
        vm_stack_free(vm, stack);
    }
    pthread_mutex_unlock(&vm->lock);
    return error;
}

static uintptr_t in_pages(uintptr_t bytes)
{
    return (bytes + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
}

/* Twice as much each time, as long as the limits allow that; else as few pages as will do. */
bool vm_stack_grow(mu_vm *vm, vm_stack *stack, uintptr_t lowest, vm_quota *exceeded)
{
    const mu_stack *memory = stack->memory;
    if (lowest >= stack->floor) {
        return true;
    }
    uintptr_t most = memory->top - memory->floor;
    uintptr_t limit = in_pages(vm_limit(vm, stack_bytes));
    most = most < limit ? most : limit;
    if (lowest > memory->top || lowest < memory->top - most) {
        *exceeded = QUOTA_STACK;
        return false;
    }
    uintptr_t room = memory->top - stack->floor;
    uintptr_t needed = in_pages(memory->top - lowest);
    uintptr_t wanted = needed > 2 * room ? needed : 2 * room;
    wanted = wanted < most ? wanted : most;
    if (!vm_stacks_have_room(vm, wanted - room)) {
        wanted = needed < most ? needed : most;
    }
    if (!vm_stacks_have_room(vm, wanted - room)) {
        *exceeded = QUOTA_STACKS_BYTES;
        return false;
    }
    vm_stacks_count(vm, 0, (int64_t)(wanted - room));
    stack->floor = memory->top - wanted;
    return true;
}

/* ---- binding */

static uint32_t overflow_words(const stack_state *state)
{
    enum { FEW = 16 };
    mu_jit_place few[FEW];
    uint32_t count = state->wanted_count;
    if (count <= FEW) {
        return mu_jit_assign_places(state->wanted, count, few);
    }
    mu_jit_place *places = mu_allocate(count * sizeof *places);
    uint32_t words = mu_jit_assign_places(state->wanted, count, places);
    mu_free(places);
    return words;
}

void vm_stack_bind(mu_thread *thread, vm_stack *stack, const uint64_t *overflow)
{
    const stack_state *state = &stack->state;
    if (overflow) {
        memcpy(stack->memory->overflow, overflow, overflow_words(state) * sizeof *overflow);
    }
    stack->thread = thread;
    stack->has_no_young = false;
    stack->changes++;
    thread->stack = stack;
    thread->abi.stack_floor = stack->floor;
    thread->abi.overflow = stack->memory->overflow;
    thread->abi.mu_sp = state->sp;
    thread->abi.mu_fp = state->fp;
    thread->abi.callee = state->callee;
    thread->resume = state->resume;
    vm_stack_bind_native(thread);
    vm_allow_running(thread);
}

void vm_stack_park(mu_thread *thread, mu_ir_type *const *wanted, uint32_t count)
{
    vm_stack *stack = thread->stack;
    stack->thread = NULL;
    stack->state = (stack_state){.resume = RESUME_RETURN,
                                 .sp = thread->abi.mu_sp,
                                 .fp = thread->abi.mu_fp,
                                 .wanted = wanted,
                                 .wanted_count = count};
    thread->stack = NULL;
}

bool vm_stack_wants(const stack_state *state, mu_ir_type *const *types, uint32_t count)
{
    if (state->wanted_count != count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!mu_ir_type_same(types[i], state->wanted[i])) {
            return false;
        }
    }
    return true;
}

bool vm_stack_first_frame(const mu_vm *vm, const stack_state *state, mu_stack_cursor *cursor)
{
    return mu_stack_first(vm->substrate->code, *(const uintptr_t *)state->sp, state->fp,
                          state->sp + sizeof(uintptr_t), cursor);
}

/* ---- collections */

/* A handle that is found again if the object lives. An old one stays where it is, and lives, but
 * for a full collection. */
void vm_stacks_forget_handles(mu_vm *vm, const mu_gc_collection *plan)
{
    for (vm_stack *stack = vm->stacks; stack; stack = stack->next) {
        stack->has_old_handle =
            !plan->is_full && stack->handle && mu_gc_is_old((mu_ref){stack->handle});
        stack->reached = stack->has_old_handle;
        stack->marked = stack->marked && !plan->begins_marking;
        if (!stack->has_old_handle) {
            stack->handle = 0;
        }
    }
}

/* Their frames may refer to young objects, unless they were looked at and have not run since. A
 * stack that marking has not reached may still turn out
 * to be dead, so what its frames refer to is not marked yet. */
void vm_stacks_trace_parked(mu_gc_tracer *tracer, mu_vm *vm)
{
    for (vm_stack *stack = vm->stacks; stack; stack = stack->next) {
        vm_make_room(vm);
        bool is_known = stack->has_no_young && mu_gc_asks_of_young(tracer);
        if (stack->has_old_handle && !stack->thread && !is_known) {
            mu_stack_cursor cursor;
            bool more = vm_stack_first_frame(vm, &stack->state, &cursor);
            if (mu_gc_trace_quietly(tracer, !stack->marked)) {
                vm_trace_frames(tracer, vm, more, &cursor);
                stack->has_no_young = true;
            }
        }
    }
    (void)mu_gc_trace_quietly(tracer, false);
}

void vm_stack_reached(mu_gc_tracer *tracer, uintptr_t *slot, void *context)
{
    mu_vm *vm = context;
    vm_stack *stack = (vm_stack *)*slot;
    if (!stack) {
        return;
    }
    if (!mu_gc_is_check(tracer)) {
        stack->reached = stack->marked = true;
        stack->handle = (uintptr_t)slot;
    }
    if (!stack->thread) { /* a bound one's frames are roots */
        mu_stack_cursor cursor;
        bool more = vm_stack_first_frame(vm, &stack->state, &cursor);
        vm_trace_frames(tracer, vm, more, &cursor);
        stack->has_no_young = true;
    }
}

void vm_stacks_drop_unreached(mu_vm *vm, const mu_gc_collection *done)
{
    vm_stack *next;
    for (vm_stack *stack = vm->stacks; stack; stack = next) {
        vm_make_room(vm);
        next = stack->next;
        bool lives = stack->reached;
        if (stack->has_old_handle && done->ended_marking && !stack->marked) {
            stack->handle = 0; /* the object is gone */
            lives = false;
        }
        if (!stack->thread && !lives) {
            vm_stack_free(vm, stack);
        }
    }
    vm->live_stack_bytes = vm->stack_bytes;
}

bool vm_stacks_are_due(const mu_vm *vm)
{
    uint64_t quota = vm_limit(vm, stacks_bytes);
    return vm->stack_bytes > quota / 2 && vm->stack_bytes > vm->live_stack_bytes + quota / 8;
}
