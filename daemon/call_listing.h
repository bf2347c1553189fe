#pragma once
/* What `muctl ps` shows: the calls that have not ended, and the threads of programs. */
#include "session.h"

void mud_request_list_calls(mud_session *session, const Mud__ClientFrame *frame);
