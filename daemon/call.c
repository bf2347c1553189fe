#include "call.h"
#include "calm_work.h"
#include "drain.h"
#include "guest_thread.h"
#include "thread_wait.h"
#include "trap_wait.h"
#include "value_message.h"
#include <stdio.h>

/* --------------------------------------------------------------------------------------- end */

static void free_call(mud_call *call)
{
    proto_arena_free(call->verdict_arena);
    mu_free(call);
}

static void on_grace_closed(uv_handle_t *handle)
{
    mu_free(handle);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free_call(handle->data);
}

/* On the loop's thread: nothing is left of the call but what it holds here. */
static void on_thread_freed(void *context)
{
    mud_call *call = context;
    mud_daemon *daemon = call->daemon;
    mud_vm *vm = call->vm;
    if (call->has_timer) {
        uv_close((uv_handle_t *)&call->timer, on_timer_closed);
    } else {
        free_call(call);
    }
    daemon->jobs_pending--;
    mud_vm_unpin(vm);
    mud_drain_check(daemon);
}

/* Nobody waits to be told of what becomes of a thread that the program has made, and there may be
 * thousands. Its first letter is prompt, so it comes before these. */
static void post(mud_call *call, mud_letter_fn *open)
{
    if (call->is_thread) {
        mud_mailbox_post_patient(&call->daemon->mailbox, open, call);
    } else {
        mud_mailbox_post(&call->daemon->mailbox, open, call);
    }
}

/* On a worker, because it waits while the VM's world is stopped. */
static void free_thread(void *context)
{
    mud_call *call = context;
    mu_thread_free(call->thread);
    post(call, on_thread_freed);
}

/* With the VM kept calm when the thread ended with an error, for its frames. */
static void end_call(void *context)
{
    mud_call *call = context;
    mud_daemon *daemon = call->daemon;
    mud_vm *vm = call->vm;
    mud_session *session = mud_session_find(daemon, call->ticket.session);
    mud_id_table_remove(&daemon->calls, call->id);
    LIST_REMOVE(call, of_vm);
    if (call->is_thread) {
        mud_guest_thread_log_end(call);
        mud_thread_wait_check(vm);
    } else {
        if (call->logs_traps) {
            LIST_REMOVE(call, of_log);
        }
        vm->calls_running--;
        vm->calls_done++;
        daemon->calls_done++;
        mud_call_answer(call);
    }
    if (session != NULL && !call->is_thread) {
        session->calls--;
    }
    if (call->has_timer) {
        uv_timer_stop(&call->timer);
    }
    if (call->grace != NULL) {
        uv_close((uv_handle_t *)call->grace, on_grace_closed);
        call->grace = NULL;
    }
    daemon->jobs_pending++;
    mu_substrate_submit(daemon->substrate, free_thread, call);
}

/* Behind what of the call was put off. */
static void finish(mud_call *call)
{
    if (mu_thread_outcome(call->thread) == MU_OUTCOME_ERROR || mud_calm_is_waiting(call->vm)) {
        mud_calm_work(call->vm, end_call, call);
    } else {
        end_call(call);
    }
}

/* On the loop's thread: the thread has told its last. */
static void on_finished(void *context)
{
    mud_call *call = context;
    if (call->is_held) {
        call->has_finished = true;
    } else {
        finish(call);
    }
}

static void on_trapped(void *context)
{
    mud_call *call = context;
    if (call->is_held) {
        call->has_trapped = true;
    } else {
        mud_trap_enter(call);
    }
}

void mud_call_let_go(mud_call *call)
{
    bool has_trapped = call->has_trapped;
    call->is_held = call->has_trapped = false;
    if (call->has_finished) {
        finish(call);
    } else if (has_trapped) {
        mud_trap_enter(call);
    }
}

/* On workers. */
void mud_call_thread_finished(mu_thread *thread, void *context)
{
    mud_call *call = context;
    (void)thread;
    post(call, on_finished);
}

void mud_call_thread_trapped(mu_thread *thread, void *context)
{
    mud_call *call = context;
    (void)thread;
    post(call, on_trapped);
}

/* -------------------------------------------------------------------------------------- kills */

void mud_call_kill(mud_call *call)
{
    if (!call->is_killed) {
        call->is_killed = true;
        /* First, so that a context does not go before the thread that it holds is free of it. */
        mu_thread_kill(call->thread);
        mud_trap_leave(call);
    }
}

void mud_call_condemn(mud_call *call, Mud__Code code, const char *hint, bool with_frames,
                      const char *format, ...)
{
    if (call->is_killed) {
        return;
    }
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    proto_arena *arena = proto_arena_new();
    MU_INVARIANT(arena != NULL, "out of memory");
    Mud__Error *verdict = mud_answer_allocate(arena, sizeof *verdict);
    mud__error__init(verdict);
    verdict->code = code;
    verdict->hint = mud_answer_copy(arena, hint);
    verdict->message = mud_answer_copy(arena, message);
    if (with_frames) {
        bool more = false;
        verdict->n_frames = mud_frames_of(call->thread, true, arena, &verdict->frames, &more);
    }
    call->verdict_arena = arena;
    call->verdict = verdict;
    mud_call_kill(call);
}

void mud_call_kill_of_session(mud_daemon *daemon, uint64_t session)
{
    uint32_t cursor = 0;
    mud_call *call = NULL;
    while ((call = mud_id_table_next(&daemon->calls, &cursor)) != NULL) {
        if (call->ticket.session == session) {
            mud_call_kill(call);
        }
    }
}

void mud_call_kill_all(mud_daemon *daemon)
{
    uint32_t cursor = 0;
    mud_call *call = NULL;
    while ((call = mud_id_table_next(&daemon->calls, &cursor)) != NULL) {
        mud_call_kill(call);
    }
}

void mud_request_kill_call(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    mud_call *call = mud_id_table_get(&daemon->calls, frame->kill_call->call);
    if (call == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, "", "no call %llu is running",
                         (unsigned long long)frame->kill_call->call);
        return;
    }
    mud_call_kill(call);
    mud_answer_done(daemon, ticket);
}

static void on_grace_over(uv_timer_t *timer)
{
    mud_call *call = timer->data;
    if (!call->is_killed) {
        call->outlived_grace = true;
        mud_call_kill(call);
    }
}

/* On the loop and not in the substrate, since only the loop kills a thread. Never prolonged. */
static void set_grace(mud_call *call, uint64_t grace_ms)
{
    uint64_t end_ns = mud_now_ns() + grace_ms * 1000000;
    if (call->grace != NULL && end_ns >= call->grace_end_ns) {
        return;
    }
    if (call->grace == NULL) {
        call->grace = mu_allocate(sizeof *call->grace);
        uv_timer_init(&call->daemon->loop, call->grace);
        call->grace->data = call;
    }
    call->grace_end_ns = end_ns;
    uv_timer_start(call->grace, on_grace_over, grace_ms, 0);
}

static void cancel(mud_session *session, const Mud__ClientFrame *frame, mud_vm *vm)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__CancelCall *request = frame->cancel_call;
    uint64_t grace_ms = request->grace_ms != 0 ? request->grace_ms : MUD_GRACE_DEFAULT_MS;
    mud_call *call = mud_id_table_get(&daemon->calls, request->call);
    (void)vm;
    if (call == NULL) {
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, "", "no call %llu is running",
                         (unsigned long long)request->call);
        return;
    }
    if (grace_ms > MUD_GRACE_MOST_MS) {
        mud_answer_error(daemon, ticket, MUD__CODE__INVALID_ARGUMENT, "",
                         "the grace of a cancelled call is a day at most");
        return;
    }
    if (!call->is_killed) {
        set_grace(call, grace_ms);
        if (!call->is_cancelled) {
            call->is_cancelled = true;
            /* First, as when it is killed. It may trap again. */
            mu_thread_cancel(call->thread, UINT64_MAX);
            mud_trap_leave(call);
        }
    }
    mud_answer_done(daemon, ticket);
}

void mud_request_cancel_call(mud_session *session, const Mud__ClientFrame *frame)
{
    const mud_call *call = mud_id_table_get(&session->daemon->calls, frame->cancel_call->call);
    if (call == NULL) {
        cancel(session, frame, NULL);
    } else {
        mud_calm_request(session, frame, call->vm, cancel);
    }
}

/* -------------------------------------------------------------------------------------- start */

static void on_deadline(uv_timer_t *timer)
{
    mud_call *call = timer->data;
    mud_call_condemn(call, MUD__CODE__DEADLINE_EXCEEDED, "give it more time with --deadline", false,
                     "call %llu of %s.%s did not end within %llu ms", (unsigned long long)call->id,
                     call->vm->name, mu_function_name(call->callee),
                     (unsigned long long)call->timeout_ms);
}

static void announce(mud_call *call)
{
    Mud__ServerFrame event;
    Mud__CallStarted started;
    mud__server_frame__init(&event);
    mud__call_started__init(&started);
    started.request = call->ticket.request;
    started.call = call->id;
    event.reply_case = MUD__SERVER_FRAME__REPLY_CALL_STARTED;
    event.call_started = &started;
    mud_answer_send(call->daemon, (mud_ticket){call->ticket.session, 0}, &event);
}

static void start(mud_session *session, mud_vm *vm, const Mud__ClientFrame *frame,
                  mu_thread *thread, const mu_function *callee)
{
    mud_daemon *daemon = session->daemon;
    mud_call *call = mu_allocate(sizeof *call);
    *call = (mud_call){.daemon = daemon,
                       .id = ++daemon->last_call,
                       .ticket = {session->id, frame->id},
                       .vm = vm,
                       .thread = thread,
                       .callee = callee,
                       .started_ns = mud_now_ns(),
                       .timeout_ms = frame->call->timeout_ms,
                       .logs_traps = frame->call->log_traps};
    mud_id_table_put(&daemon->calls, call->id, call);
    LIST_INSERT_HEAD(&vm->calls, call, of_vm);
    if (call->logs_traps) {
        LIST_INSERT_HEAD(&vm->log_calls, call, of_log);
    }
    session->calls++;
    vm->calls_running++;
    mud_vm_pin(vm);
    mud_log_write(&daemon->log, MUD_LOG_DEBUG, "call %llu of %s.%s", (unsigned long long)call->id,
                  vm->name, mu_function_name(callee));
    if (call->timeout_ms != 0) {
        uv_timer_init(&daemon->loop, &call->timer);
        call->timer.data = call;
        call->has_timer = true;
        uv_timer_start(&call->timer, on_deadline, call->timeout_ms, 0);
    }
    uint64_t cpu_us = frame->call->cpu_us;
    mu_thread_set_cpu_budget(thread, cpu_us < UINT64_MAX / 1000 ? cpu_us * 1000 : UINT64_MAX);
    /* What the call does comes as letters, so the announcement is still the first. */
    mu_thread_start(thread, mud_call_thread_trapped, mud_call_thread_finished, call);
    announce(call);
}

static bool has_room(mud_session *session, mud_ticket ticket, mud_vm *vm)
{
    bool is_full = session->daemon->calls.count - session->daemon->threads >= MUD_CALLS_MOST;
    if (vm->calls_running >= vm->calls_limit) {
        char *hint = mud_answer_text(
            session->daemon->answer_arena,
            "wait for some to end; 'muctl vm set %s --calls N' raises the limit", vm->name);
        vm->ended.refused++;
        mud_answer_error(session->daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, hint,
                         "VM %s has %llu calls running, and its limit is %llu", vm->name,
                         (unsigned long long)vm->calls_running,
                         (unsigned long long)vm->calls_limit);
        return false;
    }
    if (session->calls >= MUD_SESSION_CALLS_MOST || is_full) {
        mud_answer_error(session->daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED,
                         "wait for some to end", "%s run %u calls, and may run no more",
                         is_full ? "all clients together" : "requests of this session",
                         is_full ? MUD_CALLS_MOST : MUD_SESSION_CALLS_MOST);
        return false;
    }
    return true;
}

static void begin_call(mud_session *session, const Mud__ClientFrame *frame, mud_vm *vm)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__Call *request = frame->call;
    if (!has_room(session, ticket, vm)) {
        return;
    }
    uint32_t count = (uint32_t)request->n_arguments;
    guest_argument *arguments =
        mud_answer_allocate(daemon->request_arena, (count + 1) * sizeof *arguments);
    for (uint32_t i = 0; i < count; i++) {
        arguments[i] = mud_argument_of_message(request->arguments[i]);
    }
    mu_report *report = mu_report_new();
    mu_thread *thread = NULL;
    mu_function *callee = NULL;
    mu_status status =
        vm->guest->call(vm->inner, request->function, arguments, count, report, &thread, &callee);
    if (status == MU_NOT_FOUND) {
        char *hint = mud_answer_text(daemon->answer_arena, "'muctl inspect %s' shows its functions",
                                     vm->name);
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, hint, "%s in VM %s",
                         mud_report_message(report, status), vm->name);
    } else if (status != MU_OK) {
        mud_answer_error(daemon, ticket, mud_code_of_status(status, MUD__CODE__INVALID_ARGUMENT),
                         status == MU_LIMIT ? mud_limits_hint(vm) : "", "%s",
                         mud_report_message(report, status));
    } else if (request->check_arguments) {
        mu_thread_free(thread);
        mud_answer_done(daemon, ticket);
    } else {
        start(session, vm, frame, thread, callee);
    }
    mu_report_free(report);
}

void mud_request_call(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_vm *vm =
        mud_vm_require(session->daemon, (mud_ticket){session->id, frame->id}, frame->call->vm);
    if (vm != NULL) {
        mud_calm_request(session, frame, vm, begin_call);
    }
}
