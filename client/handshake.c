/* Finding the socket, connecting, greeting, closing. */
#include "connection.h"
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char system_socket[] = "/run/mud/mud.sock";

enum { HANDSHAKE_MS = 10000, BUSY_RETRY_MS = 20 };

/* The path in "unix:/path" or "/path"; NULL when it is neither. */
static const char *host_path(const char *host)
{
    static const char scheme[] = "unix:";
    const char *path =
        strncmp(host, scheme, sizeof scheme - 1) == 0 ? host + sizeof scheme - 1 : host;
    return path[0] == '/' ? path : NULL;
}

muclient_code muclient_socket_path(const char *given, char **path, muclient_error **error)
{
    char *found = NULL;
    const char *host = secure_getenv("MUD_HOST");
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    if (given != NULL) {
        found = strdup(given);
    } else if (host != NULL && host[0] != 0) {
        if (host_path(host) == NULL) {
            return muclient_fail(error, MUCLIENT_INVALID_ARGUMENT,
                                 "set it to unix:/path/of/mud.sock, or unset it",
                                 "MUD_HOST is \"%s\", which is not a path", host);
        }
        found = strdup(host_path(host));
    } else if (runtime != NULL && runtime[0] == '/') {
        if (asprintf(&found, "%s/mud/mud.sock", runtime) < 0) {
            found = NULL;
        }
        if (found != NULL && access(found, F_OK) != 0 && access(system_socket, F_OK) == 0) {
            free(found);
            found = strdup(system_socket);
        }
    } else {
        found = strdup(system_socket);
    }
    if (found == NULL) {
        return muclient_fail_memory(error);
    }
    *path = found;
    return MUCLIENT_OK;
}

static muclient_code unreachable_report(const char *path, int reason, muclient_error **error)
{
    char hint[256];
    bool is_forbidden = reason == EACCES || reason == EPERM;
    (void)snprintf(hint, sizeof hint,
                   is_forbidden ? "mud runs as another user; start your own: mud --socket PATH"
                                : "start it: mud --socket %.200s",
                   path);
    return muclient_fail(error, is_forbidden ? MUCLIENT_PERMISSION_DENIED : MUCLIENT_UNAVAILABLE,
                         hint, "cannot reach mud on unix:%s: %s", path, strerrordesc_np(reason));
}

static muclient_code socket_connect(const char *path, int64_t deadline_ms, int *out,
                                    muclient_error **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) {
        return muclient_fail(error, MUCLIENT_INVALID_ARGUMENT,
                             "a socket's path has at most 107 characters",
                             "\"%s\" cannot be a socket", path);
    }
    memcpy(address.sun_path, path, length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return unreachable_report(path, errno, error);
    }
    while (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int reason = errno;
        /* EAGAIN: mud is there, but its queue of new connections is full. */
        if ((reason != EAGAIN && reason != EINTR) || muclient_now_ms() >= deadline_ms) {
            (void)close(fd);
            return unreachable_report(path, reason, error);
        }
        (void)poll(NULL, 0, BUSY_RETRY_MS);
    }
    *out = fd;
    return MUCLIENT_OK;
}

static muclient_code hello_send(muclient *client, const char *name, muclient_pending **pending,
                                muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Hello hello;
    mud__client_frame__init(&frame); /* its id is 0: there are no requests before it */
    mud__hello__init(&hello);
    proto_arena *arena = proto_arena_new();
    if (arena == NULL) {
        return muclient_fail_memory(error);
    }
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_HELLO;
    frame.hello = &hello;
    hello.version = PROTO_VERSION;
    hello.client = proto_arena_copy(arena, name == NULL ? "libmuclient " MUD_VERSION : name);
    muclient_code code = hello.client == NULL ? muclient_fail_memory(error)
                                              : muclient_send(client, &frame, pending, error);
    proto_arena_free(arena);
    return code;
}

static muclient_code welcome_take(muclient *client, muclient_pending *pending,
                                  muclient_error **error)
{
    const Mud__ServerFrame *frame = pending->frame;
    if (frame->reply_case == MUD__SERVER_FRAME__REPLY_ERROR) {
        proto_arena *arena = pending->arena;
        pending->arena = NULL;
        muclient_pending_drop(client, pending);
        return muclient_fail_message(error, arena, frame->error);
    }
    muclient_code code = MUCLIENT_OK;
    if (frame->reply_case != MUD__SERVER_FRAME__REPLY_WELCOME) {
        code = muclient_fail(error, MUCLIENT_UNAVAILABLE, "is another program listening there?",
                             "what listens on unix:%s does not greet like mud", client->path);
    } else if (frame->welcome->version != PROTO_VERSION) {
        code = muclient_fail(error, MUCLIENT_FAILED_PRECONDITION,
                             "use the muctl that came with this mud",
                             "mud speaks version %u of the protocol, this client version %u",
                             frame->welcome->version, PROTO_VERSION);
    } else {
        client->server_pid = frame->welcome->pid;
        client->server_name = strdup(frame->welcome->server);
        if (client->server_name == NULL) {
            code = muclient_fail_memory(error);
        }
    }
    muclient_pending_drop(client, pending);
    return code;
}

static muclient_code greet(muclient *client, const char *name, int64_t deadline_ms,
                           muclient_error **error)
{
    muclient_pending *pending = NULL;
    muclient_code code = hello_send(client, name, &pending, error);
    while (code == MUCLIENT_OK && pending != NULL && pending->frame == NULL) {
        if (muclient_now_ms() >= deadline_ms) {
            return muclient_fail(error, MUCLIENT_UNAVAILABLE,
                                 "it may be stuck or busy; see mud's log",
                                 "what listens on unix:%s does not answer", client->path);
        }
        code = muclient_move(client, 0, deadline_ms, error);
    }
    return code == MUCLIENT_OK && pending != NULL ? welcome_take(client, pending, error) : code;
}

static muclient *client_new(int fd, char *path)
{
    muclient *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return NULL;
    }
    client->decoder = proto_decoder_new();
    if (client->decoder == NULL) {
        free(client);
        return NULL;
    }
    client->fd = fd;
    client->wake_fd = -1;
    client->path = path;
    client->next_id = 1;
    client->next_upload = 1;
    client->pending_end = &client->pending;
    return client;
}

muclient_code muclient_connect(const muclient_options *options, muclient **out,
                               muclient_error **error)
{
    static const muclient_options defaults;
    const muclient_options *given = options == NULL ? &defaults : options;
    int timeout_ms = given->handshake_timeout_ms > 0 ? given->handshake_timeout_ms : HANDSHAKE_MS;
    int64_t deadline_ms = muclient_now_ms() + timeout_ms;
    char *path = NULL;
    muclient_code code = muclient_socket_path(given->socket, &path, error);
    if (code != MUCLIENT_OK || path == NULL) {
        return code;
    }
    int fd = -1;
    code = socket_connect(path, deadline_ms, &fd, error);
    if (code != MUCLIENT_OK) {
        free(path);
        return code;
    }
    muclient *client = client_new(fd, path);
    if (client == NULL) {
        free(path);
        (void)close(fd);
        return muclient_fail_memory(error);
    }
    if (given->wake_fd > 0) {
        client->wake_fd = given->wake_fd;
    }
    code = greet(client, given->name, deadline_ms, error);
    if (code != MUCLIENT_OK) {
        muclient_close(client);
        return code;
    }
    *out = client;
    return MUCLIENT_OK;
}

void muclient_close(muclient *client)
{
    if (client == NULL) {
        return;
    }
    (void)close(client->fd);
    while (client->pending != NULL) {
        muclient_pending_drop(client, client->pending);
    }
    muclient_traps_free(client);
    proto_decoder_free(client->decoder);
    proto_buffer_deinit(&client->out);
    free(client->path);
    free(client->server_name);
    free(client->broken_text);
    free(client);
}
