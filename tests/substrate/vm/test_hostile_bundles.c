/* Bundles that are right, or nearly, and made to cost: each must be refused or end in a guest error
 * of its own, in bounded time and memory. */
#include "mu.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PRELUDE                                                                                    \
    ".typedef @i64 = int<64> .typedef @void = void .typedef @r = ref<@void>\n"                     \
    ".const @0 <@i64> = 0 .funcsig @v_v = () -> () .funcsig @i_v = (@i64) -> ()\n"

typedef struct text {
    MU_ARRAY(char) bytes;
} text;

static void add(text *to, const char *format, ...) MU_PRINTF(2, 3);
static void add(text *to, const char *format, ...)
{
    char piece[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    for (int i = 0; i < length; i++) {
        MU_ARRAY_PUSH(&to->bytes, piece[i]);
    }
}

typedef struct fixture {
    mu_substrate *substrate;
    mu_vm *vm;
    mu_report *report;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
} fixture;

static void open_vm(fixture *f)
{
    mu_substrate_config config = {.workers = 1};
    mu_vm_config vm_config = {.limits.heap_bytes = 16u << 20};
    *f = (fixture){.report = mu_report_new(),
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .changed = PTHREAD_COND_INITIALIZER};
    cr_assert_eq(mu_substrate_new(&config, f->report, &f->substrate), MU_OK);
    cr_assert_eq(mu_vm_new(f->substrate, &vm_config, &f->vm), MU_OK);
}

static void close_vm(fixture *f)
{
    mu_vm_free(f->vm);
    mu_substrate_free(f->substrate);
    mu_report_free(f->report);
}

static mu_status load(fixture *f, text *bundle)
{
    mu_status status =
        mu_vm_load(f->vm, "hostile", bundle->bytes.items, bundle->bytes.count, f->report, NULL);
    MU_ARRAY_FREE(&bundle->bytes);
    return status;
}

static void on_finished(mu_thread *thread, void *context)
{
    fixture *f = context;
    (void)thread;
    pthread_mutex_lock(&f->lock);
    f->done = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

/* Calls @f without arguments and checks how it ends. */
static void expect_error(fixture *f, const char *kind)
{
    mu_thread *thread;
    mu_function *function = mu_vm_find_function(f->vm, "f");
    cr_assert_not_null(function);
    cr_assert_eq(mu_thread_new(f->vm, function, NULL, 0, f->report, &thread), MU_OK);
    mu_thread_start(thread, NULL, on_finished, f);
    pthread_mutex_lock(&f->lock);
    while (!f->done) {
        pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_ERROR);
    cr_assert_str_eq(mu_thread_get_error(thread).kind, kind);
    mu_thread_free(thread);
}

Test(mu_vm_hostile, references_that_double_with_each_level_of_a_type_cost_no_memory)
{
    fixture f;
    text bundle = {0};
    open_vm(&f);
    add(&bundle, PRELUDE ".typedef @s0 = struct<@r @r>\n");
    for (int level = 1; level <= 30; level++) {
        add(&bundle, ".typedef @s%d = struct<@s%d @s%d>\n", level, level - 1, level - 1);
    }
    add(&bundle, ".funcdef @f VERSION %%v1 <@v_v> { %%entry():\n"
                 "%%small = NEW <@s9> %%huge = NEW <@s30> RET () }");
    cr_assert_eq(load(&f, &bundle), MU_OK);
    expect_error(&f, "OUT_OF_MEMORY");
    close_vm(&f);
}

static void add_big_type(text *to)
{
    add(to, ".typedef @big = array<@i64 512>\n");
}

Test(mu_vm_hostile, results_that_no_call_can_carry_are_refused)
{
    fixture f;
    text bundle = {0};
    open_vm(&f);
    add(&bundle, PRELUDE);
    add_big_type(&bundle);
    add(&bundle, ".funcsig @many = (@big @big @big @big) -> (@big @big @big @big)\n"
                 ".funcdef @f VERSION %%v1 <@many> { %%entry(<@big> %%a <@big> %%b <@big> %%c "
                 "<@big> %%d): RET (%%a %%b %%c %%d) }");
    cr_assert_eq(load(&f, &bundle), MU_UNSUPPORTED);
    close_vm(&f);
}

Test(mu_vm_hostile, a_trap_with_too_many_results_is_refused)
{
    fixture f;
    text bundle = {0};
    open_vm(&f);
    add(&bundle, PRELUDE);
    add_big_type(&bundle);
    add(&bundle, ".funcdef @f VERSION %%v1 <@v_v> { %%entry():\n"
                 "(%%a %%b %%c) = TRAP <@big @big @big> RET () }");
    cr_assert_eq(load(&f, &bundle), MU_UNSUPPORTED);
    close_vm(&f);
}

Test(mu_vm_hostile, arguments_of_a_declared_function_have_a_limit)
{
    enum { COUNT = 3000 };
    fixture f;
    text bundle = {0};
    open_vm(&f);
    add(&bundle, PRELUDE ".funcsig @wide = (");
    for (int i = 0; i < COUNT; i++) {
        add(&bundle, "@i64 ");
    }
    add(&bundle, ") -> () .funcdecl @f <@wide>");
    cr_assert_eq(load(&f, &bundle), MU_OK);
    mu_value *values = mu_allocate(COUNT * sizeof *values);
    for (int i = 0; i < COUNT; i++) {
        values[i] = (mu_value){.kind = MU_VALUE_INT, .bits = 64};
    }
    mu_thread *thread;
    cr_assert_eq(
        mu_thread_new(f.vm, mu_vm_find_function(f.vm, "f"), values, COUNT, f.report, &thread),
        MU_UNSUPPORTED);
    mu_free(values);
    close_vm(&f);
}

Test(mu_vm_hostile, many_values_alive_over_many_calls_fail_to_compile, .timeout = 120)
{
    enum { VALUES = 20000, CALLS = 20000 };
    fixture f;
    text bundle = {0};
    open_vm(&f);
    add(&bundle, PRELUDE ".funcdef @g VERSION %%v1 <@v_v> { %%entry(): RET () }\n"
                         ".funcsig @r_v = (@r) -> () .funcdef @h VERSION %%v1 <@r_v> {"
                         "%%entry(<@r> %%x): RET () }\n"
                         ".funcdef @f VERSION %%v1 <@v_v> { %%entry():\n");
    for (int i = 0; i < VALUES; i++) {
        add(&bundle, "%%v%d = NEW <@void>\n", i);
    }
    for (int i = 0; i < CALLS; i++) {
        add(&bundle, "CALL <@v_v> @g ()\n");
    }
    for (int i = 0; i < VALUES; i++) {
        add(&bundle, "CALL <@r_v> @h (%%v%d)\n", i);
    }
    add(&bundle, "RET () }");
    cr_assert_eq(load(&f, &bundle), MU_OK);
    expect_error(&f, "COMPILE_FAILED");
    close_vm(&f);
}

Test(mu_vm_hostile, large_values_over_many_edges_fail_to_compile, .timeout = 120)
{
    enum { CASES = 20000 };
    fixture f;
    text bundle = {0};
    open_vm(&f);
    add(&bundle, PRELUDE);
    add_big_type(&bundle);
    for (int i = 0; i < CASES; i++) {
        add(&bundle, ".const @c%d <@i64> = %d\n", i, i + 1);
    }
    add(&bundle, ".funcdef @f VERSION %%v1 <@v_v> { %%entry():\n"
                 "%%o = NEW <@big> %%i = GETIREF <@big> %%o %%x = LOAD <@big> %%i\n"
                 "SWITCH <@i64> @0 %%to(%%x %%x) {\n");
    for (int i = 0; i < CASES; i++) {
        add(&bundle, "@c%d %%to(%%x %%x)\n", i);
    }
    add(&bundle, "} %%to(<@big> %%a <@big> %%b): RET () }");
    cr_assert_eq(load(&f, &bundle), MU_OK);
    expect_error(&f, "COMPILE_FAILED");
    close_vm(&f);
}

Test(mu_vm_hostile, an_edge_of_millions_of_words_fails_to_compile, .timeout = 120)
{
    enum { VALUES = 30000 };
    fixture f;
    text bundle = {0};
    open_vm(&f);
    add(&bundle, PRELUDE);
    add_big_type(&bundle);
    add(&bundle, ".funcdef @f VERSION %%v1 <@v_v> { %%entry():\n"
                 "%%o = NEW <@big> %%i = GETIREF <@big> %%o %%x = LOAD <@big> %%i\n"
                 "BRANCH %%to(");
    for (int i = 0; i < VALUES; i++) {
        add(&bundle, "%%x ");
    }
    add(&bundle, ") %%to(");
    for (int i = 0; i < VALUES; i++) {
        add(&bundle, "<@big> %%p%d ", i);
    }
    add(&bundle, "): RET () }");
    cr_assert_eq(load(&f, &bundle), MU_OK);
    expect_error(&f, "COMPILE_FAILED");
    close_vm(&f);
}

Test(mu_vm_hostile, a_loop_of_errors_is_killed, .timeout = 60)
{
    fixture f;
    text bundle = {0};
    mu_thread *thread;
    open_vm(&f);
    add(&bundle, PRELUDE ".typedef @fr = funcref<@v_v> .const @nf <@fr> = NULL\n"
                         ".funcdef @f VERSION %%v1 <@v_v> { %%entry(): BRANCH %%head()\n"
                         "%%head(): CALL <@v_v> @nf () EXC(%%out() %%head()) %%out(): RET () }");
    cr_assert_eq(load(&f, &bundle), MU_OK);
    mu_function *function = mu_vm_find_function(f.vm, "f");
    cr_assert_eq(mu_thread_new(f.vm, function, NULL, 0, f.report, &thread), MU_OK);
    mu_thread_start(thread, NULL, on_finished, &f);
    struct timespec moment = {.tv_nsec = 50000000};
    nanosleep(&moment, NULL);
    mu_thread_kill(thread);
    pthread_mutex_lock(&f.lock);
    while (!f.done) {
        pthread_cond_wait(&f.changed, &f.lock);
    }
    pthread_mutex_unlock(&f.lock);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_KILLED);
    mu_thread_free(thread);
    close_vm(&f);
}
