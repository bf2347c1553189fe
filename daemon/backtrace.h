#pragma once
/* What the calls and threads of a VM are at. */
#include "hosted_vm.h"

void mud_request_backtrace(mud_session *session, const Mud__ClientFrame *frame);
