/* Checks of references, for MU_GC_VERIFY and for others who verify. Nothing here trusts an address
 * before the pool or the table of large objects has vouched for it. */
#include "gc_heap.h"

typedef enum moment {
    ANY_TIME,
    TRACING, /* objects may have moved already */
    AFTER,   /* a collection: all that lives is where it was copied, and marked there */
} moment;

/* Could a descriptor be there? It is not read: what is no header may be any number. */
static bool plausible_header(uintptr_t header)
{
    return header % _Alignof(mu_abi_type) == 0 && header >= 4096 && header >> 47 == 0;
}

/* What is wrong with the reference, or NULL. The heap's lock is held. */
static const char *fault_of(mu_gc_heap *heap, uintptr_t ref, moment when)
{
    if (ref % 8 != 0) {
        return "it is not a multiple of 8";
    }
    if (mu_gc_large_has(&heap->large, ref)) {
        return NULL;
    }
    mu_gc_block *block = mu_gc_pool_find(heap->pool, ref - MU_ABI_HEADER_BYTES);
    if (!block) {
        return "no block is there";
    }
    if (block->heap != heap) {
        return "the block there is another heap's";
    }
    if (ref - MU_ABI_HEADER_BYTES - (uintptr_t)block < MU_GC_BLOCK_DATA) {
        return "it is in the front of a block";
    }
    if (when == AFTER) {
        uint32_t index = mu_gc_start_index(ref);
        if (block->epoch != heap->epoch) {
            return "what was there has moved";
        }
        if (!(block->starts[index / 64] >> (index % 64) & 1)) {
            return "no object starts there";
        }
    }
    uintptr_t header = *mu_abi_header((mu_ref){ref});
    if (when == TRACING && (header & MU_GC_HEADER_MOVED)) {
        return NULL;
    }
    return plausible_header(header) ? NULL : "the word before it is no header";
}

static void check(mu_gc_heap *heap, const uintptr_t *slot, uintptr_t ref, const char *owner,
                  moment when)
{
    pthread_mutex_lock(&heap->lock);
    const char *fault = fault_of(heap, ref, when);
    pthread_mutex_unlock(&heap->lock);
    MU_INVARIANT(fault == NULL, "%s a collection, the slot at %p in %s holds 0x%zx, no object: %s",
                 when == AFTER ? "after" : "during", (const void *)slot, owner, (size_t)ref, fault);
}

void mu_gc_check_before(mu_gc_heap *heap, const uintptr_t *slot, uintptr_t ref, const char *owner)
{
    check(heap, slot, ref, owner, TRACING);
}

void mu_gc_check_after(mu_gc_heap *heap, const uintptr_t *slot, uintptr_t ref, const char *owner)
{
    check(heap, slot, ref, owner, AFTER);
}

void mu_gc_check_tagref64(const uintptr_t *slot, const char *owner)
{
    uint64_t word = *slot;
    bool is_right = !mu_abi_tagref64_is_double(word) || mu_abi_tagref64_from_double(word) == word;
    MU_INVARIANT(is_right, "the slot at %p in %s holds 0x%llx, no tagref64", (const void *)slot,
                 owner, (unsigned long long)word);
}

bool mu_gc_owns(mu_gc_heap *heap, mu_ref ref)
{
    pthread_mutex_lock(&heap->lock);
    bool owns = fault_of(heap, ref.address, ANY_TIME) == NULL;
    pthread_mutex_unlock(&heap->lock);
    return owns;
}
