/* Top-level definitions. */
#include "ir_tables.h"
#include "text_parser.h"

#include <math.h>
#include <string.h>

static bool definition_name(mu_ir_parser *parser)
{
    return mu_ir_parser_expect(parser, MU_IR_TOKEN_GLOBAL, "a global name (@…) for the definition");
}

static bool one_type(mu_ir_parser *parser, const char *before, const char *after, mu_ir_type **type)
{
    mu_ir_entity *entity;
    if (!mu_ir_parser_expect(parser, '<', before) ||
        !mu_ir_parser_reference(parser, MU_IR_TYPE, &entity) ||
        !mu_ir_parser_expect(parser, '>', after)) {
        return false;
    }
    *type = (mu_ir_type *)entity;
    return true;
}

static bool one_sig(mu_ir_parser *parser, const char *before, const char *after, mu_ir_sig **sig)
{
    mu_ir_entity *entity;
    if (!mu_ir_parser_expect(parser, '<', before) ||
        !mu_ir_parser_reference(parser, MU_IR_SIG, &entity) ||
        !mu_ir_parser_expect(parser, '>', after)) {
        return false;
    }
    *sig = (mu_ir_sig *)entity;
    return true;
}

/* --------------------------------------------------------------------------------------- types */

static bool parse_fields(mu_ir_parser *parser, mu_ir_type *form)
{
    if (!mu_ir_parser_expect(parser, '<', "'<' before the field types")) {
        return false;
    }
    if (parser->token.kind == '>') {
        return mu_ir_parser_expected(parser, form->kind == MU_IR_STRUCT
                                                 ? "a type: a struct has at least one field"
                                                 : "the type of the hybrid's variable part");
    }
    if (!mu_ir_parser_types(parser, '>', "'>'")) {
        return false;
    }
    form->fields = parser->types.items;
    form->field_count = parser->types.count;
    if (form->kind == MU_IR_HYBRID) {
        form->field_count--;
        form->element = form->fields[form->field_count];
    }
    return true;
}

static bool parse_sequence(mu_ir_parser *parser, mu_ir_type *form)
{
    mu_ir_entity *element;
    if (!mu_ir_parser_expect(parser, '<', "'<' before the element type") ||
        !mu_ir_parser_reference(parser, MU_IR_TYPE, &element) ||
        !mu_ir_parser_number(parser, "the length", UINT64_MAX, &form->length)) {
        return false;
    }
    form->element = (mu_ir_type *)element;
    return mu_ir_parser_expect(parser, '>', "'>' behind the length");
}

static bool parse_parameters(mu_ir_parser *parser, mu_ir_type *form)
{
    uint64_t bits = 0;
    switch (form->kind) {
    case MU_IR_INT:
        if (!mu_ir_parser_expect(parser, '<', "'<' before the number of bits") ||
            !mu_ir_parser_number(parser, "the number of bits", UINT32_MAX, &bits)) {
            return false;
        }
        form->bits = (uint32_t)bits;
        return mu_ir_parser_expect(parser, '>', "'>' behind the number of bits");
    case MU_IR_STRUCT:
    case MU_IR_HYBRID: return parse_fields(parser, form);
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return parse_sequence(parser, form);
    case MU_IR_UPTR:
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
        return one_type(parser, "'<' before the type of the referent", "'>' behind the type",
                        &form->element);
    case MU_IR_FUNCREF:
    case MU_IR_UFUNCPTR:
        return one_sig(parser, "'<' before the signature", "'>' behind the signature", &form->sig);
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE:
    case MU_IR_VOID:
    case MU_IR_TAGREF64:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: return true;
    }
    return true;
}

static bool parse_typedef(mu_ir_parser *parser, mu_ir_type *type)
{
    uint32_t kind;
    if (!definition_name(parser) ||
        !mu_ir_parser_expect(parser, '=', "'=' behind the type's name")) {
        return false;
    }
    if (parser->token.kind != MU_IR_TOKEN_WORD ||
        !mu_ir_type_find(parser->token.text, parser->token.length, &kind)) {
        return mu_ir_parser_expected(parser, "a type constructor (int, ref, struct, …)");
    }
    mu_ir_parser_advance(parser);
    mu_ir_type form = {.kind = (mu_ir_type_kind)kind};
    if (!parse_parameters(parser, &form)) {
        return false;
    }
    mu_ir_builder_set_type(parser->builder, type, &form);
    return true;
}

static bool parse_funcsig(mu_ir_parser *parser, mu_ir_sig *sig)
{
    if (!definition_name(parser) ||
        !mu_ir_parser_expect(parser, '=', "'=' behind the signature's name") ||
        !mu_ir_parser_expect(parser, '(', "'(' before the parameter types") ||
        !mu_ir_parser_types(parser, ')', "')'")) {
        return false;
    }
    mu_ir_sig form = {.param_count = parser->types.count};
    size_t bytes = sizeof(mu_ir_type *) * form.param_count;
    form.params = mu_arena_allocate(parser->scratch, bytes);
    if (bytes) {
        memcpy(form.params, parser->types.items, bytes);
    }
    if (!mu_ir_parser_expect(parser, MU_IR_TOKEN_ARROW, "'->' before the result types") ||
        !mu_ir_parser_expect(parser, '(', "'(' before the result types") ||
        !mu_ir_parser_types(parser, ')', "')'")) {
        return false;
    }
    form.results = parser->types.items;
    form.result_count = parser->types.count;
    mu_ir_builder_set_sig(parser->builder, sig, &form);
    return true;
}

/* ----------------------------------------------------------------------------------- constants */

static bool parse_bits(mu_ir_parser *parser, mu_ir_const *form)
{
    bool single = form->kind == MU_IR_CONST_FLOAT;
    uint64_t bits = 0;
    mu_ir_parser_advance(parser);
    if (!mu_ir_parser_expect(parser, '(', "'(' before the bits")) {
        return false;
    }
    /* A sign is allowed, as in every integer literal: bitsd(-1) is all ones. */
    mu_ir_int_literal literal = {0};
    if (parser->token.kind == MU_IR_TOKEN_INT) {
        literal = mu_ir_int_value(&parser->token);
    }
    if (literal.negative && !literal.too_large && literal.high == UINT64_MAX &&
        (int64_t)literal.low < 0 && (!single || literal.low >= (uint64_t)INT32_MIN)) {
        bits = single ? (uint32_t)literal.low : literal.low;
        mu_ir_parser_advance(parser);
    } else if (!mu_ir_parser_number(parser, "the bits", single ? UINT32_MAX : UINT64_MAX, &bits)) {
        return false;
    }
    uint32_t low = (uint32_t)bits;
    if (single) {
        memcpy(&form->single_value, &low, sizeof low);
    } else {
        memcpy(&form->double_value, &bits, sizeof bits);
    }
    return mu_ir_parser_expect(parser, ')', "')' behind the bits");
}

static bool parse_fp(mu_ir_parser *parser, mu_ir_const *form)
{
    mu_ir_token number = parser->token;
    mu_ir_parser_advance(parser);
    mu_status status;
    if (number.suffix == 'f') {
        form->kind = MU_IR_CONST_FLOAT;
        status = mu_ir_float_value(&number, parser->c_locale, &form->single_value);
    } else {
        form->kind = MU_IR_CONST_DOUBLE;
        status = mu_ir_double_value(&number, parser->c_locale, &form->double_value);
    }
    if (status == MU_LIMIT) {
        return mu_ir_parser_limit(parser, number.where, "a number of more than 1,024 characters");
    }
    if (status != MU_OK) {
        mu_ir_parser_error(parser, number.where, "the number is too large for %s",
                           number.suffix == 'f' ? "a float; infinity is +inff"
                                                : "a double; infinity is +infd");
    }
    return true;
}

static bool parse_list(mu_ir_parser *parser, mu_ir_const *form)
{
    form->kind = MU_IR_CONST_LIST;
    parser->items.count = 0;
    while (!mu_ir_parser_accept(parser, '}')) {
        mu_ir_entity *item;
        if (parser->items.count == MU_IR_LIST_MAX) {
            return mu_ir_parser_limit(parser, parser->token.where,
                                      "a list of over 1,048,576 items");
        }
        if (!mu_ir_parser_global_reference(parser, &item)) {
            return false;
        }
        MU_ARRAY_PUSH(&parser->items, item);
    }
    form->items = parser->items.items;
    form->item_count = parser->items.count;
    return true;
}

static bool parse_nan(mu_ir_parser *parser, mu_ir_const *form)
{
    bool apart = mu_ir_token_is(&parser->token, "nan");
    bool single =
        mu_ir_token_is(&parser->token, "nanf") || (apart && mu_ir_token_is(&parser->ahead, "f"));
    bool twofold =
        mu_ir_token_is(&parser->token, "nand") || (apart && mu_ir_token_is(&parser->ahead, "d"));
    if (!single && !twofold) {
        return mu_ir_parser_expected(parser, "a constant: a number, nanf, nand, bitsf(…), "
                                             "bitsd(…), { names } or NULL");
    }
    form->kind = single ? MU_IR_CONST_FLOAT : MU_IR_CONST_DOUBLE;
    form->single_value = single ? nanf("") : 0;
    form->double_value = single ? 0 : nan("");
    mu_ir_parser_advance(parser);
    if (apart) {
        mu_ir_parser_advance(parser);
    }
    return true;
}

static bool parse_constructor(mu_ir_parser *parser, mu_ir_const *form)
{
    const mu_ir_token *token = &parser->token;
    if (token->kind == MU_IR_TOKEN_INT) {
        mu_ir_int_literal literal = mu_ir_int_value(token);
        form->kind = MU_IR_CONST_INT;
        form->low = literal.low;
        form->high = literal.high;
        form->negative = literal.negative;
        form->too_large = literal.too_large;
        mu_ir_parser_advance(parser);
        return true;
    }
    if (token->kind == MU_IR_TOKEN_FP) {
        return parse_fp(parser, form);
    }
    if (mu_ir_parser_accept(parser, '{')) {
        return parse_list(parser, form);
    }
    if (mu_ir_parser_accept_word(parser, "NULL")) {
        form->kind = MU_IR_CONST_NULL;
        return true;
    }
    if (mu_ir_token_is(token, "bitsf") || mu_ir_token_is(token, "bitsd")) {
        form->kind = token->text[4] == 'f' ? MU_IR_CONST_FLOAT : MU_IR_CONST_DOUBLE;
        return parse_bits(parser, form);
    }
    return parse_nan(parser, form);
}

static bool parse_const(mu_ir_parser *parser, mu_ir_const *constant)
{
    mu_ir_const form = {0};
    if (!definition_name(parser) ||
        !one_type(parser, "'<' before the type of the constant", "'>' behind the type",
                  &form.type) ||
        !mu_ir_parser_expect(parser, '=', "'=' before the value") ||
        !parse_constructor(parser, &form)) {
        return false;
    }
    mu_ir_builder_set_const(parser->builder, constant, &form);
    return true;
}

/* ------------------------------------------------------------------------------ cells, functions
 */

static bool parse_global(mu_ir_parser *parser, mu_ir_global *global)
{
    return definition_name(parser) && one_type(parser, "'<' before the type of the cell",
                                               "'>' behind the type", &global->type);
}

static bool parse_funcdecl(mu_ir_parser *parser, mu_ir_func *func)
{
    return definition_name(parser) && one_sig(parser, "'<' before the signature of the function",
                                              "'>' behind the signature", &func->sig);
}

static bool parse_funcdef(mu_ir_parser *parser, mu_ir_func *func, mu_ir_version *version)
{
    if (!definition_name(parser)) {
        return false;
    }
    if (!mu_ir_parser_accept_word(parser, "VERSION")) {
        return mu_ir_parser_expected(parser, "VERSION behind the function's name");
    }
    if (!mu_ir_parser_accept(parser, MU_IR_TOKEN_LOCAL) &&
        !mu_ir_parser_accept(parser, MU_IR_TOKEN_GLOBAL)) {
        return mu_ir_parser_expected(parser, "a name for the version");
    }
    if (!one_sig(parser, "'<' before the signature of the function", "'>' behind the signature",
                 &version->sig)) {
        return false;
    }
    /* A function of an earlier bundle has its signature; the verifier compares the two. */
    if (func->bundle == version->bundle && !func->sig) {
        func->sig = version->sig;
    }
    return mu_ir_parse_body(parser, version);
}

static bool parse_expose(mu_ir_parser *parser, mu_ir_expose *expose)
{
    mu_ir_entity *func;
    mu_ir_entity *cookie;
    if (!definition_name(parser) || !mu_ir_parser_expect(parser, '=', "'=' behind the name") ||
        !mu_ir_parser_reference(parser, MU_IR_FUNC, &func)) {
        return false;
    }
    mu_ir_token flag = parser->token;
    if (!mu_ir_parser_expect(parser, MU_IR_TOKEN_FLAG, "a calling convention such as #DEFAULT") ||
        !mu_ir_parser_reference(parser, MU_IR_CONST, &cookie)) {
        return false;
    }
    expose->func = (mu_ir_func *)func;
    expose->cookie = (mu_ir_const *)cookie;
    expose->convention =
        mu_arena_string(mu_ir_builder_arena(parser->builder), flag.text, flag.length);
    return true;
}

bool mu_ir_parse_definition(mu_ir_parser *parser, const mu_ir_declaration *declaration)
{
    mu_ir_entity *entity = declaration->entity;
    mu_ir_parser_advance(parser);
    if (declaration->version) {
        return parse_funcdef(parser, (mu_ir_func *)entity, (mu_ir_version *)declaration->version);
    }
    switch (entity->kind) {
    case MU_IR_TYPE: return parse_typedef(parser, (mu_ir_type *)entity);
    case MU_IR_SIG: return parse_funcsig(parser, (mu_ir_sig *)entity);
    case MU_IR_CONST: return parse_const(parser, (mu_ir_const *)entity);
    case MU_IR_GLOBAL: return parse_global(parser, (mu_ir_global *)entity);
    case MU_IR_FUNC: return parse_funcdecl(parser, (mu_ir_func *)entity);
    case MU_IR_EXPOSE: return parse_expose(parser, (mu_ir_expose *)entity);
    case MU_IR_VERSION:
    case MU_IR_BLOCK:
    case MU_IR_VARIABLE:
    case MU_IR_INST: break;
    }
    MU_INVARIANT(false, "a declaration of kind %u", (unsigned)entity->kind);
    return false;
}
