/* Integer arithmetic. An int<n> is kept zero-extended in 64 bits: operations whose carries may
 * leave n bits cut their result; signed ones look at a sign-extended copy. Widths 8, 16, 32 and 64
 * are the machine's own. */
#include "quick.h"

void quick_cut(quick *q, x64_gpr reg, uint32_t bits)
{
    if (bits >= 64) {
        return;
    }
    if (bits == 8 || bits == 16 || bits == 32) {
        x64_zero_extend(q->a, (uint8_t)(bits / 8), reg, reg);
    } else if (bits < 32) {
        x64_alu_ri(q->a, X64_AND, 4, reg, (int32_t)((1u << bits) - 1));
    } else {
        x64_shift_ri(q->a, X64_SHL, 8, reg, (uint8_t)(64 - bits));
        x64_shift_ri(q->a, X64_SHR, 8, reg, (uint8_t)(64 - bits));
    }
}

void quick_sign_extend(quick *q, x64_gpr reg, uint32_t bits)
{
    if (bits >= 64) {
        return;
    }
    if (bits == 8 || bits == 16 || bits == 32) {
        x64_sign_extend(q->a, (uint8_t)(bits / 8), reg, reg);
    } else {
        x64_shift_ri(q->a, X64_SHL, 8, reg, (uint8_t)(64 - bits));
        x64_shift_ri(q->a, X64_SAR, 8, reg, (uint8_t)(64 - bits));
    }
}

/* The machine's width for arithmetic on n bits. */
static uint8_t width_of(uint32_t bits)
{
    return bits <= 32 ? 4 : 8;
}

static bool fits_immediate(uint64_t constant, uint8_t width, int32_t *immediate)
{
    int64_t value = width == 4 ? (int32_t)(uint32_t)constant : (int64_t)constant;
    *immediate = (int32_t)value;
    return value == (int32_t)value;
}

static void lower_alu(quick *q, x64_alu op, mu_ir_value left, mu_ir_value right, uint32_t bits)
{
    uint8_t width = width_of(bits);
    uint64_t constant;
    int32_t immediate;
    bool commutes = op != X64_SUB;
    if (commutes && quick_constant(q, left, &constant)) {
        mu_ir_value swapped = left;
        left = right;
        right = swapped;
    }
    bool has_immediate =
        quick_constant(q, right, &constant) && fits_immediate(constant, width, &immediate);
    x64_gpr from = has_immediate ? RAX : quick_read_gpr(q, right);
    x64_gpr to = quick_copy_gpr(q, left);
    if (has_immediate) {
        x64_alu_ri(q->a, op, width, to, immediate);
    } else {
        x64_alu_rr(q->a, op, width, to, from);
    }
    bool may_carry = op == X64_ADD || op == X64_SUB;
    if (may_carry && bits != 32) {
        quick_cut(q, to, bits);
    }
    quick_result_gpr(q, 0, to);
}

static void lower_multiply(quick *q, mu_ir_value left, mu_ir_value right, uint32_t bits)
{
    uint8_t width = width_of(bits);
    uint64_t constant;
    int32_t immediate;
    if (quick_constant(q, left, &constant)) {
        mu_ir_value swapped = left;
        left = right;
        right = swapped;
    }
    x64_gpr to;
    if (quick_constant(q, right, &constant) && fits_immediate(constant, width, &immediate)) {
        x64_gpr from = quick_read_gpr(q, left);
        to = quick_gpr_take(q);
        x64_imul_rri(q->a, width, to, from, immediate);
    } else {
        x64_gpr from = quick_read_gpr(q, right);
        to = quick_copy_gpr(q, left);
        x64_imul_rr(q->a, width, to, from);
    }
    if (bits != 32) {
        quick_cut(q, to, bits);
    }
    quick_result_gpr(q, 0, to);
}

/* As many bits as it takes to name each of n: the least m with 2^m >= n. */
uint32_t quick_count_mask(uint32_t bits)
{
    uint32_t m = 0;
    while ((1u << m) < bits) {
        m++;
    }
    return (1u << m) - 1;
}

static void shift_in_place(quick *q, x64_shift op, x64_gpr to, mu_ir_value count, uint32_t bits)
{
    uint64_t constant;
    if (quick_constant(q, count, &constant)) {
        x64_shift_ri(q->a, op, 8, to, (uint8_t)(constant & quick_count_mask(bits)));
        return;
    }
    /* rcx was taken before the operands were read. */
    x64_gpr from = quick_read_gpr(q, count);
    x64_mov_rr(q->a, 4, RCX, from);
    if (bits != 64) {
        x64_alu_ri(q->a, X64_AND, 4, RCX, (int32_t)quick_count_mask(bits));
    }
    x64_shift_cl(q->a, op, 8, to);
}

static void lower_shift(quick *q, x64_shift op, mu_ir_value left, mu_ir_value right, uint32_t bits)
{
    if (!mu_ir_value_is_global(right)) {
        quick_gpr_take_fixed(q, RCX);
        /* The count is read before the shifted value's register may be taken over. */
        quick_read_gpr(q, right);
    }
    x64_gpr to = quick_copy_gpr(q, left);
    if (op == X64_SAR) {
        quick_sign_extend(q, to, bits);
    }
    shift_in_place(q, op, to, right, bits);
    if (op != X64_SHR) {
        quick_cut(q, to, bits);
    }
    quick_result_gpr(q, 0, to);
}

/* Divides rdx:rax by `divisor`, both prepared to `width`. */
static void divide(quick *q, bool is_signed, uint8_t width, x64_gpr divisor)
{
    if (is_signed) {
        x64_sign_into_rdx(q->a, width);
        x64_unary_r(q->a, X64_IDIV, width, divisor);
    } else {
        x64_alu_rr(q->a, X64_XOR, 4, RDX, RDX);
        x64_unary_r(q->a, X64_DIV, width, divisor);
    }
}

/* By -1 the processor would trap on the least value: the quotient is the negation, the remainder 0.
 */
void quick_divide(quick *q, bool is_signed, uint8_t width, x64_gpr divisor)
{
    if (!is_signed) {
        divide(q, false, width, divisor);
        return;
    }
    x64_label minus_one = x64_label_new(q->a);
    x64_label done = x64_label_new(q->a);
    x64_alu_ri(q->a, X64_CMP, width, divisor, -1);
    x64_jcc(q->a, X64_E, minus_one);
    divide(q, true, width, divisor);
    x64_jmp(q->a, done);
    x64_bind(q->a, minus_one);
    x64_unary_r(q->a, X64_NEG, width, RAX);
    x64_alu_rr(q->a, X64_XOR, 4, RDX, RDX);
    x64_bind(q->a, done);
}

static void lower_divide(quick *q, bool is_signed, bool wants_remainder, mu_ir_value left,
                         mu_ir_value right, uint32_t bits)
{
    uint8_t width = width_of(bits);
    uint64_t constant = 0;
    bool is_constant = quick_constant(q, right, &constant);
    quick_gpr_take_fixed(q, RAX);
    quick_gpr_take_fixed(q, RDX);
    x64_gpr divisor = quick_gpr_take(q);
    x64_mov_rr(q->a, 8, divisor, quick_read_gpr(q, right));
    x64_mov_rr(q->a, 8, RAX, quick_read_gpr(q, left));
    if (!is_constant || !constant) {
        x64_test_rr(q->a, 8, divisor, divisor);
        x64_jcc(q->a, X64_E, quick_error(q, MU_GUEST_ERROR_DIVISION_BY_ZERO));
    }
    if (is_signed && bits != 32 && bits != 64) {
        quick_sign_extend(q, divisor, bits);
        quick_sign_extend(q, RAX, bits);
    }
    quick_divide(q, is_signed, width, divisor);
    x64_gpr to = wants_remainder ? RDX : RAX;
    if (is_signed && bits != 32) {
        quick_cut(q, to, bits);
    }
    quick_result_gpr(q, 0, to);
}

void quick_lower_binary_int(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    mu_ir_value left = operands[0];
    mu_ir_value right = operands[1];
    uint32_t bits = quick_int_bits(q->version->types[inst->types.first]);
    switch ((int)inst->op) {
    case MU_OP_ADD: lower_alu(q, X64_ADD, left, right, bits); break;
    case MU_OP_SUB: lower_alu(q, X64_SUB, left, right, bits); break;
    case MU_OP_AND: lower_alu(q, X64_AND, left, right, bits); break;
    case MU_OP_OR: lower_alu(q, X64_OR, left, right, bits); break;
    case MU_OP_XOR: lower_alu(q, X64_XOR, left, right, bits); break;
    case MU_OP_MUL: lower_multiply(q, left, right, bits); break;
    case MU_OP_SHL: lower_shift(q, X64_SHL, left, right, bits); break;
    case MU_OP_LSHR: lower_shift(q, X64_SHR, left, right, bits); break;
    case MU_OP_ASHR: lower_shift(q, X64_SAR, left, right, bits); break;
    case MU_OP_SDIV: lower_divide(q, true, false, left, right, bits); break;
    case MU_OP_SREM: lower_divide(q, true, true, left, right, bits); break;
    case MU_OP_UDIV: lower_divide(q, false, false, left, right, bits); break;
    case MU_OP_UREM: lower_divide(q, false, true, left, right, bits); break;
    default: MU_INVARIANT(false, "%s is no integer operation", mu_ir_op_info_of(inst->op)->word);
    }
}
