/* tagref64 (type-system.rest, common-insts.rest "64-bit Tagged Reference"): one word in a general
 * register, a double or, hidden among the NaNs, an integer or a reference with a tag; mu_abi.h has
 * the bits. The collector follows the word, which is why its cells are QUICK_REF.
 *
 * Reading a word as what it does not hold is undefined in the specification. Here it gives NaN, 0,
 * NULL and the tag 0, in every bundle: the bits of a number never become a reference. A word only
 * comes from these instructions or from zeroed memory, so one that is a NaN is either the NaN that
 * is stored for all of them or something hidden there. */
#include "quick.h"

static void set_bool(quick *q, x64_cond condition)
{
    x64_gpr to = quick_gpr_take(q);
    x64_set(q->a, condition, to);
    x64_zero_extend(q->a, 1, to, to);
    quick_result_gpr(q, 0, to);
}

/* Flags: E when the word at `from` holds an integer, or a reference. */
static void test_int(quick *q, x64_gpr from)
{
    _Static_assert(MU_ABI_TAGREF64_INT_MASK == MU_ABI_TAGREF64_INT_BITS, "one constant for both");
    x64_mov_ri(q->a, QUICK_TEMP, MU_ABI_TAGREF64_INT_BITS);
    x64_mov_rr(q->a, 8, QUICK_TEMP2, from);
    x64_alu_rr(q->a, X64_AND, 8, QUICK_TEMP2, QUICK_TEMP);
    x64_alu_rr(q->a, X64_CMP, 8, QUICK_TEMP2, QUICK_TEMP);
}

static void test_ref(quick *q, x64_gpr from)
{
    x64_mov_ri(q->a, QUICK_TEMP2, MU_ABI_TAGREF64_REF_MASK);
    x64_alu_rr(q->a, X64_AND, 8, QUICK_TEMP2, from);
    x64_mov_ri(q->a, QUICK_TEMP, MU_ABI_TAGREF64_REF_BITS);
    x64_alu_rr(q->a, X64_CMP, 8, QUICK_TEMP2, QUICK_TEMP);
}

/* The result is what is in `to` if the flags say E, else 0. */
static void result_if_equal(quick *q, x64_gpr to)
{
    x64_mov_ri(q->a, QUICK_TEMP, 0);
    x64_cmov(q->a, X64_NE, 8, to, QUICK_TEMP);
    quick_result_gpr(q, 0, to);
}

static void lower_is_fp(quick *q, x64_gpr from)
{
    x64_gpr to = quick_gpr_take(q);
    x64_fp_from_gpr(q->a, 8, QUICK_XMM_TEMP, from);
    x64_fp_compare(q->a, 8, QUICK_XMM_TEMP, QUICK_XMM_TEMP);
    x64_set(q->a, X64_NP, to);
    x64_mov_ri(q->a, QUICK_TEMP, MU_ABI_TAGREF64_NAN);
    x64_alu_rr(q->a, X64_CMP, 8, from, QUICK_TEMP);
    x64_set(q->a, X64_E, QUICK_TEMP);
    x64_alu_rr(q->a, X64_OR, 4, to, QUICK_TEMP);
    x64_zero_extend(q->a, 1, to, to);
    quick_result_gpr(q, 0, to);
}

static void lower_from_fp(quick *q, mu_ir_value value)
{
    x64_xmm from = quick_read_xmm(q, value);
    x64_gpr to = quick_gpr_take(q);
    x64_fp_to_gpr(q->a, 8, to, from);
    x64_mov_ri(q->a, QUICK_TEMP, MU_ABI_TAGREF64_NAN);
    x64_fp_compare(q->a, 8, from, from);
    x64_cmov(q->a, X64_P, 8, to, QUICK_TEMP);
    quick_result_gpr(q, 0, to);
}

static void lower_to_fp(quick *q, x64_gpr from)
{
    x64_label is_number = x64_label_new(q->a);
    x64_xmm to = quick_xmm_take(q);
    x64_fp_from_gpr(q->a, 8, to, from);
    x64_fp_compare(q->a, 8, to, to);
    x64_jcc(q->a, X64_NP, is_number);
    x64_mov_ri(q->a, QUICK_TEMP, MU_ABI_TAGREF64_NAN);
    x64_fp_from_gpr(q->a, 8, to, QUICK_TEMP);
    x64_bind(q->a, is_number);
    quick_result_xmm(q, 0, to);
}

static void lower_from_int(quick *q, mu_ir_value value)
{
    x64_gpr from = quick_read_gpr(q, value);
    x64_gpr to = quick_gpr_take(q);
    x64_mov_rr(q->a, 8, to, from);
    x64_shift_ri(q->a, X64_SHL, 8, to, 13);
    x64_shift_ri(q->a, X64_SHR, 8, to, 12);
    x64_mov_rr(q->a, 8, QUICK_TEMP2, from);
    x64_shift_ri(q->a, X64_SHR, 8, QUICK_TEMP2, 51);
    x64_shift_ri(q->a, X64_SHL, 8, QUICK_TEMP2, 63);
    x64_alu_rr(q->a, X64_OR, 8, to, QUICK_TEMP2);
    x64_mov_ri(q->a, QUICK_TEMP, MU_ABI_TAGREF64_INT_BITS);
    x64_alu_rr(q->a, X64_OR, 8, to, QUICK_TEMP);
    quick_result_gpr(q, 0, to);
}

static void lower_to_int(quick *q, x64_gpr from)
{
    x64_gpr to = quick_gpr_take(q);
    x64_mov_rr(q->a, 8, to, from);
    x64_shift_ri(q->a, X64_SHL, 8, to, 12);
    x64_shift_ri(q->a, X64_SHR, 8, to, 13);
    x64_mov_rr(q->a, 8, QUICK_TEMP2, from);
    x64_shift_ri(q->a, X64_SHR, 8, QUICK_TEMP2, 63);
    x64_shift_ri(q->a, X64_SHL, 8, QUICK_TEMP2, 51);
    x64_alu_rr(q->a, X64_OR, 8, to, QUICK_TEMP2);
    test_int(q, from);
    result_if_equal(q, to);
}

static void lower_from_ref(quick *q, mu_ir_value ref, mu_ir_value tag)
{
    uint64_t bits = 0;
    bool is_constant = quick_constant(q, tag, &bits);
    x64_gpr from = is_constant ? X64_NO_GPR : quick_read_gpr(q, tag);
    x64_gpr to = quick_copy_gpr(q, ref);
    if (!is_constant) {
        x64_mov_rr(q->a, 8, QUICK_TEMP2, from);
        x64_shift_ri(q->a, X64_SHR, 8, QUICK_TEMP2, 1);
        x64_shift_ri(q->a, X64_SHL, 8, QUICK_TEMP2, 47);
        x64_alu_rr(q->a, X64_OR, 8, to, QUICK_TEMP2);
        x64_mov_rr(q->a, 8, QUICK_TEMP2, from);
        x64_alu_ri(q->a, X64_AND, 8, QUICK_TEMP2, 1);
        x64_shift_ri(q->a, X64_SHL, 8, QUICK_TEMP2, 2);
        x64_alu_rr(q->a, X64_OR, 8, to, QUICK_TEMP2);
    }
    x64_mov_ri(q->a, QUICK_TEMP, mu_abi_tagref64_from_ref(0, bits));
    x64_alu_rr(q->a, X64_OR, 8, to, QUICK_TEMP);
    quick_result_gpr(q, 0, to);
}

static void lower_to_ref(quick *q, x64_gpr from)
{
    x64_gpr to = quick_gpr_take(q);
    x64_mov_ri(q->a, to, MU_ABI_TAGREF64_ADDRESS);
    x64_alu_rr(q->a, X64_AND, 8, to, from);
    test_ref(q, from);
    result_if_equal(q, to);
}

static void lower_to_tag(quick *q, x64_gpr from)
{
    x64_gpr to = quick_gpr_take(q);
    x64_mov_rr(q->a, 8, to, from);
    x64_shift_ri(q->a, X64_SHL, 8, to, 12);
    x64_shift_ri(q->a, X64_SHR, 8, to, 59);
    x64_shift_ri(q->a, X64_SHL, 8, to, 1);
    x64_mov_rr(q->a, 8, QUICK_TEMP2, from);
    x64_shift_ri(q->a, X64_SHR, 8, QUICK_TEMP2, 2);
    x64_alu_ri(q->a, X64_AND, 8, QUICK_TEMP2, 1);
    x64_alu_rr(q->a, X64_OR, 8, to, QUICK_TEMP2);
    test_ref(q, from);
    result_if_equal(q, to);
}

void quick_lower_tagref(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    switch ((int)inst->comminst) {
    case MU_COMMINST_TR64_FROM_FP: lower_from_fp(q, operands[0]); return;
    case MU_COMMINST_TR64_FROM_INT: lower_from_int(q, operands[0]); return;
    case MU_COMMINST_TR64_FROM_REF: lower_from_ref(q, operands[0], operands[1]); return;
    default: break;
    }
    x64_gpr from = quick_read_gpr(q, operands[0]);
    switch ((int)inst->comminst) {
    case MU_COMMINST_TR64_IS_FP: lower_is_fp(q, from); break;
    case MU_COMMINST_TR64_IS_INT:
        test_int(q, from);
        set_bool(q, X64_E);
        break;
    case MU_COMMINST_TR64_IS_REF:
        test_ref(q, from);
        set_bool(q, X64_E);
        break;
    case MU_COMMINST_TR64_TO_FP: lower_to_fp(q, from); break;
    case MU_COMMINST_TR64_TO_INT: lower_to_int(q, from); break;
    case MU_COMMINST_TR64_TO_REF: lower_to_ref(q, from); break;
    case MU_COMMINST_TR64_TO_TAG: lower_to_tag(q, from); break;
    default: MU_INVARIANT(false, "%s is not about tagref64", mu_ir_comminst_name(inst->comminst));
    }
}
