#include "hail_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

void hail_open(hail_fixture *f, const mu_substrate_config *config, uint64_t heap_bytes)
{
    mu_substrate_config usual = {.workers = 2};
    mu_vm_config vm_config = {.limits.heap_bytes = heap_bytes};
    *f = (hail_fixture){.report = mu_report_new(),
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .changed = PTHREAD_COND_INITIALIZER};
    cr_assert_eq(mu_substrate_new(config ? config : &usual, f->report, &f->substrate), MU_OK);
    cr_assert_eq(mu_vm_new(f->substrate, &vm_config, &f->vm), MU_OK);
}

void hail_close(hail_fixture *f)
{
    mu_vm_free(f->vm);
    mu_substrate_free(f->substrate);
    mu_report_free(f->report);
}

static void fail_with_report(hail_fixture *f, const char *what, mu_status status)
{
    cr_assert_fail("%s: %s\n%s", what, mu_status_name(status), mu_report_text(f->report));
}

void hail_bundle(hail_fixture *f, const char *text)
{
    mu_status status = mu_vm_load(f->vm, "bundle.uir", text, strlen(text), f->report, NULL);
    if (status != MU_OK) {
        fail_with_report(f, "the bundle was refused", status);
    }
}

mu_status hail_load_bytes(hail_fixture *f, const char *text, size_t length)
{
    mu_report_free(f->report);
    f->report = mu_report_new();
    return mu_vm_load_hail(f->vm, "script.hail", text, length, f->report);
}

mu_status hail_load(hail_fixture *f, const char *text)
{
    return hail_load_bytes(f, text, strlen(text));
}

void hail_load_well(hail_fixture *f, const char *text)
{
    mu_status status = hail_load(f, text);
    if (status != MU_OK) {
        fail_with_report(f, "the script was refused", status);
    }
}

static void on_finished(mu_thread *thread, void *context)
{
    hail_fixture *f = context;
    (void)thread;
    pthread_mutex_lock(&f->lock);
    f->finished++;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

mu_thread *hail_start(hail_fixture *f, const char *name, mu_thread_trapped_fn *trapped)
{
    mu_thread *thread;
    mu_function *function = mu_vm_find_function(f->vm, name);
    cr_assert_not_null(function, "no function %s", name);
    cr_assert_eq(mu_thread_new(f->vm, function, NULL, 0, f->report, &thread), MU_OK);
    f->finished = 0;
    mu_thread_start(thread, trapped, on_finished, f);
    return thread;
}

int64_t hail_result(hail_fixture *f, mu_thread *thread)
{
    pthread_mutex_lock(&f->lock);
    while (!f->finished) {
        pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED);
    int64_t result = (int64_t)mu_thread_result(thread, 0).integer;
    mu_thread_free(thread);
    return result;
}

int64_t hail_call(hail_fixture *f, const char *name)
{
    return hail_result(f, hail_start(f, name, NULL));
}

void hail_add(hail_script_text *to, const char *format, ...)
{
    char piece[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    for (int i = 0; i < length; i++) {
        MU_ARRAY_PUSH(&to->bytes, piece[i]);
    }
}
