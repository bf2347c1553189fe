/* Checks that keep bundles without the grant `native` memory-safe. The Mu specification leaves it
 * undefined what an iref moved out of its array, or a reference cast to a type its object does not
 * have, refers to; a host of other people's code cannot. So every reference is kept to what is
 * really there:
 *
 *   SHIFTIREF  the common case, an element of a hybrid's variable part, is compared in line with
 * the object's length; whatever else there is (arrays inside of objects, nested ones) is answered
 * by the runtime. A hybrid has room for one element more than was asked for, since programs that
 * walk an array step one past its end. REFCAST    to a prefix of the static type, or to void, is
 * always right; to the exact type of the object is one compare; the rest is answered by the
 * runtime.
 *
 * With these, GETFIELDIREF and the bounds of GETELEMIREF, an iref always points at a location of
 * its type or is NULL, and what is stored there has that type. Cells of ALLOCA are objects
 * (quick_allocate.c), irefs are read and written whole (quick_memory.c).
 */
#include "quick.h"

/* A deferred question to the runtime; r10 and r11 are free. Arguments beyond `base` and `offset`
 * are added by the caller. */
static quick_deferred open_check(quick *q, mu_abi_leave check, quick_operand base,
                                 quick_operand offset, const mu_ir_type *type, uint32_t *index)
{
    *index = quick_defer(q, QUICK_DEFER_CHECK);
    quick_deferred deferred = q->deferred.items[*index];
    deferred.check = check;
    quick_operand arguments[3] = {
        base, offset, {.kind = QUICK_IMMEDIATE, .immediate = (uintptr_t)type}};
    static const uint32_t places[3] = {0, 1, 3};
    for (uint32_t i = 0; i < 3; i++) {
        quick_operand to = {.kind = QUICK_AT_GPR, .index = quick_gpr_arg(places[i])};
        MU_ARRAY_PUSH(&deferred.moves, ((quick_move){to, arguments[i]}));
    }
    return deferred;
}

static void close_check(quick *q, quick_deferred *deferred, uint32_t index)
{
    quick_collect_saves(q, deferred, true);
    deferred->site = quick_site(q, MU_CODE_SITE_HELPER, QUICK_NONE, deferred->saves.items,
                                deferred->saves.count);
    quick_release_saves(q, deferred);
    q->deferred.items[index] = *deferred;
}

/* r10 = descriptor of the object at `base`. */
static void load_descriptor(quick *q, x64_gpr base)
{
    x64_load(q->a, 8, QUICK_TEMP2, x64_at(base, -(int32_t)MU_ABI_HEADER_BYTES));
    x64_alu_ri(q->a, X64_AND, 8, QUICK_TEMP2, -(int32_t)(MU_ABI_HEADER_FLAGS + 1));
}

/* The iref's base in a register: that of a cell, or of a global cell's reference, which is then the
 * result's own. */
static x64_gpr base_register(quick *q, const quick_path *path)
{
    if (path->base != QUICK_NONE) {
        return quick_gpr_of(q, path->base);
    }
    x64_gpr reg = quick_gpr_take(q);
    if (path->is_global) {
        quick_load_global(q, reg, path->global_cell);
    } else {
        x64_mov_ri(q->a, reg, 0);
    }
    return reg;
}

/* reg = the offset that the iref would have after the shift. */
static x64_gpr shifted_offset(quick *q, const mu_ir_inst *inst, const quick_path *path,
                              const mu_ir_type *type)
{
    mu_ir_value index = q->version->operands[inst->operands.first + 1];
    const mu_ir_type *index_type = q->version->types[inst->types.first + 1];
    /* Objects have less than 2^46 bytes: an index of 17 bits or fewer cannot overflow with any
     * type's size. */
    bool may_overflow = type->size_bytes > 1 && index_type->bits > 17;
    bool is_wide = quick_is_wide_int(index_type);
    x64_label outside = {0};
    if (may_overflow || is_wide) {
        outside = quick_error(q, MU_GUEST_ERROR_OUT_OF_BOUNDS);
    }
    x64_gpr from = quick_read_low_word(q, index);
    x64_gpr reg = quick_gpr_take(q);
    x64_mov_rr(q->a, 8, reg, from);
    if (is_wide) {
        quick_jump_unless_word(q, index, reg, outside);
    }
    quick_sign_extend(q, reg, index_type->bits);
    quick_multiply(q, reg, type->size_bytes, may_overflow ? &outside : NULL);
    if (path->offset != QUICK_NONE) {
        x64_alu_rr(q->a, X64_ADD, 8, reg, quick_gpr_of(q, path->offset));
    } else if (path->displacement == (int32_t)path->displacement) {
        x64_alu_ri(q->a, X64_ADD, 8, reg, (int32_t)path->displacement);
    } else {
        x64_mov_ri(q->a, QUICK_TEMP, (uint64_t)path->displacement);
        x64_alu_rr(q->a, X64_ADD, 8, reg, QUICK_TEMP);
    }
    return reg;
}

/* Jumps away unless `offset` is that of an element of the hybrid at `base`. */
static void check_hybrid(quick *q, x64_gpr base, const quick_operand *from, x64_gpr offset,
                         const mu_ir_type *type, x64_label slow)
{
    x64_test_rr(q->a, 8, base, base);
    x64_jcc(q->a, X64_E, slow);
    load_descriptor(q, base);
    x64_alu_mi(q->a, X64_CMP, 4, x64_at(QUICK_TEMP2, offsetof(mu_abi_type, element_canonical)),
               (int32_t)type->canonical);
    x64_jcc(q->a, X64_NE, slow);
    /* From an element, not from a field of the same type: elements need not lie at multiples of
     * their size from that. */
    quick_load_word(q, QUICK_TEMP, from);
    x64_alu_rm(q->a, X64_CMP, 8, QUICK_TEMP,
               x64_at(QUICK_TEMP2, offsetof(mu_abi_type, size_bytes)));
    x64_jcc(q->a, X64_B, slow);
    x64_mov_rr(q->a, 8, QUICK_TEMP, offset);
    x64_alu_rm(q->a, X64_SUB, 8, QUICK_TEMP,
               x64_at(QUICK_TEMP2, offsetof(mu_abi_type, size_bytes)));
    x64_load(q->a, 8, QUICK_TEMP2,
             x64_at(base, -(int32_t)(MU_ABI_HEADER_BYTES + MU_ABI_LENGTH_BYTES)));
    if (type->size_bytes && !(type->size_bytes & (type->size_bytes - 1))) {
        x64_shift_ri(q->a, X64_SHL, 8, QUICK_TEMP2, (uint8_t)__builtin_ctzll(type->size_bytes));
    } else {
        /* No product of a length and a size that the heap holds overflows. */
        x64_imul_rri(q->a, 8, QUICK_TEMP2, QUICK_TEMP2, (int32_t)type->size_bytes);
    }
    x64_alu_rr(q->a, X64_CMP, 8, QUICK_TEMP, QUICK_TEMP2);
    x64_jcc(q->a, X64_AE, slow);
}

void quick_lower_checked_shift(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &q->version->operands[inst->operands.first];
    const mu_ir_type *type = q->version->types[inst->types.first];
    quick_settle_path(q, operands[0]);
    quick_path path = quick_path_of(q, operands[0]);
    quick_operand words[2];
    x64_gpr base = base_register(q, &path);
    x64_gpr offset = shifted_offset(q, inst, &path, type);
    quick_value_words(q, operands[0], words);
    uint32_t index;
    quick_deferred check =
        open_check(q, MU_ABI_LEAVE_CHECK_SHIFT, (quick_operand){QUICK_AT_GPR, base, 0}, words[1],
                   type, &index);
    MU_ARRAY_PUSH(&check.moves,
                  ((quick_move){{QUICK_AT_GPR, quick_gpr_arg(2), 0}, {QUICK_AT_GPR, offset, 0}}));
    check.extra_gpr[0] = (int8_t)offset;
    check.extra_gpr[1] = path.base == QUICK_NONE ? (int8_t)base : (int8_t)-1;
    close_check(q, &check, index);
    if (type->size_bytes <= INT32_MAX) {
        check_hybrid(q, base, &words[1], offset, type, check.label);
    } else {
        x64_jmp(q->a, check.label);
    }
    x64_bind(q->a, check.back);
    uint32_t variable = quick_result(q, 0);
    quick_result_path(
        q,
        (quick_path){.base = path.base, .offset = quick_cell_of(variable) + 1, .non_null = true});
    quick_define_gpr(q, quick_cell_of(variable) + 1, offset);
    if (path.base == QUICK_NONE) {
        q->variables[variable].path.base = quick_cell_of(variable);
        quick_define_gpr(q, quick_cell_of(variable), base);
    }
}

static void check_object(quick *q, mu_ir_value value, const mu_ir_type *type)
{
    x64_gpr ref = quick_read_gpr(q, value);
    uint32_t index;
    quick_deferred check =
        open_check(q, MU_ABI_LEAVE_CHECK_CAST, (quick_operand){QUICK_AT_GPR, ref, 0},
                   (quick_operand){.kind = QUICK_IMMEDIATE}, type, &index);
    close_check(q, &check, index);
    x64_test_rr(q->a, 8, ref, ref);
    x64_jcc(q->a, X64_E, check.back);
    load_descriptor(q, ref);
    x64_alu_mi(q->a, X64_CMP, 4, x64_at(QUICK_TEMP2, offsetof(mu_abi_type, canonical)),
               (int32_t)type->canonical);
    x64_jcc(q->a, X64_NE, check.label);
    x64_bind(q->a, check.back);
}

static void check_location(quick *q, mu_ir_value value, const mu_ir_type *type)
{
    quick_operand words[2];
    uint32_t index;
    quick_settle_path(q, value);
    quick_value_words(q, value, words);
    quick_deferred check = open_check(q, MU_ABI_LEAVE_CHECK_CAST, words[0], words[1], type, &index);
    close_check(q, &check, index);
    x64_jmp(q->a, check.label);
    x64_bind(q->a, check.back);
}

bool quick_cast_is_checked(const quick *q, const mu_ir_inst *inst)
{
    const mu_ir_type *from = q->version->types[inst->types.first];
    const mu_ir_type *to = q->version->types[inst->types.first + 1];
    if (from->kind == MU_IR_VECTOR) {
        from = from->element;
        to = to->element;
    }
    /* Of functions, signatures are compared at calls. */
    return q->checked && from->kind != MU_IR_FUNCREF &&
           !mu_ir_type_begins_with(from->element, to->element);
}

void quick_check_cast(quick *q, const mu_ir_inst *inst)
{
    const mu_ir_type *to = q->version->types[inst->types.first + 1];
    mu_ir_value value = q->version->operands[inst->operands.first];
    if (!quick_cast_is_checked(q, inst)) {
        return;
    }
    if (to->kind == MU_IR_REF) {
        check_object(q, value, to->element);
    } else {
        check_location(q, value, to->element);
    }
}
