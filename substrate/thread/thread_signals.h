#pragma once
/* Signals belong to the host's own threads, and ours may be on Mu stacks. */
#include <signal.h>

/* Blocks, for the calling thread and those it makes, all signals but those of faults. `old` is what
 * to set again. */
void mu_thread_pool_block_signals(sigset_t *old);
