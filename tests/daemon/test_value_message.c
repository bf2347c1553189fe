#include "value_message.h"
#include <criterion/criterion.h>

static Mud__Value *message_of(mu_value value, const char *type, proto_arena *arena)
{
    return mud_message_of_value(&value, type, arena);
}

Test(mud_value_message, values_keep_kind_and_type)
{
    proto_arena *arena = proto_arena_new();
    Mud__Value *message =
        message_of((mu_value){.kind = MU_VALUE_INT, .bits = 8, .integer = 0xff}, "int<8>", arena);
    cr_assert_eq(message->value_case, MUD__VALUE__VALUE_INTEGER);
    cr_assert_eq(message->integer, 0xff);
    cr_assert_str_eq(message->type, "int<8>");
    message = message_of((mu_value){.kind = MU_VALUE_FLOAT, .single_value = 0.5F}, "float", arena);
    cr_assert(message->value_case == MUD__VALUE__VALUE_SINGLE && message->single == 0.5F);
    message = message_of((mu_value){.kind = MU_VALUE_DOUBLE, .double_value = 0.1}, "double", arena);
    cr_assert(message->value_case == MUD__VALUE__VALUE_REAL && message->real == 0.1);
    message = message_of((mu_value){.kind = MU_VALUE_REF, .handle = {.frame = 1, .keepalive = 2}},
                         "ref<@Node>", arena);
    cr_assert_eq(message->value_case, MUD__VALUE__VALUE_REFERENCE);
    cr_assert(!message->reference->null && message->reference->frame == 1 &&
              message->reference->keepalive == 2);
    message = message_of((mu_value){.kind = MU_VALUE_FUNCREF, .is_null = true}, "funcref", arena);
    cr_assert(message->value_case == MUD__VALUE__VALUE_REFERENCE && message->reference->null);
    message = message_of((mu_value){.kind = MU_VALUE_OTHER, .text = "{1, 2}"}, "struct", arena);
    cr_assert_eq(message->value_case, MUD__VALUE__VALUE_OPAQUE);
    cr_assert_str_eq(message->opaque, "{1, 2}");
    proto_arena_free(arena);
}

Test(mud_value_message, a_missing_reference_is_null)
{
    cr_assert(mud_value_of_reference(NULL).is_null);
    Mud__Reference reference;
    mud__reference__init(&reference);
    reference.fresh = true;
    cr_assert(mud_value_of_reference(&reference).is_fresh);
    reference.null = true;
    cr_assert_not(mud_value_of_reference(&reference).is_fresh);
}

Test(mud_value_message, a_message_without_a_value_is_a_text_that_no_type_reads)
{
    Mud__Value message;
    mud__value__init(&message);
    cr_assert_str_eq(mud_argument_of_message(&message).text, "");
}

Test(mud_value_message, a_copy_does_not_need_what_it_is_a_copy_of)
{
    proto_arena *arena = proto_arena_new();
    char text[] = "1071";
    Mud__Reference reference;
    Mud__Value message;
    mud__value__init(&message);
    mud__reference__init(&reference);
    message.value_case = MUD__VALUE__VALUE_TEXT;
    message.text = text;
    Mud__Value *copy = mud_value_copy(&message, arena);
    text[0] = 'x';
    cr_assert_str_eq(copy->text, "1071");
    message.value_case = MUD__VALUE__VALUE_OPAQUE;
    message.opaque = text;
    copy = mud_value_copy(&message, arena);
    text[0] = 'y';
    cr_assert_str_eq(copy->opaque, "x071");
    message.value_case = MUD__VALUE__VALUE_REFERENCE;
    message.reference = &reference;
    reference.keepalive = 3;
    copy = mud_value_copy(&message, arena);
    reference.keepalive = 4;
    cr_assert_eq(copy->reference->keepalive, 3);
    message.value_case = MUD__VALUE__VALUE_INTEGER;
    message.integer = 7;
    cr_assert_eq(mud_value_copy(&message, arena)->integer, 7);
    proto_arena_free(arena);
}
