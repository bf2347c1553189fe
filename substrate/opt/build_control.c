/* What leaves a block: jumps, calls, the end. */
#include "graph.h"

#include <stdlib.h>

/* Words beyond what anybody passes. */
#define WORDS_MAX 1024u

void build_goto(builder *b, uint32_t from, const mu_ir_dest *dest, uint32_t exception)
{
    mu_opt_graph *g = b->graph;
    uint32_t to = b->blocks[dest->block];
    const mu_ir_block *ir = &b->version->blocks[dest->block];
    uint32_t position = b->order[b->version->insts[b->inst].block];
    mu_opt_node like = {.op = MU_OPT_POLL, .inst = b->inst};
    build_count(b, 1 + 2 * dest->args.count);
    if (b->refused) {
        return;
    }
    if (b->order[dest->block] <= position) {
        mu_opt_pin(g, from, like, NULL, 0);
    }
    like.op = MU_OPT_JUMP;
    mu_opt_pin(g, from, like, NULL, 0);
    opt_edge(g, from, to);
    uint32_t at = 0;
    uint32_t edge = opt_block(g, to)->preds.count - 1;
    for (uint32_t i = 0; i < dest->args.count; i++) {
        uint32_t words[2];
        build_words(b, b->version->operands[dest->args.first + i], words);
        const mu_ir_type *type = b->version->variables[ir->params.first + i].type;
        for (uint32_t w = 0; w < build_word_count(type); w++) {
            build_phi_input(b, opt_block(g, to)->phis.items[at++], edge, words[w]);
        }
    }
    if (ir->has_exc_param) {
        build_phi_input(b, opt_block(g, to)->phis.items[at], edge, exception);
    }
}

/* A block of its own for an edge. */
static uint32_t edge_block(builder *b, const mu_ir_dest *dest)
{
    uint32_t edge = opt_block_new(b->graph);
    build_goto(b, edge, dest, mu_opt_const(b->graph, MU_OPT_REF, 0));
    return edge;
}

void build_require(builder *b, const mu_ir_inst *inst, uint32_t condition, mu_guest_error error)
{
    mu_opt_graph *g = b->graph;
    if (!inst->has_exc) {
        mu_opt_node like = {.op = MU_OPT_CHECK, .imm = error};
        build_pin(b, like, &condition, 1);
        return;
    }
    mu_opt_node like = {.op = MU_OPT_BRANCH};
    build_pin(b, like, &condition, 1);
    uint32_t from = b->at;
    uint32_t normal = opt_block_new(g);
    opt_edge(g, from, normal);
    opt_edge(g, from, edge_block(b, &b->version->dests[inst->dests.first + 1]));
    b->at = normal;
}

static void branch(builder *b, uint32_t from, uint32_t condition, uint32_t if_true,
                   uint32_t if_false)
{
    mu_opt_node like = {.op = MU_OPT_BRANCH, .inst = b->inst};
    mu_opt_pin(b->graph, from, like, &condition, 1);
    opt_edge(b->graph, from, if_true);
    opt_edge(b->graph, from, if_false);
}

/* ---- SWITCH: a binary search */

typedef struct switch_case {
    uint64_t value;
    uint32_t dest;
} switch_case;

static int order_cases(const void *left, const void *right)
{
    const switch_case *a = left;
    const switch_case *b = right;
    return a->value < b->value ? -1 : a->value > b->value;
}

/* Depth is the logarithm of the cases. */
static void search(builder *b, const mu_ir_inst *inst, uint32_t from, uint32_t word,
                   const switch_case *cases, uint32_t count)
{
    mu_opt_graph *g = b->graph;
    const mu_ir_dest *dests = &b->version->dests[inst->dests.first];
    if (count == 1) {
        uint32_t equal = opt_cmp(g, MU_OPT_EQ, 8, word, opt_int(g, cases[0].value));
        uint32_t hit = edge_block(b, &dests[cases[0].dest]);
        branch(b, from, equal, hit, edge_block(b, &dests[0]));
        return;
    }
    uint32_t half = count / 2;
    uint32_t is_low = opt_cmp(g, MU_OPT_ULT, 8, word, opt_int(g, cases[half].value));
    uint32_t low = opt_block_new(g);
    uint32_t high = opt_block_new(g);
    branch(b, from, is_low, low, high);
    search(b, inst, low, word, cases, half);
    search(b, inst, high, word, cases + half, count - half);
}

static void lower_switch(builder *b, const mu_ir_inst *inst)
{
    const mu_ir_type *type = b->version->types[inst->types.first];
    mu_opt_kind kind = build_kind(b, type);
    if (kind != MU_OPT_INT) {
        b->refused = "SWITCH of references";
    }
    if (b->refused) {
        return;
    }
    uint32_t count = inst->cases.count;
    uint32_t word = build_word(b, b->version->operands[inst->operands.first]);
    switch_case *cases = MU_ARENA_ARRAY(b->graph->arena, switch_case, count + 1);
    build_count(b, 2 * count);
    for (uint32_t i = 0; i < count && !b->refused; i++) {
        uint32_t constant = build_word(b, b->version->operands[inst->cases.first + i]);
        cases[i] = (switch_case){opt_node(b->graph, constant)->imm, i + 1};
    }
    if (!count || b->refused) {
        build_goto(b, b->at, &b->version->dests[inst->dests.first], 0);
        return;
    }
    qsort(cases, count, sizeof *cases, order_cases);
    search(b, inst, b->at, word, cases, count);
}

/* ---- calls */

typedef struct word_list {
    uint32_t items[WORDS_MAX];
    uint32_t count;
} word_list;

static void add_words(builder *b, word_list *list, const mu_ir_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count && !b->refused; i++) {
        const mu_ir_type *type = mu_ir_value_type(b->version, values[i]);
        uint32_t words[2];
        (void)build_kind(b, type);
        if (list->count + 2 > WORDS_MAX) {
            b->refused = "so many arguments";
        }
        if (b->refused) {
            return;
        }
        build_words(b, values[i], words);
        for (uint32_t w = 0; w < build_word_count(type); w++) {
            list->items[list->count++] = words[w];
        }
    }
}

static void keep(builder *b, const mu_ir_inst *inst)
{
    for (uint32_t i = 0; i < inst->keepalives.count; i++) {
        mu_ir_value value = b->version->operands[inst->keepalives.first + i];
        const mu_ir_type *type = mu_ir_value_type(b->version, value);
        uint32_t words[2];
        build_words(b, value, words);
        for (uint32_t w = 0; w < build_word_count(type); w++) {
            mu_opt_node like = {.op = MU_OPT_KEEP,
                                .kind = (uint8_t)build_kind(b, type),
                                .width = (uint8_t)w,
                                .imm = mu_ir_value_index(value)};
            like.kind = w ? MU_OPT_INT : like.kind;
            build_pin(b, like, &words[w], 1);
        }
    }
}

static void take_results(builder *b, const mu_ir_inst *inst, uint32_t call,
                         mu_ir_type *const *types, uint32_t count)
{
    uint32_t word = 0;
    for (uint32_t i = 0; i < count; i++) {
        mu_opt_kind kind = build_kind(b, types[i]);
        bool is_iref = types[i]->kind == MU_IR_IREF;
        for (uint32_t w = 0; w < build_word_count(types[i]); w++) {
            mu_opt_node like = {
                .op = MU_OPT_RESULT,
                .kind = (uint8_t)(w ? MU_OPT_INT : kind),
                .width = 8,
                .cond = (uint8_t)(is_iref ? (w ? 64 : MU_OPT_LOOSE_BASE) : build_bits(types[i])),
                .imm = word++};
            b->words[inst->results.first + i][w] = build_pin(b, like, &call, 1);
        }
    }
}

static void lower_call(builder *b, const mu_ir_inst *inst, mu_opt_op op)
{
    const mu_ir_value *operands = &b->version->operands[inst->operands.first];
    word_list list = {.count = 0};
    build_count(b, 2 * (inst->operands.count + inst->keepalives.count + inst->results.count));
    if (op != MU_OPT_TRAP) {
        add_words(b, &list, operands, inst->operands.count);
    }
    if (b->refused) {
        return;
    }
    if (op != MU_OPT_TAIL_CALL) {
        keep(b, inst);
    }
    bool is_direct = inst->operands.count && mu_ir_value_is_global(operands[0]) &&
                     mu_ir_global_of(b->version, operands[0])->kind == MU_IR_FUNC;
    mu_opt_node like = {.op = (uint8_t)op, .cond = inst->has_exc, .width = is_direct};
    uint32_t call = build_pin(b, like, list.items, list.count);
    if (op == MU_OPT_TAIL_CALL) {
        return;
    }
    if (op == MU_OPT_TRAP) {
        take_results(b, inst, call, &b->version->types[inst->types.first], inst->types.count);
    } else {
        const mu_ir_sig *sig = b->version->sigs[inst->sigs.first];
        take_results(b, inst, call, sig->results, sig->result_count);
    }
    if (inst->has_exc) {
        build_throwing_end(b, inst);
    }
}

static void lower_return(builder *b, const mu_ir_inst *inst)
{
    word_list list = {.count = 0};
    add_words(b, &list, &b->version->operands[inst->operands.first], inst->operands.count);
    mu_opt_node like = {.op = MU_OPT_RETURN};
    build_pin(b, like, list.items, list.count);
}

bool build_control(builder *b, const mu_ir_inst *inst)
{
    const mu_ir_dest *dests = &b->version->dests[inst->dests.first];
    const mu_ir_value *operands = &b->version->operands[inst->operands.first];
    switch (mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_BRANCH: build_goto(b, b->at, dests, 0); return true;
    case MU_SHAPE_BRANCH2: {
        uint32_t if_true = edge_block(b, &dests[0]);
        branch(b, b->at, build_word(b, operands[0]), if_true, edge_block(b, &dests[1]));
        return true;
    }
    case MU_SHAPE_SWITCH: lower_switch(b, inst); return true;
    case MU_SHAPE_CALL: lower_call(b, inst, MU_OPT_CALL); return true;
    case MU_SHAPE_TAILCALL: lower_call(b, inst, MU_OPT_TAIL_CALL); return true;
    case MU_SHAPE_TRAP: lower_call(b, inst, MU_OPT_TRAP); return true;
    case MU_SHAPE_RET: lower_return(b, inst); return true;
    case MU_SHAPE_THROW: {
        uint32_t thrown = build_word(b, operands[0]);
        mu_opt_node like = {.op = MU_OPT_THROW};
        build_pin(b, like, &thrown, 1);
        return true;
    }
    default: return false;
    }
}
