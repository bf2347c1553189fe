/* A share's time is what it has had of workers divided by its weight; that of the least runs next.
 * See README.md. */
#include "pool.h"

static uint64_t by_weight(const mu_share *share, uint64_t ns)
{
    uint32_t weight = pool_load32(&share->weight);
    return (ns + weight - 1) / weight;
}

mu_share *mu_share_new(mu_thread_pool *pool, uint32_t weight)
{
    mu_share *share = mu_allocate(sizeof *share + pool->config.workers * sizeof share->queues[0]);
    share->weight = weight;
    share->users = 1;
    for (uint32_t i = 0; i < pool->config.workers; i++) {
        share->queues[i].share = share;
    }
    return share;
}

void share_retain(mu_share *share)
{
    __atomic_fetch_add(&share->users, 1, __ATOMIC_RELAXED);
}

void mu_share_free(mu_share *share)
{
    if (share && __atomic_fetch_sub(&share->users, 1, __ATOMIC_ACQ_REL) == 1) {
        mu_free(share);
    }
}

void mu_share_set_weight(mu_share *share, uint32_t weight)
{
    MU_INVARIANT(weight && weight <= MU_SHARE_WEIGHT_MOST, "a share of weight %u", weight);
    pool_store32(&share->weight, weight);
}

uint32_t mu_share_weight(const mu_share *share)
{
    return pool_load32(&share->weight);
}

void share_catch_up(const mu_thread_pool *pool, mu_share *share)
{
    pool_raise(&share->time, pool_load(&pool->clock_ns) - POOL_LAG_NS);
}

void share_settle(const mu_thread_pool *pool, mu_share *share, uint64_t from_ns, uint64_t now_ns)
{
    uint64_t ns = now_ns > from_ns ? now_ns - from_ns : 0;
    uint64_t quiet = pool_load(&pool->quiet_ns);
    if (quiet > from_ns) {
        uint64_t since = now_ns > quiet ? now_ns - quiet : 0;
        uint64_t most = since + (uint64_t)MU_THREAD_SLICE_NS;
        ns = ns < most ? ns : most;
    }
    __atomic_fetch_add(&share->time, by_weight(share, ns), __ATOMIC_RELAXED);
}

/* Slices under way count, too; one that ends meanwhile must not count twice, or not at all. */
uint64_t mu_share_cpu_ns(mu_thread_pool *pool, mu_share *share)
{
    for (;;) {
        uint64_t ended = __atomic_load_n(&share->cpu_ns, __ATOMIC_ACQUIRE);
        uint64_t under_way = 0;
        uint64_t now = pool_now_ns();
        for (uint32_t i = 0; i < pool->worker_count; i++) {
            pool_worker *worker = &pool->workers[i];
            pthread_mutex_lock(&worker->slice_lock);
            if (worker->is_running && worker->share == share && worker->started_ns < now) {
                under_way += now - worker->started_ns;
            }
            pthread_mutex_unlock(&worker->slice_lock);
        }
        if (__atomic_load_n(&share->cpu_ns, __ATOMIC_ACQUIRE) == ended) {
            return ended + under_way;
        }
    }
}
