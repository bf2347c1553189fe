/* Clients that use contexts, for system_test.sh:
 *     context_prober MANNER SOCKET
 * in a VM that has the manner's name. Exits with 0 when mud did what it should; or prints a word
 * when it has come to the point, then waits to be killed. */
#include "context_requests.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char program[] = ".typedef @i64 = int<64>\n"
                              ".typedef @Box = struct <@i64 @i64>\n"
                              ".typedef @BoxRef = ref <@Box>\n"
                              ".const @i64_1 <@i64> = 1\n"
                              ".const @i64_minus_1 <@i64> = -1\n"
                              ".global @cell <@i64>\n"
                              ".funcsig @i.i = (@i64) -> (@i64)\n"
                              ".funcsig @ii.i = (@i64 @i64) -> (@i64)\n"
                              ".funcsig @i. = (@i64) -> ()\n"
                              ".funcdef @ask VERSION %v1 <@i.i> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        %twice = ADD <@i64> %n %n\n"
                              "        %answer = [%question] TRAP <@i64> KEEPALIVE(%n %twice)\n"
                              "        %sum = ADD <@i64> %n %answer\n"
                              "        RET %sum\n"
                              "}\n"
                              ".funcdef @outer VERSION %v1 <@i.i> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        %more = ADD <@i64> %n @i64_1\n"
                              "        %answer = [%site] CALL <@i.i> @ask (%more) KEEPALIVE(%n)\n"
                              "        RET %answer\n"
                              "}\n"
                              ".funcdef @guarded VERSION %v1 <@i.i> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        %answer = TRAP <@i64> EXC(%fine(%answer) %refused())\n"
                              "    %fine(<@i64> %answer):\n"
                              "        RET %answer\n"
                              "    %refused()[%reason]:\n"
                              "        RET @i64_minus_1\n"
                              "}\n"
                              ".funcdef @product VERSION %v1 <@ii.i> {\n"
                              "    %entry(<@i64> %a <@i64> %b):\n"
                              "        %p = MUL <@i64> %a %b\n"
                              "        RET %p\n"
                              "}\n"
                              ".funcdef @put VERSION %v1 <@i.> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        STORE <@i64> @cell %n\n"
                              "        COMMINST @uvm.thread_exit\n"
                              "}\n"
                              ".funcdef @put_answer VERSION %v1 <@i.> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        %answer = TRAP <@i64> KEEPALIVE(%n)\n"
                              "        STORE <@i64> @cell %answer\n"
                              "        COMMINST @uvm.thread_exit\n"
                              "}\n"
                              ".funcdef @forever VERSION %v1 <@i.> {\n"
                              "    %entry(<@i64> %n):\n"
                              "        BRANCH %again()\n"
                              "    %again():\n"
                              "        BRANCH %again()\n"
                              "}\n";

/* --------------------------------------------------------------------------------- plain contexts
 */

static void probe_operations(frame_client *client)
{
    uint64_t context = open_context(client);
    batch *all = batch_new(context);
    add_int(all, 10, 1234);
    add(all, OP_TO_INT, 0, 1, UINT64_C(10));
    add_text(all, OP_ID_OF, "@ask");
    const Mud__Performed *reply = perform(client, all);
    CLAIM(reply->n_answers == 2 && integer_of(reply, 1) == 1234);
    CLAIM(answer_of(reply, 1)->bits == 64);
    all = batch_new(context);
    add(all, OP_NAME_OF, 0, 1, integer_of(reply, 2));
    CLAIM(text_is(perform(client, all), 0, "@ask"));
    CLAIM(perform(client, batch_new(context))->n_answers == 0);

    all = batch_new(context); /* fails in its middle: what was done stays, the rest is not done */
    add_int(all, 11, 5);
    add(all, OP_TO_INT, 0, 1, UINT64_C(11));
    add(all, OP_TO_INT, 0, 1, UINT64_C(9999));
    add_int(all, 12, 6);
    reply = perform_failing(client, all, 2, MUD__CODE__INVALID_ARGUMENT);
    CLAIM(reply->n_answers == 1 && integer_of(reply, 1) == 5);
    all = batch_new(context);
    add(all, OP_TO_INT, 0, 1, UINT64_C(11));
    CLAIM(integer_of(perform(client, all), 0) == 5);
    all = batch_new(context);
    add(all, OP_TO_INT, 0, 1, UINT64_C(12));
    perform_failing(client, all, 0, MUD__CODE__INVALID_ARGUMENT);
    all = batch_new(context);
    add(all, 0xfff, 0, 0);
    perform_failing(client, all, 0, MUD__CODE__INVALID_ARGUMENT);
    all = batch_new(context);
    add(all, OP_NAME_OF, 0, 1, UINT64_C(0x7ffffff0));
    perform_failing(client, all, 0, MUD__CODE__NOT_FOUND);
    const Mud__VmInfo *info = inspect(client);
    CLAIM(info->contexts == 1 && info->context_handles == 2);
    close_context(client, context);
}

static void probe_closing(frame_client *client)
{
    frame_client *other = frame_client_open(client->path);
    static char nowhere[] = "nowhere";
    Mud__OpenContext open;
    Mud__ClientFrame frame = open_frame(&open, nowhere);
    frame_client_refused(client, &frame, MUD__CODE__NOT_FOUND);
    uint64_t context = open_context(client);
    refuse_close(other, context, MUD__CODE__NOT_FOUND);
    refuse_perform(other, batch_new(context), MUD__CODE__NOT_FOUND);
    close_context(client, context);
    refuse_close(client, context, MUD__CODE__NOT_FOUND);
    refuse_perform(client, batch_new(context), MUD__CODE__NOT_FOUND);
    refuse_close(client, 0, MUD__CODE__NOT_FOUND);

    context = open_context(client); /* what is sent before the close is performed before it */
    batch *all = batch_new(context);
    add_churn(all, BATCH_OPERATIONS / 2);
    uint64_t first = batch_send(client, all);
    uint64_t second = batch_send(client, all);
    Mud__CloseContext close;
    frame = close_frame(&close, context);
    uint64_t closed = frame_client_send(client, &frame);
    CLAIM(performed(client, first)->error == NULL && performed(client, second)->error == NULL);
    claim_done(client, closed);
    batch_free(all);
    claim_nothing_left(client);
    frame_client_close(other);
}

static void probe_limits(frame_client *client)
{
    uint64_t contexts[SESSION_CONTEXTS];
    Mud__OpenContext open;
    Mud__ClientFrame frame = open_frame(&open, vm_name);
    for (unsigned i = 0; i < SESSION_CONTEXTS; i++) {
        contexts[i] = open_context(client);
    }
    frame_client_refused(client, &frame, MUD__CODE__RESOURCE_EXHAUSTED);
    for (unsigned i = 0; i < SESSION_CONTEXTS; i++) {
        Mud__CloseContext close;
        Mud__ClientFrame closing = close_frame(&close, contexts[i]);
        frame_client_send(client, &closing);
    }
    /* At once, with the closes still under way. */
    uint64_t context = open_context(client);
    batch *all = batch_new(context);
    for (unsigned i = 0; i <= BATCH_OPERATIONS; i++) {
        add_int(all, 1, i);
    }
    refuse_perform(client, all, MUD__CODE__RESOURCE_EXHAUSTED);

    /* Pipelined: each is answered, in order, and what is too much is refused. */
    enum { PIPELINED = 3 * QUEUED_BATCHES };
    unsigned refused = 0;
    uint64_t sent[PIPELINED];
    uint64_t last = 0;
    for (unsigned i = 0; i < PIPELINED; i++) {
        all = batch_new(context);
        add_churn(all, 500);
        add_int(all, 1, i);
        add(all, OP_TO_INT, 0, 1, UINT64_C(1));
        add(all, OP_DELETE_VALUE, 0, 1, UINT64_C(1));
        sent[i] = batch_send(client, all);
        batch_free(all);
    }
    for (unsigned i = 0; i < PIPELINED; i++) {
        const Mud__ServerFrame *reply = frame_client_wait(client, sent[i]);
        if (reply->reply_case == MUD__SERVER_FRAME__REPLY_ERROR) {
            CLAIM(reply->error->code == MUD__CODE__RESOURCE_EXHAUSTED);
            refused++;
        } else {
            CLAIM(integer_of(reply->performed, 1001) == i && i >= last);
            last = i;
        }
    }
    CLAIM(refused <= PIPELINED - QUEUED_BATCHES);
    close_context(client, context);
}

/* Texts beyond what one reply holds, and replies beyond what mud keeps for a slow reader. */
static void probe_long_texts(frame_client *client)
{
    enum { NAME_BYTES = 4000, NAMES = 600, REPLIES = 30 };
    char name[NAME_BYTES + 1];
    char *bundle = malloc(NAME_BYTES + 100);
    uint64_t sent[REPLIES];
    memset(name, 'n', NAME_BYTES);
    name[0] = '@';
    name[NAME_BYTES] = '\0';
    sprintf(bundle, ".typedef %s = int<64>\n", name);
    uint64_t context = open_context(client);
    batch *all = batch_new(context);
    add_text(all, OP_LOAD_BUNDLE, bundle);
    add_int(all, 20, 7);
    perform(client, all);
    uint64_t id = id_of(client, context, name);
    all = batch_new(context);
    for (unsigned i = 0; i < NAMES; i++) {
        add(all, OP_NAME_OF, 0, 1, id);
    }
    add(all, OP_TO_INT, 0, 1, UINT64_C(20));
    for (unsigned i = 0; i < REPLIES; i++) {
        sent[i] = batch_send(client, all);
    }
    usleep(300000);
    for (unsigned i = 0; i < REPLIES; i++) {
        const Mud__Performed *reply = performed(client, sent[i]);
        CLAIM(reply->error != NULL && reply->error->code == MUD__CODE__RESOURCE_EXHAUSTED);
        CLAIM(reply->n_answers == NAMES + 1 && integer_of(reply, NAMES) == 7);
        CLAIM(reply->failed == (1 << 20) / NAME_BYTES);
        CLAIM(text_is(reply, reply->failed - 1, name));
        CLAIM(answer_of(reply, reply->failed)->text.len < NAME_BYTES);
        frame_client_forget(client);
    }
    batch_free(all);
    all = batch_new(context);
    add_text(all, OP_LOAD_BUNDLE, "this is no bundle");
    const Mud__Performed *reply = perform_failing(client, all, 0, MUD__CODE__BUNDLE_REJECTED);
    CLAIM(reply->error->n_diagnostics > 0 && reply->error->diagnostics[0]->location->line == 1);
    close_context(client, context);
    free(bundle);
}

static uint64_t resident_pages(const frame_client *client)
{
    char path[64];
    unsigned long long total = 0;
    unsigned long long resident = 0;
    snprintf(path, sizeof path, "/proc/%llu/statm", (unsigned long long)client->pid);
    FILE *file = fopen(path, "r");
    CLAIM(file != NULL && fscanf(file, "%llu %llu", &total, &resident) == 2);
    fclose(file);
    return resident;
}

static void open_and_close(frame_client *client, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        uint64_t context = open_context(client);
        batch *all = batch_new(context);
        for (unsigned k = 0; k < 20; k++) {
            add_int(all, k + 1, k);
        }
        perform(client, all);
        close_context(client, context);
        frame_client_forget(client);
    }
}

static void probe_cycles(frame_client *client)
{
    enum { WARM = 300, CYCLES = 2000, GROWTH_PAGES = 512 };
    open_and_close(client, WARM);
    uint64_t before = resident_pages(client);
    open_and_close(client, CYCLES);
    uint64_t after = resident_pages(client);
    claim_nothing_left(client);
    /* A sanitizer holds back what was freed. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CLAIM(after < before + GROWTH_PAGES);
#else
    (void)before;
    (void)after;
#endif
}

static void probe_removal(frame_client *client)
{
    frame_client *other = frame_client_open(client->path);
    uint64_t context = open_context(client);
    uint64_t sent[20];
    batch *all = batch_new(context);
    add_churn(all, BATCH_OPERATIONS / 2);
    for (unsigned i = 0; i < 20; i++) {
        sent[i] = batch_send(client, all);
    }
    batch_free(all);
    claim_done(other, remove_vm(other));
    /* Some were performed, perhaps one in part; the others were cancelled or came too late. */
    for (unsigned i = 0; i < 20; i++) {
        const Mud__ServerFrame *reply = frame_client_wait(client, sent[i]);
        const Mud__Error *error = reply->reply_case == MUD__SERVER_FRAME__REPLY_PERFORMED
                                      ? reply->performed->error
                                      : reply->error;
        CLAIM(error == NULL || error->code == MUD__CODE__CANCELLED ||
              error->code == MUD__CODE__NOT_FOUND);
    }
    refuse_perform(client, batch_new(context), MUD__CODE__NOT_FOUND);
    refuse_close(client, context, MUD__CODE__NOT_FOUND);
    frame_client_close(other);
}

/* ------------------------------------------------------------------------------------- dying early
 */

static void wait_to_be_killed(const char *word)
{
    puts(word);
    fflush(stdout);
    for (;;) {
        pause();
    }
}

/* With one batch on its way and others behind it. */
static void probe_death_at_work(frame_client *client)
{
    uint64_t context = open_context(client);
    batch *all = batch_new(context);
    add_churn(all, BATCH_OPERATIONS / 2);
    for (unsigned i = 0; i < 12; i++) {
        batch_send(client, all);
    }
    wait_to_be_killed("working");
}

/* In a trap, with its stack changed, and batches behind. */
static void probe_death_in_trap(frame_client *client)
{
    attach(client, MUD__ON_DISCONNECT__KILL);
    puts("attached");
    fflush(stdout);
    const Mud__TrapEvent *trap = trapped(client);
    replace_frame(client, trap->context);
    batch *all = batch_new(trap->context);
    add_churn(all, BATCH_OPERATIONS / 2);
    for (unsigned i = 0; i < 6; i++) {
        batch_send(client, all);
    }
    wait_to_be_killed("trapped");
}

static const struct {
    const char *name;
    void (*probe)(frame_client *client);
} manners[] = {
    {"operations", probe_operations},
    {"closing", probe_closing},
    {"limits", probe_limits},
    {"long-texts", probe_long_texts},
    {"cycles", probe_cycles},
    {"removal", probe_removal},
    {"threads", probe_threads},
    {"trap", probe_trap},
    {"lost-trap", probe_lost_trap},
    {"trap-storm", probe_trap_storm},
    {"many-traps", probe_many_traps},
    {"death-at-work", probe_death_at_work},
    {"death-in-trap", probe_death_in_trap},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof manners / sizeof manners[0]; i++) {
        if (strcmp(argv[1], manners[i].name) == 0) {
            frame_client *client = frame_client_open(argv[2]);
            snprintf(vm_name, sizeof vm_name, "%s", argv[1]);
            frame_client_load(client, vm_name, program);
            manners[i].probe(client);
            frame_client_close(client);
            return 0;
        }
    }
    fprintf(stderr, "usage: context_prober MANNER SOCKET\n");
    return 2;
}
