/* Checks of references, for MU_GC_VERIFY and for others who verify. Nothing here trusts an address
 * before the pool or the table of large objects has vouched for it.
 *
 * Under verification each block has a bit for every word that is the header of an old object. */
#include "gc_heap.h"

typedef enum moment {
    ANY_TIME,
    TRACING, /* objects may have moved already */
    AFTER,   /* a collection: all that lives is old, and its start is known */
} moment;

/* Could a descriptor be there? It is not read: what is no header may be any number. */
static bool plausible_header(uintptr_t header)
{
    return (header & (MU_ABI_HEADER_FLAGS & ~MU_ABI_HEADER_UNLOGGED)) == 0 && header >= 4096 &&
           header >> 47 == 0;
}

static bool is_start(uintptr_t ref)
{
    uint32_t word;
    uint64_t bit = mu_gc_bit_of(ref, &word);
    return mu_gc_chunk_of(ref - MU_ABI_HEADER_BYTES)->starts[word] & bit;
}

void mu_gc_note_start(uintptr_t ref)
{
    uint32_t word;
    uint64_t bit = mu_gc_bit_of(ref, &word);
    __atomic_fetch_or(&mu_gc_chunk_of(ref - MU_ABI_HEADER_BYTES)->starts[word], bit,
                      __ATOMIC_RELAXED);
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
    if (ref < MU_ABI_HEADER_BYTES || ref - MU_ABI_HEADER_BYTES >= MU_GC_ADDRESS_END ||
        mu_gc_state_of(heap->states, ref) == MU_GC_STATE_NONE) {
        return "no block is there";
    }
    if (mu_gc_block_of(ref)->heap != heap) {
        return "the block there is another heap's";
    }
    if (when == AFTER && !is_start(ref)) {
        return "no old object starts there";
    }
    uintptr_t header = mu_gc_header(ref);
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

void mu_gc_check_old(mu_gc_heap *heap, const uintptr_t *slot, uintptr_t ref, const char *owner)
{
    check(heap, slot, ref, owner, TRACING);
    pthread_mutex_lock(&heap->lock);
    bool is_old =
        mu_gc_large_has(&heap->large, ref) ? !mu_gc_large_of(ref)->is_young : is_start(ref);
    pthread_mutex_unlock(&heap->lock);
    MU_INVARIANT(is_old,
                 "before a collection, the slot at %p in %s, an old object that nobody logged, "
                 "holds 0x%zx, a young object: a store went without the write barrier",
                 (const void *)slot, owner, (size_t)ref);
}

void mu_gc_check_tagref64(const uintptr_t *slot, const char *owner)
{
    uint64_t word = *slot;
    bool is_right = !mu_abi_tagref64_is_double(word) || mu_abi_tagref64_from_double(word) == word;
    MU_INVARIANT(is_right, "the slot at %p in %s holds 0x%llx, no tagref64", (const void *)slot,
                 owner, (unsigned long long)word);
}

static void check_block(mu_gc_tracer *tracer, const mu_gc_block *block)
{
    const uint64_t *starts = mu_gc_block_starts(block);
    for (uint32_t word = 0; word < MU_GC_BITS_WORDS; word++) {
        for (uint64_t bits = starts[word]; bits; bits &= bits - 1) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);
            uintptr_t ref = mu_gc_block_start(block) + (uintptr_t)index * 8 + MU_ABI_HEADER_BYTES;
            bool is_logged = !(mu_gc_header(ref) & MU_ABI_HEADER_UNLOGGED);
            MU_INVARIANT(!is_logged || tracer->pass == MU_GC_PASS_LOGS,
                         "after a collection, the old object at 0x%zx is logged", (size_t)ref);
            if (!is_logged) {
                mu_gc_scan(tracer, ref);
            }
        }
    }
}

static void check_large(mu_gc_tracer *tracer, const mu_gc_large *large)
{
    if (large->is_young || !large->cards) {
        return;
    }
    for (uint64_t at = 0; at < large->payload_bytes; at += MU_GC_CARD_BYTES) {
        if (!large->cards[at / MU_GC_CARD_BYTES]) {
            mu_gc_scan_range(tracer, mu_gc_large_ref(large), at, at + MU_GC_CARD_BYTES);
        }
    }
}

void mu_gc_check_heap(mu_gc_tracer *tracer)
{
    const mu_gc_heap *heap = tracer->heap;
    for (const mu_gc_block *block = heap->mature; block; block = block->next) {
        check_block(tracer, block);
    }
    for (uint64_t i = 0; i < heap->large.bucket_count; i++) {
        for (const mu_gc_large *large = heap->large.buckets[i]; large; large = large->next) {
            check_large(tracer, large);
        }
    }
}

bool mu_gc_owns(mu_gc_heap *heap, mu_ref ref)
{
    pthread_mutex_lock(&heap->lock);
    bool owns = fault_of(heap, ref.address, ANY_TIME) == NULL;
    pthread_mutex_unlock(&heap->lock);
    return owns;
}
