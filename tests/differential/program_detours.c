/* Calls of functions on detours: by way of C, in a thread of their own, on a stack whose frame they
 * replace. For each a few functions are written, once for each callee; values of every type so pass
 * by all the ways that there are, and the collector finds them there. */
#include "program_text.h"

#include <stdio.h>

void program_write_types_of(program_buffer *out, const program_type **types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        program_write(out, "%s@%s", i ? " " : "", types[i]->name);
    }
}

void program_write_params(program_buffer *out, const program_type **types, uint32_t count,
                          char letter)
{
    for (uint32_t i = 0; i < count; i++) {
        program_write(out, " <@%s> %%%c%u.%s", types[i]->name, letter, i, types[i]->name);
    }
}

void program_write_names(program_buffer *out, const program_type **types, uint32_t count,
                         char letter)
{
    for (uint32_t i = 0; i < count; i++) {
        program_write(out, " %%%c%u.%s", letter, i, types[i]->name);
    }
}

const char *program_detour(program *p, program_func *func)
{
    if (p->has_threads && program_chance(p, 20)) {
        func->by_thread = true;
        return mu_arena_format(p->arena, "@by_thread.%s", func->name);
    }
    if (program_chance(p, 8)) {
        func->by_frame = true;
        return mu_arena_format(p->arena, "@by_frame.%s", func->name);
    }
    return mu_arena_format(p->arena, "@%s", func->name);
}

/* ----------------------------------------------------------------------------------- through C */

/* What is exposed: the function, or one that catches what it throws, which no C frame lets pass. */
static const char *exposed_name(program *p, program_func *func)
{
    bool catches = p->has_threads || program_chance(p, 60);
    func->by_c = func->by_c || !catches;
    func->by_c_caught = func->by_c_caught || catches;
    return mu_arena_format(p->arena, "%s%s", catches ? "caught." : "", func->name);
}

void program_call_by_c(program *p, program_func *func, program_op *op)
{
    const program_sig *sig = func->sig;
    const char *name = exposed_name(p, func);
    program_buffer arguments = program_arguments(p, sig);
    program_write(&op->text, "CCALL #DEFAULT <@%s @%s> @x.%s (%s)", sig->ufuncptr->name, sig->name,
                  name, arguments.text);
    mu_free(arguments.text);
}

bool program_expose_inst(program *p, program_op *op)
{
    program_func *func = &p->funcs.items[program_below(p, p->funcs.count)];
    const program_sig *sig = func->sig;
    if (!p->has_pointers || p->is_quiet || !sig->ufuncptr || !program_may_call(p, func)) {
        return false;
    }
    const char *name = exposed_name(p, func);
    const char *pointer = mu_arena_format(p->arena, "%%x%u.exposed", p->name_count++);
    program_value cookie = program_pick(p, program_int_of(p, 64), 0);
    program_buffer arguments = program_arguments(p, sig);
    program_write(&p->body,
                  "        %s = COMMINST @uvm.native.expose [#DEFAULT] <[@%s]> (@%s %s)\n", pointer,
                  sig->name, name, cookie.name);
    program_op call = {.result_count = sig->result_count, .may_keep = true, .label = "c"};
    call.results[0] = sig->result_count ? sig->results[0] : NULL;
    program_write(&call.text, "CCALL #DEFAULT <@%s @%s> %s (%s)", sig->ufuncptr->name, sig->name,
                  pointer, arguments.text);
    mu_free(arguments.text);
    program_emit(p, &call);
    program_write(&op->text, "COMMINST @uvm.native.unexpose [#DEFAULT] (%s)", pointer);
    return true;
}

static void write_catcher(program *p, const program_func *func)
{
    const program_sig *sig = func->sig;
    program_buffer *out = &p->body;
    program_write(out, ".funcdef @caught.%s VERSION %%v1 <@%s> {\n    %%entry(", func->name,
                  sig->name);
    program_write_params(out, sig->params, sig->param_count, 'a');
    program_write(out, "):\n        (");
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ") = CALL <@%s> @%s (", sig->name, func->name);
    program_write_names(out, sig->params, sig->param_count, 'a');
    program_write(out, ") EXC(%%back(");
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ") %%thrown())\n    %%back(");
    program_write_params(out, sig->results, sig->result_count, 'q');
    program_write(out, "):\n        RET (");
    program_write_names(out, sig->results, sig->result_count, 'q');
    program_write(out, ")\n    %%thrown() [%%x.rvoid]:\n        RET (");
    for (uint32_t i = 0; i < sig->result_count; i++) {
        program_write(out, " @z.%s", sig->results[i]->name);
    }
    program_write(out, ")\n}\n");
}

static void write_exposed(program *p, const program_func *func, uint32_t number)
{
    program_buffer *out = &p->body;
    if (func->by_c) {
        program_write(out,
                      ".const @cookie.%s <@i64> = %u\n.expose @x.%s = @%s #DEFAULT @cookie.%s\n",
                      func->name, number + 7, func->name, func->name, func->name);
    }
    if (func->by_c_caught) {
        write_catcher(p, func);
        program_write(out,
                      ".const @cookie.caught.%s <@i64> = -%u\n"
                      ".expose @x.caught.%s = @caught.%s #DEFAULT @cookie.caught.%s\n",
                      func->name, number + 7, func->name, func->name, func->name);
    }
}

/* ---------------------------------------------------------------------------------- in a thread */

/* The thread puts into the box what came of the call, and wakes who waits for that. */
static void write_thread_bottom(program *p, const program_func *func)
{
    const program_sig *sig = func->sig;
    const char *box = mu_arena_format(p->arena, "box.%s", func->name);
    program_buffer *out = &p->body;
    program_write(out, ".typedef @%s = struct<@i64 @rvoid%s", box, sig->result_count ? " " : "");
    program_write_types_of(out, sig->results, sig->result_count);
    program_write(out, ">\n.typedef @r%s = ref<@%s>\n.typedef @p%s = iref<@%s>\n", box, box, box,
                  box);
    program_write(out, ".funcsig @th.%s = (@r%s%s", func->name, box, sig->param_count ? " " : "");
    program_write_types_of(out, sig->params, sig->param_count);
    program_write(out,
                  ") -> ()\n.funcdef @in_thread.%s VERSION %%v1 <@th.%s> {\n    "
                  "%%entry(<@r%s> %%box",
                  func->name, func->name, box);
    program_write_params(out, sig->params, sig->param_count, 'a');
    program_write(out, "):\n        (");
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ") = CALL <@%s> @%s (", sig->name, func->name);
    program_write_names(out, sig->params, sig->param_count, 'a');
    program_write(out, ") EXC(%%back(%%box");
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ") %%thrown(%%box))\n    %%back(<@r%s> %%box", box);
    program_write_params(out, sig->results, sig->result_count, 'q');
    program_write(out, "):\n        %%i = GETIREF <@%s> %%box\n", box);
    for (uint32_t i = 0; i < sig->result_count; i++) {
        const char *type = sig->results[i]->name;
        program_write(out,
                      "        %%i%u = GETFIELDIREF <@%s %u> %%i\n"
                      "        STORE <@%s> %%i%u %%q%u.%s\n",
                      i, box, i + 2, type, i, i, type);
    }
    program_write(out,
                  "        BRANCH %%end(%%i @one)\n"
                  "    %%thrown(<@r%s> %%box) [%%x.rvoid]:\n        %%i = GETIREF <@%s> %%box\n"
                  "        %%e = GETFIELDIREF <@%s 1> %%i\n        STORE <@rvoid> %%e %%x.rvoid\n"
                  "        BRANCH %%end(%%i @two)\n"
                  "    %%end(<@p%s> %%i <@i64> %%how.i64):\n"
                  "        %%f = GETFIELDIREF <@%s 0> %%i\n"
                  "        STORE SEQ_CST <@i64> %%f %%how.i64\n"
                  "        %%n.i32 = COMMINST @uvm.futex.wake <@i64> (%%f @one32)\n"
                  "        COMMINST @uvm.thread_exit\n}\n",
                  box, box, box, box, box);
}

static void write_thread_call(program *p, const program_func *func)
{
    const program_sig *sig = func->sig;
    const char *box = mu_arena_format(p->arena, "box.%s", func->name);
    program_buffer *out = &p->body;
    program_write(out, ".funcdef @by_thread.%s VERSION %%v1 <@%s> {\n    %%entry(", func->name,
                  sig->name);
    program_write_params(out, sig->params, sig->param_count, 'a');
    program_write(out,
                  "):\n        %%box = NEW <@%s>\n        %%old.rvoid = COMMINST "
                  "@uvm.get_threadlocal\n        %%s.sr = COMMINST @uvm.new_stack <[@th.%s]> "
                  "(@in_thread.%s)\n        %%t.tr = [%%made] NEWTHREAD %%s.sr "
                  "THREADLOCAL(%%old.rvoid) PASS_VALUES <@r%s%s",
                  box, func->name, func->name, box, sig->param_count ? " " : "");
    program_write_types_of(out, sig->params, sig->param_count);
    program_write(out, "> (%%box");
    program_write_names(out, sig->params, sig->param_count, 'a');
    program_write(out,
                  ") EXC(%%look(%%box) %%failed())\n"
                  "    %%failed() [%%x.rvoid]:\n        THROW %%x.rvoid\n"
                  "    %%look(<@r%s> %%box):\n        %%i = GETIREF <@%s> %%box\n"
                  "        %%f = GETFIELDIREF <@%s 0> %%i\n"
                  "        %%how.i64 = LOAD SEQ_CST <@i64> %%f\n"
                  "        %%is_over.i1 = NE <@i64> %%how.i64 @z.i64\n"
                  "        BRANCH2 %%is_over.i1 %%over(%%i %%how.i64) %%wait(%%box %%f)\n"
                  "    %%wait(<@r%s> %%box <@pi64> %%f):\n"
                  "        %%w.i32 = COMMINST @uvm.futex.wait <@i64> (%%f @z.i64)\n"
                  "        BRANCH %%look(%%box)\n"
                  "    %%over(<@p%s> %%i <@i64> %%how.i64):\n"
                  "        %%is_good.i1 = EQ <@i64> %%how.i64 @one\n"
                  "        BRANCH2 %%is_good.i1 %%back(%%i) %%thrown(%%i)\n"
                  "    %%thrown(<@p%s> %%i):\n        %%e = GETFIELDIREF <@%s 1> %%i\n"
                  "        %%y.rvoid = LOAD <@rvoid> %%e\n        THROW %%y.rvoid\n"
                  "    %%back(<@p%s> %%i):\n",
                  box, box, box, box, box, box, box, box);
    for (uint32_t i = 0; i < sig->result_count; i++) {
        const char *type = sig->results[i]->name;
        program_write(out,
                      "        %%i%u = GETFIELDIREF <@%s %u> %%i\n"
                      "        %%q%u.%s = LOAD <@%s> %%i%u\n",
                      i, box, i + 2, i, type, type, i);
    }
    program_write(out, "        RET (");
    program_write_names(out, sig->results, sig->result_count, 'q');
    program_write(out, ")\n}\n");
}

/* ----------------------------------------------------------------------- by a frame's replacement
 */

/* A stack gets two frames; the upper one is popped and the function pushed in its place. */
static void write_frame_call(program *p, const program_func *func)
{
    const program_sig *sig = func->sig;
    program_buffer *out = &p->body;
    const char *name = func->name;
    program_write(out, ".funcsig @osr.%s = (@sr) -> (", name);
    program_write_types_of(out, sig->results, sig->result_count);
    program_write(out,
                  ")\n.funcdef @osr_upper.%s VERSION %%v1 <@osr.%s> {\n    %%entry(<@sr> "
                  "%%from.sr):\n        [%%popped] SWAPSTACK %%from.sr RET_WITH <> PASS_VALUES <> "
                  "() KEEPALIVE(%%from.sr)\n        THROW @z.rvoid\n}\n"
                  ".funcdef @osr_lower.%s VERSION %%v1 <@osr_sig> {\n    %%entry(<@sr> "
                  "%%from.sr):\n        (",
                  name, name, name);
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ") = CALL <@osr.%s> @osr_upper.%s (%%from.sr) EXC(%%back(%%from.sr", name,
                  name);
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ") %%thrown(%%from.sr))\n    %%back(<@sr> %%from.sr");
    program_write_params(out, sig->results, sig->result_count, 'q');
    program_write(out, "):\n        SWAPSTACK %%from.sr KILL_OLD PASS_VALUES <");
    program_write_types_of(out, sig->results, sig->result_count);
    program_write(out, "> (");
    program_write_names(out, sig->results, sig->result_count, 'q');
    program_write(out,
                  ")\n    %%thrown(<@sr> %%from.sr) [%%x.rvoid]:\n        SWAPSTACK %%from.sr "
                  "KILL_OLD THROW_EXC %%x.rvoid\n}\n"
                  ".funcdef @by_frame.%s VERSION %%v1 <@%s> {\n    %%entry(",
                  name, sig->name);
    program_write_params(out, sig->params, sig->param_count, 'a');
    program_write(out,
                  "):\n        %%me.sr = COMMINST @uvm.current_stack\n        %%s.sr = COMMINST "
                  "@uvm.new_stack <[@osr_sig]> (@osr_lower.%s)\n        SWAPSTACK %%s.sr RET_WITH "
                  "<> PASS_VALUES <@sr> (%%me.sr)\n        %%c.fc = COMMINST @uvm.meta.new_cursor "
                  "(%%s.sr)\n        COMMINST @uvm.meta.next_frame (%%c.fc)\n        COMMINST "
                  "@uvm.meta.pop_frames_to (%%c.fc)\n        COMMINST @uvm.meta.close_cursor "
                  "(%%c.fc)\n        COMMINST @uvm.meta.push_frame <[@%s]> (%%s.sr @%s)\n        (",
                  name, sig->name, name);
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ") = [%%c] SWAPSTACK %%s.sr RET_WITH <");
    program_write_types_of(out, sig->results, sig->result_count);
    program_write(out, "> PASS_VALUES <");
    program_write_types_of(out, sig->params, sig->param_count);
    program_write(out, "> (");
    program_write_names(out, sig->params, sig->param_count, 'a');
    program_write(out, ")\n        RET (");
    program_write_names(out, sig->results, sig->result_count, 'r');
    program_write(out, ")\n}\n");
}

void program_write_detours(program *p)
{
    program_write(&p->body, ".funcsig @osr_sig = (@sr) -> ()\n.const @one32 <@i32> = 1\n"
                            ".const @two <@i64> = 2\n");
    program_iref_to(p, program_int_of(p, 64));
    for (uint32_t i = 0; i < p->funcs.count; i++) {
        const program_func *func = &p->funcs.items[i];
        write_exposed(p, func, i);
        if (func->by_thread) {
            write_thread_bottom(p, func);
            write_thread_call(p, func);
        }
        if (func->by_frame) {
            write_frame_call(p, func);
        }
    }
}
