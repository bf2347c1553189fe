/* Asks for calls and backtraces of a VM whose world is stopped nearly all the time, because another
 * client collects its large heap again and again: most requests are put off. Every one must be
 * answered, calls begin in the order of their requests, and a client that leaves must leave
 * nothing. Usage: calm_prober SOCKET. Prints what is not so, and ends with 1. */
#include "muclient.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 300, ROUNDS = 4 };

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @node = struct<@i64 @next> .typedef @next = ref<@node>\n"
    ".global @list <@next> .const @0 <@i64> = 0 .const @1 <@i64> = 1\n"
    ".funcsig @i_i = (@i64) -> (@i64) .funcsig @i_v = (@i64) -> ()\n"
    ".funcdef @next_to VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): %m = ADD <@i64> %n @1 RET %m }\n"
    ".funcdef @fail VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): %m = SDIV <@i64> %n @0 RET %m }\n"
    ".funcdef @ask VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): %m = TRAP <@i64> KEEPALIVE(%n) RET %m }\n"
    ".funcdef @fill VERSION %v1 <@i_v> {\n"
    "  %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @0 BRANCH2 %z %done() %body(%n)\n"
    "  %body(<@i64> %n): %r = NEW <@node> %i = GETIREF <@node> %r\n"
    "    %f = GETFIELDIREF <@node 1> %i %old = LOAD <@next> @list STORE <@next> %f %old\n"
    "    STORE <@next> @list %r %m = SUB <@i64> %n @1 BRANCH %head(%m)\n"
    "  %done(): RET () }\n";

static const char *socket_path;
static atomic_bool is_over;

static void check(bool claim, const char *what)
{
    if (!claim) {
        printf("not so: %s\n", what);
        exit(1);
    }
}

static void must(muclient_code code, const char *what, muclient_error **error)
{
    if (code != MUCLIENT_OK) {
        printf("%s: %s\n", what, *error == NULL ? "out of memory" : muclient_error_message(*error));
        exit(1);
    }
}

static muclient *connect_to_mud(void)
{
    muclient *client = NULL;
    muclient_error *error = NULL;
    muclient_options options = {.socket = socket_path, .name = "calm_prober"};
    must(muclient_connect(&options, &client, &error), "connect", &error);
    return client;
}

static void *collect(void *argument)
{
    muclient *client = connect_to_mud();
    (void)argument;
    while (!atomic_load(&is_over)) {
        muclient_error *error = NULL;
        must(muclient_collect(client, "calm", &error), "gc", &error);
    }
    muclient_close(client);
    return NULL;
}

static uint64_t start(muclient *client, const char *function, const char *number)
{
    uint64_t request = 0;
    muclient_error *error = NULL;
    muclient_value argument = {.kind = MUCLIENT_TEXT, .text = number};
    muclient_call_spec spec = {
        .vm = "calm", .function = function, .arguments = &argument, .argument_count = 1};
    must(muclient_call_start(client, &spec, &request, &error), function, &error);
    return request;
}

/* More at once than are put off of one client; each gives its own answer. */
static void call_in_order(muclient *client)
{
    static uint64_t requests[CALLS];
    uint64_t last = 0;
    for (int i = 0; i < CALLS; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        requests[i] = start(client, "next_to", number);
    }
    for (int i = 0; i < CALLS; i++) {
        muclient_reply *reply = NULL;
        muclient_error *error = NULL;
        must(muclient_wait(client, requests[i], &reply, &error), "next_to", &error);
        const muclient_returned *returned = muclient_reply_returned(reply);
        check(returned->results[0].integer == (uint64_t)i + 1, "the result is the call's own");
        check(returned->call > last, "calls begin in the order of their requests");
        last = returned->call;
        muclient_reply_free(reply);
    }
}

static void fail_with_frames(muclient *client)
{
    muclient_error *error = NULL;
    size_t frames = 0;
    muclient_code code = muclient_wait(client, start(client, "fail", "7"), NULL, &error);
    check(code == MUCLIENT_GUEST_EXCEPTION, "a division by zero is an error");
    (void)muclient_error_frames(error, &frames);
    check(frames == 1, "which has its frame");
    muclient_error_free(error);
}

static void answer(void *data, muclient *client, const muclient_trap *trap, muclient_answer *out)
{
    static muclient_value value = {.kind = MUCLIENT_TEXT, .text = "43"};
    (void)client;
    (void)data;
    check(trap->frame_count == 1 && trap->frames[0].keepalive_count == 1, "a trap has its frame");
    out->values = &value;
    out->value_count = 1;
}

static void trap_and_go_on(muclient *client)
{
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    muclient_trap_handler_set(client, answer, NULL);
    must(muclient_trap_attach(client, "calm", MUCLIENT_DISCONNECT_KILL, &error), "attach", &error);
    must(muclient_wait(client, start(client, "ask", "7"), &reply, &error), "ask", &error);
    check(muclient_reply_returned(reply)->results[0].integer == 43, "the handler's value");
    muclient_reply_free(reply);
    must(muclient_backtrace(client, "calm", NULL, &error), "bt", &error);
    must(muclient_trap_detach(client, "calm", &error), "detach", &error);
}

/* With requests on their way that nobody waits for, and as the handler of a trap. */
static void leave(void)
{
    muclient *client = connect_to_mud();
    muclient_error *error = NULL;
    must(muclient_trap_attach(client, "calm", MUCLIENT_DISCONNECT_KILL, &error), "attach", &error);
    for (int i = 0; i < CALLS; i++) {
        (void)start(client, i % 2 == 0 ? "ask" : "next_to", "1");
    }
    muclient_close(client);
}

/* Until mud knows that the one who left is gone, and its calls with it. */
static void await_silence(muclient *client)
{
    bool is_silent = false;
    while (!is_silent) {
        muclient_reply *reply = NULL;
        muclient_error *error = NULL;
        must(muclient_status(client, &reply, &error), "status", &error);
        const muclient_status_info *status = muclient_reply_status(reply);
        is_silent = status->sessions == 2 && status->calls_running == 0;
        muclient_reply_free(reply);
    }
}

int main(int argc, char **argv)
{
    pthread_t collector;
    muclient_error *error = NULL;
    socket_path = argc > 1 ? argv[1] : NULL;
    muclient *client = connect_to_mud();
    muclient_load_spec load = {.vm = "calm"};
    must(muclient_load_bytes(client, &load, bundle, sizeof bundle - 1, NULL, &error), "load",
         &error);
    must(muclient_wait(client, start(client, "fill", "200000"), NULL, &error), "fill", &error);
    check(pthread_create(&collector, NULL, collect, NULL) == 0, "an OS thread");
    for (int i = 0; i < ROUNDS; i++) {
        call_in_order(client);
        fail_with_frames(client);
        trap_and_go_on(client);
        leave();
        await_silence(client);
    }
    atomic_store(&is_over, true);
    pthread_join(collector, NULL);
    must(muclient_vm_remove(client, "calm", false, &error), "rm", &error);
    muclient_close(client);
    return 0;
}
