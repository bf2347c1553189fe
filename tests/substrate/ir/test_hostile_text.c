/* Texts made to hurt: they must come back with an answer, soon, and leave nothing behind. */
#include "ir_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of this process alone: the machine may be busy with other things. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void expect_refused(const char *text, size_t length)
{
    double start = seconds();
    mu_status status = parse_status(NULL, text, length);
    cr_assert(status == MU_INVALID || status == MU_LIMIT);
    cr_assert_lt(seconds() - start, 20.0);
}

#define HEAD                                                                                       \
    ".typedef @i64 = int<64> .funcsig @s = () -> () .const @c <@i64> = 1\n"                        \
    ".funcdef @f VERSION %v <@s> { %e(): "

static char *filled(const char *head, char filler, size_t count, size_t *length)
{
    *length = strlen(head) + count;
    char *text = malloc(*length + 1);
    memcpy(text, head, strlen(head));
    memset(text + strlen(head), filler, count);
    text[*length] = '\0';
    return text;
}

Test(mu_ir_hostile, a_megabyte_of_one_character)
{
    static const char *const heads[] = {"",
                                        HEAD,
                                        HEAD "RET ",
                                        HEAD "%x = CALL <@s> @f ",
                                        HEAD "COMMINST @uvm.thread_exit ",
                                        ".typedef @x = struct<",
                                        ".const @x <@y> = "};
    static const char fillers[] = "([{<>)]}=:@%#-+.\x80\x01/\n\"eR0";
    for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
        for (const char *filler = fillers; *filler; filler++) {
            size_t length;
            char *text = filled(heads[h], *filler, 100000, &length);
            double start = seconds();
            parse_status(NULL, text, length);
            cr_assert_lt(seconds() - start, 20.0, "'%c' after \"%s\"", *filler, heads[h]);
            free(text);
        }
    }
    size_t length;
    char *text = filled("", '(', 1000000, &length);
    expect_refused(text, length);
    free(text);
}

static char *repeated(const char *head, const char *piece, size_t times)
{
    size_t head_length = strlen(head);
    size_t piece_length = strlen(piece);
    char *text = malloc(head_length + piece_length * times + 1);
    memcpy(text, head, head_length);
    for (size_t i = 0; i < times; i++) {
        memcpy(text + head_length + i * piece_length, piece, piece_length);
    }
    text[head_length + piece_length * times] = '\0';
    return text;
}

Test(mu_ir_hostile, repetition_of_broken_pieces)
{
    static const char *const pieces[] = {
        "%a (%b ",   "(%a %b ", "[%x] ",    "COMMINST @uvm.thread_exit (%a ",
        "%e(): ",    "%x = ",   "RET ",     "SWITCH <@i64> @c %e() { ",
        ".typedef ", "EXC(",    "%q() [%x", ".funcdef @f VERSION %v <@s> {"};
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        char *text = repeated(HEAD, pieces[p], 50000);
        expect_refused(text, strlen(text));
        free(text);
    }
}

Test(mu_ir_hostile, every_prefix_of_a_bundle)
{
    size_t whole = strlen(every_form);
    mu_ir_env *root = mu_ir_env_new_root();
    for (size_t length = 0; length < whole; length++) {
        /* A copy of its own, so that a sanitizer sees a read past the end. */
        char *text = malloc(length + 1);
        memcpy(text, every_form, length);
        char *tight = realloc(text, length ? length : 1);
        mu_status status = parse_status(root, tight, length);
        cr_assert(status == MU_OK || status == MU_INVALID);
        free(tight);
    }
    cr_assert_eq(parse_status(root, every_form, whole), MU_OK);
    unload(root);
}

Test(mu_ir_hostile, random_bytes)
{
    srand(7);
    char text[500];
    for (int round = 0; round < 2000; round++) {
        size_t length = (size_t)rand() % sizeof text;
        for (size_t i = 0; i < length; i++) {
            text[i] = (char)rand();
        }
        parse_status(NULL, text, length);
    }
}

Test(mu_ir_hostile, random_changes_of_a_bundle)
{
    srand(8);
    size_t length = strlen(every_form);
    char *text = malloc(length);
    mu_ir_env *root = mu_ir_env_new_root();
    for (int round = 0; round < 3000; round++) {
        memcpy(text, every_form, length);
        for (int change = rand() % 8; change >= 0; change--) {
            size_t at = (size_t)rand() % (length - 40);
            size_t from = (size_t)rand() % (length - 40);
            if (rand() % 2) {
                text[at] = every_form[from];
            } else {
                memmove(text + at, every_form + from, (size_t)rand() % 40);
            }
        }
        mu_status status = parse_status(root, text, length);
        cr_assert(status == MU_OK || status == MU_INVALID || status == MU_LIMIT);
    }
    unload(root);
    free(text);
}

Test(mu_ir_hostile, long_names_of_many_locals_do_not_multiply)
{
    size_t length;
    char *name = filled("", 'n', 4000, &length);
    size_t room = 20u << 20;
    char *text = malloc(room);
    size_t used = (size_t)snprintf(text, room,
                                   ".typedef @i = int<8> .funcsig @s = () -> ()\n"
                                   ".funcdef @%s VERSION %%v <@s> { %%e(",
                                   name);
    for (int i = 0; i < 100000; i++) {
        used += (size_t)snprintf(text + used, room - used, "<@i>%%%x", (unsigned)i);
    }
    used += (size_t)snprintf(text + used, room - used, "): RET () }");
    cr_assert_eq(parse_status(NULL, text, used), MU_LIMIT);
    free(text);
    free(name);
}

Test(mu_ir_hostile, a_text_beyond_the_limit_is_not_read)
{
    cr_assert_eq(parse_status(NULL, "", (64u << 20) + 1), MU_LIMIT);
}

Test(mu_ir_hostile, a_large_bundle_takes_linear_time)
{
    size_t room = 30u << 20;
    char *text = malloc(room);
    size_t used = (size_t)snprintf(text, room, "%s", HEAD);
    for (int i = 0; i < 300000; i++) {
        used += (size_t)snprintf(text + used, room - used, "%%x%d = ADD <@i64> @c @c\n", i);
    }
    used += (size_t)snprintf(text + used, room - used, "RET () }");
    double start = seconds();
    cr_assert_eq(parse_status(NULL, text, used), MU_OK);
    cr_assert_lt(seconds() - start, 20.0);
    free(text);
}
