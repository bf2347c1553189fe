/* What type-system.rest says about types by themselves, and the classes that it sorts them into.
 *
 * Traits of a composite are found bottom up, once each, with a stack of our own: a struct of two of
 * the one before it, repeated, has few types and astronomically many components. Only types that
 * have a layout are entered, since these cannot contain themselves. */
#include "verifier.h"

typedef struct trait_frame {
    const mu_ir_type *type;
    uint32_t next; /* member to look at */
    uint32_t traits;
} trait_frame;
typedef MU_ARRAY(trait_frame) trait_stack;

static bool is_composite(const mu_ir_type *type)
{
    return is_kind(type, MU_IR_STRUCT) || is_kind(type, MU_IR_HYBRID) ||
           is_kind(type, MU_IR_ARRAY) || is_kind(type, MU_IR_VECTOR);
}

bool mu_verify_is_scalar(const mu_ir_type *type)
{
    return !is_composite(type) && !is_kind(type, MU_IR_VOID);
}

bool mu_verify_is_general_ref(const mu_ir_type *type)
{
    switch (type->kind) {
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
    case MU_IR_FUNCREF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: return true;
    default: return false;
    }
}

bool mu_verify_is_eq_comparable(const mu_ir_type *type)
{
    return is_kind(type, MU_IR_INT) || is_pointer(type) ||
           (type && mu_verify_is_general_ref(type) && type->kind != MU_IR_WEAKREF);
}

bool mu_verify_is_ult_comparable(const mu_ir_type *type)
{
    return is_kind(type, MU_IR_INT) || is_kind(type, MU_IR_IREF) || is_pointer(type);
}

const mu_ir_type *mu_verify_lane_of(const mu_ir_type *type)
{
    return is_kind(type, MU_IR_VECTOR) ? type->element : type;
}

bool mu_verify_same_lanes(const mu_ir_type *a, const mu_ir_type *b)
{
    bool both = is_kind(a, MU_IR_VECTOR) && is_kind(b, MU_IR_VECTOR);
    return both ? a->length == b->length : !is_kind(a, MU_IR_VECTOR) && !is_kind(b, MU_IR_VECTOR);
}

bool mu_verify_same_type(const mu_ir_type *a, const mu_ir_type *b)
{
    return !a || !b || mu_ir_type_equal(a, b);
}

/* ------------------------------------------------------------------------------------- traits */

/* Whether C has such vectors, and compilers agree how they are passed: two lanes or more, a power
 * of two, of whole bytes and no more than a word, in up to 32 bytes. */
static bool is_vector_of_c(const mu_ir_type *type)
{
    const mu_ir_type *lane = type->element;
    bool is_whole = is_kind(lane, MU_IR_INT) && lane->bits <= 64 && lane->bits >= 8 &&
                    !(lane->bits & (lane->bits - 1));
    bool is_power = type->length >= 2 && !(type->length & (type->length - 1));
    return is_power && type->size_bytes <= 32 && (is_whole || is_fp(lane) || is_pointer(lane));
}

static uint32_t own_traits(const mu_ir_type *type)
{
    uint32_t traits = 0;
    if (type->kind == MU_IR_VOID || type->kind == MU_IR_HYBRID || type->kind == MU_IR_WEAKREF) {
        traits |= TRAIT_NOT_VALUE;
    }
    if (mu_verify_is_general_ref(type) || type->kind == MU_IR_TAGREF64) {
        traits |= TRAIT_NOT_NATIVE;
    }
    if (type->kind == MU_IR_VECTOR && !is_vector_of_c(type)) {
        traits |= TRAIT_NOT_IN_C;
    }
    return traits;
}

/* The composite's member number `index`: its fields, then its element type; NULL past the last. */
static const mu_ir_type *member_of(const mu_ir_type *type, uint32_t index)
{
    if (index < type->field_count) {
        return type->fields[index];
    }
    return index == type->field_count ? type->element : NULL;
}

static void push_type(trait_stack *stack, const mu_ir_type *type)
{
    MU_ARRAY_PUSH(stack, (trait_frame){.type = type, .traits = own_traits(type)});
}

static void remember(mu_verifier *v, const mu_ir_type *type, uint32_t traits)
{
    struct known {
        uint32_t canonical;
        uint32_t traits;
    } *known = mu_arena_allocate(v->arena, sizeof *known);
    *known = (struct known){.canonical = type->canonical, .traits = traits};
    mu_map_put(v->traits, &known->canonical, sizeof known->canonical, &known->traits);
}

/* Whether the type's traits are known without entering it. */
static bool find_traits(const mu_verifier *v, const mu_ir_type *type, uint32_t *traits)
{
    *traits = own_traits(type);
    if (!is_composite(type)) {
        return true;
    }
    if (!type->laid_out) {
        *traits = 0;
        return true;
    }
    const uint32_t *known = mu_map_get(v->traits, &type->canonical, sizeof type->canonical);
    if (known) {
        *traits = *known;
    }
    return known != NULL;
}

uint32_t mu_verify_traits_of_type(mu_verifier *v, const mu_ir_type *type)
{
    uint32_t traits;
    if (find_traits(v, type, &traits)) {
        return traits;
    }
    trait_stack stack = {0};
    push_type(&stack, type);
    while (stack.count) {
        trait_frame *top = &stack.items[stack.count - 1];
        const mu_ir_type *member = member_of(top->type, top->next);
        if (!member) {
            remember(v, top->type, top->traits);
            stack.count--;
        } else if (find_traits(v, member, &traits)) {
            top->traits |= traits;
            top->next++;
        } else {
            push_type(&stack, member);
        }
    }
    MU_ARRAY_FREE(&stack);
    (void)find_traits(v, type, &traits);
    return traits;
}

bool mu_verify_is_value_type(mu_verifier *v, const mu_ir_type *type)
{
    return !type || !(mu_verify_traits_of_type(v, type) & TRAIT_NOT_VALUE);
}

/* -------------------------------------------------------------------------------------- rules */

/* "The type parameter T in uptr<T> and the return type and all parameter types of sig in
 * ufuncptr<sig> must be native-safe." A pointer inside counts as safe: it is checked by itself. */
static void check_native_pointer(mu_verifier *v, const mu_ir_type *type)
{
    const mu_ir_type *culprit = NULL;
    if (type->kind == MU_IR_UPTR &&
        (mu_verify_traits_of_type(v, type->element) & TRAIT_NOT_NATIVE)) {
        culprit = type->element;
    }
    const mu_ir_sig *sig = type->kind == MU_IR_UFUNCPTR ? type->sig : NULL;
    for (uint32_t i = 0; sig && !culprit && i < sig->param_count + sig->result_count; i++) {
        const mu_ir_type *used =
            i < sig->param_count ? sig->params[i] : sig->results[i - sig->param_count];
        if (mu_verify_traits_of_type(v, used) & TRAIT_NOT_NATIVE) {
            culprit = used;
        }
    }
    if (culprit) {
        mu_verify_refuse(v, MU_INVALID, type->entity.where,
                         "%s points to %s, which is not native-safe: it holds references",
                         mu_verify_name_of(&type->entity), mu_verify_text_of_type(culprit).text);
    }
}

static void check_type(mu_verifier *v, const mu_ir_type *type)
{
    const char *name = mu_verify_name_of(&type->entity);
    mu_location where = type->entity.where;
    switch (type->kind) {
    case MU_IR_INT:
        if (type->bits > 64 && type->bits != 128) {
            mu_verify_refuse(v, MU_INVALID, where,
                             "%s is int<%u>; the widths that exist are 1 to 64 and 128", name,
                             type->bits);
        }
        break;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
        if (!type->length) {
            mu_verify_refuse(v, MU_INVALID, where,
                             "%s has no elements; an array or vector has at least one", name);
        }
        if (type->kind == MU_IR_VECTOR &&
            (is_composite(type->element) || type->element->kind == MU_IR_WEAKREF)) {
            mu_verify_refuse(v, MU_INVALID, where,
                             "%s is a vector of %s; its elements must be scalar values", name,
                             mu_verify_text_of_type(type->element).text);
        }
        break;
    case MU_IR_STRUCT:
        if (!type->field_count) {
            mu_verify_refuse(v, MU_INVALID, where, "%s has no fields; a struct has at least one",
                             name);
        }
        break;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: check_native_pointer(v, type); break;
    default: break;
    }
}

/* What has no layout was reported by mu_ir_layout, or holds something that was. */
void mu_verify_check_types(mu_verifier *v)
{
    for (uint32_t i = 0; i < v->bundle->type_count; i++) {
        if (v->bundle->types[i]->laid_out) {
            check_type(v, v->bundle->types[i]);
        }
    }
}
