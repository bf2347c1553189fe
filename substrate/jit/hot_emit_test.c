/* Comparisons, and what is done with their flags. */
#include "hot_emit.h"

static x64_cond int_cond(uint8_t cond)
{
    static const x64_cond conds[] = {
        [MU_OPT_EQ] = X64_E,  [MU_OPT_NE] = X64_NE,  [MU_OPT_SLT] = X64_L, [MU_OPT_SLE] = X64_LE,
        [MU_OPT_SGT] = X64_G, [MU_OPT_SGE] = X64_GE, [MU_OPT_ULT] = X64_B, [MU_OPT_ULE] = X64_BE,
        [MU_OPT_UGT] = X64_A, [MU_OPT_UGE] = X64_AE,
    };
    return conds[cond];
}

/* UCOMIS sets ZF, PF and CF when unordered, so equality needs two tests. Operands were exchanged
 * where `less` alone was asked for (hot_select.c). */
static hot_answer fp_answer(uint8_t cond)
{
    enum { L = MU_OPT_FLESS, E = MU_OPT_FEQUAL, G = MU_OPT_FGREATER, U = MU_OPT_FUNORDERED };
    switch ((int)cond) {
    case L:
    case G: return (hot_answer){HOT_FLAGS_ONE, X64_A};
    case L | E:
    case G | E: return (hot_answer){HOT_FLAGS_ONE, X64_AE};
    case U | L:
    case U | G: return (hot_answer){HOT_FLAGS_ONE, X64_B};
    case U | L | E:
    case U | G | E: return (hot_answer){HOT_FLAGS_ONE, X64_BE};
    case U: return (hot_answer){HOT_FLAGS_ONE, X64_P};
    case L | E | G: return (hot_answer){HOT_FLAGS_ONE, X64_NP};
    case U | E: return (hot_answer){HOT_FLAGS_ONE, X64_E};
    case L | G: return (hot_answer){HOT_FLAGS_ONE, X64_NE};
    case E: return (hot_answer){HOT_FLAGS_EQ_ORDERED, X64_E};
    default: return (hot_answer){HOT_FLAGS_NE_UNORDERED, X64_NE};
    }
}

hot_answer hot_emit_test(hot_emitter *e, const hot_test *test)
{
    x64_assembler *a = e->q.a;
    if (test->kind == HOT_TEST_FP) {
        x64_fp_compare(a, test->width, hot_xmm(e, test->left), hot_xmm(e, test->right));
        return fp_answer(test->cond);
    }
    x64_gpr left = hot_gpr(e, test->left);
    if (test->kind == HOT_TEST_WORD) {
        x64_test_rr(a, 8, left, left);
        return (hot_answer){HOT_FLAGS_ONE, X64_NE};
    }
    bool is_equality = test->cond == MU_OPT_EQ || test->cond == MU_OPT_NE;
    bool is_sign = test->cond == MU_OPT_SLT || test->cond == MU_OPT_SGE;
    if (test->has_immediate && test->immediate == 0 && (is_equality || is_sign)) {
        x64_test_rr(a, test->width, left, left);
    } else if (test->has_immediate) {
        x64_alu_ri(a, X64_CMP, test->width, left, test->immediate);
    } else {
        x64_alu_rr(a, X64_CMP, test->width, left, hot_gpr(e, test->right));
    }
    return (hot_answer){HOT_FLAGS_ONE, int_cond(test->cond)};
}

void hot_jump_if(hot_emitter *e, hot_answer answer, bool when, x64_label to)
{
    x64_assembler *a = e->q.a;
    if (answer.flags == HOT_FLAGS_ONE) {
        x64_jcc(a, when ? answer.cond : (x64_cond)(answer.cond ^ 1), to);
        return;
    }
    /* Both flags must be right for EQ_ORDERED, either wrong for NE_UNORDERED. */
    bool wants_unequal = (answer.flags == HOT_FLAGS_NE_UNORDERED) == when;
    if (wants_unequal) {
        x64_jcc(a, X64_NE, to);
        x64_jcc(a, X64_P, to);
    } else {
        x64_label skip = x64_label_new(a);
        x64_jcc(a, X64_P, skip);
        x64_jcc(a, X64_E, to);
        x64_bind(a, skip);
    }
}

void hot_set_answer(hot_emitter *e, hot_answer answer, x64_gpr to)
{
    x64_assembler *a = e->q.a;
    if (answer.flags != HOT_FLAGS_ONE) {
        bool is_equal = answer.flags == HOT_FLAGS_EQ_ORDERED;
        x64_set(a, is_equal ? X64_NP : X64_P, QUICK_TEMP);
        x64_set(a, answer.cond, to);
        x64_alu_rr(a, is_equal ? X64_AND : X64_OR, 4, to, QUICK_TEMP);
    } else {
        x64_set(a, answer.cond, to);
    }
    x64_zero_extend(a, 1, to, to);
}
