/* Arithmetic, comparisons, conversions: what floats. An int<n> is computed in 4 bytes, or 8 where n
 * is above 32, and cut to n bits where an operation may carry beyond. */
#include "graph.h"

#define WORK_MAX 100000u

void build_count(builder *b, uint32_t work)
{
    b->work += work;
    if (b->work > WORK_MAX) {
        b->refused = "a function as large as this";
    }
}

mu_opt_kind build_kind(builder *b, const mu_ir_type *type)
{
    switch (type->kind) {
    case MU_IR_INT:
        b->refused = type->bits > 64 ? "an int of more than 64 bits" : b->refused;
        return MU_OPT_INT;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR:
    case MU_IR_FUNCREF:
    case MU_IR_IRNODEREF: return MU_OPT_INT;
    case MU_IR_FLOAT: return MU_OPT_FLOAT;
    case MU_IR_DOUBLE: return MU_OPT_DOUBLE;
    case MU_IR_REF:
    case MU_IR_THREADREF:
    case MU_IR_STACKREF:
    case MU_IR_FRAMECURSORREF:
    case MU_IR_IREF:
    case MU_IR_WEAKREF: return MU_OPT_REF;
    case MU_IR_TAGREF64: return MU_OPT_TAGREF;
    case MU_IR_STRUCT:
    case MU_IR_ARRAY:
    case MU_IR_VECTOR:
    case MU_IR_HYBRID:
    case MU_IR_VOID: break;
    }
    b->refused = "a composite value";
    return MU_OPT_INT;
}

uint32_t build_word_count(const mu_ir_type *type)
{
    return type->kind == MU_IR_IREF ? 2 : 1;
}

uint32_t build_bits(const mu_ir_type *type)
{
    return type->kind == MU_IR_INT ? type->bits : 64;
}

/* ---- operands */

static uint64_t const_bits(builder *b, const mu_ir_const *constant)
{
    uint64_t bits = 0;
    switch (constant->kind) {
    case MU_IR_CONST_INT: {
        uint32_t width = build_bits(constant->type);
        return width >= 64 ? constant->low : constant->low & ((1ull << width) - 1);
    }
    case MU_IR_CONST_FLOAT: memcpy(&bits, &constant->single_value, 4); break;
    case MU_IR_CONST_DOUBLE: memcpy(&bits, &constant->double_value, 8); break;
    case MU_IR_CONST_NULL: break;
    case MU_IR_CONST_LIST: b->refused = "a composite value"; break;
    }
    return bits;
}

static void entity_words(builder *b, const mu_ir_entity *entity, uint32_t words[2])
{
    mu_opt_graph *g = b->graph;
    words[1] = opt_int(g, 0);
    if (entity->kind == MU_IR_FUNC) {
        words[0] = opt_int(g, ((const mu_ir_func *)entity)->number);
    } else if (entity->kind == MU_IR_EXPOSE) {
        words[0] = opt_int(g, ((const mu_ir_expose *)entity)->address);
    } else if (entity->kind == MU_IR_GLOBAL) {
        mu_opt_node like = {.op = MU_OPT_GLOBAL,
                            .kind = MU_OPT_REF,
                            .width = 8,
                            .imm = ((const mu_ir_global *)entity)->offset_bytes,
                            .inst = MU_OPT_NONE};
        words[0] = mu_opt_float(g, like, NULL, 0);
    } else {
        const mu_ir_const *constant = (const mu_ir_const *)entity;
        mu_opt_kind kind = build_kind(b, constant->type);
        words[0] = mu_opt_const(g, kind, const_bits(b, constant));
    }
}

void build_words(builder *b, mu_ir_value value, uint32_t words[2])
{
    if (mu_ir_value_is_global(value)) {
        entity_words(b, mu_ir_global_of(b->version, value), words);
        return;
    }
    words[0] = b->words[mu_ir_value_index(value)][0];
    words[1] = b->words[mu_ir_value_index(value)][1];
}

uint32_t build_word(builder *b, mu_ir_value value)
{
    uint32_t words[2];
    build_words(b, value, words);
    return words[0];
}

void build_define(builder *b, const mu_ir_inst *inst, uint32_t result, uint32_t word)
{
    b->words[inst->results.first + result][0] = word;
    b->words[inst->results.first + result][1] = MU_OPT_NONE;
}

uint32_t build_pin(builder *b, mu_opt_node like, const uint32_t *inputs, uint32_t count)
{
    like.inst = b->inst;
    return mu_opt_pin(b->graph, b->at, like, inputs, count);
}

/* ---- ints */

static uint8_t width_of(uint32_t bits)
{
    return bits <= 32 ? 4 : 8;
}

/* The result of an operation of that width as bits. */
static uint32_t cut(builder *b, uint32_t word, uint32_t bits)
{
    return bits == 32 || bits == 64 ? word : opt_zext(b->graph, word, bits);
}

static uint32_t count_mask(uint32_t bits)
{
    uint32_t m = 0;
    while ((1u << m) < bits) {
        m++;
    }
    return (1u << m) - 1;
}

static uint32_t shift(builder *b, mu_ir_op op, uint32_t left, uint32_t right, uint32_t bits)
{
    mu_opt_graph *g = b->graph;
    uint8_t width = width_of(bits);
    uint32_t count = opt_int2(g, MU_OPT_AND, 4, right, opt_int(g, count_mask(bits)));
    if (op == MU_OP_SHL) {
        return cut(b, opt_int2(g, MU_OPT_SHL, width, left, count), bits);
    }
    if (op == MU_OP_LSHR) {
        return opt_int2(g, MU_OPT_LSHR, width, left, count);
    }
    uint32_t wide = opt_sext(g, left, bits, width);
    return cut(b, opt_int2(g, MU_OPT_ASHR, width, wide, count), bits);
}

/* Behind a check, so pinned unless the divisor is a constant. */
static uint32_t divide(builder *b, const mu_ir_inst *inst, mu_opt_op op, uint32_t left,
                       uint32_t right, uint32_t bits)
{
    mu_opt_graph *g = b->graph;
    uint8_t width = width_of(bits);
    bool is_signed = op == MU_OPT_SDIV || op == MU_OPT_SREM;
    uint64_t constant;
    bool is_safe = mu_opt_is_const(g, right, &constant) && constant != 0;
    if (!is_safe) {
        build_require(b, inst, opt_cmp(g, MU_OPT_NE, 8, right, opt_int(g, 0)),
                      MU_GUEST_ERROR_DIVISION_BY_ZERO);
    }
    uint32_t inputs[2] = {left, right};
    for (uint32_t i = 0; i < 2 && is_signed; i++) {
        inputs[i] = opt_sext(g, inputs[i], bits, width);
    }
    mu_opt_node like = {.op = (uint8_t)op, .kind = MU_OPT_INT, .width = width};
    uint32_t word = is_safe ? mu_opt_float(g, like, inputs, 2) : build_pin(b, like, inputs, 2);
    return is_signed ? cut(b, word, bits) : word;
}

static uint32_t binary_int(builder *b, const mu_ir_inst *inst, uint32_t left, uint32_t right)
{
    mu_opt_graph *g = b->graph;
    uint32_t bits = build_bits(b->version->types[inst->types.first]);
    uint8_t width = width_of(bits);
    switch ((int)inst->op) {
    case MU_OP_ADD: return cut(b, opt_int2(g, MU_OPT_ADD, width, left, right), bits);
    case MU_OP_SUB: return cut(b, opt_int2(g, MU_OPT_SUB, width, left, right), bits);
    case MU_OP_MUL: return cut(b, opt_int2(g, MU_OPT_MUL, width, left, right), bits);
    case MU_OP_AND: return opt_int2(g, MU_OPT_AND, width, left, right);
    case MU_OP_OR: return opt_int2(g, MU_OPT_OR, width, left, right);
    case MU_OP_XOR: return opt_int2(g, MU_OPT_XOR, width, left, right);
    case MU_OP_SHL:
    case MU_OP_LSHR:
    case MU_OP_ASHR: return shift(b, inst->op, left, right, bits);
    case MU_OP_SDIV: return divide(b, inst, MU_OPT_SDIV, left, right, bits);
    case MU_OP_SREM: return divide(b, inst, MU_OPT_SREM, left, right, bits);
    case MU_OP_UDIV: return divide(b, inst, MU_OPT_UDIV, left, right, bits);
    default: return divide(b, inst, MU_OPT_UREM, left, right, bits);
    }
}

static uint32_t binary(builder *b, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &b->version->operands[inst->operands.first];
    mu_opt_kind kind = build_kind(b, b->version->types[inst->types.first]);
    uint32_t inputs[2] = {build_word(b, operands[0]), build_word(b, operands[1])};
    if (inst->op < MU_OP_FADD) {
        return b->refused ? 0 : binary_int(b, inst, inputs[0], inputs[1]);
    }
    if (inst->op == MU_OP_FREM) {
        b->refused = "FREM";
    }
    mu_opt_op op = inst->op == MU_OP_FADD   ? MU_OPT_FADD
                   : inst->op == MU_OP_FSUB ? MU_OPT_FSUB
                   : inst->op == MU_OP_FMUL ? MU_OPT_FMUL
                                            : MU_OPT_FDIV;
    mu_opt_node like = {.op = (uint8_t)op,
                        .kind = (uint8_t)kind,
                        .width = kind == MU_OPT_FLOAT ? 4 : 8,
                        .inst = MU_OPT_NONE};
    return mu_opt_float(b->graph, like, inputs, 2);
}

/* ---- comparisons */

static mu_opt_cond int_cond(mu_ir_op op)
{
    switch ((int)op) {
    case MU_OP_EQ: return MU_OPT_EQ;
    case MU_OP_NE: return MU_OPT_NE;
    case MU_OP_SGE: return MU_OPT_SGE;
    case MU_OP_SGT: return MU_OPT_SGT;
    case MU_OP_SLE: return MU_OPT_SLE;
    case MU_OP_SLT: return MU_OPT_SLT;
    case MU_OP_UGE: return MU_OPT_UGE;
    case MU_OP_UGT: return MU_OPT_UGT;
    case MU_OP_ULE: return MU_OPT_ULE;
    default: return MU_OPT_ULT;
    }
}

static uint8_t fp_cond(mu_ir_op op)
{
    enum { L = MU_OPT_FLESS, E = MU_OPT_FEQUAL, G = MU_OPT_FGREATER, U = MU_OPT_FUNORDERED };
    switch ((int)op) {
    case MU_OP_FTRUE: return L | E | G | U;
    case MU_OP_FUNO: return U;
    case MU_OP_FUEQ: return U | E;
    case MU_OP_FUNE: return U | L | G;
    case MU_OP_FUGT: return U | G;
    case MU_OP_FUGE: return U | G | E;
    case MU_OP_FULT: return U | L;
    case MU_OP_FULE: return U | L | E;
    case MU_OP_FORD: return L | E | G;
    case MU_OP_FOEQ: return E;
    case MU_OP_FONE: return L | G;
    case MU_OP_FOGT: return G;
    case MU_OP_FOGE: return G | E;
    case MU_OP_FOLT: return L;
    case MU_OP_FOLE: return L | E;
    default: return 0;
    }
}

static uint32_t compare(builder *b, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &b->version->operands[inst->operands.first];
    const mu_ir_type *type = b->version->types[inst->types.first];
    mu_opt_graph *g = b->graph;
    mu_opt_kind kind = build_kind(b, type);
    uint32_t inputs[2] = {build_word(b, operands[0]), build_word(b, operands[1])};
    if (kind == MU_OPT_FLOAT || kind == MU_OPT_DOUBLE) {
        uint8_t cond = fp_cond(inst->op);
        mu_opt_node like = {
            .op = MU_OPT_FCMP, .kind = MU_OPT_INT, .width = 8, .cond = cond, .inst = MU_OPT_NONE};
        return cond == 0 || cond == 15 ? opt_int(g, cond != 0) : mu_opt_float(g, like, inputs, 2);
    }
    if (type->kind == MU_IR_IREF) {
        b->refused = "a comparison of irefs";
    }
    mu_opt_cond cond = int_cond(inst->op);
    uint32_t bits = build_bits(type);
    bool is_signed =
        cond == MU_OPT_SLT || cond == MU_OPT_SLE || cond == MU_OPT_SGT || cond == MU_OPT_SGE;
    for (uint32_t i = 0; i < 2 && is_signed; i++) {
        inputs[i] = opt_sext(g, inputs[i], bits, width_of(bits));
    }
    return opt_cmp(g, cond, width_of(bits), inputs[0], inputs[1]);
}

/* ---- conversions */

static uint32_t unary(builder *b, mu_opt_op op, mu_opt_kind kind, uint8_t width, uint64_t imm,
                      uint32_t a)
{
    mu_opt_node like = {
        .op = (uint8_t)op, .kind = (uint8_t)kind, .width = width, .imm = imm, .inst = MU_OPT_NONE};
    return mu_opt_float(b->graph, like, &a, 1);
}

static uint32_t int_to_fp(builder *b, bool is_signed, uint32_t word, uint32_t bits, mu_opt_kind to)
{
    if (!is_signed && bits == 64) {
        b->refused = "UITOFP of 64 bits";
    }
    uint32_t wide = is_signed ? opt_sext(b->graph, word, bits, 8) : word;
    return unary(b, MU_OPT_FROM_INT, to, 8, 0, wide);
}

static uint32_t fp_to_int(builder *b, bool is_signed, uint32_t word, uint32_t bits)
{
    if (!is_signed) {
        b->refused = "FPTOUI";
    }
    return opt_zext(b->graph, unary(b, MU_OPT_TO_INT, MU_OPT_INT, 8, bits, word), bits);
}

static uint32_t bitcast(builder *b, uint32_t word, mu_opt_kind from, mu_opt_kind to)
{
    bool was_fp = from == MU_OPT_FLOAT || from == MU_OPT_DOUBLE;
    bool is_fp = to == MU_OPT_FLOAT || to == MU_OPT_DOUBLE;
    if (was_fp == is_fp) {
        return word;
    }
    uint8_t width = from == MU_OPT_FLOAT || to == MU_OPT_FLOAT ? 4 : 8;
    return unary(b, is_fp ? MU_OPT_FROM_BITS : MU_OPT_TO_BITS, to, width, 0, word);
}

static bool cast_is_checked(const builder *b, const mu_ir_type *from, const mu_ir_type *to)
{
    return b->checked && from->kind != MU_IR_FUNCREF &&
           !mu_ir_type_begins_with(from->element, to->element);
}

static uint32_t convert(builder *b, const mu_ir_inst *inst, uint32_t word)
{
    const mu_ir_type *from = b->version->types[inst->types.first];
    const mu_ir_type *to = b->version->types[inst->types.first + 1];
    mu_opt_kind from_kind = build_kind(b, from);
    mu_opt_kind to_kind = build_kind(b, to);
    uint32_t from_bits = build_bits(from);
    uint32_t to_bits = build_bits(to);
    switch ((int)inst->op) {
    case MU_OP_TRUNC:
    case MU_OP_ZEXT:
    case MU_OP_PTRCAST: return opt_zext(b->graph, word, to_bits);
    case MU_OP_SEXT: return cut(b, opt_sext(b->graph, word, from_bits, width_of(to_bits)), to_bits);
    case MU_OP_FPTRUNC: return unary(b, MU_OPT_FNARROW, MU_OPT_FLOAT, 4, 0, word);
    case MU_OP_FPEXT: return unary(b, MU_OPT_FWIDEN, MU_OPT_DOUBLE, 8, 0, word);
    case MU_OP_FPTOSI:
    case MU_OP_FPTOUI: return fp_to_int(b, inst->op == MU_OP_FPTOSI, word, to_bits);
    case MU_OP_SITOFP:
    case MU_OP_UITOFP: return int_to_fp(b, inst->op == MU_OP_SITOFP, word, from_bits, to_kind);
    case MU_OP_BITCAST: return bitcast(b, word, from_kind, to_kind);
    default: /* REFCAST */
        if (cast_is_checked(b, from, to)) {
            b->refused = "a cast that is checked";
        }
        return word;
    }
}

bool build_value(builder *b, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &b->version->operands[inst->operands.first];
    uint32_t words[3][2];
    switch (mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_BINARY: build_define(b, inst, 0, binary(b, inst)); return true;
    case MU_SHAPE_COMPARE: build_define(b, inst, 0, compare(b, inst)); return true;
    case MU_SHAPE_CONVERT:
        build_words(b, operands[0], words[0]);
        build_define(b, inst, 0, convert(b, inst, words[0][0]));
        b->words[inst->results.first][1] = words[0][1];
        return true;
    case MU_SHAPE_SELECT: {
        const mu_ir_type *type = b->version->types[inst->types.first + 1];
        mu_opt_kind kind = build_kind(b, type);
        if (type->kind == MU_IR_IREF && !b->checked) {
            b->refused = "a selection of irefs";
        }
        for (uint32_t i = 0; i < 3; i++) {
            build_words(b, operands[i], words[i]);
        }
        for (uint32_t w = 0; w < build_word_count(type); w++) {
            uint32_t inputs[3] = {words[0][0], words[1][w], words[2][w]};
            mu_opt_node like = {.op = MU_OPT_SELECT,
                                .kind = (uint8_t)(w ? MU_OPT_INT : kind),
                                .width = 8,
                                .inst = MU_OPT_NONE};
            b->words[inst->results.first][w] = mu_opt_float(b->graph, like, inputs, 3);
        }
        return true;
    }
    default: return false;
    }
}
