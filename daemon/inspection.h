#pragma once
/* What clients may ask about VMs and about mud itself. */
#include "hosted_vm.h"

/* How mud is doing, in `arena`. */
Mud__StatusInfo *mud_status_info(const mud_daemon *daemon, proto_arena *arena);

void mud_request_list(mud_session *session, const Mud__ClientFrame *frame);
void mud_request_inspect(mud_session *session, const Mud__ClientFrame *frame);
void mud_request_status(mud_session *session, const Mud__ClientFrame *frame);
