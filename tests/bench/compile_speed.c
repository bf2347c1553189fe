/* Ours: each run makes a code cache and a compiler of its own, as when mud starts, and has every
 * function compiled without calling any; so it reaches below the substrate's face. Three times are
 * told apart: from text to linked IR, the verifier, the quick tier. Theirs: a process of its own,
 * from its start to its end, with the preprocessor, three standard headers and writing the object
 * file, but not the linker. */
#include "compile_speed.h"
#include "bench_samples.h"
#include "mu_jit.h"
#include "mu_verify.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS_MAX         101
#define COMPILER_RUNS    3
#define CODE_CACHE_BYTES (64ull << 20)
#define FILE_MAX_BYTES   (1u << 22)

typedef struct source {
    const char *path;
    char *text;
    size_t length;
} source;

typedef struct bundle_times {
    double parse, verify, compile, optimise; /* seconds */
    uint64_t insts, blocks, arguments, code_bytes, optimised_insts, optimised_bytes;
    uint32_t functions, optimised_functions;
} bundle_times;

_Noreturn static void give_up(const char *what, mu_report *report)
{
    fprintf(stderr, "%s: %s\n", what, report ? mu_report_text(report) : "failed");
    exit(1);
}

static source read_source(const char *path)
{
    source read = {.path = path, .text = mu_allocate(FILE_MAX_BYTES)};
    FILE *file = fopen(path, "rb");
    if (!file) {
        give_up(path, NULL);
    }
    read.length = fread(read.text, 1, FILE_MAX_BYTES, file);
    fclose(file);
    return read;
}

/* Nothing is exposed to C, and nothing runs. */
static mu_abi_thread *never_called(mu_jit_callback *callback)
{
    (void)callback;
    abort();
}

static void compile_versions(mu_jit *jit, const mu_ir_bundle *bundle, bundle_times *times)
{
    double start = bench_now();
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        mu_jit_room room = {.code_bytes = UINT64_MAX, .metadata_bytes = UINT64_MAX};
        const void *entry;
        if (mu_jit_compile(jit, bundle->versions[i], &room, &entry) != MU_OK) {
            give_up(bundle->versions[i]->entity.label, NULL);
        }
    }
    times->compile = bench_now() - start;
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        const mu_ir_version *version = bundle->versions[i];
        times->insts += version->inst_count;
        times->blocks += version->block_count;
        times->code_bytes += mu_jit_version_bytes(version).code_bytes;
        for (uint32_t k = 0; k < version->block_count; k++) {
            times->arguments += version->blocks[k].params.count;
        }
    }
    times->functions = bundle->version_count;
}

/* The same again by the optimising tier: what it can have. */
static void optimise_versions(mu_jit *jit, const mu_ir_bundle *bundle, bundle_times *times)
{
    double start = bench_now();
    for (uint32_t i = 0; i < bundle->version_count; i++) {
        mu_jit_room room = {.code_bytes = UINT64_MAX, .metadata_bytes = UINT64_MAX};
        const mu_code_object *object;
        if (mu_jit_optimise(jit, bundle->versions[i], &room, &object) == MU_OK) {
            times->optimised_functions++;
            times->optimised_insts += bundle->versions[i]->inst_count;
            times->optimised_bytes += object->size_bytes;
        }
    }
    times->optimise = bench_now() - start;
}

static bundle_times compile_bundle(const source *uir, bool is_trusted)
{
    bundle_times times = {0};
    mu_code_config config = {.size_bytes = CODE_CACHE_BYTES};
    mu_verify_options options = {.allow_native = is_trusted};
    mu_report *report = mu_report_new();
    mu_ir_env *root = mu_ir_env_new_root();
    mu_code_cache *cache;
    mu_ir_bundle *bundle;
    mu_jit *jit;
    if (mu_code_cache_new(&config, &cache) != MU_OK ||
        mu_jit_new(cache, never_called, &jit) != MU_OK) {
        give_up("code cache", NULL);
    }
    double start = bench_now();
    if (mu_ir_parse(root, uir->path, uir->text, uir->length, report, &bundle) != MU_OK) {
        give_up(uir->path, report);
    }
    times.parse = bench_now() - start;
    if (mu_verify_bundle(root, bundle, &options, report) != MU_OK) {
        give_up(uir->path, report);
    }
    times.verify = bench_now() - start - times.parse;
    bundle->trusted = is_trusted;
    mu_ir_env *env = mu_ir_env_extend(root, bundle);
    compile_versions(jit, bundle, &times);
    optimise_versions(jit, bundle, &times);
    mu_jit_free_bundle(jit, bundle);
    mu_ir_env_release(env, NULL);
    mu_ir_env_release(root, NULL);
    mu_jit_free(jit);
    mu_code_cache_free(cache);
    mu_report_free(report);
    return times;
}

static double compile_twins(const char *c_path, const char *compiler, const char *level)
{
    char *words[] = {strdup(compiler),      strdup(level),  strdup("-fwrapv"),
                     strdup("-DTWIN(n)=n"), strdup("-c"),   strdup("-o"),
                     strdup("/dev/null"),   strdup(c_path), NULL};
    double seconds[COMPILER_RUNS];
    for (int run = 0; run < COMPILER_RUNS; run++) {
        pid_t process;
        int status;
        double start = bench_now();
        if (posix_spawn(&process, compiler, NULL, NULL, words, environ) != 0 ||
            waitpid(process, &status, 0) != process || status != 0) {
            give_up(compiler, NULL);
        }
        seconds[run] = bench_now() - start;
    }
    for (char **word = words; *word; word++) {
        free(*word);
    }
    return bench_median(seconds, COMPILER_RUNS);
}

static void print_ours(const source *uir, bool is_trusted, int runs, double *whole)
{
    double parse[RUNS_MAX];
    double verify[RUNS_MAX];
    double compile[RUNS_MAX];
    double optimise[RUNS_MAX];
    bundle_times times = {0};
    for (int run = 0; run < runs; run++) {
        times = compile_bundle(uir, is_trusted);
        parse[run] = times.parse;
        verify[run] = times.verify;
        compile[run] = times.compile;
        optimise[run] = times.optimise;
    }
    double parsed = bench_median(parse, runs);
    double verified = bench_median(verify, runs);
    double compiled = bench_median(compile, runs);
    *whole = parsed + verified + compiled;
    printf("compiling all: %u functions, %llu blocks with %llu arguments, %llu instructions, %llu "
           "KiB of machine code\n",
           times.functions, (unsigned long long)times.blocks, (unsigned long long)times.arguments,
           (unsigned long long)times.insts, (unsigned long long)times.code_bytes >> 10);
    printf("  quick tier        %8.2f ms, %.2f million IR instructions a second\n", compiled * 1e3,
           (double)times.insts / compiled * 1e-6);
    double optimised = bench_median(optimise, runs);
    printf("  optimising tier   %8.2f ms, %.2f million a second: %u functions, %llu KiB\n",
           optimised * 1e3, (double)times.optimised_insts / optimised * 1e-6,
           times.optimised_functions, (unsigned long long)times.optimised_bytes >> 10);
    printf("  mud from text     %8.2f ms: parsed in %.2f, verified in %.2f, compiled\n",
           *whole * 1e3, parsed * 1e3, verified * 1e3);
}

void compile_speed_print(const char *uir_path, const char *c_path, const char *compiler,
                         bool is_trusted, int runs)
{
    static const char *const levels[] = {"-O0", "-O2"};
    source uir = read_source(uir_path);
    double ours;
    print_ours(&uir, is_trusted, runs < RUNS_MAX ? runs : RUNS_MAX, &ours);
    for (int i = 0; i < 2; i++) {
        double theirs = compile_twins(c_path, compiler, levels[i]);
        printf("  %s -c %s %8.2f ms of the whole process, %.1f times mud's from text\n",
               strrchr(compiler, '/') ? strrchr(compiler, '/') + 1 : compiler, levels[i],
               theirs * 1e3, theirs / ours);
    }
    mu_free(uir.text);
}
