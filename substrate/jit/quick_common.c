/* Instructions that the runtime does: NEWTHREAD, SWAPSTACK and most common instructions. Operands
 * go where a call's arguments go, results come back as a call's; the runtime learns from the thread
 * which instruction it is. What it computes of ints of more than 64 bits, and of vectors lane by
 * lane, stays in memory instead. */
#include "quick.h"

void quick_leave_at(quick *q, const mu_ir_inst *inst, mu_abi_leave reason, mu_code_site_kind kind)
{
    x64_mov_ri(q->a, QUICK_TEMP2, (uintptr_t)q->version);
    x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_site_version), QUICK_TEMP2);
    x64_mov_ri(q->a, QUICK_TEMP2, (uintptr_t)inst);
    x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_site_inst), QUICK_TEMP2);
    uint32_t site = quick_site(q, kind, quick_landing_of(q, inst), NULL, 0);
    quick_call_leave(q, reason);
    quick_site_here(q, site);
}

static void take_typed_results(quick *q, const mu_ir_inst *inst)
{
    uint32_t count = inst->results.count;
    mu_ir_type **types = MU_ARENA_ARRAY(q->arena, mu_ir_type *, count);
    for (uint32_t i = 0; i < count; i++) {
        types[i] = q->version->variables[inst->results.first + i].type;
    }
    quick_take_results(q, inst, types, count);
}

/* A reference that does not travel with the values, put where they do not reach. */
static void stow(quick *q, mu_ir_value value, int32_t field)
{
    x64_store(q->a, 8, x64_at(QUICK_THREAD, field), quick_read_gpr(q, value));
}

static void move_passed(quick *q, const mu_ir_inst *inst, uint32_t first)
{
    const mu_ir_value *values = &q->version->operands[inst->operands.first + first];
    if (inst->throws_exc) {
        mu_ir_type *type = mu_ir_value_type(q->version, values[0]);
        quick_move_arguments(q, values, 1, &type);
        return;
    }
    mu_ir_type *const *types = &q->version->types[inst->types.first + inst->pass_types_first];
    quick_move_arguments(q, values, inst->operands.count - first, types);
}

void quick_lower_newthread(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    quick_settle_values(q, operands, inst->operands.count);
    quick_spill_live(q);
    stow(q, operands[0], MU_THREAD_site_stack);
    if (inst->has_threadlocal) {
        stow(q, operands[1], MU_THREAD_site_local);
    }
    move_passed(q, inst, inst->has_threadlocal ? 2 : 1);
    quick_forget_registers(q);
    quick_leave_at(q, inst, MU_ABI_LEAVE_NEWTHREAD, MU_CODE_SITE_ALLOCATE);
    take_typed_results(q, inst);
}

void quick_lower_swapstack(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    quick_settle_values(q, operands, inst->operands.count);
    quick_spill_live(q);
    stow(q, operands[0], MU_THREAD_site_stack);
    move_passed(q, inst, 1);
    quick_forget_registers(q);
    quick_leave_at(q, inst, MU_ABI_LEAVE_SWAPSTACK, MU_CODE_SITE_TRAP);
    take_typed_results(q, inst);
}

/* ---- common instructions */

static void lower_kill_dependency(quick *q, const mu_ir_inst *inst)
{
    mu_ir_value value = q->version->operands[inst->operands.first];
    mu_ir_type *type = q->version->types[inst->types.first];
    switch (quick_class_of(type)) {
    case QUICK_INT:
    case QUICK_REF: quick_result_gpr(q, 0, quick_copy_gpr(q, value)); break;
    case QUICK_FLOAT:
    case QUICK_DOUBLE: quick_result_xmm(q, 0, quick_copy_xmm(q, value)); break;
    case QUICK_IREF: quick_result_path(q, quick_path_to_derive(q, value)); break;
    case QUICK_COMPOSITE: quick_copy_composite(q, value, type); break;
    }
}

static void lower_thread_exit(quick *q)
{
    quick_call_leave(q, MU_ABI_LEAVE_EXIT);
    quick_site_here(q, quick_site(q, MU_CODE_SITE_ERROR, QUICK_NONE, NULL, 0));
}

void quick_lower_in_runtime(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    uint32_t count = inst->operands.count;
    mu_ir_type **types = MU_ARENA_ARRAY(q->arena, mu_ir_type *, count);
    for (uint32_t i = 0; i < count; i++) {
        types[i] = mu_ir_value_type(q->version, operands[i]);
    }
    quick_settle_values(q, operands, count);
    quick_spill_live(q);
    quick_move_arguments(q, operands, count, types);
    quick_forget_registers(q);
    quick_leave_at(q, inst, MU_ABI_LEAVE_COMMON, MU_CODE_SITE_ALLOCATE);
    take_typed_results(q, inst);
}

/* Where an operand's value is in memory: of a variable in the frame, of a constant behind the code.
 */
typedef struct memory_operand {
    bool is_literal;
    x64_label literal;
    x64_mem mem;
} memory_operand;

static memory_operand put_in_memory(quick *q, mu_ir_value value, uint32_t *temporary)
{
    const mu_ir_type *type = mu_ir_value_type(q->version, value);
    *temporary = QUICK_NONE;
    if (mu_ir_value_is_global(value) && !quick_vector_has_addresses(type)) {
        return (memory_operand){.is_literal = true, .literal = quick_literal_of(q, value, type)};
    }
    if (quick_class_of(type) == QUICK_COMPOSITE) {
        return (memory_operand){.mem = quick_composite_memory(q, value, type, temporary)};
    }
    uint32_t cell = quick_cell_of(mu_ir_value_index(value));
    quick_spill(q, cell);
    return (memory_operand){.mem = quick_slot_mem(q->cells[cell].slot)};
}

static void take_result_from(quick *q, uint32_t slot, mu_ir_type *type)
{
    uint32_t words = quick_words_of(type);
    if (quick_class_of(type) == QUICK_COMPOSITE) {
        uint32_t variable = quick_result(q, 0);
        quick_begin(q, variable);
        q->variables[variable].slot = slot;
    } else {
        quick_load_result(q, type, quick_slot_mem(slot + words - 1));
        quick_slot_give(q, slot, words);
    }
}

void quick_lower_in_memory(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    mu_ir_type *type = q->version->variables[inst->results.first].type;
    memory_operand from[2];
    uint32_t temporaries[2];
    quick_spill_live(q);
    for (uint32_t i = 0; i < inst->operands.count; i++) {
        from[i] = put_in_memory(q, operands[i], &temporaries[i]);
    }
    uint32_t words = quick_words_of(type);
    uint32_t slot = quick_slot_take(q, words);
    quick_forget_registers(q);
    x64_lea(q->a, 8, quick_gpr_arg(0), quick_slot_mem(slot + words - 1));
    for (uint32_t i = 0; i < inst->operands.count; i++) {
        if (from[i].is_literal) {
            x64_lea_label(q->a, quick_gpr_arg(i + 1), from[i].literal);
        } else {
            x64_lea(q->a, 8, quick_gpr_arg(i + 1), from[i].mem);
        }
    }
    quick_leave_at(q, inst, MU_ABI_LEAVE_IN_MEMORY, MU_CODE_SITE_HELPER);
    take_result_from(q, slot, type);
    for (uint32_t i = 0; i < inst->operands.count; i++) {
        quick_drop_temporary(q, temporaries[i], mu_ir_value_type(q->version, operands[i]));
    }
}

bool quick_is_on_wide_ints(const quick *q, const mu_ir_inst *inst)
{
    mu_ir_shape shape = mu_ir_op_info_of(inst->op)->shape;
    bool is_wide = false;
    for (uint32_t i = 0; i < inst->types.count; i++) {
        is_wide = is_wide || quick_is_wide_int(q->version->types[inst->types.first + i]);
    }
    return is_wide && (shape == MU_SHAPE_BINARY || shape == MU_SHAPE_CONVERT);
}

void quick_lower_comminst(quick *q, const mu_ir_inst *inst)
{
    switch ((int)inst->comminst) {
    case MU_COMMINST_THREAD_EXIT: lower_thread_exit(q); break;
    case MU_COMMINST_KILL_DEPENDENCY: lower_kill_dependency(q, inst); break;
    case MU_COMMINST_TR64_IS_FP:
    case MU_COMMINST_TR64_IS_INT:
    case MU_COMMINST_TR64_IS_REF:
    case MU_COMMINST_TR64_FROM_FP:
    case MU_COMMINST_TR64_FROM_INT:
    case MU_COMMINST_TR64_FROM_REF:
    case MU_COMMINST_TR64_TO_FP:
    case MU_COMMINST_TR64_TO_INT:
    case MU_COMMINST_TR64_TO_REF:
    case MU_COMMINST_TR64_TO_TAG: quick_lower_tagref(q, inst); break;
    default: quick_lower_in_runtime(q, inst); break;
    }
}
