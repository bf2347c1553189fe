/* In which blocks each value is alive at the beginning: from each use back against the edges until
 * the definition (Boissinot et al., "Fast Liveness Checking for SSA-Form Programs", CGO 2008, call
 * it path exploration). It asks nothing of the shape of loops. Constants are not alive. */
#include "alloc_intervals.h"

typedef struct use_node {
    uint32_t block, next;
} use_node;

typedef struct explorer {
    alloc_state *s;
    MU_ARRAY(use_node) uses;
    uint32_t *first_use; /* by value */
    uint32_t *seen;      /* by block: the last value found alive, plus one */
    uint32_t *seen_loop; /* by header */
    MU_ARRAY(uint32_t) todo;
    alloc_pairs live, kept;
} explorer;

alloc_lists alloc_lists_from_pairs(alloc_state *s, alloc_pairs *pairs)
{
    uint32_t count = s->a->block_count;
    alloc_lists lists = {.first = MU_ARENA_ARRAY(s->a->arena, uint32_t, count + 2),
                         .items = MU_ARENA_ARRAY(s->a->arena, uint32_t, pairs->count)};
    /* While filling, first[b + 1] is where b's next item goes; at the end, b's end. */
    for (uint32_t i = 0; i < pairs->count; i++) {
        lists.first[pairs->items[i].block + 2]++;
    }
    for (uint32_t b = 2; b <= count; b++) {
        lists.first[b] += lists.first[b - 1];
    }
    for (uint32_t i = 0; i < pairs->count; i++) {
        lists.items[lists.first[pairs->items[i].block + 1]++] = pairs->items[i].item;
    }
    MU_ARRAY_FREE(pairs);
    return lists;
}

static void define(alloc_state *s, uint32_t value, uint32_t block, uint32_t inst)
{
    MU_INVARIANT(value < s->a->value_count && !s->a->values[value].is_constant &&
                     s->infos[value].def_block == ALLOC_NONE,
                 "value %u defined in block %u", value, block);
    s->infos[value].def_block = block;
    s->infos[value].def_inst = inst;
}

static void define_operands(alloc_state *s, uint32_t block, uint32_t i)
{
    const alloc_inst *inst = &s->a->insts[i];
    s->block_of[i] = block;
    for (uint32_t o = 0; o < inst->operand_count; o++) {
        const alloc_operand *operand = &s->a->operands[inst->first_operand + o];
        if (!alloc_is_def(operand)) {
            continue;
        }
        define(s, operand->value, block, i);
        if (operand->kind == ALLOC_DEF_FIXED) {
            s->infos[operand->value].required = operand->reg;
        }
        if (operand->kind == ALLOC_DEF_SAME) {
            s->infos[operand->value].copy_of = s->a->operands[inst->first_operand].value;
        }
    }
}

static void define_all(alloc_state *s)
{
    uint32_t expected = 0;
    for (uint32_t b = 0; b < s->a->block_count; b++) {
        const alloc_block *block = &s->a->blocks[b];
        MU_INVARIANT(block->first_inst == expected && block->inst_count > 0,
                     "instructions of block %u", b);
        MU_INVARIANT(b > 0 || block->param_count == 0, "parameters of the first block");
        expected += block->inst_count;
        for (uint32_t p = 0; p < block->param_count; p++) {
            define(s, block->params[p], b, ALLOC_NONE);
        }
        for (uint32_t i = block->first_inst; i < expected; i++) {
            define_operands(s, b, i);
        }
        for (uint32_t p = 0; p < block->pred_count; p++) {
            if (s->a->blocks[block->preds[p]].succ_count == 1) {
                s->edge_index[block->preds[p]] = p;
            }
        }
    }
    MU_INVARIANT(expected == s->a->inst_count, "%u instructions in blocks", expected);
}

static void find_loops(alloc_state *s)
{
    uint32_t loop = ALLOC_NONE;
    for (uint32_t b = 0; b < s->a->block_count; b++) {
        while (loop != ALLOC_NONE && s->a->blocks[loop].loop_end < b) {
            loop = s->outer_loop[loop];
        }
        s->outer_loop[b] = loop;
        if (s->a->blocks[b].loop_end != ALLOC_NONE) {
            loop = b;
        }
        s->loop_of[b] = loop;
    }
}

static void note_use(explorer *e, uint32_t value, uint32_t block)
{
    MU_INVARIANT(value < e->s->a->value_count, "use of value %u", value);
    if (e->s->a->values[value].is_constant) {
        return;
    }
    uint32_t first = e->first_use[value];
    if (first != ALLOC_NONE && e->uses.items[first].block == block) {
        return;
    }
    MU_ARRAY_PUSH(&e->uses, (use_node){.block = block, .next = first});
    e->first_use[value] = e->uses.count - 1;
}

static void note_uses(explorer *e)
{
    const alloc *a = e->s->a;
    for (uint32_t b = 0; b < a->block_count; b++) {
        const alloc_block *block = &a->blocks[b];
        for (uint32_t i = block->first_inst; i < block->first_inst + block->inst_count; i++) {
            const alloc_operand *operands = &a->operands[a->insts[i].first_operand];
            for (uint32_t o = 0; o < a->insts[i].operand_count; o++) {
                if (alloc_is_use(&operands[o])) {
                    note_use(e, operands[o].value, b);
                }
            }
        }
        for (uint32_t i = 0; i < block->pred_count * block->param_count; i++) {
            note_use(e, block->args[i], block->preds[i / block->param_count]);
        }
    }
}

static void reach(explorer *e, uint32_t value, uint32_t block)
{
    if (block != e->s->infos[value].def_block && e->seen[block] != value + 1) {
        e->seen[block] = value + 1;
        MU_ARRAY_PUSH(&e->todo, block);
    }
}

/* The value is wanted again and again in loops that it comes into from outside. */
static void keep_in_loops(explorer *e, uint32_t value, uint32_t block)
{
    const alloc_state *s = e->s;
    uint32_t home = s->infos[value].def_block;
    for (uint32_t loop = s->loop_of[block]; loop != ALLOC_NONE; loop = s->outer_loop[loop]) {
        uint32_t end = s->a->blocks[loop].loop_end;
        if ((home >= loop && home <= end) || e->seen_loop[loop] == value + 1) {
            return;
        }
        e->seen_loop[loop] = value + 1;
        MU_ARRAY_PUSH(&e->kept, (alloc_pair){.block = end, .item = value});
    }
}

static void explore(explorer *e, uint32_t value)
{
    for (uint32_t u = e->first_use[value]; u != ALLOC_NONE; u = e->uses.items[u].next) {
        MU_INVARIANT(e->s->infos[value].def_block != ALLOC_NONE, "value %u is undefined", value);
        reach(e, value, e->uses.items[u].block);
        keep_in_loops(e, value, e->uses.items[u].block);
        while (e->todo.count > 0) {
            uint32_t block = e->todo.items[--e->todo.count];
            MU_INVARIANT(block > 0, "value %u is used before it is defined", value);
            MU_ARRAY_PUSH(&e->live, (alloc_pair){.block = block, .item = value});
            const alloc_block *at = &e->s->a->blocks[block];
            for (uint32_t p = 0; p < at->pred_count; p++) {
                reach(e, value, at->preds[p]);
            }
        }
    }
}

mu_status alloc_find_liveness(alloc_state *s)
{
    alloc *a = s->a;
    mu_status status = MU_OK;
    explorer e = {.s = s,
                  .first_use = MU_ARENA_ARRAY(a->arena, uint32_t, a->value_count),
                  .seen = MU_ARENA_ARRAY(a->arena, uint32_t, a->block_count),
                  .seen_loop = MU_ARENA_ARRAY(a->arena, uint32_t, a->block_count)};
    define_all(s);
    find_loops(s);
    for (uint32_t v = 0; v < a->value_count; v++) {
        e.first_use[v] = ALLOC_NONE;
    }
    note_uses(&e);
    for (uint32_t v = 0; v < a->value_count && status == MU_OK; v++) {
        explore(&e, v);
        status = e.live.count > ALLOC_MOST_LIVE ? MU_LIMIT : MU_OK;
    }
    if (status == MU_OK) {
        s->live_in = alloc_lists_from_pairs(s, &e.live);
        s->kept = alloc_lists_from_pairs(s, &e.kept);
    }
    MU_ARRAY_FREE(&e.live);
    MU_ARRAY_FREE(&e.kept);
    MU_ARRAY_FREE(&e.uses);
    MU_ARRAY_FREE(&e.todo);
    return status;
}
