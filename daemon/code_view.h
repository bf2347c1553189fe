#pragma once
/* Showing a function's machine code, which may have to be compiled first: on a worker. */
#include "hosted_vm.h"

void mud_request_get_code(mud_session *session, const Mud__ClientFrame *frame);
