#pragma once
/* What the commands at a trap print. Each returns 0, or the exit status. */
#include "muctl_trap_state.h"

/* The innermost frames. */
int muctl_show_frames(const muctl_trap_state *state, size_t count);
/* Performs the batch, whose last operation is "describe", and prints what it says of `what`. */
int muctl_show_described(muctl_batch *batch, const char *what);
