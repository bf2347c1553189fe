/* What operations of the C interface cost over the socket: those that are queued, those that wait,
 * and a bundle of many instructions from the client until it is loaded.
 *
 *   mud --socket ./m.sock &   client_operations ./m.sock [RUNS] */
#include "muclient_mu.h"

#include "bench_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUED       100000
#define WAITING      5000
#define INSTRUCTIONS 10000
#define RUNS_MOST    101

static double now_us(void)
{
    return bench_now() * 1e6;
}

static void must(MuVM *vm)
{
    if (*vm->get_mu_error_ptr(vm) != 0) {
        fprintf(stderr, "%s\n", muclient_mu_error(vm));
        exit(1);
    }
}

/* Microseconds for one operation that only queues. */
static double queued_us(MuVM *vm)
{
    MuCtx *ctx = vm->new_context(vm);
    double start = now_us();
    for (int i = 0; i < QUEUED; i += 2) {
        ctx->delete_value(ctx, ctx->handle_from_sint64(ctx, i, 64));
    }
    muclient_mu_send(vm);
    double took = (now_us() - start) / QUEUED;
    must(vm);
    ctx->close_context(ctx);
    return took;
}

/* Microseconds for one that waits. */
static double waiting_us(MuVM *vm)
{
    MuCtx *ctx = vm->new_context(vm);
    MuValue value = ctx->handle_from_sint64(ctx, 5, 64);
    double start = now_us();
    for (int i = 0; i < WAITING; i++) {
        if (ctx->handle_to_sint64(ctx, value) != 5) {
            must(vm);
        }
    }
    double took = (now_us() - start) / WAITING;
    ctx->close_context(ctx);
    return took;
}

/* Milliseconds for a function of that many additions, until it is loaded. */
static double bundle_ms(MuVM *vm)
{
    MuCtx *ctx = vm->new_context(vm);
    double start = now_us();
    MuBundleNode b = ctx->new_bundle(ctx);
    MuTypeNode i64 = ctx->new_type_int(ctx, b, 64);
    MuFuncSigNode sig = ctx->new_funcsig(ctx, b, &i64, 1, &i64, 1);
    MuFuncNode function = ctx->new_func(ctx, b, sig);
    MuBBNode entry = ctx->new_bb(ctx, ctx->new_func_ver(ctx, b, function));
    MuVarNode value = ctx->new_nor_param(ctx, entry, i64);
    for (int i = 0; i < INSTRUCTIONS; i++) {
        value = ctx->new_inst_res(ctx, ctx->new_binop(ctx, entry, MU_BINOP_ADD, i64, value, value));
    }
    ctx->new_ret(ctx, entry, &value, 1);
    ctx->load_bundle_from_node(ctx, b);
    double took = (now_us() - start) / 1000;
    must(vm);
    ctx->close_context(ctx);
    return took;
}

int main(int argc, char **argv)
{
    muclient *client = NULL;
    muclient_reply *reply = NULL;
    muclient_error *error = NULL;
    double samples[3][RUNS_MOST];
    int runs = argc > 2 ? atoi(argv[2]) : 7;
    runs = runs < 1 ? 1 : runs > RUNS_MOST ? RUNS_MOST : runs;
    muclient_options options = {.socket = argc > 1 ? argv[1] : NULL, .name = "client_operations"};
    MuVM *vm = NULL;
    if (muclient_connect(&options, &client, &error) == MUCLIENT_OK &&
        muclient_vm_create(client, &(muclient_vm_spec){.guest = "mu"}, &reply, &error) ==
            MUCLIENT_OK) {
        vm = muclient_mu_open(client, muclient_reply_vm_name(reply), &error);
    }
    if (vm == NULL) {
        fprintf(stderr, "%s\n", error == NULL ? "no VM" : muclient_error_message(error));
        return 1;
    }
    for (int run = 0; run < runs; run++) {
        samples[0][run] = queued_us(vm);
        samples[1][run] = waiting_us(vm);
        samples[2][run] = bundle_ms(vm);
    }
    printf(
        "a queued operation %.2f us, one that waits %.1f us, %d instructions built and loaded in "
        "%.1f ms\n",
        bench_median(samples[0], runs), bench_median(samples[1], runs), INSTRUCTIONS,
        bench_median(samples[2], runs));
    muclient_mu_close(vm);
    muclient_reply_free(reply);
    muclient_close(client);
    return 0;
}
