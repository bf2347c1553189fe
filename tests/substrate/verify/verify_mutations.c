/* Verifies mutated texts: words of each text are replaced by others of the same class (types by
 * types, values by values, keywords by keywords), dropped or doubled at random, which often keeps
 * the syntax and breaks the rules. What parses must be verified without a crash, and with the same
 * outcome whether or not there is a report. Usage: verify_mutations COUNT FOLDER… */
#include "mu_verify.h"
#include "uir_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct mutation_run {
    unsigned rounds;
    uint64_t random; /* xorshift state: the same mutations every time */
    unsigned parsed;
    unsigned refused;
    unsigned failures;
} mutation_run;

typedef enum word_class {
    CLASS_OTHER, /* marks, and names of what a mutation should leave alone */
    CLASS_TYPE,
    CLASS_SIG,
    CLASS_VALUE,
    CLASS_LOCAL,
    CLASS_KEYWORD,
    CLASS_NUMBER,
} word_class;

typedef struct word {
    uint32_t begin, length;
    word_class class;
    bool is_spaced; /* does not touch the word before it: "->" and "<[" are two words each */
} word;
typedef MU_ARRAY(word) word_list;

static uint32_t below(mutation_run *run, uint32_t limit)
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return (uint32_t)(run->random >> 16) % limit;
}

/* The class of names that the definition keyword at `text` introduces. */
static word_class class_of_definition(const char *text)
{
    static const struct {
        const char *keyword;
        word_class class;
    } kinds[] = {{".typedef", CLASS_TYPE}, {".funcsig", CLASS_SIG},    {".const", CLASS_VALUE},
                 {".global", CLASS_VALUE}, {".funcdecl", CLASS_VALUE}, {".funcdef", CLASS_VALUE}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(text, kinds[i].keyword, strlen(kinds[i].keyword)) == 0) {
            return kinds[i].class;
        }
    }
    return CLASS_OTHER;
}

/* Words as the grammar has them, roughly: names, numbers and keywords, or single marks. */
static void split(const char *text, word_list *words)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.-+@%#";
    uint32_t at = 0;
    uint32_t end = UINT32_MAX; /* of the word before */
    while (text[at]) {
        uint32_t length = (uint32_t)strspn(text + at, LETTERS);
        if (text[at] == '/') {
            at += (uint32_t)strcspn(text + at, "\n");
            continue;
        }
        length = length ? length : 1;
        if (!strchr(" \n\t", text[at])) {
            MU_ARRAY_PUSH(words, (word){.begin = at, .length = length, .is_spaced = at != end});
            end = at + length;
        }
        at += length;
    }
}

static void classify(const char *text, const word_list *words)
{
    mu_map *defined = mu_map_new(); /* name → the word that defines it */
    for (uint32_t i = 0; i + 1 < words->count; i++) {
        word *name = &words->items[i + 1];
        name->class = class_of_definition(text + words->items[i].begin);
        if (name->class != CLASS_OTHER) {
            mu_map_put(defined, text + name->begin, name->length, name);
        }
    }
    for (uint32_t i = 0; i < words->count; i++) {
        word *item = &words->items[i];
        char first = text[item->begin];
        const word *definition = mu_map_get(defined, text + item->begin, item->length);
        if (definition == item) {
            continue;
        }
        if (definition) {
            item->class = definition->class;
        } else if (first == '%') {
            item->class = CLASS_LOCAL;
        } else if (first >= 'A' && first <= 'Z') {
            item->class = CLASS_KEYWORD;
        } else if (first >= '0' && first <= '9') {
            item->class = CLASS_NUMBER;
        }
    }
    mu_map_free(defined);
    /* Definitions themselves stay, or nothing would resolve. */
    for (uint32_t i = 0; i + 1 < words->count; i++) {
        if (class_of_definition(text + words->items[i].begin) != CLASS_OTHER) {
            words->items[i + 1].class = CLASS_OTHER;
        }
    }
}

/* A word of the same class; of locals, which have scopes, one close by. */
static word pick(mutation_run *run, const word_list *words, uint32_t at)
{
    for (unsigned tries = 0; tries < 200; tries++) {
        uint32_t other = below(run, words->count);
        if (words->items[at].class == CLASS_LOCAL) {
            other = at + below(run, 41) - 20;
        }
        if (other < words->count && words->items[other].class == words->items[at].class) {
            return words->items[other];
        }
    }
    return words->items[at];
}

static void mutate(mutation_run *run, const word_list *words)
{
    uint32_t changes = 1 + below(run, 3);
    for (uint32_t i = 0; i < changes; i++) {
        uint32_t at = below(run, words->count);
        if (below(run, 20) == 0) {
            words->items[at].length = 0;
        } else if (words->items[at].class != CLASS_OTHER) {
            word other = pick(run, words, at);
            words->items[at].begin = other.begin;
            words->items[at].length = other.length;
        } else {
            changes += changes < 100;
        }
    }
}

static char *join(const char *text, const word_list *words, size_t *length)
{
    size_t room = 1;
    for (uint32_t i = 0; i < words->count; i++) {
        room += words->items[i].length + 1;
    }
    char *out = mu_allocate(room);
    size_t used = 0;
    for (uint32_t i = 0; i < words->count; i++) {
        if (words->items[i].is_spaced) {
            out[used++] = ' ';
        }
        memcpy(out + used, text + words->items[i].begin, words->items[i].length);
        used += words->items[i].length;
    }
    *length = used;
    return out;
}

static void verify(mutation_run *run, const char *text, size_t length)
{
    mu_ir_env *env = mu_ir_env_new_root();
    mu_report *report = mu_report_new();
    mu_ir_bundle *bundle = NULL;
    if (mu_ir_parse(env, "mutation", text, length, report, &bundle) == MU_OK) {
        mu_verify_options strict = {.allow_native = false};
        mu_verify_options lenient = {.allow_native = true, .allow_uncompiled = true};
        mu_status first = mu_verify_bundle(env, bundle, &strict, report);
        mu_status again = mu_verify_bundle(env, bundle, &strict, NULL);
        mu_status loose = mu_verify_bundle(env, bundle, &lenient, NULL);
        bool agrees = first == again && (first == MU_OK) == (mu_report_total(report) == 0) &&
                      (loose == first || (loose != MU_INVALID && first != MU_INVALID));
        if (!agrees) {
            printf("strict %s, again %s, lenient %s:\n%.*s\n", mu_status_name(first),
                   mu_status_name(again), mu_status_name(loose), (int)length, text);
        }
        run->failures += !agrees;
        run->parsed++;
        run->refused += first == MU_INVALID;
        mu_ir_bundle_free(bundle);
    }
    mu_report_free(report);
    mu_ir_env_release(env, NULL);
}

static void run_file(const uir_file *file, void *context)
{
    mutation_run *run = context;
    for (unsigned i = 0; i < run->rounds; i++) {
        word_list words = {0};
        split(file->text, &words);
        if (words.count) {
            classify(file->text, &words);
            mutate(run, &words);
            size_t length;
            char *text = join(file->text, &words, &length);
            verify(run, text, length);
            mu_free(text);
        }
        MU_ARRAY_FREE(&words);
    }
}

int main(int count, char **arguments)
{
    mutation_run run = {
        .rounds = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 0,
        .random = 0x9e3779b97f4a7c15,
    };
    for (int i = 2; i < count; i++) {
        (void)uir_file_each(arguments[i], run_file, &run);
    }
    printf("%u mutations parsed, %u of them refused, %u failures\n", run.parsed, run.refused,
           run.failures);
    return run.failures || !run.refused;
}
