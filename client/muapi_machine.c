/* A MuVM: opening and closing it and its contexts, errors, waiting for threads. */
#include "muapi_calls.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIAGNOSTICS_SHOWN = 8 };

/* --- Errors --- */

PROTO_PRINTF(2, 0)
static char *text_make(const char *operation, const char *format, va_list list)
{
    char *words = NULL;
    char *text = NULL;
    if (vasprintf(&words, format, list) < 0) {
        return NULL;
    }
    if (operation == NULL) {
        return words;
    }
    if (asprintf(&text, "%s: %s", operation, words) < 0) {
        text = NULL;
    }
    free(words);
    return text;
}

void muclient_mu_note(muclient_mu *mu, muclient_code code, const char *operation,
                      const char *format, ...)
{
    if (mu->error != 0) {
        return;
    }
    va_list list;
    va_start(list, format);
    free(mu->error_text);
    mu->error_text = text_make(operation, format, list);
    va_end(list);
    mu->error = (int)code;
}

void muclient_mu_note_error(muclient_mu *mu, const char *operation, muclient_code code,
                            muclient_error *error)
{
    if (error == NULL) {
        muclient_mu_note(mu, code, operation, "%s", muclient_code_name(code));
        return;
    }
    size_t count = 0;
    const muclient_diagnostic *all = muclient_error_diagnostics(error, &count);
    const char *hint = muclient_error_hint(error);
    char text[2048];
    size_t length = (size_t)snprintf(text, sizeof text, "%s%s%s", muclient_error_message(error),
                                     hint[0] == 0 ? "" : "; ", hint);
    for (size_t i = 0; i < count && i < DIAGNOSTICS_SHOWN && length < sizeof text; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "\n%s:%u:%u: %s",
                                   all[i].location.file, all[i].location.line,
                                   all[i].location.column, all[i].message);
    }
    muclient_mu_note(mu, code, operation, "%s", text);
    muclient_error_free(error);
}

const char *muclient_mu_error(const MuVM *mvm)
{
    const muclient_mu *mu = mvm->header;
    if (mu->error == 0) {
        return "";
    }
    return mu->error_text == NULL ? "out of memory" : mu->error_text;
}

int *muclient_mu_vm_get_mu_error_ptr(MuVM *mvm)
{
    muclient_mu *mu = mvm->header;
    return &mu->error;
}

/* --- Requests --- */

bool muclient_mu_exchange(muclient_mu *mu, const char *operation, const Mud__ClientFrame *frame,
                          int reply_case, proto_arena **arena, const Mud__ServerFrame **reply)
{
    muclient_pending *pending = NULL;
    muclient_error *error = NULL;
    muclient_code code = muclient_send(mu->client, frame, &pending, &error);
    if (code == MUCLIENT_OK) {
        code = muclient_pending_wait(mu->client, pending, &error);
        if (code != MUCLIENT_OK) {
            muclient_forget(mu->client, frame->id);
        }
    }
    if (code != MUCLIENT_OK || pending == NULL) {
        muclient_mu_note_error(mu, operation, code, error);
        return false;
    }
    if ((int)pending->frame->reply_case == reply_case) {
        *reply = pending->frame;
        *arena = pending->arena;
        pending->arena = NULL;
        muclient_pending_drop(mu->client, pending);
        return true;
    }
    if (pending->frame->reply_case == MUD__SERVER_FRAME__REPLY_ERROR) {
        code = muclient_pending_take(mu->client, pending, NULL, &error);
        muclient_mu_note_error(mu, operation, code, error);
        return false;
    }
    muclient_pending_drop(mu->client, pending);
    muclient_mu_note(mu, MUCLIENT_INTERNAL, operation, "mud answered something else");
    return false;
}

/* --- Contexts --- */

muclient_mu_context *muclient_mu_context_new(muclient_mu *mu, uint64_t id, uint64_t next_handle)
{
    muclient_mu_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        return NULL;
    }
    mu->next_serial++;
    if ((mu->next_serial & 0xffffff) == 0) {
        mu->next_serial++;
    }
    *context = (muclient_mu_context){.face = muclient_mu_context_face,
                                     .mu = mu,
                                     .next = mu->contexts,
                                     .id = id,
                                     .serial = mu->next_serial,
                                     .next_handle = next_handle};
    context->face.header = context;
    mu->contexts = context;
    return context;
}

void muclient_mu_context_free(muclient_mu_context *context)
{
    muclient_mu_context **link = &context->mu->contexts;
    while (*link != context) {
        link = &(*link)->next;
    }
    *link = context->next;
    free(context->dead.numbers);
    free(context);
}

static muclient_mu_context *context_open(muclient_mu *mu)
{
    Mud__ClientFrame frame;
    Mud__OpenContext request;
    proto_arena *arena = NULL;
    const Mud__ServerFrame *reply = NULL;
    muclient_frame_begin(mu->client, &frame, MUD__CLIENT_FRAME__REQUEST_OPEN_CONTEXT);
    mud__open_context__init(&request);
    frame.open_context = &request;
    request.vm = mu->vm;
    if (!muclient_mu_exchange(mu, "new_context", &frame, MUD__SERVER_FRAME__REPLY_CONTEXT_OPENED,
                              &arena, &reply)) {
        return NULL;
    }
    muclient_mu_context *context = muclient_mu_context_new(mu, reply->context_opened->context, 1);
    proto_arena_free(arena);
    if (context == NULL) {
        muclient_mu_note(mu, MUCLIENT_RESOURCE_EXHAUSTED, "new_context", "out of memory");
    }
    return context;
}

MuCtx *muclient_mu_vm_new_context(MuVM *mvm)
{
    muclient_mu *mu = mvm->header;
    muclient_mu_context *context = context_open(mu);
    return context == NULL ? NULL : &context->face;
}

/* Waits, so that its place and what its handles kept are free for what the client does next. */
static void context_close(const muclient_mu_context *context)
{
    muclient_mu *mu = context->mu;
    Mud__ClientFrame frame;
    Mud__CloseContext request;
    proto_arena *arena = NULL;
    const Mud__ServerFrame *reply = NULL;
    muclient_frame_begin(mu->client, &frame, MUD__CLIENT_FRAME__REQUEST_CLOSE_CONTEXT);
    mud__close_context__init(&request);
    frame.close_context = &request;
    request.context = context->id;
    if (muclient_mu_exchange(mu, "close_context", &frame, MUD__SERVER_FRAME__REPLY_DONE, &arena,
                             &reply)) {
        proto_arena_free(arena);
    }
}

void muclient_mu_close_context(MuCtx *ctx)
{
    muclient_mu_context *context = ctx->header;
    if (context->is_trap) {
        muclient_mu_note(context->mu, MUCLIENT_FAILED_PRECONDITION, "close_context",
                         "the context of a trap is closed when the handler returns");
        return;
    }
    (void)muclient_mu_flush(context->mu, NULL);
    context_close(context);
    muclient_mu_context_free(context);
}

MuID muclient_mu_vm_id_of(MuVM *mvm, MuName name)
{
    const muclient_mu *mu = mvm->header;
    return muclient_mu_id_of(&mu->own->face, name);
}

MuName muclient_mu_vm_name_of(MuVM *mvm, MuID id)
{
    const muclient_mu *mu = mvm->header;
    return muclient_mu_name_of(&mu->own->face, id);
}

/* --- Opening and closing --- */

static void machine_free(muclient_mu *mu)
{
    muclient_mu **link = &mu->client->mus;
    while (*link != mu) {
        link = &(*link)->next;
    }
    *link = mu->next;
    for (muclient_mu_context *each = mu->contexts; each != NULL;) {
        muclient_mu_context *next = each->next;
        free(each->dead.numbers);
        free(each);
        each = next;
    }
    muclient_mu_batch_deinit(&mu->queue);
    muclient_mu_batch_deinit(&mu->spare);
    muclient_mu_names_free(mu);
    free(mu->error_text);
    free(mu->vm);
    free(mu);
}

MuVM *muclient_mu_open(muclient *client, const char *vm, muclient_error **error)
{
    muclient_mu *mu = calloc(1, sizeof *mu);
    char *name = strdup(vm);
    if (mu == NULL || name == NULL) {
        free(mu);
        free(name);
        (void)muclient_fail_memory(error);
        return NULL;
    }
    *mu = (muclient_mu){
        .face = muclient_mu_vm_face, .next = client->mus, .client = client, .vm = name};
    mu->face.header = mu;
    client->mus = mu;
    mu->own = context_open(mu);
    if (mu->own == NULL) {
        (void)muclient_fail(error, (muclient_code)mu->error, "", "%s",
                            muclient_mu_error(&mu->face));
        machine_free(mu);
        return NULL;
    }
    return &mu->face;
}

void muclient_mu_close(MuVM *mvm)
{
    if (mvm == NULL) {
        return;
    }
    muclient_mu *mu = mvm->header;
    if (mu->client->is_handling) {
        muclient_mu_note(mu, MUCLIENT_FAILED_PRECONDITION, "muclient_mu_close",
                         "a trap handler cannot close the MuVM");
        return;
    }
    (void)muclient_mu_flush(mu, NULL);
    muclient_mu_vm_set_trap_handler(mvm, NULL, NULL);
    for (const muclient_mu_context *each = mu->contexts; each != NULL; each = each->next) {
        context_close(each);
    }
    machine_free(mu);
}

void muclient_mu_send(MuVM *mvm)
{
    (void)muclient_mu_flush(mvm->header, NULL);
}

const char *muclient_mu_vm_name(const MuVM *mvm)
{
    const muclient_mu *mu = mvm->header;
    return mu->vm;
}

muclient *muclient_mu_connection(const MuVM *mvm)
{
    const muclient_mu *mu = mvm->header;
    return mu->client;
}

/* --- Threads --- */

void muclient_mu_vm_execute(MuVM *mvm)
{
    muclient_mu *mu = mvm->header;
    Mud__ClientFrame frame;
    Mud__WaitThreads request;
    proto_arena *arena = NULL;
    const Mud__ServerFrame *reply = NULL;
    if (mu->client->is_handling) {
        muclient_mu_note(mu, MUCLIENT_FAILED_PRECONDITION, "execute",
                         "a trap handler cannot wait for threads");
        return;
    }
    (void)muclient_mu_flush(mu, NULL);
    muclient_frame_begin(mu->client, &frame, MUD__CLIENT_FRAME__REQUEST_WAIT_THREADS);
    mud__wait_threads__init(&request);
    frame.wait_threads = &request;
    request.vm = mu->vm;
    if (muclient_mu_exchange(mu, "execute", &frame, MUD__SERVER_FRAME__REPLY_DONE, &arena,
                             &reply)) {
        proto_arena_free(arena);
    }
}
