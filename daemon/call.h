#pragma once
/* Calls: each is a Mu thread on the substrate's workers. Workers tell of traps and of the end
 * through the mailbox; everything else happens on the loop's thread, which alone resumes and kills.
 */
#include "hosted_vm.h"

#define MUD_CALLS_MOST         8192u
#define MUD_SESSION_CALLS_MOST 1024u

/* Of "call" or "thread", number, VM, limit. */
#define MUD_OUTPUT_OVER_FORMAT                                                                     \
    "%s %llu of VM %s has more to tell its clients than the VM's output limit of %llu bytes"

typedef struct mud_call {
    mud_daemon *daemon;
    uint64_t id;
    mud_ticket ticket;
    mud_vm *vm;
    LIST_ENTRY(mud_call) of_vm;
    LIST_ENTRY(mud_call) of_log; /* of one that logs traps and is no thread */
    mu_thread *thread;
    const mu_function *callee;
    uint64_t started_ns;
    uint64_t timeout_ms;
    uv_timer_t timer;
    bool has_timer;
    bool logs_traps;
    bool is_thread; /* made by the program: guest_thread.c */
    bool is_killed;
    uint64_t trap;               /* waiting for a handler's answer; 0: not */
    struct mud_context *context; /* that holds the trap: context_trap.c */
    bool waits_for_context;      /* too many traps have one */
    /* A job of the context uses the thread: what the thread tells meanwhile waits. */
    bool is_held, has_trapped, has_finished;
    bool waits_for_output; /* in a logged trap, until the session has read earlier ones */
    uint64_t output_bytes; /* sent to clients */
    /* What to answer when the call ends as killed; NULL: that it was killed. */
    proto_arena *verdict_arena;
    Mud__Error *verdict;
} mud_call;

/* Counts the frame as output of the call; false when that is then more than its VM allows, and
 * `frame` is not to be sent. */
bool mud_call_may_send(mud_call *call, const Mud__ServerFrame *frame);

void mud_request_call(mud_session *session, const Mud__ClientFrame *frame);
void mud_request_kill_call(mud_session *session, const Mud__ClientFrame *frame);
void mud_request_kill_calls(mud_session *session, const Mud__ClientFrame *frame);
/* Kills the call; does nothing when that was done before. */
void mud_call_kill(mud_call *call);
/* The same, and the caller gets this error. `frames` as in Error; may be 0. */
void mud_call_condemn(mud_call *call, Mud__Code code, const char *hint, bool with_frames,
                      const char *format, ...) MU_PRINTF(5, 6);
/* How many that were, which nobody had killed before. */
uint64_t mud_call_kill_of_vm(mud_vm *vm);
void mud_call_kill_of_session(mud_daemon *daemon, uint64_t session);
void mud_call_kill_all(mud_daemon *daemon);

/* The job that held the call has ended: what was put off happens. The call may be gone then. */
void mud_call_let_go(mud_call *call);

/* What a call's thread calls on its worker; `context` is the call. */
void mud_call_thread_trapped(mu_thread *thread, void *context);
void mud_call_thread_finished(mu_thread *thread, void *context);

/* The reply to a call whose thread has finished: call_outcome.c. */
void mud_call_answer(mud_call *call);
