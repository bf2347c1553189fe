/* Keeping objects: copying them to lines of old blocks, or leaving them where they are.
 *
 * Copies go to two streams. Objects up to a line's size fill holes, whatever those are like; larger
 * ones go to a block of their own while there is one, so that they do not tear up what small ones
 * could use (Immix's overflow allocation).
 *
 * Nothing here can fail. Where the quota or the system gives no room for a copy, or not at once,
 * the object stays, and its block becomes an old one with holes around what lives. So no memory is
 * held in reserve for copies, and a collection never takes a block that the quota does not allow.
 */
#include "gc_heap.h"

#include <string.h>

#define FILLER_BYTES 8u
/* Blocks with holes that are looked into for one copy, blocks that are swept for it. */
#define SMALL_TRIES  4u
#define MEDIUM_TRIES 2u
#define SWEEP_BLOCKS 8u

static void close_stream(mu_gc_stream *stream)
{
    mu_gc_lines_free(stream->cursor, stream->limit);
    *stream = (mu_gc_stream){0};
}

void mu_gc_streams_close(mu_gc_tracer *tracer)
{
    pthread_mutex_lock(&tracer->heap->lock);
    close_stream(&tracer->streams[0]);
    close_stream(&tracer->streams[1]);
    pthread_mutex_unlock(&tracer->heap->lock);
}

static bool open_in_hole(mu_gc_tracer *tracer, mu_gc_stream *stream, uint64_t needed, uint32_t most)
{
    mu_gc_heap *heap = tracer->heap;
    if (!heap->holes && heap->phase == MU_GC_SWEEPING) {
        mu_gc_heap_sweep(heap, SWEEP_BLOCKS);
    }
    return mu_gc_holes_take(heap, needed, most, tracer->epoch, &stream->cursor, &stream->limit);
}

static bool open_in_block(mu_gc_tracer *tracer, mu_gc_stream *stream)
{
    bool at_once = tracer->pass == MU_GC_PASS_YOUNG && tracer->heap->config.run_later;
    mu_gc_block *block = mu_gc_heap_take_block(tracer->heap, MU_GC_STATE_MATURE, at_once);
    if (!block) {
        return false;
    }
    memset(mu_gc_block_lines(block), tracer->epoch, MU_GC_BLOCK_LINES);
    stream->cursor = mu_gc_block_start(block);
    stream->limit = stream->cursor + MU_GC_BLOCK_BYTES;
    return true;
}

static __attribute__((noinline)) bool open_stream(mu_gc_tracer *tracer, mu_gc_stream *stream,
                                                  uint64_t needed)
{
    bool is_small = stream == &tracer->streams[0];
    if (tracer->no_memory && is_small) {
        return false;
    }
    pthread_mutex_lock(&tracer->heap->lock);
    close_stream(stream);
    bool opened = (is_small && open_in_hole(tracer, stream, needed, SMALL_TRIES)) ||
                  open_in_block(tracer, stream) ||
                  (!is_small && open_in_hole(tracer, stream, needed, MEDIUM_TRIES));
    pthread_mutex_unlock(&tracer->heap->lock);
    /* Do not ask again for each object of a collection that has no room. */
    tracer->no_memory |= is_small && !opened;
    return opened;
}

/* Room for an object whose payload follows `prefix` bytes; the payload's address, or 0. */
static uintptr_t reserve(mu_gc_tracer *tracer, const mu_abi_type *type, uint64_t prefix,
                         uint64_t total)
{
    bool aligned = type->align_bytes > 8;
    uint64_t needed = total + (aligned ? FILLER_BYTES : 0);
    mu_gc_stream *stream = &tracer->streams[needed > MU_GC_LINE_BYTES];
    if (stream->limit - stream->cursor < needed && !open_stream(tracer, stream, needed)) {
        return 0;
    }
    if (aligned) {
        stream->cursor += (stream->cursor + prefix) % 16;
    }
    uintptr_t start = stream->cursor;
    stream->cursor = start + total;
    return start + prefix;
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

/* What a kept object needs wherever it is. */
static void note_kept(mu_gc_tracer *tracer, uintptr_t ref, uint64_t total)
{
    tracer->kept_bytes += total;
    if (tracer->sets_marks) {
        (void)mu_gc_set_mark(tracer, ref);
    }
    if (tracer->verify) {
        mu_gc_note_start(ref);
    }
}

uintptr_t mu_gc_copy(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_type *type)
{
    uint64_t prefix = mu_gc_prefix_bytes(type);
    uint64_t total = mu_gc_object_bytes(ref, type);
    uintptr_t copy = reserve(tracer, type, prefix, total);
    if (copy == 0) {
        return 0;
    }
    copy_words(copy, ref, total - prefix); /* others may look at the header */
    if (type->is_hybrid) {
        *mu_abi_length((mu_ref){copy}) = *mu_abi_length((mu_ref){ref});
    }
    *mu_abi_header((mu_ref){copy}) = (uintptr_t)type | MU_ABI_HEADER_UNLOGGED;
    note_kept(tracer, copy, total);
    mu_gc_set_header(ref, copy | MU_GC_HEADER_MOVED);
    mu_gc_tell_reached(tracer, ref);
    return copy;
}

void mu_gc_keep_in_place(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_type *type)
{
    uint64_t total = mu_gc_object_bytes(ref, type);
    uintptr_t start = ref - mu_gc_prefix_bytes(type);
    mu_gc_lines_mark(start, start + total, tracer->epoch);
    __atomic_store_n(&mu_gc_block_of(ref)->has_kept, true, __ATOMIC_RELAXED);
    note_kept(tracer, ref, total);
    mu_gc_set_header(ref, (uintptr_t)type | MU_ABI_HEADER_UNLOGGED);
    mu_gc_tell_reached(tracer, ref);
}
