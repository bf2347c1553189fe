/* Environments by what was loaded. VMs that load the same texts in the same order share one
 * environment, hence its compiled code: a second VM's load is a look-up. Texts are compared whole.
 */
#include "vm_internal.h"

#include <string.h>

static uint64_t hash_of(const mu_ir_env *parent, const char *text, size_t length)
{
    return mu_hash(text, length) ^ mu_hash(&parent, sizeof parent);
}

static env_record **bucket_of(mu_substrate *substrate, uint64_t hash)
{
    return &substrate->records[hash % substrate->record_buckets];
}

static env_record *find_record(mu_substrate *substrate, uint64_t hash, const mu_ir_env *parent,
                               const char *text, size_t length, bool allow_native)
{
    env_record *record = *bucket_of(substrate, hash);
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
    uint64_t hash = hash_of(parent, text, length);
    pthread_mutex_lock(&substrate->lock);
    env_record *record = find_record(substrate, hash, parent, text, length, allow_native);
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
    uint64_t hash = hash_of(env->parent, text, length);
    pthread_mutex_lock(&substrate->lock);
    env_record *record = find_record(substrate, hash, env->parent, text, length, allow_native);
    if (record) {
        spare = env;
        env = mu_ir_env_retain(record->env);
    } else {
        env_record **bucket = bucket_of(substrate, hash);
        env->text_hash = hash;
        env->held_bytes += sizeof *record + length + 1;
        record = mu_allocate(sizeof *record);
        *record = (env_record){.next = *bucket,
                               .parent = env->parent,
                               .env = env,
                               .text = mu_string_copy(text, length),
                               .length = length,
                               .allow_native = allow_native,
                               .functions_defined = functions_defined};
        *bucket = record;
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
    env_record **link = bucket_of(substrate, env->text_hash);
    while (*link && (*link)->env != env) {
        link = &(*link)->next;
    }
    env_record *record = *link;
    if (record) { /* the root and an environment that lost a race were never remembered */
        *link = record->next;
        mu_free(record->text);
        mu_free(record);
        substrate->record_count--;
    }
}

/* Drops a reference; when it was the last, gives the parent, with a reference to drop next. */
static mu_ir_env *release_one(mu_substrate *substrate, mu_ir_env *env)
{
    mu_ir_env *parent = NULL;
    /* Under the lock, so that nobody finds an environment whose last reference is going. */
    pthread_mutex_lock(&substrate->lock);
    if (__atomic_load_n(&env->references, __ATOMIC_ACQUIRE) == 1) {
        forget(substrate, env);
        parent = env->parent ? mu_ir_env_retain(env->parent) : NULL;
        if (env->bundle && substrate->jit) {
            mu_jit_free_bundle(substrate->jit, env->bundle);
        }
    }
    mu_ir_env_release(env, NULL);
    pthread_mutex_unlock(&substrate->lock);
    return parent;
}

void vm_release_env(mu_substrate *substrate, mu_ir_env *env)
{
    /* One at a time, so that a long chain does not keep every other VM waiting for the lock. */
    while (env) {
        env = release_one(substrate, env);
    }
}
