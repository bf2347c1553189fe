/* Rules that the parser's own resolution of names keeps texts from breaking, but that IR from a
 * builder could break: a parsed bundle is changed by hand and must then be refused. */
#include "mu_verify.h"

#include <criterion/criterion.h>
#include <string.h>

static const char TEXT[] = ".typedef @i64 = int<64>\n"
                           ".funcsig @s = (@i64) -> (@i64)\n"
                           ".funcdef @f VERSION %v1 <@s> {\n"
                           "    %entry(<@i64> %x):\n"
                           "        %a = ADD <@i64> %x %x\n"
                           "        %b = ADD <@i64> %a %x\n"
                           "        BRANCH %next(%b)\n"
                           "    %next(<@i64> %y):\n"
                           "        WPBRANCH 1 %next(%y) %last(%y)\n"
                           "    %last(<@i64> %z):\n"
                           "        RET %z\n"
                           "}\n";

typedef struct fixture {
    mu_ir_env *env;
    mu_ir_bundle *bundle;
    mu_report *report;
    mu_ir_version *version;
} fixture;

static fixture parse(void)
{
    fixture it = {.env = mu_ir_env_new_root(), .report = mu_report_new()};
    mu_status status = mu_ir_parse(it.env, "patched", TEXT, strlen(TEXT), it.report, &it.bundle);
    cr_assert_eq(status, MU_OK);
    it.version = it.bundle->versions[0];
    return it;
}

static mu_ir_value local(const mu_ir_version *version, const char *name)
{
    uint32_t i = 0;
    while (i < version->variable_count && strcmp(version->variables[i].entity.name, name) != 0) {
        i++;
    }
    cr_assert_lt(i, version->variable_count, "no variable %s", name);
    return (mu_ir_value){.code = i};
}

/* Verifies, expects the one message (none: NULL) and frees everything. */
static void expect(fixture *it, const char *message)
{
    mu_verify_options options = {.allow_native = true, .allow_uncompiled = true};
    mu_status status = mu_verify_bundle(it->env, it->bundle, &options, it->report);
    cr_assert_eq(status, message ? MU_INVALID : MU_OK);
    cr_assert_eq(mu_report_total(it->report), message ? 1 : 0);
    if (message) {
        cr_assert_str_eq(mu_report_at(it->report, 0)->message, message);
    }
    mu_report_free(it->report);
    mu_ir_bundle_free(it->bundle);
    mu_ir_env_release(it->env, NULL);
}

static void set_operand(const fixture *it, uint32_t inst, uint32_t operand, const char *name)
{
    it->version->operands[it->version->insts[inst].operands.first + operand] =
        local(it->version, name);
}

Test(mu_verify, text_is_right_before_it_is_patched)
{
    fixture it = parse();
    expect(&it, NULL);
}

Test(mu_verify, use_before_definition_is_refused)
{
    fixture it = parse();
    set_operand(&it, 0, 1, "@f.v1.entry.b");
    expect(&it, "@f.v1.entry: ADD uses @f.v1.entry.b before its definition");
}

Test(mu_verify, use_of_the_own_result_is_refused)
{
    fixture it = parse();
    set_operand(&it, 1, 0, "@f.v1.entry.b");
    expect(&it, "@f.v1.entry: ADD uses its own result @f.v1.entry.b where it has none");
}

Test(mu_verify, use_of_another_blocks_variable_is_refused)
{
    fixture it = parse();
    set_operand(&it, 4, 0, "@f.v1.entry.a");
    expect(&it, "@f.v1.last: RET uses @f.v1.entry.a, which belongs to another block: pass it as an "
                "argument");
}

Test(mu_verify, watchpoint_id_beyond_32_bits_is_refused)
{
    fixture it = parse();
    it.version->insts[3].literal = UINT64_C(1) << 32;
    expect(&it, "@f.v1.next: WPBRANCH has the id 4294967296; ids are 1 to 4294967295");
}

Test(mu_verify, block_without_instructions_is_refused)
{
    fixture it = parse();
    it.version->blocks[2].insts.count = 0;
    expect(&it, "@f.v1.last: the block has no instructions");
}
