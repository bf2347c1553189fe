/* Chooses instructions, block by block, after a walk backwards that finds which nodes are needed at
 * all: an address, a comparison or a constant that its user takes in is not. */
#include "hot.h"

/* ---- making instructions */

hot_inst *hot_begin(hot_code *c, hot_op op, uint32_t node, uint32_t block)
{
    alloc_inst inst = {.first_operand = c->operands.count};
    MU_ARRAY_PUSH(&c->insts, inst);
    hot_inst machine = {.op = op, .node = node, .block = block, .def = -1, .a = -1, .b = -1};
    machine.width = node == MU_OPT_NONE ? 8 : hot_of(c, node)->width;
    MU_ARRAY_PUSH(&c->machine, machine);
    return &c->machine.items[c->machine.count - 1];
}

bool hot_is_fp(const hot_code *c, uint32_t node)
{
    uint8_t kind = hot_of(c, node)->kind;
    return kind == MU_OPT_FLOAT || kind == MU_OPT_DOUBLE;
}

uint32_t hot_value(hot_code *c, uint32_t node)
{
    while (hot_of(c, node)->op == MU_OPT_NON_NULL) {
        node = hot_of(c, node)->inputs[0];
    }
    if (c->value_of[node] == ALLOC_NONE) {
        alloc_value value = {.class = hot_is_fp(c, node) ? ALLOC_XMM : ALLOC_GPR,
                             .is_constant = hot_of(c, node)->op == MU_OPT_CONST,
                             .hint = ALLOC_NONE};
        c->value_of[node] = c->values.count;
        MU_ARRAY_PUSH(&c->values, value);
        MU_ARRAY_PUSH(&c->value_nodes, node);
    }
    return c->value_of[node];
}

static int8_t add_operand(hot_code *c, alloc_operand operand)
{
    alloc_inst *inst = &c->insts.items[c->insts.count - 1];
    MU_ARRAY_PUSH(&c->operands, operand);
    MU_INVARIANT(inst->operand_count < 120, "an instruction of too many operands");
    return (int8_t)inst->operand_count++;
}

int8_t hot_use(hot_code *c, uint32_t node, alloc_kind kind, int8_t reg, bool lasts)
{
    alloc_operand operand = {.value = hot_value(c, node), .kind = kind, .reg = reg, .lasts = lasts};
    return add_operand(c, operand);
}

int8_t hot_def(hot_code *c, uint32_t node, alloc_kind kind, int8_t reg)
{
    return add_operand(c, (alloc_operand){.value = hot_value(c, node), .kind = kind, .reg = reg});
}

int8_t hot_temp(hot_code *c, alloc_class class)
{
    return add_operand(c, (alloc_operand){.value = ALLOC_NONE, .kind = ALLOC_TEMP, .class = class});
}

bool hot_immediate(const hot_code *c, uint32_t node, uint8_t width, int32_t *value)
{
    uint64_t bits;
    if (hot_is_fp(c, node) || !mu_opt_is_const(c->graph, node, &bits)) {
        return false;
    }
    int64_t wide = width == 4 ? (int32_t)(uint32_t)bits : (int64_t)bits;
    *value = (int32_t)wide;
    return wide == (int32_t)wide;
}

static hot_inst *last(hot_code *c)
{
    return &c->machine.items[c->machine.count - 1];
}

/* ---- conditions */

/* The comparison that decides; MU_OPT_NONE: whether the word is 0 does. */
static uint32_t compare_of(const hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    bool is_compare = n->op == MU_OPT_CMP || n->op == MU_OPT_FCMP;
    return is_compare && (n->block == block || c->uses[node] == 1) ? node : MU_OPT_NONE;
}

static bool swaps_fp(uint8_t cond)
{
    return cond == MU_OPT_FLESS || cond == (MU_OPT_FLESS | MU_OPT_FEQUAL) ||
           cond == (MU_OPT_FUNORDERED | MU_OPT_FGREATER) ||
           cond == (MU_OPT_FUNORDERED | MU_OPT_FGREATER | MU_OPT_FEQUAL);
}

/* Adds what is compared to the present instruction. */
static hot_test use_condition(hot_code *c, uint32_t node, uint32_t compare, bool lasts)
{
    hot_test test = {.kind = HOT_TEST_WORD, .width = 8, .right = -1};
    if (compare == MU_OPT_NONE) {
        test.left = hot_use(c, node, ALLOC_USE, -1, lasts);
        return test;
    }
    const mu_opt_node *n = hot_of(c, compare);
    test.cond = n->cond;
    if (n->op == MU_OPT_FCMP) {
        bool swaps = swaps_fp(n->cond);
        test.kind = HOT_TEST_FP;
        test.width = hot_of(c, n->inputs[0])->kind == MU_OPT_FLOAT ? 4 : 8;
        test.left = hot_use(c, n->inputs[swaps], ALLOC_USE, -1, lasts);
        test.right = hot_use(c, n->inputs[!swaps], ALLOC_USE, -1, lasts);
        return test;
    }
    test.kind = HOT_TEST_INT;
    test.width = n->width;
    test.left = hot_use(c, n->inputs[0], ALLOC_USE, -1, lasts);
    test.has_immediate = hot_immediate(c, n->inputs[1], n->width, &test.immediate);
    if (!test.has_immediate) {
        test.right = hot_use(c, n->inputs[1], ALLOC_USE, -1, lasts);
    }
    return test;
}

/* ---- what is needed */

static void need(hot_code *c, uint32_t node)
{
    while (hot_of(c, node)->op == MU_OPT_NON_NULL) {
        node = hot_of(c, node)->inputs[0];
    }
    if (!c->needed[node]) {
        c->needed[node] = true;
        MU_ARRAY_PUSH(&c->to_visit, node);
    }
}

static void need_condition(hot_code *c, uint32_t node, uint32_t block)
{
    uint32_t compare = compare_of(c, node, block);
    if (compare == MU_OPT_NONE) {
        need(c, node);
        return;
    }
    need(c, hot_of(c, compare)->inputs[0]);
    need(c, hot_of(c, compare)->inputs[1]);
}

static void need_address(hot_code *c, uint32_t node)
{
    hot_address address = hot_address_of(c, node);
    if (address.base != MU_OPT_NONE) {
        need(c, address.base);
    }
    if (address.index != MU_OPT_NONE) {
        need(c, address.index);
    }
}

static void need_inputs(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    uint32_t first = 0;
    switch ((mu_opt_op)n->op) {
    case MU_OPT_LOAD:
    case MU_OPT_STORE:
        need_address(c, node);
        first = 2;
        break;
    case MU_OPT_BARRIER:
        need_address(c, node);
        need(c, n->inputs[0]);
        first = 2;
        break;
    case MU_OPT_CHECK:
    case MU_OPT_BRANCH:
    case MU_OPT_SELECT:
        need_condition(c, n->inputs[0], block);
        first = 1;
        break;
    default: break;
    }
    for (uint32_t i = first; i < n->input_count; i++) {
        need(c, n->inputs[i]);
    }
}

static void count_uses(hot_code *c)
{
    const mu_opt_graph *g = c->graph;
    for (uint32_t i = 0; i < g->order.count; i++) {
        const mu_opt_block *block = &g->blocks.items[g->order.items[i]];
        for (uint32_t p = 0; p < block->phis.count; p++) {
            const mu_opt_node *phi = hot_of(c, block->phis.items[p]);
            for (uint32_t k = 0; k < phi->input_count; k++) {
                c->uses[phi->inputs[k]]++;
            }
        }
        for (uint32_t k = 0; k < block->nodes.count; k++) {
            const mu_opt_node *n = hot_of(c, block->nodes.items[k]);
            for (uint32_t m = 0; m < n->input_count; m++) {
                c->uses[n->inputs[m]]++;
            }
        }
    }
}

static bool has_effect(const hot_code *c, uint32_t node)
{
    mu_opt_op op = hot_of(c, node)->op;
    return !mu_opt_floats(op) && op != MU_OPT_LOAD && op != MU_OPT_PHI;
}

static void find_needed(hot_code *c)
{
    const mu_opt_graph *g = c->graph;
    count_uses(c);
    for (uint32_t i = 0; i < g->order.count; i++) {
        const mu_opt_block *block = &g->blocks.items[g->order.items[i]];
        for (uint32_t k = 0; k < block->nodes.count; k++) {
            if (has_effect(c, block->nodes.items[k])) {
                need_inputs(c, block->nodes.items[k], g->order.items[i]);
            }
        }
    }
    while (c->to_visit.count) {
        uint32_t node = c->to_visit.items[--c->to_visit.count];
        if (!has_effect(c, node)) {
            need_inputs(c, node, hot_of(c, node)->block);
        }
    }
    for (uint32_t i = 0; i < g->order.count; i++) {
        mu_opt_block *block = &g->blocks.items[g->order.items[i]];
        uint32_t kept = 0;
        for (uint32_t p = 0; p < block->phis.count; p++) {
            if (c->needed[block->phis.items[p]]) {
                block->phis.items[kept++] = block->phis.items[p];
            }
        }
        block->phis.count = kept;
    }
}

/* ---- one node each */

static void select_alu(hot_code *c, uint32_t node, uint32_t block, x64_alu alu)
{
    const mu_opt_node *n = hot_of(c, node);
    int32_t immediate;
    bool has_immediate = hot_immediate(c, n->inputs[1], n->width, &immediate);
    uint32_t a = n->inputs[0];
    uint32_t b = n->inputs[1];
    if (alu == X64_ADD && n->width == 8 && has_immediate && c->uses[a] > 1) {
        hot_inst *inst = hot_begin(c, HOT_LEA, node, block);
        inst->address = (hot_address){.base = a, .displacement = immediate, .index_at = -1};
        int8_t base = hot_use(c, a, ALLOC_USE, -1, false);
        int8_t def = hot_def(c, node, ALLOC_DEF, -1);
        last(c)->address.base_at = base;
        last(c)->def = def;
        return;
    }
    (void)hot_begin(c, HOT_ALU, node, block);
    int8_t left = hot_use(c, a, ALLOC_USE, -1, false);
    int8_t right = has_immediate ? -1 : hot_use(c, b, ALLOC_USE, -1, false);
    int8_t def = hot_def(c, node, ALLOC_DEF_SAME, -1);
    hot_inst *inst = last(c);
    inst->machine = (uint8_t)alu;
    inst->has_immediate = has_immediate;
    inst->immediate = (uint64_t)(int64_t)(has_immediate ? immediate : 0);
    inst->a = left;
    inst->b = right;
    inst->def = def;
}

static void select_multiply(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    int32_t immediate = 0;
    bool has_immediate = hot_immediate(c, n->inputs[1], n->width, &immediate);
    (void)hot_begin(c, HOT_IMUL, node, block);
    int8_t left = hot_use(c, n->inputs[0], ALLOC_USE, -1, false);
    int8_t right = has_immediate ? -1 : hot_use(c, n->inputs[1], ALLOC_USE, -1, false);
    int8_t def = hot_def(c, node, has_immediate ? ALLOC_DEF : ALLOC_DEF_SAME, -1);
    hot_inst *inst = last(c);
    inst->has_immediate = has_immediate;
    inst->immediate = (uint64_t)(int64_t)immediate;
    inst->a = left;
    inst->b = right;
    inst->def = def;
}

static void select_shift(hot_code *c, uint32_t node, uint32_t block, x64_shift shift)
{
    const mu_opt_node *n = hot_of(c, node);
    uint64_t count = 0;
    bool is_constant = mu_opt_is_const(c->graph, n->inputs[1], &count);
    (void)hot_begin(c, HOT_SHIFT, node, block);
    int8_t left = hot_use(c, n->inputs[0], ALLOC_USE, -1, false);
    if (!is_constant) {
        hot_use(c, n->inputs[1], ALLOC_USE_FIXED, RCX, false);
    }
    int8_t def = hot_def(c, node, ALLOC_DEF_SAME, -1);
    hot_inst *inst = last(c);
    inst->machine = (uint8_t)shift;
    inst->has_immediate = is_constant;
    inst->immediate = count & (n->width * 8u - 1);
    inst->a = left;
    inst->def = def;
}

static void select_divide(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    bool wants_rest = n->op == MU_OPT_SREM || n->op == MU_OPT_UREM;
    (void)hot_begin(c, HOT_DIVIDE, node, block);
    hot_use(c, n->inputs[0], ALLOC_USE_FIXED, RAX, false);
    int8_t right = hot_use(c, n->inputs[1], ALLOC_USE, -1, true);
    int8_t def = hot_def(c, node, ALLOC_DEF_FIXED, wants_rest ? RDX : RAX);
    c->insts.items[c->insts.count - 1].clobbers[ALLOC_GPR] = 1u << RAX | 1u << RDX;
    hot_inst *inst = last(c);
    inst->is_signed = n->op == MU_OPT_SDIV || n->op == MU_OPT_SREM;
    inst->b = right;
    inst->def = def;
}

static void select_unary(hot_code *c, uint32_t node, uint32_t block, hot_op op)
{
    const mu_opt_node *n = hot_of(c, node);
    (void)hot_begin(c, op, node, block);
    int8_t a = hot_use(c, n->inputs[0], ALLOC_USE, -1, op == HOT_FP_CONVERT);
    int8_t def = hot_def(c, node, ALLOC_DEF, -1);
    hot_inst *inst = last(c);
    inst->is_signed = n->op == MU_OPT_SEXT;
    inst->immediate = n->imm;
    inst->a = a;
    inst->def = def;
}

static void select_set(hot_code *c, uint32_t node, uint32_t block)
{
    (void)hot_begin(c, HOT_SET, node, block);
    hot_test test = use_condition(c, node, node, false);
    int8_t def = hot_def(c, node, ALLOC_DEF, -1);
    last(c)->test = test;
    last(c)->def = def;
}

/* The first operand is what is there if the condition does not hold. */
static void select_select(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    uint32_t compare = compare_of(c, n->inputs[0], block);
    (void)hot_begin(c, HOT_SELECT, node, block);
    int8_t otherwise = hot_use(c, n->inputs[2], ALLOC_USE, -1, false);
    int8_t chosen = hot_use(c, n->inputs[1], ALLOC_USE, -1, false);
    hot_test test = use_condition(c, n->inputs[0], compare, false);
    int8_t def = hot_def(c, node, ALLOC_DEF_SAME, -1);
    hot_inst *inst = last(c);
    inst->is_fp = hot_is_fp(c, node);
    inst->test = test;
    inst->a = otherwise;
    inst->b = chosen;
    inst->def = def;
}

static void select_fp(hot_code *c, uint32_t node, uint32_t block, x64_fp fp)
{
    const mu_opt_node *n = hot_of(c, node);
    (void)hot_begin(c, HOT_FP, node, block);
    int8_t left = hot_use(c, n->inputs[0], ALLOC_USE, -1, false);
    int8_t right = hot_use(c, n->inputs[1], ALLOC_USE, -1, false);
    int8_t def = hot_def(c, node, ALLOC_DEF_SAME, -1);
    hot_inst *inst = last(c);
    inst->machine = (uint8_t)fp;
    inst->a = left;
    inst->b = right;
    inst->def = def;
}

static void select_access(hot_code *c, uint32_t node, uint32_t block, hot_op op)
{
    const mu_opt_node *n = hot_of(c, node);
    hot_address address = hot_address_of(c, node);
    (void)hot_begin(c, op, node, block);
    hot_use_address(c, &address, op == HOT_BARRIER);
    if (op == HOT_BARRIER && (address.is_global || address.base == MU_OPT_NONE)) {
        MU_INVARIANT(false, "a barrier of a global cell");
    }
    int32_t immediate = 0;
    bool has_immediate =
        op == HOT_STORE && hot_immediate(c, n->inputs[2], n->width < 8 ? 4 : 8, &immediate);
    if (op == HOT_STORE && !has_immediate) {
        int8_t value = hot_use(c, n->inputs[2], ALLOC_USE, -1, false);
        last(c)->a = value;
        last(c)->is_fp = hot_is_fp(c, n->inputs[2]);
    }
    if (op == HOT_LOAD) {
        int8_t def = hot_def(c, node, ALLOC_DEF, -1);
        last(c)->def = def;
        last(c)->is_fp = hot_is_fp(c, node);
    }
    hot_inst *inst = last(c);
    inst->address = address;
    inst->has_immediate = has_immediate;
    inst->immediate = (uint64_t)(int64_t)immediate;
}

/* Loads from what never changes: a descriptor, a length. */
static void select_fixed(hot_code *c, uint32_t node, uint32_t block)
{
    (void)hot_begin(c, HOT_LOAD, node, block);
    hot_address address = {
        .base = hot_of(c, node)->inputs[0], .index = MU_OPT_NONE, .index_at = -1};
    hot_use_address(c, &address, false);
    int8_t def = hot_def(c, node, ALLOC_DEF, -1);
    last(c)->address = address;
    last(c)->def = def;
}

static void select_check(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    bool is_null_check = n->op == MU_OPT_NON_NULL;
    if (is_null_check && n->imm == MU_GUEST_ERROR_NONE) {
        return;
    }
    uint32_t compare = is_null_check ? MU_OPT_NONE : compare_of(c, n->inputs[0], block);
    (void)hot_begin(c, HOT_CHECK, node, block);
    hot_test test = use_condition(c, n->inputs[0], compare, false);
    last(c)->test = test;
    last(c)->immediate = n->imm;
}

static void select_new(hot_code *c, uint32_t node, uint32_t block)
{
    const mu_opt_node *n = hot_of(c, node);
    (void)hot_begin(c, HOT_NEW, node, block);
    int8_t length = -1;
    if (n->op == MU_OPT_NEW_HYBRID) {
        length = hot_use(c, n->inputs[0], ALLOC_USE, -1, true);
    }
    int8_t def = hot_def(c, node, ALLOC_DEF, -1);
    last(c)->a = length;
    last(c)->def = def;
    c->insts.items[c->insts.count - 1].safety = n->cond ? ALLOC_CALL : ALLOC_COLD_SAFEPOINT;
}

static void select_check_shift(hot_code *c, uint32_t node, uint32_t block)
{
    (void)hot_begin(c, HOT_CHECK_SHIFT, node, block);
    for (uint32_t i = 0; i < 3; i++) {
        hot_use(c, hot_of(c, node)->inputs[i], ALLOC_USE, -1, true);
    }
    c->insts.items[c->insts.count - 1].safety = ALLOC_COLD_SAFEPOINT;
}

static void select_branch(hot_code *c, uint32_t node, uint32_t block)
{
    uint32_t condition = hot_of(c, node)->inputs[0];
    uint32_t compare = compare_of(c, condition, block);
    (void)hot_begin(c, HOT_BRANCH, node, block);
    hot_test test = use_condition(c, condition, compare, false);
    last(c)->test = test;
}

static void select_float(hot_code *c, uint32_t node, uint32_t block)
{
    switch ((mu_opt_op)hot_of(c, node)->op) {
    case MU_OPT_ADD: select_alu(c, node, block, X64_ADD); break;
    case MU_OPT_SUB: select_alu(c, node, block, X64_SUB); break;
    case MU_OPT_AND: select_alu(c, node, block, X64_AND); break;
    case MU_OPT_OR: select_alu(c, node, block, X64_OR); break;
    case MU_OPT_XOR: select_alu(c, node, block, X64_XOR); break;
    case MU_OPT_MUL: select_multiply(c, node, block); break;
    case MU_OPT_SHL: select_shift(c, node, block, X64_SHL); break;
    case MU_OPT_LSHR: select_shift(c, node, block, X64_SHR); break;
    case MU_OPT_ASHR: select_shift(c, node, block, X64_SAR); break;
    case MU_OPT_SDIV:
    case MU_OPT_SREM:
    case MU_OPT_UDIV:
    case MU_OPT_UREM: select_divide(c, node, block); break;
    case MU_OPT_SEXT:
    case MU_OPT_ZEXT: select_unary(c, node, block, HOT_EXTEND); break;
    case MU_OPT_CMP:
    case MU_OPT_FCMP: select_set(c, node, block); break;
    case MU_OPT_SELECT: select_select(c, node, block); break;
    case MU_OPT_FADD: select_fp(c, node, block, X64_FADD); break;
    case MU_OPT_FSUB: select_fp(c, node, block, X64_FSUB); break;
    case MU_OPT_FMUL: select_fp(c, node, block, X64_FMUL); break;
    case MU_OPT_FDIV: select_fp(c, node, block, X64_FDIV); break;
    case MU_OPT_GLOBAL: {
        (void)hot_begin(c, HOT_LEA, node, block);
        int8_t def = hot_def(c, node, ALLOC_DEF, -1);
        last(c)->address = (hot_address){.is_global = true,
                                         .displacement = (int32_t)hot_of(c, node)->imm,
                                         .base_at = -1,
                                         .index_at = -1};
        last(c)->def = def;
        break;
    }
    case MU_OPT_FIXED:
    case MU_OPT_LENGTH:
    case MU_OPT_DESCRIPTOR: select_fixed(c, node, block); break;
    default: select_unary(c, node, block, HOT_FP_CONVERT); break;
    }
}

static void select_simple(hot_code *c, uint32_t node, uint32_t block, hot_op op, bool defines)
{
    (void)hot_begin(c, op, node, block);
    if (defines) {
        int8_t def = hot_def(c, node, ALLOC_DEF, -1);
        last(c)->def = def;
    }
}

static void select_node(hot_code *c, uint32_t node, uint32_t block)
{
    switch ((mu_opt_op)hot_of(c, node)->op) {
    case MU_OPT_NON_NULL:
    case MU_OPT_CHECK: select_check(c, node, block); break;
    case MU_OPT_CHECK_SHIFT: select_check_shift(c, node, block); break;
    case MU_OPT_LOAD:
        if (c->needed[node]) { /* whether it can be done was checked before */
            select_access(c, node, block, HOT_LOAD);
        }
        break;
    case MU_OPT_STORE: select_access(c, node, block, HOT_STORE); break;
    case MU_OPT_BARRIER: select_access(c, node, block, HOT_BARRIER); break;
    case MU_OPT_NEW:
    case MU_OPT_NEW_HYBRID: select_new(c, node, block); break;
    case MU_OPT_CALL:
    case MU_OPT_TRAP:
    case MU_OPT_TAIL_CALL: hot_select_call(c, node, block); break;
    case MU_OPT_RESULT: hot_select_result(c, node, block); break;
    case MU_OPT_KEEP: hot_select_keep(c, node, block); break;
    case MU_OPT_CATCH: select_simple(c, node, block, HOT_CATCH, true); break;
    case MU_OPT_POLL:
        select_simple(c, node, block, HOT_POLL, false);
        c->insts.items[c->insts.count - 1].safety = ALLOC_COLD_SAFEPOINT;
        break;
    case MU_OPT_JUMP: select_simple(c, node, block, HOT_JUMP, false); break;
    case MU_OPT_BRANCH: select_branch(c, node, block); break;
    case MU_OPT_RETURN: hot_select_return(c, node, block); break;
    case MU_OPT_THROW:
        (void)hot_begin(c, HOT_THROW, node, block);
        hot_use(c, hot_of(c, node)->inputs[0], ALLOC_USE_FIXED, RAX, false);
        break;
    default:
        if (c->needed[node]) {
            select_float(c, node, block);
        }
        break;
    }
}

/* ---- blocks, as the allocator wants them */

static void connect_block(hot_code *c, uint32_t position)
{
    const mu_opt_graph *g = c->graph;
    const mu_opt_block *from = &g->blocks.items[g->order.items[position]];
    alloc_block *to = &c->blocks[position];
    to->preds = MU_ARENA_ARRAY(c->arena, uint32_t, from->preds.count + 1);
    to->succs = MU_ARENA_ARRAY(c->arena, uint32_t, from->succs.count + 1);
    to->params = MU_ARENA_ARRAY(c->arena, uint32_t, from->phis.count + 1);
    to->args = MU_ARENA_ARRAY(c->arena, uint32_t, (size_t)from->phis.count * from->preds.count + 1);
    to->pred_count = from->preds.count;
    to->succ_count = from->succs.count;
    to->param_count = from->phis.count;
    to->loop_depth = from->loop_depth;
    to->loop_end =
        from->loop_end == MU_OPT_NONE ? ALLOC_NONE : g->blocks.items[from->loop_end].position;
    for (uint32_t i = 0; i < from->preds.count; i++) {
        to->preds[i] = g->blocks.items[from->preds.items[i]].position;
    }
    for (uint32_t i = 0; i < from->succs.count; i++) {
        to->succs[i] = g->blocks.items[from->succs.items[i]].position;
    }
    for (uint32_t p = 0; p < from->phis.count; p++) {
        uint32_t phi = from->phis.items[p];
        to->params[p] = hot_value(c, phi);
        for (uint32_t i = 0; i < from->preds.count; i++) {
            to->args[i * from->phis.count + p] = hot_value(c, hot_of(c, phi)->inputs[i]);
        }
    }
}

bool hot_select(hot_code *c)
{
    const mu_opt_graph *g = c->graph;
    find_needed(c);
    for (uint32_t i = 0; i < g->order.count; i++) {
        uint32_t index = g->order.items[i];
        const mu_opt_block *block = &g->blocks.items[index];
        c->blocks[i].first_inst = c->insts.count;
        if (i == 0) {
            hot_select_entry(c);
        }
        for (uint32_t k = 0; k < block->nodes.count && !c->refused; k++) {
            select_node(c, block->nodes.items[k], index);
        }
        c->blocks[i].inst_count = c->insts.count - c->blocks[i].first_inst;
    }
    for (uint32_t i = 0; i < g->order.count && !c->refused; i++) {
        connect_block(c, i);
    }
    return !c->refused;
}
