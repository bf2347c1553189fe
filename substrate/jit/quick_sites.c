/* Sites: the places where machine code can be stopped, and what each one's map says. Nothing lives
 * in a register there: what is needed later has been spilled, or (on slow paths) is saved to slots
 * around the leave. */
#include "stubs.h"

const void *quick_leave_stub(const quick *q, mu_abi_leave reason)
{
    return q->jit->stubs.leave[reason];
}

static void spill_path(quick *q, const quick_path *path)
{
    if (path->base != QUICK_NONE) {
        quick_spill(q, path->base);
    }
    if (path->offset != QUICK_NONE) {
        quick_spill(q, path->offset);
    }
}

void quick_spill_live(quick *q)
{
    q->work += q->live.count;
    for (uint32_t i = 0; i < q->live.count; i++) {
        uint32_t variable = q->live.items[i];
        if (!quick_live_after(q, variable, q->position)) {
            continue;
        }
        for (uint32_t c = quick_cell_of(variable); c < quick_cell_of(variable) + 2; c++) {
            if (q->cells[c].reg >= 0) {
                quick_spill(q, c);
            }
        }
    }
    const mu_ir_inst *inst = &q->version->insts[q->inst];
    for (uint32_t i = 0; i < inst->keepalives.count; i++) {
        uint32_t variable = mu_ir_value_index(q->version->operands[inst->keepalives.first + i]);
        quick_class class = q->variables[variable].class;
        if (class == QUICK_IREF) {
            spill_path(q, &q->variables[variable].path);
        } else if (class != QUICK_COMPOSITE) {
            quick_spill(q, quick_cell_of(variable));
        }
    }
}

static void map_slot(quick *q, uint32_t slot, mu_abi_slot_kind kind)
{
    MU_ARRAY_PUSH(&q->map_slots, ((mu_code_slot){quick_slot_offset(slot), kind}));
}

static void map_descriptor(quick *q, int32_t base, const mu_abi_type *type)
{
    for (uint32_t i = 0; i < type->slot_count; i++) {
        const mu_abi_slot *slot = &type->slots[i];
        int32_t offset = base + (int32_t)slot->offset_bytes;
        if (slot->kind != MU_ABI_SLOT_NESTED) {
            MU_ARRAY_PUSH(&q->map_slots, ((mu_code_slot){offset, slot->kind}));
            continue;
        }
        for (uint64_t n = 0; n < slot->count; n++) {
            map_descriptor(q, offset + (int32_t)(n * slot->stride_bytes), slot->nested);
        }
    }
}

static void map_composite(quick *q, uint32_t variable)
{
    const quick_variable *v = &q->variables[variable];
    mu_ir_type *type = q->version->variables[variable].type;
    map_descriptor(q, quick_slot_offset(v->slot + v->words - 1), mu_jit_descriptor(type));
}

static void map_cell(quick *q, uint32_t cell, const quick_save *saves, uint32_t save_count)
{
    const quick_cell *c = &q->cells[cell];
    if (!c->is_ref) {
        return;
    }
    bool is_tagged = q->version->variables[cell / 2].type->kind == MU_IR_TAGREF64;
    mu_abi_slot_kind kind = is_tagged ? MU_ABI_SLOT_TAGREF64 : MU_ABI_SLOT_REF;
    if (c->slot_valid) {
        map_slot(q, c->slot, kind);
        return;
    }
    for (uint32_t i = 0; i < save_count; i++) {
        if (saves[i].cell == cell) {
            map_slot(q, saves[i].slot, kind);
            return;
        }
    }
}

static void map_variable(quick *q, uint32_t variable, const quick_save *saves, uint32_t save_count)
{
    quick_variable *v = &q->variables[variable];
    if (v->mapped_site == q->sites.count + 1) {
        return; /* a slot listed twice would be moved twice */
    }
    v->mapped_site = q->sites.count + 1;
    if (v->class != QUICK_COMPOSITE) {
        map_cell(q, quick_cell_of(variable), saves, save_count);
    } else if (v->slot != QUICK_NONE) {
        map_composite(q, variable);
    }
}

static void map_live(quick *q, const quick_save *saves, uint32_t save_count)
{
    q->work += q->live.count;
    for (uint32_t i = 0; i < q->live.count; i++) {
        uint32_t variable = q->live.items[i];
        bool is_result = !q->results_defined && q->version->variables[variable].inst == q->inst;
        if (!is_result && quick_live_after(q, variable, q->position)) {
            map_variable(q, variable, saves, save_count);
        }
    }
}

/* The two words of a kept-alive iref, side by side in slots that are this site's alone. */
static uint32_t put_iref_pair(quick *q, mu_ir_value value)
{
    quick_operand words[2];
    uint32_t pair = quick_slot_take(q, 2);
    quick_value_words(q, value, words);
    quick_moves moves = {0};
    for (uint32_t w = 0; w < 2; w++) {
        quick_operand to = {.kind = QUICK_AT_SLOT, .index = pair + 1 - w};
        MU_ARRAY_PUSH(&moves, ((quick_move){.to = to, .from = words[w]}));
    }
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
    return pair;
}

static void map_keepalives(quick *q)
{
    const mu_ir_inst *inst = &q->version->insts[q->inst];
    MU_ARRAY(uint32_t) pairs = {0};
    for (uint32_t i = 0; i < inst->keepalives.count; i++) {
        mu_ir_value value = q->version->operands[inst->keepalives.first + i];
        uint32_t variable = mu_ir_value_index(value);
        const quick_variable *v = &q->variables[variable];
        mu_code_keepalive keepalive = {.variable = variable};
        if (v->class == QUICK_COMPOSITE) {
            map_variable(q, variable, NULL, 0);
            keepalive.rbp_offset = quick_slot_offset(v->slot + v->words - 1);
        } else if (v->class == QUICK_IREF) {
            uint32_t pair = put_iref_pair(q, value);
            keepalive.rbp_offset = quick_slot_offset(pair + 1);
            map_slot(q, pair + 1, MU_ABI_SLOT_REF);
            MU_ARRAY_PUSH(&pairs, pair);
        } else {
            map_variable(q, variable, NULL, 0);
            keepalive.rbp_offset = quick_slot_offset(q->cells[quick_cell_of(variable)].slot);
        }
        MU_ARRAY_PUSH(&q->map_keepalives, keepalive);
    }
    for (uint32_t i = 0; i < pairs.count; i++) {
        quick_slot_give(q, pairs.items[i], 2);
    }
    MU_ARRAY_FREE(&pairs);
}

uint32_t quick_site(quick *q, mu_code_site_kind kind, uint32_t landing, const quick_save *saves,
                    uint32_t save_count)
{
    mu_code_site site = {.kind = kind,
                         .inst = q->inst,
                         .first_slot = q->map_slots.count,
                         .first_keepalive = q->map_keepalives.count};
    if (kind != MU_CODE_SITE_ERROR) {
        q->fresh_cell = QUICK_NONE;
        map_live(q, saves, save_count);
        if (kind == MU_CODE_SITE_CALL || kind == MU_CODE_SITE_TRAP) {
            map_keepalives(q);
        }
    }
    site.slot_count = q->map_slots.count - site.first_slot;
    site.keepalive_count = q->map_keepalives.count - site.first_keepalive;
    MU_ARRAY_PUSH(&q->sites, site);
    MU_ARRAY_PUSH(&q->site_landings, landing);
    return q->sites.count - 1;
}

void quick_site_here(quick *q, uint32_t site)
{
    q->sites.items[site].return_offset = x64_offset(q->a);
}

void quick_call_leave(quick *q, mu_abi_leave reason)
{
    x64_mov_ri(q->a, QUICK_TEMP2, (uintptr_t)quick_leave_stub(q, reason));
    x64_call_r(q->a, QUICK_TEMP2);
}

void quick_collect_saves(quick *q, quick_deferred *deferred, bool include_operands)
{
    for (int reg = 0; reg < QUICK_GPR_COUNT * 2; reg++) {
        bool is_xmm = reg >= QUICK_GPR_COUNT;
        int index = is_xmm ? reg - QUICK_GPR_COUNT : reg;
        uint32_t cell = is_xmm ? q->xmm_cell[index] : q->gpr_cell[index];
        if (cell == QUICK_NONE) {
            continue;
        }
        const quick_cell *c = &q->cells[cell];
        bool lives = c->last_use > q->position || (include_operands && c->last_use == q->position);
        bool is_result = !q->results_defined && q->version->variables[cell / 2].inst == q->inst;
        if (!lives || is_result) {
            continue;
        }
        quick_save save = {.cell = cell,
                           .stores = !c->slot_valid,
                           .reg = (int8_t)index,
                           .is_xmm = is_xmm,
                           .slot = c->slot_valid ? c->slot : quick_slot_take(q, 1)};
        MU_ARRAY_PUSH(&deferred->saves, save);
    }
}

void quick_release_saves(quick *q, const quick_deferred *deferred)
{
    for (uint32_t i = 0; i < deferred->saves.count; i++) {
        if (deferred->saves.items[i].stores) {
            quick_slot_give(q, deferred->saves.items[i].slot, 1);
        }
    }
}

x64_label quick_error(quick *q, mu_guest_error error)
{
    const mu_ir_inst *inst = &q->version->insts[q->inst];
    if (inst->has_exc && inst->op != MU_OP_CALL && inst->op != MU_OP_TRAP) {
        const mu_ir_dest *dest = &q->version->dests[inst->dests.first + 1];
        return quick_edge(q, dest, (quick_operand){.kind = QUICK_IMMEDIATE});
    }
    uint32_t index = quick_defer(q, QUICK_DEFER_ERROR);
    q->deferred.items[index].error = error;
    q->deferred.items[index].site = quick_site(q, MU_CODE_SITE_ERROR, QUICK_NONE, NULL, 0);
    return q->deferred.items[index].label;
}

/* ---- what is emitted behind the body */

void quick_emit_saves(quick *q, const quick_deferred *deferred)
{
    for (uint32_t i = 0; i < deferred->saves.count; i++) {
        const quick_save *save = &deferred->saves.items[i];
        if (!save->stores) {
            continue;
        }
        if (save->is_xmm) {
            x64_fp_store(q->a, 8, quick_slot_mem(save->slot), (x64_xmm)save->reg);
        } else {
            x64_store(q->a, 8, quick_slot_mem(save->slot), (x64_gpr)save->reg);
        }
    }
}

void quick_emit_restores(quick *q, const quick_deferred *deferred)
{
    for (uint32_t i = 0; i < deferred->saves.count; i++) {
        const quick_save *save = &deferred->saves.items[i];
        if (save->is_xmm) {
            x64_fp_load(q->a, 8, (x64_xmm)save->reg, quick_slot_mem(save->slot));
        } else {
            x64_load(q->a, 8, (x64_gpr)save->reg, quick_slot_mem(save->slot));
        }
    }
}

static void emit_yield(quick *q, const quick_deferred *deferred)
{
    quick_emit_saves(q, deferred);
    quick_call_leave(q, MU_ABI_LEAVE_YIELD);
    quick_site_here(q, deferred->site);
    quick_emit_restores(q, deferred);
    x64_jmp(q->a, deferred->back);
}

static void emit_edge(quick *q, quick_deferred *deferred)
{
    if (deferred->drops_exception) {
        x64_store_i(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_exception), 0);
    }
    if (deferred->site != QUICK_NONE) {
        x64_label slow = x64_label_new(q->a);
        x64_alu_rm(q->a, X64_CMP, 8, RSP, x64_at(QUICK_THREAD, MU_THREAD_stack_limit));
        x64_jcc(q->a, X64_B, slow);
        x64_bind(q->a, deferred->back);
        quick_emit_moves(q, &deferred->moves);
        x64_jmp(q->a, q->blocks[deferred->block].label);
        x64_bind(q->a, slow);
        emit_yield(q, deferred);
        return;
    }
    quick_emit_moves(q, &deferred->moves);
    x64_jmp(q->a, q->blocks[deferred->block].label);
}

static void emit_allocate(quick *q, const quick_deferred *deferred)
{
    quick_emit_saves(q, deferred);
    if (deferred->length_reg >= 0) {
        if (deferred->length_reg != RCX) {
            x64_mov_rr(q->a, 8, RCX, (x64_gpr)deferred->length_reg);
        }
    } else {
        x64_mov_ri(q->a, RCX, 0);
    }
    x64_mov_ri(q->a, RAX, (uintptr_t)deferred->type);
    quick_call_leave(q, MU_ABI_LEAVE_ALLOCATE);
    quick_site_here(q, deferred->site);
    if (deferred->result_reg != RAX) {
        x64_mov_rr(q->a, 8, (x64_gpr)deferred->result_reg, RAX);
    }
    quick_emit_restores(q, deferred);
    x64_jmp(q->a, deferred->back);
}

/* The cell's size and length are no references; they wait on the stack. */
static void emit_grow(quick *q, const quick_deferred *deferred)
{
    quick_emit_saves(q, deferred);
    for (int i = 0; i < 2; i++) {
        if (deferred->extra_gpr[i] >= 0) {
            x64_push(q->a, (x64_gpr)deferred->extra_gpr[i]);
        }
    }
    x64_mov_rr(q->a, 8, RAX, QUICK_TEMP);
    quick_call_leave(q, MU_ABI_LEAVE_GROW);
    quick_site_here(q, deferred->site);
    for (int i = 1; i >= 0; i--) {
        if (deferred->extra_gpr[i] >= 0) {
            x64_pop(q->a, (x64_gpr)deferred->extra_gpr[i]);
        }
    }
    quick_emit_restores(q, deferred);
    x64_lea(q->a, 8, QUICK_TEMP, x64_at(RSP, -(int32_t)sizeof(mu_abi_alloca)));
    x64_alu_rr(q->a, X64_SUB, 8, QUICK_TEMP, (x64_gpr)deferred->extra_gpr[0]);
    x64_alu_ri(q->a, X64_AND, 8, QUICK_TEMP, -16);
    x64_jmp(q->a, deferred->back);
}

/* The runtime answers, or raises the error: a check is no safepoint. */
static void emit_check(quick *q, const quick_deferred *deferred)
{
    quick_emit_saves(q, deferred);
    for (int i = 0; i < 2; i++) {
        if (deferred->extra_gpr[i] >= 0) {
            x64_push(q->a, (x64_gpr)deferred->extra_gpr[i]);
        }
    }
    quick_emit_moves(q, &deferred->moves);
    quick_call_leave(q, deferred->check);
    quick_site_here(q, deferred->site);
    for (int i = 1; i >= 0; i--) {
        if (deferred->extra_gpr[i] >= 0) {
            x64_pop(q->a, (x64_gpr)deferred->extra_gpr[i]);
        }
    }
    quick_emit_restores(q, deferred);
    x64_jmp(q->a, deferred->back);
}

static void emit_one(quick *q, quick_deferred *deferred)
{
    x64_bind(q->a, deferred->label);
    switch (deferred->kind) {
    case QUICK_DEFER_EDGE:
    case QUICK_DEFER_LANDING: emit_edge(q, deferred); break;
    case QUICK_DEFER_ERROR:
        x64_mov_ri(q->a, RAX, deferred->error);
        quick_call_leave(q, MU_ABI_LEAVE_ERROR);
        quick_site_here(q, deferred->site);
        break;
    case QUICK_DEFER_ALLOCATE: emit_allocate(q, deferred); break;
    case QUICK_DEFER_YIELD: emit_yield(q, deferred); break;
    case QUICK_DEFER_GROW: emit_grow(q, deferred); break;
    case QUICK_DEFER_CHECK: emit_check(q, deferred); break;
    case QUICK_DEFER_WATCH: quick_emit_watch(q, deferred); break;
    case QUICK_DEFER_NATIVE_STACK: quick_emit_native_stack(q, deferred); break;
    case QUICK_DEFER_NATIVE_MOVED: quick_emit_native_moved(q, deferred); break;
    case QUICK_DEFER_BARRIER: quick_emit_barrier(q, deferred); break;
    }
}

void quick_emit_deferred(quick *q)
{
    /* Watchpoints go on adding. */
    for (uint32_t i = 0; i < q->deferred.count && !quick_is_too_large(q); i++) {
        quick_deferred deferred = q->deferred.items[i];
        emit_one(q, &deferred);
    }
}
