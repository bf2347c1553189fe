#include "muctl_outcome.h"
#include "muctl.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 16 };

outcome run_on(fake_mud *fake, const char *const *words)
{
    char *argv[MOST_WORDS + 4] = {strdup("muctl")};
    int argc = 1;
    if (fake != NULL) {
        argv[argc++] = strdup("--socket");
        argv[argc++] = strdup(fake_mud_socket(fake));
    }
    for (size_t i = 0; words[i] != NULL; i++) {
        argv[argc++] = strdup(words[i]);
    }
    outcome result = {0};
    size_t size;
    FILE *out = open_memstream(&result.out, &size);
    FILE *err = open_memstream(&result.err, &size);
    result.status = muctl_main(argc, argv, out, err, -1);
    (void)fclose(out);
    (void)fclose(err);
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return result;
}

void gives(fake_mud *fake, const char *const *words, int status, const char *out, const char *err)
{
    outcome result = run_on(fake, words);
    cr_expect_str_eq(result.out, out, "out: %s", result.out);
    cr_expect_str_eq(result.err, err, "err: %s", result.err);
    cr_expect_eq(result.status, status, "status %d", result.status);
    free(result.out);
    free(result.err);
}
