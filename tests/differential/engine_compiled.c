/* A program as compiled code, through the substrate's face. */
#include "engine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct compiled_session {
    mu_vm *vm;
    engine_text *out;
    uint32_t traps;
    uint32_t calls;
    pthread_mutex_t lock;
    pthread_cond_t signal;
    bool is_finished;
} compiled_session;

static void write_trap(mu_thread *thread, engine_text *out)
{
    uint32_t count = mu_thread_frame_count(thread);
    engine_write(out, "trap, watchpoint %u, %u frames\n", mu_thread_trap(thread).watchpoint, count);
    for (uint32_t i = 0; i < count && i < ENGINE_FRAMES_MAX; i++) {
        mu_frame frame;
        if (mu_thread_frame(thread, i, &frame) != MU_OK) {
            engine_write(out, "  no frame %u\n", i);
            continue;
        }
        engine_write(out, "  %s %s:", frame.version ? frame.version : frame.function,
                     frame.instruction ? frame.instruction : "-");
        for (uint32_t k = 0; k < frame.keepalive_count; k++) {
            mu_value value = {0};
            const char *name;
            if (mu_thread_keepalive(thread, i, k, &value, &name) != MU_OK) {
                engine_write(out, " missing");
            }
            engine_write_value(out, &value);
        }
        engine_write(out, "\n");
    }
}

static mu_status answer_values(mu_thread *thread, uint64_t random)
{
    mu_value values[ENGINE_ARGUMENTS_MAX];
    uint32_t count = mu_thread_trap(thread).result_count;
    bool can = true;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word = engine_scramble(&random);
        can = engine_make_value(mu_thread_trap_result_type(thread, i), word, &values[i]) && can;
    }
    return mu_thread_resume(thread, values, can ? count : 0, NULL);
}

static mu_status answer_throw(mu_thread *thread, engine_answer_kind kind)
{
    mu_value exception = {
        .kind = MU_VALUE_REF, .is_null = kind != ANSWER_FRESH, .is_fresh = kind == ANSWER_FRESH};
    mu_frame frame;
    if (kind == ANSWER_KEPT && mu_thread_frame(thread, 0, &frame) == MU_OK) {
        for (uint32_t k = 0; k < frame.keepalive_count; k++) {
            mu_value value = {0};
            const char *name;
            if (mu_thread_keepalive(thread, 0, k, &value, &name) == MU_OK &&
                value.kind == MU_VALUE_REF) {
                exception.is_null = value.is_null;
                exception.handle = (mu_handle){0, k};
                break;
            }
        }
    }
    return mu_thread_throw(thread, &exception, NULL);
}

static void draw_watchpoints(compiled_session *session, bool is_trap)
{
    uint32_t mask;
    if (!engine_draw_watchpoints(session->calls, session->traps, is_trap, &mask)) {
        return;
    }
    for (uint32_t i = 0; i < ENGINE_WATCHPOINTS; i++) {
        uint32_t id = engine_watchpoint(i);
        mu_status status = mask >> i & 1 ? mu_vm_enable_watchpoint(session->vm, id)
                                         : mu_vm_disable_watchpoint(session->vm, id);
        MU_INVARIANT(status == MU_OK, "watchpoint %u: %s", id, mu_status_name(status));
    }
}

static void answer_trap(mu_thread *thread, compiled_session *session, bool may_kill)
{
    write_trap(thread, session->out);
    engine_answer chosen =
        engine_answer_of(session->traps++, mu_thread_trap(thread).is_undefined_function, may_kill);
    draw_watchpoints(session, true);
    if (chosen.collects) {
        mu_vm_collect(session->vm);
    }
    mu_status status = MU_OK;
    switch (chosen.kind) {
    case ANSWER_ZEROS: status = mu_thread_resume(thread, NULL, 0, NULL); break;
    case ANSWER_VALUES: status = answer_values(thread, chosen.random); break;
    case ANSWER_NULL:
    case ANSWER_FRESH:
    case ANSWER_KEPT: status = answer_throw(thread, chosen.kind); break;
    case ANSWER_KILL: mu_thread_kill(thread); break;
    }
    if (status != MU_OK) {
        engine_write(session->out, "cannot go on: %s\n", mu_status_name(status));
        mu_thread_kill(thread);
    }
}

static void on_trap(mu_thread *thread, void *context)
{
    answer_trap(thread, context, true);
}

/* Of a thread that the program made: another one waits for it, so nothing else happens meanwhile.
 */
static void on_trap_of_made(mu_thread *thread, void *context)
{
    answer_trap(thread, context, false);
}

static void on_made_finished(mu_thread *thread, void *context)
{
    (void)context;
    mu_thread_free(thread);
}

static mu_thread_callbacks on_made(mu_thread *thread, const mu_function *function, void *context)
{
    (void)thread;
    (void)function;
    return (mu_thread_callbacks){on_trap_of_made, on_made_finished, context};
}

static void on_finished(mu_thread *thread, void *context)
{
    (void)thread;
    compiled_session *session = context;
    pthread_mutex_lock(&session->lock);
    session->is_finished = true;
    pthread_cond_signal(&session->signal);
    pthread_mutex_unlock(&session->lock);
}

static void write_outcome(mu_thread *thread, const mu_function *function, engine_text *out)
{
    switch (mu_thread_outcome(thread)) {
    case MU_OUTCOME_RETURNED:
        engine_write(out, "returned");
        for (uint32_t i = 0; i < mu_function_result_count(function); i++) {
            mu_value value = mu_thread_result(thread, i);
            engine_write_value(out, &value);
        }
        break;
    case MU_OUTCOME_EXITED: engine_write(out, "exited"); break;
    case MU_OUTCOME_ERROR: engine_write(out, "error %s", mu_thread_get_error(thread).kind); break;
    case MU_OUTCOME_KILLED: engine_write(out, "killed"); break;
    }
    engine_write(out, "\n");
}

static void run_call(compiled_session *session, const engine_call *call)
{
    const mu_function *function = mu_vm_find_function(session->vm, call->function);
    if (!function) {
        engine_write(session->out, "no function %s\n", call->function);
        return;
    }
    mu_value arguments[ENGINE_ARGUMENTS_MAX];
    uint32_t count = mu_function_param_count(function);
    for (uint32_t i = 0; i < count; i++) {
        engine_make_value(mu_function_param_type(function, i), i < call->count ? call->words[i] : 0,
                          &arguments[i]);
    }
    engine_write(session->out, "call %s\n", call->function);
    mu_thread *thread;
    mu_report *report = mu_report_new();
    if (mu_thread_new(session->vm, function, arguments, count, report, &thread) != MU_OK) {
        char *text = mu_report_text(report);
        engine_write(session->out, "no thread: %s\n", text);
        mu_free(text);
    } else {
        session->is_finished = false;
        mu_thread_start(thread, on_trap, on_finished, session);
        pthread_mutex_lock(&session->lock);
        while (!session->is_finished) {
            pthread_cond_wait(&session->signal, &session->lock);
        }
        pthread_mutex_unlock(&session->lock);
        write_outcome(thread, function, session->out);
        mu_thread_free(thread);
    }
    mu_report_free(report);
}

engine_verdict engine_run_compiled(mu_substrate *substrate, const char *program, engine_text *out)
{
    mu_vm_config config = {.limits.heap_bytes = ENGINE_HEAP_BYTES,
                           .limits.stack_bytes = ENGINE_STACK_BYTES,
                           .grant_native = engine_is_trusted()};
    compiled_session session = {.out = out};
    mu_status status = mu_vm_new(substrate, &config, &session.vm);
    MU_INVARIANT(status == MU_OK, "no VM: %s", mu_status_name(status));
    mu_vm_set_thread_hook(session.vm, &(mu_vm_thread_hook){on_made, &session});
    pthread_mutex_init(&session.lock, NULL);
    pthread_cond_init(&session.signal, NULL);
    mu_report *report = mu_report_new();
    status = mu_vm_load(session.vm, "program", program, strlen(program), report, NULL);
    if (status != MU_OK) {
        char *text = mu_report_text(report);
        engine_write(out, "%s", text);
        mu_free(text);
    }
    engine_call call;
    while (status == MU_OK && engine_next_call(&program, &call)) {
        session.calls++;
        draw_watchpoints(&session, false);
        run_call(&session, &call);
    }
    mu_report_free(report);
    pthread_cond_destroy(&session.signal);
    pthread_mutex_destroy(&session.lock);
    mu_vm_free(session.vm);
    return status == MU_OK ? ENGINE_RAN : ENGINE_REFUSED;
}
