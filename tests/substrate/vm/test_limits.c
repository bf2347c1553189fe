/* The limits of a VM: each just above what is wanted, at it and just below; changed while the VM is
 * there; and that other VMs see nothing of it. */
#include "vm_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MIB (1ull << 20)

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @i8 = int<8> .typedef @i1 = int<1> .typedef @i32 = int<32>\n"
    ".typedef @bytes = hybrid<@i8> .typedef @bytes.r = ref<@bytes> .typedef @void = void\n"
    ".typedef @stackref = stackref .typedef @node.r = ref<@node>\n"
    ".typedef @node = struct<@stackref @node.r> .typedef @i32.i = iref<@i32>\n"
    ".global @kept <@bytes.r> .global @stacks <@node.r> .global @cell <@i32>\n"
    ".const @n0 <@i64> = 0 .const @n1 <@i64> = 1 .const @w0 <@i32> = 0 .const @all <@i32> = "
    "100000\n"
    ".const @w1 <@i32> = 1 .const @pause <@i64> = 1000000\n"
    ".funcsig @v_v = () -> () .funcsig @i_v = (@i64) -> () .funcsig @i_i = (@i64) -> (@i64)\n"
    /* Keeps one object of n bytes. */
    ".funcdef @keep VERSION %v1 <@i_v> { %entry(<@i64> %n):\n"
    "    %r = NEWHYBRID <@bytes @i64> %n STORE SEQ_CST <@bytes.r> @kept %r RET () }\n"
    ".funcdef @nothing VERSION %v1 <@v_v> { %entry(): RET () }\n"
    /* n frames deep. */
    ".funcdef @deep VERSION %v1 <@i_i> { %entry(<@i64> %n):\n"
    "    %z = EQ <@i64> %n @n0 BRANCH2 %z %bottom() %on(%n)\n"
    "  %bottom(): RET @n0\n"
    "  %on(<@i64> %n): %m = SUB <@i64> %n @n1 %d = CALL <@i_i> @deep (%m)\n"
    "    %s = ADD <@i64> %d @n1 RET %s }\n"
    /* n stacks, kept if `keeps`. */
    ".funcdef @make_stacks VERSION %v1 <@i_v> { %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)\n"
    "  %done(): RET ()\n"
    "  %on(<@i64> %n): %s = COMMINST @uvm.new_stack <[@v_v]> (@nothing)\n"
    "    %r = NEW <@node> %i = GETIREF <@node> %r\n"
    "    %a = GETFIELDIREF <@node 0> %i STORE <@stackref> %a %s\n"
    "    %b = GETFIELDIREF <@node 1> %i %old = LOAD SEQ_CST <@node.r> @stacks\n"
    "    STORE <@node.r> %b %old STORE SEQ_CST <@node.r> @stacks %r\n"
    "    %m = SUB <@i64> %n @n1 BRANCH %head(%m) }\n"
    ".funcdef @drop_stacks VERSION %v1 <@i_v> { %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)\n"
    "  %done(): RET ()\n"
    "  %on(<@i64> %n): %s = COMMINST @uvm.new_stack <[@v_v]> (@nothing)\n"
    "    %m = SUB <@i64> %n @n1 BRANCH %head(%m) }\n"
    /* n threads that wait until @cell is 1. */
    ".funcdef @waits VERSION %v1 <@v_v> { %entry(): BRANCH %head()\n"
    "  %head(): %w = COMMINST @uvm.futex.wait <@i32> (@cell @w0)\n"
    "    %x = LOAD SEQ_CST <@i32> @cell %z = EQ <@i32> %x @w0\n"
    "    BRANCH2 %z %head() %done()\n"
    "  %done(): COMMINST @uvm.thread_exit }\n"
    ".funcdef @make_threads VERSION %v1 <@i_v> { %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)\n"
    "  %done(): RET ()\n"
    "  %on(<@i64> %n): %s = COMMINST @uvm.new_stack <[@v_v]> (@waits)\n"
    "    %t = NEWTHREAD %s PASS_VALUES <> ()\n"
    "    %m = SUB <@i64> %n @n1 BRANCH %head(%m) }\n"
    ".funcdef @wake VERSION %v1 <@v_v> { %entry():\n"
    "    STORE SEQ_CST <@i32> @cell @w1\n"
    "    %x = COMMINST @uvm.futex.wake <@i32> (@cell @all) RET () }\n"
    /* Allocates without end, a little at a time. */
    ".funcdef @churn VERSION %v1 <@i_v> { %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): %z = EQ <@i64> %n @n0 BRANCH2 %z %done() %on(%n)\n"
    "  %done(): RET ()\n"
    "  %on(<@i64> %n): %r = NEW <@node> %m = SUB <@i64> %n @n1 BRANCH %head(%m) }\n";

/* ---- VMs and calls */

static vm_fixture fixture(void)
{
    mu_substrate_config config = mu_substrate_config_from_environment();
    config.workers = 2;
    vm_fixture f = {.report = mu_report_new(),
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .changed = PTHREAD_COND_INITIALIZER};
    cr_assert_eq(mu_substrate_new(&config, f.report, &f.substrate), MU_OK);
    return f;
}

/* A further VM becomes the fixture's; nothing is loaded. */
static mu_vm *empty_vm(vm_fixture *f, mu_vm_limits limits)
{
    mu_vm_config config = {.limits = limits};
    cr_assert_eq(mu_vm_new(f->substrate, &config, &f->vm), MU_OK);
    return f->vm;
}

static mu_vm *vm_with(vm_fixture *f, mu_vm_limits limits)
{
    mu_vm *vm = empty_vm(f, limits);
    cr_assert_eq(mu_vm_load(vm, "limits", bundle, strlen(bundle), f->report, NULL), MU_OK);
    return vm;
}

/* Runs it to its end. "": it returned; else the error, in a static buffer. */
static const char *outcome(vm_fixture *f, const char *function, uint64_t argument)
{
    static char text[400];
    uint32_t before = f->finished;
    mu_thread *thread = vm_fixture_start(f, function, argument);
    vm_fixture_wait(f, &f->finished, before + 1);
    text[0] = '\0';
    if (mu_thread_outcome(thread) != MU_OUTCOME_RETURNED) {
        mu_thread_error error = mu_thread_get_error(thread);
        snprintf(text, sizeof text, "%s: %s", error.kind, error.message);
    }
    mu_thread_free(thread);
    return text;
}

static void returns(vm_fixture *f, const char *function, uint64_t argument)
{
    const char *text = outcome(f, function, argument);
    cr_assert_str_eq(text, "", "@%s(%llu): %s", function, (unsigned long long)argument, text);
}

/* Ends with this kind of error and these words in it. */
static void fails(vm_fixture *f, const char *function, uint64_t argument, const char *kind,
                  const char *words)
{
    const char *text = outcome(f, function, argument);
    cr_assert(strncmp(text, kind, strlen(kind)) == 0 && strstr(text, words), "%s", text);
}

static void set(mu_vm *vm, mu_vm_limits limits)
{
    cr_assert_eq(mu_vm_set_limits(vm, &limits, NULL), MU_OK);
}

static void end(vm_fixture *f)
{
    mu_substrate_free(f->substrate);
    mu_report_free(f->report);
}

/* ---- the limits themselves */

Test(mu_limits, defaults_stand_for_0_and_the_rest_stays, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *vm = empty_vm(&f, (mu_vm_limits){.heap_bytes = 8 * MIB, .threads = 7});
    mu_vm_limits limits = mu_vm_get_limits(vm);
    cr_assert_eq(limits.heap_bytes, 8 * MIB);
    cr_assert_eq(limits.stacks_bytes, 8 * MIB);
    cr_assert_eq(limits.stack_bytes, MU_VM_DEFAULT_STACK_BYTES);
    cr_assert_eq(limits.stacks, MU_VM_DEFAULT_STACKS);
    cr_assert_eq(limits.threads, 7);
    cr_assert_eq(limits.code_bytes, MU_VM_DEFAULT_CODE_BYTES);
    cr_assert_eq(limits.metadata_bytes, MU_VM_DEFAULT_METADATA_BYTES);
    cr_assert_eq(limits.context_handles, MU_VM_DEFAULT_CONTEXT_HANDLES);
    set(vm, (mu_vm_limits){.heap_bytes = 16 * MIB, .context_handles = 3});
    limits = mu_vm_get_limits(vm);
    cr_assert_eq(limits.heap_bytes, 16 * MIB);
    cr_assert_eq(limits.stacks_bytes, 8 * MIB);
    cr_assert_eq(limits.threads, 7);
    cr_assert_eq(limits.context_handles, 3);
    cr_assert_eq(mu_vm_get_stats(vm).heap_quota_bytes, 16 * MIB);
    mu_vm_free(vm);
    end(&f);
}

Test(mu_limits, what_cannot_be_a_limit_is_refused_and_changes_nothing, .timeout = 60)
{
    static const mu_vm_limits wrong[] = {
        {.heap_bytes = MIB - 1},          {.heap_bytes = (1ull << 46) + 1},
        {.stack_bytes = (64 << 10) - 1},  {.stack_bytes = (1ull << 30) + 1},
        {.stacks_bytes = (8u << 10) - 1},
    };
    static const mu_vm_limits right[] = {
        {.heap_bytes = MIB},         {.heap_bytes = 1ull << 46},     {.stack_bytes = 64 << 10},
        {.stack_bytes = 1ull << 30}, {.stacks_bytes = 8u << 10},     {.stacks_bytes = UINT64_MAX},
        {.threads = UINT32_MAX},     {.metadata_bytes = UINT64_MAX}, {.code_bytes = 1},
    };
    vm_fixture f = fixture();
    mu_vm *vm = empty_vm(&f, (mu_vm_limits){0});
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        mu_vm_config config = {.limits = wrong[i]};
        mu_vm *none;
        mu_vm_limits both = wrong[i];
        both.threads = 99;
        cr_assert_eq(mu_vm_new(f.substrate, &config, &none), MU_INVALID, "%zu", i);
        cr_assert_eq(mu_vm_set_limits(vm, &both, f.report), MU_INVALID, "%zu", i);
        cr_assert_neq(mu_vm_get_limits(vm).threads, 99);
    }
    char *text = mu_report_text(f.report);
    cr_assert(strstr(text, "heap_bytes cannot be 1048575: it is from 1048576 to 70368744177664"),
              "%s", text);
    mu_free(text);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        set(vm, right[i]);
    }
    mu_vm_free(vm);
    end(&f);
}

/* ---- the heap */

Test(mu_limits, the_heap_is_exact_to_a_byte_of_a_large_object, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *vm = vm_with(&f, (mu_vm_limits){.heap_bytes = 64 * MIB});
    mu_vm *other = f.vm;
    returns(&f, "keep", 3 * MIB);
    uint64_t used = mu_vm_get_stats(vm).heap_used_bytes;
    cr_assert_geq(used, 3 * MIB);
    cr_assert_leq(used, 3 * MIB + 4096);
    for (int beyond = -1; beyond <= 1; beyond++) {
        vm = vm_with(&f, (mu_vm_limits){.heap_bytes = used + (uint64_t)beyond});
        if (beyond < 0) {
            fails(&f, "keep", 3 * MIB, "OUT_OF_MEMORY", "heap_bytes = ");
            set(vm, (mu_vm_limits){.heap_bytes = used});
        }
        returns(&f, "keep", 3 * MIB);
        cr_assert_eq(mu_vm_get_stats(vm).heap_used_bytes, used);
        mu_vm_free(vm);
    }
    mu_vm_free(other);
    end(&f);
}

Test(mu_limits, a_heap_that_shrinks_below_its_use_loses_nothing, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *vm = vm_with(&f, (mu_vm_limits){.heap_bytes = 64 * MIB});
    returns(&f, "keep", 8 * MIB);
    uint64_t used = mu_vm_get_stats(vm).heap_used_bytes;
    set(vm, (mu_vm_limits){.heap_bytes = 2 * MIB});
    cr_assert_eq(mu_vm_get_stats(vm).heap_used_bytes, used);
    fails(&f, "churn", 1000000, "OUT_OF_MEMORY", "heap_bytes = 2097152");
    fails(&f, "keep", 1, "OUT_OF_MEMORY", "heap_bytes = 2097152");
    returns(&f, "nothing", 0);
    set(vm, (mu_vm_limits){.heap_bytes = 10 * MIB});
    returns(&f, "churn", 100000);
    returns(&f, "keep", 16384);
    mu_vm_collect(vm);
    set(vm, (mu_vm_limits){.heap_bytes = 1 * MIB});
    returns(&f, "churn", 100000);
    mu_vm_free(vm);
    end(&f);
}

/* ---- stacks */

/* The most frames that @deep may have. */
static uint64_t deepest(vm_fixture *f)
{
    uint64_t low = 1;
    uint64_t high = 1u << 20;
    while (low + 1 < high) {
        uint64_t middle = low + (high - low) / 2;
        if (outcome(f, "deep", middle)[0] == '\0') {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

Test(mu_limits, the_depth_of_a_stack_is_exact_to_a_page, .timeout = 300)
{
    enum { PAGE = 4096 };
    vm_fixture f = fixture();
    mu_vm *vm = vm_with(&f, (mu_vm_limits){.stack_bytes = 128 << 10});
    uint64_t base = deepest(&f);
    set(vm, (mu_vm_limits){.stack_bytes = (128 << 10) + PAGE});
    uint64_t page = deepest(&f) - base;
    cr_assert(page > 0 && PAGE % page == 0, "%llu frames in a page", (unsigned long long)page);
    set(vm, (mu_vm_limits){.stack_bytes = (128 << 10) + 1});
    cr_assert_eq(deepest(&f), base + page);
    set(vm, (mu_vm_limits){.stack_bytes = 256 << 10});
    cr_assert_eq(deepest(&f), base + 32 * page);
    set(vm, (mu_vm_limits){.stack_bytes = 128 << 10});
    cr_assert_eq(deepest(&f), base);
    fails(&f, "deep", base + 1, "STACK_OVERFLOW", "stack_bytes = 131072");
    mu_vm_free(vm);
    end(&f);
}

Test(mu_limits, all_stacks_together_are_exact_to_a_page, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *vm = vm_with(&f, (mu_vm_limits){.stack_bytes = MIB, .stacks_bytes = 128 << 10});
    uint64_t base = deepest(&f);
    set(vm, (mu_vm_limits){.stacks_bytes = (128 << 10) + 4095});
    cr_assert_eq(deepest(&f), base);
    set(vm, (mu_vm_limits){.stacks_bytes = (128 << 10) + 4096});
    cr_assert_gt(deepest(&f), base);
    fails(&f, "deep", 1u << 20, "STACK_OVERFLOW", "stacks_bytes = 135168");
    cr_assert_eq(mu_vm_get_stats(vm).stacks_bytes, 0);
    cr_assert_eq(mu_vm_get_stats(vm).stacks, 0);
    mu_vm_free(vm);
    end(&f);
}

static mu_status new_thread(vm_fixture *f, mu_thread **thread)
{
    mu_report_free(f->report);
    f->report = mu_report_new();
    return mu_thread_new(f->vm, mu_vm_find_function(f->vm, "nothing"), NULL, 0, f->report, thread);
}

static void is_said(vm_fixture *f, const char *words)
{
    char *text = mu_report_text(f->report);
    cr_assert(strstr(text, words), "%s", text);
    mu_free(text);
}

enum { MANY = 5 };

/* MANY threads fit, and no more; nor with a limit one below, until it is back. */
static void admits_many(vm_fixture *f, mu_vm_limits below, mu_vm_limits at, mu_vm_limits above,
                        const char *words)
{
    mu_thread *threads[MANY + 1];
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(new_thread(f, &threads[i]), MU_OK);
    }
    cr_assert_eq(new_thread(f, &threads[MANY]), MU_LIMIT);
    is_said(f, words);
    set(f->vm, above);
    cr_assert_eq(new_thread(f, &threads[MANY]), MU_OK);
    set(f->vm, at);
    mu_thread_free(threads[MANY]);
    mu_thread_free(threads[MANY - 1]);
    set(f->vm, below);
    cr_assert_eq(new_thread(f, &threads[MANY - 1]), MU_LIMIT);
    set(f->vm, at);
    cr_assert_eq(new_thread(f, &threads[MANY - 1]), MU_OK);
    for (int i = 0; i < MANY; i++) {
        mu_thread_free(threads[i]);
    }
    mu_vm_stats stats = mu_vm_get_stats(f->vm);
    cr_assert_eq(stats.threads, 0);
    cr_assert_eq(stats.stacks, 0);
    cr_assert_eq(stats.stacks_bytes, 0);
    mu_vm_free(f->vm);
}

Test(mu_limits, threads_from_outside_count_as_threads_and_stacks, .timeout = 60)
{
    vm_fixture f = fixture();
    vm_with(&f, (mu_vm_limits){.threads = MANY});
    admits_many(&f, (mu_vm_limits){.threads = MANY - 1}, (mu_vm_limits){.threads = MANY},
                (mu_vm_limits){.threads = MANY + 1}, "threads = 5");
    vm_with(&f, (mu_vm_limits){.stacks = MANY});
    admits_many(&f, (mu_vm_limits){.stacks = MANY - 1}, (mu_vm_limits){.stacks = MANY},
                (mu_vm_limits){.stacks = MANY + 1}, "stacks = 5");
    vm_with(&f, (mu_vm_limits){.stacks_bytes = MANY * 8192});
    admits_many(&f, (mu_vm_limits){.stacks_bytes = MANY * 8192 - 1},
                (mu_vm_limits){.stacks_bytes = MANY * 8192},
                (mu_vm_limits){.stacks_bytes = (MANY + 1) * 8192}, "stacks_bytes = 40960");
    end(&f);
}

Test(mu_limits, a_program_keeps_as_many_stacks_as_it_may_and_drops_any_number, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *vm = vm_with(&f, (mu_vm_limits){.stacks = 10});
    returns(&f, "make_stacks", 9); /* and its own */
    cr_assert_eq(mu_vm_get_stats(vm).stacks, 9);
    fails(&f, "make_stacks", 1, "OUT_OF_MEMORY", "stacks = 10");
    set(vm, (mu_vm_limits){.stacks = 11});
    returns(&f, "make_stacks", 1);
    cr_assert_eq(mu_vm_get_stats(vm).stacks, 10);
    set(vm, (mu_vm_limits){.stacks = 12});
    returns(&f, "drop_stacks", 200);
    mu_vm_free(vm);
    end(&f);
}

Test(mu_limits, a_program_starts_as_many_threads_as_it_may, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *vm = vm_with(&f, (mu_vm_limits){.threads = 8});
    returns(&f, "make_threads", 6); /* and its own */
    cr_assert_eq(mu_vm_get_stats(vm).threads, 6);
    returns(&f, "make_threads", 1);
    fails(&f, "make_threads", 1, "OUT_OF_MEMORY", "threads = 8");
    set(vm, (mu_vm_limits){.threads = 9});
    returns(&f, "make_threads", 1);
    set(vm, (mu_vm_limits){.threads = 10});
    returns(&f, "wake", 0);
    while (mu_vm_get_stats(vm).threads) {
        returns(&f, "nothing", 0);
    }
    mu_vm_free(vm);
    end(&f);
}

/* ---- code */

Test(mu_limits, code_is_charged_to_each_vm_that_calls_it_and_exact_to_a_byte, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *first = vm_with(&f, (mu_vm_limits){0});
    cr_assert_eq(mu_vm_get_stats(first).code_bytes, 0);
    returns(&f, "nothing", 0);
    uint64_t small = mu_vm_get_stats(first).code_bytes;
    cr_assert_gt(small, 0);
    returns(&f, "nothing", 0);
    cr_assert_eq(mu_vm_get_stats(first).code_bytes, small);
    returns(&f, "deep", 3);
    uint64_t both = mu_vm_get_stats(first).code_bytes;
    cr_assert_gt(both, small);
    uint64_t made = mu_substrate_code_bytes(f.substrate);
    for (int beyond = -1; beyond <= 1; beyond++) {
        mu_vm *vm = vm_with(&f, (mu_vm_limits){.code_bytes = both + (uint64_t)beyond});
        cr_assert_eq(mu_vm_get_stats(vm).code_bytes, 0);
        returns(&f, "nothing", 0);
        if (beyond < 0) {
            fails(&f, "deep", 3, "OUT_OF_MEMORY", "code_bytes = ");
            cr_assert_eq(mu_vm_get_stats(vm).code_bytes, small);
            set(vm, (mu_vm_limits){.code_bytes = both});
        }
        returns(&f, "deep", 3);
        cr_assert_eq(mu_vm_get_stats(vm).code_bytes, both);
        mu_vm_free(vm);
    }
    cr_assert_eq(mu_substrate_code_bytes(f.substrate), made);
    mu_vm_free(first);
    end(&f);
}

Test(mu_limits, code_that_nobody_may_have_is_not_kept, .timeout = 60)
{
    vm_fixture f = fixture();
    uint64_t before = mu_substrate_code_bytes(f.substrate);
    mu_vm *vm = vm_with(&f, (mu_vm_limits){.code_bytes = 1});
    fails(&f, "nothing", 0, "OUT_OF_MEMORY", "code_bytes = 1");
    cr_assert_eq(mu_substrate_code_bytes(f.substrate), before);
    mu_function_code *code;
    cr_assert_eq(mu_function_get_code(vm, mu_vm_find_function(vm, "deep"), f.report, &code),
                 MU_LIMIT);
    is_said(&f, "code_bytes = 1");
    set(vm, (mu_vm_limits){.code_bytes = MIB});
    returns(&f, "nothing", 0);
    mu_vm_free(vm);
    cr_assert_eq(mu_substrate_code_bytes(f.substrate), before);
    end(&f);
}

/* ---- metadata */

Test(mu_limits, a_bundle_is_charged_to_each_vm_that_loads_it_and_exact_to_a_byte, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *first = vm_with(&f, (mu_vm_limits){0});
    uint64_t used = mu_vm_get_stats(first).metadata_bytes;
    cr_assert_gt(used, strlen(bundle));
    for (int beyond = -1; beyond <= 1; beyond++) {
        mu_vm *vm = empty_vm(&f, (mu_vm_limits){.metadata_bytes = used + (uint64_t)beyond});
        if (beyond < 0) {
            uint64_t before = mu_vm_get_stats(vm).metadata_bytes;
            cr_assert_eq(mu_vm_load(vm, "limits", bundle, strlen(bundle), f.report, NULL),
                         MU_LIMIT);
            is_said(&f, "metadata_bytes = ");
            cr_assert_eq(mu_vm_get_stats(vm).metadata_bytes, before);
            cr_assert_eq(mu_vm_get_stats(vm).functions, 0);
            set(vm, (mu_vm_limits){.metadata_bytes = used});
        }
        cr_assert_eq(mu_vm_load(vm, "limits", bundle, strlen(bundle), f.report, NULL), MU_OK);
        cr_assert_eq(mu_vm_get_stats(vm).metadata_bytes, used);
        mu_vm_free(vm);
    }
    mu_vm_free(first);
    end(&f);
}

Test(mu_limits, threads_and_what_is_known_of_code_are_metadata, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *vm = vm_with(&f, (mu_vm_limits){0});
    uint64_t loaded = mu_vm_get_stats(vm).metadata_bytes;
    mu_thread *thread;
    cr_assert_eq(new_thread(&f, &thread), MU_OK);
    uint64_t with_thread = mu_vm_get_stats(vm).metadata_bytes;
    cr_assert_gt(with_thread, loaded);
    mu_thread_free(thread);
    cr_assert_eq(mu_vm_get_stats(vm).metadata_bytes, loaded);
    set(vm, (mu_vm_limits){.metadata_bytes = with_thread - 1});
    cr_assert_eq(new_thread(&f, &thread), MU_LIMIT);
    is_said(&f, "metadata_bytes = ");
    cr_assert_eq(mu_vm_get_stats(vm).metadata_bytes, loaded);
    set(vm, (mu_vm_limits){.metadata_bytes = with_thread});
    fails(&f, "nothing", 0, "OUT_OF_MEMORY", "metadata_bytes = ");
    cr_assert_eq(mu_vm_get_stats(vm).metadata_bytes, loaded);
    set(vm, (mu_vm_limits){.metadata_bytes = MIB});
    returns(&f, "nothing", 0);
    uint64_t called = mu_vm_get_stats(vm).metadata_bytes;
    cr_assert_gt(called, loaded);
    returns(&f, "nothing", 0);
    cr_assert_eq(mu_vm_get_stats(vm).metadata_bytes, called);
    mu_vm_free(vm);
    end(&f);
}

/* ---- others */

Test(mu_limits, other_vms_see_nothing_of_it, .timeout = 60)
{
    vm_fixture f = fixture();
    mu_vm *poor =
        vm_with(&f, (mu_vm_limits){.heap_bytes = MIB, .stack_bytes = 64 << 10, .stacks = 3});
    mu_vm *rich = vm_with(&f, (mu_vm_limits){0});
    for (int i = 0; i < 20; i++) {
        f.vm = poor;
        fails(&f, "keep", MIB, "OUT_OF_MEMORY", "heap_bytes");
        fails(&f, "deep", 1u << 20, "STACK_OVERFLOW", "stack_bytes");
        fails(&f, "make_stacks", 3, "OUT_OF_MEMORY", "stacks = 3");
        f.vm = rich;
        returns(&f, "keep", MIB);
        returns(&f, "deep", 10000);
        returns(&f, "make_stacks", 10);
    }
    mu_vm_free(poor);
    mu_vm_free(rich);
    end(&f);
}
