#pragma once
/* Counts the calls of each function of MuVM and MuCtx, so that a test can tell which it has tried.
 * The code is made by client/muapi_write.py. */
#include "muapi.h"

typedef struct muapi_count {
    const char *name; /* "MuCtx.new_fixed" */
    unsigned calls;
} muapi_count;

extern muapi_count muapi_counts[];
extern const unsigned muapi_count_number;

/* From here on the calls through this MuVM, or this MuCtx, are counted. */
void muapi_count_vm(MuVM *vm);
void muapi_count_ctx(MuCtx *ctx);
