/* Signatures, constants, global cells and exposed functions (uvm-ir.rest).
 *
 * Recursion among constants is found by a depth-first walk with a stack of our own. Each frame
 * keeps the lowest frame that it can get back to, as in Tarjan's search for components: a constant
 * that can get back to itself is on a cycle, and its items are not held against it again. */
#include "verifier.h"

#include <string.h>

enum { COLOR_NEW, COLOR_OPEN, COLOR_DONE, COLOR_CYCLIC };

typedef struct const_frame {
    const mu_ir_const *constant;
    uint32_t next;   /* item to look at */
    uint32_t lowest; /* depth of the lowest frame reached from here */
    bool is_closed;  /* some frame above reached this one */
} const_frame;

typedef struct const_walk {
    mu_verifier *v;
    uint8_t *colors;  /* by number in the bundle */
    uint32_t *depths; /* likewise, of open ones */
    MU_ARRAY(const_frame) stack;
} const_walk;

static const mu_ir_type *type_of_entity(const mu_ir_entity *entity)
{
    switch (entity->kind) {
    case MU_IR_CONST: return ((const mu_ir_const *)entity)->type;
    case MU_IR_GLOBAL: return ((const mu_ir_global *)entity)->iref_type;
    case MU_IR_FUNC: return ((const mu_ir_func *)entity)->funcref_type;
    case MU_IR_EXPOSE: return ((const mu_ir_expose *)entity)->pointer_type;
    default: return NULL;
    }
}

/* --------------------------------------------------------------------------------- signatures */

static void check_sig_types(mu_verifier *v, const mu_ir_sig *sig, mu_ir_type *const *types,
                            uint32_t count, const char *what)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!mu_verify_is_value_type(v, types[i])) {
            mu_verify_refuse(v, MU_INVALID, sig->entity.where,
                             "%s %u of %s is %s, which no value can have", what, i + 1,
                             mu_verify_name_of(&sig->entity),
                             mu_verify_text_of_type(types[i]).text);
        }
    }
}

void mu_verify_check_sigs(mu_verifier *v)
{
    for (uint32_t i = 0; i < v->bundle->sig_count; i++) {
        const mu_ir_sig *sig = v->bundle->sigs[i];
        check_sig_types(v, sig, sig->params, sig->param_count, "parameter");
        check_sig_types(v, sig, sig->results, sig->result_count, "result");
    }
}

/* ---------------------------------------------------------------------------------- constants */

/* Whether the 128-bit literal is representable in `bits` bits, signed or unsigned. */
static bool fits(const mu_ir_const *constant, uint32_t bits)
{
    uint64_t low = constant->low;
    uint64_t high = constant->high;
    if (constant->too_large) {
        return false;
    }
    if (!constant->negative) {
        return bits >= 128 || (!high && (bits >= 64 || low >> bits == 0));
    }
    if (!low && !high) {
        return true; /* -0 */
    }
    if (bits >= 128) {
        return high >> 63;
    }
    /* A negative one is all ones from the sign bit of its width on. */
    return high == UINT64_MAX && (bits > 64 || low >> (bits - 1) == UINT64_MAX >> (bits - 1));
}

static void check_int_const(mu_verifier *v, const mu_ir_const *constant)
{
    const mu_ir_type *type = constant->type;
    if (!is_kind(type, MU_IR_INT) && !is_pointer(type)) {
        mu_verify_refuse(v, MU_INVALID, constant->entity.where,
                         "%s is an integer literal, but its type is %s",
                         mu_verify_name_of(&constant->entity), mu_verify_text_of_type(type).text);
        return;
    }
    uint32_t bits = type->kind == MU_IR_INT ? type->bits : 64;
    bool is_width = (bits >= 1 && bits <= 64) || bits == 128; /* else the type was reported */
    if (is_width && !fits(constant, bits)) {
        mu_verify_refuse(v, MU_INVALID, constant->entity.where, "the value of %s does not fit %s",
                         mu_verify_name_of(&constant->entity), mu_verify_text_of_type(type).text);
    }
}

static void check_fp_const(mu_verifier *v, const mu_ir_const *constant, mu_ir_type_kind kind)
{
    if (constant->type->kind != kind) {
        mu_verify_refuse(
            v, MU_INVALID, constant->entity.where, "%s is a %s literal, but its type is %s",
            mu_verify_name_of(&constant->entity), kind == MU_IR_FLOAT ? "float" : "double",
            mu_verify_text_of_type(constant->type).text);
    }
}

static void check_null_const(mu_verifier *v, const mu_ir_const *constant)
{
    if (!mu_verify_is_general_ref(constant->type) || constant->type->kind == MU_IR_WEAKREF) {
        mu_verify_refuse(v, MU_INVALID, constant->entity.where,
                         "%s is NULL, but its type is %s; NULL is a value of references only",
                         mu_verify_name_of(&constant->entity),
                         mu_verify_text_of_type(constant->type).text);
    }
}

static void check_list_const(mu_verifier *v, const mu_ir_const *constant)
{
    const mu_ir_type *type = constant->type;
    const char *name = mu_verify_name_of(&constant->entity);
    bool is_struct = type->kind == MU_IR_STRUCT;
    if (!is_struct && type->kind != MU_IR_ARRAY && type->kind != MU_IR_VECTOR) {
        mu_verify_refuse(v, MU_INVALID, constant->entity.where,
                         "%s is a list, but its type is %s; lists are for struct, array and vector",
                         name, mu_verify_text_of_type(type).text);
        return;
    }
    uint64_t wanted = is_struct ? type->field_count : type->length;
    if (constant->item_count != wanted) {
        mu_verify_refuse(v, MU_INVALID, constant->entity.where,
                         "%s has %u items, its type %s has %llu members", name,
                         constant->item_count, mu_verify_text_of_type(type).text,
                         (unsigned long long)wanted);
        return;
    }
    for (uint32_t i = 0; i < constant->item_count; i++) {
        const mu_ir_type *member = is_struct ? type->fields[i] : type->element;
        const mu_ir_type *item = type_of_entity(constant->items[i]);
        if (!mu_verify_same_type(item, member)) {
            mu_verify_refuse(
                v, MU_INVALID, constant->entity.where, "item %u of %s is %s, expected %s", i + 1,
                name, mu_verify_text_of_type(item).text, mu_verify_text_of_type(member).text);
        }
    }
}

static void check_const(mu_verifier *v, const mu_ir_const *constant, bool is_cyclic)
{
    if (!mu_verify_is_value_type(v, constant->type) && constant->kind != MU_IR_CONST_NULL) {
        mu_verify_refuse(
            v, MU_INVALID, constant->entity.where, "the type of %s is %s, which no value can have",
            mu_verify_name_of(&constant->entity), mu_verify_text_of_type(constant->type).text);
        return;
    }
    switch (constant->kind) {
    case MU_IR_CONST_INT: check_int_const(v, constant); break;
    case MU_IR_CONST_FLOAT: check_fp_const(v, constant, MU_IR_FLOAT); break;
    case MU_IR_CONST_DOUBLE: check_fp_const(v, constant, MU_IR_DOUBLE); break;
    case MU_IR_CONST_NULL: check_null_const(v, constant); break;
    case MU_IR_CONST_LIST:
        if (!is_cyclic) {
            check_list_const(v, constant);
        }
        break;
    }
}

/* The color of a constant of this bundle; NULL for other entities, which no cycle goes through. */
static uint8_t *color_of(const const_walk *walk, const mu_ir_entity *entity)
{
    const mu_ir_bundle *bundle = walk->v->bundle;
    bool is_ours = entity->kind == MU_IR_CONST && entity->index < bundle->const_count &&
                   &bundle->consts[entity->index]->entity == entity;
    return is_ours ? &walk->colors[entity->index] : NULL;
}

static void open_const(const_walk *walk, const mu_ir_const *constant)
{
    uint8_t *color = color_of(walk, &constant->entity);
    *color = COLOR_OPEN;
    walk->depths[color - walk->colors] = walk->stack.count;
    MU_ARRAY_PUSH(&walk->stack, (const_frame){.constant = constant, .lowest = walk->stack.count});
}

static void close_const(const_walk *walk)
{
    uint32_t depth = --walk->stack.count;
    const_frame done = walk->stack.items[depth];
    bool is_cyclic = done.is_closed || done.lowest < depth;
    *color_of(walk, &done.constant->entity) = is_cyclic ? COLOR_CYCLIC : COLOR_DONE;
    if (done.is_closed) {
        mu_verify_refuse(walk->v, MU_INVALID, done.constant->entity.where,
                         "the constant %s is a part of itself",
                         mu_verify_name_of(&done.constant->entity));
    }
    if (depth && done.lowest < walk->stack.items[depth - 1].lowest) {
        walk->stack.items[depth - 1].lowest = done.lowest;
    }
}

static void visit_item(const_walk *walk, const mu_ir_entity *item)
{
    const uint8_t *color = color_of(walk, item);
    if (!color || *color == COLOR_DONE || *color == COLOR_CYCLIC) {
        return;
    }
    if (*color == COLOR_NEW) {
        open_const(walk, (const mu_ir_const *)item);
        return;
    }
    uint32_t depth = walk->depths[color - walk->colors];
    walk->stack.items[depth].is_closed = true;
    const_frame *top = &walk->stack.items[walk->stack.count - 1];
    top->lowest = depth < top->lowest ? depth : top->lowest;
}

static void find_cycles(const_walk *walk, const mu_ir_const *start)
{
    const uint8_t *color = color_of(walk, &start->entity);
    if (!color || *color != COLOR_NEW) {
        return;
    }
    open_const(walk, start);
    while (walk->stack.count) {
        const_frame *top = &walk->stack.items[walk->stack.count - 1];
        if (top->constant->kind == MU_IR_CONST_LIST && top->next < top->constant->item_count) {
            visit_item(walk, top->constant->items[top->next++]);
        } else {
            close_const(walk);
        }
    }
}

void mu_verify_check_consts(mu_verifier *v)
{
    const mu_ir_bundle *bundle = v->bundle;
    const_walk walk = {.v = v,
                       .colors = mu_allocate(bundle->const_count),
                       .depths = mu_allocate(sizeof(uint32_t) * bundle->const_count)};
    for (uint32_t i = 0; i < bundle->const_count; i++) {
        const mu_ir_const *constant = bundle->consts[i];
        find_cycles(&walk, constant);
        const uint8_t *color = color_of(&walk, &constant->entity);
        check_const(v, constant, color && *color == COLOR_CYCLIC);
    }
    MU_ARRAY_FREE(&walk.stack);
    mu_free(walk.depths);
    mu_free(walk.colors);
}

/* ------------------------------------------------------------------- cells, exposed functions */

void mu_verify_check_globals(mu_verifier *v)
{
    for (uint32_t i = 0; i < v->bundle->global_count; i++) {
        const mu_ir_global *global = v->bundle->globals[i];
        if (is_kind(global->type, MU_IR_VOID) || is_kind(global->type, MU_IR_HYBRID)) {
            mu_verify_refuse(v, MU_INVALID, global->entity.where,
                             "the cell %s is %s; a cell cannot be void or hybrid",
                             mu_verify_name_of(&global->entity),
                             mu_verify_text_of_type(global->type).text);
        }
    }
}

bool mu_verify_is_known_convention(const char *flag)
{
    return flag && strcmp(flag, "#DEFAULT") == 0;
}

const char *mu_verify_native_sig_fault(mu_verifier *v, const mu_ir_sig *sig)
{
    if (sig->result_count > 1) {
        return "has more than one result";
    }
    for (uint32_t i = 0; i < sig->param_count + sig->result_count; i++) {
        const mu_ir_type *type =
            i < sig->param_count ? sig->params[i] : sig->results[i - sig->param_count];
        if (mu_verify_traits_of_type(v, type) & TRAIT_NOT_NATIVE) {
            return "has types that are not native-safe";
        }
        if (is_kind(type, MU_IR_ARRAY)) {
            return "passes an array by value";
        }
    }
    return NULL;
}

void mu_verify_check_exposes(mu_verifier *v)
{
    for (uint32_t i = 0; i < v->bundle->expose_count; i++) {
        const mu_ir_expose *expose = v->bundle->exposes[i];
        const char *name = mu_verify_name_of(&expose->entity);
        uint64_t before = v->invalid;
        if (!mu_verify_is_known_convention(expose->convention)) {
            mu_verify_refuse(v, MU_INVALID, expose->entity.where,
                             "%s has the calling convention %s; the one there is is #DEFAULT", name,
                             expose->convention);
        }
        if (!is_int_of(expose->cookie->type, 64)) {
            mu_verify_refuse(v, MU_INVALID, expose->entity.where,
                             "the cookie of %s is %s, expected int<64>", name,
                             mu_verify_text_of_type(expose->cookie->type).text);
        }
        const char *fault = mu_verify_native_sig_fault(v, expose->func->sig);
        if (fault) {
            mu_verify_refuse(v, MU_INVALID, expose->entity.where,
                             "%s cannot be called from C: its signature %s", name, fault);
        }
        if (v->invalid == before && !mu_verify_refuse_native_expose(v, expose)) {
            mu_verify_refuse_uncompiled_expose(v, expose);
        }
    }
}
