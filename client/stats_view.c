/* Numbers about mud, its VMs and calls in the terms of muclient.h. */
#include "connection.h"

muclient_status_info muclient_status_view(const Mud__StatusInfo *from)
{
    if (from == NULL) {
        return (muclient_status_info){.version = "", .socket = ""};
    }
    return (muclient_status_info){.version = from->version,
                                  .pid = from->pid,
                                  .uptime_ms = from->uptime_ms,
                                  .socket = from->socket,
                                  .sessions = from->sessions,
                                  .vms = from->vms,
                                  .bundles = from->bundles,
                                  .calls_running = from->calls_running,
                                  .calls_trapped = from->calls_trapped,
                                  .calls_done = from->calls_done,
                                  .heap_bytes = from->heap_bytes,
                                  .code_bytes = from->code_bytes,
                                  .draining = from->draining != 0,
                                  .contexts = from->contexts};
}

muclient_vm_limits muclient_limits_view(const Mud__VmLimits *from)
{
    return from == NULL ? (muclient_vm_limits){0}
                        : (muclient_vm_limits){.heap_bytes = from->heap_bytes,
                                               .calls = from->calls,
                                               .output_bytes = from->output_bytes,
                                               .cpu_share = from->cpu_share,
                                               .stack_bytes = from->stack_bytes,
                                               .stacks_bytes = from->stacks_bytes,
                                               .stacks = from->stacks,
                                               .threads = from->threads,
                                               .code_bytes = from->code_bytes,
                                               .metadata_bytes = from->metadata_bytes,
                                               .context_handles = from->context_handles};
}

static muclient_times times_view(const Mud__Times *from)
{
    return from == NULL ? (muclient_times){0}
                        : (muclient_times){.buckets = from->buckets,
                                           .bucket_count = from->n_buckets,
                                           .longest_ns = from->longest_ns,
                                           .total_ns = from->total_ns};
}

static muclient_call_counts counts_view(const Mud__CallCounts *from)
{
    return from == NULL ? (muclient_call_counts){0}
                        : (muclient_call_counts){.returned = from->returned,
                                                 .failed = from->failed,
                                                 .limited = from->limited,
                                                 .late = from->late,
                                                 .cancelled = from->cancelled,
                                                 .killed = from->killed,
                                                 .refused = from->refused};
}

static muclient_vm_stats vm_stats_view(const Mud__VmStats *from)
{
    return (muclient_vm_stats){.name = from->name,
                               .guest = from->guest,
                               .limits = muclient_limits_view(from->limits),
                               .heap_used_bytes = from->heap_used_bytes,
                               .heap_live_bytes = from->heap_live_bytes,
                               .young_collections = from->young_collections,
                               .full_collections = from->full_collections,
                               .markings = from->markings,
                               .collected_ns = from->collected_ns,
                               .stops = times_view(from->stops),
                               .to_safepoints = times_view(from->to_safepoints),
                               .calls_running = from->calls_running,
                               .calls_trapped = from->calls_trapped,
                               .calls = counts_view(from->calls),
                               .threads = from->threads,
                               .threads_finished = from->threads_finished,
                               .contexts = from->contexts,
                               .context_handles = from->context_handles,
                               .output_bytes = from->output_bytes,
                               .bundles = from->bundles,
                               .functions = from->functions,
                               .stacks_bytes = from->stacks_bytes,
                               .stacks = from->stacks,
                               .code_bytes = from->code_bytes,
                               .metadata_bytes = from->metadata_bytes,
                               .cpu_ns = from->cpu_ns};
}

bool muclient_stats_view(proto_arena *arena, const Mud__Stats *from, muclient_stats *out)
{
    muclient_vm_stats *views = proto_arena_allocate(arena, from->n_vms * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < from->n_vms; i++) {
        views[i] = vm_stats_view(from->vms[i]);
    }
    *out = (muclient_stats){.status = muclient_status_view(from->status),
                            .vms = views,
                            .vm_count = from->n_vms,
                            .more = from->more != 0};
    return true;
}

bool muclient_call_listing_view(proto_arena *arena, const Mud__CallListing *from,
                                muclient_call_listing *out)
{
    muclient_call_info *views = proto_arena_allocate(arena, from->n_calls * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < from->n_calls; i++) {
        const Mud__CallInfo *call = from->calls[i];
        views[i] = (muclient_call_info){.call = call->call,
                                        .vm = call->vm,
                                        .function = call->function,
                                        .made_by_program = call->made_by_program != 0,
                                        .state = call->state,
                                        .age_us = call->age_us,
                                        .cpu_us = call->cpu_us,
                                        .has_deadline = call->has_deadline != 0,
                                        .deadline_left_us = call->deadline_left_us,
                                        .client_pid = call->client_pid,
                                        .client = call->client};
    }
    *out = (muclient_call_listing){
        .calls = views, .call_count = from->n_calls, .more = from->more != 0};
    return true;
}

bool muclient_profile_view(proto_arena *arena, const Mud__Profiled *from, muclient_profile *out)
{
    size_t count = from->n_nodes;
    bool is_whole = from->n_parents == count && from->n_lines == count && from->n_counts == count &&
                    from->n_files == from->n_functions;
    count = is_whole ? count : 0;
    muclient_profile_node *views = proto_arena_allocate(arena, count * sizeof *views);
    if (views == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_known = from->nodes[i] < from->n_functions;
        views[i] =
            (muclient_profile_node){.parent = from->parents[i] <= i ? from->parents[i] : 0,
                                    .function = is_known ? from->functions[from->nodes[i]] : "?",
                                    .file = is_known ? from->files[from->nodes[i]] : "",
                                    .line = from->lines[i],
                                    .samples = from->counts[i]};
    }
    *out = (muclient_profile){.vm = from->vm,
                              .samples = from->samples,
                              .others = from->others,
                              .ticks = from->ticks,
                              .stopped_ticks = from->stopped_ticks,
                              .wall_us = from->wall_us,
                              .nodes = views,
                              .node_count = count};
    return true;
}
