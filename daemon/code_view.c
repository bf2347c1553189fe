#include "code_view.h"
#include "drain.h"
#include <string.h>

/* What one reply shows, well below a frame. */
enum { CODE_BYTES_MOST = 1 << 20, LINES_MOST = 4096, TEXT_BYTES_MOST = 400 };

typedef struct mud_code_view {
    mud_vm *vm;
    mud_ticket ticket;
    const mu_function *function;
    mu_report *report;
    mu_function_code *code;
    mu_status status;
} mud_code_view;

static Mud__CodeLine *line_message(const mu_code_part *part, proto_arena *arena)
{
    Mud__CodeLine *line = mud_answer_allocate(arena, sizeof *line);
    mud__code_line__init(line);
    line->offset = part->offset_bytes;
    line->block = mud_answer_copy(arena, part->block);
    if (part->text != NULL && strlen(part->text) > TEXT_BYTES_MOST) {
        line->text = mud_answer_text(arena, "%.*s …", TEXT_BYTES_MOST, part->text);
    } else {
        line->text = mud_answer_copy(arena, part->text);
    }
    return line;
}

static void answer_code(mud_daemon *daemon, mud_ticket ticket, const mu_function_code *code)
{
    proto_arena *arena = daemon->answer_arena;
    Mud__ServerFrame frame;
    Mud__FunctionCode reply;
    mud__server_frame__init(&frame);
    mud__function_code__init(&reply);
    uint32_t lines = code->line_count < LINES_MOST ? code->line_count : LINES_MOST;
    uint32_t bytes = code->size_bytes < CODE_BYTES_MOST ? code->size_bytes : CODE_BYTES_MOST;
    if (lines < code->line_count && code->lines[lines].offset_bytes < bytes) {
        bytes = code->lines[lines].offset_bytes;
    }
    reply.version = mud_answer_copy(arena, code->version);
    reply.address = code->address;
    reply.code = (ProtobufCBinaryData){.data = code->bytes, .len = bytes};
    reply.lines = mud_answer_allocate(arena, (lines + 1) * sizeof *reply.lines);
    for (uint32_t i = 0; i < lines; i++) {
        reply.lines[i] = line_message(&code->lines[i], arena);
    }
    reply.n_lines = lines;
    reply.cut = bytes < code->size_bytes;
    frame.reply_case = MUD__SERVER_FRAME__REPLY_FUNCTION_CODE;
    frame.function_code = &reply;
    mud_answer_send(daemon, ticket, &frame);
}

static void on_shown(void *context)
{
    mud_code_view *view = context;
    mud_vm *vm = view->vm;
    mud_daemon *daemon = vm->daemon;
    if (view->status == MU_OK) {
        answer_code(daemon, view->ticket, view->code);
    } else {
        mud_answer_error(daemon, view->ticket,
                         mud_code_of_status(view->status, MUD__CODE__INVALID_ARGUMENT), "", "%s",
                         mud_report_message(view->report, view->status));
    }
    mu_function_code_free(view->code);
    mu_report_free(view->report);
    mu_free(view);
    daemon->jobs_pending--;
    vm->code_views--;
    mud_vm_unpin(vm);
    mud_drain_check(daemon);
}

static void run_view(void *context)
{
    mud_code_view *view = context;
    mu_vm *vm = view->vm->guest->substrate_vm(view->vm->inner);
    view->status = mu_function_get_code(vm, view->function, view->report, &view->code);
    mud_mailbox_post(&view->vm->daemon->mailbox, on_shown, view);
}

void mud_request_get_code(mud_session *session, const Mud__ClientFrame *frame)
{
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__GetCode *request = frame->get_code;
    mud_vm *vm = mud_vm_require(daemon, ticket, request->vm);
    if (vm == NULL) {
        return;
    }
    const mu_function *function =
        mu_vm_find_function(vm->guest->substrate_vm(vm->inner), request->function);
    if (function == NULL) {
        char *hint = mud_answer_text(daemon->answer_arena, "'muctl inspect %s' shows its functions",
                                     vm->name);
        mud_answer_error(daemon, ticket, MUD__CODE__NOT_FOUND, hint, "no function %s in VM %s",
                         request->function, vm->name);
        return;
    }
    if (vm->code_views == MUD_CODE_VIEWS_MOST) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "wait for one to end",
                         "%u views of VM %s's code are under way", MUD_CODE_VIEWS_MOST, vm->name);
        return;
    }
    mud_code_view *view = mu_allocate(sizeof *view);
    *view = (mud_code_view){
        .vm = vm, .ticket = ticket, .function = function, .report = mu_report_new()};
    mud_vm_pin(vm);
    vm->code_views++;
    daemon->jobs_pending++;
    mu_substrate_submit(daemon->substrate, run_view, view);
}
