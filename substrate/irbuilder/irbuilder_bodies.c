/* Function versions: blocks with their parameters and instructions, each in the order in which it
 * was added to what it belongs to, however the calls were interleaved. Variables are numbered
 * beforehand, so that a use before the definition is what the verifier finds. */
#include "irbuilder_nodes.h"

static irbuilder_node *at(const irbuilder_replay *replay, uint64_t number)
{
    return irbuilder_node_at(replay->from, number);
}

/* ---- numbers */

static void number_chain(const irbuilder_replay *replay, irbuilder_chain chain, uint32_t *variables)
{
    for (uint32_t each = chain.first; each; each = at(replay, each)->next) {
        at(replay, each)->number = (*variables)++;
    }
}

static void number_version(const irbuilder_replay *replay, const irbuilder_node *version)
{
    uint32_t variables = 0;
    uint32_t blocks = 0;
    for (uint32_t b = version->children.first; b; b = at(replay, b)->next) {
        irbuilder_node *block = at(replay, b);
        block->number = blocks++;
        number_chain(replay, block->children, &variables);
        if (block->clauses[0]) {
            at(replay, block->clauses[0])->number = variables++;
        }
        for (uint32_t i = block->others.first; i; i = at(replay, i)->next) {
            number_chain(replay, at(replay, i)->children, &variables);
        }
    }
}

/* ---- values and lists; the cursor goes behind them */

typedef struct body {
    irbuilder_replay *replay;
    uint32_t version; /* number of the node */
    mu_ir_inst *inst;
    const uint64_t *words;
} body;

static mu_ir_value value_of(const body *to, uint64_t number)
{
    irbuilder_node *node = at(to->replay, number);
    if (irbuilder_is_local(node)) {
        return mu_ir_builder_local(node->number);
    }
    if (node->value_version != to->version) {
        node->value = mu_ir_builder_global_value(to->replay->to, node->entity);
        node->value_version = to->version;
    }
    return node->value;
}

typedef void add_value_fn(mu_ir_builder *builder, mu_ir_value value);

static void add_values(body *to, add_value_fn *add)
{
    for (uint64_t count = *to->words++; count; count--) {
        add(to->replay->to, value_of(to, *to->words++));
    }
}

static void add_types(body *to)
{
    for (uint64_t count = *to->words++; count; count--) {
        mu_ir_builder_add_type(to->replay->to, irbuilder_type_at(to->replay, *to->words++));
    }
}

static void add_sigs(body *to)
{
    for (uint64_t count = *to->words++; count; count--) {
        mu_ir_builder_add_sig(to->replay->to, irbuilder_sig_at(to->replay, *to->words++));
    }
}

static void add_flags(body *to)
{
    uint64_t count = *to->words++;
    to->words += count;
    for (; count; count--) {
        mu_ir_builder_add_flag(to->replay->to, "#DEFAULT");
    }
}

/* ---- instructions */

static void add_threadlocal(body *to)
{
    uint64_t number = *to->words++;
    to->inst->has_threadlocal = number != 0;
    if (number) {
        mu_ir_builder_add_operand(to->replay->to, value_of(to, number));
    }
}

static void add_operand(body *to, char role)
{
    mu_ir_builder *builder = to->replay->to;
    mu_ir_inst *inst = to->inst;
    switch (role) {
    case 't': mu_ir_builder_add_type(builder, irbuilder_type_at(to->replay, *to->words++)); break;
    case 's': mu_ir_builder_add_sig(builder, irbuilder_sig_at(to->replay, *to->words++)); break;
    case 'v': mu_ir_builder_add_operand(builder, value_of(to, *to->words++)); break;
    case 'h': add_threadlocal(to); break;
    case 'T': add_types(to); break;
    case 'S': add_sigs(to); break;
    case 'V': add_values(to, mu_ir_builder_add_operand); break;
    case 'L': add_flags(to); break;
    case 'P': inst->is_ptr = *to->words++ != 0; break;
    case 'W': inst->is_weak = *to->words++ != 0; break;
    case 'o': inst->order = (uint8_t)*to->words++; break;
    case 'q': inst->order_fail = (uint8_t)*to->words++; break;
    case 'M': inst->rmw = (uint8_t)*to->words++; break;
    case 'O': inst->comminst = (mu_ir_comminst)*to->words++; break;
    case 'u': inst->literal = *to->words++; break;
    case 'F':
        mu_ir_builder_add_flag(builder, "#DEFAULT");
        to->words++;
        break;
    default: to->words++; break; /* 'B', 'C', 'Z': the operation */
    }
}

static void add_new_stack(body *to, const irbuilder_node *clause)
{
    to->words = clause->words;
    to->inst->pass_types_first = to->inst->types.count;
    if (clause->row + IRBUILDER_FIRST == MU_IRBUILDER_SET_NEWSTACK_THROW_EXC) {
        to->inst->throws_exc = true;
        mu_ir_builder_add_operand(to->replay->to, value_of(to, *to->words));
        return;
    }
    add_types(to);
    add_values(to, mu_ir_builder_add_operand);
}

/* The words of a destination: its kind or case, the block, the arguments. */
static void add_dest(body *to, const irbuilder_node *dest)
{
    to->words = dest->words + 1;
    mu_ir_builder_add_dest(to->replay->to, at(to->replay, *to->words++)->number, (mu_location){0});
    add_values(to, mu_ir_builder_add_dest_arg);
}

static bool is_case(const irbuilder_node *dest)
{
    return dest->row + IRBUILDER_FIRST == MU_IRBUILDER_ADD_SWITCH_DEST;
}

static void add_dest_of_kind(body *to, const irbuilder_node *node, irbuilder_dest kind)
{
    for (uint32_t d = node->others.first; d; d = at(to->replay, d)->next) {
        const irbuilder_node *dest = at(to->replay, d);
        if (!is_case(dest) && dest->words[0] == kind) {
            add_dest(to, dest);
            return;
        }
    }
}

static void add_dests(body *to, const irbuilder_node *node)
{
    bool optional;
    const uint8_t *kinds = irbuilder_dests_of((mu_ir_op)node->op, &optional);
    if (!node->dests) {
        return;
    }
    for (; *kinds; kinds++) {
        add_dest_of_kind(to, node, (irbuilder_dest)*kinds);
    }
    if (node->op == MU_OP_WATCHPOINT) {
        add_dest_of_kind(to, node, DEST_EXCEPT);
    }
    to->inst->has_exc = node->dests >> DEST_EXCEPT & 1;
    for (uint32_t d = node->op == MU_OP_SWITCH ? node->others.first : 0; d;
         d = at(to->replay, d)->next) {
        const irbuilder_node *dest = at(to->replay, d);
        if (is_case(dest)) {
            mu_ir_builder_add_case(to->replay->to, value_of(to, dest->words[0]));
            add_dest(to, dest);
        }
    }
}

static void replay_inst(body *to, const irbuilder_node *node)
{
    mu_ir_builder *builder = to->replay->to;
    mu_location where = {0};
    const char *name = irbuilder_next(to->replay, node);
    to->inst = mu_ir_builder_inst(builder, name, where);
    to->inst->op = (mu_ir_op)node->op;
    to->words = node->words;
    for (uint32_t r = node->children.first; r; r = at(to->replay, r)->next) {
        name = irbuilder_next(to->replay, at(to->replay, r));
        mu_ir_builder_result(builder, name, where);
    }
    for (const char *role = irbuilder_row_at(node->row)->roles + 1; *role; role++) {
        add_operand(to, *role);
    }
    to->inst->kills_old = node->row + IRBUILDER_FIRST == MU_IRBUILDER_NEW_SWAPSTACK_KILL;
    if (node->clauses[CLAUSE_NEW_STACK]) {
        add_new_stack(to, at(to->replay, node->clauses[CLAUSE_NEW_STACK]));
    }
    add_dests(to, node);
    if (node->clauses[CLAUSE_KEEPALIVES]) {
        to->words = at(to->replay, node->clauses[CLAUSE_KEEPALIVES])->words;
        add_values(to, mu_ir_builder_add_keepalive);
    }
}

/* ---- blocks */

static void replay_block(body *to, const irbuilder_node *block)
{
    irbuilder_replay *replay = to->replay;
    mu_location where = {0};
    const char *name = irbuilder_next(replay, block);
    mu_ir_builder_block(replay->to, name, where);
    for (uint32_t p = block->children.first; p; p = at(replay, p)->next) {
        const irbuilder_node *param = at(replay, p);
        name = irbuilder_next(replay, param);
        mu_ir_builder_param(replay->to, irbuilder_type_at(replay, param->words[0]), name, where);
    }
    if (block->clauses[0]) {
        name = irbuilder_next(replay, at(replay, block->clauses[0]));
        mu_ir_builder_exc_param(replay->to, name, where);
    }
    for (uint32_t i = block->others.first; i; i = at(replay, i)->next) {
        replay_inst(to, at(replay, i));
    }
}

mu_status irbuilder_replay_body(irbuilder_replay *replay, uint32_t number)
{
    const irbuilder_node *node = at(replay, number);
    mu_ir_version *version = (mu_ir_version *)node->entity;
    const irbuilder_node *func = at(replay, node->words[0]);
    /* The function's own signature may be filled in later than this version. */
    version->sig = func->is_loaded ? ((const mu_ir_func *)func->entity)->sig
                                   : irbuilder_sig_at(replay, func->words[0]);
    body to = {.replay = replay, .version = number};
    number_version(replay, node);
    mu_ir_builder_begin_body(replay->to, version);
    for (uint32_t b = node->children.first; b; b = at(replay, b)->next) {
        replay_block(&to, at(replay, b));
    }
    return mu_ir_builder_end_body(replay->to, replay->report);
}
