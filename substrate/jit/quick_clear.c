/* Clearing new objects. Memory comes to a buffer as it was left, so code that bumps an object
 * clears it, where it stands in the cache anyway, and need not where it stores at once (Yang,
 * Blackburn, Frampton, Sartor and McKinley, "Why Nothing Matters", OOPSLA 2011). */
#include "quick.h"
#include "x64_assembler_vector.h"

/* More than this is cleared by a loop. */
#define STORES_MAX_BYTES 128u
#define WORDS_MAX        (STORES_MAX_BYTES / 8)

/* A value of a whole word, which a store writes all of. */
static bool fills_word(const mu_ir_type *type)
{
    return type->kind == MU_IR_REF || type->kind == MU_IR_DOUBLE ||
           (type->kind == MU_IR_INT && type->bits == 64);
}

/* The instruction neither looks at memory nor leaves to anybody who does. */
static bool is_harmless(const mu_ir_inst *inst)
{
    const mu_ir_op_info *info = mu_ir_op_info_of(inst->op);
    bool computes = info->shape == MU_SHAPE_BINARY || info->shape == MU_SHAPE_COMPARE ||
                    info->shape == MU_SHAPE_CONVERT || info->shape == MU_SHAPE_SELECT;
    return computes && info->flags & MU_OP_FLAG_PURE;
}

/* References into the new object that instructions after it make: a few, of constant offset. */
#define PLACES_MAX 8u
typedef struct place {
    uint32_t variable;
    uint64_t offset;
} place;
typedef struct places {
    place items[PLACES_MAX];
    uint32_t count;
} places;

static const place *find_place(const places *all, mu_ir_value value)
{
    for (uint32_t i = 0; i < all->count; i++) {
        if (value.code == all->items[i].variable) {
            return &all->items[i];
        }
    }
    return NULL;
}

static bool add_place(places *all, const mu_ir_inst *inst, uint64_t offset)
{
    if (all->count == PLACES_MAX) {
        return false;
    }
    all->items[all->count++] = (place){inst->results.first, offset};
    return true;
}

/* Goes on with one instruction; false when nothing after it counts. */
static bool follow(const quick *q, const mu_ir_inst *inst, places *all, uint32_t *words)
{
    const place *at = inst->operands.count > 0
                          ? find_place(all, q->version->operands[inst->operands.first])
                          : NULL;
    const mu_ir_type *type = inst->types.count > 0 ? q->version->types[inst->types.first] : NULL;
    switch (inst->op) {
    case MU_OP_GETIREF: return at && add_place(all, inst, at->offset);
    case MU_OP_GETFIELDIREF:
        return at && add_place(all, inst, at->offset + type->offsets[inst->literal]);
    case MU_OP_STORE:
        if (at && fills_word(type) && at->offset % 8 == 0 && at->offset / 8 < WORDS_MAX) {
            *words |= 1u << at->offset / 8;
        }
        return at && !inst->has_exc;
    default: return is_harmless(inst);
    }
}

/* The object's words that the instructions after `inst`, which makes it, store into before anybody
 * can look at them: as bits. */
static uint32_t stored_at_once(const quick *q, const mu_ir_inst *inst)
{
    const mu_ir_block *block = &q->version->blocks[inst->block];
    const mu_ir_inst *end = q->version->insts + block->insts.first + block->insts.count;
    places all = {.items = {{inst->results.first, 0}}, .count = 1};
    uint32_t words = 0;
    while (++inst < end && follow(q, inst, &all, &words)) {
    }
    return words;
}

static void clear_words(quick *q, x64_gpr payload, uint64_t bytes, uint32_t stored)
{
    bool has_zero = false;
    for (uint64_t at = 0; at < bytes; at += 8) {
        uint32_t pair = stored >> at / 8 & 3;
        if (pair & 1) {
            continue;
        }
        if (pair || at + 8 == bytes) {
            x64_store_i(q->a, 8, x64_at(payload, (int32_t)at), 0);
            continue;
        }
        if (!has_zero) {
            x64_packed_rr(q->a, X64_PXOR, QUICK_XMM_TEMP, QUICK_XMM_TEMP);
            has_zero = true;
        }
        x64_fp_store_16(q->a, false, x64_at(payload, (int32_t)at), QUICK_XMM_TEMP);
        at += 8;
    }
}

void quick_clear_down(quick *q, x64_gpr end, x64_gpr start)
{
    x64_label check = x64_label_new(q->a);
    x64_label again = x64_label_new(q->a);
    x64_packed_rr(q->a, X64_PXOR, QUICK_XMM_TEMP, QUICK_XMM_TEMP);
    x64_jmp(q->a, check);
    x64_bind(q->a, again);
    x64_alu_ri(q->a, X64_SUB, 8, end, 16);
    x64_fp_store_16(q->a, false, x64_at(end, 0), QUICK_XMM_TEMP);
    x64_bind(q->a, check);
    x64_alu_rr(q->a, X64_CMP, 8, end, start);
    x64_jcc(q->a, X64_A, again);
}

void quick_clear_new(quick *q, const mu_ir_inst *inst, uint64_t bytes, x64_gpr payload)
{
    if (bytes > STORES_MAX_BYTES) {
        x64_lea(q->a, 8, QUICK_TEMP, x64_at(payload, (int32_t)bytes));
        quick_clear_down(q, QUICK_TEMP, payload);
    } else {
        bool is_alone = inst->op != MU_OP_NEW || inst->has_exc;
        clear_words(q, payload, bytes, is_alone ? 0 : stored_at_once(q, inst));
    }
}
