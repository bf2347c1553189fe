/* Ints of more than 64 bits, of which there is one width: 128. Such a value is two words in the
 * frame, the low one first. What takes a few instructions is done in line: sums and products,
 * logic, comparisons, shifts by constants, changes of width. Division, other shifts and floating
 * point are left to the runtime (quick_common.c). */
#include "quick.h"

#define WORD_BITS 64u

bool quick_is_wide_int(const mu_ir_type *type)
{
    return type->kind == MU_IR_INT && type->bits > WORD_BITS;
}

quick_pair quick_pair_at(x64_mem mem)
{
    return (quick_pair){.mem = mem};
}

quick_pair quick_pair_of(quick *q, mu_ir_value value)
{
    quick_operand words[2];
    quick_value_words(q, value, words);
    if (words[0].kind == QUICK_IMMEDIATE) {
        return (quick_pair){.is_constant = true, .words = {words[0].immediate, words[1].immediate}};
    }
    return quick_pair_at(quick_slot_mem(words[0].index));
}

void quick_load_half(quick *q, x64_gpr reg, const quick_pair *pair, uint32_t half)
{
    if (pair->is_constant) {
        x64_mov_ri(q->a, reg, pair->words[half]);
        return;
    }
    x64_mem mem = pair->mem;
    mem.displacement += (int32_t)(8 * half);
    x64_load(q->a, 8, reg, mem);
}

void quick_result_pair(quick *q, uint32_t index, x64_gpr low, x64_gpr high)
{
    uint32_t variable = quick_result(q, index);
    quick_begin(q, variable);
    uint32_t slot = quick_slot_take(q, 2);
    q->variables[variable].slot = slot;
    x64_store(q->a, 8, quick_slot_mem(slot + 1), low);
    x64_store(q->a, 8, quick_slot_mem(slot), high);
}

/* ---- as indices and lengths */

x64_gpr quick_read_low_word(quick *q, mu_ir_value value)
{
    if (!quick_is_wide_int(mu_ir_value_type(q->version, value))) {
        return quick_read_gpr(q, value);
    }
    quick_pair pair = quick_pair_of(q, value);
    x64_gpr reg = quick_gpr_take(q);
    quick_load_half(q, reg, &pair, 0);
    return reg;
}

x64_gpr quick_read_saturated(quick *q, mu_ir_value value)
{
    x64_gpr reg = quick_read_low_word(q, value);
    if (quick_is_wide_int(mu_ir_value_type(q->version, value))) {
        quick_pair pair = quick_pair_of(q, value);
        quick_load_half(q, QUICK_TEMP2, &pair, 1);
        x64_test_rr(q->a, 8, QUICK_TEMP2, QUICK_TEMP2);
        x64_mov_ri(q->a, QUICK_TEMP, UINT64_MAX);
        x64_cmov(q->a, X64_NE, 8, reg, QUICK_TEMP);
    }
    return reg;
}

void quick_jump_unless_word(quick *q, mu_ir_value value, x64_gpr low, x64_label otherwise)
{
    quick_pair pair = quick_pair_of(q, value);
    x64_mov_rr(q->a, 8, QUICK_TEMP, low);
    x64_shift_ri(q->a, X64_SAR, 8, QUICK_TEMP, WORD_BITS - 1);
    quick_load_half(q, QUICK_TEMP2, &pair, 1);
    x64_alu_rr(q->a, X64_CMP, 8, QUICK_TEMP, QUICK_TEMP2);
    x64_jcc(q->a, X64_NE, otherwise);
}

/* ---- arithmetic */

void quick_combine_pairs(quick *q, x64_alu low_op, x64_alu high_op, x64_gpr low, x64_gpr high,
                         const quick_pair *right)
{
    quick_load_half(q, QUICK_TEMP, right, 0);
    x64_alu_rr(q->a, low_op, 8, low, QUICK_TEMP);
    quick_load_half(q, QUICK_TEMP, right, 1);
    x64_alu_rr(q->a, high_op, 8, high, QUICK_TEMP);
}

static void lower_alu(quick *q, x64_alu low_op, x64_alu high_op, const quick_pair *left,
                      const quick_pair *right)
{
    x64_gpr low = quick_gpr_take(q);
    x64_gpr high = quick_gpr_take(q);
    quick_load_half(q, low, left, 0);
    quick_load_half(q, high, left, 1);
    quick_combine_pairs(q, low_op, high_op, low, high, right);
    quick_result_pair(q, 0, low, high);
}

/* The product of the low words is two words; those of a low and a high one go to the high word. */
static void lower_multiply(quick *q, const quick_pair *left, const quick_pair *right)
{
    quick_gpr_take_fixed(q, RAX);
    quick_gpr_take_fixed(q, RDX);
    x64_gpr high = quick_gpr_take(q);
    quick_load_half(q, RAX, left, 0);
    quick_load_half(q, high, left, 1);
    quick_load_half(q, QUICK_TEMP, right, 0);
    quick_load_half(q, QUICK_TEMP2, right, 1);
    x64_imul_rr(q->a, 8, high, QUICK_TEMP);
    x64_imul_rr(q->a, 8, QUICK_TEMP2, RAX);
    x64_alu_rr(q->a, X64_ADD, 8, high, QUICK_TEMP2);
    x64_unary_r(q->a, X64_MUL, 8, QUICK_TEMP);
    x64_alu_rr(q->a, X64_ADD, 8, RDX, high);
    quick_result_pair(q, 0, RAX, RDX);
}

/* Moves `to` by `count` below 64 in one direction; what it loses is not wanted, what comes in is
 * from `from`. */
static void shift_in(quick *q, x64_shift op, x64_gpr to, x64_gpr from, uint32_t count)
{
    if (!count) {
        return;
    }
    x64_shift back = op == X64_SHL ? X64_SHR : X64_SHL;
    x64_mov_rr(q->a, 8, QUICK_TEMP, from);
    x64_shift_ri(q->a, back, 8, QUICK_TEMP, (uint8_t)(WORD_BITS - count));
    x64_shift_ri(q->a, op == X64_SHL ? X64_SHL : X64_SHR, 8, to, (uint8_t)count);
    x64_alu_rr(q->a, X64_OR, 8, to, QUICK_TEMP);
}

static void lower_shift(quick *q, x64_shift op, const quick_pair *left, uint32_t count)
{
    x64_gpr words[2] = {quick_gpr_take(q), quick_gpr_take(q)};
    quick_load_half(q, words[0], left, 0);
    quick_load_half(q, words[1], left, 1);
    /* Bits go from word `source` to word `target`. */
    uint32_t source = op == X64_SHL ? 0 : 1;
    uint32_t target = 1 - source;
    if (count < WORD_BITS) {
        shift_in(q, op, words[target], words[source], count);
        x64_shift_ri(q->a, op, 8, words[source], (uint8_t)count);
    } else {
        x64_mov_rr(q->a, 8, words[target], words[source]);
        x64_shift_ri(q->a, op, 8, words[target], (uint8_t)(count - WORD_BITS));
        if (op == X64_SAR) {
            x64_shift_ri(q->a, op, 8, words[source], WORD_BITS - 1);
        } else {
            x64_mov_ri(q->a, words[source], 0);
        }
    }
    quick_result_pair(q, 0, words[0], words[1]);
}

static bool is_shift(mu_ir_op op)
{
    return op == MU_OP_SHL || op == MU_OP_LSHR || op == MU_OP_ASHR;
}

bool quick_is_wide_inline(quick *q, const mu_ir_inst *inst)
{
    switch ((int)inst->op) {
    case MU_OP_SDIV:
    case MU_OP_SREM:
    case MU_OP_UDIV:
    case MU_OP_UREM:
    case MU_OP_FPTOSI:
    case MU_OP_FPTOUI:
    case MU_OP_SITOFP:
    case MU_OP_UITOFP: return false;
    default:
        return !is_shift(inst->op) ||
               mu_ir_value_is_global(q->version->operands[inst->operands.first + 1]);
    }
}

static void lower_binary(quick *q, mu_ir_op op, const quick_pair *left, const quick_pair *right)
{
    uint32_t count = (uint32_t)right->words[0] & quick_count_mask(2 * WORD_BITS);
    switch ((int)op) {
    case MU_OP_ADD: lower_alu(q, X64_ADD, X64_ADC, left, right); break;
    case MU_OP_SUB: lower_alu(q, X64_SUB, X64_SBB, left, right); break;
    case MU_OP_AND: lower_alu(q, X64_AND, X64_AND, left, right); break;
    case MU_OP_OR: lower_alu(q, X64_OR, X64_OR, left, right); break;
    case MU_OP_XOR: lower_alu(q, X64_XOR, X64_XOR, left, right); break;
    case MU_OP_MUL: lower_multiply(q, left, right); break;
    case MU_OP_SHL: lower_shift(q, X64_SHL, left, count); break;
    case MU_OP_LSHR: lower_shift(q, X64_SHR, left, count); break;
    case MU_OP_ASHR: lower_shift(q, X64_SAR, left, count); break;
    default: MU_INVARIANT(false, "%s in line", mu_ir_op_info_of(op)->word);
    }
}

/* ---- comparisons */

x64_cond quick_compare_pairs(quick *q, mu_ir_op op, const quick_pair *left, const quick_pair *right,
                             x64_gpr spare)
{
    bool is_equality = op == MU_OP_EQ || op == MU_OP_NE;
    /* What one subtraction tells is less and not less: a > b is b < a. */
    bool swaps = op == MU_OP_SGT || op == MU_OP_SLE || op == MU_OP_UGT || op == MU_OP_ULE;
    const quick_pair *first = swaps ? right : left;
    const quick_pair *second = swaps ? left : right;
    quick_load_half(q, spare, first, 0);
    quick_load_half(q, QUICK_TEMP, second, 0);
    x64_alu_rr(q->a, is_equality ? X64_XOR : X64_CMP, 8, spare, QUICK_TEMP);
    quick_load_half(q, QUICK_TEMP2, first, 1);
    quick_load_half(q, QUICK_TEMP, second, 1);
    x64_alu_rr(q->a, is_equality ? X64_XOR : X64_SBB, 8, QUICK_TEMP2, QUICK_TEMP);
    if (is_equality) {
        x64_alu_rr(q->a, X64_OR, 8, QUICK_TEMP2, spare);
    }
    switch ((int)op) {
    case MU_OP_EQ: return X64_E;
    case MU_OP_NE: return X64_NE;
    case MU_OP_SLT:
    case MU_OP_SGT: return X64_L;
    case MU_OP_SGE:
    case MU_OP_SLE: return X64_GE;
    case MU_OP_ULT:
    case MU_OP_UGT: return X64_B;
    default: return X64_AE;
    }
}

/* ---- changes of width */

static void lower_convert(quick *q, const mu_ir_inst *inst)
{
    mu_ir_value value = q->version->operands[inst->operands.first];
    const mu_ir_type *to = q->version->types[inst->types.first + 1];
    if (!quick_is_wide_int(to)) {
        x64_gpr reg = quick_read_low_word(q, value);
        quick_cut(q, reg, quick_int_bits(to));
        quick_result_gpr(q, 0, reg);
        return;
    }
    const mu_ir_type *from = q->version->types[inst->types.first];
    bool is_signed = inst->op == MU_OP_SEXT;
    x64_gpr low = is_signed ? quick_copy_gpr(q, value) : quick_read_gpr(q, value);
    x64_gpr high = quick_gpr_take(q);
    if (is_signed) {
        quick_sign_extend(q, low, quick_int_bits(from));
        x64_mov_rr(q->a, 8, high, low);
        x64_shift_ri(q->a, X64_SAR, 8, high, WORD_BITS - 1);
    } else {
        x64_mov_ri(q->a, high, 0);
    }
    quick_result_pair(q, 0, low, high);
}

void quick_lower_wide_int(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    if (!quick_is_wide_inline(q, inst)) {
        quick_lower_in_memory(q, inst);
    } else if (mu_ir_op_info_of(inst->op)->shape == MU_SHAPE_CONVERT) {
        lower_convert(q, inst);
    } else {
        quick_pair left = quick_pair_of(q, operands[0]);
        quick_pair right = quick_pair_of(q, operands[1]);
        lower_binary(q, inst->op, &left, &right);
    }
}
