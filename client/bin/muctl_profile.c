/* profile: where the time of a VM goes, as folded stacks and as a flame graph. The first signal
 * ends the profile early and what there is is written; the second ends muctl at once. */
#include "muctl.h"
#include "muctl_call_tree.h"
#include "muctl_flame.h"
#include "muctl_quantity.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HZ_DEFAULT = 1000, MILLISECONDS_DEFAULT = 10000, SECONDS_MOST = 3600, HOTTEST_MOST = 10 };

/* Where it is written; NULL: not. */
typedef struct profile_files {
    char *folded;
    char *graph;
    bool is_to_out; /* folded stacks to standard output; the rest to standard error */
} profile_files;

/* ------------------------------------------------------------------------------------ arguments */

static bool seconds_parse(const char *text, uint64_t *milliseconds)
{
    char *end = NULL;
    bool is_number = text[0] != 0 && strspn(text, "0123456789.") == strlen(text);
    double seconds = is_number ? strtod(text, &end) : 0;
    if (!is_number || end[0] != 0 || seconds < 0.001 || seconds > SECONDS_MOST) {
        return false;
    }
    *milliseconds = (uint64_t)(seconds * 1000 + 0.5);
    return true;
}

static int spec_read(const muctl_program *muctl, muclient_profile_spec *spec)
{
    const muctl_arguments *arguments = &muctl->arguments;
    const char *seconds = arguments->values[MUCTL_SECONDS];
    const char *hz = arguments->values[MUCTL_HZ];
    uint64_t rate = HZ_DEFAULT;
    *spec = (muclient_profile_spec){.vm = arguments->words[0],
                                    .duration_ms = MILLISECONDS_DEFAULT,
                                    .lines = arguments->given[MUCTL_LINES]};
    if (seconds != NULL && !seconds_parse(seconds, &spec->duration_ms)) {
        return muctl_usage(muctl, "write it like 5 or 0.5, up to 3600",
                           "\"%s\" is not a number of seconds", seconds);
    }
    if (hz != NULL && (!muctl_number_parse(hz, &rate) || rate < 1 || rate > 10000)) {
        return muctl_usage(muctl, "from 1 to 10000 samples a second", "\"%s\" is not a rate", hz);
    }
    spec->hz = (uint32_t)rate;
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length > strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* "<base><ending>", for free(). */
static char *joined(const char *base, const char *ending)
{
    char *name = NULL;
    return asprintf(&name, "%s%s", base, ending) < 0 ? NULL : name;
}

/* --output FILE.svg, FILE.folded, - for standard output, else both with that name before the
 * ending; without it both by the VM's name, and with --json none. */
static int files_choose(muctl_program *muctl, profile_files *files)
{
    const char *output = muctl->arguments.values[MUCTL_OUTPUT];
    bool is_graph = output != NULL && ends_with(output, ".svg");
    bool is_folded = output != NULL && (ends_with(output, ".folded") || ends_with(output, ".txt"));
    *files = (profile_files){.is_to_out = output != NULL && strcmp(output, "-") == 0};
    if (files->is_to_out && muctl->is_json) {
        return muctl_usage(muctl, "--json prints them, too",
                           "folded stacks and JSON cannot both be on standard output");
    }
    if (files->is_to_out || (output == NULL && muctl->is_json)) {
        return 0;
    }
    const char *base = output == NULL ? muctl->arguments.words[0] : output;
    bool is_made = true;
    if (!is_graph) {
        files->folded = joined(base, is_folded ? "" : ".folded");
        is_made = files->folded != NULL;
    }
    if (!is_folded) {
        files->graph = joined(base, is_graph ? "" : ".svg");
        is_made = is_made && files->graph != NULL;
    }
    return is_made ? 0 : muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
}

/* -------------------------------------------------------------------------------------- sampling
 */

static int profile_get(muctl_program *muctl, const muclient_profile_spec *spec,
                       muclient_reply **reply, int *first_signal)
{
    uint64_t request;
    muclient_error *error = NULL;
    if (muclient_profile_start(muctl->client, spec, &request, &error) != MUCLIENT_OK) {
        return muctl_failed(muctl, error);
    }
    if (isatty(fileno(muctl->err)) == 1) {
        (void)fprintf(muctl->err, "sampling for %.1fs; ^C ends it early\n",
                      (double)spec->duration_ms / 1000);
    }
    muclient_code code = muclient_wait(muctl->client, request, reply, &error);
    while (code == MUCLIENT_INTERRUPTED) {
        muclient_error_free(error);
        error = NULL;
        int number = muctl_signal_take(muctl);
        if (*first_signal != 0 || number == 0) {
            return MUCTL_EXIT_INTERRUPTED;
        }
        *first_signal = number;
        /* It may just have ended: then its reply is there. */
        if (muclient_profile_end(muctl->client, spec->vm, NULL) == MUCLIENT_INTERRUPTED) {
            return MUCTL_EXIT_INTERRUPTED;
        }
        code = muclient_wait(muctl->client, request, reply, &error);
    }
    if (code == MUCLIENT_OK && muclient_reply_profile(*reply) == NULL) {
        return muctl_trouble(muctl, MUCLIENT_INTERNAL, "", "mud answered something else");
    }
    return code == MUCLIENT_OK ? 0 : muctl_failed(muctl, error);
}

/* ---------------------------------------------------------------------------------------- output
 */

static int file_trouble(muctl_program *muctl, const char *file)
{
    return muctl_trouble(muctl, MUCLIENT_UNKNOWN, "", "cannot write \"%s\": %s", file,
                         strerrordesc_np(errno));
}

/* One of the two. */
static int file_write(muctl_program *muctl, const char *file, const muctl_call_tree *tree,
                      const char *title)
{
    FILE *out = fopen(file, "we");
    if (out == NULL) {
        return file_trouble(muctl, file);
    }
    if (title != NULL) {
        muctl_flame_write(out, tree, title);
    } else {
        muctl_folded_write(out, tree);
    }
    bool is_bad = ferror(out) != 0;
    if (fclose(out) != 0 || is_bad) {
        return file_trouble(muctl, file);
    }
    return 0;
}

static int files_write(muctl_program *muctl, const profile_files *files,
                       const muctl_call_tree *tree, const muclient_profile *profile)
{
    char title[200];
    int status = 0;
    (void)snprintf(title, sizeof title, "VM %.100s: %llu samples in %.1fs",
                   muctl->arguments.words[0], (unsigned long long)profile->samples,
                   (double)profile->wall_us / 1e6);
    if (files->is_to_out) {
        muctl_folded_write(muctl->out, tree);
    }
    if (files->folded != NULL) {
        status = file_write(muctl, files->folded, tree, NULL);
    }
    if (status == 0 && files->graph != NULL) {
        status = file_write(muctl, files->graph, tree, title);
    }
    return status;
}

/* A function by its own samples, wherever it was called. */
typedef struct hot {
    const char *name;
    uint64_t self;
} hot;

static int by_name(const void *left, const void *right)
{
    return strcmp(((const hot *)left)->name, ((const hot *)right)->name);
}

static int by_samples(const void *left, const void *right)
{
    const hot *a = left;
    const hot *b = right;
    return a->self != b->self ? (a->self > b->self ? -1 : 1) : strcmp(a->name, b->name);
}

static void hottest_print(FILE *out, const muctl_call_tree *tree)
{
    size_t count = 0;
    hot *functions = calloc(tree->count, sizeof *functions);
    for (size_t i = 1; functions != NULL && i < tree->count; i++) {
        functions[i - 1] = (hot){tree->calls[i].name, tree->calls[i].self};
    }
    if (functions == NULL || tree->count < 2) {
        free(functions);
        return;
    }
    qsort(functions, tree->count - 1, sizeof *functions, by_name);
    for (size_t i = 1; i < tree->count - 1; i++) {
        if (strcmp(functions[i].name, functions[count].name) == 0) {
            functions[count].self += functions[i].self;
        } else {
            functions[++count] = functions[i];
        }
    }
    qsort(functions, ++count, sizeof *functions, by_samples);
    for (size_t i = 0; i < count && i < HOTTEST_MOST && functions[i].self > 0; i++) {
        (void)fprintf(out, "%6.2f%%  %s\n",
                      100 * (double)functions[i].self / (double)tree->calls[0].total,
                      functions[i].name);
    }
    free(functions);
}

static void summary_print(const muctl_program *muctl, const muclient_profile *profile,
                          const muctl_call_tree *tree, const profile_files *files)
{
    FILE *out = files->is_to_out ? muctl->err : muctl->out;
    const char *vm = muctl->arguments.words[0];
    double seconds = (double)profile->wall_us / 1e6;
    if (profile->samples == 0) {
        (void)fprintf(out, "no samples in %.1fs: no call or thread of %s ran; nothing is written\n",
                      seconds, vm);
        return;
    }
    (void)fprintf(out, "%llu samples of %s in %.1fs", (unsigned long long)profile->samples, vm,
                  seconds);
    if (profile->stopped_ticks > 0 && profile->ticks > 0) {
        (void)fprintf(out, "; stopped, as for collections, %.1f%% of the time",
                      100 * (double)profile->stopped_ticks / (double)profile->ticks);
    }
    (void)fputs("; innermost were\n", out);
    hottest_print(out, tree);
    if (files->folded != NULL || files->graph != NULL) {
        (void)fprintf(out, "wrote %s%s%s\n", files->graph == NULL ? "" : files->graph,
                      files->graph != NULL && files->folded != NULL ? " and " : "",
                      files->folded == NULL ? "" : files->folded);
    }
}

static void profile_json(const muctl_program *muctl, const muclient_profile *profile,
                         const muctl_call_tree *tree)
{
    muctl_json json;
    size_t *path = calloc(tree->depth + 1, sizeof *path);
    muctl_document_begin(muctl, &json, "profile");
    muctl_json_string(&json, "vm", profile->vm);
    muctl_json_unsigned(&json, "samples", profile->samples);
    muctl_json_unsigned(&json, "others", profile->others);
    muctl_json_unsigned(&json, "ticks", profile->ticks);
    muctl_json_unsigned(&json, "stopped_ticks", profile->stopped_ticks);
    muctl_json_unsigned(&json, "wall_us", profile->wall_us);
    muctl_json_array_begin(&json, "stacks");
    for (size_t i = 1; path != NULL && i < tree->count; i++) {
        const muctl_call *call = &tree->calls[i];
        path[call->depth] = i;
        if (call->self == 0) {
            continue;
        }
        muctl_json_object_begin(&json, NULL);
        muctl_json_array_begin(&json, "frames");
        for (size_t depth = 1; depth <= call->depth; depth++) {
            muctl_json_string(&json, NULL, tree->calls[path[depth]].name);
        }
        muctl_json_array_end(&json);
        muctl_json_unsigned(&json, "samples", call->self);
        muctl_json_object_end(&json);
    }
    muctl_json_array_end(&json);
    muctl_document_end(&json);
    free(path);
}

static int profile_show(muctl_program *muctl, const muclient_profile *profile,
                        const profile_files *files)
{
    muctl_call_tree tree;
    int status = 0;
    if (!muctl_call_tree_make(&tree, profile)) {
        status = muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    } else if (profile->samples > 0) {
        status = files_write(muctl, files, &tree, profile);
    }
    if (status == 0 && muctl->is_json) {
        profile_json(muctl, profile, &tree);
    } else if (status == 0) {
        summary_print(muctl, profile, &tree, files);
    }
    muctl_call_tree_deinit(&tree);
    return status == 0 ? muctl_written(muctl) : status;
}

int muctl_profile_command(muctl_program *muctl)
{
    muclient_profile_spec spec;
    profile_files files = {0};
    muclient_reply *reply = NULL;
    int first_signal = 0;
    int status = spec_read(muctl, &spec);
    if (status == 0) {
        status = files_choose(muctl, &files);
    }
    if (status == 0) {
        status = muctl_connect(muctl);
    }
    if (status == 0) {
        status = profile_get(muctl, &spec, &reply, &first_signal);
    }
    if (status == 0) {
        status = profile_show(muctl, muclient_reply_profile(reply), &files);
    }
    muclient_reply_free(reply);
    free(files.folded);
    free(files.graph);
    return status == 0 && first_signal == SIGTERM ? 128 + first_signal : status;
}
