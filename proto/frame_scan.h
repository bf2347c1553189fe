#pragma once
/* Looks a frame over before protobuf-c unpacks it. */
#include "proto.h"

/* Errors: MALFORMED, TOO_DEEP, TOO_MANY. Takes no memory, and time proportional to `length`. */
PROTO_MUST_CHECK proto_status proto_frame_scan(const ProtobufCMessageDescriptor *schema,
                                               const uint8_t *bytes, size_t length);
