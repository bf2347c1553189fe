/* Output of a session. One write is on its way at a time; what is sent meanwhile collects in
 * `queued` and goes out as the next one, so that many small replies make few system calls. */
#include "client_context.h"
#include "drain.h"
#include "trap_wait.h"

static void on_doom(uv_timer_t *timer)
{
    mud_session *session = timer->data;
    mud_session_close(session, session->doom);
}

static void doom(mud_session *session, const char *reason)
{
    session->doom = reason;
    session->is_ending = true;
    uv_read_stop((uv_stream_t *)&session->pipe);
    session->is_reading = false;
    uv_timer_start(&session->timer, on_doom, 0, 0);
}

static void on_written(uv_write_t *write, int status)
{
    mud_session *session = write->data;
    proto_buffer_deinit(&session->writing);
    session->writing = (proto_buffer){0};
    if (session->is_closing || session->doom != NULL) {
        return;
    }
    uv_timer_stop(&session->timer);
    if (status < 0) {
        mud_session_close(session, uv_strerror(status));
        return;
    }
    mud_session_flush(session);
    if (session->is_ending && session->doom == NULL && mud_session_output_bytes(session) == 0) {
        mud_session_close(session, "done");
        return;
    }
    if (!session->is_reading && !session->is_ending &&
        mud_session_output_bytes(session) < MUD_OUTPUT_PAUSE_BYTES) {
        mud_trap_output_drained(session->daemon, session->id);
        mud_context_output_drained(session->daemon, session->id);
        mud_session_pump(session);
        mud_session_read(session);
    }
}

static void on_stalled(uv_timer_t *timer)
{
    mud_session_close(timer->data, "it does not read its replies");
}

size_t mud_session_output_bytes(const mud_session *session)
{
    return session->queued.length + session->writing.length;
}

void mud_session_flush(mud_session *session)
{
    if (session->is_closing || session->doom != NULL || session->writing.length > 0 ||
        session->queued.length == 0) {
        return;
    }
    session->writing = session->queued;
    session->queued = (proto_buffer){0};
    uv_buf_t whole = uv_buf_init((char *)session->writing.bytes, (unsigned)session->writing.length);
    session->write.data = session;
    int failed = uv_write(&session->write, (uv_stream_t *)&session->pipe, &whole, 1, on_written);
    if (failed != 0) {
        doom(session, uv_strerror(failed));
        return;
    }
    uv_timer_start(&session->timer, on_stalled, MUD_STALL_MS, 0);
}

/* Tells the client that its answer cannot be sent, instead of leaving it to wait. */
static proto_status append_too_long(mud_session *session, uint64_t request)
{
    static char message[] = "the answer is longer than a frame may be";
    Mud__ServerFrame frame;
    Mud__Error error;
    mud__server_frame__init(&frame);
    mud__error__init(&error);
    error.code = MUD__CODE__RESOURCE_EXHAUSTED;
    error.message = message;
    frame.id = request;
    frame.reply_case = MUD__SERVER_FRAME__REPLY_ERROR;
    frame.error = &error;
    return proto_server_frame_append(&session->queued, &frame);
}

void mud_session_send(mud_session *session, const Mud__ServerFrame *frame)
{
    if (session->is_closing || session->is_ending) {
        return;
    }
    proto_status status = proto_server_frame_append(&session->queued, frame);
    if (status == PROTO_FRAME_TOO_LONG) {
        status = append_too_long(session, frame->id);
    }
    if (status != PROTO_OK) {
        doom(session, proto_status_text(status));
        return;
    }
    size_t output_bytes = mud_session_output_bytes(session);
    if (output_bytes > MUD_OUTPUT_MOST_BYTES) {
        doom(session, "too many replies and events are waiting to be read");
        return;
    }
    if (output_bytes > MUD_OUTPUT_PAUSE_BYTES && session->is_reading) {
        uv_read_stop((uv_stream_t *)&session->pipe);
        session->is_reading = false;
    }
    if (!session->is_corked) {
        mud_session_flush(session);
    }
}

void mud_session_end(mud_session *session)
{
    if (session->is_closing || session->is_ending) {
        return;
    }
    session->is_ending = true;
    uv_read_stop((uv_stream_t *)&session->pipe);
    session->is_reading = false;
    mud_session_flush(session);
    if (session->doom == NULL && mud_session_output_bytes(session) == 0) {
        doom(session, "done");
    }
}
