/* Calls and what behaves like one: everything live goes to slots, arguments to their places, and
 * results come back in theirs. */
#include "quick.h"

void quick_move_arguments(quick *q, const mu_ir_value *values, uint32_t count,
                          mu_ir_type *const *types)
{
    mu_jit_place *places = MU_ARENA_ARRAY(q->arena, mu_jit_place, count);
    quick_moves moves = {0};
    mu_jit_assign_places(types, count, places);
    for (uint32_t i = 0; i < count; i++) {
        quick_operand *words = MU_ARENA_ARRAY(q->arena, quick_operand, places[i].words);
        quick_value_words(q, values[i], words);
        for (uint32_t w = 0; w < places[i].words; w++) {
            quick_operand to = {QUICK_AT_OVERFLOW, places[i].index + w, 0};
            if (places[i].kind == MU_JIT_PLACE_GPR) {
                to = (quick_operand){QUICK_AT_GPR, quick_gpr_arg(places[i].index + w), 0};
            } else if (places[i].kind == MU_JIT_PLACE_XMM) {
                to = (quick_operand){QUICK_AT_XMM, places[i].index, 0};
            }
            MU_ARRAY_PUSH(&moves, ((quick_move){to, words[w]}));
        }
    }
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
}

void quick_settle_values(quick *q, const mu_ir_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        quick_settle_path(q, values[i]);
    }
}

static void take_register_result(quick *q, uint32_t variable, const mu_jit_place *place)
{
    uint32_t cell = quick_cell_of(variable);
    if (place->kind == MU_JIT_PLACE_XMM) {
        quick_define_xmm(q, cell, (x64_xmm)place->index);
        return;
    }
    for (uint32_t w = 0; w < place->words; w++) {
        quick_define_gpr(q, cell + w, quick_gpr_arg(place->index + w));
    }
}

static void take_overflow_result(quick *q, uint32_t variable, const mu_jit_place *place)
{
    quick_variable *v = &q->variables[variable];
    if (v->class == QUICK_COMPOSITE) {
        v->slot = quick_slot_take(q, place->words);
        for (uint32_t w = 0; w < place->words; w++) {
            quick_load_overflow(q, v->slot + place->words - 1 - w, place->index + w);
        }
        return;
    }
    for (uint32_t w = 0; w < place->words; w++) {
        quick_cell *c = &q->cells[quick_cell_of(variable) + w];
        c->slot = quick_slot_take(q, 1);
        c->slot_valid = true;
        c->is_xmm = v->class == QUICK_FLOAT || v->class == QUICK_DOUBLE;
        quick_load_overflow(q, c->slot, place->index + w);
    }
}

void quick_take_results(quick *q, const mu_ir_inst *inst, mu_ir_type *const *types, uint32_t count)
{
    mu_jit_place *places = MU_ARENA_ARRAY(q->arena, mu_jit_place, count);
    mu_jit_assign_places(types, count, places);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t variable = inst->results.first + i;
        quick_begin(q, variable);
        if (places[i].kind == MU_JIT_PLACE_OVERFLOW) {
            take_overflow_result(q, variable, &places[i]);
        } else {
            take_register_result(q, variable, &places[i]);
        }
        if (q->variables[variable].class == QUICK_IREF) {
            q->variables[variable].path = (quick_path){.base = quick_cell_of(variable),
                                                       .offset = quick_cell_of(variable) + 1};
        }
    }
}

uint32_t quick_landing_of(quick *q, const mu_ir_inst *inst)
{
    return inst->has_exc ? quick_landing(q, &q->version->dests[inst->dests.first + 1], NULL, 0)
                         : QUICK_NONE;
}

/* Before the arguments move: a callee that is a variable is put where they will not reach. */
static bool stow_callee(quick *q, mu_ir_value callee)
{
    if (mu_ir_value_is_global(callee)) {
        return false;
    }
    x64_gpr reg = quick_read_gpr(q, callee);
    x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_callee), reg);
    return true;
}

/* The memory operand through which to call; r11 holds the callee's number. A function reference may
 * have been cast to another signature, so a call through a variable compares. */
static x64_mem callee_entry(quick *q, const mu_ir_inst *inst, bool is_variable, uint32_t landing)
{
    uint64_t number = 0;
    x64_load(q->a, 8, QUICK_TEMP2, x64_at(QUICK_THREAD, MU_THREAD_functions));
    if (!is_variable) {
        (void)quick_constant(q, q->version->operands[inst->operands.first], &number);
        x64_mov_ri(q->a, QUICK_TEMP, number);
        if (number) {
            return x64_at(QUICK_TEMP2, (int32_t)(number * sizeof(mu_abi_function)));
        }
        /* The constant NULL: the runtime tells it from a wrong signature by the callee's number. */
        x64_store_i(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_callee), 0);
    } else {
        x64_load(q->a, 8, QUICK_TEMP, x64_at(QUICK_THREAD, MU_THREAD_callee));
    }
    uint32_t error = quick_defer(q, QUICK_DEFER_ERROR);
    q->deferred.items[error].error = MU_GUEST_ERROR_WRONG_SIGNATURE;
    q->deferred.items[error].site = quick_site(q, MU_CODE_SITE_ERROR, landing, NULL, 0);
    const mu_ir_sig *sig = q->version->sigs[inst->sigs.first];
    x64_lea(q->a, 8, QUICK_TEMP2, x64_at_index(QUICK_TEMP2, QUICK_TEMP, 3, 0));
    x64_lea(q->a, 8, QUICK_TEMP2, x64_at_index(QUICK_TEMP2, QUICK_TEMP, 3, 0));
    x64_alu_mi(q->a, X64_CMP, 4, x64_at(QUICK_TEMP2, offsetof(mu_abi_function, sig)),
               (int32_t)sig->canonical);
    x64_jcc(q->a, X64_NE, q->deferred.items[error].label);
    return x64_at(QUICK_TEMP2, 0);
}

void quick_lower_call(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    const mu_ir_sig *sig = q->version->sigs[inst->sigs.first];
    quick_settle_values(q, operands, inst->operands.count);
    quick_spill_live(q);
    bool is_variable = stow_callee(q, operands[0]);
    quick_move_arguments(q, operands + 1, inst->operands.count - 1, sig->params);
    quick_forget_registers(q);
    uint32_t landing = quick_landing_of(q, inst);
    uint32_t site = quick_site(q, MU_CODE_SITE_CALL, landing, NULL, 0);
    x64_call_m(q->a, callee_entry(q, inst, is_variable, landing));
    quick_site_here(q, site);
    quick_take_results(q, inst, sig->results, sig->result_count);
}

static void emit_epilogue(quick *q)
{
    x64_mov_rr(q->a, 8, RSP, RBP);
    x64_pop(q->a, RBP);
}

void quick_lower_tailcall(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    const mu_ir_sig *sig = q->version->sigs[inst->sigs.first];
    quick_settle_values(q, operands, inst->operands.count);
    bool is_variable = stow_callee(q, operands[0]);
    quick_move_arguments(q, operands + 1, inst->operands.count - 1, sig->params);
    quick_forget_registers(q);
    x64_mem entry = callee_entry(q, inst, is_variable, QUICK_NONE);
    emit_epilogue(q);
    x64_jmp_m(q->a, entry);
}

void quick_lower_ret(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    quick_settle_values(q, operands, inst->operands.count);
    quick_move_arguments(q, operands, inst->operands.count, q->version->sig->results);
    emit_epilogue(q);
    x64_ret(q->a);
}

void quick_lower_throw(quick *q, const mu_ir_inst *inst)
{
    quick_operand word;
    quick_moves moves = {0};
    quick_value_words(q, q->version->operands[inst->operands.first], &word);
    MU_ARRAY_PUSH(&moves, ((quick_move){{QUICK_AT_GPR, RAX, 0}, word}));
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
    quick_call_leave(q, MU_ABI_LEAVE_THROW);
    quick_site_here(q, quick_site(q, MU_CODE_SITE_ERROR, QUICK_NONE, NULL, 0));
}

void quick_lower_trap(quick *q, const mu_ir_inst *inst)
{
    mu_ir_type *const *types = &q->version->types[inst->types.first];
    quick_spill_live(q);
    quick_forget_registers(q);
    uint32_t site = quick_site(q, MU_CODE_SITE_TRAP, quick_landing_of(q, inst), NULL, 0);
    quick_call_leave(q, MU_ABI_LEAVE_TRAP);
    quick_site_here(q, site);
    quick_take_results(q, inst, types, inst->types.count);
}

void quick_lower_frem(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    mu_ir_type *type = q->version->types[inst->types.first];
    mu_ir_type *types[2] = {type, type};
    quick_spill_live(q);
    quick_move_arguments(q, operands, 2, types);
    quick_forget_registers(q);
    bool is_single = type->kind == MU_IR_FLOAT;
    if (is_single) {
        /* The remainder of two floats is exact in double and so is the way back. */
        x64_fp_widen(q->a, XMM0, XMM0);
        x64_fp_widen(q->a, XMM1, XMM1);
    }
    uint32_t site = quick_site(q, MU_CODE_SITE_HELPER, QUICK_NONE, NULL, 0);
    quick_call_leave(q, MU_ABI_LEAVE_FMOD);
    quick_site_here(q, site);
    if (is_single) {
        x64_fp_narrow(q->a, XMM0, XMM0);
    }
    quick_take_results(q, inst, types, 1);
}
