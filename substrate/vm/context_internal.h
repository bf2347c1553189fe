#pragma once
/* Private to the files context*.c: what a client's context is, and what the operations share.
 *
 * A context is a mutator like a thread: it has a mu_thread that never runs, for its allocation
 * buffer, its pins and its place in the world. It is in the world while it performs operations, and
 * looks at every one whether somebody wants to stop that. So an operation has its operands raw, as
 * a thread has between two yieldpoints; one that allocates reads them again afterwards, from the
 * handles, which are roots.
 */
#include "vm_internal.h"

/* What a handle stands for. A scalar is in `words` as in a call's register, an iref in both; a
 * composite of up to 16 bytes there as in memory, a larger one in `memory`. */
typedef struct context_value {
    uint64_t handle; /* 0: a free slot of the table */
    mu_ir_type *type;
    uint64_t words[2];
    unsigned char *memory;
} context_value;

struct mu_context {
    mu_thread mutator; /* first, so that the collector's walk over mutators finds the context */
    mu_ir_type_pool *types;
    context_value *slots; /* hash table, open addressing; the size is a power of two, or 0 */
    uint32_t slot_count;
    uint32_t held; /* handles */
    uint64_t memory_bytes;
    uint64_t types_bytes; /* of the pool, as it was counted */
};

typedef struct context_call context_call;
typedef mu_status context_fn(context_call *call);

typedef struct context_row {
    const char *name;
    const char *operands;
    char result;
} context_row;

#define CONTEXT_OPERANDS_MOST 6u
typedef struct context_operand {
    context_value *value; /* h, o: NULL for none */
    uint64_t integer;     /* i */
} context_operand;

/* One operation under way. */
struct context_call {
    mu_context *context;
    mu_vm *vm;
    mu_report *report;
    const mu_context_operation *operation;
    uint32_t index;   /* in the batch */
    const char *name; /* the row's */
    char result;      /* the row's */
    uint64_t next;    /* handle for the next value that is given */
    bool has_answer;
    mu_context_answer answer;
    context_operand operands[CONTEXT_OPERANDS_MOST];
    uint32_t promised;    /* handles that are counted for results */
    const uint64_t *list; /* H */
    uint32_t list_count;
    uint32_t list_first; /* number of its first item among the operands, from 1 */
};

/* ---- context.c: errors. `operand` counts from 1 as the caller gave them; 0: the whole operation.
 */
mu_status context_refuse(context_call *call, mu_status status, uint32_t operand, const char *format,
                         ...) MU_PRINTF(4, 5);
/* "operand N: expected WHAT, given TYPE". */
mu_status context_refuse_type(context_call *call, uint32_t operand, const char *what,
                              const mu_ir_type *given);
/* The status and report of a guest error of an operation that programs have, too. */
mu_status context_refuse_error(context_call *call, mu_guest_error error, uint32_t operand);
/* LIMIT, and which one of the VM's. */
mu_status context_refuse_quota(context_call *call, vm_quota quota);
/* The operation gives an integer. Always OK. */
mu_status context_answer(context_call *call, uint64_t integer);

/* ---- context_handles.c */
/* The value of a handle; NULL: there is none. */
context_value *context_find(const mu_context *context, uint64_t handle);
/* Does nothing have this handle, and may it? Also sees to it that there is room for `more` handles,
 * which are promised to the operation until context_settle. Errors: INVALID, LIMIT. */
MU_MUST_CHECK mu_status context_check_free(context_call *call, uint64_t handle, uint32_t more);
/* At the end of each operation: gives back what was promised and not used. */
void context_settle(context_call *call);
/* Makes the operation's next result of `type` from its bytes in memory, by size_bytes. Operands'
 * values may have moved afterwards. Errors: INVALID, LIMIT. */
MU_MUST_CHECK mu_status context_give(context_call *call, mu_ir_type *type, const void *bytes);
/* The same for a scalar of up to 64 bits, and for two words. */
MU_MUST_CHECK mu_status context_give_word(context_call *call, mu_ir_type *type, uint64_t word);
MU_MUST_CHECK mu_status context_give_pair(context_call *call, mu_ir_type *type, uint64_t low,
                                          uint64_t high);
void context_drop(mu_context *context, context_value *value);
void context_drop_all(mu_context *context);
/* The value's bytes, as they are in memory. */
void *context_bytes(context_value *value);

/* ---- context_types.c */
mu_ir_type *context_type(const mu_context *context, mu_ir_type_kind kind);
mu_ir_type *context_int_type(const mu_context *context, uint32_t bits);
mu_ir_type *context_type_of(const mu_context *context, mu_ir_type_kind kind, mu_ir_type *element);
mu_ir_type *context_ref_void(const mu_context *context);
/* weakref<T> becomes ref<T>. */
mu_ir_type *context_strong(const mu_context *context, mu_ir_type *type);
/* Can values of it be held? Errors: INVALID for void, hybrid, weakref or what contains one; LIMIT
 * when it is too large. */
MU_MUST_CHECK mu_status context_check_value_type(context_call *call, uint32_t operand,
                                                 const mu_ir_type *type);
/* Operand `operand` (from 1) is a value of kind `kind`; of the type `type`. */
MU_MUST_CHECK mu_status context_expect(context_call *call, uint32_t operand, mu_ir_type_kind kind);
MU_MUST_CHECK mu_status context_expect_type(context_call *call, uint32_t operand,
                                            const mu_ir_type *type);
/* Operand is the id of an entity of this kind. Errors: NOT_FOUND, INVALID. */
MU_MUST_CHECK mu_status context_expect_entity(context_call *call, uint32_t operand, mu_ir_kind kind,
                                              mu_ir_entity **entity);
/* An int's value, the nearest there is in 64 bits. */
uint64_t context_unsigned(const context_value *value);
int64_t context_signed(const context_value *value);
uint64_t context_cut(uint64_t word, uint32_t bits);

static inline context_value *context_value_at(const context_call *call, uint32_t operand)
{
    return call->operands[operand - 1].value;
}
static inline uint64_t context_integer_at(const context_call *call, uint32_t operand)
{
    return call->operands[operand - 1].integer;
}
/* An operand that is a reference, and not NULL. */
MU_MUST_CHECK mu_status context_expect_object(context_call *call, uint32_t operand,
                                              mu_ir_type_kind kind);

/* ---- the rows of mu_context_ops.def, by file */
/* context_names.c */
context_fn context_id_of, context_name_of, context_load_bundle, context_load_hail,
    context_from_const, context_from_global, context_from_func, context_enable_watchpoint,
    context_disable_watchpoint;
/* context_numbers.c */
context_fn context_from_int, context_from_float, context_from_double, context_from_ptr,
    context_from_fp, context_to_int, context_to_float, context_to_double, context_to_ptr,
    context_to_fp, context_delete_value, context_ref_eq, context_ref_ult;
/* context_composites.c */
context_fn context_extract_value, context_insert_value, context_extract_element,
    context_insert_element;
/* context_tagrefs.c */
context_fn context_tr64_is_fp, context_tr64_is_int, context_tr64_is_ref, context_tr64_to_fp,
    context_tr64_to_int, context_tr64_to_ref, context_tr64_to_tag, context_tr64_from_fp,
    context_tr64_from_int, context_tr64_from_ref;
/* context_objects.c */
context_fn context_new_fixed, context_new_hybrid, context_refcast, context_get_iref,
    context_get_field_iref, context_get_elem_iref, context_shift_iref, context_get_var_part_iref;
/* context_access.c */
context_fn context_load, context_store, context_cmpxchg, context_atomicrmw, context_fence;
/* context_stacks.c */
context_fn context_new_stack, context_new_thread_nor, context_new_thread_exc, context_kill_stack,
    context_set_threadlocal, context_get_threadlocal;
/* context_frames.c */
context_fn context_new_cursor, context_next_frame, context_copy_cursor, context_close_cursor,
    context_cur_func, context_cur_func_ver, context_cur_inst, context_dump_keepalives,
    context_pop_frames_to, context_push_frame;
/* context_paths.c */
context_fn context_locate, context_fetch;
/* context_describe.c */
context_fn context_describe;
/* context_texts.c */
context_fn context_read, context_wants;
/* context_native.c */
context_fn context_pin, context_unpin, context_from_expose, context_expose_func, context_unexpose;

/* ---- context_build.c: a function of the IR builder */
mu_status context_build(context_call *call);

/* ---- context_access.c */
/* Is the location that an iref refers to one of its type? Without the grant `native` every iref's
 * is, or the iref comes of NULL; with it, the program may have made the iref up. */
bool context_is_location(const context_call *call, mu_ref base, uint64_t offset,
                         const mu_ir_type *type);
/* Gives what was read of a location of `type`, whose padding may be anything. */
MU_MUST_CHECK mu_status context_give_read(context_call *call, mu_ir_type *type, uint64_t bytes[2]);

/* ---- context_paths.c */
/* Where a path has led. Good until the next safepoint or result. */
typedef struct context_place {
    mu_ir_type *type;
    const void *memory;
    bool is_location; /* of `base` and `offset`; else it is a value of the context, or in one */
    mu_ref base;
    uint64_t offset;
} context_place;
/* Reads what is there, of a type that values can have, or a weakref. */
void context_read_place(const context_place *place, void *bytes);
/* Follows the path of the operation, whose operand 1 is of kind o. Errors: INVALID, NOT_FOUND. */
MU_MUST_CHECK mu_status context_follow(context_call *call, context_place *place);
/* What the reference at the place refers to. INVALID when it is NULL or leads nowhere. */
MU_MUST_CHECK mu_status context_enter(context_call *call, context_place *place);
bool context_is_reference(const mu_ir_type *type);
/* Parts that can be stepped to: fields, or `elements` of an array or a variable part. */
typedef struct context_parts {
    uint64_t fields, elements;
} context_parts;
context_parts context_parts_of(const context_place *place);
/* The field or element; the index is below the count of them. */
context_place context_field_of(const context_place *place, uint64_t index);
context_place context_element_of(const context_place *place, uint64_t index);

/* ---- context_words.c: `memory` is aligned for the type; `is_atomic` makes an access sequentially
 * consistent, as the exchanges are. */
void context_read_memory(const mu_ir_type *type, const void *memory, bool is_atomic, void *bytes);
void context_write_memory(const mu_ir_type *type, void *memory, bool is_atomic, const void *bytes);
void context_fence_memory(void);
/* Writes `desired` if the location has what is expected, which becomes what it had: a word of so
 * many bytes; two words. */
bool context_exchange_word(void *memory, uint64_t bytes, uint64_t *expected, uint64_t desired);
bool context_exchange_pair(void *memory, uint64_t expected[2], const uint64_t desired[2]);

/* ---- context_stacks.c */
/* Operand is a funcref that is not NULL; its function's number. */
MU_MUST_CHECK mu_status context_expect_function(context_call *call, uint32_t operand,
                                                uint64_t *number);
/* Values of these handles go where a thread bound to `stack` finds them when it goes on. `first` is
 * the number of the first one in messages. VM's lock held for the second. Errors: INVALID. */
MU_MUST_CHECK mu_status context_check_passed(context_call *call, const stack_state *state,
                                             const uint64_t *handles, uint32_t count,
                                             uint32_t first);
void context_pass(mu_context *context, mu_thread *thread, const uint64_t *handles);
