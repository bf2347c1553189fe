/* Futexes (threads-stacks.rest, "Futex"): threads that wait at a memory location.
 *
 * A location is what its iref says, object and offset, and moves with the object. So each queue
 * holds the object as a root, is found in a hash table by the location's address, and is put into
 * another bucket after each collection. Queues, and the table, change only under the VM's lock by
 * threads that are in the world, hence never in a collection.
 *
 * The value is compared under the lock that a waker takes after its store, so no wake is lost: who
 * waits has seen the old value before the waker had the lock, and then the waker sees the queue.
 *
 * Kills and timeouts come from outside of the world. They leave the queues alone: they set the
 * thread running, and it leaves its queue at the beginning of its slice; wakers pass over threads
 * that do not wait any more.
 */
#include "vm_internal.h"

#define FIRST_BUCKETS   64u
#define NULL_AREA_BYTES (1u << 20) /* as for compiled code: see fault_handler.c */

enum { WOKEN = 0, DIFFERS = -1, SPURIOUS = -2, TIMED_OUT = -3 };

struct futex_queue {
    futex_queue *next; /* in the bucket */
    uintptr_t base;    /* root; 0: `offset` is the address, of a cell in a frame */
    uint64_t offset;
    mu_thread *first, *last;
};

typedef struct location {
    uintptr_t base;
    uint64_t offset;
} location;

/* ---- the table */

static uintptr_t address_of(const futex_queue *queue)
{
    return queue->base + queue->offset;
}

static futex_queue **bucket_of(const futex_table *table, uintptr_t address)
{
    uint64_t mixed = address * 0x9e3779b97f4a7c15u;
    return &table->buckets[mixed >> 32 & (table->bucket_count - 1)];
}

/* Puts every queue into the bucket that is right for it now. */
static void refill(futex_table *table, uint32_t bucket_count)
{
    futex_table old = *table;
    table->buckets = mu_allocate(bucket_count * sizeof(futex_queue *));
    table->bucket_count = bucket_count;
    for (uint32_t i = 0; i < old.bucket_count; i++) {
        futex_queue *next;
        for (futex_queue *queue = old.buckets[i]; queue; queue = next) {
            futex_queue **bucket = bucket_of(table, address_of(queue));
            next = queue->next;
            queue->next = *bucket;
            *bucket = queue;
        }
    }
    mu_free(old.buckets);
}

static futex_queue *find_queue(const futex_table *table, location at)
{
    if (!table->queue_count) {
        return NULL;
    }
    futex_queue *queue = *bucket_of(table, at.base + at.offset);
    while (queue && address_of(queue) != at.base + at.offset) {
        queue = queue->next;
    }
    return queue;
}

static futex_queue *find_or_make_queue(mu_vm *vm, location at)
{
    futex_table *table = &vm->futexes;
    futex_queue *queue = find_queue(table, at);
    if (queue) {
        return queue;
    }
    if (table->queue_count == table->bucket_count) {
        uint32_t more = table->bucket_count ? table->bucket_count : FIRST_BUCKETS;
        vm_metadata_add(vm, more * sizeof(futex_queue *));
        refill(table, table->bucket_count + more);
    }
    futex_queue **bucket = bucket_of(table, at.base + at.offset);
    vm_metadata_add(vm, sizeof *queue);
    queue = mu_allocate(sizeof *queue);
    *queue = (futex_queue){.next = *bucket, .base = at.base, .offset = at.offset};
    *bucket = queue;
    table->queue_count++;
    return queue;
}

static void free_queue(mu_vm *vm, futex_queue *queue)
{
    futex_table *table = &vm->futexes;
    futex_queue **link = bucket_of(table, address_of(queue));
    while (*link != queue) {
        link = &(*link)->next;
    }
    *link = queue->next;
    table->queue_count--;
    vm_metadata_give(vm, sizeof *queue);
    mu_free(queue);
}

/* ---- queues */

static void append(futex_queue *queue, mu_thread *thread)
{
    thread->queue = queue;
    thread->next_waiter = NULL;
    thread->previous_waiter = queue->last;
    if (queue->last) {
        queue->last->next_waiter = thread;
    } else {
        queue->first = thread;
    }
    queue->last = thread;
}

/* Takes the thread out of its queue, which goes with its last thread. */
static void take_out(mu_thread *thread)
{
    futex_queue *queue = thread->queue;
    if (thread->previous_waiter) {
        thread->previous_waiter->next_waiter = thread->next_waiter;
    } else {
        queue->first = thread->next_waiter;
    }
    if (thread->next_waiter) {
        thread->next_waiter->previous_waiter = thread->previous_waiter;
    } else {
        queue->last = thread->previous_waiter;
    }
    thread->queue = NULL;
    if (!queue->first) {
        free_queue(thread->vm, queue);
    }
}

/* Ends a wait with this result; VM's lock held. */
static void end_wait(mu_thread *thread, int32_t result)
{
    thread->abi.gpr[0] = (uint32_t)result;
    thread_wake(thread);
}

/* How many it woke. */
static int32_t wake_first(const futex_table *table, location at, int32_t most)
{
    int32_t woken = 0;
    futex_queue *queue = find_queue(table, at);
    mu_thread *next;
    for (mu_thread *thread = queue ? queue->first : NULL; thread && woken < most; thread = next) {
        next = thread->next_waiter;
        take_out(thread);
        if (thread->state == MU_THREAD_WAITING) {
            end_wait(thread, WOKEN);
            woken++;
        }
    }
    return woken;
}

static void move_all(mu_vm *vm, location from, location to)
{
    futex_queue *queue = find_queue(&vm->futexes, from);
    if (!queue || from.base + from.offset == to.base + to.offset) {
        return;
    }
    futex_queue *target = find_or_make_queue(vm, to);
    mu_thread *next;
    for (mu_thread *thread = queue->first; thread; thread = next) {
        next = thread->next_waiter;
        take_out(thread);
        append(target, thread);
    }
}

/* ---- the instructions; the operands are in general registers, an iref in two */

static location location_at(const mu_thread *thread, uint32_t first)
{
    return (location){thread->abi.gpr[first], thread->abi.gpr[first + 1]};
}

/* An iref is NULL exactly when its base is, but for cells in frames, which trusted bundles have. */
static bool is_null(location at)
{
    return !at.base && at.offset < NULL_AREA_BYTES;
}

static uint64_t load(location at, const mu_ir_type *type)
{
    const void *memory = (const void *)(at.base + at.offset);
    uint64_t value = 0;
    switch (type->size_bytes) {
    case 1: value = __atomic_load_n((const uint8_t *)memory, __ATOMIC_SEQ_CST); break;
    case 2: value = __atomic_load_n((const uint16_t *)memory, __ATOMIC_SEQ_CST); break;
    case 4: value = __atomic_load_n((const uint32_t *)memory, __ATOMIC_SEQ_CST); break;
    default: value = __atomic_load_n((const uint64_t *)memory, __ATOMIC_SEQ_CST); break;
    }
    return value & UINT64_MAX >> (64 - type->bits);
}

static void time_out(void *context)
{
    mu_thread *thread = context;
    mu_vm *vm = thread->vm;
    pthread_mutex_lock(&vm->lock);
    if (thread->state == MU_THREAD_WAITING) {
        end_wait(thread, TIMED_OUT);
    }
    pthread_mutex_unlock(&vm->lock);
}

/* From when the lock is released, the thread is whoever's that wakes it. */
static slice_end park(mu_thread *thread, location at, const uint64_t *timeout_ns)
{
    mu_vm *vm = thread->vm;
    append(find_or_make_queue(vm, at), thread);
    thread->pending = PENDING_NONE;
    thread->has_waited = true;
    thread->state = MU_THREAD_WAITING;
    if (timeout_ns) {
        mu_timer_set(vm->substrate->timers, &thread->timer, *timeout_ns, time_out, thread);
    }
    vm_leave_world_locked(thread);
    thread_end_slice(thread);
    pthread_mutex_unlock(&vm->lock);
    return SLICE_WAITING;
}

static slice_end wait_at(mu_thread *thread, const mu_ir_type *type, bool has_timeout)
{
    mu_vm *vm = thread->vm;
    location at = location_at(thread, 0);
    uint64_t wanted = thread->abi.gpr[2];
    uint64_t timeout_ns = thread->abi.gpr[3];
    if (is_null(at)) {
        return thread_raise(thread, MU_GUEST_ERROR_NULL_DEREFERENCE);
    }
    int32_t result;
    slice_end end = SLICE_GOES_ON;
    pthread_mutex_lock(&vm->lock);
    if (load(at, type) != wanted) {
        result = DIFFERS;
    } else if (thread_is_called(thread)) {
        result = SPURIOUS;
        end = SLICE_QUEUED; /* where that is heeded */
    } else if (has_timeout && !timeout_ns) {
        result = TIMED_OUT;
    } else {
        return park(thread, at, has_timeout ? &timeout_ns : NULL);
    }
    thread->abi.gpr[0] = (uint32_t)result;
    pthread_mutex_unlock(&vm->lock);
    return end;
}

static slice_end wake(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    location at = location_at(thread, 0);
    if (is_null(at)) {
        return thread_raise(thread, MU_GUEST_ERROR_NULL_DEREFERENCE);
    }
    pthread_mutex_lock(&vm->lock);
    int32_t woken = wake_first(&vm->futexes, at, (int32_t)thread->abi.gpr[2]);
    pthread_mutex_unlock(&vm->lock);
    thread->abi.gpr[0] = (uint32_t)woken;
    return SLICE_GOES_ON;
}

static slice_end requeue(mu_thread *thread, const mu_ir_type *type)
{
    mu_vm *vm = thread->vm;
    location from = location_at(thread, 0);
    location to = location_at(thread, 2);
    uint64_t expected = thread->abi.gpr[4];
    if (is_null(from) || is_null(to)) {
        return thread_raise(thread, MU_GUEST_ERROR_NULL_DEREFERENCE);
    }
    int32_t result = DIFFERS;
    pthread_mutex_lock(&vm->lock);
    if (load(from, type) == expected) {
        result = wake_first(&vm->futexes, from, (int32_t)thread->abi.gpr[5]);
        move_all(vm, from, to);
    }
    pthread_mutex_unlock(&vm->lock);
    thread->abi.gpr[0] = (uint32_t)result;
    return SLICE_GOES_ON;
}

slice_end thread_futex_inst(mu_thread *thread, const mu_ir_inst *inst)
{
    const mu_ir_version *version = thread->abi.site_version;
    const mu_ir_type *type = version->types[inst->types.first];
    switch ((int)inst->comminst) {
    case MU_COMMINST_FUTEX_WAIT: return wait_at(thread, type, false);
    case MU_COMMINST_FUTEX_WAIT_TIMEOUT: return wait_at(thread, type, true);
    case MU_COMMINST_FUTEX_WAKE: return wake(thread);
    default: return requeue(thread, type);
    }
}

void thread_stop_waiting(mu_thread *thread)
{
    mu_vm *vm = thread->vm;
    if (!thread->has_waited) {
        return;
    }
    thread->has_waited = false;
    mu_timer_cancel(vm->substrate->timers, &thread->timer);
    pthread_mutex_lock(&vm->lock);
    if (thread->queue) {
        take_out(thread);
    }
    pthread_mutex_unlock(&vm->lock);
}

/* ---- collections, and the end */

void vm_futexes_trace(mu_gc_tracer *tracer, mu_vm *vm)
{
    for (uint32_t i = 0; i < vm->futexes.bucket_count; i++) {
        for (futex_queue *queue = vm->futexes.buckets[i]; queue; queue = queue->next) {
            mu_gc_trace_slot(tracer, &queue->base, MU_ABI_SLOT_REF);
        }
    }
}

void vm_futexes_find_again(mu_vm *vm)
{
    if (vm->futexes.queue_count) {
        refill(&vm->futexes, vm->futexes.bucket_count);
    }
}

void vm_futexes_wake_all(mu_vm *vm, mu_ref object)
{
    (void)wake_first(&vm->futexes, (location){object.address, 0}, INT32_MAX);
}

void vm_futexes_free(mu_vm *vm)
{
    MU_INVARIANT(!vm->futexes.queue_count, "%u queues are left of a VM whose threads are gone",
                 vm->futexes.queue_count);
    mu_free(vm->futexes.buckets);
}
