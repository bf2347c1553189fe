/* Traps that come with a context, which holds the trapped thread and its stack for the handler.
 *
 *     trap ─► take ─► event ─► batches … ─► answer ─► the thread goes on, the context is doomed
 *                                 │
 *                                 └─ the handler goes: return ─► what it said at attachment
 *
 * Each arrow out of a job is taken on the loop's thread. A call that is killed leaves this picture
 * at any point: its context is doomed, and what still runs finds `context->call` gone. */
#include "client_context.h"
#include "trap_wait.h"
#include "value_message.h"
#include <string.h>

enum { THREAD_HANDLE = 1, STACK_HANDLE = 2 };

/* Parts the two. NULL: the call was killed before. */
static mud_call *take_call(mud_context *context)
{
    mud_call *call = context->call;
    context->call = NULL;
    if (call != NULL) {
        call->context = NULL;
    }
    return call;
}

/* ---------------------------------------------------------------------------------------- entering
 */

typedef struct mud_trap_taking {
    mud_context_job job;
    proto_arena *arena;
    Mud__TrapEvent *event;
} mud_trap_taking;

static bool run_taking(mud_context_job *job)
{
    mud_context *context = job->context;
    mu_status status = MU_OK;
    MU_TRY(mu_context_new(context->vm->guest->substrate_vm(context->vm->inner), &context->inner));
    MU_TRY(mu_context_take_trap(context->inner, job->call->thread, THREAD_HANDLE, STACK_HANDLE));
    context->has_trap = true;
done:
    job->status = status;
    return true;
}

static void end_taking(mud_context_job *job)
{
    mud_trap_taking *taking = (mud_trap_taking *)job;
    mud_context *context = job->context;
    if (context->call != NULL && !context->is_returning) {
        if (job->status == MU_OK) {
            context->is_open = true;
            taking->event->trap = context->call->trap;
            taking->event->context = context->id;
            (void)mud_trap_send_event(context->call, context->session, taking->event);
        } else {
            mud_call_condemn(context->call,
                             mud_code_of_status(job->status, MUD__CODE__FAILED_PRECONDITION), "",
                             false, "a trap's thread could not be given to its handler: %s",
                             mu_status_text(job->status));
        }
    }
    proto_arena_free(taking->arena);
    mud_context_job_deinit(job);
    mu_free(taking);
}

static void begin_taking(mud_call *call)
{
    static const mud_context_work work = {run_taking, end_taking, NULL, false};
    mud_context *context = mud_context_new(call->vm, call->vm->handler, true);
    mud_trap_taking *taking = mu_allocate(sizeof *taking);
    context->call = call;
    call->context = context;
    taking->job.call = call;
    taking->arena = proto_arena_new();
    MU_INVARIANT(taking->arena != NULL, "out of memory");
    context->takes_answers = call->vm->handler_takes_frames;
    /* Now, because nothing of the trap is to be seen once the thread has been taken. */
    taking->event = context->takes_answers ? mud_trap_event(call, taking->arena)
                                           : mud_trap_event_head(call, taking->arena);
    mud_context_enqueue(context, &work, &taking->job, (mud_ticket){0, 0});
}

static bool has_room(const mud_vm *vm)
{
    return vm->daemon->trap_contexts < MUD_TRAP_CONTEXTS_MOST &&
           vm->trap_contexts < MUD_VM_CONTEXTS_MOST;
}

void mud_context_trap_enter(mud_call *call)
{
    if (has_room(call->vm)) {
        begin_taking(call);
    } else {
        call->waits_for_context = true;
        call->daemon->traps_waiting++;
    }
}

static void stop_waiting(mud_call *call)
{
    if (call->waits_for_context) {
        call->waits_for_context = false;
        call->daemon->traps_waiting--;
    }
}

void mud_context_trap_admit(mud_daemon *daemon)
{
    uint32_t cursor = 0;
    mud_call *call = NULL;
    mud_call *oldest = NULL;
    if (daemon->traps_waiting == 0) {
        return;
    }
    while ((call = mud_id_table_next(&daemon->traps, &cursor)) != NULL) {
        if (call->waits_for_context && has_room(call->vm) &&
            (oldest == NULL || call->trap < oldest->trap)) {
            oldest = call;
        }
    }
    if (oldest != NULL) {
        stop_waiting(oldest);
        begin_taking(oldest);
    }
}

bool mud_context_trap_is_told(const mud_call *call)
{
    return !call->waits_for_context && (call->context == NULL || call->context->is_open);
}

/* ---------------------------------------------------------------------------------------- leaving
 */

void mud_context_trap_leave(mud_call *call)
{
    mud_context *context = call->context;
    stop_waiting(call);
    if (context != NULL) {
        take_call(context);
        mud_context_doom(context);
    }
}

typedef struct mud_trap_returning {
    mud_context_job job;
    bool is_trapped; /* as it was before it was taken */
} mud_trap_returning;

static bool run_returning(mud_context_job *job)
{
    mud_trap_returning *returning = (mud_trap_returning *)job;
    mud_context *context = job->context;
    if (context->has_trap) {
        mu_context_return_trap(context->inner, job->call->thread);
        context->has_trap = false;
    }
    returning->is_trapped = mu_thread_get_state(job->call->thread) == MU_THREAD_TRAPPED;
    return true;
}

static void end_returning(mud_context_job *job)
{
    const mud_trap_returning *returning = (const mud_trap_returning *)job;
    mud_context *context = job->context;
    mud_call *call = take_call(context);
    mud_context_doom(context);
    if (call != NULL && returning->is_trapped) {
        mud_trap_continue(call, context->policy);
    } else if (call != NULL) {
        mud_call_condemn(call, MUD__CODE__KILLED, "", false,
                         "call %llu of %s.%s was killed: its trap handler has gone and left its "
                         "stack changed",
                         (unsigned long long)call->id, call->vm->name,
                         mu_function_name(call->callee));
    }
    mud_context_job_deinit(job);
    mu_free(job);
}

/* An answer that was on its way has been accepted, or the call was killed. */
static void drop_returning(mud_context_job *job)
{
    mud_context_job_deinit(job);
    mu_free(job);
}

bool mud_context_trap_release(mud_call *call, Mud__OnDisconnect policy)
{
    static const mud_context_work work = {run_returning, end_returning, drop_returning, false};
    mud_context *context = call->context;
    stop_waiting(call);
    if (context == NULL) {
        return false;
    }
    context->is_returning = true;
    context->policy = policy;
    mud_context_interrupt(context);
    mud_trap_returning *returning = mu_allocate(sizeof *returning);
    returning->job.call = call;
    mud_context_enqueue(context, &work, &returning->job, (mud_ticket){0, 0});
    context->is_closing = true;
    return true;
}

/* -------------------------------------------------------------------------------------- answering
 */

typedef struct mud_trap_answering {
    mud_context_job job;
    mu_trap_verdict verdict;
    uint64_t *values; /* owned; of the verdict */
    proto_arena *arena;
    Mud__TrapAnswer *answer; /* in the arena, instead of a verdict; NULL: there is one */
} mud_trap_answering;

static void free_answering(mud_context_job *job)
{
    mud_trap_answering *answering = (mud_trap_answering *)job;
    job->context->is_answering = false;
    mu_free(answering->values);
    proto_arena_free(answering->arena);
    mud_context_job_deinit(job);
    mu_free(answering);
}

/* The answer is for a trapped thread, so it is one for as long as that takes. */
static mu_status answer_lent(mud_context *context, mu_thread *thread, const Mud__TrapAnswer *answer,
                             mu_report *report)
{
    mu_status status = MU_OK;
    MU_TRY(mu_context_lend_trap(context->inner, thread, report));
    status = mud_trap_carry_out(thread, answer, report);
    if (status != MU_OK) {
        context->has_trap = mu_context_retake_trap(context->inner, thread) == MU_OK;
    }
done:
    return status;
}

static bool run_answering(mud_context_job *job)
{
    mud_trap_answering *answering = (mud_trap_answering *)job;
    mud_context *context = job->context;
    mu_thread *thread = job->call->thread;
    job->status =
        answering->answer != NULL
            ? answer_lent(context, thread, answering->answer, job->report)
            : mu_context_answer_trap(context->inner, thread, &answering->verdict, job->report);
    if (job->status == MU_OK) {
        context->has_trap = false;
    }
    return true;
}

static void end_answering(mud_context_job *job)
{
    mud_context *context = job->context;
    mud_daemon *daemon = context->daemon;
    if (job->status != MU_OK) {
        mud_answer_error(daemon, job->ticket,
                         mud_code_of_status(job->status, MUD__CODE__INVALID_ARGUMENT),
                         context->call != NULL ? "the trap still waits" : "its call was killed",
                         "%s", mud_report_message(job->report, job->status));
        if (context->call != NULL && !context->has_trap) {
            mud_call_condemn(context->call, MUD__CODE__RESOURCE_EXHAUSTED, "", false,
                             "no memory was left to go on with a trap that was answered wrongly");
        }
        free_answering(job);
        return;
    }
    mud_call *call = take_call(context);
    mud_answer_done(daemon, job->ticket);
    free_answering(job);
    if (call != NULL) {
        mud_trap_forget(call);
    }
    mud_context_doom(context);
}

static void drop_answering(mud_context_job *job)
{
    mud_answer_error(job->context->daemon, job->ticket, MUD__CODE__NOT_FOUND,
                     "its call was killed, or its handler has gone",
                     "the trap went before it was answered");
    free_answering(job);
}

static bool decision_of(Mud__Rebind__Decision from, mu_trap_decision *decision)
{
    switch ((unsigned)from) {
    case MUD__REBIND__DECISION__EXIT: *decision = MU_TRAP_EXIT; return true;
    case MUD__REBIND__DECISION__PASS_VALUES: *decision = MU_TRAP_PASS; return true;
    case MUD__REBIND__DECISION__THROW_EXC: *decision = MU_TRAP_THROW; return true;
    }
    return false;
}

/* NULL when there is nothing wrong with the answer's form. */
static const char *fault_of(const mud_context *context, const Mud__TrapAnswer *answer)
{
    const Mud__Rebind *rebind = answer->rebind;
    mu_trap_decision decision;
    if (context->is_answering) {
        return "the trap is being answered already";
    }
    if (rebind == NULL && context->takes_answers) {
        return NULL;
    }
    if (rebind == NULL || answer->action != MUD__TRAP_ANSWER__ACTION__RESUME ||
        answer->n_values > 0 || answer->exception != NULL || answer->pops > 0 ||
        answer->n_pushes > 0) {
        return "a trap with a context is answered by a rebind and nothing else";
    }
    if (!decision_of(rebind->decision, &decision)) {
        return "a rebind exits, passes values or throws an exception";
    }
    return NULL;
}

/* A copy, because the answer outlives the loop's arena. */
static Mud__TrapAnswer *copy_answer(const Mud__TrapAnswer *from, proto_arena *arena)
{
    Mud__TrapAnswer *copy = mud_answer_allocate(arena, sizeof *copy);
    *copy = *from;
    copy->values = mud_answer_allocate(arena, (from->n_values + 1) * sizeof(Mud__Value *));
    for (size_t i = 0; i < from->n_values; i++) {
        copy->values[i] = mud_value_copy(from->values[i], arena);
    }
    if (from->exception != NULL) {
        copy->exception = mud_answer_allocate(arena, sizeof *copy->exception);
        *copy->exception = *from->exception;
    }
    copy->pushes = mud_answer_allocate(arena, (from->n_pushes + 1) * sizeof(char *));
    for (size_t i = 0; i < from->n_pushes; i++) {
        copy->pushes[i] = mud_answer_copy_whole(arena, from->pushes[i]);
    }
    return copy;
}

static void take_verdict(mud_trap_answering *answering, const Mud__Rebind *rebind)
{
    answering->values = mu_allocate((rebind->n_values + 1) * sizeof *answering->values);
    if (rebind->n_values > 0) {
        memcpy(answering->values, rebind->values, rebind->n_values * sizeof *answering->values);
    }
    answering->verdict = (mu_trap_verdict){.stack = rebind->stack,
                                           .exception = rebind->exception,
                                           .values = answering->values,
                                           .value_count = (uint32_t)rebind->n_values};
    (void)decision_of(rebind->decision, &answering->verdict.decision);
}

void mud_context_trap_answer(mud_call *call, mud_ticket ticket, const Mud__TrapAnswer *answer)
{
    static const mud_context_work work = {run_answering, end_answering, drop_answering, false};
    mud_context *context = call->context;
    const char *fault = fault_of(context, answer);
    if (fault != NULL) {
        mud_answer_error(context->daemon, ticket, MUD__CODE__INVALID_ARGUMENT,
                         "the trap still waits", "%s", fault);
        return;
    }
    if (answer->rebind == NULL && answer->action == MUD__TRAP_ANSWER__ACTION__KILL) {
        mud_trap_forget(call);
        mud_call_kill(call);
        mud_answer_done(context->daemon, ticket);
        return;
    }
    mud_trap_answering *answering = mu_allocate(sizeof *answering);
    if (answer->rebind != NULL) {
        take_verdict(answering, answer->rebind);
    } else {
        answering->arena = proto_arena_new();
        MU_INVARIANT(answering->arena != NULL, "out of memory");
        answering->answer = copy_answer(answer, answering->arena);
    }
    answering->job.call = call;
    context->is_answering = true;
    mud_context_enqueue(context, &work, &answering->job, ticket);
}
