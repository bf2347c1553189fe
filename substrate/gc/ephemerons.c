/* Pairs: ephemerons and registrations (Hayes, "Ephemerons: a new finalization mechanism", OOPSLA
 * 1997). The second word lives only as long as the first does, and the object that they are in.
 *
 * In time that is linear in the pairs and in what they keep alive. A pair whose key is not known to
 * live is put aside while everything else is traced. Then those whose key was reached are gone on
 * with, and the others are entered into a table by key, an inverted list. From then on each object
 * that is newly reached is looked up there, once, and the pairs that it is the key of are gone on
 * with. So no pair is looked at more than three times, however long their chains are. (V8 does the
 * same when its first rounds over all ephemerons do not settle; Barros and Ierusalimschy,
 * "Eliminating cycles in weak tables", JUCS 14(21), 2008, go on with such rounds.) What is awaited
 * in the end is dead, cycles through pairs too.
 *
 * While several threads trace, nobody changes the table but for entries of a key that he reached
 * himself, which is one thread; their pairs, and all that are met, are kept until the collecting
 * thread is alone and looks at them.
 *
 * A young collection takes every old key for alive. While a marking is under way, it leaves to the
 * marker the pairs whose keys are old and not marked; young values it keeps all the same, since old
 * objects may refer to them only in the log. Fields of a key are stored once, before the first
 * safepoint, so an old object's key is old.
 */
#include "gc_heap.h"

#define FIRST_BUCKETS 64u

/* --------------------------------------------------------------------------- what is awaited */

static uint32_t *bucket_of(const mu_gc_pairs *pairs, uintptr_t key)
{
    return &pairs->buckets[(key >> 3) * 0x9e3779b97f4a7c15u >> 32 & (pairs->bucket_count - 1)];
}

static void grow(mu_gc_pairs *pairs)
{
    mu_free(pairs->buckets);
    pairs->bucket_count = pairs->bucket_count ? 2 * pairs->bucket_count : FIRST_BUCKETS;
    pairs->buckets = mu_allocate(pairs->bucket_count * sizeof(uint32_t));
    for (uint32_t i = 0; i < pairs->awaiting.count; i++) {
        mu_gc_awaiting *entry = &pairs->awaiting.items[i];
        if (entry->pair) {
            uint32_t *bucket = bucket_of(pairs, entry->key);
            entry->next = *bucket;
            *bucket = i + 1;
        }
    }
}

static void await(mu_gc_pairs *pairs, uintptr_t key, uintptr_t pair)
{
    if (pairs->awaiting.count == pairs->bucket_count) {
        grow(pairs);
    }
    uint32_t *bucket = bucket_of(pairs, key);
    MU_ARRAY_PUSH(&pairs->awaiting, ((mu_gc_awaiting){key, pair, *bucket}));
    *bucket = pairs->awaiting.count;
    pairs->awaited_count++;
    if (mu_gc_pair_is_registration(pair)) {
        MU_ARRAY_PUSH(&pairs->dying[mu_gc_pair_how(pair) & MU_GC_LAST], pair);
    }
}

static void keep_for_later(mu_gc_tracer *tracer, uintptr_t pair)
{
    MU_ARRAY_PUSH(tracer->is_shared ? &tracer->pairs_met : &tracer->pairs->met, pair);
}

void mu_gc_key_reached(mu_gc_tracer *tracer, uintptr_t ref)
{
    mu_gc_pairs *pairs = tracer->pairs;
    uint32_t *link = bucket_of(pairs, ref);
    while (*link) {
        mu_gc_awaiting *entry = &pairs->awaiting.items[*link - 1];
        bool is_its_key = entry->key == ref;
        if (is_its_key) {
            keep_for_later(tracer, entry->pair);
            entry->pair = 0;
            __atomic_sub_fetch(&pairs->awaited_count, 1, __ATOMIC_RELAXED);
        }
        if (is_its_key && !tracer->is_shared) {
            *link = entry->next;
        } else {
            link = &entry->next;
        }
    }
}

void mu_gc_pairs_clear(mu_gc_pairs *pairs)
{
    MU_ARRAY_FREE(&pairs->met);
    MU_ARRAY_FREE(&pairs->awaiting);
    mu_free(pairs->buckets);
    MU_ARRAY_FREE(&pairs->dying[0]);
    MU_ARRAY_FREE(&pairs->dying[MU_GC_LAST]);
    MU_ARRAY_FREE(&pairs->held_weakly);
    *pairs = (mu_gc_pairs){0};
}

/* ------------------------------------------------------------------------------------- tracing */

/* Has a marking under way reached the old object? */
static bool is_marked(const mu_gc_tracer *tracer, uintptr_t ref)
{
    uintptr_t header = mu_gc_header(ref);
    if (header & MU_ABI_HEADER_IMMORTAL) {
        return true;
    }
    return header & MU_GC_HEADER_LARGE ? mu_gc_large_of(ref)->epoch == tracer->epoch
                                       : mu_gc_is_marked(ref);
}

/* The key lives, and is at `key` now; 0: there is none any more, and the value is like any
 * reference. */
static void follow(mu_gc_tracer *tracer, uintptr_t *pair, uintptr_t key)
{
    bool is_held_weakly = key && mu_gc_pair_how((uintptr_t)pair) & MU_GC_HELD_WEAKLY;
    bool is_for_marker = tracer->marking && key && (is_held_weakly || !is_marked(tracer, key));
    if (is_for_marker) {
        MU_ARRAY_PUSH(&tracer->heap->marker.pairs.met, (uintptr_t)pair);
    }
    if (is_held_weakly) {
        MU_ARRAY_PUSH(&tracer->pairs->held_weakly, (uintptr_t)pair);
        return;
    }
    bool marking = tracer->marking;
    tracer->marking = marking && !is_for_marker;
    mu_gc_trace_slot(tracer, &pair[1], MU_ABI_SLOT_REF);
    tracer->marking = marking;
}

/* Where the key is now, if it lives; a pair's key is moved with it. */
static bool find_key(const mu_gc_tracer *tracer, uintptr_t *pair, uintptr_t *key)
{
    uintptr_t before = __atomic_load_n(&pair[0], __ATOMIC_ACQUIRE);
    *key = before ? mu_gc_find_living(tracer, before) : 0;
    if (*key != before && *key != 0) {
        pair[0] = *key;
    }
    return before == 0 || *key != 0;
}

void mu_gc_visit_pair(mu_gc_tracer *tracer, uintptr_t *pair)
{
    uintptr_t key = __atomic_load_n(&pair[0], __ATOMIC_ACQUIRE);
    if (tracer->pass == MU_GC_PASS_WEAK) {
        return;
    }
    if (tracer->pass == MU_GC_PASS_LOGS || tracer->pass == MU_GC_PASS_CHECK) {
        mu_gc_trace_slot(tracer, &pair[0], MU_ABI_SLOT_REF);
        mu_gc_trace_slot(tracer, &pair[1], MU_ABI_SLOT_REF);
        return;
    }
    if (tracer->verify && key) {
        mu_gc_check_before(tracer->heap, pair, key, tracer->owner);
    }
    if (!(key && tracer->is_shared) && find_key(tracer, pair, &key)) {
        follow(tracer, pair, key);
    } else {
        keep_for_later(tracer, (uintptr_t)pair);
    }
}

/* A pair that a young collection left to the marker may be in an object that is dead, or that the
 * marker has yet to come to. */
static void look(mu_gc_tracer *tracer, uintptr_t *pair)
{
    uintptr_t key;
    if (tracer->pass == MU_GC_PASS_MARK && !is_marked(tracer, (uintptr_t)pair)) {
        return;
    }
    if (find_key(tracer, pair, &key)) {
        follow(tracer, pair, key);
    } else {
        await(tracer->pairs, pair[0], (uintptr_t)pair);
    }
}

bool mu_gc_pairs_look(mu_gc_tracer *tracer, uint64_t most)
{
    mu_gc_words *met = &tracer->pairs->met;
    for (; met->count > 0 && most > 0; most--) {
        look(tracer, (uintptr_t *)met->items[--met->count]);
    }
    return met->count == 0;
}

void mu_gc_pairs_settle(mu_gc_tracer *tracer)
{
    while (tracer->pairs->met.count > 0) {
        (void)mu_gc_pairs_look(tracer, UINT64_MAX);
        mu_gc_drain(tracer);
    }
}

void mu_gc_pairs_break(mu_gc_tracer *tracer)
{
    mu_gc_pairs *pairs = tracer->pairs;
    mu_gc_end_weakly_held(tracer);
    for (uint32_t i = 0; i < pairs->awaiting.count && pairs->awaited_count > 0; i++) {
        uintptr_t *pair = (uintptr_t *)pairs->awaiting.items[i].pair;
        pairs->awaited_count -= pair != NULL;
        if (pair && !mu_gc_pair_is_registration((uintptr_t)pair)) {
            pair[0] = pair[1] = 0;
        }
    }
    if (tracer->pass != MU_GC_PASS_MARK) {
        mu_gc_pairs_clear(pairs);
    }
}
