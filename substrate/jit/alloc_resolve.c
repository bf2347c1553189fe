/* What the pieces mean: the place of every operand and of what is alive at safepoints, and the
 * moves inside blocks. */
#include "alloc_intervals.h"

#define IN_FRONT 1u /* order of moves of an instruction; edges' are 0 and 2 */

static alloc_place in_reg(int8_t reg)
{
    return (alloc_place){.where = ALLOC_IN_REG, .index = (uint32_t)reg};
}

/* The value's piece that begins last at or before the position; NULL: there is none. */
static const alloc_piece *piece_at(const alloc_state *s, uint32_t value, uint32_t position)
{
    const alloc_info *info = &s->infos[value];
    const alloc_piece *pieces = &s->sorted[info->first_piece];
    uint32_t low = 0;
    uint32_t high = info->piece_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (pieces[middle].from <= position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 || pieces[low - 1].to <= position ? NULL : &pieces[low - 1];
}

alloc_place alloc_place_at(const alloc_state *s, uint32_t value, uint32_t position)
{
    const alloc_piece *piece = piece_at(s, value, position);
    if (piece && piece->reg != ALLOC_NO_REG) {
        return in_reg(piece->reg);
    }
    if (s->a->values[value].is_constant) {
        return (alloc_place){.where = ALLOC_CONSTANT, .index = value};
    }
    MU_INVARIANT(piece && s->infos[value].slot != ALLOC_NONE, "value %u is nowhere at %u", value,
                 position);
    return (alloc_place){.where = ALLOC_IN_SLOT, .index = s->infos[value].slot};
}

void alloc_move_add(alloc_state *s, uint32_t before, uint32_t order, uint32_t value, alloc_place to,
                    alloc_place from)
{
    if (to.where == from.where && to.index == from.index) {
        return;
    }
    if (s->a->values[value].is_constant) {
        from = (alloc_place){.where = ALLOC_CONSTANT, .index = value};
    }
    alloc_move move = {.before = before, .order = order, .to = to, .from = from};
    move.class = s->a->values[value].class;
    MU_ARRAY_PUSH(&s->moves, move);
}

static void move_in_front(alloc_state *s, uint32_t inst, uint32_t value, alloc_place to)
{
    alloc_move_add(s, inst, IN_FRONT, value, to, alloc_place_at(s, value, ALLOC_POSITION(inst)));
}

static bool is_repeated(const alloc_state *s, const alloc_inst *inst, const alloc_operand *fixed)
{
    for (const alloc_operand *o = &s->a->operands[inst->first_operand]; o < fixed; o++) {
        if (o->kind == ALLOC_USE_FIXED && o->reg == fixed->reg &&
            s->a->values[o->value].class == s->a->values[fixed->value].class) {
            MU_INVARIANT(o->value == fixed->value, "values %u and %u in register %d", o->value,
                         fixed->value, o->reg);
            return true;
        }
    }
    return false;
}

static void place_use(alloc_state *s, uint32_t i, alloc_operand *operand)
{
    const alloc_inst *inst = &s->a->insts[i];
    uint32_t value = operand->value;
    if (operand->kind == ALLOC_USE_FIXED) {
        operand->place = in_reg(operand->reg);
        if (!is_repeated(s, inst, operand)) {
            move_in_front(s, i, value, operand->place);
        }
        return;
    }
    if (operand->kind == ALLOC_USE_ANY && s->a->values[value].is_constant) {
        operand->place = (alloc_place){.where = ALLOC_CONSTANT, .index = value};
        return;
    }
    if (alloc_is_same_use(s, inst, operand)) {
        const alloc_operand *def = alloc_same_def(s, inst);
        operand->place = alloc_place_at(s, def->value, ALLOC_POSITION(i) + 1);
        if (operand == &s->a->operands[inst->first_operand]) {
            move_in_front(s, i, value, operand->place);
        }
        return;
    }
    operand->place = alloc_place_at(s, value, ALLOC_POSITION(i) + 1);
    MU_INVARIANT(operand->kind != ALLOC_USE || operand->place.where == ALLOC_IN_REG,
                 "value %u is in no register at instruction %u", value, i);
}

static void place_operands(alloc_state *s, uint32_t i)
{
    const alloc_inst *inst = &s->a->insts[i];
    for (uint32_t o = 0; o < inst->operand_count; o++) {
        alloc_operand *operand = &s->a->operands[inst->first_operand + o];
        if (alloc_is_use(operand)) {
            place_use(s, i, operand);
        } else if (alloc_is_def(operand)) {
            operand->place = alloc_place_at(s, operand->value, alloc_def_position(s, i, operand));
        }
    }
    for (uint32_t l = inst->first_live; l < inst->first_live + inst->live_count; l++) {
        alloc_live *live = &s->live.items[l];
        live->place = alloc_place_at(s, live->value, ALLOC_POSITION(i) + 3);
        if (live->place.where == ALLOC_IN_REG) {
            live->save_slot = s->infos[live->value].slot;
            live->is_saved = s->infos[live->value].is_spilled;
        }
    }
}

/* Values in registers at cold safepoints need slots. */
static void find_saved(alloc_state *s)
{
    for (uint32_t i = 0; i < s->a->inst_count; i++) {
        const alloc_inst *inst = &s->a->insts[i];
        for (uint32_t l = inst->first_live; l < inst->first_live + inst->live_count; l++) {
            uint32_t value = s->live.items[l].value;
            const alloc_piece *piece = piece_at(s, value, ALLOC_POSITION(i) + 3);
            s->infos[value].is_saved |= piece && piece->reg != ALLOC_NO_REG;
        }
    }
}

/* A spilled value goes to its slot behind its definition; behind a block's last instruction the
 * edges do it. */
static void store(alloc_state *s, uint32_t value)
{
    const alloc_info *info = &s->infos[value];
    uint32_t inst = info->start / 4;
    if (info->def_inst != ALLOC_NONE) {
        inst = info->def_inst + 1;
        if (info->def_inst == alloc_block_last(s, info->def_block)) {
            return;
        }
    }
    move_in_front(s, inst, value, (alloc_place){.where = ALLOC_IN_SLOT, .index = info->slot});
}

static void move_pieces(alloc_state *s, uint32_t value)
{
    const alloc_info *info = &s->infos[value];
    bool is_constant = s->a->values[value].is_constant;
    for (uint32_t p = 0; p < info->piece_count; p++) {
        const alloc_piece *piece = &s->sorted[info->first_piece + p];
        if (piece->reg != ALLOC_NO_REG && piece->from % 4 == 1 &&
            (is_constant || piece->from != info->start)) {
            move_in_front(s, piece->from / 4, value, in_reg(piece->reg));
        }
    }
    if (info->is_spilled) {
        store(s, value);
    }
}

/* Sorts by instruction, then order, by counting. */
static void sort_moves(alloc_state *s)
{
    alloc *a = s->a;
    uint32_t *next = MU_ARENA_ARRAY(a->arena, uint32_t, 3 * ((size_t)a->inst_count + 1));
    for (uint32_t m = 0; m < s->moves.count; m++) {
        next[3 * s->moves.items[m].before + s->moves.items[m].order + 1]++;
    }
    for (uint32_t k = 1; k < 3 * a->inst_count; k++) {
        next[k] += next[k - 1];
    }
    a->move_count = s->moves.count;
    a->moves = MU_ARENA_ARRAY(a->arena, alloc_move, s->moves.count);
    for (uint32_t m = 0; m < s->moves.count; m++) {
        alloc_move move = s->moves.items[m];
        a->moves[next[3 * move.before + move.order]++] = move;
    }
}

mu_status alloc_resolve(alloc_state *s)
{
    alloc *a = s->a;
    find_saved(s);
    alloc_give_slots(s);
    for (uint32_t i = 0; i < a->inst_count; i++) {
        place_operands(s, i);
    }
    uint32_t value_pieces = 0;
    for (uint32_t v = 0; v < a->value_count; v++) {
        move_pieces(s, v);
        value_pieces += s->infos[v].piece_count;
    }
    for (uint32_t p = value_pieces; p < s->piece_count; p++) {
        a->operands[s->sorted[p].operand].place = in_reg(s->sorted[p].reg);
    }
    alloc_resolve_edges(s);
    if (s->moves.count > ALLOC_MOST) {
        return MU_LIMIT;
    }
    if (alloc_find_remade(s) != MU_OK) {
        return MU_LIMIT;
    }
    sort_moves(s);
    a->live_count = s->live.count;
    a->live = MU_ARENA_ARRAY(a->arena, alloc_live, s->live.count);
    for (uint32_t l = 0; l < s->live.count; l++) {
        a->live[l] = s->live.items[l];
    }
    return MU_OK;
}
