/* Allocation by mutators.
 *
 * Mutators bump through regions: mostly the end of a young block, from its first unused byte. A
 * region that is given up early is kept for the next who asks. Objects above MU_GC_INLINE_BYTES
 * ("medium") that do not fit into the mutator's own region go to one that the heap shares among
 * them.
 *
 * When the quota allows no more blocks, regions are holes of old blocks. So a heap can be filled up
 * to its quota but for holes too small for what is asked for.
 */
#include "gc_heap.h"

#include <string.h>

#define POISON       0xdb
#define FILLER_BYTES 8u
/* Swept at a time by who wants memory meanwhile. */
#define SWEEP_BLOCKS 32u
/* A rest of a block that is worth keeping: any small object fits. */
#define REST_BYTES (MU_GC_INLINE_BYTES + FILLER_BYTES)

typedef struct shape {
    uint64_t prefix_bytes;
    uint64_t total_bytes; /* with the prefix */
    bool aligned;         /* the payload to 16 */
} shape;

/* ------------------------------------------------------------------------------------- regions */

void mu_gc_heap_retire(mu_gc_heap *heap, uintptr_t *cursor, uintptr_t *limit)
{
    if (*limit == 0) {
        return;
    }
    heap->buffers_out--;
    mu_gc_block *block = mu_gc_block_of(*limit);
    if (*limit - *cursor >= REST_BYTES &&
        mu_gc_state_of(heap->states, *limit) == MU_GC_STATE_YOUNG) {
        block->rest_offset = (uint32_t)(*cursor - mu_gc_block_start(block));
        block->next_rest = heap->rests;
        heap->rests = block;
    }
    *cursor = *limit = 0;
}

void mu_gc_buffer_retire(mu_gc_heap *heap, const mu_gc_buffer *buffer)
{
    pthread_mutex_lock(&heap->lock);
    mu_gc_heap_retire(heap, buffer->cursor, buffer->limit);
    pthread_mutex_unlock(&heap->lock);
}

static bool refill_from_rest(mu_gc_heap *heap, uint64_t needed, uintptr_t *start, uintptr_t *end)
{
    mu_gc_block *block = heap->rests;
    if (!block || MU_GC_BLOCK_BYTES - block->rest_offset < needed) {
        return false;
    }
    heap->rests = block->next_rest;
    *start = mu_gc_block_start(block) + block->rest_offset;
    *end = mu_gc_block_start(block) + MU_GC_BLOCK_BYTES;
    return true;
}

static bool refill_from_block(mu_gc_heap *heap, uintptr_t *start, uintptr_t *end)
{
    mu_gc_block *block = mu_gc_heap_take_block(heap, MU_GC_STATE_YOUNG, false);
    if (!block) {
        return false;
    }
    *start = mu_gc_block_start(block);
    *end = *start + MU_GC_BLOCK_BYTES;
    return true;
}

/* Not while marking runs beside the mutators, which takes every object in an old block for old. */
static bool refill_from_hole(mu_gc_heap *heap, uint64_t needed, uintptr_t *start, uintptr_t *end)
{
    if (heap->phase == MU_GC_MARKING) {
        return false;
    }
    mu_gc_block *block = mu_gc_holes_take(heap, needed, UINT32_MAX, MU_GC_LINE_TAKEN, start, end);
    if (!block) {
        return false;
    }
    if (mu_gc_state_of(heap->states, *end) != MU_GC_STATE_MIXED) {
        mu_gc_block_set_state(block, MU_GC_STATE_MIXED);
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): the items are pointers. */
        MU_ARRAY_PUSH(&heap->mixed, block);
    }
    return true;
}

/* Replaces a region by one with at least `needed` bytes. */
static mu_status refill(mu_gc_heap *heap, uintptr_t *cursor, uintptr_t *limit, uint64_t needed)
{
    uintptr_t start;
    uintptr_t end;
    mu_gc_heap_retire(heap, cursor, limit);
    bool found =
        refill_from_rest(heap, needed, &start, &end) || refill_from_block(heap, &start, &end);
    while (!found && heap->phase == MU_GC_SWEEPING) {
        mu_gc_heap_sweep(heap, SWEEP_BLOCKS);
        found = refill_from_block(heap, &start, &end);
    }
    if (!found && !refill_from_hole(heap, needed, &start, &end)) {
        return MU_NO_MEMORY;
    }
    if (mu_gc_poisons(heap)) { /* so that it shows when somebody does not clear what he takes */
        memset((void *)start, POISON, end - start);
    }
    heap->buffers_out++;
    *cursor = start;
    *limit = end;
    return MU_OK;
}

/* ------------------------------------------------------------------------------------- objects */

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

/* The same in a buffer's memory, which is as it was left. */
static mu_ref place_clean(uintptr_t start, const mu_abi_type *type, uint64_t length,
                          const shape *object)
{
    memset((void *)start, 0, object->total_bytes);
    return place(start, type, length);
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
    if (object->aligned) {
        *cursor += (*cursor + object->prefix_bytes) % 16;
    }
    *ref = place_clean(*cursor, type, length, object);
    *cursor += object->total_bytes;
    return MU_OK;
}

/* Counts the bytes if the quota allows them. The lock is held. */
static bool claim_large(mu_gc_heap *heap, uint64_t bytes)
{
    uint64_t quota = heap->config.quota_bytes;
    if (bytes > quota) {
        return false;
    }
    while (mu_gc_heap_used_bytes(heap) > quota - bytes && heap->phase == MU_GC_SWEEPING) {
        mu_gc_heap_sweep(heap, SWEEP_BLOCKS);
    }
    if (mu_gc_heap_used_bytes(heap) > quota - bytes) {
        return false;
    }
    heap->large.bytes += bytes;
    return true;
}

static void add_large(mu_gc_heap *heap, mu_gc_large *large)
{
    large->is_young = true;
    large->next_young = heap->young_large;
    heap->young_large = large;
    heap->young_large_bytes += large->bytes;
    mu_gc_large_add(&heap->large, large);
    mu_gc_pool_count_large(heap->pool, (int64_t)large->bytes);
    mu_gc_pace_note_young(heap);
}

static mu_status allocate_large(mu_gc_heap *heap, const mu_abi_type *type, uint64_t length,
                                const shape *object, mu_ref *ref)
{
    uint64_t payload_bytes = object->total_bytes - object->prefix_bytes;
    uint64_t cards = mu_gc_has_slots(type) ? payload_bytes / MU_GC_CARD_BYTES + 1 : 0;
    uint64_t bytes;
    if (__builtin_add_overflow(payload_bytes, sizeof(mu_gc_large) + cards, &bytes)) {
        return MU_NO_MEMORY;
    }
    pthread_mutex_lock(&heap->lock);
    bool allowed = claim_large(heap, bytes);
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
        large->payload_bytes = payload_bytes;
        large->cards = cards ? (uint8_t *)large->end + payload_bytes : NULL;
        *ref = place(mu_gc_large_ref(large) - object->prefix_bytes, type, length);
        *mu_abi_header(*ref) |= MU_GC_HEADER_LARGE;
        add_large(heap, large);
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
    /* For a small object in the mutator's own buffer nothing need be locked. */
    if (object.total_bytes <= MU_GC_INLINE_BYTES && !object.aligned &&
        *buffer->limit - *buffer->cursor >= object.total_bytes) {
        *ref = place_clean(*buffer->cursor, type, length, &object);
        *buffer->cursor += object.total_bytes;
        return MU_OK;
    }
    pthread_mutex_lock(&heap->lock);
    mu_status status = allocate_in_block(heap, buffer, type, length, &object, ref);
    pthread_mutex_unlock(&heap->lock);
    return status;
}
