#pragma once
/* The collector's own structures: chunks, blocks and the pool that maps them, large objects, the
 * heap, the tracer. Only the room's sources include this.
 *
 * Locks: a heap's background lock, `queues`, its lock, then the pool's. The background lock is held
 * by the background job while it marks or sweeps, and during a collection. In a collection the
 * mutators stand still, but others may ask for statistics, so what those read changes under the
 * heap's lock even then.
 */
#include "mu_gc_ephemerons.h"

#include <pthread.h>

typedef struct mu_gc_block mu_gc_block;
typedef struct mu_gc_chunk mu_gc_chunk;
typedef struct mu_gc_large mu_gc_large;

/* --- Blocks and chunks ------------------------------------------------------------------------*/

#define MU_GC_LINE_BYTES   256u
#define MU_GC_BLOCK_LINES  (MU_GC_BLOCK_BYTES / MU_GC_LINE_BYTES)
#define MU_GC_CHUNK_BYTES  ((uintptr_t)4 << 20)
#define MU_GC_CHUNK_BLOCKS (MU_GC_CHUNK_BYTES / MU_GC_BLOCK_BYTES)

/* What is at an address, by its block, in the pool's table of states. */
typedef enum mu_gc_state {
    MU_GC_STATE_NONE,   /* no block of a heap: a large object, a global cell, nothing */
    MU_GC_STATE_YOUNG,  /* objects made since the last collection */
    MU_GC_STATE_MIXED,  /* old objects, and young ones in lines between them */
    MU_GC_STATE_MATURE, /* old objects only */
} mu_gc_state;

/* A line's byte: 0 free, one of three epochs while something old lies in it, or this: it was given
 * to a mutator. */
#define MU_GC_LINE_TAKEN  0xffu
#define MU_GC_EPOCH_COUNT 3u

struct mu_gc_block {
    mu_gc_block *next;      /* in one of the heap's lists */
    mu_gc_block *next_rest; /* among those with free lines, or with a rest worth using */
    mu_gc_heap *heap;
    uint32_t rest_offset; /* where unused memory begins, when in the list of rests */
    uint32_t free_lines;  /* MATURE: as the last sweep found them */
    bool has_kept;        /* YOUNG, in a collection: survivors stayed in it */
    bool is_sparse;       /* in a full collection: what lives is to be moved out */
    bool in_holes;
};

/* At the front of each chunk, in the room of its first blocks. */
struct mu_gc_chunk {
    mu_gc_chunk *next; /* among those with a free block */
    mu_gc_chunk *previous;
    uint32_t free_count;
    bool is_touched; /* the system has given memory for the whole */
    uint64_t used[MU_GC_CHUNK_BLOCKS / 64];
    uint64_t touched[MU_GC_CHUNK_BLOCKS / 64]; /* no longer zero */
    mu_gc_block blocks[MU_GC_CHUNK_BLOCKS];
    uint8_t lines[MU_GC_CHUNK_BLOCKS * MU_GC_BLOCK_LINES];
    /* A bit for each word that may be a header. Marks are all 0 outside of a full collection and
     * of marking beside the mutators. */
    uint64_t marks[MU_GC_CHUNK_BYTES / 8 / 64];
    uint64_t *starts; /* the same for starts of old objects, under verification; else NULL */
};
#define MU_GC_FRONT_BLOCKS ((sizeof(mu_gc_chunk) + MU_GC_BLOCK_BYTES - 1) / MU_GC_BLOCK_BYTES)
#define MU_GC_BITS_WORDS   (MU_GC_BLOCK_BYTES / 8 / 64) /* of a block */

static inline mu_gc_chunk *mu_gc_chunk_of(uintptr_t header)
{
    return (mu_gc_chunk *)(header & ~(MU_GC_CHUNK_BYTES - 1));
}
/* The block with the object's header; a payload of size 0 may start where the block ends. */
static inline mu_gc_block *mu_gc_block_of(uintptr_t ref)
{
    uintptr_t header = ref - MU_ABI_HEADER_BYTES;
    return &mu_gc_chunk_of(header)->blocks[(header & (MU_GC_CHUNK_BYTES - 1)) / MU_GC_BLOCK_BYTES];
}
static inline uint32_t mu_gc_block_index(const mu_gc_block *block)
{
    return (uint32_t)(block - mu_gc_chunk_of((uintptr_t)block)->blocks);
}
static inline uintptr_t mu_gc_block_start(const mu_gc_block *block)
{
    return (uintptr_t)mu_gc_chunk_of((uintptr_t)block) +
           (uintptr_t)mu_gc_block_index(block) * MU_GC_BLOCK_BYTES;
}
static inline uint8_t *mu_gc_block_lines(const mu_gc_block *block)
{
    return mu_gc_chunk_of((uintptr_t)block)->lines +
           (size_t)mu_gc_block_index(block) * MU_GC_BLOCK_LINES;
}
static inline uint64_t *mu_gc_block_marks(const mu_gc_block *block)
{
    return mu_gc_chunk_of((uintptr_t)block)->marks +
           (size_t)mu_gc_block_index(block) * MU_GC_BITS_WORDS;
}
/* Under verification. */
static inline uint64_t *mu_gc_block_starts(const mu_gc_block *block)
{
    return mu_gc_chunk_of((uintptr_t)block)->starts +
           (size_t)mu_gc_block_index(block) * MU_GC_BITS_WORDS;
}
/* The word and the bit of an object in its chunk's marks or starts. */
static inline uint64_t mu_gc_bit_of(uintptr_t ref, uint32_t *word)
{
    uintptr_t index = ((ref - MU_ABI_HEADER_BYTES) & (MU_GC_CHUNK_BYTES - 1)) / 8;
    *word = (uint32_t)(index / 64);
    return (uint64_t)1 << index % 64;
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

/* The states of all blocks, by address / MU_GC_BLOCK_BYTES; each is atomic. */
uint8_t *mu_gc_pool_states(mu_gc_pool *pool);
/* A block with its lines free, or NULL when the system has no memory. `at_once`: also NULL when
 * memory would have to be touched for the first time, which takes milliseconds, in a pool where
 * upkeep is done. */
mu_gc_block *mu_gc_pool_take(mu_gc_pool *pool, bool at_once);
/* Makes room to note the starts of the block's objects in. */
void mu_gc_pool_keep_starts(mu_gc_pool *pool, const mu_gc_block *block);
/* Gives back a list linked by `next`. `heap_ends`: the memory is not about to be wanted again. */
void mu_gc_pool_give(mu_gc_pool *pool, mu_gc_block *list, bool heap_ends);
/* Should chunks be mapped and touched ahead of use, or unmapped, being too many? And doing it,
 * which takes milliseconds; no lock of a heap is held. */
bool mu_gc_pool_wants_upkeep(mu_gc_pool *pool);
void mu_gc_pool_do_upkeep(mu_gc_pool *pool);
/* Unmaps what there is too much of: that part of upkeep which is not left out where no job runs. */
void mu_gc_pool_trim(mu_gc_pool *pool);
/* A full collection is over: less of the memory that was once in use is kept for later. */
void mu_gc_pool_sink(mu_gc_pool *pool);
/* A heap with such a quota begins, or ends. */
void mu_gc_pool_count_quota(mu_gc_pool *pool, uint64_t bytes, bool is_new);
void mu_gc_pool_count_large(mu_gc_pool *pool, int64_t bytes);

/* --- Large objects (large_table.c) ------------------------------------------------------------*/

#define MU_GC_CARD_BYTES 512u

/* Stands before a large object, in host memory. Behind one that holds references come its cards: a
 * byte for each MU_GC_CARD_BYTES of it, 1 where references were stored since the last collection.
 */
struct mu_gc_large {
    mu_gc_large *next;       /* in its bucket */
    mu_gc_large *next_young; /* among those made since the last collection */
    mu_gc_large *next_dirty; /* among those with a card */
    uint64_t bytes;          /* with this record and the cards */
    uint8_t *cards;          /* NULL: holds no references */
    uint64_t payload_bytes;
    uint8_t epoch; /* of the marking that reached it last */
    bool is_young;
    bool is_dirty; /* in the list of those with a card */
    uint64_t unused;
    uint64_t length; /* hybrid */
    uintptr_t header;
    uint64_t end[]; /* the payload, aligned to 16 */
};
typedef struct mu_gc_large_table {
    mu_gc_large **buckets;
    uint64_t bucket_count; /* 0 or a power of 2 */
    uint64_t count;
    uint64_t bytes;
    uint64_t sweep_at; /* the bucket that a sweep goes on with; at the end: bucket_count */
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
/* Takes one out and frees it; returns its bytes. */
uint64_t mu_gc_large_drop(mu_gc_large_table *table, mu_gc_large *large);
/* Goes on sweeping for at most `most` buckets: frees old ones that `epoch` did not reach. Returns
 * the bytes freed; is through when sweep_at == bucket_count. */
uint64_t mu_gc_large_sweep(mu_gc_large_table *table, uint8_t epoch, uint64_t most);
/* Frees all, and the table's memory; returns the bytes freed. */
uint64_t mu_gc_large_clear(mu_gc_large_table *table);

/* --- The tracer -------------------------------------------------------------------------------*/

typedef enum mu_gc_pass {
    MU_GC_PASS_YOUNG, /* keeps young objects, and tells marking of old ones that it meets */
    MU_GC_PASS_FULL,  /* keeps every object */
    MU_GC_PASS_MARK,  /* marks old objects, moves and changes nothing */
    MU_GC_PASS_WEAK,  /* clears weak references to what died */
    MU_GC_PASS_LOGS,  /* checks that no old object refers to a young one unlogged */
    MU_GC_PASS_CHECK, /* checks that every reference is one to an old object */
} mu_gc_pass;

typedef MU_ARRAY(uintptr_t) mu_gc_words;

/* Pairs (MU_ABI_SLOT_PAIR) of objects that live, whose first word is not known to; ephemerons.c.
 * The address of a pair is that of its object. */
typedef struct mu_gc_awaiting {
    uintptr_t key;
    uintptr_t pair; /* 0: the key was reached */
    uint32_t next;  /* in the bucket */
} mu_gc_awaiting;
typedef struct mu_gc_pairs {
    mu_gc_words met;                   /* to be looked at */
    MU_ARRAY(mu_gc_awaiting) awaiting; /* what happens to the key */
    uint32_t *buckets;                 /* by the key's address; indices into `awaiting`, plus 1 */
    uint32_t bucket_count;             /* a power of two */
    uint32_t awaited_count;            /* atomic: of those whose keys were not reached */
    mu_gc_words dying[2];              /* registrations among them; of mu_gc_how LAST apart */
    mu_gc_words held_weakly;           /* registrations that are HELD_WEAKLY */
} mu_gc_pairs;

/* Where copies go: [cursor, limit) lies in lines that are marked already. */
typedef struct mu_gc_stream {
    uintptr_t cursor;
    uintptr_t limit;
} mu_gc_stream;

struct mu_gc_tracer {
    mu_gc_heap *heap;
    const uint8_t *states;
    mu_gc_pass pass;
    bool verify;
    bool in_roots;
    bool in_native; /* what a NATIVE slot leads to is being shown */
    bool weak_in_roots;
    bool is_concurrent;       /* mutators run: natives wait for the next stop */
    bool marking;             /* YOUNG: old objects that are met are marked */
    bool no_memory;           /* for copies: what remains stays where it is */
    bool sets_marks;          /* of what is kept */
    uint8_t epoch;            /* for lines of what is kept */
    const char *owner;        /* type of the object being scanned, for messages */
    mu_gc_words stack;        /* objects kept and not scanned */
    mu_gc_words weak;         /* weak slots of objects, to look at in the end */
    mu_gc_words weak_outside; /* those behind NATIVE slots, for this stop */
    mu_gc_words met;          /* YOUNG: old objects that were marked, for the marker to scan */
    mu_gc_words natives;      /* NATIVE slots that are to be shown by the collecting thread */
    bool is_shared;           /* others trace as well (team.c) */
    mu_gc_pairs *pairs;
    mu_gc_words pairs_met; /* is_shared: pairs that the collecting thread is to look at */
    mu_gc_stream streams[2];
    uint64_t kept_bytes;
    uintptr_t range_start; /* only slots in [range_start, range_end) are visited */
    uintptr_t range_end;
};

/* --- Tracing by several threads (team.c) -------------------------------------------------------*/

/* What helpers found, for the collecting thread. */
typedef struct mu_gc_found {
    mu_gc_words weak;
    mu_gc_words weak_outside;
    mu_gc_words met;
    mu_gc_words natives;
    mu_gc_words pairs_met;
    uint64_t kept_bytes;
} mu_gc_found;

typedef struct mu_gc_team {
    pthread_mutex_t lock;
    pthread_cond_t job_ended;
    uint32_t jobs_out;  /* helpers that were asked for, and have not come and gone */
    bool is_open;       /* atomic */
    bool is_finished;   /* atomic: nothing is left to trace */
    uint32_t members;   /* the collecting thread, and helpers that came */
    uint32_t waiting;   /* atomic: members without work */
    mu_gc_tracer model; /* a helper's tracer begins like this */
    MU_ARRAY(mu_gc_words) packets;
    uint32_t packet_count; /* atomic */
    mu_gc_found found;
} mu_gc_team;

void mu_gc_team_init(mu_gc_team *team);
/* Waits for helpers that were asked for. */
void mu_gc_team_deinit(mu_gc_team *team);
/* Scans what is on the stack of the collecting thread's tracer, and all that it leads to, with
 * whoever comes to help. */
void mu_gc_team_trace(mu_gc_tracer *tracer);

/* --- Marking beside the mutators (marker.c) ---------------------------------------------------*/

typedef enum mu_gc_phase {
    MU_GC_IDLE,
    MU_GC_MARKING,
    MU_GC_SWEEPING, /* what has not been swept is swept a little at a time */
} mu_gc_phase;

typedef struct mu_gc_marker {
    mu_gc_words stack;
    mu_gc_words weak;
    mu_gc_words natives; /* NATIVE slots that were reached, for the next stop */
    mu_gc_pairs pairs;
    uint64_t kept_bytes;
    uintptr_t large; /* being scanned; 0: none */
    uint64_t large_from;
    bool is_drained; /* nothing was left to scan */
} mu_gc_marker;

/* --- Pace (pacing.c) ---------------------------------------------------------------------------*/

/* Sums over some young collections. */
typedef struct mu_gc_sample {
    uint32_t count;
    uint64_t young_bytes;
    uint64_t kept_bytes;
} mu_gc_sample;

typedef struct mu_gc_pace {
    uint64_t young_bytes; /* that make a collection due */
    mu_gc_sample sample;  /* with that many */
    bool in_trial;        /* of several times as many as before */
    bool grown;           /* such trials showed that it pays to wait */
    mu_gc_sample before;
    uint64_t before_bytes;
    uint32_t until_trial; /* collections */
    uint32_t trial_apart;
    /* Marking begins when so much lives, as far as is known, or so little room is left. */
    uint64_t trigger_bytes;
    uint64_t trigger_room_bytes;
    uint64_t room_bytes;   /* when the marking under way began */
    uint64_t begun_bytes;  /* that lived then, as far as was known */
    uint64_t need_bytes;   /* that are promoted while a marking runs, by the last few; 0: unknown */
    double planned_ratio;  /* of what was left to mark to what might be promoted, then */
    bool is_behind;        /* stops must come more often to mark what they should */
    uint64_t marked_bytes; /* the marker's kept_bytes at the end of the last stop */
} mu_gc_pace;

/* --- Reports of long stops (stop_report.c) -----------------------------------------------------*/

#define MU_GC_REPORT_PHASES 16u
typedef struct mu_gc_report_entry {
    const char *phase; /* that begins here */
    uint64_t wall_ns;
    uint64_t cpu_ns; /* of this thread */
    long faults;
    long switches;
} mu_gc_report_entry;
typedef struct mu_gc_report {
    mu_gc_report_entry phases[MU_GC_REPORT_PHASES];
    uint32_t count;
    uint64_t kept_bytes;
} mu_gc_report;
/* A phase of a stop begins; `phase` is a literal. Nothing unless config.report. */
void mu_gc_report_phase(mu_gc_heap *heap, const char *phase);
/* The stop ends: says on stderr what took how long, if it was long. */
void mu_gc_report_end(mu_gc_heap *heap);

/* --- The heap (heap.c) ------------------------------------------------------------------------*/

struct mu_gc_heap {
    mu_gc_pool *pool;
    uint8_t *states;
    mu_gc_config config;
    pthread_mutex_t lock;
    pthread_mutex_t background;
    pthread_cond_t job_ended; /* with `lock` */
    bool job_is_out;
    bool job_is_in;   /* atomic: it holds the background lock */
    bool stop_wanted; /* atomic: the background job is to let go */
    bool is_ending;   /* atomic */
    uint8_t epoch;    /* of the lines of what lives */
    mu_gc_phase phase;
    bool marking_ended; /* in the collection under way */
    mu_gc_block *young;
    mu_gc_block *mature;
    mu_gc_block *unswept; /* SWEEPING: mature as well */
    mu_gc_block *holes;   /* MATURE with free lines; by next_rest */
    mu_gc_block *rests;   /* YOUNG with a rest; by next_rest */
    MU_ARRAY(mu_gc_block *) mixed;
    uint64_t block_count;
    uint64_t young_count;
    uint64_t hole_lines; /* free ones of the blocks in `holes` */
    uint64_t young_large_bytes;
    bool is_due;     /* atomic: a collection is worth while */
    bool is_overdue; /* atomic: and should wait for nothing */
    uint32_t buffers_out;
    /* Where objects go that should not use up a mutator's buffer, and all under stress. */
    uintptr_t shared_cursor;
    uintptr_t shared_limit;
    mu_gc_large_table large;
    mu_gc_large *young_large;
    mu_gc_large *dirty_large;
    uint64_t dirty_cards; /* of large objects */
    mu_gc_words log;      /* old objects stored into since the last collection */
    mu_gc_words scratch;  /* memory for the next tracer's stack */
    mu_gc_marker marker;
    mu_gc_team team;
    mu_gc_pairs pairs;          /* of the stop under way */
    pthread_mutex_t queues;     /* of the links of queues, between mutators; taken before `lock` */
    uint64_t last_registration; /* its number */
    mu_gc_words notified;       /* counts of queues that something came to in the last stop */
    mu_gc_native_fn *native;
    void *native_context;
    mu_gc_pins_fn *pins; /* NULL: nothing is ever pinned */
    void *pins_context;
    uintptr_t immortal_start;
    uint64_t immortal_bytes;
    mu_gc_pace pace;
    mu_gc_stats stats; /* what is counted there */
    uint32_t stressed; /* collections under stress: some are full */
    mu_gc_report report;
};

/* Does something wait for the thread that a job of the heap runs on? */
static inline bool mu_gc_job_is_in_the_way(const mu_gc_heap *heap)
{
    return heap->config.is_wanted && heap->config.is_wanted(heap->config.run_context);
}
/* On the collecting thread, with the background lock and no other. */
static inline void mu_gc_make_room(const mu_gc_heap *heap)
{
    if (heap->config.make_room) {
        heap->config.make_room(heap->config.run_context);
    }
}
static inline uint64_t mu_gc_heap_used_bytes(const mu_gc_heap *heap)
{
    return heap->block_count * MU_GC_BLOCK_BYTES + heap->large.bytes;
}
static inline mu_gc_state mu_gc_state_of(const uint8_t *states, uintptr_t ref)
{
    return (mu_gc_state)__atomic_load_n(&states[(ref - MU_ABI_HEADER_BYTES) / MU_GC_BLOCK_BYTES],
                                        __ATOMIC_RELAXED);
}
static inline uint8_t mu_gc_next_epoch(uint8_t epoch)
{
    return (uint8_t)(epoch % MU_GC_EPOCH_COUNT + 1);
}
/* A tracer for the pass, and freeing what it came to hold. */
mu_gc_tracer mu_gc_tracer_of(mu_gc_heap *heap, mu_gc_pass pass);
void mu_gc_tracer_free(mu_gc_tracer *tracer);
/* Scans what is on the tracer's stack, and what that leads to. */
void mu_gc_drain(mu_gc_tracer *tracer);
/* All that lives was reached: clears weak references, then finalizes what did not, then breaks the
 * ephemerons whose keys died. The pass is YOUNG, FULL or MARK. */
void mu_gc_bury(mu_gc_tracer *tracer, mu_gc_roots_fn *roots, void *context);
void mu_gc_block_set_state(mu_gc_block *block, mu_gc_state state);
/* Takes a block into a list of the heap, if the quota allows it. `at_once`: as for the pool. The
 * lock is held. */
mu_gc_block *mu_gc_heap_take_block(mu_gc_heap *heap, mu_gc_state state, bool at_once);
/* mu_gc_buffer_retire with the lock held. */
void mu_gc_heap_retire(mu_gc_heap *heap, uintptr_t *cursor, uintptr_t *limit);
static inline bool mu_gc_poisons(const mu_gc_heap *heap)
{
    return heap->config.verify || heap->config.stress;
}

/* --- When to collect what (pacing.c) -----------------------------------------------------------*/

void mu_gc_pace_begin(mu_gc_heap *heap);
/* Young objects have come to be more: is a collection due? The lock is held. */
void mu_gc_pace_note_young(mu_gc_heap *heap);
/* The log has grown: is a collection due? The lock is held. */
void mu_gc_pace_note_log(mu_gc_heap *heap);
/* A young collection of so much kept so much: decides how much may be young before the next. */
void mu_gc_pace_learn(mu_gc_heap *heap, uint64_t young_bytes, uint64_t kept_bytes);
/* Decides when old space is to be marked next; just after it was swept. The lock is held. */
void mu_gc_pace_set_trigger(mu_gc_heap *heap);
void mu_gc_pace_begin_marking(mu_gc_heap *heap);
/* Learns how much is promoted while one runs; before live_bytes become those that were marked. */
void mu_gc_pace_end_marking(mu_gc_heap *heap);
/* What a stop that promoted so much should mark, in bytes; the marker's kept_bytes tells what was
 * marked, and what was promoted. `is_last`: nearly no room is left, so better all of it than the
 * full collection that follows otherwise. */
uint64_t mu_gc_pace_assist(const mu_gc_heap *heap, uint64_t promoted_bytes, bool *is_last);
/* The stop has marked; `fell_short`: less than it should have. */
void mu_gc_pace_end_assist(mu_gc_heap *heap, bool fell_short);

/* --- Lines (lines.c) --------------------------------------------------------------------------*/

/* A run of free lines with at least `needed` bytes, looked for in at most `most` blocks: its lines
 * are set to `value`. The lock is held. */
mu_gc_block *mu_gc_holes_take(mu_gc_heap *heap, uint64_t needed, uint32_t most, uint8_t value,
                              uintptr_t *start, uintptr_t *end);
void mu_gc_holes_add(mu_gc_heap *heap, mu_gc_block *block);
/* Sets free what is unused of such a run. */
void mu_gc_lines_free(uintptr_t start, uintptr_t end);
/* Marks the lines of an object in a block. */
void mu_gc_lines_mark(uintptr_t start, uintptr_t end, uint8_t epoch);
/* Sweeps one block: lines that are not of `epoch` become free, marks are cleared. True when nothing
 * is left in it. */
bool mu_gc_block_sweep(mu_gc_block *block, uint8_t epoch);
/* Puts a block that is swept into the heap's lists, or gives it back. The lock is held. */
void mu_gc_block_settle(mu_gc_heap *heap, mu_gc_block *block, bool is_empty);
/* Goes on sweeping what is unswept, at most so many blocks; the phase ends with the last. The lock
 * is held. */
void mu_gc_heap_sweep(mu_gc_heap *heap, uint64_t most);

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
static inline uint64_t mu_gc_object_bytes(uintptr_t ref, const mu_abi_type *type)
{
    uint64_t length = type->is_hybrid ? *mu_abi_length((mu_ref){ref}) : 0;
    return mu_gc_prefix_bytes(type) + mu_gc_payload_bytes(type, length);
}
static inline uintptr_t mu_gc_header(uintptr_t ref)
{
    return __atomic_load_n(mu_abi_header((mu_ref){ref}), __ATOMIC_RELAXED);
}
static inline bool mu_gc_has_slots(const mu_abi_type *type)
{
    return type->slot_count || type->element_slot_count;
}

/* --- Keeping objects (promotion.c) ------------------------------------------------------------*/

/* Copies an object, or NULL-address 0 when there is no room for it. */
uintptr_t mu_gc_copy(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_type *type);
/* Makes a young object old where it is. */
void mu_gc_keep_in_place(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_type *type);
void mu_gc_streams_close(mu_gc_tracer *tracer);

/* --- Slots (slots.c) --------------------------------------------------------------------------*/

/* Scans one object's slots; of a large one, `from` to `to` bytes of its payload. */
void mu_gc_scan(mu_gc_tracer *tracer, uintptr_t ref);
void mu_gc_scan_range(mu_gc_tracer *tracer, uintptr_t ref, uint64_t from, uint64_t to);
/* One slot of the object at `ref`. */
void mu_gc_visit_slot(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_slot *slot);
/* Scans what is on the tracer's stack, and what it leads to, but for at most so many objects
 * (collector.c; in young passes young_scan.c). */
void mu_gc_drain_some(mu_gc_tracer *tracer, uint32_t most);
void mu_gc_drain_young(mu_gc_tracer *tracer, uint32_t most);
/* Lets the runtime show what is behind a NATIVE slot. */
void mu_gc_show_native(mu_gc_tracer *tracer, uintptr_t *slot);
void mu_gc_visit_weak(mu_gc_tracer *tracer, uintptr_t *slot);
/* Marks an old object; what is new to the marking is pushed. */
void mu_gc_mark(mu_gc_tracer *tracer, uintptr_t ref);
/* Makes it live and old; where it is now. */
uintptr_t mu_gc_keep_young(mu_gc_tracer *tracer, uintptr_t ref);
uintptr_t mu_gc_keep_full(mu_gc_tracer *tracer, uintptr_t ref);
/* Where it is, or 0 when it died; all that lives is known. */
uintptr_t mu_gc_find_living(const mu_gc_tracer *tracer, uintptr_t ref);
static inline bool mu_gc_is_marked(uintptr_t ref)
{
    uint32_t word;
    uint64_t bit = mu_gc_bit_of(ref, &word);
    const uint64_t *marks = mu_gc_chunk_of(ref - MU_ABI_HEADER_BYTES)->marks;
    return __atomic_load_n(&marks[word], __ATOMIC_RELAXED) & bit;
}
/* False when it was set before; with several threads, one of them sets it. */
static inline bool mu_gc_set_mark(const mu_gc_tracer *tracer, uintptr_t ref)
{
    uint32_t word;
    uint64_t bit = mu_gc_bit_of(ref, &word);
    uint64_t *marks = &mu_gc_chunk_of(ref - MU_ABI_HEADER_BYTES)->marks[word];
    uint64_t before = __atomic_load_n(marks, __ATOMIC_RELAXED);
    if (before & bit) {
        return false;
    }
    if (tracer->is_shared) {
        return !(__atomic_fetch_or(marks, bit, __ATOMIC_RELAXED) & bit);
    }
    __atomic_store_n(marks, before | bit, __ATOMIC_RELAXED);
    return true;
}
/* With several threads: makes an object that may move one's own; false when the header is no longer
 * `header`. Its next header ends that. */
static inline bool mu_gc_claim(const mu_gc_tracer *tracer, uintptr_t ref, uintptr_t header)
{
    return !tracer->is_shared ||
           __atomic_compare_exchange_n(mu_abi_header((mu_ref){ref}), &header, MU_GC_HEADER_MOVED,
                                       false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
/* The header, when nobody has claimed the object (any more). */
static inline uintptr_t mu_gc_settled_header(uintptr_t ref)
{
    uintptr_t header;
    do {
        header = __atomic_load_n(mu_abi_header((mu_ref){ref}), __ATOMIC_ACQUIRE);
    } while (header == MU_GC_HEADER_MOVED);
    return header;
}
static inline void mu_gc_set_header(uintptr_t ref, uintptr_t header)
{
    __atomic_store_n(mu_abi_header((mu_ref){ref}), header, __ATOMIC_RELEASE);
}

/* --- Ephemerons and finalizers (ephemerons.c, finalizers.c) ------------------------------------*/

/* Goes on with a pair whose key lives; keeps others for later, and all where several trace. */
void mu_gc_visit_pair(mu_gc_tracer *tracer, uintptr_t *pair);
/* Something that may be a key was reached, by this thread first: `ref` is where it was before. */
void mu_gc_key_reached(mu_gc_tracer *tracer, uintptr_t ref);
static inline void mu_gc_tell_reached(mu_gc_tracer *tracer, uintptr_t ref)
{
    if (__builtin_expect(__atomic_load_n(&tracer->pairs->awaited_count, __ATOMIC_RELAXED) > 0,
                         false)) {
        mu_gc_key_reached(tracer, ref);
    }
}
/* Looks at up to `most` pairs that were met; true when none are left. */
bool mu_gc_pairs_look(mu_gc_tracer *tracer, uint64_t most);
/* After everything else was reached: what pairs keep alive, too. */
void mu_gc_pairs_settle(mu_gc_tracer *tracer);
/* What is awaited is dead: breaks the ephemerons. A marking's memory is left to the job, since to
 * give back much takes milliseconds. */
void mu_gc_pairs_break(mu_gc_tracer *tracer);
void mu_gc_pairs_clear(mu_gc_pairs *pairs);
bool mu_gc_pair_is_registration(uintptr_t pair);
/* How a pair's registration works; 0: it is an ephemeron's. */
uint64_t mu_gc_pair_how(uintptr_t pair);
/* Brings to their queues the registrations whose objects have died, and keeps what those need.
 * False: there are none. */
bool mu_gc_finalize(mu_gc_tracer *tracer);
/* Ends registrations whose `held` died. */
void mu_gc_end_weakly_held(mu_gc_tracer *tracer);

/* --- The log (barrier_log.c) ------------------------------------------------------------------*/

/* Makes everything that was logged unlogged again, before anything is traced: the flag tells old
 * objects from young ones. */
void mu_gc_log_flag(mu_gc_heap *heap);
/* Scans, in a young pass, everything that was logged; empties the log. */
void mu_gc_log_trace(mu_gc_tracer *tracer);

/* --- Marking (marker.c, mark_scan.c) ----------------------------------------------------------*/

/* The background lock is held, in a stop. */
void mu_gc_marking_begin(mu_gc_heap *heap);
/* Forgets a marking, for a full collection. */
void mu_gc_marking_abort(mu_gc_heap *heap);
/* Moves what the tracer's young pass marked to the marker, lets natives that wait be shown, and
 * scans for a bounded time; true when all that lives is marked. */
bool mu_gc_marking_advance(mu_gc_tracer *tracer);
/* Scans up to `most` objects, or pieces of large ones, that the tracer, one in the pass MARK, has
 * marked; true when nothing is left. */
bool mu_gc_mark_scan(mu_gc_tracer *tracer, uint64_t most);
/* Scans all that such a tracer has left. */
void mu_gc_marking_drain(mu_gc_tracer *tracer);
/* Buries the dead, but for sweeping. */
void mu_gc_marking_end(mu_gc_heap *heap, mu_gc_roots_fn *roots, void *context);
/* Sees to it that the background job runs if there is work for it. */
void mu_gc_background_start(mu_gc_heap *heap);
/* Waits for the job to end for good. */
void mu_gc_background_end(mu_gc_heap *heap);

/* --- Checking (heap_check.c) ------------------------------------------------------------------*/

/* Before `slot`, which holds `ref`, is traced: is it an object of the heap, as mu_gc_owns tells?
 * Aborts when not; `owner` is the type that the slot is in. */
void mu_gc_check_before(mu_gc_heap *heap, const uintptr_t *slot, uintptr_t ref, const char *owner);
/* The same after a collection, when the start of each object is known. */
void mu_gc_check_after(mu_gc_heap *heap, const uintptr_t *slot, uintptr_t ref, const char *owner);
/* In an old object that is not logged: aborts when `ref` is a young object. */
void mu_gc_check_old(mu_gc_heap *heap, const uintptr_t *slot, uintptr_t ref, const char *owner);
/* Is the word one that a tagref64 can be: no NaN but the one that is stored and what hides among
 * them? Aborts when not. */
void mu_gc_check_tagref64(const uintptr_t *slot, const char *owner);
/* Visits every old object in the pass LOGS or CHECK. */
void mu_gc_check_heap(mu_gc_tracer *tracer);
void mu_gc_note_start(uintptr_t ref);
