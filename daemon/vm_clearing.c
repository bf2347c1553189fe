#include "vm_clearing.h"
#include "call.h"
#include "drain.h"

enum { KILLS_A_TURN = 16 };

static void answer_cleared(mud_vm *vm)
{
    for (uint32_t i = 0; i < vm->clearers.count; i++) {
        Mud__ServerFrame reply;
        Mud__Ended ended;
        mud__server_frame__init(&reply);
        mud__ended__init(&ended);
        ended.calls = vm->cleared;
        reply.reply_case = MUD__SERVER_FRAME__REPLY_ENDED;
        reply.ended = &ended;
        mud_answer_send(vm->daemon, vm->clearers.items[i], &reply);
    }
    vm->clearers.count = 0;
}

/* Kills up to so many; false: there are more. The newest come first in the list, so that those
 * killed are passed over quickly. */
static bool kill_some(mud_vm *vm, uint32_t most)
{
    mud_call *call = NULL;
    LIST_FOREACH(call, &vm->calls, of_vm)
    {
        if (call->is_killed || (!call->is_thread && call->id > vm->clear_until)) {
            continue;
        }
        if (most-- == 0) {
            return false;
        }
        vm->cleared++;
        mud_call_kill(call);
    }
    return true;
}

static void go_on(void *context)
{
    mud_vm *vm = context;
    mud_daemon *daemon = vm->daemon;
    if (!kill_some(vm, KILLS_A_TURN)) {
        mud_mailbox_post_patient(&daemon->mailbox, go_on, vm);
        return;
    }
    vm->is_clearing = false;
    answer_cleared(vm);
    daemon->jobs_pending--;
    mud_vm_unpin(vm);
    mud_drain_check(daemon);
}

/* Contexts may be freed as soon as their VM is being removed, and what they hold must be dead by
 * then: those calls go first, all at once. There are not many. */
static void kill_held(mud_vm *vm)
{
    mud_call *call = NULL;
    LIST_FOREACH(call, &vm->calls, of_vm)
    {
        if (call->context != NULL && !call->is_killed) {
            vm->cleared++;
            mud_call_kill(call);
        }
    }
}

void mud_vm_clear(mud_vm *vm)
{
    bool was_clearing = vm->is_clearing;
    vm->is_clearing = true;
    vm->clear_until = vm->daemon->last_call;
    vm->cleared = was_clearing ? vm->cleared : 0;
    kill_held(vm);
    if (!was_clearing) {
        vm->daemon->jobs_pending++;
        mud_vm_pin(vm);
        go_on(vm);
    }
}

void mud_request_kill_calls(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_vm *vm = mud_vm_require(daemon, ticket, frame->kill_calls->vm);
    if (vm == NULL) {
        return;
    }
    if (vm->clearers.count == MUD_CLEARERS_MOST) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "wait for one to end",
                         "the calls of VM %s are being killed for %u requests", vm->name,
                         MUD_CLEARERS_MOST);
        return;
    }
    MU_ARRAY_PUSH(&vm->clearers, ticket);
    mud_vm_clear(vm);
}
