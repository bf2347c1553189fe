#include "ir_fixture.h"

#include <math.h>
#include <string.h>

static mu_ir_env *env;

static void set_up(void)
{
    env = load_first(every_form);
}

static void tear_down(void)
{
    unload(env);
}

TestSuite(mu_ir_structure, .init = set_up, .fini = tear_down);

Test(mu_ir_structure, types)
{
    cr_assert_eq(find_type(env, "@i16")->bits, 16);
    const mu_ir_type *ten = find_type(env, "@ten");
    cr_assert_eq(ten->field_count, 10);
    cr_assert_eq(ten->fields[8], find_type(env, "@wrv"));
    cr_assert_eq(find_type(env, "@RefCons")->element->fields[1], find_type(env, "@RefCons"));
    cr_assert_eq(find_type(env, "@a33")->element->length, 3);
    cr_assert_eq(find_type(env, "@h0")->field_count, 0);
    cr_assert_eq(find_type(env, "@h0")->element, find_type(env, "@i8"));
    cr_assert_eq(find_type(env, "@h3")->field_count, 3);
    cr_assert_eq(find_type(env, "@h3")->element, find_type(env, "@i64"));
    cr_assert_eq(find_type(env, "@fp")->sig, find_sig(env, "@ii_i"));
    cr_assert_eq(find_sig(env, "@two")->result_count, 2);
    cr_assert_eq(find_sig(env, "@v_v")->param_count, 0);
}

static void expect_int(const char *name, uint64_t high, uint64_t low, bool negative)
{
    const mu_ir_const *constant = find_const(env, name);
    cr_assert_eq(constant->kind, MU_IR_CONST_INT);
    cr_assert_eq(constant->low, low, "%s", name);
    cr_assert_eq(constant->high, high, "%s", name);
    cr_assert_eq(constant->negative, negative, "%s", name);
    cr_assert_not(constant->too_large);
}

Test(mu_ir_structure, integer_constants)
{
    expect_int("@ZERO", 0, 0, false);
    expect_int("@PLUS", 0, 7, false);
    expect_int("@NEG", UINT64_MAX, (uint64_t)-42, true);
    expect_int("@OCT", 0, 511, false);
    expect_int("@HEX", 0, UINT64_MAX, false);
    expect_int("@WIDE", 0x123456789abcdef0, 0x0fedcba987654321, false);
    expect_int("@WIDENEG", 0x8000000000000000, 0, true);
    expect_int("@ADDRESS", 0, 0x123456789abcdef0, false);
}

Test(mu_ir_structure, floating_point_constants)
{
    uint32_t single;
    uint64_t twofold;
    cr_assert_eq(find_const(env, "@F")->single_value, 3.14f);
    cr_assert_eq(find_const(env, "@FNEG")->single_value, -1.5e-3f);
    cr_assert(isnan(find_const(env, "@FNAN")->single_value));
    cr_assert_eq(find_const(env, "@FINF")->single_value, HUGE_VALF);
    cr_assert_eq(find_const(env, "@FNINF")->single_value, -HUGE_VALF);
    memcpy(&single, &find_const(env, "@FBITS")->single_value, 4);
    cr_assert_eq(single, 0x12345678);
    cr_assert_eq(find_const(env, "@D")->double_value, 6.28);
    cr_assert_eq(find_const(env, "@DBIG")->double_value, 1.7e308);
    cr_assert(isnan(find_const(env, "@DNAN")->double_value));
    cr_assert_eq(find_const(env, "@DNINF")->double_value, -HUGE_VAL);
    memcpy(&twofold, &find_const(env, "@DBITS")->double_value, 8);
    cr_assert_eq(twofold, 0xfedcba9876543210);
}

Test(mu_ir_structure, lists_and_nulls)
{
    const mu_ir_const *names = find_const(env, "@NAMES");
    cr_assert_eq(names->kind, MU_IR_CONST_LIST);
    cr_assert_eq(names->item_count, 3);
    cr_assert_eq(names->items[0], find(env, "@cell"));
    cr_assert_eq(names->items[1], find(env, "@add"));
    cr_assert_eq(names->items[2]->kind, MU_IR_EXPOSE);
    cr_assert_eq(find_const(env, "@NULLREF")->kind, MU_IR_CONST_NULL);
    cr_assert_eq(find_const(env, "@PAIR")->items[1], &find_const(env, "@D")->entity);
}

Test(mu_ir_structure, exposed_function)
{
    const mu_ir_expose *expose = (const mu_ir_expose *)find(env, "@add_native");
    cr_assert_eq(&expose->func->entity, find(env, "@add"));
    cr_assert_str_eq(expose->convention, "#DEFAULT");
    cr_assert_eq(expose->cookie, find_const(env, "@ZERO"));
    cr_assert_eq(expose->pointer_type->kind, MU_IR_UFUNCPTR);
    cr_assert_eq(expose->pointer_type->canonical, find_type(env, "@fp")->canonical);
}

Test(mu_ir_structure, blocks_parameters_and_results_are_consecutive)
{
    const mu_ir_version *flow = find_version(env, "@flow.v1");
    cr_assert_eq(flow->block_count, 6);
    cr_assert_eq(flow->blocks[0].params.count, 2);
    cr_assert_not(flow->blocks[0].has_exc_param);
    const mu_ir_block *handler = &flow->blocks[5];
    cr_assert_str_eq(handler->entity.name, "@flow.v1.handler");
    cr_assert(handler->has_exc_param);
    const mu_ir_variable *exception = &flow->variables[handler->exc_param];
    cr_assert_str_eq(exception->entity.name, "@flow.v1.handler.e");
    cr_assert_eq(exception->type->canonical, find_type(env, "@rv")->canonical);
    const mu_ir_inst *call = find_inst(env, "@flow.v1.calls.call2");
    cr_assert_eq(call->results.count, 2);
    cr_assert_str_eq(flow->variables[call->results.first + 1].entity.name, "@flow.v1.calls.q");
    cr_assert_eq(flow->variables[call->results.first + 1].inst, call->entity.index);
    for (uint32_t i = 0; i < flow->variable_count; i++) {
        cr_assert_eq(flow->variables[i].entity.index, i);
        cr_assert_eq(flow->variables[i].entity.owner, flow);
    }
}

Test(mu_ir_structure, call_with_both_clauses)
{
    const mu_ir_inst *call = find_inst(env, "@flow.v1.calls.call2");
    const mu_ir_version *flow = call->entity.owner;
    cr_assert(call->has_exc);
    cr_assert_eq(call->operands.count, 2);
    cr_assert_str_eq(value_name(call, call->operands, 0), "@two_results");
    cr_assert_str_eq(value_name(call, call->operands, 1), "@flow.v1.calls.r1");
    cr_assert_str_eq(value_name(call, call->keepalives, 0), "@flow.v1.calls.r1");
    cr_assert_eq(call->dests.count, 2);
    const mu_ir_dest *normal = &flow->dests[call->dests.first];
    cr_assert_eq(normal->block, 4);
    cr_assert_str_eq(value_name(call, normal->args, 0), "@flow.v1.calls.p");
    cr_assert_eq(normal[1].block, 5);
    cr_assert_eq(normal[1].args.count, 0);
}

Test(mu_ir_structure, switch_cases_are_parallel_to_destinations)
{
    const mu_ir_inst *inst = find_inst(env, "@flow.v1.right.switch");
    const mu_ir_version *flow = inst->entity.owner;
    cr_assert_eq(inst->operands.count, 1);
    cr_assert_eq(inst->cases.count, 3);
    cr_assert_eq(inst->dests.count, 4);
    cr_assert_str_eq(value_name(inst, inst->cases, 2), "@NEG");
    cr_assert_eq(flow->dests[inst->dests.first].block, 2);
    cr_assert_eq(flow->dests[inst->dests.first + 2].block, 3);
    cr_assert_str_eq(value_name(inst, flow->dests[inst->dests.first + 3].args, 0), "@NEG");
}

Test(mu_ir_structure, memory_flags)
{
    cr_assert_eq(find_inst(env, "@memory.v1.entry.load")->order, MU_ORDER_NOT_ATOMIC);
    cr_assert_eq(find_inst(env, "@memory.v1.entry.store")->order, MU_ORDER_RELEASE);
    const mu_ir_inst *cas = find_inst(env, "@memory.v1.entry.cas");
    cr_assert_eq(cas->order, MU_ORDER_ACQ_REL);
    cr_assert_eq(cas->order_fail, MU_ORDER_ACQUIRE);
    cr_assert_not(cas->is_weak || cas->is_ptr);
    const mu_ir_inst *weak = find_inst(env, "@pointers.v1.entry.cas");
    cr_assert(weak->is_weak && weak->is_ptr);
    cr_assert_eq(find_inst(env, "@memory.v1.entry.umin")->rmw, MU_RMW_UMIN);
    cr_assert_eq(find_inst(env, "@memory.v1.entry.gf")->literal, 1);
    cr_assert(find_inst(env, "@pointers.v1.entry.gv")->is_ptr);
    cr_assert_str_eq(value_name(weak, weak->operands, 2), "@ZERO");
}

Test(mu_ir_structure, traps_and_watchpoints)
{
    const mu_ir_inst *trap = find_inst(env, "@traps.v1.entry.t2");
    cr_assert_eq(trap->types.count, 2);
    cr_assert_eq(trap->keepalives.count, 2);
    cr_assert(trap->has_exc);
    const mu_ir_inst *plain = find_inst(env, "@traps.v1.next.w1");
    cr_assert_eq(plain->literal, 1);
    cr_assert_eq(plain->dests.count, 2);
    cr_assert_not(plain->has_exc);
    const mu_ir_inst *watch = find_inst(env, "@traps.v1.dis.w2");
    cr_assert_eq(watch->dests.count, 3);
    cr_assert(watch->has_exc);
    cr_assert_eq(find_inst(env, "@traps.v1.wpb.wpbranch")->literal, 3);
}

Test(mu_ir_structure, stacks_and_threads)
{
    const mu_ir_inst *swap = find_inst(env, "@threads.v1.entry.s1");
    cr_assert_eq(swap->types.count, 3);
    cr_assert_eq(swap->pass_types_first, 1);
    cr_assert_eq(swap->operands.count, 3);
    cr_assert_not(swap->kills_old || swap->throws_exc);
    const mu_ir_inst *kill = find_inst(env, "@gen.v1.entry.s2");
    cr_assert(kill->kills_old && kill->throws_exc);
    const mu_ir_inst *thread = find_inst(env, "@threads.v1.entry.n2");
    cr_assert(thread->has_threadlocal);
    cr_assert_eq(thread->operands.count, 3);
    cr_assert_str_eq(value_name(thread, thread->operands, 1), "@threads.v1.entry.tl");
}

Test(mu_ir_structure, common_instructions)
{
    const mu_ir_inst *expose = find_inst(env, "@commons.v1.entry.expose");
    cr_assert_eq(expose->comminst, MU_COMMINST_NATIVE_EXPOSE);
    cr_assert_eq(expose->flags.count, 1);
    cr_assert_str_eq(expose->entity.owner->flags[expose->flags.first], "#DEFAULT");
    cr_assert_eq(expose->sigs.count, 1);
    cr_assert_eq(expose->operands.count, 2);
    cr_assert_eq(expose->entity.owner->insts[4].comminst, MU_COMMINST_META_ENABLE_WATCHPOINT);
    cr_assert_str_eq(mu_ir_comminst_name(MU_COMMINST_META_ENABLE_WATCHPOINT),
                     "@uvm.meta.enable_watchpoint");
    cr_assert_eq(mu_ir_comminst_id(MU_COMMINST_NEW_STACK), 0x201);
}

Test(mu_ir_structure, a_result_list_behind_a_common_instruction_is_not_its_arguments)
{
    /* COMMINST @uvm.native.get_cookie () (%k) = …: checked above to parse; and without the list: */
    mu_ir_env *other = load_first(
        ".typedef @i64 = int<64> .funcsig @s = () -> () .funcdef @f VERSION %v <@s> { %e():\n"
        "%c = COMMINST @uvm.native.get_cookie (%k) = [%kill] COMMINST @uvm.kill_dependency <@i64> "
        "(%c) COMMINST @uvm.current_stack [%ret] RET () }");
    cr_assert_eq(find_version(other, "@f.v")->inst_count, 4);
    cr_assert_eq(find_inst(other, "@f.v.e.kill")->results.count, 1);
    cr_assert_eq(find_inst(other, "@f.v.e.ret")->op, MU_OP_RET);
    unload(other);
}

Test(mu_ir_structure, a_global_value_has_one_entry_per_version)
{
    const mu_ir_version *binary = find_version(env, "@binary.v1");
    cr_assert_eq(binary->global_count, 3);
}
