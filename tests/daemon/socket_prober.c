/* A client that misbehaves in one way, for system_test.sh:
 *     socket_prober MANNER SOCKET
 * Prints a word when it has come to the point, then waits to be killed; or exits with 0 when mud
 * did what it should. */
#include "proto.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, PIPELINED = 5000 };

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (socket_fd < 0 || connect(socket_fd, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("socket_prober");
        exit(1);
    }
    return socket_fd;
}

/* Writes all, waiting for room; false when mud closed the socket or nothing could be written for
 * long. */
static bool write_all(int socket_fd, const uint8_t *bytes, size_t count, int patience_ms)
{
    while (count > 0) {
        struct pollfd room = {.fd = socket_fd, .events = POLLOUT};
        if (poll(&room, 1, patience_ms) <= 0) {
            return false;
        }
        ssize_t written = send(socket_fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && errno != EAGAIN) {
            return false;
        }
        bytes += written > 0 ? written : 0;
        count -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static bool send_frame(int socket_fd, const Mud__ClientFrame *frame, int patience_ms)
{
    proto_buffer buffer = {0};
    bool sent = proto_client_frame_append(&buffer, frame) == PROTO_OK &&
                write_all(socket_fd, buffer.bytes, buffer.length, patience_ms);
    proto_buffer_deinit(&buffer);
    return sent;
}

static bool send_hello(int socket_fd, uint32_t version)
{
    static char name[] = "socket_prober";
    Mud__ClientFrame frame;
    Mud__Hello hello;
    mud__client_frame__init(&frame);
    mud__hello__init(&hello);
    hello.version = version;
    hello.client = name;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_HELLO;
    frame.hello = &hello;
    return send_frame(socket_fd, &frame, PATIENCE_MS);
}

/* Reads until mud closes; counts replies by kind. */
typedef struct probe_count {
    unsigned replies;
    unsigned errors;
    bool was_closed;
    Mud__Code last_code;
} probe_count;

static probe_count read_replies(int socket_fd, unsigned wanted)
{
    probe_count count = {0};
    proto_decoder *decoder = proto_decoder_new();
    proto_arena *arena = proto_arena_new();
    struct pollfd readable = {.fd = socket_fd, .events = POLLIN};
    while (count.replies < wanted && poll(&readable, 1, PATIENCE_MS) > 0) {
        uint8_t bytes[65536];
        const uint8_t *frame_bytes = NULL;
        size_t length = 0;
        ssize_t got = read(socket_fd, bytes, sizeof bytes);
        if (got <= 0) {
            count.was_closed = true;
            break;
        }
        if (proto_decoder_feed(decoder, bytes, (size_t)got) != PROTO_OK) {
            break;
        }
        while (proto_decoder_next(decoder, &frame_bytes, &length) == PROTO_OK) {
            Mud__ServerFrame *frame = NULL;
            if (proto_server_frame_unpack(frame_bytes, length, arena, &frame) == PROTO_OK) {
                bool is_error = frame->reply_case == MUD__SERVER_FRAME__REPLY_ERROR;
                count.errors += is_error;
                count.last_code = is_error ? frame->error->code : count.last_code;
            }
            count.replies++;
            proto_arena_reset(arena);
        }
    }
    proto_arena_free(arena);
    proto_decoder_free(decoder);
    return count;
}

static void wait_to_be_killed(const char *word)
{
    puts(word);
    fflush(stdout);
    for (;;) {
        pause();
    }
}

/* ---------------------------------------------------------------------------------- manners */

static bool is_refused(int socket_fd, Mud__Code code)
{
    probe_count count = read_replies(socket_fd, 100);
    return count.was_closed && count.errors == 1 && count.last_code == code;
}

static bool probe_garbage(int socket_fd)
{
    uint8_t bytes[4096];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 37 + 11);
    }
    return write_all(socket_fd, bytes, sizeof bytes, PATIENCE_MS) &&
           is_refused(socket_fd, MUD__CODE__INVALID_ARGUMENT);
}

static bool probe_garbage_frame(int socket_fd)
{
    static const uint8_t frame[] = {4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    return send_hello(socket_fd, PROTO_VERSION) &&
           write_all(socket_fd, frame, sizeof frame, PATIENCE_MS) &&
           is_refused(socket_fd, MUD__CODE__INVALID_ARGUMENT);
}

static bool probe_long_frame(int socket_fd)
{
    static const uint8_t header[] = {0xff, 0xff, 0xff, 0x7f};
    return send_hello(socket_fd, PROTO_VERSION) &&
           write_all(socket_fd, header, sizeof header, PATIENCE_MS) &&
           is_refused(socket_fd, MUD__CODE__INVALID_ARGUMENT);
}

static bool probe_version(int socket_fd)
{
    return send_hello(socket_fd, 99) && is_refused(socket_fd, MUD__CODE__FAILED_PRECONDITION);
}

static bool probe_silence(int socket_fd)
{
    return is_refused(socket_fd, MUD__CODE__DEADLINE_EXCEEDED);
}

static bool send_simple(int socket_fd, uint64_t id, Mud__ClientFrame__RequestCase request,
                        int patience_ms)
{
    Mud__ClientFrame frame;
    Mud__Status status;
    Mud__List list;
    mud__client_frame__init(&frame);
    mud__status__init(&status);
    mud__list__init(&list);
    frame.id = id;
    frame.request_case = request;
    if (request == MUD__CLIENT_FRAME__REQUEST_STATUS) {
        frame.status = &status;
    } else {
        frame.list = &list;
    }
    return send_frame(socket_fd, &frame, patience_ms);
}

/* Many requests before the first reply is read. */
static bool probe_pipeline(int socket_fd)
{
    if (!send_hello(socket_fd, PROTO_VERSION)) {
        return false;
    }
    for (uint64_t id = 1; id <= PIPELINED; id++) {
        if (!send_simple(socket_fd, id, MUD__CLIENT_FRAME__REQUEST_STATUS, PATIENCE_MS)) {
            return false;
        }
    }
    probe_count count = read_replies(socket_fd, PIPELINED + 1);
    return count.replies == PIPELINED + 1 && count.errors == 0;
}

/* Asks and asks and never reads: mud has to stop taking requests. */
static bool probe_deafness(int socket_fd)
{
    if (!send_hello(socket_fd, PROTO_VERSION)) {
        return false;
    }
    for (uint64_t id = 1; id < 10000000; id++) {
        if (!send_simple(socket_fd, id, MUD__CLIENT_FRAME__REQUEST_LIST, 1000)) {
            wait_to_be_killed("blocked");
        }
    }
    return false;
}

/* Leaves an upload unfinished. */
static bool probe_half_upload(int socket_fd)
{
    static char vm[] = "half";
    static uint8_t bytes[200000];
    Mud__ClientFrame frame;
    Mud__BeginLoad begin;
    Mud__LoadChunk chunk;
    mud__client_frame__init(&frame);
    mud__begin_load__init(&begin);
    mud__load_chunk__init(&chunk);
    memset(bytes, ' ', sizeof bytes);
    frame.id = 1;
    begin.upload = 7;
    begin.vm = vm;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_BEGIN_LOAD;
    frame.begin_load = &begin;
    if (!send_hello(socket_fd, PROTO_VERSION) || !send_frame(socket_fd, &frame, PATIENCE_MS)) {
        return false;
    }
    chunk.upload = 7;
    chunk.bytes = (ProtobufCBinaryData){.data = bytes, .len = sizeof bytes};
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_LOAD_CHUNK;
    frame.load_chunk = &chunk;
    if (!send_frame(socket_fd, &frame, PATIENCE_MS)) {
        return false;
    }
    wait_to_be_killed("uploading");
    return false;
}

static void append_flood(proto_buffer *buffer, Mud__ClientFrame *frame,
                         Mud__ClientFrame__RequestCase request)
{
    frame->request_case = request;
    frame->id++;
    if (proto_client_frame_append(buffer, frame) != PROTO_OK) {
        exit(1);
    }
}

/* Far more collections and loads at once than one VM may have under way: some are refused, all are
 * answered. */
static bool probe_flood(int socket_fd)
{
    enum { REQUESTS = 600 };
    static char vm[] = "flooded";
    static char file[] = "empty.uir";
    proto_buffer buffer = {0};
    Mud__ClientFrame frame;
    Mud__BeginLoad begin;
    Mud__EndLoad end;
    Mud__Collect collect;
    mud__client_frame__init(&frame);
    mud__begin_load__init(&begin);
    mud__end_load__init(&end);
    mud__collect__init(&collect);
    begin.vm = vm;
    begin.file = file;
    collect.vm = vm;
    for (int i = 0; i < REQUESTS; i++) {
        frame.begin_load = &begin;
        append_flood(&buffer, &frame, MUD__CLIENT_FRAME__REQUEST_BEGIN_LOAD);
        frame.end_load = &end;
        append_flood(&buffer, &frame, MUD__CLIENT_FRAME__REQUEST_END_LOAD);
    }
    for (int i = 0; i < REQUESTS; i++) {
        frame.collect = &collect;
        append_flood(&buffer, &frame, MUD__CLIENT_FRAME__REQUEST_COLLECT);
    }
    bool sent = send_hello(socket_fd, PROTO_VERSION) &&
                write_all(socket_fd, buffer.bytes, buffer.length, PATIENCE_MS);
    proto_buffer_deinit(&buffer);
    probe_count count = sent ? read_replies(socket_fd, 2 * REQUESTS + 1) : (probe_count){0};
    return count.replies == 2 * REQUESTS + 1 && count.errors > 0 && count.errors < 2 * REQUESTS &&
           count.last_code == MUD__CODE__RESOURCE_EXHAUSTED;
}

static const struct {
    const char *name;
    bool (*probe)(int socket_fd);
} manners[] = {
    {"garbage", probe_garbage},       {"garbage-frame", probe_garbage_frame},
    {"long-frame", probe_long_frame}, {"wrong-version", probe_version},
    {"silence", probe_silence},       {"pipeline", probe_pipeline},
    {"deafness", probe_deafness},     {"half-upload", probe_half_upload},
    {"flood", probe_flood},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof manners / sizeof manners[0]; i++) {
        if (strcmp(argv[1], manners[i].name) == 0) {
            int socket_fd = connect_to(argv[2]);
            bool as_expected = manners[i].probe(socket_fd);
            close(socket_fd);
            return as_expected ? 0 : 1;
        }
    }
    fprintf(stderr, "usage: socket_prober MANNER SOCKET\n");
    return 2;
}
