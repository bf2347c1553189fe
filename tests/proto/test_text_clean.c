#include "proto.h"
#include <criterion/criterion.h>
#include <stdio.h>

static void cleans(const char *text, const char *expected)
{
    char out[200];
    size_t length = proto_text_clean(out, sizeof out, text);
    cr_assert_str_eq(out, expected);
    cr_assert_eq(length, strlen(expected));
}

Test(proto, text_for_a_terminal_holds_no_control_characters)
{
    cleans("", "");
    cleans("ref<@Node> caf\xc3\xa9 \xf0\x9f\x98\x80", "ref<@Node> caf\xc3\xa9 \xf0\x9f\x98\x80");
    cleans("\x1b]0;title\x07", "\\x1b]0;title\\x07");
    cleans("a\nb\tc\rd", "a\\nb\\tc\\rd");
    cleans("\x7f\xc2\x9b"
           "31m",
           "\\x7f\\xc2\\x9b31m");
    cleans("\xe2\x80\xae", "\\xe2\\x80\\xae");
    cleans("\xe2\x81\xa6", "\\xe2\\x81\\xa6");
    cleans("\xe2\x80\x94", "\xe2\x80\x94");
}

Test(proto, bytes_that_are_not_utf8_are_escaped)
{
    cleans("\xff", "\\xff");
    cleans("\xc3", "\\xc3");
    cleans("\xc0\x80", "\\xc0\\x80");
    cleans("\xed\xa0\x80", "\\xed\\xa0\\x80");
    cleans("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    cleans("\xe2\x82", "\\xe2\\x82");
}

Test(proto, text_is_cut_between_characters)
{
    const char *text = "ab\x1b\xc3\xa9z";
    for (size_t capacity = 0; capacity < 12; capacity++) {
        char out[16];
        memset(out, 'X', sizeof out);
        cr_assert_eq(proto_text_clean(capacity == 0 ? NULL : out, capacity, text), 9);
        if (capacity > 0) {
            cr_assert_lt(strlen(out), capacity);
            size_t expected = capacity <= 2   ? capacity - 1
                              : capacity <= 6 ? 2
                              : capacity <= 8 ? 6
                              : capacity == 9 ? 8
                                              : 9;
            cr_assert_eq(strlen(out), expected, "at %zu: %zu", capacity, strlen(out));
        }
    }
}

Test(proto, codes_have_their_exit_statuses)
{
    cr_assert_eq(proto_code_exit_status(MUD__CODE__OK), 0);
    cr_assert_eq(proto_code_exit_status(MUD__CODE__BUNDLE_REJECTED), 7);
    cr_assert_eq(proto_code_exit_status(MUD__CODE__GUEST_EXCEPTION), 8);
    cr_assert_eq(proto_code_exit_status(MUD__CODE__RESOURCE_EXHAUSTED), 9);
    cr_assert_eq(proto_code_exit_status(MUD__CODE__DEADLINE_EXCEEDED), 124);
    cr_assert_eq(proto_code_exit_status(MUD__CODE__KILLED), 137);
    cr_assert_eq(proto_code_exit_status((Mud__Code)-5), 1);
    cr_assert_eq(proto_code_exit_status((Mud__Code)9999), 1);
    /* The names are the schema's, so the table is complete. */
    for (unsigned i = 0; i < mud__code__descriptor.n_values; i++) {
        const ProtobufCEnumValue *value = &mud__code__descriptor.values[i];
        cr_assert_str_eq(proto_code_name((Mud__Code)value->value), value->name);
    }
    cr_assert_str_eq(proto_code_name((Mud__Code)9999), "UNKNOWN");
    cr_assert_str_eq(proto_status_name(PROTO_TOO_DEEP), "TOO_DEEP");
    cr_assert_str_eq(proto_status_text(PROTO_OK), "done");
}

Test(proto, arena_memory_is_zeroed_aligned_and_accounted)
{
    proto_arena *arena = proto_arena_new();
    cr_assert_eq(proto_arena_bytes(arena), 0);
    for (size_t size = 0; size < 5000; size += 37) {
        unsigned char *memory = proto_arena_allocate(arena, size);
        cr_assert_eq((uintptr_t)memory % 16, 0);
        for (size_t i = 0; i < size; i++) {
            cr_assert_eq(memory[i], 0);
            memory[i] = 0xee;
        }
    }
    cr_assert_gt(proto_arena_bytes(arena), 0);
    cr_assert_null(proto_arena_allocate(arena, SIZE_MAX));
    proto_arena_reset(arena);
    cr_assert_eq(proto_arena_bytes(arena), 0);
    cr_assert_str_eq(proto_arena_format(arena, "%d-%s", 5, "x"), "5-x");
    cr_assert_str_eq(proto_arena_copy(arena, NULL), "");
    proto_arena_free(arena);
    proto_arena_free(NULL);
}
