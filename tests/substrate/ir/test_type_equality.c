#include "ir_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool equal(const mu_ir_env *env, const char *a, const char *b)
{
    return mu_ir_type_equal(find_type(env, a), find_type(env, b));
}

Test(mu_ir_equality, names_do_not_matter)
{
    mu_ir_env *env =
        load_first(".typedef @a = int<64> .typedef @b = int<64> .typedef @c = int<32>\n"
                   ".typedef @ra = ref<@a> .typedef @rb = ref<@b> .typedef @rc = ref<@c>\n"
                   ".typedef @ia = iref<@a> .typedef @s1 = struct<@a @rb>\n"
                   ".typedef @s2 = struct<@b @ra> .typedef @s3 = struct<@ra @b>\n"
                   ".typedef @h1 = hybrid<@a @rb> .typedef @h2 = hybrid<@b @ra>\n"
                   ".typedef @x3 = array<@a 3> .typedef @y3 = array<@b 3>\n"
                   ".typedef @x4 = array<@a 4> .typedef @v3 = vector<@a 3>\n");
    cr_assert(equal(env, "@a", "@b"));
    cr_assert_not(equal(env, "@a", "@c"));
    cr_assert(equal(env, "@ra", "@rb"));
    cr_assert_not(equal(env, "@ra", "@rc"));
    cr_assert_not(equal(env, "@ra", "@ia"));
    cr_assert(equal(env, "@s1", "@s2"));
    cr_assert_not(equal(env, "@s1", "@s3"));
    cr_assert(equal(env, "@h1", "@h2"));
    cr_assert_not(equal(env, "@h1", "@s1"));
    cr_assert(equal(env, "@x3", "@y3"));
    cr_assert_not(equal(env, "@x3", "@x4"));
    cr_assert_not(equal(env, "@x3", "@v3"));
    unload(env);
}

Test(mu_ir_equality, signatures_compare_by_structure_and_by_where_the_arrow_stands)
{
    mu_ir_env *env = load_first(".typedef @a = int<64> .typedef @b = int<64>\n"
                                ".funcsig @s1 = (@a @b) -> () .funcsig @s2 = (@b @a) -> ()\n"
                                ".funcsig @s3 = (@a) -> (@b) .funcsig @s4 = () -> (@a @b)\n"
                                ".typedef @f1 = funcref<@s1> .typedef @f2 = funcref<@s2>\n"
                                ".typedef @f3 = funcref<@s3> .typedef @u1 = ufuncptr<@s1>\n");
    cr_assert_eq(find_sig(env, "@s1")->canonical, find_sig(env, "@s2")->canonical);
    cr_assert_neq(find_sig(env, "@s1")->canonical, find_sig(env, "@s3")->canonical);
    cr_assert_neq(find_sig(env, "@s1")->canonical, find_sig(env, "@s4")->canonical);
    cr_assert_neq(find_sig(env, "@s1")->canonical, 0);
    cr_assert(equal(env, "@f1", "@f2"));
    cr_assert_not(equal(env, "@f1", "@f3"));
    cr_assert_not(equal(env, "@f1", "@u1"));
    unload(env);
}

#define LIST(n) ".typedef @N" n " = struct<@i @R" n "> .typedef @R" n " = ref<@N" n ">\n"

Test(mu_ir_equality, recursive_types_of_the_same_shape_are_equal)
{
    mu_ir_env *env = load_first(".typedef @i = int<64> .typedef @j = int<32>\n" LIST("1") LIST(
        "2") ".typedef @M = struct<@j @RM> .typedef @RM = ref<@M>\n");
    cr_assert(equal(env, "@N1", "@N2"));
    cr_assert(equal(env, "@R1", "@R2"));
    cr_assert_not(equal(env, "@N1", "@M"));
    cr_assert_not(equal(env, "@R1", "@RM"));
    unload(env);
}

Test(mu_ir_equality, differently_unrolled_recursion_is_equal)
{
    mu_ir_env *env =
        load_first(".typedef @i = int<64>\n" LIST("1")
                   /* twice around, three times around, and a head that is on no cycle */
                   ".typedef @A = struct<@i @RB> .typedef @RB = ref<@B>\n"
                   ".typedef @B = struct<@i @RA> .typedef @RA = ref<@A>\n"
                   ".typedef @C = struct<@i @RD> .typedef @RD = ref<@D>\n"
                   ".typedef @D = struct<@i @RE> .typedef @RE = ref<@E>\n"
                   ".typedef @E = struct<@i @RC> .typedef @RC = ref<@C>\n"
                   ".typedef @H = struct<@i @R1> .typedef @RH = ref<@H>\n"
                   ".typedef @X = struct<@i @RX> .typedef @RX = ref<@H>\n");
    const char *const nodes[] = {"@A", "@B", "@C", "@D", "@E", "@H", "@X"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        cr_assert(equal(env, "@N1", nodes[i]), "%s", nodes[i]);
    }
    const char *const references[] = {"@RA", "@RB", "@RC", "@RH", "@RX"};
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        cr_assert(equal(env, "@R1", references[i]), "%s", references[i]);
    }
    unload(env);
}

Test(mu_ir_equality, a_cycle_that_leads_into_its_equal_is_equal)
{
    /* X and RX are a cycle of their own, but each X also refers to the finished A. */
    mu_ir_env *env = load_first(".typedef @A = struct<@RA @RA> .typedef @RA = ref<@A>\n"
                                ".typedef @X = struct<@RX @RA> .typedef @RX = ref<@X>\n"
                                ".typedef @Y = struct<@RA @RY> .typedef @RY = ref<@Y>\n"
                                ".typedef @i = int<1> .typedef @Z = struct<@RZ @RA @i>\n"
                                ".typedef @RZ = ref<@Z>\n");
    cr_assert(equal(env, "@A", "@X"));
    cr_assert(equal(env, "@RA", "@RX"));
    cr_assert(equal(env, "@A", "@Y"));
    cr_assert_not(equal(env, "@A", "@Z"));
    cr_assert_not(equal(env, "@RA", "@RZ"));
    unload(env);
}

#define KNOT(n)                                                                                    \
    ".typedef @i" n " = int<64> .funcsig @s" n " = (@f" n " @i" n ") -> (@p" n ")\n"               \
    ".typedef @f" n " = funcref<@s" n "> .typedef @p" n " = ref<@t" n ">\n"                        \
    ".typedef @t" n " = struct<@f" n " @p" n " @w" n "> .typedef @w" n " = weakref<@t" n ">\n"

Test(mu_ir_equality, mutual_recursion_through_signatures)
{
    mu_ir_env *env = load(load_first(KNOT("1")), KNOT("2"));
    cr_assert(equal(env, "@t1", "@t2"));
    cr_assert(equal(env, "@f1", "@f2"));
    cr_assert(equal(env, "@p1", "@p2"));
    cr_assert_eq(find_sig(env, "@s1")->canonical, find_sig(env, "@s2")->canonical);
    cr_assert_not(equal(env, "@p1", "@w2"));
    unload(env);
}

Test(mu_ir_equality, across_bundles)
{
    mu_ir_env *env = load_first(".typedef @i = int<64>\n" LIST("1"));
    env = load(env,
               ".typedef @k = int<64> .typedef @N2 = struct<@k @R2> .typedef @R2 = ref<@N2>\n"
               ".typedef @A = struct<@i @RB> .typedef @RB = ref<@B> .typedef @B = struct<@k @RA>\n"
               ".typedef @RA = ref<@A> .typedef @H = struct<@k @R1>\n"
               ".typedef @D1 = struct<@i @i @RD1> .typedef @RD1 = ref<@D1>\n");
    env = load(env, ".typedef @X = struct<@i @RX> .typedef @RX = ref<@X>\n"
                    ".typedef @D2 = struct<@i @i @RD2> .typedef @RD2 = ref<@D2>\n");
    cr_assert(equal(env, "@i", "@k"));
    cr_assert(equal(env, "@N1", "@N2"));
    cr_assert(equal(env, "@N1", "@A"));
    cr_assert(equal(env, "@N1", "@H"));
    cr_assert(equal(env, "@N1", "@X"));
    cr_assert(equal(env, "@D1", "@D2"));
    cr_assert_not(equal(env, "@D1", "@N1"));
    cr_assert(
        mu_ir_type_equal(find_type(env, "@uvm.meta.bytes"), find_type(env, "@uvm.meta.bytes")));
    unload(env);
}

/* ------------------------------------------------------------------- against a plain definition */

/* Two nodes are equal unless a path tells them apart: the greatest fixed point, computed naively.
 */
#define NODES 14

typedef struct shape {
    int kind; /* 0: int<1>, 1: int<2>, 2: ref, 3: struct of two */
    int child[2];
} shape;

static bool children_equal(const shape *a, const shape *b, bool same[NODES][NODES])
{
    int children = a->kind < 2 ? 0 : a->kind - 1;
    for (int i = 0; i < children; i++) {
        if (!same[a->child[i]][b->child[i]]) {
            return false;
        }
    }
    return true;
}

static void plain_equality(const shape *shapes, bool same[NODES][NODES])
{
    for (int i = 0; i < NODES; i++) {
        for (int j = 0; j < NODES; j++) {
            same[i][j] = shapes[i].kind == shapes[j].kind;
        }
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < NODES; i++) {
            for (int j = 0; j < NODES; j++) {
                if (same[i][j] && !children_equal(&shapes[i], &shapes[j], same)) {
                    same[i][j] = false;
                    changed = true;
                }
            }
        }
    }
}

static void write_shape(char *text, int index, const shape *node)
{
    char line[100];
    if (node->kind < 2) {
        snprintf(line, sizeof line, ".typedef @t%d = int<%d>\n", index, node->kind + 1);
    } else if (node->kind == 2) {
        snprintf(line, sizeof line, ".typedef @t%d = ref<@t%d>\n", index, node->child[0]);
    } else {
        /* Children of structs are references, so that no struct contains itself. */
        snprintf(line, sizeof line, ".typedef @t%d = struct<@t%d @t%d>\n", index, node->child[0],
                 node->child[1]);
    }
    strcat(text, line);
}

static void random_shapes(shape *shapes, int count, int first)
{
    for (int i = first; i < count; i++) {
        bool is_struct = rand() % 2;
        shapes[i].kind = i < 2 ? i : is_struct && i > 4 ? 3 : 2;
        shapes[i].child[0] = rand() % count;
        shapes[i].child[1] = rand() % count;
    }
}

/* The first `split` types come in one bundle, the others in a second; first ones refer to no later.
 */
static void compare_random(int split)
{
    shape shapes[NODES];
    bool same[NODES][NODES];
    random_shapes(shapes, split, 0);
    random_shapes(shapes, NODES, split);
    plain_equality(shapes, same);
    char texts[2][NODES * 100] = {"", ""};
    for (int i = 0; i < NODES; i++) {
        write_shape(texts[i >= split], i, &shapes[i]);
    }
    mu_ir_env *root = mu_ir_env_new_root();
    mu_ir_env *env = root;
    for (int i = 0; i < 2; i++) {
        mu_ir_bundle *bundle = NULL;
        cr_assert_eq(mu_ir_parse(env, "t", texts[i], strlen(texts[i]), NULL, &bundle), MU_OK);
        mu_ir_env *next = mu_ir_env_extend(env, bundle);
        mu_ir_env_release(env, NULL);
        env = next;
    }
    for (int i = 0; i < NODES; i++) {
        for (int j = 0; j < NODES; j++) {
            char a[10];
            char b[10];
            snprintf(a, sizeof a, "@t%d", i);
            snprintf(b, sizeof b, "@t%d", j);
            cr_assert_eq(equal(env, a, b), same[i][j], "%s and %s in:\n%s---\n%s", a, b, texts[0],
                         texts[1]);
        }
    }
    unload(env);
}

Test(mu_ir_equality, random_graphs_agree_with_the_plain_definition)
{
    srand(1);
    for (int i = 0; i < 3000; i++) {
        compare_random(2 + rand() % (NODES - 2));
    }
}

/* -------------------------------------------------------------------------------------- scale */

/* Of this process alone: the machine may be busy with other things. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#define CHAIN 100000

static double chain_seconds(uint32_t count)
{
    size_t room = (size_t)count * 40 + 100;
    char *text = malloc(room);
    size_t used = (size_t)snprintf(text, room, ".typedef @t0 = int<64>\n");
    for (uint32_t i = count - 1; i > 0; i--) {
        used += (size_t)snprintf(text + used, room - used, ".typedef @t%u = ref<@t%u>\n", i, i - 1);
    }
    double start = seconds();
    mu_ir_env *env = load_first(text);
    double taken = seconds() - start;
    cr_assert_eq(env->bundle->type_count, count);
    cr_assert_not(equal(env, "@t10", "@t11"));
    unload(env);
    free(text);
    return taken;
}

Test(mu_ir_equality, a_chain_of_100000_types_is_numbered_in_linear_time)
{
    chain_seconds(1000);
    double tenth = chain_seconds(CHAIN / 10);
    double whole = chain_seconds(CHAIN);
    cr_assert_lt(whole, 40 * tenth + 0.1, "%f s for a tenth, %f s for all", tenth, whole);
    cr_assert_lt(whole, 10.0, "%f s", whole);
}

static char *ring(uint32_t count, const char *prefix)
{
    size_t room = (size_t)count * 80 + 100;
    char *text = malloc(room);
    size_t used = (size_t)snprintf(text, room, ".typedef @%si = int<64>\n", prefix);
    for (uint32_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, room - used, ".typedef @%s%u = ref<@%s%u>\n", prefix,
                                 i, prefix, (i + 1) % count);
    }
    return text;
}

Test(mu_ir_equality, a_ring_of_references_of_4096_is_the_largest)
{
    char *text = ring(4096, "r");
    double start = seconds();
    mu_ir_env *env = load_first(text);
    cr_assert(equal(env, "@r0", "@r4095"));
    unload(env);
    cr_assert_lt(seconds() - start, 10.0);
    free(text);
    text = ring(4097, "r");
    cr_assert_eq(parse_status(NULL, text, strlen(text)), MU_LIMIT);
    free(text);
}

Test(mu_ir_equality, the_worst_rings_are_refused_in_bounded_time)
{
    /* Rings in which one member differs take as many rounds as they have members. */
    size_t room = 40u * 4100u * 40u;
    char *text = malloc(room);
    size_t used = (size_t)snprintf(text, room, ".typedef @i = int<64>\n");
    for (int r = 0; r < 40; r++) {
        for (int i = 0; i < 4095; i++) {
            used += (size_t)snprintf(text + used, room - used, ".typedef @r%d.%d=ref<@r%d.%d>\n", r,
                                     i, r, i + 1);
        }
        used +=
            (size_t)snprintf(text + used, room - used, ".typedef @r%d.4095=iref<@r%d.0>\n", r, r);
    }
    double start = seconds();
    cr_assert_eq(parse_status(NULL, text, strlen(text)), MU_LIMIT);
    cr_assert_lt(seconds() - start, 60.0);
    free(text);
}
