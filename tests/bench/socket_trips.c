/* What the socket costs: an empty call and back, a trap to a handler in this process and back.
 *
 *   mud --socket ./m.sock &   socket_trips ./m.sock [RUNS] */
#include "muclient.h"

#include "bench_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS     5000
#define TRAPS     20000
#define RUNS_MOST 101

static const char program[] = ".typedef @i64 = int<64> .const @0 <@i64> = 0 .const @1 <@i64> = 1\n"
                              ".funcsig @i_i = (@i64) -> (@i64)\n"
                              ".funcdef @same VERSION %v1 <@i_i> { %entry(<@i64> %n): RET (%n) }\n"
                              ".funcdef @traps VERSION %v1 <@i_i> {\n"
                              "    %entry(<@i64> %n): BRANCH %head(%n @0)\n"
                              "    %head(<@i64> %n <@i64> %i): %more = SLT <@i64> %i %n\n"
                              "        BRANCH2 %more %body(%n %i) %done(%i)\n"
                              "    %body(<@i64> %n <@i64> %i): %d = TRAP <@i64> KEEPALIVE (%n %i)\n"
                              "        %i2 = ADD <@i64> %i @1 BRANCH %head(%n %i2)\n"
                              "    %done(<@i64> %i): RET (%i) }\n";

static double now_us(void)
{
    return bench_now() * 1e6;
}

static void must(muclient_code code, const char *what)
{
    if (code != MUCLIENT_OK) {
        fprintf(stderr, "%s: %s\n", what, muclient_code_name(code));
        exit(1);
    }
}

static void resume(void *data, muclient *client, const muclient_trap *trap, muclient_answer *answer)
{
    (void)data;
    (void)client;
    (void)trap;
    (void)answer; /* zeros, as it comes */
}

static void call(muclient *client, const char *function, uint64_t argument)
{
    muclient_value value = {.kind = MUCLIENT_INTEGER, .integer = argument};
    muclient_call_spec spec = {
        .vm = "trips", .function = function, .arguments = &value, .argument_count = 1};
    muclient_reply *reply = NULL;
    must(muclient_call(client, &spec, &reply, NULL), function);
    muclient_reply_free(reply);
}

int main(int argc, char **argv)
{
    muclient *client = NULL;
    muclient_reply *reply = NULL;
    double calls[RUNS_MOST];
    double traps[RUNS_MOST];
    int runs = argc > 2 ? atoi(argv[2]) : 7;
    runs = runs < 1 ? 1 : runs > RUNS_MOST ? RUNS_MOST : runs;
    muclient_options options = {.socket = argc > 1 ? argv[1] : NULL, .name = "socket_trips"};
    muclient_load_spec spec = {.vm = "trips", .file = "trips.uir"};
    must(muclient_connect(&options, &client, NULL), "connecting");
    must(muclient_load_bytes(client, &spec, program, strlen(program), &reply, NULL), "loading");
    muclient_reply_free(reply);
    muclient_trap_handler_set(client, resume, NULL);
    must(muclient_trap_attach(client, "trips", MUCLIENT_DISCONNECT_KILL, NULL), "attaching");
    for (int run = 0; run < runs; run++) {
        double start = now_us();
        for (int i = 0; i < CALLS; i++) {
            call(client, "same", 1);
        }
        calls[run] = (now_us() - start) / CALLS;
        start = now_us();
        call(client, "traps", TRAPS);
        traps[run] = (now_us() - start) / TRAPS;
    }
    printf("a call and back %.1f us, a trap and back %.1f us\n", bench_median(calls, runs),
           bench_median(traps, runs));
    must(muclient_vm_remove(client, "trips", true, NULL), "removing");
    muclient_close(client);
    return 0;
}
