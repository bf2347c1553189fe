/* Errors, our own and those that mud sends. */
#include "connection.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct muclient_error {
    proto_arena *arena;
    muclient_code code;
    const char *message;
    const char *hint;
    const char *kind;
    const muclient_diagnostic *diagnostics;
    size_t diagnostic_count;
    const muclient_frame *frames;
    size_t frame_count;
};

_Static_assert((int)MUCLIENT_INTERNAL == (int)MUD__CODE__INTERNAL, "codes are those of the schema");

enum { MESSAGE_BYTES = 1024 };

const char *muclient_code_name(muclient_code code)
{
    return code == MUCLIENT_INTERRUPTED ? "INTERRUPTED" : proto_code_name((Mud__Code)code);
}

int muclient_code_exit_status(muclient_code code)
{
    return code == MUCLIENT_INTERRUPTED ? 130 : proto_code_exit_status((Mud__Code)code);
}

size_t muclient_text_clean(char *out, size_t capacity, const char *text)
{
    return proto_text_clean(out, capacity, text);
}

size_t muclient_utf8_length(const char *text)
{
    return proto_utf8_length(text);
}

/* An error that cannot even be described is one of memory. */
static muclient_error *error_new(muclient_error **error, proto_arena *arena)
{
    muclient_error *made = error == NULL ? NULL : calloc(1, sizeof *made);
    if (made == NULL) {
        proto_arena_free(arena);
        return NULL;
    }
    *made = (muclient_error){.arena = arena, .message = "", .hint = "", .kind = ""};
    *error = made;
    return made;
}

muclient_code muclient_fail(muclient_error **error, muclient_code code, const char *hint,
                            const char *format, ...)
{
    muclient_error *made = error_new(error, error == NULL ? NULL : proto_arena_new());
    if (made == NULL) {
        return code;
    }
    made->code = code;
    if (made->arena == NULL) {
        return code;
    }
    char text[MESSAGE_BYTES];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    char *message = proto_arena_copy(made->arena, text);
    char *hint_copy = proto_arena_copy(made->arena, hint);
    made->message = message == NULL ? "" : message;
    made->hint = hint_copy == NULL ? "" : hint_copy;
    return code;
}

muclient_code muclient_fail_memory(muclient_error **error)
{
    return muclient_fail(error, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
}

muclient_code muclient_fail_message(muclient_error **error, proto_arena *arena,
                                    const Mud__Error *message)
{
    /* A code that this version does not know, and an error with the code OK, are still errors. */
    bool is_known = (int)message->code > MUCLIENT_OK && (int)message->code <= MUCLIENT_INTERNAL;
    muclient_code code = is_known ? (muclient_code)message->code : MUCLIENT_UNKNOWN;
    muclient_error *made = error_new(error, arena);
    if (made == NULL) {
        return code;
    }
    made->code = code;
    made->message = message->message;
    made->hint = message->hint;
    made->kind = message->kind;
    if (muclient_diagnostics_view(arena, message->n_diagnostics, message->diagnostics,
                                  &made->diagnostics)) {
        made->diagnostic_count = message->n_diagnostics;
    }
    if (muclient_frames_view(arena, message->n_frames, message->frames, &made->frames)) {
        made->frame_count = message->n_frames;
    }
    return code;
}

muclient_code muclient_error_code(const muclient_error *error)
{
    return error->code;
}

const char *muclient_error_message(const muclient_error *error)
{
    return error->message;
}

const char *muclient_error_hint(const muclient_error *error)
{
    return error->hint;
}

const char *muclient_error_kind(const muclient_error *error)
{
    return error->kind;
}

const muclient_diagnostic *muclient_error_diagnostics(const muclient_error *error, size_t *count)
{
    *count = error->diagnostic_count;
    return error->diagnostics;
}

const muclient_frame *muclient_error_frames(const muclient_error *error, size_t *count)
{
    *count = error->frame_count;
    return error->frames;
}

void muclient_error_free(muclient_error *error)
{
    if (error != NULL) {
        proto_arena_free(error->arena);
        free(error);
    }
}
