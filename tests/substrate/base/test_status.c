#include "mu_base.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

Test(mu_base, every_status_has_a_name_and_words_of_its_own)
{
    for (int i = MU_OK; i <= MU_SYSTEM; i++) {
        cr_assert_str_neq(mu_status_name((mu_status)i), "?");
        cr_assert_str_neq(mu_status_text((mu_status)i), "?");
        for (int j = MU_OK; j < i; j++) {
            cr_assert_str_neq(mu_status_name((mu_status)i), mu_status_name((mu_status)j));
            cr_assert_str_neq(mu_status_text((mu_status)i), mu_status_text((mu_status)j));
        }
    }
    cr_assert_str_eq(mu_status_name(MU_NO_MEMORY), "NO_MEMORY");
    cr_assert_str_eq(mu_status_name((mu_status)(MU_SYSTEM + 1)), "?");
    cr_assert_str_eq(mu_status_text((mu_status)1000), "?");
}

static mu_status second_fails(int *done_count, mu_status first, mu_status second)
{
    mu_status status = MU_OK;
    MU_TRY(first);
    MU_TRY(second);
    *done_count += 100;
done:
    *done_count += 1;
    return status;
}

Test(mu_base, try_goes_to_done_with_the_first_failure)
{
    int done_count = 0;
    cr_assert_eq(second_fails(&done_count, MU_OK, MU_LIMIT), MU_LIMIT);
    cr_assert_eq(done_count, 1);
    cr_assert_eq(second_fails(&done_count, MU_STATE, MU_LIMIT), MU_STATE);
    cr_assert_eq(done_count, 2);
    cr_assert_eq(second_fails(&done_count, MU_OK, MU_OK), MU_OK);
    cr_assert_eq(done_count, 103);
}

/* In a child of our own, whose words are read from a pipe. */
Test(mu_base, a_broken_invariant_says_its_condition_and_values_and_aborts)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        int slots = 3;
        MU_INVARIANT(slots == 4, "there are %d slots", slots);
        _exit(0);
    }
    close(ends[1]);
    char said[1024] = "";
    size_t length = 0;
    ssize_t count;
    while ((count = read(ends[0], said + length, sizeof said - 1 - length)) > 0) {
        length += (size_t)count;
    }
    close(ends[0]);
    int how;
    cr_assert_eq(waitpid(child, &how, 0), child);
    cr_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
    cr_assert_not_null(strstr(said, "slots == 4"));
    cr_assert_not_null(strstr(said, "there are 3 slots"));
    cr_assert_not_null(strstr(said, "test_status.c:"));
}
