/* Instructions that the runtime does: NEWTHREAD, SWAPSTACK, most common instructions, and what
 * computes with ints of more than 64 bits. Operands go where a call's arguments go, results come
 * back as a call's; the runtime learns from the thread which instruction it is. */
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

bool quick_is_on_wide_ints(const quick *q, const mu_ir_inst *inst)
{
    mu_ir_shape shape = mu_ir_op_info_of(inst->op)->shape;
    bool is_wide = false;
    for (uint32_t i = 0; i < inst->types.count; i++) {
        const mu_ir_type *type = q->version->types[inst->types.first + i];
        is_wide = is_wide || (type->kind == MU_IR_INT && type->bits > 64);
    }
    return is_wide &&
           (shape == MU_SHAPE_BINARY || shape == MU_SHAPE_COMPARE || shape == MU_SHAPE_CONVERT);
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
