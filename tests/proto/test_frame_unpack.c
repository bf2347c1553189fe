/* Frames that somebody hostile wrote. Field numbers are those of mud.proto. */
#include "proto.h"
#include "wire_bytes.h"
#include <criterion/criterion.h>

enum { CLIENT_CALL = 6, CALL_ARGUMENTS = 3, VALUE_TYPE = 1, VALUE_TEXT = 2, VALUE_REFERENCE = 6 };
enum { SERVER_ERROR = 3, SERVER_LISTING = 8, ERROR_FRAMES = 5, FRAME_KEEPALIVES = 5 };

static proto_status client_try(const uint8_t *bytes, size_t length, size_t *memory)
{
    proto_arena *arena = proto_arena_new();
    Mud__ClientFrame *frame = NULL;
    proto_status status = proto_client_frame_unpack(bytes, length, arena, &frame);
    cr_assert_eq(frame != NULL, status == PROTO_OK);
    if (memory != NULL) {
        *memory = proto_arena_bytes(arena);
    }
    proto_arena_free(arena);
    return status;
}

static proto_status server_try(const uint8_t *bytes, size_t length, size_t *memory)
{
    proto_arena *arena = proto_arena_new();
    Mud__ServerFrame *frame = NULL;
    proto_status status = proto_server_frame_unpack(bytes, length, arena, &frame);
    cr_assert_eq(frame != NULL, status == PROTO_OK);
    if (memory != NULL) {
        *memory = proto_arena_bytes(arena);
    }
    proto_arena_free(arena);
    return status;
}

Test(proto, empty_frame_is_a_message_without_a_request)
{
    proto_arena *arena = proto_arena_new();
    Mud__ClientFrame *frame = NULL;
    cr_assert_eq(proto_client_frame_unpack(NULL, 0, arena, &frame), PROTO_OK);
    cr_assert_eq(frame->request_case, MUD__CLIENT_FRAME__REQUEST__NOT_SET);
    cr_assert_eq(frame->id, 0);
    proto_arena_free(arena);
}

/* 34 KB of a field in a field in a field: as unknown content it is bytes, never a recursion. */
Test(proto, depth_bomb_does_not_recurse)
{
    for (uint32_t field = 1; field < 20; field++) {
        uint8_t *bytes = malloc(40000);
        size_t at = 40000;
        size_t inside = 0;
        while (inside < 34000) {
            uint8_t header[8];
            wire w = {0};
            wire_varint(&w, field << 3 | 2);
            wire_varint(&w, inside);
            memcpy(header, w.bytes, w.length);
            at -= w.length;
            memcpy(bytes + at, header, w.length);
            inside += w.length;
            wire_free(&w);
        }
        (void)client_try(bytes + at, 40000 - at, NULL);
        (void)server_try(bytes + at, 40000 - at, NULL);
        free(bytes);
    }
}

/* The schema has no message in itself, so its deepest chain must fit under the limit. */
static unsigned depth_of(const ProtobufCMessageDescriptor *schema, unsigned above)
{
    cr_assert_lt(above, 20, "%s contains itself", schema->name);
    unsigned deepest = above + 1;
    for (unsigned i = 0; i < schema->n_fields; i++) {
        if (schema->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
            unsigned depth = depth_of(schema->fields[i].descriptor, above + 1);
            deepest = depth > deepest ? depth : deepest;
        }
    }
    cr_assert_leq(schema->n_fields, 64, "%s has more fields than the scan can mark", schema->name);
    return deepest;
}

Test(proto, schema_fits_under_the_depth_limit)
{
    cr_assert_leq(depth_of(&mud__client_frame__descriptor, 0), PROTO_DEPTH_LIMIT);
    cr_assert_leq(depth_of(&mud__server_frame__descriptor, 0), PROTO_DEPTH_LIMIT);
}

Test(proto, amplification_bomb_is_refused_in_little_memory)
{
    wire w = {0};
    for (int i = 0; i < 1000000; i++) {
        wire_content(&w, CALL_ARGUMENTS, NULL, 0);
    }
    wire_wrap(&w, CLIENT_CALL);
    size_t memory;
    cr_assert_eq(client_try(w.bytes, w.length, &memory), PROTO_TOO_MANY);
    cr_assert_eq(memory, 0);
    wire_free(&w);
}

Test(proto, as_many_messages_as_allowed_stay_within_the_budget)
{
    wire w = {0};
    for (unsigned i = 0; i + 1 < PROTO_MESSAGE_LIMIT; i++) {
        wire_content(&w, CALL_ARGUMENTS, NULL, 0);
    }
    wire_wrap(&w, CLIENT_CALL);
    size_t memory;
    proto_status status = client_try(w.bytes, w.length, &memory);
    cr_assert(status == PROTO_OK || status == PROTO_NO_MEMORY);
    cr_assert_leq(memory, (16u << 20) + 2 * w.length);
    wire_free(&w);
}

Test(proto, budget_ends_cleanly_in_the_middle_of_a_message)
{
    /* VmInfo is among the largest messages for its size on the wire. */
    wire w = {0};
    for (unsigned i = 0; i + 1 < PROTO_MESSAGE_LIMIT; i++) {
        wire_content(&w, 1 + i % 2, NULL, 0);
    }
    wire_wrap(&w, SERVER_LISTING);
    size_t memory;
    proto_status status = server_try(w.bytes, w.length, &memory);
    cr_assert(status == PROTO_OK || status == PROTO_NO_MEMORY);
    cr_assert_leq(memory, (16u << 20) + 2 * w.length);
    wire_free(&w);
}

Test(proto, flood_of_unknown_fields_is_refused)
{
    wire w = {0};
    for (unsigned i = 0; i < PROTO_UNKNOWN_LIMIT; i++) {
        wire_number(&w, 1000 + i, 1);
    }
    cr_assert_eq(client_try(w.bytes, w.length, NULL), PROTO_OK);
    wire_number(&w, 999, 1);
    size_t memory;
    cr_assert_eq(client_try(w.bytes, w.length, &memory), PROTO_TOO_MANY);
    cr_assert_eq(memory, 0);
    wire_free(&w);
}

Test(proto, repeated_strings_are_counted)
{
    wire w = {0};
    for (unsigned i = 0; i < PROTO_FIELD_LIMIT; i++) {
        wire_content(&w, 5, NULL, 0); /* TrapEvent.result_types */
    }
    wire_wrap(&w, 12);
    cr_assert_eq(server_try(w.bytes, w.length, NULL), PROTO_TOO_MANY);
    wire_free(&w);
}

Test(proto, packed_numbers_are_counted_and_checked)
{
    enum { VM_CALLS = 10, INSPECTION = 9, INSPECTION_VM = 1 };
    uint8_t *numbers = calloc(1, PROTO_FIELD_LIMIT);
    for (int is_over = 0; is_over <= 1; is_over++) {
        wire w = {0};
        /* Each number counts as a field; so do the three fields around them. */
        wire_content(&w, VM_CALLS, numbers, PROTO_FIELD_LIMIT - 3 + (size_t)is_over);
        wire_wrap(&w, INSPECTION_VM);
        wire_wrap(&w, INSPECTION);
        cr_assert_eq(server_try(w.bytes, w.length, NULL), is_over ? PROTO_TOO_MANY : PROTO_OK);
        wire_free(&w);
    }
    memset(numbers, 0x80, 20);
    wire w = {0};
    wire_content(&w, VM_CALLS, numbers, 20); /* a number that does not end */
    wire_wrap(&w, INSPECTION_VM);
    wire_wrap(&w, INSPECTION);
    cr_assert_eq(server_try(w.bytes, w.length, NULL), PROTO_MALFORMED);
    wire_free(&w);
    free(numbers);
}

Test(proto, field_given_twice_is_refused)
{
    wire w = {0};
    wire_number(&w, 1, 5);
    wire_number(&w, 1, 6);
    cr_assert_eq(client_try(w.bytes, w.length, NULL), PROTO_MALFORMED);
    wire_free(&w);
    wire_content(&w, 10, NULL, 0); /* two members of the oneof */
    wire_content(&w, 13, NULL, 0);
    cr_assert_eq(client_try(w.bytes, w.length, NULL), PROTO_MALFORMED);
    wire_free(&w);
}

Test(proto, wrong_wire_types_and_groups_are_refused)
{
    wire w = {0};
    wire_content(&w, 1, "abcd", 4); /* id as bytes */
    cr_assert_eq(client_try(w.bytes, w.length, NULL), PROTO_MALFORMED);
    wire_free(&w);
    wire_number(&w, CLIENT_CALL, 3); /* a message as a number */
    cr_assert_eq(client_try(w.bytes, w.length, NULL), PROTO_MALFORMED);
    wire_free(&w);
    uint8_t others[] = {3, 4, 6, 7}; /* group start, group end, two that do not exist */
    for (size_t i = 0; i < sizeof others; i++) {
        uint8_t tag[] = {(uint8_t)(100 | others[i]), 0, 0, 0};
        tag[0] = (uint8_t)((12 << 3) | others[i]);
        cr_assert_eq(client_try(tag, sizeof tag, NULL), PROTO_MALFORMED);
    }
    uint8_t field_zero[] = {0, 0};
    cr_assert_eq(client_try(field_zero, sizeof field_zero, NULL), PROTO_MALFORMED);
}

Test(proto, varints_that_are_too_long_are_refused)
{
    uint8_t eleven[] = {8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
    cr_assert_eq(client_try(eleven, sizeof eleven, NULL), PROTO_MALFORMED);
    uint8_t over_64_bits[] = {8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    cr_assert_eq(client_try(over_64_bits, sizeof over_64_bits, NULL), PROTO_MALFORMED);
    uint8_t largest[] = {8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    cr_assert_eq(client_try(largest, sizeof largest, NULL), PROTO_OK);
    uint8_t wide_tag[] = {0x88, 0x80, 0x80, 0x80, 0x80, 0x01, 0};
    cr_assert_eq(client_try(wide_tag, sizeof wide_tag, NULL), PROTO_MALFORMED);
}

Test(proto, strings_with_a_nul_inside_are_refused)
{
    wire w = {0};
    wire_content(&w, 1, "a\0b", 3);
    wire_wrap(&w, CLIENT_CALL);
    cr_assert_eq(client_try(w.bytes, w.length, NULL), PROTO_MALFORMED);
    wire_free(&w);
}

Test(proto, lengths_beyond_their_message_are_refused)
{
    wire inner = {0};
    wire_varint(&inner, VALUE_TEXT << 3 | 2);
    wire_varint(&inner, 3); /* the Value ends after one byte of it */
    wire_raw(&inner, "a", 1);
    wire w = {0};
    wire_content(&w, CALL_ARGUMENTS, inner.bytes, inner.length);
    wire_content(&w, 2, "foo", 3);
    wire_wrap(&w, CLIENT_CALL);
    cr_assert_eq(client_try(w.bytes, w.length, NULL), PROTO_MALFORMED);
    wire_free(&w);
    wire_free(&inner);
    uint8_t huge[] = {
        CLIENT_CALL << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    cr_assert_eq(client_try(huge, sizeof huge, NULL), PROTO_MALFORMED);
}

Test(proto, frame_over_the_limit_is_not_unpacked)
{
    uint8_t *bytes = calloc(1, PROTO_FRAME_LIMIT_BYTES + 1);
    cr_assert_eq(client_try(bytes, PROTO_FRAME_LIMIT_BYTES + 1, NULL), PROTO_FRAME_TOO_LONG);
    free(bytes);
}

Test(proto, random_bytes_never_harm)
{
    uint64_t state = 88172645463325252u;
    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            /* Small numbers, so that many become tags and lengths that fit. */
            bytes[i] = (uint8_t)((state & 3) == 0 ? state >> 8 : (state >> 8) % 0x60);
        }
        size_t length = state % (sizeof bytes + 1);
        (void)client_try(bytes, length, NULL);
        (void)server_try(bytes, length, NULL);
    }
}
