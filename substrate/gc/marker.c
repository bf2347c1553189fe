/* Marking old space while mutators run, a little at a time in a background job.
 *
 * It begins and ends in the stop of a young collection. What old objects refer to is marked; young
 * ones are passed over, since whatever refers to them is in the log. Mutators change objects behind
 * the marker's back, but each object that they store references into is logged before, and the next
 * stop scans it again. What becomes old meanwhile is marked from the start. So when nothing is left
 * to scan after a stop has gone through roots and log, everything that lives is marked: "mostly
 * parallel" collection (Boehm, Demers and Shenker, PLDI 1991) with a log of objects for its dirty
 * pages. Old values need not be kept, so what dies while a marking runs is mostly found dead by it.
 *
 * The job runs for a slice, then lets others have the worker. It holds the background lock, lets go
 * soon after a stop is due or wanted, to be started again by that, and keeps no raw reference
 * beyond. Nothing old moves meanwhile.
 */
#include "gc_heap.h"

#include <string.h>
#include <time.h>

#define SLICE_NS     2000000ll
#define CHECK_EVERY  256u
#define SWEEP_BLOCKS 32u
/* Objects that a stop scans so that a marking may end with it, and the time that it spends on what
 * the job is behind. */
#define STOP_OBJECTS 2000u
#define ASSIST_NS    500000ll
/* So long the job waits, within its slice, for the end of a stop. Most end sooner, and to be queued
 * anew after each of them would have a worker sleep and be woken. */
#define STOP_WAIT_NS 500000ll
#define AHEAD_WORDS  32768u

/* ------------------------------------------------------------------------------------- scanning */

/* The same with what pairs keep alive: scans, then looks at as many pairs, and once more at what
 * that led to. The rest is for the next time, unless everything is to be marked now. */
static bool mark_some(mu_gc_tracer *tracer, uint64_t most)
{
    bool done = false;
    for (uint32_t round = 0; !done && (round < 2 || most == UINT64_MAX); round++) {
        done = mu_gc_mark_scan(tracer, most) && mu_gc_pairs_look(tracer, most) &&
               tracer->stack.count == 0;
    }
    return done;
}

void mu_gc_marking_drain(mu_gc_tracer *tracer)
{
    (void)mu_gc_mark_scan(tracer, UINT64_MAX);
}

static void append(mu_gc_words *to, const mu_gc_words *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        MU_ARRAY_PUSH(to, from->items[i]);
    }
}

/* A tracer on the marker's own lists, and giving them back. */
static mu_gc_tracer open_tracer(mu_gc_heap *heap)
{
    mu_gc_tracer tracer = mu_gc_tracer_of(heap, MU_GC_PASS_MARK);
    tracer.stack = heap->marker.stack;
    tracer.weak = heap->marker.weak;
    heap->marker.stack = heap->marker.weak = (mu_gc_words){0};
    return tracer;
}

static void close_tracer(mu_gc_tracer *tracer)
{
    tracer->heap->marker.stack = tracer->stack;
    tracer->heap->marker.weak = tracer->weak;
}

/* ------------------------------------------------------------------------------------ in a stop */

void mu_gc_marking_begin(mu_gc_heap *heap)
{
    mu_gc_marker *marker = &heap->marker;
    heap->phase = MU_GC_MARKING;
    marker->stack.count = marker->weak.count = marker->natives.count = 0;
    mu_gc_pairs_clear(&marker->pairs);
    marker->kept_bytes = 0;
    marker->large = 0;
    marker->is_drained = false;
    mu_gc_pace_begin_marking(heap);
}

static void clear_marks(mu_gc_block *list)
{
    for (mu_gc_block *block = list; block; block = block->next) {
        memset(mu_gc_block_marks(block), 0, MU_GC_BITS_WORDS * sizeof(uint64_t));
    }
}

void mu_gc_marking_abort(mu_gc_heap *heap)
{
    clear_marks(heap->mature);
    heap->marker.stack.count = heap->marker.weak.count = heap->marker.natives.count = 0;
    mu_gc_pairs_clear(&heap->marker.pairs);
    heap->marker.large = 0;
    heap->epoch = mu_gc_next_epoch(heap->epoch); /* some lines and large objects are of it */
    heap->pace.is_behind = false;
    heap->phase = MU_GC_IDLE;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Marks for a stop that promoted so much: what the job is behind, within the time that a stop has;
 * when it cannot, stops come more often. Most of the marking is for the job, so when that has been
 * idle the stop marks a little more, which may be the last of it. */
static bool assist(mu_gc_tracer *tracer, uint64_t promoted_bytes)
{
    mu_gc_heap *heap = tracer->heap;
    mu_gc_marker *marker = &heap->marker;
    bool is_last;
    uint64_t wanted = mu_gc_pace_assist(heap, promoted_bytes, &is_last);
    bool done = mark_some(tracer, marker->is_drained ? STOP_OBJECTS : 0);
    uint64_t goal =
        wanted > UINT64_MAX - marker->kept_bytes ? UINT64_MAX : marker->kept_bytes + wanted;
    int64_t end_ns = now_ns() + ASSIST_NS;
    while (!done && marker->kept_bytes < goal && (is_last || now_ns() < end_ns)) {
        mu_gc_make_room(heap);
        done = mark_some(tracer, CHECK_EVERY);
    }
    mu_gc_pace_end_assist(heap, !done && marker->kept_bytes < goal);
    return done;
}

bool mu_gc_marking_advance(mu_gc_tracer *young)
{
    mu_gc_heap *heap = young->heap;
    mu_gc_marker *marker = &heap->marker;
    append(&marker->weak, &young->weak);
    append(&marker->stack, &young->met);
    marker->kept_bytes += young->kept_bytes;
    mu_gc_tracer tracer = open_tracer(heap);
    while (marker->natives.count > 0) {
        uintptr_t *slot = (uintptr_t *)marker->natives.items[--marker->natives.count];
        mu_gc_show_native(&tracer, slot);
    }
    bool done = assist(&tracer, young->kept_bytes);
    /* Weak cells in frames are among the roots at the end. */
    MU_ARRAY_FREE(&tracer.weak_outside);
    close_tracer(&tracer);
    marker->is_drained = done;
    return done;
}

void mu_gc_marking_end(mu_gc_heap *heap, mu_gc_roots_fn *roots, void *context)
{
    heap->marking_ended = true;
    mu_gc_tracer tracer = open_tracer(heap);
    tracer.weak_in_roots = true; /* for all that was seen while it was marked */
    mu_gc_bury(&tracer, roots, context);
    MU_ARRAY_FREE(&tracer.weak_outside);
    close_tracer(&tracer);
    pthread_mutex_lock(&heap->lock);
    heap->epoch = tracer.epoch;
    heap->unswept = heap->mature;
    heap->mature = heap->holes = NULL;
    heap->hole_lines = 0;
    heap->large.sweep_at = 0;
    heap->phase = MU_GC_SWEEPING;
    mu_gc_pace_end_marking(heap);
    heap->stats.live_bytes = heap->marker.kept_bytes;
    heap->stats.markings++;
    if (heap->config.verify) {
        mu_gc_heap_sweep(heap, UINT64_MAX);
    }
    pthread_mutex_unlock(&heap->lock);
}

/* -------------------------------------------------------------------------------------- the job */

static bool lets_go(const mu_gc_heap *heap)
{
    return __atomic_load_n(&heap->stop_wanted, __ATOMIC_RELAXED) ||
           __atomic_load_n(&heap->is_due, __ATOMIC_RELAXED);
}

/* Has room for what a stop may push, in memory that is touched. */
static void reserve_ahead(mu_gc_heap *heap, mu_gc_words *stack)
{
    uint64_t wanted = heap->stats.live_bytes / 128;
    wanted = wanted < AHEAD_WORDS ? wanted : AHEAD_WORDS;
    if (stack->capacity - stack->count < wanted) {
        MU_ARRAY_RESERVE(stack, stack->count + (uint32_t)wanted);
        memset(stack->items + stack->count, 0,
               (stack->capacity - stack->count) * sizeof *stack->items);
    }
}

static void mark_for_a_slice(mu_gc_heap *heap, int64_t end_ns)
{
    mu_gc_tracer tracer = open_tracer(heap);
    reserve_ahead(heap, &tracer.stack);
    tracer.is_concurrent = true;
    bool done = false;
    while (!done && !lets_go(heap) && now_ns() < end_ns) {
        for (uint32_t i = 0; i < 16 && !done && !lets_go(heap); i++) {
            done = mark_some(&tracer, CHECK_EVERY);
        }
    }
    close_tracer(&tracer);
    heap->marker.is_drained = done;
}

static void sweep_for_a_slice(mu_gc_heap *heap, int64_t end_ns)
{
    bool done = false;
    mu_gc_pairs_clear(&heap->marker.pairs);
    while (!done && !lets_go(heap) && now_ns() < end_ns) {
        pthread_mutex_lock(&heap->lock);
        mu_gc_heap_sweep(heap, SWEEP_BLOCKS);
        done = heap->phase != MU_GC_SWEEPING;
        pthread_mutex_unlock(&heap->lock);
    }
}

/* The phase there is work of, MU_GC_IDLE when there is none. It may be over by the time the work
 * begins: the mutator sweeps too when it needs blocks. The background lock is held. */
static mu_gc_phase phase_to_work_on(mu_gc_heap *heap)
{
    pthread_mutex_lock(&heap->lock);
    mu_gc_phase phase = heap->phase;
    bool has = phase == MU_GC_SWEEPING || (phase == MU_GC_MARKING && !heap->marker.is_drained);
    pthread_mutex_unlock(&heap->lock);
    return has && !__atomic_load_n(&heap->is_ending, __ATOMIC_RELAXED) ? phase : MU_GC_IDLE;
}

/* False: a collection is under way, which starts the job again, and may take long. */
static bool come_in(mu_gc_heap *heap)
{
    bool comes = pthread_mutex_trylock(&heap->background) == 0;
    if (comes) {
        __atomic_store_n(&heap->job_is_in, true, __ATOMIC_RELAXED);
    }
    return comes;
}

static void go_out(mu_gc_heap *heap)
{
    __atomic_store_n(&heap->job_is_in, false, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&heap->background);
}

static bool work_until(mu_gc_heap *heap, int64_t end_ns)
{
    if (!come_in(heap)) {
        return true;
    }
    mu_gc_phase phase = phase_to_work_on(heap);
    while (phase != MU_GC_IDLE && !lets_go(heap) && now_ns() < end_ns) {
        if (phase == MU_GC_MARKING) {
            mark_for_a_slice(heap, end_ns);
        } else {
            sweep_for_a_slice(heap, end_ns);
        }
        phase = phase_to_work_on(heap);
    }
    go_out(heap);
    return phase != MU_GC_IDLE;
}

/* False when the stop takes longer than it pays to wait, or others want the worker. */
static bool outwait_stop(const mu_gc_heap *heap)
{
    int64_t end_ns = now_ns() + STOP_WAIT_NS;
    while (lets_go(heap) && !mu_gc_job_is_in_the_way(heap) && now_ns() < end_ns) {
        for (uint32_t i = 0; i < 32; i++) {
            __builtin_ia32_pause();
        }
    }
    return !lets_go(heap);
}

/* A slice of what there is to do; true when there is more of it. */
static bool work_for_a_slice(mu_gc_heap *heap)
{
    int64_t end_ns = now_ns() + SLICE_NS;
    bool goes_on = work_until(heap, end_ns);
    while (goes_on && now_ns() < end_ns && outwait_stop(heap)) {
        goes_on = work_until(heap, end_ns);
    }
    return goes_on;
}

/* Ends when a stop is due, which starts it again. */
static void run_job(void *context)
{
    mu_gc_heap *heap = context;
    bool goes_on = work_for_a_slice(heap);
    mu_gc_pool_do_upkeep(heap->pool);
    pthread_mutex_lock(&heap->lock);
    goes_on = goes_on && !lets_go(heap);
    heap->job_is_out = goes_on;
    if (!goes_on) {
        pthread_cond_broadcast(&heap->job_ended);
    }
    pthread_mutex_unlock(&heap->lock);
    if (goes_on) {
        heap->config.run_later(heap->config.run_context, run_job, heap);
    }
}

void mu_gc_background_start(mu_gc_heap *heap)
{
    if (!heap->config.run_later) {
        mu_gc_pool_trim(heap->pool);
        return;
    }
    bool wants_upkeep = mu_gc_pool_wants_upkeep(heap->pool);
    bool starts = false;
    pthread_mutex_lock(&heap->lock);
    if (!heap->job_is_out) { /* which is it that says whether it is drained */
        bool waits = heap->phase == MU_GC_MARKING && heap->marker.is_drained;
        starts = wants_upkeep || (heap->phase != MU_GC_IDLE && !waits);
        heap->job_is_out = starts;
    }
    pthread_mutex_unlock(&heap->lock);
    if (starts) {
        heap->config.run_later(heap->config.run_context, run_job, heap);
    }
}

void mu_gc_background_end(mu_gc_heap *heap)
{
    __atomic_store_n(&heap->is_ending, true, __ATOMIC_RELAXED);
    __atomic_store_n(&heap->stop_wanted, true, __ATOMIC_RELAXED);
    pthread_mutex_lock(&heap->lock);
    while (heap->job_is_out) {
        pthread_cond_wait(&heap->job_ended, &heap->lock);
    }
    pthread_mutex_unlock(&heap->lock);
}
