/* An operation of two constants is the constant that C's arithmetic gives. */
#include "graph.h"

#include <criterion/criterion.h>

#define CASES 4000

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Small ones, those near the ends, and any. */
static uint64_t random_word(uint64_t *state, uint8_t width)
{
    static const uint64_t edges[] = {0,          1,         2,          0x7f,
                                     0x80,       0xff,      0x7fffffff, 0x80000000,
                                     UINT32_MAX, INT64_MAX, 1ull << 63, UINT64_MAX};
    uint64_t pick = next_random(state);
    uint64_t word = next_random(state);
    if (pick % 3 == 0) {
        word = edges[word % (sizeof edges / sizeof edges[0])];
    } else if (pick % 3 == 1) {
        word >>= word & 63;
    }
    return width == 4 ? (uint32_t)word : word;
}

static int64_t signed_of(uint64_t word, uint8_t width)
{
    return width == 4 ? (int64_t)(int32_t)(uint32_t)word : (int64_t)word;
}

/* False: it has no value. */
static bool model(mu_opt_op op, uint8_t width, uint64_t a, uint64_t b, uint64_t *result)
{
    __extension__ typedef __int128 wide;
    wide left = signed_of(a, width);
    wide right = signed_of(b, width);
    uint64_t word = 0;
    switch ((int)op) {
    case MU_OPT_ADD: word = a + b; break;
    case MU_OPT_SUB: word = a - b; break;
    case MU_OPT_MUL: word = a * b; break;
    case MU_OPT_AND: word = a & b; break;
    case MU_OPT_OR: word = a | b; break;
    case MU_OPT_XOR: word = a ^ b; break;
    case MU_OPT_SHL: word = a << b; break;
    case MU_OPT_LSHR: word = a >> b; break;
    case MU_OPT_ASHR: word = (uint64_t)(left >> b); break;
    default:
        if (b == 0) {
            return false;
        }
        word = op == MU_OPT_UDIV   ? a / b
               : op == MU_OPT_UREM ? a % b
               : op == MU_OPT_SDIV ? (uint64_t)(left / right)
                                   : (uint64_t)(left % right);
    }
    *result = width == 4 ? (uint32_t)word : word;
    return true;
}

static bool model_compare(mu_opt_cond cond, uint8_t width, uint64_t a, uint64_t b)
{
    int64_t left = signed_of(a, width);
    int64_t right = signed_of(b, width);
    bool is_signed = cond >= MU_OPT_SLT && cond <= MU_OPT_SGE;
    int order = is_signed ? (left > right) - (left < right) : (a > b) - (a < b);
    switch (cond) {
    case MU_OPT_EQ: return order == 0;
    case MU_OPT_NE: return order != 0;
    case MU_OPT_SLT:
    case MU_OPT_ULT: return order < 0;
    case MU_OPT_SLE:
    case MU_OPT_ULE: return order <= 0;
    case MU_OPT_SGT:
    case MU_OPT_UGT: return order > 0;
    case MU_OPT_SGE:
    case MU_OPT_UGE: return order >= 0;
    }
    return false;
}

static void expect_const(const mu_opt_graph *g, uint32_t node, uint64_t expected, const char *what,
                         uint64_t a, uint64_t b)
{
    uint64_t bits = 0;
    bool is_const = mu_opt_is_const(g, node, &bits);
    cr_expect(is_const && bits == expected, "%s of %#llx and %#llx: %s %#llx, not %#llx", what,
              (unsigned long long)a, (unsigned long long)b, is_const ? "is" : "not folded",
              (unsigned long long)bits, (unsigned long long)expected);
}

Test(mu_opt_fold, operations_of_constants_are_constants)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (uint32_t op = MU_OPT_ADD; op <= MU_OPT_UREM; op++) {
        mu_opt_graph *g = opt_graph_new(NULL);
        bool shifts = op == MU_OPT_SHL || op == MU_OPT_LSHR || op == MU_OPT_ASHR;
        for (int i = 0; i < CASES; i++) {
            uint8_t width = i % 2 ? 4 : 8;
            uint64_t a = random_word(&state, width);
            uint64_t b = random_word(&state, width);
            uint64_t expected;
            b = shifts ? b % (width * 8u) : b;
            if (model(op, width, a, b, &expected)) {
                uint32_t node = opt_int2(g, op, width, opt_int(g, a), opt_int(g, b));
                expect_const(g, node, expected, mu_opt_op_name(op), a, b);
            }
        }
        mu_opt_free(g);
    }
}

Test(mu_opt_fold, comparisons_of_constants_are_0_or_1)
{
    uint64_t state = 0x2545f4914f6cdd1du;
    for (uint32_t cond = MU_OPT_EQ; cond <= MU_OPT_UGE; cond++) {
        mu_opt_graph *g = opt_graph_new(NULL);
        for (int i = 0; i < CASES; i++) {
            uint8_t width = i % 2 ? 4 : 8;
            uint64_t a = random_word(&state, width);
            uint64_t b = i % 5 ? random_word(&state, width) : a;
            uint32_t node = opt_cmp(g, cond, width, opt_int(g, a), opt_int(g, b));
            expect_const(g, node, model_compare(cond, width, a, b), "CMP", a, b);
        }
        mu_opt_free(g);
    }
}

Test(mu_opt_fold, extensions_of_constants_are_constants)
{
    uint64_t state = 0xda942042e4dd58b5u;
    mu_opt_graph *g = opt_graph_new(NULL);
    for (int i = 0; i < CASES; i++) {
        uint8_t width = i % 2 ? 4 : 8;
        uint32_t bits = 1 + (uint32_t)(next_random(&state) % (width * 8u));
        uint64_t a = random_word(&state, 8);
        uint64_t low = bits == 64 ? a : a & ((1ull << bits) - 1);
        uint64_t sign = 1ull << (bits - 1);
        uint64_t wide = (low ^ sign) - sign;
        wide = width == 4 ? (uint32_t)wide : wide;
        expect_const(g, opt_zext(g, opt_int(g, a), bits), low, "ZEXT", a, bits);
        expect_const(g, opt_sext(g, opt_int(g, low), bits, width), wide, "SEXT", low, bits);
    }
    mu_opt_free(g);
}

Test(mu_opt_fold, division_by_constant_0_stays)
{
    mu_opt_graph *g = opt_graph_new(NULL);
    for (uint32_t op = MU_OPT_SDIV; op <= MU_OPT_UREM; op++) {
        uint64_t bits;
        uint32_t node = opt_int2(g, op, 8, opt_int(g, 7), opt_int(g, 0));
        cr_expect(!mu_opt_is_const(g, node, &bits), "%s", mu_opt_op_name(op));
    }
    mu_opt_free(g);
}
