#pragma once
/* Collecting a VM's heap on request, on a worker. */
#include "hosted_vm.h"

void mud_request_collect(mud_session *session, const Mud__ClientFrame *frame);
