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

static x64_mem at_record(x64_gpr base, size_t offset)
{
    return x64_at(base, (int32_t)offset);
}

static const x64_gpr native_order[MU_JIT_NATIVE_GPRS] = {RDI, RSI, RDX, RCX, R8, R9};

/* Calls a C function with what the mu_jit_native_call at rbx says, which C keeps. */
static void emit_native(x64_assembler *a, x64_label leave_done)
{
    x64_load(a, 8, RSP, at_record(RBX, offsetof(mu_jit_native_call, stack)));
    for (size_t i = 0; i < MU_JIT_NATIVE_XMMS; i++) {
        x64_fp_load_16(a, false, (x64_xmm)i,
                       at_record(RBX, offsetof(mu_jit_native_call, xmm) + 16 * i));
    }
    for (size_t i = 0; i < MU_JIT_NATIVE_GPRS; i++) {
        x64_load(a, 8, native_order[i], at_record(RBX, offsetof(mu_jit_native_call, gpr) + 8 * i));
    }
    x64_load(a, 8, RAX, at_record(RBX, offsetof(mu_jit_native_call, xmm_count)));
    x64_call_m(a, at_record(RBX, offsetof(mu_jit_native_call, function)));
    x64_store(a, 8, at_record(RBX, offsetof(mu_jit_native_call, result_gpr)), RAX);
    x64_store(a, 8, at_record(RBX, offsetof(mu_jit_native_call, result_gpr) + 8), RDX);
    x64_fp_store_16(a, false, at_record(RBX, offsetof(mu_jit_native_call, result_xmm)), XMM0);
    x64_fp_store_16(a, false, at_record(RBX, offsetof(mu_jit_native_call, result_xmm) + 16), XMM1);
    /* Another thread may run the stack by now. */
    x64_load(a, 8, R10, at_record(RBX, offsetof(mu_jit_native_call, ccall_sp)));
    x64_load(a, 8, QUICK_THREAD, x64_at(R10, 0));
    x64_load(a, 8, RSP, field(MU_THREAD_mu_sp));
    x64_jmp(a, leave_done);
}

/* What C's registers are pushed in the order of: the record has them the other way round. */
static const x64_gpr kept_by_c[] = {RBP, RBX, R12, R13, R14, R15};
#define KEPT_BY_C_COUNT (sizeof kept_by_c / sizeof *kept_by_c)
_Static_assert(sizeof(((mu_jit_callback *)NULL)->saved) == 8 * KEPT_BY_C_COUNT,
               "a callback saves what C wants kept");
/* With the return address and the registers pushed, rsp is an odd multiple of 8. */
_Static_assert(offsetof(mu_jit_callback, saved) % 16 == 8, "C's stack stays aligned to 16");

/* Where C's call of an exposed function comes to, r11 its slot: makes the mu_jit_callback, asks
 * which thread this is, and leaves from the Mu stack as it was when C was called. */
static void emit_callback(x64_assembler *a, x64_label leave_callback)
{
    for (size_t i = 0; i < KEPT_BY_C_COUNT; i++) {
        x64_push(a, kept_by_c[i]);
    }
    x64_alu_ri(a, X64_SUB, 8, RSP, offsetof(mu_jit_callback, saved));
    x64_store(a, 8, at_record(RSP, offsetof(mu_jit_callback, exposed)), R11);
    for (size_t i = 0; i < MU_JIT_NATIVE_GPRS; i++) {
        x64_store(a, 8, at_record(RSP, offsetof(mu_jit_callback, gpr) + 8 * i), native_order[i]);
    }
    for (size_t i = 0; i < MU_JIT_NATIVE_XMMS; i++) {
        x64_fp_store_16(a, false, at_record(RSP, offsetof(mu_jit_callback, xmm) + 16 * i),
                        (x64_xmm)i);
    }
    x64_mov_rr(a, 8, RDI, RSP);
    x64_call_m(a, at_record(R11, offsetof(mu_jit_exposed, called)));
    x64_mov_rr(a, 8, QUICK_THREAD, RAX);
    x64_mov_rr(a, 8, RBX, RSP);
    x64_load(a, 8, RSP, field(MU_THREAD_mu_sp));
    x64_load(a, 8, RBP, field(MU_THREAD_mu_fp));
    x64_jmp(a, leave_callback);
}

/* The return address of an exposed function's frame: passes over the native frame's words. */
static uint32_t emit_native_return(x64_assembler *a, x64_label leave_return)
{
    uint32_t return_offset = x64_offset(a);
    x64_lea(a, 8, RSP, x64_at(RSP, 8 * (MU_ABI_NATIVE_WORDS - 1)));
    x64_jmp(a, leave_return);
    return return_offset;
}

/* Goes on in C, which called an exposed function, with the mu_jit_callback at rbx. */
static void emit_native_resume(x64_assembler *a)
{
    x64_mov_rr(a, 8, RSP, RBX);
    x64_load(a, 8, RAX, at_record(RSP, offsetof(mu_jit_callback, result_gpr)));
    x64_load(a, 8, RDX, at_record(RSP, offsetof(mu_jit_callback, result_gpr) + 8));
    x64_fp_load_16(a, false, XMM0, at_record(RSP, offsetof(mu_jit_callback, result_xmm)));
    x64_fp_load_16(a, false, XMM1, at_record(RSP, offsetof(mu_jit_callback, result_xmm) + 16));
    x64_alu_ri(a, X64_ADD, 8, RSP, offsetof(mu_jit_callback, saved));
    for (size_t i = KEPT_BY_C_COUNT; i-- > 0;) {
        x64_pop(a, kept_by_c[i]);
    }
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

/* Offsets of the stubs that do not merely leave. */
typedef struct stub_offsets {
    uint32_t bottom, adapter, native, callback, native_return, native_resume, barrier;
} stub_offsets;

static uint32_t aligned_offset(x64_assembler *a)
{
    x64_align(a, 16);
    return x64_offset(a);
}

static stub_offsets emit_others(x64_assembler *a, const x64_label *leave)
{
    stub_offsets at;
    (void)aligned_offset(a);
    at.bottom = emit_bottom(a, leave[MU_ABI_LEAVE_RETURN]);
    (void)aligned_offset(a);
    at.adapter = emit_adapter(a);
    (void)aligned_offset(a);
    at.native_return = emit_native_return(a, leave[MU_ABI_LEAVE_CALLBACK_RETURN]);
    at.native = aligned_offset(a);
    emit_native(a, leave[MU_ABI_LEAVE_CCALL_DONE]);
    at.callback = aligned_offset(a);
    emit_callback(a, leave[MU_ABI_LEAVE_CALLBACK]);
    at.native_resume = aligned_offset(a);
    emit_native_resume(a);
    at.barrier = aligned_offset(a);
    emit_barrier(a);
    return at;
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
    stub_offsets at = emit_others(a, leave);

    mu_code_object *object = mu_allocate(sizeof *object);
    object->name = mu_string_copy("mu.stubs", 8);
    object->sites = mu_allocate(3 * sizeof *object->sites);
    add_site(object, at.bottom, MU_CODE_SITE_STUB);
    add_site(object, at.adapter, MU_CODE_SITE_ADAPTER);
    add_site(object, at.native_return, MU_CODE_SITE_NATIVE);
    const unsigned char *bytes;
    uint32_t size;
    x64_assembler_finish(a, &bytes, &size);
    mu_status status = mu_code_install(cache, object, bytes, size);
    if (status == MU_OK) {
        stubs->object = object;
        stubs->enter = object->start + x64_label_offset(a, enter);
        stubs->bottom = object->start + at.bottom;
        stubs->adapter = object->start + at.adapter;
        stubs->native = object->start + at.native;
        stubs->callback = object->start + at.callback;
        stubs->native_return = object->start + at.native_return;
        stubs->native_resume = object->start + at.native_resume;
        stubs->barrier = object->start + at.barrier;
        for (int i = 0; i < MU_ABI_LEAVE_COUNT; i++) {
            stubs->leave[i] = object->start + x64_label_offset(a, leave[i]);
        }
    } else {
        mu_code_object_free(object);
    }
    x64_assembler_free(a);
    return status;
}
