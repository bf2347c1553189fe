/* What is known from before: values of memory that was read or written, references that are not
 * NULL, conditions that were decided. A block knows what its only predecessor knew at its end.
 *
 * Memory. Loads and stores that are not atomic may be taken for each other's, since a program whose
 * threads race for them has no defined meaning (memory-model.rest). A store may change any place of
 * its type, but none of the same object at another offset. Atomic accesses, calls, traps and
 * yieldpoints may change everything. */
#include "graph.h"

#define FACTS_MAX  32u
#define PLACES_MAX 32u

typedef struct fact {
    uint32_t node;
    uint32_t value; /* of a reference: the NON_NULL that it has passed */
    bool holds;
} fact;

typedef struct place {
    uint32_t base, offset;
    uint64_t imm;
    uint8_t width, kind;
    uint32_t canonical; /* of what is there */
    uint32_t value;
} place;

typedef struct knowledge {
    fact facts[FACTS_MAX];
    place places[PLACES_MAX];
    uint32_t fact_count, place_count; /* ever noted: the arrays are rings */
} knowledge;

typedef struct knower {
    mu_opt_graph *g;
    uint32_t *same_as;
    knowledge *at_end; /* by position */
    knowledge now;
    bool checked;
    bool changed;
} knower;

static uint32_t resolve(const knower *k, uint32_t node)
{
    while (k->same_as[node] != node) {
        node = k->same_as[node];
    }
    return node;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- conditions */

static void note_fact(knower *k, uint32_t node, bool holds)
{
    k->now.facts[k->now.fact_count++ % FACTS_MAX] =
        (fact){.node = node, .value = node, .holds = holds};
}

static const fact *find_fact(const knower *k, uint32_t node)
{
    for (uint32_t i = 0; i < least(k->now.fact_count, FACTS_MAX); i++) {
        if (k->now.facts[i].node == node) {
            return &k->now.facts[i];
        }
    }
    return NULL;
}

static void know_condition(knower *k, mu_opt_node *node)
{
    const fact *known = find_fact(k, resolve(k, node->inputs[0]));
    if (known) {
        node->inputs[0] = opt_int(k->g, known->holds);
        k->changed = true;
    }
}

/* ---- memory */

static bool is_place(const knower *k, const place *p, const mu_opt_node *node)
{
    return p->base == resolve(k, node->inputs[0]) && p->offset == resolve(k, node->inputs[1]) &&
           p->imm == node->imm;
}

static const place *find_place(const knower *k, const mu_opt_node *node)
{
    for (uint32_t i = 0; i < least(k->now.place_count, PLACES_MAX); i++) {
        const place *p = &k->now.places[i];
        if (p->value != MU_OPT_NONE && is_place(k, p, node) && p->width == node->width &&
            p->canonical == node->type->canonical) {
            return p;
        }
    }
    return NULL;
}

static void note_place(knower *k, const mu_opt_node *node, uint32_t value)
{
    k->now.places[k->now.place_count++ % PLACES_MAX] =
        (place){.base = resolve(k, node->inputs[0]),
                .offset = resolve(k, node->inputs[1]),
                .imm = node->imm,
                .width = node->width,
                .canonical = node->type->canonical,
                .value = resolve(k, value)};
}

static bool is_apart(const knower *k, const place *p, const mu_opt_node *store)
{
    bool same_object =
        p->base == resolve(k, store->inputs[0]) && p->offset == resolve(k, store->inputs[1]);
    int64_t distance = (int64_t)store->imm - (int64_t)p->imm;
    if (same_object) {
        return distance >= p->width || distance <= -(int64_t)store->width;
    }
    return k->checked && p->canonical != store->type->canonical;
}

static void forget_places(knower *k, const mu_opt_node *store)
{
    for (uint32_t i = 0; i < least(k->now.place_count, PLACES_MAX); i++) {
        place *p = &k->now.places[i];
        p->value = is_apart(k, p, store) ? p->value : MU_OPT_NONE;
    }
}

/* A word in memory is as wide as its type; what was stored may have been wider by its node, never
 * by its value. */
static void know_load(knower *k, uint32_t index)
{
    const mu_opt_node *node = opt_node(k->g, index);
    if (node->cond) { /* atomic: others may have written before what is read behind it */
        k->now.place_count = 0;
        return;
    }
    const place *p = find_place(k, node);
    if (p) {
        k->same_as[index] = p->value;
        k->changed = true;
    } else {
        note_place(k, node, index);
    }
}

static void know_store(knower *k, uint32_t index)
{
    const mu_opt_node *node = opt_node(k->g, index);
    if (node->cond) {
        k->now.place_count = 0;
        return;
    }
    forget_places(k, node);
    note_place(k, node, node->inputs[2]);
}

static void know_non_null(knower *k, uint32_t index)
{
    mu_opt_node *node = opt_node(k->g, index);
    uint32_t base = resolve(k, node->inputs[0]);
    const fact *known = find_fact(k, base);
    mu_opt_op op = opt_node(k->g, base)->op;
    bool is_object =
        op == MU_OPT_NON_NULL || op == MU_OPT_NEW || op == MU_OPT_NEW_HYBRID || op == MU_OPT_GLOBAL;
    if (is_object) {
        k->same_as[index] = base;
        k->changed = true;
    } else if (known) {
        k->same_as[index] = known->value;
        k->changed = true;
    } else {
        k->now.facts[k->now.fact_count++ % FACTS_MAX] = (fact){base, index, true};
    }
}

/* ---- blocks */

static void know_node(knower *k, uint32_t index)
{
    mu_opt_node *node = opt_node(k->g, index);
    switch ((mu_opt_op)node->op) {
    case MU_OPT_LOAD: know_load(k, index); break;
    case MU_OPT_STORE: know_store(k, index); break;
    case MU_OPT_NON_NULL: know_non_null(k, index); break;
    case MU_OPT_CHECK:
        know_condition(k, node);
        note_fact(k, resolve(k, node->inputs[0]), true);
        break;
    case MU_OPT_BRANCH: know_condition(k, node); break;
    case MU_OPT_CALL:
    case MU_OPT_TRAP:
    case MU_OPT_POLL: k->now.place_count = 0; break;
    default: break;
    }
}

static void enter_block(knower *k, uint32_t index)
{
    const mu_opt_block *block = opt_block(k->g, index);
    if (block->preds.count != 1) {
        k->now.fact_count = k->now.place_count = 0;
        return;
    }
    const mu_opt_block *pred = opt_block(k->g, block->preds.items[0]);
    k->now = k->at_end[pred->position];
    const mu_opt_node *last = opt_node(k->g, pred->nodes.items[pred->nodes.count - 1]);
    if (last->op == MU_OPT_BRANCH) {
        note_fact(k, resolve(k, last->inputs[0]), pred->succs.items[0] == index);
    }
}

bool opt_know(mu_opt_graph *g, uint32_t *same_as)
{
    const mu_ir_version *version = g->version;
    knower k = {.g = g, .same_as = same_as};
    k.checked = !(version->bundle ? version->bundle : version->func->bundle)->trusted;
    k.at_end = mu_allocate(g->order.count * sizeof *k.at_end);
    for (uint32_t i = 0; i < g->order.count; i++) {
        uint32_t index = g->order.items[i];
        enter_block(&k, index);
        for (uint32_t n = 0; n < opt_block(g, index)->nodes.count; n++) {
            know_node(&k, opt_block(g, index)->nodes.items[n]);
        }
        k.at_end[i] = k.now;
    }
    mu_free(k.at_end);
    return k.changed;
}
