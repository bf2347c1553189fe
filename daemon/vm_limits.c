#include "vm_limits.h"
#include "call.h"
#include "drain.h"

mud_limits mud_limits_of_message(const Mud__VmLimits *message)
{
    mud_limits limits = {0};
    if (message != NULL) {
#define MUD_LIMIT(field, what, least, most) limits.field = message->field;
#include "vm_limits.def"
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
    return true;
}

void mud_limits_keep(mud_vm *vm, const mud_limits *limits)
{
    vm->calls_limit = limits->calls != 0 ? limits->calls : vm->calls_limit;
    vm->output_limit_bytes =
        limits->output_bytes != 0 ? limits->output_bytes : vm->output_limit_bytes;
}

mu_vm_limits mud_limits_inner(const mud_limits *limits)
{
    mu_vm_limits inner = {0};
#define MUD_INNER_LIMIT(field, what, least, most)                                                  \
    inner.field = (__typeof__(inner.field))limits->field;
#define MUD_LIMIT(field, what, least, most)
#include "vm_limits.def"
    return inner;
}

Mud__VmLimits *mud_limits_message(const mud_vm *vm, proto_arena *arena)
{
    mu_vm_limits inner = mu_vm_get_limits(vm->guest->substrate_vm(vm->inner));
    Mud__VmLimits *message = mud_answer_allocate(arena, sizeof *message);
    mud__vm_limits__init(message);
#define MUD_INNER_LIMIT(field, what, least, most) message->field = inner.field;
#define MUD_LIMIT(field, what, least, most)
#include "vm_limits.def"
    message->calls = vm->calls_limit;
    message->output_bytes = vm->output_limit_bytes;
    return message;
}

char *mud_limits_hint(const mud_vm *vm)
{
    return mud_answer_text(vm->daemon->answer_arena,
                           "'muctl vm set %s' shows the VM's limits, and changes them", vm->name);
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

/* ---------------------------------------------------------------------------------- changing */

/* A change waits for a marking of the heap that is under way, so it is made on libuv's pool; those
 * of a VM one after the other, in the order in which they came. */
typedef struct mud_limit_change {
    uv_work_t work;
    mud_vm *vm;
    mud_ticket ticket;
    mud_limits limits;
    mu_status status;
    mu_report *report;
    STAILQ_ENTRY(mud_limit_change) next;
} mud_limit_change;

static void run_change(uv_work_t *work)
{
    mud_limit_change *change = work->data;
    mu_vm_limits inner = mud_limits_inner(&change->limits);
    change->status = mu_vm_set_limits(change->vm->guest->substrate_vm(change->vm->inner), &inner,
                                      change->report);
}

static void end_change(uv_work_t *work, int status);

static void begin_first(mud_vm *vm)
{
    mud_limit_change *change = STAILQ_FIRST(&vm->limit_changes);
    if (change != NULL) {
        change->work.data = change;
        int failed = uv_queue_work(&vm->daemon->loop, &change->work, run_change, end_change);
        MU_INVARIANT(failed == 0, "uv_queue_work: %s", uv_strerror(failed));
    }
}

static void end_change(uv_work_t *work, int status)
{
    mud_limit_change *change = work->data;
    mud_vm *vm = change->vm;
    mud_daemon *daemon = vm->daemon;
    MU_INVARIANT(status == 0, "a change of limits was cancelled: %d", status);
    if (vm->is_removed) {
        mud_answer_error(daemon, change->ticket, MUD__CODE__CANCELLED, "",
                         "VM %s was removed before its limits were changed", vm->name);
    } else if (change->status == MU_OK) {
        mud_limits_keep(vm, &change->limits);
        answer_settings(daemon, change->ticket, vm);
    } else {
        mud_answer_error(daemon, change->ticket,
                         mud_code_of_status(change->status, MUD__CODE__INVALID_ARGUMENT), "", "%s",
                         mud_report_message(change->report, change->status));
    }
    STAILQ_REMOVE_HEAD(&vm->limit_changes, next);
    vm->limit_change_count--;
    daemon->jobs_pending--;
    mu_report_free(change->report);
    mu_free(change);
    begin_first(vm);
    mud_vm_unpin(vm);
    mud_drain_check(daemon);
}

void mud_request_set_vm(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_limits limits = mud_limits_of_message(frame->set_vm->limits);
    mud_vm *vm = mud_vm_require(daemon, ticket, frame->set_vm->vm);
    if (vm == NULL || !mud_limits_check(daemon, ticket, &limits)) {
        return;
    }
    if (vm->limit_change_count == MUD_LIMIT_CHANGES_MOST) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "wait for one to end",
                         "%u changes of VM %s's limits are under way", MUD_LIMIT_CHANGES_MOST,
                         vm->name);
        return;
    }
    mud_limit_change *change = mu_allocate(sizeof *change);
    change->vm = vm;
    change->ticket = ticket;
    change->limits = limits;
    change->report = mu_report_new();
    STAILQ_INSERT_TAIL(&vm->limit_changes, change, next);
    mud_vm_pin(vm);
    daemon->jobs_pending++;
    if (vm->limit_change_count++ == 0) {
        begin_first(vm);
    }
}
