/* The display form of values. The walk goes down a type, so its depth is bounded by that of types;
 * it ends at the first piece that does not fit. */
#include "mu_ir_value.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

#define WIDE_BITS 128u
/* Room for one scalar. */
#define SCALAR_BYTES 160u

typedef struct show_state {
    mu_ir_show_leaf_fn *leaf;
    void *context;
    locale_t c_locale;
    char *text;
    size_t bytes;
    size_t used;
    bool is_cut;
} show_state;

static const char cut_mark[] = "...}";

/* Whatever follows, there is room for the mark. */
static void add(show_state *self, const char *piece)
{
    size_t length = strlen(piece);
    if (self->is_cut) {
        return;
    }
    if (self->used + length + sizeof cut_mark > self->bytes) {
        memcpy(self->text + self->used, cut_mark, sizeof cut_mark);
        self->is_cut = true;
        return;
    }
    memcpy(self->text + self->used, piece, length + 1);
    self->used += length;
}

static void show_int(const mu_ir_type *type, const void *memory, char text[SCALAR_BYTES])
{
    wide value = 0;
    memcpy(&value, memory, type->size_bytes);
    bool negative = type->bits > 1 && (value >> (type->bits - 1) & 1);
    if (negative) {
        value = (0 - value) & (~(wide)0 >> (WIDE_BITS - type->bits));
    }
    char digits[48];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + (unsigned)(value % 10));
        value /= 10;
    } while (value);
    snprintf(text, SCALAR_BYTES, "%s%s", negative ? "-" : "", digits + at);
}

/* The fewest digits that read back as the same number. */
static void show_fp(const show_state *self, const mu_ir_type *type, const void *memory,
                    char text[SCALAR_BYTES])
{
    bool is_single = type->kind == MU_IR_FLOAT;
    float single_value = 0;
    double number = 0;
    if (is_single) {
        memcpy(&single_value, memory, sizeof single_value);
        number = (double)single_value;
    } else {
        memcpy(&number, memory, sizeof number);
    }
    if (isnan(number)) {
        snprintf(text, SCALAR_BYTES, "nan");
        return;
    }
    locale_t previous = uselocale(self->c_locale);
    for (int digits = is_single ? 6 : 15; digits <= (is_single ? 9 : 17); digits++) {
        snprintf(text, SCALAR_BYTES, "%.*g", digits, number);
        bool same = is_single ? strtof(text, NULL) == single_value : strtod(text, NULL) == number;
        if (same) {
            break;
        }
    }
    uselocale(previous);
}

static const char *word_of(mu_ir_type_kind kind)
{
    switch ((int)kind) {
    case MU_IR_IREF: return "iref";
    case MU_IR_WEAKREF: return "weakref";
    case MU_IR_THREADREF: return "threadref";
    case MU_IR_STACKREF: return "stackref";
    case MU_IR_FRAMECURSORREF: return "framecursorref";
    case MU_IR_IRNODEREF: return "irnoderef";
    default: return "ref";
    }
}

static void show_scalar(show_state *self, const mu_ir_type *type, const void *memory)
{
    char text[SCALAR_BYTES] = "";
    uint64_t words[2] = {0, 0};
    switch ((int)type->kind) {
    case MU_IR_INT: show_int(type, memory, text); break;
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE: show_fp(self, type, memory, text); break;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR:
        memcpy(words, memory, sizeof words[0]);
        snprintf(text, sizeof text, "0x%llx", (unsigned long long)words[0]);
        break;
    case MU_IR_TAGREF64: self->leaf(self->context, type, memory, text, sizeof text); break;
    default:
        memcpy(words, memory, type->size_bytes);
        if (type->kind == MU_IR_FUNCREF && words[0]) {
            self->leaf(self->context, type, memory, text, sizeof text);
        } else {
            snprintf(text, sizeof text, "%s", words[0] || words[1] ? word_of(type->kind) : "null");
        }
        break;
    }
    add(self, text);
}

static void show(show_state *self, const mu_ir_type *type, const unsigned char *memory)
{
    bool is_struct = type->kind == MU_IR_STRUCT;
    if (!is_struct && type->kind != MU_IR_ARRAY && type->kind != MU_IR_VECTOR) {
        show_scalar(self, type, memory);
        return;
    }
    uint64_t count = is_struct ? type->field_count : type->length;
    for (uint64_t i = 0; i < count && !self->is_cut; i++) {
        add(self, i ? ", " : "{");
        if (is_struct) {
            show(self, type->fields[i], memory + type->offsets[i]);
        } else {
            show(self, type->element, memory + i * type->stride_bytes);
        }
    }
    add(self, "}");
}

void mu_ir_value_show(const mu_ir_type *type, const void *memory, mu_ir_show_leaf_fn *leaf,
                      void *context, char *text, size_t bytes)
{
    show_state self = {.leaf = leaf, .context = context, .text = text, .bytes = bytes};
    self.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    MU_INVARIANT(self.c_locale != (locale_t)0, "the C locale is missing");
    text[0] = '\0';
    show(&self, type, memory);
    freelocale(self.c_locale);
}
