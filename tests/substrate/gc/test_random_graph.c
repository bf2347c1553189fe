/* Random graphs beside a model of them in plain C: after thousands of changes and many collections
 * the two are still isomorphic, weak edges included. */
#include "fake_mutator.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NODES 20000
#define NO_NODE   UINT32_MAX
/* A weak edge to an old object that died, and that only a collection of the whole heap clears. */
#define SOME_DEAD (UINT32_MAX - 1)
#define MAX_EDGES 1200

typedef enum node_kind { KIND_MIXED, KIND_ROW, KIND_WIDE, KIND_BOX, KIND_COUNT } node_kind;

typedef struct node {
    uintptr_t address; /* where the heap has it now */
    uint64_t id;
    node_kind kind;
    uint32_t edge_count;
    uint32_t round; /* when it was last reached */
    uint32_t *edges;
} node;

typedef struct model {
    fake_mutator mutator;
    node nodes[MAX_NODES];
    uint32_t count;
    uint32_t roots[FAKE_ROOTS];
    uint32_t queue[MAX_NODES];
    uint32_t round;
    uint64_t next_id;
    uint32_t seed;
    uint64_t full_collections; /* at the last comparison */
    uint32_t full_in;          /* one collection in so many */
} model;

/* mixed: [id][ref][tagref64][weak][ref] */
static const mu_abi_slot mixed_slots[] = {{.offset_bytes = 8, .kind = MU_ABI_SLOT_REF},
                                          {.offset_bytes = 16, .kind = MU_ABI_SLOT_TAGREF64},
                                          {.offset_bytes = 24, .kind = MU_ABI_SLOT_WEAK},
                                          {.offset_bytes = 32, .kind = MU_ABI_SLOT_REF}};
static const mu_abi_type mixed = {
    .size_bytes = 40, .align_bytes = 8, .slots = mixed_slots, .slot_count = 4, .name = "@mixed"};
/* row: [id] and elements [ref] */
/* wide: [id][ref][16 bytes of the id], aligned to 16 */
static const mu_abi_type wide = {
    .size_bytes = 32, .align_bytes = 16, .slots = mixed_slots, .slot_count = 1, .name = "@wide"};
/* box: [id] and 3 times [number][ref][tagref64][weak][ref] */
static const mu_abi_slot box_slots[] = {{.offset_bytes = 8,
                                         .kind = MU_ABI_SLOT_NESTED,
                                         .count = 3,
                                         .stride_bytes = 40,
                                         .nested = &mixed}};
static const mu_abi_type box = {
    .size_bytes = 128, .align_bytes = 8, .slots = box_slots, .slot_count = 1, .name = "@box"};

static uint32_t random_below(model *m, uint32_t bound)
{
    return (uint32_t)rand_r(&m->seed) % bound;
}

/* Where edge `i` is in an object, and of what kind. */
static uintptr_t *edge_slot(const node *n, uint32_t i, mu_abi_slot_kind *kind)
{
    *kind = MU_ABI_SLOT_REF;
    if (n->kind == KIND_ROW || n->kind == KIND_WIDE) {
        return fake_word(n->address, 1 + i);
    }
    *kind = mixed_slots[i % 4].kind;
    uint64_t box_words = n->kind == KIND_BOX ? 1 + i / 4 * 5 : 0;
    return fake_word(n->address, box_words + 1 + i % 4);
}

static void write_edge(model *m, node *from, uint32_t i, uint32_t to)
{
    mu_abi_slot_kind kind;
    uintptr_t *slot = edge_slot(from, i, &kind);
    uintptr_t address = to == NO_NODE ? 0 : m->nodes[to].address;
    uintptr_t word =
        kind == MU_ABI_SLOT_TAGREF64 ? mu_abi_tagref64_from_ref(address, (uint64_t)i * 7) : address;
    fake_store(&m->mutator, from->address, (uint64_t)(slot - (uintptr_t *)from->address), word);
    from->edges[i] = to;
}

static uintptr_t read_edge(const node *from, uint32_t i)
{
    mu_abi_slot_kind kind;
    uintptr_t word = *edge_slot(from, i, &kind);
    if (kind == MU_ABI_SLOT_TAGREF64 && word != 0) {
        cr_assert(mu_abi_tagref64_is_ref(word));
        cr_assert_eq(mu_abi_tagref64_to_tag(word), (uint64_t)i * 7 % 64);
        return mu_abi_tagref64_to_address(word);
    }
    return word;
}

static bool is_weak(const node *from, uint32_t i)
{
    mu_abi_slot_kind kind;
    edge_slot(from, i, &kind);
    return kind == MU_ABI_SLOT_WEAK;
}

/* The heap has node `index` at `address`, says an edge: notes that, or compares it to what is
 * known. */
static void meet(model *m, uint32_t index, uintptr_t address, uint32_t *queued)
{
    if (index == NO_NODE) {
        cr_assert_eq(address, 0);
        return;
    }
    node *n = &m->nodes[index];
    if (n->round == m->round) {
        cr_assert_eq(n->address, address, "one node has become two objects");
        return;
    }
    n->round = m->round;
    n->address = address;
    cr_assert_neq(address, 0, "an edge is lost");
    cr_assert_eq(*fake_word(address, 0), n->id);
    if (n->kind == KIND_WIDE) {
        cr_assert_eq(address % 16, 0);
        cr_assert_eq(*fake_word(address, 2), n->id);
        cr_assert_eq(*fake_word(address, 3), n->id);
    }
    m->queue[(*queued)++] = index;
}

static void compare_weak(const model *m, node *n, uint32_t i, bool is_full)
{
    uint32_t to = n->edges[i];
    uintptr_t address = read_edge(n, i);
    if (to < SOME_DEAD && m->nodes[to].round == m->round) {
        cr_assert_eq(address, m->nodes[to].address);
    } else {
        cr_assert(address == 0 || (!is_full && to != NO_NODE), "a dead object is referred to");
        n->edges[i] = address == 0 ? NO_NODE : SOME_DEAD;
    }
}

static void forget_the_dead(model *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->nodes[i].edges && m->nodes[i].round != m->round) {
            free(m->nodes[i].edges);
            m->nodes[i].edges = NULL;
        }
    }
}

static void compare(model *m)
{
    mu_gc_stats stats = mu_gc_heap_stats(m->mutator.heap);
    bool is_full = stats.collections - stats.young_collections != m->full_collections;
    m->full_collections = stats.collections - stats.young_collections;
    uint32_t queued = 0;
    m->round++;
    for (uint32_t i = 0; i < FAKE_ROOTS; i++) {
        meet(m, m->roots[i], m->mutator.roots[i], &queued);
    }
    for (uint32_t at = 0; at < queued; at++) {
        const node *n = &m->nodes[m->queue[at]];
        for (uint32_t i = 0; i < n->edge_count; i++) {
            if (!is_weak(n, i)) {
                meet(m, n->edges[i], read_edge(n, i), &queued);
            }
        }
    }
    for (uint32_t at = 0; at < queued; at++) {
        node *n = &m->nodes[m->queue[at]];
        for (uint32_t i = 0; i < n->edge_count; i++) {
            if (is_weak(n, i)) {
                compare_weak(m, n, i, is_full);
            }
        }
    }
    forget_the_dead(m);
}

static uint32_t free_node(model *m)
{
    for (uint32_t tries = 0; tries < 50; tries++) {
        uint32_t index = random_below(m, MAX_NODES);
        if (index >= m->count) {
            return m->count++;
        }
        if (!m->nodes[index].edges) {
            return index;
        }
    }
    return NO_NODE;
}

static void collect(model *m)
{
    if (m->full_in > 1 && random_below(m, m->full_in) != 0) {
        fake_collect_young(&m->mutator);
    } else {
        fake_collect(&m->mutator);
    }
    compare(m);
}

static uintptr_t make_object(model *m, node *n, uint32_t length)
{
    fake_mutator *mutator = &m->mutator;
    switch (n->kind) {
    case KIND_MIXED: return fake_bump(mutator, &mixed);
    case KIND_ROW: return fake_new(mutator, &fake_refs, length);
    case KIND_WIDE: return fake_new(mutator, &wide, 0);
    default: return fake_bump(mutator, &box);
    }
}

static void add_node(model *m)
{
    static const uint32_t edge_counts[] = {4, 0, 1, 12};
    uint32_t index = free_node(m);
    if (index == NO_NODE) {
        m->roots[random_below(m, FAKE_ROOTS)] = NO_NODE;
        return;
    }
    node *n = &m->nodes[index];
    n->kind = (node_kind)random_below(m, KIND_COUNT);
    n->edge_count = edge_counts[n->kind];
    if (n->kind == KIND_ROW) {
        uint32_t size = random_below(m, 20);
        n->edge_count = random_below(m, size == 0 ? MAX_EDGES : size < 3 ? 300 : 12);
    }
    uint64_t collections = mu_gc_heap_stats(m->mutator.heap).collections;
    n->address = make_object(m, n, n->edge_count);
    if (mu_gc_heap_stats(m->mutator.heap).collections != collections) {
        compare(m);
    }
    n->id = m->next_id++;
    n->edges = malloc((n->edge_count + 1) * sizeof(uint32_t));
    memset(n->edges, 0xff, (n->edge_count + 1) * sizeof(uint32_t));
    *fake_word(n->address, 0) = n->id;
    if (n->kind == KIND_WIDE) {
        *fake_word(n->address, 2) = *fake_word(n->address, 3) = n->id;
    }
    uint32_t root = random_below(m, FAKE_ROOTS);
    if (n->edge_count > 0) {
        write_edge(m, n, random_below(m, n->edge_count), m->roots[root]);
    }
    m->roots[root] = index;
    m->mutator.roots[root] = n->address;
}

/* Walks from a root at random; what it finds is alive and has a true address. */
static uint32_t find_node(model *m)
{
    uint32_t index = m->roots[random_below(m, FAKE_ROOTS)];
    for (uint32_t steps = random_below(m, 12); steps > 0 && index != NO_NODE; steps--) {
        const node *n = &m->nodes[index];
        uint32_t edge = n->edge_count ? random_below(m, n->edge_count) : 0;
        if (n->edge_count == 0 || n->edges[edge] == NO_NODE || is_weak(n, edge)) {
            break;
        }
        index = n->edges[edge];
    }
    return index;
}

static void change(model *m)
{
    uint32_t from = find_node(m);
    uint32_t to = find_node(m);
    uint32_t root = random_below(m, FAKE_ROOTS);
    switch (random_below(m, 16)) {
    case 0:
        m->roots[root] = NO_NODE;
        m->mutator.roots[root] = 0;
        break;
    case 1:
        m->roots[root] = to;
        m->mutator.roots[root] = to == NO_NODE ? 0 : m->nodes[to].address;
        break;
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
        if (from != NO_NODE && m->nodes[from].edge_count > 0) {
            write_edge(m, &m->nodes[from], random_below(m, m->nodes[from].edge_count), to);
        }
        break;
    default: add_node(m); break;
    }
}

typedef struct run_plan {
    uint32_t changes;
    uint32_t changes_per_collection;
    uint32_t full_in;
    bool stress;
    bool marks; /* old objects beside the changes */
    uint64_t quota_mib;
} run_plan;

static void run(uint32_t seed, const run_plan *plan)
{
    model *m = calloc(1, sizeof(*m));
    mu_gc_config config = {.quota_bytes = plan->quota_mib * FAKE_MIB,
                           .verify = seed % 2 == 0,
                           .stress = plan->stress,
                           .concurrent = plan->marks};
    memset(m->roots, 0xff, sizeof(m->roots));
    if (plan->marks) {
        fake_start_marking(&m->mutator, &config);
    } else {
        fake_start(&m->mutator, &config);
    }
    m->seed = seed;
    m->full_in = plan->full_in;
    m->mutator.is_generational = plan->full_in > 1;
    for (uint32_t i = 0; i < plan->changes; i++) {
        change(m);
        if (random_below(m, plan->changes_per_collection) == 0) {
            collect(m);
        }
        if (plan->marks && random_below(m, plan->changes_per_collection / 4 + 1) == 0) {
            fake_run_job(&m->mutator);
        }
    }
    if (plan->marks) {
        cr_assert_gt(mu_gc_heap_stats(m->mutator.heap).markings, 2);
    }
    fake_collect(&m->mutator);
    compare(m);
    m->round++;
    forget_the_dead(m);
    fake_end(&m->mutator);
    free(m);
}

Test(mu_gc_graph, graphs_stay_isomorphic)
{
    for (uint32_t seed = 1; seed <= 6; seed++) {
        run(seed, &(run_plan){60000, 2000, 1, false, false, 32});
    }
}

Test(mu_gc_graph, graphs_stay_isomorphic_under_stress)
{
    for (uint32_t seed = 100; seed <= 103; seed++) {
        run(seed, &(run_plan){4000, 4, 1, true, false, 32});
    }
}

Test(mu_gc_graph, graphs_stay_isomorphic_when_only_the_quota_collects)
{
    run(200, &(run_plan){400000, UINT32_MAX, 1, false, false, 32});
}

Test(mu_gc_graph, graphs_stay_isomorphic_through_young_collections)
{
    for (uint32_t seed = 300; seed <= 305; seed++) {
        run(seed, &(run_plan){60000, 500, 10, false, false, 32});
        run(seed, &(run_plan){4000, 4, 10, true, false, 32});
    }
}

Test(mu_gc_graph, graphs_stay_isomorphic_when_there_is_hardly_room)
{
    for (uint32_t seed = 400; seed <= 405; seed++) {
        run(seed, &(run_plan){60000, 500, 10, false, seed % 3 == 0, 6});
    }
}

Test(mu_gc_graph, graphs_stay_isomorphic_while_they_are_marked)
{
    for (uint32_t seed = 500; seed <= 507; seed++) {
        run(seed, &(run_plan){40000, 200, 50, false, true, 32});
        run(seed, &(run_plan){3000, 4, 50, true, true, 32});
    }
}
