/* WATCHPOINT and WPBRANCH (instruction-set.rest). Disabled they are one instruction that does
 * nothing, which watch_sites.c turns into a jump behind the function's body. There the code looks
 * whether the watchpoint is this VM's:
 *
 *      site:  TEST EAX, imm32, or JMP cold
 *      back:  on to the disabled destination
 *
 *      cold:  not in the VM's filter: back
 *             perhaps: save all, ask the runtime, restore; no: back
 *             WATCHPOINT: spill, trap; on to the enabled destination
 *
 * So that the usual way need not put anything in the frame, what lives where at the site is noted
 * (a snapshot), and the cold part is lowered from there as if the block went on: its variables are
 * nobody else's. */
#include "quick.h"

#include <string.h>

typedef struct live_variable {
    uint32_t variable;
    quick_variable state;
    quick_cell cells[2];
} live_variable;

struct quick_snapshot {
    uint32_t block, inst, position;
    live_variable *live;
    uint32_t live_count;
    uint64_t *slots_used;
    uint32_t slot_words;
};

static quick_snapshot *take_snapshot(quick *q)
{
    quick_snapshot *taken = MU_ARENA_NEW(q->arena, quick_snapshot);
    uint32_t slot_words = q->slot_words;
    while (slot_words && !q->slots_used[slot_words - 1]) {
        slot_words--; /* another block's large frame is not copied */
    }
    *taken = (quick_snapshot){.block = q->block,
                              .inst = q->inst,
                              .position = q->position,
                              .live = MU_ARENA_ARRAY(q->arena, live_variable, q->live.count),
                              .live_count = q->live.count,
                              .slots_used = MU_ARENA_ARRAY(q->arena, uint64_t, slot_words),
                              .slot_words = slot_words};
    q->work += q->live.count + q->slot_words;
    for (uint32_t i = 0; i < q->live.count; i++) {
        uint32_t variable = q->live.items[i];
        const quick_cell *cells = &q->cells[quick_cell_of(variable)];
        taken->live[i] = (live_variable){variable, q->variables[variable], {cells[0], cells[1]}};
    }
    if (slot_words) {
        memcpy(taken->slots_used, q->slots_used, slot_words * sizeof *q->slots_used);
    }
    return taken;
}

static void restore_cell(quick *q, uint32_t cell, const quick_cell *state)
{
    q->cells[cell] = *state;
    if (state->reg >= 0) {
        (state->is_xmm ? q->xmm_cell : q->gpr_cell)[state->reg] = cell;
    }
}

static void restore_snapshot(quick *q, const quick_snapshot *taken)
{
    q->block = taken->block;
    q->inst = taken->inst;
    q->position = taken->position;
    q->gpr_pinned = 0;
    q->xmm_pinned = 0;
    for (int reg = 0; reg < QUICK_GPR_COUNT; reg++) {
        q->gpr_cell[reg] = QUICK_NONE;
        q->xmm_cell[reg] = QUICK_NONE;
    }
    q->work += taken->live_count + q->slot_words;
    q->live.count = 0;
    for (uint32_t i = 0; i < taken->live_count; i++) {
        const live_variable *each = &taken->live[i];
        MU_ARRAY_PUSH(&q->live, each->variable);
        q->variables[each->variable] = each->state;
        restore_cell(q, quick_cell_of(each->variable), &each->cells[0]);
        restore_cell(q, quick_cell_of(each->variable) + 1, &each->cells[1]);
    }
    if (q->slot_words) {
        memset(q->slots_used, 0, q->slot_words * sizeof *q->slots_used);
    }
    if (taken->slot_words) {
        memcpy(q->slots_used, taken->slots_used, taken->slot_words * sizeof *q->slots_used);
    }
}

static const quick_operand no_exception = {.kind = QUICK_IMMEDIATE};

/* Instructions with the id 0 are always enabled. */
static bool is_always_enabled(const mu_ir_inst *inst)
{
    return inst->literal == 0;
}

void quick_lower_watch(quick *q, const mu_ir_inst *inst)
{
    uint32_t index = quick_defer(q, QUICK_DEFER_WATCH);
    q->deferred.items[index].snapshot = take_snapshot(q);
    x64_label cold = q->deferred.items[index].label;
    if (is_always_enabled(inst)) {
        x64_jmp(q->a, cold);
    } else {
        watch_offset site = {(uint32_t)inst->literal, x64_offset(q->a)};
        MU_ARRAY_PUSH(&q->watches, site);
        x64_test_label(q->a, cold);
        x64_bind(q->a, q->deferred.items[index].back);
        quick_goto(q, &q->version->dests[inst->dests.first], no_exception);
    }
    /* They have no place here, but are released like others. */
    for (uint32_t i = 0; i < inst->results.count; i++) {
        quick_begin(q, inst->results.first + i);
    }
}

/* Asks the runtime, which keeps no register; goes to `back` when the answer is no. */
static void ask(quick *q, uint32_t id, x64_label back)
{
    quick_deferred asking = {.kind = QUICK_DEFER_CHECK};
    quick_collect_saves(q, &asking, true);
    quick_emit_saves(q, &asking);
    x64_mov_ri(q->a, quick_gpr_arg(0), id);
    uint32_t site =
        quick_site(q, MU_CODE_SITE_HELPER, QUICK_NONE, asking.saves.items, asking.saves.count);
    quick_call_leave(q, MU_ABI_LEAVE_CHECK_WATCHPOINT);
    quick_site_here(q, site);
    x64_mov_rr(q->a, 8, QUICK_TEMP, quick_gpr_arg(0));
    quick_emit_restores(q, &asking);
    quick_release_saves(q, &asking);
    MU_ARRAY_FREE(&asking.saves);
    x64_test_rr(q->a, 8, QUICK_TEMP, QUICK_TEMP);
    x64_jcc(q->a, X64_E, back);
}

/* Goes on when the watchpoint is enabled in the thread's VM, else to `back`. */
static void look_at_filter(quick *q, uint32_t id, x64_label back)
{
    x64_label enabled = x64_label_new(q->a);
    int32_t offset = (int32_t)(id % MU_ABI_WATCH_ENTRIES * sizeof(uint64_t));
    x64_load(q->a, 8, QUICK_TEMP, x64_at(QUICK_THREAD, MU_THREAD_watchpoints));
    x64_load(q->a, 8, QUICK_TEMP, x64_at(QUICK_TEMP, offset));
    x64_mov_ri(q->a, QUICK_TEMP2, id);
    x64_alu_rr(q->a, X64_CMP, 8, QUICK_TEMP, QUICK_TEMP2);
    x64_jcc(q->a, X64_E, enabled);
    x64_test_rr(q->a, 8, QUICK_TEMP, QUICK_TEMP);
    x64_jcc(q->a, X64_NS, back);
    ask(q, id, back);
    x64_bind(q->a, enabled);
}

static void trap(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_dest *dests = &q->version->dests[inst->dests.first];
    quick_spill_live(q);
    quick_forget_registers(q);
    uint32_t landing = inst->has_exc ? quick_landing(q, &dests[2], NULL, 0) : QUICK_NONE;
    uint32_t site = quick_site(q, MU_CODE_SITE_TRAP, landing, NULL, 0);
    quick_call_leave(q, MU_ABI_LEAVE_TRAP);
    quick_site_here(q, site);
    quick_take_results(q, inst, &q->version->types[inst->types.first], inst->types.count);
    q->results_defined = true;
}

void quick_emit_watch(quick *q, const quick_deferred *deferred)
{
    restore_snapshot(q, deferred->snapshot);
    const mu_ir_inst *inst = &q->version->insts[q->inst];
    if (!is_always_enabled(inst)) {
        look_at_filter(q, (uint32_t)inst->literal, deferred->back);
    }
    if (inst->op == MU_OP_WATCHPOINT) {
        trap(q, inst);
    }
    x64_jmp(q->a, quick_edge(q, &q->version->dests[inst->dests.first + 1], no_exception));
    q->results_defined = false;
}
