/* The native interface: addresses and accesses by pointers, which are plain words, and calls of C
 * functions. Only NULL is checked; what else a pointer leads to is the program's own affair. */
#include "quick.h"

x64_mem quick_pointer_access(quick *q, mu_ir_value location)
{
    uint64_t constant;
    bool is_constant = quick_constant(q, location, &constant);
    /* In its register before the edge of the error is made: that notes where things are. */
    x64_gpr reg = quick_read_gpr(q, location);
    quick_cell *cell = is_constant ? NULL : &q->cells[quick_cell_of(mu_ir_value_index(location))];
    if (is_constant && !constant) {
        x64_jmp(q->a, quick_error(q, MU_GUEST_ERROR_NULL_DEREFERENCE));
    } else if (cell && !cell->non_null) {
        x64_label null = quick_error(q, MU_GUEST_ERROR_NULL_DEREFERENCE);
        x64_test_rr(q->a, 8, reg, reg);
        x64_jcc(q->a, X64_E, null);
        cell->non_null = true;
    }
    return x64_at(reg, 0);
}

/* to = from + distance */
static void add_distance(quick *q, x64_gpr to, x64_gpr from, uint64_t distance)
{
    if ((int64_t)distance == (int32_t)distance) {
        x64_lea(q->a, 8, to, x64_at(from, (int32_t)distance));
        return;
    }
    x64_mov_ri(q->a, QUICK_TEMP, distance);
    x64_lea(q->a, 8, to, x64_at_index(from, QUICK_TEMP, 0, 0));
}

static void add_index(quick *q, x64_gpr to, x64_gpr from, mu_ir_value index, uint32_t bits,
                      uint64_t stride)
{
    uint64_t constant;
    if (quick_constant(q, index, &constant)) {
        uint64_t steps =
            bits >= 64 ? constant : (uint64_t)((int64_t)(constant << (64 - bits)) >> (64 - bits));
        add_distance(q, to, from, steps * stride);
        return;
    }
    x64_mov_rr(q->a, 8, to, quick_read_low_word(q, index));
    quick_sign_extend(q, to, bits);
    quick_multiply(q, to, stride, NULL);
    x64_alu_rr(q->a, X64_ADD, 8, to, from);
}

void quick_lower_pointer_address(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    const mu_ir_type *type = q->version->types[inst->types.first];
    x64_gpr from = quick_read_gpr(q, operands[0]);
    x64_gpr to = quick_gpr_take(q);
    switch ((int)inst->op) {
    case MU_OP_GETFIELDIREF: add_distance(q, to, from, type->offsets[inst->literal]); break;
    case MU_OP_GETVARPARTIREF: add_distance(q, to, from, type->size_bytes); break;
    default: {
        const mu_ir_type *index_type = q->version->types[inst->types.first + 1];
        uint64_t stride = inst->op == MU_OP_GETELEMIREF ? type->stride_bytes : type->size_bytes;
        add_index(q, to, from, operands[1], index_type->bits, stride);
        break;
    }
    }
    quick_result_gpr(q, 0, to);
}

/* ---- calls of C functions */

#define C_GPR_ARGS 6
#define C_XMM_ARGS 8

static bool is_scalar(const mu_ir_type *type)
{
    return quick_class_of(type) != QUICK_COMPOSITE;
}

static bool is_fp(const mu_ir_type *type)
{
    return type->kind == MU_IR_FLOAT || type->kind == MU_IR_DOUBLE;
}

/* Do arguments and result travel in C's registers, each in one? */
static bool is_plain(const mu_ir_sig *sig)
{
    uint32_t xmm = 0;
    bool plain = !sig->result_count || is_scalar(sig->results[0]);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        plain &= is_scalar(sig->params[i]);
        xmm += is_fp(sig->params[i]);
    }
    return plain && xmm <= C_XMM_ARGS && sig->param_count - xmm <= C_GPR_ARGS;
}

/* The function's address in a register, which is not NULL. */
static x64_gpr read_function(quick *q, mu_ir_value function)
{
    uint64_t constant;
    x64_gpr reg = quick_read_gpr(q, function);
    if (!quick_constant(q, function, &constant)) {
        x64_label null = quick_error(q, MU_GUEST_ERROR_NULL_FUNCTION);
        x64_test_rr(q->a, 8, reg, reg);
        x64_jcc(q->a, X64_E, null);
    } else if (!constant) {
        x64_jmp(q->a, quick_error(q, MU_GUEST_ERROR_NULL_FUNCTION));
    }
    return reg;
}

/* Gives the number of xmm registers used. */
static uint32_t move_plain_arguments(quick *q, const mu_ir_value *values, const mu_ir_sig *sig)
{
    static const x64_gpr order[C_GPR_ARGS] = {RDI, RSI, RDX, RCX, R8, R9};
    uint32_t gpr = 0;
    uint32_t xmm = 0;
    quick_moves moves = {0};
    for (uint32_t i = 0; i < sig->param_count; i++) {
        quick_operand from;
        quick_operand to = {.kind = QUICK_AT_XMM, .index = xmm};
        if (is_fp(sig->params[i])) {
            xmm++;
        } else {
            to = (quick_operand){.kind = QUICK_AT_GPR, .index = order[gpr++]};
        }
        quick_value_words(q, values[i], &from);
        MU_ARRAY_PUSH(&moves, ((quick_move){to, from}));
    }
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
    return xmm;
}

/* The first call of C on a Mu stack gets its C stack from the runtime. */
static void get_native_stack(quick *q, uint32_t landing)
{
    uint32_t index = quick_defer(q, QUICK_DEFER_NATIVE_STACK);
    q->deferred.items[index].site = quick_site(q, MU_CODE_SITE_HELPER, landing, NULL, 0);
    x64_load(q->a, 8, R13, x64_at(QUICK_THREAD, MU_THREAD_ccall_sp));
    x64_test_rr(q->a, 8, R13, R13);
    x64_jcc(q->a, X64_E, q->deferred.items[index].label);
    x64_bind(q->a, q->deferred.items[index].back);
}

void quick_emit_native_stack(quick *q, const quick_deferred *deferred)
{
    quick_call_leave(q, MU_ABI_LEAVE_NATIVE_STACK);
    quick_site_here(q, deferred->site);
    x64_load(q->a, 8, R13, x64_at(QUICK_THREAD, MU_THREAD_ccall_sp));
    x64_jmp(q->a, deferred->back);
}

void quick_emit_native_moved(quick *q, const quick_deferred *deferred)
{
    x64_load(q->a, 8, QUICK_THREAD, x64_at(R13, 0));
    x64_jmp(q->a, deferred->back);
}

/* A Mu stack has no room for C, so the call is made on the C stack that belongs to it. Where this
 * frame is has to be known if C calls back. C keeps r12, r13 and rbp, and r15 as well, but then
 * another thread may run this stack: C's stack tells. That is compared, and not simply loaded, so
 * that the next call need not wait for it. */
static void call_on_native_stack(quick *q, const mu_ir_inst *inst, uint32_t xmm_count)
{
    uint32_t landing = quick_landing_of(q, inst);
    uint32_t site = quick_site(q, MU_CODE_SITE_CALL, QUICK_NONE, NULL, 0);
    get_native_stack(q, landing);
    x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_mu_sp), RSP);
    if (q->uses_alloca) { /* otherwise it is as far from rsp as the frame is large */
        x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_mu_fp), RBP);
    }
    x64_mov_rr(q->a, 8, R12, RSP);
    x64_mov_rr(q->a, 8, RSP, R13);
    x64_mov_ri(q->a, RAX, xmm_count); /* for functions with variable arguments */
    x64_call_r(q->a, RBX);
    quick_site_here(q, site);
    uint32_t moved = quick_defer(q, QUICK_DEFER_NATIVE_MOVED);
    x64_alu_rm(q->a, X64_CMP, 8, QUICK_THREAD, x64_at(R13, 0));
    x64_jcc(q->a, X64_NE, q->deferred.items[moved].label);
    x64_bind(q->a, q->deferred.items[moved].back);
    x64_mov_rr(q->a, 8, RSP, R12);
}

static void take_plain_result(quick *q, const mu_ir_type *type)
{
    if (is_fp(type)) {
        quick_result_xmm(q, 0, XMM0);
        return;
    }
    quick_cut(q, RAX, quick_int_bits(type)); /* C leaves bits beyond a value's own as they are */
    quick_result_gpr(q, 0, RAX);
}

static void lower_plain_ccall(quick *q, const mu_ir_inst *inst, const mu_ir_sig *sig)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    quick_spill_live(q);
    /* Where the moves of arguments do not reach. */
    quick_gpr_take_fixed(q, RBX);
    x64_mov_rr(q->a, 8, RBX, read_function(q, operands[0]));
    uint32_t xmm_count = move_plain_arguments(q, operands + 1, sig);
    quick_forget_registers(q);
    call_on_native_stack(q, inst, xmm_count);
    if (sig->result_count) {
        take_plain_result(q, sig->results[0]);
    }
}

void quick_lower_ccall(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    const mu_ir_sig *sig = q->version->sigs[inst->sigs.first];
    if (is_plain(sig)) {
        lower_plain_ccall(q, inst, sig);
        return;
    }
    quick_spill_live(q);
    x64_store(q->a, 8, x64_at(QUICK_THREAD, MU_THREAD_callee), read_function(q, operands[0]));
    quick_move_arguments(q, operands + 1, inst->operands.count - 1, sig->params);
    quick_forget_registers(q);
    quick_leave_at(q, inst, MU_ABI_LEAVE_CCALL, MU_CODE_SITE_CALL);
    quick_take_results(q, inst, sig->results, sig->result_count);
}
