#pragma once
/* Threads that programs and contexts make themselves: each is a call that no session waits for. Its
 * traps go to the VM's handler, or where a call of the VM logs traps; its end goes to the log. */
#include "call.h"

/* Before the VM's first call. */
void mud_guest_threads_watch(mud_vm *vm);
/* At its end. */
void mud_guest_thread_log_end(mud_call *call);
