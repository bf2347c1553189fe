#include "thread_wait.h"
#include "client_context.h"

/* Removes the wait; its session, if it is still there, may have another. */
static mud_ticket take_wait(mud_vm *vm, uint32_t index)
{
    mud_ticket ticket = vm->waits.items[index];
    mud_session *session = mud_session_find(vm->daemon, ticket.session);
    vm->waits.items[index] = vm->waits.items[--vm->waits.count];
    if (session != NULL) {
        session->waits--;
    }
    return ticket;
}

void mud_thread_wait_check(mud_vm *vm)
{
    for (uint32_t i = vm->threads == 0 ? vm->waits.count : 0; i-- > 0;) {
        /* A batch that has not been performed yet may make threads. */
        if (!mud_context_is_busy(vm, vm->waits.items[i].session)) {
            mud_answer_done(vm->daemon, take_wait(vm, i));
        }
    }
}

void mud_thread_wait_cancel(mud_vm *vm)
{
    while (vm->waits.count > 0) {
        mud_answer_error(vm->daemon, take_wait(vm, vm->waits.count - 1), MUD__CODE__CANCELLED, "",
                         "VM %s was removed, and its threads with it", vm->name);
    }
}

void mud_thread_wait_forget(mud_daemon *daemon, uint64_t session)
{
    for (uint32_t v = 0; v < daemon->vms.vms.count; v++) {
        mud_vm *vm = daemon->vms.vms.items[v];
        for (uint32_t i = vm->waits.count; i-- > 0;) {
            if (vm->waits.items[i].session == session) {
                take_wait(vm, i);
            }
        }
    }
}

void mud_request_wait_threads(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_vm *vm = mud_vm_require(daemon, ticket, frame->wait_threads->vm);
    if (vm == NULL) {
        return;
    }
    if (session->waits == MUD_SESSION_WAITS_MOST) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "wait for one to end",
                         "this session waits for threads %u times already", MUD_SESSION_WAITS_MOST);
        return;
    }
    session->waits++;
    MU_ARRAY_PUSH(&vm->waits, ticket);
    mud_thread_wait_check(vm);
}
