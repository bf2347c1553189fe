/* One collection: C. J. Cheney, "A nonrecursive list compacting algorithm" (CACM 13, 1970), over
 * blocks.
 *
 * Whatever a slot refers to is copied to a block of a new epoch, and its header says where to.
 * Copies that are not scanned yet are the grey objects. They need no queue: each new block has a
 * bit for every word that is a copy's header, and scanning goes through those bits.
 *
 *      block   [ front, starts: …0010001 ][ header payload ][ length header payload … ][ free ]
 *
 * Two streams of blocks are open at a time, see heap.c; a block that is closed before it was
 * scanned goes on a stack. Large objects stay; they are marked, and grey ones are chained. Pinned
 * objects stay, too: they are shown first, and their bits are set in the blocks that they are in
 * (pinned_blocks.c).
 *
 * Passes. COPY does the above and only notes where weak slots are. WEAK goes through those places
 * again when all is known that lives. CHECK goes through everything, on request.
 */
#include "gc_heap.h"

#include <string.h>
#include <time.h>

#define POISON       0xdb
#define START_BITS   (MU_GC_BLOCK_BYTES / 8)
#define SMALL_STREAM 0

typedef enum gc_pass { PASS_COPY, PASS_WEAK, PASS_CHECK } gc_pass;

typedef struct copy_stream {
    uintptr_t cursor;
    uintptr_t limit;
} copy_stream;

struct mu_gc_tracer {
    mu_gc_heap *heap;
    gc_pass pass;
    uint32_t epoch;
    bool verify;
    bool weak_in_roots;
    bool *weak_seen;        /* flag of the block, large object or roots being scanned */
    const char *owner;      /* type of the object being scanned, for messages */
    copy_stream streams[2]; /* small and medium objects */
    mu_gc_block *grey_blocks;
    mu_gc_large *grey_large;
    mu_gc_block *old_blocks;
    uint64_t object_bytes;
    uint64_t medium_bytes;
    uint64_t aligned_count;
    uint64_t large_bytes;
};

/* ------------------------------------------------------------------------------------- copying */

static void close_stream(mu_gc_tracer *tracer, copy_stream *stream)
{
    if (stream->limit != 0) {
        mu_gc_heap_keep_rest(tracer->heap, stream->cursor, stream->limit);
        mu_gc_block *block = mu_gc_block_at(stream->limit - 1);
        block->next_grey = tracer->grey_blocks;
        tracer->grey_blocks = block;
    }
    *stream = (copy_stream){0};
}

static __attribute__((noinline)) void open_stream(mu_gc_tracer *tracer, copy_stream *stream)
{
    mu_gc_heap *heap = tracer->heap;
    pthread_mutex_lock(&heap->lock);
    close_stream(tracer, stream);
    mu_gc_block *block = mu_gc_heap_take_block(heap);
    uint64_t used_bytes = heap->block_count * MU_GC_BLOCK_BYTES + heap->large.bytes;
    pthread_mutex_unlock(&heap->lock);
    MU_INVARIANT(block != NULL, "the system has no memory for copies of %llu bytes of objects",
                 (unsigned long long)tracer->object_bytes);
    /* Someone bumped a buffer for objects above MU_GC_INLINE_BYTES, say. The copies are worth more
     * than the quota, unless faults are being looked for. */
    MU_INVARIANT(!tracer->verify || used_bytes <= heap->config.quota_bytes,
                 "copies take the heap to %llu of %llu bytes", (unsigned long long)used_bytes,
                 (unsigned long long)heap->config.quota_bytes);
    stream->cursor = (uintptr_t)block + MU_GC_BLOCK_DATA;
    stream->limit = (uintptr_t)block + MU_GC_BLOCK_BYTES;
}

static void copy_words(uintptr_t to, uintptr_t from, uint64_t bytes)
{
    if (bytes > 256) {
        memcpy((void *)to, (const void *)from, bytes);
        return;
    }
    uint64_t *target = (uint64_t *)to;
    const uint64_t *source = (const uint64_t *)from;
    for (uint64_t left = bytes / 8; left > 0; left--) {
        *target++ = *source++;
    }
}

/* Room for an object whose payload follows `prefix` bytes; returns the payload's address. */
static uintptr_t reserve(mu_gc_tracer *tracer, const mu_abi_type *type, uint64_t prefix,
                         uint64_t total)
{
    bool aligned = type->align_bytes > 8;
    uint64_t needed = total + (aligned ? 8 : 0);
    copy_stream *stream = &tracer->streams[SMALL_STREAM];
    if (total > MU_GC_INLINE_BYTES) {
        tracer->medium_bytes += total;
        if (stream->limit - stream->cursor < needed) {
            stream++;
        }
    }
    if (stream->limit - stream->cursor < needed) {
        open_stream(tracer, stream);
    }
    if (aligned) {
        tracer->aligned_count++;
        stream->cursor += (stream->cursor + prefix) % 16;
    }
    uintptr_t start = stream->cursor;
    stream->cursor = start + total;
    tracer->object_bytes += total;
    return start + prefix;
}

static uintptr_t copy_object(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_type *type)
{
    uint64_t prefix = MU_ABI_HEADER_BYTES;
    uint64_t payload = (type->size_bytes + 7) & ~(uint64_t)7;
    if (type->is_hybrid) {
        prefix += MU_ABI_LENGTH_BYTES;
        payload = mu_gc_payload_bytes(type, *mu_abi_length((mu_ref){ref}));
    }
    uintptr_t copy = reserve(tracer, type, prefix, prefix + payload);
    copy_words(copy - prefix, ref - prefix, prefix + payload);
    uint32_t index = mu_gc_start_index(copy);
    mu_gc_block_of(copy)->starts[index / 64] |= (uint64_t)1 << (index % 64);
    *mu_abi_header((mu_ref){ref}) = copy | MU_GC_HEADER_MOVED;
    return copy;
}

static void mark_large(mu_gc_tracer *tracer, uintptr_t ref)
{
    mu_gc_large *large = mu_gc_large_of(ref);
    if (!large->marked) {
        large->marked = true;
        large->has_weak = false;
        large->next_grey = tracer->grey_large;
        tracer->grey_large = large;
        tracer->large_bytes += large->bytes;
    }
}

/* Makes the object live; returns where it is now. */
static inline uintptr_t keep(mu_gc_tracer *tracer, uintptr_t ref)
{
    uintptr_t header = *mu_abi_header((mu_ref){ref});
    if (header & MU_GC_HEADER_MOVED) {
        return header & ~(uintptr_t)MU_GC_HEADER_MOVED;
    }
    if (header & MU_GC_HEADER_LARGE) {
        mark_large(tracer, ref);
        return ref;
    }
    if (header & MU_ABI_HEADER_IMMORTAL) {
        return ref;
    }
    /* A slot that was shown twice refers to the copy already. */
    const mu_gc_block *block = mu_gc_block_of(ref);
    if (block->epoch == tracer->epoch || mu_gc_is_in_place(block, ref)) {
        return ref;
    }
    return copy_object(tracer, ref, (const mu_abi_type *)header);
}

static __attribute__((noinline)) void check_slot(mu_gc_tracer *tracer, const uintptr_t *slot,
                                                 uintptr_t ref)
{
    const mu_gc_heap *heap = tracer->heap;
    if (ref - heap->immortal_start < heap->immortal_bytes) {
        return; /* an iref of a global cell, which has a root of its own */
    }
    if (tracer->pass == PASS_CHECK) {
        mu_gc_check_after(tracer->heap, slot, ref, tracer->owner);
    } else {
        mu_gc_check_before(tracer->heap, slot, ref, tracer->owner);
    }
}

void mu_gc_trace_pin(mu_gc_tracer *tracer, mu_ref ref)
{
    if (tracer->verify) {
        check_slot(tracer, &ref.address, ref.address);
    }
    uintptr_t header = *mu_abi_header(ref);
    if (header & MU_GC_HEADER_LARGE) {
        mark_large(tracer, ref.address);
        return;
    }
    mu_gc_block *block = mu_gc_block_of(ref.address);
    if (header & MU_ABI_HEADER_IMMORTAL || mu_gc_is_in_place(block, ref.address)) {
        return;
    }
    MU_INVARIANT(block->pin_count > 0, "an object is shown as pinned that nobody pinned");
    const mu_abi_type *type = (const mu_abi_type *)header;
    uint64_t length = type->is_hybrid ? *mu_abi_length(ref) : 0;
    uint64_t total = mu_gc_prefix_bytes(type) + mu_gc_payload_bytes(type, length);
    tracer->object_bytes += total;
    tracer->medium_bytes += total > MU_GC_INLINE_BYTES ? total : 0;
    tracer->aligned_count += type->align_bytes > 8;
    uint32_t index = mu_gc_start_index(ref.address);
    block->starts[index / 64] |= (uint64_t)1 << (index % 64);
}

/* Where the object is, once all that lives is known, or 0 when it died. */
static uintptr_t find_living(const mu_gc_tracer *tracer, uintptr_t ref)
{
    uintptr_t header = *mu_abi_header((mu_ref){ref});
    if (header & MU_GC_HEADER_MOVED) {
        return header & ~(uintptr_t)MU_GC_HEADER_MOVED;
    }
    if (header & MU_GC_HEADER_LARGE) {
        return mu_gc_large_of(ref)->marked ? ref : 0;
    }
    const mu_gc_block *block = mu_gc_block_of(ref);
    return block->epoch == tracer->epoch || mu_gc_is_in_place(block, ref) ? ref : 0;
}

/* --------------------------------------------------------------------------------------- slots */

static inline void visit_reference(mu_gc_tracer *tracer, uintptr_t *slot)
{
    uintptr_t ref = *slot;
    if (ref == 0) {
        return;
    }
    if (tracer->verify) {
        check_slot(tracer, slot, ref);
    }
    if (tracer->pass == PASS_COPY) {
        *slot = keep(tracer, ref);
    }
}

static void visit_weak(mu_gc_tracer *tracer, uintptr_t *slot)
{
    uintptr_t ref = *slot;
    if (ref == 0) {
        return;
    }
    if (tracer->verify) {
        check_slot(tracer, slot, ref);
    }
    if (tracer->pass == PASS_COPY) {
        *tracer->weak_seen = true;
    } else if (tracer->pass == PASS_WEAK) {
        *slot = find_living(tracer, ref);
    }
}

static void visit_tagref64(mu_gc_tracer *tracer, uintptr_t *slot)
{
    uintptr_t ref = mu_abi_tagref64_to_address(*slot);
    if (tracer->verify) {
        mu_gc_check_tagref64(slot, tracer->owner);
    }
    if (!mu_abi_tagref64_is_ref(*slot) || ref == 0) {
        return;
    }
    if (tracer->verify) {
        check_slot(tracer, slot, ref);
    }
    if (tracer->pass == PASS_COPY) {
        *slot = mu_abi_tagref64_from_ref(keep(tracer, ref), mu_abi_tagref64_to_tag(*slot));
    }
}

static void visit_slots(mu_gc_tracer *tracer, uintptr_t base, const mu_abi_slot *slots,
                        uint32_t count);

/* As deep as descriptors nest, which mu_abi_type bounds. */
static __attribute__((noinline)) void visit_nested(mu_gc_tracer *tracer, uintptr_t base,
                                                   const mu_abi_slot *slot)
{
    const mu_abi_type *nested = slot->nested;
    /* Types without size cost nothing to multiply, so a long array of them must not cost time. */
    if (nested->size_bytes == 0) {
        return;
    }
    for (uint64_t i = 0; i < slot->count; i++) {
        visit_slots(tracer, base + i * slot->stride_bytes, nested->slots, nested->slot_count);
    }
}

static void visit_slots(mu_gc_tracer *tracer, uintptr_t base, const mu_abi_slot *slots,
                        uint32_t count)
{
    for (const mu_abi_slot *slot = slots; slot < slots + count; slot++) {
        uintptr_t *address = (uintptr_t *)(base + slot->offset_bytes);
        switch (slot->kind) {
        case MU_ABI_SLOT_REF: visit_reference(tracer, address); break;
        case MU_ABI_SLOT_WEAK: visit_weak(tracer, address); break;
        case MU_ABI_SLOT_TAGREF64: visit_tagref64(tracer, address); break;
        case MU_ABI_SLOT_NATIVE:
            tracer->heap->native(tracer, address, tracer->heap->native_context);
            break;
        case MU_ABI_SLOT_NESTED: visit_nested(tracer, (uintptr_t)address, slot); break;
        }
    }
}

static void visit_elements(mu_gc_tracer *tracer, uintptr_t payload, const mu_abi_type *type,
                           uint64_t length)
{
    if (type->element_slot_count == 0 || type->stride_bytes == 0) {
        return;
    }
    uintptr_t element = payload + type->size_bytes;
    for (uint64_t i = 0; i < length; i++, element += type->stride_bytes) {
        visit_slots(tracer, element, type->element_slots, type->element_slot_count);
    }
}

static inline void visit_object(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_type *type)
{
    tracer->owner = type->name;
    visit_slots(tracer, ref, type->slots, type->slot_count);
    if (type->is_hybrid) {
        visit_elements(tracer, ref, type, *mu_abi_length((mu_ref){ref}));
    }
}

void mu_gc_trace_slot(mu_gc_tracer *tracer, uintptr_t *slot, mu_abi_slot_kind kind)
{
    visit_slots(tracer, (uintptr_t)slot, &(mu_abi_slot){.kind = kind}, 1);
}

void mu_gc_trace_area(mu_gc_tracer *tracer, void *address, const mu_abi_type *type, uint64_t count)
{
    uint64_t apart = (type->size_bytes + type->align_bytes - 1) & -(uint64_t)type->align_bytes;
    visit_nested(tracer, (uintptr_t)address,
                 &(mu_abi_slot){.count = count, .stride_bytes = apart, .nested = type});
}

void mu_gc_trace_hybrid(mu_gc_tracer *tracer, void *address, const mu_abi_type *type,
                        uint64_t length)
{
    visit_slots(tracer, (uintptr_t)address, type->slots, type->slot_count);
    visit_elements(tracer, (uintptr_t)address, type, length);
}

/* ------------------------------------------------------------------------------------ scanning */

/* Index of the first start bit at `index` or behind, or START_BITS. */
static uint32_t next_start(const mu_gc_block *block, uint32_t index)
{
    uint32_t word = index / 64;
    if (word == START_BITS / 64) {
        return START_BITS;
    }
    uint64_t bits = block->starts[word] & UINT64_MAX << (index % 64);
    while (bits == 0) {
        if (++word == START_BITS / 64) {
            return START_BITS;
        }
        bits = block->starts[word];
    }
    return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* Visits the copies in a block from `index` on; visits may add to them. Returns where to go on. */
static uint32_t visit_block(mu_gc_tracer *tracer, mu_gc_block *block, uint32_t index)
{
    tracer->weak_seen = &block->has_weak;
    uint32_t start;
    while ((start = next_start(block, index)) != START_BITS) {
        uintptr_t header = (uintptr_t)block + (uintptr_t)start * 8;
        visit_object(tracer, header + MU_ABI_HEADER_BYTES, *(const mu_abi_type **)header);
        index = start + 1;
    }
    return index;
}

static void visit_large(mu_gc_tracer *tracer, mu_gc_large *large)
{
    tracer->weak_seen = &large->has_weak;
    mu_ref ref = {mu_gc_large_ref(large)};
    visit_object(tracer, ref.address, mu_gc_type_of(ref));
}

static void visit_roots(mu_gc_tracer *tracer, mu_gc_roots_fn *roots, void *context)
{
    tracer->weak_seen = &tracer->weak_in_roots;
    tracer->owner = "the roots";
    roots(tracer, context);
}

static bool scan_block(mu_gc_tracer *tracer, mu_gc_block *block)
{
    uint32_t before = block->scan_index;
    block->scan_index = visit_block(tracer, block, before);
    return block->scan_index != before;
}

static void scan_all(mu_gc_tracer *tracer)
{
    bool any;
    do {
        any = false;
        while (tracer->grey_blocks) {
            mu_gc_block *block = tracer->grey_blocks;
            tracer->grey_blocks = block->next_grey;
            any |= scan_block(tracer, block);
        }
        for (int i = 0; i < 2; i++) {
            if (tracer->streams[i].limit != 0) {
                any |= scan_block(tracer, mu_gc_block_at(tracer->streams[i].limit - 1));
            }
        }
        mu_gc_large *large = tracer->grey_large;
        if (large) {
            tracer->grey_large = large->next_grey;
            visit_large(tracer, large);
            any = true;
        }
    } while (any);
}

/* Everything that lives, or only what has weak slots. */
static void visit_heap(mu_gc_tracer *tracer, bool only_weak)
{
    for (mu_gc_block *block = tracer->heap->blocks; block; block = block->next) {
        if (!only_weak || block->has_weak) {
            visit_block(tracer, block, 0);
        }
    }
    const mu_gc_large_table *table = &tracer->heap->large;
    for (uint64_t i = 0; i < table->bucket_count; i++) {
        for (mu_gc_large *large = table->buckets[i]; large; large = large->next) {
            if (!only_weak || (large->marked && large->has_weak)) {
                visit_large(tracer, large);
            }
        }
    }
}

/* -------------------------------------------------------------------------------- a collection */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void begin(mu_gc_tracer *tracer)
{
    mu_gc_heap *heap = tracer->heap;
    pthread_mutex_lock(&heap->lock);
    mu_gc_heap_retire(heap, &heap->shared_cursor, &heap->shared_limit);
    MU_INVARIANT(heap->buffers_out == 0, "a collection while %u buffers are not retired",
                 heap->buffers_out);
    tracer->old_blocks = heap->blocks;
    tracer->epoch = ++heap->epoch;
    heap->blocks = tracer->grey_blocks = mu_gc_pinned_take(&tracer->old_blocks);
    heap->rests = NULL;
    pthread_mutex_unlock(&heap->lock);
}

/* Gives back what died; what lives is what the heap has now. */
static void finish(mu_gc_tracer *tracer)
{
    mu_gc_heap *heap = tracer->heap;
    bool poison = heap->config.verify || heap->config.stress;
    uint64_t old_count = 0;
    for (mu_gc_block *block = tracer->old_blocks; block; block = block->next) {
        old_count++;
        if (poison) {
            memset((char *)block + MU_GC_BLOCK_DATA, POISON, MU_GC_BLOCK_ROOM);
        }
    }
    mu_gc_pool_give(heap->pool, tracer->old_blocks, false);
    pthread_mutex_lock(&heap->lock);
    close_stream(tracer, &tracer->streams[0]);
    close_stream(tracer, &tracer->streams[1]);
    mu_gc_pinned_finish(heap, poison ? POISON : -1);
    mu_gc_pool_count_large(heap->pool, -(int64_t)mu_gc_large_sweep(&heap->large));
    heap->block_count -= old_count;
    heap->object_bytes = tracer->object_bytes;
    heap->medium_bytes = tracer->medium_bytes;
    heap->aligned_count = tracer->aligned_count;
    heap->live_bytes = tracer->object_bytes + tracer->large_bytes;
    pthread_mutex_unlock(&heap->lock);
}

static void count_time(mu_gc_heap *heap, uint64_t took_ns)
{
    pthread_mutex_lock(&heap->lock);
    heap->collections++;
    heap->collected_ns += took_ns;
    heap->longest_ns = took_ns > heap->longest_ns ? took_ns : heap->longest_ns;
    pthread_mutex_unlock(&heap->lock);
}

void mu_gc_collect(mu_gc_heap *heap, mu_gc_roots_fn *roots, void *context)
{
    uint64_t began_ns = now_ns();
    mu_gc_tracer tracer = {.heap = heap, .pass = PASS_COPY, .verify = heap->config.verify};
    begin(&tracer);
    if (heap->pins) {
        heap->pins(&tracer, heap->pins_context);
    }
    visit_roots(&tracer, roots, context);
    scan_all(&tracer);
    tracer.pass = PASS_WEAK;
    visit_heap(&tracer, true);
    if (tracer.weak_in_roots) {
        visit_roots(&tracer, roots, context);
    }
    finish(&tracer);
    if (tracer.verify) {
        tracer.pass = PASS_CHECK;
        visit_roots(&tracer, roots, context);
        visit_heap(&tracer, false);
    }
    count_time(heap, now_ns() - began_ns);
}
