/* Vectors: operands, walks, and what moves lanes without computing: SELECT and SHUFFLEVECTOR. The
 * rest goes piece by piece where SSE2 has the operation (quick_vector_packed.c,
 * quick_vector_compare.c), else lane by lane (quick_vector_lanes.c). EXTRACTELEMENT, INSERTELEMENT,
 * loads, stores and a SELECT by one bit are those of any composite. */
#include "quick_vector.h"

bool quick_is_on_vectors(const quick *q, const mu_ir_inst *inst)
{
    switch ((int)mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_SHUFFLE: return true;
    case MU_SHAPE_BINARY:
    case MU_SHAPE_COMPARE:
    case MU_SHAPE_CONVERT:
    case MU_SHAPE_SELECT: return q->version->types[inst->types.first]->kind == MU_IR_VECTOR;
    default: return false;
    }
}

/* ---- operands */

quick_vector quick_vector_at(const mu_ir_type *type, x64_mem mem)
{
    return (quick_vector){.mem = mem,
                          .type = type,
                          .lane = type->element,
                          .lane_bytes = (uint32_t)type->stride_bytes,
                          .words = quick_words_of(type)};
}

x64_label quick_literal_of(quick *q, mu_ir_value value, const mu_ir_type *type)
{
    quick_literal literal = {x64_label_new(q->a), quick_words_of(type), NULL};
    literal.words = MU_ARENA_ARRAY(q->arena, uint64_t, literal.word_count);
    quick_operand *words = MU_ARENA_ARRAY(q->arena, quick_operand, literal.word_count);
    quick_value_words(q, value, words);
    for (uint32_t i = 0; i < literal.word_count; i++) {
        literal.words[i] = words[i].immediate;
    }
    MU_ARRAY_PUSH(&q->literals, literal);
    q->deferred_words += literal.word_count;
    return literal.label;
}

bool quick_vector_has_addresses(const mu_ir_type *type)
{
    return type->kind == MU_IR_VECTOR && type->element->kind == MU_IR_IREF;
}

/* Behind the code, or, where lanes may be irefs to global cells, whose addresses are a VM's own, in
 * slots until the instruction is done. */
static x64_mem constant_memory(quick *q, mu_ir_value value, const mu_ir_type *type)
{
    if (quick_vector_has_addresses(type)) {
        uint32_t slot;
        x64_mem mem = quick_composite_memory(q, value, type, &slot);
        MU_ARRAY_PUSH(&q->temporaries, ((quick_temporary){slot, quick_words_of(type)}));
        return mem;
    }
    x64_label literal = quick_literal_of(q, value, type);
    x64_gpr base = quick_gpr_take(q);
    x64_lea_label(q->a, base, literal);
    return x64_at(base, 0);
}

void quick_emit_literals(quick *q)
{
    for (uint32_t i = 0; i < q->literals.count; i++) {
        const quick_literal *literal = &q->literals.items[i];
        x64_align(q->a, 16);
        x64_bind(q->a, literal->label);
        x64_data(q->a, literal->words, literal->word_count * 8);
    }
}

quick_vector quick_vector_operand(quick *q, uint32_t index)
{
    const mu_ir_inst *inst = &q->version->insts[q->inst];
    mu_ir_value value = q->version->operands[inst->operands.first + index];
    const mu_ir_type *type = mu_ir_value_type(q->version, value);
    if (mu_ir_value_is_global(value)) {
        return quick_vector_at(type, constant_memory(q, value, type));
    }
    const quick_variable *v = &q->variables[mu_ir_value_index(value)];
    return quick_vector_at(type, quick_slot_mem(v->slot + v->words - 1));
}

bool quick_vector_constant(quick *q, mu_ir_value value, const mu_ir_type *type, uint64_t *lanes)
{
    if (!mu_ir_value_is_global(value)) {
        return false;
    }
    uint32_t stride = (uint32_t)type->stride_bytes;
    quick_operand *words = MU_ARENA_ARRAY(q->arena, quick_operand, quick_words_of(type));
    quick_value_words(q, value, words);
    for (uint64_t i = 0; i < type->length; i++) {
        const quick_operand *word = &words[i * stride / 8];
        if (stride >= 8) {
            bool is_more = stride == 16 && word[1].immediate;
            lanes[i] = is_more ? UINT64_MAX : word->immediate;
        } else {
            lanes[i] = word->immediate >> (i * stride % 8 * 8) & ((1ull << (stride * 8)) - 1);
        }
    }
    return true;
}

quick_vector quick_vector_result(quick *q)
{
    uint32_t variable = quick_result(q, 0);
    const mu_ir_type *type = q->version->variables[variable].type;
    uint32_t words = quick_words_of(type);
    quick_begin(q, variable);
    uint32_t slot = quick_slot_take(q, words);
    q->variables[variable].slot = slot;
    return quick_vector_at(type, quick_slot_mem(slot + words - 1));
}

/* ---- walks */

#define UNROLLED_MAX 8u

quick_walk quick_walk_open(quick *q, uint64_t limit, uint32_t step)
{
    quick_walk walk = {.q = q, .limit = limit, .step = step, .index = X64_NO_GPR};
    walk.loops = limit > (uint64_t)step * UNROLLED_MAX;
    if (walk.loops) {
        walk.index = quick_gpr_take(q);
    }
    return walk;
}

void quick_walk_start(quick_walk *walk)
{
    walk->at = 0;
    if (walk->loops) {
        walk->again = x64_label_new(walk->q->a);
        x64_mov_ri(walk->q->a, walk->index, 0);
        x64_bind(walk->q->a, walk->again);
    }
}

bool quick_walk_more(const quick_walk *walk)
{
    return walk->at < walk->limit;
}

void quick_walk_next(quick_walk *walk)
{
    if (!walk->loops) {
        walk->at += walk->step;
        return;
    }
    x64_alu_ri(walk->q->a, X64_ADD, 4, walk->index, (int32_t)walk->step);
    x64_alu_ri(walk->q->a, X64_CMP, 4, walk->index, (int32_t)walk->limit);
    x64_jcc(walk->q->a, X64_B, walk->again);
    walk->at = walk->limit;
}

x64_mem quick_walk_mem(const quick_walk *walk, x64_mem mem, uint32_t unit_bytes)
{
    if (walk->loops) {
        mem.index = walk->index;
        mem.scale_log2 = (uint8_t)__builtin_ctz(unit_bytes);
    } else {
        mem.displacement += (int32_t)(walk->at * unit_bytes);
    }
    return mem;
}

x64_mem quick_walk_pairs(const quick_walk *walk, x64_mem mem, x64_gpr scratch)
{
    if (walk->loops) {
        x64_mov_rr(walk->q->a, 4, scratch, walk->index);
        x64_shift_ri(walk->q->a, X64_SHL, 4, scratch, 4);
        mem.index = scratch;
        mem.scale_log2 = 0;
    } else {
        mem.displacement += (int32_t)(walk->at * 16);
    }
    return mem;
}

quick_walk quick_walk_pieces(quick *q, const quick_vector *vector)
{
    return quick_walk_open(q, vector->words, vector->words == 1 ? 1 : 2);
}

/* ---- pieces */

uint32_t quick_piece_bytes(const quick_vector *vector)
{
    return vector->words == 1 ? 8 : 16;
}

void quick_vector_load(quick *q, uint32_t bytes, x64_xmm to, x64_mem from)
{
    if (bytes == 16) {
        x64_fp_load_16(q->a, false, to, from);
    } else if (bytes >= 4) {
        x64_fp_load(q->a, (uint8_t)bytes, to, from);
    } else {
        x64_load(q->a, (uint8_t)bytes, QUICK_TEMP, from);
        x64_fp_from_gpr(q->a, 4, to, QUICK_TEMP);
    }
}

void quick_vector_store(quick *q, uint32_t bytes, x64_mem to, x64_xmm from)
{
    if (bytes == 16) {
        x64_fp_store_16(q->a, false, to, from);
    } else if (bytes >= 4) {
        x64_fp_store(q->a, (uint8_t)bytes, to, from);
    } else {
        x64_fp_to_gpr(q->a, 4, QUICK_TEMP, from);
        x64_store(q->a, (uint8_t)bytes, to, QUICK_TEMP);
    }
}

void quick_vector_fill(quick *q, x64_xmm to, uint64_t word)
{
    x64_mov_ri(q->a, QUICK_TEMP, word);
    x64_fp_from_gpr(q->a, 8, to, QUICK_TEMP);
    x64_fp_join_low(q->a, to, to);
}

/* ---- SELECT by a vector of conditions */

/* xmm14's bytes, each as often as a lane has bytes. */
static void widen_bytes(quick *q, uint32_t lane_bytes)
{
    if (lane_bytes >= 2) {
        x64_packed_rr(q->a, X64_PUNPCKLBW, QUICK_XMM_TEMP2, QUICK_XMM_TEMP2);
    }
    if (lane_bytes >= 4) {
        x64_packed_rr(q->a, X64_PUNPCKLWD, QUICK_XMM_TEMP2, QUICK_XMM_TEMP2);
    }
    if (lane_bytes == 8) {
        x64_packed_rr(q->a, X64_PUNPCKLDQ, QUICK_XMM_TEMP2, QUICK_XMM_TEMP2);
    }
}

/* Lanes of 16 bytes: one is copied or the other. */
static void select_pairs(quick *q)
{
    quick_vector condition = quick_vector_operand(q, 0);
    quick_vector if_true = quick_vector_operand(q, 1);
    quick_vector if_false = quick_vector_operand(q, 2);
    quick_vector to = quick_vector_result(q);
    x64_gpr scratch = quick_gpr_take(q);
    quick_walk walk = quick_walk_open(q, to.type->length, 1);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        x64_label chosen = x64_label_new(q->a);
        x64_load(q->a, 1, QUICK_TEMP, quick_walk_mem(&walk, condition.mem, 1));
        quick_vector_load(q, 16, QUICK_XMM_TEMP, quick_walk_pairs(&walk, if_true.mem, scratch));
        quick_vector_load(q, 16, QUICK_XMM_TEMP2, quick_walk_pairs(&walk, if_false.mem, scratch));
        x64_test_rr(q->a, 4, QUICK_TEMP, QUICK_TEMP);
        x64_jcc(q->a, X64_NE, chosen);
        x64_fp_mov_rr(q->a, QUICK_XMM_TEMP, QUICK_XMM_TEMP2);
        x64_bind(q->a, chosen);
        quick_vector_store(q, 16, quick_walk_pairs(&walk, to.mem, scratch), QUICK_XMM_TEMP);
    }
}

/* Each condition becomes as wide as a lane, then a mask of those that are false. */
static void lower_select(quick *q, const mu_ir_type *type)
{
    if (type->stride_bytes == 16) {
        select_pairs(q);
        return;
    }
    quick_vector condition = quick_vector_operand(q, 0);
    quick_vector if_true = quick_vector_operand(q, 1);
    quick_vector if_false = quick_vector_operand(q, 2);
    quick_vector to = quick_vector_result(q);
    x64_xmm spare = quick_xmm_take(q);
    uint32_t bytes = quick_piece_bytes(&to);
    quick_walk walk = quick_walk_pieces(q, &to);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        quick_vector_load(q, bytes / to.lane_bytes, QUICK_XMM_TEMP2,
                          quick_walk_mem(&walk, condition.mem, 8 / to.lane_bytes));
        widen_bytes(q, to.lane_bytes);
        x64_fp_zero(q->a, spare);
        x64_packed_rr(q->a, X64_PCMPEQB, QUICK_XMM_TEMP2, spare);
        quick_vector_load(q, bytes, QUICK_XMM_TEMP, quick_walk_mem(&walk, if_false.mem, 8));
        quick_vector_load(q, bytes, spare, quick_walk_mem(&walk, if_true.mem, 8));
        x64_packed_rr(q->a, X64_PAND, QUICK_XMM_TEMP, QUICK_XMM_TEMP2);
        x64_packed_rr(q->a, X64_PANDN, QUICK_XMM_TEMP2, spare);
        x64_packed_rr(q->a, X64_POR, QUICK_XMM_TEMP, QUICK_XMM_TEMP2);
        quick_vector_store(q, bytes, quick_walk_mem(&walk, to.mem, 8), QUICK_XMM_TEMP);
    }
}

/* ---- SHUFFLEVECTOR */

#define CONSTANT_MASK_MAX 32u

/* The elements of a constant mask; false for a variable one, or one too long for code of its own
 * for each element. */
static bool constant_mask(quick *q, mu_ir_value mask, const mu_ir_type *type, uint64_t *indexes)
{
    return type->length <= CONSTANT_MASK_MAX && quick_vector_constant(q, mask, type, indexes);
}

static x64_mem lane_at(const quick_vector *vector, uint64_t lane)
{
    x64_mem mem = vector->mem;
    mem.displacement += (int32_t)(lane * vector->lane_bytes);
    return mem;
}

static void copy_lane(quick *q, uint32_t bytes, x64_mem to, x64_mem from)
{
    if (bytes == 16) {
        quick_vector_load(q, bytes, QUICK_XMM_TEMP, from);
        quick_vector_store(q, bytes, to, QUICK_XMM_TEMP);
    } else {
        x64_load(q->a, (uint8_t)bytes, QUICK_TEMP, from);
        x64_store(q->a, (uint8_t)bytes, to, QUICK_TEMP);
    }
}

/* Four lanes of 32 bits, all of one operand. */
static bool is_packed_shuffle(const quick_vector *vector, const mu_ir_type *mask,
                              const uint64_t *indexes)
{
    if (vector->lane_bytes != 4 || vector->type->length != 4 || mask->length != 4) {
        return false;
    }
    for (uint32_t i = 0; i < 4; i++) {
        if (indexes[i] > 7 || indexes[i] / 4 != indexes[0] / 4) {
            return false;
        }
    }
    return true;
}

static void shuffle_by_constant(quick *q, const mu_ir_type *mask, const uint64_t *indexes)
{
    quick_vector from[2] = {quick_vector_operand(q, 0), quick_vector_operand(q, 1)};
    quick_vector to = quick_vector_result(q);
    uint64_t length = from[0].type->length;
    if (is_packed_shuffle(&from[0], mask, indexes)) {
        uint64_t order = (indexes[0] & 3) | (indexes[1] & 3) << 2 | (indexes[2] & 3) << 4 |
                         (indexes[3] & 3) << 6;
        quick_vector_load(q, 16, QUICK_XMM_TEMP, from[indexes[0] / 4].mem);
        x64_packed_shuffle(q->a, QUICK_XMM_TEMP, QUICK_XMM_TEMP, (uint8_t)order);
        quick_vector_store(q, 16, to.mem, QUICK_XMM_TEMP);
    } else {
        for (uint64_t i = 0; i < mask->length; i++) {
            if (indexes[i] >= 2 * length) {
                x64_jmp(q->a, quick_error(q, MU_GUEST_ERROR_OUT_OF_BOUNDS));
                break;
            }
            const quick_vector *source = &from[indexes[i] / length];
            copy_lane(q, to.lane_bytes, lane_at(&to, i), lane_at(source, indexes[i] % length));
        }
    }
}

/* Lanes of 16 bytes are copied by halves, which a walk has addresses for. */
static void copy_lanes(quick *q, const quick_vector *from, x64_mem to)
{
    uint32_t unit = from->lane_bytes < 8 ? from->lane_bytes : 8;
    quick_walk walk = quick_walk_open(q, from->type->length * (from->lane_bytes / unit), 1);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        copy_lane(q, unit, quick_walk_mem(&walk, to, unit), quick_walk_mem(&walk, from->mem, unit));
    }
}

/* index = the mask's present element; goes to `outside` from those beyond `limit`. */
static void load_index(quick *q, const quick_walk *walk, const quick_vector *mask, x64_gpr index,
                       uint64_t limit, x64_label outside)
{
    if (mask->lane_bytes == 16) {
        quick_pair element = quick_pair_at(quick_walk_pairs(walk, mask->mem, index));
        quick_load_half(q, QUICK_TEMP, &element, 1);
        quick_load_half(q, index, &element, 0);
        x64_test_rr(q->a, 8, QUICK_TEMP, QUICK_TEMP);
        x64_jcc(q->a, X64_NE, outside);
    } else {
        x64_load(q->a, (uint8_t)mask->lane_bytes, index,
                 quick_walk_mem(walk, mask->mem, mask->lane_bytes));
    }
    x64_alu_ri(q->a, X64_CMP, 8, index, (int32_t)limit);
    x64_jcc(q->a, X64_AE, outside);
}

/* Both operands' lanes are put side by side, so that an element of the mask is an index there. */
static void shuffle_by_variable(quick *q)
{
    quick_vector first = quick_vector_operand(q, 0);
    quick_vector second = quick_vector_operand(q, 1);
    quick_vector mask = quick_vector_operand(q, 2);
    quick_vector to = quick_vector_result(q);
    uint64_t length = first.type->length;
    uint32_t bytes = first.lane_bytes;
    uint32_t words = (uint32_t)((2 * length * bytes + 7) / 8);
    uint32_t slot = quick_slot_take(q, words);
    x64_mem both = quick_slot_mem(slot + words - 1);
    copy_lanes(q, &first, both);
    x64_mem upper = both;
    upper.displacement += (int32_t)(length * bytes);
    copy_lanes(q, &second, upper);
    quick_walk walk = quick_walk_open(q, mask.type->length, 1);
    x64_gpr index = quick_gpr_take(q);
    x64_gpr scratch = quick_gpr_take(q);
    x64_label outside = quick_error(q, MU_GUEST_ERROR_OUT_OF_BOUNDS);
    for (quick_walk_start(&walk); quick_walk_more(&walk); quick_walk_next(&walk)) {
        load_index(q, &walk, &mask, index, 2 * length, outside);
        x64_mem lane = both;
        lane.index = index;
        if (bytes == 16) {
            x64_shift_ri(q->a, X64_SHL, 8, index, 4);
            copy_lane(q, bytes, quick_walk_pairs(&walk, to.mem, scratch), lane);
        } else {
            lane.scale_log2 = (uint8_t)__builtin_ctz(bytes);
            copy_lane(q, bytes, quick_walk_mem(&walk, to.mem, bytes), lane);
        }
    }
    quick_slot_give(q, slot, words);
}

static void lower_shuffle(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_type *mask = q->version->types[inst->types.first + 1];
    uint64_t indexes[CONSTANT_MASK_MAX] = {0};
    if (constant_mask(q, q->version->operands[inst->operands.first + 2], mask, indexes)) {
        shuffle_by_constant(q, mask, indexes);
    } else {
        shuffle_by_variable(q);
    }
}

void quick_lower_vector(quick *q, const mu_ir_inst *inst)
{
    switch ((int)mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_BINARY: quick_vector_lower_binary(q, inst); break;
    case MU_SHAPE_COMPARE: quick_vector_lower_compare(q, inst); break;
    case MU_SHAPE_CONVERT: quick_vector_lower_convert(q, inst); break;
    case MU_SHAPE_SELECT: lower_select(q, q->version->types[inst->types.first + 1]); break;
    default: lower_shuffle(q, inst); break;
    }
}
