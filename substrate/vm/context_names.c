/* Names and ids, loading, values that bundles have, watchpoints (uvm-client-interface.rest, Basic
 * functions; Create handles from Mu global variables). */
#include "context_internal.h"

#include <string.h>

/* ---- names */

mu_status context_id_of(context_call *call)
{
    const mu_context_operation *operation = call->operation;
    const mu_ir_entity *found = mu_ir_env_find(
        call->vm->env, operation->bytes ? operation->bytes : "", operation->byte_count);
    if (!found) {
        return context_refuse(call, MU_NOT_FOUND, 0, "nothing has the name %.*s",
                              operation->byte_count < 100 ? (int)operation->byte_count : 100,
                              operation->bytes ? operation->bytes : "");
    }
    return context_answer(call, found->id);
}

mu_status context_name_of(context_call *call)
{
    uint64_t id = context_integer_at(call, 1);
    const mu_ir_entity *found =
        id <= UINT32_MAX ? mu_ir_env_by_id(call->vm->env, (uint32_t)id) : NULL;
    if (!found) {
        return context_refuse(call, MU_NOT_FOUND, 1, "nothing has the id %llu",
                              (unsigned long long)id);
    }
    if (found->name) {
        call->answer.text = mu_string_copy(found->name, strlen(found->name));
    }
    return context_answer(call, 0);
}

/* ---- loading: out of the world, which a load stops */

static mu_status load(context_call *call, bool is_script)
{
    const mu_context_operation *operation = call->operation;
    const char *text = operation->bytes ? operation->bytes : "";
    vm_leave_world(&call->context->mutator);
    mu_status status = is_script ? mu_vm_load_hail(call->vm, "a client's script", text,
                                                   operation->byte_count, call->report)
                                 : mu_vm_load(call->vm, "a client's bundle", text,
                                              operation->byte_count, call->report, NULL);
    vm_enter_world(&call->context->mutator);
    mu_report_set_file(call->report, "");
    return status == MU_OK ? MU_OK : context_refuse(call, status, 0, "nothing was loaded");
}

mu_status context_load_bundle(context_call *call)
{
    return load(call, false);
}

mu_status context_load_hail(context_call *call)
{
    return load(call, true);
}

/* ---- values of bundles */

static void put_entity(const mu_vm *vm, const mu_ir_entity *entity, unsigned char *memory);

static void put_list(const mu_vm *vm, const mu_ir_const *constant, unsigned char *memory)
{
    const mu_ir_type *type = constant->type;
    for (uint32_t i = 0; i < constant->item_count; i++) {
        uint64_t offset = type->kind == MU_IR_STRUCT ? type->offsets[i] : i * type->stride_bytes;
        put_entity(vm, constant->items[i], memory + offset);
    }
}

/* As it is in memory, which is zeroed: NULL needs nothing. */
static void put_constant(const mu_vm *vm, const mu_ir_const *constant, unsigned char *memory)
{
    const mu_ir_type *type = constant->type;
    uint64_t words[2] = {constant->low, constant->high};
    switch (constant->kind) {
    case MU_IR_CONST_INT:
        if (type->kind == MU_IR_INT) {
            words[1] = type->bits > 64 ? context_cut(words[1], type->bits - 64) : 0;
            words[0] = context_cut(words[0], type->bits);
        }
        memcpy(memory, words, type->size_bytes);
        break;
    case MU_IR_CONST_FLOAT: memcpy(memory, &constant->single_value, 4); break;
    case MU_IR_CONST_DOUBLE: memcpy(memory, &constant->double_value, 8); break;
    case MU_IR_CONST_NULL: break;
    case MU_IR_CONST_LIST: put_list(vm, constant, memory); break;
    }
}

/* Recursive: as deep as types nest, at most 1,000, and as wide as the value has bytes. */
static void put_entity(const mu_vm *vm, const mu_ir_entity *entity, unsigned char *memory)
{
    uint64_t word = 0;
    switch ((int)entity->kind) {
    case MU_IR_CONST: put_constant(vm, (const mu_ir_const *)entity, memory); return;
    case MU_IR_GLOBAL:
        word = (uintptr_t)vm->globals + ((const mu_ir_global *)entity)->offset_bytes;
        break;
    case MU_IR_FUNC: word = ((const mu_ir_func *)entity)->number; break;
    case MU_IR_EXPOSE: word = vm_exposed_address((const mu_ir_expose *)entity); break;
    default: MU_INVARIANT(false, "an entity of kind %d in a constant", (int)entity->kind);
    }
    memcpy(memory, &word, sizeof word);
}

mu_status context_from_const(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_entity *entity;
    unsigned char memory[MU_CONTEXT_MAX_VALUE_BYTES] = {0};
    MU_TRY(context_expect_entity(call, 1, MU_IR_CONST, &entity));
    const mu_ir_const *constant = (const mu_ir_const *)entity;
    MU_TRY(context_check_value_type(call, 1, constant->type));
    put_constant(call->vm, constant, memory);
    status = context_give(call, constant->type, memory);
done:
    return status;
}

mu_status context_from_global(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_entity *entity;
    MU_TRY(context_expect_entity(call, 1, MU_IR_GLOBAL, &entity));
    const mu_ir_global *global = (const mu_ir_global *)entity;
    status = context_give_word(call, global->iref_type,
                               (uintptr_t)call->vm->globals + global->offset_bytes);
done:
    return status;
}

mu_status context_from_func(context_call *call)
{
    mu_status status = MU_OK;
    mu_ir_entity *entity;
    MU_TRY(context_expect_entity(call, 1, MU_IR_FUNC, &entity));
    const mu_ir_func *func = (const mu_ir_func *)entity;
    status = context_give_word(call, func->funcref_type, func->number);
done:
    return status;
}

/* ---- watchpoints */

static mu_status watch(context_call *call, bool enables)
{
    uint64_t id = context_integer_at(call, 1);
    if (!id || id > UINT32_MAX) {
        return context_refuse(call, MU_INVALID, 1, "%llu is not the id of a watchpoint",
                              (unsigned long long)id);
    }
    mu_status status = enables ? mu_vm_enable_watchpoint(call->vm, (uint32_t)id)
                               : mu_vm_disable_watchpoint(call->vm, (uint32_t)id);
    return status == MU_OK ? MU_OK
                           : context_refuse(call, status, 1, "%u watchpoints are enabled, the most",
                                            MU_VM_MAX_WATCHPOINTS);
}

mu_status context_enable_watchpoint(context_call *call)
{
    return watch(call, true);
}

mu_status context_disable_watchpoint(context_call *call)
{
    return watch(call, false);
}
