#pragma once
/* The Mu specification's C interface from the inside: what is behind a MuVM and a MuCtx, and the
 * queue of operations that the client has asked for and mud has not been told of.
 *
 *     ctx->new_fixed(ctx, id) ──► call ──► queue ──► Perform ──► Performed ──► errors, the answer
 *
 * A handle towards the client is a pointer made of two numbers: the context's serial, from bit 40
 * up, and the number that mud knows, below. So a handle shows to which context it belongs. */
#include "connection.h"
#include "muapi.h"
#include "muclient_mu.h"

#define MUCLIENT_MU_BATCH_MOST  4096u       /* operations */
#define MUCLIENT_MU_BATCH_BYTES (32u << 10) /* of their messages */
#define MUCLIENT_MU_OPERANDS    65536u      /* of one operation */

#define MUCLIENT_MU_RESULTS 65536u /* of one operation */

/* An operation, as muapi_table.txt has it. Letters of operands and result are those of the
 * daemon's tables: h n handle, o handle or none, i integer, H N handles, I integers, s bytes. */
typedef struct muclient_mu_row {
    uint32_t op;
    const char *name;
    const char *operands;
    char result;
} muclient_mu_row;

typedef struct muclient_mu muclient_mu;
typedef struct muclient_mu_context muclient_mu_context;

/* An operation in the queue; where its operands and bytes begin in the arrays of the batch. */
typedef struct muclient_mu_queued {
    const muclient_mu_row *row;
    uint64_t result; /* 0: none */
    size_t operands;
    size_t operand_count;
    size_t bytes;
    size_t byte_count;
} muclient_mu_queued;

typedef struct muclient_mu_batch {
    muclient_mu_context *context; /* whose they all are */
    muclient_mu_queued *items;
    size_t count;
    size_t capacity;
    uint64_t *operands;
    size_t operand_count;
    size_t operand_capacity;
    char *bytes;
    size_t byte_count;
    size_t byte_capacity;
    size_t wire_bytes; /* about what its message takes */
} muclient_mu_batch;

/* What the last operation of a batch answered. */
typedef struct muclient_mu_answer {
    uint64_t integer;
    uint64_t high;
    uint32_t bits;
    char *text; /* the receiver's, for free(); NULL: none */
} muclient_mu_answer;

/* Handles that failed operations should have made, ascending. */
typedef struct muclient_mu_dead {
    uint64_t *numbers;
    size_t count;
    size_t capacity;
} muclient_mu_dead;

struct muclient_mu_context {
    MuCtx face;
    muclient_mu *mu;
    muclient_mu_context *next;
    uint64_t id;     /* mud's number */
    uint64_t serial; /* in its handles; not 0 */
    uint64_t next_handle;
    muclient_mu_dead dead;
    bool is_trap; /* ends with its trap */
};

typedef struct muclient_mu_name {
    MuID id; /* 0: the slot is free */
    char *name;
} muclient_mu_name;

struct muclient_mu {
    MuVM face;
    muclient_mu *next; /* of the connection */
    muclient *client;
    char *vm;
    muclient_mu_context *contexts;
    muclient_mu_context *own; /* for id_of and name_of of the MuVM */
    uint64_t next_serial;
    muclient_mu_batch queue;
    muclient_mu_batch spare; /* arrays of a batch that was sent, to be used again */
    muclient_mu_name *by_id; /* hash tables with open addressing, of one capacity */
    muclient_mu_name *by_name;
    size_t name_count;
    size_t name_capacity;
    MuTrapHandler handler;
    MuCPtr handler_data;
    bool is_attached;
    bool owns_client;
    int error;
    char *error_text;
};

/* An operation that is being put together. */
typedef struct muclient_mu_call {
    muclient_mu *mu;
    muclient_mu_context *context;
    const muclient_mu_row *row;
    size_t operands; /* where they begin in the queue */
    size_t bytes;
    unsigned operand; /* given so far, for messages */
    bool is_bad;      /* the reason is noted */
} muclient_mu_call;

/* --- muapi_queue.c --- */

/* Begins an operation of a context: its row's number from muapi_calls.h. The operands follow in
 * their order, then one of the ends. Whatever is wrong with one is noted as an error, and the
 * operation is then not sent. */
muclient_mu_call muclient_mu_begin(MuCtx *ctx, unsigned row);
void muclient_mu_put(muclient_mu_call *call, uint64_t operand);
void muclient_mu_put_handle(muclient_mu_call *call, MuValue value);
void muclient_mu_put_handle_or_none(muclient_mu_call *call, MuValue value);
void muclient_mu_put_handles(muclient_mu_call *call, const MuValue *values, MuArraySize count);
void muclient_mu_put_numbers(muclient_mu_call *call, const uint64_t *numbers, MuArraySize count);
void muclient_mu_put_flags(muclient_mu_call *call, const MuFlag *flags, MuArraySize count);
void muclient_mu_put_text(muclient_mu_call *call, const char *text);
/* Queues the operation. The handle of its result, NULL when it has none. */
MuValue muclient_mu_end(muclient_mu_call *call);
/* The same, and sends the queue. */
MuValue muclient_mu_end_now(muclient_mu_call *call);
/* The same, and waits for the answer. False, with zeros in `answer`, when it failed. `result` may
 * be NULL. */
bool muclient_mu_end_answer(muclient_mu_call *call, MuValue *result, muclient_mu_answer *answer);
/* The integer that the operation answers; 0 when it failed. */
uint64_t muclient_mu_ask(muclient_mu_call *call);
/* The number of a handle that belongs to the context and lives; 0, with `why` set, if not. */
uint64_t muclient_mu_number(const muclient_mu_context *context, MuValue value, const char **why);
MuValue muclient_mu_value(const muclient_mu_context *context, uint64_t number);

/* --- muapi_batch.c --- */

/* Sends the queue and waits until it is performed. `answer`, unless NULL, gets that of the last
 * operation. False when the last operation was not performed. */
bool muclient_mu_flush(muclient_mu *mu, muclient_mu_answer *answer);
void muclient_mu_batch_deinit(muclient_mu_batch *batch);
void muclient_mu_dead_add(muclient_mu_dead *dead, uint64_t number);
bool muclient_mu_dead_has(const muclient_mu_dead *dead, uint64_t number);

/* --- muapi_values.c --- */

MuIntValue muclient_mu_int_make(MuCtx *ctx, uint64_t low, uint64_t high, int bits);
uint64_t muclient_mu_int_get(MuCtx *ctx, MuIntValue value, bool is_signed);
uint64_t muclient_mu_bits_from_float(float number);
uint64_t muclient_mu_bits_from_double(double number);
float muclient_mu_float_from_bits(uint64_t bits);
double muclient_mu_double_from_bits(uint64_t bits);

/* --- muapi_names.c: what names and ids are known. Both stay until the MuVM is closed. --- */

MuID muclient_mu_name_find(const muclient_mu *mu, const char *name);
char *muclient_mu_name_of_id(const muclient_mu *mu, MuID id);
/* Takes the name, from malloc. NULL when memory is out. */
char *muclient_mu_name_add(muclient_mu *mu, MuID id, char *name);
void muclient_mu_names_free(muclient_mu *mu);

/* --- muapi_machine.c --- */

/* Keeps an error unless there is one already. `operation` may be NULL. */
void muclient_mu_note(muclient_mu *mu, muclient_code code, const char *operation,
                      const char *format, ...) PROTO_PRINTF(4, 5);
/* The same of an error that was received or made, which is freed. */
void muclient_mu_note_error(muclient_mu *mu, const char *operation, muclient_code code,
                            muclient_error *error);
/* Sends a request and waits for a reply of one kind, which the caller frees with `arena`. False,
 * and noted, when there is none. */
bool muclient_mu_exchange(muclient_mu *mu, const char *operation, const Mud__ClientFrame *frame,
                          int reply_case, proto_arena **arena, const Mud__ServerFrame **reply);
/* A context that mud has by the number `id`. NULL when memory is out. */
muclient_mu_context *muclient_mu_context_new(muclient_mu *mu, uint64_t id, uint64_t next_handle);
void muclient_mu_context_free(muclient_mu_context *context);

/* --- muapi_traps.c --- */

/* Is there a MuVM that handles the VM's traps? */
bool muclient_mu_handles(const muclient *client, const char *vm);
/* Runs the handler of the VM that a trap with a context is of. `refusal` is why mud did not take
 * the last answer, or empty. False when no MuVM handles the VM's traps; else `rebind`, with what
 * it points to in `arena`, is the answer. */
bool muclient_mu_trap_handle(muclient *client, proto_arena *arena, const Mud__TrapEvent *event,
                             const char *refusal, Mud__Rebind *rebind);
