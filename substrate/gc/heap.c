/* A VM's heap: making and freeing it, its blocks within the quota, and when to collect what.
 *
 * Young objects are collected when so many of them have been made that what survives is still few;
 * a stop takes time in proportion to that. Old space is marked when it has grown by a share of
 * what the quota leaves above that which lived at the last marking.
 */
#include "gc_heap.h"

/* Young blocks and, weighed less since they are not copied, bytes of young large objects: as many
 * as let about KEPT_BYTES survive, which is what a stop takes its time for. */
#define YOUNG_BYTES        ((uint64_t)2 << 20)
#define YOUNG_MIN_BYTES    ((uint64_t)512 << 10)
#define KEPT_BYTES         ((uint64_t)384 << 10)
#define YOUNG_LARGE_WEIGHT 8u
/* No product of sizes overflows below it; no machine has it. */
#define QUOTA_LIMIT_BYTES ((uint64_t)1 << 46)
#define QUOTA_FLOOR_BYTES ((uint64_t)8 * MU_GC_BLOCK_BYTES)
#define GROWTH_MIN_BYTES  ((uint64_t)32 << 20)
/* Under stress, one collection in so many is a full one. */
#define STRESS_FULL_EVERY 8u

mu_gc_heap *mu_gc_heap_new(mu_gc_pool *pool, const mu_gc_config *config)
{
    MU_INVARIANT(config->quota_bytes >= QUOTA_FLOOR_BYTES, "a quota of %llu bytes, below 8 blocks",
                 (unsigned long long)config->quota_bytes);
    mu_gc_heap *heap = mu_allocate(sizeof(*heap));
    heap->pool = pool;
    heap->states = mu_gc_pool_states(pool);
    heap->config = *config;
    if (heap->config.quota_bytes > QUOTA_LIMIT_BYTES) {
        heap->config.quota_bytes = QUOTA_LIMIT_BYTES;
    }
    heap->epoch = 1;
    heap->young_bytes = YOUNG_BYTES;
    mu_gc_heap_set_trigger(heap);
    pthread_mutex_init(&heap->lock, NULL);
    pthread_mutex_init(&heap->background, NULL);
    pthread_mutex_init(&heap->queues, NULL);
    pthread_cond_init(&heap->job_ended, NULL);
    return heap;
}

void mu_gc_heap_free(mu_gc_heap *heap)
{
    if (!heap) {
        return;
    }
    mu_gc_background_end(heap);
    mu_gc_pool_count_large(heap->pool, -(int64_t)mu_gc_large_clear(&heap->large));
    mu_gc_pool_give(heap->pool, heap->young, true);
    mu_gc_pool_give(heap->pool, heap->mature, true);
    mu_gc_pool_give(heap->pool, heap->unswept, true);
    MU_ARRAY_FREE(&heap->mixed);
    MU_ARRAY_FREE(&heap->log);
    MU_ARRAY_FREE(&heap->marker.stack);
    MU_ARRAY_FREE(&heap->marker.weak);
    MU_ARRAY_FREE(&heap->marker.natives);
    MU_ARRAY_FREE(&heap->notified);
    mu_gc_pairs_clear(&heap->marker.pairs);
    mu_gc_pairs_clear(&heap->pairs);
    pthread_cond_destroy(&heap->job_ended);
    pthread_mutex_destroy(&heap->queues);
    pthread_mutex_destroy(&heap->background);
    pthread_mutex_destroy(&heap->lock);
    mu_free(heap);
}

void mu_gc_block_set_state(mu_gc_block *block, mu_gc_state state)
{
    __atomic_store_n(&block->heap->states[mu_gc_block_start(block) / MU_GC_BLOCK_BYTES],
                     (uint8_t)state, __ATOMIC_RELAXED);
}

mu_gc_block *mu_gc_heap_take_block(mu_gc_heap *heap, mu_gc_state state)
{
    if (mu_gc_heap_used_bytes(heap) + MU_GC_BLOCK_BYTES > heap->config.quota_bytes) {
        return NULL;
    }
    mu_gc_block *block = mu_gc_pool_take(heap->pool);
    if (!block) {
        return NULL;
    }
    mu_gc_block **list = state == MU_GC_STATE_YOUNG ? &heap->young : &heap->mature;
    block->heap = heap;
    block->next = *list;
    *list = block;
    heap->block_count++;
    mu_gc_block_set_state(block, state);
    if (state == MU_GC_STATE_YOUNG) {
        heap->young_count++;
        mu_gc_heap_note_due(heap);
    }
    return block;
}

/* ------------------------------------------------------------------------------ when to collect */

void mu_gc_heap_note_due(mu_gc_heap *heap)
{
    uint64_t young_bytes =
        heap->young_count * MU_GC_BLOCK_BYTES + heap->young_large_bytes / YOUNG_LARGE_WEIGHT;
    uint64_t most = heap->config.quota_bytes / 8;
    if (young_bytes > (most < heap->young_bytes ? most : heap->young_bytes)) {
        __atomic_store_n(&heap->is_due, true, __ATOMIC_RELAXED);
    }
}

void mu_gc_heap_learn(mu_gc_heap *heap, uint64_t kept_bytes)
{
    uint64_t bytes = heap->young_bytes + heap->young_bytes / 4;
    if (kept_bytes > KEPT_BYTES) {
        bytes = heap->young_bytes * KEPT_BYTES / kept_bytes;
    }
    bytes = bytes < YOUNG_BYTES ? bytes : YOUNG_BYTES;
    heap->young_bytes = bytes > YOUNG_MIN_BYTES ? bytes : YOUNG_MIN_BYTES;
}

bool mu_gc_is_due(const mu_gc_heap *heap)
{
    return __atomic_load_n(&heap->is_due, __ATOMIC_RELAXED);
}

/* By what was kept since, as most of it goes into holes; and by blocks, for when the holes are used
 * up. */
void mu_gc_heap_set_trigger(mu_gc_heap *heap)
{
    uint64_t live = heap->stats.live_bytes;
    uint64_t above = heap->config.quota_bytes > live ? heap->config.quota_bytes - live : 0;
    uint64_t growth = live / 2 > GROWTH_MIN_BYTES ? live / 2 : GROWTH_MIN_BYTES;
    /* Marking beside the mutators needs room for what they make meanwhile. */
    uint64_t share = heap->config.run_later ? above / 3 : above - above / 4;
    heap->trigger_bytes = live + (growth < share ? growth : share);
    uint64_t used = mu_gc_heap_used_bytes(heap);
    uint64_t left = heap->config.quota_bytes > used ? heap->config.quota_bytes - used : 0;
    heap->trigger_used_bytes = used + left - left / 4;
}

void mu_gc_heap_set_quota(mu_gc_heap *heap, uint64_t quota_bytes)
{
    pthread_mutex_lock(&heap->background);
    pthread_mutex_lock(&heap->lock);
    heap->config.quota_bytes = quota_bytes < QUOTA_LIMIT_BYTES ? quota_bytes : QUOTA_LIMIT_BYTES;
    mu_gc_heap_set_trigger(heap);
    mu_gc_heap_note_due(heap);
    pthread_mutex_unlock(&heap->lock);
    pthread_mutex_unlock(&heap->background);
}

mu_gc_collection mu_gc_plan(mu_gc_heap *heap, bool full)
{
    mu_gc_collection plan = {.is_full = full};
    pthread_mutex_lock(&heap->lock);
    if (heap->config.stress && !full) {
        plan.is_full = ++heap->stressed % STRESS_FULL_EVERY == 0 && !heap->config.concurrent;
    }
    bool wanted = heap->config.concurrent || heap->stats.live_bytes >= heap->trigger_bytes ||
                  mu_gc_heap_used_bytes(heap) >= heap->trigger_used_bytes;
    if (wanted && heap->phase == MU_GC_IDLE && !plan.is_full) {
        plan.is_full = !heap->config.run_later;
        plan.begins_marking = !plan.is_full;
    }
    pthread_mutex_unlock(&heap->lock);
    return plan;
}

mu_gc_stats mu_gc_heap_stats(mu_gc_heap *heap)
{
    pthread_mutex_lock(&heap->lock);
    mu_gc_stats stats = heap->stats;
    stats.quota_bytes = heap->config.quota_bytes;
    stats.used_bytes = mu_gc_heap_used_bytes(heap);
    pthread_mutex_unlock(&heap->lock);
    return stats;
}

void mu_gc_heap_set_immortal(mu_gc_heap *heap, const void *start, uint64_t bytes)
{
    pthread_mutex_lock(&heap->lock);
    heap->immortal_start = (uintptr_t)start;
    heap->immortal_bytes = bytes;
    pthread_mutex_unlock(&heap->lock);
}

void mu_gc_heap_set_native(mu_gc_heap *heap, mu_gc_native_fn *native, void *context)
{
    heap->native = native;
    heap->native_context = context;
}

void mu_gc_heap_set_pins(mu_gc_heap *heap, mu_gc_pins_fn *pins, void *context)
{
    heap->pins = pins;
    heap->pins_context = context;
}
