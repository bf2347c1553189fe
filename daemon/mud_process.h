#pragma once
/* The daemon's whole state. All of it belongs to the loop's thread; what workers may touch says so
 * where it is declared (mailbox.h, bundle_load.h). */
#include "event_log.h"
#include "guest.h"
#include "id_table.h"
#include "listener.h"
#include "mailbox.h"
#include "proto.h"
#include "vm_table.h"
#include <sys/queue.h>

typedef enum mud_drain_stage {
    MUD_SERVING,
    MUD_DRAIN_CALLS,    /* waiting for calls and loads to end */
    MUD_DRAIN_SESSIONS, /* waiting for replies to be read and VMs to be gone */
    MUD_DRAIN_CLOSED,   /* the loop ends when its handles are closed */
} mud_drain_stage;

enum { MUD_READ_BYTES = 64 << 10 };

struct mud_profile;
LIST_HEAD(mud_profile_list, mud_profile);

struct mud_daemon {
    const mud_options *options;
    mud_log log;
    uv_loop_t loop;
    mu_substrate *substrate;
    mud_mailbox mailbox;
    mud_listener listener;
    uv_signal_t signals[3];
    uv_poll_t input; /* standard input of a private mud */
    bool input_is_open;
    uv_timer_t drain_timer;
    mud_drain_stage drain_stage;
    bool is_killing; /* the drain has run out of patience */

    mud_id_table sessions, calls, traps, contexts;
    uint64_t last_session, last_call, last_trap, last_context;
    uint32_t threads;       /* among the calls: made by programs */
    uint32_t trap_contexts; /* among the contexts: that hold a trap */
    uint32_t traps_waiting; /* for a context */
    mud_vm_table vms;
    uint32_t bundles;      /* of the VMs in the table */
    uint32_t vms_going;    /* removed from the table, not yet freed */
    uint32_t jobs_pending; /* loads, collections and the like, begun or queued */
    uint64_t batch_bytes;  /* held by batches of contexts */
    uint64_t upload_bytes; /* held by all uploads and loads */
    uint64_t calls_trapped, calls_done;
    struct mud_profile_list profiles; /* under way */
    uint32_t profile_count;
    uint64_t started_ns;

    proto_arena *request_arena; /* of the request that is being handled */
    proto_arena *answer_arena;  /* of the frame that is being put together: answer.h */
    char read_buffer[MUD_READ_BYTES];
};
typedef struct mud_daemon mud_daemon;

/* Monotonic. */
uint64_t mud_now_ns(void);
