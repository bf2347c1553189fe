#include "fuzz_targets.h"

#include "mu.h"

/* Cells and types for scripts to name. */
static const char bundle[] =
    ".typedef @void = void .typedef @i1 = int<1> .typedef @i8 = int<8> .typedef @i52 = int<52>\n"
    ".typedef @i6 = int<6> .typedef @i64 = int<64> .typedef @i128 = int<128>\n"
    ".typedef @f = float .typedef @d = double .typedef @p = uptr<@void>\n"
    ".typedef @tr = tagref64 .typedef @v4 = vector<@f 4> .typedef @th = threadref\n"
    ".typedef @st = stackref .typedef @r = ref<@void> .typedef @r64 = ref<@i64>\n"
    ".typedef @w = weakref<@i64> .typedef @i = iref<@void> .typedef @i.64 = iref<@i64>\n"
    ".typedef @node = struct<@i64 @rn @i.64> .typedef @rn = ref<@node>\n"
    ".typedef @child = struct<@node @d> .typedef @rc = ref<@child>\n"
    ".typedef @ten = array<@node 10> .typedef @many = array<@rn 200>\n"
    ".typedef @hy = hybrid<@i64 @rn @node> .typedef @rhy = ref<@hy> .typedef @b = hybrid<@i8>\n"
    ".funcsig @v_v = () -> () .typedef @fr = funcref<@v_v> .typedef @fp = ufuncptr<@v_v>\n"
    ".funcdecl @fun <@v_v>\n"
    ".const @0 <@i64> = 0 .const @3 <@i64> = 3 .const @52 <@i52> = 5 .const @6 <@i6> = 6\n"
    ".const @one <@f> = 1.0f .const @two <@d> = 2.0d .const @null <@r> = NULL\n"
    ".global @g.1 <@i1> .global @g.8 <@i8> .global @g.64 <@i64> .global @g.128 <@i128>\n"
    ".global @g.f <@f> .global @g.d <@d> .global @g.p <@p> .global @g.tr <@tr>\n"
    ".global @g.v <@v4> .global @g.th <@th> .global @g.st <@st> .global @g.r <@r>\n"
    ".global @g.r64 <@r64> .global @g.w <@w> .global @g.i <@i> .global @g.i64 <@i.64>\n"
    ".global @g.rn <@rn> .global @g.rc <@rc> .global @g.ten <@ten> .global @g.many <@many>\n"
    ".global @g.rhy <@rhy> .global @g.fr <@fr> .global @g.fp <@fp> .global @g.node <@node>\n";

static mu_substrate *substrate(void)
{
    static mu_substrate *made; /* kept: making it costs more than a small input */
    if (!made) {
        mu_substrate_config config = {.workers = 1, .code_bytes = 16u << 20, .gc_verify = true};
        mu_status status = mu_substrate_new(&config, NULL, &made);
        MU_INVARIANT(status == MU_OK, "no substrate: %s", mu_status_name(status));
    }
    return made;
}

static void load_script(mu_vm *vm, const char *text, size_t length)
{
    mu_report *report = mu_report_new();
    mu_status status = mu_vm_load_hail(vm, "fuzz", text, length, report);
    MU_INVARIANT((status == MU_OK) == (mu_report_total(report) == 0), "%s with %u errors",
                 mu_status_name(status), mu_report_total(report));
    mu_report_free(report);
    mu_vm_collect(vm);
}

void fuzz_hail(const uint8_t *bytes, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    mu_vm_config config = {.limits.heap_bytes = 1u << 20, .grant_native = (hash & 1) != 0};
    mu_vm *vm;
    mu_status status = mu_vm_new(substrate(), &config, &vm);
    MU_INVARIANT(status == MU_OK, "no VM: %s", mu_status_name(status));
    status = mu_vm_load(vm, "bundle", bundle, sizeof bundle - 1, NULL, NULL);
    MU_INVARIANT(status == MU_OK, "the bundle was refused: %s", mu_status_name(status));
    load_script(vm, (const char *)bytes, length);
    load_script(vm, (const char *)bytes, length);
    mu_vm_free(vm);
}
