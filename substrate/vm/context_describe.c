/* Values as text for people: what is at a place, and its parts one level deep. */
#include "context_internal.h"

#include "mu_ir_value.h"

#include <stdio.h>

enum { PARTS_SHOWN = 64 };

/* ---- one value */

static bool is_composite(const mu_ir_type *type)
{
    return type->kind == MU_IR_STRUCT || type->kind == MU_IR_ARRAY || type->kind == MU_IR_HYBRID;
}

/* What is shown as its type, or as null. */
static bool is_opaque(const mu_ir_type *type)
{
    return context_is_reference(type) || type->kind == MU_IR_THREADREF ||
           type->kind == MU_IR_STACKREF || type->kind == MU_IR_FRAMECURSORREF ||
           type->kind == MU_IR_IRNODEREF;
}

static void print_reference(char *text, size_t size, const mu_ir_type *type,
                            const uint64_t words[2])
{
    char *type_text = mu_ir_type_text(type);
    snprintf(text, size, "%s", words[0] || words[1] ? type_text : "null");
    mu_free(type_text);
}

static void print_value(const mu_vm *vm, const context_place *place, char *text, size_t size)
{
    _Alignas(16) uint64_t words[MU_CONTEXT_MAX_VALUE_BYTES / sizeof(uint64_t)];
    const mu_ir_type *type = place->type;
    if (is_composite(type) || type->kind == MU_IR_VOID) {
        context_parts parts = context_parts_of(place);
        snprintf(text, size, parts.elements ? "{%llu parts}" : "{%llu fields}",
                 (unsigned long long)(parts.fields + parts.elements));
        return;
    }
    if (type->size_bytes > sizeof words) {
        snprintf(text, size, "{%llu lanes}", (unsigned long long)type->length);
        return;
    }
    words[0] = words[1] = 0;
    context_read_place(place, words);
    if (is_opaque(type)) {
        print_reference(text, size, type, words);
    } else {
        value_show(vm, type, words, text, size);
    }
}

/* ---- the operation */

typedef MU_ARRAY(char) text_lines;

static void add_text(text_lines *lines, const char *text)
{
    for (; *text; text++) {
        MU_ARRAY_PUSH(lines, *text);
    }
}

static void add_line(text_lines *lines, const mu_vm *vm, const char *step,
                     const context_place *place)
{
    char value[MU_IR_VALUE_TEXT_BYTES];
    char *type = mu_ir_type_text(place->type);
    print_value(vm, place, value, sizeof value);
    if (step) {
        add_text(lines, "\n");
        add_text(lines, step);
        add_text(lines, "\t");
    }
    add_text(lines, type);
    add_text(lines, "\t");
    add_text(lines, value);
    mu_free(type);
}

static void add_parts(text_lines *lines, const mu_vm *vm, const context_place *place)
{
    context_parts parts = context_parts_of(place);
    for (uint64_t i = 0; i < parts.fields + parts.elements; i++) {
        char step[32];
        bool is_field = i < parts.fields;
        uint64_t index = is_field ? i : i - parts.fields;
        if (i == PARTS_SHOWN) {
            add_text(lines, "\n...");
            return;
        }
        context_place part =
            is_field ? context_field_of(place, index) : context_element_of(place, index);
        snprintf(step, sizeof step, is_field ? ".%llu" : "[%llu]", (unsigned long long)index);
        add_line(lines, vm, step, &part);
    }
}

mu_status context_describe(context_call *call)
{
    mu_status status = MU_OK;
    text_lines lines = {0};
    context_place place;
    MU_TRY(context_follow(call, &place));
    add_line(&lines, call->vm, NULL, &place);
    if (is_composite(place.type)) {
        add_parts(&lines, call->vm, &place);
    } else if (context_is_reference(place.type)) {
        context_call silent = *call; /* one that leads nowhere has no parts to show */
        silent.report = NULL;
        if (context_enter(&silent, &place) == MU_OK) {
            if (is_composite(place.type)) {
                add_parts(&lines, call->vm, &place);
            } else if (place.type->kind != MU_IR_VOID) {
                add_line(&lines, call->vm, "", &place);
            }
        }
    }
    MU_ARRAY_PUSH(&lines, '\0');
    call->answer.text = lines.items;
    status = context_answer(call, 0);
done:
    return status;
}
