/* Addresses, loads, stores and atomics. An iref derived by constant steps is a path that folds into
 * the addressing mode of the access; a power-of-two index folds as well. x86-64 orders loads and
 * stores as acquire and release by itself; only a sequentially consistent store needs more. */
#include "quick.h"

/* More than any value has: the verifier allows 64 KiB. */
#define VALUE_MAX_BYTES (1 << 17)
/* Larger composites are copied by a loop. */
#define UNROLLED_MAX_BYTES 256u

static uint32_t new_offset_cell(quick *q, uint32_t variable, x64_gpr reg)
{
    uint32_t cell = quick_cell_of(variable) + 1;
    quick_define_gpr(q, cell, reg);
    return cell;
}

void quick_multiply(quick *q, x64_gpr reg, uint64_t factor, const x64_label *overflow)
{
    if (factor == 1) {
        return;
    }
    if (!overflow && factor && !(factor & (factor - 1))) {
        x64_shift_ri(q->a, X64_SHL, 8, reg, (uint8_t)__builtin_ctzll(factor));
        return;
    }
    if (factor <= INT32_MAX) {
        x64_imul_rri(q->a, 8, reg, reg, (int32_t)factor);
    } else {
        x64_mov_ri(q->a, QUICK_TEMP, factor);
        x64_imul_rr(q->a, 8, reg, QUICK_TEMP);
    }
    if (overflow) {
        x64_jcc(q->a, X64_O, *overflow);
    }
}

/* Adds index * stride to the path of result `variable`. */
static void shift_path(quick *q, quick_path *path, uint32_t variable, mu_ir_value index,
                       uint32_t index_bits, uint64_t stride)
{
    uint64_t constant;
    if (quick_constant(q, index, &constant)) {
        int64_t steps = index_bits >= 64
                            ? (int64_t)constant
                            : (int64_t)(constant << (64 - index_bits)) >> (64 - index_bits);
        path->displacement += steps * (int64_t)stride;
        return;
    }
    bool is_scale = stride == 1 || stride == 2 || stride == 4 || stride == 8;
    if (path->offset == QUICK_NONE && is_scale && index_bits == 64) {
        path->offset = quick_cell_of(mu_ir_value_index(index));
        path->scale_log2 = (uint8_t)__builtin_ctzll(stride);
        return;
    }
    x64_gpr from = quick_read_low_word(q, index);
    x64_gpr reg = quick_gpr_take(q);
    x64_mov_rr(q->a, 8, reg, from);
    quick_sign_extend(q, reg, index_bits);
    quick_multiply(q, reg, stride, NULL);
    if (path->offset != QUICK_NONE) {
        x64_gpr old = quick_gpr_of(q, path->offset);
        if (path->scale_log2) {
            x64_lea(q->a, 8, reg, x64_at_index(reg, old, path->scale_log2, 0));
        } else {
            x64_alu_rr(q->a, X64_ADD, 8, reg, old);
        }
    }
    path->offset = new_offset_cell(q, variable, reg);
    path->scale_log2 = 0;
}

/* An index outside of an array value's type is an error; SHIFTIREF knows no bounds. */
static void check_index(quick *q, mu_ir_value index, uint32_t bits, uint64_t length)
{
    uint64_t constant;
    if (quick_constant(q, index, &constant)) {
        uint64_t extended = (uint64_t)((int64_t)(constant << (64 - bits)) >> (64 - bits));
        if (extended >= length) {
            x64_jmp(q->a, quick_error(q, MU_GUEST_ERROR_OUT_OF_BOUNDS));
        }
        return;
    }
    x64_mov_rr(q->a, 8, QUICK_TEMP2, quick_read_saturated(q, index));
    if (bits < 64 && (1ull << (bits - 1)) < length) {
        /* Signed: a negative index is beyond every length once it is extended. */
        quick_sign_extend(q, QUICK_TEMP2, bits);
    }
    if (length <= INT32_MAX) {
        x64_alu_ri(q->a, X64_CMP, 8, QUICK_TEMP2, (int32_t)length);
    } else {
        x64_mov_ri(q->a, QUICK_TEMP, length);
        x64_alu_rr(q->a, X64_CMP, 8, QUICK_TEMP2, QUICK_TEMP);
    }
    x64_jcc(q->a, X64_AE, quick_error(q, MU_GUEST_ERROR_OUT_OF_BOUNDS));
}

void quick_lower_address(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    const mu_ir_type *type = q->version->types[inst->types.first];
    uint32_t variable = quick_result(q, 0);
    if (inst->op == MU_OP_SHIFTIREF && q->checked && !inst->is_ptr) {
        quick_lower_checked_shift(q, inst);
        return;
    }
    if (inst->op == MU_OP_GETELEMIREF) {
        const mu_ir_type *index_type = q->version->types[inst->types.first + 1];
        check_index(q, operands[1], index_type->bits, type->length);
    }
    if (inst->is_ptr) {
        quick_lower_pointer_address(q, inst);
        return;
    }
    quick_path path;
    if (inst->op == MU_OP_GETIREF) {
        path = (quick_path){.base = QUICK_NONE, .offset = QUICK_NONE};
        if (!mu_ir_value_is_global(operands[0])) {
            path.base = quick_cell_of(mu_ir_value_index(operands[0]));
        }
    } else {
        path = quick_path_to_derive(q, operands[0]);
    }
    quick_begin(q, variable);
    switch ((int)inst->op) {
    case MU_OP_GETIREF: break;
    case MU_OP_GETFIELDIREF: path.displacement += (int64_t)type->offsets[inst->literal]; break;
    case MU_OP_GETVARPARTIREF: path.displacement += (int64_t)type->size_bytes; break;
    case MU_OP_GETELEMIREF:
    case MU_OP_SHIFTIREF: {
        const mu_ir_type *index_type = q->version->types[inst->types.first + 1];
        /* SHIFTIREF steps over whole values of its type, GETELEMIREF over elements. */
        uint64_t stride = inst->op == MU_OP_GETELEMIREF ? type->stride_bytes : type->size_bytes;
        shift_path(q, &path, variable, operands[1], index_type->bits, stride);
        break;
    }
    default: MU_INVARIANT(false, "%s is no address", mu_ir_op_info_of(inst->op)->word);
    }
    q->variables[variable].path = path;
}

/* NULL is (0, 0). With a base, NULL is base 0 unless the offset is an address; without one there is
 * only an address. */
static void check_null(quick *q, const quick_path *path, mu_ir_value location)
{
    if (path->non_null || (path->base != QUICK_NONE && q->cells[path->base].non_null)) {
        return;
    }
    if (path->base == QUICK_NONE && (q->checked || path->offset == QUICK_NONE)) {
        x64_jmp(q->a, quick_error(q, MU_GUEST_ERROR_NULL_DEREFERENCE));
        return;
    }
    /* Everything is in its register before the edge of the error is made: that notes where the
     * edge's arguments are. */
    bool is_pair = !q->checked && path->base != QUICK_NONE && path->offset != QUICK_NONE &&
                   q->variables[path->base / 2].class == QUICK_IREF;
    uint32_t cell = path->base != QUICK_NONE ? path->base : path->offset;
    x64_gpr reg = quick_gpr_of(q, cell);
    if (is_pair) {
        x64_gpr offset = quick_gpr_of(q, path->offset);
        x64_label null = quick_error(q, MU_GUEST_ERROR_NULL_DEREFERENCE);
        x64_mov_rr(q->a, 8, QUICK_TEMP2, reg);
        x64_alu_rr(q->a, X64_OR, 8, QUICK_TEMP2, offset);
        x64_jcc(q->a, X64_E, null);
    } else {
        x64_label null = quick_error(q, MU_GUEST_ERROR_NULL_DEREFERENCE);
        x64_test_rr(q->a, 8, reg, reg);
        x64_jcc(q->a, X64_E, null);
        q->cells[cell].non_null = true;
    }
    if (!mu_ir_value_is_global(location)) {
        q->variables[mu_ir_value_index(location)].path.non_null = true;
    }
}

x64_mem quick_access(quick *q, mu_ir_value location)
{
    if (mu_ir_value_type(q->version, location)->kind == MU_IR_UPTR) {
        return quick_pointer_access(q, location);
    }
    quick_path path = quick_path_of(q, location);
    check_null(q, &path, location);
    x64_mem mem = {X64_NO_GPR, X64_NO_GPR, 0, 0};
    if (path.is_global) {
        path.displacement += (int64_t)path.global_cell;
    }
    /* The words of a composite are reached from here, so it must stay small beyond the first one.
     */
    bool is_small =
        path.displacement >= INT32_MIN && path.displacement <= INT32_MAX - VALUE_MAX_BYTES;
    if (is_small) {
        mem.displacement = (int32_t)path.displacement;
    }
    if (path.base != QUICK_NONE) {
        mem.base = quick_gpr_of(q, path.base);
    }
    if (path.offset != QUICK_NONE) {
        mem.index = quick_gpr_of(q, path.offset);
        mem.scale_log2 = path.scale_log2;
    }
    if (path.is_global) {
        x64_load(q->a, 8, QUICK_TEMP2, x64_at(QUICK_THREAD, MU_THREAD_globals));
        mem.base = QUICK_TEMP2;
    }
    if (!is_small) {
        x64_mov_ri(q->a, QUICK_TEMP, (uint64_t)path.displacement);
        if (mem.base != X64_NO_GPR) {
            x64_alu_rr(q->a, X64_ADD, 8, QUICK_TEMP, mem.base);
        }
        x64_mov_rr(q->a, 8, QUICK_TEMP2, QUICK_TEMP);
        mem.base = QUICK_TEMP2;
    }
    if (mem.base == X64_NO_GPR && mem.scale_log2 == 0) {
        mem.base = mem.index;
        mem.index = X64_NO_GPR;
    }
    return mem;
}

static x64_mem plus(x64_mem mem, uint32_t bytes)
{
    mem.displacement += (int32_t)bytes;
    return mem;
}

static uint8_t memory_width(const mu_ir_type *type)
{
    return (uint8_t)(type->size_bytes > 8 ? 8 : type->size_bytes);
}

static bool is_frame(x64_mem mem)
{
    return mem.base == RBP;
}

/* One unit of 8 or 16 bytes; see copy_composite. */
static void copy_unit(quick *q, bool is_pair, x64_mem from, bool from_frame, x64_mem to,
                      bool to_frame)
{
    if (is_pair) {
        x64_fp_load_16(q->a, !from_frame, QUICK_XMM_TEMP, from);
        x64_fp_store_16(q->a, !to_frame, to, QUICK_XMM_TEMP);
    } else {
        x64_load(q->a, 8, QUICK_TEMP, from);
        x64_store(q->a, 8, to, QUICK_TEMP);
    }
}

/* Copies the whole units of a large composite; gives the bytes done. */
static uint32_t copy_by_loop(quick *q, x64_mem from, x64_mem to, const mu_ir_type *type)
{
    bool is_pair = type->align_bytes >= 16;
    uint32_t unit = is_pair ? 16 : 8;
    uint32_t bytes = (uint32_t)type->size_bytes / unit * unit;
    x64_gpr source = quick_gpr_take(q);
    x64_gpr target = quick_gpr_take(q);
    x64_gpr at = quick_gpr_take(q);
    x64_label again = x64_label_new(q->a);
    x64_lea(q->a, 8, source, from);
    x64_lea(q->a, 8, target, to);
    x64_mov_ri(q->a, at, 0);
    x64_bind(q->a, again);
    copy_unit(q, is_pair, x64_at_index(source, at, 0, 0), is_frame(from),
              x64_at_index(target, at, 0, 0), is_frame(to));
    x64_alu_ri(q->a, X64_ADD, 4, at, (int32_t)unit);
    x64_alu_ri(q->a, X64_CMP, 4, at, (int32_t)bytes);
    x64_jcc(q->a, X64_B, again);
    return bytes;
}

/* Copies a composite between memory and slots, word by word and the rest in smaller pieces. One
 * that holds irefs goes in pieces of 16 bytes, so that another thread never sees the base of one
 * iref and the offset of another. */
static void copy_composite(quick *q, x64_mem from, x64_mem to, const mu_ir_type *type)
{
    uint64_t bytes = type->size_bytes;
    uint32_t at = bytes > UNROLLED_MAX_BYTES ? copy_by_loop(q, from, to, type) : 0;
    while (at < bytes) {
        uint64_t left = bytes - at;
        if (type->align_bytes >= 16 && left >= 16) {
            copy_unit(q, true, plus(from, at), is_frame(from), plus(to, at), is_frame(to));
            at += 16;
            continue;
        }
        uint8_t width = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        x64_load(q->a, width, QUICK_TEMP, plus(from, at));
        x64_store(q->a, width, plus(to, at), QUICK_TEMP);
        at += width;
    }
}

void quick_copy_slots(quick *q, x64_mem from, x64_mem to, uint32_t words)
{
    /* Nobody else looks, so any pieces will do. */
    mu_ir_type image = {.size_bytes = (uint64_t)words * 8, .align_bytes = words % 2 ? 8 : 16};
    copy_composite(q, from, to, &image);
}

void quick_load_result(quick *q, mu_ir_type *type, x64_mem mem)
{
    uint32_t variable = quick_result(q, 0);
    quick_class class = type->kind == MU_IR_WEAKREF ? QUICK_REF : quick_class_of(type);
    switch (class) {
    case QUICK_INT:
    case QUICK_REF: {
        x64_gpr reg = quick_gpr_take(q);
        x64_load(q->a, memory_width(type), reg, mem);
        quick_result_gpr(q, 0, reg);
        break;
    }
    case QUICK_FLOAT:
    case QUICK_DOUBLE: {
        x64_xmm reg = quick_xmm_take(q);
        x64_fp_load(q->a, memory_width(type), reg, mem);
        quick_result_xmm(q, 0, reg);
        break;
    }
    case QUICK_IREF: {
        x64_gpr base = quick_gpr_take(q);
        x64_gpr offset = quick_gpr_take(q);
        x64_fp_load_16(q->a, !is_frame(mem), QUICK_XMM_TEMP, mem);
        x64_fp_to_gpr(q->a, 8, base, QUICK_XMM_TEMP);
        x64_fp_take_high(q->a, QUICK_XMM_TEMP, QUICK_XMM_TEMP);
        x64_fp_to_gpr(q->a, 8, offset, QUICK_XMM_TEMP);
        quick_begin(q, variable);
        quick_define_gpr(q, quick_cell_of(variable), base);
        quick_define_gpr(q, quick_cell_of(variable) + 1, offset);
        q->variables[variable].path =
            (quick_path){.base = quick_cell_of(variable), .offset = quick_cell_of(variable) + 1};
        break;
    }
    case QUICK_COMPOSITE: {
        uint32_t words = quick_words_of(type);
        quick_begin(q, variable);
        uint32_t slot = quick_slot_take(q, words);
        q->variables[variable].slot = slot;
        copy_composite(q, mem, quick_slot_mem(slot + words - 1), type);
        break;
    }
    }
}

void quick_lower_load(quick *q, const mu_ir_inst *inst)
{
    x64_mem mem = quick_access(q, q->version->operands[inst->operands.first]);
    quick_load_result(q, q->version->types[inst->types.first], mem);
}

static void store_composite(quick *q, x64_mem mem, mu_ir_value value, const mu_ir_type *type)
{
    if (!mu_ir_value_is_global(value)) {
        const quick_variable *v = &q->variables[mu_ir_value_index(value)];
        copy_composite(q, quick_slot_mem(v->slot + v->words - 1), mem, type);
        return;
    }
    /* A constant is put together in slots first: its words may be addresses. */
    uint32_t words = quick_words_of(type);
    uint32_t slot = quick_slot_take(q, words);
    quick_operand *from = MU_ARENA_ARRAY(q->arena, quick_operand, words);
    quick_moves moves = {0};
    if (!is_frame(mem)) {
        /* The moves below use r10, which the address may be in. */
        x64_gpr address = quick_gpr_take(q);
        x64_lea(q->a, 8, address, mem);
        mem = x64_at(address, 0);
    }
    quick_value_words(q, value, from);
    for (uint32_t i = 0; i < words; i++) {
        MU_ARRAY_PUSH(&moves, ((quick_move){{QUICK_AT_SLOT, slot + words - 1 - i, 0}, from[i]}));
    }
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
    copy_composite(q, quick_slot_mem(slot + words - 1), mem, type);
    quick_slot_give(q, slot, words);
}

/* Whether the type's atomic operations are CMPXCHG16B. */
static bool has_two_words(const mu_ir_type *type)
{
    return type->kind == MU_IR_IREF || quick_is_wide_int(type);
}

/* The bits of an operand of one word in a register, to be read; atomics know no others. */
static x64_gpr read_bits(quick *q, mu_ir_value value, const mu_ir_type *type)
{
    bool is_fp = type->kind == MU_IR_FLOAT || type->kind == MU_IR_DOUBLE;
    if (!is_fp || mu_ir_value_is_global(value)) {
        return quick_read_gpr(q, value);
    }
    x64_gpr bits = quick_gpr_take(q);
    x64_fp_to_gpr(q->a, memory_width(type), bits, quick_read_xmm(q, value));
    return bits;
}

/* Defines result 0 as the bits in `reg`, of which only those in memory count. */
static void result_from_bits(quick *q, const mu_ir_type *type, x64_gpr reg)
{
    uint8_t width = memory_width(type);
    if (type->kind == MU_IR_FLOAT || type->kind == MU_IR_DOUBLE) {
        x64_xmm result = quick_xmm_take(q);
        x64_fp_from_gpr(q->a, width, result, reg);
        quick_result_xmm(q, 0, result);
        return;
    }
    if (width < 8) {
        x64_zero_extend(q->a, width, reg, reg);
    }
    quick_result_gpr(q, 0, reg);
}

/* Both words in one store, for the same reason. */
static void store_iref(quick *q, x64_mem mem, mu_ir_value value)
{
    x64_gpr address = quick_gpr_take(q); /* may spill the words: before they are looked at */
    quick_operand words[2];
    quick_moves moves = {0};
    x64_lea(q->a, 8, address, mem);
    quick_value_words(q, value, words);
    MU_ARRAY_PUSH(&moves, ((quick_move){{QUICK_AT_GPR, QUICK_TEMP, 0}, words[1]}));
    quick_emit_moves(q, &moves);
    x64_fp_from_gpr(q->a, 8, QUICK_XMM_TEMP2, QUICK_TEMP);
    moves.items[0].from = words[0];
    quick_emit_moves(q, &moves);
    MU_ARRAY_FREE(&moves);
    x64_fp_from_gpr(q->a, 8, QUICK_XMM_TEMP, QUICK_TEMP);
    x64_fp_join_low(q->a, QUICK_XMM_TEMP, QUICK_XMM_TEMP2);
    x64_fp_store_16(q->a, !is_frame(mem), x64_at(address, 0), QUICK_XMM_TEMP);
}

static void store_word(quick *q, x64_mem mem, mu_ir_value value, uint8_t width, bool is_seq_cst)
{
    uint64_t constant;
    if (is_seq_cst) {
        x64_mov_rr(q->a, 8, QUICK_TEMP, quick_read_gpr(q, value));
        x64_xchg_mr(q->a, width, mem, QUICK_TEMP);
        return;
    }
    if (quick_constant(q, value, &constant)) {
        int64_t wide = width == 1   ? (int8_t)constant
                       : width == 2 ? (int16_t)constant
                       : width == 4 ? (int32_t)constant
                                    : (int64_t)constant;
        if (wide == (int32_t)wide) {
            x64_store_i(q->a, width, mem, (int32_t)wide);
            return;
        }
    }
    x64_store(q->a, width, mem, quick_read_gpr(q, value));
}

void quick_prepare_store(quick *q, const mu_ir_type *type, mu_ir_value value)
{
    quick_class class = type->kind == MU_IR_WEAKREF ? QUICK_REF : quick_class_of(type);
    quick_settle_path(q, value);
    if (mu_ir_value_is_global(value)) {
        return;
    }
    if (class == QUICK_INT || class == QUICK_REF) {
        quick_read_gpr(q, value);
    }
}

void quick_store_value(quick *q, const mu_ir_type *type, x64_mem mem, mu_ir_value value,
                       bool is_seq_cst)
{
    quick_class class = type->kind == MU_IR_WEAKREF ? QUICK_REF : quick_class_of(type);
    switch (class) {
    case QUICK_INT:
    case QUICK_REF: store_word(q, mem, value, memory_width(type), is_seq_cst); break;
    case QUICK_FLOAT:
    case QUICK_DOUBLE:
        x64_fp_store(q->a, memory_width(type), mem, quick_read_xmm(q, value));
        if (is_seq_cst) {
            x64_mfence(q->a);
        }
        break;
    case QUICK_IREF:
        store_iref(q, mem, value);
        if (is_seq_cst) {
            x64_mfence(q->a);
        }
        break;
    case QUICK_COMPOSITE:
        store_composite(q, mem, value, type);
        if (is_seq_cst) {
            x64_mfence(q->a);
        }
        break;
    }
}

void quick_lower_store(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    const mu_ir_type *type = q->version->types[inst->types.first];
    /* What wants registers comes before the address, which may be in r10. */
    quick_prepare_store(q, type, operands[1]);
    x64_mem mem = quick_access(q, operands[0]);
    quick_barrier(q, operands[0], mem, q->version->types[inst->types.first]);
    quick_store_value(q, type, mem, operands[1], inst->order == MU_ORDER_SEQ_CST);
}

void quick_lower_cmpxchg(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    const mu_ir_type *type = q->version->types[inst->types.first];
    if (has_two_words(type)) {
        quick_lower_cmpxchg_16(q, inst);
        return;
    }
    quick_gpr_take_fixed(q, RAX);
    x64_gpr desired = read_bits(q, operands[2], type);
    x64_gpr expected = read_bits(q, operands[1], type);
    x64_mem mem = quick_access(q, operands[0]);
    x64_gpr success = quick_gpr_take(q);
    quick_barrier(q, operands[0], mem, q->version->types[inst->types.first]);
    x64_mov_rr(q->a, 8, RAX, expected);
    x64_lock_cmpxchg(q->a, memory_width(type), mem, desired);
    x64_set(q->a, X64_E, success);
    x64_zero_extend(q->a, 1, success, success);
    result_from_bits(q, type, RAX);
    quick_result_gpr(q, 1, success);
}

/* r11 = old (rax) combined with the operand. */
static void combine(quick *q, mu_ir_rmw rmw, x64_gpr operand, uint32_t bits)
{
    x64_mov_rr(q->a, 8, QUICK_TEMP, operand);
    switch (rmw) {
    case MU_RMW_XCHG: return;
    case MU_RMW_ADD: x64_alu_rr(q->a, X64_ADD, 8, QUICK_TEMP, RAX); break;
    case MU_RMW_SUB:
        x64_unary_r(q->a, X64_NEG, 8, QUICK_TEMP);
        x64_alu_rr(q->a, X64_ADD, 8, QUICK_TEMP, RAX);
        break;
    case MU_RMW_AND: x64_alu_rr(q->a, X64_AND, 8, QUICK_TEMP, RAX); break;
    case MU_RMW_NAND:
        x64_alu_rr(q->a, X64_AND, 8, QUICK_TEMP, RAX);
        x64_unary_r(q->a, X64_NOT, 8, QUICK_TEMP);
        break;
    case MU_RMW_OR: x64_alu_rr(q->a, X64_OR, 8, QUICK_TEMP, RAX); break;
    case MU_RMW_XOR: x64_alu_rr(q->a, X64_XOR, 8, QUICK_TEMP, RAX); break;
    case MU_RMW_UMAX:
    case MU_RMW_UMIN:
        x64_alu_rr(q->a, X64_CMP, 8, RAX, QUICK_TEMP);
        x64_cmov(q->a, rmw == MU_RMW_UMAX ? X64_A : X64_B, 8, QUICK_TEMP, RAX);
        return;
    case MU_RMW_MAX:
    case MU_RMW_MIN: {
        /* Both shifted up so that the sign bits compare; the old value itself is then chosen. */
        x64_gpr shifted = quick_gpr_take(q);
        x64_label keep = x64_label_new(q->a);
        x64_gpr other = quick_gpr_take(q);
        x64_mov_rr(q->a, 8, shifted, RAX);
        x64_mov_rr(q->a, 8, other, operand);
        if (bits < 64) {
            x64_shift_ri(q->a, X64_SHL, 8, shifted, (uint8_t)(64 - bits));
            x64_shift_ri(q->a, X64_SHL, 8, other, (uint8_t)(64 - bits));
        }
        x64_alu_rr(q->a, X64_CMP, 8, shifted, other);
        x64_jcc(q->a, rmw == MU_RMW_MAX ? X64_LE : X64_GE, keep);
        x64_mov_rr(q->a, 8, QUICK_TEMP, RAX);
        x64_bind(q->a, keep);
        return;
    }
    }
    quick_cut(q, QUICK_TEMP, bits);
}

void quick_lower_atomicrmw(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    const mu_ir_type *type = q->version->types[inst->types.first];
    if (has_two_words(type)) {
        quick_lower_atomicrmw_16(q, inst);
        return;
    }
    uint8_t width = memory_width(type);
    uint32_t bits = quick_int_bits(type);
    mu_ir_rmw rmw = (mu_ir_rmw)inst->rmw;
    if (rmw == MU_RMW_XCHG || (rmw == MU_RMW_ADD && bits == width * 8u)) {
        bool is_fp = type->kind == MU_IR_FLOAT || type->kind == MU_IR_DOUBLE;
        x64_gpr value = is_fp ? read_bits(q, operands[1], type) : quick_copy_gpr(q, operands[1]);
        x64_mem mem = quick_access(q, operands[0]);
        quick_barrier(q, operands[0], mem, q->version->types[inst->types.first]);
        if (rmw == MU_RMW_XCHG) {
            x64_xchg_mr(q->a, width, mem, value);
        } else {
            x64_lock_xadd(q->a, width, mem, value);
        }
        result_from_bits(q, type, value);
        return;
    }
    quick_gpr_take_fixed(q, RAX);
    x64_gpr operand = quick_read_gpr(q, operands[1]);
    x64_mem mem = quick_access(q, operands[0]);
    x64_gpr address = quick_gpr_take(q);
    x64_label again = x64_label_new(q->a);
    x64_lea(q->a, 8, address, mem);
    x64_load(q->a, width, RAX, x64_at(address, 0));
    x64_bind(q->a, again);
    combine(q, rmw, operand, bits);
    x64_lock_cmpxchg(q->a, width, x64_at(address, 0), QUICK_TEMP);
    x64_jcc(q->a, X64_NE, again);
    result_from_bits(q, type, RAX);
}
