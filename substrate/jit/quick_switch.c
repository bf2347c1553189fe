/* SWITCH: a table of jumps where the cases lie close together, else a binary search. Of an int of
 * two words the high one is looked for first, then the low one among the cases that share it. Of
 * irefs the cases are NULL and global cells, which are told by their distance from the VM's global
 * memory. */
#include "quick.h"

#include <stdlib.h>

static const quick_operand no_exception = {.kind = QUICK_IMMEDIATE};

static const mu_ir_dest *dest_at(const quick *q, const mu_ir_inst *inst, uint32_t index)
{
    return &q->version->dests[inst->dests.first + index];
}

typedef struct switch_case {
    uint64_t high; /* of an int of two words; else 0 */
    uint64_t value;
    bool is_null; /* of an iref: not a cell, whose distance is `value` */
    x64_label label;
} switch_case;

static int order_cases(const void *left, const void *right)
{
    const switch_case *a = left;
    const switch_case *b = right;
    if (a->is_null != b->is_null) {
        return a->is_null ? -1 : 1;
    }
    if (a->high != b->high) {
        return a->high < b->high ? -1 : 1;
    }
    return a->value < b->value ? -1 : a->value > b->value;
}

static void compare_with(quick *q, x64_gpr reg, uint64_t value)
{
    if ((int64_t)value == (int32_t)value) {
        x64_alu_ri(q->a, X64_CMP, 8, reg, (int32_t)value);
    } else {
        x64_mov_ri(q->a, QUICK_TEMP, value);
        x64_alu_rr(q->a, X64_CMP, 8, reg, QUICK_TEMP);
    }
}

#define TABLE_MIN_CASES 5

static bool is_dense(const switch_case *cases, uint32_t count)
{
    return count >= TABLE_MIN_CASES && cases[count - 1].value - cases[0].value < 4ull * count;
}

static void emit_table(quick *q, x64_gpr reg, const switch_case *cases, uint32_t count,
                       x64_label otherwise)
{
    uint64_t low = cases[0].value;
    uint64_t span = cases[count - 1].value - low;
    x64_label table = x64_label_new(q->a);
    x64_mov_ri(q->a, QUICK_TEMP, 0 - low);
    x64_alu_rr(q->a, X64_ADD, 8, QUICK_TEMP, reg);
    x64_alu_ri(q->a, X64_CMP, 8, QUICK_TEMP, (int32_t)span);
    x64_jcc(q->a, X64_A, otherwise);
    x64_lea_label(q->a, QUICK_TEMP2, table);
    x64_shift_ri(q->a, X64_SHL, 8, QUICK_TEMP, 2);
    x64_alu_rr(q->a, X64_ADD, 8, QUICK_TEMP, QUICK_TEMP2);
    x64_load(q->a, 4, QUICK_TEMP, x64_at(QUICK_TEMP, 0));
    x64_sign_extend(q->a, 4, QUICK_TEMP, QUICK_TEMP);
    x64_alu_rr(q->a, X64_ADD, 8, QUICK_TEMP, QUICK_TEMP2);
    x64_jmp_r(q->a, QUICK_TEMP);
    x64_bind(q->a, table);
    uint32_t at = 0;
    for (uint64_t i = 0; i <= span; i++) {
        bool hit = cases[at].value == low + i;
        x64_data_label(q->a, hit ? cases[at].label : otherwise, table);
        at += hit;
    }
}

/* Binary search over sorted cases; the depth is the logarithm of their number. */
static void emit_search(quick *q, x64_gpr reg, const switch_case *cases, uint32_t count,
                        x64_label otherwise)
{
    if (count <= 4) {
        for (uint32_t i = 0; i < count; i++) {
            compare_with(q, reg, cases[i].value);
            x64_jcc(q->a, X64_E, cases[i].label);
        }
        x64_jmp(q->a, otherwise);
        return;
    }
    uint32_t half = count / 2;
    x64_label upper = x64_label_new(q->a);
    compare_with(q, reg, cases[half].value);
    x64_jcc(q->a, X64_AE, upper);
    emit_search(q, reg, cases, half, otherwise);
    x64_bind(q->a, upper);
    emit_search(q, reg, cases + half, count - half, otherwise);
}

/* Sorted cases with the same high word. */
static void emit_cases(quick *q, x64_gpr reg, const switch_case *cases, uint32_t count,
                       x64_label otherwise)
{
    if (is_dense(cases, count)) {
        emit_table(q, reg, cases, count, otherwise);
    } else {
        emit_search(q, reg, cases, count, otherwise);
    }
}

static void emit_pairs(quick *q, x64_gpr low, x64_gpr high, const switch_case *cases,
                       uint32_t count, x64_label otherwise)
{
    switch_case *groups = MU_ARENA_ARRAY(q->arena, switch_case, count);
    uint32_t *firsts = MU_ARENA_ARRAY(q->arena, uint32_t, count + 1);
    uint32_t group_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || cases[i].high != cases[i - 1].high) {
            groups[group_count] = (switch_case){.value = cases[i].high};
            groups[group_count].label = x64_label_new(q->a);
            firsts[group_count++] = i;
        }
    }
    firsts[group_count] = count;
    emit_search(q, high, groups, group_count, otherwise);
    for (uint32_t i = 0; i < group_count; i++) {
        x64_bind(q->a, groups[i].label);
        emit_cases(q, low, cases + firsts[i], firsts[i + 1] - firsts[i], otherwise);
    }
}

static void emit_cells(quick *q, x64_gpr address, const switch_case *cases, uint32_t count,
                       x64_label otherwise)
{
    if (count && cases[0].is_null) {
        x64_test_rr(q->a, 8, address, address);
        x64_jcc(q->a, X64_E, cases[0].label);
        cases++;
        count--;
    }
    x64_alu_rm(q->a, X64_SUB, 8, address, x64_at(QUICK_THREAD, MU_THREAD_globals));
    emit_cases(q, address, cases, count, otherwise);
}

static void read_case(const quick *q, mu_ir_value value, switch_case *to)
{
    const mu_ir_entity *entity = mu_ir_global_of(q->version, value);
    if (entity->kind == MU_IR_GLOBAL) {
        to->value = ((const mu_ir_global *)entity)->offset_bytes;
        return;
    }
    const mu_ir_type *type = mu_ir_value_type(q->version, value);
    to->is_null = type->kind == MU_IR_IREF;
    if (!quick_constant(q, value, &to->value)) {
        to->high = ((const mu_ir_const *)entity)->high;
        to->value = ((const mu_ir_const *)entity)->low;
    }
}

void quick_lower_switch(quick *q, const mu_ir_inst *inst)
{
    mu_ir_value value = q->version->operands[inst->operands.first];
    const mu_ir_type *type = q->version->types[inst->types.first];
    uint32_t count = inst->cases.count;
    switch_case *cases = MU_ARENA_ARRAY(q->arena, switch_case, count);
    bool is_iref = type->kind == MU_IR_IREF;
    bool is_wide = quick_is_wide_int(type);
    x64_gpr reg = is_iref ? quick_iref_address(q, value) : quick_read_low_word(q, value);
    x64_gpr high = is_wide ? quick_gpr_take(q) : reg;
    if (is_wide) {
        quick_pair pair = quick_pair_of(q, value);
        quick_load_half(q, high, &pair, 1);
    }
    for (uint32_t i = 0; i < count && !quick_is_too_large(q); i++) {
        read_case(q, q->version->operands[inst->cases.first + i], &cases[i]);
        cases[i].label = quick_edge(q, dest_at(q, inst, i + 1), no_exception);
    }
    x64_label otherwise = quick_edge(q, dest_at(q, inst, 0), no_exception);
    qsort(cases, count, sizeof *cases, order_cases);
    if (is_wide) {
        emit_pairs(q, reg, high, cases, count, otherwise);
    } else if (is_iref) {
        emit_cells(q, reg, cases, count, otherwise);
    } else {
        emit_cases(q, reg, cases, count, otherwise);
    }
}
