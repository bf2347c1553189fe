#pragma once
/* Values between the protocol and the guests. */
#include "guest.h"
#include "proto.h"

/* `type_text` is copied. */
Mud__Value *mud_message_of_value(const mu_value *value, const char *type_text, proto_arena *arena);
/* The text stays the message's. A message without a value gives an empty text, which no type reads.
 */
guest_argument mud_argument_of_message(const Mud__Value *message);
/* A copy with its texts. */
Mud__Value *mud_value_copy(const Mud__Value *from, proto_arena *arena);
mu_value mud_value_of_reference(const Mud__Reference *reference);
