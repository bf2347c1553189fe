#pragma once
/* How VMs are doing, in numbers: what `muctl stats` shows. */
#include "session.h"

void mud_request_get_stats(mud_session *session, const Mud__ClientFrame *frame);
