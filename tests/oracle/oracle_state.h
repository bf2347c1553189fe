#pragma once
/* What the oracle's files share: objects, frames, stacks, plans and the run at hand. */
#include "oracle.h"

typedef struct watch watch;

/* Where an object lives decides who frees it. */
typedef enum object_place { PLACE_HEAP, PLACE_FRAME, PLACE_GLOBAL } object_place;

struct oracle_object {
    oracle_object *next;    /* in the heap's list, its frame's, or the globals' */
    const mu_ir_type *type; /* NULL: no content */
    uint64_t length;        /* elements of a hybrid */
    uint64_t size_bytes;    /* of `bytes` */
    object_place place;
    bool is_marked;
    watch *watch; /* NULL: no ephemeron, queue or registration */
    _Alignas(16) uint8_t bytes[];
};

/* The image of an iref. */
typedef struct iref_image {
    oracle_object *object;
    int64_t offset;
} iref_image;

/* What is worked out once for a version: where its variables lie in a frame, and the images of the
 * global values that it uses. */
typedef struct plan {
    const mu_ir_version *version;
    uint32_t *slots;       /* of each variable */
    uint32_t *block_first; /* first byte of each block's variables, and the end as last entry */
    uint32_t frame_bytes;
    uint8_t **globals; /* image of each global operand */
    uint8_t *images;
} plan;

typedef struct frame frame;
typedef struct native_call native_call;
typedef struct exposed exposed;
struct frame {
    frame *caller;
    const plan *plan;  /* NULL: has not begun, so that its version is not settled yet; or native */
    uint64_t function; /* of a frame that has not begun: its function's number */
    native_call *native;  /* C code, which waits for the frame above; NULL: Mu code */
    uint64_t cookie;      /* native: of the function that it has called */
    uint32_t inst;        /* in version->insts; of a waiting frame: what it waits at */
    oracle_object *cells; /* from ALLOCA */
    _Alignas(16) uint8_t slots[];
};

typedef enum stack_state { STACK_READY, STACK_ACTIVE, STACK_DEAD } stack_state;

/* A stackref is the address of one. */
typedef struct stack {
    struct stack *next; /* in the oracle's list */
    stack_state state;
    bool is_marked;
    frame *top;
    uint64_t bytes;
    uint64_t era; /* a cursor of another era is stale */
} stack;

/* A framecursorref is the address of one. */
typedef struct cursor {
    struct cursor *next; /* in the oracle's list */
    stack *stack;        /* NULL: closed */
    frame *at;
    uint64_t era; /* of its stack, when the cursor was made or was the one that popped */
    bool is_marked;
} cursor;

typedef struct thread {
    stack *stack;
    stack *first; /* the one it began on, where its bottom function may return */
    oracle_object *threadlocal;
    bool is_clients; /* its end is the end of the run */
    bool is_waiting; /* at a futex */
    iref_image waits_at;
    uint64_t wait_order;
    uint64_t deadline; /* UINT64_MAX: none */
    bool is_thrown;    /* the top frame's instruction continues exceptionally */
    mu_guest_error error;
    oracle_object *exception;
} thread;

/* One element of a thread's multiset of pinned irefs. */
typedef struct pin {
    const thread *pinner;
    iref_image pinned;
} pin;

typedef struct run {
    MU_ARRAY(thread *) threads;
    uint32_t turn;  /* which of them runs */
    uint32_t slice; /* instructions until the next one's turn */
    uint64_t steps;
    uint64_t clock; /* in steps, and leaps */
    uint64_t waits; /* begun so far */
    bool is_over;
    oracle_trapped_fn *trapped;
    void *context;
    oracle_result *result;
} run;

/* What a tagref64 that is no double holds: an integer, or a reference with a tag. */
typedef struct tagref_box {
    bool is_ref;
    uint8_t tag;
    uint64_t integer;
    oracle_object *object;
} tagref_box;

struct oracle {
    mu_ir_env *env;
    oracle_limits limits;
    mu_map *plans; /* version → plan */
    MU_ARRAY(plan *) all_plans;
    MU_ARRAY(mu_ir_func *) functions; /* by number */
    MU_ARRAY(const plan *) newest;    /* by number; NULL: not looked up since the last load */
    mu_map *cells;                    /* id of a global cell → its object */
    uint32_t loaded_depth;            /* environments whose functions are in the table */
    oracle_object *heap;
    oracle_object *globals;
    uint64_t heap_bytes;
    uint64_t next_collection_bytes;
    stack *stacks;
    cursor *cursors;
    uint32_t handle_count; /* stacks and cursors */
    uint32_t next_collection_handles;
    uint64_t threads_made; /* a threadref is its thread's number, from 1 */
    MU_ARRAY(pin) pins;
    MU_ARRAY(oracle_object *) marks; /* objects to trace */
    MU_ARRAY(stack *) marked_stacks; /* to trace */
    MU_ARRAY(tagref_box) boxes;      /* oracle_tagref.c */
    MU_ARRAY(uint32_t) watchpoints;  /* that are enabled */
    uint64_t watches_made;
    MU_ARRAY(oracle_object *) notified; /* counts of queues that something came to */
    uint8_t *scratch;                   /* arguments on their way into a block */
    uint32_t scratch_bytes;
    exposed *exposed;       /* to C */
    exposed *unexposed;     /* no more */
    uint32_t exposed_count; /* by the program */
    uint64_t trap_handler;  /* the program's own: its number; 0: none */
    oracle_object *trap_userdata;
    oracle_load_fn *load;
    oracle_load_built_fn *load_built;
    struct mu_irbuilder *irbuilder; /* NULL: not used yet */
    void *load_context;
    run *run; /* NULL: none */
};

/* --- images: oracle_image.c */
uint64_t size_of_type(const mu_ir_type *type);
uint64_t mask_of_bits(uint32_t bits);
int64_t sign_extended(uint64_t value, uint32_t bits);
uint64_t read_int(const uint8_t *image,
                  const mu_ir_type *type); /* int and pointers, zero-extended */
void write_int(uint8_t *image, const mu_ir_type *type, uint64_t value);
double read_fp(const uint8_t *image, const mu_ir_type *type);
oracle_object *read_ref(const uint8_t *image);
void write_ref(uint8_t *image, oracle_object *object);
iref_image read_iref(const uint8_t *image);
void write_iref(uint8_t *image, oracle_object *object, int64_t offset);
uint64_t read_word(const uint8_t *image);
void write_word(uint8_t *image, uint64_t value);
/* The image of a constant, global cell or function. */
void write_entity(oracle *self, uint8_t *image, const mu_ir_entity *entity);
oracle_value value_from_image(const oracle *self, const uint8_t *image, const mu_ir_type *type);
void image_from_value(oracle *self, uint8_t *image, const mu_ir_type *type,
                      const oracle_value *value);

/* --- ints of 128 bits: oracle_wide.c */
bool is_wide(const mu_ir_type *type);
/* Of lanes; false: division by zero. */
bool wide_binary(mu_ir_op op, const mu_ir_type *type, const uint8_t *a, const uint8_t *b,
                 uint8_t *result);
bool wide_compare(mu_ir_op op, const mu_ir_type *type, const uint8_t *a, const uint8_t *b);
void wide_convert(mu_ir_op op, const mu_ir_type *from, const mu_ir_type *to, const uint8_t *image,
                  uint8_t *result);
void wide_modify(mu_ir_rmw rmw, const mu_ir_type *type, uint8_t *memory, const uint8_t *operand);
/* An int of any width as a length: what has more than 64 bits is UINT64_MAX. */
uint64_t read_length(const uint8_t *image, const mu_ir_type *type);
/* The same as a signed index, cut to 64 bits; false: it does not fit. */
bool read_index(const uint8_t *image, const mu_ir_type *type, int64_t *index);

/* --- the heap: oracle_heap.c */
/* NULL when the heap's quota does not allow it. */
oracle_object *heap_allocate(oracle *self, const mu_ir_type *type, uint64_t length);
/* Sets `size_bytes` unless it overflows. */
bool object_size(const mu_ir_type *type, uint64_t length, uint64_t *size_bytes);
oracle_object *object_new(const mu_ir_type *type, uint64_t length, uint64_t size_bytes,
                          object_place place);
void object_list_free(oracle_object *first);
void mark_object(oracle *self, oracle_object *object);
/* Marks all that what is marked refers to, but by records beside. */
void mark_the_rest(oracle *self);
/* oracle_finalizers.c: marks all that is alive with the records; brings to queues the registrations
 * of what died, and marks what those hold (false: there are none); breaks ephemerons of the dead.
 */
void mark_from_watches(oracle *self);
bool finalize_the_dead(oracle *self);
void break_ephemerons(oracle *self);
bool do_finalizer_comminst(oracle *self, frame *at);

/* --- checks: oracle_checks.c */
/* Does a value that begins like `wanted` begin at `offset`? */
bool object_has_type_at(const oracle_object *object, int64_t offset, const mu_ir_type *wanted);
/* Are both offsets in one array of `wanted`, or the same? */
bool object_allows_shift(const oracle_object *object, int64_t from, int64_t to,
                         const mu_ir_type *wanted);

/* --- plans: oracle_plan.c */
/* The newest version of the function, or its hidden one; NULL when there is no such function. */
const plan *plan_of_function(oracle *self, uint64_t number);
void plan_free_all(oracle *self);

/* --- running */
static inline const mu_ir_inst *inst_of(const frame *at)
{
    return &at->plan->version->insts[at->inst];
}
static inline mu_ir_value operand_value(const frame *at, uint32_t index)
{
    return at->plan->version->operands[inst_of(at)->operands.first + index];
}
static inline uint8_t *image_of_value(frame *at, mu_ir_value value)
{
    uint32_t index = mu_ir_value_index(value);
    return mu_ir_value_is_global(value) ? at->plan->globals[index]
                                        : at->slots + at->plan->slots[index];
}
static inline uint8_t *operand(frame *at, uint32_t index)
{
    return image_of_value(at, operand_value(at, index));
}
static inline const mu_ir_type *type_param(const frame *at, uint32_t index)
{
    return at->plan->version->types[inst_of(at)->types.first + index];
}
static inline uint8_t *result_image(frame *at, uint32_t index)
{
    return at->slots + at->plan->slots[inst_of(at)->results.first + index];
}

static inline thread *running_thread(const oracle *self)
{
    return self->run->threads.items[self->run->turn];
}
static inline stack *running_stack(const oracle *self)
{
    return running_thread(self)->stack;
}

/* Pushes a frame at the entry of the version, its variables zero. False: the stack is full. */
bool push_frame(oracle *self, stack *on, const plan *of);
/* Pushes a frame that waits for its function's arguments. False: the stack is full. */
bool push_unbegun_frame(oracle *self, stack *on, uint64_t function);
void pop_frame(stack *from);
const mu_ir_dest *dest_of(const frame *at, uint32_t index);
/* Finds who catches: the throwing instruction itself, or what a caller waits at; else ends the
 * thread. */
void unwind(oracle *self);
/* The running thread's top frame goes on with what it waits for: the operands from `first` on of
 * the instruction that `from` is at. */
void receive(oracle *self, frame *from, uint32_t first);
/* The number of the function that is this operand, and has the instruction's signature; 0 after an
 * error has been thrown. */
uint64_t function_operand(oracle *self, frame *at, uint32_t index);
/* Ends the running thread, and the run if it is the client's. */
void end_thread(oracle *self, oracle_outcome outcome);

/* Goes on after the top frame's instruction: to its normal destination or to the next one. */
void continue_normally(oracle *self);
/* The top frame's instruction continues exceptionally. */
void throw_error(oracle *self, mu_guest_error error);
void throw_object(oracle *self, oracle_object *exception);
/* Ends the run: the test does what the specification does not define. */
void undefined(oracle *self, const char *format, ...) MU_PRINTF(2, 3);
void jump_to(oracle *self, const mu_ir_dest *dest, const oracle_object *const *exception);

/* --- stacks and threads: oracle_stacks.c */
stack *stack_new(oracle *self);
/* Pops all its frames: DEAD. */
void stack_kill(stack *killed);
/* A cursor at a frame of the stack. */
cursor *cursor_new(oracle *self, stack *on, frame *at);
/* Frees what no reference leads to (after marking), or everything. */
void free_handles(oracle *self, bool only_unmarked);
/* Adds a thread that runs on the stack; its first turn comes later. */
thread *thread_new(oracle *self, stack *on);
/* The next thread's turn. */
void take_turns(oracle *self);
/* The stack, if something else can be done with it than comparing; else NULL after an error has
 * been thrown. */
stack *ready_stack(oracle *self, const uint8_t *image);
/* Do these types equal those of the values that the top frame of an unbound stack waits for? */
bool stack_waits_for(const oracle *self, const stack *on, mu_ir_type *const *types, uint32_t count);

/* --- one function per group of instructions; each continues the frame itself */
void do_call(oracle *self, frame *at); /* oracle_control.c */
void do_tailcall(oracle *self, frame *at);
void do_return(oracle *self, frame *at);
void do_binary(oracle *self, frame *at); /* oracle_arithmetic.c */
void do_compare(oracle *self, frame *at);
void do_select(oracle *self, frame *at);
void do_convert(oracle *self, frame *at); /* oracle_convert.c */
void do_field(oracle *self, frame *at);   /* oracle_aggregate.c */
void do_element(oracle *self, frame *at);
void do_shuffle(oracle *self, frame *at);
void do_allocation(oracle *self, frame *at); /* oracle_memory.c */
void do_addressing(oracle *self, frame *at);
void do_load(oracle *self, frame *at);
void do_store(oracle *self, frame *at);
void do_cmpxchg(oracle *self, frame *at);
void do_atomicrmw(oracle *self, frame *at);
void do_newthread(oracle *self, frame *at); /* oracle_stacks.c */
void do_swapstack(oracle *self, frame *at);
/* The common instructions of stacks and threads; false: it is none of these. */
bool do_stack_comminst(oracle *self, frame *at);
bool do_cursor_comminst(oracle *self, frame *at); /* oracle_cursors.c */
bool do_tagref(oracle *self, frame *at); /* oracle_tagref.c; false: another common instruction */
void image_from_tagref(oracle *self, uint8_t *image, const oracle_value *value);
/* What the tagref64 holds, in words. */
void show_tagref(const oracle *self, const uint8_t *image, char *text, size_t bytes);
/* The object in a tagref64's image, or NULL. */
oracle_object *object_of_tagref(const oracle *self, const uint8_t *image);
bool do_pin_comminst(oracle *self, frame *at); /* oracle_pins.c */
/* Ends the thread's pins; NULL: all. */
void drop_pins(oracle *self, const thread *pinner);
void do_ccall(oracle *self, frame *at); /* oracle_native.c */
/* The running stack's top frame is a native one: C goes on with the result of what it called, if
 * there is one. */
void native_return(oracle *self, const uint8_t *result);
/* What the C code waits for. */
const mu_ir_sig *native_awaited(const native_call *call);
/* Drops C frames that will not return. */
void native_drop(native_call *call);
bool do_expose_comminst(oracle *self, frame *at); /* oracle_exposed.c */
uint64_t exposed_address(oracle *self, const mu_ir_expose *definition);
void exposed_free_all(oracle *self);
bool do_futex_comminst(oracle *self, frame *at); /* oracle_futex.c */
/* Wakes who waits at the counts of queues that something came to. */
void wake_notified(oracle *self);
bool do_meta_comminst(oracle *self, frame *at);      /* oracle_meta.c */
bool do_irbuilder_comminst(oracle *self, frame *at); /* oracle_irbuilder.c */
/* The running thread has trapped: begins the program's own handler, if there is one. */
bool do_own_trap(oracle *self);
/* Ends the waits whose time is over; `leaps`: makes it so for the next. */
void end_late_waits(oracle *self, bool leaps);
