/* Bytes of a function whose registers are given. */
#include "hot_emit.h"

#include <string.h>

#define SMALL_FRAME_BYTES 8192u

x64_gpr hot_gpr(const hot_emitter *e, int8_t at)
{
    const alloc_place *place = &hot_operand(e, at)->place;
    MU_INVARIANT(place->where == ALLOC_IN_REG, "an operand that is in no register");
    return (x64_gpr)place->index;
}

x64_xmm hot_xmm(const hot_emitter *e, int8_t at)
{
    return (x64_xmm)hot_gpr(e, at);
}

/* ---- moves */

static quick_operand operand_of(const hot_code *c, const alloc_place *place, alloc_class class)
{
    quick_operand operand = {.index = place->index};
    switch (place->where) {
    case ALLOC_IN_REG: operand.kind = class == ALLOC_XMM ? QUICK_AT_XMM : QUICK_AT_GPR; break;
    case ALLOC_IN_SLOT: operand.kind = QUICK_AT_SLOT; break;
    default:
        operand.kind = QUICK_IMMEDIATE;
        operand.immediate = hot_of(c, c->value_nodes.items[place->index])->imm;
        break;
    }
    return operand;
}

/* All moves before instruction `inst`, group by group. */
static void emit_moves(hot_emitter *e, uint32_t inst, uint32_t *next)
{
    const hot_code *c = e->code;
    const alloc *regs = &c->regs;
    while (*next < regs->move_count && regs->moves[*next].before == inst) {
        quick_moves moves = {0};
        uint32_t order = regs->moves[*next].order;
        for (; *next < regs->move_count && regs->moves[*next].before == inst &&
               regs->moves[*next].order == order;
             ++*next) {
            const alloc_move *move = &regs->moves[*next];
            quick_move made = {.to = operand_of(c, &move->to, move->class),
                               .from = operand_of(c, &move->from, move->class)};
            MU_ARRAY_PUSH(&moves, made);
        }
        quick_emit_moves(&e->q, &moves);
        MU_ARRAY_FREE(&moves);
    }
}

/* ---- plain instructions */

static void emit_alu(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    x64_gpr to = hot_gpr(e, inst->def);
    if (inst->has_immediate) {
        x64_alu_ri(e->q.a, (x64_alu)inst->machine, inst->width, to, (int32_t)inst->immediate);
    } else {
        x64_alu_rr(e->q.a, (x64_alu)inst->machine, inst->width, to, hot_gpr(e, inst->b));
    }
}

static void emit_multiply(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    x64_gpr to = hot_gpr(e, inst->def);
    if (inst->has_immediate) {
        x64_imul_rri(e->q.a, inst->width, to, hot_gpr(e, inst->a), (int32_t)inst->immediate);
    } else {
        x64_imul_rr(e->q.a, inst->width, to, hot_gpr(e, inst->b));
    }
}

static void emit_shift(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    x64_gpr to = hot_gpr(e, inst->def);
    if (inst->has_immediate) {
        x64_shift_ri(e->q.a, (x64_shift)inst->machine, inst->width, to, (uint8_t)inst->immediate);
    } else {
        x64_shift_cl(e->q.a, (x64_shift)inst->machine, inst->width, to);
    }
}

static void emit_divide(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    quick_divide(&e->q, inst->is_signed, inst->width, hot_gpr(e, inst->b));
}

static void emit_extend(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    x64_gpr to = hot_gpr(e, inst->def);
    x64_gpr from = hot_gpr(e, inst->a);
    uint32_t bits = (uint32_t)inst->immediate;
    if (!inst->is_signed) {
        x64_mov_rr(e->q.a, 4, to, from);
        return;
    }
    if (bits == 8 || bits == 16 || bits == 32) {
        x64_sign_extend(e->q.a, (uint8_t)(bits / 8), to, from);
    } else {
        if (to != from) {
            x64_mov_rr(e->q.a, 8, to, from);
        }
        quick_sign_extend(&e->q, to, bits);
    }
    if (inst->width == 4) {
        x64_mov_rr(e->q.a, 4, to, to);
    }
}

static void emit_select(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    x64_assembler *a = e->q.a;
    hot_answer answer = hot_emit_test(e, &inst->test);
    if (!inst->is_fp && answer.flags == HOT_FLAGS_ONE) {
        x64_cmov(a, answer.cond, 8, hot_gpr(e, inst->def), hot_gpr(e, inst->b));
        return;
    }
    x64_label done = x64_label_new(a);
    hot_jump_if(e, answer, false, done);
    if (inst->is_fp) {
        x64_fp_mov_rr(a, hot_xmm(e, inst->def), hot_xmm(e, inst->b));
    } else {
        x64_mov_rr(a, 8, hot_gpr(e, inst->def), hot_gpr(e, inst->b));
    }
    x64_bind(a, done);
}

static void emit_convert(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    const mu_opt_node *n = hot_of(e->code, inst->node);
    const mu_opt_node *from = hot_of(e->code, n->inputs[0]);
    uint8_t from_width = from->kind == MU_OPT_FLOAT ? 4 : 8;
    uint8_t to_width = n->kind == MU_OPT_FLOAT ? 4 : 8;
    quick *q = &e->q;
    switch ((mu_opt_op)n->op) {
    case MU_OPT_FWIDEN: x64_fp_widen(q->a, hot_xmm(e, inst->def), hot_xmm(e, inst->a)); break;
    case MU_OPT_FNARROW: x64_fp_narrow(q->a, hot_xmm(e, inst->def), hot_xmm(e, inst->a)); break;
    case MU_OPT_FROM_INT:
        quick_int_to_fp(q, true, 64, to_width, hot_xmm(e, inst->def), hot_gpr(e, inst->a));
        break;
    case MU_OPT_TO_INT:
        quick_fp_to_int(q, true, from_width, (uint32_t)n->imm, hot_gpr(e, inst->def),
                        hot_xmm(e, inst->a));
        break;
    case MU_OPT_TO_BITS:
        x64_fp_to_gpr(q->a, from_width, hot_gpr(e, inst->def), hot_xmm(e, inst->a));
        break;
    case MU_OPT_FROM_BITS:
        x64_fp_from_gpr(q->a, to_width, hot_xmm(e, inst->def), hot_gpr(e, inst->a));
        break;
    default: MU_INVARIANT(false, "%s is no conversion", mu_opt_op_name(n->op));
    }
}

static void emit_lea(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    if (inst->address.is_global) {
        quick_load_global(&e->q, hot_gpr(e, inst->def), (uint64_t)inst->address.displacement);
    } else {
        x64_lea(e->q.a, 8, hot_gpr(e, inst->def), hot_mem(e, &inst->address));
    }
}

static x64_mem overflow_word(hot_emitter *e)
{
    x64_load(e->q.a, 8, QUICK_TEMP2, x64_at(QUICK_THREAD, MU_THREAD_overflow));
    return x64_at(QUICK_TEMP2, (int32_t)(8 * hot_now(e)->immediate));
}

/* A word between a register of either kind and memory. */
static void store_word(hot_emitter *e, x64_mem to, int8_t at)
{
    const alloc_operand *operand = hot_operand(e, at);
    if (e->code->values.items[operand->value].class == ALLOC_XMM) {
        x64_fp_store(e->q.a, 8, to, hot_xmm(e, at));
    } else {
        x64_store(e->q.a, 8, to, hot_gpr(e, at));
    }
}

static void emit_take(hot_emitter *e)
{
    int8_t def = hot_now(e)->def;
    x64_mem from = overflow_word(e);
    if (e->code->values.items[hot_operand(e, def)->value].class == ALLOC_XMM) {
        x64_fp_load(e->q.a, 8, hot_xmm(e, def), from);
    } else {
        x64_load(e->q.a, 8, hot_gpr(e, def), from);
    }
}

static void emit_check(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    hot_answer answer = hot_emit_test(e, &inst->test);
    hot_jump_if(e, answer, false, hot_error(e, (mu_guest_error)inst->immediate));
}

static void emit_catch(hot_emitter *e)
{
    x64_mem exception = x64_at(QUICK_THREAD, MU_THREAD_exception);
    x64_load(e->q.a, 8, hot_gpr(e, hot_now(e)->def), exception);
    x64_store_i(e->q.a, 8, exception, 0);
}

static void emit_fp(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    x64_fp_op_rr(e->q.a, (x64_fp)inst->machine, inst->width, hot_xmm(e, inst->def),
                 hot_xmm(e, inst->b));
}

static void emit_inst(hot_emitter *e)
{
    const hot_inst *inst = hot_now(e);
    switch (inst->op) {
    case HOT_ENTRY: break;
    case HOT_ALU: emit_alu(e); break;
    case HOT_LEA: emit_lea(e); break;
    case HOT_IMUL: emit_multiply(e); break;
    case HOT_SHIFT: emit_shift(e); break;
    case HOT_DIVIDE: emit_divide(e); break;
    case HOT_EXTEND: emit_extend(e); break;
    case HOT_SET: hot_set_answer(e, hot_emit_test(e, &inst->test), hot_gpr(e, inst->def)); break;
    case HOT_SELECT: emit_select(e); break;
    case HOT_FP: emit_fp(e); break;
    case HOT_FP_CONVERT: emit_convert(e); break;
    case HOT_LOAD: hot_emit_load(e); break;
    case HOT_STORE: hot_emit_store(e); break;
    case HOT_CHECK: emit_check(e); break;
    case HOT_BARRIER: hot_emit_barrier(e); break;
    case HOT_CHECK_SHIFT: hot_emit_check_shift(e); break;
    case HOT_NEW:
        hot_emit_new(e);
        if (hot_ends_block(e)) {
            e->code->machine.items[e->inst].op = HOT_JUMP;
            hot_emit_control(e);
            e->code->machine.items[e->inst].op = HOT_NEW;
        }
        break;
    case HOT_STOW_CALLEE: store_word(e, x64_at(QUICK_THREAD, MU_THREAD_callee), inst->a); break;
    case HOT_PASS: store_word(e, overflow_word(e), inst->a); break;
    case HOT_TAKE: emit_take(e); break;
    case HOT_KEEP: hot_emit_keep(e); break;
    case HOT_CALL:
    case HOT_TRAP: hot_emit_call(e); break;
    case HOT_CATCH: emit_catch(e); break;
    default: hot_emit_control(e); break;
    }
}

/* ---- functions */

static void emit_body(hot_emitter *e)
{
    const hot_code *c = e->code;
    uint32_t next = 0;
    for (uint32_t i = 0; i < c->graph->order.count; i++) {
        const alloc_block *block = &c->blocks[i];
        x64_bind(e->q.a, e->labels[i]);
        for (e->inst = block->first_inst; e->inst < block->first_inst + block->inst_count;
             e->inst++) {
            uint32_t node = hot_now(e)->node;
            uint32_t inst = node == MU_OPT_NONE ? MU_OPT_NONE : hot_of(c, node)->inst;
            quick_begin_line(&e->q, inst == MU_OPT_NONE ? MU_CODE_LINE_OTHER : inst);
            emit_moves(e, e->inst, &next);
            emit_inst(e);
        }
    }
}

static mu_status emit_function(hot_code *c, void **into, mu_jit_room *room)
{
    hot_emitter e = {.code = c};
    quick *q = &e.q;
    q->jit = c->jit;
    q->version = c->graph->version;
    q->arena = mu_arena_new();
    q->a = x64_assembler_new();
    q->slot_count = c->regs.slot_count + c->kept_slots;
    q->slot_count += q->slot_count & 1;
    q->large_frame = q->slot_count * 8 > SMALL_FRAME_BYTES;
    e.labels = MU_ARENA_ARRAY(q->arena, x64_label, c->graph->order.count);
    for (uint32_t i = 0; i < c->graph->order.count; i++) {
        e.labels[i] = x64_label_new(q->a);
    }
    x64_label slow = x64_label_new(q->a);
    x64_label cont = x64_label_new(q->a);
    quick_emit_prologue(q, slow, cont);
    emit_body(&e);
    quick_begin_line(q, MU_CODE_LINE_OTHER);
    hot_emit_slow(&e);
    quick_emit_prologue_slow(q, slow, cont);
    mu_status status = quick_is_too_large(q) ? MU_UNSUPPORTED : quick_install(q, into, room);
    MU_ARRAY_FREE(&e.slow);
    quick_close(q);
    return status;
}

static mu_status compile_graph(mu_jit *jit, mu_opt_graph *graph, void **into, mu_jit_room *room)
{
    hot_code c = {.graph = graph, .jit = jit, .arena = mu_arena_new()};
    uint32_t nodes = graph->nodes.count;
    c.value_of = mu_allocate(nodes * sizeof *c.value_of);
    c.uses = mu_allocate(nodes * sizeof *c.uses);
    c.needed = mu_allocate(nodes * sizeof *c.needed);
    c.blocks = mu_allocate(graph->order.count * sizeof *c.blocks);
    memset(c.value_of, 0xff, nodes * sizeof *c.value_of);
    mu_status status = hot_select(&c) ? MU_OK : MU_UNSUPPORTED;
    c.regs = (alloc){.values = c.values.items,
                     .value_count = c.values.count,
                     .blocks = c.blocks,
                     .block_count = graph->order.count,
                     .insts = c.insts.items,
                     .inst_count = c.insts.count,
                     .operands = c.operands.items,
                     .operand_count = c.operands.count,
                     .available = {0x73cf, 0x3fff}, /* not rsp, rbp, r10, r11, r15; xmm14, xmm15 */
                     .arena = c.arena};
    if (status == MU_OK && alloc_registers(&c.regs) != MU_OK) {
        status = MU_UNSUPPORTED;
    }
    if (status == MU_OK) {
        status = emit_function(&c, into, room);
    }
    MU_ARRAY_FREE(&c.values);
    MU_ARRAY_FREE(&c.value_nodes);
    MU_ARRAY_FREE(&c.insts);
    MU_ARRAY_FREE(&c.machine);
    MU_ARRAY_FREE(&c.operands);
    MU_ARRAY_FREE(&c.kept);
    MU_ARRAY_FREE(&c.to_visit);
    mu_free(c.value_of);
    mu_free(c.uses);
    mu_free(c.needed);
    mu_free(c.blocks);
    mu_arena_free(c.arena);
    return status;
}

mu_status hot_compile(mu_jit *jit, mu_ir_version *version, void **into, mu_jit_room *room)
{
    mu_opt_graph *graph;
    mu_status status = mu_opt_build(version, &graph);
    if (status == MU_OK) {
        mu_opt_improve(&graph);
        status = mu_opt_schedule(graph) ? compile_graph(jit, graph, into, room) : MU_UNSUPPORTED;
    }
    mu_opt_free(graph);
    return status == MU_LIMIT ? MU_UNSUPPORTED : status;
}

mu_status mu_jit_optimise(mu_jit *jit, mu_ir_version *version, mu_jit_room *room,
                          const mu_code_object **object)
{
    mu_status status = MU_OK;
    if (!mu_jit_optimised(version)) {
        pthread_mutex_lock(&jit->optimising);
        if (mu_jit_is_not_optimised(version)) {
            status = MU_UNSUPPORTED;
        } else if (!mu_jit_optimised(version)) {
            status = hot_compile(jit, version, &version->optimised, room);
        }
        if (status == MU_UNSUPPORTED) {
            __atomic_store_n(&version->is_not_optimised, true, __ATOMIC_RELAXED);
        }
        pthread_mutex_unlock(&jit->optimising);
    }
    *object = mu_jit_optimised(version);
    return status;
}
