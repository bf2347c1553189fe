/* The log of the write barrier: old objects that references were stored into since the last
 * collection, each once (the coalescing barrier of Levanoni and Petrank, "An on-the-fly
 * reference-counting garbage collector for Java", OOPSLA 2001; its use beside Immix: Zhao,
 * Blackburn and McKinley, "Low-latency, high-throughput garbage collection", PLDI 2022).
 *
 * The flag in an object's header says that it is not in the log. Of large objects only the cards
 * are noted that were stored to, and the flag stays: they are not scanned whole for one store.
 *
 * A long log makes a collection due, so that no stop has much of it to scan.
 *
 * A collection scans what was logged. That finds the young objects that old ones refer to, and,
 * while a marking is under way, everything that was stored since it looked at an object.
 */
#include "gc_heap.h"

#include <string.h>

/* The heap's lock is held. */
static void set_cards(mu_gc_heap *heap, mu_gc_large *large, uint64_t first, uint64_t last)
{
    for (uint64_t card = first; card <= last; card++) {
        heap->dirty_cards += !large->cards[card];
        __atomic_store_n(&large->cards[card], 1, __ATOMIC_RELAXED);
    }
    if (!large->is_dirty) {
        large->is_dirty = true;
        large->next_dirty = heap->dirty_large;
        heap->dirty_large = large;
    }
}

static void log_large(mu_gc_heap *heap, uintptr_t ref, uint64_t offset, uint64_t bytes)
{
    mu_gc_large *large = mu_gc_large_of(ref);
    if (!large->cards || offset >= large->payload_bytes || bytes == 0) {
        return;
    }
    uint64_t left = large->payload_bytes - offset;
    uint64_t first = offset / MU_GC_CARD_BYTES;
    uint64_t last = (offset + (bytes < left ? bytes : left) - 1) / MU_GC_CARD_BYTES;
    if (first == last && __atomic_load_n(&large->cards[first], __ATOMIC_RELAXED)) {
        return;
    }
    pthread_mutex_lock(&heap->lock);
    set_cards(heap, large, first, last);
    mu_gc_pace_note_log(heap);
    pthread_mutex_unlock(&heap->lock);
}

void mu_gc_log(mu_gc_heap *heap, mu_ref object, uintptr_t address, uint64_t bytes)
{
    uintptr_t header = mu_gc_header(object.address);
    if (!(header & MU_ABI_HEADER_UNLOGGED)) {
        return;
    }
    if (header & MU_GC_HEADER_LARGE) {
        log_large(heap, object.address, address - object.address, bytes);
        return;
    }
    pthread_mutex_lock(&heap->lock);
    uintptr_t before = __atomic_fetch_and(mu_abi_header(object), ~(uintptr_t)MU_ABI_HEADER_UNLOGGED,
                                          __ATOMIC_RELAXED);
    if (before & MU_ABI_HEADER_UNLOGGED) { /* else another mutator was first */
        MU_ARRAY_PUSH(&heap->log, object.address);
        mu_gc_pace_note_log(heap);
    }
    pthread_mutex_unlock(&heap->lock);
}

/* The first dirty card from `card` on, or `count`. Mostly long runs are clean. */
static uint64_t next_dirty(const mu_gc_large *large, uint64_t card, uint64_t count)
{
    const uint8_t *found = card < count ? memchr(large->cards + card, 1, count - card) : NULL;
    return found ? (uint64_t)(found - large->cards) : count;
}

static void trace_cards(mu_gc_tracer *tracer, mu_gc_large *large)
{
    uint64_t count = (large->payload_bytes + MU_GC_CARD_BYTES - 1) / MU_GC_CARD_BYTES;
    uint64_t card = next_dirty(large, 0, count);
    while (card < count) {
        large->cards[card] = 0;
        if (tracer->pass == MU_GC_PASS_YOUNG) {
            mu_gc_scan_range(tracer, mu_gc_large_ref(large), card * MU_GC_CARD_BYTES,
                             (card + 1) * MU_GC_CARD_BYTES);
        }
        card = next_dirty(large, card + 1, count);
    }
}

void mu_gc_log_flag(mu_gc_heap *heap)
{
    for (uint32_t i = 0; i < heap->log.count; i++) {
        *mu_abi_header((mu_ref){heap->log.items[i]}) |= MU_ABI_HEADER_UNLOGGED;
    }
}

void mu_gc_log_trace(mu_gc_tracer *tracer)
{
    mu_gc_heap *heap = tracer->heap;
    for (uint32_t i = 0; i < heap->log.count && tracer->pass == MU_GC_PASS_YOUNG; i++) {
        mu_gc_scan(tracer, heap->log.items[i]);
    }
    heap->log.count = 0;
    heap->dirty_cards = 0;
    while (heap->dirty_large) {
        mu_gc_large *large = heap->dirty_large;
        heap->dirty_large = large->next_dirty;
        large->is_dirty = false;
        trace_cards(tracer, large);
    }
}
