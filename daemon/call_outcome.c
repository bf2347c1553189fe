#include "call.h"
#include "trap_wait.h"
#include "value_message.h"
#include <string.h>

bool mud_call_may_send(mud_call *call, const Mud__ServerFrame *frame)
{
    uint64_t size_bytes = PROTO_HEADER_BYTES + mud__server_frame__get_packed_size(frame);
    if (size_bytes > call->vm->output_limit_bytes - call->output_bytes ||
        call->output_bytes > call->vm->output_limit_bytes) {
        return false;
    }
    call->output_bytes += size_bytes;
    call->vm->output_bytes += size_bytes;
    return true;
}

static void answer_too_much(mud_call *call)
{
    char *hint = mud_answer_text(call->daemon->answer_arena,
                                 "'muctl vm set %s --output SIZE' raises it", call->vm->name);
    call->vm->ended.limited++;
    mud_answer_error(call->daemon, call->ticket, MUD__CODE__RESOURCE_EXHAUSTED, hint,
                     MUD_OUTPUT_OVER_FORMAT, "call", (unsigned long long)call->id, call->vm->name,
                     (unsigned long long)call->vm->output_limit_bytes);
}

static void count_end(mud_call_counts *counts, Mud__Code code)
{
    switch ((unsigned)code) {
    case MUD__CODE__RESOURCE_EXHAUSTED: counts->limited++; return;
    case MUD__CODE__DEADLINE_EXCEEDED: counts->late++; return;
    case MUD__CODE__CANCELLED: counts->cancelled++; return;
    case MUD__CODE__KILLED: counts->killed++; return;
    default: counts->failed++; return;
    }
}

static void answer_returned(mud_call *call, bool exited)
{
    mud_daemon *daemon = call->daemon;
    proto_arena *arena = daemon->answer_arena;
    Mud__ServerFrame frame;
    Mud__Returned returned;
    mud__server_frame__init(&frame);
    mud__returned__init(&returned);
    returned.call = call->id;
    returned.exited = exited;
    returned.wall_us = (mud_now_ns() - call->started_ns) / 1000;
    uint32_t count = exited ? 0 : mu_function_result_count(call->callee);
    returned.results = mud_answer_allocate(arena, (count + 1) * sizeof(Mud__Value *));
    for (uint32_t i = 0; i < count; i++) {
        mu_value value = mu_thread_result(call->thread, i);
        char *type_text = mu_function_result_text(call->callee, i);
        returned.results[i] = mud_message_of_value(&value, type_text, arena);
        mu_free(type_text);
    }
    returned.n_results = count;
    frame.reply_case = MUD__SERVER_FRAME__REPLY_RETURNED;
    frame.returned = &returned;
    frame.id = call->ticket.request;
    if (!mud_call_may_send(call, &frame)) {
        answer_too_much(call);
        return;
    }
    call->vm->ended.returned++;
    mud_answer_send(daemon, call->ticket, &frame);
}

static void answer_guest_error(mud_call *call)
{
    mud_daemon *daemon = call->daemon;
    proto_arena *arena = daemon->answer_arena;
    mu_thread_error thrown = mu_thread_get_error(call->thread);
    bool is_limit =
        strcmp(thrown.kind, "OUT_OF_MEMORY") == 0 || strcmp(thrown.kind, "STACK_OVERFLOW") == 0;
    bool more = false;
    Mud__ServerFrame frame;
    Mud__Error error;
    mud__server_frame__init(&frame);
    mud__error__init(&error);
    error.code = is_limit ? MUD__CODE__RESOURCE_EXHAUSTED : MUD__CODE__GUEST_EXCEPTION;
    error.kind = mud_answer_copy(arena, thrown.kind);
    error.message = mud_answer_copy(arena, thrown.message);
    error.hint = is_limit ? mud_limits_hint(call->vm) : mud_answer_copy(arena, "");
    error.n_frames = mud_frames_of(call->thread, false, arena, &error.frames, &more);
    frame.reply_case = MUD__SERVER_FRAME__REPLY_ERROR;
    frame.error = &error;
    count_end(&call->vm->ended, error.code);
    mud_answer_send(daemon, call->ticket, &frame);
}

static void answer_killed(mud_call *call)
{
    mud_daemon *daemon = call->daemon;
    if (call->verdict == NULL) {
        call->vm->ended.killed++;
        mud_answer_error(daemon, call->ticket, MUD__CODE__KILLED, "",
                         "call %llu of %s.%s was killed", (unsigned long long)call->id,
                         call->vm->name, mu_function_name(call->callee));
        return;
    }
    Mud__ServerFrame frame;
    mud__server_frame__init(&frame);
    frame.reply_case = MUD__SERVER_FRAME__REPLY_ERROR;
    frame.error = call->verdict;
    count_end(&call->vm->ended, call->verdict->code);
    mud_answer_send(daemon, call->ticket, &frame);
}

void mud_call_answer(mud_call *call)
{
    switch (mu_thread_outcome(call->thread)) {
    case MU_OUTCOME_RETURNED: answer_returned(call, false); return;
    case MU_OUTCOME_EXITED: answer_returned(call, true); return;
    case MU_OUTCOME_ERROR: answer_guest_error(call); return;
    case MU_OUTCOME_KILLED: answer_killed(call); return;
    }
}
