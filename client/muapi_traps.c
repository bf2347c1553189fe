/* Traps of VMs that are open as MuVMs. Each comes with a context, which the handler gets as a MuCtx
 * for as long as it runs:
 *
 *     TrapEvent ──► MuCtx, handler ──► the queue is sent ──► AnswerTrap with a Rebind
 *
 * trap_queue.c calls this, and again when mud refuses an answer. The thread must not stay where it
 * is for ever, so the second answer is that it ends. */
#include "muapi_calls.h"
#include <stdlib.h>
#include <string.h>

/* What a handler decided, as the specification's outputs. */
typedef struct trap_outcome {
    MuTrapHandlerResult result;
    MuStackRefValue new_stack;
    MuValue *values;
    MuArraySize value_count;
    MuValuesFreer freer;
    MuCPtr freer_data;
    MuRefValue exception;
} trap_outcome;

static muclient_mu *machine_of(const muclient *client, const char *vm)
{
    muclient_mu *mu = client->mus;
    while (mu != NULL && (mu->handler == NULL || strcmp(mu->vm, vm) != 0)) {
        mu = mu->next;
    }
    return mu;
}

bool muclient_mu_handles(const muclient *client, const char *vm)
{
    return machine_of(client, vm) != NULL;
}

/* 0, with the error noted, for what is no live handle of the context. */
static uint64_t number_of(const muclient_mu_context *context, MuValue value, const char *what)
{
    const char *why = NULL;
    uint64_t number = muclient_mu_number(context, value, &why);
    if (number == 0) {
        muclient_mu_note(context->mu, MUCLIENT_INVALID_ARGUMENT, "trap handler", "its %s %s", what,
                         why);
    }
    return number;
}

static bool values_fill(const muclient_mu_context *context, proto_arena *arena,
                        const trap_outcome *outcome, Mud__Rebind *rebind)
{
    if (outcome->value_count == 0) {
        return true;
    }
    if (outcome->values == NULL || outcome->value_count > MUCLIENT_MU_OPERANDS) {
        muclient_mu_note(context->mu, MUCLIENT_INVALID_ARGUMENT, "trap handler",
                         outcome->values == NULL ? "its values are NULL"
                                                 : "it gives too many values");
        return false;
    }
    uint64_t *numbers = proto_arena_allocate(arena, outcome->value_count * sizeof *numbers);
    if (numbers == NULL) {
        muclient_mu_note(context->mu, MUCLIENT_RESOURCE_EXHAUSTED, "trap handler", "out of memory");
        return false;
    }
    for (MuArraySize i = 0; i < outcome->value_count; i++) {
        numbers[i] = number_of(context, outcome->values[i], "value");
        if (numbers[i] == 0) {
            return false;
        }
    }
    rebind->values = numbers;
    rebind->n_values = outcome->value_count;
    return true;
}

/* False, noted, for what no rebinding can be made of. */
static bool rebind_fill(const muclient_mu_context *context, proto_arena *arena,
                        const trap_outcome *outcome, Mud__Rebind *rebind)
{
    if (outcome->result == MU_THREAD_EXIT) {
        return true;
    }
    if (outcome->result != MU_REBIND_PASS_VALUES && outcome->result != MU_REBIND_THROW_EXC) {
        muclient_mu_note(context->mu, MUCLIENT_INVALID_ARGUMENT, "trap handler",
                         "its result %u is none of MU_THREAD_EXIT, MU_REBIND_PASS_VALUES and "
                         "MU_REBIND_THROW_EXC",
                         outcome->result);
        return false;
    }
    rebind->stack = number_of(context, outcome->new_stack, "new_stack");
    if (rebind->stack == 0) {
        return false;
    }
    if (outcome->result == MU_REBIND_PASS_VALUES) {
        rebind->decision = MUD__REBIND__DECISION__PASS_VALUES;
        return values_fill(context, arena, outcome, rebind);
    }
    rebind->decision = MUD__REBIND__DECISION__THROW_EXC;
    rebind->exception = number_of(context, outcome->exception, "exception");
    return rebind->exception != 0;
}

bool muclient_mu_trap_handle(muclient *client, proto_arena *arena, const Mud__TrapEvent *event,
                             const char *refusal, Mud__Rebind *rebind)
{
    muclient_mu *mu = machine_of(client, event->vm);
    mud__rebind__init(rebind);
    rebind->decision = MUD__REBIND__DECISION__EXIT;
    if (mu == NULL) {
        return false;
    }
    if (refusal[0] != 0) {
        muclient_mu_note(mu, MUCLIENT_INVALID_ARGUMENT, "trap handler", "mud refused: %s", refusal);
        return true;
    }
    /* Handles 1 and 2 are there from the start. */
    muclient_mu_context *context = muclient_mu_context_new(mu, event->context, 3);
    if (context == NULL) {
        muclient_mu_note(mu, MUCLIENT_RESOURCE_EXHAUSTED, "trap handler", "out of memory");
        return true;
    }
    context->is_trap = true;
    trap_outcome outcome = {.result = MU_THREAD_EXIT};
    mu->handler(&context->face, muclient_mu_value(context, 1), muclient_mu_value(context, 2),
                event->watchpoint, &outcome.result, &outcome.new_stack, &outcome.values,
                &outcome.value_count, &outcome.freer, &outcome.freer_data, &outcome.exception,
                mu->handler_data);
    (void)muclient_mu_flush(mu, NULL);
    if (!rebind_fill(context, arena, &outcome, rebind)) {
        mud__rebind__init(rebind);
        rebind->decision = MUD__REBIND__DECISION__EXIT;
    }
    if (outcome.freer != NULL) {
        outcome.freer(outcome.values, outcome.freer_data);
    }
    muclient_mu_context_free(context);
    return true;
}

/* --- Attaching --- */

static bool traps_attach(muclient_mu *mu)
{
    Mud__ClientFrame frame;
    Mud__AttachTraps request;
    proto_arena *arena = NULL;
    const Mud__ServerFrame *reply = NULL;
    muclient_frame_begin(mu->client, &frame, MUD__CLIENT_FRAME__REQUEST_ATTACH_TRAPS);
    mud__attach_traps__init(&request);
    frame.attach_traps = &request;
    request.vm = mu->vm;
    request.on_disconnect = MUD__ON_DISCONNECT__KILL;
    request.with_contexts = true;
    bool is_done = muclient_mu_exchange(mu, "set_trap_handler", &frame,
                                        MUD__SERVER_FRAME__REPLY_DONE, &arena, &reply);
    if (is_done) {
        proto_arena_free(arena);
    }
    return is_done;
}

static void traps_detach(muclient_mu *mu)
{
    muclient_error *error = NULL;
    muclient_code code = muclient_trap_detach(mu->client, mu->vm, &error);
    if (code != MUCLIENT_OK) {
        muclient_mu_note_error(mu, "set_trap_handler", code, error);
    }
}

void muclient_mu_vm_set_trap_handler(MuVM *mvm, MuTrapHandler trap_handler, MuCPtr userdata)
{
    muclient_mu *mu = mvm->header;
    (void)muclient_mu_flush(mu, NULL);
    mu->handler_data = userdata;
    /* Traps come from the moment that mud takes the request, which is before its reply. */
    mu->handler = trap_handler;
    if (trap_handler != NULL && !mu->is_attached) {
        mu->is_attached = traps_attach(mu);
        if (!mu->is_attached) {
            mu->handler = NULL;
        }
    } else if (trap_handler == NULL && mu->is_attached) {
        mu->is_attached = false;
        traps_detach(mu);
    }
}
