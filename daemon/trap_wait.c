#include "trap_wait.h"
#include "client_context.h"
#include "guest.h"
#include "value_message.h"
#include <stdio.h>

/* -------------------------------------------------------------------------------- going on */

/* Zeros and NULLs of any types always fit; if the substrate refuses all the same, the call must not
 * be left waiting. */
static void resume_with_zeros(mud_call *call)
{
    mu_status status = mu_thread_resume(call->thread, NULL, 0, NULL);
    if (status != MU_OK) {
        mud_call_condemn(call, MUD__CODE__INTERNAL, "", false, "the trap could not be resumed: %s",
                         mu_status_text(status));
    }
}

void mud_trap_forget(mud_call *call)
{
    if (call->trap != 0) {
        mud_id_table_remove(&call->daemon->traps, call->trap);
        call->trap = 0;
        call->vm->calls_trapped--;
        call->daemon->calls_trapped--;
    }
}

bool mud_trap_send_event(mud_call *call, uint64_t session, Mud__TrapEvent *event)
{
    Mud__ServerFrame frame;
    mud__server_frame__init(&frame);
    frame.reply_case = MUD__SERVER_FRAME__REPLY_TRAP;
    frame.trap = event;
    if (!mud_call_may_send(call, &frame)) {
        char hint[MUD_NAME_BYTES + 64];
        snprintf(hint, sizeof hint, "'muctl vm set %s --output SIZE' raises it", call->vm->name);
        mud_call_condemn(call, MUD__CODE__RESOURCE_EXHAUSTED, hint, false, MUD_OUTPUT_OVER_FORMAT,
                         call->is_thread ? "thread" : "call", (unsigned long long)call->id,
                         call->vm->name, (unsigned long long)call->vm->output_limit_bytes);
        return false;
    }
    mud_answer_send(call->daemon, (mud_ticket){session, 0}, &frame);
    return true;
}

void mud_trap_leave(mud_call *call)
{
    bool is_told = call->trap != 0 && mud_context_trap_is_told(call);
    uint64_t trap = call->trap;
    call->waits_for_output = false;
    mud_context_trap_leave(call);
    mud_trap_forget(call);
    if (!is_told) {
        return;
    }
    Mud__ServerFrame frame;
    Mud__TrapGone gone;
    mud__server_frame__init(&frame);
    mud__trap_gone__init(&gone);
    gone.trap = trap;
    frame.reply_case = MUD__SERVER_FRAME__REPLY_TRAP_GONE;
    frame.trap_gone = &gone;
    mud_answer_send(call->daemon, (mud_ticket){call->vm->handler, 0}, &frame);
}

/* --------------------------------------------------------------------------------- entering */

static void enter_logged(mud_call *call)
{
    mud_daemon *daemon = call->daemon;
    Mud__TrapEvent *event = mud_trap_event(call, daemon->answer_arena);
    event->resumed = true;
    if (!mud_trap_send_event(call, call->ticket.session, event)) {
        return;
    }
    const mud_session *session = mud_session_find(daemon, call->ticket.session);
    if (session != NULL && mud_session_output_bytes(session) > MUD_OUTPUT_PAUSE_BYTES) {
        call->waits_for_output = true;
        return;
    }
    resume_with_zeros(call);
}

static void enter_handled(mud_call *call)
{
    mud_daemon *daemon = call->daemon;
    call->trap = ++daemon->last_trap;
    call->vm->calls_trapped++;
    daemon->calls_trapped++;
    mud_id_table_put(&daemon->traps, call->trap, call);
    if (call->vm->handler_takes_contexts) {
        mud_context_trap_enter(call);
    } else {
        (void)mud_trap_send_event(call, call->vm->handler,
                                  mud_trap_event(call, daemon->answer_arena));
    }
}

static void enter_unhandled(mud_call *call)
{
    mu_frame frame = {0};
    char hint[MUD_NAME_BYTES + 32];
    bool has_frame = mu_thread_frame_count(call->thread) > 0 &&
                     mu_thread_frame(call->thread, 0, &frame) == MU_OK;
    const char *function = has_frame ? frame.function : "";
    const char *instruction = has_frame && frame.instruction != NULL ? frame.instruction : function;
    snprintf(hint, sizeof hint, "muctl trap attach %s", call->vm->name);
    if (mu_thread_trap(call->thread).is_undefined_function) {
        mud_call_condemn(call, MUD__CODE__FAILED_PRECONDITION, hint, true,
                         "function %s is called but not defined, and no trap handler is attached",
                         function);
    } else {
        mud_call_condemn(call, MUD__CODE__FAILED_PRECONDITION, hint, true,
                         "trap %s: no handler is attached", instruction);
    }
}

void mud_trap_enter(mud_call *call)
{
    if (call->is_killed) {
        return;
    }
    if (call->logs_traps) {
        enter_logged(call);
    } else if (call->vm->handler != 0) {
        enter_handled(call);
    } else {
        enter_unhandled(call);
    }
}

void mud_trap_output_drained(mud_daemon *daemon, uint64_t session)
{
    uint32_t cursor = 0;
    mud_call *call = NULL;
    while ((call = mud_id_table_next(&daemon->calls, &cursor)) != NULL) {
        if (call->waits_for_output && call->ticket.session == session) {
            call->waits_for_output = false;
            resume_with_zeros(call);
        }
    }
}

/* --------------------------------------------------------------------------------- handlers */

void mud_trap_continue(mud_call *call, Mud__OnDisconnect policy)
{
    switch (policy) {
    case MUD__ON_DISCONNECT__RESUME: resume_with_zeros(call); return;
    case MUD__ON_DISCONNECT__THROW:
        if (mu_thread_throw_handler_gone(call->thread) == MU_OK) {
            return;
        }
        break;
    default: break;
    }
    mud_call_condemn(call, MUD__CODE__KILLED, "", true,
                     "call %llu of %s.%s was killed: its trap handler has gone",
                     (unsigned long long)call->id, call->vm->name, mu_function_name(call->callee));
}

static void release_vm(mud_vm *vm)
{
    mud_call *call = NULL;
    vm->handler = 0;
    LIST_FOREACH(call, &vm->calls, of_vm)
    {
        if (call->trap != 0) {
            mud_trap_forget(call);
            if (!mud_context_trap_release(call, vm->on_disconnect)) {
                mud_trap_continue(call, vm->on_disconnect);
            }
        }
    }
}

void mud_trap_release_session(mud_daemon *daemon, uint64_t session)
{
    for (uint32_t i = 0; i < daemon->vms.vms.count; i++) {
        if (daemon->vms.vms.items[i]->handler == session) {
            release_vm(daemon->vms.vms.items[i]);
        }
    }
}

void mud_request_attach_traps(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__AttachTraps *attach = frame->attach_traps;
    mud_vm *vm = mud_vm_require(daemon, ticket, attach->vm);
    if (vm == NULL) {
        return;
    }
    if ((unsigned)attach->on_disconnect > MUD__ON_DISCONNECT__KILL) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT, "",
                         "what to do on a disconnect is resume, throw or kill");
        return;
    }
    if (vm->handler != 0 && vm->handler != session->id) {
        const mud_session *other = mud_session_find(daemon, vm->handler);
        mud_answer_error(daemon, ticket, MUD__CODE__FAILED_PRECONDITION, "end that handler first",
                         "VM %s has a trap handler: process %d", vm->name,
                         other == NULL ? 0 : (int)other->peer);
        return;
    }
    vm->handler = session->id;
    session->has_handled = true;
    vm->on_disconnect = attach->on_disconnect;
    vm->handler_takes_contexts = attach->with_contexts;
    vm->handler_takes_frames = attach->with_frames;
    mud_log_write(&daemon->log, MUD_LOG_INFO, "session %llu handles the traps of VM %s",
                  (unsigned long long)session->id, vm->name);
    mud_answer_done(daemon, ticket);
}

void mud_request_detach_traps(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_vm *vm = mud_vm_require(daemon, ticket, frame->detach_traps->vm);
    if (vm == NULL) {
        return;
    }
    if (vm->handler != session->id) {
        mud_answer_error(daemon, ticket, MUD__CODE__FAILED_PRECONDITION, "",
                         "this session does not handle the traps of VM %s", vm->name);
        return;
    }
    release_vm(vm);
    mud_answer_done(daemon, ticket);
}

/* ---------------------------------------------------------------------------------- answers */

/* Sets `*pushes`, which the caller frees. Errors: NOT_FOUND, a name that is no function's. */
static mu_status find_pushes(mu_vm *vm, const Mud__TrapAnswer *answer, mu_report *report,
                             const mu_function ***pushes)
{
    *pushes = mu_allocate((answer->n_pushes + 1) * sizeof **pushes);
    for (size_t i = 0; i < answer->n_pushes; i++) {
        (*pushes)[i] = mu_vm_find_function(vm, answer->pushes[i]);
        if ((*pushes)[i] == NULL) {
            return mu_report_add(report, MU_NOT_FOUND, (mu_location){0, 0},
                                 "no function %s to push", answer->pushes[i]);
        }
    }
    return MU_OK;
}

static mu_status resume_with(mu_thread *thread, const Mud__TrapAnswer *answer,
                             const mu_replacement *replacement, mu_report *report)
{
    uint32_t count = (uint32_t)answer->n_values;
    uint32_t wanted = 0;
    mu_type_info *types = NULL;
    mu_value *values = mu_allocate((count + 1) * sizeof *values);
    mu_status status = MU_OK;
    MU_TRY(mu_thread_wants_after(thread, replacement, report, &types, &wanted));
    if (count != 0 && count != wanted) {
        MU_TRY(mu_report_add(report, MU_INVALID, (mu_location){0, 0},
                             "%u values are waited for; %u were given", wanted, count));
    }
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "value %u", i + 1);
        guest_argument given = mud_argument_of_message(answer->values[i]);
        MU_TRY(given.text != NULL
                   ? guest_value_read(given.text, types[i], name, report, &values[i])
                   : guest_value_fit(&given.value, types[i], name, report, &values[i]));
    }
    status = mu_thread_resume_in(thread, replacement, values, count, report);
done:
    mu_free(types);
    mu_free(values);
    return status;
}

mu_status mud_trap_carry_out(mu_thread *thread, const Mud__TrapAnswer *answer, mu_report *report)
{
    const mu_function **pushes = NULL;
    mu_value exception;
    mu_status status = MU_OK;
    MU_TRY(find_pushes(mu_thread_vm(thread), answer, report, &pushes));
    mu_replacement replacement = {answer->pops, pushes, (uint32_t)answer->n_pushes};
    switch (answer->action) {
    case MUD__TRAP_ANSWER__ACTION__RESUME:
        status = resume_with(thread, answer, &replacement, report);
        break;
    case MUD__TRAP_ANSWER__ACTION__THROW:
        exception = mud_value_of_reference(answer->exception);
        status = mu_thread_throw_in(thread, &replacement, &exception, report);
        break;
    default:
        status = mu_report_add(report, MU_INVALID, (mu_location){0, 0},
                               "a trap is answered by resume, throw or kill");
        break;
    }
done:
    mu_free(pushes);
    return status;
}

static mu_status carry_out(mud_call *call, const Mud__TrapAnswer *answer, mu_report *report)
{
    if (answer->rebind != NULL) {
        return mu_report_add(report, MU_INVALID, (mu_location){0, 0},
                             "the trap came without a context, so it is not answered by a rebind");
    }
    if (answer->action == MUD__TRAP_ANSWER__ACTION__KILL) {
        mud_trap_forget(call);
        mud_call_kill(call);
        return MU_OK;
    }
    return mud_trap_carry_out(call->thread, answer, report);
}

void mud_request_answer_trap(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__AnswerTrap *request = frame->answer_trap;
    mud_call *call = mud_id_table_get(&daemon->traps, request->trap);
    if (call == NULL || call->vm->handler != session->id || !mud_context_trap_is_told(call)) {
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND,
                         "its call may have been killed meanwhile",
                         "no trap %llu waits for this session", (unsigned long long)request->trap);
        return;
    }
    if (request->answer == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT, "", "the answer is missing");
        return;
    }
    if (call->context != NULL) {
        mud_context_trap_answer(call, ticket, request->answer);
        return;
    }
    mu_report *report = mu_report_new();
    mu_status status = carry_out(call, request->answer, report);
    if (status == MU_OK) {
        mud_trap_forget(call);
        mud_answer_done(daemon, ticket);
    } else {
        mud_answer_error(daemon, ticket, mud_code_of_status(status, MUD__CODE__INVALID_ARGUMENT),
                         "the trap still waits", "%s", mud_report_message(report, status));
    }
    mu_report_free(report);
}
