#include "drain.h"
#include "answer.h"
#include "client_context.h"
#include <unistd.h>

/* ------------------------------------------------------------------------------- last stage */

static void close_loop_handles(mud_daemon *daemon)
{
    daemon->drain_stage = MUD_DRAIN_CLOSED;
    for (size_t i = 0; i < sizeof daemon->signals / sizeof daemon->signals[0]; i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    }
    if (daemon->input_is_open) {
        daemon->input_is_open = false;
        uv_close((uv_handle_t *)&daemon->input, NULL);
    }
    uv_close((uv_handle_t *)&daemon->drain_timer, NULL);
    mud_mailbox_close(&daemon->mailbox);
}

/* Closing changes the table, so that who is there is written down first. */
static void end_sessions(mud_daemon *daemon, bool now)
{
    MU_ARRAY(mud_session *) sessions = {0};
    uint32_t cursor = 0;
    mud_session *session = NULL;
    while ((session = mud_id_table_next(&daemon->sessions, &cursor)) != NULL) {
        MU_ARRAY_PUSH(&sessions, session);
    }
    for (uint32_t i = 0; i < sessions.count; i++) {
        if (now) {
            mud_session_close(sessions.items[i], "mud is shutting down");
        } else {
            mud_session_end(sessions.items[i]);
        }
    }
    MU_ARRAY_FREE(&sessions);
}

static void on_flush_late(uv_timer_t *timer)
{
    end_sessions(timer->data, true);
}

static void begin_last_stage(mud_daemon *daemon)
{
    daemon->drain_stage = MUD_DRAIN_SESSIONS;
    while (daemon->vms.vms.count > 0) {
        mud_vm_remove(daemon->vms.vms.items[daemon->vms.vms.count - 1]);
    }
    uv_timer_start(&daemon->drain_timer, on_flush_late, MUD_FLUSH_MS, 0);
    end_sessions(daemon, false);
}

/* ------------------------------------------------------------------------------ first stage */

static void on_kill_late(uv_timer_t *timer)
{
    const mud_daemon *daemon = timer->data;
    mud_log_write(&daemon->log, MUD_LOG_ERROR, "killed calls have not ended; giving up");
    _exit(1);
}

static void kill_calls(mud_daemon *daemon)
{
    if (!daemon->is_killing) {
        daemon->is_killing = true;
        mud_call_kill_all(daemon);
        mud_context_doom_all(daemon);
        uv_timer_start(&daemon->drain_timer, on_kill_late, MUD_KILL_MS, 0);
    }
}

static void on_drain_late(uv_timer_t *timer)
{
    mud_daemon *daemon = timer->data;
    mud_log_write(&daemon->log, MUD_LOG_WARNING, "killing %u calls that have not ended",
                  daemon->calls.count);
    kill_calls(daemon);
}

static void tell_everybody(mud_daemon *daemon)
{
    uint32_t cursor = 0;
    const mud_session *session = NULL;
    while ((session = mud_id_table_next(&daemon->sessions, &cursor)) != NULL) {
        Mud__ServerFrame event;
        Mud__Going going;
        mud__server_frame__init(&event);
        mud__going__init(&going);
        event.reply_case = MUD__SERVER_FRAME__REPLY_GOING;
        event.going = &going;
        if (session->has_greeted) {
            mud_answer_send(daemon, (mud_ticket){session->id, 0}, &event);
        }
    }
}

void mud_drain_begin(mud_daemon *daemon, bool now)
{
    if (daemon->drain_stage == MUD_SERVING) {
        daemon->drain_stage = MUD_DRAIN_CALLS;
        mud_log_write(&daemon->log, MUD_LOG_INFO, "shutting down; %u calls are running",
                      daemon->calls.count);
        mud_listener_close(daemon);
        tell_everybody(daemon);
        uv_timer_start(&daemon->drain_timer, on_drain_late, MUD_DRAIN_MS, 0);
    }
    if (now && daemon->drain_stage == MUD_DRAIN_CALLS) {
        kill_calls(daemon);
    }
    mud_drain_check(daemon);
}

void mud_drain_check(mud_daemon *daemon)
{
    if (daemon->drain_stage == MUD_DRAIN_CALLS && daemon->calls.count == 0 &&
        daemon->jobs_pending == 0) {
        begin_last_stage(daemon);
    }
    if (daemon->drain_stage == MUD_DRAIN_SESSIONS && daemon->sessions.count == 0 &&
        daemon->vms.vms.count == 0 && daemon->vms_going == 0) {
        close_loop_handles(daemon);
    }
}

void mud_request_shutdown(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_log_write(&daemon->log, MUD_LOG_INFO, "session %llu asks to shut down",
                  (unsigned long long)session->id);
    mud_answer_done(daemon, (mud_ticket){session->id, frame->id});
    mud_drain_begin(daemon, frame->shutdown->now);
}
