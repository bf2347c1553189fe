/* Replies: the message in its arena, with a view of it in the terms of muclient.h. */
#include "connection.h"
#include <stdlib.h>
#include <string.h>

struct muclient_reply {
    proto_arena *arena;
    Mud__ServerFrame__ReplyCase kind;
    union {
        muclient_loaded loaded;
        muclient_returned returned;
        muclient_listing listing;
        muclient_status_info status;
        muclient_function_code code;
        muclient_backtraces backtraces;
        muclient_performed performed;
        const char *vm_name;
        muclient_vm_settings settings;
        muclient_stats stats;
        muclient_call_listing calls;
        muclient_profile profile;
        uint64_t ended;
    };
};

static muclient_loaded loaded_view(const Mud__Loaded *from)
{
    return (muclient_loaded){.vm = from->vm,
                             .bundle = from->bundle,
                             .version = from->version,
                             .digest = from->digest,
                             .functions = from->functions};
}

static bool returned_view(proto_arena *arena, const Mud__Returned *from, muclient_returned *out)
{
    muclient_returned view = {.call = from->call,
                              .result_count = from->n_results,
                              .exited = from->exited != 0,
                              .wall_us = from->wall_us,
                              .cpu_us = from->cpu_us};
    if (!muclient_values_view(arena, from->n_results, from->results, &view.results)) {
        return false;
    }
    *out = view;
    return true;
}

static bool vms_view(proto_arena *arena, size_t count, Mud__VmInfo **from, muclient_listing *out)
{
    muclient_vm_info *views = proto_arena_allocate(arena, count * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        views[i] = (muclient_vm_info){.name = from[i]->name,
                                      .guest = from[i]->guest,
                                      .heap_used_bytes = from[i]->heap_used_bytes,
                                      .heap_quota_bytes = from[i]->heap_quota_bytes,
                                      .collections = from[i]->collections,
                                      .calls_running = from[i]->calls_running,
                                      .calls_trapped = from[i]->calls_trapped,
                                      .calls_done = from[i]->calls_done,
                                      .handler_attached = from[i]->handler_attached != 0,
                                      .calls = from[i]->calls,
                                      .call_count = from[i]->n_calls,
                                      .contexts = from[i]->contexts,
                                      .context_handles = from[i]->context_handles};
    }
    out->vms = views;
    out->vm_count = count;
    return true;
}

static bool bundles_view(proto_arena *arena, size_t count, Mud__BundleInfo **from,
                         muclient_listing *out)
{
    muclient_bundle_info *views = proto_arena_allocate(arena, count * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        views[i] = (muclient_bundle_info){.vm = from[i]->vm,
                                          .guest = from[i]->guest,
                                          .bundle = from[i]->bundle,
                                          .version = from[i]->version,
                                          .digest = from[i]->digest,
                                          .bytes = from[i]->bytes,
                                          .functions = from[i]->functions,
                                          .loaded_ms_ago = from[i]->loaded_ms_ago};
    }
    out->bundles = views;
    out->bundle_count = count;
    return true;
}

static bool inspection_view(proto_arena *arena, const Mud__Inspection *from, muclient_listing *out)
{
    muclient_function_info *views = proto_arena_allocate(arena, from->n_functions * sizeof *views);
    Mud__VmInfo *vm = from->vm;
    if (views == NULL || !vms_view(arena, vm == NULL ? 0 : 1, &vm, out) ||
        !bundles_view(arena, from->n_bundles, from->bundles, out)) {
        return false;
    }
    for (size_t i = 0; i < from->n_functions; i++) {
        views[i] = (muclient_function_info){.name = from->functions[i]->name,
                                            .version = from->functions[i]->version,
                                            .signature = from->functions[i]->signature};
    }
    out->functions = views;
    out->function_count = from->n_functions;
    return true;
}

static bool code_view(proto_arena *arena, const Mud__FunctionCode *from,
                      muclient_function_code *out)
{
    muclient_code_line *views = proto_arena_allocate(arena, from->n_lines * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < from->n_lines; i++) {
        views[i] = (muclient_code_line){.offset = from->lines[i]->offset,
                                        .block = from->lines[i]->block,
                                        .text = from->lines[i]->text};
    }
    *out = (muclient_function_code){.version = from->version,
                                    .address = from->address,
                                    .bytes = from->code.data,
                                    .byte_count = from->code.len,
                                    .lines = views,
                                    .line_count = from->n_lines,
                                    .cut = from->cut != 0};
    return true;
}

static bool traces_view(proto_arena *arena, const Mud__Backtraces *from, muclient_backtraces *out)
{
    muclient_thread_trace *views = proto_arena_allocate(arena, from->n_threads * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < from->n_threads; i++) {
        const Mud__ThreadTrace *thread = from->threads[i];
        views[i] = (muclient_thread_trace){.call = thread->call,
                                           .function = thread->function,
                                           .made_by_program = thread->made_by_program != 0,
                                           .state = thread->state,
                                           .frame_count = thread->n_frames,
                                           .more_frames = thread->more_frames != 0};
        if (!muclient_frames_view(arena, thread->n_frames, thread->frames, &views[i].frames)) {
            return false;
        }
    }
    *out = (muclient_backtraces){
        .threads = views, .thread_count = from->n_threads, .more = from->more != 0};
    return true;
}

static bool performed_view(proto_arena *arena, const Mud__Performed *from, muclient_performed *out)
{
    muclient_operation_answer *views = proto_arena_allocate(arena, from->n_answers * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < from->n_answers; i++) {
        const Mud__OperationAnswer *answer = from->answers[i];
        char *text = answer->has_text ? proto_arena_allocate(arena, answer->text.len + 1) : NULL;
        if (answer->has_text && text == NULL) {
            return false;
        }
        if (text != NULL && answer->text.len > 0) {
            memcpy(text, answer->text.data, answer->text.len);
        }
        views[i] = (muclient_operation_answer){
            .operation = answer->operation, .integer = answer->integer, .text = text};
    }
    *out = (muclient_performed){.answers = views, .answer_count = from->n_answers};
    return true;
}

static bool reply_fill(muclient_reply *reply, const Mud__ServerFrame *frame)
{
    reply->kind = frame->reply_case;
    switch (frame->reply_case) {
    case MUD__SERVER_FRAME__REPLY_LOADED: reply->loaded = loaded_view(frame->loaded); return true;
    case MUD__SERVER_FRAME__REPLY_STATUS:
        reply->status = muclient_status_view(frame->status);
        return true;
    case MUD__SERVER_FRAME__REPLY_ENDED: reply->ended = frame->ended->calls; return true;
    case MUD__SERVER_FRAME__REPLY_VM_SETTINGS:
        reply->settings =
            (muclient_vm_settings){.name = frame->vm_settings->name,
                                   .guest = frame->vm_settings->guest,
                                   .grant_native = frame->vm_settings->grant_native != 0,
                                   .limits = muclient_limits_view(frame->vm_settings->limits)};
        return true;
    case MUD__SERVER_FRAME__REPLY_STATS:
        return muclient_stats_view(reply->arena, frame->stats, &reply->stats);
    case MUD__SERVER_FRAME__REPLY_CALL_LISTING:
        return muclient_call_listing_view(reply->arena, frame->call_listing, &reply->calls);
    case MUD__SERVER_FRAME__REPLY_PROFILED:
        return muclient_profile_view(reply->arena, frame->profiled, &reply->profile);
    case MUD__SERVER_FRAME__REPLY_VM_CREATED: reply->vm_name = frame->vm_created->name; return true;
    case MUD__SERVER_FRAME__REPLY_RETURNED:
        return returned_view(reply->arena, frame->returned, &reply->returned);
    case MUD__SERVER_FRAME__REPLY_LISTING:
        reply->listing.more = frame->listing->more != 0;
        return vms_view(reply->arena, frame->listing->n_vms, frame->listing->vms,
                        &reply->listing) &&
               bundles_view(reply->arena, frame->listing->n_bundles, frame->listing->bundles,
                            &reply->listing);
    case MUD__SERVER_FRAME__REPLY_INSPECTION:
        reply->kind = MUD__SERVER_FRAME__REPLY_LISTING;
        return inspection_view(reply->arena, frame->inspection, &reply->listing);
    case MUD__SERVER_FRAME__REPLY_FUNCTION_CODE:
        return code_view(reply->arena, frame->function_code, &reply->code);
    case MUD__SERVER_FRAME__REPLY_BACKTRACES:
        return traces_view(reply->arena, frame->backtraces, &reply->backtraces);
    case MUD__SERVER_FRAME__REPLY_PERFORMED:
        return performed_view(reply->arena, frame->performed, &reply->performed);
    default: return true;
    }
}

muclient_code muclient_pending_take(muclient *client, muclient_pending *pending,
                                    muclient_reply **reply, muclient_error **error)
{
    proto_arena *arena = pending->arena;
    const Mud__ServerFrame *frame = pending->frame;
    pending->arena = NULL;
    muclient_pending_drop(client, pending);
    if (frame->reply_case == MUD__SERVER_FRAME__REPLY_ERROR) {
        return muclient_fail_message(error, arena, frame->error);
    }
    if (reply == NULL) {
        proto_arena_free(arena);
        return MUCLIENT_OK;
    }
    muclient_reply *made = calloc(1, sizeof *made);
    if (made == NULL) {
        proto_arena_free(arena);
        return muclient_fail_memory(error);
    }
    made->arena = arena;
    if (!reply_fill(made, frame)) {
        muclient_reply_free(made);
        return muclient_fail_memory(error);
    }
    *reply = made;
    return MUCLIENT_OK;
}

const muclient_loaded *muclient_reply_loaded(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_LOADED ? &reply->loaded : NULL;
}

const muclient_returned *muclient_reply_returned(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_RETURNED ? &reply->returned : NULL;
}

const muclient_listing *muclient_reply_listing(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_LISTING ? &reply->listing : NULL;
}

const muclient_function_code *muclient_reply_code(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_FUNCTION_CODE ? &reply->code : NULL;
}

const muclient_backtraces *muclient_reply_backtraces(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_BACKTRACES ? &reply->backtraces : NULL;
}

const muclient_status_info *muclient_reply_status(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_STATUS ? &reply->status : NULL;
}

const muclient_performed *muclient_reply_performed(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_PERFORMED ? &reply->performed : NULL;
}

const char *muclient_reply_vm_name(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_VM_CREATED ? reply->vm_name : NULL;
}

const muclient_vm_settings *muclient_reply_settings(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_VM_SETTINGS ? &reply->settings : NULL;
}

const muclient_stats *muclient_reply_stats(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_STATS ? &reply->stats : NULL;
}

const muclient_call_listing *muclient_reply_calls(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_CALL_LISTING ? &reply->calls : NULL;
}

const muclient_profile *muclient_reply_profile(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_PROFILED ? &reply->profile : NULL;
}

uint64_t muclient_reply_ended(const muclient_reply *reply)
{
    return reply->kind == MUD__SERVER_FRAME__REPLY_ENDED ? reply->ended : 0;
}

void muclient_reply_free(muclient_reply *reply)
{
    if (reply != NULL) {
        proto_arena_free(reply->arena);
        free(reply);
    }
}
