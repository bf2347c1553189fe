/* Lines of old blocks (Blackburn and McKinley, "Immix", PLDI 2008). A block is 128 lines of 256
 * bytes, with a byte for each: the epoch of the marking that last found something in it alive, or
 * 0. What was freed is used again by runs of lines:
 *
 *      block   [▓▓▓▓▓▓▓▓][  ][▓▓][            ][▓▓▓▓▓▓][  ]      ▓ marked lines; the rest are holes
 *
 * A hole that is given out has its lines marked at once, by its epoch when copies go there (what is
 * left unused is set free again), or as taken when a mutator has it, so that no line is given
 * twice.
 */
#include "gc_heap.h"

#include <string.h>

#define POISON 0xdb

/* ---------------------------------------------------------------------------------------- holes */

/* Where several trace, others mark lines meanwhile, but none that are free. */
static inline bool is_free(const uint8_t *line)
{
    return __atomic_load_n(line, __ATOMIC_RELAXED) == 0;
}

/* The first run of at least `lines` free ones in a block: its beginning, or MU_GC_BLOCK_LINES. */
static uint32_t find_run(const uint8_t *bytes, uint32_t lines, uint32_t *end)
{
    uint32_t at = 0;
    while (at < MU_GC_BLOCK_LINES) {
        if (!is_free(&bytes[at])) {
            at++;
            continue;
        }
        uint32_t stop = at + 1;
        while (stop < MU_GC_BLOCK_LINES && is_free(&bytes[stop])) {
            stop++;
        }
        if (stop - at >= lines) {
            *end = stop;
            return at;
        }
        at = stop;
    }
    return MU_GC_BLOCK_LINES;
}

mu_gc_block *mu_gc_holes_take(mu_gc_heap *heap, uint64_t needed, uint32_t most, uint8_t value,
                              uintptr_t *start, uintptr_t *end)
{
    uint32_t lines = (uint32_t)((needed + MU_GC_LINE_BYTES - 1) / MU_GC_LINE_BYTES);
    for (mu_gc_block **link = &heap->holes; *link && most > 0; most--) {
        mu_gc_block *block = *link;
        uint8_t *bytes = mu_gc_block_lines(block);
        uint32_t stop = 0;
        uint32_t at =
            block->free_lines >= lines ? find_run(bytes, lines, &stop) : MU_GC_BLOCK_LINES;
        if (at == MU_GC_BLOCK_LINES && block->free_lines > 0) {
            link = &block->next_rest;
            continue;
        }
        if (at < MU_GC_BLOCK_LINES) {
            memset(bytes + at, value, stop - at);
            block->free_lines -= stop - at;
            heap->hole_lines -= stop - at;
            *start = mu_gc_block_start(block) + (uintptr_t)at * MU_GC_LINE_BYTES;
            *end = mu_gc_block_start(block) + (uintptr_t)stop * MU_GC_LINE_BYTES;
        }
        if (block->free_lines == 0) {
            *link = block->next_rest;
            block->in_holes = false;
        }
        if (at < MU_GC_BLOCK_LINES) {
            return block;
        }
    }
    return NULL;
}

void mu_gc_holes_add(mu_gc_heap *heap, mu_gc_block *block)
{
    if (block->free_lines > 0 && !block->in_holes) {
        block->in_holes = true;
        heap->hole_lines += block->free_lines;
        block->next_rest = heap->holes;
        heap->holes = block;
    }
}

void mu_gc_lines_free(uintptr_t start, uintptr_t end)
{
    if (start == end) {
        return;
    }
    /* The header of what begins at the end of a block counts as in it. */
    mu_gc_block *block = mu_gc_block_of(end);
    uintptr_t base = mu_gc_block_start(block);
    uint32_t from = (uint32_t)(start - base + MU_GC_LINE_BYTES - 1) / MU_GC_LINE_BYTES;
    uint32_t to = (uint32_t)(end - base) / MU_GC_LINE_BYTES;
    if (from < to) {
        memset(mu_gc_block_lines(block) + from, 0, to - from);
        block->free_lines += to - from;
        block->heap->hole_lines += block->in_holes ? to - from : 0;
        mu_gc_holes_add(block->heap, block);
    }
}

void mu_gc_lines_mark(uintptr_t start, uintptr_t end, uint8_t epoch)
{
    mu_gc_chunk *chunk = mu_gc_chunk_of(start);
    uint32_t first = (uint32_t)(start & (MU_GC_CHUNK_BYTES - 1)) / MU_GC_LINE_BYTES;
    uint32_t last = (uint32_t)((end - 1) & (MU_GC_CHUNK_BYTES - 1)) / MU_GC_LINE_BYTES;
    do {
        __atomic_store_n(&chunk->lines[first], epoch, __ATOMIC_RELAXED);
    } while (++first <= last);
}

/* ------------------------------------------------------------------------------------- sweeping */

/* Fills what died, so that whoever still refers to it shows. */
static void poison_free_lines(const mu_gc_block *block, const uint8_t *lines)
{
    for (uint32_t i = 0; i < MU_GC_BLOCK_LINES; i++) {
        if (lines[i] == 0) {
            memset((char *)mu_gc_block_start(block) + (size_t)i * MU_GC_LINE_BYTES, POISON,
                   MU_GC_LINE_BYTES);
        }
    }
}

bool mu_gc_block_sweep(mu_gc_block *block, uint8_t epoch)
{
    uint8_t *lines = mu_gc_block_lines(block);
    uint32_t used = 0;
    for (uint32_t i = 0; i < MU_GC_BLOCK_LINES; i++) {
        uint8_t kept = lines[i] == epoch ? epoch : 0;
        lines[i] = kept;
        used += kept != 0;
    }
    block->free_lines = MU_GC_BLOCK_LINES - used;
    block->is_sparse = block->in_holes = false;
    uint64_t *marks = mu_gc_block_marks(block);
    if (block->heap->config.verify) {
        uint64_t *starts = mu_gc_block_starts(block);
        for (uint32_t i = 0; i < MU_GC_BITS_WORDS; i++) {
            starts[i] &= marks[i];
        }
    }
    if (mu_gc_poisons(block->heap)) {
        poison_free_lines(block, lines);
    }
    memset(marks, 0, MU_GC_BITS_WORDS * sizeof *marks);
    return used == 0;
}

void mu_gc_block_settle(mu_gc_heap *heap, mu_gc_block *block, bool is_empty)
{
    if (is_empty) {
        heap->block_count--;
        block->next = NULL;
        mu_gc_pool_give(heap->pool, block, false);
        return;
    }
    mu_gc_block_set_state(block, MU_GC_STATE_MATURE);
    block->next = heap->mature;
    heap->mature = block;
    mu_gc_holes_add(heap, block);
}

void mu_gc_heap_sweep(mu_gc_heap *heap, uint64_t most)
{
    if (heap->phase != MU_GC_SWEEPING) {
        return;
    }
    while (heap->unswept && most-- > 0) {
        mu_gc_block *block = heap->unswept;
        heap->unswept = block->next;
        mu_gc_block_settle(heap, block, mu_gc_block_sweep(block, heap->epoch));
    }
    if (!heap->unswept && heap->large.sweep_at < heap->large.bucket_count) {
        uint64_t buckets = most > heap->large.bucket_count ? heap->large.bucket_count : most * 8;
        uint64_t freed = mu_gc_large_sweep(&heap->large, heap->epoch, buckets + 1);
        mu_gc_pool_count_large(heap->pool, -(int64_t)freed);
    }
    if (!heap->unswept && heap->large.sweep_at >= heap->large.bucket_count) {
        heap->phase = MU_GC_IDLE;
        mu_gc_pace_set_trigger(heap);
    }
}
