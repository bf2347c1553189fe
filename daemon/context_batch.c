/* Batches of operations. A request is copied, because it outlives the loop's arena, and performed a
 * slice at a time, so that other jobs have their turn on the worker between, and so that one whose
 * client has died stops soon. The worker puts the reply together as well. */
#include "client_context.h"
#include <string.h>

enum { SLICE_OPERATIONS = 1024 };

enum {
#define MU_CONTEXT(name, number, text, operands, result) OP_##name = (number),
#include "mu_context_ops.def"
#undef MU_CONTEXT
};

typedef struct mud_batch {
    mud_context_job job;
    size_t size_bytes; /* of the request's copy */
    void *memory;      /* it: the operations, their operands, their bytes */
    mu_context_operation *operations;
    uint32_t count;
    uint32_t done;
    proto_arena *arena; /* of the reply */
    Mud__Performed *reply;
    size_t text_bytes;
    bool is_cut; /* a text did not fit */
} mud_batch;

/* ---------------------------------------------------------------------------- on the loop's thread
 */

static size_t copy_bytes(const Mud__Perform *perform)
{
    size_t size_bytes = perform->n_operations * sizeof(mu_context_operation);
    for (size_t i = 0; i < perform->n_operations; i++) {
        size_bytes += perform->operations[i]->n_operands * sizeof(uint64_t);
        size_bytes += perform->operations[i]->bytes.len;
    }
    return size_bytes;
}

static void *place(char **at, const void *from, size_t size_bytes)
{
    void *copy = *at;
    if (size_bytes > 0) {
        memcpy(copy, from, size_bytes);
    }
    *at += size_bytes;
    return copy;
}

/* What has 8 bytes goes first, so that everything is aligned. */
static void copy_request(mud_batch *batch, const Mud__Perform *perform)
{
    char *at = batch->memory;
    batch->count = (uint32_t)perform->n_operations;
    batch->operations = batch->memory;
    at += batch->count * sizeof *batch->operations;
    for (uint32_t i = 0; i < batch->count; i++) {
        const Mud__Operation *from = perform->operations[i];
        batch->operations[i] = (mu_context_operation){
            .op = from->op,
            .result = from->result,
            .operands = place(&at, from->operands, from->n_operands * sizeof(uint64_t)),
            .operand_count = (uint32_t)from->n_operands};
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        const ProtobufCBinaryData *from = &perform->operations[i]->bytes;
        batch->operations[i].bytes = place(&at, from->data, from->len);
        batch->operations[i].byte_count = from->len;
    }
}

static void free_batch(mud_batch *batch)
{
    mud_daemon *daemon = batch->job.context->daemon;
    mud_session *session = mud_session_find(daemon, batch->job.ticket.session);
    daemon->batch_bytes -= batch->size_bytes;
    if (session != NULL) {
        session->batch_bytes -= batch->size_bytes;
    }
    proto_arena_free(batch->arena);
    mu_free(batch->memory);
    mud_context_job_deinit(&batch->job);
    mu_free(batch);
}

static void end_batch(mud_context_job *job)
{
    mud_batch *batch = (mud_batch *)job;
    Mud__ServerFrame frame;
    mud__server_frame__init(&frame);
    frame.reply_case = MUD__SERVER_FRAME__REPLY_PERFORMED;
    frame.performed = batch->reply;
    mud_answer_send(job->context->daemon, job->ticket, &frame);
    free_batch(batch);
}

static void drop_batch(mud_context_job *job)
{
    mud_answer_error(job->context->daemon, job->ticket, MUD__CODE__CANCELLED, "",
                     "context %llu was closed before the operations were performed",
                     (unsigned long long)job->context->id);
    free_batch((mud_batch *)job);
}

static bool has_room(mud_session *session, mud_ticket ticket, const mud_context *context,
                     const Mud__Perform *perform, size_t size_bytes)
{
    mud_daemon *daemon = session->daemon;
    if (perform->n_operations > MUD_BATCH_OPERATIONS_MOST) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "send them in parts",
                         "%zu operations in one request; there may be %u", perform->n_operations,
                         MUD_BATCH_OPERATIONS_MOST);
        return false;
    }
    if (context->queued >= MUD_BATCHES_QUEUED_MOST ||
        session->batch_bytes + size_bytes > MUD_SESSION_BATCH_BYTES_MOST ||
        daemon->batch_bytes + size_bytes > MUD_BATCH_BYTES_MOST) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED,
                         "wait for replies before sending more",
                         "too many operations wait to be performed");
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------ on a worker
 */

/* An answer's text as far as the reply has room for it, whole characters only. */
static void copy_text(mud_batch *batch, const char *text, Mud__OperationAnswer *answer)
{
    size_t left = MUD_REPLY_TEXT_BYTES - batch->text_bytes;
    size_t length = strlen(text);
    if (length > left) {
        batch->is_cut = true;
        length = left;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    answer->has_text = true;
    answer->text.data = mud_answer_allocate(batch->arena, length + 1);
    answer->text.len = length;
    memcpy(answer->text.data, text, length);
    batch->text_bytes += length;
}

/* With the report as diagnostics, unless it is NULL. */
static void put_error(mud_batch *batch, Mud__Code code, const char *message,
                      const mu_report *report, uint32_t failed)
{
    batch->reply->error = mud_error_of_report(batch->arena, code, "", message, report);
    batch->reply->failed = failed;
}

static void put_answers(mud_batch *batch, const mu_context_answer *answers, uint32_t count)
{
    Mud__Performed *reply = batch->reply;
    if (count > 0 && reply->answers == NULL) {
        /* No operation gives more than one. */
        reply->answers = mud_answer_allocate(batch->arena, batch->count * sizeof *reply->answers);
    }
    for (uint32_t i = 0; i < count; i++) {
        Mud__OperationAnswer *answer = mud_answer_allocate(batch->arena, sizeof *answer);
        mud__operation_answer__init(answer);
        answer->operation = batch->done + answers[i].operation;
        answer->integer = answers[i].integer;
        answer->high = answers[i].high;
        answer->bits = answers[i].bits;
        bool was_cut = batch->is_cut;
        if (answers[i].text != NULL) {
            copy_text(batch, answers[i].text, answer);
        }
        reply->answers[reply->n_answers++] = answer;
        if (batch->is_cut && !was_cut) {
            put_error(batch, MUD__CODE__RESOURCE_EXHAUSTED,
                      "all was done, but from here on the texts are too long for one reply; ask "
                      "for fewer at once",
                      NULL, answer->operation);
        }
    }
}

static void put_failure(mud_batch *batch, uint32_t failed)
{
    const mud_context_job *job = &batch->job;
    uint32_t op = batch->operations[failed].op;
    Mud__Code refused = MUD__CODE__INVALID_ARGUMENT;
    if (op == OP_LOAD_BUNDLE || op == OP_LOAD_HAIL) {
        refused = MUD__CODE__BUNDLE_REJECTED;
    } else if (job->status == MU_NOT_FOUND) {
        refused = MUD__CODE__NOT_FOUND;
    }
    put_error(batch, mud_code_of_status(job->status, refused),
              mud_report_message(job->report, job->status), job->report, failed);
}

/* Performs up to a slice more; false: there is more to do. */
static bool run_batch(mud_context_job *job)
{
    mud_batch *batch = (mud_batch *)job;
    uint32_t left = batch->count - batch->done;
    uint32_t count = left < SLICE_OPERATIONS ? left : SLICE_OPERATIONS;
    uint32_t failed = 0;
    uint32_t answer_count = 0;
    mu_context_answer *answers = NULL;
    if (count == 0) {
        return true;
    }
    if (atomic_load(&job->context->is_interrupted)) {
        put_error(batch, MUD__CODE__CANCELLED, "the context was closed meanwhile", NULL,
                  batch->done);
        return true;
    }
    job->status = mu_context_perform(job->context->inner, batch->operations + batch->done, count,
                                     &answers, &answer_count, &failed, job->report);
    put_answers(batch, answers, answer_count);
    mu_context_answers_free(answers, answer_count);
    if (job->status != MU_OK) {
        put_failure(batch, batch->done + failed);
        return true;
    }
    batch->done += count;
    return batch->done == batch->count;
}

/* ----------------------------------------------------------------------------------------- request
 */

void mud_request_perform(mud_session *session, const Mud__ClientFrame *frame)
{
    static const mud_context_work performing = {run_batch, end_batch, drop_batch, true};
    mud_daemon *daemon = session->daemon;
    mud_ticket ticket = {session->id, frame->id};
    const Mud__Perform *perform = frame->perform;
    mud_context *context = mud_context_require(daemon, ticket, perform->context);
    size_t size_bytes = copy_bytes(perform);
    void *memory = NULL;
    if (context == NULL || !has_room(session, ticket, context, perform, size_bytes)) {
        return;
    }
    if (mu_try_allocate(size_bytes + 1, &memory) != MU_OK) {
        mud_answer_error(daemon, ticket, MUD__CODE__RESOURCE_EXHAUSTED, "try again later",
                         "no %zu bytes to hold the operations", size_bytes);
        return;
    }
    mud_batch *batch = mu_allocate(sizeof *batch);
    batch->size_bytes = size_bytes;
    batch->memory = memory;
    copy_request(batch, perform);
    batch->arena = proto_arena_new();
    MU_INVARIANT(batch->arena != NULL, "out of memory");
    batch->reply = mud_answer_allocate(batch->arena, sizeof *batch->reply);
    mud__performed__init(batch->reply);
    daemon->batch_bytes += size_bytes;
    session->batch_bytes += size_bytes;
    mud_context_enqueue(context, &performing, &batch->job, ticket);
}
