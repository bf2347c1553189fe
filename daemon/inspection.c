#include "inspection.h"
#include "call.h"

/* A reply lists at most this many functions, so that it fits in a frame. */
enum { MAX_FUNCTIONS = 10000 };
/* And at most this many calls of a VM. */
enum { MAX_CALLS = 1000 };
/* A page of a listing has at most so many VMs, and no further one once it has so many bundles. */
enum { PAGE_VMS = 1000, PAGE_BUNDLES = MUD_BUNDLES_MOST };

/* ----------------------------------------------------------------------------------- pieces */

static Mud__VmInfo *vm_info(const mud_vm *vm, proto_arena *arena)
{
    mu_vm_stats stats = mu_vm_get_stats(vm->guest->substrate_vm(vm->inner));
    Mud__VmInfo *info = mud_answer_allocate(arena, sizeof *info);
    mud__vm_info__init(info);
    info->name = mud_answer_copy(arena, vm->name);
    info->guest = mud_answer_copy(arena, vm->guest->name);
    info->heap_used_bytes = stats.heap_used_bytes;
    info->heap_quota_bytes = stats.heap_quota_bytes;
    info->collections = stats.collections;
    info->calls_running = vm->calls_running;
    info->calls_trapped = vm->calls_trapped;
    info->calls_done = vm->calls_done;
    info->handler_attached = vm->handler != 0;
    info->contexts = vm->contexts;
    info->context_handles = vm->context_handles;
    uint64_t listed = vm->calls_running < MAX_CALLS ? vm->calls_running : MAX_CALLS;
    info->calls = mud_answer_allocate(arena, (listed + 1) * sizeof *info->calls);
    const mud_call *call = NULL;
    LIST_FOREACH(call, &vm->calls, of_vm)
    {
        if (info->n_calls < listed) {
            info->calls[info->n_calls++] = call->id;
        }
    }
    return info;
}

static Mud__BundleInfo *bundle_info(const mud_vm *vm, const mud_bundle *bundle, proto_arena *arena)
{
    Mud__BundleInfo *info = mud_answer_allocate(arena, sizeof *info);
    mud__bundle_info__init(info);
    info->vm = mud_answer_copy(arena, vm->name);
    info->guest = mud_answer_copy(arena, vm->guest->name);
    info->bundle = mud_answer_copy(arena, bundle->name);
    info->version = bundle->version;
    info->digest = mud_answer_copy(arena, bundle->digest);
    info->bytes = bundle->size_bytes;
    info->functions = bundle->functions;
    info->loaded_ms_ago = (mud_now_ns() - bundle->loaded_ns) / 1000000;
    return info;
}

static Mud__FunctionInfo *function_info(mu_vm *vm, const mu_function *function, proto_arena *arena)
{
    Mud__FunctionInfo *info = mud_answer_allocate(arena, sizeof *info);
    mud__function_info__init(info);
    char *signature = mu_function_signature(function);
    info->name = mud_answer_copy(arena, mu_function_name(function));
    info->version = mud_answer_copy(arena, mu_function_version(vm, function));
    info->signature = mud_answer_copy(arena, signature);
    mu_free(signature);
    return info;
}

/* --------------------------------------------------------------------------------- requests */

void mud_request_list(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    proto_arena *arena = daemon->answer_arena;
    uint32_t next = mud_vm_table_after(&daemon->vms, frame->list->after);
    Mud__ServerFrame reply;
    Mud__Listing listing;
    mud__server_frame__init(&reply);
    mud__listing__init(&listing);
    listing.vms = mud_answer_allocate(arena, PAGE_VMS * sizeof(Mud__VmInfo *));
    listing.bundles =
        mud_answer_allocate(arena, (PAGE_BUNDLES + MUD_BUNDLES_MOST) * sizeof(Mud__BundleInfo *));
    for (; next < daemon->vms.vms.count && listing.n_vms < PAGE_VMS &&
           listing.n_bundles < PAGE_BUNDLES;
         next++) {
        const mud_vm *vm = daemon->vms.vms.items[next];
        listing.vms[listing.n_vms++] = vm_info(vm, arena);
        for (uint32_t k = 0; k < vm->bundles.count; k++) {
            listing.bundles[listing.n_bundles++] = bundle_info(vm, &vm->bundles.items[k], arena);
        }
    }
    listing.more = next < daemon->vms.vms.count;
    reply.reply_case = MUD__SERVER_FRAME__REPLY_LISTING;
    reply.listing = &listing;
    mud_answer_send(daemon, (mud_ticket){session->id, frame->id}, &reply);
}

void mud_request_inspect(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    proto_arena *arena = daemon->answer_arena;
    const mud_vm *vm = mud_vm_require(daemon, ticket, frame->inspect->vm);
    if (vm == NULL) {
        return;
    }
    mu_vm *substrate_vm = vm->guest->substrate_vm(vm->inner);
    uint32_t functions = mu_vm_get_stats(substrate_vm).functions;
    functions = functions < MAX_FUNCTIONS ? functions : MAX_FUNCTIONS;
    Mud__ServerFrame reply;
    Mud__Inspection inspection;
    mud__server_frame__init(&reply);
    mud__inspection__init(&inspection);
    inspection.vm = vm_info(vm, arena);
    inspection.bundles =
        mud_answer_allocate(arena, (vm->bundles.count + 1) * sizeof(Mud__BundleInfo *));
    inspection.functions =
        mud_answer_allocate(arena, (functions + 1) * sizeof(Mud__FunctionInfo *));
    for (uint32_t i = 0; i < vm->bundles.count; i++) {
        inspection.bundles[inspection.n_bundles++] = bundle_info(vm, &vm->bundles.items[i], arena);
    }
    for (uint32_t i = 0; i < functions; i++) {
        const mu_function *function = mu_vm_function_at(substrate_vm, i);
        if (function != NULL) {
            inspection.functions[inspection.n_functions++] =
                function_info(substrate_vm, function, arena);
        }
    }
    reply.reply_case = MUD__SERVER_FRAME__REPLY_INSPECTION;
    reply.inspection = &inspection;
    mud_answer_send(daemon, ticket, &reply);
}

Mud__StatusInfo *mud_status_info(const mud_daemon *daemon, proto_arena *arena)
{
    Mud__StatusInfo *status = mud_answer_allocate(arena, sizeof *status);
    mud__status_info__init(status);
    status->version = mud_answer_copy(arena, MUD_VERSION);
    status->pid = (uint64_t)uv_os_getpid();
    status->uptime_ms = (mud_now_ns() - daemon->started_ns) / 1000000;
    status->socket = mud_answer_copy(arena, daemon->options->socket_path);
    status->sessions = daemon->sessions.count;
    status->vms = daemon->vms.vms.count;
    status->bundles = daemon->bundles;
    status->calls_running = daemon->calls.count - daemon->threads;
    status->calls_trapped = daemon->calls_trapped;
    status->calls_done = daemon->calls_done;
    status->heap_bytes = mu_substrate_heap_bytes(daemon->substrate);
    status->code_bytes = mu_substrate_code_bytes(daemon->substrate);
    status->contexts = daemon->contexts.count;
    status->draining = daemon->drain_stage != MUD_SERVING;
    return status;
}

void mud_request_status(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    Mud__ServerFrame reply;
    mud__server_frame__init(&reply);
    reply.reply_case = MUD__SERVER_FRAME__REPLY_STATUS;
    reply.status = mud_status_info(daemon, daemon->answer_arena);
    mud_answer_send(daemon, (mud_ticket){session->id, frame->id}, &reply);
}
