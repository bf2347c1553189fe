#include "mud_daemon.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
    "Usage: mud [OPTION]...\n"
    "Hosts virtual machines and serves them to muctl and other clients over a Unix socket.\n"
    "\n"
    "  --socket PATH        listen here (default: $XDG_RUNTIME_DIR/mud/mud.sock, else\n"
    "                       /run/mud/mud.sock); its directory is created when absent\n"
    "  --private            stop as soon as standard input ends\n"
    "  --allow-native       let clients make VMs whose code may use pointers and call C; whoever "
    "can\n"
    "                       connect can then do anything that mud can\n"
    "  --workers N          threads that run guest code (default: one a core)\n"
    "  --heap-default SIZE  heap quota of a VM that asks for none, such as 64M (default: 256M)\n"
    "  --log LEVEL          error, warning, info (default) or debug; goes to standard error\n"
    "  --version            print the version\n"
    "  --help               print this text\n"
    "\n"
    "SIGTERM and SIGINT stop mud when the running calls have ended, at most 30 seconds later; a\n"
    "second one stops it at once. Environment: MU_WORKERS, MU_GC_STRESS=1, MU_GC_VERIFY=1,\n"
    "MU_GC_CONCURRENT=1, MU_YIELD_STRESS=1, MU_PERF_MAP=1, MU_GDB=1.\n"
    "Exit status: 0 after an orderly stop, 1 when mud cannot start, 2 for a wrong option.\n";

enum { MAX_WORKERS = 1024 };
#define LEAST_HEAP_BYTES (1ull << 20)
#define MOST_HEAP_BYTES  (1ull << 40)

static char *copy_text(const char *text)
{
    return mu_string_copy(text, strlen(text));
}

static char *join(const char *first, const char *second, const char *third)
{
    size_t length = strlen(first) + strlen(second) + strlen(third);
    char *joined = mu_allocate(length + 1);
    snprintf(joined, length + 1, "%s%s%s", first, second, third);
    return joined;
}

/* A number with nothing after it but one of `units`, each 1024 times the one before. */
static bool read_number(const char *text, const char *units, uint64_t *number)
{
    uint64_t sum = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum)) {
            return false;
        }
    }
    if (at == text) {
        return false;
    }
    if (*at != '\0') {
        const char *unit = strchr(units, *at);
        if (unit == NULL || at[1] != '\0') {
            return false;
        }
        uint64_t factor = 1ull << (10 * (unit - units + 1));
        if (__builtin_mul_overflow(sum, factor, &sum)) {
            return false;
        }
    }
    *number = sum;
    return true;
}

static bool set_socket(mud_options *options, const char *value)
{
    mu_free(options->socket_path);
    options->socket_path = copy_text(value);
    return value[0] != '\0';
}

static bool set_workers(mud_options *options, const char *value)
{
    uint64_t workers = 0;
    if (!read_number(value, "", &workers) || workers == 0 || workers > MAX_WORKERS) {
        return false;
    }
    options->workers = (uint32_t)workers;
    return true;
}

static bool set_heap(mud_options *options, const char *value)
{
    return read_number(value, "KMGT", &options->heap_bytes) &&
           options->heap_bytes >= LEAST_HEAP_BYTES && options->heap_bytes <= MOST_HEAP_BYTES;
}

static bool set_log(mud_options *options, const char *value)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(value, names[i]) == 0) {
            options->log_level = (mud_log_level)i;
            return true;
        }
    }
    return false;
}

static const struct {
    const char *name;
    bool (*set)(mud_options *options, const char *value);
    const char *wanted;
} valued_options[] = {
    {"--socket", set_socket, "a path"},
    {"--workers", set_workers, "a number from 1 to 1024"},
    {"--heap-default", set_heap, "a size from 1M to 1T, such as 64M"},
    {"--log", set_log, "error, warning, info or debug"},
};
enum { VALUED_OPTIONS = sizeof valued_options / sizeof valued_options[0] };

static char *complaint(const char *argument, const char *what)
{
    char *said = join("mud: ", argument, what);
    char *whole = join(said, "\nTry 'mud --help'.\n", "");
    mu_free(said);
    return whole;
}

/* Takes `--name VALUE` or `--name=VALUE` at *at; moves *at to the last word taken. NULL when it is
 * right, else a complaint. */
static char *take_valued(int count, char *const *arguments, int *at, mud_options *options)
{
    const char *argument = arguments[*at];
    for (int i = 0; i < VALUED_OPTIONS; i++) {
        size_t length = strlen(valued_options[i].name);
        if (strncmp(argument, valued_options[i].name, length) != 0 ||
            (argument[length] != '\0' && argument[length] != '=')) {
            continue;
        }
        const char *value = argument + length + 1;
        if (argument[length] == '\0') {
            *at += 1;
            value = *at < count ? arguments[*at] : NULL;
        }
        if (value == NULL || !valued_options[i].set(options, value)) {
            char *what = join(" wants ", valued_options[i].wanted, "");
            char *text = complaint(valued_options[i].name, what);
            mu_free(what);
            return text;
        }
        return NULL;
    }
    return complaint(argument, ": no such option");
}

mud_options_outcome mud_options_parse(int argument_count, char *const *arguments,
                                      const char *runtime_dir, mud_options *options, char **text)
{
    mud_options read = {.log_level = MUD_LOG_INFO};
    for (int i = 1; i < argument_count; i++) {
        bool wants_help = strcmp(arguments[i], "--help") == 0;
        if (wants_help || strcmp(arguments[i], "--version") == 0) {
            *text = copy_text(wants_help ? help_text : "mud " MUD_VERSION "\n");
            mud_options_deinit(&read);
            return MUD_OPTIONS_TEXT;
        }
        if (strcmp(arguments[i], "--private") == 0) {
            read.is_private = true;
            continue;
        }
        if (strcmp(arguments[i], "--allow-native") == 0) {
            read.allows_native = true;
            continue;
        }
        char *wrong = take_valued(argument_count, arguments, &i, &read);
        if (wrong != NULL) {
            *text = wrong;
            mud_options_deinit(&read);
            return MUD_OPTIONS_WRONG;
        }
    }
    if (read.socket_path == NULL) {
        bool has_runtime_dir = runtime_dir != NULL && runtime_dir[0] != '\0';
        read.socket_path = join(has_runtime_dir ? runtime_dir : "/run", "/mud/mud.sock", "");
    }
    *options = read;
    return MUD_OPTIONS_RUN;
}

void mud_options_deinit(mud_options *options)
{
    mu_free(options->socket_path);
    options->socket_path = NULL;
}
