/* Loading a HAIL script. Parsing needs nothing but the environment, which stays as it is while the
 * load lock is held. The rest is done in one stopped world: objects are made, with the script's
 * table of them as roots since each allocation may collect; then nothing allocates any more, and
 * the stores need no roots. */
#include "vm_internal.h"

#include <string.h>

/* Memory for the script's objects: a buffer of our own, since no thread of the VM asks. */
typedef struct script_heap {
    mu_vm *vm;
    uintptr_t cursor, limit;
} script_heap;

static mu_gc_buffer buffer_of(script_heap *heap)
{
    return (mu_gc_buffer){&heap->cursor, &heap->limit};
}

static void collect(script_heap *heap, bool full)
{
    mu_gc_buffer buffer = buffer_of(heap);
    mu_gc_buffer_retire(heap->vm->heap, &buffer);
    vm_collect_stopped(heap->vm, full);
}

static mu_status make_object(script_heap *heap, const mu_hail_object *object, mu_ref *ref)
{
    mu_gc_heap *objects = heap->vm->heap;
    mu_gc_buffer buffer = buffer_of(heap);
    const mu_abi_type *type = mu_jit_descriptor(object->type);
    uint64_t length = object->length;
    if (type->is_hybrid && ++length == 0) { /* mu_abi.h: room for one more */
        return MU_NO_MEMORY;
    }
    if (heap->vm->substrate->config.gc_stress || mu_gc_is_due(objects)) {
        collect(heap, false);
    }
    mu_status status = mu_gc_allocate(objects, &buffer, type, length, ref);
    if (status == MU_NO_MEMORY) {
        collect(heap, true);
        status = mu_gc_allocate(objects, &buffer, type, length, ref);
    }
    return status;
}

/* The world is stopped. */
static mu_status make_objects(mu_vm *vm, const mu_hail_script *script, mu_report *report)
{
    script_heap heap = {.vm = vm};
    mu_gc_buffer buffer = buffer_of(&heap);
    mu_status status = MU_OK;
    uint32_t count = mu_hail_object_count(script);
    for (uint32_t i = 0; i < count && status == MU_OK; i++) {
        mu_hail_object object = mu_hail_object_at(script, i);
        mu_ref made;
        status = make_object(&heap, &object, &made);
        if (status == MU_OK) {
            vm->script_objects[i] = made;
        } else {
            mu_report_add(report, status, object.where,
                          "%.*s does not fit in the VM's heap, of %llu bytes: give the VM a larger "
                          "one",
                          (int)(object.name_length < 60 ? object.name_length : 60), object.name,
                          (unsigned long long)vm_limit(vm, heap_bytes));
        }
    }
    mu_gc_buffer_retire(vm->heap, &buffer);
    return status;
}

/* Some of the objects have become old while others were made; nothing collects from here on. */
static void log_objects(mu_vm *vm, const mu_ref *objects, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        mu_gc_log(vm->heap, objects[i], objects[i].address, UINT64_MAX);
    }
}

static mu_status perform(mu_vm *vm, const mu_hail_script *script, mu_ref *objects,
                         mu_report *report)
{
    mu_status status = MU_OK;
    vm_stop_world(vm, NULL);
    vm->script_objects = objects;
    vm->script_object_count = mu_hail_object_count(script);
    MU_TRY(make_objects(vm, script, report));
    log_objects(vm, objects, vm->script_object_count);
    mu_hail_memory memory = {
        .objects = objects, .globals = vm->globals, .location_has_type = location_has_type};
    MU_TRY(mu_hail_perform(script, &memory, report));
done:
    vm->script_objects = NULL;
    vm->script_object_count = 0;
    vm_start_world(vm, NULL);
    return status;
}

mu_status mu_vm_load_hail(mu_vm *vm, const char *name, const char *text, size_t length,
                          mu_report *report)
{
    mu_status status = MU_OK;
    mu_hail_script *script = NULL;
    void *objects = NULL;
    mu_hail_options options = {.checked = !vm->config.grant_native};
    mu_report_set_file(report, name);
    pthread_mutex_lock(&vm->load_lock);
    MU_TRY(mu_hail_parse(vm->env, &options, text, length, report, &script));
    MU_TRY(mu_try_allocate(sizeof(mu_ref) * (mu_hail_object_count(script) + (size_t)1), &objects));
    MU_TRY(perform(vm, script, objects, report));
done:
    mu_free(objects);
    mu_hail_free(script);
    pthread_mutex_unlock(&vm->load_lock);
    return status;
}
