/* Calls on a stack of their own: the bottom function gets the caller's stack and the arguments, and
 * swaps back with the results or with what was thrown. So every kind of value crosses stacks, and
 * the collector finds the frames of parked ones. */
#include "program_text.h"

static void write_types(program_buffer *out, const program_type **types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        program_write(out, "%s@%s", i ? " " : "", types[i]->name);
    }
}

void program_call_on_stack(program *p, const program_func *func, program_op *op)
{
    const program_sig *sig = func->sig;
    program_op me = {.results = {p->stackref}, .result_count = 1};
    program_write(&me.text, "COMMINST @uvm.current_stack");
    program_value here = program_emit(p, &me);
    program_op made = {.results = {p->stackref}, .result_count = 1};
    program_write(&made.text, "COMMINST @uvm.new_stack <[@co.%s]> (@on_stack.%s)", sig->name,
                  func->name);
    program_value there = program_emit(p, &made);
    program_buffer arguments = {0};
    for (uint32_t i = 0; i < sig->param_count; i++) {
        program_write(&arguments, " %s", program_pick(p, sig->params[i], PICK_DANGLING).name);
    }
    program_write(&op->text, "SWAPSTACK %s RET_WITH <", there.name);
    write_types(&op->text, sig->results, sig->result_count);
    program_write(&op->text, "> PASS_VALUES <@sr%s", sig->param_count ? " " : "");
    write_types(&op->text, sig->params, sig->param_count);
    program_write(&op->text, "> (%s%s)", here.name, arguments.text ? arguments.text : "");
    mu_free(arguments.text);
}

static void write_bottom(program *p, const program_func *func)
{
    const program_sig *sig = func->sig;
    program_buffer *out = &p->body;
    program_write(out, ".funcdef @on_stack.%s VERSION %%v1 <@co.%s> {\n    %%entry(<@sr> %%from.sr",
                  func->name, sig->name);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        program_write(out, " <@%s> %%a%u.%s", sig->params[i]->name, i, sig->params[i]->name);
    }
    program_write(out, "):\n        (");
    for (uint32_t i = 0; i < sig->result_count; i++) {
        program_write(out, " %%r%u.%s", i, sig->results[i]->name);
    }
    program_write(out, ") = CALL <@%s> @%s (", sig->name, func->name);
    for (uint32_t i = 0; i < sig->param_count; i++) {
        program_write(out, " %%a%u.%s", i, sig->params[i]->name);
    }
    program_write(out, ") EXC(%%back(%%from.sr");
    for (uint32_t i = 0; i < sig->result_count; i++) {
        program_write(out, " %%r%u.%s", i, sig->results[i]->name);
    }
    program_write(out, ") %%thrown(%%from.sr))\n    %%back(<@sr> %%from.sr");
    for (uint32_t i = 0; i < sig->result_count; i++) {
        program_write(out, " <@%s> %%q%u.%s", sig->results[i]->name, i, sig->results[i]->name);
    }
    program_write(out, "):\n        SWAPSTACK %%from.sr KILL_OLD PASS_VALUES <");
    write_types(out, sig->results, sig->result_count);
    program_write(out, "> (");
    for (uint32_t i = 0; i < sig->result_count; i++) {
        program_write(out, " %%q%u.%s", i, sig->results[i]->name);
    }
    program_write(out, ")\n    %%thrown(<@sr> %%from.sr) [%%exc]:\n"
                       "        SWAPSTACK %%from.sr KILL_OLD THROW_EXC %%exc\n}\n");
}

void program_write_stack_bottoms(program *p)
{
    for (uint32_t i = 0; i < p->sigs.count; i++) {
        const program_sig *sig = p->sigs.items[i];
        if (sig->funcref) {
            program_write(&p->body, ".funcsig @co.%s = (@sr%s", sig->name,
                          sig->param_count ? " " : "");
            write_types(&p->body, sig->params, sig->param_count);
            program_write(&p->body, ") -> ()\n");
        }
    }
    for (uint32_t i = 0; i < p->funcs.count; i++) {
        if (!p->funcs.items[i].is_main) {
            write_bottom(p, &p->funcs.items[i]);
        }
    }
}
