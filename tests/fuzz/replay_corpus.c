/* Runs a folder of inputs through a fuzz target, without libFuzzer, so that every suite replays
 * what fuzzing found.
 *
 *   replay_corpus bundle|hail|context|proto FOLDER [MUTANTS]
 *
 * With MUTANTS, each bundle or script is also mutated that many times by tokens, from a fixed seed.
 */
#include "fuzz_targets.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_LIMIT_BYTES (1u << 20)

typedef struct input {
    uint8_t *bytes; /* INPUT_LIMIT_BYTES of room */
    size_t length;
} input;

typedef void target_fn(const uint8_t *bytes, size_t length);

static void replay_mutants(target_fn *target, const input *from, const input *other, unsigned count)
{
    uint8_t *bytes = malloc(INPUT_LIMIT_BYTES);
    for (unsigned i = 0; i < count; i++) {
        memcpy(bytes, from->bytes, from->length);
        size_t length = fuzz_mutate_tokens(bytes, from->length, INPUT_LIMIT_BYTES, other->bytes,
                                           other->length, i * 2654435761u + 1);
        target(bytes, length);
    }
    free(bytes);
}

static int read_input(const char *folder, const char *name, input *out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        return 0;
    }
    out->length = fread(out->bytes, 1, INPUT_LIMIT_BYTES, file);
    fclose(file);
    return 1;
}

static int replay_folder(const char *name, target_fn *target, const char *folder, unsigned mutants)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        fprintf(stderr, "cannot read the folder %s\n", folder);
        return 1;
    }
    unsigned count = 0;
    input inputs[2] = {{malloc(INPUT_LIMIT_BYTES), 0}, {malloc(INPUT_LIMIT_BYTES), 0}};
    for (struct dirent *entry; (entry = readdir(dir));) { /* NOLINT: this thread's own DIR */
        input *at = &inputs[count % 2];
        if (entry->d_name[0] == '.' || !read_input(folder, entry->d_name, at)) {
            continue;
        }
        count++;
        target(at->bytes, at->length);
        replay_mutants(target, at, &inputs[count % 2], mutants);
    }
    free(inputs[0].bytes);
    free(inputs[1].bytes);
    closedir(dir);
    printf("%s: %u inputs replayed\n", name, count);
    return count > 0 ? 0 : 1;
}

static target_fn *target_named(const char *name)
{
    static const struct {
        const char *name;
        target_fn *target;
    } targets[] = {{"bundle", fuzz_bundle},
                   {"hail", fuzz_hail},
                   {"context", fuzz_context},
                   {"proto", fuzz_proto}};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        if (strcmp(targets[i].name, name) == 0) {
            return targets[i].target;
        }
    }
    return NULL;
}

int main(int count, char **words)
{
    target_fn *target = count >= 3 ? target_named(words[1]) : NULL;
    if (!target) {
        fprintf(stderr, "usage: replay_corpus bundle|hail|context|proto FOLDER [MUTANTS]\n");
        return 2;
    }
    unsigned mutants = count > 3 ? (unsigned)strtoul(words[3], NULL, 10) : 0;
    return replay_folder(words[1], target, words[2], mutants);
}
