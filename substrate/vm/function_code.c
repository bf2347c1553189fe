/* A function's machine code: had when the VM first calls it, and shown to people beside its
 * instructions. Code is shared; each VM is charged for a version when it first enters it, which
 * its table tells. */
#include "vm_internal.h"

#include <string.h>

static mu_ir_version *newest_version(mu_vm *vm, const mu_ir_func *func)
{
    pthread_mutex_lock(&vm->lock);
    mu_ir_version *version = vm->functions[func->number].newest;
    pthread_mutex_unlock(&vm->lock);
    return version;
}

vm_quota vm_charge_code(mu_vm *vm, mu_jit_room taken)
{
    uint64_t limit = vm_limit(vm, code_bytes);
    if (vm->code_bytes > limit || taken.code_bytes > limit - vm->code_bytes) {
        return QUOTA_CODE;
    }
    if (!vm_metadata_take(vm, taken.metadata_bytes)) {
        return QUOTA_METADATA;
    }
    vm->code_bytes += taken.code_bytes;
    return QUOTA_NONE;
}

mu_jit_room vm_code_room(mu_vm *vm)
{
    uint64_t limit = vm_limit(vm, code_bytes);
    pthread_mutex_lock(&vm->lock);
    uint64_t left = vm->code_bytes < limit ? limit - vm->code_bytes : 0;
    pthread_mutex_unlock(&vm->lock);
    return (mu_jit_room){.code_bytes = left, .metadata_bytes = vm_metadata_left(vm)};
}

/* While it is compiled others may load a newer version, if nobody of the world waits: then nothing
 * leads here, and nothing is charged. */
mu_status vm_compile(mu_vm *vm, mu_ir_version *version, vm_quota *exceeded, const void **entry)
{
    mu_jit_room room = vm_code_room(vm);
    mu_jit_room wanted = room;
    *exceeded = QUOTA_NONE;
    mu_status status = mu_jit_compile(vm->substrate->jit, version, &wanted, entry);
    if (status == MU_NO_MEMORY) {
        *exceeded = wanted.code_bytes > room.code_bytes ? QUOTA_CODE : QUOTA_METADATA;
    }
    if (status != MU_OK) {
        return status;
    }
    pthread_mutex_lock(&vm->lock);
    mu_abi_function *function = &vm->table[version->func->number];
    const mu_ir_version *newest = vm->functions[version->func->number].newest;
    bool is_current = version->hidden ? !newest : newest == version;
    if (is_current && function->code == mu_jit_lazy_entry(vm->substrate->jit)) {
        *exceeded = vm_charge_code(vm, mu_jit_version_bytes(version));
        status = *exceeded == QUOTA_NONE ? MU_OK : MU_NO_MEMORY;
        if (status == MU_OK) {
            __atomic_store_n(&function->code, *entry, __ATOMIC_RELEASE);
        }
    }
    pthread_mutex_unlock(&vm->lock);
    return status;
}

mu_code_source vm_code_source(const mu_code_object *object, uint32_t inst)
{
    const mu_ir_version *version = object->version;
    if (!version || version->hidden) {
        return (mu_code_source){.file = ""};
    }
    const mu_location *where =
        inst == MU_CODE_LINE_OTHER ? &version->entity.where : &version->insts[inst].entity.where;
    return (mu_code_source){.file = version->bundle ? version->bundle->name : "",
                            .line = where->line};
}

/* The code that calls in this VM go to. */
static const mu_code_object *current_object(mu_vm *vm, const mu_ir_version *version)
{
    const mu_code_object *optimised = mu_jit_optimised(version);
    pthread_mutex_lock(&vm->lock);
    bool is_it = optimised && vm->table[version->func->number].code == optimised->start;
    pthread_mutex_unlock(&vm->lock);
    return is_it ? optimised : mu_jit_object(version);
}

static mu_function_code *describe(const mu_code_object *object)
{
    const mu_ir_version *version = object->version;
    mu_function_code *code = mu_allocate(sizeof *code);
    code->version = version->entity.label;
    code->address = (uintptr_t)object->start;
    code->size_bytes = object->size_bytes;
    code->bytes = mu_allocate(object->size_bytes);
    memcpy(code->bytes, object->start, object->size_bytes);
    code->line_count = object->line_count;
    code->lines = mu_allocate(object->line_count * sizeof *code->lines);
    for (uint32_t i = 0; i < object->line_count; i++) {
        const mu_code_line *line = &object->lines[i];
        code->lines[i].offset_bytes = line->offset;
        if (line->inst != MU_CODE_LINE_OTHER) {
            const mu_ir_inst *inst = &version->insts[line->inst];
            code->lines[i].block = version->blocks[inst->block].entity.label;
            code->lines[i].text = mu_ir_inst_text(version, inst);
        }
    }
    return code;
}

mu_status mu_function_get_code(mu_vm *vm, const mu_function *function, mu_report *report,
                               mu_function_code **code)
{
    const mu_ir_func *func = (const mu_ir_func *)function;
    mu_ir_version *version = newest_version(vm, func);
    const void *entry;
    if (!version) {
        return mu_report_add(report, MU_STATE, (mu_location){0},
                             "%s is declared, but no version of it is loaded", func->entity.label);
    }
    vm_quota exceeded;
    mu_status status = vm_compile(vm, version, &exceeded, &entry);
    if (status == MU_NO_MEMORY) {
        return vm_report_quota(vm, exceeded, report);
    }
    if (status != MU_OK) {
        return mu_report_add(report, status, (mu_location){0}, "%s cannot be compiled",
                             version->entity.label);
    }
    *code = describe(current_object(vm, version));
    return MU_OK;
}

void mu_function_code_free(mu_function_code *code)
{
    for (uint32_t i = 0; code && i < code->line_count; i++) {
        mu_free(code->lines[i].text);
    }
    if (code) {
        mu_free(code->lines);
        mu_free(code->bytes);
        mu_free(code);
    }
}
