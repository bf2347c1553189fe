/* Loading a bundle: everything that can fail is done aside; then the world stops for a moment and
 * all of it is there at once. */
#include "vm_internal.h"

#include <string.h>
#include <sys/mman.h>

#define GLOBALS_RESERVE_BYTES (256ull << 20)
/* Nothing that a VM loaded goes before the VM does, not even what a later version replaced, and
 * names are looked up along all of it. */
#define BUNDLES_MOST 16384u

/* Parses and verifies on `parent`, or finds that someone did. */
static mu_status load_env(mu_vm *vm, mu_ir_env *parent, const char *name, const char *text,
                          size_t length, mu_report *report, mu_ir_env **env,
                          uint32_t *functions_defined)
{
    mu_substrate *substrate = vm->substrate;
    bool allow_native = vm->config.grant_native;
    *env = vm_find_loaded(substrate, parent, text, length, allow_native, functions_defined);
    if (*env) {
        return MU_OK;
    }
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(parent, name, text, length, report, &bundle);
    if (status != MU_OK) {
        return status;
    }
    mu_verify_options options = {.allow_native = allow_native};
    status = mu_verify_bundle(parent, bundle, &options, report);
    if (status != MU_OK) {
        mu_ir_bundle_free(bundle);
        return status;
    }
    if (mu_jit_expose_bundle(substrate->jit, bundle) != MU_OK) {
        mu_ir_bundle_free(bundle);
        return mu_report_add(report, MU_LIMIT, (mu_location){0},
                             "no room in the code cache for the bundle's exposed functions: start "
                             "with a larger one");
    }
    *functions_defined = bundle->version_count;
    bundle->trusted = allow_native;
    mu_ir_env *made = mu_ir_env_extend(parent, bundle);
    *env = vm_remember_loaded(substrate, made, text, length, allow_native, *functions_defined);
    return MU_OK;
}

/* Global cells never move, since irefs hold their addresses: address space for all there may be is
 * reserved once. */
static mu_status make_room_for_globals(mu_vm *vm, const mu_ir_env *env, mu_report *report)
{
    uint64_t limit = vm->config.heap_bytes < GLOBALS_RESERVE_BYTES ? vm->config.heap_bytes
                                                                   : GLOBALS_RESERVE_BYTES;
    if (env->global_bytes > limit) {
        return mu_report_add(report, MU_LIMIT, (mu_location){0},
                             "the global cells take %llu bytes; this VM may have %llu",
                             (unsigned long long)env->global_bytes, (unsigned long long)limit);
    }
    if (!env->global_bytes || vm->globals) {
        return MU_OK;
    }
    void *memory = mmap(NULL, limit, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return mu_report_add(report, MU_NO_MEMORY, (mu_location){0},
                             "no address space for global cells");
    }
    vm->globals_bytes = limit;
    mu_gc_heap_set_immortal(vm->heap, memory, limit);
    __atomic_store_n(&vm->globals, memory, __ATOMIC_RELEASE);
    return MU_OK;
}

static void grow_table(mu_vm *vm, uint32_t count)
{
    if (count > vm->table_capacity) {
        uint32_t capacity = vm->table_capacity;
        while (capacity < count) {
            capacity *= 2;
        }
        vm->table = mu_reallocate(vm->table, capacity * sizeof *vm->table);
        vm->functions = mu_reallocate(vm->functions, capacity * sizeof *vm->functions);
        vm->table_capacity = capacity;
    }
}

static void publish(mu_vm *vm, mu_ir_env *env)
{
    const void *lazy = mu_jit_lazy_entry(vm->substrate->jit);
    mu_ir_bundle *bundle = env->bundle;
    grow_table(vm, env->next_function);
    for (uint32_t i = 0; i < bundle->func_count; i++) {
        mu_ir_func *func = bundle->funcs[i];
        vm->table[func->number] = (mu_abi_function){.code = lazy, .sig = func->sig->canonical};
        vm->functions[func->number] = (vm_function){.func = func};
    }
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        mu_ir_version *version = bundle->versions[i];
        const mu_code_object *object = mu_jit_object(version);
        vm->functions[version->func->number].newest = version;
        vm->table[version->func->number].code = object ? object->start : lazy;
    }
    for (uint32_t i = 0; i < bundle->global_count; i++) {
        mu_ir_global *global = bundle->globals[i];
        mu_ref cell = {(uintptr_t)vm->globals + global->offset_bytes};
        *mu_abi_header(cell) = (uintptr_t)mu_jit_descriptor(global->type) | MU_ABI_HEADER_IMMORTAL;
        if (mu_ir_type_has_refs(global->type)) {
            MU_ARRAY_PUSH(&vm->cells,
                          ((vm_cell){global->offset_bytes, mu_jit_descriptor(global->type)}));
        }
    }
    vm->table_count = env->next_function;
    vm->env = env;
    vm->bundles++;
}

mu_status mu_vm_load(mu_vm *vm, const char *name, const char *text, size_t length,
                     mu_report *report, mu_load_info *info)
{
    mu_status status = MU_OK;
    mu_ir_env *env = NULL;
    uint32_t functions_defined = 0;
    mu_report_set_file(report, name);
    pthread_mutex_lock(&vm->load_lock);
    mu_ir_env *old = vm->env; /* only loads change it, and this is the one */
    if (vm->bundles == BUNDLES_MOST) {
        status =
            mu_report_add(report, MU_LIMIT, (mu_location){0},
                          "%u bundles were loaded into this VM, and that is the most: go on in "
                          "a new one",
                          BUNDLES_MOST);
        goto done;
    }
    MU_TRY(load_env(vm, old, name, text, length, report, &env, &functions_defined));
    MU_TRY(make_room_for_globals(vm, env, report));
    vm_stop_world(vm, NULL);
    pthread_mutex_lock(&vm->lock);
    publish(vm, env);
    pthread_mutex_unlock(&vm->lock);
    vm_start_world(vm, NULL);
    env = NULL;
    vm_release_env(vm->substrate, old);
    if (info) {
        *info = (mu_load_info){.functions_defined = functions_defined};
    }
done:
    if (env) {
        vm_release_env(vm->substrate, env);
    }
    pthread_mutex_unlock(&vm->load_lock);
    return status;
}
