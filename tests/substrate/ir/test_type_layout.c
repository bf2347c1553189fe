#include "ir_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_layout(const mu_ir_env *env, const char *name, uint64_t size, uint32_t align)
{
    const mu_ir_type *type = find_type(env, name);
    cr_assert(type->laid_out, "%s", name);
    cr_assert_eq(type->size_bytes, size, "%s has size %lu", name, type->size_bytes);
    cr_assert_eq(type->align_bytes, align, "%s has align %u", name, type->align_bytes);
}

#define SCALARS                                                                                    \
    ".typedef @i1 = int<1> .typedef @i6 = int<6> .typedef @i8 = int<8> .typedef @i16 = int<16>\n"  \
    ".typedef @i32 = int<32> .typedef @i52 = int<52> .typedef @i64 = int<64>\n"                    \
    ".typedef @i128 = int<128> .typedef @f = float .typedef @d = double .typedef @v = void\n"      \
    ".typedef @r = ref<@v> .typedef @w = weakref<@v> .typedef @ir = iref<@v> .typedef @p = "       \
    "uptr<@v>\n"                                                                                   \
    ".funcsig @s = () -> () .typedef @fr = funcref<@s> .typedef @fp = ufuncptr<@s>\n"              \
    ".typedef @th = threadref .typedef @st = stackref .typedef @fc = framecursorref\n"             \
    ".typedef @ino = irnoderef .typedef @tr = tagref64\n"

Test(mu_ir_layout, scalars)
{
    mu_ir_env *env = load_first(SCALARS);
    expect_layout(env, "@i1", 1, 1);
    expect_layout(env, "@i6", 1, 1);
    expect_layout(env, "@i16", 2, 2);
    expect_layout(env, "@i32", 4, 4);
    expect_layout(env, "@i52", 8, 8);
    expect_layout(env, "@i128", 16, 16);
    expect_layout(env, "@f", 4, 4);
    expect_layout(env, "@d", 8, 8);
    expect_layout(env, "@v", 0, 1);
    expect_layout(env, "@ir", 16, 16);
    const char *const words[] = {"@r",  "@w",  "@p",  "@fr",  "@fp",
                                 "@th", "@st", "@fc", "@ino", "@tr"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        expect_layout(env, words[i], 8, 8);
    }
    unload(env);
}

struct mixed {
    int8_t a;
    int16_t b;
    int32_t c;
    int64_t d;
};
struct outer {
    int16_t a;
    struct mixed b;
    int32_t c;
};
struct wide {
    int8_t a;
    __int128 b;
    int8_t c;
};

Test(mu_ir_layout, structs_follow_the_c_compiler)
{
    mu_ir_env *env = load_first(SCALARS ".typedef @mixed = struct<@i8 @i16 @i32 @i64>\n"
                                        ".typedef @outer = struct<@i16 @mixed @i32>\n"
                                        ".typedef @wide = struct<@i8 @i128 @i8>\n"
                                        ".typedef @tail = struct<@d @i8>\n");
    expect_layout(env, "@mixed", sizeof(struct mixed), _Alignof(struct mixed));
    expect_layout(env, "@outer", sizeof(struct outer), _Alignof(struct outer));
    expect_layout(env, "@wide", sizeof(struct wide), _Alignof(struct wide));
    expect_layout(env, "@tail", 16, 8);
    const mu_ir_type *mixed = find_type(env, "@mixed");
    cr_assert_eq(mixed->offsets[1], offsetof(struct mixed, b));
    cr_assert_eq(mixed->offsets[2], offsetof(struct mixed, c));
    cr_assert_eq(mixed->offsets[3], offsetof(struct mixed, d));
    cr_assert_eq(find_type(env, "@outer")->offsets[2], offsetof(struct outer, c));
    cr_assert_eq(find_type(env, "@wide")->offsets[1], 16);
    cr_assert_eq(find_type(env, "@wide")->offsets[2], 32);
    unload(env);
}

Test(mu_ir_layout, arrays_and_vectors)
{
    mu_ir_env *env =
        load_first(SCALARS ".typedef @a = array<@i32 5> .typedef @aa = array<@a 3>\n"
                           ".typedef @v4 = vector<@i32 4> .typedef @d2 = vector<@d 2>\n"
                           ".typedef @d4 = vector<@d 4> .typedef @f3 = vector<@f 3>\n"
                           ".typedef @d8 = vector<@d 8> .typedef @b4 = vector<@i1 4>\n");
    expect_layout(env, "@a", 20, 4);
    expect_layout(env, "@aa", 60, 4);
    cr_assert_eq(find_type(env, "@aa")->stride_bytes, 20);
    expect_layout(env, "@v4", 16, 16);
    expect_layout(env, "@d2", 16, 16);
    expect_layout(env, "@d4", 32, 32);
    expect_layout(env, "@f3", 16, 16);
    expect_layout(env, "@d8", 64, 32);
    expect_layout(env, "@b4", 4, 4);
    cr_assert_eq(find_type(env, "@v4")->stride_bytes, 4);
    unload(env);
}

Test(mu_ir_layout, hybrids)
{
    mu_ir_env *env = load_first(SCALARS ".typedef @h = hybrid<@i8 @i16 @i32 @i64 @d>\n"
                                        ".typedef @h0 = hybrid<@f> .typedef @hp = hybrid<@i8 @d>\n"
                                        ".typedef @ht = hybrid<@d @i8 @i8>\n");
    expect_layout(env, "@h", 16, 8);
    cr_assert_eq(find_type(env, "@h")->stride_bytes, 8);
    expect_layout(env, "@h0", 0, 4);
    expect_layout(env, "@hp", 8, 8);
    expect_layout(env, "@ht", 9, 8);
    cr_assert_eq(find_type(env, "@h0")->stride_bytes + find_type(env, "@h0")->size_bytes, 4);
    unload(env);
}

Test(mu_ir_layout, references_inside_are_known)
{
    mu_ir_env *env =
        load_first(SCALARS ".typedef @a = struct<@i8 @p @fr> .typedef @b = struct<@a @w>\n"
                           ".typedef @c = array<@b 2> .typedef @h = hybrid<@i8 @ir>\n"
                           ".typedef @t = struct<@tr> .typedef @st2 = struct<@st @th>\n");
    cr_assert_not(mu_ir_type_has_refs(find_type(env, "@a")));
    cr_assert(mu_ir_type_has_refs(find_type(env, "@b")));
    cr_assert(mu_ir_type_has_refs(find_type(env, "@c")));
    cr_assert(mu_ir_type_has_refs(find_type(env, "@h")));
    cr_assert(mu_ir_type_has_refs(find_type(env, "@t")));
    cr_assert(mu_ir_type_has_refs(find_type(env, "@st2")));
    cr_assert(mu_ir_type_has_refs(find_type(env, "@r")));
    cr_assert_not(mu_ir_type_has_refs(find_type(env, "@i64")));
    unload(env);
}

static uint64_t cell_offset(const mu_ir_env *env, const char *name)
{
    return ((const mu_ir_global *)find(env, name))->offset_bytes;
}

Test(mu_ir_layout, cells_lie_behind_those_of_earlier_bundles)
{
    mu_ir_env *env =
        load_first(SCALARS ".typedef @big = array<@i64 5> .typedef @d4 = vector<@d 4>\n"
                           ".global @a <@i8> .global @b <@big> .global @c <@i64>\n");
    cr_assert_eq(cell_offset(env, "@a"), 16);
    cr_assert_eq(cell_offset(env, "@b"), 48);
    cr_assert_eq(cell_offset(env, "@c"), 112);
    cr_assert_eq(env->global_bytes, 120);
    env = load(env, ".typedef @nothing = void");
    cr_assert_eq(env->global_bytes, 120);
    env = load(env, ".global @e <@i8> .global @f2 <@d4>");
    cr_assert_eq(cell_offset(env, "@e"), 144);
    cr_assert_eq(cell_offset(env, "@f2"), 192);
    cr_assert_eq(env->global_bytes, 224);
    unload(env);
}

/* ---------------------------------------------------------------------------------- refused types
 */

Test(mu_ir_layout, refuses_types_that_contain_themselves)
{
    EXPECT_ERRORS(NULL, ".typedef @s = struct<@s>", "1:10: @s contains itself");
    EXPECT_ERRORS(NULL,
                  ".typedef @s = struct<@t>\n.typedef @t = struct<@a>\n.typedef @a = array<@s 3>",
                  "1:10: @s contains itself");
    EXPECT_ERRORS(NULL, ".typedef @v = vector<@v 4>", "1:10: @v contains itself");
    EXPECT_ERRORS(NULL, ".typedef @a = array<@a 4>\n.typedef @b = struct<@a>",
                  "1:10: @a contains itself");
    mu_ir_env *env = load_first(".typedef @s = struct<@r> .typedef @r = ref<@s>");
    expect_layout(env, "@s", 8, 8);
    unload(env);
}

Test(mu_ir_layout, refuses_void_and_hybrid_members)
{
    EXPECT_ERRORS(NULL, ".typedef @v = void\n.typedef @s = struct<@v>",
                  "2:10: @s has a member of type void");
    EXPECT_ERRORS(NULL, ".typedef @v = void\n.typedef @a = array<@v 3>\n.typedef @h = hybrid<@v>",
                  "2:10: @a has a member of type void", "3:10: @h has a member of type void");
    EXPECT_ERRORS(NULL, ".typedef @i = int<8> .typedef @h = hybrid<@i>\n.typedef @s = struct<@h>",
                  "2:10: @s contains a hybrid, whose size is not known");
    EXPECT_ERRORS(NULL,
                  ".typedef @i = int<8> .typedef @h = hybrid<@i>\n.typedef @g = hybrid<@i @h>",
                  "2:10: @g contains a hybrid, whose size is not known");
}

Test(mu_ir_layout, refuses_sizes_beyond_its_limits)
{
    EXPECT_ERRORS(NULL, ".typedef @i = int<0>",
                  "1:10: @i has no bits: an integer has at least one");
    EXPECT_ERRORS(NULL, ".typedef @i = int<129>", "1:10: @i has more than 128 bits");
    EXPECT_ERRORS(NULL, ".typedef @i = int<64> .typedef @a = array<@i 0xffffffffffffffff>",
                  "1:32: @a is larger than 1 TiB");
    EXPECT_ERRORS(NULL,
                  ".typedef @i = int<64> .typedef @a = array<@i 0x1000000000>\n"
                  ".typedef @s = struct<@a @a @a>",
                  "2:10: @s is larger than 1 TiB");
    EXPECT_ERRORS(NULL,
                  ".typedef @i = int<8> .typedef @a = array<@i 0x8000000000>\n"
                  ".global @x <@a>\n.global @y <@a>",
                  "3:9: the global cells of one VM take more than 1 TiB");
}

static mu_status nest(uint32_t levels)
{
    char *text = malloc((size_t)levels * 40 + 100);
    char *at = text + sprintf(text, ".typedef @t0 = int<8>\n");
    for (uint32_t i = levels; i > 0; i--) {
        at += sprintf(at, ".typedef @t%u = struct<@t%u @t%u>\n", i, i - 1, i - 1);
    }
    mu_ir_env *root = mu_ir_env_new_root();
    mu_ir_bundle *bundle = NULL;
    cr_assert_eq(mu_ir_parse(root, "t", text, strlen(text), NULL, &bundle), MU_OK);
    mu_status status = mu_ir_layout(root, bundle, NULL);
    mu_ir_bundle_free(bundle);
    unload(root);
    free(text);
    return status;
}

static mu_status nest_arrays(uint32_t levels)
{
    char *text = malloc((size_t)levels * 40 + 100);
    char *at = text + sprintf(text, ".typedef @t0 = int<8>\n");
    for (uint32_t i = levels; i > 0; i--) {
        at += sprintf(at, ".typedef @t%u = array<@t%u 1>\n", i, i - 1);
    }
    mu_ir_env *root = mu_ir_env_new_root();
    mu_ir_bundle *bundle = NULL;
    cr_assert_eq(mu_ir_parse(root, "t", text, strlen(text), NULL, &bundle), MU_OK);
    mu_status status = mu_ir_layout(root, bundle, NULL);
    mu_ir_bundle_free(bundle);
    unload(root);
    free(text);
    return status;
}

Test(mu_ir_layout, nesting_is_bounded_and_doubling_costs_nothing)
{
    cr_assert_eq(nest(40), MU_OK);
    cr_assert_eq(nest(41), MU_LIMIT);
    cr_assert_eq(nest_arrays(1000), MU_OK);
    cr_assert_eq(nest_arrays(1001), MU_LIMIT);
    cr_assert_eq(nest_arrays(50000), MU_LIMIT);
}
