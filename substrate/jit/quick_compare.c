/* Comparisons, and what uses them. A comparison whose result only feeds the next BRANCH2 or SELECT
 * never becomes a value: the flags are used at once. */
#include "quick.h"

/* What to test after the compare. UCOMIS sets ZF, PF and CF when unordered, so equality needs two
 * tests. */
typedef enum flag_mode {
    FLAGS_ONE,          /* `condition` */
    FLAGS_EQ_ORDERED,   /* E and not P */
    FLAGS_NE_UNORDERED, /* NE or P */
    FLAGS_ALWAYS,
    FLAGS_NEVER,
} flag_mode;
typedef struct flag_test {
    flag_mode mode;
    x64_cond condition;
} flag_test;

x64_cond quick_int_condition(mu_ir_op op)
{
    switch ((int)op) {
    case MU_OP_EQ: return X64_E;
    case MU_OP_NE: return X64_NE;
    case MU_OP_SGE: return X64_GE;
    case MU_OP_SGT: return X64_G;
    case MU_OP_SLE: return X64_LE;
    case MU_OP_SLT: return X64_L;
    case MU_OP_UGE: return X64_AE;
    case MU_OP_UGT: return X64_A;
    case MU_OP_ULE: return X64_BE;
    case MU_OP_ULT: return X64_B;
    default: MU_INVARIANT(false, "%s is no comparison", mu_ir_op_info_of(op)->word);
    }
    return X64_E;
}

static bool is_signed_compare(mu_ir_op op)
{
    return op == MU_OP_SGE || op == MU_OP_SGT || op == MU_OP_SLE || op == MU_OP_SLT;
}

static bool is_odd_width(uint32_t bits)
{
    return bits != 8 && bits != 16 && bits != 32 && bits != 64;
}

static x64_gpr widened(quick *q, mu_ir_value value, uint32_t bits)
{
    x64_gpr copy = quick_copy_gpr(q, value);
    quick_sign_extend(q, copy, bits);
    return copy;
}

static flag_test compare_int(quick *q, const mu_ir_inst *inst, uint32_t bits)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    flag_test test = {FLAGS_ONE, quick_int_condition(inst->op)};
    bool is_odd = is_odd_width(bits);
    if (is_signed_compare(inst->op) && is_odd) {
        x64_gpr right = widened(q, operands[1], bits);
        x64_gpr left = widened(q, operands[0], bits);
        x64_alu_rr(q->a, X64_CMP, 8, left, right);
        return test;
    }
    uint8_t width = is_odd ? 8 : (uint8_t)(bits / 8);
    uint64_t constant;
    if (quick_constant(q, operands[1], &constant)) {
        int64_t value = width == 8   ? (int64_t)constant
                        : width == 4 ? (int32_t)constant
                        : width == 2 ? (int16_t)constant
                                     : (int8_t)constant;
        if (value == (int32_t)value) {
            x64_gpr left = quick_read_gpr(q, operands[0]);
            if (!value && (inst->op == MU_OP_EQ || inst->op == MU_OP_NE)) {
                x64_test_rr(q->a, width, left, left);
            } else {
                x64_alu_ri(q->a, X64_CMP, width, left, (int32_t)value);
            }
            return test;
        }
    }
    x64_gpr left = quick_read_gpr(q, operands[0]);
    x64_gpr right = quick_read_gpr(q, operands[1]);
    x64_alu_rr(q->a, X64_CMP, width, left, right);
    return test;
}

x64_gpr quick_iref_address(quick *q, mu_ir_value value)
{
    quick_settle_path(q, value);
    x64_gpr sum = quick_gpr_take(q); /* may spill the words: before they are looked at */
    quick_operand words[2];
    quick_value_words(q, value, words);
    quick_moves moves = {0};
    MU_ARRAY_PUSH(&moves, ((quick_move){{QUICK_AT_GPR, sum, 0}, words[1]}));
    quick_emit_moves(q, &moves);
    moves.items[0] = (quick_move){{QUICK_AT_GPR, QUICK_TEMP, 0}, words[0]};
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
    x64_alu_rr(q->a, X64_ADD, 8, sum, QUICK_TEMP);
    return sum;
}

static flag_test compare_iref(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    x64_gpr left = quick_iref_address(q, operands[0]);
    x64_gpr right = quick_iref_address(q, operands[1]);
    x64_alu_rr(q->a, X64_CMP, 8, left, right);
    return (flag_test){FLAGS_ONE, quick_int_condition(inst->op)};
}

static flag_test compare_wide_int(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    quick_pair left = quick_pair_of(q, operands[0]);
    quick_pair right = quick_pair_of(q, operands[1]);
    x64_gpr spare = quick_gpr_take(q);
    return (flag_test){FLAGS_ONE, quick_compare_pairs(q, inst->op, &left, &right, spare)};
}

static flag_test compare_fp(quick *q, const mu_ir_inst *inst, uint8_t width)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    if (inst->op == MU_OP_FFALSE || inst->op == MU_OP_FTRUE) {
        return (flag_test){inst->op == MU_OP_FTRUE ? FLAGS_ALWAYS : FLAGS_NEVER, X64_E};
    }
    bool swaps = inst->op == MU_OP_FOLT || inst->op == MU_OP_FOLE || inst->op == MU_OP_FUGT ||
                 inst->op == MU_OP_FUGE;
    x64_xmm left = quick_read_xmm(q, operands[swaps ? 1 : 0]);
    x64_xmm right = quick_read_xmm(q, operands[swaps ? 0 : 1]);
    x64_fp_compare(q->a, width, left, right);
    switch ((int)inst->op) {
    case MU_OP_FUNO: return (flag_test){FLAGS_ONE, X64_P};
    case MU_OP_FORD: return (flag_test){FLAGS_ONE, X64_NP};
    case MU_OP_FUEQ: return (flag_test){FLAGS_ONE, X64_E};
    case MU_OP_FONE: return (flag_test){FLAGS_ONE, X64_NE};
    case MU_OP_FOEQ: return (flag_test){FLAGS_EQ_ORDERED, X64_E};
    case MU_OP_FUNE: return (flag_test){FLAGS_NE_UNORDERED, X64_NE};
    case MU_OP_FOGT:
    case MU_OP_FOLT: return (flag_test){FLAGS_ONE, X64_A};
    case MU_OP_FOGE:
    case MU_OP_FOLE: return (flag_test){FLAGS_ONE, X64_AE};
    case MU_OP_FULT:
    case MU_OP_FUGT: return (flag_test){FLAGS_ONE, X64_B};
    case MU_OP_FULE:
    case MU_OP_FUGE: return (flag_test){FLAGS_ONE, X64_BE};
    default: MU_INVARIANT(false, "%s is no comparison", mu_ir_op_info_of(inst->op)->word);
    }
    return (flag_test){FLAGS_NEVER, X64_E};
}

static flag_test emit_compare(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_type *type = q->version->types[inst->types.first];
    switch (quick_class_of(type)) {
    case QUICK_FLOAT: return compare_fp(q, inst, 4);
    case QUICK_DOUBLE: return compare_fp(q, inst, 8);
    case QUICK_IREF: return compare_iref(q, inst);
    case QUICK_INT:
    case QUICK_REF: return compare_int(q, inst, quick_int_bits(type));
    case QUICK_COMPOSITE: break;
    }
    return compare_wide_int(q, inst);
}

void quick_lower_compare(quick *q, const mu_ir_inst *inst)
{
    flag_test test = emit_compare(q, inst);
    x64_gpr to = quick_gpr_take(q);
    switch (test.mode) {
    case FLAGS_ALWAYS: x64_mov_ri(q->a, to, 1); break;
    case FLAGS_NEVER: x64_mov_ri(q->a, to, 0); break;
    case FLAGS_ONE:
        x64_set(q->a, test.condition, to);
        x64_zero_extend(q->a, 1, to, to);
        break;
    case FLAGS_EQ_ORDERED:
    case FLAGS_NE_UNORDERED: {
        bool is_eq = test.mode == FLAGS_EQ_ORDERED;
        x64_set(q->a, is_eq ? X64_NP : X64_P, QUICK_TEMP);
        x64_set(q->a, is_eq ? X64_E : X64_NE, to);
        x64_alu_rr(q->a, is_eq ? X64_AND : X64_OR, 4, to, QUICK_TEMP);
        x64_zero_extend(q->a, 1, to, to);
        break;
    }
    }
    quick_result_gpr(q, 0, to);
}

bool quick_fuses(const quick *q, const mu_ir_inst *inst)
{
    const mu_ir_block *block = &q->version->blocks[q->block];
    if (q->inst + 1 >= block->insts.first + block->insts.count) {
        return false;
    }
    /* A signed comparison of an odd width works on copies, which would be taken from operands that
     * the user may still want. */
    const mu_ir_type *type = q->version->types[inst->types.first];
    if (is_signed_compare(inst->op) && is_odd_width(type->bits) && !quick_is_wide_int(type)) {
        return false;
    }
    if (type->kind == MU_IR_VECTOR) {
        return false; /* its result is not flags */
    }
    const mu_ir_inst *user = inst + 1;
    if (user->op != MU_OP_BRANCH2 && user->op != MU_OP_SELECT) {
        return false;
    }
    mu_ir_value condition = q->version->operands[user->operands.first];
    return !mu_ir_value_is_global(condition) &&
           mu_ir_value_index(condition) == inst->results.first &&
           q->variables[inst->results.first].use_count == 1;
}

static const mu_ir_dest *dest_at(const quick *q, const mu_ir_inst *inst, uint32_t index)
{
    return &q->version->dests[inst->dests.first + index];
}

static const quick_operand no_exception = {.kind = QUICK_IMMEDIATE};

static bool loops_back(const quick *q, const mu_ir_dest *dest)
{
    return q->blocks[dest->block].order <= q->blocks[q->block].order;
}

/* Jumps to one destination when the test holds and goes to the other in line: to the next block if
 * that is one of them, else to a loop's head, whose moves are then not out of the way. */
static void branch_on(quick *q, const mu_ir_inst *inst, flag_test test)
{
    const mu_ir_dest *if_true = dest_at(q, inst, 0);
    const mu_ir_dest *if_false = dest_at(q, inst, 1);
    if (test.mode == FLAGS_ALWAYS || test.mode == FLAGS_NEVER) {
        quick_goto(q, test.mode == FLAGS_ALWAYS ? if_true : if_false, no_exception);
        return;
    }
    bool inverts = quick_is_next(q, if_true->block) ||
                   (loops_back(q, if_true) && !quick_is_next(q, if_false->block));
    x64_label away = quick_edge(q, inverts ? if_false : if_true, no_exception);
    if (test.mode == FLAGS_ONE) {
        x64_jcc(q->a, inverts ? (x64_cond)(test.condition ^ 1) : test.condition, away);
    } else {
        bool jumps_on_ne = (test.mode == FLAGS_NE_UNORDERED) != inverts;
        if (jumps_on_ne) {
            x64_jcc(q->a, X64_P, away);
            x64_jcc(q->a, X64_NE, away);
        } else {
            x64_label stay = x64_label_new(q->a);
            x64_jcc(q->a, X64_P, stay);
            x64_jcc(q->a, X64_E, away);
            x64_bind(q->a, stay);
        }
    }
    quick_goto(q, inverts ? if_true : if_false, no_exception);
}

void quick_lower_branch2(quick *q, const mu_ir_inst *inst)
{
    mu_ir_value condition = q->version->operands[inst->operands.first];
    uint64_t constant;
    if (quick_constant(q, condition, &constant)) {
        quick_goto(q, dest_at(q, inst, constant ? 0 : 1), no_exception);
        return;
    }
    x64_gpr reg = quick_read_gpr(q, condition);
    x64_test_rr(q->a, 4, reg, reg);
    branch_on(q, inst, (flag_test){FLAGS_ONE, X64_NE});
}

/* ---- SELECT */

/* Jumps to `label` when the test does not hold. */
static void skip_unless(quick *q, flag_test test, x64_label label)
{
    switch (test.mode) {
    case FLAGS_ALWAYS: break;
    case FLAGS_NEVER: x64_jmp(q->a, label); break;
    case FLAGS_ONE: x64_jcc(q->a, (x64_cond)(test.condition ^ 1), label); break;
    case FLAGS_EQ_ORDERED:
        x64_jcc(q->a, X64_P, label);
        x64_jcc(q->a, X64_NE, label);
        break;
    case FLAGS_NE_UNORDERED: {
        x64_label holds = x64_label_new(q->a);
        x64_jcc(q->a, X64_P, holds);
        x64_jcc(q->a, X64_E, label);
        x64_bind(q->a, holds);
        break;
    }
    }
}

/* Gives the result a place: registers, or slots for a composite. */
static uint32_t open_result(quick *q, mu_ir_type *type, quick_operand *to)
{
    uint32_t variable = quick_result(q, 0);
    uint32_t words = quick_words_of(type);
    quick_class class = quick_class_of(type);
    if (class == QUICK_COMPOSITE) {
        quick_begin(q, variable);
        q->variables[variable].slot = quick_slot_take(q, words);
        for (uint32_t i = 0; i < words; i++) {
            to[i] = (quick_operand){QUICK_AT_SLOT, q->variables[variable].slot + words - 1 - i, 0};
        }
        return words;
    }
    if (class == QUICK_FLOAT || class == QUICK_DOUBLE) {
        x64_xmm reg = quick_xmm_take(q);
        to[0] = (quick_operand){QUICK_AT_XMM, reg, 0};
        quick_result_xmm(q, 0, reg);
        return 1;
    }
    x64_gpr regs[2] = {RAX, RAX};
    for (uint32_t i = 0; i < words; i++) {
        regs[i] = quick_gpr_take(q);
        to[i] = (quick_operand){QUICK_AT_GPR, regs[i], 0};
    }
    quick_begin(q, variable);
    for (uint32_t i = 0; i < words; i++) {
        quick_define_gpr(q, quick_cell_of(variable) + i, regs[i]);
    }
    if (class == QUICK_IREF) {
        q->variables[variable].path =
            (quick_path){.base = quick_cell_of(variable), .offset = quick_cell_of(variable) + 1};
    }
    return words;
}

static void move_words(quick *q, const quick_operand *to, mu_ir_value value, uint32_t words)
{
    quick_operand *from = MU_ARENA_ARRAY(q->arena, quick_operand, words);
    quick_moves moves = {0};
    quick_value_words(q, value, from);
    for (uint32_t i = 0; i < words; i++) {
        MU_ARRAY_PUSH(&moves, ((quick_move){to[i], from[i]}));
    }
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
}

/* The result's place is decided, then one of two sets of moves is done. Everything that could emit
 * code or change places comes before the test, so that both ways agree. */
static void lower_select(quick *q, const mu_ir_inst *inst, const mu_ir_inst *compare)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    mu_ir_type *type = q->version->types[inst->types.first + 1];
    quick_settle_path(q, operands[1]);
    quick_settle_path(q, operands[2]);
    quick_operand *to = MU_ARENA_ARRAY(q->arena, quick_operand, quick_words_of(type));
    flag_test test = {FLAGS_ONE, X64_NE};
    x64_gpr condition = compare ? RAX : quick_read_gpr(q, operands[0]);
    uint32_t words = open_result(q, type, to);
    if (compare) {
        test = emit_compare(q, compare);
    } else {
        x64_test_rr(q->a, 4, condition, condition);
    }
    x64_label otherwise = x64_label_new(q->a);
    x64_label done = x64_label_new(q->a);
    skip_unless(q, test, otherwise);
    move_words(q, to, operands[1], words);
    x64_jmp(q->a, done);
    x64_bind(q->a, otherwise);
    move_words(q, to, operands[2], words);
    x64_bind(q->a, done);
}

void quick_lower_select(quick *q, const mu_ir_inst *inst)
{
    lower_select(q, inst, NULL);
}

void quick_lower_fused(quick *q, const mu_ir_inst *compare, const mu_ir_inst *user)
{
    quick_begin(q, compare->results.first); /* it has no place, but it is released like others */
    if (user->op == MU_OP_BRANCH2) {
        branch_on(q, user, emit_compare(q, compare));
    } else {
        lower_select(q, user, compare);
    }
}
