#include "mu_base.h"

#include <criterion/criterion.h>
#include <string.h>

static const mu_location nowhere = {0, 0};

Test(mu_base, report_keeps_file_place_status_and_words)
{
    char file[] = "a.uir";
    mu_report *report = mu_report_new();
    mu_report_set_file(report, file);
    file[0] = 'x';
    mu_location where = {.line = 3, .column = 14};
    cr_assert_eq(mu_report_add(report, MU_INVALID, where, "%s is not defined", "@x"), MU_INVALID);
    cr_assert_eq(mu_report_count(report), 1);
    const mu_report_entry *entry = mu_report_at(report, 0);
    cr_assert_eq(entry->status, MU_INVALID);
    cr_assert_eq(entry->where.line, 3);
    cr_assert_eq(entry->where.column, 14);
    cr_assert_str_eq(entry->file, "a.uir");
    cr_assert_str_eq(entry->message, "@x is not defined");
    mu_report_free(report);
}

Test(mu_base, report_text_has_a_line_for_each_entry)
{
    mu_report *report = mu_report_new();
    (void)mu_report_add(report, MU_LIMIT, nowhere, "too long");
    mu_report_set_file(report, "b.uir");
    (void)mu_report_add(report, MU_LIMIT, nowhere, "too deep");
    (void)mu_report_add(report, MU_INVALID, (mu_location){.line = 2, .column = 5}, "no such type");
    char *text = mu_report_text(report);
    cr_assert_str_eq(text, "too long\nb.uir: too deep\nb.uir:2:5: no such type\n");
    mu_free(text);
    mu_report_free(report);
}

Test(mu_base, report_counts_what_it_does_not_keep)
{
    mu_report *report = mu_report_new();
    for (uint32_t i = 0; i < MU_REPORT_MAX + 23; i++) {
        (void)mu_report_add(report, MU_INVALID, nowhere, "entry %u", i);
    }
    cr_assert_eq(mu_report_count(report), MU_REPORT_MAX);
    cr_assert_eq(mu_report_total(report), MU_REPORT_MAX + 23);
    char *text = mu_report_text(report);
    cr_assert_str_eq(text + strlen(text) - strlen("entry 99\nand 23 more\n"),
                     "entry 99\nand 23 more\n");
    mu_free(text);
    mu_report_free(report);
}

Test(mu_base, report_cuts_a_message_that_is_too_long)
{
    mu_report *report = mu_report_new();
    (void)mu_report_add(report, MU_INVALID, nowhere, "%*d", 100000, 1);
    size_t length = strlen(mu_report_at(report, 0)->message);
    cr_assert_gt(length, 500);
    cr_assert_lt(length, 10000);
    mu_report_free(report);
}

Test(mu_base, report_may_be_absent)
{
    cr_assert_eq(mu_report_add(NULL, MU_NOT_FOUND, nowhere, "nobody reads this"), MU_NOT_FOUND);
    mu_report_set_file(NULL, "c.uir");
    mu_report_free(NULL);
}
