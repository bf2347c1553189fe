/* Calls of C functions: System V Application Binary Interface for AMD64, 3.2.3, as
 * native-interface-x64-unix.rest maps Mu's types to C's.
 *
 * Scalars take a general or an xmm register each; a struct of up to 16 bytes one for each eight of
 * them, xmm where these hold nothing but floating point, all or none. What finds no register, and
 * every larger struct, is copied to the stack. A larger struct is returned in memory that the
 * caller offers as a first, hidden argument.
 */
#include "native_call.h"

#include "stubs.h"

#include <string.h>

/* Arguments travel in registers or `overflow`, so no more than these are for the stack. */
#define STACK_WORDS_MAX (MU_ABI_OVERFLOW_WORDS + MU_ABI_GPR_ARGS + MU_ABI_XMM_ARGS)

typedef struct native_arguments {
    mu_jit_native_call call;
    uint32_t gpr_count;
    uint32_t xmm_count;
    uint64_t stack[STACK_WORDS_MAX + 1];
} native_arguments;

/* Marks the words, counted from the whole value's start, that hold something else than floating
 * point; the value has at most two. */
static void mark_integers(const mu_ir_type *type, uint64_t at, bool is_integer[2])
{
    if (!type->size_bytes || type->kind == MU_IR_FLOAT || type->kind == MU_IR_DOUBLE) {
        return;
    }
    if (type->kind == MU_IR_STRUCT) {
        for (uint32_t i = 0; i < type->field_count; i++) {
            mark_integers(type->fields[i], at + type->offsets[i], is_integer);
        }
    } else if (type->kind == MU_IR_ARRAY) {
        for (uint64_t i = 0; i < type->length; i++) {
            mark_integers(type->element, at + i * type->stride_bytes, is_integer);
        }
    } else {
        is_integer[at / 8] = true;
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

static void pass_on_stack(native_arguments *to, const uint64_t *words, uint32_t count)
{
    MU_INVARIANT(to->call.stack_words + count <= STACK_WORDS_MAX, "%u words more for C's stack",
                 count);
    memcpy(&to->stack[to->call.stack_words], words, count * sizeof *words);
    to->call.stack_words += count;
}

static void pass(native_arguments *to, const mu_ir_type *type, const uint64_t *words)
{
    bool is_integer[2] = {false, false};
    uint32_t count = (uint32_t)((type->size_bytes + 7) / 8);
    if (is_in_memory(type)) {
        pass_on_stack(to, words, count);
        return;
    }
    mark_integers(type, 0, is_integer);
    uint32_t gprs = 0;
    for (uint32_t i = 0; i < count; i++) {
        gprs += is_integer[i];
    }
    if (to->gpr_count + gprs > MU_JIT_NATIVE_GPRS ||
        to->xmm_count + count - gprs > MU_JIT_NATIVE_XMMS) {
        pass_on_stack(to, words, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *reg =
            is_integer[i] ? &to->call.gpr[to->gpr_count++] : &to->call.xmm[to->xmm_count++];
        *reg = words[i];
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
    bool is_integer[2] = {false, false};
    uint32_t gprs = 0;
    uint32_t xmms = 0;
    mark_integers(type, 0, is_integer);
    for (uint32_t i = 0; i < (type->size_bytes + 7) / 8; i++) {
        words[i] = is_integer[i] ? call->result_gpr[gprs++] : call->result_xmm[xmms++];
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
    if (to.call.stack_words % 2) {
        to.stack[to.call.stack_words++] = 0;
    }
    native.function(&to.call);
    if (result && !is_in_memory(result)) {
        take_result(&to.call, result, words);
    }
}
