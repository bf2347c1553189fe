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
 * gather in few chunks. Entirely free chunks are kept up to the recent peak of use, which sinks
 * with every return of blocks that does not reach it, and is forgotten when a heap ends: to map
 * them anew would cost more than zeroing does.
 *
 * The system gives memory at the first touch, which takes milliseconds for a huge page. So that no
 * stop has to wait for that, heaps with a background job have a chunk mapped and touched before it
 * is needed.
 */
#include "gc_heap.h"

#include <string.h>
#include <sys/mman.h>

#define ROOM_BLOCKS     (MU_GC_CHUNK_BLOCKS - MU_GC_FRONT_BLOCKS)
#define CHUNK_WORDS     (MU_GC_CHUNK_BLOCKS / 64)
#define RESERVED_CHUNKS 2
/* With fewer free blocks than these a spare chunk is wanted: young space takes that many, and some
 * old space. */
#define FEW_BLOCKS 128u
/* Free blocks that a trim leaves their memory. */
#define FREE_KEPT      64u
#define TRIMMED_CHUNKS 1024u /* that it looks at, at most */
#define STATES_BYTES   (MU_GC_ADDRESS_END / MU_GC_BLOCK_BYTES)

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
    uint64_t large_bytes;
    bool is_adding; /* a spare chunk */
};

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

/* The lock is held. */
static void add_chunk(mu_gc_pool *pool, mu_gc_chunk *chunk)
{
    chunk->free_count = ROOM_BLOCKS;
    chunk->used[0] = ((uint64_t)1 << MU_GC_FRONT_BLOCKS) - 1;
    link_last(pool, chunk);
    pool->free_chunks++;
    pool->chunk_count++;
}

bool mu_gc_pool_wants_spare(mu_gc_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool wants =
        !pool->is_adding && pool->chunk_count * ROOM_BLOCKS - pool->used_blocks < FEW_BLOCKS;
    pthread_mutex_unlock(&pool->lock);
    return wants;
}

void mu_gc_pool_add_spare(mu_gc_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool is_first = !pool->is_adding;
    pool->is_adding = true;
    pthread_mutex_unlock(&pool->lock);
    if (!is_first) {
        return;
    }
    mu_gc_chunk *chunk = map_front();
    if (chunk) {
        /* An older system does not know this, and touches it later. */
        (void)madvise(chunk, MU_GC_CHUNK_BYTES, MADV_POPULATE_WRITE);
    }
    pthread_mutex_lock(&pool->lock);
    if (chunk) {
        add_chunk(pool, chunk);
    }
    pool->is_adding = false;
    pthread_mutex_unlock(&pool->lock);
}

static void drop_chunk(mu_gc_pool *pool, mu_gc_chunk *chunk)
{
    unlink_chunk(pool, chunk);
    pool->free_chunks--;
    pool->chunk_count--;
    munmap(chunk, MU_GC_CHUNK_BYTES);
}

void mu_gc_pool_free(mu_gc_pool *pool)
{
    if (!pool) {
        return;
    }
    MU_INVARIANT(pool->used_blocks == 0 && pool->large_bytes == 0,
                 "the pool goes while heaps hold %llu blocks and %llu bytes of large objects",
                 (unsigned long long)pool->used_blocks, (unsigned long long)pool->large_bytes);
    while (pool->last) {
        drop_chunk(pool, pool->last);
    }
    munmap(pool->states, STATES_BYTES);
    pthread_mutex_destroy(&pool->lock);
    mu_free(pool);
}

/* The chunk's lowest free block, now used. */
static mu_gc_block *take_from(mu_gc_chunk *chunk)
{
    uint32_t word = 0;
    while (chunk->used[word] == UINT64_MAX) {
        word++;
    }
    uint32_t bit = (uint32_t)__builtin_ctzll(~chunk->used[word]);
    uint64_t mask = (uint64_t)1 << bit;
    mu_gc_block *block = &chunk->blocks[word * 64 + bit];
    *block = (mu_gc_block){.zeroed = !(chunk->touched[word] & mask)};
    chunk->used[word] |= mask;
    chunk->touched[word] |= mask;
    chunk->free_count--;
    return block;
}

mu_gc_block *mu_gc_pool_take(mu_gc_pool *pool)
{
    mu_gc_block *block = NULL;
    pthread_mutex_lock(&pool->lock);
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

/* Free chunks beyond the peak go. The lock is held. */
static void drop_spare(mu_gc_pool *pool)
{
    uint64_t wanted = (pool->peak_blocks + ROOM_BLOCKS - 1) / ROOM_BLOCKS + RESERVED_CHUNKS;
    while (pool->free_chunks > 0 && pool->chunk_count > wanted) {
        drop_chunk(pool, pool->last);
    }
}

void mu_gc_pool_give(mu_gc_pool *pool, mu_gc_block *list, bool heap_ends)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t before = pool->used_blocks;
    while (list) {
        mu_gc_block *next = list->next;
        if (heap_ends) {
            forget_contents(list);
        }
        give_one(pool, list);
        list = next;
    }
    uint64_t sunk = pool->peak_blocks - pool->peak_blocks / 8;
    pool->peak_blocks = heap_ends ? pool->used_blocks : before > sunk ? before : sunk;
    drop_spare(pool);
    pthread_mutex_unlock(&pool->lock);
}

/* Gives back the memory of the chunk's free blocks that were touched; `kept` may stay. */
static void trim_chunk(mu_gc_chunk *chunk, uint32_t *kept)
{
    for (uint32_t i = 0; i < MU_GC_CHUNK_BLOCKS; i++) {
        uint64_t mask = (uint64_t)1 << i % 64;
        bool is_held = !(chunk->used[i / 64] & mask) && chunk->touched[i / 64] & mask;
        if (is_held && *kept) {
            --*kept;
        } else if (is_held) {
            (void)madvise((char *)mu_gc_block_start(&chunk->blocks[i]), MU_GC_BLOCK_BYTES,
                          MADV_DONTNEED);
            chunk->touched[i / 64] &= ~mask;
        }
    }
}

/* A chunk at a time, so that nobody waits long for a block. */
void mu_gc_pool_trim(mu_gc_pool *pool)
{
    uint32_t kept = FREE_KEPT;
    uint64_t number = 0;
    bool more = true;
    while (more) {
        pthread_mutex_lock(&pool->lock);
        if (!number) {
            pool->peak_blocks = pool->used_blocks;
            drop_spare(pool);
        }
        mu_gc_chunk *chunk = pool->first;
        for (uint64_t i = 0; chunk && i < number; i++) {
            chunk = chunk->next;
        }
        more = chunk && number < TRIMMED_CHUNKS;
        if (chunk) {
            trim_chunk(chunk, &kept);
        }
        number++;
        pthread_mutex_unlock(&pool->lock);
    }
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
