/* What is missing in a bundle that is to be loaded. The verifier could not say so: it sees what the
 * text form can express, where none of this can be left out. */
#include "irbuilder_nodes.h"

typedef struct checking {
    const irbuilder_bundle *bundle;
    mu_report *report;
    mu_status status;
} checking;

static void complain(checking *to, uint32_t number, const char *what)
{
    char text[IRBUILDER_TEXT_BYTES];
    irbuilder_describe(to->bundle, number, text);
    to->status = mu_report_add(to->report, MU_INVALID, (mu_location){0}, "%s %s", text, what);
}

static bool has_second_step(uint32_t row)
{
    switch (row + IRBUILDER_FIRST) {
    case MU_IRBUILDER_NEW_TYPE_UPTR:
    case MU_IRBUILDER_NEW_TYPE_UFUNCPTR:
    case MU_IRBUILDER_NEW_TYPE_REF:
    case MU_IRBUILDER_NEW_TYPE_IREF:
    case MU_IRBUILDER_NEW_TYPE_WEAKREF:
    case MU_IRBUILDER_NEW_TYPE_FUNCREF: return true;
    default: return false;
    }
}

static void complain_about_inst(checking *to, uint32_t number, const char *what, const char *part)
{
    const irbuilder_node *node = irbuilder_node_at(to->bundle, number);
    char text[IRBUILDER_TEXT_BYTES];
    irbuilder_describe(to->bundle, number, text);
    to->status = mu_report_add(to->report, MU_INVALID, (mu_location){0}, "%s is %s, and %s %s",
                               text, mu_ir_op_info_of((mu_ir_op)node->op)->word, what, part);
}

static void check_dests(checking *to, uint32_t number)
{
    const irbuilder_node *node = irbuilder_node_at(to->bundle, number);
    bool optional;
    const uint8_t *kinds = irbuilder_dests_of((mu_ir_op)node->op, &optional);
    if (!kinds || (optional && !node->dests)) {
        return;
    }
    for (; *kinds; kinds++) {
        if (!(node->dests >> *kinds & 1)) {
            complain_about_inst(to, number, "lacks its",
                                irbuilder_dest_name((irbuilder_dest)*kinds));
        }
    }
}

static void check_inst(checking *to, uint32_t number)
{
    const irbuilder_node *node = irbuilder_node_at(to->bundle, number);
    check_dests(to, number);
    if ((node->op == MU_OP_NEWTHREAD || node->op == MU_OP_SWAPSTACK) &&
        !node->clauses[CLAUSE_NEW_STACK]) {
        complain_about_inst(to, number, "lacks", "what the new stack gets: set_newstack_…");
    }
}

static void check_node(checking *to, uint32_t number)
{
    const irbuilder_node *node = irbuilder_node_at(to->bundle, number);
    if (node->is_loaded) {
        return;
    }
    switch ((irbuilder_kind)node->kind) {
    case NODE_TYPE:
        if (has_second_step(node->row) && !node->clauses[0]) {
            complain(to, number, "was made, but not completed by its set_type_… function");
        }
        break;
    case NODE_VERSION:
        if (!node->children.first) {
            complain(to, number, "has no basic block");
        }
        break;
    case NODE_BLOCK:
        if (!node->others.first) {
            complain(to, number, "has no instruction");
        }
        break;
    case NODE_INST: check_inst(to, number); break;
    default: break;
    }
}

mu_status irbuilder_check(const irbuilder_bundle *bundle, mu_report *report)
{
    checking to = {.bundle = bundle, .report = report};
    for (uint32_t i = 1; i < bundle->nodes.count; i++) {
        check_node(&to, i);
    }
    return to.status;
}
