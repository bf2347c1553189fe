/* Moves at block edges: what is alive over the edge goes from where it is at the predecessor's end
 * to where it is at the successor's beginning, and arguments to parameters. Edges being split where
 * they are critical, each has a block's end or beginning of its own. */
#include "alloc_intervals.h"

typedef struct edge {
    uint32_t from, to; /* positions on both sides */
    uint32_t before, order;
} edge;

/* Whether the instruction does nothing but jump, so that moves may stand in front of it. */
static bool is_bare(const alloc_inst *inst)
{
    return inst->operand_count == 0 && inst->safety == ALLOC_PLAIN &&
           (inst->clobbers[ALLOC_GPR] | inst->clobbers[ALLOC_XMM]) == 0;
}

static void carry(alloc_state *s, const edge *e, uint32_t from, uint32_t to)
{
    alloc_place source = alloc_place_at(s, from, e->from);
    alloc_place target = alloc_place_at(s, to, e->to);
    bool is_stored = from == to && target.where == ALLOC_IN_SLOT;
    if (from == to && s->infos[to].is_spilled && s->infos[to].def_inst == e->from / 4) {
        alloc_place slot = {.where = ALLOC_IN_SLOT, .index = s->infos[to].slot};
        alloc_move_add(s, e->before, e->order, from, slot, source);
    }
    if (!is_stored && target.where != ALLOC_CONSTANT) {
        alloc_move_add(s, e->before, e->order, from, target, source);
    }
}

static void resolve_edge(alloc_state *s, uint32_t block, uint32_t index)
{
    const alloc_block *at = &s->a->blocks[block];
    uint32_t pred = at->preds[index];
    uint32_t last = alloc_block_last(s, pred);
    edge e = {.from = ALLOC_POSITION(last) + 3,
              .to = alloc_block_start(s, block),
              .before = at->first_inst,
              .order = 0};
    if (s->a->blocks[pred].succ_count == 1 && is_bare(&s->a->insts[last])) {
        e.before = last;
        e.order = 2;
    } else {
        MU_INVARIANT(at->pred_count == 1, "the jump at instruction %u has operands", last);
    }
    for (uint32_t l = s->live_in.first[block]; l < s->live_in.first[block + 1]; l++) {
        carry(s, &e, s->live_in.items[l], s->live_in.items[l]);
    }
    for (uint32_t c = s->constants_in.first[block]; c < s->constants_in.first[block + 1]; c++) {
        carry(s, &e, s->constants_in.items[c], s->constants_in.items[c]);
    }
    for (uint32_t p = 0; p < at->param_count; p++) {
        if (s->infos[at->params[p]].piece_count > 0) {
            carry(s, &e, at->args[index * at->param_count + p], at->params[p]);
        }
    }
}

void alloc_resolve_edges(alloc_state *s)
{
    for (uint32_t b = 0; b < s->a->block_count && s->moves.count <= ALLOC_MOST; b++) {
        for (uint32_t p = 0; p < s->a->blocks[b].pred_count; p++) {
            resolve_edge(s, b, p);
        }
    }
}
