#include "context_requests.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -------------------------------------------------------------------------------------- requests
 */

char vm_name[32];

batch *batch_new(uint64_t context)
{
    batch *made = calloc(1, sizeof *made);
    CLAIM(made != NULL);
    mud__perform__init(&made->perform);
    made->perform.context = context;
    made->perform.operations = made->operations;
    made->arena = proto_arena_new();
    return made;
}

void batch_free(batch *done)
{
    proto_arena_free(done->arena);
    free(done);
}

void add(batch *to, uint32_t op, uint64_t result, unsigned count, ...)
{
    Mud__Operation *operation = proto_arena_allocate(to->arena, sizeof *operation);
    va_list operands;
    mud__operation__init(operation);
    operation->op = op;
    operation->result = result;
    operation->n_operands = count;
    operation->operands = proto_arena_allocate(to->arena, (count + 1) * sizeof(uint64_t));
    va_start(operands, count);
    for (unsigned i = 0; i < count; i++) {
        operation->operands[i] = va_arg(operands, uint64_t);
    }
    va_end(operands);
    to->operations[to->perform.n_operations++] = operation;
}

void add_text(batch *to, uint32_t op, const char *text)
{
    add(to, op, 0, 0);
    Mud__Operation *operation = to->operations[to->perform.n_operations - 1];
    operation->bytes.data = (uint8_t *)proto_arena_copy(to->arena, text);
    operation->bytes.len = strlen(text);
}

void add_int(batch *to, uint64_t handle, uint64_t value)
{
    add(to, OP_FROM_INT, handle, 3, UINT64_C(64), value, UINT64_C(0));
}

void add_churn(batch *to, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        add_int(to, 999, i);
        add(to, OP_DELETE_VALUE, 0, 1, UINT64_C(999));
    }
}

uint64_t batch_send(frame_client *client, batch *from)
{
    Mud__ClientFrame frame;
    mud__client_frame__init(&frame);
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_PERFORM;
    frame.perform = &from->perform;
    return frame_client_send(client, &frame);
}

const Mud__Performed *performed(frame_client *client, uint64_t id)
{
    const Mud__ServerFrame *reply = frame_client_wait(client, id);
    CLAIM(reply->reply_case == MUD__SERVER_FRAME__REPLY_PERFORMED);
    return reply->performed;
}

uint64_t fresh(void)
{
    static uint64_t last = 1000;
    return ++last;
}

const Mud__Performed *perform(frame_client *client, batch *all)
{
    const Mud__Performed *reply = performed(client, batch_send(client, all));
    if (reply->error != NULL) {
        fprintf(stderr, "operation %u: %s\n", reply->failed, reply->error->message);
    }
    CLAIM(reply->error == NULL);
    batch_free(all);
    return reply;
}

const Mud__Performed *perform_failing(frame_client *client, batch *all, uint32_t failed,
                                      Mud__Code code)
{
    const Mud__Performed *reply = performed(client, batch_send(client, all));
    CLAIM(reply->error != NULL && reply->failed == failed);
    if (reply->error->code != code) {
        fprintf(stderr, "%s: %s\n", proto_code_name(reply->error->code), reply->error->message);
    }
    CLAIM(reply->error->code == code && reply->error->message[0] != '\0');
    batch_free(all);
    return reply;
}

void refuse_perform(frame_client *client, batch *all, Mud__Code code)
{
    Mud__ClientFrame frame;
    mud__client_frame__init(&frame);
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_PERFORM;
    frame.perform = &all->perform;
    frame_client_refused(client, &frame, code);
    batch_free(all);
}

const Mud__OperationAnswer *answer_of(const Mud__Performed *reply, uint32_t operation)
{
    const Mud__OperationAnswer *found = NULL;
    for (size_t i = 0; i < reply->n_answers && !found; i++) {
        found = reply->answers[i]->operation == operation ? reply->answers[i] : NULL;
    }
    CLAIM(found != NULL);
    return found;
}

uint64_t integer_of(const Mud__Performed *reply, uint32_t operation)
{
    return answer_of(reply, operation)->integer;
}

bool text_is(const Mud__Performed *reply, uint32_t operation, const char *text)
{
    const Mud__OperationAnswer *answer = answer_of(reply, operation);
    return answer->has_text && answer->text.len == strlen(text) &&
           memcmp(answer->text.data, text, answer->text.len) == 0;
}

uint64_t id_of(frame_client *client, uint64_t context, const char *name)
{
    batch *all = batch_new(context);
    add_text(all, OP_ID_OF, name);
    return integer_of(perform(client, all), 0);
}

Mud__ClientFrame open_frame(Mud__OpenContext *open, char *vm)
{
    Mud__ClientFrame frame;
    mud__client_frame__init(&frame);
    mud__open_context__init(open);
    open->vm = vm;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_OPEN_CONTEXT;
    frame.open_context = open;
    return frame;
}

uint64_t open_context(frame_client *client)
{
    Mud__OpenContext open;
    Mud__ClientFrame frame = open_frame(&open, vm_name);
    return frame_client_ask(client, &frame, MUD__SERVER_FRAME__REPLY_CONTEXT_OPENED)
        ->context_opened->context;
}

Mud__ClientFrame close_frame(Mud__CloseContext *close, uint64_t context)
{
    Mud__ClientFrame frame;
    mud__client_frame__init(&frame);
    mud__close_context__init(close);
    close->context = context;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_CLOSE_CONTEXT;
    frame.close_context = close;
    return frame;
}

void close_context(frame_client *client, uint64_t context)
{
    Mud__CloseContext close;
    Mud__ClientFrame frame = close_frame(&close, context);
    frame_client_ask(client, &frame, MUD__SERVER_FRAME__REPLY_DONE);
}

void refuse_close(frame_client *client, uint64_t context, Mud__Code code)
{
    Mud__CloseContext close;
    Mud__ClientFrame frame = close_frame(&close, context);
    frame_client_refused(client, &frame, code);
}

const Mud__VmInfo *inspect(frame_client *client)
{
    Mud__ClientFrame frame;
    Mud__Inspect wish;
    mud__client_frame__init(&frame);
    mud__inspect__init(&wish);
    wish.vm = vm_name;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_INSPECT;
    frame.inspect = &wish;
    return frame_client_ask(client, &frame, MUD__SERVER_FRAME__REPLY_INSPECTION)->inspection->vm;
}

void claim_nothing_left(frame_client *client)
{
    const Mud__VmInfo *info = inspect(client);
    for (unsigned i = 0; i < 200 && (info->contexts > 0 || info->calls_trapped > 0); i++) {
        usleep(50000);
        info = inspect(client);
    }
    CLAIM(info->contexts == 0 && info->context_handles == 0 && info->calls_trapped == 0);
}

uint64_t wait_threads(frame_client *client)
{
    Mud__ClientFrame frame;
    Mud__WaitThreads wait;
    mud__client_frame__init(&frame);
    mud__wait_threads__init(&wait);
    wait.vm = vm_name;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_WAIT_THREADS;
    frame.wait_threads = &wait;
    return frame_client_send(client, &frame);
}

uint64_t remove_vm(frame_client *client)
{
    Mud__ClientFrame frame;
    Mud__Remove wish;
    mud__client_frame__init(&frame);
    mud__remove__init(&wish);
    wish.vm = vm_name;
    wish.force = true;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_REMOVE;
    frame.remove = &wish;
    return frame_client_send(client, &frame);
}

void claim_done(frame_client *client, uint64_t id)
{
    CLAIM(frame_client_wait(client, id)->reply_case == MUD__SERVER_FRAME__REPLY_DONE);
}

void claim_error(frame_client *client, uint64_t id, Mud__Code code)
{
    const Mud__ServerFrame *reply = frame_client_wait(client, id);
    CLAIM(reply->reply_case == MUD__SERVER_FRAME__REPLY_ERROR && reply->error->code == code);
}

/* ----------------------------------------------------------------------------------------- traps
 */

void attach(frame_client *client, Mud__OnDisconnect policy)
{
    Mud__ClientFrame frame;
    Mud__AttachTraps wish;
    mud__client_frame__init(&frame);
    mud__attach_traps__init(&wish);
    wish.vm = vm_name;
    wish.on_disconnect = policy;
    wish.with_contexts = true;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_ATTACH_TRAPS;
    frame.attach_traps = &wish;
    frame_client_ask(client, &frame, MUD__SERVER_FRAME__REPLY_DONE);
}

uint64_t detach(frame_client *client)
{
    Mud__ClientFrame frame;
    Mud__DetachTraps wish;
    mud__client_frame__init(&frame);
    mud__detach_traps__init(&wish);
    wish.vm = vm_name;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_DETACH_TRAPS;
    frame.detach_traps = &wish;
    return frame_client_send(client, &frame);
}

uint64_t call(frame_client *client, const char *function, uint64_t argument, uint64_t timeout_ms)
{
    Mud__ClientFrame frame;
    Mud__Call wish;
    Mud__Value value;
    Mud__Value *arguments[] = {&value};
    char name[32];
    snprintf(name, sizeof name, "%s", function);
    mud__client_frame__init(&frame);
    mud__call__init(&wish);
    mud__value__init(&value);
    value.value_case = MUD__VALUE__VALUE_INTEGER;
    value.integer = argument;
    wish.vm = vm_name;
    wish.function = name;
    wish.arguments = arguments;
    wish.n_arguments = 1;
    wish.timeout_ms = timeout_ms;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_CALL;
    frame.call = &wish;
    return frame_client_send(client, &frame);
}

const Mud__ServerFrame *event(frame_client *client, Mud__ServerFrame__ReplyCase kind)
{
    const Mud__ServerFrame *frame = frame_client_wait(client, 0);
    while (frame->reply_case != kind) {
        frame = frame_client_wait(client, 0);
    }
    return frame;
}

const Mud__TrapEvent *trapped(frame_client *client)
{
    const Mud__TrapEvent *trap = event(client, MUD__SERVER_FRAME__REPLY_TRAP)->trap;
    CLAIM(trap->context != 0 && trap->n_frames == 0 && trap->trap != 0);
    return trap;
}

uint64_t answer_send(frame_client *client, const Mud__TrapEvent *trap, Mud__Rebind *rebind)
{
    Mud__ClientFrame frame;
    Mud__AnswerTrap wish;
    Mud__TrapAnswer answer;
    mud__client_frame__init(&frame);
    mud__answer_trap__init(&wish);
    mud__trap_answer__init(&answer);
    wish.trap = trap->trap;
    wish.answer = &answer;
    answer.rebind = rebind;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_ANSWER_TRAP;
    frame.answer_trap = &wish;
    return frame_client_send(client, &frame);
}

uint64_t answer_pass(frame_client *client, const Mud__TrapEvent *trap, uint64_t value)
{
    Mud__Rebind rebind;
    mud__rebind__init(&rebind);
    rebind.decision = MUD__REBIND__DECISION__PASS_VALUES;
    rebind.stack = STACK;
    rebind.values = &value;
    rebind.n_values = value != 0;
    return answer_send(client, trap, &rebind);
}

void answer_number(frame_client *client, const Mud__TrapEvent *trap, uint64_t number)
{
    batch *all = batch_new(trap->context);
    uint64_t value = fresh();
    add_int(all, value, number);
    uint64_t sent = batch_send(client, all);
    uint64_t answered = answer_pass(client, trap, value);
    CLAIM(performed(client, sent)->error == NULL);
    claim_done(client, answered);
    batch_free(all);
}

uint64_t result_of(frame_client *client, uint64_t id)
{
    const Mud__ServerFrame *reply = frame_client_wait(client, id);
    if (reply->reply_case == MUD__SERVER_FRAME__REPLY_ERROR) {
        fprintf(stderr, "%s\n", reply->error->message);
    }
    CLAIM(reply->reply_case == MUD__SERVER_FRAME__REPLY_RETURNED);
    CLAIM(reply->returned->n_results == 1);
    return reply->returned->results[0]->integer;
}
