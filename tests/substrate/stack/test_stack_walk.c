/* The walk over a stack that is built by hand: two functions with call sites, and a stub at the
 * bottom. */
#include "mu_stack.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

enum { CODE_BYTES = 64, OUTER_SITE = 16, INNER_SITE = 32, STUB_SITE = 8 };

static mu_code_cache *cache;

static mu_code_object *install(const char *name, uint32_t return_offset, mu_code_site_kind kind)
{
    unsigned char bytes[CODE_BYTES];
    memset(bytes, 0xcc, sizeof bytes);
    mu_code_object *object = mu_allocate(sizeof *object);
    object->name = mu_string_copy(name, strlen(name));
    object->sites = mu_allocate(sizeof *object->sites);
    object->site_count = 1;
    object->sites[0].return_offset = return_offset;
    object->sites[0].kind = kind;
    cr_assert_eq(mu_code_install(cache, object, bytes, sizeof bytes), MU_OK);
    return object;
}

static uintptr_t site_address(const mu_code_object *object)
{
    return (uintptr_t)object->start + object->sites[0].return_offset;
}

static void setup(void)
{
    mu_code_config config = {.size_bytes = 1u << 20};
    cr_assert_eq(mu_code_cache_new(&config, &cache), MU_OK);
}

static void teardown(void)
{
    mu_code_cache_free(cache);
}

TestSuite(mu_stack_walk, .init = setup, .fini = teardown);

Test(mu_stack_walk, visits_every_frame_from_the_innermost_out_and_ends_at_the_stub)
{
    mu_code_object *stub = install("start", STUB_SITE, MU_CODE_SITE_STUB);
    mu_code_object *outer = install("@outer.v1", OUTER_SITE, MU_CODE_SITE_CALL);
    mu_code_object *inner = install("@inner.v1", INNER_SITE, MU_CODE_SITE_TRAP);
    /* From low to high: the trap's return address, inner's frame, outer's frame twice, the stub. */
    uintptr_t words[16] = {0};
    words[0] = site_address(inner);
    words[3] = (uintptr_t)&words[6]; /* inner's rbp, then its return address */
    words[4] = site_address(outer);
    words[6] = (uintptr_t)&words[9];
    words[7] = site_address(outer);
    words[9] = 0;
    words[10] = site_address(stub);

    mu_stack_cursor cursor;
    cr_assert(mu_stack_first(cache, words[0], (uintptr_t)&words[3], (uintptr_t)&words[1], &cursor));
    cr_assert_eq(cursor.object, inner);
    cr_assert_eq(cursor.site, &inner->sites[0]);
    cr_assert_eq(cursor.frame, (uintptr_t)&words[3]);
    cr_assert_eq(cursor.sp, (uintptr_t)&words[1]);

    cr_assert(mu_stack_next(cache, &cursor));
    cr_assert_eq(cursor.object, outer);
    cr_assert_eq(cursor.site->kind, MU_CODE_SITE_CALL);
    cr_assert_eq(cursor.frame, (uintptr_t)&words[6]);
    cr_assert_eq(cursor.sp, (uintptr_t)&words[5], "rsp after inner has returned");

    cr_assert(mu_stack_next(cache, &cursor));
    cr_assert_eq(cursor.object, outer);
    cr_assert_eq(cursor.frame, (uintptr_t)&words[9]);
    cr_assert_eq(cursor.return_address, site_address(outer));
    cr_assert_not(mu_stack_next(cache, &cursor), "the stub is the bottom");
}

Test(mu_stack_walk, an_empty_stack_has_no_frame)
{
    mu_code_object *stub = install("start", STUB_SITE, MU_CODE_SITE_STUB);
    mu_stack_cursor cursor;
    cr_assert_not(mu_stack_first(cache, site_address(stub), 0, 0, &cursor));
}

Test(mu_stack_walk, an_address_outside_the_cache_is_a_broken_stack, .signal = SIGABRT)
{
    mu_stack_cursor cursor;
    (void)mu_stack_first(cache, (uintptr_t)&cursor, 0, 0, &cursor);
}

Test(mu_stack_walk, an_address_that_is_no_site_is_a_broken_stack, .signal = SIGABRT)
{
    mu_code_object *outer = install("@outer.v1", OUTER_SITE, MU_CODE_SITE_CALL);
    mu_stack_cursor cursor;
    (void)mu_stack_first(cache, site_address(outer) + 1, 0, 0, &cursor);
}

Test(mu_stack_walk, shows_c_code_as_a_frame_and_passes_over_its_words)
{
    mu_code_object *stub = install("start", STUB_SITE, MU_CODE_SITE_STUB);
    mu_code_object *native = install("native", STUB_SITE, MU_CODE_SITE_NATIVE);
    mu_code_object *outer = install("@outer.v1", OUTER_SITE, MU_CODE_SITE_CALL);
    mu_code_object *inner = install("@inner.v1", INNER_SITE, MU_CODE_SITE_TRAP);
    uintptr_t words[16] = {0};
    words[0] = site_address(inner);
    words[2] = (uintptr_t)&words[10]; /* inner's rbp: the caller's is outer's */
    words[3] = site_address(native);
    words[7] = site_address(outer); /* behind the native frame's words */
    words[10] = 0;
    words[11] = site_address(stub);

    mu_stack_cursor cursor;
    cr_assert(mu_stack_first(cache, words[0], (uintptr_t)&words[2], (uintptr_t)&words[1], &cursor));
    cr_assert_not(mu_stack_is_native(&cursor));
    cr_assert(mu_stack_next(cache, &cursor));
    cr_assert(mu_stack_is_native(&cursor));
    cr_assert_eq(cursor.sp, (uintptr_t)&words[4]);
    cr_assert(mu_stack_next(cache, &cursor));
    cr_assert_eq(cursor.object, outer);
    cr_assert_eq(cursor.frame, (uintptr_t)&words[10]);
    cr_assert_eq(cursor.sp, (uintptr_t)&words[8]);
    cr_assert_not(mu_stack_next(cache, &cursor));
}
