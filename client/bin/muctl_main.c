/* From the command line to a command and its exit status. */
#include "muctl.h"

static const muctl_command commands[] = {
#define MUCTL_COMMAND(function, name, options, fewest, most, usage, text)                          \
    {name, muctl_##function##_command, options, fewest, most, usage, text},
#include "muctl_commands.def"
#undef MUCTL_COMMAND
};

const muctl_command *muctl_commands(size_t *count)
{
    *count = sizeof commands / sizeof commands[0];
    return commands;
}

int muctl_main(int argc, char *const *argv, FILE *out, FILE *err, int signal_fd)
{
    muctl_program muctl = {.out = out, .err = err, .signal_fd = signal_fd};
    muctl_problem problem;
    int status;
    bool is_right = muctl_arguments_parse(argc, argv, &muctl.arguments, &problem);
    muctl.is_json = muctl.arguments.given[MUCTL_JSON];
    if (!is_right) {
        status = muctl_usage(&muctl, problem.hint, "%s", problem.text);
    } else if (muctl.arguments.command == NULL || muctl.arguments.given[MUCTL_HELP]) {
        status = muctl_help_command(&muctl);
    } else {
        status = muctl.arguments.command->run(&muctl);
    }
    muclient_close(muctl.client);
    muctl_arguments_deinit(&muctl.arguments);
    return status;
}
