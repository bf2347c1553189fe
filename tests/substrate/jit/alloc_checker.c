/* A state says of every register and slot which values it holds for sure. It goes through the
 * instructions and moves of every block, and over edges, where parameters become what their
 * arguments are; where edges meet, what all bring remains. Done until nothing changes, then once
 * more to look whether every place holds what is asked of it (as regalloc2's checker does). What is
 * alive is computed here in another way than in the allocator. */
#include "alloc_program.h"

#include <stdio.h>
#include <string.h>

typedef struct checker {
    const program *p;
    uint32_t words;   /* of a set of values */
    uint32_t places;  /* registers of both classes, then slots */
    uint64_t **entry; /* by block: a set for each place; NULL: not reached yet */
    uint64_t *state;
    uint64_t *copy;
    uint64_t *live;     /* a set */
    uint64_t **live_in; /* by block */
    bool reports;
    const char *error;
    mu_arena *arena;
} checker;

static bool has(const uint64_t *set, uint32_t value)
{
    return set[value / 64] >> value % 64 & 1;
}

static void add(uint64_t *set, uint32_t value)
{
    set[value / 64] |= 1ull << value % 64;
}

static void drop(uint64_t *set, uint32_t value)
{
    set[value / 64] &= ~(1ull << value % 64);
}

static void wrong(checker *c, bool condition, const char *what, uint32_t inst, uint32_t value)
{
    if (condition && c->reports && !c->error) {
        c->error =
            mu_arena_format(c->arena, "%s at instruction %u, value %d", what, inst, (int)value);
    }
}

static uint32_t place_index(const checker *c, alloc_place place, alloc_class class)
{
    MU_INVARIANT(place.where == ALLOC_IN_REG || place.where == ALLOC_IN_SLOT, "place %d",
                 (int)place.where);
    uint32_t index = place.where == ALLOC_IN_REG ? class * ALLOC_REGS + place.index
                                                 : ALLOC_CLASSES * ALLOC_REGS + place.index;
    MU_INVARIANT(index < c->places, "place %u", index);
    return index;
}

static uint64_t *set_of(const checker *c, uint64_t *state, uint32_t place)
{
    return state + (size_t)place * c->words;
}

static void clear(checker *c, uint32_t place)
{
    memset(set_of(c, c->state, place), 0, c->words * sizeof(uint64_t));
}

static void forget(checker *c, uint32_t value)
{
    for (uint32_t l = 0; l < c->places; l++) {
        drop(set_of(c, c->state, l), value);
    }
}

static bool is_use(const alloc_operand *o)
{
    return o->kind <= ALLOC_USE_ANY;
}

static bool is_def(const alloc_operand *o)
{
    return o->kind >= ALLOC_DEF && o->kind <= ALLOC_DEF_SAME;
}

static alloc_class class_of(const checker *c, const alloc_operand *o)
{
    return o->kind == ALLOC_TEMP ? o->class : c->p->values.items[o->value].class;
}

/* A constant put somewhere at a block's beginning may be its parameter, which came over the edge
 * already. */
static void put_constant(checker *c, const alloc_move *move, uint32_t to)
{
    clear(c, to);
    add(set_of(c, c->state, to), move->from.index);
    for (uint32_t b = 0; b < c->p->blocks.count && move->order == 0; b++) {
        const alloc_block *block = &c->p->blocks.items[b];
        for (uint32_t k = 0; block->first_inst == move->before && k < block->param_count; k++) {
            if (block->args[k] == move->from.index) {
                add(set_of(c, c->state, to), block->params[k]);
            }
        }
    }
}

static void do_moves(checker *c, uint32_t inst, uint32_t *move)
{
    const alloc *a = &c->p->a;
    while (*move < a->move_count && a->moves[*move].before == inst) {
        uint32_t order = a->moves[*move].order;
        uint32_t first = *move;
        memcpy(c->copy, c->state, (size_t)c->places * c->words * sizeof(uint64_t));
        for (; *move < a->move_count && a->moves[*move].before == inst &&
               a->moves[*move].order == order;
             ++*move) {
            const alloc_move *m = &a->moves[*move];
            uint32_t to = place_index(c, m->to, m->class);
            for (uint32_t other = first; other < *move; other++) {
                const alloc_move *o = &a->moves[other];
                wrong(c, to == place_index(c, o->to, o->class), "two moves to a place", inst, to);
            }
            if (m->from.where == ALLOC_CONSTANT) {
                wrong(c, !a->values[m->from.index].is_constant, "not a constant", inst,
                      m->from.index);
                put_constant(c, m, to);
            } else {
                memcpy(set_of(c, c->state, to),
                       set_of(c, c->copy, place_index(c, m->from, m->class)),
                       c->words * sizeof(uint64_t));
            }
        }
    }
    wrong(c, *move < a->move_count && a->moves[*move].before < inst, "unsorted move", inst, 0);
}

static void check_use(checker *c, uint32_t i, const alloc_operand *o)
{
    const alloc *a = &c->p->a;
    const alloc_value *value = &a->values[o->value];
    if (o->place.where == ALLOC_CONSTANT) {
        wrong(c, o->kind != ALLOC_USE_ANY || !value->is_constant || o->place.index != o->value,
              "constant place", i, o->value);
        return;
    }
    wrong(c, o->kind == ALLOC_USE_ANY && value->is_constant, "constant in a place", i, o->value);
    wrong(c, o->kind != ALLOC_USE_ANY && o->place.where != ALLOC_IN_REG, "use in no register", i,
          o->value);
    wrong(c, o->kind == ALLOC_USE_FIXED && o->place.index != (uint32_t)o->reg, "fixed use", i,
          o->value);
    wrong(c,
          o->kind != ALLOC_USE_FIXED && o->place.where == ALLOC_IN_REG &&
              !(a->available[value->class] >> o->place.index & 1),
          "unavailable register", i, o->value);
    wrong(c, !has(set_of(c, c->state, place_index(c, o->place, value->class)), o->value),
          "the place holds something else", i, o->value);
}

static void check_written(checker *c, uint32_t i, const alloc_operand *o)
{
    const alloc *a = &c->p->a;
    const alloc_inst *inst = &a->insts[i];
    const alloc_operand *operands = &a->operands[inst->first_operand];
    alloc_class class = class_of(c, o);
    bool is_clobbered = inst->safety != ALLOC_CALL && inst->clobbers[class] >> o->place.index & 1;
    wrong(c, o->place.where != ALLOC_IN_REG, "written in no register", i, o->value);
    wrong(c,
          o->kind == ALLOC_DEF_FIXED ? o->place.index != (uint32_t)o->reg
                                     : is_clobbered || !(a->available[class] >> o->place.index & 1),
          "definition or temporary in a wrong register", i, o->value);
    wrong(c, o->kind == ALLOC_DEF_SAME && o->place.index != operands[0].place.index,
          "not in the same register", i, o->value);
    for (uint32_t other = 0; other < inst->operand_count; other++) {
        const alloc_operand *x = &operands[other];
        if (x == o || x->place.where != ALLOC_IN_REG || class_of(c, x) != class ||
            x->place.index != o->place.index ||
            (inst->safety == ALLOC_CALL &&
             (is_use(x) || x->kind == ALLOC_TEMP || o->kind == ALLOC_TEMP) &&
             !(is_use(x) && o->kind == ALLOC_TEMP))) {
            continue;
        }
        wrong(c, !is_use(x) || x->lasts || o->kind == ALLOC_TEMP, "register taken twice", i,
              x->value);
    }
}

static void check_operands(checker *c, uint32_t i)
{
    const alloc_inst *inst = &c->p->insts.items[i];
    for (uint32_t k = 0; k < inst->operand_count; k++) {
        const alloc_operand *o = &c->p->operands.items[inst->first_operand + k];
        if (is_use(o)) {
            check_use(c, i, o);
            wrong(c,
                  o->lasts && inst->safety != ALLOC_CALL && o->place.where == ALLOC_IN_REG &&
                      inst->clobbers[class_of(c, o)] >> o->place.index & 1,
                  "a lasting use is clobbered", i, o->value);
        } else {
            check_written(c, i, o);
        }
    }
}

/* Behind a cold safepoint a register has what it was given again, and nothing else. */
static void lose_registers(checker *c, uint32_t i)
{
    const alloc_inst *inst = &c->p->insts.items[i];
    for (uint32_t r = 0; r < ALLOC_CLASSES * ALLOC_REGS; r++) {
        clear(c, r);
    }
    for (uint32_t l = 0; l < inst->live_count; l++) {
        const alloc_live *live = &c->p->a.live[inst->first_live + l];
        if (live->place.where == ALLOC_IN_REG) {
            alloc_class class = c->p->values.items[live->value].class;
            add(set_of(c, c->state, place_index(c, live->place, class)), live->value);
        }
    }
    for (uint32_t m = 0; m < inst->remade_count; m++) {
        const alloc_remade *remade = &c->p->a.remade[inst->first_remade + m];
        const alloc_value *value = &c->p->values.items[remade->value];
        alloc_place place = {.where = ALLOC_IN_REG, .index = remade->reg};
        wrong(c, !value->is_constant, "made again, but no constant", i, remade->value);
        add(set_of(c, c->state, place_index(c, place, value->class)), remade->value);
    }
}

static void do_inst(checker *c, uint32_t i)
{
    const alloc_inst *inst = &c->p->insts.items[i];
    const alloc_operand *operands = &c->p->operands.items[inst->first_operand];
    if (inst->safety == ALLOC_COLD_SAFEPOINT) {
        lose_registers(c, i);
    }
    for (uint32_t class = 0; class < ALLOC_CLASSES; class ++) {
        for (uint32_t r = 0; r < ALLOC_REGS; r++) {
            if (inst->safety == ALLOC_CALL || inst->clobbers[class] >> r & 1) {
                clear(c, class * ALLOC_REGS + r);
            }
        }
    }
    for (uint32_t k = 0; k < inst->operand_count; k++) {
        if (!is_use(&operands[k])) {
            clear(c, place_index(c, operands[k].place, class_of(c, &operands[k])));
        }
        if (is_def(&operands[k])) {
            forget(c, operands[k].value);
        }
    }
    for (uint32_t k = 0; k < inst->operand_count; k++) {
        if (is_def(&operands[k])) {
            add(set_of(c, c->state, place_index(c, operands[k].place, class_of(c, &operands[k]))),
                operands[k].value);
        }
    }
}

/* Slow paths write to the slots they are given; what was there is lost. */
static void do_live_list(checker *c, uint32_t i)
{
    const alloc_inst *inst = &c->p->insts.items[i];
    for (uint32_t l = 0; l < inst->live_count; l++) {
        const alloc_live *live = &c->p->a.live[inst->first_live + l];
        alloc_class class = c->p->values.items[live->value].class;
        wrong(c, inst->safety == ALLOC_CALL && live->place.where != ALLOC_IN_SLOT,
              "not in a slot over a call", i, live->value);
        wrong(c, live->place.where == ALLOC_CONSTANT, "a constant is listed", i, live->value);
        wrong(c, !has(set_of(c, c->state, place_index(c, live->place, class)), live->value),
              "the listed place holds something else", i, live->value);
        if (live->place.where != ALLOC_IN_REG) {
            continue;
        }
        wrong(c, live->save_slot >= c->p->a.slot_count, "no save slot", i, live->value);
        alloc_place slot = {.where = ALLOC_IN_SLOT, .index = live->save_slot};
        uint32_t place = place_index(c, slot, class);
        wrong(c, live->is_saved && !has(set_of(c, c->state, place), live->value), "is not saved", i,
              live->value);
    }
    for (uint32_t l = 0; l < inst->live_count; l++) {
        const alloc_live *live = &c->p->a.live[inst->first_live + l];
        if (live->place.where == ALLOC_IN_REG && !live->is_saved) {
            clear(c, ALLOC_CLASSES * ALLOC_REGS + live->save_slot);
        }
    }
}

static bool same_slot(const alloc_live *x, const alloc_live *y)
{
    uint32_t a = x->place.where == ALLOC_IN_REG ? x->save_slot : x->place.index;
    uint32_t b = y->place.where == ALLOC_IN_REG ? y->save_slot : y->place.index;
    return a == b;
}

/* `c->live` is what lives behind the instruction, without what it defines. */
static void check_live_list(checker *c, uint32_t i)
{
    const alloc_inst *inst = &c->p->insts.items[i];
    if (inst->safety == ALLOC_PLAIN) {
        return;
    }
    uint32_t count = 0;
    for (uint32_t v = 0; v < c->p->values.count; v++) {
        count += has(c->live, v);
    }
    wrong(c, count != inst->live_count, "length of the live list", i, count);
    for (uint32_t l = 0; l < inst->live_count; l++) {
        const alloc_live *live = &c->p->a.live[inst->first_live + l];
        wrong(c, !has(c->live, live->value), "listed, but not alive", i, live->value);
        for (uint32_t other = 0; other < l; other++) {
            const alloc_live *o = &c->p->a.live[inst->first_live + other];
            wrong(c, o->value == live->value, "listed twice", i, live->value);
            wrong(c, same_slot(o, live), "two in a slot", i, live->value);
        }
    }
}

/* --- Liveness ----------------------------------------------------------------------------------*/

static void live_at_end(checker *c, uint32_t b)
{
    const alloc_block *block = &c->p->blocks.items[b];
    memset(c->live, 0, c->words * sizeof(uint64_t));
    for (uint32_t s = 0; s < block->succ_count; s++) {
        const alloc_block *succ = &c->p->blocks.items[block->succs[s]];
        for (uint32_t w = 0; w < c->words; w++) {
            c->live[w] |= c->live_in[block->succs[s]][w];
        }
        for (uint32_t e = 0; e < succ->pred_count; e++) {
            for (uint32_t k = 0; succ->preds[e] == b && k < succ->param_count; k++) {
                uint32_t arg = succ->args[e * succ->param_count + k];
                if (!c->p->values.items[arg].is_constant) {
                    add(c->live, arg);
                }
            }
        }
    }
}

static void live_before(checker *c, uint32_t i)
{
    const alloc_inst *inst = &c->p->insts.items[i];
    const alloc_operand *operands = &c->p->operands.items[inst->first_operand];
    for (uint32_t k = 0; k < inst->operand_count; k++) {
        if (is_def(&operands[k])) {
            drop(c->live, operands[k].value);
        }
    }
    check_live_list(c, i);
    for (uint32_t k = 0; k < inst->operand_count; k++) {
        if (is_use(&operands[k]) && !c->p->values.items[operands[k].value].is_constant) {
            add(c->live, operands[k].value);
        }
    }
}

static bool live_block(checker *c, uint32_t b)
{
    const alloc_block *block = &c->p->blocks.items[b];
    live_at_end(c, b);
    for (uint32_t i = block->inst_count; i-- > 0;) {
        live_before(c, block->first_inst + i);
    }
    for (uint32_t k = 0; k < block->param_count; k++) {
        drop(c->live, block->params[k]);
    }
    bool changed = memcmp(c->live, c->live_in[b], c->words * sizeof(uint64_t)) != 0;
    memcpy(c->live_in[b], c->live, c->words * sizeof(uint64_t));
    return changed;
}

static void check_liveness(checker *c)
{
    c->reports = false;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t b = c->p->blocks.count; b-- > 0;) {
            changed |= live_block(c, b);
        }
    }
    c->reports = true;
    for (uint32_t b = 0; b < c->p->blocks.count; b++) {
        live_block(c, b);
    }
}

/* --- Paths -------------------------------------------------------------------------------------*/

/* c->copy becomes the state behind the edge. */
static void cross_edge(checker *c, uint32_t to, uint32_t e)
{
    const alloc_block *succ = &c->p->blocks.items[to];
    memcpy(c->copy, c->state, (size_t)c->places * c->words * sizeof(uint64_t));
    for (uint32_t l = 0; l < c->places; l++) {
        const uint64_t *before = set_of(c, c->state, l);
        uint64_t *behind = set_of(c, c->copy, l);
        for (uint32_t k = 0; k < succ->param_count; k++) {
            drop(behind, succ->params[k]);
        }
        for (uint32_t k = 0; k < succ->param_count; k++) {
            if (has(before, succ->args[e * succ->param_count + k])) {
                add(behind, succ->params[k]);
            }
        }
    }
}

static bool meet(checker *c, uint32_t to)
{
    size_t count = (size_t)c->places * c->words;
    if (!c->entry[to]) {
        c->entry[to] = MU_ARENA_ARRAY(c->arena, uint64_t, count);
        memcpy(c->entry[to], c->copy, count * sizeof(uint64_t));
        return true;
    }
    bool changed = false;
    for (size_t w = 0; w < count; w++) {
        uint64_t both = c->entry[to][w] & c->copy[w];
        changed |= both != c->entry[to][w];
        c->entry[to][w] = both;
    }
    return changed;
}

static bool follow_block(checker *c, uint32_t b)
{
    const alloc_block *block = &c->p->blocks.items[b];
    bool changed = false;
    if (!c->entry[b]) {
        return false;
    }
    memcpy(c->state, c->entry[b], (size_t)c->places * c->words * sizeof(uint64_t));
    uint32_t move = 0;
    while (move < c->p->a.move_count && c->p->a.moves[move].before < block->first_inst) {
        move++;
    }
    for (uint32_t i = block->first_inst; i < block->first_inst + block->inst_count; i++) {
        do_moves(c, i, &move);
        check_operands(c, i);
        do_inst(c, i);
        do_live_list(c, i);
    }
    for (uint32_t s = 0; s < block->succ_count; s++) {
        const alloc_block *succ = &c->p->blocks.items[block->succs[s]];
        for (uint32_t e = 0; e < succ->pred_count; e++) {
            if (succ->preds[e] == b) {
                cross_edge(c, block->succs[s], e);
                changed |= meet(c, block->succs[s]);
            }
        }
    }
    return changed;
}

const char *program_check(const program *p)
{
    checker c = {.p = p, .arena = p->arena, .words = (p->values.count + 63) / 64};
    c.places = ALLOC_CLASSES * ALLOC_REGS + p->a.slot_count;
    size_t count = (size_t)c.places * c.words;
    c.entry = MU_ARENA_ARRAY(c.arena, uint64_t *, p->blocks.count);
    c.live_in = MU_ARENA_ARRAY(c.arena, uint64_t *, p->blocks.count);
    c.state = MU_ARENA_ARRAY(c.arena, uint64_t, count);
    c.copy = MU_ARENA_ARRAY(c.arena, uint64_t, count);
    c.live = MU_ARENA_ARRAY(c.arena, uint64_t, c.words);
    c.entry[0] = MU_ARENA_ARRAY(c.arena, uint64_t, count);
    for (uint32_t b = 0; b < p->blocks.count; b++) {
        c.live_in[b] = MU_ARENA_ARRAY(c.arena, uint64_t, c.words);
    }
    check_liveness(&c);
    c.reports = false;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t b = 0; b < p->blocks.count; b++) {
            changed |= follow_block(&c, b);
        }
    }
    c.reports = true;
    for (uint32_t b = 0; b < p->blocks.count; b++) {
        follow_block(&c, b);
    }
    return c.error;
}
