#pragma once
/* Requests that wait until no thread is left in a VM of those that programs and contexts make;
 * calls do not count. Traps come to their handlers meanwhile. */
#include "hosted_vm.h"

#define MUD_SESSION_WAITS_MOST 16u

void mud_request_wait_threads(mud_session *session, const Mud__ClientFrame *frame);
/* A thread of the VM has ended, or a job of a context: answers those that waited for it. */
void mud_thread_wait_check(mud_vm *vm);
/* The VM is being removed: its waits end with an error. */
void mud_thread_wait_cancel(mud_vm *vm);
/* The session is going, and its waits with it. */
void mud_thread_wait_forget(mud_daemon *daemon, uint64_t session);
