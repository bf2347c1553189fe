#pragma once
/* The arena's byte budget, which only unpacking uses. */
#include "proto.h"

/* From here on the arena may take at most `more_bytes` more; then allocating gives NULL. */
void proto_arena_limit(proto_arena *arena, size_t more_bytes);
void proto_arena_unlimit(proto_arena *arena);
