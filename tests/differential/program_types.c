/* Types and signatures. */
#include "program_text.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 40u /* of a composite value */

static const uint32_t widths[] = {1, 7, 8, 13, 16, 31, 32, 33, 52, 63, 64, 128};
enum { WIDTH_COUNT = sizeof widths / sizeof *widths };

static program_type *add_type(program *p, type_kind kind, const char *name)
{
    program_type *type = MU_ARENA_NEW(p->arena, program_type);
    type->kind = kind;
    type->words = kind == KIND_IREF ? 2 : 1;
    type->has_iref = kind == KIND_IREF;
    type->has_tagref = kind == KIND_TAGREF;
    snprintf(type->name, sizeof type->name, "%s", name);
    MU_ARRAY_PUSH(&p->types, type);
    return type;
}

const program_type *program_ref_to(program *p, const program_type *type)
{
    program_type *to = (program_type *)(uintptr_t)type;
    if (!to->ref) {
        char name[32];
        snprintf(name, sizeof name, "r%s", type->name);
        to->ref = add_type(p, KIND_REF, name);
        to->ref->element = type;
    }
    return to->ref;
}

const program_type *program_iref_to(program *p, const program_type *type)
{
    program_type *to = (program_type *)(uintptr_t)type;
    if (!to->iref) {
        char name[32];
        snprintf(name, sizeof name, "p%s", type->name);
        to->iref = add_type(p, KIND_IREF, name);
        to->iref->element = type;
    }
    return to->iref;
}

const program_type *program_uptr_to(program *p, const program_type *type)
{
    program_type *to = (program_type *)(uintptr_t)type;
    if (!to->uptr) {
        char name[32];
        snprintf(name, sizeof name, "u%s", type->name);
        to->uptr = add_type(p, KIND_UPTR, name);
        to->uptr->element = type;
    }
    return to->uptr;
}

bool program_is_native_safe(const program_type *type)
{
    switch (type->kind) {
    case KIND_INT:
    case KIND_FLOAT:
    case KIND_DOUBLE:
    case KIND_UPTR:
    case KIND_UFUNCPTR: return true;
    case KIND_ARRAY:
    case KIND_VECTOR: return program_is_native_safe(type->element);
    case KIND_STRUCT:
    case KIND_HYBRID:
        for (uint32_t i = 0; i < type->field_count; i++) {
            if (!program_is_native_safe(type->fields[i])) {
                return false;
            }
        }
        return type->kind == KIND_STRUCT || program_is_native_safe(type->element);
    case KIND_VOID:
    case KIND_REF:
    case KIND_IREF:
    case KIND_TAGREF:
    case KIND_STACKREF:
    case KIND_THREADREF:
    case KIND_CURSORREF:
    case KIND_NODEREF:
    case KIND_FUNCREF: break;
    }
    return false;
}

/* Can C be given it by value? Vectors could be passed, but not by the oracle. */
static bool is_of_c(const program_type *type, bool is_member)
{
    switch ((int)type->kind) {
    case KIND_INT: return type->bits <= 64;
    case KIND_FLOAT:
    case KIND_DOUBLE:
    case KIND_UPTR:
    case KIND_UFUNCPTR: return true;
    case KIND_ARRAY: return is_member && is_of_c(type->element, true);
    case KIND_STRUCT:
        for (uint32_t i = 0; i < type->field_count; i++) {
            if (!is_of_c(type->fields[i], true)) {
                return false;
            }
        }
        return type->words <= WORDS_MAX;
    default: return false;
    }
}

const program_type *program_int_of(const program *p, uint32_t bits)
{
    for (uint32_t i = 0; i < WIDTH_COUNT; i++) {
        if (p->types.items[i]->bits == bits) {
            return p->types.items[i];
        }
    }
    return NULL;
}

const program_type *program_random_int(program *p)
{
    return p->types.items[program_below(p, WIDTH_COUNT)];
}

const program_type *program_fp(const program *p, bool is_single)
{
    return p->types.items[WIDTH_COUNT + (is_single ? 0 : 1)];
}

const program_type *program_random_fp(program *p)
{
    return program_fp(p, program_chance(p, 50));
}

const program_type *program_void(const program *p)
{
    return p->types.items[WIDTH_COUNT + 2];
}

bool program_is_value_type(const program_type *type)
{
    return type->kind != KIND_VOID && type->kind != KIND_HYBRID;
}

const program_type *program_random_scalar(program *p)
{
    return p->types.items[program_below(p, WIDTH_COUNT + 2)];
}

static uint32_t lane_bytes(const program_type *lane)
{
    uint32_t bits = lane->kind == KIND_INT     ? lane->bits
                    : lane->kind == KIND_FLOAT ? 32
                    : lane->kind == KIND_IREF  ? 128
                                               : 64;
    return bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : bits <= 64 ? 8 : 16;
}

const program_type *program_vector_of(program *p, const program_type *lane, uint32_t length)
{
    char name[24];
    uint32_t bytes = 8;
    while (bytes < length * lane_bytes(lane)) {
        bytes *= 2;
    }
    if (bytes / 8 > WORDS_MAX) {
        return NULL;
    }
    snprintf(name, sizeof name, "V%ux%.16s", length, lane->name);
    for (uint32_t i = 0; i < p->types.count; i++) {
        if (strcmp(p->types.items[i]->name, name) == 0) {
            return p->types.items[i];
        }
    }
    program_type *made = add_type(p, KIND_VECTOR, name);
    made->element = lane;
    made->length = length;
    made->has_iref = lane->has_iref;
    made->has_tagref = lane->has_tagref;
    made->words = bytes / 8 + (bytes > 16 ? 3 : bytes / 16); /* with what aligns it */
    return made;
}

static bool is_lane(const program_type *type)
{
    switch (type->kind) {
    case KIND_INT:
    case KIND_FLOAT:
    case KIND_DOUBLE:
    case KIND_REF:
    case KIND_IREF:
    case KIND_FUNCREF:
    case KIND_STACKREF:
    case KIND_THREADREF:
    case KIND_CURSORREF:
    case KIND_NODEREF:
    case KIND_UPTR:
    case KIND_UFUNCPTR:
    case KIND_TAGREF: return strlen(type->name) < 16;
    case KIND_VOID:
    case KIND_STRUCT:
    case KIND_ARRAY:
    case KIND_VECTOR:
    case KIND_HYBRID: break;
    }
    return false;
}

const program_type *program_random_vector(program *p)
{
    static const uint32_t lengths[] = {4, 2, 8, 4, 2, 1, 3, 5, 16, 20, 33};
    for (;;) {
        uint32_t length = lengths[program_below(p, sizeof lengths / sizeof *lengths)];
        const program_type *lane = program_chance(p, 70)
                                       ? program_random_scalar(p)
                                       : p->types.items[program_below(p, p->types.count)];
        if (!is_lane(lane)) {
            continue;
        }
        const program_type *type = program_vector_of(p, lane, length);
        if (type) {
            return type;
        }
    }
}

/* Scalars more often than the number of types would have it. */
const program_type *program_random_value_type(program *p)
{
    if (program_chance(p, 45)) {
        return program_random_scalar(p);
    }
    for (;;) {
        const program_type *type = p->types.items[program_below(p, p->types.count)];
        if (program_is_value_type(type) && type->words <= WORDS_MAX) {
            return program_chance(p, 20) && type->words > 1 ? program_random_scalar(p) : type;
        }
    }
}

static const program_type *random_of_c(program *p, bool is_member)
{
    for (;;) {
        const program_type *type = program_chance(p, 70)
                                       ? program_random_scalar(p)
                                       : p->types.items[program_below(p, p->types.count)];
        if (is_of_c(type, is_member) && type->words <= 12) {
            return type;
        }
    }
}

static const program_type *random_member(program *p)
{
    uint32_t dice = program_below(p, 100);
    if (dice < 46) {
        return program_random_scalar(p);
    }
    if (dice < 50) {
        return program_uptr_to(p, random_of_c(p, true));
    }
    const program_type *type = p->types.items[program_below(p, p->types.count)];
    if (dice < 60) {
        return program_ref_to(p, type);
    }
    if (dice < 68) {
        return program_iref_to(p, type);
    }
    return program_is_value_type(type) && type->words <= 12 ? type : program_ref_to(p, type);
}

static void add_fields(program *p, program_type *type, uint32_t count)
{
    uint32_t words = 1;
    bool is_for_c = program_chance(p, 25);
    type->words = WORDS_MAX + 1; /* until it is whole, no other holds it by value */
    type->fields = MU_ARENA_ARRAY(p->arena, const program_type *, count);
    for (uint32_t i = 0; i < count; i++) {
        const program_type *field = is_for_c               ? random_of_c(p, true)
                                    : program_chance(p, 6) ? program_ref_to(p, type)
                                                           : random_member(p);
        type->fields[type->field_count++] = field;
        words += field->words + (field->has_iref ? 1 : 0);
        type->has_iref = type->has_iref || field->has_iref;
        type->has_tagref = type->has_tagref || field->has_tagref;
    }
    type->words = words;
}

static void add_hybrid(program *p, uint32_t number)
{
    char name[16];
    snprintf(name, sizeof name, "H%u", number);
    program_type *made = add_type(p, KIND_HYBRID, name);
    made->element = random_member(p);
    add_fields(p, made, program_below(p, 4));
}

static void add_composite(program *p, uint32_t number)
{
    char name[16];
    uint32_t dice = program_below(p, 10);
    if (dice < 5) {
        snprintf(name, sizeof name, "S%u", number);
        program_type *made = add_type(p, KIND_STRUCT, name);
        uint32_t count = 1 + program_below(p, 6);
        add_fields(p, made, count);
    } else if (dice < 8) {
        snprintf(name, sizeof name, "A%u", number);
        const program_type *element = random_member(p);
        program_type *made = add_type(p, KIND_ARRAY, name);
        made->element = element;
        made->length = 1 + program_below(p, element->words > 4 ? 3 : 6);
        if (program_chance(p, 10)) { /* one for memory only */
            made->length = 30 + program_below(p, 110);
        }
        made->words = (element->words + element->has_iref) * made->length;
        made->has_iref = element->has_iref;
        made->has_tagref = element->has_tagref;
    } else {
        add_hybrid(p, number);
    }
}

static void add_list(program *p, const program_type ***list, uint32_t *count, uint32_t *words,
                     uint32_t wanted, sig_purpose purpose)
{
    *list = MU_ARENA_ARRAY(p->arena, const program_type *, wanted + 1);
    for (uint32_t i = 0; i < wanted; i++) {
        const program_type *type = purpose == SIG_MAIN     ? program_random_scalar(p)
                                   : purpose == SIG_NATIVE ? random_of_c(p, false)
                                                           : program_random_value_type(p);
        if (purpose == SIG_MAIN && type->bits > 64) { /* an argument is one word */
            type = program_int_of(p, 64);
        }
        if (*words + type->words > 200) {
            break;
        }
        *words += type->words;
        (*list)[(*count)++] = type;
    }
}

static program_type *add_function_type(program *p, type_kind kind, char letter,
                                       const program_sig *sig)
{
    char name[16];
    snprintf(name, sizeof name, "%c%u", letter, p->sigs.count - 1);
    program_type *made = add_type(p, kind, name);
    made->sig = sig;
    return made;
}

program_sig *program_make_sig(program *p, sig_purpose purpose)
{
    program_sig *sig = MU_ARENA_NEW(p->arena, program_sig);
    snprintf(sig->name, sizeof sig->name, "sig%u", p->sigs.count);
    uint32_t params = program_chance(p, 15) ? 30 : program_chance(p, 30) ? 14 : 6;
    uint32_t results = purpose == SIG_NATIVE   ? 1
                       : program_chance(p, 15) ? 24
                       : purpose == SIG_MAIN   ? 10
                                               : 4;
    add_list(p, &sig->params, &sig->param_count, &sig->param_words, program_below(p, params + 1),
             purpose);
    add_list(p, &sig->results, &sig->result_count, &sig->result_words,
             program_below(p, results + 1), purpose);
    MU_ARRAY_PUSH(&p->sigs, sig);
    if (purpose != SIG_MAIN) {
        sig->funcref = add_function_type(p, KIND_FUNCREF, 'F', sig);
    }
    if (purpose == SIG_NATIVE) {
        sig->ufuncptr = add_function_type(p, KIND_UFUNCPTR, 'C', sig);
    }
    return sig;
}

void program_make_types(program *p)
{
    for (uint32_t i = 0; i < WIDTH_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "i%u", widths[i]);
        program_type *type = add_type(p, KIND_INT, name);
        type->bits = widths[i];
        type->words = widths[i] > 64 ? 3 : 1; /* with what aligns it */
    }
    add_type(p, KIND_FLOAT, "f");
    add_type(p, KIND_DOUBLE, "d");
    program_ref_to(p, add_type(p, KIND_VOID, "void"));
    add_type(p, KIND_TAGREF, "t");
    add_type(p, KIND_INT, "i6")->bits = 6;
    p->stackref = add_type(p, KIND_STACKREF, "sr");
    p->threadref = add_type(p, KIND_THREADREF, "tr");
    p->cursorref = add_type(p, KIND_CURSORREF, "fc");
    add_type(p, KIND_NODEREF, "nr");
    uint32_t count = 2 + program_below(p, 10);
    for (uint32_t i = 0; i < count; i++) {
        if (program_chance(p, 30)) {
            program_make_sig(p, program_chance(p, 30) ? SIG_NATIVE : SIG_GUEST);
        } else if (program_chance(p, 25)) {
            program_random_vector(p);
        } else {
            add_composite(p, i);
        }
    }
    add_hybrid(p, count);
    if (!p->sigs.count) {
        program_make_sig(p, SIG_GUEST);
    }
}

static void write_type(program *p, const program_type *type)
{
    program_buffer *out = &p->head;
    program_write(out, ".typedef @%s = ", type->name);
    switch (type->kind) {
    case KIND_INT: program_write(out, "int<%u>", type->bits); break;
    case KIND_FLOAT: program_write(out, "float"); break;
    case KIND_DOUBLE: program_write(out, "double"); break;
    case KIND_TAGREF: program_write(out, "tagref64"); break;
    case KIND_VOID: program_write(out, "void"); break;
    case KIND_REF: program_write(out, "ref<@%s>", type->element->name); break;
    case KIND_IREF: program_write(out, "iref<@%s>", type->element->name); break;
    case KIND_FUNCREF: program_write(out, "funcref<@%s>", type->sig->name); break;
    case KIND_STACKREF: program_write(out, "stackref"); break;
    case KIND_THREADREF: program_write(out, "threadref"); break;
    case KIND_CURSORREF: program_write(out, "framecursorref"); break;
    case KIND_NODEREF: program_write(out, "irnoderef"); break;
    case KIND_UPTR: program_write(out, "uptr<@%s>", type->element->name); break;
    case KIND_UFUNCPTR: program_write(out, "ufuncptr<@%s>", type->sig->name); break;
    case KIND_ARRAY: program_write(out, "array<@%s %u>", type->element->name, type->length); break;
    case KIND_VECTOR:
        program_write(out, "vector<@%s %u>", type->element->name, type->length);
        break;
    case KIND_STRUCT:
    case KIND_HYBRID:
        program_write(out, type->kind == KIND_STRUCT ? "struct<" : "hybrid<");
        for (uint32_t i = 0; i < type->field_count; i++) {
            program_write(out, "%s@%s", i ? " " : "", type->fields[i]->name);
        }
        if (type->kind == KIND_HYBRID) {
            program_write(out, " @%s", type->element->name);
        }
        program_write(out, ">");
        break;
    }
    program_write(out, "\n");
}

static void write_zero(program *p, const program_type *type)
{
    program_buffer *out = &p->head;
    if (type->has_tagref) {
        program_write(out, ".global @zc.%s <@%s>\n", type->name, type->name);
        return;
    }
    program_write(out, ".const @z.%s <@%s> = ", type->name, type->name);
    switch (type->kind) {
    case KIND_INT:
    case KIND_UPTR:
    case KIND_UFUNCPTR: program_write(out, "0"); break;
    case KIND_FLOAT: program_write(out, "0.0f"); break;
    case KIND_DOUBLE: program_write(out, "0.0d"); break;
    case KIND_REF:
    case KIND_IREF:
    case KIND_FUNCREF:
    case KIND_STACKREF:
    case KIND_THREADREF:
    case KIND_CURSORREF:
    case KIND_NODEREF: program_write(out, "NULL"); break;
    case KIND_STRUCT:
    case KIND_ARRAY:
    case KIND_VECTOR: {
        uint32_t count = type->kind == KIND_STRUCT ? type->field_count : type->length;
        program_write(out, "{");
        for (uint32_t i = 0; i < count; i++) {
            const program_type *member =
                type->kind == KIND_STRUCT ? type->fields[i] : type->element;
            program_write(out, "%s@z.%s", i ? " " : "", member->name);
        }
        program_write(out, "}");
        break;
    }
    case KIND_TAGREF:
    case KIND_VOID:
    case KIND_HYBRID: break;
    }
    program_write(out, "\n");
}

void program_write_types(program *p)
{
    for (uint32_t i = 0; i < p->types.count; i++) {
        const program_type *type = p->types.items[i];
        write_type(p, type);
        if (program_is_value_type(type)) {
            write_zero(p, type);
        }
    }
    for (uint32_t i = 0; i < p->sigs.count; i++) {
        const program_sig *sig = p->sigs.items[i];
        program_write(&p->head, ".funcsig @%s = (", sig->name);
        for (uint32_t k = 0; k < sig->param_count; k++) {
            program_write(&p->head, "%s@%s", k ? " " : "", sig->params[k]->name);
        }
        program_write(&p->head, ") -> (");
        for (uint32_t k = 0; k < sig->result_count; k++) {
            program_write(&p->head, "%s@%s", k ? " " : "", sig->results[k]->name);
        }
        program_write(&p->head, ")\n");
    }
}
