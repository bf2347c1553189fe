#include "fake_numbers.h"
#include <string.h>

#define ODD_NAME "o\"d\\d\n\xff\xc3\xa9"

typedef struct numbers {
    void *session;
    fake_send_fn send;
    Mud__ServerFrame reply;
} numbers;

static void not_found_send(numbers *n)
{
    static char message[] = "no VM none";
    Mud__Error error;
    mud__error__init(&error);
    error.code = MUD__CODE__NOT_FOUND;
    error.message = message;
    n->reply.reply_case = MUD__SERVER_FRAME__REPLY_ERROR;
    n->reply.error = &error;
    n->send(n->session, &n->reply);
}

static void settings_serve(numbers *n, const Mud__SetVm *set)
{
    static char guest[] = "mu";
    Mud__VmSettings settings;
    mud__vm_settings__init(&settings);
    settings.name = set->vm;
    settings.guest = guest;
    settings.limits = set->limits;
    n->reply.reply_case = MUD__SERVER_FRAME__REPLY_VM_SETTINGS;
    n->reply.vm_settings = &settings;
    n->send(n->session, &n->reply);
}

static void calls_serve(numbers *n, const Mud__ListCalls *list)
{
    static char vm[] = "app", function[] = "@main", running[] = "running", client[] = "muctl 9";
    static char waiting[] = "waiting";
    Mud__CallInfo call;
    Mud__CallInfo *calls[] = {&call};
    Mud__CallListing listing;
    mud__call_info__init(&call);
    mud__call_listing__init(&listing);
    call.call = list->after == 0 ? 7 : 9;
    call.vm = vm;
    call.function = function;
    call.age_us = 1500000;
    if (list->after == 0) {
        call.state = running;
        call.has_deadline = true;
        call.deadline_left_us = 250000;
        call.client_pid = 812;
        call.cpu_us = 1200;
        call.client = client;
    } else {
        call.state = waiting;
        call.made_by_program = true;
    }
    listing.calls = calls;
    listing.n_calls = 1;
    listing.more = list->after == 0;
    n->reply.reply_case = MUD__SERVER_FRAME__REPLY_CALL_LISTING;
    n->reply.call_listing = &listing;
    n->send(n->session, &n->reply);
}

static void stats_serve(numbers *n, const Mud__GetStats *get)
{
    static char app[] = "app", odd[] = ODD_NAME, guest[] = "mu", version[] = "0.1.0", path[] = "/s";
    /* Two below 2 us, one below 2^20 ns, one longer than any bucket ends. */
    uint64_t buckets[36] = {[9] = 1, [10] = 1, [19] = 1, [35] = 1};
    Mud__Times times;
    Mud__CallCounts counts;
    Mud__VmLimits limits;
    Mud__VmStats vm;
    Mud__VmStats *vms[] = {&vm};
    Mud__StatusInfo status;
    Mud__Stats stats;
    mud__times__init(&times);
    mud__call_counts__init(&counts);
    mud__vm_limits__init(&limits);
    mud__vm_stats__init(&vm);
    mud__status_info__init(&status);
    mud__stats__init(&stats);
    times.buckets = buckets;
    times.n_buckets = 36;
    times.longest_ns = UINT64_C(70000000000);
    times.total_ns = UINT64_C(70000501500);
    counts.returned = 5;
    counts.killed = 2;
    limits.heap_bytes = 64 << 20;
    limits.calls = 16;
    limits.cpu_share = 2;
    vm.name = get->after[0] == 0 ? app : odd;
    vm.guest = guest;
    vm.limits = &limits;
    vm.heap_used_bytes = 1 << 20;
    vm.young_collections = 3;
    vm.metadata_bytes = 4096;
    vm.cpu_ns = 1500000000;
    vm.calls = &counts;
    vm.stops = vm.to_safepoints = &times;
    status.version = version;
    status.socket = path;
    status.uptime_ms = 1500;
    stats.status = &status;
    stats.vms = vms;
    stats.n_vms = 1;
    stats.more = get->after[0] == 0 && get->vm[0] == 0;
    n->reply.reply_case = MUD__SERVER_FRAME__REPLY_STATS;
    n->reply.stats = &stats;
    n->send(n->session, &n->reply);
}

static void kill_serve(numbers *n)
{
    Mud__Ended ended;
    mud__ended__init(&ended);
    ended.calls = 2;
    n->reply.reply_case = MUD__SERVER_FRAME__REPLY_ENDED;
    n->reply.ended = &ended;
    n->send(n->session, &n->reply);
}

static void profile_serve(numbers *n, const Mud__Profile *profile)
{
    static char main_name[] = "@main.v1";
    static char file[] = "a.uir";
    static uint64_t parents[] = {0, 1, 9};
    static uint64_t nodes[] = {0, 7, 0};
    static uint64_t lines[] = {4, 0, 0};
    static uint64_t counts[] = {1, 2, 3};
    char *names[] = {main_name};
    char *files[] = {file};
    bool is_idle = strcmp(profile->vm, "idle") == 0;
    size_t count = is_idle ? 0 : 3;
    Mud__Profiled reply;
    mud__profiled__init(&reply);
    reply.vm = profile->vm;
    reply.samples = is_idle ? 0 : 6;
    reply.ticks = profile->hz;
    reply.stopped_ticks = profile->hz / 4;
    reply.wall_us = profile->duration_ms * 1000;
    reply.functions = names;
    reply.files = files;
    reply.n_functions = reply.n_files = 1;
    reply.parents = parents;
    reply.nodes = nodes;
    reply.lines = lines;
    reply.counts = counts;
    reply.n_parents = reply.n_nodes = reply.n_counts = count;
    reply.n_lines = strcmp(profile->vm, "odd") == 0 ? 2 : count;
    n->reply.reply_case = MUD__SERVER_FRAME__REPLY_PROFILED;
    n->reply.profiled = &reply;
    n->send(n->session, &n->reply);
}

bool fake_numbers_serve(void *session, fake_send_fn send, const Mud__ClientFrame *frame)
{
    numbers n = {.session = session, .send = send};
    mud__server_frame__init(&n.reply);
    n.reply.id = frame->id;
    switch (frame->request_case) {
    case MUD__CLIENT_FRAME__REQUEST_SET_VM:
        if (strcmp(frame->set_vm->vm, "none") == 0) {
            not_found_send(&n);
        } else {
            settings_serve(&n, frame->set_vm);
        }
        return true;
    case MUD__CLIENT_FRAME__REQUEST_LIST_CALLS: calls_serve(&n, frame->list_calls); return true;
    case MUD__CLIENT_FRAME__REQUEST_GET_STATS: stats_serve(&n, frame->get_stats); return true;
    case MUD__CLIENT_FRAME__REQUEST_PROFILE:
        if (strcmp(frame->profile->vm, "none") == 0) {
            not_found_send(&n);
        } else {
            profile_serve(&n, frame->profile);
        }
        return true;
    case MUD__CLIENT_FRAME__REQUEST_KILL_CALLS: kill_serve(&n); return true;
    default: return false;
    }
}
