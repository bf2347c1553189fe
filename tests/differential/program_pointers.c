/* Pointers: computing with them, and, in programs that may have them, accesses by them. What a
 * pinned object's address is shows nowhere: no value of the program is made of it. */
#include "program_text.h"

#include <stdio.h>

static void one_result(program_op *op, const program_type *type)
{
    op->results[0] = type;
    op->result_count = 1;
}

/* ------------------------------------------------------------------------------------ computing */

const program_type *program_some_pointer(program *p)
{
    for (uint32_t tries = 0; tries < 20; tries++) {
        const program_type *type = p->types.items[program_below(p, p->types.count)];
        if (type->kind == KIND_UPTR || type->kind == KIND_UFUNCPTR) {
            return type;
        }
    }
    return program_uptr_to(p, program_random_int(p));
}

bool program_ptrcast_inst(program *p, program_op *op)
{
    uint32_t dice = program_below(p, 3);
    const program_type *from = dice == 0 ? program_random_int(p) : program_some_pointer(p);
    const program_type *to = dice == 1 ? program_random_int(p) : program_some_pointer(p);
    program_write(&op->text, "PTRCAST <@%s @%s> %s", from->name, to->name,
                  program_pick(p, from, 0).name);
    one_result(op, to);
    return true;
}

/* A native-safe type of parts that the program has. */
static const program_type *some_record(program *p)
{
    for (uint32_t tries = 0; tries < 20; tries++) {
        const program_type *type = p->types.items[program_below(p, p->types.count)];
        bool has_parts =
            type->kind == KIND_STRUCT || type->kind == KIND_ARRAY || type->kind == KIND_HYBRID;
        if (has_parts && type->words <= 40 && program_is_native_safe(type)) {
            return type;
        }
    }
    return NULL;
}

/* From a pointer to a record, or to a part of it; what the address then points to. */
static const program_type *write_step(program *p, program_buffer *out, const program_type *record,
                                      const char *pointer)
{
    const program_type *index_type = program_int_of(p, 64);
    if (record->kind == KIND_ARRAY) {
        const char *index = program_safe_index(p, &index_type, record->length, true);
        program_write(out, "GETELEMIREF PTR <@%s @%s> %s %s", record->name, index_type->name,
                      pointer, index);
        return record->element;
    }
    if (record->kind == KIND_HYBRID && (!record->field_count || program_chance(p, 50))) {
        program_write(out, "GETVARPARTIREF PTR <@%s> %s", record->name, pointer);
        return record->element;
    }
    uint32_t field = program_below(p, record->field_count);
    program_write(out, "GETFIELDIREF PTR <@%s %u> %s", record->name, field, pointer);
    return record->fields[field];
}

/* Only computed with. */
static bool step_anywhere(program *p, program_op *op)
{
    const program_type *record = some_record(p);
    if (!record || program_chance(p, 30)) {
        const program_type *pointer = program_some_pointer(p);
        if (pointer->kind != KIND_UPTR || pointer->element->kind == KIND_HYBRID) {
            return false;
        }
        const program_type *index_type = program_random_int(p);
        program_value start = program_pick(p, pointer, 0);
        program_value offset = program_pick(p, index_type, 0);
        program_write(&op->text, "SHIFTIREF PTR <@%s @%s> %s %s", pointer->element->name,
                      index_type->name, start.name, offset.name);
        one_result(op, pointer);
        return true;
    }
    program_value start = program_pick(p, program_uptr_to(p, record), 0);
    one_result(op, program_uptr_to(p, write_step(p, &op->text, record, start.name)));
    return true;
}

bool program_pointer_path_inst(program *p, program_op *op)
{
    const program_type *record = p->has_pointers && program_chance(p, 70) ? some_record(p) : NULL;
    if (!record) {
        return step_anywhere(p, op);
    }
    program_value place =
        program_pick(p, program_iref_to(p, record), PICK_DANGLING | PICK_NOT_NULL);
    const char *iref = program_iref_to(p, record)->name;
    uint32_t n = p->name_count++;
    program_buffer step = {0};
    const char *start = mu_arena_format(p->arena, "%%p%u.pointer", n);
    const program_type *part = write_step(p, &step, record, start);
    bool is_read = program_chance(p, 50);
    program_value value = is_read ? place : program_pick(p, part, 0);
    program_write(&p->body,
                  "        %s = COMMINST @uvm.native.pin <@%s> (%s)\n"
                  "        %%q%u.pointer = %s\n"
                  "        COMMINST @uvm.native.unpin <@%s> (%s)\n",
                  start, iref, place.name, n, step.text, iref, place.name);
    mu_free(step.text);
    if (is_read) {
        program_write(&op->text, "LOAD PTR <@%s> %%q%u.pointer", part->name, n);
        one_result(op, part);
    } else {
        program_write(&op->text, "STORE PTR <@%s> %%q%u.pointer %s", part->name, n, value.name);
    }
    op->may_throw = true;
    return true;
}

/* -------------------------------------------------------------------------------- by an address */

/* The place is pinned just before the access and unpinned again at once: there is no safepoint
 * between, so it cannot have moved, and the two engines need not count pins alike. */
program_location program_locate(program *p, const program_value *place, const program_type *type)
{
    program_location location = {.flag = ""};
    snprintf(location.name, sizeof location.name, "%s", place->name);
    if (!p->has_pointers || !program_is_native_safe(type) || !program_chance(p, 40)) {
        return location;
    }
    location.flag = "PTR ";
    snprintf(location.name, sizeof location.name, "%%p%u.pointer", p->name_count++);
    const char *iref = program_iref_to(p, type)->name;
    program_write(&p->body, "        %s = COMMINST @uvm.native.pin <@%s> (%s)\n", location.name,
                  iref, place->name);
    program_write(&p->body, "        COMMINST @uvm.native.unpin <@%s> (%s)\n", iref, place->name);
    return location;
}

/* Allocation, or a trap at which everything may be collected, while a place is pinned. */
bool program_pinned_inst(program *p, program_op *op)
{
    const program_value *found = program_find(p, KIND_IREF, PICK_DANGLING | PICK_NOT_NULL);
    if (!p->has_pointers || !found || !program_is_value_type(found->type->element) ||
        !program_is_native_safe(found->type->element) || found->type->element->words > 40) {
        return false;
    }
    program_value place = *found;
    const program_type *type = place.type->element;
    program_value value = program_pick(p, type, 0);
    uint32_t n = p->name_count++;
    program_write(&p->body, "        %%p%u.pointer = COMMINST @uvm.native.pin <@%s> (%s)\n", n,
                  place.type->name, place.name);
    program_op between = {.may_keep = true, .label = "t"};
    if (program_chance(p, 30)) {
        program_write(&between.text, "TRAP <>");
    } else {
        const program_type *made = program_ref_to(p, program_random_value_type(p));
        between = (program_op){.results = {made}, .result_count = 1, .is_not_null = true};
        program_write(&between.text, "NEW <@%s>", made->element->name);
    }
    program_emit(p, &between);
    program_op access = {0};
    if (program_chance(p, 50)) {
        program_write(&access.text, "STORE PTR <@%s> %%p%u.pointer %s", type->name, n, value.name);
    } else {
        program_write(&access.text, "LOAD PTR <@%s> %%p%u.pointer", type->name, n);
        one_result(&access, type);
    }
    program_emit(p, &access);
    program_write(&op->text, "COMMINST @uvm.native.unpin <@%s> (%s)", place.type->name, place.name);
    return true;
}
