#pragma once
/* A VM with what the daemon knows of it: bundles, calls, its trap handler. A VM that has been
 * removed stays, without a name, until nothing uses it (`pins`); then it is freed on a thread of
 * libuv's pool, because freeing waits. */
#include "answer.h"
#include "vm_limits.h"
#include <sys/queue.h>

#define MUD_BUNDLES_MOST 4096u
/* That wait or run, in one VM: each holds memory until its turn comes. */
#define MUD_LOADS_MOST       256u
#define MUD_COLLECTIONS_MOST 4u
#define MUD_CODE_VIEWS_MOST  4u
#define MUD_CLEARERS_MOST    64u
#define MUD_DIGEST_BYTES     65u /* SHA-256 in hex, with the ending NUL */

typedef struct mud_bundle {
    char *name;
    uint32_t version; /* 1 for the first load of the name */
    char digest[MUD_DIGEST_BYTES];
    uint64_t size_bytes;
    uint32_t functions;
    uint64_t loaded_ns;
} mud_bundle;

struct mud_load;
struct mud_call;
LIST_HEAD(mud_call_list, mud_call);
struct mud_calm_job;
STAILQ_HEAD(mud_calm_jobs, mud_calm_job);
struct mud_limit_change;
STAILQ_HEAD(mud_limit_changes, mud_limit_change);
struct mud_context;
LIST_HEAD(mud_context_list, mud_context);
/* How calls have ended; `refused` ones never began, because the VM had as many as it may. */
typedef struct mud_call_counts {
    uint64_t returned, failed, limited, late, cancelled, killed, refused;
} mud_call_counts;
typedef struct mud_vm {
    mud_daemon *daemon;
    char name[MUD_NAME_BYTES + 1];
    const guest_class *guest;
    guest_vm *inner;
    uint64_t owner;     /* the session it goes with; 0: none */
    bool made_for_load; /* no bundle yet: goes again when its first load fails */
    bool is_removed;
    bool has_native; /* the grant */
    uint32_t pins;   /* running calls, loads and collections; contexts */
    MU_ARRAY(mud_bundle) bundles;
    struct mud_load *first_load, *last_load; /* the first one is running: bundle_load.c */
    uint32_t loads, collections, code_views; /* under way */
    struct mud_call_list calls;              /* that run or wait in a trap */
    struct mud_call_list log_calls;          /* of these, that log traps: not threads */
    uint64_t calls_running, calls_trapped, calls_done;
    mud_call_counts ended;
    struct mud_limit_changes limit_changes; /* the first one is being made: vm_limits.c */
    uint32_t limit_change_count;
    uint64_t calls_limit;        /* of calls_running */
    uint64_t output_bytes;       /* that calls and threads have sent to clients */
    uint64_t output_limit_bytes; /* of one of them */
    uint32_t threads;            /* among the calls: that programs and contexts made */
    struct mud_context_list context_list;
    uint32_t contexts, trap_contexts; /* in all; of traps */
    uint64_t context_handles;
    struct mud_profile *profile; /* under way; NULL: none */
    MU_ARRAY(mud_ticket) waits;  /* until no such thread is left: thread_wait.c */
    uint64_t handler;            /* session; 0: none */
    bool handler_takes_contexts;
    bool handler_takes_frames; /* besides contexts */
    Mud__OnDisconnect on_disconnect;
    /* Guest threads that ended with an error: told in the log since then, and not. */
    uint64_t told_since_ns;
    uint32_t told, untold;
    struct mud_calm_jobs calm_jobs; /* wait until its world runs: calm_work.c */
    uint32_t calm_job_count;        /* of the pins */
    bool is_calm;                   /* the loop keeps it from being stopped */
    MU_ARRAY(mud_ticket) clearers;  /* wait until its calls are killed: vm_clearing.c */
    bool is_clearing;
    uint64_t clear_until;          /* the last call that is killed; of threads all are */
    uint64_t cleared;              /* killed so far */
    MU_ARRAY(mud_ticket) removers; /* wait for it to be gone */
    uv_work_t freeing;
} mud_vm;

/* What a client asks of a new VM. */
typedef struct mud_vm_wish {
    mud_limits limits;
    bool native; /* the grant */
} mud_vm_wish;
/* Errors: an answer has been sent, and the result is NULL.
 *   name   NULL: one is made up
 *   owner  session; 0: none */
mud_vm *mud_vm_create(mud_daemon *daemon, mud_ticket ticket, const char *name, uint64_t owner,
                      const guest_class *guest, const mud_vm_wish *wish);
/* The VM of this name; NULL after an answer that there is none. */
mud_vm *mud_vm_require(mud_daemon *daemon, mud_ticket ticket, const char *name);
/* Takes the name away, kills its calls, drops its queued loads. */
void mud_vm_remove(mud_vm *vm);
void mud_vm_pin(mud_vm *vm);
/* Ends a pin; a removed VM is freed with the last. The VM may be gone afterwards. */
void mud_vm_unpin(mud_vm *vm);
/* Enters a loaded bundle; returns its entry, valid until the next. */
const mud_bundle *mud_vm_add_bundle(mud_vm *vm, const char *name, const char *digest,
                                    uint64_t size_bytes, uint32_t functions);
bool mud_vm_can_add_bundle(const mud_vm *vm, const char *name);

void mud_request_create_vm(mud_session *session, const Mud__ClientFrame *frame);
void mud_request_remove(mud_session *session, const Mud__ClientFrame *frame);
