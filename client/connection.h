#pragma once
/* A connection from the inside: its socket, the requests that wait for a reply, the traps that wait
 * for the handler. */
#include "muclient.h"
#include "proto.h"

/* A request that was sent and not yet given out or forgotten. */
typedef struct muclient_pending muclient_pending;
struct muclient_pending {
    muclient_pending *next;
    uint64_t id;
    uint64_t call;      /* from CallStarted */
    proto_arena *arena; /* with `frame`, when the reply has come */
    Mud__ServerFrame *frame;
    bool is_waited; /* a wait is under way, perhaps with the trap handler running inside it */
    bool is_forgotten;
};

/* A trap that waits for the handler or for mud's word on the answer. */
typedef struct muclient_trap_entry muclient_trap_entry;
struct muclient_trap_entry {
    muclient_trap_entry *next;
    proto_arena *arena;
    const Mud__TrapEvent *event;
    const char *refusal;
    uint64_t answer_id; /* of the AnswerTrap on its way; 0: none */
};

struct muclient {
    int fd;
    int wake_fd;
    char *path;
    char *server_name;
    uint64_t server_pid;
    uint64_t next_id;
    uint32_t next_upload;
    proto_decoder *decoder;
    proto_buffer out;
    muclient_pending *pending; /* oldest first */
    muclient_pending **pending_end;
    muclient_trap_entry *traps; /* oldest first; all that mud waits for */
    unsigned trap_count;
    muclient_trap_fn handler;
    void *handler_data;
    bool is_handling;
    struct muclient_mu *mus; /* the MuVMs that are open */
    bool is_going;
    /* Not OK once the connection is lost; then why. */
    muclient_code broken;
    char *broken_text;
};

/* --- connection.c --- */

/* A frame with the next request id. */
void muclient_frame_begin(muclient *client, Mud__ClientFrame *frame, int request_case);
/* Queues the frame; with `pending`, its reply is waited for. Sends what goes without blocking. */
muclient_code muclient_send(muclient *client, const Mud__ClientFrame *frame,
                            muclient_pending **pending, muclient_error **error);
/* Adds a request whose frames are sent by the caller. NULL when memory is out. */
muclient_pending *muclient_pending_new(muclient *client, uint64_t id);
muclient_pending *muclient_pending_find(const muclient *client, uint64_t id);
void muclient_pending_drop(muclient *client, muclient_pending *pending);
/* Waits until the reply is there. Errors as muclient_poll. */
muclient_code muclient_pending_wait(muclient *client, muclient_pending *pending,
                                    muclient_error **error);
/* Moves bytes both ways until something came in, the output shrank below `most_out`, or the time
 * is over (`deadline_ms` of the monotonic clock, negative: none). */
muclient_code muclient_move(muclient *client, size_t most_out, int64_t deadline_ms,
                            muclient_error **error);
/* Marks the connection as lost; the first reason stays. */
void muclient_break(muclient *client, muclient_code code, const char *text);
int64_t muclient_now_ms(void);

/* --- frame_route.c --- */

/* Takes in all complete frames of the decoder. */
void muclient_frames_take(muclient *client);

/* --- trap_queue.c --- */

/* Takes the arena. */
void muclient_trap_add(muclient *client, proto_arena *arena, const Mud__TrapEvent *event);
void muclient_trap_gone(muclient *client, uint64_t trap);
/* A reply to an AnswerTrap: true when it was one. Takes the arena only then. */
bool muclient_trap_answered(muclient *client, proto_arena *arena, const Mud__ServerFrame *frame);
/* Runs the handler for the traps that wait, unless it is running. */
muclient_code muclient_traps_handle(muclient *client, muclient_error **error);
void muclient_traps_free(muclient *client);

/* --- message_view.c: messages in the terms of muclient.h. They share the message's memory, and
 * return false when memory is out. --- */

bool muclient_frames_view(proto_arena *arena, size_t count, Mud__Frame **frames,
                          const muclient_frame **out);
bool muclient_trap_view(proto_arena *arena, const Mud__TrapEvent *event, muclient_trap *out);
bool muclient_values_view(proto_arena *arena, size_t count, Mud__Value **values,
                          const muclient_value **out);
bool muclient_diagnostics_view(proto_arena *arena, size_t count, Mud__Diagnostic **diagnostics,
                               const muclient_diagnostic **out);
/* Values to be sent, in `arena`; NULL when memory is out. */
Mud__Value **muclient_values_message(proto_arena *arena, const muclient_value *values,
                                     size_t count);
Mud__Reference *muclient_reference_message(proto_arena *arena, const muclient_reference *reference);

/* --- request.c --- */

/* The text as a field of a message that is only sent; NULL gives "". */
char *muclient_text_borrow(const char *text);
/* Sends the frame, waits and takes the reply, which must be of the kind that the request has. */
muclient_code muclient_exchange(muclient *client, const Mud__ClientFrame *frame, int reply_case,
                                muclient_reply **reply, muclient_error **error);

/* --- stats_view.c: as in message_view.c --- */

muclient_status_info muclient_status_view(const Mud__StatusInfo *from);
muclient_vm_limits muclient_limits_view(const Mud__VmLimits *from);
bool muclient_stats_view(proto_arena *arena, const Mud__Stats *from, muclient_stats *out);
bool muclient_profile_view(proto_arena *arena, const Mud__Profiled *from, muclient_profile *out);
bool muclient_call_listing_view(proto_arena *arena, const Mud__CallListing *from,
                                muclient_call_listing *out);

/* --- reply_view.c --- */

/* Takes the pending request's answer: a reply, or the error it is. The request is gone after. */
muclient_code muclient_pending_take(muclient *client, muclient_pending *pending,
                                    muclient_reply **reply, muclient_error **error);

/* --- client_error.c --- */

/* Stores a new error unless `error` is NULL. Returns `code`. */
muclient_code muclient_fail(muclient_error **error, muclient_code code, const char *hint,
                            const char *format, ...) PROTO_PRINTF(4, 5);
muclient_code muclient_fail_memory(muclient_error **error);
/* The error that mud sent. Takes the arena. */
muclient_code muclient_fail_message(muclient_error **error, proto_arena *arena,
                                    const Mud__Error *message);
