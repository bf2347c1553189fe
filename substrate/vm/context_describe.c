/* Values as text for people: what is at a place, and its parts one level deep. */
#include "context_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_SHOWN = 64, VALUE_BYTES = 160 };

/* ---- scalars */

/* Nine (17) digits always tell a float (double) from its neighbours; fewer may do. */
static void print_real(char *text, size_t size, double number, bool is_single)
{
    int most = is_single ? 9 : 17;
    if (isnan(number)) {
        snprintf(text, size, "nan");
        return;
    }
    for (int digits = is_single ? 6 : 15; digits <= most; digits++) {
        snprintf(text, size, "%.*g", digits, number);
        double back = strtod(text, NULL);
        if (is_single ? (float)back == (float)number : back == number) {
            return;
        }
    }
}

/* A flag as 0 or 1, a wide int in hexadecimal, any other with its sign. */
static void print_int(char *text, size_t size, uint32_t bits, const uint64_t words[2])
{
    uint64_t low = context_cut(words[0], bits);
    uint64_t high = bits > 64 ? context_cut(words[1], bits - 64) : 0;
    if (high) {
        snprintf(text, size, "0x%llx%016llx", (unsigned long long)high, (unsigned long long)low);
    } else if (bits > 64) {
        snprintf(text, size, "0x%llx", (unsigned long long)low);
    } else if (bits == 1) {
        snprintf(text, size, "%llu", (unsigned long long)low);
    } else {
        uint32_t unused = 64 - bits;
        snprintf(text, size, "%lld", (long long)((int64_t)(low << unused) >> unused));
    }
}

static void print_reference(char *text, size_t size, const mu_ir_type *type, bool is_null)
{
    char *type_text = mu_ir_type_text(type);
    snprintf(text, size, "%s", is_null ? "null" : type_text);
    mu_free(type_text);
}

static void print_scalar(const mu_vm *vm, const mu_ir_type *type, const uint64_t words[2],
                         char *text, size_t size)
{
    float single_value;
    double double_value;
    mu_value value;
    switch ((int)type->kind) {
    case MU_IR_INT: print_int(text, size, type->bits, words); return;
    case MU_IR_FLOAT:
        memcpy(&single_value, words, sizeof single_value);
        print_real(text, size, (double)single_value, true);
        return;
    case MU_IR_DOUBLE:
        memcpy(&double_value, words, sizeof double_value);
        print_real(text, size, double_value, false);
        return;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: snprintf(text, size, "0x%llx", (unsigned long long)words[0]); return;
    case MU_IR_FUNCREF:
    case MU_IR_TAGREF64:
        value = value_from_memory(vm, type, words);
        snprintf(text, size, "%s", value.text[0] ? value.text : "null");
        return;
    default: print_reference(text, size, type, !words[0] && !words[1]); return;
    }
}

/* ---- any value */

static bool is_composite(const mu_ir_type *type)
{
    return type->kind == MU_IR_STRUCT || type->kind == MU_IR_ARRAY || type->kind == MU_IR_HYBRID;
}

/* As many lanes as fit. */
static void print_vector(const mu_vm *vm, const context_place *place, char *text, size_t size)
{
    static const char cut[] = ", ...";
    size_t used = (size_t)snprintf(text, size, "{");
    for (uint64_t i = 0; i < place->type->length; i++) {
        _Alignas(16) uint64_t words[2] = {0, 0};
        char lane[VALUE_BYTES];
        context_place at = context_element_of(place, i);
        context_read_place(&at, words);
        print_scalar(vm, at.type, words, lane, sizeof lane);
        if (used + strlen(lane) + sizeof cut + 4 > size) {
            used += (size_t)snprintf(text + used, size - used, "%s", cut);
            break;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", lane);
    }
    (void)snprintf(text + used, size - used, "}");
}

static void print_value(const mu_vm *vm, const context_place *place, char *text, size_t size)
{
    _Alignas(16) uint64_t words[2] = {0, 0};
    if (place->type->kind == MU_IR_VECTOR) {
        print_vector(vm, place, text, size);
    } else if (is_composite(place->type) || place->type->kind == MU_IR_VOID) {
        context_parts parts = context_parts_of(place);
        snprintf(text, size, parts.elements ? "{%llu parts}" : "{%llu fields}",
                 (unsigned long long)(parts.fields + parts.elements));
    } else {
        context_read_place(place, words);
        print_scalar(vm, place->type, words, text, size);
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
    char value[VALUE_BYTES];
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
