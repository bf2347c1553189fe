/* Connecting, signals, and the way from an error to an exit status. */
#include "muctl.h"
#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int muctl_connect(muctl_program *muctl)
{
    muclient_options options = {.socket = muctl->arguments.values[MUCTL_SOCKET],
                                .name = "muctl " MUD_VERSION,
                                .wake_fd = muctl->signal_fd};
    muclient_error *error = NULL;
    if (muclient_connect(&options, &muctl->client, &error) != MUCLIENT_OK) {
        return muctl_failed(muctl, error);
    }
    return 0;
}

int muctl_signal_take(const muctl_program *muctl)
{
    struct signalfd_siginfo info;
    if (muctl->signal_fd < 0 || read(muctl->signal_fd, &info, sizeof info) != sizeof info) {
        return 0;
    }
    return (int)info.ssi_signo;
}

int muctl_failed(muctl_program *muctl, muclient_error *error)
{
    if (error == NULL) {
        return muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    }
    int status;
    if (muclient_error_code(error) == MUCLIENT_INTERRUPTED) {
        int number = muctl_signal_take(muctl);
        status = number == 0 ? MUCTL_EXIT_INTERRUPTED : 128 + number;
    } else {
        status = muctl_error_report(muctl, error);
    }
    muclient_error_free(error);
    return status;
}

int muctl_written(const muctl_program *muctl)
{
    if (fflush(muctl->out) != 0 || ferror(muctl->out) != 0) {
        (void)fprintf(muctl->err, "muctl: cannot write: %s\n", strerrordesc_np(errno));
        return 1;
    }
    return 0;
}
