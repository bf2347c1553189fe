/* Arithmetic and conversions that SSE2 has instructions for, a piece of 16 bytes at a time. */
#include "quick_vector.h"

/* ---- binary operations */

/* By the lane's bytes 1, 2, 4, 8. */
static const x64_packed packed_add[] = {X64_PADDB, X64_PADDW, X64_PADDD, X64_PADDQ};
static const x64_packed packed_sub[] = {X64_PSUBB, X64_PSUBW, X64_PSUBD, X64_PSUBQ};

/* The one instruction that does it, if there is one. What is zero-extended to a lane stays so under
 * AND, OR and XOR; sums of other widths than the machine's have to be cut. */
static bool packed_int_op(mu_ir_op op, const mu_ir_type *lane, x64_packed *packed)
{
    uint32_t width = (uint32_t)__builtin_ctz((uint32_t)lane->size_bytes);
    bool is_whole = lane->bits == lane->size_bytes * 8;
    switch ((int)op) {
    case MU_OP_AND: *packed = X64_PAND; return true;
    case MU_OP_OR: *packed = X64_POR; return true;
    case MU_OP_XOR: *packed = X64_PXOR; return true;
    case MU_OP_ADD: *packed = packed_add[width]; return is_whole;
    case MU_OP_SUB: *packed = packed_sub[width]; return is_whole;
    case MU_OP_MUL: *packed = X64_PMULLW; return lane->bits == 16;
    default: return false;
    }
}

/* to *= from on lanes of 32 bits, which SSE2 multiplies every other one of, to 64 bits. */
static void multiply_32(quick *q, x64_xmm to, x64_xmm from, x64_xmm odd, x64_xmm odd_from)
{
    x64_fp_mov_rr(q->a, odd, to);
    x64_fp_mov_rr(q->a, odd_from, from);
    x64_packed_shift_ri(q->a, X64_PSRLQ, odd, 32);
    x64_packed_shift_ri(q->a, X64_PSRLQ, odd_from, 32);
    x64_packed_rr(q->a, X64_PMULUDQ, to, from);
    x64_packed_rr(q->a, X64_PMULUDQ, odd, odd_from);
    x64_packed_shuffle(q->a, to, to, 0x08); /* the low halves of the products, together */
    x64_packed_shuffle(q->a, odd, odd, 0x08);
    x64_packed_rr(q->a, X64_PUNPCKLDQ, to, odd);
}

static void lower_packed_binary(quick *q, const mu_ir_inst *inst, x64_packed packed)
{
    quick_vector left = quick_vector_operand(q, 0);
    quick_vector right = quick_vector_operand(q, 1);
    quick_vector to = quick_vector_result(q);
    bool is_fp = left.lane->kind != MU_IR_INT;
    bool multiplies = inst->op == MU_OP_MUL && left.lane->bits == 32;
    x64_xmm odd = multiplies ? quick_xmm_take(q) : QUICK_XMM_TEMP;
    x64_xmm odd_right = multiplies ? quick_xmm_take(q) : QUICK_XMM_TEMP;
    x64_fp fp = inst->op == MU_OP_FADD   ? X64_FADD
                : inst->op == MU_OP_FSUB ? X64_FSUB
                : inst->op == MU_OP_FMUL ? X64_FMUL
                                         : X64_FDIV;
    uint32_t bytes = quick_piece_bytes(&left);
    quick_walk walk = quick_walk_pieces(q, &left);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        quick_vector_load(q, bytes, QUICK_XMM_TEMP2, quick_walk_mem(&walk, left.mem, 8));
        quick_vector_load(q, bytes, QUICK_XMM_TEMP, quick_walk_mem(&walk, right.mem, 8));
        if (is_fp) {
            x64_packed_fp_rr(q->a, fp, (uint8_t)left.lane_bytes, QUICK_XMM_TEMP2, QUICK_XMM_TEMP);
        } else if (multiplies) {
            multiply_32(q, QUICK_XMM_TEMP2, QUICK_XMM_TEMP, odd, odd_right);
        } else {
            x64_packed_rr(q->a, packed, QUICK_XMM_TEMP2, QUICK_XMM_TEMP);
        }
        quick_vector_store(q, bytes, quick_walk_mem(&walk, to.mem, 8), QUICK_XMM_TEMP2);
    }
}

/* By the lane's bytes 2, 4, 8. */
static const x64_packed_shift packed_shl[] = {X64_PSLLW, X64_PSLLD, X64_PSLLQ};
static const x64_packed_shift packed_shr[] = {X64_PSRLW, X64_PSRLD, X64_PSRLQ};
static const x64_packed_shift packed_sar[] = {X64_PSRAW, X64_PSRAD};

/* A shift of all lanes by the same constant, where that is one instruction. */
static bool packed_shift_op(quick *q, const mu_ir_inst *inst, const mu_ir_type *type,
                            x64_packed_shift *packed, uint8_t *count)
{
    const mu_ir_type *lane = type->element;
    bool is_whole = lane->bits == lane->size_bytes * 8;
    if (lane->size_bytes == 1 || (!is_whole && inst->op != MU_OP_LSHR) ||
        (inst->op == MU_OP_ASHR && lane->bits == 64)) {
        return false;
    }
    uint64_t *counts = MU_ARENA_ARRAY(q->arena, uint64_t, type->length);
    if (!quick_vector_constant(q, q->version->operands[inst->operands.first + 1], type, counts)) {
        return false;
    }
    for (uint64_t i = 1; i < type->length; i++) {
        if (counts[i] != counts[0]) {
            return false;
        }
    }
    uint32_t width = (uint32_t)__builtin_ctz((uint32_t)lane->size_bytes) - 1;
    *packed = inst->op == MU_OP_SHL    ? packed_shl[width]
              : inst->op == MU_OP_LSHR ? packed_shr[width]
                                       : packed_sar[width];
    *count = (uint8_t)(counts[0] & quick_count_mask(lane->bits));
    return true;
}

static void lower_packed_shift(quick *q, x64_packed_shift packed, uint8_t count)
{
    quick_vector from = quick_vector_operand(q, 0);
    quick_vector to = quick_vector_result(q);
    uint32_t bytes = quick_piece_bytes(&from);
    quick_walk walk = quick_walk_pieces(q, &from);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        quick_vector_load(q, bytes, QUICK_XMM_TEMP, quick_walk_mem(&walk, from.mem, 8));
        x64_packed_shift_ri(q->a, packed, QUICK_XMM_TEMP, count);
        quick_vector_store(q, bytes, quick_walk_mem(&walk, to.mem, 8), QUICK_XMM_TEMP);
    }
}

void quick_vector_lower_binary(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_type *type = q->version->types[inst->types.first];
    const mu_ir_type *lane = type->element;
    if (quick_is_wide_int(lane)) {
        quick_lower_in_memory(q, inst);
        return;
    }
    x64_packed packed = X64_PAND;
    x64_packed_shift shift;
    uint8_t count;
    bool is_packed = lane->kind != MU_IR_INT ? inst->op != MU_OP_FREM
                                             : packed_int_op(inst->op, lane, &packed) ||
                                                   (inst->op == MU_OP_MUL && lane->bits == 32);
    bool is_shift = inst->op == MU_OP_SHL || inst->op == MU_OP_LSHR || inst->op == MU_OP_ASHR;
    if (is_packed) {
        lower_packed_binary(q, inst, packed);
    } else if (is_shift && packed_shift_op(q, inst, type, &shift, &count)) {
        lower_packed_shift(q, shift, count);
    } else {
        quick_vector_lanes_binary(q, inst);
    }
}

/* ---- conversions */

/* to = the floats of xmm14 toward zero. CVTTPS2DQ gives 0x80000000 for all that does not fit:
 * cleared for NaN, turned over for what is too large. `limit` holds 2^31 in each lane. */
static void float_to_int(quick *q, x64_xmm limit, x64_xmm spare)
{
    x64_fp_mov_rr(q->a, spare, QUICK_XMM_TEMP2);
    x64_packed_float_to_int(q->a, QUICK_XMM_TEMP, QUICK_XMM_TEMP2);
    x64_packed_fp_compare(q->a, X64_FP_ORD, 4, spare, spare);
    x64_packed_rr(q->a, X64_PAND, QUICK_XMM_TEMP, spare);
    x64_fp_mov_rr(q->a, spare, limit);
    x64_packed_fp_compare(q->a, X64_FP_LE, 4, spare, QUICK_XMM_TEMP2);
    x64_packed_rr(q->a, X64_PXOR, QUICK_XMM_TEMP, spare);
}

/* xmm15 = the low lanes of xmm14 twice as wide: alternating with zeros, or with their signs. */
static void extend(quick *q, mu_ir_op op, uint32_t lane_bytes)
{
    static const x64_packed interleave[] = {X64_PUNPCKLBW, X64_PUNPCKLWD, X64_PUNPCKLDQ};
    static const x64_packed greater[] = {X64_PCMPGTB, X64_PCMPGTW, X64_PCMPGTD};
    int width = __builtin_ctz(lane_bytes);
    x64_fp_zero(q->a, QUICK_XMM_TEMP);
    if (op == MU_OP_SEXT) {
        x64_packed_rr(q->a, greater[width], QUICK_XMM_TEMP, QUICK_XMM_TEMP2);
    }
    x64_packed_rr(q->a, interleave[width], QUICK_XMM_TEMP2, QUICK_XMM_TEMP);
    x64_fp_mov_rr(q->a, QUICK_XMM_TEMP, QUICK_XMM_TEMP2);
}

static bool is_whole(const mu_ir_type *lane)
{
    return lane->bits == lane->size_bytes * 8;
}

static bool is_packed_convert(mu_ir_op op, const mu_ir_type *from, const mu_ir_type *to)
{
    bool doubles = to->size_bytes == 2 * from->size_bytes;
    switch ((int)op) {
    case MU_OP_FPTRUNC:
    case MU_OP_FPEXT: return true;
    case MU_OP_SITOFP: return from->bits == 32;
    case MU_OP_FPTOSI: return from->kind == MU_IR_FLOAT && to->bits == 32;
    case MU_OP_ZEXT: return doubles;
    case MU_OP_SEXT: return doubles && is_whole(from) && is_whole(to);
    default: return false;
    }
}

/* Walks over the wider of both vectors. */
static void lower_packed_convert(quick *q, const mu_ir_inst *inst)
{
    quick_vector from = quick_vector_operand(q, 0);
    quick_vector to = quick_vector_result(q);
    const quick_vector *wide = to.lane_bytes > from.lane_bytes ? &to : &from;
    x64_xmm limit = quick_xmm_take(q);
    x64_xmm spare = quick_xmm_take(q);
    quick_walk walk = quick_walk_pieces(q, wide);
    uint32_t bytes = quick_piece_bytes(wide);
    uint32_t from_bytes = wide == &from ? bytes : 8;
    uint32_t to_bytes = to.lane_bytes == wide->lane_bytes ? bytes : 8;
    if (inst->op == MU_OP_FPTOSI) {
        quick_vector_fill(q, limit, 0x4f0000004f000000);
    }
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        quick_vector_load(q, from_bytes, QUICK_XMM_TEMP2,
                          quick_walk_mem(&walk, from.mem, 8 * from.lane_bytes / wide->lane_bytes));
        switch ((int)inst->op) {
        case MU_OP_FPEXT: x64_packed_fp_widen(q->a, QUICK_XMM_TEMP, QUICK_XMM_TEMP2); break;
        case MU_OP_FPTRUNC: x64_packed_fp_narrow(q->a, QUICK_XMM_TEMP, QUICK_XMM_TEMP2); break;
        case MU_OP_SITOFP:
            x64_packed_fp_from_int(q->a, (uint8_t)to.lane_bytes, QUICK_XMM_TEMP, QUICK_XMM_TEMP2);
            break;
        case MU_OP_FPTOSI: float_to_int(q, limit, spare); break;
        default: extend(q, inst->op, from.lane_bytes); break;
        }
        quick_vector_store(q, to_bytes,
                           quick_walk_mem(&walk, to.mem, 8 * to.lane_bytes / wide->lane_bytes),
                           QUICK_XMM_TEMP);
    }
}

void quick_vector_lower_convert(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_type *from = q->version->types[inst->types.first];
    const mu_ir_type *to = q->version->types[inst->types.first + 1];
    bool is_wide = quick_is_wide_int(from->element) || quick_is_wide_int(to->element);
    bool is_checked = inst->op == MU_OP_REFCAST && quick_cast_is_checked(q, inst);
    if (is_wide || is_checked) {
        quick_lower_in_memory(q, inst);
    } else if (inst->op == MU_OP_BITCAST || inst->op == MU_OP_REFCAST) {
        quick_copy_composite(q, q->version->operands[inst->operands.first], from);
    } else if (is_packed_convert(inst->op, from->element, to->element)) {
        lower_packed_convert(q, inst);
    } else {
        quick_vector_lanes_convert(q, inst);
    }
}
