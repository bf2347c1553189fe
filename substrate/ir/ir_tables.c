#include "ir_tables.h"

#include "mu_ir.h"

#include <string.h>

enum { MU_OP_FLAG_0 = 0 };

static const mu_ir_op_info op_infos[MU_OP_COUNT] = {
#define MU_OP(name, op_word, op_shape, op_flags, meaning)                                          \
    [MU_OP_##name] = {.word = (op_word),                                                           \
                      .shape = MU_SHAPE_##op_shape,                                                \
                      .flags = MU_OP_FLAG_##op_flags,                                              \
                      .text = (meaning)},
#include "mu_ops.def"
#undef MU_OP
};

const mu_ir_op_info *mu_ir_op_info_of(mu_ir_op op)
{
    MU_INVARIANT(op < MU_OP_COUNT, "operation %u", (unsigned)op);
    return &op_infos[op];
}

/* clang-format off */
static const char *const shape_syntax[] = {
    [MU_SHAPE_BINARY] = "<T>vve",       [MU_SHAPE_COMPARE] = "<T>vv",
    [MU_SHAPE_CONVERT] = "<TT>v",       [MU_SHAPE_SELECT] = "<TT>vvv",
    [MU_SHAPE_BRANCH] = "d",            [MU_SHAPE_BRANCH2] = "vdd",
    [MU_SHAPE_SWITCH] = "<T>vdC",       [MU_SHAPE_CALL] = "<S>vaek",
    [MU_SHAPE_TAILCALL] = "<S>va",      [MU_SHAPE_RET] = "r",
    [MU_SHAPE_THROW] = "v",             [MU_SHAPE_FIELD] = "<TI>vn",
    [MU_SHAPE_ELEMENT] = "<TT>vvn",     [MU_SHAPE_SHUFFLE] = "<TT>vvv",
    [MU_SHAPE_NEW] = "<T>e",            [MU_SHAPE_NEWHYBRID] = "<TT>ve",
    [MU_SHAPE_GETIREF] = "<T>v",        [MU_SHAPE_GETFIELD] = "P<TI>v",
    [MU_SHAPE_GETELEM] = "P<TT>vv",     [MU_SHAPE_GETVARPART] = "P<T>v",
    [MU_SHAPE_LOAD] = "Po<T>ve",        [MU_SHAPE_STORE] = "Po<T>vve",
    [MU_SHAPE_CMPXCHG] = "PWOf<T>vvve", [MU_SHAPE_ATOMICRMW] = "POM<T>vve",
    [MU_SHAPE_FENCE] = "O",             [MU_SHAPE_TRAP] = "Lek",
    [MU_SHAPE_WATCHPOINT] = "ILddXk",   [MU_SHAPE_WPBRANCH] = "Idd",
    [MU_SHAPE_CCALL] = "F<TS>vaek",     [MU_SHAPE_NEWTHREAD] = "vHNe",
    [MU_SHAPE_SWAPSTACK] = "vBNek",     [MU_SHAPE_COMMINST] = "cek",
};
/* clang-format on */

const char *mu_ir_syntax_of(mu_ir_op op)
{
    return shape_syntax[mu_ir_op_info_of(op)->shape];
}

static const struct {
    const char *name;
    uint32_t id;
} comminsts[MU_COMMINST_COUNT] = {
#define MU_COMMINST(enum_name, number, text)                                                       \
    [MU_COMMINST_##enum_name] = {.name = (text), .id = (number)},
#include "mu_comminsts.def"
#undef MU_COMMINST
};

const char *mu_ir_comminst_name(mu_ir_comminst comminst)
{
    MU_INVARIANT(comminst < MU_COMMINST_COUNT, "common instruction %u", (unsigned)comminst);
    return comminsts[comminst].name;
}

uint32_t mu_ir_comminst_id(mu_ir_comminst comminst)
{
    MU_INVARIANT(comminst < MU_COMMINST_COUNT, "common instruction %u", (unsigned)comminst);
    return comminsts[comminst].id;
}

bool mu_ir_comminst_by_id(uint32_t id, mu_ir_comminst *comminst)
{
    for (uint32_t i = 0; i < MU_COMMINST_COUNT; i++) {
        if (comminsts[i].id == id) {
            *comminst = (mu_ir_comminst)i;
            return true;
        }
    }
    return false;
}

/* The reference implementation spells two names differently, and its bundles use them. */
static const struct {
    const char *name;
    mu_ir_comminst comminst;
} comminst_aliases[] = {
    {"@uvm.meta.enable_watchPoint", MU_COMMINST_META_ENABLE_WATCHPOINT},
    {"@uvm.meta.disable_watchPoint", MU_COMMINST_META_DISABLE_WATCHPOINT},
};

static bool same(const char *word, const char *text, size_t length)
{
    return strlen(word) == length && memcmp(word, text, length) == 0;
}

bool mu_ir_comminst_find(const char *name, size_t length, mu_ir_comminst *comminst)
{
    for (uint32_t i = 0; i < MU_COMMINST_COUNT; i++) {
        if (same(comminsts[i].name, name, length)) {
            *comminst = (mu_ir_comminst)i;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof comminst_aliases / sizeof *comminst_aliases; i++) {
        if (same(comminst_aliases[i].name, name, length)) {
            *comminst = comminst_aliases[i].comminst;
            return true;
        }
    }
    return false;
}

/* clang-format off */
static const char *const order_names[] = {"NOT_ATOMIC", "RELAXED", "CONSUME", "ACQUIRE",
                                          "RELEASE", "ACQ_REL", "SEQ_CST"};
static const char *const rmw_names[] = {"XCHG", "ADD", "SUB", "AND", "NAND", "OR",
                                        "XOR", "MAX", "MIN", "UMAX", "UMIN"};
static const char *const type_words[] = {
#define MU_IR_TYPE_WORD(name, word) word,
    MU_IR_TYPE_LIST(MU_IR_TYPE_WORD)
#undef MU_IR_TYPE_WORD
};
static const char *const kind_names[] = {
    [MU_IR_TYPE] = "a type",           [MU_IR_SIG] = "a function signature",
    [MU_IR_CONST] = "a constant",      [MU_IR_GLOBAL] = "a global cell",
    [MU_IR_FUNC] = "a function",       [MU_IR_EXPOSE] = "an exposed function",
    [MU_IR_VERSION] = "a function version", [MU_IR_BLOCK] = "a basic block",
    [MU_IR_VARIABLE] = "a local variable",  [MU_IR_INST] = "an instruction",
};
/* clang-format on */
_Static_assert(sizeof order_names / sizeof *order_names == MU_ORDER_SEQ_CST + 1, "one per order");
_Static_assert(sizeof rmw_names / sizeof *rmw_names == MU_RMW_UMIN + 1, "one per operator");

static bool find_word(const char *const *words, uint32_t count, const char *text, size_t length,
                      uint32_t *index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (same(words[i], text, length)) {
            *index = i;
            return true;
        }
    }
    return false;
}

const char *mu_ir_order_name(mu_ir_order order)
{
    return order_names[order];
}

const char *mu_ir_rmw_name(mu_ir_rmw rmw)
{
    return rmw_names[rmw];
}

const char *mu_ir_type_word(mu_ir_type_kind kind)
{
    return type_words[kind];
}

const char *mu_ir_kind_name(mu_ir_kind kind)
{
    return kind_names[kind];
}

bool mu_ir_order_find(const char *text, size_t length, uint32_t *order)
{
    return find_word(order_names, MU_ORDER_SEQ_CST + 1, text, length, order);
}

bool mu_ir_rmw_find(const char *text, size_t length, uint32_t *rmw)
{
    return find_word(rmw_names, MU_RMW_UMIN + 1, text, length, rmw);
}

bool mu_ir_type_find(const char *text, size_t length, uint32_t *kind)
{
    return find_word(type_words, MU_IR_IRNODEREF + 1, text, length, kind);
}
