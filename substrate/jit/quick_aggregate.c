/* Struct, array and vector values taken apart and put together. They live in frame slots in their
 * layout in memory, so that a field is an access to the frame. */
#include "quick.h"

static void put_constant(quick *q, mu_ir_value value, uint32_t slot, uint32_t words)
{
    quick_operand *from = MU_ARENA_ARRAY(q->arena, quick_operand, words);
    quick_moves moves = {0};
    quick_value_words(q, value, from);
    for (uint32_t i = 0; i < words; i++) {
        MU_ARRAY_PUSH(&moves, ((quick_move){{QUICK_AT_SLOT, slot + words - 1 - i, 0}, from[i]}));
    }
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
}

x64_mem quick_composite_memory(quick *q, mu_ir_value value, const mu_ir_type *type,
                               uint32_t *temporary)
{
    uint32_t words = quick_words_of(type);
    *temporary = QUICK_NONE;
    if (!mu_ir_value_is_global(value)) {
        const quick_variable *v = &q->variables[mu_ir_value_index(value)];
        return quick_slot_mem(v->slot + words - 1);
    }
    uint32_t slot = quick_slot_take(q, words);
    put_constant(q, value, slot, words);
    *temporary = slot;
    return quick_slot_mem(slot + words - 1);
}

void quick_drop_temporary(quick *q, uint32_t slot, const mu_ir_type *type)
{
    if (slot != QUICK_NONE) {
        quick_slot_give(q, slot, quick_words_of(type));
    }
}

x64_mem quick_copy_composite(quick *q, mu_ir_value value, const mu_ir_type *type)
{
    uint32_t words = quick_words_of(type);
    uint32_t variable = quick_result(q, 0);
    uint32_t slot = quick_slot_take(q, words);
    x64_mem to = quick_slot_mem(slot + words - 1);
    if (mu_ir_value_is_global(value)) {
        put_constant(q, value, slot, words);
    } else {
        const quick_variable *v = &q->variables[mu_ir_value_index(value)];
        quick_copy_slots(q, quick_slot_mem(v->slot + words - 1), to, words);
    }
    quick_begin(q, variable);
    q->variables[variable].slot = slot;
    return to;
}

static x64_mem at_offset(x64_mem mem, uint64_t offset)
{
    mem.displacement += (int32_t)offset;
    return mem;
}

/* The element's memory; an index outside is an error. */
static x64_mem element_memory(quick *q, x64_mem mem, const mu_ir_type *type, mu_ir_value index)
{
    uint64_t constant;
    if (quick_constant(q, index, &constant)) {
        if (constant < type->length) {
            return at_offset(mem, constant * type->stride_bytes);
        }
        x64_jmp(q->a, quick_error(q, MU_GUEST_ERROR_OUT_OF_BOUNDS));
        return mem;
    }
    x64_gpr from = quick_read_saturated(q, index);
    x64_gpr scaled = quick_gpr_take(q);
    x64_alu_ri(q->a, X64_CMP, 8, from, (int32_t)type->length);
    x64_jcc(q->a, X64_AE, quick_error(q, MU_GUEST_ERROR_OUT_OF_BOUNDS));
    x64_imul_rri(q->a, 8, scaled, from, (int32_t)type->stride_bytes);
    mem.index = scaled;
    return mem;
}

static void lower_extract(quick *q, const mu_ir_inst *inst, mu_ir_type *type)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    uint32_t temporary;
    x64_mem mem = quick_composite_memory(q, operands[0], type, &temporary);
    if (inst->op == MU_OP_EXTRACTVALUE) {
        quick_load_result(q, type->fields[inst->literal],
                          at_offset(mem, type->offsets[inst->literal]));
    } else {
        quick_load_result(q, type->element, element_memory(q, mem, type, operands[1]));
    }
    quick_drop_temporary(q, temporary, type);
}

static void lower_insert(quick *q, const mu_ir_inst *inst, mu_ir_type *type)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    bool is_field = inst->op == MU_OP_INSERTVALUE;
    mu_ir_value value = operands[is_field ? 1 : 2];
    const mu_ir_type *part = is_field ? type->fields[inst->literal] : type->element;
    quick_prepare_store(q, part, value);
    bool is_word = is_field || !quick_is_wide_int(q->version->types[inst->types.first + 1]);
    if (!is_field && is_word && !mu_ir_value_is_global(operands[1])) {
        quick_read_gpr(q, operands[1]);
    }
    x64_mem mem = quick_copy_composite(q, operands[0], type);
    if (is_field) {
        mem = at_offset(mem, type->offsets[inst->literal]);
    } else {
        mem = element_memory(q, mem, type, operands[1]);
    }
    quick_store_value(q, part, mem, value, false);
}

void quick_lower_aggregate(quick *q, const mu_ir_inst *inst)
{
    mu_ir_type *type = q->version->types[inst->types.first];
    if (inst->op == MU_OP_EXTRACTVALUE || inst->op == MU_OP_EXTRACTELEMENT) {
        lower_extract(q, inst, type);
    } else {
        lower_insert(q, inst, type);
    }
}
