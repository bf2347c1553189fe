#pragma once
/* A client's connection. Its requests are read as they come and handled one after the other;
 * replies are queued. Whoever wants to answer later keeps a ticket, not the session, which may be
 * gone by then.
 *
 * The output queue is bounded thrice: past MUD_OUTPUT_PAUSE_BYTES the session is not read from,
 * past MUD_OUTPUT_MOST_BYTES it is closed, and so it is when nothing could be written for
 * MUD_STALL_MS. */
#include "mud_process.h"
#include "upload.h"

#define MUD_SESSIONS_MOST      1024u
#define MUD_OUTPUT_PAUSE_BYTES (1u << 20)
#define MUD_OUTPUT_MOST_BYTES  (8u << 20)
#define MUD_HELLO_MS           10000u
#define MUD_STALL_MS           30000u

/* Names a request to be answered. */
typedef struct mud_ticket {
    uint64_t session;
    uint64_t request;
} mud_ticket;

typedef struct mud_session {
    mud_daemon *daemon;
    uint64_t id;
    pid_t peer;
    char client[65]; /* as its Hello calls it, cut */
    uv_pipe_t pipe;
    uv_timer_t timer; /* until Hello came: its deadline; then: of the write on its way */
    uint32_t open_handles;
    proto_decoder *decoder;
    proto_buffer queued;  /* not yet given to the kernel */
    proto_buffer writing; /* being written by `write` */
    uv_write_t write;
    bool has_greeted;
    bool is_reading;
    bool is_corked;    /* replies are collected while requests are being handled */
    bool is_ending;    /* to be closed when all is written */
    const char *doom;  /* why it is going to be closed at the loop's next turn; NULL: it is not */
    bool is_closing;   /* out of the table; memory goes when the handles are closed */
    uint32_t calls;    /* of this session that have not ended */
    uint32_t contexts; /* opened by it and not closed */
    uint32_t waits;    /* for threads */
    bool has_owned;    /* VMs that go with it, at some time */
    bool has_handled;  /* traps of a VM, at some time */
    uint64_t batch_bytes;
    mud_upload uploads[MUD_UPLOADS_MOST];
} mud_session;

/* Takes over the connected socket `descriptor`. */
void mud_session_open(mud_daemon *daemon, int descriptor, pid_t peer, uid_t user);
/* NULL when it is gone. */
mud_session *mud_session_find(mud_daemon *daemon, uint64_t id);
/* Closes the session now; its calls are killed, its uploads dropped, its traps released. The struct
 * stays valid until the loop's next turn. */
void mud_session_close(mud_session *session, const char *reason);
/* Handles the complete frames that have arrived, until output piles up. */
void mud_session_pump(mud_session *session);

/* --- Output: session_output.c. None of these closes the session before the loop's next turn, so
 * that callers can go on with what they were about. */
void mud_session_send(mud_session *session, const Mud__ServerFrame *frame);
/* Closes the session when what is queued has been written. */
void mud_session_end(mud_session *session);
/* Starts a write unless one is on its way. */
void mud_session_flush(mud_session *session);
size_t mud_session_output_bytes(const mud_session *session);
/* Reads again, after a pause. */
void mud_session_read(mud_session *session);
