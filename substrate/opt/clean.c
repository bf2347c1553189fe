/* A graph made anew from one: only what can be reached, blocks that follow each other as one, phis
 * that choose between equals gone, and everything folded and numbered again. Redundant phis are
 * those of Braun and others, "Simple and Efficient Construction of Static Single Assignment Form"
 * (CC 2013): all of whose inputs are one value or themselves. */
#include "graph.h"

#define ROUNDS_MAX     8u
#define KNOWING_ROUNDS 3u

typedef struct cleaner {
    const mu_opt_graph *from;
    mu_opt_graph *to;
    uint32_t *nodes;   /* old node → new one, or MU_OPT_NONE */
    uint32_t *same_as; /* old phi → what it always is; else itself */
    uint32_t *blocks;  /* old block → new one */
    uint32_t *order;   /* old blocks, reverse postorder */
    uint32_t order_count;
    uint32_t *stack;
    uint32_t stack_capacity;
} cleaner;

/* ---- what can be reached */

static bool is_decided(const mu_opt_graph *g, const mu_opt_block *block, uint32_t *succ)
{
    uint64_t c;
    if (!block->nodes.count) {
        return false;
    }
    const mu_opt_node *last = opt_node(g, block->nodes.items[block->nodes.count - 1]);
    bool is = last->op == MU_OPT_BRANCH && mu_opt_is_const(g, last->inputs[0], &c);
    *succ = is ? (c ? 0 : 1) : 0;
    return is;
}

static uint32_t succ_count(const mu_opt_graph *g, uint32_t block, uint32_t *first)
{
    const mu_opt_block *b = opt_block(g, block);
    *first = 0;
    return is_decided(g, b, first) ? 1 : b->succs.count;
}

static void order_reachable(cleaner *c)
{
    const mu_opt_graph *g = c->from;
    uint32_t count = g->blocks.count;
    uint32_t *stack = mu_allocate(count * sizeof *stack);
    uint32_t *next = mu_allocate(count * sizeof *next);
    bool *seen = mu_allocate(count * sizeof *seen);
    uint32_t depth = 1;
    uint32_t left = count;
    seen[0] = true;
    stack[0] = 0;
    while (depth) {
        uint32_t block = stack[depth - 1];
        uint32_t first;
        uint32_t succs = succ_count(g, block, &first);
        if (next[block] == succs) {
            c->order[--left] = block;
            depth--;
            continue;
        }
        uint32_t to = opt_block(g, block)->succs.items[first + next[block]++];
        if (!seen[to]) {
            seen[to] = true;
            stack[depth++] = to;
        }
    }
    c->order_count = count - left;
    memmove(c->order, c->order + left, c->order_count * sizeof *c->order);
    for (uint32_t i = 0; i < count; i++) {
        c->blocks[i] = seen[i] ? 0 : MU_OPT_NONE; /* 0: reachable, not made yet */
    }
    mu_free(stack);
    mu_free(next);
    mu_free(seen);
}

static bool edge_is_live(const cleaner *c, uint32_t from, uint32_t to)
{
    uint32_t first;
    if (c->blocks[from] == MU_OPT_NONE) {
        return false;
    }
    const mu_opt_block *block = opt_block(c->from, from);
    return !is_decided(c->from, block, &first) || block->succs.items[first] == to;
}

/* ---- phis */

static uint32_t resolve(const cleaner *c, uint32_t node)
{
    while (c->same_as[node] != node) {
        node = c->same_as[node];
    }
    return node;
}

static bool find_same(cleaner *c, uint32_t block, uint32_t phi)
{
    const mu_opt_node *node = opt_node(c->from, phi);
    const mu_opt_block *b = opt_block(c->from, block);
    uint32_t same = MU_OPT_NONE;
    for (uint32_t i = 0; i < node->input_count; i++) {
        uint32_t input = resolve(c, node->inputs[i]);
        if (input == phi || !edge_is_live(c, b->preds.items[i], block) || input == same) {
            continue;
        }
        if (same != MU_OPT_NONE) {
            return false;
        }
        same = input;
    }
    if (same == MU_OPT_NONE) {
        return false;
    }
    c->same_as[phi] = same;
    return true;
}

static void find_redundant(cleaner *c)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < c->order_count; i++) {
            const mu_opt_block *block = opt_block(c->from, c->order[i]);
            for (uint32_t p = 0; p < block->phis.count; p++) {
                uint32_t phi = block->phis.items[p];
                changed = (c->same_as[phi] == phi && find_same(c, c->order[i], phi)) || changed;
            }
        }
    }
}

/* ---- copies */

static void push(cleaner *c, uint32_t *depth, uint32_t node)
{
    if (*depth == c->stack_capacity) {
        c->stack_capacity = c->stack_capacity ? c->stack_capacity * 2 : 64;
        c->stack = mu_reallocate(c->stack, c->stack_capacity * sizeof *c->stack);
    }
    c->stack[(*depth)++] = node;
}

/* The new node of an old one; floating ones are made when they are first asked for, inputs first.
 */
static uint32_t copy(cleaner *c, uint32_t old)
{
    uint32_t depth = 0;
    old = resolve(c, old);
    push(c, &depth, old);
    while (depth) {
        uint32_t node = c->stack[depth - 1];
        const mu_opt_node *n = opt_node(c->from, node);
        uint32_t inputs[3];
        bool ready = true;
        if (c->nodes[node] != MU_OPT_NONE) {
            depth--;
            continue;
        }
        MU_INVARIANT(n->block == MU_OPT_NONE, "%s is used before it is made",
                     mu_opt_op_name(n->op));
        for (uint32_t i = 0; i < n->input_count; i++) {
            uint32_t input = resolve(c, n->inputs[i]);
            inputs[i] = c->nodes[input];
            if (inputs[i] == MU_OPT_NONE) {
                ready = false;
                push(c, &depth, input);
            }
        }
        if (ready) {
            c->nodes[node] = mu_opt_float(c->to, *n, inputs, n->input_count);
            depth--;
        }
    }
    return c->nodes[old];
}

static uint32_t sole_pred(const cleaner *c, uint32_t block)
{
    const mu_opt_block *b = opt_block(c->from, block);
    uint32_t pred = MU_OPT_NONE;
    for (uint32_t i = 0; i < b->preds.count; i++) {
        if (edge_is_live(c, b->preds.items[i], block)) {
            if (pred != MU_OPT_NONE) {
                return MU_OPT_NONE;
            }
            pred = b->preds.items[i];
        }
    }
    return pred;
}

/* Goes on in its predecessor's block where that leads nowhere else. */
static bool continues(const cleaner *c, uint32_t block, uint32_t *pred)
{
    uint32_t first;
    *pred = sole_pred(c, block);
    return block && *pred != MU_OPT_NONE && !opt_block(c->from, block)->is_landing &&
           succ_count(c->from, *pred, &first) == 1;
}

static void make_block(cleaner *c, uint32_t old)
{
    uint32_t pred;
    if (continues(c, old, &pred)) {
        c->blocks[old] = c->blocks[pred];
        return;
    }
    const mu_opt_block *b = opt_block(c->from, old);
    c->blocks[old] = opt_block_new(c->to);
    opt_block(c->to, c->blocks[old])->is_landing = b->is_landing;
    for (uint32_t i = 0; i < b->phis.count; i++) {
        uint32_t phi = b->phis.items[i];
        const mu_opt_node *n = opt_node(c->from, phi);
        if (c->same_as[phi] == phi) {
            c->nodes[phi] = opt_phi(c->to, c->blocks[old], n->kind, n->cond);
        }
    }
}

/* A division whose divisor turned out to be a constant floats. */
static uint32_t place_again(cleaner *c, uint32_t block, const mu_opt_node *n,
                            const uint32_t *inputs)
{
    uint64_t constant;
    bool may_float =
        mu_opt_floats(n->op) && mu_opt_is_const(c->to, inputs[1], &constant) && constant != 0;
    return may_float ? mu_opt_float(c->to, *n, inputs, n->input_count)
                     : mu_opt_pin(c->to, block, *n, inputs, n->input_count);
}

/* What says nothing new: a check that holds. */
static bool is_needless(const cleaner *c, const mu_opt_node *n, const uint32_t *inputs)
{
    uint64_t constant;
    return n->op == MU_OPT_CHECK && mu_opt_is_const(c->to, inputs[0], &constant) && constant != 0;
}

static void copy_pinned(cleaner *c, uint32_t old, bool drops_jump)
{
    const mu_opt_block *b = opt_block(c->from, old);
    uint32_t block = c->blocks[old];
    uint32_t ignored;
    for (uint32_t i = 0; i < b->nodes.count; i++) {
        uint32_t node = b->nodes.items[i];
        mu_opt_node n = *opt_node(c->from, node);
        bool is_jump = n.op == MU_OPT_JUMP || n.op == MU_OPT_BRANCH;
        if ((is_jump && drops_jump) || c->same_as[node] != node) {
            continue;
        }
        if (n.op == MU_OPT_BRANCH && is_decided(c->from, b, &ignored)) {
            n.op = MU_OPT_JUMP;
            n.input_count = 0;
        }
        uint32_t *inputs = MU_ARENA_ARRAY(c->to->arena, uint32_t, n.input_count + 1);
        for (uint32_t k = 0; k < n.input_count; k++) {
            inputs[k] = copy(c, n.inputs[k]);
        }
        if (is_needless(c, &n, inputs)) {
            continue;
        }
        c->nodes[node] = place_again(c, block, &n, inputs);
    }
}

static void connect(cleaner *c, uint32_t old)
{
    const mu_opt_block *b = opt_block(c->from, old);
    uint32_t first;
    uint32_t succs = succ_count(c->from, old, &first);
    uint32_t pred;
    for (uint32_t i = 0; i < succs; i++) {
        uint32_t to = b->succs.items[first + i];
        if (!continues(c, to, &pred)) {
            opt_edge(c->to, c->blocks[old], c->blocks[to]);
        }
    }
}

/* Inputs in the order of the new predecessors, which is that of `connect`. */
static void fill_phis(cleaner *c, uint32_t old)
{
    const mu_opt_block *b = opt_block(c->from, old);
    uint32_t count = opt_block(c->to, c->blocks[old])->preds.count;
    for (uint32_t p = 0; p < b->phis.count; p++) {
        uint32_t phi = b->phis.items[p];
        if (c->same_as[phi] != phi) {
            continue;
        }
        uint32_t *inputs = MU_ARENA_ARRAY(c->to->arena, uint32_t, count + 1);
        for (uint32_t i = 0; i < b->preds.count; i++) {
            uint32_t from = b->preds.items[i];
            if (!edge_is_live(c, from, old)) {
                continue;
            }
            const mu_opt_block *to = opt_block(c->to, c->blocks[old]);
            uint32_t at = 0;
            while (at < count && to->preds.items[at] != c->blocks[from]) {
                at++;
            }
            MU_INVARIANT(at < count, "a block lost a predecessor");
            inputs[at] = copy(c, opt_node(c->from, phi)->inputs[i]);
        }
        opt_node(c->to, c->nodes[phi])->inputs = inputs;
        opt_node(c->to, c->nodes[phi])->input_count = count;
    }
}

static bool leads_on(const cleaner *c, uint32_t old)
{
    uint32_t first;
    uint32_t pred;
    return succ_count(c->from, old, &first) == 1 &&
           continues(c, opt_block(c->from, old)->succs.items[first], &pred);
}

static void copy_graph(cleaner *c)
{
    for (uint32_t i = 0; i < c->order_count; i++) {
        make_block(c, c->order[i]);
        copy_pinned(c, c->order[i], leads_on(c, c->order[i]));
    }
    for (uint32_t i = 0; i < c->order_count; i++) {
        connect(c, c->order[i]);
    }
    for (uint32_t i = 0; i < c->order_count; i++) {
        fill_phis(c, c->order[i]);
    }
}

/* `same_as`: by node, what takes its place, or itself; taken. */
static mu_opt_graph *clean_once(const mu_opt_graph *graph, uint32_t *same_as)
{
    cleaner c = {.from = graph, .to = opt_graph_new(graph->version), .same_as = same_as};
    uint32_t nodes = graph->nodes.count;
    c.nodes = mu_allocate(nodes * sizeof *c.nodes);
    c.blocks = mu_allocate(graph->blocks.count * sizeof *c.blocks);
    c.order = mu_allocate(graph->blocks.count * sizeof *c.order);
    memset(c.nodes, 0xff, nodes * sizeof *c.nodes);
    order_reachable(&c);
    find_redundant(&c);
    copy_graph(&c);
    mu_free(c.nodes);
    mu_free(c.same_as);
    mu_free(c.blocks);
    mu_free(c.order);
    mu_free(c.stack);
    return c.to;
}

static uint32_t *themselves(const mu_opt_graph *graph)
{
    uint32_t *same_as = mu_allocate((graph->nodes.count + 1) * sizeof *same_as);
    for (uint32_t i = 0; i < graph->nodes.count; i++) {
        same_as[i] = i;
    }
    return same_as;
}

static void replace(mu_opt_graph **graph, mu_opt_graph *by)
{
    mu_opt_free(*graph);
    *graph = by;
}

void mu_opt_clean(mu_opt_graph **graph)
{
    uint32_t before;
    uint32_t round = 0;
    do {
        before = (*graph)->nodes.count;
        replace(graph, clean_once(*graph, themselves(*graph)));
    } while ((*graph)->nodes.count != before && ++round < ROUNDS_MAX);
}

void mu_opt_improve(mu_opt_graph **graph)
{
    mu_opt_clean(graph);
    for (uint32_t round = 0; round < KNOWING_ROUNDS && opt_order_blocks(*graph); round++) {
        (void)opt_int(*graph, 0); /* no node may come to be while these are looked at */
        (void)opt_int(*graph, 1);
        uint32_t *same_as = themselves(*graph);
        bool changed = opt_know(*graph, same_as);
        /* Ordered, a graph can only be cleaned again. */
        replace(graph, clean_once(*graph, same_as));
        mu_opt_clean(graph);
        if (!changed) {
            return;
        }
    }
}
