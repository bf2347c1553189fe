#include "fake_contexts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT_LIMIT = 64, HANDLE_LIMIT = 1 << 18 };

typedef struct fake_value {
    bool is_there;
    uint32_t bits;
    uint64_t low;
    uint64_t high;
} fake_value;

struct fake_contexts {
    fake_seen *seen;
    fake_send_fn send;
    void *session;
    fake_value *values[CONTEXT_LIMIT]; /* by the context's number, then by handle */
    uint64_t next_context;
    char vm[64];
    unsigned threads; /* that are to trap */
    uint64_t trap;    /* that waits for its answer; 0: none */
    uint64_t waiting; /* WaitThreads that waits */
};

static Mud__ServerFrame frame_of(uint64_t id, Mud__ServerFrame__ReplyCase kind)
{
    Mud__ServerFrame frame;
    mud__server_frame__init(&frame);
    frame.id = id;
    frame.reply_case = kind;
    return frame;
}

static void done_send(fake_contexts *contexts, uint64_t id)
{
    Mud__Done done;
    mud__done__init(&done);
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_DONE);
    frame.done = &done;
    contexts->send(contexts->session, &frame);
}

static Mud__Error *error_of(proto_arena *arena, Mud__Code code, const char *message)
{
    Mud__Error *error = proto_arena_allocate(arena, sizeof *error);
    mud__error__init(error);
    error->code = code;
    error->message = proto_arena_copy(arena, message);
    return error;
}

static void error_send(fake_contexts *contexts, uint64_t id, Mud__Error *error)
{
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_ERROR);
    frame.error = error;
    contexts->send(contexts->session, &frame);
}

static uint64_t context_make(fake_contexts *contexts)
{
    uint64_t number = contexts->next_context++;
    if (number >= CONTEXT_LIMIT) {
        abort();
    }
    contexts->values[number] = calloc(HANDLE_LIMIT, sizeof(fake_value));
    return number;
}

/* --- Operations --- */

typedef struct operation_state {
    proto_arena *arena;
    fake_value *values;
    const Mud__Operation *operation;
    Mud__OperationAnswer *answer; /* used when it `has` one */
    bool has_answer;
} operation_state;

static void value_set(operation_state *state, uint64_t handle, uint32_t bits, uint64_t low,
                      uint64_t high)
{
    if (handle >= HANDLE_LIMIT) {
        abort();
    }
    state->values[handle] = (fake_value){true, bits, low, high};
}

static Mud__Error *name_do(operation_state *state)
{
    const Mud__Operation *operation = state->operation;
    state->has_answer = true;
    if (operation->op == 0x02) {
        char *text = proto_arena_format(state->arena, "@n%u", (unsigned)operation->operands[0]);
        state->answer->text.data = (uint8_t *)text;
        state->answer->text.len = strlen(text);
        state->answer->has_text = true;
        return NULL;
    }
    if (operation->bytes.len < 3 || operation->bytes.data[1] != 'n') {
        return error_of(state->arena, MUD__CODE__NOT_FOUND, "nothing has that name");
    }
    for (size_t i = 2; i < operation->bytes.len; i++) {
        state->answer->integer = state->answer->integer * 10 + operation->bytes.data[i] - '0';
    }
    return NULL;
}

/* The path that was asked for, as the value of a reference to two fields. */
static ProtobufCBinaryData text_of(operation_state *state, const Mud__Operation *operation)
{
    char *text = proto_arena_format(state->arena,
                                    "ref<@Node>\t%.*s\n.0\tint<64>\t7\n.1\tref<@Node>\tnull\n...",
                                    (int)operation->bytes.len, (const char *)operation->bytes.data);
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
}

static Mud__Error *operation_do(fake_contexts *contexts, operation_state *state)
{
    const Mud__Operation *operation = state->operation;
    const uint64_t *operands = operation->operands;
    switch (operation->op) {
    case 0x01:
    case 0x02: return name_do(state);
    case 0x08:
        value_set(state, operation->result, (uint32_t)operands[0], operands[1], operands[2]);
        return NULL;
    case 0x0d:
        if (operands[0] == 666) {
            return error_of(state->arena, MUD__CODE__NOT_FOUND, "no constant has the id 666");
        }
        value_set(state, operation->result, 64, operands[0], 0);
        return NULL;
    case 0x11:
        if (operands[0] >= HANDLE_LIMIT || !state->values[operands[0]].is_there) {
            return error_of(state->arena, MUD__CODE__INVALID_ARGUMENT, "operand 1 is no handle");
        }
        state->has_answer = true;
        state->answer->integer = state->values[operands[0]].low;
        state->answer->high = state->values[operands[0]].high;
        state->answer->bits = state->values[operands[0]].bits;
        return NULL;
    case 0x3f:
        value_set(state, operation->result, 64, 42, 0);
        value_set(state, operation->result + 1, 64, 43, 0);
        state->has_answer = true;
        state->answer->integer = 2;
        return NULL;
    case 0x31: contexts->threads++; break;
    case 0x60:
        state->has_answer = true;
        state->answer->has_text = true;
        state->answer->text = text_of(state, operation);
        return NULL;
    case 0x64:
        state->has_answer = true;
        state->answer->integer = 1;
        return NULL;
    default: break;
    }
    if (operation->result != 0) {
        value_set(state, operation->result, 64, operation->op, 0);
    }
    return NULL;
}

static void perform_serve(fake_contexts *contexts, proto_arena *arena, uint64_t id,
                          const Mud__Perform *request)
{
    Mud__Performed performed;
    mud__performed__init(&performed);
    performed.answers = proto_arena_allocate(arena, request->n_operations * sizeof(void *));
    contexts->seen->performs++;
    for (uint32_t i = 0; i < request->n_operations && performed.error == NULL; i++) {
        Mud__OperationAnswer *answer = proto_arena_allocate(arena, sizeof *answer);
        mud__operation_answer__init(answer);
        answer->operation = i;
        operation_state state = {.arena = arena,
                                 .values = contexts->values[request->context],
                                 .operation = request->operations[i],
                                 .answer = answer};
        performed.error = operation_do(contexts, &state);
        if (performed.error != NULL) {
            performed.failed = i;
            break;
        }
        contexts->seen->operations++;
        if (state.has_answer) {
            performed.answers[performed.n_answers++] = answer;
        }
    }
    Mud__ServerFrame frame = frame_of(id, MUD__SERVER_FRAME__REPLY_PERFORMED);
    frame.performed = &performed;
    contexts->send(contexts->session, &frame);
}

/* --- Threads and traps --- */

static void trap_or_done(fake_contexts *contexts)
{
    if (contexts->trap != 0 || contexts->waiting == 0) {
        return;
    }
    if (contexts->threads == 0) {
        done_send(contexts, contexts->waiting);
        contexts->waiting = 0;
        return;
    }
    Mud__TrapEvent event;
    mud__trap_event__init(&event);
    contexts->threads--;
    event.context = context_make(contexts);
    fake_value *values = contexts->values[event.context];
    values[1] = values[2] = (fake_value){.is_there = true, .bits = 64};
    event.trap = contexts->trap = 500 + event.context;
    event.vm = contexts->vm;
    event.watchpoint = 7;
    Mud__ServerFrame frame = frame_of(0, MUD__SERVER_FRAME__REPLY_TRAP);
    frame.trap = &event;
    contexts->send(contexts->session, &frame);
}

static void answer_serve(fake_contexts *contexts, proto_arena *arena, uint64_t id,
                         const Mud__AnswerTrap *request)
{
    const Mud__Rebind *rebind = request->answer->rebind;
    /* Those that fake_mud sends have the first context. */
    const fake_value *values = contexts->values[request->trap < 500 ? 1 : request->trap - 500];
    fake_seen *seen = contexts->seen;
    seen->answers++;
    seen->decision = rebind->decision;
    seen->stack = rebind->stack;
    seen->exception = rebind->exception;
    seen->value_count = rebind->n_values;
    for (size_t i = 0; i < rebind->n_values && i < FAKE_VALUES_SHOWN; i++) {
        seen->values[i] = values[rebind->values[i]].low;
        if (seen->values[i] == 13) {
            error_send(contexts, id,
                       error_of(arena, MUD__CODE__INVALID_ARGUMENT, "13 is not passed"));
            return;
        }
    }
    done_send(contexts, id);
    contexts->trap = 0;
    trap_or_done(contexts);
}

uint64_t fake_contexts_open(fake_contexts *contexts)
{
    uint64_t context = context_make(contexts);
    contexts->values[context][1] = contexts->values[context][2] =
        (fake_value){.is_there = true, .bits = 64};
    return context;
}

bool fake_contexts_serve(fake_contexts *contexts, proto_arena *arena, const Mud__ClientFrame *frame)
{
    switch (frame->request_case) {
    case MUD__CLIENT_FRAME__REQUEST_OPEN_CONTEXT: {
        Mud__ContextOpened opened;
        mud__context_opened__init(&opened);
        if (strcmp(frame->open_context->vm, "absent") == 0) {
            error_send(contexts, frame->id,
                       error_of(arena, MUD__CODE__NOT_FOUND, "there is no VM \"absent\""));
            return true;
        }
        (void)snprintf(contexts->vm, sizeof contexts->vm, "%.60s", frame->open_context->vm);
        opened.context = context_make(contexts);
        contexts->seen->opened++;
        Mud__ServerFrame reply = frame_of(frame->id, MUD__SERVER_FRAME__REPLY_CONTEXT_OPENED);
        reply.context_opened = &opened;
        contexts->send(contexts->session, &reply);
        return true;
    }
    case MUD__CLIENT_FRAME__REQUEST_CLOSE_CONTEXT:
        contexts->seen->closed++;
        done_send(contexts, frame->id);
        return true;
    case MUD__CLIENT_FRAME__REQUEST_PERFORM:
        perform_serve(contexts, arena, frame->id, frame->perform);
        return true;
    case MUD__CLIENT_FRAME__REQUEST_WAIT_THREADS:
        contexts->waiting = frame->id;
        trap_or_done(contexts);
        return true;
    case MUD__CLIENT_FRAME__REQUEST_ATTACH_TRAPS:
        if (frame->attach_traps->with_contexts && !frame->attach_traps->with_frames) {
            done_send(contexts, frame->id);
            return true;
        }
        return false;
    case MUD__CLIENT_FRAME__REQUEST_ANSWER_TRAP:
        if (frame->answer_trap->answer->rebind != NULL) {
            answer_serve(contexts, arena, frame->id, frame->answer_trap);
        }
        return frame->answer_trap->answer->rebind != NULL;
    default: return false;
    }
}

fake_contexts *fake_contexts_new(fake_seen *seen, fake_send_fn send, void *session)
{
    fake_contexts *contexts = calloc(1, sizeof *contexts);
    *contexts = (fake_contexts){.seen = seen, .send = send, .session = session, .next_context = 1};
    return contexts;
}

void fake_contexts_free(fake_contexts *contexts)
{
    for (size_t i = 0; i < CONTEXT_LIMIT; i++) {
        free(contexts->values[i]);
    }
    free(contexts);
}
