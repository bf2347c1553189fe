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
#define CHECK_EVERY  64u
#define SWEEP_BLOCKS 32u
#define SLICE_BYTES  4096u
/* Objects that a stop scans so that a marking may end with it, and the time that it spends on what
 * the job is behind. */
#define STOP_OBJECTS 2000u
#define ASSIST_NS    500000ll
/* The job waits so long for a stop that is due. */
#define RING        16u
#define AHEAD_WORDS 32768u

/* ------------------------------------------------------------------------------------- scanning */

static void scan_marked(mu_gc_tracer *tracer, uintptr_t ref)
{
    mu_gc_marker *marker = &tracer->heap->marker;
    mu_gc_tell_reached(tracer, ref);
    if (mu_gc_state_of(tracer->states, ref) == MU_GC_STATE_NONE) {
        marker->large = ref;
        marker->large_from = 0;
        return;
    }
    const mu_abi_type *type =
        (const mu_abi_type *)(mu_gc_header(ref) & ~(uintptr_t)MU_ABI_HEADER_FLAGS);
    uint64_t total = mu_gc_object_bytes(ref, type);
    uintptr_t start = ref - mu_gc_prefix_bytes(type);
    mu_gc_lines_mark(start, start + total, tracer->epoch);
    marker->kept_bytes += total;
    if (mu_gc_has_slots(type)) {
        mu_gc_scan(tracer, ref);
    }
}

/* A large object is scanned by pieces, so that a stop need not wait for the whole. */
static void scan_large_piece(mu_gc_tracer *tracer)
{
    mu_gc_marker *marker = &tracer->heap->marker;
    uint64_t from = marker->large_from;
    marker->large_from += SLICE_BYTES;
    mu_gc_scan_range(tracer, marker->large, from, from + SLICE_BYTES);
    if (marker->large_from >= mu_gc_large_of(marker->large)->payload_bytes) {
        marker->large = 0;
    }
}

/* Scans up to `most` objects or pieces; true when nothing is left. The objects go through a ring,
 * where they wait until the memory has come that was asked for. */
static bool scan_some(mu_gc_tracer *tracer, uint64_t most)
{
    mu_gc_marker *marker = &tracer->heap->marker;
    uintptr_t ring[RING] = {0};
    uint32_t held = 0;
    for (uint32_t at = 0; most > 0; most--) {
        if (marker->large) {
            scan_large_piece(tracer);
            continue;
        }
        uintptr_t ref = ring[at];
        held -= ref != 0;
        ring[at] = 0;
        if (tracer->stack.count > 0) {
            ring[at] = tracer->stack.items[--tracer->stack.count];
            held++;
            __builtin_prefetch((const void *)(ring[at] - MU_ABI_HEADER_BYTES));
        } else if (ref == 0 && held == 0) {
            return true;
        }
        at = (at + 1) % RING;
        if (ref != 0) {
            scan_marked(tracer, ref);
        }
    }
    for (uint32_t i = 0; i < RING; i++) {
        if (ring[i] != 0) {
            MU_ARRAY_PUSH(&tracer->stack, ring[i]);
        }
    }
    return false;
}

/* The same with what pairs keep alive: scans, then looks at as many pairs, and once more at what
 * that led to. The rest is for the next time, unless everything is to be marked now. */
static bool mark_some(mu_gc_tracer *tracer, uint64_t most)
{
    bool done = false;
    for (uint32_t round = 0; !done && (round < 2 || most == UINT64_MAX); round++) {
        done =
            scan_some(tracer, most) && mu_gc_pairs_look(tracer, most) && tracer->stack.count == 0;
    }
    return done;
}

void mu_gc_marking_drain(mu_gc_tracer *tracer)
{
    (void)scan_some(tracer, UINT64_MAX);
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
        done = mark_some(tracer, CHECK_EVERY);
    }
    heap->pace.is_behind = !done && marker->kept_bytes < goal;
    heap->pace.marked_bytes = marker->kept_bytes;
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

/*
 * The phase there is work of, MU_GC_IDLE when there is none. It may be over by the time the work
 * begins: the mutator sweeps too when it needs blocks. The background lock is held.
 */
static mu_gc_phase phase_to_work_on(mu_gc_heap *heap)
{
    pthread_mutex_lock(&heap->lock);
    mu_gc_phase phase = heap->phase;
    bool has = phase == MU_GC_SWEEPING || (phase == MU_GC_MARKING && !heap->marker.is_drained);
    pthread_mutex_unlock(&heap->lock);
    return has && !__atomic_load_n(&heap->is_ending, __ATOMIC_RELAXED) ? phase : MU_GC_IDLE;
}

static void come_in(mu_gc_heap *heap)
{
    pthread_mutex_lock(&heap->background);
    __atomic_store_n(&heap->job_is_in, true, __ATOMIC_RELAXED);
}

static void go_out(mu_gc_heap *heap)
{
    __atomic_store_n(&heap->job_is_in, false, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&heap->background);
}

/* A slice of what there is to do; true when there is more of it. */
static bool work_for_a_slice(mu_gc_heap *heap)
{
    int64_t end_ns = now_ns() + SLICE_NS;
    come_in(heap);
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
