/* Bodies of functions: blocks, labels, and finding the way again after an error. */
#include "text_parser.h"

#include <string.h>

static bool is_name(const mu_ir_token *token)
{
    return token->kind == MU_IR_TOKEN_GLOBAL || token->kind == MU_IR_TOKEN_LOCAL;
}

static bool at_body_end(const mu_ir_parser *parser)
{
    return parser->token.kind == MU_IR_TOKEN_END || parser->token.kind == '}' ||
           mu_ir_is_top_level(&parser->token);
}

/* -------------------------------------------------------------------------------------- recovery
 */

/* Tokens from the present one on, without moving the parser. */
typedef struct lookahead {
    mu_ir_lexer lexer;
    mu_ir_token token;
    mu_ir_token ahead;
} lookahead;

static lookahead scout_from(const mu_ir_parser *parser)
{
    return (lookahead){.lexer = parser->lexer, .token = parser->token, .ahead = parser->ahead};
}

static void step(lookahead *scout)
{
    scout->token = scout->ahead;
    scout->ahead = mu_ir_lexer_next(&scout->lexer);
}

static bool step_if(lookahead *scout, int kind)
{
    if (scout->token.kind != kind) {
        return false;
    }
    step(scout);
    return true;
}

static bool step_name(lookahead *scout)
{
    if (!is_name(&scout->token)) {
        return false;
    }
    step(scout);
    return true;
}

/* "name(<", "name():" or "name()[name]:"; a destination's arguments have no types and no colon. */
static bool looks_like_label(lookahead ahead)
{
    if (!step_name(&ahead) || !step_if(&ahead, '(')) {
        return false;
    }
    if (ahead.token.kind == '<') {
        return true;
    }
    if (!step_if(&ahead, ')')) {
        return false;
    }
    if (step_if(&ahead, '[') && (!step_name(&ahead) || !step_if(&ahead, ']'))) {
        return false;
    }
    return ahead.token.kind == ':';
}

static bool looks_like_inst(const mu_ir_parser *parser)
{
    lookahead ahead = scout_from(parser);
    if (mu_ir_parser_op(parser, &ahead.token)) {
        return true;
    }
    if (step_if(&ahead, '(')) {
        /* Bounded, for a long list here is met once for each of its names while recovering. */
        for (int i = 0; i < 16 && step_name(&ahead);) {
            i++;
        }
        return step_if(&ahead, ')') && ahead.token.kind == '=';
    }
    if (step_if(&ahead, '[')) {
        return step_name(&ahead) && step_if(&ahead, ']') && mu_ir_parser_op(parser, &ahead.token);
    }
    return step_name(&ahead) && ahead.token.kind == '=';
}

void mu_ir_parser_recover(mu_ir_parser *parser)
{
    for (;; mu_ir_parser_advance(parser)) {
        if (parser->token.kind == '}' && parser->in_cases) {
            parser->in_cases = false;
        } else if (at_body_end(parser) || looks_like_inst(parser) ||
                   looks_like_label(scout_from(parser))) {
            parser->in_cases = false;
            return;
        }
    }
}

/* ---------------------------------------------------------------------------------------- labels
 */

static void define_variable(mu_ir_parser *parser, const mu_ir_token *name, uint32_t variable)
{
    mu_ir_symbol *symbol = mu_ir_parser_symbol(parser, name, parser->block_name);
    if (symbol->block_serial == parser->block_serial) {
        return; /* a duplicate, which is reported when the body ends */
    }
    symbol->version_serial = parser->version_serial;
    symbol->block_serial = parser->block_serial;
    symbol->variable = variable;
}

/* The global name of something in `parent`; NULL, too, where the parent itself lacks one because
 * its own name was in error. */
static const char *name_in(mu_ir_parser *parser, const mu_ir_token *name, const char *parent)
{
    return parent ? mu_ir_parser_global_name(parser, name, parent) : NULL;
}

static bool parse_params(mu_ir_parser *parser)
{
    uint32_t count = 0;
    while (!mu_ir_parser_accept(parser, ')')) {
        mu_ir_entity *type;
        if (count++ == MU_IR_LIST_MAX) {
            return mu_ir_parser_limit(parser, parser->token.where, "over 1,048,576 parameters");
        }
        if (!mu_ir_parser_expect(parser, '<', "'<' before the type of the parameter, or ')'") ||
            !mu_ir_parser_reference(parser, MU_IR_TYPE, &type) ||
            !mu_ir_parser_expect(parser, '>', "'>' behind the type of the parameter")) {
            return false;
        }
        mu_ir_token name = parser->token;
        if (!is_name(&name)) {
            return mu_ir_parser_expected(parser, "the name of the parameter");
        }
        mu_ir_parser_advance(parser);
        uint32_t variable =
            mu_ir_builder_param(parser->builder, (mu_ir_type *)type,
                                name_in(parser, &name, parser->block_name), name.where);
        define_variable(parser, &name, variable);
    }
    return true;
}

static bool parse_exc_param(mu_ir_parser *parser)
{
    if (!mu_ir_parser_accept(parser, '[')) {
        return true;
    }
    mu_ir_token name = parser->token;
    if (!is_name(&name)) {
        return mu_ir_parser_expected(parser, "the name of the exception parameter");
    }
    mu_ir_parser_advance(parser);
    uint32_t variable = mu_ir_builder_exc_param(
        parser->builder, name_in(parser, &name, parser->block_name), name.where);
    define_variable(parser, &name, variable);
    return mu_ir_parser_expect(parser, ']', "']' behind the exception parameter");
}

static void define_label(mu_ir_parser *parser, const mu_ir_token *name, uint32_t block)
{
    mu_ir_symbol *symbol = mu_ir_parser_symbol(parser, name, parser->version_name);
    symbol->label_serial = parser->version_serial;
    symbol->block = block;
}

static bool parse_label(mu_ir_parser *parser)
{
    mu_ir_token name = parser->token;
    parser->block_serial++;
    parser->block_damaged = false;
    if (!is_name(&name) || parser->ahead.kind != '(') {
        parser->block_damaged = true;
        parser->block_name = NULL;
        mu_ir_builder_block(parser->builder, NULL, name.where);
        return mu_ir_parser_expected(parser, "a label: name ( parameters ) :");
    }
    parser->block_name = name_in(parser, &name, parser->version_name);
    uint32_t block = mu_ir_builder_block(parser->builder, parser->block_name, name.where);
    define_label(parser, &name, block);
    mu_ir_parser_advance(parser);
    mu_ir_parser_advance(parser);
    if (parse_params(parser) && parse_exc_param(parser) &&
        mu_ir_parser_expect(parser, ':', "':' behind the label")) {
        return true;
    }
    parser->block_damaged = true;
    return false;
}

/* ---------------------------------------------------------------------------------- instructions
 */

static bool parse_results(mu_ir_parser *parser)
{
    parser->results.count = 0;
    if (is_name(&parser->token)) {
        MU_ARRAY_PUSH(&parser->results, parser->token);
        mu_ir_parser_advance(parser);
    } else if (mu_ir_parser_accept(parser, '(')) {
        while (is_name(&parser->token)) {
            if (parser->results.count == MU_IR_LIST_MAX) {
                return mu_ir_parser_limit(parser, parser->token.where, "over 1,048,576 results");
            }
            MU_ARRAY_PUSH(&parser->results, parser->token);
            mu_ir_parser_advance(parser);
        }
        if (!mu_ir_parser_expect(parser, ')', "the name of a result or ')'")) {
            return false;
        }
    } else {
        return true;
    }
    return mu_ir_parser_expect(parser, '=', "'=' behind the results");
}

static bool parse_instruction(mu_ir_parser *parser)
{
    bool have_results = parse_results(parser);
    mu_ir_token name = {.kind = MU_IR_TOKEN_END};
    bool have_name = have_results;
    if (have_results && mu_ir_parser_accept(parser, '[')) {
        name = parser->token;
        have_name = is_name(&name);
        if (have_name) {
            mu_ir_parser_advance(parser);
            have_name = mu_ir_parser_expect(parser, ']', "']' behind the instruction's name");
        } else {
            mu_ir_parser_expected(parser, "the name of the instruction");
        }
    }
    /* Results are defined in any case, so that their uses are no errors of their own. */
    mu_location where = parser->token.where;
    mu_ir_inst *inst = mu_ir_builder_inst(
        parser->builder, is_name(&name) ? name_in(parser, &name, parser->block_name) : NULL, where);
    parser->inst_first_result = inst->results.first;
    for (uint32_t i = 0; i < parser->results.count; i++) {
        const mu_ir_token *result = &parser->results.items[i];
        uint32_t variable = mu_ir_builder_result(
            parser->builder, name_in(parser, result, parser->block_name), result->where);
        define_variable(parser, result, variable);
    }
    return have_name && mu_ir_parse_inst(parser, inst);
}

/* One label and its instructions. */
static void parse_block(mu_ir_parser *parser)
{
    mu_location where = parser->token.where;
    if (!parse_label(parser)) {
        mu_ir_parser_recover(parser);
    }
    bool empty = !parser->block_damaged;
    while (!at_body_end(parser) && parser->status != MU_LIMIT) {
        if (is_name(&parser->token) && parser->ahead.kind == '(') {
            break;
        }
        empty = false;
        if (!parse_instruction(parser)) {
            mu_ir_parser_recover(parser);
        }
        mu_ir_parser_check_limits(parser);
    }
    if (empty) {
        mu_ir_parser_error(parser, where, "the block has no instruction");
    }
}

static void resolve_dests(mu_ir_parser *parser)
{
    for (uint32_t i = 0; i < parser->pending.count; i++) {
        mu_ir_pending_dest *each = &parser->pending.items[i];
        if (each->symbol->label_serial == parser->version_serial) {
            mu_ir_builder_set_dest_block(parser->builder, each->dest, each->symbol->block);
            continue;
        }
        mu_ir_entity *entity = NULL;
        if (each->name.kind == MU_IR_TOKEN_GLOBAL) {
            mu_ir_symbol *plain = mu_ir_parser_symbol(parser, &each->name, NULL);
            entity = mu_ir_parser_resolve(parser, plain, &each->name);
        }
        if (entity) {
            mu_ir_parser_wrong_kind(parser, &each->name, "a basic block of this version", entity);
        } else {
            mu_ir_parser_undefined(parser, each->symbol, &each->name,
                                   "a basic block of this version");
        }
    }
    parser->pending.count = 0;
}

bool mu_ir_parse_body(mu_ir_parser *parser, mu_ir_version *version)
{
    if (!mu_ir_parser_expect(parser, '{', "'{' before the body")) {
        return false;
    }
    parser->version = version;
    parser->version_name = version->entity.name;
    parser->version_serial++;
    parser->in_cases = false;
    mu_ir_builder_begin_body(parser->builder, version);
    if (at_body_end(parser)) {
        mu_ir_parser_error(parser, parser->token.where, "a body has at least one basic block");
    }
    while (!at_body_end(parser) && parser->status != MU_LIMIT) {
        parse_block(parser);
    }
    resolve_dests(parser);
    if (mu_ir_builder_end_body(parser->builder, parser->report) != MU_OK &&
        parser->status == MU_OK) {
        parser->status = MU_INVALID;
    }
    parser->version_name = NULL;
    if (parser->status == MU_LIMIT) {
        return false;
    }
    return mu_ir_parser_expect(parser, '}', "a label, an instruction or '}'");
}
