#pragma once
/* How traps are shown, and how answers to them are written. */
#include "muclient.h"
#include "muctl_json.h"
#include <stdbool.h>
#include <stdio.h>

/* {"trap":"@foo.v1.entry.t","wp":0,"keepalives":["int64:5","double:2.5"]} */
void muctl_trap_line(FILE *out, const muclient_trap *trap);
/* For people: what trapped, what a RESUME must give, and the frames with their keep-alives. */
void muctl_trap_print(FILE *out, const muclient_trap *trap);
/* One document with everything. */
void muctl_trap_json(FILE *out, const muclient_trap *trap);

/* An answer read from a line: "resume [VALUE…]", "throw null|new|PLACE", "kill", "exit", "detach";
 * before the first two "pop N" and any number of "push FUNCTION" for on-stack replacement, which
 * may stand alone. The answer borrows from the line, which is cut into words, and from `words`. */
typedef enum muctl_reading {
    MUCTL_ANSWERED,
    MUCTL_THROWS_PLACE, /* an answer but for the exception: `thrown` is no keep-alive's whole name
                         */
    MUCTL_CHANGES,      /* "pop" and "push" alone */
    MUCTL_DETACH,
    MUCTL_UNREADABLE,
} muctl_reading;

enum { MUCTL_ANSWER_VALUES = 64, MUCTL_ANSWER_PUSHES = 16 };
typedef struct muctl_answer_words {
    muclient_value values[MUCTL_ANSWER_VALUES];
    const char *pushes[MUCTL_ANSWER_PUSHES];
    const char *thrown; /* of "throw" */
} muctl_answer_words;

/* The same for people. */
#define MUCTL_ANSWER_HELP                                                                          \
    "  pop N, push FUNC            change the stack: N frames go, a frame of FUNC comes\n"         \
    "  resume [VALUE...]           go on with what the top frame waits for; none: zeros, NULLs\n"  \
    "  throw null|new|PLACE        go on with an exception\n"                                      \
    "  exit, kill, detach          end the thread; kill the call; leave the trap to mud\n"         \
    "Before resume and throw in one line, pop and push are done with them or not at all.\n"        \
    "PLACE: NAME or FRAME:NAME of a keep-alive, or @GLOBAL, then .N for fields and [N] for\n"      \
    "elements, also through references. VALUE: a number, null, a function or a PLACE of a "        \
    "frame.\n"

muctl_reading muctl_answer_read(char *line, const muclient_trap *trap, muctl_answer_words *words,
                                muclient_answer *answer);
/* What "null", "new" or the name of a keep-alive stands for; false: there is none of that name. */
bool muctl_exception_find(const char *what, const muclient_trap *trap, muclient_reference *out);
