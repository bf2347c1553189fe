#include "listener.h"
#include "mud_process.h"
#include "session.h"
#include <errno.h>
#include <sys/socket.h>

enum {
    ACCEPTS_A_TURN = 16, /* then other clients get their turn */
    PAUSE_MS = 100,
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    mud_daemon *daemon = timer->data;
    if (daemon->listener.is_open) {
        uv_poll_start(&daemon->listener.poll, UV_READABLE, on_ready);
    }
}

static void pause_accepting(mud_daemon *daemon, int number)
{
    mud_log_write(&daemon->log, MUD_LOG_WARNING, "cannot accept a connection: %s",
                  uv_strerror(uv_translate_sys_error(number)));
    uv_poll_stop(&daemon->listener.poll);
    uv_timer_start(&daemon->listener.pause, on_pause_over, PAUSE_MS, 0);
}

static void greet_peer(mud_daemon *daemon, int descriptor)
{
    struct ucred peer = {0};
    socklen_t length = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
        peer = (struct ucred){.pid = 0, .uid = (uid_t)-1};
    }
    mud_session_open(daemon, descriptor, peer.pid, peer.uid);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    mud_daemon *daemon = poll->data;
    (void)events;
    if (status < 0) {
        pause_accepting(daemon, -status);
        return;
    }
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int descriptor =
            accept4(daemon->listener.claim.socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor >= 0) {
            greet_peer(daemon, descriptor);
            continue;
        }
        if (errno == EAGAIN) {
            return;
        }
        if (errno != EINTR && errno != ECONNABORTED) {
            pause_accepting(daemon, errno);
            return;
        }
    }
}

void mud_listener_open(mud_daemon *daemon)
{
    mud_listener *listener = &daemon->listener;
    int failed = uv_poll_init(&daemon->loop, &listener->poll, listener->claim.socket);
    MU_INVARIANT(failed == 0, "uv_poll_init: %s", uv_strerror(failed));
    uv_timer_init(&daemon->loop, &listener->pause);
    listener->poll.data = listener->pause.data = daemon;
    listener->is_open = true;
    uv_poll_start(&listener->poll, UV_READABLE, on_ready);
}

void mud_listener_close(mud_daemon *daemon)
{
    mud_listener *listener = &daemon->listener;
    if (!listener->is_open) {
        return;
    }
    listener->is_open = false;
    /* Stopped before the descriptor goes, as libuv wants it. */
    uv_close((uv_handle_t *)&listener->poll, NULL);
    uv_close((uv_handle_t *)&listener->pause, NULL);
    mud_socket_claim_release(&listener->claim);
}
