/* What one VM's stopped world costs the calls of another: calls of VM `quiet`, one after the other
 * on a connection, alone and beside a VM whose world is stopped again and again for as long as its
 * live objects take to mark, while clients keep asking to begin calls of it and for its backtrace.
 *
 *   mud --socket ./m.sock &   loop_waits ./m.sock [SECONDS] */
#include "bench_samples.h"
#include "muclient.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MOST = 1000000, LIVE_OBJECTS = 1000000 };

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @node = struct<@i64 @next> .typedef @next = ref<@node>\n"
    ".global @list <@next> .const @0 <@i64> = 0 .const @1 <@i64> = 1 .const @null <@next> = NULL\n"
    ".funcsig @v_v = () -> () .funcsig @i_v = (@i64) -> ()\n"
    ".funcdef @nothing VERSION %v1 <@v_v> { %entry(): RET () }\n"
    ".funcdef @fill VERSION %v1 <@i_v> {\n"
    "  %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @0 BRANCH2 %z %done() %body(%n)\n"
    "  %body(<@i64> %n): %r = NEW <@node> %i = GETIREF <@node> %r\n"
    "    %f = GETFIELDIREF <@node 1> %i %old = LOAD <@next> @list STORE <@next> %f %old\n"
    "    STORE <@next> @list %r %m = SUB <@i64> %n @1 BRANCH %head(%m)\n"
    "  %done(): RET () }\n";

static const char *socket_path;
static atomic_bool is_over;

static void must(muclient_code code, muclient_error **error)
{
    if (code != MUCLIENT_OK) {
        fprintf(stderr, "%s\n", *error == NULL ? "out of memory" : muclient_error_message(*error));
        exit(1);
    }
}

static muclient *connect_to_mud(void)
{
    muclient *client = NULL;
    muclient_error *error = NULL;
    muclient_options options = {.socket = socket_path, .name = "loop_waits"};
    must(muclient_connect(&options, &client, &error), &error);
    return client;
}

static void make_vm(muclient *client, const char *name, const char *live)
{
    muclient_error *error = NULL;
    muclient_vm_spec vm = {.name = name, .limits.heap_bytes = 1ull << 30};
    muclient_load_spec load = {.vm = name, .bundle = "bench"};
    muclient_value count = {.kind = MUCLIENT_TEXT, .text = live};
    muclient_call_spec fill = {
        .vm = name, .function = "fill", .arguments = &count, .argument_count = 1};
    must(muclient_vm_create(client, &vm, NULL, &error), &error);
    must(muclient_load_bytes(client, &load, bundle, sizeof bundle - 1, NULL, &error), &error);
    must(muclient_call(client, &fill, NULL, &error), &error);
}

static void *collect(void *argument)
{
    muclient *client = connect_to_mud();
    (void)argument;
    while (!atomic_load(&is_over)) {
        muclient_error *error = NULL;
        must(muclient_collect(client, "busy", &error), &error);
    }
    muclient_close(client);
    return NULL;
}

/* What waits for the stopped world. */
static void *ask(void *argument)
{
    muclient *client = connect_to_mud();
    muclient_call_spec call = {.vm = "busy", .function = "nothing"};
    (void)argument;
    while (!atomic_load(&is_over)) {
        muclient_error *error = NULL;
        must(muclient_call(client, &call, NULL, &error), &error);
        must(muclient_backtrace(client, "busy", NULL, &error), &error);
    }
    muclient_close(client);
    return NULL;
}

static int by_length(const void *first, const void *second)
{
    const double *a = first;
    const double *b = second;
    return (*a > *b) - (*a < *b);
}

static void measure(muclient *client, const char *what, double seconds)
{
    static double samples[SAMPLES_MOST];
    int count = 0;
    muclient_call_spec call = {.vm = "quiet", .function = "nothing"};
    double end = bench_now() + seconds;
    for (double now = bench_now(); now < end && count < SAMPLES_MOST; count++) {
        muclient_error *error = NULL;
        must(muclient_call(client, &call, NULL, &error), &error);
        double after = bench_now();
        samples[count] = (after - now) * 1e6;
        now = after;
    }
    qsort(samples, (size_t)count, sizeof *samples, by_length);
    printf(
        "%-28s %7d calls, p50 %.0f us, p90 %.0f us, p99 %.0f us, p99.9 %.0f us, longest %.0f us\n",
        what, count, samples[count / 2], samples[count * 9 / 10], samples[count * 99 / 100],
        samples[count * 999L / 1000], samples[count - 1]);
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    socket_path = argc > 1 ? argv[1] : NULL;
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    char live[32];
    muclient *client = connect_to_mud();
    snprintf(live, sizeof live, "%d", LIVE_OBJECTS);
    make_vm(client, "busy", live);
    make_vm(client, "quiet", "0");
    measure(client, "alone", seconds);
    pthread_create(&threads[0], NULL, collect, NULL);
    measure(client, "beside collections", seconds);
    pthread_create(&threads[1], NULL, ask, NULL);
    measure(client, "and requests to that VM", seconds);
    atomic_store(&is_over, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    muclient_error *error = NULL;
    must(muclient_vm_remove(client, "busy", true, &error), &error);
    must(muclient_vm_remove(client, "quiet", true, &error), &error);
    muclient_close(client);
    return 0;
}
