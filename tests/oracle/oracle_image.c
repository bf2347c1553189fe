/* Byte images of values, and their ways in and out. */
#include "mu_ir_value.h"
#include "oracle_state.h"

#include <stdio.h>
#include <string.h>

uint64_t size_of_type(const mu_ir_type *type)
{
    switch (type->kind) {
    case MU_IR_INT:
        MU_INVARIANT(type->bits <= 64 || type->bits == 128, "int<%u>", type->bits);
        return type->bits <= 8    ? 1
               : type->bits <= 16 ? 2
               : type->bits <= 32 ? 4
               : type->bits <= 64 ? 8
                                  : 16;
    case MU_IR_FLOAT: return 4;
    case MU_IR_IREF: return sizeof(iref_image);
    case MU_IR_VOID: return 0;
    case MU_IR_STRUCT:
    case MU_IR_HYBRID:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: MU_INVARIANT(type->laid_out, "no layout"); return type->size_bytes;
    case MU_IR_DOUBLE:
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR:
    case MU_IR_REF:
    case MU_IR_WEAKREF:
    case MU_IR_TAGREF64:
    case MU_IR_FUNCREF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: return 8;
    }
    return 0;
}

uint64_t mask_of_bits(uint32_t bits)
{
    return bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

int64_t sign_extended(uint64_t value, uint32_t bits)
{
    if (bits >= 64) {
        return (int64_t)value;
    }
    uint64_t sign = (uint64_t)1 << (bits - 1);
    return (int64_t)(((value & mask_of_bits(bits)) ^ sign) - sign);
}

static uint32_t bits_of_type(const mu_ir_type *type)
{
    return type->kind == MU_IR_INT ? type->bits : 64;
}

/* Of a wide int, the low word is what the outside sees. */
static size_t word_bytes(const mu_ir_type *type)
{
    uint64_t size = size_of_type(type);
    return size < sizeof(uint64_t) ? size : sizeof(uint64_t);
}

uint64_t read_int(const uint8_t *image, const mu_ir_type *type)
{
    uint64_t value = 0;
    memcpy(&value, image, word_bytes(type));
    return value & mask_of_bits(bits_of_type(type));
}

void write_int(uint8_t *image, const mu_ir_type *type, uint64_t value)
{
    value &= mask_of_bits(bits_of_type(type));
    memcpy(image, &value, word_bytes(type));
}

double read_fp(const uint8_t *image, const mu_ir_type *type)
{
    if (type->kind == MU_IR_FLOAT) {
        float value;
        memcpy(&value, image, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, image, sizeof value);
    return value;
}

oracle_object *read_ref(const uint8_t *image)
{
    oracle_object *object;
    memcpy(&object, image, sizeof object);
    return object;
}

void write_ref(uint8_t *image, oracle_object *object)
{
    memcpy(image, &object, sizeof object);
}

iref_image read_iref(const uint8_t *image)
{
    iref_image iref;
    memcpy(&iref, image, sizeof iref);
    return iref;
}

void write_iref(uint8_t *image, oracle_object *object, int64_t offset)
{
    iref_image iref = {object, offset};
    memcpy(image, &iref, sizeof iref);
}

uint64_t read_word(const uint8_t *image)
{
    uint64_t value;
    memcpy(&value, image, sizeof value);
    return value;
}

void write_word(uint8_t *image, uint64_t value)
{
    memcpy(image, &value, sizeof value);
}

static oracle_object *global_cell(oracle *self, const mu_ir_global *global)
{
    const uint32_t *id = &global->entity.id;
    oracle_object *cell = mu_map_get(self->cells, id, sizeof *id);
    if (!cell) {
        cell = object_new(global->type, 0, size_of_type(global->type), PLACE_GLOBAL);
        cell->next = self->globals;
        self->globals = cell;
        mu_map_put(self->cells, id, sizeof *id, cell);
    }
    return cell;
}

static void write_const(oracle *self, uint8_t *image, const mu_ir_const *constant)
{
    const mu_ir_type *type = constant->type;
    switch (constant->kind) {
    case MU_IR_CONST_INT:
        if (type->kind == MU_IR_INT && type->bits > 64) {
            write_word(image, constant->low);
            write_word(image + sizeof(uint64_t), constant->high);
        } else {
            write_int(image, type, constant->low);
        }
        break;
    case MU_IR_CONST_FLOAT: memcpy(image, &constant->single_value, sizeof(float)); break;
    case MU_IR_CONST_DOUBLE: memcpy(image, &constant->double_value, sizeof(double)); break;
    case MU_IR_CONST_NULL: memset(image, 0, size_of_type(type)); break;
    case MU_IR_CONST_LIST:
        for (uint32_t i = 0; i < constant->item_count; i++) {
            uint64_t offset =
                type->kind == MU_IR_STRUCT ? type->offsets[i] : i * type->stride_bytes;
            write_entity(self, image + offset, constant->items[i]);
        }
        break;
    }
}

void write_entity(oracle *self, uint8_t *image, const mu_ir_entity *entity)
{
    switch (entity->kind) {
    case MU_IR_CONST: write_const(self, image, (const mu_ir_const *)entity); break;
    case MU_IR_GLOBAL: write_iref(image, global_cell(self, (const mu_ir_global *)entity), 0); break;
    case MU_IR_FUNC: write_word(image, ((const mu_ir_func *)entity)->number); break;
    case MU_IR_EXPOSE:
        write_word(image, exposed_address(self, (const mu_ir_expose *)entity));
        break;
    case MU_IR_TYPE:
    case MU_IR_SIG:
    case MU_IR_VERSION:
    case MU_IR_BLOCK:
    case MU_IR_VARIABLE:
    case MU_IR_INST: write_word(image, 0); break;
    }
}

static void show_leaf(void *context, const mu_ir_type *type, const void *memory, char *text,
                      size_t bytes)
{
    const oracle *self = context;
    if (type->kind == MU_IR_TAGREF64) {
        show_tagref(self, memory, text, bytes);
    } else {
        snprintf(text, bytes, "%s", oracle_function_name(self, read_word(memory)));
    }
}

static void show_other(const oracle *self, const uint8_t *image, oracle_value *value)
{
    mu_ir_value_show(value->type, image, show_leaf, (void *)(uintptr_t)self, value->text,
                     sizeof value->text);
}

oracle_value value_from_image(const oracle *self, const uint8_t *image, const mu_ir_type *type)
{
    oracle_value value = {.type = type};
    switch (type->kind) {
    case MU_IR_INT:
        if (is_wide(type)) {
            show_other(self, image, &value);
            break;
        }
        value.integer = read_int(image, type);
        break;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: value.integer = read_int(image, type); break;
    case MU_IR_FLOAT: memcpy(&value.single_value, image, sizeof(float)); break;
    case MU_IR_DOUBLE: memcpy(&value.double_value, image, sizeof(double)); break;
    case MU_IR_REF:
    case MU_IR_WEAKREF:
        value.object = read_ref(image);
        value.is_null = value.object == NULL;
        break;
    case MU_IR_IREF: {
        iref_image iref = read_iref(image);
        value.object = iref.object;
        value.is_null = iref.object == NULL && iref.offset == 0;
        break;
    }
    case MU_IR_FUNCREF:
        value.integer = read_word(image);
        value.is_null = value.integer == 0;
        break;
    case MU_IR_VECTOR:
    case MU_IR_STRUCT:
    case MU_IR_ARRAY:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: show_other(self, image, &value); break;
    case MU_IR_HYBRID:
    case MU_IR_VOID:
    case MU_IR_TAGREF64: break;
    }
    return value;
}

void image_from_value(oracle *self, uint8_t *image, const mu_ir_type *type,
                      const oracle_value *value)
{
    memset(image, 0, size_of_type(type));
    if (value->literal) {
        mu_status status = mu_ir_value_read(type, value->literal, "", NULL, image);
        MU_INVARIANT(status == MU_OK, "no value: %s", value->literal);
        return;
    }
    switch (type->kind) {
    case MU_IR_INT:
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: write_int(image, type, value->integer); break;
    case MU_IR_FLOAT: memcpy(image, &value->single_value, sizeof(float)); break;
    case MU_IR_DOUBLE: memcpy(image, &value->double_value, sizeof(double)); break;
    case MU_IR_REF: write_ref(image, value->object); break;
    case MU_IR_FUNCREF: write_word(image, value->integer); break;
    case MU_IR_TAGREF64: image_from_tagref(self, image, value); break;
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
    case MU_IR_STRUCT:
    case MU_IR_HYBRID:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
    case MU_IR_VOID:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: break; /* NULL or zero: nothing else can be made outside */
    }
}
