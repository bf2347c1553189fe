#include "watch.h"
#include "session.h"

void mud_request_watch(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__Watch *watch = frame->watch;
    mud_vm *vm = mud_vm_require(daemon, ticket, watch->vm);
    if (vm == NULL) {
        return;
    }
    mu_vm *inner = vm->guest->substrate_vm(vm->inner);
    mu_status status = watch->enabled ? mu_vm_enable_watchpoint(inner, watch->watchpoint)
                                      : mu_vm_disable_watchpoint(inner, watch->watchpoint);
    if (status == MU_OK) {
        mud_answer_done(daemon, ticket);
    } else if (status == MU_LIMIT) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "disable some",
                         "VM %s has %u watchpoints enabled", vm->name, MU_VM_MAX_WATCHPOINTS);
    } else {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT, "",
                         "a watchpoint's id is 1 to 4294967295");
    }
}
