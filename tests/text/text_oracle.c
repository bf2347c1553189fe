/* Runs tests on the oracle. */
#include "bundle_rebuild.h"
#include "oracle.h"
#include "text_transcript.h"

#include "mu_irbuilder.h"
#include "mu_verify.h"

#include <stdio.h>
#include <string.h>

typedef struct oracle_state {
    oracle *oracle;
    text_settings settings;
    mu_irbuilder
        *builder; /* NULL: bundles are run as they were parsed; else as built again by it */
} oracle_state;

static oracle_load_fn load_for_program;
static oracle_load_built_fn load_built_for_program;

static void *open_oracle(const text_settings *settings)
{
    oracle_state *state = mu_allocate(sizeof *state);
    state->settings = *settings;
    mu_ir_env *root = mu_ir_env_new_root();
    oracle_limits limits = {.trusted = settings->grant_native,
                            .heap_bytes = settings->heap_bytes,
                            .stack_bytes = settings->stack_bytes};
    state->oracle = oracle_new(root, &limits);
    mu_ir_env_release(root, NULL);
    oracle_set_loader(state->oracle, load_for_program, load_built_for_program, state);
    return state;
}

static void *open_rebuilt(const text_settings *settings)
{
    oracle_state *state = open_oracle(settings);
    state->builder = mu_irbuilder_new(NULL);
    return state;
}

static void close_oracle(void *opaque)
{
    oracle_state *state = opaque;
    mu_irbuilder_free(state->builder);
    oracle_free(state->oracle);
    mu_free(state);
}

typedef struct rebuilding {
    oracle_state *state;
    mu_report *report;
} rebuilding;

/* Verifies a bundle and makes it part of the program; it is taken. */
static mu_status load_bundle(oracle_state *state, mu_ir_bundle *bundle, mu_report *report)
{
    mu_ir_env *env = oracle_env(state->oracle);
    mu_verify_options options = {.allow_native = state->settings.grant_native,
                                 .allow_uncompiled = state->settings.only_oracle};
    mu_status status = mu_verify_bundle(env, bundle, &options, report);
    if (status != MU_OK) {
        mu_ir_bundle_free(bundle);
        return status;
    }
    mu_ir_env *extended = mu_ir_env_extend(env, bundle);
    oracle_set_env(state->oracle, extended);
    mu_ir_env_release(extended, NULL);
    return MU_OK;
}

static mu_status perform_of_builder(void *context, uint32_t op, const uint64_t *operands,
                                    uint32_t operand_count, const char *name, size_t name_length,
                                    uint64_t *result)
{
    const rebuilding *to = context;
    return mu_irbuilder_perform(to->state->builder, oracle_env(to->state->oracle), op, operands,
                                operand_count, name, name_length, to->report, result);
}

/* Puts the bundle in place of a right one that the IR builder makes of its nodes, if it is the
 * same. One that is not right stays, to be refused with its lines. */
static mu_status rebuild(oracle_state *state, mu_ir_bundle **bundle, mu_report *report)
{
    const mu_ir_env *env = oracle_env(state->oracle);
    mu_verify_options options = {.allow_native = state->settings.grant_native,
                                 .allow_uncompiled = state->settings.only_oracle};
    rebuilding to = {.state = state, .report = report};
    mu_ir_bundle *again = NULL;
    uint64_t node;
    if (mu_verify_bundle(env, *bundle, &options, NULL) != MU_OK) {
        return MU_OK;
    }
    mu_status status = bundle_rebuild(*bundle, perform_of_builder, &to, &node);
    if (status == MU_OK) {
        status = mu_irbuilder_take(state->builder, env, node, "rebuilt", report, &again);
    }
    if (status != MU_OK) {
        return mu_report_add(report, status, (mu_location){0}, "the bundle cannot be built again");
    }
    char *first = bundle_sorted_text(*bundle);
    char *second = bundle_sorted_text(again);
    if (strcmp(first, second) != 0) {
        status = mu_report_add(report, MU_INVALID, (mu_location){0},
                               "built again, the bundle is another:\n%s\n%s", first, second);
    }
    mu_free(first);
    mu_free(second);
    mu_ir_bundle_free(*bundle);
    *bundle = again;
    return status;
}

static mu_status load_oracle(void *opaque, const char *name, const char *text, mu_report *report)
{
    oracle_state *state = opaque;
    mu_ir_bundle *bundle = NULL;
    mu_report_set_file(report, name);
    mu_status status =
        mu_ir_parse(oracle_env(state->oracle), name, text, strlen(text), report, &bundle);
    if (status == MU_OK && state->builder) {
        status = rebuild(state, &bundle, report);
    }
    return status == MU_OK ? load_bundle(state, bundle, report) : status;
}

static mu_status load_built_for_program(void *context, mu_irbuilder_graph *graph)
{
    oracle_state *state = context;
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_irbuilder_build(graph, oracle_env(state->oracle), "built", NULL, &bundle);
    return status == MU_OK ? load_bundle(state, bundle, NULL) : status;
}

static void watch_oracle(void *opaque, uint32_t watchpoint, bool enables)
{
    oracle_state *state = opaque;
    oracle_watch(state->oracle, watchpoint, enables);
}

static mu_status load_for_program(void *context, const char *text, size_t length)
{
    mu_report *report = mu_report_new();
    char *copy = mu_allocate(length + 1);
    memcpy(copy, text, length);
    mu_status status = strlen(copy) == length
                           ? load_oracle(context, "loaded by the program", copy, report)
                           : MU_INVALID;
    mu_free(copy);
    mu_report_free(report);
    return status;
}

static mu_type_info info_of_type(const mu_ir_type *type)
{
    mu_type_info info = {.kind = MU_VALUE_OTHER};
    switch (type->kind) { /* NOLINT: every other kind is MU_VALUE_OTHER */
    case MU_IR_INT:
        info.kind = type->bits <= 64 ? MU_VALUE_INT : MU_VALUE_OTHER;
        info.bits = type->bits;
        break;
    case MU_IR_FLOAT: info.kind = MU_VALUE_FLOAT; break;
    case MU_IR_DOUBLE: info.kind = MU_VALUE_DOUBLE; break;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: info.kind = MU_VALUE_POINTER; break;
    case MU_IR_REF: info.kind = MU_VALUE_REF; break;
    case MU_IR_IREF: info.kind = MU_VALUE_IREF; break;
    case MU_IR_FUNCREF: info.kind = MU_VALUE_FUNCREF; break;
    case MU_IR_TAGREF64: info.kind = MU_VALUE_TAGREF64; break;
    default: break;
    }
    return info;
}

static mu_value value_outside(const oracle *from, const oracle_value *value)
{
    mu_type_info info = info_of_type(value->type);
    mu_value out = {.kind = info.kind,
                    .bits = info.bits,
                    .is_null = value->is_null,
                    .integer = value->integer,
                    .single_value = value->single_value,
                    .double_value = value->double_value};
    if (info.kind == MU_VALUE_OTHER) {
        snprintf(out.text, sizeof out.text, "%s", value->text);
    }
    if (info.kind == MU_VALUE_FUNCREF && !value->is_null) {
        snprintf(out.text, sizeof out.text, "%s", oracle_function_name(from, value->integer));
    }
    return out;
}

static bool value_inside(const text_value *written, const mu_ir_type *type, oracle_value *value)
{
    mu_value made;
    if (!text_value_make(written, info_of_type(type), &made)) {
        return false;
    }
    *value = (oracle_value){.type = type,
                            .integer = made.integer,
                            .is_integer = made.kind == MU_VALUE_INT,
                            .is_null = made.is_null,
                            .literal = made.literal,
                            .single_value = made.single_value,
                            .double_value = made.double_value};
    return true;
}

typedef struct oracle_trapping {
    oracle_state *state;
    const text_run *run;
    const char *path;
    transcript *seen;
} oracle_trapping;

static void record_trap(const oracle *from, transcript *seen)
{
    seen_trap trap = {.frame_total = oracle_frame_count(from),
                      .watchpoint = oracle_trap_watchpoint(from)};
    for (uint32_t i = 0; i < trap.frame_total && i < TRANSCRIPT_FRAMES; i++) {
        oracle_frame frame = oracle_frame_at(from, i);
        seen_frame recorded = {.is_undefined = !frame.version && !frame.is_native};
        snprintf(recorded.place, sizeof recorded.place, "%s",
                 frame.instruction ? frame.instruction
                 : frame.version   ? frame.version
                                   : frame.function);
        for (uint32_t k = 0; k < frame.keepalive_count; k++) {
            oracle_value value = oracle_keepalive(from, i, k);
            MU_ARRAY_PUSH(&recorded.values, value_outside(from, &value));
        }
        MU_ARRAY_PUSH(&trap.frames, recorded);
    }
    MU_ARRAY_PUSH(&seen->traps, trap);
}

static bool load_in_trap(oracle_trapping *at, const char *name)
{
    mu_arena *arena = mu_arena_new();
    mu_report *report = mu_report_new();
    size_t length;
    char *text = text_read_all(text_path_beside(arena, at->path, name), &length);
    bool done = text && load_oracle(at->state, name, text, report) == MU_OK;
    if (!done) {
        char *complaint = mu_report_text(report);
        transcript_break(at->seen, "loading %s in a trap: %s", name, complaint);
        mu_free(complaint);
    }
    mu_free(text);
    mu_report_free(report);
    mu_arena_free(arena);
    return done;
}

static void answer_values(oracle *from, const text_trap *expected, oracle_trapping *at,
                          oracle_answer *answer)
{
    uint32_t count = oracle_trap_result_count(from);
    answer->kind = ORACLE_RESUME;
    answer->count = expected->values.count;
    if (answer->count != 0 && (answer->count != count || count > ORACLE_MAX_VALUES)) {
        transcript_break(at->seen, "the trap wants %u values", count);
        answer->kind = ORACLE_KILL;
        return;
    }
    for (uint32_t i = 0; i < answer->count; i++) {
        if (!value_inside(&expected->values.items[i], oracle_trap_result_type(from, i),
                          &answer->values[i])) {
            transcript_break(at->seen, "the answer %s does not fit",
                             expected->values.items[i].literal);
            answer->kind = ORACLE_KILL;
        }
    }
}

static void answer_trap(oracle *from, void *context, oracle_answer *answer)
{
    oracle_trapping *at = context;
    const text_trap *expected = transcript_next_trap(at->seen, at->run);
    record_trap(from, at->seen);
    answer->kind = ORACLE_KILL;
    if (!expected) {
        return;
    }
    if (expected->collects) {
        oracle_collect(from);
    }
    if (expected->enables) {
        oracle_watch(from, expected->enables, true);
    }
    if (expected->disables) {
        oracle_watch(from, expected->disables, false);
    }
    if (expected->load && !load_in_trap(at, expected->load)) {
        return;
    }
    switch (expected->answer) {
    case ANSWER_VALUES: answer_values(from, expected, at, answer); break;
    case ANSWER_THROW:
        answer->kind = ORACLE_THROW;
        answer->is_fresh = expected->is_fresh;
        if (expected->exception >= 0) {
            answer->exception = oracle_keepalive(from, 0, (uint32_t)expected->exception).object;
        }
        break;
    case ANSWER_KILL: break;
    }
}

static void record_result(const oracle *from, const oracle_result *result, transcript *seen)
{
    switch (result->outcome) {
    case ORACLE_RETURNED:
        seen->outcome = TEXT_RETURNS;
        for (uint32_t i = 0; i < result->count; i++) {
            MU_ARRAY_PUSH(&seen->results, value_outside(from, &result->values[i]));
        }
        break;
    case ORACLE_EXITED: seen->outcome = TEXT_EXITS; break;
    case ORACLE_ERROR:
        seen->outcome = TEXT_THROWS;
        snprintf(seen->error, sizeof seen->error, "%s", mu_abi_guest_error_name(result->error));
        break;
    case ORACLE_KILLED: seen->outcome = TEXT_KILLED; break;
    case ORACLE_UNDEFINED: transcript_break(seen, "%s", result->message); break;
    }
}

static void run_oracle(void *opaque, const text_run *run, const char *path, transcript *seen)
{
    oracle_state *state = opaque;
    const mu_ir_entity *entity =
        mu_ir_env_find(oracle_env(state->oracle), run->function, strlen(run->function));
    if (!entity || entity->kind != MU_IR_FUNC) {
        transcript_break(seen, "there is no function %s", run->function);
        return;
    }
    const mu_ir_func *function = (const mu_ir_func *)entity;
    oracle_value arguments[ORACLE_MAX_VALUES];
    if (run->arguments.count != function->sig->param_count ||
        run->arguments.count > ORACLE_MAX_VALUES) {
        transcript_break(seen, "%s takes %u arguments", run->function, function->sig->param_count);
        return;
    }
    for (uint32_t i = 0; i < run->arguments.count; i++) {
        if (!value_inside(&run->arguments.items[i], function->sig->params[i], &arguments[i])) {
            transcript_break(seen, "the argument %s does not fit", run->arguments.items[i].literal);
            return;
        }
    }
    oracle_trapping at = {state, run, path, seen};
    oracle_result *result = mu_allocate(sizeof *result);
    oracle_run(state->oracle, function, arguments, answer_trap, &at, result);
    record_result(state->oracle, result, seen);
    mu_free(result);
}

const text_engine text_oracle_engine = {"oracle",    open_oracle,  close_oracle,
                                        load_oracle, watch_oracle, run_oracle};
const text_engine text_rebuilt_engine = {"oracle, built again", open_rebuilt, close_oracle,
                                         load_oracle,           watch_oracle, run_oracle};
