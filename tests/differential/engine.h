#pragma once
/* Runs one program on the oracle or as compiled code and tells what was seen, as text: the two
 * texts are equal exactly when the two agree. What a trap's handler answers depends only on how
 * many traps came before it. */
#include "mu.h"

typedef struct engine_text {
    char *text;
    size_t length, capacity;
} engine_text;
void engine_write(engine_text *out, const char *format, ...) MU_PRINTF(2, 3);
void engine_write_value(engine_text *out, const mu_value *value);

typedef enum engine_verdict {
    ENGINE_RAN,
    ENGINE_REFUSED,   /* the program does not load; the text is the report */
    ENGINE_UNDEFINED, /* it does what has no defined result, or takes too long */
} engine_verdict;

/* Do programs run with the grant native, so without checks of casts and shifts and with ALLOCA in
 * frames? Said by
 * --trusted, through the environment, since programs run in child processes. */
#define ENGINE_TRUSTED_VARIABLE "MUD_DIFFERENTIAL_TRUSTED"
bool engine_is_trusted(void);

engine_verdict engine_run_oracle(const char *program, engine_text *out);
engine_verdict engine_run_compiled(mu_substrate *substrate, const char *program, engine_text *out);

/* One "// call" line. */
#define ENGINE_ARGUMENTS_MAX 64
typedef struct engine_call {
    char function[32];
    uint64_t words[ENGINE_ARGUMENTS_MAX];
    uint32_t count;
} engine_call;
/* Reads the next call at or after `*from`; false when there is none. */
bool engine_next_call(const char **from, engine_call *call);

typedef enum engine_answer_kind {
    ANSWER_ZEROS,
    ANSWER_VALUES,
    ANSWER_NULL,
    ANSWER_FRESH,
    ANSWER_KEPT, /* throws the first kept reference, or NULL */
    ANSWER_KILL,
} engine_answer_kind;
typedef struct engine_answer {
    engine_answer_kind kind;
    bool collects;
    uint64_t random;
} engine_answer;
/* `may_kill`: not a thread that another one waits for. */
engine_answer engine_answer_of(uint32_t trap, bool is_undefined_function, bool may_kill);
/* Watchpoints that programs have; some share their place in a VM's filter. Which of them are
 * enabled is drawn anew before each call and at some traps. */
enum { ENGINE_WATCHPOINTS = 6 };
uint32_t engine_watchpoint(uint32_t index);
/* False: nothing changes. Bit `index` of the mask says whether that one is enabled now. */
bool engine_draw_watchpoints(uint32_t calls, uint32_t traps, bool is_trap, uint32_t *mask);
uint64_t engine_scramble(uint64_t *state);
/* The value of this type that an answer or argument made of `word` has; false: no such can be made.
 */
bool engine_make_value(mu_type_info type, uint64_t word, mu_value *value);

enum { ENGINE_FRAMES_MAX = 8, ENGINE_TRAPS_MAX = 300 };
#define ENGINE_HEAP_BYTES  (64ull << 20)
#define ENGINE_STACK_BYTES (16ull << 20)
