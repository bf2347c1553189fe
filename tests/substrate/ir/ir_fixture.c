#include "ir_fixture.h"

#include <stdio.h>
#include <string.h>

mu_ir_env *load(mu_ir_env *env, const char *text)
{
    mu_report *report = mu_report_new();
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(env, "test", text, strlen(text), report, &bundle);
    if (status == MU_OK) {
        status = mu_ir_layout(env, bundle, report);
    }
    char *errors = mu_report_text(report);
    cr_assert_eq(status, MU_OK, "%s:\n%s", mu_status_name(status), errors);
    cr_assert_eq(mu_report_total(report), 0);
    mu_free(errors);
    mu_report_free(report);
    mu_ir_env *next = mu_ir_env_extend(env, bundle);
    mu_ir_env_release(env, NULL);
    return next;
}

mu_ir_env *load_first(const char *text)
{
    return load(mu_ir_env_new_root(), text);
}

void unload(mu_ir_env *env)
{
    mu_ir_env_release(env, NULL);
}

mu_status parse_status(const mu_ir_env *env, const char *text, size_t length)
{
    mu_ir_env *root = env ? NULL : mu_ir_env_new_root();
    const mu_ir_env *on = env ? env : root;
    mu_report *report = mu_report_new();
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(on, "test", text, length, report, &bundle);
    if (status == MU_OK) {
        cr_assert_eq(mu_report_total(report), 0);
        mu_status laid_out = mu_ir_layout(on, bundle, report);
        cr_assert((laid_out == MU_OK) == (mu_report_total(report) == 0));
        mu_ir_bundle_free(bundle);
    } else {
        cr_assert_null(bundle);
        cr_assert_gt(mu_report_total(report), 0);
    }
    mu_report_free(report);
    unload(root);
    return status;
}

static void expect_entry(const mu_report_entry *entry, const char *expected, const char *all)
{
    char actual[1200];
    snprintf(actual, sizeof actual, "%u:%u: %s", entry->where.line, entry->where.column,
             entry->message);
    size_t length = strlen(expected);
    bool prefix = length && expected[length - 1] == '*';
    bool same = prefix ? strncmp(actual, expected, length - 1) == 0 : strcmp(actual, expected) == 0;
    cr_assert(same, "expected \"%s\", got \"%s\" in:\n%s", expected, actual, all);
}

void expect_errors(const mu_ir_env *env, const char *text, const char *const *lines, size_t count)
{
    mu_ir_env *root = env ? NULL : mu_ir_env_new_root();
    const mu_ir_env *on = env ? env : root;
    mu_report *report = mu_report_new();
    mu_ir_bundle *bundle = NULL;
    mu_status status = mu_ir_parse(on, "test", text, strlen(text), report, &bundle);
    if (status == MU_OK) {
        status = mu_ir_layout(on, bundle, report);
        mu_ir_bundle_free(bundle);
    }
    char *all = mu_report_text(report);
    cr_assert_neq(status, MU_OK, "accepted: %s", text);
    cr_assert_eq(mu_report_count(report), count, "%zu errors expected, got:\n%s", count, all);
    for (uint32_t i = 0; i < count; i++) {
        expect_entry(mu_report_at(report, i), lines[i], all);
    }
    mu_free(all);
    mu_report_free(report);
    unload(root);
}

mu_ir_entity *find(const mu_ir_env *env, const char *name)
{
    mu_ir_entity *entity = mu_ir_env_find(env, name, strlen(name));
    cr_assert_not_null(entity, "no entity %s", name);
    cr_assert_str_eq(entity->name, name);
    return entity;
}

static mu_ir_entity *find_kind(const mu_ir_env *env, const char *name, mu_ir_kind kind)
{
    mu_ir_entity *entity = find(env, name);
    cr_assert_eq(entity->kind, kind, "%s is of kind %d", name, (int)entity->kind);
    return entity;
}

mu_ir_type *find_type(const mu_ir_env *env, const char *name)
{
    return (mu_ir_type *)find_kind(env, name, MU_IR_TYPE);
}

mu_ir_sig *find_sig(const mu_ir_env *env, const char *name)
{
    return (mu_ir_sig *)find_kind(env, name, MU_IR_SIG);
}

mu_ir_const *find_const(const mu_ir_env *env, const char *name)
{
    return (mu_ir_const *)find_kind(env, name, MU_IR_CONST);
}

mu_ir_version *find_version(const mu_ir_env *env, const char *name)
{
    return (mu_ir_version *)find_kind(env, name, MU_IR_VERSION);
}

mu_ir_inst *find_inst(const mu_ir_env *env, const char *name)
{
    return (mu_ir_inst *)find_kind(env, name, MU_IR_INST);
}

mu_ir_variable *find_variable(const mu_ir_env *env, const char *name)
{
    return (mu_ir_variable *)find_kind(env, name, MU_IR_VARIABLE);
}

const char *value_name(const mu_ir_inst *inst, mu_ir_range range, uint32_t index)
{
    cr_assert_lt(index, range.count);
    const mu_ir_version *version = inst->entity.owner;
    return mu_ir_value_name(version, version->operands[range.first + index]);
}

/* Every operation, with each of its optional parts at least once present and once absent. */
const char every_form[] =
    "// types\n"
    ".typedef @i1 = int<1> .typedef @i8 = int<8> .typedef @i16 = int<16> .typedef @i32 = int<32>\n"
    ".typedef @i64 = int<64> .typedef @i128 = int<128>\n"
    ".typedef @float = float .typedef @double = double .typedef @void = void\n"
    ".typedef @rv = ref<@void> .typedef @irv = iref<@void> .typedef @wrv = weakref<@void>\n"
    ".typedef @ri64 = ref<@i64> .typedef @ii64 = iref<@i64> .typedef @pi64 = uptr<@i64>\n"
    ".typedef @wi64 = weakref<@i64>\n"
    ".typedef @pair = struct<@i64 @double>\n"
    ".typedef @ten = struct<@i8 @i16 @i32 @i64 @float @double @rv @irv @wrv @ri64>\n"
    ".typedef @Cons = struct<@i64 @RefCons> .typedef @RefCons = ref<@Cons>\n"
    ".typedef @a3 = array<@i64 3> .typedef @a33 = array<@a3 3> .typedef @v4 = vector<@i32 4>\n"
    ".typedef @f4 = vector<@float 4>\n"
    ".typedef @h0 = hybrid<@i8> .typedef @h1 = hybrid<@pair @i64> .typedef @h3 = hybrid<@i8 @i16 "
    "@float @i64>\n"
    ".typedef @fr = funcref<@ii_i> .typedef @fp = ufuncptr<@ii_i> .typedef @tr = tagref64\n"
    ".typedef @th = threadref .typedef @st = stackref .typedef @fc = framecursorref\n"
    ".typedef @node = irnoderef .typedef @ip = iref<@pair> .typedef @pp = uptr<@pair>\n"
    ".typedef @ia = iref<@a3> .typedef @ih = iref<@h1> .typedef @rp = ref<@pair>\n"
    "// signatures\n"
    ".funcsig @v_v = () -> () .funcsig @ii_i = (@i64 @i64) -> (@i64)\n"
    ".funcsig @two = (@i64) -> (@i64 @double)\n"
    "// constants\n"
    ".const @ZERO <@i64> = 0 .const @ONE <@i64> = 1 .const @NEG <@i64> = -42\n"
    ".const @OCT <@i64> = 0777 .const @HEX <@i64> = 0xffffffffffffffff .const @PLUS <@i64> = +7\n"
    ".const @WIDE <@i128> = 0x123456789abcdef00fedcba987654321\n"
    ".const @WIDENEG <@i128> = -0x80000000000000000000000000000000 .const @TRUE <@i1> = 1\n"
    ".const @THREE <@i32> = 3 .const @FOUR <@i32> = 4 .const @BYTE <@i8> = 0x41\n"
    ".const @F <@float> = 3.14f .const @FNEG <@float> = -1.5e-3f .const @FNAN <@float> = nanf\n"
    ".const @FINF <@float> = +inff .const @FNINF <@float> = -inff\n"
    ".const @FBITS <@float> = bitsf(0x12345678) .const @D <@double> = 6.28d\n"
    ".const @DBIG <@double> = +1.7e+308d .const @DNAN <@double> = nand\n"
    ".const @DINF <@double> = +infd .const @DNINF <@double> = -infd\n"
    ".const @DBITS <@double> = bitsd(0xfedcba9876543210)\n"
    ".const @PAIR <@pair> = {@ONE @D} .const @ARRAY <@a3> = {@ZERO @ONE @NEG}\n"
    ".const @VECTOR <@v4> = {@THREE @FOUR @THREE @FOUR}\n"
    ".typedef @names = struct<@ii64 @fr @fp> .const @NAMES <@names> = {@cell @add @add_native}\n"
    ".const @NULLREF <@rv> = NULL .const @NULLSTACK <@st> = NULL\n"
    ".const @ADDRESS <@pi64> = 0x123456789abcdef0 .const @CODE <@fp> = 0x7ff000000000\n"
    "// cells, functions\n"
    ".global @cell <@i64> .global @pairs <@pair>\n"
    ".funcdecl @later <@ii_i>\n"
    ".expose @add_native = @add #DEFAULT @ZERO\n"
    ".funcdef @add VERSION %v1 <@ii_i> {\n"
    "  %entry(<@i64> %a <@i64> %b):\n"
    "    %sum = [%i] ADD <@i64> %a %b\n"
    "    [%ret] RET %sum\n"
    "}\n"
    ".funcdef @binary VERSION %v1 <@v_v> {\n"
    "  %entry():\n"
    "    %x1 = ADD <@i64> @ONE @NEG %x2 = SUB <@i64> @ONE @NEG %x3 = MUL <@i64> @ONE @NEG\n"
    "    %x4 = SDIV <@i64> @ONE @NEG %x5 = SREM <@i64> @ONE @NEG %x6 = UDIV <@i64> @ONE @NEG\n"
    "    %x7 = UREM <@i64> @ONE @NEG %x8 = SHL <@i64> @ONE @NEG %x9 = LSHR <@i64> @ONE @NEG\n"
    "    %x10 = ASHR <@i64> @ONE @NEG %x11 = AND <@i64> @ONE @NEG %x12 = OR <@i64> @ONE @NEG\n"
    "    %x13 = XOR <@i64> @ONE @NEG %x14 = FADD <@double> @D @D %x15 = FSUB <@double> @D @D\n"
    "    %x16 = FMUL <@double> @D @D %x17 = FDIV <@double> @D @D %x18 = FREM <@double> @D @D\n"
    "    %x19 = [%div] SDIV <@i64> @ONE %x1 EXC(%fine(%x1 %x19) %oops(%x2))\n"
    "  %fine(<@i64> %x <@i64> %y): RET ()\n"
    "  %oops(<@i64> %x) [%exc]: THROW %exc\n"
    "}\n"
    ".funcdef @compare VERSION %v1 <@v_v> {\n"
    "  %entry():\n"
    "    %x1 = EQ <@i64> @ONE @NEG %x2 = NE <@i64> @ONE @NEG %x3 = SGE <@i64> @ONE @NEG\n"
    "    %x4 = SGT <@i64> @ONE @NEG %x5 = SLE <@i64> @ONE @NEG %x6 = SLT <@i64> @ONE @NEG\n"
    "    %x7 = UGE <@i64> @ONE @NEG %x8 = UGT <@i64> @ONE @NEG %x9 = ULE <@i64> @ONE @NEG\n"
    "    %x10 = ULT <@i64> @ONE @NEG %f1 = FFALSE <@double> @D @D %f2 = FTRUE <@double> @D @D\n"
    "    %f3 = FUNO <@double> @D @D %f4 = FUEQ <@double> @D @D %f5 = FUNE <@double> @D @D\n"
    "    %f6 = FUGT <@double> @D @D %f7 = FUGE <@double> @D @D %f8 = FULT <@double> @D @D\n"
    "    %f9 = FULE <@double> @D @D %f10 = FORD <@double> @D @D %f11 = FOEQ <@double> @D @D\n"
    "    %f12 = FONE <@double> @D @D %f13 = FOGT <@double> @D @D %f14 = FOGE <@double> @D @D\n"
    "    %f15 = FOLT <@double> @D @D %f16 = FOLE <@double> @D @D\n"
    "    %vec = [%lanes] EQ <@v4> @VECTOR @VECTOR\n"
    "    %s = [%select] SELECT <@i1 @i64> %x1 @ONE @ZERO\n"
    "    RET ()\n"
    "}\n"
    ".funcdef @convert VERSION %v1 <@v_v> {\n"
    "  %entry():\n"
    "    %c1 = TRUNC <@i64 @i32> @ONE %c2 = ZEXT <@i32 @i64> @THREE\n"
    "    %c3 = SEXT <@i32 @i64> @THREE %c4 = FPTRUNC <@double @float> @D\n"
    "    %c5 = FPEXT <@float @double> @F %c6 = FPTOUI <@double @i64> @D\n"
    "    %c7 = FPTOSI <@double @i64> @D %c8 = UITOFP <@i64 @double> @ONE\n"
    "    %c9 = SITOFP <@i64 @double> @ONE %c10 = BITCAST <@i64 @double> @ONE\n"
    "    %c11 = REFCAST <@rv @ri64> @NULLREF %c12 = PTRCAST <@pi64 @i64> @ADDRESS\n"
    "    RET ()\n"
    "}\n"
    ".funcdef @flow VERSION %v1 <@ii_i> {\n"
    "  %entry(<@i64> %a <@i64> %b):\n"
    "    %z = EQ <@i64> %a %b\n"
    "    [%br2] BRANCH2 %z %left(%a) %right()\n"
    "  %left(<@i64> %a): [%br] BRANCH %right()\n"
    "  %right():\n"
    "    [%switch] SWITCH <@i64> @ONE %right() { @ZERO %left(@ONE) @ONE %calls() @NEG %left(@NEG) "
    "}\n"
    "  %calls():\n"
    "    %r1 = [%call] CALL <@ii_i> @add (@ONE @ZERO) KEEPALIVE(@ONE)\n"
    "    (%p %q) = [%call2] CALL <@two> @two_results (%r1) EXC(%tail(%p) %handler()) "
    "KEEPALIVE(%r1)\n"
    "  %tail(<@i64> %x): [%tailcall] TAILCALL <@ii_i> @add (%x @ONE)\n"
    "  %handler() [%e]: [%throw] THROW %e\n"
    "}\n"
    ".funcdecl @two_results <@two>\n"
    ".funcdef @values VERSION @values_v1 <@two> {\n"
    "  @values_v1.entry(<@i64> @values_v1.entry.x):\n"
    "    %e = [%ev] EXTRACTVALUE <@pair 1> @PAIR %i = [%iv] INSERTVALUE <@pair 0> @PAIR @ONE\n"
    "    %g = [%ee] EXTRACTELEMENT <@a3 @i64> @ARRAY @ONE\n"
    "    %h = [%ie] INSERTELEMENT <@v4 @i64> @VECTOR @ONE @THREE\n"
    "    %j = [%sv] SHUFFLEVECTOR <@v4 @v4> @VECTOR @VECTOR @VECTOR\n"
    "    RET (@values_v1.entry.x @D)\n"
    "}\n"
    ".funcdef @memory VERSION %v1 <@v_v> {\n"
    "  %entry():\n"
    "    %r = [%new] NEW <@pair> %rh = [%newhybrid] NEWHYBRID <@h1 @i64> @ONE\n"
    "    %l = [%alloca] ALLOCA <@a3> %lh = [%allocahybrid] ALLOCAHYBRID <@h1 @i64> @ONE\n"
    "    %i = [%getiref] GETIREF <@pair> %r %f = [%gf] GETFIELDIREF <@pair 1> %i\n"
    "    %e = [%ge] GETELEMIREF <@a3 @i64> %l @ONE %s = [%sh] SHIFTIREF <@i64 @i64> %e @ONE\n"
    "    %v = [%gv] GETVARPARTIREF <@h1> %lh %l1 = [%load] LOAD <@i64> @cell\n"
    "    %w = ALLOCA <@wi64> %lw = [%loadweak] LOAD SEQ_CST <@wi64> %w\n"
    "    %l2 = LOAD NOT_ATOMIC <@i64> @cell %l3 = LOAD RELAXED <@i64> @cell\n"
    "    %l4 = LOAD CONSUME <@i64> @cell %l5 = LOAD ACQUIRE <@i64> @cell\n"
    "    STORE <@i64> @cell @ONE [%store] STORE RELEASE <@i64> @cell @ONE\n"
    "    (%o %ok) = [%cas] CMPXCHG ACQ_REL ACQUIRE <@i64> @cell @ONE @ZERO\n"
    "    (%o2 %ok2) = [%casw] CMPXCHG WEAK SEQ_CST RELAXED <@i64> @cell @ONE @ZERO\n"
    "    %m0 = ATOMICRMW SEQ_CST XCHG <@i64> @cell @ONE %m1 = ATOMICRMW RELAXED ADD <@i64> @cell "
    "@ONE\n"
    "    %m2 = ATOMICRMW SEQ_CST SUB <@i64> @cell @ONE %m3 = ATOMICRMW SEQ_CST AND <@i64> @cell "
    "@ONE\n"
    "    %m4 = ATOMICRMW SEQ_CST NAND <@i64> @cell @ONE %m5 = ATOMICRMW SEQ_CST OR <@i64> @cell "
    "@ONE\n"
    "    %m6 = ATOMICRMW SEQ_CST XOR <@i64> @cell @ONE %m7 = ATOMICRMW SEQ_CST MAX <@i64> @cell "
    "@ONE\n"
    "    %m8 = ATOMICRMW SEQ_CST MIN <@i64> @cell @ONE %m9 = ATOMICRMW SEQ_CST UMAX <@i64> @cell "
    "@ONE\n"
    "    %m10 = [%umin] ATOMICRMW SEQ_CST UMIN <@i64> @cell @ONE [%fence] FENCE SEQ_CST\n"
    "    %nx = [%newexc] NEW <@pair> EXC(%b1() %h())\n"
    "  %b1(): %nhx = NEWHYBRID <@h1 @i64> @ONE EXC(%b2() %h())\n"
    "  %b2(): %ax = ALLOCA <@pair> EXC(%b3() %h())\n"
    "  %b3(): %ahx = ALLOCAHYBRID <@h1 @i64> @ONE EXC(%b4() %h())\n"
    "  %b4(): %lx = LOAD <@i64> @cell EXC(%b5() %h())\n"
    "  %b5(): STORE <@i64> @cell @ONE EXC(%b6() %h())\n"
    "  %b6(): (%c1 %c2) = CMPXCHG SEQ_CST SEQ_CST <@i64> @cell @ONE @ZERO EXC(%b7() %h())\n"
    "  %b7(): %mx = ATOMICRMW SEQ_CST ADD <@i64> @cell @ONE EXC(%b8() %h())\n"
    "  %b8(): RET ()\n"
    "  %h() [%x]: RET ()\n"
    "}\n"
    ".funcdef @pointers VERSION %v1 <@v_v> {\n"
    "  %entry():\n"
    "    %r = NEW <@pair> %rh = NEWHYBRID <@h1 @i64> @ONE %ra = NEW <@a3>\n"
    "    %p = [%pin] COMMINST @uvm.native.pin <@rp> (%r) %f = [%gf] GETFIELDIREF PTR <@pair 0> %p\n"
    "    %pa = PTRCAST <@pp @pi64> %p %e = [%ge] GETELEMIREF PTR <@a3 @i64> %pa @ONE\n"
    "    %s = [%sh] SHIFTIREF PTR <@i64 @i64> %f @ONE %v = [%gv] GETVARPARTIREF PTR <@h1> %pa\n"
    "    %l = [%load] LOAD PTR <@i64> %f [%store] STORE PTR SEQ_CST <@i64> %f @ONE\n"
    "    (%o %ok) = [%cas] CMPXCHG PTR WEAK SEQ_CST SEQ_CST <@i64> %f @ONE @ZERO\n"
    "    %m = [%rmw] ATOMICRMW PTR SEQ_CST ADD <@i64> %f @ONE\n"
    "    %cc = [%ccall] CCALL #DEFAULT <@fp @ii_i> @CODE (@ONE @ONE) KEEPALIVE(%f)\n"
    "    %cx = [%ccallx] CCALL #DEFAULT <@fp @ii_i> @CODE (@ONE @ONE) EXC(%b1() %b1())\n"
    "  %b1(): RET ()\n"
    "}\n"
    ".funcdef @traps VERSION %v1 <@v_v> {\n"
    "  %entry():\n"
    "    %a = ADD <@i64> @ONE @ONE\n"
    "    () = [%t0] TRAP <>\n"
    "    %r1 = [%t1] TRAP <@i32> KEEPALIVE(%a)\n"
    "    (%r2 %r3) = [%t2] TRAP <@i64 @float> EXC(%next(%a %r2) %exc()) KEEPALIVE(%a %r1)\n"
    "  %next(<@i64> %a <@i64> %b): [%w1] WATCHPOINT 1 <> %dis(%b) %ena() KEEPALIVE(%a)\n"
    "  %dis(<@i64> %b): %r = [%w2] WATCHPOINT 2 <@double> %ena() %wpb() WPEXC(%exc()) "
    "KEEPALIVE(%b)\n"
    "  %wpb(): [%wpbranch] WPBRANCH 3 %ena() %wpb2()\n"
    "  %wpb2(): [%w3] WATCHPOINT 4 <> %ena() %ena()\n"
    "  %ena(): RET ()\n"
    "  %exc() [%e]: THROW %e\n"
    "}\n"
    ".funcsig @gen_sig = (@st) -> ()\n"
    ".funcdef @gen VERSION %v1 <@gen_sig> {\n"
    "  %entry(<@st> %main):\n"
    "    [%s1] SWAPSTACK %main RET_WITH <> PASS_VALUES <@i64> (@ZERO)\n"
    "    [%s2] SWAPSTACK %main KILL_OLD THROW_EXC @NULLREF\n"
    "}\n"
    ".funcdef @threads VERSION %v1 <@v_v> {\n"
    "  %entry():\n"
    "    %s = COMMINST @uvm.new_stack <[@gen_sig]> (@gen) %me = COMMINST @uvm.current_stack\n"
    "    %t1 = [%n1] NEWTHREAD %s PASS_VALUES <@st> (%me) %tl = NEW <@i64>\n"
    "    %t2 = [%n2] NEWTHREAD %s THREADLOCAL(%tl) PASS_VALUES <@st> (%me)\n"
    "    %r1 = [%s1] SWAPSTACK %s RET_WITH <@i64> PASS_VALUES <@st @i64> (%me @ONE) "
    "KEEPALIVE(%me)\n"
    "    (%r2 %r3) = [%s2] SWAPSTACK %s RET_WITH <@i64 @i64> THROW_EXC @NULLREF EXC(%b1() %h())\n"
    "  %b1(): %t3 = [%n3] NEWTHREAD @NULLSTACK THROW_EXC @NULLREF EXC(%b2() %h())\n"
    "  %b2(): COMMINST @uvm.thread_exit\n"
    "  %h() [%e]: THROW %e\n"
    "}\n"
    ".funcdef @commons VERSION %v1 <@v_v> {\n"
    "  %entry():\n"
    "    %e = [%expose] COMMINST @uvm.native.expose [#DEFAULT] <[@ii_i]> (@add @ZERO)\n"
    "    COMMINST @uvm.native.unexpose [#DEFAULT] (%e)\n"
    "    %c = COMMINST @uvm.native.get_cookie () (%k) = COMMINST @uvm.kill_dependency <@i64> (%c)\n"
    "    COMMINST @uvm.meta.enable_watchPoint (@THREE)\n"
    "    %ts = [%new] COMMINST @uvm.new_stack <[@v_v]> (@commons) EXC(%b1() %b1())\n"
    "  %b1(): [%exit] COMMINST @uvm.thread_exit ()\n"
    "}\n";
