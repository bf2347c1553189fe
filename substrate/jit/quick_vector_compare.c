/* Comparisons of vectors. A packed comparison gives a mask as wide as the lanes; packing it to a
 * byte a lane and keeping each byte's lowest bit gives the vector of int<1>. */
#include "quick_vector.h"

static bool is_fp(const mu_ir_type *lane)
{
    return lane->kind == MU_IR_FLOAT || lane->kind == MU_IR_DOUBLE;
}

/* How a comparison is made of those that SSE2 has. */
typedef struct packed_compare {
    bool swaps;
    bool negates; /* ints only: doubles and floats have negated predicates */
    bool is_equality;
    bool is_unsigned;
    x64_fp_predicate predicate;
    bool also_unordered; /* FUEQ: or unordered; FONE: and ordered */
    bool also_ordered;
} packed_compare;

static packed_compare plan_int(mu_ir_op op)
{
    packed_compare plan = {.is_equality = op == MU_OP_EQ || op == MU_OP_NE};
    plan.is_unsigned = op == MU_OP_UGE || op == MU_OP_UGT || op == MU_OP_ULE || op == MU_OP_ULT;
    /* What there is is greater than: a < b is b > a, and a <= b is not a > b. */
    plan.swaps = op == MU_OP_SLT || op == MU_OP_ULT || op == MU_OP_SGE || op == MU_OP_UGE;
    plan.negates =
        op == MU_OP_NE || op == MU_OP_SLE || op == MU_OP_ULE || op == MU_OP_SGE || op == MU_OP_UGE;
    return plan;
}

static packed_compare plan_fp(mu_ir_op op)
{
    packed_compare plan = {0};
    switch ((int)op) {
    case MU_OP_FUNO: plan.predicate = X64_FP_UNORD; break;
    case MU_OP_FORD: plan.predicate = X64_FP_ORD; break;
    case MU_OP_FOEQ: plan.predicate = X64_FP_EQ; break;
    case MU_OP_FUNE: plan.predicate = X64_FP_NEQ; break;
    case MU_OP_FUEQ:
        plan.predicate = X64_FP_EQ;
        plan.also_unordered = true;
        break;
    case MU_OP_FONE:
        plan.predicate = X64_FP_NEQ;
        plan.also_ordered = true;
        break;
    case MU_OP_FOLT:
    case MU_OP_FOGT: plan.predicate = X64_FP_LT; break;
    case MU_OP_FOLE:
    case MU_OP_FOGE: plan.predicate = X64_FP_LE; break;
    case MU_OP_FUGE:
    case MU_OP_FULE: plan.predicate = X64_FP_NLT; break;
    case MU_OP_FUGT:
    case MU_OP_FULT: plan.predicate = X64_FP_NLE; break;
    default: MU_INVARIANT(false, "%s is no comparison", mu_ir_op_info_of(op)->word);
    }
    plan.swaps = op == MU_OP_FOGT || op == MU_OP_FOGE || op == MU_OP_FULE || op == MU_OP_FULT;
    return plan;
}

/* xmm14 = mask of the lanes where xmm14 and xmm15 compare so. */
static void compare_fp(quick *q, const packed_compare *plan, uint8_t width, x64_xmm spare)
{
    bool twice = plan->also_unordered || plan->also_ordered;
    if (twice) {
        x64_fp_mov_rr(q->a, spare, QUICK_XMM_TEMP2);
        x64_packed_fp_compare(q->a, plan->also_ordered ? X64_FP_ORD : X64_FP_UNORD, width, spare,
                              QUICK_XMM_TEMP);
    }
    x64_packed_fp_compare(q->a, plan->predicate, width, QUICK_XMM_TEMP2, QUICK_XMM_TEMP);
    if (twice) {
        x64_packed_rr(q->a, plan->also_ordered ? X64_PAND : X64_POR, QUICK_XMM_TEMP2, spare);
    }
}

/* By the lane's bytes 1, 2, 4. */
static const x64_packed packed_equal[] = {X64_PCMPEQB, X64_PCMPEQW, X64_PCMPEQD};
static const x64_packed packed_greater[] = {X64_PCMPGTB, X64_PCMPGTW, X64_PCMPGTD};
static const uint64_t sign_bits[] = {0x8080808080808080, 0x8000800080008000, 0x8000000080000000};

/* Unsigned values compare like signed ones once their sign bits are turned over; 64 bits are equal
 * where both their halves are. */
static void compare_int(quick *q, const packed_compare *plan, uint32_t lane_bytes, x64_xmm spare)
{
    if (lane_bytes == 8) {
        x64_packed_rr(q->a, X64_PCMPEQD, QUICK_XMM_TEMP2, QUICK_XMM_TEMP);
        x64_packed_shuffle(q->a, QUICK_XMM_TEMP, QUICK_XMM_TEMP2, 0xb1);
        x64_packed_rr(q->a, X64_PAND, QUICK_XMM_TEMP2, QUICK_XMM_TEMP);
        return;
    }
    if (plan->is_unsigned) {
        x64_packed_rr(q->a, X64_PXOR, QUICK_XMM_TEMP2, spare);
        x64_packed_rr(q->a, X64_PXOR, QUICK_XMM_TEMP, spare);
    }
    int width = __builtin_ctz(lane_bytes);
    x64_packed_rr(q->a, plan->is_equality ? packed_equal[width] : packed_greater[width],
                  QUICK_XMM_TEMP2, QUICK_XMM_TEMP);
}

/* xmm14's masks, a byte each. */
static void narrow_masks(quick *q, uint32_t lane_bytes)
{
    if (lane_bytes == 8) {
        x64_packed_shuffle(q->a, QUICK_XMM_TEMP2, QUICK_XMM_TEMP2, 0x08);
    }
    if (lane_bytes >= 4) {
        x64_packed_rr(q->a, X64_PACKSSDW, QUICK_XMM_TEMP2, QUICK_XMM_TEMP2);
    }
    if (lane_bytes >= 2) {
        x64_packed_rr(q->a, X64_PACKSSWB, QUICK_XMM_TEMP2, QUICK_XMM_TEMP2);
    }
}

#define ONES 0x0101010101010101ull

static void lower_packed(quick *q, packed_compare plan)
{
    quick_vector left = quick_vector_operand(q, plan.swaps ? 1 : 0);
    quick_vector right = quick_vector_operand(q, plan.swaps ? 0 : 1);
    quick_vector to = quick_vector_result(q);
    bool is_int = !is_fp(left.lane);
    x64_xmm ones = quick_xmm_take(q);
    x64_xmm spare = quick_xmm_take(q);
    uint32_t bytes = quick_piece_bytes(&left);
    quick_walk walk = quick_walk_pieces(q, &left);
    quick_vector_fill(q, ones, ONES);
    if (plan.is_unsigned) {
        quick_vector_fill(q, spare, sign_bits[__builtin_ctz(left.lane_bytes)]);
    }
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        quick_vector_load(q, bytes, QUICK_XMM_TEMP2, quick_walk_mem(&walk, left.mem, 8));
        quick_vector_load(q, bytes, QUICK_XMM_TEMP, quick_walk_mem(&walk, right.mem, 8));
        if (is_int) {
            compare_int(q, &plan, left.lane_bytes, spare);
        } else {
            compare_fp(q, &plan, (uint8_t)left.lane_bytes, spare);
        }
        narrow_masks(q, left.lane_bytes);
        x64_packed_rr(q->a, plan.negates ? X64_PANDN : X64_PAND, QUICK_XMM_TEMP2, ones);
        quick_vector_store(q, bytes / left.lane_bytes,
                           quick_walk_mem(&walk, to.mem, 8 / left.lane_bytes), QUICK_XMM_TEMP2);
    }
}

/* FTRUE and FFALSE. */
static void lower_constant(quick *q, bool value)
{
    quick_vector to = quick_vector_result(q);
    quick_walk walk = quick_walk_open(q, to.words, 1);
    x64_mov_ri(q->a, QUICK_TEMP, value ? ONES : 0);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        x64_store(q->a, 8, quick_walk_mem(&walk, to.mem, 8), QUICK_TEMP);
    }
}

static void lower_lanes(quick *q, mu_ir_op op, bool is_signed)
{
    quick_vector left = quick_vector_operand(q, 0);
    quick_vector right = quick_vector_operand(q, 1);
    quick_vector to = quick_vector_result(q);
    uint32_t bits = quick_int_bits(left.lane);
    uint8_t width = (uint8_t)left.lane_bytes;
    quick_walk walk = quick_walk_open(q, left.type->length, 1);
    x64_gpr left_reg = quick_gpr_take(q);
    x64_gpr right_reg = quick_gpr_take(q);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        x64_load(q->a, width, left_reg, quick_walk_mem(&walk, left.mem, width));
        x64_load(q->a, width, right_reg, quick_walk_mem(&walk, right.mem, width));
        if (is_signed) {
            quick_sign_extend(q, left_reg, bits);
            quick_sign_extend(q, right_reg, bits);
        }
        x64_alu_rr(q->a, X64_CMP, 8, left_reg, right_reg);
        x64_set(q->a, quick_int_condition(op), QUICK_TEMP);
        x64_store(q->a, 1, quick_walk_mem(&walk, to.mem, 1), QUICK_TEMP);
    }
}

/* Irefs are equal when their addresses are. */
static x64_cond compare_addresses(quick *q, mu_ir_op op, const quick_pair *left,
                                  const quick_pair *right)
{
    x64_gpr regs[2] = {QUICK_TEMP, QUICK_TEMP2};
    const quick_pair *pairs[2] = {left, right};
    for (uint32_t i = 0; i < 2; i++) {
        x64_mem offset = pairs[i]->mem;
        offset.displacement += 8;
        quick_load_half(q, regs[i], pairs[i], 0);
        x64_alu_rm(q->a, X64_ADD, 8, regs[i], offset);
    }
    x64_alu_rr(q->a, X64_CMP, 8, QUICK_TEMP, QUICK_TEMP2);
    return quick_int_condition(op);
}

/* Lanes of two words: ints and irefs. */
static void lower_pairs(quick *q, mu_ir_op op)
{
    quick_vector left = quick_vector_operand(q, 0);
    quick_vector right = quick_vector_operand(q, 1);
    quick_vector to = quick_vector_result(q);
    x64_gpr scratch = quick_gpr_take(q);
    x64_gpr spare = quick_gpr_take(q);
    quick_walk walk = quick_walk_open(q, left.type->length, 1);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        quick_pair a = quick_pair_at(quick_walk_pairs(&walk, left.mem, scratch));
        quick_pair b = quick_pair_at(quick_walk_pairs(&walk, right.mem, scratch));
        x64_cond condition = left.lane->kind == MU_IR_IREF
                                 ? compare_addresses(q, op, &a, &b)
                                 : quick_compare_pairs(q, op, &a, &b, spare);
        x64_set(q->a, condition, QUICK_TEMP);
        x64_store(q->a, 1, quick_walk_mem(&walk, to.mem, 1), QUICK_TEMP);
    }
}

void quick_vector_lower_compare(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_type *lane = q->version->types[inst->types.first]->element;
    if (inst->op == MU_OP_FFALSE || inst->op == MU_OP_FTRUE) {
        lower_constant(q, inst->op == MU_OP_FTRUE);
        return;
    }
    if (is_fp(lane)) {
        lower_packed(q, plan_fp(inst->op));
        return;
    }
    if (lane->size_bytes == 16) {
        lower_pairs(q, inst->op);
        return;
    }
    packed_compare plan = plan_int(inst->op);
    bool is_signed = !plan.is_equality && !plan.is_unsigned;
    bool is_whole = quick_int_bits(lane) == lane->size_bytes * 8;
    bool is_packed = plan.is_equality || (lane->size_bytes <= 4 && (is_whole || !is_signed));
    if (is_packed) {
        lower_packed(q, plan);
    } else {
        lower_lanes(q, inst->op, is_signed);
    }
}
