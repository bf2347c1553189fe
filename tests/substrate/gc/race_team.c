/* Collections by several threads: a graph whose objects are reached from everywhere at once,
 * through young and full collections, with room for copies and without, while jobs help. A plain
 * program, for ThreadSanitizer; "verify" checks the heap as well. */
#include "mu_gc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELPERS 3
#define JOBS    64
#define TABLE   900
#define CELLS   40000
#define ROUNDS  12
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

typedef struct job {
    void (*run)(void *argument);
    void *argument;
} job;

typedef struct world {
    mu_gc_heap *heap;
    uintptr_t cursor;
    uintptr_t limit;
    mu_gc_buffer buffer;
    uintptr_t directory; /* a large array of tables, of cells */
    uintptr_t made;
    uint64_t random;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    job jobs[JOBS];
    uint32_t first;
    uint32_t count;
    uint32_t ran;
    bool over;
} world;

static void run_later(void *context, void (*run)(void *argument), void *argument)
{
    world *w = context;
    pthread_mutex_lock(&w->lock);
    REQUIRE(w->count < JOBS);
    w->jobs[(w->first + w->count++) % JOBS] = (job){run, argument};
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void *run_jobs(void *context)
{
    world *w = context;
    pthread_mutex_lock(&w->lock);
    while (!w->over || w->count) {
        if (!w->count) {
            pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        job next = w->jobs[w->first];
        w->first = (w->first + 1) % JOBS;
        w->count--;
        w->ran++;
        pthread_mutex_unlock(&w->lock);
        next.run(next.argument);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void show_roots(mu_gc_tracer *tracer, void *context)
{
    world *w = context;
    mu_gc_trace_slot(tracer, &w->directory, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &w->made, MU_ABI_SLOT_REF);
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
                                                   .run_later = run_later,
                                                   .run_context = w,
                                                   .helpers = HELPERS});
    w->cursor = w->limit = w->directory = w->made = 0;
    w->directory = allocate(w, &refs, LARGE);
    for (int round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < CELLS; i++) {
            make(w, i % 3 ? draw(w, CELLS) : i);
        }
        check(w);
        collect(w, round % 2);
        check(w);
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
        }
    }
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
    pthread_t threads[HELPERS];
    bool verify = argc > 1 && strcmp(argv[1], "verify") == 0;
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.changed, NULL);
    w.buffer = (mu_gc_buffer){&w.cursor, &w.limit};
    w.random = 7;
    for (int i = 0; i < HELPERS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, run_jobs, &w) == 0);
    }
    play(&w, verify, false, 64u << 20);
    play(&w, verify, true, 64u << 20);
    play(&w, verify, false, 6u << 20); /* hardly any room for copies */
    pthread_mutex_lock(&w.lock);
    w.over = true;
    pthread_cond_broadcast(&w.changed);
    pthread_mutex_unlock(&w.lock);
    for (int i = 0; i < HELPERS; i++) {
        pthread_join(threads[i], NULL);
    }
    REQUIRE(w.ran > 0);
    printf("%u jobs ran\n", w.ran);
    return 0;
}
