#pragma once
/* Enabling and disabling a VM's watchpoints. */
#include "hosted_vm.h"

void mud_request_watch(mud_session *session, const Mud__ClientFrame *frame);
