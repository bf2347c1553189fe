/* Random instructions on vectors. EXTRACTELEMENT, INSERTELEMENT and what any value can do are in
 * program_insts.c. */
#include "program_text.h"

#include <stdio.h>

static void one_result(program_op *op, const program_type *type)
{
    op->results[0] = type;
    op->result_count = 1;
}

static bool is_fp(const program_type *lane)
{
    return lane->kind == KIND_FLOAT || lane->kind == KIND_DOUBLE;
}

/* A vector type that the block has values of, rather than any; of ints, of floats and doubles, of
 * either, of what has EQ, or of all. */
typedef enum lane_choice { INT_LANES, FP_LANES, NUMBER_LANES, EQ_LANES, ANY_LANES } lane_choice;
static const program_type *some_vector(program *p, lane_choice choice)
{
    const program_value *found = program_chance(p, 75) ? program_find(p, KIND_VECTOR, 0) : NULL;
    const program_type *type = found ? found->type : program_random_vector(p);
    bool is_int = type->element->kind == KIND_INT;
    bool fits[] = {is_int, is_fp(type->element), is_int || is_fp(type->element),
                   type->element->kind != KIND_TAGREF, true};
    if (fits[choice]) {
        return type;
    }
    const program_type *lane = choice != FP_LANES ? program_random_int(p) : program_random_fp(p);
    type = program_vector_of(p, lane, type->length);
    return type ? type : program_vector_of(p, lane, 2);
}

static const program_type *bits_for(program *p, const program_type *type)
{
    return program_vector_of(p, program_int_of(p, 1), type->length);
}

/* A constant vector of the same constant in each lane. */
static const char *splat(program *p, const program_type *type, uint64_t value)
{
    const char **items = MU_ARENA_ARRAY(p->arena, const char *, type->length);
    const char *item = program_int_constant(p, type->element, value);
    for (uint32_t i = 0; i < type->length; i++) {
        items[i] = item;
    }
    return program_list_constant(p, type, items);
}

static const char *constant_mask(program *p, const program_type *type, uint32_t limit)
{
    const char **items = MU_ARENA_ARRAY(p->arena, const char *, type->length);
    for (uint32_t i = 0; i < type->length; i++) {
        items[i] = program_int_constant(p, type->element, program_below(p, limit));
    }
    return program_list_constant(p, type, items);
}

static bool make_binary(program *p, program_op *op)
{
    static const char *const ints[] = {"ADD",  "SUB", "MUL", "SHL", "LSHR",
                                       "ASHR", "AND", "OR",  "XOR"};
    static const char *const fps[] = {"FADD", "FSUB", "FMUL", "FDIV", "FREM"};
    const program_type *type = some_vector(p, NUMBER_LANES);
    bool is_int = type->element->kind == KIND_INT;
    program_value a = program_pick(p, type, 0);
    program_value b = program_chance(p, 10) ? a : program_pick(p, type, 0);
    if (is_int &&
        program_chance(p, 20)) { /* of shifts by the same count some are one instruction */
        snprintf(b.name, sizeof b.name, "%s", splat(p, type, program_below(p, 70)));
    }
    program_write(&op->text, "%s <@%s> %s %s",
                  is_int ? ints[program_below(p, 9)] : fps[program_below(p, 5)], type->name, a.name,
                  b.name);
    one_result(op, type);
    return true;
}

bool program_vector_division(program *p, program_op *op)
{
    static const char *const words[] = {"SDIV", "SREM", "UDIV", "UREM"};
    const program_type *type = some_vector(p, INT_LANES);
    program_value a = program_pick(p, type, 0);
    program_value b = program_pick(p, type, 0);
    if (program_chance(p, 85)) {
        program_op odd = {.results = {type}, .result_count = 1};
        program_write(&odd.text, "OR <@%s> %s %s", type->name, b.name,
                      splat(p, type, program_below(p, 4) ? 1 : UINT64_MAX));
        b = program_emit(p, &odd);
    }
    program_write(&op->text, "%s <@%s> %s %s", words[program_below(p, 4)], type->name, a.name,
                  b.name);
    one_result(op, type);
    op->may_throw = true;
    return true;
}

static bool make_compare(program *p, program_op *op)
{
    static const char *const ints[] = {"EQ",  "NE",  "SGE", "SGT", "SLE",
                                       "SLT", "UGE", "UGT", "ULE", "ULT"};
    static const char *const fps[] = {"FFALSE", "FTRUE", "FUNO", "FUEQ", "FUNE", "FUGT",
                                      "FUGE",   "FULT",  "FULE", "FORD", "FOEQ", "FONE",
                                      "FOGT",   "FOGE",  "FOLT", "FOLE"};
    const program_type *type = some_vector(p, EQ_LANES);
    type_kind lane = type->element->kind;
    bool is_pointer = lane == KIND_UPTR || lane == KIND_UFUNCPTR;
    program_value a = program_pick(p, type, 0);
    program_value b = program_chance(p, 10) ? a : program_pick(p, type, 0);
    program_write(&op->text, "%s <@%s> %s %s",
                  lane == KIND_INT                      ? ints[program_below(p, 10)]
                  : is_fp(type->element)                ? fps[program_below(p, 16)]
                  : is_pointer && program_chance(p, 50) ? ints[6 + program_below(p, 4)]
                                                        : ints[program_below(p, 2)],
                  type->name, a.name, b.name);
    one_result(op, bits_for(p, type));
    return true;
}

static bool convert(program *p, program_op *op, const char *word, const program_type *from,
                    const program_type *lane)
{
    const program_type *to = program_vector_of(p, lane, from->length);
    if (!to || to == from) {
        return false;
    }
    program_value a = program_pick(p, from, 0);
    program_write(&op->text, "%s <@%s @%s> %s", word, from->name, to->name, a.name);
    one_result(op, to);
    return true;
}

static bool make_convert(program *p, program_op *op)
{
    bool to_int = program_chance(p, 50);
    if (program_chance(p, 50)) {
        const program_type *from = some_vector(p, INT_LANES);
        if (!to_int) {
            return convert(p, op, program_chance(p, 50) ? "SITOFP" : "UITOFP", from,
                           program_random_fp(p));
        }
        const program_type *lane = program_random_int(p);
        return convert(p, op,
                       lane->bits < from->element->bits ? "TRUNC"
                       : program_chance(p, 50)          ? "ZEXT"
                                                        : "SEXT",
                       from, lane);
    }
    const program_type *from = some_vector(p, FP_LANES);
    if (to_int) {
        const program_type *lane =
            program_chance(p, 40) ? program_int_of(p, 32) : program_random_int(p);
        return convert(p, op, program_chance(p, 50) ? "FPTOSI" : "FPTOUI", from, lane);
    }
    bool is_single = from->element->kind == KIND_FLOAT;
    return convert(p, op, is_single ? "FPEXT" : "FPTRUNC", from, program_fp(p, !is_single));
}

/* Which NaN an operation gives is open, so no lane that is NaN becomes an int. */
static bool make_bitcast(program *p, program_op *op)
{
    const program_type *fp = some_vector(p, FP_LANES);
    const program_type *integer = program_vector_of(
        p, program_int_of(p, fp->element->kind == KIND_FLOAT ? 32 : 64), fp->length);
    bool from_fp = program_chance(p, 50);
    program_value a = program_pick(p, from_fp ? fp : integer, 0);
    if (from_fp) {
        const program_type *bits = bits_for(p, fp);
        program_op ordered = {.results = {bits}, .result_count = 1};
        program_write(&ordered.text, "FORD <@%s> %s %s", fp->name, a.name, a.name);
        program_value are_numbers = program_emit(p, &ordered);
        program_op select = {.results = {fp}, .result_count = 1};
        program_write(&select.text, "SELECT <@%s @%s> %s %s @z.%s", bits->name, fp->name,
                      are_numbers.name, a.name, fp->name);
        a = program_emit(p, &select);
    }
    const program_type *to = from_fp ? integer : fp;
    program_write(&op->text, "BITCAST <@%s @%s> %s", a.type->name, to->name, a.name);
    one_result(op, to);
    return true;
}

static bool make_select(program *p, program_op *op)
{
    const program_type *type = some_vector(p, ANY_LANES);
    const program_type *bits = bits_for(p, type);
    program_value condition = program_pick(p, bits, 0);
    program_value a = program_pick(p, type, 0);
    program_value b = program_pick(p, type, 0);
    program_write(&op->text, "SELECT <@%s @%s> %s %s %s", bits->name, type->name, condition.name,
                  a.name, b.name);
    one_result(op, type);
    return true;
}

/* By any mask rarely: most have an element that is outside. */
static bool make_shuffle(program *p, program_op *op)
{
    const program_type *type = some_vector(p, ANY_LANES);
    const program_type *lane = program_chance(p, 30) ? program_random_int(p) : program_int_of(p, 8);
    uint32_t length = program_chance(p, 70) ? type->length : 1 + program_below(p, 8);
    const program_type *mask_type = program_vector_of(p, lane, length);
    const program_type *to = program_vector_of(p, type->element, length);
    if (!mask_type || !to) {
        return false;
    }
    program_value a = program_pick(p, type, 0);
    program_value b = program_pick(p, type, 0);
    const char *mask = constant_mask(p, mask_type, 2 * type->length);
    if (program_chance(p, 3)) {
        mask = mu_arena_format(p->arena, "%s", program_pick(p, mask_type, 0).name);
    } else if (program_chance(p, 50)) {
        program_value any = program_pick(p, mask_type, 0);
        uint32_t low = 1;
        while (low * 2 <= 2 * type->length) {
            low *= 2;
        }
        program_op cut = {.results = {mask_type}, .result_count = 1};
        program_write(&cut.text, "AND <@%s> %s %s", mask_type->name, any.name,
                      splat(p, mask_type, low - 1));
        mask = mu_arena_format(p->arena, "%s", program_emit(p, &cut).name);
    }
    program_write(&op->text, "SHUFFLEVECTOR <@%s @%s> %s %s %s", type->name, mask_type->name,
                  a.name, b.name, mask);
    one_result(op, to);
    return true;
}

/* References to void and back; of functions, to another signature and back. */
static bool make_refcast(program *p, program_op *op)
{
    const program_type *from = some_vector(p, ANY_LANES);
    const program_type *lane = from->element;
    const program_type *to_lane;
    switch ((int)lane->kind) {
    case KIND_REF: to_lane = program_ref_to(p, program_void(p)); break;
    case KIND_IREF: to_lane = program_iref_to(p, program_void(p)); break;
    case KIND_FUNCREF: to_lane = p->sigs.items[program_below(p, p->sigs.count)]->funcref; break;
    default: return false;
    }
    const program_type *to = to_lane ? program_vector_of(p, to_lane, from->length) : NULL;
    if (!to) {
        return false;
    }
    program_value a = program_pick(p, from, 0);
    program_write(&op->text, "REFCAST <@%s @%s> %s", from->name, to->name, a.name);
    one_result(op, to);
    if (program_chance(p, 70)) {
        program_value up = program_emit(p, op);
        *op = (program_op){0};
        program_write(&op->text, "REFCAST <@%s @%s> %s", to->name, from->name, up.name);
        one_result(op, from);
    }
    return true;
}

static bool make_ptrcast(program *p, program_op *op)
{
    uint32_t dice = program_below(p, 3);
    const program_type *lane = dice == 0 ? program_random_int(p) : program_some_pointer(p);
    const program_type *from = program_vector_of(p, lane, 1 + program_below(p, 6));
    return from && convert(p, op, "PTRCAST", from,
                           dice == 1 ? program_random_int(p) : program_some_pointer(p));
}

bool program_vector_inst(program *p, program_op *op)
{
    switch (program_below(p, 12)) {
    case 0:
    case 1:
    case 2: return make_binary(p, op);
    case 3:
    case 4: return make_compare(p, op);
    case 5:
    case 6: return make_convert(p, op);
    case 7: return make_bitcast(p, op);
    case 8: return make_select(p, op);
    case 9: return make_refcast(p, op);
    case 10: return make_ptrcast(p, op);
    default: return make_shuffle(p, op);
    }
}
