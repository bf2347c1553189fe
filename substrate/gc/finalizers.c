/* Queues of what died, and the registrations that bring it there (Dybvig, Bruggeman and Eby,
 * "Guardians in a generation-based garbage collector", PLDI 1993).
 *
 * A registration is a pair whose key is the object that is watched. It hangs in a list of its
 * queue, so it lives as long as that, and is met by the collections that look at it: a young one
 * meets those made since the last. A registration whose object died is put at the end of the
 * queue's other list, of what is ready, and its `held` lives like any other object then:
 *
 *      queue ─ registered ─► [object, held] ⇄ [object, held] ⇄ …
 *            └ ready ──────► [0, held] ─► [0, held]                 oldest first
 *
 * Collections change links of old objects without the log: what they store is old and marked.
 */
#include "gc_heap.h"

#include <stdlib.h>

typedef struct queue {
    uintptr_t registered;
    uintptr_t first_ready;
    uintptr_t last_ready;
    uintptr_t count; /* an object that begins with the count of what is ready */
} queue;

/* Over when `held` is 0. */
typedef struct registration {
    uintptr_t object; /* 0: is ready, or over */
    uintptr_t held;
    uintptr_t queue;
    uintptr_t next;
    uintptr_t previous; /* registered */
    uint64_t number;    /* in the order of registering */
    uint64_t how;
} registration;

static const mu_abi_slot ephemeron_slots[] = {{.kind = MU_ABI_SLOT_PAIR}};
const mu_abi_type mu_gc_ephemeron_type = {.size_bytes = sizeof(mu_gc_ephemeron),
                                          .align_bytes = 8,
                                          .slots = ephemeron_slots,
                                          .slot_count = 1,
                                          .name = "ephemeron"};

static const mu_abi_slot queue_slots[] = {
    {.offset_bytes = offsetof(queue, registered), .kind = MU_ABI_SLOT_REF},
    {.offset_bytes = offsetof(queue, first_ready), .kind = MU_ABI_SLOT_REF},
    {.offset_bytes = offsetof(queue, last_ready), .kind = MU_ABI_SLOT_REF},
    {.offset_bytes = offsetof(queue, count), .kind = MU_ABI_SLOT_REF}};
const mu_abi_type mu_gc_queue_type = {.size_bytes = sizeof(queue),
                                      .align_bytes = 8,
                                      .slots = queue_slots,
                                      .slot_count = 4,
                                      .name = "queue"};

static const mu_abi_slot registration_slots[] = {
    {.offset_bytes = offsetof(registration, object), .kind = MU_ABI_SLOT_PAIR},
    {.offset_bytes = offsetof(registration, queue), .kind = MU_ABI_SLOT_REF},
    {.offset_bytes = offsetof(registration, next), .kind = MU_ABI_SLOT_REF},
    {.offset_bytes = offsetof(registration, previous), .kind = MU_ABI_SLOT_REF}};
const mu_abi_type mu_gc_registration_type = {.size_bytes = sizeof(registration),
                                             .align_bytes = 8,
                                             .slots = registration_slots,
                                             .slot_count = 4,
                                             .name = "registration"};

_Static_assert(offsetof(registration, object) == 0 &&
                   offsetof(registration, held) == sizeof(uintptr_t),
               "a pair is where its object is");

/* ------------------------------------------------------------------------------------- stores */

/* Stores as compiled code does, for a marking beside the mutators. */
static void store(mu_gc_heap *heap, uintptr_t object, uintptr_t *slot, uintptr_t value)
{
    if (value != 0) {
        mu_gc_log(heap, (mu_ref){object}, (uintptr_t)slot, sizeof *slot);
    }
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

/* The same while the world stands. */
static void store_stopped(mu_gc_heap *heap, uintptr_t object, uintptr_t *slot, uintptr_t value)
{
    (void)heap;
    (void)object;
    *slot = value;
}

typedef void store_fn(mu_gc_heap *heap, uintptr_t object, uintptr_t *slot, uintptr_t value);

/* Takes it out of the list of those that are registered. */
static void unlink_from_queue(mu_gc_heap *heap, uintptr_t ref, store_fn *put)
{
    registration *r = (registration *)ref;
    registration *next = (registration *)r->next;
    registration *previous = (registration *)r->previous;
    queue *q = (queue *)r->queue;
    if (next) {
        put(heap, r->next, &next->previous, r->previous);
    }
    if (previous) {
        put(heap, r->previous, &previous->next, r->next);
    } else {
        put(heap, r->queue, &q->registered, r->next);
    }
    put(heap, ref, &r->next, 0);
    put(heap, ref, &r->previous, 0);
}

static void end(mu_gc_heap *heap, uintptr_t ref, store_fn *put)
{
    registration *r = (registration *)ref;
    unlink_from_queue(heap, ref, put);
    put(heap, ref, &r->object, 0);
    put(heap, ref, &r->held, 0);
    put(heap, ref, &r->queue, 0);
}

/* --------------------------------------------------------------------------- for the mutators */

static uintptr_t load(const uintptr_t *slot)
{
    return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

void mu_gc_ephemeron_init(mu_ref ephemeron, mu_ref key, mu_ref value)
{
    *(mu_gc_ephemeron *)ephemeron.address = (mu_gc_ephemeron){key.address, value.address};
}

mu_ref mu_gc_ephemeron_key(mu_ref ephemeron)
{
    return (mu_ref){load(&((const mu_gc_ephemeron *)ephemeron.address)->key)};
}

mu_ref mu_gc_ephemeron_value(mu_ref ephemeron)
{
    return (mu_ref){load(&((const mu_gc_ephemeron *)ephemeron.address)->value)};
}

void mu_gc_ephemeron_set_value(mu_gc_heap *heap, mu_ref ephemeron, mu_ref value)
{
    mu_gc_ephemeron *e = (mu_gc_ephemeron *)ephemeron.address;
    if (load(&e->key)) {
        store(heap, ephemeron.address, &e->value, value.address);
    }
}

void mu_gc_queue_init(mu_ref ref, mu_ref count)
{
    *(queue *)ref.address = (queue){.count = count.address};
}

void mu_gc_finalizer_register(mu_gc_heap *heap, mu_ref ref, mu_ref to, mu_ref object, mu_ref held,
                              uint32_t how)
{
    queue *q = (queue *)to.address;
    registration *r = (registration *)ref.address;
    pthread_mutex_lock(&heap->queues);
    registration *first = (registration *)q->registered;
    *r = (registration){.object = object.address,
                        .held = held.address,
                        .queue = to.address,
                        .next = q->registered,
                        .number = ++heap->last_registration,
                        .how = how};
    if (first) {
        store(heap, q->registered, &first->previous, ref.address);
    }
    store(heap, to.address, &q->registered, ref.address);
    pthread_mutex_unlock(&heap->queues);
}

bool mu_gc_finalizer_unregister(mu_gc_heap *heap, mu_ref ref)
{
    const registration *r = (const registration *)ref.address;
    pthread_mutex_lock(&heap->queues);
    bool is_registered = r->object != 0;
    if (is_registered) {
        end(heap, ref.address, store);
    }
    pthread_mutex_unlock(&heap->queues);
    return is_registered;
}

static void count_ready(const queue *q, uint64_t change)
{
    if (q->count) {
        __atomic_add_fetch((uint64_t *)q->count, change, __ATOMIC_SEQ_CST);
    }
}

mu_ref mu_gc_queue_take(mu_gc_heap *heap, mu_ref from)
{
    queue *q = (queue *)from.address;
    mu_ref held = {0};
    pthread_mutex_lock(&heap->queues);
    registration *r = (registration *)q->first_ready;
    if (r) {
        held.address = r->held;
        store(heap, from.address, &q->first_ready, r->next);
        if (!r->next) {
            store(heap, from.address, &q->last_ready, 0);
        }
        store(heap, (uintptr_t)r, &r->held, 0);
        store(heap, (uintptr_t)r, &r->queue, 0);
        store(heap, (uintptr_t)r, &r->next, 0);
        count_ready(q, UINT64_MAX);
    }
    pthread_mutex_unlock(&heap->queues);
    return held;
}

bool mu_gc_next_notified(mu_gc_heap *heap, mu_ref *count)
{
    if (heap->notified.count == 0) {
        return false;
    }
    count->address = heap->notified.items[--heap->notified.count];
    return true;
}

/* --------------------------------------------------------------------------- for collections */

/* Also beside mutators, who change flags in the header. */
bool mu_gc_pair_is_registration(uintptr_t pair)
{
    uintptr_t header = mu_gc_header(pair) & ~(uintptr_t)MU_ABI_HEADER_FLAGS;
    return header == (uintptr_t)&mu_gc_registration_type;
}

uint64_t mu_gc_pair_how(uintptr_t pair)
{
    return mu_gc_pair_is_registration(pair) ? ((const registration *)pair)->how : 0;
}

/* Has the `held` that is held weakly died? */
static bool is_void(const mu_gc_tracer *tracer, const registration *r)
{
    return r->how & MU_GC_HELD_WEAKLY && !mu_gc_find_living(tracer, r->held);
}

/* A marking may have met it twice, and list it twice. */
static void deliver(mu_gc_tracer *tracer, registration *r)
{
    uintptr_t ref = (uintptr_t)r;
    queue *q = (queue *)r->queue;
    if (!r->object) {
        return;
    }
    mu_gc_trace_slot(tracer, &r->held, MU_ABI_SLOT_REF);
    r->object = 0;
    unlink_from_queue(tracer->heap, ref, store_stopped);
    if (q->last_ready) {
        ((registration *)q->last_ready)->next = ref;
    } else {
        q->first_ready = ref;
    }
    q->last_ready = ref;
    count_ready(q, 1);
    if (q->count) {
        MU_ARRAY_PUSH(&tracer->heap->notified, q->count);
    }
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = (*(registration *const *)left)->number;
    uint64_t b = (*(registration *const *)right)->number;
    return (a > b) - (a < b);
}

/* Those of them whose objects are still dead, and which are not over. What is held weakly is looked
 * at before anything is brought back. */
static bool deliver_all(mu_gc_tracer *tracer, uint32_t last)
{
    mu_gc_words list = tracer->pairs->dying[last];
    uint32_t count = 0;
    tracer->pairs->dying[last] = (mu_gc_words){0};
    for (uint32_t i = 0; i < list.count; i++) {
        const registration *r = (const registration *)list.items[i];
        if (!r->object || mu_gc_find_living(tracer, r->object)) {
            continue;
        }
        if (is_void(tracer, r)) {
            end(tracer->heap, (uintptr_t)r, store_stopped);
        } else {
            list.items[count++] = (uintptr_t)r;
        }
    }
    if (count > 0) {
        qsort(list.items, count, sizeof *list.items, compare_numbers);
    }
    for (uint32_t i = 0; i < count; i++) {
        deliver(tracer, (registration *)list.items[i]);
    }
    MU_ARRAY_FREE(&list);
    return count > 0;
}

bool mu_gc_finalize(mu_gc_tracer *tracer)
{
    bool any = false;
    while (deliver_all(tracer, 0) || deliver_all(tracer, MU_GC_LAST)) {
        any = true;
        mu_gc_drain(tracer);
        mu_gc_pairs_settle(tracer);
    }
    return any;
}

void mu_gc_end_weakly_held(mu_gc_tracer *tracer)
{
    const mu_gc_words *list = &tracer->pairs->held_weakly;
    for (uint32_t i = 0; i < list->count; i++) {
        registration *r = (registration *)list->items[i];
        uintptr_t held = r->object ? mu_gc_find_living(tracer, r->held) : r->held;
        if (r->object && !held) {
            end(tracer->heap, (uintptr_t)r, store_stopped);
        } else if (held != r->held) {
            r->held = held;
        }
    }
}
