/* Programs whose own trap handlers trap: they run out of memory or until they are killed. */
#include "mu.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

static const char bundle[] =
    ".typedef @void = void .typedef @rv = ref<@void> .typedef @stackref = stackref\n"
    ".typedef @i32 = int<32> .const @null <@rv> = NULL .funcsig @v_v = () -> ()\n"
    ".funcdecl @nobody <@uvm.meta.trap_handler.sig>\n"
    ".funcdef @traps VERSION %v1 <@uvm.meta.trap_handler.sig> {\n"
    "  %entry(<@stackref> %s <@i32> %w <@rv> %d): TRAP <> RET () }\n"
    ".funcdef @endless VERSION %v1 <@v_v> {\n"
    "  %entry(): COMMINST @uvm.meta.set_trap_handler (@traps @null) TRAP <> RET () }\n"
    ".funcdef @unhandled VERSION %v1 <@v_v> {\n"
    "  %entry(): COMMINST @uvm.meta.set_trap_handler (@nobody @null) TRAP <> RET () }\n";

typedef struct fixture {
    mu_substrate *substrate;
    mu_vm *vm;
    mu_thread *thread;
    bool is_finished; /* atomic */
} fixture;

static void on_trapped(mu_thread *thread, void *context)
{
    (void)context;
    mu_thread_kill(thread);
}

static void on_finished(mu_thread *thread, void *context)
{
    (void)thread;
    __atomic_store_n(&((fixture *)context)->is_finished, true, __ATOMIC_RELEASE);
}

static void start(fixture *f, const char *function)
{
    mu_substrate_config config = {.workers = 1};
    mu_vm_config vm_config = {.limits.heap_bytes = 16u << 20};
    *f = (fixture){0};
    cr_assert_eq(mu_substrate_new(&config, NULL, &f->substrate), MU_OK);
    cr_assert_eq(mu_vm_new(f->substrate, &vm_config, &f->vm), MU_OK);
    cr_assert_eq(mu_vm_load(f->vm, "traps", bundle, strlen(bundle), NULL, NULL), MU_OK);
    cr_assert_eq(
        mu_thread_new(f->vm, mu_vm_find_function(f->vm, function), NULL, 0, NULL, &f->thread),
        MU_OK);
    mu_thread_start(f->thread, on_trapped, on_finished, f);
}

static void sleep_ms(long count)
{
    nanosleep(&(struct timespec){.tv_nsec = count * 1000000}, NULL);
}

/* The call of the handler that is not there traps itself; each such call keeps its stack alive. */
Test(mu_own_traps, a_handler_that_is_only_declared_uses_up_the_memory, .timeout = 60)
{
    fixture f;
    start(&f, "unhandled");
    while (!__atomic_load_n(&f.is_finished, __ATOMIC_ACQUIRE)) {
        sleep_ms(1);
    }
    sleep_ms(10);
    cr_assert_eq(mu_thread_outcome(f.thread), MU_OUTCOME_ERROR);
    cr_assert_str_eq(mu_thread_get_error(f.thread).kind, "OUT_OF_MEMORY");
    mu_vm_free(f.vm);
    mu_substrate_free(f.substrate);
}

/* Nothing refers to the stacks left behind, so this would go on for ever. */
Test(mu_own_traps, a_handler_that_traps_for_ever_can_be_killed, .timeout = 60)
{
    fixture f;
    start(&f, "endless");
    sleep_ms(300);
    cr_assert_not(__atomic_load_n(&f.is_finished, __ATOMIC_ACQUIRE));
    mu_vm_free(f.vm);
    cr_assert(f.is_finished);
    mu_substrate_free(f.substrate);
}
