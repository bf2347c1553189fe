/* libmuclient against a server that behaves as it is told. */
#include "fake_mud.h"
#include "muclient.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <unistd.h>

static muclient *connected(fake_mud *fake)
{
    muclient_options options = {.socket = fake_mud_socket(fake)};
    muclient *client = NULL;
    cr_assert_eq(muclient_connect(&options, &client, NULL), MUCLIENT_OK);
    return client;
}

static muclient_call_spec spec_of(const char *function)
{
    return (muclient_call_spec){.vm = "gcd", .function = function};
}

Test(muclient, handshake_tells_who_answers)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    cr_assert_str_eq(muclient_server_name(client), "mud 0.1.0");
    cr_assert_eq(muclient_server_pid(client), 812);
    cr_assert_str_eq(muclient_path(client), fake_mud_socket(fake));
    muclient_close(client);
    fake_mud_stop(fake);
}

static void connect_fails(const fake_options *how, muclient_code expected, const char *words)
{
    fake_mud *fake = fake_mud_start(how);
    muclient_options options = {.socket = fake_mud_socket(fake), .handshake_timeout_ms = 100};
    muclient *client = NULL;
    muclient_error *error = NULL;
    cr_assert_eq(muclient_connect(&options, &client, &error), expected);
    cr_assert_null(client);
    cr_assert_eq(muclient_error_code(error), expected);
    cr_assert_not_null(strstr(muclient_error_message(error), words), "%s",
                       muclient_error_message(error));
    muclient_error_free(error);
    fake_mud_stop(fake);
}

Test(muclient, handshake_failures_are_told_apart)
{
    connect_fails(&(fake_options){.version = 9}, MUCLIENT_FAILED_PRECONDITION, "version 9");
    connect_fails(&(fake_options){.is_silent = 1}, MUCLIENT_UNAVAILABLE, "does not answer");
    connect_fails(&(fake_options){.is_rude = 1}, MUCLIENT_RESOURCE_EXHAUSTED, "too many sessions");
}

Test(muclient, absent_mud_is_unavailable_and_the_hint_says_how_to_start_it)
{
    muclient_options options = {.socket = "/nonexistent/mud.sock"};
    muclient *client = NULL;
    muclient_error *error = NULL;
    cr_assert_eq(muclient_connect(&options, &client, &error), MUCLIENT_UNAVAILABLE);
    cr_assert_str_eq(muclient_error_message(error),
                     "cannot reach mud on unix:/nonexistent/mud.sock: No such file or directory");
    cr_assert_str_eq(muclient_error_hint(error), "start it: mud --socket /nonexistent/mud.sock");
    muclient_error_free(error);
    cr_assert_eq(muclient_connect(&options, &client, NULL), MUCLIENT_UNAVAILABLE);
}

static void path_is(const char *given, const char *expected)
{
    char *path = NULL;
    cr_assert_eq(muclient_socket_path(given, &path, NULL), MUCLIENT_OK);
    cr_assert_str_eq(path, expected);
    free(path);
}

Test(muclient, socket_is_found_by_argument_then_host_then_runtime_folder)
{
    setenv("XDG_RUNTIME_DIR", "/nonexistent/runtime", 1);
    setenv("MUD_HOST", "unix:/b/mud.sock", 1);
    path_is("/a/mud.sock", "/a/mud.sock");
    path_is(NULL, "/b/mud.sock");
    setenv("MUD_HOST", "/c/mud.sock", 1);
    path_is(NULL, "/c/mud.sock");
    setenv("MUD_HOST", "ssh://somewhere", 1);
    char *path = NULL;
    cr_assert_eq(muclient_socket_path(NULL, &path, NULL), MUCLIENT_INVALID_ARGUMENT);
    unsetenv("MUD_HOST");
    if (access("/run/mud/mud.sock", F_OK) != 0) {
        path_is(NULL, "/nonexistent/runtime/mud/mud.sock");
    }
    unsetenv("XDG_RUNTIME_DIR");
    path_is(NULL, "/run/mud/mud.sock");
}

Test(muclient, values_go_there_and_back)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    muclient_value arguments[] = {
        {.kind = MUCLIENT_TEXT, .text = "1071"},
        {.kind = MUCLIENT_INTEGER, .integer = UINT64_MAX},
        {.kind = MUCLIENT_FLOAT, .single = 1.5F},
        {.kind = MUCLIENT_DOUBLE, .real = -2.5},
        {.kind = MUCLIENT_REFERENCE, .reference = {.frame = 3, .keepalive = 4}},
    };
    muclient_call_spec spec = spec_of("echo");
    spec.arguments = arguments;
    spec.argument_count = 5;
    muclient_reply *reply = NULL;
    cr_assert_eq(muclient_call(client, &spec, &reply, NULL), MUCLIENT_OK);
    const muclient_returned *returned = muclient_reply_returned(reply);
    cr_assert_eq(returned->result_count, 5);
    cr_assert_eq(returned->results[0].kind, MUCLIENT_OPAQUE);
    cr_assert_str_eq(returned->results[0].text, "1071");
    cr_assert_eq(returned->results[1].integer, UINT64_MAX);
    cr_assert(returned->results[2].single == 1.5F);
    cr_assert(returned->results[3].real == -2.5);
    cr_assert_eq(returned->results[4].reference.frame, 3);
    cr_assert_eq(returned->results[4].reference.keepalive, 4);
    cr_assert_null(muclient_reply_loaded(reply));
    muclient_reply_free(reply);
    muclient_close(client);
    fake_mud_stop(fake);
}

Test(muclient, replies_out_of_order_find_their_requests)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    muclient_call_spec spec = spec_of("add");
    uint64_t requests[20];
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(muclient_call_start(client, &spec, &requests[i], NULL), MUCLIENT_OK);
    }
    muclient_forget(client, requests[3]);
    for (int i = 0; i < 20; i++) {
        muclient_reply *reply = NULL;
        muclient_code code = muclient_wait(client, requests[i], &reply, NULL);
        cr_assert_eq(code, i == 3 ? MUCLIENT_NOT_FOUND : MUCLIENT_OK);
        if (i != 3) {
            cr_assert_eq(muclient_reply_returned(reply)->results[0].integer, 42 + requests[i]);
            muclient_reply_free(reply);
            cr_assert_eq(muclient_wait(client, requests[i], &reply, NULL), MUCLIENT_NOT_FOUND);
        }
    }
    muclient_close(client);
    fake_mud_stop(fake);
}

Test(muclient, guest_exception_brings_kind_and_frames)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    muclient_call_spec spec = spec_of("throw");
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    cr_assert_eq(muclient_call(client, &spec, &reply, &error), MUCLIENT_GUEST_EXCEPTION);
    cr_assert_null(reply);
    size_t count;
    const muclient_frame *frames = muclient_error_frames(error, &count);
    cr_assert_str_eq(muclient_error_kind(error), "EXCEPTION");
    cr_assert_eq(count, 2);
    cr_assert_str_eq(frames[0].function, "@f");
    cr_assert_str_eq(frames[0].version, "@f.v1");
    cr_assert_eq(frames[0].location.line, 3);
    cr_assert_eq(frames[0].keepalive_count, 3);
    cr_assert_str_eq(frames[0].keepalives[1].name, "@f.v1.e.d");
    cr_assert(frames[0].keepalives[1].value.real == 2.5);
    muclient_error_free(error);
    muclient_close(client);
    fake_mud_stop(fake);
}

Test(muclient, large_bundle_goes_in_chunks)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    size_t length = 9u << 20;
    char *bytes = malloc(length);
    memset(bytes, 'x', length);
    muclient_load_spec spec = {.vm = "gcd", .file = "gcd.uir"};
    muclient_reply *reply = NULL;
    cr_assert_eq(muclient_load_bytes(client, &spec, bytes, length, &reply, NULL), MUCLIENT_OK);
    cr_assert_eq(fake_mud_uploaded_bytes(fake), length);
    cr_assert_str_eq(muclient_reply_loaded(reply)->digest, "00ff");
    muclient_reply_free(reply);
    free(bytes);
    muclient_close(client);
    fake_mud_stop(fake);
}

typedef struct endless_source {
    size_t given;
} endless_source;

static ssize_t endless_read(void *data, uint8_t *bytes, size_t capacity)
{
    endless_source *source = data;
    memset(bytes, 'x', capacity);
    source->given += capacity;
    return source->given > (256u << 20) ? -1 : (ssize_t)capacity;
}

Test(muclient, upload_stops_at_the_first_error)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    muclient_load_spec spec = {.vm = "full"};
    endless_source source = {0};
    muclient_reply *reply = NULL;
    cr_assert_eq(muclient_load_stream(client, &spec, endless_read, &source, &reply, NULL),
                 MUCLIENT_RESOURCE_EXHAUSTED);
    cr_assert_lt(source.given, 64u << 20);
    /* The connection is still good. */
    cr_assert_eq(muclient_status(client, &reply, NULL), MUCLIENT_OK);
    cr_assert_eq(muclient_reply_status(reply)->pid, 812);
    muclient_reply_free(reply);
    muclient_close(client);
    fake_mud_stop(fake);
}

Test(muclient, refused_bundle_brings_diagnostics)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    muclient_load_spec spec = {.vm = "bad"};
    muclient_error *error = NULL;
    muclient_reply *reply = NULL;
    cr_assert_eq(muclient_load_bytes(client, &spec, "", 0, &reply, &error),
                 MUCLIENT_BUNDLE_REJECTED);
    size_t count;
    const muclient_diagnostic *diagnostics = muclient_error_diagnostics(error, &count);
    cr_assert_eq(count, 2);
    cr_assert_str_eq(diagnostics[0].location.file, "bad.uir");
    cr_assert_eq(diagnostics[0].location.line, 41);
    cr_assert_str_eq(diagnostics[1].location.file, "");
    muclient_error_free(error);
    muclient_close(client);
    fake_mud_stop(fake);
}

static void call_breaks(const char *function, muclient_code expected)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    muclient_call_spec spec = spec_of(function);
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    cr_assert_eq(muclient_call(client, &spec, &reply, &error), expected, "%s", function);
    cr_assert_not_null(strstr(muclient_error_message(error), "lost mud on unix:"));
    muclient_error_free(error);
    /* And stays so. */
    cr_assert_eq(muclient_list(client, NULL, &reply, NULL), expected);
    muclient_close(client);
    fake_mud_stop(fake);
}

Test(muclient, lost_connection_ends_every_wait)
{
    call_breaks("vanish", MUCLIENT_UNAVAILABLE);
    call_breaks("cut", MUCLIENT_UNAVAILABLE);
    call_breaks("garbage", MUCLIENT_INTERNAL);
    call_breaks("wrong", MUCLIENT_INTERNAL);
}

Test(muclient, wake_descriptor_interrupts_and_the_call_can_then_be_killed)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    muclient_wake_set(client, ends[0]);
    muclient_call_spec spec = spec_of("spin");
    uint64_t request;
    cr_assert_eq(muclient_call_start(client, &spec, &request, NULL), MUCLIENT_OK);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    cr_assert_eq(muclient_wait(client, request, &reply, &error), MUCLIENT_INTERRUPTED);
    muclient_error_free(error);
    char byte;
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    while (muclient_call_number(client, request) == 0) {
        cr_assert_eq(muclient_poll(client, 1000, NULL), MUCLIENT_OK);
    }
    cr_assert_eq(muclient_call_kill(client, muclient_call_number(client, request), NULL),
                 MUCLIENT_OK);
    cr_assert_eq(muclient_wait(client, request, &reply, NULL), MUCLIENT_KILLED);
    muclient_close(client);
    (void)close(ends[0]);
    (void)close(ends[1]);
    fake_mud_stop(fake);
}

typedef struct trap_log {
    unsigned seen;
    unsigned refused;
    muclient_action action;
    size_t wrong_values; /* values to give before the right ones */
    bool has_nested_call;
    bool was_resumed;
} trap_log;

static void trap_answer(void *data, muclient *client, const muclient_trap *trap,
                        muclient_answer *answer)
{
    static const muclient_value values[] = {{.kind = MUCLIENT_INTEGER, .integer = 9},
                                            {.kind = MUCLIENT_INTEGER, .integer = 9}};
    trap_log *log = data;
    log->seen++;
    log->refused += trap->refusal[0] != 0;
    log->was_resumed = trap->resumed;
    cr_assert_str_eq(trap->vm, "gcd");
    cr_assert_eq(trap->frame_count, 2);
    cr_assert_str_eq(trap->frames[0].instruction, "@f.v1.e.t");
    cr_assert_str_eq(trap->result_types[0], "int<64>");
    if (log->has_nested_call) {
        muclient_reply *reply = NULL;
        cr_assert_eq(muclient_status(client, &reply, NULL), MUCLIENT_OK);
        muclient_reply_free(reply);
    }
    answer->action = log->action;
    answer->values = values;
    answer->value_count = trap->refusal[0] == 0 && log->wrong_values > 0 ? log->wrong_values : 1;
    answer->exception.null = true;
}

static muclient_code trap_call(fake_mud *fake, trap_log *log, const char *function,
                               uint64_t *result)
{
    muclient *client = connected(fake);
    muclient_trap_handler_set(client, trap_answer, log);
    muclient_call_spec spec = spec_of(function);
    muclient_reply *reply = NULL;
    muclient_code code = muclient_call(client, &spec, &reply, NULL);
    if (code == MUCLIENT_OK && muclient_reply_returned(reply)->result_count > 0) {
        *result = muclient_reply_returned(reply)->results[0].integer;
    }
    muclient_reply_free(reply);
    muclient_close(client);
    return code;
}

Test(muclient, trap_is_answered_with_values_exception_or_kill)
{
    fake_mud *fake = fake_mud_start(NULL);
    uint64_t result = 0;
    trap_log resume = {.action = MUCLIENT_RESUME};
    cr_assert_eq(trap_call(fake, &resume, "trap", &result), MUCLIENT_OK);
    cr_assert_eq(result, 9);
    trap_log throw = {.action = MUCLIENT_THROW};
    cr_assert_eq(trap_call(fake, &throw, "trap", &result), MUCLIENT_GUEST_EXCEPTION);
    trap_log kill = {.action = MUCLIENT_KILL};
    cr_assert_eq(trap_call(fake, &kill, "trap", &result), MUCLIENT_KILLED);
    fake_mud_stop(fake);
}

Test(muclient, refused_answer_is_asked_for_again)
{
    fake_mud *fake = fake_mud_start(NULL);
    uint64_t result = 0;
    trap_log log = {.action = MUCLIENT_RESUME, .wrong_values = 2};
    cr_assert_eq(trap_call(fake, &log, "trap", &result), MUCLIENT_OK);
    cr_assert_eq(result, 9);
    cr_assert_eq(log.seen, 2);
    cr_assert_eq(log.refused, 1);
    cr_assert_eq(fake_mud_answers(fake), 2);
    fake_mud_stop(fake);
}

Test(muclient, trap_that_is_left_gets_no_answer)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    trap_log log = {.action = MUCLIENT_LEAVE};
    muclient_trap_handler_set(client, trap_answer, &log);
    cr_assert_eq(muclient_trap_attach(client, "gcd", MUCLIENT_DISCONNECT_KILL, NULL), MUCLIENT_OK);
    while (log.seen == 0) {
        cr_assert_eq(muclient_poll(client, 1000, NULL), MUCLIENT_OK);
    }
    cr_assert_eq(muclient_answers_pending(client), 0);
    cr_assert_eq(muclient_trap_detach(client, "gcd", NULL), MUCLIENT_OK);
    cr_assert_eq(log.seen, 1);
    cr_assert_eq(fake_mud_answers(fake), 0);
    muclient_close(client);
    fake_mud_stop(fake);
}

Test(muclient, handler_may_use_the_connection)
{
    fake_mud *fake = fake_mud_start(NULL);
    uint64_t result = 0;
    trap_log log = {.action = MUCLIENT_RESUME, .has_nested_call = true};
    cr_assert_eq(trap_call(fake, &log, "trap", &result), MUCLIENT_OK);
    cr_assert_eq(result, 9);
    cr_assert_eq(log.seen, 1);
    fake_mud_stop(fake);
}

Test(muclient, trap_that_is_gone_ends_with_its_call)
{
    fake_mud *fake = fake_mud_start(NULL);
    fake_mud_gone_set(fake);
    uint64_t result = 0;
    trap_log log = {.action = MUCLIENT_RESUME};
    cr_assert_eq(trap_call(fake, &log, "trap", &result), MUCLIENT_KILLED);
    fake_mud_stop(fake);
}

Test(muclient, resumed_traps_are_told_before_the_reply_and_not_answered)
{
    fake_mud *fake = fake_mud_start(NULL);
    uint64_t result = 0;
    trap_log log = {.action = MUCLIENT_RESUME};
    cr_assert_eq(trap_call(fake, &log, "traps", &result), MUCLIENT_OK);
    cr_assert_eq(log.seen, 2);
    cr_assert(log.was_resumed);
    cr_assert_eq(fake_mud_answers(fake), 0);
    fake_mud_stop(fake);
}

Test(muclient, request_over_the_frame_limit_is_refused_here)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    char *text = malloc((5u << 20) + 1);
    memset(text, '1', 5u << 20);
    text[5u << 20] = 0;
    muclient_value argument = {.kind = MUCLIENT_TEXT, .text = text};
    muclient_call_spec spec = spec_of("echo");
    spec.arguments = &argument;
    spec.argument_count = 1;
    muclient_reply *reply = NULL;
    cr_assert_eq(muclient_call(client, &spec, &reply, NULL), MUCLIENT_INVALID_ARGUMENT);
    cr_assert_eq(muclient_list(client, NULL, &reply, NULL), MUCLIENT_OK);
    cr_assert_eq(muclient_reply_listing(reply)->vms[0].calls[1], 8);
    muclient_reply_free(reply);
    free(text);
    muclient_close(client);
    fake_mud_stop(fake);
}

/* The trap of somebody else's call, with a context. */
static void perform_at_trap(void *data, muclient *client, const muclient_trap *trap,
                            muclient_answer *answer)
{
    unsigned *calls = data;
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    static const uint64_t none[] = {0};
    static const uint64_t missing[] = {77};
    muclient_operation operations[] = {
        {.name = "describe", .operands = none, .operand_count = 1, .text = "@x.1"},
        {.name = "wants", .operands = none, .operand_count = 1}};
    ++*calls;
    cr_assert(trap->context != 0 && trap->frame_count == 2);
    cr_assert_eq(muclient_perform(client, trap->context, operations, 2, &reply, NULL), MUCLIENT_OK);
    const muclient_performed *performed = muclient_reply_performed(reply);
    cr_assert(performed->answer_count == 2 && performed->answers[1].operation == 1);
    cr_expect_eq(strncmp(performed->answers[0].text, "ref<@Node>\t@x.1\n", 16), 0);
    cr_expect(performed->answers[1].integer == 1 && performed->answers[1].text == NULL);
    cr_expect_null(muclient_reply_loaded(reply));
    muclient_reply_free(reply);
    operations[1] =
        (muclient_operation){.name = "handle_to_int", .operands = missing, .operand_count = 1};
    cr_assert_eq(muclient_perform(client, trap->context, operations, 2, &reply, &error),
                 MUCLIENT_INVALID_ARGUMENT);
    cr_expect_str_eq(muclient_error_message(error), "operand 1 is no handle");
    muclient_error_free(error);
    operations[1].name = "nothing";
    cr_assert_eq(muclient_perform(client, trap->context, operations, 2, &reply, &error),
                 MUCLIENT_INVALID_ARGUMENT);
    cr_expect_str_eq(muclient_error_message(error), "there is no operation nothing");
    muclient_error_free(error);
    answer->action = MUCLIENT_EXIT;
}

Test(muclient, trap_with_a_context_is_looked_at_by_operations)
{
    fake_mud *fake = fake_mud_start(NULL);
    muclient *client = connected(fake);
    unsigned calls = 0;
    muclient_trap_handler_set(client, perform_at_trap, &calls);
    cr_assert_eq(muclient_trap_attach_contexts(client, "gcd", MUCLIENT_DISCONNECT_RESUME, NULL),
                 MUCLIENT_OK);
    while (calls == 0 || muclient_answers_pending(client) > 0) {
        cr_assert_eq(muclient_poll(client, -1, NULL), MUCLIENT_OK);
    }
    cr_expect_eq(fake_mud_seen(fake)->decision, MUD__REBIND__DECISION__EXIT);
    cr_expect_eq(fake_mud_seen(fake)->answers, 1);
    muclient_close(client);
    fake_mud_stop(fake);
}
