/* Whole commands against the fake server: what they print and their exit status. */
#include "fake_mud.h"
#include "muctl.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct outcome {
    int status;
    char *out;
    char *err;
} outcome;

enum { MOST_WORDS = 16 };

/* Runs muctl on the fake with the words, which end with NULL. */
static outcome run_on(fake_mud *fake, const char *const *words)
{
    char *argv[MOST_WORDS + 4] = {strdup("muctl")};
    int argc = 1;
    if (fake != NULL) {
        argv[argc++] = strdup("--socket");
        argv[argc++] = strdup(fake_mud_socket(fake));
    }
    for (size_t i = 0; words[i] != NULL; i++) {
        argv[argc++] = strdup(words[i]);
    }
    outcome result = {0};
    size_t size;
    FILE *out = open_memstream(&result.out, &size);
    FILE *err = open_memstream(&result.err, &size);
    result.status = muctl_main(argc, argv, out, err, -1);
    (void)fclose(out);
    (void)fclose(err);
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return result;
}

static void gives(fake_mud *fake, const char *const *words, int status, const char *out,
                  const char *err)
{
    outcome result = run_on(fake, words);
    cr_expect_str_eq(result.out, out, "out: %s", result.out);
    cr_expect_str_eq(result.err, err, "err: %s", result.err);
    cr_expect_eq(result.status, status, "status %d", result.status);
    free(result.out);
    free(result.err);
}

#define GIVES(fake, status, out, err, ...)                                                         \
    gives(fake, (const char *[]){__VA_ARGS__, NULL}, status, out, err)

static char *bundle_file(void)
{
    static const char text[] = "bundle";
    char *path = strdup("/tmp/muctl-test-XXXXXX.uir");
    int fd = mkstemps(path, 4);
    cr_assert_eq(write(fd, text, sizeof text - 1), sizeof text - 1);
    (void)close(fd);
    return path;
}

Test(muctl, call_prints_results_on_one_line)
{
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 0, "1071 -462 x\n", "", "call", "gcd.echo", "1071", "-462", "x");
    GIVES(fake, 0, "", "", "call", "gcd.echo");
    GIVES(fake, 0, "43\n", "", "call", "gcd.add", "--timeout", "5s");
    GIVES(fake, 0,
          "{\"schema\":\"muctl.call/1\",\"call\":1001,\"results\":[{\"type\":\"int<64>\","
          "\"value\":43}],\"exited\":false,\"wall_us\":5}\n",
          "", "call", "gcd.add", "--json");
    fake_mud_stop(fake);
}

Test(muctl, errors_say_what_and_what_to_do)
{
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 4, "", "muctl: no function @x\\x1b[31m\nhint: muctl ls\n", "call", "gcd.x");
    GIVES(fake, 4,
          "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no function @x\\u001b[31m\","
          "\"hint\":\"muctl ls\"}}\n",
          "", "call", "gcd.x", "--json");
    GIVES(fake, 8, "",
          "muctl: @f threw: EXCEPTION: an exception was not caught\n"
          "  #0 @f.v1 at @f.v1.e.x (gcd.uir:3:5)\n"
          "       @f.v1.e.i = 5\n"
          "       @f.v1.e.d = 2.5\n"
          "       @f.v1.e.r = null\n"
          "  #1 @main.v1 (gcd.uir:3:5)\n",
          "call", "gcd.throw");
    GIVES(fake, 2, "",
          "muctl: \"gcd\" is not VM.FUNC\nhint: write it like gcd.gcd; muctl ls shows the VMs\n",
          "call", "gcd");
    GIVES(fake, 2, "", "muctl: \"5\" is not a duration\nhint: write it like 300ms, 5s or 2m\n",
          "call", "a.b", "--timeout", "5");
    fake_mud_stop(fake);
    GIVES(NULL, 3, "",
          "muctl: cannot reach mud on unix:/nonexistent/s: No such file or directory\n"
          "hint: start it: mud --socket /nonexistent/s\n",
          "ls", "--socket", "/nonexistent/s");
    GIVES(NULL, 2, "", "muctl: there is no command \"sl\"\nhint: did you mean: muctl ls\n", "sl");
    GIVES(
        NULL, 2,
        "{\"error\":{\"code\":\"INVALID_ARGUMENT\",\"message\":\"there is no command \\\"sl\\\"\","
        "\"hint\":\"did you mean: muctl ls\"}}\n",
        "", "sl", "--json");
}

Test(muctl, load_prints_name_version_and_digest)
{
    fake_mud *fake = fake_mud_start(NULL);
    char *file = bundle_file();
    GIVES(fake, 0, "gcd@1  00ff\n", "", "load", file, "--name", "gcd");
    cr_expect_eq(fake_mud_uploaded_bytes(fake), 6);
    GIVES(fake, 7, "",
          "muctl: 2 errors\n"
          "  bad.uir:41:17: INVALID: an int<64> is wanted\n"
          "  bundle: : no place\n"
          "hint: mend them\n",
          "load", file, "--vm", "bad");
    GIVES(fake, 4, "", "muctl: cannot open \"/nonexistent/x.uir\": No such file or directory\n",
          "load", "/nonexistent/x.uir");
    GIVES(fake, 2, "", "muctl: \"/tmp\" is a folder\nhint: give a file\n", "load", "/tmp");
    GIVES(fake, 2, "", "muctl: \"big\" is not a size\nhint: write it like 512K, 64M or 1G\n",
          "load", file, "--heap", "big");
    GIVES(fake, 2, "", "muctl: standard input has no name\nhint: add --name NAME\n", "load", "-");
    (void)unlink(file);
    free(file);
    fake_mud_stop(fake);
}

Test(muctl, run_prints_traps_as_lines_then_results)
{
    fake_mud *fake = fake_mud_start(NULL);
    char *file = bundle_file();
    GIVES(fake, 0,
          "{\"trap\":\"@f.v1.e.t\",\"wp\":0,\"keepalives\":[\"int64:5\",\"double:2.5\",\"ref:"
          "null\"]}\n"
          "{\"trap\":\"@f.v1.e.t\",\"wp\":0,\"keepalives\":[\"int64:5\",\"double:2.5\",\"ref:"
          "null\"]}\n",
          "", "run", file, "--call", "traps", "--log-traps");
    GIVES(fake, 0, "3 2.5\n", "", "run", file, file, "--call", "echo", "--", "3", "2.5");
    GIVES(fake, 4, "", "muctl: no function @x\\x1b[31m\nhint: muctl ls\n", "run", file);
    GIVES(NULL, 3, "",
          "muctl: cannot reach mud on unix:/nonexistent/s: No such file or directory\n"
          "hint: start it: mud --socket /nonexistent/s\n",
          "run", file, "--socket=/nonexistent/s");
    (void)unlink(file);
    free(file);
    fake_mud_stop(fake);
}

Test(muctl, run_without_mud_reports_a_private_one_that_does_not_start)
{
    char *file = bundle_file();
    setenv("MUD_HOST", "/nonexistent/s", 1);
    setenv("MUD_BIN", "/nonexistent/mud", 1);
    GIVES(NULL, 3, "",
          "muctl: cannot start \"/nonexistent/mud\": No such file or directory\n"
          "hint: start mud yourself, or set MUD_BIN to the program\n",
          "run", file);
    setenv("MUD_BIN", "/bin/false", 1);
    GIVES(NULL, 3, "", "muctl: a private mud did not start\nhint: it said nothing\n", "run", file);
    (void)unlink(file);
    free(file);
}

Test(muctl, listings_are_tab_separated_when_piped)
{
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 0, "gcd@3\tgcd\tmu\t1\t4.0 KiB / 1.0 MiB\t0\t0\t3\t9f2c41aa0011\t1m 1s ago\n", "",
          "ls");
    GIVES(fake, 0,
          "gcd@3\tgcd\tmu\t1\t4.0 KiB / 1.0 MiB\t0\t0\t3\t9f2c41aa0011\t1m 1s ago\n"
          "calls done 0, collections 0, trap handler none, contexts 3 with 40 handles\n"
          "call 7\ncall 8\n"
          "@gcd\t@gcd.v1\t(int<64> int<64>) -> (int<64>)\n",
          "", "inspect", "gcd");
    GIVES(fake, 0,
          "{\"schema\":\"muctl.ls/1\",\"vms\":[{\"name\":\"gcd\",\"guest\":\"mu\","
          "\"heap_used_bytes\":4096,\"heap_quota_bytes\":1048576,\"collections\":0,"
          "\"calls_running\":0,\"calls_trapped\":0,\"calls_done\":0,\"handler_attached\":false,"
          "\"calls\":[7,8],\"contexts\":3,\"context_handles\":40}],\"bundles\":[{\"vm\":\"gcd\","
          "\"guest\":\"mu\",\"bundle\":\"gcd\","
          "\"version\":3,\"digest\":\"9f2c41aa00112233\",\"bytes\":0,\"functions\":1,"
          "\"loaded_ms_ago\":61000}]}\n",
          "", "ls", "--json");
    fake_mud_stop(fake);
}

Test(muctl, small_commands_tell_what_they_did)
{
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 0, "removed gcd\n", "", "rm", "gcd", "--force");
    GIVES(fake, 0, "collected gcd\n", "", "gc", "gcd");
    GIVES(fake, 0, "{\"schema\":\"muctl.gc/1\",\"vm\":\"gcd\"}\n", "", "gc", "gcd", "--json");
    GIVES(fake, 0, "enabled watchpoint 7 of gcd\nenabled watchpoint 4294967295 of gcd\n", "",
          "watch", "gcd", "7", "4294967295");
    GIVES(fake, 0, "disabled watchpoint 7 of gcd\n", "", "unwatch", "gcd", "7");
    GIVES(fake, 0, "{\"schema\":\"muctl.watch/1\",\"vm\":\"gcd\",\"watchpoints\":[7,8]}\n", "",
          "watch", "gcd", "7", "8", "--json");
    GIVES(fake, 2, "",
          "muctl: \"0\" is not the id of a watchpoint\n"
          "hint: it is the number behind WATCHPOINT or WPBRANCH\n",
          "watch", "gcd", "7", "0");
    GIVES(fake, 2, "",
          "muctl: \"4294967296\" is not the id of a watchpoint\n"
          "hint: it is the number behind WATCHPOINT or WPBRANCH\n",
          "unwatch", "gcd", "4294967296");
    GIVES(fake, 4, "", "muctl: no such call\n", "kill", "5");
    GIVES(fake, 2, "",
          "muctl: \"x\" is not the number of a call\n"
          "hint: muctl inspect NAME lists the calls that run\n",
          "kill", "x");
    GIVES(fake, 0, "muctl 0.1.0\nmud 0.1.0\n", "", "version");
    outcome result = run_on(fake, (const char *[]){"status", NULL});
    cr_expect_not_null(strstr(result.out, "mud 0.1.0  running 1m 30s  pid 812  socket unix:/tmp/"));
    free(result.out);
    free(result.err);
    result = run_on(fake, (const char *[]){"shutdown", "--now", NULL});
    cr_expect_eq(strncmp(result.out, "shutting down mud on /tmp/", 26), 0);
    free(result.out);
    free(result.err);
    fake_mud_stop(fake);
}

Test(muctl, help_explains_each_command)
{
    size_t count;
    const muctl_command *commands = muctl_commands(&count);
    cr_assert_gt(count, 10);
    for (size_t i = 0; i < count; i++) {
        char first[32];
        (void)snprintf(first, sizeof first, "%s", commands[i].name);
        first[strcspn(first, " ")] = 0;
        outcome result = run_on(NULL, (const char *[]){"help", first, NULL});
        cr_expect_eq(result.status, 0);
        cr_expect_not_null(strstr(result.out, commands[i].usage));
        cr_expect_not_null(strstr(result.out, "--json"));
        free(result.out);
        free(result.err);
    }
    GIVES(NULL, 2, "", "muctl: there is no command \"nothing\"\nhint: muctl help\n", "help",
          "nothing");
}

static const char shown_trap[] = "trap 77 in call 1900: @f.v1.e.t\n"
                                 "  #0 @f.v1 at @f.v1.e.t (gcd.uir:3:5)\n"
                                 "       @f.v1.e.i = 5\n"
                                 "       @f.v1.e.d = 2.5\n"
                                 "       @f.v1.e.r = null\n"
                                 "  #1 @main.v1 (gcd.uir:3:5)\n"
                                 "  results: int<64>\n";

Test(muctl, trap_attach_answers_by_its_options)
{
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 0, shown_trap, "handling the traps of gcd\n", "trap", "attach", "gcd", "--resume",
          "5", "--count", "1");
    GIVES(fake, 0, shown_trap, "handling the traps of gcd\n", "trap", "attach", "gcd", "--throw",
          "@f.v1.e.r", "--count", "1");
    GIVES(fake, 0, shown_trap, "handling the traps of gcd\n", "trap", "attach", "gcd", "--kill",
          "--count", "1");
    cr_expect_eq(fake_mud_answers(fake), 3);
    GIVES(fake, 2, shown_trap,
          "handling the traps of gcd\n"
          "muctl: mud refused the answer: one value is wanted\n",
          "trap", "attach", "gcd", "--resume", "5", "6", "--count", "1");
    GIVES(fake, 2, shown_trap,
          "handling the traps of gcd\n"
          "muctl: the trap keeps nothing named \"@no\"\n"
          "hint: write null, new or the name of a keep-alive\n",
          "trap", "attach", "gcd", "--throw", "@no", "--count", "1");
    fake_mud_stop(fake);
}

Test(muctl, trap_attach_refuses_options_that_do_not_fit)
{
    GIVES(NULL, 2, "",
          "muctl: --resume, --throw and --kill exclude each other\nhint: give one of them\n",
          "trap", "attach", "gcd", "--kill", "--resume");
    GIVES(NULL, 2, "", "muctl: \"5\" is an argument too many\nhint: values go with --resume\n",
          "trap", "attach", "gcd", "5", "--kill");
    GIVES(NULL, 2, "", "muctl: \"x\" is not a count\nhint: write a number from 1\n", "trap",
          "attach", "gcd", "--count", "x");
    GIVES(NULL, 2, "",
          "muctl: \"x\" is nothing mud can do on a disconnect\n"
          "hint: write resume, throw or kill\n",
          "trap", "attach", "gcd", "--on-disconnect", "x");
}

Test(muctl, trap_attach_asks_on_standard_input)
{
    fake_mud *fake = fake_mud_start(NULL);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    static const char lines[] = "what?\nresume 1 2\nresume 7\n";
    cr_assert_eq(write(ends[1], lines, sizeof lines - 1), sizeof lines - 1);
    (void)close(ends[1]);
    cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    (void)close(ends[0]);
    static const char prompt[] =
        "[pop N] [push FUNCTION...] resume [VALUE...], throw null|new|NAME, kill or detach> ";
    char err[1024];
    (void)snprintf(err, sizeof err,
                   "handling the traps of gcd\n%s%smuctl: mud refused the answer: one value is "
                   "wanted\n%s",
                   prompt, prompt, prompt);
    GIVES(fake, 0, shown_trap, err, "trap", "attach", "gcd", "--count", "1");
    cr_expect_eq(fake_mud_answers(fake), 2);
    fake_mud_stop(fake);
}
