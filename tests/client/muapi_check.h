#pragma once
/* What the tests of the C interface over a real mud share: checks, and a MuVM with a program. */
#include "muapi_counted.h"
#include "muclient_mu.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct muapi_test {
    MuVM *vm;
    MuCtx *ctx; /* counted, as every context of muapi_context */
    int *error;
} muapi_test;

extern unsigned muapi_checks;
extern unsigned muapi_failures;

/* Counts, and prints a claim that is false. */
bool muapi_check(bool is_true, const char *file, int line, const char *claim);
#define CHECK(claim) muapi_check(claim, __FILE__, __LINE__, #claim)
/* The last operations were done. */
#define FINE(test) muapi_fine(test, __FILE__, __LINE__)
bool muapi_fine(const muapi_test *test, const char *file, int line);
/* They failed in this way, and the error is forgotten. */
#define FAILS(test, code, words) muapi_fails(test, code, words, __FILE__, __LINE__)
bool muapi_fails(const muapi_test *test, int code, const char *words, const char *file, int line);

MuCtx *muapi_context(MuVM *vm);
/* The id of a name that is a literal. */
MuID muapi_id(MuCtx *ctx, const char *name);
MuValue muapi_i64(MuCtx *ctx, int64_t number);
int64_t muapi_number(MuCtx *ctx, MuValue value);
/* What a global cell of type int<64> holds. */
int64_t muapi_cell(MuCtx *ctx, const char *name);
/* Starts a thread at a function, and gives its handle. */
MuValue muapi_start(MuCtx *ctx, const char *function, MuValue *values, MuArraySize count);

/* --- the tests, by file --- */
void muapi_test_values(muapi_test *test);
void muapi_test_memory(muapi_test *test);
void muapi_test_threads(muapi_test *test);
void muapi_test_frames(muapi_test *test);
void muapi_test_native(muapi_test *test);
void muapi_test_limits(muapi_test *test);
void muapi_test_builder(muapi_test *test);
void muapi_test_builder_all(muapi_test *test);
