/* Random graphs with ephemerons and registrations beside a model that knows what they mean and
 * finds out what is alive in rounds. After a full collection the two agree exactly; after others,
 * what is alive in the model is whole, and nothing came to the queue that is. */
#include "fake_ephemerons.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NODES 4000
#define MAX_REGS  4000
#define NO_NODE   UINT32_MAX
#define ROOTS     40 /* of nodes; then come those of what is held weakly */
#define HOLDERS   16
enum { QUEUE = ROOTS + HOLDERS, COUNT, FIRST, SECOND };

typedef struct node {
    bool is_used;
    bool is_ephemeron;
    uint32_t edges[2]; /* key and value */
    uint32_t live;     /* the round in which it was found to be */
    uint32_t met;
    uintptr_t address; /* when it was met */
} node;

typedef struct reg {
    uint32_t object;
    uint32_t held; /* a node of its own, which says whose it is */
    uint32_t how;
    bool is_over;
    bool has_lapsed; /* held weakly, and dead in the model, but perhaps not found dead yet */
} reg;

typedef struct model {
    fake_mutator m;
    node nodes[MAX_NODES];
    uint32_t roots[ROOTS + HOLDERS];
    reg regs[MAX_REGS]; /* in the order of registering */
    uint32_t reg_count;
    uint32_t stack[2 * MAX_NODES + MAX_REGS];
    uint32_t stacked;
    uint32_t expected[MAX_REGS]; /* what is held, as it should come */
    uint32_t expected_count;
    uint32_t round;
    uint32_t seed;
    uint64_t delivered;
    uint64_t broken;
} model;

static uint32_t random_below(model *w, uint32_t bound)
{
    return (uint32_t)rand_r(&w->seed) % bound;
}

/* ---- what is alive */

static bool is_live(const model *w, uint32_t index)
{
    return index != NO_NODE && w->nodes[index].live == w->round;
}

static bool mark(model *w, uint32_t index)
{
    if (index == NO_NODE || is_live(w, index)) {
        return false;
    }
    w->stack[w->stacked++] = index;
    w->nodes[index].live = w->round;
    while (w->stacked > 0) {
        const node *n = &w->nodes[w->stack[--w->stacked]];
        for (uint32_t e = 0; e < 2 && !n->is_ephemeron; e++) {
            if (n->edges[e] != NO_NODE && !is_live(w, n->edges[e])) {
                w->nodes[n->edges[e]].live = w->round;
                w->stack[w->stacked++] = n->edges[e];
            }
        }
    }
    return true;
}

static void close_over_pairs(model *w)
{
    bool again;
    do {
        again = false;
        for (uint32_t i = 0; i < MAX_NODES; i++) {
            const node *n = &w->nodes[i];
            if (n->is_used && n->is_ephemeron && is_live(w, i) && is_live(w, n->edges[0])) {
                again = mark(w, n->edges[1]) || again;
            }
        }
        for (uint32_t i = 0; i < w->reg_count; i++) {
            const reg *r = &w->regs[i];
            if (!r->is_over && !(r->how & MU_GC_HELD_WEAKLY) && is_live(w, r->object)) {
                again = mark(w, r->held) || again;
            }
        }
    } while (again);
}

static void find_live(model *w)
{
    w->round++;
    for (uint32_t i = 0; i < ROOTS + HOLDERS; i++) {
        mark(w, w->roots[i]);
    }
    close_over_pairs(w);
}

/* Those that are due at once; false: none. */
static bool deliver(model *w, uint32_t last)
{
    uint32_t first = w->expected_count;
    for (uint32_t i = 0; i < w->reg_count; i++) {
        reg *r = &w->regs[i];
        if (r->is_over || (r->how & MU_GC_LAST) != last || is_live(w, r->object)) {
            continue;
        }
        r->is_over = true;
        if (!(r->how & MU_GC_HELD_WEAKLY) || is_live(w, r->held)) {
            w->expected[w->expected_count++] = r->held;
        }
    }
    for (uint32_t i = first; i < w->expected_count; i++) {
        mark(w, w->expected[i]);
    }
    close_over_pairs(w);
    return w->expected_count > first;
}

static void expect_all_dead(model *w)
{
    while (deliver(w, 0) || deliver(w, MU_GC_LAST)) {
    }
}

/* ---- comparing */

static void meet(model *w, uint32_t index, uintptr_t address)
{
    if (index == NO_NODE) {
        cr_assert_eq(address, 0);
        return;
    }
    node *n = &w->nodes[index];
    if (n->met == w->round) {
        cr_assert_eq(n->address, address, "one node has become two objects");
        return;
    }
    cr_assert_neq(address, 0, "an edge is lost");
    cr_assert_eq(mu_gc_type_of((mu_ref){address}),
                 n->is_ephemeron ? &mu_gc_ephemeron_type : &fake_pair);
    cr_assert(n->is_ephemeron || *fake_word(address, 0) == index);
    n->met = w->round;
    n->address = address;
    w->stack[w->stacked++] = index;
}

static void compare_ephemeron(model *w, node *n, bool is_exact)
{
    mu_ref key = mu_gc_ephemeron_key((mu_ref){n->address});
    mu_ref value = mu_gc_ephemeron_value((mu_ref){n->address});
    if (is_live(w, n->edges[0])) {
        meet(w, n->edges[0], key.address);
        meet(w, n->edges[1], value.address);
    } else if (key.address == 0) {
        cr_assert_eq(value.address, 0);
        w->broken += n->edges[0] != NO_NODE;
        n->edges[0] = n->edges[1] = NO_NODE;
    } else {
        cr_assert_not(is_exact, "a dead key is there");
    }
}

static void walk(model *w, bool is_exact)
{
    for (uint32_t i = 0; i < ROOTS + HOLDERS; i++) {
        meet(w, w->roots[i], w->m.roots[i]);
    }
    while (w->stacked > 0) {
        node *n = &w->nodes[w->stack[--w->stacked]];
        if (n->is_ephemeron) {
            compare_ephemeron(w, n, is_exact);
        } else {
            meet(w, n->edges[0], *fake_word(n->address, 1));
            meet(w, n->edges[1], *fake_word(n->address, 2));
        }
    }
}

/* The registration that holds what came. */
static reg *find_reg(model *w, uint32_t held)
{
    for (uint32_t i = 0; i < w->reg_count; i++) {
        if (w->regs[i].held == held) {
            return &w->regs[i];
        }
    }
    cr_assert(false, "node %u is held by nobody", held);
    return NULL;
}

/* Takes everything; some of it stays, in roots. */
static void take_all(model *w, bool is_exact)
{
    mu_ref queue = {w->m.roots[QUEUE]};
    uint64_t count = *fake_word(w->m.roots[COUNT], 0);
    uint64_t taken = 0;
    for (mu_ref held; (held = mu_gc_queue_take(w->m.heap, queue)).address; taken++) {
        uint32_t index = (uint32_t)*fake_word(held.address, 0);
        reg *r = find_reg(w, index);
        if (is_exact) {
            cr_assert_lt(taken, w->expected_count);
            cr_assert_eq(index, w->expected[taken], "not in the order of registering");
        } else {
            cr_assert(!r->is_over || r->has_lapsed, "it came twice");
            cr_assert_not(is_live(w, r->object));
            r->is_over = true;
            r->has_lapsed = false;
            w->expected[w->expected_count++] = index;
        }
        uint32_t root = random_below(w, ROOTS);
        w->roots[root] = index;
        w->m.roots[root] = held.address;
    }
    cr_assert_eq(taken, count);
    cr_assert_eq(taken, w->expected_count);
    cr_assert_eq(*fake_word(w->m.roots[COUNT], 0), 0);
    w->delivered += taken;
}

static void note_lapses(model *w)
{
    for (uint32_t i = 0; i < w->reg_count; i++) {
        reg *r = &w->regs[i];
        if (!r->is_over && r->how & MU_GC_HELD_WEAKLY && !is_live(w, r->held)) {
            r->is_over = r->has_lapsed = true;
        }
    }
}

/* After a full collection only, when nothing else can come back. */
static void forget_the_dead(model *w)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->reg_count; i++) {
        if (!w->regs[i].is_over) {
            w->regs[kept++] = w->regs[i];
        }
    }
    w->reg_count = kept;
    for (uint32_t i = 0; i < MAX_NODES; i++) {
        node *n = &w->nodes[i];
        n->is_used = n->is_used && is_live(w, i);
        if (n->is_ephemeron && !is_live(w, n->edges[0])) { /* also where nobody could look */
            n->edges[0] = n->edges[1] = NO_NODE;
        }
    }
}

static void compare(model *w, bool is_exact)
{
    w->expected_count = 0;
    find_live(w);
    if (is_exact) {
        expect_all_dead(w);
    }
    take_all(w, is_exact);
    for (uint32_t i = 0; i < w->expected_count; i++) {
        mark(w, w->expected[i]);
    }
    close_over_pairs(w);
    walk(w, is_exact);
    note_lapses(w);
    if (is_exact) {
        forget_the_dead(w);
    }
}

static void collect(model *w, bool full)
{
    uint64_t partial = mu_gc_heap_stats(w->m.heap).young_collections;
    if (full) {
        fake_collect(&w->m);
    } else {
        fake_collect_young(&w->m);
    }
    compare(w, mu_gc_heap_stats(w->m.heap).young_collections == partial);
}

/* ---- changing: nothing here collects but collect() */

static uint32_t free_node(model *w)
{
    for (;;) {
        for (uint32_t tries = 0; tries < 50; tries++) {
            uint32_t index = random_below(w, MAX_NODES);
            if (!w->nodes[index].is_used) {
                return index;
            }
        }
        for (uint32_t i = 0; i < ROOTS / 2; i++) {
            w->roots[i] = NO_NODE;
            w->m.roots[i] = 0;
        }
        collect(w, true);
    }
}

/* Walks from a root at random through strong edges. */
static uint32_t find_node(model *w, uintptr_t *address)
{
    uint32_t root = random_below(w, ROOTS);
    uint32_t index = w->roots[root];
    *address = w->m.roots[root];
    for (uint32_t steps = random_below(w, 8); steps > 0 && index != NO_NODE; steps--) {
        const node *n = &w->nodes[index];
        uint32_t edge = random_below(w, 2);
        if (n->is_ephemeron || n->edges[edge] == NO_NODE) {
            break;
        }
        index = n->edges[edge];
        *address = *fake_word(*address, 1 + edge);
    }
    return index;
}

static uint32_t put_in_root(model *w, uint32_t index, uintptr_t address)
{
    uint32_t root = random_below(w, ROOTS);
    w->roots[root] = index;
    w->m.roots[root] = address;
    return root;
}

static uintptr_t new_pair(model *w, uint32_t index, const uint32_t edges[2],
                          const uintptr_t addresses[2])
{
    uintptr_t made = fake_bump(&w->m, &fake_pair);
    *fake_word(made, 0) = index;
    *fake_word(made, 1) = addresses[0];
    *fake_word(made, 2) = addresses[1];
    w->nodes[index] = (node){.is_used = true, .edges = {edges[0], edges[1]}};
    return made;
}

static void add_node(model *w)
{
    uint32_t index = free_node(w);
    uint32_t edges[2];
    uintptr_t addresses[2];
    edges[0] = find_node(w, &addresses[0]);
    edges[1] = find_node(w, &addresses[1]);
    if (random_below(w, 2) || edges[0] == NO_NODE) {
        put_in_root(w, index, new_pair(w, index, edges, addresses));
        return;
    }
    w->m.roots[FIRST] = addresses[0];
    w->m.roots[SECOND] = addresses[1];
    uintptr_t made = fake_new_ephemeron(&w->m, FIRST, SECOND);
    w->m.roots[FIRST] = w->m.roots[SECOND] = 0;
    w->nodes[index] = (node){.is_used = true, .is_ephemeron = true, .edges = {edges[0], edges[1]}};
    put_in_root(w, index, made);
}

/* What is held refers to the object, now and then. */
static void add_registration(model *w)
{
    uint32_t index = free_node(w);
    uintptr_t address;
    uintptr_t addresses[2];
    uint32_t edges[2];
    uint32_t object = find_node(w, &address);
    if (object == NO_NODE || w->reg_count == MAX_REGS) {
        return;
    }
    edges[0] = random_below(w, 2) ? object : NO_NODE;
    addresses[0] = edges[0] == NO_NODE ? 0 : address;
    edges[1] = find_node(w, &addresses[1]);
    uint32_t how = random_below(w, 4);
    w->m.roots[FIRST] = address;
    w->m.roots[SECOND] = new_pair(w, index, edges, addresses);
    (void)fake_register(&w->m, QUEUE, FIRST, SECOND, how);
    w->regs[w->reg_count++] = (reg){.object = object, .held = index, .how = how};
    if (how & MU_GC_HELD_WEAKLY) {
        uint32_t root = ROOTS + random_below(w, HOLDERS);
        w->roots[root] = index;
        w->m.roots[root] = w->m.roots[SECOND];
    }
    w->m.roots[FIRST] = w->m.roots[SECOND] = 0;
}

static void change_edge(model *w)
{
    uintptr_t from_address;
    uintptr_t to_address;
    uint32_t from = find_node(w, &from_address);
    uint32_t to = find_node(w, &to_address);
    uint32_t edge = random_below(w, 2);
    if (from == NO_NODE) {
        return;
    }
    node *n = &w->nodes[from];
    if (!n->is_ephemeron) {
        fake_store(&w->m, from_address, 1 + edge, to_address);
        n->edges[edge] = to;
    } else if (mu_gc_ephemeron_key((mu_ref){from_address}).address) {
        mu_gc_ephemeron_set_value(w->m.heap, (mu_ref){from_address}, (mu_ref){to_address});
        n->edges[1] = to;
    }
}

static void change(model *w)
{
    uintptr_t address;
    uint32_t index;
    switch (random_below(w, 12)) {
    case 0:
    case 1: put_in_root(w, NO_NODE, 0); break;
    case 2:
        index = find_node(w, &address);
        put_in_root(w, index, address);
        break;
    case 3:
    case 4:
    case 5: change_edge(w); break;
    case 6:
    case 7: add_registration(w); break;
    default: add_node(w); break;
    }
}

typedef struct run_plan {
    uint32_t changes;
    uint32_t changes_per_collection;
    uint32_t full_in;
    bool stress;
    bool marks;
    job_threads *threads;
} run_plan;

static void run(uint32_t seed, const run_plan *plan)
{
    model *w = calloc(1, sizeof *w);
    mu_gc_config config = {.quota_bytes = 32 * FAKE_MIB,
                           .verify = seed % 2 == 0,
                           .stress = plan->stress,
                           .concurrent = plan->marks};
    memset(w->roots, 0xff, sizeof w->roots);
    if (plan->threads) {
        fake_start_helped(&w->m, &config, plan->threads);
    } else if (plan->marks) {
        fake_start_marking(&w->m, &config);
    } else {
        fake_start(&w->m, &config);
    }
    w->seed = seed;
    w->m.roots[COUNT] = fake_new(&w->m, &fake_words, 1);
    w->m.roots[QUEUE] = fake_new_queue(&w->m, COUNT);
    for (uint32_t i = 0; i < plan->changes; i++) {
        change(w);
        if (random_below(w, plan->changes_per_collection) == 0) {
            collect(w, random_below(w, plan->full_in) == 0);
        }
        if (plan->marks && random_below(w, plan->changes_per_collection / 2 + 1) == 0) {
            fake_run_job(&w->m);
        }
    }
    if (plan->marks) {
        cr_assert_gt(mu_gc_heap_stats(w->m.heap).markings, 2);
    }
    cr_assert_gt(w->delivered, 10);
    cr_assert_gt(w->broken, 10);
    memset(w->m.roots, 0, sizeof w->m.roots);
    fake_end(&w->m);
    free(w);
}

Test(mu_gc_ephemeron_graph, full_collections_agree_with_the_model)
{
    for (uint32_t seed = 1; seed <= 6; seed++) {
        run(seed, &(run_plan){30000, 300, 1, false, false, NULL});
    }
}

Test(mu_gc_ephemeron_graph, young_collections_agree_with_the_model)
{
    for (uint32_t seed = 100; seed <= 107; seed++) {
        run(seed, &(run_plan){20000, 60, 10, false, false, NULL});
        run(seed, &(run_plan){3000, 6, 5, true, false, NULL});
    }
}

Test(mu_gc_ephemeron_graph, markings_agree_with_the_model)
{
    for (uint32_t seed = 200; seed <= 211; seed++) {
        run(seed, &(run_plan){20000, 60, 30, false, true, NULL});
        run(seed, &(run_plan){4000, 6, 100, true, true, NULL});
    }
}

/* Under stress even small stops ask for help. */
Test(mu_gc_ephemeron_graph, collections_by_several_threads_agree_with_the_model)
{
    job_threads threads;
    job_threads_start(&threads, 3);
    for (uint32_t seed = 300; seed <= 305; seed++) {
        run(seed, &(run_plan){20000, 300, 1, true, false, &threads});
        run(seed, &(run_plan){6000, 20, 5, true, false, &threads});
        run(seed, &(run_plan){6000, 20, 30, true, true, &threads});
    }
    cr_assert_gt(job_threads_end(&threads), 100);
}
