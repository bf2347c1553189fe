#pragma once
/* Killing all calls and threads of a VM. There may be thousands, and each kill takes the VM's lock,
 * so it is done some at a time, with turns of the loop for others between. Threads that begin
 * meanwhile are killed as they come, so that a program cannot outrun it; calls of clients are not.
 */
#include "hosted_vm.h"

void mud_vm_clear(mud_vm *vm);
void mud_request_kill_calls(mud_session *session, const Mud__ClientFrame *frame);
