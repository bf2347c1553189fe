/* What SSE2 has no instruction for, one lane after the other: integer division, multiplication of 8
 * and 64 bits, shifts (each lane has a count of its own), integers of odd widths, FREM, and the
 * conversions that saturate or change widths. */
#include "quick_vector.h"

static uint8_t width_of(const quick_vector *vector)
{
    return (uint8_t)vector->lane_bytes;
}

/* ---- integers */

static bool is_division(mu_ir_op op)
{
    return op == MU_OP_SDIV || op == MU_OP_SREM || op == MU_OP_UDIV || op == MU_OP_UREM;
}

static bool is_shift(mu_ir_op op)
{
    return op == MU_OP_SHL || op == MU_OP_LSHR || op == MU_OP_ASHR;
}

static void shift_lane(quick *q, mu_ir_op op, uint32_t bits, x64_gpr left)
{
    if (op == MU_OP_ASHR) {
        quick_sign_extend(q, left, bits);
    }
    x64_alu_ri(q->a, X64_AND, 4, RCX, (int32_t)quick_count_mask(bits));
    x64_shift_cl(q->a, op == MU_OP_SHL ? X64_SHL : op == MU_OP_LSHR ? X64_SHR : X64_SAR, 8, left);
}

static void divide_lane(quick *q, mu_ir_op op, uint32_t bits, x64_gpr divisor, x64_label by_zero)
{
    bool is_signed = op == MU_OP_SDIV || op == MU_OP_SREM;
    x64_test_rr(q->a, 8, divisor, divisor);
    x64_jcc(q->a, X64_E, by_zero);
    if (is_signed) {
        quick_sign_extend(q, divisor, bits);
        quick_sign_extend(q, RAX, bits);
    }
    quick_divide(q, is_signed, bits <= 32 ? 4 : 8, divisor);
}

/* left, rax for a division, combined with right, rcx for a shift; gives the register of the result.
 */
static x64_gpr combine_lane(quick *q, mu_ir_op op, uint32_t bits, x64_gpr left, x64_gpr right,
                            x64_label by_zero)
{
    switch ((int)op) {
    case MU_OP_ADD: x64_alu_rr(q->a, X64_ADD, 8, left, right); return left;
    case MU_OP_SUB: x64_alu_rr(q->a, X64_SUB, 8, left, right); return left;
    case MU_OP_MUL: x64_imul_rr(q->a, 8, left, right); return left;
    case MU_OP_SHL:
    case MU_OP_LSHR:
    case MU_OP_ASHR: shift_lane(q, op, bits, left); return left;
    case MU_OP_SDIV:
    case MU_OP_SREM:
    case MU_OP_UDIV:
    case MU_OP_UREM:
        divide_lane(q, op, bits, right, by_zero);
        return op == MU_OP_SDIV || op == MU_OP_UDIV ? RAX : RDX;
    default: MU_INVARIANT(false, "%s lane by lane", mu_ir_op_info_of(op)->word);
    }
    return left;
}

static void int_binary(quick *q, mu_ir_op op)
{
    bool divides = is_division(op);
    if (divides) {
        quick_gpr_take_fixed(q, RAX);
        quick_gpr_take_fixed(q, RDX);
    } else if (is_shift(op)) {
        quick_gpr_take_fixed(q, RCX);
    }
    quick_vector left = quick_vector_operand(q, 0);
    quick_vector right = quick_vector_operand(q, 1);
    quick_vector to = quick_vector_result(q);
    uint32_t bits = left.lane->bits;
    quick_walk walk = quick_walk_open(q, left.type->length, 1);
    x64_gpr left_reg = divides ? RAX : quick_gpr_take(q);
    x64_gpr right_reg = is_shift(op) ? RCX : quick_gpr_take(q);
    x64_label by_zero = {0};
    if (divides) {
        by_zero = quick_error(q, MU_GUEST_ERROR_DIVISION_BY_ZERO);
    }
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        x64_load(q->a, width_of(&left), left_reg, quick_walk_mem(&walk, left.mem, left.lane_bytes));
        x64_load(q->a, width_of(&right), right_reg,
                 quick_walk_mem(&walk, right.mem, right.lane_bytes));
        x64_gpr result = combine_lane(q, op, bits, left_reg, right_reg, by_zero);
        quick_cut(q, result, bits);
        x64_store(q->a, width_of(&to), quick_walk_mem(&walk, to.mem, to.lane_bytes), result);
    }
}

/* ---- FREM */

/* Each lane leaves for fmod. Nothing outlives a leave in a register, so constants are in the frame,
 * too, and the lane's number is in a slot. */
static void lower_frem(quick *q)
{
    quick_spill_live(q);
    const mu_ir_value *operands = &q->version->operands[q->version->insts[q->inst].operands.first];
    const mu_ir_type *type = mu_ir_value_type(q->version, operands[0]);
    uint32_t temporaries[2];
    quick_vector left =
        quick_vector_at(type, quick_composite_memory(q, operands[0], type, &temporaries[0]));
    quick_vector right =
        quick_vector_at(type, quick_composite_memory(q, operands[1], type, &temporaries[1]));
    quick_vector to = quick_vector_result(q);
    quick_forget_registers(q);
    uint32_t slot = quick_slot_take(q, 1);
    quick_walk walk = quick_walk_open(q, left.type->length, 1);
    uint8_t width = width_of(&left);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        x64_fp_load(q->a, width, XMM0, quick_walk_mem(&walk, left.mem, width));
        x64_fp_load(q->a, width, XMM1, quick_walk_mem(&walk, right.mem, width));
        if (width == 4) {
            /* Exact there and back, as for single ones. */
            x64_fp_widen(q->a, XMM0, XMM0);
            x64_fp_widen(q->a, XMM1, XMM1);
        }
        if (walk.loops) {
            x64_store(q->a, 8, quick_slot_mem(slot), walk.index);
        }
        uint32_t site = quick_site(q, MU_CODE_SITE_HELPER, QUICK_NONE, NULL, 0);
        quick_call_leave(q, MU_ABI_LEAVE_FMOD);
        quick_site_here(q, site);
        if (walk.loops) {
            x64_load(q->a, 8, walk.index, quick_slot_mem(slot));
        }
        if (width == 4) {
            x64_fp_narrow(q->a, XMM0, XMM0);
        }
        x64_fp_store(q->a, width, quick_walk_mem(&walk, to.mem, width), XMM0);
    }
    quick_slot_give(q, slot, 1);
    quick_drop_temporary(q, temporaries[0], type);
    quick_drop_temporary(q, temporaries[1], type);
}

void quick_vector_lanes_binary(quick *q, const mu_ir_inst *inst)
{
    if (inst->op == MU_OP_FREM) {
        lower_frem(q);
    } else {
        int_binary(q, inst->op);
    }
}

/* ---- conversions */

static void convert_int_lane(quick *q, mu_ir_op op, x64_gpr reg, uint32_t from_bits,
                             uint32_t to_bits)
{
    if (op == MU_OP_SEXT) {
        quick_sign_extend(q, reg, from_bits);
    }
    if (op != MU_OP_ZEXT) {
        quick_cut(q, reg, to_bits);
    }
}

void quick_vector_lanes_convert(quick *q, const mu_ir_inst *inst)
{
    quick_vector from = quick_vector_operand(q, 0);
    quick_vector to = quick_vector_result(q);
    quick_walk walk = quick_walk_open(q, from.type->length, 1);
    x64_gpr reg = quick_gpr_take(q);
    x64_xmm fp = quick_xmm_take(q);
    bool is_signed = inst->op == MU_OP_FPTOSI || inst->op == MU_OP_SITOFP;
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        x64_mem source = quick_walk_mem(&walk, from.mem, from.lane_bytes);
        x64_mem target = quick_walk_mem(&walk, to.mem, to.lane_bytes);
        switch ((int)inst->op) {
        case MU_OP_FPTOUI:
        case MU_OP_FPTOSI:
            x64_fp_load(q->a, width_of(&from), fp, source);
            quick_fp_to_int(q, is_signed, width_of(&from), to.lane->bits, reg, fp);
            x64_store(q->a, width_of(&to), target, reg);
            break;
        case MU_OP_UITOFP:
        case MU_OP_SITOFP:
            x64_load(q->a, width_of(&from), reg, source);
            quick_int_to_fp(q, is_signed, from.lane->bits, width_of(&to), fp, reg);
            x64_fp_store(q->a, width_of(&to), target, fp);
            break;
        default:
            x64_load(q->a, width_of(&from), reg, source);
            convert_int_lane(q, inst->op, reg, quick_int_bits(from.lane), quick_int_bits(to.lane));
            x64_store(q->a, width_of(&to), target, reg);
            break;
        }
    }
}
