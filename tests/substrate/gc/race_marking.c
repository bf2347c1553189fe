/* Mutators change old objects, large and small, while a thread of its own runs the heap's
 * background job, and all stop for collections. They share ephemerons, whose values they replace,
 * and a queue, to which every registration must come that nobody took back. A plain program, for
 * ThreadSanitizer. */
#include "mu_gc_ephemerons.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MUTATORS 3
#define LINKS    3000
#define ROUNDS   400000
#define ARRAY    4000

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const mu_abi_slot ref_at_8[] = {{.offset_bytes = 8, .kind = MU_ABI_SLOT_REF}};
static const mu_abi_slot ref_at_0[] = {{.kind = MU_ABI_SLOT_REF}};
static const mu_abi_type cell = {
    .size_bytes = 16, .align_bytes = 8, .slots = ref_at_8, .slot_count = 1, .name = "@cell"};
static const mu_abi_type refs = {.stride_bytes = 8,
                                 .align_bytes = 8,
                                 .is_hybrid = true,
                                 .element_slots = ref_at_0,
                                 .element_slot_count = 1,
                                 .name = "@refs"};

typedef struct world world;
typedef struct mutator {
    world *world;
    uintptr_t number;
    uintptr_t cursor;
    uintptr_t limit;
    uintptr_t table; /* of LINKS cells, each with its index */
    uintptr_t kept[2];
    uint64_t random;
    uint64_t expected; /* registrations that are to come */
} mutator;

/* Mutators hold `running` as readers while they touch the heap; who collects writes. */
struct world {
    mu_gc_heap *heap;
    pthread_rwlock_t running;
    mutator mutators[MUTATORS];
    uintptr_t array;      /* everybody stores into it */
    uintptr_t ephemerons; /* from a cell to a cell with the same number */
    uintptr_t queue;
    uint64_t taken; /* atomic */
    pthread_mutex_t job_lock;
    pthread_cond_t job_came;
    void (*job)(void *heap);
    bool over;
};

static void run_later(void *context, void (*job)(void *argument), void *argument)
{
    world *w = context;
    REQUIRE(argument == w->heap);
    pthread_mutex_lock(&w->job_lock);
    w->job = job;
    pthread_cond_signal(&w->job_came);
    pthread_mutex_unlock(&w->job_lock);
}

static void *run_jobs(void *context)
{
    world *w = context;
    pthread_mutex_lock(&w->job_lock);
    while (!w->over || w->job) {
        void (*job)(void *) = w->job;
        w->job = NULL;
        if (!job) {
            pthread_cond_wait(&w->job_came, &w->job_lock);
            continue;
        }
        pthread_mutex_unlock(&w->job_lock);
        job(w->heap);
        pthread_mutex_lock(&w->job_lock);
    }
    pthread_mutex_unlock(&w->job_lock);
    return NULL;
}

static void show_roots(mu_gc_tracer *tracer, void *context)
{
    world *w = context;
    for (int i = 0; i < MUTATORS; i++) {
        mu_gc_trace_slot(tracer, &w->mutators[i].table, MU_ABI_SLOT_REF);
        mu_gc_trace_slot(tracer, &w->mutators[i].kept[0], MU_ABI_SLOT_REF);
        mu_gc_trace_slot(tracer, &w->mutators[i].kept[1], MU_ABI_SLOT_REF);
    }
    mu_gc_trace_slot(tracer, &w->array, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &w->ephemerons, MU_ABI_SLOT_REF);
    mu_gc_trace_slot(tracer, &w->queue, MU_ABI_SLOT_REF);
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
    if (mu_gc_is_due(m->world->heap)) {
        collect(m->world, false);
    }
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

static uintptr_t load(uintptr_t ref, uint64_t index)
{
    return __atomic_load_n((uintptr_t *)ref + index, __ATOMIC_ACQUIRE);
}

static void store(const mutator *m, uintptr_t ref, uint64_t index, uintptr_t value)
{
    uintptr_t *word = (uintptr_t *)ref + index;
    uintptr_t header = __atomic_load_n(mu_abi_header((mu_ref){ref}), __ATOMIC_RELAXED);
    if (header & MU_ABI_HEADER_UNLOGGED) {
        mu_gc_log(m->world->heap, (mu_ref){ref}, (uintptr_t)word, sizeof *word);
    }
    /* Release: who loads it finds the object made. Compiled code has that order by itself. */
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint64_t draw(mutator *m, uint64_t below)
{
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return (m->random >> 33) % below;
}

static void step(mutator *m, uintptr_t i)
{
    uint64_t index = draw(m, LINKS);
    uintptr_t made = allocate(m, &cell, 0);
    uintptr_t *words = (uintptr_t *)made;
    words[0] = index;
    uintptr_t old = load(m->table, index);
    /* Chains of a few cells of one index; the rest of a long one dies. */
    words[1] = i % 5 ? old : 0;
    store(m, m->table, index, made);
    uintptr_t other = load(m->world->array, draw(m, ARRAY));
    if (other && i % 3 == 0) { /* old cells change, too */
        store(m, other, 1, 0);
    }
    store(m, m->world->array, draw(m, ARRAY), old);
    pthread_rwlock_unlock(&m->world->running);
}

/* Keeps a new cell over the next allocation. */
static void keep_cell(mutator *m, uint32_t slot, uint64_t number)
{
    uintptr_t made = allocate(m, &cell, 0);
    *(uintptr_t *)made = number;
    m->kept[slot] = made;
    pthread_rwlock_unlock(&m->world->running);
}

static void step_ephemerons(mutator *m)
{
    uint64_t index = draw(m, LINKS);
    keep_cell(m, 0, index);
    mu_ref made = {allocate(m, &mu_gc_ephemeron_type, 0)};
    uintptr_t key = load(m->table, index);
    if (key) {
        mu_gc_ephemeron_init(made, (mu_ref){key}, (mu_ref){m->kept[0]});
        store(m, m->world->ephemerons, draw(m, ARRAY), made.address);
    }
    mu_ref other = {load(m->world->ephemerons, draw(m, ARRAY))};
    if (other.address) {
        mu_ref its_key = mu_gc_ephemeron_key(other);
        mu_ref value = mu_gc_ephemeron_value(other);
        REQUIRE(!its_key.address == !value.address);
        REQUIRE(!value.address || load(value.address, 0) == load(its_key.address, 0));
        if (its_key.address && load(its_key.address, 0) == index) {
            mu_gc_ephemeron_set_value(m->world->heap, other, (mu_ref){m->kept[0]});
        }
    }
    pthread_rwlock_unlock(&m->world->running);
}

static void take_all(mutator *m)
{
    mu_ref queue = {m->world->queue};
    for (mu_ref held; (held = mu_gc_queue_take(m->world->heap, queue)).address;) {
        REQUIRE(load(held.address, 0) < LINKS);
        __atomic_add_fetch(&m->world->taken, 1, __ATOMIC_RELAXED);
    }
}

static void step_finalizers(mutator *m)
{
    mu_gc_heap *heap = m->world->heap;
    uint64_t index = draw(m, LINKS);
    keep_cell(m, 0, index);
    mu_ref made = {allocate(m, &mu_gc_registration_type, 0)};
    mu_ref object = {load(m->table, index)};
    mu_ref own = {m->kept[0]};
    mu_gc_finalizer_register(heap, made, (mu_ref){m->world->queue}, object.address ? object : own,
                             own, (uint32_t)draw(m, 2));
    m->expected++;
    if (draw(m, 4) == 0 && m->kept[1]) {
        m->expected -= mu_gc_finalizer_unregister(heap, (mu_ref){m->kept[1]});
    }
    m->kept[1] = made.address;
    take_all(m);
    pthread_rwlock_unlock(&m->world->running);
}

static void *mutate(void *context)
{
    mutator *m = context;
    m->table = allocate(m, &refs, LINKS);
    pthread_rwlock_unlock(&m->world->running);
    for (uintptr_t i = 0; i < ROUNDS; i++) {
        step(m, i);
        if (i % 8 == 0) {
            step_ephemerons(m);
            step_finalizers(m);
        }
    }
    pthread_rwlock_rdlock(&m->world->running);
    for (uint64_t i = 0; i < LINKS; i++) {
        for (uintptr_t link = load(m->table, i); link; link = load(link, 1)) {
            REQUIRE(load(link, 0) == i);
        }
    }
    pthread_rwlock_unlock(&m->world->running);
    return NULL;
}

/* Nothing is left that registrations could wait for. */
static void require_all_came(world *w)
{
    uint64_t expected = 0;
    for (int i = 0; i < MUTATORS; i++) {
        expected += w->mutators[i].expected;
        w->mutators[i].table = w->mutators[i].kept[0] = w->mutators[i].kept[1] = 0;
    }
    w->array = w->ephemerons = 0;
    collect(w, true);
    take_all(&w->mutators[0]);
    REQUIRE(w->taken == expected);
    printf("%llu registrations came\n", (unsigned long long)expected);
}

int main(int argc, char **argv)
{
    static world w;
    (void)argv;
    mu_gc_pool *pool = mu_gc_pool_new();
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&w.running, &attributes);
    pthread_mutex_init(&w.job_lock, NULL);
    pthread_cond_init(&w.job_came, NULL);
    w.heap = mu_gc_heap_new(pool, &(mu_gc_config){.quota_bytes = 4u << 20,
                                                  .concurrent = true,
                                                  .verify = argc > 1,
                                                  .run_later = run_later,
                                                  .run_context = &w});
    pthread_t threads[MUTATORS + 1];
    for (uintptr_t i = 0; i < MUTATORS; i++) {
        w.mutators[i] = (mutator){.world = &w, .number = i, .random = i};
    }
    w.array = allocate(&w.mutators[0], &refs, ARRAY);
    pthread_rwlock_unlock(&w.running);
    w.ephemerons = allocate(&w.mutators[0], &refs, ARRAY);
    pthread_rwlock_unlock(&w.running);
    w.queue = allocate(&w.mutators[0], &mu_gc_queue_type, 0);
    pthread_rwlock_unlock(&w.running);
    REQUIRE(pthread_create(&threads[MUTATORS], NULL, run_jobs, &w) == 0);
    for (uintptr_t i = 0; i < MUTATORS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, mutate, &w.mutators[i]) == 0);
    }
    for (int i = 0; i < MUTATORS; i++) {
        pthread_join(threads[i], NULL);
    }
    mu_gc_stats stats = mu_gc_heap_stats(w.heap);
    REQUIRE(stats.markings > 2);
    require_all_came(&w);
    mu_gc_heap_free(w.heap);
    pthread_mutex_lock(&w.job_lock);
    w.over = true;
    pthread_cond_signal(&w.job_came);
    pthread_mutex_unlock(&w.job_lock);
    pthread_join(threads[MUTATORS], NULL);
    REQUIRE(mu_gc_pool_used_bytes(pool) == 0);
    mu_gc_pool_free(pool);
    printf("%llu collections, %llu markings\n", (unsigned long long)stats.collections,
           (unsigned long long)stats.markings);
    return 0;
}
