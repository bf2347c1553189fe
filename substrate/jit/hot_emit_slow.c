/* Sites and their maps, and code behind the body. What lives in registers at a seldom taken leave
 * is stored to slots before it and loaded again. */
#include "hot_emit.h"

uint32_t hot_slow_new(hot_emitter *e, hot_slow_kind kind)
{
    hot_slow slow = {.kind = kind, .inst = e->inst, .site = QUICK_NONE};
    slow.label = x64_label_new(e->q.a);
    slow.back = x64_label_new(e->q.a);
    MU_ARRAY_PUSH(&e->slow, slow);
    return e->slow.count - 1;
}

/* ---- sites */

static void map_slot(hot_emitter *e, uint32_t slot, mu_opt_kind kind)
{
    if (kind == MU_OPT_REF || kind == MU_OPT_TAGREF) {
        mu_code_slot mapped = {quick_slot_offset(slot),
                               kind == MU_OPT_REF ? MU_ABI_SLOT_REF : MU_ABI_SLOT_TAGREF64};
        MU_ARRAY_PUSH(&e->q.map_slots, mapped);
    }
}

static void map_live(hot_emitter *e)
{
    const hot_code *c = e->code;
    const alloc_inst *inst = &c->insts.items[e->inst];
    for (uint32_t i = 0; i < inst->live_count; i++) {
        const alloc_live *live = &c->regs.live[inst->first_live + i];
        uint32_t slot = live->place.where == ALLOC_IN_SLOT ? live->place.index : live->save_slot;
        map_slot(e, slot, hot_of(c, c->value_nodes.items[live->value])->kind);
    }
}

/* An iref's base is at the lower address. */
static uint32_t kept_slot(const hot_emitter *e, uint32_t index)
{
    const hot_code *c = e->code;
    const hot_kept *kept = &c->kept.items[index];
    uint32_t slot = c->regs.slot_count + kept->slot;
    bool has_second = index + 1 < c->kept.count && c->kept.items[index + 1].word == 1 &&
                      c->kept.items[index + 1].variable == kept->variable &&
                      c->kept.items[index + 1].slot == kept->slot + 1;
    return kept->word ? slot - 1 : has_second ? slot + 1 : slot;
}

void hot_emit_keep(hot_emitter *e)
{
    uint32_t index = (uint32_t)hot_now(e)->immediate;
    x64_mem slot = quick_slot_mem(kept_slot(e, index));
    int8_t at = hot_now(e)->a;
    if (e->code->values.items[hot_operand(e, at)->value].class == ALLOC_XMM) {
        x64_fp_store(e->q.a, 8, slot, hot_xmm(e, at));
    } else {
        x64_store(e->q.a, 8, slot, hot_gpr(e, at));
    }
}

static void map_kept(hot_emitter *e)
{
    const hot_code *c = e->code;
    const hot_inst *inst = hot_now(e);
    for (uint32_t i = inst->keep_first; i < inst->keep_first + inst->keep_count; i++) {
        const hot_kept *kept = &c->kept.items[i];
        uint32_t slot = kept_slot(e, i);
        map_slot(e, slot, kept->is_ref ? MU_OPT_REF : kept->is_tagref ? MU_OPT_TAGREF : MU_OPT_INT);
        if (kept->word == 0) {
            mu_code_keepalive keepalive = {kept->variable, quick_slot_offset(slot)};
            MU_ARRAY_PUSH(&e->q.map_keepalives, keepalive);
        }
    }
}

static uint32_t landing_of(hot_emitter *e)
{
    const hot_code *c = e->code;
    const hot_inst *inst = hot_now(e);
    const mu_opt_block *block = &c->graph->blocks.items[inst->block];
    if (inst->node == MU_OPT_NONE || !hot_ends_block(e) || block->succs.count != 2 ||
        inst->op == HOT_BRANCH) {
        return QUICK_NONE;
    }
    uint32_t landing = c->graph->blocks.items[block->succs.items[1]].position;
    quick_deferred deferred = {.label = e->labels[landing]};
    MU_ARRAY_PUSH(&e->q.deferred, deferred);
    return e->q.deferred.count - 1;
}

uint32_t hot_site(hot_emitter *e, mu_code_site_kind kind)
{
    const hot_inst *inst = hot_now(e);
    mu_code_site site = {.kind = kind,
                         .inst = hot_of(e->code, inst->node)->inst,
                         .first_slot = e->q.map_slots.count,
                         .first_keepalive = e->q.map_keepalives.count};
    if (kind != MU_CODE_SITE_ERROR) {
        map_live(e);
        if (kind == MU_CODE_SITE_CALL || kind == MU_CODE_SITE_TRAP) {
            map_kept(e);
        }
    }
    site.slot_count = e->q.map_slots.count - site.first_slot;
    site.keepalive_count = e->q.map_keepalives.count - site.first_keepalive;
    MU_ARRAY_PUSH(&e->q.sites, site);
    MU_ARRAY_PUSH(&e->q.site_landings, landing_of(e));
    return e->q.sites.count - 1;
}

x64_label hot_error(hot_emitter *e, mu_guest_error error)
{
    uint32_t index = hot_slow_new(e, HOT_SLOW_ERROR);
    e->slow.items[index].error = error;
    e->slow.items[index].site = hot_site(e, MU_CODE_SITE_ERROR);
    return e->slow.items[index].label;
}

/* ---- what lives in registers, around a leave */

static void move_live(hot_emitter *e, bool saves)
{
    const hot_code *c = e->code;
    const alloc_inst *inst = &c->insts.items[e->inst];
    x64_assembler *a = e->q.a;
    for (uint32_t i = 0; i < inst->live_count; i++) {
        const alloc_live *live = &c->regs.live[inst->first_live + i];
        if (live->place.where != ALLOC_IN_REG || (saves && live->is_saved)) {
            continue;
        }
        x64_mem slot = quick_slot_mem(live->save_slot);
        bool is_xmm = c->values.items[live->value].class == ALLOC_XMM;
        if (is_xmm && saves) {
            x64_fp_store(a, 8, slot, (x64_xmm)live->place.index);
        } else if (is_xmm) {
            x64_fp_load(a, 8, (x64_xmm)live->place.index, slot);
        } else if (saves) {
            x64_store(a, 8, slot, (x64_gpr)live->place.index);
        } else {
            x64_load(a, 8, (x64_gpr)live->place.index, slot);
        }
    }
}

/* Behind the leave: values from their slots, constants anew. */
static void restore_live(hot_emitter *e)
{
    const hot_code *c = e->code;
    const alloc_inst *inst = &c->insts.items[e->inst];
    move_live(e, false);
    for (uint32_t i = 0; i < inst->remade_count; i++) {
        const alloc_remade *remade = &c->regs.remade[inst->first_remade + i];
        alloc_class class = c->values.items[remade->value].class;
        quick_operand to = {.kind = class == ALLOC_XMM ? QUICK_AT_XMM : QUICK_AT_GPR,
                            .index = remade->reg};
        quick_operand from = {.kind = QUICK_IMMEDIATE,
                              .immediate = hot_of(c, c->value_nodes.items[remade->value])->imm};
        quick_moves moves = {0};
        MU_ARRAY_PUSH(&moves, ((quick_move){to, from}));
        quick_emit_moves(&e->q, &moves);
        MU_ARRAY_FREE(&moves);
    }
}

static bool keeps_registers(const hot_emitter *e)
{
    return e->code->insts.items[e->inst].safety == ALLOC_COLD_SAFEPOINT;
}

static void slow_poll(hot_emitter *e, const hot_slow *slow)
{
    move_live(e, true);
    quick_call_leave(&e->q, MU_ABI_LEAVE_YIELD);
    quick_site_here(&e->q, slow->site);
    restore_live(e);
    x64_jmp(e->q.a, slow->back);
}

static void slow_new(hot_emitter *e, const hot_slow *slow)
{
    const hot_inst *inst = hot_now(e);
    x64_gpr result = hot_gpr(e, inst->def);
    const mu_abi_type *type = mu_jit_descriptor(hot_of(e->code, inst->node)->type);
    if (keeps_registers(e)) {
        move_live(e, true);
    }
    if (inst->a < 0) {
        x64_mov_ri(e->q.a, RCX, 0);
    } else if (hot_gpr(e, inst->a) != RCX) {
        x64_mov_rr(e->q.a, 8, RCX, hot_gpr(e, inst->a));
    }
    x64_mov_ri(e->q.a, RAX, (uintptr_t)type);
    quick_call_leave(&e->q, MU_ABI_LEAVE_ALLOCATE);
    quick_site_here(&e->q, slow->site);
    if (result != RAX) {
        x64_mov_rr(e->q.a, 8, result, RAX);
    }
    if (keeps_registers(e)) {
        restore_live(e);
    }
    x64_jmp(e->q.a, slow->back);
}

static void slow_barrier(hot_emitter *e, const hot_slow *slow)
{
    const hot_inst *inst = hot_now(e);
    x64_mov_ri(e->q.a, QUICK_TEMP, hot_of(e->code, inst->node)->type->size_bytes);
    x64_push(e->q.a, QUICK_TEMP);
    x64_lea(e->q.a, 8, QUICK_TEMP, slow->place);
    x64_push(e->q.a, QUICK_TEMP);
    x64_push(e->q.a, hot_gpr(e, inst->address.base_at));
    x64_mov_ri(e->q.a, QUICK_TEMP, (uintptr_t)e->code->jit->stubs.barrier);
    x64_call_r(e->q.a, QUICK_TEMP);
    x64_lea(e->q.a, 8, RSP, x64_at(RSP, 24));
    x64_jmp(e->q.a, slow->back);
}

/* The operands may be wanted behind it, then they are among what lives on. */
static void slow_shift(hot_emitter *e, const hot_slow *slow)
{
    quick_moves moves = {0};
    move_live(e, true);
    for (uint32_t i = 0; i < 3; i++) {
        quick_operand to = {.kind = QUICK_AT_GPR, .index = quick_gpr_arg(i)};
        quick_operand from = {.kind = QUICK_AT_GPR, .index = hot_gpr(e, (int8_t)i)};
        MU_ARRAY_PUSH(&moves, ((quick_move){to, from}));
    }
    quick_emit_moves(&e->q, &moves);
    MU_ARRAY_FREE(&moves);
    x64_mov_ri(e->q.a, quick_gpr_arg(3), (uintptr_t)hot_of(e->code, hot_now(e)->node)->type);
    quick_call_leave(&e->q, MU_ABI_LEAVE_CHECK_SHIFT);
    quick_site_here(&e->q, slow->site);
    restore_live(e);
    x64_jmp(e->q.a, slow->back);
}

void hot_emit_slow(hot_emitter *e)
{
    for (uint32_t i = 0; i < e->slow.count; i++) {
        const hot_slow *slow = &e->slow.items[i];
        e->inst = slow->inst;
        x64_bind(e->q.a, slow->label);
        switch (slow->kind) {
        case HOT_SLOW_ERROR:
            x64_mov_ri(e->q.a, RAX, slow->error);
            quick_call_leave(&e->q, MU_ABI_LEAVE_ERROR);
            quick_site_here(&e->q, slow->site);
            break;
        case HOT_SLOW_POLL: slow_poll(e, slow); break;
        case HOT_SLOW_NEW: slow_new(e, slow); break;
        case HOT_SLOW_BARRIER: slow_barrier(e, slow); break;
        case HOT_SLOW_SHIFT: slow_shift(e, slow); break;
        }
    }
}
