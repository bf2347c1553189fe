/* What must be known of a block before it is emitted. Variables are local to their block, so one
 * backward walk finds each one's last use. Positions: instruction i of the block is at 2 (i + 1),
 * its destinations' arguments one later, parameters are defined at 0. An iref derived from another
 * variable keeps that one alive as long as itself. */
#include "quick.h"

static void use(quick *q, mu_ir_value value, uint32_t position)
{
    if (mu_ir_value_is_global(value)) {
        return;
    }
    quick_variable *v = &q->variables[mu_ir_value_index(value)];
    v->use_count++;
    if (v->last_use < position) {
        v->last_use = position;
    }
}

static void use_range(quick *q, mu_ir_range range, uint32_t position)
{
    for (uint32_t i = 0; i < range.count; i++) {
        use(q, q->version->operands[range.first + i], position);
    }
}

static bool derives_path(const quick *q, const mu_ir_inst *inst)
{
    switch ((int)inst->op) {
    case MU_OP_GETIREF:
    case MU_OP_GETFIELDIREF:
    case MU_OP_GETELEMIREF:
    case MU_OP_SHIFTIREF:
    case MU_OP_GETVARPARTIREF: return true;
    case MU_OP_REFCAST: return q->version->types[inst->types.first + 1]->kind == MU_IR_IREF;
    case MU_OP_COMMINST:
        return inst->comminst == MU_COMMINST_KILL_DEPENDENCY &&
               q->version->types[inst->types.first]->kind == MU_IR_IREF;
    default: return false;
    }
}

static void open_variable(quick *q, uint32_t variable, uint32_t position)
{
    const mu_ir_type *type = q->version->variables[variable].type;
    q->variables[variable] = (quick_variable){.class = quick_class_of(type),
                                              .words = quick_words_of(type),
                                              .last_use = position,
                                              .slot = QUICK_NONE};
}

static void open_variables(quick *q, const mu_ir_block *block)
{
    for (uint32_t i = 0; i < block->params.count; i++) {
        open_variable(q, block->params.first + i, 0);
    }
    if (block->has_exc_param) {
        open_variable(q, block->exc_param, 0);
    }
    for (uint32_t i = 0; i < block->insts.count; i++) {
        const mu_ir_inst *inst = &q->version->insts[block->insts.first + i];
        q->dying[block->insts.first + i] = QUICK_NONE;
        for (uint32_t r = 0; r < inst->results.count; r++) {
            open_variable(q, inst->results.first + r, 2 * (i + 1));
        }
    }
}

static void list_death(quick *q, const mu_ir_block *block, uint32_t variable)
{
    uint32_t position = q->variables[variable].last_use;
    uint32_t inst = block->insts.first + (position < 2 ? 0 : position / 2 - 1);
    q->variables[variable].next_dying = q->dying[inst];
    q->dying[inst] = variable;
}

void quick_find_last_uses(quick *q)
{
    const mu_ir_block *block = &q->version->blocks[q->block];
    open_variables(q, block);
    for (uint32_t i = block->insts.count; i-- > 0;) {
        const mu_ir_inst *inst = &q->version->insts[block->insts.first + i];
        uint32_t position = 2 * (i + 1);
        for (uint32_t d = 0; d < inst->dests.count; d++) {
            use_range(q, q->version->dests[inst->dests.first + d].args, position + 1);
        }
        use_range(q, inst->keepalives, position);
        uint32_t operands_until = position;
        if (derives_path(q, inst)) {
            uint32_t result_until = q->variables[inst->results.first].last_use;
            operands_until = result_until > position ? result_until : position;
        }
        use_range(q, inst->operands, operands_until);
    }
    for (uint32_t i = 0; i < block->params.count; i++) {
        list_death(q, block, block->params.first + i);
    }
    if (block->has_exc_param) {
        list_death(q, block, block->exc_param);
    }
    for (uint32_t i = 0; i < block->insts.count; i++) {
        const mu_ir_inst *inst = &q->version->insts[block->insts.first + i];
        for (uint32_t r = 0; r < inst->results.count; r++) {
            list_death(q, block, inst->results.first + r);
        }
    }
}

static const mu_ir_inst *terminator(const quick *q, uint32_t block)
{
    const mu_ir_block *b = &q->version->blocks[block];
    return &q->version->insts[b->insts.first + b->insts.count - 1];
}

/* Depth first with a stack of its own, since a function may have as many blocks as it likes. */
void quick_order_blocks(quick *q)
{
    uint32_t count = q->version->block_count;
    uint32_t *stack = MU_ARENA_ARRAY(q->arena, uint32_t, count);
    uint32_t *next_dest = MU_ARENA_ARRAY(q->arena, uint32_t, count);
    uint32_t *postorder = MU_ARENA_ARRAY(q->arena, uint32_t, count);
    uint32_t depth = 0;
    uint32_t done = 0;
    q->order = MU_ARENA_ARRAY(q->arena, uint32_t, count);
    q->blocks[0].reachable = true;
    stack[depth++] = 0;
    while (depth) {
        uint32_t block = stack[depth - 1];
        const mu_ir_inst *last = terminator(q, block);
        if (next_dest[block] == last->dests.count) {
            postorder[done++] = block;
            depth--;
            continue;
        }
        /* Later destinations first, so that the first comes right behind in the reversed order. */
        uint32_t d = last->dests.count - 1 - next_dest[block]++;
        uint32_t target = q->version->dests[last->dests.first + d].block;
        q->blocks[target].predecessors++;
        if (!q->blocks[target].reachable) {
            q->blocks[target].reachable = true;
            stack[depth++] = target;
        }
    }
    q->order_count = done;
    for (uint32_t i = 0; i < done; i++) {
        q->order[i] = postorder[done - 1 - i];
        q->blocks[q->order[i]].order = i;
    }
}
