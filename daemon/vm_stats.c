#include "vm_stats.h"
#include "hosted_vm.h"
#include "inspection.h"
#include <string.h>

/* A VM takes some hundred fields and 2 KiB at most, so a page is far from a frame's limits. */
enum { PAGE_VMS = 256 };

static Mud__Times *times_of(const mu_times *from, proto_arena *arena)
{
    Mud__Times *times = mud_answer_allocate(arena, sizeof *times);
    mud__times__init(times);
    times->n_buckets = MU_TIME_BUCKETS;
    times->buckets = mud_answer_allocate(arena, sizeof from->buckets);
    memcpy(times->buckets, from->buckets, sizeof from->buckets);
    times->longest_ns = from->longest_ns;
    times->total_ns = from->total_ns;
    return times;
}

static Mud__CallCounts *counts_of(const mud_call_counts *from, proto_arena *arena)
{
    Mud__CallCounts *counts = mud_answer_allocate(arena, sizeof *counts);
    mud__call_counts__init(counts);
    counts->returned = from->returned;
    counts->failed = from->failed;
    counts->limited = from->limited;
    counts->late = from->late;
    counts->cancelled = from->cancelled;
    counts->killed = from->killed;
    counts->refused = from->refused;
    return counts;
}

static void fill_inner(Mud__VmStats *out, const mu_vm_stats *from, proto_arena *arena)
{
    out->heap_used_bytes = from->heap_used_bytes;
    out->heap_live_bytes = from->heap_live_bytes;
    out->young_collections = from->young_collections;
    out->full_collections = from->collections - from->young_collections;
    out->markings = from->markings;
    out->collected_ns = from->collected_ns;
    out->stops = times_of(&from->stops, arena);
    out->to_safepoints = times_of(&from->to_safepoints, arena);
    out->threads = from->threads;
    out->stacks_bytes = from->stacks_bytes;
    out->stacks = from->stacks;
    out->code_bytes = from->code_bytes;
    out->metadata_bytes = from->metadata_bytes;
    out->context_handles = from->context_handles;
    out->threads_finished = from->threads_finished;
    out->bundles = from->bundles;
    out->functions = from->functions;
}

static Mud__VmStats *stats_of(const mud_vm *vm, proto_arena *arena)
{
    mu_vm_stats inner = mu_vm_get_stats(vm->guest->substrate_vm(vm->inner));
    Mud__VmStats *stats = mud_answer_allocate(arena, sizeof *stats);
    mud__vm_stats__init(stats);
    fill_inner(stats, &inner, arena);
    stats->name = mud_answer_copy(arena, vm->name);
    stats->guest = mud_answer_copy(arena, vm->guest->name);
    stats->limits = mud_limits_message(vm, arena);
    stats->calls_running = vm->calls_running;
    stats->calls_trapped = vm->calls_trapped;
    stats->calls = counts_of(&vm->ended, arena);
    stats->contexts = vm->contexts;
    stats->output_bytes = vm->output_bytes;
    return stats;
}

void mud_request_get_stats(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    proto_arena *arena = daemon->answer_arena;
    const Mud__GetStats *request = frame->get_stats;
    Mud__ServerFrame reply;
    Mud__Stats stats;
    const mud_vm *vm = NULL;
    if (request->vm[0] != '\0' && (vm = mud_vm_require(daemon, ticket, request->vm)) == NULL) {
        return;
    }
    mud__server_frame__init(&reply);
    mud__stats__init(&stats);
    stats.status = mud_status_info(daemon, arena);
    stats.vms = mud_answer_allocate(arena, PAGE_VMS * sizeof *stats.vms);
    if (vm != NULL) {
        stats.vms[stats.n_vms++] = stats_of(vm, arena);
    } else {
        uint32_t next = mud_vm_table_after(&daemon->vms, request->after);
        while (next < daemon->vms.vms.count && stats.n_vms < PAGE_VMS) {
            stats.vms[stats.n_vms++] = stats_of(daemon->vms.vms.items[next++], arena);
        }
        stats.more = next < daemon->vms.vms.count;
    }
    reply.reply_case = MUD__SERVER_FRAME__REPLY_STATS;
    reply.stats = &stats;
    mud_answer_send(daemon, ticket, &reply);
}
