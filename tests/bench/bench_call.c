#include "bench_call.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX_BYTES (1u << 22)

static void give_up(mu_report *report, const char *what)
{
    char *text = mu_report_text(report);
    fprintf(stderr, "%s: %s\n", what, text);
    exit(1);
}

void bench_load(mu_vm *vm, const char *path)
{
    mu_report *report = mu_report_new();
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    char *text = mu_allocate(FILE_MAX_BYTES);
    size_t length = fread(text, 1, FILE_MAX_BYTES, file);
    fclose(file);
    if (mu_vm_load(vm, path, text, length, report, NULL) != MU_OK) {
        give_up(report, path);
    }
    mu_free(text);
    mu_report_free(report);
}

typedef struct call_end {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
} call_end;

static void on_finished(mu_thread *thread, void *context)
{
    call_end *end = context;
    (void)thread;
    pthread_mutex_lock(&end->lock);
    end->done = true;
    pthread_cond_signal(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static void on_trapped(mu_thread *thread, void *context)
{
    (void)context;
    if (mu_thread_resume(thread, NULL, 0, NULL) != MU_OK) {
        mu_thread_kill(thread);
    }
}

int64_t bench_call(mu_vm *vm, const char *name, const int64_t *arguments, uint32_t count)
{
    mu_report *report = mu_report_new();
    mu_function *function = mu_vm_find_function(vm, name);
    mu_value *values = mu_allocate(count * sizeof *values);
    mu_thread *thread;
    for (uint32_t i = 0; i < count; i++) {
        values[i] = (mu_value){.kind = MU_VALUE_INT, .bits = 64, .integer = (uint64_t)arguments[i]};
    }
    if (!function || mu_thread_new(vm, function, values, count, report, &thread) != MU_OK) {
        give_up(report, name);
        return 0;
    }
    call_end end = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    mu_thread_start(thread, on_trapped, on_finished, &end);
    pthread_mutex_lock(&end.lock);
    while (!end.done) {
        pthread_cond_wait(&end.changed, &end.lock);
    }
    pthread_mutex_unlock(&end.lock);
    if (mu_thread_outcome(thread) != MU_OUTCOME_RETURNED) {
        fprintf(stderr, "%s: %s\n", name, mu_thread_get_error(thread).message);
        exit(1);
    }
    int64_t result = (int64_t)mu_thread_result(thread, 0).integer;
    mu_thread_free(thread);
    mu_free(values);
    mu_report_free(report);
    return result;
}
