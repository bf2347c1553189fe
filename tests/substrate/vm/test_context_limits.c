/* A client's context: what needs a grant, the limits, batches, and that every row is there. */
#include "context_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char bundle[] =
    ".typedef @i64 = int<64> .typedef @void = void .typedef @rv = ref<@void>\n"
    ".typedef @big = array<@i64 500> .typedef @pair = struct<@i64 @i64> .const @7 <@i64> = 7\n"
    ".typedef @deep = struct<@pair @pair> .const @null <@rv> = NULL .global @cell <@i64>\n"
    ".typedef @i64.i = iref<@i64> .global @kept <@i64.i>\n"
    ".funcsig @v_v = () -> () .funcdecl @fun <@v_v> .typedef @fp = ufuncptr<@v_v>\n";
static const char native[] =
    ".typedef @x.i64 = int<64> .typedef @x.ref = iref<@x.i64> .global @frame <@x.ref>\n"
    ".typedef @x.h = hybrid<@x.i64> .typedef @x.f = double .typedef @x.fi = iref<@x.f>\n"
    ".const @x.100 <@x.i64> = 100000 .const @x.5 <@x.i64> = 5\n"
    ".funcsig @x.v_v = () -> ()\n"
    ".funcdef @cell VERSION %v1 <@x.v_v> { %entry():\n"
    "  %a = ALLOCA <@x.i64> STORE <@x.i64> %a @x.5 STORE <@x.ref> @frame %a TRAP <>\n"
    "  COMMINST @uvm.thread_exit }\n"
    ".funcdef @wild VERSION %v1 <@x.v_v> { %entry():\n"
    "  %r = NEW <@x.i64> %i = GETIREF <@x.i64> %r\n"
    "  %j = SHIFTIREF <@x.i64 @x.i64> %i @x.100 STORE <@x.ref> @frame %j\n"
    "  COMMINST @uvm.thread_exit }\n";

/* ---- the grant */

Test(mu_context_limits, pins_need_the_grant_and_hold_still, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){.grant_native = true});
    uint64_t object = DO(&f, NEW_FIXED, context_id(&f, "@deep"));
    uint64_t field = DO(&f, GET_FIELD_IREF, DO(&f, GET_IREF, object), 1);
    uint64_t first = DO(&f, TO_PTR, DO(&f, PIN, object));
    uint64_t second = DO(&f, TO_PTR, DO(&f, PIN, field));
    cr_assert_eq(second, first + 16);
    cr_assert_eq(DO(&f, TO_PTR, DO(&f, PIN, object)), first);
    *(volatile uint64_t *)(uintptr_t)second = 99; /* NOLINT: that is what pins are for */
    uint64_t number = DO(&f, LOAD, NOT_ATOMIC, DO(&f, GET_FIELD_IREF, field, 0));
    cr_assert_eq(context_int_of(&f, number), 99);
    DO(&f, UNPIN, object);
    DO(&f, UNPIN, field);
    DO(&f, UNPIN, object);
    REFUSED(&f, MU_STATE, "has not pinned it", UNPIN, object);
    uint64_t null = DO(&f, FROM_CONST, context_id(&f, "@null"));
    cr_assert_eq(DO(&f, TO_PTR, DO(&f, PIN, null)), 0);
    DO(&f, UNPIN, null);
    REFUSED(&f, MU_INVALID, "a ref or iref", PIN, number);
    DO(&f, PIN, object); /* ends with the context */
    context_fixture_close(&f);
}

/* As the reference's ObjectPinningTest: 20,000 objects, of which every 1,000th is kept and every
 * 6,000th pinned as well. */
Test(mu_context_limits, pinned_ones_among_many_stay_where_they_are, .timeout = 60)
{
    enum { OBJECTS = 20000, KEPT_EVERY = 1000, PINNED_EVERY = 6000 };
    context_fixture f;
    uint64_t kept[OBJECTS / KEPT_EVERY];
    uint64_t addresses[OBJECTS / PINNED_EVERY + 1];
    context_fixture_open(&f, bundle, (context_settings){.grant_native = true});
    f.is_quiet = true;
    uint64_t type = context_id(&f, "@i64");
    for (uint64_t i = 0; i < OBJECTS; i++) {
        uint64_t object = DO(&f, NEW_FIXED, type);
        if (i % KEPT_EVERY == 0) {
            kept[i / KEPT_EVERY] = object;
        } else {
            DO(&f, DELETE_VALUE, object);
        }
        if (i % PINNED_EVERY == 0) {
            addresses[i / PINNED_EVERY] = DO(&f, TO_PTR, DO(&f, PIN, object));
        }
    }
    mu_vm_collect(f.vm);
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        uint64_t object = kept[i * PINNED_EVERY / KEPT_EVERY];
        cr_assert_eq(DO(&f, TO_PTR, DO(&f, PIN, object)), addresses[i]);
        DO(&f, UNPIN, object);
        DO(&f, UNPIN, object);
    }
    mu_vm_collect(f.vm);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        DO(&f, STORE, NOT_ATOMIC, DO(&f, GET_IREF, kept[i]), context_int(&f, 64, i));
    }
    mu_vm_collect(f.vm);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        uint64_t loaded = DO(&f, LOAD, NOT_ATOMIC, DO(&f, GET_IREF, kept[i]));
        cr_assert_eq(context_int_of(&f, loaded), i);
    }
    context_fixture_close(&f);
}

Test(mu_context_limits, without_the_grant_there_are_no_addresses, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    uint64_t object = DO(&f, NEW_FIXED, context_id(&f, "@pair"));
    uint64_t function = DO(&f, FROM_FUNC, context_id(&f, "@fun"));
    uint64_t pointer = DO(&f, FROM_FP, context_id(&f, "@fp"), 1);
    uint64_t cookie = context_int(&f, 64, 1);
    REFUSED(&f, MU_NOT_ALLOWED, "lacks the grant native", PIN, object);
    REFUSED(&f, MU_NOT_ALLOWED, "lacks the grant native", UNPIN, object);
    REFUSED(&f, MU_NOT_ALLOWED, "lacks the grant native", EXPOSE_FUNC, function, 0, cookie);
    REFUSED(&f, MU_NOT_ALLOWED, "lacks the grant native", UNEXPOSE, 0, pointer);
    context_fixture_close(&f);
}

Test(mu_context_limits, a_function_is_exposed_until_it_is_unexposed, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){.grant_native = true});
    uint64_t function = DO(&f, FROM_FUNC, context_id(&f, "@fun"));
    uint64_t pointer = DO(&f, FROM_FP, context_id(&f, "@fp"), 1);
    uint64_t cookie = context_int(&f, 64, 1);
    uint64_t exposed = DO(&f, EXPOSE_FUNC, function, 0, cookie);
    uint64_t again = DO(&f, EXPOSE_FUNC, function, 0, cookie);
    cr_assert_neq(DO(&f, TO_FP, exposed), 0);
    cr_assert_neq(DO(&f, TO_FP, exposed), DO(&f, TO_FP, again));
    DO(&f, UNEXPOSE, 0, exposed);
    REFUSED(&f, MU_NOT_FOUND, "operand 2", UNEXPOSE, 0, exposed);
    REFUSED(&f, MU_NOT_FOUND, "operand 2", UNEXPOSE, 0, pointer);
    context_do_bytes(&f, CTX_LOAD_BUNDLE, ".expose @out = @fun #DEFAULT @7");
    uint64_t listed = DO(&f, FROM_EXPOSE, context_id(&f, "@out"));
    cr_assert_neq(DO(&f, TO_FP, listed), 0);
    REFUSED(&f, MU_NOT_FOUND, "operand 2", UNEXPOSE, 0, listed);
    REFUSED(&f, MU_INVALID, "expected funcref", EXPOSE_FUNC, pointer, 0, cookie);
    REFUSED(&f, MU_INVALID, "operand 2: 1 is no calling convention", EXPOSE_FUNC, function, 1,
            cookie);
    REFUSED(&f, MU_INVALID, "operand 3", EXPOSE_FUNC, function, 0, pointer);
    REFUSED(&f, MU_INVALID, "operand 1: 1 is no calling convention", UNEXPOSE, 1, pointer);
    REFUSED(&f, MU_INVALID, "expected ufuncptr", UNEXPOSE, 0, cookie);
    context_fixture_close(&f);
}

/* Cells in frames have irefs without an object, and trusted code can move one anywhere. */
Test(mu_context_limits, trusted_irefs_are_looked_at_before_they_are_followed, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, native, (context_settings){.grant_native = true});
    uint64_t cell = DO(&f, FROM_GLOBAL, context_id(&f, "@frame"));
    context_start(&f, "@cell", NULL, 0);
    mu_thread *thread = context_wait_trapped(&f, 1);
    uint64_t frame = DO(&f, LOAD, NOT_ATOMIC, cell);
    cr_assert_eq(context_int_of(&f, DO(&f, LOAD, NOT_ATOMIC, frame)), 5);
    REFUSED(&f, MU_INVALID, "that has the new type", REFCAST, frame, context_id(&f, "@x.fi"));
    mu_thread_kill(thread);
    context_wait_finished(&f, 1);
    REFUSED(&f, MU_INVALID, "no location of its type", LOAD, NOT_ATOMIC, frame);
    context_start(&f, "@wild", NULL, 0);
    context_wait_finished(&f, 2);
    uint64_t wild = DO(&f, LOAD, NOT_ATOMIC, cell);
    REFUSED(&f, MU_INVALID, "no location of its type", LOAD, NOT_ATOMIC, wild);
    REFUSED(&f, MU_INVALID, "no location of its type", STORE, SEQ_CST, wild,
            context_int(&f, 64, 1));
    context_fixture_close(&f);
}

/* ---- limits */

Test(mu_context_limits, a_context_holds_so_many_values, .timeout = 120)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    enum { BATCH = 4096 };
    const uint64_t operands[] = {64, 5, 0};
    mu_context_operation *batch = calloc(BATCH, sizeof *batch);
    mu_context_answer *answers;
    uint32_t count, failed;
    for (uint32_t i = 0; i < MU_CONTEXT_MAX_HANDLES; i += BATCH) {
        for (uint32_t j = 0; j < BATCH; j++) {
            batch[j] = (mu_context_operation){.op = CTX_FROM_INT,
                                              .result = 1ull << 40 | (i + j) * 4096,
                                              .operands = operands,
                                              .operand_count = 3};
        }
        batch[0].result |= 1ull << 50;
        cr_assert_eq(mu_context_perform(f.context, batch, BATCH, &answers, &count, &failed, NULL),
                     MU_OK);
        cr_assert_eq(count, 0);
        mu_context_answers_free(answers, count);
    }
    free(batch);
    cr_assert_eq(mu_context_handle_count(f.context), MU_CONTEXT_MAX_HANDLES);
    REFUSED(&f, MU_LIMIT, "delete some", FROM_INT, 8, 1, 0);
    DO(&f, DELETE_VALUE, 1ull << 40 | 4096);
    context_int(&f, 8, 1);
    context_fixture_close(&f);
}

Test(mu_context_limits, large_values_have_a_limit_of_their_own, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    f.is_quiet = true;
    uint64_t iref = DO(&f, GET_IREF, DO(&f, NEW_FIXED, context_id(&f, "@big")));
    uint64_t first = DO(&f, LOAD, NOT_ATOMIC, iref);
    for (uint64_t bytes = 4000; bytes <= (64u << 20) - 4000; bytes += 4000) {
        DO(&f, LOAD, NOT_ATOMIC, iref);
    }
    REFUSED(&f, MU_LIMIT, "large values", LOAD, NOT_ATOMIC, iref);
    DO(&f, DELETE_VALUE, first);
    DO(&f, LOAD, NOT_ATOMIC, iref);
    context_fixture_close(&f);
}

Test(mu_context_limits, a_vm_has_so_many_contexts, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    mu_context *others[MU_VM_MAX_CONTEXTS];
    for (uint32_t i = 1; i < MU_VM_MAX_CONTEXTS; i++) {
        cr_assert_eq(mu_context_new(f.vm, &others[i]), MU_OK);
    }
    cr_assert_eq(mu_context_new(f.vm, &others[0]), MU_LIMIT);
    mu_vm_collect(f.vm);
    for (uint32_t i = 1; i < MU_VM_MAX_CONTEXTS; i++) {
        mu_context_free(others[i]);
    }
    mu_context_free(NULL);
    cr_assert_eq(mu_context_new(f.vm, &others[0]), MU_OK);
    mu_context_free(others[0]);
    context_fixture_close(&f);
}

/* ---- batches */

Test(mu_context_limits, a_batch_stops_at_the_first_error, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    uint64_t id = context_id(&f, "@7");
    const uint64_t seven[] = {1}, none[] = {99};
    const mu_context_operation batch[] = {
        {.op = CTX_FROM_CONST, .result = 1, .operands = &id, .operand_count = 1},
        {.op = CTX_TO_INT, .operands = seven, .operand_count = 1},
        {.op = CTX_NAME_OF, .operands = &id, .operand_count = 1},
        {.op = CTX_TO_INT, .operands = none, .operand_count = 1},
        {.op = CTX_FROM_CONST, .result = 2, .operands = &id, .operand_count = 1}};
    mu_context_answer *answers;
    uint32_t count, failed;
    cr_assert_eq(mu_context_perform(f.context, batch, 5, &answers, &count, &failed, f.report),
                 MU_INVALID);
    cr_assert_eq(failed, 3);
    cr_assert_eq(count, 2);
    cr_assert_eq(answers[0].operation, 1);
    cr_assert_eq(answers[0].integer, 7);
    cr_assert_eq(answers[0].bits, 64);
    cr_assert_eq(answers[1].operation, 2);
    cr_assert_str_eq(answers[1].text, "@7");
    mu_context_answers_free(answers, count);
    cr_assert_eq(mu_context_handle_count(f.context), 1);
    cr_assert_eq(mu_context_perform(f.context, NULL, 0, &answers, &count, &failed, f.report),
                 MU_OK);
    mu_context_answers_free(answers, count);
    context_fixture_close(&f);
}

/* Handles that outlive what made them, in every order. */
Test(mu_context_limits, handles_come_and_go_in_any_order, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    f.is_quiet = true;
    enum { MOST = 3000 };
    static uint64_t handles[MOST];
    uint64_t state = 1;
    uint32_t held = 0;
    for (uint32_t i = 0; i < 60000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        if (held && (held == MOST || state >> 63)) {
            uint32_t at = (uint32_t)(state >> 32) % held;
            cr_assert_eq(context_int_of(&f, handles[at]), handles[at]);
            DO(&f, DELETE_VALUE, handles[at]);
            handles[at] = handles[--held];
        } else {
            f.next = state | 1;
            handles[held++] = context_int(&f, 64, state | 1);
        }
        cr_assert_eq(mu_context_handle_count(f.context), held);
    }
    context_fixture_close(&f);
}

/* ---- rows */

Test(mu_context_limits, every_row_checks_its_operands, .timeout = 60)
{
    static const struct {
        const char *name, *operands;
        uint32_t number;
    } rows[] = {
#define MU_CONTEXT(name, number, text, operands, result) {text, operands, number},
#include "mu_context_ops.def"
#undef MU_CONTEXT
    };
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){.grant_native = true});
    static const uint64_t wrong[] = {7, 7, 7, 7, 7, 7, 7, 7, 7};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char words[64];
        snprintf(words, sizeof words, "operation 0, %s", rows[i].name);
        if (strcmp(rows[i].operands, "s") != 0) {
            context_refused(&f, MU_INVALID, words, rows[i].number, wrong, 0);
        }
        context_refused(&f, MU_INVALID, words, rows[i].number, wrong, 9);
        f.next = 0;
        context_refused(&f, MU_INVALID, words, rows[i].number, wrong, 9);
        f.next = 1000;
    }
    context_refused(&f, MU_INVALID, "no operation has the number 0", 0, wrong, 1);
    context_refused(&f, MU_INVALID, "no operation has the number 95", 0x5f, wrong, 1);
    context_refused(&f, MU_INVALID, "no operation has the number 101", 0x65, wrong, 1);
    context_refused(&f, MU_INVALID, "no operation has the number 767", 0x2ff, wrong, 1);
    context_fixture_close(&f);
}

/* ---- limits of the VM */

static uint32_t handles_of(mu_vm *vm)
{
    return mu_vm_get_stats(vm).context_handles;
}

Test(mu_context_limits, a_vms_contexts_hold_as_many_values_as_it_may, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    mu_context *first = f.context;
    mu_vm_limits limits = {.context_handles = 3};
    cr_assert_eq(mu_vm_set_limits(f.vm, &limits, NULL), MU_OK);
    uint64_t numbers[] = {context_int(&f, 64, 1), context_int(&f, 64, 2)};
    cr_assert_eq(mu_context_new(f.vm, &f.context), MU_OK);
    context_int(&f, 64, 3);
    cr_assert_eq(handles_of(f.vm), 3);
    REFUSED(&f, MU_LIMIT, "context_handles = 3", FROM_INT, 64, 4, 0);
    REFUSED(&f, MU_LIMIT, "context_handles = 3", NEW_FIXED, context_id(&f, "@pair"));
    cr_assert_eq(handles_of(f.vm), 3);
    limits.context_handles = 4;
    cr_assert_eq(mu_vm_set_limits(f.vm, &limits, NULL), MU_OK);
    context_int(&f, 64, 4);
    limits.context_handles = 2;
    cr_assert_eq(mu_vm_set_limits(f.vm, &limits, NULL), MU_OK);
    cr_assert_eq(handles_of(f.vm), 4);
    REFUSED(&f, MU_LIMIT, "context_handles = 2", FROM_INT, 64, 5, 0);
    mu_context_free(f.context);
    cr_assert_eq(handles_of(f.vm), 2);
    f.context = first;
    REFUSED(&f, MU_LIMIT, "context_handles = 2", FROM_INT, 64, 5, 0);
    DO(&f, DELETE_VALUE, numbers[0]);
    context_int(&f, 64, 6);
    cr_assert_eq(context_int_of(&f, numbers[1]), 2);
    context_fixture_close(&f);
}

Test(mu_context_limits, contexts_and_large_values_are_metadata_and_give_all_of_it_back,
     .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){0});
    uint64_t cell = DO(&f, GET_IREF, DO(&f, NEW_FIXED, context_id(&f, "@big")));
    uint64_t big = DO(&f, LOAD, NOT_ATOMIC, cell);
    uint64_t used = mu_vm_get_stats(f.vm).metadata_bytes;
    mu_vm_limits limits = {.metadata_bytes = used + 3999};
    cr_assert_eq(mu_vm_set_limits(f.vm, &limits, NULL), MU_OK);
    REFUSED(&f, MU_LIMIT, "metadata_bytes = ", LOAD, NOT_ATOMIC, cell);
    cr_assert_eq(mu_vm_get_stats(f.vm).metadata_bytes, used);
    limits.metadata_bytes = used + 4000;
    cr_assert_eq(mu_vm_set_limits(f.vm, &limits, NULL), MU_OK);
    uint64_t again = DO(&f, LOAD, NOT_ATOMIC, cell);
    cr_assert_eq(mu_vm_get_stats(f.vm).metadata_bytes, used + 4000);
    mu_context *second;
    cr_assert_eq(mu_context_new(f.vm, &second), MU_LIMIT);
    DO(&f, DELETE_VALUE, again);
    DO(&f, DELETE_VALUE, big);
    cr_assert_eq(mu_vm_get_stats(f.vm).metadata_bytes, used - 4000);
    cr_assert_eq(mu_context_new(f.vm, &second), MU_OK);
    cr_assert_gt(mu_vm_get_stats(f.vm).metadata_bytes, used - 4000);
    mu_context_free(second);
    cr_assert_eq(mu_vm_get_stats(f.vm).metadata_bytes, used - 4000);
    context_fixture_close(&f);
}
