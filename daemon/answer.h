#pragma once
/* Replies and events. A frame is put together in the daemon's answer arena and sent at once:
 * nothing from that arena may be kept across a send. */
#include "mud_process.h"
#include "session.h"

/* Memory in the arena for one message or an array; aborts when memory is out. */
void *mud_answer_allocate(proto_arena *arena, size_t size_bytes);
char *mud_answer_text(proto_arena *arena, const char *format, ...) MU_PRINTF(2, 3);
/* A copy of a text from outside, cut when it is very long; NULL gives "". */
char *mud_answer_copy(proto_arena *arena, const char *text);

/* A copy of all of a text. */
char *mud_answer_copy_whole(proto_arena *arena, const char *text);

/* Sends `frame` as the reply to the ticket's request, unless the session is gone. Ends the use of
 * the answer arena. */
void mud_answer_send(mud_daemon *daemon, mud_ticket ticket, Mud__ServerFrame *frame);
void mud_answer_done(mud_daemon *daemon, mud_ticket ticket);
/* `hint` may be "". */
void mud_answer_error(mud_daemon *daemon, mud_ticket ticket, Mud__Code code, const char *hint,
                      const char *format, ...) MU_PRINTF(5, 6);
/* An error whose words are the report's: its first entry's as the message, or all as diagnostics.
 */
void mud_answer_report(mud_daemon *daemon, mud_ticket ticket, Mud__Code code, const char *hint,
                       const char *message, const mu_report *report);
/* The error alone, in `arena`: a message with all of the report as diagnostics; NULL for none. */
Mud__Error *mud_error_of_report(proto_arena *arena, Mud__Code code, const char *hint,
                                const char *message, const mu_report *report);
/* The code for an operation that the substrate refused; `refused_input` is for what the input
 * itself caused. */
Mud__Code mud_code_of_status(mu_status status, Mud__Code refused_input);
/* The first entry's message, or the status's phrase. Lives as long as the report. */
const char *mud_report_message(const mu_report *report, mu_status status);
