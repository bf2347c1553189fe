#pragma once
/* Random Mu IR programs, for generate.c and its parts: the state of one generation, types,
 * constants and values. Everything lives in one arena and is a function of the seed alone.
 *
 * Names carry types, so that a program can be shrunk as text: the variable `%v7.i33` has the type
 * @i33, and @z.i33 is a constant of that type. */
#include "mu_base.h"

typedef enum type_kind {
    KIND_INT,
    KIND_FLOAT,
    KIND_DOUBLE,
    KIND_VOID,
    KIND_STRUCT,
    KIND_ARRAY,
    KIND_VECTOR,
    KIND_HYBRID,
    KIND_REF,
    KIND_IREF,
    KIND_FUNCREF,
    KIND_STACKREF,
    KIND_THREADREF,
    KIND_CURSORREF,
    KIND_NODEREF,
    KIND_TAGREF,
    KIND_UPTR,
    KIND_UFUNCPTR,
} type_kind;

typedef struct program_type program_type;
typedef struct program_sig program_sig;
struct program_type {
    type_kind kind;
    uint32_t bits;
    const program_type *element; /* ARRAY, VECTOR, HYBRID, REF, IREF, UPTR */
    const program_type **fields;
    uint32_t field_count;
    uint32_t length;
    const program_sig *sig; /* FUNCREF, UFUNCPTR */
    uint32_t words;         /* of a value, rounded up generously */
    bool has_iref;          /* an iref anywhere in a value */
    bool has_tagref;        /* a tagref64: there are no constants, but a cell @zc.NAME of zeros */
    char name[24];          /* "@S1" is written for "S1" */
    program_type *ref;      /* to this one, once made */
    program_type *iref;     /* likewise */
    program_type *uptr;     /* likewise */
    MU_ARRAY(const char *) constants;
};

struct program_sig {
    char name[16];
    const program_type **params;
    const program_type **results;
    uint32_t param_count, result_count;
    uint32_t param_words, result_words;
    const program_type *funcref;
    const program_type *ufuncptr; /* NULL: C cannot call it */
};

typedef struct program_func {
    char name[16];
    const program_sig *sig;
    bool is_main;     /* called from outside only, with scalars */
    bool is_checked;  /* its entry stops when the fuel is gone: may be called from anywhere */
    bool is_declared; /* has no body */
    bool by_thread, by_frame, by_stack; /* it is called so: program_detours.c writes how */
    bool by_c, by_c_caught;
} program_func;

typedef struct program_value {
    char name[40];
    const program_type *type;
    bool may_dangle; /* may hold an iref into this frame: must not leave it upwards */
    bool is_not_null;
    uint32_t uses;
} program_value;

typedef struct program_block {
    const program_type **params;
    bool *params_may_dangle;
    uint32_t param_count;
    bool has_exception;
    bool is_header; /* back edges may go here: it stops when the fuel is gone */
} program_block;

typedef struct program_buffer {
    char *text;
    size_t length, capacity;
} program_buffer;
void program_write(program_buffer *buffer, const char *format, ...) MU_PRINTF(2, 3);

typedef struct program_global {
    char name[16];
    const program_type *type;
} program_global;

/* An instruction before it is written. */
typedef struct program_op {
    program_buffer text; /* from the keyword on, without clauses */
    const program_type *results[40];
    uint32_t result_count;
    bool may_dangle, is_not_null;
    bool may_throw;    /* may have an exception clause */
    bool may_keep;     /* may have keep-alives */
    const char *label; /* prefix of the instruction's own name; NULL: has none */
} program_op;

typedef struct program {
    mu_arena *arena;
    uint64_t random;
    program_buffer head, body;
    MU_ARRAY(program_type *) types;
    MU_ARRAY(program_sig *) sigs;
    const program_type *stackref, *threadref, *cursorref;
    const program_type *weak; /* ref to what the program has weak references to */
    MU_ARRAY(program_func) funcs;
    MU_ARRAY(program_global) globals;
    uint32_t name_count;

    const program_func *func;
    uint32_t func_index;
    MU_ARRAY(program_block) blocks;
    uint32_t block_index;
    MU_ARRAY(program_value) values; /* of the block */
    uint32_t depth;                 /* of values made for the sake of others */
    uint32_t flavour;               /* what the block mostly does; program_insts.c */
    bool has_pointers;              /* the program may use the native interface */
    bool has_threads;               /* it calls in threads of their own, so none may just end */
    bool has_own_traps;             /* at times it handles its traps itself: all of them throw */
    bool walks_stacks;              /* it looks at the frames of parked stacks */
    bool is_quiet;                  /* no calls: the fuel has not been looked at */
} program;

uint64_t program_random(program *p);
uint32_t program_below(program *p, uint32_t limit);
bool program_chance(program *p, uint32_t percent);

/* program_types.c */
void program_make_types(program *p);
const program_type *program_ref_to(program *p, const program_type *type);
const program_type *program_iref_to(program *p, const program_type *type);
const program_type *program_uptr_to(program *p, const program_type *type); /* native-safe */
/* Are there no references in values of the type? */
bool program_is_native_safe(const program_type *type);
const program_type *program_int_of(const program *p, uint32_t bits);
const program_type *program_random_int(program *p);
const program_type *program_random_fp(program *p);
const program_type *program_fp(const program *p, bool is_single); /* float, else double */
const program_type *program_void(const program *p);
const program_type *program_random_value_type(program *p);
const program_type *program_random_scalar(program *p);
const program_type *program_random_vector(program *p);
/* The vector type of so many of `lane`; NULL when it would be too large for a value. */
const program_type *program_vector_of(program *p, const program_type *lane, uint32_t length);
typedef enum sig_purpose {
    SIG_MAIN,   /* called from outside: scalars */
    SIG_GUEST,  /* anything */
    SIG_NATIVE, /* what C can pass */
} sig_purpose;
program_sig *program_make_sig(program *p, sig_purpose purpose);
void program_write_types(program *p);

/* program_stacks.c: calls on a stack of their own. Frames below are parked meanwhile. */
/* Makes `op` run the function on a new stack, from which the results come back. */
void program_call_on_stack(program *p, program_func *func, program_op *op);
/* What such calls begin with: one function a callee. */
void program_write_stack_bottoms(program *p);

/* program_detours.c: calls of functions by way of C, of other threads, of replaced frames. */
/* The name of a function of the same signature that comes to this one; or its own. */
const char *program_detour(program *p, program_func *func);
/* Makes `op` call the function, which C can call, as C does. */
void program_call_by_c(program *p, program_func *func, program_op *op);
bool program_expose_inst(program *p, program_op *op); /* exposes, calls and unexposes */
void program_write_detours(program *p);
/* ") <@T> %a0.T …" and the like, of a list of types */
void program_write_types_of(program_buffer *out, const program_type **types, uint32_t count);
void program_write_params(program_buffer *out, const program_type **types, uint32_t count,
                          char letter);
void program_write_names(program_buffer *out, const program_type **types, uint32_t count,
                         char letter);

/* program_common.c: makers of common instructions, as in program_insts.c */
bool program_common_inst(program *p, program_op *op);
bool program_stack_inst(program *p, program_op *op);
bool program_weak_inst(program *p, program_op *op);
void program_write_common(program *p); /* cells and functions that they need */
void program_start_common(program *p); /* what a call from outside does first for them */

/* program_constants.c */
const char *program_constant(program *p, const program_type *type);
const char *program_int_constant(program *p, const program_type *type, uint64_t value);
/* Of more than 64 bits. */
const char *program_wide_constant(program *p, const program_type *type, uint64_t high,
                                  uint64_t low);
/* Of a struct, array or vector, from names of constants. */
const char *program_list_constant(program *p, const program_type *type, const char *const *items);
const char *program_null(program *p, const program_type *type);

/* program_values.c */
enum { PICK_DANGLING = 1, PICK_NOT_NULL = 2 };
program_value program_pick(program *p, const program_type *type, uint32_t flags);
program_value *program_find(program *p, type_kind kind,
                            uint32_t flags); /* any of the block, or NULL */
program_value program_emit(program *p, program_op *op);
void program_emit_with(program *p, program_op *op, const char *clauses, program_value *results);
bool program_is_value_type(const program_type *type);

/* program_tagref.c */
program_value program_make_tagref(program *p); /* a new one */
bool program_tagref_inst(program *p, program_op *op);

/* program_insts.c */
bool program_may_call(const program *p, const program_func *func);
/* " %a %b": values for the parameters; the caller frees the text. */
program_buffer program_arguments(program *p, const program_sig *sig);
bool program_random_inst(program *p, program_op *op, bool wants_throwing);
program_value program_any_int(program *p);
const char *program_safe_index(program *p, const program_type **type, uint32_t length,
                               bool may_exceed);

/* program_vectors.c: makers as in program_insts.c */
bool program_vector_inst(program *p, program_op *op);
bool program_vector_division(program *p, program_op *op);

/* program_pointers.c */
/* A pointer type that the program has, or a new one. */
const program_type *program_some_pointer(program *p);
bool program_ptrcast_inst(program *p, program_op *op);
bool program_pointer_path_inst(program *p, program_op *op);
bool program_pinned_inst(program *p, program_op *op);
typedef struct program_location {
    const char *flag; /* "PTR " or "" */
    char name[40];
} program_location;
/* How the instruction that is written next gets at the place: by the iref or by a pointer. */
program_location program_locate(program *p, const program_value *place, const program_type *type);

/* program_flow.c */
void program_make_function(program *p, uint32_t index);
void program_keepalives(program *p, program_buffer *out);
