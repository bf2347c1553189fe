/* Addresses, loads, stores, new objects. An address is two words, and adds up only in what accesses
 * memory. */
#include "graph.h"

/* No object is larger, so no offset that counts is beyond. */
#define OFFSET_LIMIT ((uint64_t)1 << 62)

static uint32_t scaled(builder *b, uint32_t index, uint64_t bytes)
{
    return opt_int2(b->graph, MU_OPT_MUL, 8, index, opt_int(b->graph, bytes));
}

static uint32_t plus(builder *b, uint32_t offset, uint32_t more)
{
    return opt_int2(b->graph, MU_OPT_ADD, 8, offset, more);
}

static uint32_t plus_bytes(builder *b, uint32_t offset, uint64_t bytes)
{
    return plus(b, offset, opt_int(b->graph, bytes));
}

static bool is_known(const mu_opt_graph *g, uint32_t base)
{
    mu_opt_op op = opt_node(g, base)->op;
    return op == MU_OPT_GLOBAL || op == MU_OPT_NEW || op == MU_OPT_NEW_HYBRID ||
           op == MU_OPT_NON_NULL;
}

static void check_index(builder *b, const mu_ir_inst *inst, uint32_t index, uint64_t length)
{
    uint32_t is_inside = opt_cmp(b->graph, MU_OPT_ULT, 8, index, opt_int(b->graph, length));
    uint64_t constant;
    if (!mu_opt_is_const(b->graph, is_inside, &constant) || !constant) {
        build_require(b, inst, is_inside, MU_GUEST_ERROR_OUT_OF_BOUNDS);
    }
}

/* Is the product, and its sum with an offset in an object, what it would be without a limit? */
static void check_product(builder *b, const mu_ir_inst *inst, uint32_t index, uint64_t bytes,
                          uint32_t bits)
{
    if (bytes <= 1 || bits <= 17) {
        return;
    }
    mu_opt_graph *g = b->graph;
    uint64_t most = OFFSET_LIMIT / bytes;
    uint32_t moved = opt_int2(g, MU_OPT_ADD, 8, index, opt_int(g, most));
    build_require(b, inst, opt_cmp(g, MU_OPT_ULE, 8, moved, opt_int(g, 2 * most)),
                  MU_GUEST_ERROR_OUT_OF_BOUNDS);
}

/* An element of a hybrid, counted from the first: no object but a hybrid of just that type has the
 * iref that GETVARPARTIREF took, so the index is all there is to check. */
static uint32_t element(builder *b, const uint32_t *words, uint32_t index, uint64_t bytes)
{
    mu_opt_graph *g = b->graph;
    mu_opt_node like = {.op = MU_OPT_NON_NULL,
                        .kind = MU_OPT_REF,
                        .width = 8,
                        .imm = MU_GUEST_ERROR_NULL_DEREFERENCE};
    uint32_t object = is_known(g, words[0]) ? words[0] : build_pin(b, like, words, 1);
    like = (mu_opt_node){.op = MU_OPT_LENGTH, .kind = MU_OPT_INT, .width = 8, .inst = MU_OPT_NONE};
    uint32_t length = mu_opt_float(g, like, &object, 1);
    uint32_t inside = opt_cmp(g, MU_OPT_ULT, 8, index, length);
    like = (mu_opt_node){.op = MU_OPT_CHECK, .imm = MU_GUEST_ERROR_OUT_OF_BOUNDS};
    build_pin(b, like, &inside, 1);
    return plus(b, words[1], scaled(b, index, bytes));
}

static bool is_element(const builder *b, mu_ir_value value, const mu_ir_type *type)
{
    const mu_ir_type *hybrid =
        mu_ir_value_is_global(value) ? NULL : b->part_of[mu_ir_value_index(value)];
    return hybrid && mu_ir_type_equal(hybrid->element, type) && type->size_bytes > 0 &&
           type->size_bytes == hybrid->stride_bytes;
}

static uint32_t shifted(builder *b, const mu_ir_inst *inst, const uint32_t *words, uint32_t index)
{
    mu_ir_type *type = b->version->types[inst->types.first];
    uint32_t bits = b->version->types[inst->types.first + 1]->bits;
    if (!b->checked) {
        return plus(b, words[1], scaled(b, index, type->size_bytes));
    }
    if (is_element(b, b->version->operands[inst->operands.first], type)) {
        return element(b, words, index, type->size_bytes);
    }
    check_product(b, inst, index, type->size_bytes, bits);
    uint32_t offset = plus(b, words[1], scaled(b, index, type->size_bytes));
    uint32_t inputs[3] = {words[0], words[1], offset};
    mu_opt_node like = {.op = MU_OPT_CHECK_SHIFT, .type = type};
    build_pin(b, like, inputs, 3);
    return offset;
}

static void address(builder *b, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &b->version->operands[inst->operands.first];
    const mu_ir_type *type = b->version->types[inst->types.first];
    uint32_t words[2];
    build_words(b, operands[0], words);
    if (inst->is_ptr) {
        b->refused = "an address of native memory";
        return;
    }
    uint32_t index = 0;
    if (inst->op == MU_OP_GETELEMIREF || inst->op == MU_OP_SHIFTIREF) {
        const mu_ir_type *index_type = b->version->types[inst->types.first + 1];
        (void)build_kind(b, index_type);
        if (b->refused) {
            return;
        }
        index = opt_sext(b->graph, build_word(b, operands[1]), index_type->bits, 8);
    }
    uint32_t offset = words[1];
    switch ((int)inst->op) {
    case MU_OP_GETIREF: offset = opt_int(b->graph, 0); break;
    case MU_OP_GETFIELDIREF: offset = plus_bytes(b, offset, type->offsets[inst->literal]); break;
    case MU_OP_GETVARPARTIREF:
        offset = plus_bytes(b, offset, type->size_bytes);
        b->part_of[inst->results.first] = type;
        break;
    case MU_OP_GETELEMIREF:
        check_index(b, inst, index, type->length);
        offset = plus(b, offset, scaled(b, index, type->stride_bytes));
        break;
    default: offset = shifted(b, inst, words, index); break;
    }
    build_define(b, inst, 0, words[0]);
    b->words[inst->results.first][1] = offset;
}

/* ---- accesses */

static bool is_loose(const builder *b, uint32_t base)
{
    const mu_opt_node *node = opt_node(b->graph, base);
    bool has_bits = node->op == MU_OPT_PHI || node->op == MU_OPT_PARAM || node->op == MU_OPT_RESULT;
    return !b->checked && has_bits && node->cond == MU_OPT_LOOSE_BASE;
}

/* An offset as one without a constant, and that. */
static uint64_t split_offset(mu_opt_graph *g, uint32_t *offset)
{
    uint64_t bytes;
    const mu_opt_node *node = opt_node(g, *offset);
    uint32_t left = node->input_count ? node->inputs[0] : 0;
    bool is_const = mu_opt_is_const(g, *offset, &bytes);
    bool is_sum =
        node->op == MU_OPT_ADD && node->width == 8 && mu_opt_is_const(g, node->inputs[1], &bytes);
    if ((!is_const && !is_sum) || (int64_t)bytes != (int32_t)bytes) {
        return 0;
    }
    *offset = is_const ? opt_int(g, 0) : left;
    return bytes;
}

/* The base to access memory by; the error of NULL is raised before. */
static uint32_t access_base(builder *b, const mu_ir_inst *inst, const uint32_t *words)
{
    mu_opt_graph *g = b->graph;
    uint32_t zero = opt_int(g, 0);
    if (is_known(g, words[0])) {
        return words[0];
    }
    if (is_loose(b, words[0])) {
        uint32_t offset = words[1];
        (void)split_offset(g, &offset);
        uint32_t either = opt_int2(g, MU_OPT_OR, 8, words[0], offset);
        build_require(b, inst, opt_cmp(g, MU_OPT_NE, 8, either, zero),
                      MU_GUEST_ERROR_NULL_DEREFERENCE);
        return words[0];
    }
    mu_opt_node like = {.op = MU_OPT_NON_NULL, .kind = MU_OPT_REF, .width = 8};
    if (inst->has_exc) {
        build_require(b, inst, opt_cmp(g, MU_OPT_NE, 8, words[0], zero),
                      MU_GUEST_ERROR_NULL_DEREFERENCE);
    } else {
        like.imm = MU_GUEST_ERROR_NULL_DEREFERENCE;
    }
    return build_pin(b, like, words, 1);
}

static bool is_plain(builder *b, const mu_ir_inst *inst, const mu_ir_type *type)
{
    if (inst->is_ptr) {
        b->refused = "native memory";
    } else if (type->kind == MU_IR_IREF) {
        b->refused = "an iref in memory";
    } else if (inst->order == MU_ORDER_SEQ_CST && inst->op == MU_OP_STORE) {
        b->refused = "a sequentially consistent store";
    }
    return !b->refused;
}

static void load(builder *b, const mu_ir_inst *inst)
{
    mu_ir_type *type = b->version->types[inst->types.first];
    mu_opt_kind kind = build_kind(b, type);
    uint32_t words[2];
    if (!is_plain(b, inst, type)) {
        return;
    }
    build_words(b, b->version->operands[inst->operands.first], words);
    uint32_t inputs[2] = {access_base(b, inst, words), words[1]};
    mu_opt_node like = {.op = MU_OPT_LOAD,
                        .kind = (uint8_t)kind,
                        .width = (uint8_t)type->size_bytes,
                        .cond = inst->order != MU_ORDER_NOT_ATOMIC,
                        .type = type};
    like.imm = split_offset(b->graph, &inputs[1]);
    build_define(b, inst, 0, build_pin(b, like, inputs, 2));
}

static void store(builder *b, const mu_ir_inst *inst)
{
    const mu_ir_value *operands = &b->version->operands[inst->operands.first];
    mu_ir_type *type = b->version->types[inst->types.first];
    (void)build_kind(b, type);
    uint32_t words[2];
    if (!is_plain(b, inst, type)) {
        return;
    }
    build_words(b, operands[0], words);
    uint32_t inputs[3] = {access_base(b, inst, words), words[1], build_word(b, operands[1])};
    mu_opt_node like = {.op = MU_OPT_BARRIER, .width = (uint8_t)type->size_bytes, .type = type};
    like.imm = split_offset(b->graph, &inputs[1]);
    bool has_object = opt_node(b->graph, inputs[0])->op != MU_OPT_GLOBAL;
    if (mu_ir_type_has_refs(type) && has_object) {
        like.cond = is_loose(b, words[0]);
        build_pin(b, like, inputs, 2);
    }
    like.op = MU_OPT_STORE;
    like.cond = inst->order != MU_ORDER_NOT_ATOMIC;
    build_pin(b, like, inputs, 3);
}

/* ---- objects */

/* A node that may throw ends its block; where it goes on is another. */
void build_throwing_end(builder *b, const mu_ir_inst *inst)
{
    mu_opt_graph *g = b->graph;
    uint32_t from = b->at;
    uint32_t normal = opt_block_new(g);
    uint32_t landing = opt_block_new(g);
    opt_block(g, landing)->is_landing = true;
    opt_edge(g, from, normal);
    opt_edge(g, from, landing);
    mu_opt_node like = {.op = MU_OPT_CATCH, .kind = MU_OPT_REF, .width = 8, .inst = b->inst};
    uint32_t caught = mu_opt_pin(g, landing, like, NULL, 0);
    build_goto(b, landing, &b->version->dests[inst->dests.first + 1], caught);
    b->at = normal;
}

static void new_object(builder *b, const mu_ir_inst *inst)
{
    mu_ir_type *type = b->version->types[inst->types.first];
    bool is_alloca = inst->op == MU_OP_ALLOCA || inst->op == MU_OP_ALLOCAHYBRID;
    if (is_alloca && !b->checked) {
        b->refused = "ALLOCA";
        return;
    }
    bool is_hybrid = inst->op == MU_OP_NEWHYBRID || inst->op == MU_OP_ALLOCAHYBRID;
    uint32_t length = 0;
    if (is_hybrid && inst->has_exc) {
        b->refused = "a new hybrid with an exception clause";
        return;
    }
    if (is_hybrid) {
        (void)build_kind(b, b->version->types[inst->types.first + 1]);
        length = build_word(b, b->version->operands[inst->operands.first]);
    }
    mu_opt_node like = {.op = is_hybrid ? MU_OPT_NEW_HYBRID : MU_OPT_NEW,
                        .kind = MU_OPT_REF,
                        .width = 8,
                        .cond = inst->has_exc,
                        .type = type};
    build_define(b, inst, 0, build_pin(b, like, &length, is_hybrid));
    b->words[inst->results.first][1] = opt_int(b->graph, 0); /* ALLOCA gives an iref */
    if (inst->has_exc) {
        build_throwing_end(b, inst);
    }
}

bool build_memory(builder *b, const mu_ir_inst *inst)
{
    switch (mu_ir_op_info_of(inst->op)->shape) {
    case MU_SHAPE_GETIREF:
    case MU_SHAPE_GETFIELD:
    case MU_SHAPE_GETELEM:
    case MU_SHAPE_GETVARPART: address(b, inst); return true;
    case MU_SHAPE_LOAD: load(b, inst); return true;
    case MU_SHAPE_STORE: store(b, inst); return true;
    case MU_SHAPE_NEW:
    case MU_SHAPE_NEWHYBRID: new_object(b, inst); return true;
    default: return false;
    }
}
