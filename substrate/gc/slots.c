/* Going through the references in objects and in roots, and what each pass does with one.
 *
 * An object's age is in its header while the world stands: MU_ABI_HEADER_UNLOGGED is set in every
 * old one, since the log, which lists those where it is not, is gone through first. But most
 * references need no look at the header: the state of the block says enough.
 *
 * Objects that are kept and not scanned are on the tracer's stack. Depth first keeps what refers to
 * one another together.
 */
#include "gc_heap.h"

/* ------------------------------------------------------------------------------------- keeping */

static inline void push(mu_gc_tracer *tracer, uintptr_t ref)
{
    MU_ARRAY_PUSH(&tracer->stack, ref);
}

static const mu_abi_type *type_of(uintptr_t header)
{
    return (const mu_abi_type *)(header & ~(uintptr_t)MU_ABI_HEADER_FLAGS);
}

/* Makes a large object one that `epoch` reached; false when it was. */
static bool reach_large(mu_gc_tracer *tracer, mu_gc_large *large, uint8_t epoch)
{
    if (!large->is_young && large->epoch == epoch) {
        return false;
    }
    large->epoch = epoch;
    tracer->kept_bytes += large->bytes;
    if (tracer->pass != MU_GC_PASS_MARK) {
        large->is_young = false;
        *mu_abi_header((mu_ref){mu_gc_large_ref(large)}) |= MU_ABI_HEADER_UNLOGGED;
    }
    return true;
}

/* There are few, so a lock does where several trace. */
static void keep_large(mu_gc_tracer *tracer, uintptr_t ref, uint8_t epoch)
{
    if (tracer->is_shared) {
        pthread_mutex_lock(&tracer->heap->lock);
    }
    bool is_new = reach_large(tracer, mu_gc_large_of(ref), epoch);
    if (tracer->is_shared) {
        pthread_mutex_unlock(&tracer->heap->lock);
    }
    if (is_new) {
        mu_gc_tell_reached(tracer, ref);
        push(tracer, ref);
    }
}

static void mark_large(mu_gc_tracer *tracer, uintptr_t ref, mu_gc_words *stack)
{
    mu_gc_heap *heap = tracer->heap;
    mu_gc_large *large = mu_gc_large_of(ref);
    if (tracer->is_shared) {
        pthread_mutex_lock(&heap->lock);
    }
    bool is_new = !large->is_young && large->epoch != tracer->epoch;
    if (is_new) {
        large->epoch = tracer->epoch;
        heap->marker.kept_bytes += large->bytes;
    }
    if (tracer->is_shared) {
        pthread_mutex_unlock(&heap->lock);
    }
    if (is_new) {
        MU_ARRAY_PUSH(stack, ref);
    }
}

void mu_gc_mark(mu_gc_tracer *tracer, uintptr_t ref)
{
    mu_gc_state state = mu_gc_state_of(tracer->states, ref);
    mu_gc_words *stack = tracer->pass == MU_GC_PASS_YOUNG ? &tracer->met : &tracer->stack;
    if (state == MU_GC_STATE_YOUNG) {
        return; /* whatever refers to it is logged, and comes again */
    }
    if (state == MU_GC_STATE_NONE) {
        if (mu_gc_header(ref) & MU_GC_HEADER_LARGE) {
            mark_large(tracer, ref, stack);
        }
        return;
    }
    if (mu_gc_set_mark(tracer, ref)) {
        MU_ARRAY_PUSH(stack, ref);
    }
}

/* Copies an object that is one's own if it `moves` and there is room, or keeps it where it is. */
static uintptr_t settle(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_type *type, bool moves)
{
    uintptr_t kept = moves ? mu_gc_copy(tracer, ref, type) : 0;
    if (kept == 0) {
        mu_gc_keep_in_place(tracer, ref, type);
        kept = ref;
    }
    if (mu_gc_has_slots(type)) {
        push(tracer, kept);
    }
    return kept;
}

uintptr_t mu_gc_keep_young(mu_gc_tracer *tracer, uintptr_t ref)
{
    mu_gc_state state = mu_gc_state_of(tracer->states, ref);
    if (state == MU_GC_STATE_MATURE) {
        if (tracer->marking) {
            mu_gc_mark(tracer, ref);
        }
        return ref;
    }
    uintptr_t header;
    do {
        header = mu_gc_settled_header(ref);
        if (header & MU_GC_HEADER_MOVED) {
            return header & ~(uintptr_t)MU_GC_HEADER_MOVED;
        }
        if (header & MU_ABI_HEADER_UNLOGGED) {
            if (tracer->marking && state != MU_GC_STATE_YOUNG) {
                mu_gc_mark(tracer, ref);
            }
            return ref;
        }
        if (header & MU_GC_HEADER_LARGE) {
            keep_large(tracer, ref, tracer->epoch);
            return ref;
        }
        if (header & MU_ABI_HEADER_IMMORTAL) {
            return ref;
        }
    } while (!mu_gc_claim(tracer, ref, header));
    return settle(tracer, ref, (const mu_abi_type *)header, state == MU_GC_STATE_YOUNG);
}

/* What is marked has been kept where it is, or is a copy. What may move is claimed before it is
 * marked, and what does not move is marked by one. */
uintptr_t mu_gc_keep_full(mu_gc_tracer *tracer, uintptr_t ref)
{
    uintptr_t header;
    bool moves;
    do {
        header = mu_gc_settled_header(ref);
        if (header & MU_GC_HEADER_MOVED) {
            return header & ~(uintptr_t)MU_GC_HEADER_MOVED;
        }
        if (header & MU_GC_HEADER_LARGE) {
            keep_large(tracer, ref, tracer->epoch);
            return ref;
        }
        if (header & MU_ABI_HEADER_IMMORTAL || mu_gc_is_marked(ref)) {
            return ref;
        }
        moves = mu_gc_state_of(tracer->states, ref) == MU_GC_STATE_YOUNG ||
                mu_gc_block_of(ref)->is_sparse;
    } while (!mu_gc_claim(tracer, ref, header));
    if (tracer->is_shared && mu_gc_is_marked(ref)) { /* since it was looked at */
        mu_gc_set_header(ref, header);
        return ref;
    }
    return settle(tracer, ref, type_of(header), moves);
}

static __attribute__((noinline)) void check_slot(mu_gc_tracer *tracer, const uintptr_t *slot,
                                                 uintptr_t ref)
{
    mu_gc_heap *heap = tracer->heap;
    if (ref - heap->immortal_start < heap->immortal_bytes) {
        return; /* an iref of a global cell, which has a root of its own */
    }
    if (tracer->pass == MU_GC_PASS_CHECK) {
        mu_gc_check_after(heap, slot, ref, tracer->owner);
    } else if (tracer->pass == MU_GC_PASS_LOGS) {
        mu_gc_check_old(heap, slot, ref, tracer->owner);
    } else {
        mu_gc_check_before(heap, slot, ref, tracer->owner);
    }
}

void mu_gc_trace_pin(mu_gc_tracer *tracer, mu_ref ref)
{
    if (tracer->verify) {
        check_slot(tracer, &ref.address, ref.address);
    }
    uintptr_t header = mu_gc_header(ref.address);
    mu_gc_state state = mu_gc_state_of(tracer->states, ref.address);
    bool stays = header & (MU_GC_HEADER_LARGE | MU_ABI_HEADER_IMMORTAL) ||
                 (tracer->pass == MU_GC_PASS_FULL ? mu_gc_is_marked(ref.address)
                                                  : header & MU_ABI_HEADER_UNLOGGED);
    if (stays || state == MU_GC_STATE_NONE) {
        if (tracer->pass == MU_GC_PASS_FULL) {
            mu_gc_keep_full(tracer, ref.address);
        } else {
            mu_gc_keep_young(tracer, ref.address);
        }
        return;
    }
    const mu_abi_type *type = type_of(header);
    mu_gc_keep_in_place(tracer, ref.address, type);
    if (mu_gc_has_slots(type)) {
        push(tracer, ref.address);
    }
}

uintptr_t mu_gc_find_living(const mu_gc_tracer *tracer, uintptr_t ref)
{
    uintptr_t header = mu_gc_header(ref);
    if (header & MU_GC_HEADER_MOVED) {
        return header & ~(uintptr_t)MU_GC_HEADER_MOVED;
    }
    if (header & MU_ABI_HEADER_IMMORTAL) {
        return ref;
    }
    bool is_whole =
        tracer->pass == MU_GC_PASS_WEAK ? tracer->marking : tracer->pass != MU_GC_PASS_YOUNG;
    if (header & MU_GC_HEADER_LARGE) {
        const mu_gc_large *large = mu_gc_large_of(ref);
        return !large->is_young && (!is_whole || large->epoch == tracer->epoch) ? ref : 0;
    }
    if (!is_whole) {
        return header & MU_ABI_HEADER_UNLOGGED ? ref : 0;
    }
    return mu_gc_is_marked(ref) ? ref : 0;
}

/* --------------------------------------------------------------------------------------- slots */

/* The word that a reference becomes in the pass. */
static inline uintptr_t keep(mu_gc_tracer *tracer, uintptr_t ref)
{
    switch (tracer->pass) {
    case MU_GC_PASS_YOUNG: return mu_gc_keep_young(tracer, ref);
    case MU_GC_PASS_FULL: return mu_gc_keep_full(tracer, ref);
    case MU_GC_PASS_MARK: mu_gc_mark(tracer, ref); return ref;
    case MU_GC_PASS_WEAK:
    case MU_GC_PASS_LOGS:
    case MU_GC_PASS_CHECK: return ref;
    }
    return ref;
}

static inline void visit_reference(mu_gc_tracer *tracer, uintptr_t *slot)
{
    uintptr_t ref = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (ref == 0) {
        return;
    }
    if (tracer->verify) {
        check_slot(tracer, slot, ref);
    }
    uintptr_t kept = keep(tracer, ref);
    if (kept != ref) {
        *slot = kept;
    }
}

void mu_gc_visit_weak(mu_gc_tracer *tracer, uintptr_t *slot)
{
    uintptr_t ref = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (ref == 0) {
        return;
    }
    if (tracer->verify) {
        check_slot(tracer, slot, ref);
    }
    if (tracer->pass == MU_GC_PASS_WEAK) {
        *slot = mu_gc_find_living(tracer, ref);
    } else if (tracer->pass <= MU_GC_PASS_MARK && tracer->in_roots) {
        tracer->weak_in_roots = true;
    } else if (tracer->pass <= MU_GC_PASS_MARK) {
        MU_ARRAY_PUSH(tracer->in_native ? &tracer->weak_outside : &tracer->weak, (uintptr_t)slot);
    }
}

static void visit_tagref64(mu_gc_tracer *tracer, uintptr_t *slot)
{
    uint64_t word = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    uintptr_t ref = mu_abi_tagref64_to_address(word);
    if (tracer->verify) {
        mu_gc_check_tagref64(slot, tracer->owner);
    }
    if (!mu_abi_tagref64_is_ref(word) || ref == 0) {
        return;
    }
    if (tracer->verify) {
        check_slot(tracer, slot, ref);
    }
    uintptr_t kept = keep(tracer, ref);
    if (kept != ref) {
        *slot = mu_abi_tagref64_from_ref(kept, mu_abi_tagref64_to_tag(word));
    }
}

void mu_gc_show_native(mu_gc_tracer *tracer, uintptr_t *slot)
{
    tracer->in_native = true;
    tracer->heap->native(tracer, slot, tracer->heap->native_context);
    tracer->in_native = false;
}

/* While mutators run, what is behind a native slot may change. */
static void visit_native(mu_gc_tracer *tracer, uintptr_t *slot)
{
    if (tracer->is_concurrent) {
        MU_ARRAY_PUSH(&tracer->heap->marker.natives, (uintptr_t)slot);
    } else if (tracer->is_shared) {
        MU_ARRAY_PUSH(&tracer->natives, (uintptr_t)slot);
    } else if (tracer->pass != MU_GC_PASS_LOGS) {
        mu_gc_show_native(tracer, slot);
    }
}

static void visit_slots(mu_gc_tracer *tracer, uintptr_t base, const mu_abi_slot *slots,
                        uint32_t count);

/* As deep as descriptors nest, which mu_abi_type bounds. */
static __attribute__((noinline)) void visit_nested(mu_gc_tracer *tracer, uintptr_t base,
                                                   const mu_abi_slot *slot)
{
    const mu_abi_type *nested = slot->nested;
    /* Types without size cost nothing to multiply, so a long array of them must not cost time. */
    if (nested->size_bytes == 0) {
        return;
    }
    uint64_t from = 0;
    uint64_t to = slot->count;
    if (slot->stride_bytes && tracer->range_end != UINTPTR_MAX) {
        uint64_t stride = slot->stride_bytes;
        if (tracer->range_start > base + nested->size_bytes) {
            from = (tracer->range_start - base - nested->size_bytes) / stride;
        }
        uint64_t beyond =
            tracer->range_end > base ? (tracer->range_end - base + stride - 1) / stride : 0;
        to = beyond < to ? beyond : to;
    }
    for (uint64_t i = from; i < to; i++) {
        visit_slots(tracer, base + i * slot->stride_bytes, nested->slots, nested->slot_count);
    }
}

static void visit_slots(mu_gc_tracer *tracer, uintptr_t base, const mu_abi_slot *slots,
                        uint32_t count)
{
    for (const mu_abi_slot *slot = slots; slot < slots + count; slot++) {
        uintptr_t *address = (uintptr_t *)(base + slot->offset_bytes);
        if (slot->kind == MU_ABI_SLOT_NESTED) {
            visit_nested(tracer, (uintptr_t)address, slot);
            continue;
        }
        if ((uintptr_t)address < tracer->range_start || (uintptr_t)address >= tracer->range_end) {
            continue;
        }
        switch (slot->kind) {
        case MU_ABI_SLOT_REF: visit_reference(tracer, address); break;
        case MU_ABI_SLOT_WEAK: mu_gc_visit_weak(tracer, address); break;
        case MU_ABI_SLOT_TAGREF64: visit_tagref64(tracer, address); break;
        case MU_ABI_SLOT_NATIVE: visit_native(tracer, address); break;
        case MU_ABI_SLOT_PAIR: mu_gc_visit_pair(tracer, address); break;
        case MU_ABI_SLOT_NESTED: break;
        }
    }
}

static void visit_elements(mu_gc_tracer *tracer, uintptr_t payload, const mu_abi_type *type,
                           uint64_t length)
{
    uint64_t stride = type->stride_bytes;
    if (type->element_slot_count == 0 || stride == 0) {
        return;
    }
    uintptr_t first = payload + type->size_bytes;
    uint64_t from = 0;
    uint64_t to = length;
    if (tracer->range_end != UINTPTR_MAX) {
        from = tracer->range_start > first ? (tracer->range_start - first) / stride : 0;
        uint64_t beyond =
            tracer->range_end > first ? (tracer->range_end - first + stride - 1) / stride : 0;
        to = beyond < to ? beyond : to;
    }
    for (uint64_t i = from; i < to; i++) {
        visit_slots(tracer, first + i * stride, type->element_slots, type->element_slot_count);
    }
}

void mu_gc_visit_slot(mu_gc_tracer *tracer, uintptr_t ref, const mu_abi_slot *slot)
{
    visit_slots(tracer, ref, slot, 1);
}

void mu_gc_scan(mu_gc_tracer *tracer, uintptr_t ref)
{
    const mu_abi_type *type = type_of(mu_gc_settled_header(ref));
    tracer->owner = type->name;
    visit_slots(tracer, ref, type->slots, type->slot_count);
    if (type->is_hybrid) {
        visit_elements(tracer, ref, type, *mu_abi_length((mu_ref){ref}));
    }
}

void mu_gc_scan_range(mu_gc_tracer *tracer, uintptr_t ref, uint64_t from, uint64_t to)
{
    tracer->range_start = ref + from;
    tracer->range_end = ref + to;
    mu_gc_scan(tracer, ref);
    tracer->range_start = 0;
    tracer->range_end = UINTPTR_MAX;
}

bool mu_gc_is_check(const mu_gc_tracer *tracer)
{
    return tracer->pass == MU_GC_PASS_CHECK;
}

bool mu_gc_asks_of_young(const mu_gc_tracer *tracer)
{
    return tracer->pass == MU_GC_PASS_YOUNG;
}

bool mu_gc_trace_quietly(mu_gc_tracer *tracer, bool quiet)
{
    if (quiet && tracer->heap->marking_ended) {
        return false;
    }
    if (tracer->pass == MU_GC_PASS_YOUNG) {
        tracer->marking = !quiet && tracer->heap->phase == MU_GC_MARKING;
    }
    return true;
}

void mu_gc_trace_slot(mu_gc_tracer *tracer, uintptr_t *slot, mu_abi_slot_kind kind)
{
    visit_slots(tracer, (uintptr_t)slot, &(mu_abi_slot){.kind = kind}, 1);
}

void mu_gc_trace_area(mu_gc_tracer *tracer, void *address, const mu_abi_type *type, uint64_t count)
{
    uint64_t apart = (type->size_bytes + type->align_bytes - 1) & -(uint64_t)type->align_bytes;
    visit_nested(tracer, (uintptr_t)address,
                 &(mu_abi_slot){.count = count, .stride_bytes = apart, .nested = type});
}

void mu_gc_trace_hybrid(mu_gc_tracer *tracer, void *address, const mu_abi_type *type,
                        uint64_t length)
{
    visit_slots(tracer, (uintptr_t)address, type->slots, type->slot_count);
    visit_elements(tracer, (uintptr_t)address, type, length);
}
