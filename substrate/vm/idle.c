/* Memory that nobody needs for now goes back to the system. A VM that has had no thread for a while
 * is collected and its heap trimmed, so that what it keeps is what lives; what ended VMs leave free
 * in the allocator and in the pool of blocks follows.
 *
 * A VM is put into a list when its last thread finishes. As long as there is something to do, a
 * timer comes every IDLE_NS and a worker goes through the list, without ever waiting: a VM that is
 * called again meanwhile is left alone. */
#include "vm_internal.h"

#include <time.h>

#define IDLE_NS 1000000000ull
/* How long a job goes on before it makes room for others. */
#define TURN_NS 2000000ull
/* Of an idle heap of more, only the young part is collected: all of it would take long. */
#define FULL_BYTES ((uint64_t)4 << 20)

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- the list; its lock is held */

static void put_last(vm_idle_list *list, mu_vm *vm)
{
    vm->idle_place = (idle_place){.previous = list->last, .is_listed = true};
    *(list->last ? &list->last->idle_place.next : &list->first) = vm;
    list->last = vm;
    list->count++;
}

static void take_out(vm_idle_list *list, mu_vm *vm)
{
    idle_place *place = &vm->idle_place;
    *(place->previous ? &place->previous->idle_place.next : &list->first) = place->next;
    *(place->next ? &place->next->idle_place.previous : &list->last) = place->previous;
    *place = (idle_place){0};
    list->count--;
}

static void tidy(void *context);

static void timer_came(void *context)
{
    mu_substrate *substrate = context;
    mu_thread_pool_submit(substrate->workers, tidy, substrate);
}

static void set_timer(mu_substrate *substrate)
{
    vm_idle_list *list = &substrate->idle;
    if (!list->is_due && !list->is_ending) {
        list->is_due = true;
        mu_timer_set(substrate->timers, &list->timer, IDLE_NS, timer_came, substrate);
    }
}

/* ---- what is done */

/* Stops the world of a VM that has nobody in it; false: it is not idle. */
static bool stop_idle(mu_vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    bool is_idle =
        !vm->thread_count && !vm->in_world && !vm->stopping && !vm->stops_wanted && !vm->calms;
    if (is_idle) {
        __atomic_store_n(&vm->stopping, true, __ATOMIC_RELAXED);
        vm->stopped_ns = now_ns();
    }
    pthread_mutex_unlock(&vm->lock);
    return is_idle;
}

/* False: somebody is at it, who need be no thread. */
static bool rest(mu_vm *vm)
{
    uint64_t used_bytes = mu_gc_heap_stats(vm->heap).used_bytes;
    if (!used_bytes) {
        return true;
    }
    if (!stop_idle(vm)) {
        return false;
    }
    vm_collect_stopped(vm, used_bytes <= FULL_BYTES);
    mu_gc_heap_trim(vm->heap);
    vm_start_world(vm, NULL);
    return true;
}

static bool is_busy(mu_vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    bool is_busy = vm->thread_count != 0;
    pthread_mutex_unlock(&vm->lock);
    return is_busy;
}

/* Goes on with the pass through the list: the next VM that is idle long enough, taken out, or NULL
 * at its end. One that is not idle goes, and comes back by itself. */
static mu_vm *next_to_rest(vm_idle_list *list)
{
    uint64_t now = now_ns();
    while (list->first && list->to_look_at && !list->is_ending) {
        mu_vm *vm = list->first;
        uint64_t since_ns = __atomic_load_n(&vm->idle_since_ns, __ATOMIC_RELAXED);
        list->to_look_at--;
        take_out(list, vm);
        if (now < since_ns + IDLE_NS) {
            put_last(list, vm);
        } else if (!is_busy(vm)) {
            return vm;
        }
    }
    return NULL;
}

/* Until the pass is over, which is true, or so long that others should have the worker. */
static bool rest_some(vm_idle_list *list)
{
    uint64_t until_ns = now_ns() + TURN_NS;
    mu_vm *vm = next_to_rest(list);
    while (vm) {
        list->resting = vm;
        pthread_mutex_unlock(&list->lock);
        bool has_rested = rest(vm);
        pthread_mutex_lock(&list->lock);
        if (!has_rested && !vm->idle_place.is_listed) {
            put_last(list, vm);
        }
        list->resting = NULL;
        pthread_cond_broadcast(&list->rested);
        if (now_ns() > until_ns) {
            return false;
        }
        vm = next_to_rest(list);
    }
    return true;
}

static void tidy_more(void *context)
{
    mu_substrate *substrate = context;
    vm_idle_list *list = &substrate->idle;
    pthread_mutex_lock(&list->lock);
    bool is_over = rest_some(list);
    if (is_over) {
        list->is_due = false;
        if (list->first) {
            set_timer(substrate);
        }
    }
    pthread_mutex_unlock(&list->lock);
    if (is_over) {
        mu_gc_pool_release(substrate->blocks);
        mu_stack_pool_trim(substrate->stacks);
        mu_stack_pool_trim(substrate->native_stacks);
        mu_memory_purge();
    } else {
        mu_thread_pool_submit(substrate->workers, tidy_more, substrate);
    }
}

/* A job of a worker's: begins a pass. */
static void tidy(void *context)
{
    mu_substrate *substrate = context;
    pthread_mutex_lock(&substrate->idle.lock);
    substrate->idle.to_look_at = substrate->idle.count;
    pthread_mutex_unlock(&substrate->idle.lock);
    tidy_more(substrate);
}

/* ---- from outside */

void vm_note_idle(mu_vm *vm)
{
    vm_idle_list *list = &vm->substrate->idle;
    __atomic_store_n(&vm->idle_since_ns, now_ns(), __ATOMIC_RELAXED);
    pthread_mutex_lock(&list->lock);
    if (!vm->idle_place.is_listed) {
        put_last(list, vm);
    }
    set_timer(vm->substrate);
    pthread_mutex_unlock(&list->lock);
}

void vm_forget_idle(mu_vm *vm)
{
    vm_idle_list *list = &vm->substrate->idle;
    pthread_mutex_lock(&list->lock);
    while (list->resting == vm) {
        pthread_cond_wait(&list->rested, &list->lock);
    }
    if (vm->idle_place.is_listed) {
        take_out(list, vm);
    }
    set_timer(vm->substrate); /* for what it leaves behind */
    pthread_mutex_unlock(&list->lock);
}

void vm_idle_init(mu_substrate *substrate)
{
    pthread_mutex_init(&substrate->idle.lock, NULL);
    pthread_cond_init(&substrate->idle.rested, NULL);
}

void vm_idle_end(mu_substrate *substrate)
{
    vm_idle_list *list = &substrate->idle;
    pthread_mutex_lock(&list->lock);
    list->is_ending = true;
    pthread_mutex_unlock(&list->lock);
    if (substrate->timers) {
        mu_timer_cancel(substrate->timers, &list->timer);
    }
}

void vm_idle_deinit(mu_substrate *substrate)
{
    pthread_mutex_destroy(&substrate->idle.lock);
    pthread_cond_destroy(&substrate->idle.rested);
}
