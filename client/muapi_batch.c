/* Sending the queue. mud performs a batch up to the first operation that fails; the rest is sent
 * again without those that need what the failed one should have made. So each failure of its own
 * costs a trip and those that only follow from it none:
 *
 *     a = f()   b = g()   c = h(b)   d = f()      g fails
 *     sent: 1   sent: 2   -          sent: 3      performed: a; failed: b, and so c; sent again: d
 */
#include "muapi_face.h"
#include <stdlib.h>
#include <string.h>

void muclient_mu_batch_deinit(muclient_mu_batch *batch)
{
    free(batch->items);
    free(batch->operands);
    free(batch->bytes);
    *batch = (muclient_mu_batch){0};
}

/* --- Dead handles --- */

/* Where the number is, or belongs. */
static size_t dead_place(const muclient_mu_dead *dead, uint64_t number)
{
    size_t low = 0;
    size_t high = dead->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (dead->numbers[middle] < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool muclient_mu_dead_has(const muclient_mu_dead *dead, uint64_t number)
{
    size_t place = dead_place(dead, number);
    return place < dead->count && dead->numbers[place] == number;
}

/* Without memory the number is left out: mud then says that the handle is not there. */
void muclient_mu_dead_add(muclient_mu_dead *dead, uint64_t number)
{
    if (dead->count == dead->capacity) {
        size_t wanted = dead->capacity < 16 ? 16 : dead->capacity * 2;
        uint64_t *grown = reallocarray(dead->numbers, wanted, sizeof *grown);
        if (grown == NULL) {
            return;
        }
        dead->numbers = grown;
        dead->capacity = wanted;
    }
    size_t place = dead_place(dead, number);
    memmove(dead->numbers + place + 1, dead->numbers + place,
            (dead->count - place) * sizeof *dead->numbers);
    dead->numbers[place] = number;
    dead->count++;
}

static void item_kill(const muclient_mu_batch *batch, const muclient_mu_queued *item)
{
    if (item->row->result != 'H' && item->result != 0) {
        muclient_mu_dead_add(&batch->context->dead, item->result);
    }
}

static bool item_needs_dead(const muclient_mu_batch *batch, const muclient_mu_queued *item)
{
    const muclient_mu_dead *dead = &batch->context->dead;
    const uint64_t *at = batch->operands + item->operands;
    bool found = false;
    for (const char *letter = item->row->operands; *letter != 0 && !found; letter++) {
        if (*letter == 's') {
            continue;
        }
        bool is_list = strchr("HNI", *letter) != NULL;
        uint64_t count = is_list ? *at++ : 1;
        for (uint64_t i = 0; i < count; i++, at++) {
            found = found || (strchr("hnoHN", *letter) != NULL && muclient_mu_dead_has(dead, *at));
        }
    }
    return found;
}

/* --- The message --- */

/* Items of the batch from `from` on that can be sent: their indices, at most `batch->count`. */
static size_t sendable_list(const muclient_mu_batch *batch, size_t from, size_t *indices)
{
    size_t count = 0;
    for (size_t i = from; i < batch->count; i++) {
        const muclient_mu_queued *item = &batch->items[i];
        if (batch->context->dead.count > 0 && item_needs_dead(batch, item)) {
            item_kill(batch, item);
        } else {
            indices[count++] = i;
        }
    }
    return count;
}

static Mud__Operation **operations_make(proto_arena *arena, const muclient_mu_batch *batch,
                                        const size_t *indices, size_t count)
{
    Mud__Operation *messages = proto_arena_allocate(arena, count * sizeof *messages);
    Mud__Operation **list = proto_arena_allocate(arena, count * sizeof(void *));
    if (messages == NULL || list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const muclient_mu_queued *item = &batch->items[indices[i]];
        list[i] = &messages[i];
        mud__operation__init(list[i]);
        list[i]->op = item->row->op;
        list[i]->result = item->result;
        list[i]->operands = item->operand_count == 0 ? NULL : batch->operands + item->operands;
        list[i]->n_operands = item->operand_count;
        list[i]->bytes.data = item->byte_count == 0 ? NULL : (uint8_t *)batch->bytes + item->bytes;
        list[i]->bytes.len = item->byte_count;
    }
    return list;
}

static bool batch_exchange(muclient_mu *mu, const muclient_mu_batch *batch, const size_t *indices,
                           size_t count, proto_arena **arena, const Mud__Performed **performed)
{
    const char *last = batch->items[indices[count - 1]].row->name;
    Mud__ClientFrame frame;
    Mud__Perform request;
    proto_arena *sent = proto_arena_new();
    Mud__Operation **operations =
        sent == NULL ? NULL : operations_make(sent, batch, indices, count);
    if (operations == NULL) {
        proto_arena_free(sent);
        muclient_mu_note(mu, MUCLIENT_RESOURCE_EXHAUSTED, last, "out of memory");
        return false;
    }
    muclient_frame_begin(mu->client, &frame, MUD__CLIENT_FRAME__REQUEST_PERFORM);
    mud__perform__init(&request);
    frame.perform = &request;
    request.context = batch->context->id;
    request.operations = operations;
    request.n_operations = count;
    const Mud__ServerFrame *reply = NULL;
    bool is_done =
        muclient_mu_exchange(mu, last, &frame, MUD__SERVER_FRAME__REPLY_PERFORMED, arena, &reply);
    proto_arena_free(sent);
    if (is_done) {
        *performed = reply->performed;
    }
    return is_done;
}

/* --- The answer --- */

/* The answer of operation `number` of the message; false when memory is out or there is none. */
static bool answer_take(const Mud__Performed *performed, size_t number, muclient_mu_answer *answer)
{
    for (size_t i = performed->n_answers; i-- > 0;) {
        const Mud__OperationAnswer *from = performed->answers[i];
        if (from->operation != number) {
            continue;
        }
        *answer =
            (muclient_mu_answer){.integer = from->integer, .high = from->high, .bits = from->bits};
        if (from->has_text) {
            answer->text = from->text.len == 0
                               ? strdup("")
                               : strndup((const char *)from->text.data, from->text.len);
        }
        return !from->has_text || answer->text != NULL;
    }
    return false;
}

static void failure_note(muclient_mu *mu, const char *operation, const Mud__Error *error)
{
    muclient_mu_note(
        mu, error->code == MUD__CODE__OK ? MUCLIENT_UNKNOWN : (muclient_code)error->code, operation,
        "%s%s%s", error->message, error->hint[0] == 0 ? "" : "; ", error->hint);
}

/* Sends the items from `from` on once. Returns where to go on: the batch's end when all is done or
 * lost. `is_done`: the last item was performed. */
static size_t batch_step(muclient_mu *mu, const muclient_mu_batch *batch, size_t from,
                         size_t *indices, muclient_mu_answer *answer, bool *is_done)
{
    size_t count = sendable_list(batch, from, indices);
    proto_arena *arena = NULL;
    const Mud__Performed *performed = NULL;
    if (count == 0) {
        return batch->count;
    }
    bool is_last_there = indices[count - 1] == batch->count - 1;
    bool is_lost = !batch_exchange(mu, batch, indices, count, &arena, &performed);
    if (!is_lost && performed->error == NULL) {
        *is_done = is_last_there;
        if (is_last_there && answer != NULL && !answer_take(performed, count - 1, answer)) {
            muclient_mu_note(mu, MUCLIENT_INTERNAL, batch->items[batch->count - 1].row->name,
                             "no answer came");
            *is_done = false;
        }
        proto_arena_free(arena);
        return batch->count;
    }
    size_t next = batch->count;
    if (!is_lost && performed->failed < count) {
        const muclient_mu_queued *failed = &batch->items[indices[performed->failed]];
        failure_note(mu, failed->row->name, performed->error);
        item_kill(batch, failed);
        next = indices[performed->failed] + 1;
    } else {
        if (!is_lost) {
            muclient_mu_note(mu, MUCLIENT_INTERNAL, NULL, "mud answered something else");
        }
        for (size_t i = 0; i < count; i++) {
            item_kill(batch, &batch->items[indices[i]]);
        }
    }
    proto_arena_free(arena);
    return next;
}

bool muclient_mu_flush(muclient_mu *mu, muclient_mu_answer *answer)
{
    if (mu->queue.count == 0) {
        return false;
    }
    /* A trap handler that runs while this waits has the queue for itself. */
    muclient_mu_batch batch = mu->queue;
    mu->queue = mu->spare;
    mu->spare = (muclient_mu_batch){0};
    size_t *indices = reallocarray(NULL, batch.count, sizeof *indices);
    bool is_done = false;
    if (indices == NULL) {
        muclient_mu_note(mu, MUCLIENT_RESOURCE_EXHAUSTED, NULL, "out of memory");
    }
    for (size_t from = 0; indices != NULL && from < batch.count;) {
        from = batch_step(mu, &batch, from, indices, answer, &is_done);
    }
    free(indices);
    batch.context = NULL;
    batch.count = batch.operand_count = batch.byte_count = batch.wire_bytes = 0;
    if (mu->spare.items == NULL) {
        mu->spare = batch;
    } else {
        muclient_mu_batch_deinit(&batch);
    }
    return is_done;
}
