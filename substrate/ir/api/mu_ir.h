#pragma once
/* The Mu IR in memory (uvm-ir.rest, type-system.rest, instruction-set.rest).
 *
 * A **bundle** owns everything that one load defines, in one arena; it is immutable once it has
 * been linked. An **environment** (`mu_ir_env`) is what a VM has loaded so far: a bundle and the
 * environment it was loaded on. Environments are immutable, counted and shared: VMs that load the
 * same bundles in the same order have the same environment, hence the same entities, numbers and
 * compiled code. What differs between VMs (cells, newest versions) is reached by the numbers below
 * through the VM.
 *
 * Local names are sugar: every entity here has its global name ("@gcd.v1.head.a") or none.
 */
#include "mu_base.h"

typedef struct mu_ir_type mu_ir_type;
typedef struct mu_ir_sig mu_ir_sig;
typedef struct mu_ir_const mu_ir_const;
typedef struct mu_ir_global mu_ir_global;
typedef struct mu_ir_func mu_ir_func;
typedef struct mu_ir_expose mu_ir_expose;
typedef struct mu_ir_version mu_ir_version;
typedef struct mu_ir_bundle mu_ir_bundle;
typedef struct mu_ir_env mu_ir_env;

typedef enum mu_ir_kind {
    MU_IR_TYPE,
    MU_IR_SIG,
    MU_IR_CONST,
    MU_IR_GLOBAL,
    MU_IR_FUNC,
    MU_IR_EXPOSE,
    MU_IR_VERSION,
    MU_IR_BLOCK,
    MU_IR_VARIABLE, /* a parameter or result; `owner` is its version */
    MU_IR_INST,
} mu_ir_kind;

/* What every identified entity begins with. */
typedef struct mu_ir_entity {
    mu_ir_kind kind;
    uint32_t id;      /* unique in the environment; from MU_IR_FIRST_ID; 0: has none */
    const char *name; /* global name with its '@'; NULL: has none */
    /* What people are told: the name, or "#" and the id. Set by linking, then NULL only of
     * instructions without a name. */
    const char *label;
    mu_location where;
    mu_ir_version *owner; /* of a block, variable or instruction: its version; else NULL */
    uint32_t index;       /* of a block, variable or instruction: its number in the version; of a
                             constant: in the bundle */
} mu_ir_entity;
#define MU_IR_FIRST_ID       65536u
#define MU_IR_FIRST_GIVEN_ID 0x80000000u /* of those that mu_ir_builder_next_id gives */

/* ------------------------------------------------------------------------------------- types */

/* clang-format off */
#define MU_IR_TYPE_LIST(T)                                                                       \
    T(INT, "int")            T(FLOAT, "float")        T(DOUBLE, "double")    T(UPTR, "uptr")     \
    T(UFUNCPTR, "ufuncptr")  T(STRUCT, "struct")      T(HYBRID, "hybrid")    T(ARRAY, "array")   \
    T(VECTOR, "vector")      T(VOID, "void")          T(REF, "ref")          T(IREF, "iref")     \
    T(WEAKREF, "weakref")    T(TAGREF64, "tagref64")  T(FUNCREF, "funcref")                      \
    T(THREADREF, "threadref") T(STACKREF, "stackref") T(FRAMECURSORREF, "framecursorref")        \
    T(IRNODEREF, "irnoderef")
/* clang-format on */
typedef enum mu_ir_type_kind {
#define MU_IR_TYPE_ENUM(name, word) MU_IR_##name,
    MU_IR_TYPE_LIST(MU_IR_TYPE_ENUM)
#undef MU_IR_TYPE_ENUM
} mu_ir_type_kind;

struct mu_ir_type {
    mu_ir_entity entity;
    mu_ir_type_kind kind;
    uint32_t bits;   /* INT */
    uint64_t length; /* ARRAY, VECTOR */
    /* UPTR, REF, IREF, WEAKREF: the referent; ARRAY, VECTOR; HYBRID: of the variable part */
    mu_ir_type *element;
    mu_ir_sig *sig;      /* FUNCREF, UFUNCPTR */
    mu_ir_type **fields; /* STRUCT; HYBRID: fixed part */
    uint32_t field_count;

    /* Types are compared by structure (recursive ones too): two types of one environment chain are
     * equal exactly when these numbers are. Set by mu_ir_link. */
    uint32_t canonical;

    /* Layout, by the C ABI where it has one; set by mu_ir_layout, valid when `laid_out`. An iref is
     * two words, base object and offset, aligned to 16. HYBRID: the fixed part, `size_bytes` being
     * the offset of the variable part. */
    bool laid_out;
    uint32_t align_bytes;
    uint64_t size_bytes;
    uint64_t *offsets;     /* STRUCT, HYBRID: of each field */
    uint64_t stride_bytes; /* ARRAY, VECTOR, HYBRID: distance between elements */
    bool has_refs;         /* what mu_ir_type_has_refs says */
    uint32_t levels;       /* composites nested in it, itself included; 0: a scalar */

    /* The collector's descriptor of this type, made and owned by the code generator; atomic. */
    void *descriptor;
};

struct mu_ir_sig {
    mu_ir_entity entity;
    mu_ir_type **params;
    mu_ir_type **results;
    uint32_t param_count;
    uint32_t result_count;
    uint32_t canonical; /* as in types; never 0 */
    void *convention;   /* where arguments travel; made and owned by the code generator; atomic */
};

/* ------------------------------------------------------------------------------ global values */

typedef enum mu_ir_const_kind {
    MU_IR_CONST_INT,    /* int, uptr, ufuncptr: `low`, `high` */
    MU_IR_CONST_FLOAT,  /* `single_value` */
    MU_IR_CONST_DOUBLE, /* `double_value` */
    MU_IR_CONST_NULL,
    MU_IR_CONST_LIST, /* struct, array, vector: `items` */
} mu_ir_const_kind;

struct mu_ir_const {
    mu_ir_entity entity;
    mu_ir_const_kind kind;
    mu_ir_type *type;
    bool negative;  /* INT as written: had a '-' */
    bool too_large; /* INT as written: more than 128 bits */
    /* INT: two's complement of 128 bits, as written (not yet cut to the type) */
    uint64_t low, high;
    float single_value;
    double double_value;
    mu_ir_entity **items; /* LIST: constants, global cells, functions, exposed functions */
    uint32_t item_count;
};

struct mu_ir_global {
    mu_ir_entity entity;
    mu_ir_type *type; /* of the cell; the variable's type is `iref_type` */
    mu_ir_type *iref_type;
    uint64_t offset_bytes; /* in the VM's global memory; set by mu_ir_layout */
};
/* What the runtime may put before each cell. */
#define MU_IR_GLOBAL_PREFIX_BYTES 16u

struct mu_ir_func {
    mu_ir_entity entity;
    mu_ir_sig *sig;
    mu_ir_type *funcref_type;
    uint32_t number; /* index in a VM's function table, from 1; also the value of its funcref */
    mu_ir_bundle *bundle;
    mu_ir_version *hidden; /* made on demand by mu_ir_func_hidden; atomic */
};

struct mu_ir_expose {
    mu_ir_entity entity;
    mu_ir_func *func;
    const char *convention; /* "#DEFAULT" */
    mu_ir_const *cookie;
    mu_ir_type *pointer_type; /* ufuncptr of the function's signature */
    uintptr_t address;        /* the code generator's; 0: not made */
};

/* ------------------------------------------------------------------------------------- bodies */

typedef enum mu_ir_op {
#define MU_OP(name, word, shape, flags, text) MU_OP_##name,
#include "mu_ops.def"
#undef MU_OP
    MU_OP_COUNT
} mu_ir_op;

/* clang-format off */
typedef enum mu_ir_shape {
    MU_SHAPE_BINARY, MU_SHAPE_COMPARE, MU_SHAPE_CONVERT, MU_SHAPE_SELECT, MU_SHAPE_BRANCH,
    MU_SHAPE_BRANCH2, MU_SHAPE_SWITCH, MU_SHAPE_CALL, MU_SHAPE_TAILCALL, MU_SHAPE_RET,
    MU_SHAPE_THROW, MU_SHAPE_FIELD, MU_SHAPE_ELEMENT, MU_SHAPE_SHUFFLE, MU_SHAPE_NEW,
    MU_SHAPE_NEWHYBRID, MU_SHAPE_GETIREF, MU_SHAPE_GETFIELD, MU_SHAPE_GETELEM,
    MU_SHAPE_GETVARPART, MU_SHAPE_LOAD, MU_SHAPE_STORE, MU_SHAPE_CMPXCHG, MU_SHAPE_ATOMICRMW,
    MU_SHAPE_FENCE, MU_SHAPE_TRAP, MU_SHAPE_WATCHPOINT, MU_SHAPE_WPBRANCH, MU_SHAPE_CCALL,
    MU_SHAPE_NEWTHREAD, MU_SHAPE_SWAPSTACK, MU_SHAPE_COMMINST,
} mu_ir_shape;
/* clang-format on */

enum { MU_OP_FLAG_PURE = 1, MU_OP_FLAG_EXC = 2, MU_OP_FLAG_TERM = 4 };

typedef struct mu_ir_op_info {
    const char *word;
    mu_ir_shape shape;
    uint32_t flags;
    const char *text;
} mu_ir_op_info;
/* Row `op` of mu_ops.def; static storage. */
const mu_ir_op_info *mu_ir_op_info_of(mu_ir_op op);

typedef enum mu_ir_comminst {
#define MU_COMMINST(name, id, text) MU_COMMINST_##name,
#include "mu_comminsts.def"
#undef MU_COMMINST
    MU_COMMINST_COUNT
} mu_ir_comminst;
const char *mu_ir_comminst_name(mu_ir_comminst comminst);
/* The common instruction of this id; false: there is none. */
bool mu_ir_comminst_by_id(uint32_t id, mu_ir_comminst *comminst);
uint32_t mu_ir_comminst_id(mu_ir_comminst comminst);

/* clang-format off */
typedef enum mu_ir_order {
    MU_ORDER_NOT_ATOMIC, MU_ORDER_RELAXED, MU_ORDER_CONSUME, MU_ORDER_ACQUIRE, MU_ORDER_RELEASE,
    MU_ORDER_ACQ_REL, MU_ORDER_SEQ_CST,
} mu_ir_order;
/* clang-format on */
/* clang-format off */
typedef enum mu_ir_rmw {
    MU_RMW_XCHG, MU_RMW_ADD, MU_RMW_SUB, MU_RMW_AND, MU_RMW_NAND, MU_RMW_OR, MU_RMW_XOR,
    MU_RMW_MAX, MU_RMW_MIN, MU_RMW_UMAX, MU_RMW_UMIN,
} mu_ir_rmw;
/* clang-format on */
const char *mu_ir_order_name(mu_ir_order order);
const char *mu_ir_rmw_name(mu_ir_rmw rmw);

/* An operand: a local variable (parameter or result of this version), or an entry of the version's
 * list of global values. */
typedef struct mu_ir_value {
    uint32_t code;
} mu_ir_value;
#define MU_IR_VALUE_GLOBAL_BIT 0x80000000u
static inline bool mu_ir_value_is_global(mu_ir_value value)
{
    return (value.code & MU_IR_VALUE_GLOBAL_BIT) != 0;
}
static inline uint32_t mu_ir_value_index(mu_ir_value value)
{
    return value.code & ~MU_IR_VALUE_GLOBAL_BIT;
}

/* A slice of one of the version's arrays. */
typedef struct mu_ir_range {
    uint32_t first;
    uint32_t count;
} mu_ir_range;

typedef struct mu_ir_dest {
    uint32_t block;   /* index in version->blocks */
    mu_ir_range args; /* in version->operands */
    mu_location where;
} mu_ir_dest;

typedef struct mu_ir_variable {
    mu_ir_entity entity;
    /* Of a parameter as written; of a result from linking, NULL where its instruction has none. */
    mu_ir_type *type;
    uint32_t block; /* that it belongs to */
    uint32_t inst;  /* that defines it; UINT32_MAX: a parameter */
} mu_ir_variable;

/* clang-format off */
/* Instruction forms use these fields:
 *   types    T; CONVERT T1 T2; SELECT S T; ELEMENT and GETELEM T I; NEWHYBRID T L; SHUFFLE T M;
 *            CCALL T; TRAP, WATCHPOINT, COMMINST: the list; SWAPSTACK: RET_WITH's list, then
 *            (from `pass_types_first`) PASS_VALUES' list; NEWTHREAD: PASS_VALUES' list
 *   sigs     CALL, TAILCALL, CCALL: one; COMMINST: the list
 *   operands in the order written, without destination arguments, keep-alives and case values:
 *            CALL, TAILCALL, CCALL: callee, arguments; STORE loc v; CMPXCHG loc expected desired;
 *            NEWTHREAD, SWAPSTACK: stack, [threadlocal], then values passed or the exception
 *   dests    BRANCH 1; BRANCH2 true, false; SWITCH default, then cases; an exception clause: normal,
 *            exceptional; WATCHPOINT dis, ena, [exc]; WPBRANCH dis, ena
 *   cases    SWITCH: the constants, parallel to dests from the second
 *   flags    CCALL: its calling convention; COMMINST: the list */
/* clang-format on */
typedef struct mu_ir_inst {
    mu_ir_entity entity; /* the instruction's own name: [%name] */
    mu_ir_op op;
    bool is_ptr;     /* PTR */
    bool is_weak;    /* CMPXCHG WEAK */
    bool has_exc;    /* an exception clause; WATCHPOINT: WPEXC */
    bool kills_old;  /* SWAPSTACK KILL_OLD */
    bool throws_exc; /* SWAPSTACK, NEWTHREAD: THROW_EXC */
    bool has_threadlocal;
    uint8_t order;      /* mu_ir_order; CMPXCHG: on success */
    uint8_t order_fail; /* CMPXCHG */
    uint8_t rmw;        /* mu_ir_rmw */
    mu_ir_comminst comminst;
    uint64_t literal; /* FIELD, GETFIELD: index; WATCHPOINT, WPBRANCH: id */
    uint32_t block;
    uint32_t pass_types_first; /* counted from the start of this instruction's list */
    mu_ir_range types;         /* in version->types */
    mu_ir_range sigs;          /* in version->sigs */
    mu_ir_range operands;      /* in version->operands */
    mu_ir_range cases;         /* in version->operands */
    mu_ir_range keepalives;    /* in version->operands */
    mu_ir_range dests;         /* in version->dests */
    mu_ir_range flags;         /* in version->flags */
    mu_ir_range results;       /* in version->variables, consecutive */
} mu_ir_inst;

typedef struct mu_ir_block {
    mu_ir_entity entity;
    mu_ir_range params; /* in version->variables, consecutive */
    bool has_exc_param;
    uint32_t exc_param; /* index in version->variables */
    mu_ir_range insts;  /* in version->insts */
} mu_ir_block;

/* A version of a function. Blocks, instructions and variables are in the order of the text; block 0
 * is the entry. */
struct mu_ir_version {
    mu_ir_entity entity;
    mu_ir_func *func;
    mu_ir_sig *sig;
    mu_ir_bundle *bundle;
    bool hidden; /* made for an undefined function: traps, then tail-calls the function again */

    mu_ir_block *blocks;
    mu_ir_inst *insts;
    mu_ir_variable *variables;
    mu_ir_value *operands;
    mu_ir_dest *dests;
    mu_ir_type **types;
    mu_ir_sig **sigs;
    const char **flags;
    mu_ir_entity **globals; /* CONST, GLOBAL, FUNC, EXPOSE */
    uint32_t block_count, inst_count, variable_count, operand_count, dest_count, type_count,
        sig_count, flag_count, global_count;

    /* The code generator's; atomic: compiled code; what the optimising tier made, or that it cannot
     * have the version. */
    void *code;
    void *optimised;
    bool is_not_optimised;
};

/* The entity behind an operand that is global. */
static inline mu_ir_entity *mu_ir_global_of(const mu_ir_version *version, mu_ir_value value)
{
    return version->globals[mu_ir_value_index(value)];
}
/* The type of an operand; NULL where an error has already been reported. */
mu_ir_type *mu_ir_value_type(const mu_ir_version *version, mu_ir_value value);
/* The name of an operand for messages ("@f.v1.entry.x", "a value without a name"). */
const char *mu_ir_value_name(const mu_ir_version *version, mu_ir_value value);

/* ------------------------------------------------------------------------ bundles, environments */

/* Everything one load defines, in the order of the text. */
struct mu_ir_bundle {
    mu_arena *arena;
    const char *name; /* for messages */
    mu_ir_type **types;
    mu_ir_sig **sigs;
    mu_ir_const **consts;
    mu_ir_global **globals;
    mu_ir_func **funcs; /* new functions only */
    mu_ir_expose **exposes;
    mu_ir_version **versions; /* of new and of older functions */
    uint32_t type_count, sig_count, const_count, global_count, func_count, expose_count,
        version_count;
    mu_ir_entity **by_id;        /* entity `first_id + i`; covers every entity that has an id */
    uint32_t first_id, id_count; /* without the given ids */
    mu_map *given; /* id → entity, of the ids that mu_ir_builder_next_id gave; NULL: none */
    mu_map *names; /* global name → mu_ir_entity, all kinds */

    /* Types that no line of the text defines, made for results, cells and functions (int<1>, iref
     * of a field, …). Nameless and without id; laid out and numbered like the others. */
    mu_ir_type **derived;
    uint32_t derived_count;
    uint64_t global_bytes; /* size of a VM's global memory with this bundle; set by mu_ir_layout */
    /* Internal to ir: the environment it was made on; form of a type → type; function → its version
     * here; keys of types → canonical numbers, and the numbers after this bundle. */
    const mu_ir_env *base;
    mu_map *derived_index;
    mu_map *newest;
    mu_map *canonical_index;
    uint32_t next_id, next_function, next_canonical;
    bool trusted;  /* loaded with the grant `native`: compiled without the checks that make it
                      memory-safe */
    void *backend; /* the code generator's; freed by it */
};

struct mu_ir_env {
    mu_ir_env *parent;    /* NULL: the empty environment's */
    mu_ir_bundle *bundle; /* in the empty environment: the predefined entities */
    uint32_t references;  /* atomic */
    uint32_t depth;
    uint32_t next_id;
    uint32_t next_function; /* number of the next new function; the table has this many entries */
    uint32_t next_canonical;
    uint64_t global_bytes;   /* size of a VM's global memory */
    mu_map *canonical_types; /* this bundle's additions; internal to ir */
    mu_ir_env *root;         /* the empty environment at the end of the chain; not counted */
    uint64_t text_hash;      /* of what it was loaded from; for vm, which finds it by that */
    /* Host memory of it and its ancestors but the empty one; whoever keeps more for it, from its
     * making to its end, adds that before anybody else has it. */
    uint64_t held_bytes;
};

/* Called when an environment's last reference goes, before its bundle is freed. */
typedef void mu_ir_env_free_fn(mu_ir_env *env);

/* The empty environment, with the predefined entities of common-insts.rest (@uvm.meta.bytes and so
 * on) in a bundle of its own. The caller owns one reference. */
mu_ir_env *mu_ir_env_new_root(void);
mu_ir_env *mu_ir_env_retain(mu_ir_env *env);
/* Drops a reference; `on_free` (may be NULL) sees each environment that goes. Iterative, so that a
 * chain of any length can go at once. Thread-safe. */
void mu_ir_env_release(mu_ir_env *env, mu_ir_env_free_fn *on_free);

/* The entity with this global name in the environment or its ancestors, or NULL. Thread-safe;
 * linear in the number of bundles loaded, as are the other look-ups. */
mu_ir_entity *mu_ir_env_find(const mu_ir_env *env, const char *name, size_t length);
/* The entity with this id, or NULL. */
mu_ir_entity *mu_ir_env_by_id(const mu_ir_env *env, uint32_t id);

/* Parses a text bundle against `env` and links it: names are resolved, local names expanded, ids
 * given, types canonicalised, result types inferred where the text determines them. What comes out
 * obeys the grammar and has no dangling reference, but is not verified: see mu_verify.h.
 *   text       not NUL-terminated; any bytes
 *   bundle     out; the caller owns it until mu_ir_env_extend takes it
 * Errors: INVALID, with every error found (the parser recovers at top-level definitions and at
 * instructions) in `report`; LIMIT for a bundle beyond the limits in mu_ir_text.c.
 * Thread-safe; time is linear in the text but for type equality (n log n). */
MU_MUST_CHECK mu_status mu_ir_parse(const mu_ir_env *env, const char *name, const char *text,
                                    size_t length, mu_report *report, mu_ir_bundle **bundle);
/* The same; NO_MEMORY as soon as the bundle, as far as it is parsed, holds more than `most_bytes`
 * of host memory: by a definition or an instruction at most. */
MU_MUST_CHECK mu_status mu_ir_parse_within(const mu_ir_env *env, const char *name, const char *text,
                                           size_t length, uint64_t most_bytes, mu_report *report,
                                           mu_ir_bundle **bundle);
/* Lays out the bundle's types and global cells (sizes, offsets), on the environment it was parsed
 * against, whose own bundles are laid out. The verifier calls it before it looks at anything that
 * needs sizes.
 * Errors: INVALID for a type that contains itself, void or hybrid inside a composite, or int<0>;
 * UNSUPPORTED for an integer of more than 128 bits; LIMIT for a type larger than 1 TiB or nested
 * deeper than 1,000 levels. A type in error, and any that contains it, stays not `laid_out`. */
MU_MUST_CHECK mu_status mu_ir_layout(const mu_ir_env *env, mu_ir_bundle *bundle, mu_report *report);
/* Frees a bundle that no environment took, while the environment it was made on is still there. */
void mu_ir_bundle_free(mu_ir_bundle *bundle);
/* The environment after loading `bundle` (taken) on `parent` (a new reference is kept), which is
 * the environment the bundle was made on. The caller owns one reference to the result. */
mu_ir_env *mu_ir_env_extend(mu_ir_env *parent, mu_ir_bundle *bundle);

/* Prints a bundle in the text form; parsing it again on the same environment gives the same bundle
 * up to ids. Names are global. The caller frees the text with mu_free. */
char *mu_ir_print(const mu_ir_bundle *bundle);
/* Display forms; caller frees with mu_free. Types print by structure with names inside composite
 * referents: "int<64>", "ref<@Node>"; signatures "(int<64> int<64>) -> (int<64>)". */
char *mu_ir_type_text(const mu_ir_type *type);
char *mu_ir_sig_text(const mu_ir_sig *sig);
/* An instruction of a version, in the text form with global names; the caller frees with mu_free.
 */
char *mu_ir_inst_text(const mu_ir_version *version, const mu_ir_inst *inst);

/* ------------------------------------------------------------------------------------- queries */

static inline bool mu_ir_type_equal(const mu_ir_type *a, const mu_ir_type *b)
{
    return a->canonical == b->canonical;
}
/* Does every value of `type` begin with one of `prefix`: is a reference to the one good as a
 * reference to the other? By the Prefix Rule of uvm-memory.rest, and for structs whose fields are
 * the first fields of `type`; void is a prefix of every type. Both are laid out. */
bool mu_ir_type_begins_with(const mu_ir_type *type, const mu_ir_type *prefix);
/* Holds references anywhere (ref, iref, weakref, tagref64)? A composite must be laid out. */
bool mu_ir_type_has_refs(const mu_ir_type *type);
/* How many results `inst` gives, by its own types and signatures; the types of the first `room` of
 * them go to `types`. An entry is NULL where the instruction's types do not fit it (EXTRACTVALUE of
 * an array); the verifier says why. Variables of results have these types already, as far as the
 * text names as many. Thread-safe after linking. */
uint32_t mu_ir_result_types(const mu_ir_version *version, const mu_ir_inst *inst,
                            mu_ir_type **types, uint32_t room);
/* The version that an undefined function behaves as if it had (uvm-ir.rest, Function Definition and
 * Declaration): TRAP <> KEEPALIVE(params), then TAILCALL to itself. Made once, lives as long as the
 * function. Thread-safe. */
mu_ir_version *mu_ir_func_hidden(mu_ir_func *func);
/* Host memory of a hidden version; 0 of another, which is its bundle's. */
uint64_t mu_ir_hidden_bytes(const mu_ir_version *version);
/* The newest version in `env` of `func`, or NULL when it is only declared. */
mu_ir_version *mu_ir_env_newest(const mu_ir_env *env, const mu_ir_func *func);
