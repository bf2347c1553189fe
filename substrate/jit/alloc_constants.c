/* What registers are kept for besides values' intervals: constants, and what instructions ask of
 * fixed registers.
 *
 * A constant that is needed in a register has a range from the first such use to the last in a
 * block, or, in a loop without calls, over all of the innermost loop. Its place elsewhere is the
 * constant itself, so where it is dropped nothing is stored. Each range is a piece from the
 * beginning. */
#include "alloc_intervals.h"

typedef struct constant_use {
    uint32_t inst, next;
    uint32_t until;
} constant_use;

typedef struct constants {
    alloc_state *s;
    MU_ARRAY(constant_use) uses;
    uint32_t *first; /* by value; descending */
    uint32_t *calls; /* before each block */
    alloc_pairs live;
    MU_ARRAY(alloc_range) ranges; /* of one constant, ascending */
} constants;

static void block_register(alloc_blocked *blocked, uint32_t from, uint32_t to)
{
    if (blocked->ranges.count > 0) {
        alloc_range *last = &blocked->ranges.items[blocked->ranges.count - 1];
        if (last->to >= from) {
            last->to = last->to < to ? to : last->to;
            return;
        }
    }
    MU_ARRAY_PUSH(&blocked->ranges, (alloc_range){.from = from, .to = to, .next = ALLOC_NONE});
}

static void block_fixed(alloc_state *s, uint32_t i, uint32_t defined[ALLOC_CLASSES])
{
    const alloc_inst *inst = &s->a->insts[i];
    uint32_t at = ALLOC_POSITION(i);
    for (uint32_t o = 0; o < inst->operand_count; o++) {
        const alloc_operand *operand = &s->a->operands[inst->first_operand + o];
        if (operand->kind == ALLOC_USE_FIXED) {
            bool lasts = operand->lasts && inst->safety != ALLOC_CALL;
            alloc_class class = s->a->values[operand->value].class;
            block_register(&s->blocked[class][operand->reg], at + 1, at + (lasts ? 4 : 2));
        } else if (operand->kind == ALLOC_DEF_FIXED) {
            alloc_class class = s->a->values[operand->value].class;
            defined[class] |= 1u << operand->reg;
        }
    }
}

static void block_registers(alloc_state *s, uint32_t i)
{
    const alloc_inst *inst = &s->a->insts[i];
    uint32_t defined[ALLOC_CLASSES] = {0};
    bool is_call = inst->safety == ALLOC_CALL;
    block_fixed(s, i, defined);
    for (uint32_t c = 0; c < ALLOC_CLASSES; c++) {
        uint32_t regs = defined[c] | (is_call ? 0 : inst->clobbers[c]);
        for (uint32_t r = 0; r < ALLOC_REGS; r++) {
            if (regs >> r & 1) {
                block_register(&s->blocked[c][r], ALLOC_POSITION(i) + (is_call ? 3 : 2),
                               ALLOC_POSITION(i + 1));
            }
        }
    }
    if (is_call) {
        block_register(&s->calls, ALLOC_POSITION(i) + 2, ALLOC_POSITION(i) + 3);
    }
}

static void note_constant_uses(constants *c, uint32_t i)
{
    const alloc_state *s = c->s;
    const alloc_inst *inst = &s->a->insts[i];
    for (uint32_t o = 0; o < inst->operand_count; o++) {
        const alloc_operand *operand = &s->a->operands[inst->first_operand + o];
        if (operand->kind != ALLOC_USE || !s->a->values[operand->value].is_constant ||
            alloc_is_same_use(s, inst, operand)) {
            continue;
        }
        bool lasts = operand->lasts && inst->safety != ALLOC_CALL;
        uint32_t until = ALLOC_POSITION(i) + (lasts ? 4 : 2);
        uint32_t first = c->first[operand->value];
        if (first != ALLOC_NONE && c->uses.items[first].inst == i) {
            constant_use *use = &c->uses.items[first];
            use->until = use->until < until ? until : use->until;
            continue;
        }
        MU_ARRAY_PUSH(&c->uses, (constant_use){.inst = i, .until = until, .next = first});
        c->first[operand->value] = c->uses.count - 1;
    }
}

static bool is_kept_over_loop(const constants *c, uint32_t loop)
{
    return loop != ALLOC_NONE && c->calls[loop] == c->calls[c->s->a->blocks[loop].loop_end + 1];
}

/* Adds a range whose end is not before those of the others. */
static void cover(constants *c, alloc_range range)
{
    while (c->ranges.count > 0 && c->ranges.items[c->ranges.count - 1].to >= range.from) {
        const alloc_range *last = &c->ranges.items[--c->ranges.count];
        range.from = last->from < range.from ? last->from : range.from;
        range.to = last->to > range.to ? last->to : range.to;
    }
    MU_ARRAY_PUSH(&c->ranges, range);
}

static void cover_uses(constants *c, uint32_t list)
{
    const alloc_state *s = c->s;
    uint32_t previous = ALLOC_NONE; /* block of the use before */
    c->ranges.count = 0;
    for (uint32_t w = list; w != ALLOC_NONE; w = s->wants.items[w].next) {
        const alloc_want *want = &s->wants.items[w];
        uint32_t block = s->block_of[want->position / 4];
        uint32_t loop = s->loop_of[block];
        if (is_kept_over_loop(c, loop)) {
            uint32_t end = alloc_block_end(s, s->a->blocks[loop].loop_end);
            cover(c, (alloc_range){.from = alloc_block_start(s, loop), .to = end});
        } else if (previous == block && c->ranges.items[c->ranges.count - 1].to < want->until) {
            c->ranges.items[c->ranges.count - 1].to = want->until;
        } else {
            cover(c, (alloc_range){.from = want->position, .to = want->until});
        }
        previous = block;
    }
}

static void list_blocks(constants *c, uint32_t value, const alloc_range *range)
{
    const alloc_state *s = c->s;
    uint32_t last = s->block_of[(range->to - 1) / 4];
    for (uint32_t b = s->block_of[range->from / 4]; b <= last; b++) {
        if (range->from <= alloc_block_start(s, b)) {
            MU_ARRAY_PUSH(&c->live, (alloc_pair){.block = b, .item = value});
        }
    }
}

static void add_constant(constants *c, uint32_t value)
{
    alloc_state *s = c->s;
    uint32_t list = ALLOC_NONE;
    for (uint32_t u = c->first[value]; u != ALLOC_NONE; u = c->uses.items[u].next) {
        const constant_use *use = &c->uses.items[u];
        MU_ARRAY_PUSH(&s->wants, (alloc_want){.position = ALLOC_POSITION(use->inst) + 1,
                                              .until = use->until,
                                              .next = list,
                                              .must = true,
                                              .reg = ALLOC_NO_REG});
        list = s->wants.count - 1;
    }
    cover_uses(c, list);
    for (uint32_t r = 0; r < c->ranges.count; r++) {
        alloc_range range = c->ranges.items[r];
        range.next = ALLOC_NONE;
        MU_ARRAY_PUSH(&s->ranges, range);
        while (s->wants.items[list].position < range.from) {
            list = s->wants.items[list].next;
        }
        uint32_t number = alloc_piece_new(s, value);
        alloc_piece *piece = &s->pieces.items[number];
        piece->from = range.from;
        piece->to = range.to;
        piece->range = s->ranges.count - 1;
        piece->want = list;
        list_blocks(c, value, &range);
    }
}

mu_status alloc_build_constants(alloc_state *s)
{
    alloc *a = s->a;
    mu_status status = MU_OK;
    constants c = {.s = s,
                   .first = MU_ARENA_ARRAY(a->arena, uint32_t, a->value_count),
                   .calls = MU_ARENA_ARRAY(a->arena, uint32_t, a->block_count + 1)};
    for (uint32_t v = 0; v < a->value_count; v++) {
        c.first[v] = ALLOC_NONE;
    }
    for (uint32_t i = 0; i < a->inst_count; i++) {
        block_registers(s, i);
        note_constant_uses(&c, i);
        c.calls[s->block_of[i] + 1] = s->calls.ranges.count;
    }
    for (uint32_t v = 0; v < a->value_count && status == MU_OK; v++) {
        if (c.first[v] != ALLOC_NONE) {
            add_constant(&c, v);
        }
        status = c.live.count > ALLOC_MOST_LIVE || s->pieces.count > ALLOC_MOST ? MU_LIMIT : MU_OK;
    }
    if (status == MU_OK) {
        s->constants_in = alloc_lists_from_pairs(s, &c.live);
    }
    MU_ARRAY_FREE(&c.live);
    MU_ARRAY_FREE(&c.uses);
    MU_ARRAY_FREE(&c.ranges);
    return status;
}
