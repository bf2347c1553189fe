/* Where a frame from mud goes: a reply to its request, an event to the trap queue. */
#include "connection.h"

static void reply_route(muclient *client, proto_arena *arena, Mud__ServerFrame *frame)
{
    muclient_pending *pending = muclient_pending_find(client, frame->id);
    if (pending == NULL) {
        if (muclient_trap_answered(client, arena, frame)) {
            return;
        }
        if (frame->id == 0 && frame->reply_case == MUD__SERVER_FRAME__REPLY_ERROR) {
            /* About the connection as a whole: mud closes it next. */
            muclient_break(client, MUCLIENT_UNAVAILABLE, frame->error->message);
        }
        proto_arena_free(arena);
        return;
    }
    if (pending->frame != NULL) {
        proto_arena_free(arena); /* an upload's second error adds nothing to its first */
        return;
    }
    pending->arena = arena;
    pending->frame = frame;
    if (pending->is_forgotten && !pending->is_waited) {
        muclient_pending_drop(client, pending);
    }
}

static void frame_route(muclient *client, proto_arena *arena, Mud__ServerFrame *frame)
{
    muclient_pending *started;
    switch (frame->reply_case) {
    case MUD__SERVER_FRAME__REPLY_CALL_STARTED:
        started = muclient_pending_find(client, frame->call_started->request);
        if (started != NULL) {
            started->call = frame->call_started->call;
        }
        break;
    case MUD__SERVER_FRAME__REPLY_TRAP: muclient_trap_add(client, arena, frame->trap); return;
    case MUD__SERVER_FRAME__REPLY_TRAP_GONE:
        muclient_trap_gone(client, frame->trap_gone->trap);
        break;
    case MUD__SERVER_FRAME__REPLY_GOING: client->is_going = true; break;
    case MUD__SERVER_FRAME__REPLY__NOT_SET: break; /* an event of a later version */
    default: reply_route(client, arena, frame); return;
    }
    proto_arena_free(arena);
}

void muclient_frames_take(muclient *client)
{
    const uint8_t *bytes;
    size_t length;
    proto_status status = proto_decoder_next(client->decoder, &bytes, &length);
    while (status == PROTO_OK) {
        proto_arena *arena = proto_arena_new();
        Mud__ServerFrame *frame = NULL;
        status = arena == NULL ? PROTO_NO_MEMORY
                               : proto_server_frame_unpack(bytes, length, arena, &frame);
        if (status != PROTO_OK) {
            proto_arena_free(arena);
            break;
        }
        frame_route(client, arena, frame);
        status = proto_decoder_next(client->decoder, &bytes, &length);
    }
    if (status != PROTO_INCOMPLETE) {
        muclient_break(client, MUCLIENT_INTERNAL, proto_status_text(status));
    }
}
