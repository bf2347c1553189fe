/* What the runtime offers for functions exposed to C, and what happens to calls of them that no
 * program may make. */
#include "vm_internal.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @void = void .typedef @rv = ref<@void>\n"
    ".funcsig @i_i = (@i64) -> (@i64) .typedef @f.i_i = ufuncptr<@i_i>\n"
    ".funcsig @r_v = (@rv) -> () .const @0 <@i64> = 0 .const @9 <@i64> = 9\n"
    ".funcdef @takes_ref VERSION %v1 <@r_v> { %entry(<@rv> %r): RET () }\n"
    ".funcdef @cookie VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): %c = COMMINST @uvm.native.get_cookie RET %c }\n"
    ".funcdef @divides VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %n): %c = SDIV <@i64> %n @0 RET %c }\n"
    ".expose @e = @cookie #DEFAULT @9\n"
    ".expose @divides.e = @divides #DEFAULT @0\n"
    /* Calls C at an address. */
    ".funcdef @call VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %p): %f = PTRCAST <@i64 @f.i_i> %p\n"
    "  %r = CCALL #DEFAULT <@f.i_i @i_i> %f (%p) RET %r }\n"
    ".funcdef @call_divides VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %p): %r = CCALL #DEFAULT <@f.i_i @i_i> @divides.e (%p) RET %r }\n"
    ".funcdef @stale VERSION %v1 <@i_i> {\n"
    "  %entry(<@i64> %p):\n"
    "  %f = COMMINST @uvm.native.expose [#DEFAULT] <[@i_i]> (@cookie @9)\n"
    "  COMMINST @uvm.native.unexpose [#DEFAULT] (%f)\n"
    "  %r = CCALL #DEFAULT <@f.i_i @i_i> %f (%p) RET %r }\n";

static mu_substrate *substrate;
static mu_vm *vm;
static bool is_finished; /* atomic */

static mu_vm *new_vm(bool grant_native)
{
    mu_vm *made;
    mu_vm_config config = {.limits.heap_bytes = 16u << 20, .grant_native = grant_native};
    cr_assert_eq(mu_vm_new(substrate, &config, &made), MU_OK);
    return made;
}

static void load(mu_vm *into, const char *text)
{
    mu_report *report = mu_report_new();
    mu_status status = mu_vm_load(into, "callbacks", text, strlen(text), report, NULL);
    char *complaint = mu_report_text(report);
    cr_assert_eq(status, MU_OK, "%s", complaint);
    mu_free(complaint);
    mu_report_free(report);
}

static void setup(void)
{
    mu_substrate_config config = {.workers = 2};
    cr_assert_eq(mu_substrate_new(&config, NULL, &substrate), MU_OK);
    vm = new_vm(true);
    load(vm, bundle);
}

static void teardown(void)
{
    mu_vm_free(vm);
    mu_substrate_free(substrate);
}

TestSuite(mu_callbacks, .init = setup, .fini = teardown, .timeout = 60);

static void on_trapped(mu_thread *thread, void *context)
{
    (void)context;
    mu_thread_kill(thread);
}

static void on_finished(mu_thread *thread, void *context)
{
    (void)thread;
    (void)context;
    __atomic_store_n(&is_finished, true, __ATOMIC_RELEASE);
}

/* The finished thread, which the caller frees. */
static mu_thread *run(mu_vm *in, const char *function, uint64_t argument)
{
    mu_thread *thread;
    mu_value value = {.kind = MU_VALUE_INT, .bits = 64, .integer = argument};
    cr_assert_eq(mu_thread_new(in, mu_vm_find_function(in, function), &value, 1, NULL, &thread),
                 MU_OK);
    __atomic_store_n(&is_finished, false, __ATOMIC_RELEASE);
    mu_thread_start(thread, on_trapped, on_finished, NULL);
    while (!__atomic_load_n(&is_finished, __ATOMIC_ACQUIRE)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return thread;
}

static uint64_t call_at(mu_vm *in, uintptr_t address)
{
    mu_thread *thread = run(in, "@call", address);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED);
    uint64_t result = mu_thread_result(thread, 0).integer;
    mu_thread_free(thread);
    return result;
}

static uint64_t number_of(const mu_vm *in, const char *name)
{
    const mu_ir_entity *entity = mu_ir_env_find(in->env, name, strlen(name));
    return ((const mu_ir_func *)entity)->number;
}

Test(mu_callbacks, an_exposed_function_is_called_with_its_cookie_until_it_is_unexposed)
{
    uintptr_t first;
    uintptr_t second;
    cr_assert_eq(vm_expose(vm, number_of(vm, "@cookie"), 77, &first), MU_OK);
    cr_assert_eq(vm_expose(vm, number_of(vm, "@cookie"), 78, &second), MU_OK);
    cr_assert_neq(first, second);
    cr_assert_eq(call_at(vm, first), 77);
    cr_assert_eq(call_at(vm, second), 78);
    cr_assert_eq(vm_unexpose(vm, first), MU_OK);
    cr_assert_eq(vm_unexpose(vm, first), MU_NOT_FOUND);
    cr_assert_eq(vm_unexpose(vm, second + 1), MU_NOT_FOUND);
    cr_assert_eq(call_at(vm, second), 78);
}

Test(mu_callbacks, a_bundles_exposed_function_has_its_address_from_the_load_on)
{
    mu_ir_entity *entity = mu_ir_env_find(vm->env, "@e", 2);
    uintptr_t address = vm_exposed_address((const mu_ir_expose *)entity);
    cr_assert_eq(call_at(vm, address), 9);
    cr_assert_eq(vm_unexpose(vm, address), MU_NOT_FOUND, "it is the bundle's");
    mu_vm *other = new_vm(true);
    load(other, bundle);
    cr_assert_eq(call_at(other, address), 9, "VMs of one bundle share it");
    mu_vm_free(other);
}

Test(mu_callbacks, what_cannot_be_exposed_is_refused)
{
    uintptr_t address;
    cr_assert_eq(vm_expose(vm, 0, 0, &address), MU_NOT_FOUND);
    cr_assert_eq(vm_expose(vm, 1000000, 0, &address), MU_NOT_FOUND);
    cr_assert_eq(vm_expose(vm, number_of(vm, "@takes_ref"), 0, &address), MU_UNSUPPORTED);
    mu_vm *other = new_vm(false);
    load(other, ".funcsig @v_v = () -> () .funcdecl @f <@v_v>");
    cr_assert_eq(vm_expose(other, number_of(other, "@f"), 0, &address), MU_NOT_ALLOWED);
    mu_vm_free(other);
}

Test(mu_callbacks, a_vm_may_have_so_many_and_its_end_frees_them)
{
    uint64_t code_bytes = 0;
    for (int round = 0; round < 3; round++) {
        mu_vm *other = new_vm(true);
        load(other, bundle);
        uintptr_t address;
        uint64_t number = number_of(other, "@cookie");
        uint32_t count = 0;
        while (vm_expose(other, number, count, &address) == MU_OK) {
            count++;
        }
        cr_assert_eq(count, 65536);
        cr_assert_eq(vm_unexpose(other, address), MU_OK);
        cr_assert_eq(vm_expose(other, number, 5, &address), MU_OK);
        cr_assert_eq(call_at(other, address), 5);
        mu_vm_free(other);
        if (round == 0) {
            code_bytes = mu_substrate_code_bytes(substrate);
        }
    }
    cr_assert_eq(mu_substrate_code_bytes(substrate), code_bytes);
}

Test(mu_callbacks, the_stacks_of_c_are_given_back_with_their_threads)
{
    for (int i = 0; i < 100; i++) {
        mu_thread *thread =
            run(vm, i % 2 ? "@call_divides" : "@call",
                vm_exposed_address((const mu_ir_expose *)mu_ir_env_find(vm->env, "@e", 2)));
        mu_thread_free(thread);
    }
    cr_assert_eq(vm->stack_bytes, 0);
}

Test(mu_callbacks, an_exception_that_reaches_c_ends_the_thread_and_both_are_told)
{
    mu_thread *thread = run(vm, "@call_divides", 1);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_ERROR);
    mu_thread_error error = mu_thread_get_error(thread);
    cr_assert_str_eq(error.kind, "NATIVE_FRAME");
    cr_assert_neq(strstr(error.message, "division by zero"), NULL, "%s", error.message);
    mu_frame frame;
    cr_assert_eq(mu_thread_frame(thread, 1, &frame), MU_OK);
    cr_assert(frame.is_native);
    cr_assert_str_eq(frame.function, MU_FRAME_NATIVE);
    mu_thread_free(thread);
}

/* ---- calls that nobody may make */

static void call_from_here(uintptr_t address)
{
    union {
        uintptr_t address;
        int64_t (*function)(int64_t);
    } exposed = {address};
    (void)exposed.function(1);
}

Test(mu_callbacks, a_call_from_another_thread_ends_the_process, .signal = SIGABRT)
{
    uintptr_t address;
    cr_assert_eq(vm_expose(vm, number_of(vm, "@cookie"), 77, &address), MU_OK);
    call_from_here(address);
}

Test(mu_callbacks, a_call_after_unexposing_ends_the_process, .signal = SIGABRT)
{
    mu_thread_free(run(vm, "@stale", 1));
}

Test(mu_callbacks, a_call_in_another_vm_ends_the_process, .signal = SIGABRT)
{
    uintptr_t address;
    mu_vm *other = new_vm(true);
    load(other, bundle);
    cr_assert_eq(vm_expose(other, number_of(other, "@cookie"), 77, &address), MU_OK);
    (void)call_at(vm, address);
}

Test(mu_callbacks, a_call_after_the_vms_end_ends_the_process, .signal = SIGABRT)
{
    uintptr_t address;
    mu_vm *other = new_vm(true);
    load(other, bundle);
    cr_assert_eq(vm_expose(other, number_of(other, "@cookie"), 77, &address), MU_OK);
    mu_vm_free(other);
    (void)call_at(vm, address);
}
