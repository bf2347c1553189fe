/* tagref64. Its image is a double, or a negative NaN whose payload numbers an entry of a list that
 * only grows, with what the word holds; so nothing here knows how the compiler packs. What is read
 * as what it is not is NaN, 0, NULL or the tag 0. */
#include "oracle_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BOXED 0xfff8000000000000u

static const tagref_box *box_of(const oracle *self, const uint8_t *image)
{
    uint64_t word = read_word(image);
    return word > BOXED ? &self->boxes.items[word - BOXED - 1] : NULL;
}

static void write_box(oracle *self, uint8_t *image, tagref_box box)
{
    MU_ARRAY_PUSH(&self->boxes, box);
    write_word(image, BOXED + self->boxes.count);
}

oracle_object *object_of_tagref(const oracle *self, const uint8_t *image)
{
    const tagref_box *box = box_of(self, image);
    return box ? box->object : NULL;
}

static void write_double(uint8_t *image, double value)
{
    memcpy(image, &value, sizeof value);
}

void image_from_tagref(oracle *self, uint8_t *image, const oracle_value *value)
{
    if (value->is_integer || value->is_null) {
        write_box(
            self, image,
            (tagref_box){.is_ref = value->is_null, .integer = value->integer & mask_of_bits(52)});
    } else {
        write_double(image, isnan(value->double_value) ? (double)NAN : value->double_value);
    }
}

void show_tagref(const oracle *self, const uint8_t *image, char *text, size_t bytes)
{
    const tagref_box *box = box_of(self, image);
    double number;
    memcpy(&number, image, sizeof number);
    if (!box) {
        snprintf(text, bytes, "double %.17g", number);
    } else if (box->is_ref) {
        snprintf(text, bytes, "%s with tag %u", box->object ? "ref" : "NULL", (unsigned)box->tag);
    } else {
        snprintf(text, bytes, "int<52> %lld", (long long)sign_extended(box->integer, 52));
    }
}

static void make(oracle *self, frame *at, uint8_t *result)
{
    tagref_box box = {.is_ref = inst_of(at)->comminst == MU_COMMINST_TR64_FROM_REF};
    if (inst_of(at)->comminst == MU_COMMINST_TR64_FROM_FP) {
        double value;
        memcpy(&value, operand(at, 0), sizeof value);
        write_double(result, isnan(value) ? (double)NAN : value);
        return;
    }
    if (box.is_ref) {
        box.object = read_ref(operand(at, 0));
        box.tag = *operand(at, 1);
    } else {
        box.integer = read_word(operand(at, 0));
    }
    write_box(self, result, box);
}

bool do_tagref(oracle *self, frame *at)
{
    mu_ir_comminst comminst = inst_of(at)->comminst;
    if (comminst < MU_COMMINST_TR64_IS_FP || comminst > MU_COMMINST_TR64_TO_TAG) {
        return false;
    }
    uint8_t *result = result_image(at, 0);
    const uint8_t *image = operand(at, 0);
    bool makes = comminst >= MU_COMMINST_TR64_FROM_FP && comminst <= MU_COMMINST_TR64_FROM_REF;
    const tagref_box *box = makes ? NULL : box_of(self, image);
    switch (comminst) { /* NOLINT: the ones about tagref64 */
    case MU_COMMINST_TR64_IS_FP: *result = !box; break;
    case MU_COMMINST_TR64_IS_INT: *result = box && !box->is_ref; break;
    case MU_COMMINST_TR64_IS_REF: *result = box && box->is_ref; break;
    case MU_COMMINST_TR64_TO_FP:
        if (box) {
            write_double(result, (double)NAN);
        } else {
            write_word(result, read_word(image));
        }
        break;
    case MU_COMMINST_TR64_TO_INT: write_word(result, box && !box->is_ref ? box->integer : 0); break;
    case MU_COMMINST_TR64_TO_REF: write_ref(result, box ? box->object : NULL); break;
    case MU_COMMINST_TR64_TO_TAG: *result = box ? box->tag : 0; break;
    default: make(self, at, result); break;
    }
    continue_normally(self);
    return true;
}
