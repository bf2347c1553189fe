/* From a version to a graph: each parameter of a block becomes a phi, each instruction its nodes;
 * what was redundant in the arguments of blocks goes when it is cleaned. */
#include "graph.h"

/* What is larger costs more than it is worth. */
#define INSTS_MAX  5000u
#define BLOCKS_MAX 2000u

/* ---- blocks in reverse postorder, as the quick tier has them: a back edge polls */

typedef struct visit {
    uint32_t block;
    uint32_t next; /* destination of its last instructions */
} visit;

/* Destinations of a block are those of its last instruction. */
static mu_ir_range dests_of(const mu_ir_version *version, uint32_t block)
{
    mu_ir_range insts = version->blocks[block].insts;
    return version->insts[insts.first + insts.count - 1].dests;
}

static void order_blocks(builder *b)
{
    uint32_t count = b->version->block_count;
    visit *stack = mu_allocate(count * sizeof *stack);
    bool *seen = mu_allocate(count * sizeof *seen);
    uint32_t depth = 1;
    uint32_t left = count;
    memset(b->order, 0xff, count * sizeof *b->order);
    stack[0] = (visit){0, 0};
    seen[0] = true;
    while (depth) {
        visit *top = &stack[depth - 1];
        mu_ir_range dests = dests_of(b->version, top->block);
        if (top->next == dests.count) {
            b->order[top->block] = --left;
            depth--;
            continue;
        }
        uint32_t to = b->version->dests[dests.first + top->next++].block;
        if (!seen[to]) {
            seen[to] = true;
            stack[depth++] = (visit){to, 0};
        }
    }
    mu_free(stack);
    mu_free(seen);
}

/* ---- parameters */

void build_phi_input(builder *b, uint32_t phi, uint32_t edge, uint32_t word)
{
    mu_opt_node *node = opt_node(b->graph, phi);
    if ((edge & (edge - 1)) == 0) { /* 0, 1, 2, 4, …: full */
        uint32_t *inputs = MU_ARENA_ARRAY(b->graph->arena, uint32_t, edge ? 2 * (size_t)edge : 1);
        if (edge) {
            memcpy(inputs, node->inputs, edge * sizeof *inputs);
        }
        node->inputs = inputs;
    }
    node->inputs[edge] = word;
    node->input_count = edge + 1;
}

static uint32_t bits_of_word(const mu_ir_type *type, uint32_t word)
{
    return type->kind != MU_IR_IREF ? build_bits(type) : word ? 64 : MU_OPT_LOOSE_BASE;
}

static void make_phis(builder *b, uint32_t block, uint32_t variable)
{
    const mu_ir_type *type = b->version->variables[variable].type;
    mu_opt_kind kind = build_kind(b, type);
    for (uint32_t w = 0; w < build_word_count(type); w++) {
        b->words[variable][w] =
            opt_phi(b->graph, b->blocks[block], w ? MU_OPT_INT : kind, bits_of_word(type, w));
    }
}

static void make_blocks(builder *b)
{
    const mu_ir_version *version = b->version;
    for (uint32_t i = 0; i < version->block_count; i++) {
        const mu_ir_block *ir = &version->blocks[i];
        b->blocks[i] = opt_block_new(b->graph);
        for (uint32_t p = 0; p < ir->params.count; p++) {
            make_phis(b, i, ir->params.first + p);
        }
        if (ir->has_exc_param) {
            make_phis(b, i, ir->exc_param);
        }
    }
}

/* The graph's first block has the arguments and goes to the version's first. */
static void enter(builder *b, uint32_t entry)
{
    mu_opt_graph *g = b->graph;
    mu_ir_range params = b->version->blocks[0].params;
    uint32_t at = 0;
    mu_opt_node jump = {.op = MU_OPT_JUMP, .inst = MU_OPT_NONE};
    mu_opt_pin(g, entry, jump, NULL, 0);
    opt_edge(g, entry, b->blocks[0]);
    for (uint32_t p = 0; p < params.count; p++) {
        const mu_ir_type *type = b->version->variables[params.first + p].type;
        mu_opt_kind kind = build_kind(b, type);
        for (uint32_t w = 0; w < build_word_count(type); w++, at++) {
            mu_opt_node like = {.op = MU_OPT_PARAM,
                                .kind = (uint8_t)(w ? MU_OPT_INT : kind),
                                .width = 8,
                                .cond = (uint8_t)bits_of_word(type, w),
                                .imm = at,
                                .inst = MU_OPT_NONE};
            uint32_t param = mu_opt_float(g, like, NULL, 0);
            build_phi_input(b, opt_block(g, b->blocks[0])->phis.items[at], 0, param);
        }
    }
}

/* ---- instructions */

static void build_inst(builder *b, const mu_ir_inst *inst)
{
    bool known = build_value(b, inst) || build_memory(b, inst) || build_control(b, inst);
    if (!known) {
        b->refused = mu_ir_op_info_of(inst->op)->word;
        return;
    }
    bool ends_block = (mu_ir_op_info_of(inst->op)->flags & MU_OP_FLAG_TERM) != 0;
    if (inst->has_exc && !ends_block && !b->refused) {
        build_goto(b, b->at, &b->version->dests[inst->dests.first], 0);
    }
}

static void build_block(builder *b, uint32_t block)
{
    const mu_ir_block *ir = &b->version->blocks[block];
    b->at = b->blocks[block];
    for (uint32_t i = 0; i < ir->insts.count && !b->refused; i++) {
        b->inst = ir->insts.first + i;
        build_inst(b, &b->version->insts[b->inst]);
    }
}

static void build_all(builder *b)
{
    uint32_t entry = opt_block_new(b->graph);
    make_blocks(b);
    if (b->refused) {
        return;
    }
    enter(b, entry);
    order_blocks(b);
    for (uint32_t i = 0; i < b->version->block_count && !b->refused; i++) {
        if (b->order[i] != MU_OPT_NONE) {
            build_block(b, i);
        }
    }
}

mu_status mu_opt_build(mu_ir_version *version, mu_opt_graph **graph)
{
    builder b = {.graph = opt_graph_new(version), .version = version};
    *graph = b.graph;
    if (version->inst_count > INSTS_MAX || version->variable_count > INSTS_MAX ||
        version->block_count > BLOCKS_MAX) {
        b.graph->refused = "a function as large as this";
        return MU_LIMIT;
    }
    mu_arena *arena = b.graph->arena;
    b.words = mu_arena_allocate(arena, (version->variable_count + 1) * sizeof *b.words);
    b.part_of = MU_ARENA_ARRAY(arena, const mu_ir_type *, version->variable_count + 1);
    b.blocks = MU_ARENA_ARRAY(arena, uint32_t, version->block_count);
    b.order = MU_ARENA_ARRAY(arena, uint32_t, version->block_count);
    b.checked = !(version->bundle ? version->bundle : version->func->bundle)->trusted;
    if (version->hidden) {
        b.refused = "a function without a body";
    } else {
        build_all(&b);
    }
    b.graph->refused = b.refused;
    return b.refused ? MU_UNSUPPORTED : MU_OK;
}
