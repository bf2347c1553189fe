/* Allocation. Small objects are bumped in line out of the thread's buffer, and cleared; the rest,
 * and whatever finds the buffer exhausted, leaves to the collector. Alloca cells are made on the
 * stack with a header that the collector can walk. */
#include "quick.h"

/* The collector's bound on what may be bumped in line; vm/ asserts that they agree. */
#define INLINE_MAX_BYTES MU_JIT_INLINE_BYTES

static uint64_t rounded(uint64_t bytes, uint64_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static const mu_ir_dest *exc_dest(const quick *q, const mu_ir_inst *inst)
{
    return inst->has_exc ? &q->version->dests[inst->dests.first + 1] : NULL;
}

/* Records the slow path: what it saves, its map, and where it lands if memory is out. */
static uint32_t defer_allocation(quick *q, const mu_ir_inst *inst, quick_deferred_kind kind,
                                 mu_code_site_kind site_kind)
{
    uint32_t index = quick_defer(q, kind);
    quick_deferred deferred = q->deferred.items[index];
    quick_collect_saves(q, &deferred, false);
    if (exc_dest(q, inst)) {
        deferred.landing =
            quick_landing(q, exc_dest(q, inst), deferred.saves.items, deferred.saves.count);
    }
    deferred.site =
        quick_site(q, site_kind, deferred.landing, deferred.saves.items, deferred.saves.count);
    quick_release_saves(q, &deferred);
    q->deferred.items[index] = deferred;
    return index;
}

/* A new object; a checked ALLOCA is one too, seen through an iref. */
static void finish_new(quick *q, const mu_ir_inst *inst, x64_gpr result)
{
    quick_result_gpr(q, 0, result);
    uint32_t cell = quick_cell_of(quick_result(q, 0));
    q->cells[cell].non_null = true;
    q->fresh_cell = cell;
    if (inst->op == MU_OP_ALLOCA || inst->op == MU_OP_ALLOCAHYBRID) {
        q->variables[quick_result(q, 0)].path =
            (quick_path){.base = cell, .offset = QUICK_NONE, .non_null = true};
    }
}

static void lower_new_fixed(quick *q, const mu_ir_inst *inst, const mu_abi_type *type)
{
    x64_gpr result = quick_gpr_take(q);
    uint32_t slow = defer_allocation(q, inst, QUICK_DEFER_ALLOCATE, MU_CODE_SITE_ALLOCATE);
    q->deferred.items[slow].type = type;
    q->deferred.items[slow].result_reg = (int8_t)result;
    uint64_t bytes = MU_ABI_HEADER_BYTES + rounded(type->size_bytes, 8);
    if (type->align_bytes > 8 || bytes > INLINE_MAX_BYTES) {
        x64_jmp(q->a, q->deferred.items[slow].label);
    } else {
        x64_load(q->a, 8, result, x64_at(QUICK_THREAD, MU_THREAD_alloc_cursor));
        x64_lea(q->a, 8, QUICK_TEMP, x64_at(result, (int32_t)bytes));
        x64_alu_rm(q->a, X64_CMP, 8, QUICK_TEMP, x64_at(QUICK_THREAD, MU_THREAD_alloc_limit));
        x64_jcc(q->a, X64_A, q->deferred.items[slow].label);
        x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_alloc_cursor), QUICK_TEMP);
        x64_alu_ri(q->a, X64_ADD, 8, result, MU_ABI_HEADER_BYTES);
        quick_clear_new(q, inst, bytes - MU_ABI_HEADER_BYTES, result);
        x64_mov_ri(q->a, QUICK_TEMP, (uintptr_t)type);
        x64_store(q->a, 8, x64_at(result, -(int32_t)MU_ABI_HEADER_BYTES), QUICK_TEMP);
    }
    x64_bind(q->a, q->deferred.items[slow].back);
    finish_new(q, inst, result);
}

static void lower_new_hybrid(quick *q, const mu_ir_inst *inst, const mu_abi_type *type)
{
    mu_ir_value length = q->version->operands[inst->operands.first];
    x64_gpr count = quick_read_saturated(q, length);
    x64_gpr result = quick_gpr_take(q);
    uint32_t slow = defer_allocation(q, inst, QUICK_DEFER_ALLOCATE, MU_CODE_SITE_ALLOCATE);
    q->deferred.items[slow].type = type;
    q->deferred.items[slow].result_reg = (int8_t)result;
    q->deferred.items[slow].length_reg = (int8_t)count;
    uint64_t stride = type->stride_bytes;
    uint64_t prefix = MU_ABI_HEADER_BYTES + MU_ABI_LENGTH_BYTES;
    bool is_scale = stride == 1 || stride == 2 || stride == 4 || stride == 8;
    uint64_t overhead =
        type->size_bytes + stride + 7 + prefix; /* one element more than asked for */
    if (type->align_bytes > 8 || !is_scale || overhead > INLINE_MAX_BYTES) {
        x64_jmp(q->a, q->deferred.items[slow].label);
    } else {
        x64_alu_ri(q->a, X64_CMP, 8, count, (int32_t)((INLINE_MAX_BYTES - overhead) / stride));
        x64_jcc(q->a, X64_A, q->deferred.items[slow].label);
        x64_lea(
            q->a, 8, QUICK_TEMP,
            x64_at_index(X64_NO_GPR, count, (uint8_t)__builtin_ctzll(stride), (int32_t)overhead));
        x64_alu_ri(q->a, X64_AND, 8, QUICK_TEMP, -8);
        x64_load(q->a, 8, result, x64_at(QUICK_THREAD, MU_THREAD_alloc_cursor));
        x64_alu_rr(q->a, X64_ADD, 8, QUICK_TEMP, result);
        x64_alu_rm(q->a, X64_CMP, 8, QUICK_TEMP, x64_at(QUICK_THREAD, MU_THREAD_alloc_limit));
        x64_jcc(q->a, X64_A, q->deferred.items[slow].label);
        x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_alloc_cursor), QUICK_TEMP);
        x64_alu_ri(q->a, X64_ADD, 8, result, (int32_t)prefix);
        quick_clear_down(q, QUICK_TEMP, result);
        x64_lea(q->a, 8, QUICK_TEMP, x64_at(count, 1));
        x64_store(q->a, 8, x64_at(result, -(int32_t)prefix), QUICK_TEMP);
        x64_mov_ri(q->a, QUICK_TEMP, (uintptr_t)type);
        x64_store(q->a, 8, x64_at(result, -(int32_t)MU_ABI_HEADER_BYTES), QUICK_TEMP);
    }
    x64_bind(q->a, q->deferred.items[slow].back);
    finish_new(q, inst, result);
}

void quick_lower_new(quick *q, const mu_ir_inst *inst)
{
    const mu_abi_type *type = mu_jit_descriptor(q->version->types[inst->types.first]);
    if (inst->op == MU_OP_NEW || inst->op == MU_OP_ALLOCA) {
        lower_new_fixed(q, inst, type);
    } else {
        lower_new_hybrid(q, inst, type);
    }
}

/* r11 = where a cell of `bytes` (in r11, without its header) will begin; the stack has room for it.
 */
static void reserve_cell(quick *q, uint32_t slow, x64_gpr bytes)
{
    x64_lea(q->a, 8, QUICK_TEMP, x64_at(RSP, -(int32_t)sizeof(mu_abi_alloca)));
    x64_alu_rr(q->a, X64_SUB, 8, QUICK_TEMP, bytes);
    x64_alu_ri(q->a, X64_AND, 8, QUICK_TEMP, -16);
    x64_alu_rm(q->a, X64_CMP, 8, QUICK_TEMP, x64_at(QUICK_THREAD, MU_THREAD_stack_limit));
    /* The slow path is told the lowest address that the cell wants. */
    x64_jcc(q->a, X64_B, q->deferred.items[slow].label);
    x64_bind(q->a, q->deferred.items[slow].back);
    x64_mov_rr(q->a, 8, RSP, QUICK_TEMP);
}

/* Most cells are a few words; larger ones are cleared by the string instruction. */
#define STORES_MAX_BYTES 128

void quick_lower_alloca(quick *q, const mu_ir_inst *inst)
{
    if (q->checked) {
        /* An iref may outlive the frame it was made in; nothing can be known of the memory it then
         * points at. So cells of bundles that are not trusted are objects. */
        quick_lower_new(q, inst);
        return;
    }
    const mu_abi_type *type = mu_jit_descriptor(q->version->types[inst->types.first]);
    bool is_hybrid = inst->op == MU_OP_ALLOCAHYBRID;
    uint64_t fixed = rounded(type->size_bytes, 8);
    bool clears_by_stores = !is_hybrid && fixed <= STORES_MAX_BYTES;
    if (!clears_by_stores) {
        quick_gpr_take_fixed(q, RAX);
        quick_gpr_take_fixed(q, RCX);
        quick_gpr_take_fixed(q, RDI);
    }
    x64_gpr count = RAX;
    x64_gpr bytes = quick_gpr_take(q);
    if (is_hybrid) {
        count = quick_read_saturated(q, q->version->operands[inst->operands.first]);
        uint64_t max = type->stride_bytes ? (1ull << 30) / type->stride_bytes : 1ull << 30;
        x64_alu_ri(q->a, X64_CMP, 8, count, (int32_t)max);
        x64_jcc(q->a, X64_A, quick_error(q, MU_GUEST_ERROR_STACK_OVERFLOW));
        x64_imul_rri(q->a, 8, bytes, count, (int32_t)type->stride_bytes);
        x64_alu_ri(q->a, X64_ADD, 8, bytes, (int32_t)(type->size_bytes + 7));
        x64_alu_ri(q->a, X64_AND, 8, bytes, -8);
    } else {
        x64_mov_ri(q->a, bytes, fixed);
    }
    uint32_t slow = defer_allocation(q, inst, QUICK_DEFER_GROW, MU_CODE_SITE_YIELD);
    q->deferred.items[slow].extra_gpr[0] = (int8_t)bytes;
    q->deferred.items[slow].extra_gpr[1] = is_hybrid ? (int8_t)count : (int8_t)-1;
    reserve_cell(q, slow, bytes);
    if (clears_by_stores) {
        for (uint32_t at = 0; at < fixed; at += 8) {
            x64_store_i(q->a, 8, x64_at(RSP, (int32_t)(sizeof(mu_abi_alloca) + at)), 0);
        }
    } else {
        x64_lea(q->a, 8, RDI, x64_at(RSP, (int32_t)sizeof(mu_abi_alloca)));
        x64_mov_rr(q->a, 8, RCX, bytes);
        x64_shift_ri(q->a, X64_SHR, 8, RCX, 3);
        x64_mov_ri(q->a, RAX, 0);
        x64_rep_stosq(q->a);
    }
    if (is_hybrid) {
        x64_store(q->a, 8, x64_at(RSP, offsetof(mu_abi_alloca, length)), count);
    }
    x64_load(q->a, 8, QUICK_TEMP, quick_slot_mem(q->alloca_slot));
    x64_store(q->a, 8, x64_at(RSP, offsetof(mu_abi_alloca, older)), QUICK_TEMP);
    x64_mov_ri(q->a, QUICK_TEMP, (uintptr_t)type);
    x64_store(q->a, 8, x64_at(RSP, offsetof(mu_abi_alloca, type)), QUICK_TEMP);
    x64_store(q->a, 8, quick_slot_mem(q->alloca_slot), RSP);
    x64_lea(q->a, 8, bytes, x64_at(RSP, (int32_t)sizeof(mu_abi_alloca)));
    uint32_t variable = quick_result(q, 0);
    quick_begin(q, variable);
    quick_define_gpr(q, quick_cell_of(variable) + 1, bytes);
    q->variables[variable].path =
        (quick_path){.base = QUICK_NONE, .offset = quick_cell_of(variable) + 1, .non_null = true};
}
