/* A VM's heap: allocation, and the arithmetic that makes the quota hold.
 *
 * Mutators bump through regions: the end of a block, from its first unused byte. A region that is
 * given up early is kept for the next who asks. Objects above MU_GC_INLINE_BYTES ("medium") that do
 * not fit into the mutator's own region go to one that the heap shares among them.
 *
 * Quota. A collection copies what lives into new blocks before it gives the old ones back, so each
 * allocation must leave room for that. The collector fills two streams of blocks: one for small
 * objects, one for medium ones. It closes a small block only when an object of at most
 * MU_GC_INLINE_BYTES and a filler do not fit, so the block is filled but for that much, and
 * likewise for medium ones. So
 *
 *      copies <= floor(small bytes / SMALL_FILL + medium bytes / MEDIUM_FILL) + open blocks
 *
 * where aligned objects count 8 bytes more, since the copy may need a filler that the original did
 * not. None of these bytes grows in a collection, so `copies` bounds both the new blocks of the
 * next one and what remains after it, and the heap may take memory as long as
 *
 *      max(blocks, copies + pinned) + copies + large objects <= quota
 *
 * where `pinned` is the number of blocks with pinned objects. Those stay beside the copies of all
 * others (pinned_blocks.c), so that after a collection there are up to pinned + copies blocks.
 */
#include "gc_heap.h"

#include <string.h>

#define FILLER_BYTES 8u
#define SMALL_FILL   (MU_GC_BLOCK_ROOM - MU_GC_INLINE_BYTES - FILLER_BYTES)
#define MEDIUM_FILL  (MU_GC_BLOCK_ROOM - MU_GC_LARGE_BYTES - FILLER_BYTES)
/* A rest of a block that is worth keeping: any small object fits. */
#define REST_BYTES (MU_GC_INLINE_BYTES + FILLER_BYTES)
/* Beyond it the products below could overflow; no machine has it. */
#define QUOTA_LIMIT_BYTES ((uint64_t)1 << 46)
#define QUOTA_FLOOR_BYTES ((uint64_t)8 * MU_GC_BLOCK_BYTES)

/* What an allocation would add to the heap. */
typedef struct claim {
    uint64_t blocks;
    uint64_t object_bytes;
    uint64_t medium_bytes;
    uint64_t aligned_count;
    uint64_t large_bytes;
    uint64_t pinned_blocks;
} claim;

typedef struct shape {
    uint64_t prefix_bytes;
    uint64_t total_bytes; /* with the prefix */
    bool aligned;         /* the payload to 16 */
} shape;

mu_gc_heap *mu_gc_heap_new(mu_gc_pool *pool, const mu_gc_config *config)
{
    MU_INVARIANT(config->quota_bytes >= QUOTA_FLOOR_BYTES, "a quota of %llu bytes, below 8 blocks",
                 (unsigned long long)config->quota_bytes);
    mu_gc_heap *heap = mu_allocate(sizeof(*heap));
    heap->pool = pool;
    heap->config = *config;
    if (heap->config.quota_bytes > QUOTA_LIMIT_BYTES) {
        heap->config.quota_bytes = QUOTA_LIMIT_BYTES;
    }
    pthread_mutex_init(&heap->lock, NULL);
    return heap;
}

void mu_gc_heap_free(mu_gc_heap *heap)
{
    if (!heap) {
        return;
    }
    mu_gc_pool_count_large(heap->pool, -(int64_t)mu_gc_large_clear(&heap->large));
    mu_gc_pool_give(heap->pool, heap->blocks, true);
    pthread_mutex_destroy(&heap->lock);
    mu_free(heap);
}

static bool quota_allows(const mu_gc_heap *heap, const claim *more)
{
    uint64_t blocks = heap->block_count + more->blocks;
    uint64_t medium_bytes = heap->medium_bytes + more->medium_bytes;
    uint64_t small_bytes = heap->object_bytes + more->object_bytes - medium_bytes;
    uint64_t filler_bytes = (heap->aligned_count + more->aligned_count) * FILLER_BYTES;
    uint64_t open = (uint64_t)(small_bytes > 0) + (medium_bytes > 0);
    uint64_t copies = (small_bytes * MEDIUM_FILL + (medium_bytes + filler_bytes) * SMALL_FILL) /
                          ((uint64_t)SMALL_FILL * MEDIUM_FILL) +
                      open;
    uint64_t after = copies + heap->pinned_blocks + more->pinned_blocks;
    uint64_t total =
        ((blocks > after ? blocks : after) + copies) * MU_GC_BLOCK_BYTES + heap->large.bytes;
    return total <= heap->config.quota_bytes &&
           more->large_bytes <= heap->config.quota_bytes - total;
}

bool mu_gc_heap_allows_pin(const mu_gc_heap *heap)
{
    return quota_allows(heap, &(claim){.pinned_blocks = 1});
}

mu_gc_block *mu_gc_heap_take_block(mu_gc_heap *heap)
{
    mu_gc_block *block = mu_gc_pool_take(heap->pool);
    if (block) {
        block->heap = heap;
        block->epoch = heap->epoch;
        block->next = heap->blocks;
        heap->blocks = block;
        heap->block_count++;
    }
    return block;
}

void mu_gc_heap_keep_rest(mu_gc_heap *heap, uintptr_t cursor, uintptr_t limit)
{
    if (limit - cursor >= REST_BYTES) {
        mu_gc_block *block = mu_gc_block_at(cursor);
        block->rest_offset = (uint32_t)(cursor - (uintptr_t)block);
        block->next_rest = heap->rests;
        heap->rests = block;
    }
}

void mu_gc_heap_retire(mu_gc_heap *heap, uintptr_t *cursor, uintptr_t *limit)
{
    if (*limit == 0) {
        return;
    }
    heap->object_bytes -= *limit - *cursor;
    heap->buffers_out--;
    mu_gc_heap_keep_rest(heap, *cursor, *limit);
    *cursor = *limit = 0;
}

void mu_gc_buffer_retire(mu_gc_heap *heap, const mu_gc_buffer *buffer)
{
    pthread_mutex_lock(&heap->lock);
    mu_gc_heap_retire(heap, buffer->cursor, buffer->limit);
    pthread_mutex_unlock(&heap->lock);
}

/* Replaces a region by one with at least `needed` zeroed bytes, all of them counted as objects. */
static mu_status refill(mu_gc_heap *heap, uintptr_t *cursor, uintptr_t *limit, uint64_t needed)
{
    mu_gc_heap_retire(heap, cursor, limit);
    mu_gc_block *block = heap->rests;
    uint32_t offset = MU_GC_BLOCK_DATA;
    bool is_new = !block || MU_GC_BLOCK_BYTES - block->rest_offset < needed;
    if (!is_new) {
        offset = block->rest_offset;
    }
    uint64_t bytes = MU_GC_BLOCK_BYTES - offset;
    if (!quota_allows(heap, &(claim){.blocks = is_new, .object_bytes = bytes})) {
        return MU_NO_MEMORY;
    }
    if (is_new) {
        block = mu_gc_heap_take_block(heap);
        if (!block) {
            return MU_NO_MEMORY;
        }
    } else {
        heap->rests = block->next_rest;
    }
    if (!is_new || !block->zeroed) {
        memset((char *)block + offset, 0, bytes);
    }
    heap->object_bytes += bytes;
    heap->buffers_out++;
    *cursor = (uintptr_t)block + offset;
    *limit = (uintptr_t)block + MU_GC_BLOCK_BYTES;
    return MU_OK;
}

/* Rounded up to words; false when that overflows. */
static bool measure(const mu_abi_type *type, uint64_t length, shape *out)
{
    uint64_t bytes = type->size_bytes;
    uint64_t element_bytes = 0;
    uint64_t prefix_bytes = mu_gc_prefix_bytes(type);
    if (type->is_hybrid && (__builtin_mul_overflow(type->stride_bytes, length, &element_bytes) ||
                            __builtin_add_overflow(bytes, element_bytes, &bytes))) {
        return false;
    }
    if (__builtin_add_overflow(bytes, prefix_bytes + 7, &bytes)) {
        return false;
    }
    *out = (shape){.prefix_bytes = prefix_bytes,
                   .total_bytes = bytes & ~(uint64_t)7,
                   .aligned = type->align_bytes > 8};
    return true;
}

/* Writes the words before the payload at `start`. */
static mu_ref place(uintptr_t start, const mu_abi_type *type, uint64_t length)
{
    mu_ref ref = {start + mu_gc_prefix_bytes(type)};
    if (type->is_hybrid) {
        *mu_abi_length(ref) = length;
    }
    *mu_abi_header(ref) = (uintptr_t)type;
    return ref;
}

/* An object in a block. The lock is held. */
static mu_status allocate_in_block(mu_gc_heap *heap, const mu_gc_buffer *buffer,
                                   const mu_abi_type *type, uint64_t length, const shape *object,
                                   mu_ref *ref)
{
    uintptr_t *cursor = buffer->cursor;
    uintptr_t *limit = buffer->limit;
    uint64_t needed = object->total_bytes + (object->aligned ? FILLER_BYTES : 0);
    bool medium = object->total_bytes > MU_GC_INLINE_BYTES;
    if (heap->config.stress || (medium && *limit - *cursor < needed)) {
        cursor = &heap->shared_cursor;
        limit = &heap->shared_limit;
    }
    if (*limit - *cursor < needed) {
        mu_status status = refill(heap, cursor, limit, needed);
        if (status != MU_OK) {
            return status;
        }
    }
    uint64_t medium_bytes = medium ? object->total_bytes : 0;
    if ((medium || object->aligned) &&
        !quota_allows(heap,
                      &(claim){.medium_bytes = medium_bytes, .aligned_count = object->aligned})) {
        return MU_NO_MEMORY;
    }
    heap->medium_bytes += medium_bytes;
    if (object->aligned) {
        heap->aligned_count++;
        if ((*cursor + object->prefix_bytes) % 16 != 0) {
            *cursor += FILLER_BYTES;
            heap->object_bytes -= FILLER_BYTES;
        }
    }
    *ref = place(*cursor, type, length);
    *cursor += object->total_bytes;
    return MU_OK;
}

static mu_status allocate_large(mu_gc_heap *heap, const mu_abi_type *type, uint64_t length,
                                const shape *object, mu_ref *ref)
{
    uint64_t bytes;
    if (__builtin_add_overflow(object->total_bytes - object->prefix_bytes, sizeof(mu_gc_large),
                               &bytes)) {
        return MU_NO_MEMORY;
    }
    pthread_mutex_lock(&heap->lock);
    bool allowed = quota_allows(heap, &(claim){.large_bytes = bytes});
    heap->large.bytes += allowed ? bytes : 0;
    pthread_mutex_unlock(&heap->lock);
    if (!allowed) {
        return MU_NO_MEMORY;
    }
    /* Zeroing much memory takes its time, so the others need not wait for it. */
    void *memory;
    mu_status status = mu_try_allocate(bytes, &memory);
    if (status == MU_OK && !mu_gc_memory_fits((uintptr_t)memory, bytes)) {
        mu_free(memory);
        status = MU_NO_MEMORY;
    }
    pthread_mutex_lock(&heap->lock);
    if (status == MU_OK) {
        mu_gc_large *large = memory;
        large->bytes = bytes;
        *ref = place(mu_gc_large_ref(large) - object->prefix_bytes, type, length);
        *mu_abi_header(*ref) |= MU_GC_HEADER_LARGE;
        mu_gc_large_add(&heap->large, large);
        mu_gc_pool_count_large(heap->pool, (int64_t)bytes);
    } else {
        heap->large.bytes -= bytes;
    }
    pthread_mutex_unlock(&heap->lock);
    return status;
}

mu_status mu_gc_allocate(mu_gc_heap *heap, const mu_gc_buffer *buffer, const mu_abi_type *type,
                         uint64_t length, mu_ref *ref)
{
    shape object;
    if (!measure(type, length, &object)) {
        return MU_NO_MEMORY;
    }
    if (object.total_bytes > MU_GC_LARGE_BYTES) {
        return allocate_large(heap, type, length, &object, ref);
    }
    /* Nothing is counted for a small object in the mutator's own buffer, so nothing need be locked.
     */
    if (object.total_bytes <= MU_GC_INLINE_BYTES && !object.aligned &&
        *buffer->limit - *buffer->cursor >= object.total_bytes) {
        *ref = place(*buffer->cursor, type, length);
        *buffer->cursor += object.total_bytes;
        return MU_OK;
    }
    pthread_mutex_lock(&heap->lock);
    mu_status status = allocate_in_block(heap, buffer, type, length, &object, ref);
    pthread_mutex_unlock(&heap->lock);
    return status;
}

mu_gc_stats mu_gc_heap_stats(mu_gc_heap *heap)
{
    pthread_mutex_lock(&heap->lock);
    mu_gc_stats stats = {
        .quota_bytes = heap->config.quota_bytes,
        .used_bytes = heap->block_count * MU_GC_BLOCK_BYTES + heap->large.bytes,
        .live_bytes = heap->live_bytes,
        .collections = heap->collections,
        .collected_ns = heap->collected_ns,
        .longest_ns = heap->longest_ns,
    };
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
