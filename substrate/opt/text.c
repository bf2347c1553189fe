#include "graph.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct printer {
    MU_ARRAY(char) text;
} printer;

static void put(printer *p, const char *format, ...) MU_PRINTF(2, 3);
static void put(printer *p, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (int i = 0; i < length && i < (int)sizeof line - 1; i++) {
        MU_ARRAY_PUSH(&p->text, line[i]);
    }
}

static const char *const kinds[] = {"", "i", "r", "t", "f", "d"};
static const char *const conds[] = {"eq",  "ne",  "slt", "sle", "sgt",
                                    "sge", "ult", "ule", "ugt", "uge"};

static void put_node(printer *p, const mu_opt_graph *g, uint32_t index)
{
    const mu_opt_node *n = opt_node(g, index);
    put(p, "    ");
    if (n->kind != MU_OPT_VOID) {
        put(p, "%s%u = ", kinds[n->kind], index);
    }
    put(p, "%s", mu_opt_op_name(n->op));
    if (n->op == MU_OPT_CMP) {
        put(p, " %s", conds[n->cond]);
    }
    put(p, ".%u", n->width);
    for (uint32_t i = 0; i < n->input_count; i++) {
        const mu_opt_node *input = opt_node(g, n->inputs[i]);
        if (input->op == MU_OPT_CONST) {
            put(p, " %lld", (long long)input->imm);
        } else {
            put(p, " %s%u", kinds[input->kind], n->inputs[i]);
        }
    }
    if (n->imm) {
        put(p, " #%lld", (long long)n->imm);
    }
    put(p, "\n");
}

char *mu_opt_text(const mu_opt_graph *g)
{
    printer p = {0};
    uint32_t count = g->order.count ? g->order.count : g->blocks.count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = g->order.count ? g->order.items[i] : i;
        const mu_opt_block *block = opt_block(g, index);
        put(&p, "b%u:%s", index, block->is_landing ? " landing" : "");
        for (uint32_t k = 0; k < block->preds.count; k++) {
            put(&p, "%s b%u", k ? "" : " from", block->preds.items[k]);
        }
        put(&p, "\n");
        for (uint32_t k = 0; k < block->phis.count; k++) {
            put_node(&p, g, block->phis.items[k]);
        }
        for (uint32_t k = 0; k < block->nodes.count; k++) {
            put_node(&p, g, block->nodes.items[k]);
        }
        for (uint32_t k = 0; k < block->succs.count; k++) {
            put(&p, "%sb%u", k ? " " : "    -> ", block->succs.items[k]);
        }
        put(&p, "%s", block->succs.count ? "\n" : "");
    }
    MU_ARRAY_PUSH(&p.text, '\0');
    return p.text.items;
}
