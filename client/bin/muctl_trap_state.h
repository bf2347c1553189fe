#pragma once
/* A trap in the hands of its handler: the frames as they are by now, and batches of operations on
 * the values of its context. */
#include "muctl.h"

enum { MUCTL_TRAP_VALUES = 64 };

typedef struct muctl_trap_state muctl_trap_state;
struct muctl_trap_state {
    muctl_trap_state *next;
    muctl_program *muctl;
    const muclient_trap *trap; /* as the handler got it last */
    uint64_t id;
    muclient_frame *frames; /* innermost first */
    uint64_t *handles;      /* of each frame's keep-alives the first; 0: not asked for yet */
    size_t frame_count;
    size_t changes; /* of the stack, through the context */
    uint64_t next_handle;
    char **names; /* of pushed functions */
    size_t name_count;
    uint64_t answer_handles[MUCTL_TRAP_VALUES]; /* what an answer passes */
};

/* The state of a new trap. NULL when memory is out. */
muctl_trap_state *muctl_trap_state_new(muctl_program *muctl, const muclient_trap *trap);
void muctl_trap_state_free(muctl_trap_state *state); /* NULL is allowed */
/* The innermost frames have gone. */
void muctl_trap_state_popped(muctl_trap_state *state, size_t count);
/* The function has been pushed. False when memory is out. */
bool muctl_trap_state_pushed(muctl_trap_state *state, const char *function);

enum { MUCTL_BATCH_OPERATIONS = 320, MUCTL_BATCH_OPERANDS = 1024 };
typedef struct muctl_batch {
    muctl_trap_state *state;
    muclient_operation items[MUCTL_BATCH_OPERATIONS];
    uint64_t operands[MUCTL_BATCH_OPERANDS];
    size_t count;
    size_t operand_count;
    uint64_t first_handle; /* the next one, when the batch was begun */
} muctl_batch;

void muctl_batch_begin(muctl_batch *batch, muctl_trap_state *state);
/* Adds an operation that has no handle as result; `text` may be NULL. Operands are 64-bit integers;
 * what there is no room for is found out when the batch is performed. */
void muctl_batch_do(muctl_batch *batch, const char *name, const char *text, size_t count,
                    const uint64_t *operands);
/* The same for one that has; gives the handle. */
uint64_t muctl_batch_make(muctl_batch *batch, const char *name, const char *text, size_t count,
                          const uint64_t *operands);
#define MUCTL_BATCH_DO(batch, name, text, ...)                                                     \
    muctl_batch_do((batch), (name), (text), sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),  \
                   (uint64_t[]){__VA_ARGS__})
#define MUCTL_BATCH_MAKE(batch, name, text, ...)                                                   \
    muctl_batch_make((batch), (name), (text),                                                      \
                     sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),                         \
                     (uint64_t[]){__VA_ARGS__})
/* Performs them. 0, or the exit status after the error was reported. `reply` may be NULL, else it
 * is the caller's. */
int muctl_batch_perform(muctl_batch *batch, muclient_reply **reply);

/* --- Places: "NAME.1[3].0", "FRAME:NAME", "@global.1" --- */

typedef struct muctl_place {
    size_t frame;
    size_t keepalive;
    bool is_global;
    const char *path; /* in the word */
} muctl_place;

/* Finds the keep-alive with the longest name that the word begins with, whole or without what is
 * before its last point; innermost first. Else what begins with @ is a global's. */
bool muctl_place_find(const muctl_trap_state *state, const char *word, muctl_place *place);
/* Adds what fetches the handle that the path begins at; 0 for a global. */
uint64_t muctl_place_root(muctl_batch *batch, const muctl_place *place);
/* Adds what makes a value of the word: a place's, or read as operation "read" does by `like` and
 * `index`. */
uint64_t muctl_value_make(muctl_batch *batch, const char *word, uint64_t like, uint64_t index);
