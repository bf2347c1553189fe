/* A client of mud in C: builds a function that computes a factorial, runs it, and prints the result
 * in a trap handler.
 *
 *     mud --socket ./m.sock &  MUD_HOST=$PWD/m.sock build/client/examples/factorial_client 20
 *
 * It uses muapi.h, the C interface of the Mu specification, and so would run over any
 * implementation of it; refimpl2-start.h is where its MuVM comes from. As Mu IR it builds
 *
 *     .funcdef @factorial VERSION %v1 <(@i64) -> ()> {
 *         %entry(<@i64> %n):                     BRANCH %head(%n @1)
 *         %head(<@i64> %left <@i64> %product):   %more = SGT <@i64> %left @1
 *                                                BRANCH2 %more %body(%left %product)
 * %done(%product) %body(<@i64> %x <@i64> %y):            %y2 = MUL <@i64> %y %x   %x2 = SUB <@i64>
 * %x @1 BRANCH %head(%x2 %y2) %done(<@i64> %answer):                 TRAP <> KEEPALIVE (%answer)
 *                                                COMMINST @uvm.thread_exit  }  */
#include <inttypes.h>
#include <muapi.h>
#include <refimpl2-start.h>
#include <stdio.h>
#include <stdlib.h>

static MuID factorial_build(MuCtx *ctx)
{
    MuBundleNode b = ctx->new_bundle(ctx);
    MuTypeNode i64 = ctx->new_type_int(ctx, b, 64);
    MuConstNode one = ctx->new_const_int(ctx, b, i64, 1);
    MuFuncSigNode sig = ctx->new_funcsig(ctx, b, &i64, 1, NULL, 0);
    MuFuncNode factorial = ctx->new_func(ctx, b, sig);
    MuFuncVerNode version = ctx->new_func_ver(ctx, b, factorial);
    MuBBNode entry = ctx->new_bb(ctx, version);
    MuBBNode head = ctx->new_bb(ctx, version);
    MuBBNode body = ctx->new_bb(ctx, version);
    MuBBNode done = ctx->new_bb(ctx, version);

    MuVarNode start[] = {ctx->new_nor_param(ctx, entry, i64), one};
    MuInstNode begin = ctx->new_branch(ctx, entry);
    ctx->add_dest(ctx, begin, MU_DEST_NORMAL, head, start, 2);

    MuVarNode left = ctx->new_nor_param(ctx, head, i64);
    MuVarNode product = ctx->new_nor_param(ctx, head, i64);
    MuInstNode compare = ctx->new_cmp(ctx, head, MU_CMP_SGT, i64, left, one);
    MuInstNode choice = ctx->new_branch2(ctx, head, ctx->new_inst_res(ctx, compare));
    MuVarNode both[] = {left, product};
    ctx->add_dest(ctx, choice, MU_DEST_TRUE, body, both, 2);
    ctx->add_dest(ctx, choice, MU_DEST_FALSE, done, &product, 1);

    MuVarNode x = ctx->new_nor_param(ctx, body, i64);
    MuVarNode y = ctx->new_nor_param(ctx, body, i64);
    MuInstNode multiply = ctx->new_binop(ctx, body, MU_BINOP_MUL, i64, y, x);
    MuVarNode y2 = ctx->new_inst_res(ctx, multiply);
    MuInstNode subtract = ctx->new_binop(ctx, body, MU_BINOP_SUB, i64, x, one);
    MuVarNode next[] = {ctx->new_inst_res(ctx, subtract), y2};
    MuInstNode again = ctx->new_branch(ctx, body);
    ctx->add_dest(ctx, again, MU_DEST_NORMAL, head, next, 2);

    MuVarNode answer = ctx->new_nor_param(ctx, done, i64);
    MuInstNode trap = ctx->new_trap(ctx, done, NULL, 0);
    ctx->add_keepalives(ctx, trap, &answer, 1);
    ctx->new_comminst(ctx, done, MU_CI_UVM_THREAD_EXIT, NULL, 0, NULL, 0, NULL, 0, NULL, 0);

    MuID id = ctx->get_id(ctx, b, factorial);
    ctx->load_bundle_from_node(ctx, b);
    return id;
}

/* Called when the program traps: reads its keep-alive value and lets it go on. */
/* NOLINTBEGIN(readability-function-size,readability-non-const-parameter): muapi.h prescribes it */
static void answer_print(MuCtx *ctx, MuThreadRefValue thread, MuStackRefValue stack, MuWPID wpid,
                         MuTrapHandlerResult *result, MuStackRefValue *new_stack, MuValue **values,
                         MuArraySize *nvalues, MuValuesFreer *freer, MuCPtr *freerdata,
                         MuRefValue *exception, MuCPtr userdata)
{
    MuValue answer;
    MuFCRefValue cursor = ctx->new_cursor(ctx, stack);
    ctx->dump_keepalives(ctx, cursor, &answer);
    ctx->close_cursor(ctx, cursor);
    printf("%s! = %" PRId64 "\n", (const char *)userdata, ctx->handle_to_sint64(ctx, answer));
    *result = MU_REBIND_PASS_VALUES; /* none, to the stack that trapped */
    *new_stack = stack;
    (void)thread, (void)wpid, (void)values, (void)nvalues;
    (void)freer, (void)freerdata, (void)exception;
}
/* NOLINTEND(readability-function-size,readability-non-const-parameter) */

int main(int argc, char **argv)
{
    char *number = argc > 1 ? argv[1] : "10";
    MuVM *vm = mu_refimpl2_new(); /* says why, if not */
    if (vm == NULL) {
        return 1;
    }
    int *error = vm->get_mu_error_ptr(vm);
    MuCtx *ctx = vm->new_context(vm);
    MuID factorial = factorial_build(ctx);
    vm->set_trap_handler(vm, answer_print, number);

    MuValue n = ctx->handle_from_sint64(ctx, strtoll(number, NULL, 10), 64);
    MuStackRefValue stack = ctx->new_stack(ctx, ctx->handle_from_func(ctx, factorial));
    ctx->new_thread_nor(ctx, stack, NULL, &n, 1);
    vm->execute(vm);

    ctx->close_context(ctx);
    int failed = *error; /* muclient_mu_error has the words, in libmuclient */
    mu_refimpl2_close(vm);
    return failed == 0 ? 0 : 1;
}
