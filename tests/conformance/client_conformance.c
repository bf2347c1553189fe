/* Runs the reference implementation's C tests of its client interface, as they are, against a mud:
 *
 *   client_conformance MUD TESTS.so        in the folder of the reference implementation
 *
 * TESTS.so is its tests/c-snippets/ncs_tests.c, compiled with our muapi.h (client_conformance.sh
 * does that). Each test is a function that takes a MuVM and gives yes or no; what its Scala caller
 * passes is passed here. The one that writes through a pinned object's address and has C functions
 * called is for an implementation in the same process, and is not run. */
#include "muclient_mu.h"
#include "real_mud.h"
#include "refimpl2_start.h"
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef bool (*named_fn)(MuVM *vm, int id, const char *name);
typedef bool (*plain_fn)(MuVM *vm);
typedef bool (*pointer_fn)(MuVM *vm, MuCFP function);

/* dlsym gives a function's address as that of an object. */
typedef union entry {
    void *address;
    named_fn named;
    plain_fn plain;
    pointer_fn pointer;
} entry;

typedef struct client_test {
    const char *name;
    const char *argument; /* a name, for those that take one */
    const char *error;    /* words of the one error that it causes; NULL: none */
} client_test;

/* test_memory_ops makes a place one past the end of an array, and does not use it. */
static const client_test tests[] = {
    {"test_basic", "@i64", NULL},    {"test_with_ctx", "@double", NULL},
    {"test_basic_conv", NULL, NULL}, {"test_global_vars", NULL, NULL},
    {"test_traps", NULL, NULL},      {"test_load_bundle", NULL, NULL},
    {"test_comp_types", NULL, NULL}, {"test_memory_ops", NULL, "get_elem_iref"},
    {"test_osr", NULL, NULL},        {"test_tr64", NULL, NULL},
    {"test_wp", NULL, NULL},
};

static bool bundle_load(MuVM *vm, MuCtx *ctx, const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return false;
    }
    size_t length = fread(text, 1, sizeof text, file);
    (void)fclose(file);
    ctx->load_bundle(ctx, text, length);
    if (*vm->get_mu_error_ptr(vm) != 0) {
        printf("%s: %s\n", path, muclient_mu_error(vm));
        return false;
    }
    return true;
}

static MuCFP exposed_function(MuVM *vm, const char *name)
{
    char copy[64];
    MuCtx *ctx = vm->new_context(vm);
    (void)snprintf(copy, sizeof copy, "%s", name);
    MuCFP function = ctx->handle_to_fp(ctx, ctx->handle_from_expose(ctx, ctx->id_of(ctx, copy)));
    ctx->close_context(ctx);
    return function;
}

static bool test_run(MuVM *vm, void *library, const client_test *test)
{
    entry found = {.address = dlsym(library, test->name)};
    char name[64];
    if (found.address == NULL) {
        printf("%s is not there\n", test->name);
        return false;
    }
    if (test->argument != NULL) {
        (void)snprintf(name, sizeof name, "%s", test->argument);
        return found.named(vm, (int)vm->id_of(vm, name), name);
    }
    if (strcmp(test->name, "test_global_vars") == 0) {
        return found.pointer(vm, exposed_function(vm, "@plus_one_native"));
    }
    return found.plain(vm);
}

/* A test may say yes and have had an error all the same. */
static bool test_verdict(MuVM *vm, void *library, const client_test *test)
{
    int *error = vm->get_mu_error_ptr(vm);
    *error = 0;
    bool is_passed = test_run(vm, library, test);
    bool is_expected =
        *error == 0 ? test->error == NULL
                    : test->error != NULL && strstr(muclient_mu_error(vm), test->error) != NULL;
    if (!is_expected) {
        printf("%s: %s\n", test->name,
               *error == 0 ? "the expected error did not come" : muclient_mu_error(vm));
    }
    return is_passed && is_expected;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: client_conformance MUD TESTS.so\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    void *library = dlopen(argv[2], RTLD_NOW);
    if (library == NULL) {
        (void)fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    real_mud *mud = real_mud_start(argv[1]);
    (void)setenv("MUD_HOST", real_mud_socket(mud), 1);
    unsigned failed = 0;
    unsigned count = sizeof tests / sizeof tests[0];
    MuVM *vm = mu_refimpl2_new();
    MuCtx *ctx = vm == NULL ? NULL : vm->new_context(vm);
    if (ctx == NULL || !bundle_load(vm, ctx, "tests/uvm-refimpl-test/primitives.uir") ||
        !bundle_load(vm, ctx, "tests/uvm-refimpl-test/native-client-test.uir")) {
        return 1;
    }
    ctx->close_context(ctx);
    for (unsigned i = 0; i < count; i++) {
        bool is_passed = test_verdict(vm, library, &tests[i]);
        printf("%s - %s\n", is_passed ? "ok" : "not ok", tests[i].name);
        failed += !is_passed;
    }
    mu_refimpl2_close(vm);
    failed += real_mud_stop(mud) != 0;
    printf("client conformance: %u tests, %u passed, %u failed, 1 not run (test_native)\n", count,
           count - failed, failed);
    return failed == 0 ? 0 : 1;
}
