/* The process's blocks.
 *
 * Memory comes from the system in chunks of 4 MiB, aligned to their size, which is 128 blocks:
 *
 *      chunk  [ block 0 ][ block 1 ] … [ block 127 ]      used, touched: a bit for each
 *
 * Chunks with a free block are in a list, those entirely free at its end, so that blocks in use
 * gather in few chunks. A semispace takes and gives up to half a heap in each cycle, and the faults
 * of mapping it anew would cost more than zeroing it. So entirely free chunks are kept up to the
 * recent peak of use, which sinks with every return of blocks that does not reach it, and is
 * forgotten when a heap ends.
 */
#include "gc_heap.h"

#include <string.h>
#include <sys/mman.h>

#define CHUNK_BYTES     ((uintptr_t)4 << 20)
#define CHUNK_BLOCKS    (CHUNK_BYTES / MU_GC_BLOCK_BYTES)
#define CHUNK_WORDS     (CHUNK_BLOCKS / 64)
#define RESERVED_CHUNKS 2

struct mu_gc_chunk {
    uintptr_t base;
    mu_gc_chunk *next; /* among those with a free block */
    mu_gc_chunk *previous;
    uint32_t free_count;
    uint64_t used[CHUNK_WORDS];
    uint64_t touched[CHUNK_WORDS]; /* no longer zero */
};

struct mu_gc_pool {
    pthread_mutex_t lock;
    MU_ARRAY(mu_gc_chunk *) chunks; /* by address */
    mu_gc_chunk *first;
    mu_gc_chunk *last;
    uint64_t free_chunks;
    uint64_t used_blocks;
    uint64_t peak_blocks;
    uint64_t large_bytes;
};

mu_gc_pool *mu_gc_pool_new(void)
{
    mu_gc_pool *pool = mu_allocate(sizeof(*pool));
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
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

/* How many chunks lie below the address or at it. */
static uint32_t chunks_up_to(const mu_gc_pool *pool, uintptr_t address)
{
    uint32_t low = 0;
    uint32_t high = pool->chunks.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (pool->chunks.items[middle]->base <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The mapping is twice as long at first, so that an aligned chunk is in it. */
static uintptr_t map_chunk(void)
{
    char *memory = mmap(NULL, 2 * CHUNK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return 0;
    }
    size_t before = -(uintptr_t)memory & (CHUNK_BYTES - 1);
    if (before > 0) {
        munmap(memory, before);
    }
    munmap(memory + before + CHUNK_BYTES, CHUNK_BYTES - before);
    if (!mu_gc_memory_fits((uintptr_t)memory + before, CHUNK_BYTES)) {
        munmap(memory + before, CHUNK_BYTES);
        return 0;
    }
    return (uintptr_t)memory + before;
}

/* NULL when the system has no memory. */
static mu_gc_chunk *add_chunk(mu_gc_pool *pool)
{
    uintptr_t base = map_chunk();
    if (base == 0) {
        return NULL;
    }
    mu_gc_chunk *chunk = mu_allocate(sizeof(*chunk));
    chunk->base = base;
    chunk->free_count = CHUNK_BLOCKS;
    uint32_t at = chunks_up_to(pool, base);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the items are pointers. */
    MU_ARRAY_PUSH(&pool->chunks, chunk);
    for (uint32_t i = pool->chunks.count - 1; i > at; i--) {
        pool->chunks.items[i] = pool->chunks.items[i - 1];
    }
    pool->chunks.items[at] = chunk;
    link_last(pool, chunk);
    pool->free_chunks++;
    return chunk;
}

static void drop_chunk(mu_gc_pool *pool, mu_gc_chunk *chunk)
{
    unlink_chunk(pool, chunk);
    pool->free_chunks--;
    uint32_t at = chunks_up_to(pool, chunk->base) - 1;
    pool->chunks.count--;
    for (uint32_t i = at; i < pool->chunks.count; i++) {
        pool->chunks.items[i] = pool->chunks.items[i + 1];
    }
    munmap((void *)chunk->base, CHUNK_BYTES);
    mu_free(chunk);
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
    MU_ARRAY_FREE(&pool->chunks);
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
    bool zeroed = !(chunk->touched[word] & mask);
    chunk->used[word] |= mask;
    chunk->touched[word] |= mask;
    chunk->free_count--;
    mu_gc_block *block =
        mu_gc_block_at(chunk->base + (uintptr_t)(word * 64 + bit) * MU_GC_BLOCK_BYTES);
    if (!zeroed) {
        memset(block, 0, sizeof(*block));
    }
    block->chunk = chunk;
    block->zeroed = zeroed;
    return block;
}

mu_gc_block *mu_gc_pool_take(mu_gc_pool *pool)
{
    mu_gc_block *block = NULL;
    pthread_mutex_lock(&pool->lock);
    mu_gc_chunk *chunk = pool->first ? pool->first : add_chunk(pool);
    if (chunk) {
        pool->free_chunks -= chunk->free_count == CHUNK_BLOCKS;
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
    mu_gc_chunk *chunk = block->chunk;
    uint32_t index = (uint32_t)(((uintptr_t)block - chunk->base) / MU_GC_BLOCK_BYTES);
    chunk->used[index / 64] &= ~((uint64_t)1 << (index % 64));
    chunk->free_count++;
    pool->used_blocks--;
    if (chunk->free_count == 1) {
        link_first(pool, chunk);
    }
    if (chunk->free_count == CHUNK_BLOCKS) {
        unlink_chunk(pool, chunk);
        link_last(pool, chunk);
        pool->free_chunks++;
    }
}

void mu_gc_pool_give(mu_gc_pool *pool, mu_gc_block *list, bool heap_ends)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t before = pool->used_blocks;
    while (list) {
        mu_gc_block *next = list->next;
        give_one(pool, list);
        list = next;
    }
    uint64_t sunk = pool->peak_blocks - pool->peak_blocks / 8;
    pool->peak_blocks = heap_ends ? pool->used_blocks : before > sunk ? before : sunk;
    uint64_t wanted = (pool->peak_blocks + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS + RESERVED_CHUNKS;
    while (pool->free_chunks > 0 && pool->chunks.count > wanted) {
        drop_chunk(pool, pool->last);
    }
    pthread_mutex_unlock(&pool->lock);
}

void mu_gc_pool_count_large(mu_gc_pool *pool, int64_t bytes)
{
    pthread_mutex_lock(&pool->lock);
    pool->large_bytes += (uint64_t)bytes;
    pthread_mutex_unlock(&pool->lock);
}

mu_gc_block *mu_gc_pool_find(mu_gc_pool *pool, uintptr_t address)
{
    mu_gc_block *block = NULL;
    pthread_mutex_lock(&pool->lock);
    uint32_t at = chunks_up_to(pool, address);
    if (at > 0) {
        mu_gc_chunk *chunk = pool->chunks.items[at - 1];
        uintptr_t index = (address - chunk->base) / MU_GC_BLOCK_BYTES;
        if (index < CHUNK_BLOCKS && (chunk->used[index / 64] >> (index % 64) & 1)) {
            block = mu_gc_block_at(address);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return block;
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
    uint64_t bytes = pool->chunks.count * CHUNK_BYTES + pool->large_bytes;
    pthread_mutex_unlock(&pool->lock);
    return bytes;
}
