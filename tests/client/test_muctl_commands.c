/* Whole commands against the fake server: what they print and their exit status. */
#include "muctl.h"
#include "muctl_outcome.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
          "hint: muctl ps lists the calls that run\n",
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
    outcome trap = run_on(NULL, (const char *[]){"help", "trap", NULL});
    cr_expect_not_null(strstr(trap.out, "\n  set PLACE VALUE "));
    cr_expect_not_null(strstr(trap.out, "\n  throw null|new|PLACE "));
    free(trap.out);
    free(trap.err);
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
    static const char prompt[] = "trap 77> ";
    char err[1024];
    (void)snprintf(err, sizeof err,
                   "handling the traps of gcd\n%smuctl: that is no command\nhint: help lists the "
                   "commands\n%smuctl: mud refused the answer: one value is wanted\n%s",
                   prompt, prompt, prompt);
    GIVES(fake, 0, shown_trap, err, "trap", "attach", "gcd", "--count", "1");
    cr_expect_eq(fake_mud_answers(fake), 2);
    fake_mud_stop(fake);
}

Test(muctl, trap_attach_does_commands_at_each_trap)
{
    fake_mud *fake = fake_mud_start(NULL);
    fake_seen *seen = fake_mud_seen(fake);
    char out[2048];
    static const char parts[] = "  .0: int<64> 7\n  .1: ref<@Node> null\n  ...\n";
    (void)snprintf(out, sizeof out,
                   "%sd.1[3]: ref<@Node> .1[3]\n%s@top.1[3]: ref<@Node> @top.1[3]\n%s"
                   "d.1[3]: ref<@Node> .1[3]\n%s  #0 @f.v1 at @f.v1.e.t (gcd.uir:3:5)\n"
                   "       @f.v1.e.i = 5\n       @f.v1.e.d = 2.5\n       @f.v1.e.r = null\n"
                   "  … and more frames\n",
                   shown_trap, parts, parts, parts);
    GIVES(fake, 0, out, "handling the traps of gcd\n", "trap", "attach", "gcd", "--count", "1",
          "--do", "print d.1[3]; ; print @top.1[3]", "--do", "set d.1[3] 5;bt 1 ; resume 7");
    cr_expect_eq(fake_mud_answers(fake), 1);
    cr_expect_eq(seen->performs, 3, "%zu", (size_t)seen->performs);
    GIVES(fake, 2, shown_trap,
          "handling the traps of gcd\nmuctl: no frame keeps anything named \"1:i\"\n"
          "hint: bt shows the names; those of global cells begin with @\n",
          "trap", "attach", "gcd", "--do", "print 1:i; resume 7");
    GIVES(fake, 2, shown_trap,
          "handling the traps of gcd\nmuctl: 2 frames cannot be popped: there are 2, and the last "
          "has to stay\nhint: bt shows them\n",
          "trap", "attach", "gcd", "--do", "pop 2");
    GIVES(fake, 2, shown_trap,
          "handling the traps of gcd\nmuctl: print wants more arguments\nhint: print PLACE\n",
          "trap", "attach", "gcd", "--do", "print", "--kill");
    GIVES(fake, 0, shown_trap, "handling the traps of gcd\n", "trap", "attach", "gcd", "--do",
          "detach; nonsense");
    fake_mud_stop(fake);
}

Test(muctl, answers_after_changes_of_the_stack_are_what_the_context_holds)
{
    static const char popped[] = "  #0 @main.v1 (gcd.uir:3:5)\n";
    fake_mud *fake = fake_mud_start(NULL);
    fake_seen *seen = fake_mud_seen(fake);
    char out[1024];
    (void)snprintf(out, sizeof out, "%s%s", shown_trap, popped);
    GIVES(fake, 0, out, "handling the traps of gcd\n", "trap", "attach", "gcd", "--count", "1",
          "--do", "pop 1; resume 7");
    cr_expect_eq(seen->answers, 1);
    cr_expect_eq(seen->decision, MUD__REBIND__DECISION__PASS_VALUES);
    cr_expect(seen->stack == 2 && seen->value_count == 1);
    GIVES(fake, 0, out, "handling the traps of gcd\n", "trap", "attach", "gcd", "--count", "1",
          "--do", "pop 1", "--do", "throw null");
    cr_expect(seen->decision == MUD__REBIND__DECISION__THROW_EXC && seen->exception == 0);
    GIVES(fake, 0, shown_trap, "handling the traps of gcd\n", "trap", "attach", "gcd", "--count",
          "1", "--do", "throw r.1");
    cr_expect(seen->decision == MUD__REBIND__DECISION__THROW_EXC && seen->exception != 0);
    GIVES(fake, 0, shown_trap, "handling the traps of gcd\n", "trap", "attach", "gcd", "--count",
          "1", "--do", "exit");
    cr_expect_eq(seen->decision, MUD__REBIND__DECISION__EXIT);
    GIVES(fake, 2, out,
          "handling the traps of gcd\nmuctl: --do has changed the stack, so the options do not "
          "answer any more\nhint: end the commands with resume or throw\n",
          "trap", "attach", "gcd", "--resume", "5", "--do", "pop 1");
    GIVES(fake, 2, out,
          "handling the traps of gcd\nmuctl: the stack waits for 1 values; 2 were given\n"
          "hint: none at all stand for zeros and NULLs\n",
          "trap", "attach", "gcd", "--do", "pop 1; resume 1 2");
    fake_mud_stop(fake);
}

Test(muctl, commands_at_a_trap_are_json_too)
{
    fake_mud *fake = fake_mud_start(NULL);
    outcome result =
        run_on(fake, (const char *[]){"trap", "attach", "gcd", "--json", "--count", "1", "--do",
                                      "print d.0; collect; bt 0; start n12; "
                                      "watch 4; help; resume 7",
                                      NULL});
    cr_expect_eq(result.status, 0);
    static const char *const wanted[] = {
        "{\"schema\":\"muctl.value/1\",\"place\":\"d.0\",\"type\":\"ref<@Node>\",\"value\":\".0\","
        "\"parts\":[{\"at\":\".0\",\"type\":\"int<64>\",\"value\":\"7\"},{\"at\":\".1\",\"type\":"
        "\"ref<@Node>\",\"value\":null}],\"more\":true}\n",
        "{\"schema\":\"muctl.gc/1\",\"vm\":\"gcd\"}\n",
        "{\"schema\":\"muctl.frames/1\",\"frames\":[],\"more_frames\":true}\n",
        "\"schema\":\"muctl.watch/1\"",
        "{\"schema\":\"muctl.trap_help/1\"",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        cr_expect_not_null(strstr(result.out, wanted[i]), "%s is not in %s", wanted[i], result.out);
    }
    free(result.out);
    free(result.err);
    fake_mud_stop(fake);
}
