#include "vm_internal.h"

#include "fault_handler.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(MU_JIT_INLINE_BYTES == MU_GC_INLINE_BYTES,
               "what compiled code bumps in line must be what the collector's quota allows for");

#define DEFAULT_CODE_BYTES (256ull << 20)
#define RECORD_BUCKETS     1024u

static bool flag(const char *name)
{
    /* Read once, before the process has threads of ours. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *value = getenv(name);
    return value && strcmp(value, "1") == 0;
}

static mu_tiers tiers_from_environment(void)
{
    static const char *const names[] = {[MU_TIERS_HOT] = "hot",
                                        [MU_TIERS_NEVER] = "never",
                                        [MU_TIERS_ALWAYS] = "always",
                                        [MU_TIERS_EAGER] = "eager"};
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *value = getenv("MU_TIERS");
    for (size_t i = 0; value && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(value, names[i]) == 0) {
            return (mu_tiers)i;
        }
    }
    return MU_TIERS_HOT;
}

mu_substrate_config mu_substrate_config_from_environment(void)
{
    mu_substrate_config config = {
        .perf_map = flag("MU_PERF_MAP"),
        .jitdump = flag("MU_JITDUMP"),
        .gdb = flag("MU_GDB"),
        .gc_stress = flag("MU_GC_STRESS"),
        .gc_verify = flag("MU_GC_VERIFY"),
        .gc_concurrent = flag("MU_GC_CONCURRENT"),
        .gc_report = flag("MU_GC_REPORT"),
        .yield_stress = flag("MU_YIELD_STRESS"),
        .tiers = tiers_from_environment(),
    };
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *workers = getenv("MU_WORKERS");
    if (workers) {
        config.workers = (uint32_t)strtoul(workers, NULL, 10);
    }
    return config;
}

static uint32_t worker_count(const mu_substrate_config *config)
{
    if (config->workers) {
        return config->workers < 1024 ? config->workers : 1024;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (uint32_t)cores : 1;
}

static mu_status open_parts(mu_substrate *substrate, mu_report *report)
{
    mu_status status = MU_OK;
    mu_code_config code = {
        .size_bytes =
            substrate->config.code_bytes ? substrate->config.code_bytes : DEFAULT_CODE_BYTES,
        .perf_map = substrate->config.perf_map,
        .jitdump = substrate->config.jitdump,
        .locate = vm_code_source,
        .gdb = substrate->config.gdb,
    };
    substrate->blocks = mu_gc_pool_new();
    substrate->stacks = mu_stack_pool_new();
    substrate->native_stacks = mu_stack_pool_new_for_native();
    substrate->root = mu_ir_env_new_root();
    substrate->record_buckets = RECORD_BUCKETS;
    substrate->records = mu_allocate(RECORD_BUCKETS * sizeof(env_record *));
    mu_location nowhere = {0};
    if (!substrate->blocks) {
        return mu_report_add(report, MU_SYSTEM, nowhere,
                             "the system gives no address space for the heaps: is it limited "
                             "(ulimit -v)?");
    }
    status = mu_code_cache_new(&code, &substrate->code);
    if (status != MU_OK) {
        return mu_report_add(report, status, nowhere, "cannot make the code cache: %s",
                             mu_status_text(status));
    }
    status = mu_jit_new(substrate->code, vm_called_by_c, &substrate->jit);
    if (status != MU_OK) {
        return mu_report_add(report, status, nowhere, "cannot make the code generator's stubs: %s",
                             mu_status_text(status));
    }
    if (substrate->config.tiers == MU_TIERS_ALWAYS) {
        mu_jit_optimise_all(substrate->jit);
    }
    substrate->worker_count = worker_count(&substrate->config);
    mu_thread_pool_config pool = {.workers = substrate->worker_count, .preempt = thread_preempt};
    if (substrate->config.tiers == MU_TIERS_HOT) {
        pool.sample = thread_ask_warmth;
    }
    status = mu_thread_pool_new(&pool, &substrate->workers);
    if (status != MU_OK) {
        return mu_report_add(report, status, nowhere, "cannot start %u worker threads",
                             pool.workers);
    }
    status = mu_timer_queue_new(&substrate->timers);
    if (status != MU_OK) {
        return mu_report_add(report, status, nowhere, "cannot start the thread of timeouts");
    }
    fault_handler_install(substrate->code);
    return MU_OK;
}

static void close_parts(mu_substrate *substrate)
{
    vm_idle_end(substrate);
    mu_thread_pool_free(substrate->workers);
    mu_timer_queue_free(substrate->timers);
    if (substrate->code) {
        fault_handler_remove(substrate->code);
    }
    vm_release_env(substrate, substrate->root);
    mu_jit_free(substrate->jit);
    mu_code_cache_free(substrate->code);
    mu_stack_pool_free(substrate->stacks);
    mu_stack_pool_free(substrate->native_stacks);
    mu_gc_pool_free(substrate->blocks);
    mu_free(substrate->records);
    vm_idle_deinit(substrate);
    pthread_mutex_destroy(&substrate->lock);
    mu_free(substrate);
}

mu_status mu_substrate_new(const mu_substrate_config *config, mu_report *report, mu_substrate **out)
{
    mu_substrate *substrate = mu_allocate(sizeof *substrate);
    substrate->config = *config;
    pthread_mutex_init(&substrate->lock, NULL);
    vm_idle_init(substrate);
    mu_status status = open_parts(substrate, report);
    if (status != MU_OK) {
        close_parts(substrate);
        return status;
    }
    *out = substrate;
    return MU_OK;
}

void mu_substrate_free(mu_substrate *substrate)
{
    if (substrate) {
        MU_INVARIANT(!substrate->vms, "a substrate is freed while it has VMs");
        close_parts(substrate);
    }
}

uint64_t mu_substrate_heap_bytes(mu_substrate *substrate)
{
    return mu_gc_pool_used_bytes(substrate->blocks);
}

uint64_t mu_substrate_code_bytes(mu_substrate *substrate)
{
    return mu_code_used_bytes(substrate->code);
}

void mu_substrate_submit(mu_substrate *substrate, void (*job)(void *context), void *context)
{
    mu_thread_pool_submit(substrate->workers, job, context);
}

mu_substrate_stats mu_substrate_get_stats(mu_substrate *substrate)
{
    mu_thread_pool_stats pool = mu_thread_pool_get_stats(substrate->workers);
    return (mu_substrate_stats){
        .slices = pool.slices, .worker_moves = pool.moves, .preemptions = pool.preemptions};
}
