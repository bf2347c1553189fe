/* Environments by what was loaded. VMs that load the same texts in the same order share one
 * environment, hence its compiled code: a second VM's load is a look-up. Texts are compared whole.
 */
#include "vm_internal.h"

#include <string.h>

static uint32_t bucket_of(const mu_substrate *substrate, const mu_ir_env *parent, const char *text,
                          size_t length)
{
    uint64_t hash = mu_hash(text, length) ^ mu_hash(&parent, sizeof parent);
    return (uint32_t)(hash % substrate->record_buckets);
}

static env_record *find_record(mu_substrate *substrate, const mu_ir_env *parent, const char *text,
                               size_t length, bool allow_native)
{
    uint32_t bucket = bucket_of(substrate, parent, text, length);
    env_record *record = substrate->records[bucket];
    while (record &&
           !(record->parent == parent && record->length == length &&
             record->allow_native == allow_native && memcmp(record->text, text, length) == 0)) {
        record = record->next;
    }
    return record;
}

mu_ir_env *vm_find_loaded(mu_substrate *substrate, const mu_ir_env *parent, const char *text,
                          size_t length, bool allow_native, uint32_t *functions_defined)
{
    pthread_mutex_lock(&substrate->lock);
    env_record *record = find_record(substrate, parent, text, length, allow_native);
    mu_ir_env *env = NULL;
    if (record) {
        *functions_defined = record->functions_defined;
        env = mu_ir_env_retain(record->env);
    }
    pthread_mutex_unlock(&substrate->lock);
    return env;
}

mu_ir_env *vm_remember_loaded(mu_substrate *substrate, mu_ir_env *env, const char *text,
                              size_t length, bool allow_native, uint32_t functions_defined)
{
    mu_ir_env *spare = NULL;
    pthread_mutex_lock(&substrate->lock);
    env_record *record = find_record(substrate, env->parent, text, length, allow_native);
    if (record) {
        spare = env;
        env = mu_ir_env_retain(record->env);
    } else {
        uint32_t bucket = bucket_of(substrate, env->parent, text, length);
        record = mu_allocate(sizeof *record);
        *record = (env_record){.next = substrate->records[bucket],
                               .parent = env->parent,
                               .env = env,
                               .text = mu_string_copy(text, length),
                               .length = length,
                               .allow_native = allow_native,
                               .functions_defined = functions_defined};
        substrate->records[bucket] = record;
        substrate->record_count++;
    }
    pthread_mutex_unlock(&substrate->lock);
    if (spare) {
        vm_release_env(substrate, spare);
    }
    return env;
}

static void forget(mu_substrate *substrate, const mu_ir_env *env)
{
    for (uint32_t bucket = 0; bucket < substrate->record_buckets; bucket++) {
        env_record **link = &substrate->records[bucket];
        while (*link) {
            env_record *record = *link;
            if (record->env == env) {
                *link = record->next;
                mu_free(record->text);
                mu_free(record);
                substrate->record_count--;
                return;
            }
            link = &record->next;
        }
    }
}

void vm_release_env(mu_substrate *substrate, mu_ir_env *env)
{
    /* Under the lock, so that nobody finds an environment whose last reference is going. Parents go
     * after their children, one at a time, so that each is forgotten first. */
    pthread_mutex_lock(&substrate->lock);
    while (env) {
        mu_ir_env *parent = env->parent;
        bool is_last = __atomic_load_n(&env->references, __ATOMIC_ACQUIRE) == 1;
        if (!is_last) {
            mu_ir_env_release(env, NULL);
            break;
        }
        forget(substrate, env);
        if (parent) {
            mu_ir_env_retain(parent);
        }
        if (env->bundle && substrate->jit) {
            mu_jit_free_bundle(substrate->jit, env->bundle);
        }
        mu_ir_env_release(env, NULL);
        env = parent;
    }
    pthread_mutex_unlock(&substrate->lock);
}
