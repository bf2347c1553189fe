/* Accesses and new objects. */
#include "hot_emit.h"

x64_mem hot_mem(hot_emitter *e, const hot_address *address)
{
    x64_mem mem = {X64_NO_GPR, X64_NO_GPR, address->scale_log2, address->displacement};
    if (address->is_global) {
        x64_load(e->q.a, 8, QUICK_TEMP2, x64_at(QUICK_THREAD, MU_THREAD_globals));
        mem.base = QUICK_TEMP2;
    }
    if (address->base_at >= 0) {
        mem.base = hot_gpr(e, address->base_at);
    }
    if (address->index_at >= 0) {
        mem.index = hot_gpr(e, address->index_at);
    }
    if (mem.base == X64_NO_GPR && mem.scale_log2 == 0) {
        mem.base = mem.index;
        mem.index = X64_NO_GPR;
    }
    return mem;
}

/* What never changes stands before the object: its header, without the flags, and its length. */
static void load_fixed(hot_emitter *e, x64_gpr to)
{
    const hot_inst *inst = hot_now(e);
    const mu_opt_node *n = hot_of(e->code, inst->node);
    x64_gpr base = hot_gpr(e, inst->address.base_at);
    if (n->op == MU_OPT_DESCRIPTOR) {
        x64_load(e->q.a, 8, to, x64_at(base, -(int32_t)MU_ABI_HEADER_BYTES));
        x64_alu_ri(e->q.a, X64_AND, 8, to, -(int32_t)(MU_ABI_HEADER_FLAGS + 1));
    } else if (n->op == MU_OPT_LENGTH) {
        int32_t at = -(int32_t)(MU_ABI_HEADER_BYTES + MU_ABI_LENGTH_BYTES);
        x64_load(e->q.a, 8, to, x64_at(base, at));
    } else {
        x64_load(e->q.a, n->width, to, x64_at(base, (int32_t)n->imm));
    }
}

void hot_emit_load(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    if (hot_of(e->code, inst->node)->op != MU_OPT_LOAD) {
        load_fixed(e, hot_gpr(e, inst->def));
        return;
    }
    x64_mem mem = hot_mem(e, &inst->address);
    if (inst->is_fp) {
        x64_fp_load(e->q.a, inst->width, hot_xmm(e, inst->def), mem);
    } else {
        x64_load(e->q.a, inst->width, hot_gpr(e, inst->def), mem);
    }
}

void hot_emit_store(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    x64_mem mem = hot_mem(e, &inst->address);
    if (inst->has_immediate) {
        x64_store_i(e->q.a, inst->width, mem, (int32_t)inst->immediate);
    } else if (inst->is_fp) {
        x64_fp_store(e->q.a, inst->width, mem, hot_xmm(e, inst->a));
    } else {
        x64_store(e->q.a, inst->width, mem, hot_gpr(e, inst->a));
    }
}

void hot_emit_barrier(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    x64_gpr object = hot_gpr(e, inst->address.base_at);
    uint32_t index = hot_slow_new(e, HOT_SLOW_BARRIER);
    e->slow.items[index].place = hot_mem(e, &inst->address);
    if (hot_of(e->code, inst->node)->cond) { /* an iref of an ALLOCA cell has no base */
        x64_test_rr(e->q.a, 8, object, object);
        x64_jcc(e->q.a, X64_E, e->slow.items[index].back);
    }
    x64_test_mi(e->q.a, 1, x64_at(object, -(int32_t)MU_ABI_HEADER_BYTES), MU_ABI_HEADER_UNLOGGED);
    x64_jcc(e->q.a, X64_NE, e->slow.items[index].label);
    x64_bind(e->q.a, e->slow.items[index].back);
}

/* ---- objects */

static void bump(hot_emitter *e, const mu_abi_type *type, uint64_t bytes, x64_label slow)
{
    const hot_inst *inst = hot_now(e);
    x64_gpr result = hot_gpr(e, inst->def);
    x64_assembler *a = e->q.a;
    x64_load(a, 8, result, x64_at(QUICK_THREAD, MU_THREAD_alloc_cursor));
    x64_lea(a, 8, QUICK_TEMP, x64_at(result, (int32_t)bytes));
    x64_alu_rm(a, X64_CMP, 8, QUICK_TEMP, x64_at(QUICK_THREAD, MU_THREAD_alloc_limit));
    x64_jcc(a, X64_A, slow);
    x64_store(a, 8, x64_at(QUICK_THREAD, MU_THREAD_alloc_cursor), QUICK_TEMP);
    x64_alu_ri(a, X64_ADD, 8, result, MU_ABI_HEADER_BYTES);
    const mu_ir_inst *ir = &e->q.version->insts[hot_of(e->code, inst->node)->inst];
    quick_clear_new(&e->q, ir, bytes - MU_ABI_HEADER_BYTES, result);
    x64_mov_ri(a, QUICK_TEMP, (uintptr_t)type);
    x64_store(a, 8, x64_at(result, -(int32_t)MU_ABI_HEADER_BYTES), QUICK_TEMP);
}

static void bump_hybrid(hot_emitter *e, const mu_abi_type *type, x64_label slow)
{
    const hot_inst *inst = hot_now(e);
    x64_gpr result = hot_gpr(e, inst->def);
    x64_gpr count = hot_gpr(e, inst->a);
    x64_assembler *a = e->q.a;
    uint64_t stride = type->stride_bytes;
    uint64_t prefix = MU_ABI_HEADER_BYTES + MU_ABI_LENGTH_BYTES;
    uint64_t overhead = type->size_bytes + stride + 7 + prefix;
    uint8_t log2 = (uint8_t)__builtin_ctzll(stride);
    x64_alu_ri(a, X64_CMP, 8, count, (int32_t)((MU_JIT_INLINE_BYTES - overhead) / stride));
    x64_jcc(a, X64_A, slow);
    x64_lea(a, 8, QUICK_TEMP, x64_at_index(X64_NO_GPR, count, log2, (int32_t)overhead));
    x64_alu_ri(a, X64_AND, 8, QUICK_TEMP, -8);
    x64_load(a, 8, result, x64_at(QUICK_THREAD, MU_THREAD_alloc_cursor));
    x64_alu_rr(a, X64_ADD, 8, QUICK_TEMP, result);
    x64_alu_rm(a, X64_CMP, 8, QUICK_TEMP, x64_at(QUICK_THREAD, MU_THREAD_alloc_limit));
    x64_jcc(a, X64_A, slow);
    x64_store(a, 8, x64_at(QUICK_THREAD, MU_THREAD_alloc_cursor), QUICK_TEMP);
    x64_alu_ri(a, X64_ADD, 8, result, (int32_t)prefix);
    quick_clear_down(&e->q, QUICK_TEMP, result);
    x64_lea(a, 8, QUICK_TEMP, x64_at(count, 1));
    x64_store(a, 8, x64_at(result, -(int32_t)prefix), QUICK_TEMP);
    x64_mov_ri(a, QUICK_TEMP, (uintptr_t)type);
    x64_store(a, 8, x64_at(result, -(int32_t)MU_ABI_HEADER_BYTES), QUICK_TEMP);
}

void hot_emit_new(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    const mu_abi_type *type = mu_jit_descriptor(hot_of(e->code, inst->node)->type);
    uint32_t index = hot_slow_new(e, HOT_SLOW_NEW);
    e->slow.items[index].site = hot_site(e, MU_CODE_SITE_ALLOCATE);
    x64_label slow = e->slow.items[index].label;
    uint64_t bytes = MU_ABI_HEADER_BYTES + (type->size_bytes + 7) / 8 * 8;
    uint64_t stride = type->stride_bytes;
    bool is_scale = stride == 1 || stride == 2 || stride == 4 || stride == 8;
    uint64_t least = type->is_hybrid ? type->size_bytes + stride + 23 : bytes;
    bool fits = type->align_bytes <= 8 && least <= MU_JIT_INLINE_BYTES;
    if (!fits || (type->is_hybrid && !is_scale)) {
        x64_jmp(e->q.a, slow);
    } else if (type->is_hybrid) {
        bump_hybrid(e, type, slow);
    } else {
        bump(e, type, bytes, slow);
    }
    x64_bind(e->q.a, e->slow.items[index].back);
}

/* ---- irefs that move: quick_checks.c says why */

static void check_hybrid(hot_emitter *e, const mu_ir_type *type, x64_label slow)
{
    x64_assembler *a = e->q.a;
    x64_gpr base = hot_gpr(e, 0);
    x64_gpr from = hot_gpr(e, 1);
    x64_gpr to = hot_gpr(e, 2);
    x64_mem size = x64_at(QUICK_TEMP2, offsetof(mu_abi_type, size_bytes));
    x64_test_rr(a, 8, base, base);
    x64_jcc(a, X64_E, slow);
    x64_load(a, 8, QUICK_TEMP2, x64_at(base, -(int32_t)MU_ABI_HEADER_BYTES));
    x64_alu_ri(a, X64_AND, 8, QUICK_TEMP2, -(int32_t)(MU_ABI_HEADER_FLAGS + 1));
    x64_alu_mi(a, X64_CMP, 4, x64_at(QUICK_TEMP2, offsetof(mu_abi_type, element_canonical)),
               (int32_t)type->canonical);
    x64_jcc(a, X64_NE, slow);
    x64_alu_rm(a, X64_CMP, 8, from, size);
    x64_jcc(a, X64_B, slow);
    x64_mov_rr(a, 8, QUICK_TEMP, to);
    x64_alu_rm(a, X64_SUB, 8, QUICK_TEMP, size);
    int32_t length = -(int32_t)(MU_ABI_HEADER_BYTES + MU_ABI_LENGTH_BYTES);
    x64_load(a, 8, QUICK_TEMP2, x64_at(base, length));
    if (type->size_bytes && !(type->size_bytes & (type->size_bytes - 1))) {
        x64_shift_ri(a, X64_SHL, 8, QUICK_TEMP2, (uint8_t)__builtin_ctzll(type->size_bytes));
    } else {
        x64_imul_rri(a, 8, QUICK_TEMP2, QUICK_TEMP2, (int32_t)type->size_bytes);
    }
    x64_alu_rr(a, X64_CMP, 8, QUICK_TEMP, QUICK_TEMP2);
    x64_jcc(a, X64_AE, slow);
}

void hot_emit_check_shift(hot_emitter *e)
{
    const mu_ir_type *type = hot_of(e->code, hot_now(e)->node)->type;
    uint32_t index = hot_slow_new(e, HOT_SLOW_SHIFT);
    e->slow.items[index].site = hot_site(e, MU_CODE_SITE_HELPER);
    if (type->size_bytes <= INT32_MAX) {
        check_hybrid(e, type, e->slow.items[index].label);
    } else {
        x64_jmp(e->q.a, e->slow.items[index].label);
    }
    x64_bind(e->q.a, e->slow.items[index].back);
}
