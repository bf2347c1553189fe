/* Registers and frame slots. Greedy: an operand is loaded when an instruction wants it; when no
 * register is free the one whose value is needed last goes to its slot (Belady's choice, by last
 * use instead of next use). A slot once written stays valid, since variables never change. */
#include "quick.h"

#include <string.h>

/* Those that calls, shifts and divisions claim come last. */
static const x64_gpr gpr_preference[] = {RBX, RSI, RDI, R8, R9, R12, R13, R14, RDX, RCX, RAX};
#define GPR_ALLOCATABLE (sizeof gpr_preference / sizeof *gpr_preference)
#define XMM_ALLOCATABLE 14

x64_mem quick_slot_mem(uint32_t slot)
{
    return x64_at(RBP, quick_slot_offset(slot));
}

int32_t quick_slot_offset(uint32_t slot)
{
    MU_INVARIANT(slot < (1u << 26), "frame slot %u", slot);
    return -8 * (int32_t)(slot + 1);
}

static bool slot_is_used(const quick *q, uint32_t slot)
{
    return slot / 64 < q->slot_words && (q->slots_used[slot / 64] >> (slot % 64) & 1);
}

static void slot_mark(quick *q, uint32_t slot, bool used)
{
    if (slot / 64 >= q->slot_words) {
        uint32_t words = q->slot_words ? q->slot_words * 2 : 4;
        while (words <= slot / 64) {
            words *= 2;
        }
        uint64_t *grown = MU_ARENA_ARRAY(q->arena, uint64_t, words);
        if (q->slot_words) {
            memcpy(grown, q->slots_used, q->slot_words * sizeof *grown);
        }
        q->slots_used = grown;
        q->slot_words = words;
    }
    uint64_t bit = 1ull << (slot % 64);
    if (used) {
        q->slots_used[slot / 64] |= bit;
        if (slot >= q->slot_count) {
            q->slot_count = slot + 1;
        }
    } else {
        q->slots_used[slot / 64] &= ~bit;
    }
}

static uint32_t first_free_slot(const quick *q, uint32_t from)
{
    for (uint32_t word = from / 64; word < q->slot_words; word++) {
        uint64_t free_bits = ~q->slots_used[word];
        if (word == from / 64) {
            free_bits &= ~0ull << (from % 64);
        }
        if (free_bits) {
            return word * 64 + (uint32_t)__builtin_ctzll(free_bits);
        }
    }
    uint32_t end = q->slot_words * 64;
    return from > end ? from : end;
}

uint32_t quick_slot_take(quick *q, uint32_t words)
{
    q->work += q->slot_words / 4;
    uint32_t first = first_free_slot(q, 0);
    for (uint32_t run = 1; run < words;) {
        q->work++;
        if (slot_is_used(q, first + run)) {
            first = first_free_slot(q, first + run);
            run = 1;
        } else {
            run++;
        }
    }
    quick_slot_reserve(q, first, words);
    return first;
}

void quick_slot_reserve(quick *q, uint32_t slot, uint32_t words)
{
    for (uint32_t i = 0; i < words; i++) {
        slot_mark(q, slot + i, true);
    }
}

void quick_slot_give(quick *q, uint32_t slot, uint32_t words)
{
    for (uint32_t i = 0; i < words; i++) {
        slot_mark(q, slot + i, false);
    }
}

void quick_spill(quick *q, uint32_t cell)
{
    quick_cell *c = &q->cells[cell];
    if (c->slot_valid) {
        return;
    }
    MU_INVARIANT(c->reg >= 0, "cell %u of %s is nowhere", cell, q->version->entity.label);
    if (c->slot == QUICK_NONE) {
        c->slot = quick_slot_take(q, 1);
    }
    if (c->is_xmm) {
        x64_fp_store(q->a, 8, quick_slot_mem(c->slot), (x64_xmm)c->reg);
    } else {
        x64_store(q->a, 8, quick_slot_mem(c->slot), (x64_gpr)c->reg);
    }
    c->slot_valid = true;
}

/* The register to give up: free and unpinned if there is one, else the one needed last. */
static int choose_gpr(const quick *q)
{
    int best = -1;
    for (size_t i = 0; i < GPR_ALLOCATABLE; i++) {
        x64_gpr reg = gpr_preference[i];
        if (q->gpr_pinned >> reg & 1) {
            continue;
        }
        if (q->gpr_cell[reg] == QUICK_NONE) {
            return reg;
        }
        if (best < 0 ||
            q->cells[q->gpr_cell[reg]].last_use > q->cells[q->gpr_cell[best]].last_use) {
            best = reg;
        }
    }
    return best;
}

static void drop_gpr(quick *q, x64_gpr reg)
{
    uint32_t cell = q->gpr_cell[reg];
    if (cell != QUICK_NONE) {
        q->cells[cell].reg = -1;
        q->gpr_cell[reg] = QUICK_NONE;
    }
}

x64_gpr quick_gpr_take(quick *q)
{
    int reg = choose_gpr(q);
    MU_INVARIANT(reg >= 0, "all registers pinned at instruction %u of %s", q->inst,
                 q->version->entity.label);
    if (q->gpr_cell[reg] != QUICK_NONE) {
        quick_spill(q, q->gpr_cell[reg]);
        drop_gpr(q, (x64_gpr)reg);
    }
    q->gpr_pinned |= 1u << reg;
    return (x64_gpr)reg;
}

x64_xmm quick_xmm_take(quick *q)
{
    int best = -1;
    for (int reg = 0; reg < XMM_ALLOCATABLE; reg++) {
        if (q->xmm_pinned >> reg & 1) {
            continue;
        }
        if (q->xmm_cell[reg] == QUICK_NONE) {
            best = reg;
            break;
        }
        if (best < 0 ||
            q->cells[q->xmm_cell[reg]].last_use > q->cells[q->xmm_cell[best]].last_use) {
            best = reg;
        }
    }
    MU_INVARIANT(best >= 0, "all xmm registers pinned at instruction %u of %s", q->inst,
                 q->version->entity.label);
    if (q->xmm_cell[best] != QUICK_NONE) {
        quick_spill(q, q->xmm_cell[best]);
        q->cells[q->xmm_cell[best]].reg = -1;
        q->xmm_cell[best] = QUICK_NONE;
    }
    q->xmm_pinned |= 1u << best;
    return (x64_xmm)best;
}

void quick_gpr_take_fixed(quick *q, x64_gpr reg)
{
    uint32_t cell = q->gpr_cell[reg];
    q->gpr_pinned |= 1u << reg;
    if (cell == QUICK_NONE) {
        return;
    }
    int other = choose_gpr(q);
    if (other >= 0 && q->gpr_cell[other] == QUICK_NONE) {
        x64_mov_rr(q->a, 8, (x64_gpr)other, reg);
        q->gpr_cell[other] = cell;
        q->cells[cell].reg = (int8_t)other;
        q->gpr_cell[reg] = QUICK_NONE;
        return;
    }
    quick_spill(q, cell);
    drop_gpr(q, reg);
}

x64_gpr quick_gpr_of(quick *q, uint32_t cell)
{
    quick_cell *c = &q->cells[cell];
    if (c->reg < 0) {
        MU_INVARIANT(c->slot_valid, "cell %u of %s is nowhere", cell, q->version->entity.label);
        x64_gpr reg = quick_gpr_take(q);
        x64_load(q->a, 8, reg, quick_slot_mem(c->slot));
        c->reg = (int8_t)reg;
        q->gpr_cell[reg] = cell;
    }
    q->gpr_pinned |= 1u << c->reg;
    return (x64_gpr)c->reg;
}

x64_xmm quick_xmm_of(quick *q, uint32_t cell)
{
    quick_cell *c = &q->cells[cell];
    if (c->reg < 0) {
        MU_INVARIANT(c->slot_valid, "cell %u of %s is nowhere", cell, q->version->entity.label);
        x64_xmm reg = quick_xmm_take(q);
        x64_fp_load(q->a, 8, reg, quick_slot_mem(c->slot));
        c->reg = (int8_t)reg;
        q->xmm_cell[reg] = cell;
    }
    q->xmm_pinned |= 1u << c->reg;
    return (x64_xmm)c->reg;
}

static void leave_place(quick *q, uint32_t cell)
{
    quick_cell *c = &q->cells[cell];
    if (c->reg >= 0) {
        if (c->is_xmm) {
            q->xmm_cell[c->reg] = QUICK_NONE;
        } else {
            q->gpr_cell[c->reg] = QUICK_NONE;
        }
        c->reg = -1;
    }
    if (c->slot != QUICK_NONE) {
        quick_slot_give(q, c->slot, 1);
        c->slot = QUICK_NONE;
    }
    c->slot_valid = false;
}

void quick_define_gpr(quick *q, uint32_t cell, x64_gpr reg)
{
    leave_place(q, cell);
    q->cells[cell].reg = (int8_t)reg;
    q->cells[cell].is_xmm = false;
    q->gpr_cell[reg] = cell;
    q->gpr_pinned |= 1u << reg;
}

void quick_define_xmm(quick *q, uint32_t cell, x64_xmm reg)
{
    leave_place(q, cell);
    q->cells[cell].reg = (int8_t)reg;
    q->cells[cell].is_xmm = true;
    q->xmm_cell[reg] = cell;
    q->xmm_pinned |= 1u << reg;
}

void quick_begin(quick *q, uint32_t variable)
{
    quick_variable *v = &q->variables[variable];
    for (uint32_t i = 0; i < 2; i++) {
        quick_cell *c = &q->cells[quick_cell_of(variable) + i];
        *c = (quick_cell){.reg = -1, .slot = QUICK_NONE, .last_use = v->last_use};
    }
    q->cells[quick_cell_of(variable)].is_ref = v->class == QUICK_REF || v->class == QUICK_IREF;
    v->slot = QUICK_NONE;
    v->live_index = q->live.count;
    MU_ARRAY_PUSH(&q->live, variable);
}

void quick_forget_registers(quick *q)
{
    for (int reg = 0; reg < QUICK_GPR_COUNT; reg++) {
        drop_gpr(q, (x64_gpr)reg);
        if (q->xmm_cell[reg] != QUICK_NONE) {
            q->cells[q->xmm_cell[reg]].reg = -1;
            q->xmm_cell[reg] = QUICK_NONE;
        }
    }
}

bool quick_live_after(const quick *q, uint32_t variable, uint32_t position)
{
    return q->variables[variable].last_use > position;
}

static void release(quick *q, uint32_t variable)
{
    quick_variable *v = &q->variables[variable];
    leave_place(q, quick_cell_of(variable));
    leave_place(q, quick_cell_of(variable) + 1);
    if (v->class == QUICK_COMPOSITE && v->slot != QUICK_NONE) {
        quick_slot_give(q, v->slot, v->words);
        v->slot = QUICK_NONE;
    }
}

void quick_finish_instruction(quick *q)
{
    for (uint32_t each = q->dying[q->inst]; each != QUICK_NONE;
         each = q->variables[each].next_dying) {
        release(q, each);
        uint32_t hole = q->variables[each].live_index;
        uint32_t last = q->live.items[--q->live.count];
        q->live.items[hole] = last;
        q->variables[last].live_index = hole;
    }
    for (uint32_t i = 0; i < q->temporaries.count; i++) {
        quick_slot_give(q, q->temporaries.items[i].slot, q->temporaries.items[i].words);
    }
    q->temporaries.count = 0;
    q->gpr_pinned = 0;
    q->xmm_pinned = 0;
}
