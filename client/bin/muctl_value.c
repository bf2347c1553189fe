#include "muctl_value.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void muctl_float_print(char out[MUCTL_REAL_BYTES], float number)
{
    if (isnan(number)) {
        (void)snprintf(out, MUCTL_REAL_BYTES, "nan");
        return;
    }
    for (int digits = 1; digits <= 9; digits++) {
        (void)snprintf(out, MUCTL_REAL_BYTES, "%.*g", digits, (double)number);
        if (strtof(out, NULL) == number) {
            return;
        }
    }
}

void muctl_double_print(char out[MUCTL_REAL_BYTES], double number)
{
    if (isnan(number)) {
        (void)snprintf(out, MUCTL_REAL_BYTES, "nan");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(out, MUCTL_REAL_BYTES, "%.*g", digits, number);
        if (strtod(out, NULL) == number) {
            return;
        }
    }
}

/* N of "int<N>", 64 for anything else. */
static unsigned integer_width(const char *type)
{
    unsigned width = 64;
    if (type != NULL && strncmp(type, "int<", 4) == 0) {
        unsigned long given = strtoul(type + 4, NULL, 10);
        if (given >= 1 && given <= 64) {
            width = (unsigned)given;
        }
    }
    return width;
}

static int64_t signed_value(const muclient_value *value)
{
    unsigned width = integer_width(value->type);
    if (width == 1) {
        return (int64_t)(value->integer & 1);
    }
    return (int64_t)(value->integer << (64 - width)) >> (64 - width);
}

static void clean_print(FILE *out, const char *text)
{
    size_t length = muclient_text_clean(NULL, 0, text);
    char *clean = malloc(length + 1);
    if (clean != NULL) {
        (void)muclient_text_clean(clean, length + 1, text);
        (void)fputs(clean, out);
        free(clean);
    }
}

static const char *type_of(const muclient_value *value)
{
    return value->type == NULL ? "" : value->type;
}

void muctl_value_print(FILE *out, const muclient_value *value)
{
    char text[MUCTL_REAL_BYTES];
    switch (value->kind) {
    case MUCLIENT_INTEGER: (void)fprintf(out, "%" PRId64, signed_value(value)); break;
    case MUCLIENT_FLOAT:
        muctl_float_print(text, value->single);
        (void)fputs(text, out);
        break;
    case MUCLIENT_DOUBLE:
        muctl_double_print(text, value->real);
        (void)fputs(text, out);
        break;
    case MUCLIENT_REFERENCE:
        clean_print(out, value->reference.null ? "null" : type_of(value));
        break;
    case MUCLIENT_TEXT:
    case MUCLIENT_OPAQUE: clean_print(out, value->text); break;
    }
}

/* The word before the "<" of a type, "ref" of "ref<@Node>"; `fallback` when there is none. */
static void type_head(char *out, size_t capacity, const char *type, const char *fallback)
{
    size_t length = strcspn(type, "< ");
    const char *head = length == 0 ? fallback : type;
    size_t most = length == 0 || length >= capacity ? capacity - 1 : length;
    (void)snprintf(out, capacity, "%.*s", (int)most, head);
}

void muctl_value_tag(char *out, size_t capacity, const muclient_value *value)
{
    char text[MUCTL_REAL_BYTES];
    char head[64];
    switch (value->kind) {
    case MUCLIENT_INTEGER:
        type_head(head, sizeof head, type_of(value), "int");
        if (strcmp(head, "int") == 0) {
            (void)snprintf(head, sizeof head, "int%u", integer_width(value->type));
        }
        (void)snprintf(out, capacity, "%s:%" PRId64, head, signed_value(value));
        break;
    case MUCLIENT_FLOAT:
        muctl_float_print(text, value->single);
        (void)snprintf(out, capacity, "float:%s", text);
        break;
    case MUCLIENT_DOUBLE:
        muctl_double_print(text, value->real);
        (void)snprintf(out, capacity, "double:%s", text);
        break;
    case MUCLIENT_REFERENCE:
        type_head(head, sizeof head, type_of(value), "ref");
        (void)snprintf(out, capacity, "%s:%s", head,
                       value->reference.null                                      ? "null"
                       : strcmp(head, "ref") == 0 || strcmp(head, "weakref") == 0 ? "obj"
                                                                                  : "set");
        break;
    case MUCLIENT_TEXT:
    case MUCLIENT_OPAQUE:
        type_head(head, sizeof head, type_of(value), "opaque");
        (void)snprintf(out, capacity, "%s:%s", head, value->text);
        break;
    }
}

void muctl_value_json(muctl_json *json, const char *key, const muclient_value *value)
{
    muctl_json_object_begin(json, key);
    muctl_json_string(json, "type", value->type);
    switch (value->kind) {
    case MUCLIENT_INTEGER: muctl_json_signed(json, "value", signed_value(value)); break;
    case MUCLIENT_FLOAT: muctl_json_float(json, "value", value->single); break;
    case MUCLIENT_DOUBLE: muctl_json_real(json, "value", value->real); break;
    case MUCLIENT_REFERENCE:
        muctl_json_string(json, "value", value->reference.null ? NULL : "set");
        break;
    case MUCLIENT_TEXT:
    case MUCLIENT_OPAQUE: muctl_json_string(json, "value", value->text); break;
    }
    muctl_json_object_end(json);
}
