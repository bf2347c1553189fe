#include "offenders.h"

#include "muclient.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOP_MS = 300, PAUSE_US = 500, SAMPLES_MOST = 200000, STOP_MS = 60000 };

typedef struct offence {
    const char *name;
    const char *program;
    uint64_t heap_bytes;
    uint64_t timeout_ms;
    muclient_code code; /* that a round ends with */
    const char *kind;   /* of the guest's error; "": none */
    bool leaves_much;   /* the VM goes after each round */
} offence;

#define PRELUDE                                                                                    \
    ".typedef @i64 = int<64> .typedef @void = void .typedef @stack = stackref\n"                   \
    ".funcsig @v_v = () -> ()\n"

/* Makes threads of @member, whose body follows. */
#define MAKER                                                                                      \
    PRELUDE ".global @never <@i64> .const @0 <@i64> = 0\n"                                         \
            ".funcdef @offend VERSION %v1 <@v_v> {\n"                                              \
            "    %entry(): BRANCH %more()\n"                                                       \
            "    %more(): %s = COMMINST @uvm.new_stack <[@v_v]> (@member)\n"                       \
            "        %t = NEWTHREAD %s PASS_VALUES <> () BRANCH %more() }\n"                       \
            ".funcdef @member VERSION %v1 <@v_v> {\n"

static const offence offences[OFFENDER_COUNT] = {
    [OFFENDER_ALLOCATES] =
        {"allocating",
         PRELUDE ".typedef @node = struct<@ref @i64 @i64 @i64> .typedef @ref = ref<@node>\n"
                 ".const @null <@ref> = NULL\n"
                 ".funcdef @offend VERSION %v1 <@v_v> {\n"
                 "    %entry(): BRANCH %more(@null)\n"
                 "    %more(<@ref> %list): %new = NEW <@node>\n"
                 "        %place = GETIREF <@node> %new\n"
                 "        %next = GETFIELDIREF <@node 0> %place\n"
                 "        STORE <@ref> %next %list BRANCH %more(%new) }\n",
         32u << 20, 0, MUCLIENT_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", false},
    [OFFENDER_LOOPS] = {"looping",
                        PRELUDE ".funcdef @offend VERSION %v1 <@v_v> {\n"
                                "    %entry(): BRANCH %again()\n    %again(): BRANCH %again() }\n",
                        0, LOOP_MS, MUCLIENT_DEADLINE_EXCEEDED, "", false},
    [OFFENDER_THREADS] =
        {"making threads",
         MAKER "    %entry(): %w = COMMINST @uvm.futex.wait <@i64> (@never @0) RET () }\n",
         16u << 20, 0, MUCLIENT_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", true},
    [OFFENDER_SWARMS] = {"making threads that loop",
                         MAKER "    %entry(): BRANCH %again()\n    %again(): BRANCH %again() }\n",
                         16u << 20, 0, MUCLIENT_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", true},
    [OFFENDER_TRAPS] = {"trapping",
                        PRELUDE ".funcdef @offend VERSION %v1 <@v_v> {\n"
                                "    %entry(): TRAP <> RET () }\n",
                        0, 0, MUCLIENT_FAILED_PRECONDITION, "", false},
};

struct offender {
    const offence *does;
    const char *socket;
    char vm[32];
    pthread_t thread;
    atomic_bool is_stopping;
    _Atomic uint64_t call;    /* that runs; 0: none, or not known yet */
    offender_record record;   /* the thread's until it has been joined */
    atomic_bool has_offended; /* there was a round */
};

const char *offender_name(offender_kind kind)
{
    return offences[kind].name;
}

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static void pause_a_little(void)
{
    struct timespec pause = {.tv_nsec = PAUSE_US * 1000};
    nanosleep(&pause, NULL);
}

static muclient *connect_or_end(const char *socket, const char *name)
{
    muclient *client = NULL;
    muclient_error *error = NULL;
    muclient_options options = {.socket = socket, .name = name, .handshake_timeout_ms = STOP_MS};
    if (muclient_connect(&options, &client, &error) != MUCLIENT_OK) {
        fprintf(stderr, "%s: %s\n", name, muclient_error_message(error));
        exit(1);
    }
    return client;
}

/* ------------------------------------------------------------------------------------ offenders */

static void complain(offender *self, const char *what, muclient_code code,
                     const muclient_error *error)
{
    if (!self->record.complaint[0]) {
        snprintf(self->record.complaint, sizeof self->record.complaint, "%s: %s %s: %.200s", what,
                 muclient_code_name(code), error ? muclient_error_kind(error) : "",
                 error ? muclient_error_message(error) : "");
    }
}

static bool load(offender *self, muclient *client)
{
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    const offence *does = self->does;
    muclient_load_spec spec = {
        .vm = self->vm, .file = "offends.uir", .heap_bytes = does->heap_bytes};
    muclient_code code =
        muclient_load_bytes(client, &spec, does->program, strlen(does->program), &reply, &error);
    if (code != MUCLIENT_OK) {
        complain(self, "loading", code, error);
    }
    muclient_error_free(error);
    muclient_reply_free(reply);
    return code == MUCLIENT_OK;
}

/* Another thread of control may want to kill the call meanwhile, so its number is waited for. */
static muclient_code call(offender *self, muclient *client, muclient_error **error)
{
    muclient_call_spec spec = {
        .vm = self->vm, .function = "offend", .timeout_ms = self->does->timeout_ms};
    uint64_t request = 0;
    muclient_reply *reply = NULL;
    muclient_code code = muclient_call_start(client, &spec, &request, error);
    while (code == MUCLIENT_OK && !muclient_is_answered(client, request) &&
           !muclient_call_number(client, request)) {
        code = muclient_poll(client, 10, error);
    }
    if (code == MUCLIENT_OK) {
        self->call = muclient_call_number(client, request);
        code = muclient_wait(client, request, &reply, error);
        self->call = 0;
    }
    muclient_reply_free(reply);
    return code;
}

static bool offend_once(offender *self, muclient *client)
{
    muclient_error *error = NULL;
    muclient_code code = call(self, client, &error);
    bool is_killed = self->is_stopping && code == MUCLIENT_KILLED;
    bool is_expected = code == self->does->code &&
                       strcmp(error ? muclient_error_kind(error) : "", self->does->kind) == 0;
    self->record.rounds += is_expected;
    self->has_offended = true;
    if (!is_expected && !is_killed) {
        complain(self, "calling", code, error);
    }
    muclient_error_free(error);
    return is_expected;
}

static bool remove_vm(offender *self, muclient *client)
{
    muclient_error *error = NULL;
    muclient_code code = muclient_vm_remove(client, self->vm, true, &error);
    if (code != MUCLIENT_OK) {
        complain(self, "removing", code, error);
    }
    muclient_error_free(error);
    return code == MUCLIENT_OK;
}

static void *offend(void *context)
{
    offender *self = context;
    muclient *client = connect_or_end(self->socket, self->does->name);
    bool goes_on = load(self, client);
    self->has_offended = !goes_on;
    while (goes_on && !self->is_stopping) {
        goes_on = offend_once(self, client);
        if (goes_on && self->does->leaves_much && !self->is_stopping) {
            goes_on = remove_vm(self, client) && load(self, client);
        }
        pause_a_little();
    }
    (void)remove_vm(self, client);
    muclient_close(client);
    return NULL;
}

offender *offender_start(const char *socket, offender_kind kind)
{
    offender *made = calloc(1, sizeof *made);
    made->does = &offences[kind];
    made->socket = socket;
    snprintf(made->vm, sizeof made->vm, "offender%d", (int)kind);
    if (pthread_create(&made->thread, NULL, offend, made) != 0) {
        perror("a thread");
        exit(1);
    }
    return made;
}

offender_record offender_stop(offender *stopped)
{
    muclient *client = connect_or_end(stopped->socket, "the end of it");
    double start = now_ms();
    while (!stopped->has_offended && now_ms() - start < STOP_MS) {
        pause_a_little();
    }
    stopped->is_stopping = true;
    struct timespec until;
    do {
        uint64_t call = stopped->call;
        muclient_code code = call ? muclient_call_kill(client, call, NULL) : MUCLIENT_OK;
        (void)code; /* it may have ended by itself */
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 1;
    } while (pthread_timedjoin_np(stopped->thread, NULL, &until) != 0 &&
             now_ms() - start < 2 * STOP_MS);
    if (now_ms() - start >= 2 * STOP_MS) {
        fprintf(stderr, "a call of the VM %s is not to be killed\n", stopped->vm);
        exit(1);
    }
    muclient_close(client);
    offender_record record = stopped->record;
    free(stopped);
    return record;
}

/* ------------------------------------------------------------------------------------ latencies */

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void must(muclient_code code, const char *what, const muclient_error *error)
{
    if (code != MUCLIENT_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, muclient_code_name(code),
                error ? muclient_error_message(error) : "");
        exit(1);
    }
}

call_latencies measure_calls(const char *socket, double seconds)
{
    static const char program[] =
        PRELUDE ".funcsig @i_i = (@i64) -> (@i64)\n"
                ".funcdef @same VERSION %v1 <@i_i> { %entry(<@i64> %n): RET (%n) }\n";
    muclient *client = connect_or_end(socket, "latencies");
    muclient_error *error = NULL;
    muclient_reply *reply = NULL;
    muclient_load_spec spec = {.vm = "fifth", .file = "fifth.uir"};
    must(muclient_load_bytes(client, &spec, program, strlen(program), &reply, &error), "loading",
         error);
    muclient_reply_free(reply);
    double *samples = calloc(SAMPLES_MOST, sizeof *samples);
    call_latencies seen = {0};
    muclient_value value = {.kind = MUCLIENT_INTEGER, .integer = 1};
    muclient_call_spec what = {
        .vm = "fifth", .function = "same", .arguments = &value, .argument_count = 1};
    double end = now_ms() + seconds * 1e3;
    while (now_ms() < end && seen.calls < SAMPLES_MOST) {
        double start = now_ms();
        must(muclient_call(client, &what, &reply, &error), "calling", error);
        samples[seen.calls++] = now_ms() - start;
        muclient_reply_free(reply);
        pause_a_little();
    }
    must(muclient_vm_remove(client, "fifth", true, &error), "removing", error);
    muclient_close(client);
    qsort(samples, seen.calls, sizeof *samples, by_size);
    if (seen.calls) {
        seen.median_ms = samples[seen.calls / 2];
        seen.p99_ms = samples[seen.calls * 99 / 100];
        seen.longest_ms = samples[seen.calls - 1];
    }
    free(samples);
    return seen;
}
