#include "fuzz_targets.h"

#include "builder_script.h"

#include "mu_verify.h"

#include <string.h>

static mu_status verify(const mu_ir_env *env, mu_ir_bundle *bundle, mu_report *report)
{
    mu_verify_options options = {.allow_native = true};
    return mu_verify_bundle(env, bundle, &options, report);
}

/* What was built and is right prints to a text that is right, unless a definition in it uses a name
 * that only nameless things of an earlier bundle have in prints. */
static void check_print(const mu_ir_env *env, const mu_ir_bundle *bundle)
{
    char *text = mu_ir_print(bundle);
    mu_ir_bundle *again = NULL;
    mu_report *report = mu_report_new();
    mu_status status = mu_ir_parse(env, "again", text, strlen(text), report, &again);
    if (status == MU_OK) {
        status = verify(env, again, report);
    }
    char *complaint = mu_report_text(report);
    MU_INVARIANT(status == MU_OK || strstr(text, "@mud.id."), "%s\n%s", text, complaint);
    mu_free(complaint);
    mu_report_free(report);
    mu_ir_bundle_free(again);
    mu_free(text);
}

static mu_status load(void *context, uint64_t node, mu_report *report)
{
    builder_script *script = context;
    mu_ir_bundle *bundle = NULL;
    mu_ir_env *env = (mu_ir_env *)(uintptr_t)script->env;
    uint32_t before = mu_report_total(report);
    mu_status status = mu_irbuilder_take(script->builder, env, node, "fuzz", report, &bundle);
    if (status == MU_OK) {
        status = verify(env, bundle, report);
    }
    MU_INVARIANT(status == MU_OK || mu_report_total(report) > before, "refused without a reason");
    if (status == MU_OK) {
        check_print(env, bundle);
        script->env = mu_ir_env_extend(env, bundle);
        mu_ir_env_release(env, NULL);
    } else {
        mu_ir_bundle_free(bundle);
    }
    return status;
}

void fuzz_irbuilder(const uint8_t *bytes, size_t length)
{
    static mu_ir_env *root; /* kept: making it costs more than a small input */
    if (!root) {
        root = mu_ir_env_new_root();
    }
    builder_script script = {.builder = mu_irbuilder_new(NULL),
                             .env = mu_ir_env_retain(root),
                             .load = load,
                             .context = &script,
                             .goes_on = true,
                             .report = mu_report_new()};
    mu_status status = builder_script_run(&script, (const char *)bytes, length);
    MU_INVARIANT(status == MU_OK || mu_report_total(script.report) > 0, "no reason for %s",
                 mu_status_name(status));
    mu_report_free(script.report);
    mu_irbuilder_free(script.builder);
    mu_ir_env_release((mu_ir_env *)(uintptr_t)script.env, NULL);
}
