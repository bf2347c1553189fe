/* Collections by several threads: a graph whose objects are reached from everywhere at once,
 * through young and full collections, with room for copies and without, while jobs help. Part of it
 * is reached only by chains of ephemerons, or comes back through a queue. A plain program, for
 * ThreadSanitizer; "verify" checks the heap as well. */
#include "job_threads.h"
#include "mu_gc_ephemerons.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELPERS 3
#define TABLE   900
#define CELLS   40000
#define ROUNDS  8
#define LARGE   3000

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A cell: its number, a weak reference, two references. */
static const mu_abi_slot cell_slots[] = {{.offset_bytes = 8, .kind = MU_ABI_SLOT_WEAK},
                                         {.offset_bytes = 16, .kind = MU_ABI_SLOT_REF},
                                         {.offset_bytes = 24, .kind = MU_ABI_SLOT_REF}};
static const mu_abi_slot ref_at_0[] = {{.kind = MU_ABI_SLOT_REF}};
static const mu_abi_type cell = {
    .size_bytes = 32, .align_bytes = 8, .slots = cell_slots, .slot_count = 3, .name = "@cell"};
static const mu_abi_type refs = {.stride_bytes = 8,
                                 .align_bytes = 8,
                                 .is_hybrid = true,
                                 .element_slots = ref_at_0,
                                 .element_slot_count = 1,
                                 .name = "@refs"};

typedef struct world {
    mu_gc_heap *heap;
    uintptr_t cursor;
    uintptr_t limit;
    mu_gc_buffer buffer;
    uintptr_t directory; /* a large array of tables, of cells */
    uintptr_t made;
    uint64_t random;
    job_threads threads;
    uintptr_t ephemerons; /* a large array: from cells to others' values, and on from those */
    uintptr_t queue;
    uintptr_t held[3];
    uint64_t expected; /* registrations that are to come */
    uint64_t came;
} world;

static void show_roots(mu_gc_tracer *tracer, void *context)
{
    world *w = context;
    mu_gc_trace_slot(tracer, &w->directory, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &w->made, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &w->ephemerons, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &w->queue, MU_ABI_SLOT_REF);
    for (int i = 0; i < 3; i++) {
        mu_gc_trace_slot(tracer, &w->held[i], MU_ABI_SLOT_REF);
    }
}

static void collect(world *w, bool full)
{
    mu_gc_buffer_retire(w->heap, &w->buffer);
    mu_gc_collection collection = mu_gc_plan(w->heap, full);
    mu_gc_collect(w->heap, &collection, show_roots, w);
}

static uintptr_t allocate(world *w, const mu_abi_type *type, uint64_t length)
{
    mu_ref ref;
    if (mu_gc_is_due(w->heap)) {
        collect(w, false);
    }
    if (mu_gc_allocate(w->heap, &w->buffer, type, length, &ref) != MU_OK) {
        collect(w, true);
        REQUIRE(mu_gc_allocate(w->heap, &w->buffer, type, length, &ref) == MU_OK);
    }
    return ref.address;
}

static uintptr_t *word(uintptr_t ref, uint64_t index)
{
    return (uintptr_t *)ref + index;
}

static void store(world *w, uintptr_t ref, uint64_t index, uintptr_t value)
{
    mu_gc_log(w->heap, (mu_ref){ref}, (uintptr_t)word(ref, index), sizeof value);
    __atomic_store_n(word(ref, index), value, __ATOMIC_RELEASE);
}

static uint64_t draw(world *w, uint64_t below)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (w->random >> 33) % below;
}

static uintptr_t table_of(const world *w, uint64_t number)
{
    return *word(w->directory, number / TABLE);
}

static uintptr_t find(const world *w, uint64_t number)
{
    uintptr_t table = table_of(w, number);
    return table ? *word(table, number % TABLE) : 0;
}

static uintptr_t make_cell(world *w, uint64_t number, uintptr_t refers)
{
    w->held[2] = refers;
    uintptr_t made = allocate(w, &cell, 0);
    *word(made, 0) = number;
    store(w, made, 2, w->held[2]);
    return made;
}

static void make_ephemeron(world *w, uint64_t index, const uintptr_t *key, const uintptr_t *value)
{
    mu_ref made = {allocate(w, &mu_gc_ephemeron_type, 0)};
    mu_gc_ephemeron_init(made, (mu_ref){*key}, (mu_ref){*value});
    store(w, w->ephemerons, index, made.address);
}

/* The second's key is reached through the first's value alone: a cell's next. */
static void make_chain(world *w, uint64_t number)
{
    w->held[0] = make_cell(w, number, 0);
    w->held[1] = make_cell(w, number, 0);
    make_ephemeron(w, number + 1, &w->held[0], &w->held[1]);
    w->held[1] = make_cell(w, number, w->held[0]);
    make_ephemeron(w, number, &w->made, &w->held[1]);
    w->held[0] = w->held[1] = w->held[2] = 0;
}

/* One half of them brings the object back, the other waits for what that refers to. */
static void make_registration(world *w, uint64_t number)
{
    mu_ref made = {allocate(w, &mu_gc_registration_type, 0)};
    bool is_last = number & 1;
    mu_ref held = {is_last ? w->queue : w->made};
    mu_gc_finalizer_register(w->heap, made, (mu_ref){w->queue}, (mu_ref){w->made}, held,
                             is_last ? MU_GC_LAST : 0);
    w->expected++;
}

static void take_all(world *w)
{
    mu_ref queue = {w->queue};
    for (mu_ref held; (held = mu_gc_queue_take(w->heap, queue)).address; w->came++) {
        REQUIRE(held.address == w->queue || *word(held.address, 0) < CELLS);
    }
}

/* A cell refers to two of any number, so that many come to the same one. */
static void make(world *w, uint64_t number)
{
    w->made = allocate(w, &cell, 0);
    *word(w->made, 0) = number;
    for (int field = 1; field <= 3; field++) {
        store(w, w->made, (uint64_t)field, find(w, draw(w, CELLS)));
    }
    if (!table_of(w, number)) {
        uintptr_t table = allocate(w, &refs, TABLE);
        store(w, w->directory, number / TABLE, table);
    }
    store(w, table_of(w, number), number % TABLE, w->made);
    if (number % 2 == 0) {
        make_chain(w, number);
    }
    if (draw(w, 16) == 0) {
        make_registration(w, number);
    }
}

/* After a full collection the second has a key exactly when the first has. */
static void check_chains(const world *w, bool is_exact)
{
    for (uint64_t number = 0; number < CELLS; number += 2) {
        mu_ref first = {*word(w->ephemerons, number)};
        mu_ref second = {*word(w->ephemerons, number + 1)};
        if (!first.address || !second.address) {
            continue;
        }
        uintptr_t key = mu_gc_ephemeron_key(first).address;
        uintptr_t value = mu_gc_ephemeron_value(first).address;
        uintptr_t next = mu_gc_ephemeron_key(second).address;
        uintptr_t last = mu_gc_ephemeron_value(second).address;
        REQUIRE(!key == !value && !next == !last);
        REQUIRE(!is_exact || !key == !next);
        if (key) {
            REQUIRE(*word(key, 0) == number && *word(value, 0) == number);
            REQUIRE(*word(value, 2) == next && *word(last, 0) == number);
        }
    }
}

static void check(const world *w)
{
    for (uint64_t number = 0; number < CELLS; number++) {
        uintptr_t at = find(w, number);
        REQUIRE(!at || *word(at, 0) == number);
        for (uint64_t field = 1; at && field <= 3; field++) {
            uintptr_t other = *word(at, field);
            REQUIRE(!other || *word(other, 0) < CELLS);
        }
    }
}

/* Lets the cells go that others have replaced. */
static void cut(world *w)
{
    for (uint64_t number = 0; number < CELLS; number++) {
        uintptr_t at = find(w, number);
        for (uint64_t field = 1; at && field <= 3; field++) {
            store(w, at, field, 0);
        }
    }
}

static void play(world *w, bool verify, bool concurrent, uint64_t quota_bytes)
{
    mu_gc_pool *pool = mu_gc_pool_new();
    w->heap = mu_gc_heap_new(pool, &(mu_gc_config){.quota_bytes = quota_bytes,
                                                   .verify = verify,
                                                   .concurrent = concurrent,
                                                   .run_later = job_threads_run_later,
                                                   .run_context = &w->threads,
                                                   .helpers = HELPERS});
    w->cursor = w->limit = w->directory = w->made = w->ephemerons = w->queue = 0;
    w->expected = w->came = 0;
    w->directory = allocate(w, &refs, LARGE);
    w->ephemerons = allocate(w, &refs, CELLS);
    w->queue = allocate(w, &mu_gc_queue_type, 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < CELLS; i++) {
            make(w, i % 3 ? draw(w, CELLS) : i);
        }
        check(w);
        collect(w, round % 2);
        check(w);
        check_chains(w, round % 2);
        take_all(w);
        cut(w);
        if (round % 4 == 3) { /* holes, for sparse blocks */
            for (uint64_t i = 0; i < CELLS; i++) {
                uintptr_t table = table_of(w, i);
                if (table && draw(w, 4)) {
                    store(w, table, i % TABLE, 0);
                }
            }
            collect(w, true);
            check(w);
            check_chains(w, true);
        }
    }
    w->directory = w->ephemerons = w->made = 0;
    collect(w, true);
    take_all(w);
    collect(w, true); /* the others' objects were brought back once more */
    take_all(w);
    REQUIRE(w->came == w->expected && w->came > 0);
    mu_gc_buffer_retire(w->heap, &w->buffer);
    mu_gc_stats stats = mu_gc_heap_stats(w->heap);
    REQUIRE(stats.collections > stats.young_collections && stats.young_collections > 0);
    mu_gc_heap_free(w->heap);
    REQUIRE(mu_gc_pool_used_bytes(pool) == 0);
    mu_gc_pool_free(pool);
}

int main(int argc, char **argv)
{
    static world w;
    bool verify = argc > 1 && strcmp(argv[1], "verify") == 0;
    w.buffer = (mu_gc_buffer){&w.cursor, &w.limit};
    w.random = 7;
    job_threads_start(&w.threads, HELPERS);
    play(&w, verify, false, 64u << 20);
    play(&w, verify, true, 64u << 20);
    play(&w, verify, false, 14u << 20); /* hardly any room for copies */
    uint64_t ran = job_threads_end(&w.threads);
    REQUIRE(ran > 0);
    printf("%llu jobs ran\n", (unsigned long long)ran);
    return 0;
}
