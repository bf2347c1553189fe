/* The write barrier. The collector must know which old objects came to refer to young ones, and,
 * while it marks beside running code, what an object referred to before it changed. An old object
 * that was not stored into since the last collection has a flag in its header; the first store that
 * finds it calls the runtime, which clears it. So the usual cost is one test and a branch that is
 * not taken.
 *
 * The object's reference is at hand: every location in an object is an iref, and an iref has its
 * base. Without a base it is memory of a stack or of C; a global cell's header never has the flag.
 */
#include "stubs.h"

void quick_barrier(quick *q, mu_ir_value location, x64_mem mem, mu_ir_type *type)
{
    if (!mu_jit_descriptor(type)->slot_count ||
        mu_ir_value_type(q->version, location)->kind == MU_IR_UPTR) {
        return;
    }
    quick_path path = quick_path_of(q, location);
    if (path.base == QUICK_NONE || path.base == q->fresh_cell) {
        return;
    }
    x64_gpr object = quick_gpr_of(q, path.base);
    uint32_t index = quick_defer(q, QUICK_DEFER_BARRIER);
    quick_deferred *deferred = &q->deferred.items[index];
    deferred->object = object;
    deferred->place = mem;
    deferred->store_bytes = (uint32_t)type->size_bytes;
    if (!q->checked && !q->cells[path.base].non_null) {
        /* An iref of an ALLOCA cell has no base. */
        x64_test_rr(q->a, 8, object, object);
        x64_jcc(q->a, X64_E, deferred->back);
    }
    x64_test_mi(q->a, 1, x64_at(object, -(int32_t)MU_ABI_HEADER_BYTES), MU_ABI_HEADER_UNLOGGED);
    x64_jcc(q->a, X64_NE, deferred->label);
    x64_bind(q->a, deferred->back);
}

void quick_emit_barrier(quick *q, const quick_deferred *deferred)
{
    x64_mov_ri(q->a, QUICK_TEMP, deferred->store_bytes);
    x64_push(q->a, QUICK_TEMP);
    x64_lea(q->a, 8, QUICK_TEMP, deferred->place);
    x64_push(q->a, QUICK_TEMP);
    x64_push(q->a, deferred->object);
    x64_mov_ri(q->a, QUICK_TEMP, (uintptr_t)q->jit->stubs.barrier);
    x64_call_r(q->a, QUICK_TEMP);
    x64_lea(q->a, 8, RSP, x64_at(RSP, 24));
    x64_jmp(q->a, deferred->back);
}
