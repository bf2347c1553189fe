/* Paths, as people write them: `.1[3].0` from a value of the context or a global cell on. A step
 * from a reference goes into what that refers to; so a place is a location, or a part of a value
 * that the context holds, which nothing can be stored into. No step allocates, so places are raw.
 */
#include "context_internal.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_BYTES = 80 };

/* ---- parts of a composite */

context_parts context_parts_of(const context_place *place)
{
    const mu_ir_type *type = place->type;
    switch ((int)type->kind) {
    case MU_IR_STRUCT: return (context_parts){.fields = type->field_count};
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return (context_parts){.elements = type->length};
    case MU_IR_HYBRID: break;
    default: return (context_parts){0};
    }
    context_parts parts = {.fields = type->field_count};
    /* How long one on a stack is, nobody has written down. */
    if (place->base.address && !place->offset && mu_gc_type_of(place->base)->is_hybrid) {
        parts.elements = *mu_abi_length(place->base) - 1;
    }
    return parts;
}

static context_place part_of(const context_place *place, mu_ir_type *type, uint64_t bytes)
{
    context_place part = *place;
    part.type = type;
    part.memory = (const unsigned char *)place->memory + bytes;
    part.offset += bytes;
    return part;
}

context_place context_field_of(const context_place *place, uint64_t index)
{
    return part_of(place, place->type->fields[index], place->type->offsets[index]);
}

context_place context_element_of(const context_place *place, uint64_t index)
{
    const mu_ir_type *type = place->type;
    uint64_t first = type->kind == MU_IR_HYBRID ? type->size_bytes : 0;
    return part_of(place, type->element, first + index * type->stride_bytes);
}

/* A location is as aligned as its type wants; a value of the context need not be. */
void context_read_place(const context_place *place, void *bytes)
{
    if (place->is_location) {
        context_read_memory(place->type, place->memory, false, bytes);
    } else {
        memcpy(bytes, place->memory, place->type->size_bytes);
    }
}

/* ---- references */

bool context_is_reference(const mu_ir_type *type)
{
    return type->kind == MU_IR_REF || type->kind == MU_IR_IREF || type->kind == MU_IR_WEAKREF;
}

mu_status context_enter(context_call *call, context_place *place)
{
    _Alignas(16) uint64_t words[2] = {0, 0};
    context_read_place(place, words);
    mu_ref base = {words[0]};
    uint64_t offset = place->type->kind == MU_IR_IREF ? words[1] : 0;
    mu_ir_type *type = place->type->element;
    if (!base.address && !offset) {
        return context_refuse(call, MU_INVALID, 1,
                              "the path goes through a reference that is NULL");
    }
    if (!context_is_location(call, base, offset, type)) {
        return context_refuse(
            call, MU_INVALID, 1,
            "the path goes through an iref that refers to no location of its type");
    }
    *place = (context_place){.type = type,
                             .memory = (const void *)(base.address + offset),
                             .is_location = true,
                             .base = base,
                             .offset = offset};
    return MU_OK;
}

/* ---- steps */

/* The rest of a path, which is not terminated. */
typedef struct path {
    const char *at;
    const char *end;
} path;

static mu_status refuse_path(context_call *call, const path *rest, const char *why)
{
    size_t left = (size_t)(rest->end - rest->at);
    return context_refuse(call, MU_INVALID, 0, "the path at \"%.*s\": %s",
                          left < SHOWN_BYTES ? (int)left : SHOWN_BYTES, rest->at, why);
}

/* Reads "[N]" or ".N". */
static mu_status read_step(context_call *call, path *rest, bool *is_index, uint64_t *number)
{
    path at = *rest;
    uint64_t sum = 0;
    bool is_right = *at.at == '[' || *at.at == '.';
    *is_index = *at.at++ == '[';
    const char *digits = at.at;
    while (at.at < at.end && *at.at >= '0' && *at.at <= '9') {
        is_right = is_right && !__builtin_mul_overflow(sum, 10u, &sum) &&
                   !__builtin_add_overflow(sum, (uint64_t)(*at.at - '0'), &sum);
        at.at++;
    }
    is_right = is_right && at.at > digits;
    if (*is_index) {
        is_right = is_right && at.at < at.end && *at.at == ']';
        at.at++;
    }
    if (!is_right) {
        return refuse_path(call, rest, "a step is .N, a field, or [N], an element");
    }
    *number = sum;
    *rest = at;
    return MU_OK;
}

static mu_status refuse_part(context_call *call, const path *rest, const context_place *place)
{
    context_parts parts = context_parts_of(place);
    char *text = mu_ir_type_text(place->type);
    char why[240];
    if (parts.fields || parts.elements) {
        snprintf(why, sizeof why, "%.120s has %llu fields and %llu elements", text,
                 (unsigned long long)parts.fields, (unsigned long long)parts.elements);
    } else {
        snprintf(why, sizeof why, "%.120s has no parts", text);
    }
    mu_free(text);
    return refuse_path(call, rest, why);
}

static mu_status take_step(context_call *call, path *rest, context_place *place)
{
    path before = *rest;
    bool is_index = false;
    uint64_t number = 0;
    mu_status status = MU_OK;
    MU_TRY(read_step(call, rest, &is_index, &number));
    while (context_is_reference(place->type)) {
        MU_TRY(context_enter(call, place));
    }
    context_parts parts = context_parts_of(place);
    bool is_element = is_index || !parts.fields;
    if (number >= (is_element ? parts.elements : parts.fields)) {
        return refuse_part(call, &before, place);
    }
    *place = is_element ? context_element_of(place, number) : context_field_of(place, number);
done:
    return status;
}

/* ---- where it begins */

/* Names have points in them: the longest that is a global's. */
static mu_status begin_at_global(context_call *call, path *rest, context_place *place)
{
    size_t length = (size_t)(rest->end - rest->at);
    for (; length; length--) {
        if (rest->at + length < rest->end && rest->at[length] != '.' && rest->at[length] != '[') {
            continue;
        }
        const mu_ir_entity *found = mu_ir_env_find(call->vm->env, rest->at, length);
        if (found && found->kind == MU_IR_GLOBAL) {
            const mu_ir_global *global = (const mu_ir_global *)found;
            uintptr_t address = (uintptr_t)call->vm->globals + global->offset_bytes;
            *place = (context_place){.type = global->iref_type->element,
                                     .memory = (const void *)address,
                                     .is_location = true,
                                     .base = {address}};
            rest->at += length;
            return MU_OK;
        }
    }
    length = (size_t)(rest->end - rest->at);
    return context_refuse(call, MU_NOT_FOUND, 0, "no global cell is named %.*s",
                          length < SHOWN_BYTES ? (int)length : SHOWN_BYTES, rest->at);
}

mu_status context_follow(context_call *call, context_place *place)
{
    const mu_context_operation *operation = call->operation;
    const char *text = operation->bytes ? operation->bytes : "";
    path rest = {text, text + operation->byte_count};
    context_value *value = context_value_at(call, 1);
    mu_status status = MU_OK;
    if (value) {
        *place = (context_place){.type = value->type, .memory = context_bytes(value)};
    } else {
        MU_TRY(begin_at_global(call, &rest, place));
    }
    while (rest.at < rest.end) {
        MU_TRY(take_step(call, &rest, place));
    }
done:
    return status;
}

/* ---- operations */

mu_status context_locate(context_call *call)
{
    mu_status status = MU_OK;
    context_place place;
    MU_TRY(context_follow(call, &place));
    if (!place.is_location && !call->operation->byte_count && context_is_reference(place.type)) {
        MU_TRY(context_enter(call, &place));
    }
    if (!place.is_location) {
        return context_refuse(call, MU_INVALID, 0,
                              "it is a variable's value or in one, which cannot be changed; what "
                              "references refer to can");
    }
    status = context_give_pair(call, context_type_of(call->context, MU_IR_IREF, place.type),
                               place.base.address, place.offset);
done:
    return status;
}

mu_status context_fetch(context_call *call)
{
    mu_status status = MU_OK;
    context_place place;
    _Alignas(16) uint64_t bytes[MU_CONTEXT_MAX_VALUE_BYTES / sizeof(uint64_t)];
    bytes[0] = bytes[1] = 0;
    MU_TRY(context_follow(call, &place));
    if (place.type->kind != MU_IR_WEAKREF) {
        MU_TRY(context_check_value_type(call, 0, place.type));
    }
    context_read_place(&place, bytes);
    status = context_give_read(call, place.type, bytes);
done:
    return status;
}
