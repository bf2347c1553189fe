/* The limits of a VM, and what it uses of them. A use is counted where it begins and ends: stacks,
 * threads and code under the VM's lock; metadata and handles by atomic counters, since they come
 * and go under other locks as well. A counter never lies above its limit but where the limit was
 * lowered, or for what must not fail (vm_metadata_add). */
#include "vm_internal.h"

#include <stdio.h>

#define MIN_HEAP_BYTES   (1ull << 20)
#define MAX_BYTES        (1ull << 46)
#define MIN_STACK_BYTES  (64ull << 10)
#define MAX_STACK_BYTES  (1ull << 30)
#define MIN_STACKS_BYTES (8ull << 10)

static uint64_t limit_of(const mu_vm *vm, vm_quota quota)
{
    switch (quota) {
    case QUOTA_HEAP: return vm_limit(vm, heap_bytes);
    case QUOTA_STACK: return vm_limit(vm, stack_bytes);
    case QUOTA_STACKS_BYTES: return vm_limit(vm, stacks_bytes);
    case QUOTA_STACKS: return vm_limit(vm, stacks);
    case QUOTA_THREADS: return vm_limit(vm, threads);
    case QUOTA_CODE: return vm_limit(vm, code_bytes);
    case QUOTA_METADATA: return vm_limit(vm, metadata_bytes);
    case QUOTA_HANDLES: return vm_limit(vm, context_handles);
    case QUOTA_NONE: break;
    }
    return 0;
}

typedef struct quota_words {
    const char *what;
    const char *name;
    const char *advice;
} quota_words;

void vm_quota_text(const mu_vm *vm, vm_quota quota, char text[VM_QUOTA_TEXT_BYTES])
{
    static const quota_words all[] = {
        [QUOTA_HEAP] = {"the VM's heap quota is used up", "heap_bytes",
                        "give the VM a larger heap, or refer to less"},
        [QUOTA_STACK] = {"the thread's stack is used up", "stack_bytes",
                         "is there endless recursion?"},
        [QUOTA_STACKS_BYTES] = {"the VM's stacks together are as large as they may be",
                                "stacks_bytes", "raise it, or end some"},
        [QUOTA_STACKS] = {"the VM has as many stacks as it may", "stacks",
                          "raise it, or kill some"},
        [QUOTA_THREADS] = {"the VM has as many threads as it may", "threads",
                           "raise it, or wait for some to end"},
        [QUOTA_CODE] = {"the VM's machine code would be more than it may have", "code_bytes",
                        "raise it"},
        [QUOTA_METADATA] = {"the VM would hold more outside of its heap than it may",
                            "metadata_bytes", "raise it, or let go of some"},
        [QUOTA_HANDLES] = {"the VM's contexts hold as many values as they may", "context_handles",
                           "raise it, or delete some"},
    };
    if (quota == QUOTA_NONE) {
        snprintf(text, VM_QUOTA_TEXT_BYTES, "the system has no memory left for it");
    } else {
        snprintf(text, VM_QUOTA_TEXT_BYTES, "%s (limit %s = %llu): %s", all[quota].what,
                 all[quota].name, (unsigned long long)limit_of(vm, quota), all[quota].advice);
    }
}

mu_status vm_report_quota(const mu_vm *vm, vm_quota quota, mu_report *report)
{
    char text[VM_QUOTA_TEXT_BYTES];
    vm_quota_text(vm, quota, text);
    return mu_report_add(report, quota == QUOTA_NONE ? MU_NO_MEMORY : MU_LIMIT, (mu_location){0},
                         "%s", text);
}

mu_guest_error thread_exceed(mu_thread *thread, vm_quota quota)
{
    thread->exceeded = quota;
    return quota == QUOTA_STACK ? MU_GUEST_ERROR_STACK_OVERFLOW : MU_GUEST_ERROR_OUT_OF_MEMORY;
}

/* ---- atomic counters */

bool vm_metadata_take(mu_vm *vm, uint64_t bytes)
{
    uint64_t used = __atomic_load_n(&vm->metadata_bytes, __ATOMIC_RELAXED);
    uint64_t limit = vm_limit(vm, metadata_bytes);
    do {
        if (bytes && (used > limit || bytes > limit - used)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&vm->metadata_bytes, &used, used + bytes, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

void vm_metadata_add(mu_vm *vm, uint64_t bytes)
{
    __atomic_fetch_add(&vm->metadata_bytes, bytes, __ATOMIC_RELAXED);
}

void vm_metadata_give(mu_vm *vm, uint64_t bytes)
{
    uint64_t before = __atomic_fetch_sub(&vm->metadata_bytes, bytes, __ATOMIC_RELAXED);
    MU_INVARIANT(before >= bytes, "%llu bytes are given back of %llu", (unsigned long long)bytes,
                 (unsigned long long)before);
}

uint64_t vm_metadata_left(const mu_vm *vm)
{
    uint64_t used = __atomic_load_n(&vm->metadata_bytes, __ATOMIC_RELAXED);
    uint64_t limit = vm_limit(vm, metadata_bytes);
    return used < limit ? limit - used : 0;
}

bool vm_handles_take(mu_vm *vm, uint32_t count)
{
    uint32_t used = __atomic_load_n(&vm->handle_count, __ATOMIC_RELAXED);
    uint32_t limit = vm_limit(vm, context_handles);
    do {
        if (count && (used > limit || count > limit - used)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&vm->handle_count, &used, used + count, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

void vm_handles_give(mu_vm *vm, uint32_t count)
{
    uint32_t before = __atomic_fetch_sub(&vm->handle_count, count, __ATOMIC_RELAXED);
    MU_INVARIANT(before >= count, "%u handles are given back of %u", count, before);
}

/* ---- the limits */

typedef struct range {
    const char *name;
    uint64_t given, least, most;
} range;

static mu_status check(const mu_vm_limits *limits, mu_report *report)
{
    const range ranges[] = {
        {"heap_bytes", limits->heap_bytes, MIN_HEAP_BYTES, MAX_BYTES},
        {"stack_bytes", limits->stack_bytes, MIN_STACK_BYTES, MAX_STACK_BYTES},
        {"stacks_bytes", limits->stacks_bytes, MIN_STACKS_BYTES, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const range *at = &ranges[i];
        if (at->given && (at->given < at->least || at->given > at->most)) {
            return mu_report_add(report, MU_INVALID, (mu_location){0},
                                 "%s cannot be %llu: it is from %llu to %llu", at->name,
                                 (unsigned long long)at->given, (unsigned long long)at->least,
                                 (unsigned long long)at->most);
        }
    }
    return MU_OK;
}

#define TAKE_OVER(to, from, name)                                                                  \
    do {                                                                                           \
        if ((from)->name) {                                                                        \
            __atomic_store_n(&(to)->name, (from)->name, __ATOMIC_RELAXED);                         \
        }                                                                                          \
    } while (0)

static void take_over(mu_vm_limits *to, const mu_vm_limits *from)
{
    TAKE_OVER(to, from, heap_bytes);
    TAKE_OVER(to, from, stack_bytes);
    TAKE_OVER(to, from, stacks_bytes);
    TAKE_OVER(to, from, stacks);
    TAKE_OVER(to, from, threads);
    TAKE_OVER(to, from, code_bytes);
    TAKE_OVER(to, from, metadata_bytes);
    TAKE_OVER(to, from, context_handles);
}

mu_status vm_limits_init(mu_vm *vm)
{
    mu_vm_limits asked = vm->config.limits;
    mu_status status = check(&asked, NULL);
    if (status == MU_OK) {
        vm->config.limits = (mu_vm_limits){
            .heap_bytes = MU_VM_DEFAULT_HEAP_BYTES,
            .stack_bytes = MU_VM_DEFAULT_STACK_BYTES,
            .stacks_bytes = asked.heap_bytes ? asked.heap_bytes : MU_VM_DEFAULT_HEAP_BYTES,
            .stacks = MU_VM_DEFAULT_STACKS,
            .threads = MU_VM_DEFAULT_THREADS,
            .code_bytes = MU_VM_DEFAULT_CODE_BYTES,
            .metadata_bytes = MU_VM_DEFAULT_METADATA_BYTES,
            .context_handles = MU_VM_DEFAULT_CONTEXT_HANDLES,
        };
        take_over(&vm->config.limits, &asked);
    }
    return status;
}

mu_status mu_vm_set_limits(mu_vm *vm, const mu_vm_limits *limits, mu_report *report)
{
    mu_status status = check(limits, report);
    if (status != MU_OK) {
        return status;
    }
    pthread_mutex_lock(&vm->limits_lock);
    if (limits->heap_bytes) {
        mu_gc_heap_set_quota(vm->heap, limits->heap_bytes);
    }
    take_over(&vm->config.limits, limits);
    pthread_mutex_unlock(&vm->limits_lock);
    return MU_OK;
}

mu_vm_limits mu_vm_get_limits(mu_vm *vm)
{
    pthread_mutex_lock(&vm->limits_lock);
    mu_vm_limits limits = vm->config.limits;
    pthread_mutex_unlock(&vm->limits_lock);
    return limits;
}
