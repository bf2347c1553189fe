#include "fuzz_targets.h"

#include "mu_verify.h"

#include <string.h>

/* Verifies a fresh parse of the text; the bundle that passed, or NULL. */
static mu_ir_bundle *verified(const mu_ir_env *root, const char *text, size_t length,
                              const mu_verify_options *options)
{
    mu_report *report = mu_report_new();
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(root, "fuzz", text, length, report, &bundle);
    if (status == MU_OK) {
        status = mu_verify_bundle(root, bundle, options, report);
        if (status != MU_OK) {
            MU_INVARIANT(mu_report_count(report) > 0, "refused without a reason: %s",
                         mu_status_name(status));
            mu_ir_bundle_free(bundle);
            bundle = NULL;
        }
    } else {
        MU_INVARIANT(mu_report_count(report) > 0, "not parsed without a reason: %s",
                     mu_status_name(status));
    }
    char *shown = mu_report_text(report);
    mu_free(shown);
    mu_report_free(report);
    return bundle;
}

/* What was accepted prints to a text that is accepted and prints to the same text. */
static void check_round_trip(const mu_ir_env *root, const mu_ir_bundle *bundle,
                             const mu_verify_options *options)
{
    char *first = mu_ir_print(bundle);
    mu_ir_bundle *again = verified(root, first, strlen(first), options);
    MU_INVARIANT(again, "the printed bundle is not accepted:\n%s", first);
    char *second = mu_ir_print(again);
    MU_INVARIANT(strcmp(first, second) == 0, "two prints differ:\n%s\n%s", first, second);
    mu_free(first);
    mu_free(second);
    mu_ir_bundle_free(again);
}

/* One mode and, for one input in eight, the round trip: which is decided by the bytes, so that an
 * input behaves the same each time and a campaign still sees every combination. Doing all of them
 * each time made it five times slower. */
void fuzz_bundle(const uint8_t *bytes, size_t length)
{
    static mu_ir_env *root; /* kept: making it costs more than a small input */
    if (!root) {
        root = mu_ir_env_new_root();
    }
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    mu_verify_options options = {.allow_native = (hash & 1) != 0,
                                 .allow_uncompiled = (hash & 2) != 0};
    mu_ir_bundle *bundle = verified(root, (const char *)bytes, length, &options);
    if (bundle) {
        if ((hash >> 2) % 8 == 0) {
            check_round_trip(root, bundle, &options);
        }
        mu_ir_bundle_free(bundle);
    }
}
