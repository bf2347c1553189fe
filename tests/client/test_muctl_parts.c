/* The parts of muctl that need no mud. */
#include "muctl.h"
#include "muctl_quantity.h"
#include "muctl_suggestion.h"
#include "muctl_trap_state.h"
#include "muctl_trap_text.h"
#include "muctl_value.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Quantities --- */

Test(muctl, durations_need_a_unit)
{
    uint64_t ms;
    cr_assert(muctl_duration_parse("300ms", &ms) && ms == 300);
    cr_assert(muctl_duration_parse("5s", &ms) && ms == 5000);
    cr_assert(muctl_duration_parse("2m", &ms) && ms == 120000);
    cr_assert(muctl_duration_parse("1h", &ms) && ms == 3600000);
    static const char *const wrong[] = {"",
                                        "5",
                                        "s",
                                        "5 s",
                                        "-5s",
                                        "0s",
                                        "1.5s",
                                        "5sec",
                                        "+5s",
                                        "0x5s",
                                        "99999999999999999999s",
                                        "2000h"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_not(muctl_duration_parse(wrong[i], &ms), "%s", wrong[i]);
    }
}

Test(muctl, sizes_are_powers_of_1024)
{
    uint64_t bytes;
    cr_assert(muctl_size_parse("4096", &bytes) && bytes == 4096);
    cr_assert(muctl_size_parse("64K", &bytes) && bytes == 65536);
    cr_assert(muctl_size_parse("256M", &bytes) && bytes == 256u << 20);
    cr_assert(muctl_size_parse("1GiB", &bytes) && bytes == 1u << 30);
    static const char *const wrong[] = {
        "", "0", "K", "64k", "64KB", "-1", "18446744073709551616", "17179869184G"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_not(muctl_size_parse(wrong[i], &bytes), "%s", wrong[i]);
    }
}

Test(muctl, quantities_are_printed_short)
{
    char text[MUCTL_QUANTITY_BYTES];
    muctl_duration_print(text, 850);
    cr_assert_str_eq(text, "850ms");
    muctl_duration_print(text, 121000);
    cr_assert_str_eq(text, "2m 1s");
    muctl_duration_print(text, UINT64_C(1051200000));
    cr_assert_str_eq(text, "12d 4h");
    muctl_duration_print(text, UINT64_MAX);
    muctl_size_print(text, 512);
    cr_assert_str_eq(text, "512 B");
    muctl_size_print(text, UINT64_C(1395864371));
    cr_assert_str_eq(text, "1.3 GiB");
    muctl_size_print(text, UINT64_MAX);
}

/* --- Suggestions --- */

Test(muctl, edit_distance_counts_changes_and_swaps)
{
    cr_assert_eq(muctl_edit_distance("", ""), 0);
    cr_assert_eq(muctl_edit_distance("load", "load"), 0);
    cr_assert_eq(muctl_edit_distance("load", "laod"), 1);
    cr_assert_eq(muctl_edit_distance("status", "stauts"), 1);
    cr_assert_eq(muctl_edit_distance("call", "cal"), 1);
    cr_assert_eq(muctl_edit_distance("abc", ""), 3);
    cr_assert_eq(muctl_edit_distance("kitten", "sitting"), 3);
    cr_assert_eq(muctl_edit_distance("a", "a very long word that is longer than thirty-one"), 99);
}

Test(muctl, suggestion_is_the_nearest_word_and_never_a_wild_one)
{
    static const char *const words[] = {"load", "ls", "rm", "status"};
    cr_assert_str_eq(muctl_suggestion("laod", words, 4), "load");
    cr_assert_str_eq(muctl_suggestion("lss", words, 4), "ls");
    cr_assert_null(muctl_suggestion("xy", words, 4));
    cr_assert_null(muctl_suggestion("completely", words, 4));
}

/* --- The command line --- */

typedef struct parsed {
    muctl_arguments arguments;
    bool is_right;
    muctl_problem problem;
} parsed;

static parsed parse(int argc, char **argv)
{
    parsed result = {0};
    result.is_right = muctl_arguments_parse(argc, argv, &result.arguments, &result.problem);
    return result;
}

#define PARSE(...)                                                                                 \
    parse((int)(sizeof((const char *[]){"muctl", __VA_ARGS__}) / sizeof(char *)),                  \
          (char *[]){"muctl", __VA_ARGS__})

Test(muctl, options_may_stand_anywhere_and_numbers_are_not_options)
{
    parsed p = PARSE("--socket", "/s", "call", "gcd.gcd", "-5", "--timeout=500ms", "-.5", "--json",
                     "--", "--x");
    cr_assert(p.is_right, "%s", p.problem.text);
    cr_assert_str_eq(p.arguments.command->name, "call");
    cr_assert_eq(p.arguments.word_count, 4);
    cr_assert_eq(p.arguments.rest_start, 3);
    cr_assert_str_eq(p.arguments.words[1], "-5");
    cr_assert_str_eq(p.arguments.words[2], "-.5");
    cr_assert_str_eq(p.arguments.words[3], "--x");
    cr_assert_str_eq(p.arguments.values[MUCTL_SOCKET], "/s");
    cr_assert_str_eq(p.arguments.values[MUCTL_TIMEOUT], "500ms");
    cr_assert(p.arguments.given[MUCTL_JSON]);
    muctl_arguments_deinit(&p.arguments);
}

Test(muctl, command_of_two_words_is_found)
{
    parsed p = PARSE("trap", "attach", "gcd", "--resume", "5", "2.5");
    cr_assert(p.is_right);
    cr_assert_str_eq(p.arguments.command->name, "trap attach");
    cr_assert_eq(p.arguments.word_count, 3);
    cr_assert_str_eq(p.arguments.words[0], "gcd");
    muctl_arguments_deinit(&p.arguments);
}

static void parse_refuses(parsed p, const char *problem, const char *hint)
{
    cr_assert_not(p.is_right);
    cr_assert_str_eq(p.problem.text, problem);
    cr_assert_str_eq(p.problem.hint, hint);
    muctl_arguments_deinit(&p.arguments);
}

Test(muctl, wrong_usage_is_explained)
{
    parse_refuses(PARSE("laod", "x"), "there is no command \"laod\"", "did you mean: muctl load");
    parse_refuses(PARSE("trap"), "there is no command \"trap\"", "muctl help");
    parse_refuses(PARSE("trap", "atach", "x"), "there is no command \"trap atach\"",
                  "did you mean: muctl trap attach");
    parse_refuses(PARSE("ls", "--jsno"), "there is no option \"--jsno\"", "did you mean --json?");
    parse_refuses(PARSE("ls", "--now"), "ls has no option --now", "usage: muctl ls");
    parse_refuses(PARSE("ls", "x"), "\"x\" is an argument too many", "usage: muctl ls");
    parse_refuses(PARSE("rm"), "rm wants more arguments", "usage: muctl rm NAME [--force]");
    parse_refuses(PARSE("ls", "--socket"), "--socket wants a value", "muctl help");
    parse_refuses(PARSE("ls", "--json=1"), "--json=1 takes no value", "muctl help");
    parse_refuses(PARSE("ls", "--json", "--json"), "--json is given twice", "give it once");
    parse_refuses(PARSE("--", "ls"), "a command is missing before --", "muctl help");
    parse_refuses(PARSE("\x1b[2J"), "there is no command \"\\x1b[2J\"", "muctl help");
}

Test(muctl, options_begin_like_no_other)
{
    parsed p = PARSE("ls", "--j");
    cr_assert_not(p.is_right);
    muctl_arguments_deinit(&p.arguments);
    p = PARSE("ls", "--js=on");
    cr_assert_not(p.is_right);
    muctl_arguments_deinit(&p.arguments);
}

/* --- JSON and values --- */

static char *written(FILE *file, char **memory)
{
    (void)fclose(file);
    return *memory;
}

Test(muctl, json_is_escaped)
{
    char *memory = NULL;
    size_t size;
    FILE *file = open_memstream(&memory, &size);
    muctl_json json;
    muctl_json_begin(&json, file);
    muctl_json_object_begin(&json, NULL);
    muctl_json_string(&json, "a\"b", "\\ \" \n \x01 \x7f \xc2\x85 \xe2\x80\xae \xff caf\xc3\xa9");
    muctl_json_array_begin(&json, "list");
    muctl_json_unsigned(&json, NULL, UINT64_MAX);
    muctl_json_signed(&json, NULL, INT64_MIN);
    muctl_json_real(&json, NULL, 0.1);
    muctl_json_real(&json, NULL, NAN);
    muctl_json_float(&json, NULL, 0.1F);
    muctl_json_string(&json, NULL, NULL);
    muctl_json_object_begin(&json, NULL);
    muctl_json_object_end(&json);
    muctl_json_bool(&json, NULL, true);
    muctl_json_array_end(&json);
    muctl_json_object_end(&json);
    muctl_json_end(&json);
    cr_assert_str_eq(written(file, &memory),
                     "{\"a\\\"b\":\"\\\\ \\\" \\n \\u0001 \\u007f \\u0085 \\u202e \\ufffd "
                     "caf\xc3\xa9\",\"list\":[18446744073709551615,-9223372036854775808,0.1,"
                     "\"nan\",0.1,null,{},true]}\n");
    free(memory);
}

Test(muctl, reals_are_the_shortest_that_read_back)
{
    static const double numbers[] = {0.0, -0.0, 0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 2.5};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[MUCTL_REAL_BYTES];
        muctl_double_print(text, numbers[i]);
        cr_assert(strtod(text, NULL) == numbers[i], "%s", text);
        float single = (float)numbers[i];
        muctl_float_print(text, single);
        cr_assert(strtof(text, NULL) == single, "%s", text);
    }
    char text[MUCTL_REAL_BYTES];
    muctl_double_print(text, 2.5);
    cr_assert_str_eq(text, "2.5");
    muctl_float_print(text, 0.1F);
    cr_assert_str_eq(text, "0.1");
    muctl_double_print(text, -INFINITY);
    cr_assert_str_eq(text, "-inf");
}

static void value_is(muclient_value value, const char *printed, const char *tag,
                     const char *json_text)
{
    char *memory = NULL;
    size_t size;
    FILE *file = open_memstream(&memory, &size);
    muctl_value_print(file, &value);
    cr_assert_str_eq(written(file, &memory), printed);
    free(memory);
    char text[128];
    muctl_value_tag(text, sizeof text, &value);
    cr_assert_str_eq(text, tag);
    file = open_memstream(&memory, &size);
    muctl_json json;
    muctl_json_begin(&json, file);
    muctl_value_json(&json, NULL, &value);
    cr_assert_str_eq(written(file, &memory), json_text);
    free(memory);
}

Test(muctl, values_are_written_by_their_type)
{
    muclient_value v = {.kind = MUCLIENT_INTEGER, .type = "int<64>", .integer = UINT64_MAX};
    value_is(v, "-1", "int64:-1", "{\"type\":\"int<64>\",\"value\":-1}");
    v = (muclient_value){.kind = MUCLIENT_INTEGER, .type = "int<8>", .integer = 0x80};
    value_is(v, "-128", "int8:-128", "{\"type\":\"int<8>\",\"value\":-128}");
    v = (muclient_value){.kind = MUCLIENT_INTEGER, .type = "int<1>", .integer = 1};
    value_is(v, "1", "int1:1", "{\"type\":\"int<1>\",\"value\":1}");
    v = (muclient_value){.kind = MUCLIENT_DOUBLE, .type = "double", .real = 2.5};
    value_is(v, "2.5", "double:2.5", "{\"type\":\"double\",\"value\":2.5}");
    v = (muclient_value){.kind = MUCLIENT_FLOAT, .type = "float", .single = 0.1F};
    value_is(v, "0.1", "float:0.1", "{\"type\":\"float\",\"value\":0.1}");
    v = (muclient_value){
        .kind = MUCLIENT_REFERENCE, .type = "ref<@N>", .reference = {.null = true}};
    value_is(v, "null", "ref:null", "{\"type\":\"ref<@N>\",\"value\":null}");
    v.reference.null = false;
    value_is(v, "ref<@N>", "ref:obj", "{\"type\":\"ref<@N>\",\"value\":\"set\"}");
    v.type = "iref<@N>";
    value_is(v, "iref<@N>", "iref:set", "{\"type\":\"iref<@N>\",\"value\":\"set\"}");
    v.reference.null = true;
    value_is(v, "null", "iref:null", "{\"type\":\"iref<@N>\",\"value\":null}");
    v.type = "funcref<@s>";
    value_is(v, "null", "funcref:null", "{\"type\":\"funcref<@s>\",\"value\":null}");
    v = (muclient_value){.kind = MUCLIENT_OPAQUE, .type = "struct<int<8>>", .text = "{1\x1b}"};
    value_is(v, "{1\\x1b}", "struct:{1\x1b}",
             "{\"type\":\"struct<int<8>>\",\"value\":\"{1\\u001b}\"}");
    v = (muclient_value){.kind = MUCLIENT_OPAQUE, .type = "", .text = ""};
    value_is(v, "", "opaque:", "{\"type\":\"\",\"value\":\"\"}");
}

/* --- Answers to traps --- */

Test(muctl, answers_are_read_from_a_line)
{
    muclient_keepalive keepalive = {.name = "@f.v1.e.x"};
    muclient_frame frames[2] = {{.function = "@f"},
                                {.keepalives = &keepalive, .keepalive_count = 1}};
    muclient_trap trap = {.frames = frames, .frame_count = 2};
    muctl_answer_words words;
    muclient_answer answer;
    char resume[] = "resume 5  2.5\n";
    cr_assert_eq(muctl_answer_read(resume, &trap, &words, &answer), MUCTL_ANSWERED);
    cr_assert_eq(answer.action, MUCLIENT_RESUME);
    cr_assert_eq(answer.value_count, 2);
    cr_assert_str_eq(answer.values[1].text, "2.5");
    cr_assert_eq(answer.pops + answer.push_count, 0);
    char replace[] = "pop 2 push @g push @h resume 7";
    cr_assert_eq(muctl_answer_read(replace, &trap, &words, &answer), MUCTL_ANSWERED);
    cr_assert_eq(answer.action, MUCLIENT_RESUME);
    cr_assert_eq(answer.pops, 2);
    cr_assert_eq(answer.push_count, 2);
    cr_assert_str_eq(answer.pushes[1], "@h");
    cr_assert_str_eq(answer.values[0].text, "7");
    char throw[] = "throw @f.v1.e.x";
    cr_assert_eq(muctl_answer_read(throw, &trap, &words, &answer), MUCTL_ANSWERED);
    cr_assert_eq(answer.action, MUCLIENT_THROW);
    cr_assert_eq(answer.exception.frame, 1);
    char fresh[] = "throw new";
    cr_assert_eq(muctl_answer_read(fresh, &trap, &words, &answer), MUCTL_ANSWERED);
    cr_assert(answer.exception.fresh && !answer.exception.null);
    char kill[] = "kill";
    cr_assert_eq(muctl_answer_read(kill, &trap, &words, &answer), MUCTL_ANSWERED);
    cr_assert_eq(answer.action, MUCLIENT_KILL);
    char exit[] = "exit";
    cr_assert_eq(muctl_answer_read(exit, &trap, &words, &answer), MUCTL_ANSWERED);
    cr_assert_eq(answer.action, MUCLIENT_EXIT);
    char place[] = "pop 1 throw x.1";
    cr_assert_eq(muctl_answer_read(place, &trap, &words, &answer), MUCTL_THROWS_PLACE);
    cr_assert_str_eq(words.thrown, "x.1");
    char change[] = "pop 1 push @g";
    cr_assert_eq(muctl_answer_read(change, &trap, &words, &answer), MUCTL_CHANGES);
    cr_assert(answer.pops == 1 && answer.push_count == 1);
    char detach[] = "detach\n";
    cr_assert_eq(muctl_answer_read(detach, &trap, &words, &answer), MUCTL_DETACH);
    static const char *const wrong[] = {
        "",      "\n",    "throw",        "throw a b", "resum",
        "?",     "pop 0", "pop x resume", "push",      "push @g pop 1 resume",
        "kill 5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[32];
        (void)strcpy(line, wrong[i]);
        cr_assert_eq(muctl_answer_read(line, &trap, &words, &answer), MUCTL_UNREADABLE, "%s",
                     wrong[i]);
    }
    char many[400] = "resume";
    for (int i = 0; i < MUCTL_ANSWER_VALUES + 1; i++) {
        (void)strcat(many, " 1");
    }
    cr_assert_eq(muctl_answer_read(many, &trap, &words, &answer), MUCTL_UNREADABLE);
}

/* --- Places --- */

Test(muctl, places_begin_with_the_longest_name)
{
    muclient_keepalive inner[] = {{.name = "@f.v1.e.x"}, {.name = "@f.v1.e.x.1"}};
    muclient_keepalive outer[] = {{.name = "@g.v1.e.x"}, {.name = "@g.v1.e.y"}};
    muclient_frame frames[] = {{.function = "@f", .keepalives = inner, .keepalive_count = 2},
                               {.function = "@g", .keepalives = outer, .keepalive_count = 2}};
    static const struct {
        const char *word;
        bool is_found, is_global;
        size_t frame, keepalive;
        const char *path;
    } rows[] = {
        {"x", true, false, 0, 0, ""},           {"%x", true, false, 0, 0, ""},
        {"x.1", true, false, 0, 1, ""},         {"x.1.0", true, false, 0, 1, ".0"},
        {"x[3].0", true, false, 0, 0, "[3].0"}, {"y.0", true, false, 1, 1, ".0"},
        {"1:x.1", true, false, 1, 0, ".1"},     {"0:y", false, false, 0, 0, ""},
        {"2:x", false, false, 0, 0, ""},        {"@g.v1.e.x.7", true, false, 1, 0, ".7"},
        {"@top.1", true, true, 0, 0, "@top.1"}, {"z", false, false, 0, 0, ""},
        {"", false, false, 0, 0, ""},           {".1", false, false, 0, 0, ""},
        {"1:@top", false, false, 0, 0, ""},     {"v1.e.y", true, false, 1, 1, ""},
    };
    muctl_trap_state state = {.frames = frames, .frame_count = 2};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        muctl_place place;
        cr_assert_eq(muctl_place_find(&state, rows[i].word, &place), rows[i].is_found, "%s",
                     rows[i].word);
        if (rows[i].is_found) {
            cr_assert_eq(place.is_global, rows[i].is_global, "%s", rows[i].word);
            cr_assert_str_eq(place.path, rows[i].path);
        }
        if (rows[i].is_found && !rows[i].is_global) {
            cr_assert(place.frame == rows[i].frame && place.keepalive == rows[i].keepalive, "%s",
                      rows[i].word);
        }
    }
}

Test(muctl, frames_follow_what_is_done_to_the_stack)
{
    muclient_frame frames[] = {{.function = "@f"}, {.function = "@g"}, {.function = "@h"}};
    muclient_trap trap = {.id = 5, .frames = frames, .frame_count = 3};
    muctl_trap_state *state = muctl_trap_state_new(NULL, &trap);
    cr_assert(state != NULL && state->changes == 0);
    state->handles[2] = 99;
    muctl_trap_state_popped(state, 2);
    cr_assert(state->frame_count == 1 && state->handles[0] == 99 && state->changes == 1);
    char name[] = "@new";
    cr_assert(muctl_trap_state_pushed(state, name));
    name[1] = 'x'; /* it has its own */
    cr_assert_eq(state->frame_count, 2);
    cr_assert_str_eq(state->frames[0].function, "@new");
    cr_assert_str_eq(state->frames[1].function, "@h");
    cr_assert(state->handles[0] == 0 && state->handles[1] == 99);
    muctl_trap_state_popped(state, 10);
    cr_assert_eq(state->frame_count, 0);
    muctl_trap_state_free(state);
    muctl_trap_state_free(NULL);
}

/* --- Names and codes --- */

static void bundle_name_is(const char *file, const char *expected)
{
    char *name = muctl_bundle_name(file);
    cr_assert_str_eq(name, expected);
    free(name);
}

Test(muctl, bundle_is_named_after_its_file)
{
    bundle_name_is("guests/mu/examples/gcd.uir", "gcd");
    bundle_name_is("gcd", "gcd");
    bundle_name_is("a.b/c", "c");
    bundle_name_is("x.tar.gz", "x_tar");
    bundle_name_is("/d/.hidden", "_hidden");
    bundle_name_is("my file \xc3\xa9-1_2.uir", "my_file___-1_2");
    bundle_name_is("0123456789012345678901234567890123456789012345678901234567890123456789.uir",
                   "0123456789012345678901234567890123456789012345678901234567890123");
}

Test(muctl, codes_have_the_documented_exit_statuses)
{
    static const int expected[] = {0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 124, 137, 70};
    for (int code = MUCLIENT_OK; code <= MUCLIENT_INTERNAL; code++) {
        cr_assert_eq(muclient_code_exit_status((muclient_code)code), expected[code]);
    }
    cr_assert_eq(muclient_code_exit_status(MUCLIENT_INTERRUPTED), 130);
    cr_assert_str_eq(muclient_code_name(MUCLIENT_INTERRUPTED), "INTERRUPTED");
    cr_assert_str_eq(muclient_code_name(MUCLIENT_NOT_FOUND), "NOT_FOUND");
}
