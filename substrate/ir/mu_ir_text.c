/* mu_ir_parse: two passes over the text. The first makes an empty entity for every top-level name,
 * so that definitions may stand in any order; the second fills them in. Tokens are not kept between
 * the passes: lexing again is cheaper than their memory.
 *
 * Limits: a text of 64 MiB, lists of 1 M names, names of 4,096 bytes and 256 MiB of them, 4 M
 * entities.
 */
#include "text_parser.h"

#include <string.h>

/* ---------------------------------------------------------------------------------- first pass */

static void set_name(mu_ir_parser *parser, mu_ir_entity *entity, const mu_ir_token *name)
{
    mu_status status =
        mu_ir_builder_set_name(parser->builder, entity, name->text, name->length, parser->report);
    if (status != MU_OK && parser->status != MU_LIMIT) {
        parser->status = status == MU_LIMIT ? MU_LIMIT : MU_INVALID;
    }
}

static mu_ir_entity *new_entity(mu_ir_builder *builder, const mu_ir_token *word, mu_location where)
{
    if (mu_ir_token_is(word, ".typedef")) {
        return &mu_ir_builder_type(builder, where)->entity;
    }
    if (mu_ir_token_is(word, ".funcsig")) {
        return &mu_ir_builder_sig(builder, where)->entity;
    }
    if (mu_ir_token_is(word, ".const")) {
        return &mu_ir_builder_const(builder, where)->entity;
    }
    if (mu_ir_token_is(word, ".global")) {
        return &mu_ir_builder_global(builder, where)->entity;
    }
    if (mu_ir_token_is(word, ".expose")) {
        return &mu_ir_builder_expose(builder, where)->entity;
    }
    return &mu_ir_builder_func(builder, where)->entity;
}

/* The function of a .funcdef: of an earlier bundle, or new. */
static mu_ir_entity *defined_function(mu_ir_parser *parser, const mu_ir_token *name)
{
    mu_ir_entity *older = mu_ir_env_find(parser->env, name->text, name->length);
    mu_ir_entity *twin = mu_map_put(parser->defined, name->text, name->length, parser);
    if (older && older->kind == MU_IR_FUNC) {
        if (twin) {
            mu_ir_parser_error(parser, name->where, "function %.*s is defined twice in this bundle",
                               name->length < 60 ? (int)name->length : 60, name->text);
        }
        return older;
    }
    mu_ir_entity *func = &mu_ir_builder_func(parser->builder, name->where)->entity;
    set_name(parser, func, name);
    return func;
}

static void declare_version(mu_ir_parser *parser, mu_ir_declaration *declaration,
                            const mu_ir_token *name)
{
    mu_ir_func *func = (mu_ir_func *)declaration->entity;
    mu_ir_version *version = mu_ir_builder_version(parser->builder, func, name->where);
    declaration->version = &version->entity;
    if (name->kind == MU_IR_TOKEN_GLOBAL) {
        set_name(parser, declaration->version, name);
    } else if (name->kind == MU_IR_TOKEN_LOCAL && func->entity.name) {
        mu_ir_token global = *name;
        global.text = mu_ir_parser_global_name(parser, name, func->entity.name);
        if (global.text) {
            global.length = (uint32_t)strlen(global.text);
            set_name(parser, declaration->version, &global);
        }
    }
}

static void declare(mu_ir_parser *parser)
{
    mu_ir_declaration declaration = {.text = parser->token.text};
    mu_ir_token name = parser->ahead;
    bool is_funcdef = mu_ir_token_is(&parser->token, ".funcdef");
    if (name.kind != MU_IR_TOKEN_GLOBAL) {
        declaration.entity = new_entity(parser->builder, &parser->token, parser->token.where);
    } else if (is_funcdef) {
        declaration.entity = defined_function(parser, &name);
    } else {
        declaration.entity = new_entity(parser->builder, &parser->token, name.where);
        set_name(parser, declaration.entity, &name);
    }
    mu_ir_parser_advance(parser);
    if (is_funcdef) {
        mu_ir_token version = {.where = name.where};
        if (name.kind == MU_IR_TOKEN_GLOBAL && mu_ir_token_is(&parser->ahead, "VERSION")) {
            version = mu_ir_parser_third(parser);
        }
        declare_version(parser, &declaration, &version);
    }
    MU_ARRAY_PUSH(&parser->declarations, declaration);
}

static void declare_all(mu_ir_parser *parser)
{
    while (parser->token.kind != MU_IR_TOKEN_END && parser->status != MU_LIMIT) {
        if (!mu_ir_is_top_level(&parser->token)) {
            mu_ir_parser_advance(parser);
            continue;
        }
        declare(parser);
        mu_ir_parser_check_limits(parser);
    }
}

/* --------------------------------------------------------------------------------- second pass */

static void parse_definition(mu_ir_parser *parser)
{
    mu_ir_declaration *declaration = &parser->declarations.items[parser->next_declaration++];
    MU_INVARIANT(declaration->text == parser->token.text, "the two passes disagree");
    if (mu_ir_parse_definition(parser, declaration)) {
        return;
    }
    while (parser->token.kind != MU_IR_TOKEN_END && !mu_ir_is_top_level(&parser->token)) {
        mu_ir_parser_advance(parser);
    }
}

static void define_all(mu_ir_parser *parser)
{
    while (parser->token.kind != MU_IR_TOKEN_END && parser->status != MU_LIMIT) {
        if (mu_ir_is_top_level(&parser->token)) {
            parse_definition(parser);
            continue;
        }
        mu_ir_parser_expected(parser, "a definition (.typedef, .funcsig, .const, .global, "
                                      ".funcdecl, .funcdef or .expose)");
        while (parser->token.kind != MU_IR_TOKEN_END && !mu_ir_is_top_level(&parser->token)) {
            mu_ir_parser_advance(parser);
        }
    }
}

/* ------------------------------------------------------------------------------------- the whole
 */

static void open_parser(mu_ir_parser *parser)
{
    parser->scratch = mu_arena_new();
    parser->symbols = mu_map_new();
    parser->words = mu_map_new();
    parser->defined = mu_map_new();
    parser->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    for (uint32_t op = 0; op < MU_OP_COUNT; op++) {
        const mu_ir_op_info *info = mu_ir_op_info_of((mu_ir_op)op);
        union {
            const mu_ir_op_info *constant;
            void *value;
        } row = {.constant = info};
        mu_map_put(parser->words, info->word, strlen(info->word), row.value);
    }
}

static void close_parser(mu_ir_parser *parser)
{
    MU_ARRAY_FREE(&parser->declarations);
    MU_ARRAY_FREE(&parser->pending);
    MU_ARRAY_FREE(&parser->types);
    MU_ARRAY_FREE(&parser->items);
    MU_ARRAY_FREE(&parser->results);
    freelocale(parser->c_locale);
    mu_map_free(parser->defined);
    mu_map_free(parser->words);
    mu_map_free(parser->symbols);
    mu_arena_free(parser->scratch);
}

mu_status mu_ir_parse(const mu_ir_env *env, const char *name, const char *text, size_t length,
                      mu_report *report, mu_ir_bundle **bundle)
{
    return mu_ir_parse_within(env, name, text, length, UINT64_MAX, report, bundle);
}

mu_status mu_ir_parse_within(const mu_ir_env *env, const char *name, const char *text,
                             size_t length, uint64_t most_bytes, mu_report *report,
                             mu_ir_bundle **bundle)
{
    if (length > MU_IR_TEXT_MAX) {
        return mu_report_add(report, MU_LIMIT, (mu_location){0},
                             "a bundle of %zu bytes; the limit is %u", length, MU_IR_TEXT_MAX);
    }
    mu_ir_parser parser = {.env = env, .report = report};
    parser.builder = mu_ir_builder_new(env, name);
    mu_ir_builder_set_room(parser.builder, most_bytes);
    open_parser(&parser);
    mu_ir_parser_start(&parser, text, length);
    declare_all(&parser);
    mu_ir_parser_start(&parser, text, length);
    define_all(&parser);
    close_parser(&parser);
    mu_status status = parser.status;
    if (status == MU_LIMIT && mu_ir_builder_within_limits(parser.builder) == MU_NO_MEMORY) {
        status = MU_NO_MEMORY;
    }
    if (status != MU_OK) {
        mu_ir_builder_abort(parser.builder);
        return status;
    }
    return mu_ir_builder_finish(parser.builder, report, bundle);
}
