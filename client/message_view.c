/* The messages of the schema in the terms of muclient.h, and back. */
#include "connection.h"

static muclient_reference reference_view(const Mud__Reference *reference)
{
    return reference == NULL ? (muclient_reference){.null = true}
                             : (muclient_reference){.null = reference->null != 0,
                                                    .frame = reference->frame,
                                                    .keepalive = reference->keepalive};
}

static muclient_value value_view(const Mud__Value *value)
{
    if (value == NULL) {
        return (muclient_value){.kind = MUCLIENT_OPAQUE, .type = "", .text = ""};
    }
    muclient_value view = {.type = value->type};
    switch (value->value_case) {
    case MUD__VALUE__VALUE_INTEGER:
        view.kind = MUCLIENT_INTEGER;
        view.integer = value->integer;
        return view;
    case MUD__VALUE__VALUE_SINGLE:
        view.kind = MUCLIENT_FLOAT;
        view.single = value->single;
        return view;
    case MUD__VALUE__VALUE_REAL:
        view.kind = MUCLIENT_DOUBLE;
        view.real = value->real;
        return view;
    case MUD__VALUE__VALUE_REFERENCE:
        view.kind = MUCLIENT_REFERENCE;
        view.reference = reference_view(value->reference);
        return view;
    case MUD__VALUE__VALUE_TEXT:
        view.kind = MUCLIENT_OPAQUE;
        view.text = value->text;
        return view;
    case MUD__VALUE__VALUE_OPAQUE:
        view.kind = MUCLIENT_OPAQUE;
        view.text = value->opaque;
        return view;
    default:
        view.kind = MUCLIENT_OPAQUE;
        view.text = "";
        return view;
    }
}

static muclient_location location_view(const Mud__Location *location)
{
    return location == NULL ? (muclient_location){.file = ""}
                            : (muclient_location){.file = location->file,
                                                  .line = location->line,
                                                  .column = location->column};
}

bool muclient_values_view(proto_arena *arena, size_t count, Mud__Value **values,
                          const muclient_value **out)
{
    muclient_value *views = proto_arena_allocate(arena, count * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        views[i] = value_view(values[i]);
    }
    *out = views;
    return true;
}

bool muclient_diagnostics_view(proto_arena *arena, size_t count, Mud__Diagnostic **diagnostics,
                               const muclient_diagnostic **out)
{
    muclient_diagnostic *views = proto_arena_allocate(arena, count * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        views[i] = (muclient_diagnostic){.kind = diagnostics[i]->kind,
                                         .message = diagnostics[i]->message,
                                         .location = location_view(diagnostics[i]->location)};
    }
    *out = views;
    return true;
}

bool muclient_frames_view(proto_arena *arena, size_t count, Mud__Frame **frames,
                          const muclient_frame **out)
{
    muclient_frame *views = proto_arena_allocate(arena, count * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const Mud__Frame *frame = frames[i];
        muclient_keepalive *keepalives =
            proto_arena_allocate(arena, frame->n_keepalives * sizeof *keepalives);
        if (keepalives == NULL) {
            return false;
        }
        for (size_t k = 0; k < frame->n_keepalives; k++) {
            keepalives[k] = (muclient_keepalive){.name = frame->keepalives[k]->name,
                                                 .value = value_view(frame->keepalives[k]->value)};
        }
        views[i] = (muclient_frame){.function = frame->function,
                                    .version = frame->version,
                                    .instruction = frame->instruction,
                                    .location = location_view(frame->location),
                                    .keepalives = keepalives,
                                    .keepalive_count = frame->n_keepalives};
    }
    *out = views;
    return true;
}

bool muclient_trap_view(proto_arena *arena, const Mud__TrapEvent *event, muclient_trap *out)
{
    muclient_trap view = {
        .id = event->trap,
        .call = event->call,
        .vm = event->vm,
        .kind = event->kind == MUD__TRAP_KIND__UNDEFINED_FUNCTION ? MUCLIENT_UNDEFINED_FUNCTION
                                                                  : MUCLIENT_TRAP,
        .result_types = (const char *const *)event->result_types,
        .result_count = event->n_result_types,
        .frame_count = event->n_frames,
        .more_frames = event->more_frames != 0,
        .resumed = event->resumed != 0,
        .watchpoint = event->watchpoint,
        .context = event->context,
        .refusal = "",
    };
    if (!muclient_frames_view(arena, event->n_frames, event->frames, &view.frames)) {
        return false;
    }
    *out = view;
    return true;
}

Mud__Reference *muclient_reference_message(proto_arena *arena, const muclient_reference *reference)
{
    Mud__Reference *message = proto_arena_allocate(arena, sizeof *message);
    if (message != NULL) {
        mud__reference__init(message);
        message->null = reference->null;
        message->fresh = reference->fresh;
        message->frame = reference->frame;
        message->keepalive = reference->keepalive;
    }
    return message;
}

static bool value_fill(proto_arena *arena, const muclient_value *value, Mud__Value *message)
{
    switch (value->kind) {
    case MUCLIENT_TEXT:
    case MUCLIENT_OPAQUE:
        message->value_case = MUD__VALUE__VALUE_TEXT;
        message->text = proto_arena_copy(arena, value->text);
        return message->text != NULL;
    case MUCLIENT_INTEGER:
        message->value_case = MUD__VALUE__VALUE_INTEGER;
        message->integer = value->integer;
        return true;
    case MUCLIENT_FLOAT:
        message->value_case = MUD__VALUE__VALUE_SINGLE;
        message->single = value->single;
        return true;
    case MUCLIENT_DOUBLE:
        message->value_case = MUD__VALUE__VALUE_REAL;
        message->real = value->real;
        return true;
    case MUCLIENT_REFERENCE:
        message->value_case = MUD__VALUE__VALUE_REFERENCE;
        message->reference = muclient_reference_message(arena, &value->reference);
        return message->reference != NULL;
    }
    return true;
}

Mud__Value **muclient_values_message(proto_arena *arena, const muclient_value *values, size_t count)
{
    Mud__Value **messages = proto_arena_allocate(arena, count * sizeof(void *));
    for (size_t i = 0; messages != NULL && i < count; i++) {
        messages[i] = proto_arena_allocate(arena, sizeof **messages);
        if (messages[i] == NULL) {
            return NULL;
        }
        mud__value__init(messages[i]);
        if (!value_fill(arena, &values[i], messages[i])) {
            return NULL;
        }
    }
    return messages;
}
