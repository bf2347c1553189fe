/* The loop that young collections spend their time in: going through what was kept, and copying
 * what it refers to. Everything that is not as usual (hybrids, objects aligned to 16 or longer than
 * a line, slots of other kinds, verification) is left to slots.c and promotion.c, which do the
 * same.
 *
 * What is usual: a slot of an object holds NULL, or refers to an old object, or to a young one
 * that was copied or is to be copied to the stream for small objects.
 */
#include "gc_heap.h"

static inline void push(mu_gc_tracer *tracer, uintptr_t ref)
{
    MU_ARRAY_PUSH(&tracer->stack, ref);
}

/* The copy's address, or 0 when it is none of the usual objects. */
static inline uintptr_t copy_usual(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_type *type)
{
    mu_gc_stream *stream = &tracer->streams[0];
    uint64_t total = MU_ABI_HEADER_BYTES + ((type->size_bytes + 7) & ~(uint64_t)7);
    if (type->is_hybrid || type->align_bytes > 8 || total > MU_GC_LINE_BYTES ||
        stream->limit - stream->cursor < total) {
        return 0;
    }
    if (!mu_gc_claim(tracer, ref, (uintptr_t)type)) {
        return 0; /* another was first; mu_gc_keep_young waits for what becomes of it */
    }
    uint64_t *target = (uint64_t *)stream->cursor;
    uint64_t *source = (uint64_t *)(ref - MU_ABI_HEADER_BYTES);
    uintptr_t copy = stream->cursor + MU_ABI_HEADER_BYTES;
    stream->cursor += total;
    tracer->kept_bytes += total;
    target[0] = (uintptr_t)type | MU_ABI_HEADER_UNLOGGED;
    for (uint64_t i = 1; i < total / 8; i++) {
        target[i] = source[i];
    }
    mu_gc_set_header(ref, copy | MU_GC_HEADER_MOVED);
    if (tracer->sets_marks) {
        (void)mu_gc_set_mark(tracer, copy);
    }
    mu_gc_tell_reached(tracer, ref);
    if (mu_gc_has_slots(type)) {
        push(tracer, copy);
    }
    return copy;
}

static inline void visit(mu_gc_tracer *tracer, uintptr_t *slot)
{
    uintptr_t ref = *slot;
    if (ref == 0) {
        return;
    }
    mu_gc_state state = mu_gc_state_of(tracer->states, ref);
    if (state == MU_GC_STATE_MATURE) {
        if (tracer->marking) {
            mu_gc_mark(tracer, ref);
        }
        return;
    }
    uintptr_t kept = 0;
    if (state == MU_GC_STATE_YOUNG) {
        uintptr_t header = mu_gc_settled_header(ref);
        if (header & MU_GC_HEADER_MOVED) {
            *slot = header & ~(uintptr_t)MU_GC_HEADER_MOVED;
            return;
        }
        if (!(header & MU_ABI_HEADER_FLAGS)) {
            kept = copy_usual(tracer, ref, (const mu_abi_type *)header);
        }
    }
    if (kept == 0) {
        kept = mu_gc_keep_young(tracer, ref);
    }
    if (kept != ref) {
        *slot = kept;
    }
}

void mu_gc_drain_young(mu_gc_tracer *tracer, uint32_t most)
{
    for (; tracer->stack.count > 0 && most > 0; most--) {
        uintptr_t ref = tracer->stack.items[--tracer->stack.count];
        const mu_abi_type *type =
            (const mu_abi_type *)(mu_gc_header(ref) & ~(uintptr_t)MU_ABI_HEADER_FLAGS);
        if (type->is_hybrid || tracer->verify) {
            mu_gc_scan(tracer, ref);
            continue;
        }
        const mu_abi_slot *end = type->slots + type->slot_count;
        for (const mu_abi_slot *slot = type->slots; slot < end; slot++) {
            if (slot->kind == MU_ABI_SLOT_REF) {
                visit(tracer, (uintptr_t *)(ref + slot->offset_bytes));
            } else {
                mu_gc_visit_slot(tracer, ref, slot);
            }
        }
    }
}
