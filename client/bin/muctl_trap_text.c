#include "muctl_trap_text.h"
#include "muctl.h"
#include "muctl_quantity.h"
#include "muctl_value.h"
#include <string.h>

#define BLANKS " \t\r\n"

enum { TAG_BYTES = 4096 };

static void keepalive_tags(muctl_json *json, const muclient_frame *frame)
{
    muctl_json_array_begin(json, "keepalives");
    for (size_t i = 0; frame != NULL && i < frame->keepalive_count; i++) {
        char tag[TAG_BYTES];
        muctl_value_tag(tag, sizeof tag, &frame->keepalives[i].value);
        muctl_json_string(json, NULL, tag);
    }
    muctl_json_array_end(json);
}

/* The instruction's name; an undefined function has none, then the function's. */
static const char *trap_name(const muclient_trap *trap)
{
    if (trap->frame_count == 0) {
        return "";
    }
    const muclient_frame *frame = &trap->frames[0];
    return frame->instruction[0] == 0 ? frame->function : frame->instruction;
}

void muctl_trap_line(FILE *out, const muclient_trap *trap)
{
    muctl_json json;
    muctl_json_begin(&json, out);
    muctl_json_object_begin(&json, NULL);
    muctl_json_string(&json, "trap", trap_name(trap));
    muctl_json_unsigned(&json, "wp", trap->watchpoint);
    keepalive_tags(&json, trap->frame_count == 0 ? NULL : &trap->frames[0]);
    muctl_json_object_end(&json);
    muctl_json_end(&json);
}

void muctl_trap_print(FILE *out, const muclient_trap *trap)
{
    char name[256];
    (void)muclient_text_clean(name, sizeof name, trap_name(trap));
    (void)fprintf(out, "trap %llu in call %llu: %s%s\n", (unsigned long long)trap->id,
                  (unsigned long long)trap->call,
                  trap->kind == MUCLIENT_UNDEFINED_FUNCTION ? "undefined function " : "", name);
    if (trap->watchpoint != 0) {
        (void)fprintf(out, "  watchpoint %u\n", trap->watchpoint);
    }
    muctl_frames_print(out, trap->frames, trap->frame_count);
    if (trap->more_frames) {
        (void)fputs("  … and more frames\n", out);
    }
    if (trap->result_count > 0) {
        (void)fputs("  results:", out);
        for (size_t i = 0; i < trap->result_count; i++) {
            (void)muclient_text_clean(name, sizeof name, trap->result_types[i]);
            (void)fprintf(out, " %s", name);
        }
        (void)fputc('\n', out);
    }
}

void muctl_trap_json(FILE *out, const muclient_trap *trap)
{
    muctl_json json;
    muctl_json_begin(&json, out);
    muctl_json_object_begin(&json, NULL);
    muctl_json_string(&json, "schema", "muctl.trap/1");
    muctl_json_unsigned(&json, "id", trap->id);
    muctl_json_unsigned(&json, "call", trap->call);
    muctl_json_string(&json, "vm", trap->vm);
    muctl_json_string(&json, "kind",
                      trap->kind == MUCLIENT_UNDEFINED_FUNCTION ? "UNDEFINED_FUNCTION" : "TRAP");
    muctl_json_string(&json, "trap", trap_name(trap));
    muctl_json_unsigned(&json, "wp", trap->watchpoint);
    keepalive_tags(&json, trap->frame_count == 0 ? NULL : &trap->frames[0]);
    muctl_json_array_begin(&json, "result_types");
    for (size_t i = 0; i < trap->result_count; i++) {
        muctl_json_string(&json, NULL, trap->result_types[i]);
    }
    muctl_json_array_end(&json);
    muctl_frames_json(&json, "frames", trap->frames, trap->frame_count);
    muctl_json_bool(&json, "more_frames", trap->more_frames);
    muctl_json_object_end(&json);
    muctl_json_end(&json);
}

bool muctl_exception_find(const char *what, const muclient_trap *trap, muclient_reference *out)
{
    if (strcmp(what, "null") == 0 || strcmp(what, "new") == 0) {
        *out = (muclient_reference){.null = what[1] == 'u', .fresh = what[1] == 'e'};
        return true;
    }
    for (size_t f = 0; f < trap->frame_count; f++) {
        const muclient_frame *frame = &trap->frames[f];
        for (size_t k = 0; k < frame->keepalive_count; k++) {
            if (strcmp(frame->keepalives[k].name, what) == 0) {
                *out = (muclient_reference){.frame = (uint32_t)f, .keepalive = (uint32_t)k};
                return true;
            }
        }
    }
    return false;
}

/* "pop N", "push NAME…" at the line's beginning; `*word` is the first that is neither. */
static bool replacement_read(char **word, char **rest, const char *pushes[MUCTL_ANSWER_PUSHES],
                             muclient_answer *answer)
{
    uint64_t pops = 0;
    *answer = (muclient_answer){.pushes = pushes};
    while (*word != NULL && (strcmp(*word, "pop") == 0 || strcmp(*word, "push") == 0)) {
        const char *what = strtok_r(NULL, BLANKS, rest);
        if (what == NULL) {
            return false;
        }
        if (strcmp(*word, "push") == 0 && answer->push_count < MUCTL_ANSWER_PUSHES) {
            pushes[answer->push_count++] = what;
        } else if (strcmp(*word, "push") == 0 || answer->push_count != 0 ||
                   !muctl_number_parse(what, &pops) || pops > UINT32_MAX) {
            return false;
        }
        *word = strtok_r(NULL, BLANKS, rest);
    }
    answer->pops = (uint32_t)pops;
    return true;
}

/* The next value, up to a blank that is in no braces; NULL: there is none. */
static const char *value_take(char **rest)
{
    char *start = *rest + strspn(*rest, BLANKS);
    char *end = start;
    int depth = 0;
    while (*end != '\0' && (depth > 0 || strchr(BLANKS, *end) == NULL)) {
        depth += *end == '{';
        depth -= *end == '}';
        end++;
    }
    *rest = end;
    if (*end != '\0') {
        *end = '\0';
        *rest = end + 1;
    }
    return end == start ? NULL : start;
}

muctl_reading muctl_answer_read(char *line, const muclient_trap *trap, muctl_answer_words *words,
                                muclient_answer *answer)
{
    char *rest = NULL;
    char *verb = strtok_r(line, BLANKS, &rest);
    if (!replacement_read(&verb, &rest, words->pushes, answer)) {
        return MUCTL_UNREADABLE;
    }
    if (verb == NULL) {
        return answer->pops > 0 || answer->push_count > 0 ? MUCTL_CHANGES : MUCTL_UNREADABLE;
    }
    if (strcmp(verb, "resume") == 0) {
        size_t count = 0;
        const char *word = value_take(&rest);
        for (; word != NULL && count < MUCTL_ANSWER_VALUES; count++) {
            words->values[count] = (muclient_value){.kind = MUCLIENT_TEXT, .text = word};
            word = value_take(&rest);
        }
        answer->action = MUCLIENT_RESUME;
        answer->values = words->values;
        answer->value_count = count;
        return word == NULL ? MUCTL_ANSWERED : MUCTL_UNREADABLE;
    }
    const char *word = strtok_r(NULL, BLANKS, &rest);
    if (strcmp(verb, "throw") == 0) {
        answer->action = MUCLIENT_THROW;
        words->thrown = word;
        if (word == NULL || strtok_r(NULL, BLANKS, &rest) != NULL) {
            return MUCTL_UNREADABLE;
        }
        return muctl_exception_find(word, trap, &answer->exception) ? MUCTL_ANSWERED
                                                                    : MUCTL_THROWS_PLACE;
    }
    if (strcmp(verb, "kill") == 0 || strcmp(verb, "exit") == 0) {
        answer->action = verb[0] == 'k' ? MUCLIENT_KILL : MUCLIENT_EXIT;
        return word == NULL ? MUCTL_ANSWERED : MUCTL_UNREADABLE;
    }
    return strcmp(verb, "detach") == 0 ? MUCTL_DETACH : MUCTL_UNREADABLE;
}
