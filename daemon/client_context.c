#include "client_context.h"
#include "drain.h"
#include "thread_wait.h"

/* ------------------------------------------------------------------------------------- the end */

/* On the loop's thread: the substrate's part is freed. */
static void on_freed(void *letter)
{
    mud_context *context = letter;
    mud_daemon *daemon = context->daemon;
    mud_vm *vm = context->vm;
    mud_id_table_remove(&daemon->contexts, context->id);
    LIST_REMOVE(context, of_vm);
    vm->contexts--;
    vm->context_handles -= context->handles;
    if (context->is_of_trap) {
        daemon->trap_contexts--;
        vm->trap_contexts--;
    }
    if (context->close_ticket.request != 0) {
        mud_answer_done(daemon, context->close_ticket);
    }
    mu_free(context);
    daemon->jobs_pending--;
    mud_context_trap_admit(daemon);
    mud_thread_wait_check(vm);
    mud_vm_unpin(vm);
    mud_drain_check(daemon);
}

static void run_free(void *argument)
{
    mud_context *context = argument;
    mu_context_free(context->inner);
    mud_mailbox_post(&context->daemon->mailbox, on_freed, context);
}

/* ----------------------------------------------------------------------------------- the queue */

static void on_ran(void *letter);

static void run_job(void *argument)
{
    mud_context_job *job = argument;
    mud_context *context = job->context;
    if (!job->work->run(job)) {
        mu_substrate_submit(context->daemon->substrate, run_job, job);
        return;
    }
    job->handles = context->inner == NULL ? 0 : mu_context_handle_count(context->inner);
    mud_mailbox_post(&context->daemon->mailbox, on_ran, job);
}

/* Begins what is next, if there is anything. */
static void advance(mud_context *context)
{
    mud_context_job *job = STAILQ_FIRST(&context->queue);
    if (context->running != NULL || context->is_freeing) {
        return;
    }
    if (job != NULL) {
        STAILQ_REMOVE_HEAD(&context->queue, next);
        context->queued--;
        context->running = job;
        if (job->call != NULL) {
            job->call->is_held = true;
        }
        context->daemon->jobs_pending++;
        mu_substrate_submit(context->daemon->substrate, run_job, job);
    } else if (context->is_closing) {
        context->is_freeing = true;
        context->daemon->jobs_pending++;
        mu_substrate_submit(context->daemon->substrate, run_free, context);
    }
}

static void end_running(mud_context *context)
{
    mud_context_job *job = context->running;
    mud_daemon *daemon = context->daemon;
    mud_call *call = job->call;
    context->running = NULL;
    context->is_stalled = false;
    daemon->jobs_pending--;
    context->vm->context_handles += job->handles;
    context->vm->context_handles -= context->handles;
    context->handles = job->handles;
    job->work->end(job);
    advance(context);
    if (call != NULL) {
        mud_call_let_go(call);
    }
    mud_thread_wait_check(context->vm);
    mud_drain_check(daemon);
}

static bool has_unread_output(const mud_context *context)
{
    const mud_session *session = mud_session_find(context->daemon, context->session);
    return session != NULL && mud_session_output_bytes(session) > MUD_OUTPUT_PAUSE_BYTES;
}

/* On the loop's thread: the running job has run. */
static void on_ran(void *letter)
{
    const mud_context_job *job = letter;
    mud_context *context = job->context;
    if (job->work->may_be_long && !atomic_load(&context->is_interrupted) &&
        has_unread_output(context)) {
        context->is_stalled = true;
        return;
    }
    end_running(context);
}

void mud_context_enqueue(mud_context *context, const mud_context_work *work, mud_context_job *job,
                         mud_ticket ticket)
{
    job->work = work;
    job->context = context;
    job->ticket = ticket;
    job->report = mu_report_new();
    STAILQ_INSERT_TAIL(&context->queue, job, next);
    context->queued++;
    advance(context);
}

void mud_context_job_deinit(mud_context_job *job)
{
    mu_report_free(job->report);
}

void mud_context_interrupt(mud_context *context)
{
    mud_context_job *job = NULL;
    atomic_store(&context->is_interrupted, true);
    while ((job = STAILQ_FIRST(&context->queue)) != NULL) {
        STAILQ_REMOVE_HEAD(&context->queue, next);
        context->queued--;
        job->work->drop(job);
    }
    if (context->is_stalled) {
        end_running(context);
    }
}

/* From here on it is none of its session's, which may open another at once, without waiting for
 * what this one still does; it counts with the VM's until it is gone. */
static void begin_closing(mud_context *context)
{
    mud_session *session = mud_session_find(context->daemon, context->session);
    if (!context->is_closing && !context->is_of_trap && session != NULL) {
        session->contexts--;
    }
    context->is_closing = true;
}

void mud_context_doom(mud_context *context)
{
    begin_closing(context);
    mud_context_interrupt(context);
    advance(context);
}

void mud_context_doom_of_vm(mud_vm *vm)
{
    mud_context *context = NULL;
    LIST_FOREACH(context, &vm->context_list, of_vm)
    {
        mud_context_doom(context);
    }
}

void mud_context_doom_of_session(mud_daemon *daemon, uint64_t session)
{
    uint32_t cursor = 0;
    mud_context *context = NULL;
    while ((context = mud_id_table_next(&daemon->contexts, &cursor)) != NULL) {
        if (context->session == session && !context->is_of_trap) {
            mud_context_doom(context);
        }
    }
}

void mud_context_doom_all(mud_daemon *daemon)
{
    uint32_t cursor = 0;
    mud_context *context = NULL;
    while ((context = mud_id_table_next(&daemon->contexts, &cursor)) != NULL) {
        mud_context_doom(context);
    }
}

void mud_context_output_drained(mud_daemon *daemon, uint64_t session)
{
    uint32_t cursor = 0;
    mud_context *context = NULL;
    while ((context = mud_id_table_next(&daemon->contexts, &cursor)) != NULL) {
        if (context->session == session && context->is_stalled && !has_unread_output(context)) {
            end_running(context);
        }
    }
}

bool mud_context_is_busy(const mud_vm *vm, uint64_t session)
{
    const mud_context *context = NULL;
    LIST_FOREACH(context, &vm->context_list, of_vm)
    {
        if (context->session == session && (context->running != NULL || context->queued > 0)) {
            return true;
        }
    }
    return false;
}

/* ----------------------------------------------------------------------------------- the start */

mud_context *mud_context_new(mud_vm *vm, uint64_t session, bool is_of_trap)
{
    mud_daemon *daemon = vm->daemon;
    mud_context *context = mu_allocate(sizeof *context);
    context->daemon = daemon;
    context->id = ++daemon->last_context;
    context->session = session;
    context->vm = vm;
    context->is_of_trap = is_of_trap;
    STAILQ_INIT(&context->queue);
    mud_id_table_put(&daemon->contexts, context->id, context);
    LIST_INSERT_HEAD(&vm->context_list, context, of_vm);
    vm->contexts++;
    /* It may load code, so a load that made the VM and fails does not take it away any more. */
    vm->made_for_load = false;
    mud_vm_pin(vm);
    if (is_of_trap) {
        daemon->trap_contexts++;
        vm->trap_contexts++;
    }
    return context;
}

static bool run_open(mud_context_job *job)
{
    mud_context *context = job->context;
    job->status =
        mu_context_new(context->vm->guest->substrate_vm(context->vm->inner), &context->inner);
    return true;
}

static void answer_opened(const mud_context_job *job)
{
    Mud__ServerFrame frame;
    Mud__ContextOpened opened;
    mud__server_frame__init(&frame);
    mud__context_opened__init(&opened);
    opened.context = job->context->id;
    frame.reply_case = MUD__SERVER_FRAME__REPLY_CONTEXT_OPENED;
    frame.context_opened = &opened;
    mud_answer_send(job->context->daemon, job->ticket, &frame);
}

static void end_open(mud_context_job *job)
{
    mud_context *context = job->context;
    if (job->status != MU_OK) {
        mud_answer_error(context->daemon, job->ticket,
                         mud_code_of_status(job->status, MUD__CODE__INVALID_ARGUMENT), "",
                         "no context of VM %s could be made: %s", context->vm->name,
                         mu_status_text(job->status));
        mud_context_doom(context);
    } else if (context->is_closing) {
        mud_answer_error(context->daemon, job->ticket, MUD__CODE__CANCELLED, "",
                         "VM %s was removed while the context was being opened", context->vm->name);
    } else {
        context->is_open = true;
        answer_opened(job);
    }
    mud_context_job_deinit(job);
    mu_free(job);
}

static bool has_room(mud_session *session, mud_ticket ticket, const mud_vm *vm)
{
    const mud_daemon *daemon = session->daemon;
    const char *whose = NULL;
    if (session->contexts >= MUD_SESSION_CONTEXTS_MOST) {
        whose = "this session";
    } else if (vm->contexts - vm->trap_contexts >= MUD_VM_CONTEXTS_MOST) {
        whose = "the VM";
    } else if (daemon->contexts.count - daemon->trap_contexts >= MUD_CONTEXTS_MOST) {
        whose = "all clients together";
    } else {
        return true;
    }
    mud_answer_error(session->daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "close some first",
                     "too many contexts of %s are open", whose);
    return false;
}

/* ------------------------------------------------------------------------------------ requests */

void mud_request_open_context(mud_session *session, const Mud__ClientFrame *frame)
{
    static const mud_context_work opening = {run_open, end_open, NULL, false};
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_vm *vm = mud_vm_require(daemon, ticket, frame->open_context->vm);
    if (vm == NULL || !has_room(session, ticket, vm)) {
        return;
    }
    mud_context *context = mud_context_new(vm, session->id, false);
    session->contexts++;
    mud_log_write(&daemon->log, MUD_LOG_DEBUG, "session %llu opens context %llu of VM %s",
                  (unsigned long long)session->id, (unsigned long long)context->id, vm->name);
    mud_context_enqueue(context, &opening, mu_allocate(sizeof(mud_context_job)), ticket);
}

mud_context *mud_context_require(mud_daemon *daemon, mud_ticket ticket, uint64_t id)
{
    mud_context *context = mud_id_table_get(&daemon->contexts, id);
    if (context == NULL || context->session != ticket.session || !context->is_open ||
        context->is_closing) {
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND,
                         "a context goes when it is closed, with its VM, and with its trap",
                         "this session has no context %llu", (unsigned long long)id);
        return NULL;
    }
    return context;
}

void mud_request_close_context(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_context *context = mud_context_require(daemon, ticket, frame->close_context->context);
    if (context == NULL) {
        return;
    }
    if (context->is_of_trap) {
        mud_answer_error(daemon, ticket, MUD__CODE__FAILED_PRECONDITION, "answer the trap",
                         "context %llu holds a trap, and is closed by the trap's answer",
                         (unsigned long long)context->id);
        return;
    }
    begin_closing(context);
    context->close_ticket = ticket;
    advance(context);
}
