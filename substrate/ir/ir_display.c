#include "ir_tables.h"
#include "mu_ir.h"
#include "text_buffer.h"

#include <stdio.h>
#include <string.h>

/* -------------------------------------------------------------------------------------- buffers */

static void add_bytes(mu_ir_buffer *buffer, const char *text, size_t length)
{
    MU_INVARIANT(length < UINT32_MAX / 2 - buffer->count, "text of over 2 GiB");
    MU_ARRAY_RESERVE(buffer, buffer->count + (uint32_t)length + 1);
    memcpy(buffer->items + buffer->count, text, length);
    buffer->count += (uint32_t)length;
}

void mu_ir_buffer_add(mu_ir_buffer *buffer, const char *text)
{
    add_bytes(buffer, text, strlen(text));
}

void mu_ir_buffer_format(mu_ir_buffer *buffer, const char *format, ...)
{
    char piece[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    MU_INVARIANT(length >= 0 && (size_t)length < sizeof piece, "a piece of %d bytes", length);
    add_bytes(buffer, piece, (size_t)length);
}

char *mu_ir_buffer_take(mu_ir_buffer *buffer)
{
    add_bytes(buffer, "", 0);
    buffer->items[buffer->count] = '\0';
    return buffer->items;
}

/* ---------------------------------------------------------------------------------------- types */

/* Nesting and length of what is shown; beyond them stands "…". */
#define SHOWN_LEVELS  6u
#define SHOWN_MEMBERS 32u
#define SHOWN_BYTES   2000u

static void show_type(mu_ir_buffer *buffer, const mu_ir_type *type, uint32_t levels);

static void show_list(mu_ir_buffer *buffer, mu_ir_type *const *types, uint32_t count,
                      uint32_t levels)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i == SHOWN_MEMBERS) {
            mu_ir_buffer_add(buffer, " …");
            return;
        }
        mu_ir_buffer_add(buffer, i ? " " : "");
        show_type(buffer, types[i], levels);
    }
}

static void show_sig(mu_ir_buffer *buffer, const mu_ir_sig *sig, uint32_t levels)
{
    mu_ir_buffer_add(buffer, "(");
    show_list(buffer, sig->params, sig->param_count, levels);
    mu_ir_buffer_add(buffer, ") -> (");
    show_list(buffer, sig->results, sig->result_count, levels);
    mu_ir_buffer_add(buffer, ")");
}

static void show_member_sig(mu_ir_buffer *buffer, const mu_ir_sig *sig, uint32_t levels)
{
    if (sig && sig->entity.label) {
        mu_ir_buffer_add(buffer, sig->entity.label);
    } else if (sig && levels) {
        show_sig(buffer, sig, levels - 1);
    } else {
        mu_ir_buffer_add(buffer, "…");
    }
}

static void show_parameters(mu_ir_buffer *buffer, const mu_ir_type *type, uint32_t levels)
{
    switch (type->kind) {
    case MU_IR_INT: mu_ir_buffer_format(buffer, "<%u>", type->bits); break;
    case MU_IR_STRUCT:
    case MU_IR_HYBRID:
        mu_ir_buffer_add(buffer, "<");
        show_list(buffer, type->fields, type->field_count, levels);
        if (type->kind == MU_IR_HYBRID) {
            mu_ir_buffer_add(buffer, type->field_count ? " " : "");
            show_type(buffer, type->element, levels);
        }
        mu_ir_buffer_add(buffer, ">");
        break;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
        mu_ir_buffer_add(buffer, "<");
        show_type(buffer, type->element, levels);
        mu_ir_buffer_format(buffer, " %llu>", (unsigned long long)type->length);
        break;
    case MU_IR_UPTR:
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
        mu_ir_buffer_add(buffer, "<");
        show_type(buffer, type->element, levels);
        mu_ir_buffer_add(buffer, ">");
        break;
    case MU_IR_FUNCREF:
    case MU_IR_UFUNCPTR:
        mu_ir_buffer_add(buffer, "<");
        show_member_sig(buffer, type->sig, levels);
        mu_ir_buffer_add(buffer, ">");
        break;
    default: break;
    }
}

/* A type inside another: structs and hybrids by name where they have one, since they may lead back
 * to where we came from. The recursion ends with `levels`. */
static void show_type(mu_ir_buffer *buffer, const mu_ir_type *type, uint32_t levels)
{
    if (!type) {
        mu_ir_buffer_add(buffer, "?");
        return;
    }
    bool by_name = type->kind == MU_IR_STRUCT || type->kind == MU_IR_HYBRID || levels == 0 ||
                   buffer->count > SHOWN_BYTES;
    if (by_name && type->entity.label && levels < SHOWN_LEVELS) {
        mu_ir_buffer_add(buffer, type->entity.label);
        return;
    }
    mu_ir_buffer_add(buffer, mu_ir_type_word(type->kind));
    if (levels) {
        show_parameters(buffer, type, levels - 1);
    } else if (type->element || type->sig || type->field_count) {
        mu_ir_buffer_add(buffer, "<…>");
    }
}

char *mu_ir_type_text(const mu_ir_type *type)
{
    mu_ir_buffer buffer = {0};
    show_type(&buffer, type, SHOWN_LEVELS);
    return mu_ir_buffer_take(&buffer);
}

char *mu_ir_sig_text(const mu_ir_sig *sig)
{
    mu_ir_buffer buffer = {0};
    show_sig(&buffer, sig, SHOWN_LEVELS - 1);
    return mu_ir_buffer_take(&buffer);
}

/* --------------------------------------------------------------------------------------- values */

mu_ir_type *mu_ir_value_type(const mu_ir_version *version, mu_ir_value value)
{
    if (!mu_ir_value_is_global(value)) {
        return version->variables[mu_ir_value_index(value)].type;
    }
    const mu_ir_entity *entity = mu_ir_global_of(version, value);
    switch (entity->kind) {
    case MU_IR_CONST: return ((const mu_ir_const *)entity)->type;
    case MU_IR_GLOBAL: return ((const mu_ir_global *)entity)->iref_type;
    case MU_IR_FUNC: return ((const mu_ir_func *)entity)->funcref_type;
    case MU_IR_EXPOSE: return ((const mu_ir_expose *)entity)->pointer_type;
    default: return NULL;
    }
}

const char *mu_ir_value_name(const mu_ir_version *version, mu_ir_value value)
{
    const mu_ir_entity *entity = mu_ir_value_is_global(value)
                                     ? mu_ir_global_of(version, value)
                                     : &version->variables[mu_ir_value_index(value)].entity;
    return entity->label ? entity->label : "a value without a name";
}
