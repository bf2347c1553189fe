/* Values from text. The walk goes down the type, so that no text can make it deeper. */
#include "mu_ir_value.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

#define WIDE_BITS 128u
/* How much of a wrong text a message repeats, and the longest number that is read. */
#define SHOWN_BYTES  40
#define NUMBER_BYTES 1024u

typedef struct read_state {
    const char *what;
    const char *text;
    const char *at;
    mu_report *report;
    locale_t c_locale;
} read_state;

static void skip_blanks(read_state *self)
{
    self->at += strspn(self->at, " \t\n\r,");
}

/* Bytes up to what ends a scalar. */
static size_t word_length(const read_state *self)
{
    return strcspn(self->at, " \t\n\r,{}");
}

static mu_status refuse(read_state *self, mu_status status, const char *expected)
{
    unsigned long long place = (unsigned long long)(self->at - self->text) + 1;
    size_t length = strlen(self->at);
    if (!length) {
        return mu_report_add(self->report, status, (mu_location){0},
                             "%s ends at byte %llu, expected %s", self->what, place, expected);
    }
    return mu_report_add(self->report, status, (mu_location){0},
                         "%s at byte %llu: \"%.*s%s\", expected %s", self->what, place, SHOWN_BYTES,
                         self->at, length > SHOWN_BYTES ? "…" : "", expected);
}

/* The same with the type in words. */
static mu_status refuse_as(read_state *self, const mu_ir_type *type, const char *advice)
{
    char *name = mu_ir_type_text(type);
    mu_arena *arena = mu_arena_new();
    mu_status status =
        refuse(self, MU_INVALID, mu_arena_format(arena, "a value of %s%s", name, advice));
    mu_arena_free(arena);
    mu_free(name);
    return status;
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    unsigned letter = (unsigned)((c | 0x20) - 'a');
    return letter < 6 ? letter + 10 : 16;
}

static bool read_magnitude(const char *digits, size_t length, unsigned base, wide *magnitude)
{
    *magnitude = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned digit = digit_value(digits[i]);
        if (digit >= base || *magnitude > (~(wide)0 - digit) / base) {
            return false;
        }
        *magnitude = *magnitude * base + digit;
    }
    return length > 0;
}

static mu_status read_int(read_state *self, const mu_ir_type *type, void *memory)
{
    const char *digits = self->at;
    size_t length = word_length(self);
    bool negative = *digits == '-';
    size_t sign = *digits == '-' || *digits == '+';
    bool is_hexadecimal =
        length > sign + 2 && digits[sign] == '0' && (digits[sign + 1] | 0x20) == 'x';
    size_t prefix = sign + (is_hexadecimal ? 2 : 0);
    uint32_t bits = type->kind == MU_IR_INT ? type->bits : 64;
    wide mask = ~(wide)0 >> (WIDE_BITS - bits);
    wide magnitude;
    if (!read_magnitude(digits + prefix, length > prefix ? length - prefix : 0,
                        is_hexadecimal ? 16 : 10, &magnitude)) {
        return refuse_as(self, type, ": a decimal or 0x… number");
    }
    if (magnitude > (negative ? (mask >> 1) + 1 : mask)) {
        return refuse_as(self, type, ": the number does not fit");
    }
    magnitude = (negative ? 0 - magnitude : magnitude) & mask;
    memcpy(memory, &magnitude, type->size_bytes);
    self->at += length;
    return MU_OK;
}

static mu_status read_fp(read_state *self, const mu_ir_type *type, void *memory)
{
    char number[NUMBER_BYTES];
    size_t length = word_length(self);
    char *end = number;
    float single_value = 0;
    double double_value = 0;
    if (length < sizeof number) {
        memcpy(number, self->at, length);
        number[length] = '\0';
        single_value = strtof_l(number, &end, self->c_locale);
        double_value = strtod_l(number, &end, self->c_locale);
    }
    if (!length || end != number + length) {
        return refuse_as(self, type, ": a number, inf or nan");
    }
    bool is_single = type->kind == MU_IR_FLOAT;
    /* Infinity has to be asked for by name. */
    if ((is_single ? isinf(single_value) : isinf(double_value)) && !strpbrk(number, "iI")) {
        return refuse_as(self, type, ": the number is too large");
    }
    memcpy(memory, is_single ? (const void *)&single_value : (const void *)&double_value,
           type->size_bytes);
    self->at += length;
    return MU_OK;
}

static mu_status read_null(read_state *self, const mu_ir_type *type, void *memory)
{
    size_t length = word_length(self);
    bool is_null =
        length == 4 && (strncmp(self->at, "null", 4) == 0 || strncmp(self->at, "NULL", 4) == 0);
    if (!is_null) {
        return refuse(self, MU_UNSUPPORTED, "null: no other reference can be given in text");
    }
    memset(memory, 0, type->size_bytes);
    self->at += length;
    return MU_OK;
}

static mu_status read_value(read_state *self, const mu_ir_type *type, unsigned char *memory);

/* "{", the parts, "}". */
static mu_status read_parts(read_state *self, const mu_ir_type *type, unsigned char *memory)
{
    bool is_struct = type->kind == MU_IR_STRUCT;
    uint64_t count = is_struct ? type->field_count : type->length;
    mu_status status = MU_OK;
    if (*self->at != '{') {
        return refuse_as(self, type, ": its parts in braces, as in {1, 2}");
    }
    self->at++;
    for (uint64_t i = 0; i < count; i++) {
        skip_blanks(self);
        if (*self->at == '}') {
            status = refuse_as(self, type, ", which has more parts");
            goto done;
        }
        MU_TRY(is_struct ? read_value(self, type->fields[i], memory + type->offsets[i])
                         : read_value(self, type->element, memory + i * type->stride_bytes));
    }
    skip_blanks(self);
    if (*self->at != '}') {
        status = refuse_as(self, type, ", which has no more parts: a \"}\"");
        goto done;
    }
    self->at++;
done:
    return status;
}

static mu_status read_value(read_state *self, const mu_ir_type *type, unsigned char *memory)
{
    switch (type->kind) {
    case MU_IR_INT:
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: return read_int(self, type, memory);
    case MU_IR_FLOAT:
    case MU_IR_DOUBLE: return read_fp(self, type, memory);
    case MU_IR_REF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF:
    case MU_IR_FUNCREF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IRNODEREF: return read_null(self, type, memory);
    case MU_IR_STRUCT:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR: return read_parts(self, type, memory);
    case MU_IR_HYBRID:
    case MU_IR_VOID:
    case MU_IR_TAGREF64: break;
    }
    return refuse(self, MU_UNSUPPORTED,
                  "nothing: a tagref64 inside of another value cannot be given in text");
}

mu_status mu_ir_value_read(const mu_ir_type *type, const char *text, const char *what,
                           mu_report *report, void *memory)
{
    read_state self = {.what = what, .text = text, .at = text, .report = report};
    mu_status status = MU_OK;
    self.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    MU_INVARIANT(self.c_locale != (locale_t)0, "the C locale is missing");
    memset(memory, 0, type->size_bytes);
    skip_blanks(&self);
    MU_TRY(read_value(&self, type, memory));
    skip_blanks(&self);
    if (*self.at) {
        status = refuse(&self, MU_INVALID, "the end");
    }
done:
    freelocale(self.c_locale);
    return status;
}
