/* Performing scripts in a VM that has a quota, a moving collector and threads that run. */
#include "hail_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BUNDLE                                                                                     \
    ".typedef @i1 = int<1> .typedef @i8 = int<8> .typedef @i64 = int<64>\n"                        \
    ".typedef @bytes = hybrid<@i8> .typedef @words = hybrid<@i64> .typedef @r.words = ref<@words>" \
    "\n.typedef @node = struct<@i64 @r.node> .typedef @r.node = ref<@node>\n"                      \
    ".typedef @ir.node = iref<@node> .typedef @nodes = hybrid<@i64 @r.node>\n"                     \
    ".const @0 <@i64> = 0 .const @1 <@i64> = 1 .const @null <@r.node> = NULL\n"                    \
    ".funcsig @v_i = () -> (@i64) .global @list <@r.node> .global @a <@i64> .global @b <@i64>\n"   \
    ".global @stop <@i64> .global @w <@r.words>\n"                                                 \
    ".funcdef @get.a VERSION %v1 <@v_i> { %entry(): %x = LOAD <@i64> @a RET %x }\n"                \
    ".funcdef @sum VERSION %v1 <@v_i> {\n"                                                         \
    "%entry(): %first = LOAD <@r.node> @list BRANCH %loop(%first @0)\n"                            \
    "%loop(<@r.node> %at <@i64> %sum): %end = EQ <@r.node> %at @null\n"                            \
    "  BRANCH2 %end %out(%sum) %on(%at %sum)\n"                                                    \
    "%on(<@r.node> %at <@i64> %sum): %i = GETIREF <@node> %at\n"                                   \
    "  %vi = GETFIELDIREF <@node 0> %i %v = LOAD <@i64> %vi %more = ADD <@i64> %sum %v\n"          \
    "  %ni = GETFIELDIREF <@node 1> %i %next = LOAD <@r.node> %ni BRANCH %loop(%next %more)\n"     \
    "%out(<@i64> %sum): RET %sum }\n"                                                              \
    ".funcdef @watch VERSION %v1 <@v_i> {\n"                                                       \
    "%entry(): BRANCH %loop(@0)\n"                                                                 \
    "%loop(<@i64> %torn): %x = LOAD <@i64> @a %y = LOAD <@i64> @b\n"                               \
    "  %garbage = NEW <@node> %done = LOAD <@i64> @stop %same = EQ <@i64> %x %y\n"                 \
    "  %t1 = ADD <@i64> %torn @1 %t = SELECT <@i1 @i64> %same %torn %t1\n"                         \
    "  %goes = EQ <@i64> %done @0 BRANCH2 %goes %loop(%t) %out(%t)\n"                              \
    "%out(<@i64> %torn): RET %torn }\n"                                                            \
    ".funcdef @trapping VERSION %v1 <@v_i> { %entry(): [%t] TRAP <> %x = LOAD <@i64> @a RET %x }"

/* A list of `count` nodes, each holding its number, made back to front or front to back. */
static void add_list(hail_script_text *to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        hail_add(to, ".new $n%u <@node>\n", i);
    }
    for (uint32_t i = 0; i + 1 < count; i++) {
        hail_add(to, ".init $n%u = {%u $n%u}\n", i, i, i + 1);
    }
    hail_add(to, ".init $n%u[0] = %u .init @list = $n0\n", count - 1, count - 1);
}

static void check_list(hail_fixture *f, uint32_t count)
{
    hail_script_text script = {0};
    add_list(&script, count);
    cr_assert_eq(hail_load_bytes(f, script.bytes.items, script.bytes.count), MU_OK);
    cr_assert_eq(hail_call(f, "sum"), (int64_t)count * (count - 1) / 2);
    MU_ARRAY_FREE(&script.bytes);
}

Test(mu_hail_loading, objects_stay_alive_and_are_followed_when_they_move)
{
    mu_substrate_config config = {.workers = 1, .gc_stress = true, .gc_verify = true};
    hail_fixture f;
    hail_open(&f, &config, 4u << 20);
    hail_bundle(&f, BUNDLE);
    check_list(&f, 300);
    mu_vm_collect(f.vm);
    cr_assert_eq(hail_call(&f, "sum"), 300 * 299 / 2);
    hail_close(&f);
}

Test(mu_hail_loading, a_script_may_collect_while_it_makes_its_objects)
{
    mu_substrate_config config = {.workers = 1, .gc_verify = true};
    hail_fixture f;
    hail_open(&f, &config, 4u << 20);
    hail_bundle(&f, BUNDLE);
    for (int i = 0; i < 20; i++) {
        check_list(&f, 10000);
    }
    cr_assert_gt(mu_vm_get_stats(f.vm).collections, 0);
    hail_close(&f);
}

Test(mu_hail_loading, what_nothing_refers_to_afterwards_is_garbage)
{
    hail_fixture f;
    hail_open(&f, NULL, 4u << 20);
    hail_bundle(&f, BUNDLE);
    for (int i = 0; i < 100; i++) {
        hail_load_well(&f, ".newhybrid $large <@bytes> 1000000 .newhybrid $small <@bytes> 5000\n"
                           ".init $large[0][999999] = 1 .init $small[0] = {1 2 3}");
    }
    mu_vm_collect(f.vm);
    cr_assert_lt(mu_vm_get_stats(f.vm).heap_used_bytes, 1u << 20);
    hail_close(&f);
}

Test(mu_hail_loading, an_object_beyond_the_quota_is_named_and_nothing_is_done)
{
    static const char *const lengths[] = {"100000000", "0x1fffffffffffffff", "0x7fffffffffffffff",
                                          "0xffffffffffffffff"};
    hail_fixture f;
    hail_open(&f, NULL, 4u << 20);
    hail_bundle(&f, BUNDLE);
    hail_load_well(&f, ".init @a = 5");
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char script[300];
        snprintf(script, sizeof script,
                 ".new $fits <@node>\n  .newhybrid $too.big <@words> %s\n"
                 ".init @a = 6 .init @list = $fits .init @w = $too.big .init $too.big[0][99] = 1",
                 lengths[i]);
        cr_assert_eq(hail_load(&f, script), MU_NO_MEMORY);
        const mu_report_entry *entry = mu_report_at(f.report, 0);
        cr_assert_eq(entry->status, MU_NO_MEMORY);
        cr_assert(entry->where.line == 2 && entry->where.column == 14);
        cr_assert_not_null(strstr(entry->message, "$too.big does not fit in the VM's heap"));
        cr_assert_eq(hail_call(&f, "get.a"), 5);
        cr_assert_eq(hail_call(&f, "sum"), 0);
    }
    hail_close(&f);
}

/* Between its two stores the script copies much, so that they are far apart. */
Test(mu_hail_loading, running_threads_see_a_script_whole)
{
    hail_fixture f;
    hail_open(&f, NULL, 16u << 20);
    hail_bundle(&f, BUNDLE);
    mu_thread *watcher = hail_start(&f, "watch", NULL);
    for (int i = 1; i <= 300; i++) {
        char script[200];
        snprintf(script, sizeof script,
                 ".newhybrid $x <@words> 100000 .newhybrid $y <@words> 100000\n"
                 ".init @a = %d .init $y = *$x .init $x = *$y .init @b = *@a",
                 i);
        hail_load_well(&f, script);
    }
    hail_load_well(&f, ".init @stop = 1");
    cr_assert_eq(hail_result(&f, watcher), 0);
    hail_close(&f);
}

static void load_in_trap(mu_thread *thread, void *context)
{
    static const char script[] = ".new $n <@node> .init @list = $n .init @a = 99";
    (void)context;
    mu_status status =
        mu_vm_load_hail(mu_thread_vm(thread), "in a trap", script, sizeof script - 1, NULL);
    cr_assert_eq(status, MU_OK);
    cr_assert_eq(mu_thread_resume(thread, NULL, 0, NULL), MU_OK);
}

Test(mu_hail_loading, a_trap_handler_may_load_a_script)
{
    hail_fixture f;
    hail_open(&f, NULL, 0);
    hail_bundle(&f, BUNDLE);
    cr_assert_eq(hail_result(&f, hail_start(&f, "trapping", load_in_trap)), 99);
    hail_close(&f);
}

static double seconds_for_list(hail_fixture *f, uint32_t count)
{
    hail_script_text script = {0};
    struct timespec start, end;
    hail_add(&script, ".newhybrid $w <@words> %u .init @w = $w .init $w = {{", count);
    for (uint32_t i = 0; i < count; i++) {
        hail_add(&script, "%u ", i);
    }
    hail_add(&script, "}}\n");
    add_list(&script, count / 4);
    clock_gettime(CLOCK_MONOTONIC, &start);
    cr_assert_eq(hail_load_bytes(f, script.bytes.items, script.bytes.count), MU_OK);
    clock_gettime(CLOCK_MONOTONIC, &end);
    MU_ARRAY_FREE(&script.bytes);
    return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

Test(mu_hail_loading, time_is_linear_in_the_script)
{
    hail_fixture f;
    hail_open(&f, NULL, 256u << 20);
    hail_bundle(&f, BUNDLE);
    double small = seconds_for_list(&f, 100000) + seconds_for_list(&f, 100000);
    double large = seconds_for_list(&f, 800000);
    /* Eight times as much; were it quadratic it would take sixty-four times as long. */
    cr_assert_lt(large, 24 * small / 2 + 0.2, "%.3f s and %.3f s", small / 2, large);
    hail_close(&f);
}

Test(mu_hail_loading, an_object_without_members_costs_no_element)
{
    hail_fixture f;
    hail_open(&f, NULL, 0);
    hail_bundle(&f, BUNDLE ".typedef @void = void .typedef @ir = iref<@i64> .global @i <@ir>");
    hail_load_well(&f, ".new $v <@void> .newhybrid $e <@words> 0 .init $e = {{}} .init @w = $e\n"
                       ".newhybrid $n <@nodes> 0 .init $n = {1} .init @i = &$e[0]");
    cr_assert_eq(hail_load(&f, ".newhybrid $e <@words> 0 .init $e[0][0] = 1"), MU_INVALID);
    hail_close(&f);
}

/* A struct of 100,000 fields, and one that begins with it, to which references are cast 100,000
 * times: statically, and when they are loaded. */
Test(mu_hail_loading, casts_of_long_structs_take_their_time_once)
{
    hail_fixture f;
    hail_script_text text = {0};
    hail_open(&f, NULL, 16u << 20);
    for (int longer = 0; longer < 2; longer++) {
        hail_add(&text, ".typedef @s%d = struct<", longer);
        for (int i = 0; i < 100000; i++) {
            hail_add(&text, "@i8 ");
        }
        hail_add(&text, longer ? "@i8>\n" : ">\n");
    }
    hail_add(&text, ".typedef @i8 = int<8> .typedef @v = void .typedef @r0 = ref<@s0>\n"
                    ".typedef @rv = ref<@v> .typedef @ri = iref<@i8> .typedef @rw = iref<@v>\n"
                    ".global @p <@r0> .global @q <@rv> .global @i <@ri> .global @j <@rw>");
    MU_ARRAY_PUSH(&text.bytes, '\0');
    hail_bundle(&f, text.bytes.items);
    text.bytes.count = 0;
    hail_add(&text, ".new $x <@s1>\n");
    for (int i = 0; i < 100000; i++) {
        hail_add(&text, ".init @q = $x .init @p = *@q .init @p = $x .init @j = &$x[%d]\n", i);
        hail_add(&text, ".init @i = *@j ");
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    cr_assert_eq(hail_load_bytes(&f, text.bytes.items, text.bytes.count), MU_OK);
    clock_gettime(CLOCK_MONOTONIC, &end);
    cr_assert_lt(end.tv_sec - start.tv_sec, 10);
    MU_ARRAY_FREE(&text.bytes);
    hail_close(&f);
}

/* At so many locations that to compare them all, while the VM stands still, would take minutes. */
Test(mu_hail_loading, casts_of_long_structs_at_many_locations_are_bounded)
{
    enum { FIELDS = 16384, LOCATIONS = 5000 };
    hail_fixture f;
    hail_script_text text = {0};
    hail_open(&f, NULL, 256u << 20);
    for (int longer = 0; longer < 2; longer++) {
        hail_add(&text, ".typedef @s%d = struct<", longer);
        for (int i = 0; i < FIELDS; i++) {
            hail_add(&text, "@i8 ");
        }
        hail_add(&text, longer ? "@i8>\n" : ">\n");
    }
    hail_add(&text, ".typedef @i8 = int<8> .typedef @v = void .typedef @rw = iref<@v>\n"
                    ".typedef @r0 = iref<@s0> .typedef @many = hybrid<@s1>\n"
                    ".global @i <@r0> .global @j <@rw>");
    MU_ARRAY_PUSH(&text.bytes, '\0');
    hail_bundle(&f, text.bytes.items);
    text.bytes.count = 0;
    hail_add(&text, ".newhybrid $x <@many> %d\n", LOCATIONS);
    for (int i = 0; i < LOCATIONS; i++) {
        hail_add(&text, ".init @j = &$x[0][%d] .init @i = *@j\n", i);
    }
    cr_assert_eq(hail_load_bytes(&f, text.bytes.items, text.bytes.count), MU_LIMIT);
    cr_expect_eq(mu_report_at(f.report, 0)->where.line, 4098);
    MU_ARRAY_FREE(&text.bytes);
    hail_close(&f);
}
