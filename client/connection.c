/* The socket and what waits on it. Bytes go both ways in one place, muclient_move: a client that
 * only wrote while mud only wrote would stand still for ever. Frames are taken in there, but the
 * trap handler runs in the waiting functions alone. */
#include "connection.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Sending goes on in the background up to here. */
enum { OUT_LIMIT_BYTES = 1 << 20, READ_BYTES = 64 << 10 };

int64_t muclient_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void muclient_break(muclient *client, muclient_code code, const char *text)
{
    if (client->broken == MUCLIENT_OK) {
        client->broken = code;
        client->broken_text = strdup(text);
    }
}

static muclient_code broken_report(const muclient *client, muclient_error **error)
{
    return muclient_fail(error, client->broken, "see mud's log, or start it again",
                         "lost mud on unix:%s: %s", client->path,
                         client->broken_text == NULL ? "out of memory" : client->broken_text);
}

/* --- Requests that wait --- */

muclient_pending *muclient_pending_new(muclient *client, uint64_t id)
{
    muclient_pending *pending = calloc(1, sizeof *pending);
    if (pending != NULL) {
        pending->id = id;
        *client->pending_end = pending;
        client->pending_end = &pending->next;
    }
    return pending;
}

muclient_pending *muclient_pending_find(const muclient *client, uint64_t id)
{
    muclient_pending *pending = client->pending;
    while (pending != NULL && pending->id != id) {
        pending = pending->next;
    }
    return pending;
}

void muclient_pending_drop(muclient *client, muclient_pending *pending)
{
    muclient_pending **link = &client->pending;
    while (*link != pending) {
        link = &(*link)->next;
    }
    *link = pending->next;
    if (client->pending_end == &pending->next) {
        client->pending_end = link;
    }
    proto_arena_free(pending->arena);
    free(pending);
}

/* --- Bytes --- */

static void bytes_write(muclient *client)
{
    while (client->out.length > 0) {
        ssize_t sent =
            send(client->fd, client->out.bytes, client->out.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            /* The reason is worth less than what mud may have said last: reading finds the end. */
            if (errno != EAGAIN && errno != EINTR) {
                proto_buffer_deinit(&client->out);
            }
            return;
        }
        proto_buffer_consume(&client->out, (size_t)sent);
    }
}

static void bytes_read(muclient *client)
{
    uint8_t bytes[READ_BYTES];
    ssize_t count = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) {
        proto_status status = proto_decoder_feed(client->decoder, bytes, (size_t)count);
        if (status != PROTO_OK) {
            muclient_break(client, MUCLIENT_INTERNAL, proto_status_text(status));
            return;
        }
        muclient_frames_take(client);
    } else if (count == 0) {
        muclient_break(client, MUCLIENT_UNAVAILABLE, "it closed the connection");
    } else if (errno != EAGAIN && errno != EINTR) {
        muclient_break(client, MUCLIENT_UNAVAILABLE, strerrordesc_np(errno));
    }
}

/* Milliseconds for poll() until the deadline. */
static int wait_ms(int64_t deadline_ms)
{
    if (deadline_ms < 0) {
        return -1;
    }
    int64_t left = deadline_ms - muclient_now_ms();
    return left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

muclient_code muclient_move(muclient *client, size_t most_out, int64_t deadline_ms,
                            muclient_error **error)
{
    bytes_write(client);
    if (client->out.length < most_out) {
        return MUCLIENT_OK;
    }
    if (client->broken != MUCLIENT_OK) {
        return broken_report(client, error);
    }
    struct pollfd polled[2] = {
        {.fd = client->fd, .events = (short)(POLLIN | (client->out.length > 0 ? POLLOUT : 0))},
        {.fd = client->wake_fd, .events = POLLIN}};
    int ready = poll(polled, 2, wait_ms(deadline_ms));
    if (ready < 0 && errno != EINTR) {
        return muclient_fail(error, MUCLIENT_INTERNAL, "", "cannot wait for mud: %s",
                             strerrordesc_np(errno));
    }
    if (ready <= 0) {
        return MUCLIENT_OK;
    }
    if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0) {
        bytes_read(client);
    } else if (polled[1].revents != 0) {
        return muclient_fail(error, MUCLIENT_INTERRUPTED, "", "interrupted");
    }
    return MUCLIENT_OK;
}

/* --- Sending and waiting --- */

void muclient_frame_begin(muclient *client, Mud__ClientFrame *frame, int request_case)
{
    mud__client_frame__init(frame);
    frame->id = client->next_id++;
    frame->request_case = (Mud__ClientFrame__RequestCase)request_case;
}

muclient_code muclient_send(muclient *client, const Mud__ClientFrame *frame,
                            muclient_pending **pending, muclient_error **error)
{
    if (client->broken != MUCLIENT_OK) {
        return broken_report(client, error);
    }
    size_t before = client->out.length;
    proto_status status = proto_client_frame_append(&client->out, frame);
    if (status == PROTO_FRAME_TOO_LONG) {
        return muclient_fail(error, MUCLIENT_INVALID_ARGUMENT, "", "the request is over %u MiB",
                             PROTO_FRAME_LIMIT_BYTES >> 20);
    }
    muclient_pending *made = NULL;
    if (status == PROTO_OK && pending != NULL) {
        made = muclient_pending_new(client, frame->id);
    }
    if (status != PROTO_OK || (pending != NULL && made == NULL)) {
        client->out.length = before;
        return muclient_fail_memory(error);
    }
    if (pending != NULL) {
        *pending = made;
    }
    bytes_write(client);
    while (client->out.length >= OUT_LIMIT_BYTES && client->broken == MUCLIENT_OK) {
        if (muclient_move(client, OUT_LIMIT_BYTES, -1, NULL) != MUCLIENT_OK) {
            break; /* the frame is queued all the same; whoever waits for the reply is told */
        }
    }
    return MUCLIENT_OK;
}

muclient_code muclient_pending_wait(muclient *client, muclient_pending *pending,
                                    muclient_error **error)
{
    pending->is_waited = true;
    muclient_code code = muclient_traps_handle(client, error);
    while (code == MUCLIENT_OK && pending->frame == NULL) {
        code = muclient_move(client, 0, -1, error);
        if (code == MUCLIENT_OK) {
            code = muclient_traps_handle(client, error);
        }
    }
    pending->is_waited = false;
    return code;
}

muclient_code muclient_poll(muclient *client, int timeout_ms, muclient_error **error)
{
    int64_t deadline_ms = timeout_ms < 0 ? -1 : muclient_now_ms() + timeout_ms;
    muclient_code code = muclient_traps_handle(client, error);
    if (code == MUCLIENT_OK) {
        code = muclient_move(client, 0, deadline_ms, error);
    }
    return code == MUCLIENT_OK ? muclient_traps_handle(client, error) : code;
}

void muclient_wake_set(muclient *client, int fd)
{
    client->wake_fd = fd;
}

const char *muclient_path(const muclient *client)
{
    return client->path;
}

const char *muclient_server_name(const muclient *client)
{
    return client->server_name;
}

uint64_t muclient_server_pid(const muclient *client)
{
    return client->server_pid;
}

bool muclient_is_server_going(const muclient *client)
{
    return client->is_going;
}
