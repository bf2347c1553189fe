#pragma once
/* What a VM may use at most, as clients set and see it. The substrate keeps its own part of it;
 * calls and output are kept here. */
#include "guest.h"
#include "session.h"

struct mud_vm;

#define MUD_LIMIT_CHANGES_MOST   64u /* that wait or are made, of one VM */
#define MUD_CALLS_DEFAULT        1024u
#define MUD_OUTPUT_DEFAULT_BYTES (64ull << 20)

/* 0: the default or, of a change, unchanged. */
typedef struct mud_limits {
#define MUD_LIMIT(field, what, least, most) uint64_t field;
#include "vm_limits.def"
} mud_limits;

/* `message` may be NULL. */
mud_limits mud_limits_of_message(const Mud__VmLimits *message);
/* Is each of them 0 or one that a VM may have? False after an answer that says which is not. */
bool mud_limits_check(mud_daemon *daemon, mud_ticket ticket, const mud_limits *limits);
/* Those that the substrate keeps. */
mu_vm_limits mud_limits_inner(const mud_limits *limits);
/* Sets those that are the daemon's. */
void mud_limits_keep(struct mud_vm *vm, const mud_limits *limits);
/* The VM's limits as they are. */
Mud__VmLimits *mud_limits_message(const struct mud_vm *vm, proto_arena *arena);

/* What to do about a limit of the VM that is reached; in the answer arena. */
char *mud_limits_hint(const struct mud_vm *vm);

void mud_request_set_vm(mud_session *session, const Mud__ClientFrame *frame);
