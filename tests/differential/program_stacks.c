/* Calls on a stack of their own: the bottom function gets the caller's stack and the arguments, and
 * swaps back with the results or with what was thrown. So every kind of value crosses stacks, and
 * the collector finds the frames of parked ones. */
#include "program_text.h"

void program_call_on_stack(program *p, program_func *func, program_op *op)
{
    const program_sig *sig = func->sig;
    func->by_stack = true;
    program_op me = {.results = {p->stackref}, .result_count = 1};
    program_write(&me.text, "COMMINST @uvm.current_stack");
    program_value here = program_emit(p, &me);
    program_op made = {.results = {p->stackref}, .result_count = 1};
    program_write(&made.text, "COMMINST @uvm.new_stack <[@co.%s]> (@on_stack.%s)", sig->name,
                  func->name);
    program_value there = program_emit(p, &made);
    program_buffer arguments = program_arguments(p, sig);
    program_write(&op->text, "SWAPSTACK %s RET_WITH <", there.name);
    program_write_types_of(&op->text, sig->results, sig->result_count);
    program_write(&op->text, "> PASS_VALUES <@sr%s", sig->param_count ? " " : "");
    program_write_types_of(&op->text, sig->params, sig->param_count);
    program_write(&op->text, "> (%s%s)", here.name, arguments.text);
    mu_free(arguments.text);
}

/* Looks at all frames of a stack: what they run and how much they keep alive goes to a cell. */
static const char walk[] = ".funcsig @walk.sig = (@sr) -> ()\n"
                           ".funcsig @step.sig = (@fc) -> ()\n"
                           ".funcsig @add.sig = (@i32) -> ()\n"
                           ".const @walk.by <@i64> = 31\n"
                           ".funcdef @walk.add VERSION %v1 <@add.sig> {\n"
                           "    %entry(<@i32> %n.i32):\n"
                           "        %a.i64 = LOAD <@i64> @walked\n"
                           "        %b.i64 = MUL <@i64> %a.i64 @walk.by\n"
                           "        %c.i64 = ZEXT <@i32 @i64> %n.i32\n"
                           "        %d.i64 = ADD <@i64> %b.i64 %c.i64\n"
                           "        STORE <@i64> @walked %d.i64\n"
                           "        RET ()\n"
                           "}\n"
                           ".funcdef @walk.step VERSION %v1 <@step.sig> {\n"
                           "    %entry(<@fc> %c.fc):\n"
                           "        COMMINST @uvm.meta.next_frame (%c.fc)\n"
                           "        RET ()\n"
                           "}\n"
                           ".funcdef @walk VERSION %v1 <@walk.sig> {\n"
                           "    %entry(<@sr> %s.sr):\n"
                           "        %c.fc = COMMINST @uvm.meta.new_cursor (%s.sr)\n"
                           "        BRANCH %frame(%c.fc)\n"
                           "    %frame(<@fc> %d.fc):\n"
                           "        %f.i32 = COMMINST @uvm.meta.cur_func (%d.fc)\n"
                           "        CALL <@add.sig> @walk.add (%f.i32)\n"
                           "        %g.i32 = COMMINST @uvm.meta.cur_func_ver (%d.fc)\n"
                           "        CALL <@add.sig> @walk.add (%g.i32)\n"
                           "        %h.i32 = COMMINST @uvm.meta.cur_inst (%d.fc)\n"
                           "        CALL <@add.sig> @walk.add (%h.i32)\n"
                           "        %k.refs = COMMINST @uvm.meta.dump_keepalives (%d.fc)\n"
                           "        %ki.refs = GETIREF <@uvm.meta.refs> %k.refs\n"
                           "        %kf.refs = GETFIELDIREF <@uvm.meta.refs 0> %ki.refs\n"
                           "        %n.i64 = LOAD <@i64> %kf.refs\n"
                           "        %m.i32 = TRUNC <@i64 @i32> %n.i64\n"
                           "        CALL <@add.sig> @walk.add (%m.i32)\n"
                           "        %e.fc = COMMINST @uvm.meta.copy_cursor (%d.fc)\n"
                           "        COMMINST @uvm.meta.close_cursor (%d.fc)\n"
                           "        CALL <@step.sig> @walk.step (%e.fc) EXC(%frame(%e.fc) %end())\n"
                           "    %end() [%x.rvoid]:\n"
                           "        RET ()\n"
                           "}\n";

static void write_bottom(program *p, const program_func *func)
{
    const program_sig *sig = func->sig;
    program_buffer *out = &p->body;
    program_write(out, ".funcdef @on_stack.%s VERSION %%v1 <@co.%s> {\n    %%entry(<@sr> %%from.sr",
                  func->name, sig->name);
    program_write_params(out, sig->params, sig->param_count, 'a');
    program_write(out, "):\n");
    if (p->walks_stacks) {
        program_write(out, "        CALL <@walk.sig> @walk (%%from.sr)\n");
    }
    program_write(out, "        (");
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ") = CALL <@%s> @%s (", sig->name, func->name);
    program_write_names(out, sig->params, sig->param_count, 'a');
    program_write(out, ") EXC(%%back(%%from.sr");
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ") %%thrown(%%from.sr))\n    %%back(<@sr> %%from.sr");
    program_write_params(out, sig->results, sig->result_count, 'q');
    program_write(out, "):\n        SWAPSTACK %%from.sr KILL_OLD PASS_VALUES <");
    program_write_types_of(out, sig->results, sig->result_count);
    program_write(out, "> (");
    program_write_names(out, sig->results, sig->result_count, 'q');
    program_write(out, ")\n    %%thrown(<@sr> %%from.sr) [%%exc]:\n"
                       "        SWAPSTACK %%from.sr KILL_OLD THROW_EXC %%exc\n}\n");
}

void program_write_stack_bottoms(program *p)
{
    if (p->walks_stacks) {
        program_write(&p->body, "%s", walk);
    }
    for (uint32_t i = 0; i < p->sigs.count; i++) {
        const program_sig *sig = p->sigs.items[i];
        if (sig->funcref) {
            program_write(&p->body, ".funcsig @co.%s = (@sr%s", sig->name,
                          sig->param_count ? " " : "");
            program_write_types_of(&p->body, sig->params, sig->param_count);
            program_write(&p->body, ") -> ()\n");
        }
    }
    for (uint32_t i = 0; i < p->funcs.count; i++) {
        if (p->funcs.items[i].by_stack) {
            write_bottom(p, &p->funcs.items[i]);
        }
    }
}
