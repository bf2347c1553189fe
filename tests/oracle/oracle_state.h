#pragma once
/* What the oracle's files share: objects, frames, plans and the run at hand. */
#include "oracle.h"

/* Where an object lives decides who frees it. */
typedef enum object_place { PLACE_HEAP, PLACE_FRAME, PLACE_GLOBAL } object_place;

struct oracle_object {
    oracle_object *next;    /* in the heap's list, its frame's, or the globals' */
    const mu_ir_type *type; /* NULL: no content */
    uint64_t length;        /* elements of a hybrid */
    uint64_t size_bytes;    /* of `bytes` */
    object_place place;
    bool is_marked;
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
struct frame {
    frame *caller;
    const plan *plan;
    uint32_t inst;        /* in version->insts; of a caller: its CALL */
    oracle_object *cells; /* from ALLOCA */
    _Alignas(16) uint8_t slots[];
};

typedef struct run {
    frame *top;
    uint64_t stack_bytes;
    uint64_t steps;
    bool is_over;
    bool is_thrown; /* the top frame's instruction continues exceptionally */
    mu_guest_error error;
    oracle_object *exception;
    oracle_trapped_fn *trapped;
    void *context;
    oracle_result *result;
} run;

struct oracle {
    mu_ir_env *env;
    oracle_limits limits;
    mu_map *plans; /* version → plan */
    MU_ARRAY(plan *) all_plans;
    MU_ARRAY(mu_ir_func *) functions; /* by number */
    MU_ARRAY(const plan *) newest;    /* by number; NULL: not looked up since the last load */
    MU_ARRAY(oracle_object *) cells;  /* global cells by entity id - MU_IR_FIRST_ID */
    uint32_t loaded_depth;            /* environments whose functions are in the table */
    oracle_object *heap;
    oracle_object *globals;
    uint64_t heap_bytes;
    uint64_t next_collection_bytes;
    MU_ARRAY(oracle_object *) marks; /* objects to trace */
    uint8_t *scratch;                /* arguments on their way into a block */
    uint32_t scratch_bytes;
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
oracle_value value_from_image(const uint8_t *image, const mu_ir_type *type);
void image_from_value(uint8_t *image, const mu_ir_type *type, const oracle_value *value);

/* --- the heap: oracle_heap.c */
/* NULL when the heap's quota does not allow it. */
oracle_object *heap_allocate(oracle *self, const mu_ir_type *type, uint64_t length);
/* Sets `size_bytes` unless it overflows. */
bool object_size(const mu_ir_type *type, uint64_t length, uint64_t *size_bytes);
oracle_object *object_new(const mu_ir_type *type, uint64_t length, uint64_t size_bytes,
                          object_place place);
void object_list_free(oracle_object *first);

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

/* Pushes a frame at the entry of the version, its variables zero. False: the stack is full. */
bool push_frame(oracle *self, const plan *of);
void pop_frame(run *at);
const mu_ir_dest *dest_of(const frame *at, uint32_t index);
/* Finds who catches: the throwing instruction itself, or the CALL of a caller; else ends the run.
 */
void unwind(oracle *self);
void finish(oracle *self, oracle_outcome outcome);

/* Goes on after the top frame's instruction: to its normal destination or to the next one. */
void continue_normally(oracle *self);
/* The top frame's instruction continues exceptionally. */
void throw_error(oracle *self, mu_guest_error error);
void throw_object(oracle *self, oracle_object *exception);
/* Ends the run: the test does what the specification does not define. */
void undefined(oracle *self, const char *format, ...) MU_PRINTF(2, 3);
void jump_to(oracle *self, const mu_ir_dest *dest, const oracle_object *const *exception);

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
