#include "collection.h"
#include "drain.h"

typedef struct mud_collection {
    mud_vm *vm;
    mud_ticket ticket;
} mud_collection;

static void on_collected(void *context)
{
    mud_collection *collection = context;
    mud_vm *vm = collection->vm;
    mud_daemon *daemon = vm->daemon;
    mud_answer_done(daemon, collection->ticket);
    mu_free(collection);
    daemon->jobs_pending--;
    vm->collections--;
    mud_vm_unpin(vm);
    mud_drain_check(daemon);
}

static void run_collection(void *context)
{
    mud_collection *collection = context;
    mud_vm *vm = collection->vm;
    mu_vm_collect(vm->guest->substrate_vm(vm->inner));
    mud_mailbox_post(&vm->daemon->mailbox, on_collected, collection);
}

void mud_request_collect(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_vm *vm = mud_vm_require(daemon, ticket, frame->collect->vm);
    if (vm == NULL) {
        return;
    }
    if (vm->collections == MUD_COLLECTIONS_MOST) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "wait for one to end",
                         "%u collections of VM %s are under way", MUD_COLLECTIONS_MOST, vm->name);
        return;
    }
    mud_collection *collection = mu_allocate(sizeof *collection);
    *collection = (mud_collection){.vm = vm, .ticket = ticket};
    mud_vm_pin(vm);
    vm->collections++;
    daemon->jobs_pending++;
    mu_substrate_submit(daemon->substrate, run_collection, collection);
}
