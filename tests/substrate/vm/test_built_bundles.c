/* Bundles that a user of the library builds by mu.h: what the reference implementation's own tests
 * of the IR builder do, and what nameless functions look like from outside. */
#include "vm_fixture.h"

#include "builder_script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char nothing[] = ".typedef @nothing = void";

static mu_status perform(void *context, uint32_t op, const uint64_t *operands,
                         uint32_t operand_count, const char *name, size_t name_length,
                         mu_report *report, uint64_t *result)
{
    vm_fixture *f = context;
    return mu_vm_irbuilder_perform(f->vm, op, operands, operand_count, name, name_length, report,
                                   result);
}

static mu_status load(void *context, uint64_t node, mu_report *report)
{
    vm_fixture *f = context;
    return mu_vm_load_built(f->vm, node, "built", report, NULL);
}

static mu_status run(vm_fixture *f, const char *script)
{
    builder_script calls = {.perform = perform, .load = load, .context = f, .report = f->report};
    return builder_script_run(&calls, script, strlen(script));
}

static void build(vm_fixture *f, const char *script)
{
    mu_status status = run(f, script);
    char *text = mu_report_text(f->report);
    cr_assert_eq(status, MU_OK, "%s", text);
    mu_free(text);
}

static void load_text(vm_fixture *f, const char *text)
{
    mu_status status = mu_vm_load(f->vm, "text", text, strlen(text), f->report, NULL);
    char *complaint = mu_report_text(f->report);
    cr_assert_eq(status, MU_OK, "%s", complaint);
    mu_free(complaint);
}

static uint64_t called(vm_fixture *f, const char *function, uint64_t argument)
{
    uint32_t finished = f->finished;
    mu_thread *thread = vm_fixture_start(f, function, argument);
    vm_fixture_wait(f, &f->finished, finished + 1);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED, "%s: %s", function,
                 mu_thread_get_error(thread).message);
    uint64_t result = mu_thread_result(thread, 0).integer;
    mu_thread_free(thread);
    return result;
}

/* clang-format off */
#define INTS "b = new_bundle\ni64 = new_type_int b 64\nset_name b i64 @i64\n"
#define SIG INTS "s = new_funcsig b [i64] [i64]\nset_name b s @s\n"
#define LOAD "load_bundle_from_node b\n"
/* clang-format on */

Test(mu_built_bundles, types_and_a_recursive_reference, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "nothing", nothing);
    build(&f, INTS "r = new_type_ref b\nset_name b r @r\nl = new_type_struct b [i64 r]\n"
                   "set_name b l @node\nset_type_ref r l\n" LOAD);
    load_text(&f, ".funcsig @s = (@i64) -> (@i64)\n"
                  ".typedef @other = struct<@i64 @other.r> .typedef @other.r = ref<@other>\n"
                  ".funcdef @f VERSION %v <@s> { %entry(<@i64> %n):\n"
                  "    %x = NEW <@other> %i = GETIREF <@node> %x\n"
                  "    %l = GETFIELDIREF <@node 1> %i STORE <@r> %l %x\n"
                  "    %y = LOAD <@other.r> %l %e = EQ <@r> %x %y\n"
                  "    %z = ZEXT <@one @i64> %e RET %z }\n.typedef @one = int<1>");
    cr_assert_eq(called(&f, "f", 0), 1);
    vm_fixture_close(&f);
}

Test(mu_built_bundles, constants_and_global_cells, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "nothing", nothing);
    build(&f, INTS "c = new_const_int b i64 42\nset_name b c @c\n"
                   "d = new_type_double b\nset_name b d @d\nk = new_const_double b d "
                   "0x4024000000000000\nset_name b k @k\n"
                   "t = new_type_struct b [i64 d]\nset_name b t @t\nq = new_const_seq b t [c k]\n"
                   "set_name b q @q\ng = new_global_cell b t\nset_name b g @g\n" LOAD);
    load_text(&f, ".funcsig @s = (@i64) -> (@i64)\n"
                  ".funcdef @f VERSION %v <@s> { %entry(<@i64> %n):\n"
                  "    STORE <@t> @g @q %l = GETFIELDIREF <@t 1> @g %x = LOAD <@d> %l\n"
                  "    %y = FPTOSI <@d @i64> %x %z = ADD <@i64> %y @c RET %z }");
    cr_assert_eq(called(&f, "f", 0), 52);
    vm_fixture_close(&f);
}

Test(mu_built_bundles, factorial_across_two_functions, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "nothing", nothing);
    build(&f, SIG "a = new_func b s\nset_name b a @a\nc = new_func b s\nset_name b c @c\n"
                  "k1 = new_const_int b i64 1\n"
                  "v = new_func_ver b a\ne = new_bb v\nn = new_nor_param e i64\n"
                  "i = new_call e s c [n]\nr = new_inst_res i\nnew_ret e [r]\n"
                  "w = new_func_ver b c\nh = new_bb w\nm = new_nor_param h i64\n"
                  "z = new_bb w\nx = new_nor_param z i64\no = new_bb w\n"
                  "q = new_cmp h 0x28 i64 m k1\nqr = new_inst_res q\nj = new_branch2 h qr\n"
                  "add_dest j 4 z [m]\nadd_dest j 3 o []\nnew_ret o [k1]\n"
                  "d = new_binop z 2 i64 x k1\ndr = new_inst_res d\nt = new_call z s a [dr]\n"
                  "tr = new_inst_res t\np = new_binop z 3 i64 x tr\npr = new_inst_res p\n"
                  "new_ret z [pr]\n" LOAD);
    cr_assert_eq(called(&f, "a", 10), 3628800);
    cr_assert_eq(called(&f, "@c", 0), 1);
    vm_fixture_close(&f);
}

/* A new version of a function that is there, by its id; frames that have begun are not concerned.
 */
Test(mu_built_bundles, a_new_version_of_what_is_loaded, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "nothing", nothing);
    build(&f,
          SIG "f = new_func b s\nset_name b f @f\nv = new_func_ver b f\ne = new_bb v\n"
              "x = new_nor_param e i64\nnew_ret e [x]\nid = get_id b f\ntid = get_id b i64\n" LOAD
              "c = new_bundle\nf = get_node c id\nt = get_node c tid\nv = new_func_ver c f\n"
              "e = new_bb v\nx = new_nor_param e t\nk = new_const_int c t 5\n"
              "i = new_binop e 3 t x k\nr = new_inst_res i\nnew_ret e [r]\n");
    cr_assert_eq(called(&f, "f", 7), 7);
    cr_assert_eq(mu_vm_load_built(f.vm, UINT64_C(2) << 32, "second", f.report, NULL), MU_OK);
    cr_assert_eq(called(&f, "f", 7), 35);
    cr_assert_eq(mu_vm_load_built(f.vm, UINT64_C(2) << 32, "again", f.report, NULL), MU_INVALID);
    vm_fixture_close(&f);
}

/* ---- seen from outside */

typedef struct seen {
    vm_fixture f;
    mu_frame frame;
    char name[64];
    uint64_t value;
    uint32_t trapped;
} seen;

static void on_trapped(mu_thread *thread, void *context)
{
    seen *self = context;
    mu_value value;
    const char *name = NULL;
    cr_assert_eq(mu_thread_frame(thread, 0, &self->frame), MU_OK);
    cr_assert_eq(mu_thread_keepalive(thread, 0, 0, &value, &name), MU_OK);
    snprintf(self->name, sizeof self->name, "%s", name);
    self->value = value.integer;
    value.integer = 99;
    cr_assert_eq(mu_thread_resume(thread, &value, 1, NULL), MU_OK);
    self->trapped++;
}

static void on_finished(mu_thread *thread, void *context)
{
    seen *self = context;
    (void)thread;
    vm_fixture_count(&self->f, &self->f.finished);
}

#define TRAPS                                                                                      \
    "v = new_func_ver b f\ne = new_bb v\nx = new_nor_param e i64\ni = new_trap e [i64]\n"          \
    "r = new_inst_res i\nadd_keepalives i [x]\nnew_ret e [r]\n"

static void trap_at(seen *self, const char *function)
{
    mu_thread *thread = vm_fixture_thread(&self->f, function, 12);
    mu_thread_start(thread, on_trapped, on_finished, self);
    vm_fixture_wait(&self->f, &self->f.finished, 1);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_RETURNED);
    cr_assert_eq(mu_thread_result(thread, 0).integer, 99);
    cr_assert_eq(self->value, 12);
}

Test(mu_built_bundles, a_trap_shows_the_names_that_were_given, .timeout = 60)
{
    seen self = {.trapped = 0};
    vm_fixture_open(&self.f, 1, "nothing", nothing);
    build(&self.f, SIG "f = new_func b s\nset_name b f @f\n" TRAPS
                       "set_name b v @f.v\nset_name b i @f.v.trap\nset_name b x @f.v.x\n" LOAD);
    trap_at(&self, "f");
    cr_assert_str_eq(self.frame.function, "@f");
    cr_assert_str_eq(self.frame.version, "@f.v");
    cr_assert_str_eq(self.frame.instruction, "@f.v.trap");
    cr_assert_str_eq(self.frame.bundle, "built");
    cr_assert_eq(self.frame.where.line, 0);
    cr_assert_str_eq(self.name, "@f.v.x");
    vm_fixture_close(&self.f);
}

Test(mu_built_bundles, what_has_no_name_is_called_by_its_id, .timeout = 60)
{
    seen self = {.trapped = 0};
    vm_fixture_open(&self.f, 1, "nothing", nothing);
    build(&self.f, "b = new_bundle\ni64 = new_type_int b 64\ns = new_funcsig b [i64] [i64]\n"
                   "f = new_func b s\nid = get_id b f\n" TRAPS LOAD);
    trap_at(&self, "#2147483648");
    cr_assert_str_eq(self.frame.function, "#2147483648");
    cr_assert_eq(self.frame.version[0], '#');
    cr_assert_null(self.frame.instruction);
    cr_assert_eq(self.name[0], '#');
    mu_function *function = mu_vm_find_function(self.f.vm, "#2147483648");
    cr_assert_str_eq(mu_function_name(function), "#2147483648");
    cr_assert_str_eq(mu_function_version(self.f.vm, function), self.frame.version);
    mu_function_code *code;
    cr_assert_eq(mu_function_get_code(self.f.vm, function, self.f.report, &code), MU_OK);
    cr_assert_str_eq(code->version, self.frame.version);
    mu_function_code_free(code);
    cr_assert_null(mu_vm_find_function(self.f.vm, "#2147483649"));
    cr_assert_null(mu_vm_find_function(self.f.vm, "#65537"), "it is a type");
    cr_assert_null(mu_vm_find_function(self.f.vm, "#"));
    cr_assert_null(mu_vm_find_function(self.f.vm, "#-1"));
    vm_fixture_close(&self.f);
}

Test(mu_built_bundles, an_error_in_what_has_no_name_has_its_frames, .timeout = 60)
{
    vm_fixture f;
    mu_frame frame;
    vm_fixture_open(&f, 1, "nothing", nothing);
    build(&f, "b = new_bundle\ni64 = new_type_int b 64\ns = new_funcsig b [i64] [i64]\n"
              "f = new_func b s\nid = get_id b f\nv = new_func_ver b f\ne = new_bb v\n"
              "x = new_nor_param e i64\nz = new_const_int b i64 0\ni = new_binop e 6 i64 x z\n"
              "r = new_inst_res i\nnew_ret e [r]\n" LOAD);
    mu_thread *thread = vm_fixture_start(&f, "#2147483648", 1);
    vm_fixture_wait(&f, &f.finished, 1);
    cr_assert_str_eq(mu_thread_get_error(thread).kind, "DIVISION_BY_ZERO");
    cr_assert_eq(mu_thread_frame(thread, 0, &frame), MU_OK);
    cr_assert_str_eq(frame.function, "#2147483648");
    cr_assert_not_null(frame.version);
    vm_fixture_close(&f);
}

/* ---- what is wrong changes nothing */

Test(mu_built_bundles, a_refused_bundle_says_why_and_leaves_the_vm_as_it_was, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "nothing", nothing);
    uint32_t functions = mu_vm_get_stats(f.vm).functions;
    cr_assert_eq(run(&f, SIG "f = new_func b s\nset_name b f @f\nv = new_func_ver b f\n"
                             "set_name b v @f.v\ne = new_bb v\nnew_ret e []\n" LOAD),
                 MU_INVALID);
    char *text = mu_report_text(f.report);
    cr_assert(strstr(text, "built: "), "%s", text);
    cr_assert(strstr(text, "the entry block has 0 parameters"), "%s", text);
    mu_free(text);
    cr_assert_eq(mu_vm_get_stats(f.vm).functions, functions);
    cr_assert_null(mu_vm_find_function(f.vm, "f"));
    /* The name is free, and what needs a grant is refused. */
    cr_assert_eq(run(&f, SIG "p = new_type_uptr b\nset_type_uptr p i64\n"
                             "q = new_funcsig b [p] [i64]\nf = new_func b q\nset_name b f @f\n"
                             "v = new_func_ver b f\ne = new_bb v\nx = new_nor_param e p\n"
                             "i = new_load e 1 0 i64 x\nr = new_inst_res i\nnew_ret e [r]\n" LOAD),
                 MU_NOT_ALLOWED);
    vm_fixture_close(&f);
}

/* Bundles under construction go with their VM. */
Test(mu_built_bundles, what_is_not_loaded_goes_with_the_vm, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 1, "nothing", nothing);
    build(&f, SIG "f = new_func b s\nset_name b f @f\n");
    vm_fixture_close(&f);
}

/* ---- further kinds of instructions, as far as a frame at a trap shows their results */

static void on_trapped_going_on(mu_thread *thread, void *context)
{
    seen *self = context;
    mu_value value;
    const char *name = NULL;
    cr_assert_eq(mu_thread_keepalive(thread, 0, 0, &value, &name), MU_OK);
    self->value = value.integer;
    cr_assert_eq(mu_thread_keepalive(thread, 0, 1, &value, &name), MU_OK);
    snprintf(self->name, sizeof self->name, "%g", (double)value.single_value);
    cr_assert_eq(mu_thread_resume(thread, NULL, 0, NULL), MU_OK);
}

/* clang-format off */
static const char further[] =
    "b = new_bundle\ni1 = new_type_int b 1\ni8 = new_type_int b 8\ni64 = new_type_int b 64\n"
    "f32 = new_type_float b\nv4 = new_type_vector b f32 4\n"
    "f0 = new_const_float b f32 0\nf1 = new_const_float b f32 0x3f800000\nf2 = new_const_float b f32 0x40000000\n"
    "c0 = new_const_seq b v4 [f0 f0 f1 f1]\nc1 = new_const_seq b v4 [f2 f1 f2 f1]\n"
    "k0 = new_const_int b i64 0\nk1 = new_const_int b i64 1\n"
    "st = new_type_struct b [i64 f32]\ncs = new_const_seq b st [k1 f1]\nhy = new_type_hybrid b [i64] i8\n"
    "ar = new_type_array b i64 10\nss = new_funcsig b [] []\n"
    "g = new_func b ss\ngv = new_func_ver b g\nge = new_bb gv\nnew_comminst ge 0x203 [] [] [] []\n"
    "s = new_funcsig b [i64] [i64]\nf = new_func b s\nset_name b f @f\nv = new_func_ver b f\n"
    "e = new_bb v\nn = new_nor_param e i64\n"
    "i = new_binop e 0xb0 v4 c0 c1\nsum = new_inst_res i\n"
    "i = new_extractelement e v4 i64 sum k0\nx = new_inst_res i\ni = new_extractelement e v4 i64 sum k1\ny = new_inst_res i\n"
    "i = new_cmp e 0xce f32 x y\nlt = new_inst_res i\ni = new_select e i1 f32 lt x y\nleast = new_inst_res i\n"
    "i = new_insertvalue e st 0 cs n\nwith = new_inst_res i\ni = new_extractvalue e st 0 with\nfield = new_inst_res i\n"
    "i = new_new e i64\nnr = new_inst_res i\ni = new_newhybrid e hy i64 k1\nhr = new_inst_res i\n"
    "i = new_alloca e i64\nal = new_inst_res i\ni = new_allocahybrid e hy i64 k1\nah = new_inst_res i\n"
    "i = new_getiref e i64 nr\nni = new_inst_res i\ni = new_getfieldiref e 0 hy 0 ah\nhf = new_inst_res i\n"
    "i = new_alloca e ar\nai = new_inst_res i\ni = new_getelemiref e 0 ar i64 ai k0\nel = new_inst_res i\n"
    "i = new_shiftiref e 0 i64 i64 el k1\nsh = new_inst_res i\ni = new_getvarpartiref e 0 hy ah\nvp = new_inst_res i\n"
    "new_store e 0 6 i64 al field\ni = new_load e 0 6 i64 al\nl = new_inst_res i\nnew_store e 0 0 i64 hf l\n"
    "i = new_cmpxchg e 0 0 6 6 i64 al l k1\nold = new_inst_res i\nok = new_inst_res i\n"
    "i = new_atomicrmw e 0 6 1 i64 al old\nwas = new_inst_res i\nnew_fence e 6\n"
    "i = new_load e 0 0 i64 al\nend = new_inst_res i\n"
    "i = new_comminst e 0x201 [] [] [ss] [g]\nst1 = new_inst_res i\n"
    "i = new_newthread e st1 0\nthr = new_inst_res i\nset_newstack_pass_values i [] []\n"
    "i = new_trap e []\nadd_keepalives i [end least]\nnew_comminst e 0x203 [] [] [] []\n"
    LOAD;
/* clang-format on */

Test(mu_built_bundles, further_kinds_of_instructions, .timeout = 60)
{
    seen self = {.trapped = 0};
    vm_fixture_open(&self.f, 1, "nothing", nothing);
    build(&self.f, further);
    mu_thread *thread = vm_fixture_thread(&self.f, "f", 41);
    mu_thread_start(thread, on_trapped_going_on, on_finished, &self);
    vm_fixture_wait(&self.f, &self.f.finished, 1);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_EXITED);
    cr_assert_eq(self.value, 42, "1 in the cell, and 41 added");
    cr_assert_str_eq(self.name, "1", "the least of 2 and 1");
    vm_fixture_close(&self.f);
}

/* ---- programs that load what they built */

static const char builders[] =
    ".typedef @i64 = int<64> .typedef @node = irnoderef .typedef @i32 = int<32>\n"
    ".const @width <@i32> = 5 .funcsig @i_v = (@i64) -> ()\n"
    ".funcdef @load VERSION %v1 <@i_v> { %entry(<@i64> %n):\n"
    "    %b = COMMINST @uvm.irbuilder.new_bundle\n"
    "    %t = COMMINST @uvm.irbuilder.new_type_int (%b @width)\n"
    "    COMMINST @uvm.irbuilder.load_bundle_from_node (%b) RET () }\n"
    ".funcdef @half VERSION %v1 <@i_v> { %entry(<@i64> %n):\n"
    "    %b = COMMINST @uvm.irbuilder.new_bundle\n"
    "    %t = COMMINST @uvm.irbuilder.new_type_ref (%b)\n"
    "    COMMINST @uvm.irbuilder.load_bundle_from_node (%b) RET () }\n"
    ".funcdef @stale VERSION %v1 <@i_v> { %entry(<@i64> %n):\n"
    "    %b = COMMINST @uvm.irbuilder.new_bundle\n"
    "    COMMINST @uvm.irbuilder.load_bundle_from_node (%b)\n"
    "    %t = COMMINST @uvm.irbuilder.new_type_ref (%b) RET () }\n"
    ".funcdef @load_often VERSION %v1 <@i_v> { %entry(<@i64> %n): BRANCH %head(%n)\n"
    "  %head(<@i64> %n): CALL <@i_v> @load (%n) EXC(%head(%n) %head(%n)) }\n";

static void expect_refusal(vm_fixture *f, const char *function, const char *message)
{
    uint32_t finished = f->finished;
    mu_thread *thread = vm_fixture_start(f, function, 0);
    vm_fixture_wait(f, &f->finished, finished + 1);
    cr_assert_eq(mu_thread_outcome(thread), MU_OUTCOME_ERROR);
    mu_thread_error error = mu_thread_get_error(thread);
    cr_assert_str_eq(error.kind, "BUNDLE_REFUSED");
    cr_assert(strstr(error.message, message), "%s", error.message);
    mu_thread_free(thread);
}

Test(mu_built_bundles, a_program_is_told_what_was_wrong, .timeout = 60)
{
    vm_fixture f;
    vm_fixture_open(&f, 2, "builders", builders);
    expect_refusal(&f, "half", "loaded by @half: node 0x100000001 (a type) was made, but not");
    expect_refusal(&f, "stale", "new_type_ref: operand 1, 0x200000000, is not a bundle");
    vm_fixture_close(&f);
}

/* Most of them wait for their turn at any time; some are killed while they do, with their graphs.
 */
Test(mu_built_bundles, threads_that_load_what_they_built_can_be_killed, .timeout = 120)
{
    enum { THREADS = 16 };
    vm_fixture f;
    mu_thread *threads[THREADS];
    vm_fixture_open(&f, 2, "builders", builders);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = vm_fixture_start(&f, "load_often", 0);
    }
    for (int i = 0; i < THREADS / 2; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        mu_thread_kill(threads[2 * i]);
    }
    vm_fixture_wait(&f, &f.finished, THREADS / 2);
    cr_assert_gt(mu_vm_get_stats(f.vm).bundles, 1);
    mu_vm_free(f.vm);
    cr_assert_eq(f.finished, THREADS);
    mu_substrate_free(f.substrate);
    mu_report_free(f.report);
}
