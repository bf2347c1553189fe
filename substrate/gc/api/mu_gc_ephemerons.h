#pragma once
/* Ephemerons, and queues to which objects come when nothing refers to them any more. All of them
 * are objects of the heap: they move, count against the quota and die like others. mu_gc_allocate
 * makes them, zeroed, by the descriptors below; nobody but the functions here stores into them.
 * README.md says what is alive when. Thread: any mutator of the VM, concurrently. Safepoint: none.
 *
 * Ephemerons: Hayes, "Ephemerons: a new finalization mechanism", OOPSLA 1997. Queues of what died:
 * Dybvig, Bruggeman and Eby, "Guardians in a generation-based garbage collector", PLDI 1993. */
#include "mu_gc.h"

/* A key and a value that lives only as long as the key and the ephemeron do. When the key has died
 * both words are 0. */
typedef struct mu_gc_ephemeron {
    uintptr_t key;
    uintptr_t value;
} mu_gc_ephemeron;
extern const mu_abi_type mu_gc_ephemeron_type;

/* Both may be old or young. The ephemeron was made since the last safepoint. */
void mu_gc_ephemeron_init(mu_ref ephemeron, mu_ref key, mu_ref value);
/* NULL: the key died. */
mu_ref mu_gc_ephemeron_key(mu_ref ephemeron);
mu_ref mu_gc_ephemeron_value(mu_ref ephemeron);
/* Without effect when the key died. `value` may be NULL. */
void mu_gc_ephemeron_set_value(mu_gc_heap *heap, mu_ref ephemeron, mu_ref value);

extern const mu_abi_type mu_gc_queue_type;
/* One wait for an object's death; it is there as long as its queue, until it has been taken. */
extern const mu_abi_type mu_gc_registration_type;

/* How a registration works; bits. */
typedef enum mu_gc_how {
    /* Only when the object would not come to life again by what the others without this bit give
     * back. */
    MU_GC_LAST = 1,
    /* The registration does not keep `held` alive, and ends without a word when that dies. */
    MU_GC_HELD_WEAKLY = 2,
} mu_gc_how;
#define MU_GC_HOW_MASK 3u

/* `count` is NULL or an object that begins with a word; to that is added whenever something comes,
 * and 1 subtracted whenever something is taken. The queue was made since the last safepoint. */
void mu_gc_queue_init(mu_ref queue, mu_ref count);
/* Once nothing but registrations, weak references and keys of ephemerons refers to `object`, `held`
 * comes to the queue. Until then `held` lives as an ephemeron's value would whose key `object` is;
 * it may be, or refer to, the object itself, which so comes back to life. Neither is NULL; `how` is
 * of mu_gc_how's bits. The registration was made since the last safepoint. */
void mu_gc_finalizer_register(mu_gc_heap *heap, mu_ref registration, mu_ref queue, mu_ref object,
                              mu_ref held, uint32_t how);
/* False: it has come to its queue, or ended, before. */
bool mu_gc_finalizer_unregister(mu_gc_heap *heap, mu_ref registration);
/* The `held` that came first; of one collection's, in the order of registering. NULL: none is
 * there. */
mu_ref mu_gc_queue_take(mu_gc_heap *heap, mu_ref queue);

/* After a collection, mutators are still stopped: takes one of the `count` objects that were added
 * to, whose waiters want to be woken. False: no more; an object may come twice. */
bool mu_gc_next_notified(mu_gc_heap *heap, mu_ref *count);
