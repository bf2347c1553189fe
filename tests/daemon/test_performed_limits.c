#include "client_context.h"
#include <criterion/criterion.h>
#include <string.h>

/* The longest reply to a batch: every operation has an answer with large numbers, and the texts
 * take all that they may; the error is full of diagnostics. */
static Mud__Performed *longest_reply(proto_arena *arena)
{
    Mud__Performed *reply = mud_answer_allocate(arena, sizeof *reply);
    mu_report *report = mu_report_new();
    char long_text[4096];
    memset(long_text, 'x', sizeof long_text);
    mud__performed__init(reply);
    reply->answers = mud_answer_allocate(arena, MUD_BATCH_OPERATIONS_MOST * sizeof *reply->answers);
    reply->n_answers = MUD_BATCH_OPERATIONS_MOST;
    for (uint32_t i = 0; i < MUD_BATCH_OPERATIONS_MOST; i++) {
        Mud__OperationAnswer *answer = mud_answer_allocate(arena, sizeof *answer);
        mud__operation_answer__init(answer);
        answer->operation = UINT32_MAX;
        answer->integer = answer->high = UINT64_MAX;
        answer->bits = UINT32_MAX;
        answer->has_text = true;
        answer->text.len = MUD_REPLY_TEXT_BYTES / MUD_BATCH_OPERATIONS_MOST;
        answer->text.data = (uint8_t *)long_text;
        reply->answers[i] = answer;
    }
    for (uint32_t i = 0; i < MU_REPORT_MAX; i++) {
        mu_report_add(report, MU_INVALID, (mu_location){1, 1}, "%.*s", (int)sizeof long_text,
                      long_text);
    }
    reply->error = mud_error_of_report(arena, MUD__CODE__BUNDLE_REJECTED, "",
                                       mu_report_at(report, 0)->message, report);
    reply->failed = UINT32_MAX;
    mu_report_free(report);
    return reply;
}

Test(mud_performed_limits, the_longest_reply_fits_in_a_frame_that_a_client_unpacks)
{
    proto_arena *arena = proto_arena_new();
    proto_buffer buffer = {0};
    Mud__ServerFrame frame;
    Mud__ServerFrame *unpacked = NULL;
    mud__server_frame__init(&frame);
    frame.id = UINT64_MAX;
    frame.reply_case = MUD__SERVER_FRAME__REPLY_PERFORMED;
    frame.performed = longest_reply(arena);
    cr_assert_eq(proto_server_frame_append(&buffer, &frame), PROTO_OK);
    proto_status status = proto_server_frame_unpack(
        buffer.bytes + PROTO_HEADER_BYTES, buffer.length - PROTO_HEADER_BYTES, arena, &unpacked);
    cr_assert_eq(status, PROTO_OK, "%s", proto_status_text(status));
    cr_assert_eq(unpacked->performed->n_answers, MUD_BATCH_OPERATIONS_MOST);
    cr_assert_eq(unpacked->performed->error->n_diagnostics, MU_REPORT_MAX);
    proto_buffer_deinit(&buffer);
    proto_arena_free(arena);
}

Test(mud_performed_limits, an_error_without_a_report_has_no_diagnostics)
{
    proto_arena *arena = proto_arena_new();
    const Mud__Error *error =
        mud_error_of_report(arena, MUD__CODE__CANCELLED, "hint", "message", NULL);
    cr_assert_eq(error->code, MUD__CODE__CANCELLED);
    cr_assert_str_eq(error->hint, "hint");
    cr_assert_str_eq(error->message, "message");
    cr_assert_eq(error->n_diagnostics, 0);
    proto_arena_free(arena);
}

Test(mud_performed_limits, contexts_of_clients_and_of_traps_fit_into_a_vm_together)
{
    cr_assert_leq(2 * MUD_VM_CONTEXTS_MOST, MU_VM_MAX_CONTEXTS);
    cr_assert_leq(MUD_SESSION_CONTEXTS_MOST, MUD_VM_CONTEXTS_MOST);
}
