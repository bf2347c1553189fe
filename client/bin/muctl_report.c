/* Errors and frames for people ("muctl: …", "hint: …" on standard error) and as JSON on standard
 * output, {"error":{"code":"NOT_FOUND", …}}. Everything that came from elsewhere is cleaned here.
 */
#include "muctl.h"
#include "muctl_value.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_BYTES = 1024 };

static void clean_write(FILE *out, const char *text)
{
    size_t length = muclient_text_clean(NULL, 0, text);
    char *clean = malloc(length + 1);
    if (clean != NULL) {
        (void)muclient_text_clean(clean, length + 1, text);
        (void)fputs(clean, out);
        free(clean);
    }
}

static void hint_write(FILE *out, const char *hint)
{
    if (hint[0] != 0) {
        (void)fputs("hint: ", out);
        clean_write(out, hint);
        (void)fputc('\n', out);
    }
}

static void place_write(FILE *out, const muclient_location *location)
{
    clean_write(out, location->file[0] == 0 ? "bundle" : location->file);
    if (location->line > 0) {
        (void)fprintf(out, ":%u:%u", location->line, location->column);
    }
}

void muctl_frames_print(FILE *out, const muclient_frame *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const muclient_frame *frame = &frames[i];
        (void)fprintf(out, "  #%zu ", i);
        clean_write(out, frame->version[0] == 0 ? frame->function : frame->version);
        if (frame->instruction[0] != 0) {
            (void)fputs(" at ", out);
            clean_write(out, frame->instruction);
        }
        if (frame->location.line > 0) {
            (void)fputs(" (", out);
            place_write(out, &frame->location);
            (void)fputc(')', out);
        }
        (void)fputc('\n', out);
        for (size_t k = 0; k < frame->keepalive_count; k++) {
            (void)fputs("       ", out);
            clean_write(out, frame->keepalives[k].name);
            (void)fputs(" = ", out);
            muctl_value_print(out, &frame->keepalives[k].value);
            (void)fputc('\n', out);
        }
    }
}

static void location_json(muctl_json *json, const muclient_location *location)
{
    if (location->line > 0) {
        muctl_json_string(json, "file", location->file);
        muctl_json_unsigned(json, "line", location->line);
        muctl_json_unsigned(json, "column", location->column);
    }
}

void muctl_frames_json(muctl_json *json, const char *key, const muclient_frame *frames,
                       size_t count)
{
    muctl_json_array_begin(json, key);
    for (size_t i = 0; i < count; i++) {
        const muclient_frame *frame = &frames[i];
        muctl_json_object_begin(json, NULL);
        muctl_json_string(json, "function", frame->function);
        muctl_json_string(json, "version", frame->version);
        muctl_json_string(json, "instruction", frame->instruction);
        location_json(json, &frame->location);
        muctl_json_array_begin(json, "keepalives");
        for (size_t k = 0; k < frame->keepalive_count; k++) {
            muctl_json_object_begin(json, NULL);
            muctl_json_string(json, "name", frame->keepalives[k].name);
            muctl_value_json(json, "value", &frame->keepalives[k].value);
            muctl_json_object_end(json);
        }
        muctl_json_array_end(json);
        muctl_json_object_end(json);
    }
    muctl_json_array_end(json);
}

static void error_json(FILE *out, const muclient_error *error)
{
    size_t diagnostic_count;
    size_t frame_count;
    const muclient_diagnostic *diagnostics = muclient_error_diagnostics(error, &diagnostic_count);
    const muclient_frame *frames = muclient_error_frames(error, &frame_count);
    muctl_json json;
    muctl_json_begin(&json, out);
    muctl_json_object_begin(&json, NULL);
    muctl_json_object_begin(&json, "error");
    muctl_json_string(&json, "code", muclient_code_name(muclient_error_code(error)));
    muctl_json_string(&json, "message", muclient_error_message(error));
    muctl_json_string(&json, "hint", muclient_error_hint(error));
    if (muclient_error_kind(error)[0] != 0) {
        muctl_json_string(&json, "kind", muclient_error_kind(error));
    }
    if (diagnostic_count > 0) {
        muctl_json_array_begin(&json, "diagnostics");
        for (size_t i = 0; i < diagnostic_count; i++) {
            muctl_json_object_begin(&json, NULL);
            muctl_json_string(&json, "kind", diagnostics[i].kind);
            muctl_json_string(&json, "message", diagnostics[i].message);
            location_json(&json, &diagnostics[i].location);
            muctl_json_object_end(&json);
        }
        muctl_json_array_end(&json);
    }
    if (frame_count > 0) {
        muctl_frames_json(&json, "frames", frames, frame_count);
    }
    muctl_json_object_end(&json);
    muctl_json_object_end(&json);
    muctl_json_end(&json);
}

/* "@f threw: EXCEPTION: message"; without frames just the kind and the message. */
static void message_write(FILE *out, const muclient_error *error)
{
    size_t frame_count;
    const muclient_frame *frames = muclient_error_frames(error, &frame_count);
    const char *kind = muclient_error_kind(error);
    const char *message = muclient_error_message(error);
    if (muclient_error_code(error) == MUCLIENT_GUEST_EXCEPTION && frame_count > 0) {
        clean_write(out, frames[0].function);
        (void)fputs(" threw: ", out);
    }
    if (kind[0] != 0 && strncmp(message, kind, strlen(kind)) != 0) {
        clean_write(out, kind);
        (void)fputs(message[0] == 0 ? "" : ": ", out);
    }
    if (message[0] == 0 && kind[0] == 0) {
        (void)fputs(muclient_code_name(muclient_error_code(error)), out);
    }
    clean_write(out, message);
}

int muctl_error_report(const muctl_program *muctl, const muclient_error *error)
{
    int status = muclient_code_exit_status(muclient_error_code(error));
    if (muctl->is_json) {
        error_json(muctl->out, error);
        return status;
    }
    size_t diagnostic_count;
    size_t frame_count;
    const muclient_diagnostic *diagnostics = muclient_error_diagnostics(error, &diagnostic_count);
    const muclient_frame *frames = muclient_error_frames(error, &frame_count);
    (void)fputs("muctl: ", muctl->err);
    message_write(muctl->err, error);
    (void)fputc('\n', muctl->err);
    for (size_t i = 0; i < diagnostic_count; i++) {
        (void)fputs("  ", muctl->err);
        place_write(muctl->err, &diagnostics[i].location);
        (void)fputs(": ", muctl->err);
        clean_write(muctl->err, diagnostics[i].kind);
        (void)fputs(": ", muctl->err);
        clean_write(muctl->err, diagnostics[i].message);
        (void)fputc('\n', muctl->err);
    }
    muctl_frames_print(muctl->err, frames, frame_count);
    hint_write(muctl->err, muclient_error_hint(error));
    return status;
}

static int trouble(const muctl_program *muctl, muclient_code code, const char *hint,
                   const char *message)
{
    if (muctl->is_json) {
        muctl_json json;
        muctl_json_begin(&json, muctl->out);
        muctl_json_object_begin(&json, NULL);
        muctl_json_object_begin(&json, "error");
        muctl_json_string(&json, "code", muclient_code_name(code));
        muctl_json_string(&json, "message", message);
        muctl_json_string(&json, "hint", hint);
        muctl_json_object_end(&json);
        muctl_json_object_end(&json);
        muctl_json_end(&json);
    } else {
        (void)fputs("muctl: ", muctl->err);
        clean_write(muctl->err, message);
        (void)fputc('\n', muctl->err);
        hint_write(muctl->err, hint);
    }
    return muclient_code_exit_status(code);
}

int muctl_usage(const muctl_program *muctl, const char *hint, const char *format, ...)
{
    char message[REPORT_BYTES];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(message, sizeof message, format, list);
    va_end(list);
    return trouble(muctl, MUCLIENT_INVALID_ARGUMENT, hint, message);
}

int muctl_trouble(const muctl_program *muctl, muclient_code code, const char *hint,
                  const char *format, ...)
{
    char message[REPORT_BYTES];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(message, sizeof message, format, list);
    va_end(list);
    return trouble(muctl, code, hint, message);
}

void muctl_document_begin(const muctl_program *muctl, muctl_json *json, const char *name)
{
    char schema[64];
    (void)snprintf(schema, sizeof schema, "muctl.%s/1", name);
    muctl_json_begin(json, muctl->out);
    muctl_json_object_begin(json, NULL);
    muctl_json_string(json, "schema", schema);
}

void muctl_document_end(muctl_json *json)
{
    muctl_json_object_end(json);
    muctl_json_end(json);
}

int muctl_done(const muctl_program *muctl, const char *name, const char *key, const char *value,
               const char *verb)
{
    if (muctl->is_json) {
        muctl_json json;
        muctl_document_begin(muctl, &json, name);
        muctl_json_string(&json, key, value);
        muctl_document_end(&json);
    } else {
        (void)fprintf(muctl->out, "%s ", verb);
        clean_write(muctl->out, value);
        (void)fputc('\n', muctl->out);
    }
    return muctl_written(muctl);
}
