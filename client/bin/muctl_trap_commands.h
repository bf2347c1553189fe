#pragma once
/* What can be done with a trap before it is answered, and the answers that need its context. */
#include "muctl_trap_state.h"
#include "muctl_trap_text.h"

typedef enum muctl_done_with {
    MUCTL_TRAP_STAYS,
    MUCTL_TRAP_ANSWERED, /* `answer` says how */
    MUCTL_TRAP_LEFT,     /* "detach" */
} muctl_done_with;

/* Does one line: commands with ";" between them, up to an answer or the first that fails; the line
 * is cut into words, which the answer borrows. `status` is 0, or what an error says the exit status
 * should be. */
muctl_done_with muctl_trap_line_do(muctl_trap_state *state, char *line, muctl_answer_words *words,
                                   muclient_answer *answer, int *status);
