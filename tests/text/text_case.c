/* Reads a test file: its directives, its cases and their bundles. */
#include "text_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *text_read_all(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return NULL;
    }
    size_t capacity = 4096;
    size_t used = 0;
    char *text = mu_allocate(capacity + 1);
    for (size_t got; (got = fread(text + used, 1, capacity - used, file)) > 0;) {
        used += got;
        if (used == capacity) {
            capacity *= 2;
            text = mu_reallocate(text, capacity + 1);
        }
    }
    fclose(file);
    text[used] = '\0';
    *length = used;
    return text;
}

const char *text_path_beside(mu_arena *arena, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    return mu_arena_format(arena, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, name);
}

typedef struct reader {
    text_file *file;
    mu_report *report;
    mu_status status;
    text_settings settings; /* of the prelude: what cases start with */
    MU_ARRAY(text_case) cases;
    MU_ARRAY(const char *) requires;
    MU_ARRAY(text_step) steps;   /* of the case at hand */
    MU_ARRAY(text_error) errors; /* likewise */
} reader;

static void complain(reader *at, uint32_t line, const char *what, const char *detail)
{
    at->status =
        mu_report_add(at->report, MU_INVALID, (mu_location){line, 0}, "%s: %s", what, detail);
}

static uint64_t parse_size(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    return *end == 'K' ? value << 10 : *end == 'M' ? value << 20 : value;
}

static void finish_case(reader *at)
{
    mu_arena *arena = at->file->arena;
    if (at->cases.count > 0) {
        text_case *last = &at->cases.items[at->cases.count - 1];
        last->step_count = at->steps.count;
        last->steps = MU_ARENA_ARRAY(arena, text_step, at->steps.count + 1);
        if (at->steps.count > 0) {
            memcpy(last->steps, at->steps.items, sizeof(text_step) * at->steps.count);
        }
        last->error_count = at->errors.count;
        last->errors = MU_ARENA_ARRAY(arena, text_error, at->errors.count + 1);
        if (at->errors.count > 0) {
            memcpy(last->errors, at->errors.items, sizeof(text_error) * at->errors.count);
        }
    }
    at->steps.count = 0;
    at->errors.count = 0;
}

static void read_error(reader *at, uint32_t line, const char *text)
{
    text_error error = {.line = line};
    char *end = NULL;
    if (strncmp(text, "any", 3) == 0) {
        end = (char *)(uintptr_t)(text + 3);
    } else {
        error.where = (uint32_t)strtoul(text, &end, 10);
        error.where += *text == '+' ? line : 0;
    }
    if (!end || *end != ':') {
        complain(at, line, "error", "expected LINE: part of the message");
        return;
    }
    end += 1 + strspn(end + 1, " ");
    error.part = mu_arena_string(at->file->arena, end, strlen(end));
    MU_ARRAY_PUSH(&at->errors, error);
}

static void read_run(reader *at, uint32_t line, bool is_heavy, const char *text)
{
    text_step step = {.kind = STEP_RUN, .is_heavy = is_heavy, .line = line};
    char fault[200];
    if (text_parse_run(at->file->arena, text, &step.run, fault, sizeof fault)) {
        MU_ARRAY_PUSH(&at->steps, step);
    } else {
        complain(at, line, "run", fault);
    }
}

static void read_watch(reader *at, uint32_t line, bool enables, const char *text)
{
    text_step step = {.kind = STEP_WATCH, .line = line, .enables = enables};
    step.watchpoint = (uint32_t)strtoul(text, NULL, 10);
    if (step.watchpoint) {
        MU_ARRAY_PUSH(&at->steps, step);
    } else {
        complain(at, line, "watch", "expected a watchpoint's id");
    }
}

static text_settings *settings_of(reader *at)
{
    return at->cases.count > 0 ? &at->cases.items[at->cases.count - 1].settings : &at->settings;
}

static void read_step(reader *at, uint32_t line, text_step_kind kind, const char *file)
{
    text_step step = {.kind = kind, .line = line};
    step.file = text_path_beside(at->file->arena, at->file->path, file);
    MU_ARRAY_PUSH(&at->steps, step);
}

/* Of the script before it. */
static void read_refusal(reader *at, uint32_t line, const char *part)
{
    text_step *last = at->steps.count > 0 ? &at->steps.items[at->steps.count - 1] : NULL;
    if (last && last->kind == STEP_HAIL) {
        last->refusal = mu_arena_string(at->file->arena, part, strlen(part));
    } else {
        complain(at, line, "refused", "there is no script before it");
    }
}

/* `word` is the directive's name, `rest` what follows its colon, without blanks around. */
static void read_directive(reader *at, uint32_t line, const char *word, const char *rest)
{
    mu_arena *arena = at->file->arena;
    if (strcmp(word, "run") == 0 || strcmp(word, "heavy") == 0) {
        read_run(at, line, *word == 'h', rest);
    } else if (strcmp(word, "load") == 0) {
        read_step(at, line, STEP_LOAD, rest);
    } else if (strcmp(word, "hail") == 0) {
        text_step step = {.kind = STEP_HAIL, .line = line};
        step.script = mu_arena_string(arena, rest, strlen(rest));
        MU_ARRAY_PUSH(&at->steps, step);
    } else if (strcmp(word, "refused") == 0) {
        read_refusal(at, line, rest);
    } else if (strcmp(word, "fresh") == 0) {
        read_step(at, line, STEP_FRESH, "");
    } else if (strcmp(word, "watch") == 0 || strcmp(word, "unwatch") == 0) {
        read_watch(at, line, *word == 'w', rest);
    } else if (strcmp(word, "error") == 0) {
        read_error(at, line, rest);
    } else if (strcmp(word, "require") == 0) {
        MU_ARRAY_PUSH(&at->requires, text_path_beside(arena, at->file->path, rest));
    } else if (strcmp(word, "heap") == 0) {
        settings_of(at)->heap_bytes = parse_size(rest);
    } else if (strcmp(word, "stack") == 0) {
        settings_of(at)->stack_bytes = parse_size(rest);
    } else if (strcmp(word, "grant") == 0) {
        settings_of(at)->grant_native = strcmp(rest, "native") == 0;
    } else if (strcmp(word, "only") == 0) {
        settings_of(at)->only_oracle = strcmp(rest, "oracle") == 0;
        settings_of(at)->only_compiled = strcmp(rest, "compiled") == 0;
    } else if (strcmp(word, "case") == 0) {
        finish_case(at);
        text_case begun = {.name = mu_arena_string(arena, rest, strlen(rest)),
                           .line = line,
                           .settings = at->settings};
        MU_ARRAY_PUSH(&at->cases, begun);
    }
}

/* A directive is a comment that fills its line: "// word: rest". A backslash at the end joins the
 * comment of the next line. Returns how many lines it took; 0: the line is none. */
static uint32_t read_line(reader *at, uint32_t line, const char *text)
{
    char word[16];
    int used = 0;
    text += strspn(text, " \t");
    if (sscanf(text, "// %15[a-z]%n", word, &used) != 1 || text[used] != ':') {
        return 0;
    }
    char *joined = mu_arena_string(at->file->arena, "", 0);
    const char *rest = text + used + 1;
    uint32_t lines = 1;
    for (;;) {
        rest += strspn(rest, " \t/");
        size_t length = strcspn(rest, "\n");
        bool continues = length > 0 && rest[length - 1] == '\\' && rest[length] == '\n';
        joined = mu_arena_format(at->file->arena, "%s%.*s ", joined,
                                 (int)(length - (continues ? 1 : 0)), rest);
        if (!continues) {
            break;
        }
        rest += length + 1;
        lines++;
    }
    for (size_t end = strlen(joined); end > 0 && joined[end - 1] == ' '; end--) {
        joined[end - 1] = '\0';
    }
    read_directive(at, line, word, joined);
    return lines;
}

/* The text with all lines blanked but those from `first` up to `end`. */
static char *text_of_lines(mu_arena *arena, const char *text, uint32_t first, uint32_t end)
{
    char *copy = mu_arena_string(arena, text, strlen(text));
    uint32_t line = 1;
    for (char *at = copy; *at; at++) {
        if (*at == '\n') {
            line++;
        } else if (line < first || line >= end) {
            *at = ' ';
        }
    }
    return copy;
}

static void cut_bundles(reader *at, const char *text)
{
    text_file *file = at->file;
    if (!at->cases.items[0].name) {
        at->cases.items[0].text = mu_arena_string(file->arena, text, strlen(text));
        return;
    }
    file->prelude = text_of_lines(file->arena, text, 1, at->cases.items[0].line);
    for (uint32_t i = 0; i < at->cases.count; i++) {
        uint32_t end = i + 1 < at->cases.count ? at->cases.items[i + 1].line : UINT32_MAX;
        at->cases.items[i].text = text_of_lines(file->arena, text, at->cases.items[i].line, end);
    }
}

static void read_lines(reader *at, const char *text)
{
    uint32_t line = 1;
    uint32_t skipped = 0;
    for (const char *next = text; next; line++) {
        if (skipped > 0) {
            skipped--;
        } else {
            uint32_t taken = read_line(at, line, next);
            skipped = taken > 0 ? taken - 1 : 0;
        }
        next = strchr(next, '\n');
        next = next ? next + 1 : NULL;
    }
}

mu_status text_file_read(const char *path, mu_report *report, text_file **file)
{
    size_t length;
    char *text = text_read_all(path, &length);
    if (!text) {
        return mu_report_add(report, MU_NOT_FOUND, (mu_location){0, 0}, "cannot read %s", path);
    }
    mu_arena *arena = mu_arena_new();
    reader at = {.file = MU_ARENA_NEW(arena, text_file), .report = report};
    at.file->arena = arena;
    at.file->path = mu_arena_string(arena, path, strlen(path));
    bool has_cases = strncmp(text, "// case:", 8) == 0 || strstr(text, "\n// case:");
    read_lines(&at, text);
    if (!has_cases) {
        /* All directives belong to the one case, whose settings are the prelude's. */
        MU_ARRAY_PUSH(&at.cases, (text_case){.line = 1, .settings = at.settings});
    }
    finish_case(&at);
    cut_bundles(&at, text);
    at.file->case_count = at.cases.count;
    at.file->cases = MU_ARENA_ARRAY(arena, text_case, at.cases.count);
    memcpy(at.file->cases, at.cases.items, sizeof(text_case) * at.cases.count);
    at.file->require_count = at.requires.count;
    at.file->requires = MU_ARENA_ARRAY(arena, const char *, at.requires.count + 1);
    for (uint32_t i = 0; i < at.requires.count; i++) {
        at.file->requires[i] = at.requires.items[i];
    }
    MU_ARRAY_FREE(&at.cases);
    MU_ARRAY_FREE(&at.requires);
    MU_ARRAY_FREE(&at.steps);
    MU_ARRAY_FREE(&at.errors);
    mu_free(text);
    if (at.status != MU_OK) {
        text_file_free(at.file);
        return at.status;
    }
    *file = at.file;
    return MU_OK;
}

void text_file_free(text_file *file)
{
    if (file) {
        mu_arena_free(file->arena);
    }
}
