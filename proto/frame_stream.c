/* Frames to bytes and bytes to frames. The decoder keeps one run of bytes,
 *
 *     bytes:  [ given out | frame | frame | part of a frame |      free      ]
 *             0           start                            end        capacity
 *
 * and moves it to the front when more than half of it was given out, so that each byte is moved a
 * bounded number of times. */
#include "proto.h"
#include <stdlib.h>
#include <string.h>

enum { SMALLEST_BYTES = 512, IDLE_KEEP_BYTES = 64 << 10 };

struct proto_decoder {
    uint8_t *bytes;
    size_t start;
    size_t end;
    size_t capacity;
};

proto_decoder *proto_decoder_new(void)
{
    return calloc(1, sizeof(proto_decoder));
}

void proto_decoder_free(proto_decoder *decoder)
{
    if (decoder != NULL) {
        free(decoder->bytes);
        free(decoder);
    }
}

static uint32_t length_read(const uint8_t *header)
{
    return (uint32_t)header[0] | (uint32_t)header[1] << 8 | (uint32_t)header[2] << 16 |
           (uint32_t)header[3] << 24;
}

static void length_write(uint8_t *header, uint32_t length)
{
    header[0] = (uint8_t)length;
    header[1] = (uint8_t)(length >> 8);
    header[2] = (uint8_t)(length >> 16);
    header[3] = (uint8_t)(length >> 24);
}

/* Room for `count` bytes after `used`, at least doubling. */
static bool room_make(uint8_t **bytes, size_t *capacity, size_t used, size_t count)
{
    if (count > SIZE_MAX / 4 || used > SIZE_MAX / 4) {
        return false;
    }
    size_t needed = used + count;
    if (needed <= *capacity) {
        return true;
    }
    size_t wanted = *capacity < SMALLEST_BYTES ? SMALLEST_BYTES : *capacity * 2;
    if (wanted < needed) {
        wanted = needed;
    }
    uint8_t *grown = realloc(*bytes, wanted);
    if (grown == NULL) {
        return false;
    }
    *bytes = grown;
    *capacity = wanted;
    return true;
}

/* An idle connection should not hold on to the buffer of its largest upload. */
static void idle_shrink(proto_decoder *decoder)
{
    if (decoder->start != decoder->end) {
        return;
    }
    decoder->start = decoder->end = 0;
    if (decoder->capacity > IDLE_KEEP_BYTES) {
        free(decoder->bytes);
        decoder->bytes = NULL;
        decoder->capacity = 0;
    }
}

proto_status proto_decoder_feed(proto_decoder *decoder, const uint8_t *bytes, size_t count)
{
    size_t pending = decoder->end - decoder->start;
    if (pending >= PROTO_HEADER_BYTES &&
        length_read(decoder->bytes + decoder->start) > PROTO_FRAME_LIMIT_BYTES) {
        return PROTO_FRAME_TOO_LONG;
    }
    idle_shrink(decoder);
    if (count == 0) {
        return PROTO_OK;
    }
    if (decoder->start > decoder->end / 2) {
        memmove(decoder->bytes, decoder->bytes + decoder->start, pending);
        decoder->start = 0;
        decoder->end = pending;
    }
    if (!room_make(&decoder->bytes, &decoder->capacity, decoder->end, count)) {
        return PROTO_NO_MEMORY;
    }
    memcpy(decoder->bytes + decoder->end, bytes, count);
    decoder->end += count;
    return PROTO_OK;
}

proto_status proto_decoder_next(proto_decoder *decoder, const uint8_t **frame, size_t *length)
{
    size_t pending = decoder->end - decoder->start;
    if (pending < PROTO_HEADER_BYTES) {
        return PROTO_INCOMPLETE;
    }
    uint32_t announced = length_read(decoder->bytes + decoder->start);
    if (announced > PROTO_FRAME_LIMIT_BYTES) {
        return PROTO_FRAME_TOO_LONG;
    }
    if (pending - PROTO_HEADER_BYTES < announced) {
        return PROTO_INCOMPLETE;
    }
    *frame = decoder->bytes + decoder->start + PROTO_HEADER_BYTES;
    *length = announced;
    decoder->start += PROTO_HEADER_BYTES + announced;
    return PROTO_OK;
}

size_t proto_decoder_pending_bytes(const proto_decoder *decoder)
{
    return decoder->end - decoder->start;
}

size_t proto_decoder_capacity_bytes(const proto_decoder *decoder)
{
    return decoder->capacity;
}

static proto_status frame_append(proto_buffer *out, const ProtobufCMessage *message)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    if (length > PROTO_FRAME_LIMIT_BYTES) {
        return PROTO_FRAME_TOO_LONG;
    }
    if (!room_make(&out->bytes, &out->capacity, out->length, PROTO_HEADER_BYTES + length)) {
        return PROTO_NO_MEMORY;
    }
    length_write(out->bytes + out->length, (uint32_t)length);
    (void)protobuf_c_message_pack(message, out->bytes + out->length + PROTO_HEADER_BYTES);
    out->length += PROTO_HEADER_BYTES + length;
    return PROTO_OK;
}

proto_status proto_client_frame_append(proto_buffer *out, const Mud__ClientFrame *frame)
{
    return frame_append(out, &frame->base);
}

proto_status proto_server_frame_append(proto_buffer *out, const Mud__ServerFrame *frame)
{
    return frame_append(out, &frame->base);
}

void proto_buffer_consume(proto_buffer *buffer, size_t count)
{
    size_t removed = count < buffer->length ? count : buffer->length;
    buffer->length -= removed;
    if (buffer->length > 0) {
        memmove(buffer->bytes, buffer->bytes + removed, buffer->length);
    } else if (buffer->capacity > IDLE_KEEP_BYTES) {
        proto_buffer_deinit(buffer);
    }
}

void proto_buffer_deinit(proto_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (proto_buffer){0};
}
