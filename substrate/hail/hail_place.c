/* Locations: a global cell or an object, and the part of it that indices select. All of it is
 * known before anything is made, since the script says how long its hybrids are. */
#include "hail_parser.h"

/* ---------------------------------------------------------------------------------------- counts
 */

static bool count_of_const(hail_parser *parser, const char *what, const mu_ir_token *name,
                           const mu_ir_entity *entity, uint64_t *count)
{
    const mu_ir_const *constant = (const mu_ir_const *)entity;
    if (entity->kind != MU_IR_CONST || constant->kind != MU_IR_CONST_INT ||
        constant->type->kind != MU_IR_INT) {
        hail_error(parser, MU_INVALID, name->where,
                   "%s must be a number or the name of a constant of type int<n>; %s is none", what,
                   hail_token_text(name).text);
        return false;
    }
    uint32_t bits = constant->type->bits;
    *count = bits < 64 ? constant->low & ((1ull << bits) - 1) : constant->low;
    if (bits > 64 && (bits < 128 ? constant->high & ((1ull << (bits - 64)) - 1) : constant->high)) {
        hail_error(parser, MU_INVALID, name->where, "%s has more than 64 bits", what);
        return false;
    }
    return true;
}

bool hail_parse_count(hail_parser *parser, const char *what, bool *is_known, uint64_t *count)
{
    mu_ir_token token = parser->token;
    *is_known = false;
    *count = 0;
    if (token.kind == MU_IR_TOKEN_INT) {
        mu_ir_int_literal literal = mu_ir_int_value(&token);
        hail_advance(parser);
        bool is_negative = literal.negative && (literal.low || literal.high);
        if (is_negative || literal.too_large || literal.high) {
            hail_error(parser, MU_INVALID, token.where, "%s must be a number of at most 64 bits",
                       what);
            return true;
        }
        *count = literal.low;
        *is_known = true;
        return true;
    }
    if (token.kind != MU_IR_TOKEN_GLOBAL) {
        return hail_expected(parser, what);
    }
    const mu_ir_entity *entity = hail_global(parser, "a constant of type int<n>");
    *is_known = entity && count_of_const(parser, what, &token, entity, count);
    return true;
}

/* ---------------------------------------------------------------------------------------- places
 */

bool hail_is_composite(const hail_place *place)
{
    mu_ir_type_kind kind = place->type->kind;
    return place->is_variable_part || kind == MU_IR_STRUCT || kind == MU_IR_HYBRID ||
           kind == MU_IR_ARRAY || kind == MU_IR_VECTOR;
}

uint64_t hail_member_count(const hail_place *place)
{
    const mu_ir_type *type = place->type;
    if (place->is_variable_part) {
        return place->length;
    }
    switch ((int)type->kind) {
    case MU_IR_STRUCT: return type->field_count;
    case MU_IR_HYBRID: return (uint64_t)type->field_count + 1;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return type->length;
    default: return 0;
    }
}

hail_place hail_member(const hail_place *place, uint64_t index)
{
    hail_place member = *place;
    const mu_ir_type *type = place->type;
    member.is_variable_part = false;
    member.length = 0;
    if (place->is_variable_part) {
        member.offset += index * type->size_bytes;
        return member;
    }
    bool has_fields = type->kind == MU_IR_STRUCT || type->kind == MU_IR_HYBRID;
    if (has_fields && index < type->field_count) {
        member.type = type->fields[index];
        member.offset += type->offsets[index];
    } else if (has_fields) {
        member.type = type->element;
        member.offset += type->size_bytes;
        member.is_variable_part = true;
        member.length = place->length;
    } else {
        member.type = type->element;
        member.offset += index * type->stride_bytes;
    }
    return member;
}

uint64_t hail_place_bytes(const hail_place *place)
{
    /* A product that overflows is of an object that no heap has room for: nothing is copied. */
    const mu_ir_type *type = place->type;
    if (place->is_variable_part) {
        return type->size_bytes * place->length;
    }
    return type->size_bytes + (type->kind == MU_IR_HYBRID ? type->stride_bytes * place->length : 0);
}

static bool parse_base(hail_parser *parser, hail_place *place)
{
    mu_ir_token name = parser->token;
    if (name.kind == HAIL_TOKEN_NAME) {
        place->is_known = hail_object(parser, &place->base);
        if (place->is_known) {
            const mu_hail_object *object = &parser->script->objects.items[place->base.code];
            place->type = object->type;
            place->length = object->length;
        }
        return true;
    }
    if (name.kind != MU_IR_TOKEN_GLOBAL) {
        return hail_expected(parser, "the name of a global cell or of an object");
    }
    const mu_ir_entity *entity = hail_global(parser, "a global cell");
    if (entity && entity->kind != MU_IR_GLOBAL) {
        hail_wrong_entity(parser, &name, "a global cell", entity);
    } else if (entity) {
        const mu_ir_global *global = (const mu_ir_global *)entity;
        place->base = hail_cell_base(parser, global);
        place->type = global->type;
        place->is_known = true;
    }
    return true;
}

static void select_member(hail_parser *parser, hail_place *place, mu_location where, uint64_t index)
{
    uint64_t count = hail_member_count(place);
    if (index < count) {
        *place = hail_member(place, index);
        return;
    }
    place->is_known = false;
    hail_text shown = hail_type_text(parser, place->type);
    if (!hail_is_composite(place)) {
        hail_error(parser, MU_INVALID, where, "%s has no parts to index", shown.text);
    } else if (place->is_variable_part) {
        hail_error(parser, MU_INVALID, where,
                   "index %llu is out of range: the variable part has %llu elements",
                   (unsigned long long)index, (unsigned long long)count);
    } else {
        hail_error(parser, MU_INVALID, where, "index %llu is out of range: %s has %llu %s",
                   (unsigned long long)index, shown.text, (unsigned long long)count,
                   place->type->kind == MU_IR_STRUCT   ? "fields"
                   : place->type->kind == MU_IR_HYBRID ? "fields, counting the variable part"
                                                       : "elements");
    }
}

bool hail_parse_place(hail_parser *parser, hail_place *place)
{
    *place = (hail_place){.is_known = false};
    if (!parse_base(parser, place)) {
        return false;
    }
    while (hail_accept(parser, '[')) {
        mu_location where = parser->token.where;
        bool is_known;
        uint64_t index;
        if (!hail_parse_count(parser, "the index", &is_known, &index) ||
            !hail_expect(parser, ']', "']' behind the index")) {
            return false;
        }
        if (place->is_known && is_known) {
            select_member(parser, place, where, index);
        }
        place->is_known = place->is_known && is_known;
    }
    return true;
}
