#include "socket_claim.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct scratch {
    char folder[32];
    char path[64];
    mu_report *report;
} scratch;

static scratch make_scratch(void)
{
    scratch made = {.folder = "/tmp/mud-claim-XXXXXX", .report = mu_report_new()};
    cr_assert_not_null(mkdtemp(made.folder));
    snprintf(made.path, sizeof made.path, "%s/run/m.sock", made.folder);
    return made;
}

static void remove_scratch(scratch *made)
{
    char run[64];
    snprintf(run, sizeof run, "%s/run", made->folder);
    rmdir(run);
    cr_assert_eq(rmdir(made->folder), 0, "something was left behind in %s", made->folder);
    mu_report_free(made->report);
}

Test(mud_socket_claim, makes_a_private_socket_and_removes_it)
{
    scratch at = make_scratch();
    mud_socket_claim claim;
    struct stat found;
    mode_t before = umask(0);
    cr_assert_eq(mud_socket_claim_make(at.path, at.report, &claim), MU_OK);
    cr_assert_eq(stat(at.path, &found), 0);
    cr_assert_eq(found.st_mode & 0777, 0600);
    cr_assert_eq(umask(before), 0, "the umask was not put back");
    mud_socket_claim_release(&claim);
    cr_assert_neq(stat(at.path, &found), 0);
    remove_scratch(&at);
}

Test(mud_socket_claim, is_refused_while_another_holds_it)
{
    scratch at = make_scratch();
    mud_socket_claim first;
    mud_socket_claim second;
    char pid[32];
    cr_assert_eq(mud_socket_claim_make(at.path, at.report, &first), MU_OK);
    cr_assert_eq(mud_socket_claim_make(at.path, at.report, &second), MU_EXISTS);
    snprintf(pid, sizeof pid, "already running, pid %d", (int)getpid());
    cr_assert_not_null(strstr(mu_report_at(at.report, 0)->message, pid));
    mud_socket_claim_release(&first);
    cr_assert_eq(mud_socket_claim_make(at.path, at.report, &second), MU_OK);
    mud_socket_claim_release(&second);
    remove_scratch(&at);
}

Test(mud_socket_claim, replaces_the_socket_of_a_dead_owner)
{
    scratch at = make_scratch();
    mud_socket_claim dead;
    mud_socket_claim next;
    cr_assert_eq(mud_socket_claim_make(at.path, at.report, &dead), MU_OK);
    close(dead.socket);
    close(dead.lock);
    cr_assert_eq(mud_socket_claim_make(at.path, at.report, &next), MU_OK);
    mud_socket_claim_release(&next);
    mu_free(dead.path);
    mu_free(dead.lock_path);
    remove_scratch(&at);
}

Test(mud_socket_claim, leaves_alone_what_it_does_not_own)
{
    scratch at = make_scratch();
    mud_socket_claim first;
    mud_socket_claim second;
    cr_assert_eq(mud_socket_claim_make(at.path, at.report, &first), MU_OK);
    /* Somebody deletes the lock: the socket still answers. */
    unlink(first.lock_path);
    cr_assert_eq(mud_socket_claim_make(at.path, at.report, &second), MU_EXISTS);
    mud_socket_claim_release(&first);
    /* A plain file in the socket's place. */
    int file = open(at.path, O_CREAT | O_WRONLY, 0600);
    close(file);
    cr_assert_eq(mud_socket_claim_make(at.path, at.report, &second), MU_EXISTS);
    cr_assert_eq(unlink(at.path), 0, "the file was deleted");
    remove_scratch(&at);
}

Test(mud_socket_claim, a_path_that_is_too_long_is_an_error)
{
    mud_socket_claim claim;
    mu_report *report = mu_report_new();
    char path[160] = "/tmp/";
    memset(path + 5, 'x', 120);
    cr_assert_eq(mud_socket_claim_make(path, report, &claim), MU_INVALID);
    mu_report_free(report);
}
