#pragma once
/* Runs whole commands of muctl in the test's process. */
#include "fake_mud.h"

typedef struct outcome {
    int status;
    char *out; /* for free(), as is err */
    char *err;
} outcome;

/* Runs muctl on the fake (NULL: none is named) with the words, which end with NULL. */
outcome run_on(fake_mud *fake, const char *const *words);
/* The same, and it is to end and print so. */
void gives(fake_mud *fake, const char *const *words, int status, const char *out, const char *err);
#define GIVES(fake, status, out, err, ...)                                                         \
    gives(fake, (const char *[]){__VA_ARGS__, NULL}, status, out, err)
