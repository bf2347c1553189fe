/* Floating point arithmetic and conversions. Conversions to integers saturate and take NaN to 0, as
 * the specification defines them, where the processor gives its one "indefinite" value. */
#include "quick.h"

#include <math.h>
#include <string.h>

static uint8_t fp_width(const mu_ir_type *type)
{
    return type->kind == MU_IR_FLOAT ? 4 : 8;
}

void quick_lower_binary_fp(quick *q, const mu_ir_inst *inst)
{
    if (inst->op == MU_OP_FREM) {
        quick_lower_frem(q, inst);
        return;
    }
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    uint8_t width = fp_width(q->version->types[inst->types.first]);
    x64_fp op = inst->op == MU_OP_FADD   ? X64_FADD
                : inst->op == MU_OP_FSUB ? X64_FSUB
                : inst->op == MU_OP_FMUL ? X64_FMUL
                                         : X64_FDIV;
    x64_xmm right = quick_read_xmm(q, operands[1]);
    x64_xmm to = quick_copy_xmm(q, operands[0]);
    x64_fp_op_rr(q->a, op, width, to, right);
    quick_result_xmm(q, 0, to);
}

static void load_double(quick *q, uint8_t width, x64_xmm to, double value)
{
    uint64_t bits = 0;
    if (width == 4) {
        float single = (float)value;
        memcpy(&bits, &single, 4);
    } else {
        memcpy(&bits, &value, 8);
    }
    x64_mov_ri(q->a, QUICK_TEMP, bits);
    x64_fp_from_gpr(q->a, 8, to, QUICK_TEMP);
}

/* to = value of `from` toward zero as a signed 64-bit integer, saturated; NaN gives 0. */
static void to_signed_64(quick *q, uint8_t width, x64_gpr to, x64_xmm from)
{
    x64_label done = x64_label_new(q->a);
    x64_label not_nan = x64_label_new(q->a);
    x64_fp_to_int(q->a, width, 8, to, from);
    /* 0x8000000000000000 is the only result that may stand for something else. */
    x64_mov_ri(q->a, QUICK_TEMP, 1ull << 63);
    x64_alu_rr(q->a, X64_CMP, 8, to, QUICK_TEMP);
    x64_jcc(q->a, X64_NE, done);
    x64_fp_compare(q->a, width, from, from);
    x64_jcc(q->a, X64_NP, not_nan);
    x64_mov_ri(q->a, to, 0);
    x64_jmp(q->a, done);
    x64_bind(q->a, not_nan);
    x64_fp_zero(q->a, QUICK_XMM_TEMP);
    x64_fp_compare(q->a, width, from, QUICK_XMM_TEMP);
    x64_jcc(q->a, X64_B, done);
    x64_mov_ri(q->a, to, INT64_MAX);
    x64_bind(q->a, done);
}

/* Moves `to` into [low, high], signed. */
static void clamp(quick *q, x64_gpr to, int64_t low, int64_t high)
{
    x64_mov_ri(q->a, QUICK_TEMP, (uint64_t)low);
    x64_alu_rr(q->a, X64_CMP, 8, to, QUICK_TEMP);
    x64_cmov(q->a, X64_L, 8, to, QUICK_TEMP);
    x64_mov_ri(q->a, QUICK_TEMP, (uint64_t)high);
    x64_alu_rr(q->a, X64_CMP, 8, to, QUICK_TEMP);
    x64_cmov(q->a, X64_G, 8, to, QUICK_TEMP);
}

/* Values from 2^63 on are converted less 2^63. */
static void to_unsigned_64(quick *q, uint8_t width, x64_gpr to, x64_xmm from)
{
    x64_label small = x64_label_new(q->a);
    x64_label done = x64_label_new(q->a);
    load_double(q, width, QUICK_XMM_TEMP, 0x1p63);
    x64_fp_compare(q->a, width, from, QUICK_XMM_TEMP);
    x64_jcc(q->a, X64_B, small); /* also when unordered */
    x64_fp_mov_rr(q->a, QUICK_XMM_TEMP2, from);
    x64_fp_op_rr(q->a, X64_FSUB, width, QUICK_XMM_TEMP2, QUICK_XMM_TEMP);
    to_signed_64(q, width, to, QUICK_XMM_TEMP2);
    /* INT64_MAX here means saturated: all ones below and above. */
    x64_label exact = x64_label_new(q->a);
    x64_mov_ri(q->a, QUICK_TEMP, INT64_MAX);
    x64_alu_rr(q->a, X64_CMP, 8, to, QUICK_TEMP);
    x64_jcc(q->a, X64_NE, exact);
    x64_mov_ri(q->a, to, UINT64_MAX);
    x64_jmp(q->a, done);
    x64_bind(q->a, exact);
    x64_mov_ri(q->a, QUICK_TEMP, 1ull << 63);
    x64_alu_rr(q->a, X64_XOR, 8, to, QUICK_TEMP);
    x64_jmp(q->a, done);
    x64_bind(q->a, small);
    to_signed_64(q, width, to, from);
    clamp(q, to, 0, INT64_MAX);
    x64_bind(q->a, done);
}

void quick_fp_to_int(quick *q, bool is_signed, uint8_t width, uint32_t bits, x64_gpr to,
                     x64_xmm from)
{
    if (!is_signed && bits == 64) {
        to_unsigned_64(q, width, to, from);
    } else {
        to_signed_64(q, width, to, from);
        if (!is_signed) {
            clamp(q, to, 0, (int64_t)((1ull << bits) - 1));
        } else if (bits < 64) {
            clamp(q, to, -(int64_t)(1ull << (bits - 1)), (int64_t)((1ull << (bits - 1)) - 1));
        }
    }
    quick_cut(q, to, bits);
}

static void lower_fp_to_int(quick *q, const mu_ir_inst *inst, mu_ir_value value, uint8_t width,
                            uint32_t bits)
{
    x64_xmm from = quick_read_xmm(q, value);
    x64_gpr to = quick_gpr_take(q);
    quick_fp_to_int(q, inst->op == MU_OP_FPTOSI, width, bits, to, from);
    quick_result_gpr(q, 0, to);
}

/* An unsigned value with its top bit set is halved, keeping the lost bit as a sticky one so that
 * rounding comes out the same, converted, and doubled. */
static void from_unsigned_64(quick *q, uint8_t width, x64_xmm to, x64_gpr from)
{
    x64_label big = x64_label_new(q->a);
    x64_label done = x64_label_new(q->a);
    x64_test_rr(q->a, 8, from, from);
    x64_jcc(q->a, X64_S, big);
    x64_fp_from_int(q->a, width, 8, to, from);
    x64_jmp(q->a, done);
    x64_bind(q->a, big);
    x64_mov_rr(q->a, 8, QUICK_TEMP, from);
    x64_mov_rr(q->a, 8, QUICK_TEMP2, from);
    x64_shift_ri(q->a, X64_SHR, 8, QUICK_TEMP, 1);
    x64_alu_ri(q->a, X64_AND, 4, QUICK_TEMP2, 1);
    x64_alu_rr(q->a, X64_OR, 8, QUICK_TEMP, QUICK_TEMP2);
    x64_fp_from_int(q->a, width, 8, to, QUICK_TEMP);
    x64_fp_op_rr(q->a, X64_FADD, width, to, to);
    x64_bind(q->a, done);
}

void quick_int_to_fp(quick *q, bool is_signed, uint32_t bits, uint8_t width, x64_xmm to,
                     x64_gpr from)
{
    /* CVTSI2SD leaves the rest of the register, and would wait for whoever wrote it. */
    x64_fp_zero(q->a, to);
    if (is_signed) {
        quick_sign_extend(q, from, bits);
    }
    if (is_signed || bits < 64) {
        x64_fp_from_int(q->a, width, 8, to, from);
    } else {
        from_unsigned_64(q, width, to, from);
    }
}

static void lower_int_to_fp(quick *q, const mu_ir_inst *inst, mu_ir_value value, uint32_t bits,
                            uint8_t width)
{
    x64_xmm to = quick_xmm_take(q);
    bool is_signed = inst->op == MU_OP_SITOFP;
    x64_gpr from = is_signed ? quick_copy_gpr(q, value) : quick_read_gpr(q, value);
    quick_int_to_fp(q, is_signed, bits, width, to, from);
    quick_result_xmm(q, 0, to);
}

static void lower_bitcast(quick *q, const mu_ir_type *from, const mu_ir_type *to, mu_ir_value value)
{
    quick_class from_class = quick_class_of(from);
    quick_class to_class = quick_class_of(to);
    bool from_fp = from_class == QUICK_FLOAT || from_class == QUICK_DOUBLE;
    bool to_fp = to_class == QUICK_FLOAT || to_class == QUICK_DOUBLE;
    if (from_fp && !to_fp) {
        x64_xmm source = quick_read_xmm(q, value);
        x64_gpr reg = quick_gpr_take(q);
        x64_fp_to_gpr(q->a, fp_width(from), reg, source);
        quick_result_gpr(q, 0, reg);
    } else if (!from_fp && to_fp) {
        x64_gpr source = quick_read_gpr(q, value);
        x64_xmm reg = quick_xmm_take(q);
        x64_fp_from_gpr(q->a, fp_width(to), reg, source);
        quick_result_xmm(q, 0, reg);
    } else if (from_fp) {
        quick_result_xmm(q, 0, quick_copy_xmm(q, value));
    } else {
        quick_result_gpr(q, 0, quick_copy_gpr(q, value));
    }
}

static void lower_refcast(quick *q, const mu_ir_type *type, mu_ir_value value)
{
    if (quick_class_of(type) == QUICK_IREF) {
        quick_result_path(q, quick_path_to_derive(q, value));
    } else {
        quick_result_gpr(q, 0, quick_copy_gpr(q, value));
    }
}

static void lower_int_cast(quick *q, const mu_ir_inst *inst, mu_ir_value value, uint32_t from_bits,
                           uint32_t to_bits)
{
    x64_gpr reg = quick_copy_gpr(q, value);
    if (inst->op == MU_OP_SEXT) {
        quick_sign_extend(q, reg, from_bits);
    }
    if (inst->op == MU_OP_SEXT || to_bits < from_bits) {
        quick_cut(q, reg, to_bits);
    }
    quick_result_gpr(q, 0, reg);
}

void quick_lower_convert(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_type *from = q->version->types[inst->types.first];
    const mu_ir_type *to = q->version->types[inst->types.first + 1];
    mu_ir_value value = q->version->operands[inst->operands.first];
    switch ((int)inst->op) {
    case MU_OP_TRUNC:
    case MU_OP_ZEXT:
    case MU_OP_SEXT:
    case MU_OP_PTRCAST:
        lower_int_cast(q, inst, value, quick_int_bits(from), quick_int_bits(to));
        break;
    case MU_OP_FPTRUNC:
    case MU_OP_FPEXT: {
        x64_xmm source = quick_read_xmm(q, value);
        x64_xmm reg = quick_xmm_take(q);
        if (inst->op == MU_OP_FPEXT) {
            x64_fp_widen(q->a, reg, source);
        } else {
            x64_fp_narrow(q->a, reg, source);
        }
        quick_result_xmm(q, 0, reg);
        break;
    }
    case MU_OP_FPTOUI:
    case MU_OP_FPTOSI: lower_fp_to_int(q, inst, value, fp_width(from), quick_int_bits(to)); break;
    case MU_OP_UITOFP:
    case MU_OP_SITOFP: lower_int_to_fp(q, inst, value, quick_int_bits(from), fp_width(to)); break;
    case MU_OP_BITCAST: lower_bitcast(q, from, to, value); break;
    case MU_OP_REFCAST:
        quick_check_cast(q, inst);
        lower_refcast(q, to, value);
        break;
    default: MU_INVARIANT(false, "%s is no conversion", mu_ir_op_info_of(inst->op)->word);
    }
}
