/* Where everything goes: the order of blocks, and a block for each floating node (Click, "Global
 * Code Motion / Global Value Numbering", PLDI 1995): as late as its uses let it, but out of loops
 * as far as its inputs do. */
#include "graph.h"

/* ---- dominators: Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" */

static void order_postfix(mu_opt_graph *g)
{
    uint32_t count = g->blocks.count;
    uint32_t *stack = mu_allocate(count * sizeof *stack);
    uint32_t *next = mu_allocate(count * sizeof *next);
    bool *seen = mu_allocate(count * sizeof *seen);
    uint32_t depth = 1;
    g->order.count = 0;
    seen[0] = true;
    stack[0] = 0;
    while (depth) {
        mu_opt_block *block = opt_block(g, stack[depth - 1]);
        uint32_t at = next[stack[depth - 1]]++;
        if (at == block->succs.count) {
            MU_ARRAY_PUSH(&g->order, stack[--depth]);
            continue;
        }
        /* The likely way is the first successor: visited last, it comes next. */
        uint32_t to = block->succs.items[block->succs.count - 1 - at];
        if (!seen[to]) {
            seen[to] = true;
            stack[depth++] = to;
        }
    }
    for (uint32_t i = 0; i < g->order.count / 2; i++) {
        uint32_t other = g->order.items[g->order.count - 1 - i];
        g->order.items[g->order.count - 1 - i] = g->order.items[i];
        g->order.items[i] = other;
    }
    mu_free(stack);
    mu_free(next);
    mu_free(seen);
}

static void number_blocks(mu_opt_graph *g)
{
    for (uint32_t i = 0; i < g->order.count; i++) {
        opt_block(g, g->order.items[i])->position = i;
    }
}

static uint32_t meet(const mu_opt_graph *g, uint32_t a, uint32_t b)
{
    while (a != b) {
        if (opt_block(g, a)->position > opt_block(g, b)->position) {
            a = opt_block(g, a)->dominator;
        } else {
            b = opt_block(g, b)->dominator;
        }
    }
    return a;
}

static void find_dominators(mu_opt_graph *g)
{
    for (uint32_t i = 0; i < g->blocks.count; i++) {
        opt_block(g, i)->dominator = i ? MU_OPT_NONE : 0;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 1; i < g->order.count; i++) {
            mu_opt_block *block = opt_block(g, g->order.items[i]);
            uint32_t dominator = MU_OPT_NONE;
            for (uint32_t p = 0; p < block->preds.count; p++) {
                uint32_t pred = block->preds.items[p];
                if (opt_block(g, pred)->dominator != MU_OPT_NONE) {
                    dominator = dominator == MU_OPT_NONE ? pred : meet(g, dominator, pred);
                }
            }
            changed = changed || block->dominator != dominator;
            block->dominator = dominator;
        }
    }
    for (uint32_t i = 1; i < g->order.count; i++) {
        mu_opt_block *block = opt_block(g, g->order.items[i]);
        block->depth = opt_block(g, block->dominator)->depth + 1;
    }
}

static bool dominates(const mu_opt_graph *g, uint32_t a, uint32_t b)
{
    while (opt_block(g, b)->depth > opt_block(g, a)->depth) {
        b = opt_block(g, b)->dominator;
    }
    return a == b;
}

/* ---- loops */

/* Marks the blocks of the loop that `header` heads, from its back edges backwards. */
static void mark_loop(mu_opt_graph *g, uint32_t header, uint32_t *marks, uint32_t *stack)
{
    uint32_t depth = 0;
    const mu_opt_block *head = opt_block(g, header);
    marks[header] = header;
    for (uint32_t p = 0; p < head->preds.count; p++) {
        uint32_t pred = head->preds.items[p];
        if (dominates(g, header, pred) && marks[pred] != header) {
            marks[pred] = header;
            stack[depth++] = pred;
        }
    }
    while (depth) {
        const mu_opt_block *block = opt_block(g, stack[--depth]);
        for (uint32_t p = 0; p < block->preds.count; p++) {
            uint32_t pred = block->preds.items[p];
            if (marks[pred] != header) {
                marks[pred] = header;
                stack[depth++] = pred;
            }
        }
    }
}

/* Brings the loop's blocks together behind its header; what stood between goes behind them. */
static void gather_loop(mu_opt_graph *g, uint32_t header, const uint32_t *marks, uint32_t *spare)
{
    uint32_t first = opt_block(g, header)->position;
    uint32_t last = first;
    for (uint32_t i = first; i < g->order.count; i++) {
        last = marks[g->order.items[i]] == header ? i : last;
    }
    uint32_t inside = first;
    uint32_t outside = 0;
    for (uint32_t i = first; i <= last; i++) {
        uint32_t block = g->order.items[i];
        if (marks[block] == header) {
            opt_block(g, block)->loop_depth++;
            g->order.items[inside++] = block;
        } else {
            spare[outside++] = block;
        }
    }
    memcpy(&g->order.items[inside], spare, outside * sizeof *spare);
    number_blocks(g);
}

static bool is_header(const mu_opt_graph *g, uint32_t block)
{
    const mu_opt_block *b = opt_block(g, block);
    for (uint32_t p = 0; p < b->preds.count; p++) {
        if (dominates(g, block, b->preds.items[p])) {
            return true;
        }
    }
    return false;
}

/* When all loops are together: to gather an inner one may have moved what was last of an outer one.
 */
static void find_loop_ends(mu_opt_graph *g, uint32_t *marks, uint32_t *stack)
{
    memset(marks, 0xff, g->blocks.count * sizeof *marks);
    for (uint32_t i = 0; i < g->order.count; i++) {
        uint32_t header = g->order.items[i];
        if (!is_header(g, header)) {
            continue;
        }
        mark_loop(g, header, marks, stack);
        for (uint32_t k = i; k < g->order.count; k++) {
            uint32_t block = g->order.items[k];
            if (marks[block] == header) {
                opt_block(g, header)->loop_end = block;
            }
        }
    }
}

bool opt_order_blocks(mu_opt_graph *g)
{
    order_postfix(g);
    number_blocks(g);
    find_dominators(g);
    for (uint32_t i = 0; i < g->order.count; i++) {
        const mu_opt_block *block = opt_block(g, g->order.items[i]);
        for (uint32_t p = 0; p < block->preds.count; p++) {
            uint32_t pred = block->preds.items[p];
            if (opt_block(g, pred)->position >= i && !dominates(g, g->order.items[i], pred)) {
                return false;
            }
        }
    }
    uint32_t *marks = mu_allocate(g->blocks.count * sizeof *marks);
    uint32_t *stack = mu_allocate(g->blocks.count * sizeof *stack);
    memset(marks, 0xff, g->blocks.count * sizeof *marks);
    for (uint32_t i = 0; i < g->order.count; i++) { /* outer loops come first */
        uint32_t block = g->order.items[i];
        if (is_header(g, block)) {
            mark_loop(g, block, marks, stack);
            gather_loop(g, block, marks, stack);
        }
    }
    find_loop_ends(g, marks, stack);
    mu_free(marks);
    mu_free(stack);
    return true;
}

/* ---- placing */

typedef struct scheduler {
    mu_opt_graph *g;
    uint32_t *early; /* by node: the deepest block of its inputs */
    uint32_t *late;  /* the block that dominates all its uses; MU_OPT_NONE: none is known yet */
    uint8_t *state;
    uint32_t *stack;
    MU_ARRAY(uint32_t) found; /* floating nodes, inputs first */
} scheduler;
enum { UNSEEN, OPEN, DONE };

/* What is there from the beginning, or made wherever it is wanted. */
static bool is_placeless(const mu_opt_node *node)
{
    return node->op == MU_OPT_CONST || node->op == MU_OPT_PARAM;
}

static bool is_floating(const mu_opt_node *node)
{
    return node->block == MU_OPT_NONE && !is_placeless(node);
}

/* Lists what floats under `root`, inputs before users, with their earliest blocks. */
static void find_under(scheduler *s, uint32_t root)
{
    MU_ARRAY(uint32_t) stack = {0};
    MU_ARRAY_PUSH(&stack, root);
    while (stack.count) {
        uint32_t index = stack.items[stack.count - 1];
        const mu_opt_node *node = opt_node(s->g, index);
        if (s->state[index] == DONE || !is_floating(node)) {
            stack.count--;
            continue;
        }
        if (s->state[index] == UNSEEN) {
            s->state[index] = OPEN;
            for (uint32_t i = 0; i < node->input_count; i++) {
                MU_ARRAY_PUSH(&stack, node->inputs[i]);
            }
            continue;
        }
        uint32_t early = 0;
        for (uint32_t i = 0; i < node->input_count; i++) {
            const mu_opt_node *input = opt_node(s->g, node->inputs[i]);
            uint32_t block = is_placeless(input)  ? 0
                             : is_floating(input) ? s->early[node->inputs[i]]
                                                  : input->block;
            early = opt_block(s->g, block)->depth > opt_block(s->g, early)->depth ? block : early;
        }
        s->early[index] = early;
        s->state[index] = DONE;
        MU_ARRAY_PUSH(&s->found, index);
        stack.count--;
    }
    MU_ARRAY_FREE(&stack);
}

static void used_in(scheduler *s, uint32_t node, uint32_t block)
{
    if (!is_floating(opt_node(s->g, node))) {
        return;
    }
    s->late[node] = s->late[node] == MU_OPT_NONE ? block : meet(s->g, s->late[node], block);
}

static void visit_uses(scheduler *s, bool finds)
{
    mu_opt_graph *g = s->g;
    for (uint32_t i = 0; i < g->order.count; i++) {
        uint32_t index = g->order.items[i];
        const mu_opt_block *block = opt_block(g, index);
        for (uint32_t k = 0; k < block->nodes.count; k++) {
            const mu_opt_node *node = opt_node(g, block->nodes.items[k]);
            for (uint32_t n = 0; n < node->input_count; n++) {
                if (finds) {
                    find_under(s, node->inputs[n]);
                } else {
                    used_in(s, node->inputs[n], index);
                }
            }
        }
        for (uint32_t p = 0; p < block->phis.count; p++) {
            const mu_opt_node *phi = opt_node(g, block->phis.items[p]);
            for (uint32_t n = 0; n < phi->input_count; n++) {
                if (finds) {
                    find_under(s, phi->inputs[n]);
                } else {
                    used_in(s, phi->inputs[n], block->preds.items[n]);
                }
            }
        }
    }
}

/* The latest block on the way up to the earliest that is in the fewest loops. */
static void place(scheduler *s, uint32_t index)
{
    mu_opt_graph *g = s->g;
    uint32_t block = s->late[index];
    uint32_t best = block;
    while (block != s->early[index]) {
        block = opt_block(g, block)->dominator;
        if (opt_block(g, block)->loop_depth < opt_block(g, best)->loop_depth) {
            best = block;
        }
    }
    const mu_opt_node *node = opt_node(g, index);
    for (uint32_t i = 0; i < node->input_count; i++) {
        used_in(s, node->inputs[i], best);
    }
    opt_node(g, index)->block = best;
}

/* ---- an order within blocks: what floats stands right before its first user */

static void emit(mu_opt_graph *g, uint32_t block, uint32_t root, uint8_t *state, uint32_t *list,
                 uint32_t *count)
{
    MU_ARRAY(uint32_t) stack = {0};
    MU_ARRAY_PUSH(&stack, root);
    while (stack.count) {
        uint32_t index = stack.items[stack.count - 1];
        const mu_opt_node *node = opt_node(g, index);
        bool is_here = node->block == block && mu_opt_floats(node->op) && state[index] != DONE;
        if (!is_here || is_placeless(node)) {
            stack.count--;
        } else if (state[index] == UNSEEN) {
            state[index] = OPEN;
            for (uint32_t i = node->input_count; i-- > 0;) {
                MU_ARRAY_PUSH(&stack, node->inputs[i]);
            }
        } else {
            state[index] = DONE;
            list[(*count)++] = index;
            stack.count--;
        }
    }
    MU_ARRAY_FREE(&stack);
}

/* `floating`: those of this block, inputs first. */
static void order_nodes(mu_opt_graph *g, uint32_t index, const uint32_t *floating,
                        uint32_t floating_count, uint8_t *state)
{
    mu_opt_block *block = opt_block(g, index);
    uint32_t pinned = block->nodes.count;
    uint32_t *list = MU_ARENA_ARRAY(g->arena, uint32_t, pinned + floating_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < pinned; i++) { /* pinned divisions are not `floating` */
        state[block->nodes.items[i]] = DONE;
    }
    for (uint32_t i = 0; i < pinned; i++) {
        uint32_t node = block->nodes.items[i];
        const mu_opt_node *n = opt_node(g, node);
        bool ends = n->op == MU_OPT_JUMP || n->op == MU_OPT_BRANCH ||
                    (block->succs.count == 2 && i + 1 == pinned);
        ends = ends || (block->succs.count == 2 && n->cond && n->op != MU_OPT_BRANCH &&
                        (n->op == MU_OPT_CALL || n->op == MU_OPT_TRAP || n->op == MU_OPT_NEW ||
                         n->op == MU_OPT_NEW_HYBRID));
        for (uint32_t f = 0; ends && f < floating_count; f++) {
            emit(g, index, floating[f], state, list, &count);
        }
        for (uint32_t k = 0; k < n->input_count; k++) {
            emit(g, index, n->inputs[k], state, list, &count);
        }
        list[count++] = node;
    }
    block->nodes.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        MU_ARRAY_PUSH(&block->nodes, list[i]);
    }
}

static void order_all(scheduler *s)
{
    mu_opt_graph *g = s->g;
    uint32_t *first = mu_allocate((g->blocks.count + 1) * sizeof *first);
    uint32_t *sorted = mu_allocate((s->found.count + 1) * sizeof *sorted);
    for (uint32_t i = 0; i < s->found.count; i++) {
        first[opt_node(g, s->found.items[i])->block + 1]++;
    }
    for (uint32_t i = 0; i < g->blocks.count; i++) {
        first[i + 1] += first[i];
    }
    uint32_t *next = mu_allocate((g->blocks.count + 1) * sizeof *next);
    memcpy(next, first, (g->blocks.count + 1) * sizeof *next);
    for (uint32_t i = 0; i < s->found.count; i++) {
        sorted[next[opt_node(g, s->found.items[i])->block]++] = s->found.items[i];
    }
    memset(s->state, 0, g->nodes.count);
    for (uint32_t i = 0; i < g->order.count; i++) {
        uint32_t block = g->order.items[i];
        order_nodes(g, block, sorted + first[block], first[block + 1] - first[block], s->state);
    }
    mu_free(first);
    mu_free(sorted);
    mu_free(next);
}

bool mu_opt_schedule(mu_opt_graph *graph)
{
    if (!opt_order_blocks(graph)) {
        graph->refused = "a loop of several entries";
        return false;
    }
    scheduler s = {.g = graph};
    uint32_t count = graph->nodes.count;
    s.early = mu_allocate(count * sizeof *s.early);
    s.late = mu_allocate(count * sizeof *s.late);
    s.state = mu_allocate(count);
    memset(s.late, 0xff, count * sizeof *s.late);
    visit_uses(&s, true);
    visit_uses(&s, false);
    for (uint32_t i = s.found.count; i-- > 0;) { /* users first */
        place(&s, s.found.items[i]);
    }
    order_all(&s);
    MU_ARRAY_FREE(&s.found);
    mu_free(s.early);
    mu_free(s.late);
    mu_free(s.state);
    return true;
}
