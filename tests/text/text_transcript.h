#pragma once
/* What a run did, as seen from outside: the same form for the oracle and for compiled code, so that
 * both can be compared with the expectation and with each other. */
#include "text_case.h"

#define TRANSCRIPT_FRAMES 32 /* innermost ones are recorded */

typedef struct seen_frame {
    char place[160];
    bool is_undefined;
    MU_ARRAY(mu_value) values;
} seen_frame;

typedef struct seen_trap {
    uint32_t frame_total;
    uint32_t watchpoint;
    MU_ARRAY(seen_frame) frames;
} seen_trap;

typedef struct transcript {
    MU_ARRAY(seen_trap) traps;
    bool is_broken; /* the engine could not run it: `note` says why */
    text_outcome outcome;
    char error[32];
    MU_ARRAY(mu_value) results;
    char note[400];
} transcript;

void transcript_free(transcript *seen);
/* Marks it broken, once. */
void transcript_break(transcript *seen, const char *format, ...) MU_PRINTF(2, 3);

/* The expectation of the next trap; NULL: no more are expected. */
const text_trap *transcript_next_trap(const transcript *seen, const text_run *run);

/* Makes a value of a type from what is written. False when it does not fit. */
bool text_value_make(const text_value *written, mu_type_info type, mu_value *value);

/* Empty when the run did what was expected, else what differs. */
void transcript_check(const transcript *seen, const text_run *run, char *fault, size_t fault_bytes);
/* Empty when both did the same. */
void transcript_compare(const transcript *a, const transcript *b, char *fault, size_t fault_bytes);

/* What runs tests. */
typedef struct text_engine {
    const char *name;
    void *(*open)(const text_settings *settings);
    void (*close)(void *state);
    mu_status (*load)(void *state, const char *name, const char *text, mu_report *report);
    void (*watch)(void *state, uint32_t watchpoint, bool enables);
    void (*run)(void *state, const text_run *run, const char *path, transcript *seen);
} text_engine;

extern const text_engine text_oracle_engine;
/* The oracle, with each bundle built again by the IR builder, which must make the same of it. */
extern const text_engine text_rebuilt_engine;
/* NULL where there is none. The substrate is made at the first call of `open`. */
const text_engine *text_compiled_engine(void);
