/* The collector's descriptors, from the IR's types. Short arrays of references are listed element
 * by element, long ones as a NESTED slot, so that a descriptor's size does not follow an array's
 * length. */
#include "stubs.h"

#define FLATTEN_MAX_SLOTS 64u

typedef MU_ARRAY(mu_abi_slot) slot_list;

static void add_type(slot_list *list, uint64_t offset, mu_ir_type *type);

/* A part of its own inside of another type: its few slots, or one that refers to its descriptor.
 * Types may nest so that their slots double at every level, so what is not short is never copied.
 */
static void add_nested(slot_list *list, uint64_t offset, mu_ir_type *type)
{
    const mu_abi_type *part = mu_jit_descriptor(type);
    if (part->slot_count > 1 && list->count + part->slot_count > FLATTEN_MAX_SLOTS) {
        mu_abi_slot slot = {
            .offset_bytes = offset, .kind = MU_ABI_SLOT_NESTED, .count = 1, .nested = part};
        MU_ARRAY_PUSH(list, slot);
        return;
    }
    for (uint32_t i = 0; i < part->slot_count; i++) {
        mu_abi_slot slot = part->slots[i];
        slot.offset_bytes += offset;
        MU_ARRAY_PUSH(list, slot);
    }
}

static void add_array(slot_list *list, uint64_t offset, const mu_ir_type *type)
{
    const mu_abi_type *element = mu_jit_descriptor(type->element);
    if (!element->slot_count) {
        return;
    }
    if (type->length <= FLATTEN_MAX_SLOTS / element->slot_count) {
        for (uint64_t i = 0; i < type->length; i++) {
            add_nested(list, offset + i * type->stride_bytes, type->element);
        }
        return;
    }
    mu_abi_slot slot = {.offset_bytes = offset,
                        .kind = MU_ABI_SLOT_NESTED,
                        .count = type->length,
                        .stride_bytes = type->stride_bytes,
                        .nested = element};
    MU_ARRAY_PUSH(list, slot);
}

static void add_type(slot_list *list, uint64_t offset, mu_ir_type *type)
{
    mu_abi_slot slot = {.offset_bytes = offset, .kind = MU_ABI_SLOT_REF};
    switch (type->kind) {
    case MU_IR_REF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IREF: break;
    case MU_IR_WEAKREF: slot.kind = MU_ABI_SLOT_WEAK; break;
    case MU_IR_TAGREF64: slot.kind = MU_ABI_SLOT_TAGREF64; break;
    case MU_IR_STRUCT:
        for (uint32_t i = 0; i < type->field_count; i++) {
            add_nested(list, offset + type->offsets[i], type->fields[i]);
        }
        return;
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: add_array(list, offset, type); return;
    case MU_IR_INT:
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE:
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR:
    case MU_IR_HYBRID:
    case MU_IR_VOID:
    case MU_IR_FUNCREF:
    case MU_IR_IRNODEREF: return;
    }
    MU_ARRAY_PUSH(list, slot);
}

static void free_descriptor(mu_abi_type *descriptor)
{
    if (descriptor) {
        mu_free((void *)(uintptr_t)descriptor->slots);
        mu_free((void *)(uintptr_t)descriptor->element_slots);
        mu_free(descriptor);
    }
}

/* What it has grown too long goes. */
static const mu_abi_slot *trimmed(const slot_list *list)
{
    return list->count ? mu_reallocate(list->items, list->count * sizeof *list->items) : NULL;
}

static mu_abi_type *make(mu_ir_type *type)
{
    mu_abi_type *descriptor = mu_allocate(sizeof *descriptor);
    slot_list slots = {0};
    descriptor->size_bytes = type->size_bytes;
    descriptor->align_bytes = type->align_bytes > 8 ? 16 : 8;
    descriptor->canonical = type->canonical;
    descriptor->origin = type;
    descriptor->name = type->entity.label ? type->entity.label : "(unnamed type)";
    if (type->kind == MU_IR_HYBRID) {
        descriptor->is_hybrid = true;
        descriptor->stride_bytes = type->stride_bytes;
        descriptor->element_canonical = type->element->canonical;
        slot_list elements = {0};
        for (uint32_t i = 0; i < type->field_count; i++) {
            add_nested(&slots, type->offsets[i], type->fields[i]);
        }
        add_type(&elements, 0, type->element);
        descriptor->element_slots = trimmed(&elements);
        descriptor->element_slot_count = elements.count;
    } else {
        add_type(&slots, 0, type);
    }
    descriptor->slots = trimmed(&slots);
    descriptor->slot_count = slots.count;
    return descriptor;
}

const mu_abi_type *mu_jit_descriptor(mu_ir_type *type)
{
    void *known = __atomic_load_n(&type->descriptor, __ATOMIC_ACQUIRE);
    if (known) {
        return known;
    }
    mu_abi_type *made = make(type);
    void *expected = NULL;
    if (__atomic_compare_exchange_n(&type->descriptor, &expected, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return made;
    }
    free_descriptor(made);
    return expected;
}

/* That of a composite that holds references is made now, since only its making tells. */
static uint64_t descriptor_bytes(mu_ir_type *type)
{
    bool is_composite = type->kind == MU_IR_STRUCT || type->kind == MU_IR_ARRAY ||
                        type->kind == MU_IR_VECTOR || type->kind == MU_IR_HYBRID;
    uint64_t slots = mu_ir_type_has_refs(type);
    if (slots && is_composite) {
        const mu_abi_type *made = mu_jit_descriptor(type);
        slots = (uint64_t)made->slot_count + made->element_slot_count;
    }
    return sizeof(mu_abi_type) + slots * sizeof(mu_abi_slot);
}

uint64_t mu_jit_bundle_bytes(const mu_ir_bundle *bundle)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < bundle->type_count; i++) {
        bytes += descriptor_bytes(bundle->types[i]);
    }
    for (uint32_t i = 0; i < bundle->derived_count; i++) {
        bytes += descriptor_bytes(bundle->derived[i]);
    }
    return bytes;
}

static void free_of_types(mu_ir_type *const *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free_descriptor(types[i]->descriptor);
        types[i]->descriptor = NULL;
    }
}

void quick_free_descriptors(mu_ir_bundle *bundle)
{
    free_of_types(bundle->types, bundle->type_count);
    free_of_types(bundle->derived, bundle->derived_count);
}
