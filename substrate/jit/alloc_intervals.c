/* Intervals, built in one walk backwards over the blocks: at a block's end its live values begin a
 * range over all of it, which their definition cuts short (Wimmer and Franz, figure 4). The same
 * walk lists what lives on behind safepoints. */
#include "alloc_intervals.h"

typedef struct builder {
    alloc_state *s;
    uint32_t *live;  /* the values alive */
    uint32_t *index; /* of each value in `live`, plus one; 0: not alive */
    uint32_t live_count;
    uint32_t block_start;
} builder;

static bool is_live(const builder *b, uint32_t value)
{
    return b->index[value] != 0;
}

static void add_range(builder *b, uint32_t value, uint32_t to)
{
    alloc_state *s = b->s;
    alloc_info *info = &s->infos[value];
    if (info->range != ALLOC_NONE && s->ranges.items[info->range].from == to) {
        s->ranges.items[info->range].from = b->block_start;
        return;
    }
    MU_ARRAY_PUSH(&s->ranges, (alloc_range){.from = b->block_start, .to = to, .next = info->range});
    info->range = s->ranges.count - 1;
}

/* The value lives from the block's beginning to `until` at least. */
static void live_until(builder *b, uint32_t value, uint32_t until)
{
    if (is_live(b, value)) {
        alloc_range *range = &b->s->ranges.items[b->s->infos[value].range];
        range->to = range->to < until ? until : range->to;
        return;
    }
    b->live[b->live_count++] = value;
    b->index[value] = b->live_count;
    add_range(b, value, until);
}

static void forget(builder *b, uint32_t value)
{
    uint32_t last = b->live[--b->live_count];
    b->live[b->index[value] - 1] = last;
    b->index[last] = b->index[value];
    b->index[value] = 0;
}

static void add_want(alloc_state *s, uint32_t *list, alloc_want want)
{
    alloc_want *head = *list == ALLOC_NONE ? NULL : &s->wants.items[*list];
    if (head && head->position == want.position) {
        head->must |= want.must;
        head->until = head->until < want.until ? want.until : head->until;
        head->reg = head->reg == ALLOC_NO_REG ? want.reg : head->reg;
        return;
    }
    want.next = *list;
    MU_ARRAY_RESERVE(&s->wants, s->wants.count + 1);
    s->wants.items[s->wants.count++] = want;
    *list = s->wants.count - 1;
}

static void use_at(builder *b, uint32_t value, alloc_want want)
{
    if (b->s->a->values[value].is_constant) {
        return;
    }
    live_until(b, value, want.until);
    add_want(b->s, &b->s->infos[value].want, want);
}

static void define_at(builder *b, uint32_t value, uint32_t position, uint32_t inst, bool is_last)
{
    alloc_state *s = b->s;
    alloc_info *info = &s->infos[value];
    /* It has to stay until it can be stored. */
    uint32_t until = ALLOC_POSITION(inst + 1) + (is_last ? 0 : 1);
    if (!is_live(b, value)) {
        live_until(b, value, ALLOC_POSITION(inst + 1));
    }
    s->ranges.items[info->range].from = position;
    forget(b, value);
    add_want(s, &info->want,
             (alloc_want){.position = position, .until = until, .must = true, .reg = ALLOC_NO_REG});
}

static void list_live(builder *b, alloc_inst *inst)
{
    inst->first_live = b->s->live.count;
    inst->live_count = b->live_count;
    for (uint32_t i = 0; i < b->live_count; i++) {
        MU_ARRAY_PUSH(&b->s->live, (alloc_live){.value = b->live[i], .save_slot = ALLOC_NONE});
    }
}

static void add_temporary(alloc_state *s, uint32_t i, uint32_t operand)
{
    bool is_call = s->a->insts[i].safety == ALLOC_CALL;
    uint32_t from = ALLOC_POSITION(i) + 1;
    uint32_t to = is_call ? from + 1 : from + 3;
    uint32_t piece = alloc_piece_new(s, ALLOC_NONE);
    alloc_piece *p = &s->pieces.items[piece];
    p->from = from;
    p->to = to;
    p->class = s->a->operands[operand].class;
    p->operand = operand;
    p->range = s->ranges.count;
    MU_ARRAY_PUSH(&s->ranges, (alloc_range){.from = from, .to = to, .next = ALLOC_NONE});
    add_want(s, &p->want,
             (alloc_want){.position = from, .until = to, .must = true, .reg = ALLOC_NO_REG});
}

static void walk_use(builder *b, uint32_t i, const alloc_operand *operand, bool in_front)
{
    const alloc_inst *inst = &b->s->a->insts[i];
    uint32_t at = ALLOC_POSITION(i);
    bool is_moved = operand->kind == ALLOC_USE_FIXED || alloc_is_same_use(b->s, inst, operand);
    if (is_moved != in_front) {
        return;
    }
    if (is_moved) {
        int8_t reg = operand->kind == ALLOC_USE_FIXED ? operand->reg : (int8_t)ALLOC_NO_REG;
        use_at(b, operand->value, (alloc_want){.position = at, .until = at + 1, .reg = reg});
        return;
    }
    bool lasts = operand->lasts && inst->safety != ALLOC_CALL;
    use_at(b, operand->value,
           (alloc_want){.position = at + 1,
                        .until = at + (lasts ? 4 : 2),
                        .must = operand->kind == ALLOC_USE,
                        .reg = ALLOC_NO_REG});
}

static void walk_inst(builder *b, uint32_t i, bool is_last)
{
    alloc_state *s = b->s;
    alloc_inst *inst = &s->a->insts[i];
    const alloc_operand *operands = &s->a->operands[inst->first_operand];
    for (uint32_t o = 0; o < inst->operand_count; o++) {
        if (alloc_is_def(&operands[o])) {
            define_at(b, operands[o].value, alloc_def_position(s, i, &operands[o]), i, is_last);
        } else if (operands[o].kind == ALLOC_TEMP) {
            add_temporary(s, i, inst->first_operand + o);
        }
    }
    inst->first_live = inst->live_count = 0;
    if (inst->safety != ALLOC_PLAIN) {
        list_live(b, inst);
    }
    for (int in_front = 0; in_front < 2; in_front++) {
        for (uint32_t o = 0; o < inst->operand_count; o++) {
            if (alloc_is_use(&operands[o])) {
                walk_use(b, i, &operands[o], in_front);
            }
        }
    }
}

static void begin_at_end(builder *b, uint32_t block)
{
    const alloc_state *s = b->s;
    const alloc_block *at = &s->a->blocks[block];
    uint32_t end = alloc_block_end(s, block);
    for (uint32_t i = 0; i < at->succ_count; i++) {
        uint32_t next = at->succs[i];
        const alloc_block *succ = &s->a->blocks[next];
        for (uint32_t l = s->live_in.first[next]; l < s->live_in.first[next + 1]; l++) {
            live_until(b, s->live_in.items[l], end);
        }
        uint32_t edge = at->succ_count == 1 ? s->edge_index[block] : 0;
        MU_INVARIANT(edge < succ->pred_count && succ->preds[edge] == block &&
                         (at->succ_count == 1 || succ->pred_count == 1),
                     "edge from block %u to %u", block, next);
        for (uint32_t p = 0; p < succ->param_count; p++) {
            use_at(b, succ->args[edge * succ->param_count + p],
                   (alloc_want){.position = end - 1, .until = end, .reg = ALLOC_NO_REG});
        }
    }
    for (uint32_t k = s->kept.first[block]; k < s->kept.first[block + 1]; k++) {
        if (is_live(b, s->kept.items[k])) {
            use_at(b, s->kept.items[k],
                   (alloc_want){.position = end - 1, .until = end, .reg = ALLOC_NO_REG});
        }
    }
}

static void walk_block(builder *b, uint32_t block)
{
    const alloc_block *at = &b->s->a->blocks[block];
    b->block_start = alloc_block_start(b->s, block);
    begin_at_end(b, block);
    for (uint32_t i = at->inst_count; i-- > 0;) {
        walk_inst(b, at->first_inst + i, i + 1 == at->inst_count);
    }
    while (b->live_count > 0) {
        forget(b, b->live[b->live_count - 1]);
    }
}

static void add_pieces(alloc_state *s)
{
    for (uint32_t v = 0; v < s->a->value_count; v++) {
        alloc_info *info = &s->infos[v];
        if (info->range == ALLOC_NONE) {
            continue;
        }
        info->start = s->ranges.items[info->range].from;
        for (uint32_t r = info->range; r != ALLOC_NONE; r = s->ranges.items[r].next) {
            info->end = s->ranges.items[r].to;
        }
        uint32_t number = alloc_piece_new(s, v);
        alloc_piece *piece = &s->pieces.items[number];
        piece->from = info->start;
        piece->to = info->end;
        piece->range = info->range;
        piece->want = info->want;
        piece->required = info->required;
    }
}

mu_status alloc_build_intervals(alloc_state *s)
{
    alloc *a = s->a;
    builder b = {.s = s,
                 .live = MU_ARENA_ARRAY(a->arena, uint32_t, a->value_count),
                 .index = MU_ARENA_ARRAY(a->arena, uint32_t, a->value_count)};
    for (uint32_t block = a->block_count; block-- > 0;) {
        walk_block(&b, block);
        if (s->live.count > ALLOC_MOST_LIVE || s->pieces.count > ALLOC_MOST) {
            return MU_LIMIT;
        }
    }
    add_pieces(s);
    return s->pieces.count > ALLOC_MOST ? MU_LIMIT : MU_OK;
}
