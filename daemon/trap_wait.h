#pragma once
/* Trapped calls. A call whose caller logs its traps sends each to the caller and goes on. Any other
 * waits for the VM's handler; without a handler it fails. A handler that goes away leaves no call
 * waiting: what it said when it was attached happens. */
#include "call.h"

/* The call's thread has trapped. */
void mud_trap_enter(mud_call *call);
/* The call no longer waits in a trap, because it was killed. */
void mud_trap_leave(mud_call *call);
/* A session is going: it handles no trap any more. */
void mud_trap_release_session(mud_daemon *daemon, uint64_t session);
/* The session has read its events: logged traps that waited for that go on. */
void mud_trap_output_drained(mud_daemon *daemon, uint64_t session);

void mud_request_attach_traps(mud_session *session, const Mud__ClientFrame *frame);
void mud_request_detach_traps(mud_session *session, const Mud__ClientFrame *frame);
void mud_request_answer_trap(mud_session *session, const Mud__ClientFrame *frame);

/* --- For context_trap.c */
/* Sends the event of the call's trap to the session, and ends the use of the answer arena. False
 * when that is more than the call may send: it is condemned. */
bool mud_trap_send_event(mud_call *call, uint64_t session, Mud__TrapEvent *event);
/* The call's trap needs no answer any more. */
void mud_trap_forget(mud_call *call);
/* Resumes the trapped thread or throws into it, as the answer says; any thread of ours may ask.
 * Errors: INVALID, NOT_FOUND, … of mu_thread_resume_in and mu_thread_throw_in; nothing has changed.
 */
MU_MUST_CHECK mu_status mud_trap_carry_out(mu_thread *thread, const Mud__TrapAnswer *answer,
                                           mu_report *report);
/* A trapped call without a handler goes on as the handler said that it should. */
void mud_trap_continue(mud_call *call, Mud__OnDisconnect policy);

/* --- Events: trap_event.c */
/* The same without number, context and frames. */
Mud__TrapEvent *mud_trap_event_head(const mud_call *call, proto_arena *arena);
/* The event for the trap that the call's thread is in. */
Mud__TrapEvent *mud_trap_event(mud_call *call, proto_arena *arena);
/* The thread's frames: of a trapped one with values, else of a finished one's error. */
size_t mud_frames_of(mu_thread *thread, bool with_values, proto_arena *arena, Mud__Frame ***frames,
                     bool *more);
