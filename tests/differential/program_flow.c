/* Functions: blocks, the ends of blocks, and the fuel. */
#include "program_text.h"

#include <stdio.h>
#include <string.h>

/* Writes the count-down and returns the name of the condition that there is fuel left. */
static const char *write_fuel(program *p)
{
    uint32_t n = p->name_count++;
    program_write(&p->body, "        %%v%u.i64 = LOAD <@i64> @fuel\n", n);
    program_write(&p->body, "        %%w%u.i64 = SUB <@i64> %%v%u.i64 @one\n", n, n);
    program_write(&p->body, "        STORE <@i64> @fuel %%w%u.i64\n", n);
    program_write(&p->body, "        %%x%u.i1 = SGT <@i64> %%w%u.i64 @z.i64\n", n, n);
    return mu_arena_format(p->arena, "%%x%u.i1", n);
}

/* -------------------------------------------------------------------------------- destinations */

static uint32_t random_target(program *p, bool is_exceptional)
{
    for (uint32_t tries = 0; tries < 6; tries++) {
        bool goes_back = program_chance(p, 30);
        uint32_t first = goes_back ? 1 : p->block_index + 1;
        uint32_t target = first + program_below(p, p->blocks.count - first);
        const program_block *block = &p->blocks.items[target];
        if (target <= p->block_index && !block->is_header) {
            continue;
        }
        if (block->has_exception && !is_exceptional) {
            continue;
        }
        return target;
    }
    return p->blocks.count - 1;
}

/* "%b3(args)"; some arguments are among the results of the instruction that ends the block. */
static void write_dest(program *p, program_buffer *out, uint32_t target,
                       const program_value *results, uint32_t result_count)
{
    const program_block *block = &p->blocks.items[target];
    program_write(out, "%%b%u(", target);
    for (uint32_t i = 0; i < block->param_count; i++) {
        uint32_t flags = block->params_may_dangle[i] ? PICK_DANGLING : 0;
        const program_value *result = NULL;
        for (uint32_t k = 0; k < result_count; k++) {
            if (results[k].type == block->params[i] && (flags || !results[k].may_dangle) &&
                program_chance(p, 70)) {
                result = &results[k];
            }
        }
        program_value value = {0};
        if (!result) {
            value = program_pick(p, block->params[i], flags);
            result = &value;
        }
        program_write(out, "%s%s", i ? " " : "", result->name);
    }
    program_write(out, ")");
}

/* ------------------------------------------------------------------------------- ends of blocks */

static void end_branch(program *p)
{
    program_buffer dest = {0};
    write_dest(p, &dest, random_target(p, false), NULL, 0);
    program_write(&p->body, "        BRANCH %s\n", dest.text);
    mu_free(dest.text);
}

static void end_branch2(program *p)
{
    program_value condition = program_pick(p, program_int_of(p, 1), 0);
    program_buffer yes = {0};
    program_buffer no = {0};
    write_dest(p, &yes, random_target(p, false), NULL, 0);
    write_dest(p, &no, random_target(p, false), NULL, 0);
    if (program_chance(p, 70)) {
        for (uint32_t tries = 0; tries < 30; tries++) {
            program_op op;
            if (!program_random_inst(p, &op, false)) {
                continue;
            }
            if (op.result_count == 1 && op.results[0] == program_int_of(p, 1)) {
                condition = program_emit(p, &op);
                break;
            }
            mu_free(op.text.text);
        }
    }
    program_write(&p->body, "        BRANCH2 %s %s %s\n", condition.name, yes.text, no.text);
    mu_free(yes.text);
    mu_free(no.text);
}

static void end_switch(program *p)
{
    const program_type *type = program_random_int(p);
    uint64_t limit = type->bits > 10 ? 1024 : 1u << type->bits;
    uint32_t count = program_below(p, program_chance(p, 20) ? 40 : 6);
    count = count > limit ? (uint32_t)limit : count;
    bool is_dense = program_chance(p, 50);
    uint64_t start = is_dense && type->bits > 8 ? program_random(p) >> program_below(p, 64) : 0;
    uint64_t stride = is_dense || type->bits < 32 ? 1 : program_random(p) | 1;
    bool is_spread = program_chance(p, 40);
    program_value value = program_pick(p, type, 0);
    if (program_chance(p, 60) && type->bits > 4) {
        program_op cut = {.results = {type}, .result_count = 1};
        program_write(&cut.text, "AND <@%s> %s %s", type->name, value.name,
                      program_int_constant(p, type, 7));
        program_value low = program_emit(p, &cut);
        program_op add = {.results = {type}, .result_count = 1};
        program_write(&add.text, "ADD <@%s> %s %s", type->name, low.name,
                      program_int_constant(p, type, start));
        value = program_emit(p, &add);
    }
    program_buffer cases = {0};
    write_dest(p, &cases, random_target(p, false), NULL, 0);
    program_write(&cases, " {\n");
    for (uint32_t i = 0; i < count; i++) {
        uint64_t low = start + i * stride;
        program_write(&cases, "            %s ",
                      type->bits > 64 && is_spread ? program_wide_constant(p, type, i % 3, low)
                                                   : program_int_constant(p, type, low));
        write_dest(p, &cases, random_target(p, false), NULL, 0);
        program_write(&cases, "\n");
    }
    program_write(&p->body, "        SWITCH <@%s> %s %s        }\n", type->name, value.name,
                  cases.text);
    mu_free(cases.text);
}

static void end_switch_function(program *p)
{
    const program_value *found = program_find(p, KIND_FUNCREF, 0);
    if (!found) {
        end_branch(p);
        return;
    }
    program_value value = *found;
    program_buffer cases = {0};
    write_dest(p, &cases, random_target(p, false), NULL, 0);
    program_write(&cases, " {\n");
    for (uint32_t i = 0; i < p->funcs.count; i++) {
        if (p->funcs.items[i].sig == value.type->sig) {
            program_write(&cases, "            @%s ", p->funcs.items[i].name);
            write_dest(p, &cases, random_target(p, false), NULL, 0);
            program_write(&cases, "\n");
        }
    }
    program_write(&cases, "            @z.%s ", value.type->name);
    write_dest(p, &cases, random_target(p, false), NULL, 0);
    program_write(&p->body, "        SWITCH <@%s> %s %s\n        }\n", value.type->name, value.name,
                  cases.text);
    mu_free(cases.text);
}

/* By NULL and the global cells of the type. */
static void end_switch_cell(program *p)
{
    const program_value *found = program_find(p, KIND_IREF, PICK_DANGLING);
    if (!found) {
        end_branch(p);
        return;
    }
    program_value value = *found;
    program_buffer cases = {0};
    write_dest(p, &cases, random_target(p, false), NULL, 0);
    program_write(&cases, " {\n");
    for (uint32_t i = 0; i < p->globals.count; i++) {
        if (p->globals.items[i].type == value.type->element) {
            program_write(&cases, "            @%s ", p->globals.items[i].name);
            write_dest(p, &cases, random_target(p, false), NULL, 0);
            program_write(&cases, "\n");
        }
    }
    program_write(&cases, "            @z.%s ", value.type->name);
    write_dest(p, &cases, random_target(p, false), NULL, 0);
    program_write(&p->body, "        SWITCH <@%s> %s %s\n        }\n", value.type->name, value.name,
                  cases.text);
    mu_free(cases.text);
}

static void end_return(program *p)
{
    const program_sig *sig = p->func->sig;
    program_buffer values = {0};
    program_write(&values, "%s", "");
    for (uint32_t i = 0; i < sig->result_count; i++) {
        program_write(&values, "%s%s", i ? " " : "", program_pick(p, sig->results[i], 0).name);
    }
    if (program_chance(p, 35)) {
        program_op trap = {.may_keep = true, .label = "t"};
        program_write(&trap.text, "TRAP <>");
        program_emit(p, &trap);
    }
    bool has_parens = sig->result_count != 1 || program_chance(p, 30);
    program_write(&p->body, has_parens ? "        RET (%s)\n" : "        RET %s\n", values.text);
    mu_free(values.text);
}

static bool has_same_results(const program_sig *a, const program_sig *b)
{
    if (a->result_count != b->result_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->result_count; i++) {
        if (a->results[i] != b->results[i]) {
            return false;
        }
    }
    return true;
}

static void end_tailcall(program *p)
{
    for (uint32_t tries = 0; tries < 6; tries++) {
        const program_func *func = &p->funcs.items[program_below(p, p->funcs.count)];
        bool may = !func->is_main && (func->is_checked || func > p->func);
        if (!may || p->is_quiet || !has_same_results(func->sig, p->func->sig)) {
            continue;
        }
        program_buffer text = {0};
        const char *callee = mu_arena_format(p->arena, "@%s", func->name);
        if (func->is_checked && program_chance(p, 40)) {
            callee = mu_arena_format(p->arena, "%s", program_pick(p, func->sig->funcref, 0).name);
        }
        program_write(&text, "        TAILCALL <@%s> %s (", func->sig->name, callee);
        for (uint32_t i = 0; i < func->sig->param_count; i++) {
            program_write(&text, "%s ", program_pick(p, func->sig->params[i], 0).name);
        }
        program_write(&p->body, "%s)\n", text.text);
        mu_free(text.text);
        return;
    }
    end_return(p);
}

static void end_throw(program *p)
{
    const program_value *found = program_find(p, KIND_REF, 0);
    program_value value = found ? *found : program_pick(p, program_ref_to(p, program_void(p)), 0);
    program_write(&p->body, "        THROW %s\n", value.name);
}

/* An instruction with an exception clause. */
static void end_throwing(program *p)
{
    program_op op;
    while (!program_random_inst(p, &op, true)) {
    }
    if (!op.may_throw) {
        mu_free(op.text.text);
        end_branch(p);
        return;
    }
    program_buffer clauses = {0};
    program_value results[40] = {0};
    uint32_t first = p->name_count;
    for (uint32_t i = 0; i < op.result_count; i++) {
        results[i] = (program_value){.type = op.results[i],
                                     .may_dangle = op.may_dangle && op.results[i]->has_iref};
        snprintf(results[i].name, sizeof results[i].name, "%%v%u.%s", first + i,
                 op.results[i]->name);
    }
    p->name_count += op.result_count;
    program_write(&clauses, " EXC(");
    write_dest(p, &clauses, random_target(p, false), results, op.result_count);
    program_write(&clauses, " ");
    write_dest(p, &clauses, random_target(p, true), NULL, 0);
    program_write(&clauses, ")");
    if (op.may_keep) {
        program_keepalives(p, &clauses);
    }
    uint32_t after = p->name_count;
    p->name_count = first; /* the results get the names that the destinations use */
    uint64_t random = p->random;
    program_emit_with(p, &op, clauses.text, results);
    p->random = random;
    p->name_count = after + 1;
    mu_free(clauses.text);
}

/* Ids of engine_watchpoint, and 0, which always traps. */
static const char *random_watchpoint(program *p, bool may_be_trap)
{
    static const char *const ids[] = {"1", "2", "3", "65", "129", "4000000001", "1", "65", "0"};
    return ids[program_below(p, may_be_trap ? 9 : 8)];
}

static void end_wpbranch(program *p)
{
    program_buffer dests = {0};
    write_dest(p, &dests, random_target(p, false), NULL, 0);
    program_write(&dests, " ");
    write_dest(p, &dests, random_target(p, false), NULL, 0);
    program_write(&p->body, "        WPBRANCH %s %s\n", random_watchpoint(p, false), dests.text);
    mu_free(dests.text);
}

/* As end_throwing: the enabled destination may use the results. */
static void end_watchpoint(program *p)
{
    program_op op = {.label = "w"};
    program_buffer clauses = {0};
    program_value results[40] = {0};
    uint32_t first = p->name_count;
    op.result_count = program_below(p, program_chance(p, 20) ? 14 : 4);
    program_write(&op.text, "WATCHPOINT %s <", random_watchpoint(p, true));
    for (uint32_t i = 0; i < op.result_count; i++) {
        op.results[i] = program_random_value_type(p);
        program_write(&op.text, "%s@%s", i ? " " : "", op.results[i]->name);
        results[i] = (program_value){.type = op.results[i]};
        snprintf(results[i].name, sizeof results[i].name, "%%v%u.%s", first + i,
                 op.results[i]->name);
    }
    program_write(&op.text, ">");
    p->name_count += op.result_count;
    program_write(&clauses, " ");
    write_dest(p, &clauses, random_target(p, false), NULL, 0);
    program_write(&clauses, " ");
    write_dest(p, &clauses, random_target(p, false), results, op.result_count);
    if (program_chance(p, 60)) {
        program_write(&clauses, " WPEXC(");
        write_dest(p, &clauses, random_target(p, true), NULL, 0);
        program_write(&clauses, ")");
    }
    program_keepalives(p, &clauses);
    uint32_t after = p->name_count;
    p->name_count = first; /* the results get the names that the destination uses */
    program_emit_with(p, &op, clauses.text, results);
    p->name_count = after + 1;
    mu_free(clauses.text);
}

static void end_block(program *p)
{
    uint32_t dice = program_below(p, 100);
    if (dice < 8) {
        end_branch(p);
    } else if (dice < 12) {
        end_wpbranch(p);
    } else if (dice < 18) {
        end_watchpoint(p);
    } else if (dice < 45) {
        end_branch2(p);
    } else if (dice < 54) {
        end_switch(p);
    } else if (dice < 57) {
        end_switch_function(p);
    } else if (dice < 59) {
        end_switch_cell(p);
    } else if (dice < 80) {
        end_throwing(p);
    } else if (dice < 90) {
        end_return(p);
    } else if (dice < 95) {
        end_tailcall(p);
    } else if (dice < 99 || p->has_threads) {
        end_throw(p);
    } else {
        program_write(&p->body, "        COMMINST @uvm.thread_exit\n");
    }
}

/* -------------------------------------------------------------------------------------- blocks */

static void plan_block(program *p, uint32_t index, uint32_t count)
{
    program_block block = {0};
    const program_sig *sig = p->func->sig;
    uint32_t wanted = index == 0              ? sig->param_count
                      : index == count - 1    ? 0
                      : program_chance(p, 15) ? program_below(p, 31)
                                              : program_below(p, 9);
    block.params = MU_ARENA_ARRAY(p->arena, const program_type *, wanted + 1);
    block.params_may_dangle = MU_ARENA_ARRAY(p->arena, bool, wanted + 1);
    for (uint32_t i = 0; i < wanted; i++) {
        const program_type *type;
        if (index == 0) {
            type = sig->params[i];
        } else if (p->blocks.items[index - 1].param_count && program_chance(p, 60)) {
            const program_block *before = &p->blocks.items[index - 1];
            type = before->params[program_below(p, before->param_count)];
        } else {
            type = program_random_value_type(p);
        }
        block.params[i] = type;
        block.params_may_dangle[i] = type->has_iref && (index == 0 || program_chance(p, 60));
    }
    block.param_count = wanted;
    bool is_inner = index > 0 && index + 1 < count;
    block.has_exception = is_inner && program_chance(p, 20);
    block.is_header = is_inner && program_chance(p, 35);
    MU_ARRAY_PUSH(&p->blocks, block);
}

static void write_label(program *p, const program_block *block)
{
    p->values.count = 0;
    program_write(&p->body, "    %%b%u(", p->block_index);
    for (uint32_t i = 0; i < block->param_count; i++) {
        program_value value = {.type = block->params[i], .may_dangle = block->params_may_dangle[i]};
        snprintf(value.name, sizeof value.name, "%%v%u.%s", p->name_count++, value.type->name);
        program_write(&p->body, "%s<@%s> %s", i ? " " : "", value.type->name, value.name);
        MU_ARRAY_PUSH(&p->values, value);
    }
    program_write(&p->body, ")");
    if (block->has_exception) {
        program_value value = {.type = program_ref_to(p, program_void(p))};
        snprintf(value.name, sizeof value.name, "%%v%u.rvoid", p->name_count++);
        program_write(&p->body, " [%s]", value.name);
        MU_ARRAY_PUSH(&p->values, value);
    }
    program_write(&p->body, ":\n");
}

static void write_insts(program *p, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        program_op op;
        if (program_random_inst(p, &op, false)) {
            program_emit(p, &op);
        }
    }
}

/* What a program does first: fuel, and values for its cells. */
static void write_start(program *p)
{
    program_write(&p->body, "        STORE <@i64> @fuel %s\n",
                  program_int_constant(p, program_int_of(p, 64), 5 + program_below(p, 60)));
    program_start_common(p);
    for (uint32_t i = 0; i < p->globals.count; i++) {
        const program_global *global = &p->globals.items[i];
        if (program_chance(p, 60) && !global->type->has_tagref) {
            program_write(&p->body, "        STORE <@%s> @%s %s\n", global->type->name,
                          global->name, program_constant(p, global->type));
        }
    }
}

/* A block that may end the function for want of fuel. */
static void end_with_fuel(program *p)
{
    uint32_t last = p->blocks.count - 1;
    uint32_t target = last;
    for (uint32_t tries = 0; tries < 6; tries++) {
        target = p->block_index + 1 + program_below(p, last - p->block_index);
        if (!p->blocks.items[target].has_exception) {
            break;
        }
        target = last;
    }
    program_buffer dest = {0};
    write_dest(p, &dest, target, NULL, 0);
    const char *condition = write_fuel(p);
    program_write(&p->body, "        BRANCH2 %s %s %%b%u()\n", condition, dest.text, last);
    mu_free(dest.text);
}

static void write_block(program *p)
{
    const program_block *block = &p->blocks.items[p->block_index];
    bool is_last = p->block_index + 1 == p->blocks.count;
    write_label(p, block);
    bool is_gate = (p->block_index == 0 && p->func->is_checked) || block->is_header;
    p->is_quiet = is_gate;
    if (p->block_index == 0 && p->func->is_main) {
        write_start(p);
    }
    if (is_last) {
        p->is_quiet = true;
        end_return(p);
        return;
    }
    p->flavour = program_chance(p, 50) ? 0 : program_below(p, 6);
    uint32_t count = program_chance(p, 10) ? 70 : program_chance(p, 30) ? 20 : 8;
    write_insts(p, program_below(p, count));
    if (is_gate) {
        end_with_fuel(p);
    } else {
        end_block(p);
    }
}

void program_make_function(program *p, uint32_t index)
{
    p->func = &p->funcs.items[index];
    p->func_index = index;
    if (p->func->is_declared) {
        program_write(&p->body, ".funcdecl @%s <@%s>\n", p->func->name, p->func->sig->name);
        return;
    }
    p->blocks.count = 0;
    uint32_t count = 2 + program_below(p, program_chance(p, 30) ? 14 : 6);
    for (uint32_t i = 0; i < count; i++) {
        plan_block(p, i, count);
    }
    program_write(&p->body, ".funcdef @%s VERSION %%v1 <@%s> {\n", p->func->name,
                  p->func->sig->name);
    for (p->block_index = 0; p->block_index < count; p->block_index++) {
        write_block(p);
    }
    program_write(&p->body, "}\n");
}
