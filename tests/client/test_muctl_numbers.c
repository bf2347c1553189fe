/* vm create and set, ps, kill, stats against the fake server: what they print and their status. */
#include "muctl.h"
#include "muctl_outcome.h"
#include "muctl_times.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(muctl_numbers, vm_create_and_set_say_what_is_now)
{
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 0, "created app\n", "", "vm", "create", "app", "--heap", "64M", "--guest", "mu");
    GIVES(fake, 0, "{\"schema\":\"muctl.vm.create/1\",\"vm\":\"app\"}\n", "", "vm", "create", "app",
          "--json");
    GIVES(fake, 0,
          "{\"schema\":\"muctl.vm.set/1\",\"vm\":\"app\",\"guest\":\"mu\",\"grant_native\":false,"
          "\"limits\":{\"heap_bytes\":0,\"stack_bytes\":0,\"stacks_bytes\":0,\"stacks\":0,"
          "\"threads\":0,\"code_bytes\":0,\"metadata_bytes\":0,\"context_handles\":9,\"calls\":7,"
          "\"output_bytes\":1536}}\n",
          "", "vm", "set", "app", "--calls", "7", "--output", "1536", "--handles", "9", "--json");
    GIVES(fake, 0,
          "heap\t1.0 GiB\nstack\t0 B\nstacks\t0 B\nstack-count\t0\nthreads\t0\n"
          "code\t0 B\nmetadata\t0 B\nhandles\t0\ncalls\t0\noutput\t0 B\n",
          "", "vm", "set", "app", "--heap", "1G");
    GIVES(fake, 4, "", "muctl: no VM none\n", "vm", "set", "none", "--calls", "7");
    GIVES(fake, 0, "removed app\n", "", "vm", "rm", "app");
    fake_mud_stop(fake);
}

Test(muctl_numbers, limits_that_are_none_are_wrong_usage)
{
    static const char *const sizes[] = {"0",
                                        "-1",
                                        "",
                                        "64X",
                                        "M",
                                        "1.5G",
                                        "64 M",
                                        "0x4",
                                        "1 GiB",
                                        "64m",
                                        "99999999999G",
                                        "18446744073709551616"};
    static const char *const counts[] = {"0", "-1", "", "many", "1K", "18446744073709551616"};
    char err[160];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        (void)snprintf(err, sizeof err,
                       "muctl: \"%s\" is not a size\nhint: write it like 512K, 64M or 1G\n",
                       sizes[i]);
        GIVES(NULL, 2, "", err, "vm", "create", "app", "--heap", sizes[i]);
        GIVES(NULL, 2, "", err, "vm", "set", "app", "--output", sizes[i]);
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        (void)snprintf(err, sizeof err,
                       "muctl: \"%s\" is not a number from 1 on\nhint: write it like 64\n",
                       counts[i]);
        GIVES(NULL, 2, "", err, "vm", "create", "app", "--calls", counts[i]);
    }
    GIVES(NULL, 2, "", "muctl: there is no grant \"root\"\nhint: the one there is is native\n",
          "vm", "create", "app", "--grant", "root");
    GIVES(NULL, 2, "", "muctl: a VM wants a name\nhint: use up to 64 letters, digits, _ and -\n",
          "vm", "create", "");
    GIVES(NULL, 2, "",
          "muctl: vm create wants more arguments\nhint: usage: muctl vm create NAME [--heap SIZE] "
          "[--threads N] [LIMIT...] [--guest NAME] [--grant native]\n",
          "vm", "create");
    GIVES(NULL, 2, "", "muctl: there is no command \"vm lss\"\nhint: did you mean: muctl vm ls\n",
          "vm", "lss");
}

Test(muctl_numbers, deadline_and_timeout_are_one)
{
    GIVES(NULL, 2, "", "muctl: --timeout and --deadline are the same\nhint: give one\n", "call",
          "a.b", "--timeout", "5s", "--deadline", "5s");
    GIVES(NULL, 2, "", "muctl: \"5\" is not a duration\nhint: write it like 300ms, 5s or 2m\n",
          "call", "a.b", "--deadline", "5");
}

Test(muctl_numbers, ps_takes_all_replies_of_a_listing)
{
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 0,
          "7\tapp\t@main\trunning\t1s\t250ms\tmuctl 9/pid 812\n"
          "9\tapp\t@main\twaiting\t1s\t-\t(thread)\n",
          "", "ps");
    GIVES(fake, 0,
          "{\"schema\":\"muctl.ps/1\",\"calls\":[{\"call\":7,\"vm\":\"app\",\"function\":\"@main\","
          "\"made_by_program\":false,\"state\":\"running\",\"age_us\":1500000,"
          "\"deadline_left_us\":250000,\"client_pid\":812,\"client\":\"muctl 9\"},"
          "{\"call\":9,\"vm\":\"app\",\"function\":\"@main\",\"made_by_program\":true,"
          "\"state\":\"waiting\",\"age_us\":1500000}]}\n",
          "", "ps", "app", "--json");
    fake_mud_stop(fake);
}

Test(muctl_numbers, kill_takes_several_calls_or_a_vm)
{
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 4, "", "muctl: no such call\nmuctl: no such call\n", "kill", "5", "6");
    GIVES(fake, 0, "killed 2 calls of app\n", "", "kill", "--vm", "app");
    GIVES(fake, 0, "{\"schema\":\"muctl.kill/1\",\"vm\":\"app\",\"killed\":2}\n", "", "kill",
          "--vm", "app", "--json");
    fake_mud_stop(fake);
    const char *usage = "muctl: kill wants either calls or a VM\n"
                        "hint: usage: muctl kill CALL... | kill --vm NAME\n";
    GIVES(NULL, 2, "", usage, "kill");
    GIVES(NULL, 2, "", usage, "kill", "5", "--vm", "app");
    GIVES(NULL, 2, "",
          "muctl: \"x\" is not the number of a call\nhint: muctl ps lists the calls that run\n",
          "kill", "5", "x");
}

Test(muctl_numbers, stats_are_a_table_or_all_about_one)
{
    static const char one[] =
        "heap 1.0 MiB / 64 MiB, live 0 B  bundles 0, functions 0\n"
        "collections 3 young, 0 full, 0 markings, in 0ns\n"
        "stops 4, in all 70s, p50 p99 max 2.0us 67s 70s\n"
        "to safepoints 4, in all 70s, p50 p99 max 2.0us 67s 70s\n"
        "calls 0 of 16 running, 0 trapped; returned 5, failed 0, over a limit 0, late 0, cancelled "
        "0, killed 2, refused 0\n"
        "threads 0 of 0, finished 0  stacks 0 of 0, 0 B / 0 B\n"
        "code 0 B / 0 B  metadata 4.0 KiB / 0 B\n"
        "contexts 0 with 0 of 0 handles  output 0 B\n";
    char whole[1024];
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 0,
          "app\t1.0 MiB / 64 MiB\t3+0+0\t2.0us 67s 70s\t0\t5\t0\t2\t0\n"
          "o\"d\\d\\n\\xff\xc3\xa9\t1.0 MiB / 64 MiB\t3+0+0\t2.0us 67s 70s\t0\t5\t0\t2\t0\n",
          "", "stats");
    (void)snprintf(whole, sizeof whole, "app  %s", one);
    GIVES(fake, 0, whole, "", "stats", "app");
    outcome chart = run_on(fake, (const char *[]){"stats", "app", "--histogram", NULL});
    cr_expect_not_null(strstr(chart.out, "\n  <    1.0us         1  ###"), "%s", chart.out);
    cr_expect_not_null(strstr(chart.out, "\n  to     70s         1  ###"), "%s", chart.out);
    free(chart.out);
    free(chart.err);
    outcome json = run_on(fake, (const char *[]){"stats", "--json", NULL});
    cr_expect_not_null(strstr(json.out, "\"stops\":{\"count\":4,\"total_ns\":70000501500,"
                                        "\"p50_ns\":2048,\"p99_ns\":67345087201,"
                                        "\"longest_ns\":70000000000}"),
                       "%s", json.out);
    cr_expect_not_null(strstr(json.out, "\"name\":\"o\\\"d\\\\d\\n\\ufffd\xc3\xa9\""));
    free(json.out);
    free(json.err);
    fake_mud_stop(fake);
}

Test(muctl_numbers, stats_come_again_with_watch)
{
    fake_mud *fake = fake_mud_start(NULL);
    static const char row[] = "app\t1.0 MiB / 64 MiB\t3+0+0\t2.0us 67s 70s\t0\t5\t0\t2\t0\n"
                              "o\"d\\d\\n\\xff\xc3\xa9\t1.0 MiB / 64 MiB\t3+0+0\t2.0us 67s "
                              "70s\t0\t5\t0\t2\t0\n";
    char twice[2 * sizeof row];
    (void)snprintf(twice, sizeof twice, "%s%s", row, row);
    GIVES(fake, 0, twice, "", "stats", "--watch", "1ms", "--count", "2");
    fake_mud_stop(fake);
    GIVES(NULL, 2, "", "muctl: \"1\" is not a duration\nhint: write it like 500ms or 1s\n", "stats",
          "--watch", "1");
    GIVES(NULL, 2, "",
          "muctl: --count wants a number and --watch\nhint: stats --watch 1s --count 10\n", "stats",
          "--count", "2");
    GIVES(NULL, 2, "",
          "muctl: --count wants a number and --watch\nhint: stats --watch 1s --count 10\n", "stats",
          "--watch", "1s", "--count", "0");
    GIVES(NULL, 2,
          "{\"error\":{\"code\":\"INVALID_ARGUMENT\",\"message\":\"stats is printed as JSON "
          "or as OpenMetrics text\",\"hint\":\"give one\"}}\n",
          "", "stats", "--json", "--openmetrics");
}

Test(muctl_numbers, openmetrics_has_cumulative_buckets_and_escaped_labels)
{
    fake_mud *fake = fake_mud_start(NULL);
    outcome text = run_on(fake, (const char *[]){"stats", "--openmetrics", NULL});
    static const char *const wanted[] = {
        "# TYPE mud info\n# HELP mud The daemon.\nmud_info{version=\"0.1.0\"} 1\n",
        "\nmud_uptime_seconds 1.5\n",
        "\n# TYPE mud_vm_calls counter\n# HELP mud_vm_calls Calls that have ended, ",
        "\nmud_vm_calls_total{vm=\"app\",outcome=\"killed\"} 2\n"
        "mud_vm_calls_total{vm=\"o\\\"d\\\\d\\n\xef\xbf\xbd\xc3\xa9\",outcome=\"killed\"} 2\n",
        "\n# TYPE mud_vm_stop_seconds histogram\n# UNIT mud_vm_stop_seconds seconds\n",
        "\nmud_vm_stop_seconds_bucket{vm=\"app\",le=\"1.023e-06\"} 1\n"
        "mud_vm_stop_seconds_bucket{vm=\"app\",le=\"4.095e-06\"} 2\n",
        "{vm=\"app\",le=\"0.000262143\"} 2\nmud_vm_stop_seconds_bucket{vm=\"app\",le="
        "\"0.001048575\"} 3\n",
        "{vm=\"app\",le=\"17.179869183\"} 3\n"
        "mud_vm_stop_seconds_bucket{vm=\"app\",le=\"+Inf\"} 4\n"
        "mud_vm_stop_seconds_count{vm=\"app\"} 4\nmud_vm_stop_seconds_sum{vm=\"app\"} 70.0005015\n",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        cr_expect_not_null(strstr(text.out, wanted[i]), "%s is not in:\n%s", wanted[i], text.out);
    }
    size_t length = strlen(text.out);
    cr_assert_gt(length, 6);
    cr_expect_str_eq(text.out + length - 6, "# EOF\n");
    free(text.out);
    free(text.err);
    fake_mud_stop(fake);
}

Test(muctl_numbers, quantiles_lie_in_their_bucket)
{
    uint64_t buckets[36] = {[0] = 0};
    muclient_times times = {.buckets = buckets, .bucket_count = 36};
    cr_expect_eq(muctl_times_quantile_ns(&times, 0.5), 0);
    buckets[10] = 100; /* 1,024 to 2,047 ns */
    times.longest_ns = 2000;
    cr_expect_eq(muctl_times_quantile_ns(&times, 0.5), 1536);
    cr_expect_eq(muctl_times_quantile_ns(&times, 0.99), 2000, "not above the longest");
    buckets[20] = 1;
    times.longest_ns = 1 << 20;
    cr_expect_lt(muctl_times_quantile_ns(&times, 0.99), 2048);
    cr_expect_eq(muctl_times_quantile_ns(&times, 1), 1 << 20);
    cr_expect_eq(muctl_times_quantile_ns(&(muclient_times){0}, 0.99), 0);
}
