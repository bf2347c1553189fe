#pragma once
/* The collector's own structures: blocks and the pool that maps them, large objects, the heap, and
 * the measuring of objects. Only the room's sources include this.
 *
 * Locks: a heap's, then the pool's. During a collection the mutators stand still, but others may
 * ask for statistics, so the counts of heap and pool change under their locks even then.
 */
#include "mu_gc.h"

#include <pthread.h>

typedef struct mu_gc_block mu_gc_block;
typedef struct mu_gc_chunk mu_gc_chunk;
typedef struct mu_gc_large mu_gc_large;

/* --- Blocks -----------------------------------------------------------------------------------*/

/* What stands at the front of each 32 KiB. Objects follow. */
struct mu_gc_block {
    mu_gc_block *next;      /* among the heap's blocks */
    mu_gc_block *next_rest; /* among those with a rest worth using */
    mu_gc_block *next_grey; /* among those closed before they were scanned */
    mu_gc_chunk *chunk;
    mu_gc_heap *heap;
    uint32_t epoch;       /* the heap's when the block was taken: tells old blocks from new */
    uint32_t rest_offset; /* where unused memory begins, when in the list of rests */
    uint32_t scan_index;  /* first bit of `starts` not yet scanned */
    uint32_t pin_count;   /* pins of objects in it: a collection leaves it where it is */
    bool has_weak;        /* a weak slot was seen in it */
    bool zeroed;          /* memory as the system gave it */
    uint64_t starts[MU_GC_BLOCK_BYTES / 8 / 64]; /* headers of the objects copied here,
                                                    or left here because they are pinned */
};

#define MU_GC_BLOCK_DATA ((uint32_t)sizeof(mu_gc_block))
#define MU_GC_BLOCK_ROOM (MU_GC_BLOCK_BYTES - MU_GC_BLOCK_DATA)

static inline mu_gc_block *mu_gc_block_at(uintptr_t address)
{
    return (mu_gc_block *)(address & ~(uintptr_t)(MU_GC_BLOCK_BYTES - 1));
}
/* The block with the object's header; a payload of size 0 may start where the block ends. */
static inline mu_gc_block *mu_gc_block_of(uintptr_t ref)
{
    return mu_gc_block_at(ref - MU_ABI_HEADER_BYTES);
}
static inline uint32_t mu_gc_start_index(uintptr_t ref)
{
    return (uint32_t)((ref - MU_ABI_HEADER_BYTES) & (MU_GC_BLOCK_BYTES - 1)) / 8;
}

/* A tagref64 holds the low 47 bits of an address. The system gives nothing beyond unless it is
 * asked to, but it is the collector that promises. */
#define MU_GC_ADDRESS_END ((uintptr_t)1 << 47)
_Static_assert(MU_ABI_TAGREF64_ADDRESS == MU_GC_ADDRESS_END - 8, "every reference fits a tagref64");
static inline bool mu_gc_memory_fits(uintptr_t start, uint64_t bytes)
{
    return start < MU_GC_ADDRESS_END && bytes <= MU_GC_ADDRESS_END - start;
}

/* --- The pool (block_pool.c) ------------------------------------------------------------------*/

/* A block with its front zeroed but for `chunk` and `zeroed`, or NULL when the system has no
 * memory. */
mu_gc_block *mu_gc_pool_take(mu_gc_pool *pool);
/* Gives back a list linked by `next`. `heap_ends`: the memory is not about to be wanted again. */
void mu_gc_pool_give(mu_gc_pool *pool, mu_gc_block *list, bool heap_ends);
void mu_gc_pool_count_large(mu_gc_pool *pool, int64_t bytes);
/* The block in use that holds this address, which may be any number, or NULL. */
mu_gc_block *mu_gc_pool_find(mu_gc_pool *pool, uintptr_t address);

/* --- Large objects (large_table.c) ------------------------------------------------------------*/

/* Stands before a large object, in host memory. */
struct mu_gc_large {
    mu_gc_large *next;      /* in its bucket */
    mu_gc_large *next_grey; /* among those marked and not scanned */
    uint64_t bytes;         /* with this record */
    bool marked;
    bool has_weak;
    uint64_t length; /* hybrid */
    uintptr_t header;
    uint64_t end[]; /* the payload, aligned to 16 */
};
typedef struct mu_gc_large_table {
    mu_gc_large **buckets;
    uint64_t bucket_count; /* 0 or a power of 2 */
    uint64_t count;
    uint64_t bytes;
} mu_gc_large_table;

static inline mu_gc_large *mu_gc_large_of(uintptr_t ref)
{
    return (mu_gc_large *)(ref - offsetof(mu_gc_large, end));
}
static inline uintptr_t mu_gc_large_ref(const mu_gc_large *large)
{
    return (uintptr_t)large->end;
}
void mu_gc_large_add(mu_gc_large_table *table, mu_gc_large *large);
bool mu_gc_large_has(const mu_gc_large_table *table, uintptr_t ref);
/* Frees what is not marked, unmarks the rest; returns the bytes freed. */
uint64_t mu_gc_large_sweep(mu_gc_large_table *table);
/* Frees all, and the table's memory; returns the bytes freed. */
uint64_t mu_gc_large_clear(mu_gc_large_table *table);

/* --- The heap (heap.c) ------------------------------------------------------------------------*/

struct mu_gc_heap {
    mu_gc_pool *pool;
    mu_gc_config config;
    pthread_mutex_t lock;
    mu_gc_block *blocks;
    mu_gc_block *rests; /* those of them with unused memory that nobody has as a buffer */
    uint64_t block_count;
    uint32_t epoch;
    uint32_t buffers_out;
    /* Where objects go that should not use up a mutator's buffer, and all under stress. */
    uintptr_t shared_cursor;
    uintptr_t shared_limit;
    /* What copies may need: bytes of objects in blocks without fillers (a buffer counts as full),
     * those of them in objects larger than MU_GC_INLINE_BYTES, objects that want an alignment
     * of 16. */
    uint64_t object_bytes;
    uint64_t medium_bytes;
    uint64_t aligned_count;
    uint64_t pinned_blocks; /* with a pin_count */
    mu_gc_large_table large;
    mu_gc_native_fn *native;
    void *native_context;
    mu_gc_pins_fn *pins; /* NULL: nothing is ever pinned */
    void *pins_context;
    uintptr_t immortal_start;
    uint64_t immortal_bytes;
    uint64_t live_bytes;
    uint64_t collections;
    uint64_t collected_ns;
    uint64_t longest_ns;
};

/* Takes a block of the present epoch into the heap, whatever the quota; the lock is held. */
mu_gc_block *mu_gc_heap_take_block(mu_gc_heap *heap);
/* Lets others use a block from `cursor` on, when that is worth it. The lock is held. */
void mu_gc_heap_keep_rest(mu_gc_heap *heap, uintptr_t cursor, uintptr_t limit);
/* Whether the quota allows one more block to be pinned. The lock is held. */
bool mu_gc_heap_allows_pin(const mu_gc_heap *heap);
/* mu_gc_buffer_retire with the lock held. */
void mu_gc_heap_retire(mu_gc_heap *heap, uintptr_t *cursor, uintptr_t *limit);

/* --- Pinned blocks (pinned_blocks.c) ----------------------------------------------------------*/

/* In a collection: was this object of the block shown as pinned? */
static inline bool mu_gc_is_in_place(const mu_gc_block *block, uintptr_t ref)
{
    uint32_t index = mu_gc_start_index(ref);
    return block->pin_count > 0 && (block->starts[index / 64] >> (index % 64) & 1);
}
/* Takes the pinned blocks out of `*blocks`, ready to be told what in them is pinned, and returns
 * them, linked by `next` and `next_grey`. */
mu_gc_block *mu_gc_pinned_take(mu_gc_block **blocks);
/* What the heap's pinned blocks are after a collection: of the new epoch, the memory behind their
 * last pinned object unused; what is between pinned objects is filled with `poison` unless that is
 * negative. The lock is held. */
void mu_gc_pinned_finish(mu_gc_heap *heap, int poison);

/* --- Checking (heap_check.c) ------------------------------------------------------------------*/

/* Before `slot`, which holds `ref`, is traced: is it an object of the heap, as mu_gc_owns tells?
 * Aborts when not; `owner` is the type that the slot is in. */
void mu_gc_check_before(mu_gc_heap *heap, const uintptr_t *slot, uintptr_t ref, const char *owner);
/* The same after a collection, when the start of each object is known. */
void mu_gc_check_after(mu_gc_heap *heap, const uintptr_t *slot, uintptr_t ref, const char *owner);
/* Is the word one that a tagref64 can be: no NaN but the one that is stored and what hides among
 * them? Aborts when not. */
void mu_gc_check_tagref64(const uintptr_t *slot, const char *owner);

/* --- Objects ----------------------------------------------------------------------------------*/

/* In a header while its object is copied: the rest is the copy's address. */
#define MU_GC_HEADER_MOVED 1u

/* Words before the payload, header included, in bytes. */
static inline uint64_t mu_gc_prefix_bytes(const mu_abi_type *type)
{
    return type->is_hybrid ? MU_ABI_LENGTH_BYTES + MU_ABI_HEADER_BYTES : MU_ABI_HEADER_BYTES;
}
/* Of an object in the heap, so of a size that does not overflow. */
static inline uint64_t mu_gc_payload_bytes(const mu_abi_type *type, uint64_t length)
{
    uint64_t bytes = type->size_bytes;
    if (type->is_hybrid) {
        bytes += type->stride_bytes * length;
    }
    return (bytes + 7) & ~(uint64_t)7;
}
