#include "socket_claim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

enum { BACKLOG = 511 };

static const mu_location nowhere = {0, 0};

static mu_status system_error(mu_report *report, const char *what, const char *path, int number)
{
    return mu_report_add(report, MU_SYSTEM, nowhere, "%s %s: %s; choose another with --socket",
                         what, path, uv_strerror(uv_translate_sys_error(number)));
}

/* Creates the last directory of the path, if it is not there. */
static mu_status make_directory(const char *path, mu_report *report)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        return MU_OK;
    }
    char *directory = mu_string_copy(path, (size_t)(slash - path));
    mu_status status = MU_OK;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        status = system_error(report, "cannot create", directory, errno);
    }
    mu_free(directory);
    return status;
}

/* ------------------------------------------------------------------------------------ lock */

static int read_pid(int lock)
{
    char text[32] = "";
    int pid = 0;
    ssize_t length = pread(lock, text, sizeof text - 1, 0);
    for (ssize_t i = 0; i < length && text[i] >= '0' && text[i] <= '9' && pid < 100000000; i++) {
        pid = pid * 10 + (text[i] - '0');
    }
    return pid;
}

static void write_pid(int lock)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
    /* Only a courtesy to the next mud: the lock holds without it. */
    if (ftruncate(lock, 0) != 0 || pwrite(lock, text, (size_t)length, 0) < 0) {
        return;
    }
}

/* The owner removes the file when it goes, so a lock may have been taken on a file without a name.
 */
static bool is_still_named(int lock, const char *path)
{
    struct stat held;
    struct stat named;
    return fstat(lock, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

static mu_status take_lock(const char *socket_path, const char *path, mu_report *report, int *out)
{
    for (;;) {
        int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (lock < 0) {
            return system_error(report, "cannot open", path, errno);
        }
        if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
            int pid = read_pid(lock);
            close(lock);
            return mu_report_add(report, MU_EXISTS, nowhere,
                                 "a mud is already running, pid %d, on %s; stop it with "
                                 "'muctl shutdown', or choose another socket with --socket",
                                 pid, socket_path);
        }
        if (is_still_named(lock, path)) {
            write_pid(lock);
            *out = lock;
            return MU_OK;
        }
        close(lock);
    }
}

/* ---------------------------------------------------------------------------------- socket */

/* Does somebody listen there? The lock says no, but a file may have been deleted by hand. */
static bool is_alive(const struct sockaddr_un *address)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool connected =
        probe >= 0 &&
        (connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
    if (probe >= 0) {
        close(probe);
    }
    return connected;
}

static mu_status remove_stale(const char *path, const struct sockaddr_un *address,
                              mu_report *report)
{
    struct stat found;
    if (lstat(path, &found) != 0) {
        return MU_OK;
    }
    if (!S_ISSOCK(found.st_mode)) {
        return mu_report_add(report, MU_EXISTS, nowhere,
                             "%s exists and is no socket; choose another with --socket", path);
    }
    if (is_alive(address)) {
        return mu_report_add(report, MU_EXISTS, nowhere,
                             "another program listens on %s; choose another socket with --socket",
                             path);
    }
    if (unlink(path) != 0) {
        return system_error(report, "cannot replace the old socket", path, errno);
    }
    return MU_OK;
}

static mu_status open_socket(const char *path, mu_report *report, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return mu_report_add(report, MU_INVALID, nowhere,
                             "the socket's path is longer than %zu bytes; choose another with "
                             "--socket",
                             sizeof address.sun_path - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    mu_status status = remove_stale(path, &address, report);
    if (status != MU_OK) {
        return status;
    }
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listening < 0) {
        return system_error(report, "no socket for", path, errno);
    }
    /* The file must not be open to others even for a moment. */
    mode_t previous = umask(0177);
    int failed = bind(listening, (const struct sockaddr *)&address, sizeof address);
    int number = errno;
    umask(previous);
    if (failed == 0 && listen(listening, BACKLOG) != 0) {
        failed = -1;
        number = errno;
        unlink(path);
    }
    if (failed != 0) {
        close(listening);
        return system_error(report, "cannot listen on", path, number);
    }
    *out = listening;
    return MU_OK;
}

/* ----------------------------------------------------------------------------------- claim */

mu_status mud_socket_claim_make(const char *path, mu_report *report, mud_socket_claim *claim)
{
    size_t length = strlen(path);
    mud_socket_claim made = {.socket = -1, .lock = -1};
    mu_status status = MU_OK;
    made.path = mu_string_copy(path, length);
    made.lock_path = mu_allocate(length + sizeof ".lock");
    snprintf(made.lock_path, length + sizeof ".lock", "%s.lock", path);
    MU_TRY(make_directory(path, report));
    MU_TRY(take_lock(path, made.lock_path, report, &made.lock));
    MU_TRY(open_socket(path, report, &made.socket));
    *claim = made;
done:
    if (status != MU_OK) {
        if (made.lock >= 0) {
            unlink(made.lock_path);
            close(made.lock);
        }
        mu_free(made.path);
        mu_free(made.lock_path);
    }
    return status;
}

void mud_socket_claim_release(mud_socket_claim *claim)
{
    if (claim->path == NULL) {
        return;
    }
    unlink(claim->path);
    close(claim->socket);
    /* In this order, so that whoever opens the file afterwards finds it unlocked or gone. */
    unlink(claim->lock_path);
    close(claim->lock);
    mu_free(claim->path);
    mu_free(claim->lock_path);
    *claim = (mud_socket_claim){.socket = -1, .lock = -1};
}
