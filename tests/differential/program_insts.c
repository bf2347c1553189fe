/* One random instruction. Each maker picks its operands, which may write instructions before it,
 * and fills the operation; it returns false where the block has nothing to do it on. */
#include "program_text.h"

#include <stdio.h>
#include <string.h>

typedef bool maker_fn(program *p, program_op *op);

static void one_result(program_op *op, const program_type *type)
{
    op->results[0] = type;
    op->result_count = 1;
}

/* An int type that the block has values of. */
static const program_type *some_int(program *p)
{
    const program_value *value = program_chance(p, 70) ? program_find(p, KIND_INT, 0) : NULL;
    return value ? value->type : program_random_int(p);
}

static const program_type *some_type(program *p)
{
    if (p->values.count && program_chance(p, 70)) {
        return p->values.items[program_below(p, p->values.count)].type;
    }
    return program_random_value_type(p);
}

static bool may_dangle(const program_value *a, const program_value *b)
{
    return a->may_dangle || (b && b->may_dangle);
}

/* --------------------------------------------------------------------------------- arithmetic */

static bool make_binary(program *p, program_op *op)
{
    static const char *const words[] = {"ADD", "SUB", "MUL", "SHL", "LSHR", "ASHR",
                                        "AND", "OR",  "XOR", "ADD", "SUB"};
    const program_type *type = some_int(p);
    program_value a = program_pick(p, type, 0);
    program_value b = program_chance(p, 5) ? a : program_pick(p, type, 0);
    if (program_chance(p, 25)) {
        snprintf(b.name, sizeof b.name, "%s", program_constant(p, type));
    }
    program_write(&op->text, "%s <@%s> %s %s", words[program_below(p, 11)], type->name, a.name,
                  b.name);
    one_result(op, type);
    return true;
}

static bool make_division(program *p, program_op *op)
{
    static const char *const words[] = {"SDIV", "SREM", "UDIV", "UREM"};
    const program_type *type = some_int(p);
    program_value a = program_pick(p, type, 0);
    program_value b = program_pick(p, type, 0);
    if (program_chance(p, 85)) {
        program_op odd = {.results = {type}, .result_count = 1};
        program_write(&odd.text, "OR <@%s> %s %s", type->name, b.name,
                      program_int_constant(p, type, program_below(p, 4) ? 1 : UINT64_MAX));
        b = program_emit(p, &odd);
    } else if (program_chance(p, 50)) {
        snprintf(b.name, sizeof b.name, "%s", program_constant(p, type));
    }
    program_write(&op->text, "%s <@%s> %s %s", words[program_below(p, 4)], type->name, a.name,
                  b.name);
    one_result(op, type);
    op->may_throw = true;
    return true;
}

static bool make_fp_binary(program *p, program_op *op)
{
    static const char *const words[] = {"FADD", "FSUB", "FMUL", "FDIV", "FREM", "FADD", "FMUL"};
    const program_type *type = program_random_fp(p);
    program_value a = program_pick(p, type, 0);
    program_value b = program_chance(p, 5) ? a : program_pick(p, type, 0);
    program_write(&op->text, "%s <@%s> %s %s", words[program_below(p, 7)], type->name, a.name,
                  b.name);
    one_result(op, type);
    return true;
}

static bool make_compare(program *p, program_op *op)
{
    static const char *const ints[] = {"EQ",  "NE",  "SGE", "SGT", "SLE",
                                       "SLT", "UGE", "UGT", "ULE", "ULT"};
    static const char *const fps[] = {"FFALSE", "FTRUE", "FUNO", "FUEQ", "FUNE", "FUGT",
                                      "FUGE",   "FULT",  "FULE", "FORD", "FOEQ", "FONE",
                                      "FOGT",   "FOGE",  "FOLT", "FOLE"};
    uint32_t dice = program_below(p, 10);
    const program_type *type = dice < 5   ? some_int(p)
                               : dice < 8 ? program_random_fp(p)
                                          : some_type(p);
    if (type->kind == KIND_STRUCT || type->kind == KIND_ARRAY || type->kind == KIND_VECTOR ||
        type->kind == KIND_TAGREF) {
        return false;
    }
    bool is_pointer = type->kind == KIND_UPTR || type->kind == KIND_UFUNCPTR;
    program_value a = program_pick(p, type, PICK_DANGLING);
    program_value b = program_chance(p, 5) ? a : program_pick(p, type, PICK_DANGLING);
    const char *word = type->kind == KIND_INT ? ints[program_below(p, 10)]
                       : type->kind == KIND_FLOAT || type->kind == KIND_DOUBLE
                           ? fps[program_below(p, 16)]
                       : is_pointer && program_chance(p, 50) ? ints[6 + program_below(p, 4)]
                                                             : ints[program_below(p, 2)];
    program_write(&op->text, "%s <@%s> %s %s", word, type->name, a.name, b.name);
    one_result(op, program_int_of(p, 1));
    return true;
}

static bool make_convert_int(program *p, program_op *op)
{
    const program_type *from = some_int(p);
    const program_type *to = program_random_int(p);
    if (from == to) {
        return false;
    }
    program_value a = program_pick(p, from, 0);
    const char *word = from->bits > to->bits ? "TRUNC" : program_chance(p, 50) ? "ZEXT" : "SEXT";
    program_write(&op->text, "%s <@%s @%s> %s", word, from->name, to->name, a.name);
    one_result(op, to);
    return true;
}

static bool make_convert_fp(program *p, program_op *op)
{
    static const char *const words[] = {"FPTOUI", "FPTOSI", "UITOFP", "SITOFP", "FPTRUNC", "FPEXT"};
    uint32_t dice = program_below(p, 6);
    const program_type *fp = program_random_fp(p);
    const program_type *integer = some_int(p);
    const program_type *single = program_fp(p, true);
    const program_type *both = program_fp(p, false);
    const program_type *from = dice < 2 ? fp : dice < 4 ? integer : dice == 4 ? both : single;
    const program_type *to = dice < 2 ? integer : dice < 4 ? fp : dice == 4 ? single : both;
    program_value a = program_pick(p, from, 0);
    program_write(&op->text, "%s <@%s @%s> %s", words[dice], from->name, to->name, a.name);
    one_result(op, to);
    return true;
}

/* Which NaN an operation gives is open, so NaN never becomes an int. */
static bool make_bitcast(program *p, program_op *op)
{
    const program_type *fp = program_random_fp(p);
    const program_type *integer = program_int_of(p, fp->kind == KIND_FLOAT ? 32 : 64);
    bool from_fp = program_chance(p, 50);
    program_value a = program_pick(p, from_fp ? fp : integer, 0);
    if (from_fp) {
        program_op ordered = {.results = {program_int_of(p, 1)}, .result_count = 1};
        program_write(&ordered.text, "FORD <@%s> %s %s", fp->name, a.name, a.name);
        program_value is_number = program_emit(p, &ordered);
        program_op select = {.results = {fp}, .result_count = 1};
        program_write(&select.text, "SELECT <@i1 @%s> %s %s @z.%s", fp->name, is_number.name,
                      a.name, fp->name);
        a = program_emit(p, &select);
    }
    const program_type *to = from_fp ? integer : fp;
    program_write(&op->text, "BITCAST <@%s @%s> %s", a.type->name, to->name, a.name);
    one_result(op, to);
    return true;
}

static bool make_select(program *p, program_op *op)
{
    const program_type *type = some_type(p);
    program_value condition = program_pick(p, program_int_of(p, 1), 0);
    program_value a = program_pick(p, type, PICK_DANGLING);
    program_value b = program_chance(p, 5) ? a : program_pick(p, type, PICK_DANGLING);
    if (program_chance(p, 40)) {
        program_op compare = {0};
        if (make_compare(p, &compare)) {
            condition = program_emit(p, &compare);
        }
    }
    program_write(&op->text, "SELECT <@i1 @%s> %s %s %s", type->name, condition.name, a.name,
                  b.name);
    one_result(op, type);
    op->may_dangle = may_dangle(&a, &b);
    op->is_not_null = a.is_not_null && b.is_not_null;
    return true;
}

static bool make_refcast(program *p, program_op *op)
{
    static const type_kind kinds[] = {KIND_REF, KIND_REF, KIND_IREF, KIND_FUNCREF};
    const program_value *value = program_find(p, kinds[program_below(p, 4)], PICK_DANGLING);
    if (!value) {
        return false;
    }
    program_value from = *value;
    const program_type *nothing = program_void(p);
    const program_type *to =
        from.type->kind == KIND_IREF ? program_iref_to(p, nothing) : program_ref_to(p, nothing);
    if (from.type->kind == KIND_FUNCREF) {
        to = p->sigs.items[program_below(p, p->sigs.count)]->funcref;
        if (!to || (to != from.type && program_chance(p, 60))) {
            return false;
        }
    }
    program_write(&op->text, "REFCAST <@%s @%s> %s", from.type->name, to->name, from.name);
    one_result(op, to);
    op->is_not_null = from.is_not_null;
    op->may_dangle = from.may_dangle;
    if (to->kind != KIND_FUNCREF && program_chance(p, 60)) { /* there and back */
        program_value up = program_emit(p, op);
        *op = (program_op){.is_not_null = from.is_not_null, .may_dangle = from.may_dangle};
        program_write(&op->text, "REFCAST <@%s @%s> %s", to->name, from.type->name, up.name);
        one_result(op, from.type);
    }
    return true;
}

static bool make_kill_dependency(program *p, program_op *op)
{
    const program_type *type = some_type(p);
    program_value a = program_pick(p, type, PICK_DANGLING);
    program_write(&op->text, "COMMINST @uvm.kill_dependency <@%s> (%s)", type->name, a.name);
    one_result(op, type);
    op->may_dangle = a.may_dangle;
    op->is_not_null = a.is_not_null;
    return true;
}

/* --------------------------------------------------------------------------------- aggregates */

static bool make_extract(program *p, program_op *op)
{
    const program_value *found = program_find(p, KIND_STRUCT, PICK_DANGLING);
    if (!found) {
        return false;
    }
    program_value from = *found;
    uint32_t field = program_below(p, from.type->field_count);
    one_result(op, from.type->fields[field]);
    op->may_dangle = from.may_dangle;
    program_write(&op->text, "EXTRACTVALUE <@%s %u> %s", from.type->name, field, from.name);
    return true;
}

static const program_type *some_type_of_kind(program *p, type_kind kind)
{
    const program_value *found = program_find(p, kind, PICK_DANGLING);
    if (found && program_chance(p, 80)) {
        return found->type;
    }
    uint32_t first = program_below(p, p->types.count);
    for (uint32_t i = 0; i < p->types.count; i++) {
        const program_type *type = p->types.items[(first + i) % p->types.count];
        if (type->kind == kind && type->words <= 40) {
            return type;
        }
    }
    return NULL;
}

static bool make_insert(program *p, program_op *op)
{
    const program_type *type = some_type_of_kind(p, KIND_STRUCT);
    if (!type) {
        return false;
    }
    uint32_t field = program_below(p, type->field_count);
    program_value into = program_pick(p, type, PICK_DANGLING);
    program_value part = program_pick(p, type->fields[field], PICK_DANGLING);
    program_write(&op->text, "INSERTVALUE <@%s %u> %s %s", type->name, field, into.name, part.name);
    one_result(op, type);
    op->may_dangle = may_dangle(&into, &part);
    return true;
}

/* An index below `length`: a constant, or a variable cut to the largest power of two there. Where
 * `may_exceed`, it is rarely just any. */
const char *program_safe_index(program *p, const program_type **type, uint32_t length,
                               bool may_exceed)
{
    *type = program_chance(p, 40) ? program_int_of(p, 64) : program_random_int(p);
    if (may_exceed && program_chance(p, (*type)->bits == 1 && length > 1 ? 40 : 3)) {
        return mu_arena_format(p->arena, "%s", program_pick(p, *type, 0).name);
    }
    uint32_t mask = 1;
    while (mask * 2 <= length && mask < 64) {
        mask *= 2;
    }
    if ((*type)->bits < 7) {
        return program_int_constant(p, *type, 0);
    }
    if (program_chance(p, 40)) {
        return program_int_constant(p, *type, program_below(p, length > 64 ? 64 : length));
    }
    program_value index = program_pick(p, *type, 0);
    program_op cut = {.results = {*type}, .result_count = 1};
    program_write(&cut.text, "AND <@%s> %s %s", (*type)->name, index.name,
                  program_int_constant(p, *type, mask - 1));
    return mu_arena_format(p->arena, "%s", program_emit(p, &cut).name);
}

static bool make_element(program *p, program_op *op)
{
    const program_type *type =
        some_type_of_kind(p, program_chance(p, 50) ? KIND_ARRAY : KIND_VECTOR);
    if (!type) {
        return false;
    }
    const program_type *index_type;
    program_value from = program_pick(p, type, PICK_DANGLING);
    const char *index = program_safe_index(p, &index_type, type->length, true);
    op->may_dangle = from.may_dangle;
    if (program_chance(p, 60)) {
        program_write(&op->text, "EXTRACTELEMENT <@%s @%s> %s %s", type->name, index_type->name,
                      from.name, index);
        one_result(op, type->element);
        return true;
    }
    program_value part = program_pick(p, type->element, PICK_DANGLING);
    program_write(&op->text, "INSERTELEMENT <@%s @%s> %s %s %s", type->name, index_type->name,
                  from.name, index, part.name);
    one_result(op, type);
    op->may_dangle = may_dangle(&from, &part);
    return true;
}

/* ------------------------------------------------------------------------------------- memory */

static bool make_new(program *p, program_op *op)
{
    const program_type *hybrid = program_chance(p, 20) ? some_type_of_kind(p, KIND_HYBRID) : NULL;
    const program_type *type = hybrid ? hybrid : p->types.items[program_below(p, p->types.count)];
    bool is_cell = program_chance(p, 40);
    const char *suffix = "";
    const char *length = "";
    if (type->kind == KIND_HYBRID) {
        const program_type *length_type = program_random_int(p);
        const char *count = program_int_constant(
            p, length_type, 1 + (length_type->bits > 1 ? program_below(p, 12) : 0));
        if (length_type->bits > 4 && program_chance(p, 50)) {
            program_op cut = {.results = {length_type}, .result_count = 1};
            program_value any = program_pick(p, length_type, 0);
            program_write(&cut.text, "AND <@%s> %s %s", length_type->name, any.name,
                          program_int_constant(p, length_type, 15));
            program_value low = program_emit(p, &cut);
            program_op odd = {.results = {length_type}, .result_count = 1};
            program_write(&odd.text, "OR <@%s> %s %s", length_type->name, low.name,
                          program_int_constant(p, length_type, 1));
            count = mu_arena_format(p->arena, "%s", program_emit(p, &odd).name);
        }
        suffix = mu_arena_format(p->arena, " @%s", length_type->name);
        length = mu_arena_format(p->arena, " %s", count);
    }
    program_write(&op->text, "%s%s <@%s%s>%s", is_cell ? "ALLOCA" : "NEW", *length ? "HYBRID" : "",
                  type->name, suffix, length);
    one_result(op, is_cell ? program_iref_to(p, type) : program_ref_to(p, type));
    op->may_dangle = is_cell;
    op->is_not_null = true;
    op->may_throw = true;
    return true;
}

static bool make_getiref(program *p, program_op *op)
{
    const program_value *found =
        program_find(p, KIND_REF, program_chance(p, 80) ? PICK_NOT_NULL : 0);
    if (!found) {
        return false;
    }
    program_value from = *found;
    program_write(&op->text, "GETIREF <@%s> %s", from.type->element->name, from.name);
    one_result(op, program_iref_to(p, from.type->element));
    op->is_not_null = from.is_not_null;
    return true;
}

/* An iref to a type of one of two kinds, not NULL. */
static bool find_place(program *p, type_kind a, type_kind b, program_value *place)
{
    program_value *found = NULL;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < p->values.count; i++) {
        program_value *value = &p->values.items[i];
        if (value->type->kind == KIND_IREF && value->is_not_null &&
            (value->type->element->kind == a || value->type->element->kind == b) &&
            program_below(p, ++seen) == 0) {
            found = value;
        }
    }
    if (found && program_chance(p, 80)) {
        *place = *found;
        return true;
    }
    for (uint32_t tries = 0; tries < 10; tries++) {
        const program_type *type = p->types.items[program_below(p, p->types.count)];
        if (type->kind == a || type->kind == b) {
            *place = program_pick(p, program_iref_to(p, type), PICK_DANGLING | PICK_NOT_NULL);
            return true;
        }
    }
    return false;
}

static bool make_getfieldiref(program *p, program_op *op)
{
    program_value place;
    if (!find_place(p, KIND_STRUCT, KIND_HYBRID, &place)) {
        return false;
    }
    const program_type *type = place.type->element;
    op->may_dangle = place.may_dangle;
    op->is_not_null = true;
    if (type->kind == KIND_HYBRID && (!type->field_count || program_chance(p, 50))) {
        program_write(&op->text, "GETVARPARTIREF <@%s> %s", type->name, place.name);
        one_result(op, program_iref_to(p, type->element));
        return true;
    }
    uint32_t field = program_below(p, type->field_count);
    program_write(&op->text, "GETFIELDIREF <@%s %u> %s", type->name, field, place.name);
    one_result(op, program_iref_to(p, type->fields[field]));
    return true;
}

static bool make_getelemiref(program *p, program_op *op)
{
    program_value place;
    if (!find_place(p, KIND_ARRAY, KIND_ARRAY, &place)) {
        return false;
    }
    const program_type *type = place.type->element;
    const program_type *index_type;
    const char *index = program_safe_index(p, &index_type, type->length, true);
    op->may_dangle = place.may_dangle;
    op->is_not_null = true;
    program_write(&op->text, "GETELEMIREF <@%s @%s> %s %s", type->name, index_type->name,
                  place.name, index);
    one_result(op, program_iref_to(p, type->element));
    return true;
}

/* From one element of an array to another, forth and back. */
static bool make_shiftiref(program *p, program_op *op)
{
    program_value place;
    if (!find_place(p, KIND_ARRAY, KIND_ARRAY, &place)) {
        return false;
    }
    const program_type *type = place.type->element;
    const program_type *element = type->element;
    const program_type *result = program_iref_to(p, element);
    const program_type *index_type = program_int_of(p, program_chance(p, 50) ? 64 : 13);
    uint32_t limit = type->length > 64 ? 64 : type->length;
    uint32_t from = program_chance(p, 40) ? 0 : program_below(p, limit);
    uint32_t to = program_below(p, limit);
    program_op first = {.results = {result},
                        .result_count = 1,
                        .may_dangle = place.may_dangle,
                        .is_not_null = true};
    program_write(&first.text, "GETELEMIREF <@%s @%s> %s %s", type->name, index_type->name,
                  place.name, program_int_constant(p, index_type, from));
    program_value start = program_emit(p, &first);
    const char *offset = program_int_constant(p, index_type, (uint64_t)to - from);
    if (program_chance(p, 50)) {
        program_op sub = {.results = {index_type}, .result_count = 1};
        program_write(&sub.text, "SUB <@%s> %s %s", index_type->name,
                      program_int_constant(p, index_type, to),
                      program_int_constant(p, index_type, from));
        offset = mu_arena_format(p->arena, "%s", program_emit(p, &sub).name);
    } else if (from == 0 && program_chance(p, 80)) {
        offset = program_safe_index(p, &index_type, type->length, false);
    }
    op->may_dangle = place.may_dangle;
    op->is_not_null = true;
    program_write(&op->text, "SHIFTIREF <@%s @%s> %s %s", element->name, index_type->name,
                  start.name, offset);
    one_result(op, result);
    if (program_chance(p, 30)) { /* both are in one object, so one may be below the other */
        static const char *const words[] = {"ULT", "ULE", "UGT", "UGE"};
        program_value end = program_emit(p, op);
        *op = (program_op){0};
        program_write(&op->text, "%s <@%s> %s %s", words[program_below(p, 4)], result->name,
                      start.name, end.name);
        one_result(op, program_int_of(p, 1));
    }
    return true;
}

static program_value some_place(program *p, const program_type *type)
{
    return program_pick(p, program_iref_to(p, type),
                        PICK_DANGLING | (program_chance(p, 90) ? PICK_NOT_NULL : 0));
}

/* A type of a place that the block has, if it can be accessed. */
static const program_type *some_accessible(program *p)
{
    const program_value *place = program_find(p, KIND_IREF, PICK_DANGLING);
    if (place && program_chance(p, 80) && program_is_value_type(place->type->element) &&
        place->type->element->words <= 40) {
        return place->type->element;
    }
    return some_type(p);
}

static bool has_atomics(const program_type *type)
{
    switch (type->kind) {
    case KIND_INT:
    case KIND_REF:
    case KIND_IREF:
    case KIND_FUNCREF:
    case KIND_STACKREF:
    case KIND_THREADREF:
    case KIND_CURSORREF:
    case KIND_NODEREF:
    case KIND_TAGREF:
    case KIND_UPTR:
    case KIND_UFUNCPTR: return true;
    case KIND_FLOAT:
    case KIND_DOUBLE:
    case KIND_VOID:
    case KIND_STRUCT:
    case KIND_ARRAY:
    case KIND_VECTOR:
    case KIND_HYBRID: break;
    }
    return false;
}

static const char *order_for(program *p, const program_type *type, bool is_load)
{
    static const char *const loads[] = {"NOT_ATOMIC ", "RELAXED ", "CONSUME ", "ACQUIRE ",
                                        "SEQ_CST "};
    static const char *const stores[] = {"NOT_ATOMIC ", "RELAXED ", "RELEASE ", "SEQ_CST "};
    bool is_atomic = has_atomics(type) || type->kind == KIND_FLOAT || type->kind == KIND_DOUBLE;
    if (!is_atomic || program_chance(p, 60)) {
        return "";
    }
    return is_load ? loads[program_below(p, 5)] : stores[program_below(p, 4)];
}

static bool make_load(program *p, program_op *op)
{
    const program_type *type = some_accessible(p);
    program_value place = some_place(p, type);
    program_location at = program_locate(p, &place, type);
    program_write(&op->text, "LOAD %s%s<@%s> %s", at.flag, order_for(p, type, true), type->name,
                  at.name);
    one_result(op, type);
    op->may_throw = true;
    return true;
}

static bool make_store(program *p, program_op *op)
{
    const program_type *type = some_accessible(p);
    program_value place = some_place(p, type);
    program_value value = program_pick(p, type, 0);
    program_location at = program_locate(p, &place, type);
    program_write(&op->text, "STORE %s%s<@%s> %s %s", at.flag, order_for(p, type, false),
                  type->name, at.name, value.name);
    op->may_throw = true;
    return true;
}

static bool make_atomic(program *p, program_op *op)
{
    static const char *const orders[] = {"RELAXED", "ACQUIRE", "RELEASE", "ACQ_REL", "SEQ_CST"};
    static const char *const fails[] = {"RELAXED", "ACQUIRE", "SEQ_CST"};
    static const char *const words[] = {"XCHG", "ADD", "SUB", "AND",  "NAND", "OR",
                                        "XOR",  "MAX", "MIN", "UMAX", "UMIN"};
    const program_type *type = some_accessible(p);
    /* Which NaN an operation gives is open, so floating point is exchanged but not compared. */
    bool is_fp = type->kind == KIND_FLOAT || type->kind == KIND_DOUBLE;
    if (!has_atomics(type) && !is_fp) {
        type = program_random_int(p);
    }
    program_value place = some_place(p, type);
    program_value value = program_pick(p, type, 0);
    op->may_throw = true;
    const char *order = orders[program_below(p, 5)];
    if (type->kind == KIND_TAGREF || is_fp || program_chance(p, 50)) {
        program_location at = program_locate(p, &place, type);
        program_write(&op->text, "ATOMICRMW %s%s %s <@%s> %s %s", at.flag, order,
                      words[type->kind == KIND_INT ? program_below(p, 11) : 0], type->name, at.name,
                      value.name);
        one_result(op, type);
        return true;
    }
    program_value expected = program_pick(p, type, 0);
    if (program_chance(p, 60) && place.is_not_null) {
        program_op load = {.results = {type}, .result_count = 1};
        program_write(&load.text, "LOAD <@%s> %s", type->name, place.name);
        expected = program_emit(p, &load);
    }
    program_location at = program_locate(p, &place, type);
    program_write(&op->text, "CMPXCHG %s%s%s %s <@%s> %s %s %s", at.flag,
                  program_chance(p, 20) ? "WEAK " : "", order, fails[program_below(p, 3)],
                  type->name, at.name, expected.name, value.name);
    op->results[0] = type;
    op->results[1] = program_int_of(p, 1);
    op->result_count = 2;
    return true;
}

static bool make_fence(program *p, program_op *op)
{
    static const char *const orders[] = {"ACQUIRE", "RELEASE", "ACQ_REL", "SEQ_CST"};
    program_write(&op->text, "FENCE %s", orders[program_below(p, 4)]);
    return true;
}

/* ------------------------------------------------------------------------------ calls and traps */

void program_keepalives(program *p, program_buffer *out)
{
    if (!program_chance(p, 50)) {
        return;
    }
    program_write(out, " KEEPALIVE(");
    for (uint32_t i = 0; i < p->values.count; i++) {
        if (program_chance(p, p->values.count > 16 ? 30 : 70)) {
            program_write(out, "%s ", p->values.items[i].name);
        }
    }
    program_write(out, ")");
}

bool program_may_call(const program *p, const program_func *func)
{
    uint32_t index = (uint32_t)(func - p->funcs.items);
    return !func->is_main && (func->is_checked || index > p->func_index);
}

program_buffer program_arguments(program *p, const program_sig *sig)
{
    program_buffer arguments = {0};
    program_write(&arguments, "%s", "");
    for (uint32_t i = 0; i < sig->param_count; i++) {
        program_write(&arguments, " %s", program_pick(p, sig->params[i], PICK_DANGLING).name);
    }
    return arguments;
}

static void write_call(program *p, program_func *func, program_op *op)
{
    const program_sig *sig = func->sig;
    const char *callee = program_detour(p, func);
    if (func->is_checked && program_chance(p, 30)) {
        callee = mu_arena_format(p->arena, "%s", program_pick(p, sig->funcref, 0).name);
    }
    program_buffer arguments = program_arguments(p, sig);
    program_write(&op->text, "CALL <@%s> %s (%s)", sig->name, callee, arguments.text);
    mu_free(arguments.text);
}

static bool make_call(program *p, program_op *op)
{
    program_func *func = &p->funcs.items[program_below(p, p->funcs.count)];
    if (p->is_quiet || !program_may_call(p, func)) {
        return false;
    }
    const program_sig *sig = func->sig;
    if (program_chance(p, 15)) {
        program_call_on_stack(p, func, op);
    } else if (p->has_pointers && sig->ufuncptr && program_chance(p, 50)) {
        program_call_by_c(p, func, op);
    } else {
        write_call(p, func, op);
    }
    for (uint32_t i = 0; i < sig->result_count; i++) {
        op->results[i] = sig->results[i];
    }
    op->result_count = sig->result_count;
    op->may_throw = true;
    op->may_keep = true;
    op->label = "c";
    return true;
}

static bool make_trap(program *p, program_op *op)
{
    op->result_count = program_below(p, 4);
    program_write(&op->text, "TRAP <");
    for (uint32_t i = 0; i < op->result_count; i++) {
        op->results[i] = program_random_value_type(p);
        program_write(&op->text, "%s@%s", i ? " " : "", op->results[i]->name);
    }
    program_write(&op->text, ">");
    op->may_throw = true;
    op->may_keep = true;
    op->label = "t";
    return true;
}

/* ---------------------------------------------------------------------------------- the choice */

/* Blocks differ in what they mostly do, so that any class of registers or memory comes under
 * pressure. */
typedef enum flavour { PLAIN, INTS, FPS, PLACES, PARTS, VECTORS } flavour;

/* clang-format off */
static const struct {
    maker_fn *make;
    uint32_t weight;
    bool may_throw;
    flavour flavour;
} makers[] = {
    {make_binary, 20, false, INTS},    {make_division, 5, true, INTS},     {make_fp_binary, 8, false, FPS},
    {make_compare, 9, false, INTS},    {make_convert_int, 5, false, INTS}, {make_convert_fp, 5, false, FPS},
    {make_bitcast, 2, false, PLAIN},    {make_select, 7, false, PLAIN},      {make_refcast, 2, false, PLAIN},
    {make_kill_dependency, 1, false, PLAIN}, {make_extract, 6, false, PARTS}, {make_insert, 4, false, PARTS},
    {make_element, 6, false, PARTS},    {make_new, 4, true, PLAIN},          {make_getiref, 4, false, PLAIN},
    {program_tagref_inst, 6, false, PLAIN},
    {make_getfieldiref, 6, false, PLACES}, {make_getelemiref, 3, false, PLACES}, {make_shiftiref, 2, false, PLACES},
    {make_load, 8, true, PLACES},        {make_store, 8, true, PLACES},        {make_atomic, 6, true, PLACES},
    {program_vector_inst, 12, false, VECTORS}, {program_vector_division, 2, true, VECTORS},
    {program_ptrcast_inst, 2, false, PLAIN}, {program_pointer_path_inst, 2, true, PLACES},
    {program_pinned_inst, 1, false, PLACES}, {program_weak_inst, 1, false, PLACES},
    {program_common_inst, 5, false, PLAIN}, {program_stack_inst, 2, true, PLAIN},
    {make_fence, 1, false, PLAIN},      {make_call, 6, true, PLAIN},         {make_trap, 2, true, PLAIN},
};
/* clang-format on */
enum { MAKER_COUNT = sizeof makers / sizeof *makers };

static uint32_t weight_of(const program *p, uint32_t index, bool wants_throwing)
{
    if (wants_throwing && !makers[index].may_throw) {
        return 0;
    }
    bool is_favourite = p->flavour != PLAIN && makers[index].flavour == (flavour)p->flavour;
    return makers[index].weight * (is_favourite ? 10 : 1);
}

bool program_random_inst(program *p, program_op *op, bool wants_throwing)
{
    bool is_call_or_trap = wants_throwing && program_chance(p, 50);
    uint32_t total = 0;
    for (uint32_t i = 0; i < MAKER_COUNT; i++) {
        total += weight_of(p, i, wants_throwing);
    }
    uint32_t dice = program_below(p, total);
    uint32_t index = 0;
    while (dice >= weight_of(p, index, wants_throwing)) {
        dice -= weight_of(p, index++, wants_throwing);
    }
    if (is_call_or_trap) {
        index = program_chance(p, 60) ? MAKER_COUNT - 2 : MAKER_COUNT - 1;
    }
    *op = (program_op){0};
    if (makers[index].make(p, op)) {
        return true;
    }
    mu_free(op->text.text);
    return false;
}
