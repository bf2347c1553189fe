/* A client's context: objects, addresses, loads, stores and atomics, with the values of the public
 * tests of client memory operations. */
#include "context_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static const char bundle[] =
    ".typedef @i7 = int<7> .typedef @i8 = int<8> .typedef @i16 = int<16> .typedef @i32 = int<32>\n"
    ".typedef @i64 = int<64> .typedef @i128 = int<128> .typedef @f = float .typedef @d = double\n"
    ".typedef @void = void .typedef @rv = ref<@void> .typedef @iv = iref<@void>\n"
    ".typedef @wv = weakref<@void> .typedef @tr = tagref64 .typedef @st = stackref\n"
    ".typedef @th = threadref .typedef @foo = struct<@d @i64> .typedef @a0 = array<@i8 100>\n"
    ".typedef @a1 = array<@foo 10> .typedef @a2 = array<@a1 10> .typedef @h0 = hybrid<@i8>\n"
    ".typedef @h1 = hybrid<@foo @i64> .typedef @4f = vector<@f 4> .typedef @4i = vector<@i32 4>\n"
    ".typedef @2d = vector<@d 2> .typedef @p = uptr<@i64> .typedef @weak = struct<@i8 @wv>\n"
    ".typedef @i64.r = ref<@i64> .typedef @foo.r = ref<@foo> .typedef @d.i = iref<@d>\n"
    ".typedef @i64.i = iref<@i64> .typedef @irefs = struct<@iv @i8 @iv> .typedef @kb = array<@i64 "
    "128>\n"
    ".typedef @128kb = array<@i64 16384> .typedef @huge = array<@i64 137438953472>\n"
    ".funcsig @v_v = () -> () .typedef @fr = funcref<@v_v> .funcsig @i_v = (@i64) -> ()\n"
    ".typedef @fri = funcref<@i_v> .funcdecl @fun <@v_v> .funcdecl @fun2 <@v_v>\n"
    ".const @null <@rv> = NULL .const @inull <@iv> = NULL .const @fnull <@fr> = NULL\n";

static void open(context_fixture *f)
{
    context_fixture_open(f, bundle, (context_settings){0});
}

/* An iref of a new object of this type. */
static uint64_t place(context_fixture *f, const char *type)
{
    return DO(f, GET_IREF, DO(f, NEW_FIXED, context_id(f, type)));
}

static uint64_t load(context_fixture *f, uint64_t iref)
{
    return DO(f, LOAD, NOT_ATOMIC, iref);
}

static void store(context_fixture *f, uint64_t iref, uint64_t value)
{
    DO(f, STORE, NOT_ATOMIC, iref, value);
}

Test(mu_context_objects, objects_are_small_and_large, .timeout = 60)
{
    context_fixture f;
    open(&f);
    static const char *const types[] = {"@kb", "@128kb", "@i64", "@void"};
    for (size_t i = 0; i < 4; i++) {
        uint64_t object = DO(&f, NEW_FIXED, context_id(&f, types[i]));
        uint64_t iref = DO(&f, GET_IREF, object);
        if (i < 2) {
            uint64_t last = context_int(&f, 32, i == 0 ? 127 : 16383);
            uint64_t element = DO(&f, GET_ELEM_IREF, iref, last);
            store(&f, element, context_int(&f, 64, 5));
            cr_assert_eq(context_int_of(&f, load(&f, element)), 5);
        }
    }
    static const uint64_t lengths[] = {1024, 131072, 0};
    for (size_t i = 0; i < 3; i++) {
        uint64_t length = context_int(&f, 64, lengths[i]);
        uint64_t object = DO(&f, NEW_HYBRID, context_id(&f, "@h0"), length);
        uint64_t part = DO(&f, GET_VAR_PART_IREF, DO(&f, GET_IREF, object));
        DO(&f, SHIFT_IREF, part, length);
        REFUSED(&f, MU_INVALID, "outside of the array", SHIFT_IREF, part,
                context_int(&f, 64, lengths[i] + 1));
    }
    REFUSED(&f, MU_NO_MEMORY, "heap quota", NEW_FIXED, context_id(&f, "@huge"));
    REFUSED(&f, MU_NO_MEMORY, "heap quota", NEW_HYBRID, context_id(&f, "@h1"),
            context_int(&f, 64, 1ull << 62));
    REFUSED(&f, MU_NO_MEMORY, "", NEW_HYBRID, context_id(&f, "@h0"),
            context_int(&f, 64, UINT64_MAX));
    REFUSED(&f, MU_INVALID, "of fixed length", NEW_FIXED, context_id(&f, "@h0"));
    REFUSED(&f, MU_INVALID, "a hybrid", NEW_HYBRID, context_id(&f, "@i8"), context_int(&f, 8, 1));
    REFUSED(&f, MU_INVALID, "expected int", NEW_HYBRID, context_id(&f, "@h0"),
            DO(&f, FROM_DOUBLE, 0));
    REFUSED(&f, MU_INVALID, "not a type", NEW_FIXED, context_id(&f, "@fun"));
    context_fixture_close(&f);
}

Test(mu_context_objects, a_small_heap_is_collected_when_it_is_full, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){.heap_bytes = 1u << 20});
    f.is_quiet = true;
    uint64_t type = context_id(&f, "@kb");
    uint64_t kept = DO(&f, NEW_FIXED, type);
    for (int i = 0; i < 5000; i++) {
        DO(&f, DELETE_VALUE, DO(&f, NEW_FIXED, type));
    }
    cr_assert_gt(mu_vm_get_stats(f.vm).collections, 0);
    DO(&f, GET_IREF, kept);
    /* And what is held uses it up, without harm. */
    mu_context_operation more = {.op = CTX_NEW_FIXED, .operands = &type, .operand_count = 1};
    mu_status status = MU_OK;
    for (more.result = 1u << 20; status == MU_OK; more.result++) {
        mu_context_answer *answers;
        uint32_t count, failed;
        status = mu_context_perform(f.context, &more, 1, &answers, &count, &failed, NULL);
    }
    cr_assert_eq(status, MU_NO_MEMORY);
    context_fixture_close(&f);
}

Test(mu_context_objects, addresses_have_their_types_and_bounds, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t one = context_int(&f, 64, 1);
    uint64_t minus = context_int(&f, 8, 0xff);
    uint64_t a2 = place(&f, "@a2");
    uint64_t row = DO(&f, GET_ELEM_IREF, a2, one);
    uint64_t cell = DO(&f, GET_ELEM_IREF, row, context_int(&f, 16, 9));
    uint64_t field = DO(&f, GET_FIELD_IREF, cell, 1);
    store(&f, field, context_int(&f, 64, 42));
    uint64_t back = DO(&f, SHIFT_IREF, DO(&f, SHIFT_IREF, cell, minus), one);
    cr_assert_eq(DO(&f, REF_EQ, back, cell), 1);
    cr_assert_eq(context_int_of(&f, load(&f, DO(&f, GET_FIELD_IREF, back, 1))), 42);
    uint64_t hybrid = DO(&f, NEW_HYBRID, context_id(&f, "@h1"), context_int(&f, 64, 4));
    uint64_t start = DO(&f, GET_IREF, hybrid);
    uint64_t part = DO(&f, GET_VAR_PART_IREF, start);
    for (uint64_t i = 0; i < 4; i++) {
        store(&f, DO(&f, SHIFT_IREF, part, context_int(&f, 32, i)), context_int(&f, 64, i * 10));
    }
    uint64_t third = DO(&f, SHIFT_IREF, part, context_int(&f, 8, 3));
    cr_assert_eq(context_int_of(&f, load(&f, third)), 30);
    uint64_t fixed = DO(&f, GET_FIELD_IREF, start, 0);
    REFUSED(&f, MU_INVALID, "field 1 of 1", GET_FIELD_IREF, start, 1);
    REFUSED(&f, MU_INVALID, "element 10 of 10", GET_ELEM_IREF, row, context_int(&f, 8, 10));
    REFUSED(&f, MU_INVALID, "element -1 of 10", GET_ELEM_IREF, row, minus);
    REFUSED(&f, MU_INVALID, "outside of the array", SHIFT_IREF, part, minus);
    REFUSED(&f, MU_INVALID, "outside of the array", SHIFT_IREF, fixed, one);
    REFUSED(&f, MU_INVALID, "outside of the array", SHIFT_IREF, part,
            context_int(&f, 64, 1ull << 62));
    REFUSED(&f, MU_INVALID, "an iref of a hybrid", GET_VAR_PART_IREF, row);
    REFUSED(&f, MU_INVALID, "struct or hybrid", GET_FIELD_IREF, row, 0);
    REFUSED(&f, MU_INVALID, "array or vector", GET_ELEM_IREF, field, one);
    REFUSED(&f, MU_INVALID, "expected ref", GET_IREF, row);
    context_fixture_close(&f);
}

Test(mu_context_objects, a_cast_finds_only_what_is_there, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t foo = DO(&f, NEW_FIXED, context_id(&f, "@foo"));
    uint64_t hidden = DO(&f, REFCAST, foo, context_id(&f, "@rv"));
    uint64_t found = DO(&f, REFCAST, hidden, context_id(&f, "@foo.r"));
    cr_assert_eq(DO(&f, REF_EQ, foo, found), 1);
    uint64_t first = DO(&f, REFCAST, DO(&f, GET_IREF, foo), context_id(&f, "@d.i"));
    DO(&f, STORE, SEQ_CST, first, DO(&f, FROM_DOUBLE, 7));
    REFUSED(&f, MU_INVALID, "that has the new type", REFCAST, hidden, context_id(&f, "@i64.r"));
    REFUSED(&f, MU_INVALID, "that has the new type", REFCAST, first, context_id(&f, "@i64.i"));
    REFUSED(&f, MU_INVALID, "two ref, two iref", REFCAST, foo, context_id(&f, "@d.i"));
    REFUSED(&f, MU_INVALID, "two ref, two iref", REFCAST, foo, context_id(&f, "@i64"));
    uint64_t null = DO(&f, FROM_CONST, context_id(&f, "@null"));
    uint64_t null_foo = DO(&f, REFCAST, null, context_id(&f, "@foo.r"));
    REFUSED(&f, MU_INVALID, "NULL", GET_IREF, null_foo);
    uint64_t function = DO(&f, FROM_FUNC, context_id(&f, "@fun"));
    uint64_t cast = DO(&f, REFCAST, function, context_id(&f, "@fri"));
    uint64_t again = DO(&f, REFCAST, cast, context_id(&f, "@fr"));
    cr_assert_eq(DO(&f, REF_EQ, again, function), 1);
    context_fixture_close(&f);
}

Test(mu_context_objects, ints_of_all_sizes_make_a_round_trip, .timeout = 60)
{
    context_fixture f;
    open(&f);
    static const struct {
        const char *type;
        uint32_t bits;
    } sizes[] = {{"@i7", 7}, {"@i8", 8}, {"@i16", 16}, {"@i32", 32}, {"@i64", 64}};
    static const uint64_t values[] = {0, 1, 0x5a5a5a5a5a5a5a5a, UINT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t iref = place(&f, sizes[i].type);
        for (size_t j = 0; j < 4; j++) {
            uint64_t value = context_int(&f, sizes[i].bits, values[j]);
            uint64_t order = j % 2 ? SEQ_CST : NOT_ATOMIC;
            DO(&f, STORE, order, iref, value);
            uint64_t loaded = DO(&f, LOAD, order, iref);
            cr_assert_eq(context_int_of(&f, loaded), context_int_of(&f, value));
        }
    }
    uint64_t wide = place(&f, "@i128");
    store(&f, wide, DO(&f, FROM_INT, 128, 1, 2));
    cr_assert_eq(context_int_of(&f, load(&f, wide)), 1);
    cr_assert_eq(f.answer.high, 2);
    cr_assert_eq(context_int_of(&f, DO(&f, LOAD, SEQ_CST, wide)), 1);
    cr_assert_eq(f.answer.high, 2);
    context_fixture_close(&f);
}

Test(mu_context_objects, references_and_the_rest_make_a_round_trip, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t object = DO(&f, NEW_FIXED, context_id(&f, "@void"));
    uint64_t foo = place(&f, "@foo");
    uint64_t inside = DO(&f, REFCAST, DO(&f, GET_FIELD_IREF, foo, 1), context_id(&f, "@iv"));
    uint64_t function = DO(&f, FROM_FUNC, context_id(&f, "@fun"));
    struct {
        const char *type;
        uint64_t value;
    } cases[] = {{"@rv", object}, {"@iv", inside}, {"@wv", object}, {"@fr", function}};
    for (size_t i = 0; i < 4; i++) {
        uint64_t iref = place(&f, cases[i].type);
        DO(&f, STORE, i % 2 ? SEQ_CST : RELEASE, iref, cases[i].value);
        uint64_t loaded = DO(&f, LOAD, i % 2 ? ACQUIRE : CONSUME, iref);
        cr_assert_eq(DO(&f, REF_EQ, loaded, cases[i].value), 1, "%s", cases[i].type);
    }
    uint64_t tagged = place(&f, "@tr");
    store(&f, tagged, DO(&f, TR64_FROM_INT, context_int(&f, 52, 77)));
    cr_assert_eq(context_int_of(&f, DO(&f, TR64_TO_INT, load(&f, tagged))), 77);
    store(&f, tagged, DO(&f, TR64_FROM_REF, object, context_int(&f, 6, 31)));
    cr_assert_eq(DO(&f, REF_EQ, DO(&f, TR64_TO_REF, load(&f, tagged)), object), 1);
    uint64_t number = place(&f, "@f");
    store(&f, number, DO(&f, FROM_FLOAT, 0x40490fdb));
    cr_assert_eq(DO(&f, TO_FLOAT, load(&f, number)), 0x40490fdb);
    uint64_t pointer = place(&f, "@p");
    store(&f, pointer, DO(&f, FROM_PTR, context_id(&f, "@p"), 64));
    cr_assert_eq(DO(&f, TO_PTR, load(&f, pointer)), 64);
    uint64_t stacks = place(&f, "@st");
    store(&f, stacks, DO(&f, NEW_STACK, function));
    DO(&f, KILL_STACK, load(&f, stacks));
    context_fixture_close(&f);
}

Test(mu_context_objects, composites_are_loaded_and_stored_whole, .timeout = 60)
{
    context_fixture f;
    open(&f);
    static const char *const vectors[] = {"@4f", "@4i", "@2d"};
    uint64_t one = context_int(&f, 64, 1);
    for (size_t i = 0; i < 3; i++) {
        uint64_t value = i == 0   ? DO(&f, FROM_FLOAT, 0x3f800000)
                         : i == 1 ? context_int(&f, 32, 9)
                                  : DO(&f, FROM_DOUBLE, 1);
        uint64_t iref = place(&f, vectors[i]);
        uint64_t element = DO(&f, GET_ELEM_IREF, iref, one);
        store(&f, iref, DO(&f, INSERT_ELEMENT, load(&f, iref), one, value));
        uint64_t other = place(&f, vectors[i]);
        store(&f, other, load(&f, iref));
        uint64_t same = DO(&f, INSERT_ELEMENT, load(&f, other), one, load(&f, element));
        store(&f, other, same);
    }
    uint64_t pairs = place(&f, "@irefs");
    uint64_t far =
        DO(&f, REFCAST, DO(&f, GET_FIELD_IREF, place(&f, "@foo"), 1), context_id(&f, "@iv"));
    store(&f, pairs, DO(&f, INSERT_VALUE, load(&f, pairs), 2, far));
    uint64_t seen = DO(&f, EXTRACT_VALUE, load(&f, pairs), 2);
    cr_assert_eq(DO(&f, REF_EQ, seen, far), 1);
    REFUSED(&f, MU_INVALID, "that values can have", LOAD, NOT_ATOMIC, place(&f, "@weak"));
    REFUSED(&f, MU_INVALID, "that values can have", LOAD, NOT_ATOMIC, place(&f, "@void"));
    REFUSED(&f, MU_LIMIT, "use its parts", LOAD, NOT_ATOMIC, place(&f, "@128kb"));
    REFUSED(&f, MU_INVALID, "an iref of a scalar", LOAD, SEQ_CST, pairs);
    REFUSED(&f, MU_INVALID, "expected", STORE, NOT_ATOMIC, pairs, one);
    uint64_t nowhere = DO(&f, FROM_CONST, context_id(&f, "@inull"));
    uint64_t cast = DO(&f, REFCAST, nowhere, context_id(&f, "@i64.i"));
    REFUSED(&f, MU_INVALID, "NULL", LOAD, NOT_ATOMIC, cast);
    REFUSED(&f, MU_INVALID, "expected iref", LOAD, NOT_ATOMIC, one);
    context_fixture_close(&f);
}

Test(mu_context_objects, a_weakref_does_not_keep_its_object, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t iref = place(&f, "@wv");
    uint64_t object = DO(&f, NEW_FIXED, context_id(&f, "@void"));
    store(&f, iref, object);
    uint64_t null = DO(&f, FROM_CONST, context_id(&f, "@null"));
    uint64_t before = load(&f, iref);
    cr_assert_eq(DO(&f, REF_EQ, before, object), 1);
    DO(&f, DELETE_VALUE, before);
    DO(&f, DELETE_VALUE, object);
    cr_assert_eq(DO(&f, REF_EQ, load(&f, iref), null), 1);
    context_fixture_close(&f);
}

Test(mu_context_objects, orders_are_those_that_the_instructions_take, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t iref = place(&f, "@i64");
    uint64_t value = context_int(&f, 64, 1);
    for (uint64_t order = 0; order < 8; order++) {
        bool loads = order <= ACQUIRE || order == SEQ_CST;
        bool stores = order <= RELAXED || order == RELEASE || order == SEQ_CST;
        bool updates = order != NOT_ATOMIC && order != CONSUME && order <= SEQ_CST;
        bool fences = order >= ACQUIRE && order <= SEQ_CST;
        bool fails = order == RELAXED || order == ACQUIRE || order == SEQ_CST;
        if (loads) {
            DO(&f, LOAD, order, iref);
        } else {
            REFUSED(&f, MU_INVALID, "no memory order", LOAD, order, iref);
        }
        if (stores) {
            DO(&f, STORE, order, iref, value);
        } else {
            REFUSED(&f, MU_INVALID, "no memory order", STORE, order, iref, value);
        }
        if (updates) {
            DO(&f, ATOMICRMW, order, ADD, iref, value);
            DO(&f, CMPXCHG, order, SEQ_CST, 0, iref, value, value);
        } else {
            REFUSED(&f, MU_INVALID, "operand 1", ATOMICRMW, order, ADD, iref, value);
            REFUSED(&f, MU_INVALID, "operand 1", CMPXCHG, order, SEQ_CST, 0, iref, value, value);
        }
        if (fails) {
            DO(&f, CMPXCHG, SEQ_CST, order, 1, iref, value, value);
        } else {
            REFUSED(&f, MU_INVALID, "operand 2", CMPXCHG, SEQ_CST, order, 0, iref, value, value);
        }
        if (fences) {
            DO(&f, FENCE, order);
        } else {
            REFUSED(&f, MU_INVALID, "no memory order", FENCE, order);
        }
    }
    REFUSED(&f, MU_INVALID, "no memory order", FENCE, UINT64_MAX);
    REFUSED(&f, MU_INVALID, "weak is 1, else 0", CMPXCHG, SEQ_CST, SEQ_CST, 2, iref, value, value);
    context_fixture_close(&f);
}

static void check_cmpxchg(context_fixture *f, const char *type, uint64_t a, uint64_t b, bool is_int)
{
    uint64_t iref = place(f, type);
    store(f, iref, a);
    uint64_t old = DO(f, CMPXCHG, ACQ_REL, ACQUIRE, 0, iref, a, b);
    cr_assert_eq(f->answer.integer, 1, "%s", type);
    uint64_t now = DO(f, CMPXCHG, SEQ_CST, SEQ_CST, 0, iref, a, a);
    cr_assert_eq(f->answer.integer, 0, "%s", type);
    uint64_t swapped = DO(f, ATOMICRMW, SEQ_CST, XCHG, iref, a);
    uint64_t last = load(f, iref);
    if (is_int) {
        cr_assert_eq(context_int_of(f, old), context_int_of(f, a));
        cr_assert_eq(context_int_of(f, now), context_int_of(f, b));
        cr_assert_eq(context_int_of(f, swapped), context_int_of(f, b));
        cr_assert_eq(context_int_of(f, last), context_int_of(f, a));
    } else {
        cr_assert_eq(DO(f, REF_EQ, old, a), 1, "%s", type);
        cr_assert_eq(DO(f, REF_EQ, now, b), 1, "%s", type);
        cr_assert_eq(DO(f, REF_EQ, swapped, b), 1, "%s", type);
        cr_assert_eq(DO(f, REF_EQ, last, a), 1, "%s", type);
    }
}

Test(mu_context_objects, compare_exchange_and_exchange_of_every_kind, .timeout = 60)
{
    context_fixture f;
    open(&f);
    uint64_t a = DO(&f, NEW_FIXED, context_id(&f, "@void"));
    uint64_t b = DO(&f, NEW_FIXED, context_id(&f, "@void"));
    check_cmpxchg(&f, "@i32", context_int(&f, 32, 42), context_int(&f, 32, 53), true);
    check_cmpxchg(&f, "@i64", context_int(&f, 64, 42), context_int(&f, 64, 53), true);
    check_cmpxchg(&f, "@i8", context_int(&f, 8, 42), context_int(&f, 8, 53), true);
    check_cmpxchg(&f, "@i16", context_int(&f, 16, 42), context_int(&f, 16, 53), true);
    check_cmpxchg(&f, "@rv", a, b, false);
    check_cmpxchg(&f, "@wv", a, b, false);
    check_cmpxchg(&f, "@iv", DO(&f, GET_IREF, a), DO(&f, GET_IREF, b), false);
    check_cmpxchg(&f, "@fr", DO(&f, FROM_FUNC, context_id(&f, "@fun")),
                  DO(&f, FROM_FUNC, context_id(&f, "@fun2")), false);
    uint64_t fp = DO(&f, FROM_FLOAT, 1);
    uint64_t number = place(&f, "@f");
    DO(&f, ATOMICRMW, SEQ_CST, XCHG, number, fp);
    REFUSED(&f, MU_INVALID, "what EQ compares", CMPXCHG, SEQ_CST, SEQ_CST, 0, number, fp, fp);
    REFUSED(&f, MU_INVALID, "an iref of an int", ATOMICRMW, SEQ_CST, ADD, number, fp);
    REFUSED(&f, MU_INVALID, "11 is no operation", ATOMICRMW, SEQ_CST, 11, number, fp);
    REFUSED(&f, MU_INVALID, "operand 4", ATOMICRMW, SEQ_CST, ADD, place(&f, "@i128"), fp);
    REFUSED(&f, MU_INVALID, "operand 5", CMPXCHG, SEQ_CST, SEQ_CST, 0, place(&f, "@i8"), fp, fp);
    context_fixture_close(&f);
}

Test(mu_context_objects, the_eleven_updates, .timeout = 60)
{
    context_fixture f;
    open(&f);
    static const struct {
        uint64_t op, before, operand;
        int64_t after;
    } cases[] = {{XCHG, 0x55ab, 0x55ab, 0x55ab},
                 {ADD, 5, 10, 15},
                 {SUB, 5, 10, -5},
                 {AND, 0x55aa, 0x5a5a, 0x500a},
                 {NAND, 0x55aa, 0x5a5a, ~0x500a},
                 {OR, 0x55aa, 0x5a5a, 0x5ffa},
                 {XOR, 0x55aa, 0x5a5a, 0x0ff0},
                 {MAX, (uint64_t)-2, 3, 3},
                 {MIN, (uint64_t)-3, (uint64_t)-2, -3},
                 {UMAX, (uint64_t)-2, 3, -2},
                 {UMIN, (uint64_t)-2, 3, 3}};
    static const struct {
        const char *type;
        uint32_t bits;
    } types[] = {{"@i32", 32}, {"@i64", 64}, {"@i7", 7}};
    for (size_t t = 0; t < 3; t++) {
        uint64_t mask = types[t].bits == 64 ? UINT64_MAX : (1ull << types[t].bits) - 1;
        uint64_t iref = place(&f, types[t].type);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            uint32_t bits = types[t].bits;
            store(&f, iref, context_int(&f, bits, cases[i].before));
            uint64_t operand = context_int(&f, bits, cases[i].operand);
            uint64_t old = DO(&f, ATOMICRMW, SEQ_CST, cases[i].op, iref, operand);
            cr_assert_eq(context_int_of(&f, old), cases[i].before & mask, "%zu", i);
            cr_assert_eq(context_int_of(&f, load(&f, iref)), (uint64_t)cases[i].after & mask,
                         "case %zu of %s", i, types[t].type);
        }
    }
    context_fixture_close(&f);
}

/* Both words of an int<128> change at once; `high` is all ones of what is negative in both. */
Test(mu_context_objects, updates_of_an_int_of_128_bits, .timeout = 60)
{
    context_fixture f;
    open(&f);
    static const struct {
        uint64_t op, before[2], operand[2], after[2];
    } cases[] = {{XCHG, {1, 2}, {3, 4}, {3, 4}},
                 {ADD, {UINT64_MAX, 5}, {1, 1}, {0, 7}},
                 {SUB, {0, 7}, {1, 1}, {UINT64_MAX, 5}},
                 {AND, {0x55aa, 12}, {0x5a5a, 10}, {0x500a, 8}},
                 {NAND, {0x55aa, 12}, {0x5a5a, 10}, {~0x500aull, ~8ull}},
                 {OR, {0x55aa, 12}, {0x5a5a, 10}, {0x5ffa, 14}},
                 {XOR, {0x55aa, 12}, {0x5a5a, 10}, {0x0ff0, 6}},
                 {MAX, {9, UINT64_MAX}, {3, 0}, {3, 0}},
                 {MIN, {9, UINT64_MAX}, {3, 0}, {9, UINT64_MAX}},
                 {UMAX, {9, UINT64_MAX}, {3, 0}, {9, UINT64_MAX}},
                 {UMIN, {9, 1}, {3, 1}, {3, 1}}};
    uint64_t iref = place(&f, "@i128");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t before = DO(&f, FROM_INT, 128, cases[i].before[0], cases[i].before[1]);
        uint64_t operand = DO(&f, FROM_INT, 128, cases[i].operand[0], cases[i].operand[1]);
        DO(&f, STORE, SEQ_CST, iref, before);
        uint64_t old = DO(&f, ATOMICRMW, SEQ_CST, cases[i].op, iref, operand);
        cr_assert_eq(context_int_of(&f, old), cases[i].before[0], "%zu", i);
        cr_assert_eq(f.answer.high, cases[i].before[1], "%zu", i);
        uint64_t now = DO(&f, LOAD, ACQUIRE, iref);
        cr_assert_eq(context_int_of(&f, now), cases[i].after[0], "%zu", i);
        cr_assert_eq(f.answer.high, cases[i].after[1], "%zu", i);
        DO(&f, CMPXCHG, SEQ_CST, RELAXED, 0, iref, before, operand);
        bool was_before =
            cases[i].before[0] == cases[i].after[0] && cases[i].before[1] == cases[i].after[1];
        cr_assert_eq(f.answer.integer, was_before, "%zu", i);
        DO(&f, CMPXCHG, SEQ_CST, RELAXED, 0, iref, was_before ? operand : now, before);
        cr_assert_eq(f.answer.integer, 1, "%zu", i);
    }
    context_fixture_close(&f);
}

Test(mu_context_objects, many_objects_survive_and_move, .timeout = 60)
{
    context_fixture f;
    context_fixture_open(&f, bundle, (context_settings){.heap_bytes = 4u << 20});
    f.is_quiet = true;
    enum { OBJECTS = 20000, EVERY = 100 };
    uint64_t kept[OBJECTS / EVERY];
    uint64_t type = context_id(&f, "@foo");
    for (uint64_t i = 0; i < OBJECTS; i++) {
        uint64_t object = DO(&f, NEW_FIXED, type);
        uint64_t iref = DO(&f, GET_IREF, object);
        uint64_t field = DO(&f, GET_FIELD_IREF, iref, 1);
        uint64_t value = context_int(&f, 64, i);
        store(&f, field, value);
        const uint64_t gone[] = {object, iref, value};
        for (size_t j = 0; j < 3; j++) {
            DO(&f, DELETE_VALUE, gone[j]);
        }
        if (i % EVERY == 0) {
            kept[i / EVERY] = field;
        } else {
            DO(&f, DELETE_VALUE, field);
        }
    }
    mu_vm_collect(f.vm);
    for (uint64_t i = 0; i < OBJECTS / EVERY; i++) {
        cr_assert_eq(context_int_of(&f, load(&f, kept[i])), i * EVERY);
    }
    context_fixture_close(&f);
}
