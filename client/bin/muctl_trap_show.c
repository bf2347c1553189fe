#include "muctl_trap_show.h"
#include <stdlib.h>
#include <string.h>

int muctl_show_frames(const muctl_trap_state *state, size_t count)
{
    const muctl_program *muctl = state->muctl;
    bool has_more = count < state->frame_count || state->trap->more_frames;
    if (muctl->is_json) {
        muctl_json json;
        muctl_document_begin(muctl, &json, "frames");
        muctl_frames_json(&json, "frames", state->frames, count);
        muctl_json_bool(&json, "more_frames", has_more);
        muctl_document_end(&json);
    } else {
        muctl_frames_print(muctl->out, state->frames, count);
        (void)fputs(has_more ? "  … and more frames\n" : "", muctl->out);
    }
    return muctl_written(muctl);
}

/* A line of a description, taken apart. */
typedef struct described_line {
    char *step; /* NULL: of the thing itself */
    char *type;
    char *value;
} described_line;

/* False for a line of another form, as the last one that says that there is more. */
static bool line_take(char *text, bool is_first, described_line *line)
{
    char *rest = text;
    line->step = is_first ? NULL : strsep(&rest, "\t");
    line->type = strsep(&rest, "\t");
    line->value = strsep(&rest, "\t");
    return line->value != NULL;
}

static void clean_print(FILE *out, const char *text)
{
    char clean[1024];
    (void)muclient_text_clean(clean, sizeof clean, text);
    (void)fputs(clean, out);
}

/* A reference's value is its type, which is enough once. */
static void line_print(FILE *out, const char *name, const described_line *line)
{
    clean_print(out, name);
    (void)fputs(": ", out);
    clean_print(out, line->type);
    if (strcmp(line->type, line->value) != 0) {
        (void)fputc(' ', out);
        clean_print(out, line->value);
    }
    (void)fputc('\n', out);
}

static void text_print(FILE *out, const char *what, char *text)
{
    described_line line;
    char *rest = text;
    bool is_first = true;
    for (char *part = strsep(&rest, "\n"); part != NULL; part = strsep(&rest, "\n")) {
        if (!line_take(part, is_first, &line)) {
            (void)fputs("  ...\n", out);
        } else if (is_first) {
            line_print(out, what, &line);
        } else {
            (void)fputs("  ", out);
            line_print(out, line.step[0] == 0 ? "it" : line.step, &line);
        }
        is_first = false;
    }
}

static void line_json(muctl_json *json, const described_line *line)
{
    muctl_json_string(json, "type", line->type);
    muctl_json_string(json, "value", strcmp(line->value, "null") == 0 ? NULL : line->value);
}

static void text_json(const muctl_program *muctl, const char *what, char *text)
{
    muctl_json json;
    described_line line;
    char *rest = text;
    bool has_more = false;
    muctl_document_begin(muctl, &json, "value");
    muctl_json_string(&json, "place", what);
    if (line_take(strsep(&rest, "\n"), true, &line)) {
        line_json(&json, &line);
    }
    muctl_json_array_begin(&json, "parts");
    for (char *part = strsep(&rest, "\n"); part != NULL; part = strsep(&rest, "\n")) {
        if (!line_take(part, false, &line)) {
            has_more = true;
            continue;
        }
        muctl_json_object_begin(&json, NULL);
        muctl_json_string(&json, "at", line.step);
        line_json(&json, &line);
        muctl_json_object_end(&json);
    }
    muctl_json_array_end(&json);
    muctl_json_bool(&json, "more", has_more);
    muctl_document_end(&json);
}

int muctl_show_described(muctl_batch *batch, const char *what)
{
    muctl_program *muctl = batch->state->muctl;
    muclient_reply *reply = NULL;
    int status = muctl_batch_perform(batch, &reply);
    if (status != 0) {
        return status;
    }
    const muclient_performed *performed = muclient_reply_performed(reply);
    size_t count = performed == NULL ? 0 : performed->answer_count;
    const char *text = count == 0 ? NULL : performed->answers[count - 1].text;
    char *copy = strdup(text == NULL ? "" : text);
    if (copy == NULL) {
        status = muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    } else if (muctl->is_json) {
        text_json(muctl, what, copy);
    } else {
        text_print(muctl->out, what, copy);
    }
    free(copy);
    muclient_reply_free(reply);
    return status == 0 ? muctl_written(muctl) : status;
}
