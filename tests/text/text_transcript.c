/* Values in text, and comparing what was seen. Floats are compared by their bits, except that any
 * NaN is as good as another: which NaN an operation gives is left open by IEEE 754. */
#include "text_transcript.h"

#include "native_things.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void transcript_free(transcript *seen)
{
    for (uint32_t i = 0; i < seen->traps.count; i++) {
        seen_trap *trap = &seen->traps.items[i];
        for (uint32_t k = 0; k < trap->frames.count; k++) {
            MU_ARRAY_FREE(&trap->frames.items[k].values);
        }
        MU_ARRAY_FREE(&trap->frames);
    }
    MU_ARRAY_FREE(&seen->traps);
    MU_ARRAY_FREE(&seen->results);
}

void transcript_break(transcript *seen, const char *format, ...)
{
    if (seen->is_broken) {
        return;
    }
    seen->is_broken = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(seen->note, sizeof seen->note, format, arguments);
    va_end(arguments);
}

const text_trap *transcript_next_trap(const transcript *seen, const text_run *run)
{
    uint32_t index = seen->traps.count;
    for (uint32_t i = 0; i < run->trap_count; i++) {
        if (index < run->traps[i].times) {
            return &run->traps[i];
        }
        index -= run->traps[i].times;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------- values */

static uint64_t mask_of(uint32_t bits)
{
    return bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

static bool parse_int(const char *text, uint32_t bits, uint64_t *value)
{
    if (*text == '&') {
        *value = native_thing_address(text + 1);
        return *value != 0;
    }
    bool negative = *text == '-';
    const char *digits = text + (negative || *text == '+');
    char *end;
    errno = 0;
    uint64_t magnitude = strtoull(digits, &end, strncmp(digits, "0x", 2) == 0 ? 16 : 10);
    if (errno || end == digits || *end) {
        return false;
    }
    uint64_t limit = negative ? (uint64_t)1 << (bits - 1) : mask_of(bits);
    *value = (negative ? 0 - magnitude : magnitude) & mask_of(bits);
    return magnitude <= limit;
}

static bool parse_bits(const char *text, uint64_t *bits)
{
    return strncmp(text, "bits(", 5) == 0 && sscanf(text + 5, "%" SCNx64, bits) == 1;
}

static bool parse_fp(const char *text, mu_type_info type, mu_value *value)
{
    uint64_t bits;
    char *end;
    if (type.kind == MU_VALUE_FLOAT) {
        if (parse_bits(text, &bits)) {
            uint32_t low = (uint32_t)bits;
            memcpy(&value->single_value, &low, sizeof low);
            return true;
        }
        value->single_value = strtof(text, &end);
    } else {
        if (parse_bits(text, &bits)) {
            memcpy(&value->double_value, &bits, sizeof bits);
            return true;
        }
        value->double_value = strtod(text, &end);
    }
    return end != text && *end == '\0';
}

/* NULL, an int of 52 bits, or a double. */
static bool make_tagref64(const text_value *written, mu_value *value)
{
    value->kind = MU_VALUE_REF;
    value->is_null = true;
    if (strcmp(written->literal, "NULL") == 0) {
        return true;
    }
    *value = (mu_value){.kind = MU_VALUE_INT, .bits = 52};
    if (parse_int(written->literal, 52, &value->integer)) {
        return true;
    }
    *value = (mu_value){.kind = MU_VALUE_DOUBLE};
    return parse_fp(written->literal, (mu_type_info){MU_VALUE_DOUBLE, 64}, value);
}

bool text_value_make(const text_value *written, mu_type_info type, mu_value *value)
{
    *value = (mu_value){.kind = type.kind, .bits = type.bits};
    switch (type.kind) {
    case MU_VALUE_INT: return parse_int(written->literal, type.bits, &value->integer);
    case MU_VALUE_POINTER: return parse_int(written->literal, 64, &value->integer);
    case MU_VALUE_FLOAT:
    case MU_VALUE_DOUBLE: return parse_fp(written->literal, type, value);
    case MU_VALUE_REF:
    case MU_VALUE_IREF:
    case MU_VALUE_FUNCREF: value->is_null = true; return strcmp(written->literal, "NULL") == 0;
    case MU_VALUE_TAGREF64: return make_tagref64(written, value);
    case MU_VALUE_OTHER: value->literal = written->literal; return true;
    }
    return false;
}

static void type_word(const mu_value *value, char *word, size_t bytes)
{
    switch (value->kind) {
    case MU_VALUE_INT: snprintf(word, bytes, "int<%u>", value->bits); break;
    case MU_VALUE_FLOAT: snprintf(word, bytes, "float"); break;
    case MU_VALUE_DOUBLE: snprintf(word, bytes, "double"); break;
    case MU_VALUE_POINTER: snprintf(word, bytes, "ptr"); break;
    case MU_VALUE_REF: snprintf(word, bytes, "ref"); break;
    case MU_VALUE_IREF: snprintf(word, bytes, "iref"); break;
    case MU_VALUE_FUNCREF: snprintf(word, bytes, "funcref"); break;
    case MU_VALUE_TAGREF64: snprintf(word, bytes, "tagref64"); break;
    case MU_VALUE_OTHER: snprintf(word, bytes, "other"); break;
    }
}

static void show(const mu_value *value, char *text, size_t bytes)
{
    uint32_t float_bits;
    uint64_t double_bits;
    memcpy(&float_bits, &value->single_value, sizeof float_bits);
    memcpy(&double_bits, &value->double_value, sizeof double_bits);
    switch (value->kind) {
    case MU_VALUE_INT:
        snprintf(text, bytes, "int<%u>:0x%" PRIx64, value->bits, value->integer);
        break;
    case MU_VALUE_FLOAT:
        snprintf(text, bytes, "float:%.9g bits(0x%x)", (double)value->single_value, float_bits);
        break;
    case MU_VALUE_DOUBLE:
        snprintf(text, bytes, "double:%.17g bits(0x%" PRIx64 ")", value->double_value, double_bits);
        break;
    case MU_VALUE_POINTER: snprintf(text, bytes, "ptr:0x%" PRIx64, value->integer); break;
    case MU_VALUE_REF: snprintf(text, bytes, "ref:%s", value->is_null ? "NULL" : "ref"); break;
    case MU_VALUE_IREF: snprintf(text, bytes, "iref:%s", value->is_null ? "NULL" : "iref"); break;
    case MU_VALUE_FUNCREF:
        snprintf(text, bytes, "funcref:%s", value->is_null ? "NULL" : value->text);
        break;
    case MU_VALUE_TAGREF64: snprintf(text, bytes, "tagref64"); break;
    case MU_VALUE_OTHER: snprintf(text, bytes, "%s", *value->text ? value->text : "other"); break;
    }
}

static bool same_double(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static bool same_value(const mu_value *a, const mu_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case MU_VALUE_INT: return a->bits == b->bits && a->integer == b->integer;
    case MU_VALUE_POINTER: return a->integer == b->integer;
    case MU_VALUE_FLOAT:
        return (isnan(a->single_value) && isnan(b->single_value)) ||
               memcmp(&a->single_value, &b->single_value, sizeof(float)) == 0;
    case MU_VALUE_DOUBLE: return same_double(a->double_value, b->double_value);
    case MU_VALUE_REF:
    case MU_VALUE_IREF: return a->is_null == b->is_null;
    case MU_VALUE_FUNCREF:
        return a->is_null == b->is_null && (a->is_null || strcmp(a->text, b->text) == 0);
    case MU_VALUE_TAGREF64: return true;
    case MU_VALUE_OTHER: return strcmp(a->text, b->text) == 0;
    }
    return false;
}

/* An unsigned number is known by its bits, of which a lane has 8, 16, 32 or 64. */
static bool same_bits(uint64_t expected, uint64_t seen)
{
    for (uint32_t bits = 8; bits <= 64; bits *= 2) {
        if (expected <= mask_of(bits) && (seen & mask_of(bits)) == expected) {
            return expected == seen || (int64_t)seen < 0;
        }
    }
    return false;
}

/* One lane: the same word, or the same number. What has more than 64 bits is written as it is seen.
 */
static bool lane_matches(const char *expected, const char *seen)
{
    if (strcmp(expected, "_") == 0 || strcmp(expected, seen) == 0) {
        return true;
    }
    uint64_t wanted;
    uint64_t number;
    bool is_whole = strspn(seen, "-0123456789") == strlen(seen);
    if (is_whole && (strncmp(expected, "0x", 2) == 0 || strpbrk(expected, ".ein") == NULL)) {
        return parse_int(expected, 64, &wanted) && parse_int(seen, 64, &number) &&
               same_bits(wanted, number);
    }
    char *end;
    double lane = strtod(expected, &end);
    return *end == '\0' && same_double(lane, strtod(seen, NULL));
}

/* "{1 2}" against "{1, 2}". */
static bool lanes_match(const char *expected, const char *seen)
{
    static const char between[] = " ,{}";
    for (;;) {
        char wanted[40];
        char lane[40];
        expected += strspn(expected, between);
        seen += strspn(seen, between);
        size_t wanted_length = strcspn(expected, between);
        size_t length = strcspn(seen, between);
        snprintf(wanted, sizeof wanted, "%.*s", (int)wanted_length, expected);
        snprintf(lane, sizeof lane, "%.*s", (int)length, seen);
        if (!*wanted || !*lane) {
            return *wanted == *lane;
        }
        if (!lane_matches(wanted, lane)) {
            return false;
        }
        expected += wanted_length;
        seen += length;
    }
}

static bool matches(const text_value *expected, const mu_value *seen)
{
    char word[24];
    type_word(seen, word, sizeof word);
    if (expected->type[0] && strcmp(expected->type, word) != 0) {
        return false;
    }
    const char *literal = expected->literal;
    if (strcmp(literal, "_") == 0) {
        return true;
    }
    if (seen->kind == MU_VALUE_REF || seen->kind == MU_VALUE_IREF) {
        return strcmp(literal, seen->is_null ? "NULL" : word) == 0;
    }
    if (seen->kind == MU_VALUE_FUNCREF) {
        return strcmp(literal, seen->is_null ? "NULL" : seen->text) == 0;
    }
    if (seen->kind == MU_VALUE_OTHER) {
        return lanes_match(literal, seen->text);
    }
    mu_value made;
    uint64_t bits;
    if (!text_value_make(expected, (mu_type_info){seen->kind, seen->bits}, &made)) {
        return false;
    }
    if (parse_bits(literal, &bits)) {
        return seen->kind == MU_VALUE_FLOAT
                   ? memcmp(&made.single_value, &seen->single_value, sizeof(float)) == 0
                   : memcmp(&made.double_value, &seen->double_value, sizeof(double)) == 0;
    }
    return same_value(&made, seen);
}

/* ----------------------------------------------------------------------------------- checking */

static bool check_values(const text_values *expected, const mu_value *seen, uint32_t count,
                         const char *what, char *fault, size_t bytes)
{
    if (expected->count != count) {
        snprintf(fault, bytes, "%s: %u values expected, %u seen", what, expected->count, count);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!matches(&expected->items[i], &seen[i])) {
            char shown[300];
            show(&seen[i], shown, sizeof shown);
            snprintf(fault, bytes, "%s: value %u is %s, expected %s%s%s", what, i + 1, shown,
                     expected->items[i].type, expected->items[i].type[0] ? ":" : "",
                     expected->items[i].literal);
            return false;
        }
    }
    return true;
}

static bool check_trap(const text_trap *expected, const seen_trap *seen, char *fault, size_t bytes)
{
    if (expected->frame_count > seen->frames.count) {
        snprintf(fault, bytes, "a trap has %u frames, %u expected", seen->frames.count,
                 expected->frame_count);
        return false;
    }
    if (expected->watchpoint != seen->watchpoint) {
        snprintf(fault, bytes, "a trap at %s is of watchpoint %u, expected %u",
                 seen->frames.items[0].place, seen->watchpoint, expected->watchpoint);
        return false;
    }
    for (uint32_t i = 0; i < expected->frame_count; i++) {
        const text_frame *wanted = &expected->frames[i];
        const seen_frame *frame = &seen->frames.items[i];
        if (strcmp(wanted->place, "_") != 0 && (strcmp(wanted->place, frame->place) != 0 ||
                                                wanted->is_undefined != frame->is_undefined)) {
            snprintf(fault, bytes, "frame %u of a trap is at %s%s, expected %s%s", i,
                     frame->is_undefined ? "undefined " : "", frame->place,
                     wanted->is_undefined ? "undefined " : "", wanted->place);
            return false;
        }
        if (!check_values(&wanted->values, frame->values.items, frame->values.count, frame->place,
                          fault, bytes)) {
            return false;
        }
    }
    return true;
}

static const char *outcome_word(text_outcome outcome)
{
    switch (outcome) {
    case TEXT_RETURNS: return "returned";
    case TEXT_THROWS: return "threw";
    case TEXT_EXITS: return "exited";
    case TEXT_KILLED: return "was killed";
    }
    return "?";
}

static bool check_traps(const transcript *seen, const text_run *run, char *fault, size_t bytes)
{
    uint32_t index = 0;
    for (uint32_t i = 0; i < run->trap_count; i++) {
        for (uint32_t k = 0; k < run->traps[i].times; k++, index++) {
            if (index >= seen->traps.count) {
                snprintf(fault, bytes, "only %u traps seen, then it %s %s", seen->traps.count,
                         outcome_word(seen->outcome), seen->error);
                return false;
            }
            if (!check_trap(&run->traps[i], &seen->traps.items[index], fault, bytes)) {
                return false;
            }
        }
    }
    if (index < seen->traps.count) {
        snprintf(fault, bytes, "an unexpected trap at %s",
                 seen->traps.items[index].frames.items[0].place);
        return false;
    }
    return true;
}

void transcript_check(const transcript *seen, const text_run *run, char *fault, size_t fault_bytes)
{
    fault[0] = '\0';
    if (seen->is_broken) {
        snprintf(fault, fault_bytes, "%s", seen->note);
        return;
    }
    if (!check_traps(seen, run, fault, fault_bytes)) {
        return;
    }
    if (seen->outcome != run->outcome) {
        snprintf(fault, fault_bytes, "it %s %s%s%s", outcome_word(seen->outcome), seen->error,
                 seen->note[0] ? ": " : "", seen->note);
    } else if (seen->outcome == TEXT_THROWS && strcmp(seen->error, run->error) != 0) {
        snprintf(fault, fault_bytes, "it threw %s, expected %s", seen->error, run->error);
    } else if (seen->outcome == TEXT_RETURNS) {
        (void)check_values(&run->results, seen->results.items, seen->results.count, "results",
                           fault, fault_bytes);
    }
}

static bool compare_values(const mu_value *a, uint32_t a_count, const mu_value *b, uint32_t b_count,
                           const char *where, char *fault, size_t bytes)
{
    if (a_count != b_count) {
        snprintf(fault, bytes, "%s: %u values and %u values", where, a_count, b_count);
        return false;
    }
    for (uint32_t i = 0; i < a_count; i++) {
        if (!same_value(&a[i], &b[i])) {
            char left[160];
            char right[160];
            show(&a[i], left, sizeof left);
            show(&b[i], right, sizeof right);
            snprintf(fault, bytes, "%s: value %u is %s and %s", where, i + 1, left, right);
            return false;
        }
    }
    return true;
}

static bool compare_trap(const seen_trap *a, const seen_trap *b, char *fault, size_t bytes)
{
    if (a->frame_total != b->frame_total) {
        snprintf(fault, bytes, "at %s: %u frames and %u frames", a->frames.items[0].place,
                 a->frame_total, b->frame_total);
        return false;
    }
    for (uint32_t i = 0; i < a->frames.count; i++) {
        const seen_frame *left = &a->frames.items[i];
        const seen_frame *right = &b->frames.items[i];
        if (strcmp(left->place, right->place) != 0) {
            snprintf(fault, bytes, "frame %u is at %s and %s", i, left->place, right->place);
            return false;
        }
        if (!compare_values(left->values.items, left->values.count, right->values.items,
                            right->values.count, left->place, fault, bytes)) {
            return false;
        }
    }
    return true;
}

void transcript_compare(const transcript *a, const transcript *b, char *fault, size_t fault_bytes)
{
    fault[0] = '\0';
    if (a->traps.count != b->traps.count || a->outcome != b->outcome ||
        strcmp(a->error, b->error) != 0) {
        snprintf(fault, fault_bytes, "%u traps, then it %s %s; and %u traps, then it %s %s",
                 a->traps.count, outcome_word(a->outcome), a->error, b->traps.count,
                 outcome_word(b->outcome), b->error);
        return;
    }
    for (uint32_t i = 0; i < a->traps.count; i++) {
        if (!compare_trap(&a->traps.items[i], &b->traps.items[i], fault, fault_bytes)) {
            return;
        }
    }
    (void)compare_values(a->results.items, a->results.count, b->results.items, b->results.count,
                         "results", fault, fault_bytes);
}
