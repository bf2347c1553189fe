/* Putting operations together. The queue is one for all contexts of a MuVM and holds operations of
 * one context at a time: when another's turn comes, it is sent first, so that everything is done in
 * the order of the client's calls. */
#include "muapi_calls.h"
#include <stdlib.h>
#include <string.h>

enum {
    SERIAL_SHIFT = 40, /* 2^40 handles in a context, 2^24 contexts until a serial comes again */
    SERIAL_BITS = 24,
    HEADER_BYTES = 10, /* of an operation's message, about, beside its operands */
};

static const char memory_text[] = "out of memory";

/* --- Handles --- */

MuValue muclient_mu_value(const muclient_mu_context *context, uint64_t number)
{
    uint64_t serial = context->serial & ((1u << SERIAL_BITS) - 1);
    return (MuValue)(uintptr_t)(serial << SERIAL_SHIFT | number);
}

uint64_t muclient_mu_number(const muclient_mu_context *context, MuValue value, const char **why)
{
    uint64_t bits = (uint64_t)(uintptr_t)value;
    uint64_t number = bits & ((UINT64_C(1) << SERIAL_SHIFT) - 1);
    if (value == NULL) {
        *why = "is NULL";
    } else if (muclient_mu_value(context, number) != value) {
        *why = "is a handle of another context";
    } else if (number == 0 || number >= context->next_handle) {
        *why = "is no handle";
    } else if (muclient_mu_dead_has(&context->dead, number)) {
        *why = "should have come from an operation that failed";
    } else {
        return number;
    }
    return 0;
}

/* --- Growing arrays --- */

/* Room for `more` items after `count`; false when memory is out. */
static bool room_make(void **items, size_t *capacity, size_t count, size_t more, size_t item_bytes)
{
    if (*capacity - count >= more) {
        return true;
    }
    size_t wanted = *capacity * 2 > count + more ? *capacity * 2 : count + more;
    wanted = wanted < 64 ? 64 : wanted;
    void *grown = reallocarray(*items, wanted, item_bytes);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *capacity = wanted;
    return true;
}

/* --- Operands --- */

muclient_mu_call muclient_mu_begin(MuCtx *ctx, unsigned row)
{
    muclient_mu_context *context = ctx->header;
    muclient_mu *mu = context->mu;
    if (mu->queue.count > 0 && mu->queue.context != context) {
        (void)muclient_mu_flush(mu, NULL);
    }
    mu->queue.context = context;
    return (muclient_mu_call){.mu = mu,
                              .context = context,
                              .row = &muclient_mu_rows[row],
                              .operands = mu->queue.operand_count,
                              .bytes = mu->queue.byte_count};
}

static void call_fail(muclient_mu_call *call, muclient_code code, const char *why)
{
    if (call->operand == 0) {
        muclient_mu_note(call->mu, code, call->row->name, "%s", why);
    } else {
        muclient_mu_note(call->mu, code, call->row->name, "operand %u %s", call->operand, why);
    }
    call->is_bad = true;
}

static void number_push(muclient_mu_call *call, uint64_t number)
{
    muclient_mu_batch *queue = &call->mu->queue;
    if (call->is_bad) {
        return;
    }
    if (queue->operand_count - call->operands >= MUCLIENT_MU_OPERANDS) {
        call_fail(call, MUCLIENT_INVALID_ARGUMENT, "is too long a list");
        return;
    }
    if (!room_make((void **)&queue->operands, &queue->operand_capacity, queue->operand_count, 1,
                   sizeof *queue->operands)) {
        call->operand = 0;
        call_fail(call, MUCLIENT_RESOURCE_EXHAUSTED, memory_text);
        return;
    }
    queue->operands[queue->operand_count++] = number;
}

static void handle_push(muclient_mu_call *call, MuValue value)
{
    const char *why = NULL;
    uint64_t number = muclient_mu_number(call->context, value, &why);
    if (number == 0 && !call->is_bad) {
        call_fail(call, MUCLIENT_INVALID_ARGUMENT, why);
    }
    number_push(call, number);
}

void muclient_mu_put(muclient_mu_call *call, uint64_t operand)
{
    call->operand++;
    number_push(call, operand);
}

void muclient_mu_put_handle(muclient_mu_call *call, MuValue value)
{
    call->operand++;
    handle_push(call, value);
}

void muclient_mu_put_handle_or_none(muclient_mu_call *call, MuValue value)
{
    call->operand++;
    if (value == NULL) {
        number_push(call, 0);
    } else {
        handle_push(call, value);
    }
}

/* The count in front of a list; false when the items are not there. */
static bool list_begin(muclient_mu_call *call, const void *items, MuArraySize count)
{
    call->operand++;
    if (items == NULL && count > 0 && !call->is_bad) {
        call_fail(call, MUCLIENT_INVALID_ARGUMENT, "is NULL, and its count is not 0");
    }
    number_push(call, count);
    return !call->is_bad;
}

void muclient_mu_put_handles(muclient_mu_call *call, const MuValue *values, MuArraySize count)
{
    bool is_there = list_begin(call, values, count);
    for (MuArraySize i = 0; is_there && i < count && !call->is_bad; i++) {
        handle_push(call, values[i]);
    }
}

void muclient_mu_put_numbers(muclient_mu_call *call, const uint64_t *numbers, MuArraySize count)
{
    bool is_there = list_begin(call, numbers, count);
    for (MuArraySize i = 0; is_there && i < count && !call->is_bad; i++) {
        number_push(call, numbers[i]);
    }
}

void muclient_mu_put_flags(muclient_mu_call *call, const MuFlag *flags, MuArraySize count)
{
    bool is_there = list_begin(call, flags, count);
    for (MuArraySize i = 0; is_there && i < count && !call->is_bad; i++) {
        number_push(call, flags[i]);
    }
}

void muclient_mu_put_text(muclient_mu_call *call, const char *text)
{
    muclient_mu_batch *queue = &call->mu->queue;
    call->operand++;
    if (call->is_bad) {
        return;
    }
    if (text == NULL) {
        call_fail(call, MUCLIENT_INVALID_ARGUMENT, "is NULL");
        return;
    }
    size_t length = strlen(text);
    if (!room_make((void **)&queue->bytes, &queue->byte_capacity, queue->byte_count, length, 1)) {
        call->operand = 0;
        call_fail(call, MUCLIENT_RESOURCE_EXHAUSTED, memory_text);
        return;
    }
    memcpy(queue->bytes + queue->byte_count, text, length);
    queue->byte_count += length;
}

/* --- The end of an operation --- */

static size_t varint_bytes(uint64_t number)
{
    return (70 - (size_t)__builtin_clzll(number | 1)) / 7;
}

static bool item_push(const muclient_mu_call *call, uint64_t result)
{
    muclient_mu_batch *queue = &call->mu->queue;
    if (!room_make((void **)&queue->items, &queue->capacity, queue->count, 1,
                   sizeof *queue->items)) {
        muclient_mu_note(call->mu, MUCLIENT_RESOURCE_EXHAUSTED, call->row->name, "%s", memory_text);
        return false;
    }
    queue->items[queue->count++] =
        (muclient_mu_queued){.row = call->row,
                             .result = result,
                             .operands = call->operands,
                             .operand_count = queue->operand_count - call->operands,
                             .bytes = call->bytes,
                             .byte_count = queue->byte_count - call->bytes};
    queue->wire_bytes += HEADER_BYTES + varint_bytes(result) + queue->byte_count - call->bytes;
    for (size_t i = call->operands; i < queue->operand_count; i++) {
        queue->wire_bytes += varint_bytes(queue->operands[i]);
    }
    return true;
}

/* Queues the operation; false when it cannot be, and its result is then dead. */
static bool call_queue(muclient_mu_call *call, MuValue *result)
{
    muclient_mu_batch *queue = &call->mu->queue;
    muclient_mu_context *context = call->context;
    bool has_result = strchr("hnb", call->row->result) != NULL;
    uint64_t number = has_result ? context->next_handle++ : 0;
    *result = has_result ? muclient_mu_value(context, number) : NULL;
    if (call->row->result == 'H') {
        /* How many there are is in the answer. Meanwhile a trap handler may make others. */
        number = context->next_handle;
        context->next_handle += MUCLIENT_MU_RESULTS;
    }
    if (!call->is_bad && item_push(call, number)) {
        return true;
    }
    queue->operand_count = call->operands;
    queue->byte_count = call->bytes;
    if (has_result) {
        muclient_mu_dead_add(&context->dead, number);
    }
    return false;
}

MuValue muclient_mu_end(muclient_mu_call *call)
{
    const muclient_mu_batch *queue = &call->mu->queue;
    MuValue result = NULL;
    if (call_queue(call, &result) &&
        (queue->count >= MUCLIENT_MU_BATCH_MOST || queue->wire_bytes >= MUCLIENT_MU_BATCH_BYTES)) {
        (void)muclient_mu_flush(call->mu, NULL);
    }
    return result;
}

MuValue muclient_mu_end_now(muclient_mu_call *call)
{
    MuValue result = NULL;
    (void)call_queue(call, &result);
    (void)muclient_mu_flush(call->mu, NULL);
    return result;
}

bool muclient_mu_end_answer(muclient_mu_call *call, MuValue *result, muclient_mu_answer *answer)
{
    MuValue made = NULL;
    *answer = (muclient_mu_answer){0};
    bool is_queued = call_queue(call, &made);
    if (result != NULL) {
        *result = made;
    }
    return is_queued && muclient_mu_flush(call->mu, answer);
}

uint64_t muclient_mu_ask(muclient_mu_call *call)
{
    muclient_mu_answer answer;
    (void)muclient_mu_end_answer(call, NULL, &answer);
    free(answer.text);
    return answer.integer;
}
