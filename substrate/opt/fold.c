/* What a floating node can be instead: a constant, one of its inputs, a cheaper operation. Local
 * rules only; they hold for words of `width` bytes whose upper bytes are 0. */
#include "graph.h"

static uint64_t cut(uint64_t value, uint8_t width)
{
    return width == 4 ? (uint32_t)value : value;
}

static int64_t sign(uint64_t value, uint8_t width)
{
    return width == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
}

static uint64_t mask_of(uint32_t bits)
{
    return bits >= 64 ? UINT64_MAX : (1ull << bits) - 1;
}

static bool is_power(uint64_t value)
{
    return value && !(value & (value - 1));
}

/* ---- constants */

static uint64_t divide(mu_opt_op op, uint8_t width, uint64_t a, uint64_t b)
{
    int64_t left = sign(a, width);
    int64_t right = sign(b, width);
    switch (op) {
    case MU_OPT_UDIV: return a / b;
    case MU_OPT_UREM: return a % b;
    case MU_OPT_SDIV: return right == -1 ? 0 - (uint64_t)left : (uint64_t)(left / right);
    default: return right == -1 ? 0 : (uint64_t)(left % right);
    }
}

static bool holds(mu_opt_cond cond, uint8_t width, uint64_t a, uint64_t b)
{
    int64_t left = sign(a, width);
    int64_t right = sign(b, width);
    a = cut(a, width);
    b = cut(b, width);
    switch (cond) {
    case MU_OPT_EQ: return a == b;
    case MU_OPT_NE: return a != b;
    case MU_OPT_SLT: return left < right;
    case MU_OPT_SLE: return left <= right;
    case MU_OPT_SGT: return left > right;
    case MU_OPT_SGE: return left >= right;
    case MU_OPT_ULT: return a < b;
    case MU_OPT_ULE: return a <= b;
    case MU_OPT_UGT: return a > b;
    case MU_OPT_UGE: return a >= b;
    }
    return false;
}

static bool fold_constants(const mu_opt_node *n, uint64_t a, uint64_t b, uint64_t *result)
{
    uint8_t width = n->width;
    uint32_t shift = (uint32_t)b & (width * 8u - 1);
    switch ((mu_opt_op)n->op) {
    case MU_OPT_ADD: *result = a + b; break;
    case MU_OPT_SUB: *result = a - b; break;
    case MU_OPT_MUL: *result = a * b; break;
    case MU_OPT_AND: *result = a & b; break;
    case MU_OPT_OR: *result = a | b; break;
    case MU_OPT_XOR: *result = a ^ b; break;
    case MU_OPT_SHL: *result = a << shift; break;
    case MU_OPT_LSHR: *result = cut(a, width) >> shift; break;
    case MU_OPT_ASHR: *result = (uint64_t)(sign(a, width) >> shift); break;
    case MU_OPT_SDIV:
    case MU_OPT_SREM:
    case MU_OPT_UDIV:
    case MU_OPT_UREM:
        if (!cut(b, width)) {
            return false; /* behind a check that fails */
        }
        *result = divide(n->op, width, cut(a, width), cut(b, width));
        break;
    case MU_OPT_CMP: *result = holds(n->cond, width, a, b); break;
    default: return false;
    }
    *result = cut(*result, width);
    return true;
}

/* ---- two operands */

static bool commutes(mu_opt_op op)
{
    return op == MU_OPT_ADD || op == MU_OPT_MUL || op == MU_OPT_AND || op == MU_OPT_OR ||
           op == MU_OPT_XOR;
}

static mu_opt_cond swapped(mu_opt_cond cond)
{
    static const uint8_t others[] = {
        [MU_OPT_EQ] = MU_OPT_EQ,   [MU_OPT_NE] = MU_OPT_NE,   [MU_OPT_SLT] = MU_OPT_SGT,
        [MU_OPT_SLE] = MU_OPT_SGE, [MU_OPT_SGT] = MU_OPT_SLT, [MU_OPT_SGE] = MU_OPT_SLE,
        [MU_OPT_ULT] = MU_OPT_UGT, [MU_OPT_ULE] = MU_OPT_UGE, [MU_OPT_UGT] = MU_OPT_ULT,
        [MU_OPT_UGE] = MU_OPT_ULE,
    };
    return (mu_opt_cond)others[cond];
}

static mu_opt_cond negated(mu_opt_cond cond)
{
    static const uint8_t others[] = {
        [MU_OPT_EQ] = MU_OPT_NE,   [MU_OPT_NE] = MU_OPT_EQ,   [MU_OPT_SLT] = MU_OPT_SGE,
        [MU_OPT_SLE] = MU_OPT_SGT, [MU_OPT_SGT] = MU_OPT_SLE, [MU_OPT_SGE] = MU_OPT_SLT,
        [MU_OPT_ULT] = MU_OPT_UGE, [MU_OPT_ULE] = MU_OPT_UGT, [MU_OPT_UGT] = MU_OPT_ULE,
        [MU_OPT_UGE] = MU_OPT_ULT,
    };
    return (mu_opt_cond)others[cond];
}

static uint32_t fold_with_self(mu_opt_graph *g, const mu_opt_node *n, uint32_t a)
{
    switch ((mu_opt_op)n->op) {
    case MU_OPT_ADD: return opt_int2(g, MU_OPT_SHL, n->width, a, opt_int(g, 1));
    case MU_OPT_SUB:
    case MU_OPT_XOR: return opt_int(g, 0);
    case MU_OPT_AND:
    case MU_OPT_OR: return opt_known_bits(g, a) <= n->width * 8u ? a : MU_OPT_NONE;
    case MU_OPT_CMP: return opt_int(g, holds(n->cond, n->width, 0, 0));
    default: return MU_OPT_NONE;
    }
}

/* x op c, where c is 0 or leaves x as it is. */
static uint32_t fold_neutral(mu_opt_graph *g, const mu_opt_node *n, uint32_t a, uint64_t c)
{
    bool is_whole = opt_known_bits(g, a) <= n->width * 8u;
    uint32_t same = is_whole ? a : opt_zext(g, a, n->width * 8u);
    switch ((mu_opt_op)n->op) {
    case MU_OPT_ADD:
    case MU_OPT_SUB:
    case MU_OPT_OR:
    case MU_OPT_XOR:
    case MU_OPT_SHL:
    case MU_OPT_LSHR:
    case MU_OPT_ASHR: return c == 0 ? same : MU_OPT_NONE;
    case MU_OPT_MUL: return c == 0 ? opt_int(g, 0) : c == 1 ? same : MU_OPT_NONE;
    case MU_OPT_AND:
        return c == 0 ? opt_int(g, 0) : (mask_of(opt_known_bits(g, a)) & ~c) == 0 ? a : MU_OPT_NONE;
    case MU_OPT_UDIV:
    case MU_OPT_SDIV: return c == 1 ? same : MU_OPT_NONE;
    case MU_OPT_UREM:
    case MU_OPT_SREM: return c == 1 ? opt_int(g, 0) : MU_OPT_NONE;
    default: return MU_OPT_NONE;
    }
}

/* A power of two on the right. */
static uint32_t fold_power(mu_opt_graph *g, const mu_opt_node *n, uint32_t a, uint64_t c)
{
    if (!is_power(c)) {
        return MU_OPT_NONE;
    }
    uint64_t log = (uint64_t)__builtin_ctzll(c);
    switch ((mu_opt_op)n->op) {
    case MU_OPT_MUL: return opt_int2(g, MU_OPT_SHL, n->width, a, opt_int(g, log));
    case MU_OPT_UDIV: return opt_int2(g, MU_OPT_LSHR, n->width, a, opt_int(g, log));
    case MU_OPT_UREM: return opt_int2(g, MU_OPT_AND, n->width, a, opt_int(g, c - 1));
    default: return MU_OPT_NONE;
    }
}

/* (x op c1) op c2 as one operation. */
static void fold_chain(mu_opt_graph *g, const mu_opt_node *n, uint32_t *in, uint64_t c)
{
    const mu_opt_node *inner = opt_node(g, in[0]);
    uint64_t first;
    bool is_chain = inner->op == n->op && inner->width == n->width && inner->input_count == 2 &&
                    mu_opt_is_const(g, inner->inputs[1], &first);
    if (!is_chain) {
        return;
    }
    uint64_t both;
    uint32_t left = inner->inputs[0];
    switch ((mu_opt_op)n->op) {
    case MU_OPT_ADD: both = first + c; break;
    case MU_OPT_AND: both = first & c; break;
    case MU_OPT_OR: both = first | c; break;
    case MU_OPT_XOR: both = first ^ c; break;
    case MU_OPT_MUL: both = first * c; break;
    default: return;
    }
    in[1] = opt_int(g, cut(both, n->width));
    in[0] = left;
}

/* A comparison of a comparison with 0 or 1, and of what is known to be small. */
static uint32_t fold_compare(mu_opt_graph *g, const mu_opt_node *n, const uint32_t *in, uint64_t c)
{
    const mu_opt_node *left = opt_node(g, in[0]);
    bool is_equality = n->cond == MU_OPT_EQ || n->cond == MU_OPT_NE;
    if (is_equality && left->op == MU_OPT_CMP && c <= 1) {
        bool keeps = (n->cond == MU_OPT_EQ) == (c == 1);
        mu_opt_cond cond = keeps ? left->cond : negated(left->cond);
        return opt_cmp(g, cond, left->width, left->inputs[0], left->inputs[1]);
    }
    if (is_equality && left->op == MU_OPT_FCMP && c <= 1) {
        bool keeps = (n->cond == MU_OPT_EQ) == (c == 1);
        mu_opt_node like = *left;
        like.cond = keeps ? like.cond : like.cond ^ 15;
        uint32_t inputs[2] = {left->inputs[0], left->inputs[1]};
        return mu_opt_float(g, like, inputs, 2);
    }
    if (n->cond == MU_OPT_UGE && c == 0) {
        return opt_int(g, 1);
    }
    return n->cond == MU_OPT_ULT && c == 0 ? opt_int(g, 0) : MU_OPT_NONE;
}

static bool is_node_const(const mu_opt_graph *g, uint32_t node)
{
    return opt_node(g, node)->op == MU_OPT_CONST;
}

static uint32_t fold_binary(mu_opt_graph *g, mu_opt_node *n, uint32_t *in)
{
    uint64_t a;
    uint64_t b;
    uint64_t result;
    bool is_swapped = is_node_const(g, in[0]) && !is_node_const(g, in[1]);
    if (is_swapped && (commutes(n->op) || n->op == MU_OPT_CMP)) {
        uint32_t left = in[0];
        in[0] = in[1];
        in[1] = left;
        n->cond = n->op == MU_OPT_CMP ? (uint8_t)swapped(n->cond) : n->cond;
    } else if (commutes(n->op) && !is_node_const(g, in[1]) && in[0] > in[1]) {
        uint32_t left = in[0];
        in[0] = in[1];
        in[1] = left;
    }
    if (in[0] == in[1] && !is_node_const(g, in[0])) {
        return fold_with_self(g, n, in[0]);
    }
    if (!mu_opt_is_const(g, in[1], &b)) {
        return MU_OPT_NONE;
    }
    if (mu_opt_is_const(g, in[0], &a)) {
        return fold_constants(n, a, b, &result) ? opt_int(g, result) : MU_OPT_NONE;
    }
    if (n->op == MU_OPT_SUB) {
        n->op = MU_OPT_ADD;
        b = cut(0 - b, n->width);
        in[1] = opt_int(g, b);
    }
    uint32_t folded =
        n->op == MU_OPT_CMP ? fold_compare(g, n, in, b) : fold_neutral(g, n, in[0], b);
    if (folded == MU_OPT_NONE) {
        folded = fold_power(g, n, in[0], b);
    }
    if (folded == MU_OPT_NONE) {
        uint32_t before = in[1];
        fold_chain(g, n, in, b);
        return before == in[1] ? MU_OPT_NONE : fold_binary(g, n, in);
    }
    return folded;
}

/* ---- the others */

static uint32_t fold_extend(mu_opt_graph *g, mu_opt_node *n, uint32_t *in)
{
    uint64_t c;
    uint32_t bits = (uint32_t)n->imm;
    uint32_t known = opt_known_bits(g, in[0]);
    if (n->op == MU_OPT_ZEXT) {
        if (known <= bits) {
            return in[0];
        }
        if (mu_opt_is_const(g, in[0], &c)) {
            return opt_int(g, c & mask_of(bits));
        }
        return bits == 32
                   ? MU_OPT_NONE
                   : opt_int2(g, MU_OPT_AND, bits < 32 ? 4 : 8, in[0], opt_int(g, mask_of(bits)));
    }
    if (mu_opt_is_const(g, in[0], &c)) {
        return opt_int(g, cut((uint64_t)((int64_t)(c << (64 - bits)) >> (64 - bits)), n->width));
    }
    return known < bits ? in[0] : MU_OPT_NONE;
}

static uint32_t fold_select(mu_opt_graph *g, const uint32_t *in)
{
    uint64_t c;
    if (in[1] == in[2]) {
        return in[1];
    }
    return mu_opt_is_const(g, in[0], &c) ? in[c ? 1 : 2] : MU_OPT_NONE;
}

uint32_t opt_fold(mu_opt_graph *g, mu_opt_node *n, uint32_t *in)
{
    switch ((mu_opt_op)n->op) {
    case MU_OPT_ADD:
    case MU_OPT_SUB:
    case MU_OPT_MUL:
    case MU_OPT_AND:
    case MU_OPT_OR:
    case MU_OPT_XOR:
    case MU_OPT_SHL:
    case MU_OPT_LSHR:
    case MU_OPT_ASHR:
    case MU_OPT_SDIV:
    case MU_OPT_SREM:
    case MU_OPT_UDIV:
    case MU_OPT_UREM:
    case MU_OPT_CMP: return fold_binary(g, n, in);
    case MU_OPT_SEXT:
    case MU_OPT_ZEXT: return fold_extend(g, n, in);
    case MU_OPT_SELECT: return fold_select(g, in);
    default: return MU_OPT_NONE;
    }
}
