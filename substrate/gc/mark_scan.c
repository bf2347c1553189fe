/* The loop that markings spend their time in: going through what is marked, and marking what it
 * refers to. Everything that is not as usual (hybrids, slots of other kinds, verification) is left
 * to slots.c, which does the same.
 *
 * Objects wait in a ring between being taken off the stack and being scanned, so that their memory
 * has come by then.
 */
#include "gc_heap.h"

/* A power of 2. */
#define RING 16u
/* Of a large object, at a time. */
#define PIECE_BYTES 4096u

static inline void visit(mu_gc_tracer *tracer, const uintptr_t *slot)
{
    uintptr_t ref = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (ref == 0) {
        return;
    }
    if (mu_gc_state_of(tracer->states, ref) != MU_GC_STATE_MATURE) {
        mu_gc_mark(tracer, ref);
    } else if (mu_gc_set_mark(tracer, ref)) {
        MU_ARRAY_PUSH(&tracer->stack, ref);
    }
}

static inline void visit_slots(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_type *type)
{
    const mu_abi_slot *end = type->slots + type->slot_count;
    for (const mu_abi_slot *slot = type->slots; slot < end; slot++) {
        if (slot->kind == MU_ABI_SLOT_REF) {
            visit(tracer, (const uintptr_t *)(ref + slot->offset_bytes));
        } else {
            mu_gc_visit_slot(tracer, ref, slot);
        }
    }
}

static inline void scan_marked(mu_gc_tracer *tracer, uintptr_t ref)
{
    mu_gc_marker *marker = &tracer->heap->marker;
    uintptr_t header = mu_gc_header(ref);
    mu_gc_tell_reached(tracer, ref);
    if (header & MU_GC_HEADER_LARGE) {
        marker->large = ref;
        marker->large_from = 0;
        return;
    }
    const mu_abi_type *type = (const mu_abi_type *)(header & ~(uintptr_t)MU_ABI_HEADER_FLAGS);
    uint64_t total = mu_gc_object_bytes(ref, type);
    uintptr_t start = ref - mu_gc_prefix_bytes(type);
    mu_gc_lines_mark(start, start + total, tracer->epoch);
    marker->kept_bytes += total;
    if (!type->is_hybrid && !tracer->verify) {
        visit_slots(tracer, ref, type);
    } else if (mu_gc_has_slots(type)) {
        mu_gc_scan(tracer, ref);
    }
}

/* A large object is scanned by pieces, so that a stop need not wait for the whole. */
static void scan_large_piece(mu_gc_tracer *tracer)
{
    mu_gc_marker *marker = &tracer->heap->marker;
    uint64_t from = marker->large_from;
    marker->large_from += PIECE_BYTES;
    mu_gc_scan_range(tracer, marker->large, from, from + PIECE_BYTES);
    if (marker->large_from >= mu_gc_large_of(marker->large)->payload_bytes) {
        marker->large = 0;
    }
}

typedef struct ring {
    uintptr_t items[RING];
    uint32_t first;
    uint32_t count;
} ring;

static inline void fill(ring *waiting, mu_gc_words *stack)
{
    while (waiting->count < RING && stack->count > 0) {
        uintptr_t ref = stack->items[--stack->count];
        waiting->items[(waiting->first + waiting->count++) % RING] = ref;
        __builtin_prefetch((const void *)(ref - MU_ABI_HEADER_BYTES));
    }
}

static inline uintptr_t take(ring *waiting)
{
    uintptr_t ref = waiting->items[waiting->first];
    waiting->first = (waiting->first + 1) % RING;
    waiting->count--;
    return ref;
}

bool mu_gc_mark_scan(mu_gc_tracer *tracer, uint64_t most)
{
    const mu_gc_marker *marker = &tracer->heap->marker;
    ring waiting = {.count = 0};
    for (; most > 0; most--) {
        if (marker->large) {
            scan_large_piece(tracer);
            continue;
        }
        fill(&waiting, &tracer->stack);
        if (waiting.count == 0) {
            return true;
        }
        scan_marked(tracer, take(&waiting));
    }
    while (waiting.count > 0) {
        MU_ARRAY_PUSH(&tracer->stack, take(&waiting));
    }
    return false;
}
