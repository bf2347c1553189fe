/* Clients that use contexts, for system_test.sh:
 *     context_prober MANNER SOCKET
 * Exits with 0 when mud did what it should; or prints a word when it has come to the point, then
 * waits to be killed. */
#include "frame_client.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
#define MU_CONTEXT(name, number, text, operands, result) OP_##name = (number),
#include "mu_context_ops.def"
#undef MU_CONTEXT
};

/* Of the daemon: context.h, proto/mud.proto. */
enum { SESSION_CONTEXTS = 16, QUEUED_BATCHES = 64, BATCH_OPERATIONS = 32768 };
enum { THREAD = 1, STACK = 2 }; /* handles in a trap's context */

static const char program[] = ".typedef @i64 = int<64>\n"
                              ".typedef @Box = struct <@i64 @i64>\n"
                              ".typedef @BoxRef = ref <@Box>\n"
                              ".const @i64_1 <@i64> = 1\n"
                              ".const @i64_minus_1 <@i64> = -1\n"
                              ".global @cell <@i64>\n"
                              ".funcsig @i.i = (@i64) -> (@i64)\n"
                              ".funcsig @ii.i = (@i64 @i64) -> (@i64)\n"
                              ".funcsig @i. = (@i64) -> ()\n"
                              ".funcdef @ask VERSION %v1 <@i.i> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        %twice = ADD <@i64> %n %n\n"
                              "        %answer = [%question] TRAP <@i64> KEEPALIVE(%n %twice)\n"
                              "        %sum = ADD <@i64> %n %answer\n"
                              "        RET %sum\n"
                              "}\n"
                              ".funcdef @outer VERSION %v1 <@i.i> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        %more = ADD <@i64> %n @i64_1\n"
                              "        %answer = [%site] CALL <@i.i> @ask (%more) KEEPALIVE(%n)\n"
                              "        RET %answer\n"
                              "}\n"
                              ".funcdef @guarded VERSION %v1 <@i.i> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        %answer = TRAP <@i64> EXC(%fine(%answer) %refused())\n"
                              "    %fine(<@i64> %answer):\n"
                              "        RET %answer\n"
                              "    %refused()[%reason]:\n"
                              "        RET @i64_minus_1\n"
                              "}\n"
                              ".funcdef @product VERSION %v1 <@ii.i> {\n"
                              "    %entry(<@i64> %a <@i64> %b):\n"
                              "        %p = MUL <@i64> %a %b\n"
                              "        RET %p\n"
                              "}\n"
                              ".funcdef @put VERSION %v1 <@i.> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        STORE <@i64> @cell %n\n"
                              "        COMMINST @uvm.thread_exit\n"
                              "}\n"
                              ".funcdef @put_answer VERSION %v1 <@i.> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        %answer = TRAP <@i64> KEEPALIVE(%n)\n"
                              "        STORE <@i64> @cell %answer\n"
                              "        COMMINST @uvm.thread_exit\n"
                              "}\n"
                              ".funcdef @forever VERSION %v1 <@i.> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        BRANCH %again()\n"
                              "    %again():\n"
                              "        BRANCH %again()\n"
                              "}\n";

/* -------------------------------------------------------------------------------------- requests
 */

static char vm_name[32]; /* the manner */

typedef struct batch {
    Mud__Perform perform;
    Mud__Operation *operations[BATCH_OPERATIONS + 1];
    proto_arena *arena;
} batch;

static batch *batch_new(uint64_t context)
{
    batch *made = calloc(1, sizeof *made);
    CLAIM(made != NULL);
    mud__perform__init(&made->perform);
    made->perform.context = context;
    made->perform.operations = made->operations;
    made->arena = proto_arena_new();
    return made;
}

static void batch_free(batch *done)
{
    proto_arena_free(done->arena);
    free(done);
}

/* An operation; its operands follow `count`. */
static void add(batch *to, uint32_t op, uint64_t result, unsigned count, ...)
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

static void add_text(batch *to, uint32_t op, const char *text)
{
    add(to, op, 0, 0);
    Mud__Operation *operation = to->operations[to->perform.n_operations - 1];
    operation->bytes.data = (uint8_t *)proto_arena_copy(to->arena, text);
    operation->bytes.len = strlen(text);
}

static void add_int(batch *to, uint64_t handle, uint64_t value)
{
    add(to, OP_FROM_INT, handle, 3, UINT64_C(64), value, UINT64_C(0));
}

/* Work that leaves no handle: two operations each time. */
static void add_churn(batch *to, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        add_int(to, 999, i);
        add(to, OP_DELETE_VALUE, 0, 1, UINT64_C(999));
    }
}

static uint64_t batch_send(frame_client *client, batch *from)
{
    Mud__ClientFrame frame;
    mud__client_frame__init(&frame);
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_PERFORM;
    frame.perform = &from->perform;
    return frame_client_send(client, &frame);
}

static const Mud__Performed *performed(frame_client *client, uint64_t id)
{
    const Mud__ServerFrame *reply = frame_client_wait(client, id);
    CLAIM(reply->reply_case == MUD__SERVER_FRAME__REPLY_PERFORMED);
    return reply->performed;
}

/* A handle that stands for nothing yet. */
static uint64_t fresh(void)
{
    static uint64_t last = 1000;
    return ++last;
}

/* Performs it to its end, and frees it. */
static const Mud__Performed *perform(frame_client *client, batch *all)
{
    const Mud__Performed *reply = performed(client, batch_send(client, all));
    if (reply->error != NULL) {
        fprintf(stderr, "operation %u: %s\n", reply->failed, reply->error->message);
    }
    CLAIM(reply->error == NULL);
    batch_free(all);
    return reply;
}

/* The same, but this operation fails with this code. */
static const Mud__Performed *perform_failing(frame_client *client, batch *all, uint32_t failed,
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

static void refuse_perform(frame_client *client, batch *all, Mud__Code code)
{
    Mud__ClientFrame frame;
    mud__client_frame__init(&frame);
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_PERFORM;
    frame.perform = &all->perform;
    frame_client_refused(client, &frame, code);
    batch_free(all);
}

static const Mud__OperationAnswer *answer_of(const Mud__Performed *reply, uint32_t operation)
{
    for (size_t i = 0; i < reply->n_answers; i++) {
        if (reply->answers[i]->operation == operation) {
            return reply->answers[i];
        }
    }
    CLAIM(!"the operation has an answer");
    return NULL;
}

static uint64_t integer_of(const Mud__Performed *reply, uint32_t operation)
{
    return answer_of(reply, operation)->integer;
}

static bool text_is(const Mud__Performed *reply, uint32_t operation, const char *text)
{
    const Mud__OperationAnswer *answer = answer_of(reply, operation);
    return answer->has_text && answer->text.len == strlen(text) &&
           memcmp(answer->text.data, text, answer->text.len) == 0;
}

static uint64_t id_of(frame_client *client, uint64_t context, const char *name)
{
    batch *all = batch_new(context);
    add_text(all, OP_ID_OF, name);
    return integer_of(perform(client, all), 0);
}

static Mud__ClientFrame open_frame(Mud__OpenContext *open, char *vm)
{
    Mud__ClientFrame frame;
    mud__client_frame__init(&frame);
    mud__open_context__init(open);
    open->vm = vm;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_OPEN_CONTEXT;
    frame.open_context = open;
    return frame;
}

static uint64_t open_context(frame_client *client)
{
    Mud__OpenContext open;
    Mud__ClientFrame frame = open_frame(&open, vm_name);
    return frame_client_ask(client, &frame, MUD__SERVER_FRAME__REPLY_CONTEXT_OPENED)
        ->context_opened->context;
}

static Mud__ClientFrame close_frame(Mud__CloseContext *close, uint64_t context)
{
    Mud__ClientFrame frame;
    mud__client_frame__init(&frame);
    mud__close_context__init(close);
    close->context = context;
    frame.request_case = MUD__CLIENT_FRAME__REQUEST_CLOSE_CONTEXT;
    frame.close_context = close;
    return frame;
}

static void close_context(frame_client *client, uint64_t context)
{
    Mud__CloseContext close;
    Mud__ClientFrame frame = close_frame(&close, context);
    frame_client_ask(client, &frame, MUD__SERVER_FRAME__REPLY_DONE);
}

static void refuse_close(frame_client *client, uint64_t context, Mud__Code code)
{
    Mud__CloseContext close;
    Mud__ClientFrame frame = close_frame(&close, context);
    frame_client_refused(client, &frame, code);
}

static const Mud__VmInfo *inspect(frame_client *client)
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

static uint64_t wait_threads(frame_client *client)
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

static uint64_t remove_vm(frame_client *client)
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

static void claim_done(frame_client *client, uint64_t id)
{
    CLAIM(frame_client_wait(client, id)->reply_case == MUD__SERVER_FRAME__REPLY_DONE);
}

static void claim_error(frame_client *client, uint64_t id, Mud__Code code)
{
    const Mud__ServerFrame *reply = frame_client_wait(client, id);
    CLAIM(reply->reply_case == MUD__SERVER_FRAME__REPLY_ERROR && reply->error->code == code);
}

/* ----------------------------------------------------------------------------------------- traps
 */

static void attach(frame_client *client, Mud__OnDisconnect policy)
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

static uint64_t detach(frame_client *client)
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

static uint64_t call(frame_client *client, const char *function, uint64_t argument,
                     uint64_t timeout_ms)
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

/* The next event of this kind; those before it are dropped. */
static const Mud__ServerFrame *event(frame_client *client, Mud__ServerFrame__ReplyCase kind)
{
    const Mud__ServerFrame *frame = frame_client_wait(client, 0);
    while (frame->reply_case != kind) {
        frame = frame_client_wait(client, 0);
    }
    return frame;
}

static const Mud__TrapEvent *trapped(frame_client *client)
{
    const Mud__TrapEvent *trap = event(client, MUD__SERVER_FRAME__REPLY_TRAP)->trap;
    CLAIM(trap->context != 0 && trap->n_frames == 0 && trap->trap != 0);
    return trap;
}

static uint64_t answer_send(frame_client *client, const Mud__TrapEvent *trap, Mud__Rebind *rebind)
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

/* A rebind to the trap's own stack with at most one value. */
static uint64_t answer_pass(frame_client *client, const Mud__TrapEvent *trap, uint64_t value)
{
    Mud__Rebind rebind;
    mud__rebind__init(&rebind);
    rebind.decision = MUD__REBIND__DECISION__PASS_VALUES;
    rebind.stack = STACK;
    rebind.values = &value;
    rebind.n_values = value != 0;
    return answer_send(client, trap, &rebind);
}

static void answer_number(frame_client *client, const Mud__TrapEvent *trap, uint64_t number)
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

static uint64_t result_of(frame_client *client, uint64_t id)
{
    const Mud__ServerFrame *reply = frame_client_wait(client, id);
    if (reply->reply_case == MUD__SERVER_FRAME__REPLY_ERROR) {
        fprintf(stderr, "%s\n", reply->error->message);
    }
    CLAIM(reply->reply_case == MUD__SERVER_FRAME__REPLY_RETURNED);
    CLAIM(reply->returned->n_results == 1);
    return reply->returned->results[0]->integer;
}

/* --------------------------------------------------------------------------------- plain contexts
 */

static void probe_operations(frame_client *client)
{
    uint64_t context = open_context(client);
    batch *all = batch_new(context);
    add_int(all, 10, 1234);
    add(all, OP_TO_INT, 0, 1, UINT64_C(10));
    add_text(all, OP_ID_OF, "@ask");
    const Mud__Performed *reply = perform(client, all);
    CLAIM(reply->n_answers == 2 && integer_of(reply, 1) == 1234);
    CLAIM(answer_of(reply, 1)->bits == 64);
    all = batch_new(context);
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 2));
    CLAIM(text_is(perform(client, all), 0, "@ask"));
    CLAIM(perform(client, batch_new(context))->n_answers == 0);

    all = batch_new(context); /* fails in its middle: what was done stays, the rest is not done */
    add_int(all, 11, 5);
    add(all, OP_TO_INT, 0, 1, UINT64_C(11));
    add(all, OP_TO_INT, 0, 1, UINT64_C(9999));
    add_int(all, 12, 6);
    reply = perform_failing(client, all, 2, MUD__CODE__INVALID_ARGUMENT);
    CLAIM(reply->n_answers == 1 && integer_of(reply, 1) == 5);
    all = batch_new(context);
    add(all, OP_TO_INT, 0, 1, UINT64_C(11));
    CLAIM(integer_of(perform(client, all), 0) == 5);
    all = batch_new(context);
    add(all, OP_TO_INT, 0, 1, UINT64_C(12));
    perform_failing(client, all, 0, MUD__CODE__INVALID_ARGUMENT);
    all = batch_new(context);
    add(all, 0xfff, 0, 0);
    perform_failing(client, all, 0, MUD__CODE__INVALID_ARGUMENT);
    all = batch_new(context);
    add(all, OP_NAME_OF, 0, 1, UINT64_C(0x7ffffff0));
    perform_failing(client, all, 0, MUD__CODE__NOT_FOUND);
    const Mud__VmInfo *info = inspect(client);
    CLAIM(info->contexts == 1 && info->context_handles == 2);
    close_context(client, context);
}

static void probe_closing(frame_client *client)
{
    frame_client *other = frame_client_open(client->path);
    static char nowhere[] = "nowhere";
    Mud__OpenContext open;
    Mud__ClientFrame frame = open_frame(&open, nowhere);
    frame_client_refused(client, &frame, MUD__CODE__NOT_FOUND);
    uint64_t context = open_context(client);
    refuse_close(other, context, MUD__CODE__NOT_FOUND);
    refuse_perform(other, batch_new(context), MUD__CODE__NOT_FOUND);
    close_context(client, context);
    refuse_close(client, context, MUD__CODE__NOT_FOUND);
    refuse_perform(client, batch_new(context), MUD__CODE__NOT_FOUND);
    refuse_close(client, 0, MUD__CODE__NOT_FOUND);

    context = open_context(client); /* what is sent before the close is performed before it */
    batch *all = batch_new(context);
    add_churn(all, BATCH_OPERATIONS / 2);
    uint64_t first = batch_send(client, all);
    uint64_t second = batch_send(client, all);
    Mud__CloseContext close;
    frame = close_frame(&close, context);
    uint64_t closed = frame_client_send(client, &frame);
    CLAIM(performed(client, first)->error == NULL && performed(client, second)->error == NULL);
    claim_done(client, closed);
    batch_free(all);
    CLAIM(inspect(client)->contexts == 0 && inspect(client)->context_handles == 0);
    frame_client_close(other);
}

static void probe_limits(frame_client *client)
{
    uint64_t contexts[SESSION_CONTEXTS];
    Mud__OpenContext open;
    Mud__ClientFrame frame = open_frame(&open, vm_name);
    for (unsigned i = 0; i < SESSION_CONTEXTS; i++) {
        contexts[i] = open_context(client);
    }
    frame_client_refused(client, &frame, MUD__CODE__RESOURCE_EXHAUSTED);
    for (unsigned i = 0; i < SESSION_CONTEXTS; i++) {
        close_context(client, contexts[i]);
    }
    uint64_t context = open_context(client);
    batch *all = batch_new(context);
    for (unsigned i = 0; i <= BATCH_OPERATIONS; i++) {
        add_int(all, 1, i);
    }
    refuse_perform(client, all, MUD__CODE__RESOURCE_EXHAUSTED);

    /* Pipelined: each is answered, in order, and what is too much is refused. */
    enum { PIPELINED = 3 * QUEUED_BATCHES };
    unsigned refused = 0;
    uint64_t sent[PIPELINED];
    uint64_t last = 0;
    for (unsigned i = 0; i < PIPELINED; i++) {
        all = batch_new(context);
        add_churn(all, 500);
        add_int(all, 1, i);
        add(all, OP_TO_INT, 0, 1, UINT64_C(1));
        add(all, OP_DELETE_VALUE, 0, 1, UINT64_C(1));
        sent[i] = batch_send(client, all);
        batch_free(all);
    }
    for (unsigned i = 0; i < PIPELINED; i++) {
        const Mud__ServerFrame *reply = frame_client_wait(client, sent[i]);
        if (reply->reply_case == MUD__SERVER_FRAME__REPLY_ERROR) {
            CLAIM(reply->error->code == MUD__CODE__RESOURCE_EXHAUSTED);
            refused++;
        } else {
            CLAIM(integer_of(reply->performed, 1001) == i && i >= last);
            last = i;
        }
    }
    CLAIM(refused <= PIPELINED - QUEUED_BATCHES);
    close_context(client, context);
}

/* Texts beyond what one reply holds, and replies beyond what mud keeps for a slow reader. */
static void probe_long_texts(frame_client *client)
{
    enum { NAME_BYTES = 4000, NAMES = 600, REPLIES = 30 };
    char name[NAME_BYTES + 1];
    char *bundle = malloc(NAME_BYTES + 100);
    uint64_t sent[REPLIES];
    memset(name, 'n', NAME_BYTES);
    name[0] = '@';
    name[NAME_BYTES] = '\0';
    sprintf(bundle, ".typedef %s = int<64>\n", name);
    uint64_t context = open_context(client);
    batch *all = batch_new(context);
    add_text(all, OP_LOAD_BUNDLE, bundle);
    add_int(all, 20, 7);
    perform(client, all);
    uint64_t id = id_of(client, context, name);
    all = batch_new(context);
    for (unsigned i = 0; i < NAMES; i++) {
        add(all, OP_NAME_OF, 0, 1, id);
    }
    add(all, OP_TO_INT, 0, 1, UINT64_C(20));
    for (unsigned i = 0; i < REPLIES; i++) {
        sent[i] = batch_send(client, all);
    }
    usleep(300000);
    for (unsigned i = 0; i < REPLIES; i++) {
        const Mud__Performed *reply = performed(client, sent[i]);
        CLAIM(reply->error != NULL && reply->error->code == MUD__CODE__RESOURCE_EXHAUSTED);
        CLAIM(reply->n_answers == NAMES + 1 && integer_of(reply, NAMES) == 7);
        CLAIM(reply->failed == (1 << 20) / NAME_BYTES);
        CLAIM(text_is(reply, reply->failed - 1, name));
        CLAIM(answer_of(reply, reply->failed)->text.len < NAME_BYTES);
        frame_client_forget(client);
    }
    batch_free(all);
    all = batch_new(context);
    add_text(all, OP_LOAD_BUNDLE, "this is no bundle");
    const Mud__Performed *reply = perform_failing(client, all, 0, MUD__CODE__BUNDLE_REJECTED);
    CLAIM(reply->error->n_diagnostics > 0 && reply->error->diagnostics[0]->location->line == 1);
    close_context(client, context);
    free(bundle);
}

static uint64_t resident_pages(const frame_client *client)
{
    char path[64];
    unsigned long long total = 0;
    unsigned long long resident = 0;
    snprintf(path, sizeof path, "/proc/%llu/statm", (unsigned long long)client->pid);
    FILE *file = fopen(path, "r");
    CLAIM(file != NULL && fscanf(file, "%llu %llu", &total, &resident) == 2);
    fclose(file);
    return resident;
}

static void open_and_close(frame_client *client, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        uint64_t context = open_context(client);
        batch *all = batch_new(context);
        for (unsigned k = 0; k < 20; k++) {
            add_int(all, k + 1, k);
        }
        perform(client, all);
        close_context(client, context);
        frame_client_forget(client);
    }
}

static void probe_cycles(frame_client *client)
{
    enum { WARM = 300, CYCLES = 2000, GROWTH_PAGES = 512 };
    open_and_close(client, WARM);
    uint64_t before = resident_pages(client);
    open_and_close(client, CYCLES);
    uint64_t after = resident_pages(client);
    CLAIM(inspect(client)->contexts == 0);
    /* A sanitizer holds back what was freed. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CLAIM(after < before + GROWTH_PAGES);
#else
    (void)before;
    (void)after;
#endif
}

static void probe_removal(frame_client *client)
{
    frame_client *other = frame_client_open(client->path);
    uint64_t context = open_context(client);
    uint64_t sent[20];
    batch *all = batch_new(context);
    add_churn(all, BATCH_OPERATIONS / 2);
    for (unsigned i = 0; i < 20; i++) {
        sent[i] = batch_send(client, all);
    }
    batch_free(all);
    claim_done(other, remove_vm(other));
    /* Some were performed, perhaps one in part; the others were cancelled or came too late. */
    for (unsigned i = 0; i < 20; i++) {
        const Mud__ServerFrame *reply = frame_client_wait(client, sent[i]);
        const Mud__Error *error = reply->reply_case == MUD__SERVER_FRAME__REPLY_PERFORMED
                                      ? reply->performed->error
                                      : reply->error;
        CLAIM(error == NULL || error->code == MUD__CODE__CANCELLED ||
              error->code == MUD__CODE__NOT_FOUND);
    }
    refuse_perform(client, batch_new(context), MUD__CODE__NOT_FOUND);
    refuse_close(client, context, MUD__CODE__NOT_FOUND);
    frame_client_close(other);
}

/* --------------------------------------------------------------------------------------- threads
 */

/* Starts @`function`(argument) on a stack of its own. */
static void start_thread(frame_client *client, uint64_t context, const char *function,
                         uint64_t argument)
{
    uint64_t id = id_of(client, context, function);
    batch *all = batch_new(context);
    uint64_t callee = fresh();
    uint64_t value = fresh();
    uint64_t stack = fresh();
    add(all, OP_FROM_FUNC, callee, 1, id);
    add_int(all, value, argument);
    add(all, OP_NEW_STACK, stack, 1, callee);
    add(all, OP_NEW_THREAD_NOR, fresh(), 4, stack, UINT64_C(0), UINT64_C(1), value);
    perform(client, all);
}

static uint64_t cell(frame_client *client, uint64_t context)
{
    uint64_t id = id_of(client, context, "@cell");
    batch *all = batch_new(context);
    uint64_t place = fresh();
    uint64_t value = fresh();
    add(all, OP_FROM_GLOBAL, place, 1, id);
    add(all, OP_LOAD, value, 2, UINT64_C(0), place);
    add(all, OP_TO_INT, 0, 1, value);
    return integer_of(perform(client, all), 2);
}

static void probe_threads(frame_client *client)
{
    frame_client *other = frame_client_open(client->path);
    uint64_t context = open_context(client);
    claim_done(client, wait_threads(client));
    start_thread(client, context, "@put", 77);
    claim_done(client, wait_threads(client));
    CLAIM(cell(client, context) == 77);

    attach(client,
           MUD__ON_DISCONNECT__KILL); /* a trap of such a thread comes, and holds the wait */
    start_thread(client, context, "@put_answer", 5);
    uint64_t waiting = wait_threads(client);
    const Mud__TrapEvent *trap = trapped(client);
    CLAIM(!frame_client_has(client, waiting, 200));
    answer_number(client, trap, 88);
    claim_done(client, waiting);
    CLAIM(cell(client, context) == 88);

    start_thread(client, context, "@forever", 5);
    waiting = wait_threads(client);
    uint64_t too_many = 0;
    for (unsigned i = 0; i < 16; i++) {
        too_many = wait_threads(client);
    }
    claim_error(client, too_many, MUD__CODE__RESOURCE_EXHAUSTED);
    uint64_t elsewhere = wait_threads(other);
    CLAIM(!frame_client_has(other, elsewhere, 200));
    CLAIM(!frame_client_has(client, waiting, 0));
    claim_done(other, remove_vm(other));
    claim_error(client, waiting, MUD__CODE__CANCELLED);
    claim_error(other, elsewhere, MUD__CODE__CANCELLED);
    frame_client_close(other);
}

/* ------------------------------------------------------------------------------------------ traps
 */

/* Looks at the two frames of @outer's call of @ask: functions, versions, places, values. */
static void walk_stack(frame_client *client, uint64_t context, uint64_t number)
{
    batch *all = batch_new(context);
    add(all, OP_NEW_CURSOR, 10, 1, (uint64_t)STACK);
    add(all, OP_CUR_FUNC, 0, 1, UINT64_C(10));
    add(all, OP_CUR_FUNC_VER, 0, 1, UINT64_C(10));
    add(all, OP_CUR_INST, 0, 1, UINT64_C(10));
    add(all, OP_DUMP_KEEPALIVES, 20, 1, UINT64_C(10));
    add(all, OP_TO_INT, 0, 1, UINT64_C(20));
    add(all, OP_TO_INT, 0, 1, UINT64_C(21));
    add(all, OP_NEXT_FRAME, 0, 1, UINT64_C(10));
    add(all, OP_CUR_INST, 0, 1, UINT64_C(10));
    add(all, OP_DUMP_KEEPALIVES, 30, 1, UINT64_C(10));
    add(all, OP_TO_INT, 0, 1, UINT64_C(30));
    add(all, OP_CLOSE_CURSOR, 0, 1, UINT64_C(10));
    const Mud__Performed *reply = perform(client, all);
    CLAIM(integer_of(reply, 4) == 2 && integer_of(reply, 5) == number + 1);
    CLAIM(integer_of(reply, 6) == 2 * number + 2);
    CLAIM(integer_of(reply, 9) == 1 && integer_of(reply, 10) == number);
    all = batch_new(context);
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 1));
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 2));
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 3));
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 8));
    reply = perform(client, all);
    CLAIM(text_is(reply, 0, "@ask") && text_is(reply, 1, "@ask.v1"));
    CLAIM(text_is(reply, 2, "@ask.v1.entry.question"));
    CLAIM(text_is(reply, 3, "@outer.v1.entry.site"));
}

/* In @ask's place comes @product(6, 7). */
static void replace_frame(frame_client *client, uint64_t context)
{
    uint64_t product = id_of(client, context, "@product");
    batch *all = batch_new(context);
    add(all, OP_NEW_CURSOR, 10, 1, (uint64_t)STACK);
    add(all, OP_NEXT_FRAME, 0, 1, UINT64_C(10));
    add(all, OP_POP_FRAMES_TO, 0, 1, UINT64_C(10));
    add(all, OP_CLOSE_CURSOR, 0, 1, UINT64_C(10));
    add(all, OP_FROM_FUNC, 40, 1, product);
    add(all, OP_PUSH_FRAME, 0, 2, (uint64_t)STACK, UINT64_C(40));
    add_int(all, 41, 6);
    add_int(all, 42, 7);
    perform(client, all);
}

static void probe_trap(frame_client *handler)
{
    frame_client *caller = frame_client_open(handler->path);
    Mud__Rebind rebind;
    attach(handler, MUD__ON_DISCONNECT__KILL);
    uint64_t called = call(caller, "outer", 10, 0);
    const Mud__TrapEvent *trap = trapped(handler);
    CLAIM(trap->n_result_types == 1 && strcmp(trap->result_types[0], "int<64>") == 0);
    walk_stack(handler, trap->context, 10);
    refuse_close(handler, trap->context, MUD__CODE__FAILED_PRECONDITION);
    refuse_perform(caller, batch_new(trap->context), MUD__CODE__NOT_FOUND);
    claim_error(handler, answer_send(handler, trap, NULL), MUD__CODE__INVALID_ARGUMENT);
    claim_error(handler, answer_pass(handler, trap, 0), MUD__CODE__INVALID_ARGUMENT);
    claim_error(handler, answer_pass(handler, trap, 9999), MUD__CODE__INVALID_ARGUMENT);
    mud__rebind__init(&rebind);
    rebind.decision = (Mud__Rebind__Decision)77;
    claim_error(handler, answer_send(handler, trap, &rebind), MUD__CODE__INVALID_ARGUMENT);
    claim_error(caller, answer_pass(caller, trap, 0), MUD__CODE__NOT_FOUND);
    answer_number(handler, trap, 500);
    CLAIM(result_of(caller, called) == 511);
    claim_error(handler, answer_pass(handler, trap, 0), MUD__CODE__NOT_FOUND);
    refuse_perform(handler, batch_new(trap->context), MUD__CODE__NOT_FOUND);

    called = call(caller, "outer", 10, 0); /* other frames */
    trap = trapped(handler);
    replace_frame(handler, trap->context);
    uint64_t values[] = {41, 42};
    mud__rebind__init(&rebind);
    rebind.decision = MUD__REBIND__DECISION__PASS_VALUES;
    rebind.stack = STACK;
    rebind.values = values;
    rebind.n_values = 2;
    claim_done(handler, answer_send(handler, trap, &rebind));
    CLAIM(result_of(caller, called) == 42);

    called = call(caller, "guarded", 10, 0);
    trap = trapped(handler);
    mud__rebind__init(&rebind);
    rebind.decision = MUD__REBIND__DECISION__THROW_EXC;
    rebind.stack = STACK;
    claim_done(handler, answer_send(handler, trap, &rebind));
    CLAIM(result_of(caller, called) == UINT64_MAX);

    called = call(caller, "outer", 10, 0);
    trap = trapped(handler);
    mud__rebind__init(&rebind);
    rebind.decision = MUD__REBIND__DECISION__EXIT;
    claim_done(handler, answer_send(handler, trap, &rebind));
    const Mud__ServerFrame *reply = frame_client_wait(caller, called);
    CLAIM(reply->reply_case == MUD__SERVER_FRAME__REPLY_RETURNED && reply->returned->exited);
    CLAIM(inspect(handler)->contexts == 0 && inspect(handler)->calls_trapped == 0);
    claim_done(handler, detach(handler));
    frame_client_close(caller);
}

/* Traps that end otherwise than by an answer. */
static void probe_lost_trap(frame_client *handler)
{
    frame_client *caller = frame_client_open(handler->path);
    attach(handler, MUD__ON_DISCONNECT__RESUME);
    uint64_t called = call(caller, "ask", 10, 300); /* its time passes */
    const Mud__TrapEvent *trap = trapped(handler);
    CLAIM(event(handler, MUD__SERVER_FRAME__REPLY_TRAP_GONE)->trap_gone->trap == trap->trap);
    claim_error(caller, called, MUD__CODE__DEADLINE_EXCEEDED);
    refuse_perform(handler, batch_new(trap->context), MUD__CODE__NOT_FOUND);
    claim_error(handler, answer_pass(handler, trap, 0), MUD__CODE__NOT_FOUND);

    called = call(caller, "ask", 10, 0); /* the handler goes: as it said */
    trap = trapped(handler);
    claim_done(handler, detach(handler));
    CLAIM(result_of(caller, called) == 10);
    refuse_perform(handler, batch_new(trap->context), MUD__CODE__NOT_FOUND);

    attach(handler, MUD__ON_DISCONNECT__THROW);
    called = call(caller, "guarded", 10, 0);
    trapped(handler);
    claim_done(handler, detach(handler));
    CLAIM(result_of(caller, called) == UINT64_MAX);

    attach(handler, MUD__ON_DISCONNECT__KILL);
    called = call(caller, "ask", 10, 0);
    trapped(handler);
    claim_done(handler, detach(handler));
    claim_error(caller, called, MUD__CODE__KILLED);

    attach(handler, MUD__ON_DISCONNECT__RESUME); /* in the middle of its work, it is killed */
    called = call(caller, "outer", 10, 0);
    trap = trapped(handler);
    replace_frame(handler, trap->context);
    claim_done(handler, detach(handler));
    claim_error(caller, called, MUD__CODE__KILLED);

    attach(handler, MUD__ON_DISCONNECT__RESUME); /* the caller goes */
    call(caller, "ask", 10, 0);
    trap = trapped(handler);
    frame_client_close(caller);
    CLAIM(event(handler, MUD__SERVER_FRAME__REPLY_TRAP_GONE)->trap_gone->trap == trap->trap);
    claim_done(handler, detach(handler));
    CLAIM(inspect(handler)->contexts == 0);
}

/* Many calls trap, are answered and trap again, while others of them are killed. */
static void probe_trap_storm(frame_client *handler)
{
    enum { CALLS = 200 };
    frame_client *caller = frame_client_open(handler->path);
    uint64_t called[CALLS];
    unsigned returned = 0;
    attach(handler, MUD__ON_DISCONNECT__RESUME);
    for (unsigned i = 0; i < CALLS; i++) {
        called[i] = call(caller, "ask", i, i % 4 == 0 ? 1 + i : 0);
    }
    for (unsigned i = 0; i < CALLS / 2; i++) {
        const Mud__TrapEvent *trap = trapped(handler);
        batch *all = batch_new(trap->context);
        add_int(all, 100, 1000);
        batch_send(handler, all);
        batch_free(all);
        answer_pass(handler, trap, 100);
    }
    claim_done(handler, detach(handler));
    for (unsigned i = 0; i < CALLS; i++) {
        const Mud__ServerFrame *reply = frame_client_wait(caller, called[i]);
        if (reply->reply_case == MUD__SERVER_FRAME__REPLY_RETURNED) {
            uint64_t result = reply->returned->results[0]->integer;
            CLAIM(result == i || result == i + 1000);
            returned++;
        } else {
            CLAIM(i % 4 == 0 && reply->error->code == MUD__CODE__DEADLINE_EXCEEDED);
        }
    }
    CLAIM(returned >= CALLS - CALLS / 4);
    frame_client_close(caller);
}

/* ------------------------------------------------------------------------------------- dying early
 */

static void wait_to_be_killed(const char *word)
{
    puts(word);
    fflush(stdout);
    for (;;) {
        pause();
    }
}

/* With one batch on its way and others behind it. */
static void probe_death_at_work(frame_client *client)
{
    uint64_t context = open_context(client);
    batch *all = batch_new(context);
    add_churn(all, BATCH_OPERATIONS / 2);
    for (unsigned i = 0; i < 12; i++) {
        batch_send(client, all);
    }
    wait_to_be_killed("working");
}

/* In a trap, with its stack changed, and batches behind. */
static void probe_death_in_trap(frame_client *client)
{
    attach(client, MUD__ON_DISCONNECT__KILL);
    puts("attached");
    fflush(stdout);
    const Mud__TrapEvent *trap = trapped(client);
    replace_frame(client, trap->context);
    batch *all = batch_new(trap->context);
    add_churn(all, BATCH_OPERATIONS / 2);
    for (unsigned i = 0; i < 6; i++) {
        batch_send(client, all);
    }
    wait_to_be_killed("trapped");
}

static const struct {
    const char *name;
    void (*probe)(frame_client *client);
} manners[] = {
    {"operations", probe_operations},
    {"closing", probe_closing},
    {"limits", probe_limits},
    {"long-texts", probe_long_texts},
    {"cycles", probe_cycles},
    {"removal", probe_removal},
    {"threads", probe_threads},
    {"trap", probe_trap},
    {"lost-trap", probe_lost_trap},
    {"trap-storm", probe_trap_storm},
    {"death-at-work", probe_death_at_work},
    {"death-in-trap", probe_death_in_trap},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof manners / sizeof manners[0]; i++) {
        if (strcmp(argv[1], manners[i].name) == 0) {
            frame_client *client = frame_client_open(argv[2]);
            snprintf(vm_name, sizeof vm_name, "%s", argv[1]);
            frame_client_load(client, vm_name, program);
            manners[i].probe(client);
            frame_client_close(client);
            return 0;
        }
    }
    fprintf(stderr, "usage: context_prober MANNER SOCKET\n");
    return 2;
}
