/* `*location`: what is in memory when the script is performed. */
#include "hail_parser.h"

#include <string.h>

bool hail_begins_with(hail_parser *parser, const mu_ir_type *type, const mu_ir_type *prefix)
{
    static const char yes, no;
    if (prefix->kind == MU_IR_VOID || mu_ir_type_equal(type, prefix)) {
        return true;
    }
    uint32_t pair[2] = {type->canonical, prefix->canonical};
    const char *known = mu_map_get(parser->prefixes, pair, sizeof pair);
    if (!known) {
        uint32_t *key = mu_arena_allocate(parser->arena, sizeof pair);
        memcpy(key, pair, sizeof pair);
        known = mu_ir_type_begins_with(type, prefix) ? &yes : &no;
        mu_map_put(parser->prefixes, key, sizeof pair, (void *)(uintptr_t)known);
    }
    return known == &yes;
}

static bool is_reference(const mu_ir_type *type)
{
    return type->kind == MU_IR_REF || type->kind == MU_IR_WEAKREF;
}

/* Is the same at both places, byte for byte? A variable part is an array of its length. */
static bool is_same(const hail_place *from, const hail_place *to)
{
    bool from_is_array = from->is_variable_part || from->type->kind == MU_IR_ARRAY;
    bool to_is_array = to->is_variable_part || to->type->kind == MU_IR_ARRAY;
    if ((from->is_variable_part || to->is_variable_part) && from_is_array && to_is_array) {
        const mu_ir_type *from_element = from->is_variable_part ? from->type : from->type->element;
        const mu_ir_type *to_element = to->is_variable_part ? to->type : to->type->element;
        return hail_member_count(from) == hail_member_count(to) &&
               mu_ir_type_equal(from_element, to_element);
    }
    return from->is_variable_part == to->is_variable_part &&
           mu_ir_type_equal(from->type, to->type) && from->length == to->length;
}

/* Does an implicit cast make the one of the other? `*wanted` is what a reference must then refer
 * to, if only the value can tell. */
static bool can_cast(hail_parser *parser, const hail_place *from, const hail_place *to,
                     const mu_ir_type **wanted)
{
    const mu_ir_type *a = from->type;
    const mu_ir_type *b = to->type;
    if (from->is_variable_part || to->is_variable_part) {
        return false;
    }
    if ((is_reference(a) && is_reference(b)) || (a->kind == MU_IR_IREF && b->kind == MU_IR_IREF)) {
        bool is_sure =
            !parser->options->checked || hail_begins_with(parser, a->element, b->element);
        *wanted = is_sure ? NULL : b->element;
        return true;
    }
    return a->kind == b->kind &&
           (a->kind == MU_IR_FUNCREF || a->kind == MU_IR_UPTR || a->kind == MU_IR_UFUNCPTR);
}

static bool is_like_int(const mu_ir_type *a, const mu_ir_type *b)
{
    /* The tag of a tagref64 has a type that no bundle need define. */
    return a->kind == MU_IR_INT && b->kind == MU_IR_INT && a->bits == b->bits;
}

static void explain(hail_parser *parser, mu_location where, const hail_place *from,
                    const hail_place *to)
{
    bool are_alike = mu_ir_type_equal(from->type, to->type);
    hail_error(parser, MU_INVALID, where,
               are_alike ? "what is loaded, of type %s, has another length than the location"
                         : "what is loaded is of type %s, the location's is %s",
               hail_type_text(parser, from->type).text, hail_type_text(parser, to->type).text);
}

bool hail_parse_load(hail_parser *parser, const hail_place *to)
{
    hail_place from;
    hail_advance(parser);
    mu_location where = parser->token.where;
    if (!hail_parse_place(parser, &from)) {
        return false;
    }
    if (!from.is_known) {
        return true;
    }
    const mu_ir_type *wanted = NULL;
    bool is_plain =
        !from.is_variable_part && !to->is_variable_part && is_like_int(from.type, to->type);
    if (!is_plain && !is_same(&from, to) && !can_cast(parser, &from, to, &wanted)) {
        explain(parser, where, &from, to);
        return true;
    }
    hail_op op = {.kind = HAIL_OP_COPY,
                  .to = to->base,
                  .to_offset = to->offset,
                  .from = from.base,
                  .from_offset = from.offset,
                  .bytes = hail_place_bytes(&from)};
    if (hail_is_full(parser, parser->copied_bytes, op.bytes, MU_HAIL_COPIES_MAX,
                     "bytes copied by '*'")) {
        return true;
    }
    parser->copied_bytes += op.bytes;
    if (wanted) {
        hail_check check = {
            .wanted = wanted, .is_iref = to->type->kind == MU_IR_IREF, .where = where};
        MU_ARRAY_PUSH(&parser->script->checks, check);
        op.check = parser->script->checks.count;
    }
    hail_store(parser, &op);
    return true;
}
