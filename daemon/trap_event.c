#include "trap_wait.h"
#include "value_message.h"

/* Limits of one event, far below what a frame holds. */
enum { MAX_FRAMES = MU_HANDLE_FRAMES, MAX_KEEPALIVES = 8192 };

static Mud__Keepalive *keepalive_of(mu_thread *thread, uint32_t frame, uint32_t index,
                                    proto_arena *arena)
{
    mu_value value = {0};
    const char *name = NULL;
    if (mu_thread_keepalive(thread, frame, index, &value, &name) != MU_OK) {
        return NULL;
    }
    Mud__Keepalive *keepalive = mud_answer_allocate(arena, sizeof *keepalive);
    mud__keepalive__init(keepalive);
    char *type_text = mu_thread_keepalive_type(thread, frame, index);
    keepalive->name = mud_answer_copy(arena, name);
    keepalive->value = mud_message_of_value(&value, type_text, arena);
    mu_free(type_text);
    return keepalive;
}

static Mud__Frame *frame_of(const mu_frame *frame, proto_arena *arena)
{
    Mud__Frame *message = mud_answer_allocate(arena, sizeof *message);
    Mud__Location *location = mud_answer_allocate(arena, sizeof *location);
    mud__frame__init(message);
    mud__location__init(location);
    location->file = mud_answer_copy(arena, frame->bundle);
    location->line = frame->where.line;
    location->column = frame->where.column;
    message->function = mud_answer_copy(arena, frame->function);
    message->version = mud_answer_copy(arena, frame->version);
    message->instruction = mud_answer_copy(arena, frame->instruction);
    message->location = location;
    return message;
}

size_t mud_frames_of(mu_thread *thread, bool with_values, proto_arena *arena, Mud__Frame ***frames,
                     bool *more)
{
    uint32_t total = mu_thread_frame_count(thread);
    uint32_t count = total < MAX_FRAMES ? total : MAX_FRAMES;
    size_t made = 0;
    uint32_t keepalives_left = MAX_KEEPALIVES;
    *more = total > count;
    *frames = mud_answer_allocate(arena, (count + 1) * sizeof(Mud__Frame *));
    for (uint32_t i = 0; i < count; i++) {
        mu_frame frame = {0};
        if (mu_thread_frame(thread, i, &frame) != MU_OK) {
            break;
        }
        Mud__Frame *message = frame_of(&frame, arena);
        (*frames)[made++] = message;
        uint32_t wanted = with_values ? frame.keepalive_count : 0;
        wanted = wanted < keepalives_left ? wanted : keepalives_left;
        keepalives_left -= wanted;
        message->keepalives = mud_answer_allocate(arena, (wanted + 1) * sizeof(Mud__Keepalive *));
        for (uint32_t k = 0; k < wanted; k++) {
            Mud__Keepalive *keepalive = keepalive_of(thread, i, k, arena);
            if (keepalive != NULL) {
                message->keepalives[message->n_keepalives++] = keepalive;
            }
        }
    }
    return made;
}

Mud__TrapEvent *mud_trap_event_head(const mud_call *call, proto_arena *arena)
{
    mu_thread *thread = call->thread;
    mu_trap_info info = mu_thread_trap(thread);
    Mud__TrapEvent *event = mud_answer_allocate(arena, sizeof *event);
    mud__trap_event__init(event);
    event->call = call->id;
    event->vm = mud_answer_copy(arena, call->vm->name);
    event->kind =
        info.is_undefined_function ? MUD__TRAP_KIND__UNDEFINED_FUNCTION : MUD__TRAP_KIND__TRAP;
    event->watchpoint = info.watchpoint;
    event->result_types = mud_answer_allocate(arena, (info.result_count + 1) * sizeof(char *));
    for (uint32_t i = 0; i < info.result_count; i++) {
        char *type_text = mu_thread_trap_result_text(thread, i);
        event->result_types[i] = mud_answer_copy(arena, type_text);
        mu_free(type_text);
    }
    event->n_result_types = info.result_count;
    return event;
}

Mud__TrapEvent *mud_trap_event(mud_call *call, proto_arena *arena)
{
    bool more = false;
    Mud__TrapEvent *event = mud_trap_event_head(call, arena);
    event->trap = call->trap;
    event->n_frames = mud_frames_of(call->thread, true, arena, &event->frames, &more);
    event->more_frames = more;
    return event;
}
