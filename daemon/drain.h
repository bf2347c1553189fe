#pragma once
/* Shutting down: no new work, a word to every client, time for running calls, then the end. */
#include "mud_process.h"
#include "session.h"

#define MUD_DRAIN_MS 30000u /* for running calls */
#define MUD_KILL_MS  10000u /* for killed calls to be gone */
#define MUD_FLUSH_MS 2000u  /* for clients to read their last replies */

/* Begins to shut down; `now`: without waiting for calls. May be called again, to hurry. */
void mud_drain_begin(mud_daemon *daemon, bool now);
/* Something that a shutdown waits for has ended. */
void mud_drain_check(mud_daemon *daemon);
void mud_request_shutdown(mud_session *session, const Mud__ClientFrame *frame);
