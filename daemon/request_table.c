#include "request_table.h"
#include "backtrace.h"
#include "bundle_load.h"
#include "call.h"
#include "call_listing.h"
#include "client_context.h"
#include "code_view.h"
#include "collection.h"
#include "drain.h"
#include "inspection.h"
#include "thread_wait.h"
#include "trap_wait.h"
#include "vm_clearing.h"
#include "vm_profile.h"
#include "vm_stats.h"
#include "watch.h"

static void hello_again(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_ticket ticket = {session->id, frame->id};
    mud_answer_error(session->daemon, ticket, MUD__CODE__FAILED_PRECONDITION, "",
                     "a second Hello in one session");
}

/* clang-format off */
#define ROW(request, handle, is_new_work) {MUD__CLIENT_FRAME__REQUEST_##request, #request, handle, is_new_work}
static const mud_request_row rows[] = {
    ROW(HELLO,        hello_again,               false),
    ROW(BEGIN_LOAD,   mud_upload_begin,          true),
    ROW(LOAD_CHUNK,   mud_upload_chunk,          false),
    ROW(END_LOAD,     mud_upload_end,            true),
    ROW(CALL,         mud_request_call,          true),
    ROW(KILL_CALL,    mud_request_kill_call,     false),
    ROW(CREATE_VM,    mud_request_create_vm,     true),
    ROW(REMOVE,       mud_request_remove,        false),
    ROW(LIST,         mud_request_list,          false),
    ROW(INSPECT,      mud_request_inspect,       false),
    ROW(COLLECT,      mud_request_collect,       true),
    ROW(STATUS,       mud_request_status,        false),
    ROW(SHUTDOWN,     mud_request_shutdown,      false),
    ROW(ATTACH_TRAPS, mud_request_attach_traps,  false),
    ROW(DETACH_TRAPS, mud_request_detach_traps,  false),
    ROW(ANSWER_TRAP,  mud_request_answer_trap,   false),
    ROW(GET_CODE,     mud_request_get_code,      true),
    ROW(BACKTRACE,    mud_request_backtrace,     false),
    ROW(WATCH,        mud_request_watch,         false),
    ROW(OPEN_CONTEXT, mud_request_open_context,  true),
    ROW(CLOSE_CONTEXT, mud_request_close_context, false),
    /* A handler of traps needs it for calls that a shutdown waits for. */
    ROW(PERFORM,      mud_request_perform,       false),
    ROW(WAIT_THREADS, mud_request_wait_threads,  false),
    ROW(SET_VM,       mud_request_set_vm,        false),
    ROW(LIST_CALLS,   mud_request_list_calls,    false),
    ROW(CANCEL_CALL,  mud_request_cancel_call,   false),
    ROW(KILL_CALLS,   mud_request_kill_calls,    false),
    ROW(GET_STATS,    mud_request_get_stats,     false),
    ROW(PROFILE,      mud_request_profile,       true),
    ROW(END_PROFILE,  mud_request_end_profile,   false),
};
#undef ROW
/* clang-format on */

const mud_request_row *mud_request_row_of(Mud__ClientFrame__RequestCase request)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].request == request) {
            return &rows[i];
        }
    }
    return NULL;
}
