#include "answer.h"
#include <stdio.h>
#include <string.h>

/* A text that came from outside is repeated up to this length. */
enum { TEXT_BYTES = 4096 };

void *mud_answer_allocate(proto_arena *arena, size_t size_bytes)
{
    void *memory = proto_arena_allocate(arena, size_bytes);
    MU_INVARIANT(memory != NULL, "no %zu bytes for an answer", size_bytes);
    return memory;
}

MU_PRINTF(2, 0)
static char *format_text(proto_arena *arena, const char *format, va_list arguments)
{
    char text[TEXT_BYTES];
    vsnprintf(text, sizeof text, format, arguments);
    return mud_answer_copy(arena, text);
}

char *mud_answer_text(proto_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = format_text(arena, format, arguments);
    va_end(arguments);
    return text;
}

char *mud_answer_copy(proto_arena *arena, const char *text)
{
    const char *source = text == NULL ? "" : text;
    size_t length = strnlen(source, TEXT_BYTES);
    if (length == TEXT_BYTES) {
        /* Not in the middle of a UTF-8 character. */
        while (length > 0 && ((unsigned char)source[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    char *copy = mud_answer_allocate(arena, length + 1);
    memcpy(copy, source, length);
    return copy;
}

char *mud_answer_copy_whole(proto_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(mud_answer_allocate(arena, size), text, size);
}

void mud_answer_send(mud_daemon *daemon, mud_ticket ticket, Mud__ServerFrame *frame)
{
    mud_session *session = mud_session_find(daemon, ticket.session);
    frame->id = ticket.request;
    if (session != NULL) {
        mud_session_send(session, frame);
    }
    proto_arena_reset(daemon->answer_arena);
}

void mud_answer_done(mud_daemon *daemon, mud_ticket ticket)
{
    Mud__ServerFrame frame;
    Mud__Done done;
    mud__server_frame__init(&frame);
    mud__done__init(&done);
    frame.reply_case = MUD__SERVER_FRAME__REPLY_DONE;
    frame.done = &done;
    mud_answer_send(daemon, ticket, &frame);
}

static void send_error(mud_daemon *daemon, mud_ticket ticket, Mud__Error *error)
{
    Mud__ServerFrame frame;
    mud__server_frame__init(&frame);
    frame.reply_case = MUD__SERVER_FRAME__REPLY_ERROR;
    frame.error = error;
    mud_answer_send(daemon, ticket, &frame);
}

void mud_answer_error(mud_daemon *daemon, mud_ticket ticket, Mud__Code code, const char *hint,
                      const char *format, ...)
{
    Mud__Error error;
    mud__error__init(&error);
    error.code = code;
    error.hint = mud_answer_copy(daemon->answer_arena, hint);
    va_list arguments;
    va_start(arguments, format);
    error.message = format_text(daemon->answer_arena, format, arguments);
    va_end(arguments);
    send_error(daemon, ticket, &error);
}

static Mud__Diagnostic *diagnostic_of(proto_arena *arena, const mu_report_entry *entry)
{
    Mud__Diagnostic *diagnostic = mud_answer_allocate(arena, sizeof *diagnostic);
    Mud__Location *location = mud_answer_allocate(arena, sizeof *location);
    mud__diagnostic__init(diagnostic);
    mud__location__init(location);
    location->file = mud_answer_copy(arena, entry->file);
    location->line = entry->where.line;
    location->column = entry->where.column;
    diagnostic->kind = mud_answer_copy(arena, mu_status_name(entry->status));
    diagnostic->location = location;
    diagnostic->message = mud_answer_copy(arena, entry->message);
    return diagnostic;
}

Mud__Error *mud_error_of_report(proto_arena *arena, Mud__Code code, const char *hint,
                                const char *message, const mu_report *report)
{
    Mud__Error *error = mud_answer_allocate(arena, sizeof *error);
    mud__error__init(error);
    error->code = code;
    error->hint = mud_answer_copy(arena, hint);
    error->message = mud_answer_copy(arena, message);
    uint32_t count = report == NULL ? 0 : mu_report_count(report);
    error->diagnostics = mud_answer_allocate(arena, count * sizeof(Mud__Diagnostic *) + 1);
    for (uint32_t i = 0; i < count; i++) {
        error->diagnostics[i] = diagnostic_of(arena, mu_report_at(report, i));
    }
    error->n_diagnostics = count;
    return error;
}

void mud_answer_report(mud_daemon *daemon, mud_ticket ticket, Mud__Code code, const char *hint,
                       const char *message, const mu_report *report)
{
    send_error(daemon, ticket,
               mud_error_of_report(daemon->answer_arena, code, hint, message, report));
}

Mud__Code mud_code_of_status(mu_status status, Mud__Code refused_input)
{
    switch (status) {
    case MU_OK: return MUD__CODE__OK;
    case MU_NO_MEMORY:
    case MU_LIMIT: return MUD__CODE__RESOURCE_EXHAUSTED;
    case MU_NOT_ALLOWED: return MUD__CODE__PERMISSION_DENIED;
    case MU_STATE: return MUD__CODE__FAILED_PRECONDITION;
    case MU_SYSTEM: return MUD__CODE__INTERNAL;
    case MU_INVALID:
    case MU_NOT_FOUND:
    case MU_EXISTS:
    case MU_UNSUPPORTED: return refused_input;
    }
    return MUD__CODE__INTERNAL;
}

const char *mud_report_message(const mu_report *report, mu_status status)
{
    return mu_report_count(report) > 0 ? mu_report_at(report, 0)->message : mu_status_text(status);
}
