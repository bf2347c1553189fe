/* Compares random programs on the oracle and as compiled code.
 *
 * The comparing is done in child processes, since compiled code may crash or hang: a worker goes
 * from seed to seed and notes each in shared memory, so that its parent knows which one it died of
 * and goes on after it. */
#include "coverage.h"
#include "engine.h"
#include "generate.h"
#include "minimise.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef enum verdict { SAME, DIFFERENT, REFUSED, UNDEFINED, CRASHED, HUNG, VERDICT_COUNT } verdict;
static const char *const verdict_names[] = {"same",      "different", "refused",
                                            "undefined", "crashed",   "hung"};

typedef struct options {
    uint64_t seed, count;
    double seconds;
    bool stress, minimises, prints, counts_parts;
    const char *folder;
    const char *file;
    uint64_t failures_max;
    double hang_seconds;
} options;

typedef struct shared_state {
    uint64_t seed; /* at hand */
    uint64_t counts[VERDICT_COUNT];
    uint64_t traps, returned, errors; /* lines of transcripts, to see what the programs do */
    uint64_t bad_seed;                /* the worker stopped at it, when `is_bad` */
    bool is_bad;
    verdict bad_verdict;
} shared_state;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static mu_substrate *new_substrate(void)
{
    mu_substrate_config config = mu_substrate_config_from_environment();
    config.workers = config.workers ? config.workers : 1;
    config.code_bytes = 64ull << 20;
    mu_substrate *substrate = NULL;
    mu_report *report = mu_report_new();
    mu_status status = mu_substrate_new(&config, report, &substrate);
    MU_INVARIANT(status == MU_OK, "no substrate: %s", mu_status_name(status));
    mu_report_free(report);
    return substrate;
}

static uint64_t occurrences(const char *text, const char *what)
{
    uint64_t count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        count++;
    }
    return count;
}

/* `state` may be NULL; where `out` is not NULL, both transcripts go there. */
static verdict compare(mu_substrate *substrate, const char *program, shared_state *state, FILE *out)
{
    engine_text expected = {0};
    engine_text actual = {0};
    engine_write(&expected, "%s", "");
    engine_write(&actual, "%s", "");
    verdict result;
    engine_verdict plain = engine_run_oracle(program, &expected);
    if (plain == ENGINE_REFUSED) {
        result = REFUSED;
    } else if (plain == ENGINE_UNDEFINED) {
        result = UNDEFINED;
    } else {
        if (out) {
            fprintf(out, "---- oracle\n%s", expected.text);
            fflush(out);
        }
        engine_run_compiled(substrate, program, &actual);
        result = strcmp(expected.text, actual.text) == 0 ? SAME : DIFFERENT;
        if (out) {
            fprintf(out, "---- compiled\n%s", actual.text);
        }
    }
    if (out && (result == REFUSED || result == UNDEFINED)) {
        fprintf(out, "---- %s\n%s", verdict_names[result], expected.text);
    }
    if (state) {
        state->traps += occurrences(expected.text, "trap,");
        state->returned += occurrences(expected.text, "returned");
        state->errors += occurrences(expected.text, "error ");
    }
    mu_free(expected.text);
    mu_free(actual.text);
    return result;
}

/* -------------------------------------------------------------------------------- one program */

/* Waits for the child: its exit code is a verdict. */
static verdict await_verdict(pid_t child, double seconds)
{
    double until = now() + seconds;
    int status;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (now() > until) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return HUNG;
        }
        usleep(300);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) < VERDICT_COUNT) {
        return (verdict)WEXITSTATUS(status);
    }
    return CRASHED;
}

static verdict compare_apart(const char *program, FILE *out, bool is_silent, double seconds)
{
    pid_t child = fork();
    if (child == 0) {
        if (is_silent && !freopen("/dev/null", "w", stderr)) {
            _exit(1);
        }
        mu_substrate *substrate = new_substrate();
        verdict result = compare(substrate, program, NULL, out);
        if (out) {
            fflush(out);
        }
        _exit((int)result);
    }
    return await_verdict(child, seconds);
}

typedef struct minimise_context {
    verdict wanted;
    double seconds;
    uint64_t tries;
} minimise_context;

static bool still_fails(const char *program, void *opaque)
{
    minimise_context *context = opaque;
    context->tries++;
    return compare_apart(program, NULL, true, context->seconds) == context->wanted;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        return;
    }
    fputs(text, file);
    fclose(file);
}

static void report(const options *chosen, const char *name, const char *program, verdict result)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.uir", chosen->folder, name);
    write_file(path, program);
    printf("%s: %s\n", path, verdict_names[result]);
    fflush(stdout);
    char *shown = mu_string_copy(program, strlen(program));
    if (chosen->minimises) {
        minimise_context context = {.wanted = result, .seconds = result == HUNG ? 2 : 20};
        mu_free(shown);
        shown = minimise_program(program, still_fails, &context);
        snprintf(path, sizeof path, "%s/%s.min.uir", chosen->folder, name);
        write_file(path, shown);
        printf("%s: minimised in %llu tries\n%s", path, (unsigned long long)context.tries, shown);
    }
    fflush(stdout);
    if (chosen->minimises || chosen->prints) {
        verdict again = compare_apart(shown, stdout, false, 20);
        printf("---- %s\n", verdict_names[again]);
    }
    fflush(stdout);
    mu_free(shown);
}

/* --------------------------------------------------------------------------------- the worker */

static void work(const options *chosen, shared_state *state, double until)
{
    mu_substrate *substrate = new_substrate();
    while (state->seed < chosen->seed + chosen->count && now() < until) {
        char *program = generate_program(state->seed, engine_is_trusted());
        verdict result = compare(substrate, program, state, NULL);
        mu_free(program);
        state->counts[result]++;
        if (result != SAME && result != UNDEFINED) {
            state->bad_seed = state->seed++;
            state->bad_verdict = result;
            state->is_bad = true;
            _exit(0);
        }
        state->seed++;
    }
    mu_substrate_free(substrate);
    exit(0);
}

/* Runs a worker to its end; false when there is nothing left to do. */
static bool supervise(const options *chosen, shared_state *state, double until)
{
    if (state->seed >= chosen->seed + chosen->count || now() >= until) {
        return false;
    }
    state->is_bad = false;
    pid_t child = fork();
    if (child == 0) {
        work(chosen, state, until);
    }
    uint64_t last = state->seed;
    double changed = now();
    int status;
    while (waitpid(child, &status, WNOHANG) == 0) {
        usleep(2000);
        if (state->seed != last) {
            last = state->seed;
            changed = now();
        } else if (now() - changed > chosen->hang_seconds) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            state->bad_seed = state->seed++;
            state->bad_verdict = HUNG;
            state->is_bad = true;
            state->counts[HUNG]++;
            return true;
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        state->bad_seed = state->seed++;
        state->bad_verdict = CRASHED;
        state->is_bad = true;
        state->counts[CRASHED]++;
    }
    return true;
}

static int run_seeds(const options *chosen)
{
    shared_state *state =
        mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MU_INVARIANT(state != MAP_FAILED, "no shared memory");
    state->seed = chosen->seed;
    double start = now();
    uint64_t failures = 0;
    while (failures < chosen->failures_max && supervise(chosen, state, start + chosen->seconds)) {
        if (state->is_bad) {
            failures++;
            char name[64];
            snprintf(name, sizeof name, "seed-%llu", (unsigned long long)state->bad_seed);
            char *program = generate_program(state->bad_seed, engine_is_trusted());
            report(chosen, name, program, state->bad_verdict);
            mu_free(program);
        }
    }
    uint64_t programs = state->seed - chosen->seed;
    double seconds = now() - start;
    printf("%llu programs in %.1f s (%.0f a second):", (unsigned long long)programs, seconds,
           (double)programs / seconds);
    for (uint32_t i = 0; i < VERDICT_COUNT; i++) {
        printf(" %llu %s", (unsigned long long)state->counts[i], verdict_names[i]);
    }
    printf("; %llu calls returned, %llu ended with an error, %llu traps\n",
           (unsigned long long)state->returned, (unsigned long long)state->errors,
           (unsigned long long)state->traps);
    return failures ? 1 : 0;
}

/* ------------------------------------------------------------------------------------- options */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(2);
    }
    engine_text text = {0};
    engine_write(&text, "%s", "");
    char line[4096];
    while (fgets(line, sizeof line, file)) {
        engine_write(&text, "%s", line);
    }
    fclose(file);
    return text.text;
}

static int run_file(const options *chosen)
{
    char *program = read_file(chosen->file);
    verdict result = compare_apart(program, stdout, false, chosen->hang_seconds);
    printf("---- %s\n", verdict_names[result]);
    fflush(stdout);
    if (chosen->minimises && result != SAME) {
        report(chosen, "file", program, result);
    }
    mu_free(program);
    return result == SAME ? 0 : 1;
}

static void usage(void)
{
    fputs(
        "usage: differential [--seed N] [--count N] [--time SECONDS] [--stress] [--trusted]\n"
        "                    [--minimise] [--show] [--failures N] [--out FOLDER] [--hang SECONDS]\n"
        "                    [--print SEED] [--coverage] [FILE]\n",
        stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    options chosen = {.seed = 1,
                      .count = UINT64_MAX / 2,
                      .seconds = 20,
                      .folder = ".",
                      .failures_max = 1,
                      .hang_seconds = 20};
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(option, "--stress") == 0) {
            setenv("MU_GC_STRESS", "1", 1);
            setenv("MU_YIELD_STRESS", "1", 1);
            setenv("MU_GC_VERIFY", "1", 1);
        } else if (strcmp(option, "--trusted") == 0) {
            setenv(ENGINE_TRUSTED_VARIABLE, "1", 1);
        } else if (strcmp(option, "--minimise") == 0) {
            chosen.minimises = true;
        } else if (strcmp(option, "--coverage") == 0) {
            chosen.counts_parts = true;
        } else if (strcmp(option, "--show") == 0) {
            chosen.prints = true;
        } else if (option[0] != '-') {
            chosen.file = option;
        } else if (!value) {
            usage();
        } else {
            i++;
            if (strcmp(option, "--seed") == 0) {
                chosen.seed = strtoull(value, NULL, 0);
            } else if (strcmp(option, "--count") == 0) {
                chosen.count = strtoull(value, NULL, 0);
                chosen.seconds = 1e9;
            } else if (strcmp(option, "--time") == 0) {
                chosen.seconds = strtod(value, NULL);
            } else if (strcmp(option, "--failures") == 0) {
                chosen.failures_max = strtoull(value, NULL, 0);
            } else if (strcmp(option, "--hang") == 0) {
                chosen.hang_seconds = strtod(value, NULL);
            } else if (strcmp(option, "--out") == 0) {
                chosen.folder = value;
            } else if (strcmp(option, "--print") == 0) {
                char *program = generate_program(strtoull(value, NULL, 0), engine_is_trusted());
                fputs(program, stdout);
                mu_free(program);
                return 0;
            } else {
                usage();
            }
        }
    }
    if (chosen.counts_parts) {
        return coverage_check(chosen.seed, chosen.count, chosen.prints) ? 0 : 1;
    }
    return chosen.file ? run_file(&chosen) : run_seeds(&chosen);
}
