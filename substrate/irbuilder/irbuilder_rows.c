/* The table of mu_irbuilder_ops.def, with what is done with each operand. Flags are numbered by
 * muapi.h in the order of mu_ops.def, so that decoding one is an addition. */
#include "irbuilder_nodes.h"

/* clang-format off */
static const mu_irbuilder_op_info infos[IRBUILDER_ROW_COUNT] = {
#define MU_IRBUILDER(name, number, text, letters, gives) \
    [(number) - IRBUILDER_FIRST] = {.word = (text), .operands = (letters), .result = (gives)},
#include "mu_irbuilder_ops.def"
#undef MU_IRBUILDER
};

static const irbuilder_row rows[IRBUILDER_ROW_COUNT] = {
#define ROW(name, letters, kind, operation) \
    [MU_IRBUILDER_##name - IRBUILDER_FIRST] = {.roles = (letters), .makes = (kind), .op = (operation)}
#define PLAIN(name, letters, kind) ROW(name, letters, kind, MU_OP_COUNT)
#define INST(name, letters, operation) ROW(name, letters, NODE_INST, MU_OP_##operation)
    PLAIN(NEW_BUNDLE, "", 0),
    PLAIN(LOAD_BUNDLE_FROM_NODE, "b", 0),
    PLAIN(ABORT_BUNDLE_NODE, "b", 0),
    PLAIN(GET_NODE, "bu", 0),
    PLAIN(GET_ID, "ba", 0),
    PLAIN(SET_NAME, "ban", 0),
    PLAIN(NEW_TYPE_INT, "bu", NODE_TYPE),
    PLAIN(NEW_TYPE_FLOAT, "b", NODE_TYPE),
    PLAIN(NEW_TYPE_DOUBLE, "b", NODE_TYPE),
    PLAIN(NEW_TYPE_UPTR, "b", NODE_TYPE),
    PLAIN(SET_TYPE_UPTR, "et", 0),
    PLAIN(NEW_TYPE_UFUNCPTR, "b", NODE_TYPE),
    PLAIN(SET_TYPE_UFUNCPTR, "es", 0),
    PLAIN(NEW_TYPE_STRUCT, "bT", NODE_TYPE),
    PLAIN(NEW_TYPE_HYBRID, "bTt", NODE_TYPE),
    PLAIN(NEW_TYPE_ARRAY, "bti", NODE_TYPE),
    PLAIN(NEW_TYPE_VECTOR, "bti", NODE_TYPE),
    PLAIN(NEW_TYPE_VOID, "b", NODE_TYPE),
    PLAIN(NEW_TYPE_REF, "b", NODE_TYPE),
    PLAIN(SET_TYPE_REF, "et", 0),
    PLAIN(NEW_TYPE_IREF, "b", NODE_TYPE),
    PLAIN(SET_TYPE_IREF, "et", 0),
    PLAIN(NEW_TYPE_WEAKREF, "b", NODE_TYPE),
    PLAIN(SET_TYPE_WEAKREF, "et", 0),
    PLAIN(NEW_TYPE_FUNCREF, "b", NODE_TYPE),
    PLAIN(SET_TYPE_FUNCREF, "es", 0),
    PLAIN(NEW_TYPE_TAGREF64, "b", NODE_TYPE),
    PLAIN(NEW_TYPE_THREADREF, "b", NODE_TYPE),
    PLAIN(NEW_TYPE_STACKREF, "b", NODE_TYPE),
    PLAIN(NEW_TYPE_FRAMECURSORREF, "b", NODE_TYPE),
    PLAIN(NEW_TYPE_IRNODEREF, "b", NODE_TYPE),
    PLAIN(NEW_FUNCSIG, "bTT", NODE_SIG),
    PLAIN(NEW_CONST_INT, "bti", NODE_CONST),
    PLAIN(NEW_CONST_INT_EX, "btI", NODE_CONST),
    PLAIN(NEW_CONST_FLOAT, "btu", NODE_CONST),
    PLAIN(NEW_CONST_DOUBLE, "bti", NODE_CONST),
    PLAIN(NEW_CONST_NULL, "bt", NODE_CONST),
    PLAIN(NEW_CONST_SEQ, "btG", NODE_CONST),
    PLAIN(NEW_GLOBAL_CELL, "bt", NODE_GLOBAL),
    PLAIN(NEW_FUNC, "bs", NODE_FUNC),
    PLAIN(NEW_FUNC_VER, "bf", NODE_VERSION),
    PLAIN(NEW_EXP_FUNC, "bfFc", NODE_EXPOSE),
    PLAIN(NEW_BB, "y", NODE_BLOCK),
    PLAIN(NEW_NOR_PARAM, "kt", NODE_PARAM),
    PLAIN(NEW_EXC_PARAM, "k", NODE_EXC_PARAM),
    PLAIN(NEW_INST_RES, "j", NODE_RESULT),
    PLAIN(ADD_DEST, "jDkV", NODE_DEST),
    PLAIN(ADD_KEEPALIVES, "jA", NODE_CLAUSE),
    INST(NEW_BINOP, "kBtvv", COUNT),
    INST(NEW_CMP, "kCtvv", COUNT),
    INST(NEW_CONV, "kZttv", COUNT),
    INST(NEW_SELECT, "kttvvv", SELECT),
    INST(NEW_BRANCH, "k", BRANCH),
    INST(NEW_BRANCH2, "kv", BRANCH2),
    INST(NEW_SWITCH, "ktv", SWITCH),
    PLAIN(ADD_SWITCH_DEST, "jGkV", NODE_DEST),
    INST(NEW_CALL, "ksvV", CALL),
    INST(NEW_TAILCALL, "ksvV", TAILCALL),
    INST(NEW_RET, "kV", RET),
    INST(NEW_THROW, "kv", THROW),
    INST(NEW_EXTRACTVALUE, "ktuv", EXTRACTVALUE),
    INST(NEW_INSERTVALUE, "ktuvv", INSERTVALUE),
    INST(NEW_EXTRACTELEMENT, "kttvv", EXTRACTELEMENT),
    INST(NEW_INSERTELEMENT, "kttvvv", INSERTELEMENT),
    INST(NEW_SHUFFLEVECTOR, "kttvvv", SHUFFLEVECTOR),
    INST(NEW_NEW, "kt", NEW),
    INST(NEW_NEWHYBRID, "kttv", NEWHYBRID),
    INST(NEW_ALLOCA, "kt", ALLOCA),
    INST(NEW_ALLOCAHYBRID, "kttv", ALLOCAHYBRID),
    INST(NEW_GETIREF, "ktv", GETIREF),
    INST(NEW_GETFIELDIREF, "kPtuv", GETFIELDIREF),
    INST(NEW_GETELEMIREF, "kPttvv", GETELEMIREF),
    INST(NEW_SHIFTIREF, "kPttvv", SHIFTIREF),
    INST(NEW_GETVARPARTIREF, "kPtv", GETVARPARTIREF),
    INST(NEW_LOAD, "kPotv", LOAD),
    INST(NEW_STORE, "kPotvv", STORE),
    INST(NEW_CMPXCHG, "kPWoqtvvv", CMPXCHG),
    INST(NEW_ATOMICRMW, "kPoMtvv", ATOMICRMW),
    INST(NEW_FENCE, "ko", FENCE),
    INST(NEW_TRAP, "kT", TRAP),
    INST(NEW_WATCHPOINT, "kuT", WATCHPOINT),
    INST(NEW_WPBRANCH, "ku", WPBRANCH),
    INST(NEW_CCALL, "kFtsvV", CCALL),
    INST(NEW_NEWTHREAD, "kvh", NEWTHREAD),
    INST(NEW_SWAPSTACK_RET, "kvT", SWAPSTACK),
    INST(NEW_SWAPSTACK_KILL, "kv", SWAPSTACK),
    PLAIN(SET_NEWSTACK_PASS_VALUES, "jTV", NODE_CLAUSE),
    PLAIN(SET_NEWSTACK_THROW_EXC, "jv", NODE_CLAUSE),
    INST(NEW_COMMINST, "kOLTSV", COMMINST),
#undef INST
#undef PLAIN
#undef ROW
};
/* clang-format on */

const mu_irbuilder_op_info *mu_irbuilder_op_info_of(uint32_t number)
{
    uint32_t index = number - IRBUILDER_FIRST; /* wraps below the first */
    return index < IRBUILDER_ROW_COUNT ? &infos[index] : NULL;
}

const irbuilder_row *irbuilder_row_at(uint32_t index)
{
    return &rows[index];
}

const char *irbuilder_row_word(uint32_t index)
{
    return infos[index].word;
}

const char *irbuilder_role_text(char role)
{
    switch (role) {
    case 'k': return "a basic block";
    case 'j': return "an instruction";
    case 'y': return "a function version of this bundle";
    case 'e': return "a type of this bundle";
    case 't':
    case 'T': return "a type";
    case 's':
    case 'S': return "a function signature";
    case 'c': return "a constant";
    case 'f': return "a function";
    case 'v':
    case 'V':
    case 'h': return "a value";
    case 'A': return "a local variable";
    case 'G': return "a constant, global cell, function or exposed function";
    case 'B': return "an operation of BINOP (MU_BINOP_…)";
    case 'C': return "an operation of CMP (MU_CMP_…)";
    case 'Z': return "a conversion (MU_CONV_…)";
    case 'o':
    case 'q': return "a memory order (MU_ORD_…)";
    case 'M': return "an operator of ATOMICRMW (MU_ARMW_…)";
    case 'F':
    case 'L': return "a calling convention (MU_CC_DEFAULT)";
    case 'O': return "a common instruction (MU_CI_…)";
    case 'D': return "a kind of destination (MU_DEST_…)";
    case 'u': return "an integer of 32 bits";
    default: return "a node of this bundle"; /* 'a' */
    }
}

/* Flags from `first` on are the operations from `op` to `last`. */
static bool decode_op(uint64_t given, uint64_t first, mu_ir_op op, mu_ir_op last, uint64_t *kept)
{
    if (given < first || given - first > (uint64_t)(last - op)) {
        return false;
    }
    *kept = op + (given - first);
    return true;
}

bool irbuilder_decode(char role, uint64_t given, uint64_t *kept)
{
    mu_ir_comminst comminst;
    *kept = given;
    switch (role) {
    case 'B':
        return decode_op(given, 0x01, MU_OP_ADD, MU_OP_XOR, kept) ||
               decode_op(given, 0xb0, MU_OP_FADD, MU_OP_FREM, kept);
    case 'C':
        return decode_op(given, 0x20, MU_OP_EQ, MU_OP_ULT, kept) ||
               decode_op(given, 0xc0, MU_OP_FFALSE, MU_OP_FOLE, kept);
    case 'Z': return decode_op(given, 0x30, MU_OP_TRUNC, MU_OP_PTRCAST, kept);
    case 'P':
    case 'W': *kept = given != 0; return true;
    case 'o':
    case 'q': return given <= MU_ORDER_SEQ_CST;
    case 'M': return given <= MU_RMW_UMIN;
    case 'F':
    case 'L': return given == 0;
    case 'D': return given >= DEST_NORMAL && given <= DEST_ENABLED;
    case 'u': return given <= UINT32_MAX;
    case 'O':
        if (given > UINT32_MAX || !mu_ir_comminst_by_id((uint32_t)given, &comminst)) {
            return false;
        }
        *kept = comminst;
        return true;
    default: return true; /* 'i', 'I' */
    }
}

const uint8_t *irbuilder_dests_of(mu_ir_op op, bool *optional)
{
    static const uint8_t branch[] = {DEST_NORMAL, 0};
    static const uint8_t branch2[] = {DEST_TRUE, DEST_FALSE, 0};
    static const uint8_t table[] = {DEST_DEFAULT, 0};
    static const uint8_t watchpoint[] = {DEST_DISABLED, DEST_ENABLED, 0};
    static const uint8_t clause[] = {DEST_NORMAL, DEST_EXCEPT, 0};
    *optional = false;
    switch (op) { /* NOLINT: the operations that have destinations */
    case MU_OP_BRANCH: return branch;
    case MU_OP_BRANCH2: return branch2;
    case MU_OP_SWITCH: return table;
    case MU_OP_WATCHPOINT:
    case MU_OP_WPBRANCH: return watchpoint;
    default: break;
    }
    *optional = true;
    return mu_ir_op_info_of(op)->flags & MU_OP_FLAG_EXC ? clause : NULL;
}

const char *irbuilder_dest_name(irbuilder_dest kind)
{
    static const char *const names[] = {
        [DEST_NORMAL] = "MU_DEST_NORMAL",   [DEST_EXCEPT] = "MU_DEST_EXCEPT",
        [DEST_TRUE] = "MU_DEST_TRUE",       [DEST_FALSE] = "MU_DEST_FALSE",
        [DEST_DEFAULT] = "MU_DEST_DEFAULT", [DEST_DISABLED] = "MU_DEST_DISABLED",
        [DEST_ENABLED] = "MU_DEST_ENABLED", [DEST_CASE] = "cases",
    };
    return names[kind];
}
