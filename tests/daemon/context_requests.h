#pragma once
/* What clients of contexts ask of mud, for context_prober: each function sends a request, or sends
 * it and waits for what it should give. */
#include "frame_client.h"

enum {
#define MU_CONTEXT(name, number, text, operands, result) OP_##name = (number),
#include "mu_context_ops.def"
#undef MU_CONTEXT
};

/* Of the daemon: client_context.h, proto/mud.proto. */
enum { SESSION_CONTEXTS = 16, QUEUED_BATCHES = 64, BATCH_OPERATIONS = 32768, VM_TRAPS = 512 };
enum { THREAD = 1, STACK = 2 }; /* handles in a trap's context */

extern char vm_name[32]; /* that all requests are about */

typedef struct batch {
    Mud__Perform perform;
    Mud__Operation *operations[BATCH_OPERATIONS + 1];
    proto_arena *arena;
} batch;

batch *batch_new(uint64_t context);
void batch_free(batch *done);
/* An operation; its operands, each an uint64_t, follow `count`. */
void add(batch *to, uint32_t op, uint64_t result, unsigned count, ...);
void add_text(batch *to, uint32_t op, const char *text);
void add_int(batch *to, uint64_t handle, uint64_t value);
/* Work that leaves no handle: two operations each time. */
void add_churn(batch *to, unsigned times);
/* A handle that stands for nothing yet. */
uint64_t fresh(void);

uint64_t batch_send(frame_client *client, batch *from);
/* The reply to a batch that was sent. */
const Mud__Performed *performed(frame_client *client, uint64_t id);
/* Performs it to its end, and frees it. */
const Mud__Performed *perform(frame_client *client, batch *all);
/* The same, but this operation fails with this code. */
const Mud__Performed *perform_failing(frame_client *client, batch *all, uint32_t failed,
                                      Mud__Code code);
/* The same, but nothing of it is begun. */
void refuse_perform(frame_client *client, batch *all, Mud__Code code);
const Mud__OperationAnswer *answer_of(const Mud__Performed *reply, uint32_t operation);
uint64_t integer_of(const Mud__Performed *reply, uint32_t operation);
bool text_is(const Mud__Performed *reply, uint32_t operation, const char *text);
uint64_t id_of(frame_client *client, uint64_t context, const char *name);

Mud__ClientFrame open_frame(Mud__OpenContext *open, char *vm);
uint64_t open_context(frame_client *client);
Mud__ClientFrame close_frame(Mud__CloseContext *close, uint64_t context);
void close_context(frame_client *client, uint64_t context);
void refuse_close(frame_client *client, uint64_t context, Mud__Code code);
const Mud__VmInfo *inspect(frame_client *client);
/* Claims that the VM's contexts and traps are gone soon. */
void claim_nothing_left(frame_client *client);
uint64_t wait_threads(frame_client *client);
uint64_t remove_vm(frame_client *client);
void claim_done(frame_client *client, uint64_t id);
void claim_error(frame_client *client, uint64_t id, Mud__Code code);

/* Handles the VM's traps, with contexts. */
void attach(frame_client *client, Mud__OnDisconnect policy);
uint64_t detach(frame_client *client);
uint64_t call(frame_client *client, const char *function, uint64_t argument, uint64_t timeout_ms);
uint64_t result_of(frame_client *client, uint64_t id);
/* The next event of this kind; those before it are dropped. */
const Mud__ServerFrame *event(frame_client *client, Mud__ServerFrame__ReplyCase kind);
/* The next trap; it has a context. */
const Mud__TrapEvent *trapped(frame_client *client);
uint64_t answer_send(frame_client *client, const Mud__TrapEvent *trap, Mud__Rebind *rebind);
/* A rebind to the trap's own stack with a value, or with none for the handle 0. */
uint64_t answer_pass(frame_client *client, const Mud__TrapEvent *trap, uint64_t value);
/* Answers with a number, and has the answer accepted. */
void answer_number(frame_client *client, const Mud__TrapEvent *trap, uint64_t number);

/* --- context_trap_probes.c */
void probe_threads(frame_client *client);
void probe_trap(frame_client *handler);
void probe_lost_trap(frame_client *handler);
void probe_trap_storm(frame_client *handler);
void probe_many_traps(frame_client *handler);
/* In the place of @ask's frame comes one of @product, for the handles 41 and 42. */
void replace_frame(frame_client *client, uint64_t context);
