#include "context_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char results[] = {
#define MU_CONTEXT(name, number, text, operands, result) [number] = result,
#include "mu_context_ops.def"
#undef MU_CONTEXT
};

/* ---- threads of the program */

static void on_trapped(mu_thread *thread, void *context)
{
    context_fixture *self = context;
    pthread_mutex_lock(&self->lock);
    self->trapped++;
    self->last_trapped = thread;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void on_finished(mu_thread *thread, void *context)
{
    context_fixture *self = context;
    (void)thread;
    pthread_mutex_lock(&self->lock);
    self->finished++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static mu_thread_callbacks on_made(mu_thread *thread, const mu_function *function, void *context)
{
    (void)thread;
    (void)function;
    return (mu_thread_callbacks){on_trapped, on_finished, context};
}

static void wait_for(context_fixture *self, const uint32_t *counter, uint32_t least)
{
    pthread_mutex_lock(&self->lock);
    while (*counter < least) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}

mu_thread *context_wait_trapped(context_fixture *self, uint32_t count)
{
    wait_for(self, &self->trapped, count);
    return self->last_trapped;
}

void context_wait_finished(context_fixture *self, uint32_t count)
{
    wait_for(self, &self->finished, count);
}

/* ---- life */

void context_fixture_open(context_fixture *self, const char *bundle, context_settings settings)
{
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {.limits.heap_bytes =
                                  settings.heap_bytes ? settings.heap_bytes : 16u << 20,
                              .grant_native = settings.grant_native};
    config.workers = 2;
    config.gc_verify = true;
    *self = (context_fixture){.report = mu_report_new(),
                              .next = 1000,
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER};
    cr_assert_eq(mu_substrate_new(&config, self->report, &self->substrate), MU_OK);
    cr_assert_eq(mu_vm_new(self->substrate, &vm_config, &self->vm), MU_OK);
    mu_vm_set_thread_hook(self->vm, &(mu_vm_thread_hook){on_made, self});
    mu_status status = mu_vm_load(self->vm, "test", bundle, strlen(bundle), self->report, NULL);
    char *text = mu_report_text(self->report);
    cr_assert_eq(status, MU_OK, "%s", text);
    mu_free(text);
    cr_assert_eq(mu_context_new(self->vm, &self->context), MU_OK);
}

void context_fixture_close(context_fixture *self)
{
    mu_context_free(self->context);
    mu_vm_free(self->vm);
    mu_substrate_free(self->substrate);
    mu_report_free(self->report);
}

/* ---- operations */

static mu_status perform(context_fixture *self, const mu_context_operation *operation)
{
    mu_context_answer *answers;
    uint32_t count;
    uint32_t failed = UINT32_MAX;
    mu_report_free(self->report);
    self->report = mu_report_new();
    mu_status status =
        mu_context_perform(self->context, operation, 1, &answers, &count, &failed, self->report);
    cr_assert_eq(failed, status == MU_OK ? UINT32_MAX : 0);
    self->answer = count ? answers[0] : (mu_context_answer){0};
    snprintf(self->text, sizeof self->text, "%s", count && answers[0].text ? answers[0].text : "");
    mu_context_answers_free(answers, count);
    self->answer.text = self->text;
    if (!self->is_quiet) {
        mu_vm_collect(self->vm);
    }
    return status;
}

static uint64_t perform_well(context_fixture *self, mu_context_operation *operation)
{
    char result = results[operation->op];
    operation->result = self->next;
    self->next += result == 'H' ? 100 : 1;
    mu_status status = perform(self, operation);
    char *text = mu_report_text(self->report);
    cr_assert_eq(status, MU_OK, "%s", text);
    mu_free(text);
    return result == 'i' ? self->answer.integer : operation->result;
}

uint64_t context_do(context_fixture *self, uint32_t op, const uint64_t *operands, uint32_t count)
{
    mu_context_operation operation = {.op = op, .operands = operands, .operand_count = count};
    return perform_well(self, &operation);
}

uint64_t context_do_bytes(context_fixture *self, uint32_t op, const char *bytes)
{
    mu_context_operation operation = {.op = op, .bytes = bytes, .byte_count = strlen(bytes)};
    return perform_well(self, &operation);
}

uint64_t context_do_path(context_fixture *self, uint32_t op, const uint64_t *operands,
                         uint32_t count, const char *path)
{
    mu_context_operation operation = {.op = op,
                                      .operands = operands,
                                      .operand_count = count,
                                      .bytes = path,
                                      .byte_count = strlen(path)};
    return perform_well(self, &operation);
}

static void expect_refusal(context_fixture *self, mu_status status, const char *words,
                           const mu_context_operation *operation)
{
    uint32_t held = mu_context_handle_count(self->context);
    mu_status given = perform(self, operation);
    char *text = mu_report_text(self->report);
    cr_assert_eq(given, status, "%s, not %s: %s", mu_status_name(given), mu_status_name(status),
                 text);
    cr_assert_not_null(strstr(text, words), "\"%s\" is not in: %s", words, text);
    cr_assert_eq(mu_context_handle_count(self->context), held);
    mu_free(text);
}

void context_refused(context_fixture *self, mu_status status, const char *words, uint32_t op,
                     const uint64_t *operands, uint32_t count)
{
    mu_context_operation operation = {
        .op = op, .result = self->next, .operands = operands, .operand_count = count};
    expect_refusal(self, status, words, &operation);
}

void context_path_refused(context_fixture *self, mu_status status, const char *words, uint32_t op,
                          const uint64_t *operands, uint32_t count, const char *path)
{
    mu_context_operation operation = {.op = op,
                                      .result = self->next,
                                      .operands = operands,
                                      .operand_count = count,
                                      .bytes = path,
                                      .byte_count = strlen(path)};
    expect_refusal(self, status, words, &operation);
}

/* ---- short ways */

uint64_t context_id(context_fixture *self, const char *name)
{
    return context_do_bytes(self, CTX_ID_OF, name);
}

uint64_t context_int(context_fixture *self, uint32_t bits, uint64_t value)
{
    return DO(self, FROM_INT, bits, value, 0);
}

uint64_t context_int_of(context_fixture *self, uint64_t handle)
{
    return DO(self, TO_INT, handle);
}

const char *context_name(context_fixture *self, uint64_t id)
{
    DO(self, NAME_OF, id);
    return self->text;
}

uint64_t context_start(context_fixture *self, const char *function, const uint64_t *values,
                       uint32_t count)
{
    uint64_t operands[16] = {0};
    uint64_t callee = DO(self, FROM_FUNC, context_id(self, function));
    operands[0] = DO(self, NEW_STACK, callee);
    operands[2] = count;
    for (uint32_t i = 0; i < count; i++) {
        operands[3 + i] = values[i];
    }
    return context_do(self, CTX_NEW_THREAD_NOR, operands, 3 + count);
}
