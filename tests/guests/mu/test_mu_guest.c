/* The Mu guest on the substrate: what it takes for its own, and how it reads arguments. */
#include "guest_mu.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(guest_mu, identifies_bundles_by_ending_or_content)
{
    const guest_class *guest = guest_mu_class();
    const char *definition = "  // a comment\n\n\t.funcsig @s = () -> ()";
    cr_assert(guest->identifies("a.uir", "", 0));
    cr_assert(guest->identifies("stdin", definition, strlen(definition)));
    cr_assert_not(guest->identifies("a.js", "let a = 1", 9));
    cr_assert_not(guest->identifies("", "// only a comment", 17));
    cr_assert_not(guest->identifies("", "/", 1));
    cr_assert_not(guest->identifies("", ".func", 5));
    cr_assert_not(guest->identifies("", "", 0));
}

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    char *bytes = mu_allocate(1 << 16);
    *length = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

typedef struct loaded_vm {
    mu_substrate *substrate;
    guest_vm *vm;
} loaded_vm;

static loaded_vm load_example(const char *path)
{
    loaded_vm loaded = {0};
    mu_substrate_config config = mu_substrate_config_from_environment();
    mu_vm_config vm_config = {0};
    mu_load_info info = {0};
    mu_report *report = mu_report_new();
    size_t length = 0;
    char *text = read_file(path, &length);
    config.workers = 1;
    cr_assert_eq(mu_substrate_new(&config, report, &loaded.substrate), MU_OK);
    cr_assert_eq(guest_mu_class()->vm_new(loaded.substrate, &vm_config, &loaded.vm), MU_OK);
    mu_status status = guest_mu_class()->load(loaded.vm, path, text, length, report, &info);
    if (status != MU_OK) {
        cr_assert_fail("%s: %s", path, mu_report_text(report));
    }
    cr_assert_gt(info.functions_defined, 0);
    mu_free(text);
    mu_report_free(report);
    return loaded;
}

static void unload(loaded_vm *loaded)
{
    guest_mu_class()->vm_free(loaded->vm);
    mu_substrate_free(loaded->substrate);
}

Test(guest_mu, a_script_for_the_heap_is_told_by_its_ending_or_content)
{
    const guest_class *guest = guest_mu_class();
    cr_assert(guest->identifies("a.hail", "", 0));
    cr_assert(guest->identifies("stdin", "// x\n.new $a <@b>", 17));
    cr_assert(guest->identifies("stdin", ".init @a = 1", 12));
    cr_assert(guest->identifies("stdin", "\x7fHAI", 4));
    loaded_vm loaded = load_example(EXAMPLES "/shapes.uir");
    static const char script[] = ".new $c <@Class>";
    static const char *const names[] = {"a.hail", "stdin", "a.uir"};
    static const mu_status wanted[] = {MU_OK, MU_OK, MU_INVALID};
    for (size_t i = 0; i < 3; i++) {
        mu_load_info info = {.functions_defined = 7};
        cr_assert_eq(guest->load(loaded.vm, names[i], script, sizeof script - 1, NULL, &info),
                     wanted[i]);
        cr_assert_eq(info.functions_defined, wanted[i] == MU_OK ? 0 : 7);
    }
    size_t length = 0;
    char *text = read_file(EXAMPLES "/shapes.hail", &length);
    mu_load_info info;
    cr_assert_eq(guest->load(loaded.vm, "shapes.hail", text, length, NULL, &info), MU_OK);
    mu_free(text);
    unload(&loaded);
}

Test(guest_mu, every_example_loads)
{
    static const char *const examples[] = {
        EXAMPLES "/gcd.uir",        EXAMPLES "/factorial.uir",  EXAMPLES "/fib.uir",
        EXAMPLES "/trees.uir",      EXAMPLES "/exceptions.uir", EXAMPLES "/traps.uir",
        EXAMPLES "/redefine_1.uir", EXAMPLES "/sum_floats.uir", EXAMPLES "/main.uir",
        EXAMPLES "/shapes.uir",     EXAMPLES "/values.uir"};
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        loaded_vm loaded = load_example(examples[i]);
        unload(&loaded);
    }
}

static void check_refusal(loaded_vm *loaded, const char *function, const guest_argument *arguments,
                          uint32_t count, mu_status wanted, const char *message)
{
    mu_report *report = mu_report_new();
    mu_thread *thread = NULL;
    mu_function *callee = NULL;
    cr_assert_eq(
        guest_mu_class()->call(loaded->vm, function, arguments, count, report, &thread, &callee),
        wanted);
    cr_assert_str_eq(mu_report_at(report, 0)->message, message);
    cr_assert_null(thread);
    mu_report_free(report);
}

Test(guest_mu, refused_calls_show_the_signature)
{
    loaded_vm loaded = load_example(EXAMPLES "/gcd.uir");
    guest_argument arguments[] = {{.text = "1071"}, {.text = "x"}};
    check_refusal(&loaded, "gcd", arguments, 2, MU_INVALID,
                  "@gcd takes (int<64> int<64>) -> (int<64>); argument 2 \"x\" is not an int<64>");
    check_refusal(&loaded, "@gcd", arguments, 1, MU_INVALID,
                  "@gcd takes (int<64> int<64>) -> (int<64>); 1 argument was given");
    check_refusal(&loaded, "lcm", arguments, 2, MU_NOT_FOUND, "no function @lcm");
    unload(&loaded);
}

Test(guest_mu, a_call_makes_a_thread_with_or_without_the_at_sign)
{
    loaded_vm loaded = load_example(EXAMPLES "/gcd.uir");
    const char *names[] = {"gcd", "@gcd"};
    for (size_t i = 0; i < 2; i++) {
        guest_argument arguments[] = {
            {.text = "1071"}, {.value = {.kind = MU_VALUE_INT, .bits = 64, .integer = 462}}};
        mu_thread *thread = NULL;
        mu_function *callee = NULL;
        cr_assert_eq(
            guest_mu_class()->call(loaded.vm, names[i], arguments, 2, NULL, &thread, &callee),
            MU_OK);
        cr_assert_str_eq(mu_function_name(callee), "@gcd");
        mu_thread_free(thread);
    }
    unload(&loaded);
}
