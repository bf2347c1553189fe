/* A private mud is a child process: its folder, its socket, its end. */
#include "private_mud.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 15000, STOP_MS = 5000, STEP_MS = 5, LOG_SHOWN_BYTES = 600 };

struct muctl_private {
    bool allows_native; /* it serves us alone, and we asked for the grant */
    char *folder;
    char *socket;
    pid_t pid;    /* 0: not running */
    int stdin_fd; /* closing it ends the program */
    int log_fd;   /* what it prints; a file without a name, so that nothing of it can stay behind */
};

/* The program: $MUD_BIN, else beside muctl, else where the build puts it, else on the PATH. */
static char *program_find(void)
{
    static const char *const places[] = {"mud", "../mud", "../../daemon/bin/mud"};
    const char *given = secure_getenv("MUD_BIN");
    if (given != NULL && given[0] != 0) {
        return strdup(given);
    }
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    char *slash = strrchr(self, '/');
    for (size_t i = 0; slash != NULL && i < sizeof places / sizeof places[0]; i++) {
        char *path = NULL;
        *slash = 0;
        if (asprintf(&path, "%s/%s", self, places[i]) < 0) {
            return NULL;
        }
        if (access(path, X_OK) == 0) {
            return path;
        }
        free(path);
    }
    return strdup("mud");
}

static bool folder_make(muctl_private *made)
{
    const char *base = secure_getenv("TMPDIR");
    if (base == NULL || base[0] != '/' || strlen(base) > 60) {
        base = "/tmp"; /* a socket's path has at most 107 characters */
    }
    if (asprintf(&made->folder, "%s/muctl-XXXXXX", base) < 0) {
        made->folder = NULL;
        return false;
    }
    if (mkdtemp(made->folder) == NULL) {
        free(made->folder);
        made->folder = NULL;
        return false;
    }
    if (asprintf(&made->socket, "%s/mud.sock", made->folder) < 0) {
        made->socket = NULL;
    }
    made->log_fd = memfd_create("mud.log", MFD_CLOEXEC);
    return made->socket != NULL && made->log_fd >= 0;
}

/* In a process group of its own, so that ^C reaches only us, and with our blocked signals open. */
static int spawn_with(muctl_private *made, char *program, int read_fd, posix_spawnattr_t *how,
                      posix_spawn_file_actions_t *files)
{
    char socket_option[] = "--socket";
    char private_option[] = "--private";
    char native_option[] = "--allow-native";
    char *argv[] = {program,
                    socket_option,
                    made->socket,
                    private_option,
                    made->allows_native ? native_option : NULL,
                    NULL};
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_setsigmask(how, &none);
    (void)posix_spawnattr_setsigdefault(how, &all);
    (void)posix_spawnattr_setpgroup(how, 0);
    (void)posix_spawnattr_setflags(how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETPGROUP);
    int reason = posix_spawn_file_actions_adddup2(files, read_fd, STDIN_FILENO);
    if (reason == 0) {
        reason = posix_spawn_file_actions_adddup2(files, made->log_fd, STDOUT_FILENO);
    }
    if (reason == 0) {
        reason = posix_spawn_file_actions_adddup2(files, made->log_fd, STDERR_FILENO);
    }
    return reason == 0 ? posix_spawnp(&made->pid, program, files, how, argv, environ) : reason;
}

/* 0 or an errno. */
static int program_spawn(muctl_private *made, char *program)
{
    int ends[2];
    posix_spawnattr_t how;
    posix_spawn_file_actions_t files;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    int reason = posix_spawnattr_init(&how);
    if (reason == 0) {
        reason = posix_spawn_file_actions_init(&files);
        if (reason == 0) {
            reason = spawn_with(made, program, ends[0], &how, &files);
            (void)posix_spawn_file_actions_destroy(&files);
        }
        (void)posix_spawnattr_destroy(&how);
    }
    (void)close(ends[0]);
    if (reason != 0) {
        made->pid = 0;
        (void)close(ends[1]);
        return reason;
    }
    made->stdin_fd = ends[1];
    return 0;
}

/* The last words of a mud that did not start. */
static void log_tail(const muctl_private *made, char *out, size_t capacity)
{
    char text[LOG_SHOWN_BYTES + 1];
    off_t size = lseek(made->log_fd, 0, SEEK_END);
    off_t start = size > LOG_SHOWN_BYTES ? size - LOG_SHOWN_BYTES : 0;
    ssize_t count = pread(made->log_fd, text, LOG_SHOWN_BYTES, start);
    while (count > 0 && text[count - 1] == '\n') {
        count--;
    }
    text[count > 0 ? count : 0] = 0;
    (void)snprintf(out, capacity, "%s", text[0] == 0 ? "it said nothing" : text);
}

static bool has_ended(muctl_private *made)
{
    if (made->pid != 0 && waitpid(made->pid, NULL, WNOHANG) != 0) {
        made->pid = 0;
    }
    return made->pid == 0;
}

static int answer_wait(muctl_program *muctl, muctl_private *made)
{
    for (int waited_ms = 0; waited_ms < START_MS; waited_ms += STEP_MS) {
        muclient_error *error = NULL;
        muclient_options options = {
            .socket = made->socket, .name = "muctl " MUD_VERSION, .wake_fd = muctl->signal_fd};
        muclient_code code = muclient_connect(&options, &muctl->client, &error);
        if (code == MUCLIENT_OK) {
            return 0;
        }
        if (code != MUCLIENT_UNAVAILABLE) {
            return muctl_failed(muctl, error);
        }
        muclient_error_free(error);
        if (has_ended(made)) {
            break;
        }
        struct pollfd wake = {.fd = muctl->signal_fd, .events = POLLIN};
        if (poll(&wake, 1, STEP_MS) > 0) {
            return 128 + muctl_signal_take(muctl);
        }
    }
    char said[LOG_SHOWN_BYTES + 1];
    log_tail(made, said, sizeof said);
    return muctl_trouble(muctl, MUCLIENT_UNAVAILABLE, said, "a private mud did not start");
}

int muctl_private_start(muctl_program *muctl, muctl_private **out)
{
    muctl_private *made = malloc(sizeof *made);
    char *program = program_find();
    int status = 0;
    if (made != NULL) {
        *made = (muctl_private){
            .allows_native = muctl->arguments.given[MUCTL_GRANT], .stdin_fd = -1, .log_fd = -1};
    }
    if (made == NULL || program == NULL) {
        status = muctl_trouble(muctl, MUCLIENT_RESOURCE_EXHAUSTED, "", "out of memory");
    } else if (!folder_make(made)) {
        status =
            muctl_trouble(muctl, MUCLIENT_UNAVAILABLE, "set TMPDIR to a folder you can write",
                          "cannot make a folder for a private mud: %s", strerrordesc_np(errno));
    } else {
        int reason = program_spawn(made, program);
        status = reason == 0
                     ? answer_wait(muctl, made)
                     : muctl_trouble(muctl, MUCLIENT_UNAVAILABLE,
                                     "start mud yourself, or set MUD_BIN to the program",
                                     "cannot start \"%s\": %s", program, strerrordesc_np(reason));
    }
    free(program);
    if (status != 0) {
        muctl_private_stop(made);
        return status;
    }
    *out = made;
    return 0;
}

void muctl_private_stop(muctl_private *made)
{
    if (made == NULL) {
        return;
    }
    if (made->stdin_fd >= 0) {
        (void)close(made->stdin_fd);
    }
    for (int waited_ms = 0; !has_ended(made) && waited_ms < STOP_MS; waited_ms += STEP_MS) {
        (void)poll(NULL, 0, STEP_MS);
    }
    if (made->pid != 0) {
        (void)kill(made->pid, SIGKILL);
        (void)waitpid(made->pid, NULL, 0);
    }
    if (made->log_fd >= 0) {
        (void)close(made->log_fd);
    }
    if (made->folder != NULL) {
        if (made->socket != NULL) {
            (void)unlink(made->socket);
        }
        (void)rmdir(made->folder);
    }
    free(made->folder);
    free(made->socket);
    free(made);
}
