/* A VM's heap: making and freeing it, and its blocks within the quota. */
#include "gc_heap.h"

/* No product of sizes overflows below it; no machine has it. */
#define QUOTA_LIMIT_BYTES ((uint64_t)1 << 46)
#define QUOTA_FLOOR_BYTES ((uint64_t)8 * MU_GC_BLOCK_BYTES)

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
    mu_gc_pool_count_quota(pool, heap->config.quota_bytes, true);
    heap->epoch = 1;
    mu_gc_pace_begin(heap);
    pthread_mutex_init(&heap->lock, NULL);
    pthread_mutex_init(&heap->background, NULL);
    pthread_mutex_init(&heap->queues, NULL);
    pthread_cond_init(&heap->job_ended, NULL);
    mu_gc_team_init(&heap->team);
    return heap;
}

void mu_gc_heap_free(mu_gc_heap *heap)
{
    if (!heap) {
        return;
    }
    mu_gc_background_end(heap);
    mu_gc_team_deinit(&heap->team);
    mu_gc_pool_count_quota(heap->pool, heap->config.quota_bytes, false);
    mu_gc_pool_count_large(heap->pool, -(int64_t)mu_gc_large_clear(&heap->large));
    mu_gc_pool_give(heap->pool, heap->young, true);
    mu_gc_pool_give(heap->pool, heap->mature, true);
    mu_gc_pool_give(heap->pool, heap->unswept, true);
    MU_ARRAY_FREE(&heap->mixed);
    MU_ARRAY_FREE(&heap->log);
    MU_ARRAY_FREE(&heap->scratch);
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

mu_gc_block *mu_gc_heap_take_block(mu_gc_heap *heap, mu_gc_state state, bool at_once)
{
    if (mu_gc_heap_used_bytes(heap) + MU_GC_BLOCK_BYTES > heap->config.quota_bytes) {
        return NULL;
    }
    mu_gc_block *block = mu_gc_pool_take(heap->pool, at_once);
    if (!block) {
        return NULL;
    }
    if (heap->config.verify) {
        mu_gc_pool_keep_starts(heap->pool, block);
    }
    mu_gc_block **list = state == MU_GC_STATE_YOUNG ? &heap->young : &heap->mature;
    block->heap = heap;
    block->next = *list;
    *list = block;
    heap->block_count++;
    mu_gc_block_set_state(block, state);
    if (state == MU_GC_STATE_YOUNG) {
        heap->young_count++;
        mu_gc_pace_note_young(heap);
    }
    return block;
}

void mu_gc_heap_set_quota(mu_gc_heap *heap, uint64_t quota_bytes)
{
    pthread_mutex_lock(&heap->background);
    pthread_mutex_lock(&heap->lock);
    mu_gc_pool_count_quota(heap->pool, heap->config.quota_bytes, false);
    heap->config.quota_bytes = quota_bytes < QUOTA_LIMIT_BYTES ? quota_bytes : QUOTA_LIMIT_BYTES;
    mu_gc_pool_count_quota(heap->pool, heap->config.quota_bytes, true);
    mu_gc_pace_set_trigger(heap);
    mu_gc_pace_note_young(heap);
    pthread_mutex_unlock(&heap->lock);
    pthread_mutex_unlock(&heap->background);
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
