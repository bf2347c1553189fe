/* The few pieces of machine code between Mu code and the runtime. `enter` is called like a C
 * function and switches to the Mu stack; the leave stubs switch back and return from it. Between
 * them lies the whole protocol, see mu_abi_leave. */
#include "stubs.h"

#include "native_call.h"

static const x64_gpr gpr_order[MU_ABI_GPR_ARGS] = {RAX, RCX, RDX, RBX, RSI, RDI, R8, R9};

x64_gpr quick_gpr_arg(uint32_t index)
{
    return gpr_order[index];
}

static x64_mem field(int32_t offset)
{
    return x64_at(QUICK_THREAD, offset);
}

static const x64_gpr callee_saved[] = {RBX, RBP, R12, R13, R14, R15};
#define CALLEE_SAVED_COUNT (sizeof callee_saved / sizeof *callee_saved)

static void emit_enter(x64_assembler *a)
{
    for (size_t i = 0; i < CALLEE_SAVED_COUNT; i++) {
        x64_push(a, callee_saved[i]);
    }
    x64_mov_rr(a, 8, QUICK_THREAD, RDI);
    x64_store(a, 8, field(MU_THREAD_native_sp), RSP);
    for (int32_t i = 0; i < MU_ABI_GPR_ARGS; i++) {
        x64_load(a, 8, gpr_order[i], field(MU_THREAD_gpr + 8 * i));
    }
    for (int32_t i = 0; i < MU_ABI_XMM_ARGS; i++) {
        x64_fp_load(a, 8, (x64_xmm)i, field(MU_THREAD_xmm + 8 * i));
    }
    x64_load(a, 8, R11, field(MU_THREAD_callee));
    x64_load(a, 8, RSP, field(MU_THREAD_mu_sp));
    x64_load(a, 8, RBP, field(MU_THREAD_mu_fp));
    x64_jmp_m(a, field(MU_THREAD_resume_pc));
}

/* mu_jit_native_fn: calls a C function with what the record at rdi says. `rbx` keeps the record. */
static void emit_native(x64_assembler *a)
{
    static const x64_gpr order[MU_JIT_NATIVE_GPRS] = {RDI, RSI, RDX, RCX, R8, R9};
    x64_push(a, RBP);
    x64_mov_rr(a, 8, RBP, RSP);
    x64_push(a, RBX);
    x64_push(a, RBX);
    x64_mov_rr(a, 8, RBX, RDI);
    x64_load(a, 8, RCX, x64_at(RBX, offsetof(mu_jit_native_call, stack_words)));
    x64_lea(a, 8, RAX, x64_at_index(X64_NO_GPR, RCX, 3, 0));
    x64_alu_rr(a, X64_SUB, 8, RSP, RAX);
    x64_load(a, 8, RSI, x64_at(RBX, offsetof(mu_jit_native_call, stack)));
    x64_mov_rr(a, 8, RDI, RSP);
    x64_rep_movsq(a);
    for (int32_t i = 0; i < MU_JIT_NATIVE_XMMS; i++) {
        int32_t offset = (int32_t)offsetof(mu_jit_native_call, xmm) + 8 * i;
        x64_fp_load(a, 8, (x64_xmm)i, x64_at(RBX, offset));
    }
    for (int32_t i = 0; i < MU_JIT_NATIVE_GPRS; i++) {
        int32_t offset = (int32_t)offsetof(mu_jit_native_call, gpr) + 8 * i;
        x64_load(a, 8, order[i], x64_at(RBX, offset));
    }
    x64_load(a, 8, RAX, x64_at(RBX, offsetof(mu_jit_native_call, xmm_count)));
    x64_call_m(a, x64_at(RBX, offsetof(mu_jit_native_call, function)));
    x64_store(a, 8, x64_at(RBX, offsetof(mu_jit_native_call, result_gpr)), RAX);
    x64_store(a, 8, x64_at(RBX, offsetof(mu_jit_native_call, result_gpr) + 8), RDX);
    x64_fp_store(a, 8, x64_at(RBX, offsetof(mu_jit_native_call, result_xmm)), XMM0);
    x64_fp_store(a, 8, x64_at(RBX, offsetof(mu_jit_native_call, result_xmm) + 8), XMM1);
    x64_load(a, 8, RBX, x64_at(RBP, -8));
    x64_mov_rr(a, 8, RSP, RBP);
    x64_pop(a, RBP);
    x64_ret(a);
}

static const x64_gpr barrier_saves[] = {RAX, RCX, RDX, RSI, RDI, R8, R9, R10};
#define BARRIER_SAVES     ((int32_t)(sizeof barrier_saves / sizeof *barrier_saves))
#define BARRIER_XMM_BYTES 256

/* Calls the thread's `barrier` on the worker's own stack, with what was pushed before the return
 * address: the store's size, its address, the object. All registers but r11 are as they were
 * afterwards, so that a store need not know what lives around it. Nothing looks at Mu frames
 * meanwhile, so nothing needs a map. */
static void emit_barrier(x64_assembler *a)
{
    for (int32_t i = 0; i < BARRIER_SAVES; i++) {
        x64_push(a, barrier_saves[i]);
    }
    x64_push(a, RBX);
    x64_mov_rr(a, 8, RBX, RSP);
    x64_load(a, 8, RSP, field(MU_THREAD_native_sp));
    x64_alu_ri(a, X64_SUB, 8, RSP, BARRIER_XMM_BYTES);
    x64_alu_ri(a, X64_AND, 8, RSP, -16);
    for (int32_t i = 0; i < QUICK_XMM_COUNT; i++) {
        x64_fp_store_16(a, true, x64_at(RSP, 16 * i), (x64_xmm)i);
    }
    int32_t pushed = 8 * (BARRIER_SAVES + 2);
    x64_load(a, 8, RDI, x64_at(RBX, pushed));
    x64_load(a, 8, RSI, x64_at(RBX, pushed + 8));
    x64_load(a, 8, RDX, x64_at(RBX, pushed + 16));
    x64_mov_rr(a, 8, RCX, QUICK_THREAD);
    x64_call_m(a, field(MU_THREAD_barrier));
    for (int32_t i = 0; i < QUICK_XMM_COUNT; i++) {
        x64_fp_load_16(a, true, (x64_xmm)i, x64_at(RSP, 16 * i));
    }
    x64_mov_rr(a, 8, RSP, RBX);
    x64_pop(a, RBX);
    for (int32_t i = BARRIER_SAVES; i-- > 0;) {
        x64_pop(a, barrier_saves[i]);
    }
    x64_ret(a);
}

/* What all leave stubs share: the reason has been stored. */
static void emit_leave(x64_assembler *a)
{
    for (int32_t i = 0; i < MU_ABI_GPR_ARGS; i++) {
        x64_store(a, 8, field(MU_THREAD_gpr + 8 * i), gpr_order[i]);
    }
    for (int32_t i = 0; i < MU_ABI_XMM_ARGS; i++) {
        x64_fp_store(a, 8, field(MU_THREAD_xmm + 8 * i), (x64_xmm)i);
    }
    x64_store(a, 8, field(MU_THREAD_mu_sp), RSP);
    x64_store(a, 8, field(MU_THREAD_mu_fp), RBP);
    x64_load(a, 8, RSP, field(MU_THREAD_native_sp));
    for (size_t i = CALLEE_SAVED_COUNT; i-- > 0;) {
        x64_pop(a, callee_saved[i]);
    }
    x64_ret(a);
}

/* The return address at a stack's bottom. */
static uint32_t emit_bottom(x64_assembler *a, x64_label leave_return)
{
    uint32_t return_offset = x64_offset(a);
    x64_jmp(a, leave_return);
    return return_offset;
}

/* The return address of a frame that was pushed on one that has not begun: what it returned are
 * that one's arguments, and travel alike. See MU_ABI_ADAPTER_WORDS. */
static uint32_t emit_adapter(x64_assembler *a)
{
    uint32_t return_offset = x64_offset(a);
    x64_load(a, 8, R11, x64_at(RSP, 0));
    x64_load(a, 8, R10, field(MU_THREAD_functions));
    x64_lea(a, 8, RSP, x64_at(RSP, 8 * (MU_ABI_ADAPTER_WORDS - 1)));
    x64_lea(a, 8, R10, x64_at_index(R10, R11, 3, 0));
    x64_lea(a, 8, R10, x64_at_index(R10, R11, 3, 0));
    x64_jmp_m(a, x64_at(R10, offsetof(mu_abi_function, code)));
    return return_offset;
}

static void add_site(mu_code_object *object, uint32_t return_offset, mu_code_site_kind kind)
{
    object->sites[object->site_count++] =
        (mu_code_site){.return_offset = return_offset, .kind = kind, .inst = UINT32_MAX};
}

mu_status mu_jit_stubs_make(mu_code_cache *cache, mu_jit_stubs *stubs)
{
    x64_assembler *a = x64_assembler_new();
    x64_label leave[MU_ABI_LEAVE_COUNT];
    x64_label common = x64_label_new(a);
    x64_label enter = x64_label_new(a);
    for (int i = 0; i < MU_ABI_LEAVE_COUNT; i++) {
        leave[i] = x64_label_new(a);
    }
    x64_bind(a, enter);
    emit_enter(a);
    x64_align(a, 16);
    x64_bind(a, common);
    emit_leave(a);
    for (int i = 0; i < MU_ABI_LEAVE_COUNT; i++) {
        x64_align(a, 16);
        x64_bind(a, leave[i]);
        if (i == MU_ABI_LEAVE_COMPILE) {
            x64_store(a, 8, field(MU_THREAD_callee), R11);
        }
        x64_store_i(a, 8, field(MU_THREAD_leave_reason), i);
        x64_jmp(a, common);
    }
    x64_align(a, 16);
    uint32_t bottom = emit_bottom(a, leave[MU_ABI_LEAVE_RETURN]);
    x64_align(a, 16);
    uint32_t adapter = emit_adapter(a);
    x64_align(a, 16);
    uint32_t native = x64_offset(a);
    emit_native(a);
    x64_align(a, 16);
    uint32_t barrier = x64_offset(a);
    emit_barrier(a);

    mu_code_object *object = mu_allocate(sizeof *object);
    object->name = mu_string_copy("mu.stubs", 8);
    object->sites = mu_allocate(2 * sizeof *object->sites);
    add_site(object, bottom, MU_CODE_SITE_STUB);
    add_site(object, adapter, MU_CODE_SITE_ADAPTER);
    const unsigned char *bytes;
    uint32_t size;
    x64_assembler_finish(a, &bytes, &size);
    mu_status status = mu_code_install(cache, object, bytes, size);
    if (status == MU_OK) {
        stubs->object = object;
        stubs->enter = object->start + x64_label_offset(a, enter);
        stubs->bottom = object->start + bottom;
        stubs->adapter = object->start + adapter;
        stubs->native = object->start + native;
        stubs->barrier = object->start + barrier;
        for (int i = 0; i < MU_ABI_LEAVE_COUNT; i++) {
            stubs->leave[i] = object->start + x64_label_offset(a, leave[i]);
        }
    } else {
        mu_code_object_free(object);
    }
    x64_assembler_free(a);
    return status;
}
