/* Unpacking: a look at the bytes, then protobuf-c with the arena as its allocator and a budget. */
#include "arena_budget.h"
#include "frame_scan.h"

static const size_t budget_bytes = (size_t)16 << 20;

static void *arena_alloc(void *arena, size_t size_bytes)
{
    return proto_arena_allocate(arena, size_bytes);
}

/* The arena is freed as a whole; what protobuf-c gives back earlier just stays in it. */
static void arena_keep(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

static proto_status frame_unpack(const ProtobufCMessageDescriptor *schema, const uint8_t *bytes,
                                 size_t length, proto_arena *arena, ProtobufCMessage **out)
{
    if (length > PROTO_FRAME_LIMIT_BYTES) {
        return PROTO_FRAME_TOO_LONG;
    }
    proto_status status = proto_frame_scan(schema, bytes, length);
    if (status != PROTO_OK) {
        return status;
    }
    ProtobufCAllocator allocator = {
        .alloc = arena_alloc, .free = arena_keep, .allocator_data = arena};
    static const uint8_t nothing[1];
    proto_arena_limit(arena, budget_bytes + 2 * length);
    ProtobufCMessage *message =
        protobuf_c_message_unpack(schema, &allocator, length, length == 0 ? nothing : bytes);
    proto_arena_unlimit(arena);
    if (message == NULL) {
        /* What the look has passed fails only for want of memory. */
        return PROTO_NO_MEMORY;
    }
    *out = message;
    return PROTO_OK;
}

proto_status proto_client_frame_unpack(const uint8_t *bytes, size_t length, proto_arena *arena,
                                       Mud__ClientFrame **out)
{
    ProtobufCMessage *message = NULL;
    proto_status status =
        frame_unpack(&mud__client_frame__descriptor, bytes, length, arena, &message);
    if (status == PROTO_OK) {
        *out = (Mud__ClientFrame *)message;
    }
    return status;
}

proto_status proto_server_frame_unpack(const uint8_t *bytes, size_t length, proto_arena *arena,
                                       Mud__ServerFrame **out)
{
    ProtobufCMessage *message = NULL;
    proto_status status =
        frame_unpack(&mud__server_frame__descriptor, bytes, length, arena, &message);
    if (status == PROTO_OK) {
        *out = (Mud__ServerFrame *)message;
    }
    return status;
}
