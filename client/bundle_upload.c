/* Loading a bundle. All frames of an upload carry one request id, so that whichever of them mud
 * refuses, its error answers the upload; after it the rest is not sent. */
#include "connection.h"
#include <stdlib.h>
#include <string.h>

/* Few chunks on their way at once: more would only take memory. */
enum { UPLOAD_OUT_BYTES = 2 * PROTO_CHUNK_BYTES };

typedef struct upload_state {
    muclient *client;
    uint32_t number;
    muclient_pending *pending;
} upload_state;

static Mud__ClientFrame upload_frame(const upload_state *upload, Mud__ClientFrame__RequestCase kind)
{
    Mud__ClientFrame frame;
    mud__client_frame__init(&frame);
    frame.id = upload->pending->id;
    frame.request_case = kind;
    return frame;
}

static muclient_code upload_begin(const upload_state *upload, const muclient_load_spec *spec,
                                  muclient_error **error)
{
    proto_arena *arena = proto_arena_new();
    if (arena == NULL) {
        return muclient_fail_memory(error);
    }
    Mud__ClientFrame frame = upload_frame(upload, MUD__CLIENT_FRAME__REQUEST_BEGIN_LOAD);
    Mud__BeginLoad begin;
    mud__begin_load__init(&begin);
    frame.begin_load = &begin;
    begin.upload = upload->number;
    begin.vm = proto_arena_copy(arena, spec->vm);
    begin.bundle = proto_arena_copy(arena, spec->bundle);
    begin.file = proto_arena_copy(arena, spec->file);
    begin.guest = proto_arena_copy(arena, spec->guest);
    begin.heap_bytes = spec->heap_bytes;
    begin.grant_native = spec->grant_native;
    bool has_memory = begin.vm && begin.bundle && begin.file && begin.guest;
    muclient_code code = has_memory ? muclient_send(upload->client, &frame, NULL, error)
                                    : muclient_fail_memory(error);
    proto_arena_free(arena);
    return code;
}

static muclient_code chunk_send(const upload_state *upload, uint8_t *bytes, size_t count,
                                muclient_error **error)
{
    Mud__ClientFrame frame = upload_frame(upload, MUD__CLIENT_FRAME__REQUEST_LOAD_CHUNK);
    Mud__LoadChunk chunk;
    mud__load_chunk__init(&chunk);
    frame.load_chunk = &chunk;
    chunk.upload = upload->number;
    chunk.bytes.data = bytes;
    chunk.bytes.len = count;
    muclient_code code = muclient_send(upload->client, &frame, NULL, error);
    while (code == MUCLIENT_OK && upload->client->out.length >= UPLOAD_OUT_BYTES) {
        code = muclient_move(upload->client, UPLOAD_OUT_BYTES, -1, error);
    }
    return code;
}

static muclient_code chunks_send(const upload_state *upload, muclient_read_fn read, void *data,
                                 muclient_error **error)
{
    uint8_t *bytes = malloc(PROTO_CHUNK_BYTES);
    if (bytes == NULL) {
        return muclient_fail_memory(error);
    }
    muclient_code code = MUCLIENT_OK;
    while (code == MUCLIENT_OK && upload->pending->frame == NULL) {
        ssize_t count = read(data, bytes, PROTO_CHUNK_BYTES);
        if (count == 0) {
            break;
        }
        if (count < 0) {
            code = muclient_fail(error, MUCLIENT_CANCELLED, "", "the bundle could not be read");
        } else {
            code = chunk_send(upload, bytes, (size_t)count, error);
        }
    }
    free(bytes);
    return code;
}

static muclient_code upload_end(const upload_state *upload, muclient_error **error)
{
    if (upload->pending->frame != NULL) {
        return MUCLIENT_OK;
    }
    Mud__ClientFrame frame = upload_frame(upload, MUD__CLIENT_FRAME__REQUEST_END_LOAD);
    Mud__EndLoad end;
    mud__end_load__init(&end);
    frame.end_load = &end;
    end.upload = upload->number;
    return muclient_send(upload->client, &frame, NULL, error);
}

muclient_code muclient_load_stream(muclient *client, const muclient_load_spec *spec,
                                   muclient_read_fn read, void *data, muclient_reply **reply,
                                   muclient_error **error)
{
    upload_state upload = {.client = client, .number = client->next_upload++};
    upload.pending = muclient_pending_new(client, client->next_id++);
    if (upload.pending == NULL) {
        return muclient_fail_memory(error);
    }
    muclient_code code = upload_begin(&upload, spec, error);
    if (code == MUCLIENT_OK) {
        code = chunks_send(&upload, read, data, error);
    }
    if (code == MUCLIENT_OK) {
        code = upload_end(&upload, error);
    }
    if (code == MUCLIENT_OK) {
        code = muclient_pending_wait(client, upload.pending, error);
    }
    if (code != MUCLIENT_OK) {
        muclient_forget(client, upload.pending->id);
        return code;
    }
    Mud__ServerFrame__ReplyCase got = upload.pending->frame->reply_case;
    if (got != MUD__SERVER_FRAME__REPLY_LOADED && got != MUD__SERVER_FRAME__REPLY_ERROR) {
        muclient_pending_drop(client, upload.pending);
        return muclient_fail(error, MUCLIENT_INTERNAL, "", "mud answered something else");
    }
    return muclient_pending_take(client, upload.pending, reply, error);
}

typedef struct memory_source {
    const uint8_t *at;
    size_t left;
} memory_source;

static ssize_t memory_read(void *data, uint8_t *bytes, size_t capacity)
{
    memory_source *source = data;
    size_t count = source->left < capacity ? source->left : capacity;
    if (count > 0) {
        memcpy(bytes, source->at, count);
        source->at += count;
        source->left -= count;
    }
    return (ssize_t)count;
}

muclient_code muclient_load_bytes(muclient *client, const muclient_load_spec *spec,
                                  const void *bytes, size_t length, muclient_reply **reply,
                                  muclient_error **error)
{
    memory_source source = {.at = bytes, .left = length};
    return muclient_load_stream(client, spec, memory_read, &source, reply, error);
}
