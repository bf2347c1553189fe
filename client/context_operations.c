/* Operations on the values of a context, by name and for whoever asks for them one batch at a time;
 * muapi_queue.c is the way of programs that call functions. */
#include "muapi_calls.h"
#include <string.h>

static const muclient_mu_row *row_of(const char *name)
{
    for (size_t i = 0; i < MUCLIENT_MU_ROWS; i++) {
        if (strcmp(muclient_mu_rows[i].name, name) == 0) {
            return &muclient_mu_rows[i];
        }
    }
    return NULL;
}

static muclient_code operation_fill(const muclient_operation *from, Mud__Operation *message,
                                    muclient_error **error)
{
    const muclient_mu_row *row = row_of(from->name);
    if (row == NULL) {
        return muclient_fail(error, MUCLIENT_INVALID_ARGUMENT, "", "there is no operation %.80s",
                             from->name);
    }
    mud__operation__init(message);
    message->op = row->op;
    message->result = from->result;
    message->operands = (uint64_t *)(uintptr_t)from->operands;
    message->n_operands = from->operand_count;
    message->bytes.data = (uint8_t *)(uintptr_t)from->text;
    message->bytes.len = from->text == NULL ? 0 : strlen(from->text);
    return MUCLIENT_OK;
}

/* Sends the operations, which are in `arena`, and takes the reply. */
static muclient_code exchange(muclient *client, uint64_t context, Mud__Operation **operations,
                              size_t count, muclient_reply **reply, muclient_error **error)
{
    Mud__ClientFrame frame;
    Mud__Perform request;
    muclient_pending *pending = NULL;
    muclient_frame_begin(client, &frame, MUD__CLIENT_FRAME__REQUEST_PERFORM);
    mud__perform__init(&request);
    frame.perform = &request;
    request.context = context;
    request.operations = operations;
    request.n_operations = count;
    muclient_code code = muclient_send(client, &frame, &pending, error);
    if (code != MUCLIENT_OK) {
        return code;
    }
    code = muclient_pending_wait(client, pending, error);
    if (code != MUCLIENT_OK) {
        muclient_forget(client, frame.id);
        return code;
    }
    if (pending->frame->reply_case == MUD__SERVER_FRAME__REPLY_PERFORMED &&
        pending->frame->performed->error != NULL) {
        proto_arena *arena = pending->arena;
        const Mud__Error *failure = pending->frame->performed->error;
        pending->arena = NULL;
        muclient_pending_drop(client, pending);
        return muclient_fail_message(error, arena, failure);
    }
    return muclient_pending_take(client, pending, reply, error);
}

muclient_code muclient_perform(muclient *client, uint64_t context,
                               const muclient_operation *operations, size_t count,
                               muclient_reply **reply, muclient_error **error)
{
    muclient_code code = MUCLIENT_OK;
    proto_arena *arena = proto_arena_new();
    Mud__Operation *messages =
        arena == NULL ? NULL : proto_arena_allocate(arena, count * sizeof *messages);
    Mud__Operation **list =
        messages == NULL ? NULL : proto_arena_allocate(arena, count * sizeof(void *));
    if (list == NULL) {
        code = muclient_fail_memory(error);
    }
    for (size_t i = 0; i < count && code == MUCLIENT_OK; i++) {
        list[i] = &messages[i];
        code = operation_fill(&operations[i], list[i], error);
    }
    if (code == MUCLIENT_OK) {
        code = exchange(client, context, list, count, reply, error);
    }
    proto_arena_free(arena);
    return code;
}
