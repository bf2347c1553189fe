/* The functions of MuCtx that are more than their operation. */
#include "muapi_calls.h"
#include <stdlib.h>
#include <string.h>

/* --- Numbers --- */

uint64_t muclient_mu_bits_from_float(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

uint64_t muclient_mu_bits_from_double(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

float muclient_mu_float_from_bits(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float number;
    memcpy(&number, &low, sizeof number);
    return number;
}

double muclient_mu_double_from_bits(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

MuIntValue muclient_mu_int_make(MuCtx *ctx, uint64_t low, uint64_t high, int bits)
{
    muclient_mu_call call = muclient_mu_begin(ctx, MUCLIENT_MU_HANDLE_FROM_INT);
    muclient_mu_put(&call, (uint64_t)bits);
    muclient_mu_put(&call, low);
    muclient_mu_put(&call, high);
    return muclient_mu_end(&call);
}

MuIntValue muclient_mu_handle_from_uint64s(MuCtx *ctx, uint64_t *nums, MuArraySize nnums, int len)
{
    if (nums == NULL) {
        nnums = 0;
    }
    return muclient_mu_int_make(ctx, nnums > 0 ? nums[0] : 0, nnums > 1 ? nums[1] : 0, len);
}

uint64_t muclient_mu_int_get(MuCtx *ctx, MuIntValue value, bool is_signed)
{
    muclient_mu_answer answer;
    muclient_mu_call call = muclient_mu_begin(ctx, MUCLIENT_MU_HANDLE_TO_INT);
    muclient_mu_put_handle(&call, value);
    (void)muclient_mu_end_answer(&call, NULL, &answer);
    free(answer.text);
    if (!is_signed || answer.bits == 0 || answer.bits >= 64) {
        return answer.integer;
    }
    unsigned shift = 64 - answer.bits;
    return (uint64_t)((int64_t)(answer.integer << shift) >> shift);
}

/* --- Names and ids --- */

MuID muclient_mu_id_of(MuCtx *ctx, MuName name)
{
    muclient_mu_context *context = ctx->header;
    muclient_mu_answer answer;
    MuID known = name == NULL ? 0 : muclient_mu_name_find(context->mu, name);
    if (known != 0) {
        return known;
    }
    muclient_mu_call call = muclient_mu_begin(ctx, MUCLIENT_MU_ID_OF);
    muclient_mu_put_text(&call, name);
    bool is_done = muclient_mu_end_answer(&call, NULL, &answer);
    free(answer.text);
    char *copy = is_done && name != NULL ? strdup(name) : NULL;
    if (copy != NULL) {
        /* Without memory it is asked for again the next time. */
        (void)muclient_mu_name_add(context->mu, (MuID)answer.integer, copy);
    }
    return (MuID)answer.integer;
}

MuName muclient_mu_name_of(MuCtx *ctx, MuID id)
{
    muclient_mu_context *context = ctx->header;
    muclient_mu_answer answer;
    char *known = muclient_mu_name_of_id(context->mu, id);
    if (known != NULL) {
        return known;
    }
    muclient_mu_call call = muclient_mu_begin(ctx, MUCLIENT_MU_NAME_OF);
    muclient_mu_put(&call, id);
    if (!muclient_mu_end_answer(&call, NULL, &answer) || answer.text == NULL) {
        free(answer.text);
        return NULL;
    }
    known = muclient_mu_name_add(context->mu, id, answer.text);
    if (known == NULL) {
        muclient_mu_note(context->mu, MUCLIENT_RESOURCE_EXHAUSTED, "name_of", "out of memory");
    }
    return known;
}

/* --- Operations with two results, or several --- */

MuValue muclient_mu_cmpxchg(MuCtx *ctx, MuMemOrd ord_succ, MuMemOrd ord_fail, MuBool weak,
                            MuIRefValue loc, MuValue expected, MuValue desired, MuBool *is_succ)
{
    MuValue result = NULL;
    muclient_mu_answer answer;
    muclient_mu_call call = muclient_mu_begin(ctx, MUCLIENT_MU_CMPXCHG);
    muclient_mu_put(&call, ord_succ);
    muclient_mu_put(&call, ord_fail);
    muclient_mu_put(&call, weak != 0);
    muclient_mu_put_handle(&call, loc);
    muclient_mu_put_handle(&call, expected);
    muclient_mu_put_handle(&call, desired);
    (void)muclient_mu_end_answer(&call, &result, &answer);
    free(answer.text);
    if (is_succ != NULL) {
        *is_succ = answer.integer != 0;
    }
    return result;
}

void muclient_mu_dump_keepalives(MuCtx *ctx, MuFCRefValue cursor, MuValue *results)
{
    muclient_mu_context *context = ctx->header;
    muclient_mu_answer answer;
    muclient_mu_call call = muclient_mu_begin(ctx, MUCLIENT_MU_DUMP_KEEPALIVES);
    uint64_t first = context->next_handle;
    muclient_mu_put_handle(&call, cursor);
    (void)muclient_mu_end_answer(&call, NULL, &answer);
    free(answer.text);
    if (answer.integer > MUCLIENT_MU_RESULTS) {
        muclient_mu_note(context->mu, MUCLIENT_INTERNAL, "dump_keepalives", "too many values");
        return;
    }
    for (uint64_t i = 0; i < answer.integer && results != NULL; i++) {
        results[i] = muclient_mu_value(context, first + i);
    }
    if (context->next_handle == first + MUCLIENT_MU_RESULTS) {
        context->next_handle = first + answer.integer;
    }
}

/* --- Bundles --- */

static void text_load(MuCtx *ctx, const char *operation, const char *file, const char *text,
                      MuArraySize length)
{
    muclient_mu_context *context = ctx->header;
    muclient_mu *mu = context->mu;
    (void)muclient_mu_flush(mu, NULL);
    if (text == NULL && length > 0) {
        muclient_mu_note(mu, MUCLIENT_INVALID_ARGUMENT, operation, "the text is NULL");
        return;
    }
    muclient_error *error = NULL;
    muclient_load_spec spec = {.vm = mu->vm, .file = file, .guest = "mu"};
    muclient_code code = muclient_load_bytes(mu->client, &spec, text, length, NULL, &error);
    if (code != MUCLIENT_OK) {
        muclient_mu_note_error(mu, operation, code, error);
    }
}

void muclient_mu_load_bundle(MuCtx *ctx, char *buf, MuArraySize sz)
{
    text_load(ctx, "load_bundle", "load_bundle.uir", buf, sz);
}

void muclient_mu_load_hail(MuCtx *ctx, char *buf, MuArraySize sz)
{
    text_load(ctx, "load_hail", "load_hail.hail", buf, sz);
}
