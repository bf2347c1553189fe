#include "backtrace.h"
#include "calm_work.h"
#include "client_context.h"
#include "trap_wait.h"

enum { THREADS_MOST = 128 };

static const char *state_text(mu_thread_state state)
{
    switch (state) {
    case MU_THREAD_TRAPPED: return "trapped";
    case MU_THREAD_WAITING: return "waiting";
    case MU_THREAD_NEW:
    case MU_THREAD_RUNNING:
    case MU_THREAD_FINISHED: break;
    }
    return "running"; /* a finished one has not been heard of yet */
}

static Mud__ThreadTrace *trace_of(const mud_call *call, proto_arena *arena)
{
    bool more = false;
    Mud__ThreadTrace *trace = mud_answer_allocate(arena, sizeof *trace);
    mud__thread_trace__init(trace);
    mu_thread_state state = mu_thread_get_state(call->thread);
    trace->call = call->id;
    trace->function = mud_answer_copy(arena, mu_function_name(call->callee));
    trace->made_by_program = call->is_thread;
    trace->state = mud_answer_copy(arena, state_text(state));
    if (state == MU_THREAD_TRAPPED || state == MU_THREAD_WAITING) {
        trace->n_frames = mud_frames_of(call->thread, false, arena, &trace->frames, &more);
        trace->more_frames = more;
    }
    return trace;
}

static void answer_traces(mud_session *session, const Mud__ClientFrame *frame, mud_vm *vm)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    proto_arena *arena = daemon->answer_arena;
    Mud__ServerFrame reply;
    Mud__Backtraces traces;
    const mud_call *call = NULL;
    mud__server_frame__init(&reply);
    mud__backtraces__init(&traces);
    traces.threads = mud_answer_allocate(arena, THREADS_MOST * sizeof *traces.threads);
    LIST_FOREACH(call, &vm->calls, of_vm)
    {
        if (traces.n_threads == THREADS_MOST) {
            traces.more = true;
            break;
        }
        traces.threads[traces.n_threads++] = trace_of(call, arena);
    }
    reply.reply_case = MUD__SERVER_FRAME__REPLY_BACKTRACES;
    reply.backtraces = &traces;
    mud_answer_send(daemon, ticket, &reply);
}

void mud_request_backtrace(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_vm *vm =
        mud_vm_require(session->daemon, (mud_ticket){session->id, frame->id}, frame->backtrace->vm);
    if (vm != NULL) {
        mud_calm_request(session, frame, vm, answer_traces);
    }
}
