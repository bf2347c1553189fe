#pragma once
/* Memory faults of compiled code become guest errors. A process has one handler for SIGSEGV and
 * SIGBUS, so this is one of the few things of the substrate that is the process's; it looks at
 * faults inside the code caches it was given and passes every other on to whoever was there before.
 */
#include "mu_code.h"

/* Counts installations; the last removal gives the old handlers back. Thread-safe. */
void fault_handler_install(const mu_code_cache *cache);
void fault_handler_remove(const mu_code_cache *cache);
/* The thread that is about to run Mu code on this OS thread, NULL afterwards; and where a fault
 * makes it go on: the stub that leaves with MU_ABI_LEAVE_ERROR. The first call on an OS thread
 * gives it a signal stack. */
void fault_handler_enter(mu_abi_thread *thread, const void *leave_error);
/* The one it was last called with on this OS thread. */
mu_abi_thread *fault_handler_thread(void);
