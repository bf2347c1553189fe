/* What a weak map of so many entries costs collections: an array of ephemerons whose keys are in
 * another array, beside the same map of plain pairs. Of full collections the whole time, of
 * markings beside the mutator the longest stop. */
#include "bench_samples.h"
#include "mu_gc_ephemerons.h"

#include <stdio.h>
#include <stdlib.h>

#define RUNS_MAX 101

static const mu_abi_slot two_refs[] = {{.kind = MU_ABI_SLOT_REF},
                                       {.offset_bytes = 8, .kind = MU_ABI_SLOT_REF}};
static const mu_abi_type pair_type = {
    .size_bytes = 16, .align_bytes = 8, .slots = two_refs, .slot_count = 2, .name = "pair"};
static const mu_abi_type box_type = {.size_bytes = 8, .align_bytes = 8, .name = "box"};
static const mu_abi_type refs_type = {.stride_bytes = 8,
                                      .align_bytes = 8,
                                      .is_hybrid = true,
                                      .element_slots = two_refs,
                                      .element_slot_count = 1,
                                      .name = "refs"};

enum { KEYS, ENTRIES, KEY, VALUE, ROOTS };

typedef enum map_kind { PAIRS, WEAK, WEAK_CHAIN, WEAK_DEAD, KINDS } map_kind;
static const char *const kind_names[KINDS] = {"pairs", "ephemerons, keys alive",
                                              "ephemerons, each key the value of one further on",
                                              "ephemerons, keys dead"};

typedef struct world {
    mu_gc_heap *heap;
    uintptr_t cursor, limit;
    uintptr_t roots[ROOTS];
    void (*job)(void *heap);
} world;

static void show_roots(mu_gc_tracer *tracer, void *context)
{
    world *w = context;
    for (int i = 0; i < ROOTS; i++) {
        mu_gc_trace_slot(tracer, &w->roots[i], MU_ABI_SLOT_REF);
    }
}

static void run_later(void *context, void (*job)(void *argument), void *argument)
{
    (void)argument;
    ((world *)context)->job = job;
}

static mu_gc_collection collect(world *w, bool full, double *seconds)
{
    mu_gc_buffer_retire(w->heap, &(mu_gc_buffer){&w->cursor, &w->limit});
    mu_gc_collection plan = mu_gc_plan(w->heap, full);
    double begun = bench_now();
    mu_gc_collect(w->heap, &plan, show_roots, w);
    *seconds = bench_now() - begun;
    return plan;
}

static uintptr_t make(world *w, const mu_abi_type *type, uint64_t length)
{
    mu_ref ref;
    double seconds;
    mu_gc_buffer buffer = {&w->cursor, &w->limit};
    if (mu_gc_is_due(w->heap)) {
        (void)collect(w, false, &seconds);
    }
    if (mu_gc_allocate(w->heap, &buffer, type, length, &ref) != MU_OK) {
        fprintf(stderr, "the heap is full\n");
        exit(1);
    }
    return ref.address;
}

static void store(world *w, int array, uint64_t index, uintptr_t value)
{
    uintptr_t *slot = (uintptr_t *)w->roots[array] + index;
    mu_gc_log(w->heap, (mu_ref){w->roots[array]}, (uintptr_t)slot, sizeof *slot);
    *slot = value;
}

/* Backwards, so that the entries of a chain are met in the order that is worst. */
static void fill(world *w, map_kind kind, uint64_t count)
{
    w->roots[KEYS] = make(w, &refs_type, count);
    w->roots[ENTRIES] = make(w, &refs_type, count);
    w->roots[VALUE] = make(w, &box_type, 0);
    for (uint64_t i = count; i-- > 0;) {
        w->roots[KEY] = make(w, &box_type, 0);
        if (kind != WEAK_CHAIN || i == 0) {
            store(w, KEYS, i, w->roots[KEY]);
        }
        if (kind != WEAK_CHAIN) {
            w->roots[VALUE] = make(w, &box_type, 0);
        }
        uintptr_t entry = make(w, kind == PAIRS ? &pair_type : &mu_gc_ephemeron_type, 0);
        mu_gc_ephemeron_init((mu_ref){entry}, (mu_ref){w->roots[KEY]}, (mu_ref){w->roots[VALUE]});
        store(w, ENTRIES, i, entry);
        w->roots[VALUE] = w->roots[KEY];
    }
    w->roots[KEY] = w->roots[VALUE] = 0;
}

/* Until a marking has ended that began after this: the longest stop. */
static double mark(world *w)
{
    double longest = 0;
    for (int ended = 0; ended < 2;) {
        double seconds;
        if (w->job) {
            void (*job)(void *) = w->job;
            w->job = NULL;
            job(w->heap);
        }
        ended += collect(w, false, &seconds).ended_marking;
        longest = seconds > longest ? seconds : longest;
    }
    return longest;
}

static double measure(map_kind kind, uint64_t count, bool marks)
{
    world w = {0};
    mu_gc_pool *pool = mu_gc_pool_new();
    mu_gc_config config = {.quota_bytes = (64ull << 20) + 512 * count,
                           .concurrent = marks,
                           .run_later = marks ? run_later : NULL,
                           .run_context = &w};
    double seconds;
    w.heap = mu_gc_heap_new(pool, &config);
    fill(&w, kind, count);
    if (marks) {
        (void)mark(&w);
    } else {
        (void)collect(&w, true, &seconds);
    }
    w.roots[KEYS] = kind == WEAK_DEAD ? 0 : w.roots[KEYS];
    if (marks) {
        seconds = mark(&w);
    } else {
        (void)collect(&w, true, &seconds);
    }
    while (w.job) {
        void (*job)(void *) = w.job;
        w.job = NULL;
        job(w.heap);
    }
    mu_gc_buffer_retire(w.heap, &(mu_gc_buffer){&w.cursor, &w.limit});
    mu_gc_heap_free(w.heap);
    mu_gc_pool_free(pool);
    return seconds;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    int runs = argc > 2 ? atoi(argv[2]) : 5;
    runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
    for (int marks = 0; marks < 2; marks++) {
        static double samples[KINDS][RUNS_MAX];
        for (int run = 0; run < runs; run++) {
            for (map_kind kind = 0; kind < KINDS; kind++) {
                samples[kind][run] = measure(kind, count, marks);
            }
        }
        printf("%llu entries, %s\n", (unsigned long long)count,
               marks ? "longest stop while old objects are marked" : "full collection");
        double pairs = bench_median(samples[PAIRS], runs);
        for (map_kind kind = 0; kind < KINDS; kind++) {
            double median = bench_median(samples[kind], runs);
            printf("  %-50s %8.2f ms  %5.2fx\n", kind_names[kind], median * 1e3, median / pairs);
        }
    }
    return 0;
}
