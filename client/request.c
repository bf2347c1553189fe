/* The requests: each fills its message, sends it, and most wait for the reply. Those about VMs are
 * in request_vms.c. Strings of a message that is only sent are borrowed; protobuf-c's fields are
 * not const, which muclient_text_borrow hides. */
#include "connection.h"

char *muclient_text_borrow(const char *text)
{
    union {
        const char *given;
        char *field;
    } same = {.given = text == NULL ? "" : text};
    return same.field;
}

muclient_code muclient_exchange(muclient *client, const Mud__ClientFrame *frame, int reply_case,
                                muclient_reply **reply, muclient_error **error)
{
    muclient_pending *pending = NULL;
    muclient_code code = muclient_send(client, frame, &pending, error);
    if (code != MUCLIENT_OK) {
        return code;
    }
    code = muclient_pending_wait(client, pending, error);
    if (code != MUCLIENT_OK) {
        muclient_forget(client, frame->id);
        return code;
    }
    int got = (int)pending->frame->reply_case;
    if (got != reply_case && got != MUD__SERVER_FRAME__REPLY_ERROR) {
        muclient_pending_drop(client, pending);
        return muclient_fail(error, MUCLIENT_INTERNAL, "", "mud answered something else");
    }
    return muclient_pending_take(client, pending, reply, error);
}

muclient_code muclient_get_code(muclient *client, const char *vm, const char *function,
                                muclient_reply **reply, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__GetCode request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_GET_CODE);
    mud__get_code__init(&request);
    frame.get_code = &request;
    request.vm = muclient_text_borrow(vm);
    request.function = muclient_text_borrow(function);
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_FUNCTION_CODE, reply, error);
}

muclient_code muclient_backtrace(muclient *client, const char *vm, muclient_reply **reply,
                                 muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Backtrace request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_BACKTRACE);
    mud__backtrace__init(&request);
    frame.backtrace = &request;
    request.vm = muclient_text_borrow(vm);
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_BACKTRACES, reply, error);
}

muclient_code muclient_collect(muclient *client, const char *vm, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Collect request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_COLLECT);
    mud__collect__init(&request);
    frame.collect = &request;
    request.vm = muclient_text_borrow(vm);
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_DONE, NULL, error);
}

muclient_code muclient_watch(muclient *client, const char *vm, uint32_t watchpoint, bool enabled,
                             muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Watch request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_WATCH);
    mud__watch__init(&request);
    frame.watch = &request;
    request.vm = muclient_text_borrow(vm);
    request.watchpoint = watchpoint;
    request.enabled = enabled;
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_DONE, NULL, error);
}

muclient_code muclient_status(muclient *client, muclient_reply **reply, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Status request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_STATUS);
    mud__status__init(&request);
    frame.status = &request;
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_STATUS, reply, error);
}

muclient_code muclient_shutdown(muclient *client, bool now, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Shutdown request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_SHUTDOWN);
    mud__shutdown__init(&request);
    frame.shutdown = &request;
    request.now = now;
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_DONE, NULL, error);
}

static muclient_code trap_attach(muclient *client, const char *vm,
                                 muclient_on_disconnect on_disconnect, bool with_contexts,
                                 muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__AttachTraps request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_ATTACH_TRAPS);
    mud__attach_traps__init(&request);
    frame.attach_traps = &request;
    request.vm = muclient_text_borrow(vm);
    request.on_disconnect = (Mud__OnDisconnect)on_disconnect;
    request.with_contexts = with_contexts;
    request.with_frames = with_contexts;
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_DONE, NULL, error);
}

muclient_code muclient_trap_attach(muclient *client, const char *vm,
                                   muclient_on_disconnect on_disconnect, muclient_error **error)
{
    return trap_attach(client, vm, on_disconnect, false, error);
}

muclient_code muclient_trap_attach_contexts(muclient *client, const char *vm,
                                            muclient_on_disconnect on_disconnect,
                                            muclient_error **error)
{
    return trap_attach(client, vm, on_disconnect, true, error);
}

muclient_code muclient_trap_detach(muclient *client, const char *vm, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__DetachTraps request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_DETACH_TRAPS);
    mud__detach_traps__init(&request);
    frame.detach_traps = &request;
    request.vm = muclient_text_borrow(vm);
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_DONE, NULL, error);
}

muclient_code muclient_call_kill(muclient *client, uint64_t call, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__KillCall request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_KILL_CALL);
    mud__kill_call__init(&request);
    frame.kill_call = &request;
    request.call = call;
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_DONE, NULL, error);
}

/* --- Calls --- */

muclient_code muclient_call_start(muclient *client, const muclient_call_spec *spec,
                                  uint64_t *request, muclient_error **error)
{
    proto_arena *arena = proto_arena_new();
    Mud__Value **arguments =
        arena == NULL ? NULL
                      : muclient_values_message(arena, spec->arguments, spec->argument_count);
    if (arguments == NULL) {
        proto_arena_free(arena);
        return muclient_fail_memory(error);
    }
    Mud__ClientFrame frame;
    Mud__Call call;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_CALL);
    mud__call__init(&call);
    frame.call = &call;
    call.vm = muclient_text_borrow(spec->vm);
    call.function = muclient_text_borrow(spec->function);
    call.arguments = arguments;
    call.n_arguments = spec->argument_count;
    call.timeout_ms = spec->timeout_ms;
    call.log_traps = spec->log_traps;
    call.check_arguments = spec->check_arguments;
    muclient_pending *pending = NULL;
    muclient_code code = muclient_send(client, &frame, &pending, error);
    proto_arena_free(arena);
    if (code == MUCLIENT_OK) {
        *request = frame.id;
    }
    return code;
}

uint64_t muclient_call_number(const muclient *client, uint64_t request)
{
    const muclient_pending *pending = muclient_pending_find(client, request);
    return pending == NULL ? 0 : pending->call;
}

bool muclient_is_answered(const muclient *client, uint64_t request)
{
    const muclient_pending *pending = muclient_pending_find(client, request);
    return pending != NULL && pending->frame != NULL;
}

muclient_code muclient_wait(muclient *client, uint64_t request, muclient_reply **reply,
                            muclient_error **error)
{
    muclient_pending *pending = muclient_pending_find(client, request);
    if (pending == NULL || pending->is_forgotten || pending->is_waited) {
        return muclient_fail(error, MUCLIENT_NOT_FOUND, "", "no reply is awaited for request %lu",
                             (unsigned long)request);
    }
    muclient_code code = muclient_pending_wait(client, pending, error);
    return code == MUCLIENT_OK ? muclient_pending_take(client, pending, reply, error) : code;
}

void muclient_forget(muclient *client, uint64_t request)
{
    muclient_pending *pending = muclient_pending_find(client, request);
    if (pending == NULL) {
        return;
    }
    if (pending->frame != NULL && !pending->is_waited) {
        muclient_pending_drop(client, pending);
    } else {
        pending->is_forgotten = true;
    }
}

muclient_code muclient_call(muclient *client, const muclient_call_spec *spec,
                            muclient_reply **reply, muclient_error **error)
{
    uint64_t request = 0;
    muclient_code code = muclient_call_start(client, spec, &request, error);
    if (code != MUCLIENT_OK) {
        return code;
    }
    code = muclient_wait(client, request, reply, error);
    /* Only a request without an answer is still there to be forgotten. */
    muclient_forget(client, request);
    return code;
}
