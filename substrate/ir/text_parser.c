#include "text_parser.h"

#include "ir_tables.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX     60
#define TOKENS_A_LOOK 1024u /* whether somebody wants loading given up */

/* ------------------------------------------------------------------------------ tokens, errors */

void mu_ir_parser_start(mu_ir_parser *parser, const char *text, size_t length)
{
    mu_ir_lexer_init(&parser->lexer, text, length);
    parser->token = mu_ir_lexer_next(&parser->lexer);
    parser->ahead = mu_ir_lexer_next(&parser->lexer);
}

/* To whom the parser's loops look, the text is over. */
static void give_up(mu_ir_parser *parser)
{
    mu_ir_parser_limit(parser, parser->token.where, "loading was given up");
    parser->lexer.at = parser->lexer.end;
    parser->ahead = mu_ir_lexer_next(&parser->lexer);
}

void mu_ir_parser_advance(mu_ir_parser *parser)
{
    parser->token = parser->ahead;
    parser->ahead = mu_ir_lexer_next(&parser->lexer);
    if (++parser->tokens % TOKENS_A_LOOK == 0 && mu_report_is_stopped(parser->report)) {
        give_up(parser);
    }
}

mu_ir_token mu_ir_parser_third(const mu_ir_parser *parser)
{
    mu_ir_lexer lexer = parser->lexer;
    return mu_ir_lexer_next(&lexer);
}

bool mu_ir_parser_error(mu_ir_parser *parser, mu_location where, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    mu_report_add(parser->report, MU_INVALID, where, "%s", message);
    if (parser->status == MU_OK) {
        parser->status = MU_INVALID;
    }
    return false;
}

bool mu_ir_parser_limit(mu_ir_parser *parser, mu_location where, const char *what)
{
    mu_report_add(parser->report, MU_LIMIT, where, "%s", what);
    parser->status = MU_LIMIT;
    return false;
}

bool mu_ir_parser_expected(mu_ir_parser *parser, const char *what)
{
    const mu_ir_token *token = &parser->token;
    int shown = token->length < SHOWN_MAX ? (int)token->length : SHOWN_MAX;
    const char *more = token->length < SHOWN_MAX ? "" : "…";
    if (token->kind == MU_IR_TOKEN_END) {
        return mu_ir_parser_error(parser, token->where, "expected %s, found the end of the text",
                                  what);
    }
    unsigned char first = (unsigned char)*token->text;
    if (token->kind != MU_IR_TOKEN_BAD) {
        return mu_ir_parser_error(parser, token->where, "expected %s, found '%.*s%s'", what, shown,
                                  token->text, more);
    }
    if (first < 0x20 || first >= 0x7f) {
        return mu_ir_parser_error(parser, token->where, "expected %s, found byte 0x%02x: %s", what,
                                  first, token->problem);
    }
    return mu_ir_parser_error(parser, token->where, "%s: '%.*s%s'", token->problem, shown,
                              token->text, more);
}

bool mu_ir_parser_accept(mu_ir_parser *parser, int kind)
{
    if (parser->token.kind != kind) {
        return false;
    }
    mu_ir_parser_advance(parser);
    return true;
}

bool mu_ir_parser_accept_word(mu_ir_parser *parser, const char *word)
{
    if (!mu_ir_token_is(&parser->token, word)) {
        return false;
    }
    mu_ir_parser_advance(parser);
    return true;
}

bool mu_ir_parser_expect(mu_ir_parser *parser, int kind, const char *what)
{
    return mu_ir_parser_accept(parser, kind) || mu_ir_parser_expected(parser, what);
}

bool mu_ir_parser_number(mu_ir_parser *parser, const char *what, uint64_t most, uint64_t *number)
{
    if (parser->token.kind != MU_IR_TOKEN_INT) {
        return mu_ir_parser_expected(parser, what);
    }
    mu_ir_int_literal literal = mu_ir_int_value(&parser->token);
    mu_location where = parser->token.where;
    mu_ir_parser_advance(parser);
    *number = literal.low;
    if (literal.negative || literal.too_large || literal.high || literal.low > most) {
        *number = 1;
        mu_ir_parser_error(parser, where, "%s must be a number from 0 to %llu", what,
                           (unsigned long long)most);
    }
    return true;
}

bool mu_ir_is_top_level(const mu_ir_token *token)
{
    static const char *const words[] = {".typedef",  ".funcsig", ".const", ".global",
                                        ".funcdecl", ".funcdef", ".expose"};
    if (token->kind != MU_IR_TOKEN_WORD || *token->text != '.') {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (mu_ir_token_is(token, words[i])) {
            return true;
        }
    }
    return false;
}

/* --------------------------------------------------------------------------------------- names */

mu_ir_symbol *mu_ir_parser_symbol(mu_ir_parser *parser, const mu_ir_token *name, const char *parent)
{
    const char *key = name->text;
    size_t length = name->length;
    if (name->kind == MU_IR_TOKEN_LOCAL) {
        key++;
        length--;
    } else if (parent) {
        size_t prefix = strlen(parent);
        if (length > prefix + 1 && memcmp(key, parent, prefix) == 0 && key[prefix] == '.') {
            key += prefix + 1;
            length -= prefix + 1;
        }
    }
    mu_ir_symbol *symbol = mu_map_get(parser->symbols, key, length);
    if (!symbol) {
        symbol = MU_ARENA_NEW(parser->scratch, mu_ir_symbol);
        mu_map_put(parser->symbols, key, length, symbol);
    }
    return symbol;
}

const char *mu_ir_parser_global_name(mu_ir_parser *parser, const mu_ir_token *name,
                                     const char *parent)
{
    const char *global = NULL;
    bool is_local = name->kind == MU_IR_TOKEN_LOCAL;
    mu_status status =
        mu_ir_builder_local_name(parser->builder, is_local ? parent : NULL, name->text + is_local,
                                 name->length - is_local, &global);
    if (status != MU_OK) {
        mu_ir_parser_limit(parser, name->where,
                           "a global name of more than 4,096 bytes, or 256 MiB of names");
    }
    return global;
}

mu_ir_entity *mu_ir_parser_resolve(mu_ir_parser *parser, mu_ir_symbol *symbol,
                                   const mu_ir_token *name)
{
    if (!symbol->resolved) {
        symbol->entity = mu_ir_builder_find(parser->builder, name->text, name->length);
        symbol->resolved = true;
    }
    return symbol->entity;
}

static int shown_length(const mu_ir_token *name)
{
    return name->length < SHOWN_MAX ? (int)name->length : SHOWN_MAX;
}

void mu_ir_parser_wrong_kind(mu_ir_parser *parser, const mu_ir_token *name, const char *wanted,
                             const mu_ir_entity *entity)
{
    if (entity->where.line && !mu_ir_env_find(parser->env, name->text, name->length)) {
        mu_ir_parser_error(parser, name->where, "expected %s, but %.*s is %s (defined at %u:%u)",
                           wanted, shown_length(name), name->text, mu_ir_kind_name(entity->kind),
                           entity->where.line, entity->where.column);
    } else {
        mu_ir_parser_error(parser, name->where, "expected %s, but %.*s is %s of an earlier bundle",
                           wanted, shown_length(name), name->text, mu_ir_kind_name(entity->kind));
    }
}

void mu_ir_parser_undefined(mu_ir_parser *parser, mu_ir_symbol *symbol, const mu_ir_token *name,
                            const char *wanted)
{
    /* A global name means the same in the whole bundle. */
    bool known = name->kind == MU_IR_TOKEN_GLOBAL ? symbol->reported != 0
                                                  : symbol->reported == parser->version_serial;
    if (!known) {
        mu_ir_parser_error(parser, name->where, "undefined name %.*s: expected %s",
                           shown_length(name), name->text, wanted);
    }
    symbol->reported = parser->version_serial ? parser->version_serial : UINT32_MAX;
}

bool mu_ir_parser_reference(mu_ir_parser *parser, mu_ir_kind kind, mu_ir_entity **entity)
{
    *entity = NULL;
    char wanted[64];
    snprintf(wanted, sizeof wanted, "the global name of %s", mu_ir_kind_name(kind));
    if (parser->token.kind != MU_IR_TOKEN_GLOBAL) {
        return mu_ir_parser_expected(parser, wanted);
    }
    mu_ir_token name = parser->token;
    mu_ir_symbol *symbol = mu_ir_parser_symbol(parser, &name, NULL);
    mu_ir_parser_advance(parser);
    mu_ir_entity *found = mu_ir_parser_resolve(parser, symbol, &name);
    if (!found) {
        mu_ir_parser_undefined(parser, symbol, &name, mu_ir_kind_name(kind));
    } else if (found->kind != kind) {
        mu_ir_parser_wrong_kind(parser, &name, mu_ir_kind_name(kind), found);
    } else {
        *entity = found;
    }
    return true;
}

bool mu_ir_is_global_value(const mu_ir_entity *entity)
{
    return entity->kind == MU_IR_CONST || entity->kind == MU_IR_GLOBAL ||
           entity->kind == MU_IR_FUNC || entity->kind == MU_IR_EXPOSE;
}

#define VALUE_WANTED "a constant, global cell, function or exposed function"

bool mu_ir_parser_global_reference(mu_ir_parser *parser, mu_ir_entity **entity)
{
    *entity = NULL;
    if (parser->token.kind != MU_IR_TOKEN_GLOBAL) {
        return mu_ir_parser_expected(parser, "the global name of " VALUE_WANTED);
    }
    mu_ir_token name = parser->token;
    mu_ir_symbol *symbol = mu_ir_parser_symbol(parser, &name, NULL);
    mu_ir_parser_advance(parser);
    mu_ir_entity *found = mu_ir_parser_resolve(parser, symbol, &name);
    if (!found) {
        mu_ir_parser_undefined(parser, symbol, &name, VALUE_WANTED);
    } else if (!mu_ir_is_global_value(found)) {
        mu_ir_parser_wrong_kind(parser, &name, VALUE_WANTED, found);
    } else {
        *entity = found;
    }
    return true;
}

bool mu_ir_parser_types(mu_ir_parser *parser, int end, const char *end_text)
{
    parser->types.count = 0;
    while (!mu_ir_parser_accept(parser, end)) {
        mu_ir_entity *type;
        if (parser->token.kind != MU_IR_TOKEN_GLOBAL) {
            char wanted[64];
            snprintf(wanted, sizeof wanted, "a type's global name or %s", end_text);
            return mu_ir_parser_expected(parser, wanted);
        }
        if (parser->types.count == MU_IR_LIST_MAX) {
            return mu_ir_parser_limit(parser, parser->token.where,
                                      "a list of over 1,048,576 types");
        }
        if (!mu_ir_parser_reference(parser, MU_IR_TYPE, &type)) {
            return false;
        }
        MU_ARRAY_PUSH(&parser->types, (mu_ir_type *)type);
    }
    return true;
}

/* ------------------------------------------------------------------------------------ operands */

static void undefined_local(mu_ir_parser *parser, mu_ir_symbol *symbol, const mu_ir_token *name)
{
    size_t prefix = parser->version_name ? strlen(parser->version_name) : SIZE_MAX;
    bool of_version = name->kind == MU_IR_TOKEN_GLOBAL && name->length > prefix &&
                      memcmp(name->text, parser->version_name, prefix) == 0;
    if (of_version || (symbol->block_serial && symbol->version_serial == parser->version_serial)) {
        mu_ir_parser_error(parser, name->where,
                           "%.*s belongs to another block: values do not live across blocks; pass "
                           "it as an argument",
                           shown_length(name), name->text);
    } else if (!parser->block_damaged) {
        mu_ir_parser_undefined(parser, symbol, name,
                               name->kind == MU_IR_TOKEN_LOCAL
                                   ? "a parameter or an earlier result of this block"
                                   : "a value");
    }
}

static bool own_result(const mu_ir_parser *parser, uint32_t variable)
{
    return parser->in_operands && variable >= parser->inst_first_result;
}

static bool find_local(mu_ir_parser *parser, const mu_ir_symbol *symbol, const mu_ir_token *name,
                       mu_ir_value *value)
{
    if (symbol->block_serial != parser->block_serial ||
        symbol->version_serial != parser->version_serial) {
        return false;
    }
    *value = mu_ir_builder_local(symbol->variable);
    if (own_result(parser, symbol->variable)) {
        mu_ir_parser_error(parser, name->where, "%.*s is used by the instruction that defines it",
                           shown_length(name), name->text);
    }
    return true;
}

static void global_operand(mu_ir_parser *parser, mu_ir_symbol *symbol, const mu_ir_token *name,
                           mu_ir_entity *entity, mu_ir_value *value)
{
    if (!mu_ir_is_global_value(entity)) {
        if (entity->kind == MU_IR_VARIABLE) {
            mu_ir_parser_error(parser, name->where,
                               "%.*s is a local variable of another block: values do not live "
                               "across blocks; pass it as an argument",
                               shown_length(name), name->text);
        } else {
            mu_ir_parser_wrong_kind(parser, name, "a value", entity);
        }
        return;
    }
    if (symbol->global_serial != parser->version_serial) {
        symbol->global = mu_ir_builder_global_value(parser->builder, entity);
        symbol->global_serial = parser->version_serial;
    }
    *value = symbol->global;
}

bool mu_ir_parser_operand(mu_ir_parser *parser, mu_ir_value *value)
{
    *value = (mu_ir_value){0};
    mu_ir_token name = parser->token;
    if (name.kind != MU_IR_TOKEN_GLOBAL && name.kind != MU_IR_TOKEN_LOCAL) {
        return mu_ir_parser_expected(parser, "a value's name");
    }
    mu_ir_parser_advance(parser);
    mu_ir_symbol *symbol = mu_ir_parser_symbol(parser, &name, parser->block_name);
    if (find_local(parser, symbol, &name, value)) {
        return true;
    }
    if (name.kind == MU_IR_TOKEN_GLOBAL) {
        mu_ir_symbol *plain = mu_ir_parser_symbol(parser, &name, NULL);
        mu_ir_entity *entity = mu_ir_parser_resolve(parser, plain, &name);
        if (entity) {
            global_operand(parser, plain, &name, entity, value);
            return true;
        }
    }
    undefined_local(parser, symbol, &name);
    return true;
}
