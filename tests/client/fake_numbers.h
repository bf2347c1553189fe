#pragma once
/* The part of fake_mud that tells numbers: two VMs, `app` and one with a name that no mud would
 * give, and two calls; each listing comes in two replies. SetVm answers with what it was asked for;
 * a VM "none" is NOT_FOUND; KillCalls kills 2. A profile has a node of a function and a parent that
 * are not there; that of a VM "odd" has fewer lines than nodes, that of "idle" nothing. */
#include "fake_contexts.h"

/* Serves such a request; false for another. */
bool fake_numbers_serve(void *session, fake_send_fn send, const Mud__ClientFrame *frame);
