#include "proto.h"
#include "wire_bytes.h"
#include <criterion/criterion.h>

static void ls_append(proto_buffer *out, uint64_t id)
{
    Mud__ClientFrame frame;
    Mud__List list;
    mud__client_frame__init(&frame);
    mud__list__init(&list);
    frame.id = id;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_LIST;
    frame.list = &list;
    cr_assert_eq(proto_client_frame_append(out, &frame), PROTO_OK);
}

static uint64_t id_of(const uint8_t *bytes, size_t length)
{
    proto_arena *arena = proto_arena_new();
    Mud__ClientFrame *frame = NULL;
    cr_assert_eq(proto_client_frame_unpack(bytes, length, arena, &frame), PROTO_OK);
    cr_assert_eq(frame->request_case, MUD__CLIENT_FRAME__REQUEST_LIST);
    uint64_t id = frame->id;
    proto_arena_free(arena);
    return id;
}

Test(proto, frames_are_found_wherever_the_stream_is_cut)
{
    proto_buffer sent = {0};
    for (uint64_t id = 1; id <= 5; id++) {
        ls_append(&sent, id * 1000);
    }
    for (size_t cut = 0; cut <= sent.length; cut++) {
        proto_decoder *decoder = proto_decoder_new();
        const uint8_t *frame;
        size_t length;
        uint64_t next = 1;
        size_t ends[2] = {cut, sent.length};
        size_t at = 0;
        for (int part = 0; part < 2; part++) {
            cr_assert_eq(proto_decoder_feed(decoder, sent.bytes + at, ends[part] - at), PROTO_OK);
            at = ends[part];
            while (proto_decoder_next(decoder, &frame, &length) == PROTO_OK) {
                cr_assert_eq(id_of(frame, length), next * 1000);
                next++;
            }
        }
        cr_assert_eq(next, 6);
        cr_assert_eq(proto_decoder_pending_bytes(decoder), 0);
        proto_decoder_free(decoder);
    }
    proto_buffer_deinit(&sent);
}

Test(proto, frames_are_found_byte_by_byte)
{
    proto_buffer sent = {0};
    for (uint64_t id = 1; id <= 300; id++) {
        ls_append(&sent, id);
    }
    proto_decoder *decoder = proto_decoder_new();
    uint64_t next = 1;
    for (size_t i = 0; i < sent.length; i++) {
        const uint8_t *frame;
        size_t length;
        cr_assert_eq(proto_decoder_feed(decoder, sent.bytes + i, 1), PROTO_OK);
        while (proto_decoder_next(decoder, &frame, &length) == PROTO_OK) {
            cr_assert_eq(id_of(frame, length), next);
            next++;
        }
        cr_assert_leq(proto_decoder_capacity_bytes(decoder), 512);
    }
    cr_assert_eq(next, 301);
    proto_decoder_free(decoder);
    proto_buffer_deinit(&sent);
}

Test(proto, frame_over_the_limit_is_refused_at_its_header)
{
    uint32_t wrong[] = {PROTO_FRAME_LIMIT_BYTES + 1, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t header[4] = {(uint8_t)wrong[i], (uint8_t)(wrong[i] >> 8), (uint8_t)(wrong[i] >> 16),
                             (uint8_t)(wrong[i] >> 24)};
        proto_decoder *decoder = proto_decoder_new();
        const uint8_t *frame;
        size_t length;
        cr_assert_eq(proto_decoder_feed(decoder, header, 4), PROTO_OK);
        cr_assert_eq(proto_decoder_next(decoder, &frame, &length), PROTO_FRAME_TOO_LONG);
        cr_assert_eq(proto_decoder_feed(decoder, header, 4), PROTO_FRAME_TOO_LONG);
        cr_assert_eq(proto_decoder_next(decoder, &frame, &length), PROTO_FRAME_TOO_LONG);
        cr_assert_leq(proto_decoder_capacity_bytes(decoder), 512);
        proto_decoder_free(decoder);
    }
}

Test(proto, announced_length_takes_no_memory)
{
    uint8_t header[4] = {0, 0, 0x40, 0}; /* 4 MiB, the limit itself */
    static uint8_t zeroes[1000];
    proto_decoder *decoder = proto_decoder_new();
    const uint8_t *frame;
    size_t length;
    cr_assert_eq(proto_decoder_feed(decoder, header, 4), PROTO_OK);
    cr_assert_eq(proto_decoder_feed(decoder, zeroes, sizeof zeroes), PROTO_OK);
    cr_assert_eq(proto_decoder_next(decoder, &frame, &length), PROTO_INCOMPLETE);
    cr_assert_leq(proto_decoder_capacity_bytes(decoder), 4096);
    proto_decoder_free(decoder);
}

Test(proto, largest_frame_passes_and_its_buffer_is_given_back)
{
    size_t whole = PROTO_HEADER_BYTES + PROTO_FRAME_LIMIT_BYTES;
    uint8_t *bytes = calloc(1, whole);
    bytes[2] = 0x40;
    proto_decoder *decoder = proto_decoder_new();
    const uint8_t *frame;
    size_t length;
    for (size_t at = 0; at < whole;) {
        size_t count = whole - at < 65536 ? whole - at : 65536;
        cr_assert_eq(proto_decoder_feed(decoder, bytes + at, count), PROTO_OK);
        at += count;
    }
    cr_assert_eq(proto_decoder_next(decoder, &frame, &length), PROTO_OK);
    cr_assert_eq(length, PROTO_FRAME_LIMIT_BYTES);
    cr_assert_leq(proto_decoder_capacity_bytes(decoder), 2 * whole);
    cr_assert_eq(proto_decoder_feed(decoder, bytes, 0), PROTO_OK);
    cr_assert_eq(proto_decoder_capacity_bytes(decoder), 0);
    proto_decoder_free(decoder);
    free(bytes);
}

Test(proto, message_over_the_limit_is_not_written)
{
    proto_buffer out = {0};
    ls_append(&out, 7);
    size_t before = out.length;
    Mud__ClientFrame frame;
    Mud__LoadChunk chunk;
    mud__client_frame__init(&frame);
    mud__load_chunk__init(&chunk);
    chunk.bytes.len = PROTO_FRAME_LIMIT_BYTES;
    chunk.bytes.data = calloc(1, chunk.bytes.len);
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_LOAD_CHUNK;
    frame.load_chunk = &chunk;
    cr_assert_eq(proto_client_frame_append(&out, &frame), PROTO_FRAME_TOO_LONG);
    cr_assert_eq(out.length, before);
    proto_buffer_consume(&out, 1);
    cr_assert_eq(out.length, before - 1);
    proto_buffer_consume(&out, 1000);
    cr_assert_eq(out.length, 0);
    free(chunk.bytes.data);
    proto_buffer_deinit(&out);
}
