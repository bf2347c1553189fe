#include "value_message.h"
#include "answer.h"

static Mud__Reference *reference_of(const mu_value *value, proto_arena *arena)
{
    Mud__Reference *reference = mud_answer_allocate(arena, sizeof *reference);
    mud__reference__init(reference);
    reference->null = value->is_null;
    reference->frame = value->handle.frame;
    reference->keepalive = value->handle.keepalive;
    return reference;
}

Mud__Value *mud_message_of_value(const mu_value *value, const char *type_text, proto_arena *arena)
{
    Mud__Value *message = mud_answer_allocate(arena, sizeof *message);
    mud__value__init(message);
    message->type = mud_answer_copy(arena, type_text);
    switch (value->kind) {
    case MU_VALUE_INT:
    case MU_VALUE_POINTER:
        message->value_case = MUD__VALUE__VALUE_INTEGER;
        message->integer = value->integer;
        break;
    case MU_VALUE_FLOAT:
        message->value_case = MUD__VALUE__VALUE_SINGLE;
        message->single = value->single_value;
        break;
    case MU_VALUE_DOUBLE:
        message->value_case = MUD__VALUE__VALUE_REAL;
        message->real = value->double_value;
        break;
    case MU_VALUE_FUNCREF:
        if (!value->is_null) {
            message->value_case = MUD__VALUE__VALUE_OPAQUE;
            message->opaque = mud_answer_copy(arena, value->text);
            break;
        }
        message->value_case = MUD__VALUE__VALUE_REFERENCE;
        message->reference = reference_of(value, arena);
        break;
    case MU_VALUE_REF:
    case MU_VALUE_IREF:
        message->value_case = MUD__VALUE__VALUE_REFERENCE;
        message->reference = reference_of(value, arena);
        break;
    case MU_VALUE_TAGREF64:
    case MU_VALUE_OTHER:
        message->value_case = MUD__VALUE__VALUE_OPAQUE;
        message->opaque = mud_answer_copy(arena, value->text);
        break;
    }
    return message;
}

Mud__Value *mud_value_copy(const Mud__Value *from, proto_arena *arena)
{
    Mud__Value *copy = mud_answer_allocate(arena, sizeof *copy);
    *copy = *from;
    copy->type = mud_answer_copy_whole(arena, from->type);
    if (from->value_case == MUD__VALUE__VALUE_TEXT) {
        copy->text = mud_answer_copy_whole(arena, from->text);
    } else if (from->value_case == MUD__VALUE__VALUE_OPAQUE) {
        copy->opaque = mud_answer_copy_whole(arena, from->opaque);
    } else if (from->value_case == MUD__VALUE__VALUE_REFERENCE && from->reference != NULL) {
        copy->reference = mud_answer_allocate(arena, sizeof *copy->reference);
        *copy->reference = *from->reference;
    }
    return copy;
}

mu_value mud_value_of_reference(const Mud__Reference *reference)
{
    if (reference == NULL) {
        return (mu_value){.kind = MU_VALUE_REF, .is_null = true};
    }
    return (mu_value){.kind = MU_VALUE_REF,
                      .is_null = reference->null,
                      .is_fresh = reference->fresh && !reference->null,
                      .handle = {.frame = reference->frame, .keepalive = reference->keepalive}};
}

guest_argument mud_argument_of_message(const Mud__Value *message)
{
    switch (message->value_case) {
    case MUD__VALUE__VALUE_TEXT: return (guest_argument){.text = message->text};
    case MUD__VALUE__VALUE_INTEGER:
        return (guest_argument){
            .value = {.kind = MU_VALUE_INT, .bits = 64, .integer = message->integer}};
    case MUD__VALUE__VALUE_SINGLE:
        return (guest_argument){.value = {.kind = MU_VALUE_FLOAT, .single_value = message->single}};
    case MUD__VALUE__VALUE_REAL:
        return (guest_argument){.value = {.kind = MU_VALUE_DOUBLE, .double_value = message->real}};
    case MUD__VALUE__VALUE_REFERENCE:
        return (guest_argument){.value = mud_value_of_reference(message->reference)};
    case MUD__VALUE__VALUE_OPAQUE: return (guest_argument){.text = message->opaque};
    default: return (guest_argument){.text = ""};
    }
}
