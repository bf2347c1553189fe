/* Atomic operations on 16 bytes, irefs and ints of more than 64 bits: two words at once, by
 * CMPXCHG16B. That instruction has fixed registers: rdx:rax for what is expected and what was
 * there, rcx:rbx for what is to be. It wants its operand aligned to 16, which every location of
 * such a type is; a pointer that is not faults (MEMORY_FAULT), so nothing is ever torn. */
#include "quick.h"

static const x64_gpr fixed[] = {RAX, RDX, RBX, RCX};

/* The address of the location in a register that is none of those; everything else is taken. */
static x64_gpr take_place(quick *q, mu_ir_value location, mu_ir_type *type)
{
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        quick_gpr_take_fixed(q, fixed[i]);
    }
    x64_mem mem = quick_access(q, location);
    x64_gpr address = quick_gpr_take(q);
    quick_barrier(q, location, mem, type);
    x64_lea(q->a, 8, address, mem);
    return address;
}

static void move_words(quick *q, mu_ir_value value, x64_gpr low, x64_gpr high)
{
    quick_operand words[2];
    quick_moves moves = {0};
    quick_value_words(q, value, words);
    MU_ARRAY_PUSH(&moves, ((quick_move){{QUICK_AT_GPR, low, 0}, words[0]}));
    MU_ARRAY_PUSH(&moves, ((quick_move){{QUICK_AT_GPR, high, 0}, words[1]}));
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
}

/* What was there, in rdx:rax. */
static void define_old(quick *q)
{
    uint32_t variable = quick_result(q, 0);
    if (q->variables[variable].class == QUICK_COMPOSITE) {
        quick_result_pair(q, 0, RAX, RDX);
        return;
    }
    uint32_t cell = quick_cell_of(variable);
    quick_begin(q, variable);
    quick_define_gpr(q, cell, RAX);
    quick_define_gpr(q, cell + 1, RDX);
    q->variables[variable].path = (quick_path){.base = cell, .offset = cell + 1};
}

void quick_lower_cmpxchg_16(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    quick_settle_values(q, operands + 1, 2);
    x64_gpr address = take_place(q, operands[0], q->version->types[inst->types.first]);
    move_words(q, operands[1], RAX, RDX);
    move_words(q, operands[2], RBX, RCX);
    x64_lock_cmpxchg16b(q->a, x64_at(address, 0));
    x64_set(q->a, X64_E, RBX);
    x64_zero_extend(q->a, 1, RBX, RBX);
    define_old(q);
    quick_result_gpr(q, 1, RBX);
}

/* rcx:rbx = the greater (or less) of what was there and the operand. */
static void choose(quick *q, mu_ir_rmw rmw, const quick_pair *operand)
{
    bool is_signed = rmw == MU_RMW_MAX || rmw == MU_RMW_MIN;
    bool is_max = rmw == MU_RMW_MAX || rmw == MU_RMW_UMAX;
    quick_load_half(q, RBX, operand, 0);
    quick_load_half(q, RCX, operand, 1);
    x64_mov_rr(q->a, 8, QUICK_TEMP, RDX);
    x64_alu_rr(q->a, X64_CMP, 8, RAX, RBX);
    x64_alu_rr(q->a, X64_SBB, 8, QUICK_TEMP, RCX);
    x64_cond keeps = is_signed ? X64_L : X64_B;
    if (is_max) {
        keeps = (x64_cond)(keeps ^ 1);
    }
    x64_cmov(q->a, keeps, 8, RBX, RAX);
    x64_cmov(q->a, keeps, 8, RCX, RDX);
}

/* rcx:rbx = what was there combined with the operand. */
static void combine(quick *q, mu_ir_rmw rmw, const quick_pair *operand)
{
    x64_mov_rr(q->a, 8, RBX, RAX);
    x64_mov_rr(q->a, 8, RCX, RDX);
    switch (rmw) {
    case MU_RMW_XCHG: break; /* is not combined */
    case MU_RMW_ADD: quick_combine_pairs(q, X64_ADD, X64_ADC, RBX, RCX, operand); break;
    case MU_RMW_SUB: quick_combine_pairs(q, X64_SUB, X64_SBB, RBX, RCX, operand); break;
    case MU_RMW_AND: quick_combine_pairs(q, X64_AND, X64_AND, RBX, RCX, operand); break;
    case MU_RMW_NAND:
        quick_combine_pairs(q, X64_AND, X64_AND, RBX, RCX, operand);
        x64_unary_r(q->a, X64_NOT, 8, RBX);
        x64_unary_r(q->a, X64_NOT, 8, RCX);
        break;
    case MU_RMW_OR: quick_combine_pairs(q, X64_OR, X64_OR, RBX, RCX, operand); break;
    case MU_RMW_XOR: quick_combine_pairs(q, X64_XOR, X64_XOR, RBX, RCX, operand); break;
    case MU_RMW_MAX:
    case MU_RMW_MIN:
    case MU_RMW_UMAX:
    case MU_RMW_UMIN: choose(q, rmw, operand); break;
    }
}

void quick_lower_atomicrmw_16(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    mu_ir_rmw rmw = (mu_ir_rmw)inst->rmw;
    quick_pair operand = {0};
    x64_label again = x64_label_new(q->a);
    quick_settle_values(q, operands + 1, 1);
    x64_gpr address = take_place(q, operands[0], q->version->types[inst->types.first]);
    if (rmw == MU_RMW_XCHG) {
        move_words(q, operands[1], RBX, RCX);
    } else {
        operand = quick_pair_of(q, operands[1]);
    }
    x64_load(q->a, 8, RAX, x64_at(address, 0));
    x64_load(q->a, 8, RDX, x64_at(address, 8));
    x64_bind(q->a, again);
    if (rmw != MU_RMW_XCHG) {
        combine(q, rmw, &operand);
    }
    x64_lock_cmpxchg16b(q->a, x64_at(address, 0));
    x64_jcc(q->a, X64_NE, again);
    define_old(q);
}
