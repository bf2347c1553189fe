/* Runs text tests on the oracle and as compiled code.
 *
 *   text_runner [--oracle-only] [--rebuilt-only] [--compiled-only] [--light] [--filter PART]
 * [--verbose] FILE-OR-FOLDER…
 *
 * Every failure is a line FILE:LINE: …; the last line counts. Folders are searched for *.uir,
 * `parts` left out. --light leaves out runs that are too long for MU_GC_STRESS and MU_YIELD_STRESS.
 * Exit status 0 when all passed. */
#include "text_transcript.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

typedef struct runner {
    const text_engine *engines[2];
    uint32_t engine_count;
    const char *filter; /* NULL: everything */
    bool is_verbose;
    bool is_light;
    uint32_t passed;
    uint32_t failed;
    MU_ARRAY(char *) paths;
} runner;

static void judge(runner *self, const char *path, uint32_t line, const char *engine,
                  const char *fault)
{
    if (fault[0] == '\0') {
        self->passed++;
        return;
    }
    self->failed++;
    printf("%s:%u: %s: %s\n", path, line, engine, fault);
    fflush(stdout);
}

/* ------------------------------------------------------------------------------------- a case */

typedef struct opened {
    const text_engine *engine;
    void *state;
} opened;

static bool load_text(const opened *at, const char *name, const char *text, char *fault,
                      size_t bytes)
{
    mu_report *report = mu_report_new();
    mu_status status = at->engine->load(at->state, name, text, report);
    if (status != MU_OK) {
        char *complaint = mu_report_text(report);
        snprintf(fault, bytes, "not loaded (%s):\n%s", mu_status_name(status), complaint);
        mu_free(complaint);
    }
    mu_report_free(report);
    return status == MU_OK;
}

static bool load_file(const opened *at, const char *path, char *fault, size_t bytes)
{
    size_t length;
    char *text = text_read_all(path, &length);
    if (!text) {
        snprintf(fault, bytes, "cannot read %s", path);
        return false;
    }
    bool done = load_text(at, path, text, fault, bytes);
    mu_free(text);
    return done;
}

/* A new program with everything that comes before the case's own bundle. */
static bool open_case(const text_engine *engine, const text_file *file, const text_case *the_case,
                      opened *at, char *fault, size_t bytes)
{
    at->engine = engine;
    at->state = engine->open(&the_case->settings);
    for (uint32_t i = 0; i < file->require_count; i++) {
        if (!load_file(at, file->requires[i], fault, bytes)) {
            return false;
        }
    }
    return !file->prelude || load_text(at, file->path, file->prelude, fault, bytes);
}

static bool has_error(const mu_report *report, const text_error *wanted)
{
    for (uint32_t i = 0; i < mu_report_count(report); i++) {
        const mu_report_entry *entry = mu_report_at(report, i);
        if ((wanted->where == 0 || wanted->where == entry->where.line) &&
            strstr(entry->message, wanted->part)) {
            return true;
        }
    }
    return false;
}

/* The case's bundle must be refused with the errors that are written. */
static void check_errors(runner *self, const opened *at, const text_file *file,
                         const text_case *the_case)
{
    mu_report *report = mu_report_new();
    mu_status status = at->engine->load(at->state, file->path, the_case->text, report);
    char *complaint = mu_report_text(report);
    for (uint32_t i = 0; i < the_case->error_count; i++) {
        const text_error *wanted = &the_case->errors[i];
        char fault[4000] = "";
        if (status == MU_OK) {
            snprintf(fault, sizeof fault, "the bundle was not refused");
        } else if (!has_error(report, wanted)) {
            snprintf(fault, sizeof fault, "no error on line %u with \"%s\", but\n%s", wanted->where,
                     wanted->part, complaint);
        }
        judge(self, file->path, wanted->line, at->engine->name, fault);
    }
    mu_free(complaint);
    mu_report_free(report);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_step(runner *self, opened *engines, uint32_t count, const text_file *file,
                     const text_step *step)
{
    transcript seen[2] = {0};
    char fault[1000];
    for (uint32_t i = 0; i < count; i++) {
        double start = seconds_now();
        engines[i].engine->run(engines[i].state, &step->run, file->path, &seen[i]);
        if (self->is_verbose) {
            printf("%s:%u: %s: %.3f s\n", file->path, step->line, engines[i].engine->name,
                   seconds_now() - start);
        }
        transcript_check(&seen[i], &step->run, fault, sizeof fault);
        judge(self, file->path, step->line, engines[i].engine->name, fault);
    }
    if (count == 2 && !seen[0].is_broken && !seen[1].is_broken) {
        transcript_compare(&seen[0], &seen[1], fault, sizeof fault);
        if (fault[0]) {
            judge(self, file->path, step->line, "oracle and compiled differ", fault);
        }
    }
    transcript_free(&seen[0]);
    transcript_free(&seen[1]);
}

static bool reopen(runner *self, opened *at, const text_file *file, const text_case *the_case,
                   uint32_t line)
{
    char fault[4000] = "";
    if (at->state) {
        at->engine->close(at->state);
    }
    if (open_case(at->engine, file, the_case, at, fault, sizeof fault) &&
        (the_case->error_count > 0 ||
         load_text(at, file->path, the_case->text, fault, sizeof fault))) {
        return true;
    }
    judge(self, file->path, line, at->engine->name, fault);
    return false;
}

/* A script for the heap, which is performed, or refused with the words expected. */
static void check_script(runner *self, const opened *at, const text_file *file,
                         const text_step *step)
{
    mu_report *report = mu_report_new();
    mu_status status = at->engine->load(at->state, "script.hail", step->script, report);
    char *complaint = mu_report_text(report);
    char fault[4000] = "";
    if (!step->refusal && status != MU_OK) {
        snprintf(fault, sizeof fault, "refused (%s):\n%s", mu_status_name(status), complaint);
    } else if (step->refusal && status == MU_OK) {
        snprintf(fault, sizeof fault, "the script was not refused");
    } else if (step->refusal && !strstr(complaint, step->refusal)) {
        snprintf(fault, sizeof fault, "no error with \"%s\", but\n%s", step->refusal, complaint);
    }
    judge(self, file->path, step->line, at->engine->name, fault);
    mu_free(complaint);
    mu_report_free(report);
}

static bool take_step(runner *self, opened *engines, uint32_t count, const text_file *file,
                      const text_case *the_case, const text_step *step)
{
    char fault[4000] = "";
    bool goes_on = true;
    switch (step->kind) {
    case STEP_RUN:
        if (!step->is_heavy || !self->is_light) {
            run_step(self, engines, count, file, step);
        }
        break;
    case STEP_LOAD:
        for (uint32_t i = 0; i < count; i++) {
            goes_on = load_file(&engines[i], step->file, fault, sizeof fault) && goes_on;
            judge(self, file->path, step->line, engines[i].engine->name, fault);
        }
        break;
    case STEP_HAIL:
        for (uint32_t i = 0; i < count; i++) {
            check_script(self, &engines[i], file, step);
        }
        break;
    case STEP_WATCH:
        for (uint32_t i = 0; i < count; i++) {
            engines[i].engine->watch(engines[i].state, step->watchpoint, step->enables);
        }
        break;
    case STEP_FRESH:
        for (uint32_t i = 0; i < count; i++) {
            goes_on = reopen(self, &engines[i], file, the_case, step->line) && goes_on;
        }
        break;
    }
    return goes_on;
}

static void run_case(runner *self, const text_file *file, const text_case *the_case)
{
    opened engines[2] = {0};
    uint32_t count = 0;
    bool goes_on = true;
    for (uint32_t i = 0; i < self->engine_count; i++) {
        bool is_oracle = self->engines[i] != text_compiled_engine();
        if (is_oracle ? !the_case->settings.only_compiled : !the_case->settings.only_oracle) {
            engines[count].engine = self->engines[i];
            goes_on = reopen(self, &engines[count++], file, the_case, the_case->line) && goes_on;
        }
    }
    for (uint32_t i = 0; goes_on && i < count && the_case->error_count > 0; i++) {
        check_errors(self, &engines[i], file, the_case);
    }
    for (uint32_t i = 0; goes_on && i < the_case->step_count; i++) {
        goes_on = take_step(self, engines, count, file, the_case, &the_case->steps[i]);
    }
    if (goes_on && the_case->error_count == 0 && the_case->step_count == 0) {
        judge(self, file->path, the_case->line, "loaded", "");
    }
    for (uint32_t i = 0; i < count; i++) {
        engines[i].engine->close(engines[i].state);
    }
}

/* -------------------------------------------------------------------------------------- files */

static void run_file(runner *self, const char *path)
{
    mu_report *report = mu_report_new();
    text_file *file;
    if (text_file_read(path, report, &file) != MU_OK) {
        char *complaint = mu_report_text(report);
        judge(self, path, 0, "the test itself", complaint);
        mu_free(complaint);
    } else {
        for (uint32_t i = 0; i < file->case_count; i++) {
            run_case(self, file, &file->cases[i]);
        }
        text_file_free(file);
    }
    mu_report_free(report);
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text);
    return length >= strlen(ending) && strcmp(text + length - strlen(ending), ending) == 0;
}

static void add_path(runner *self, const char *path)
{
    if (!self->filter || strstr(path, self->filter)) {
        MU_ARRAY_PUSH(&self->paths, mu_string_copy(path, strlen(path)));
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Folders are not nested more than once: the tests' own layout. */
static void add_folder(runner *self, const char *folder, bool nested)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) { /* NOLINT: this thread's own DIR */
        char path[4096];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &status) != 0) {
            continue;
        }
        if (S_ISDIR(status.st_mode) && !nested && strcmp(entry->d_name, "parts") != 0) {
            add_folder(self, path, true);
        } else if (ends_with(path, ".uir")) {
            add_path(self, path);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static bool read_arguments(runner *self, int count, char **words)
{
    const text_engine *oracle = &text_oracle_engine;
    bool no_compiled = false;
    for (int i = 1; i < count; i++) {
        struct stat status;
        if (strcmp(words[i], "--oracle-only") == 0) {
            no_compiled = true;
        } else if (strcmp(words[i], "--rebuilt-only") == 0) {
            no_compiled = true;
            oracle = &text_rebuilt_engine;
        } else if (strcmp(words[i], "--compiled-only") == 0) {
            oracle = NULL;
        } else if (strcmp(words[i], "--verbose") == 0) {
            self->is_verbose = true;
        } else if (strcmp(words[i], "--light") == 0) {
            self->is_light = true;
        } else if (strcmp(words[i], "--filter") == 0 && i + 1 < count) {
            self->filter = words[++i];
        } else if (stat(words[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            add_folder(self, words[i], false);
        } else {
            add_path(self, words[i]);
        }
    }
    if (oracle) {
        self->engines[self->engine_count++] = oracle;
    }
    if (!no_compiled && text_compiled_engine()) {
        self->engines[self->engine_count++] = text_compiled_engine();
    }
    return self->paths.count > 0 && self->engine_count > 0;
}

int main(int count, char **words)
{
    runner self = {0};
    if (!read_arguments(&self, count, words)) {
        fprintf(stderr,
                "usage: text_runner [--oracle-only] [--rebuilt-only] [--compiled-only] [--light] "
                "[--filter PART] [--verbose] FILE-OR-FOLDER...\n");
        return 2;
    }
    qsort(self.paths.items, self.paths.count, sizeof(char *), by_name);
    for (uint32_t i = 0; i < self.paths.count; i++) {
        run_file(&self, self.paths.items[i]);
        mu_free(self.paths.items[i]);
    }
    MU_ARRAY_FREE(&self.paths);
    printf("%u passed, %u failed\n", self.passed, self.failed);
    return self.failed == 0 ? 0 : 1;
}
