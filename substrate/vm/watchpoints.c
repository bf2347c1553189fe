/* A VM's enabled watchpoints. The list is the truth; the filter is what compiled code looks at
 * first, so that it seldom has to ask; the code generator makes it look at all (jit/watch_sites.c).
 * Enabling fills in list and filter before the code is switched: whoever comes to ask finds the
 * answer. */
#include "vm_internal.h"

#include <string.h>

void vm_watchpoints_init(mu_vm *vm)
{
    pthread_mutex_init(&vm->watchpoints.lock, NULL);
}

void vm_watchpoints_deinit(mu_vm *vm)
{
    for (uint32_t i = 0; i < vm->watchpoints.enabled.count; i++) {
        mu_jit_unwatch(vm->substrate->jit, vm->watchpoints.enabled.items[i]);
    }
    MU_ARRAY_FREE(&vm->watchpoints.enabled);
    pthread_mutex_destroy(&vm->watchpoints.lock);
}

/* Where the id is in the list, or belongs. */
static uint32_t place_of(const vm_watchpoints *set, uint32_t id)
{
    uint32_t low = 0;
    uint32_t high = set->enabled.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->enabled.items[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const vm_watchpoints *set, uint32_t place, uint32_t id)
{
    return place < set->enabled.count && set->enabled.items[place] == id;
}

/* Brings the filter's entry for ids like this one up to date. */
static void refresh_filter(vm_watchpoints *set, uint32_t id)
{
    uint64_t entry = 0;
    for (uint32_t i = 0; i < set->enabled.count && entry != MU_ABI_WATCH_SEVERAL; i++) {
        uint32_t other = set->enabled.items[i];
        if (other % MU_ABI_WATCH_ENTRIES == id % MU_ABI_WATCH_ENTRIES) {
            entry = entry ? MU_ABI_WATCH_SEVERAL : other;
        }
    }
    __atomic_store_n(&set->filter[id % MU_ABI_WATCH_ENTRIES], entry, __ATOMIC_RELEASE);
}

bool vm_watchpoint_is_enabled(mu_vm *vm, uint32_t id)
{
    vm_watchpoints *set = &vm->watchpoints;
    pthread_mutex_lock(&set->lock);
    bool is_enabled = is_at(set, place_of(set, id), id);
    pthread_mutex_unlock(&set->lock);
    return is_enabled;
}

/* The list's, of one more; there is a limit of its own. */
static void count_growth(mu_vm *vm)
{
    vm_watchpoints *set = &vm->watchpoints;
    uint64_t before = set->enabled.capacity;
    MU_ARRAY_RESERVE(&set->enabled, set->enabled.count + 1);
    vm_metadata_add(vm, (set->enabled.capacity - before) * sizeof *set->enabled.items);
}

mu_status mu_vm_enable_watchpoint(mu_vm *vm, uint32_t id)
{
    vm_watchpoints *set = &vm->watchpoints;
    mu_status status = id ? MU_OK : MU_INVALID;
    pthread_mutex_lock(&set->lock);
    uint32_t place = place_of(set, id);
    if (status == MU_OK && !is_at(set, place, id)) {
        if (set->enabled.count == MU_VM_MAX_WATCHPOINTS) {
            status = MU_LIMIT;
        } else {
            count_growth(vm);
            MU_ARRAY_PUSH(&set->enabled, id);
            memmove(&set->enabled.items[place + 1], &set->enabled.items[place],
                    (set->enabled.count - 1 - place) * sizeof id);
            set->enabled.items[place] = id;
            refresh_filter(set, id);
            mu_jit_watch(vm->substrate->jit, id);
        }
    }
    pthread_mutex_unlock(&set->lock);
    return status;
}

mu_status mu_vm_disable_watchpoint(mu_vm *vm, uint32_t id)
{
    vm_watchpoints *set = &vm->watchpoints;
    pthread_mutex_lock(&set->lock);
    uint32_t place = place_of(set, id);
    if (is_at(set, place, id)) {
        memmove(&set->enabled.items[place], &set->enabled.items[place + 1],
                (set->enabled.count - 1 - place) * sizeof id);
        set->enabled.count--;
        refresh_filter(set, id);
        mu_jit_unwatch(vm->substrate->jit, id);
    }
    pthread_mutex_unlock(&set->lock);
    return id ? MU_OK : MU_INVALID;
}
