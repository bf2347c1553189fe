#include "session.h"
#include "answer.h"
#include "client_context.h"
#include "drain.h"
#include "request_table.h"
#include "thread_wait.h"
#include "trap_wait.h"
#include "vm_profile.h"
#include <stdio.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------ the end */

static void remove_owned_vms(mud_daemon *daemon, const mud_session *session)
{
    for (uint32_t i = session->has_owned ? daemon->vms.vms.count : 0; i-- > 0;) {
        if (daemon->vms.vms.items[i]->owner == session->id) {
            mud_vm_remove(daemon->vms.vms.items[i]);
        }
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    mud_session *session = handle->data;
    session->open_handles--;
    if (session->open_handles > 0) {
        return;
    }
    proto_decoder_free(session->decoder);
    proto_buffer_deinit(&session->queued);
    proto_buffer_deinit(&session->writing);
    mu_free(session);
}

void mud_session_close(mud_session *session, const char *reason)
{
    mud_daemon *daemon = session->daemon;
    if (session->is_closing) {
        return;
    }
    session->is_closing = true;
    mud_log_write(&daemon->log, MUD_LOG_DEBUG, "session %llu closed: %s",
                  (unsigned long long)session->id, reason);
    mud_id_table_remove(&daemon->sessions, session->id);
    for (uint32_t i = 0; i < MUD_UPLOADS_MOST; i++) {
        mud_upload_drop(daemon, &session->uploads[i]);
    }
    if (session->has_handled) {
        mud_trap_release_session(daemon, session->id);
    }
    mud_call_kill_of_session(daemon, session->id);
    mud_context_doom_of_session(daemon, session->id);
    if (session->waits > 0) {
        mud_thread_wait_forget(daemon, session->id);
    }
    mud_profile_forget(daemon, session->id);
    remove_owned_vms(daemon, session);
    uv_close((uv_handle_t *)&session->pipe, on_handle_closed);
    uv_close((uv_handle_t *)&session->timer, on_handle_closed);
    mud_drain_check(daemon);
}

/* ---------------------------------------------------------------------------------- requests */

/* The first error of a session that cannot go on. */
static void refuse_session(mud_session *session, uint64_t request, Mud__Code code,
                           const char *message)
{
    mud_ticket ticket = {session->id, request};
    mud_log_write(&session->daemon->log, MUD_LOG_WARNING, "session %llu refused: %s",
                  (unsigned long long)session->id, message);
    mud_answer_error(session->daemon, ticket, code, "", "%s", message);
    mud_session_end(session);
}

static void welcome(mud_session *session, uint64_t request)
{
    static char server[] = "mud " MUD_VERSION;
    Mud__ServerFrame frame;
    Mud__Welcome reply;
    mud__server_frame__init(&frame);
    mud__welcome__init(&reply);
    reply.version = PROTO_VERSION;
    reply.server = server;
    reply.pid = (uint64_t)uv_os_getpid();
    reply.frame_limit = PROTO_FRAME_LIMIT_BYTES;
    frame.id = request;
    frame.reply_case = MUD__SERVER_FRAME__REPLY_WELCOME;
    frame.welcome = &reply;
    mud_session_send(session, &frame);
}

static void greet(mud_session *session, const Mud__ClientFrame *frame)
{
    if (frame->request_case != MUD__CLIENT_FRAME__REQUEST_HELLO || frame->hello == NULL) {
        refuse_session(session, frame->id, MUD__CODE__FAILED_PRECONDITION,
                       "the first frame must be a Hello");
        return;
    }
    if (frame->hello->version != PROTO_VERSION) {
        refuse_session(session, frame->id, MUD__CODE__FAILED_PRECONDITION,
                       "mud " MUD_VERSION " speaks version 1 of the protocol");
        return;
    }
    session->has_greeted = true;
    snprintf(session->client, sizeof session->client, "%s", frame->hello->client);
    uv_timer_stop(&session->timer);
    mud_log_write(&session->daemon->log, MUD_LOG_DEBUG, "session %llu is %s",
                  (unsigned long long)session->id, frame->hello->client);
    welcome(session, frame->id);
    if (session->daemon->drain_stage != MUD_SERVING) {
        refuse_session(session, 0, MUD__CODE__UNAVAILABLE, "mud is shutting down");
    }
}

static void dispatch(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const mud_request_row *row = mud_request_row_of(frame->request_case);
    if (frame->id == 0) {
        refuse_session(session, 0, MUD__CODE__INVALID_ARGUMENT, "a request has no id");
    } else if (row == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT, "",
                         "the frame holds no request that mud " MUD_VERSION " knows");
    } else if (row->is_new_work && daemon->drain_stage != MUD_SERVING) {
        mud_answer_error(daemon, ticket, MUD__CODE__UNAVAILABLE, "start mud again",
                         "mud is shutting down");
    } else {
        row->handle(session, frame);
    }
}

static void handle_frame(mud_session *session, const uint8_t *bytes, size_t length)
{
    mud_daemon *daemon = session->daemon;
    Mud__ClientFrame *frame = NULL;
    session->frame_bytes = bytes;
    session->frame_length = length;
    proto_status status = proto_client_frame_unpack(bytes, length, daemon->request_arena, &frame);
    if (status != PROTO_OK) {
        refuse_session(session, 0, MUD__CODE__INVALID_ARGUMENT, proto_status_text(status));
    } else if (!session->has_greeted) {
        greet(session, frame);
    } else {
        dispatch(session, frame);
    }
    proto_arena_reset(daemon->request_arena);
}

static bool has_many_deferred(const mud_session *session)
{
    return session->deferred >= MUD_DEFERRED_MOST ||
           session->deferred_bytes >= MUD_DEFERRED_BYTES_MOST;
}

void mud_session_pump(mud_session *session)
{
    const uint8_t *bytes = NULL;
    size_t length = 0;
    session->is_corked = true;
    while (!session->is_closing && !session->is_ending && !has_many_deferred(session) &&
           mud_session_output_bytes(session) <= MUD_OUTPUT_PAUSE_BYTES) {
        proto_status status = proto_decoder_next(session->decoder, &bytes, &length);
        if (status == PROTO_INCOMPLETE) {
            break;
        }
        if (status != PROTO_OK) {
            refuse_session(session, 0, MUD__CODE__INVALID_ARGUMENT, proto_status_text(status));
            break;
        }
        handle_frame(session, bytes, length);
    }
    session->is_corked = false;
    mud_session_flush(session);
    if (has_many_deferred(session) && session->is_reading) {
        uv_read_stop((uv_stream_t *)&session->pipe);
        session->is_reading = false;
    }
    session->waits_for_deferred = has_many_deferred(session);
}

typedef struct mud_resumption {
    mud_daemon *daemon;
    uint64_t session;
} mud_resumption;

static void on_deferred_done(void *context)
{
    mud_resumption *resumption = context;
    mud_session *session = mud_session_find(resumption->daemon, resumption->session);
    mu_free(resumption);
    if (session != NULL) {
        mud_session_pump(session);
        mud_session_read(session);
    }
}

void mud_session_handle_again(mud_session *session, const uint8_t *bytes, size_t length)
{
    session->deferred--;
    session->deferred_bytes -= length;
    if (!session->is_ending) {
        handle_frame(session, bytes, length);
    }
    if (session->waits_for_deferred && !has_many_deferred(session)) {
        session->waits_for_deferred = false;
        /* By a letter: what has arrived meanwhile must not be handled while the VM is kept calm. */
        mud_resumption *resumption = mu_allocate(sizeof *resumption);
        *resumption = (mud_resumption){session->daemon, session->id};
        mud_mailbox_post(&session->daemon->mailbox, on_deferred_done, resumption);
    }
}

/* ----------------------------------------------------------------------------------- reading */

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    const mud_session *session = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(session->daemon->read_buffer, MUD_READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    mud_session *session = stream->data;
    if (count < 0) {
        mud_session_close(session, count == UV_EOF ? "the client left" : uv_strerror((int)count));
        return;
    }
    proto_status status =
        proto_decoder_feed(session->decoder, (const uint8_t *)buffer->base, (size_t)count);
    if (status == PROTO_NO_MEMORY) {
        mud_session_close(session, proto_status_text(status));
        return;
    }
    /* A frame that is too long shows up behind the good ones before it. */
    mud_session_pump(session);
}

void mud_session_read(mud_session *session)
{
    if (session->is_closing || session->is_ending || session->is_reading ||
        has_many_deferred(session) || mud_session_output_bytes(session) > MUD_OUTPUT_PAUSE_BYTES) {
        return;
    }
    int failed = uv_read_start((uv_stream_t *)&session->pipe, on_allocate, on_read);
    if (failed != 0) {
        mud_session_close(session, uv_strerror(failed));
        return;
    }
    session->is_reading = true;
}

/* ------------------------------------------------------------------------------------- start */

static void on_hello_late(uv_timer_t *timer)
{
    mud_session *session = timer->data;
    refuse_session(session, 0, MUD__CODE__DEADLINE_EXCEEDED, "no Hello came in time");
}

void mud_session_open(mud_daemon *daemon, int descriptor, pid_t peer, uid_t user)
{
    bool is_crowded = daemon->sessions.count >= MUD_SESSIONS_MOST;
    mud_session *session = mu_allocate(sizeof *session);
    session->daemon = daemon;
    session->id = ++daemon->last_session;
    session->peer = peer;
    session->decoder = proto_decoder_new();
    MU_INVARIANT(session->decoder != NULL, "out of memory");
    session->pipe.data = session->timer.data = session;
    uv_pipe_init(&daemon->loop, &session->pipe, 0);
    uv_timer_init(&daemon->loop, &session->timer);
    session->open_handles = 2;
    mud_id_table_put(&daemon->sessions, session->id, session);
    mud_log_write(&daemon->log, MUD_LOG_INFO, "session %llu opened by process %d of user %u",
                  (unsigned long long)session->id, (int)peer, (unsigned)user);
    int failed = uv_pipe_open(&session->pipe, descriptor);
    if (failed != 0) {
        close(descriptor);
        mud_session_close(session, uv_strerror(failed));
        return;
    }
    uv_timer_start(&session->timer, on_hello_late, MUD_HELLO_MS, 0);
    if (is_crowded) {
        refuse_session(session, 0, MUD__CODE__RESOURCE_EXHAUSTED,
                       "too many clients are connected; try again later");
        return;
    }
    mud_session_read(session);
}

mud_session *mud_session_find(mud_daemon *daemon, uint64_t id)
{
    return mud_id_table_get(&daemon->sessions, id);
}
