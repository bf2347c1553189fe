/* Every function of the Mu specification's C interface over a real mud: muapi_real MUD. Afterwards
 * it looks whether there is one that no test has called. */
#include "muapi_check.h"
#include "muapi_program.h"
#include "real_mud.h"
#include "refimpl2_start.h"
#include <stdlib.h>

static void run(const char *name, void (*body)(muapi_test *test), MuVM *vm)
{
    muapi_test test = {.vm = vm, .ctx = muapi_context(vm), .error = vm->get_mu_error_ptr(vm)};
    unsigned failures = muapi_failures;
    if (!CHECK(test.ctx != NULL)) {
        printf("#   %s: %s\n", name, muclient_mu_error(vm));
        return;
    }
    body(&test);
    test.ctx->close_context(test.ctx);
    FINE(&test);
    printf("%s - %s\n", failures == muapi_failures ? "ok" : "not ok", name);
}

static void coverage_check(void)
{
    for (unsigned i = 0; i < muapi_count_number; i++) {
        if (muapi_counts[i].calls == 0) {
            muapi_failures++;
            printf("not ok - no test calls %s\n", muapi_counts[i].name);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: muapi_real MUD\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    real_mud *mud = real_mud_start(argv[1]);
    (void)setenv("MUD_HOST", real_mud_socket(mud), 1);
    MuVM *vm = mu_refimpl2_new_ex("sosSize=33554432\nlosSize=33554432\n");
    if (vm == NULL) {
        return 1;
    }
    muapi_count_vm(vm);
    MuCtx *ctx = muapi_context(vm);
    char *program = strdup(muapi_program);
    ctx->load_bundle(ctx, program, strlen(program));
    free(program);
    ctx->close_context(ctx);
    CHECK(*vm->get_mu_error_ptr(vm) == 0);
    printf("%s", muclient_mu_error(vm));
    run("values", muapi_test_values, vm);
    run("memory", muapi_test_memory, vm);
    run("threads", muapi_test_threads, vm);
    run("frames", muapi_test_frames, vm);
    run("native", muapi_test_native, vm);
    run("a loop from nodes", muapi_test_builder, vm);
    run("every kind of node", muapi_test_builder_all, vm);
    run("limits", muapi_test_limits, vm);
    coverage_check();
    mu_refimpl2_close(vm);
    CHECK(real_mud_stop(mud) == 0);
    printf("%u checks, %u failures\n", muapi_checks, muapi_failures);
    return muapi_failures == 0 ? 0 : 1;
}
