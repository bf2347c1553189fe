#include "calm_work.h"
#include "drain.h"
#include <string.h>

struct mud_calm_job {
    mud_letter_fn *work;
    void *context;
    STAILQ_ENTRY(mud_calm_job) next;
};

bool mud_calm_is_waiting(const mud_vm *vm)
{
    return !STAILQ_EMPTY(&vm->calm_jobs);
}

static mu_vm *inner_of(const mud_vm *vm)
{
    return vm->guest->substrate_vm(vm->inner);
}

/* On the loop's thread, with the VM kept calm: does what waits. What is put off meanwhile, by that,
 * is done at once. */
static void on_calm(void *context)
{
    mud_vm *vm = context;
    mud_daemon *daemon = vm->daemon;
    uint32_t done = 0;
    vm->is_calm = true;
    while (!STAILQ_EMPTY(&vm->calm_jobs)) {
        struct mud_calm_job *job = STAILQ_FIRST(&vm->calm_jobs);
        STAILQ_REMOVE_HEAD(&vm->calm_jobs, next);
        job->work(job->context);
        mu_free(job);
        done++;
    }
    vm->is_calm = false;
    mu_vm_end_calm(inner_of(vm));
    vm->calm_job_count -= done;
    daemon->jobs_pending -= done;
    while (done-- > 0) {
        mud_vm_unpin(vm);
    }
    mud_drain_check(daemon);
}

/* On a worker, or wherever the world was started. */
static void on_granted(void *context)
{
    mud_vm *vm = context;
    mud_mailbox_post(&vm->daemon->mailbox, on_calm, vm);
}

static void put_off(mud_vm *vm, mud_letter_fn *work, void *context)
{
    bool is_first = STAILQ_EMPTY(&vm->calm_jobs);
    struct mud_calm_job *job = mu_allocate(sizeof *job);
    *job = (struct mud_calm_job){.work = work, .context = context};
    STAILQ_INSERT_TAIL(&vm->calm_jobs, job, next);
    mud_vm_pin(vm);
    vm->calm_job_count++;
    vm->daemon->jobs_pending++;
    if (is_first) {
        mu_vm_calm_later(inner_of(vm), on_granted, vm);
    }
}

/* False: what is to be done with the VM's threads has to wait. */
static bool begin_calm(mud_vm *vm)
{
    if (mud_calm_is_waiting(vm) || !mu_vm_try_calm(inner_of(vm))) {
        return false;
    }
    /* The work may end what pins the VM. */
    mud_vm_pin(vm);
    vm->is_calm = true;
    return true;
}

static void end_calm(mud_vm *vm)
{
    vm->is_calm = false;
    mu_vm_end_calm(inner_of(vm));
    mud_vm_unpin(vm);
}

void mud_calm_work(mud_vm *vm, mud_letter_fn *work, void *context)
{
    if (vm->is_calm) {
        work(context);
    } else if (begin_calm(vm)) {
        work(context);
        end_calm(vm);
    } else {
        put_off(vm, work, context);
    }
}

/* ------------------------------------------------------------------------------------ requests */

typedef struct mud_deferred {
    mud_daemon *daemon;
    uint64_t session;
    size_t length;
    uint8_t bytes[];
} mud_deferred;

static void dispatch_again(void *context)
{
    mud_deferred *deferred = context;
    mud_session *session = mud_session_find(deferred->daemon, deferred->session);
    if (session != NULL) {
        mud_session_handle_again(session, deferred->bytes, deferred->length);
    }
    mu_free(deferred);
}

static void defer(mud_session *session, mud_vm *vm)
{
    mud_deferred *deferred = mu_allocate(sizeof *deferred + session->frame_length);
    deferred->daemon = session->daemon;
    deferred->session = session->id;
    deferred->length = session->frame_length;
    memcpy(deferred->bytes, session->frame_bytes, session->frame_length);
    session->deferred++;
    session->deferred_bytes += deferred->length;
    mud_log_write(&session->daemon->log, MUD_LOG_DEBUG,
                  "a request of session %llu waits for the world of VM %s",
                  (unsigned long long)session->id, vm->name);
    put_off(vm, dispatch_again, deferred);
}

void mud_calm_request(mud_session *session, const Mud__ClientFrame *frame, mud_vm *vm,
                      mud_calm_request_fn *handle)
{
    if (vm->is_calm) {
        handle(session, frame, vm);
    } else if (begin_calm(vm)) {
        handle(session, frame, vm);
        end_calm(vm);
    } else {
        defer(session, vm);
    }
}
