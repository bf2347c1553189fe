#include "mud_daemon.h"
#include <criterion/criterion.h>
#include <string.h>

static mud_options_outcome parse(char *const *arguments, const char *runtime_dir,
                                 mud_options *options, char **text)
{
    int count = 0;
    while (arguments[count] != NULL) {
        count++;
    }
    return mud_options_parse(count, arguments, runtime_dir, options, text);
}

static void check_wrong(char *const *arguments, const char *part)
{
    mud_options options;
    char *text = NULL;
    cr_assert_eq(parse(arguments, NULL, &options, &text), MUD_OPTIONS_WRONG);
    cr_assert_not_null(strstr(text, part), "%s", text);
    cr_assert_not_null(strstr(text, "mud --help"), "%s", text);
    mu_free(text);
}

Test(mud_options, socket_is_in_the_runtime_folder_unless_given)
{
    char *none[] = {"mud", NULL};
    char *given[] = {"mud", "--socket", "./m.sock", NULL};
    mud_options options;
    cr_assert_eq(parse(none, "/run/user/7", &options, NULL), MUD_OPTIONS_RUN);
    cr_assert_str_eq(options.socket_path, "/run/user/7/mud/mud.sock");
    cr_assert_not(options.allows_native, "it is off unless asked for");
    mud_options_deinit(&options);
    cr_assert_eq(parse(none, "", &options, NULL), MUD_OPTIONS_RUN);
    cr_assert_str_eq(options.socket_path, "/run/mud/mud.sock");
    mud_options_deinit(&options);
    cr_assert_eq(parse(given, "/run/user/7", &options, NULL), MUD_OPTIONS_RUN);
    cr_assert_str_eq(options.socket_path, "./m.sock");
    mud_options_deinit(&options);
}

Test(mud_options, all_are_read)
{
    char *arguments[] = {"mud", "--private",      "--workers=3", "--heap-default",
                         "64M", "--allow-native", "--log",       "debug",
                         NULL};
    mud_options options;
    cr_assert_eq(parse(arguments, NULL, &options, NULL), MUD_OPTIONS_RUN);
    cr_assert(options.is_private);
    cr_assert(options.allows_native);
    cr_assert_eq(options.workers, 3);
    cr_assert_eq(options.heap_bytes, 64u << 20);
    cr_assert_eq(options.log_level, MUD_LOG_DEBUG);
    mud_options_deinit(&options);
}

Test(mud_options, wrong_ones_are_named)
{
    check_wrong((char *[]){"mud", "--nonsense", NULL}, "--nonsense: no such option");
    check_wrong((char *[]){"mud", "file", NULL}, "file: no such option");
    check_wrong((char *[]){"mud", "--socket", NULL}, "--socket wants a path");
    check_wrong((char *[]){"mud", "--socket=", NULL}, "--socket wants a path");
    check_wrong((char *[]){"mud", "--workers", "0", NULL}, "--workers wants a number");
    check_wrong((char *[]){"mud", "--workers", "4x", NULL}, "--workers wants a number");
    check_wrong((char *[]){"mud", "--heap-default", "1K", NULL}, "--heap-default wants a size");
    check_wrong((char *[]){"mud", "--heap-default", "99999999999999999999G", NULL},
                "--heap-default wants a size");
    check_wrong((char *[]){"mud", "--heap-default", "64MM", NULL}, "--heap-default wants a size");
    check_wrong((char *[]){"mud", "--log", "loud", NULL}, "--log wants");
}

Test(mud_options, help_and_version_are_texts)
{
    mud_options options;
    char *text = NULL;
    cr_assert_eq(parse((char *[]){"mud", "--version", NULL}, NULL, &options, &text),
                 MUD_OPTIONS_TEXT);
    cr_assert_str_eq(text, "mud " MUD_VERSION "\n");
    mu_free(text);
    cr_assert_eq(parse((char *[]){"mud", "--private", "--help", NULL}, NULL, &options, &text),
                 MUD_OPTIONS_TEXT);
    cr_assert_not_null(strstr(text, "--heap-default"));
    mu_free(text);
}
