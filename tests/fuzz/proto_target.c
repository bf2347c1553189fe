#include "fuzz_targets.h"

#include "proto.h"

#include <stdio.h>
#include <stdlib.h>

static void fail(const char *what)
{
    fprintf(stderr, "proto: %s\n", what);
    abort();
}

static void unpack(proto_arena *arena, const uint8_t *frame, size_t length)
{
    Mud__ClientFrame *from_client;
    Mud__ServerFrame *from_server;
    proto_arena_reset(arena);
    proto_buffer packed = {0};
    if (proto_client_frame_unpack(frame, length, arena, &from_client) == PROTO_OK &&
        proto_client_frame_append(&packed, from_client) == PROTO_OK &&
        proto_client_frame_unpack(packed.bytes + PROTO_HEADER_BYTES,
                                  packed.length - PROTO_HEADER_BYTES, arena,
                                  &from_client) != PROTO_OK) {
        fail("a client's frame does not survive being sent on");
    }
    proto_buffer_deinit(&packed);
    packed = (proto_buffer){0};
    proto_arena_reset(arena);
    if (proto_server_frame_unpack(frame, length, arena, &from_server) == PROTO_OK &&
        proto_server_frame_append(&packed, from_server) == PROTO_OK &&
        proto_server_frame_unpack(packed.bytes + PROTO_HEADER_BYTES,
                                  packed.length - PROTO_HEADER_BYTES, arena,
                                  &from_server) != PROTO_OK) {
        fail("a server's frame does not survive being sent on");
    }
    proto_buffer_deinit(&packed);
}

typedef struct stream_sum {
    uint64_t hash;
    uint32_t frames;
    proto_status last;
} stream_sum;

/* Feeds the stream in pieces whose sizes `seed` chooses, 0: all at once. */
static stream_sum cut(const uint8_t *bytes, size_t length, uint32_t seed, proto_arena *arena)
{
    stream_sum sum = {.hash = 14695981039346656037u};
    proto_decoder *decoder = proto_decoder_new();
    for (size_t at = 0; at < length;) {
        seed = seed * 1103515245u + 12345u;
        size_t piece = seed == 12345u ? length : 1 + (seed >> 16) % 37;
        piece = piece < length - at ? piece : length - at;
        seed = seed == 12345u ? 0 : seed;
        if (proto_decoder_feed(decoder, bytes + at, piece) != PROTO_OK) {
            break;
        }
        at += piece;
        const uint8_t *frame;
        size_t frame_length;
        while ((sum.last = proto_decoder_next(decoder, &frame, &frame_length)) == PROTO_OK) {
            sum.frames++;
            sum.hash = (sum.hash ^ frame_length) * 1099511628211u;
            for (size_t i = 0; i < frame_length; i++) {
                sum.hash = (sum.hash ^ frame[i]) * 1099511628211u;
            }
            if (arena) {
                unpack(arena, frame, frame_length);
            }
        }
        if (sum.last == PROTO_FRAME_TOO_LONG) {
            break;
        }
    }
    proto_decoder_free(decoder);
    return sum;
}

void fuzz_proto(const uint8_t *bytes, size_t length)
{
    if (length == 0) {
        return;
    }
    proto_arena *arena = proto_arena_new();
    unpack(arena, bytes + 1, length - 1);
    stream_sum whole = cut(bytes + 1, length - 1, 0, arena);
    stream_sum pieces = cut(bytes + 1, length - 1, bytes[0] + 1u, NULL);
    if (whole.frames != pieces.frames || whole.hash != pieces.hash) {
        fail("the way a stream is split changes its frames");
    }
    proto_arena_free(arena);
}
