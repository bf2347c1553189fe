/* Calls of C functions: System V Application Binary Interface for AMD64, 3.2.3, as
 * native-interface-x64-unix.rest maps Mu's types to C's.
 *
 * Scalars take a general or an xmm register each; a struct of up to 16 bytes one for each eight of
 * them, xmm where these hold nothing but floating point, all or none. A vector of 16 bytes, also in
 * a struct, takes one xmm register, one of 8 half of one; smaller vectors are as ints. What finds
 * no register, and every larger value, is copied to the stack, at a multiple of its alignment. A
 * larger struct is returned in memory that the caller offers as a first, hidden argument.
 */
#include "native_call.h"

#include "stubs.h"

#include <string.h>

/* Arguments travel in registers or `overflow`, so no more than these are for the stack, and no more
 * than as many again between them: what is aligned to more than a word has more than one. */
#define STACK_WORDS_MAX (2 * (MU_ABI_OVERFLOW_WORDS + MU_ABI_GPR_ARGS + MU_ABI_XMM_ARGS))
/* The most that a value is aligned to. */
#define STACK_ALIGN_WORDS 4u

typedef struct native_arguments {
    mu_jit_native_call call;
    uint32_t gpr_count;
    uint32_t xmm_count;
    uint64_t stack[STACK_WORDS_MAX + STACK_ALIGN_WORDS];
} native_arguments;

/* What a word of a value is to C: floating point unless something else is in it; the upper half of
 * a vector goes where the lower one does. */
typedef enum word_class { WORD_SSE, WORD_INTEGER, WORD_SSE_UP } word_class;

static void classify_vector(const mu_ir_type *type, uint64_t at, word_class classes[2])
{
    if (type->size_bytes < 8) {
        classes[at / 8] = WORD_INTEGER;
    } else if (type->size_bytes == 16) {
        classes[1] = WORD_SSE_UP;
    }
}

/* Classifies the words, counted from the whole value's start; the value has at most two. */
static void classify(const mu_ir_type *type, uint64_t at, word_class classes[2])
{
    if (!type->size_bytes || type->kind == MU_IR_FLOAT || type->kind == MU_IR_DOUBLE) {
        return;
    }
    if (type->kind == MU_IR_STRUCT) {
        for (uint32_t i = 0; i < type->field_count; i++) {
            classify(type->fields[i], at + type->offsets[i], classes);
        }
    } else if (type->kind == MU_IR_ARRAY) {
        for (uint64_t i = 0; i < type->length; i++) {
            classify(type->element, at + i * type->stride_bytes, classes);
        }
    } else if (type->kind == MU_IR_VECTOR) {
        classify_vector(type, at, classes);
    } else {
        for (uint64_t i = 0; i < (type->size_bytes + 7) / 8; i++) {
            classes[at / 8 + i] = WORD_INTEGER;
        }
    }
}

static bool is_in_memory(const mu_ir_type *type)
{
    return type->size_bytes > 16;
}

static void *place_memory(mu_abi_thread *thread, const mu_jit_place *place)
{
    switch (place->kind) {
    case MU_JIT_PLACE_GPR: return &thread->gpr[place->index];
    case MU_JIT_PLACE_XMM: return &thread->xmm[place->index];
    case MU_JIT_PLACE_OVERFLOW: break;
    }
    return &thread->overflow[place->index];
}

static void pass_on_stack(native_arguments *to, const mu_ir_type *type, const uint64_t *words)
{
    uint32_t count = (uint32_t)((type->size_bytes + 7) / 8);
    uint32_t align = type->align_bytes > 8 ? type->align_bytes / 8 : 1;
    while (to->call.stack_words % align) {
        to->stack[to->call.stack_words++] = 0;
    }
    MU_INVARIANT(to->call.stack_words + count <= STACK_WORDS_MAX, "%u words more for C's stack",
                 count);
    memcpy(&to->stack[to->call.stack_words], words, count * sizeof *words);
    to->call.stack_words += count;
}

static void pass(native_arguments *to, const mu_ir_type *type, const uint64_t *words)
{
    word_class classes[2] = {WORD_SSE, WORD_SSE};
    uint32_t count = (uint32_t)((type->size_bytes + 7) / 8);
    if (is_in_memory(type)) {
        pass_on_stack(to, type, words);
        return;
    }
    classify(type, 0, classes);
    uint32_t gprs = 0;
    uint32_t xmms = 0;
    for (uint32_t i = 0; i < count; i++) {
        gprs += classes[i] == WORD_INTEGER;
        xmms += classes[i] == WORD_SSE;
    }
    if (to->gpr_count + gprs > MU_JIT_NATIVE_GPRS || to->xmm_count + xmms > MU_JIT_NATIVE_XMMS) {
        pass_on_stack(to, type, words);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        switch (classes[i]) {
        case WORD_INTEGER: to->call.gpr[to->gpr_count++] = words[i]; break;
        case WORD_SSE: to->call.xmm[to->xmm_count++][0] = words[i]; break;
        case WORD_SSE_UP: to->call.xmm[to->xmm_count - 1][1] = words[i]; break;
        }
    }
}

static void pass_all(native_arguments *to, const mu_ir_sig *sig, mu_abi_thread *thread)
{
    mu_jit_place places[MU_ABI_OVERFLOW_WORDS];
    MU_INVARIANT(sig->param_count <= MU_ABI_OVERFLOW_WORDS, "%u arguments for C", sig->param_count);
    mu_jit_assign_places(sig->params, sig->param_count, places);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        pass(to, sig->params[i], place_memory(thread, &places[i]));
    }
}

/* C leaves bits beyond a value's own as they are. */
static void take_result(const mu_jit_native_call *call, const mu_ir_type *type, uint64_t *words)
{
    word_class classes[2] = {WORD_SSE, WORD_SSE};
    uint32_t gprs = 0;
    uint32_t xmms = 0;
    classify(type, 0, classes);
    for (uint32_t i = 0; i < (type->size_bytes + 7) / 8; i++) {
        switch (classes[i]) {
        case WORD_INTEGER: words[i] = call->result_gpr[gprs++]; break;
        case WORD_SSE: words[i] = call->result_xmm[xmms++][0]; break;
        case WORD_SSE_UP: words[i] = call->result_xmm[xmms - 1][1]; break;
        }
    }
    if (type->kind == MU_IR_INT && type->bits < 64) {
        words[0] &= ((uint64_t)1 << type->bits) - 1;
    } else if (type->kind == MU_IR_FLOAT) {
        words[0] = (uint32_t)words[0];
    }
}

void mu_jit_call_native(const mu_jit *jit, const mu_ir_sig *sig, mu_abi_thread *thread)
{
    union {
        const void *address;
        mu_jit_native_fn *function;
    } native = {.address = jit->stubs.native};
    native_arguments to;
    memset(&to.call, 0, sizeof to.call);
    to.gpr_count = to.xmm_count = 0;
    to.call.function = thread->callee;
    to.call.stack = to.stack;
    const mu_ir_type *result = sig->result_count ? sig->results[0] : NULL;
    uint64_t *words = NULL;
    if (result) {
        mu_jit_place place;
        mu_jit_assign_places(sig->results, 1, &place);
        words = place_memory(thread, &place);
        if (is_in_memory(result)) {
            to.call.gpr[to.gpr_count++] = (uintptr_t)words;
        }
    }
    pass_all(&to, sig, thread);
    to.call.xmm_count = to.xmm_count;
    while (to.call.stack_words % STACK_ALIGN_WORDS) {
        to.stack[to.call.stack_words++] = 0;
    }
    native.function(&to.call);
    if (result && !is_in_memory(result)) {
        take_result(&to.call, result, words);
    }
}
