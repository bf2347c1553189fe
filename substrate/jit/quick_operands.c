/* Operands of instructions: constants become immediates or registers, irefs become paths, and any
 * value can be taken apart into words, which is how values travel over edges and calls. */
#include "quick.h"

#include <string.h>

static uint64_t cut_constant(uint64_t value, uint32_t bits)
{
    return bits >= 64 ? value : value & ((1ull << bits) - 1);
}

static uint64_t const_word(const mu_ir_const *constant)
{
    uint64_t word = 0;
    switch (constant->kind) {
    case MU_IR_CONST_INT: return cut_constant(constant->low, quick_int_bits(constant->type));
    case MU_IR_CONST_FLOAT: memcpy(&word, &constant->single_value, 4); return word;
    case MU_IR_CONST_DOUBLE: memcpy(&word, &constant->double_value, 8); return word;
    case MU_IR_CONST_NULL:
    case MU_IR_CONST_LIST: break;
    }
    return 0;
}

bool quick_constant(const quick *q, mu_ir_value value, uint64_t *constant)
{
    if (!mu_ir_value_is_global(value)) {
        return false;
    }
    const mu_ir_entity *entity = mu_ir_global_of(q->version, value);
    if (entity->kind == MU_IR_FUNC) {
        *constant = ((const mu_ir_func *)entity)->number;
        return true;
    }
    if (entity->kind == MU_IR_EXPOSE) {
        *constant = ((const mu_ir_expose *)entity)->address;
        return true;
    }
    if (entity->kind != MU_IR_CONST) {
        return false;
    }
    const mu_ir_const *c = (const mu_ir_const *)entity;
    if (c->kind == MU_IR_CONST_LIST || quick_is_wide_int(c->type)) {
        return false;
    }
    *constant = const_word(c);
    return true;
}

x64_gpr quick_read_gpr(quick *q, mu_ir_value value)
{
    uint64_t constant;
    if (quick_constant(q, value, &constant)) {
        x64_gpr reg = quick_gpr_take(q);
        x64_mov_ri(q->a, reg, constant);
        return reg;
    }
    return quick_gpr_of(q, quick_cell_of(mu_ir_value_index(value)));
}

static void load_xmm_constant(quick *q, x64_xmm reg, uint64_t constant)
{
    if (!constant) {
        x64_fp_zero(q->a, reg);
        return;
    }
    x64_mov_ri(q->a, QUICK_TEMP, constant);
    x64_fp_from_gpr(q->a, 8, reg, QUICK_TEMP);
}

x64_xmm quick_read_xmm(quick *q, mu_ir_value value)
{
    uint64_t constant;
    if (quick_constant(q, value, &constant)) {
        x64_xmm reg = quick_xmm_take(q);
        load_xmm_constant(q, reg, constant);
        return reg;
    }
    return quick_xmm_of(q, quick_cell_of(mu_ir_value_index(value)));
}

/* Whether the operand is an iref whose address is made from a word of `variable`. */
static bool is_on_path(const quick *q, mu_ir_value operand, uint32_t variable)
{
    if (mu_ir_value_is_global(operand) ||
        q->variables[mu_ir_value_index(operand)].class != QUICK_IREF) {
        return false;
    }
    const quick_path *path = &q->variables[mu_ir_value_index(operand)].path;
    return (path->base != QUICK_NONE && path->base / 2 == variable) ||
           (path->offset != QUICK_NONE && path->offset / 2 == variable);
}

/* May the present instruction overwrite this operand's register? Only at its last use, and if no
 * other operand is the same variable. */
static bool may_steal(const quick *q, mu_ir_value value)
{
    if (quick_live_after(q, mu_ir_value_index(value), q->position)) {
        return false;
    }
    const mu_ir_inst *inst = &q->version->insts[q->inst];
    uint32_t same = 0;
    for (uint32_t i = 0; i < inst->operands.count; i++) {
        mu_ir_value operand = q->version->operands[inst->operands.first + i];
        same += operand.code == value.code;
        if (is_on_path(q, operand, mu_ir_value_index(value))) {
            return false;
        }
    }
    return same == 1;
}

x64_gpr quick_copy_gpr(quick *q, mu_ir_value value)
{
    uint64_t constant;
    if (quick_constant(q, value, &constant)) {
        return quick_read_gpr(q, value);
    }
    uint32_t cell = quick_cell_of(mu_ir_value_index(value));
    x64_gpr from = quick_gpr_of(q, cell);
    if (may_steal(q, value)) {
        q->cells[cell].reg = -1;
        q->gpr_cell[from] = QUICK_NONE;
        return from;
    }
    x64_gpr copy = quick_gpr_take(q);
    x64_mov_rr(q->a, 8, copy, from);
    return copy;
}

x64_xmm quick_copy_xmm(quick *q, mu_ir_value value)
{
    uint64_t constant;
    if (quick_constant(q, value, &constant)) {
        return quick_read_xmm(q, value);
    }
    uint32_t cell = quick_cell_of(mu_ir_value_index(value));
    x64_xmm from = quick_xmm_of(q, cell);
    if (may_steal(q, value)) {
        q->cells[cell].reg = -1;
        q->xmm_cell[from] = QUICK_NONE;
        return from;
    }
    x64_xmm copy = quick_xmm_take(q);
    x64_fp_mov_rr(q->a, copy, from);
    return copy;
}

void quick_result_path(quick *q, quick_path path)
{
    uint32_t variable = quick_result(q, 0);
    quick_begin(q, variable);
    q->variables[variable].path = path;
}

uint32_t quick_result(const quick *q, uint32_t index)
{
    return q->version->insts[q->inst].results.first + index;
}

void quick_result_gpr(quick *q, uint32_t index, x64_gpr reg)
{
    uint32_t variable = quick_result(q, index);
    quick_begin(q, variable);
    quick_define_gpr(q, quick_cell_of(variable), reg);
}

void quick_result_xmm(quick *q, uint32_t index, x64_xmm reg)
{
    uint32_t variable = quick_result(q, index);
    quick_begin(q, variable);
    quick_define_xmm(q, quick_cell_of(variable), reg);
}

static quick_operand immediate(uint64_t value)
{
    return (quick_operand){.kind = QUICK_IMMEDIATE, .immediate = value};
}

static quick_operand cell_operand(const quick *q, uint32_t cell)
{
    const quick_cell *c = &q->cells[cell];
    if (c->reg >= 0) {
        return (quick_operand){.kind = c->is_xmm ? QUICK_AT_XMM : QUICK_AT_GPR,
                               .index = (uint32_t)c->reg};
    }
    MU_INVARIANT(c->slot_valid, "cell %u of %s is nowhere", cell, q->version->entity.label);
    return (quick_operand){.kind = QUICK_AT_SLOT, .index = c->slot};
}

/* A composite constant as bytes, with marks on the words that are addresses of global cells. */
typedef struct constant_image {
    unsigned char *bytes;
    bool *is_global; /* one a word */
} constant_image;

static void put_scalar(constant_image *image, uint64_t at, const mu_ir_entity *entity)
{
    uint64_t word = 0;
    uint64_t width = 8;
    switch (entity->kind) {
    case MU_IR_FUNC: word = ((const mu_ir_func *)entity)->number; break;
    case MU_IR_EXPOSE: word = ((const mu_ir_expose *)entity)->address; break;
    case MU_IR_GLOBAL:
        /* An iref: the cell's reference, then offset 0. */
        word = ((const mu_ir_global *)entity)->offset_bytes;
        image->is_global[at / 8] = true;
        break;
    case MU_IR_CONST: {
        const mu_ir_const *constant = (const mu_ir_const *)entity;
        width = constant->type->size_bytes < 8 ? constant->type->size_bytes : 8;
        word = const_word(constant);
        if (constant->type->size_bytes > 8 && constant->kind == MU_IR_CONST_INT) {
            uint64_t high = cut_constant(constant->high, quick_int_bits(constant->type) - 64);
            memcpy(image->bytes + at + 8, &high, sizeof high);
        }
        break;
    }
    case MU_IR_TYPE:
    case MU_IR_SIG:
    case MU_IR_VERSION:
    case MU_IR_BLOCK:
    case MU_IR_VARIABLE:
    case MU_IR_INST: MU_INVARIANT(false, "entity kind %d in a constant", (int)entity->kind);
    }
    memcpy(image->bytes + at, &word, width);
}

/* Nesting is that of the type, so bounded. */
static void put_constant(constant_image *image, uint64_t at, const mu_ir_entity *entity)
{
    if (entity->kind != MU_IR_CONST || ((const mu_ir_const *)entity)->kind != MU_IR_CONST_LIST) {
        put_scalar(image, at, entity);
        return;
    }
    const mu_ir_const *list = (const mu_ir_const *)entity;
    for (uint32_t i = 0; i < list->item_count; i++) {
        uint64_t offset = list->type->kind == MU_IR_STRUCT ? list->type->offsets[i]
                                                           : list->type->stride_bytes * i;
        put_constant(image, at + offset, list->items[i]);
    }
}

static void constant_words(quick *q, const mu_ir_entity *entity, uint32_t count,
                           quick_operand *words)
{
    constant_image image = {MU_ARENA_ARRAY(q->arena, unsigned char, (size_t)count * 8),
                            MU_ARENA_ARRAY(q->arena, bool, count)};
    put_constant(&image, 0, entity);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&words[i].immediate, image.bytes + (size_t)i * 8, 8);
        words[i].kind = image.is_global[i] ? QUICK_GLOBAL : QUICK_IMMEDIATE;
    }
}

quick_path quick_path_of(quick *q, mu_ir_value value)
{
    if (!mu_ir_value_is_global(value)) {
        return q->variables[mu_ir_value_index(value)].path;
    }
    quick_path path = {.base = QUICK_NONE, .offset = QUICK_NONE};
    const mu_ir_entity *entity = mu_ir_global_of(q->version, value);
    if (entity->kind == MU_IR_GLOBAL) {
        path.is_global = true;
        path.non_null = true;
        path.global_cell = ((const mu_ir_global *)entity)->offset_bytes;
    }
    return path;
}

quick_path quick_path_to_derive(quick *q, mu_ir_value value)
{
    if (!mu_ir_value_is_global(value)) {
        uint32_t variable = mu_ir_value_index(value);
        if (q->variables[variable].path.offset == quick_cell_of(variable) + 1) {
            quick_settle_path(q, value);
        }
    }
    return quick_path_of(q, value);
}

void quick_load_global(quick *q, x64_gpr reg, uint64_t cell)
{
    MU_INVARIANT(cell <= INT32_MAX, "global offset beyond 2 GiB");
    x64_load(q->a, 8, reg, x64_at(QUICK_THREAD, MU_THREAD_globals));
    x64_lea(q->a, 8, reg, x64_at(reg, (int32_t)cell));
}

void quick_settle_path(quick *q, mu_ir_value value)
{
    if (mu_ir_value_is_global(value) ||
        q->variables[mu_ir_value_index(value)].class != QUICK_IREF) {
        return;
    }
    uint32_t variable = mu_ir_value_index(value);
    quick_path *path = &q->variables[variable].path;
    if (path->offset == QUICK_NONE ||
        (!path->scale_log2 && !path->displacement && !path->is_global)) {
        return;
    }
    uint32_t pinned = q->gpr_pinned;
    x64_gpr from = quick_gpr_of(q, path->offset);
    x64_gpr to = quick_gpr_take(q);
    x64_mem sum = x64_at_index(X64_NO_GPR, from, path->scale_log2, 0);
    bool is_small = path->displacement == (int32_t)path->displacement;
    if (is_small) {
        sum.displacement = (int32_t)path->displacement;
    }
    x64_lea(q->a, 8, to, sum);
    if (!is_small) {
        x64_mov_ri(q->a, QUICK_TEMP, (uint64_t)path->displacement);
        x64_alu_rr(q->a, X64_ADD, 8, to, QUICK_TEMP);
    }
    if (path->is_global) {
        x64_gpr base = quick_gpr_take(q);
        quick_load_global(q, base, path->global_cell);
        quick_define_gpr(q, quick_cell_of(variable), base);
        path->base = quick_cell_of(variable);
    }
    uint32_t cell = quick_cell_of(variable) + 1;
    quick_define_gpr(q, cell, to);
    path->offset = cell;
    path->scale_log2 = 0;
    path->displacement = 0;
    path->is_global = false;
    /* An instruction may settle more irefs than there are registers: those who read the words next
     * look for them where they then are. */
    q->gpr_pinned = pinned;
}

void quick_value_words(quick *q, mu_ir_value value, quick_operand *words)
{
    mu_ir_type *type = mu_ir_value_type(q->version, value);
    quick_class class = quick_class_of(type);
    uint32_t count = quick_words_of(type);
    if (class == QUICK_IREF) {
        quick_path path = quick_path_of(q, value);
        words[0] =
            path.base == QUICK_NONE ? immediate(path.global_cell) : cell_operand(q, path.base);
        if (path.is_global) {
            words[0].kind = QUICK_GLOBAL;
        }
        words[1] = path.offset == QUICK_NONE ? immediate((uint64_t)path.displacement)
                                             : cell_operand(q, path.offset);
        return;
    }
    if (mu_ir_value_is_global(value)) {
        constant_words(q, mu_ir_global_of(q->version, value), count, words);
        return;
    }
    uint32_t variable = mu_ir_value_index(value);
    if (class != QUICK_COMPOSITE) {
        words[0] = cell_operand(q, quick_cell_of(variable));
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        words[i] = (quick_operand){.kind = QUICK_AT_SLOT,
                                   .index = q->variables[variable].slot + count - 1 - i};
    }
}
