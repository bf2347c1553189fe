/* How values travel between compiled functions, and what kind of thing each type is to the code
 * generator. General registers, then xmm registers, then overflow words; an iref goes as a whole.
 */
#include "quick.h"

/* Of a function that is only declared, as the verifier has it of all others. */
#define WORDS_MAX MU_ABI_OVERFLOW_WORDS

quick_class quick_class_of(const mu_ir_type *type)
{
    switch (type->kind) {
    case MU_IR_FLOAT: return QUICK_FLOAT;
    case MU_IR_DOUBLE: return QUICK_DOUBLE;
    case MU_IR_REF:
    case MU_IR_TAGREF64:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF: return QUICK_REF;
    case MU_IR_IREF: return QUICK_IREF;
    case MU_IR_STRUCT:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return QUICK_COMPOSITE;
    case MU_IR_INT: return type->bits > 64 ? QUICK_COMPOSITE : QUICK_INT;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR:
    case MU_IR_FUNCREF:
    case MU_IR_IRNODEREF: return QUICK_INT; /* numbers, which the collector need not see */
    case MU_IR_HYBRID:
    case MU_IR_VOID:
    case MU_IR_WEAKREF: break;
    }
    MU_INVARIANT(false, "type kind %d reached the code generator", (int)type->kind);
    return QUICK_INT;
}

uint32_t quick_int_bits(const mu_ir_type *type)
{
    return type->kind == MU_IR_INT ? type->bits : 64;
}

uint32_t quick_words_of(const mu_ir_type *type)
{
    switch (quick_class_of(type)) {
    case QUICK_IREF: return 2;
    case QUICK_COMPOSITE: return (uint32_t)((type->size_bytes + 7) / 8);
    case QUICK_INT:
    case QUICK_REF:
    case QUICK_FLOAT:
    case QUICK_DOUBLE: break;
    }
    return 1;
}

uint32_t mu_jit_value_bytes(const mu_ir_type *type)
{
    return quick_words_of(type) * 8;
}

static bool is_passable(const mu_ir_type *type)
{
    switch (type->kind) {
    case MU_IR_HYBRID:
    case MU_IR_VOID:
    case MU_IR_WEAKREF: return false;
    default: return true;
    }
}

bool mu_jit_can_pass(mu_ir_type *const *types, uint32_t count)
{
    uint64_t words = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_passable(types[i])) {
            return false;
        }
        /* An iref has 16 bytes in memory, too. */
        words += types[i]->size_bytes / 8 + (types[i]->size_bytes % 8 != 0);
        if (words > WORDS_MAX) {
            return false;
        }
    }
    return true;
}

uint32_t mu_jit_assign_places(mu_ir_type *const *types, uint32_t count, mu_jit_place *places)
{
    uint32_t gpr = 0;
    uint32_t xmm = 0;
    uint32_t overflow = 0;
    for (uint32_t i = 0; i < count; i++) {
        quick_class class = quick_class_of(types[i]);
        uint32_t words = quick_words_of(types[i]);
        bool is_fp = class == QUICK_FLOAT || class == QUICK_DOUBLE;
        mu_jit_place place = {MU_JIT_PLACE_OVERFLOW, (uint16_t)overflow, (uint16_t)words};
        if (is_fp && xmm < MU_ABI_XMM_ARGS) {
            place.kind = MU_JIT_PLACE_XMM;
            place.index = (uint16_t)xmm++;
        } else if (!is_fp && class != QUICK_COMPOSITE && gpr + words <= MU_ABI_GPR_ARGS) {
            place.kind = MU_JIT_PLACE_GPR;
            place.index = (uint16_t)gpr;
            gpr += words;
        } else {
            overflow += words;
        }
        places[i] = place;
    }
    MU_INVARIANT(overflow <= MU_ABI_OVERFLOW_WORDS, "%u overflow words at one call", overflow);
    return overflow;
}
