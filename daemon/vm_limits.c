#include "vm_limits.h"
#include "call.h"

mud_limits mud_limits_of_message(const Mud__VmLimits *message)
{
    mud_limits limits = {0};
    if (message != NULL) {
#define MUD_LIMIT(field, what, least, most) limits.field = message->field;
#include "vm_limits.def"
#undef MUD_LIMIT
    }
    return limits;
}

static bool check_one(mud_daemon *daemon, mud_ticket ticket, const char *what, uint64_t value,
                      uint64_t least, uint64_t most)
{
    if (value == 0 || (value >= least && value <= most)) {
        return true;
    }
    mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT, "",
                     "the limit of a VM's %s is from %llu to %llu, not %llu", what,
                     (unsigned long long)least, (unsigned long long)most,
                     (unsigned long long)value);
    return false;
}

bool mud_limits_check(mud_daemon *daemon, mud_ticket ticket, const mud_limits *limits)
{
#define MUD_LIMIT(field, what, least, most)                                                        \
    if (!check_one(daemon, ticket, what, limits->field, least, most)) {                            \
        return false;                                                                              \
    }
#include "vm_limits.def"
#undef MUD_LIMIT
    return true;
}

void mud_limits_keep(mud_vm *vm, const mud_limits *limits)
{
    vm->calls_limit = limits->calls != 0 ? limits->calls : vm->calls_limit;
    vm->output_limit_bytes =
        limits->output_bytes != 0 ? limits->output_bytes : vm->output_limit_bytes;
}

Mud__VmLimits *mud_limits_message(const mud_vm *vm, proto_arena *arena)
{
    mu_vm_stats stats = mu_vm_get_stats(vm->guest->substrate_vm(vm->inner));
    Mud__VmLimits *message = mud_answer_allocate(arena, sizeof *message);
    mud__vm_limits__init(message);
    message->heap_bytes = stats.heap_quota_bytes;
    message->calls = vm->calls_limit;
    message->output_bytes = vm->output_limit_bytes;
    return message;
}

static void answer_settings(mud_daemon *daemon, mud_ticket ticket, const mud_vm *vm)
{
    proto_arena *arena = daemon->answer_arena;
    Mud__ServerFrame reply;
    Mud__VmSettings settings;
    mud__server_frame__init(&reply);
    mud__vm_settings__init(&settings);
    settings.name = mud_answer_copy(arena, vm->name);
    settings.guest = mud_answer_copy(arena, vm->guest->name);
    settings.limits = mud_limits_message(vm, arena);
    settings.grant_native = vm->has_native;
    reply.reply_case = MUD__SERVER_FRAME__REPLY_VM_SETTINGS;
    reply.vm_settings = &settings;
    mud_answer_send(daemon, ticket, &reply);
}

/* What the substrate keeps. False after an answer. */
static bool set_inner(mud_vm *vm, mud_ticket ticket, const mud_limits *limits)
{
    if (limits->heap_bytes != 0) {
        mud_answer_error(vm->daemon, ticket, MUD__CODE__FAILED_PRECONDITION,
                         "make another VM with it", "the heap of VM %s cannot change its limit",
                         vm->name);
        return false;
    }
    return true;
}

void mud_request_set_vm(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_limits limits = mud_limits_of_message(frame->set_vm->limits);
    mud_vm *vm = mud_vm_require(daemon, ticket, frame->set_vm->vm);
    if (vm == NULL || !mud_limits_check(daemon, ticket, &limits) ||
        !set_inner(vm, ticket, &limits)) {
        return;
    }
    mud_limits_keep(vm, &limits);
    answer_settings(daemon, ticket, vm);
}
