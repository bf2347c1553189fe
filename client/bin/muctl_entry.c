/* The program: signals become readable on a descriptor, so that every wait can look at them. */
#include "muctl.h"
#include <signal.h>
#include <sys/signalfd.h>

int main(int argc, char **argv)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return muctl_main(argc, argv, stdout, stderr, signal_fd);
}
