#pragma once
/* Contexts of clients (uvm-client-interface.rest, MuCtx; substrate: mu_context.h). One belongs to a
 * session and a VM. What is done with it is a queue of jobs, performed one after the other on the
 * substrate's workers, because each may wait for a stopped world; the loop only enters them and
 * sends what came of them.
 *
 * A context ends in one of two ways: closed, it takes no more requests and goes when those before
 * are done; doomed, those that have not begun are refused, and a batch on its way stops soon. */
#include "call.h"
#include "mu_context.h"
#include <stdatomic.h>

#define MUD_CONTEXTS_MOST         1024u /* that clients opened, in all sessions */
#define MUD_TRAP_CONTEXTS_MOST    1024u /* of traps, in all VMs; further traps wait for their turn */
#define MUD_SESSION_CONTEXTS_MOST 16u
/* Of either kind in one VM, so that neither takes the other's place. */
#define MUD_VM_CONTEXTS_MOST    (MU_VM_MAX_CONTEXTS / 2)
#define MUD_BATCHES_QUEUED_MOST 64u /* of a context, behind the one on its way */
/* So that what a batch of this length answers is a frame that a client may unpack: an answer takes
 * at most 7 of the PROTO_FIELD_LIMIT fields and 32 bytes beside its text. */
#define MUD_BATCH_OPERATIONS_MOST 32768u
#define MUD_REPLY_TEXT_BYTES      (1u << 20) /* in one reply; further text is cut */
/* Requests that wait or are performed: of a session, and of all together. */
#define MUD_SESSION_BATCH_BYTES_MOST (32ull << 20)
#define MUD_BATCH_BYTES_MOST         (256ull << 20)

typedef struct mud_context mud_context;
typedef struct mud_context_job mud_context_job;

/* A kind of job. */
typedef struct mud_context_work {
    /* On a worker; false: call it again, after others have had their turn. */
    bool (*run)(mud_context_job *job);
    /* On the loop's thread, when it has run: answers and frees the job. */
    void (*end)(mud_context_job *job);
    /* On the loop's thread, instead of both, when the context is doomed before its turn. NULL for
     * what is always first in its queue. */
    void (*drop)(mud_context_job *job);
    bool may_be_long; /* its reply: sent only when the session has read what came before */
} mud_context_work;

/* First member of a job of any kind. While it runs, the worker owns all of it. */
struct mud_context_job {
    const mud_context_work *work;
    mud_context *context;
    mud_call *call; /* whose thread it uses, or NULL: the call does not go on or end meanwhile */
    mud_ticket ticket;
    STAILQ_ENTRY(mud_context_job) next;
    mu_status status;
    mu_report *report;
    uint32_t handles; /* of the context, afterwards */
};

struct mud_context {
    mud_daemon *daemon;
    uint64_t id;
    uint64_t session;
    mud_vm *vm;
    LIST_ENTRY(mud_context) of_vm;
    STAILQ_HEAD(, mud_context_job) queue; /* that have not begun */
    uint32_t queued;
    mud_context_job *running;
    bool is_stalled; /* `running` has run, and its reply waits until the session has read others */
    bool is_open;    /* its client knows of it */
    bool is_closing; /* takes no more requests */
    bool is_freeing;
    atomic_bool is_interrupted;
    mud_ticket close_ticket; /* to be answered when it is gone; request 0: nobody */
    uint32_t handles;
    bool is_of_trap;
    mud_call *call; /* whose trap it holds; NULL: none, or not any more */
    bool is_answering, is_returning;
    bool takes_answers; /* its trap came with frames: answers without a rebind are taken as well */
    Mud__OnDisconnect policy; /* returning: what then becomes of the call */
    /* Owned by the job that runs. */
    mu_context *inner; /* NULL when it could not be made */
    bool has_trap;     /* it has taken its call's */
};

/* A context with an empty queue, in all tables. */
mud_context *mud_context_new(mud_vm *vm, uint64_t session, bool is_of_trap);
/* Takes the job: `call` and what its own struct adds are set, the rest is zero. */
void mud_context_enqueue(mud_context *context, const mud_context_work *work, mud_context_job *job,
                         mud_ticket ticket);
/* Frees what mud_context_enqueue has given the job. */
void mud_context_job_deinit(mud_context_job *job);
/* The session's context of this number, if it takes requests; NULL after an answer otherwise. */
mud_context *mud_context_require(mud_daemon *daemon, mud_ticket ticket, uint64_t id);
/* Refuses the jobs that wait, and has a batch on its way stop soon. */
void mud_context_interrupt(mud_context *context);
/* Interrupts the context and closes it. It lives on until its running job has ended, and never ends
 * within this call. */
void mud_context_doom(mud_context *context);
void mud_context_doom_of_vm(mud_vm *vm);
/* Those that the session has opened; those of traps are returned by mud_trap_release_session. */
void mud_context_doom_of_session(mud_daemon *daemon, uint64_t session);
void mud_context_doom_all(mud_daemon *daemon);
/* The session has read its output: replies that waited for that are sent. */
void mud_context_output_drained(mud_daemon *daemon, uint64_t session);
/* Has the session jobs in the VM that are not done? */
bool mud_context_is_busy(const mud_vm *vm, uint64_t session);

void mud_request_open_context(mud_session *session, const Mud__ClientFrame *frame);
void mud_request_close_context(mud_session *session, const Mud__ClientFrame *frame);
/* context_batch.c */
void mud_request_perform(mud_session *session, const Mud__ClientFrame *frame);

/* --- Traps that come with a context: context_trap.c */
/* The call, which waits in a trap, gets a context, and the VM's handler then the event. */
void mud_context_trap_enter(mud_call *call);
/* Does its handler know of the trap? */
bool mud_context_trap_is_told(const mud_call *call);
/* The call is killed: its context goes. */
void mud_context_trap_leave(mud_call *call);
/* The handler is going: false when the call has no context; else the trap is taken back, and
 * mud_trap_continue called afterwards. */
bool mud_context_trap_release(mud_call *call, Mud__OnDisconnect policy);
/* Of a call whose handler knows of the trap. */
void mud_context_trap_answer(mud_call *call, mud_ticket ticket, const Mud__TrapAnswer *answer);
/* A context has gone: a trap that waited for its place may have one. */
void mud_context_trap_admit(mud_daemon *daemon);
