#include "frame_client.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

void claim_check(bool is_true, const char *file, int line, const char *claim)
{
    if (!is_true) {
        fprintf(stderr, "%s:%d: not so: %s\n", file, line, claim);
        exit(1);
    }
}

static void send_bytes(frame_client *client, const Mud__ClientFrame *frame)
{
    proto_buffer buffer = {0};
    CLAIM(proto_client_frame_append(&buffer, frame) == PROTO_OK);
    for (size_t sent = 0; sent < buffer.length;) {
        ssize_t count =
            send(client->socket_fd, buffer.bytes + sent, buffer.length - sent, MSG_NOSIGNAL);
        CLAIM(count > 0);
        sent += (size_t)count;
    }
    proto_buffer_deinit(&buffer);
}

/* Reads until a frame is complete; NULL when none comes in time. */
static Mud__ServerFrame *receive(frame_client *client, int wait_ms)
{
    for (;;) {
        const uint8_t *bytes = NULL;
        size_t length = 0;
        uint8_t chunk[65536];
        if (proto_decoder_next(client->decoder, &bytes, &length) == PROTO_OK) {
            Mud__ServerFrame *frame = NULL;
            CLAIM(proto_server_frame_unpack(bytes, length, client->arena, &frame) == PROTO_OK);
            return frame;
        }
        struct pollfd readable = {.fd = client->socket_fd, .events = POLLIN};
        if (poll(&readable, 1, wait_ms) <= 0) {
            return NULL;
        }
        ssize_t count = read(client->socket_fd, chunk, sizeof chunk);
        CLAIM(count > 0);
        CLAIM(proto_decoder_feed(client->decoder, chunk, (size_t)count) == PROTO_OK);
    }
}

frame_client *frame_client_open(const char *path)
{
    static char name[] = "frame_client";
    frame_client *client = calloc(1, sizeof *client);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    Mud__ClientFrame frame;
    Mud__Hello hello;
    CLAIM(client != NULL);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    client->path = path;
    client->socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    client->decoder = proto_decoder_new();
    client->arena = proto_arena_new();
    CLAIM(connect(client->socket_fd, (struct sockaddr *)&address, sizeof address) == 0);
    mud__client_frame__init(&frame);
    mud__hello__init(&hello);
    hello.version = PROTO_VERSION;
    hello.client = name;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_HELLO;
    frame.hello = &hello;
    send_bytes(client, &frame);
    const Mud__ServerFrame *reply = receive(client, PATIENCE_MS);
    CLAIM(reply != NULL && reply->reply_case == MUD__SERVER_FRAME__REPLY_WELCOME);
    client->pid = reply->welcome->pid;
    return client;
}

void frame_client_close(frame_client *client)
{
    close(client->socket_fd);
    proto_decoder_free(client->decoder);
    proto_arena_free(client->arena);
    free(client);
}

void frame_client_forget(frame_client *client)
{
    client->kept_count = 0;
    proto_arena_reset(client->arena);
}

uint64_t frame_client_send(frame_client *client, Mud__ClientFrame *frame)
{
    frame->id = ++client->last_id;
    send_bytes(client, frame);
    return frame->id;
}

static Mud__ServerFrame *take_kept(frame_client *client, uint64_t id)
{
    for (unsigned i = 0; i < client->kept_count; i++) {
        Mud__ServerFrame *frame = client->kept[i];
        if (frame->id == id) {
            client->kept_count--;
            memmove(&client->kept[i], &client->kept[i + 1],
                    (client->kept_count - i) * sizeof(Mud__ServerFrame *));
            return frame;
        }
    }
    return NULL;
}

static void keep(frame_client *client, Mud__ServerFrame *frame)
{
    CLAIM(client->kept_count < sizeof client->kept / sizeof client->kept[0]);
    client->kept[client->kept_count++] = frame;
}

Mud__ServerFrame *frame_client_wait(frame_client *client, uint64_t id)
{
    Mud__ServerFrame *frame = take_kept(client, id);
    while (frame == NULL) {
        frame = receive(client, PATIENCE_MS);
        CLAIM(frame != NULL);
        if (frame->id != id) {
            keep(client, frame);
            frame = NULL;
        }
    }
    return frame;
}

bool frame_client_has(frame_client *client, uint64_t id, int wait_ms)
{
    Mud__ServerFrame *frame = NULL;
    while ((frame = receive(client, wait_ms)) != NULL) {
        keep(client, frame);
    }
    for (unsigned i = 0; i < client->kept_count; i++) {
        if (client->kept[i]->id == id) {
            return true;
        }
    }
    return false;
}

static void show_error(const Mud__ServerFrame *reply)
{
    if (reply->reply_case == MUD__SERVER_FRAME__REPLY_ERROR) {
        fprintf(stderr, "mud says %s: %s\n", proto_code_name(reply->error->code),
                reply->error->message);
    }
}

Mud__ServerFrame *frame_client_ask(frame_client *client, Mud__ClientFrame *frame,
                                   Mud__ServerFrame__ReplyCase wanted)
{
    Mud__ServerFrame *reply = frame_client_wait(client, frame_client_send(client, frame));
    if (reply->reply_case != wanted) {
        show_error(reply);
    }
    CLAIM(reply->reply_case == wanted);
    return reply;
}

const Mud__Error *frame_client_refused(frame_client *client, Mud__ClientFrame *frame,
                                       Mud__Code code)
{
    const Mud__ServerFrame *reply = frame_client_ask(client, frame, MUD__SERVER_FRAME__REPLY_ERROR);
    if (reply->error->code != code) {
        show_error(reply);
    }
    CLAIM(reply->error->code == code);
    return reply->error;
}

void frame_client_load(frame_client *client, const char *vm, const char *text)
{
    static char file[] = "frame_client.uir";
    char name[80];
    Mud__ClientFrame frame;
    Mud__BeginLoad begin;
    Mud__LoadChunk chunk;
    Mud__EndLoad end;
    snprintf(name, sizeof name, "%s", vm);
    mud__client_frame__init(&frame);
    mud__begin_load__init(&begin);
    mud__load_chunk__init(&chunk);
    mud__end_load__init(&end);
    begin.vm = name;
    begin.file = file;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_BEGIN_LOAD;
    frame.begin_load = &begin;
    frame_client_send(client, &frame);
    char *copy = strdup(text);
    chunk.bytes = (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)copy};
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_LOAD_CHUNK;
    frame.load_chunk = &chunk;
    frame_client_send(client, &frame);
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_END_LOAD;
    frame.end_load = &end;
    frame_client_ask(client, &frame, MUD__SERVER_FRAME__REPLY_LOADED);
    free(copy);
}
