/* Pieces of intervals: cutting them, where they meet, and small questions about operands. */
#include "alloc_intervals.h"

uint32_t alloc_block_last(const alloc_state *s, uint32_t block)
{
    return s->a->blocks[block].first_inst + s->a->blocks[block].inst_count - 1;
}

uint32_t alloc_block_start(const alloc_state *s, uint32_t block)
{
    return ALLOC_POSITION(s->a->blocks[block].first_inst);
}

uint32_t alloc_block_end(const alloc_state *s, uint32_t block)
{
    return ALLOC_POSITION(alloc_block_last(s, block) + 1);
}

bool alloc_is_use(const alloc_operand *operand)
{
    return operand->kind == ALLOC_USE || operand->kind == ALLOC_USE_FIXED ||
           operand->kind == ALLOC_USE_ANY;
}

bool alloc_is_def(const alloc_operand *operand)
{
    return operand->kind == ALLOC_DEF || operand->kind == ALLOC_DEF_FIXED ||
           operand->kind == ALLOC_DEF_SAME;
}

alloc_operand *alloc_same_def(const alloc_state *s, const alloc_inst *inst)
{
    alloc_operand *operands = &s->a->operands[inst->first_operand];
    for (uint32_t o = 1; o < inst->operand_count; o++) {
        if (operands[o].kind == ALLOC_DEF_SAME) {
            return &operands[o];
        }
    }
    return NULL;
}

bool alloc_is_same_use(const alloc_state *s, const alloc_inst *inst, const alloc_operand *operand)
{
    const alloc_operand *first = &s->a->operands[inst->first_operand];
    if (operand != first &&
        (operand->value != first->value || operand->lasts || operand->kind == ALLOC_USE_FIXED)) {
        return false;
    }
    return alloc_same_def(s, inst) != NULL;
}

uint32_t alloc_def_position(const alloc_state *s, uint32_t inst, const alloc_operand *operand)
{
    if (operand->kind == ALLOC_DEF_SAME) {
        return ALLOC_POSITION(inst) + 1;
    }
    return ALLOC_POSITION(inst) + (s->a->insts[inst].safety == ALLOC_CALL ? 3 : 2);
}

uint32_t alloc_group_of(alloc_state *s, uint32_t value)
{
    while (s->infos[value].group != value) {
        s->infos[value].group = s->infos[s->infos[value].group].group;
        value = s->infos[value].group;
    }
    return value;
}

uint32_t alloc_first_want(const alloc_state *s, const alloc_piece *piece, uint32_t position)
{
    if (piece->passed != ALLOC_NONE && s->wants.items[piece->passed].position < position) {
        return s->wants.items[piece->passed].next;
    }
    return piece->want;
}

uint32_t alloc_piece_new(alloc_state *s, uint32_t value)
{
    MU_ARRAY_PUSH(
        &s->pieces,
        (alloc_piece){.value = value,
                      .range = ALLOC_NONE,
                      .want = ALLOC_NONE,
                      .passed = ALLOC_NONE,
                      .operand = ALLOC_NONE,
                      .class = value == ALLOC_NONE ? ALLOC_GPR : s->a->values[value].class,
                      .reg = ALLOC_NO_REG,
                      .required = ALLOC_NO_REG});
    return s->pieces.count - 1;
}

uint32_t alloc_piece_split(alloc_state *s, uint32_t piece, uint32_t position)
{
    alloc_piece *p = &s->pieces.items[piece];
    MU_INVARIANT(position > p->from, "split of value %u at its beginning %u", p->value, position);
    uint32_t range = p->range;
    while (range != ALLOC_NONE && s->ranges.items[range].to <= position) {
        range = s->ranges.items[range].next;
    }
    uint32_t from = range == ALLOC_NONE ? UINT32_MAX : s->ranges.items[range].from;
    from = from < position ? position : from;
    if (from >= p->to) {
        p->to = position < p->to ? position : p->to;
        return ALLOC_NONE;
    }
    uint32_t want = alloc_first_want(s, p, from);
    while (want != ALLOC_NONE && s->wants.items[want].position < from) {
        want = s->wants.items[want].next;
    }
    uint32_t rest = alloc_piece_new(s, p->value);
    p = &s->pieces.items[piece];
    alloc_piece *r = &s->pieces.items[rest];
    r->from = from;
    r->to = p->to;
    r->range = range;
    r->want = want;
    p->to = position;
    return rest;
}

const alloc_want *alloc_next_want(const alloc_state *s, const alloc_piece *piece, uint32_t position,
                                  bool must)
{
    uint32_t first = alloc_first_want(s, piece, position);
    for (uint32_t w = first; w != ALLOC_NONE; w = s->wants.items[w].next) {
        const alloc_want *want = &s->wants.items[w];
        if (want->position >= piece->to) {
            return NULL;
        }
        if (want->position >= position && (want->must || !must)) {
            return want;
        }
    }
    return NULL;
}

uint32_t alloc_best_position(const alloc_state *s, uint32_t first, uint32_t last)
{
    uint32_t low = s->block_of[first / 4];
    uint32_t high = s->block_of[last / 4];
    uint32_t best = last;
    uint32_t best_depth = s->a->blocks[high].loop_depth;
    for (uint32_t b = high; b > low && best_depth > 0; b--) {
        if (s->a->blocks[b - 1].loop_depth < best_depth) {
            best_depth = s->a->blocks[b - 1].loop_depth;
            best = alloc_block_start(s, b);
        }
    }
    return best;
}

uint32_t alloc_meet(const alloc_state *s, const alloc_piece *piece, const alloc_piece *other)
{
    uint32_t a = piece->range;
    uint32_t b = other->range;
    while (a != ALLOC_NONE && b != ALLOC_NONE) {
        const alloc_range *x = &s->ranges.items[a];
        const alloc_range *y = &s->ranges.items[b];
        uint32_t from = x->from > y->from ? x->from : y->from;
        from = from < piece->from ? piece->from : from;
        from = from < other->from ? other->from : from;
        if (from >= piece->to || from >= other->to) {
            return UINT32_MAX;
        }
        if (from < x->to && from < y->to) {
            return from;
        }
        if (x->to <= from) {
            a = x->next;
        }
        if (y->to <= from) {
            b = y->next;
        }
    }
    return UINT32_MAX;
}

uint32_t alloc_meet_blocked(const alloc_state *s, const alloc_piece *piece, uint32_t from,
                            const alloc_blocked *blocked)
{
    uint32_t r = piece->range;
    uint32_t b = blocked->cursor;
    while (r != ALLOC_NONE && b < blocked->ranges.count) {
        const alloc_range *x = &s->ranges.items[r];
        const alloc_range *y = &blocked->ranges.items[b];
        uint32_t at = x->from > y->from ? x->from : y->from;
        at = at < from ? from : at;
        if (at >= piece->to) {
            return UINT32_MAX;
        }
        if (at < x->to && at < y->to) {
            return at;
        }
        if (x->to <= at) {
            r = x->next;
        }
        if (y->to <= at) {
            b++;
        }
    }
    return UINT32_MAX;
}
