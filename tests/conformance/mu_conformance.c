/* Runs the bundles of the Mu reference implementation, from a checkout of microvm/microvm-refimpl2,
 * and asserts the values that its own tests assert. Which bundles, corrections and values:
 * expected.txt.
 *
 *   mu_conformance EXPECTED.txt [CHECKOUT] [--oracle]
 *
 * CHECKOUT is $MU_REFIMPL2 unless given.
 *
 * Prints a line per failure, what was refused and why, and a table. Without the checkout it says so
 * and exits with 77, which meson takes for "skipped". */
#include "conformance_bundle.h"

#include "mu_ir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_CORRECTIONS 32
#define EXIT_SKIPPED    77

typedef struct row {
    const char *bundle;
    uint32_t tests, passed, failed, refused, skipped;
    conformance_refusals refusals;
} row;

typedef struct conformance {
    mu_arena *arena;
    const char *checkout;
    const char *expected; /* expected.txt's path; our own bundles are beside it */
    const text_engine *engine;
    MU_ARRAY(row) rows;
    /* the bundle at hand */
    void *state;
    bool is_loaded;
    bool lacks_script; /* the engine does not know scripts, so runs behind one tell nothing */
    text_settings settings;
    const char *bundle;
    const char *required[8];
    uint32_t required_count;
    conformance_correction corrections[MAX_CORRECTIONS];
    uint32_t correction_count;
} conformance;

static row *current(conformance *self)
{
    return &self->rows.items[self->rows.count - 1];
}

static const char *path_of(conformance *self, const char *name)
{
    return mu_arena_format(self->arena, "%s/tests/%s", self->checkout, name);
}

static void judge(conformance *self, const char *what, const char *fault)
{
    current(self)->tests++;
    if (fault[0] == '\0') {
        current(self)->passed++;
        return;
    }
    current(self)->failed++;
    printf("%s: %s: %s\n", current(self)->bundle, what, fault);
    fflush(stdout);
}

static void begin_row(conformance *self, const char *bundle)
{
    row begun = {.bundle = bundle};
    MU_ARRAY_PUSH(&self->rows, begun);
}

static void end_bundle(conformance *self)
{
    if (self->state) {
        self->engine->close(self->state);
        self->state = NULL;
    }
    self->is_loaded = false;
    self->lacks_script = false;
    self->required_count = 0;
    self->correction_count = 0;
    self->settings = (text_settings){.grant_native = true, .waits_for_threads = true};
}

/* Loads what the bundle needs and the bundle, once, before its first test. */
static bool load_bundle(conformance *self)
{
    if (self->is_loaded || self->state) {
        return self->is_loaded;
    }
    char fault[4000];
    self->state = self->engine->open(&self->settings);
    self->is_loaded = true;
    self->required[self->required_count] = self->bundle;
    for (uint32_t i = 0; i <= self->required_count && self->is_loaded; i++) {
        self->is_loaded =
            conformance_load(self->engine, self->state, self->arena,
                             path_of(self, self->required[i]), self->required[i], self->corrections,
                             self->correction_count, &current(self)->refusals, fault, sizeof fault);
    }
    if (!self->is_loaded) {
        judge(self, "loading", fault);
    }
    return self->is_loaded;
}

static void skip_test(conformance *self, const char *rest)
{
    current(self)->tests++;
    current(self)->skipped++;
    printf("%s: not run: %s\n", current(self)->bundle, rest);
}

static void do_run(conformance *self, const char *line)
{
    text_run run;
    char fault[1000];
    if (self->lacks_script) {
        skip_test(self, line);
        return;
    }
    if (!load_bundle(self)) {
        judge(self, line, "its bundle was not loaded");
        return;
    }
    if (!text_parse_run(self->arena, line, &run, fault, sizeof fault)) {
        judge(self, line, fault);
        return;
    }
    if (conformance_is_refused(&current(self)->refusals, run.function)) {
        current(self)->tests++;
        current(self)->refused++;
        return;
    }
    transcript seen = {0};
    self->engine->run(self->state, &run, path_of(self, self->bundle), &seen);
    transcript_check(&seen, &run, fault, sizeof fault);
    judge(self, run.function, fault);
    transcript_free(&seen);
}

static void do_watch(conformance *self, const char *rest, bool enables)
{
    if (load_bundle(self)) {
        self->engine->watch(self->state, (uint32_t)strtoul(rest, NULL, 10), enables);
    }
}

static bool load_text(conformance *self, const char *name, const char *text, char *fault,
                      size_t bytes)
{
    mu_report *report = mu_report_new();
    mu_status status = self->engine->load(self->state, name, text, report);
    char *complaint = mu_report_text(report);
    snprintf(fault, bytes, "%s", status == MU_OK ? "" : complaint);
    mu_free(complaint);
    mu_report_free(report);
    return status == MU_OK;
}

/* A bundle of our own, of one line, that does in the program what their test does as a client. */
static void do_also(conformance *self, const char *text)
{
    char fault[1000];
    if (load_bundle(self) && !load_text(self, "also", text, fault, sizeof fault)) {
        judge(self, "also", fault);
    }
}

/* A thousand bundles of one line, then a function that stores into the thousand cells that they
 * define. */
static void do_many_bundles(conformance *self)
{
    char fault[1000] = "its bundle was not loaded";
    bool goes_on = load_bundle(self);
    for (uint32_t i = 0; goes_on && i < 1000; i++) {
        char text[40];
        snprintf(text, sizeof text, ".global @h%u <@i64>", i);
        goes_on = load_text(self, "one line", text, fault, sizeof fault);
    }
    char *body = mu_allocate(100000);
    size_t used = (size_t)snprintf(body, 100000,
                                   ".funcdef @bigger VERSION @bigger.v1 <@big.sig> {\n"
                                   "    %%entry(<@i64> %%p):\n");
    for (uint32_t i = 0; i < 1000; i++) {
        used += (size_t)snprintf(body + used, 100000 - used,
                                 "        [%%s%u] STORE <@i64> @h%u %%p\n", i, i);
    }
    snprintf(body + used, 100000 - used,
             "        %%v = LOAD <@i64> @h12\n        [%%t] TRAP <> KEEPALIVE (%%v)\n"
             "        COMMINST @uvm.thread_exit\n}\n");
    goes_on = goes_on && load_text(self, "@bigger", body, fault, sizeof fault);
    mu_free(body);
    if (goes_on) {
        do_run(self, "@bigger(42) traps [@bigger.v1.entry.t 42] exits");
    } else {
        judge(self, "@bigger", fault);
    }
}

/* `own`: a bundle of ours, beside expected.txt, that looks at what theirs does. `hail`: a script of
 * theirs, which must be performed, as far as the engine knows scripts. */
static void do_load(conformance *self, const char *name, bool is_script)
{
    char fault[4000] = "";
    if (is_script && self->engine == &text_oracle_engine) {
        skip_test(self, "a script, which the oracle does not know");
        self->lacks_script = true;
        return;
    }
    const char *path =
        is_script ? path_of(self, name) : text_path_beside(self->arena, self->expected, name);
    bool is_done =
        load_bundle(self) &&
        conformance_load(self->engine, self->state, self->arena, path, name, self->corrections,
                         self->correction_count, &current(self)->refusals, fault, sizeof fault);
    if (is_script || !is_done) {
        judge(self, name, is_done ? "" : fault[0] ? fault : "its bundle was not loaded");
    }
}

static void do_parse(conformance *self, const char *name, bool must_parse)
{
    begin_row(self, name);
    size_t length;
    char *text = text_read_all(path_of(self, name), &length);
    if (!text) {
        judge(self, "parsing", "cannot read it");
        return;
    }
    mu_ir_env *root = mu_ir_env_new_root();
    mu_report *report = mu_report_new();
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(root, name, text, length, report, &bundle);
    char *complaint = mu_report_text(report);
    if (status == MU_OK) {
        mu_ir_bundle_free(bundle);
    }
    const char *fault = (status == MU_OK) == must_parse ? ""
                        : must_parse                    ? complaint
                                                        : "it was not refused";
    judge(self, must_parse ? "parsing" : "refusing", fault);
    mu_free(complaint);
    mu_report_free(report);
    mu_ir_env_release(root, NULL);
    mu_free(text);
}

static void add_correction(conformance *self, char *rest)
{
    char *colon = strchr(rest, ':');
    char *arrow = strstr(rest, " => ");
    MU_INVARIANT(colon && arrow && self->correction_count < MAX_CORRECTIONS, "correct %s", rest);
    conformance_correction *fix = &self->corrections[self->correction_count++];
    char *old;
    fix->file = mu_arena_string(self->arena, rest, (size_t)(colon - rest));
    fix->line = (uint32_t)strtoul(colon + 1, &old, 10);
    old++;
    fix->old = mu_arena_string(self->arena, old, (size_t)(arrow - old));
    fix->new_text = mu_arena_string(self->arena, arrow + 4, strlen(arrow + 4));
}

static void do_line(conformance *self, char *line)
{
    char *rest = line + strcspn(line, " ");
    if (*rest) {
        *rest++ = '\0';
    }
    const char *kept = mu_arena_string(self->arena, rest, strlen(rest));
    if (strcmp(line, "bundle") == 0) {
        if (self->rows.count > 0 && !self->state) {
            (void)load_bundle(self);
        }
        end_bundle(self);
        begin_row(self, kept);
        self->bundle = kept;
    } else if (strcmp(line, "require") == 0) {
        self->required[self->required_count++] = kept;
    } else if (strcmp(line, "heap") == 0) {
        self->settings.heap_bytes = strtoull(rest, NULL, 10) << 20;
    } else if (strcmp(line, "correct") == 0) {
        add_correction(self, rest);
    } else if (strcmp(line, "run") == 0) {
        do_run(self, kept);
    } else if (strcmp(line, "also") == 0) {
        do_also(self, kept);
    } else if (strcmp(line, "own") == 0 || strcmp(line, "hail") == 0) {
        do_load(self, kept, *line == 'h');
    } else if (strcmp(line, "watch") == 0 || strcmp(line, "unwatch") == 0) {
        do_watch(self, rest, *line == 'w');
    } else if (strcmp(line, "many-bundles") == 0) {
        do_many_bundles(self);
    } else if (strcmp(line, "skip") == 0) {
        skip_test(self, kept);
    } else if (strcmp(line, "parse") == 0 || strcmp(line, "refuse") == 0) {
        do_parse(self, kept, strcmp(line, "parse") == 0);
    }
}

static void do_file(conformance *self, char *text)
{
    for (char *line = text; line && *line;) {
        char *next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        if (*line && *line != '#') {
            do_line(self, line);
        }
        line = next;
    }
    end_bundle(self);
}

/* Each refused function with its reasons, every one once. */
static void print_refusals(const row *at)
{
    for (uint32_t i = 0; i < at->refusals.count; i++) {
        const conformance_refusal *first = &at->refusals.items[i];
        bool seen = false;
        for (uint32_t k = 0; k < i; k++) {
            seen = seen || strcmp(at->refusals.items[k].name, first->name) == 0;
        }
        if (seen) {
            continue;
        }
        printf("%s: refused %s:", at->bundle, first->name);
        for (uint32_t k = i; k < at->refusals.count; k++) {
            const conformance_refusal *other = &at->refusals.items[k];
            bool repeated = strcmp(other->name, first->name) != 0;
            for (uint32_t j = i; j < k && !repeated; j++) {
                repeated = strcmp(at->refusals.items[j].name, first->name) == 0 &&
                           strcmp(at->refusals.items[j].reason, other->reason) == 0;
            }
            if (!repeated) {
                printf("%s %s", k > i ? "," : "", other->reason);
            }
        }
        printf("\n");
    }
}

static uint32_t print_table(const conformance *self)
{
    row sum = {.bundle = "all"};
    for (uint32_t i = 0; i < self->rows.count; i++) {
        print_refusals(&self->rows.items[i]);
    }
    printf("\n%-42s %6s %7s %7s %8s %8s\n", "bundle", "tests", "passed", "failed", "refused",
           "not run");
    for (uint32_t i = 0; i <= self->rows.count; i++) {
        const row *at = i < self->rows.count ? &self->rows.items[i] : &sum;
        printf("%-42s %6u %7u %7u %8u %8u\n", at->bundle, at->tests, at->passed, at->failed,
               at->refused, at->skipped);
        if (at != &sum) {
            sum.tests += at->tests;
            sum.passed += at->passed;
            sum.failed += at->failed;
            sum.refused += at->refused;
            sum.skipped += at->skipped;
        }
    }
    return sum.failed;
}

int main(int count, char **words)
{
    struct stat status;
    if (count < 2) {
        fprintf(stderr, "usage: mu_conformance EXPECTED.txt [CHECKOUT] [--oracle]\n");
        return 2;
    }
    const char *checkout = getenv("MU_REFIMPL2"); /* NOLINT: before there is a second thread */
    conformance self = {
        .arena = mu_arena_new(), .expected = words[1], .engine = text_compiled_engine()};
    for (int i = 2; i < count; i++) {
        if (strcmp(words[i], "--oracle") == 0) {
            self.engine = &text_oracle_engine;
        } else {
            checkout = words[i];
        }
    }
    self.checkout = checkout ? checkout : "(none: set MU_REFIMPL2)";
    if (stat(path_of(&self, "uvm-refimpl-test"), &status) != 0) {
        printf("skipped: there is no checkout of microvm/microvm-refimpl2 at %s\n", self.checkout);
        mu_arena_free(self.arena);
        return EXIT_SKIPPED;
    }
    size_t length;
    char *text = text_read_all(words[1], &length);
    if (!text) {
        fprintf(stderr, "cannot read %s\n", words[1]);
        mu_arena_free(self.arena);
        return 2;
    }
    do_file(&self, text);
    uint32_t failed = print_table(&self);
    mu_free(text);
    MU_ARRAY_FREE(&self.rows);
    mu_arena_free(self.arena);
    return failed == 0 ? 0 : 1;
}
