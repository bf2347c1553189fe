#include "real_mud.h"
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 30000, STOP_MS = 20000, STEP_MS = 5 };

struct real_mud {
    char folder[64];
    char socket[96];
    pid_t pid;
    int stdin_fd; /* `--private`: it ends when this is closed */
};

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

/* A socket that is there may not listen yet. */
static bool is_listening(const real_mud *mud)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)strcpy(address.sun_path, mud->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_there;
}

real_mud *real_mud_start(const char *program)
{
    real_mud *mud = calloc(1, sizeof *mud);
    int ends[2];
    posix_spawn_file_actions_t files;
    (void)snprintf(mud->folder, sizeof mud->folder, "/tmp/real-mud-XXXXXX");
    if (mkdtemp(mud->folder) == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        give_up("a folder for mud");
    }
    (void)snprintf(mud->socket, sizeof mud->socket, "%s/m.sock", mud->folder);
    char socket_option[] = "--socket";
    char private_option[] = "--private";
    char native_option[] = "--allow-native";
    char log_option[] = "--log";
    char log_level[] = "warning";
    char *name = strdup(program);
    char *argv[] = {name,          socket_option, mud->socket, private_option,
                    native_option, log_option,    log_level,   NULL};
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_adddup2(&files, ends[0], STDIN_FILENO);
    if (posix_spawn(&mud->pid, program, &files, NULL, argv, environ) != 0) {
        give_up(program);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    free(name);
    (void)close(ends[0]);
    mud->stdin_fd = ends[1];
    for (int waited_ms = 0; !is_listening(mud); waited_ms += STEP_MS) {
        if (waited_ms >= START_MS || waitpid(mud->pid, NULL, WNOHANG) != 0) {
            give_up("mud did not start");
        }
        (void)poll(NULL, 0, STEP_MS);
    }
    return mud;
}

const char *real_mud_socket(const real_mud *mud)
{
    return mud->socket;
}

int real_mud_stop(real_mud *mud)
{
    int status = 0;
    (void)close(mud->stdin_fd);
    for (int waited_ms = 0; waitpid(mud->pid, &status, WNOHANG) == 0; waited_ms += STEP_MS) {
        if (waited_ms >= STOP_MS) {
            (void)fprintf(stderr, "mud does not end\n");
            exit(1);
        }
        (void)poll(NULL, 0, STEP_MS);
    }
    (void)unlink(mud->socket);
    (void)rmdir(mud->folder);
    free(mud);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
