/* Values, names, memory and pointers over a real mud. */
#include "muapi_check.h"

static void test_ints(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    CHECK(ctx->handle_to_sint8(ctx, ctx->handle_from_sint8(ctx, -128, 8)) == -128);
    CHECK(ctx->handle_to_uint8(ctx, ctx->handle_from_uint8(ctx, 0xa5, 8)) == 0xa5);
    CHECK(ctx->handle_to_sint16(ctx, ctx->handle_from_sint16(ctx, -32768, 16)) == -32768);
    CHECK(ctx->handle_to_uint16(ctx, ctx->handle_from_uint16(ctx, 0xa5a5, 16)) == 0xa5a5);
    CHECK(ctx->handle_to_sint32(ctx, ctx->handle_from_sint32(ctx, INT32_MIN, 32)) == INT32_MIN);
    CHECK(ctx->handle_to_uint32(ctx, ctx->handle_from_uint32(ctx, 0xa5a5a5a5, 32)) == 0xa5a5a5a5);
    CHECK(ctx->handle_to_sint64(ctx, ctx->handle_from_sint64(ctx, INT64_MIN, 64)) == INT64_MIN);
    CHECK(ctx->handle_to_uint64(ctx, ctx->handle_from_uint64(ctx, UINT64_MAX, 64)) == UINT64_MAX);
    /* Between widths. */
    CHECK(ctx->handle_to_uint64(ctx, ctx->handle_from_sint8(ctx, -2, 64)) == UINT64_MAX - 1);
    CHECK(ctx->handle_to_uint64(ctx, ctx->handle_from_uint8(ctx, 254, 64)) == 254);
    CHECK(ctx->handle_to_uint64(ctx, ctx->handle_from_sint64(ctx, -1, 6)) == 63);
    CHECK(ctx->handle_to_sint64(ctx, ctx->handle_from_uint64(ctx, 63, 6)) == -1);
    CHECK(ctx->handle_to_sint64(ctx, ctx->handle_from_uint64(ctx, 0x1f, 6)) == 31);
    CHECK(ctx->handle_to_sint8(ctx, ctx->handle_from_uint64(ctx, 0x1ff, 64)) == -1);
    CHECK(ctx->handle_to_sint32(ctx, ctx->handle_from_uint8(ctx, 1, 1)) == -1);
    uint64_t words[] = {0x1122334455667788, 5};
    MuValue wide = ctx->handle_from_uint64s(ctx, words, 2, 128);
    CHECK(ctx->handle_to_uint64(ctx, wide) == words[0]);
    MuValue minus = ctx->handle_from_sint16(ctx, -3, 128);
    CHECK(ctx->handle_to_sint64(ctx, minus) == -3);
    FINE(test);
    ctx->handle_from_sint32(ctx, 1, 0);
    CHECK(*test->error == 0);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "handle_from_int");
    ctx->delete_value(ctx, wide);
    FINE(test);
    CHECK(ctx->handle_to_uint64(ctx, wide) == 0);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "handle_to_int");
}

static void test_floats(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    CHECK(ctx->handle_to_float(ctx, ctx->handle_from_float(ctx, 3.25F)) == 3.25F);
    CHECK(ctx->handle_to_double(ctx, ctx->handle_from_double(ctx, -6.28)) == -6.28);
    FINE(test);
    CHECK(ctx->handle_to_double(ctx, ctx->handle_from_float(ctx, 1)) == 0);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "handle_to_double");
}

static void test_names(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    MuID id = muapi_id(ctx, "@inner");
    char name[] = "@inner";
    CHECK(id != 0 && test->vm->id_of(test->vm, name) == id);
    CHECK(strcmp(ctx->name_of(ctx, id), "@inner") == 0);
    CHECK(strcmp(test->vm->name_of(test->vm, id), "@inner") == 0);
    CHECK(strcmp(ctx->name_of(ctx, muapi_id(ctx, "@inner.v1.entry.trap")),
                 "@inner.v1.entry.trap") == 0);
    FINE(test);
    CHECK(muapi_id(ctx, "@nowhere") == 0);
    FAILS(test, MUCLIENT_NOT_FOUND, "@nowhere");
    CHECK(ctx->name_of(ctx, 0x7fffffff) == NULL);
    FAILS(test, MUCLIENT_NOT_FOUND, "name_of");
}

static void test_composites(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    MuValue pair = ctx->handle_from_const(ctx, muapi_id(ctx, "@a_pair"));
    CHECK(muapi_number(ctx, ctx->extract_value(ctx, pair, 0)) == 6);
    CHECK(ctx->handle_to_double(ctx, ctx->extract_value(ctx, pair, 1)) == 7.0);
    MuValue other = ctx->insert_value(ctx, pair, 0, muapi_i64(ctx, 20));
    CHECK(muapi_number(ctx, ctx->extract_value(ctx, other, 0)) == 20);
    CHECK(muapi_number(ctx, ctx->extract_value(ctx, pair, 0)) == 6);
    static const char *const names[] = {"@a_three", "@a_four"};
    for (int i = 0; i < 2; i++) {
        MuValue sequence = ctx->handle_from_const(ctx, muapi_id(ctx, names[i]));
        MuValue one = ctx->handle_from_sint32(ctx, 1, 32);
        CHECK(muapi_number(ctx, ctx->extract_element(ctx, sequence, one)) == 3);
        MuValue changed =
            ctx->insert_element(ctx, sequence, one, ctx->handle_from_sint32(ctx, 30, 32));
        CHECK(muapi_number(ctx, ctx->extract_element(ctx, changed, one)) == 30);
    }
    FINE(test);
    ctx->extract_value(ctx, pair, 2);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "extract_value");
    ctx->extract_value(ctx, pair, -1);
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "extract_value");
}

static void test_tagged(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    MuValue object = ctx->new_fixed(ctx, muapi_id(ctx, "@i64"));
    MuValue real = ctx->tr64_from_fp(ctx, ctx->handle_from_double(ctx, 2.5));
    MuValue whole = ctx->tr64_from_int(ctx, ctx->handle_from_uint64(ctx, 0x123456789abcd, 52));
    MuValue ref = ctx->tr64_from_ref(ctx, object, ctx->handle_from_uint8(ctx, 21, 6));
    CHECK(ctx->tr64_is_fp(ctx, real) == 1 && ctx->tr64_is_fp(ctx, whole) == 0);
    CHECK(ctx->tr64_is_int(ctx, whole) == 1 && ctx->tr64_is_int(ctx, ref) == 0);
    CHECK(ctx->tr64_is_ref(ctx, ref) == 1 && ctx->tr64_is_ref(ctx, real) == 0);
    CHECK(ctx->handle_to_double(ctx, ctx->tr64_to_fp(ctx, real)) == 2.5);
    CHECK(ctx->handle_to_uint64(ctx, ctx->tr64_to_int(ctx, whole)) == 0x123456789abcd);
    CHECK(ctx->ref_eq(ctx, ctx->tr64_to_ref(ctx, ref), object) == 1);
    CHECK(ctx->handle_to_uint8(ctx, ctx->tr64_to_tag(ctx, ref)) == 21);
    FINE(test);
}

void muapi_test_values(muapi_test *test)
{
    test_ints(test);
    test_floats(test);
    test_names(test);
    test_composites(test);
    test_tagged(test);
}

/* --- Memory --- */

static void test_places(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    MuValue length = muapi_i64(ctx, 10);
    MuValue bytes = ctx->new_hybrid(ctx, muapi_id(ctx, "@bytes"), length);
    MuValue start = ctx->get_iref(ctx, bytes);
    MuValue first = ctx->get_var_part_iref(ctx, start);
    MuValue third = ctx->shift_iref(ctx, first, muapi_i64(ctx, 3));
    MuValue fourth = ctx->shift_iref(ctx, first, muapi_i64(ctx, 4));
    CHECK(ctx->ref_ult(ctx, third, fourth) == 1 && ctx->ref_ult(ctx, fourth, fourth) == 0);
    CHECK(ctx->ref_eq(ctx, bytes, bytes) == 1);
    ctx->store(ctx, MU_ORD_NOT_ATOMIC, third, ctx->handle_from_uint8(ctx, 200, 8));
    ctx->store(ctx, MU_ORD_NOT_ATOMIC, ctx->get_field_iref(ctx, start, 0), muapi_i64(ctx, 77));
    CHECK(ctx->handle_to_uint8(ctx, ctx->load(ctx, MU_ORD_NOT_ATOMIC, third)) == 200);
    CHECK(ctx->handle_to_uint8(ctx, ctx->load(ctx, MU_ORD_NOT_ATOMIC, fourth)) == 0);
    CHECK(muapi_number(
              ctx, ctx->load(ctx, MU_ORD_NOT_ATOMIC, ctx->get_field_iref(ctx, start, 0))) == 77);
    MuValue three = ctx->get_iref(ctx, ctx->new_fixed(ctx, muapi_id(ctx, "@three")));
    MuValue last = ctx->get_elem_iref(ctx, three, muapi_i64(ctx, 2));
    ctx->store(ctx, MU_ORD_NOT_ATOMIC, last, ctx->handle_from_sint32(ctx, -9, 32));
    CHECK(muapi_number(ctx, ctx->load(ctx, MU_ORD_NOT_ATOMIC, last)) == -9);
    FINE(test);
}

static void test_atomics(const muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    MuBool done = 7;
    MuValue object = ctx->new_fixed(ctx, muapi_id(ctx, "@i64"));
    MuValue place = ctx->get_iref(ctx, object);
    ctx->store(ctx, MU_ORD_SEQ_CST, place, muapi_i64(ctx, 10));
    MuValue was = ctx->cmpxchg(ctx, MU_ORD_SEQ_CST, MU_ORD_SEQ_CST, 0, place, muapi_i64(ctx, 10),
                               muapi_i64(ctx, 4), &done);
    CHECK(done == 1 && muapi_number(ctx, was) == 10);
    was = ctx->cmpxchg(ctx, MU_ORD_ACQUIRE, MU_ORD_RELAXED, 0, place, muapi_i64(ctx, 10),
                       muapi_i64(ctx, 3), &done);
    CHECK(done == 0 && muapi_number(ctx, was) == 4);
    was = ctx->atomicrmw(ctx, MU_ORD_SEQ_CST, MU_ARMW_ADD, place, muapi_i64(ctx, 10));
    CHECK(muapi_number(ctx, was) == 4);
    ctx->fence(ctx, MU_ORD_SEQ_CST);
    CHECK(muapi_number(ctx, ctx->load(ctx, MU_ORD_SEQ_CST, place)) == 14);
    FINE(test);
    /* What must be of one type is checked. */
    ctx->store(ctx, MU_ORD_SEQ_CST, place, ctx->handle_from_sint32(ctx, 1, 32));
    FAILS(test, MUCLIENT_INVALID_ARGUMENT, "store");
    MuValue untyped = ctx->refcast(ctx, object, muapi_id(ctx, "@ref"));
    CHECK(ctx->ref_eq(ctx, untyped, object) == 1);
    MuValue again = ctx->refcast(ctx, untyped, muapi_id(ctx, "@ref64"));
    CHECK(muapi_number(ctx, ctx->load(ctx, MU_ORD_NOT_ATOMIC, ctx->get_iref(ctx, again))) == 14);
    FINE(test);
    ctx->get_iref(ctx, ctx->handle_from_const(ctx, muapi_id(ctx, "@null")));
    MuValue nothing = ctx->get_iref(ctx, ctx->handle_from_const(ctx, muapi_id(ctx, "@null")));
    ctx->load(ctx, MU_ORD_NOT_ATOMIC, nothing);
    muclient_mu_send(test->vm);
    CHECK(*test->error != 0);
    *test->error = 0;
}

void muapi_test_memory(muapi_test *test)
{
    test_places(test);
    test_atomics(test);
}

/* --- Pointers --- */

static void nothing_done(void)
{
}

void muapi_test_native(muapi_test *test)
{
    MuCtx *ctx = test->ctx;
    int thing = 0;
    MuValue pointer = ctx->handle_from_ptr(ctx, muapi_id(ctx, "@ptr"), &thing);
    CHECK(ctx->handle_to_ptr(ctx, pointer) == (MuCPtr)&thing);
    MuValue function = ctx->handle_from_fp(ctx, muapi_id(ctx, "@fp"), (MuCFP)nothing_done);
    CHECK(ctx->handle_to_fp(ctx, function) == (MuCFP)nothing_done);
    MuValue object = ctx->new_fixed(ctx, muapi_id(ctx, "@i64"));
    MuValue address = ctx->pin(ctx, object);
    CHECK(ctx->handle_to_ptr(ctx, address) != NULL);
    ctx->unpin(ctx, object);
    FINE(test);
    MuValue exposed = ctx->expose(ctx, ctx->handle_from_func(ctx, muapi_id(ctx, "@tenfold")),
                                  MU_CC_DEFAULT, muapi_i64(ctx, 2));
    CHECK(ctx->handle_to_fp(ctx, exposed) != NULL);
    ctx->unexpose(ctx, MU_CC_DEFAULT, exposed);
    FINE(test);
    char text[] = ".expose @exposed = @tenfold #DEFAULT @0\n";
    ctx->load_bundle(ctx, text, strlen(text));
    CHECK(ctx->handle_to_fp(ctx, ctx->handle_from_expose(ctx, muapi_id(ctx, "@exposed"))) != NULL);
    FINE(test);
}
