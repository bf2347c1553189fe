/* A VM: its making and its end, what can be asked of it and of its functions. */
#include "vm_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert(MU_VM_MAX_CPU_SHARE == MU_SHARE_WEIGHT_MOST,
               "what mu.h promises the pool must take");

#define FIRST_FUNCTIONS 16u

/* The collector's background work goes on the workers, in small pieces. */
static void vm_run_later(void *context, void (*job)(void *argument), void *argument)
{
    mu_vm *vm = context;
    mu_thread_pool_submit_for(vm->substrate->workers, vm->share, job, argument);
}

static bool vm_worker_is_wanted(void *context)
{
    const mu_vm *vm = context;
    return mu_thread_pool_is_contended(vm->substrate->workers);
}

void vm_make_room(void *context)
{
    const mu_vm *vm = context;
    mu_thread_pool_make_room(vm->substrate->workers);
}

static uint32_t share_weight(uint32_t share)
{
    uint32_t weight = share ? share : MU_VM_DEFAULT_CPU_SHARE;
    return weight < MU_VM_MAX_CPU_SHARE ? weight : MU_VM_MAX_CPU_SHARE;
}

void mu_vm_set_cpu_share(mu_vm *vm, uint32_t share)
{
    mu_share_set_weight(vm->share, share_weight(share));
}

mu_status mu_vm_new(mu_substrate *substrate, const mu_vm_config *config, mu_vm **out)
{
    mu_vm *vm = mu_allocate(sizeof *vm);
    vm->substrate = substrate;
    vm->config = *config;
    mu_status status = config->cpu_share > MU_VM_MAX_CPU_SHARE ? MU_INVALID : vm_limits_init(vm);
    if (status != MU_OK) {
        mu_free(vm);
        return status;
    }
    mu_gc_config heap = {.quota_bytes = vm->config.limits.heap_bytes,
                         .stress = substrate->config.gc_stress,
                         .verify = substrate->config.gc_verify,
                         .concurrent = substrate->config.gc_concurrent,
                         .report = substrate->config.gc_report,
                         .run_later = vm_run_later,
                         .is_wanted = vm_worker_is_wanted,
                         .make_room = vm_make_room,
                         .run_context = vm,
                         .helpers = substrate->worker_count - 1};
    vm->share = mu_share_new(substrate->workers, share_weight(vm->config.cpu_share));
    vm->heap = mu_gc_heap_new(substrate->blocks, &heap);
    mu_gc_heap_set_native(vm->heap, vm_stack_reached, vm);
    mu_gc_heap_set_pins(vm->heap, vm_show_pins, vm);
    vm->env = mu_ir_env_retain(substrate->root);
    vm->table_capacity = FIRST_FUNCTIONS;
    vm->table = mu_allocate(vm->table_capacity * sizeof *vm->table);
    vm->functions = mu_allocate(vm->table_capacity * sizeof *vm->functions);
    vm->table[0].code = mu_jit_lazy_entry(substrate->jit);
    vm->table_count = 1;
    vm_metadata_add(vm, sizeof *vm + vm_table_bytes(FIRST_FUNCTIONS));
    pthread_mutex_init(&vm->limits_lock, NULL);
    pthread_mutex_init(&vm->lock, NULL);
    pthread_mutex_init(&vm->load_lock, NULL);
    pthread_mutex_init(&vm->irbuilder_lock, NULL);
    pthread_mutex_init(&vm->profile_lock, NULL);
    pthread_cond_init(&vm->changed, NULL);
    vm_watchpoints_init(vm);
    pthread_mutex_lock(&substrate->lock);
    vm->next = substrate->vms;
    if (vm->next) {
        vm->next->previous = vm;
    }
    substrate->vms = vm;
    pthread_mutex_unlock(&substrate->lock);
    *out = vm;
    return MU_OK;
}

void mu_vm_set_thread_hook(mu_vm *vm, const mu_vm_thread_hook *hook)
{
    vm->hook = *hook;
}

static void unlink_vm(mu_vm *vm)
{
    mu_substrate *substrate = vm->substrate;
    pthread_mutex_lock(&substrate->lock);
    if (vm->previous) {
        vm->previous->next = vm->next;
    } else {
        substrate->vms = vm->next;
    }
    if (vm->next) {
        vm->next->previous = vm->previous;
    }
    pthread_mutex_unlock(&substrate->lock);
}

static void end_threads(mu_vm *vm)
{
    pthread_mutex_lock(&vm->lock);
    vm->is_ending = true;
    for (mu_thread *thread = vm->threads; thread; thread = thread->next) {
        thread_want_killed(thread);
        thread_rouse(thread);
    }
    while (vm->active) {
        pthread_cond_wait(&vm->changed, &vm->lock);
    }
    pthread_mutex_unlock(&vm->lock);
}

void mu_vm_free(mu_vm *vm)
{
    if (!vm) {
        return;
    }
    MU_INVARIANT(!vm->mutators, "a VM is freed before its contexts");
    MU_INVARIANT(!vm->profile, "a VM is freed while it is profiled");
    end_threads(vm);
    vm_forget_idle(vm);
    unlink_vm(vm);
    while (vm->threads) {
        mu_thread_free(vm->threads);
    }
    while (vm->stacks) {
        vm_stack_free(vm, vm->stacks);
    }
    mu_jit_unexpose_all(vm->substrate->jit, &vm->exposed);
    vm_futexes_free(vm);
    mu_gc_heap_free(vm->heap);
    vm_watchpoints_deinit(vm);
    vm_release_env(vm->substrate, vm->env);
    if (vm->globals) {
        munmap(vm->globals, vm->globals_bytes);
    }
    mu_free(vm->cells);
    mu_free(vm->table);
    mu_free(vm->functions);
    pthread_mutex_destroy(&vm->limits_lock);
    pthread_mutex_destroy(&vm->lock);
    pthread_mutex_destroy(&vm->load_lock);
    pthread_mutex_destroy(&vm->irbuilder_lock);
    pthread_mutex_destroy(&vm->profile_lock);
    mu_irbuilder_free(vm->irbuilder);
    mu_share_free(vm->share);
    pthread_cond_destroy(&vm->changed);
    mu_free(vm);
}

mu_vm_stats mu_vm_get_stats(mu_vm *vm)
{
    mu_gc_stats heap = mu_gc_heap_stats(vm->heap);
    mu_vm_stats stats = {.heap_quota_bytes = heap.quota_bytes,
                         .heap_used_bytes = heap.used_bytes,
                         .heap_live_bytes = heap.live_bytes,
                         .collections = heap.collections,
                         .young_collections = heap.young_collections,
                         .markings = heap.markings,
                         .collected_ns = heap.collected_ns,
                         .longest_collection_ns = heap.longest_ns,
                         .cpu_ns = mu_share_cpu_ns(vm->substrate->workers, vm->share),
                         .cpu_share = mu_share_weight(vm->share)};
    pthread_mutex_lock(&vm->lock);
    for (mu_thread *thread = vm->threads; thread; thread = thread->next) {
        stats.threads_running += thread->state == MU_THREAD_RUNNING;
        stats.threads_trapped += thread->state == MU_THREAD_TRAPPED;
        stats.threads_waiting += thread->state == MU_THREAD_WAITING;
    }
    stats.stops = vm->stops;
    stats.to_safepoints = vm->to_safepoints;
    stats.threads_finished = vm->finished_count;
    stats.bundles = vm->bundles;
    stats.functions = vm->table_count - 1;
    stats.stacks = __atomic_load_n(&vm->stack_count, __ATOMIC_RELAXED);
    stats.stacks_bytes = __atomic_load_n(&vm->stack_bytes, __ATOMIC_RELAXED);
    stats.threads = vm->thread_count;
    stats.code_bytes = vm->code_bytes;
    pthread_mutex_unlock(&vm->lock);
    stats.metadata_bytes = __atomic_load_n(&vm->metadata_bytes, __ATOMIC_RELAXED);
    stats.context_handles = __atomic_load_n(&vm->handle_count, __ATOMIC_RELAXED);
    return stats;
}

/* ---- functions; `mu_function` is how mu_ir_func is called outside */

static mu_function *as_function(mu_ir_func *func)
{
    return (mu_function *)func;
}

static const mu_ir_func *as_func(const mu_function *function)
{
    return (const mu_ir_func *)function;
}

/* "#65540" */
static mu_ir_entity *find_by_id(mu_vm *vm, const char *name)
{
    char *end;
    unsigned long long id = strtoull(name + 1, &end, 10);
    if (name[1] < '0' || name[1] > '9' || *end || id > UINT32_MAX) {
        return NULL;
    }
    pthread_mutex_lock(&vm->lock);
    mu_ir_entity *entity = mu_ir_env_by_id(vm->env, (uint32_t)id);
    pthread_mutex_unlock(&vm->lock);
    return entity;
}

static mu_ir_entity *find_by_name(mu_vm *vm, const char *name)
{
    char *with_sigil = mu_allocate(strlen(name) + 2);
    with_sigil[0] = '@';
    memcpy(with_sigil + 1, name + (name[0] == '@'), strlen(name) - (name[0] == '@'));
    pthread_mutex_lock(&vm->lock);
    mu_ir_entity *entity = mu_ir_env_find(vm->env, with_sigil, strlen(with_sigil));
    pthread_mutex_unlock(&vm->lock);
    mu_free(with_sigil);
    return entity;
}

mu_function *mu_vm_find_function(mu_vm *vm, const char *name)
{
    mu_ir_entity *entity = name[0] == '#' ? find_by_id(vm, name) : find_by_name(vm, name);
    return entity && entity->kind == MU_IR_FUNC ? as_function((mu_ir_func *)entity) : NULL;
}

mu_function *mu_vm_function_at(mu_vm *vm, uint32_t index)
{
    pthread_mutex_lock(&vm->lock);
    mu_ir_func *func = index + 1 < vm->table_count ? vm->functions[index + 1].func : NULL;
    pthread_mutex_unlock(&vm->lock);
    return as_function(func);
}

const char *mu_function_name(const mu_function *function)
{
    return as_func(function)->entity.label;
}

const char *mu_function_version(mu_vm *vm, const mu_function *function)
{
    pthread_mutex_lock(&vm->lock);
    uint32_t number = as_func(function)->number;
    const mu_ir_version *newest = number < vm->table_count ? vm->functions[number].newest : NULL;
    pthread_mutex_unlock(&vm->lock);
    return newest ? newest->entity.label : NULL;
}

char *mu_function_signature(const mu_function *function)
{
    return mu_ir_sig_text(as_func(function)->sig);
}

uint32_t mu_function_param_count(const mu_function *function)
{
    return as_func(function)->sig->param_count;
}

uint32_t mu_function_result_count(const mu_function *function)
{
    return as_func(function)->sig->result_count;
}

static mu_ir_type *param_type(const mu_function *function, uint32_t index)
{
    const mu_ir_sig *sig = as_func(function)->sig;
    MU_INVARIANT(index < sig->param_count, "parameter %u of %u", index, sig->param_count);
    return sig->params[index];
}

static mu_ir_type *result_type(const mu_function *function, uint32_t index)
{
    const mu_ir_sig *sig = as_func(function)->sig;
    MU_INVARIANT(index < sig->result_count, "result %u of %u", index, sig->result_count);
    return sig->results[index];
}

mu_type_info mu_function_param_type(const mu_function *function, uint32_t index)
{
    return value_type_info(param_type(function, index));
}

mu_type_info mu_function_result_type(const mu_function *function, uint32_t index)
{
    return value_type_info(result_type(function, index));
}

char *mu_function_param_text(const mu_function *function, uint32_t index)
{
    return mu_ir_type_text(param_type(function, index));
}

char *mu_function_result_text(const mu_function *function, uint32_t index)
{
    return mu_ir_type_text(result_type(function, index));
}
