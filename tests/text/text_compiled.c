/* Runs tests as compiled code. One substrate serves all of them, configured by the environment, so
 * that MU_GC_STRESS=1 and its like apply; each case has a VM of its own. Traps are answered on the
 * worker thread that they come on, while the runner waits for the thread to finish. */
#include "text_transcript.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_VALUES_MOST 64
#define RUN_SECONDS        300 /* then a run is taken to hang; long because of MU_GC_STRESS */

typedef struct compiled_run compiled_run;

typedef struct compiled_state {
    mu_substrate *substrate;
    mu_vm *vm;
    bool waits_for_threads;
    compiled_run *run; /* under way */
} compiled_state;

static mu_thread_callbacks on_made(mu_thread *thread, const mu_function *function, void *context);

static void *open_compiled(const text_settings *settings)
{
    compiled_state *state = mu_allocate(sizeof *state);
    mu_substrate_config config = mu_substrate_config_from_environment();
    config.workers = config.workers ? config.workers : 2;
    mu_report *report = mu_report_new();
    mu_vm_config vm_config = {.limits.heap_bytes = settings->heap_bytes,
                              .limits.stack_bytes = settings->stack_bytes,
                              .grant_native = settings->grant_native};
    mu_status status = mu_substrate_new(&config, report, &state->substrate);
    MU_INVARIANT(status == MU_OK, "no substrate: %s", mu_status_name(status));
    status = mu_vm_new(state->substrate, &vm_config, &state->vm);
    MU_INVARIANT(status == MU_OK, "no VM: %s", mu_status_name(status));
    mu_vm_set_thread_hook(state->vm, &(mu_vm_thread_hook){on_made, state});
    state->waits_for_threads = settings->waits_for_threads;
    mu_report_free(report);
    return state;
}

static void close_compiled(void *opaque)
{
    compiled_state *state = opaque;
    mu_vm_free(state->vm);
    mu_substrate_free(state->substrate);
    mu_free(state);
}

static mu_status load_compiled(void *opaque, const char *name, const char *text, mu_report *report)
{
    compiled_state *state = opaque;
    size_t length = strlen(name);
    if (length > 5 && strcmp(name + length - 5, ".hail") == 0) {
        return mu_vm_load_hail(state->vm, name, text, strlen(text), report);
    }
    return mu_vm_load(state->vm, name, text, strlen(text), report, NULL);
}

static void watch_compiled(void *opaque, uint32_t watchpoint, bool enables)
{
    compiled_state *state = opaque;
    mu_status status = enables ? mu_vm_enable_watchpoint(state->vm, watchpoint)
                               : mu_vm_disable_watchpoint(state->vm, watchpoint);
    MU_INVARIANT(status == MU_OK, "watchpoint %u: %s", watchpoint, mu_status_name(status));
}

struct compiled_run {
    compiled_state *state;
    const text_run *run;
    const char *path;
    transcript *seen;
    pthread_mutex_t trap_lock; /* one trap at a time */
    pthread_mutex_t lock;      /* of what follows; taken in on_made, so never while waiting */
    pthread_cond_t changed;
    bool is_finished;           /* the call */
    bool is_closing;            /* threads that the program made are killed */
    MU_ARRAY(mu_thread *) made; /* by the program, and not finished */
};

static void record_frame(mu_thread *thread, uint32_t index, compiled_run *at, seen_trap *trap)
{
    mu_frame frame;
    if (mu_thread_frame(thread, index, &frame) != MU_OK) {
        transcript_break(at->seen, "no frame %u", index);
        return;
    }
    seen_frame recorded = {.is_undefined = !frame.version && !frame.is_native};
    snprintf(recorded.place, sizeof recorded.place, "%s",
             frame.instruction ? frame.instruction
             : frame.version   ? frame.version
                               : frame.function);
    for (uint32_t k = 0; k < frame.keepalive_count; k++) {
        mu_value value = {0};
        const char *name;
        if (mu_thread_keepalive(thread, index, k, &value, &name) != MU_OK) {
            transcript_break(at->seen, "no keep-alive %u of frame %u", k, index);
        }
        MU_ARRAY_PUSH(&recorded.values, value);
    }
    MU_ARRAY_PUSH(&trap->frames, recorded);
}

static void record_trap(mu_thread *thread, compiled_run *at)
{
    seen_trap trap = {.frame_total = mu_thread_frame_count(thread),
                      .watchpoint = mu_thread_trap(thread).watchpoint};
    for (uint32_t i = 0; i < trap.frame_total && i < TRANSCRIPT_FRAMES; i++) {
        record_frame(thread, i, at, &trap);
    }
    MU_ARRAY_PUSH(&at->seen->traps, trap);
}

static bool load_in_trap(compiled_run *at, const char *name)
{
    mu_arena *arena = mu_arena_new();
    mu_report *report = mu_report_new();
    size_t length;
    char *text = text_read_all(text_path_beside(arena, at->path, name), &length);
    bool done = text && load_compiled(at->state, name, text, report) == MU_OK;
    if (!done) {
        char *complaint = mu_report_text(report);
        transcript_break(at->seen, "loading %s in a trap: %s", name, complaint);
        mu_free(complaint);
    }
    mu_free(text);
    mu_report_free(report);
    mu_arena_free(arena);
    return done;
}

/* The values of the answer, for what the thread will wait for. */
static bool make_answer(const text_trap *expected, const mu_type_info *types, uint32_t count,
                        compiled_run *at, mu_value *values)
{
    uint32_t given = expected->values.count;
    if (given > ANSWER_VALUES_MOST || (given != 0 && given != count)) {
        transcript_break(at->seen, "the trap wants %u values", count);
        return false;
    }
    for (uint32_t i = 0; i < given; i++) {
        if (!text_value_make(&expected->values.items[i], types[i], &values[i])) {
            transcript_break(at->seen, "the answer %s does not fit",
                             expected->values.items[i].literal);
            return false;
        }
    }
    return true;
}

static mu_status resume_in(mu_thread *thread, const mu_replacement *replacement,
                           const text_trap *expected, compiled_run *at, mu_report *report)
{
    mu_value values[ANSWER_VALUES_MOST];
    mu_type_info *types = NULL;
    uint32_t count;
    mu_status status = mu_thread_wants_after(thread, replacement, report, &types, &count);
    if (status == MU_OK) {
        status = make_answer(expected, types, count, at, values) ? MU_OK : MU_INVALID;
    }
    mu_free(types);
    return status == MU_OK
               ? mu_thread_resume_in(thread, replacement, values, expected->values.count, report)
               : status;
}

static mu_status throw_in(mu_thread *thread, const mu_replacement *replacement,
                          const text_trap *expected, mu_report *report)
{
    mu_value exception = {.kind = MU_VALUE_REF, .is_null = true};
    if (expected->is_fresh) {
        exception.is_null = false;
        exception.is_fresh = true;
    } else if (expected->exception >= 0) {
        exception.is_null = false;
        exception.handle = (mu_handle){0, (uint32_t)expected->exception};
    }
    return mu_thread_throw_in(thread, replacement, &exception, report);
}

static mu_status give_answer(mu_thread *thread, const text_trap *expected, compiled_run *at)
{
    const mu_function *pushed =
        expected->push ? mu_vm_find_function(at->state->vm, expected->push) : NULL;
    mu_replacement replacement = {expected->pops, &pushed, pushed != NULL};
    if (expected->push && !pushed) {
        transcript_break(at->seen, "there is no function %s", expected->push);
        return MU_NOT_FOUND;
    }
    mu_report *report = mu_report_new();
    mu_status status = expected->answer == ANSWER_VALUES
                           ? resume_in(thread, &replacement, expected, at, report)
                           : throw_in(thread, &replacement, expected, report);
    if (status != MU_OK) {
        char *complaint = mu_report_text(report);
        transcript_break(at->seen, "answering: %s", complaint);
        mu_free(complaint);
    }
    mu_report_free(report);
    return status;
}

static void answer_trap(mu_thread *thread, compiled_run *at)
{
    const text_trap *expected = transcript_next_trap(at->seen, at->run);
    record_trap(thread, at);
    mu_status status = MU_STATE;
    if (expected && expected->collects) {
        mu_vm_collect(at->state->vm);
    }
    if (expected && expected->enables) {
        watch_compiled(at->state, expected->enables, true);
    }
    if (expected && expected->disables) {
        watch_compiled(at->state, expected->disables, false);
    }
    if (expected && (!expected->load || load_in_trap(at, expected->load))) {
        status = expected->answer == ANSWER_KILL ? MU_STATE : give_answer(thread, expected, at);
    }
    if (status != MU_OK) {
        mu_thread_kill(thread);
    }
}

static void on_trap(mu_thread *thread, void *context)
{
    compiled_run *at = context;
    pthread_mutex_lock(&at->trap_lock);
    answer_trap(thread, at);
    pthread_mutex_unlock(&at->trap_lock);
}

static void on_finished(mu_thread *thread, void *context)
{
    (void)thread;
    compiled_run *at = context;
    pthread_mutex_lock(&at->lock);
    at->is_finished = true;
    pthread_cond_signal(&at->changed);
    pthread_mutex_unlock(&at->lock);
}

static void on_made_finished(mu_thread *thread, void *context)
{
    compiled_run *at = context;
    pthread_mutex_lock(&at->lock);
    uint32_t i = 0;
    while (at->made.items[i] != thread) {
        i++;
    }
    at->made.items[i] = at->made.items[--at->made.count];
    mu_thread_free(thread);
    pthread_cond_signal(&at->changed);
    pthread_mutex_unlock(&at->lock);
}

static mu_thread_callbacks on_made(mu_thread *thread, const mu_function *function, void *context)
{
    compiled_run *at = ((compiled_state *)context)->run;
    (void)function;
    pthread_mutex_lock(&at->lock);
    MU_ARRAY_PUSH(&at->made, thread);
    if (at->is_closing) {
        mu_thread_kill(thread);
    }
    pthread_mutex_unlock(&at->lock);
    return (mu_thread_callbacks){on_trap, on_made_finished, at};
}

/* A thread that hangs would leave nothing to go on with: the whole program stops. */
static void wait_for_change(compiled_run *at, const struct timespec *until)
{
    if (pthread_cond_timedwait(&at->changed, &at->lock, until) != 0) {
        fprintf(stderr, "%s: %s hangs as compiled code\n", at->path, at->run->function);
        _Exit(1);
    }
}

static void wait_until_finished(compiled_run *at)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += RUN_SECONDS;
    pthread_mutex_lock(&at->lock);
    while (!at->is_finished || (at->state->waits_for_threads && at->made.count > 0)) {
        wait_for_change(at, &until);
    }
    at->is_closing = true;
    for (uint32_t i = 0; i < at->made.count; i++) {
        mu_thread_kill(at->made.items[i]);
    }
    while (at->made.count > 0) {
        wait_for_change(at, &until);
    }
    pthread_mutex_unlock(&at->lock);
}

static void record_outcome(mu_thread *thread, const mu_function *function, transcript *seen)
{
    mu_thread_error error;
    switch (mu_thread_outcome(thread)) {
    case MU_OUTCOME_RETURNED:
        seen->outcome = TEXT_RETURNS;
        for (uint32_t i = 0; i < mu_function_result_count(function); i++) {
            MU_ARRAY_PUSH(&seen->results, mu_thread_result(thread, i));
        }
        break;
    case MU_OUTCOME_EXITED: seen->outcome = TEXT_EXITS; break;
    case MU_OUTCOME_ERROR:
        seen->outcome = TEXT_THROWS;
        error = mu_thread_get_error(thread);
        snprintf(seen->error, sizeof seen->error, "%s", error.kind);
        snprintf(seen->note, sizeof seen->note, "%s", error.message);
        break;
    case MU_OUTCOME_KILLED: seen->outcome = TEXT_KILLED; break;
    }
}

static mu_thread *make_thread(compiled_state *state, const mu_function *function,
                              const text_run *run, transcript *seen)
{
    mu_value arguments[64];
    uint32_t count = run->arguments.count;
    if (count > 64 || count != mu_function_param_count(function)) {
        transcript_break(seen, "%s takes %u arguments", run->function,
                         mu_function_param_count(function));
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!text_value_make(&run->arguments.items[i], mu_function_param_type(function, i),
                             &arguments[i])) {
            transcript_break(seen, "the argument %s does not fit", run->arguments.items[i].literal);
            return NULL;
        }
    }
    mu_thread *thread = NULL;
    mu_report *report = mu_report_new();
    if (mu_thread_new(state->vm, function, arguments, count, report, &thread) != MU_OK) {
        char *complaint = mu_report_text(report);
        transcript_break(seen, "%s", complaint);
        mu_free(complaint);
    }
    mu_report_free(report);
    return thread;
}

static void run_compiled(void *opaque, const text_run *run, const char *path, transcript *seen)
{
    compiled_state *state = opaque;
    const mu_function *function = mu_vm_find_function(state->vm, run->function);
    if (!function) {
        transcript_break(seen, "there is no function %s", run->function);
        return;
    }
    mu_thread *thread = make_thread(state, function, run, seen);
    if (!thread) {
        return;
    }
    compiled_run at = {.state = state, .run = run, .path = path, .seen = seen};
    pthread_mutex_init(&at.lock, NULL);
    pthread_mutex_init(&at.trap_lock, NULL);
    pthread_cond_init(&at.changed, NULL);
    state->run = &at;
    mu_thread_start(thread, on_trap, on_finished, &at);
    wait_until_finished(&at);
    record_outcome(thread, function, seen);
    mu_thread_free(thread);
    pthread_cond_destroy(&at.changed);
    MU_ARRAY_FREE(&at.made);
    pthread_mutex_destroy(&at.lock);
    pthread_mutex_destroy(&at.trap_lock);
}

static const text_engine compiled_engine = {"compiled",    open_compiled,  close_compiled,
                                            load_compiled, watch_compiled, run_compiled};

const text_engine *text_compiled_engine(void)
{
    return &compiled_engine;
}
