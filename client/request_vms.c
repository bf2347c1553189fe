/* Requests about VMs as a whole. */
#include "connection.h"

static Mud__VmLimits limits_message(const muclient_vm_limits *limits)
{
    Mud__VmLimits message;
    mud__vm_limits__init(&message);
    message.heap_bytes = limits->heap_bytes;
    message.calls = limits->calls;
    message.output_bytes = limits->output_bytes;
    message.cpu_share = limits->cpu_share;
    message.stack_bytes = limits->stack_bytes;
    message.stacks_bytes = limits->stacks_bytes;
    message.stacks = limits->stacks;
    message.threads = limits->threads;
    message.code_bytes = limits->code_bytes;
    message.metadata_bytes = limits->metadata_bytes;
    message.context_handles = limits->context_handles;
    return message;
}

muclient_code muclient_vm_create(muclient *client, const muclient_vm_spec *spec,
                                 muclient_reply **reply, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__CreateVm request;
    Mud__VmLimits limits = limits_message(&spec->limits);
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_CREATE_VM);
    mud__create_vm__init(&request);
    frame.create_vm = &request;
    request.name = muclient_text_borrow(spec->name);
    request.guest = muclient_text_borrow(spec->guest);
    request.grant_native = spec->grant_native;
    request.limits = &limits;
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_VM_CREATED, reply, error);
}

muclient_code muclient_vm_set(muclient *client, const char *vm, const muclient_vm_limits *given,
                              muclient_reply **reply, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__SetVm request;
    Mud__VmLimits limits = limits_message(given);
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_SET_VM);
    mud__set_vm__init(&request);
    frame.set_vm = &request;
    request.vm = muclient_text_borrow(vm);
    request.limits = &limits;
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_VM_SETTINGS, reply, error);
}

muclient_code muclient_vm_remove(muclient *client, const char *vm, bool force,
                                 muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Remove request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_REMOVE);
    mud__remove__init(&request);
    frame.remove = &request;
    request.vm = muclient_text_borrow(vm);
    request.force = force;
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_DONE, NULL, error);
}

muclient_code muclient_list(muclient *client, const char *after, muclient_reply **reply,
                            muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__List request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_LIST);
    mud__list__init(&request);
    frame.list = &request;
    request.after = muclient_text_borrow(after);
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_LISTING, reply, error);
}

muclient_code muclient_inspect(muclient *client, const char *vm, muclient_reply **reply,
                               muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Inspect request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_INSPECT);
    mud__inspect__init(&request);
    frame.inspect = &request;
    request.vm = muclient_text_borrow(vm);
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_INSPECTION, reply, error);
}

muclient_code muclient_stats_get(muclient *client, const char *vm, const char *after,
                                 muclient_reply **reply, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__GetStats request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_GET_STATS);
    mud__get_stats__init(&request);
    frame.get_stats = &request;
    request.vm = muclient_text_borrow(vm);
    request.after = muclient_text_borrow(after);
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_STATS, reply, error);
}

muclient_code muclient_list_calls(muclient *client, const char *vm, uint64_t after,
                                  muclient_reply **reply, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__ListCalls request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_LIST_CALLS);
    mud__list_calls__init(&request);
    frame.list_calls = &request;
    request.vm = muclient_text_borrow(vm);
    request.after = after;
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_CALL_LISTING, reply, error);
}

muclient_code muclient_calls_kill(muclient *client, const char *vm, muclient_reply **reply,
                                  muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__KillCalls request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_KILL_CALLS);
    mud__kill_calls__init(&request);
    frame.kill_calls = &request;
    request.vm = muclient_text_borrow(vm);
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_ENDED, reply, error);
}

muclient_code muclient_profile_start(muclient *client, const muclient_profile_spec *spec,
                                     uint64_t *request, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Profile profile;
    muclient_pending *pending = NULL;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_PROFILE);
    mud__profile__init(&profile);
    frame.profile = &profile;
    profile.vm = muclient_text_borrow(spec->vm);
    profile.duration_ms = spec->duration_ms;
    profile.hz = spec->hz;
    profile.lines = spec->lines;
    muclient_code code = muclient_send(client, &frame, &pending, error);
    if (code == MUCLIENT_OK) {
        *request = frame.id;
    }
    return code;
}

muclient_code muclient_profile_end(muclient *client, const char *vm, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__EndProfile request;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_END_PROFILE);
    mud__end_profile__init(&request);
    frame.end_profile = &request;
    request.vm = muclient_text_borrow(vm);
    return muclient_exchange(client, &frame, MUD__SERVER_FRAME__REPLY_DONE, NULL, error);
}
