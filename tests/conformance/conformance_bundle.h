#pragma once
/* Their bundles, as far as they can be loaded: corrected where they are not type-correct, without
 * the functions whose instructions are not compiled. */
#include "text_transcript.h"

/* A correction: `old` on that line of the file becomes `new_text`. */
typedef struct conformance_correction {
    const char *file;
    uint32_t line;
    const char *old;
    const char *new_text;
} conformance_correction;

/* A function or definition that was refused, and what for. */
typedef struct conformance_refusal {
    const char *name;
    const char *reason; /* "SWAPSTACK", "values of stackref" */
} conformance_refusal;

typedef struct conformance_refusals {
    conformance_refusal *items;
    uint32_t count;
    uint32_t capacity;
} conformance_refusals;

/* Loads `path` as bundle `name`. What is refused as not compiled is taken out of the text, a
 * function becoming a declaration, and noted; then the rest is loaded. fault   why it could not be
 * loaded Returns whether it was loaded. */
bool conformance_load(const text_engine *engine, void *state, mu_arena *arena, const char *path,
                      const char *name, const conformance_correction *corrections,
                      uint32_t correction_count, conformance_refusals *refusals, char *fault,
                      size_t fault_bytes);
bool conformance_is_refused(const conformance_refusals *refusals, const char *function);
