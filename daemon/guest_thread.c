#include "guest_thread.h"
#include "drain.h"
#include "trap_wait.h"

/* Programs make threads as fast as they like; the log takes so many of their errors. */
#define TOLD_MOST   10u
#define TOLD_FOR_NS 10000000000u

/* The session of a call that logs traps takes those of the VM's threads, too. Not looked for among
 * all calls: a program may have thousands of threads, and the loop serves others as well. */
static void adopt_log(mud_call *thread)
{
    const mud_call *call = LIST_FIRST(&thread->vm->log_calls);
    if (call) {
        thread->logs_traps = true;
        thread->ticket.session = call->ticket.session;
    }
}

/* On the loop's thread, before any other letter of the thread's. */
static void on_made(void *context)
{
    mud_call *call = context;
    mud_daemon *daemon = call->daemon;
    call->id = ++daemon->last_call;
    mud_id_table_put(&daemon->calls, call->id, call);
    LIST_INSERT_HEAD(&call->vm->calls, call, of_vm);
    daemon->threads++;
    call->vm->threads++;
    mud_vm_pin(call->vm);
    adopt_log(call);
    mud_log_write(&daemon->log, MUD_LOG_DEBUG, "thread %llu of VM %s begins with %s",
                  (unsigned long long)call->id, call->vm->name, mu_function_name(call->callee));
    if (call->vm->is_removed || daemon->is_killing) {
        mud_call_kill(call);
    }
}

/* On a worker. The call or context that makes the thread still pins the VM. */
static mu_thread_callbacks made(mu_thread *thread, const mu_function *function, void *context)
{
    mud_vm *vm = context;
    mud_call *call = mu_allocate(sizeof *call);
    *call = (mud_call){.daemon = vm->daemon,
                       .vm = vm,
                       .thread = thread,
                       .callee = function,
                       .is_thread = true,
                       .started_ns = mud_now_ns()};
    mud_mailbox_post(&vm->daemon->mailbox, on_made, call);
    return (mu_thread_callbacks){mud_call_thread_trapped, mud_call_thread_finished, call};
}

void mud_guest_threads_watch(mud_vm *vm)
{
    mu_vm_set_thread_hook(vm->guest->substrate_vm(vm->inner), &(mu_vm_thread_hook){made, vm});
}

/* May another error of the VM's threads go to the log as a warning? */
static bool may_tell(mud_vm *vm)
{
    const mud_log *log = &vm->daemon->log;
    uint64_t now = mud_now_ns();
    if (!vm->told_since_ns || now - vm->told_since_ns >= TOLD_FOR_NS) {
        if (vm->untold) {
            mud_log_write(log, MUD_LOG_WARNING, "%u more threads of VM %s ended with errors",
                          vm->untold, vm->name);
        }
        vm->told_since_ns = now;
        vm->told = vm->untold = 0;
    }
    if (vm->told == TOLD_MOST) {
        vm->untold++;
        return false;
    }
    vm->told++;
    return true;
}

void mud_guest_thread_log_end(mud_call *call)
{
    const mud_log *log = &call->daemon->log;
    const char *function = mu_function_name(call->callee);
    const char *name = call->vm->name;
    unsigned long long id = call->id;
    call->daemon->threads--;
    call->vm->threads--;
    if (mu_thread_outcome(call->thread) != MU_OUTCOME_ERROR && call->verdict == NULL) {
        mud_log_write(log, MUD_LOG_DEBUG, "thread %llu of VM %s has ended", id, name);
        return;
    }
    const char *why =
        call->verdict != NULL ? call->verdict->message : mu_thread_get_error(call->thread).message;
    mud_log_write(log, may_tell(call->vm) ? MUD_LOG_WARNING : MUD_LOG_DEBUG,
                  "thread %llu of VM %s, begun with %s, ended with an error: %s", id, name,
                  function, why);
}
