#include "conformance_bundle.h"

#include <stdio.h>
#include <string.h>

#define MAX_ROUNDS                                                                                 \
    50 /* a report keeps its first errors only, so that refusals come in portions                  \
        */

static char *line_start(char *text, uint32_t line)
{
    char *at = text;
    for (uint32_t i = 1; at && i < line; i++) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return at;
}

/* The corrected text, in the arena; NULL when a correction does not fit the file any more. */
static char *corrected(mu_arena *arena, char *text, const char *name,
                       const conformance_correction *corrections, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const conformance_correction *fix = &corrections[i];
        if (strcmp(fix->file, name) != 0) {
            continue;
        }
        char *line = line_start(text, fix->line);
        char *place = line ? strstr(line, fix->old) : NULL;
        const char *end = line ? strchr(line, '\n') : NULL;
        if (!place || (end && place > end)) {
            return NULL;
        }
        text = mu_arena_format(arena, "%.*s%s%s", (int)(place - text), text, fix->new_text,
                               place + strlen(fix->old));
    }
    return text;
}

static void blank(char *from, const char *to)
{
    for (; from < to && *from; from++) {
        if (*from != '\n') {
            *from = ' ';
        }
    }
}

static char *previous_line(const char *text, char *at)
{
    if (at == text) {
        return NULL;
    }
    at--;
    while (at > text && at[-1] != '\n') {
        at--;
    }
    return at;
}

static const char *word_after(mu_arena *arena, const char *at, const char *first)
{
    at += strspn(at, " ");
    if (strncmp(at, first, strlen(first)) == 0) {
        at += strlen(first);
    }
    at += strspn(at, " ");
    return mu_arena_string(arena, at, strcspn(at, " \t\n({"));
}

/* Takes out the definition that holds the line; returns its name, or NULL when there is none. It is
 * looked for in `original`, which has the same length throughout: `text` may have lost it already.
 */
static const char *drop_definition(mu_arena *arena, char *original, char *text, uint32_t line)
{
    char *start = line_start(original, line);
    if (start && strncmp(start, ".expose", 7) == 0) {
        const char *end = strchr(start, '\n');
        size_t length = end ? (size_t)(end - start) : strlen(start);
        blank(text + (start - original), text + (start - original) + length);
        return word_after(arena, start, ".expose");
    }
    while (start && strncmp(start, ".funcdef", 8) != 0) {
        start = previous_line(original, start);
    }
    const char *brace = start ? strchr(start, '{') : NULL;
    const char *end = brace ? strstr(brace, "\n}") : NULL;
    if (!end) {
        return NULL;
    }
    const char *name = word_after(arena, start, ".funcdef");
    const char *sig = mu_arena_string(arena, strchr(start, '<'), strcspn(strchr(start, '<'), "{"));
    const char *declaration = mu_arena_format(arena, ".funcdecl %s %s", name, sig);
    MU_INVARIANT(strlen(declaration) <= (size_t)(end - start), "a body shorter than its name");
    blank(text + (start - original), text + (end - original) + 2);
    memcpy(text + (start - original), declaration, strlen(declaration));
    return name;
}

/* "…: ADD: values of @4xi32 are not compiled by this version" gives "values of @4xi32". */
static const char *reason_of(mu_arena *arena, const char *message)
{
    const char *end = strstr(message, " is not compiled");
    end = end ? end : strstr(message, " are not compiled");
    end = end ? end : message + strlen(message);
    const char *start = message;
    for (const char *at = message; at < end; at++) {
        if (at[0] == ':' && at[1] == ' ') {
            start = at + 2;
        }
    }
    return mu_arena_string(arena, start, (size_t)(end - start));
}

static void note(mu_arena *arena, conformance_refusals *refusals, const char *name,
                 const char *reason)
{
    if (refusals->count == refusals->capacity) {
        uint32_t capacity = refusals->capacity ? 2 * refusals->capacity : 16;
        conformance_refusal *items = MU_ARENA_ARRAY(arena, conformance_refusal, capacity);
        if (refusals->count > 0) {
            memcpy(items, refusals->items, sizeof *items * refusals->count);
        }
        refusals->items = items;
        refusals->capacity = capacity;
    }
    refusals->items[refusals->count++] = (conformance_refusal){name, reason};
}

/* Takes out everything that the report refuses; false when it refuses nothing that could go. */
static bool drop_refused(mu_arena *arena, char *text, const mu_report *report,
                         conformance_refusals *refusals)
{
    char *original = mu_arena_string(arena, text, strlen(text));
    bool dropped = false;
    for (uint32_t i = 0; i < mu_report_count(report); i++) {
        const mu_report_entry *entry = mu_report_at(report, i);
        if (entry->status != MU_UNSUPPORTED && entry->status != MU_NOT_ALLOWED) {
            continue;
        }
        const char *name = drop_definition(arena, original, text, entry->where.line);
        if (name) {
            note(arena, refusals, name, reason_of(arena, entry->message));
            dropped = true;
        }
    }
    return dropped;
}

bool conformance_load(const text_engine *engine, void *state, mu_arena *arena, const char *path,
                      const char *name, const conformance_correction *corrections,
                      uint32_t correction_count, conformance_refusals *refusals, char *fault,
                      size_t fault_bytes)
{
    size_t length;
    char *file = text_read_all(path, &length);
    if (!file) {
        snprintf(fault, fault_bytes, "cannot read %s", path);
        return false;
    }
    char *text =
        corrected(arena, mu_arena_string(arena, file, length), name, corrections, correction_count);
    mu_free(file);
    if (!text) {
        snprintf(fault, fault_bytes, "a correction does not fit %s: is this another version?",
                 name);
        return false;
    }
    for (uint32_t round = 0; round < MAX_ROUNDS; round++) {
        mu_report *report = mu_report_new();
        mu_status status = engine->load(state, name, text, report);
        bool goes_on = status != MU_OK && drop_refused(arena, text, report, refusals);
        char *complaint = mu_report_text(report);
        snprintf(fault, fault_bytes, "%s", complaint);
        mu_free(complaint);
        mu_report_free(report);
        if (!goes_on) {
            return status == MU_OK;
        }
    }
    return false;
}

bool conformance_is_refused(const conformance_refusals *refusals, const char *function)
{
    for (uint32_t i = 0; i < refusals->count; i++) {
        if (strcmp(refusals->items[i].name, function) == 0) {
            return true;
        }
    }
    return false;
}
