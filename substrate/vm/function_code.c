/* A function's machine code beside its instructions, for people. */
#include "vm_internal.h"

#include <string.h>

static mu_ir_version *newest_version(mu_vm *vm, const mu_ir_func *func)
{
    pthread_mutex_lock(&vm->lock);
    mu_ir_version *version = vm->functions[func->number].newest;
    pthread_mutex_unlock(&vm->lock);
    return version;
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
    mu_status status = mu_jit_compile(vm->substrate->jit, version, &entry);
    if (status != MU_OK) {
        return mu_report_add(report, status, (mu_location){0}, "%s cannot be compiled",
                             version->entity.label);
    }
    *code = describe(mu_jit_object(version));
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
