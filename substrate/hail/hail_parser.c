/* The parser goes over the text twice, since an object may be named before the line that makes it:
 * first for `.new` and `.newhybrid`, then for `.init`. Each time it steps over what the other pass
 * is about. After a syntax error it goes on at the next definition. */
#include "hail_parser.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 60u

/* ---------------------------------------------------------------------------------------- tokens
 */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static void read_name(mu_ir_lexer *lexer, mu_ir_token *token)
{
    while (lexer->at < lexer->end && is_name_char(*lexer->at)) {
        lexer->at++;
    }
    token->length = (uint32_t)(lexer->at - token->text);
    token->kind = token->length > 1 ? HAIL_TOKEN_NAME : MU_IR_TOKEN_BAD;
    token->problem = "a name must follow '$'";
}

/* The IR's tokens are HAIL's, but for three characters that mean nothing there. */
void hail_advance(hail_parser *parser)
{
    mu_ir_token *token = &parser->token;
    *token = mu_ir_lexer_next(&parser->lexer);
    if (token->kind != MU_IR_TOKEN_BAD) {
        return;
    }
    char first = *token->text;
    if (first == '$') {
        read_name(&parser->lexer, token);
    } else if (first == '&' || first == '*') {
        token->kind = first;
    } else if (!is_name_char(first) && !strchr("@%#+", first)) {
        token->problem = "a character that no HAIL script may hold here";
    }
}

bool hail_accept(hail_parser *parser, int kind)
{
    if (parser->token.kind != kind) {
        return false;
    }
    hail_advance(parser);
    return true;
}

bool hail_expect(hail_parser *parser, int kind, const char *what)
{
    return hail_accept(parser, kind) || hail_expected(parser, what);
}

static bool is_allocation(const mu_ir_token *token)
{
    return mu_ir_token_is(token, ".new") || mu_ir_token_is(token, ".newhybrid");
}

bool hail_at_definition(const hail_parser *parser)
{
    return is_allocation(&parser->token) || mu_ir_token_is(&parser->token, ".init");
}

/* ---------------------------------------------------------------------------------------- errors
 */

void hail_error(hail_parser *parser, mu_status status, mu_location where, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    mu_report_add(parser->report, status, where, "%s", message);
    if (parser->status != MU_INVALID) {
        parser->status = status;
    }
}

hail_text hail_token_text(const mu_ir_token *token)
{
    hail_text out;
    bool fits = token->length <= SHOWN_MAX;
    /* The suffix of a number is not in its text, since blanks may stand between. */
    bool has_suffix = token->kind == MU_IR_TOKEN_FP && fits;
    snprintf(out.text, sizeof out.text, "%.*s%s%c", (int)(fits ? token->length : SHOWN_MAX),
             token->text, fits ? "" : "…", has_suffix ? token->suffix : 0);
    return out;
}

hail_text hail_type_text(const hail_parser *parser, const mu_ir_type *type)
{
    hail_text out = {""};
    bool is_composite = type->kind >= MU_IR_STRUCT && type->kind <= MU_IR_VECTOR;
    if (is_composite && type->entity.label) {
        snprintf(out.text, sizeof out.text, "%.90s", type->entity.label);
    } else if (parser->report && mu_report_count(parser->report) < MU_REPORT_MAX) {
        /* What the report has no room for need not be put into words: they may be many. */
        char *text = mu_ir_type_text(type);
        snprintf(out.text, sizeof out.text, "%.90s%s", text, strlen(text) > 90 ? "…" : "");
        mu_free(text);
    }
    return out;
}

bool hail_expected(hail_parser *parser, const char *what)
{
    const mu_ir_token *token = &parser->token;
    hail_text shown = hail_token_text(token);
    if (token->kind == MU_IR_TOKEN_END) {
        hail_error(parser, MU_INVALID, token->where, "expected %s, found the end of the text",
                   what);
        return false;
    }
    unsigned char first = (unsigned char)*token->text;
    if (token->kind != MU_IR_TOKEN_BAD) {
        hail_error(parser, MU_INVALID, token->where, "expected %s, found '%s'", what, shown.text);
    } else if (first < 0x20 || first >= 0x7f) {
        hail_error(parser, MU_INVALID, token->where, "expected %s, found byte 0x%02x: %s", what,
                   first, token->problem);
    } else {
        hail_error(parser, MU_INVALID, token->where, "%s: '%s'", token->problem, shown.text);
    }
    return false;
}

/* ----------------------------------------------------------------------------------- definitions
 */

/* The type of an allocation; NULL after an error. */
static bool parse_type(hail_parser *parser, bool is_hybrid, mu_ir_type **type)
{
    *type = NULL;
    if (!hail_expect(parser, '<', "'<' before the type")) {
        return false;
    }
    mu_ir_token name = parser->token;
    if (name.kind != MU_IR_TOKEN_GLOBAL) {
        return hail_expected(parser, "the name of a type");
    }
    mu_ir_entity *entity = hail_global(parser, "a type");
    if (entity && entity->kind != MU_IR_TYPE) {
        hail_wrong_entity(parser, &name, "a type", entity);
    } else if (entity) {
        mu_ir_type *found = (mu_ir_type *)entity;
        if ((found->kind == MU_IR_HYBRID) == is_hybrid) {
            *type = found;
        } else {
            hail_error(parser, MU_INVALID, name.where,
                       is_hybrid ? "%s is not a hybrid: use .new"
                                 : "%s is a hybrid: use .newhybrid and say how long it is",
                       hail_token_text(&name).text);
        }
    }
    return hail_expect(parser, '>', "'>' behind the type");
}

static bool parse_allocation(hail_parser *parser)
{
    bool is_hybrid = mu_ir_token_is(&parser->token, ".newhybrid");
    bool has_length = true;
    hail_advance(parser);
    mu_ir_token name = parser->token;
    if (!hail_expect(parser, HAIL_TOKEN_NAME, "the object's name, such as $x")) {
        return false;
    }
    mu_hail_object object = {.name = name.text, .name_length = name.length, .where = name.where};
    bool is_whole = parse_type(parser, is_hybrid, &object.type) &&
                    (!is_hybrid || hail_parse_count(parser, "the length of the variable part",
                                                    &has_length, &object.length));
    if (!has_length) {
        object.type = NULL;
    }
    /* Declared even if it is wrong, so that its uses are not. */
    hail_declare(parser, &name, &object);
    return is_whole;
}

static bool parse_initialisation(hail_parser *parser)
{
    hail_place place;
    hail_advance(parser);
    if (!hail_parse_place(parser, &place) ||
        !hail_expect(parser, '=', "'[' or '=' behind the location")) {
        return false;
    }
    return hail_parse_value(parser, &place);
}

/* To the next definition, from behind the present token. */
static void recover(hail_parser *parser)
{
    while (parser->token.kind != MU_IR_TOKEN_END && !hail_at_definition(parser)) {
        hail_advance(parser);
    }
}

static void parse_all(hail_parser *parser, const char *text, size_t length, bool for_allocations)
{
    mu_ir_lexer_init(&parser->lexer, text, length);
    hail_advance(parser);
    bool is_start = true;
    while (parser->token.kind != MU_IR_TOKEN_END) {
        if (!hail_at_definition(parser)) {
            /* What stands before the first definition is the first pass's to report. */
            if (for_allocations || !is_start) {
                (void)hail_expected(parser, ".new, .newhybrid or .init");
            }
            recover(parser);
        } else if (is_allocation(&parser->token) != for_allocations) {
            hail_advance(parser);
            recover(parser);
        } else if (!(for_allocations ? parse_allocation(parser) : parse_initialisation(parser))) {
            recover(parser);
        }
        is_start = false;
    }
}

/* ------------------------------------------------------------------------------------- the script
 */

static mu_status check_form(const char *text, size_t length, mu_report *report)
{
    if (length >= 4 && memcmp(text, "\x7fHAI", 4) == 0) {
        return mu_report_add(report, MU_UNSUPPORTED, (mu_location){0},
                             "this is binary HAIL; this version reads the text form");
    }
    if (length > MU_HAIL_TEXT_MAX_BYTES) {
        return mu_report_add(report, MU_LIMIT, (mu_location){0},
                             "a script of %zu bytes; the limit is %u", length,
                             MU_HAIL_TEXT_MAX_BYTES);
    }
    return MU_OK;
}

mu_status mu_hail_parse(const mu_ir_env *env, const mu_hail_options *options, const char *text,
                        size_t length, mu_report *report, mu_hail_script **script)
{
    mu_status status = check_form(text, length, report);
    if (status != MU_OK) {
        return status;
    }
    hail_parser parser = {.env = env,
                          .options = options,
                          .report = report,
                          .script = mu_allocate(sizeof(mu_hail_script)),
                          .objects = mu_map_new(),
                          .globals = mu_map_new(),
                          .cells = mu_map_new(),
                          .prefixes = mu_map_new(),
                          .arena = mu_arena_new(),
                          .c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    MU_INVARIANT(parser.c_locale != (locale_t)0, "the C locale is missing");
    parse_all(&parser, text, length, true);
    parse_all(&parser, text, length, false);
    freelocale(parser.c_locale);
    mu_map_free(parser.objects);
    mu_map_free(parser.globals);
    mu_map_free(parser.cells);
    mu_map_free(parser.prefixes);
    mu_arena_free(parser.arena);
    if (parser.status != MU_OK) {
        mu_hail_free(parser.script);
        return parser.status;
    }
    *script = parser.script;
    return MU_OK;
}

void mu_hail_free(mu_hail_script *script)
{
    if (script) {
        MU_ARRAY_FREE(&script->objects);
        MU_ARRAY_FREE(&script->cells);
        MU_ARRAY_FREE(&script->ops);
        MU_ARRAY_FREE(&script->checks);
        MU_ARRAY_FREE(&script->bytes);
        MU_ARRAY_FREE(&script->references);
        mu_free(script);
    }
}

uint32_t mu_hail_object_count(const mu_hail_script *script)
{
    return script->objects.count;
}

mu_hail_object mu_hail_object_at(const mu_hail_script *script, uint32_t index)
{
    MU_INVARIANT(index < script->objects.count, "object %u of %u", index, script->objects.count);
    return script->objects.items[index];
}
