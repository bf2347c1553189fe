/* Calls of C functions and by them: System V Application Binary Interface for AMD64, 3.2.3, as
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
#define STACK_ALIGN_BYTES 32u
/* What a result may have: it travels in `overflow`, too. */
#define RESULT_WORDS_MAX MU_ABI_OVERFLOW_WORDS
_Static_assert(sizeof(mu_jit_native_call) + sizeof(mu_jit_callback) +
                       8 * (STACK_WORDS_MAX + RESULT_WORDS_MAX) + 2 * STACK_ALIGN_BYTES <=
                   MU_JIT_NATIVE_CALL_BYTES,
               "what a call puts on C's stack is bounded");

/* Counts registers as values are passed, in either direction. */
typedef struct native_order {
    uint32_t gpr_count;
    uint32_t xmm_count;
    uint32_t stack_words;
} native_order;

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

static void classify_from(const mu_ir_type *type, uint64_t at, word_class classes[2])
{
    if (!type->size_bytes || type->kind == MU_IR_FLOAT || type->kind == MU_IR_DOUBLE) {
        return;
    }
    if (type->kind == MU_IR_STRUCT) {
        for (uint32_t i = 0; i < type->field_count; i++) {
            classify_from(type->fields[i], at + type->offsets[i], classes);
        }
    } else if (type->kind == MU_IR_ARRAY) {
        for (uint64_t i = 0; i < type->length; i++) {
            classify_from(type->element, at + i * type->stride_bytes, classes);
        }
    } else if (type->kind == MU_IR_VECTOR) {
        classify_vector(type, at, classes);
    } else {
        for (uint64_t i = 0; i < (type->size_bytes + 7) / 8; i++) {
            classes[at / 8 + i] = WORD_INTEGER;
        }
    }
}

/* Classifies the words of a value that is not in memory, so has at most two. */
static void classify(const mu_ir_type *type, word_class classes[2])
{
    classes[0] = classes[1] = WORD_SSE;
    classify_from(type, 0, classes);
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

static uint32_t words_of(const mu_ir_type *type)
{
    return (uint32_t)((type->size_bytes + 7) / 8);
}

/* Is a value of the type passed in registers that are still free? Says what its words are then. */
static bool fits_registers(const native_order *order, const mu_ir_type *type, word_class classes[2])
{
    if (is_in_memory(type)) {
        return false;
    }
    uint32_t gprs = 0;
    uint32_t xmms = 0;
    classify(type, classes);
    for (uint32_t i = 0; i < words_of(type); i++) {
        gprs += classes[i] == WORD_INTEGER;
        xmms += classes[i] == WORD_SSE;
    }
    return order->gpr_count + gprs <= MU_JIT_NATIVE_GPRS &&
           order->xmm_count + xmms <= MU_JIT_NATIVE_XMMS;
}

/* The first word of the stack for a value of the type; those before it are used or skipped. */
static uint32_t take_stack_words(native_order *order, const mu_ir_type *type)
{
    uint32_t align_words = type->align_bytes > 8 ? type->align_bytes / 8 : 1;
    uint32_t first = (order->stack_words + align_words - 1) / align_words * align_words;
    order->stack_words = first + words_of(type);
    return first;
}

/* Registers as C has them at a call or return: the next of each kind for a word of the class. */
static uint64_t *next_register(native_order *order, word_class class, uint64_t *gpr,
                               uint64_t (*xmm)[2])
{
    switch (class) {
    case WORD_INTEGER: return &gpr[order->gpr_count++];
    case WORD_SSE: return &xmm[order->xmm_count++][0];
    case WORD_SSE_UP: break;
    }
    return &xmm[order->xmm_count - 1][1];
}

/* C leaves bits beyond a value's own as they are. */
static void cut(const mu_ir_type *type, uint64_t *words)
{
    if (type->kind == MU_IR_INT && type->bits < 64) {
        words[0] &= ((uint64_t)1 << type->bits) - 1;
    } else if (type->kind == MU_IR_FLOAT) {
        words[0] = (uint32_t)words[0];
    }
}

/* ---- calls of C */

static void pass(mu_jit_native_call *call, native_order *order, const mu_ir_type *type,
                 const uint64_t *words)
{
    word_class classes[2];
    if (!fits_registers(order, type, classes)) {
        uint64_t *stack = (uint64_t *)call->stack;
        memcpy(stack + take_stack_words(order, type), words, words_of(type) * sizeof *words);
        return;
    }
    for (uint32_t i = 0; i < words_of(type); i++) {
        *next_register(order, classes[i], call->gpr, call->xmm) = words[i];
    }
}

/* How many words go to the stack. */
static uint32_t stack_words_of(const mu_ir_sig *sig, native_order order)
{
    for (uint32_t i = 0; i < sig->param_count; i++) {
        word_class classes[2];
        const mu_ir_type *type = sig->params[i];
        if (!fits_registers(&order, type, classes)) {
            (void)take_stack_words(&order, type);
            continue;
        }
        for (uint32_t w = 0; w < words_of(type); w++) {
            order.gpr_count += classes[w] == WORD_INTEGER;
            order.xmm_count += classes[w] == WORD_SSE;
        }
    }
    MU_INVARIANT(order.stack_words <= STACK_WORDS_MAX, "%u words for C's stack", order.stack_words);
    return order.stack_words;
}

static const mu_ir_type *result_of(const mu_ir_sig *sig)
{
    return sig->result_count ? sig->results[0] : NULL;
}

/* Registers of a call that are taken before the arguments'. */
static native_order order_of(const mu_ir_sig *sig)
{
    const mu_ir_type *result = result_of(sig);
    return (native_order){.gpr_count = result && is_in_memory(result)};
}

void mu_jit_begin_native(const mu_jit *jit, const mu_ir_sig *sig, mu_abi_thread *thread)
{
    mu_jit_place places[MU_ABI_OVERFLOW_WORDS];
    native_order order = order_of(sig);
    const mu_ir_type *result = result_of(sig);
    uintptr_t low = thread->ccall_sp - 16 - sizeof(mu_jit_native_call);
    mu_jit_native_call *call = (mu_jit_native_call *)low;
    memset(call, 0, sizeof *call);
    if (order.gpr_count) {
        low -= words_of(result) * sizeof(uint64_t);
        call->memory = (uint64_t *)low;
        call->gpr[0] = low;
    }
    low -= stack_words_of(sig, order) * sizeof(uint64_t);
    call->stack = low & ~(uintptr_t)(STACK_ALIGN_BYTES - 1);
    call->function = thread->callee;
    call->ccall_sp = thread->ccall_sp;
    call->sig = sig;
    MU_INVARIANT(sig->param_count <= MU_ABI_OVERFLOW_WORDS, "%u arguments for C", sig->param_count);
    mu_jit_assign_places(sig->params, sig->param_count, places);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        pass(call, &order, sig->params[i], place_memory(thread, &places[i]));
    }
    call->xmm_count = order.xmm_count;
    thread->gpr[3] = (uintptr_t)call; /* rbx */
    thread->resume_pc = (uintptr_t)jit->stubs.native;
}

static void take_result(mu_jit_native_call *call, const mu_ir_type *type, uint64_t *words)
{
    word_class classes[2];
    native_order order = {0};
    classify(type, classes);
    for (uint32_t i = 0; i < words_of(type); i++) {
        words[i] = *next_register(&order, classes[i], call->result_gpr, call->result_xmm);
    }
    cut(type, words);
}

void mu_jit_end_native(mu_abi_thread *thread)
{
    mu_jit_native_call *call = (mu_jit_native_call *)(uintptr_t)thread->gpr[3];
    const mu_ir_type *result = result_of(call->sig);
    mu_jit_place place;
    if (!result) {
        return;
    }
    mu_jit_assign_places(call->sig->results, 1, &place);
    uint64_t *words = place_memory(thread, &place);
    if (is_in_memory(result)) {
        memcpy(words, call->memory, words_of(result) * sizeof *words);
    } else {
        take_result(call, result, words);
    }
}

/* ---- calls by C */

static void take(mu_jit_callback *callback, native_order *order, const mu_ir_type *type,
                 uint64_t *words)
{
    word_class classes[2];
    if (!fits_registers(order, type, classes)) {
        memcpy(words, callback->stack + take_stack_words(order, type),
               words_of(type) * sizeof *words);
    } else {
        for (uint32_t i = 0; i < words_of(type); i++) {
            words[i] = *next_register(order, classes[i], callback->gpr, callback->xmm);
        }
    }
    cut(type, words);
}

void mu_jit_begin_callback(mu_jit_callback *callback, mu_abi_thread *thread)
{
    mu_jit_place places[MU_ABI_OVERFLOW_WORDS];
    const mu_ir_sig *sig = callback->func->sig;
    native_order order = order_of(sig);
    MU_INVARIANT(sig->param_count <= MU_ABI_OVERFLOW_WORDS, "%u arguments of C", sig->param_count);
    mu_jit_assign_places(sig->params, sig->param_count, places);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        take(callback, &order, sig->params[i], place_memory(thread, &places[i]));
    }
}

static void give_result(mu_jit_callback *callback, const mu_ir_type *type, const uint64_t *words)
{
    if (is_in_memory(type)) {
        uint64_t address = callback->gpr[0]; /* where C has room for it */
        memcpy((void *)(uintptr_t)address, words, type->size_bytes);
        callback->result_gpr[0] = address;
        return;
    }
    word_class classes[2];
    native_order order = {0};
    classify(type, classes);
    for (uint32_t i = 0; i < words_of(type); i++) {
        *next_register(&order, classes[i], callback->result_gpr, callback->result_xmm) = words[i];
    }
}

void mu_jit_end_callback(const mu_jit *jit, mu_jit_callback *callback, mu_abi_thread *thread)
{
    const mu_ir_sig *sig = callback->func->sig;
    const mu_ir_type *result = result_of(sig);
    if (result) {
        mu_jit_place place;
        mu_jit_assign_places(sig->results, 1, &place);
        give_result(callback, result, place_memory(thread, &place));
    }
    thread->gpr[3] = (uintptr_t)callback; /* rbx */
    thread->resume_pc = (uintptr_t)jit->stubs.native_resume;
}
