/* Several mutators allocate from one heap, stop for collections, go and come; others ask for
 * statistics. A plain program, for ThreadSanitizer. */
#include "mu_gc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define MUTATORS 4
#define OBJECTS  40000
#define KEPT     50

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const mu_abi_slot slots[] = {{.offset_bytes = 8, .kind = MU_ABI_SLOT_REF}};
static const mu_abi_type cell = {
    .size_bytes = 16, .align_bytes = 8, .slots = slots, .slot_count = 1, .name = "@cell"};
static const mu_abi_type words = {
    .stride_bytes = 8, .align_bytes = 16, .is_hybrid = true, .name = "@words"};

typedef struct world world;
typedef struct mutator {
    world *world;
    uintptr_t number;
    uintptr_t cursor;
    uintptr_t limit;
    uintptr_t kept[KEPT];
    uintptr_t data;
} mutator;

/* Mutators hold `running` as readers while they touch the heap; who collects writes. */
struct world {
    mu_gc_heap *heap;
    pthread_rwlock_t running;
    mutator mutators[MUTATORS];
    atomic_bool over;
};

static void show_roots(mu_gc_tracer *tracer, void *context)
{
    world *w = context;
    for (int i = 0; i < MUTATORS; i++) {
        for (int k = 0; k < KEPT; k++) {
            mu_gc_trace_slot(tracer, &w->mutators[i].kept[k], MU_ABI_SLOT_REF);
        }
        mu_gc_trace_slot(tracer, &w->mutators[i].data, MU_ABI_SLOT_REF);
    }
}

static void collect(world *w, bool full)
{
    pthread_rwlock_wrlock(&w->running);
    for (int i = 0; i < MUTATORS; i++) {
        mu_gc_buffer_retire(w->heap,
                            &(mu_gc_buffer){&w->mutators[i].cursor, &w->mutators[i].limit});
    }
    mu_gc_collection collection = mu_gc_plan(w->heap, full);
    mu_gc_collect(w->heap, &collection, show_roots, w);
    pthread_rwlock_unlock(&w->running);
}

/* Leaves with `running` held. */
static uintptr_t allocate(mutator *m, const mu_abi_type *type, uint64_t length)
{
    mu_ref ref;
    const mu_gc_buffer buffer = {&m->cursor, &m->limit};
    for (int tries = 0; tries < 100; tries++) {
        pthread_rwlock_rdlock(&m->world->running);
        if (mu_gc_allocate(m->world->heap, &buffer, type, length, &ref) == MU_OK) {
            return ref.address;
        }
        pthread_rwlock_unlock(&m->world->running);
        collect(m->world, true);
    }
    fprintf(stderr, "no memory after a hundred collections\n");
    abort();
}

static void *mutate(void *context)
{
    mutator *m = context;
    for (uintptr_t i = 0; i < OBJECTS; i++) {
        uintptr_t *made = (uintptr_t *)allocate(m, &cell, 0);
        REQUIRE(made[0] == 0 && made[1] == 0);
        made[0] = m->number * OBJECTS + i;
        made[1] = i % 20 ? m->kept[(i + KEPT - 1) % KEPT] : 0;
        m->kept[i % KEPT] = (uintptr_t)made;
        pthread_rwlock_unlock(&m->world->running);
        if (i % 16 == 0) {
            m->data = allocate(m, &words, i % 64 == 0 ? 2000 : i % 700);
            REQUIRE(m->data % 16 == 0);
            pthread_rwlock_unlock(&m->world->running);
        }
        if (i % 1000 == 0) {
            pthread_rwlock_rdlock(&m->world->running);
            mu_gc_buffer_retire(m->world->heap, &(mu_gc_buffer){&m->cursor, &m->limit});
            pthread_rwlock_unlock(&m->world->running);
        }
    }
    pthread_rwlock_rdlock(&m->world->running);
    for (uintptr_t k = 0; k < KEPT; k++) {
        REQUIRE(*(uintptr_t *)m->kept[k] == m->number * OBJECTS + OBJECTS - KEPT + k);
    }
    pthread_rwlock_unlock(&m->world->running);
    return NULL;
}

static void *watch(void *context)
{
    world *w = context;
    while (!atomic_load(&w->over)) {
        mu_gc_stats stats = mu_gc_heap_stats(w->heap);
        REQUIRE(stats.used_bytes <= stats.quota_bytes);
        mu_gc_owns(w->heap, (mu_ref){(uintptr_t)w});
    }
    return NULL;
}

int main(void)
{
    static world w;
    mu_gc_pool *pool = mu_gc_pool_new();
    w.heap = mu_gc_heap_new(pool, &(mu_gc_config){.quota_bytes = 4u << 20, .verify = true});
    pthread_rwlock_init(&w.running, NULL);
    pthread_t threads[MUTATORS + 1];
    /* All of them before the first runs: whoever collects looks at every one. */
    for (uintptr_t i = 0; i < MUTATORS; i++) {
        w.mutators[i] = (mutator){.world = &w, .number = i};
    }
    for (uintptr_t i = 0; i < MUTATORS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, mutate, &w.mutators[i]) == 0);
    }
    REQUIRE(pthread_create(&threads[MUTATORS], NULL, watch, &w) == 0);
    for (int i = 0; i < MUTATORS; i++) {
        pthread_join(threads[i], NULL);
    }
    atomic_store(&w.over, true);
    pthread_join(threads[MUTATORS], NULL);
    REQUIRE(mu_gc_heap_stats(w.heap).collections > 0);
    mu_gc_heap_free(w.heap);
    REQUIRE(mu_gc_pool_used_bytes(pool) == 0);
    mu_gc_pool_free(pool);
    pthread_rwlock_destroy(&w.running);
    return 0;
}
