/* Traps between mud and the handler. An entry stays in the queue from the TrapEvent until mud has
 * taken the answer, so that the handler can be asked again when mud refuses one:
 *
 *     event ──► waiting ──handler──► answered ──Done──► freed
 *                  ▲                    │
 *                  └──── refused ◄──────┘
 *
 * The handler is never entered from within itself: its depth would be up to whoever traps. */
#include "muapi_face.h"
#include <stdlib.h>

/* More traps than this cannot wait in one VM; who sends more is not mud. */
enum { TRAP_LIMIT = 16384 };

static void entry_unlink(muclient *client, muclient_trap_entry **link)
{
    muclient_trap_entry *entry = *link;
    *link = entry->next;
    client->trap_count--;
    proto_arena_free(entry->arena);
    free(entry);
}

void muclient_traps_free(muclient *client)
{
    while (client->traps != NULL) {
        entry_unlink(client, &client->traps);
    }
}

void muclient_trap_add(muclient *client, proto_arena *arena, const Mud__TrapEvent *event)
{
    if (client->handler == NULL && event->context == 0) {
        proto_arena_free(arena);
        return;
    }
    muclient_trap_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL || client->trap_count == TRAP_LIMIT) {
        free(entry);
        proto_arena_free(arena);
        muclient_break(client, MUCLIENT_RESOURCE_EXHAUSTED, "too many traps wait for the handler");
        return;
    }
    *entry = (muclient_trap_entry){.arena = arena, .event = event, .refusal = ""};
    muclient_trap_entry **link = &client->traps;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = entry;
    client->trap_count++;
}

void muclient_trap_gone(muclient *client, uint64_t trap)
{
    for (muclient_trap_entry **link = &client->traps; *link != NULL; link = &(*link)->next) {
        if ((*link)->event->trap == trap && !(*link)->event->resumed) {
            entry_unlink(client, link);
            return;
        }
    }
}

bool muclient_trap_answered(muclient *client, proto_arena *arena, const Mud__ServerFrame *frame)
{
    muclient_trap_entry **link = &client->traps;
    while (*link != NULL && (frame->id == 0 || (*link)->answer_id != frame->id)) {
        link = &(*link)->next;
    }
    muclient_trap_entry *entry = *link;
    if (entry == NULL) {
        return false;
    }
    bool is_refused = frame->reply_case == MUD__SERVER_FRAME__REPLY_ERROR &&
                      frame->error->code != MUD__CODE__NOT_FOUND;
    char *refusal = is_refused ? proto_arena_copy(entry->arena, frame->error->message) : NULL;
    if (refusal != NULL) {
        entry->refusal = refusal[0] == 0 ? "refused" : refusal;
        entry->answer_id = 0;
    } else {
        /* Taken, or (NOT_FOUND) the trap was gone before the answer came. */
        entry_unlink(client, link);
    }
    proto_arena_free(arena);
    return true;
}

/* What a MuVM's handler decided, or another in the terms of a context. */
static muclient_code rebind_send(muclient *client, muclient_trap_entry *entry, Mud__Rebind *rebind,
                                 muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__AnswerTrap request;
    Mud__TrapAnswer message;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_ANSWER_TRAP);
    mud__answer_trap__init(&request);
    mud__trap_answer__init(&message);
    frame.answer_trap = &request;
    request.trap = entry->event->trap;
    request.answer = &message;
    message.rebind = rebind;
    entry->answer_id = frame.id;
    return muclient_send(client, &frame, NULL, error);
}

static muclient_code answer_rebind(muclient *client, muclient_trap_entry *entry,
                                   const muclient_answer *answer, muclient_error **error)
{
    Mud__Rebind rebind;
    mud__rebind__init(&rebind);
    rebind.stack = MUCLIENT_TRAP_STACK;
    rebind.decision = answer->action == MUCLIENT_PASS    ? MUD__REBIND__DECISION__PASS_VALUES
                      : answer->action == MUCLIENT_RAISE ? MUD__REBIND__DECISION__THROW_EXC
                                                         : MUD__REBIND__DECISION__EXIT;
    rebind.values = (uint64_t *)(uintptr_t)answer->handles;
    rebind.n_values = answer->action == MUCLIENT_PASS ? answer->handle_count : 0;
    rebind.exception = answer->exception_handle;
    return rebind_send(client, entry, &rebind, error);
}

static muclient_code answer_send(muclient *client, muclient_trap_entry *entry,
                                 const muclient_answer *answer, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__AnswerTrap request;
    Mud__TrapAnswer message;
    if (answer->action >= MUCLIENT_EXIT) {
        return answer_rebind(client, entry, answer, error);
    }
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_ANSWER_TRAP);
    mud__answer_trap__init(&request);
    mud__trap_answer__init(&message);
    frame.answer_trap = &request;
    request.trap = entry->event->trap;
    request.answer = &message;
    message.action = (Mud__TrapAnswer__Action)answer->action;
    message.pops = answer->pops;
    message.pushes = (char **)(uintptr_t)answer->pushes;
    message.n_pushes = answer->push_count;
    if (answer->action == MUCLIENT_RESUME && answer->value_count > 0) {
        message.n_values = answer->value_count;
        message.values = muclient_values_message(entry->arena, answer->values, answer->value_count);
        if (message.values == NULL) {
            return muclient_fail_memory(error);
        }
    }
    if (answer->action == MUCLIENT_THROW) {
        message.exception = muclient_reference_message(entry->arena, &answer->exception);
        if (message.exception == NULL) {
            return muclient_fail_memory(error);
        }
    }
    entry->answer_id = frame.id;
    return muclient_send(client, &frame, NULL, error);
}

/* Is it for a MuVM? Those of others that came with a context have their frames beside it. */
static bool is_of_machine(const muclient *client, const muclient_trap_entry *entry)
{
    return entry->event->context != 0 && muclient_mu_handles(client, entry->event->vm);
}

static muclient_trap_entry **next_waiting(muclient *client)
{
    muclient_trap_entry **link = &client->traps;
    while (*link != NULL && ((*link)->answer_id != 0 ||
                             (client->handler == NULL && !is_of_machine(client, *link)))) {
        link = &(*link)->next;
    }
    return link;
}

/* Both take the entry out for the time of the handler, which may use the connection and so change
 * the queue; a TrapGone for it in that time makes mud refuse the answer, which is then dropped. */
static muclient_code entry_handle_mu(muclient *client, muclient_trap_entry **link,
                                     muclient_error **error)
{
    muclient_trap_entry *entry = *link;
    Mud__Rebind rebind;
    *link = entry->next;
    client->is_handling = true;
    bool is_decided =
        muclient_mu_trap_handle(client, entry->arena, entry->event, entry->refusal, &rebind);
    client->is_handling = false;
    entry->next = client->traps;
    client->traps = entry;
    if (!is_decided) {
        entry_unlink(client, &client->traps);
        return MUCLIENT_OK;
    }
    return rebind_send(client, entry, &rebind, error);
}

static muclient_code entry_handle(muclient *client, muclient_trap_entry **link,
                                  muclient_error **error)
{
    muclient_trap_entry *entry = *link;
    muclient_trap trap;
    if (!muclient_trap_view(entry->arena, entry->event, &trap)) {
        return muclient_fail_memory(error);
    }
    trap.refusal = entry->refusal;
    *link = entry->next;
    muclient_answer answer = {.action = MUCLIENT_RESUME};
    client->is_handling = true;
    client->handler(client->handler_data, client, &trap, &answer);
    client->is_handling = false;
    entry->next = client->traps;
    client->traps = entry;
    if (entry->event->resumed || answer.action == MUCLIENT_LEAVE) {
        entry_unlink(client, &client->traps);
        return MUCLIENT_OK;
    }
    return answer_send(client, entry, &answer, error);
}

muclient_code muclient_traps_handle(muclient *client, muclient_error **error)
{
    muclient_code code = MUCLIENT_OK;
    while (code == MUCLIENT_OK && !client->is_handling) {
        muclient_trap_entry **link = next_waiting(client);
        if (*link == NULL) {
            break;
        }
        code = is_of_machine(client, *link) ? entry_handle_mu(client, link, error)
                                            : entry_handle(client, link, error);
    }
    return code;
}

size_t muclient_answers_pending(const muclient *client)
{
    size_t count = 0;
    for (const muclient_trap_entry *entry = client->traps; entry != NULL; entry = entry->next) {
        count += entry->answer_id != 0 || entry->refusal[0] != 0;
    }
    return count;
}

void muclient_trap_handler_set(muclient *client, muclient_trap_fn handler, void *data)
{
    client->handler = handler;
    client->handler_data = data;
}
