#pragma once
/* A mud of one's own, for one run: its socket is in a fresh folder that nobody else can enter, and
 * it ends when its standard input does, so that it never outlives us, whatever ends us. */
#include "muctl.h"

typedef struct muctl_private muctl_private;

/* Starts a mud and waits until its socket answers; connects `muctl` to it. 0 and `*out`, or the
 * exit status after the error was reported. */
int muctl_private_start(muctl_program *muctl, muctl_private **out);
/* Ends it and removes its folder; NULL is allowed. The connection must be closed before. */
void muctl_private_stop(muctl_private *made);
