/* Threads that contexts make, and traps that come with a context. */
#include "context_requests.h"
#include <string.h>

/* --------------------------------------------------------------------------------------- threads
 */

/* Starts @`function`(argument) on a stack of its own. */
static void start_thread(frame_client *client, uint64_t context, const char *function,
                         uint64_t argument)
{
    uint64_t id = id_of(client, context, function);
    batch *all = batch_new(context);
    uint64_t callee = fresh();
    uint64_t value = fresh();
    uint64_t stack = fresh();
    add(all, OP_FROM_FUNC, callee, 1, id);
    add_int(all, value, argument);
    add(all, OP_NEW_STACK, stack, 1, callee);
    add(all, OP_NEW_THREAD_NOR, fresh(), 4, stack, UINT64_C(0), UINT64_C(1), value);
    perform(client, all);
}

static uint64_t cell(frame_client *client, uint64_t context)
{
    uint64_t id = id_of(client, context, "@cell");
    batch *all = batch_new(context);
    uint64_t place = fresh();
    uint64_t value = fresh();
    add(all, OP_FROM_GLOBAL, place, 1, id);
    add(all, OP_LOAD, value, 2, UINT64_C(0), place);
    add(all, OP_TO_INT, 0, 1, value);
    return integer_of(perform(client, all), 2);
}

void probe_threads(frame_client *client)
{
    frame_client *other = frame_client_open(client->path);
    uint64_t context = open_context(client);
    claim_done(client, wait_threads(client));
    start_thread(client, context, "@put", 77);
    claim_done(client, wait_threads(client));
    CLAIM(cell(client, context) == 77);

    attach(client,
           MUD__ON_DISCONNECT__KILL); /* a trap of such a thread comes, and holds the wait */
    start_thread(client, context, "@put_answer", 5);
    uint64_t waiting = wait_threads(client);
    const Mud__TrapEvent *trap = trapped(client);
    CLAIM(!frame_client_has(client, waiting, 200));
    answer_number(client, trap, 88);
    claim_done(client, waiting);
    CLAIM(cell(client, context) == 88);

    start_thread(client, context, "@forever", 5);
    waiting = wait_threads(client);
    uint64_t too_many = 0;
    for (unsigned i = 0; i < 16; i++) {
        too_many = wait_threads(client);
    }
    claim_error(client, too_many, MUD__CODE__RESOURCE_EXHAUSTED);
    uint64_t elsewhere = wait_threads(other);
    CLAIM(!frame_client_has(other, elsewhere, 200));
    CLAIM(!frame_client_has(client, waiting, 0));
    claim_done(other, remove_vm(other));
    claim_error(client, waiting, MUD__CODE__CANCELLED);
    claim_error(other, elsewhere, MUD__CODE__CANCELLED);
    frame_client_close(other);
}

/* ------------------------------------------------------------------------------------------ traps
 */

/* Looks at the two frames of @outer's call of @ask: functions, versions, places, values. */
static void walk_stack(frame_client *client, uint64_t context, uint64_t number)
{
    batch *all = batch_new(context);
    add(all, OP_NEW_CURSOR, 10, 1, (uint64_t)STACK);
    add(all, OP_CUR_FUNC, 0, 1, UINT64_C(10));
    add(all, OP_CUR_FUNC_VER, 0, 1, UINT64_C(10));
    add(all, OP_CUR_INST, 0, 1, UINT64_C(10));
    add(all, OP_DUMP_KEEPALIVES, 20, 1, UINT64_C(10));
    add(all, OP_TO_INT, 0, 1, UINT64_C(20));
    add(all, OP_TO_INT, 0, 1, UINT64_C(21));
    add(all, OP_NEXT_FRAME, 0, 1, UINT64_C(10));
    add(all, OP_CUR_INST, 0, 1, UINT64_C(10));
    add(all, OP_DUMP_KEEPALIVES, 30, 1, UINT64_C(10));
    add(all, OP_TO_INT, 0, 1, UINT64_C(30));
    add(all, OP_CLOSE_CURSOR, 0, 1, UINT64_C(10));
    const Mud__Performed *reply = perform(client, all);
    CLAIM(integer_of(reply, 4) == 2 && integer_of(reply, 5) == number + 1);
    CLAIM(integer_of(reply, 6) == 2 * number + 2);
    CLAIM(integer_of(reply, 9) == 1 && integer_of(reply, 10) == number);
    all = batch_new(context);
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 1));
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 2));
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 3));
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 8));
    reply = perform(client, all);
    CLAIM(text_is(reply, 0, "@ask") && text_is(reply, 1, "@ask.v1"));
    CLAIM(text_is(reply, 2, "@ask.v1.entry.question"));
    CLAIM(text_is(reply, 3, "@outer.v1.entry.site"));
}

void replace_frame(frame_client *client, uint64_t context)
{
    uint64_t product = id_of(client, context, "@product");
    batch *all = batch_new(context);
    add(all, OP_NEW_CURSOR, 10, 1, (uint64_t)STACK);
    add(all, OP_NEXT_FRAME, 0, 1, UINT64_C(10));
    add(all, OP_POP_FRAMES_TO, 0, 1, UINT64_C(10));
    add(all, OP_CLOSE_CURSOR, 0, 1, UINT64_C(10));
    add(all, OP_FROM_FUNC, 40, 1, product);
    add(all, OP_PUSH_FRAME, 0, 2, (uint64_t)STACK, UINT64_C(40));
    add_int(all, 41, 6);
    add_int(all, 42, 7);
    perform(client, all);
}

void probe_trap(frame_client *handler)
{
    frame_client *caller = frame_client_open(handler->path);
    Mud__Rebind rebind;
    attach(handler, MUD__ON_DISCONNECT__KILL);
    uint64_t called = call(caller, "outer", 10, 0);
    const Mud__TrapEvent *trap = trapped(handler);
    CLAIM(trap->n_result_types == 1 && strcmp(trap->result_types[0], "int<64>") == 0);
    walk_stack(handler, trap->context, 10);
    refuse_close(handler, trap->context, MUD__CODE__FAILED_PRECONDITION);
    refuse_perform(caller, batch_new(trap->context), MUD__CODE__NOT_FOUND);
    claim_error(handler, answer_send(handler, trap, NULL), MUD__CODE__INVALID_ARGUMENT);
    claim_error(handler, answer_pass(handler, trap, 0), MUD__CODE__INVALID_ARGUMENT);
    claim_error(handler, answer_pass(handler, trap, 9999), MUD__CODE__INVALID_ARGUMENT);
    mud__rebind__init(&rebind);
    rebind.decision = (Mud__Rebind__Decision)77;
    claim_error(handler, answer_send(handler, trap, &rebind), MUD__CODE__INVALID_ARGUMENT);
    claim_error(caller, answer_pass(caller, trap, 0), MUD__CODE__NOT_FOUND);
    answer_number(handler, trap, 500);
    CLAIM(result_of(caller, called) == 511);
    claim_error(handler, answer_pass(handler, trap, 0), MUD__CODE__NOT_FOUND);
    refuse_perform(handler, batch_new(trap->context), MUD__CODE__NOT_FOUND);

    called = call(caller, "outer", 10, 0); /* other frames */
    trap = trapped(handler);
    replace_frame(handler, trap->context);
    uint64_t values[] = {41, 42};
    mud__rebind__init(&rebind);
    rebind.decision = MUD__REBIND__DECISION__PASS_VALUES;
    rebind.stack = STACK;
    rebind.values = values;
    rebind.n_values = 2;
    claim_done(handler, answer_send(handler, trap, &rebind));
    CLAIM(result_of(caller, called) == 42);

    called = call(caller, "guarded", 10, 0);
    trap = trapped(handler);
    mud__rebind__init(&rebind);
    rebind.decision = MUD__REBIND__DECISION__THROW_EXC;
    rebind.stack = STACK;
    claim_done(handler, answer_send(handler, trap, &rebind));
    CLAIM(result_of(caller, called) == UINT64_MAX);

    called = call(caller, "outer", 10, 0);
    trap = trapped(handler);
    mud__rebind__init(&rebind);
    rebind.decision = MUD__REBIND__DECISION__EXIT;
    claim_done(handler, answer_send(handler, trap, &rebind));
    const Mud__ServerFrame *reply = frame_client_wait(caller, called);
    CLAIM(reply->reply_case == MUD__SERVER_FRAME__REPLY_RETURNED && reply->returned->exited);
    claim_nothing_left(handler);
    claim_done(handler, detach(handler));
    frame_client_close(caller);
}

/* Traps that end otherwise than by an answer. */
void probe_lost_trap(frame_client *handler)
{
    frame_client *caller = frame_client_open(handler->path);
    attach(handler, MUD__ON_DISCONNECT__RESUME);
    uint64_t called = call(caller, "ask", 10, 300); /* its time passes */
    const Mud__TrapEvent *trap = trapped(handler);
    CLAIM(event(handler, MUD__SERVER_FRAME__REPLY_TRAP_GONE)->trap_gone->trap == trap->trap);
    claim_error(caller, called, MUD__CODE__DEADLINE_EXCEEDED);
    refuse_perform(handler, batch_new(trap->context), MUD__CODE__NOT_FOUND);
    claim_error(handler, answer_pass(handler, trap, 0), MUD__CODE__NOT_FOUND);

    called = call(caller, "ask", 10, 0); /* the handler goes: as it said */
    trap = trapped(handler);
    claim_done(handler, detach(handler));
    CLAIM(result_of(caller, called) == 10);
    refuse_perform(handler, batch_new(trap->context), MUD__CODE__NOT_FOUND);

    attach(handler, MUD__ON_DISCONNECT__THROW);
    called = call(caller, "guarded", 10, 0);
    trapped(handler);
    claim_done(handler, detach(handler));
    CLAIM(result_of(caller, called) == UINT64_MAX);

    attach(handler, MUD__ON_DISCONNECT__KILL);
    called = call(caller, "ask", 10, 0);
    trapped(handler);
    claim_done(handler, detach(handler));
    claim_error(caller, called, MUD__CODE__KILLED);

    attach(handler, MUD__ON_DISCONNECT__RESUME); /* in the middle of its work, it is killed */
    called = call(caller, "outer", 10, 0);
    trap = trapped(handler);
    replace_frame(handler, trap->context);
    claim_done(handler, detach(handler));
    claim_error(caller, called, MUD__CODE__KILLED);

    attach(handler, MUD__ON_DISCONNECT__RESUME); /* the caller goes */
    call(caller, "ask", 10, 0);
    trap = trapped(handler);
    frame_client_close(caller);
    CLAIM(event(handler, MUD__SERVER_FRAME__REPLY_TRAP_GONE)->trap_gone->trap == trap->trap);
    claim_done(handler, detach(handler));
    claim_nothing_left(handler);
}

/* Many calls trap, are answered and trap again, while others of them are killed. */
void probe_trap_storm(frame_client *handler)
{
    enum { CALLS = 200 };
    frame_client *caller = frame_client_open(handler->path);
    uint64_t called[CALLS];
    unsigned returned = 0;
    attach(handler, MUD__ON_DISCONNECT__RESUME);
    for (unsigned i = 0; i < CALLS; i++) {
        called[i] = call(caller, "ask", i, i % 4 == 0 ? 1 + i : 0);
    }
    for (unsigned i = 0; i < CALLS / 2; i++) {
        const Mud__TrapEvent *trap = trapped(handler);
        batch *all = batch_new(trap->context);
        add_int(all, 100, 1000);
        batch_send(handler, all);
        batch_free(all);
        answer_pass(handler, trap, 100);
    }
    claim_done(handler, detach(handler));
    for (unsigned i = 0; i < CALLS; i++) {
        const Mud__ServerFrame *reply = frame_client_wait(caller, called[i]);
        if (reply->reply_case == MUD__SERVER_FRAME__REPLY_RETURNED) {
            uint64_t result = reply->returned->results[0]->integer;
            CLAIM(result == i || result == i + 1000);
            returned++;
        } else {
            CLAIM(i % 4 == 0 && reply->error->code == MUD__CODE__DEADLINE_EXCEEDED);
        }
    }
    CLAIM(returned >= CALLS - CALLS / 4);
    claim_nothing_left(handler);
    frame_client_close(caller);
}

/* More traps than there are contexts for: the others wait for their turn. */
void probe_many_traps(frame_client *handler)
{
    enum { CALLS = VM_TRAPS + 30, ANSWERED = 10 };
    frame_client *caller = frame_client_open(handler->path);
    const Mud__TrapEvent *traps[VM_TRAPS];
    uint64_t called[CALLS];
    attach(handler, MUD__ON_DISCONNECT__RESUME);
    for (unsigned i = 0; i < CALLS; i++) {
        called[i] = call(caller, "ask", i, 0);
    }
    for (unsigned i = 0; i < VM_TRAPS; i++) {
        traps[i] = trapped(handler);
    }
    CLAIM(!frame_client_has(handler, 0, 200));
    CLAIM(inspect(handler)->contexts == VM_TRAPS && inspect(handler)->calls_trapped == CALLS);
    for (unsigned i = 0; i < ANSWERED; i++) {
        answer_number(handler, traps[i], 1000);
        trapped(handler);
    }
    CLAIM(!frame_client_has(handler, 0, 200));
    claim_done(handler, detach(handler));
    unsigned answered = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        uint64_t result = result_of(caller, called[i]);
        CLAIM(result == i || result == i + 1000);
        answered += result == i + 1000;
    }
    CLAIM(answered == ANSWERED);
    claim_nothing_left(handler);
    frame_client_close(caller);
}
