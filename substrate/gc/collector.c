/* A collection, while the mutators stand still. README.md says how the kinds work together.
 *
 *   young   keeps what roots, the log and dirty cards reach of the young objects. What is old is
 *           not looked at, but for its block's state or its header. While a marking is under way,
 *           old objects that are met on the way are marked: every root and everything that was
 *           stored since the last stop is met.
 *   full    marks everything and sweeps at once. Survivors of young blocks, and of old blocks that
 *           are mostly empty, move as long as there is room.
 */
#include "gc_heap.h"

#include <string.h>
#include <time.h>

#define POISON 0xdb
/* Old blocks with at least so many free lines are emptied by a full collection. */
#define SPARSE_LINES (MU_GC_BLOCK_LINES / 2)
/* Objects that the collecting thread scans before it asks for help. */
#define ALONE_OBJECTS 16000u
#define ALONE_STRESS  8u
/* Objects scanned between looks at who waits for the worker. */
#define TURN_OBJECTS 256u

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* -------------------------------------------------------------------------------------- tracing */

static void visit_roots(mu_gc_tracer *tracer, mu_gc_roots_fn *roots, void *context)
{
    tracer->owner = "the roots";
    tracer->in_roots = true;
    roots(tracer, context);
    tracer->in_roots = false;
}

void mu_gc_drain_some(mu_gc_tracer *tracer, uint32_t most)
{
    if (tracer->pass == MU_GC_PASS_YOUNG) {
        mu_gc_drain_young(tracer, most);
        return;
    }
    for (; tracer->stack.count > 0 && most > 0; most--) {
        mu_gc_scan(tracer, tracer->stack.items[--tracer->stack.count]);
    }
}

/* Alone as long as that takes no longer than to wake others. */
void mu_gc_drain(mu_gc_tracer *tracer)
{
    if (tracer->pass == MU_GC_PASS_MARK) {
        mu_gc_marking_drain(tracer);
        return;
    }
    const mu_gc_config *config = &tracer->heap->config;
    bool has_help = config->run_later && config->helpers > 0;
    uint32_t alone = config->stress ? ALONE_STRESS : ALONE_OBJECTS;
    mu_gc_drain_some(tracer, alone);
    if (has_help && tracer->stack.count > 0) {
        mu_gc_team_trace(tracer);
    }
    while (tracer->stack.count > 0) {
        mu_gc_make_room(tracer->heap);
        mu_gc_drain_some(tracer, TURN_OBJECTS);
    }
}

/* Everything that lives becomes old. */
static void trace(mu_gc_tracer *tracer, mu_gc_roots_fn *roots, void *context)
{
    mu_gc_heap *heap = tracer->heap;
    mu_gc_report_phase(heap, "log");
    mu_gc_log_flag(heap);
    if (heap->pins) { /* before anything moves */
        tracer->owner = "the pins";
        heap->pins(tracer, heap->pins_context);
    }
    tracer->owner = "the log";
    mu_gc_log_trace(tracer);
    mu_gc_drain(tracer);
    mu_gc_report_phase(heap, "roots");
    visit_roots(tracer, roots, context);
    mu_gc_drain(tracer);
    mu_gc_pairs_settle(tracer);
    mu_gc_streams_close(tracer);
}

static void clear_weak(mu_gc_tracer *tracer, mu_gc_roots_fn *roots, void *context)
{
    mu_gc_report_phase(tracer->heap, "weak");
    mu_gc_pass pass = tracer->pass;
    bool marking = tracer->marking;
    tracer->pass = MU_GC_PASS_WEAK;
    tracer->marking = pass != MU_GC_PASS_YOUNG; /* then what is not marked died */
    for (uint32_t i = 0; i < tracer->weak.count; i++) {
        mu_gc_visit_weak(tracer, (uintptr_t *)tracer->weak.items[i]);
    }
    for (uint32_t i = 0; i < tracer->weak_outside.count; i++) {
        mu_gc_visit_weak(tracer, (uintptr_t *)tracer->weak_outside.items[i]);
    }
    if (tracer->weak_in_roots) {
        visit_roots(tracer, roots, context);
    }
    tracer->pass = pass;
    tracer->marking = marking;
}

/* Weak references first, so that nobody finds by one what is finalized. What comes back to life by
 * that may hold some itself. */
void mu_gc_bury(mu_gc_tracer *tracer, mu_gc_roots_fn *roots, void *context)
{
    clear_weak(tracer, roots, context);
    if (mu_gc_finalize(tracer)) {
        mu_gc_streams_close(tracer);
        clear_weak(tracer, roots, context);
    }
    mu_gc_pairs_break(tracer);
}

static void check(mu_gc_heap *heap, mu_gc_pass pass, mu_gc_roots_fn *roots, void *context)
{
    mu_gc_tracer tracer = mu_gc_tracer_of(heap, pass);
    if (pass == MU_GC_PASS_CHECK) {
        visit_roots(&tracer, roots, context);
    }
    mu_gc_check_heap(&tracer);
}

/* ---------------------------------------------------------------------------------------- young */

/* Lines that mutators had are free now, but for what was kept in them. */
static void settle_lines(mu_gc_block *block)
{
    uint8_t *lines = mu_gc_block_lines(block);
    uint32_t before = block->free_lines;
    block->free_lines = 0;
    for (uint32_t i = 0; i < MU_GC_BLOCK_LINES; i++) {
        lines[i] = lines[i] == MU_GC_LINE_TAKEN ? 0 : lines[i];
        block->free_lines += lines[i] == 0;
        if (lines[i] == 0 && mu_gc_poisons(block->heap)) {
            memset((char *)mu_gc_block_start(block) + (size_t)i * MU_GC_LINE_BYTES, POISON,
                   MU_GC_LINE_BYTES);
        }
    }
    block->heap->hole_lines += block->in_holes ? block->free_lines - before : 0;
}

static void settle_mixed(mu_gc_heap *heap)
{
    for (uint32_t i = 0; i < heap->mixed.count; i++) {
        mu_gc_block *block = heap->mixed.items[i];
        settle_lines(block);
        mu_gc_block_set_state(block, MU_GC_STATE_MATURE);
        mu_gc_holes_add(heap, block);
    }
    heap->mixed.count = 0;
}

/* Blocks where something stayed are old ones now, the others are given back. */
static void settle_young_blocks(mu_gc_heap *heap)
{
    mu_gc_block *empty = NULL;
    mu_gc_block *next;
    for (mu_gc_block *block = heap->young; block; block = next) {
        next = block->next;
        if (block->has_kept) {
            block->has_kept = false;
            settle_lines(block);
            mu_gc_block_settle(heap, block, false);
            continue;
        }
        if (mu_gc_poisons(heap)) {
            memset((void *)mu_gc_block_start(block), POISON, MU_GC_BLOCK_BYTES);
        }
        heap->block_count--;
        block->next = empty;
        empty = block;
    }
    heap->young = NULL;
    heap->young_count = 0;
    mu_gc_pool_give(heap->pool, empty, false);
}

static void settle_young_large(mu_gc_heap *heap)
{
    mu_gc_large *next;
    for (mu_gc_large *large = heap->young_large; large; large = next) {
        next = large->next_young;
        if (large->is_young) {
            uint64_t freed = mu_gc_large_drop(&heap->large, large);
            mu_gc_pool_count_large(heap->pool, -(int64_t)freed);
        }
    }
    heap->young_large = NULL;
    heap->young_large_bytes = 0;
}

static void collect_young(mu_gc_heap *heap, mu_gc_collection *plan, mu_gc_roots_fn *roots,
                          void *context)
{
    if (plan->begins_marking) {
        mu_gc_marking_begin(heap);
    }
    mu_gc_tracer tracer = mu_gc_tracer_of(heap, MU_GC_PASS_YOUNG);
    tracer.stack = heap->scratch; /* touched already */
    heap->scratch = (mu_gc_words){0};
    if (tracer.verify) {
        check(heap, MU_GC_PASS_LOGS, roots, context);
    }
    tracer.marking = heap->phase == MU_GC_MARKING;
    trace(&tracer, roots, context);
    mu_gc_bury(&tracer, roots, context);
    mu_gc_report_phase(heap, "settle");
    pthread_mutex_lock(&heap->lock);
    uint64_t young_bytes = heap->young_count * MU_GC_BLOCK_BYTES;
    settle_mixed(heap);
    settle_young_blocks(heap);
    settle_young_large(heap);
    heap->stats.live_bytes += tracer.kept_bytes;
    heap->stats.young_collections++;
    mu_gc_pace_learn(heap, young_bytes, tracer.kept_bytes);
    pthread_mutex_unlock(&heap->lock);
    mu_gc_report_phase(heap, "advance");
    if (heap->phase == MU_GC_MARKING && mu_gc_marking_advance(&tracer)) {
        mu_gc_report_phase(heap, "end of marking");
        mu_gc_marking_end(heap, roots, context);
        plan->ended_marking = true;
    }
    heap->report.kept_bytes = tracer.kept_bytes;
    heap->scratch = tracer.stack;
    tracer.stack = (mu_gc_words){0};
    mu_gc_tracer_free(&tracer);
}

/* ----------------------------------------------------------------------------------------- full */

/* Chooses the blocks to empty: as many as the other holes and the quota have room for. */
static void choose_sparse(mu_gc_heap *heap)
{
    uint64_t quota = heap->config.quota_bytes;
    uint64_t used = mu_gc_heap_used_bytes(heap);
    uint64_t room = quota > used ? (quota - used) / MU_GC_LINE_BYTES : 0;
    uint64_t wanted = 0;
    for (const mu_gc_block *block = heap->mature; block; block = block->next) {
        room += block->free_lines < SPARSE_LINES ? block->free_lines : 0;
    }
    heap->holes = NULL;
    heap->hole_lines = 0;
    for (mu_gc_block *block = heap->mature; block; block = block->next) {
        wanted += MU_GC_BLOCK_LINES - block->free_lines;
        block->is_sparse = block->free_lines >= SPARSE_LINES && wanted <= room;
        block->in_holes = false;
        if (!block->is_sparse) {
            wanted -= MU_GC_BLOCK_LINES - block->free_lines;
            mu_gc_holes_add(heap, block);
        }
    }
}

/* Whatever was not reached goes; young objects are no more. */
static void finish_full(mu_gc_tracer *tracer)
{
    mu_gc_heap *heap = tracer->heap;
    heap->epoch = tracer->epoch;
    mu_gc_block **last = &heap->young;
    while (*last) {
        (*last)->has_kept = false;
        last = &(*last)->next;
    }
    *last = heap->mature;
    heap->unswept = heap->young;
    heap->young = heap->mature = heap->holes = NULL;
    heap->hole_lines = 0;
    heap->young_count = 0;
    heap->mixed.count = 0;
    for (mu_gc_large *large = heap->young_large; large; large = large->next_young) {
        large->is_young = false;
    }
    heap->young_large = NULL;
    heap->young_large_bytes = 0;
    heap->large.sweep_at = 0;
    heap->phase = MU_GC_SWEEPING;
    mu_gc_heap_sweep(heap, UINT64_MAX);
    heap->stats.live_bytes = tracer->kept_bytes;
}

static void collect_full(mu_gc_heap *heap, mu_gc_roots_fn *roots, void *context)
{
    pthread_mutex_lock(&heap->lock);
    if (heap->phase == MU_GC_MARKING) {
        mu_gc_marking_abort(heap);
    }
    mu_gc_heap_sweep(heap, UINT64_MAX);
    choose_sparse(heap);
    pthread_mutex_unlock(&heap->lock);
    mu_gc_tracer tracer = mu_gc_tracer_of(heap, MU_GC_PASS_FULL);
    tracer.epoch = mu_gc_next_epoch(heap->epoch);
    trace(&tracer, roots, context);
    mu_gc_bury(&tracer, roots, context);
    pthread_mutex_lock(&heap->lock);
    finish_full(&tracer);
    pthread_mutex_unlock(&heap->lock);
    mu_gc_pool_sink(heap->pool);
    heap->report.kept_bytes = tracer.kept_bytes;
    mu_gc_tracer_free(&tracer);
}

/* -------------------------------------------------------------------------------- a collection */

mu_gc_tracer mu_gc_tracer_of(mu_gc_heap *heap, mu_gc_pass pass)
{
    return (mu_gc_tracer){.heap = heap,
                          .states = heap->states,
                          .pass = pass,
                          .verify = heap->config.verify,
                          .sets_marks = pass == MU_GC_PASS_FULL || heap->phase == MU_GC_MARKING,
                          .epoch = heap->phase == MU_GC_MARKING ? mu_gc_next_epoch(heap->epoch)
                                                                : heap->epoch,
                          .pairs = pass == MU_GC_PASS_MARK ? &heap->marker.pairs : &heap->pairs,
                          .owner = "nothing",
                          .range_end = UINTPTR_MAX};
}

void mu_gc_tracer_free(mu_gc_tracer *tracer)
{
    MU_ARRAY_FREE(&tracer->stack);
    MU_ARRAY_FREE(&tracer->weak);
    MU_ARRAY_FREE(&tracer->weak_outside);
    MU_ARRAY_FREE(&tracer->met);
    MU_ARRAY_FREE(&tracer->natives);
    MU_ARRAY_FREE(&tracer->pairs_met);
}

static void begin(mu_gc_heap *heap)
{
    __atomic_store_n(&heap->stop_wanted, true, __ATOMIC_RELAXED);
    pthread_mutex_lock(&heap->background);
    __atomic_store_n(&heap->is_due, true, __ATOMIC_RELAXED); /* until its end */
    __atomic_store_n(&heap->stop_wanted, false, __ATOMIC_RELAXED);
    pthread_mutex_lock(&heap->lock);
    mu_gc_heap_retire(heap, &heap->shared_cursor, &heap->shared_limit);
    MU_INVARIANT(heap->buffers_out == 0, "a collection while %u buffers are not retired",
                 heap->buffers_out);
    heap->rests = NULL;
    pthread_mutex_unlock(&heap->lock);
}

static void count_time(mu_gc_heap *heap, uint64_t took_ns)
{
    pthread_mutex_lock(&heap->lock);
    mu_gc_stats *stats = &heap->stats;
    stats->collections++;
    stats->collected_ns += took_ns;
    stats->longest_ns = took_ns > stats->longest_ns ? took_ns : stats->longest_ns;
    __atomic_store_n(&heap->is_due, false, __ATOMIC_RELAXED);
    __atomic_store_n(&heap->is_overdue, false, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&heap->lock);
}

void mu_gc_collect(mu_gc_heap *heap, mu_gc_collection *plan, mu_gc_roots_fn *roots, void *context)
{
    uint64_t began_ns = now_ns();
    mu_gc_report_phase(heap, "wait");
    begin(heap);
    heap->marking_ended = false;
    if (plan->is_full) {
        collect_full(heap, roots, context);
    } else {
        collect_young(heap, plan, roots, context);
    }
    if (heap->config.verify) {
        check(heap, MU_GC_PASS_CHECK, roots, context);
    }
    count_time(heap, now_ns() - began_ns);
    mu_gc_report_end(heap);
    pthread_mutex_unlock(&heap->background);
    mu_gc_background_start(heap);
}
