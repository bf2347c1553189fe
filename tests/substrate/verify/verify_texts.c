/* Verifies every text in the folders given and compares the report with what the texts expect.
 *
 * An expectation is a comment on the line that the entry must name, holding a part of its message:
 *   // error: …          an entry with the status INVALID
 *   // not allowed: …    NOT_ALLOWED
 *   // unsupported: …    UNSUPPORTED
 *   // limit: …          LIMIT
 * Every entry must be expected and every expectation met, one by one; a text without any must pass.
 * The comment "// options: native uncompiled" grants the former and allows the latter.
 */
#include "mu_verify.h"
#include "uir_file.h"

#include <stdio.h>
#include <string.h>

enum { EXPECTED_MAX = 200 };

typedef struct expectation {
    mu_status status;
    uint32_t line;
    char part[200];
    bool met;
} expectation;

typedef struct expectation_list {
    expectation items[EXPECTED_MAX];
    unsigned count;
} expectation_list;

typedef struct text_tally {
    unsigned failures;
    unsigned files;
    unsigned expectations;
} text_tally;

static const struct {
    const char *mark;
    mu_status status;
} marks[] = {
    {"// error: ", MU_INVALID},
    {"// not allowed: ", MU_NOT_ALLOWED},
    {"// unsupported: ", MU_UNSUPPORTED},
    {"// limit: ", MU_LIMIT},
};

static void read_expectation(expectation_list *list, const char *at, uint32_t line)
{
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t length = strlen(marks[i].mark);
        if (strncmp(at, marks[i].mark, length) != 0 || list->count == EXPECTED_MAX) {
            continue;
        }
        expectation *item = &list->items[list->count++];
        *item = (expectation){.status = marks[i].status, .line = line};
        const char *begin = at + length;
        size_t part = strcspn(begin, "\n");
        const char *next = strstr(begin, " // ");
        if (next && (size_t)(next - begin) < part) {
            part = (size_t)(next - begin);
        }
        snprintf(item->part, sizeof item->part, "%.*s", (int)part, begin);
    }
}

static void read_expectations(const char *text, expectation_list *list)
{
    uint32_t line = 1;
    list->count = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '\n') {
            line++;
        } else if (*at == '/') {
            read_expectation(list, at, line);
        }
    }
}

static bool meets(expectation_list *list, const mu_report_entry *entry)
{
    for (unsigned i = 0; i < list->count; i++) {
        expectation *item = &list->items[i];
        if (!item->met && item->line == entry->where.line && item->status == entry->status &&
            strstr(entry->message, item->part)) {
            item->met = true;
            return true;
        }
    }
    return false;
}

static void compare(const uir_file *file, const mu_report *report, expectation_list *list,
                    text_tally *tally)
{
    for (uint32_t i = 0; i < mu_report_count(report); i++) {
        const mu_report_entry *entry = mu_report_at(report, i);
        if (!meets(list, entry)) {
            printf("%s:%u:%u: unexpected %s: %s\n", file->path, entry->where.line,
                   entry->where.column, mu_status_name(entry->status), entry->message);
            tally->failures++;
        }
    }
    for (unsigned i = 0; i < list->count; i++) {
        if (!list->items[i].met) {
            printf("%s:%u: missing %s: %s\n", file->path, list->items[i].line,
                   mu_status_name(list->items[i].status), list->items[i].part);
            tally->failures++;
        }
    }
    tally->expectations += list->count;
}

/* The status that mu_verify.h promises for a report of these entries. */
static mu_status promised_status(const mu_report *report)
{
    static const mu_status order[] = {MU_INVALID, MU_LIMIT, MU_NOT_ALLOWED, MU_UNSUPPORTED};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        for (uint32_t j = 0; j < mu_report_count(report); j++) {
            if (mu_report_at(report, j)->status == order[i]) {
                return order[i];
            }
        }
    }
    return MU_OK;
}

static bool every_result_has_a_type(const mu_ir_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        for (uint32_t j = 0; j < bundle->versions[i]->variable_count; j++) {
            if (!bundle->versions[i]->variables[j].type) {
                return false;
            }
        }
    }
    return true;
}

/* Parses and verifies one bundle; returns the environment after it, or NULL where it is refused. */
static mu_ir_env *load(mu_ir_env *env, const uir_file *file, const char *text, mu_report *report,
                       text_tally *tally)
{
    mu_verify_options options = {
        .allow_native = strstr(file->text, "// options: native"),
        .allow_uncompiled = strstr(file->text, "// options: uncompiled") ||
                            strstr(file->text, "// options: native uncompiled"),
    };
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(env, file->path, text, strlen(text), report, &bundle);
    if (status == MU_OK) {
        status = mu_verify_bundle(env, bundle, &options, report);
    }
    if (status != promised_status(report)) {
        printf("%s: the status is %s\n", file->path, mu_status_name(status));
        tally->failures++;
    }
    if (status == MU_OK) {
        if (!every_result_has_a_type(bundle)) {
            printf("%s: a variable has no type\n", file->path);
            tally->failures++;
        }
        return mu_ir_env_extend(env, bundle);
    }
    if (bundle) {
        mu_ir_bundle_free(bundle);
    }
    return NULL;
}

static void run(const uir_file *file, void *context)
{
    text_tally *tally = context;
    mu_ir_env *env = mu_ir_env_new_root();
    expectation_list list = {.count = 0};
    char *text;
    for (unsigned i = 0; env && (text = uir_file_bundle(file, i)); i++) {
        mu_report *report = mu_report_new();
        mu_ir_env *next = load(env, file, text, report, tally);
        read_expectations(text, &list);
        compare(file, report, &list, tally);
        mu_report_free(report);
        mu_free(text);
        mu_ir_env_release(env, NULL);
        env = next;
    }
    if (env) {
        mu_ir_env_release(env, NULL);
    }
    tally->files++;
}

int main(int count, char **arguments)
{
    text_tally tally = {0};
    for (int i = 1; i < count; i++) {
        if (!uir_file_each(arguments[i], run, &tally)) {
            printf("%s: no .uir files\n", arguments[i]);
            tally.failures++;
        }
    }
    printf("%u texts, %u expected entries, %u failures\n", tally.files, tally.expectations,
           tally.failures);
    return tally.failures || !tally.files;
}
