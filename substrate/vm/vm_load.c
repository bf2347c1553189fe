/* Loading a bundle: everything that can fail is done aside; then the world stops for a moment and
 * all of it is there at once. */
#include "vm_internal.h"

#include <string.h>
#include <sys/mman.h>

#define GLOBALS_RESERVE_BYTES (256ull << 20)
/* Nothing that a VM loaded goes before the VM does, not even what a later version replaced, and
 * names are looked up along all of it. */
#define BUNDLES_MOST 16384u

/* What a bundle is made of: a text, or the graph of one that was built, which goes in any case. */
typedef struct bundle_source {
    const char *name;
    const char *text;
    size_t length;
    mu_irbuilder_graph *graph;
} bundle_source;

/* Verifies a bundle made on `parent`; it goes with the environment, or at once. */
static mu_status extend(const mu_vm *vm, mu_ir_env *parent, mu_ir_bundle *bundle, mu_report *report,
                        mu_ir_env **env)
{
    mu_verify_options options = {.allow_native = vm->config.grant_native};
    mu_status status = mu_verify_bundle(parent, bundle, &options, report);
    if (status != MU_OK) {
        mu_ir_bundle_free(bundle);
        return status;
    }
    if (mu_jit_expose_bundle(vm->substrate->jit, bundle) != MU_OK) {
        mu_ir_bundle_free(bundle);
        return mu_report_add(report, MU_LIMIT, (mu_location){0},
                             "no room in the code cache for the bundle's exposed functions: start "
                             "with a larger one");
    }
    bundle->trusted = vm->config.grant_native;
    *env = mu_ir_env_extend(parent, bundle);
    (*env)->held_bytes += mu_jit_bundle_bytes(bundle);
    return MU_OK;
}

/* Parses and verifies on `parent`, or finds that someone did. */
static mu_status load_text(const mu_vm *vm, mu_ir_env *parent, const bundle_source *source,
                           mu_report *report, mu_ir_env **env, uint32_t *functions_defined)
{
    mu_substrate *substrate = vm->substrate;
    bool allow_native = vm->config.grant_native;
    *env = vm_find_loaded(substrate, parent, source->text, source->length, allow_native,
                          functions_defined);
    if (*env) {
        return MU_OK;
    }
    mu_ir_bundle *bundle = NULL;
    mu_ir_env *made = NULL;
    uint64_t left = vm_metadata_left(vm);
    if (source->length >= left) { /* it keeps the text, too */
        return vm_report_quota(vm, QUOTA_METADATA, report);
    }
    left -= source->length + 1;
    mu_status status = mu_ir_parse_within(parent, source->name, source->text, source->length, left,
                                          report, &bundle);
    if (status == MU_NO_MEMORY) {
        return vm_report_quota(vm, QUOTA_METADATA, report);
    }
    if (status == MU_OK) {
        status = extend(vm, parent, bundle, report, &made);
    }
    if (status == MU_OK) {
        *functions_defined = made->bundle->version_count;
        *env = vm_remember_loaded(substrate, made, source->text, source->length, allow_native,
                                  *functions_defined);
    }
    return status;
}

/* Nobody shares it: ids are the VM's own. */
static mu_status load_graph(const mu_vm *vm, mu_ir_env *parent, bundle_source *source,
                            mu_report *report, mu_ir_env **env, uint32_t *functions_defined)
{
    mu_ir_bundle *bundle = NULL;
    mu_irbuilder_graph *graph = source->graph;
    source->graph = NULL;
    mu_status status = mu_irbuilder_build(graph, parent, source->name, report, &bundle);
    if (status == MU_OK) {
        status = extend(vm, parent, bundle, report, env);
    }
    if (status == MU_OK) {
        *functions_defined = (*env)->bundle->version_count;
    }
    return status;
}

/* Global cells never move, since irefs hold their addresses: address space for all there may be is
 * reserved once. */
static mu_status make_room_for_globals(mu_vm *vm, const mu_ir_env *env, mu_report *report)
{
    uint64_t heap_bytes = vm_limit(vm, heap_bytes);
    uint64_t limit = heap_bytes < GLOBALS_RESERVE_BYTES ? heap_bytes : GLOBALS_RESERVE_BYTES;
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

uint64_t vm_table_bytes(uint32_t capacity)
{
    return (uint64_t)capacity * (sizeof(mu_abi_function) + sizeof(vm_function));
}

static uint32_t capacity_for(const mu_vm *vm, uint32_t functions)
{
    uint32_t capacity = vm->table_capacity;
    while (capacity < functions) {
        capacity *= 2;
    }
    return capacity;
}

static uint32_t cells_of(const mu_ir_bundle *bundle)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < bundle->global_count; i++) {
        count += mu_ir_type_has_refs(bundle->globals[i]->type);
    }
    return count;
}

/* What publishing adds to what is held for the VM: the environment, the table, the list of cells.
 */
static uint64_t added_bytes(const mu_vm *vm, const mu_ir_env *env)
{
    return env->held_bytes - vm->env->held_bytes +
           vm_table_bytes(capacity_for(vm, env->next_function)) -
           vm_table_bytes(vm->table_capacity) + cells_of(env->bundle) * sizeof(vm_cell);
}

static void grow_table(mu_vm *vm, uint32_t count)
{
    if (count > vm->table_capacity) {
        uint32_t capacity = capacity_for(vm, count);
        vm->table = mu_reallocate(vm->table, capacity * sizeof *vm->table);
        vm->functions = mu_reallocate(vm->functions, capacity * sizeof *vm->functions);
        vm->table_capacity = capacity;
    }
}

static void grow_cells(mu_vm *vm, uint32_t more)
{
    if (more) {
        vm->cells = mu_reallocate(vm->cells, (vm->cell_count + more) * sizeof *vm->cells);
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
    /* Whoever calls first is charged for the code, also where another VM has made it. */
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        mu_ir_version *version = bundle->versions[i];
        vm->functions[version->func->number].newest = version;
        vm->functions[version->func->number].heat = 0;
        vm->table[version->func->number].code = lazy;
    }
    grow_cells(vm, cells_of(bundle));
    for (uint32_t i = 0; i < bundle->global_count; i++) {
        mu_ir_global *global = bundle->globals[i];
        mu_ref cell = {(uintptr_t)vm->globals + global->offset_bytes};
        *mu_abi_header(cell) = (uintptr_t)mu_jit_descriptor(global->type) | MU_ABI_HEADER_IMMORTAL;
        if (mu_ir_type_has_refs(global->type)) {
            vm->cells[vm->cell_count++] =
                (vm_cell){global->offset_bytes, mu_jit_descriptor(global->type)};
        }
    }
    vm->table_count = env->next_function;
    vm->env = env;
    vm->bundles++;
}

static mu_status load(mu_vm *vm, bundle_source *source, mu_report *report, mu_load_info *info)
{
    mu_status status = MU_OK;
    mu_ir_env *env = NULL;
    uint32_t functions_defined = 0;
    mu_report_set_file(report, source->name);
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
    if (source->graph) {
        MU_TRY(load_graph(vm, old, source, report, &env, &functions_defined));
    } else {
        MU_TRY(load_text(vm, old, source, report, &env, &functions_defined));
    }
    MU_TRY(make_room_for_globals(vm, env, report));
    if (!vm_metadata_take(vm, added_bytes(vm, env))) {
        status = vm_report_quota(vm, QUOTA_METADATA, report);
        goto done;
    }
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
    mu_irbuilder_graph_free(source->graph);
    return status;
}

mu_status mu_vm_load(mu_vm *vm, const char *name, const char *text, size_t length,
                     mu_report *report, mu_load_info *info)
{
    bundle_source source = {.name = name, .text = text, .length = length};
    return load(vm, &source, report, info);
}

mu_status vm_load_graph(mu_vm *vm, mu_irbuilder_graph *graph, const char *name, mu_report *report,
                        mu_load_info *info)
{
    bundle_source source = {.name = name, .graph = graph};
    return load(vm, &source, report, info);
}
