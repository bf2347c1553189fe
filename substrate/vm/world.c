/* Stopping and starting a VM's world, and collecting while it stands. */
#include "vm_internal.h"

#include <time.h>

void vm_request_stop(mu_thread *thread)
{
    __atomic_store_n(&thread->abi.stack_limit, MU_ABI_LIMIT_STOP, __ATOMIC_SEQ_CST);
}

void vm_allow_running(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    bool stays = vm->stopping || thread_is_called(thread) || thread_has_sample_due(thread) ||
                 vm->substrate->config.yield_stress;
    __atomic_store_n(&thread->abi.stack_limit, stays ? MU_ABI_LIMIT_STOP : thread->abi.stack_floor,
                     __ATOMIC_SEQ_CST);
    /* The pool asks without the lock: it says so first, and then sets the limit. */
    if (__atomic_load_n(&thread->yield_wanted, __ATOMIC_SEQ_CST)) {
        vm_request_stop(thread);
    }
}

static void come_in(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    while (vm->stopping) {
        pthread_cond_wait(&vm->changed, &vm->lock);
    }
    vm->in_world++;
    thread->is_in_world = true;
    vm_profile_enter(thread);
    thread->abi.functions = vm->table;
    thread->abi.globals = vm->globals;
    thread->abi.watchpoints = vm->watchpoints.filter;
    vm_allow_running(thread);
}

void vm_queue_when_going(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    if (!vm->stopping) {
        thread_submit_again(thread);
        return;
    }
    thread->next_stopped = NULL;
    if (vm->first_stopped) {
        vm->last_stopped->next_stopped = thread;
    } else {
        vm->first_stopped = thread;
    }
    vm->last_stopped = thread;
}

static void queue_stopped(mu_vm *vm)
{
    mu_thread *next;
    for (mu_thread *thread = vm->first_stopped; thread; thread = next) {
        next = thread->next_stopped;
        thread_submit_again(thread);
    }
    vm->first_stopped = vm->last_stopped = NULL;
}

bool vm_enter_world_or_wait(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    pthread_mutex_lock(&vm->lock);
    bool enters = !vm->stopping;
    if (enters) {
        come_in(thread);
    } else {
        thread_end_slice(thread);
        vm_queue_when_going(thread);
    }
    pthread_mutex_unlock(&vm->lock);
    return enters;
}

void vm_leave_world_locked(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    thread->is_in_world = false;
    vm_profile_leave(thread);
    vm->in_world--;
    if (vm->stopping && !vm->in_world) {
        pthread_cond_broadcast(&vm->changed);
    }
}

void vm_enter_world(mu_thread *thread)
{
    pthread_mutex_lock(&thread->vm->lock);
    come_in(thread);
    pthread_mutex_unlock(&thread->vm->lock);
}

void vm_leave_world(mu_thread *thread)
{
    pthread_mutex_lock(&thread->vm->lock);
    vm_leave_world_locked(thread);
    pthread_mutex_unlock(&thread->vm->lock);
}

void vm_pause_for_world(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    pthread_mutex_lock(&vm->lock);
    if (vm->stopping) {
        vm_leave_world_locked(thread);
        come_in(thread);
    } else {
        vm_allow_running(thread);
    }
    pthread_mutex_unlock(&vm->lock);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void count_time(mu_times *times, uint64_t ns)
{
    uint32_t bucket = 63 - (uint32_t)__builtin_clzll(ns | 1);
    times->buckets[bucket < MU_TIME_BUCKETS ? bucket : MU_TIME_BUCKETS - 1]++;
    times->total_ns += ns;
    times->longest_ns = ns > times->longest_ns ? ns : times->longest_ns;
}

void vm_stop_world(mu_vm *vm, mu_thread *self)
{
    pthread_mutex_lock(&vm->lock);
    if (self) {
        vm_leave_world_locked(self);
    }
    vm->stops_wanted++;
    while (vm->stopping || vm->calms) {
        pthread_cond_wait(&vm->changed, &vm->lock);
    }
    vm->stops_wanted--;
    __atomic_store_n(&vm->stopping, true, __ATOMIC_RELAXED);
    uint64_t wanted_ns = now_ns();
    for (mu_thread *thread = vm->threads; thread; thread = thread->next) {
        vm_request_stop(thread);
    }
    for (mu_thread *mutator = vm->mutators; mutator; mutator = mutator->next) {
        vm_request_stop(mutator);
    }
    while (vm->in_world) {
        pthread_cond_wait(&vm->changed, &vm->lock);
    }
    vm->stopped_ns = now_ns();
    count_time(&vm->to_safepoints, vm->stopped_ns - wanted_ns);
    pthread_mutex_unlock(&vm->lock);
}

void vm_start_world(mu_vm *vm, mu_thread *self)
{
    pthread_mutex_lock(&vm->lock);
    __atomic_store_n(&vm->stopping, false, __ATOMIC_RELAXED);
    queue_stopped(vm);
    count_time(&vm->stops, now_ns() - vm->stopped_ns);
    if (self) {
        come_in(self);
    }
    void *context;
    mu_vm_calm_fn *granted = vm_take_calm(vm, &context);
    pthread_cond_broadcast(&vm->changed);
    pthread_mutex_unlock(&vm->lock);
    if (granted) {
        granted(context);
    }
}

void vm_lock_quiet(mu_vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    while (vm->stopping) {
        pthread_cond_wait(&vm->changed, &vm->lock);
    }
}

/* ---- roots */

static void trace_pending(mu_gc_tracer *tracer, mu_thread *thread)
{
    if (thread->pending == PENDING_NONE || !thread->pending_count) {
        return;
    }
    mu_jit_place *places = mu_allocate(thread->pending_count * sizeof *places);
    mu_jit_assign_places(thread->pending_types, thread->pending_count, places);
    for (uint32_t i = 0; i < thread->pending_count; i++) {
        mu_ir_type *type = thread->pending_types[i];
        void *memory = (void *)(uintptr_t)thread_place_memory(thread, &places[i]);
        mu_gc_trace_area(tracer, memory, mu_jit_descriptor(type), 1);
    }
    mu_free(places);
}

static void trace_allocas(mu_gc_tracer *tracer, mu_abi_alloca *cell)
{
    for (; cell; cell = cell->older) {
        if (cell->type->is_hybrid) {
            mu_gc_trace_hybrid(tracer, cell + 1, cell->type, cell->length);
        } else {
            mu_gc_trace_area(tracer, cell + 1, cell->type, 1);
        }
    }
}

void vm_trace_frames(mu_gc_tracer *tracer, const mu_vm *vm, bool more, mu_stack_cursor *cursor)
{
    const mu_code_cache *code = vm->substrate->code;
    while (more) {
        const mu_code_object *object = cursor->object;
        for (uint32_t i = 0; i < cursor->site->slot_count; i++) {
            const mu_code_slot *slot = &object->slots[cursor->site->first_slot + i];
            uintptr_t address = cursor->frame + (uintptr_t)(intptr_t)slot->rbp_offset;
            mu_gc_trace_slot(tracer, (uintptr_t *)address, slot->kind);
        }
        if (object->alloca_slot) {
            uintptr_t address = cursor->frame + (uintptr_t)(intptr_t)object->alloca_slot;
            trace_allocas(tracer, *(mu_abi_alloca **)address);
        }
        more = mu_stack_next(code, cursor);
    }
}

/* What a thread holds beside its frames and registers. */
static void trace_own(mu_gc_tracer *tracer, mu_thread *thread)
{
    mu_gc_trace_slot(tracer, &thread->handle, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &thread->local, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &thread->abi.exception, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &thread->abi.site_stack, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &thread->abi.site_local, MU_ABI_SLOT_REF);
}

static void trace_thread(mu_gc_tracer *tracer, mu_thread *thread)
{
    mu_stack_cursor cursor;
    trace_own(tracer, thread);
    trace_pending(tracer, thread);
    vm_trace_frames(tracer, thread->vm, thread_first_frame(thread, &cursor), &cursor);
}

static void trace_roots(mu_gc_tracer *tracer, void *context)
{
    mu_vm *vm = context;
    for (uint32_t i = 0; i < vm->cell_count; i++) {
        const vm_cell *cell = &vm->cells[i];
        mu_gc_trace_area(tracer, vm->globals + cell->offset_bytes, cell->type, 1);
    }
    for (uint32_t i = 0; i < vm->script_object_count; i++) {
        mu_gc_trace_slot(tracer, &vm->script_objects[i].address, MU_ABI_SLOT_REF);
    }
    for (mu_thread *thread = vm->threads; thread; thread = thread->next) {
        vm_make_room(vm);
        if (thread->stack) {
            trace_thread(tracer, thread);
        } else if (thread->holder) { /* its stack is parked, and held in site_stack */
            trace_own(tracer, thread);
        }
    }
    for (mu_thread *mutator = vm->mutators; mutator; mutator = mutator->next) {
        trace_own(tracer, mutator);
        vm_context_trace(tracer, mutator);
    }
    vm_stacks_trace_parked(tracer, vm);
    mu_gc_trace_slot(tracer, &vm->trap_userdata, MU_ABI_SLOT_REF);
    vm_futexes_trace(tracer, vm);
}

static mu_gc_buffer buffer_of(mu_thread *thread)
{
    return (mu_gc_buffer){&thread->abi.alloc_cursor, &thread->abi.alloc_limit};
}

static void retire_buffers(mu_vm *vm, mu_thread *threads)
{
    for (mu_thread *thread = threads; thread; thread = thread->next) {
        mu_gc_buffer buffer = buffer_of(thread);
        mu_gc_buffer_retire(vm->heap, &buffer);
    }
}

void vm_collect_stopped(mu_vm *vm, bool full)
{
    retire_buffers(vm, vm->threads);
    retire_buffers(vm, vm->mutators);
    mu_gc_collection collection = mu_gc_plan(vm->heap, full);
    vm_stacks_forget_handles(vm, &collection);
    mu_gc_collect(vm->heap, &collection, trace_roots, vm);
    vm_stacks_drop_unreached(vm, &collection);
    vm_futexes_find_again(vm);
    vm_queues_wake(vm);
}

void vm_collect(mu_vm *vm, mu_thread *self, bool full)
{
    vm_stop_world(vm, self);
    /* Another thread may just have collected for the same reason. */
    if (full || vm->substrate->config.gc_stress || mu_gc_is_due(vm->heap)) {
        vm_collect_stopped(vm, full);
    }
    vm_start_world(vm, self);
}

bool vm_is_stopping_to_collect(const mu_thread *thread)
{
    const mu_vm *vm = thread->vm;
    return mu_gc_is_due(vm->heap) && __atomic_load_n(&vm->stopping, __ATOMIC_RELAXED);
}

bool vm_goes_on(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    if (mu_gc_is_due(vm->heap) && !__atomic_load_n(&vm->stopping, __ATOMIC_RELAXED)) {
        vm_collect(vm, thread, false);
        return true;
    }
    pthread_mutex_lock(&vm->lock);
    bool goes_on = !vm->stopping;
    if (goes_on) {
        vm_allow_running(thread);
    }
    pthread_mutex_unlock(&vm->lock);
    return goes_on;
}

/* Only a full collection lets a thread fail for want of memory. */
mu_status vm_allocate(mu_thread *thread, const mu_abi_type *type, uint64_t length, mu_ref *ref)
{
    mu_vm *vm = thread->vm;
    mu_gc_buffer buffer = buffer_of(thread);
    if (vm->substrate->config.gc_stress || mu_gc_is_due(vm->heap)) {
        vm_collect(vm, thread, false);
    }
    mu_status status = mu_gc_allocate(vm->heap, &buffer, type, length, ref);
    if (status == MU_NO_MEMORY) {
        vm_collect(vm, thread, true);
        status = mu_gc_allocate(vm->heap, &buffer, type, length, ref);
    }
    if (status != MU_OK) {
        thread->exceeded = QUOTA_HEAP;
    }
    return status;
}

void vm_log_store(uintptr_t object, uintptr_t address, uint64_t bytes, mu_abi_thread *abi)
{
    mu_thread *thread = (mu_thread *)(void *)abi;
    mu_gc_log(thread->vm->heap, (mu_ref){object}, address, bytes);
    if (mu_gc_is_due(thread->vm->heap)) {
        vm_request_stop(thread); /* a program that stores much may allocate nothing */
    }
}

void mu_vm_collect(mu_vm *vm)
{
    vm_collect(vm, NULL, true);
}
