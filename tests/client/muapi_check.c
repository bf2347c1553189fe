#include "muapi_check.h"

unsigned muapi_checks;
unsigned muapi_failures;

bool muapi_check(bool is_true, const char *file, int line, const char *claim)
{
    muapi_checks++;
    if (!is_true) {
        muapi_failures++;
        printf("not ok - %s:%d: %s\n", file, line, claim);
    }
    return is_true;
}

bool muapi_fine(const muapi_test *test, const char *file, int line)
{
    muclient_mu_send(test->vm);
    bool is_fine = muapi_check(*test->error == 0, file, line, "nothing has failed");
    if (!is_fine) {
        printf("#   %s\n", muclient_mu_error(test->vm));
        *test->error = 0;
    }
    return is_fine;
}

bool muapi_fails(const muapi_test *test, int code, const char *words, const char *file, int line)
{
    muclient_mu_send(test->vm);
    bool is_so = *test->error == code && strstr(muclient_mu_error(test->vm), words) != NULL;
    if (!muapi_check(is_so, file, line, words)) {
        printf("#   wanted %d, is %d: %s\n", code, *test->error, muclient_mu_error(test->vm));
    }
    *test->error = 0;
    return is_so;
}

MuCtx *muapi_context(MuVM *vm)
{
    MuCtx *ctx = vm->new_context(vm);
    if (ctx != NULL) {
        muapi_count_ctx(ctx);
    }
    return ctx;
}

MuID muapi_id(MuCtx *ctx, const char *name)
{
    char copy[128];
    (void)snprintf(copy, sizeof copy, "%s", name);
    return ctx->id_of(ctx, copy);
}

MuValue muapi_i64(MuCtx *ctx, int64_t number)
{
    return ctx->handle_from_sint64(ctx, number, 64);
}

int64_t muapi_number(MuCtx *ctx, MuValue value)
{
    return ctx->handle_to_sint64(ctx, value);
}

int64_t muapi_cell(MuCtx *ctx, const char *name)
{
    MuValue place = ctx->handle_from_global(ctx, muapi_id(ctx, name));
    return muapi_number(ctx, ctx->load(ctx, MU_ORD_SEQ_CST, place));
}

MuValue muapi_start(MuCtx *ctx, const char *function, MuValue *values, MuArraySize count)
{
    MuValue stack = ctx->new_stack(ctx, ctx->handle_from_func(ctx, muapi_id(ctx, function)));
    return ctx->new_thread_nor(ctx, stack, NULL, values, count);
}
