/* Common instructions whose results are defined: thread-local references, futexes that nobody waits
 * at, ids and names, watchpoints, stacks that never run and cursors on them; and weak references,
 * to what a strong one beside them keeps alive. */
#include "program_text.h"

#include <stdio.h>

static void one_result(program_op *op, const program_type *type)
{
    op->results[0] = type;
    op->result_count = 1;
}

static const program_type *ref_void(program *p)
{
    return program_ref_to(p, program_void(p));
}

/* ----------------------------------------------------------------------------- threads, futexes */

static bool make_threadlocal(program *p, program_op *op)
{
    if (program_chance(p, 50)) {
        program_write(&op->text, "COMMINST @uvm.get_threadlocal");
        one_result(op, ref_void(p));
        return true;
    }
    program_write(&op->text, "COMMINST @uvm.set_threadlocal (%s)",
                  program_pick(p, ref_void(p), 0).name);
    return true;
}

/* No wait begins: the value is another, or the time is over at once. */
static void write_wait(program *p, program_op *op, const program_type *type,
                       const program_value *place)
{
    if (program_chance(p, 50)) {
        program_write(&op->text, "COMMINST @uvm.futex.wait_timeout <@%s> (%s %s @z.i64)",
                      type->name, place->name, program_pick(p, type, 0).name);
        return;
    }
    program_op load = {.results = {type}, .result_count = 1};
    program_write(&load.text, "LOAD <@%s> %s", type->name, place->name);
    program_value held = program_emit(p, &load);
    program_op change = {.results = {type}, .result_count = 1};
    program_write(&change.text, "XOR <@%s> %s %s", type->name, held.name,
                  program_int_constant(p, type, 1));
    program_write(&op->text, "COMMINST @uvm.futex.wait <@%s> (%s %s)", type->name, place->name,
                  program_emit(p, &change).name);
}

static bool make_futex(program *p, program_op *op)
{
    const program_type *type = program_random_int(p);
    if (type->bits > 64) {
        return false;
    }
    uint32_t flags = PICK_DANGLING | (program_chance(p, 95) ? PICK_NOT_NULL : 0);
    program_value place = program_pick(p, program_iref_to(p, type), flags);
    const program_type *count = program_int_of(p, 32);
    uint32_t dice = program_below(p, 4);
    if (dice < 2) {
        write_wait(p, op, type, &place);
    } else if (dice == 2) {
        program_write(&op->text, "COMMINST @uvm.futex.wake <@%s> (%s %s)", type->name, place.name,
                      program_pick(p, count, 0).name);
    } else {
        program_value other = program_pick(p, program_iref_to(p, type), flags);
        program_value expected = program_pick(p, type, 0);
        program_write(&op->text, "COMMINST @uvm.futex.cmp_requeue <@%s> (%s %s %s %s)", type->name,
                      place.name, other.name, expected.name, program_pick(p, count, 0).name);
    }
    one_result(op, count);
    return true;
}

/* ------------------------------------------------------------------------------- ids and traps */

/* From an id to a name and back, or to the length of the name. Types come first, and have names. */
static bool make_name(program *p, program_op *op)
{
    const program_type *word = program_int_of(p, 32);
    uint32_t most = program_chance(p, 95) ? 40 : 100000;
    const char *id = program_int_constant(p, word, 65536 + program_below(p, most));
    uint32_t n = p->name_count++;
    program_write(&p->body, "        %%n%u.name = COMMINST @uvm.meta.name_of (%s)\n", n, id);
    if (program_chance(p, 60)) {
        program_write(&op->text, "COMMINST @uvm.meta.id_of (%%n%u.name)", n);
        one_result(op, word);
        return true;
    }
    program_write(&p->body,
                  "        %%i%u.name = GETIREF <@uvm.meta.bytes> %%n%u.name\n"
                  "        %%f%u.name = GETFIELDIREF <@uvm.meta.bytes 0> %%i%u.name\n",
                  n, n, n, n);
    program_write(&op->text, "LOAD <@i64> %%f%u.name", n);
    one_result(op, program_int_of(p, 64));
    return true;
}

static bool make_watch(program *p, program_op *op)
{
    static const uint32_t ids[] = {1, 2, 3, 65, 129, 4000000001, 77};
    program_write(&op->text, "COMMINST @uvm.meta.%s_watchpoint (%s)",
                  program_chance(p, 50) ? "enable" : "disable",
                  program_int_constant(p, program_int_of(p, 32), ids[program_below(p, 7)]));
    return true;
}

static bool make_own_traps(program *p, program_op *op)
{
    if (!p->has_own_traps) {
        return false;
    }
    program_write(&op->text, "COMMINST @uvm.meta.set_trap_handler (@own_traps %s)",
                  program_pick(p, ref_void(p), 0).name);
    return true;
}

static bool make_cookie(program *p, program_op *op)
{
    if (!p->has_pointers) {
        return false;
    }
    program_write(&op->text, "COMMINST @uvm.native.get_cookie");
    one_result(op, program_int_of(p, 64));
    return true;
}

bool program_common_inst(program *p, program_op *op)
{
    switch (program_below(p, 12)) {
    case 0:
    case 1:
    case 2: return make_threadlocal(p, op);
    case 3:
    case 4:
    case 5: return make_futex(p, op);
    case 6: return make_name(p, op);
    case 7: return make_watch(p, op);
    case 8: return make_own_traps(p, op);
    case 9: return make_cookie(p, op);
    default: return program_expose_inst(p, op);
    }
}

/* --------------------------------------------------------------------- stacks and their cursors */

static bool make_stack(program *p, program_op *op)
{
    const program_func *func = &p->funcs.items[program_below(p, p->funcs.count)];
    if (func->is_main) {
        return false;
    }
    const char *callee = mu_arena_format(p->arena, "@%s", func->name);
    if (program_chance(p, 30)) {
        callee = mu_arena_format(p->arena, "%s", program_pick(p, func->sig->funcref, 0).name);
    }
    program_write(&op->text, "COMMINST @uvm.new_stack <[@%s]> (%s)", func->sig->name, callee);
    one_result(op, p->stackref);
    op->is_not_null = true;
    op->may_throw = true;
    return true;
}

/* Only of stacks that have not run: what others hold may be in the frames of one that has. */
static bool make_kill(program *p, program_op *op)
{
    if (!make_stack(p, op)) {
        return false;
    }
    program_value made = program_emit(p, op);
    *op = (program_op){0};
    program_write(&op->text, "COMMINST @uvm.kill_stack (%s)", made.name);
    return true;
}

static bool make_cursor(program *p, program_op *op)
{
    const program_value *found = program_chance(p, 40) ? program_find(p, KIND_STACKREF, 0) : NULL;
    program_value on = found ? *found : (program_value){0};
    if (!found) {
        if (!make_stack(p, op)) {
            return false;
        }
        on = program_emit(p, op);
        *op = (program_op){0};
    }
    program_write(&op->text, "COMMINST @uvm.meta.new_cursor (%s)", on.name);
    one_result(op, p->cursorref);
    op->is_not_null = true;
    return true;
}

static void write_keepalive_count(program *p, program_op *op, const program_value *cursor)
{
    uint32_t n = p->name_count++;
    program_write(&p->body,
                  "        %%d%u.refs = COMMINST @uvm.meta.dump_keepalives (%s)\n"
                  "        %%i%u.refs = GETIREF <@uvm.meta.refs> %%d%u.refs\n"
                  "        %%f%u.refs = GETFIELDIREF <@uvm.meta.refs 0> %%i%u.refs\n",
                  n, cursor->name, n, n, n, n);
    program_write(&op->text, "LOAD <@i64> %%f%u.refs", n);
    one_result(op, program_int_of(p, 64));
}

bool program_stack_inst(program *p, program_op *op)
{
    static const char *const ids[] = {"cur_func", "cur_func_ver", "cur_inst"};
    uint32_t dice = program_below(p, 14);
    const program_value *found = program_find(p, KIND_CURSORREF, 0);
    if (dice < 4) {
        return make_stack(p, op);
    }
    if (dice == 4) {
        return make_kill(p, op);
    }
    if (dice < 8 || !found) {
        return make_cursor(p, op);
    }
    program_value cursor = *found;
    if (dice < 11) {
        program_write(&op->text, "COMMINST @uvm.meta.%s (%s)", ids[program_below(p, 3)],
                      cursor.name);
        one_result(op, program_int_of(p, 32));
    } else if (dice == 11) {
        program_write(&op->text, "COMMINST @uvm.meta.copy_cursor (%s)", cursor.name);
        one_result(op, p->cursorref);
        op->is_not_null = true;
    } else if (dice == 12) {
        write_keepalive_count(p, op, &cursor);
    } else {
        program_write(&op->text, "COMMINST @uvm.meta.%s (%s)",
                      program_chance(p, 30) ? "next_frame" : "close_cursor", cursor.name);
    }
    return true;
}

/* ------------------------------------------------------------------------------ weak references */

/* One pair is reached by a cell: a weak reference, and a strong one to the same object. Both always
 * change together, so the weak one is never cleared. */
static bool renew_pair(program *p, program_op *op, uint32_t n, const program_value *value)
{
    program_write(&p->body,
                  "        %%n%u.pair = NEW <@wpair>\n"
                  "        %%i%u.pair = GETIREF <@wpair> %%n%u.pair\n"
                  "        %%w%u.pair = GETFIELDIREF <@wpair 0> %%i%u.pair\n"
                  "        %%s%u.pair = GETFIELDIREF <@wpair 1> %%i%u.pair\n"
                  "        STORE <@%s> %%s%u.pair %s\n        STORE <@wk> %%w%u.pair %s\n",
                  n, n, n, n, n, n, n, p->weak->name, n, value->name, n, value->name);
    program_write(&op->text, "STORE <@rwpair> @weak %%n%u.pair", n);
    return true;
}

static void open_pair(program *p, uint32_t n)
{
    program_write(&p->body,
                  "        %%n%u.pair = LOAD <@rwpair> @weak\n"
                  "        %%i%u.pair = GETIREF <@wpair> %%n%u.pair\n"
                  "        %%w%u.pair = GETFIELDIREF <@wpair 0> %%i%u.pair\n"
                  "        %%s%u.pair = GETFIELDIREF <@wpair 1> %%i%u.pair\n",
                  n, n, n, n, n, n, n);
}

static void exchange_weak(program *p, program_op *op, uint32_t n, const program_value *value)
{
    program_op exchange = {.results = {p->weak}, .result_count = 1};
    program_write(&exchange.text, "ATOMICRMW SEQ_CST XCHG <@wk> %%w%u.pair %s", n, value->name);
    program_emit(p, &exchange);
    program_write(&op->text, "STORE <@%s> %%s%u.pair %s", p->weak->name, n, value->name);
}

static void compare_weak(program *p, program_op *op, uint32_t n, const program_value *value)
{
    const program_type *bit = program_int_of(p, 1);
    const char *type = p->weak->name;
    program_op load = {.results = {p->weak}, .result_count = 1};
    program_write(&load.text, "LOAD <@%s> %%s%u.pair", type, n);
    program_value held = program_emit(p, &load);
    program_value expected = program_chance(p, 70) ? held : program_pick(p, p->weak, 0);
    program_op exchange = {.results = {p->weak, bit}, .result_count = 2};
    program_write(&exchange.text, "CMPXCHG ACQ_REL RELAXED <@wk> %%w%u.pair %s %s", n,
                  expected.name, value->name);
    program_emit(p, &exchange);
    program_value done = p->values.items[p->values.count - 1];
    program_op select = {.results = {p->weak}, .result_count = 1};
    program_write(&select.text, "SELECT <@i1 @%s> %s %s %s", type, done.name, value->name,
                  held.name);
    program_value kept = program_emit(p, &select);
    program_write(&op->text, "STORE <@%s> %%s%u.pair %s", type, n, kept.name);
}

bool program_weak_inst(program *p, program_op *op)
{
    uint32_t dice = program_below(p, 10);
    program_value value = program_pick(p, p->weak, 0);
    uint32_t n = p->name_count++;
    if (dice < 2) {
        return renew_pair(p, op, n, &value);
    }
    open_pair(p, n);
    if (dice < 6) {
        program_write(&op->text, "LOAD <@wk> %%w%u.pair", n);
        one_result(op, p->weak);
    } else if (dice < 8) {
        program_write(&p->body, "        STORE <@%s> %%s%u.pair %s\n", p->weak->name, n,
                      value.name);
        program_write(&op->text, "STORE <@wk> %%w%u.pair %s", n, value.name);
    } else if (dice == 8) {
        exchange_weak(p, op, n, &value);
    } else {
        compare_weak(p, op, n, &value);
    }
    return true;
}

/* ----------------------------------------------------------------------------- what they need */

void program_write_common(program *p)
{
    const program_type *type = p->types.items[program_below(p, p->types.count)];
    p->weak = program_ref_to(p, type);
    program_write(&p->body,
                  ".typedef @wk = weakref<@%s>\n.typedef @wpair = struct<@wk @%s>\n"
                  ".typedef @rwpair = ref<@wpair>\n.global @weak <@rwpair>\n",
                  type->name, p->weak->name);
    if (p->walks_stacks) {
        program_global walked = {.name = "walked", .type = program_int_of(p, 64)};
        MU_ARRAY_PUSH(&p->globals, walked);
        program_iref_to(p, walked.type);
        program_write(&p->body, ".global @walked <@i64>\n");
    }
    if (p->has_own_traps) {
        program_write(&p->body, ".funcdef @own_traps VERSION %%v1 <@uvm.meta.trap_handler.sig> {\n"
                                "    %%entry(<@sr> %%s.sr <@i32> %%id.i32 <@rvoid> %%data.rvoid):\n"
                                "        SWAPSTACK %%s.sr KILL_OLD THROW_EXC %%data.rvoid\n}\n");
    }
}

void program_start_common(program *p)
{
    uint32_t n = p->name_count++;
    program_write(&p->body,
                  "        %%n%u.pair = NEW <@wpair>\n        STORE <@rwpair> @weak %%n%u.pair\n",
                  n, n);
}
