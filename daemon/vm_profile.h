#pragma once
/* Profiles of VMs for clients: begun by a request, answered when its time is over, when its client
 * asks for what there is, or with an error when the VM goes. One of a VM at a time. */
#include "hosted_vm.h"

/* Each holds up to 1.5 MiB. */
#define MUD_PROFILES_MOST     4u
#define MUD_PROFILE_LONGEST_S 3600u

void mud_request_profile(mud_session *session, const Mud__ClientFrame *frame);
void mud_request_end_profile(mud_session *session, const Mud__ClientFrame *frame);
/* The VM is being removed: its profile ends with an error. */
void mud_profile_cancel(mud_vm *vm);
/* The session is going, and its profiles with it. */
void mud_profile_forget(mud_daemon *daemon, uint64_t session);
