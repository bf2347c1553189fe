/* Instructions: follows the syntax string of the operation (ir_tables.h), a character a step. */
#include "ir_tables.h"
#include "text_parser.h"

#include <stdio.h>
#include <string.h>

const mu_ir_op_info *mu_ir_parser_op(const mu_ir_parser *parser, const mu_ir_token *token)
{
    if (token->kind != MU_IR_TOKEN_WORD) {
        return NULL;
    }
    return mu_map_get(parser->words, token->text, token->length);
}

/* ---------------------------------------------------------------------------------------- lists */

typedef void add_value_fn(mu_ir_builder *builder, mu_ir_value value);

static bool parse_values(mu_ir_parser *parser, add_value_fn *add, const char *before)
{
    if (!mu_ir_parser_expect(parser, '(', before)) {
        return false;
    }
    uint32_t count = 0;
    while (!mu_ir_parser_accept(parser, ')')) {
        mu_ir_value value;
        if (parser->token.kind != MU_IR_TOKEN_GLOBAL && parser->token.kind != MU_IR_TOKEN_LOCAL) {
            return mu_ir_parser_expected(parser, "a value's name or ')'");
        }
        if (count++ == MU_IR_LIST_MAX) {
            return mu_ir_parser_limit(parser, parser->token.where,
                                      "a list of over 1,048,576 values");
        }
        if (!mu_ir_parser_operand(parser, &value)) {
            return false;
        }
        add(parser->builder, value);
    }
    return true;
}

static bool parse_operand(mu_ir_parser *parser)
{
    mu_ir_value value;
    if (!mu_ir_parser_operand(parser, &value)) {
        return false;
    }
    mu_ir_builder_add_operand(parser->builder, value);
    return true;
}

static bool parse_type(mu_ir_parser *parser)
{
    mu_ir_entity *type;
    if (!mu_ir_parser_reference(parser, MU_IR_TYPE, &type)) {
        return false;
    }
    mu_ir_builder_add_type(parser->builder, (mu_ir_type *)type);
    return true;
}

static bool parse_sig(mu_ir_parser *parser)
{
    mu_ir_entity *sig;
    if (!mu_ir_parser_reference(parser, MU_IR_SIG, &sig)) {
        return false;
    }
    mu_ir_builder_add_sig(parser->builder, (mu_ir_sig *)sig);
    return true;
}

static bool parse_flag(mu_ir_parser *parser)
{
    mu_ir_token flag = parser->token;
    if (!mu_ir_parser_expect(parser, MU_IR_TOKEN_FLAG, "a flag such as #DEFAULT")) {
        return false;
    }
    mu_ir_builder_add_flag(parser->builder, mu_arena_string(mu_ir_builder_arena(parser->builder),
                                                            flag.text, flag.length));
    return true;
}

static bool parse_type_list(mu_ir_parser *parser)
{
    if (!mu_ir_parser_expect(parser, '<', "'<' before the list of types") ||
        !mu_ir_parser_types(parser, '>', "'>'")) {
        return false;
    }
    for (uint32_t i = 0; i < parser->types.count; i++) {
        mu_ir_builder_add_type(parser->builder, parser->types.items[i]);
    }
    return true;
}

/* --------------------------------------------------------------------------------- destinations */

static bool parse_dest(mu_ir_parser *parser)
{
    mu_ir_token name = parser->token;
    if (name.kind != MU_IR_TOKEN_GLOBAL && name.kind != MU_IR_TOKEN_LOCAL) {
        return mu_ir_parser_expected(parser, "the name of a basic block");
    }
    mu_ir_parser_advance(parser);
    mu_ir_symbol *symbol = mu_ir_parser_symbol(parser, &name, parser->version_name);
    bool known = symbol->label_serial == parser->version_serial;
    uint32_t dest = mu_ir_builder_add_dest(parser->builder, known ? symbol->block : 0, name.where);
    if (!known) {
        mu_ir_pending_dest pending = {.dest = dest, .symbol = symbol, .name = name};
        MU_ARRAY_PUSH(&parser->pending, pending);
    }
    bool outside = parser->in_operands;
    parser->in_operands = false;
    bool parsed = parse_values(parser, mu_ir_builder_add_dest_arg,
                               "'(' before the arguments of the destination");
    parser->in_operands = outside;
    return parsed;
}

static bool parse_exc_clause(mu_ir_parser *parser, mu_ir_inst *inst)
{
    if (!mu_ir_parser_accept_word(parser, "EXC")) {
        return true;
    }
    inst->has_exc = true;
    return mu_ir_parser_expect(parser, '(', "'(' behind EXC") && parse_dest(parser) &&
           parse_dest(parser) &&
           mu_ir_parser_expect(parser, ')', "')' behind the exceptional destination");
}

static bool parse_wpexc(mu_ir_parser *parser, mu_ir_inst *inst)
{
    if (!mu_ir_parser_accept_word(parser, "WPEXC")) {
        return true;
    }
    inst->has_exc = true;
    return mu_ir_parser_expect(parser, '(', "'(' behind WPEXC") && parse_dest(parser) &&
           mu_ir_parser_expect(parser, ')', "')' behind the exceptional destination");
}

static bool parse_keepalives(mu_ir_parser *parser)
{
    return !mu_ir_parser_accept_word(parser, "KEEPALIVE") ||
           parse_values(parser, mu_ir_builder_add_keepalive, "'(' behind KEEPALIVE");
}

static bool parse_cases(mu_ir_parser *parser)
{
    if (!mu_ir_parser_expect(parser, '{', "'{' before the cases")) {
        return false;
    }
    parser->in_cases = true;
    while (!mu_ir_parser_accept(parser, '}')) {
        mu_ir_value value;
        if (parser->token.kind != MU_IR_TOKEN_GLOBAL && parser->token.kind != MU_IR_TOKEN_LOCAL) {
            return mu_ir_parser_expected(parser, "a constant's name or '}'");
        }
        if (!mu_ir_parser_operand(parser, &value)) {
            return false;
        }
        mu_ir_builder_add_case(parser->builder, value);
        if (!parse_dest(parser)) {
            return false;
        }
    }
    parser->in_cases = false;
    return true;
}

/* ------------------------------------------------------------------------------- stacks, threads
 */

static bool parse_threadlocal(mu_ir_parser *parser, mu_ir_inst *inst)
{
    if (!mu_ir_parser_accept_word(parser, "THREADLOCAL")) {
        return true;
    }
    inst->has_threadlocal = true;
    return mu_ir_parser_expect(parser, '(', "'(' behind THREADLOCAL") && parse_operand(parser) &&
           mu_ir_parser_expect(parser, ')', "')' behind the thread-local reference");
}

static bool parse_current_stack(mu_ir_parser *parser, mu_ir_inst *inst)
{
    if (mu_ir_parser_accept_word(parser, "KILL_OLD")) {
        inst->kills_old = true;
        return true;
    }
    if (!mu_ir_parser_accept_word(parser, "RET_WITH")) {
        return mu_ir_parser_expected(parser, "RET_WITH <types> or KILL_OLD");
    }
    return parse_type_list(parser);
}

static bool parse_new_stack(mu_ir_parser *parser, mu_ir_inst *inst)
{
    inst->pass_types_first = inst->types.count;
    if (mu_ir_parser_accept_word(parser, "THROW_EXC")) {
        inst->throws_exc = true;
        return parse_operand(parser);
    }
    if (!mu_ir_parser_accept_word(parser, "PASS_VALUES")) {
        return mu_ir_parser_expected(parser, "PASS_VALUES <types> (values) or THROW_EXC value");
    }
    return parse_type_list(parser) &&
           parse_values(parser, mu_ir_builder_add_operand, "'(' before the values passed");
}

/* ------------------------------------------------------------------------------------- COMMINST */

/* Is the '(' here the result list of the next instruction? */
static bool results_follow(const mu_ir_parser *parser)
{
    mu_ir_lexer lexer = parser->lexer;
    mu_ir_token token = parser->ahead;
    while (token.kind == MU_IR_TOKEN_GLOBAL || token.kind == MU_IR_TOKEN_LOCAL) {
        token = mu_ir_lexer_next(&lexer);
    }
    return token.kind == ')' && mu_ir_lexer_next(&lexer).kind == '=';
}

static bool parse_comminst_lists(mu_ir_parser *parser)
{
    if (parser->token.kind == '[' &&
        (parser->ahead.kind == MU_IR_TOKEN_FLAG || parser->ahead.kind == ']')) {
        mu_ir_parser_advance(parser);
        while (!mu_ir_parser_accept(parser, ']')) {
            if (!parse_flag(parser)) {
                return false;
            }
        }
    }
    if (parser->token.kind == '<' && !parse_type_list(parser)) {
        return false;
    }
    if (mu_ir_parser_accept(parser, MU_IR_TOKEN_SIGS)) {
        while (!mu_ir_parser_accept(parser, MU_IR_TOKEN_SIGS_END)) {
            if (!parse_sig(parser)) {
                return false;
            }
        }
    }
    if (parser->token.kind == '(' && !results_follow(parser)) {
        return parse_values(parser, mu_ir_builder_add_operand, "'('");
    }
    return true;
}

static bool parse_comminst(mu_ir_parser *parser, mu_ir_inst *inst)
{
    mu_ir_token name = parser->token;
    if (!mu_ir_parser_expect(parser, MU_IR_TOKEN_GLOBAL, "the name of a common instruction")) {
        return false;
    }
    if (!mu_ir_comminst_find(name.text, name.length, &inst->comminst)) {
        mu_ir_parser_error(parser, name.where, "unknown common instruction %.*s",
                           name.length < 60 ? (int)name.length : 60, name.text);
    }
    return parse_comminst_lists(parser);
}

/* --------------------------------------------------------------------------------------- orders */

static bool parse_order(mu_ir_parser *parser, uint8_t *out)
{
    uint32_t order;
    if (parser->token.kind != MU_IR_TOKEN_WORD ||
        !mu_ir_order_find(parser->token.text, parser->token.length, &order)) {
        return mu_ir_parser_expected(parser, "a memory order (RELAXED, ACQUIRE, SEQ_CST, …)");
    }
    *out = (uint8_t)order;
    mu_ir_parser_advance(parser);
    return true;
}

static bool parse_rmw(mu_ir_parser *parser, mu_ir_inst *inst)
{
    uint32_t rmw;
    if (parser->token.kind != MU_IR_TOKEN_WORD ||
        !mu_ir_rmw_find(parser->token.text, parser->token.length, &rmw)) {
        return mu_ir_parser_expected(parser, "an operator of ATOMICRMW (XCHG, ADD, UMIN, …)");
    }
    inst->rmw = (uint8_t)rmw;
    mu_ir_parser_advance(parser);
    return true;
}

static bool parse_literal(mu_ir_parser *parser, mu_ir_inst *inst)
{
    bool field = inst->op != MU_OP_WATCHPOINT && inst->op != MU_OP_WPBRANCH;
    return mu_ir_parser_number(parser, field ? "the field's index" : "the watchpoint's id",
                               UINT32_MAX, &inst->literal);
}

static bool parse_ret(mu_ir_parser *parser)
{
    if (parser->token.kind == '(') {
        return parse_values(parser, mu_ir_builder_add_operand, "'('");
    }
    if (parser->token.kind != MU_IR_TOKEN_GLOBAL && parser->token.kind != MU_IR_TOKEN_LOCAL) {
        return mu_ir_parser_expected(parser, "a value or '(' before the values returned");
    }
    return parse_operand(parser);
}

/* ---------------------------------------------------------------------------------------- steps */

static bool parse_bracket(mu_ir_parser *parser, char bracket, const char *word)
{
    char wanted[64];
    if (parser->token.kind == bracket) {
        mu_ir_parser_advance(parser);
        return true;
    }
    snprintf(wanted, sizeof wanted,
             bracket == '<' ? "'<' before the types of %s" : "'>' behind the types of %s", word);
    return mu_ir_parser_expected(parser, wanted);
}

static bool takes_value(mu_ir_op op)
{
    return op == MU_OP_INSERTVALUE || op == MU_OP_INSERTELEMENT;
}

static bool parse_memory_step(mu_ir_parser *parser, mu_ir_inst *inst, char step)
{
    switch (step) {
    case 'P': inst->is_ptr = mu_ir_parser_accept_word(parser, "PTR"); return true;
    case 'W': inst->is_weak = mu_ir_parser_accept_word(parser, "WEAK"); return true;
    case 'o': return parser->token.kind == '<' || parse_order(parser, &inst->order);
    case 'O': return parse_order(parser, &inst->order);
    case 'f': return parse_order(parser, &inst->order_fail);
    default: return parse_rmw(parser, inst);
    }
}

static bool parse_step(mu_ir_parser *parser, mu_ir_inst *inst, char step)
{
    switch (step) {
    case '<':
    case '>': return parse_bracket(parser, step, mu_ir_op_info_of(inst->op)->word);
    case 'T': return parse_type(parser);
    case 'S': return parse_sig(parser);
    case 'I': return parse_literal(parser, inst);
    case 'v': return parse_operand(parser);
    case 'n': return !takes_value(inst->op) || parse_operand(parser);
    case 'a': return parse_values(parser, mu_ir_builder_add_operand, "'(' before the arguments");
    case 'r': return parse_ret(parser);
    case 'd': return parse_dest(parser);
    case 'C': return parse_cases(parser);
    case 'e': return parse_exc_clause(parser, inst);
    case 'k': return parse_keepalives(parser);
    case 'X': return parse_wpexc(parser, inst);
    case 'L': return parse_type_list(parser);
    case 'F': return parse_flag(parser);
    case 'H': return parse_threadlocal(parser, inst);
    case 'B': return parse_current_stack(parser, inst);
    case 'N': return parse_new_stack(parser, inst);
    case 'c': return parse_comminst(parser, inst);
    default: return parse_memory_step(parser, inst, step);
    }
}

bool mu_ir_parse_inst(mu_ir_parser *parser, mu_ir_inst *inst)
{
    const mu_ir_op_info *info = mu_ir_parser_op(parser, &parser->token);
    if (!info) {
        return mu_ir_parser_expected(parser, "an instruction");
    }
    inst->op = (mu_ir_op)(info - mu_ir_op_info_of((mu_ir_op)0));
    mu_ir_parser_advance(parser);
    parser->in_operands = true;
    bool parsed = true;
    for (const char *step = mu_ir_syntax_of(inst->op); *step && parsed; step++) {
        parsed = parse_step(parser, inst, *step);
    }
    parser->in_operands = false;
    return parsed;
}
