#include "ir_fixture.h"
#include "mu_ir_builder.h"

#include <pthread.h>
#include <string.h>

#define TYPES ".typedef @i64 = int<64> .funcsig @s = (@i64) -> (@i64) .const @c <@i64> = 1\n"

Test(mu_ir_env, predefined_entities_have_the_ids_of_the_specification)
{
    mu_ir_env *root = mu_ir_env_new_root();
    static const char *const names[] = {"@uvm.meta.bytes", "@uvm.meta.bytes.r", "@uvm.meta.refs",
                                        "@uvm.meta.refs.r", "@uvm.meta.trap_handler.sig"};
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_eq(find(root, names[i])->id, 0x260 + i);
        cr_assert_eq(mu_ir_env_by_id(root, 0x260 + i), find(root, names[i]));
    }
    cr_assert_null(mu_ir_env_by_id(root, 0x25f));
    cr_assert_null(mu_ir_env_by_id(root, 0x265));
    cr_assert_null(mu_ir_env_by_id(root, MU_IR_FIRST_ID));
    cr_assert_null(mu_ir_env_by_id(root, 0));
    cr_assert_eq(find_type(root, "@uvm.meta.bytes")->size_bytes, 8);
    cr_assert_eq(find_sig(root, "@uvm.meta.trap_handler.sig")->param_count, 3);
    unload(root);
}

Test(mu_ir_env, ids_are_unique_along_the_chain)
{
    mu_ir_env *env = load_first(TYPES ".funcdef @f VERSION %v <@s> { %e(<@i64> %a): RET %a }");
    env = load(env, ".const @d <@i64> = 2 .funcdecl @g <@s>");
    uint32_t first = env->parent->bundle->first_id;
    cr_assert_eq(first, MU_IR_FIRST_ID);
    cr_assert_eq(env->bundle->first_id, first + env->parent->bundle->id_count);
    for (uint32_t id = first; id < env->next_id; id++) {
        const mu_ir_entity *entity = mu_ir_env_by_id(env, id);
        cr_assert_not_null(entity);
        cr_assert_eq(entity->id, id);
    }
    cr_assert_null(mu_ir_env_by_id(env, env->next_id));
    /* 3 top-level, the function, its version, block, parameter and instruction; 2 in the second. */
    cr_assert_eq(env->next_id - first, 10);
    unload(env);
}

Test(mu_ir_env, functions_are_numbered_from_1)
{
    mu_ir_env *env =
        load_first(TYPES ".funcdecl @a <@s> .funcdef @b VERSION %v <@s> { %e(<@i64> %x): "
                         "RET %x }");
    cr_assert_eq(((mu_ir_func *)find(env, "@a"))->number, 1);
    cr_assert_eq(((mu_ir_func *)find(env, "@b"))->number, 2);
    env = load(env, ".funcdecl @d <@s> .funcdef @b VERSION %w <@s> { %e(<@i64> %x): RET %x }");
    cr_assert_eq(((mu_ir_func *)find(env, "@d"))->number, 3);
    cr_assert_eq(env->next_function, 4);
    unload(env);
}

Test(mu_ir_env, the_newest_version_is_that_of_the_latest_bundle)
{
    mu_ir_env *env = load_first(TYPES ".funcdecl @f <@s>");
    mu_ir_func *func = (mu_ir_func *)find(env, "@f");
    cr_assert_null(mu_ir_env_newest(env, func));
    env = load(env, ".funcdef @f VERSION %v1 <@s> { %e(<@i64> %x): RET %x }");
    cr_assert_eq(mu_ir_env_newest(env, func), find_version(env, "@f.v1"));
    cr_assert_eq(find_version(env, "@f.v1")->func, func);
    cr_assert_eq(env->bundle->func_count, 0);
    env = load(env, ".typedef @nothing = void");
    cr_assert_eq(mu_ir_env_newest(env, func), find_version(env, "@f.v1"));
    env = load(env, ".funcdef @f VERSION %v2 <@s> { %e(<@i64> %x): RET %x }");
    cr_assert_eq(mu_ir_env_newest(env, func), find_version(env, "@f.v2"));
    cr_assert_eq(mu_ir_env_newest(env->parent, func), find_version(env, "@f.v1"));
    unload(env);
}

Test(mu_ir_env, the_hidden_version_traps_and_calls_again)
{
    mu_ir_env *env = load_first(TYPES ".typedef @d = double .funcsig @t = (@i64 @d) -> (@i64)\n"
                                      ".funcdecl @f <@t>");
    mu_ir_func *func = (mu_ir_func *)find(env, "@f");
    mu_ir_version *hidden = mu_ir_func_hidden(func);
    cr_assert_eq(mu_ir_func_hidden(func), hidden);
    cr_assert(hidden->hidden);
    cr_assert_eq(hidden->entity.id, 0);
    cr_assert_eq(hidden->func, func);
    cr_assert_eq(hidden->inst_count, 2);
    const mu_ir_inst *trap = &hidden->insts[0];
    cr_assert_eq(trap->op, MU_OP_TRAP);
    cr_assert_eq(trap->keepalives.count, 2);
    cr_assert_eq(mu_ir_value_type(hidden, hidden->operands[trap->keepalives.first + 1]),
                 find_type(env, "@d"));
    const mu_ir_inst *call = &hidden->insts[1];
    cr_assert_eq(call->op, MU_OP_TAILCALL);
    cr_assert_eq(call->operands.count, 3);
    cr_assert_eq(mu_ir_global_of(hidden, hidden->operands[call->operands.first]), &func->entity);
    cr_assert_eq(hidden->operands[call->operands.first + 1].code, 0);
    cr_assert_eq(hidden->operands[call->operands.first + 2].code, 1);
    cr_assert_eq(hidden->sigs[call->sigs.first], find_sig(env, "@t"));
    unload(env);
}

static void *make_hidden(void *func)
{
    return mu_ir_func_hidden(func);
}

Test(mu_ir_env, the_hidden_version_is_one_for_all_threads)
{
    mu_ir_env *env = load_first(TYPES ".funcdecl @f <@s>");
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, make_hidden, find(env, "@f")), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        void *hidden;
        pthread_join(threads[i], &hidden);
        cr_assert_eq(hidden, mu_ir_func_hidden((mu_ir_func *)find(env, "@f")));
    }
    unload(env);
}

Test(mu_ir_env, an_environment_may_have_several_successors)
{
    mu_ir_env *base = load_first(TYPES);
    mu_ir_env *left = load(mu_ir_env_retain(base), ".const @x <@i64> = 1");
    mu_ir_env *right = load(mu_ir_env_retain(base), ".typedef @x = ref<@i64>");
    cr_assert_eq(find(left, "@x")->kind, MU_IR_CONST);
    cr_assert_eq(find(right, "@x")->kind, MU_IR_TYPE);
    cr_assert_eq(find(left, "@x")->id, find(right, "@x")->id);
    unload(base);
    cr_assert_eq(find(left, "@c")->kind, MU_IR_CONST);
    unload(left);
    unload(right);
}

static uint32_t freed;

static void count_free(mu_ir_env *env)
{
    cr_assert_not_null(env->bundle);
    freed++;
}

Test(mu_ir_env, a_long_chain_goes_at_once)
{
    mu_ir_env *env = mu_ir_env_new_root();
    for (int i = 0; i < 20000; i++) {
        mu_ir_bundle *bundle = NULL;
        cr_assert_eq(mu_ir_parse(env, "t", "", 0, NULL, &bundle), MU_OK);
        mu_ir_env *next = mu_ir_env_extend(env, bundle);
        mu_ir_env_release(env, count_free);
        env = next;
    }
    cr_assert_eq(freed, 0);
    cr_assert_eq(env->depth, 20000);
    mu_ir_env_release(env, count_free);
    cr_assert_eq(freed, 20001);
}

Test(mu_ir_builder, makes_a_bundle_without_any_text)
{
    mu_ir_env *root = mu_ir_env_new_root();
    mu_ir_builder *builder = mu_ir_builder_new(root, "built");
    mu_location nowhere = {0};
    mu_ir_type *i64 = mu_ir_builder_type(builder, nowhere);
    mu_ir_builder_set_type(builder, i64, &(mu_ir_type){.kind = MU_IR_INT, .bits = 64});
    mu_ir_sig *sig = mu_ir_builder_sig(builder, nowhere);
    mu_ir_builder_set_sig(
        builder, sig,
        &(mu_ir_sig){.params = &i64, .param_count = 1, .results = &i64, .result_count = 1});
    mu_ir_func *func = mu_ir_builder_func(builder, nowhere);
    func->sig = sig;
    cr_assert_eq(mu_ir_builder_set_name(builder, &func->entity, "@twice", 6, NULL), MU_OK);
    mu_ir_version *version = mu_ir_builder_version(builder, func, nowhere);
    version->sig = sig;
    mu_ir_builder_begin_body(builder, version);
    mu_ir_builder_block(builder, NULL, nowhere);
    uint32_t param = mu_ir_builder_param(builder, i64, NULL, nowhere);
    mu_ir_builder_inst(builder, NULL, nowhere)->op = MU_OP_ADD;
    mu_ir_builder_add_type(builder, i64);
    mu_ir_builder_add_operand(builder, mu_ir_builder_local(param));
    mu_ir_builder_add_operand(builder, mu_ir_builder_local(param));
    uint32_t sum = mu_ir_builder_result(builder, NULL, nowhere);
    mu_ir_builder_inst(builder, NULL, nowhere)->op = MU_OP_RET;
    mu_ir_builder_add_operand(builder, mu_ir_builder_local(sum));
    cr_assert_eq(mu_ir_builder_end_body(builder, NULL), MU_OK);
    mu_ir_bundle *bundle = NULL;
    cr_assert_eq(mu_ir_builder_finish(builder, NULL, &bundle), MU_OK);
    cr_assert_eq(version->variables[sum].type, i64);
    char *text = mu_ir_print(bundle);
    mu_ir_env *again = load_first(text);
    cr_assert_eq(again->bundle->versions[0]->inst_count, 2);
    unload(again);
    mu_free(text);
    mu_ir_bundle_free(bundle);
    unload(root);
}

Test(mu_ir_builder, an_aborted_bundle_leaves_nothing)
{
    mu_ir_env *root = mu_ir_env_new_root();
    mu_ir_builder *builder = mu_ir_builder_new(root, "built");
    mu_ir_type *type = mu_ir_builder_type(builder, (mu_location){0});
    cr_assert_eq(mu_ir_builder_set_name(builder, &type->entity, "@t", 2, NULL), MU_OK);
    mu_ir_type *twin = mu_ir_builder_type(builder, (mu_location){0});
    cr_assert_eq(mu_ir_builder_set_name(builder, &twin->entity, "@t", 2, NULL), MU_EXISTS);
    mu_ir_builder_abort(builder);
    unload(root);
}
