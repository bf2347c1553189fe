/* Calls, jumps and ends. */
#include "hot_emit.h"

bool hot_ends_block(const hot_emitter *e)
{
    const hot_code *c = e->code;
    const hot_inst *inst = &c->machine.items[e->inst];
    const alloc_block *block = &c->blocks[c->graph->blocks.items[inst->block].position];
    return e->inst + 1 == block->first_inst + block->inst_count;
}

static uint32_t position_of(const hot_emitter *e)
{
    return e->code->graph->blocks.items[e->code->machine.items[e->inst].block].position;
}

static void jump_to(hot_emitter *e, uint32_t successor)
{
    uint32_t position = position_of(e);
    uint32_t to = e->code->blocks[position].succs[successor];
    if (to != position + 1) {
        x64_jmp(e->q.a, e->labels[to]);
    }
}

/* ---- calls */

/* The memory operand to call through; r11 holds the callee's number. */
static x64_mem callee_entry(hot_emitter *e)
{
    quick *q = &e->q;
    const hot_inst *inst = hot_now(e);
    const mu_opt_node *n = hot_of(e->code, inst->node);
    x64_load(q->a, 8, QUICK_TEMP2, x64_at(QUICK_THREAD, MU_THREAD_functions));
    if (n->width == 1) {
        uint64_t number = hot_of(e->code, n->inputs[0])->imm;
        x64_mov_ri(q->a, QUICK_TEMP, number);
        return x64_at(QUICK_TEMP2, (int32_t)(number * sizeof(mu_abi_function)));
    }
    x64_load(q->a, 8, QUICK_TEMP, x64_at(QUICK_THREAD, MU_THREAD_callee));
    x64_label wrong = hot_error(e, MU_GUEST_ERROR_WRONG_SIGNATURE);
    const mu_ir_sig *sig = q->version->sigs[q->version->insts[n->inst].sigs.first];
    x64_lea(q->a, 8, QUICK_TEMP2, x64_at_index(QUICK_TEMP2, QUICK_TEMP, 3, 0));
    x64_lea(q->a, 8, QUICK_TEMP2, x64_at_index(QUICK_TEMP2, QUICK_TEMP, 3, 0));
    x64_alu_mi(q->a, X64_CMP, 4, x64_at(QUICK_TEMP2, offsetof(mu_abi_function, sig)),
               (int32_t)sig->canonical);
    x64_jcc(q->a, X64_NE, wrong);
    return x64_at(QUICK_TEMP2, 0);
}

void hot_emit_call(hot_emitter *e)
{
    bool is_trap = hot_now(e)->op == HOT_TRAP;
    uint32_t site = hot_site(e, is_trap ? MU_CODE_SITE_TRAP : MU_CODE_SITE_CALL);
    if (is_trap) {
        quick_call_leave(&e->q, MU_ABI_LEAVE_TRAP);
    } else {
        x64_call_m(e->q.a, callee_entry(e));
    }
    quick_site_here(&e->q, site);
    if (hot_ends_block(e)) {
        jump_to(e, 0);
    }
}

/* ---- jumps */

static void emit_branch(hot_emitter *e)
{
    hot_answer answer = hot_emit_test(e, &hot_now(e)->test);
    uint32_t position = position_of(e);
    const alloc_block *block = &e->code->blocks[position];
    if (block->succs[0] == position + 1) {
        hot_jump_if(e, answer, false, e->labels[block->succs[1]]);
    } else {
        hot_jump_if(e, answer, true, e->labels[block->succs[0]]);
        jump_to(e, 1);
    }
}

static void emit_poll(hot_emitter *e)
{
    uint32_t index = hot_slow_new(e, HOT_SLOW_POLL);
    e->slow.items[index].site = hot_site(e, MU_CODE_SITE_YIELD);
    x64_alu_rm(e->q.a, X64_CMP, 8, RSP, x64_at(QUICK_THREAD, MU_THREAD_stack_limit));
    x64_jcc(e->q.a, X64_B, e->slow.items[index].label);
    x64_bind(e->q.a, e->slow.items[index].back);
}

static void emit_epilogue(hot_emitter *e)
{
    x64_mov_rr(e->q.a, 8, RSP, RBP);
    x64_pop(e->q.a, RBP);
}

void hot_emit_control(hot_emitter *e)
{
    quick *q = &e->q;
    switch (hot_now(e)->op) {
    case HOT_POLL: emit_poll(e); break;
    case HOT_JUMP: jump_to(e, 0); break;
    case HOT_BRANCH: emit_branch(e); break;
    case HOT_RETURN:
        emit_epilogue(e);
        x64_ret(q->a);
        break;
    case HOT_TAIL_CALL: {
        x64_mem entry = callee_entry(e);
        emit_epilogue(e);
        x64_jmp_m(q->a, entry);
        break;
    }
    case HOT_THROW:
        quick_call_leave(q, MU_ABI_LEAVE_THROW);
        quick_site_here(q, hot_site(e, MU_CODE_SITE_ERROR));
        break;
    default: MU_INVARIANT(false, "an instruction that jumps nowhere");
    }
}
