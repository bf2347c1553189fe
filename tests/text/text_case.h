#pragma once
/* The small language of expectations in text tests; README.md describes it. A file is read into
 * cases, a case into the steps that a runner takes. Everything is owned by the file's arena. */
#include "mu.h"

/* A value as written: `type` is "" or what stood before the colon. */
typedef struct text_value {
    char type[16];
    char literal[256];
} text_value;

typedef struct text_values {
    text_value *items;
    uint32_t count;
    uint32_t capacity;
} text_values;

typedef struct text_frame {
    const char *place; /* an instruction's, version's or function's name; "_" is any */
    bool is_undefined;
    text_values values;
} text_frame;

typedef enum text_answer_kind { ANSWER_VALUES, ANSWER_THROW, ANSWER_KILL } text_answer_kind;

typedef struct text_trap {
    text_frame *frames; /* innermost first */
    uint32_t frame_count;
    uint32_t times;
    uint32_t watchpoint; /* its id; 0: a TRAP */
    bool collects;       /* before answering */
    uint32_t enables;    /* a watchpoint, before answering; 0: none */
    uint32_t disables;   /* likewise */
    const char *load;    /* a file to load before answering, or NULL */
    uint32_t pops;       /* frames to pop before answering */
    const char *push;    /* the function of a frame to push then, or NULL */
    text_answer_kind answer;
    text_values values;
    bool is_fresh;     /* THROW a new object */
    int32_t exception; /* THROW this keep-alive value; -1: NULL */
} text_trap;

typedef enum text_outcome { TEXT_RETURNS, TEXT_THROWS, TEXT_EXITS, TEXT_KILLED } text_outcome;

typedef struct text_run {
    const char *function;
    text_values arguments;
    text_trap *traps;
    uint32_t trap_count;
    text_outcome outcome;
    const char *error; /* THROWS: the kind */
    text_values results;
} text_run;

typedef enum text_step_kind {
    STEP_RUN,
    STEP_LOAD,
    STEP_HAIL,
    STEP_FRESH,
    STEP_WATCH
} text_step_kind;
typedef struct text_step {
    text_step_kind kind;
    bool is_heavy; /* RUN: left out by --light */
    uint32_t line;
    text_run run;
    const char *file;    /* LOAD */
    const char *script;  /* HAIL */
    const char *refusal; /* HAIL: a part of the message with which it must be refused, or NULL */
    uint32_t watchpoint; /* WATCH */
    bool enables;        /* WATCH */
} text_step;

typedef struct text_error {
    uint32_t line;  /* of the directive */
    uint32_t where; /* the line that must be complained about; 0: any */
    const char *part;
} text_error;

typedef struct text_settings {
    uint64_t heap_bytes;
    uint64_t stack_bytes;
    bool grant_native;
    bool waits_for_threads; /* a run ends when those that the program made have ended, too */
    bool only_oracle;       /* what this version does not compile */
    bool only_compiled;     /* what the oracle does not interpret */
} text_settings;

typedef struct text_case {
    const char *name; /* NULL: the whole file */
    uint32_t line;
    const char *text; /* the bundle; lines are those of the file */
    text_settings settings;
    text_step *steps;
    uint32_t step_count;
    text_error *errors;
    uint32_t error_count;
} text_case;

typedef struct text_file {
    mu_arena *arena;
    const char *path;
    const char **requires; /* files that every case loads first */
    uint32_t require_count;
    const char *prelude; /* loaded before each named case; NULL: none */
    text_case *cases;
    uint32_t case_count;
} text_file;

/* Reads and parses a file. Complaints about it go to `report`. The caller frees it. */
MU_MUST_CHECK mu_status text_file_read(const char *path, mu_report *report, text_file **file);
void text_file_free(text_file *file);
/* A whole file, NUL-terminated; the caller frees with mu_free. NULL when it cannot be read. */
char *text_read_all(const char *path, size_t *length);
/* `name` beside `path`, in the arena. */
const char *text_path_beside(mu_arena *arena, const char *path, const char *name);

/* Parses what follows "run:". False with a message in `fault`. */
bool text_parse_run(mu_arena *arena, const char *text, text_run *run, char *fault,
                    size_t fault_bytes);
