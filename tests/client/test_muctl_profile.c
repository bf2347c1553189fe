/* Profiles as muctl writes them: folded stacks, and flame graphs. */
#include "muctl_call_tree.h"
#include "muctl_flame.h"
#include "muctl_outcome.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* @main calls @work and @read, and @work calls @hash; two threads began with @main and @idle. The
 * order of nodes is that of their first samples. */
static const muclient_profile_node nodes[] = {
    {.parent = 0, .function = "@main.v1", .file = "a.uir", .line = 3, .samples = 10},
    {.parent = 1, .function = "@work.v1", .file = "a.uir", .line = 7, .samples = 30},
    {.parent = 2, .function = "@hash.v1", .file = "b.uir", .line = 1, .samples = 40},
    {.parent = 0, .function = "@idle.v1", .file = "", .line = 0, .samples = 0},
    {.parent = 1, .function = "@read.v1", .file = "a.uir", .line = 9, .samples = 15},
};
static const muclient_profile profile = {
    .vm = "app", .samples = 100, .others = 5, .nodes = nodes, .node_count = 5};

static muctl_call_tree tree_of(const muclient_profile *from)
{
    muctl_call_tree tree;
    cr_assert(muctl_call_tree_make(&tree, from));
    return tree;
}

static char *folded_of(const muclient_profile *from)
{
    char *text = NULL;
    size_t size = 0;
    muctl_call_tree tree = tree_of(from);
    FILE *out = open_memstream(&text, &size);
    muctl_folded_write(out, &tree);
    (void)fclose(out);
    muctl_call_tree_deinit(&tree);
    return text;
}

/* In line, gcc 12 takes what the stream wrote for a pointer to the local variable. */
__attribute__((noinline)) static char *flame_of(const muclient_profile *from, const char *title)
{
    char *text = NULL;
    size_t size = 0;
    muctl_call_tree tree = tree_of(from);
    FILE *out = open_memstream(&text, &size);
    muctl_flame_write(out, &tree, title);
    (void)fclose(out);
    muctl_call_tree_deinit(&tree);
    return text;
}

Test(muctl_profile, stacks_are_folded_in_the_order_of_names)
{
    char *text = folded_of(&profile);
    cr_expect_str_eq(text, "@main.v1 (a.uir:3) 10\n"
                           "@main.v1 (a.uir:3);@read.v1 (a.uir:9) 15\n"
                           "@main.v1 (a.uir:3);@work.v1 (a.uir:7) 30\n"
                           "@main.v1 (a.uir:3);@work.v1 (a.uir:7);@hash.v1 (b.uir:1) 40\n"
                           "[others] 5\n");
    free(text);
}

Test(muctl_profile, callees_lie_side_by_side_above_their_caller)
{
    static const struct {
        const char *name;
        size_t parent, depth;
        uint64_t self, total, start;
    } wanted[] = {
        {"all", 0, 0, 0, 100, 0},
        {"@idle.v1", 0, 1, 0, 0, 0},
        {"@main.v1 (a.uir:3)", 0, 1, 10, 95, 0},
        {"@read.v1 (a.uir:9)", 2, 2, 15, 15, 0},
        {"@work.v1 (a.uir:7)", 2, 2, 30, 70, 15},
        {"@hash.v1 (b.uir:1)", 4, 3, 40, 40, 15},
        {"[others]", 0, 1, 5, 5, 95},
    };
    muctl_call_tree tree = tree_of(&profile);
    cr_assert_eq(tree.count, sizeof wanted / sizeof wanted[0]);
    cr_expect_eq(tree.depth, 3);
    for (size_t i = 0; i < tree.count; i++) {
        const muctl_call *call = &tree.calls[i];
        cr_expect_str_eq(call->name, wanted[i].name);
        cr_expect_eq(call->parent, wanted[i].parent, "%s", call->name);
        cr_expect_eq(call->depth, wanted[i].depth, "%s", call->name);
        cr_expect_eq(call->self, wanted[i].self, "%s", call->name);
        cr_expect_eq(call->total, wanted[i].total, "%s", call->name);
        cr_expect_eq(call->start, wanted[i].start, "%s", call->name);
    }
    muctl_call_tree_deinit(&tree);
}

Test(muctl_profile, a_profile_of_nothing_has_no_stacks)
{
    muclient_profile nothing = {.vm = "app"};
    char *text = folded_of(&nothing);
    cr_expect_str_eq(text, "");
    free(text);
    text = flame_of(&nothing, "nothing");
    cr_expect_null(strstr(text, "<g "));
    cr_expect_not_null(strstr(text, "</svg>\n"));
    free(text);
}

Test(muctl_profile, names_make_no_frames_lines_or_marks_of_their_own)
{
    static const muclient_profile_node hostile[] = {
        {.function = "@a;b\n1 \x1b[31m", .file = "", .samples = 1},
        {.function = "@<g onload=\"x\">&amp;]]>\xef\xbf\xbe\xff", .file = "", .samples = 1},
    };
    muclient_profile from = {.samples = 2, .nodes = hostile, .node_count = 2};
    char *text = folded_of(&from);
    cr_expect_str_eq(text, "@<g onload=\"x\">&amp,]]>\xef\xbf\xbe\\xff 1\n"
                           "@a,b\\n1 \\x1b[31m 1\n");
    free(text);
    text = flame_of(&from, "<title>");
    cr_expect_not_null(strstr(text, "<title>@&lt;g onload=&quot;x&quot;&gt;&amp;amp,]]&gt;?\\xff "
                                    "(1 sample, 50.00%)</title>"));
    cr_expect_not_null(strstr(text, ">&lt;title&gt;</text>"));
    free(text);
}

/* A chain as deep as a frame of mud's may hold. */
Test(muctl_profile, deep_trees_are_no_harm)
{
    enum { DEPTH = 32768 };
    muclient_profile_node *deep = calloc(DEPTH, sizeof *deep);
    for (size_t i = 0; i < DEPTH; i++) {
        deep[i] = (muclient_profile_node){.parent = i, .function = "@f", .file = "", .samples = 1};
    }
    muclient_profile from = {.samples = DEPTH, .nodes = deep, .node_count = DEPTH};
    muctl_call_tree tree = tree_of(&from);
    cr_expect_eq(tree.depth, DEPTH);
    cr_expect_eq(tree.calls[DEPTH].total, 1);
    muctl_call_tree_deinit(&tree);
    free(deep);
}

#define BAR(title, x, y, width, colour, text_x, text_y, text)                                      \
    "<g class=\"bar\"><title>" title "</title><rect x=\"" x "\" y=\"" y "\" width=\"" width        \
    "\" height=\"16\" rx=\"1\" fill=\"#" colour "\"/><text x=\"" text_x "\" y=\"" text_y           \
    "\">" text "</text></g>\n"
/* 1180 wide in all, from 10 on; a row is 17 high. */
/* clang-format off */
static const char drawn[] =
    BAR("all (100 samples, 100.00%)", "10.0", "99", "1180.0", "d4d4d9", "13.0", "111", "all")
    BAR("@main.v1 (a.uir:3) (95 samples, 95.00%)", "10.0", "82", "1121.0", "d1c403", "13.0", "94", "@main.v1 (a.uir:3)")
    BAR("@read.v1 (a.uir:9) (15 samples, 15.00%)", "10.0", "65", "177.0", "f64703", "13.0", "77", "@read.v1 (a.uir:9)")
    BAR("@work.v1 (a.uir:7) (70 samples, 70.00%)", "187.0", "65", "826.0", "eb8227", "190.0", "77", "@work.v1 (a.uir:7)")
    BAR("@hash.v1 (b.uir:1) (40 samples, 40.00%)", "187.0", "48", "472.0", "e74310", "190.0", "60", "@hash.v1 (b.uir:1)")
    BAR("[others] (5 samples, 5.00%)", "1131.0", "82", "59.0", "e4e4e9", "1134.0", "94", "[othe..");
/* clang-format on */
#undef BAR

Test(muctl_profile, bars_are_drawn_to_scale)
{
    char *text = flame_of(&profile, "VM app: 100 samples in 1.0s");
    char *again = flame_of(&profile, "VM app: 100 samples in 1.0s");
    const char *first = strstr(text, "<g ");
    const char *end = strstr(text, "<script>");
    cr_assert(first && end);
    cr_expect_eq((size_t)(end - first), strlen(drawn));
    cr_expect_eq(strncmp(first, drawn, strlen(drawn)), 0, "%s", text);
    cr_expect_str_eq(text, again, "equal profiles give equal graphs");
    cr_expect_eq(strncmp(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg ", 44), 0);
    cr_expect_not_null(strstr(text, " height=\"126\" "), "four rows of 17, title and margin");
    cr_expect_not_null(strstr(text, ">VM app: 100 samples in 1.0s</text>"));
    free(text);
    free(again);
}

Test(muctl_profile, the_command_says_what_was_innermost)
{
    fake_mud *fake = fake_mud_start(NULL);
    GIVES(fake, 0, "@main.v1 3\n@main.v1 (a.uir:4) 1\n@main.v1 (a.uir:4);? 2\n",
          "6 samples of app in 2.0s; stopped, as for collections, 25.0% of the time; innermost "
          "were\n"
          " 50.00%  @main.v1\n 33.33%  ?\n 16.67%  @main.v1 (a.uir:4)\n",
          "profile", "app", "--seconds", "2", "--hz", "100", "--output", "-");
    GIVES(
        fake, 0,
        "{\"schema\":\"muctl.profile/1\",\"vm\":\"app\",\"samples\":6,\"others\":0,\"ticks\":1000,"
        "\"stopped_ticks\":250,\"wall_us\":10000000,\"stacks\":[{\"frames\":[\"@main.v1\"],"
        "\"samples\":3},{\"frames\":[\"@main.v1 "
        "(a.uir:4)\"],\"samples\":1},{\"frames\":[\"@main.v1 "
        "(a.uir:4)\",\"?\"],\"samples\":2}]}\n",
        "", "profile", "app", "--json");
    GIVES(
        fake, 0,
        "{\"schema\":\"muctl.profile/1\",\"vm\":\"odd\",\"samples\":6,\"others\":0,\"ticks\":1000,"
        "\"stopped_ticks\":250,\"wall_us\":10000000,\"stacks\":[]}\n",
        "", "profile", "odd", "--json");
    GIVES(fake, 0, "no samples in 0.5s: no call or thread of idle ran; nothing is written\n", "",
          "profile", "idle", "--seconds", ".5");
    GIVES(fake, 4, "", "muctl: no VM none\n", "profile", "none");
    fake_mud_stop(fake);
}

Test(muctl_profile, times_and_rates_that_are_none_are_wrong_usage)
{
    static const char *const seconds[] = {"0",   "-1", "",    ".",     "1.2.3",
                                          "1e3", "5s", "nan", "3600.1"};
    static const char *const rates[] = {"0", "-1", "", "1.5", "10001", "99999999999999999999"};
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        outcome result =
            run_on(NULL, (const char *[]){"profile", "app", "--seconds", seconds[i], NULL});
        cr_expect_eq(result.status, 2, "%s", seconds[i]);
        cr_expect_not_null(strstr(result.err, "is not a number of seconds"));
        free(result.out);
        free(result.err);
    }
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        outcome result = run_on(NULL, (const char *[]){"profile", "app", "--hz", rates[i], NULL});
        cr_expect_eq(result.status, 2, "%s", rates[i]);
        cr_expect_not_null(strstr(result.err, "is not a rate"));
        free(result.out);
        free(result.err);
    }
}
