/* Mu's types and signatures as libffi has them. */
#include "oracle_native.h"

#include <string.h>

static ffi_type *int_of_bits(uint32_t bits)
{
    return bits <= 8    ? &ffi_type_uint8
           : bits <= 16 ? &ffi_type_uint16
           : bits <= 32 ? &ffi_type_uint32
                        : &ffi_type_uint64;
}

/* How many scalars the type is made of. */
static uint64_t count_of(const mu_ir_type *type)
{
    uint64_t count = 0;
    switch ((int)type->kind) {
    case MU_IR_STRUCT:
        for (uint32_t i = 0; i < type->field_count; i++) {
            count += type->fields[i]->kind == MU_IR_ARRAY ? count_of(type->fields[i]) : 1;
        }
        return count;
    case MU_IR_ARRAY: return type->length * count_of(type->element);
    default: return 1;
    }
}

/* C has no arrays as values, so an array is as many fields of the struct it is in. */
static ffi_type **add_fields(mu_arena *arena, ffi_type **next, const mu_ir_type *type)
{
    if (type->kind != MU_IR_ARRAY) {
        *next = native_type(arena, type);
        return next + 1;
    }
    for (uint64_t i = 0; i < type->length; i++) {
        next = add_fields(arena, next, type->element);
    }
    return next;
}

ffi_type *native_type(mu_arena *arena, const mu_ir_type *type)
{
    switch ((int)type->kind) {
    case MU_IR_INT: return int_of_bits(type->bits);
    case MU_IR_FLOAT: return &ffi_type_float;
    case MU_IR_DOUBLE: return &ffi_type_double;
    case MU_IR_STRUCT: {
        ffi_type *made = MU_ARENA_ARRAY(arena, ffi_type, 1);
        uint64_t count = count_of(type);
        made->type = FFI_TYPE_STRUCT;
        made->elements = MU_ARENA_ARRAY(arena, ffi_type *, count + 1);
        ffi_type **next = made->elements;
        for (uint32_t i = 0; i < type->field_count; i++) {
            next = add_fields(arena, next, type->fields[i]);
        }
        *next = NULL;
        return made;
    }
    default: return &ffi_type_pointer;
    }
}

void native_prepare(mu_arena *arena, const mu_ir_sig *sig, ffi_cif *cif)
{
    ffi_type **types = MU_ARENA_ARRAY(arena, ffi_type *, sig->param_count + 1);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        types[i] = native_type(arena, sig->params[i]);
    }
    ffi_type *result = sig->result_count ? native_type(arena, sig->results[0]) : &ffi_type_void;
    ffi_status status = ffi_prep_cif(cif, FFI_DEFAULT_ABI, sig->param_count, result, types);
    MU_INVARIANT(status == FFI_OK, "libffi refuses a signature: %d", (int)status);
}

void native_copy(uint8_t *image, const mu_ir_type *type, const void *value)
{
    memcpy(image, value, size_of_type(type));
    if (type->kind == MU_IR_INT) {
        write_int(image, type, read_int(image, type));
    }
}
