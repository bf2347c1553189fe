/* The client's table of operations is a mirror of the daemon's. Only a test can see both. */
#include "muapi_calls.h"
#include <criterion/criterion.h>
#include <string.h>

typedef struct daemon_row {
    uint32_t op;
    const char *name;
    const char *operands;
    char result;
} daemon_row;

static const daemon_row daemon_rows[] = {
#define MU_CONTEXT(enum_name, number, name, operands, result) {number, name, operands, result},
#include "mu_context_ops.def"
#undef MU_CONTEXT
#define MU_IRBUILDER(enum_name, number, name, operands, result) {number, name, operands, result},
#include "mu_irbuilder_ops.def"
#undef MU_IRBUILDER
};

enum { DAEMON_ROWS = sizeof daemon_rows / sizeof daemon_rows[0] };

static const muclient_mu_row *row_of(uint32_t op)
{
    for (size_t i = 0; i < MUCLIENT_MU_ROWS; i++) {
        if (muclient_mu_rows[i].op == op) {
            return &muclient_mu_rows[i];
        }
    }
    return NULL;
}

Test(muapi, operations_are_those_of_the_daemon)
{
    size_t found = 0;
    for (size_t i = 0; i < DAEMON_ROWS; i++) {
        const daemon_row *theirs = &daemon_rows[i];
        const muclient_mu_row *ours = row_of(theirs->op);
        if (strcmp(theirs->name, "load_bundle") == 0 || strcmp(theirs->name, "load_hail") == 0) {
            cr_assert_null(ours, "texts are uploaded");
            continue;
        }
        cr_assert_not_null(ours, "%s", theirs->name);
        cr_expect_str_eq(ours->name, theirs->name);
        cr_expect_str_eq(ours->operands, theirs->operands, "%s: %s, not %s", ours->name,
                         ours->operands, theirs->operands);
        cr_expect_eq(ours->result, theirs->result, "%s", ours->name);
        found++;
    }
    cr_assert_eq(found, MUCLIENT_MU_ROWS);
}

/* Common instructions have the numbers of the IR. */
#define MU_COMMINST(name, number, text)                                                            \
    _Static_assert(MU_CI_UVM_##name == (number), "a common instruction's number: " text);
#define MU_COMMINST_OWN(name, number, text)                                                        \
    _Static_assert(MU_CI_MUD_##name == (number), "a common instruction's number: " text);
#include "mu_comminsts.def"
#undef MU_COMMINST
#define MU_IRBUILDER(enum_name, number, name, operands, result)                                    \
    _Static_assert(MU_CI_UVM_IRBUILDER_##enum_name == (number), "the IR builder's "                \
                                                                "numbers: " name);
#include "mu_irbuilder_ops.def"
#undef MU_IRBUILDER
