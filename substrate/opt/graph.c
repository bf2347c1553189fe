#include "graph.h"

#define FIRST_BUCKETS 256u

static const struct {
    const char *name;
    bool floats;
} ops[MU_OPT_OP_COUNT] = {
#define MU_OPT_OP_ROW(name, floats, text) [MU_OPT_##name] = {#name, floats},
    MU_OPT_OP_LIST(MU_OPT_OP_ROW)
#undef MU_OPT_OP_ROW
};

bool mu_opt_floats(mu_opt_op op)
{
    return ops[op].floats;
}

const char *mu_opt_op_name(mu_opt_op op)
{
    return ops[op].name;
}

mu_opt_graph *opt_graph_new(mu_ir_version *version)
{
    mu_opt_graph *graph = mu_allocate(sizeof *graph);
    graph->version = version;
    graph->arena = mu_arena_new();
    graph->bucket_count = FIRST_BUCKETS;
    graph->buckets = mu_allocate(graph->bucket_count * sizeof *graph->buckets);
    memset(graph->buckets, 0xff, graph->bucket_count * sizeof *graph->buckets);
    return graph;
}

void mu_opt_free(mu_opt_graph *graph)
{
    if (!graph) {
        return;
    }
    for (uint32_t i = 0; i < graph->blocks.count; i++) {
        mu_opt_block *block = opt_block(graph, i);
        MU_ARRAY_FREE(&block->phis);
        MU_ARRAY_FREE(&block->nodes);
        MU_ARRAY_FREE(&block->preds);
        MU_ARRAY_FREE(&block->succs);
    }
    MU_ARRAY_FREE(&graph->blocks);
    MU_ARRAY_FREE(&graph->nodes);
    MU_ARRAY_FREE(&graph->order);
    mu_free(graph->buckets);
    mu_arena_free(graph->arena);
    mu_free(graph);
}

uint32_t opt_block_new(mu_opt_graph *graph)
{
    MU_ARRAY_PUSH(&graph->blocks,
                  ((mu_opt_block){.loop_end = MU_OPT_NONE, .position = MU_OPT_NONE}));
    return graph->blocks.count - 1;
}

void opt_edge(mu_opt_graph *graph, uint32_t from, uint32_t to)
{
    MU_ARRAY_PUSH(&opt_block(graph, from)->succs, to);
    MU_ARRAY_PUSH(&opt_block(graph, to)->preds, from);
}

static uint32_t add(mu_opt_graph *graph, mu_opt_node like, const uint32_t *inputs, uint32_t count)
{
    like.input_count = count;
    like.inputs = MU_ARENA_ARRAY(graph->arena, uint32_t, count ? count : 1);
    if (count) {
        memcpy(like.inputs, inputs, count * sizeof *inputs);
    }
    MU_ARRAY_PUSH(&graph->nodes, like);
    return graph->nodes.count - 1;
}

uint32_t mu_opt_pin(mu_opt_graph *graph, uint32_t block, mu_opt_node like, const uint32_t *inputs,
                    uint32_t count)
{
    like.block = block;
    uint32_t node = add(graph, like, inputs, count);
    MU_ARRAY_PUSH(&opt_block(graph, block)->nodes, node);
    return node;
}

uint32_t opt_phi(mu_opt_graph *graph, uint32_t block, mu_opt_kind kind, uint32_t bits)
{
    mu_opt_node like = {.op = MU_OPT_PHI,
                        .kind = (uint8_t)kind,
                        .cond = (uint8_t)bits,
                        .width = 8,
                        .block = block,
                        .inst = MU_OPT_NONE};
    uint32_t node = add(graph, like, NULL, 0);
    MU_ARRAY_PUSH(&opt_block(graph, block)->phis, node);
    return node;
}

/* ---- numbering */

static uint32_t hash_of(const mu_opt_node *node, const uint32_t *inputs, uint32_t count)
{
    uint64_t hash =
        node->op * 0x9e3779b97f4a7c15u + node->kind * 31u + node->width * 131u + node->cond * 8191u;
    hash = (hash ^ node->imm) * 0xff51afd7ed558ccdu;
    for (uint32_t i = 0; i < count; i++) {
        hash = (hash ^ (hash >> 29) ^ inputs[i]) * 0xc4ceb9fe1a85ec53u;
    }
    return (uint32_t)(hash >> 32);
}

static bool is_same(const mu_opt_node *a, const mu_opt_node *b, const uint32_t *inputs,
                    uint32_t count)
{
    return a->op == b->op && a->kind == b->kind && a->width == b->width && a->cond == b->cond &&
           a->imm == b->imm && a->input_count == count &&
           (!count || memcmp(a->inputs, inputs, count * sizeof *inputs) == 0);
}

static void grow_buckets(mu_opt_graph *graph)
{
    mu_free(graph->buckets);
    graph->bucket_count *= 4;
    graph->buckets = mu_allocate(graph->bucket_count * sizeof *graph->buckets);
    memset(graph->buckets, 0xff, graph->bucket_count * sizeof *graph->buckets);
    for (uint32_t i = 0; i < graph->nodes.count; i++) {
        mu_opt_node *node = opt_node(graph, i);
        if (mu_opt_floats(node->op)) {
            uint32_t *bucket = &graph->buckets[hash_of(node, node->inputs, node->input_count) %
                                               graph->bucket_count];
            node->next = *bucket;
            *bucket = i;
        }
    }
}

uint32_t opt_number(mu_opt_graph *graph, mu_opt_node like, const uint32_t *inputs, uint32_t count)
{
    like.block = MU_OPT_NONE;
    if (graph->nodes.count > graph->bucket_count) {
        grow_buckets(graph);
    }
    uint32_t *bucket = &graph->buckets[hash_of(&like, inputs, count) % graph->bucket_count];
    for (uint32_t i = *bucket; i != MU_OPT_NONE; i = opt_node(graph, i)->next) {
        if (is_same(opt_node(graph, i), &like, inputs, count)) {
            return i;
        }
    }
    like.next = *bucket;
    return *bucket = add(graph, like, inputs, count);
}

uint32_t mu_opt_float(mu_opt_graph *graph, mu_opt_node like, const uint32_t *inputs, uint32_t count)
{
    uint32_t own[3] = {0};
    MU_INVARIANT(count <= 3, "a floating node of %u inputs", count);
    for (uint32_t i = 0; i < count; i++) {
        own[i] = inputs[i];
    }
    like.input_count = count;
    uint32_t folded = opt_fold(graph, &like, own);
    return folded != MU_OPT_NONE ? folded : opt_number(graph, like, own, like.input_count);
}

uint32_t mu_opt_const(mu_opt_graph *graph, mu_opt_kind kind, uint64_t bits)
{
    mu_opt_node like = {
        .op = MU_OPT_CONST, .kind = (uint8_t)kind, .width = 8, .imm = bits, .inst = MU_OPT_NONE};
    return opt_number(graph, like, NULL, 0);
}

/* ---- what is known of ints */

static uint32_t length_of(uint64_t value)
{
    return value ? 64 - (uint32_t)__builtin_clzll(value) : 0;
}

uint32_t opt_known_bits(const mu_opt_graph *graph, uint32_t index)
{
    const mu_opt_node *node = opt_node(graph, index);
    uint32_t by_width = node->width == 4 ? 32 : 64;
    uint64_t bits;
    switch ((mu_opt_op)node->op) {
    case MU_OPT_CONST: return length_of(node->imm);
    case MU_OPT_PARAM:
    case MU_OPT_PHI:
    case MU_OPT_RESULT: return node->cond;
    case MU_OPT_CMP:
    case MU_OPT_FCMP: return 1;
    case MU_OPT_LOAD:
    case MU_OPT_FIXED: return node->width * 8u;
    case MU_OPT_ZEXT: return (uint32_t)node->imm;
    case MU_OPT_AND:
        return mu_opt_is_const(graph, node->inputs[1], &bits) && length_of(bits) < by_width
                   ? length_of(bits)
                   : by_width;
    case MU_OPT_LSHR:
        return mu_opt_is_const(graph, node->inputs[1], &bits) && bits < by_width
                   ? by_width - (uint32_t)bits
                   : by_width;
    case MU_OPT_TO_BITS: return opt_node(graph, node->inputs[0])->kind == MU_OPT_FLOAT ? 32 : 64;
    case MU_OPT_TO_INT: return 64;
    default: return by_width;
    }
}

uint32_t opt_int2(mu_opt_graph *graph, mu_opt_op op, uint8_t width, uint32_t a, uint32_t b)
{
    uint32_t inputs[2] = {a, b};
    mu_opt_node like = {.op = (uint8_t)op, .kind = MU_OPT_INT, .width = width, .inst = MU_OPT_NONE};
    return mu_opt_float(graph, like, inputs, 2);
}

uint32_t opt_zext(mu_opt_graph *graph, uint32_t a, uint32_t bits)
{
    mu_opt_node like = {
        .op = MU_OPT_ZEXT, .kind = MU_OPT_INT, .width = 8, .imm = bits, .inst = MU_OPT_NONE};
    return bits >= 64 ? a : mu_opt_float(graph, like, &a, 1);
}

uint32_t opt_sext(mu_opt_graph *graph, uint32_t a, uint32_t bits, uint8_t width)
{
    mu_opt_node like = {
        .op = MU_OPT_SEXT, .kind = MU_OPT_INT, .width = width, .imm = bits, .inst = MU_OPT_NONE};
    return bits >= width * 8u ? a : mu_opt_float(graph, like, &a, 1);
}

uint32_t opt_cmp(mu_opt_graph *graph, mu_opt_cond cond, uint8_t width, uint32_t a, uint32_t b)
{
    uint32_t inputs[2] = {a, b};
    mu_opt_node like = {.op = MU_OPT_CMP,
                        .kind = MU_OPT_INT,
                        .width = width,
                        .cond = (uint8_t)cond,
                        .inst = MU_OPT_NONE};
    return mu_opt_float(graph, like, inputs, 2);
}
