#include "vm_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

void vm_fixture_open(vm_fixture *self, uint32_t workers, const char *name, const char *text)
{
    vm_fixture_open_with(self, &(mu_substrate_config){.workers = workers}, name, text);
}

void vm_fixture_open_with(vm_fixture *self, const mu_substrate_config *config, const char *name,
                          const char *text)
{
    mu_vm_config vm_config = {.limits.heap_bytes = 256u << 20};
    *self = (vm_fixture){.report = mu_report_new(),
                         .lock = PTHREAD_MUTEX_INITIALIZER,
                         .changed = PTHREAD_COND_INITIALIZER};
    cr_assert_eq(mu_substrate_new(config, self->report, &self->substrate), MU_OK);
    cr_assert_eq(mu_vm_new(self->substrate, &vm_config, &self->vm), MU_OK);
    cr_assert_eq(mu_vm_load(self->vm, name, text, strlen(text), self->report, NULL), MU_OK);
}

void vm_fixture_close(vm_fixture *self)
{
    mu_vm_free(self->vm);
    mu_substrate_free(self->substrate);
    mu_report_free(self->report);
}

mu_thread *vm_fixture_thread(vm_fixture *self, const char *function, uint64_t argument)
{
    mu_function *called = mu_vm_find_function(self->vm, function);
    mu_value value = {.kind = MU_VALUE_INT, .bits = 64, .integer = argument};
    mu_thread *thread;
    cr_assert_not_null(called, "@%s", function);
    cr_assert_eq(mu_thread_new(self->vm, called, &value, mu_function_param_count(called),
                               self->report, &thread),
                 MU_OK);
    return thread;
}

static void on_trapped(mu_thread *thread, void *context)
{
    (void)context;
    mu_thread_kill(thread);
}

static void on_finished(mu_thread *thread, void *context)
{
    vm_fixture *self = context;
    (void)thread;
    pthread_mutex_lock(&self->lock);
    self->finished++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

mu_thread *vm_fixture_start(vm_fixture *self, const char *function, uint64_t argument)
{
    mu_thread *thread = vm_fixture_thread(self, function, argument);
    mu_thread_start(thread, on_trapped, on_finished, self);
    return thread;
}

void vm_fixture_set(vm_fixture *self, uint32_t *counter, uint32_t value)
{
    pthread_mutex_lock(&self->lock);
    *counter = value;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void vm_fixture_wait(vm_fixture *self, const uint32_t *counter, uint32_t least)
{
    pthread_mutex_lock(&self->lock);
    while (*counter < least) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}
