/* C functions as coroutines; see oracle_native.h. */
#include "oracle_native.h"

#include <string.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#define C_STACK_BYTES ((size_t)1 << 20)

/* The C function that runs. */
static _Thread_local native_call *running_call;

/* ---- coroutines */

static void run_c(void)
{
    native_call *call = running_call;
    ffi_call(&call->cif, call->function, call->result, call->arguments);
    call->is_done = true;
    swapcontext(&call->c, &call->interpreter);
}

static void free_call(native_call *call)
{
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(call->memory, C_STACK_BYTES);
#endif
    munmap(call->memory, C_STACK_BYTES);
    mu_arena_free(call->arena);
    mu_free(call);
}

/* Runs C until it is done or calls. */
static void run_call(native_call *call)
{
    running_call = call;
    swapcontext(&call->interpreter, &call->c);
    running_call = NULL;
}

void native_called(ffi_cif *cif, void *result, void **arguments, void *called)
{
    native_call *call = running_call;
    (void)cif;
    MU_INVARIANT(call, "C calls an exposed function from nowhere");
    call->called = called;
    call->called_arguments = arguments;
    call->called_result = result;
    swapcontext(&call->c, &call->interpreter);
}

void native_drop(native_call *call)
{
    free_call(call);
}

/* ---- frames */

/* The exposed function begins, above a native frame. */
static bool push_callback(oracle *self, native_call *call)
{
    stack *on = running_stack(self);
    const mu_ir_func *function = call->called->function;
    const plan *of = plan_of_function(self, function->number);
    if (!push_unbegun_frame(self, on, 0)) {
        return false;
    }
    on->top->native = call;
    on->top->cookie = call->called->cookie;
    if (!push_frame(self, on, of)) {
        return false;
    }
    const mu_ir_version *version = of->version;
    mu_ir_range params = version->blocks[0].params;
    for (uint32_t i = 0; i < params.count; i++) {
        native_copy(on->top->slots + of->slots[params.first + i],
                    version->variables[params.first + i].type, call->called_arguments[i]);
    }
    return true;
}

/* C goes on; then the interpreter does, with what C has called or with the top frame, whose CCALL
 * is over. */
static void go_on(oracle *self, native_call *call)
{
    run_call(call);
    if (!call->is_done) {
        if (!push_callback(self, call)) {
            if (!running_stack(self)->top->native) {
                free_call(call);
            }
            throw_error(self, MU_GUEST_ERROR_STACK_OVERFLOW);
        }
        return;
    }
    frame *at = running_stack(self)->top;
    if (inst_of(at)->results.count) {
        native_copy(result_image(at, 0),
                    at->plan->version->variables[inst_of(at)->results.first].type, call->result);
    }
    free_call(call);
    continue_normally(self);
}

const mu_ir_sig *native_awaited(const native_call *call)
{
    return call->called->function->sig;
}

/* libffi wants small results widened. */
void native_return(oracle *self, const uint8_t *result)
{
    stack *on = running_stack(self);
    native_call *call = on->top->native;
    const mu_ir_sig *sig = native_awaited(call);
    if (sig->result_count && sig->results[0]->kind == MU_IR_INT) {
        *(ffi_arg *)call->called_result = read_int(result, sig->results[0]);
    } else if (sig->result_count) {
        memcpy(call->called_result, result, size_of_type(sig->results[0]));
    }
    on->top->native = NULL; /* the call outlives its frame */
    pop_frame(on);
    go_on(self, call);
}

/* ---- CCALL */

void do_ccall(oracle *self, frame *at)
{
    const mu_ir_sig *sig = at->plan->version->sigs[inst_of(at)->sigs.first];
    uint64_t address = read_word(operand(at, 0));
    if (!address) {
        throw_error(self, MU_GUEST_ERROR_NULL_FUNCTION);
        return;
    }
    native_call *call = mu_allocate(sizeof *call);
    call->arena = mu_arena_new();
    native_prepare(call->arena, sig, &call->cif);
    union {
        uint64_t address;
        void (*function)(void);
    } callee = {address};
    call->function = callee.function;
    call->arguments = MU_ARENA_ARRAY(call->arena, void *, sig->param_count + 1);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        call->arguments[i] = operand(at, 1 + i);
    }
    uint64_t result_bytes = sig->result_count ? size_of_type(sig->results[0]) : 0;
    call->result = MU_ARENA_ARRAY(call->arena, ffi_arg, result_bytes / sizeof(ffi_arg) + 1);
    call->memory = mmap(NULL, C_STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    MU_INVARIANT(call->memory != MAP_FAILED, "no memory for a C stack");
    getcontext(&call->c);
    call->c.uc_stack.ss_sp = call->memory;
    call->c.uc_stack.ss_size = C_STACK_BYTES;
    call->c.uc_link = NULL;
    makecontext(&call->c, run_c, 0);
    go_on(self, call);
}
