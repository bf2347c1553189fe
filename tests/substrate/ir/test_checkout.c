/* The bundles of a checkout of microvm/microvm-refimpl2, whose path is in MUD_MU_CHECKOUT: all of
 * them parse, but for one that is broken on purpose. None is part of this repository. */
#include "ir_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each line: what is loaded before it (or NULL), and the bundle. */
#define REFIMPL "tests/uvm-refimpl-test/"
#define PARSING "tests/uvm-parsing-test/"
#define PRELUDE REFIMPL "primitives.uir"
static const char *const bundles[][2] = {
    {NULL, PRELUDE},
    {PRELUDE, REFIMPL "basic-tests.uir"},
    {PRELUDE, REFIMPL "simple-tests.uir"},
    {PRELUDE, REFIMPL "simple-sum.uir"},
    {PRELUDE, REFIMPL "int128-test.uir"},
    {PRELUDE, REFIMPL "futex-tests.uir"},
    {PRELUDE, REFIMPL "gc-tests.uir"},
    {PRELUDE, REFIMPL "osr-tests.uir"},
    {PRELUDE, REFIMPL "meta-tests.uir"},
    {PRELUDE, REFIMPL "redef-file1.uir"},
    {PRELUDE, REFIMPL "native-tests.uir"},
    {PRELUDE, REFIMPL "native-callback-tests.uir"},
    {PRELUDE, REFIMPL "native-client-test.uir"},
    {PRELUDE, REFIMPL "uvm-mem-test-bundle.uir"},
    {NULL, REFIMPL "extra-big-func.uir"},
    {PRELUDE, "tests/uvm-hail-test/basic-hail-test.uir"},
    {PRELUDE, "tests/uvm-hail-test/hello-world-test.uir"},
    {NULL, "tests/extra-progs/factorial.uir"},
    {NULL, PARSING "types.uir"},
    {NULL, PARSING "constants.uir"},
    {NULL, PARSING "functions.uir"},
    {NULL, PARSING "instructions.uir"},
    {PARSING "redef-base.uir", PARSING "redef-overlay.uir"},
};

static char *read_text(const char *checkout, const char *path)
{
    char full[4096];
    snprintf(full, sizeof full, "%s/%s", checkout, path);
    FILE *file = fopen(full, "rb");
    cr_assert_not_null(file, "%s", full);
    char *text = calloc(1, 1 << 20);
    cr_assert_gt(fread(text, 1, (1 << 20) - 1, file), 0);
    fclose(file);
    return text;
}

static mu_ir_env *load_file(mu_ir_env *env, const char *checkout, const char *path)
{
    char *text = read_text(checkout, path);
    mu_ir_env *next = load(env, text);
    free(text);
    return next;
}

static const char *checkout_path(void)
{
    const char *checkout = getenv("MUD_MU_CHECKOUT");
    if (!checkout) {
        cr_skip_test("MUD_MU_CHECKOUT names no checkout of microvm-refimpl2");
    }
    return checkout;
}

Test(mu_ir_checkout, every_bundle_parses_and_prints_back)
{
    const char *checkout = checkout_path();
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++) {
        mu_ir_env *base = mu_ir_env_new_root();
        if (bundles[i][0]) {
            base = load_file(base, checkout, bundles[i][0]);
        }
        mu_ir_env *env = load_file(mu_ir_env_retain(base), checkout, bundles[i][1]);
        char *first = mu_ir_print(env->bundle);
        mu_ir_env *again = load(mu_ir_env_retain(base), first);
        char *second = mu_ir_print(again->bundle);
        cr_assert_str_eq(first, second, "%s", bundles[i][1]);
        mu_free(first);
        mu_free(second);
        unload(env);
        unload(again);
        unload(base);
    }
}

Test(mu_ir_checkout, bundles_that_build_on_others_parse)
{
    const char *checkout = checkout_path();
    mu_ir_env *env = load_file(mu_ir_env_new_root(), checkout, PRELUDE);
    env = load_file(env, checkout, REFIMPL "osr-tests.uir");
    unload(load_file(env, checkout, REFIMPL "osr-tests-part2.uir"));
    env = load_file(mu_ir_env_new_root(), checkout, PRELUDE);
    env = load_file(env, checkout, REFIMPL "redef-file1.uir");
    env = load_file(env, checkout, REFIMPL "redef-file2.uir");
    unload(load_file(env, checkout, REFIMPL "redef-file3.uir"));
}

Test(mu_ir_checkout, the_broken_bundle_is_refused)
{
    const char *checkout = checkout_path();
    char *text = read_text(checkout, PARSING "bundle-with-error.uir");
    cr_assert_eq(parse_status(NULL, text, strlen(text)), MU_INVALID);
    free(text);
}
