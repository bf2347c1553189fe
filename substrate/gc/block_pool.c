/* The process's blocks.
 *
 * Memory comes from the system in chunks of 4 MiB, aligned to their size. The first blocks of a
 * chunk hold what is known of the others (mu_gc_chunk), so that whoever has an object's address
 * finds its marks and lines by masking:
 *
 *      chunk  [ mu_gc_chunk      ][ block 5 ][ block 6 ] … [ block 127 ]      used, touched: bits
 *
 * The state of a block is apart, in a table over all addresses, of which only the pages for chunks
 * are ever touched. So a few cache lines tell whether a reference leads to a young object, a
 * mature one, or out of the blocks.
 *
 * Chunks with a free block are in a list, those entirely free at its end, so that blocks in use
 * gather in few chunks. Entirely free chunks are kept up to the recent peak of use, since to map
 * and touch them anew costs far more than zeroing does. The peak sinks in the course of seconds,
 * and with each full collection, and is forgotten when a heap ends. When no heap has a block for a
 * while, no chunk is kept.
 *
 * The system gives memory at the first touch, which takes milliseconds for a huge page, and unmaps
 * nothing meanwhile. So that no stop has to wait for either, upkeep is for background jobs: chunks
 * are mapped and touched before they are needed, more of them ahead the faster they are used up,
 * and unmapped when they are too many.
 */
#include "gc_heap.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ROOM_BLOCKS (MU_GC_CHUNK_BLOCKS - MU_GC_FRONT_BLOCKS)
#define CHUNK_WORDS (MU_GC_CHUNK_BLOCKS / 64)
/* Chunks ahead of use: one holds what young space takes, more are for old space that grows. */
#define SPARE_CHUNKS_MAX 16u
/* A spare that is wanted so soon after the last is wanted in a hurry; so late, at leisure. */
#define HURRY_NS   ((uint64_t)100000000)
#define LEISURE_NS ((uint64_t)1000000000)
/* The peak of use sinks by an eighth in such a time, which is longer than old space takes from one
 * marking to the next even in a hurry. */
#define SINK_NS ((uint64_t)2000000000)
/* Free blocks that keep their memory when the others give it back. */
#define FREE_KEPT       64u
#define RELEASED_CHUNKS 1024u /* that are looked at, at most */
#define STATES_BYTES    (MU_GC_ADDRESS_END / MU_GC_BLOCK_BYTES)

_Static_assert(MU_GC_FRONT_BLOCKS < 64, "the front's blocks are in the first word of `used`");

struct mu_gc_pool {
    pthread_mutex_t lock;
    uint8_t *states;
    mu_gc_chunk *first;
    mu_gc_chunk *last;
    uint64_t chunk_count;
    uint64_t free_chunks;
    uint64_t used_blocks;
    uint64_t peak_blocks;
    uint64_t sunk_ns; /* when the peak sank last */
    uint64_t large_bytes;
    bool is_adding; /* a spare chunk */
    uint64_t added_ns;
    uint64_t spare_chunks; /* wanted ahead */
    uint64_t quota_blocks; /* of all heaps: no use in more */
    bool is_at_rest;       /* memory was given back; no block was taken since */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

mu_gc_pool *mu_gc_pool_new(void)
{
    void *states = mmap(NULL, STATES_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (states == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(states, STATES_BYTES, MADV_DONTDUMP);
    (void)madvise(states, STATES_BYTES, MADV_NOHUGEPAGE);
    mu_gc_pool *pool = mu_allocate(sizeof(*pool));
    pool->states = states;
    pool->spare_chunks = 1;
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

uint8_t *mu_gc_pool_states(mu_gc_pool *pool)
{
    return pool->states;
}

static void unlink_chunk(mu_gc_pool *pool, mu_gc_chunk *chunk)
{
    *(chunk->previous ? &chunk->previous->next : &pool->first) = chunk->next;
    *(chunk->next ? &chunk->next->previous : &pool->last) = chunk->previous;
    chunk->next = chunk->previous = NULL;
}

static void link_first(mu_gc_pool *pool, mu_gc_chunk *chunk)
{
    chunk->next = pool->first;
    *(pool->first ? &pool->first->previous : &pool->last) = chunk;
    pool->first = chunk;
}

static void link_last(mu_gc_pool *pool, mu_gc_chunk *chunk)
{
    chunk->previous = pool->last;
    *(pool->last ? &pool->last->next : &pool->first) = chunk;
    pool->last = chunk;
}

/* The mapping is twice as long at first, so that an aligned chunk is in it. */
static uintptr_t map_chunk(void)
{
    char *memory = mmap(NULL, 2 * MU_GC_CHUNK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return 0;
    }
    size_t before = -(uintptr_t)memory & (MU_GC_CHUNK_BYTES - 1);
    if (before > 0) {
        munmap(memory, before);
    }
    munmap(memory + before + MU_GC_CHUNK_BYTES, MU_GC_CHUNK_BYTES - before);
    if (!mu_gc_memory_fits((uintptr_t)memory + before, MU_GC_CHUNK_BYTES)) {
        munmap(memory + before, MU_GC_CHUNK_BYTES);
        return 0;
    }
    return (uintptr_t)memory + before;
}

/* NULL when the system has no memory. */
static mu_gc_chunk *map_front(void)
{
    mu_gc_chunk *chunk = (mu_gc_chunk *)map_chunk();
    if (chunk) {
        (void)madvise(chunk, MU_GC_CHUNK_BYTES, MADV_HUGEPAGE);
    }
    return chunk;
}

static void unmap_chunk(mu_gc_chunk *chunk)
{
    if (chunk->starts) {
        munmap(chunk->starts, sizeof chunk->marks);
    }
    munmap(chunk, MU_GC_CHUNK_BYTES);
}

void mu_gc_pool_keep_starts(mu_gc_pool *pool, const mu_gc_block *block)
{
    mu_gc_chunk *chunk = mu_gc_chunk_of((uintptr_t)block);
    pthread_mutex_lock(&pool->lock);
    if (!chunk->starts) {
        /* Mapped like the chunk, which LeakSanitizer does not look through for what is allocated.
         */
        void *starts = mmap(NULL, sizeof chunk->marks, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MU_INVARIANT(starts != MAP_FAILED, "no memory for the starts of a chunk's objects");
        chunk->starts = starts;
    }
    pthread_mutex_unlock(&pool->lock);
}

/* The lock is held. */
static void add_chunk(mu_gc_pool *pool, mu_gc_chunk *chunk)
{
    chunk->free_count = ROOM_BLOCKS;
    chunk->used[0] = ((uint64_t)1 << MU_GC_FRONT_BLOCKS) - 1;
    link_last(pool, chunk);
    pool->free_chunks++;
    pool->chunk_count++;
}

/* ---------------------------------------------------------------------------------------- upkeep
 */

/* The lock is held for all of these. */
static bool wants_spare(const mu_gc_pool *pool)
{
    uint64_t free_blocks = pool->chunk_count * ROOM_BLOCKS - pool->used_blocks;
    return !pool->is_adding && !pool->is_at_rest &&
           free_blocks < pool->spare_chunks * MU_GC_CHUNK_BLOCKS &&
           pool->chunk_count * ROOM_BLOCKS < pool->quota_blocks;
}

static bool has_excess(const mu_gc_pool *pool)
{
    uint64_t wanted = (pool->peak_blocks + ROOM_BLOCKS - 1) / ROOM_BLOCKS + pool->spare_chunks + 1;
    bool has_rested = pool->is_at_rest && pool->used_blocks == 0;
    return pool->free_chunks > 0 && (pool->chunk_count > wanted || has_rested);
}

static void sink_peak(mu_gc_pool *pool)
{
    pool->peak_blocks -= pool->peak_blocks / 8;
    if (pool->peak_blocks < pool->used_blocks) {
        pool->peak_blocks = pool->used_blocks;
    }
}

bool mu_gc_pool_wants_upkeep(mu_gc_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool wants = wants_spare(pool) || has_excess(pool);
    pthread_mutex_unlock(&pool->lock);
    return wants;
}

static void add_spare(mu_gc_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool adds = wants_spare(pool);
    pool->is_adding |= adds;
    pthread_mutex_unlock(&pool->lock);
    if (!adds) {
        return;
    }
    mu_gc_chunk *chunk = map_front();
    if (chunk) {
        /* An older system does not know this, and touches it later. */
        chunk->is_touched = madvise(chunk, MU_GC_CHUNK_BYTES, MADV_POPULATE_WRITE) == 0;
    }
    pthread_mutex_lock(&pool->lock);
    if (chunk) {
        add_chunk(pool, chunk);
    }
    uint64_t now = now_ns();
    if (now - pool->added_ns < HURRY_NS && pool->spare_chunks < SPARE_CHUNKS_MAX) {
        pool->spare_chunks *= 2;
    } else if (now - pool->added_ns > LEISURE_NS) {
        pool->spare_chunks = 1;
    }
    pool->added_ns = now;
    pool->is_adding = false;
    pthread_mutex_unlock(&pool->lock);
}

/* Others must not wait for the system while it unmaps. */
void mu_gc_pool_trim(mu_gc_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (has_excess(pool)) {
        mu_gc_chunk *chunk = pool->last;
        unlink_chunk(pool, chunk);
        pool->free_chunks--;
        pool->chunk_count--;
        pthread_mutex_unlock(&pool->lock);
        unmap_chunk(chunk);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

void mu_gc_pool_do_upkeep(mu_gc_pool *pool)
{
    add_spare(pool);
    mu_gc_pool_trim(pool);
}

/* Gives back the memory of the chunk's free blocks that were touched; `kept` may stay. */
static void release_free(mu_gc_chunk *chunk, uint32_t *kept)
{
    for (uint32_t i = 0; i < MU_GC_CHUNK_BLOCKS; i++) {
        uint64_t mask = (uint64_t)1 << i % 64;
        bool is_held =
            !(chunk->used[i / 64] & mask) && (chunk->is_touched || chunk->touched[i / 64] & mask);
        if (is_held && *kept) {
            --*kept;
        } else if (is_held) {
            (void)madvise((char *)mu_gc_block_start(&chunk->blocks[i]), MU_GC_BLOCK_BYTES,
                          MADV_DONTNEED);
            chunk->touched[i / 64] &= ~mask;
        }
    }
    chunk->is_touched = chunk->is_touched && *kept > 0;
}

/* A chunk at a time, so that nobody waits long for a block. */
void mu_gc_pool_release(mu_gc_pool *pool)
{
    uint32_t kept = FREE_KEPT;
    uint32_t number = 0;
    pthread_mutex_lock(&pool->lock);
    pool->peak_blocks = pool->used_blocks;
    pool->spare_chunks = 1;
    pool->is_at_rest = true;
    pthread_mutex_unlock(&pool->lock);
    mu_gc_pool_trim(pool);
    mu_gc_chunk *chunk;
    do {
        pthread_mutex_lock(&pool->lock);
        chunk = pool->first;
        for (uint32_t i = 0; chunk && i < number; i++) {
            chunk = chunk->next;
        }
        if (chunk) {
            release_free(chunk, &kept);
        }
        pthread_mutex_unlock(&pool->lock);
    } while (chunk && ++number < RELEASED_CHUNKS);
}

void mu_gc_pool_sink(mu_gc_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    sink_peak(pool);
    pthread_mutex_unlock(&pool->lock);
}

void mu_gc_pool_free(mu_gc_pool *pool)
{
    if (!pool) {
        return;
    }
    MU_INVARIANT(pool->used_blocks == 0 && pool->large_bytes == 0,
                 "the pool goes while heaps hold %llu blocks and %llu bytes of large objects",
                 (unsigned long long)pool->used_blocks, (unsigned long long)pool->large_bytes);
    mu_gc_chunk *next;
    for (mu_gc_chunk *chunk = pool->first; chunk; chunk = next) {
        next = chunk->next;
        unmap_chunk(chunk);
    }
    munmap(pool->states, STATES_BYTES);
    pthread_mutex_destroy(&pool->lock);
    mu_free(pool);
}

/* The chunk's lowest free block: where its bits are, and the bit. */
static uint64_t lowest_free(const mu_gc_chunk *chunk, uint32_t *word)
{
    *word = 0;
    while (chunk->used[*word] == UINT64_MAX) {
        ++*word;
    }
    return ~chunk->used[*word] & (chunk->used[*word] + 1);
}

static mu_gc_block *take_from(mu_gc_chunk *chunk)
{
    uint32_t word;
    uint64_t bit = lowest_free(chunk, &word);
    mu_gc_block *block = &chunk->blocks[word * 64 + (uint32_t)__builtin_ctzll(bit)];
    *block = (mu_gc_block){0};
    chunk->used[word] |= bit;
    chunk->touched[word] |= bit;
    chunk->free_count--;
    return block;
}

/* Would the next block make the system give memory? Then a stop does not wait for that, but does
 * without the block, if jobs add memory that is touched: one follows the stop. */
static bool is_slow(const mu_gc_pool *pool)
{
    uint32_t word;
    if (pool->added_ns == 0) {
        return false;
    }
    if (!pool->first) {
        return true;
    }
    uint64_t bit = lowest_free(pool->first, &word);
    return !pool->first->is_touched && !(pool->first->touched[word] & bit);
}

mu_gc_block *mu_gc_pool_take(mu_gc_pool *pool, bool at_once)
{
    mu_gc_block *block = NULL;
    pthread_mutex_lock(&pool->lock);
    if (at_once && is_slow(pool)) {
        pthread_mutex_unlock(&pool->lock);
        return NULL;
    }
    if (!pool->first) {
        mu_gc_chunk *mapped = map_front();
        if (mapped) {
            add_chunk(pool, mapped);
        }
    }
    mu_gc_chunk *chunk = pool->first;
    if (chunk) {
        pool->free_chunks -= chunk->free_count == ROOM_BLOCKS;
        block = take_from(chunk);
        if (chunk->free_count == 0) {
            unlink_chunk(pool, chunk);
        }
        pool->used_blocks++;
        pool->is_at_rest = false;
        if (pool->used_blocks > pool->peak_blocks) {
            pool->peak_blocks = pool->used_blocks;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return block;
}

static void give_one(mu_gc_pool *pool, mu_gc_block *block)
{
    mu_gc_chunk *chunk = mu_gc_chunk_of((uintptr_t)block);
    uint32_t index = mu_gc_block_index(block);
    __atomic_store_n(&pool->states[mu_gc_block_start(block) / MU_GC_BLOCK_BYTES], MU_GC_STATE_NONE,
                     __ATOMIC_RELAXED);
    chunk->used[index / 64] &= ~((uint64_t)1 << (index % 64));
    chunk->free_count++;
    pool->used_blocks--;
    if (chunk->free_count == 1) {
        link_first(pool, chunk);
    }
    if (chunk->free_count == ROOM_BLOCKS) {
        unlink_chunk(pool, chunk);
        link_last(pool, chunk);
        pool->free_chunks++;
    }
}

/* A block whose heap ends may be in the midst of anything. What was never written stays so. */
static void forget_contents(mu_gc_block *block)
{
    memset(mu_gc_block_lines(block), 0, MU_GC_BLOCK_LINES);
    if (block->heap->phase != MU_GC_IDLE) {
        memset(mu_gc_block_marks(block), 0, MU_GC_BITS_WORDS * sizeof(uint64_t));
    }
    if (block->heap->config.verify) {
        memset(mu_gc_block_starts(block), 0, MU_GC_BITS_WORDS * sizeof(uint64_t));
    }
}

void mu_gc_pool_give(mu_gc_pool *pool, mu_gc_block *list, bool heap_ends)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t now = now_ns();
    for (int steps = 0; now - pool->sunk_ns >= SINK_NS && steps < 64; steps++) {
        sink_peak(pool);
        pool->sunk_ns += SINK_NS;
    }
    pool->sunk_ns = now - pool->sunk_ns >= SINK_NS ? now : pool->sunk_ns;
    while (list) {
        mu_gc_block *next = list->next;
        if (heap_ends) {
            forget_contents(list);
        }
        give_one(pool, list);
        list = next;
    }
    if (heap_ends) {
        pool->peak_blocks = pool->used_blocks;
    }
    pthread_mutex_unlock(&pool->lock);
    if (heap_ends) {
        mu_gc_pool_trim(pool);
    }
}

void mu_gc_pool_count_quota(mu_gc_pool *pool, uint64_t bytes, bool is_new)
{
    uint64_t blocks = bytes / MU_GC_BLOCK_BYTES;
    pthread_mutex_lock(&pool->lock);
    pool->quota_blocks += is_new ? blocks : -blocks;
    pthread_mutex_unlock(&pool->lock);
}

void mu_gc_pool_count_large(mu_gc_pool *pool, int64_t bytes)
{
    pthread_mutex_lock(&pool->lock);
    pool->large_bytes += (uint64_t)bytes;
    pthread_mutex_unlock(&pool->lock);
}

uint64_t mu_gc_pool_used_bytes(mu_gc_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t bytes = pool->used_blocks * MU_GC_BLOCK_BYTES + pool->large_bytes;
    pthread_mutex_unlock(&pool->lock);
    return bytes;
}

uint64_t mu_gc_pool_held_bytes(mu_gc_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t bytes = pool->chunk_count * MU_GC_CHUNK_BYTES + pool->large_bytes;
    pthread_mutex_unlock(&pool->lock);
    return bytes;
}
