/* Values of the block at hand: finding them, making them, writing instructions. */
#include "program_text.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 4u

static bool fits(const program_value *value, uint32_t flags)
{
    return (!value->may_dangle || (flags & PICK_DANGLING)) &&
           (value->is_not_null || !(flags & PICK_NOT_NULL));
}

program_value *program_find(program *p, type_kind kind, uint32_t flags)
{
    program_value *found = NULL;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < p->values.count; i++) {
        program_value *value = &p->values.items[i];
        if (value->type->kind == kind && fits(value, flags) && program_below(p, ++seen) == 0) {
            found = value;
        }
    }
    return found;
}

/* A known value of the type, of those not used yet rather than of the others. */
static program_value *known_value(program *p, const program_type *type, uint32_t flags)
{
    program_value *found = NULL;
    uint32_t seen = 0;
    bool wants_unused = program_chance(p, 40);
    for (uint32_t i = 0; i < p->values.count; i++) {
        program_value *value = &p->values.items[i];
        if (value->type != type || !fits(value, flags)) {
            continue;
        }
        if (wants_unused && found && value->uses > found->uses) {
            continue;
        }
        if ((wants_unused && found && value->uses < found->uses) || program_below(p, ++seen) == 0) {
            found = value;
        }
    }
    return found;
}

static program_value of_constant(const program_type *type, const char *name)
{
    program_value value = {.type = type, .is_not_null = strncmp(name, "@z.", 3) != 0};
    snprintf(value.name, sizeof value.name, "%s", name);
    return value;
}

void program_emit_with(program *p, program_op *op, const char *clauses, program_value *results)
{
    program_write(&p->body, "        ");
    program_write(&p->body,
                  op->result_count > 1 || (op->result_count && program_chance(p, 5)) ? "(" : "");
    bool has_paren = p->body.text[p->body.length - 1] == '(';
    for (uint32_t i = 0; i < op->result_count; i++) {
        program_value made = {.type = op->results[i], .is_not_null = op->is_not_null};
        made.may_dangle = op->may_dangle && made.type->has_iref;
        snprintf(made.name, sizeof made.name, "%%v%u.%s", p->name_count++, made.type->name);
        results[i] = made;
        program_write(&p->body, "%s%s", i ? " " : "", made.name);
    }
    program_write(&p->body, "%s%s", has_paren ? ")" : "", op->result_count ? " = " : "");
    if (op->label) {
        program_write(&p->body, "[%%%s%u] ", op->label, p->name_count++);
    }
    program_write(&p->body, "%s%s\n", op->text.text, clauses);
    mu_free(op->text.text);
    op->text = (program_buffer){0};
}

program_value program_emit(program *p, program_op *op)
{
    program_value results[40] = {0};
    program_buffer clauses = {0};
    program_write(&clauses, "%s", "");
    if (op->may_keep) {
        program_keepalives(p, &clauses);
    }
    program_emit_with(p, op, clauses.text, results);
    mu_free(clauses.text);
    for (uint32_t i = 0; i < op->result_count; i++) {
        MU_ARRAY_PUSH(&p->values, results[i]);
    }
    return results[0];
}

static program_value emit_one(program *p, const program_type *type, bool may_dangle,
                              bool is_not_null, const char *text)
{
    program_op op = {
        .results = {type}, .result_count = 1, .may_dangle = may_dangle, .is_not_null = is_not_null};
    program_write(&op.text, "%s", text);
    return program_emit(p, &op);
}

static program_value make_ref(program *p, const program_type *type)
{
    const program_type *object = type->element;
    const char *text;
    if (object->kind == KIND_HYBRID) {
        const program_type *length_type = program_random_int(p);
        uint32_t length = 1 + (length_type->bits > 1 ? program_below(p, 8) : 0);
        text = mu_arena_format(p->arena, "NEWHYBRID <@%s @%s> %s", object->name, length_type->name,
                               program_int_constant(p, length_type, length));
    } else {
        text = mu_arena_format(p->arena, "NEW <@%s>", object->name);
    }
    return emit_one(p, type, false, true, text);
}

static program_value make_iref(program *p, const program_type *type, uint32_t flags)
{
    const program_type *object = type->element;
    if ((flags & PICK_DANGLING) && program_chance(p, 35)) {
        const char *text =
            object->kind == KIND_HYBRID
                ? mu_arena_format(
                      p->arena, "ALLOCAHYBRID <@%s @i8> %s", object->name,
                      program_int_constant(p, program_int_of(p, 8), 1 + program_below(p, 8)))
                : mu_arena_format(p->arena, "ALLOCA <@%s>", object->name);
        return emit_one(p, type, true, true, text);
    }
    program_value ref = program_pick(p, program_ref_to(p, object), flags | PICK_NOT_NULL);
    return emit_one(p, type, false, true,
                    mu_arena_format(p->arena, "GETIREF <@%s> %s", object->name, ref.name));
}

static program_value make_int(program *p, const program_type *type)
{
    const program_type *from = program_random_int(p);
    if (from->bits == type->bits || p->depth > DEPTH_MAX) {
        return of_constant(type, program_constant(p, type));
    }
    const char *op = from->bits > type->bits ? "TRUNC" : program_chance(p, 50) ? "ZEXT" : "SEXT";
    program_value value = program_pick(p, from, 0);
    return emit_one(
        p, type, false, true,
        mu_arena_format(p->arena, "%s <@%s @%s> %s", op, from->name, type->name, value.name));
}

static program_value make_value(program *p, const program_type *type, uint32_t flags)
{
    const char *constant;
    switch (type->kind) {
    case KIND_INT:
        if (program_chance(p, 40)) {
            return make_int(p, type);
        }
        break;
    case KIND_REF:
        if (p->depth > DEPTH_MAX || (flags & PICK_NOT_NULL) || program_chance(p, 70)) {
            return make_ref(p, type);
        }
        break;
    case KIND_IREF:
        constant = program_constant(p, type);
        if (strncmp(constant, "@z.", 3) != 0) {
            return of_constant(type, constant);
        }
        if (p->depth > DEPTH_MAX || (flags & PICK_NOT_NULL) || program_chance(p, 80)) {
            return make_iref(p, type, flags);
        }
        break;
    case KIND_STRUCT:
    case KIND_ARRAY:
    case KIND_VECTOR:
        if (p->depth <= DEPTH_MAX && program_chance(p, 40)) {
            program_value place =
                program_pick(p, program_iref_to(p, type), PICK_DANGLING | PICK_NOT_NULL);
            return emit_one(p, type, false, false,
                            mu_arena_format(p->arena, "LOAD <@%s> %s", type->name, place.name));
        }
        break;
    case KIND_TAGREF:
        if (p->depth <= DEPTH_MAX) {
            return program_make_tagref(p);
        }
        break;
    case KIND_FLOAT:
    case KIND_DOUBLE:
    case KIND_VOID:
    case KIND_HYBRID:
    case KIND_FUNCREF:
    case KIND_STACKREF:
    case KIND_THREADREF:
    case KIND_CURSORREF:
    case KIND_NODEREF:
    case KIND_UFUNCPTR: break;
    case KIND_UPTR:
        if (p->depth <= DEPTH_MAX && program_chance(p, 40)) {
            const program_type *from = program_random_int(p);
            program_value value = program_pick(p, from, 0);
            return emit_one(p, type, false, false,
                            mu_arena_format(p->arena, "PTRCAST <@%s @%s> %s", from->name,
                                            type->name, value.name));
        }
        break;
    }
    if (type->has_tagref) {
        return emit_one(p, type, false, false,
                        mu_arena_format(p->arena, "LOAD <@%s> @zc.%s", type->name, type->name));
    }
    return of_constant(type, program_constant(p, type));
}

program_value program_pick(program *p, const program_type *type, uint32_t flags)
{
    program_value *known = known_value(p, type, flags);
    if (known && program_chance(p, 85)) {
        known->uses++;
        return *known;
    }
    p->depth++;
    program_value made = make_value(p, type, flags);
    p->depth--;
    return made;
}
