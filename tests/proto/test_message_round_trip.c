/* Every message of the schema, filled by walking its descriptor, comes back as it was; cut short or
 * changed anywhere it never does harm. */
#include "proto.h"
#include <criterion/criterion.h>

static void message_fill(ProtobufCMessage *message, proto_arena *arena, unsigned which);

static ProtobufCMessage *message_make(const ProtobufCMessageDescriptor *schema, proto_arena *arena,
                                      unsigned which)
{
    ProtobufCMessage *message = proto_arena_allocate(arena, schema->sizeof_message);
    protobuf_c_message_init(schema, message);
    message_fill(message, arena, which);
    return message;
}

static size_t element_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    default: return 8;
    }
}

static void element_fill(void *at, const ProtobufCFieldDescriptor *field, proto_arena *arena,
                         unsigned which)
{
    static uint8_t content[] = {0, 1, 2, 0xff};
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = proto_arena_format(arena, "%s %u", field->name, which);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = message_make(field->descriptor, arena, which + 1);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        *(ProtobufCBinaryData *)at = (ProtobufCBinaryData){.len = sizeof content, .data = content};
        break;
    case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)at = 1; break;
    case PROTOBUF_C_TYPE_ENUM: *(int *)at = 2; break;
    case PROTOBUF_C_TYPE_UINT32: *(uint32_t *)at = 0xfffffff0u + which % 8; break;
    case PROTOBUF_C_TYPE_FLOAT: *(float *)at = 1.5F; break;
    case PROTOBUF_C_TYPE_DOUBLE: *(double *)at = -2.5e300; break;
    case PROTOBUF_C_TYPE_UINT64: *(uint64_t *)at = UINT64_MAX - which; break;
    default: cr_assert_fail("%s has a type the test does not know", field->name);
    }
}

static void message_fill(ProtobufCMessage *message, proto_arena *arena, unsigned which)
{
    const ProtobufCMessageDescriptor *schema = message->descriptor;
    char *base = (char *)message;
    unsigned members = 0;
    for (unsigned i = 0; i < schema->n_fields; i++) {
        members += (schema->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    }
    unsigned member = 0;
    for (unsigned i = 0; i < schema->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &schema->fields[i];
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            if (member++ != which % members) {
                continue;
            }
            *(uint32_t *)(base + field->quantifier_offset) = field->id;
        }
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            element_fill(base + field->offset, field, arena, which);
            continue;
        }
        char *elements = proto_arena_allocate(arena, 3 * element_size(field));
        for (unsigned n = 0; n < 3; n++) {
            element_fill(elements + n * element_size(field), field, arena, which + n);
        }
        *(size_t *)(base + field->quantifier_offset) = 3;
        *(char **)(base + field->offset) = elements;
    }
}

enum { CLIENT_REQUESTS = 16, SERVER_REPLIES = 13 };

static void client_frame_append(proto_buffer *out, unsigned which)
{
    proto_arena *arena = proto_arena_new();
    ProtobufCMessage *message = message_make(&mud__client_frame__descriptor, arena, which);
    cr_assert_eq(proto_client_frame_append(out, (Mud__ClientFrame *)message), PROTO_OK);
    proto_arena_free(arena);
}

static void server_frame_append(proto_buffer *out, unsigned which)
{
    proto_arena *arena = proto_arena_new();
    ProtobufCMessage *message = message_make(&mud__server_frame__descriptor, arena, which);
    cr_assert_eq(proto_server_frame_append(out, (Mud__ServerFrame *)message), PROTO_OK);
    proto_arena_free(arena);
}

Test(proto, every_request_comes_back_as_it_was)
{
    unsigned cases = 0;
    for (unsigned which = 0; which < CLIENT_REQUESTS; which++) {
        proto_buffer first = {0};
        proto_buffer second = {0};
        client_frame_append(&first, which);
        proto_arena *arena = proto_arena_new();
        Mud__ClientFrame *frame = NULL;
        cr_assert_eq(proto_client_frame_unpack(first.bytes + 4, first.length - 4, arena, &frame),
                     PROTO_OK, "request %u", which);
        cases |= 1u << frame->request_case;
        cr_assert_eq(proto_client_frame_append(&second, frame), PROTO_OK);
        cr_assert_eq(first.length, second.length);
        cr_assert_arr_eq(first.bytes, second.bytes, first.length);
        proto_arena_free(arena);
        proto_buffer_deinit(&first);
        proto_buffer_deinit(&second);
    }
    cr_assert_eq(cases, 0x3fffc, "not every request was tried: %x", cases);
}

Test(proto, every_reply_comes_back_as_it_was)
{
    unsigned cases = 0;
    for (unsigned which = 0; which < SERVER_REPLIES; which++) {
        proto_buffer first = {0};
        proto_buffer second = {0};
        server_frame_append(&first, which);
        proto_arena *arena = proto_arena_new();
        Mud__ServerFrame *frame = NULL;
        cr_assert_eq(proto_server_frame_unpack(first.bytes + 4, first.length - 4, arena, &frame),
                     PROTO_OK, "reply %u", which);
        cases |= 1u << frame->reply_case;
        cr_assert_eq(proto_server_frame_append(&second, frame), PROTO_OK);
        cr_assert_eq(first.length, second.length);
        cr_assert_arr_eq(first.bytes, second.bytes, first.length);
        proto_arena_free(arena);
        proto_buffer_deinit(&first);
        proto_buffer_deinit(&second);
    }
    cr_assert_eq(cases, 0x7ffc, "not every reply was tried: %x", cases);
}

/* Unpacks a copy of exactly that length, so that a sanitizer sees a read past its end. */
static void both_try(const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length == 0 ? 1 : length);
    memcpy(copy, bytes, length);
    proto_arena *arena = proto_arena_new();
    Mud__ClientFrame *client = NULL;
    Mud__ServerFrame *server = NULL;
    (void)!proto_client_frame_unpack(copy, length, arena, &client);
    (void)!proto_server_frame_unpack(copy, length, arena, &server);
    proto_arena_free(arena);
    free(copy);
}

static void frame_harm(const proto_buffer *sent)
{
    for (size_t length = 0; length <= sent->length - 4; length++) {
        both_try(sent->bytes + 4, length);
    }
    for (size_t at = 4; at < sent->length; at++) {
        static const uint8_t changes[] = {0x01, 0x02, 0x07, 0x80, 0xff};
        for (size_t i = 0; i < sizeof changes; i++) {
            sent->bytes[at] ^= changes[i];
            both_try(sent->bytes + 4, sent->length - 4);
            sent->bytes[at] ^= changes[i];
        }
    }
}

Test(proto, frames_cut_short_or_changed_do_no_harm)
{
    for (unsigned which = 0; which < CLIENT_REQUESTS; which++) {
        proto_buffer sent = {0};
        client_frame_append(&sent, which);
        frame_harm(&sent);
        proto_buffer_deinit(&sent);
    }
    for (unsigned which = 0; which < SERVER_REPLIES; which++) {
        proto_buffer sent = {0};
        server_frame_append(&sent, which);
        frame_harm(&sent);
        proto_buffer_deinit(&sent);
    }
}
