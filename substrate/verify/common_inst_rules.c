/* The common instructions (common-insts.rest): one row each.
 *
 *   flags, sigs  how many calling conventions and signatures are written
 *   type         what the one type parameter T must be; NO_TYPE: there is none
 *   args         a letter per argument, see `letter_fault`
 *   results      how many; the parser has given them their types
 *   may_throw    may have an exception clause
 * None of them is an OSR point, hence none has keep-alives. */
#include "verifier.h"

#include <string.h>

typedef enum type_rule { NO_TYPE, ANY_VALUE, AN_INT, A_REFERENCE } type_rule;

typedef struct comminst_row {
    const char *args;
    uint8_t flags;
    uint8_t type;
    uint8_t sigs;
    uint8_t results;
    bool may_throw;
} comminst_row;

/* clang-format off */
static const comminst_row rows[MU_COMMINST_COUNT] = {
#define ROW(name, flags, type, sigs, args, results, may_throw) \
    [MU_COMMINST_##name] = {args, flags, type, sigs, results, may_throw}
    ROW(NEW_STACK,               0, NO_TYPE,     1, "F",    1, true),
    ROW(KILL_STACK,              0, NO_TYPE,     0, "s",    0, false),
    ROW(THREAD_EXIT,             0, NO_TYPE,     0, "",     0, false),
    ROW(CURRENT_STACK,           0, NO_TYPE,     0, "",     1, false),
    ROW(SET_THREADLOCAL,         0, NO_TYPE,     0, "v",    0, false),
    ROW(GET_THREADLOCAL,         0, NO_TYPE,     0, "",     1, false),
    ROW(TR64_IS_FP,              0, NO_TYPE,     0, "t",    1, false),
    ROW(TR64_IS_INT,             0, NO_TYPE,     0, "t",    1, false),
    ROW(TR64_IS_REF,             0, NO_TYPE,     0, "t",    1, false),
    ROW(TR64_FROM_FP,            0, NO_TYPE,     0, "d",    1, false),
    ROW(TR64_FROM_INT,           0, NO_TYPE,     0, "5",    1, false),
    ROW(TR64_FROM_REF,           0, NO_TYPE,     0, "v6",   1, false),
    ROW(TR64_TO_FP,              0, NO_TYPE,     0, "t",    1, false),
    ROW(TR64_TO_INT,             0, NO_TYPE,     0, "t",    1, false),
    ROW(TR64_TO_REF,             0, NO_TYPE,     0, "t",    1, false),
    ROW(TR64_TO_TAG,             0, NO_TYPE,     0, "t",    1, false),
    ROW(FUTEX_WAIT,              0, AN_INT,      0, "IT",   1, false),
    ROW(FUTEX_WAIT_TIMEOUT,      0, AN_INT,      0, "ITl",  1, false),
    ROW(FUTEX_WAKE,              0, AN_INT,      0, "Iw",   1, false),
    ROW(FUTEX_CMP_REQUEUE,       0, AN_INT,      0, "IITw", 1, false),
    ROW(KILL_DEPENDENCY,         0, ANY_VALUE,   0, "T",    1, false),
    ROW(NATIVE_PIN,              0, A_REFERENCE, 0, "T",    1, false),
    ROW(NATIVE_UNPIN,            0, A_REFERENCE, 0, "T",    0, false),
    ROW(NATIVE_EXPOSE,           1, NO_TYPE,     1, "Fl",   1, false),
    ROW(NATIVE_UNEXPOSE,         1, NO_TYPE,     0, "p",    0, false),
    ROW(NATIVE_GET_COOKIE,       0, NO_TYPE,     0, "",     1, false),
    ROW(META_ID_OF,              0, NO_TYPE,     0, "b",    1, false),
    ROW(META_NAME_OF,            0, NO_TYPE,     0, "w",    1, false),
    ROW(META_LOAD_BUNDLE,        0, NO_TYPE,     0, "b",    0, false),
    ROW(META_LOAD_HAIL,          0, NO_TYPE,     0, "b",    0, false),
    ROW(META_NEW_CURSOR,         0, NO_TYPE,     0, "s",    1, false),
    ROW(META_NEXT_FRAME,         0, NO_TYPE,     0, "c",    0, false),
    ROW(META_COPY_CURSOR,        0, NO_TYPE,     0, "c",    1, false),
    ROW(META_CLOSE_CURSOR,       0, NO_TYPE,     0, "c",    0, false),
    ROW(META_CUR_FUNC,           0, NO_TYPE,     0, "c",    1, false),
    ROW(META_CUR_FUNC_VER,       0, NO_TYPE,     0, "c",    1, false),
    ROW(META_CUR_INST,           0, NO_TYPE,     0, "c",    1, false),
    ROW(META_DUMP_KEEPALIVES,    0, NO_TYPE,     0, "c",    1, false),
    ROW(META_POP_FRAMES_TO,      0, NO_TYPE,     0, "c",    0, false),
    ROW(META_PUSH_FRAME,         0, NO_TYPE,     1, "sF",   0, false),
    ROW(META_ENABLE_WATCHPOINT,  0, NO_TYPE,     0, "w",    0, false),
    ROW(META_DISABLE_WATCHPOINT, 0, NO_TYPE,     0, "w",    0, false),
    ROW(META_SET_TRAP_HANDLER,   0, NO_TYPE,     0, "hv",   0, false),
    ROW(EPHEMERON_NEW,           0, NO_TYPE,     0, "vv",   1, true),
    ROW(EPHEMERON_KEY,           0, NO_TYPE,     0, "v",    1, true),
    ROW(EPHEMERON_VALUE,         0, NO_TYPE,     0, "v",    1, true),
    ROW(EPHEMERON_SET_VALUE,     0, NO_TYPE,     0, "vv",   0, true),
    ROW(QUEUE_NEW,               0, NO_TYPE,     0, "q",    1, true),
    ROW(QUEUE_TAKE,              0, NO_TYPE,     0, "v",    1, true),
    ROW(FINALIZER_REGISTER,      0, NO_TYPE,     0, "vvvw", 1, true),
    ROW(FINALIZER_UNREGISTER,    0, NO_TYPE,     0, "v",    1, true),
#undef ROW
#define BUILDER(name, args, results) \
    [MU_COMMINST_IRBUILDER_##name] = {args, 0, NO_TYPE, 0, results, false}
    BUILDER(NEW_BUNDLE,               "", 1),
    BUILDER(LOAD_BUNDLE_FROM_NODE,    "n", 0),
    BUILDER(ABORT_BUNDLE_NODE,        "n", 0),
    BUILDER(GET_NODE,                 "nw", 1),
    BUILDER(GET_ID,                   "nn", 1),
    BUILDER(SET_NAME,                 "nnY", 0),
    BUILDER(NEW_TYPE_INT,             "nw", 1),
    BUILDER(NEW_TYPE_FLOAT,           "n", 1),
    BUILDER(NEW_TYPE_DOUBLE,          "n", 1),
    BUILDER(NEW_TYPE_UPTR,            "n", 1),
    BUILDER(SET_TYPE_UPTR,            "nn", 0),
    BUILDER(NEW_TYPE_UFUNCPTR,        "n", 1),
    BUILDER(SET_TYPE_UFUNCPTR,        "nn", 0),
    BUILDER(NEW_TYPE_STRUCT,          "nNl", 1),
    BUILDER(NEW_TYPE_HYBRID,          "nNln", 1),
    BUILDER(NEW_TYPE_ARRAY,           "nnl", 1),
    BUILDER(NEW_TYPE_VECTOR,          "nnl", 1),
    BUILDER(NEW_TYPE_VOID,            "n", 1),
    BUILDER(NEW_TYPE_REF,             "n", 1),
    BUILDER(SET_TYPE_REF,             "nn", 0),
    BUILDER(NEW_TYPE_IREF,            "n", 1),
    BUILDER(SET_TYPE_IREF,            "nn", 0),
    BUILDER(NEW_TYPE_WEAKREF,         "n", 1),
    BUILDER(SET_TYPE_WEAKREF,         "nn", 0),
    BUILDER(NEW_TYPE_FUNCREF,         "n", 1),
    BUILDER(SET_TYPE_FUNCREF,         "nn", 0),
    BUILDER(NEW_TYPE_TAGREF64,        "n", 1),
    BUILDER(NEW_TYPE_THREADREF,       "n", 1),
    BUILDER(NEW_TYPE_STACKREF,        "n", 1),
    BUILDER(NEW_TYPE_FRAMECURSORREF,  "n", 1),
    BUILDER(NEW_TYPE_IRNODEREF,       "n", 1),
    BUILDER(NEW_FUNCSIG,              "nNlNl", 1),
    BUILDER(NEW_CONST_INT,            "nnl", 1),
    BUILDER(NEW_CONST_INT_EX,         "nnLl", 1),
    BUILDER(NEW_CONST_FLOAT,          "nne", 1),
    BUILDER(NEW_CONST_DOUBLE,         "nnd", 1),
    BUILDER(NEW_CONST_NULL,           "nn", 1),
    BUILDER(NEW_CONST_SEQ,            "nnNl", 1),
    BUILDER(NEW_GLOBAL_CELL,          "nn", 1),
    BUILDER(NEW_FUNC,                 "nn", 1),
    BUILDER(NEW_FUNC_VER,             "nn", 1),
    BUILDER(NEW_EXP_FUNC,             "nnwn", 1),
    BUILDER(NEW_BB,                   "n", 1),
    BUILDER(NEW_NOR_PARAM,            "nn", 1),
    BUILDER(NEW_EXC_PARAM,            "n", 1),
    BUILDER(NEW_INST_RES,             "n", 1),
    BUILDER(ADD_DEST,                 "nwnNl", 0),
    BUILDER(ADD_KEEPALIVES,           "nNl", 0),
    BUILDER(NEW_BINOP,                "nwnnn", 1),
    BUILDER(NEW_CMP,                  "nwnnn", 1),
    BUILDER(NEW_CONV,                 "nwnnn", 1),
    BUILDER(NEW_SELECT,               "nnnnnn", 1),
    BUILDER(NEW_BRANCH,               "n", 1),
    BUILDER(NEW_BRANCH2,              "nn", 1),
    BUILDER(NEW_SWITCH,               "nnn", 1),
    BUILDER(ADD_SWITCH_DEST,          "nnnNl", 0),
    BUILDER(NEW_CALL,                 "nnnNl", 1),
    BUILDER(NEW_TAILCALL,             "nnnNl", 1),
    BUILDER(NEW_RET,                  "nNl", 1),
    BUILDER(NEW_THROW,                "nn", 1),
    BUILDER(NEW_EXTRACTVALUE,         "nnwn", 1),
    BUILDER(NEW_INSERTVALUE,          "nnwnn", 1),
    BUILDER(NEW_EXTRACTELEMENT,       "nnnnn", 1),
    BUILDER(NEW_INSERTELEMENT,        "nnnnnn", 1),
    BUILDER(NEW_SHUFFLEVECTOR,        "nnnnnn", 1),
    BUILDER(NEW_NEW,                  "nn", 1),
    BUILDER(NEW_NEWHYBRID,            "nnnn", 1),
    BUILDER(NEW_ALLOCA,               "nn", 1),
    BUILDER(NEW_ALLOCAHYBRID,         "nnnn", 1),
    BUILDER(NEW_GETIREF,              "nnn", 1),
    BUILDER(NEW_GETFIELDIREF,         "nwnwn", 1),
    BUILDER(NEW_GETELEMIREF,          "nwnnnn", 1),
    BUILDER(NEW_SHIFTIREF,            "nwnnnn", 1),
    BUILDER(NEW_GETVARPARTIREF,       "nwnn", 1),
    BUILDER(NEW_LOAD,                 "nwwnn", 1),
    BUILDER(NEW_STORE,                "nwwnnn", 1),
    BUILDER(NEW_CMPXCHG,              "nwwwwnnnn", 1),
    BUILDER(NEW_ATOMICRMW,            "nwwwnnn", 1),
    BUILDER(NEW_FENCE,                "nw", 1),
    BUILDER(NEW_TRAP,                 "nNl", 1),
    BUILDER(NEW_WATCHPOINT,           "nwNl", 1),
    BUILDER(NEW_WPBRANCH,             "nw", 1),
    BUILDER(NEW_CCALL,                "nwnnnNl", 1),
    BUILDER(NEW_NEWTHREAD,            "nnn", 1),
    BUILDER(NEW_SWAPSTACK_RET,        "nnNl", 1),
    BUILDER(NEW_SWAPSTACK_KILL,       "nn", 1),
    BUILDER(SET_NEWSTACK_PASS_VALUES, "nNNl", 0),
    BUILDER(SET_NEWSTACK_THROW_EXC,   "nn", 0),
    BUILDER(NEW_COMMINST,             "nwWlNlNlNl", 1),
#undef BUILDER
};
/* clang-format on */

bool mu_verify_comminst_may_throw(mu_ir_comminst comminst)
{
    return rows[comminst].may_throw;
}

uint32_t mu_verify_comminst_result_count(mu_ir_comminst comminst)
{
    return rows[comminst].results;
}

/* ------------------------------------------------------------------------------- the arguments */

static void expect_int(mu_verifier *v, uint32_t index, uint32_t bits)
{
    mu_ir_type wanted = {.kind = MU_IR_INT, .bits = bits};
    mu_verify_expect_that(v, index, is_int_of(mu_verify_operand_type(v, index), bits),
                          mu_verify_text_of_type(&wanted).text);
}

static void expect_kind(mu_verifier *v, uint32_t index, mu_ir_type_kind kind)
{
    mu_ir_type wanted = {.kind = kind};
    mu_verify_expect_that(v, index, is_kind(mu_verify_operand_type(v, index), kind),
                          mu_verify_text_of_type(&wanted).text);
}

static void expect_ref_void(mu_verifier *v, uint32_t index)
{
    const mu_ir_type *actual = mu_verify_operand_type(v, index);
    mu_verify_expect_that(
        v, index, is_kind(actual, MU_IR_REF) && is_kind(actual->element, MU_IR_VOID), "ref<void>");
}

static void expect_ref_i64(mu_verifier *v, uint32_t index)
{
    const mu_ir_type *actual = mu_verify_operand_type(v, index);
    mu_verify_expect_that(v, index, is_kind(actual, MU_IR_REF) && is_int_of(actual->element, 64),
                          "ref<int<64>>");
}

/* An iref to the first of an array's elements. */
static void expect_iref(mu_verifier *v, uint32_t index, mu_ir_type_kind kind, uint32_t bits)
{
    const mu_ir_type *actual = mu_verify_operand_type(v, index);
    mu_ir_type element = {.kind = kind, .bits = bits};
    mu_ir_type wanted = {.kind = MU_IR_IREF, .element = &element};
    bool right = is_kind(actual, MU_IR_IREF) && is_kind(actual->element, kind) &&
                 (kind != MU_IR_INT || is_int_of(actual->element, bits));
    mu_verify_expect_that(v, index, right, mu_verify_text_of_type(&wanted).text);
}

/* A predefined type or signature; NULL in an environment that was made without them. */
static const mu_ir_entity *predefined(const mu_verifier *v, const char *name)
{
    return mu_ir_env_find(v->env, name, strlen(name));
}

static void expect_letter(mu_verifier *v, uint32_t index, char letter)
{
    switch (letter) {
    case 'T': mu_verify_expect_type(v, index, mu_verify_inst_type(v, 0)); break;
    case 'I': mu_verify_expect_reference(v, index, MU_IR_IREF, mu_verify_inst_type(v, 0)); break;
    case 'F': mu_verify_expect_function(v, index, MU_IR_FUNCREF, mu_verify_inst_sig(v, 0)); break;
    case 's': expect_kind(v, index, MU_IR_STACKREF); break;
    case 'c': expect_kind(v, index, MU_IR_FRAMECURSORREF); break;
    case 't': expect_kind(v, index, MU_IR_TAGREF64); break;
    case 'd': expect_kind(v, index, MU_IR_DOUBLE); break;
    case 'e': expect_kind(v, index, MU_IR_FLOAT); break;
    case 'n': expect_kind(v, index, MU_IR_IRNODEREF); break;
    case 'N': expect_iref(v, index, MU_IR_IRNODEREF, 0); break;
    case 'W': expect_iref(v, index, MU_IR_INT, 32); break;
    case 'L': expect_iref(v, index, MU_IR_INT, 64); break;
    case 'Y': expect_iref(v, index, MU_IR_INT, 8); break;
    case 'v': expect_ref_void(v, index); break;
    case 'q': expect_ref_i64(v, index); break;
    case '5': expect_int(v, index, 52); break;
    case '6': expect_int(v, index, 6); break;
    case 'w': expect_int(v, index, 32); break;
    case 'l': expect_int(v, index, 64); break;
    case 'p':
        mu_verify_expect_that(v, index, is_kind(mu_verify_operand_type(v, index), MU_IR_UFUNCPTR),
                              "a ufuncptr");
        break;
    case 'b':
        mu_verify_expect_type(v, index, (const mu_ir_type *)predefined(v, "@uvm.meta.bytes.r"));
        break;
    default: /* 'h' */
        mu_verify_expect_function(v, index, MU_IR_FUNCREF,
                                  (const mu_ir_sig *)predefined(v, "@uvm.meta.trap_handler.sig"));
        break;
    }
}

/* ----------------------------------------------------------------------------- the parameters */

static bool check_count(mu_verifier *v, const char *what, uint32_t have, uint32_t want)
{
    if (have != want) {
        mu_verify_complain_inst(v, "has %u %s, expected %u", have, what, want);
    }
    return have == want;
}

/* pin gives uptr<U> for ref<U> or iref<U>: U must be native-safe for that type to exist. */
static bool is_pinnable(mu_verifier *v, const mu_ir_type *type)
{
    return (is_kind(type, MU_IR_REF) || is_kind(type, MU_IR_IREF)) &&
           !(mu_verify_traits_of_type(v, type->element) & TRAIT_NOT_NATIVE);
}

static bool check_type_parameter(mu_verifier *v, type_rule rule)
{
    const mu_ir_type *type = mu_verify_inst_type(v, 0);
    bool right = true;
    const char *expected = "";
    switch (rule) {
    case NO_TYPE: break;
    case ANY_VALUE:
        right = mu_verify_is_value_type(v, type);
        expected = "one that values can have";
        break;
    case AN_INT:
        right = is_kind(type, MU_IR_INT);
        expected = "int";
        break;
    case A_REFERENCE:
        right = is_pinnable(v, type);
        expected = "ref or iref to what is native-safe";
        break;
    }
    if (!right) {
        mu_verify_complain_type(v, type, expected);
    }
    return right;
}

static void check_flags(mu_verifier *v)
{
    for (uint32_t i = 0; i < v->inst->flags.count; i++) {
        if (!mu_verify_is_known_convention(mu_verify_inst_flag(v, i))) {
            mu_verify_complain_inst(v,
                                    "has the calling convention %s; the one there is is #DEFAULT",
                                    mu_verify_inst_flag(v, i));
        }
    }
}

void mu_verify_check_comminst(mu_verifier *v)
{
    const mu_ir_inst *inst = v->inst;
    const comminst_row *row = &rows[inst->comminst];
    if (inst->keepalives.count) {
        mu_verify_complain_inst(v, "cannot keep variables alive");
    }
    bool right = check_count(v, "flags", inst->flags.count, row->flags);
    right = check_count(v, "type parameters", inst->types.count, row->type != NO_TYPE) && right;
    right = check_count(v, "signatures", inst->sigs.count, row->sigs) && right;
    right = check_count(v, "arguments", inst->operands.count, (uint32_t)strlen(row->args)) && right;
    if (!right || !check_type_parameter(v, (type_rule)row->type)) {
        return;
    }
    check_flags(v);
    if (inst->comminst == MU_COMMINST_NATIVE_EXPOSE) {
        const char *fault = mu_verify_native_sig_fault(v, mu_verify_inst_sig(v, 0));
        if (fault) {
            mu_verify_complain_inst(v, "cannot expose to C: the signature %s %s",
                                    mu_verify_name_of(&mu_verify_inst_sig(v, 0)->entity), fault);
        }
    }
    for (uint32_t i = 0; i < inst->operands.count; i++) {
        expect_letter(v, i, row->args[i]);
    }
}
