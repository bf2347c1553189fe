#include "derived_types.h"

#include <string.h>

typedef struct form_key {
    uint64_t kind;
    uint64_t bits;
    uint64_t length;
    const void *element;
    const void *sig;
} form_key;

static form_key key_of(const mu_ir_type *form)
{
    return (form_key){.kind = (uint64_t)form->kind,
                      .bits = form->bits,
                      .length = form->length,
                      .element = form->element,
                      .sig = form->sig};
}

static bool is_complete(const mu_ir_type *form)
{
    switch (form->kind) {
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
    case MU_IR_UPTR:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return form->element != NULL;
    case MU_IR_FUNCREF:
    case MU_IR_UFUNCPTR: return form->sig != NULL;
    case MU_IR_STRUCT:
    case MU_IR_HYBRID: return false;
    case MU_IR_INT:
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE:
    case MU_IR_VOID:
    case MU_IR_TAGREF64:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: break;
    }
    return true;
}

mu_ir_type *mu_ir_derived(const mu_ir_bundle *bundle, const mu_ir_type *form)
{
    if (!is_complete(form)) {
        return NULL;
    }
    form_key key = key_of(form);
    mu_ir_type *type = NULL;
    if (bundle->base) {
        type = mu_map_get(bundle->base->root->bundle->derived_index, &key, sizeof key);
    }
    if (!type && bundle->derived_index) {
        type = mu_map_get(bundle->derived_index, &key, sizeof key);
    }
    return type;
}

void mu_ir_derived_add(mu_ir_bundle *bundle, mu_ir_type *type)
{
    if (!is_complete(type) || mu_ir_derived(bundle, type)) {
        return;
    }
    if (!bundle->derived_index) {
        bundle->derived_index = mu_map_new();
    }
    form_key *key = MU_ARENA_NEW(bundle->arena, form_key);
    *key = key_of(type);
    mu_map_put(bundle->derived_index, key, sizeof *key, type);
}

mu_ir_type *mu_ir_derive(mu_ir_bundle *bundle, const mu_ir_type *form)
{
    mu_ir_type *type = mu_ir_derived(bundle, form);
    if (type || !is_complete(form)) {
        return type;
    }
    type = MU_ARENA_NEW(bundle->arena, mu_ir_type);
    type->entity.kind = MU_IR_TYPE;
    type->kind = form->kind;
    type->bits = form->bits;
    type->length = form->length;
    type->element = form->element;
    type->sig = form->sig;
    mu_ir_derived_add(bundle, type);

    /* The array's capacity is the least power of two that holds it. */
    uint32_t count = bundle->derived_count;
    if ((count & (count - 1)) == 0) {
        mu_ir_type **grown = MU_ARENA_ARRAY(bundle->arena, mu_ir_type *, count ? 2 * count : 1);
        if (count) {
            memcpy(grown, bundle->derived, sizeof(mu_ir_type *) * count);
        }
        bundle->derived = grown;
    }
    bundle->derived[bundle->derived_count++] = type;
    return type;
}
