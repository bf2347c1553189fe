#pragma once
/* What the files of this room share: the state of one verification, complaining, and looking at the
 * instruction at hand. The list of rules is in verifier.c. */
#include "mu_verify.h"

/* One verification. It lives on the stack of mu_verify_bundle, one thread uses it. */
typedef struct mu_verifier {
    const mu_ir_env *env;
    mu_ir_bundle *bundle;
    const mu_verify_options *options;
    mu_report *report;
    mu_arena *arena;      /* what lives until the verification is over */
    mu_map *traits;       /* canonical number of a composite type → its traits, in the arena */
    uint64_t invalid;     /* how many entries of each status there were so far, */
    uint64_t not_allowed; /* whether or not the report kept them */
    uint64_t unsupported;
    /* The place the body rules are at. */
    const mu_ir_version *version;
    const mu_ir_block *block;
    const mu_ir_inst *inst;
} mu_verifier;

/* -------------------------------------------------------------------- messages: rule_message.c */

/* A type's display form, cut short where it would be long: composites that have a name show it. By
 * value, so that a call can stand among the arguments of a complaint. */
typedef struct mu_verify_text {
    char text[160];
} mu_verify_text;
mu_verify_text mu_verify_text_of_type(const mu_ir_type *type);
const char *mu_verify_name_of(const mu_ir_entity *entity); /* never NULL */
/* What the instruction is called in messages: "ADD", "LOAD PTR", "@uvm.new_stack". */
const char *mu_verify_name_of_inst(const mu_ir_inst *inst);

/* Adds an entry about a definition. */
void mu_verify_refuse(mu_verifier *v, mu_status status, mu_location where, const char *format, ...)
    MU_PRINTF(4, 5);
/* Adds an entry about the block or instruction at hand; its block's name goes before the text. */
void mu_verify_complain_here(mu_verifier *v, mu_status status, mu_location where,
                             const char *format, ...) MU_PRINTF(4, 5);
/* complain_here, INVALID, at the instruction; its name and a space go before the text. */
void mu_verify_complain_inst(mu_verifier *v, const char *format, ...) MU_PRINTF(2, 3);

/* ------------------------------------------------------------------------- types: type_rules.c */

enum {
    TRAIT_NOT_VALUE = 1,  /* void, hybrid or weakref somewhere: no SSA variable may have the type */
    TRAIT_NOT_NATIVE = 2, /* a general reference or tagref64 somewhere: not native-safe */
    TRAIT_NOT_IN_C = 4,   /* what this version cannot pass to C functions somewhere */
};
/* The type's traits, of all its components; linear in what was not asked about before. A type that
 * has no layout, because an error in it was reported, has none. */
uint32_t mu_verify_traits_of_type(mu_verifier *v, const mu_ir_type *type);
/* Whether an SSA variable may have the type; true for NULL. */
bool mu_verify_is_value_type(mu_verifier *v, const mu_ir_type *type);
/* The structural equality that is true where either type is unknown. */
bool mu_verify_same_type(const mu_ir_type *a, const mu_ir_type *b);

static inline bool is_kind(const mu_ir_type *type, mu_ir_type_kind kind)
{
    return type && type->kind == kind;
}
static inline bool is_int_of(const mu_ir_type *type, uint32_t bits)
{
    return is_kind(type, MU_IR_INT) && type->bits == bits;
}
static inline bool is_fp(const mu_ir_type *type)
{
    return is_kind(type, MU_IR_FLOAT) || is_kind(type, MU_IR_DOUBLE);
}
static inline bool is_pointer(const mu_ir_type *type)
{
    return is_kind(type, MU_IR_UPTR) || is_kind(type, MU_IR_UFUNCPTR);
}
bool mu_verify_is_scalar(const mu_ir_type *type);
bool mu_verify_is_general_ref(const mu_ir_type *type);
bool mu_verify_is_eq_comparable(const mu_ir_type *type);
bool mu_verify_is_ult_comparable(const mu_ir_type *type);
/* A vector's element type; any other type itself. */
const mu_ir_type *mu_verify_lane_of(const mu_ir_type *type);
/* Whether both are vectors of one length, or neither is a vector. */
bool mu_verify_same_lanes(const mu_ir_type *a, const mu_ir_type *b);

void mu_verify_check_types(mu_verifier *v);

/* -------------------------------------------------------- definitions: definition_rules.c */

void mu_verify_check_sigs(mu_verifier *v);
void mu_verify_check_consts(mu_verifier *v);
void mu_verify_check_globals(mu_verifier *v);
void mu_verify_check_exposes(mu_verifier *v);
/* Whether the one calling convention that there is goes by this name. */
bool mu_verify_is_known_convention(const char *flag);
/* Why the convention #DEFAULT cannot call functions of this signature, as a phrase after "the
 * signature"; NULL: it can. native-interface-x64-unix.rest. */
const char *mu_verify_native_sig_fault(mu_verifier *v, const mu_ir_sig *sig);

/* -------------------------------------------------------------------------- bodies: body_rules.c
 */

void mu_verify_check_version(mu_verifier *v, const mu_ir_version *version);

/* The instruction's operand, type, signature number `index`, from 0; NULL if it is absent or, of an
 * operand, unknown. */
const mu_ir_type *mu_verify_operand_type(const mu_verifier *v, uint32_t index);
mu_ir_type *mu_verify_inst_type(const mu_verifier *v, uint32_t index);
mu_ir_sig *mu_verify_inst_sig(const mu_verifier *v, uint32_t index);
const char *mu_verify_inst_flag(const mu_verifier *v, uint32_t index);

/* Complain unless operand `index` has the type, or one that the words describe. */
bool mu_verify_expect_type(mu_verifier *v, uint32_t index, const mu_ir_type *expected);
void mu_verify_expect_that(mu_verifier *v, uint32_t index, bool right, const char *expected);
/* …a reference of `kind` (IREF, REF or, where the instruction says PTR, UPTR) to `referent`. */
void mu_verify_expect_reference(mu_verifier *v, uint32_t index, mu_ir_type_kind kind,
                                const mu_ir_type *referent);
/* …a funcref (or, `kind` UFUNCPTR, a function pointer) of the signature. */
void mu_verify_expect_function(mu_verifier *v, uint32_t index, mu_ir_type_kind kind,
                               const mu_ir_sig *sig);
/* Complains about an instruction's type parameter, which should be `expected` in words. */
void mu_verify_complain_type(mu_verifier *v, const mu_ir_type *type, const char *expected);
/* Compares operands from `first` with `types`: number and each type. */
void mu_verify_expect_list(mu_verifier *v, uint32_t first, mu_ir_type *const *types, uint32_t count,
                           const char *what);
void mu_verify_expect_value_types(mu_verifier *v, uint32_t first, uint32_t count);

/* ------------------------------------------------ one function per shape, in the file named */

void mu_verify_check_binary(mu_verifier *v); /* arithmetic_rules.c */
void mu_verify_check_compare(mu_verifier *v);
void mu_verify_check_convert(mu_verifier *v);
void mu_verify_check_select(mu_verifier *v);
void mu_verify_check_field(mu_verifier *v);
void mu_verify_check_element(mu_verifier *v);
void mu_verify_check_shuffle(mu_verifier *v);

void mu_verify_check_new(mu_verifier *v); /* memory_rules.c */
void mu_verify_check_newhybrid(mu_verifier *v);
void mu_verify_check_getiref(mu_verifier *v);
void mu_verify_check_getfield(mu_verifier *v);
void mu_verify_check_getelem(mu_verifier *v);
void mu_verify_check_getvarpart(mu_verifier *v);
void mu_verify_check_load(mu_verifier *v);
void mu_verify_check_store(mu_verifier *v);
void mu_verify_check_cmpxchg(mu_verifier *v);
void mu_verify_check_atomicrmw(mu_verifier *v);
void mu_verify_check_fence(mu_verifier *v);

void mu_verify_check_branch2(mu_verifier *v); /* flow_rules.c */
void mu_verify_check_switch(mu_verifier *v);
void mu_verify_check_call(mu_verifier *v);
void mu_verify_check_tailcall(mu_verifier *v);
void mu_verify_check_ret(mu_verifier *v);
void mu_verify_check_throw(mu_verifier *v);
void mu_verify_check_trap(mu_verifier *v);
void mu_verify_check_watchpoint(mu_verifier *v);
void mu_verify_check_ccall(mu_verifier *v);
void mu_verify_check_newthread(mu_verifier *v);
void mu_verify_check_swapstack(mu_verifier *v);

void mu_verify_check_comminst(mu_verifier *v); /* common_inst_rules.c */
/* What the common instruction allows and gives; for an instruction that is one. */
bool mu_verify_comminst_may_throw(mu_ir_comminst comminst);
uint32_t mu_verify_comminst_result_count(mu_ir_comminst comminst);

/* ---------------------------------------------- grants and tiers: native_set.c, compiled_set.c */

/* Adds NOT_ALLOWED where the instruction at hand wants the grant `native` and the VM has it not.
 * Returns whether it did. */
bool mu_verify_refuse_native_inst(mu_verifier *v);
bool mu_verify_refuse_native_expose(mu_verifier *v, const mu_ir_expose *expose);

/* Adds UNSUPPORTED, once each, where this version cannot compile the instruction at hand, a block's
 * parameter, the version's signature, or an exposed function. */
void mu_verify_refuse_uncompiled_inst(mu_verifier *v);
void mu_verify_refuse_uncompiled_param(mu_verifier *v, const mu_ir_variable *param);
void mu_verify_refuse_uncompiled_signature(mu_verifier *v);
void mu_verify_refuse_uncompiled_expose(mu_verifier *v, const mu_ir_expose *expose);
