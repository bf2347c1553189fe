/* Pinning. A block with a pinned object is not given back by a collection; its pinned objects stay,
 * everything else in it that lives is copied like all others.
 *
 *      before   [ front ][ a ][ B ][ c ][ D ][ e ][ free ]      B, D pinned; a, e dead
 *      after    [ front ]     [ B ]     [ D ][ unused …  ]      c copied elsewhere
 *
 * The block belongs to the new epoch then and has start bits like those that were copied to, so
 * that scanning, checking and the next collection see no difference. What lies between pinned
 * objects remains unused until the block has no pin; what is behind the last of them is used again.
 * That a block may not hold what it was counted for is paid from the quota, see heap.c.
 */
#include "gc_heap.h"

#include <string.h>

void mu_gc_heap_set_pins(mu_gc_heap *heap, mu_gc_pins_fn *pins, void *context)
{
    heap->pins = pins;
    heap->pins_context = context;
}

static bool never_moves(mu_ref ref)
{
    return *mu_abi_header(ref) & (MU_GC_HEADER_LARGE | MU_ABI_HEADER_IMMORTAL);
}

mu_status mu_gc_pin(mu_gc_heap *heap, mu_ref ref)
{
    if (never_moves(ref)) {
        return MU_OK;
    }
    mu_gc_block *block = mu_gc_block_of(ref.address);
    pthread_mutex_lock(&heap->lock);
    bool allowed = block->pin_count > 0 || mu_gc_heap_allows_pin(heap);
    if (allowed) {
        heap->pinned_blocks += block->pin_count++ == 0;
    }
    pthread_mutex_unlock(&heap->lock);
    return allowed ? MU_OK : MU_NO_MEMORY;
}

void mu_gc_unpin(mu_gc_heap *heap, mu_ref ref)
{
    if (never_moves(ref)) {
        return;
    }
    mu_gc_block *block = mu_gc_block_of(ref.address);
    pthread_mutex_lock(&heap->lock);
    MU_INVARIANT(block->pin_count > 0, "an object is unpinned that nobody pinned");
    heap->pinned_blocks -= --block->pin_count == 0;
    pthread_mutex_unlock(&heap->lock);
}

mu_gc_block *mu_gc_pinned_take(mu_gc_block **blocks)
{
    mu_gc_block *pinned = NULL;
    for (mu_gc_block **link = blocks; *link;) {
        mu_gc_block *block = *link;
        if (block->pin_count == 0) {
            link = &block->next;
            continue;
        }
        *link = block->next;
        memset(block->starts, 0, sizeof block->starts);
        block->scan_index = 0;
        block->has_weak = false;
        block->next = block->next_grey = pinned;
        pinned = block;
    }
    return pinned;
}

/* Goes through the pinned objects; returns where the last one ends. */
static uintptr_t fill_gaps(mu_gc_block *block, int poison)
{
    uintptr_t end = (uintptr_t)block + MU_GC_BLOCK_DATA;
    for (uint32_t word = 0; word < MU_GC_BLOCK_BYTES / 8 / 64; word++) {
        for (uint64_t bits = block->starts[word]; bits; bits &= bits - 1) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);
            mu_ref ref = {(uintptr_t)block + (uintptr_t)index * 8 + MU_ABI_HEADER_BYTES};
            const mu_abi_type *type = mu_gc_type_of(ref);
            uintptr_t start = ref.address - mu_gc_prefix_bytes(type);
            if (poison >= 0) {
                memset((void *)end, poison, start - end);
            }
            end =
                ref.address + mu_gc_payload_bytes(type, type->is_hybrid ? *mu_abi_length(ref) : 0);
        }
    }
    return end;
}

void mu_gc_pinned_finish(mu_gc_heap *heap, int poison)
{
    for (mu_gc_block *block = heap->blocks; block; block = block->next) {
        if (block->pin_count == 0) {
            continue;
        }
        uintptr_t limit = (uintptr_t)block + MU_GC_BLOCK_BYTES;
        uintptr_t end = fill_gaps(block, poison);
        if (poison >= 0) {
            memset((void *)end, poison, limit - end);
        }
        block->epoch = heap->epoch;
        mu_gc_heap_keep_rest(heap, end, limit);
    }
}
