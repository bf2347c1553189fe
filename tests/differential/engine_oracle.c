/* A program on the oracle. */
#include "engine.h"

#include "mu_verify.h"
#include "oracle.h"

#include <stdio.h>
#include <string.h>

#define STEPS_MAX 3000000u

typedef struct oracle_session {
    engine_text *out;
    uint32_t traps;
    uint32_t calls;
} oracle_session;

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
    case MU_IR_REF: info.kind = MU_VALUE_REF; break;
    case MU_IR_IREF: info.kind = MU_VALUE_IREF; break;
    case MU_IR_FUNCREF: info.kind = MU_VALUE_FUNCREF; break;
    case MU_IR_TAGREF64: info.kind = MU_VALUE_TAGREF64; break;
    case MU_IR_UPTR:
    case MU_IR_UFUNCPTR: info.kind = MU_VALUE_POINTER; break;
    default: break;
    }
    return info;
}

static void write_value(const oracle *from, engine_text *out, const oracle_value *value)
{
    mu_type_info info = info_of_type(value->type);
    mu_value shown = {.kind = info.kind,
                      .bits = info.bits,
                      .is_null = value->is_null,
                      .integer = value->integer,
                      .single_value = value->single_value,
                      .double_value = value->double_value};
    if (info.kind == MU_VALUE_OTHER) {
        snprintf(shown.text, sizeof shown.text, "%s", value->text);
    }
    if (info.kind == MU_VALUE_FUNCREF && !value->is_null) {
        snprintf(shown.text, sizeof shown.text, "%s", oracle_function_name(from, value->integer));
    }
    engine_write_value(out, &shown);
}

static bool make_value(const mu_ir_type *type, uint64_t word, oracle_value *value)
{
    mu_value made;
    bool is_made = engine_make_value(info_of_type(type), word, &made);
    *value = (oracle_value){.type = type};
    if (is_made) {
        value->integer = made.integer;
        value->single_value = made.single_value;
        value->double_value = made.double_value;
        value->is_null = made.is_null;
        value->is_integer = made.kind == MU_VALUE_INT;
    }
    return is_made;
}

static void write_trap(const oracle *from, engine_text *out)
{
    uint32_t count = oracle_frame_count(from);
    engine_write(out, "trap, watchpoint %u, %u frames\n", oracle_trap_watchpoint(from), count);
    for (uint32_t i = 0; i < count && i < ENGINE_FRAMES_MAX; i++) {
        oracle_frame frame = oracle_frame_at(from, i);
        engine_write(out, "  %s %s:", frame.version ? frame.version : frame.function,
                     frame.instruction ? frame.instruction : "-");
        for (uint32_t k = 0; k < frame.keepalive_count; k++) {
            oracle_value value = oracle_keepalive(from, i, k);
            write_value(from, out, &value);
        }
        engine_write(out, "\n");
    }
}

static void throw_kept(const oracle *from, oracle_answer *answer)
{
    oracle_frame frame = oracle_frame_at(from, 0);
    for (uint32_t k = 0; k < frame.keepalive_count; k++) {
        oracle_value value = oracle_keepalive(from, 0, k);
        if (value.type->kind == MU_IR_REF) {
            answer->exception = value.object;
            return;
        }
    }
}

static void draw_watchpoints(oracle *on, const oracle_session *session, bool is_trap)
{
    uint32_t mask;
    if (!engine_draw_watchpoints(session->calls, session->traps, is_trap, &mask)) {
        return;
    }
    for (uint32_t i = 0; i < ENGINE_WATCHPOINTS; i++) {
        oracle_watch(on, engine_watchpoint(i), mask >> i & 1);
    }
}

static void on_trap(oracle *from, void *context, oracle_answer *answer)
{
    oracle_session *session = context;
    write_trap(from, session->out);
    engine_answer chosen = engine_answer_of(
        session->traps++, oracle_frame_at(from, 0).version == NULL, oracle_trap_is_clients(from));
    draw_watchpoints(from, session, true);
    if (chosen.collects) {
        oracle_collect(from);
    }
    switch (chosen.kind) {
    case ANSWER_ZEROS: answer->kind = ORACLE_RESUME; return;
    case ANSWER_VALUES: {
        uint32_t count = oracle_trap_result_count(from);
        bool can = true;
        for (uint32_t i = 0; i < count; i++) {
            uint64_t word = engine_scramble(&chosen.random);
            can = make_value(oracle_trap_result_type(from, i), word, &answer->values[i]) && can;
        }
        answer->kind = ORACLE_RESUME;
        answer->count = can ? count : 0;
        return;
    }
    case ANSWER_KEPT: throw_kept(from, answer); break;
    case ANSWER_FRESH: answer->is_fresh = true; break;
    case ANSWER_NULL: break;
    case ANSWER_KILL: answer->kind = ORACLE_KILL; return;
    }
    answer->kind = ORACLE_THROW;
}

static void write_result(const oracle *from, engine_text *out, const oracle_result *result)
{
    switch (result->outcome) {
    case ORACLE_RETURNED:
        engine_write(out, "returned");
        for (uint32_t i = 0; i < result->count; i++) {
            write_value(from, out, &result->values[i]);
        }
        break;
    case ORACLE_EXITED: engine_write(out, "exited"); break;
    case ORACLE_ERROR: engine_write(out, "error %s", mu_abi_guest_error_name(result->error)); break;
    case ORACLE_KILLED: engine_write(out, "killed"); break;
    case ORACLE_UNDEFINED: engine_write(out, "undefined: %s", result->message); break;
    }
    engine_write(out, "\n");
}

static bool run_call(oracle *on, const engine_call *call, oracle_session *session)
{
    mu_ir_entity *entity = mu_ir_env_find(oracle_env(on), call->function, strlen(call->function));
    if (!entity || entity->kind != MU_IR_FUNC) {
        engine_write(session->out, "no function %s\n", call->function);
        return true;
    }
    const mu_ir_func *function = (const mu_ir_func *)entity;
    oracle_value arguments[ENGINE_ARGUMENTS_MAX];
    for (uint32_t i = 0; i < function->sig->param_count; i++) {
        make_value(function->sig->params[i], i < call->count ? call->words[i] : 0, &arguments[i]);
    }
    engine_write(session->out, "call %s\n", call->function);
    oracle_result result;
    oracle_run(on, function, arguments, on_trap, session, &result);
    write_result(on, session->out, &result);
    return result.outcome != ORACLE_UNDEFINED;
}

engine_verdict engine_run_oracle(const char *program, engine_text *out)
{
    mu_ir_env *root = mu_ir_env_new_root();
    oracle_limits limits = {.heap_bytes = ENGINE_HEAP_BYTES,
                            .stack_bytes = ENGINE_STACK_BYTES,
                            .steps = STEPS_MAX,
                            .trusted = engine_is_trusted()};
    oracle *on = NULL;
    mu_report *report = mu_report_new();
    mu_ir_bundle *bundle = NULL;
    engine_verdict verdict = ENGINE_REFUSED;
    mu_verify_options options = {.allow_native = engine_is_trusted()};
    mu_status status = mu_ir_parse(root, "program", program, strlen(program), report, &bundle);
    if (status == MU_OK) {
        status = mu_verify_bundle(root, bundle, &options, report);
    }
    if (status != MU_OK) {
        char *text = mu_report_text(report);
        engine_write(out, "%s", text);
        mu_free(text);
        if (bundle) {
            mu_ir_bundle_free(bundle);
        }
    } else {
        mu_ir_env *env = mu_ir_env_extend(root, bundle);
        on = oracle_new(env, &limits);
        mu_ir_env_release(env, NULL);
        verdict = ENGINE_RAN;
        oracle_session session = {.out = out};
        engine_call call;
        while (verdict == ENGINE_RAN && engine_next_call(&program, &call)) {
            session.calls++;
            draw_watchpoints(on, &session, false);
            verdict = run_call(on, &call, &session) ? ENGINE_RAN : ENGINE_UNDEFINED;
        }
        oracle_free(on);
    }
    mu_report_free(report);
    mu_ir_env_release(root, NULL);
    return verdict;
}
