/* Compare-and-exchange and exchange of irefs: two words at once, by CMPXCHG16B. That instruction
 * has fixed registers: rdx:rax for what is expected and what was there, rcx:rbx for what is to be.
 */
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

static void define_old(quick *q)
{
    uint32_t variable = quick_result(q, 0);
    uint32_t cell = quick_cell_of(variable);
    quick_begin(q, variable);
    quick_define_gpr(q, cell, RAX);
    quick_define_gpr(q, cell + 1, RDX);
    q->variables[variable].path = (quick_path){.base = cell, .offset = cell + 1};
}

void quick_lower_cmpxchg_iref(quick *q, const mu_ir_inst *inst)
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

void quick_lower_exchange_iref(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    x64_label again = x64_label_new(q->a);
    quick_settle_values(q, operands + 1, 1);
    x64_gpr address = take_place(q, operands[0], q->version->types[inst->types.first]);
    move_words(q, operands[1], RBX, RCX);
    x64_load(q->a, 8, RAX, x64_at(address, 0));
    x64_load(q->a, 8, RDX, x64_at(address, 8));
    x64_bind(q->a, again);
    x64_lock_cmpxchg16b(q->a, x64_at(address, 0));
    x64_jcc(q->a, X64_NE, again);
    define_old(q);
}
