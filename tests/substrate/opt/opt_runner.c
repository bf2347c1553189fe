/* Builds, improves and schedules the graph of every function in the texts given, and compares it
 * with what the comment behind the function expects:
 *   // before:     the graph as it is built, then its text; may be left out
 *   // after:      the graph as it is scheduled, then its text
 *   // refused: …  there is none, and why
 * Nodes and blocks are numbered by where they first stand in the text. A comment with another
 * beginning is not looked at.
 *
 * usage: opt_runner FOLDER…
 *        opt_runner --print FOLDER   its one file, with graphs as they are for expectations */
#include "mu_ir.h"
#include "mu_opt.h"
#include "mu_verify.h"
#include "uir_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 4096u

typedef struct output {
    MU_ARRAY(char) text;
} output;

typedef struct tally {
    unsigned passed, failed;
    bool prints;
} tally;

static void put(output *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        MU_ARRAY_PUSH(&out->text, text[i]);
    }
}

static void put_text(output *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_end(output *out)
{
    MU_ARRAY_PUSH(&out->text, '\0');
}

/* ---- graphs as comments */

typedef struct names {
    uint32_t of[2][NAMES_MAX]; /* blocks, nodes; 0: has none yet */
    uint32_t count[2];
} names;

static uint32_t name_of(names *n, bool is_node, uint32_t index)
{
    if (index >= NAMES_MAX) {
        abort();
    }
    uint32_t *name = &n->of[is_node][index];
    *name = *name ? *name : ++n->count[is_node];
    return *name - 1;
}

/* A word "b3" or "i12"; everything else stays as it is. */
static void put_word(output *out, names *n, const char *word, size_t length)
{
    bool is_name = length > 1 && strchr("birtfd", word[0]);
    for (size_t i = 1; i < length && is_name; i++) {
        is_name = isdigit((unsigned char)word[i]) || (i + 1 == length && word[i] == ':');
    }
    if (!is_name) {
        put(out, word, length);
        return;
    }
    char line[32];
    uint32_t index = (uint32_t)strtoul(word + 1, NULL, 10);
    snprintf(line, sizeof line, "%c%u%s", word[0], name_of(n, word[0] != 'b', index),
             word[length - 1] == ':' ? ":" : "");
    put_text(out, line);
}

/* The call that a RESULT is of has no word, so no letter tells its number from a constant: it is
 * left out, as it stands right before. */
static void put_line(output *out, names *n, const char *line, size_t length)
{
    bool drops_next = false;
    put_text(out, "// ");
    for (size_t i = 0; i < length;) {
        size_t end = i;
        while (end < length && line[end] != ' ') {
            end++;
        }
        if (!drops_next || end == i) {
            put_word(out, n, line + i, end - i);
            put(out, " ", end < length);
        }
        drops_next = strncmp(line + i, "RESULT.", 7) == 0;
        i = end + 1;
    }
    put_text(out, "\n");
}

static void put_graph(output *out, const char *title, const mu_opt_graph *graph)
{
    char *text = mu_opt_text(graph);
    names *n = mu_allocate(sizeof *n);
    put_text(out, title);
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        put_line(out, n, at, length);
        at += length + (at[length] == '\n');
    }
    mu_free(n);
    mu_free(text);
}

/* Loops are in one piece: none has an edge back from behind its end. */
static void put_loops_wrong(output *out, const mu_opt_graph *g)
{
    for (uint32_t i = 0; i < g->order.count; i++) {
        const mu_opt_block *head = &g->blocks.items[g->order.items[i]];
        for (uint32_t p = 0; p < head->preds.count; p++) {
            uint32_t from = g->blocks.items[head->preds.items[p]].position;
            bool is_back = from >= i;
            if (is_back && (head->loop_end == MU_OPT_NONE ||
                            from > g->blocks.items[head->loop_end].position)) {
                put_text(out, "// a loop goes on behind its end\n");
            }
        }
    }
}

static void put_actual(output *out, mu_ir_version *version, bool wants_before)
{
    mu_opt_graph *graph = NULL;
    mu_status status = mu_opt_build(version, &graph);
    if (status == MU_OK && wants_before) {
        put_graph(out, "// before:\n", graph);
    }
    if (status == MU_OK) {
        mu_opt_improve(&graph);
    }
    if (status == MU_OK && mu_opt_schedule(graph)) {
        put_graph(out, "// after:\n", graph);
        put_loops_wrong(out, graph);
    } else {
        put_text(out, "// refused: ");
        put_text(out, graph->refused ? graph->refused : "(no reason)");
        put_text(out, "\n");
    }
    put_end(out);
    mu_opt_free(graph);
}

/* ---- functions and what they expect */

static bool begins(const char *at, const char *with)
{
    return strncmp(at, with, strlen(with)) == 0;
}

/* The end of the expectation at `at`, which is `at` itself where there is none. */
static const char *end_of_expectation(const char *at)
{
    if (!begins(at, "// before:") && !begins(at, "// after:") && !begins(at, "// refused:")) {
        return at;
    }
    while (begins(at, "//")) {
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return at;
}

static void compare(const uir_file *file, const mu_ir_version *version, const char *expected,
                    const char *actual, tally *t)
{
    if (strcmp(expected, actual) == 0) {
        t->passed++;
        return;
    }
    printf("not ok %s: %s\n-- expected\n%s-- is\n%s", file->path, version->entity.label, expected,
           actual);
    t->failed++;
}

/* Where the function that begins at or behind `at` ends, behind its last line; NULL: no more. */
static const char *end_of_function(const char *at)
{
    const char *function = begins(at, ".funcdef ") ? at : strstr(at, "\n.funcdef ");
    const char *end = function ? strstr(function, "\n}\n") : NULL;
    return end ? end + 3 : NULL;
}

static void run_versions(const uir_file *file, const mu_ir_bundle *bundle, tally *t)
{
    const char *at = file->text;
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        const char *end = end_of_function(at);
        if (!end) {
            printf("not ok %s: fewer functions in the text\n", file->path);
            t->failed++;
            return;
        }
        const char *next = end_of_expectation(end);
        char *expected = mu_string_copy(end, (size_t)(next - end));
        output actual = {0};
        put_actual(&actual, bundle->versions[i], begins(expected, "// before:"));
        if (t->prints) {
            printf("%.*s%s", (int)(end - at), at, actual.text.items);
        } else {
            compare(file, bundle->versions[i], expected, actual.text.items, t);
        }
        mu_free(expected);
        MU_ARRAY_FREE(&actual.text);
        at = next;
    }
    if (t->prints) {
        printf("%s", at);
    }
}

static void run(const uir_file *file, void *context)
{
    tally *t = context;
    bool is_trusted = strstr(file->text, "// options: trusted");
    mu_verify_options options = {.allow_native = is_trusted};
    mu_report *report = mu_report_new();
    mu_ir_env *root = mu_ir_env_new_root();
    mu_ir_bundle *bundle = NULL;
    if (mu_ir_parse(root, file->path, file->text, file->length, report, &bundle) != MU_OK ||
        mu_verify_bundle(root, bundle, &options, report) != MU_OK) {
        fprintf(stderr, "not ok %s: %s\n", file->path, mu_report_text(report));
        t->failed++;
    } else {
        bundle->trusted = is_trusted;
        mu_ir_env *env = mu_ir_env_extend(root, bundle);
        run_versions(file, bundle, t);
        mu_ir_env_release(env, NULL);
        bundle = NULL;
    }
    if (bundle) {
        mu_ir_bundle_free(bundle);
    }
    mu_ir_env_release(root, NULL);
    mu_report_free(report);
}

int main(int count, char **arguments)
{
    tally t = {.prints = count > 1 && strcmp(arguments[1], "--print") == 0};
    for (int i = 1 + t.prints; i < count; i++) {
        if (!uir_file_each(arguments[i], run, &t)) {
            printf("not ok %s: no texts\n", arguments[i]);
            t.failed++;
        }
    }
    if (!t.prints) {
        printf("%u passed, %u failed\n", t.passed, t.failed);
    }
    return t.failed != 0;
}
