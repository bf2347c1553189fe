/* RValues: each is turned into stores to the location it initialises, by that location's type. The
 * only recursion is over lists, which go no deeper than types nest. */
#include "hail_parser.h"

#include <string.h>

/* ---------------------------------------------------------------------------------------- stores
 */

bool hail_is_full(hail_parser *parser, uint64_t used, uint64_t count, uint64_t most,
                  const char *what)
{
    if (!parser->is_full && (count > most || used > most - count)) {
        parser->is_full = true;
        hail_error(parser, MU_LIMIT, parser->token.where, "the script has more than %llu %s",
                   (unsigned long long)most, what);
    }
    return parser->is_full;
}

void hail_store(hail_parser *parser, const hail_op *op)
{
    mu_hail_script *script = parser->script;
    if (hail_is_full(parser, script->ops.count, 1, MU_HAIL_STORES_MAX, "stores")) {
        return;
    }
    if (op->to.code != HAIL_BASE_SCRATCH && (op->to.code & HAIL_BASE_CELL_BIT)) {
        script->cells.items[op->to.code & ~HAIL_BASE_CELL_BIT].is_written = true;
    }
    MU_ARRAY_PUSH(&script->ops, *op);
}

/* What follows on what the last store writes, and is of its kind, makes that store longer. */
static void store_next(hail_parser *parser, const hail_op *op)
{
    mu_hail_script *script = parser->script;
    hail_op *last = script->ops.count ? &script->ops.items[script->ops.count - 1] : NULL;
    if (last && last->kind == op->kind && last->to.code == op->to.code &&
        last->to_offset + last->bytes == op->to_offset) {
        last->bytes += op->bytes;
    } else {
        hail_store(parser, op);
    }
}

void hail_store_bytes(hail_parser *parser, const hail_place *to, const void *bytes, uint64_t count)
{
    mu_hail_script *script = parser->script;
    uint32_t first = script->bytes.count;
    if (hail_is_full(parser, first, count, MU_HAIL_BYTES_MAX, "bytes of numbers")) {
        return;
    }
    MU_ARRAY_RESERVE(&script->bytes, first + (uint32_t)count);
    memcpy(script->bytes.items + first, bytes, count);
    script->bytes.count += (uint32_t)count;
    store_next(parser, &(hail_op){.kind = HAIL_OP_BYTES,
                                  .to = to->base,
                                  .to_offset = to->offset,
                                  .from_offset = first,
                                  .bytes = count});
}

static void store_reference(hail_parser *parser, const hail_place *to, hail_base object)
{
    mu_hail_script *script = parser->script;
    uint32_t first = script->references.count;
    if (parser->is_full) {
        return;
    }
    MU_ARRAY_PUSH(&script->references, object.code);
    store_next(parser, &(hail_op){.kind = HAIL_OP_REFS,
                                  .to = to->base,
                                  .to_offset = to->offset,
                                  .from_offset = first,
                                  .bytes = 8});
}

static void store_null(hail_parser *parser, const hail_place *to)
{
    static const uint8_t zeros[16];
    hail_store_bytes(parser, to, zeros, to->type->size_bytes);
}

/* -------------------------------------------------------------------------------- what is refused
 */

static bool skip_to(hail_parser *parser, int end)
{
    while (!hail_accept(parser, end)) {
        if (parser->token.kind == MU_IR_TOKEN_END || hail_at_definition(parser)) {
            return hail_expected(parser, "the rest of the value");
        }
        hail_advance(parser);
    }
    return true;
}

static bool skip_single(hail_parser *parser)
{
    bool is_place = parser->token.kind == '&' || parser->token.kind == '*';
    bool is_nan = mu_ir_token_is(&parser->token, "nan");
    hail_advance(parser);
    if (is_place &&
        (parser->token.kind == HAIL_TOKEN_NAME || parser->token.kind == MU_IR_TOKEN_GLOBAL)) {
        hail_advance(parser);
        while (hail_accept(parser, '[')) {
            if (!skip_to(parser, ']')) {
                return false;
            }
        }
    }
    if (is_nan && parser->token.kind == MU_IR_TOKEN_WORD && parser->token.length == 1) {
        hail_advance(parser);
    }
    return !hail_accept(parser, '(') || skip_to(parser, ')');
}

bool hail_skip_value(hail_parser *parser)
{
    uint64_t depth = 0;
    do {
        int kind = parser->token.kind;
        if (kind == MU_IR_TOKEN_END || kind == MU_IR_TOKEN_BAD || hail_at_definition(parser) ||
            (kind == '}' && !depth)) {
            return hail_expected(parser, depth ? "a value or '}'" : "a value");
        }
        if (kind == '{' || kind == '}') {
            depth += kind == '{' ? 1 : UINT64_MAX;
            hail_advance(parser);
        } else if (!skip_single(parser)) {
            return false;
        }
    } while (depth);
    return true;
}

bool hail_refuse_value(hail_parser *parser, const hail_place *to, const char *wanted)
{
    const mu_ir_token *token = &parser->token;
    if (token->kind == MU_IR_TOKEN_END || token->kind == MU_IR_TOKEN_BAD || token->kind == '}' ||
        hail_at_definition(parser)) {
        return hail_expected(parser, wanted);
    }
    hail_error(parser, MU_INVALID, token->where, "a location of type %s takes %s, not '%s'",
               hail_type_text(parser, to->type).text, wanted, hail_token_text(token).text);
    return hail_skip_value(parser);
}

/* ------------------------------------------------------------------------------------- references
 */

/* May a reference to `actual` become one to `wanted`? */
static bool can_refer(hail_parser *parser, mu_location where, const mu_ir_type *actual,
                      const mu_ir_type *wanted)
{
    if (!parser->options->checked || hail_begins_with(parser, actual, wanted)) {
        return true;
    }
    hail_error(parser, MU_INVALID, where,
               "what it refers to is of type %s, which does not begin with %s",
               hail_type_text(parser, actual).text, hail_type_text(parser, wanted).text);
    return false;
}

static bool parse_object_reference(hail_parser *parser, const hail_place *to)
{
    mu_location where = parser->token.where;
    hail_base from;
    if (hail_object(parser, &from) &&
        can_refer(parser, where, parser->script->objects.items[from.code].type,
                  to->type->element)) {
        store_reference(parser, to, from);
    }
    return true;
}

static void store_iref(hail_parser *parser, const hail_place *to, const hail_place *from,
                       mu_location where)
{
    if (can_refer(parser, where, from->type, to->type->element)) {
        hail_store(parser, &(hail_op){.kind = HAIL_OP_IREF,
                                      .to = to->base,
                                      .to_offset = to->offset,
                                      .from = from->base,
                                      .from_offset = from->offset});
    }
}

static bool parse_address(hail_parser *parser, const hail_place *to)
{
    hail_place from;
    hail_advance(parser);
    mu_location where = parser->token.where;
    if (!hail_parse_place(parser, &from)) {
        return false;
    }
    if (from.is_known) {
        store_iref(parser, to, &from, where);
    }
    return true;
}

/* A name as a value of a reference's type: a NULL constant, a function, a global cell. */
static bool parse_named_reference(hail_parser *parser, const hail_place *to, const char *wanted)
{
    mu_ir_token name = parser->token;
    mu_ir_type_kind kind = to->type->kind;
    mu_ir_entity *entity = hail_global(parser, wanted);
    if (!entity) {
        return true;
    }
    mu_ir_type_kind null_kind = kind == MU_IR_WEAKREF ? MU_IR_REF : kind;
    const mu_ir_const *constant = (const mu_ir_const *)entity;
    if (entity->kind == MU_IR_CONST && constant->kind == MU_IR_CONST_NULL &&
        constant->type->kind == null_kind) {
        store_null(parser, to);
    } else if (kind == MU_IR_FUNCREF && entity->kind == MU_IR_FUNC) {
        uint64_t number = ((const mu_ir_func *)entity)->number;
        hail_store_bytes(parser, to, &number, sizeof number);
    } else if (kind == MU_IR_IREF && entity->kind == MU_IR_GLOBAL) {
        const mu_ir_global *global = (const mu_ir_global *)entity;
        hail_place cell = {.base = hail_cell_base(parser, global), .type = global->type};
        store_iref(parser, to, &cell, name.where);
    } else if (entity->kind == MU_IR_CONST) {
        hail_error(parser, MU_INVALID, name.where,
                   "%s is a constant of type %s, the location's is %s", hail_token_text(&name).text,
                   hail_type_text(parser, constant->type).text,
                   hail_type_text(parser, to->type).text);
    } else {
        hail_wrong_entity(parser, &name, wanted, entity);
    }
    return true;
}

/* What every kind of reference takes, and what only one does. */
static bool parse_reference(hail_parser *parser, const hail_place *to)
{
    static const char *const takes[] = {
        [MU_IR_REF] = "NULL, $object or *location",
        [MU_IR_WEAKREF] = "NULL, $object or *location",
        [MU_IR_IREF] = "NULL, a global cell, &location or *location",
        [MU_IR_FUNCREF] = "NULL, a function or *location",
        [MU_IR_THREADREF] = "NULL or *location",
        [MU_IR_STACKREF] = "NULL or *location",
        [MU_IR_FRAMECURSORREF] = "NULL or *location",
        [MU_IR_IRNODEREF] = "NULL or *location",
    };
    mu_ir_type_kind kind = to->type->kind;
    if (mu_ir_token_is(&parser->token, "NULL")) {
        hail_advance(parser);
        store_null(parser, to);
        return true;
    }
    if (parser->token.kind == HAIL_TOKEN_NAME && (kind == MU_IR_REF || kind == MU_IR_WEAKREF)) {
        return parse_object_reference(parser, to);
    }
    if (parser->token.kind == '&' && kind == MU_IR_IREF) {
        return parse_address(parser, to);
    }
    if (parser->token.kind == MU_IR_TOKEN_GLOBAL) {
        return parse_named_reference(parser, to, takes[kind]);
    }
    return hail_refuse_value(parser, to, takes[kind]);
}

/* ------------------------------------------------------------------------------------------ lists
 */

static bool parse_list(hail_parser *parser, const hail_place *to, uint64_t count,
                       hail_place (*member)(const hail_place *, uint64_t))
{
    uint64_t index = 0;
    hail_advance(parser);
    for (; parser->token.kind != '}'; index++) {
        if (index == count) {
            hail_error(parser, MU_INVALID, parser->token.where,
                       "one item too many: %s has room for %llu",
                       hail_type_text(parser, to->type).text, (unsigned long long)count);
        }
        if (index >= count) {
            if (!hail_skip_value(parser)) {
                return false;
            }
            continue;
        }
        hail_place part = member(to, index);
        if (!hail_parse_value(parser, &part)) {
            return false;
        }
    }
    hail_advance(parser);
    return true;
}

/* Types that no bundle need define; their number is that of no other type. */
#define TAGGED_CANONICAL UINT32_MAX
static const mu_ir_type void_type = {.kind = MU_IR_VOID, .canonical = TAGGED_CANONICAL};
static const mu_ir_type tagged_types[2] = {
    {.kind = MU_IR_REF,
     .element = (mu_ir_type *)(uintptr_t)&void_type,
     .canonical = TAGGED_CANONICAL,
     .size_bytes = 8},
    {.kind = MU_IR_INT, .bits = 6, .canonical = TAGGED_CANONICAL, .size_bytes = 1},
};

static hail_place tagged_part(const hail_place *scratch, uint64_t index)
{
    hail_place part = *scratch;
    part.type = &tagged_types[index];
    part.offset = index ? HAIL_SCRATCH_TAG : 0;
    return part;
}

/* A list for a tagref64 is a reference and a tag; what is left out is NULL and 0. */
static bool parse_tagged(hail_parser *parser, const hail_place *to)
{
    static const uint64_t zeros[2];
    hail_place scratch = *to;
    scratch.base = (hail_base){HAIL_BASE_SCRATCH};
    scratch.offset = 0;
    hail_store_bytes(parser, &scratch, zeros, sizeof zeros);
    if (!parse_list(parser, &scratch, 2, tagged_part)) {
        return false;
    }
    hail_store(parser, &(hail_op){.kind = HAIL_OP_TAGREF, .to = to->base, .to_offset = to->offset});
    return true;
}

/* ----------------------------------------------------------------------------------------- values
 */

static bool is_fp(const mu_ir_token *token)
{
    return token->kind == MU_IR_TOKEN_FP || mu_ir_token_is(token, "bitsf") ||
           mu_ir_token_is(token, "bitsd") || mu_ir_token_is(token, "nan") ||
           mu_ir_token_is(token, "nanf") || mu_ir_token_is(token, "nand");
}

static bool is_int(const mu_ir_token *token)
{
    return token->kind == MU_IR_TOKEN_INT;
}

static bool is_name(const mu_ir_token *token)
{
    return token->kind == MU_IR_TOKEN_GLOBAL;
}

static bool parse_tagref(hail_parser *parser, const hail_place *to)
{
    const mu_ir_token *token = &parser->token;
    if (token->kind == '{') {
        return parse_tagged(parser, to);
    }
    if (is_fp(token)) {
        return hail_parse_fp(parser, to);
    }
    if (is_name(token)) {
        const mu_ir_entity *entity = hail_look_up(parser);
        bool is_int_const = entity && entity->kind == MU_IR_CONST &&
                            ((const mu_ir_const *)entity)->kind == MU_IR_CONST_INT;
        return is_int_const ? hail_parse_int(parser, to) : hail_parse_fp(parser, to);
    }
    return is_int(token) ? hail_parse_int(parser, to)
                         : hail_refuse_value(parser, to,
                                             "a double, an int<52>, {reference tag} or *location");
}

static bool parse_scalar(hail_parser *parser, const hail_place *to)
{
    const mu_ir_token *token = &parser->token;
    switch (to->type->kind) {
    case MU_IR_INT:
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR:
        return is_int(token) || is_name(token)
                   ? hail_parse_int(parser, to)
                   : hail_refuse_value(parser, to, "an integer, a constant or *location");
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE:
        return is_fp(token) || is_name(token)
                   ? hail_parse_fp(parser, to)
                   : hail_refuse_value(parser, to,
                                       to->type->kind == MU_IR_FLOAT
                                           ? "a float such as 1.5f, a constant or *location"
                                           : "a double such as 1.5d, a constant or *location");
    case MU_IR_TAGREF64: return parse_tagref(parser, to);
    case MU_IR_VOID: return hail_refuse_value(parser, to, "no value");
    default: return parse_reference(parser, to);
    }
}

bool hail_parse_value(hail_parser *parser, const hail_place *to)
{
    if (!to->is_known) {
        return hail_skip_value(parser);
    }
    if (parser->token.kind == '*') {
        return hail_parse_load(parser, to);
    }
    if (!hail_is_composite(to)) {
        return parse_scalar(parser, to);
    }
    if (parser->token.kind != '{') {
        return hail_refuse_value(parser, to, "a list {…} or *location");
    }
    return parse_list(parser, to, hail_member_count(to), hail_member);
}
