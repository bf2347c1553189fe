#pragma once
/* The heap of one VM: a precise, moving collector over blocks of one process-wide pool.
 *
 * Two faces. Called by the runtime: allocate, collect, count. Supplied by it: a function that shows
 * the collector every root. This room knows neither threads nor frames; whoever calls
 * mu_gc_collect has stopped the VM's mutators first.
 */
#include "mu_abi.h"

typedef struct mu_gc_pool mu_gc_pool; /* the process's blocks; thread-safe */
typedef struct mu_gc_heap mu_gc_heap; /* one VM's */

#define MU_GC_BLOCK_BYTES 32768u
/* Objects larger than this, header included, live apart and never move. */
#define MU_GC_LARGE_BYTES 8192u
/* Compiled code bumps a buffer for objects of at most this size, header included, and leaves larger
 * ones to mu_gc_allocate. */
#define MU_GC_INLINE_BYTES 1024u

/* In the header of a large object this bit is set beside the descriptor's address. Ask
 * mu_gc_type_of rather than the header. */
#define MU_GC_HEADER_LARGE 2u
/* The descriptor of an object; not during a collection. */
static inline const mu_abi_type *mu_gc_type_of(mu_ref ref)
{
    uintptr_t header = __atomic_load_n(mu_abi_header(ref), __ATOMIC_RELAXED);
    return (const mu_abi_type *)(header & ~(uintptr_t)MU_ABI_HEADER_FLAGS);
}

/* A mutator's allocation buffer: memory in [cursor, limit) is its own, and holds anything. These
 * are the thread's alloc_cursor and alloc_limit (see mu_abi.h); compiled code bumps them, and
 * clears an object before its next safepoint. */
typedef struct mu_gc_buffer {
    uintptr_t *cursor;
    uintptr_t *limit;
} mu_gc_buffer;

/* NULL when the system has no address space for it, of which it reserves 4 GiB. */
mu_gc_pool *mu_gc_pool_new(void);
void mu_gc_pool_free(mu_gc_pool *pool); /* all heaps are gone */
/* Bytes of blocks and large objects in use in all heaps; bytes held from the system. */
uint64_t mu_gc_pool_used_bytes(mu_gc_pool *pool);
uint64_t mu_gc_pool_held_bytes(mu_gc_pool *pool);
/* Gives memory of free blocks back to the system, but for some that may be wanted soon. */
void mu_gc_pool_release(mu_gc_pool *pool);

typedef struct mu_gc_config {
    uint64_t quota_bytes; /* hard limit on blocks and large objects, copies included; at least 8
                             blocks */
    bool stress; /* MU_GC_STRESS: buffers are always empty, so that each allocation comes here */
    bool verify; /* check the whole heap at every collection */
    bool concurrent; /* begin to mark old space at every opportunity */
    bool report;     /* say on stderr what took the time of each stop above 1 ms */
    /* Runs `job(argument)` once, soon, on some thread that is no mutator in its world. NULL: old
     * space is marked in full collections only. */
    void (*run_later)(void *context, void (*job)(void *argument), void *argument);
    /* Does something wait for one of those threads? Then jobs make room, where they can. NULL:
     * never.
     */
    bool (*is_wanted)(void *context);
    /* Called often on the thread that collects, in long collections, with the world at a stop: may
     * wait while others run. NULL: nothing. */
    void (*make_room)(void *context);
    void *run_context;
    uint32_t helpers; /* of those threads, how many may trace beside who collects; 0 or more */
} mu_gc_config;
/* Cheap: takes no block until something is allocated. */
mu_gc_heap *mu_gc_heap_new(mu_gc_pool *pool, const mu_gc_config *config);
/* Gives every block back at once. No mutator may be left. */
void mu_gc_heap_free(mu_gc_heap *heap);

/* Allocates a zeroed object; the path that compiled code takes when its buffer is exhausted, the
 * object is large or wants an alignment of 16, and for hybrids. May refill the buffer. length
 * elements of a hybrid, else 0 ref        out; raw Errors: NO_MEMORY when the quota does not allow
 * it; the caller collects and tries once more. Sizes that overflow are NO_MEMORY. Safepoint: no.
 * Thread: any mutator of the VM, concurrently (the heap has its lock). */
MU_MUST_CHECK mu_status mu_gc_allocate(mu_gc_heap *heap, const mu_gc_buffer *buffer,
                                       const mu_abi_type *type, uint64_t length, mu_ref *ref);
/* Gives up the rest of a buffer: before a collection, and when its mutator goes. A buffer starts
 * and ends as two zeros. Thread: the mutator, or who has stopped it. */
void mu_gc_buffer_retire(mu_gc_heap *heap, const mu_gc_buffer *buffer);

/* Changes the quota, at any time. Below what is used it takes nothing away: no block is taken until
 * it fits. Takes the locks of a collection, so waits for one under way. */
void mu_gc_heap_set_quota(mu_gc_heap *heap, uint64_t quota_bytes);

/* After a collection, while the mutators are still stopped: gives pages back to the system in which
 * nothing lives. For a heap that is not used for a while. */
void mu_gc_heap_trim(mu_gc_heap *heap);

/* Says where the references with MU_ABI_HEADER_IMMORTAL in their headers are, which the collector
 * leaves alone: for verification, which must not read the header of what may be no object. */
void mu_gc_heap_set_immortal(mu_gc_heap *heap, const void *start, uint64_t bytes);

/* During a collection. */
typedef struct mu_gc_tracer mu_gc_tracer;
/* Updates the reference in `slot` (may be 0). `kind` is REF, WEAK or TAGREF64. */
void mu_gc_trace_slot(mu_gc_tracer *tracer, uintptr_t *slot, mu_abi_slot_kind kind);
/* Updates every reference in `count` values of `type` (not hybrid) at `address`, which is outside
 * the heap (global cells, alloca cells). Values are the type's size apart, rounded up to its
 * alignment. */
void mu_gc_trace_area(mu_gc_tracer *tracer, void *address, const mu_abi_type *type, uint64_t count);
/* The same for a hybrid of `length` elements. */
void mu_gc_trace_hybrid(mu_gc_tracer *tracer, void *address, const mu_abi_type *type,
                        uint64_t length);
typedef void mu_gc_roots_fn(mu_gc_tracer *tracer, void *context);
/* Called for each NATIVE slot of an object that lives, once or more in a collection, with the
 * slot's place in the object as it is now. It may show what is reachable through it with
 * mu_gc_trace_*, and calls nothing else here. So the runtime learns which of its own things are
 * reachable. */
typedef void mu_gc_native_fn(mu_gc_tracer *tracer, uintptr_t *slot, void *context);
/* Sets what NATIVE slots mean in this heap; before any object has one. */
void mu_gc_heap_set_native(mu_gc_heap *heap, mu_gc_native_fn *native, void *context);

/* Called at the beginning of each collection: shows every pinned object, once or more, by
 * mu_gc_trace_pin and calls nothing else here. Whoever pins keeps the pins; an object that is shown
 * lives and stays where it is. */
typedef void mu_gc_pins_fn(mu_gc_tracer *tracer, void *context);
void mu_gc_heap_set_pins(mu_gc_heap *heap, mu_gc_pins_fn *pins, void *context);
void mu_gc_trace_pin(mu_gc_tracer *tracer, mu_ref ref);

/* The write barrier's slow path: call it before references are stored in the `bytes` at `address`
 * in `object`, or only where the object's header has MU_ABI_HEADER_UNLOGGED. Objects that were
 * made since the last safepoint need none. Safepoint: no; and there is none before the store.
 * Thread: any mutator of the VM, concurrently. */
void mu_gc_log(mu_gc_heap *heap, mu_ref object, uintptr_t address, uint64_t bytes);

/* What a collection is to be, and has been. */
typedef struct mu_gc_collection {
    bool is_full;        /* of the whole heap, in one stop; else of young objects */
    bool begins_marking; /* of old ones, beside the mutators */
    bool ended_marking;  /* out: what is not marked died */
} mu_gc_collection;
/* Is a collection worth while, young objects being many, or stores that were logged? Cheap; for
 * before an allocation that comes here, and after mu_gc_log for the next safepoint. Thread: any. */
bool mu_gc_is_due(const mu_gc_heap *heap);
/* Decides what the next collection is; `full` demands a full one, as after a NO_MEMORY. The
 * mutators are stopped, and mu_gc_collect follows. */
mu_gc_collection mu_gc_plan(mu_gc_heap *heap, bool full);
/* Collects: keeps what lives of young objects, or of all; sweeps large ones; clears weak references
 * to what died. Every mutator of the VM is stopped and its buffer retired. `roots` is called once
 * or more, each time with the same slots; it calls nothing here but mu_gc_trace_*. Showing a slot
 * twice does no harm. Never fails: what there is no room for to move stays where it is. */
void mu_gc_collect(mu_gc_heap *heap, mu_gc_collection *plan, mu_gc_roots_fn *roots, void *context);
/* For roots that matter only if something else lives, such as frames of a stack that waits: while
 * `quiet`, young objects that are shown are kept, but a marking of old ones does not hear of it.
 * False when a marking has ended that did not reach that something: such roots are no more, and are
 * not shown. */
bool mu_gc_trace_quietly(mu_gc_tracer *tracer, bool quiet);
/* Is this a check of what was collected? Then nothing that is shown is thereby alive. */
bool mu_gc_is_check(const mu_gc_tracer *tracer);
/* Are only references to young objects of interest? Then roots need not be shown that a collection
 * has seen and that have not changed since. */
bool mu_gc_asks_of_young(const mu_gc_tracer *tracer);
/* Has the object survived a collection? For objects without references, of which this is exact;
 * mutators are stopped. */
static inline bool mu_gc_is_old(mu_ref ref)
{
    return *mu_abi_header(ref) & MU_ABI_HEADER_UNLOGGED;
}

typedef struct mu_gc_stats {
    uint64_t quota_bytes;
    uint64_t used_bytes; /* blocks and large objects now */
    uint64_t live_bytes; /* of objects, headers included, that the last collection kept; since the
                            last of the whole heap, what became old is added */
    uint64_t collections;
    uint64_t young_collections; /* of them */
    uint64_t markings;          /* of old space beside the mutators, that ended */
    uint64_t collected_ns;      /* time spent in collections */
    uint64_t longest_ns;
} mu_gc_stats;
mu_gc_stats mu_gc_heap_stats(mu_gc_heap *heap);

/* Is `ref` an object of this heap, as far as its address and header tell? For verification. */
bool mu_gc_owns(mu_gc_heap *heap, mu_ref ref);
